/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a rotation adds to the two commands that it consists of: bare stop and start through the engine, and a
 * tick of the rotation until the next session runs, in turn on one JVM.
 *
 *     bench_rotation RUNS LIBRARY JAVA-COMMAND...
 */

#include <stdbool.h>
#include <string.h>

#include "conf/cleanup.h"
#include "conf/failure.h"
#include "daemon/rotation.h"
#include "tests/bench/figures.h"

typedef struct Watch {
    Rotation *rotation;
    bool started, ended;
} Watch;

static void on_started(void *userdata)
{
    ((Watch *)userdata)->started = true;
}

static void on_recorded(void *userdata, unsigned file, int fd, int64_t start, int64_t end)
{
    (void)fd;
    (void)start;
    (void)end;
    rotation_release(((Watch *)userdata)->rotation, file);
}

static void on_warned(void *userdata, const char *text)
{
    (void)userdata;
    fprintf(stderr, "%s\n", text);
}

static void on_ended(void *userdata, int result, const char *text)
{
    if (result < 0)
        die("ended: %s", text);
    ((Watch *)userdata)->ended = true;
}

static uint64_t time_bare(Door *door, const char *start)
{
    uint64_t begin = now_ns();

    door_execute(door, "stop");
    door_execute(door, start);
    return now_ns() - begin;
}

static uint64_t time_turn(Door *door, Watch *watch)
{
    uint64_t begin = now_ns();

    watch->started = false;
    rotation_tick(watch->rotation);
    while (!watch->started)
        (void)sd_event_run(door->event, UINT64_MAX);
    return now_ns() - begin;
}

int main(int argc, char **argv)
{
    static const RotationObserver observer = {
            .started = on_started, .recorded = on_recorded, .warned = on_warned, .ended = on_ended};
    Settings settings = {.reporting_interval = 30 * NSEC_PER_SEC,
            .command_timeout = 10 * NSEC_PER_SEC,
            .profiling = {.event = (char[]){"cpu"},
                    .cpu_interval = 100 * NSEC_PER_MSEC,
                    .wall_clock_interval = NSEC_PER_SEC,
                    .cstack = (char[]){"dwarf"},
                    .extra = (char[]){""}}};
    _cleanup_free_ char *reason = NULL, *start = NULL;
    static Figures bare, turn, added;
    Watch watch = {0};
    Clock *clock;
    Door door;
    pid_t pid;
    int runs;

    if (argc < 4)
        die("usage: bench_rotation RUNS LIBRARY JAVA-COMMAND...");
    runs = atoi(argv[1]);
    pid = jvm_spawn(argv + 3);
    door_make(&door, pid, argv[2]);
    if (clock_new(door.event, &clock) < 0 || rotation_new(door.engine, clock, door.directory, &settings,
                                                     &observer, &watch, &watch.rotation, &reason) < 0)
        die("cannot make a rotation: %s", reason);
    if (asprintf(&start,
                "start,event=cpu,interval=100000000,wall=1000ms,jfr,cstack=dwarf,file=%s/a.jfr,timeout=65",
                door.directory->path) < 0)
        die("out of memory");
    time_turn(&door, &watch);
    for (int i = 0; i < runs; i++) {
        int64_t without = (int64_t)time_bare(&door, start), with = (int64_t)time_turn(&door, &watch);

        figures_add(&bare, without);
        figures_add(&turn, with);
        figures_add(&added, with - without);
    }
    rotation_stop(watch.rotation);
    while (!watch.ended)
        (void)sd_event_run(door.event, UINT64_MAX);
    figures_print("stop + start, bare", &bare);
    figures_print("stop + swap + start, a rotation's turn", &turn);
    figures_print("a turn adds to the two before it", &added);
    rotation_free(watch.rotation);
    clock_free(clock);
    door_unmake(&door);
    jvm_kill(pid);
    return 0;
}
