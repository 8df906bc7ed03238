/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/config.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/suggest.h"

#define LIBRARY "library = \"/opt/libasyncProfiler.so\";\n"
#define N(array) (sizeof(array) / sizeof(*(array)))

/* libconfig 1.5 forgets a string that it has read when a syntax error follows. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so\n";
}

/* An environment is an array of char *, which string literals are not. */
#define ENVIRONMENT(...) ((char *const *)(const char *const[]){__VA_ARGS__, NULL})

static char path[64];
static Config *config;
static char *reason;
static const Settings *settings;

static void setup(void)
{
    int fd;

    snprintf(path, sizeof(path), "/tmp/asprof-conf-XXXXXX");
    fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    unsetenv("STATE_DIRECTORY");
    cr_assert_eq(config_new(&config), 0);
}

static void teardown(void)
{
    config_free(config);
    free(reason);
    unlink(path);
}

TestSuite(config, .init = setup, .fini = teardown);

static void reset(void)
{
    config = config_free(config);
    free(reason);
    reason = NULL;
    cr_assert_eq(config_new(&config), 0);
}

static int load(const char *text)
{
    FILE *file = fopen(path, "we");

    cr_assert(file);
    fputs(text, file);
    fclose(file);
    return config_load_file(config, path, &reason);
}

static int finish(void)
{
    return config_finish(config, &settings, &reason);
}

static int set(const char *assignment)
{
    return config_set_flag(config, assignment, &reason);
}

static void must(int r)
{
    cr_assert_geq(r, 0, "%s", reason);
}

static void check_reason(const char *part)
{
    cr_assert(reason && strstr(reason, part), "'%s' is not in: %s", part, reason);
}

/* The sentence for line `line` of the file says all of these. */
static void check_file_error(unsigned line, const char *key, const char *part)
{
    char where[96];

    snprintf(where, sizeof(where), "%s:%u: ", path, line);
    check_reason(where);
    check_reason(key);
    check_reason(part);
}

Test(config, defaults)
{
    must(set("library=/opt/libasyncProfiler.so"));
    must(finish());
    cr_assert_eq(settings->reporting_interval, 30 * NSEC_PER_SEC);
    cr_assert_eq(settings->profiling.cpu_interval, 100 * NSEC_PER_MSEC);
    cr_assert_eq(settings->profiling.wall_clock_interval, NSEC_PER_SEC);
    cr_assert_str_eq(settings->profiling.event, "cpu");
    cr_assert_str_eq(settings->profiling.cstack, "dwarf");
    cr_assert_null(settings->profiling.native_mem);
    cr_assert_str_eq(settings->profiling.extra, "");
    cr_assert_eq(settings->command_timeout, 10 * NSEC_PER_SEC);
    cr_assert_eq(settings->n_targets, 0);
    cr_assert_eq(settings->n_reporters, 1);
    cr_assert_str_eq(settings->reporters[0].kind, "local");
    cr_assert_str_eq(settings->reporters[0].name, "local");
    cr_assert_eq(settings->reporters[0].local.keep_bytes, UINT64_C(10) << 30);
    if (geteuid() == 0) {
        cr_assert_str_eq(settings->shared_directory, "/var/lib/asprof-agentd");
        cr_assert_str_eq(settings->reporters[0].local.directory, "/var/lib/asprof-agentd/recordings");
    }
}

Test(config, whole_file)
{
    must(load("reporting_interval = \"5s\";\ncpu_interval = \"10ms\";\n" LIBRARY
              "shared_directory = \"/srv/a/\";\nnative_mem = \"10m\";\ntargets = [ 12, 34 ];\nspool = { "
              "max_bytes = \"2g\"; };\n"
              "local = { directory = \"/srv/b\"; keep_count = 10; keep_age = \"7d\"; keep_bytes = 1000; };\n"
              "alloc = \"512k\"; lock = \"10ms\"; live = true; tlab = false; chunktime = \"1h\"; jstackdepth "
              "= \"200/40\";\n"
              "filter = \"12,15-17\"; features = \"mixed+pcaddr\"; cstack = \"vmx\"; all_user = true;\n"));
    must(finish());
    cr_assert_eq(settings->reporting_interval, 5 * NSEC_PER_SEC);
    cr_assert_str_eq(settings->shared_directory, "/srv/a");
    cr_assert_str_eq(settings->profiling.native_mem, "10m");
    cr_assert_str_eq(settings->profiling.cstack, "vmx");
    cr_assert_str_eq(settings->profiling.extra,
            ",alloc=512k,live,lock=10000000,jstackdepth=200/"
            "40,chunktime=3600,features=mixed+pcaddr,filter=12;15-17,alluser");
    cr_assert_eq(settings->n_targets, 2);
    cr_assert_eq(settings->targets[1], 34);
    cr_assert_eq(settings->spool_max_bytes, UINT64_C(2) << 30);
    cr_assert_str_eq(settings->reporters[0].local.directory, "/srv/b");
    cr_assert_eq(settings->reporters[0].local.keep_count, 10);
    cr_assert_eq(settings->reporters[0].local.keep_age, 7 * 86400 * NSEC_PER_SEC);
}

