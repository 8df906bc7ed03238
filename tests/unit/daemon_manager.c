/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/manager.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "conf/failure.h"
#include "reporters/local.h"
#include "tests/unit/fakes.h"

#define INTERVAL (30 * USEC_PER_SEC)

static char event[] = "cpu", cstack[] = "dwarf", extra[] = "", library[] = "/lib/libasyncProfiler.so";
#define TARGETS_MAX 4

/* The whole daemon but for its seams, with child processes as targets. */
typedef struct World {
    sd_event *event;
    FakeClock clock;
    FakeEngine engines[TARGETS_MAX];
    unsigned n_engines;
    FakeReporter reporter;
    FakeProvider provider;
    DeliveryReporter reporters[2];
    ManagerSeams seams;
    char root[64];
    Settings settings;
    pid_t children[TARGETS_MAX];
    unsigned n_children;
    Manager *manager;
} World;

static World world;

/* Targets are opened in order, each gets the next fake engine. */
static int open_fake_door(sd_event *loop, const Process *process, const char *path,
        TargetDirectory *directory, Engine **ret, char **reason)
{
    FakeEngine *engine = &world.engines[world.n_engines++];

    (void)process;
    (void)path;
    (void)directory;
    (void)reason;
    if (!engine->event)
        fake_engine_init(engine, loop);
    *ret = &engine->engine;
    return 0;
}

static int check_fake_door(const Process *process, char **reason)
{
    (void)process;
    (void)reason;
    return 0;
}

static const Door fake_door = {.check = check_fake_door, .open = open_fake_door};

static pid_t spawn(void)
{
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        for (;;)
            pause();
    }
    world.children[world.n_children++] = pid;
    return pid;
}

static void open_manager(void)
{
    _cleanup_free_ char *reason = NULL;

    cr_assert_geq(manager_new(world.event, &world.settings, &world.seams, &world.manager, &reason), 0, "%s",
            reason);
}

static pid_t add_target(void)
{
    _cleanup_free_ char *reason = NULL;
    pid_t pid = spawn();

    cr_assert_geq(manager_add_target(world.manager, pid, &reason), 0, "%s", reason);
    pump(world.event);
    return pid;
}

