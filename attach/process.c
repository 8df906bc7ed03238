/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "attach/credentials.h"
#include "conf/failure.h"

#define STAT_MAX 4096
/* A process may be in 65,536 groups, and their list comes before what we look for. */
#define STATUS_MAX (1024 * 1024)
/* Linux, include/linux/sched.h */
#define PF_KTHREAD 0x00200000u

/* What /proc/PID/stat tells of a process for good. */
typedef struct Stat {
    char comm[16];
    unsigned flags;
    uint64_t start_time;
} Stat;

static void copy_comm(char dest[static 16], const char *comm, size_t size)
{
    size_t n = size < 15 ? size : 15;

    for (size_t i = 0; i < n; i++)
        dest[i] = comm[i] >= ' ' && comm[i] <= '~' ? comm[i] : '?';
    dest[n] = '\0';
}

/* The kernel writes comm as it is, and it may hold ')', spaces and newlines: only the last ')' is its end. */
static int stat_parse(const char *text, Stat *ret)
{
    const char *comm = strchr(text, '('), *end = strrchr(text, ')');
    Stat stat;

    if (!comm || !end || end < comm)
        return -EPROTO;
    if (sscanf(end + 1,
                " %*c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
                &stat.flags, &stat.start_time) != 2)
        return -EPROTO;
    copy_comm(stat.comm, comm + 1, (size_t)(end - comm - 1));
    *ret = stat;
    return 0;
}

/* The value after "\n<key>:\t". Name: comes first and has its newlines and backslashes escaped, so no process
 * can bring in lines of its own. */
static const char *status_find(const char *text, const char *key)
{
    size_t length = strlen(key);

    for (const char *line = strchr(text, '\n'); line; line = strchr(line + 1, '\n'))
        if (strncmp(line + 1, key, length) == 0 && line[1 + length] == ':')
            return line + 1 + length + 1;
    return NULL;
}

static int status_read_hex(const char *text, const char *key, uint64_t *ret)
{
    const char *value = status_find(text, key);

    return value && sscanf(value, "%" SCNx64, ret) == 1 ? 0 : -EPROTO;
}

/* The second of real, effective, saved and file system id. */
static int status_read_effective(const char *text, const char *key, unsigned *ret)
{
    const char *value = status_find(text, key);

    return value && sscanf(value, "%*u %u", ret) == 1 ? 0 : -EPROTO;
}

/* The last of the line: the id in the innermost namespace. */
static int status_read_ns_pid(const char *text, pid_t *ret)
{
    const char *value = status_find(text, "NSpid");
    int pid = 0, n;

    if (!value)
        return -EPROTO;
    for (; *value == '\t' && sscanf(value, "%d%n", &pid, &n) == 1; value += n)
        ;
    if (pid <= 0)
        return -EPROTO;
    *ret = pid;
    return 0;
}

static int status_parse(const char *text, ProcessStatus *ret)
{
    const char *state = status_find(text, "State");
    ProcessStatus status;

    if (!state || sscanf(state, " %c", &status.state) != 1 ||
            status_read_effective(text, "Uid", &status.uid) < 0 ||
            status_read_effective(text, "Gid", &status.gid) < 0 ||
            status_read_ns_pid(text, &status.ns_pid) < 0 ||
            status_read_hex(text, "SigCgt", &status.signals_caught) < 0 ||
            status_read_hex(text, "ShdPnd", &status.signals_pending) < 0)
        return -EPROTO;
    *ret = status;
    return 0;
}

static int open_pidfd(pid_t pid, char **reason)
{
    int fd;

    if (pid <= 0)
        return fail(reason, -EINVAL, "%d is not a process number", (int)pid);
    fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0)
        return fd;
    if (errno == ESRCH)
        return fail(reason, -ESRCH, "no process %d", (int)pid);
    if (errno == EINVAL || errno == ENOENT) /* since Linux 6.15 the latter */
        return fail(reason, -EINVAL, "%d is a thread, not a process; its process is Tgid in /proc/%d/status",
                (int)pid, (int)pid);
    return fail(reason, -errno, "cannot take hold of process %d: pidfd_open: %s", (int)pid, strerror(errno));
}

