/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/suggest.h"

#include <string.h>

#define WORD_MAX 64
#define DISTANCE_MAX 3

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, one row at a time. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], n = strlen(a), m = strlen(b);

    if (n > WORD_MAX || m > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j];

            row[j] = least(diagonal + (a[i - 1] != b[j - 1]), least(row[j], row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[m];
}

const char *suggest_nearest(const char *word, const char *const *candidates, size_t n)
{
    size_t limit = strlen(word) / 3, best;
    const char *nearest = NULL;

    limit = limit < 1 ? 1 : least(limit, DISTANCE_MAX);
    best = limit + 1;
    for (size_t i = 0; i < n; i++) {
        size_t distance = edit_distance(word, candidates[i]);

        if (distance < best) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
