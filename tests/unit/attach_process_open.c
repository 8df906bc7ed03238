/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/process.h"

#include <grp.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/unit/child.h"

static Process *open_or_die(pid_t pid)
{
    _cleanup_free_ char *reason = NULL;
    Process *process = NULL;

    cr_assert_eq(process_open(pid, &process, &reason), 0, "%s", reason);
    return process;
}

static void expect_failure(pid_t pid, int r, const char *text)
{
    _cleanup_free_ char *reason = NULL;
    Process *process = NULL;

    cr_expect_eq(process_open(pid, &process, &reason), r);
    cr_expect_null(process);
    cr_assert_not_null(reason);
    cr_expect_not_null(strstr(reason, text), "%s", reason);
}

Test(process, identity_of_ourselves)
{
    _cleanup_(process_freep) Process *process = open_or_die(getpid());
    ProcessStatus status;

    cr_expect_eq(process->pid, getpid());
    cr_expect_eq(process->uid, geteuid());
    cr_expect_eq(process->gid, getegid());
    cr_expect_gt(process->start_time, 0);
    cr_expect(process_is_alive(process));
    cr_expect_eq(process_read_status(process, &status), 0);
    cr_expect_eq(status.state, 'R');
    cr_expect_eq(status.uid, geteuid());
    cr_expect_eq(status.ns_pid, process->ns_pid);
}

Test(process, refuses_what_is_no_process)
{
    expect_failure(0, -EINVAL, "0 is not a process number");
    expect_failure(-7, -EINVAL, "-7 is not a process number");
    expect_failure(0x7ffffff0, -ESRCH, "no process 2147483632");
}

static pid_t thread_id;

static void *thread(void *userdata)
{
    pthread_barrier_t *barrier = userdata;

    thread_id = (pid_t)syscall(SYS_gettid);
    pthread_barrier_wait(barrier);
    pthread_barrier_wait(barrier);
    return NULL;
}

Test(process, refuses_a_thread)
{
    pthread_barrier_t barrier;
    pthread_t handle;

    pthread_barrier_init(&barrier, NULL, 2);
    cr_assert_eq(pthread_create(&handle, NULL, thread, &barrier), 0);
    pthread_barrier_wait(&barrier);
    expect_failure(thread_id, -EINVAL, "is a thread");
    pthread_barrier_wait(&barrier);
    pthread_join(handle, NULL);
}

Test(process, refuses_a_kernel_thread)
{
    char text[16] = "";
    int fd = open("/proc/2/comm", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || strcmp(text, "kthreadd\n") != 0)
        cr_skip_test("there are none in this PID namespace");
    close(fd);
    expect_failure(2, -EINVAL, "2 is a kernel thread (kthreadd)");
}

static void take_a_hostile_name(void)
{
    prctl(PR_SET_NAME, ") R 1\nUid:\t9\t9");
}

Test(process, name_cannot_forge_anything)
{
    pid_t pid = child_spawn(take_a_hostile_name);
    _cleanup_(process_freep) Process *process = open_or_die(pid);
    ProcessStatus status;

    cr_expect_str_eq(process->comm, ") R 1?Uid:?9?9");
    cr_expect_eq(process->uid, geteuid());
    cr_expect_gt(process->start_time, 1);
    cr_expect_eq(process_read_status(process, &status), 0);
    cr_expect_eq(status.uid, geteuid());
    child_end(pid);
}

static volatile sig_atomic_t caught;

static void on_signal(int signal)
{
    caught = signal;
}

static void catch_and_block_signals(void)
{
    sigset_t mask;

    signal(SIGQUIT, on_signal);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    kill(getpid(), SIGUSR1);
}

Test(process, status_tells_signals_and_state)
{
    pid_t pid = child_spawn(catch_and_block_signals);
    _cleanup_(process_freep) Process *process = open_or_die(pid);
    ProcessStatus status;
    int how;

    kill(pid, SIGSTOP);
    cr_assert_eq(waitpid(pid, &how, WUNTRACED), pid);
    cr_assert_eq(process_read_status(process, &status), 0);
    cr_expect_eq(status.state, 'T');
    cr_expect(status.signals_caught & (UINT64_C(1) << (SIGQUIT - 1)));
    cr_expect_eq(status.signals_caught & (UINT64_C(1) << (SIGTERM - 1)), 0);
    cr_expect(status.signals_pending & (UINT64_C(1) << (SIGUSR1 - 1)));
    child_end(pid);
}

Test(process, ended_is_told)
{
    pid_t pid = child_spawn(NULL);
    _cleanup_(process_freep) Process *process = open_or_die(pid);
    _cleanup_free_ char *text = NULL;
    ProcessStatus status;
    size_t size;
    siginfo_t info;

    kill(pid, SIGKILL);
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    cr_expect_not(process_is_alive(process));
    expect_failure(pid, -ESRCH, "has ended"); /* a zombie */
    child_end(pid);
    cr_expect_not(process_is_alive(process));
    cr_expect_eq(process_read_status(process, &status), -ESRCH);
    cr_expect_eq(process_read_file(process, "maps", 4096, &text, &size), -ESRCH);
    cr_expect_eq(process_open_root(process), -ESRCH);
    expect_failure(pid, -ESRCH, "no process");
}

static void become_somebody(void)
{
    if (setresgid(54321, 54322, 54321) < 0 || setresuid(54323, 54324, 54323) < 0)
        _exit(1);
}