Test(config, several_reporters)
{
    must(load(LIBRARY "reporters = ( { type = \"local\"; directory = \"/srv/a\"; },\n"
                      "{ type = \"local\"; name = \"archive\"; directory = \"/srv/b\"; keep_age = \"7d\"; },"
                      "{ type = \"local\"; directory = \"/srv/c\"; } );"));
    must(finish());
    cr_assert_eq(settings->n_reporters, 3);
    cr_assert_str_eq(settings->reporters[0].name, "local");
    cr_assert_str_eq(settings->reporters[1].name, "archive");
    cr_assert_str_eq(settings->reporters[2].name, "local-3");
    cr_assert_str_eq(settings->reporters[1].local.directory, "/srv/b");
    cr_assert_eq(settings->reporters[2].local.keep_bytes, UINT64_C(10) << 30);
}

Test(config, local_keys_mean_the_one_local_reporter)
{
    must(set("local.directory=/srv/flag"));
    must(load(LIBRARY "reporters = ( { type = \"local\"; directory = \"/srv/a\"; keep_count = 3; } );"));
    must(finish());
    cr_assert_str_eq(settings->reporters[0].local.directory, "/srv/flag");
    cr_assert_eq(settings->reporters[0].local.keep_count, 3);
}

Test(config, file_that_others_can_write_is_refused)
{
    must(load(LIBRARY));
    cr_assert_eq(chmod(path, 0664), 0);
    cr_assert_eq(config_load_file(config, path, &reason), -EPERM);
    check_reason("chmod go-w");
    cr_assert_eq(chmod(path, 0646), 0);
    cr_assert_eq(config_load_file(config, path, &reason), -EPERM);
    if (geteuid() == 0) {
        cr_assert_eq(chmod(path, 0644), 0);
        cr_assert_eq(chown(path, 12345, 0), 0);
        cr_assert_eq(config_load_file(config, path, &reason), -EPERM);
        check_reason("belongs to user 12345");
    }
}

Test(config, shared_directory_by_default)
{
    static const struct {
        const char *state, *data, *home;
        uid_t user;
        const char *directory;
    } cases[] = {
            {"/var/lib/one:/var/lib/two", "/x", "/y", 0, "/var/lib/one"},
            {"/var/lib/one", NULL, NULL, 12345, "/var/lib/one"},
            {NULL, "/x", "/y", 0, "/var/lib/asprof-agentd"},
            {NULL, "/x/state", "/y", 12345, "/x/state/asprof-agentd"},
            {NULL, NULL, "/home/u", 12345, "/home/u/.local/state/asprof-agentd"},
            {NULL, "relative", "/home/u", 12345, "/home/u/.local/state/asprof-agentd"},
            {NULL, NULL, NULL, 12345, NULL},
            {NULL, NULL, "", 12345, NULL},
    };

    if (geteuid() != 0)
        cr_skip("only root can be two users");
    for (size_t i = 0; i < N(cases); i++) {
        const char *names[] = {"STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"};
        const char *values[] = {cases[i].state, cases[i].data, cases[i].home};
        int r;

        for (size_t j = 0; j < N(names); j++)
            cr_assert_eq(values[j] ? setenv(names[j], values[j], 1) : unsetenv(names[j]), 0);
        reset();
        must(set("library=/opt/x.so"));
        cr_assert_eq(seteuid(cases[i].user), 0);
        r = finish();
        cr_assert_eq(seteuid(0), 0);
        if (!cases[i].directory) {
            cr_assert_lt(r, 0);
            check_reason("shared_directory: there is no $HOME");
            continue;
        }
        must(r);
        cr_assert_str_eq(settings->shared_directory, cases[i].directory);
    }
}

