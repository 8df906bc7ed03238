/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files whose names sort by age, and how many of the oldest have to go. */

#include <stddef.h>
#include <stdint.h>

typedef struct RetentionItem {
    char *name;
    uint64_t size; /* bytes */
} RetentionItem;

typedef struct RetentionItems {
    RetentionItem *items;
    size_t n;
    size_t capacity;
} RetentionItems;

/* Copies the name. */
int retention_add(RetentionItems *list, const char *name, uint64_t size);
/* By name, which is oldest first. */
void retention_sort(RetentionItems *list);
/* Frees what the list holds; for _cleanup_(). */
void retention_clear(RetentionItems *list);

/* How many of the first items go so that at most keep_count (or keep_bytes together) are left. */
size_t retention_over_count(const RetentionItems *list, uint64_t keep_count);
size_t retention_over_bytes(const RetentionItems *list, uint64_t keep_bytes);
