/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/asprof_grammar.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "attach/options.h"
#include "conf/failure.h"
#include "conf/settings.h"
#include "conf/suggest.h"
#include "conf/units.h"
#include "daemon/asprof_events.h"
#include "daemon/asprof_formats.h"
#include "daemon/command_line.h"

#define DURATION_DEFAULT (10 * NSEC_PER_SEC)
#define DURATION_MAX (86400 * NSEC_PER_SEC)

typedef enum ArgumentType {
    ARGUMENT_NONE,
    ARGUMENT_NAME, /* text that may stand in an option string */
    ARGUMENT_SIZE,
    ARGUMENT_NS,      /* a time, bare numbers are ns, as asprof has it; given on in ns */
    ARGUMENT_SECONDS, /* a time, bare numbers are s; given on in s */
    ARGUMENT_NUMBER,
    ARGUMENT_PAIR,    /* N or N/M */
    ARGUMENT_PERCENT, /* 0.5 */
    ARGUMENT_WORD,    /* one of .words */
    ARGUMENT_PLUS,    /* a list, whose commas become '+' */
    ARGUMENT_SEMICOLON,
    ARGUMENT_TITLE,   /* any text, escaped for HTML */
    ARGUMENT_REFUSED, /* .words says why */
} ArgumentType;

typedef struct GrammarOption {
    const char *name;
    char letter;
    ArgumentType argument;
    const char *profiler; /* its name in the option string; NULL: it has a meaning of its own */
    const char *words;
    bool is_format; /* goes with the format, which stop is told too */
    bool needs_jfr;
    SamplingMode mode; /* what it makes sample */
} GrammarOption;

