/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/config_scan.h"

#include <stdint.h>
#include <string.h>

#include "conf/failure.h"
#include "conf/units.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*"

typedef struct Scan {
    const char *text;
    const char *path;
    const char *name; /* the last one, "" before the first */
    size_t name_length;
    char **reason;
} Scan;

static unsigned line_of(const Scan *scan, const char *p)
{
    unsigned line = 1;

    for (const char *q = scan->text; q < p; q++)
        line += *q == '\n';
    return line;
}

/* The length of a string with its quotes; 0: the second is missing. */
static size_t string_length(const char *text)
{
    const char *p = text + 1;

    for (; *p && *p != '"'; p++)
        if (*p == '\\' && p[1])
            p++;
    return *p ? (size_t)(p + 1 - text) : 0;
}

static size_t comment_length(const char *text)
{
    const char *end = strstr(text + 2, "*/");

    return end ? (size_t)(end + 2 - text) : 0;
}

static int refuse_number(const Scan *scan, const char *p, size_t length, const char *what)
{
    return fail(scan->reason, -ERANGE, "%s:%u: %.*s: %.*s %s", scan->path, line_of(scan, p),
            (int)scan->name_length, scan->name, (int)length, p, what);
}

/* A whole number is an int, with "L" or "LL" a long; what else begins with a digit is the parser's. */
static int check_number(const Scan *scan, const char *p, size_t length)
{
    size_t digits = strspn(p, DIGITS);
    const char *suffix = p + digits;
    uint64_t max = INT32_MAX, value;
    _cleanup_free_ char *copy = strndup(p, digits);

    if (!copy)
        return -ENOMEM;
    if (*suffix == 'x' || *suffix == 'X')
        return refuse_number(scan, p, length, "is hexadecimal; write it in decimal");
    if (*suffix == 'L')
        max = INT64_MAX;
    else if (length != digits)
        return 0;
    if (number_parse(copy, 0, max, &value, NULL) < 0)
        return refuse_number(scan, p, length, "is too large to stand there as it is; write it in quotes");
    return 0;
}

int config_scan(const char *text, const char *path, char **reason)
{
    Scan scan = {.text = text, .path = path, .name = "", .reason = reason};
    const char *p = text;
    int r = 0;

    for (size_t length; r >= 0 && *p; p += length) {
        length = 1;
        if (*p == '#' || (p[0] == '/' && p[1] == '/')) {
            length = strcspn(p, "\n");
        } else if (p[0] == '/' && p[1] == '*') {
            length = comment_length(p);
        } else if (*p == '"') {
            length = string_length(p);
        } else if (*p == '@') {
            r = fail(reason, -EINVAL, "%s:%u: @include is not supported; write it all in one file", path,
                    line_of(&scan, p));
        } else if (strchr(LETTERS, *p)) {
            length = strspn(p, LETTERS DIGITS "-_");
            scan.name = p;
            scan.name_length = length;
        } else if (strchr(DIGITS, *p)) {
            length = strspn(p, LETTERS DIGITS ".");
            r = check_number(&scan, p, length);
        }
        if (length == 0)
            r = fail(reason, -EINVAL, "%s:%u: the %s that begins here has no end; close it with %s", path,
                    line_of(&scan, p), *p == '"' ? "string" : "comment", *p == '"' ? "'\"'" : "'*/'");
    }
    return r;
}
