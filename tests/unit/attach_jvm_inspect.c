/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/jvm.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/unit/child.h"
#include "tests/unit/perf_data.h"
#include "tests/unit/scratch.h"

/* What the next child is to look like; it maps these files itself. */
typedef struct Disguise {
    const char *library; /* relative to the scratch directory */
    const char *profiler, *second_profiler;
    const PerfData *perf_data;
    bool perf_data_is_link;
    bool two_links;
    bool foreign;
    bool reads_only; /* maps the library as a debugger does */
    bool no_handler;
} Disguise;

static char root[32];
static char perf_directory[64];
static Disguise disguise;

static void setup(void)
{
    scratch_make(root);
    snprintf(perf_directory, sizeof(perf_directory), "/tmp/hsperfdata_agentd-test-%d", (int)getpid());
    cr_assert_eq(mkdir(perf_directory, 0755), 0);
    memset(&disguise, 0, sizeof(disguise));
}

static void teardown(void)
{
    scratch_remove(root);
    scratch_remove(perf_directory);
}

TestSuite(jvm_inspect, .init = setup, .fini = teardown, .timeout = 30);

static void write_file(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size || ftruncate(fd, 4096) < 0)
        _exit(1);
    close(fd);
}

static void map_file(const char *path, int protection)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || mmap(NULL, 4096, protection, MAP_PRIVATE, fd, 0) == MAP_FAILED)
        _exit(1);
    close(fd);
}

static void map_library(const char *name, int protection)
{
    const char *path = scratch_path("%s/%s", root, name);

    write_file(path, "", 0);
    map_file(path, protection);
}

static void make_perf_data(void)
{
    const char *path = scratch_path("%s/%d", perf_directory, (int)getpid());

    write_file(path, disguise.perf_data->bytes, disguise.perf_data->size);
    map_file(path, PROT_READ);
    if (disguise.perf_data_is_link) {
        const char *other = scratch_path("%s/other", perf_directory);

        if (rename(path, other) < 0 || symlink(other, path) < 0)
            _exit(1);
    }
    if (disguise.two_links && link(path, scratch_path("%s/second", perf_directory)) < 0)
        _exit(1);
    if (disguise.foreign && chown(path, 54321, 54321) < 0)
        _exit(1);
}

static void on_quit(int signal)
{
    (void)signal;
}

static void put_on(void)
{
    if (!disguise.no_handler)
        signal(SIGQUIT, on_quit);
    if (disguise.library)
        map_library(disguise.library, disguise.reads_only ? PROT_READ : PROT_READ | PROT_EXEC);
    if (disguise.profiler)
        map_library(disguise.profiler, PROT_READ | PROT_EXEC);
    if (disguise.second_profiler)
        map_library(disguise.second_profiler, PROT_READ | PROT_EXEC);
    if (disguise.perf_data)
        make_perf_data();
}

/* A child in this disguise, inspected. */
static Process *inspect(JvmInfo *info)
{
    _cleanup_free_ char *reason = NULL;
    Process *process = NULL;

    cr_assert_eq(process_open(child_spawn(put_on), &process, NULL), 0);
    cr_assert_eq(jvm_inspect(process, info, &reason), 0, "%s", reason);
    return process;
}

static void inspect_and_end(JvmInfo *info)
{
    _cleanup_(process_freep) Process *process = inspect(info);

    child_end(process->pid);
}

static void make_jvm_data(PerfData *data, const char *capabilities, const char *version)
{
    perf_data_init(data);
    perf_data_add_string(data, "java.property.java.version", version);
    perf_data_add_string(data, "sun.rt.jvmCapabilities", capabilities);
    perf_data_add_string(data, "sun.rt.javaCommand", "Main a\tb");
}

Test(jvm_inspect, native)
{
    JvmInfo info;

    inspect_and_end(&info);
    cr_expect_eq(info.kind, PROCESS_NATIVE);
    cr_expect_str_eq(info.version, "");
    cr_expect_null(info.profiler_path);
    cr_expect_null(info.command);
    jvm_info_clear(&info);
}

