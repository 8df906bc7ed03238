/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/hotspot.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "attach/options.h"
#include "attach/target_directory.h"
#include "conf/settings.h"
#include "tests/unit/child.h"
#include "tests/unit/fake_jvm.h"
#include "tests/unit/scratch.h"

#define OTHER 65534
#define LONG (10 * USEC_PER_SEC)
#define SHORT (100 * USEC_PER_MSEC)

typedef struct Outcome {
    int calls;
    int result;
    char text[8192];
} Outcome;

static char root[32];
static char *library;
static FakeJvm *jvm;
static pid_t pid;
static sd_event *event;
static Process *process;
static TargetDirectory *directory;
static Engine *engine;
static char *reason;

static void setup(void)
{
    cr_assert_eq(geteuid(), 0, "these tests need root");
    scratch_make(root);
    cr_assert_eq(chmod(root, 0711), 0);
    library = strdup(scratch_path("%s/libasyncProfiler.so", root));
    scratch_write(library, "x", 1);
    cr_assert_eq(chmod(library, 0644), 0);
    jvm = fake_jvm_new();
}

static void teardown(void)
{
    engine = engine_free(engine);
    directory = target_directory_free(directory);
    process = process_free(process);
    event = sd_event_unref(event);
    if (pid > 0) {
        child_end(pid);
        unlink(fake_jvm_socket(pid));
        unlink(fake_jvm_trigger(pid));
        unlink(scratch_path("%s.tmp", fake_jvm_socket(pid)));
    }
    free(reason);
    free(library);
    scratch_remove(root);
}

TestSuite(hotspot_engine, .init = setup, .fini = teardown, .timeout = 30);

static void make_engine(void)
{
    cr_assert_geq(sd_event_new(&event), 0);
    cr_assert_eq(process_open(pid, &process, &reason), 0, "%s", reason);
    cr_assert_eq(target_directory_new(scratch_path("%s/d", root), "t", process, &directory, &reason), 0, "%s",
            reason);
    cr_assert_eq(hotspot_engine_new(event, process, library, directory, &engine, &reason), 0, "%s", reason);
}

/* A JVM that somebody has attached to before: its socket is there. */
static void start_attached(void)
{
    jvm->listens = true;
    pid = fake_jvm_spawn(jvm);
    make_engine();
}

/* One that will have to be asked for its socket. */
static void start_fresh(void)
{
    char *path = scratch_path("%s/libjvm.so", root);

    scratch_write(path, "x", 1);
    cr_assert_eq(chmod(path, 0644), 0);
    jvm->library = path;
    pid = fake_jvm_spawn(jvm);
    make_engine();
}

static void on_done(void *userdata, int result, const char *text)
{
    Outcome *outcome = userdata;

    outcome->calls++;
    outcome->result = result;
    snprintf(outcome->text, sizeof(outcome->text), "%s", text);
}

static void await(Outcome *outcome)
{
    while (outcome->calls == 0)
        cr_assert_geq(sd_event_run(event, UINT64_MAX), 0);
    cr_assert_eq(outcome->calls, 1);
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / NSEC_PER_USEC;
}

static void run_for(uint64_t us)
{
    for (uint64_t end = now_us() + us, now; (now = now_us()) < end;)
        cr_assert_geq(sd_event_run(event, end - now), 0);
}

static void run_until_nonzero(atomic_int *count)
{
    while (*count == 0)
        run_for(USEC_PER_MSEC);
}

static Outcome outcome;

static void expect(const char *options, uint64_t timeout, int result, const char *part)
{
    outcome = (Outcome){0};
    engine_execute(engine, options, timeout, on_done, &outcome);
    cr_assert_eq(outcome.calls, 0, "from inside engine_execute()");
    await(&outcome);
    cr_assert_eq(outcome.result, result, "%d: %s", outcome.result, outcome.text);
    cr_assert(strstr(outcome.text, part), "%s", outcome.text);
}

