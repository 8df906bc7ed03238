/* SPDX-License-Identifier: Apache-2.0 */

/* What passes for a finished recording, and what must not. */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "conf/cleanup.h"
#include "daemon/jfr.h"
#include "tests/unit/jfr_builder.h"

#define START INT64_C(1700000000000000000)
#define SECOND INT64_C(1000000000)

static int check(const void *data, size_t size, JfrSummary *ret, char **reason)
{
    _cleanup_close_ int fd = memfd_create("jfr", MFD_CLOEXEC);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, data, size), (ssize_t)size);
    return jfr_check(fd, size, ret, reason);
}

/* Checks that it is refused with a sentence that has this in it. */
static void check_refused(const void *data, size_t size, const char *sentence)
{
    JfrSummary summary = {.chunks = 77};
    _cleanup_free_ char *reason = NULL;

    cr_expect_eq(check(data, size, &summary, &reason), -EBADMSG, "expected: %s", sentence);
    cr_expect(reason && strstr(reason, sentence), "\"%s\" has no \"%s\"", reason, sentence);
    cr_expect_eq(summary.chunks, 77, "untouched on failure");
}

static void check_good(const void *data, size_t size)
{
    _cleanup_free_ char *reason = NULL;
    JfrSummary summary;

    cr_expect_eq(check(data, size, &summary, &reason), 0, "%s", reason);
}

/* Takes bytes out of a chunk and mends what tells its length, as a lost write does. */
static size_t lose(uint8_t *chunk, size_t size, size_t at, size_t n)
{
    memmove(chunk + at, chunk + at + n, size - at - n);
    jfr_put(chunk + JFR_BUILDER_SIZE_AT, size - n, 8);
    return size - n;
}

static size_t event_size(const uint8_t *event)
{
    return (size_t)(event[0] & 0x7f) | (size_t)(event[1] & 0x7f) << 7;
}

static size_t pool_at(const uint8_t *chunk)
{
    return (size_t)chunk[JFR_BUILDER_POOL_AT + 6] << 8 | chunk[JFR_BUILDER_POOL_AT + 7];
}

Test(jfr, one_chunk)
{
    uint8_t data[1024];
    size_t size = jfr_build(data, sizeof(data), START, SECOND, "payload");
    JfrSummary summary;

    cr_assert_gt(size, 0);
    cr_assert_eq(check(data, size, &summary, NULL), 0);
    cr_expect_eq(summary.chunks, 1);
    cr_expect_eq(summary.start, START);
    cr_expect_eq(summary.end, START + SECOND);
}

Test(jfr, chunks_follow_one_another)
{
    uint8_t data[3072];
    size_t size = 0;
    JfrSummary summary;

    for (int i = 0; i < 3; i++)
        size += jfr_build(data + size, sizeof(data) - size, START + i * SECOND, SECOND, "payload");
    cr_assert_eq(check(data, size, &summary, NULL), 0);
    cr_expect_eq(summary.chunks, 3);
    cr_expect_eq(summary.start, START);
    cr_expect_eq(summary.end, START + 3 * SECOND);
}

/* Events over the bounds of the reader's buffer. */
Test(jfr, large)
{
    size_t capacity = 1 << 20;
    _cleanup_free_ uint8_t *data = malloc(capacity);
    _cleanup_free_ char *payload = malloc(capacity / 2);
    JfrSummary summary;
    size_t size = 0;

    memset(payload, 'x', capacity / 2);
    payload[capacity / 4] = '\0';
    while (size + capacity / 4 + 512 < capacity)
        size += jfr_build(data + size, capacity - size, START, SECOND, payload);
    cr_assert_eq(check(data, size, &summary, NULL), 0);
    cr_expect_eq(summary.chunks, 3);
    cr_expect_eq(jfr_build(data, 512, START, SECOND, "too much"), 0);
}

Test(jfr, empty)
{
    JfrSummary summary;

    cr_assert_eq(check("", 0, &summary, NULL), -ENODATA);
}

Test(jfr, no_jfr)
{
    uint8_t data[1024];
    size_t size = jfr_build(data, sizeof(data), START, SECOND, "payload");
    char text[200];

    memset(text, 'a', sizeof(text));
    check_refused(text, sizeof(text), "does not begin as a JFR chunk");
    check_refused("FLR", 3, "is cut short");
    data[5] = 3;
    check_refused(data, size, "version 2");
    data[5] = 2;
    data[67] = 0;
    check_refused(data, size, "version 2");
}

Test(jfr, never_finished)
{
    uint8_t data[2048];
    size_t size = jfr_build(data, sizeof(data), START, SECOND, "payload");
    size_t second = jfr_build(data + size, sizeof(data) - size, START, SECOND, "payload");

    jfr_put(data + size + JFR_BUILDER_SIZE_AT, 1 << 30, 8);
    jfr_put(data + size + JFR_BUILDER_DURATION_AT, 0, 8);
    check_refused(data, size + second, "chunk 2");
    check_refused(data, size + second, "was never finished");
    jfr_put(data + size + JFR_BUILDER_SIZE_AT, 0, 8);
    jfr_put(data + size + JFR_BUILDER_DURATION_AT, SECOND, 8);
    check_refused(data, size + second, "was never finished");
}

Test(jfr, cut_anywhere)
{
    uint8_t data[2048];
    size_t size = jfr_build(data, sizeof(data), START, SECOND, "payload");
    size_t both = size + jfr_build(data + size, sizeof(data) - size, START, SECOND, "payload");

    for (size_t cut = 1; cut < both; cut++)
        if (cut != size)
            check_refused(data, cut, cut < size ? "chunk 1" : "chunk 2");
    check_good(data, size);
    check_good(data, both);
}

