/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/target.h"

#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

#include "attach/process.h"
#include "attach/target_directory.h"
#include "conf/failure.h"
#include "conf/units.h"
#include "daemon/log.h"
#include "daemon/rotation.h"

/* How many directories that dead daemons left for the same process are stepped over. */
#define DIRECTORY_TRIES 100

/* One recording on its way into the spool. */
typedef struct Seal {
    Job job;
    Target *target;
    unsigned file;
    int fd; /* the rotation's */
    SpoolEntry entry;
    bool pending; /* the worker has it */
    bool failed;  /* to be tried again */
    int result;
    unsigned dropped;
    char *reason;
} Seal;

struct Target {
    const TargetContext *context;
    Process *process;
    TargetDirectory *directory;
    Engine *engine;
    Rotation *rotation;
    ClockTimer *tick;
    uint64_t next_tick; /* us, monotonic */
    sd_event_source *exit_source;
    Seal seals[ROTATION_FILES];
    TargetState state;
    int result;
};

#define LABEL "process %i (%s)"
#define LABEL_OF(target) (target)->process->pid, (target)->process->comm

static void target_set_state(Target *target, TargetState state)
{
    target->state = state;
    target->context->changed(target->context->userdata, target);
}

static void seal_submit(Seal *seal)
{
    seal->pending = true;
    seal->failed = false;
    worker_submit(seal->target->context->sealer, &seal->job);
}

static void seal_run(Job *job)
{
    Seal *seal = (Seal *)job;
    const TargetContext *context = seal->target->context;

    seal->dropped = 0;
    seal->result = spool_seal(context->spool, seal->fd, &seal->entry, context->reporters,
            context->n_reporters, &seal->dropped, &seal->reason);
}

static void seal_count(const Seal *seal)
{
    TargetCounters *counters = seal->target->context->counters;

    counters->dropped += seal->dropped;
    if (seal->result == 0)
        counters->recorded++;
    else if (seal->result == -EBADMSG)
        counters->incomplete++;
    else if (seal->result == -EFBIG)
        counters->dropped++;
}

static void seal_log(const Seal *seal)
{
    const Target *target = seal->target;
    const char *reason = failure_text(seal->reason, seal->result);
    char length[UNITS_MAX];
    uint64_t ms = (uint64_t)(seal->entry.end - seal->entry.start) / NSEC_PER_MSEC;

    if (seal->dropped > 0)
        log_warning(target->process->pid,
                "dropped the %u oldest undelivered recordings to stay within spool.max_bytes", seal->dropped);
    if (seal->result == 0)
        log_info(target->process->pid, LABEL ": recorded %s", LABEL_OF(target),
                duration_format(ms * NSEC_PER_MSEC, length));
    else if (seal->result == -EBADMSG)
        log_warning(target->process->pid, LABEL ": a recording is incomplete: %s", LABEL_OF(target), reason);
    else if (seal->result == -EFBIG)
        log_error(target->process->pid, LABEL ": a recording is dropped: %s", LABEL_OF(target), reason);
    else if (seal->failed)
        log_error(target->process->pid, LABEL ": a recording waits in %s, it cannot be sealed: %s",
                LABEL_OF(target), target->directory->path, reason);
}

/* Of a target whose profiling is over no tick comes any more that would try again. */
static void target_arm_resealing(Target *target)
{
    for (unsigned i = 0; i < ROTATION_FILES; i++)
        if (target->seals[i].failed)
            clock_timer_set(target->tick, clock_monotonic(target->context->clock) + USEC_PER_SEC);
}

static void seal_done(Job *job)
{
    Seal *seal = (Seal *)job;
    Target *target = seal->target;

    seal->pending = false;
    seal->failed = seal->result < 0 && seal->result != -ENODATA && seal->result != -EBADMSG &&
                   seal->result != -EFBIG;
    seal_count(seal);
    seal_log(seal);
    free(seal->reason);
    seal->reason = NULL;
    if (!seal->failed)
        rotation_release(target->rotation, seal->file);
    if (seal->result == 0)
        target->context->sealed(target->context->userdata);
    if (target->state == TARGET_ENDED) {
        target_arm_resealing(target);
        target->context->changed(target->context->userdata, target);
    }
}

static void on_started(void *userdata)
{
    Target *target = userdata;

    if (target->state == TARGET_STARTING) {
        log_info(target->process->pid, LABEL ": profiling", LABEL_OF(target));
        target_set_state(target, TARGET_RUNNING);
    }
}

static void on_recorded(void *userdata, unsigned file, int fd, int64_t start, int64_t end)
{
    Target *target = userdata;
    Seal *seal = &target->seals[file];

    seal->fd = fd;
    seal->entry.start = start;
    seal->entry.end = end;
    seal_submit(seal);
}

static void on_warned(void *userdata, const char *text)
{
    Target *target = userdata;

    log_warning(target->process->pid, LABEL ": %s", LABEL_OF(target), text);
}

static void on_ended(void *userdata, int result, const char *text)
{
    Target *target = userdata;

    clock_timer_set(target->tick, CLOCK_NEVER);
    if (result == 0)
        log_info(target->process->pid, LABEL ": profiling stopped", LABEL_OF(target));
    else if (result == -ESRCH)
        log_info(target->process->pid, LABEL ": the process has ended", LABEL_OF(target));
    else
        log_error(target->process->pid, LABEL ": its profiling ends: %s", LABEL_OF(target), text);
    if (result != -ESRCH)
        target->result = result;
    target_arm_resealing(target);
    target_set_state(target, TARGET_ENDED);
}

