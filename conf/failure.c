/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/failure.h"

#include <stdarg.h>
#include <string.h>

int fail(char **reason, int r, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    if (!reason)
        return r;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    free(*reason);
    *reason = text;
    return r;
}

int fail_prefix(char **reason, int r, const char *format, ...)
{
    _cleanup_free_ char *prefix = NULL;
    char *text = NULL;
    va_list args;

    if (!reason)
        return r;
    va_start(args, format);
    if (vasprintf(&prefix, format, args) < 0)
        prefix = NULL;
    va_end(args);
    if (prefix && asprintf(&text, "%s: %s", prefix, failure_text(*reason, r)) >= 0) {
        free(*reason);
        *reason = text;
    }
    return r;
}

const char *failure_text(const char *reason, int r)
{
    return reason ? reason : strerror(r < 0 ? -r : r);
}
