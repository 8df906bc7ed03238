/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/delivery.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/failure.h"
#include "daemon/log.h"
#include "daemon/worker.h"

/* One reporter's way through the spool. Between submitting and done its fields are the worker's. */
typedef struct Lane {
    Job job;
    Delivery *delivery;
    const DeliveryReporter *to;
    Worker *worker;
    bool busy;
    bool again;   /* something came while it was busy */
    bool failing; /* the last pass ended with a failed report */
    unsigned delivered;
    int result;
    char *reason;
} Lane;

struct Delivery {
    Spool *spool;
    MetadataProvider *provider;
    pthread_mutex_t host_mutex;
    HostMetadata *host; /* once loaded, for good; under the mutex until then */
    Lane *lanes;
    size_t n_lanes;
    void (*idle)(void *userdata);
    void *userdata;
    DeliveryCounters counters;
};

/* The host's metadata, loaded when a reporter first needs it; a failure means a report without it. */
static const HostMetadata *delivery_host(Delivery *delivery, pid_t pid)
{
    _cleanup_free_ char *reason = NULL;
    const HostMetadata *host;
    int r = 0;

    pthread_mutex_lock(&delivery->host_mutex);
    if (!delivery->host)
        r = metadata_provider_load(delivery->provider, &delivery->host, &reason);
    host = delivery->host;
    pthread_mutex_unlock(&delivery->host_mutex);
    if (r < 0)
        log_warning(pid, "reporting without the host's metadata: %s", failure_text(reason, r));
    return host;
}

static int lane_report(Lane *lane, const SpoolEntry *entry)
{
    Delivery *delivery = lane->delivery;
    Reporter *reporter = lane->to->reporter;
    _cleanup_free_ char *notice = NULL;
    _cleanup_close_ int fd = -1;
    struct stat st;
    int r;

    fd = spool_entry_open(delivery->spool, entry->name);
    if (fd == -ENOENT)
        return 0; /* dropped meanwhile, to make room for a newer one; that was counted and logged */
    if (fd < 0)
        return fail(&lane->reason, fd, "cannot open %s in the spool: %s", entry->name, strerror(-fd));
    if (fstat(fd, &st) < 0)
        return -errno;
    r = reporter_report(reporter,
            &(Recording){
                    .fd = fd,
                    .size = (uint64_t)st.st_size,
                    .pid = entry->pid,
                    .comm = entry->comm,
                    .start = entry->start,
                    .end = entry->end,
                    .reporting_interval = entry->reporting_interval,
                    .host = reporter->vtable->wants_metadata ? delivery_host(delivery, entry->pid) : NULL,
            },
            &notice, &lane->reason);
    if (r < 0)
        return r;
    if (notice)
        log_info(0, "reporter %s: %s", lane->to->name, notice);
    lane->delivered++;
    return spool_entry_settle(delivery->spool, entry->name, lane->to->name);
}

static void lane_run(Job *job)
{
    Lane *lane = (Lane *)job;
    Spool *spool = lane->delivery->spool;
    SpoolEntry *entries = NULL;
    size_t n = 0;

    lane->delivered = 0;
    lane->result = spool_list(spool, &entries, &n, &lane->reason);
    /* The first refusal ends the pass: what stopped this one, a full disk, stops the next as well. */
    for (size_t i = 0; i < n && lane->result >= 0; i++)
        if (spool_entry_is_wanted(spool, entries[i].name, lane->to->name))
            lane->result = lane_report(lane, &entries[i]);
    spool_entries_free(entries, n);
}

static void lane_submit(Lane *lane)
{
    lane->busy = true;
    lane->again = false;
    worker_submit(lane->worker, &lane->job);
}

static void lane_done(Job *job)
{
    Lane *lane = (Lane *)job;
    Delivery *delivery = lane->delivery;

    delivery->counters.delivered += lane->delivered;
    if (lane->result < 0) {
        delivery->counters.failed++;
        log_error(0, "reporter %s: a report failed and will be tried again with the next recording: %s",
                lane->to->name, failure_text(lane->reason, lane->result));
    } else if (lane->reason) {
        log_warning(0, "%s", lane->reason);
    } else if (lane->failing && lane->delivered > 0) {
        log_info(0, "reporter %s: works again, %u recordings delivered", lane->to->name, lane->delivered);
    }
    lane->failing = lane->result < 0 || (lane->failing && lane->delivered == 0);
    free(lane->reason);
    lane->reason = NULL;
    lane->busy = false;
    if (lane->again)
        lane_submit(lane);
    else if (delivery_is_idle(delivery))
        delivery->idle(delivery->userdata);
}

int delivery_new(sd_event *event, Spool *spool, MetadataProvider *provider, const DeliveryReporter *reporters,
        size_t n_reporters, void (*idle)(void *userdata), void *userdata, Delivery **ret)
{
    _cleanup_(delivery_freep) Delivery *delivery = calloc(1, sizeof(*delivery));
    int r;

    if (!delivery)
        return -ENOMEM;
    *delivery = (Delivery){.spool = spool, .provider = provider, .idle = idle, .userdata = userdata};
    pthread_mutex_init(&delivery->host_mutex, NULL);
    delivery->lanes = calloc(n_reporters, sizeof(*delivery->lanes));
    if (!delivery->lanes)
        return -ENOMEM;
    for (; delivery->n_lanes < n_reporters; delivery->n_lanes++) {
        Lane *lane = &delivery->lanes[delivery->n_lanes];

        *lane = (Lane){.job = {.run = lane_run, .done = lane_done},
                .delivery = delivery,
                .to = &reporters[delivery->n_lanes]};
        r = worker_new(event, "report", &lane->worker);
        if (r < 0)
            return r;
    }
    *ret = steal_pointer(&delivery);
    return 0;
}

Delivery *delivery_free(Delivery *delivery)
{
    if (!delivery)
        return NULL;
    for (size_t i = 0; i < delivery->n_lanes; i++) {
        worker_free(delivery->lanes[i].worker);
        free(delivery->lanes[i].reason);
    }
    free(delivery->lanes);
    host_metadata_free(delivery->host);
    pthread_mutex_destroy(&delivery->host_mutex);
    free(delivery);
    return NULL;
}

void delivery_wake(Delivery *delivery)
{
    for (size_t i = 0; i < delivery->n_lanes; i++) {
        if (delivery->lanes[i].busy)
            delivery->lanes[i].again = true;
        else
            lane_submit(&delivery->lanes[i]);
    }
}

bool delivery_is_idle(const Delivery *delivery)
{
    for (size_t i = 0; i < delivery->n_lanes; i++)
        if (delivery->lanes[i].busy)
            return false;
    return true;
}

DeliveryCounters delivery_counters(const Delivery *delivery)
{
    return delivery->counters;
}