static const GrammarOption grammar[] = {
        {"event", 'e', .argument = ARGUMENT_NAME},
        {"duration", 'd', .argument = ARGUMENT_SECONDS},
        {"output", 'f', .argument = ARGUMENT_NAME},
        {"format", 'o', .argument = ARGUMENT_NAME},
        {"interval", 'i', .argument = ARGUMENT_NS},
        {"rate", 'r', .argument = ARGUMENT_NUMBER},
        {"libpath", 0, .argument = ARGUMENT_NAME},
        {"library", 0, .argument = ARGUMENT_NAME},
        {"quiet", 'q', .argument = ARGUMENT_NONE},
        {"json", 0, .argument = ARGUMENT_NONE},
        {"help", 'h', .argument = ARGUMENT_NONE},
        {"version", 'v', .argument = ARGUMENT_NONE},

        {"jstackdepth", 'j', ARGUMENT_PAIR, .profiler = "jstackdepth"},
        {"threads", 't', ARGUMENT_NONE, .profiler = "threads"},
        {"features", 'F', ARGUMENT_PLUS, .profiler = "features"},
        {"filter", 0, ARGUMENT_SEMICOLON, .profiler = "filter"},
        {"log", 'L', ARGUMENT_WORD, .profiler = "loglevel", .words = "trace|debug|info|warn|error|none"},
        {"all", 0, ARGUMENT_NONE, .profiler = "all", .mode = MODE_ALL},
        {"alloc", 0, ARGUMENT_SIZE, .profiler = "alloc", .mode = MODE_ALLOC},
        {"live", 0, ARGUMENT_NONE, .profiler = "live"},
        {"tlab", 0, ARGUMENT_NONE, .profiler = "tlab"},
        {"nativemem", 0, ARGUMENT_SIZE, .profiler = "nativemem", .mode = MODE_NATIVEMEM},
        {"nofree", 0, ARGUMENT_NONE, .profiler = "nofree"},
        {"lock", 0, ARGUMENT_NS, .profiler = "lock", .mode = MODE_LOCK},
        {"nativelock", 0, ARGUMENT_NS, .profiler = "nativelock", .mode = MODE_NATIVELOCK},
        {"wall", 0, ARGUMENT_NS, .profiler = "wall", .mode = MODE_WALL},
        {"nobatch", 0, ARGUMENT_NONE, .profiler = "nobatch"},
        {"trace", 0, ARGUMENT_NAME, .profiler = "trace", .mode = MODE_TRACE},
        {"proc", 0, ARGUMENT_SECONDS, .profiler = "proc", .needs_jfr = true},
        {"cstack", 0, ARGUMENT_WORD, .profiler = "cstack", .words = "fp|dwarf|vm|vmx|no"},
        {"signal", 0, ARGUMENT_PAIR, .profiler = "signal"},
        {"clock", 0, ARGUMENT_WORD, .profiler = "clock", .words = "tsc|monotonic"},
        {"begin", 0, ARGUMENT_NAME, .profiler = "begin"},
        {"end", 0, ARGUMENT_NAME, .profiler = "end"},
        {"ttsp", 0, ARGUMENT_NONE, .profiler = "ttsp"},
        {"nostop", 0, ARGUMENT_NONE, .profiler = "nostop"},
        {"memlimit", 0, ARGUMENT_SIZE, .profiler = "memlimit"},
        {"chunksize", 0, ARGUMENT_SIZE, .profiler = "chunksize"},
        {"chunktime", 0, ARGUMENT_SECONDS, .profiler = "chunktime"},
        {"jfropts", 0, ARGUMENT_WORD, .profiler = "jfropts", .words = "mem", .needs_jfr = true},
        {"all-user", 0, ARGUMENT_NONE, .profiler = "alluser"},
        {"sched", 0, ARGUMENT_NONE, .profiler = "sched"},
        {"record-cpu", 0, ARGUMENT_NONE, .profiler = "record-cpu"},
        {"target-cpu", 0, ARGUMENT_NUMBER, .profiler = "target-cpu"},

        {"simple", 's', ARGUMENT_NONE, .profiler = "simple", .is_format = true},
        {"norm", 'n', ARGUMENT_NONE, .profiler = "norm", .is_format = true},
        {"sig", 'g', ARGUMENT_NONE, .profiler = "sig", .is_format = true},
        {"ann", 'a', ARGUMENT_NONE, .profiler = "ann", .is_format = true},
        {"lib", 'l', ARGUMENT_NONE, .profiler = "lib", .is_format = true},
        {"dot", 0, ARGUMENT_NONE, .profiler = "dot", .is_format = true},
        {"include", 'I', ARGUMENT_NAME, .profiler = "include", .is_format = true},
        {"exclude", 'X', ARGUMENT_NAME, .profiler = "exclude", .is_format = true},
        {"title", 0, ARGUMENT_TITLE, .profiler = "title", .is_format = true},
        {"minwidth", 0, ARGUMENT_PERCENT, .profiler = "minwidth", .is_format = true},
        {"reverse", 0, ARGUMENT_NONE, .profiler = "reverse", .is_format = true},
        {"inverted", 0, ARGUMENT_NONE, .profiler = "inverted", .is_format = true},
        {"samples", 0, ARGUMENT_NONE, .profiler = "samples", .is_format = true},
        {"total", 0, ARGUMENT_NONE, .profiler = "total", .is_format = true},

        {"loop", 0, ARGUMENT_REFUSED, .words = "profiling without end is what `asprof-agentd run` does"},
        {"timeout", 0, ARGUMENT_REFUSED, .words = "write -d TIME: the session ends with the command"},
        {"fdtransfer", 0, ARGUMENT_REFUSED,
                .words = "it is not supported; use -e ctimer where perf events are not permitted"},
        {"jfrsync", 0, ARGUMENT_REFUSED,
                .words = "the JVM would have to write beside our file, where it must not"},
        {"check", 0, ARGUMENT_REFUSED, .words = "async-profiler 4.4 removed it"},
        {"safemode", 0, ARGUMENT_REFUSED, .words = "async-profiler 4.4 removed it"},
};
#define N_OPTIONS (sizeof(grammar) / sizeof(*grammar))

/* getopt_long() gives an index back as this and more; below are letters. */
#define LONG_BASE 0x200

typedef struct Parser {
    ProfileRequest request;
    FILE *params;
    FILE *format;
    char *params_text, *format_text;
    size_t params_size, format_size;
    const char *format_name; /* -o */
    const char *needs_jfr;   /* the option that does */
    AsprofEvents events;
} Parser;

static bool word_in(const char *words, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = words; n > 0 && (p = strstr(p, word)); p += n)
        if ((p == words || p[-1] == '|') && (p[n] == '|' || p[n] == '\0'))
            return true;
    return false;
}

static int check_words(const GrammarOption *option, const char *value, char **reason)
{
    if (strcmp(value, "lbr") == 0)
        return fail(reason, -EINVAL, "--%s: async-profiler 4.4 removed 'lbr'", option->name);
    if (!word_in(option->words, value))
        return fail(reason, -EINVAL, "--%s: '%s' is none of %s", option->name, value, option->words);
    return 0;
}

