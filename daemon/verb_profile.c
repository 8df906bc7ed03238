/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "conf/config.h"
#include "conf/failure.h"
#include "daemon/asprof_grammar.h"
#include "daemon/command_line.h"
#include "daemon/profile_output.h"
#include "daemon/profile_session.h"
#include "daemon/verbs.h"

static const char help[] =
        "Usage: asprof-agentd profile [OPTION]... PID\n"
        "\n"
        "Profiles a running JVM for 10 s, draws a flame graph in the current directory, and prints its "
        "path.\n"
        "\n"
        "  asprof-agentd profile 4242                            10 s of CPU, as a flame graph\n"
        "  asprof-agentd profile -d 1m -e alloc -f a.html 4242   a minute of allocations\n"
        "  asprof-agentd profile --all -f all.jfr 4242           everything at once, as a JFR recording\n"
        "\n"
        "Ctrl-C ends it early and still writes what there is; a second one gives up.\n"
        "\n"
        "What and how long:\n"
        "  -d, --duration TIME     how long: 10 (seconds), 500ms, 2m\n"
        "  -e, --event EVENT       cpu, alloc, lock, wall, nativemem, itimer, ctimer, a perf event, "
        "Class.method\n"
        "  -i, --interval TIME     between samples: 1ms, 500us, 1000000 (ns); 512k of memory; 1000 calls\n"
        "  -r, --rate HZ           the same as a frequency\n"
        "      --alloc BYTES, --nativemem BYTES, --lock TIME, --nativelock TIME, --wall TIME, --proc TIME,\n"
        "      --trace METHOD[:TIME], --all\n"
        "                          several events at once, for JFR\n"
        "      --live, --tlab, --nofree, --nobatch, --all-user, --record-cpu, --sched, --ttsp, --nostop,\n"
        "      --begin FN, --end FN, --filter TIDS, --target-cpu N\n"
        "Where to:\n"
        "  -f, --output FILE       the ending names the format: .html .jfr .collapsed .txt; - is stdout;\n"
        "                          %p process, %t time, %n number, %{NAME} environment\n"
        "  -o, --format FORMAT     flamegraph, jfr, collapsed, text, flat[=N], traces[=N], tree, otlp\n"
        "Stacks:\n"
        "  -j, --jstackdepth N[/M], -t, --threads, --cstack fp|dwarf|vm|vmx|no, -F, --features LIST,\n"
        "      --memlimit BYTES, --signal N[/M], --clock tsc|monotonic, --chunksize BYTES,\n"
        "      --chunktime TIME, --jfropts mem\n"
        "Names and pictures:\n"
        "  -s, --simple, -n, --norm, -g, --sig, -a, --ann, -l, --lib, --dot, -I, --include PATTERN,\n"
        "  -X, --exclude PATTERN, --title TEXT, --minwidth PERCENT, --reverse, --inverted, --samples, "
        "--total\n"
        "Others:\n"
        "      --libpath FILE      libasyncProfiler.so, if it is not where it belongs\n"
        "  -L, --log LEVEL         of async-profiler's own log\n"
        "  -q, --quiet             no progress bar\n"
        "      --json              tell the result as JSON\n"
        "  -h, --help; -v, --version\n"
        "\n"
        "Instead of collecting, `profile status PID`, `profile metrics PID` and `profile list PID` ask "
        "async-profiler.\n"
        "\n"
        "Exit status: 0 good, 1 failed, 2 wrong command line, 3 wrong configuration, 4 no such process,\n"
        "5 not permitted, 6 process not supported, 7 somebody else profiles it, 8 no answer in time\n";

/* --libpath, or where the daemon would look; no configuration file is read. */
static int find_library(const ProfileRequest *request, Config *config, const char **ret, char **reason)
{
    _cleanup_free_ char *assignment = NULL, *absolute = NULL;
    const Settings *settings;
    int r = 0;

    if (request->library) {
        absolute = realpath(request->library, NULL);
        if (!absolute)
            return fail(reason, -errno, "--libpath: %s: %s", request->library, strerror(errno));
        if (asprintf(&assignment, "library=%s", absolute) < 0) {
            assignment = NULL;
            return -ENOMEM;
        }
        r = config_set_flag(config, assignment, reason);
    }
    if (r >= 0)
        r = config_load_environment(config, environ, reason);
    if (r >= 0)
        r = config_finish(config, &settings, reason);
    if (r < 0)
        return r;
    *ret = settings->library;
    return 0;
}

