/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One process, pinned: the PID alone names whoever holds it now, these descriptors name one process. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/cleanup.h"

struct stat;

typedef struct Process {
    pid_t pid;    /* in our PID namespace */
    pid_t ns_pid; /* in its own, the innermost */
    int pidfd;    /* readable once it has ended */
    int proc_fd;  /* /proc/PID; reads fail with ESRCH once it has ended, even if the PID is taken again */
    uint64_t start_time; /* clock ticks since boot: proc(5), stat, field 22 */
    uid_t uid;           /* effective */
    gid_t gid;
    char comm[16]; /* printable; anything else became '?' */
} Process;

/* What changes during a process's life. */
typedef struct ProcessStatus {
    char state; /* 'R', 'S', 'D', 'T', 't', 'Z', ... */
    uid_t uid;  /* effective */
    gid_t gid;
    pid_t ns_pid;
    uint64_t signals_caught;  /* bit n-1 for signal n */
    uint64_t signals_pending; /* the process's, not one thread's */
} ProcessStatus;

/* Pins pid. Errors: -ESRCH no such process, -EPERM, -EINVAL (a thread's id, or not a process number). */
int process_open(pid_t pid, Process **ret, char **reason);
Process *process_free(Process *process);
DEFINE_CLEANUP(Process, process_free)

bool process_is_alive(const Process *process);
int process_read_status(const Process *process, ProcessStatus *ret);

/*
 * openat2(2), close-on-exec. What is denied to us is tried again as the target's user, if we may become that:
 * a root without CAP_SYS_PTRACE gets to the /proc/PID of others no other way.
 */
int process_openat(const Process *process, int directory, const char *path, uint64_t flags, uint64_t resolve);

/* Opens its root directory as it sees it, O_PATH. -EACCES also when only PTRACE_MODE_READ is missing. */
int process_open_root(const Process *process);

/* Opens a file of /proc/PID for reading. */
int process_open_file(const Process *process, const char *name);
/* Reads a file of /proc/PID whole, NUL-terminated, at most max bytes (what is beyond is cut, *ret_size says
 * max). The text is the target's: it may hold anything. */
int process_read_file(const Process *process, const char *name, size_t max, char **ret, size_t *ret_size);

/* Reads a file in a place that the target controls, NUL-terminated; resolve as in openat2(2). -EBADF: not a
 * regular file. -EFBIG: larger than max. */
int process_read_regular(const Process *process, int directory, const char *path, uint64_t resolve,
        size_t max, struct stat *ret_stat, char **ret, size_t *ret_size);

/* Says why /proc/PID/<name> could not be had, and which permission is missing; returns r. */
int process_fail_access(const Process *process, int r, const char *name, char **reason);