/* Each key is set by one origin more than the one before it, and they are read in any order. */
Test(config, precedence)
{
    char *const *environment = ENVIRONMENT("ASPROF_AGENTD_CPU_INTERVAL=2ms",
            "ASPROF_AGENTD_REPORTING_INTERVAL=20s", "ASPROF_AGENTD_LOCAL_DIRECTORY=/srv/env",
            "ASPROF_AGENTD_LIBRARY=/opt/env.so", "ASPROF_AGENTD_ALLOC=", "ASPROF_AGENTD_SPOOL_MAX_BYTES=2m",
            "ASPROF_AGENTD_", "ASPROF_AGENTD", "PATH=/bin");
    const char *text = "cpu_interval = \"3ms\"; reporting_interval = \"30s\"; wall_clock_interval = \"3ms\";"
                       "alloc = \"5k\";" LIBRARY "local = { directory = \"/srv/file\"; };";

    for (int order = 0; order < 6; order++) {
        reset();
        for (int i = 0; i < 3; i++)
            switch ((order % 3 + (order < 3 ? i : 3 - i)) % 3) {
            case 0:
                must(set("cpu_interval=1ms"));
                break;
            case 1:
                must(load(text));
                break;
            default:
                must(config_load_environment(config, environment, &reason));
                break;
            }
        must(finish());
        cr_assert_eq(settings->profiling.cpu_interval, NSEC_PER_MSEC);
        cr_assert_eq(settings->reporting_interval, 20 * NSEC_PER_SEC);
        cr_assert_eq(settings->profiling.wall_clock_interval, 3 * NSEC_PER_MSEC);
        cr_assert_str_eq(settings->profiling.extra, ",alloc=5k", "an empty variable counts as unset");
        cr_assert_str_eq(settings->library, "/opt/env.so");
        cr_assert_eq(settings->spool_max_bytes, 2 << 20);
        cr_assert_str_eq(settings->reporters[0].local.directory, "/srv/env");
        cr_assert_eq(settings->command_timeout, 10 * NSEC_PER_SEC);
    }
}

Test(config, of_two_flags_the_later_wins)
{
    must(set("cpu_interval=1ms"));
    must(set("cpu_interval=2ms"));
    must(set("targets=1,2"));
    must(set("targets=3"));
    must(set("library=/opt/x.so"));
    must(finish());
    cr_assert_eq(settings->profiling.cpu_interval, 2 * NSEC_PER_MSEC);
    cr_assert_eq(settings->n_targets, 1);
    cr_assert_eq(settings->targets[0], 3);
}

/* "5,6" */
static void check_targets(const char *expected)
{
    char text[64] = "";

    for (size_t i = 0; i < settings->n_targets; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d", i > 0 ? "," : "",
                (int)settings->targets[i]);
    cr_assert_str_eq(text, expected);
}

Test(config, targets)
{
    char *const *environment = ENVIRONMENT("ASPROF_AGENTD_TARGETS=7,8");

    must(load(LIBRARY "targets = [ 5, 6 ];"));
    must(config_add_target(config, "9", &reason));
    must(config_add_target(config, "10", &reason));
    must(finish());
    check_targets("5,6,9,10");
    reset();
    must(load(LIBRARY "targets = ( 5, 6L );"));
    must(config_load_environment(config, environment, &reason));
    must(finish());
    check_targets("7,8");
    reset();
    must(load(LIBRARY "targets = \"5,6\";"));
    must(set("targets=11"));
    must(config_add_target(config, "12", &reason));
    must(finish());
    check_targets("11,12");
    reset();
    must(load(LIBRARY "targets = [ ];"));
    must(finish());
    check_targets("");
}

Test(config, targets_that_are_wrong)
{
    must(load(LIBRARY "\ntargets = [ 5, 6 ];"));
    must(config_add_target(config, "6", &reason));
    cr_assert_lt(finish(), 0);
    check_reason(":3, command line: targets: '6' is named twice");
    cr_assert_lt(config_add_target(config, "6", &reason), 0);
    check_reason("command line: targets: '6' is named twice");
    cr_assert_lt(config_add_target(config, "java", &reason), 0);
    check_reason("'java' is no process number; `asprof-agentd list` shows them");
}