static void print_result(const ProfileRequest *request, const char *path, uint64_t size)
{
    json_t *result;

    if (strcmp(path, "-") == 0)
        return;
    if (!request->json) {
        puts(path);
        return;
    }
    result = json_pack("{s:s, s:I, s:i, s:s}", "path", path, "bytes", (json_int_t)size, "pid", request->pid,
            "events", request->events);
    if (result)
        json_dumpf(result, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(result);
}

/* A person who wrote -f - by mistake would have to reset the terminal. */
static int check_terminal(const ProfileRequest *request, char **reason)
{
    bool is_binary = request->jfr || strcmp(request->extension, "otlp") == 0;

    if (!is_binary || !request->output || strcmp(request->output, "-") != 0 || !isatty(STDOUT_FILENO))
        return 0;
    return fail(reason, -EINVAL,
            "-f -: this format is no text for a terminal; write -f NAME.%s, or redirect it",
            request->extension);
}

static int collect(const ProfileRequest *request, const Process *process, const char *library, char **reason)
{
    _cleanup_(profile_output_freep) ProfileOutput *output = NULL;
    _cleanup_(profile_session_freep) ProfileSession *session = NULL;
    uint64_t size = 0;
    int r, fd = -1;

    r = check_terminal(request, reason);
    if (r >= 0)
        r = profile_output_open(
                request->output, process->comm, process->pid, request->extension, &output, reason);
    if (r >= 0)
        r = profile_session_new(request, process, library, &process_door, &session, reason);
    if (r >= 0)
        r = profile_session_record(session, &fd, &size, reason);
    if (r >= 0)
        r = profile_output_publish(output, fd, size, reason);
    if (r >= 0)
        print_result(request, output->path, size);
    return r;
}

static int ask(const ProfileRequest *request, const Process *process, const char *library, char **reason)
{
    static const char *const commands[] = {
            [PROFILE_STATUS] = "status", [PROFILE_METRICS] = "metrics", [PROFILE_LIST] = "list"};
    _cleanup_(profile_session_freep) ProfileSession *session = NULL;
    _cleanup_free_ char *answer = NULL;
    int r;

    r = profile_session_new(request, process, library, &process_door, &session, reason);
    if (r >= 0)
        r = profile_session_ask(session, commands[request->action], &answer, reason);
    if (r >= 0)
        fputs(answer, stdout);
    return r;
}

static int profile(const ProfileRequest *request)
{
    _cleanup_(config_freep) Config *config = NULL;
    _cleanup_(process_freep) Process *process = NULL;
    _cleanup_free_ char *reason = NULL;
    const char *library = NULL;
    int r, status = EXIT_CONFIG;

    r = config_new(&config);
    if (r >= 0)
        r = find_library(request, config, &library, &reason);
    if (r >= 0) {
        r = process_open(request->pid, &process, &reason);
        if (r >= 0)
            r = request->action == PROFILE_COLLECT ? collect(request, process, library, &reason)
                                                   : ask(request, process, library, &reason);
        status = exit_status_from_errno(r);
    }
    if (r < 0)
        fprintf(stderr, "asprof-agentd: %s\n", failure_text(reason, r));
    return status;
}

int verb_profile(int argc, char **argv)
{
    _cleanup_(profile_request_clear) ProfileRequest request = {0};
    _cleanup_free_ char *reason = NULL;
    int r;

    signal(SIGPIPE, SIG_IGN);
    r = grammar_parse(argc, argv, &request, &reason);
    if (r < 0) {
        if (reason)
            fprintf(stderr, "asprof-agentd: %s\n", reason);
        return EXIT_USAGE;
    }
    if (request.action == PROFILE_HELP) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    if (request.action == PROFILE_VERSION) {
        command_line_print_version();
        return EXIT_OK;
    }
    return profile(&request);
}
