/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/utf8.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT_LINE(text, expected)                                                                          \
    do {                                                                                                     \
        char *line_ = utf8_line(text, sizeof(text) - 1);                                                     \
                                                                                                             \
        cr_assert_not_null(line_);                                                                           \
        cr_expect_str_eq(line_, expected);                                                                   \
        free(line_);                                                                                         \
    } while (0)

Test(utf8, what_is_valid_and_printable_stays)
{
    EXPECT_LINE("", "");
    EXPECT_LINE("Main -a 'b'", "Main -a 'b'");
    EXPECT_LINE("gr\u00fc\u00dfe \u65e5\u672c \U0001f600", "gr\u00fc\u00dfe \u65e5\u672c \U0001f600");
    EXPECT_LINE("\xc2\xa0\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf",
            "\xc2\xa0\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf");
}

Test(utf8, control_characters_go)
{
    EXPECT_LINE("a\nb\tc\x1b[31m\x7f\0d", "a?b?c?[31m??d");
    EXPECT_LINE("\xc2\x9b"
                "31m",
            "??31m");
}

Test(utf8, what_is_not_valid_goes)
{
    EXPECT_LINE("a\xff\xfe", "a??");
    EXPECT_LINE("\x80", "?");
    EXPECT_LINE("\xc3", "?");
    EXPECT_LINE("\xc3(", "?(");
    EXPECT_LINE("\xe2\x82", "??");
    EXPECT_LINE("\xc0\xaf", "??");           /* overlong */
    EXPECT_LINE("\xe0\x80\xaf", "???");      /* overlong */
    EXPECT_LINE("\xed\xa0\x80", "???");      /* a surrogate */
    EXPECT_LINE("\xf4\x90\x80\x80", "????"); /* beyond Unicode */
    EXPECT_LINE("\xf8\x88\x80\x80\x80", "?????");
}

Test(utf8, width_counts_characters)
{
    cr_expect_eq(utf8_width(""), 0);
    cr_expect_eq(utf8_width("gr\u00fc\u00dfe"), 5);
    cr_expect_eq(utf8_cut("gr\u00fc\u00dfe", 3), 4);
    cr_expect_eq(utf8_cut("gr\u00fc\u00dfe", 0), 0);
    cr_expect_eq(utf8_cut("abc", 3), 3);
    cr_expect_eq(utf8_cut("abc", SIZE_MAX), 3);
}
