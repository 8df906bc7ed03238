/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What asprof's -e, -i and the options of single modes sample together. Private to daemon/asprof_*.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What samples; several at once need JFR. */
typedef enum SamplingMode {
    MODE_ENGINE = 1 << 0, /* an event that interrupts threads: there can be one */
    MODE_ALLOC = 1 << 1,
    MODE_LOCK = 1 << 2,
    MODE_WALL = 1 << 3,
    MODE_NATIVEMEM = 1 << 4,
    MODE_NATIVELOCK = 1 << 5,
    MODE_TRACE = 1 << 6,
    MODE_ALL = 1 << 7,
} SamplingMode;

#define EVENTS_MAX 16

typedef struct AsprofEvents {
    const char *given[EVENTS_MAX]; /* -e, as written */
    size_t n_given;
    const char *interval;  /* -i */
    const char *rate;      /* -r */
    unsigned option_modes; /* by options of their own: --alloc, --all */
    unsigned event_modes;  /* by -e; set by asprof_events_put() */
} AsprofEvents;

/* Takes one more -e, which is borrowed. */
int asprof_events_add(AsprofEvents *events, const char *event, char **reason);
/* Writes the options for async-profiler, each with its leading comma; "cpu" if nothing was asked for. */
int asprof_events_put(AsprofEvents *events, FILE *out, char **reason);
/* After it: whether only a JFR recording can hold them. */
bool asprof_events_need_jfr(const AsprofEvents *events);
/* For people: "cpu,alloc". */
void asprof_events_describe(const AsprofEvents *events, FILE *out);
