/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "attach/engine.h"
#include "attach/process.h"
#include "attach/target_directory.h"

typedef struct sd_event sd_event;

/* The way into a process. A test puts its own in the place of the real one. */
typedef struct Door {
    /* Whether there is one for us, from looking only: 0, -EOPNOTSUPP none, -EPERM, -EACCES not for us. A JVM
     * that is still starting up has a door; its engine will say -EAGAIN. */
    int (*check)(const Process *process, char **reason);
    /* Makes the engine; nothing is sent yet. process and directory are borrowed. */
    int (*open)(sd_event *event, const Process *process, const char *library, TargetDirectory *directory,
            Engine **ret, char **reason);
} Door;

extern const Door process_door;
