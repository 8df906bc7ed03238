/* SPDX-License-Identifier: Apache-2.0 */
/* What each key takes and refuses, and what becomes of it in async-profiler's option string. */

#include <criterion/criterion.h>
#include <string.h>

#include "conf/config.h"
#include "conf/config_keys.h"
#include "conf/units.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

static Config *config;
static char *reason;
static const Settings *settings;

static void setup(void)
{
    unsetenv("STATE_DIRECTORY");
    cr_assert_eq(config_new(&config), 0);
}

static void teardown(void)
{
    config_free(config);
    free(reason);
}

static void reset(void)
{
    teardown();
    reason = NULL;
    setup();
}

TestSuite(values, .init = setup, .fini = teardown);

static int set(const char *assignment)
{
    return config_set_flag(config, assignment, &reason);
}

static void must_finish(const char *assignment)
{
    cr_assert_eq(set("library=/opt/libasyncProfiler.so"), 0);
    cr_assert_geq(config_finish(config, &settings, &reason), 0, "%s: %s", assignment, reason);
}

Test(values, table_is_whole)
{
    for (int i = 0; i < KEY_N; i++) {
        const ConfigKey *key = &config_keys[i];
        char *text;
        uint64_t number;

        cr_assert(key->name && key->help, "%d", i);
        cr_assert_eq(config_key_find(key->name), i, "%s", key->name);
        cr_assert(*config_key_describe(key), "%s", key->name);
        cr_assert_eq(key->profiler != NULL, i >= KEY_FIRST_EXTRA, "%s", key->name);
        cr_assert_eq(key->words != NULL, key->type == KEY_TYPE_CHOICE || key->type == KEY_TYPE_FLAGS, "%s",
                key->name);
        cr_assert(key->max == 0 || key->min < key->max, "%s", key->name);
        if (!key->fallback)
            continue;
        cr_assert_eq(config_key_parse(key, key->fallback, &text, &number, &reason), 0, "%s", reason);
        cr_assert_str_eq(text, key->fallback, "%s", key->name);
        free(text);
    }
}

Test(values, options_for_async_profiler)
{
    static const struct {
        const char *assignment, *extra;
    } cases[] = {
            {"alloc=0", ",alloc=0"},
            {"alloc=512k", ",alloc=512k"},
            {"alloc=1G", ",alloc=1G"},
            {"alloc=010", ",alloc=10"},
            {"alloc=00k", ",alloc=0"},
            {"alloc=1MiB", ",alloc=1m"},
            {"alloc=524287", ",alloc=524287"},
            {"live=true", ",live"},
            {"live=yes", ",live"},
            {"live=on", ",live"},
            {"live=1", ",live"},
            {"live=false", ""},
            {"live=no", ""},
            {"live=off", ""},
            {"live=0", ""},
            {"tlab=true", ",tlab"},
            {"nofree=true", ",nofree"},
            {"nobatch=true", ",nobatch"},
            {"lock=0", ",lock=0"},
            {"lock=10us", ",lock=10000"},
            {"lock=1.5ms", ",lock=1500000"},
            {"nativelock=1s", ",nativelock=1000000000"},
            {"proc=30s", ",proc=30"},
            {"proc=1min", ",proc=60"},
            {"trace=a.b.C.m", ",trace=a.b.C.m"},
            {"trace=C.m:50ms", ",trace=C.m:50ms"},
            {"trace=C.m:2min", ",trace=C.m:120s"},
            {"trace=C.m:1.5us", ",trace=C.m:1500ns"},
            {"trace=C.m:0", ",trace=C.m:0s"},
            {"trace=C.m,D.n:1us", ",trace=C.m,trace=D.n:1us"},
            {"trace=a.C.m(Ljava/lang/String;)V:1s", ",trace=a.C.m(Ljava/lang/String;)V:1s"},
            {"trace=a.C.*", ",trace=a.C.*"},
            {"jstackdepth=1", ",jstackdepth=1"},
            {"jstackdepth=0200/040", ",jstackdepth=200/40"},
            {"jstackdepth=65536", ",jstackdepth=65536"},
            {"memlimit=10m", ",memlimit=10m"},
            {"chunksize=256k", ",chunksize=256k"},
            {"chunktime=5s", ",chunktime=5"},
            {"chunktime=1h30min", ",chunktime=5400"},
            {"jfropts=mem", ",jfropts=mem"},
            {"features=vtable", ",features=vtable"},
            {"features=mixed+comptask+pcaddr", ",features=mixed+comptask+pcaddr"},
            {"signal=27/026", ",signal=27/26"},
            {"signal=34/35", ",signal=34/35"},
            {"clock=tsc", ",clock=tsc"},
            {"clock=monotonic", ",clock=monotonic"},
            {"filter=12", ",filter=12"},
            {"filter=012,15-017", ",filter=12;15-17"},
            {"filter=5-5", ",filter=5"},
            {"sched=true", ",sched"},
            {"all_user=true", ",alluser"},
            {"record_cpu=true", ",record-cpu"},
            {"target_cpu=0", ",target-cpu=0"},
            {"target_cpu=007", ",target-cpu=7"},
            {"begin=JVM_StartThread", ",begin=JVM_StartThread"},
            {"end=ns::f(int)", ",end=ns::f(int)"},
            {"nostop=true", ",nostop"},
            {"ttsp=true", ",ttsp"},
    };

    for (size_t i = 0; i < N(cases); i++) {
        reset();
        cr_assert_eq(set(cases[i].assignment), 0, "%s: %s", cases[i].assignment, reason);
        must_finish(cases[i].assignment);
        cr_assert_str_eq(settings->profiling.extra, cases[i].extra, "%s: %s", cases[i].assignment,
                settings->profiling.extra);
    }
}

