/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/config_keys.h"
#include "conf/failure.h"
#include "conf/settings.h"
#include "conf/units.h"

#define TEXT_MAX 512
/* PID_MAX_LIMIT of the kernel; async-profiler walks every id of a range. */
#define THREAD_MAX 4194304

/* asprintf(), which leaves *ret alone on failure. */
_printf_(2, 3) static int print_to(char **ret, const char *format, ...)
{
    va_list args;
    char *text;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        return -ENOMEM;
    *ret = text;
    return 0;
}

static bool word_in(const char *words, const char *word, size_t length)
{
    while (*words) {
        size_t n = strcspn(words, "|");

        if (n == length && strncmp(words, word, n) == 0)
            return true;
        words += n + (words[n] == '|');
    }
    return false;
}

/* A control character would garble a log or a protocol. */
static int check_text(const char *value, char **reason)
{
    if (*value == '\0')
        return fail(reason, -EINVAL, "it is empty");
    if (strlen(value) > TEXT_MAX)
        return fail(reason, -EINVAL, "it is longer than %d bytes", TEXT_MAX);
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return fail(reason, -EINVAL, "it must not contain control characters");
    return 0;
}

static int check_option(const char *value, char **reason)
{
    int r = check_text(value, reason);

    if (r < 0)
        return r;
    if (strchr(value, ','))
        return fail(reason, -EINVAL, "'%s' contains a comma, where async-profiler would begin another option",
                value);
    return 0;
}

static int parse_event(const char *value, char **reason)
{
    if (strcmp(value, "wall") == 0)
        return fail(reason, -EINVAL,
                "the wall clock is always sampled; set wall_clock_interval, and leave event as it is");
    return check_option(value, reason);
}

/* Leaves out what does not count: "//", "/./" and a '/' at the end. */
static void simplify_path(char *path)
{
    char *to = path;

    for (const char *p = path; *p;) {
        size_t n;

        p += strspn(p, "/");
        n = strcspn(p, "/");
        if (n > 0 && !(n == 1 && *p == '.')) {
            *to++ = '/';
            memmove(to, p, n);
            to += n;
        }
        p += n;
    }
    *to = '\0';
}

static bool has_parent_component(const char *path)
{
    for (const char *p = path; (p = strstr(p, "/..")); p += 3)
        if (p[3] == '\0' || p[3] == '/')
            return true;
    return false;
}

static int parse_path(const ConfigKey *key, const char *value, char **ret_text, char **reason)
{
    char *text;
    int r;

    r = key->type == KEY_TYPE_SHARED_PATH ? check_option(value, reason) : check_text(value, reason);
    if (r < 0)
        return r;
    if (*value != '/')
        return fail(reason, -EINVAL, "'%s' is not an absolute path; begin it with '/'", value);
    if (has_parent_component(value))
        return fail(reason, -EINVAL, "'%s' contains '..'; write where it leads", value);
    if (key->type == KEY_TYPE_SHARED_PATH && strchr(value, '%'))
        return fail(reason, -EINVAL, "'%s' contains '%%', which async-profiler would expand", value);
    text = strdup(value);
    if (!text)
        return -ENOMEM;
    simplify_path(text);
    if (*text == '\0') {
        free(text);
        return fail(reason, -EINVAL, "'%s' is the root directory; choose a path below it", value);
    }
    *ret_text = text;
    return 0;
}

static int parse_words(const ConfigKey *key, const char *value, char **reason)
{
    size_t n;

    if (key == &config_keys[KEY_CSTACK] && strcmp(value, "lbr") == 0)
        return fail(reason, -EINVAL, "async-profiler 4.4 removed 'lbr'; write one of %s", key->words);
    do {
        n = key->type == KEY_TYPE_FLAGS ? strcspn(value, "+") : strlen(value);
        if (!word_in(key->words, value, n))
            return fail(reason, -EINVAL, "'%.*s' is none of %s%s", (int)n, value, key->words,
                    key->type == KEY_TYPE_FLAGS ? ", which may be joined by '+'" : "");
        value += n;
    } while (*value++ == '+');
    return 0;
}

static int parse_boolean(const char *value, uint64_t *ret, char **reason)
{
    static const char yes[] = "true|yes|on|1", no[] = "false|no|off|0";
    bool is = word_in(yes, value, strlen(value));

    if (!is && !word_in(no, value, strlen(value)))
        return fail(reason, -EINVAL, "'%s' is neither true nor false", value);
    *ret = is;
    return 0;
}

/* "N" or "N<separator>M"; a missing M is N. */
static int parse_two(
        const char *value, char separator, uint64_t min, uint64_t max, uint64_t ret[static 2], char **reason)
{
    const char *second = strchr(value, separator);
    _cleanup_free_ char *first = strndup(value, second ? (size_t)(second - value) : strlen(value));
    int r;

    if (!first)
        return -ENOMEM;
    r = number_parse(first, min, max, &ret[0], reason);
    ret[1] = ret[0];
    if (r >= 0 && second)
        r = number_parse(second + 1, min, max, &ret[1], reason);
    return r;
}

