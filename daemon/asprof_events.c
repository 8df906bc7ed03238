/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/asprof_events.h"

#include <inttypes.h>
#include <string.h>

#include "attach/options.h"
#include "conf/failure.h"
#include "conf/settings.h"
#include "conf/units.h"
#include "daemon/tracepoint.h"

#define RATE_MAX 10000

typedef struct ModeName {
    const char *name;
    SamplingMode mode;
    bool is_event; /* -e takes it */
    bool is_size;  /* its interval is in bytes */
} ModeName;

static const ModeName mode_names[] = {
        {"alloc", MODE_ALLOC, .is_event = true, .is_size = true},
        {"lock", MODE_LOCK, .is_event = true},
        {"wall", MODE_WALL, .is_event = true},
        {"nativemem", MODE_NATIVEMEM, .is_event = true, .is_size = true},
        {"nativelock", MODE_NATIVELOCK, .is_event = true},
        {.name = "trace", .mode = MODE_TRACE},
        {.name = "all", .mode = MODE_ALL},
};
#define N_MODE_NAMES (sizeof(mode_names) / sizeof(*mode_names))

static const ModeName *find_event(const char *event)
{
    for (size_t i = 0; i < N_MODE_NAMES; i++)
        if (mode_names[i].is_event && strcmp(event, mode_names[i].name) == 0)
            return &mode_names[i];
    return NULL;
}

static bool is_several(unsigned modes)
{
    return modes & (modes - 1);
}

int asprof_events_add(AsprofEvents *events, const char *event, char **reason)
{
    if (events->n_given == EVENTS_MAX)
        return fail(reason, -EINVAL, "-e: '%s' is one event too many", event);
    events->given[events->n_given++] = event;
    return 0;
}

static int put_engine(AsprofEvents *events, const char *event, FILE *out, char **reason)
{
    unsigned id;

    if (events->event_modes & MODE_ENGINE)
        return fail(reason, -EINVAL,
                "-e: '%s' is one event too many: of those that interrupt threads there can be one", event);
    events->event_modes |= MODE_ENGINE;
    if (tracepoint_find(event, &id) >= 0)
        fprintf(out, ",event=trace:%u", id);
    else
        fprintf(out, ",event=%s", event);
    return 0;
}

static int put_event(AsprofEvents *events, const char *event, bool alone, FILE *out, char **reason)
{
    const ModeName *known = find_event(event);
    int r;

    r = *event ? options_check_value(event, reason) : fail(reason, -EINVAL, "an event has no name");
    if (r < 0)
        return fail_prefix(reason, r, "-e");
    if (!known)
        return put_engine(events, event, out, reason);
    events->event_modes |= known->mode;
    /* Beside another event the wall clock is an option of its own, which may be there already. */
    if (known->mode != MODE_WALL || alone)
        fprintf(out, ",event=%s", event);
    else if (!(events->option_modes & MODE_WALL))
        fputs(",wall", out);
    return 0;
}

/* "cpu,alloc" is two events; "cpu/umask=0x1,event=0xd3/" is one of the PMU, which async-profiler wants with
 * colons. */
static int put_given(AsprofEvents *events, const char *given, bool alone, FILE *out, char **reason)
{
    _cleanup_free_ char *list = strdup(given);
    size_t n = strlen(given);
    char *rest = list, *event;
    int r = 0;

    if (!list)
        return -ENOMEM;
    if (n > 0 && list[n - 1] == '/') {
        for (char *p = list; *p; p++)
            if (*p == ',')
                *p = ':';
    }
    alone = alone && !strchr(list, ',');
    while (r >= 0 && (event = strsep(&rest, ",")))
        r = put_event(events, event, alone, out, reason);
    return r;
}

/* A bare number is ns, or a count for events that are counted. Longer units than s are left out: asprof takes
 * "10m" for 10 ms. */
