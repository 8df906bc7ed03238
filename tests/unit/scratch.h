/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A directory of a test's own, and small file systems to run full. */

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static inline char *scratch_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A path out of its parts, for one expression: the next sixteen calls leave it alone. */
static inline char *scratch_path(const char *format, ...)
{
    static _Thread_local char paths[16][PATH_MAX];
    static _Thread_local unsigned next;
    char *path = paths[next++ % 16];
    va_list args;

    va_start(args, format);
    vsnprintf(path, PATH_MAX, format, args);
    va_end(args);
    return path;
}

static inline void scratch_make(char path[static 32])
{
    snprintf(path, 32, "/tmp/agentd-test-XXXXXX");
    cr_assert_not_null(mkdtemp(path));
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    if (remove(path) < 0 && errno == EBUSY) {
        umount2(path, MNT_DETACH);
        remove(path);
    }
    return 0;
}

static inline void scratch_remove(const char *path)
{
    nftw(path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Mounts a tmpfs there for this process only; it goes with it. */
static inline void scratch_mount(const char *path, const char *options)
{
    static bool unshared;

    if (!unshared) {
        cr_assert_eq(unshare(CLONE_NEWNS), 0, "this test needs root and CAP_SYS_ADMIN: %s", strerror(errno));
        cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0, "%s", strerror(errno));
        unshared = true;
    }
    cr_assert_eq(mount("none", path, "tmpfs", 0, options), 0, "%s", strerror(errno));
}

static inline void scratch_write(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
    cr_assert_eq(write(fd, data, size), (ssize_t)size);
    close(fd);
}

static inline bool scratch_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static inline int scratch_count_one(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* How many things are in a directory, hidden ones too. */
static inline int scratch_count(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, scratch_count_one, NULL);

    for (int i = 0; i < n; i++)
        free(entries[i]);
    if (n >= 0)
        free(entries);
    return n;
}