/* And waits until each of its threads has. */
static void stop_target(void)
{
    int status;

    cr_assert_eq(kill(pid, SIGSTOP), 0);
    cr_assert_eq(waitpid(pid, &status, WUNTRACED), pid);
    cr_assert(WIFSTOPPED(status));
}

static void set_answer(const char *reply, const char *log)
{
    snprintf(jvm->reply, sizeof(jvm->reply), "%s", reply);
    snprintf(jvm->log, sizeof(jvm->log), "%s", log);
}

static void expect_request(const char *options)
{
    char request[4096];
    int size = snprintf(request, sizeof(request), "1%cload%c%s%ctrue%c%s,log=%s/log,quiet%c", 0, 0, library,
            0, 0, options, directory->path, 0);

    cr_assert_eq(jvm->request_size, (size_t)size);
    cr_assert_eq(memcmp(jvm->request, request, (size_t)size), 0, "%s", jvm->request);
}

/* --- An answer, of whatever kind --- */

Test(hotspot_engine, hands_back_what_async_profiler_wrote)
{
    set_answer("0\nreturn code: 0\n", "Profiling is running for 5 seconds\n");
    start_attached();
    expect("status", LONG, 0, "Profiling is running for 5 seconds");
    cr_assert_str_eq(outcome.text, "Profiling is running for 5 seconds");
    expect_request("status");
    set_answer("0\n0\n", "");
    expect("stop", LONG, 0, "");
    cr_assert_str_eq(outcome.text, "");
    expect_request("stop");
    cr_assert_eq(jvm->requests, 2);
    cr_assert_eq(jvm->sigquits, 0);
}

Test(hotspot_engine, hands_back_async_profilers_own_reason)
{
    set_answer(
            "0\nreturn code: 200\n", "[WARN] odd\n[ERROR] first\n[ERROR] Profiler already \033started\nx\n");
    start_attached();
    expect("start", LONG, ENGINE_REFUSED, "");
    cr_assert_str_eq(outcome.text, "async-profiler: Profiler already ?started");
    set_answer("0\n100\n", "");
    expect("start", LONG, ENGINE_REFUSED, "code 100");
    set_answer("-1\n/x was not loaded.\n", "[ERROR] not of this command\n");
    expect("start", LONG, ENGINE_REFUSED, "");
    cr_assert_str_eq(outcome.text, "the JVM refused: /x was not loaded.");
}

/* The log of an earlier command is not taken for this one's. */
Test(hotspot_engine, forgets_the_last_log)
{
    set_answer("0\nreturn code: 200\n", "[ERROR] old\n");
    start_attached();
    expect("start", LONG, ENGINE_REFUSED, "old");
    jvm->answer = FAKE_DIE;
    set_answer("0\nreturn code: 100\n", "");
    expect("start", LONG, ENGINE_REFUSED, "code 100");
}

Test(hotspot_engine, takes_an_answer_byte_by_byte)
{
    jvm->answer = FAKE_TRICKLE;
    set_answer("0\nreturn code: 0\n", "well");
    start_attached();
    expect("status", LONG, 0, "well");
}

Test(hotspot_engine, refuses_garbage)
{
    set_answer("<html>", "");
    start_attached();
    expect("status", LONG, -EPROTO, "<html>");
    set_answer("0\n", "");
    expect("status", LONG, -EPROTO, "ends before");
    jvm->answer = FAKE_FLOOD;
    expect("status", LONG, -EPROTO, "longer than any JVM's");
    jvm->answer = FAKE_CLOSE;
    expect("status", LONG, -ECONNRESET, "without an answer");
    jvm->answer = FAKE_REPLY;
    set_answer("0\nreturn code: 0\n", "");
    expect("status", LONG, 0, "");
}

Test(hotspot_engine, tells_a_target_that_ended_from_one_that_refused)
{
    jvm->answer = FAKE_DIE;
    set_answer("", "");
    start_attached();
    expect("status", LONG, -ESRCH, "has ended");
    expect("status", LONG, -ESRCH, "has ended");
}

