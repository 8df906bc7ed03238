/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What comes out: asprof's -o, or the ending of -f. Private to daemon/asprof_*.c. */

#include <stdio.h>

/*
 * Writes the options for async-profiler, each with its leading comma, and tells the extension that files of
 * this format have. name: of -o, or NULL; output: of -f, or NULL, and then it is fallback.
 */
int asprof_format_put(const char *name, const char *output, const char *fallback, FILE *out,
        const char **ret_extension, char **reason);
