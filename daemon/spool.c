/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/spool.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "conf/directory.h"
#include "conf/failure.h"
#include "conf/settings.h"
#include "daemon/jfr.h"
#include "daemon/utf8.h"
#include "reporters/file_copy.h"
#include "reporters/retention.h"

#define RECORDING "recording.jfr"
#define DESCRIPTION "entry.json"
#define DESCRIPTION_MAX 1024 /* bytes; ours have 200 */
#define MARK "todo."
#define INCOMPLETE_ENDING ".jfr.incomplete"
#define INCOMPLETE_MAX 16
#define ENTRY_NAME_MAX 80
#define HIDDEN_NAME_MAX (ENTRY_NAME_MAX + 8)
#define DIGITS "0123456789"

/* What a hidden name says of a directory that spool_open() may find: never sealed, or no longer needed. */
#define UNSEALED "tmp"
#define OUTGOING "old"

struct Spool {
    char *path; /* the shared directory's, for sentences */
    uint64_t max_bytes;
    int parent; /* the shared directory */
    int fd;
    int lock;
    pthread_mutex_t mutex; /* over the choice of new names, here and in incomplete/ */
};

/* Only what entry_name() makes is ever used as a path: 16 hex digits and two or three numbers. */
static bool is_entry_name(const char *name)
{
    size_t length = strspn(name, DIGITS "abcdef");
    unsigned numbers = 0;

    if (length != 16)
        return false;
    for (name += length; *name == '-'; name += 1 + length) {
        length = strspn(name + 1, DIGITS);
        if (length == 0 || length > 20)
            return false;
        numbers++;
    }
    return *name == '\0' && (numbers == 2 || numbers == 3);
}

static void entry_name(const SpoolEntry *entry, char name[static ENTRY_NAME_MAX])
{
    snprintf(name, ENTRY_NAME_MAX, "%016" PRIx64 "-%i-%" PRIu64, (uint64_t)entry->end / NSEC_PER_USEC,
            entry->pid, entry->start_time);
}

static void hidden_name(const char *name, const char *what, char hidden[static HIDDEN_NAME_MAX])
{
    snprintf(hidden, HIDDEN_NAME_MAX, ".%s.%s", name, what);
}

static bool is_hidden_name(const char *hidden)
{
    char name[ENTRY_NAME_MAX];
    const char *what = strrchr(hidden, '.');

    if (hidden[0] != '.' || (strcmp(what, "." UNSEALED) != 0 && strcmp(what, "." OUTGOING) != 0) ||
            what - hidden >= ENTRY_NAME_MAX)
        return false;
    snprintf(name, sizeof(name), "%.*s", (int)(what - hidden - 1), hidden + 1);
    return is_entry_name(name);
}

/* The first of base, base-2, base-3 ... that is not there. Nobody else makes names in our directories. */
static int find_free_name(int dir, const char *base, const char *ending, char name[static NAME_MAX + 1])
{
    struct stat st;

    for (unsigned n = 1;; n++) {
        int length = n == 1 ? snprintf(name, NAME_MAX + 1, "%s%s", base, ending)
                            : snprintf(name, NAME_MAX + 1, "%s-%u%s", base, n, ending);

        if (length > NAME_MAX)
            return -ENAMETOOLONG;
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return errno == ENOENT ? 0 : -errno;
    }
}

