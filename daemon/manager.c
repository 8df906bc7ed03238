/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/manager.h"

#include <inttypes.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "conf/failure.h"
#include "daemon/log.h"
#include "daemon/target.h"

struct Manager {
    sd_event *event;
    const Settings *settings;
    Clock *clock;
    Spool *spool;
    Worker *sealer;
    Delivery *delivery;
    const char **reporters;
    TargetContext context;
    TargetCounters counters;
    Target **targets;
    size_t n_targets;
    ClockTimer *stop_timer;
    bool stopping; /* the targets */
    bool draining; /* the delivery: all targets are idle */
    bool finished;
    int result;
};

static size_t manager_count(const Manager *manager, TargetState state)
{
    size_t n = 0;

    for (size_t i = 0; i < manager->n_targets; i++)
        n += target_state(manager->targets[i]) == state;
    return n;
}

static void manager_finish(Manager *manager, int result)
{
    if (manager->finished)
        return;
    manager->finished = true;
    if (result < 0)
        manager->result = result;
}

static void manager_finish_if_drained(Manager *manager)
{
    if (manager->draining && delivery_is_idle(manager->delivery))
        manager_finish(manager, 0);
}

static void on_delivery_idle(void *userdata)
{
    manager_finish_if_drained(userdata);
}

static void on_sealed(void *userdata)
{
    Manager *manager = userdata;

    delivery_wake(manager->delivery);
}

/* The result of a daemon is that of its targets: good if any of them was, and of bad ones the last. */
static int manager_targets_result(const Manager *manager)
{
    int result = 0;

    for (size_t i = 0; i < manager->n_targets; i++) {
        if (target_result(manager->targets[i]) == 0)
            return 0;
        result = target_result(manager->targets[i]);
    }
    return result;
}

static void manager_arm_stop_timer(Manager *manager)
{
    uint64_t timeout = manager->settings->stop_timeout / NSEC_PER_USEC;

    clock_timer_set(manager->stop_timer, clock_monotonic(manager->clock) + timeout);
}

/* Nothing to profile any more: what is left is to deliver. */
static void manager_drain_if_idle(Manager *manager)
{
    for (size_t i = 0; i < manager->n_targets; i++)
        if (!target_is_idle(manager->targets[i]))
            return;
    if (manager->draining)
        return;
    manager->draining = true;
    manager->result = manager_targets_result(manager);
    if (!manager->stopping)
        manager_arm_stop_timer(manager);
    delivery_wake(manager->delivery);
    manager_finish_if_drained(manager);
}

static void on_target_changed(void *userdata, Target *target)
{
    Manager *manager = userdata;

    (void)target;
    sd_notifyf(0, "STATUS=Profiling %zu of %zu targets", manager_count(manager, TARGET_RUNNING),
            manager->n_targets);
    manager_drain_if_idle(manager);
}

static void on_stop_timeout(void *userdata)
{
    Manager *manager = userdata;

    for (size_t i = 0; i < manager->n_targets; i++)
        if (!target_is_idle(manager->targets[i]))
            log_error(target_pid(manager->targets[i]),
                    "process %i: not stopped within stop_timeout; its profiling ends by its own timeout and "
                    "its files "
                    "stay in %s/targets",
                    target_pid(manager->targets[i]), manager->settings->shared_directory);
    if (!delivery_is_idle(manager->delivery))
        log_error(0, "a report is still under way after stop_timeout; what is undelivered stays in %s/spool",
                manager->settings->shared_directory);
    manager_finish(manager, -ETIME);
}

static int manager_init_context(Manager *manager, const ManagerSeams *seams)
{
    manager->reporters = calloc(seams->n_reporters, sizeof(*manager->reporters));
    if (!manager->reporters)
        return -ENOMEM;
    for (size_t i = 0; i < seams->n_reporters; i++)
        manager->reporters[i] = seams->reporters[i].name;
    manager->context = (TargetContext){
            .event = manager->event,
            .clock = manager->clock,
            .settings = manager->settings,
            .door = seams->door,
            .spool = manager->spool,
            .sealer = manager->sealer,
            .reporters = manager->reporters,
            .n_reporters = seams->n_reporters,
            .counters = &manager->counters,
            .epoch = clock_monotonic(manager->clock),
            .sealed = on_sealed,
            .changed = on_target_changed,
            .userdata = manager,
    };
    return 0;
}