Test(hotspot_engine, half_an_answer_of_a_target_that_ended)
{
    jvm->answer = FAKE_DIE;
    set_answer("0\n", "");
    start_attached();
    expect("status", LONG, -ESRCH, "has ended");
}

Test(hotspot_engine, last_words_count)
{
    jvm->answer = FAKE_DIE;
    start_attached();
    expect("stop", LONG, 0, "");
    expect("status", LONG, -ESRCH, "has ended");
}

Test(hotspot_engine, sends_nothing_that_is_too_long)
{
    char options[ENGINE_OPTIONS_MAX + 1];
    size_t fits;

    start_attached();
    fits = ENGINE_OPTIONS_MAX - strlen(",log=/log,quiet") - strlen(directory->path);
    memset(options, 'x', sizeof(options));
    options[fits + 1] = '\0';
    expect(options, LONG, -E2BIG, "1025 bytes");
    cr_assert_eq(jvm->connections, 0);
    options[fits] = '\0';
    expect(options, LONG, 0, "");
    expect_request(options);
}

Test(hotspot_engine, one_command_at_a_time)
{
    Outcome first = {0}, second = {0}, third = {0};

    start_attached();
    engine_execute(engine, "status", LONG, on_done, &first);
    engine_execute(engine, "stop", LONG, on_done, &second);
    engine_execute(engine, "stop", LONG, on_done, &third);
    cr_assert_eq(first.calls + second.calls + third.calls, 0);
    await(&first);
    await(&second);
    await(&third);
    cr_assert_eq(first.result, 0);
    cr_assert_eq(second.result, -EBUSY);
    cr_assert_eq(third.result, -EBUSY);
    expect_request("status");
    cr_assert_eq(jvm->requests, 1);
}

static void expect_second_try(const char *reply, const char *log)
{
    set_answer(reply, log);
    outcome = (Outcome){0};
    atomic_store(&jvm->requests, 0);
    engine_execute(engine, "start", LONG, on_done, &outcome);
    while (jvm->requests < 3)
        run_for(USEC_PER_MSEC);
    cr_assert_eq(outcome.calls, 0, "%s", outcome.text);
    jvm->answers = false; /* not while it writes the old one */
    run_for(SHORT);
    set_answer("0\nreturn code: 0\n", "");
    jvm->answers = true;
    await(&outcome);
    cr_assert_eq(outcome.result, 0, "%s", outcome.text);
}

Test(hotspot_engine, tries_again_while_the_jvm_starts_up)
{
    start_attached();
    expect_second_try("0\nreturn code: 200\n", "[ERROR] JVM does not support Tool Interface\n");
    expect_second_try("0\nDynamic agent loading is only permitted in the live phase\n", "");
}

/* --- Deadlines --- */

Test(hotspot_engine, an_answer_that_comes_late_is_the_same_commands)
{
    jvm->answers = false;
    set_answer("0\nreturn code: 0\n", "late");
    start_attached();
    expect("start", SHORT, -ETIMEDOUT, "did not answer within 100ms");
    expect("start", SHORT, -ETIMEDOUT, "did not answer within 100ms");
    jvm->answers = true;
    expect("start", LONG, 0, "late");
    cr_assert_eq(jvm->requests, 1);
    cr_assert_eq(jvm->connections, 1);
}

Test(hotspot_engine, an_answer_that_comes_when_nobody_waits_is_kept)
{
    jvm->answers = false;
    set_answer("0\nreturn code: 200\n", "[ERROR] late\n");
    start_attached();
    expect("start", SHORT, -ETIMEDOUT, "");
    jvm->answers = true;
    run_until_nonzero(&jvm->requests);
    run_for(SHORT);
    expect("start", LONG, ENGINE_REFUSED, "async-profiler: late");
    cr_assert_eq(jvm->requests, 1);
    set_answer("0\nreturn code: 0\n", "");
    expect("start", LONG, 0, "");
    cr_assert_eq(jvm->requests, 2);
}