Test(jfr, something_behind)
{
    uint8_t data[1024] = {0};
    size_t size = jfr_build(data, sizeof(data), START, SECOND, "payload");

    check_refused(data, size + 1, "chunk 2");
    check_refused(data, size + 200, "does not begin as");
}

/* A lost write leaves a header and sizes as if all were there. Only the loss of whole events cannot be told.
 */
Test(jfr, lost_writes)
{
    uint8_t good[1024], data[1024];
    size_t size = jfr_build(good, sizeof(good), START, SECOND, "a payload of some length");
    size_t pool = pool_at(good), event = JFR_BUILDER_HEADER + event_size(good + JFR_BUILDER_HEADER);

    for (size_t at = JFR_BUILDER_HEADER; at < pool; at++)
        for (size_t n = 1; at + n <= pool; n++) {
            bool whole = at == event && at + n == pool;

            memcpy(data, good, size);
            jfr_put(data + JFR_BUILDER_POOL_AT, pool - n, 8);
            cr_expect_eq(check(data, lose(data, size, at, n), &(JfrSummary){0}, NULL), whole ? 0 : -EBADMSG,
                    "%zu lost at %zu of %zu", n, at, pool);
        }
    for (size_t n = 1; n < size - pool; n++) {
        memcpy(data, good, size);
        jfr_put_size(data + pool, (uint32_t)(size - pool - n));
        check_refused(data, lose(data, size, size - n, n), "is damaged at byte");
    }
}

/* The write of the constants failed as a whole: what is patched in afterwards is all there is. */
Test(jfr, lost_constants)
{
    uint8_t data[1024];
    size_t size = jfr_build(data, sizeof(data), START, SECOND, "payload");
    size_t pool = pool_at(data);

    check_refused(data, lose(data, size, pool, size - pool), "has lost its constants");
    jfr_build(data, sizeof(data), START, SECOND, "payload");
    jfr_put(data + JFR_BUILDER_POOL_AT, JFR_BUILDER_HEADER, 8);
    check_refused(data, size, "has lost its constants");
}

Test(jfr, header_fields)
{
    static const unsigned at[] = {JFR_BUILDER_SIZE_AT, JFR_BUILDER_POOL_AT, JFR_BUILDER_METADATA_AT};
    static const uint64_t values[] = {1, 67, 69, 4096, 1 << 30, UINT64_C(1) << 32, INT64_MAX, UINT64_MAX};
    uint8_t good[1024], data[1024];
    size_t size = jfr_build(good, sizeof(good), START, SECOND, "payload");

    for (unsigned i = 0; i < 3; i++)
        for (unsigned j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
            memcpy(data, good, size);
            jfr_put(data + at[i], values[j], 8);
            check_refused(data, size, "chunk 1");
        }
    memcpy(data, good, size);
    jfr_put(data + JFR_BUILDER_DURATION_AT, INT64_MAX, 8);
    check_refused(data, size, "damaged header");
}

/* A recording whose types refer to themselves, or are too many, costs neither stack nor memory nor time. */
Test(jfr, hostile_types)
{
    size_t capacity = 4 << 20, size;
    _cleanup_free_ uint8_t *good = malloc(1024), *data = malloc(capacity);
    uint8_t *p, *metadata, *elements;

    size = jfr_build(good, 1024, START, SECOND, "payload");
    metadata = good + JFR_BUILDER_HEADER;
    elements = metadata + event_size(metadata) - 10; /* the two fields */

    /* The event's second field is an event. */
    memcpy(data, good, size);
    data[elements - good + 5 + 3] = 8;
    check_refused(data, size, "is damaged at byte");

    /* Elements in elements without end. */
    memcpy(data, good, size);
    p = data + (elements - good) - 27; /* "root" */
    for (size_t left = capacity - (size_t)(p - data); left >= 3; left -= 3, p += 3)
        memcpy(p, (const uint8_t[]){0, 0, 1}, 3);
    jfr_end_event(data + JFR_BUILDER_HEADER, p);
    jfr_put(data + JFR_BUILDER_SIZE_AT, (uint64_t)(p - data), 8);
    check_refused(data, (size_t)(p - data), "damaged metadata");

    /* Four million strings. */
    memcpy(data, good, size);
    p = jfr_begin_event(data + JFR_BUILDER_HEADER, 0);
    memcpy(p, (const uint8_t[]){1, 0, 1, 0x80, 0x80, 0x80, 0x02}, 7);
    memset(p + 7, 1, capacity - (size_t)(p + 7 - data));
    jfr_end_event(data + JFR_BUILDER_HEADER, data + capacity);
    jfr_put(data + JFR_BUILDER_SIZE_AT, capacity, 8);
    check_refused(data, capacity, "damaged metadata");
}

/* Whatever the bytes are: no crash, no hang, and an answer. */
Test(jfr, mutations)
{
    uint8_t good[2048], data[2048];
    size_t size = jfr_build(good, sizeof(good), START, SECOND, "a payload of some length");
    struct timespec start, now;
    unsigned rounds = 0, refused = 0;

    size += jfr_build(good + size, sizeof(good) - size, START, SECOND, "another");
    srandom(1);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        JfrSummary summary;
        int r;

        memcpy(data, good, size);
        for (long n = 1 + random() % 4; n > 0; n--)
            data[(size_t)random() % size] = random() % 2 ? (uint8_t)random() : 0xff;
        r = check(data, size - (size_t)(random() % 2 ? 0 : random() % 50), &summary, NULL);
        cr_assert(r == 0 || r == -EBADMSG, "%i", r);
        refused += r < 0;
        rounds++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * SECOND + now.tv_nsec - start.tv_nsec < SECOND);
    cr_assert_gt(refused, rounds / 4);
}
