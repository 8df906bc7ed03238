/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/profile_session.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>

#include "attach/options.h"
#include "attach/target_directory.h"
#include "conf/failure.h"
#include "conf/settings.h"
#include "daemon/profile_content.h"
#include "daemon/progress.h"

#define REDRAW (200 * USEC_PER_MSEC)
#define FILE_NAME "out"

/* How much longer than asked for the profiler may run by itself if we die, in s. */
#define TIMEOUT_MARGIN 30

typedef enum State {
    STATE_IDLE,
    STATE_COMMAND, /* whatever was sent is under way */
    STATE_RECORDING,
    STATE_STOPPING,
} State;

struct ProfileSession {
    const ProfileRequest *request;
    const Process *process;
    sd_event *event;
    sd_event_source *end_source;
    sd_event_source *draw_source;
    TargetDirectory *directory;
    Engine *engine;
    int fd; /* of the file that async-profiler writes */
    char *path;
    char *start_options;
    char *stop_options;
    char label[64];
    State state;
    bool stop_requested;
    bool unanswered; /* a command may still be in the target's queue */
    bool target_ended;
    uint64_t since; /* us, CLOCK_MONOTONIC */
    int result;
    char *reason;
};

static void session_finish(ProfileSession *session, int result, const char *format, ...) _printf_(3, 4);

static void session_finish(ProfileSession *session, int result, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    session->result = result;
    if (text && *text) {
        free(session->reason);
        session->reason = steal_pointer(&text);
    }
    sd_event_exit(session->event, 0);
}

/* What every answer but a good one means. */
static bool session_check_answer(ProfileSession *session, int result, const char *text)
{
    if (result == 0)
        return true;
    session->unanswered = result == -ETIMEDOUT;
    /* Its end is told by its pidfd, and then what it wrote is looked at. */
    if (result == -ESRCH && (session->state == STATE_RECORDING || session->state == STATE_STOPPING))
        return false;
    session_finish(session, result == ENGINE_REFUSED ? -EIO : result, "%s", text);
    return false;
}

/* What async-profiler had to say although all went well: "No samples were collected". */
static void show_warning(const char *text)
{
    if (!*text)
        return;
    progress_hide();
    fprintf(stderr, "asprof-agentd: async-profiler: %s\n", text);
}

/* Leaves the target to whoever profiles it. */
static void session_yield(ProfileSession *session, const char *text)
{
    session_finish(session, -EBUSY,
            "process %i (%s) is being profiled by somebody else (%s), who is left alone; end that session "
            "first",
            session->process->pid, session->process->comm, text);
}

static void session_refused(ProfileSession *session, const char *text)
{
    const Process *process = session->process;

    if (strstr(text, PROFILER_ALREADY_STARTED))
        session_yield(session, text);
    else
        session_finish(session, -EIO,
                "process %i (%s) cannot be profiled for %s: %s; `asprof-agentd profile list %i` names the "
                "events it knows",
                process->pid, process->comm, session->request->events, text, process->pid);
}

static void session_execute(ProfileSession *session, State state, const char *options, EngineDone done)
{
    session->state = state;
    engine_execute(session->engine, options, PROFILE_COMMAND_TIMEOUT, done, session);
}

static void on_stopped(void *userdata, int result, const char *text)
{
    ProfileSession *session = userdata;

    if (!session_check_answer(session, result, text))
        return;
    show_warning(text);
    session_finish(session, 0, "%s", "");
}

static void session_stop(ProfileSession *session)
{
    sd_event_source_set_enabled(session->end_source, SD_EVENT_OFF);
    session_execute(session, STATE_STOPPING, session->stop_options, on_stopped);
}

static uint64_t session_elapsed(ProfileSession *session)
{
    uint64_t now = 0;

    sd_event_now(session->event, CLOCK_MONOTONIC, &now);
    return now > session->since ? now - session->since : 0;
}

static void session_draw(ProfileSession *session)
{
    progress_show(&(Progress){
            .what = session->request->events,
            .whom = session->label,
            .elapsed = session_elapsed(session) * NSEC_PER_USEC,
            .total = session->request->duration,
    });
}