Test(hotspot_engine, another_command_waits_for_the_late_answer)
{
    jvm->answers = false;
    set_answer("0\nreturn code: 0\n", "");
    start_attached();
    expect("start", SHORT, -ETIMEDOUT, "");
    expect("stop", SHORT, -ETIMEDOUT, "");
    cr_assert_eq(jvm->connections, 1);
    jvm->answers = true;
    expect("stop", LONG, 0, "");
    expect_request("stop");
    cr_assert_eq(jvm->requests, 2);
}

Test(hotspot_engine, an_answer_without_end_is_none)
{
    jvm->answer = FAKE_HOLD;
    start_attached();
    expect("status", SHORT, -ETIMEDOUT, "did not answer");
    expect("stop", SHORT, -ETIMEDOUT, "did not answer");
    cr_assert_eq(jvm->requests, 1);
}

Test(hotspot_engine, says_that_the_target_is_stopped)
{
    start_attached();
    stop_target();
    expect("status", SHORT, -ETIMEDOUT, "because it is stopped");
    cr_assert_eq(kill(pid, SIGCONT), 0);
    expect("status", LONG, 0, "");
    cr_assert_eq(jvm->requests, 1);
    jvm->answers = false;
    expect("status", SHORT, -ETIMEDOUT, "did not answer");
    kill(pid, SIGKILL);
    expect("status", LONG, -ESRCH, "has ended");
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

Test(hotspot_engine, waits_its_turn_when_others_crowd_the_socket)
{
    int crowd[16], n = 0;

    jvm->accepts = false;
    jvm->backlog = 2;
    start_attached();
    while ((crowd[n] = connect_to(fake_jvm_socket(pid))) >= 0)
        n++;
    cr_assert_gt(n, 0);
    expect("status", SHORT, -EAGAIN, "others wait for it");
    outcome = (Outcome){0};
    engine_execute(engine, "status", LONG, on_done, &outcome);
    run_for(SHORT);
    cr_assert_eq(outcome.calls, 0);
    while (n > 0)
        close(crowd[--n]);
    jvm->accepts = true;
    await(&outcome);
    cr_assert_eq(outcome.result, 0, "%s", outcome.text);
    cr_assert_eq(jvm->requests, 1);
}

/* --- What may lie in the socket's place --- */

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0, "%s", strerror(errno));
    cr_assert_eq(listen(fd, 5), 0);
    return fd;
}

static void expect_nothing_written(int listener)
{
    int fd = accept(listener, NULL, NULL);
    char c;

    if (fd >= 0) {
        cr_assert_leq(recv(fd, &c, 1, 0), 0);
        close(fd);
    }
    close(listener);
}

static void expect_fresh_attach(void)
{
    expect("status", LONG, 0, "");
    cr_assert_eq(jvm->sigquits, 1);
    cr_assert(jvm->saw_trigger);
    cr_assert_not(scratch_exists(fake_jvm_trigger(pid)));
}

Test(hotspot_engine, talks_to_nobody_else)
{
    int listener;

    start_fresh();
    listener = listen_at(fake_jvm_socket(pid));
    expect("status", LONG, -EADDRINUSE, "is listening at its");
    expect_nothing_written(listener);
    cr_assert_eq(jvm->sigquits, 0);
}

Test(hotspot_engine, follows_no_link)
{
    char *elsewhere = scratch_path("%s/elsewhere", root);
    int listener;

    start_fresh();
    listener = listen_at(elsewhere);
    cr_assert_eq(symlink(elsewhere, fake_jvm_socket(pid)), 0);
    expect_fresh_attach();
    cr_assert_eq(accept(listener, NULL, NULL), -1);
    close(listener);
}

Test(hotspot_engine, takes_a_socket_without_listener_for_none)
{
    start_fresh();
    close(listen_at(fake_jvm_socket(pid)));
    expect_fresh_attach();
}

