/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/hotspot.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "attach/hotspot_request.h"
#include "attach/hotspot_socket.h"
#include "attach/jvm.h"
#include "attach/options.h"
#include "attach/printable.h"
#include "attach/target_directory.h"
#include "conf/failure.h"
#include "conf/settings.h"
#include "conf/units.h"

#define LOG_MAX 4096
#define RETRY_FIRST (5 * USEC_PER_MSEC)
#define RETRY_MAX (250 * USEC_PER_MSEC)
/* A JVM closes its attach socket a little before it begins to end. */
#define ENDING_TIME (100 * USEC_PER_MSEC)
#define TIMER_ACCURACY USEC_PER_MSEC

/*
 * A request is on its way to HotSpot, or its answer to us. One at a time: it outlives the command that sent
 * it when that is not answered in time, and the next command waits for it.
 */
typedef enum RequestState {
    REQUEST_NONE,
    REQUEST_SENT,
    REQUEST_CLOSED,   /* without an answer; the target may be ending */
    REQUEST_ANSWERED, /* result and text are there */
} RequestState;

/* A command that came while another was under way. */
typedef struct Rejected {
    struct Rejected *next;
    EngineDone done;
    void *userdata;
} Rejected;

typedef struct HotspotEngine {
    Engine engine;
    sd_event *event;
    const Process *process;
    char *library;
    char *log_path;
    int log_fd;
    bool library_checked;
    HotspotSocket socket;
    sd_event_source *watch; /* of the target's /tmp, while the socket is awaited */
    /* A watch that sees nothing, from the first on: the loop closes its inotify descriptor with the last
     * watch, and that takes the kernel 20 ms (fsnotify_destroy_group() waits for a grace period of SRCU). */
    sd_event_source *inotify_anchor;
    sd_event_source *ended; /* the target */

    RequestState state;
    HotspotRequest request;
    sd_event_source *io;
    int result;
    char *text;

    /* The command under way; done is NULL when there is none. */
    EngineDone done;
    void *userdata;
    char *options;
    uint64_t timeout; /* us */
    sd_event_source *begin;
    sd_event_source *deadline;
    sd_event_source *retry;
    uint64_t retry_delay; /* us */
    bool retrying;        /* because of */
    char *retry_reason;

    Rejected *rejected;
    sd_event_source *reject;
} HotspotEngine;

static void hotspot_step(HotspotEngine *engine);

static void hotspot_drop_request(HotspotEngine *engine)
{
    engine->state = REQUEST_NONE;
    engine->io = sd_event_source_disable_unref(engine->io);
    hotspot_request_clear(&engine->request);
    free(steal_pointer(&engine->text));
}

