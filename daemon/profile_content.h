/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What async-profiler has written to its file. */

#include <stdint.h>

/* Whether all of it is there, as far as the format tells; extension names that. -ENODATA: nothing is.
 * -EBADMSG: it ends too early. */
int profile_content_check(int fd, uint64_t size, const char *extension, char **reason);

/* Its lines, made fit for a terminal, of at most 1 MiB. *ret is owned by the caller. */
int profile_content_read(int fd, char **ret);
