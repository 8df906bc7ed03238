/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/hsperfdata.h"

#include <criterion/criterion.h>
#include <limits.h>

#include "tests/unit/perf_data.h"

static PerfData data;
static size_t long_entry, entry;

static void setup(void)
{
    const int64_t number = 42;

    perf_data_init(&data);
    long_entry = perf_data_add(&data, "sun.rt.safepoints", 'J', 0, &number, sizeof(number));
    entry = perf_data_add_string(&data, "sun.rt.javaCommand", "Main a b");
    perf_data_add_string(&data, "sun.rt.empty", "");
}

TestSuite(hsperfdata, .init = setup);

/* Found in a copy of exactly this size, so that a sanitizer sees what lies beyond. */
static bool finds(size_t size, const char *name, const char *expected)
{
    char *copy = malloc(size ? size : 1);
    const char *value;
    size_t length;
    bool same;

    cr_assert_not_null(copy);
    memcpy(copy, data.bytes, size);
    value = hsperfdata_find(copy, size, name, &length);
    same = value && length == strlen(expected) && memcmp(value, expected, length) == 0;
    free(copy);
    return same;
}

static bool finds_command(void)
{
    return finds(data.size, "sun.rt.javaCommand", "Main a b");
}

Test(hsperfdata, finds_strings_only)
{
    cr_expect(finds_command());
    cr_expect(finds(data.size, "sun.rt.empty", ""));
    cr_expect(finds(sizeof(data.bytes), "sun.rt.javaCommand", "Main a b"), "a file has room left");
    cr_expect_not(finds(data.size, "sun.rt.javaComman", "Main a b"));
    cr_expect_not(finds(data.size, "sun.rt.javaCommandX", "Main a b"));
    cr_expect_not(finds(data.size, "sun.rt.safepoints", ""));
}

Test(hsperfdata, refuses_other_data)
{
    static const size_t offsets[] = {
            PROLOGUE_MAGIC, PROLOGUE_BYTE_ORDER, PROLOGUE_MAJOR, PROLOGUE_ACCESSIBLE};

    for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
        data.bytes[offsets[i]] ^= 1;
        cr_expect_not(finds_command(), "offset %zu", offsets[i]);
        data.bytes[offsets[i]] ^= 1;
    }
    cr_expect(finds_command());
}

Test(hsperfdata, any_end_is_safe)
{
    for (size_t size = 0; size < data.size; size++)
        finds(size, "sun.rt.javaCommand", "Main a b");
    cr_expect_not(finds(entry + ENTRY_SIZE, "sun.rt.javaCommand", "Main a b"));
}

Test(hsperfdata, any_offset_is_safe)
{
    static const int32_t values[] = {INT_MIN, -1, 0, 1, 19, 21, 0x7fff, 0x10000, INT_MAX - 20, INT_MAX};
    const size_t offsets[] = {PROLOGUE_ENTRY_OFFSET, PROLOGUE_NUM_ENTRIES, entry + ENTRY_LENGTH,
            entry + ENTRY_NAME_OFFSET, entry + ENTRY_VECTOR_LENGTH, entry + ENTRY_DATA_OFFSET,
            long_entry + ENTRY_LENGTH, long_entry + ENTRY_NAME_OFFSET};
    PerfData good = data;

    for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++)
        for (size_t k = 0; k < sizeof(values) / sizeof(*values); k++) {
            perf_data_set(&data, offsets[i], values[k]);
            finds_command();
            data = good;
        }
    perf_data_set(&data, entry + ENTRY_DATA_OFFSET, INT_MAX);
    cr_expect_not(finds_command());
}

Test(hsperfdata, string_without_end_is_cut_at_its_length)
{
    perf_data_set(&data, entry + ENTRY_VECTOR_LENGTH, 4);
    cr_expect(finds(data.size, "sun.rt.javaCommand", "Main"));
}

/* Random damage; what is found is not looked at, a sanitizer is. */
Test(hsperfdata, any_damage_is_safe, .timeout = 60)
{
    PerfData good = data;
    unsigned seed = 1;

    for (unsigned round = 0; round < 100000; round++) {
        unsigned n = 1 + (unsigned)rand_r(&seed) % 8;

        for (; n > 0; n--) {
            size_t at = (size_t)rand_r(&seed) % data.size;

            data.bytes[at] = rand_r(&seed) % 2 ? (char)rand_r(&seed) : (char)(data.bytes[at] + 1);
        }
        /* Most of the damage shall get past the first look. */
        memcpy(data.bytes, good.bytes, PROLOGUE_ENTRY_OFFSET);
        finds((size_t)rand_r(&seed) % 2 ? data.size : (size_t)rand_r(&seed) % data.size, "sun.rt.empty", "");
        data = good;
    }
}
