/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where an ad hoc profile goes: a file that appears whole under its name, or a stream. */

#include <stdint.h>
#include <sys/types.h>

#include "conf/cleanup.h"

typedef struct ProfileOutput {
    char *path;      /* "-" for stdout */
    char *temporary; /* beside it; NULL for a stream */
    int fd;
} ProfileOutput;

/*
 * Opens what name stands for, before anything else is done: so a directory that cannot be written costs
 * nobody anything. %p is the process, %t the time, %n the first number that is free (%n{MAX}: and
 * below MAX, or else 0), %{NAME} an environment variable. NULL: a name of its own in the current directory,
 * with this extension.
 */
int profile_output_open(const char *name, const char *comm, pid_t pid, const char *extension,
        ProfileOutput **ret, char **reason);
/* Copies size bytes of fd there and gives it its name. */
int profile_output_publish(ProfileOutput *output, int fd, uint64_t size, char **reason);
/* Leaves nothing of what was not published. Takes NULL, returns NULL. */
ProfileOutput *profile_output_free(ProfileOutput *output);
DEFINE_CLEANUP(ProfileOutput, profile_output_free)
