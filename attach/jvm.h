/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What kind of process this is, and whether its JVM can be attached to. Reads only; nothing is signalled. */

#include <stdbool.h>
#include <sys/types.h>

#include "attach/process.h"

typedef enum ProcessKind {
    PROCESS_NATIVE,
    PROCESS_HOTSPOT,
    PROCESS_OPENJ9,
} ProcessKind;

typedef struct JvmInfo {
    ProcessKind kind;
    char version[64];     /* "17.0.15", "8u452", "11.0.9 (Zing 20.10)"; printable; "" when unknown */
    bool attach_disabled; /* -XX:+DisableAttachMechanism */
    bool handles_sigquit; /* HotSpot's handler is in place: neither -Xrs nor too early */
    char *command;        /* main class or jar and its arguments, the target's text; NULL when unknown */
    /* The first libasyncProfiler.so that is mapped already, as /proc/PID/maps writes it: '\n' as "\\012", and
     * " (deleted)" at its end when the file is gone; NULL if there is none. */
    char *profiler_path;
    dev_t profiler_device;
    ino_t profiler_inode;
    bool several_profilers; /* and there are others, from other files */
} JvmInfo;

/* Looks at /proc/PID/maps, status, hsperfdata (attach-disabled flag, version) or else the command line.
 * Errors: -ESRCH, -EACCES (the reason names what is missing). */
int jvm_inspect(const Process *process, JvmInfo *ret, char **reason);
void jvm_info_clear(JvmInfo *info);

const char *process_kind_name(ProcessKind kind); /* "HotSpot", "OpenJ9", "native" */

/*
 * Whether a person may profile it by the JVM's door, from what was inspected and who we are.
 * 0, or a negative errno with the reason in a few words ("attaching is disabled by
 * -XX:+DisableAttachMechanism"): -EOPNOTSUPP kind, -EPERM other user, -EAGAIN stopped, or still
 * starting up, -ESRCH ended.
 */
int jvm_check_attachable(const Process *process, const JvmInfo *info, char **reason);
