/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* The candidate nearest to word (edit distance, at most a third of its length, at least 1 and at most 3), or
 * NULL. */
const char *suggest_nearest(const char *word, const char *const *candidates, size_t n);