static int check_pair(const char *value, char **reason)
{
    size_t first = strspn(value, "0123456789"),
           second = value[first] == '/' ? strspn(value + first + 1, "0123456789") : 0;

    if (first == 0 || first > 6 || second > 6 ||
            (value[first] == '/' ? second == 0 || value[first + 1 + second] : value[first] != '\0'))
        return fail(reason, -EINVAL, "'%s' is neither a number nor two with a slash between them", value);
    return 0;
}

static int check_percent(const char *value, char **reason)
{
    char *end;

    if (!*value || value[strspn(value, "0123456789.")] || strtod(value, &end) > 100 || *end)
        return fail(reason, -EINVAL, "'%s' is no percentage; write something like 0.5", value);
    return 0;
}

static void put_replaced(FILE *out, const char *value, char from, char to)
{
    for (; *value; value++)
        fputc(*value == from ? to : *value, out);
}

static void put_escaped(FILE *out, const char *value)
{
    for (; *value; value++) {
        if (*value == '&')
            fputs("&amp;", out);
        else if (*value == '<')
            fputs("&lt;", out);
        else if (*value == '>')
            fputs("&gt;", out);
        else if (*value == ',')
            fputs("&#44;", out);
        else
            fputc(*value, out);
    }
}

/* A list may have commas, a title anything but control characters. */
static int put_list(const GrammarOption *option, const char *value, FILE *out, char **reason)
{
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return fail(reason, -EINVAL, "--%s: it contains a control character", option->name);
    if (*value == '\0')
        return fail(reason, -EINVAL, "--%s: it is empty", option->name);
    fprintf(out, ",%s=", option->profiler);
    if (option->argument == ARGUMENT_TITLE)
        put_escaped(out, value);
    else
        put_replaced(out, value, ',', option->argument == ARGUMENT_PLUS ? '+' : ';');
    return 0;
}

static int put_number(const GrammarOption *option, const char *value, FILE *out, char **reason)
{
    uint64_t number = 0;
    int r;

    if (option->argument == ARGUMENT_SIZE)
        r = size_parse(value, &number, reason);
    else if (option->argument == ARGUMENT_NUMBER)
        r = number_parse(value, 0, INT_MAX, &number, reason);
    else
        r = duration_parse(value, option->argument == ARGUMENT_NS ? "ns" : "s", &number, reason);
    if (r < 0)
        return fail_prefix(reason, r, "--%s", option->name);
    if (option->argument == ARGUMENT_SECONDS) {
        if (number % NSEC_PER_SEC != 0)
            return fail(reason, -EINVAL, "--%s: '%s' is no whole number of seconds", option->name, value);
        number /= NSEC_PER_SEC;
    }
    fprintf(out, ",%s=%" PRIu64, option->profiler, number);
    return 0;
}

static int put_text(const GrammarOption *option, const char *value, FILE *out, char **reason)
{
    int r;

    r = option->argument == ARGUMENT_WORD      ? check_words(option, value, reason)
        : option->argument == ARGUMENT_PAIR    ? check_pair(value, reason)
        : option->argument == ARGUMENT_PERCENT ? check_percent(value, reason)
                                               : options_check_value(value, reason);
    if (r < 0)
        return option->argument == ARGUMENT_WORD ? r : fail_prefix(reason, r, "--%s", option->name);
    fprintf(out, ",%s=%s", option->profiler, value);
    return 0;
}

static int put_option(Parser *parser, const GrammarOption *option, const char *value, char **reason)
{
    FILE *out = option->is_format ? parser->format : parser->params;

    parser->events.option_modes |= option->mode;
    if (option->needs_jfr)
        parser->needs_jfr = option->name;
    switch (option->argument) {
    case ARGUMENT_NONE:
        fprintf(out, ",%s", option->profiler);
        return 0;
    case ARGUMENT_SIZE:
    case ARGUMENT_NS:
    case ARGUMENT_SECONDS:
    case ARGUMENT_NUMBER:
        return put_number(option, value, out, reason);
    case ARGUMENT_PLUS:
    case ARGUMENT_SEMICOLON:
    case ARGUMENT_TITLE:
        return put_list(option, value, out, reason);
    case ARGUMENT_REFUSED:
        return fail(reason, -EINVAL, "--%s: %s", option->name, option->words);
    default:
        return put_text(option, value, out, reason);
    }
}

static int parse_duration(Parser *parser, const char *value, char **reason)
{
    uint64_t ns;
    int r;

    r = duration_parse(value, "s", &ns, reason);
    if (r < 0)
        return fail_prefix(reason, r, "-d");
    if (ns < 100 * NSEC_PER_MSEC || ns > DURATION_MAX)
        return fail(reason, -ERANGE, "-d: '%s' is out of range; write something from 100ms to 24h", value);
    parser->request.duration = ns;
    return 0;
}