static void timer_set(sd_event_source *timer, uint64_t delay)
{
    struct timespec time;
    uint64_t now;

    clock_gettime(CLOCK_BOOTTIME, &time); /* sd_event_now() may be long ago if the loop has not run */
    now = (uint64_t)time.tv_sec * USEC_PER_SEC + (uint64_t)time.tv_nsec / NSEC_PER_USEC;
    sd_event_source_set_time(timer, delay > UINT64_MAX - now ? UINT64_MAX : now + delay);
    sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static void hotspot_forget_retry(HotspotEngine *engine)
{
    free(steal_pointer(&engine->retry_reason));
    engine->retrying = false;
}

/* The last thing a caller does: done() may execute the next command or free the engine. text must not belong
 * to the engine. */
static void hotspot_finish(HotspotEngine *engine, int result, const char *text)
{
    EngineDone done = engine->done;

    engine->done = NULL;
    engine->watch = sd_event_source_disable_unref(engine->watch);
    sd_event_source_set_enabled(engine->begin, SD_EVENT_OFF);
    sd_event_source_set_enabled(engine->deadline, SD_EVENT_OFF);
    if (engine->state != REQUEST_CLOSED)
        sd_event_source_set_enabled(engine->retry, SD_EVENT_OFF);
    free(steal_pointer(&engine->options));
    hotspot_forget_retry(engine);
    done(engine->userdata, result, text ? text : result < 0 ? strerror(-result) : "");
}

static int fail_ended(const HotspotEngine *engine, char **reason)
{
    return fail(
            reason, -ESRCH, "process %d (%s) has ended", (int)engine->process->pid, engine->process->comm);
}

/* Whether it is on its way out: its memory goes first, and without that it looks like no JVM at all; then its
 * sockets; and only when all of that is done does its pidfd tell. */
static bool is_ending(const Process *process)
{
    _cleanup_free_ char *maps = NULL;
    size_t size;
    int r;

    r = process_read_file(process, "maps", 1, &maps, &size);
    return r == -ESRCH || (r >= 0 && size == 0);
}

/* --- The answer --- */

static size_t log_read(const HotspotEngine *engine, char log[static LOG_MAX + 1])
{
    ssize_t n = pread(engine->log_fd, log, LOG_MAX, 0);
    size_t size = n > 0 ? (size_t)n : 0;

    log[size] = '\0';
    return size;
}

static char *log_text(const HotspotEngine *engine)
{
    char log[LOG_MAX + 1];

    return printable_copy(log, log_read(engine, log));
}

/* Puts the last error in the log in the place of *reason, if there is one. async-profiler 4.5, src/log.cpp.
 */
static void log_explain(const HotspotEngine *engine, char **reason)
{
    static const char mark[] = "[ERROR] ";
    _cleanup_free_ char *error = NULL;
    const char *last = NULL;
    char log[LOG_MAX + 1];

    log_read(engine, log);
    for (const char *at = log; (at = strstr(at, mark));)
        last = at += strlen(mark);
    if (!last)
        return;
    error = printable_copy(last, strcspn(last, "\n"));
    if (error)
        fail(reason, ENGINE_REFUSED, "async-profiler: %s", error);
}

/* text is taken over. */
static void hotspot_answered(HotspotEngine *engine, int result, char *text)
{
    engine->io = sd_event_source_disable_unref(engine->io);
    engine->request.fd = close_fd(engine->request.fd);
    engine->state = REQUEST_ANSWERED;
    engine->result = result;
    engine->text = text;
    hotspot_step(engine);
}

/* Too early in its start-up for agents: until JDK 17 async-profiler 4.5 (src/vmEntry.cpp) notices, later the
 * JVM (JvmtiAgentList::load_agent()). */
static bool is_too_early(const char *reason)
{
    return strstr(reason, "JVM does not support Tool Interface") ||
           strstr(reason, "Dynamic agent loading is only permitted in the live phase");
}

static int hotspot_read_answer(const HotspotEngine *engine, char **text)
{
    const HotspotRequest *request = &engine->request;
    const Process *process = engine->process;
    int code, r;

    if (request->reply_size == 0)
        return fail(text, -ECONNRESET,
                "process %d (%s) closed the connection without an answer: it is ending, or takes no orders "
                "from user %u",
                (int)process->pid, process->comm, (unsigned)process->uid);
    r = hotspot_parse_reply(request->reply, request->reply_size, &code, text);
    if (r == 0)
        *text = log_text(engine);
    else if (code >= 0)
        log_explain(engine, text);
    if (r == ENGINE_REFUSED && *text && is_too_early(*text))
        return fail(text, -EAGAIN, "process %d (%s) is still starting up", (int)process->pid, process->comm);
    return r;
}

/* The other side has closed: that was the answer. If it is none, or not all of one, the target may be ending,
 * and then on_ended() is what counts. */
static void hotspot_conclude(HotspotEngine *engine)
{
    _cleanup_free_ char *text = NULL;
    bool whole, first = engine->state == REQUEST_SENT;
    int r;

    r = hotspot_read_answer(engine, &text);
    whole = r != -ECONNRESET && r != -EPROTO;
    if (whole || (!first && !is_ending(engine->process))) {
        hotspot_answered(engine, r, steal_pointer(&text));
        return;
    }
    engine->io = sd_event_source_disable_unref(engine->io);
    engine->state = REQUEST_CLOSED;
    if (first)
        timer_set(engine->retry, ENDING_TIME);
}

/* --- The request --- */

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    HotspotEngine *engine = userdata;
    char *reason = NULL;
    int r;

    (void)fd;
    (void)revents;
    r = hotspot_request_advance(&engine->request);
    if (r == 0 && !hotspot_request_is_sending(&engine->request))
        r = sd_event_source_set_io_events(source, EPOLLIN);
    if (r == 0)
        return 0;
    if (r == 1) {
        hotspot_conclude(engine);
        return 0;
    }
    r = fail(&reason, r, "cannot talk with process %d (%s): %s", (int)engine->process->pid,
            engine->process->comm, r == -EPROTO ? "its answer is longer than any JVM's" : strerror(-r));
    hotspot_answered(engine, r, reason);
    return 0;
}