static void setup(void)
{
    memset(&world, 0, sizeof(world));
    snprintf(world.root, sizeof(world.root), "/tmp/asprof-manager-XXXXXX");
    cr_assert(mkdtemp(world.root));
    cr_assert_geq(sd_event_new(&world.event), 0);
    fake_clock_init(&world.clock);
    fake_reporter_init(&world.reporter, true);
    fake_provider_init(&world.provider);
    world.settings = (Settings){.reporting_interval = 30 * NSEC_PER_SEC,
            .command_timeout = 10 * NSEC_PER_SEC,
            .stop_timeout = 20 * NSEC_PER_SEC,
            .library = library,
            .shared_directory = world.root,
            .spool_max_bytes = 1 << 20,
            .profiling = {.event = event,
                    .cpu_interval = 100 * NSEC_PER_MSEC,
                    .wall_clock_interval = NSEC_PER_SEC,
                    .cstack = cstack,
                    .extra = extra}};
    world.reporters[0] = (DeliveryReporter){.name = "fake", .reporter = &world.reporter.reporter};
    world.seams = (ManagerSeams){.clock = &world.clock.clock,
            .door = &fake_door,
            .metadata = &world.provider.provider,
            .reporters = world.reporters,
            .n_reporters = 1};
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void teardown(void)
{
    manager_free(world.manager);
    for (unsigned i = 0; i < world.n_children; i++) {
        kill(world.children[i], SIGKILL);
        waitpid(world.children[i], NULL, 0);
    }
    for (unsigned i = 0; i < TARGETS_MAX; i++)
        fake_engine_clear(&world.engines[i]);
    sd_event_unref(world.event);
    nftw(world.root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(manager, .init = setup, .fini = teardown, .timeout = 60);

static unsigned awaited;

static bool has_reports(void *userdata)
{
    (void)userdata;
    return fake_reporter_count(&world.reporter) >= awaited;
}

static bool has_refusals(void *userdata)
{
    (void)userdata;
    return fake_reporter_count_refused(&world.reporter) >= awaited;
}

static void await_reports(unsigned n)
{
    awaited = n;
    cr_assert(pump_until(world.event, has_reports, NULL), "%u reports, not %u",
            fake_reporter_count(&world.reporter), n);
}

static void advance(uint64_t us)
{
    fake_clock_advance(&world.clock, world.event, us);
}

/* Lets one more interval pass and its recording arrive: the n-th. */
static void next_recording(unsigned n)
{
    advance(INTERVAL);
    await_reports(n);
}

static void check_report(unsigned i, const char *payload)
{
    cr_assert_str_eq(world.reporter.reports[i].payload, payload);
    cr_assert_str_eq(world.reporter.reports[i].instance_id, "i-fake");
    cr_assert_eq(world.reporter.reports[i].pid, world.children[0]);
    cr_assert_eq(world.reporter.reports[i].reporting_interval, 30 * NSEC_PER_SEC);
}

Test(manager, recordings_arrive_with_metadata)
{
    open_manager();
    add_target();
    next_recording(1);
    next_recording(2);
    check_report(0, "JFR0");
    check_report(1, "JFR1");
    cr_assert_eq(
            world.reporter.reports[0].end - world.reporter.reports[0].start, (int64_t)(30 * NSEC_PER_SEC));
    cr_assert_eq(world.reporter.reports[1].start, world.reporter.reports[0].end);
    cr_assert_eq(world.provider.loads, 1, "metadata is looked up once");
}

Test(manager, metadata_is_not_looked_up_before_it_is_needed)
{
    open_manager();
    add_target();
    advance(INTERVAL / 2);
    cr_assert_eq(world.provider.loads, 0);
}

Test(manager, failed_metadata_is_asked_for_again)
{
    world.provider.refuse = true;
    open_manager();
    add_target();
    next_recording(1);
    cr_assert_str_eq(world.reporter.reports[0].instance_id, "", "reported without it");
    world.provider.refuse = false;
    next_recording(2);
    cr_assert_str_eq(world.reporter.reports[1].instance_id, "i-fake");
}

/* Two recordings, then the end in one of three ways: the third comes at once, and nothing after it. */
static void begin_two(void)
{
    open_manager();
    add_target();
    next_recording(1);
    next_recording(2);
    advance(USEC_PER_SEC);
}

static void check_end(void)
{
    cr_assert_eq(fake_reporter_count(&world.reporter), 3);
    check_report(2, "JFR2");
    cr_assert_eq(world.reporter.reports[2].end - world.reporter.reports[2].start, (int64_t)NSEC_PER_SEC);
    advance(10 * INTERVAL);
    cr_assert_eq(fake_reporter_count(&world.reporter), 3);
}

Test(manager, stop_by_request)
{
    begin_two();
    manager_stop(world.manager);
    cr_assert_eq(manager_run(world.manager), 0);
    check_end();
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    (void)source;
    (void)info;
    manager_stop(userdata);
    return 0;
}

Test(manager, stop_by_signal)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    begin_two();
    cr_assert_geq(sd_event_add_signal(world.event, NULL, SIGTERM, on_signal, world.manager), 0);
    kill(getpid(), SIGTERM);
    cr_assert_eq(manager_run(world.manager), 0);
    check_end();
}

Test(manager, stop_by_abandonment)
{
    begin_two();
    world.manager = manager_free(world.manager);
    check_end();
}

Test(manager, last_report_on_an_abrupt_shutdown)
{
    open_manager();
    add_target();
    next_recording(1);
    world.manager = manager_free(world.manager);
    cr_assert_eq(fake_reporter_count(&world.reporter), 2);
    cr_assert_str_eq(world.reporter.reports[1].payload, "JFR1");
}

Test(manager, failed_report_stops_nothing_and_is_made_up_for)
{
    fake_reporter_set(&world.reporter, true, false);
    open_manager();
    add_target();
    for (awaited = 1; awaited <= 3; awaited++) {
        advance(INTERVAL);
        cr_assert(pump_until(world.event, has_refusals, NULL));
    }
    cr_assert_eq(world.engines[0].starts, 4, "profiling goes on");
    fake_reporter_set(&world.reporter, false, false);
    next_recording(4);
    for (unsigned i = 0; i < 4; i++)
        check_report(i, (const char *[]){"JFR0", "JFR1", "JFR2", "JFR3"}[i]);
}

Test(manager, slow_report_delays_no_turn)
{
    fake_reporter_set(&world.reporter, false, true);
    open_manager();
    add_target();
    for (unsigned i = 1; i <= 3; i++) {
        advance(INTERVAL);
        (void)sd_event_run(world.event, 200 * USEC_PER_MSEC);
        (void)sd_event_run(world.event, 200 * USEC_PER_MSEC);
        cr_assert_eq(world.engines[0].starts, i + 1);
    }
    fake_reporter_set(&world.reporter, false, false);
    await_reports(3);
    check_report(2, "JFR2");
}

Test(manager, failed_target_ends_alone)
{
    open_manager();
    fake_engine_init(&world.engines[0], world.event);
    world.engines[0].start_result = ENGINE_REFUSED;
    world.engines[0].start_text = "async-profiler: perf events unavailable";
    add_target();
    add_target();
    advance(2 * INTERVAL);
    await_reports(1);
    cr_assert_eq(world.reporter.reports[0].pid, world.children[1]);
    cr_assert_gt(world.engines[1].starts, 1);
    cr_assert_eq(world.engines[0].starts, 1);
}

Test(manager, ends_with_the_error_of_its_last_target)
{
    open_manager();
    fake_engine_init(&world.engines[0], world.event);
    world.engines[0].status_text = "Profiling is running for 3 seconds";
    add_target();
    cr_assert_eq(manager_run(world.manager), -EBUSY);
}

Test(manager, killed_target_is_collected)
{
    pid_t pid;

    open_manager();
    pid = add_target();
    advance(USEC_PER_SEC);
    kill(pid, SIGKILL);
    cr_assert_eq(manager_run(world.manager), 0, "a target that ends is no error");
    cr_assert_eq(fake_reporter_count(&world.reporter), 1);
    check_report(0, "JFR0");
    cr_assert(world.engines[0].freed);
}

Test(manager, incomplete_recording_is_kept_apart)
{
    _cleanup_free_ char *file = NULL;
    const char *options;
    struct stat st;
    char path[128];
    pid_t pid;

    open_manager();
    pid = add_target();
    options = world.engines[0].commands[1];
    file = strndup(strstr(options, "file=") + 5, strcspn(strstr(options, "file=") + 5, ","));
    cr_assert_eq(stat(file, &st), 0);
    cr_assert_eq(truncate(file, st.st_size / 2), 0);
    kill(pid, SIGKILL);
    cr_assert_eq(manager_run(world.manager), 0);
    cr_assert_eq(fake_reporter_count(&world.reporter), 0, "never passed off as good");
    snprintf(path, sizeof(path), "%s/incomplete", world.root);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_nlink, 2);
}

Test(manager, ticks_are_spread)
{
    unsigned turns[TARGETS_MAX] = {0};
    unsigned at_once, most = 0;

    open_manager();
    for (unsigned i = 0; i < TARGETS_MAX; i++)
        add_target();
    for (unsigned i = 0; i < TARGETS_MAX; i++)
        cr_assert_eq(world.engines[i].starts, 1, "the first tick comes at once");
    for (unsigned step = 0; step < 60; step++) {
        advance(USEC_PER_SEC);
        /* What is recorded must be sealed before the file can be used again. */
        (void)sd_event_run(world.event, 20 * USEC_PER_MSEC);
        (void)sd_event_run(world.event, 20 * USEC_PER_MSEC);
        at_once = 0;
        for (unsigned i = 0; i < TARGETS_MAX; i++) {
            at_once += world.engines[i].starts - 1 > turns[i];
            turns[i] = world.engines[i].starts - 1;
        }
        most = at_once > most ? at_once : most;
        if (step == 13)
            for (unsigned i = 0; i < TARGETS_MAX; i++)
                cr_assert_eq(turns[i], 0, "no period is shorter than half an interval");
    }
    cr_assert_eq(most, 1, "no two turns in the same second");
    for (unsigned i = 0; i < TARGETS_MAX; i++)
        cr_assert_geq(turns[i], 1);
}

Test(manager, frozen_target_delays_no_other)
{
    open_manager();
    fake_engine_init(&world.engines[0], world.event);
    world.engines[0].silent = true;
    add_target();
    add_target();
    advance(2 * INTERVAL);
    await_reports(1);
    cr_assert_eq(world.engines[0].n_commands, 1, "still waiting for its first answer");
    cr_assert_geq(world.engines[1].starts, 2);
    world.engines[0].silent = false;
    fake_engine_answer(&world.engines[0], 0, "Profiler is not active");
    pump(world.event);
    cr_assert_eq(world.engines[0].starts, 1);
}

Test(manager, end_does_not_wait_for_ever_for_a_frozen_target)
{
    open_manager();
    fake_engine_init(&world.engines[0], world.event);
    add_target();
    world.engines[0].silent = true;
    manager_stop(world.manager);
    advance(21 * USEC_PER_SEC);
    cr_assert_eq(manager_run(world.manager), -ETIME);
}

Test(manager, leaves_no_target_files_behind)
{
    struct stat st;
    char path[128];

    open_manager();
    add_target();
    world.manager = manager_free(world.manager);
    snprintf(path, sizeof(path), "%s/targets", world.root);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_nlink, 2, "no directory of a target is left");
}

