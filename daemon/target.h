/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One process being profiled: its identity, its files, its engine, its rotation and its rhythm. */

#include <stdbool.h>

#include "conf/settings.h"
#include "daemon/clock.h"
#include "daemon/door.h"
#include "daemon/spool.h"
#include "daemon/worker.h"

typedef struct Target Target;

/* Of all targets together. */
typedef struct TargetCounters {
    uint64_t recorded;   /* sealed */
    uint64_t incomplete; /* kept apart */
    uint64_t dropped;    /* over a bound */
} TargetCounters;

/* What a target needs of the daemon; all borrowed. */
typedef struct TargetContext {
    sd_event *event;
    Clock *clock;
    const Settings *settings;
    const Door *door;
    Spool *spool;
    Worker *sealer;               /* recordings go into the spool there */
    const char *const *reporters; /* who is to get them */
    size_t n_reporters;
    TargetCounters *counters;
    uint64_t epoch; /* us, monotonic: what the spread of ticks is reckoned from */

    void (*sealed)(void *userdata); /* one more recording is in the spool */
    void (*changed)(void *userdata,
            Target *target); /* target_state() is another; the target may be freed when idle */
    void *userdata;
} TargetContext;

typedef enum TargetState {
    TARGET_STARTING,
    TARGET_RUNNING,
    TARGET_ENDED, /* for good; target_result() says how */
} TargetState;

/* Pins process pid, makes its files and its engine. index spreads the ticks over the interval. */
int target_new(const TargetContext *context, pid_t pid, unsigned index, Target **ret, char **reason);
/* Lets go at once: what it has on disk stays there. Takes NULL, returns NULL. Only when target_is_idle(), or
 * when no worker runs any more. */
Target *target_free(Target *target);
DEFINE_CLEANUP(Target, target_free)

/* The first tick, at once. */
void target_start(Target *target);
/* Ends the profiling and seals the last recording. */
void target_stop(Target *target);

pid_t target_pid(const Target *target);
TargetState target_state(const Target *target);
/* 0: stopped on request, or its process has ended; else the negative errno that ended its profiling. */
int target_result(const Target *target);
/* Ended, and all that it recorded is sealed or given up. */
bool target_is_idle(const Target *target);
