/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tracepoint.h"

#include <stdio.h>
#include <string.h>

#include "conf/cleanup.h"

static int read_id(const char *root, const char *event, size_t group_length, unsigned *ret)
{
    _cleanup_fclose_ FILE *file = NULL;
    _cleanup_free_ char *path = NULL;

    if (asprintf(&path, "%s/events/%.*s/%s/id", root, (int)group_length, event, event + group_length + 1) <
            0) {
        path = NULL;
        return -ENOMEM;
    }
    file = fopen(path, "re");
    if (!file)
        return -errno;
    return fscanf(file, "%9u", ret) == 1 ? 0 : -EBADMSG;
}

int tracepoint_find(const char *event, unsigned *ret)
{
    const char *colon = strchr(event, ':');
    int r;

    /* "VMThread::run" is a function, and nothing with a slash leads out of the directory. */
    if (!colon || strchr(colon + 1, ':') || strchr(event, '/'))
        return -ENOENT;
    r = read_id("/sys/kernel/tracing", event, (size_t)(colon - event), ret);
    return r < 0 ? read_id("/sys/kernel/debug/tracing", event, (size_t)(colon - event), ret) : r;
}