static int hotspot_send(HotspotEngine *engine, int fd)
{
    int r;

    r = hotspot_request_init(&engine->request, fd, engine->library, engine->options);
    if (r < 0)
        return r;
    /* What an earlier command wrote there is no answer to this one. */
    if (ftruncate(engine->log_fd, 0) < 0)
        return -errno;
    /* What fails or ends here will do so again in on_io(). */
    hotspot_request_advance(&engine->request);
    r = sd_event_add_io(engine->event, &engine->io, engine->request.fd,
            EPOLLIN | (hotspot_request_is_sending(&engine->request) ? EPOLLOUT : 0), on_io, engine);
    if (r < 0)
        return r;
    engine->state = REQUEST_SENT;
    return 0;
}

/* --- The way to the socket --- */

static int on_watch(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
    HotspotEngine *engine = userdata;

    (void)source;
    if ((event->mask & IN_Q_OVERFLOW) || (event->len > 0 && strcmp(event->name, engine->socket.name) == 0))
        hotspot_step(engine);
    return 0;
}

static int on_inotify_anchor(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
    (void)source;
    (void)event;
    (void)userdata;
    return 0;
}

static int hotspot_watch(HotspotEngine *engine, char **reason)
{
    int r = 0;

    if (engine->watch)
        return 0;
    if (!engine->inotify_anchor)
        r = sd_event_add_inotify_fd(engine->event, &engine->inotify_anchor, engine->log_fd, IN_DELETE_SELF,
                on_inotify_anchor, NULL);
    if (r >= 0)
        r = sd_event_add_inotify_fd(engine->event, &engine->watch, engine->socket.tmp_fd,
                IN_CREATE | IN_MOVED_TO, on_watch, engine);
    if (r < 0)
        return fail(reason, r, "cannot watch /tmp as process %d (%s) sees it: %s%s",
                (int)engine->process->pid, engine->process->comm, strerror(-r),
                r == -ENOSPC || r == -EMFILE ? " (fs.inotify.max_user_watches or _instances is used up)"
                                             : "");
    return 0;
}

/* 1: connected, and the request is sent. 0: there is no socket. */
static int hotspot_connect(HotspotEngine *engine, const ProcessStatus *status, char **reason)
{
    int fd, r;

    r = hotspot_socket_connect(&engine->socket, status, &fd, reason);
    if (r <= 0)
        return r;
    r = hotspot_send(engine, fd);
    /* Only now, while HotSpot is at work. */
    hotspot_socket_remove_trigger(&engine->socket);
    engine->watch = sd_event_source_disable_unref(engine->watch);
    if (r >= 0)
        return 1;
    hotspot_drop_request(engine);
    return fail(reason, r, "cannot send a request to process %d (%s): %s", (int)engine->process->pid,
            engine->process->comm, strerror(-r));
}

/* Two copies of async-profiler in one process would both take its signals. */
static int hotspot_check_library(const HotspotEngine *engine, const JvmInfo *info, char **reason)
{
    const Process *process = engine->process;
    struct stat status;

    if (stat(engine->library, &status) < 0)
        return fail(reason, -errno, "cannot open %s: %s", engine->library, strerror(errno));
    if (info->several_profilers)
        return fail(reason, -EBUSY,
                "process %d (%s) has several copies of async-profiler loaded already, one of them %s; they "
                "stay until it is started anew",
                (int)process->pid, process->comm, info->profiler_path);
    /* Of a file that was replaced the path has another ending. Some file systems show other numbers here. */
    if (info->profiler_path && strcmp(info->profiler_path, engine->library) != 0 &&
            (info->profiler_device != status.st_dev || info->profiler_inode != status.st_ino))
        return fail(reason, -EBUSY,
                "process %d (%s) has another copy of async-profiler loaded already, %s, and two "
                "would disturb each other; set library to that one, or start the process anew",
                (int)process->pid, process->comm, info->profiler_path);
    return target_sees_library(process, engine->library, reason);
}

