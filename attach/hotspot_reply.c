/* SPDX-License-Identifier: Apache-2.0 */
/* Source: OpenJDK, HotSpotVirtualMachine.loadAgentLibrary() and VirtualMachineImpl.execute(), of 8 to 25. */
#include "attach/hotspot.h"

#include <limits.h>
#include <string.h>

#include "attach/printable.h"
#include "conf/failure.h"

#define RETURN_CODE "return code: "
#define BAD_VERSION 101
/* As much of the JVM's words as belongs into a sentence. */
#define TEXT_MAX 1024

/* All of the text must be the number. */
static int parse_number(const char *text, size_t size, int *ret)
{
    bool negative = size > 0 && text[0] == '-';
    int number = 0;

    if (negative) {
        text++;
        size--;
    }
    if (size == 0)
        return -EPROTO;
    for (; size > 0; text++, size--) {
        if (*text < '0' || *text > '9' || number > (INT_MAX - 9) / 10)
            return -EPROTO;
        number = number * 10 + (*text - '0');
    }
    *ret = negative ? -number : number;
    return 0;
}

static int fail_protocol(const char *reply, size_t size, char **reason)
{
    _cleanup_free_ char *text = printable_copy(reply, size < 64 ? size : 64);

    return fail(
            reason, -EPROTO, "the answer is not one that a JVM gives: \"%s\"", failure_text(text, -ENOMEM));
}

/* The JVM itself did not load the library. */
static int refuse(const char *text, size_t size, char **reason)
{
    _cleanup_free_ char *copy = printable_copy(text, size < TEXT_MAX ? size : TEXT_MAX);

    if (!copy)
        return -ENOMEM;
    if (!copy[0])
        return fail(reason, ENGINE_REFUSED,
                "the JVM could not load the library and does not say why (JDK 8 never does): look at the "
                "library's permissions, whether it was built for this processor and C library, and the "
                "limits on the JVM's memory");
    if (strstr(copy, "Dynamic agent loading is not enabled"))
        return fail(reason, ENGINE_REFUSED,
                "dynamic agent loading is not enabled in the JVM; start it with "
                "-XX:+EnableDynamicAgentLoading");
    return fail(reason, ENGINE_REFUSED, "the JVM refused: %s", copy);
}

/* async-profiler's Agent_OnAttach() was called: JDK 9 and later say "return code: N", JDK 8 only N.
 * -ENOMSG: neither. */
static int parse_code(const char *body, size_t size, int *ret)
{
    bool named = size >= strlen(RETURN_CODE) && memcmp(body, RETURN_CODE, strlen(RETURN_CODE)) == 0;

    if (named) {
        body += strlen(RETURN_CODE);
        size -= strlen(RETURN_CODE);
    }
    if (size > 0 && body[size - 1] == '\n')
        size--;
    if (parse_number(body, size, ret) < 0)
        return named ? -EPROTO : -ENOMSG;
    return 0;
}

int hotspot_parse_reply(const char *reply, size_t size, int *ret_code, char **reason)
{
    const char *end = memchr(reply, '\n', size), *body;
    size_t body_size;
    int status, r;

    *ret_code = -1;
    if (!end || parse_number(reply, (size_t)(end - reply), &status) < 0)
        return fail_protocol(reply, size, reason);
    body = end + 1;
    body_size = size - (size_t)(body - reply);
    if (status == BAD_VERSION)
        return fail(reason, ENGINE_REFUSED, "the JVM does not speak version 1 of the attach protocol");
    if (status != 0)
        return refuse(body, body_size, reason);
    if (body_size == 0)
        return fail(reason, -EPROTO, "the JVM's answer ends before the library's own");
    r = parse_code(body, body_size, ret_code);
    if (r == -ENOMSG) /* From JDK 21 on this is how it says why it did not load the library. */
        return refuse(body, body_size, reason);
    if (r < 0)
        return fail_protocol(reply, size, reason);
    if (*ret_code != 0)
        return fail(reason, ENGINE_REFUSED, "async-profiler refused with code %d", *ret_code);
    return 0;
}
