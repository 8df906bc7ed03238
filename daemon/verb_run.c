/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "conf/failure.h"
#include "daemon/command_line.h"
#include "daemon/log.h"
#include "daemon/manager.h"
#include "daemon/verbs.h"
#include "reporters/local.h"

static const char help[] =
        "Usage: asprof-agentd run [OPTION]... [PID]...\n"
        "\n"
        "Profiles running JVMs without end: injects async-profiler, rotates its JFR recordings in a shared\n"
        "directory, and hands every finished one to the reporters. Stays in the foreground.\n"
        "\n"
        "  asprof-agentd run 4242                               one JVM, with all defaults\n"
        "  asprof-agentd run -o reporting_interval=5s \\\n"
        "                    -o local.directory=/tmp/rec 4242   every 5 s, recordings in /tmp/rec\n"
        "  asprof-agentd run -c my.conf                         everything from a file\n"
        "\n"
        "Options:\n"
        "  -c, --config FILE       read FILE, not " CONFIG_DEFAULT_FILE "\n"
        "  -o, --option KEY=VALUE  set one key of the configuration; `check-config --help` lists them\n"
        "  -h, --help              this text\n"
        "      --version           the version\n"
        "\n"
        "SIGTERM, SIGINT and SIGHUP end it in order: the last recordings are reported. A second one ends it "
        "at once.\n"
        "\n"
        "Exit status: 0 ended in order, 1 failed, 2 wrong command line, 3 wrong configuration, 4 no such "
        "process,\n"
        "5 not permitted, 6 process not supported, 7 somebody else has it, 8 no answer in time\n";

typedef struct Reporters {
    DeliveryReporter *list;
    size_t n;
} Reporters;

static void reporters_clear(Reporters *reporters)
{
    for (size_t i = 0; i < reporters->n; i++)
        reporter_free(reporters->list[i].reporter);
    free(reporters->list);
}

static int reporters_init(Reporters *reporters, const Settings *settings, char **reason)
{
    int r;

    reporters->list = calloc(settings->n_reporters, sizeof(*reporters->list));
    if (!reporters->list)
        return -ENOMEM;
    for (; reporters->n < settings->n_reporters; reporters->n++) {
        const ReporterSettings *of = &settings->reporters[reporters->n];

        r = local_reporter_new(&of->local, &reporters->list[reporters->n].reporter, reason);
        if (r < 0)
            return fail_prefix(reason, r, "reporter %s", of->name);
        reporters->list[reporters->n].name = of->name;
    }
    return 0;
}

/* A target holds about ten descriptors; a hundred targets more than the usual soft limit. sd-event uses
 * epoll, so the hard limit is safe to take. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    Manager *manager = userdata;

    (void)source;
    log_info(0, "%s: ending", strsignal((int)info->ssi_signo));
    manager_stop(manager);
    return 0;
}

static int watch_signals(sd_event *event, Manager *manager)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    int r;

    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        sd_event_source *source;

        r = sd_event_add_signal(event, &source, signals[i], on_signal, manager);
        if (r < 0)
            return r;
        /* A request to stop beats a tick that is due. */
        (void)sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IMPORTANT);
        (void)sd_event_source_set_floating(source, true);
        sd_event_source_unref(source);
    }
    return 0;
}

static void block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    /* A log that nobody reads any more must not end the profiling. */
    signal(SIGPIPE, SIG_IGN);
}

/* 0 when at least one target could be taken on, else the last one's error. */
static int add_targets(Manager *manager, const Settings *settings)
{
    size_t added = 0;
    int r = 0;

    for (size_t i = 0; i < settings->n_targets; i++) {
        _cleanup_free_ char *reason = NULL;

        r = manager_add_target(manager, settings->targets[i], &reason);
        if (r < 0)
            log_error(settings->targets[i], "%s", failure_text(reason, r));
        else
            added++;
    }
    return added > 0 ? 0 : r;
}

/* Every error but those with a reason has been logged by whom it befell. */
static int run_manager(sd_event *event, const Settings *settings, const ManagerSeams *seams, char **reason)
{
    _cleanup_(manager_freep) Manager *manager = NULL;
    int r;

    r = manager_new(event, settings, seams, &manager, reason);
    if (r < 0)
        return r;
    r = watch_signals(event, manager);
    if (r < 0)
        return r;
    r = add_targets(manager, settings);
    if (r < 0)
        return r;
    sd_notify(0, "READY=1");
    r = manager_run(manager);
    if (r == -ETIME) {
        /* A thread may hang on a dead disk: leave without waiting for it. */
        fflush(stderr);
        _exit(EXIT_FAILED);
    }
    return r;
}

static int run(const Settings *settings, char **reason)
{
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    _cleanup_(reporters_clear) Reporters reporters = {0};
    Clock *clock = NULL;
    MetadataProvider *metadata = NULL;
    int r;

    r = sd_event_new(&event);
    if (r >= 0)
        r = reporters_init(&reporters, settings, reason);
    if (r >= 0)
        r = clock_new(event, &clock);
    if (r >= 0)
        r = metadata_none_new(&metadata);
    if (r >= 0)
        r = run_manager(event, settings,
                &(ManagerSeams){.clock = clock,
                        .door = &process_door,
                        .metadata = metadata,
                        .reporters = reporters.list,
                        .n_reporters = reporters.n},
                reason);
    metadata_provider_free(metadata);
    clock_free(clock);
    return r;
}

static int configure_and_run(Config *config, const char *file)
{
    _cleanup_free_ char *reason = NULL;
    const Settings *settings;
    int r;

    r = command_line_load_settings(config, file, &settings, &reason);
    if (r < 0) {
        log_error(0, "%s", failure_text(reason, r));
        return EXIT_CONFIG;
    }
    if (settings->n_targets == 0) {
        log_error(0,
                "there is nothing to profile: give PIDs, or set `targets`; `asprof-agentd list` shows them");
        return EXIT_USAGE;
    }
    r = run(settings, &reason);
    if (reason)
        log_error(0, "%s", reason);
    return exit_status_from_errno(r);
}

int verb_run(int argc, char **argv)
{
    static const struct option options[] = {
            {"config", required_argument, NULL, 'c'},
            {"option", required_argument, NULL, 'o'},
            {"help", no_argument, NULL, 'h'},
            {"version", no_argument, NULL, OPTION_VERSION},
            {0},
    };
    _cleanup_(config_freep) Config *config = NULL;
    _cleanup_free_ char *reason = NULL;
    const char *file = NULL;
    int r, option;

    log_open();
    block_signals();
    raise_descriptor_limit();
    /* Threads seldom allocate here: arenas of their own would only cost memory. */
    mallopt(M_ARENA_MAX, 1);
    r = config_new(&config);
    while (r >= 0 && (option = command_line_next(argc, argv, ":c:o:h", options)) != -1) {
        switch (option) {
        case 'c':
            file = optarg;
            break;
        case 'o':
            r = config_set_flag(config, optarg, &reason);
            break;
        default:
            return command_line_conclude(option, help);
        }
    }
    for (int i = optind; r >= 0 && i < argc; i++)
        r = config_add_target(config, argv[i], &reason);
    if (r < 0) {
        fprintf(stderr, "asprof-agentd: %s\n", failure_text(reason, r));
        return EXIT_USAGE;
    }
    return configure_and_run(config, file);
}