Test(jvm_inspect, reading_a_library_makes_no_jvm)
{
    JvmInfo info;

    disguise = (Disguise){.library = "libjvm.so", .reads_only = true};
    inspect_and_end(&info);
    cr_expect_eq(info.kind, PROCESS_NATIVE);
}

Test(jvm_inspect, hotspot)
{
    PerfData data;
    JvmInfo info;

    make_jvm_data(&data, "1000", "17.0.15");
    disguise = (Disguise){.library = "libjvm.so", .perf_data = &data};
    inspect_and_end(&info);
    cr_expect_eq(info.kind, PROCESS_HOTSPOT);
    cr_expect_str_eq(info.version, "17.0.15");
    cr_expect_str_eq(info.command, "Main a\tb");
    cr_expect_not(info.attach_disabled);
    cr_expect(info.handles_sigquit);
    jvm_info_clear(&info);
}

Test(jvm_inspect, attach_disabled)
{
    PerfData data;
    JvmInfo info;

    make_jvm_data(&data, "0000", "17.0.15");
    disguise = (Disguise){.library = "libjvm.so", .perf_data = &data, .no_handler = true};
    inspect_and_end(&info);
    cr_expect(info.attach_disabled);
    cr_expect_not(info.handles_sigquit);
    jvm_info_clear(&info);
}

/* Data that are not certainly the target's own are as good as none. */
Test(jvm_inspect, links_to_perf_data_are_not_followed)
{
    PerfData data;
    JvmInfo info;

    make_jvm_data(&data, "0000", "17.0.15");
    disguise = (Disguise){.library = "libjvm.so", .perf_data = &data, .perf_data_is_link = true};
    inspect_and_end(&info);
    cr_expect_not(info.attach_disabled);
    cr_expect_str_eq(info.version, "");
    cr_expect_null(info.command);
    disguise.perf_data_is_link = false;
    disguise.two_links = true;
    inspect_and_end(&info);
    cr_expect_str_eq(info.version, "");
    cr_expect_null(info.command);
}

Test(jvm_inspect, perf_data_of_another_user_are_not_believed)
{
    PerfData data;
    JvmInfo info;

    if (geteuid() != 0)
        cr_skip_test("needs root");
    make_jvm_data(&data, "0000", "17.0.15");
    disguise = (Disguise){.library = "libjvm.so", .perf_data = &data, .foreign = true};
    inspect_and_end(&info);
    cr_expect_not(info.attach_disabled);
    cr_expect_str_eq(info.version, "");
}

static void expect_version(const char *java_version, const char *vm_version, const char *expected)
{
    PerfData data;
    JvmInfo info;

    make_jvm_data(&data, "1", java_version);
    perf_data_add_string(&data, "java.property.java.vm.version", vm_version);
    disguise = (Disguise){.library = "libjvm.so", .perf_data = &data};
    inspect_and_end(&info);
    cr_expect_str_eq(info.version, expected);
    jvm_info_clear(&info);
}

Test(jvm_inspect, versions_are_plain)
{
    expect_version("25", "25+36-LTS", "25");
    expect_version("26-ea", "26-ea+1", "26");
    expect_version("1.8.0_504", "25.504-b01", "8u504");
    expect_version("1.8.0", "25.0-b70", "8");
    expect_version("11.0.9.1", "11.0.9.1-zing_20.10.0.0-b3-product", "11.0.9.1 (Zing 20.10.0.0)");
    expect_version("\x1b[31m17\n", "", "");
    expect_version(
            "1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1", "", "1");
}

static void make_release(const char *path)
{
    static const char text[] = "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"21.0.8\"\n";

    write_file(path, text, strlen(text));
}

Test(jvm_inspect, version_from_the_release_file)
{
    JvmInfo info;

    cr_assert_eq(mkdir(scratch_path("%s/lib", root), 0755), 0);
    cr_assert_eq(mkdir(scratch_path("%s/lib/server", root), 0755), 0);
    make_release(scratch_path("%s/release", root));
    disguise = (Disguise){.library = "lib/server/libjvm.so"};
    inspect_and_end(&info);
    cr_expect_str_eq(info.version, "21.0.8");
    cr_expect_null(info.command);

    unlink(scratch_path("%s/release", root));
    cr_assert_eq(mkfifo(scratch_path("%s/release", root), 0600), 0);
    inspect_and_end(&info);
    cr_expect_str_eq(info.version, "");
}

