/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/asprof_grammar.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <string.h>

#include "conf/cleanup.h"
#include "conf/settings.h"

#define WORDS_MAX 24
#define N(array) (sizeof(array) / sizeof(*(array)))

/* Splits at blanks; a word that needs one writes it as '~'. */
static int parse(const char *line, ProfileRequest *request, char **reason)
{
    _cleanup_free_ char *copy = strdup(line);
    char *argv[WORDS_MAX + 1] = {copy}, *word = NULL, *save = NULL;
    int argc = 0, r;

    for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        for (char *p = word; *p; p++)
            *p = *p == '~' ? ' ' : *p;
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    r = grammar_parse(argc, argv, request, reason);
    return r;
}

typedef struct Case {
    const char *line;
    const char *start; /* without file= and timeout= */
    const char *stop;
} Case;

Test(grammar, option_strings)
{
    static const Case cases[] = {
            {"4242", "start,event=cpu,flamegraph", ",flamegraph"},
            {"-d 10 -f x.html 4242", "start,event=cpu,flamegraph", ",flamegraph"},
            {"4242 -e cpu -f x.jfr -d 10", "start,event=cpu,jfr", ",jfr"},
            {"-e alloc -f a.collapsed 4242", "start,event=alloc,collapsed", ",collapsed"},
            {"-f a.folded 4242", "start,event=cpu,collapsed", ",collapsed"},
            {"-f a.txt 4242", "start,event=cpu,traces=100,flat=200", ",traces=100,flat=200"},
            {"-f - 4242", "start,event=cpu,traces=100,flat=200", ",traces=100,flat=200"},
            {"-o flat=20 -f x.txt 4242", "start,event=cpu,flat=20", ",flat=20"},
            {"-o traces=200,flat 4242", "start,event=cpu,traces=200,flat", ",traces=200,flat"},
            {"-o otlp 4242", "start,event=cpu,otlp", ",otlp"},
            {"-o tree -f x.html 4242", "start,event=cpu,tree", ",tree"},
            {"-e cpu,alloc -f x.jfr 4242", "start,event=cpu,event=alloc,jfr", ",jfr"},
            {"-e cpu,wall -f x.jfr 4242", "start,event=cpu,wall,jfr", ",jfr"},
            {"-e wall --alloc 1m -f x.jfr 4242", "start,alloc=1048576,wall,jfr", ",jfr"},
            {"-e cpu -e alloc -f x.jfr 4242", "start,event=cpu,event=alloc,jfr", ",jfr"},
            {"-e wall --wall 10ms 4242", "start,wall=10000000,flamegraph", ",flamegraph"},
            {"-e nosuch:event 4242", "start,event=nosuch:event,flamegraph", ",flamegraph"},
            {"-e VMThread::run 4242", "start,event=VMThread::run,flamegraph", ",flamegraph"},
            {"-e wall -t 4242", "start,threads,event=wall,flamegraph", ",flamegraph"},
            {"-e cpu/umask=0x1,event=0xd3/ 4242", "start,event=cpu/umask=0x1:event=0xd3/,flamegraph",
                    ",flamegraph"},
            {"-e java.lang.Object.wait 4242", "start,event=java.lang.Object.wait,flamegraph", ",flamegraph"},
            {"-i 1ms 4242", "start,event=cpu,interval=1000000,flamegraph", ",flamegraph"},
            {"-i 500us 4242", "start,event=cpu,interval=500000,flamegraph", ",flamegraph"},
            {"-i 1000000 4242", "start,event=cpu,interval=1000000,flamegraph", ",flamegraph"},
            {"-e alloc -i 512k 4242", "start,event=alloc,alloc=524288,flamegraph", ",flamegraph"},
            {"-e nativemem -i 1m 4242", "start,event=nativemem,nativemem=1048576,flamegraph", ",flamegraph"},
            {"-e lock -i 10us 4242", "start,event=lock,lock=10000,flamegraph", ",flamegraph"},
            {"-e wall -i 5ms 4242", "start,event=wall,interval=5000000,flamegraph", ",flamegraph"},
            {"-e cache-misses -i 1000 4242", "start,event=cache-misses,interval=1000,flamegraph",
                    ",flamegraph"},
            {"-e cpu,alloc -i 1ms -f x.jfr 4242", "start,event=cpu,event=alloc,interval=1000000,jfr", ",jfr"},
            {"-r 100 4242", "start,event=cpu,interval=10000000,flamegraph", ",flamegraph"},
            {"--rate=1000 4242", "start,event=cpu,interval=1000000,flamegraph", ",flamegraph"},
            {"-j 200/40 4242", "start,jstackdepth=200/40,event=cpu,flamegraph", ",flamegraph"},
            {"-F mixed,vtable 4242", "start,features=mixed+vtable,event=cpu,flamegraph", ",flamegraph"},
            {"--filter 12,15-17 -e wall 4242", "start,filter=12;15-17,event=wall,flamegraph", ",flamegraph"},
            {"--alloc 512k 4242", "start,alloc=524288,flamegraph", ",flamegraph"},
            {"--alloc=512k --lock 10ms -e cpu -f x.jfr 4242",
                    "start,alloc=524288,lock=10000000,event=cpu,jfr", ",jfr"},
            {"--nativemem 0 4242", "start,nativemem=0,flamegraph", ",flamegraph"},
            {"--wall 10ms -e cpu -f x.jfr 4242", "start,wall=10000000,event=cpu,jfr", ",jfr"},
            {"--wall 10ms 4242", "start,wall=10000000,flamegraph", ",flamegraph"},
            {"--proc 30 -f x.jfr 4242", "start,proc=30,event=cpu,jfr", ",jfr"},
            {"--chunktime 1m -f x.jfr 4242", "start,chunktime=60,event=cpu,jfr", ",jfr"},
            {"--all -f x.jfr 4242", "start,all,jfr", ",jfr"},
            {"-e cycles --all -i 1ms -f x.jfr 4242", "start,all,event=cycles,interval=1000000,jfr", ",jfr"},
            {"--jfropts mem 4242", "start,jfropts=mem,event=cpu,jfr", ",jfr"},
            {"--minwidth 0.5 4242", "start,event=cpu,minwidth=0.5,flamegraph", ",minwidth=0.5,flamegraph"},
            {"--cstack vmx 4242", "start,cstack=vmx,event=cpu,flamegraph", ",flamegraph"},
            {"--all-user --record-cpu 4242", "start,alluser,record-cpu,event=cpu,flamegraph", ",flamegraph"},
            {"-s -n -g -a -l --dot 4242", "start,event=cpu,simple,norm,sig,ann,lib,dot,flamegraph",
                    ",simple,norm,sig,ann,lib,dot,flamegraph"},
            {"-I java/* -X *Unsafe* --reverse --total 4242",
                    "start,event=cpu,include=java/*,exclude=*Unsafe*,reverse,total,flamegraph",
                    ",include=java/*,exclude=*Unsafe*,reverse,total,flamegraph"},
            {"--title a<b,~c 4242", "start,event=cpu,title=a&lt;b&#44; c,flamegraph",
                    ",title=a&lt;b&#44; c,flamegraph"},
            {"-d10 -fx.jfr -ecpu 4242", "start,event=cpu,jfr", ",jfr"},
            {"--trace my.Class.method:50ms -f x.jfr 4242", "start,trace=my.Class.method:50ms,jfr", ",jfr"},
            {"--begin f --end g --nostop --ttsp 4242", "start,begin=f,end=g,nostop,ttsp,event=cpu,flamegraph",
                    ",flamegraph"},
    };

    for (size_t i = 0; i < N(cases); i++) {
        _cleanup_free_ char *reason = NULL, *start = NULL, *stop = NULL, *expected_start = NULL,
                            *expected_stop = NULL;
        ProfileRequest request;
        char line[256];

        snprintf(line, sizeof(line), "profile %s", cases[i].line);
        cr_assert_eq(parse(line, &request, &reason), 0, "%s: %s", line, reason);
        cr_assert_eq(request.pid, 4242);
        cr_assert_eq(grammar_format_start(&request, "/t/out", 40, &start), 0);
        cr_assert_eq(grammar_format_stop(&request, "/t/out", &stop), 0);
        cr_assert_geq(asprintf(&expected_start, "%s,file=/t/out,timeout=40", cases[i].start), 0);
        cr_assert_geq(asprintf(&expected_stop, "stop,file=/t/out%s", cases[i].stop), 0);
        cr_assert_str_eq(start, expected_start, "%s", line);
        cr_assert_str_eq(stop, expected_stop, "%s", line);
        profile_request_clear(&request);
    }
}

