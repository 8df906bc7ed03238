/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/options.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "attach/engine.h"
#include "conf/cleanup.h"
#include "conf/failure.h"

static bool has_control_character(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == '\x7f')
            return true;
    return false;
}

int options_check_value(const char *value, char **reason)
{
    if (has_control_character(value))
        return fail(reason, -EINVAL, "a value for async-profiler may not have control characters in it");
    if (strchr(value, ','))
        return fail(reason, -EINVAL,
                "\"%s\" has a comma in it, where async-profiler would begin another option", value);
    return 0;
}

int options_check_path(const char *path, char **reason)
{
    int r;

    if (path[0] != '/')
        return fail(reason, -EINVAL,
                "\"%s\" is no absolute path, and the target has another directory to start from", path);
    r = options_check_value(path, reason);
    if (r < 0)
        return r;
    if (strchr(path, '%'))
        return fail(reason, -EINVAL,
                "\"%s\" has a '%%' in it, which async-profiler would replace; choose another path", path);
    return 0;
}

char *options_log_path(const char *directory)
{
    char *path;

    return asprintf(&path, "%s/" OPTIONS_LOG_NAME, directory) < 0 ? NULL : path;
}

char *options_append_log(const char *options, const char *log)
{
    char *text;

    return asprintf(&text, "%s,log=%s,quiet", options, log) < 0 ? NULL : text;
}

/* With a log beside the file, as the engine will append it. */
static size_t appended_size(const char *file)
{
    size_t directory = (size_t)(strrchr(file, '/') - file);

    return strlen(",log=") + directory + strlen("/" OPTIONS_LOG_NAME) + strlen(",quiet");
}

int options_format_start(
        const ProfilingSettings *settings, const char *file, uint64_t timeout, char **ret, char **reason)
{
    _cleanup_free_ char *options = NULL;
    char ending[sizeof(",timeout=") + 20] = "";
    size_t size;
    int r;

    r = options_check_path(file, reason);
    if (r < 0)
        return r;
    if (timeout > 0)
        snprintf(ending, sizeof(ending), ",timeout=%" PRIu64, timeout);
    r = asprintf(&options,
            "start,event=%s,interval=%" PRIu64 ",wall=%" PRIu64 "ms,jfr,cstack=%s,file=%s%s%s%s%s",
            settings->event, settings->cpu_interval, settings->wall_clock_interval / NSEC_PER_MSEC,
            settings->cstack, file, settings->native_mem ? ",nativemem=" : "",
            settings->native_mem ? settings->native_mem : "", settings->extra, ending);
    if (r < 0) {
        options = NULL;
        return -ENOMEM;
    }
    size = (size_t)r + appended_size(file);
    if (size > ENGINE_OPTIONS_MAX)
        return fail(reason, -E2BIG,
                "the options for async-profiler would have %zu bytes, and a JVM takes %d; shorten "
                "shared_directory or set fewer options",
                size, ENGINE_OPTIONS_MAX);
    *ret = steal_pointer(&options);
    return 0;
}
