/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/jvm.h"

#include <linux/capability.h>
#include <linux/openat2.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "attach/credentials.h"
#include "attach/hsperfdata.h"
#include "attach/jvm_flags.h"
#include "attach/jvm_maps.h"
#include "conf/failure.h"

/* A command line may have megabytes, but flags come first. */
#define STRINGS_MAX (1024 * 1024)
#define RELEASE_MAX (64 * 1024)

#define SIGNAL_BIT(signal) (UINT64_C(1) << ((signal)-1))

/* "17.0.15" of "17.0.15-ea+3", "8u452" of "1.8.0_452-b09". */
static void format_version(const char *text, size_t length, char dest[static 64])
{
    unsigned major, update;
    char plain[32];
    size_t n = 0;

    while (n < length && n < sizeof(plain) - 1 && strchr("0123456789._", text[n]))
        n++;
    memcpy(plain, text, n);
    plain[n] = '\0';
    switch (sscanf(plain, "1.%3u.%*u_%9u", &major, &update)) {
    case 2:
        snprintf(dest, 64, "%uu%u", major, update);
        break;
    case 1:
        snprintf(dest, 64, "%u", major);
        break;
    default:
        snprintf(dest, 64, "%s", plain);
    }
}

/* Zing's own version stands in its java.vm.version, "11.0.9.1-zing_20.10.0.0-b3". */
static void append_zing_version(const char *text, size_t length, char version[static 64])
{
    static const char mark[] = "zing_";
    const char *at = memmem(text, length, mark, strlen(mark));
    size_t used = strlen(version), n = 0;

    if (!at)
        return;
    at += strlen(mark);
    while (at + n < text + length && n < 16 && strchr("0123456789.", at[n]))
        n++;
    snprintf(version + used, 64 - used, " (Zing %.*s)", (int)n, at);
}

/* -ENODATA: the JVM keeps none, or not yet. */
static int inspect_perf_data(const Process *process, int root_fd, const char *directory, JvmInfo *info)
{
    _cleanup_free_ char *data = NULL;
    const char *value;
    size_t size, length;
    int r;

    if (!directory)
        return -ENODATA;
    r = hsperfdata_read(process, root_fd, directory, &data, &size);
    if (r < 0)
        return r;
    /* One character for each capability; the first is OpenJDK's AttachListener::is_attach_supported(). */
    value = hsperfdata_find(data, size, "sun.rt.jvmCapabilities", &length);
    if (!value || length == 0)
        return -ENODATA;
    info->attach_disabled = value[0] == '0';
    value = hsperfdata_find(data, size, "java.property.java.version", &length);
    if (value)
        format_version(value, length, info->version);
    value = hsperfdata_find(data, size, "java.property.java.vm.version", &length);
    if (value)
        append_zing_version(value, length, info->version);
    value = hsperfdata_find(data, size, "sun.rt.javaCommand", &length);
    if (value && length > 0) {
        info->command = strndup(value, length);
        if (!info->command)
            return -ENOMEM;
    }
    return 0;
}

static int inspect_flags(const Process *process, bool *ret_attach_disabled)
{
    _cleanup_free_ char *command_line = NULL, *environment = NULL;
    size_t command_line_size, environment_size;
    int r;

    r = process_read_file(process, "cmdline", STRINGS_MAX, &command_line, &command_line_size);
    if (r >= 0)
        r = process_read_file(process, "environ", STRINGS_MAX, &environment, &environment_size);
    if (r >= 0)
        *ret_attach_disabled =
                jvm_flags_disable_attach(command_line, command_line_size, environment, environment_size);
    return r;
}

/* Reads JAVA_VERSION="..." from the file `release` in the JVM's home: two to four directories above its
 * library, by JDK and platform. */
static void inspect_release(const Process *process, int root_fd, const char *library, char version[static 64])
{
    static const char key[] = "JAVA_VERSION=\"";
    _cleanup_free_ char *directory = strdup(library);
    char *slash;

    for (int i = 0; directory && i < 6 && (slash = strrchr(directory, '/')); i++) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        struct stat status;
        const char *value;
        size_t size;

        *slash = '\0';
        if (asprintf(&path, "%s/release", directory) < 0) {
            path = NULL;
            return;
        }
        if (process_read_regular(process, root_fd, path, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, RELEASE_MAX,
                    &status, &text, &size) < 0)
            continue;
        value = strstr(text, key);
        if (value) {
            value += strlen(key);
            format_version(value, strlen(value), version);
            return;
        }
    }
}

static int inspect_jvm(const Process *process, const JvmMaps *maps, JvmInfo *info, char **reason)
{
    _cleanup_close_ int root_fd = process_open_root(process);
    int r;

    if (root_fd < 0)
        return process_fail_access(process, root_fd, "root", reason);
    if (info->kind == PROCESS_HOTSPOT) {
        r = inspect_perf_data(process, root_fd, maps->perf_data_directory, info);
        if (r == -ENOMEM)
            return r;
        if (r < 0)
            r = inspect_flags(process, &info->attach_disabled);
        if (r < 0)
            return process_fail_access(process, r, "environ", reason);
    }
    if (!info->version[0])
        inspect_release(process, root_fd, maps->openj9 ? maps->openj9 : maps->hotspot, info->version);
    return 0;
}

