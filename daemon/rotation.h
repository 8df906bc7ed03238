/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The way from one recording to the next, for one target: stop, swap the pair of files, start, and only then
 * hand over the finished one. Knows an engine, a clock and two files; no processes, no spool.
 *
 *     idle --tick--> asking --> starting --> running --tick--> stopping --> starting ...
 *
 * First it asks whether somebody else profiles the target, and then leaves it alone. Every start carries a
 * timeout that ends the session by itself when nobody renews it. A command that is not answered in time is
 * asked again, ever more slowly; ticks that fall due meanwhile are left out, so the recording covers the
 * longer time.
 */

#include <stdbool.h>
#include <stdint.h>

#include "attach/engine.h"
#include "attach/target_directory.h"
#include "conf/settings.h"
#include "daemon/clock.h"

typedef struct Rotation Rotation;

/* The pair has two files; what is recorded lies in one of them until it is released. */
#define ROTATION_FILES 2

typedef struct RotationObserver {
    /* Runs, for the first time or again. */
    void (*started)(void *userdata);
    /* file is finished, from start to end (ns since the epoch): fd is lent until rotation_release(file). Of a
     * target that ended in mid-recording it may be broken, and any may be empty. */
    void (*recorded)(void *userdata, unsigned file, int fd, int64_t start, int64_t end);
    /* Not all is well, but it goes on: one sentence. */
    void (*warned)(void *userdata, const char *text);
    /* It is over: 0 stopped as requested, -ESRCH the target has ended, else a negative errno. Called once.
     * After an error the target may still write: its files stay as they are until rotation_target_ended(). */
    void (*ended)(void *userdata, int result, const char *text);
} RotationObserver;

/* engine, clock, directory, settings and observer are borrowed. Makes both files. Nothing is sent yet.
 * -E2BIG, -EINVAL: no option string can be made of these settings and this directory. */
int rotation_new(Engine *engine, Clock *clock, TargetDirectory *directory, const Settings *settings,
        const RotationObserver *observer, void *userdata, Rotation **ret, char **reason);
/* Lets go of everything as it is, without a word to the target. Takes NULL, returns NULL. */
Rotation *rotation_free(Rotation *rotation);
DEFINE_CLEANUP(Rotation, rotation_free)

/* The interval is over. The first tick only starts. */
void rotation_tick(Rotation *rotation);
/* Ends the profiling now and hands over the last recording; waits for no tick, but for an answer under way.
 */
void rotation_stop(Rotation *rotation);
/* The target's process has ended: hands over what it wrote, even when its profiling had failed before. */
void rotation_target_ended(Rotation *rotation);
/* The recording in this file is safe elsewhere: the file may be used again. */
void rotation_release(Rotation *rotation, unsigned file);

/* Whether async-profiler may still write to the files, or to its log, which it would otherwise open on the
 * application's stdout. */
bool rotation_may_be_writing(const Rotation *rotation);

/* How long a session lives that nobody renews, in s: a little over two reporting intervals. */
uint64_t rotation_session_timeout(const Settings *settings);
