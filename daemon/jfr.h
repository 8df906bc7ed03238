/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tells a finished JFR recording from a broken one. Source: OpenJDK, jdk.jfr.internal.consumer.ChunkHeader.
 */

#include <stdint.h>

typedef struct JfrSummary {
    unsigned chunks;
    int64_t start; /* ns since the epoch: the first chunk's */
    int64_t end;   /* the last chunk's */
} JfrSummary;

/*
 * Walks the chunks of the file, and in each the events and constants by the types that it declares: 0 when
 * every chunk is finished and ends where the next begins or the file ends. -ENODATA: empty. -EBADMSG, with
 * the reason: a chunk that was never finished, does not end where it should, or is no JFR. Reads with a fixed
 * buffer; the file must not change meanwhile.
 */
int jfr_check(int fd, uint64_t size, JfrSummary *ret, char **reason);