/* Asks HotSpot for its socket, which comes later if it does. */
static int hotspot_trigger(
        HotspotEngine *engine, const JvmInfo *info, const ProcessStatus *status, char **reason)
{
    int r;

    if (!engine->socket.signalled) {
        r = jvm_check_attachable(engine->process, info, reason);
        if (r < 0)
            return fail_prefix(reason, r, "process %d (%s) cannot be attached to", (int)engine->process->pid,
                    engine->process->comm);
    }
    r = hotspot_watch(engine, reason);
    if (r < 0)
        return r;
    if (!engine->socket.signalled) {
        r = hotspot_socket_make_trigger(&engine->socket, status, reason);
        if (r < 0)
            return r;
    }
    /* What came before the watch did; and with a socket, SIGQUIT would mean a thread dump. */
    r = hotspot_connect(engine, status, reason);
    if (r != 0 || engine->socket.signalled)
        return r;
    return hotspot_socket_signal(&engine->socket, reason);
}

static int hotspot_check_options(const HotspotEngine *engine, char **reason)
{
    size_t size;

    if (!engine->options)
        return -ENOMEM;
    size = strlen(engine->options);
    if (size <= ENGINE_OPTIONS_MAX)
        return 0;
    return fail(reason, -E2BIG,
            "the options for async-profiler have %zu bytes with \"log\" and \"quiet\", and a JVM takes %d; "
            "shorten shared_directory or set fewer options",
            size, ENGINE_OPTIONS_MAX);
}

/* Goes as far as it can at once. 0: what comes next, an event will bring. */
static int hotspot_advance(HotspotEngine *engine, char **reason)
{
    _cleanup_(jvm_info_clear) JvmInfo info = {0};
    bool inspected = false;
    ProcessStatus status;
    int r;

    r = hotspot_check_options(engine, reason);
    if (r < 0)
        return r;
    if (!engine->library_checked) {
        r = jvm_inspect(engine->process, &info, reason);
        if (r >= 0)
            r = hotspot_check_library(engine, &info, reason);
        if (r < 0)
            return r;
        engine->library_checked = inspected = true;
    }
    if (engine->socket.tmp_fd < 0) {
        r = hotspot_socket_open(&engine->socket, engine->process, reason);
        if (r < 0)
            return r;
    }
    r = process_read_status(engine->process, &status);
    if (r < 0)
        return process_fail_access(engine->process, r, "status", reason);
    r = hotspot_connect(engine, &status, reason);
    if (r != 0)
        return r;
    if (!inspected && !engine->socket.signalled) {
        r = jvm_inspect(engine->process, &info, reason);
        if (r < 0)
            return r;
    }
    return hotspot_trigger(engine, &info, &status, reason);
}

/* --- The command --- */

/* -EAGAIN: the same again a little later. reason is taken over. */
static void hotspot_retry(HotspotEngine *engine, char *reason)
{
    free(engine->retry_reason);
    engine->retry_reason = reason;
    engine->retrying = true;
    timer_set(engine->retry, engine->retry_delay);
    engine->retry_delay *= 2;
    if (engine->retry_delay > RETRY_MAX)
        engine->retry_delay = RETRY_MAX;
}

/* Whether the answer that is there is the command's; it goes in either case. */
static bool hotspot_take_answer(HotspotEngine *engine, int *ret_result, char **ret_text)
{
    bool wanted = engine->options && strcmp(engine->request.options, engine->options) == 0;

    if (wanted) {
        *ret_result = engine->result;
        *ret_text = steal_pointer(&engine->text);
    }
    hotspot_drop_request(engine);
    return wanted;
}

