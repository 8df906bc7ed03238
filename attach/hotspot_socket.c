/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/hotspot_socket.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "attach/credentials.h"
#include "conf/failure.h"

/* How long somebody else's attaching may take, in s, before his trigger counts as forgotten. */
#define FOREIGN_TRIGGER_AGE 1

int hotspot_socket_open(HotspotSocket *socket, const Process *process, char **reason)
{
    _cleanup_close_ int root = process_open_root(process);
    int fd;

    if (root < 0)
        return process_fail_access(process, root, "root", reason);
    fd = process_openat(process, root, "tmp", O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    if (fd < 0)
        return fail(reason, fd, "process %d (%s) has no /tmp that could be opened, and HotSpot needs one: %s",
                (int)process->pid, process->comm, strerror(-fd));
    *socket = (HotspotSocket){.process = process, .tmp_fd = fd};
    snprintf(socket->name, sizeof(socket->name), ".java_pid%d", (int)process->ns_pid);
    snprintf(socket->trigger_name, sizeof(socket->trigger_name), ".attach_pid%d", (int)process->ns_pid);
    return 0;
}

static int become_target(
        const HotspotSocket *socket, const ProcessStatus *status, Credentials *ret_saved, char **reason)
{
    int r = credentials_assume(status->uid, status->gid, ret_saved);

    if (r < 0)
        return fail(reason, r,
                "process %d (%s) takes orders from its own user %u and group %u only, and to become that, "
                "CAP_SETUID and CAP_SETGID are missing",
                (int)socket->process->pid, socket->process->comm, (unsigned)status->uid,
                (unsigned)status->gid);
    return 0;
}

void hotspot_socket_remove_trigger(HotspotSocket *socket)
{
    Credentials saved;
    bool assumed;

    if (!socket->has_trigger)
        return;
    socket->has_trigger = false;
    assumed = credentials_assume(socket->process->uid, socket->process->gid, &saved) >= 0;
    unlinkat(socket->tmp_fd, socket->trigger_name, 0);
    if (assumed)
        credentials_restore(&saved);
}

void hotspot_socket_close(HotspotSocket *socket)
{
    if (socket->tmp_fd < 0)
        return;
    if (!socket->signalled || !process_is_alive(socket->process))
        hotspot_socket_remove_trigger(socket);
    socket->tmp_fd = close_fd(socket->tmp_fd);
}

/* Connects to HotSpot's socket by a handle of it, so nothing else can come in its place and no link is
 * followed. What is no socket of the target's, or has no listener, was left by an earlier process of this
 * number: HotSpot will put its own in its place. */
static int connect_pinned(const HotspotSocket *socket, uid_t uid, int fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int node = -1;
    struct stat status;

    node = openat(socket->tmp_fd, socket->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (node < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(node, &status) < 0)
        return -errno;
    if (!S_ISSOCK(status.st_mode) || (status.st_uid != uid && status.st_uid != 0))
        return 0;
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", node);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return 1;
    return errno == ECONNREFUSED || errno == EPROTOTYPE ? 0 : -errno;
}

/* The kernel tells who called listen(). */
static int check_peer(const HotspotSocket *socket, uid_t uid, int fd, char **reason)
{
    const Process *process = socket->process;
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return fail(reason, -errno, "cannot tell who is listening at /tmp/%s of process %d: %s", socket->name,
                (int)process->pid, strerror(errno));
    if (peer.pid != process->pid || peer.uid != uid)
        return fail(reason, -EADDRINUSE,
                "not process %d (%s) of user %u but process %d of user %u is listening at its /tmp/%s; "
                "remove that socket, or let the two not share a /tmp",
                (int)process->pid, process->comm, (unsigned)uid, (int)peer.pid, (unsigned)peer.uid,
                socket->name);
    /* Alive now, so it was when it was compared, and the number was its own. */
    if (!process_is_alive(process))
        return fail(reason, -ESRCH, "process %d (%s) has ended", (int)process->pid, process->comm);
    return 1;
}

static int make_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int hotspot_socket_connect(HotspotSocket *socket, const ProcessStatus *status, int *ret, char **reason)
{
    _cleanup_close_ int fd = make_socket();
    const Process *process = socket->process;
    Credentials saved;
    int r;

    if (fd < 0)
        return fail(reason, -errno, "cannot make a socket: %s", strerror(errno));
    r = become_target(socket, status, &saved, reason);
    if (r < 0)
        return r;
    r = connect_pinned(socket, status->uid, fd);
    credentials_restore(&saved);
    if (r == 0)
        return 0;
    if (r == -EAGAIN)
        return fail(reason, r, "process %d (%s) does not answer, and others wait for it already",
                (int)process->pid, process->comm);
    if (r < 0)
        return fail(reason, r, "cannot connect to /tmp/%s of process %d (%s) as user %u: %s", socket->name,
                (int)process->pid, process->comm, (unsigned)status->uid, strerror(-r));
    r = check_peer(socket, status->uid, fd, reason);
    if (r < 0)
        return r;
    socket->signalled = false;
    *ret = steal_fd(&fd);
    return 1;
}

static int fail_trigger(const HotspotSocket *socket, int r, char **reason)
{
    return fail(reason, r, "cannot make /tmp/%s, which asks process %d (%s) for its attach socket: %s",
            socket->trigger_name, (int)socket->process->pid, socket->process->comm, strerror(-r));
}

/* One that was there before us: by another who attaches, or forgotten. HotSpot heeds only its own user's
 * (and root's, but JDK 8 does not) and prints a thread dump in face of any other. */
static int use_trigger(const HotspotSocket *socket, uid_t uid, char **reason)
{
    const Process *process = socket->process;
    struct timespec now;
    struct stat status;

    if (fstatat(socket->tmp_fd, socket->trigger_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? fail(reason, -EAGAIN, "somebody else has just attached")
                               : fail_trigger(socket, -errno, reason);
    if (!S_ISREG(status.st_mode) || status.st_uid != uid)
        return fail(reason, -EPERM,
                "process %d (%s) would not heed the /tmp/%s that lies there: it is user %u's or no regular "
                "file; remove it",
                (int)process->pid, process->comm, socket->trigger_name, (unsigned)status.st_uid);
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec >= status.st_ctim.tv_sec && now.tv_sec - status.st_ctim.tv_sec <= FOREIGN_TRIGGER_AGE)
        return fail(reason, -EAGAIN, "somebody else is attaching to process %d (%s) just now",
                (int)process->pid, process->comm);
    return 0;
}

/* Runs as the target's user, so the file is his from the beginning. */
static int make_trigger(HotspotSocket *socket, uid_t uid, char **reason)
{
    _cleanup_close_ int fd = openat(
            socket->tmp_fd, socket->trigger_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct stat status;

    if (fd < 0)
        return errno == EEXIST ? use_trigger(socket, uid, reason) : fail_trigger(socket, -errno, reason);
    socket->has_trigger = true;
    /* Some file systems do as they like. */
    if (fstat(fd, &status) < 0 || status.st_uid != uid)
        return fail_trigger(socket, -EPERM, reason);
    return 0;
}

int hotspot_socket_make_trigger(HotspotSocket *socket, const ProcessStatus *status, char **reason)
{
    Credentials saved;
    int r;

    if (socket->has_trigger)
        return 0;
    r = become_target(socket, status, &saved, reason);
    if (r < 0)
        return r;
    r = make_trigger(socket, status->uid, reason);
    credentials_restore(&saved);
    if (r < 0)
        hotspot_socket_remove_trigger(socket);
    else
        socket->has_trigger = true;
    return r;
}

/* Its status is read as late as can be: without its handler the signal would kill it. */
static int signal_target(const HotspotSocket *socket, char **reason)
{
    const Process *process = socket->process;
    ProcessStatus status;
    Credentials saved;
    int r;

    r = process_read_status(process, &status);
    if (r < 0)
        return process_fail_access(process, r, "status", reason);
    if (!(status.signals_caught & (UINT64_C(1) << (SIGQUIT - 1))))
        return fail(reason, -EAGAIN, "process %d (%s) does not handle SIGQUIT any more", (int)process->pid,
                process->comm);
    r = become_target(socket, &status, &saved, reason);
    if (r < 0)
        return r;
    r = syscall(SYS_pidfd_send_signal, process->pidfd, SIGQUIT, NULL, 0) < 0 ? -errno : 0;
    credentials_restore(&saved);
    if (r < 0)
        return fail(reason, r, "cannot send SIGQUIT to process %d (%s): %s%s", (int)process->pid,
                process->comm, strerror(-r), r == -EPERM ? " (CAP_KILL is missing)" : "");
    return 0;
}

int hotspot_socket_signal(HotspotSocket *socket, char **reason)
{
    int r = signal_target(socket, reason);

    if (r < 0)
        hotspot_socket_remove_trigger(socket);
    else
        socket->signalled = true;
    return r;
}