/* Marks of reporters that are no longer configured would keep their recordings for ever. */
static int manager_adopt_spool(Manager *manager, size_t n_reporters, char **reason)
{
    unsigned forgotten = 0;
    int r;

    r = spool_forget_others(manager->spool, manager->reporters, n_reporters, &forgotten);
    if (r < 0)
        return fail(reason, r, "cannot tidy the spool in %s: %s", manager->settings->shared_directory,
                strerror(-r));
    if (forgotten > 0)
        log_warning(0, "%u undelivered recordings were meant for reporters that are no longer configured",
                forgotten);
    delivery_wake(manager->delivery);
    return 0;
}

int manager_new(
        sd_event *event, const Settings *settings, const ManagerSeams *seams, Manager **ret, char **reason)
{
    _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
    int r;

    if (!manager)
        return -ENOMEM;
    *manager = (Manager){
            .event = sd_event_ref(event), .settings = settings, .clock = seams->clock, .finished = true};
    r = spool_open(settings->shared_directory, settings->spool_max_bytes, &manager->spool, reason);
    if (r < 0)
        return r;
    r = worker_new(event, "seal", &manager->sealer);
    if (r < 0)
        return r;
    r = delivery_new(event, manager->spool, seams->metadata, seams->reporters, seams->n_reporters,
            on_delivery_idle, manager, &manager->delivery);
    if (r < 0)
        return r;
    r = clock_timer_new(manager->clock, on_stop_timeout, manager, &manager->stop_timer);
    if (r < 0)
        return r;
    r = manager_init_context(manager, seams);
    if (r < 0)
        return r;
    r = manager_adopt_spool(manager, seams->n_reporters, reason);
    if (r < 0)
        return r;
    manager->finished = false;
    *ret = steal_pointer(&manager);
    return 0;
}

int manager_add_target(Manager *manager, pid_t pid, char **reason)
{
    Target *target, **targets;
    int r;

    targets = reallocarray(manager->targets, manager->n_targets + 1, sizeof(*targets));
    if (!targets)
        return -ENOMEM;
    manager->targets = targets;
    r = target_new(&manager->context, pid, (unsigned)manager->n_targets, &target, reason);
    if (r < 0)
        return r;
    targets[manager->n_targets++] = target;
    target_start(target);
    return 0;
}

void manager_stop(Manager *manager)
{
    if (manager->stopping) {
        manager_finish(manager, -ETIME);
        return;
    }
    manager->stopping = true;
    sd_notify(0, "STOPPING=1\nSTATUS=Ending: last recordings");
    manager_arm_stop_timer(manager);
    for (size_t i = 0; i < manager->n_targets; i++)
        target_stop(manager->targets[i]);
    manager_drain_if_idle(manager);
}

int manager_run(Manager *manager)
{
    int r = 0;

    while (!manager->finished && r >= 0)
        r = sd_event_run(manager->event, UINT64_MAX);
    if (r < 0)
        return r;
    return manager->result;
}

static void manager_log_summary(const Manager *manager)
{
    DeliveryCounters delivery = delivery_counters(manager->delivery);

    log_info(0,
            "recordings: %" PRIu64 " made, %" PRIu64 " delivered, %" PRIu64 " incomplete, %" PRIu64
            " dropped; reports failed: %" PRIu64,
            manager->counters.recorded, delivery.delivered, manager->counters.incomplete,
            manager->counters.dropped, delivery.failed);
}

Manager *manager_free(Manager *manager)
{
    if (!manager)
        return NULL;
    if (!manager->finished) {
        if (!manager->stopping)
            manager_stop(manager);
        (void)manager_run(manager);
    }
    if (manager->delivery && manager->n_targets > 0)
        manager_log_summary(manager);
    /* First the threads: they use all the rest. */
    worker_free(manager->sealer);
    delivery_free(manager->delivery);
    for (size_t i = 0; i < manager->n_targets; i++)
        target_free(manager->targets[i]);
    free(manager->targets);
    clock_timer_free(manager->stop_timer);
    spool_free(manager->spool);
    free(manager->reporters);
    sd_event_unref(manager->event);
    free(manager);
    return NULL;
}
