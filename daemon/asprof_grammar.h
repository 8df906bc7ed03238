/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The command line of async-profiler's asprof, its traps mended, as the option strings that it means. Source:
 * async-profiler 4.5, src/main/main.cpp and src/arguments.cpp. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum ProfileAction {
    PROFILE_COLLECT,
    PROFILE_STATUS,
    PROFILE_METRICS,
    PROFILE_LIST,
    PROFILE_HELP,
    PROFILE_VERSION,
} ProfileAction;

typedef struct ProfileRequest {
    ProfileAction action;
    pid_t pid;
    uint64_t duration;     /* ns */
    char *output;          /* -f as given; NULL: a name of our own in the current directory; "-": stdout */
    const char *extension; /* for that name, without the dot */
    bool jfr;
    bool quiet;
    bool json;
    char *library; /* NULL: as configured */
    char *events;  /* for people: "cpu", "cpu,alloc" */
    char *params;  /* for start: ",event=cpu,interval=1000000" */
    char *format;  /* for start and stop: ",flamegraph,title=..." */
} ProfileRequest;

/* -EINVAL: the command line is wrong; the reason says how, or is NULL when it has been said on stderr. */
int grammar_parse(int argc, char **argv, ProfileRequest *ret, char **reason);
void profile_request_clear(ProfileRequest *request);

/* The two option strings, for a file with this path; timeout in s. -ENOMEM. */
int grammar_format_start(const ProfileRequest *request, const char *file, uint64_t timeout, char **ret);
int grammar_format_stop(const ProfileRequest *request, const char *file, char **ret);