Test(hotspot_engine, takes_a_foreign_users_socket_for_none)
{
    int listener;

    start_fresh();
    listener = listen_at(fake_jvm_socket(pid));
    cr_assert_eq(chown(fake_jvm_socket(pid), OTHER, OTHER), 0);
    expect_fresh_attach();
    expect_nothing_written(listener);
}

Test(hotspot_engine, takes_a_fifo_or_file_for_none)
{
    start_fresh();
    cr_assert_eq(mkfifo(fake_jvm_socket(pid), 0600), 0);
    expect_fresh_attach();
}

Test(hotspot_engine, waits_out_a_directory)
{
    jvm->listens_on_sigquit = false;
    start_fresh();
    cr_assert_eq(mkdir(fake_jvm_socket(pid), 0700), 0);
    expect("status", SHORT, -ETIMEDOUT, "did not open its attach socket within 100ms");
    cr_assert_eq(rmdir(fake_jvm_socket(pid)), 0);
}

Test(hotspot_engine, takes_a_datagram_socket_for_none)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    start_fresh();
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", fake_jvm_socket(pid));
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    expect_fresh_attach();
    close(fd);
}

/* --- The trigger --- */

Test(hotspot_engine, asks_for_the_socket_once)
{
    start_fresh();
    expect_fresh_attach();
    expect("stop", LONG, 0, "");
    cr_assert_eq(jvm->sigquits, 1);
}

Test(hotspot_engine, a_jvm_of_another_user)
{
    jvm->uid = OTHER;
    set_answer("0\nreturn code: 0\n", "well");
    start_fresh();
    expect_fresh_attach();
    cr_assert_eq(jvm->requests, 1);
    expect("status", LONG, 0, "well");
    cr_assert_eq(geteuid(), 0);
    cr_assert_eq(getegid(), 0);
}

Test(hotspot_engine, signals_nobody_who_is_not_prepared)
{
    jvm->handles_sigquit = false;
    start_fresh();
    expect("status", SHORT, -EAGAIN, "no SIGQUIT handler");
    cr_assert(process_is_alive(process));
    cr_assert_not(scratch_exists(fake_jvm_trigger(pid)));
}

Test(hotspot_engine, signals_no_other_program)
{
    pid = fake_jvm_spawn(jvm);
    make_engine();
    expect("status", LONG, -EOPNOTSUPP, "not a JVM");
    cr_assert_eq(jvm->sigquits, 0);
}

Test(hotspot_engine, signals_nobody_who_is_stopped)
{
    start_fresh();
    stop_target();
    expect("status", SHORT, -EAGAIN, "stopped");
    cr_assert_not(scratch_exists(fake_jvm_trigger(pid)));
    outcome = (Outcome){0};
    engine_execute(engine, "status", LONG, on_done, &outcome);
    run_for(SHORT);
    cr_assert_eq(kill(pid, SIGCONT), 0);
    await(&outcome);
    cr_assert_eq(outcome.result, 0, "%s", outcome.text);
    cr_assert_eq(jvm->sigquits, 1);
}

/* Why it had to try again is no longer why there is no answer. */
Test(hotspot_engine, forgets_why_it_tried_again)
{
    jvm->listens_on_sigquit = false;
    start_fresh();
    stop_target();
    outcome = (Outcome){0};
    engine_execute(engine, "status", 10 * SHORT, on_done, &outcome);
    run_for(SHORT);
    cr_assert_eq(kill(pid, SIGCONT), 0);
    await(&outcome);
    cr_assert_eq(outcome.result, -ETIMEDOUT, "%s", outcome.text);
    cr_assert_eq(jvm->sigquits, 1);
}

