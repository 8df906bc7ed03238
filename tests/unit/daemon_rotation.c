/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/rotation.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/failure.h"
#include "tests/unit/fakes.h"

#define INTERVAL (30 * USEC_PER_SEC)

static char event[] = "cpu", cstack[] = "dwarf", extra[] = "";

typedef struct Recorded {
    unsigned file;
    char payload[64];
    int64_t start, end;
} Recorded;

/* A rotation between a fake engine and a fake clock, and what it told its observer. */
typedef struct Bench {
    sd_event *event;
    FakeClock clock;
    FakeEngine engine;
    char root[64];
    Process *self;
    TargetDirectory *directory;
    Settings settings;
    Rotation *rotation;

    Recorded recorded[FAKE_MAX];
    unsigned n_recorded, n_started, n_warned, n_ended;
    bool keep; /* does not release what is recorded */
    int result;
    char *text;
    char *warning;
} Bench;

static void on_started(void *userdata)
{
    ((Bench *)userdata)->n_started++;
}

static void on_recorded(void *userdata, unsigned file, int fd, int64_t start, int64_t end)
{
    Bench *bench = userdata;
    Recorded *recorded = &bench->recorded[bench->n_recorded++];

    *recorded = (Recorded){.file = file, .start = start, .end = end};
    fake_payload(fd, recorded->payload, sizeof(recorded->payload));
    if (!bench->keep)
        rotation_release(bench->rotation, file);
}

static void on_warned(void *userdata, const char *text)
{
    Bench *bench = userdata;

    bench->n_warned++;
    free(bench->warning);
    bench->warning = strdup(text);
}

static void on_ended(void *userdata, int result, const char *text)
{
    Bench *bench = userdata;

    bench->n_ended++;
    bench->result = result;
    bench->text = strdup(text);
}

static void bench_open(Bench *bench)
{
    static const RotationObserver observer = {
            .started = on_started, .recorded = on_recorded, .warned = on_warned, .ended = on_ended};
    _cleanup_free_ char *reason = NULL;
    int r;

    *bench = (Bench){.root = "/tmp/asprof-rotation-XXXXXX",
            .settings = {.reporting_interval = 30 * NSEC_PER_SEC,
                    .command_timeout = 10 * NSEC_PER_SEC,
                    .profiling = {.event = event,
                            .cpu_interval = 100 * NSEC_PER_MSEC,
                            .wall_clock_interval = NSEC_PER_SEC,
                            .cstack = cstack,
                            .extra = extra}}};
    cr_assert(mkdtemp(bench->root));
    cr_assert_geq(sd_event_new(&bench->event), 0);
    fake_clock_init(&bench->clock);
    fake_engine_init(&bench->engine, bench->event);
    cr_assert_geq(process_open(getpid(), &bench->self, &reason), 0, "%s", reason);
    r = target_directory_new(bench->root, "t", bench->self, &bench->directory, &reason);
    cr_assert_geq(r, 0, "%s", reason);
    r = rotation_new(&bench->engine.engine, &bench->clock.clock, bench->directory, &bench->settings,
            &observer, bench, &bench->rotation, &reason);
    cr_assert_geq(r, 0, "%s", reason);
}

static void bench_close(Bench *bench)
{
    rotation_free(bench->rotation);
    target_directory_remove(bench->directory);
    target_directory_free(bench->directory);
    process_free(bench->self);
    rmdir(bench->root);
    fake_engine_clear(&bench->engine);
    sd_event_unref(bench->event);
    free(bench->text);
    free(bench->warning);
}

static void bench_tick(Bench *bench)
{
    rotation_tick(bench->rotation);
    pump(bench->event);
}

static void bench_advance(Bench *bench, uint64_t us)
{
    fake_clock_advance(&bench->clock, bench->event, us);
}

static const char *bench_last_command(const Bench *bench)
{
    return bench->engine.commands[bench->engine.n_commands - 1];
}

static int64_t bench_now(Bench *bench)
{
    return clock_realtime(&bench->clock.clock);
}