Test(values, options_are_in_the_order_of_the_table)
{
    cr_assert_eq(set("ttsp=true"), 0);
    cr_assert_eq(set("lock=1ms"), 0);
    cr_assert_eq(set("alloc=1k"), 0);
    must_finish("");
    cr_assert_str_eq(settings->profiling.extra, ",alloc=1k,lock=1000000,ttsp");
}

Test(values, native_mem_keeps_its_spelling_where_async_profiler_knows_it)
{
    static const struct {
        const char *given, *spelled;
    } cases[] = {{"0", "0"}, {"5000000", "5000000"}, {"10m", "10m"}, {"10MiB", "10m"}, {"010", "10"},
            {"010m", "10m"}, {"1K", "1K"}, {"7b", "7"}, {"0x", NULL}, {"10mb", "10m"}};

    for (size_t i = 0; i < N(cases); i++) {
        char assignment[32];

        reset();
        snprintf(assignment, sizeof(assignment), "native_mem=%s", cases[i].given);
        if (!cases[i].spelled) {
            cr_assert_lt(set(assignment), 0);
            continue;
        }
        cr_assert_eq(set(assignment), 0, "%s", reason);
        must_finish(assignment);
        cr_assert_str_eq(settings->profiling.native_mem, cases[i].spelled);
    }
}

Test(values, events)
{
    static const char *const good[] = {"cpu", "ctimer", "itimer", "alloc", "cache-misses", "page-faults",
            "syscalls:sys_enter_open", "mem:malloc", "java.util.Properties.getProperty", "r1c0:u"};

    for (size_t i = 0; i < N(good); i++) {
        char assignment[64];

        reset();
        snprintf(assignment, sizeof(assignment), "event=%s", good[i]);
        cr_assert_eq(set(assignment), 0, "%s", reason);
        must_finish(assignment);
        cr_assert_str_eq(settings->profiling.event, good[i]);
    }
}

Test(values, paths)
{
    static const struct {
        const char *given, *kept;
    } cases[] = {{"/srv/a", "/srv/a"}, {"/srv/a/", "/srv/a"}, {"//srv//a///", "/srv/a"},
            {"/./srv/./a/.", "/srv/a"}, {"/srv/.hidden/..a", "/srv/.hidden/..a"}, {"/srv/a b", "/srv/a b"},
            {"/srv/\xc3\xa9", "/srv/\xc3\xa9"}};

    for (size_t i = 0; i < N(cases); i++) {
        char assignment[64];

        reset();
        snprintf(assignment, sizeof(assignment), "shared_directory=%s", cases[i].given);
        cr_assert_eq(set(assignment), 0, "%s", reason);
        must_finish(assignment);
        cr_assert_str_eq(settings->shared_directory, cases[i].kept);
    }
    reset();
    cr_assert_eq(set("local.directory=/srv/100%,all"), 0, "async-profiler never sees this one: %s", reason);
}

