/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Owns the targets, the spool and the delivery, and ends them in order: targets first, then what they
 * recorded, then what is to be delivered. */

#include "conf/settings.h"
#include "daemon/clock.h"
#include "daemon/delivery.h"
#include "daemon/door.h"

typedef struct sd_event sd_event;
typedef struct Manager Manager;

/* What a test may replace. All borrowed. */
typedef struct ManagerSeams {
    Clock *clock;
    const Door *door;
    MetadataProvider *metadata;
    const DeliveryReporter *reporters;
    size_t n_reporters;
} ManagerSeams;

/* Opens the spool and sets to work on what an earlier daemon left there. Settings are borrowed. */
int manager_new(
        sd_event *event, const Settings *settings, const ManagerSeams *seams, Manager **ret, char **reason);
/* Ends in order first if that has not been done: no last recording is lost to a caller that gives up. Takes
 * NULL, returns NULL. */
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager, manager_free)

/* Begins to profile a process, at once. */
int manager_add_target(Manager *manager, pid_t pid, char **reason);

/* Asks for the end: every target's profiling is stopped, recordings are sealed and delivered, within
 * settings->stop_timeout. Asked again, it ends at once and leaves everything where it is. */
void manager_stop(Manager *manager);

/* Runs the event loop until the end: asked for, or no target is left. 0, or the error that ended the last
 * target's profiling, or -ETIME: not all could be ended in time. */
int manager_run(Manager *manager);
