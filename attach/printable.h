/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text of a target's, made fit for a log and a terminal. */

#include <stddef.h>

/* A copy as one line of printable ASCII: line breaks and tabs become spaces, anything else '?', spaces at the
 * end go. Owned by the caller; NULL when memory is out. */
char *printable_copy(const char *text, size_t size);