Test(config, errors_name_file_line_and_key)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *key, *part;
    } cases[] = {
            {"\ncpu_interval = 100;", 2, "cpu_interval: ", "'100' has no unit; write 100ms, 100s"},
            {"cpu_interval = 100L;", 1, "cpu_interval: ", "has no unit"},
            {"cpu_interval = \"-1s\";", 1, "cpu_interval: ", "no duration"},
            {"cpu_interval = -1;", 1, "cpu_interval: ", "no duration"},
            {"cpu_interval = \"fast\";", 1, "cpu_interval: ", "no duration"},
            {"cpu_interval = 0.5;", 1, "cpu_interval: ", "a duration such as 100ms, not a fraction"},
            {"cpu_interval = [ 1 ];", 1, "cpu_interval: ", "not a list"},
            {"cpu_interval = { a = 1; };", 1, "cpu_interval: ", "not a group"},
            {"cpu_interval = true;", 1, "cpu_interval: ", "not true or false"},
            {"# one\n/* two\nthree */ // three\n\ncpu_interval = \"\";", 5, "cpu_interval: ", "no duration"},
            {"begin = \"a\nb\";", 1, "begin: ", "control"},
            {"reporting_interval = \"1ms\";", 1, "reporting_interval: ", "shortest is 1s"},
            {"native_mem = -5;", 1, "native_mem: ", "no size"},
            {"native_mem = 1e6;", 1, "native_mem: ", "not a fraction"},
            {"native_mem = \"99999999999999999999\";", 1, "native_mem: ", "too large"},
            {"\nspool = {\n max_bytes = 5000000000;\n};", 3, "max_bytes: 5000000000", "in quotes"},
            {"native_mem = 2147483648;", 1, "native_mem: 2147483648", "in quotes"},
            {"native_mem = -2147483648;", 1, "native_mem: 2147483648", "in quotes"},
            {"native_mem = 9223372036854775808L;", 1, "native_mem: 9223372036854775808L", "too large"},
            {"native_mem = 99999999999999999999;", 1, "native_mem: ", "too large"},
            {"native_mem = 0x10;", 1, "native_mem: 0x10", "decimal"},
            {"targets = [ 1,\n 0XFF ];", 2, "targets: 0XFF", "decimal"},
            {"native_mem = 12Lx;", 1, "native_mem: ", "syntax error"},
            {"native_mem = nan;", 1, "native_mem: ", "syntax error"},
            {"\n\ncpu_intervall = \"1s\";", 3, "cpu_intervall", "did you mean 'cpu_interval'"},
            {"xyzzy = 1;", 1, "xyzzy", "check-config --help"},
            {"interval = \"1s\";", 1, "interval: ", "cpu_interval"},
            {"local = { direktory = \"/a\"; };", 1, "local.direktory", "did you mean 'local.directory'"},
            {"local = { directory = { a = 1; }; };", 1, "local.directory: ", "not a group"},
            {"local = { local = { keep_count = 1; }; };", 1, "local.local", "unknown"},
            {"local = \"/a\";", 1, "local: ", "group"},
            {"spool = 5;", 1, "spool: ", "group"},
            {"lokal = { directory = \"/a\"; };", 1, "unknown key 'lokal'", "did you mean 'local'"},
            {"spol = { max_bytes = 1; };", 1, "unknown key 'spol'", "did you mean 'spool'"},
            {"reporter = ();", 1, "unknown key 'reporter'", "did you mean 'reporters'"},
            {"targets = 5.5;", 1, "targets: ", "PIDs such as"},
            {"targets = { a = 1; };", 1, "targets: ", "not a group"},
            {"targets = [ \"x\" ];", 1, "targets: ", "no process number"},
            {"targets = [ -1 ];", 1, "targets: ", "no process number"},
            {"targets = [ 1.5 ];", 1, "targets: ", "not a fraction"},
            {"targets = ( 1,\n ( 2 ) );", 2, "targets: ", "not a list"},
            {"\ntargets = ( 1,\n 1 );", 2, "targets: ", "'1' is named twice"},
            {"targets = [ 1, \"2\" ];", 1, "targets: ", "mismatched element type"},
            {"shared_directory = \"var\";", 1, "shared_directory: ", "absolute"},
            {"shared_directory = 5;", 1, "shared_directory: ", "an absolute path, not a number"},
            {"shared_directory = \"/a,b\";", 1, "shared_directory: ", "comma"},
            {"event = \"cpu,alloc\";", 1, "event: ", "comma"},
            {"event = \"cpu\\nx\";", 1, "event: ", "control"},
            {"event = \"cpu\\x1b\";", 1, "event: ", "control"},
            {"event = \"wall\";", 1, "event: ", "wall_clock_interval"},
            {"event = true;", 1, "event: ", "not true or false"},
            {"event = 5;", 1, "event: ", "not a number"},
            {"cstack = \"lbr\";", 1, "cstack: ", "removed"},
            {"cstack = [ \"fp\" ];", 1, "cstack: ", "not a list"},
            {"safemode = 5;", 1, "safemode: ", "removed"},
            {"live = 3;", 1, "live: ", "true or false, not a number"},
            {"live = 1;", 1, "live: ", "not a number"},
            {"live = \"true\";", 1, "live: ", "not a text"},
            {"live = yes;", 1, "live: ", "syntax error"},
            {"jstackdepth = 0;", 1, "jstackdepth: ", "out of range"},
            {"signal = 34;", 1, "signal: ", "34/35, not a number"},
            {"filter = [ 12, 0 ];", 1, "filter: ", "no thread id"},
            {"trace = [ \"C.m\", \"event=cpu\" ];", 1, "trace: ", "no method"},
            {"reporters = { type = \"local\"; };", 1, "reporters: ", "list"},
            {"reporters = ();", 1, "reporters: ", "list"},
            {"reporters = ( \"local\" );", 1, "reporters: ", "group"},
            {"reporters = ( { directory = \"/a\"; } );", 1, "reporters: ", "type = \"local\""},
            {"reporters = ( { type = 5; } );", 1, "reporters: ", "type = \"local\""},
            {"reporters = (\n { type = \"s4\"; } );", 2, "reporters: ", "type = \"local\""},
            {"reporters = ( { type = \"local\";\n keep_cuont = 1; } );", 2, "keep_cuont",
                    "did you mean 'local.keep_count'"},
            {"reporters = ( { type = \"local\"; keep_count = \"x\"; } );", 1,
                    "local.keep_count: ", "no number"},
            {"reporters = ( { type = \"local\"; name = \"../x\"; } );", 1, "name: ", "a-z"},
            {"reporters = ( { type = \"local\"; name = \"Local\"; } );", 1, "name: ", "a-z"},
            {"reporters = ( { type = \"local\"; name = \"\"; } );", 1, "name: ", "a-z"},
            {"reporters = ( { type = \"local\"; name = 5; } );", 1, "name: ", "a-z"},
            {"reporters = ( { type = \"local\"; } );\nlocal = { keep_count = 1; };", 2,
                    "local: ", "write the local reporter in it"},
            {"local = { keep_count = 1; };\nreporters = ( { type = \"local\"; } );", 1,
                    "local: ", "write the local reporter in it"},
            {"cpu_interval = ;", 1, "cpu_interval: ", "syntax error"},
            {"\n\n ;;", 3, ": syntax error", ""},
            {"root:$6$secret:0", 1, ": root: ", "syntax error"},
            {"\nlibrary = \"/x\" \"\n;", 2, "string", "no end"},
            {"library = \"/x\\\"", 1, "string", "no end"},
            {"\n/* cpu_interval = \"1s\"; * /\nlive = true;", 2, "comment", "no end"},
            {"cpu_interval = \"1s\";\n\tcpu_interval = \"2s\";", 2,
                    ": cpu_interval: ", "a key of this line is set already; set it once"},
            {"local = { keep_count = 1; };\nlocal = { keep_count = 2; };", 2, "local: ", "set it once"},
            {"local = { keep_count = 1;\nkeep_count = 2; };", 2, ": keep_count: ", "set it once"},
            {"\n@include \"/etc/passwd\"", 2, "@include", "one file"},
            {" \t@include  \"x\"", 1, "@include", "one file"},
    };

    for (size_t i = 0; i < N(cases); i++) {
        reset();
        cr_assert_lt(load(cases[i].text), 0, "%s", cases[i].text);
        check_file_error(cases[i].line, cases[i].key, cases[i].part);
    }
}