Test(grammar, refusals_say_what_is_right)
{
    static const struct {
        const char *line, *part;
    } cases[] = {
            {"", "which process"},
            {"-d 10", "which process"},
            {"4242 4243", "two process numbers"},
            {"jps", "list` shows them"},
            {"check 4242", "4.4 removed it"},
            {"jcmd 4242", "jcmd gives it"},
            {"MyApp", "list` shows them"},
            {"stauts 4242", "did you mean 'status'"},
            {"start 4242", "asprof-agentd run"},
            {"stop 4242", "one command"},
            {"-d 0 4242", "100ms to 24h"},
            {"-d -5 4242", "no duration"},
            {"-d 2x 4242", "no duration"},
            {"-d 25h 4242", "100ms to 24h"},
            {"-i 0 4242", "without end"},
            {"-i fast 4242", "1ms"},
            {"-i 1m 4242", "no interval"},
            {"-i 512k 4242", "no interval"},
            {"-e alloc -i 10ms 4242", "no size"},
            {"-e alloc -r 100 4242", "-i 512k"},
            {"-e alloc -i 1m --alloc 2m 4242", "give one"},
            {"-e alloc,lock -i 1m -f x.jfr 4242", "give each its own"},
            {"--lock 1ms -i 1m 4242", "give each its own"},
            {"-r 0 4242", "from 1 to 10000"},
            {"-i 1ms -r 100 4242", "give one"},
            {"-f x.svg 4242", "x.html"},
            {"-f x.pprof 4242", ".html, .jfr"},
            {"-f x 4242", ".html, .jfr"},
            {"-o flamegrpah 4242", "did you mean 'flamegraph'"},
            {"-o html 4242", "did you mean 'flamegraph'"},
            {"-o jfr=3 4242", "only flat and traces"},
            {"-o flat=0 4242", "only flat and traces"},
            {"-o flat,jfr 4242", "only flat and traces"},
            {"-f x.otlp 4242", "-o FORMAT"},
            {"-e cpu,alloc -f x.html 4242", "-f NAME.jfr"},
            {"--alloc 1m --lock 1ms 4242", "-f NAME.jfr"},
            {"--all 4242", "-f NAME.jfr"},
            {"--jfropts mem -f x.html 4242", "--jfropts needs a JFR"},
            {"--proc 30 -f x.html 4242", "--proc needs a JFR"},
            {"-e cpu, 4242", "no name"},
            {"-e alloc,file=/x,interval=1 -f x.jfr 4242", "one event too many"},
            {"--minwidth 5% 4242", "no percentage"},
            {"--minwidth 101 4242", "no percentage"},
            {"-e cpu,itimer -f x.jfr 4242", "one event too many"},
            {"--cstack lbr 4242", "removed"},
            {"--cstack x 4242", "none of fp"},
            {"--safemode=3 4242", "removed"},
            {"--fdtransfer 4242", "ctimer"},
            {"--loop=1h 4242", "asprof-agentd run"},
            {"--timeout=10 4242", "-d TIME"},
            {"--jfrsync=profile 4242", "beside our file"},
            {"--trace a,file=/etc/passwd 4242", "--trace"},
            {"-I a,b 4242", "--include"},
            {"--begin a,b 4242", "--begin"},
            {"-j many 4242", "--jstackdepth"},
            {"-j 5/ 4242", "--jstackdepth"},
            {"--alloc lots 4242", "--alloc"},
            {"--proc 500ms 4242", "whole number"},
            {"--title \n 4242", "control character"},
    };

    for (size_t i = 0; i < N(cases); i++) {
        _cleanup_free_ char *reason = NULL;
        ProfileRequest request;
        char line[256];

        snprintf(line, sizeof(line), "profile %s", cases[i].line);
        cr_assert_eq(parse(line, &request, &reason), -EINVAL, "%s", line);
        cr_assert(reason && strstr(reason, cases[i].part), "%s: %s", line, reason);
    }
}

