/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The delivering side: takes sealed entries out of the spool, oldest first, to each reporter in a thread of
 * its own, so that a slow one holds back no other. What a reporter refuses stays in the spool and is offered
 * again with the next recording.
 */

#include <stdint.h>

#include "conf/cleanup.h"
#include "daemon/spool.h"
#include "metadata/metadata.h"
#include "reporters/reporter.h"

typedef struct sd_event sd_event;
typedef struct Delivery Delivery;

typedef struct DeliveryReporter {
    const char *name; /* its marks in the spool */
    Reporter *reporter;
} DeliveryReporter;

typedef struct DeliveryCounters {
    uint64_t delivered;
    uint64_t failed; /* reports, not recordings: one may fail many times */
} DeliveryCounters;

/* spool, provider and the reporters are borrowed. idle is called from the event loop whenever the last
 * reporter has nothing more to do. */
int delivery_new(sd_event *event, Spool *spool, MetadataProvider *provider, const DeliveryReporter *reporters,
        size_t n_reporters, void (*idle)(void *userdata), void *userdata, Delivery **ret);
/* Waits for the reports under way. Takes NULL, returns NULL. */
Delivery *delivery_free(Delivery *delivery);
DEFINE_CLEANUP(Delivery, delivery_free)

/* There is something new in the spool, or it is time to try again. */
void delivery_wake(Delivery *delivery);
bool delivery_is_idle(const Delivery *delivery);
DeliveryCounters delivery_counters(const Delivery *delivery);
