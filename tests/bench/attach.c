/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Cold attach: a fresh JVM that has async-profiler loaded (-agentpath) but has never been attached to; from
 * nothing to the first accepted command. jattach as the command it is, and our engine, on JVMs in turn.
 *
 *     bench_attach RUNS LIBRARY JAVA-COMMAND...
 */

#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "conf/cleanup.h"
#include "tests/bench/figures.h"

static int64_t time_jattach(pid_t pid, const char *library)
{
    char number[16];
    static char jattach[] = "jattach", load[] = "load", yes[] = "true", options[] = "status,log=/dev/null";
    char *argv[] = {jattach, number, load, (char *)(uintptr_t)library, yes, options, NULL};
    posix_spawn_file_actions_t actions;
    uint64_t begin;
    pid_t child;
    int status;

    snprintf(number, sizeof(number), "%i", pid);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1, 0);
    begin = now_ns();
    if (posix_spawnp(&child, "jattach", &actions, NULL, argv, environ) != 0)
        die("cannot run jattach (Debian package jattach)");
    if (waitpid(child, &status, 0) < 0 || status != 0)
        die("jattach failed with status %i", status);
    posix_spawn_file_actions_destroy(&actions);
    return (int64_t)(now_ns() - begin);
}

/* Once with the making of the target's directory and the engine, as a person would wait for it, and in
 * *ret_attach from the command on, as a daemon has it. */
static int64_t time_engine(pid_t pid, const char *library, int64_t *ret_attach)
{
    uint64_t begin = now_ns(), made, end;
    Door door;

    door_make(&door, pid, library);
    made = now_ns();
    door_execute(&door, "status");
    end = now_ns();
    door_unmake(&door);
    *ret_attach = (int64_t)(end - made);
    return (int64_t)(end - begin);
}

int main(int argc, char **argv)
{
    static Figures jattach, engine, attach;
    int64_t attached;
    const char *library;
    pid_t pid;
    int runs;

    if (argc < 4)
        die("usage: bench_attach RUNS LIBRARY JAVA-COMMAND...");
    runs = atoi(argv[1]);
    library = argv[2];
    for (int i = 0; i < runs; i++) {
        pid = jvm_spawn(argv + 3);
        figures_add(&jattach, time_jattach(pid, library));
        jvm_kill(pid);
        pid = jvm_spawn(argv + 3);
        figures_add(&engine, time_engine(pid, library, &attached));
        figures_add(&attach, attached);
        jvm_kill(pid);
    }
    figures_print("cold attach, jattach", &jattach);
    figures_print("asprof-agentd, with its files made first", &engine);
    figures_print("asprof-agentd, from the command on", &attach);
    printf("| %-44s | %8.3f |\n", "ratio to jattach",
            figures_quantile(&attach, 0.5) / figures_quantile(&jattach, 0.5));
    return 0;
}
