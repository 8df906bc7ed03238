/* SPDX-License-Identifier: Apache-2.0 */
#include "reporters/local.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "conf/directory.h"
#include "conf/failure.h"
#include "conf/units.h"
#include "reporters/file_copy.h"
#include "reporters/retention.h"

#define SECOND_FORMAT "%Y-%m-%dT%H-%M-%SZ"
#define SECOND_LENGTH 20
#define TEMPORARY_PREFIX ".asprof-agentd-"
#define LIMIT_MAX (UNITS_MAX + 16)

typedef struct LocalReporter {
    Reporter reporter;
    LocalSettings settings; /* with a directory string of its own */
} LocalReporter;

DEFINE_CLEANUP(Reporter, reporter_free)

/* Made if missing, also when somebody has removed it since. */
static int local_open_directory(const LocalReporter *local, char **reason)
{
    const char *path = local->settings.directory;
    _cleanup_close_ int fd = -1;
    struct stat st;
    int r;

    r = directory_make(path, 0750, 0755);
    if (r < 0)
        return fail(reason, r, "cannot make the directory %s: %s", path, strerror(-r));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(reason, -errno, "cannot open the directory %s: %s", path, strerror(errno));
    if ((st.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
        return fail(reason, -EPERM,
                "everybody may write in %s and so replace recordings: chmod o-w it, or +t", path);
    return steal_fd(&fd);
}

static bool is_ours(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_uid == geteuid();
}

/* The temporary files of a writer that died; one that lives holds a lock on its own. */
static int local_sweep(int directory)
{
    _cleanup_closedir_ DIR *dir = directory_list(directory);
    struct dirent *entry;

    if (!dir)
        return -errno;
    while (errno = 0, (entry = readdir(dir))) {
        _cleanup_close_ int fd = -1;
        struct stat st;

        if (strncmp(entry->d_name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) != 0)
            continue;
        fd = openat(directory, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &st) == 0 && is_ours(&st) && flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(directory, entry->d_name, 0);
    }
    return -errno;
}

static void format_second(int64_t end, char second[static SECOND_LENGTH + 1])
{
    time_t t = (time_t)(end / (int64_t)NSEC_PER_SEC);
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(second, SECOND_LENGTH + 1, SECOND_FORMAT, &tm);
}

static void format_name(const char *second, unsigned number, char name[static NAME_MAX + 1])
{
    if (number == 1)
        snprintf(name, NAME_MAX + 1, "%s.jfr", second);
    else
        snprintf(name, NAME_MAX + 1, "%s_%u.jfr", second, number);
}

/* Whether a name is one that format_name() makes, and of which second since the epoch. */
static bool parse_name(const char *name, time_t *ret)
{
    static const char shape[] = "0000-00-00T00-00-00Z";
    struct tm tm = {0};
    const char *rest;

    for (size_t i = 0; i < SECOND_LENGTH; i++)
        if (shape[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != shape[i])
            return false;
    rest = strptime(name, SECOND_FORMAT, &tm);
    if (!rest)
        return false;
    if (*rest == '_') {
        size_t digits = strspn(rest + 1, "0123456789");

        if (digits == 0)
            return false;
        rest += 1 + digits;
    }
    *ret = timegm(&tm);
    return strcmp(rest, ".jfr") == 0;
}

/* Looks for the recording among those of its second: 1 if it is there already, else 0 and the first free
 * number. Its time of modification is the recording's end, to the nanosecond. */
static int local_find(int directory, const char *second, const Recording *recording, unsigned *ret_free)
{
    char name[NAME_MAX + 1];
    struct stat st;

    for (unsigned number = 1;; number++) {
        format_name(second, number, name);
        if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno != ENOENT)
                return -errno;
            *ret_free = number;
            return 0;
        }
        if (is_ours(&st) && (uint64_t)st.st_size == recording->size &&
                st.st_mtim.tv_sec == recording->end / (int64_t)NSEC_PER_SEC &&
                st.st_mtim.tv_nsec == recording->end % (int64_t)NSEC_PER_SEC)
            return 1;
    }
}

/* For people: not to the byte. */
static const char *format_rounded(uint64_t bytes, char buffer[static UNITS_MAX])
{
    if (bytes >= UINT64_C(10) << 20)
        bytes &= ~((UINT64_C(1) << 20) - 1);
    else if (bytes >= UINT64_C(10) << 10)
        bytes &= ~((UINT64_C(1) << 10) - 1);
    return size_format(bytes, buffer);
}

static int local_list(int directory, const char *except, RetentionItems *list)
{
    _cleanup_closedir_ DIR *dir = directory_list(directory);
    struct dirent *entry;
    int r;

    if (!dir)
        return -errno;
    while (errno = 0, (entry = readdir(dir))) {
        struct stat st;
        time_t ignored;

        if (!parse_name(entry->d_name, &ignored) || (except && strcmp(entry->d_name, except) == 0) ||
                fstatat(directory, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !is_ours(&st))
            continue;
        r = retention_add(list, entry->d_name, (uint64_t)st.st_size);
        if (r < 0)
            return r;
    }
    return -errno;
}

/* How many of the oldest are over the age; what cannot be told the age of is not in the list. */
static size_t over_age(const RetentionItems *list, uint64_t keep_age)
{
    time_t oldest = time(NULL) - (time_t)(keep_age / NSEC_PER_SEC);
    size_t n = 0;
    time_t second;

    while (n < list->n && parse_name(list->items[n].name, &second) && second < oldest)
        n++;
    return n;
}

/* How many of the oldest have to go to make room for one more of this size, and over which limit. */
static size_t local_excess(const LocalSettings *settings, const RetentionItems *list, uint64_t size,
        char limit[static LIMIT_MAX])
{
    char text[UNITS_MAX];
    size_t most = 0, n;

    n = settings->keep_count > 0 ? retention_over_count(list, settings->keep_count - 1) : 0;
    if (n > most) {
        most = n;
        snprintf(limit, LIMIT_MAX, "keep_count=%" PRIu64, settings->keep_count);
    }
    n = settings->keep_age > 0 ? over_age(list, settings->keep_age) : 0;
    if (n > most) {
        most = n;
        snprintf(limit, LIMIT_MAX, "keep_age=%s", duration_format(settings->keep_age, text));
    }
    n = settings->keep_bytes > 0
                ? retention_over_bytes(list, settings->keep_bytes > size ? settings->keep_bytes - size : 0)
                : 0;
    if (n > most) {
        most = n;
        snprintf(limit, LIMIT_MAX, "keep_bytes=%s", size_format(settings->keep_bytes, text));
    }
    return most;
}

/* Removes what is over the limits when there is one more of this size, which is called `newest` if it is
 * there already. The recording comes first: what goes wrong here becomes a notice. */
static void local_retain(
        const LocalReporter *local, int directory, const char *newest, uint64_t size, char **notice)
{
    _cleanup_(retention_clear) RetentionItems list = {0};
    char limit[LIMIT_MAX], rounded[UNITS_MAX];
    const char *path = local->settings.directory;
    uint64_t bytes = 0;
    size_t n;
    int r;

    r = local_list(directory, newest, &list);
    if (r < 0) {
        fail(notice, r, "cannot tell what to remove from %s: %s", path, strerror(-r));
        return;
    }
    retention_sort(&list);
    n = local_excess(&local->settings, &list, size, limit);
    for (size_t i = 0; i < n; i++) {
        if (unlinkat(directory, list.items[i].name, 0) < 0 && errno != ENOENT) {
            fail(notice, -errno, "cannot remove %s/%s, which is over %s: %s", path, list.items[i].name, limit,
                    strerror(errno));
            return;
        }
        bytes += list.items[i].size;
    }
    if (n > 0)
        fail(notice, 0, "removed %zu recording%s (%s) over %s", n, n == 1 ? "" : "s",
                format_rounded(bytes, rounded), limit);
}

static int local_free_space(int directory, uint64_t *ret)
{
    struct statvfs st;

    if (fstatvfs(directory, &st) < 0)
        return -errno;
    *ret = (uint64_t)st.f_bavail * st.f_frsize;
    return 0;
}

static bool is_room(const LocalReporter *local, uint64_t available, uint64_t size)
{
    return available >= size && available - size >= local->settings.free_space_floor;
}

static int local_make_room(
        const LocalReporter *local, int directory, uint64_t size, char **notice, char **reason)
{
    char is[UNITS_MAX], floor[UNITS_MAX], needed[UNITS_MAX];
    const char *path = local->settings.directory;
    uint64_t available = 0;
    int r;

    r = local_free_space(directory, &available);
    if (r == 0 && !is_room(local, available, size)) {
        local_retain(local, directory, NULL, size, notice);
        r = local_free_space(directory, &available);
    }
    if (r < 0)
        return fail(reason, r, "cannot tell the free space of %s: %s", path, strerror(-r));
    if (!is_room(local, available, size))
        return fail(reason, -ENOSPC,
                "%s has %s free, but needs %s for a recording and the %s of free_space_floor: make room "
                "there",
                path, format_rounded(available, is), format_rounded(size, needed),
                size_format(local->settings.free_space_floor, floor));
    return 0;
}

/* Writes a whole copy of the recording under a temporary name and returns its descriptor, whose lock keeps
 * local_sweep() of another process away. */
static int local_write(int directory, const char *temporary, const Recording *recording)
{
    const struct timespec times[] = {
            {.tv_nsec = UTIME_NOW},
            {.tv_sec = recording->end / (int64_t)NSEC_PER_SEC,
                    .tv_nsec = recording->end % (int64_t)NSEC_PER_SEC},
    };
    _cleanup_close_ int fd = -1;
    int r;

    fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    flock(fd, LOCK_EX);
    r = file_copy(recording->fd, fd, recording->size);
    if (r == 0 && (futimens(fd, times) < 0 || fsync(fd) < 0))
        r = -errno;
    if (r < 0) {
        unlinkat(directory, temporary, 0);
        return r;
    }
    return steal_fd(&fd);
}

static int rename_without_replacing(int directory, const char *from, const char *to)
{
    if (renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0)
        return 0;
    /* Not every file system can: NFS does this way only. */
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return -errno;
    if (linkat(directory, from, directory, to, 0) < 0 || unlinkat(directory, from, 0) < 0)
        return -errno;
    return 0;
}

/* Gives the temporary file the first free name of its second. */
static int local_publish(int directory, const char *temporary, const char *second, const Recording *recording,
        char name[static NAME_MAX + 1])
{
    unsigned number;
    int r;

    do {
        r = local_find(directory, second, recording, &number);
        if (r != 0)
            break;
        format_name(second, number, name);
        r = rename_without_replacing(directory, temporary, name);
    } while (r == -EEXIST);
    if (r != 0)
        unlinkat(directory, temporary, 0);
    return r;
}

static int local_deliver(const LocalReporter *local, int directory, const char *second,
        const Recording *recording, char **notice)
{
    char temporary[NAME_MAX + 1], name[NAME_MAX + 1];
    _cleanup_close_ int fd = -1;
    uint64_t random;
    int r;

    if (getrandom(&random, sizeof(random), 0) < 0)
        return -errno;
    snprintf(temporary, sizeof(temporary), TEMPORARY_PREFIX "%016" PRIx64, random);
    fd = local_write(directory, temporary, recording);
    if (fd < 0)
        return fd;
    r = local_publish(directory, temporary, second, recording, name);
    if (r != 0)
        return r < 0 ? r : 0;
    if (fsync(directory) < 0)
        return -errno;
    local_retain(local, directory, name, recording->size, notice);
    return 0;
}

static int local_report(Reporter *reporter, const Recording *recording, char **notice, char **reason)
{
    const LocalReporter *local = (LocalReporter *)reporter;
    char second[SECOND_LENGTH + 1];
    _cleanup_close_ int directory = -1;
    unsigned number;
    int r;

    directory = local_open_directory(local, reason);
    if (directory < 0)
        return directory;
    format_second(recording->end, second);
    r = local_find(directory, second, recording, &number);
    if (r == 0) {
        r = local_make_room(local, directory, recording->size, notice, reason);
        if (r < 0)
            return r;
        r = local_deliver(local, directory, second, recording, notice);
    }
    if (r < 0)
        return fail(reason, r, "cannot put a recording into %s: %s", local->settings.directory, strerror(-r));
    return 0;
}

static void local_free(Reporter *reporter)
{
    LocalReporter *local = (LocalReporter *)reporter;

    free(local->settings.directory);
    free(local);
}

int local_reporter_new(const LocalSettings *settings, Reporter **ret, char **reason)
{
    static const ReporterVtable vtable = {.kind = "local", .report = local_report, .free = local_free};
    LocalReporter *local = malloc(sizeof(*local));
    _cleanup_(reporter_freep) Reporter *reporter = NULL;
    _cleanup_close_ int directory = -1;
    int r;

    if (!local)
        return -ENOMEM;
    *local = (LocalReporter){.reporter.vtable = &vtable, .settings = *settings};
    reporter = &local->reporter;
    local->settings.directory = strdup(settings->directory);
    if (!local->settings.directory)
        return -ENOMEM;
    directory = local_open_directory(local, reason);
    if (directory < 0)
        return directory;
    r = local_sweep(directory);
    if (r < 0)
        return fail(reason, r, "cannot read the directory %s: %s", settings->directory, strerror(-r));
    *ret = steal_pointer(&reporter);
    return 0;
}
