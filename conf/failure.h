/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "conf/cleanup.h"

/*
 * A function that can fail for reasons a person must understand takes `char **reason`. On failure it
 * returns a negative errno and leaves one sentence there (heap-owned by the caller; may be NULL when
 * memory is out): what failed, on what, why, what to do; no final full stop. On success it leaves
 * *reason alone. Libraries never log; whoever asked decides what becomes of the sentence.
 */

/* Sets *reason (freeing what was there; reason may be NULL) and returns r, for `return fail(...)`. */
int fail(char **reason, int r, const char *format, ...) _printf_(3, 4);

/* Puts "<text>: " in front of *reason and returns r. */
int fail_prefix(char **reason, int r, const char *format, ...) _printf_(3, 4);

/* The sentence to show when *reason may be missing: *reason, else strerror(-r). */
const char *failure_text(const char *reason, int r);
