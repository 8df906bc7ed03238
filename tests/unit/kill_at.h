/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A death by SIGKILL at a chosen moment: in front of the nth system call of some work. */

#include <criterion/criterion.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* Does the work in a child; whether it came to its end before it was killed. */
static inline bool finished_before_kill(unsigned n, void (*work)(void))
{
    pid_t pid = fork();
    int status;

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        work();
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSTOPPED(status), "this test has to trace its child");
    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD);
    /* Each call stops twice, before and after. */
    for (unsigned stop = 0; stop < 2 * n + 1; stop++) {
        ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status)) {
            cr_assert_eq(WEXITSTATUS(status), 0);
            return true;
        }
        cr_assert(WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80), "status %#x", status);
    }
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status));
    return false;
}
