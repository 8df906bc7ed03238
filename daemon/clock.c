/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/clock.h"

#include <systemd/sd-event.h>
#include <time.h>

#include "conf/cleanup.h"
#include "conf/settings.h"

typedef struct SystemClock {
    Clock clock;
    sd_event *event;
} SystemClock;

typedef struct SystemTimer {
    ClockTimer timer;
    sd_event_source *source;
    ClockHandler handler;
    void *userdata;
} SystemTimer;

static uint64_t system_monotonic(Clock *clock)
{
    struct timespec now;

    (void)clock;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / NSEC_PER_USEC;
}

static int64_t system_realtime(Clock *clock)
{
    struct timespec now;

    (void)clock;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * (int64_t)NSEC_PER_SEC + now.tv_nsec;
}

static int on_timer(sd_event_source *source, uint64_t at, void *userdata)
{
    SystemTimer *timer = userdata;

    (void)source;
    (void)at;
    timer->handler(timer->userdata);
    return 0;
}

static int system_timer_new(Clock *clock, ClockHandler handler, void *userdata, ClockTimer **ret)
{
    SystemClock *system = (SystemClock *)clock;
    SystemTimer *timer = calloc(1, sizeof(*timer));
    int r;

    if (!timer)
        return -ENOMEM;
    *timer = (SystemTimer){.timer.clock = clock, .handler = handler, .userdata = userdata};
    r = sd_event_add_time(system->event, &timer->source, CLOCK_BOOTTIME, 0, USEC_PER_MSEC, on_timer, timer);
    if (r >= 0)
        r = sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
    if (r < 0) {
        sd_event_source_unref(timer->source);
        free(timer);
        return r;
    }
    *ret = &timer->timer;
    return 0;
}

static int system_timer_set(ClockTimer *t, uint64_t at)
{
    SystemTimer *timer = (SystemTimer *)t;
    int r;

    if (at == CLOCK_NEVER)
        return sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
    r = sd_event_source_set_time(timer->source, at);
    if (r < 0)
        return r;
    return sd_event_source_set_enabled(timer->source, SD_EVENT_ONESHOT);
}

static void system_timer_free(ClockTimer *t)
{
    SystemTimer *timer = (SystemTimer *)t;

    sd_event_source_disable_unref(timer->source);
    free(timer);
}

static void system_free(Clock *clock)
{
    SystemClock *system = (SystemClock *)clock;

    sd_event_unref(system->event);
    free(system);
}

int clock_new(sd_event *event, Clock **ret)
{
    static const ClockVtable vtable = {
            .monotonic = system_monotonic,
            .realtime = system_realtime,
            .timer_new = system_timer_new,
            .timer_set = system_timer_set,
            .timer_free = system_timer_free,
            .free = system_free,
    };
    SystemClock *system = calloc(1, sizeof(*system));

    if (!system)
        return -ENOMEM;
    *system = (SystemClock){.clock.vtable = &vtable, .event = sd_event_ref(event)};
    *ret = &system->clock;
    return 0;
}
