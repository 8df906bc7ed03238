/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/directory.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/cleanup.h"

int directory_make(const char *path, mode_t mode, mode_t ancestors)
{
    _cleanup_free_ char *copy = strdup(path);

    if (!copy)
        return -ENOMEM;
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, ancestors) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return -errno;
    return 0;
}

DIR *directory_list(int fd)
{
    /* Not dup(): the two would share one offset. */
    _cleanup_close_ int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;

    if (dir)
        steal_fd(&own);
    return dir;
}