Test(jvm_inspect, openj9_before_its_libjvm)
{
    JvmInfo info;

    make_release(scratch_path("%s/release", root));
    disguise = (Disguise){.library = "libjvm.so", .profiler = "libj9vm29.so"};
    inspect_and_end(&info);
    cr_expect_eq(info.kind, PROCESS_OPENJ9);
    cr_expect_str_eq(info.version, "21.0.8");
}

Test(jvm_inspect, profiler_that_is_mapped)
{
    struct stat status;
    JvmInfo info;

    cr_assert_eq(mkdir(scratch_path("%s/a\nb", root), 0755), 0);
    disguise = (Disguise){.library = "libjvm.so", .profiler = "a\nb/libasyncProfiler.so"};
    inspect_and_end(&info);
    cr_assert_not_null(info.profiler_path);
    cr_expect_str_eq(info.profiler_path, scratch_path("%s/a\\012b/libasyncProfiler.so", root));
    cr_assert_eq(stat(scratch_path("%s/a\nb/libasyncProfiler.so", root), &status), 0);
    cr_expect_eq(info.profiler_inode, status.st_ino);
    cr_expect_eq(info.profiler_device, status.st_dev);
    cr_expect_not(info.several_profilers);
    jvm_info_clear(&info);

    disguise.second_profiler = "libasyncProfiler.so";
    inspect_and_end(&info);
    cr_expect(info.several_profilers);
    jvm_info_clear(&info);
}

Test(jvm_inspect, profiler_whose_file_is_gone)
{
    _cleanup_(process_freep) Process *process = NULL;
    JvmInfo info;

    disguise = (Disguise){.library = "libjvm.so", .profiler = "libasyncProfiler.so"};
    process = inspect(&info);
    jvm_info_clear(&info);
    unlink(scratch_path("%s/libasyncProfiler.so", root));
    cr_assert_eq(jvm_inspect(process, &info, NULL), 0);
    cr_expect_str_eq(info.profiler_path, scratch_path("%s/libasyncProfiler.so (deleted)", root));
    child_end(process->pid);
    jvm_info_clear(&info);
}

Test(jvm_inspect, ended_process)
{
    _cleanup_(process_freep) Process *process = NULL;
    _cleanup_free_ char *reason = NULL;
    JvmInfo info;

    process = inspect(&info);
    child_end(process->pid);
    cr_expect_eq(jvm_inspect(process, &info, &reason), -ESRCH);
    cr_expect_not_null(strstr(reason, "has ended"));
}

static void expect_check(const Process *process, const JvmInfo *info, int r, const char *text)
{
    _cleanup_free_ char *reason = NULL;

    cr_expect_eq(jvm_check_attachable(process, info, &reason), r, "%s", reason);
    if (r < 0) {
        cr_assert_not_null(reason, "expected: %s", text);
        cr_expect_not_null(strstr(reason, text), "%s", reason);
    }
}

static JvmInfo hotspot(const char *version)
{
    JvmInfo info = {.kind = PROCESS_HOTSPOT, .handles_sigquit = true};

    snprintf(info.version, sizeof(info.version), "%s", version);
    return info;
}