static size_t file_size(const Bench *bench, const char *name)
{
    struct stat st;

    cr_assert_eq(fstatat(bench->directory->fd, name, &st, 0), 0);
    return (size_t)st.st_size;
}

Test(rotation, first_tick_only_starts)
{
    Bench bench;

    bench_open(&bench);
    bench_tick(&bench);
    cr_assert_eq(bench.engine.n_commands, 2);
    cr_assert_str_eq(bench.engine.commands[0], "status");
    cr_assert_eq(strncmp(bench.engine.commands[1],
                         "start,event=cpu,interval=100000000,wall=1000ms,jfr,cstack=dwarf,file=/tmp/", 74),
            0, "%s", bench.engine.commands[1]);
    cr_assert(strstr(bench.engine.commands[1], "/t/a.jfr,timeout=65"), "%s", bench.engine.commands[1]);
    cr_assert_eq(bench.n_started, 1);
    cr_assert_eq(bench.n_recorded, 0);
    bench_close(&bench);
}

Test(rotation, swaps_and_empties_the_pair)
{
    Bench bench;
    int64_t begin, turn;

    bench_open(&bench);
    begin = bench_now(&bench);
    bench_tick(&bench);
    bench_advance(&bench, INTERVAL);
    turn = bench_now(&bench);
    bench.keep = true;
    bench_tick(&bench);
    cr_assert_eq(bench.n_recorded, 1);
    cr_assert_str_eq(bench.recorded[0].payload, "JFR0");
    cr_assert_eq(bench.recorded[0].start, begin);
    cr_assert_eq(bench.recorded[0].end, turn);
    cr_assert(strstr(bench_last_command(&bench), "/b.jfr"), "the other file is the active one");
    cr_assert_gt(file_size(&bench, "a.jfr"), 0);
    rotation_release(bench.rotation, 0);
    cr_assert_eq(file_size(&bench, "a.jfr"), 0);
    cr_assert_gt(file_size(&bench, "b.jfr"), 0);

    bench_advance(&bench, INTERVAL);
    bench_tick(&bench);
    cr_assert_str_eq(bench.recorded[1].payload, "JFR1");
    cr_assert_eq(bench.recorded[1].file, 1);
    cr_assert_eq(bench.recorded[1].start, turn, "periods follow one another");
    cr_assert(strstr(bench_last_command(&bench), "/a.jfr"));
    bench_close(&bench);
}

Test(rotation, order_is_stop_swap_start_report)
{
    Bench bench;

    bench_open(&bench);
    bench_tick(&bench);
    bench.engine.silent = true;
    bench_tick(&bench);
    cr_assert_str_eq(bench_last_command(&bench), "stop");
    fake_engine_answer(&bench.engine, 0, "");
    pump(bench.event);
    cr_assert_eq(strncmp(bench_last_command(&bench), "start,", 6), 0);
    cr_assert_eq(bench.n_recorded, 0, "nothing is reported before the next period runs");
    fake_engine_answer(&bench.engine, 0, "");
    pump(bench.event);
    cr_assert_eq(bench.n_recorded, 1);
    bench_close(&bench);
}

Test(rotation, turn_is_left_out_while_the_other_file_is_not_safe)
{
    Bench bench;

    bench_open(&bench);
    bench.keep = true;
    bench_tick(&bench);
    bench_tick(&bench);
    cr_assert_eq(bench.n_recorded, 1);
    bench_tick(&bench);
    cr_assert_eq(bench.n_recorded, 1);
    cr_assert_str_eq(bench.recorded[0].payload, "JFR0");
    cr_assert_gt(file_size(&bench, "a.jfr"), 0, "not touched while it is lent");
    rotation_release(bench.rotation, 0);
    bench_tick(&bench);
    cr_assert_eq(bench.n_recorded, 2);
    bench_close(&bench);
}

