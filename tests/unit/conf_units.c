/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/units.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "conf/cleanup.h"
#include "conf/settings.h"

typedef struct Case {
    const char *text;
    uint64_t value;
} Case;

#define N(array) (sizeof(array) / sizeof(*(array)))

Test(units, durations)
{
    static const Case cases[] = {
            {"0", 0},
            {"0s", 0},
            {"1ns", 1},
            {"100ms", 100 * NSEC_PER_MSEC},
            {"1500us", 1500000},
            {"1s", NSEC_PER_SEC},
            {"1.5s", 1500 * NSEC_PER_MSEC},
            {"0.1ms", 100000},
            {"2m", 120 * NSEC_PER_SEC},
            {"2min", 120 * NSEC_PER_SEC},
            {"1h30min", 5400 * NSEC_PER_SEC},
            {"1h30m5s", 5405 * NSEC_PER_SEC},
            {"1.5d", 129600 * NSEC_PER_SEC},
            {"9223372036s", UINT64_C(9223372036000000000)},
    };
    uint64_t value;

    for (size_t i = 0; i < N(cases); i++) {
        cr_assert_eq(duration_parse(cases[i].text, NULL, &value, NULL), 0, "%s", cases[i].text);
        cr_assert_eq(value, cases[i].value, "%s: %" PRIu64, cases[i].text, value);
    }
}

Test(units, durations_with_a_default_unit)
{
    uint64_t value;

    cr_assert_eq(duration_parse("10", "s", &value, NULL), 0);
    cr_assert_eq(value, 10 * NSEC_PER_SEC);
    cr_assert_eq(duration_parse("250", "ns", &value, NULL), 0);
    cr_assert_eq(value, 250);
    cr_assert_eq(duration_parse("2m", "s", &value, NULL), 0);
    cr_assert_eq(value, 120 * NSEC_PER_SEC);
}

Test(units, no_durations)
{
    static const char *const cases[] = {"", " ", "s", "-1s", "+1s", "1", "1 s", "1s ", "1x", "1sec", "1e3s",
            "0x10s", "1.s", ".5s", "1..5s", "1,5s", "nan", "inf", "1s2", "1.5ns", "1.0000000001s", "1S",
            "1MS", "1s\n", "1s,event=x", "--", "s1", "9223372037s", "99999999999999999999s", "300000000000d",
            "18446744073709551616ns", "1µs"};
    uint64_t value = 42;

    for (size_t i = 0; i < N(cases); i++) {
        _cleanup_free_ char *reason = NULL;

        cr_assert_lt(duration_parse(cases[i], NULL, &value, &reason), 0, "'%s'", cases[i]);
        cr_assert(reason);
        cr_assert_eq(value, 42, "untouched on failure");
    }
}

Test(units, missing_unit_says_what_is_right)
{
    _cleanup_free_ char *reason = NULL;
    uint64_t value;

    cr_assert_eq(duration_parse("100", NULL, &value, &reason), -EINVAL);
    cr_assert(strstr(reason, "100ms"), "%s", reason);
}

Test(units, sizes)
{
    static const Case cases[] = {{"0", 0}, {"1", 1}, {"5000000", 5000000}, {"10m", 10 << 20},
            {"512K", 512 << 10}, {"1GiB", 1 << 30}, {"1gb", 1 << 30}, {"1G", 1 << 30}, {"7b", 7},
            {"3kB", 3 << 10}};
    static const char *const bad[] = {"", "m", "-1", "+1", "1.5m", "1x", "1mm", "1 m", "0x10", "1e6",
            "10mib2", "9223372036854775808", "9999999999999999999999", "9007199254740993k", "1,2",
            "1m,event=x", "1\n", "1t"};
    uint64_t value;

    for (size_t i = 0; i < N(cases); i++) {
        cr_assert_eq(size_parse(cases[i].text, &value, NULL), 0, "%s", cases[i].text);
        cr_assert_eq(value, cases[i].value, "%s", cases[i].text);
    }
    for (size_t i = 0; i < N(bad); i++) {
        _cleanup_free_ char *reason = NULL;

        cr_assert_lt(size_parse(bad[i], &value, &reason), 0, "'%s'", bad[i]);
        cr_assert(reason);
    }
}

Test(units, numbers)
{
    uint64_t value;

    cr_assert_eq(number_parse("64", 1, 64, &value, NULL), 0);
    cr_assert_eq(value, 64);
    cr_assert_eq(number_parse("65", 1, 64, &value, NULL), -ERANGE);
    cr_assert_eq(number_parse("0", 1, 64, &value, NULL), -ERANGE);
    cr_assert_eq(number_parse("6 4", 1, 64, &value, NULL), -EINVAL);
    cr_assert_eq(number_parse("", 1, 64, &value, NULL), -EINVAL);
}

/* A small generator is enough; the seed is fixed so that a failure can be seen again. */
static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *state >> 20;
}

Test(units, what_is_written_can_be_read_back)
{
    uint64_t state = 1;

    for (unsigned i = 0; i < 20000; i++) {
        uint64_t ns = next_random(&state) >> (next_random(&state) % 40),
                 bytes = next_random(&state) << (next_random(&state) % 19);
        char buffer[UNITS_MAX];
        uint64_t value;

        cr_assert_eq(duration_parse(duration_format(ns, buffer), NULL, &value, NULL), 0, "%s", buffer);
        cr_assert_eq(value, ns, "%s", buffer);
        cr_assert_eq(size_parse(size_format(bytes, buffer), &value, NULL), 0, "%s", buffer);
        cr_assert_eq(value, bytes, "%s", buffer);
    }
}

Test(units, random_text_never_breaks_them)
{
    static const char alphabet[] = "0123456789.smhdunkgbMiB-+ex ,\n\xff";
    uint64_t state = 2, value;
    char text[24];

    for (unsigned i = 0; i < 200000; i++) {
        size_t n = next_random(&state) % (sizeof(text) - 1);

        for (size_t j = 0; j < n; j++)
            text[j] = alphabet[next_random(&state) % (sizeof(alphabet) - 1)];
        text[n] = '\0';
        if (duration_parse(text, "s", &value, NULL) == 0)
            cr_assert_leq(value, INT64_MAX);
        if (size_parse(text, &value, NULL) == 0)
            cr_assert_leq(value, INT64_MAX);
    }
}
