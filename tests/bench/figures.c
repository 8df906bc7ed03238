/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/figures.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "attach/hotspot.h"
#include "conf/failure.h"
#include "conf/settings.h"

#define ANSWER_TIMEOUT (30 * USEC_PER_SEC)

void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

void figures_add(Figures *figures, int64_t ns)
{
    if (figures->n == SAMPLES_MAX)
        die("more than %d samples", SAMPLES_MAX);
    figures->ms[figures->n++] = (double)ns / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double figures_quantile(Figures *figures, double q)
{
    qsort(figures->ms, figures->n, sizeof(figures->ms[0]), compare);
    return figures->n > 0 ? figures->ms[(size_t)(q * (double)(figures->n - 1) + 0.5)] : 0;
}

void figures_print(const char *what, Figures *figures)
{
    printf("| %-44s | %8.2f | %8.2f | %8.2f | %4zu |\n", what, figures_quantile(figures, 0.5),
            figures_quantile(figures, 0.1), figures_quantile(figures, 0.9), figures->n);
    fflush(stdout);
}

pid_t jvm_spawn(char *const *argv)
{
    char text[256] = "";
    size_t n = 0;
    ssize_t got;
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        die("pipe: %m");
    pid = fork();
    if (pid < 0)
        die("fork: %m");
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(fds[1]);
    while (!strstr(text, "ready")) {
        got = read(fds[0], text + n, sizeof(text) - 1 - n);
        if (got <= 0)
            die("%s did not get ready", argv[0]);
        n += (size_t)got;
        text[n] = '\0';
    }
    /* A JVM that has just started still compiles and loads: it is idle a little later. */
    nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    /* Left open: a JVM that prints into a closed pipe would be disturbed. */
    return pid;
}

void jvm_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

void door_make(Door *door, pid_t pid, const char *library)
{
    char parent[] = "/tmp/asprof-bench-XXXXXX";
    _cleanup_free_ char *reason = NULL;
    int r;

    *door = (Door){0};
    if (!mkdtemp(parent) || sd_event_new(&door->event) < 0)
        die("cannot begin: %m");
    r = process_open(pid, &door->process, &reason);
    if (r >= 0)
        r = target_directory_new(parent, "t", door->process, &door->directory, &reason);
    if (r >= 0)
        r = hotspot_engine_new(door->event, door->process, library, door->directory, &door->engine, &reason);
    if (r < 0)
        die("%s", failure_text(reason, r));
}

void door_unmake(Door *door)
{
    _cleanup_free_ char *parent = strdup(door->directory->path);

    engine_free(door->engine);
    target_directory_remove(door->directory);
    target_directory_free(door->directory);
    if (parent) {
        *strrchr(parent, '/') = '\0';
        rmdir(parent);
    }
    process_free(door->process);
    sd_event_unref(door->event);
}

static void on_done(void *userdata, int result, const char *text)
{
    bool *answered = userdata;

    if (result != 0)
        die("refused: %s", text);
    *answered = true;
}

void door_execute(Door *door, const char *options)
{
    bool answered = false;

    engine_execute(door->engine, options, ANSWER_TIMEOUT, on_done, &answered);
    while (!answered)
        if (sd_event_run(door->event, UINT64_MAX) < 0)
            die("the event loop failed");
}
