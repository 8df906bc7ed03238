/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fakes.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "conf/cleanup.h"
#include "conf/failure.h"
#include "conf/settings.h"
#include "tests/unit/jfr_builder.h"

void pump(sd_event *event)
{
    while (sd_event_run(event, 0) > 0)
        ;
}

bool pump_until(sd_event *event, bool (*condition)(void *userdata), void *userdata)
{
    for (unsigned i = 0; i < 1000 && !condition(userdata); i++)
        (void)sd_event_run(event, 10 * USEC_PER_MSEC);
    return condition(userdata);
}

static uint64_t fake_monotonic(Clock *clock)
{
    return ((FakeClock *)clock)->now;
}

static int64_t fake_realtime(Clock *clock)
{
    return FAKE_EPOCH + (int64_t)(((FakeClock *)clock)->now * NSEC_PER_USEC);
}

static int fake_timer_new(Clock *c, ClockHandler handler, void *userdata, ClockTimer **ret)
{
    FakeClock *clock = (FakeClock *)c;
    FakeTimer *timer = malloc(sizeof(*timer));

    cr_assert(timer);
    *timer = (FakeTimer){.timer.clock = c,
            .handler = handler,
            .userdata = userdata,
            .at = CLOCK_NEVER,
            .next = clock->timers};
    clock->timers = timer;
    *ret = &timer->timer;
    return 0;
}

static int fake_timer_set(ClockTimer *timer, uint64_t at)
{
    ((FakeTimer *)timer)->at = at;
    return 0;
}

static void fake_timer_free(ClockTimer *timer)
{
    FakeTimer **p = &((FakeClock *)timer->clock)->timers;

    while (&(*p)->timer != timer)
        p = &(*p)->next;
    *p = (*p)->next;
    free(timer);
}

void fake_payload(int fd, char *payload, size_t size)
{
    char content[2048];
    ssize_t n = pread(fd, content, sizeof(content), 0);
    char *found = n > 0 ? memmem(content, (size_t)n, "JFR", 3) : NULL;

    cr_assert_geq(n, 0);
    snprintf(payload, size, "%.*s", found ? (int)strspn(found, "JFR0123456789") : 0, found ? found : "");
}

void fake_clock_init(FakeClock *clock)
{
    static const ClockVtable vtable = {
            .monotonic = fake_monotonic,
            .realtime = fake_realtime,
            .timer_new = fake_timer_new,
            .timer_set = fake_timer_set,
            .timer_free = fake_timer_free,
    };

    *clock = (FakeClock){.clock.vtable = &vtable, .now = 1000 * USEC_PER_SEC};
}

static FakeTimer *fake_clock_next_timer(const FakeClock *clock)
{
    FakeTimer *next = NULL;

    for (FakeTimer *timer = clock->timers; timer; timer = timer->next)
        if (timer->at != CLOCK_NEVER && (!next || timer->at < next->at))
            next = timer;
    return next;
}

uint64_t fake_clock_next(const FakeClock *clock)
{
    FakeTimer *next = fake_clock_next_timer(clock);

    return next ? next->at : CLOCK_NEVER;
}

void fake_clock_advance(FakeClock *clock, sd_event *event, uint64_t us)
{
    uint64_t until = clock->now + us;
    FakeTimer *timer;

    pump(event);
    while ((timer = fake_clock_next_timer(clock)) && timer->at <= until) {
        if (timer->at > clock->now)
            clock->now = timer->at;
        timer->at = CLOCK_NEVER;
        timer->handler(timer->userdata);
        pump(event);
    }
    clock->now = until;
}

static int on_answer(sd_event_source *source, void *userdata)
{
    FakeEngine *engine = userdata;

    (void)source;
    engine->answer = sd_event_source_disable_unref(engine->answer);
    engine->done(engine->userdata, engine->result, engine->text);
    return 0;
}

void fake_engine_answer(FakeEngine *engine, int result, const char *text)
{
    engine->result = result;
    engine->text = text;
    cr_assert_geq(sd_event_add_defer(engine->event, &engine->answer, on_answer, engine), 0);
}

static void fake_record(FakeEngine *engine, const char *options)
{
    const char *file = strstr(options, "file=") + strlen("file=");
    _cleanup_free_ char *path = strndup(file, strcspn(file, ","));
    _cleanup_close_ int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    uint8_t chunk[1024];
    char payload[32];
    size_t size;

    cr_assert_geq(fd, 0, "the engine is told of a file that exists: %s: %s", path, strerror(errno));
    snprintf(payload, sizeof(payload), "JFR%u", engine->starts++);
    size = jfr_build(chunk, sizeof(chunk), FAKE_EPOCH, INT64_C(1000000000), payload);
    cr_assert_eq(write(fd, chunk, size), (ssize_t)size);
}