/* Numbers are spelled anew: a leading zero can mean octal to async-profiler. */
static int format_two(const uint64_t numbers[static 2], char separator, char **ret)
{
    if (numbers[0] == numbers[1])
        return print_to(ret, "%" PRIu64, numbers[0]);
    return print_to(ret, "%" PRIu64 "%c%" PRIu64, numbers[0], separator, numbers[1]);
}

static int parse_depth(const ConfigKey *key, const char *value, char **ret_text, char **reason)
{
    uint64_t depths[2];
    int r;

    r = parse_two(value, '/', key->min, key->max, depths, reason);
    if (r < 0)
        return r;
    if (depths[1] > depths[0])
        return fail(reason, -EINVAL,
                "'%s' would truncate stacks to more than they may have; write the larger first", value);
    return format_two(depths, '/', ret_text);
}

/* Those that async-profiler itself chooses from (OS::getProfilingSignal()): any other the JVM or the
 * application may need, or would die of. */
static bool is_profiling_signal(uint64_t number)
{
    return number == SIGPROF || number == SIGVTALRM || number == SIGSTKFLT || number == SIGPWR ||
           number >= (uint64_t)SIGRTMIN;
}

static int parse_signals(const char *value, char **ret_text, char **reason)
{
    uint64_t numbers[2];
    int r;

    r = parse_two(value, '/', 1, (uint64_t)SIGRTMAX, numbers, reason);
    if (r < 0)
        return r;
    /* With one for both, the wall clock's handler takes it over, and there are no CPU samples. */
    if (numbers[0] == numbers[1])
        return fail(reason, -EINVAL,
                "'%s' is one signal for CPU and wall clock, which need two; write something like 34/35",
                value);
    for (int i = 0; i < 2; i++)
        if (!is_profiling_signal(numbers[i]))
            return fail(reason, -EINVAL,
                    "signal %" PRIu64
                    " may have another use in a JVM; write %d, %d, %d, %d or one of %d to %d",
                    numbers[i], SIGSTKFLT, SIGVTALRM, SIGPROF, SIGPWR, SIGRTMIN, SIGRTMAX);
    return format_two(numbers, '/', ret_text);
}

static int parse_thread_range(const char *value, char **ret_text, char **reason)
{
    uint64_t range[2];
    int r;

    r = parse_two(value, '-', 1, THREAD_MAX, range, NULL);
    if (r < 0 || range[1] < range[0])
        return fail(reason, -EINVAL, "'%s' is no thread id; write something like 12,15-17", value);
    return format_two(range, '-', ret_text);
}

static int parse_pid(const char *value, char **ret_text, char **reason)
{
    uint64_t pid;
    int r;

    r = number_parse(value, 1, INT_MAX, &pid, NULL);
    if (r < 0)
        return fail(reason, r, "'%s' is no process number; `asprof-agentd list` shows them", value);
    return print_to(ret_text, "%" PRIu64, pid);
}

/* Of a unit, async-profiler reads the first letter only, and m is a millisecond to it. */
static const char *format_latency(uint64_t ns, char buffer[static UNITS_MAX])
{
    static const struct {
        const char *unit;
        uint64_t factor;
    } units[] = {{"s", NSEC_PER_SEC}, {"ms", NSEC_PER_MSEC}, {"us", NSEC_PER_USEC}, {"ns", 1}};
    size_t i = 0;

    while (ns % units[i].factor != 0)
        i++;
    snprintf(buffer, UNITS_MAX, "%" PRIu64 "%s", ns / units[i].factor, units[i].unit);
    return buffer;
}

/* "a.b.Class.method" or "a.b.Class.method(I)V", and ":latency" */
static int parse_method(const char *value, char **ret_text, char **reason)
{
    size_t length = strcspn(value, ":");
    const char *dot = memrchr(value, '.', length);
    char buffer[UNITS_MAX];
    uint64_t latency;
    int r;

    if (!dot || dot == value || dot + 1 == value + length)
        return fail(reason, -EINVAL, "'%s' is no method; write something like a.b.Class.method:50ms", value);
    if (value[length] == '\0')
        return print_to(ret_text, "%s", value);
    r = duration_parse(value + length + 1, NULL, &latency, reason);
    if (r < 0)
        return r;
    return print_to(ret_text, "%.*s:%s", (int)length, value, format_latency(latency, buffer));
}

static int parse_element(const ConfigKey *key, const char *value, char **ret_text, char **reason)
{
    int r;

    switch (key->type) {
    case KEY_TYPE_PIDS:
        return parse_pid(value, ret_text, reason);
    case KEY_TYPE_THREADS:
        return parse_thread_range(value, ret_text, reason);
    default:
        r = check_text(value, reason);
        return r < 0 ? r : parse_method(value, ret_text, reason);
    }
}

