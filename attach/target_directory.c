/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/target_directory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "attach/credentials.h"
#include "attach/options.h"
#include "conf/directory.h"
#include "conf/failure.h"

#define STATUS_MAX (1024 * 1024)
#define TEMPORARY_NAME ".new"

static bool is_name(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    return name[0] && name[strspn(name, letters)] == '\0' && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static bool is_trusted_owner(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

/* Nobody else may put another thing in the place of what we make in this directory. */
static int check_ancestor(const struct stat *status, const char *path, char **reason)
{
    mode_t others = S_IWOTH | (status->st_gid == 0 || status->st_gid == getegid() ? 0 : S_IWGRP);

    if (!is_trusted_owner(status->st_uid))
        return fail(reason, -EPERM,
                "%s belongs to user %u, who could replace what is in it; choose another place", path,
                (unsigned)status->st_uid);
    if ((status->st_mode & others) && !(status->st_mode & S_ISVTX))
        return fail(reason, -EPERM,
                "others may write in %s and replace what is in it; take that right away (chmod go-w) or "
                "choose another place",
                path);
    return 0;
}

/* Where others may write they may also have put a link. In a sticky directory they cannot change what is not
 * theirs, so what is looked at here is what is opened afterwards. */
static int check_link(int parent, const char *name, const char *path, char **reason)
{
    struct stat status;

    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(reason, -errno, "cannot look at %s: %s", path, strerror(errno));
    if (S_ISLNK(status.st_mode) && !is_trusted_owner(status.st_uid))
        return fail(reason, -EPERM, "%s is a link that user %u made; choose another place", path,
                (unsigned)status.st_uid);
    return 0;
}

/* Goes one step down from *fd to `name`, which is made if missing; path is for the reader. */
static int descend(int *fd, const char *name, const char *path, char **reason)
{
    _cleanup_close_ int next = -1;
    struct stat status;
    int r;

    if (mkdirat(*fd, name, 0711) == 0) {
        if (fchmodat(*fd, name, 0711, 0) < 0) /* whatever the umask is */
            return fail(reason, -errno, "cannot set the mode of %s: %s", path, strerror(errno));
    } else if (errno != EEXIST) {
        return fail(reason, -errno, "cannot make the directory %s: %s", path, strerror(errno));
    }
    r = check_link(*fd, name, path, reason);
    if (r < 0)
        return r;
    next = openat(*fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (next < 0 || fstat(next, &status) < 0)
        return fail(reason, -errno, "cannot open the directory %s: %s", path, strerror(errno));
    r = check_ancestor(&status, path, reason);
    if (r < 0)
        return r;
    close_fd(*fd);
    *fd = steal_fd(&next);
    return 0;
}

/* Opens parent, with all that is missing on the way made. */
static int open_parent(const char *parent, char **reason)
{
    _cleanup_close_ int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *path = strdup(parent);
    int r;

    if (!path)
        return -ENOMEM;
    if (fd < 0)
        return -errno;
    for (char *name = path, *end; *(name += strspn(name, "/")); name = end) {
        char separator;

        end = name + strcspn(name, "/");
        separator = *end;
        *end = '\0';
        r = descend(&fd, name, path, reason);
        if (r < 0)
            return r;
        *end = separator;
    }
    return steal_fd(&fd);
}

/* Another user's target may pass through, by its group, and neither list nor change what is there. */
static int set_access(int fd, const Process *process, const char *path, char **reason)
{
    bool own = process->uid == geteuid();

    if (!own && fchown(fd, (uid_t)-1, process->gid) < 0)
        return fail(reason, -errno,
                "cannot give %s to group %u, for process %d to reach it: %s (CAP_CHOWN is needed)", path,
                (unsigned)process->gid, (int)process->pid, strerror(errno));
    if (fchmod(fd, own ? 0700 : 0710) < 0)
        return fail(reason, -errno, "cannot set the mode of %s: %s", path, strerror(errno));
    return 0;
}

static int open_made(int parent, const char *name, const Process *process, const char *path, char **reason)
{
    _cleanup_close_ int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r;

    if (fd < 0)
        return fail(reason, -errno, "cannot open the directory %s: %s", path, strerror(errno));
    r = set_access(fd, process, path, reason);
    return r < 0 ? r : steal_fd(&fd);
}

static int make_directory(
        const char *parent, const char *name, const Process *process, const char *path, char **reason)
{
    _cleanup_close_ int parent_fd = open_parent(parent, reason);
    int fd;

    if (parent_fd < 0)
        return parent_fd;
    if (mkdirat(parent_fd, name, 0700) < 0)
        return fail(reason, -errno,
                errno == EEXIST ? "%s exists already, from an earlier run" : "cannot make %s: %m", path);
    fd = open_made(parent_fd, name, process, path, reason);
    if (fd < 0)
        unlinkat(parent_fd, name, AT_REMOVEDIR);
    return fd;
}

int target_directory_new(
        const char *parent, const char *name, const Process *process, TargetDirectory **ret, char **reason)
{
    _cleanup_(target_directory_freep) TargetDirectory *directory = NULL;
    int r;

    if (!is_name(name))
        return fail(reason, -EINVAL,
                "\"%s\" cannot name a directory: only letters, digits, '.', '_' and '-' may", name);
    r = options_check_path(parent, reason);
    if (r < 0)
        return r;
    directory = calloc(1, sizeof(*directory));
    if (!directory)
        return -ENOMEM;
    *directory = (TargetDirectory){.fd = -1, .uid = process->uid, .gid = process->gid};
    if (asprintf(&directory->path, "%s/%s", parent, name) < 0) {
        directory->path = NULL;
        return -ENOMEM;
    }
    directory->fd = make_directory(parent, name, process, directory->path, reason);
    if (directory->fd < 0)
        return directory->fd;
    *ret = steal_pointer(&directory);
    return 0;
}

TargetDirectory *target_directory_free(TargetDirectory *directory)
{
    if (directory) {
        close_fd(directory->fd);
        free(directory->path);
        free(directory);
    }
    return NULL;
}

/* Makes fd, open under TEMPORARY_NAME, the target's, and then the file called `name`. */
static int publish_file(TargetDirectory *directory, int fd, const char *name)
{
    /* The mode first: to change another user's file takes one more capability. */
    if (fchmod(fd, 0600) < 0)
        return -errno;
    if (directory->uid != geteuid() && fchown(fd, directory->uid, directory->gid) < 0)
        return -errno;
    return renameat(directory->fd, TEMPORARY_NAME, directory->fd, name) < 0 ? -errno : 0;
}

int target_directory_create_file(TargetDirectory *directory, const char *name, char **reason)
{
    _cleanup_close_ int fd = -1;
    int r;

    if (!is_name(name))
        return fail(reason, -EINVAL, "\"%s\" cannot name a file", name);
    fd = openat(directory->fd, TEMPORARY_NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    r = fd < 0 ? -errno : publish_file(directory, fd, name);
    if (r >= 0)
        return steal_fd(&fd);
    if (fd >= 0)
        unlinkat(directory->fd, TEMPORARY_NAME, 0);
    return fail(reason, r, "cannot make %s/%s for user %u: %s%s", directory->path, name,
            (unsigned)directory->uid, strerror(-r), r == -EPERM ? " (CAP_CHOWN is needed)" : "");
}

int target_directory_remove(TargetDirectory *directory)
{
    _cleanup_closedir_ DIR *files = directory_list(directory->fd);

    if (!files)
        return -errno;
    for (struct dirent *file; (file = readdir(files));)
        if (strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0)
            unlinkat(directory->fd, file->d_name, 0);
    return rmdir(directory->path) < 0 ? -errno : 0;
}

/* Its supplementary groups, from /proc/PID/status; no line before that one can hold such a text. */
static int read_groups(const Process *process, gid_t **ret, size_t *ret_n)
{
    static const char key[] = "\nGroups:\t";
    _cleanup_free_ gid_t *groups = NULL;
    _cleanup_free_ char *text = NULL;
    const char *at;
    size_t size, n = 0;
    int r;

    r = process_read_file(process, "status", STATUS_MAX, &text, &size);
    if (r < 0)
        return r;
    at = strstr(text, key);
    if (!at)
        return -EPROTO;
    at += strlen(key);
    groups = calloc(strcspn(at, "\n") / 2 + 1, sizeof(*groups)); /* "0 0 " */
    if (!groups)
        return -ENOMEM;
    for (char *end; *at >= '0' && *at <= '9'; at = end + strspn(end, " "))
        groups[n++] = (gid_t)strtoul(at, &end, 10);
    *ret = steal_pointer(&groups);
    *ret_n = n;
    return 0;
}

/* Becomes the target's user to the full, where we may. */
static bool assume_target(const Process *process, Credentials *ret_saved)
{
    _cleanup_free_ gid_t *groups = NULL;
    size_t n;

    return read_groups(process, &groups, &n) >= 0 &&
           credentials_assume_groups(process->uid, process->gid, groups, n, ret_saved) >= 0;
}

/* A handle of what is at path in root, by the caller's permissions; -EACCES also when it may not be used in
 * this way (X_OK, R_OK). */
static int open_path(int root, const char *path, int mode)
{
    struct open_how how = {
            .flags = O_PATH | O_CLOEXEC,
            .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    _cleanup_close_ int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

    if (fd < 0 || faccessat(fd, "", mode, AT_EMPTY_PATH | AT_EACCESS) < 0)
        return -errno;
    return steal_fd(&fd);
}

static int open_as_target(const Process *process, const char *path, int mode, char **reason)
{
    _cleanup_close_ int root = process_open_root(process);
    Credentials saved;
    bool assumed;
    int fd;

    if (root < 0)
        return process_fail_access(process, root, "root", reason);
    assumed = assume_target(process, &saved);
    fd = open_path(root, path, mode);
    if (assumed)
        credentials_restore(&saved);
    if (fd == -ENOENT || fd == -ENOTDIR)
        return fail(reason, -EXDEV,
                "process %d (%s) has other file systems than we and finds nothing at %s; mount it there too",
                (int)process->pid, process->comm, path);
    if (fd == -EACCES)
        return fail(reason, -EACCES,
                "user %u, whose process %d (%s) is, may not get to %s; give others the right to pass through "
                "the directories on the way (chmod o+x)%s",
                (unsigned)process->uid, (int)process->pid, process->comm, path,
                mode == R_OK ? " and to read it (chmod o+r)" : "");
    if (fd < 0)
        return fail(reason, fd, "cannot look at %s as process %d (%s) sees it: %s", path, (int)process->pid,
                process->comm, strerror(-fd));
    return fd;
}

/* Finds path as we and as the target see it, the same thing of this type, and tells how it is mounted there.
 */
static int look_from_both(const Process *process, const char *path, mode_t type, int mode,
        unsigned long *ret_mount_flags, char **reason)
{
    _cleanup_close_ int ours = open(path, O_PATH | O_CLOEXEC), theirs = -1;
    struct stat our_status, their_status;
    struct statvfs mount;

    if (ours < 0 || fstat(ours, &our_status) < 0)
        return fail(reason, -errno, "cannot open %s: %s", path, strerror(errno));
    if ((our_status.st_mode & S_IFMT) != type)
        return fail(reason, -EINVAL, "%s is not a %s", path, type == S_IFDIR ? "directory" : "regular file");
    theirs = open_as_target(process, path, mode, reason);
    if (theirs < 0)
        return theirs;
    if (fstat(theirs, &their_status) < 0 || fstatvfs(theirs, &mount) < 0)
        return fail(reason, -errno, "cannot look at %s as process %d (%s) sees it: %s", path,
                (int)process->pid, process->comm, strerror(errno));
    if (our_status.st_dev != their_status.st_dev || our_status.st_ino != their_status.st_ino)
        return fail(reason, -EXDEV,
                "process %d (%s) has other file systems than we and finds another thing at %s; mount the "
                "same there",
                (int)process->pid, process->comm, path);
    *ret_mount_flags = mount.f_flag;
    return 0;
}

int target_sees_directory(const Process *process, const char *path, char **reason)
{
    unsigned long flags;
    int r;

    r = look_from_both(process, path, S_IFDIR, X_OK, &flags, reason);
    if (r < 0)
        return r;
    if (flags & ST_RDONLY)
        return fail(reason, -EROFS, "process %d (%s) has %s mounted read-only; mount it writable there",
                (int)process->pid, process->comm, path);
    return 0;
}

int target_sees_library(const Process *process, const char *path, char **reason)
{
    unsigned long flags;
    int r;

    r = look_from_both(process, path, S_IFREG, R_OK, &flags, reason);
    if (r < 0)
        return r;
    if (flags & ST_NOEXEC)
        return fail(reason, -EACCES,
                "process %d (%s) has the file system of %s mounted noexec, so it cannot be loaded from "
                "there; put the library elsewhere",
                (int)process->pid, process->comm, path);
    return 0;
}
