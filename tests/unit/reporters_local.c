/* SPDX-License-Identifier: Apache-2.0 */

/* Recordings in a directory: whole or not at all, never over another, and not for ever. */

#include <pthread.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <time.h>

#include "conf/cleanup.h"
#include "reporters/local.h"
#include "tests/unit/kill_at.h"
#include "tests/unit/scratch.h"

#define END INT64_C(1795398302123456789) /* 2026-11-23T01:45:02Z */
#define NAME "2026-11-23T01-45-02Z"
#define SECOND INT64_C(1000000000)

DEFINE_CLEANUP(Reporter, reporter_free)

static char scratch[32];
static char *directory; /* what the reporter is given, to begin with missing */

static void setup(void)
{
    scratch_make(scratch);
    directory = strdup(scratch_path("%s/recordings", scratch));
}

static void teardown(void)
{
    scratch_remove(scratch);
    free(directory);
}

TestSuite(local, .init = setup, .fini = teardown);

static Reporter *reporter_new(LocalSettings settings)
{
    _cleanup_free_ char *reason = NULL;
    Reporter *reporter = NULL;

    settings.directory = directory;
    cr_assert_eq(local_reporter_new(&settings, &reporter, &reason), 0, "%s", reason);
    return reporter;
}

/* Offers a recording of this content and end. */
static int report(Reporter *reporter, const char *content, int64_t end, char **notice, char **reason)
{
    _cleanup_close_ int fd = open(scratch, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    Recording recording = {.fd = fd,
            .size = strlen(content),
            .pid = 1,
            .comm = "java",
            .start = end - SECOND,
            .end = end,
            .reporting_interval = (uint64_t)SECOND};

    cr_assert_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    return reporter_report(reporter, &recording, notice, reason);
}

static void report_well(Reporter *reporter, const char *content, int64_t end)
{
    _cleanup_free_ char *notice = NULL, *reason = NULL;

    cr_assert_eq(report(reporter, content, end, &notice, &reason), 0, "%s", reason);
    cr_assert_null(reason);
    cr_assert_null(notice, "%s", notice);
}

static void check_content(const char *name, const char *content)
{
    _cleanup_close_ int fd = open(scratch_path("%s/%s", directory, name), O_RDONLY | O_CLOEXEC);
    char read_back[256] = "";

    cr_assert_geq(fd, 0, "%s: %s", name, strerror(errno));
    cr_assert_geq(read(fd, read_back, sizeof(read_back) - 1), 0);
    cr_expect_str_eq(read_back, content, "%s has %s", name, read_back);
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    cr_assert_eq(lstat(path, &st), 0, "%s: %s", path, strerror(errno));
    return st.st_mode & 07777;
}

Test(local, delivers)
{
    _cleanup_(reporter_freep) Reporter *reporter = NULL;
    struct stat st;

    umask(022);
    free(directory);
    directory = strdup(scratch_path("%s/far/down/recordings", scratch));
    reporter = reporter_new((LocalSettings){0});
    cr_expect_str_eq(reporter->vtable->kind, "local");
    cr_expect_not(reporter->vtable->wants_metadata);
    report_well(reporter, "one", END);
    check_content(NAME ".jfr", "one");
    cr_assert_eq(stat(scratch_path("%s/" NAME ".jfr", directory), &st), 0);
    cr_expect_eq(st.st_mtim.tv_sec * SECOND + st.st_mtim.tv_nsec, END);
    cr_expect_eq(st.st_mode & 07777, 0640);
    cr_expect_eq(mode_of(directory), 0750);
    cr_expect_eq(mode_of(scratch_path("%s/far/down", scratch)), 0755);
    cr_expect_eq(scratch_count(directory), 1, "nothing temporary is left");
}

Test(local, never_overwrites)
{
    _cleanup_(reporter_freep) Reporter *reporter = reporter_new((LocalSettings){0});

    report_well(reporter, "one", END);
    report_well(reporter, "two", END + 1);
    report_well(reporter, "three", END);
    check_content(NAME ".jfr", "one");
    check_content(NAME "_2.jfr", "two");
    check_content(NAME "_3.jfr", "three");
}

/* What is not ours under the name that comes next: a directory, a link that leads nowhere. */
Test(local, names_taken)
{
    _cleanup_(reporter_freep) Reporter *reporter = reporter_new((LocalSettings){0});

    cr_assert_eq(mkdir(scratch_path("%s/" NAME ".jfr", directory), 0700), 0);
    cr_assert_eq(symlink("/nowhere/at/all", scratch_path("%s/" NAME "_2.jfr", directory)), 0);
    report_well(reporter, "one", END);
    check_content(NAME "_3.jfr", "one");
}

Test(local, offered_again)
{
    _cleanup_(reporter_freep) Reporter *reporter = reporter_new((LocalSettings){0});
    _cleanup_(reporter_freep) Reporter *later = NULL;

    report_well(reporter, "one", END);
    report_well(reporter, "two", END + 1);
    later = reporter_new((LocalSettings){0});
    report_well(later, "two", END + 1);
    report_well(later, "one", END);
    cr_expect_eq(scratch_count(directory), 2);
}

typedef struct Writer {
    pthread_t thread;
    Reporter *reporter;
    unsigned first;
} Writer;

#define EACH 100

static void *writer_run(void *userdata)
{
    Writer *writer = userdata;
    char content[16];

    for (unsigned i = writer->first; i < writer->first + EACH; i++) {
        snprintf(content, sizeof(content), "%u", i);
        report_well(writer->reporter, content, END + i);
    }
    return NULL;
}

Test(local, collisions)
{
    Writer writers[2] = {{.first = 0}, {.first = EACH}};
    bool seen[2 * EACH] = {0};

    for (int i = 0; i < 2; i++) {
        writers[i].reporter = reporter_new((LocalSettings){0});
        cr_assert_eq(pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(writers[i].thread, NULL);
        reporter_free(writers[i].reporter);
    }
    cr_expect_eq(scratch_count(directory), 2 * EACH);
    for (unsigned n = 1; n <= 2 * EACH; n++) {
        const char *name = n == 1 ? NAME ".jfr" : scratch_path(NAME "_%u.jfr", n);
        _cleanup_fclose_ FILE *f = fopen(scratch_path("%s/%s", directory, name), "re");
        unsigned i;

        cr_assert_not_null(f, "%s", name);
        cr_assert_eq(fscanf(f, "%u", &i), 1);
        cr_assert(i < 2 * EACH && !seen[i]);
        seen[i] = true;
    }
}

Test(local, directory_removed)
{
    _cleanup_(reporter_freep) Reporter *reporter = reporter_new((LocalSettings){0});

    report_well(reporter, "one", END);
    scratch_remove(directory);
    report_well(reporter, "two", END);
    check_content(NAME ".jfr", "two");
}

Test(local, directory_refused)
{
    LocalSettings settings = {.directory = directory};
    _cleanup_free_ char *reason = NULL;
    Reporter *reporter = NULL;

    cr_assert_eq(mkdir(directory, 0700), 0);
    cr_assert_eq(chmod(directory, 0777), 0);
    cr_expect_eq(local_reporter_new(&settings, &reporter, &reason), -EPERM);
    cr_expect(reason && strstr(reason, directory) && strstr(reason, "chmod"), "%s", reason);
    cr_expect_null(reporter);
    cr_assert_eq(chmod(directory, 01777), 0);
    cr_assert_eq(local_reporter_new(&settings, &reporter, NULL), 0);
    cr_assert_eq(chmod(directory, 0777), 0);
    cr_expect_eq(report(reporter, "one", END, NULL, NULL), -EPERM, "somebody changed it");
    cr_expect_eq(scratch_count(directory), 0);
    reporter_free(reporter);

    cr_assert_eq(rmdir(directory), 0);
    scratch_write(directory, "", 0);
    cr_expect_eq(local_reporter_new(&settings, &reporter, &reason), -ENOTDIR);
    cr_expect(strstr(reason, directory), "%s", reason);
}

Test(local, directory_is_link)
{
    _cleanup_(reporter_freep) Reporter *reporter = NULL;

    cr_assert_eq(mkdir(scratch_path("%s/there", scratch), 0700), 0);
    cr_assert_eq(symlink("there", directory), 0);
    reporter = reporter_new((LocalSettings){0});
    report_well(reporter, "one", END);
    check_content("../there/" NAME ".jfr", "one");
}

Test(local, sweeps)
{
    const char *dead = ".asprof-agentd-0123456789abcdef", *alive = ".asprof-agentd-0123456789abcdee";
    const char *link = ".asprof-agentd-0123456789abcded", *pipe = ".asprof-agentd-0123456789abcdec";
    _cleanup_close_ int fd = -1;

    cr_assert_eq(mkdir(directory, 0750), 0);
    scratch_write(scratch_path("%s/%s", directory, dead), "half", 4);
    scratch_write(scratch_path("%s/%s", directory, alive), "half", 4);
    scratch_write(scratch_path("%s/.hidden", directory), "", 0);
    scratch_write(scratch_path("%s/elsewhere", scratch), "", 0);
    cr_assert_eq(symlink("../elsewhere", scratch_path("%s/%s", directory, link)), 0);
    cr_assert_eq(mkfifo(scratch_path("%s/%s", directory, pipe), 0600), 0);
    fd = open(scratch_path("%s/%s", directory, alive), O_RDONLY | O_CLOEXEC);
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    reporter_free(reporter_new((LocalSettings){0}));
    cr_expect_not(scratch_exists(scratch_path("%s/%s", directory, dead)));
    cr_expect(scratch_exists(scratch_path("%s/%s", directory, alive)), "its writer lives");
    cr_expect(scratch_exists(scratch_path("%s/.hidden", directory)));
    cr_expect(scratch_exists(scratch_path("%s/elsewhere", scratch)));
}

#define STEP (100 * SECOND)

/* Recordings 0..n-1 of 100 bytes, one a step; then one more, and what is left of them. */
static void check_retention(
        LocalSettings settings, int64_t first, unsigned n, unsigned left, const char *says)
{
    _cleanup_(reporter_freep) Reporter *reporter = reporter_new((LocalSettings){0});
    _cleanup_(reporter_freep) Reporter *limited = reporter_new(settings);
    _cleanup_free_ char *notice = NULL, *reason = NULL;
    char content[101];

    for (unsigned i = 0; i < n; i++) {
        snprintf(content, sizeof(content), "%0100u", i);
        report_well(reporter, content, first + (int64_t)i * STEP);
    }
    snprintf(content, sizeof(content), "%0100u", n);
    cr_assert_eq(report(limited, content, first + (int64_t)n * STEP, &notice, &reason), 0, "%s", reason);
    cr_expect_eq(scratch_count(directory), (int)left, "%i are left, not %u", scratch_count(directory), left);
    cr_expect_eq(notice == NULL, says == NULL, "%s", notice);
    cr_expect(!notice || !says || strcmp(notice, says) == 0, "\"%s\" is not \"%s\"", notice, says);
    for (unsigned i = n + 1 - left; i <= n; i++) {
        time_t t = (time_t)((first + (int64_t)i * STEP) / SECOND);
        char name[64];
        struct tm tm;

        strftime(name, sizeof(name), "%Y-%m-%dT%H-%M-%SZ.jfr", gmtime_r(&t, &tm));
        snprintf(content, sizeof(content), "%0100u", i);
        check_content(name, content);
    }
    scratch_remove(directory);
}

Test(local, retention)
{
    int64_t now = time(NULL) * SECOND;

    check_retention((LocalSettings){0}, END, 5, 6, NULL);
    check_retention((LocalSettings){.keep_count = 6}, END, 5, 6, NULL);
    check_retention(
            (LocalSettings){.keep_count = 5}, END, 5, 5, "removed 1 recording (100) over keep_count=5");
    check_retention(
            (LocalSettings){.keep_count = 2}, END, 5, 2, "removed 4 recordings (400) over keep_count=2");
    check_retention(
            (LocalSettings){.keep_count = 1}, END, 5, 1, "removed 5 recordings (500) over keep_count=1");
    check_retention((LocalSettings){.keep_bytes = 600}, END, 5, 6, NULL);
    check_retention(
            (LocalSettings){.keep_bytes = 599}, END, 5, 5, "removed 1 recording (100) over keep_bytes=599");
    check_retention(
            (LocalSettings){.keep_bytes = 99}, END, 5, 1, "removed 5 recordings (500) over keep_bytes=99");
    check_retention((LocalSettings){.keep_age = 3600 * NSEC_PER_SEC}, now - 1000 * SECOND, 5, 6, NULL);
    check_retention((LocalSettings){.keep_age = 3600 * NSEC_PER_SEC}, now - 3750 * SECOND, 5, 4,
            "removed 2 recordings (200) over keep_age=1h");
    check_retention((LocalSettings){.keep_age = 60 * NSEC_PER_SEC}, now - 7200 * SECOND, 5, 1,
            "removed 5 recordings (500) over keep_age=1min");
    check_retention((LocalSettings){.keep_count = 5, .keep_bytes = 300, .keep_age = 1}, now + 1000 * SECOND,
            5, 3, "removed 3 recordings (300) over keep_bytes=300");
}

/* What is not a recording of ours is neither counted nor removed. */
Test(local, retention_of_others)
{
    static const char *const kept[] = {"2020-01-01T00-00-00Z.jfr.bak", "2020-01-01T00-00-00Z_.jfr",
            "2020-01-01T00-00-00Z_a.jfr", "2020-13-01T00-00-00Z.jfr", "2020-01-01T00:00:00Z.jfr",
            "020-01-01T00-00-00Z.jfr", "x2020-01-01T00-00-00Z.jfr", "2020-01-01T00-00-00Z", "notes.txt",
            "2020-01-01T00-00-00Z.JFR", "2020-1 -01T00-00-00Z.jfr", "2020-01-01T00-00-00Z_-1.jfr"};
    _cleanup_(reporter_freep) Reporter *reporter = reporter_new((LocalSettings){.keep_count = 1});
    _cleanup_free_ char *notice = NULL;
    unsigned n = sizeof(kept) / sizeof(kept[0]);

    for (unsigned i = 0; i < n; i++)
        scratch_write(scratch_path("%s/%s", directory, kept[i]), "", 0);
    cr_assert_eq(mkdir(scratch_path("%s/2020-01-01T00-00-01Z.jfr", directory), 0700), 0);
    cr_assert_eq(symlink("notes.txt", scratch_path("%s/2020-01-01T00-00-02Z.jfr", directory)), 0);
    scratch_write(scratch_path("%s/2020-01-01T00-00-03Z.jfr", directory), "", 0);
    cr_assert_eq(chown(scratch_path("%s/2020-01-01T00-00-03Z.jfr", directory), 65534, 65534), 0);
    scratch_write(scratch_path("%s/2020-01-01T00-00-04Z_12.jfr", directory), "", 0);
    cr_assert_eq(report(reporter, "one", END, &notice, NULL), 0);
    cr_expect_str_eq(notice, "removed 1 recording (0) over keep_count=1");
    cr_expect_eq(scratch_count(directory), (int)n + 4);
    for (unsigned i = 0; i < n; i++)
        cr_expect(scratch_exists(scratch_path("%s/%s", directory, kept[i])), "%s", kept[i]);
}

/* A file system with 1 MiB, and recordings of 300 KiB. */
static char *mount_small(const char *options)
{
    char *content = malloc(300 * 1024 + 1);

    cr_assert_eq(mkdir(directory, 0700), 0);
    scratch_mount(directory, options);
    memset(content, 'x', 300 * 1024);
    content[300 * 1024] = '\0';
    return content;
}

Test(local, free_space_floor)
{
    _cleanup_free_ char *content = mount_small("size=1m,mode=0700"), *reason = NULL;
    _cleanup_(reporter_freep) Reporter *reporter =
            reporter_new((LocalSettings){.free_space_floor = 512 * 1024});

    report_well(reporter, content, END);
    cr_expect_eq(report(reporter, content, END + SECOND, NULL, &reason), -ENOSPC);
    cr_assert_not_null(reason);
    cr_expect(strstr(reason, directory), "%s", reason);
    cr_expect(strstr(reason, "has 724k free"), "%s", reason);
    cr_expect(strstr(reason, "needs 300k"), "%s", reason);
    cr_expect(strstr(reason, "512k of free_space_floor"), "%s", reason);
    cr_expect_eq(scratch_count(directory), 1);
    report_well(reporter, content, END);
}

Test(local, floor_lets_retention_go_first)
{
    _cleanup_free_ char *content = mount_small("size=1m,mode=0700"), *notice = NULL, *reason = NULL;
    _cleanup_(reporter_freep) Reporter *all = reporter_new((LocalSettings){0});
    _cleanup_(reporter_freep) Reporter *few =
            reporter_new((LocalSettings){.free_space_floor = 128 * 1024, .keep_count = 2});

    for (int i = 0; i < 3; i++)
        report_well(all, content, END + i * SECOND);
    cr_assert_eq(report(few, content, END + 3 * SECOND, &notice, &reason), 0, "%s", reason);
    cr_expect_str_eq(notice, "removed 2 recordings (600k) over keep_count=2");
    cr_expect_eq(scratch_count(directory), 2);
}

Test(local, full_disk)
{
    _cleanup_free_ char *content = mount_small("size=1m,nr_inodes=4,mode=0700"), *reason = NULL;
    _cleanup_(reporter_freep) Reporter *reporter = reporter_new((LocalSettings){0});

    for (int i = 0; i < 3; i++)
        report_well(reporter, content, END + i * SECOND);
    cr_expect_eq(report(reporter, content, END + 3 * SECOND, NULL, &reason), -ENOSPC, "by blocks");
    cr_expect(strstr(reason, "free_space_floor"), "%s", reason);
    cr_expect_eq(report(reporter, "small", END + 3 * SECOND, NULL, &reason), -ENOSPC, "by inodes");
    cr_expect(strstr(reason, directory) && strstr(reason, "No space left"), "%s", reason);
    cr_expect_eq(scratch_count(directory), 3);
    cr_assert_eq(unlink(scratch_path("%s/" NAME ".jfr", directory)), 0);
    report_well(reporter, content, END + 3 * SECOND);
}

/* A write that fails in the middle leaves nothing. */
Test(local, copy_fails)
{
    _cleanup_(reporter_freep) Reporter *reporter = reporter_new((LocalSettings){0});
    _cleanup_free_ char *reason = NULL;
    Recording recording = {.size = 2 << 20, .end = END};
    _cleanup_close_ int fd = open(scratch, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    recording.fd = fd;
    cr_assert_eq(ftruncate(fd, 2 << 20), 0);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, RLIM_INFINITY}), 0);
    cr_expect_eq(reporter_report(reporter, &recording, NULL, &reason), -EFBIG);
    cr_expect(reason && strstr(reason, directory), "%s", reason);
    cr_expect_eq(scratch_count(directory), 0);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}), 0);
    recording.size = 3 << 20;
    cr_expect_eq(reporter_report(reporter, &recording, NULL, &reason), -ENODATA, "shorter than it should be");
    cr_expect_eq(scratch_count(directory), 0);
}

static void deliver_once(void)
{
    Reporter *reporter = reporter_new((LocalSettings){.keep_count = 2});

    cr_assert_eq(report(reporter, "three", END + 2 * SECOND, NULL, NULL), 0);
}

/* Whenever it dies, what is offered again is there once, whole, and alone. */
Test(local, killed_at_every_step)
{
    bool finished;
    unsigned n = 0;

    do {
        _cleanup_(reporter_freep) Reporter *before = reporter_new((LocalSettings){0}), *after = NULL;

        report_well(before, "one", END);
        report_well(before, "two", END + SECOND);
        finished = finished_before_kill(n++, deliver_once);
        after = reporter_new((LocalSettings){.keep_count = 2});
        cr_assert_eq(report(after, "three", END + 2 * SECOND, NULL, NULL), 0);
        check_content("2026-11-23T01-45-04Z.jfr", "three");
        cr_expect_not(scratch_exists(scratch_path("%s/2026-11-23T01-45-04Z_2.jfr", directory)), "at %u", n);
        cr_expect_leq(scratch_count(directory), 3, "at %u", n);
        scratch_remove(directory);
    } while (!finished);
    cr_assert_gt(n, 20);
}
