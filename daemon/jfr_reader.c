/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/jfr_reader.h"

#include <errno.h>
#include <unistd.h>

enum {
    STRING_NULL = 0,
    STRING_EMPTY = 1,
    STRING_CONSTANT = 2, /* a key of the constant pool */
    STRING_UTF8 = 3,
    STRING_CHARS = 4, /* each a compressed integer */
    STRING_LATIN1 = 5,
};

void jfr_reader_init(JfrReader *reader, int fd, uint64_t limit)
{
    reader->fd = fd;
    reader->limit = limit;
    reader->position = 0;
    reader->buffered = 0;
    reader->length = 0;
}

static int jfr_refill(JfrReader *reader)
{
    ssize_t n;

    do
        n = pread(reader->fd, reader->buffer, sizeof(reader->buffer), (off_t)reader->position);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -EBADMSG;
    reader->buffered = reader->position;
    reader->length = (size_t)n;
    return 0;
}

int jfr_read_byte(JfrReader *reader, uint8_t *ret)
{
    if (reader->position >= reader->limit)
        return -EBADMSG;
    /* Also when the position is in front of the buffer: the difference is huge then. */
    if (reader->position - reader->buffered >= reader->length) {
        int r = jfr_refill(reader);

        if (r < 0)
            return r;
    }
    *ret = reader->buffer[reader->position++ - reader->buffered];
    return 0;
}

int jfr_read_fixed(JfrReader *reader, unsigned bytes, uint64_t *ret)
{
    uint64_t value = 0;
    uint8_t byte;

    for (unsigned i = 0; i < bytes; i++) {
        int r = jfr_read_byte(reader, &byte);

        if (r < 0)
            return r;
        value = value << 8 | byte;
    }
    *ret = value;
    return 0;
}

int jfr_read_varint(JfrReader *reader, uint64_t *ret)
{
    uint64_t value = 0;
    uint8_t byte = 0x80;

    for (unsigned shift = 0; shift < 56 && (byte & 0x80); shift += 7) {
        int r = jfr_read_byte(reader, &byte);

        if (r < 0)
            return r;
        value |= (uint64_t)(byte & 0x7f) << shift;
    }
    if (byte & 0x80) {
        int r = jfr_read_byte(reader, &byte);

        if (r < 0)
            return r;
        value |= (uint64_t)byte << 56;
    }
    *ret = value;
    return 0;
}

int jfr_skip(JfrReader *reader, uint64_t bytes)
{
    if (bytes > reader->limit - reader->position)
        return -EBADMSG;
    reader->position += bytes;
    return 0;
}

static int jfr_read_text(JfrReader *reader, uint64_t length, char *text, size_t size)
{
    if (length >= size)
        return jfr_skip(reader, length);
    for (uint64_t i = 0; i < length; i++) {
        uint8_t byte;
        int r = jfr_read_byte(reader, &byte);

        if (r < 0)
            return r;
        text[i] = (char)byte;
    }
    text[length] = '\0';
    return 0;
}

int jfr_read_string(JfrReader *reader, char *text, size_t size)
{
    uint64_t n = 0, ignored;
    uint8_t encoding;
    int r;

    text[0] = '\0';
    r = jfr_read_byte(reader, &encoding);
    if (r < 0 || encoding == STRING_NULL || encoding == STRING_EMPTY)
        return r;
    if (encoding > STRING_LATIN1)
        return -EBADMSG;
    r = jfr_read_varint(reader, &n);
    if (r == 0 && (encoding == STRING_UTF8 || encoding == STRING_LATIN1))
        return jfr_read_text(reader, n, text, size);
    for (; r == 0 && encoding == STRING_CHARS && n > 0; n--)
        r = jfr_read_varint(reader, &ignored);
    return r;
}
