/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/config_keys.h"

#include <string.h>

#include "conf/settings.h"

#define SECOND NSEC_PER_SEC
#define HOUR (3600 * NSEC_PER_SEC)
#define DAY (24 * HOUR)
#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/*
 * What async-profiler 4.5 can do for a JFR recording that is rotated; its limits are from src/arguments.cpp
 * and where the options are used. Not here, because the daemon says them itself: file, log, loglevel, quiet,
 * timeout, loop, jfr, interval, wall, nativemem. Because they do nothing for JFR: threads, include, exclude,
 * mcache, title, reverse and the other formats' options. Because they only bundle others: all, cpu. Because
 * they reach beyond the sampling of this target: jfrsync (starts the JVM's own recorder), fdtransfer, server.
 */
const ConfigKey config_keys[KEY_N] = {
        [KEY_REPORTING_INTERVAL] = {"reporting_interval", KEY_TYPE_DURATION, "30s", SECOND, DAY,
                .help = "the length of one recording"},
        [KEY_CPU_INTERVAL] = {"cpu_interval", KEY_TYPE_DURATION, "100ms", NSEC_PER_USEC, DAY,
                .help = "CPU time between samples of a thread (of other events: their interval)"},
        [KEY_WALL_CLOCK_INTERVAL] = {"wall_clock_interval", KEY_TYPE_DURATION, "1s", NSEC_PER_MSEC, DAY,
                .unit = NSEC_PER_MSEC, .help = "time between samples of all threads, whole milliseconds"},
        [KEY_NATIVE_MEM] = {"native_mem", KEY_TYPE_SIZE, NULL,
                .help = "sample native allocations, one each so many bytes; 0: every one"},
        [KEY_LIBRARY] = {"library", KEY_TYPE_SHARED_PATH, NULL,
                .help = "libasyncProfiler.so, at a path where targets see it too; unset: looked for in "
                        "../lib and /usr/lib"},
        [KEY_SHARED_DIRECTORY] = {"shared_directory", KEY_TYPE_SHARED_PATH, NULL,
                .help = "where targets write and recordings wait, at a path where they see it too; unset: "
                        "$STATE_DIRECTORY or /var/lib/asprof-agentd"},
        [KEY_TARGETS] = {"targets", KEY_TYPE_PIDS, NULL,
                .help = "the processes to profile; PIDs as arguments add to them"},
        [KEY_COMMAND_TIMEOUT] = {"command_timeout", KEY_TYPE_DURATION, "10s", 100 * NSEC_PER_MSEC, HOUR,
                .help = "how long a target may take to answer one command"},
        [KEY_STOP_TIMEOUT] = {"stop_timeout", KEY_TYPE_DURATION, "20s", 100 * NSEC_PER_MSEC, HOUR,
                .help = "how long the daemon's end may take"},
        [KEY_SPOOL_MAX_BYTES] = {"spool.max_bytes", KEY_TYPE_SIZE, "1g", MIB,
                .help = "what may wait to be reported; beyond it the oldest recordings are dropped"},
        [KEY_LOCAL_DIRECTORY] = {"local.directory", KEY_TYPE_PATH, NULL,
                .help = "where the local reporter puts recordings; unset: <shared_directory>/recordings"},
        [KEY_LOCAL_KEEP_COUNT] = {"local.keep_count", KEY_TYPE_COUNT, "0", 0, INT64_MAX,
                .help = "how many recordings are kept; 0: no limit"},
        [KEY_LOCAL_KEEP_AGE] = {"local.keep_age", KEY_TYPE_DURATION, "0",
                .help = "how long recordings are kept; 0: no limit"},
        [KEY_LOCAL_KEEP_BYTES] = {"local.keep_bytes", KEY_TYPE_SIZE, "10g",
                .help = "how much is kept together; 0: no limit"},
        [KEY_LOCAL_FREE_SPACE_FLOOR] = {"local.free_space_floor", KEY_TYPE_SIZE, "64m",
                .help = "what stays free on the file system"},
        [KEY_EVENT] = {"event", KEY_TYPE_EVENT, "cpu",
                .help = "what cpu_interval counts: cpu, ctimer, itimer, a perf event, a method"},
        [KEY_CSTACK] = {"cstack", KEY_TYPE_CHOICE, "dwarf", .words = "fp|dwarf|vm|vmx|no",
                .help = "how native stacks are walked"},
        /* JVMTI takes the interval as an int. */
        [KEY_ALLOC] = {"alloc", KEY_TYPE_SIZE, NULL, 0, GIB, .profiler = "alloc",
                .help = "sample Java allocations, one each so many bytes"},
        [KEY_LIVE] = {"live", KEY_TYPE_BOOLEAN, NULL, .profiler = "live",
                .help = "of Java allocations keep only live objects"},
        [KEY_TLAB] = {"tlab", KEY_TYPE_BOOLEAN, NULL, .profiler = "tlab",
                .help = "sample Java allocations by TLAB events"},
        [KEY_NOFREE] = {"nofree", KEY_TYPE_BOOLEAN, NULL, .profiler = "nofree",
                .help = "of native memory do not record what is freed"},
        [KEY_LOCK] = {"lock", KEY_TYPE_DURATION, NULL, .profiler = "lock",
                .help = "sample contended Java locks, one each so much waiting"},
        [KEY_NATIVELOCK] = {"nativelock", KEY_TYPE_DURATION, NULL, .profiler = "nativelock",
                .help = "sample contended pthread locks likewise"},
        [KEY_NOBATCH] = {"nobatch", KEY_TYPE_BOOLEAN, NULL, .profiler = "nobatch",
                .help = "record each wall-clock sample by itself"},
        [KEY_PROC] = {"proc", KEY_TYPE_DURATION, NULL, SECOND, DAY, SECOND, .profiler = "proc",
                .help = "record statistics of other processes, this often"},
        [KEY_TRACE] = {"trace", KEY_TYPE_METHODS, NULL, .profiler = "trace",
                .help = "Java methods to time, each with :latency if only slow calls count"},
        [KEY_JSTACKDEPTH] = {"jstackdepth", KEY_TYPE_DEPTH, NULL, 1, 65536, .profiler = "jstackdepth",
                .help = "the most frames of a stack; N/M: of a deeper one keep only the top M; unset: 2048"},
        [KEY_MEMLIMIT] = {"memlimit", KEY_TYPE_SIZE, NULL, 10 * MIB, .profiler = "memlimit",
                .help = "the most memory for stacks in the target; unset: no limit"},
        [KEY_CHUNKSIZE] = {"chunksize", KEY_TYPE_SIZE, NULL, 256 * KIB, .profiler = "chunksize",
                .help = "begin a new JFR chunk after so many bytes; unset: 100 MiB"},
        [KEY_CHUNKTIME] = {"chunktime", KEY_TYPE_DURATION, NULL, 5 * SECOND, 7 * DAY, SECOND,
                .profiler = "chunktime", .help = "begin a new JFR chunk after this time; unset: 1h"},
        [KEY_JFROPTS] = {"jfropts", KEY_TYPE_CHOICE, NULL, .words = "mem", .profiler = "jfropts",
                .help = "collect in memory, write when a recording ends"},
        [KEY_FEATURES] = {"features", KEY_TYPE_FLAGS, NULL,
                .words = "mixed|vtable|comptask|pcaddr|stats|jnienv|agct", .profiler = "features",
                .help = "more about stacks, joined by '+'"},
        [KEY_SIGNAL] = {"signal", KEY_TYPE_SIGNALS, NULL, .profiler = "signal",
                .help = "the signals to sample CPU and wall clock with; unset: two that are free"},
        [KEY_CLOCK] = {"clock", KEY_TYPE_CHOICE, NULL, .words = "tsc|monotonic", .profiler = "clock",
                .help = "where time stamps come from; unset: as the JVM's own recorder"},
        [KEY_FILTER] = {"filter", KEY_TYPE_THREADS, NULL, .profiler = "filter",
                .help = "threads to sample by wall clock"},
        [KEY_SCHED] = {"sched", KEY_TYPE_BOOLEAN, NULL, .profiler = "sched",
                .help = "group stacks by the threads' scheduling policy"},
        [KEY_ALL_USER] = {"all_user", KEY_TYPE_BOOLEAN, NULL, .profiler = "alluser",
                .help = "no kernel frames"},
        [KEY_RECORD_CPU] = {"record_cpu", KEY_TYPE_BOOLEAN, NULL, .profiler = "record-cpu",
                .help = "record on which CPU a sample was taken; needs perf events"},
        [KEY_TARGET_CPU] = {"target_cpu", KEY_TYPE_COUNT, NULL, 0, 8191, .profiler = "target-cpu",
                .help = "sample on this CPU only; needs perf events"},
        [KEY_BEGIN] = {"begin", KEY_TYPE_FUNCTION, NULL, .profiler = "begin",
                .help = "a native function that begins a window, outside which there are no samples"},
        [KEY_END] = {"end", KEY_TYPE_FUNCTION, NULL, .profiler = "end",
                .help = "a native function that ends it"},
        [KEY_NOSTOP] = {"nostop", KEY_TYPE_BOOLEAN, NULL, .profiler = "nostop",
                .help = "mark the windows, but sample outside them too"},
        [KEY_TTSP] = {"ttsp", KEY_TYPE_BOOLEAN, NULL, .profiler = "ttsp",
                .help = "a window from each safepoint's request to its beginning"},
};

int config_key_find(const char *name)
{
    for (int i = 0; i < KEY_N; i++)
        if (strcmp(config_keys[i].name, name) == 0)
            return i;
    return -1;
}

bool config_key_is_list(const ConfigKey *key)
{
    return key->type == KEY_TYPE_METHODS || key->type == KEY_TYPE_THREADS || key->type == KEY_TYPE_PIDS;
}

const char *config_key_describe(const ConfigKey *key)
{
    switch (key->type) {
    case KEY_TYPE_DURATION:
        return "a duration such as 100ms";
    case KEY_TYPE_SIZE:
        return "a size such as 5000000 or 10m";
    case KEY_TYPE_COUNT:
        return "a number";
    case KEY_TYPE_BOOLEAN:
        return "true or false";
    case KEY_TYPE_CHOICE:
    case KEY_TYPE_FLAGS:
        return key->words;
    case KEY_TYPE_DEPTH:
        return "a number, or two such as 200/40";
    case KEY_TYPE_SIGNALS:
        return "two signals' numbers such as 34/35";
    case KEY_TYPE_EVENT:
        return "an event's name";
    case KEY_TYPE_FUNCTION:
        return "a function's name";
    case KEY_TYPE_METHODS:
        return "methods such as a.b.Class.method:50ms,a.b.Class.other";
    case KEY_TYPE_THREADS:
        return "thread ids such as 12,15-17";
    case KEY_TYPE_PIDS:
        return "PIDs such as 4242,4243";
    case KEY_TYPE_PATH:
    case KEY_TYPE_SHARED_PATH:
        return "an absolute path";
    }
    return "";
}
