/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the user wants, as plain data: the result of conf/config.h, and all that other parts see of it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NSEC_PER_USEC UINT64_C(1000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC UINT64_C(1000000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)

/* What becomes async-profiler's option string; attach/options.h puts it together. Every string here has
 * been checked: no comma, no control character. */
typedef struct ProfilingSettings {
    char *event;                  /* "cpu" */
    uint64_t cpu_interval;        /* ns */
    uint64_t wall_clock_interval; /* ns, whole milliseconds */
    char *native_mem;             /* as async-profiler spells sizes: "5000000", "10m"; NULL: off */
    char *cstack;                 /* "dwarf" */
    char *extra; /* further options, each with its leading comma: ",alloc=512k,live"; "" for none */
} ProfilingSettings;

/* One local reporter. 0 means no limit. */
typedef struct LocalSettings {
    char *directory;           /* absolute */
    uint64_t keep_count;       /* recordings */
    uint64_t keep_age;         /* ns */
    uint64_t keep_bytes;       /* all recordings together */
    uint64_t free_space_floor; /* bytes that stay free on the file system */
} LocalSettings;

typedef struct ReporterSettings {
    const char *kind; /* "local" */
    char *name;       /* unique among the reporters, [a-z0-9-]+; names its marks in the spool */
    LocalSettings local;
} ReporterSettings;

typedef struct Settings {
    uint64_t reporting_interval; /* ns */
    uint64_t command_timeout;    /* ns a target has to answer one command */
    uint64_t stop_timeout;       /* ns the daemon gives its targets and reporters when it ends */
    char *library;               /* absolute path of libasyncProfiler.so */
    char *shared_directory;      /* absolute */
    uint64_t spool_max_bytes;    /* sealed recordings that may wait, together */
    ProfilingSettings profiling;
    pid_t *targets;
    size_t n_targets;
    ReporterSettings *reporters; /* at least one */
    size_t n_reporters;
} Settings;
