/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/units.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "conf/failure.h"
#include "conf/settings.h"

typedef struct Unit {
    const char *name;
    uint64_t factor;
} Unit;

/* The first name of a factor is the one that is written. */
static const Unit time_units[] = {
        {"d", 86400 * NSEC_PER_SEC},
        {"h", 3600 * NSEC_PER_SEC},
        {"min", 60 * NSEC_PER_SEC},
        {"m", 60 * NSEC_PER_SEC},
        {"s", NSEC_PER_SEC},
        {"ms", NSEC_PER_MSEC},
        {"us", NSEC_PER_USEC},
        {"ns", 1},
};

static const Unit size_units[] = {
        {"g", UINT64_C(1) << 30},
        {"m", UINT64_C(1) << 20},
        {"k", UINT64_C(1) << 10},
};

#define N_UNITS(units) (sizeof(units) / sizeof((units)[0]))

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads the digits at *p and goes past them. */
static int read_digits(const char **p, uint64_t *ret)
{
    uint64_t value = 0;

    if (!is_digit(**p))
        return -EINVAL;
    for (; is_digit(**p); (*p)++)
        if (__builtin_mul_overflow(value, 10, &value) ||
                __builtin_add_overflow(value, (uint64_t)(**p - '0'), &value) || value > INT64_MAX)
            return -ERANGE;
    *ret = value;
    return 0;
}

/* The decimals at *p as a share of factor; what is finer than 1 of it is refused. */
static int read_decimals(const char **p, uint64_t *ret_numerator, uint64_t *ret_denominator)
{
    uint64_t numerator = 0, denominator = 1;

    if (!is_digit(**p))
        return -EINVAL;
    for (; is_digit(**p); (*p)++) {
        if (denominator >= UINT64_C(1000000000))
            return -EINVAL;
        numerator = numerator * 10 + (uint64_t)(**p - '0');
        denominator *= 10;
    }
    *ret_numerator = numerator;
    *ret_denominator = denominator;
    return 0;
}

static const Unit *find_unit(const Unit *units, size_t n, const char *name, size_t length)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(units[i].name) == length && strncmp(units[i].name, name, length) == 0)
            return &units[i];
    return NULL;
}

/* One "1.5h" of a duration; goes past it and adds it to *total. Its unit must be smaller than *above, that of
 * the part before it (UINT64_MAX: it is the first). */
static int read_duration_part(const char **p, const char *default_unit, uint64_t *above, uint64_t *total)
{
    uint64_t whole, numerator = 0, denominator = 1, part, fraction;
    const char *name;
    const Unit *unit;
    size_t length;
    int r;

    r = read_digits(p, &whole);
    if (r >= 0 && **p == '.') {
        (*p)++;
        r = read_decimals(p, &numerator, &denominator);
    }
    if (r < 0)
        return r;
    name = *p;
    length = strcspn(name, "0123456789.");
    *p += length;
    if (length == 0) {
        if (*above != UINT64_MAX)
            return -EINVAL;
        if (!default_unit && (whole > 0 || numerator > 0))
            return -ENODATA;
        name = default_unit ? default_unit : "s";
        length = strlen(name);
    }
    unit = find_unit(time_units, N_UNITS(time_units), name, length);
    if (!unit || unit->factor >= *above)
        return -EINVAL;
    *above = unit->factor;
    /* 0.5ns is nothing that anybody can mean. */
    if (__builtin_mul_overflow(numerator, unit->factor, &fraction))
        return -ERANGE;
    if (fraction % denominator != 0)
        return -EINVAL;
    if (__builtin_mul_overflow(whole, unit->factor, &part) ||
            __builtin_add_overflow(part, fraction / denominator, &part) ||
            __builtin_add_overflow(*total, part, total) || *total > INT64_MAX)
        return -ERANGE;
    return 0;
}

int duration_parse(const char *text, const char *default_unit, uint64_t *ret, char **reason)
{
    const char *p = text;
    uint64_t above = UINT64_MAX, total = 0;
    int r;

    do
        r = read_duration_part(&p, default_unit, &above, &total);
    while (r >= 0 && *p);
    if (r == -ENODATA)
        return fail(reason, -EINVAL, "'%s' has no unit; write %sms, %ss or %smin", text, text, text, text);
    if (r == -ERANGE)
        return fail(reason, -ERANGE, "'%s' is too long; the longest duration is 292 years", text);
    if (r < 0)
        return fail(reason, -EINVAL, "'%s' is no duration; write something like 100ms, 30s or 1h30min", text);
    *ret = total;
    return 0;
}

/* After the letter, "B" or "iB" may follow: all are powers of 1024 here, as in async-profiler. */
static bool is_byte_suffix(const char *text)
{
    return *text == '\0' || strcmp(text, "b") == 0 || strcmp(text, "B") == 0 || strcmp(text, "iB") == 0;
}

int size_parse(const char *text, uint64_t *ret, char **reason)
{
    const char *p = text;
    const Unit *unit = NULL;
    uint64_t bytes;
    char letter;
    int r;

    r = read_digits(&p, &bytes);
    if (r >= 0 && *p && strcmp(p, "b") != 0 && strcmp(p, "B") != 0) {
        letter = *p >= 'A' && *p <= 'Z' ? (char)(*p + 'a' - 'A') : *p;
        unit = find_unit(size_units, N_UNITS(size_units), &letter, 1);
        r = unit && is_byte_suffix(p + 1) ? 0 : -EINVAL;
    }
    if (r >= 0 && unit && __builtin_mul_overflow(bytes, unit->factor, &bytes))
        r = -ERANGE;
    if (r == -ERANGE || (r >= 0 && bytes > INT64_MAX))
        return fail(reason, -ERANGE, "'%s' is too large; the largest size is 8191 petabytes", text);
    if (r < 0)
        return fail(reason, -EINVAL, "'%s' is no size; write something like 5000000, 512k, 10m or 1g", text);
    *ret = bytes;
    return 0;
}

int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret, char **reason)
{
    const char *p = text;
    uint64_t value = 0;
    int r;

    r = read_digits(&p, &value);
    if (r == 0 && *p)
        r = -EINVAL;
    if (r == -EINVAL)
        return fail(reason, r, "'%s' is no number; write one from %" PRIu64 " to %" PRIu64, text, min, max);
    if (r < 0 || value < min || value > max)
        return fail(reason, -ERANGE, "%s is out of range; write a number from %" PRIu64 " to %" PRIu64, text,
                min, max);
    *ret = value;
    return 0;
}

const char *duration_format(uint64_t ns, char buffer[static UNITS_MAX])
{
    size_t n = 0;

    if (ns == 0)
        return "0";
    for (size_t i = 0; i < N_UNITS(time_units); i++) {
        if (ns < time_units[i].factor)
            continue;
        n += (size_t)snprintf(
                buffer + n, UNITS_MAX - n, "%" PRIu64 "%s", ns / time_units[i].factor, time_units[i].name);
        ns %= time_units[i].factor;
    }
    return buffer;
}

const char *size_format(uint64_t bytes, char buffer[static UNITS_MAX])
{
    for (size_t i = 0; i < N_UNITS(size_units); i++)
        if (bytes > 0 && bytes % size_units[i].factor == 0) {
            snprintf(buffer, UNITS_MAX, "%" PRIu64 "%s", bytes / size_units[i].factor, size_units[i].name);
            return buffer;
        }
    snprintf(buffer, UNITS_MAX, "%" PRIu64, bytes);
    return buffer;
}
