/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/rotation.h"

#include <inttypes.h>
#include <string.h>

#include "attach/options.h"
#include "conf/failure.h"

#define RETRY_FIRST USEC_PER_SEC
#define RETRY_MAX (30 * USEC_PER_SEC)

/* A JVM that is ending closes connections without an answer; its end will be known soon. One that does so
 * time after time refuses us. */
#define RESETS_MAX 3

typedef enum State {
    STATE_IDLE,
    STATE_ASKING, /* is anybody else's session running? */
    STATE_STARTING,
    STATE_RUNNING,
    STATE_STOPPING,
    STATE_VERIFYING, /* our session should have ended by itself: whose is running now, if any? */
    STATE_ENDED,
} State;

typedef struct RecordingFile {
    int fd;
    char *start_options;
    bool lent; /* recorded and not released */
} RecordingFile;

struct Rotation {
    Engine *engine;
    Clock *clock;
    const RotationObserver *observer;
    void *userdata;
    uint64_t command_timeout; /* us */
    uint64_t session_timeout; /* us */

    State state;
    bool stop_requested;
    bool may_be_writing;
    bool unanswered; /* a command was sent, and may still take effect */
    RecordingFile files[ROTATION_FILES];
    unsigned active;
    int64_t since;            /* ns since the epoch: the running recording's start */
    uint64_t since_monotonic; /* us */

    /* The recording before the running one, kept back until the next session has started. */
    bool finished;
    int64_t finished_start;
    int64_t finished_end;

    const char *command; /* under way, or to be asked again when retry fires */
    void (*answered)(Rotation *rotation, int result, const char *text);
    ClockTimer *retry;
    uint64_t retry_delay; /* us */
    bool waiting_to_retry;
    unsigned resets; /* connections that were closed without an answer to this command */
};

static void on_answer(void *userdata, int result, const char *text);
static void rotation_ask_status(Rotation *rotation, State state);
static void rotation_start(Rotation *rotation);
static void rotation_send_stop(Rotation *rotation);

uint64_t rotation_session_timeout(const Settings *settings)
{
    return (2 * settings->reporting_interval + NSEC_PER_SEC - 1) / NSEC_PER_SEC + 5;
}

static void rotation_send(Rotation *rotation)
{
    rotation->waiting_to_retry = false;
    clock_timer_set(rotation->retry, CLOCK_NEVER);
    rotation->unanswered = true;
    engine_execute(rotation->engine, rotation->command, rotation->command_timeout, on_answer, rotation);
}

static void rotation_command(Rotation *rotation, State state, const char *command,
        void (*answered)(Rotation *rotation, int result, const char *text))
{
    rotation->state = state;
    rotation->command = command;
    rotation->answered = answered;
    rotation->retry_delay = RETRY_FIRST;
    rotation->resets = 0;
    rotation_send(rotation);
}

static void on_retry(void *userdata)
{
    rotation_send(userdata);
}

static void rotation_lend(Rotation *rotation, unsigned file, int64_t start, int64_t end)
{
    rotation->files[file].lent = true;
    rotation->observer->recorded(rotation->userdata, file, rotation->files[file].fd, start, end);
}

static void rotation_lend_finished(Rotation *rotation)
{
    if (!rotation->finished)
        return;
    rotation->finished = false;
    rotation_lend(rotation, 1 - rotation->active, rotation->finished_start, rotation->finished_end);
}

/* Whether the answer only says that there is none yet: then the same is asked again later. */
static bool rotation_must_retry(Rotation *rotation, int result, const char *text)
{
    if (result == -ECONNRESET && ++rotation->resets > RESETS_MAX)
        return false;
    if (result != -ETIMEDOUT && result != -EAGAIN && result != -ECONNRESET)
        return false;
    if (rotation->stop_requested && rotation->state == STATE_ASKING)
        return false;
    if (rotation->retry_delay == RETRY_FIRST)
        rotation->observer->warned(rotation->userdata, text);
    /* The next session may be long in starting; the last one's recording need not wait for it. */
    rotation_lend_finished(rotation);
    rotation->waiting_to_retry = true;
    clock_timer_set(rotation->retry, clock_monotonic(rotation->clock) + rotation->retry_delay);
    rotation->retry_delay *= 2;
    if (rotation->retry_delay > RETRY_MAX)
        rotation->retry_delay = RETRY_MAX;
    return true;
}

static void on_answer(void *userdata, int result, const char *text)
{
    Rotation *rotation = userdata;

    rotation->unanswered = result == -ETIMEDOUT;
    /* -ESRCH: whoever watches the process comes with rotation_target_ended(). */
    if (rotation->state == STATE_ENDED || result == -ESRCH)
        return;
    if (!rotation_must_retry(rotation, result, text))
        rotation->answered(rotation, result, text);
}