Test(hotspot_engine, goes_on_waiting_without_a_second_signal)
{
    jvm->listens_on_sigquit = false;
    start_fresh();
    expect("status", SHORT, -ETIMEDOUT, "did not open its attach socket");
    cr_assert(scratch_exists(fake_jvm_trigger(pid)));
    expect("stop", SHORT, -ETIMEDOUT, "did not open its attach socket");
    jvm->listens = true;
    expect_fresh_attach();
}

/* It may still look for the trigger, and would print a thread dump if there were none. */
Test(hotspot_engine, leaves_the_trigger_to_a_jvm_that_has_not_answered)
{
    jvm->listens_on_sigquit = false;
    start_fresh();
    expect("status", SHORT, -ETIMEDOUT, "");
    engine = engine_free(engine);
    cr_assert(scratch_exists(fake_jvm_trigger(pid)));
}

Test(hotspot_engine, takes_the_trigger_away_from_the_dead)
{
    jvm->listens_on_sigquit = false;
    jvm->uid = OTHER;
    start_fresh();
    expect("status", SHORT, -ETIMEDOUT, "");
    kill(pid, SIGKILL);
    expect("status", LONG, -ESRCH, "has ended");
    cr_assert_not(scratch_exists(fake_jvm_trigger(pid)));
}

Test(hotspot_engine, asks_again_when_a_socket_it_had_used_is_gone)
{
    start_fresh();
    expect_fresh_attach();
    cr_assert_eq(unlink(fake_jvm_socket(pid)), 0);
    expect("status", SHORT, -ETIMEDOUT, "did not open its attach socket");
    cr_assert_eq(jvm->sigquits, 2);
}

Test(hotspot_engine, uses_no_trigger_that_hotspot_would_not_heed)
{
    start_fresh();
    cr_assert_eq(symlink("/etc/passwd", fake_jvm_trigger(pid)), 0);
    expect("status", LONG, -EPERM, "remove it");
    cr_assert_eq(unlink(fake_jvm_trigger(pid)), 0);
    scratch_write(fake_jvm_trigger(pid), "", 0);
    cr_assert_eq(chown(fake_jvm_trigger(pid), OTHER, OTHER), 0);
    expect("status", LONG, -EPERM, "user 65534");
    cr_assert_eq(jvm->sigquits, 0);
}

Test(hotspot_engine, lets_somebody_else_attach_first)
{
    start_fresh();
    scratch_write(fake_jvm_trigger(pid), "", 0);
    expect("status", SHORT, -EAGAIN, "somebody else is attaching");
    cr_assert_eq(jvm->sigquits, 0);
    /* A forgotten one serves as well. */
    expect_fresh_attach();
}

/* --- The library --- */

Test(hotspot_engine, brings_no_second_copy)
{
    char *other = scratch_path("%s/other", root), *copy = scratch_path("%s/libasyncProfiler.so", other);

    cr_assert_eq(mkdir(other, 0755), 0);
    scratch_write(copy, "x", 1);
    jvm->profiler = copy;
    start_attached();
    expect("status", LONG, -EBUSY, copy);
    cr_assert_eq(jvm->connections, 0);
}

Test(hotspot_engine, the_same_copy_by_another_name_will_do)
{
    char *copy = scratch_path("%s/copy.d/libasyncProfiler.so", root);

    cr_assert_eq(mkdir(scratch_path("%s/copy.d", root), 0755), 0);
    cr_assert_eq(link(library, copy), 0);
    jvm->profiler = copy;
    start_attached();
    expect("status", LONG, 0, "");
}

Test(hotspot_engine, the_target_must_get_to_the_library)
{
    jvm->uid = OTHER;
    cr_assert_eq(chmod(library, 0600), 0);
    start_attached();
    expect("status", LONG, -EACCES, "chmod o+r");
    cr_assert_eq(unlink(library), 0);
    expect("status", LONG, -ENOENT, library);
    cr_assert_eq(jvm->connections, 0);
}

/* --- Ended at every stage --- */

static void on_never(void *userdata, int result, const char *text)
{
    (void)userdata;
    cr_assert_fail("called for an engine that is gone: %d %s", result, text);
}