/* Does what can be done for the command under way. */
static void hotspot_step(HotspotEngine *engine)
{
    _cleanup_free_ char *text = NULL;
    int r;

    if (!engine->done)
        return;
    if (engine->state != REQUEST_ANSWERED || !hotspot_take_answer(engine, &r, &text)) {
        if (engine->state != REQUEST_NONE)
            return;
        r = hotspot_advance(engine, &text);
        if (r >= 0) {
            hotspot_forget_retry(engine);
            return;
        }
        if (!process_is_alive(engine->process))
            r = fail_ended(engine, &text);
        else if (is_ending(engine->process))
            return; /* on_ended() will come */
    }
    if (r == -EAGAIN)
        hotspot_retry(engine, steal_pointer(&text));
    else
        hotspot_finish(engine, r, text);
}

static int on_begin(sd_event_source *source, void *userdata)
{
    (void)source;
    hotspot_step(userdata);
    return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
    HotspotEngine *engine = userdata;

    (void)source;
    (void)usec;
    if (engine->state == REQUEST_CLOSED)
        hotspot_conclude(engine);
    else
        hotspot_step(engine);
    return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
    HotspotEngine *engine = userdata;
    const Process *process = engine->process;
    _cleanup_free_ char *reason = NULL;
    char duration[UNITS_MAX];
    ProcessStatus status;
    bool stopped;
    int r;

    (void)source;
    (void)usec;
    if (engine->retrying) {
        reason = steal_pointer(&engine->retry_reason);
        hotspot_finish(engine, -EAGAIN, reason);
        return 0;
    }
    stopped = process_read_status(process, &status) >= 0 && (status.state == 'T' || status.state == 't');
    r = fail(&reason, -ETIMEDOUT, "process %d (%s) did not %s within %s%s", (int)process->pid, process->comm,
            engine->state == REQUEST_NONE ? "open its attach socket" : "answer",
            duration_format(engine->timeout * NSEC_PER_USEC, duration),
            stopped ? ", because it is stopped (SIGSTOP or a debugger)" : "");
    hotspot_finish(engine, r, reason);
    return 0;
}

static int on_ended(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    HotspotEngine *engine = userdata;
    _cleanup_free_ char *reason = NULL;
    int r;

    (void)source;
    (void)fd;
    (void)revents;
    hotspot_drop_request(engine);
    hotspot_socket_close(&engine->socket);
    if (!engine->done)
        return 0;
    r = fail_ended(engine, &reason);
    hotspot_finish(engine, r, reason);
    return 0;
}

