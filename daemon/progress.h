/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One line at the bottom of a terminal that says how far it has come. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Progress {
    const char *what; /* "cpu" */
    const char *whom; /* "java (4242)" */
    uint64_t elapsed; /* ns */
    uint64_t total;
} Progress;

/* The line for a terminal of this many columns, always shorter than that; no control characters. */
void progress_format(const Progress *progress, size_t columns, char *line, size_t size);

/* Whether anybody watches: stderr is a terminal and we are in its foreground. */
bool progress_is_watched(void);
/* Draws the line on stderr in the place of the last one, or takes it away. */
void progress_show(const Progress *progress);
void progress_hide(void);