static int replace_string(char **string, const char *value)
{
    free(*string);
    *string = strdup(value);
    return *string ? 0 : -ENOMEM;
}

/* The options that have a meaning of their own. */
static int parse_own_option(Parser *parser, char letter, const char *name, const char *value, char **reason)
{
    switch (letter) {
    case 'e':
        return asprof_events_add(&parser->events, value, reason);
    case 'd':
        return parse_duration(parser, value, reason);
    case 'f':
        return *value ? replace_string(&parser->request.output, value)
                      : fail(reason, -EINVAL, "-f: the name is empty");
    case 'o':
        parser->format_name = value;
        return 0;
    case 'i':
        parser->events.interval = value;
        return 0;
    case 'r':
        parser->events.rate = value;
        return 0;
    case 'q':
        parser->request.quiet = true;
        return 0;
    case 'h':
        parser->request.action = PROFILE_HELP;
        return 0;
    case 'v':
        parser->request.action = PROFILE_VERSION;
        return 0;
    default:
        if (strcmp(name, "json") != 0)
            return replace_string(&parser->request.library, value);
        parser->request.json = true;
        return 0;
    }
}

static int parse_option(Parser *parser, int code, char **reason)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const GrammarOption *option = &grammar[i];

        if (code != LONG_BASE + (int)i && (option->letter == 0 || code != option->letter))
            continue;
        if (option->profiler || option->argument == ARGUMENT_REFUSED)
            return put_option(parser, option, optarg, reason);
        return parse_own_option(parser, option->letter, option->name, optarg, reason);
    }
    return -EINVAL;
}

#define REFUSAL_SESSION                                                                                      \
    "profile begins and ends a session in one command, for -d TIME or until Ctrl-C; `asprof-agentd run` "    \
    "profiles continuously"
#define REFUSAL_JVM_COMMAND "it is a command for the JVM alone; the JDK's jcmd gives it"

typedef struct ActionName {
    const char *word;
    ProfileAction action;
    const char *refusal;
} ActionName;

static const ActionName actions[] = {
        {.word = "collect", .action = PROFILE_COLLECT},
        {.word = "status", .action = PROFILE_STATUS},
        {.word = "metrics", .action = PROFILE_METRICS},
        {.word = "list", .action = PROFILE_LIST},
        {"start", .refusal = REFUSAL_SESSION},
        {"stop", .refusal = REFUSAL_SESSION},
        {"resume", .refusal = REFUSAL_SESSION},
        {"dump", .refusal = REFUSAL_SESSION},
        {"check", .refusal = "async-profiler 4.4 removed it; profile says by itself what stands in its way"},
        {"load", .refusal = REFUSAL_JVM_COMMAND},
        {"jcmd", .refusal = REFUSAL_JVM_COMMAND},
        {"threaddump", .refusal = REFUSAL_JVM_COMMAND},
        {"dumpheap", .refusal = REFUSAL_JVM_COMMAND},
        {"inspectheap", .refusal = REFUSAL_JVM_COMMAND},
        {"jps", .refusal = "give the process by its number; `asprof-agentd list` shows them"},
};
#define N_ACTIONS (sizeof(actions) / sizeof(*actions))

static int parse_word(Parser *parser, const char *word, char **reason)
{
    const char *words[N_ACTIONS], *nearest;
    uint64_t pid;

    for (size_t i = 0; i < N_ACTIONS; i++) {
        words[i] = actions[i].word;
        if (strcmp(word, actions[i].word) != 0)
            continue;
        if (actions[i].refusal)
            return fail(reason, -EINVAL, "%s: %s", word, actions[i].refusal);
        parser->request.action = actions[i].action;
        return 0;
    }
    if (number_parse(word, 1, INT_MAX, &pid, NULL) >= 0) {
        if (parser->request.pid > 0)
            return fail(reason, -EINVAL, "there are two process numbers, %d and %s; profile takes one",
                    parser->request.pid, word);
        parser->request.pid = (pid_t)pid;
        return 0;
    }
    nearest = suggest_nearest(word, words, N_ACTIONS);
    if (nearest)
        return fail(reason, -EINVAL, "'%s' is neither a process number nor an action, did you mean '%s'?",
                word, nearest);
    return fail(reason, -EINVAL, "'%s' is no process number; `asprof-agentd list` shows them", word);
}