Test(rotation, stop_hands_over_the_last_recording_at_once)
{
    Bench bench;

    bench_open(&bench);
    bench_tick(&bench);
    bench_advance(&bench, 7 * USEC_PER_SEC);
    rotation_stop(bench.rotation);
    rotation_tick(bench.rotation);
    pump(bench.event);
    cr_assert_eq(bench.n_recorded, 1);
    cr_assert_eq(bench.n_ended, 1);
    cr_assert_eq(bench.result, 0);
    cr_assert_eq(bench.recorded[0].end - bench.recorded[0].start, (int64_t)(7 * NSEC_PER_SEC));
    cr_assert_not(rotation_may_be_writing(bench.rotation));
    bench_advance(&bench, 10 * INTERVAL);
    rotation_stop(bench.rotation);
    bench_tick(&bench);
    cr_assert_eq(bench.n_recorded, 1);
    cr_assert_eq(bench.n_ended, 1);
    bench_close(&bench);
}

Test(rotation, stop_before_anything_began)
{
    Bench bench;

    bench_open(&bench);
    rotation_stop(bench.rotation);
    pump(bench.event);
    cr_assert_eq(bench.n_ended, 1);
    cr_assert_eq(bench.result, 0);
    cr_assert_eq(bench.engine.n_commands, 0);
    bench_close(&bench);
}

Test(rotation, stop_waits_for_the_answer_under_way)
{
    Bench bench;

    bench_open(&bench);
    bench_tick(&bench);
    bench.engine.silent = true;
    bench_tick(&bench);
    rotation_stop(bench.rotation);
    pump(bench.event);
    cr_assert_eq(bench.n_ended, 0);
    fake_engine_answer(&bench.engine, 0, "");
    pump(bench.event);
    cr_assert_eq(bench.n_recorded, 1, "the stop of the turn is the last one");
    cr_assert_eq(bench.n_ended, 1);
    cr_assert_str_eq(bench_last_command(&bench), "stop");
    bench_close(&bench);
}

Test(rotation, stop_while_starting_stops_what_has_started)
{
    Bench bench;

    bench_open(&bench);
    bench.engine.silent = true;
    bench_tick(&bench);
    fake_engine_answer(&bench.engine, 0, "");
    pump(bench.event);
    rotation_stop(bench.rotation);
    bench.engine.silent = false;
    fake_engine_answer(&bench.engine, 0, "");
    pump(bench.event);
    cr_assert_str_eq(bench_last_command(&bench), "stop");
    cr_assert_eq(bench.n_ended, 1);
    cr_assert_eq(bench.result, 0);
    bench_close(&bench);
}

/* An engine that refuses and yet goes on writing finds its file as it left it. */
static void check_file_left_alone(Bench *bench)
{
    char payload[64];
    _cleanup_close_ int fd = openat(bench->directory->fd, "a.jfr", O_RDONLY | O_CLOEXEC);

    bench_advance(bench, 5 * USEC_PER_SEC);
    bench_tick(bench);
    fake_payload(fd, payload, sizeof(payload));
    cr_assert_str_eq(payload, "JFR0");
    cr_assert_eq(bench->n_recorded, 0);
    cr_assert_eq(bench->n_ended, 1);
    cr_assert_lt(bench->result, 0);
    cr_assert_str_eq(bench->text, "async-profiler: error");
    cr_assert(rotation_may_be_writing(bench->rotation));
}

Test(rotation, error_on_start_ends_it_and_leaves_the_file)
{
    Bench bench;

    bench_open(&bench);
    bench.engine.start_result = ENGINE_REFUSED;
    bench.engine.start_text = "async-profiler: error";
    bench_tick(&bench);
    check_file_left_alone(&bench);
    bench_close(&bench);
}

Test(rotation, error_on_stop_ends_it_and_leaves_the_file)
{
    Bench bench;

    bench_open(&bench);
    bench.engine.stop_result = ENGINE_REFUSED;
    bench.engine.stop_text = "async-profiler: error";
    bench_tick(&bench);
    bench_tick(&bench);
    check_file_left_alone(&bench);
    rotation_target_ended(bench.rotation);
    cr_assert_eq(bench.n_recorded, 1, "once the target is gone, what it wrote is handed over");
    cr_assert_eq(bench.n_ended, 1);
    bench_close(&bench);
}

