/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/hotspot.h"

#include <criterion/criterion.h>
#include <string.h>

#include "conf/cleanup.h"

typedef struct Case {
    const char *reply;
    int result;
    int code;
    const char *reason; /* a part of it */
} Case;

/* As measured, and what is nearly that. */
static const Case cases[] = {
        /* JDK 8 */
        {"0\n0\n", 0, 0, NULL},
        {"0\n100\n", ENGINE_REFUSED, 100, "100"},
        {"0\n200\n", ENGINE_REFUSED, 200, "200"},
        {"0\n-1\n", ENGINE_REFUSED, -1, "-1"},
        {"-1\n", ENGINE_REFUSED, -1, "does not say why"},
        /* JDK 11, 17 */
        {"0\nreturn code: 0\n", 0, 0, NULL},
        {"0\nreturn code: 0", 0, 0, NULL},
        {"0\nreturn code: 100\n", ENGINE_REFUSED, 100, "100"},
        {"0\nreturn code: 200\n", ENGINE_REFUSED, 200, "200"},
        {"-1\n/a/lib.so was not loaded.\n/a/lib.so: no such file\n", ENGINE_REFUSED, -1,
                "the JVM refused: /a/lib.so was not loaded. /a/lib.so: no such file"},
        {"-1\nDynamic agent loading is not enabled", ENGINE_REFUSED, -1, "-XX:+EnableDynamicAgentLoading"},
        /* JDK 21, 25 */
        {"0\n/a/lib.so was not loaded.\n/a/lib.so: no such file\n", ENGINE_REFUSED, -1, "no such file"},
        {"0\nDynamic agent loading is not enabled.\n", ENGINE_REFUSED, -1, "-XX:+EnableDynamicAgentLoading"},
        /* all */
        {"-1\nOperation load not recognized!", ENGINE_REFUSED, -1, "Operation load not recognized!"},
        {"101\n", ENGINE_REFUSED, -1, "version 1"},
        /* a terminal's escape sequence, and what is no ASCII */
        {"-1\n\033[2Jb\xc3\xa4h\r\n", ENGINE_REFUSED, -1, "the JVM refused: ?[2Jb??h"},
        /* no JVM */
        {"0\n", -EPROTO, -1, "ends before"},
        {"0", -EPROTO, -1, "\"0\""},
        {"\n", -EPROTO, -1, "not one that a JVM gives"},
        {"-\n0\n", -EPROTO, -1, "not one that a JVM gives"},
        {"+0\n0\n", -EPROTO, -1, "not one that a JVM gives"},
        {" 0\n0\n", -EPROTO, -1, "not one that a JVM gives"},
        {"hello", -EPROTO, -1, "\"hello\""},
        {"return code: 0\n", -EPROTO, -1, "return code: 0"},
        {"99999999999999999999\n0\n", -EPROTO, -1, "not one that a JVM gives"},
        {"0\nreturn code: \n", -EPROTO, -1, "return code:"},
        {"0\nreturn code: 0x\n", -EPROTO, -1, "return code: 0x"},
        {"0\nreturn code: 0\n0\n", -EPROTO, -1, "return code: 0"},
        {"0\nreturn code: 18446744073709551616\n", -EPROTO, -1, "return code: 1"},
        {"0\n0\n0\n", ENGINE_REFUSED, -1, "the JVM refused: 0 0"},
        {"0\nreturn code:0\n", ENGINE_REFUSED, -1, "return code:0"},
};

Test(hotspot_reply, every_row_of_the_table)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *reason = NULL;
        int code = 77;

        cr_expect_eq(hotspot_parse_reply(cases[i].reply, strlen(cases[i].reply), &code, &reason),
                cases[i].result, "%s", cases[i].reply);
        cr_expect_eq(code, cases[i].code, "%s: %d", cases[i].reply, code);
        if (cases[i].reason)
            cr_expect(reason && strstr(reason, cases[i].reason), "%s: %s", cases[i].reply, reason);
        else
            cr_expect_null(reason);
    }
}

Test(hotspot_reply, holds_nul_bytes_and_any_length)
{
    static char reply[64 * 1024];
    _cleanup_free_ char *reason = NULL;
    int code;

    memset(reply, 'x', sizeof(reply));
    cr_assert_eq(hotspot_parse_reply(reply, sizeof(reply), &code, &reason), -EPROTO);
    cr_assert_lt(strlen(reason), 256);
    memcpy(reply, "-1\n\0", 4);
    cr_assert_eq(hotspot_parse_reply(reply, sizeof(reply), &code, &reason), ENGINE_REFUSED);
    cr_assert_lt(strlen(reason), 2048);
    cr_assert_not_null(strstr(reason, "refused: ?xxx"));
    cr_assert_eq(hotspot_parse_reply("0\n0\0\n", 5, &code, &reason), ENGINE_REFUSED);
}