static int check_format(Parser *parser, char **reason)
{
    ProfileRequest *request = &parser->request;
    int r;

    r = asprof_format_put(parser->format_name, request->output, parser->needs_jfr ? "jfr" : "flamegraph",
            parser->format, &request->extension, reason);
    if (r < 0)
        return r;
    request->jfr = strcmp(request->extension, "jfr") == 0;
    if (request->jfr)
        return 0;
    if (asprof_events_need_jfr(&parser->events))
        return fail(reason, -EINVAL, "several events at once need a JFR recording; write -f NAME.jfr");
    if (parser->needs_jfr)
        return fail(reason, -EINVAL, "--%s needs a JFR recording; write -f NAME.jfr", parser->needs_jfr);
    return 0;
}

static int check_request(Parser *parser, char **reason)
{
    int r;

    if (parser->request.pid == 0)
        return fail(reason, -EINVAL, "which process? give its number; `asprof-agentd list` shows them");
    if (parser->request.action != PROFILE_COLLECT)
        return 0;
    r = asprof_events_put(&parser->events, parser->params, reason);
    return r < 0 ? r : check_format(parser, reason);
}

/* For the progress bar: what is sampled. */
static int describe_events(Parser *parser)
{
    size_t size = 0;
    FILE *out = open_memstream(&parser->request.events, &size);

    if (!out)
        return -ENOMEM;
    asprof_events_describe(&parser->events, out);
    return fclose(out) == 0 ? 0 : -ENOMEM;
}

static int parser_parse(Parser *parser, int argc, char **argv, char **reason)
{
    struct option options[N_OPTIONS + 1] = {0};
    char letters[2 * N_OPTIONS + 2] = ":";
    size_t n = 1;
    int r = 0, code;

    for (size_t i = 0; i < N_OPTIONS; i++) {
        bool has_value = grammar[i].argument != ARGUMENT_NONE && grammar[i].argument != ARGUMENT_REFUSED;

        options[i] = (struct option){grammar[i].name,
                grammar[i].argument == ARGUMENT_REFUSED ? optional_argument
                : has_value                             ? required_argument
                                                        : no_argument,
                NULL, LONG_BASE + (int)i};
        if (grammar[i].letter) {
            letters[n++] = grammar[i].letter;
            if (has_value)
                letters[n++] = ':';
        }
    }
    letters[n] = '\0';
    optind = 0;
    while (r >= 0 && (code = command_line_next(argc, argv, letters, options)) != -1)
        r = code == '?' ? -EINVAL : parse_option(parser, code, reason);
    for (int i = optind; r >= 0 && i < argc; i++)
        r = parse_word(parser, argv[i], reason);
    if (r >= 0 && parser->request.action != PROFILE_HELP && parser->request.action != PROFILE_VERSION)
        r = check_request(parser, reason);
    return r < 0 ? r : describe_events(parser);
}

void profile_request_clear(ProfileRequest *request)
{
    free(request->output);
    free(request->library);
    free(request->events);
    free(request->params);
    free(request->format);
    *request = (ProfileRequest){0};
}

int grammar_parse(int argc, char **argv, ProfileRequest *ret, char **reason)
{
    Parser parser = {.request.duration = DURATION_DEFAULT};
    int r = -ENOMEM;

    parser.params = open_memstream(&parser.params_text, &parser.params_size);
    parser.format = open_memstream(&parser.format_text, &parser.format_size);
    if (parser.params && parser.format)
        r = parser_parse(&parser, argc, argv, reason);
    if (parser.params && fclose(parser.params) != 0)
        r = -ENOMEM;
    if (parser.format && fclose(parser.format) != 0)
        r = -ENOMEM;
    parser.request.params = parser.params_text;
    parser.request.format = parser.format_text;
    if (r < 0) {
        profile_request_clear(&parser.request);
        return r == -ENOMEM ? r : -EINVAL;
    }
    *ret = parser.request;
    return 0;
}

int grammar_format_start(const ProfileRequest *request, const char *file, uint64_t timeout, char **ret)
{
    char *text;

    if (asprintf(&text, "start%s%s,file=%s,timeout=%" PRIu64, request->params, request->format, file,
                timeout) < 0)
        return -ENOMEM;
    *ret = text;
    return 0;
}

int grammar_format_stop(const ProfileRequest *request, const char *file, char **ret)
{
    char *text;

    if (asprintf(&text, "stop,file=%s%s", file, request->format) < 0)
        return -ENOMEM;
    *ret = text;
    return 0;
}