/* What only looks like one of the things that are refused before libconfig reads the file. */
Test(config, text_that_is_well)
{
    static const char *const cases[] = {
            "",
            "# @include \"x\" 0x10 99999999999\n",
            "// @include \"x\"\n",
            "/* @include \"x\"\n99999999999 */",
            "native_mem = \"99999999999\";",
            "native_mem = 99999999999L;",
            "native_mem = 99999999999LL; # \"",
            "native_mem = 2147483647; /**/",
            "begin = \"\\\" @include 0x10 \\\\\"; # 0x10",
            "begin : \"a//b\" end = \"/*\"",
            "cpu_interval = 0000;",
            "live = TRUE # and no line break after it",
            "local = { };",
    };

    for (size_t i = 0; i < N(cases); i++) {
        int r;

        reset();
        r = load(cases[i]);
        if (i == 10)
            check_file_error(1, "cpu_interval: ", "shortest is 1us");
        else
            must(r);
    }
}

Test(config, lists_and_integers_in_a_file)
{
    must(load(
            LIBRARY "trace = [ \"a.C.m:5ms\", \"D.n\" ]; filter = ( 12, \"15-17\" ); jstackdepth = 100;"
                    "signal = \"34/35\"; alloc = 1024; chunksize = 5000000000L; target_cpu = 3; lock = 0;"));
    must(finish());
    cr_assert_str_eq(settings->profiling.extra,
            ",alloc=1024,lock=0,trace=a.C.m:5ms,trace=D.n,jstackdepth=100,chunksize=5000000000,"
            "signal=34/35,filter=12;15-17,target-cpu=3");
}

