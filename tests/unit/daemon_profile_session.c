/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/profile_session.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>

#include "conf/cleanup.h"
#include "daemon/verbs.h"
#include "tests/unit/child.h"

#define COMMANDS_MAX 4
#define PAGE "<html>flames</html>\n"

typedef struct Answer {
    int result;
    const char *text;
} Answer;

/* An engine that answers as it is told, and does more between the question and the answer. */
typedef struct ScriptedEngine {
    Engine engine;
    sd_event *event;
    Answer status, start, stop;
    const char *page;              /* what a start leaves in the file */
    const char *asked;             /* what other questions leave there */
    void (*at_start)(void);        /* before its answer */
    void (*after_start)(void);     /* with it */
    void (*instead_of_stop)(void); /* no answer then */
    char *commands[COMMANDS_MAX];  /* all that was executed */
    unsigned n_commands;
    EngineDone done;
    void *userdata;
    const Answer *answer;
} ScriptedEngine;

static ScriptedEngine script;
static pid_t child;
static Process *process;
static ProfileRequest request;
static ProfileSession *session;
static char directory[256];

static int on_answer(sd_event_source *source, void *userdata)
{
    ScriptedEngine *engine = userdata;

    (void)source;
    engine->done(engine->userdata, engine->answer->result, engine->answer->text);
    if (engine->answer == &engine->start && engine->after_start)
        engine->after_start();
    return 0;
}

static void write_file(const char *options, const char *text)
{
    const char *file = strstr(options, "file=") + strlen("file=");
    _cleanup_free_ char *path = strndup(file, strcspn(file, ","));
    _cleanup_close_ int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(path, '/') - path), path);
}

static void scripted_execute(
        Engine *e, const char *options, uint64_t timeout, EngineDone done, void *userdata)
{
    ScriptedEngine *engine = (ScriptedEngine *)e;
    bool start = strncmp(options, "start,", 6) == 0, stop = strncmp(options, "stop,", 5) == 0;

    cr_assert_eq(timeout, PROFILE_COMMAND_TIMEOUT);
    cr_assert_lt(engine->n_commands, COMMANDS_MAX);
    engine->commands[engine->n_commands++] = strdup(options);
    engine->done = done;
    engine->userdata = userdata;
    engine->answer = start ? &engine->start : stop ? &engine->stop : &engine->status;
    if (start)
        write_file(options, engine->page);
    else if (engine->asked && strstr(options, "file="))
        write_file(options, engine->asked);
    if (start && engine->at_start)
        engine->at_start();
    if (stop && engine->instead_of_stop) {
        engine->instead_of_stop();
        return;
    }
    cr_assert_geq(sd_event_add_defer(engine->event, NULL, on_answer, engine), 0);
}

static void scripted_free(Engine *engine)
{
    (void)engine;
}

static int open_door(sd_event *event, const Process *target, const char *library,
        TargetDirectory *target_directory, Engine **ret, char **reason)
{
    (void)target;
    (void)library;
    (void)reason;
    script.event = event;
    snprintf(directory, sizeof(directory), "%s", target_directory->path);
    *ret = &script.engine;
    return 0;
}

static int check_door(const Process *target, char **reason)
{
    (void)target;
    (void)reason;
    return 0;
}

static const Door door = {.check = check_door, .open = open_door};

static void set_up(void)
{
    static const EngineVtable vtable = {.execute = scripted_execute, .free = scripted_free};

    script = (ScriptedEngine){.engine.vtable = &vtable,
            .status = {0, "Profiler is not active"},
            .start = {0, ""},
            .stop = {0, ""},
            .page = PAGE};
    child = child_spawn(NULL);
    cr_assert_eq(process_open(child, &process, NULL), 0);
    cr_redirect_stderr();
}

static void tear_down(void)
{
    session = profile_session_free(session);
    process = process_free(process);
    profile_request_clear(&request);
    for (unsigned i = 0; i < script.n_commands; i++)
        free(script.commands[i]);
    child_end(child);
}

TestSuite(profile_session, .init = set_up, .fini = tear_down, .timeout = 20);

static void open_session(const char *duration)
{
    char pid[16];
    char *argv[] = {(char[]){"profile"}, (char[]){"-d"}, strdup(duration), pid, NULL};

    snprintf(pid, sizeof(pid), "%d", (int)child);
    cr_assert_eq(grammar_parse(4, argv, &request, NULL), 0);
    free(argv[2]);
    cr_assert_eq(profile_session_new(&request, process, "/library", &door, &session, NULL), 0);
}

static int record(const char *duration, char **reason)
{
    uint64_t size = 0;
    int fd = -1, r;

    open_session(duration);
    r = profile_session_record(session, &fd, &size, reason);
    if (r >= 0)
        cr_assert_eq(size, strlen(PAGE));
    return r;
}

static bool directory_is_there(void)
{
    struct stat st;

    return stat(directory, &st) == 0;
}

Test(profile_session, asks_starts_stops_and_leaves_nothing)
{
    _cleanup_free_ char *reason = NULL, *start = NULL, *stop = NULL;

    cr_assert_eq(record("100ms", &reason), 0, "%s", reason);
    cr_assert_eq(script.n_commands, 3);
    cr_assert_geq(asprintf(&start, "start,event=cpu,flamegraph,file=%s/out,timeout=31", directory), 0);
    cr_assert_geq(asprintf(&stop, "stop,file=%s/out,flamegraph", directory), 0);
    cr_assert_str_eq(script.commands[0], "status");
    cr_assert_str_eq(script.commands[1], start);
    cr_assert_str_eq(script.commands[2], stop);
    session = profile_session_free(session);
    cr_assert_not(directory_is_there());
}

