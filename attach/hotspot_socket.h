/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * HotSpot's attach socket and the trigger file that makes HotSpot open it, in the /tmp that the target sees.
 * Whatever is done there is done as the target's own user, so it can lead to nothing that the target could
 * not do itself; HotSpot also wants both the trigger's owner and its peer to be that user. Source: OpenJDK,
 * src/hotspot/os/posix/attachListener_posix.cpp, and the same of JDK 8 in os/linux/vm.
 */

#include <stdbool.h>

#include "attach/process.h"

typedef struct HotspotSocket {
    const Process *process;
    int tmp_fd; /* the target's /tmp; -1 before hotspot_socket_open() */
    char name[32];
    char trigger_name[32];
    bool has_trigger; /* the trigger lies there and is to be removed */
    bool signalled;   /* SIGQUIT was sent and the socket has not been seen since */
} HotspotSocket;

#define HOTSPOT_SOCKET_NULL                                                                                  \
    {                                                                                                        \
        .tmp_fd = -1                                                                                         \
    }

/* process is borrowed. */
int hotspot_socket_open(HotspotSocket *socket, const Process *process, char **reason);
/* Removes the trigger, unless HotSpot may yet look for it: it would then print a thread dump instead. */
void hotspot_socket_close(HotspotSocket *socket);

/*
 * 1: connected, *ret is a non-blocking descriptor, and the target itself is at the other end. 0: HotSpot has
 * no socket there. -EAGAIN: too many wait for HotSpot already. -EADDRINUSE: another process is listening.
 * status is the target's, just read.
 */
int hotspot_socket_connect(HotspotSocket *socket, const ProcessStatus *status, int *ret, char **reason);

/* Puts the trigger there. -EAGAIN: somebody else has just done so, and may get the socket opened. */
int hotspot_socket_make_trigger(HotspotSocket *socket, const ProcessStatus *status, char **reason);
/* Takes it away again, if it is there: the socket is, or the target has ended. */
void hotspot_socket_remove_trigger(HotspotSocket *socket);
/* Sends SIGQUIT, once. -EAGAIN: the target is in no state to take it. */
int hotspot_socket_signal(HotspotSocket *socket, char **reason);
