/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/options.h"

#include <criterion/criterion.h>
#include <string.h>

#include "attach/engine.h"
#include "conf/cleanup.h"

static char event[] = "cpu", cstack[] = "dwarf", none[] = "", five_million[] = "5000000";

static ProfilingSettings seed(uint64_t cpu, uint64_t wall, char *native_mem)
{
    return (ProfilingSettings){
            .event = event,
            .cpu_interval = cpu,
            .wall_clock_interval = wall,
            .native_mem = native_mem,
            .cstack = cstack,
            .extra = none,
    };
}

static void expect_start(
        const ProfilingSettings *settings, const char *file, uint64_t timeout, const char *expected)
{
    _cleanup_free_ char *options = NULL, *reason = NULL;

    cr_assert_eq(options_format_start(settings, file, timeout, &options, &reason), 0, "%s", reason);
    cr_assert_str_eq(options, expected);
}

Test(options, start_byte_for_byte)
{
    ProfilingSettings settings = seed(100 * NSEC_PER_MSEC, NSEC_PER_SEC, NULL);

    expect_start(&settings, "/x/a.jfr", 0,
            "start,event=cpu,interval=100000000,wall=1000ms,jfr,cstack=dwarf,file=/x/a.jfr");
    settings = seed(NSEC_PER_SEC, 10 * NSEC_PER_SEC, five_million);
    expect_start(&settings, "/tmp/test.jfr", 0,
            "start,event=cpu,interval=1000000000,wall=10000ms,jfr,cstack=dwarf,file=/tmp/test.jfr,nativemem="
            "5000000");
}

Test(options, what_is_ours_follows)
{
    ProfilingSettings settings = seed(100 * NSEC_PER_MSEC, NSEC_PER_SEC, five_million);
    static char extra[] = ",alloc=512k,live";
    _cleanup_free_ char *log = options_log_path("/x"), *options = NULL;

    settings.extra = extra;
    expect_start(&settings, "/x/a.jfr", 65,
            "start,event=cpu,interval=100000000,wall=1000ms,jfr,cstack=dwarf,file=/x/a.jfr,nativemem=5000000"
            ",alloc=512k,live,timeout=65");
    cr_assert_str_eq(log, "/x/log");
    options = options_append_log("stop", log);
    cr_assert_str_eq(options, "stop,log=/x/log,quiet");
}

static void make_path(char *path, size_t size)
{
    memset(path, 'd', size);
    path[0] = '/';
    memcpy(path + size - 6, "/a.jfr", 7);
}

Test(options, fits_in_the_protocol_with_the_log_or_is_refused)
{
    ProfilingSettings settings = seed(100 * NSEC_PER_MSEC, NSEC_PER_SEC, NULL);
    char path[ENGINE_OPTIONS_MAX + 1];
    int r = 0;

    for (size_t size = 380; r == 0; size++) {
        _cleanup_free_ char *options = NULL, *reason = NULL, *log = NULL, *whole = NULL;

        cr_assert_lt(size, ENGINE_OPTIONS_MAX);
        make_path(path, size);
        r = options_format_start(&settings, path, 65, &options, &reason);
        path[size - 6] = '\0';
        log = options_log_path(path);
        if (r == 0) {
            whole = options_append_log(options, log);
            cr_assert_leq(strlen(whole), ENGINE_OPTIONS_MAX);
        } else {
            cr_assert_eq(r, -E2BIG);
            /* One more directory letter makes two more bytes: in file= and in log=. */
            cr_assert(strstr(reason, "1025 bytes") || strstr(reason, "1026 bytes"), "%s", reason);
        }
    }
}

Test(options, nothing_is_smuggled_in)
{
    static const char *const bad[] = {"a,b", ",", "a\nb", "a\tb", "\x7f", "\x01"};
    static const char *const good[] = {
            "", "cpu", "a=b", "a b", "100%", "\xc3\xa4", "java.lang.String.<init>"};
    _cleanup_free_ char *reason = NULL;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_eq(options_check_value(bad[i], &reason), -EINVAL, "%s", bad[i]);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect_eq(options_check_value(good[i], &reason), 0, "%s", good[i]);
}

Test(options, paths_that_async_profiler_would_take_apart)
{
    static const char *const bad[] = {"", "a.jfr", "/a,b", "/a%p", "/a%", "/a\nb"};
    ProfilingSettings settings = seed(1, NSEC_PER_MSEC, NULL);
    _cleanup_free_ char *reason = NULL, *options = NULL;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_expect_eq(options_check_path(bad[i], &reason), -EINVAL, "%s", bad[i]);
        cr_expect_eq(options_format_start(&settings, bad[i], 0, &options, &reason), -EINVAL, "%s", bad[i]);
    }
    cr_expect_eq(options_check_path("/a b/c=d", &reason), 0);
    cr_expect_null(options);
}