static int on_process_exit(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    Target *target = userdata;

    (void)fd;
    (void)events;
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    target->engine = engine_free(target->engine);
    rotation_target_ended(target->rotation);
    return 0;
}

static void on_tick(void *userdata)
{
    Target *target = userdata;
    uint64_t interval = target->context->settings->reporting_interval / NSEC_PER_USEC;
    uint64_t now = clock_monotonic(target->context->clock);

    for (unsigned i = 0; i < ROTATION_FILES; i++)
        if (target->seals[i].failed)
            seal_submit(&target->seals[i]);
    if (target->state == TARGET_ENDED)
        return;
    rotation_tick(target->rotation);
    if (target->next_tick <= now)
        target->next_tick += interval * ((now - target->next_tick) / interval + 1);
    clock_timer_set(target->tick, target->next_tick);
}

/*
 * The first turn comes half an interval to one and a half after the start, at this target's own place in the
 * interval. Places follow the golden ratio: however many targets, they stay evenly apart.
 */
static uint64_t target_first_turn(const Target *target, unsigned index)
{
    const TargetContext *context = target->context;
    uint64_t interval = context->settings->reporting_interval / NSEC_PER_USEC;
    uint32_t turn =
            (uint32_t)index * UINT32_C(2654435769); /* 2^32 times the golden ratio, less whole turns */
    uint64_t place = (interval >> 16) * turn >> 16;
    uint64_t earliest = clock_monotonic(context->clock) + interval / 2;
    uint64_t first = context->epoch + place;

    if (first < earliest)
        first += interval * ((earliest - first + interval - 1) / interval);
    return first;
}

static int target_make_directory(Target *target, char **reason)
{
    _cleanup_free_ char *parent = NULL;
    char name[64];
    int r = -EEXIST;

    if (asprintf(&parent, "%s/targets", target->context->settings->shared_directory) < 0) {
        parent = NULL;
        return -ENOMEM;
    }
    for (unsigned i = 0; r == -EEXIST && i < DIRECTORY_TRIES; i++) {
        snprintf(name, sizeof(name), "%i-%llu-%u", target->process->pid,
                (unsigned long long)target->process->start_time, i);
        r = target_directory_new(parent, name, target->process, &target->directory, reason);
    }
    if (r < 0)
        return r;
    return target_sees_directory(target->process, target->directory->path, reason);
}

static int target_open(Target *target, pid_t pid, char **reason)
{
    static const RotationObserver observer = {
            .started = on_started, .recorded = on_recorded, .warned = on_warned, .ended = on_ended};
    const TargetContext *context = target->context;
    int r;

    r = process_open(pid, &target->process, reason);
    if (r < 0)
        return r;
    r = context->door->check(target->process, reason);
    if (r < 0)
        return r;
    r = target_make_directory(target, reason);
    if (r < 0)
        return r;
    r = context->door->open(context->event, target->process, context->settings->library, target->directory,
            &target->engine, reason);
    if (r < 0)
        return r;
    r = rotation_new(target->engine, context->clock, target->directory, context->settings, &observer, target,
            &target->rotation, reason);
    if (r < 0)
        return r;
    r = clock_timer_new(context->clock, on_tick, target, &target->tick);
    if (r < 0)
        return r;
    return sd_event_add_io(
            context->event, &target->exit_source, target->process->pidfd, EPOLLIN, on_process_exit, target);
}

static void target_init_seals(Target *target)
{
    for (unsigned i = 0; i < ROTATION_FILES; i++) {
        Seal *seal = &target->seals[i];

        *seal = (Seal){
                .job = {.run = seal_run, .done = seal_done},
                .target = target,
                .file = i,
                .entry = {.pid = target->process->pid,
                        .start_time = target->process->start_time,
                        .reporting_interval = target->context->settings->reporting_interval},
        };
        memcpy(seal->entry.comm, target->process->comm, sizeof(seal->entry.comm));
    }
}

int target_new(const TargetContext *context, pid_t pid, unsigned index, Target **ret, char **reason)
{
    _cleanup_(target_freep) Target *target = calloc(1, sizeof(*target));
    int r;

    if (!target)
        return -ENOMEM;
    target->context = context;
    r = target_open(target, pid, reason);
    if (r < 0)
        return r;
    target->next_tick = target_first_turn(target, index);
    target_init_seals(target);
    *ret = steal_pointer(&target);
    return 0;
}

static bool target_has_unsealed(const Target *target)
{
    for (unsigned i = 0; i < ROTATION_FILES; i++)
        if (target->seals[i].pending || target->seals[i].failed)
            return true;
    return false;
}

Target *target_free(Target *target)
{
    if (!target)
        return NULL;
    sd_event_source_disable_unref(target->exit_source);
    engine_free(target->engine);
    clock_timer_free(target->tick);
    if (target->directory && !target_has_unsealed(target) &&
            !(target->rotation && rotation_may_be_writing(target->rotation)))
        target_directory_remove(target->directory);
    rotation_free(target->rotation);
    target_directory_free(target->directory);
    process_free(target->process);
    for (unsigned i = 0; i < ROTATION_FILES; i++)
        free(target->seals[i].reason);
    free(target);
    return NULL;
}

void target_start(Target *target)
{
    on_tick(target);
}

void target_stop(Target *target)
{
    rotation_stop(target->rotation);
}

pid_t target_pid(const Target *target)
{
    return target->process->pid;
}

TargetState target_state(const Target *target)
{
    return target->state;
}

int target_result(const Target *target)
{
    return target->result;
}

bool target_is_idle(const Target *target)
{
    return target->state == TARGET_ENDED && !target_has_unsealed(target);
}