static int open_directory(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* A regular file of ours; anything else in its place is -EBADMSG. */
static int open_file(int dir, const char *name, struct stat *st)
{
    _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return errno == ELOOP || errno == ENXIO ? -EBADMSG : -errno;
    if (fstat(fd, st) < 0)
        return -errno;
    return S_ISREG(st->st_mode) ? steal_fd(&fd) : -EBADMSG;
}

/* Removes a directory that has no directories in it; one that is gone already is fine. */
static int remove_directory(int parent, const char *name)
{
    _cleanup_close_ int fd = open_directory(parent, name);
    _cleanup_closedir_ DIR *dir = NULL;
    struct dirent *entry;

    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    dir = directory_list(fd);
    if (!dir)
        return errno == ENOENT ? 0 : -errno;
    while (errno = 0, (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
                unlinkat(fd, entry->d_name, 0) < 0 && errno != ENOENT)
            return -errno;
    if (errno > 0 || (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT))
        return -errno;
    return 0;
}

/* A directory in the shared one that only we may enter. */
static int spool_open_private(const Spool *spool, const char *name, char **reason)
{
    _cleanup_close_ int fd = -1;
    struct stat st;

    if ((mkdirat(spool->parent, name, 0700) < 0 && errno != EEXIST) || fsync(spool->parent) < 0)
        return fail(reason, -errno, "cannot make %s/%s: %s", spool->path, name, strerror(errno));
    fd = open_directory(spool->parent, name);
    if (fd < 0)
        return fail(reason, fd, "cannot open %s/%s as a directory: %s", spool->path, name, strerror(-fd));
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
        return fail(reason, -EPERM,
                "%s/%s belongs to user %u and has mode %04o, but must be ours alone: "
                "remove it, or choose another shared_directory",
                spool->path, name, st.st_uid, st.st_mode & 07777u);
    return steal_fd(&fd);
}

static int spool_take_lock(Spool *spool, char **reason)
{
    char pid[16] = "";

    spool->lock = openat(spool->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (spool->lock < 0)
        return fail(reason, -errno, "cannot open %s/spool/lock: %s", spool->path, strerror(errno));
    if (flock(spool->lock, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return fail(reason, -errno, "cannot lock %s/spool/lock: %s", spool->path, strerror(errno));
        if (pread(spool->lock, pid, sizeof(pid) - 1, 0) < 0)
            pid[0] = '\0';
        return fail(reason, -EBUSY,
                "another daemon, process %.*s, uses %s: stop it, or choose another shared_directory",
                (int)strspn(pid, DIGITS), pid, spool->path);
    }
    /* For the sentence above only: a full disk must not keep us from delivering what is there. */
    if (ftruncate(spool->lock, 0) == 0)
        dprintf(spool->lock, "%i\n", getpid());
    return 0;
}

/* Opens an entry; -ENOENT: it has gone, -EBADMSG: it is no directory. */
static int spool_open_entry(const Spool *spool, const char *name)
{
    int fd;

    if (!is_entry_name(name))
        return -EINVAL;
    fd = open_directory(spool->fd, name);
    return fd == -ENOTDIR || fd == -ELOOP ? -EBADMSG : fd;
}

/* Removes an entry; under a hidden name first, so that no half of it is ever seen. */
static int spool_drop(const Spool *spool, const char *name)
{
    char hidden[HIDDEN_NAME_MAX];
    int r;

    hidden_name(name, OUTGOING, hidden);
    r = remove_directory(spool->fd, hidden);
    if (r < 0)
        return r;
    if (renameat(spool->fd, name, spool->fd, hidden) < 0)
        return errno == ENOENT ? 0 : -errno;
    return remove_directory(spool->fd, hidden);
}

static bool is_mark(const char *file)
{
    return strncmp(file, MARK, strlen(MARK)) == 0;
}

/* How many reporters still need the entry: none if it is being removed. */
static int entry_count_marks(int entry)
{
    _cleanup_closedir_ DIR *dir = directory_list(entry);
    struct dirent *file;
    int n = 0;

    if (!dir)
        return errno == ENOENT ? 0 : -errno;
    while (errno = 0, (file = readdir(dir)))
        n += is_mark(file->d_name);
    return errno > 0 ? -errno : n;
}

/* Takes away the entry if no reporter needs it. */
static int spool_drop_unmarked(const Spool *spool, int entry, const char *name)
{
    int n = entry_count_marks(entry);

    return n == 0 ? spool_drop(spool, name) : n < 0 ? n : 0;
}

/* Finishes what a dead daemon began: removes the hidden and the unmarked. What will not go is in nobody's
 * way. */
static int spool_sweep(const Spool *spool)
{
    _cleanup_closedir_ DIR *dir = directory_list(spool->fd);
    struct dirent *file;

    if (!dir)
        return -errno;
    while (errno = 0, (file = readdir(dir))) {
        _cleanup_close_ int entry = -1;

        if (is_hidden_name(file->d_name))
            remove_directory(spool->fd, file->d_name);
        entry = spool_open_entry(spool, file->d_name);
        if (entry >= 0)
            spool_drop_unmarked(spool, entry, file->d_name);
    }
    return -errno;
}

int spool_open(const char *shared_directory, uint64_t max_bytes, Spool **ret, char **reason)
{
    _cleanup_(spool_freep) Spool *spool = malloc(sizeof(*spool));
    int r;

    if (!spool)
        return -ENOMEM;
    *spool = (Spool){.max_bytes = max_bytes, .parent = -1, .fd = -1, .lock = -1};
    pthread_mutex_init(&spool->mutex, NULL);
    spool->path = strdup(shared_directory);
    if (!spool->path)
        return -ENOMEM;
    /* Targets pass through it to their own directories. */
    r = directory_make(spool->path, 0711, 0711);
    if (r < 0)
        return fail(reason, r, "cannot make the shared_directory %s: %s", spool->path, strerror(-r));
    spool->parent = open(spool->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->parent < 0)
        return fail(reason, -errno, "cannot open the shared_directory %s: %s", spool->path, strerror(errno));
    spool->fd = spool_open_private(spool, "spool", reason);
    if (spool->fd < 0)
        return spool->fd;
    r = spool_take_lock(spool, reason);
    if (r < 0)
        return r;
    r = spool_sweep(spool);
    if (r < 0)
        return fail(reason, r, "cannot tidy %s/spool: %s", spool->path, strerror(-r));
    *ret = steal_pointer(&spool);
    return 0;
}

Spool *spool_free(Spool *spool)
{
    if (!spool)
        return NULL;
    close_fd(spool->lock);
    close_fd(spool->fd);
    close_fd(spool->parent);
    pthread_mutex_destroy(&spool->mutex);
    free(spool->path);
    free(spool);
    return NULL;
}

static int write_new_file(int dir, const char *name, const void *data, size_t size)
{
    _cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = size > 0 ? write(fd, data, size) : 0;
    if (n < 0 || fsync(fd) < 0)
        return -errno;
    return (size_t)n == size ? 0 : -ENOSPC;
}

static int entry_describe(int dir, const SpoolEntry *entry)
{
    /* The target chose it, and JSON is UTF-8. */
    _cleanup_free_ char *comm = utf8_line(entry->comm, strnlen(entry->comm, sizeof(entry->comm)));
    json_auto_t *json = NULL;
    char text[DESCRIPTION_MAX];
    size_t size;

    if (!comm)
        return -ENOMEM;
    json = json_pack("{s:I, s:I, s:s, s:I, s:I, s:I}", "pid", (json_int_t)entry->pid, "start_time",
            (json_int_t)entry->start_time, "comm", comm, "start", (json_int_t)entry->start, "end",
            (json_int_t)entry->end, "reporting_interval", (json_int_t)entry->reporting_interval);
    if (!json)
        return -ENOMEM;
    size = json_dumpb(json, text, sizeof(text), JSON_COMPACT);
    if (size == 0 || size > sizeof(text))
        return -ENOMEM;
    return write_new_file(dir, DESCRIPTION, text, size);
}

static int entry_mark(int dir, const char *const *reporters, size_t n)
{
    char mark[NAME_MAX + 1];
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++) {
        snprintf(mark, sizeof(mark), MARK "%s", reporters[i]);
        r = write_new_file(dir, mark, NULL, 0);
    }
    return r;
}

static int entry_copy(int dir, int fd, uint64_t size, int64_t end)
{
    const struct timespec times[] = {
            {.tv_nsec = UTIME_NOW},
            {.tv_sec = end / (int64_t)NSEC_PER_SEC, .tv_nsec = end % (int64_t)NSEC_PER_SEC},
    };
    _cleanup_close_ int copy =
            openat(dir, RECORDING, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r;

    if (copy < 0)
        return -errno;
    r = file_copy(fd, copy, size);
    if (r < 0)
        return r;
    if (futimens(copy, times) < 0 || fsync(copy) < 0)
        return -errno;
    return steal_fd(&copy);
}

static int incomplete_prune(const Spool *spool, int incomplete)
{
    _cleanup_(retention_clear) RetentionItems list = {0};
    _cleanup_closedir_ DIR *dir = directory_list(incomplete);
    struct dirent *file;
    struct stat st;
    size_t n, over_bytes;
    int r;

    if (!dir)
        return -errno;
    while (errno = 0, (file = readdir(dir))) {
        const char *ending = strchr(file->d_name, '.');

        if (!ending || strcmp(ending, INCOMPLETE_ENDING) != 0 ||
                fstatat(incomplete, file->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
            continue;
        r = retention_add(&list, file->d_name, (uint64_t)st.st_size);
        if (r < 0)
            return r;
    }
    if (errno > 0)
        return -errno;
    retention_sort(&list);
    n = retention_over_count(&list, INCOMPLETE_MAX);
    over_bytes = retention_over_bytes(&list, spool->max_bytes);
    if (over_bytes > n)
        n = over_bytes;
    for (size_t i = 0; i < n; i++)
        if (unlinkat(incomplete, list.items[i].name, 0) < 0 && errno != ENOENT)
            return -errno;
    return 0;
}

/* Gives the recording in dir a second name in incomplete/. */
static int incomplete_keep(
        const Spool *spool, int dir, const char *base, char name[static NAME_MAX + 1], char **reason)
{
    _cleanup_close_ int incomplete = spool_open_private(spool, "incomplete", reason);
    int r;

    if (incomplete < 0)
        return incomplete;
    r = find_free_name(incomplete, base, INCOMPLETE_ENDING, name);
    if (r < 0)
        return r;
    if (linkat(dir, RECORDING, incomplete, name, 0) < 0 || fsync(incomplete) < 0)
        return -errno;
    return incomplete_prune(spool, incomplete);
}

/* The end of every recording that is no good, for the reason that why gives. */
static int spool_refuse(const Spool *spool, int dir, const char *base, const char *why, char **reason)
{
    _cleanup_free_ char *trouble = NULL;
    char name[NAME_MAX + 1];
    int r = incomplete_keep(spool, dir, base, name, &trouble);

    if (r < 0)
        return fail(reason, -EBADMSG, "%s; it could not be kept in %s/incomplete: %s", why, spool->path,
                failure_text(trouble, r));
    return fail(reason, -EBADMSG, "%s; it is kept as %s/incomplete/%s", why, spool->path, name);
}

/* Builds the entry in the directory `temporary`. */
static int spool_build(const Spool *spool, const char *temporary, const char *name, int fd, uint64_t size,
        const SpoolEntry *entry, const char *const *reporters, size_t n_reporters, char **reason)
{
    _cleanup_free_ char *why = NULL;
    _cleanup_close_ int dir = -1, copy = -1;
    JfrSummary summary;
    int r;

    if (mkdirat(spool->fd, temporary, 0700) < 0)
        return -errno;
    dir = open_directory(spool->fd, temporary);
    if (dir < 0)
        return dir;
    copy = entry_copy(dir, fd, size, entry->end);
    if (copy == -ENODATA)
        return spool_refuse(spool, dir, name, "the file shrank while it was copied", reason);
    if (copy < 0)
        return copy;
    r = jfr_check(copy, size, &summary, &why);
    if (r == -EBADMSG)
        return spool_refuse(spool, dir, name, failure_text(why, r), reason);
    if (r < 0)
        return r;
    r = entry_describe(dir, entry);
    if (r < 0)
        return r;
    r = entry_mark(dir, reporters, n_reporters);
    if (r < 0)
        return r;
    return fsync(dir) < 0 ? -errno : 0;
}

static int spool_publish(const Spool *spool, const char *temporary, const char *base)
{
    char name[NAME_MAX + 1];
    int r;

    r = find_free_name(spool->fd, base, "", name);
    if (r < 0)
        return r;
    if (renameat(spool->fd, temporary, spool->fd, name) < 0 || fsync(spool->fd) < 0)
        return -errno;
    return 0;
}

/* Drops the oldest entries until one of this size fits in. */
static int spool_make_room(const Spool *spool, uint64_t size, unsigned *ret_dropped)
{
    _cleanup_(retention_clear) RetentionItems list = {0};
    _cleanup_closedir_ DIR *dir = directory_list(spool->fd);
    struct dirent *file;
    struct stat st;
    size_t n;
    int r;

    if (!dir)
        return -errno;
    while (errno = 0, (file = readdir(dir))) {
        _cleanup_close_ int entry = spool_open_entry(spool, file->d_name);

        if (entry < 0 || fstatat(entry, RECORDING, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        r = retention_add(&list, file->d_name, (uint64_t)st.st_size);
        if (r < 0)
            return r;
    }
    if (errno > 0)
        return -errno;
    retention_sort(&list);
    n = retention_over_bytes(&list, spool->max_bytes - size);
    for (size_t i = 0; i < n; i++) {
        r = spool_drop(spool, list.items[i].name);
        if (r < 0)
            return r;
        (*ret_dropped)++;
    }
    return 0;
}

int spool_seal(Spool *spool, int fd, const SpoolEntry *entry, const char *const *reporters,
        size_t n_reporters, unsigned *ret_dropped, char **reason)
{
    char name[ENTRY_NAME_MAX], temporary[HIDDEN_NAME_MAX];
    _cleanup_free_ char *why = NULL;
    struct stat st;
    uint64_t size;
    int r;

    *ret_dropped = 0;
    if (fstat(fd, &st) < 0)
        return -errno;
    size = (uint64_t)st.st_size;
    if (size == 0)
        return -ENODATA;
    if (size > spool->max_bytes)
        return fail(reason, -EFBIG,
                "its %" PRIu64 " bytes are over the %" PRIu64
                " of spool.max_bytes: raise that, or shorten reporting_interval",
                size, spool->max_bytes);
    entry_name(entry, name);
    hidden_name(name, UNSEALED, temporary);
    pthread_mutex_lock(&spool->mutex);
    r = spool_make_room(spool, size, ret_dropped);
    if (r == 0)
        r = remove_directory(spool->fd, temporary);
    if (r == 0)
        r = spool_build(spool, temporary, name, fd, size, entry, reporters, n_reporters, &why);
    if (r == 0)
        r = spool_publish(spool, temporary, name);
    if (r < 0)
        remove_directory(spool->fd, temporary);
    pthread_mutex_unlock(&spool->mutex);
    if (r < 0)
        return why ? fail(reason, r, "%s", why)
                   : fail(reason, r, "cannot write to %s/spool: %s", spool->path, strerror(-r));
    return 0;
}

static int entry_parse(int fd, SpoolEntry *entry)
{
    json_int_t pid, start_time, start, end, reporting_interval;
    json_auto_t *json = NULL;
    json_error_t error;
    const char *comm;

    json = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EBADMSG;
    if (json_unpack(json, "{s:I, s:I, s:s, s:I, s:I, s:I !}", "pid", &pid, "start_time", &start_time, "comm",
                &comm, "start", &start, "end", &end, "reporting_interval", &reporting_interval) < 0)
        return -EBADMSG;
    if (pid <= 0 || pid > INT_MAX || start_time < 0 || reporting_interval < 0 ||
            strlen(comm) >= sizeof(entry->comm))
        return -EBADMSG;
    *entry = (SpoolEntry){.pid = (pid_t)pid,
            .start_time = (uint64_t)start_time,
            .start = start,
            .end = end,
            .reporting_interval = (uint64_t)reporting_interval};
    memcpy(entry->comm, comm, strlen(comm) + 1);
    return 0;
}

/* -EBADMSG: it is not as it was sealed. */
static int entry_read(int dir, SpoolEntry *entry)
{
    _cleanup_close_ int fd = -1, recording = -1;
    struct stat st;

    recording = open_file(dir, RECORDING, &st);
    fd = recording < 0 ? recording : open_file(dir, DESCRIPTION, &st);
    if (fd < 0)
        return fd == -ENOENT ? -EBADMSG : fd;
    return st.st_size > DESCRIPTION_MAX ? -EBADMSG : entry_parse(fd, entry);
}

/* Moves what is no sealed entry out of the way. */
static int spool_set_apart(Spool *spool, const char *name, char **reason)
{
    char to[NAME_MAX + 1];
    _cleanup_close_ int incomplete = -1;
    int r;

    incomplete = spool_open_private(spool, "incomplete", reason);
    if (incomplete < 0)
        return incomplete;
    pthread_mutex_lock(&spool->mutex);
    r = find_free_name(incomplete, name, "", to);
    if (r == 0 && renameat(spool->fd, name, incomplete, to) < 0)
        r = -errno;
    pthread_mutex_unlock(&spool->mutex);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return fail(reason, r, "%s/spool/%s is no sealed recording and cannot be moved out of the way: %s",
                spool->path, name, strerror(-r));
    if (reason && *reason)
        return fail(reason, 0, "%s, and so was %s/spool/%s", *reason, spool->path, name);
    return fail(reason, 0, "%s/spool/%s is no sealed recording and was moved to %s/incomplete", spool->path,
            name, spool->path);
}

/* Reads an entry: 1 if it is one that is needed, 0 if it is none (any more); -EBADMSG: it has no business
 * here. */
static int spool_read_entry(const Spool *spool, const char *name, SpoolEntry *entry)
{
    _cleanup_close_ int dir = spool_open_entry(spool, name);
    struct stat st;
    int r;

    if (dir < 0)
        return dir == -ENOENT ? 0 : dir == -EINVAL ? -EBADMSG : dir;
    r = entry_count_marks(dir);
    if (r <= 0)
        return r;
    r = entry_read(dir, entry);
    /* It may have been dropped under our eyes. */
    if (r < 0 && fstatat(spool->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return 0;
    return r < 0 ? r : 1;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const SpoolEntry *)a)->name, ((const SpoolEntry *)b)->name);
}

/* Adds what is called name to the list if it is an entry that is needed, and clears it away if it is neither
 * an entry nor ours. A lack of memory or descriptors is no fault of the entry. */
static int spool_list_one(Spool *spool, const char *name, SpoolEntry **entries, size_t *n, char **reason)
{
    SpoolEntry entry = {0}, *more;
    int r;

    r = spool_read_entry(spool, name, &entry);
    if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
        return r;
    if (r < 0)
        spool_set_apart(spool, name, reason);
    if (r <= 0)
        return 0;
    more = reallocarray(*entries, *n + 1, sizeof(*more));
    if (!more)
        return -ENOMEM;
    *entries = more;
    entry.name = strdup(name);
    if (!entry.name)
        return -ENOMEM;
    more[(*n)++] = entry;
    return 0;
}

int spool_list(Spool *spool, SpoolEntry **ret, size_t *ret_n, char **reason)
{
    _cleanup_closedir_ DIR *dir = directory_list(spool->fd);
    SpoolEntry *entries = NULL;
    struct dirent *file;
    size_t n = 0;
    int r = 0;

    if (!dir)
        return fail(reason, -errno, "cannot read %s/spool: %s", spool->path, strerror(errno));
    while (r == 0 && (errno = 0, (file = readdir(dir)))) {
        const char *name = file->d_name;

        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "lock") != 0 &&
                !is_hidden_name(name))
            r = spool_list_one(spool, name, &entries, &n, reason);
    }
    if (r == 0)
        r = -errno;
    if (r < 0) {
        spool_entries_free(entries, n);
        return fail(reason, r, "cannot read %s/spool: %s", spool->path, strerror(-r));
    }
    if (n > 1)
        qsort(entries, n, sizeof(*entries), compare_entries);
    *ret = entries;
    *ret_n = n;
    return 0;
}

void spool_entries_free(SpoolEntry *entries, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(entries[i].name);
    free(entries);
}

bool spool_entry_is_wanted(Spool *spool, const char *name, const char *reporter)
{
    _cleanup_close_ int entry = spool_open_entry(spool, name);
    char mark[NAME_MAX + 1];
    struct stat st;

    snprintf(mark, sizeof(mark), MARK "%s", reporter);
    return entry >= 0 && fstatat(entry, mark, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int spool_entry_open(Spool *spool, const char *name)
{
    _cleanup_close_ int entry = spool_open_entry(spool, name);
    struct stat st;

    return entry < 0 ? entry : open_file(entry, RECORDING, &st);
}

int spool_entry_settle(Spool *spool, const char *name, const char *reporter)
{
    _cleanup_close_ int entry = spool_open_entry(spool, name);
    char mark[NAME_MAX + 1];

    if (entry < 0)
        return entry == -ENOENT ? 0 : entry;
    snprintf(mark, sizeof(mark), MARK "%s", reporter);
    if ((unlinkat(entry, mark, 0) < 0 && errno != ENOENT) || fsync(entry) < 0)
        return -errno;
    return spool_drop_unmarked(spool, entry, name);
}

static bool is_mark_of(const char *file, const char *const *reporters, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(file + strlen(MARK), reporters[i]) == 0)
            return true;
    return false;
}

static int entry_forget_others(int entry, const char *const *reporters, size_t n_reporters, unsigned *n)
{
    _cleanup_closedir_ DIR *dir = directory_list(entry);
    struct dirent *file;

    if (!dir)
        return errno == ENOENT ? 0 : -errno;
    while (errno = 0, (file = readdir(dir))) {
        if (!is_mark(file->d_name) || is_mark_of(file->d_name, reporters, n_reporters))
            continue;
        if (unlinkat(entry, file->d_name, 0) < 0 && errno != ENOENT)
            return -errno;
        (*n)++;
    }
    return -errno;
}

int spool_forget_others(Spool *spool, const char *const *reporters, size_t n_reporters, unsigned *ret_n)
{
    _cleanup_closedir_ DIR *dir = directory_list(spool->fd);
    struct dirent *file;
    unsigned n = 0;
    int r;

    if (!dir)
        return -errno;
    while (errno = 0, (file = readdir(dir))) {
        _cleanup_close_ int entry = spool_open_entry(spool, file->d_name);

        if (entry < 0)
            continue;
        r = entry_forget_others(entry, reporters, n_reporters, &n);
        if (r == 0)
            r = spool_drop_unmarked(spool, entry, file->d_name);
        if (r < 0)
            return r;
    }
    if (errno > 0)
        return -errno;
    *ret_n = n;
    return 0;
}
