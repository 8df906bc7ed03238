/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/hotspot_request.h"

#include <string.h>
#include <sys/socket.h>

#include "conf/cleanup.h"

#define REPLY_FIRST ((size_t)512)
#define REPLY_MAX ((size_t)64 * 1024)

int hotspot_request_init(HotspotRequest *request, int fd, const char *library, const char *options)
{
    int size;

    *request = (HotspotRequest){.fd = fd, .options = strdup(options)};
    /* "1" is the protocol's version; "true" says that the path is absolute. */
    size = asprintf(&request->data, "1%cload%c%s%ctrue%c%s%c", 0, 0, library, 0, 0, options, 0);
    if (size < 0)
        request->data = NULL;
    if (!request->options || !request->data) {
        hotspot_request_clear(request);
        return -ENOMEM;
    }
    request->size = (size_t)size;
    return 0;
}

void hotspot_request_clear(HotspotRequest *request)
{
    close_fd(request->fd);
    free(request->options);
    free(request->data);
    free(request->reply);
    *request = (HotspotRequest)HOTSPOT_REQUEST_NULL;
}

/* All in one piece if it goes: HotSpot serves nobody else before it has the whole. */
static int request_send(HotspotRequest *request)
{
    ssize_t n;

    while (hotspot_request_is_sending(request)) {
        n = send(request->fd, request->data + request->sent, request->size - request->sent,
                MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0)
            return errno == EPIPE || errno == ECONNRESET ? 1 : -errno;
        request->sent += (size_t)n;
    }
    return 0;
}

static int request_make_room(HotspotRequest *request)
{
    size_t room = request->reply_room ? 2 * request->reply_room : REPLY_FIRST;
    char *reply;

    if (room > REPLY_MAX)
        return -EPROTO;
    reply = realloc(request->reply, room);
    if (!reply)
        return -ENOMEM;
    request->reply = reply;
    request->reply_room = room;
    return 0;
}

static int request_receive(HotspotRequest *request)
{
    ssize_t n;
    int r;

    for (;;) {
        if (request->reply_size == request->reply_room) {
            r = request_make_room(request);
            if (r < 0)
                return r;
        }
        n = recv(request->fd, request->reply + request->reply_size, request->reply_room - request->reply_size,
                MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0 && errno != ECONNRESET)
            return -errno;
        if (n <= 0)
            return 1;
        request->reply_size += (size_t)n;
    }
}

int hotspot_request_advance(HotspotRequest *request)
{
    int r = request_send(request);

    return r < 0 ? r : request_receive(request);
}

bool hotspot_request_is_sending(const HotspotRequest *request)
{
    return request->sent < request->size;
}
