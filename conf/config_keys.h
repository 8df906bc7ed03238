/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The table of all keys. Private to conf/config*.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum KeyType {
    KEY_TYPE_DURATION, /* number in ns */
    KEY_TYPE_SIZE,     /* number in bytes */
    KEY_TYPE_COUNT,
    KEY_TYPE_BOOLEAN,
    KEY_TYPE_CHOICE,  /* one word of .words, separated by '|' */
    KEY_TYPE_FLAGS,   /* several of them, joined by '+' */
    KEY_TYPE_DEPTH,   /* N or N/M */
    KEY_TYPE_SIGNALS, /* N/M */
    KEY_TYPE_EVENT,
    KEY_TYPE_FUNCTION, /* a native function's name */
    KEY_TYPE_METHODS,  /* a list of Java methods, each with ":latency" or without */
    KEY_TYPE_THREADS,  /* a list of thread ids and ranges */
    KEY_TYPE_PIDS,
    KEY_TYPE_PATH,
    KEY_TYPE_SHARED_PATH, /* one that the target sees too, and that may stand in an option string */
} KeyType;

typedef struct ConfigKey {
    const char *name;
    KeyType type;
    const char *fallback; /* NULL: unset, or found out by config_finish() */
    uint64_t min, max;    /* for numbers; max 0: none */
    uint64_t unit;        /* for durations: whole multiples only, and async-profiler counts in it; 0: ns */
    const char *words;    /* for choices and flags */
    const char *profiler; /* async-profiler's name, of what goes into ProfilingSettings.extra; else NULL */
    const char *help;
} ConfigKey;

/* In the order of the table. */
typedef enum KeyIndex {
    KEY_REPORTING_INTERVAL,
    KEY_CPU_INTERVAL,
    KEY_WALL_CLOCK_INTERVAL,
    KEY_NATIVE_MEM,
    KEY_LIBRARY,
    KEY_SHARED_DIRECTORY,
    KEY_TARGETS,
    KEY_COMMAND_TIMEOUT,
    KEY_STOP_TIMEOUT,
    KEY_SPOOL_MAX_BYTES,
    KEY_LOCAL_DIRECTORY,
    KEY_LOCAL_KEEP_COUNT,
    KEY_LOCAL_KEEP_AGE,
    KEY_LOCAL_KEEP_BYTES,
    KEY_LOCAL_FREE_SPACE_FLOOR,
    KEY_EVENT,
    KEY_CSTACK,
    KEY_ALLOC, /* from here on: straight into async-profiler's option string */
    KEY_LIVE,
    KEY_TLAB,
    KEY_NOFREE,
    KEY_LOCK,
    KEY_NATIVELOCK,
    KEY_NOBATCH,
    KEY_PROC,
    KEY_TRACE,
    KEY_JSTACKDEPTH,
    KEY_MEMLIMIT,
    KEY_CHUNKSIZE,
    KEY_CHUNKTIME,
    KEY_JFROPTS,
    KEY_FEATURES,
    KEY_SIGNAL,
    KEY_CLOCK,
    KEY_FILTER,
    KEY_SCHED,
    KEY_ALL_USER,
    KEY_RECORD_CPU,
    KEY_TARGET_CPU,
    KEY_BEGIN,
    KEY_END,
    KEY_NOSTOP,
    KEY_TTSP,
    KEY_N,
} KeyIndex;

#define KEY_FIRST_EXTRA KEY_ALLOC
#define KEY_FIRST_LOCAL KEY_LOCAL_DIRECTORY
#define KEY_N_LOCAL (KEY_LOCAL_FREE_SPACE_FLOOR - KEY_LOCAL_DIRECTORY + 1)

extern const ConfigKey config_keys[KEY_N];

/* The index of a key, or -1. */
int config_key_find(const char *name);

/* Whether its value is a list, in one string separated by commas. */
bool config_key_is_list(const ConfigKey *key);

/* What the key takes, for a person: "a duration such as 100ms", "fp|dwarf". */
const char *config_key_describe(const ConfigKey *key);

/*
 * Checks a value and gives it the form in which it is kept: *ret_text as it will be shown and used, owned by
 * the caller, and *ret_number for types that have one. The reason says what is wrong and what would be right,
 * without the key.
 */
int config_key_parse(
        const ConfigKey *key, const char *value, char **ret_text, uint64_t *ret_number, char **reason);
