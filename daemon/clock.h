/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The seam to time: what the hour is, and being called at one. A test winds it by hand. */

#include <stdint.h>

typedef struct sd_event sd_event;
typedef struct Clock Clock;
typedef struct ClockTimer ClockTimer;
typedef void (*ClockHandler)(void *userdata);

typedef struct ClockVtable {
    uint64_t (*monotonic)(Clock *clock); /* us; counts suspended time too */
    int64_t (*realtime)(Clock *clock);   /* ns since the epoch */
    int (*timer_new)(Clock *clock, ClockHandler handler, void *userdata, ClockTimer **ret);
    int (*timer_set)(ClockTimer *timer, uint64_t at);
    void (*timer_free)(ClockTimer *timer);
    void (*free)(Clock *clock);
} ClockVtable;

struct Clock {
    const ClockVtable *vtable;
};

struct ClockTimer {
    Clock *clock;
};

/* The real one, on this event loop. */
int clock_new(sd_event *event, Clock **ret);

static inline uint64_t clock_monotonic(Clock *clock)
{
    return clock->vtable->monotonic(clock);
}

static inline int64_t clock_realtime(Clock *clock)
{
    return clock->vtable->realtime(clock);
}

/* A timer, not set yet; its handler is called from the event loop, once for each time it was set. */
static inline int clock_timer_new(Clock *clock, ClockHandler handler, void *userdata, ClockTimer **ret)
{
    return clock->vtable->timer_new(clock, handler, userdata, ret);
}

#define CLOCK_NEVER UINT64_MAX

/* Sets it to a monotonic time in us, in the past for at once, or CLOCK_NEVER. */
static inline int clock_timer_set(ClockTimer *timer, uint64_t at)
{
    return timer->clock->vtable->timer_set(timer, at);
}

static inline ClockTimer *clock_timer_free(ClockTimer *timer)
{
    if (timer)
        timer->clock->vtable->timer_free(timer);
    return (ClockTimer *)0;
}

static inline Clock *clock_free(Clock *clock)
{
    if (clock)
        clock->vtable->free(clock);
    return (Clock *)0;
}
