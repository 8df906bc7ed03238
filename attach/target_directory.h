/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A directory for one target's files: made by us, searched but not written by the target (unless it runs as
 * our own user), with files that belong to the target. We read them through the descriptors kept from their
 * creation, never again by path.
 */

#include <sys/types.h>

#include "attach/process.h"

typedef struct TargetDirectory {
    char *path; /* absolute, no comma, no '%' */
    int fd;
    uid_t uid;
    gid_t gid;
} TargetDirectory;

/* Makes `name` in parent (absolute; it and its ancestors are made, 0711, where missing). A directory of that
 * name left from a dead daemon is refused with -EEXIST. */
int target_directory_new(
        const char *parent, const char *name, const Process *process, TargetDirectory **ret, char **reason);
/* Closes; the files stay. Takes NULL, returns NULL. */
TargetDirectory *target_directory_free(TargetDirectory *directory);
DEFINE_CLEANUP(TargetDirectory, target_directory_free)

/* Puts a new empty file in the place of `name` (a file of that name loses its name, not its content) and
 * returns its read-write descriptor. */
int target_directory_create_file(TargetDirectory *directory, const char *name, char **reason);

/* Removes the files in it and the directory itself; the target may no longer be told of them. */
int target_directory_remove(TargetDirectory *directory);

/*
 * Whether the target finds, at the same absolute path, the same thing as we do, and may get there as its own
 * user: 0, else -EXDEV (another thing or nothing in its mount namespace), -EACCES, -EROFS, with the reason.
 */
int target_sees_directory(const Process *process, const char *path, char **reason);
/* The same for the library to load, which must also be no noexec mount and readable. */
int target_sees_library(const Process *process, const char *path, char **reason);
