/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <dirent.h>
#include <sys/types.h>

/* Makes the directory at an absolute path with this mode, and its ancestors with theirs, where they are
 * missing (the umask narrows both); what is there stays as it is. */
int directory_make(const char *path, mode_t mode, mode_t ancestors);

/* Lists the directory open at fd from its beginning; fd itself is left alone. NULL: errno says why. */
DIR *directory_list(int fd);