Test(rotation, error_on_the_next_start_still_hands_over_the_last_recording)
{
    Bench bench;

    bench_open(&bench);
    bench_tick(&bench);
    bench.engine.start_result = ENGINE_REFUSED;
    bench.engine.start_text = "async-profiler: Profiler already started";
    bench_tick(&bench);
    cr_assert_eq(bench.n_recorded, 1);
    cr_assert_str_eq(bench.recorded[0].payload, "JFR0");
    cr_assert_eq(bench.n_ended, 1);
    cr_assert_str_eq(bench.text, "async-profiler: Profiler already started");
    bench_close(&bench);
}

Test(rotation, leaves_a_stranger_alone)
{
    Bench bench;

    bench_open(&bench);
    bench.engine.status_text = "Profiling is running for 17 seconds";
    bench_tick(&bench);
    cr_assert_eq(bench.engine.n_commands, 1);
    cr_assert_eq(bench.result, -EBUSY);
    cr_assert(strstr(bench.text, "running for 17 seconds"), "%s", bench.text);
    cr_assert_not(rotation_may_be_writing(bench.rotation), "the files were never told of");
    bench_close(&bench);
}

Test(rotation, asks_again_with_backoff_until_there_is_an_answer)
{
    Bench bench;
    unsigned before;

    bench_open(&bench);
    bench_tick(&bench);
    bench.engine.stop_result = -ETIMEDOUT;
    bench.engine.stop_text = "process 1 (java) did not answer within 10 s";
    bench_tick(&bench);
    cr_assert_eq(bench.n_warned, 1);
    before = bench.engine.n_commands;
    bench_advance(&bench, USEC_PER_SEC - 1);
    cr_assert_eq(bench.engine.n_commands, before);
    bench_advance(&bench, 1);
    cr_assert_eq(bench.engine.n_commands, before + 1);
    bench_advance(&bench, 2 * USEC_PER_SEC);
    cr_assert_eq(bench.engine.n_commands, before + 2);
    bench_tick(&bench);
    cr_assert_eq(bench.engine.n_commands, before + 2, "a tick in between changes nothing");
    cr_assert_eq(bench.n_warned, 1, "one sentence, not one for each try");
    bench.engine.stop_result = 0;
    bench_advance(&bench, 4 * USEC_PER_SEC);
    cr_assert_eq(bench.n_recorded, 1);
    cr_assert_eq(bench.recorded[0].end - bench.recorded[0].start, (int64_t)(7 * NSEC_PER_SEC),
            "the recording covers the longer time");
    cr_assert_eq(bench.n_ended, 0);
    bench_close(&bench);
}

Test(rotation, closed_connections_are_borne_only_a_few_times)
{
    Bench bench;

    bench_open(&bench);
    bench_tick(&bench);
    bench.engine.stop_result = -ECONNRESET;
    bench.engine.stop_text = "it closed the connection";
    bench_tick(&bench);
    cr_assert_eq(bench.n_ended, 0);
    bench_advance(&bench, 3 * USEC_PER_SEC);
    cr_assert_eq(bench.n_ended, 0);
    bench_advance(&bench, 4 * USEC_PER_SEC);
    cr_assert_eq(bench.n_ended, 1);
    cr_assert_eq(bench.result, -ECONNRESET);
    bench_close(&bench);
}

Test(rotation, stop_request_does_not_wait_for_the_backoff)
{
    Bench bench;

    bench_open(&bench);
    bench_tick(&bench);
    bench.engine.stop_result = -ETIMEDOUT;
    bench_tick(&bench);
    bench.engine.stop_result = 0;
    rotation_stop(bench.rotation);
    pump(bench.event);
    cr_assert_eq(bench.n_recorded, 1);
    cr_assert_eq(bench.n_ended, 1);
    cr_assert_eq(fake_clock_next(&bench.clock), CLOCK_NEVER, "no timer is left");
    bench_close(&bench);
}