static void rotation_end(Rotation *rotation, int result, const char *text)
{
    rotation_lend_finished(rotation);
    rotation->state = STATE_ENDED;
    clock_timer_set(rotation->retry, CLOCK_NEVER);
    rotation->observer->ended(rotation->userdata, result, text);
}

static void rotation_refuse(Rotation *rotation, const char *status)
{
    _cleanup_free_ char *text = NULL;

    if (asprintf(&text, "somebody else is profiling it (%s), and is left alone; stop that session first",
                status) < 0)
        text = NULL;
    rotation_end(rotation, -EBUSY, failure_text(text, -EBUSY));
}

/* The session is over and the active file complete: on to the next, or the end. */
static void rotation_session_over(Rotation *rotation, int64_t end)
{
    unsigned finished = rotation->active;

    rotation->may_be_writing = false;
    if (rotation->stop_requested) {
        rotation_lend(rotation, finished, rotation->since, end);
        rotation_end(rotation, 0, "");
        return;
    }
    rotation->finished = true;
    rotation->finished_start = rotation->since;
    rotation->finished_end = end;
    rotation->active = 1 - finished;
    rotation_start(rotation);
}

static void on_asked(Rotation *rotation, int result, const char *text)
{
    if (rotation->stop_requested)
        rotation_end(rotation, 0, "");
    else if (result != 0)
        rotation_end(rotation, result == ENGINE_REFUSED ? -EIO : result, text);
    else if (strstr(text, PROFILER_RUNNING))
        rotation_refuse(rotation, text);
    else
        rotation_start(rotation);
}

static void on_started(Rotation *rotation, int result, const char *text)
{
    if (result == ENGINE_REFUSED && strstr(text, PROFILER_ALREADY_STARTED)) {
        /* Somebody was quicker; our file was not opened. */
        rotation->may_be_writing = false;
        result = -EBUSY;
    }
    if (result != 0) {
        rotation_end(rotation, result == ENGINE_REFUSED ? -EIO : result, text);
        return;
    }
    rotation->state = STATE_RUNNING;
    rotation->since = clock_realtime(rotation->clock);
    rotation->since_monotonic = clock_monotonic(rotation->clock);
    rotation->observer->started(rotation->userdata);
    rotation_lend_finished(rotation);
    if (rotation->stop_requested)
        rotation_send_stop(rotation);
}

/* Whether our session's own timeout has passed, so that one which runs now may be another's. */
static bool rotation_has_lapsed(const Rotation *rotation)
{
    return clock_monotonic(rotation->clock) >= rotation->since_monotonic + rotation->session_timeout;
}

static void on_stopped(Rotation *rotation, int result, const char *text)
{
    if (result == ENGINE_REFUSED && strstr(text, PROFILER_NOT_ACTIVE)) {
        rotation->observer->warned(rotation->userdata,
                rotation_has_lapsed(rotation) ? "its profiling had ended by its own timeout"
                                              : "its profiling was stopped by somebody else");
        result = 0;
    }
    if (result != 0)
        rotation_end(rotation, result == ENGINE_REFUSED ? -EIO : result, text);
    else
        rotation_session_over(rotation, clock_realtime(rotation->clock));
}

/* After the session's timeout a running one may be ours (a frozen target's clock went on, its timer did not)
 * or a stranger's who came after it. The age in the answer tells them apart. */
static void on_verified(Rotation *rotation, int result, const char *text)
{
    uint64_t ours = (clock_monotonic(rotation->clock) - rotation->since_monotonic) / USEC_PER_SEC;
    const char *running = strstr(text, PROFILER_RUNNING);
    uint64_t age;

    if (result != 0) {
        rotation_end(rotation, result == ENGINE_REFUSED ? -EIO : result, text);
        return;
    }
    age = running ? strtoull(running + strlen(PROFILER_RUNNING), NULL, 10) : 0;
    if (running && age + 3 >= ours) {
        rotation_send_stop(rotation);
        return;
    }
    if (running) {
        rotation->may_be_writing = false;
        rotation_lend(rotation, rotation->active, rotation->since,
                rotation->since + (int64_t)(rotation->session_timeout * NSEC_PER_USEC));
        rotation_refuse(rotation, text);
        return;
    }
    rotation->observer->warned(rotation->userdata, "its profiling had ended by its own timeout");
    rotation_session_over(rotation, rotation->since + (int64_t)(rotation->session_timeout * NSEC_PER_USEC));
}