Test(manager, second_daemon_on_the_same_spool_is_refused)
{
    _cleanup_free_ char *reason = NULL;
    Manager *second = NULL;
    char pid[16];

    open_manager();
    cr_assert_eq(manager_new(world.event, &world.settings, &world.seams, &second, &reason), -EBUSY);
    snprintf(pid, sizeof(pid), "%i", getpid());
    cr_assert(strstr(reason, pid), "%s", reason);
    cr_assert_null(second);
}

Test(manager, no_such_process)
{
    _cleanup_free_ char *reason = NULL;

    open_manager();
    cr_assert_eq(manager_add_target(world.manager, 0x3ffffff, &reason), -ESRCH);
    cr_assert(reason);
}

Test(manager, local_reporter_needs_no_metadata)
{
    LocalSettings local = {.directory = world.root};
    Reporter *reporter = NULL;
    _cleanup_free_ char *reason = NULL;

    cr_assert_geq(local_reporter_new(&local, &reporter, &reason), 0, "%s", reason);
    world.reporters[0] = (DeliveryReporter){.name = "local", .reporter = reporter};
    open_manager();
    add_target();
    advance(INTERVAL);
    world.manager = manager_free(world.manager);
    cr_assert_eq(world.provider.loads, 0);
    reporter_free(reporter);
}

Test(manager, slow_reporter_holds_back_no_other)
{
    static FakeReporter slow;

    fake_reporter_init(&slow, false);
    fake_reporter_set(&slow, false, true);
    world.reporters[1] = (DeliveryReporter){.name = "slow", .reporter = &slow.reporter};
    world.seams.n_reporters = 2;
    open_manager();
    add_target();
    next_recording(1);
    next_recording(2);
    cr_assert_eq(fake_reporter_count(&slow), 0);
    fake_reporter_set(&slow, false, false);
    world.manager = manager_free(world.manager);
    cr_assert_eq(fake_reporter_count(&slow), 3);
}