static int on_draw(sd_event_source *source, uint64_t at, void *userdata)
{
    ProfileSession *session = userdata;

    if (session->state != STATE_RECORDING)
        return 0;
    session_draw(session);
    sd_event_source_set_time(source, at + REDRAW);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_end(sd_event_source *source, uint64_t at, void *userdata)
{
    (void)source;
    (void)at;
    session_stop(userdata);
    return 0;
}

static void on_started(void *userdata, int result, const char *text)
{
    ProfileSession *session = userdata;

    if (result == ENGINE_REFUSED) {
        session_refused(session, text);
        return;
    }
    if (!session_check_answer(session, result, text))
        return;
    show_warning(text);
    session->state = STATE_RECORDING;
    sd_event_now(session->event, CLOCK_MONOTONIC, &session->since);
    if (session->stop_requested) {
        session_stop(session);
        return;
    }
    sd_event_source_set_time(
            session->end_source, session->since + session->request->duration / NSEC_PER_USEC);
    sd_event_source_set_enabled(session->end_source, SD_EVENT_ONESHOT);
    if (!session->request->quiet && isatty(STDERR_FILENO)) {
        session_draw(session);
        sd_event_source_set_time(session->draw_source, session->since + REDRAW);
        sd_event_source_set_enabled(session->draw_source, SD_EVENT_ONESHOT);
    }
}

static void on_asked(void *userdata, int result, const char *text)
{
    ProfileSession *session = userdata;

    if (!session_check_answer(session, result, text))
        return;
    if (strstr(text, PROFILER_RUNNING))
        session_yield(session, text);
    else if (session->stop_requested)
        session_finish(session, -ECANCELED, "nothing was recorded");
    else
        session_execute(session, STATE_COMMAND, session->start_options, on_started);
}

static void on_answered(void *userdata, int result, const char *text)
{
    ProfileSession *session = userdata;

    if (session_check_answer(session, result, text))
        session_finish(session, 0, "%s", "");
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
    ProfileSession *session = userdata;

    (void)source;
    (void)info;
    if (session->stop_requested) {
        session->unanswered = true;
        session_finish(session, -ECANCELED,
                "given up; if the profiler was started in process %i, it ends by its own timeout",
                session->process->pid);
        return 0;
    }
    session->stop_requested = true;
    if (session->state == STATE_RECORDING)
        session_stop(session);
    return 0;
}

static int on_process_exit(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    ProfileSession *session = userdata;
    bool recording = session->state == STATE_RECORDING || session->state == STATE_STOPPING;

    (void)source;
    (void)fd;
    (void)events;
    session->engine = engine_free(session->engine);
    session->target_ended = true;
    session->unanswered = false;
    session_finish(session, recording ? 0 : -ESRCH, "process %i (%s) has ended", session->process->pid,
            session->process->comm);
    return 0;
}

static int session_make_directory_in(ProfileSession *session, const char *parent, char **reason)
{
    char name[64];
    uint64_t random;
    int r;

    if (access(parent, W_OK) < 0)
        return fail(reason, -errno, "we may not write there");
    r = target_sees_directory(session->process, parent, reason);
    if (r < 0)
        return r;
    if (getrandom(&random, sizeof(random), 0) < 0)
        return -errno;
    snprintf(name, sizeof(name), "asprof-agentd-%i-%016" PRIx64, getpid(), random);
    return target_directory_new(parent, name, session->process, &session->directory, reason);
}

/* In the first of these that we and the target see alike. */
static int session_make_directory(ProfileSession *session, char **reason)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    const char *const parents[] = {
            "/tmp", "/var/tmp", "/run", runtime && *runtime == '/' ? runtime : NULL, "/dev/shm"};
    _cleanup_free_ char *first_why = NULL;
    int first_r = 0, r = -ENOENT;

    for (size_t i = 0; r < 0 && i < sizeof(parents) / sizeof(*parents); i++) {
        _cleanup_free_ char *why = NULL;

        if (!parents[i])
            continue;
        r = session_make_directory_in(session, parents[i], &why);
        if (i == 0 && r < 0) {
            first_r = r;
            first_why = steal_pointer(&why);
        }
    }
    if (r < 0)
        return fail(reason, first_r,
                "there is no directory for a file that both we and process %i (%s) can use, not even "
                "/dev/shm; in /tmp: %s",
                session->process->pid, session->process->comm, failure_text(first_why, first_r));
    session->fd = target_directory_create_file(session->directory, FILE_NAME, reason);
    return session->fd < 0 ? session->fd : 0;
}

static int session_watch(ProfileSession *session)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    int r;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    r = sd_event_new(&session->event);
    for (size_t i = 0; r >= 0 && i < sizeof(signals) / sizeof(*signals); i++)
        r = sd_event_add_signal(session->event, NULL, signals[i], on_signal, session);
    if (r >= 0)
        r = sd_event_add_io(session->event, NULL, session->process->pidfd, EPOLLIN, on_process_exit, session);
    if (r >= 0)
        r = sd_event_add_time(
                session->event, &session->end_source, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_end, session);
    if (r >= 0)
        r = sd_event_source_set_enabled(session->end_source, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_time(session->event, &session->draw_source, CLOCK_MONOTONIC, 0, 0, on_draw, session);
    if (r >= 0)
        r = sd_event_source_set_enabled(session->draw_source, SD_EVENT_OFF);
    return r;
}