Test(profile_session, leaves_others_alone)
{
    _cleanup_free_ char *reason = NULL;

    script.status.text = "Profiling is running for 7 seconds";
    cr_assert_eq(record("100ms", &reason), -EBUSY);
    cr_assert(strstr(reason, "running for 7 seconds"), "%s", reason);
    cr_assert_eq(script.n_commands, 1, "neither started nor stopped");
}

Test(profile_session, somebody_was_faster)
{
    script.start = (Answer){ENGINE_REFUSED, "async-profiler: Profiler already started"};
    cr_assert_eq(record("100ms", NULL), -EBUSY);
    cr_assert_eq(script.n_commands, 2, "what others started is not stopped");
}

Test(profile_session, refusal_names_the_event)
{
    _cleanup_free_ char *reason = NULL;

    script.start = (Answer){ENGINE_REFUSED, "async-profiler: No access to perf events"};
    cr_assert_eq(record("100ms", &reason), -EIO);
    cr_assert(strstr(reason, "for cpu: async-profiler: No access to perf events"), "%s", reason);
}

Test(profile_session, what_may_still_be_answered_keeps_its_directory)
{
    _cleanup_free_ char *reason = NULL;
    Answer *const answers[] = {&script.status, &script.start, &script.stop};

    for (size_t i = 0; i < 3; i++) {
        Answer good = *answers[i];

        *answers[i] = (Answer){-ETIMEDOUT, "no answer"};
        cr_assert_eq(record("100ms", &reason), -ETIMEDOUT);
        cr_assert_eq(exit_status_from_errno(-ETIMEDOUT), EXIT_NO_ANSWER);
        cr_assert(strstr(reason, directory), "%s", reason);
        session = profile_session_free(session);
        cr_assert(directory_is_there());
        cr_assert_eq(unlink(strcat(directory, "/out")), 0);
        *strrchr(directory, '/') = '\0';
        cr_assert_eq(rmdir(directory), 0);
        *answers[i] = good;
        while (script.n_commands > 0)
            free(script.commands[--script.n_commands]);
        profile_request_clear(&request);
    }
}

static void interrupt(void)
{
    kill(getpid(), SIGINT);
}

Test(profile_session, ctrl_c_ends_it_early)
{
    script.after_start = interrupt;
    cr_assert_eq(record("1h", NULL), 0);
    cr_assert_eq(script.n_commands, 3);
}

Test(profile_session, ctrl_c_while_it_starts_ends_it_too)
{
    script.at_start = interrupt;
    cr_assert_eq(record("1h", NULL), 0);
    cr_assert_eq(script.n_commands, 3);
}

Test(profile_session, two_signals_give_up)
{
    _cleanup_free_ char *reason = NULL;

    script.after_start = interrupt;
    script.instead_of_stop = interrupt;
    cr_assert_eq(record("1h", &reason), -ECANCELED);
    cr_assert(strstr(reason, "given up") && strstr(reason, "by its own timeout"), "%s", reason);
    session = profile_session_free(session);
    cr_assert(directory_is_there());
    cr_assert_eq(unlink(strcat(directory, "/out")), 0);
    *strrchr(directory, '/') = '\0';
    cr_assert_eq(rmdir(directory), 0);
}

static void kill_child(void)
{
    kill(child, SIGKILL);
}

Test(profile_session, target_that_ended_in_order_has_its_profile_collected)
{
    script.after_start = kill_child;
    cr_assert_eq(record("1h", NULL), 0);
    cr_assert_eq(script.n_commands, 2, "nobody is told to stop");
}

Test(profile_session, target_that_left_nothing_is_an_error)
{
    static const char *const pages[] = {"", "<html>fla"};

    for (size_t i = 0; i < 2; i++) {
        _cleanup_free_ char *reason = NULL;

        script.page = pages[i];
        script.after_start = kill_child;
        cr_assert_eq(record("1h", &reason), -ESRCH);
        cr_assert(strstr(reason, "left no whole recording"), "%s", reason);
        tear_down();
        cr_assert_not(directory_is_there());
        set_up();
    }
}

Test(profile_session, nothing_written_is_no_success)
{
    script.page = "";
    cr_assert_eq(record("100ms", NULL), -ENODATA);
}

Test(profile_session, warnings_reach_the_person)
{
    script.stop.text = "[INFO] No samples were collected";
    cr_assert_eq(record("100ms", NULL), 0);
    fflush(stderr);
    cr_assert_stderr_eq_str("asprof-agentd: async-profiler: [INFO] No samples were collected\n");
}

Test(profile_session, question)
{
    _cleanup_free_ char *answer = NULL, *command = NULL;

    script.asked = "samples_total 18\nsamples_skipped_total 0\n";
    open_session("1s");
    cr_assert_eq(profile_session_ask(session, "metrics", &answer, NULL), 0);
    cr_assert_str_eq(answer, script.asked);
    cr_assert_geq(asprintf(&command, "metrics,file=%s/out", directory), 0);
    cr_assert_str_eq(script.commands[0], command);
}