Test(jvm_inspect, attachable_or_why_not)
{
    _cleanup_(process_freep) Process *process = NULL;
    JvmInfo info;
    int status;

    process = inspect(&info);
    expect_check(process, &info, -EOPNOTSUPP, "not a JVM");
    info.kind = PROCESS_OPENJ9;
    expect_check(process, &info, -EOPNOTSUPP, "OpenJ9's attach protocol is not supported");
    info = hotspot("17.0.15");
    expect_check(process, &info, 0, NULL);
    info.attach_disabled = true;
    expect_check(process, &info, -EOPNOTSUPP, "attaching is disabled by -XX:+DisableAttachMechanism");
    info.attach_disabled = info.handles_sigquit = false;
    expect_check(process, &info, -EAGAIN, "no SIGQUIT handler yet");
    kill(process->pid, SIGSTOP);
    cr_assert_eq(waitpid(process->pid, &status, WUNTRACED), process->pid);
    expect_check(process, &info, -EAGAIN, "stopped (SIGSTOP)");
    child_end(process->pid);
    expect_check(process, &info, -ESRCH, "ended");
}

Test(jvm_inspect, versions_known_to_crash)
{
    static const char *const bad[] = {"6", "6u45", "7", "7u75", "11", "11.0.0", "11.0.1", "11.0.1.1",
            "11.0.9 (Zing 19.12)", "8u282 (Zing 5)"};
    static const char *const good[] = {"", "7u76", "7u80", "8", "8u5", "8u504", "9.0.1", "10.0.1", "11.0.2",
            "11.0.10", "11.1", "12", "17", "17.0.1", "21.0.1", "25", "11.0.1 (Zing 20.10)",
            "8u282 (Zing 21.3.0)"};
    _cleanup_(process_freep) Process *process = NULL;
    JvmInfo info;

    process = inspect(&info);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        info = hotspot(bad[i]);
        expect_check(process, &info, -EOPNOTSUPP, "known to crash");
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        info = hotspot(good[i]);
        expect_check(process, &info, 0, good[i]);
    }
    child_end(process->pid);
}

static void become_somebody(void)
{
    if (setgroups(0, NULL) < 0 || setresgid(54321, 54321, 54321) < 0 || setresuid(54321, 54321, 54321) < 0)
        _exit(1);
    prctl(PR_SET_DUMPABLE, 1); /* as after execve(2) */
}

static Process *somebodys, *roots;

/* Exit statuses tell where it went wrong. */
static void look_as_somebody(void)
{
    JvmInfo info = hotspot("17.0.15"), inspected;
    char *reason = NULL;

    become_somebody();
    if (jvm_inspect(somebodys, &inspected, &reason) < 0)
        _exit(10);
    if (jvm_check_attachable(somebodys, &info, &reason) < 0)
        _exit(11);
    if (jvm_inspect(roots, &inspected, &reason) != -EACCES || !strstr(reason, "CAP_SYS_PTRACE"))
        _exit(12);
    if (jvm_check_attachable(roots, &info, &reason) != -EPERM || !strstr(reason, "it is user 0's"))
        _exit(13);
    free(reason);
}

/* As in a container: root that may change its user, but not look into other users' processes. */
static void look_as_root_of_a_container(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    JvmInfo inspected;
    int root_fd;

    data[0].permitted = data[0].effective = CAP_TO_MASK(CAP_SETUID) | CAP_TO_MASK(CAP_SETGID);
    if (syscall(SYS_capset, &header, data) < 0)
        _exit(10);
    if (jvm_inspect(somebodys, &inspected, NULL) < 0)
        _exit(11);
    root_fd = process_open_root(somebodys);
    if (root_fd < 0)
        _exit(12);
    close(root_fd);
    if (geteuid() != 0 || getegid() != 0)
        _exit(13);
    if (jvm_inspect(roots, &inspected, NULL) != -EACCES) /* it has more capabilities than we */
        _exit(14);
}

Test(jvm_inspect, another_users)
{
    JvmInfo info = hotspot("17.0.15");

    if (geteuid() != 0)
        cr_skip_test("needs root");
    cr_assert_eq(process_open(child_spawn(become_somebody), &somebodys, NULL), 0);
    cr_assert_eq(process_open(child_spawn(NULL), &roots, NULL), 0);
    expect_check(somebodys, &info, 0, NULL);
    cr_expect_eq(child_run(look_as_somebody), 0);
    cr_expect_eq(child_run(look_as_root_of_a_container), 0);
    child_end(somebodys->pid);
    child_end(roots->pid);
    process_free(somebodys);
    process_free(roots);
}