Test(process, ids_are_the_effective_ones)
{
    _cleanup_(process_freep) Process *process = NULL;
    pid_t pid;

    if (geteuid() != 0)
        cr_skip_test("needs root");
    pid = child_spawn(become_somebody);
    process = open_or_die(pid);
    cr_expect_eq(process->uid, 54324);
    cr_expect_eq(process->gid, 54322);
    child_end(pid);
}

static void enter_pid_namespace(void)
{
    if (unshare(CLONE_NEWPID) < 0)
        return;
    /* Our child is number 1 there; we wait on as its parent does. */
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
}

Test(process, number_in_its_own_namespace)
{
    _cleanup_(process_freep) Process *process = NULL;
    char path[64], children[32] = "";
    pid_t pid;
    FILE *file;

    if (geteuid() != 0)
        cr_skip_test("needs root");
    pid = child_spawn(enter_pid_namespace);
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    file = fopen(path, "re");
    if (!file || !fgets(children, sizeof(children), file))
        cr_skip_test("may not make PID namespaces, or the kernel does not list children");
    fclose(file);
    process = open_or_die(atoi(children));
    cr_expect_eq(process->ns_pid, 1);
    cr_expect_eq(process->pid, atoi(children));
    child_end(process->pid);
    child_end(pid);
}

Test(process, file_is_cut_at_the_limit)
{
    _cleanup_(process_freep) Process *process = open_or_die(getpid());
    _cleanup_free_ char *whole = NULL, *part = NULL;
    size_t whole_size, part_size;

    cr_assert_eq(process_read_file(process, "status", 1 << 20, &whole, &whole_size), 0);
    cr_expect_eq(whole_size, strlen(whole));
    cr_expect_eq(strncmp(whole, "Name:\t", 6), 0);
    cr_assert_eq(process_read_file(process, "status", 10, &part, &part_size), 0);
    cr_expect_eq(part_size, 10);
    cr_expect_eq(strncmp(whole, part, 10), 0);
    cr_expect_eq(part[10], '\0');
    cr_expect_eq(process_read_file(process, "no-such-file", 10, &part, &part_size), -ENOENT);
}

Test(process, root_is_the_targets)
{
    _cleanup_(process_freep) Process *process = open_or_die(getpid());
    _cleanup_close_ int root = process_open_root(process);
    struct stat a, b;

    cr_assert_geq(root, 0);
    cr_assert_eq(fstat(root, &a), 0);
    cr_assert_eq(stat("/", &b), 0);
    cr_expect(a.st_dev == b.st_dev && a.st_ino == b.st_ino);
    cr_expect(fcntl(root, F_GETFD) & FD_CLOEXEC);
}

static int read_there(const Process *process, int directory, const char *name)
{
    _cleanup_free_ char *text = NULL;
    struct stat status;
    size_t size;

    return process_read_regular(process, directory, name, RESOLVE_NO_SYMLINKS, 100, &status, &text, &size);
}

Test(process, only_regular_files_are_read, .timeout = 10)
{
    _cleanup_(process_freep) Process *process = open_or_die(getpid());
    char name[] = "/tmp/process-test-XXXXXX";
    _cleanup_close_ int directory = -1, file = -1, large = -1;

    cr_assert_not_null(mkdtemp(name));
    directory = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(directory, 0);
    file = openat(directory, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    large = openat(directory, "large", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_eq(write(file, "text", 4), 4);
    cr_assert_eq(ftruncate(large, 101), 0);
    cr_assert_eq(mkfifoat(directory, "fifo", 0600), 0);
    cr_assert_eq(symlinkat("file", directory, "link"), 0);

    cr_expect_eq(read_there(process, directory, "file"), 0);
    cr_expect_eq(read_there(process, directory, "large"), -EFBIG);
    cr_expect_eq(read_there(process, directory, "fifo"), -EBADF);
    cr_expect_eq(read_there(process, directory, "."), -EBADF);
    cr_expect_eq(read_there(process, directory, "link"), -ELOOP);
    cr_expect_eq(read_there(process, directory, "none"), -ENOENT);

    unlinkat(directory, "file", 0);
    unlinkat(directory, "large", 0);
    unlinkat(directory, "fifo", 0);
    unlinkat(directory, "link", 0);
    rmdir(name);
}

static pid_t victim;

/* As a user without privileges: what is another's is denied, and the sentence says what is missing. */
static void look_at_anothers(void)
{
    Process *process = NULL;
    char *reason = NULL, *text = NULL;
    size_t size;
    int r;

    if (setgroups(0, NULL) < 0 || setresgid(54321, 54321, 54321) < 0 || setresuid(54321, 54321, 54321) < 0)
        _exit(10);
    if (process_open(victim, &process, NULL) < 0)
        _exit(11);
    r = process_read_file(process, "environ", 100, &text, &size);
    if (r != -EACCES)
        _exit(12);
    if (process_fail_access(process, r, "environ", &reason) != r)
        _exit(13);
    if (!strstr(reason, "user 0's and we are user 54321") || !strstr(reason, "CAP_SYS_PTRACE"))
        _exit(14);
    free(reason);
    process_free(process);
}

Test(process, denial_names_what_is_missing)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
    victim = child_spawn(NULL);
    cr_expect_eq(child_run(look_at_anothers), 0);
    child_end(victim);
}
