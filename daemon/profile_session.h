/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One session of async-profiler in one process, from asking to collecting, for a person who waits for it. */

#include <stdint.h>

#include "attach/process.h"
#include "daemon/asprof_grammar.h"
#include "daemon/door.h"

typedef struct ProfileSession ProfileSession;

/* The deadline of one command, in us. */
#define PROFILE_COMMAND_TIMEOUT UINT64_C(10000000)

/* Makes the target's directory and the engine; nothing is sent yet. process and request are borrowed. */
int profile_session_new(const ProfileRequest *request, const Process *process, const char *library,
        const Door *door, ProfileSession **ret, char **reason);
/* Takes the directory away, unless a command may still be in the target's queue. Takes NULL, returns NULL. */
ProfileSession *profile_session_free(ProfileSession *session);
DEFINE_CLEANUP(ProfileSession, profile_session_free)

/* One question (status, metrics, list): *ret is async-profiler's answer, the caller's. */
int profile_session_ask(ProfileSession *session, const char *command, char **ret, char **reason);

/*
 * Starts, waits for the duration or a signal (SIGINT, SIGTERM, SIGHUP), and stops. *ret_fd is the session's,
 * *ret_size what is in it, checked to be whole. -EBUSY: somebody else profiles it. -ETIMEDOUT: it does not
 * answer. -ESRCH: it ended, and left nothing whole. -ECANCELED: a second signal came.
 */
int profile_session_record(ProfileSession *session, int *ret_fd, uint64_t *ret_size, char **reason);
