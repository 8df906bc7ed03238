/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/profile_output.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "conf/failure.h"
#include "conf/units.h"
#include "reporters/file_copy.h"

static void put_time(FILE *out)
{
    time_t now = time(NULL);
    char text[32];
    struct tm tm;

    localtime_r(&now, &tm);
    strftime(text, sizeof(text), "%Y%m%d-%H%M%S", &tm);
    fputs(text, out);
}

/* What the patterns of a name stand for. */
typedef struct Expansion {
    pid_t pid;
    uint64_t number;
    bool is_numbered; /* found out: it has a %n */
    uint64_t max;     /* of %n{MAX}; 0 for none */
} Expansion;

/* "{MAX}" behind %n, where it is there. */
static int read_max(const char **p, Expansion *expansion, char **reason)
{
    _cleanup_free_ char *text = NULL;
    size_t n = strcspn(*p, "}");

    if (**p != '{')
        return 0;
    text = strndup(*p + 1, n > 0 ? n - 1 : 0);
    if (!text)
        return -ENOMEM;
    if ((*p)[n] != '}' || number_parse(text, 1, INT_MAX, &expansion->max, NULL) < 0)
        return fail(reason, -EINVAL, "-f: after %%n there may be a number in braces, as in %%n{10}");
    *p += n + 1;
    return 0;
}

static int put_environment(const char **p, FILE *out, char **reason)
{
    size_t n = strcspn(*p, "}");
    _cleanup_free_ char *name = strndup(*p, n);
    const char *value = name ? getenv(name) : NULL;

    if ((*p)[n] != '}' || !value)
        return fail(reason, -EINVAL, "-f: there is no environment variable '%s'", name ? name : "");
    fputs(value, out);
    *p += n + 1;
    return 0;
}

/* Puts what stands after '%' at *p and goes past it. */
static int put_pattern(const char **p, Expansion *expansion, FILE *out, char **reason)
{
    switch (*(*p)++) {
    case 'p':
        fprintf(out, "%d", (int)expansion->pid);
        return 0;
    case 't':
        put_time(out);
        return 0;
    case 'n':
        fprintf(out, "%" PRIu64, expansion->number);
        expansion->is_numbered = true;
        return read_max(p, expansion, reason);
    case '%':
        fputc('%', out);
        return 0;
    case '{':
        return put_environment(p, out, reason);
    default:
        return fail(reason, -EINVAL, "-f: after '%%' there must be p, t, n, {NAME} or %%");
    }
}

static int expand(const char *pattern, Expansion *expansion, char **ret, char **reason)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int r = 0;

    if (!out)
        return -ENOMEM;
    while (r >= 0 && *pattern)
        if (*pattern++ != '%')
            fputc(pattern[-1], out);
        else
            r = put_pattern(&pattern, expansion, out, reason);
    if (fclose(out) != 0)
        r = -ENOMEM;
    if (r < 0)
        free(text);
    else
        *ret = text;
    return r;
}

/* The first number that is free; below MAX, or else 0 over again. */
static int expand_name(const char *pattern, pid_t pid, char **ret, char **reason)
{
    Expansion expansion = {.pid = pid};

    for (;;) {
        _cleanup_free_ char *path = NULL;
        struct stat st;
        int r;

        r = expand(pattern, &expansion, &path, reason);
        if (r < 0)
            return r;
        if (!expansion.is_numbered || lstat(path, &st) < 0) {
            *ret = steal_pointer(&path);
            return 0;
        }
        if (++expansion.number == expansion.max) {
            expansion.number = 0;
            return expand(pattern, &expansion, ret, reason);
        }
    }
}

/* comm is the target's: only letters, digits, '.', '_' and '-' of it come into a name. */
static int make_name(const char *comm, pid_t pid, const char *extension, char **ret)
{
    char plain[16];
    char *text = NULL;
    size_t i, size = 0;
    FILE *out;

    for (i = 0; i < sizeof(plain) - 1 && comm[i]; i++)
        plain[i] = strchr("._-", comm[i]) || (comm[i] >= '0' && comm[i] <= '9') ||
                                   ((comm[i] | 0x20) >= 'a' && (comm[i] | 0x20) <= 'z')
                           ? comm[i]
                           : '_';
    plain[i] = '\0';
    out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;
    fprintf(out, "%s%s-%d-", plain[0] == '.' || plain[0] == '-' ? "_" : "", plain, (int)pid);
    put_time(out);
    fprintf(out, ".%s", extension);
    if (fclose(out) != 0)
        return -ENOMEM;
    *ret = text;
    return 0;
}