Test(config, environment_refuses_nonsense)
{
    static const struct {
        const char *variable, *part;
    } cases[] = {
            {"ASPROF_AGENTD_CPU_INTERVAL=fast",
                    "environment ASPROF_AGENTD_CPU_INTERVAL: cpu_interval: 'fast'"},
            {"ASPROF_AGENTD_SPOOL_MAX_BYTES=1k", "ASPROF_AGENTD_SPOOL_MAX_BYTES: spool.max_bytes: "},
            {"ASPROF_AGENTD_LOCAL_DIRECTRY=/x", "did you mean ASPROF_AGENTD_LOCAL_DIRECTORY?"},
            {"ASPROF_AGENTD_LIBARY=/x", "did you mean ASPROF_AGENTD_LIBRARY?"},
            {"ASPROF_AGENTD_local_directory=/x", "unknown variable ASPROF_AGENTD_local_directory"},
            {"ASPROF_AGENTD_LOCAL.DIRECTORY=/x", "did you mean ASPROF_AGENTD_LOCAL_DIRECTORY?"},
            {"ASPROF_AGENTD_REPORTERS=x", "unknown variable ASPROF_AGENTD_REPORTERS"},
            {"ASPROF_AGENTD_=x", "unknown variable ASPROF_AGENTD_"},
    };

    for (size_t i = 0; i < N(cases); i++) {
        reset();
        cr_assert_lt(config_load_environment(config, ENVIRONMENT(cases[i].variable), &reason), 0, "%s",
                cases[i].variable);
        check_reason(cases[i].part);
    }
    reset();
    must(config_load_environment(config, ENVIRONMENT("ASPROF_AGENTD_XYZZY="), &reason));
}

Test(config, local_keys_with_several_reporters_are_refused)
{
    must(set("local.directory=/srv/flag"));
    must(load(LIBRARY "reporters = ( { type = \"local\"; directory = \"/srv/a\"; }, { type = \"local\"; "
                      "directory = \"/srv/b\"; } );"));
    cr_assert_lt(finish(), 0);
    check_reason("command line: local.directory: there are 2 local reporters");
}