static void rotation_ask_status(Rotation *rotation, State state)
{
    rotation_command(rotation, state, "status", state == STATE_ASKING ? on_asked : on_verified);
}

static void rotation_start(Rotation *rotation)
{
    /* From here on the file is the target's, whatever the answer. */
    rotation->may_be_writing = true;
    rotation->since = clock_realtime(rotation->clock);
    rotation_command(rotation, STATE_STARTING, rotation->files[rotation->active].start_options, on_started);
}

static void rotation_send_stop(Rotation *rotation)
{
    rotation_command(rotation, STATE_STOPPING, "stop", on_stopped);
}

/* Our session may have ended by itself, and another's may run in its place: never stop that one. */
static void rotation_stop_session(Rotation *rotation)
{
    if (rotation_has_lapsed(rotation))
        rotation_ask_status(rotation, STATE_VERIFYING);
    else
        rotation_send_stop(rotation);
}

void rotation_tick(Rotation *rotation)
{
    if (rotation->stop_requested)
        return;
    if (rotation->state == STATE_IDLE)
        rotation_ask_status(rotation, STATE_ASKING);
    else if (rotation->state == STATE_RUNNING && !rotation->files[1 - rotation->active].lent)
        rotation_stop_session(rotation);
}

void rotation_stop(Rotation *rotation)
{
    if (rotation->stop_requested || rotation->state == STATE_ENDED)
        return;
    rotation->stop_requested = true;
    if (rotation->state == STATE_RUNNING)
        rotation_stop_session(rotation);
    else if (rotation->state == STATE_IDLE || (rotation->state == STATE_ASKING && rotation->waiting_to_retry))
        rotation_end(rotation, 0, "");
    else if (rotation->waiting_to_retry)
        rotation_send(rotation);
}

void rotation_target_ended(Rotation *rotation)
{
    bool was_writing = rotation->may_be_writing;

    rotation->may_be_writing = rotation->unanswered = false;
    rotation_lend_finished(rotation);
    if (was_writing)
        rotation_lend(rotation, rotation->active, rotation->since, clock_realtime(rotation->clock));
    if (rotation->state != STATE_ENDED)
        rotation_end(rotation, -ESRCH, "it has ended");
}

void rotation_release(Rotation *rotation, unsigned file)
{
    RecordingFile *released = &rotation->files[file];

    released->lent = false;
    /* async-profiler truncates it too, when it starts; this gives the blocks back an interval earlier. */
    (void)!ftruncate(released->fd, 0);
}

bool rotation_may_be_writing(const Rotation *rotation)
{
    return rotation->may_be_writing || rotation->unanswered;
}

static int recording_file_init(RecordingFile *file, TargetDirectory *directory, const char *name,
        const Settings *settings, char **reason)
{
    _cleanup_free_ char *path = NULL;
    int r;

    if (asprintf(&path, "%s/%s", directory->path, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    r = options_format_start(
            &settings->profiling, path, rotation_session_timeout(settings), &file->start_options, reason);
    if (r < 0)
        return r;
    file->fd = target_directory_create_file(directory, name, reason);
    return file->fd < 0 ? file->fd : 0;
}

int rotation_new(Engine *engine, Clock *clock, TargetDirectory *directory, const Settings *settings,
        const RotationObserver *observer, void *userdata, Rotation **ret, char **reason)
{
    static const char *const names[ROTATION_FILES] = {"a.jfr", "b.jfr"};
    _cleanup_(rotation_freep) Rotation *rotation = calloc(1, sizeof(*rotation));
    int r;

    if (!rotation)
        return -ENOMEM;
    *rotation = (Rotation){
            .engine = engine,
            .clock = clock,
            .observer = observer,
            .userdata = userdata,
            .command_timeout = settings->command_timeout / NSEC_PER_USEC,
            .session_timeout = rotation_session_timeout(settings) * USEC_PER_SEC,
            .files = {{.fd = -1}, {.fd = -1}},
    };
    r = clock_timer_new(clock, on_retry, rotation, &rotation->retry);
    for (unsigned i = 0; r >= 0 && i < ROTATION_FILES; i++)
        r = recording_file_init(&rotation->files[i], directory, names[i], settings, reason);
    if (r < 0)
        return r;
    *ret = steal_pointer(&rotation);
    return 0;
}

Rotation *rotation_free(Rotation *rotation)
{
    if (!rotation)
        return NULL;
    clock_timer_free(rotation->retry);
    for (unsigned i = 0; i < ROTATION_FILES; i++) {
        close_fd(rotation->files[i].fd);
        free(rotation->files[i].start_options);
    }
    free(rotation);
    return NULL;
}