/* What is there and no regular file is written into; everything else is replaced as a whole. */
static bool is_stream(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static int open_temporary(ProfileOutput *output, char **reason)
{
    const char *slash = strrchr(output->path, '/');
    struct stat st;
    mode_t mask;

    if (stat(output->path, &st) == 0 && S_ISDIR(st.st_mode))
        return fail(reason, -EISDIR, "-f: %s is a directory; give a file in it", output->path);
    if (asprintf(&output->temporary, "%.*s.asprof-agentd-XXXXXX", slash ? (int)(slash + 1 - output->path) : 0,
                output->path) < 0) {
        output->temporary = NULL;
        return -ENOMEM;
    }
    output->fd = mkostemp(output->temporary, O_CLOEXEC);
    if (output->fd < 0) {
        int r = -errno;

        free(output->temporary);
        output->temporary = NULL;
        return fail(reason, r, "cannot write %s: %s", output->path, strerror(-r));
    }
    mask = umask(0);
    umask(mask);
    return fchmod(output->fd, 0644 & ~mask) < 0 ? -errno : 0;
}

static int output_open(ProfileOutput *output, char **reason)
{
    if (strcmp(output->path, "-") == 0) {
        output->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        return output->fd < 0 ? -errno : 0;
    }
    if (!is_stream(output->path))
        return open_temporary(output, reason);
    output->fd = open(output->path, O_WRONLY | O_CLOEXEC);
    if (output->fd < 0)
        return fail(reason, -errno, "cannot write %s: %s", output->path, strerror(errno));
    return 0;
}

int profile_output_open(const char *name, const char *comm, pid_t pid, const char *extension,
        ProfileOutput **ret, char **reason)
{
    _cleanup_(profile_output_freep) ProfileOutput *output = calloc(1, sizeof(*output));
    int r;

    if (!output)
        return -ENOMEM;
    output->fd = -1;
    r = name ? expand_name(name, pid, &output->path, reason) : make_name(comm, pid, extension, &output->path);
    if (r < 0)
        return r;
    r = output_open(output, reason);
    if (r < 0)
        return r;
    *ret = steal_pointer(&output);
    return 0;
}

/* A pipe or a terminal takes no copy by the kernel from every file system. */
static int copy_to_stream(int from, int to, uint64_t size)
{
    char buffer[16384];

    for (uint64_t done = 0; done < size;) {
        ssize_t n = pread(from, buffer, sizeof(buffer), (off_t)done);

        if (n <= 0)
            return n < 0 ? -errno : -ENODATA;
        for (ssize_t written = 0; written < n;) {
            ssize_t m = write(to, buffer + written, (size_t)(n - written));

            if (m < 0 && errno != EINTR)
                return -errno;
            written += m > 0 ? m : 0;
        }
        done += (uint64_t)n;
    }
    return 0;
}

int profile_output_publish(ProfileOutput *output, int fd, uint64_t size, char **reason)
{
    int r;

    if (!output->temporary) {
        r = copy_to_stream(fd, output->fd, size);
    } else {
        r = file_copy(fd, output->fd, size);
        if (r >= 0 && fsync(output->fd) < 0)
            r = -errno;
        if (r >= 0 && rename(output->temporary, output->path) < 0)
            r = -errno;
    }
    if (r < 0)
        return fail(reason, r, "cannot write %s: %s",
                strcmp(output->path, "-") == 0 ? "to stdout" : output->path, strerror(-r));
    free(output->temporary);
    output->temporary = NULL;
    return 0;
}

ProfileOutput *profile_output_free(ProfileOutput *output)
{
    if (!output)
        return NULL;
    if (output->temporary)
        unlink(output->temporary);
    free(output->temporary);
    free(output->path);
    close_fd(output->fd);
    free(output);
    return NULL;
}
