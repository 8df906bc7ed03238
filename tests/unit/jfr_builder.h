/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Builds small JFR chunks for tests, laid out as async-profiler lays them out: header, metadata event, one
 * event that holds a text, constant pool event. */

#include <stdint.h>
#include <string.h>

#define JFR_BUILDER_HEADER 68
#define JFR_BUILDER_EVENT 101

/* Where in the header a test may want to break something. */
#define JFR_BUILDER_SIZE_AT 8
#define JFR_BUILDER_POOL_AT 16
#define JFR_BUILDER_METADATA_AT 24
#define JFR_BUILDER_DURATION_AT 40

static inline uint8_t *jfr_put(uint8_t *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    return p + bytes;
}

/* The padded five byte form that async-profiler patches in afterwards. */
static inline uint8_t *jfr_put_size(uint8_t *p, uint32_t size)
{
    for (unsigned i = 0; i < 4; i++)
        *p++ = (uint8_t)(size >> 7 * i | 0x80);
    *p++ = (uint8_t)(size >> 28);
    return p;
}

static inline uint8_t *jfr_put_text(uint8_t *p, const char *text)
{
    size_t length = strlen(text);

    *p++ = 3; /* UTF-8 */
    p = jfr_put_size(p, (uint32_t)length);
    memcpy(p, text, length);
    return p + length;
}

/* Three types: 11 long, 20 String, 101 an event of a long and a String. */
static inline uint8_t *jfr_put_metadata(uint8_t *p)
{
    static const char *const strings[] = {"root", "metadata", "class", "field", "id", "name", "11", "20",
            "101", "long", "java.lang.String", "test.Event"};
    static const uint8_t elements[] = {
            0, 0, 1,              /* root, no attributes, one child */
            1, 0, 3,              /* metadata */
            2, 2, 4, 6, 5, 9, 0,  /* class id=11 name=long */
            2, 2, 4, 7, 5, 10, 0, /* class id=20 name=java.lang.String */
            2, 2, 4, 8, 5, 11, 2, /* class id=101 name=test.Event */
            3, 1, 2, 6, 0,        /* field class=11 */
            3, 1, 2, 7, 0,        /* field class=20 */
    };

    memcpy(p, (const uint8_t[]){1, 0, 1, sizeof(strings) / sizeof(strings[0])}, 4);
    p += 4;
    for (unsigned i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        p = jfr_put_text(p, strings[i]);
    memcpy(p, elements, sizeof(elements));
    return p + sizeof(elements);
}

/* Begins an event; jfr_end_event() puts its size in. */
static inline uint8_t *jfr_begin_event(uint8_t *p, uint8_t type)
{
    p[5] = type;
    return p + 6;
}

static inline uint8_t *jfr_end_event(uint8_t *begin, uint8_t *end)
{
    jfr_put_size(begin, (uint32_t)(end - begin));
    return end;
}

/* One finished chunk with one event, whose text is the payload, and one constant. Returns its size, 0 when
 * the buffer is too small: it needs 512 bytes more than the payload. */
static inline size_t jfr_build(
        uint8_t *buffer, size_t size, int64_t start_ns, int64_t duration_ns, const char *payload)
{
    uint8_t *metadata = buffer + JFR_BUILDER_HEADER, *event, *pool, *p;

    if (size < 512 + strlen(payload))
        return 0;
    event = jfr_end_event(metadata, jfr_put_metadata(jfr_begin_event(metadata, 0)));
    p = jfr_begin_event(event, JFR_BUILDER_EVENT);
    *p++ = 1; /* the long */
    pool = jfr_end_event(event, jfr_put_text(p, payload));
    p = jfr_begin_event(pool, 1);
    memcpy(p, (const uint8_t[]){1, 0, 0, 1, 1, 20, 1, 7}, 8); /* times, one pool, of Strings, one, key 7 */
    p = jfr_put_text(p + 8, "constant");
    p = jfr_end_event(pool, p);

    memcpy(buffer, "FLR", 4);
    jfr_put(buffer + 4, 2, 2);
    jfr_put(buffer + 6, 0, 2);
    jfr_put(buffer + JFR_BUILDER_SIZE_AT, (uint64_t)(p - buffer), 8);
    jfr_put(buffer + JFR_BUILDER_POOL_AT, (uint64_t)(pool - buffer), 8);
    jfr_put(buffer + JFR_BUILDER_METADATA_AT, JFR_BUILDER_HEADER, 8);
    jfr_put(buffer + 32, (uint64_t)start_ns, 8);
    jfr_put(buffer + JFR_BUILDER_DURATION_AT, (uint64_t)duration_ns, 8);
    jfr_put(buffer + 48, 1, 8);
    jfr_put(buffer + 56, 1000000000, 8);
    jfr_put(buffer + 64, 1, 4); /* compressed integers */
    return (size_t)(p - buffer);
}
