/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* A copy of anybody's bytes as one line of valid UTF-8: what is not valid, and control characters, become
 * '?'. Owned by the caller; NULL when memory is out. */
char *utf8_line(const char *text, size_t size);

/* The columns that valid UTF-8 takes on a terminal, one for each character. */
size_t utf8_width(const char *text);
/* The bytes of its first `width` characters. */
size_t utf8_cut(const char *text, size_t width);