Test(config, reporters_must_not_meet)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
            {"reporters = ( { type = \"local\"; name = \"a\"; directory = \"/srv/a\"; },\n"
             "{ type = \"local\"; name = \"b\"; directory = \"/srv//a/\"; } );",
                    "two reporters write to '/srv/a'"},
            {"reporters = ( { type = \"local\"; }, { type = \"local\"; } );", "two reporters write to"},
            {"reporters = ( { type = \"local\"; name = \"a\"; directory = \"/srv/a\"; },\n"
             "{ type = \"local\"; name = \"a\"; directory = \"/srv/b\"; } );",
                    "two are called 'a'"},
            {"reporters = ( { type = \"local\"; directory = \"/srv/a\"; },\n"
             "{ type = \"local\"; name = \"local\"; directory = \"/srv/b\"; } );",
                    "two are called 'local'"},
            {"local = { directory = \"/srv/s/spool\"; };", "'/srv/s/spool' is the daemon's own"},
            {"local = { directory = \"/srv/./s//spool/x\"; };", "daemon's own"},
            {"local = { directory = \"/srv/s/targets/x\"; };", "daemon's own"},
            {"local = { directory = \"/srv/s/incomplete\"; };", "daemon's own"},
            {"local = { directory = \"/srv/s\"; };", "daemon's own"},
    };
    static const char *const good[] = {"/srv/s/spools", "/srv/s/recordings/spool", "/srv/spool", "/srv/s2"};

    for (size_t i = 0; i < N(cases); i++) {
        reset();
        must(set("shared_directory=/srv/s"));
        must(set("library=/opt/x.so"));
        must(load(cases[i].text));
        cr_assert_lt(finish(), 0, "%s", cases[i].text);
        check_reason(cases[i].part);
        check_reason(path);
    }
    for (size_t i = 0; i < N(good); i++) {
        char assignment[64];

        reset();
        must(set("shared_directory=/srv/s"));
        must(set("library=/opt/x.so"));
        snprintf(assignment, sizeof(assignment), "local.directory=%s", good[i]);
        must(set(assignment));
        must(finish());
    }
}

Test(config, file_that_is_none_is_refused)
{
    char *large = malloc((1 << 20) + 2);

    cr_assert_eq(config_load_file(config, "/nonexistent/x.conf", &reason), -ENOENT);
    check_reason("/nonexistent/x.conf");
    cr_assert_lt(config_load_file(config, "/tmp", &reason), 0);
    check_reason("/tmp: it is not a regular file");
    memset(large, '\n', (1 << 20) + 1);
    large[(1 << 20) + 1] = '\0';
    cr_assert_eq(load(large), -EFBIG);
    check_reason("1 MiB");
    must(load(large + 1));
    free(large);
    unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(config_load_file(config, path, &reason), -EINVAL);
    check_reason("regular file");
}

Test(config, file_that_is_no_text_is_refused)
{
    FILE *file = fopen(path, "we");

    cr_assert(file);
    fwrite("cpu_interval = \"1s\";\0@include \"x\"", 1, 34, file);
    fclose(file);
    cr_assert_eq(config_load_file(config, path, &reason), -EINVAL);
    check_reason("it is not text");
}

Test(config, file_by_a_link)
{
    char link[sizeof(path) + 8];

    must(load(LIBRARY));
    snprintf(link, sizeof(link), "%s.link", path);
    cr_assert_eq(symlink(path, link), 0);
    must(config_load_file(config, link, &reason));
    cr_assert_eq(chmod(path, 0602), 0);
    cr_assert_eq(config_load_file(config, link, &reason), -EPERM, "the file is judged, not its name");
    unlink(link);
}

Test(config, broken_files_never_break_it)
{
    static const char *const tokens[] = {"local", "=", "{", "}", "(", ")", "[", "]", ";", ",", "\"", "12",
            "1.5", "true", "\n", "#", "/*", "*/", "reporters", "type", "\"local\"", "\\", "\"1s\"",
            "cpu_interval", "99999999999", "0x1", "targets", "L", " ", "spool", "max_bytes", "\"10m\"", "@"};
    uint64_t state = 4;

    for (unsigned i = 0; i < 200; i++) {
        char text[256] = "";

        for (size_t length = 0; length < sizeof(text) - 16; length = strlen(text)) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
            snprintf(text + length, sizeof(text) - length, "%s", tokens[(state >> 33) % N(tokens)]);
        }
        reset();
        if (load(text) < 0)
            check_reason(path);
    }
}

