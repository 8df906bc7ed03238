/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Child processes to look at. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that has done `prepare` (may be NULL) and waits for its end. It dies with us. */
static inline pid_t child_spawn(void (*prepare)(void))
{
    int ready[2];
    pid_t pid;
    char c;

    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (prepare)
            prepare();
        if (write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    cr_assert_eq(read(ready[0], &c, 1), 1, "the child could not be prepared");
    close(ready[0]);
    return pid;
}

static inline void child_end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Runs body in a child and returns the exit status that it gave to _exit(), 0 if it returned. */
static inline int child_run(void (*body)(void))
{
    pid_t pid = fork();
    int status;

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