static int on_reject(sd_event_source *source, void *userdata)
{
    HotspotEngine *engine = userdata;
    Rejected *rejected = engine->rejected;
    EngineDone done = rejected->done;
    void *done_userdata = rejected->userdata;

    engine->rejected = rejected->next;
    sd_event_source_set_enabled(source, engine->rejected ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
    free(rejected);
    done(done_userdata, -EBUSY, "another command is under way");
    return 0;
}

static void hotspot_reject(HotspotEngine *engine, EngineDone done, void *userdata)
{
    Rejected *rejected = malloc(sizeof(*rejected));

    /* Without memory the caller learns it here and now; better than never. */
    if (!rejected) {
        done(userdata, -ENOMEM, strerror(ENOMEM));
        return;
    }
    *rejected = (Rejected){.next = engine->rejected, .done = done, .userdata = userdata};
    engine->rejected = rejected;
    sd_event_source_set_enabled(engine->reject, SD_EVENT_ONESHOT);
}

static void hotspot_execute(
        Engine *base, const char *options, uint64_t timeout, EngineDone done, void *userdata)
{
    HotspotEngine *engine = (HotspotEngine *)base;

    if (engine->done) {
        hotspot_reject(engine, done, userdata);
        return;
    }
    engine->done = done;
    engine->userdata = userdata;
    engine->options = options_append_log(options, engine->log_path);
    engine->timeout = timeout;
    engine->retry_delay = RETRY_FIRST;
    timer_set(engine->deadline, timeout);
    sd_event_source_set_enabled(engine->begin, SD_EVENT_ONESHOT);
}

static void hotspot_free(Engine *base)
{
    HotspotEngine *engine = (HotspotEngine *)base;

    sd_event_source_disable_unref(engine->begin);
    sd_event_source_disable_unref(engine->deadline);
    sd_event_source_disable_unref(engine->retry);
    sd_event_source_disable_unref(engine->ended);
    sd_event_source_disable_unref(engine->reject);
    sd_event_source_disable_unref(engine->watch);
    sd_event_source_disable_unref(engine->inotify_anchor);
    while (engine->rejected) {
        Rejected *rejected = engine->rejected;

        engine->rejected = rejected->next;
        free(rejected);
    }
    hotspot_drop_request(engine);
    hotspot_socket_close(&engine->socket);
    close_fd(engine->log_fd);
    free(engine->options);
    free(engine->retry_reason);
    free(engine->log_path);
    free(engine->library);
    sd_event_unref(engine->event);
    free(engine);
}

static const EngineVtable vtable = {.execute = hotspot_execute, .free = hotspot_free};

static void hotspot_freep(HotspotEngine **engine)
{
    if (*engine)
        hotspot_free(&(*engine)->engine);
}

/* An event source that waits to be enabled. */
static int add_timer(HotspotEngine *engine, sd_event_source **timer, sd_event_time_handler_t handler)
{
    int r = sd_event_add_time(
            engine->event, timer, CLOCK_BOOTTIME, UINT64_MAX, TIMER_ACCURACY, handler, engine);

    return r < 0 ? r : sd_event_source_set_enabled(*timer, SD_EVENT_OFF);
}

static int add_defer(HotspotEngine *engine, sd_event_source **defer, sd_event_handler_t handler)
{
    int r = sd_event_add_defer(engine->event, defer, handler, engine);

    return r < 0 ? r : sd_event_source_set_enabled(*defer, SD_EVENT_OFF);
}

static int add_ended(HotspotEngine *engine)
{
    /* Its own descriptor: others in this loop wait for the same process. */
    _cleanup_close_ int fd = fcntl(engine->process->pidfd, F_DUPFD_CLOEXEC, 3);
    int r;

    if (fd < 0)
        return -errno;
    r = sd_event_add_io(engine->event, &engine->ended, fd, EPOLLIN, on_ended, engine);
    if (r < 0)
        return r;
    r = sd_event_source_set_io_fd_own(engine->ended, true);
    if (r < 0)
        return r;
    steal_fd(&fd);
    r = sd_event_source_set_enabled(engine->ended, SD_EVENT_ONESHOT);
    /* Its last words, which are there before its end is known, come first. */
    return r < 0 ? r : sd_event_source_set_priority(engine->ended, SD_EVENT_PRIORITY_NORMAL + 1);
}

static int add_sources(HotspotEngine *engine)
{
    int r;

    r = add_defer(engine, &engine->begin, on_begin);
    if (r >= 0)
        r = add_defer(engine, &engine->reject, on_reject);
    if (r >= 0)
        r = add_timer(engine, &engine->deadline, on_deadline);
    if (r >= 0)
        r = add_timer(engine, &engine->retry, on_retry);
    return r < 0 ? r : add_ended(engine);
}

int hotspot_engine_new(sd_event *event, const Process *process, const char *library,
        TargetDirectory *directory, Engine **ret, char **reason)
{
    _cleanup_(hotspot_freep) HotspotEngine *engine = NULL;
    int r;

    if (strlen(library) > ENGINE_OPTIONS_MAX)
        return fail(reason, -E2BIG, "the path of the library has %zu bytes, and a JVM takes %d",
                strlen(library), ENGINE_OPTIONS_MAX);
    engine = calloc(1, sizeof(*engine));
    if (!engine)
        return -ENOMEM;
    *engine = (HotspotEngine){
            .engine = {.vtable = &vtable},
            .event = sd_event_ref(event),
            .process = process,
            .library = strdup(library),
            .log_path = options_log_path(directory->path),
            .log_fd = -1,
            .socket = HOTSPOT_SOCKET_NULL,
            .request = HOTSPOT_REQUEST_NULL,
    };
    if (!engine->library || !engine->log_path)
        return -ENOMEM;
    engine->log_fd = target_directory_create_file(directory, OPTIONS_LOG_NAME, reason);
    if (engine->log_fd < 0)
        return engine->log_fd;
    r = add_sources(engine);
    if (r < 0)
        return fail(reason, r, "cannot wait for process %d (%s): %s", (int)process->pid, process->comm,
                strerror(-r));
    *ret = &steal_pointer(&engine)->engine;
    return 0;
}