static int open_proc(pid_t pid)
{
    char path[32];
    int fd;

    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Fills in what proc_fd tells. */
static int read_identity(Process *process, unsigned *ret_flags)
{
    _cleanup_free_ char *text = NULL;
    ProcessStatus status;
    size_t size;
    Stat stat;
    int r;

    r = process_read_file(process, "stat", STAT_MAX, &text, &size);
    if (r >= 0)
        r = stat_parse(text, &stat);
    if (r >= 0)
        r = process_read_status(process, &status);
    if (r < 0)
        return r;
    process->ns_pid = status.ns_pid;
    process->start_time = stat.start_time;
    process->uid = status.uid;
    process->gid = status.gid;
    memcpy(process->comm, stat.comm, sizeof(process->comm));
    *ret_flags = stat.flags;
    return 0;
}

int process_open(pid_t pid, Process **ret, char **reason)
{
    _cleanup_(process_freep) Process *process = calloc(1, sizeof(*process));
    unsigned flags = 0;
    int r;

    if (!process)
        return -ENOMEM;
    process->pid = pid;
    process->proc_fd = -1;
    process->pidfd = open_pidfd(pid, reason);
    if (process->pidfd < 0)
        return process->pidfd;
    process->proc_fd = r = open_proc(pid);
    if (r >= 0)
        r = read_identity(process, &flags);
    /* Alive only now: so nobody else can have had the PID while /proc was opened. */
    if (!process_is_alive(process))
        return fail(reason, -ESRCH, "process %d has ended", (int)pid);
    if (r == -EPERM || r == -EACCES || r == -ENOENT)
        return fail(reason, -EPERM,
                "process %d is hidden from user %u (hidepid of /proc); run as its user or as root", (int)pid,
                (unsigned)geteuid());
    if (r < 0)
        return fail(reason, r, "cannot read /proc/%d: %s", (int)pid, strerror(-r));
    if (flags & PF_KTHREAD)
        return fail(reason, -EINVAL, "%d is a kernel thread (%s), not a program", (int)pid, process->comm);
    *ret = steal_pointer(&process);
    return 0;
}

Process *process_free(Process *process)
{
    if (process) {
        close_fd(process->pidfd);
        close_fd(process->proc_fd);
        free(process);
    }
    return NULL;
}

bool process_is_alive(const Process *process)
{
    struct pollfd poll_fd = {.fd = process->pidfd, .events = POLLIN};

    return poll(&poll_fd, 1, 0) == 0;
}

int process_read_status(const Process *process, ProcessStatus *ret)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    int r;

    r = process_read_file(process, "status", STATUS_MAX, &text, &size);
    return r < 0 ? r : status_parse(text, ret);
}

static int open_once(int directory, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
    int fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));

    return fd < 0 ? -errno : fd;
}

int process_openat(const Process *process, int directory, const char *path, uint64_t flags, uint64_t resolve)
{
    Credentials saved;
    int fd;

    fd = open_once(directory, path, flags, resolve);
    if (fd != -EACCES && fd != -EPERM)
        return fd;
    if (credentials_assume(process->uid, process->gid, &saved) < 0)
        return fd;
    fd = open_once(directory, path, flags, resolve);
    credentials_restore(&saved);
    return fd;
}

/* Of a process that has ended, /proc/PID says ENOENT here and there. */
static int ended_or(const Process *process, int r)
{
    return r == -ENOENT && !process_is_alive(process) ? -ESRCH : r;
}

int process_open_file(const Process *process, const char *name)
{
    return ended_or(process, process_openat(process, process->proc_fd, name, O_RDONLY, 0));
}

int process_open_root(const Process *process)
{
    return ended_or(process, process_openat(process, process->proc_fd, "root", O_PATH | O_DIRECTORY, 0));
}

static int read_whole(int fd, size_t max, char **ret, size_t *ret_size)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0, room = 0;
    ssize_t n;

    do {
        if (size == room) {
            char *larger;

            room = room ? 2 * room : 4096;
            if (room > max)
                room = max;
            larger = realloc(text, room + 1);
            if (!larger)
                return -ENOMEM;
            text = larger;
        }
        n = read(fd, text + size, room - size);
        if (n < 0)
            return -errno;
        size += (size_t)n;
    } while (n > 0 && size < max);
    text[size] = '\0';
    *ret = steal_pointer(&text);
    *ret_size = size;
    return 0;
}

int process_read_file(const Process *process, const char *name, size_t max, char **ret, size_t *ret_size)
{
    _cleanup_close_ int fd = process_open_file(process, name);

    return fd < 0 ? fd : read_whole(fd, max, ret, ret_size);
}

int process_read_regular(const Process *process, int directory, const char *path, uint64_t resolve,
        size_t max, struct stat *ret_stat, char **ret, size_t *ret_size)
{
    _cleanup_close_ int handle = -1, fd = -1;
    struct stat status;
    char self[32];
    int r;

    /* To open a FIFO may block and to open a device may do anything, so look before, at a mere handle. */
    handle = process_openat(process, directory, path, O_PATH, resolve);
    if (handle < 0)
        return handle;
    if (fstat(handle, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EBADF;
    if ((uint64_t)status.st_size > max)
        return -EFBIG;
    snprintf(self, sizeof(self), "/proc/self/fd/%d", handle);
    fd = process_openat(process, AT_FDCWD, self, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    r = read_whole(fd, max, ret, ret_size);
    if (r >= 0)
        *ret_stat = status;
    return r;
}

int process_fail_access(const Process *process, int r, const char *name, char **reason)
{
    int pid = (int)process->pid;

    if (r == -ESRCH)
        return fail(reason, r, "process %d has ended", pid);
    if (r != -EACCES && r != -EPERM)
        return fail(reason, r, "cannot read /proc/%d/%s: %s", pid, name, strerror(-r));
    if (credentials_have_capability(CAP_SYS_PTRACE))
        return fail(reason, r,
                "/proc/%d/%s may not be read, in spite of CAP_SYS_PTRACE: a security module (AppArmor, "
                "SELinux) or the process's user namespace forbids it",
                pid, name);
    if (process->uid != geteuid())
        return fail(reason, r,
                "/proc/%d/%s may not be read: the process is user %u's and we are user %u; run as that user, "
                "or as root with CAP_SYS_PTRACE",
                pid, name, (unsigned)process->uid, (unsigned)geteuid());
    return fail(reason, r,
            "/proc/%d/%s may not be read, although it is our own user's: the process has another group or "
            "more capabilities than we have, or protects itself (not dumpable); CAP_SYS_PTRACE is needed",
            pid, name);
}
