/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* HotSpot's performance data, made by hand. */

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

/* Offsets in the prologue and in an entry, to break them one by one. */
enum {
    PROLOGUE_MAGIC = 0,
    PROLOGUE_BYTE_ORDER = 4,
    PROLOGUE_MAJOR = 5,
    PROLOGUE_ACCESSIBLE = 7,
    PROLOGUE_ENTRY_OFFSET = 24,
    PROLOGUE_NUM_ENTRIES = 28,
    PROLOGUE_SIZE = 32,
    ENTRY_LENGTH = 0,
    ENTRY_NAME_OFFSET = 4,
    ENTRY_VECTOR_LENGTH = 8,
    ENTRY_DATA_TYPE = 12,
    ENTRY_DATA_OFFSET = 16,
    ENTRY_SIZE = 20,
};

typedef struct PerfData {
    char bytes[4096];
    size_t size;
    int32_t num_entries;
} PerfData;

static inline void perf_data_set(PerfData *data, size_t offset, int32_t value)
{
    memcpy(data->bytes + offset, &value, sizeof(value));
}

static inline void perf_data_init(PerfData *data)
{
    memset(data, 0, sizeof(*data));
    memcpy(data->bytes, "\xca\xfe\xc0\xc0", 4);
    data->bytes[PROLOGUE_BYTE_ORDER] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    data->bytes[PROLOGUE_MAJOR] = 2;
    data->bytes[PROLOGUE_ACCESSIBLE] = 1;
    perf_data_set(data, PROLOGUE_ENTRY_OFFSET, PROLOGUE_SIZE);
    data->size = PROLOGUE_SIZE;
}

/* Returns the entry's offset. */
static inline size_t perf_data_add(
        PerfData *data, const char *name, char type, int32_t vector_length, const void *value, size_t size)
{
    size_t entry = data->size, value_offset = (ENTRY_SIZE + strlen(name) + 1 + 7) & ~(size_t)7;
    size_t length = (value_offset + size + 7) & ~(size_t)7;

    cr_assert_leq(entry + length, sizeof(data->bytes));
    perf_data_set(data, entry + ENTRY_LENGTH, (int32_t)length);
    perf_data_set(data, entry + ENTRY_NAME_OFFSET, ENTRY_SIZE);
    perf_data_set(data, entry + ENTRY_VECTOR_LENGTH, vector_length);
    data->bytes[entry + ENTRY_DATA_TYPE] = type;
    perf_data_set(data, entry + ENTRY_DATA_OFFSET, (int32_t)value_offset);
    memcpy(data->bytes + entry + ENTRY_SIZE, name, strlen(name) + 1);
    memcpy(data->bytes + entry + value_offset, value, size);
    data->size += length;
    perf_data_set(data, PROLOGUE_NUM_ENTRIES, ++data->num_entries);
    return entry;
}

static inline size_t perf_data_add_string(PerfData *data, const char *name, const char *value)
{
    return perf_data_add(data, name, 'B', (int32_t)strlen(value) + 1, value, strlen(value) + 1);
}
