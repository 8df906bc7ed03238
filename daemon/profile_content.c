/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/profile_content.h"

#include <string.h>

#include "conf/failure.h"
#include "daemon/jfr.h"
#include "daemon/utf8.h"

#define TEXT_MAX (1024 * 1024)

/* On a full disk a page has no end, and async-profiler calls that a warning. */
static int check_html(int fd, uint64_t size, char **reason)
{
    char tail[16] = "";
    uint64_t length = size < sizeof(tail) - 1 ? size : sizeof(tail) - 1;

    if (pread(fd, tail, length, (off_t)(size - length)) < 0)
        return -errno;
    return strstr(tail, "</html>") ? 0 : fail(reason, -EBADMSG, "the page has no end");
}

int profile_content_check(int fd, uint64_t size, const char *extension, char **reason)
{
    JfrSummary summary;

    if (size == 0)
        return fail(reason, -ENODATA, "async-profiler wrote nothing");
    if (strcmp(extension, "jfr") == 0)
        return jfr_check(fd, size, &summary, reason);
    if (strcmp(extension, "html") == 0)
        return check_html(fd, size, reason);
    return 0;
}

static int put_lines(const char *bytes, size_t size, FILE *out)
{
    const char *end = bytes + size;

    for (const char *line = bytes, *next; line < end; line = next + 1) {
        _cleanup_free_ char *printable = NULL;

        next = memchr(line, '\n', (size_t)(end - line));
        next = next ? next : end;
        printable = utf8_line(line, (size_t)(next - line));
        if (!printable)
            return -ENOMEM;
        fprintf(out, "%s\n", printable);
    }
    return 0;
}

int profile_content_read(int fd, char **ret)
{
    _cleanup_free_ char *bytes = malloc(TEXT_MAX), *text = NULL;
    size_t size = 0;
    ssize_t n;
    FILE *out;
    int r;

    if (!bytes)
        return -ENOMEM;
    n = pread(fd, bytes, TEXT_MAX, 0);
    if (n < 0)
        return -errno;
    out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;
    r = put_lines(bytes, (size_t)n, out);
    if (fclose(out) != 0)
        r = -ENOMEM;
    if (r >= 0)
        *ret = steal_pointer(&text);
    return r;
}