static int parse_time(const char *text, uint64_t *ret, char **reason)
{
    static const char *const units[] = {"", "ns", "us", "ms", "s"};
    const char *unit = text + strspn(text, "0123456789.");

    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        if (strcmp(unit, units[i]) == 0 && duration_parse(text, "ns", ret, NULL) >= 0)
            return 0;
    return fail(reason, -EINVAL,
            "'%s' is no interval; write something like 1ms, 500us or 1000000 (ns, or a number of events)",
            text);
}

/* These heed no `interval`: each has an option of its own for it, of the same name. */
static int put_own_interval(const AsprofEvents *events, const ModeName *event, FILE *out, char **reason)
{
    uint64_t number;
    int r;

    if (events->rate)
        return fail(reason, -EINVAL, "-r: %s is not sampled at a rate; write -i %s", event->name,
                event->is_size ? "512k" : "10us");
    if (events->option_modes & event->mode)
        return fail(reason, -EINVAL, "-i and --%s say the same thing; give one", event->name);
    r = event->is_size ? size_parse(events->interval, &number, reason)
                       : parse_time(events->interval, &number, reason);
    if (r < 0)
        return fail_prefix(reason, r, "-i");
    fprintf(out, ",%s=%" PRIu64, event->name, number);
    return 0;
}

static int put_interval(const AsprofEvents *events, FILE *out, char **reason)
{
    uint64_t number;
    int r;

    if (events->rate) {
        r = number_parse(events->rate, 1, RATE_MAX, &number, reason);
        if (r < 0)
            return fail_prefix(reason, r, "-r");
        number = NSEC_PER_SEC / number;
    } else {
        r = parse_time(events->interval, &number, reason);
        if (r < 0)
            return fail_prefix(reason, r, "-i");
    }
    if (number == 0)
        return fail(reason, -EINVAL, "-i: an interval of 0 would sample without end");
    fprintf(out, ",interval=%" PRIu64, number);
    return 0;
}

/* Whose interval it is: of the event that interrupts threads, or else of the only one. */
static int choose_interval(const AsprofEvents *events, FILE *out, char **reason)
{
    const ModeName *only = events->n_given == 1 ? find_event(events->given[0]) : NULL;

    if (!events->interval && !events->rate)
        return 0;
    if (events->interval && events->rate)
        return fail(reason, -EINVAL, "-i and -r say the same thing; give one");
    if (only && only->mode != MODE_WALL)
        return put_own_interval(events, only, out, reason);
    if ((events->event_modes & MODE_ENGINE) || (events->option_modes & MODE_ALL) ||
            (only && events->option_modes == 0))
        return put_interval(events, out, reason);
    return fail(reason, -EINVAL,
            "-%c: it is not clear which of several events is meant; give each its own, as in --alloc 512k "
            "--wall 10ms",
            events->interval ? 'i' : 'r');
}

int asprof_events_put(AsprofEvents *events, FILE *out, char **reason)
{
    bool alone = events->n_given == 1 && events->option_modes == 0;
    int r = 0;

    if (events->n_given == 0 && events->option_modes == 0)
        events->given[events->n_given++] = "cpu";
    for (size_t i = 0; r >= 0 && i < events->n_given; i++)
        r = put_given(events, events->given[i], alone, out, reason);
    return r < 0 ? r : choose_interval(events, out, reason);
}

bool asprof_events_need_jfr(const AsprofEvents *events)
{
    return is_several(events->option_modes | events->event_modes) || (events->option_modes & MODE_ALL);
}

void asprof_events_describe(const AsprofEvents *events, FILE *out)
{
    const char *separator = "";

    for (size_t i = 0; i < events->n_given; i++, separator = ",")
        fprintf(out, "%s%s", separator, events->given[i]);
    for (size_t i = 0; i < N_MODE_NAMES; i++) {
        if (!(events->option_modes & ~events->event_modes & mode_names[i].mode))
            continue;
        fprintf(out, "%s%s", separator, mode_names[i].name);
        separator = ",";
    }
}
