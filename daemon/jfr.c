/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/jfr.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "conf/failure.h"
#include "daemon/jfr_reader.h"
#include "daemon/jfr_types.h"

#define HEADER_SIZE 68
#define COMPRESSED_INTEGERS 1
#define MAGIC 0x464c5200 /* "FLR" */

/* The types of the two events that every chunk has. */
#define METADATA 0
#define CONSTANT_POOL 1

typedef struct Chunk {
    unsigned number; /* counting from 1 */
    uint64_t at;     /* bytes, in the file */
    uint64_t magic, major, minor;
    uint64_t size;
    uint64_t pool;     /* bytes, in the chunk */
    uint64_t metadata; /* the same */
    uint64_t start;    /* ns since the epoch */
    uint64_t duration; /* ns */
    uint64_t ticks, frequency, features;
} Chunk;

#define LABEL "chunk %u (at byte %" PRIu64 ")"
#define LABEL_OF(chunk) (chunk)->number, (chunk)->at

static int chunk_read_header(JfrReader *reader, Chunk *chunk)
{
    const struct {
        unsigned bytes;
        uint64_t *value;
    } fields[] = {
            {4, &chunk->magic},
            {2, &chunk->major},
            {2, &chunk->minor},
            {8, &chunk->size},
            {8, &chunk->pool},
            {8, &chunk->metadata},
            {8, &chunk->start},
            {8, &chunk->duration},
            {8, &chunk->ticks},
            {8, &chunk->frequency},
            {4, &chunk->features},
    };
    int r = 0;

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && r == 0; i++)
        r = jfr_read_fixed(reader, fields[i].bytes, fields[i].value);
    return r;
}

static int chunk_check_header(const Chunk *chunk, uint64_t left, char **reason)
{
    if (chunk->magic != MAGIC || chunk->major != 2 || !(chunk->features & COMPRESSED_INTEGERS))
        return fail(
                reason, -EBADMSG, LABEL " does not begin as a JFR chunk of version 2 does", LABEL_OF(chunk));
    /* async-profiler writes a size of 1 GiB at first, OpenJDK 0; the duration comes last. */
    if (chunk->size == 0 || chunk->duration == 0)
        return fail(reason, -EBADMSG, LABEL " was never finished", LABEL_OF(chunk));
    if (chunk->size > left)
        return fail(reason, -EBADMSG,
                LABEL " should have %" PRIu64 " bytes, but the file ends after %" PRIu64, LABEL_OF(chunk),
                chunk->size, left);
    if (chunk->pool >= chunk->size)
        return fail(reason, -EBADMSG, LABEL " has lost its constants, as on a full disk", LABEL_OF(chunk));
    if (chunk->start > INT64_MAX || chunk->duration > INT64_MAX - chunk->start || chunk->pool < HEADER_SIZE ||
            chunk->metadata < HEADER_SIZE || chunk->metadata >= chunk->size)
        return fail(reason, -EBADMSG, LABEL " has a damaged header", LABEL_OF(chunk));
    return 0;
}

/* Reads what every event begins with, and limits the reader to the event. */
static int event_begin(JfrReader *reader, uint64_t chunk_end, uint64_t *ret_end, uint64_t *ret_type)
{
    uint64_t at = reader->position, size;
    int r;

    reader->limit = chunk_end;
    r = jfr_read_varint(reader, &size);
    if (r < 0)
        return r;
    if (size > chunk_end - at || size <= reader->position - at)
        return -EBADMSG;
    reader->limit = at + size;
    *ret_end = at + size;
    return jfr_read_varint(reader, ret_type);
}

static int chunk_read_types(JfrReader *reader, const Chunk *chunk, JfrTypes **ret)
{
    uint64_t end, type;
    int r;

    reader->position = chunk->at + chunk->metadata;
    r = event_begin(reader, chunk->at + chunk->size, &end, &type);
    if (r < 0)
        return r;
    return type == METADATA ? jfr_types_read(reader, ret) : -EBADMSG;
}

static int chunk_check_event(JfrReader *reader, const JfrTypes *types, uint64_t chunk_end, uint64_t *ret_type)
{
    uint64_t end, type;
    int r;

    r = event_begin(reader, chunk_end, &end, &type);
    if (r == 0 && type == CONSTANT_POOL)
        r = jfr_types_skip_pools(types, reader);
    else if (r == 0 && type != METADATA)
        r = jfr_types_skip_value(types, reader, type);
    if (r < 0)
        return r;
    reader->position = end;
    *ret_type = type;
    return 0;
}

/* Sizes alone do not tell: a write that a full disk cut short leaves them as if all were there. So every
 * event and constant is read by its type. */
static int chunk_check(JfrReader *reader, const Chunk *chunk, char **reason)
{
    _cleanup_(jfr_types_freep) JfrTypes *types = NULL;
    uint64_t end = chunk->at + chunk->size, type;
    bool pooled = false;
    int r;

    r = chunk_read_types(reader, chunk, &types);
    if (r < 0)
        return r == -EBADMSG ? fail(reason, r, LABEL " has damaged metadata", LABEL_OF(chunk)) : r;
    reader->position = chunk->at + HEADER_SIZE;
    while (reader->position < end) {
        uint64_t at = reader->position;

        r = chunk_check_event(reader, types, end, &type);
        if (r < 0)
            return r == -EBADMSG ? fail(reason, r, LABEL " is damaged at byte %" PRIu64, LABEL_OF(chunk), at)
                                 : r;
        pooled |= type == CONSTANT_POOL && at == chunk->at + chunk->pool;
    }
    return pooled ? 0 : fail(reason, -EBADMSG, LABEL " has lost its constants", LABEL_OF(chunk));
}

int jfr_check(int fd, uint64_t size, JfrSummary *ret, char **reason)
{
    _cleanup_free_ JfrReader *reader = NULL;
    JfrSummary summary = {0};
    uint64_t at = 0;
    int r;

    if (size == 0)
        return -ENODATA;
    reader = malloc(sizeof(*reader));
    if (!reader)
        return -ENOMEM;
    jfr_reader_init(reader, fd, size);
    while (at < size) {
        Chunk chunk = {.number = summary.chunks + 1, .at = at};

        reader->position = at;
        reader->limit = size;
        r = chunk_read_header(reader, &chunk);
        if (r < 0)
            return r == -EBADMSG ? fail(reason, r, LABEL " is cut short", LABEL_OF(&chunk)) : r;
        r = chunk_check_header(&chunk, size - at, reason);
        if (r < 0)
            return r;
        r = chunk_check(reader, &chunk, reason);
        if (r < 0)
            return r;
        if (summary.chunks++ == 0)
            summary.start = (int64_t)chunk.start;
        summary.end = (int64_t)(chunk.start + chunk.duration);
        at += chunk.size;
    }
    *ret = summary;
    return 0;
}
