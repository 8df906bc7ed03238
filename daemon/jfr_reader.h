/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reads a JFR file from front to back through one fixed buffer. Whatever lies beyond the limit, or is not
 * there, is -EBADMSG. Source: OpenJDK, jdk.jfr.internal.consumer.RecordingInput. */

#include <stddef.h>
#include <stdint.h>

typedef struct JfrReader {
    int fd;
    uint64_t limit;    /* where reading has to end */
    uint64_t position; /* in the file, of what is read next */
    uint64_t buffered; /* in the file, of the buffer's first byte */
    size_t length;     /* of what the buffer holds */
    uint8_t buffer[64 * 1024];
} JfrReader;

/* Nothing is read yet; forgets no buffer. */
void jfr_reader_init(JfrReader *reader, int fd, uint64_t limit);

int jfr_read_byte(JfrReader *reader, uint8_t *ret);
/* Whole numbers in big-endian order, of 1 to 8 bytes. */
int jfr_read_fixed(JfrReader *reader, unsigned bytes, uint64_t *ret);
/* OpenJDK's compressed integer: seven bits a byte, least significant first, eight in the ninth byte. */
int jfr_read_varint(JfrReader *reader, uint64_t *ret);
int jfr_skip(JfrReader *reader, uint64_t bytes);
/* Reads a string in any of JFR's encodings. What fits of it is left in text, which is always terminated; a
 * text that was cut, or is not in bytes, is left empty. */
int jfr_read_string(JfrReader *reader, char *text, size_t size);
