/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A process that passes for a HotSpot JVM, or for what a hostile one may be. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef enum FakeAnswer {
    FAKE_REPLY,   /* writes log into the log it was told of, then reply, and closes */
    FAKE_TRICKLE, /* the same, one byte at a time */
    FAKE_HOLD,    /* writes reply and never closes */
    FAKE_CLOSE,   /* closes without a word */
    FAKE_FLOOD,   /* writes 10 MB */
    FAKE_DIE,     /* writes reply and is gone */
} FakeAnswer;

/* Shared with the process: what it is to do, and what it has seen. */
typedef struct FakeJvm {
    uid_t uid;
    const char *library;  /* mapped from the beginning, NULL for none: "libjvm.so" makes it a HotSpot */
    const char *profiler; /* mapped too */
    bool handles_sigquit;
    int backlog;
    _Atomic FakeAnswer answer;
    char reply[128];
    char log[512];
    atomic_bool listens;            /* opens its socket as soon as this is set */
    atomic_bool listens_on_sigquit; /* sets it */
    atomic_bool accepts;            /* takes connections */
    atomic_bool answers;            /* takes requests */

    atomic_bool is_listening;
    atomic_int sigquits;
    atomic_bool saw_trigger; /* a trigger of its own user lay there when SIGQUIT came */
    atomic_int connections;
    atomic_int requests;
    size_t request_size;
    char request[4096]; /* the last */
} FakeJvm;

/* One that has everything and answers "return code: 0". Unmapped with the test's process. */
FakeJvm *fake_jvm_new(void);
/* Starts it; it dies with us. */
pid_t fake_jvm_spawn(FakeJvm *jvm);

/* ".java_pid<pid>" or ".attach_pid<pid>" in /tmp, valid until the next call but fifteen. */
char *fake_jvm_socket(pid_t pid);
char *fake_jvm_trigger(pid_t pid);