static int session_check_options(const ProfileSession *session, const char *options, char **reason)
{
    _cleanup_free_ char *log = options_log_path(session->directory->path);
    _cleanup_free_ char *whole = log ? options_append_log(options, log) : NULL;

    if (!whole)
        return -ENOMEM;
    if (strlen(whole) <= ENGINE_OPTIONS_MAX)
        return 0;
    return fail(reason, -E2BIG,
            "the options for async-profiler would have %zu bytes, and a JVM takes %d; give fewer or shorter "
            "ones",
            strlen(whole), ENGINE_OPTIONS_MAX);
}

static int session_format_options(ProfileSession *session, char **reason)
{
    uint64_t timeout = session->request->duration / NSEC_PER_SEC + 1 + TIMEOUT_MARGIN;
    int r;

    if (asprintf(&session->path, "%s/" FILE_NAME, session->directory->path) < 0) {
        session->path = NULL;
        return -ENOMEM;
    }
    r = grammar_format_start(session->request, session->path, timeout, &session->start_options);
    if (r >= 0)
        r = grammar_format_stop(session->request, session->path, &session->stop_options);
    return r < 0 ? r : session_check_options(session, session->start_options, reason);
}

int profile_session_new(const ProfileRequest *request, const Process *process, const char *library,
        const Door *door, ProfileSession **ret, char **reason)
{
    _cleanup_(profile_session_freep) ProfileSession *session = calloc(1, sizeof(*session));
    int r;

    if (!session)
        return -ENOMEM;
    *session = (ProfileSession){.request = request, .process = process, .fd = -1};
    snprintf(session->label, sizeof(session->label), "%s (%i)", process->comm, process->pid);
    r = door->check(process, reason);
    if (r >= 0)
        r = session_watch(session);
    if (r >= 0)
        r = session_make_directory(session, reason);
    if (r >= 0)
        r = session_format_options(session, reason);
    if (r >= 0)
        r = door->open(session->event, process, library, session->directory, &session->engine, reason);
    if (r < 0)
        return r;
    *ret = steal_pointer(&session);
    return 0;
}

ProfileSession *profile_session_free(ProfileSession *session)
{
    if (!session)
        return NULL;
    engine_free(session->engine);
    if (session->directory && !session->unanswered)
        target_directory_remove(session->directory);
    target_directory_free(session->directory);
    close_fd(session->fd);
    sd_event_source_disable_unref(session->end_source);
    sd_event_source_disable_unref(session->draw_source);
    sd_event_unref(session->event);
    free(session->path);
    free(session->start_options);
    free(session->stop_options);
    free(session->reason);
    free(session);
    return NULL;
}

/* Runs the loop to its end; what went wrong goes to *reason. */
static int session_run(ProfileSession *session, char **reason)
{
    int r = sd_event_loop(session->event);

    progress_hide();
    if (r >= 0)
        r = session->result;
    if (r >= 0)
        return 0;
    if (session->unanswered)
        return fail(reason, r, "%s; %s is left for it, because it may still write its log there",
                failure_text(session->reason, r), session->directory->path);
    return fail(reason, r, "%s", failure_text(session->reason, r));
}

int profile_session_ask(ProfileSession *session, const char *command, char **ret, char **reason)
{
    _cleanup_free_ char *options = NULL;
    int r;

    /* Not into its log, whose lines the engine makes one sentence of. */
    if (asprintf(&options, "%s,file=%s", command, session->path) < 0) {
        options = NULL;
        return -ENOMEM;
    }
    session_execute(session, STATE_COMMAND, options, on_answered);
    r = session_run(session, reason);
    return r < 0 ? r : profile_content_read(session->fd, ret);
}

/* Nobody is told of a recording that cannot be read. */
static int session_check_file(ProfileSession *session, uint64_t *ret_size, char **reason)
{
    _cleanup_free_ char *why = NULL;
    struct stat st;
    int r;

    if (fstat(session->fd, &st) < 0)
        return -errno;
    r = profile_content_check(session->fd, (uint64_t)st.st_size, session->request->extension, &why);
    if (r < 0 && session->target_ended)
        return fail(reason, -ESRCH, "process %i (%s) ended, and left no whole recording: %s",
                session->process->pid, session->process->comm, failure_text(why, r));
    if (r < 0)
        return fail(reason, r, "no recording of process %i (%s): %s", session->process->pid,
                session->process->comm, failure_text(why, r));
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

int profile_session_record(ProfileSession *session, int *ret_fd, uint64_t *ret_size, char **reason)
{
    int r;

    session_execute(session, STATE_COMMAND, "status", on_asked);
    r = session_run(session, reason);
    if (r >= 0)
        r = session_check_file(session, ret_size, reason);
    if (r < 0)
        return r;
    if (session->target_ended)
        fprintf(stderr,
                "asprof-agentd: process %i (%s) ended early; what it recorded until then is complete\n",
                session->process->pid, session->process->comm);
    *ret_fd = session->fd;
    return 0;
}