static void fake_execute(Engine *e, const char *options, uint64_t timeout, EngineDone done, void *userdata)
{
    FakeEngine *engine = (FakeEngine *)e;
    bool start = strncmp(options, "start,", 6) == 0, stop = strcmp(options, "stop") == 0;

    (void)timeout;
    cr_assert_null(engine->answer, "one command at a time");
    cr_assert_lt(engine->n_commands, FAKE_MAX);
    engine->commands[engine->n_commands++] = strdup(options);
    engine->done = done;
    engine->userdata = userdata;
    if (start && !engine->silent && engine->start_result != -ETIMEDOUT)
        fake_record(engine, options);
    if (engine->silent)
        return;
    if (start)
        fake_engine_answer(engine, engine->start_result, engine->start_text);
    else if (stop)
        fake_engine_answer(engine, engine->stop_result, engine->stop_text);
    else
        fake_engine_answer(engine, engine->status_result, engine->status_text);
}

static void fake_engine_end(Engine *e)
{
    FakeEngine *engine = (FakeEngine *)e;

    engine->freed = true;
    engine->answer = sd_event_source_disable_unref(engine->answer);
}

void fake_engine_init(FakeEngine *engine, sd_event *event)
{
    static const EngineVtable vtable = {.execute = fake_execute, .free = fake_engine_end};

    *engine = (FakeEngine){
            .engine.vtable = &vtable,
            .event = event,
            .start_text = "",
            .stop_text = "",
            .status_text = "Profiler is not active",
    };
}

void fake_engine_clear(FakeEngine *engine)
{
    for (unsigned i = 0; i < engine->n_commands; i++)
        free(engine->commands[i]);
}

static int fake_report(Reporter *r, const Recording *recording, char **notice, char **reason)
{
    FakeReporter *reporter = (FakeReporter *)r;
    FakeReport *report;
    int result = 0;

    (void)notice;
    pthread_mutex_lock(&reporter->mutex);
    while (reporter->slow) {
        pthread_mutex_unlock(&reporter->mutex);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        pthread_mutex_lock(&reporter->mutex);
    }
    if (reporter->refuse) {
        reporter->n_refused++;
        result = fail(reason, -EIO, "refused");
    } else {
        report = &reporter->reports[reporter->n_reports++ % FAKE_MAX];
        *report = (FakeReport){.pid = recording->pid,
                .start = recording->start,
                .end = recording->end,
                .reporting_interval = recording->reporting_interval};
        snprintf(report->instance_id, sizeof(report->instance_id), "%s",
                recording->host && recording->host->instance_id ? recording->host->instance_id : "");
        fake_payload(recording->fd, report->payload, sizeof(report->payload));
    }
    pthread_mutex_unlock(&reporter->mutex);
    return result;
}

static void fake_reporter_free(Reporter *reporter)
{
    (void)reporter;
}

void fake_reporter_init(FakeReporter *reporter, bool wants_metadata)
{
    *reporter = (FakeReporter){.vtable = {.kind = "fake",
                                       .wants_metadata = wants_metadata,
                                       .report = fake_report,
                                       .free = fake_reporter_free},
            .reporter.vtable = &reporter->vtable};
    pthread_mutex_init(&reporter->mutex, NULL);
}

unsigned fake_reporter_count(FakeReporter *reporter)
{
    unsigned n;

    pthread_mutex_lock(&reporter->mutex);
    n = reporter->n_reports;
    pthread_mutex_unlock(&reporter->mutex);
    return n;
}

unsigned fake_reporter_count_refused(FakeReporter *reporter)
{
    unsigned n;

    pthread_mutex_lock(&reporter->mutex);
    n = reporter->n_refused;
    pthread_mutex_unlock(&reporter->mutex);
    return n;
}

void fake_reporter_set(FakeReporter *reporter, bool refuse, bool slow)
{
    pthread_mutex_lock(&reporter->mutex);
    reporter->refuse = refuse;
    reporter->slow = slow;
    pthread_mutex_unlock(&reporter->mutex);
}

static int fake_load(MetadataProvider *p, HostMetadata **ret, char **reason)
{
    FakeProvider *provider = (FakeProvider *)p;
    HostMetadata *host;

    provider->loads++;
    if (provider->refuse)
        return fail(reason, -EHOSTUNREACH, "no metadata service answers");
    host = calloc(1, sizeof(*host));
    cr_assert(host);
    host->instance_id = strdup("i-fake");
    *ret = host;
    return 0;
}

static void fake_provider_free(MetadataProvider *provider)
{
    (void)provider;
}

void fake_provider_init(FakeProvider *provider)
{
    static const MetadataProviderVtable vtable = {.load = fake_load, .free = fake_provider_free};

    *provider = (FakeProvider){.provider.vtable = &vtable};
}