Test(values, refused)
{
    static const struct {
        const char *assignment, *part;
    } cases[] = {
            {"", "KEY=VALUE"},
            {"=", "KEY=VALUE"},
            {"=1s", "KEY=VALUE"},
            {"cpu_interval", "KEY=VALUE"},
            {"cpu_interval=", "no duration"},
            {"cpu_interval=100", "'100' has no unit; write 100ms, 100s"},
            {"cpu_interval=0", "shortest is 1us"},
            {"cpu_interval=999ns", "shortest is 1us"},
            {"cpu_interval=-1s", "no duration"},
            {"cpu_interval=+1s", "no duration"},
            {"cpu_interval=1s ", "no duration"},
            {"cpu_interval= 1s", "no duration"},
            {"cpu_interval=0x10ms", "no duration"},
            {"cpu_interval=1e3ms", "no duration"},
            {"cpu_interval=nan", "no duration"},
            {"cpu_interval=inf", "no duration"},
            {"cpu_interval=1s,alloc", "no duration"},
            {"cpu_interval=1s2m", "no duration"},
            {"cpu_interval=99999999999999999999s", "too long"},
            {"cpu_interval=25h", "longest is 1d"},
            {"reporting_interval=999ms", "shortest is 1s"},
            {"reporting_interval=2d", "longest is 1d"},
            {"wall_clock_interval=1500us", "milliseconds"},
            {"wall_clock_interval=999us", "shortest is 1ms"},
            {"command_timeout=1ms", "shortest is 100ms"},
            {"stop_timeout=2h", "longest is 1h"},
            {"native_mem=-1", "no size"},
            {"native_mem=1.5m", "no size"},
            {"native_mem=1t", "no size"},
            {"native_mem=10m,all", "no size"},
            {"native_mem=9223372036854775808", "too large"},
            {"spool.max_bytes=1023k", "smallest is 1m"},
            {"local.keep_count=-1", "no number"},
            {"local.keep_count=1.5", "no number"},
            {"local.keep_count=1k", "no number"},
            {"local.keep_count=99999999999999999999", "out of range"},
            {"local.keep_age=7", "no unit"},
            {"local.directory=rec", "not an absolute path"},
            {"local.directory=", "empty"},
            {"local.directory=/", "root directory"},
            {"local.directory=/a/..", "'..'"},
            {"local.directory=/a/../b", "'..'"},
            {"local.directory=/a\nb", "control"},
            {"library=lib.so", "not an absolute path"},
            {"library=/a,b.so", "comma"},
            {"library=/a%p.so", "'%'"},
            {"shared_directory=/a,file=b", "comma"},
            {"shared_directory=/%{HOME}", "'%'"},
            {"shared_directory=/a\tb", "control"},
            {"targets=", "no process number"},
            {"targets=0", "no process number"},
            {"targets=1,,2", "no process number"},
            {"targets=1,x", "no process number"},
            {"targets=1 2", "no process number"},
            {"targets=-1", "no process number"},
            {"targets=99999999999", "no process number"},
            {"targets=7,8,7", "'7' is named twice"},
            {"targets=7,007", "'7' is named twice"},
            {"event=", "empty"},
            {"event=wall", "wall_clock_interval"},
            {"event=cpu,alloc", "comma"},
            {"event=cpu\nx", "control"},
            {"event=cpu\x7f", "control"},
            {"cstack=", "none of fp|dwarf|vm|vmx|no"},
            {"cstack=dwarfs", "none of"},
            {"cstack=DWARF", "none of"},
            {"cstack=fp|dwarf", "none of"},
            {"cstack=lbr", "4.4 removed"},
            {"alloc=2g", "largest is 1g"},
            {"alloc=10%", "no size"},
            {"live=maybe", "neither true nor false"},
            {"live=", "neither"},
            {"live=TRUE", "neither"},
            {"lock=10", "no unit"},
            {"proc=0", "shortest is 1s"},
            {"proc=1500ms", "seconds"},
            {"trace=", "empty"},
            {"trace=method", "no method"},
            {"trace=.method", "no method"},
            {"trace=a.b.", "no method"},
            {"trace=a.b.:5ms", "no method"},
            {"trace=a:1.b", "no method"},
            {"trace=C.m:50", "no unit"},
            {"trace=C.m:", "no duration"},
            {"trace=C.m,", "empty"},
            {"trace=C.m,file=/etc/passwd", "no method"},
            {"trace=C.m,C.m", "named twice"},
            {"jstackdepth=0", "out of range"},
            {"jstackdepth=65537", "out of range"},
            {"jstackdepth=10/20", "the larger first"},
            {"jstackdepth=10/", "no number"},
            {"jstackdepth=/10", "no number"},
            {"jstackdepth=10/5/2", "no number"},
            {"memlimit=0", "smallest is 10m"},
            {"memlimit=9m", "smallest is 10m"},
            {"chunksize=1k", "smallest is 256k"},
            {"chunktime=4s", "shortest is 5s"},
            {"chunktime=5500ms", "seconds"},
            {"jfropts=mem,1", "none of mem"},
            {"jfropts=0x1ff", "none of mem"},
            {"features=", "none of"},
            {"features=mixed,vtable", "none of"},
            {"features=mixed+", "none of"},
            {"features=+mixed", "none of"},
            {"features=mix", "none of"},
            {"signal=0", "out of range"},
            {"signal=65", "out of range"},
            {"signal=9/35", "another use"},
            {"signal=11/35", "another use"},
            {"signal=3/35", "another use"},
            {"signal=12/35", "another use"},
            {"signal=33/35", "another use"},
            {"signal=34/15", "another use"},
            {"signal=SIGPROF", "no number"},
            {"signal=34", "which need two; write something like 34/35"},
            {"signal=34/34", "which need two"},
            {"clock=sundial", "none of tsc|monotonic"},
            {"filter=", "no thread id"},
            {"filter=0", "no thread id"},
            {"filter=17-15", "no thread id"},
            {"filter=1-", "no thread id"},
            {"filter=-5", "no thread id"},
            {"filter=1-2-3", "no thread id"},
            {"filter=12;15", "no thread id"},
            {"filter=1-2147483647", "no thread id"},
            {"filter=12,event=x", "no thread id"},
            {"target_cpu=-1", "no number"},
            {"target_cpu=8192", "out of range"},
            {"begin=", "empty"},
            {"begin=x,y", "comma"},
            {"end=x\ry", "control"},
            {"nosuch=1", "unknown key 'nosuch'"},
            {"cpu_intervall=1s", "did you mean 'cpu_interval'"},
            {"alluser=true", "did you mean 'all_user'"},
            {"nativemem=0", "did you mean 'native_mem'"},
            {"record-cpu=true", "did you mean 'record_cpu'"},
            {"CPU_INTERVAL=1s", "unknown key"},
            {"interval=1s", "cpu_interval"},
            {"wall=1s", "wall_clock_interval"},
            {"check=1", "4.4 removed"},
            {"safemode=1", "4.4 removed"},
            {"loop=1h", "reporting_interval"},
            {"file=/tmp/x", "local.directory"},
            {"reporters=x", "only a file"},
            {"local=x", "unknown key 'local'"},
    };

    for (size_t i = 0; i < N(cases); i++) {
        reset();
        cr_assert_lt(set(cases[i].assignment), 0, "%s", cases[i].assignment);
        cr_assert(reason && strstr(reason, cases[i].part), "%s: '%s' is not in: %s", cases[i].assignment,
                cases[i].part, reason);
    }
}

