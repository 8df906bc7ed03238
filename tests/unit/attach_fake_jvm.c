/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_jvm.h"

#include <grp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/child.h"
#include "tests/unit/scratch.h"

#define FLOOD ((size_t)10 * 1024 * 1024)

static FakeJvm *self;

char *fake_jvm_socket(pid_t pid)
{
    return scratch_path("/tmp/.java_pid%d", (int)pid);
}

char *fake_jvm_trigger(pid_t pid)
{
    return scratch_path("/tmp/.attach_pid%d", (int)pid);
}

FakeJvm *fake_jvm_new(void)
{
    FakeJvm *jvm = mmap(NULL, sizeof(*jvm), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    cr_assert_neq(jvm, MAP_FAILED);
    jvm->handles_sigquit = true;
    jvm->listens_on_sigquit = true;
    jvm->accepts = true;
    jvm->answers = true;
    jvm->backlog = 5;
    snprintf(jvm->reply, sizeof(jvm->reply), "0\nreturn code: 0\n");
    return jvm;
}

static void on_sigquit(int signal)
{
    char path[64];
    struct stat status;

    (void)signal;
    snprintf(path, sizeof(path), "/tmp/.attach_pid%d", (int)getpid());
    self->saw_trigger = lstat(path, &status) == 0 && status.st_uid == geteuid() && S_ISREG(status.st_mode);
    self->sigquits++;
    if (self->listens_on_sigquit)
        self->listens = true;
}

static void map_library(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
        _exit(1);
    close(fd);
}

/* As HotSpot does: under another name first, and then over whatever is there. */
static int open_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/.java_pid%d.tmp", (int)getpid());
    unlink(address.sun_path);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, self->backlog) < 0 ||
            chmod(address.sun_path, 0600) < 0 || rename(address.sun_path, fake_jvm_socket(getpid())) < 0)
        _exit(1);
    self->is_listening = true;
    return fd;
}

static void wait_until(atomic_bool *set)
{
    while (!*set)
        usleep(500);
}

/* Reads "1", "load" and three arguments, each with a NUL at its end. */
static bool read_request(int fd)
{
    size_t size = 0, ends = 0;
    ssize_t n;

    while (ends < 5 && size < sizeof(self->request)) {
        n = read(fd, self->request + size, sizeof(self->request) - size);
        if (n <= 0)
            return false;
        ends = 0;
        size += (size_t)n;
        for (size_t i = 0; i < size; i++)
            ends += self->request[i] == '\0';
    }
    self->request_size = size;
    self->requests++;
    return true;
}

static void write_log(void)
{
    const char *options = self->request + self->request_size - 1;
    char path[PATH_MAX];
    char *log;
    int fd;

    do
        options--;
    while (options[-1] != '\0');
    log = strstr(options, ",log=");
    if (!log)
        _exit(1);
    snprintf(path, sizeof(path), "%s", log + strlen(",log="));
    *strstr(path, ",quiet") = '\0';
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0 || write(fd, self->log, strlen(self->log)) < 0)
        _exit(1);
    close(fd);
}

static void put(int fd, const char *data, size_t size)
{
    (void)!write(fd, data, size);
}

static void flood(int fd)
{
    static char block[4096];
    size_t sent = 0;
    ssize_t n = 1;

    memset(block, 'x', sizeof(block));
    for (; n > 0 && sent < FLOOD; sent += (size_t)n)
        n = send(fd, block, sizeof(block), MSG_NOSIGNAL);
}

static void answer(int fd)
{
    FakeAnswer kind = self->answer;
    size_t size = strlen(self->reply);

    switch (kind) {
    case FAKE_REPLY:
        write_log();
        put(fd, self->reply, size);
        break;
    case FAKE_TRICKLE:
        write_log();
        for (size_t i = 0; i < size; i++) {
            put(fd, self->reply + i, 1);
            usleep(1000);
        }
        break;
    case FAKE_HOLD:
        put(fd, self->reply, size);
        return;
    case FAKE_CLOSE:
        break;
    case FAKE_FLOOD:
        flood(fd);
        break;
    case FAKE_DIE:
        put(fd, self->reply, size);
        kill(getpid(), SIGKILL);
    }
    close(fd);
}

static void *serve(void *unused)
{
    int listener, fd;

    (void)unused;
    wait_until(&self->listens);
    listener = open_socket();
    for (;;) {
        wait_until(&self->accepts);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        self->connections++;
        wait_until(&self->answers);
        if (read_request(fd))
            answer(fd);
        else
            close(fd);
    }
    return NULL;
}

static void prepare(void)
{
    struct sigaction action = {.sa_handler = on_sigquit, .sa_flags = SA_RESTART};
    pthread_t thread;

    /* A process that was killed may have left its own there under the same number. */
    unlink(fake_jvm_socket(getpid()));
    unlink(fake_jvm_trigger(getpid()));
    if (self->uid != 0 && (setgroups(0, NULL) < 0 || setresgid(self->uid, self->uid, self->uid) < 0 ||
                                  setresuid(self->uid, self->uid, self->uid) < 0))
        _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 1);
    if (self->library)
        map_library(self->library);
    if (self->profiler)
        map_library(self->profiler);
    if (self->handles_sigquit)
        sigaction(SIGQUIT, &action, NULL);
    if (pthread_create(&thread, NULL, serve, NULL) != 0)
        _exit(1);
    if (self->listens)
        wait_until(&self->is_listening);
}

pid_t fake_jvm_spawn(FakeJvm *jvm)
{
    self = jvm;
    return child_spawn(prepare);
}
