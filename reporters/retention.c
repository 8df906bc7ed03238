/* SPDX-License-Identifier: Apache-2.0 */
#include "reporters/retention.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int retention_add(RetentionItems *list, const char *name, uint64_t size)
{
    char *copy;

    if (list->n == list->capacity) {
        size_t capacity = list->capacity > 0 ? 2 * list->capacity : 64;
        RetentionItem *items = reallocarray(list->items, capacity, sizeof(*items));

        if (!items)
            return -ENOMEM;
        list->items = items;
        list->capacity = capacity;
    }
    copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    list->items[list->n++] = (RetentionItem){.name = copy, .size = size};
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const RetentionItem *)a)->name, ((const RetentionItem *)b)->name);
}

void retention_sort(RetentionItems *list)
{
    if (list->n > 1)
        qsort(list->items, list->n, sizeof(*list->items), compare_names);
}

void retention_clear(RetentionItems *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].name);
    free(list->items);
    *list = (RetentionItems){0};
}

size_t retention_over_count(const RetentionItems *list, uint64_t keep_count)
{
    return list->n > keep_count ? list->n - (size_t)keep_count : 0;
}

size_t retention_over_bytes(const RetentionItems *list, uint64_t keep_bytes)
{
    size_t kept = 0;
    uint64_t left = keep_bytes;

    while (kept < list->n && list->items[list->n - 1 - kept].size <= left) {
        left -= list->items[list->n - 1 - kept].size;
        kept++;
    }
    return list->n - kept;
}