Test(values, combinations_that_async_profiler_refuses)
{
    static const struct {
        const char *one, *two, *key;
    } cases[] = {
            {"ttsp=true", "begin=x", "ttsp"},
            {"ttsp=true", "end=x", "ttsp"},
            {"trace=C.m", "event=java.lang.Thread.start", "trace"},
            {"record_cpu=true", "event=ctimer", "record_cpu"},
            {"record_cpu=true", "event=a.C.m", "record_cpu"},
            {"target_cpu=0", "event=itimer", "target_cpu"},
            {"features=mixed", "cstack=no", "features"},
            {"features=pcaddr+mixed", "cstack=fp", "features"},
            {"features=agct", "cstack=vm", "features"},
            {"features=agct", "cstack=vmx", "features"},
    };

    for (size_t i = 0; i < N(cases); i++) {
        char expected[64];

        reset();
        cr_assert_eq(set("library=/opt/x.so"), 0);
        cr_assert_eq(set(cases[i].one), 0, "%s", reason);
        cr_assert_eq(set(cases[i].two), 0, "%s", reason);
        cr_assert_eq(config_finish(config, &settings, &reason), -EINVAL, "%s", cases[i].one);
        snprintf(expected, sizeof(expected), "command line: %s: ", cases[i].key);
        cr_assert(strstr(reason, expected), "%s", reason);
    }
    reset();
    cr_assert_eq(set("features=mixed"), 0);
    cr_assert_eq(set("record_cpu=true"), 0);
    cr_assert_eq(set("event=syscalls:sys_enter.x"), 0);
    cr_assert_eq(set("ttsp=false"), 0);
    cr_assert_eq(set("begin=x"), 0);
    must_finish("these go together");
}

