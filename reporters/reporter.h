/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The seam to where recordings go. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "metadata/metadata.h"

/* A finished recording, sealed: nobody changes it any more. All is borrowed for the time of the report. */
typedef struct Recording {
    int fd; /* read-only, the JFR; its offset is not to be used */
    uint64_t size;
    pid_t pid; /* the target's */
    const char *comm;
    int64_t start; /* ns since the epoch */
    int64_t end;
    uint64_t reporting_interval; /* ns */
    const HostMetadata *host;    /* NULL unless the reporter wants it and it is known */
} Recording;

typedef struct Reporter Reporter;

typedef struct ReporterVtable {
    const char *kind;
    bool wants_metadata;
    /*
     * Delivers one recording; blocks; each reporter has a thread of its own. 0 means it is safely where it
     * belongs. A recording may be offered again after a crash: a reporter that finds it delivered returns 0.
     * *notice may be set on success to a sentence worth logging (what retention removed).
     */
    int (*report)(Reporter *reporter, const Recording *recording, char **notice, char **reason);
    void (*free)(Reporter *reporter);
} ReporterVtable;

struct Reporter {
    const ReporterVtable *vtable;
};

static inline int reporter_report(
        Reporter *reporter, const Recording *recording, char **notice, char **reason)
{
    return reporter->vtable->report(reporter, recording, notice, reason);
}

static inline Reporter *reporter_free(Reporter *reporter)
{
    if (reporter)
        reporter->vtable->free(reporter);
    return NULL;
}