Test(grammar, unknown_options_are_named_with_the_nearest, .init = cr_redirect_stderr)
{
    _cleanup_free_ char *reason = NULL;
    ProfileRequest request;

    cr_assert_eq(parse("profile --durration 10 4242", &request, &reason), -EINVAL);
    cr_assert_null(reason, "it has been said");
    cr_assert_eq(parse("profile 4242 -Z", &request, &reason), -EINVAL);
    cr_assert_eq(parse("profile 4242 -f", &request, &reason), -EINVAL);
    fflush(stderr);
    cr_assert_stderr_eq_str("asprof-agentd: unknown option '--durration', did you mean '--duration'?\n"
                            "asprof-agentd: unknown option '-Z', see --help\n"
                            "asprof-agentd: option '-f' needs a value\n");
}

Test(grammar, actions)
{
    _cleanup_free_ char *reason = NULL;
    ProfileRequest request;

    cr_assert_eq(parse("profile status 4242", &request, &reason), 0);
    cr_assert_eq(request.action, PROFILE_STATUS);
    profile_request_clear(&request);
    cr_assert_eq(parse("profile 4242 metrics", &request, &reason), 0);
    cr_assert_eq(request.action, PROFILE_METRICS);
    profile_request_clear(&request);
    cr_assert_eq(parse("profile --help", &request, &reason), 0);
    cr_assert_eq(request.action, PROFILE_HELP);
    profile_request_clear(&request);
}

Test(grammar, durations_and_labels)
{
    _cleanup_free_ char *reason = NULL;
    ProfileRequest request;

    cr_assert_eq(parse("profile 4242", &request, &reason), 0);
    cr_assert_eq(request.duration, 10 * NSEC_PER_SEC);
    cr_assert_str_eq(request.events, "cpu");
    cr_assert_str_eq(request.extension, "html");
    profile_request_clear(&request);
    cr_assert_eq(parse("profile -d 2m --alloc 1m -e cpu -f x.jfr 4242", &request, &reason), 0);
    cr_assert_eq(request.duration, 120 * NSEC_PER_SEC, "two minutes, not two seconds");
    cr_assert_str_eq(request.events, "cpu,alloc");
    profile_request_clear(&request);
    cr_assert_eq(parse("profile --all -e nativelock --lock 1us -f x.jfr 4242", &request, &reason), 0);
    cr_assert_str_eq(request.events, "nativelock,lock,all");
    profile_request_clear(&request);
}