Test(rotation, last_recording_does_not_wait_for_a_frozen_start)
{
    Bench bench;

    bench_open(&bench);
    bench_tick(&bench);
    bench.engine.start_result = -ETIMEDOUT;
    bench_tick(&bench);
    cr_assert_eq(bench.n_recorded, 1);
    bench.engine.start_result = 0;
    bench_advance(&bench, USEC_PER_SEC);
    cr_assert_eq(bench.n_started, 2);
    cr_assert_eq(bench.n_recorded, 1);
    bench_close(&bench);
}

/* After the session's own timeout, whose session runs must be known before it is stopped. */
static void bench_lapse(Bench *bench, const char *status)
{
    bench_tick(bench);
    bench_advance(bench, (rotation_session_timeout(&bench->settings) + 100) * USEC_PER_SEC);
    bench->engine.status_text = status;
    bench_tick(bench);
}

Test(rotation, lapsed_session_that_ended_by_itself_is_recorded)
{
    Bench bench;

    bench_open(&bench);
    bench_lapse(&bench, "Profiler is not active");
    cr_assert_eq(bench.n_recorded, 1);
    cr_assert_eq(bench.recorded[0].end - bench.recorded[0].start, INT64_C(65000000000));
    cr_assert_eq(bench.n_started, 2, "and profiling goes on");
    for (unsigned i = 0; i < bench.engine.n_commands; i++)
        cr_assert_str_neq(bench.engine.commands[i], "stop");
    bench_close(&bench);
}

Test(rotation, lapsed_session_that_still_runs_is_ours_to_stop)
{
    Bench bench;

    bench_open(&bench);
    bench_lapse(&bench, "Profiling is running for 164 seconds");
    cr_assert_eq(bench.n_recorded, 1);
    cr_assert_eq(bench.n_started, 2);
    bench_close(&bench);
}

Test(rotation, stranger_after_a_lapsed_session_is_left_alone)
{
    Bench bench;

    bench_open(&bench);
    bench_lapse(&bench, "Profiling is running for 12 seconds");
    cr_assert_eq(bench.n_recorded, 1, "our own recording is complete");
    cr_assert_eq(bench.result, -EBUSY);
    cr_assert_str_eq(bench_last_command(&bench), "status");
    bench_close(&bench);
}

Test(rotation, session_stopped_by_somebody_else_is_recorded_and_begun_anew)
{
    Bench bench;

    bench_open(&bench);
    bench_tick(&bench);
    bench.engine.stop_result = ENGINE_REFUSED;
    bench.engine.stop_text = "async-profiler: Profiler is not active";
    bench_tick(&bench);
    cr_assert_eq(bench.n_recorded, 1);
    cr_assert_eq(bench.n_started, 2);
    cr_assert_str_eq(bench.warning, "its profiling was stopped by somebody else");
    bench_close(&bench);
}

Test(rotation, target_that_ends_hands_over_what_it_wrote)
{
    Bench bench;

    bench_open(&bench);
    bench_tick(&bench);
    bench.engine.silent = true;
    bench_tick(&bench);
    rotation_target_ended(bench.rotation);
    cr_assert_eq(bench.n_recorded, 1);
    cr_assert_eq(bench.result, -ESRCH);
    rotation_target_ended(bench.rotation);
    cr_assert_eq(bench.n_recorded, 1);
    bench_close(&bench);
}

Test(rotation, options_that_do_not_fit_are_refused_at_once)
{
    Bench bench;
    _cleanup_free_ char *reason = NULL;
    char long_extra[2000];
    Rotation *rotation = NULL;

    bench_open(&bench);
    memset(long_extra, 'x', sizeof(long_extra));
    long_extra[0] = ',';
    long_extra[sizeof(long_extra) - 1] = '\0';
    bench.settings.profiling.extra = long_extra;
    cr_assert_eq(rotation_new(&bench.engine.engine, &bench.clock.clock, bench.directory, &bench.settings,
                         &(RotationObserver){0}, NULL, &rotation, &reason),
            -E2BIG);
    cr_assert_null(rotation);
    cr_assert(reason);
    bench_close(&bench);
}