static void free_engine(void)
{
    engine = engine_free(engine);
    run_for(SHORT);
}

Test(hotspot_engine, freed_before_it_began)
{
    start_attached();
    engine_execute(engine, "status", LONG, on_never, NULL);
    engine_execute(engine, "status", LONG, on_never, NULL);
    free_engine();
    cr_assert_eq(jvm->connections, 0);
}

Test(hotspot_engine, freed_while_it_waits_for_the_socket)
{
    jvm->listens_on_sigquit = false;
    start_fresh();
    engine_execute(engine, "status", LONG, on_never, NULL);
    run_until_nonzero(&jvm->sigquits);
    free_engine();
}

Test(hotspot_engine, freed_while_it_tries_again)
{
    jvm->handles_sigquit = false;
    start_fresh();
    engine_execute(engine, "status", LONG, on_never, NULL);
    run_for(SHORT);
    free_engine();
}

Test(hotspot_engine, freed_while_it_waits_for_the_answer)
{
    jvm->answer = FAKE_HOLD;
    start_attached();
    engine_execute(engine, "status", LONG, on_never, NULL);
    run_until_nonzero(&jvm->requests);
    free_engine();
}

Test(hotspot_engine, freed_with_a_late_answer)
{
    jvm->answers = false;
    start_attached();
    expect("status", SHORT, -ETIMEDOUT, "");
    jvm->answers = true;
    run_until_nonzero(&jvm->requests);
    run_for(SHORT);
    free_engine();
}

Test(hotspot_engine, freed_while_it_looks_whether_the_target_ends)
{
    jvm->answer = FAKE_CLOSE;
    start_attached();
    engine_execute(engine, "status", LONG, on_never, NULL);
    run_until_nonzero(&jvm->requests);
    run_for(10 * USEC_PER_MSEC);
    free_engine();
}

static void on_done_free(void *userdata, int result, const char *text)
{
    engine = engine_free(engine);
    on_done(userdata, result, text);
}

static void expect_free_from_within(const char *options, uint64_t timeout, int result)
{
    outcome = (Outcome){0};
    engine_execute(engine, options, timeout, on_done_free, &outcome);
    await(&outcome);
    cr_assert_eq(outcome.result, result, "%s", outcome.text);
    cr_assert_null(engine);
    run_for(SHORT);
}

Test(hotspot_engine, freed_by_its_answer)
{
    set_answer("0\nreturn code: 200\n", "[ERROR] No\n");
    start_attached();
    expect_free_from_within("start", LONG, ENGINE_REFUSED);
    cr_assert_str_eq(outcome.text, "async-profiler: No");
}

Test(hotspot_engine, freed_by_its_deadline)
{
    jvm->answer = FAKE_HOLD;
    start_attached();
    expect_free_from_within("start", SHORT, -ETIMEDOUT);
}

Test(hotspot_engine, freed_by_a_failure)
{
    char options[ENGINE_OPTIONS_MAX + 1];

    memset(options, 'x', sizeof(options));
    options[ENGINE_OPTIONS_MAX] = '\0';
    start_attached();
    expect_free_from_within(options, LONG, -E2BIG);
}

Test(hotspot_engine, freed_by_the_targets_end)
{
    jvm->answer = FAKE_DIE;
    set_answer("", "");
    start_attached();
    expect_free_from_within("status", LONG, -ESRCH);
}

static void on_done_execute(void *userdata, int result, const char *text)
{
    Outcome *first = userdata;

    on_done(first, result, text);
    engine_execute(engine, "stop", LONG, on_done, first + 1);
}

Test(hotspot_engine, the_next_command_from_within_the_last)
{
    static Outcome outcomes[2];

    start_attached();
    engine_execute(engine, "status", LONG, on_done_execute, &outcomes[0]);
    await(&outcomes[0]);
    await(&outcomes[1]);
    cr_assert_eq(outcomes[1].result, 0);
    expect_request("stop");
}