/* Every option in the string has the name that its key has for async-profiler, and none is cut in two. */
static void check_nothing_smuggled(const ConfigKey *key, const char *value)
{
    const ProfilingSettings *profiling = &settings->profiling;
    const char *strings[] = {profiling->event, profiling->cstack, profiling->native_mem,
            settings->shared_directory, settings->library};
    size_t length = key->profiler ? strlen(key->profiler) : 0;

    for (size_t i = 0; i < N(strings); i++)
        for (const char *p = strings[i]; p && *p; p++)
            cr_assert(*p != ',' && (unsigned char)*p >= ' ' && *p != 0x7f, "%s=%s", key->name, value);
    for (const char *p = profiling->extra; *p; p++) {
        cr_assert((unsigned char)*p >= ' ' && *p != 0x7f, "%s=%s", key->name, value);
        if (*p == ',')
            cr_assert(strncmp(p + 1, key->profiler, length) == 0 && strchr("=,", p[1 + length]), "%s=%s: %s",
                    key->name, value, profiling->extra);
    }
}

Test(values, nothing_is_smuggled)
{
    static const char *const endings[] = {",file=/etc/passwd", ",jfrsync", "\nfile=x", "\r", "\t", "\x01",
            "\x7f", ",", ",,", "=,x", "%p", " ,x", "/,x", ":5ms,x", "+,x", "-,x", "\x1b[2J", ",a.b=c"};
    static const char *const beginnings[] = {"", "cpu", "1", "10m", "1s", "/a", "a.b", "a.b:1s", "mixed",
            "true", "mem", "tsc", "1-2", "34/35"};

    for (int i = 0; i < KEY_N; i++)
        for (size_t j = 0; j < N(endings) * N(beginnings); j++) {
            char assignment[96];

            reset();
            snprintf(assignment, sizeof(assignment), "%s=%s%s", config_keys[i].name,
                    beginnings[j / N(endings)], endings[j % N(endings)]);
            if (set(assignment) < 0)
                continue;
            (void)set("library=/opt/x.so");
            if (config_finish(config, &settings, &reason) >= 0)
                check_nothing_smuggled(&config_keys[i], assignment);
        }
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *state >> 33;
}

Test(values, random_ones_never_break_it)
{
    static const char alphabet[] = "0123456789dhmsunkgbMiB=,+-/%.:;|()truefalsynoa\n\x7f\xff";
    uint64_t state = 3;

    for (unsigned i = 0; i < 5000; i++) {
        int key = (int)(next_random(&state) % KEY_N);
        size_t n = next_random(&state) % 40;
        char assignment[96];
        int length = snprintf(assignment, sizeof(assignment), "%s=", config_keys[key].name);

        for (size_t j = 0; j < n; j++)
            assignment[length++] = alphabet[next_random(&state) % (sizeof(alphabet) - 1)];
        assignment[length] = '\0';
        (void)set(assignment);
        (void)set(assignment + next_random(&state) % (unsigned)length);
    }
    (void)set("library=/opt/x.so");
    (void)config_finish(config, &settings, &reason);
}

/* What check-config prints can be written into a configuration. */
Test(values, what_is_kept_can_be_read_again)
{
    static const char *const cases[] = {"reporting_interval=90s", "native_mem=010", "trace=C.m:1min,D.n",
            "filter=012,3-4", "jstackdepth=09/8", "signal=034/35", "live=on", "chunktime=90min",
            "alloc=4096kb", "shared_directory=//a//b/", "targets=007,8", "target_cpu=03",
            "features=mixed+stats"};

    for (size_t i = 0; i < N(cases); i++) {
        const char *equals = strchr(cases[i], '=');
        char *name = strndup(cases[i], (size_t)(equals - cases[i])), *once, *twice;
        int key = config_key_find(name);
        uint64_t numbers[2];

        cr_assert_eq(config_key_parse(&config_keys[key], equals + 1, &once, &numbers[0], &reason), 0, "%s",
                reason);
        cr_assert_eq(
                config_key_parse(&config_keys[key], once, &twice, &numbers[1], &reason), 0, "%s", reason);
        cr_assert_str_eq(once, twice);
        cr_assert_eq(numbers[0], numbers[1]);
        free(once);
        free(twice);
        free(name);
    }
}