int jvm_inspect(const Process *process, JvmInfo *ret, char **reason)
{
    _cleanup_(jvm_info_clear) JvmInfo info = {0};
    _cleanup_(jvm_maps_clear) JvmMaps maps = {0};
    ProcessStatus status;
    int r;

    r = jvm_maps_read(process, &maps);
    if (r < 0)
        return process_fail_access(process, r, "maps", reason);
    r = process_read_status(process, &status);
    if (r < 0)
        return process_fail_access(process, r, "status", reason);
    info.handles_sigquit = status.signals_caught & SIGNAL_BIT(SIGQUIT);
    info.profiler_path = steal_pointer(&maps.profiler);
    info.profiler_device = maps.profiler_device;
    info.profiler_inode = maps.profiler_inode;
    info.several_profilers = maps.several_profilers;
    /* OpenJ9 comes with a libjvm.so too, which only leads to its own library. */
    info.kind = maps.openj9 ? PROCESS_OPENJ9 : maps.hotspot ? PROCESS_HOTSPOT : PROCESS_NATIVE;
    if (info.kind != PROCESS_NATIVE) {
        r = inspect_jvm(process, &maps, &info, reason);
        if (r < 0)
            return r;
    }
    *ret = info;
    info = (JvmInfo){0};
    return 0;
}

void jvm_info_clear(JvmInfo *info)
{
    free(info->command);
    free(info->profiler_path);
    info->command = info->profiler_path = NULL;
}

const char *process_kind_name(ProcessKind kind)
{
    switch (kind) {
    case PROCESS_HOTSPOT:
        return "HotSpot";
    case PROCESS_OPENJ9:
        return "OpenJ9";
    default:
        return "native";
    }
}

/* Those that crash when async-profiler looks at their stacks: HotSpot before 7u76, 11.0.0 and 11.0.1
 * (JDK-8212155), Zing before 20. */
static bool is_known_to_crash(const char *version)
{
    unsigned major = 0, minor = 0, patch = 0, zing;
    const char *mark = strstr(version, "Zing ");

    if (mark)
        return sscanf(mark, "Zing %9u", &zing) == 1 && zing < 20;
    if (sscanf(version, "%9uu%9u", &major, &minor) < 1)
        return false;
    if (major <= 7)
        return major < 7 || minor < 76;
    sscanf(version, "%*u.%9u.%9u", &minor, &patch);
    return major == 11 && minor == 0 && patch <= 1;
}

/* HotSpot compares both ids of whoever connects to it with its own. */
static int check_credentials(const ProcessStatus *status, char **reason)
{
    if (status->uid != geteuid() && !credentials_have_capability(CAP_SETUID))
        return fail(reason, -EPERM,
                "it is user %u's and we are user %u: run as that user, or as root with %s",
                (unsigned)status->uid, (unsigned)geteuid(), "CAP_SETUID and CAP_SETGID");
    if (status->gid != getegid() && !credentials_have_capability(CAP_SETGID))
        return fail(reason, -EPERM, "it runs with group %u and we with %u: run with that group, or with %s",
                (unsigned)status->gid, (unsigned)getegid(), "CAP_SETGID");
    return 0;
}

int jvm_check_attachable(const Process *process, const JvmInfo *info, char **reason)
{
    ProcessStatus status;
    int r;

    if (info->kind == PROCESS_NATIVE)
        return fail(reason, -EOPNOTSUPP, "not a JVM");
    if (info->kind == PROCESS_OPENJ9)
        return fail(reason, -EOPNOTSUPP, "OpenJ9's attach protocol is not supported");
    if (is_known_to_crash(info->version))
        return fail(reason, -EOPNOTSUPP, "HotSpot %s is known to crash when it is profiled, update it",
                info->version);
    if (info->attach_disabled)
        return fail(reason, -EOPNOTSUPP, "attaching is disabled by -XX:+DisableAttachMechanism");
    r = process_read_status(process, &status);
    if (r < 0)
        return process_fail_access(process, r, "status", reason);
    r = check_credentials(&status, reason);
    if (r < 0)
        return r;
    if (status.state == 'Z' || status.state == 'X')
        return fail(reason, -ESRCH, "it has ended");
    if (status.state == 'T')
        return fail(reason, -EAGAIN, "stopped (SIGSTOP)");
    if (status.state == 't')
        return fail(reason, -EAGAIN, "stopped by a debugger");
    if (!info->handles_sigquit)
        return fail(reason, -EAGAIN, "no SIGQUIT handler yet (still starting up, or run with -Xrs)");
    return 0;
}
