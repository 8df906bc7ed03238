/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One request on its connection, and what comes back: the bytes only. Version 1 of the protocol, one request
 * a connection. Source: OpenJDK, AttachOperation in src/hotspot/share/services/attachListener.hpp. */

#include <stdbool.h>
#include <stddef.h>

typedef struct HotspotRequest {
    int fd;
    char *options; /* what it asks for */
    char *data;
    size_t size;
    size_t sent;
    char *reply;
    size_t reply_size;
    size_t reply_room;
} HotspotRequest;

#define HOTSPOT_REQUEST_NULL                                                                                 \
    {                                                                                                        \
        .fd = -1                                                                                             \
    }

/* "Load library with these options", over a connected non-blocking descriptor, which is taken over. Nothing
 * is sent yet. */
int hotspot_request_init(HotspotRequest *request, int fd, const char *library, const char *options);
void hotspot_request_clear(HotspotRequest *request);

/* Sends and receives what goes at once. 0: there is more to come. 1: the other side has closed, the reply is
 * whole. -EPROTO: it is longer than any JVM's. */
int hotspot_request_advance(HotspotRequest *request);
/* Whether the descriptor has to be waited for to become writable. */
bool hotspot_request_is_sending(const HotspotRequest *request);
