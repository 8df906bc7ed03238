/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/progress.h"

#include <criterion/criterion.h>
#include <string.h>

#include "conf/settings.h"

static const Progress some = {
        .what = "cpu", .whom = "java (4242)", .elapsed = 4200 * NSEC_PER_MSEC, .total = 10 * NSEC_PER_SEC};

Test(progress, line)
{
    char line[256];

    progress_format(&some, 80, line, sizeof(line));
    cr_assert_str_eq(line, "cpu  [################--------------------]  4.2s / 10s, 5.8s left  java (4242)",
            "%s", line);
}

Test(progress, fits_every_terminal)
{
    char line[256];

    for (size_t columns = 1; columns < 200; columns++) {
        progress_format(&some, columns, line, sizeof(line));
        cr_assert_lt(strlen(line), columns, "%zu: %s", columns, line);
        if (columns > 40)
            cr_assert(strstr(line, "5.8s left"), "%zu: %s", columns, line);
    }
}

Test(progress, ends_full)
{
    Progress over = some;
    char line[256];

    over.elapsed = 11 * NSEC_PER_SEC;
    progress_format(&over, 80, line, sizeof(line));
    cr_assert_null(strchr(line, '-'), "%s", line);
    cr_assert(strstr(line, "10.0s / 10s, 0.0s left"), "%s", line);
}

Test(progress, long_times_are_in_whole_seconds)
{
    Progress day = {.what = "cpu",
            .whom = "java (4242)",
            .elapsed = 3723400 * NSEC_PER_MSEC,
            .total = 86400 * NSEC_PER_SEC};
    char line[256];

    progress_format(&day, 100, line, sizeof(line));
    cr_assert(strstr(line, "]  1h2min3s / 1d, 22h57min57s left  java"), "%s", line);
}

Test(progress, a_long_name_leaves_room_for_the_times)
{
    Progress method = some;
    char line[256];

    method.what = "com.example.deep.in.some.package.Class.methodWithALongName";
    progress_format(&method, 60, line, sizeof(line));
    cr_assert(strstr(line, "5.8s left"), "%s", line);
}