Test(config, options_that_would_not_fit_are_refused)
{
    static const struct {
        int begin, end, directory; /* their lengths */
        int result;
    } cases[] = {
            {400, 200, 0, 0}, {400, 400, 0, -E2BIG}, {0, 0, 300, 0},
            {0, 0, 400, -E2BIG}, /* it is in the option string twice */
    };

    for (size_t i = 0; i < N(cases); i++) {
        char assignment[640];

        reset();
        must(set("library=/opt/x.so"));
        snprintf(assignment, sizeof(assignment), "begin=x%0*d", cases[i].begin, 1);
        must(set(assignment));
        snprintf(assignment, sizeof(assignment), "end=x%0*d", cases[i].end, 1);
        must(set(assignment));
        snprintf(assignment, sizeof(assignment), "shared_directory=/x%0*d", cases[i].directory, 1);
        must(set(assignment));
        cr_assert_eq(finish(), cases[i].result, "%zu: %s", i, reason);
        if (cases[i].result < 0)
            check_reason("the JVM takes 1024: shorten shared_directory, or set fewer options");
    }
}

Test(config, library_that_is_nowhere)
{
    if (finish() < 0) {
        check_reason("/../lib/libasyncProfiler.so");
        check_reason("/usr/lib/asprof-agentd/libasyncProfiler.so");
        check_reason("ASPROF_AGENTD_LIBRARY");
    } else {
        cr_assert_eq(settings->library[0], '/');
    }
}

static char *print(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    cr_assert(out);
    config_print(config, out);
    fclose(out);
    return text;
}

/* One line of text has this name, value and origin. */
static void check_line(const char *text, const char *name, const char *value, const char *where)
{
    char line[128];

    snprintf(line, sizeof(line), "\n%-24s = %-36s # %s\n", name, value, where);
    cr_assert(strstr(text, line), "'%s' is not in:\n%s", line, text);
}

Test(config, prints_what_is_in_effect_and_why)
{
    char where[96], *text;

    must(set("cpu_interval=1ms"));
    must(config_load_environment(config, ENVIRONMENT("ASPROF_AGENTD_LOCK=10us"), &reason));
    must(load("\n" LIBRARY "targets = [ 5, 6 ];"));
    must(config_add_target(config, "7", &reason));
    must(finish());
    text = print();
    cr_assert_eq(strncmp(text, "reporting_interval       = 30s ", 31), 0, "%s", text);
    check_line(text, "cpu_interval", "1ms", "command line");
    check_line(text, "wall_clock_interval", "1s", "default");
    check_line(text, "lock", "10us", "environment ASPROF_AGENTD_LOCK");
    check_line(text, "alloc", "not set", "default");
    check_line(text, "live", "false", "default");
    snprintf(where, sizeof(where), "%s:2", path);
    check_line(text, "library", "/opt/libasyncProfiler.so", where);
    snprintf(where, sizeof(where), "%s:3, command line", path);
    check_line(text, "targets", "5,6,7", where);
    check_line(text, "local.keep_bytes", "10g", "default");
    cr_assert(strstr(text, "\n# reporter local\n"), "%s", text);
    free(text);
}

Test(config, prints_every_reporter)
{
    char where[96], *text;

    must(load(LIBRARY
            "reporters = ( { type = \"local\"; directory = \"/srv/a\"; },\n"
            "{ type = \"local\"; name = \"archive\"; directory = \"/srv/b\"; keep_age = \"7d\"; } );"));
    must(finish());
    text = print();
    snprintf(where, sizeof(where), "\n# reporter local, %s:2\n", path);
    cr_assert(strstr(text, where), "%s", text);
    snprintf(where, sizeof(where), "\n# reporter archive, %s:3\n", path);
    cr_assert(strstr(text, where), "%s", text);
    snprintf(where, sizeof(where), "%s:3", path);
    check_line(text, "local.keep_age", "7d", where);
    check_line(text, "targets", "none", "default");
    free(text);
}

Test(suggest, nearest)
{
    static const char *const words[] = {"run", "profile", "list", "check-config"};

    cr_assert_str_eq(suggest_nearest("profil", words, N(words)), "profile");
    cr_assert_str_eq(suggest_nearest("chekc-config", words, N(words)), "check-config");
    cr_assert_str_eq(suggest_nearest("rnu", (const char *const[]){"rn"}, 1), "rn");
    cr_assert_null(suggest_nearest("xyzzy", words, N(words)));
    cr_assert_null(suggest_nearest("", words, N(words)));
}