/* Whether one of the elements of a list is this one. */
static bool is_in_list(const char *list, const char *element)
{
    size_t length = strlen(element);

    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strcspn(p, ",") == length && strncmp(p, element, length) == 0)
            return true;
    return false;
}

static int parse_list(const ConfigKey *key, const char *value, char **ret_text, char **reason)
{
    _cleanup_free_ char *copy = strdup(value), *list = NULL;
    char *rest = copy, *element;

    if (!copy)
        return -ENOMEM;
    while ((element = strsep(&rest, ","))) {
        _cleanup_free_ char *parsed = NULL;
        char *longer;
        int r;

        r = parse_element(key, element, &parsed, reason);
        if (r < 0)
            return r;
        if (list && is_in_list(list, parsed))
            return fail(reason, -EINVAL, "'%s' is named twice", parsed);
        r = print_to(&longer, "%s%s%s", list ? list : "", list ? "," : "", parsed);
        if (r < 0)
            return r;
        free(list);
        list = longer;
    }
    *ret_text = steal_pointer(&list);
    return 0;
}

static int parse_duration(const ConfigKey *key, const char *value, uint64_t *ret, char **reason)
{
    char buffer[UNITS_MAX];
    uint64_t ns;
    int r;

    r = duration_parse(value, NULL, &ns, reason);
    if (r < 0)
        return r;
    if (ns < key->min)
        return fail(reason, -ERANGE, "'%s' is too short; the shortest is %s", value,
                duration_format(key->min, buffer));
    if (key->max > 0 && ns > key->max)
        return fail(reason, -ERANGE, "'%s' is too long; the longest is %s", value,
                duration_format(key->max, buffer));
    if (key->unit > 0 && ns % key->unit != 0)
        return fail(reason, -EINVAL, "'%s' is no whole number of %s", value,
                key->unit == NSEC_PER_SEC ? "seconds" : "milliseconds");
    *ret = ns;
    return 0;
}

static int parse_size(const ConfigKey *key, const char *value, uint64_t *ret, char **reason)
{
    char buffer[UNITS_MAX];
    uint64_t bytes;
    int r;

    r = size_parse(value, &bytes, reason);
    if (r < 0)
        return r;
    if (bytes < key->min)
        return fail(reason, -ERANGE, "'%s' is too small; the smallest is %s", value,
                size_format(key->min, buffer));
    if (key->max > 0 && bytes > key->max)
        return fail(reason, -ERANGE, "'%s' is too large; the largest is %s", value,
                size_format(key->max, buffer));
    *ret = bytes;
    return 0;
}

/* async-profiler takes "10m" as we do, but reads "010" as octal and knows no "10MiB". */
static bool is_profiler_size(const char *value)
{
    size_t digits = strspn(value, "0123456789");

    return (value[0] != '0' || digits == 1) &&
           (value[digits] == '\0' || (strchr("kmgKMG", value[digits]) && value[digits + 1] == '\0'));
}

int config_key_parse(
        const ConfigKey *key, const char *value, char **ret_text, uint64_t *ret_number, char **reason)
{
    _cleanup_free_ char *text = NULL;
    char buffer[UNITS_MAX];
    const char *plain = value;
    uint64_t number = 0;
    int r = -EINVAL;

    switch (key->type) {
    case KEY_TYPE_DURATION:
        r = parse_duration(key, value, &number, reason);
        plain = duration_format(number, buffer);
        break;
    case KEY_TYPE_SIZE:
        r = parse_size(key, value, &number, reason);
        plain = is_profiler_size(value) ? value : size_format(number, buffer);
        break;
    case KEY_TYPE_COUNT:
        r = number_parse(value, key->min, key->max, &number, reason);
        snprintf(buffer, sizeof(buffer), "%" PRIu64, number);
        plain = buffer;
        break;
    case KEY_TYPE_BOOLEAN:
        r = parse_boolean(value, &number, reason);
        plain = number ? "true" : "false";
        break;
    case KEY_TYPE_CHOICE:
    case KEY_TYPE_FLAGS:
        r = parse_words(key, value, reason);
        break;
    case KEY_TYPE_DEPTH:
        r = parse_depth(key, value, &text, reason);
        break;
    case KEY_TYPE_SIGNALS:
        r = parse_signals(value, &text, reason);
        break;
    case KEY_TYPE_EVENT:
        r = parse_event(value, reason);
        break;
    case KEY_TYPE_FUNCTION:
        r = check_option(value, reason);
        break;
    case KEY_TYPE_METHODS:
    case KEY_TYPE_THREADS:
    case KEY_TYPE_PIDS:
        r = parse_list(key, value, &text, reason);
        break;
    case KEY_TYPE_PATH:
    case KEY_TYPE_SHARED_PATH:
        r = parse_path(key, value, &text, reason);
        break;
    }
    if (r < 0)
        return r;
    if (!text)
        r = print_to(&text, "%s", plain);
    if (r < 0)
        return r;
    *ret_text = steal_pointer(&text);
    *ret_number = number;
    return 0;
}
