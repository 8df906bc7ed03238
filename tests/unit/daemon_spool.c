/* SPDX-License-Identifier: Apache-2.0 */

/* The border between profiling and delivering: whole entries or none, whatever happens. */

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "conf/cleanup.h"
#include "daemon/spool.h"
#include "tests/unit/jfr_builder.h"
#include "tests/unit/kill_at.h"
#include "tests/unit/scratch.h"

#define END INT64_C(1700000000000000000)
#define SECOND INT64_C(1000000000)
#define PLENTY (UINT64_C(1) << 20)

static const char *const reporters[] = {"first", "second"};

static char scratch[32];
static char *shared;

static void setup(void)
{
    scratch_make(scratch);
    shared = strdup(scratch_path("%s/shared", scratch));
}

static void teardown(void)
{
    scratch_remove(scratch);
    free(shared);
}

TestSuite(spool, .init = setup, .fini = teardown);

static Spool *open_spool(uint64_t max_bytes)
{
    _cleanup_free_ char *reason = NULL;
    Spool *spool = NULL;

    cr_assert_eq(spool_open(shared, max_bytes, &spool, &reason), 0, "%s", reason);
    return spool;
}

static const char *in_spool(const char *name)
{
    return scratch_path("%s/spool/%s", shared, name);
}

/* A chunk whose text is the number. */
static size_t build(uint8_t data[static 1024], unsigned number)
{
    char text[16];

    snprintf(text, sizeof(text), "<%u>", number);
    return jfr_build(data, 1024, END, SECOND, text);
}

static int open_data(const void *data, size_t size)
{
    int fd = open(scratch, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, data, size), (ssize_t)size);
    return fd;
}

static SpoolEntry entry_of(int64_t end)
{
    return (SpoolEntry){.pid = 42,
            .start_time = 12345,
            .comm = "java",
            .start = end - SECOND,
            .end = end,
            .reporting_interval = (uint64_t)SECOND};
}

static int seal_data(
        Spool *spool, const void *data, size_t size, int64_t end, unsigned *dropped, char **reason)
{
    _cleanup_close_ int fd = open_data(data, size);
    SpoolEntry entry = entry_of(end);
    unsigned n = 0;
    int r = spool_seal(spool, fd, &entry, reporters, 2, &n, reason);

    if (dropped)
        *dropped = n;
    return r;
}

static int seal(Spool *spool, unsigned number, char **reason)
{
    uint8_t data[1024];

    return seal_data(spool, data, build(data, number), END + number * SECOND, NULL, reason);
}

static void seal_well(Spool *spool, unsigned number)
{
    _cleanup_free_ char *reason = NULL;

    cr_assert_eq(seal(spool, number, &reason), 0, "%s", reason);
}

/* The number in the recording of an entry, which has to be whole. */
static unsigned number_of(Spool *spool, const char *name)
{
    _cleanup_close_ int fd = spool_entry_open(spool, name);
    uint8_t expected[1024], data[1024];
    unsigned number;
    ssize_t n;
    char *text;

    cr_assert_geq(fd, 0, "%s: %s", name, strerror(-fd));
    n = pread(fd, data, sizeof(data), 0);
    cr_assert_gt(n, 0);
    text = memmem(data, (size_t)n, "<", 1);
    cr_assert(text && sscanf(text, "<%u>", &number) == 1);
    cr_assert_eq((size_t)n, build(expected, number));
    cr_assert_eq(memcmp(data, expected, (size_t)n), 0);
    return number;
}

/* Checks that exactly these numbers are listed, in this order. */
static void check_list(Spool *spool, const unsigned *numbers, size_t n)
{
    _cleanup_free_ char *reason = NULL;
    SpoolEntry *entries = NULL;
    size_t found = 0;

    cr_assert_eq(spool_list(spool, &entries, &found, &reason), 0, "%s", reason);
    cr_expect_null(reason, "%s", reason);
    cr_assert_eq(found, n, "%zu entries, not %zu", found, n);
    for (size_t i = 0; i < n; i++)
        cr_expect_eq(number_of(spool, entries[i].name), numbers[i]);
    spool_entries_free(entries, found);
}

static char *first_name(Spool *spool)
{
    SpoolEntry *entries = NULL;
    size_t n = 0;
    char *name;

    cr_assert_eq(spool_list(spool, &entries, &n, NULL), 0);
    cr_assert_gt(n, 0);
    name = strdup(entries[0].name);
    spool_entries_free(entries, n);
    return name;
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    cr_assert_eq(lstat(path, &st), 0, "%s: %s", path, strerror(errno));
    return st.st_mode & 07777;
}

Test(spool, life_of_an_entry)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);
    _cleanup_free_ char *name = NULL;
    SpoolEntry *entries;
    size_t n;

    cr_expect_eq(mode_of(scratch_path("%s/spool", shared)), 0700);
    seal_well(spool, 1);
    cr_assert_eq(spool_list(spool, &entries, &n, NULL), 0);
    cr_assert_eq(n, 1);
    cr_expect_eq(entries[0].pid, 42);
    cr_expect_eq(entries[0].start_time, 12345);
    cr_expect_str_eq(entries[0].comm, "java");
    cr_expect_eq(entries[0].start, END);
    cr_expect_eq(entries[0].end, END + SECOND);
    cr_expect_eq(entries[0].reporting_interval, (uint64_t)SECOND);
    name = strdup(entries[0].name);
    spool_entries_free(entries, n);

    cr_expect_str_eq(name, "00060a24182d8240-42-12345");
    cr_expect_eq(mode_of(in_spool(name)), 0700);
    cr_expect_eq(mode_of(in_spool(scratch_path("%s/recording.jfr", name))), 0600);
    cr_expect_eq(scratch_count(in_spool(name)), 4);
    cr_expect_eq(number_of(spool, name), 1);

    cr_expect(spool_entry_is_wanted(spool, name, "first"));
    cr_expect_not(spool_entry_is_wanted(spool, name, "third"));
    cr_assert_eq(spool_entry_settle(spool, name, "first"), 0);
    cr_expect_not(spool_entry_is_wanted(spool, name, "first"));
    cr_expect(spool_entry_is_wanted(spool, name, "second"));
    cr_assert_eq(spool_entry_settle(spool, name, "first"), 0, "settled twice");
    cr_expect_eq(number_of(spool, name), 1);
    cr_assert_eq(spool_entry_settle(spool, name, "second"), 0);
    cr_expect_eq(scratch_count(scratch_path("%s/spool", shared)), 1, "nothing but the lock is left");
    cr_expect_eq(spool_entry_settle(spool, name, "second"), 0, "it has gone");
    cr_expect_eq(spool_entry_open(spool, name), -ENOENT);
    check_list(spool, NULL, 0);
}

Test(spool, outlives_the_daemon)
{
    Spool *spool = open_spool(PLENTY);

    seal_well(spool, 2);
    seal_well(spool, 1);
    seal_well(spool, 3);
    spool_free(spool);
    spool = open_spool(PLENTY);
    check_list(spool, (const unsigned[]){1, 2, 3}, 3);
    spool_free(spool);
}

/* Nobody who still has the source open changes what is sealed. */
Test(spool, seals)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);
    SpoolEntry entry = entry_of(END);
    uint8_t data[1024];
    size_t size = build(data, 7);
    _cleanup_close_ int fd = open_data(data, size);
    unsigned dropped;

    cr_assert_eq(spool_seal(spool, fd, &entry, reporters, 2, &dropped, NULL), 0);
    cr_assert_eq(pwrite(fd, "overwritten", 11, 0), 11);
    cr_assert_eq(ftruncate(fd, 11), 0);
    check_list(spool, (const unsigned[]){7}, 1);
}

Test(spool, text_of_the_target)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);
    static const char *const comms[][2] = {{"a\"b\\c\n\x01", "a\"b\\c??"}, {"\xff\xfe\x80 java", "??? java"},
            {"caf\xc3\xa9", "caf\xc3\xa9"}, {"cut in caf\xc3\xa9s\xc3", "cut in caf\xc3\xa9s?"}, {"", ""}};
    uint8_t data[1024];
    size_t size = build(data, 1), n;
    unsigned dropped;

    for (size_t i = 0; i < sizeof(comms) / sizeof(comms[0]); i++) {
        _cleanup_close_ int fd = open_data(data, size);
        SpoolEntry entry = entry_of(END), *entries;

        snprintf(entry.comm, sizeof(entry.comm), "%s", comms[i][0]);
        cr_assert_eq(spool_seal(spool, fd, &entry, reporters, 2, &dropped, NULL), 0);
        cr_assert_eq(spool_list(spool, &entries, &n, NULL), 0);
        cr_assert_eq(n, 1);
        cr_expect_str_eq(entries[0].comm, comms[i][1]);
        for (int j = 0; j < 2; j++)
            cr_assert_eq(spool_entry_settle(spool, entries[0].name, reporters[j]), 0);
        spool_entries_free(entries, n);
    }
}

Test(spool, empty)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);

    cr_expect_eq(seal_data(spool, "", 0, END, NULL, NULL), -ENODATA);
    cr_expect_eq(scratch_count(scratch_path("%s/spool", shared)), 1);
}

Test(spool, too_big)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);
    _cleanup_close_ int fd = open_data("x", 1);
    _cleanup_free_ char *reason = NULL;
    SpoolEntry entry = entry_of(END);
    unsigned dropped = 77;

    seal_well(spool, 1);
    cr_assert_eq(ftruncate(fd, INT64_C(1) << 40), 0);
    cr_expect_eq(spool_seal(spool, fd, &entry, reporters, 2, &dropped, &reason), -EFBIG);
    cr_expect(reason && strstr(reason, "1099511627776") && strstr(reason, "1048576"), "%s", reason);
    cr_expect_eq(dropped, 0);
    check_list(spool, (const unsigned[]){1}, 1);
}

Test(spool, incomplete)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);
    const char *incomplete = scratch_path("%s/incomplete", shared);
    _cleanup_free_ char *reason = NULL;
    uint8_t data[1024];
    size_t size = build(data, 1);
    char *path;
    struct stat st;

    jfr_put(data + JFR_BUILDER_SIZE_AT, 1 << 30, 8);
    jfr_put(data + JFR_BUILDER_DURATION_AT, 0, 8);
    cr_assert_eq(seal_data(spool, data, size, END, NULL, &reason), -EBADMSG);
    cr_expect(reason && strstr(reason, "was never finished; it is kept as "), "%s", reason);
    cr_assert_not_null(strstr(reason, shared));
    path = scratch_path("%s", strstr(reason, shared));
    cr_assert_eq(stat(path, &st), 0, "%s", path);
    cr_expect_eq(st.st_mode & 07777, 0600);
    cr_expect_eq((size_t)st.st_size, size);
    cr_expect_eq(st.st_nlink, 1);
    cr_expect_eq(st.st_mtim.tv_sec, END / SECOND);
    cr_expect(strstr(path, "-42-12345.jfr.incomplete"), "%s", path);
    cr_expect_eq(mode_of(incomplete), 0700);
    cr_expect_eq(scratch_count(scratch_path("%s/spool", shared)), 1);

    cr_assert_eq(seal_data(spool, data, size, END, NULL, &reason), -EBADMSG);
    cr_expect(strstr(reason, "-42-12345-2.jfr.incomplete"), "%s", reason);
    for (unsigned i = 1; i < 20; i++)
        cr_assert_eq(seal_data(spool, data, size, END + i * SECOND, NULL, &reason), -EBADMSG);
    cr_expect_eq(scratch_count(incomplete), 16);
    cr_expect_not(scratch_exists(path), "the oldest goes: %s", path);
    cr_expect(scratch_exists(strstr(reason, shared)), "the newest stays");
    check_list(spool, NULL, 0);
}

/* Junk may take no more room than recordings. */
Test(spool, incomplete_within_max_bytes)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(10000);
    char junk[4000];

    memset(junk, 'x', sizeof(junk));
    for (unsigned i = 0; i < 5; i++)
        cr_assert_eq(seal_data(spool, junk, sizeof(junk), END + i * SECOND, NULL, NULL), -EBADMSG);
    cr_expect_eq(scratch_count(scratch_path("%s/incomplete", shared)), 2);
}

Test(spool, max_bytes)
{
    uint8_t data[1024];
    size_t size = build(data, 1);
    _cleanup_(spool_freep) Spool *spool = open_spool(3 * size);
    unsigned dropped;

    for (unsigned i = 1; i <= 3; i++) {
        cr_assert_eq(seal_data(spool, data, build(data, i), END + i * SECOND, &dropped, NULL), 0);
        cr_expect_eq(dropped, 0);
    }
    cr_assert_eq(seal_data(spool, data, build(data, 4), END + 4 * SECOND, &dropped, NULL), 0);
    cr_expect_eq(dropped, 1);
    check_list(spool, (const unsigned[]){2, 3, 4}, 3);
    size = jfr_build(data, sizeof(data), END, SECOND, "<5> is longer than the others");
    cr_assert_eq(seal_data(spool, data, size, END + 5 * SECOND, &dropped, NULL), 0);
    cr_expect_eq(dropped, 2);
    cr_expect_eq(scratch_count(scratch_path("%s/spool", shared)), 3);
}

Test(spool, same_name)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);
    uint8_t data[1024];

    for (unsigned i = 1; i <= 3; i++)
        cr_assert_eq(seal_data(spool, data, build(data, i), END, NULL, NULL), 0);
    check_list(spool, (const unsigned[]){1, 2, 3}, 3);
}

Test(spool, one_daemon)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);
    _cleanup_free_ char *reason = NULL;
    Spool *other = NULL;

    cr_expect_eq(spool_open(shared, PLENTY, &other, &reason), -EBUSY);
    cr_expect_null(other);
    cr_expect(reason && strstr(reason, scratch_path("process %i,", getpid())), "%s", reason);
    spool = spool_free(spool);
    spool = open_spool(PLENTY);
}

Test(spool, sweeps)
{
    Spool *spool = open_spool(PLENTY);
    _cleanup_free_ char *name = NULL, *unmarked = NULL;

    seal_well(spool, 1);
    seal_well(spool, 2);
    seal_well(spool, 3);
    name = first_name(spool);
    spool_free(spool);
    /* As after a death while sealing, after the last mark went, and in the middle of a removal. */
    cr_assert_eq(rename(in_spool(name), in_spool(scratch_path(".%s.tmp", name))), 0);
    spool = open_spool(PLENTY);
    unmarked = first_name(spool);
    spool_free(spool);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(unlink(in_spool(scratch_path("%s/todo.%s", unmarked, reporters[i]))), 0);
    cr_assert_eq(mkdir(in_spool(scratch_path(".%s.old", name)), 0700), 0);
    scratch_write(in_spool(scratch_path(".%s.old/recording.jfr", name)), "", 0);
    spool = open_spool(PLENTY);
    check_list(spool, (const unsigned[]){3}, 1);
    cr_expect_eq(scratch_count(scratch_path("%s/spool", shared)), 2);
    spool_free(spool);
}

Test(spool, forgets_others)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);
    static const char *const later[] = {"second", "third"};
    _cleanup_free_ char *name = NULL;
    unsigned n;

    seal_well(spool, 1);
    seal_well(spool, 2);
    name = first_name(spool);
    cr_assert_eq(spool_entry_settle(spool, name, "second"), 0);
    cr_assert_eq(spool_forget_others(spool, later, 2, &n), 0);
    cr_expect_eq(n, 2);
    check_list(spool, (const unsigned[]){2}, 1);
    cr_assert_eq(spool_forget_others(spool, later, 2, &n), 0);
    cr_expect_eq(n, 0);
}

/* Names that nobody made by sealing are no paths. */
Test(spool, names)
{
    static const char *const names[] = {"", ".", "..", "lock", "../spool", "/etc",
            "00060a24182d8240-42-12345/..", "00060A24182D8240-42-12345", "60a24182d8240-42-12345",
            "00060a24182d8240-42", "00060a24182d8240", "00060a24182d8240-42-12345-2-3",
            "00060a24182d8240-42-", "00060a24182d8240-42-12345\n", "00060a24182d8240-4a-12345",
            "00060a24182d8240-42-123456789012345678901", ".00060a24182d8240-42-12345.tmp"};
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cr_expect_eq(spool_entry_open(spool, names[i]), -EINVAL, "%s", names[i]);
        cr_expect_eq(spool_entry_settle(spool, names[i], "first"), -EINVAL, "%s", names[i]);
        cr_expect_not(spool_entry_is_wanted(spool, names[i], "first"));
    }
}

#define STRANGER "0000000000000001-1-1"
#define GOOD_JSON "{\"pid\":1,\"start_time\":1,\"comm\":\"c\",\"start\":1,\"end\":2,\"reporting_interval\":1}"

/* Lists the spool, in which one thing is no entry: it has to go, to be named, and to hinder nobody. */
static void check_set_apart(const char *name)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);
    _cleanup_free_ char *reason = NULL;
    SpoolEntry *entries;
    size_t n;

    cr_assert_eq(spool_list(spool, &entries, &n, &reason), 0);
    cr_expect_eq(n, 1);
    spool_entries_free(entries, n);
    cr_expect(reason && strstr(reason, name), "%s: %s", name, reason);
    cr_expect(scratch_exists(scratch_path("%s/incomplete/%s", shared, name)), "%s", name);
    cr_expect_not(scratch_exists(in_spool(name)), "%s", name);
    check_list(spool, (const unsigned[]){1}, 1);
    scratch_remove(scratch_path("%s/incomplete", shared));
}

static void make_stranger(const char *description)
{
    cr_assert_eq(mkdir(in_spool(STRANGER), 0700), 0);
    scratch_write(in_spool(STRANGER "/todo.first"), "", 0);
    scratch_write(in_spool(STRANGER "/recording.jfr"), "x", 1);
    if (description)
        scratch_write(in_spool(STRANGER "/entry.json"), description, strlen(description));
}

Test(spool, strangers)
{
    Spool *spool = open_spool(PLENTY);

    seal_well(spool, 1);
    spool_free(spool);

    scratch_write(in_spool("core"), "x", 1);
    check_set_apart("core");
    cr_assert_eq(mkdir(in_spool("lost+found"), 0700), 0);
    check_set_apart("lost+found");
    scratch_write(in_spool(STRANGER), "x", 1);
    check_set_apart(STRANGER);
    cr_assert_eq(symlink("/etc", in_spool(STRANGER)), 0);
    check_set_apart(STRANGER);
    cr_assert_eq(mkfifo(in_spool(STRANGER), 0600), 0);
    check_set_apart(STRANGER);

    make_stranger(NULL);
    check_set_apart(STRANGER);
    make_stranger(GOOD_JSON);
    cr_assert_eq(unlink(in_spool(STRANGER "/recording.jfr")), 0);
    check_set_apart(STRANGER);
    make_stranger(GOOD_JSON);
    cr_assert_eq(unlink(in_spool(STRANGER "/recording.jfr")), 0);
    cr_assert_eq(symlink("/etc/passwd", in_spool(STRANGER "/recording.jfr")), 0);
    check_set_apart(STRANGER);
    make_stranger(NULL);
    cr_assert_eq(mkfifo(in_spool(STRANGER "/entry.json"), 0600), 0);
    check_set_apart(STRANGER);
    make_stranger(NULL);
    cr_assert_eq(symlink("/dev/zero", in_spool(STRANGER "/entry.json")), 0);
    check_set_apart(STRANGER);
}

Test(spool, descriptions)
{
    static const char *const bad[] = {"", "{", "[]", "null", "{}", GOOD_JSON "x",
            "{\"pid\":0,\"start_time\":1,\"comm\":\"c\",\"start\":1,\"end\":2,\"reporting_interval\":1}",
            "{\"pid\":4294967297,\"start_time\":1,\"comm\":\"c\",\"start\":1,\"end\":2,\"reporting_"
            "interval\":1}",
            "{\"pid\":1.5,\"start_time\":1,\"comm\":\"c\",\"start\":1,\"end\":2,\"reporting_interval\":1}",
            "{\"pid\":1,\"start_time\":-1,\"comm\":\"c\",\"start\":1,\"end\":2,\"reporting_interval\":1}",
            "{\"pid\":1,\"start_time\":1,\"comm\":\"c\",\"start\":1,\"end\":2,\"reporting_interval\":-1}",
            "{\"pid\":1,\"start_time\":1,\"comm\":\"0123456789abcdef\",\"start\":1,\"end\":2,"
            "\"reporting_interval\":1}",
            "{\"pid\":1,\"start_time\":1,\"comm\":\"c\\u0000d\",\"start\":1,\"end\":2,\"reporting_interval\":"
            "1}",
            "{\"pid\":1,\"start_time\":1,\"comm\":null,\"start\":1,\"end\":2,\"reporting_interval\":1}",
            "{\"pid\":1,\"start_time\":1,\"comm\":\"c\",\"start\":1,\"end\":2}",
            "{\"pid\":1,\"pid\":1,\"start_time\":1,\"comm\":\"c\",\"start\":1,\"end\":2,\"reporting_"
            "interval\":1}",
            "{\"pid\":1,\"start_time\":1,\"comm\":\"c\",\"start\":1,\"end\":2,\"reporting_interval\":1,\"x\":"
            "1}",
            "{\"pid\":1,\"start_time\":1,\"comm\":\"c\",\"start\":1,\"end\":9223372036854775808,"
            "\"reporting_interval\":1}"};
    Spool *spool = open_spool(PLENTY);
    _cleanup_free_ char *long_one = malloc(5001);
    SpoolEntry *entries;
    size_t n;

    seal_well(spool, 1);
    spool_free(spool);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        make_stranger(bad[i]);
        check_set_apart(STRANGER);
    }
    memset(long_one, ' ', 5000);
    memcpy(long_one, GOOD_JSON, strlen(GOOD_JSON));
    long_one[5000] = '\0';
    make_stranger(long_one);
    check_set_apart(STRANGER);

    make_stranger(GOOD_JSON);
    spool = open_spool(PLENTY);
    cr_assert_eq(spool_list(spool, &entries, &n, NULL), 0);
    cr_expect_eq(n, 2);
    spool_entries_free(entries, n);
    spool_free(spool);
}

Test(spool, strangers_of_one_name)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);

    for (int i = 0; i < 3; i++) {
        char *reason = NULL;
        SpoolEntry *entries;
        size_t n;

        scratch_write(in_spool("core"), "x", 1);
        scratch_write(in_spool("dump"), "x", 1);
        cr_assert_eq(spool_list(spool, &entries, &n, &reason), 0);
        spool_entries_free(entries, n);
        cr_expect(strstr(reason, "core") && strstr(reason, "dump"), "%s", reason);
        free(reason);
    }
    cr_expect_eq(scratch_count(scratch_path("%s/incomplete", shared)), 6);
}

static void check_cannot_open(int expected)
{
    _cleanup_free_ char *reason = NULL;
    Spool *spool = NULL;

    cr_expect_eq(spool_open(shared, PLENTY, &spool, &reason), expected);
    cr_expect_null(spool);
    cr_expect(reason && strstr(reason, shared), "%s", reason);
}

Test(spool, whose_directory)
{
    const char *path = scratch_path("%s/spool", shared);

    cr_assert_eq(mkdir(shared, 0700), 0);
    cr_assert_eq(symlink("/tmp", path), 0);
    check_cannot_open(-ENOTDIR);
    cr_assert_eq(unlink(path), 0);
    scratch_write(path, "", 0);
    check_cannot_open(-ENOTDIR);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(chmod(path, 0770), 0);
    check_cannot_open(-EPERM);
    cr_assert_eq(chmod(path, 0702), 0);
    check_cannot_open(-EPERM);
    cr_assert_eq(chmod(path, 0700), 0);
    cr_assert_eq(symlink("/tmp/agentd-test-no-such-file", scratch_path("%s/lock", path)), 0);
    check_cannot_open(-ELOOP);
    cr_assert_eq(unlink(scratch_path("%s/lock", path)), 0);
    cr_assert_eq(chown(path, 65534, 65534), 0);
    check_cannot_open(-EPERM);
    cr_assert_eq(chown(path, 0, 0), 0);
    spool_free(open_spool(PLENTY));

    scratch_remove(shared);
    scratch_write(shared, "", 0);
    check_cannot_open(-ENOTDIR);
}

/* With ever more room there comes the moment when it works; before that nothing is left behind. */
static void check_full(const char *options, unsigned rooms, void (*fill)(unsigned room))
{
    bool sealed = false;

    cr_assert_eq(mkdir(shared, 0700), 0);
    for (unsigned room = 0; room < rooms; room++) {
        _cleanup_free_ char *reason = NULL;
        Spool *spool;
        int r;

        scratch_mount(shared, options);
        spool = open_spool(PLENTY);
        fill(room);
        r = seal(spool, 1, &reason);
        cr_assert(r == 0 || r == -ENOSPC, "%i", r);
        cr_assert(r == 0 || !sealed, "more room, but it fails");
        cr_expect(r == 0 || (reason && strstr(reason, shared)), "%s", reason);
        sealed = r == 0;
        check_list(spool, (const unsigned[]){1}, sealed);
        cr_expect_eq(scratch_count(scratch_path("%s/spool", shared)), 1 + sealed);
        spool_free(spool);
        cr_assert_eq(umount(shared), 0);
    }
    cr_assert(sealed);
}

static void fill_blocks(unsigned room)
{
    int fd = open(scratch_path("%s/fill", shared), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    static const char page[4096];

    while (write(fd, page, sizeof(page)) == (ssize_t)sizeof(page))
        continue;
    cr_assert_eq(ftruncate(fd, lseek(fd, 0, SEEK_END) - (off_t)room * 4096), 0);
    close(fd);
}

static void fill_inodes(unsigned room)
{
    unsigned n = 0;
    int fd;

    while ((fd = open(scratch_path("%s/fill%u", shared, n), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) >= 0) {
        close(fd);
        n++;
    }
    cr_assert_geq(n, room);
    while (room-- > 0)
        unlink(scratch_path("%s/fill%u", shared, --n));
}

Test(spool, full_disk_by_blocks)
{
    check_full("size=256k,mode=0700", 6, fill_blocks);
}

Test(spool, full_disk_by_inodes)
{
    check_full("size=256k,nr_inodes=24,mode=0700", 8, fill_inodes);
}

/* What a daemon does, until it is killed. */
static void work_until_killed(unsigned number)
{
    Spool *spool = open_spool(PLENTY);

    for (;; number++) {
        SpoolEntry *entries;
        size_t n;

        cr_assert_eq(spool_list(spool, &entries, &n, NULL), 0);
        for (size_t i = 0; i + 2 < n; i++)
            for (int j = 0; j < 2; j++)
                cr_assert_eq(spool_entry_settle(spool, entries[i].name, reporters[j]), 0);
        spool_entries_free(entries, n);
        seal_well(spool, number);
    }
}

#define KILLS 50

Test(spool, killed)
{
    unsigned number = 0;

    srandom(1);
    for (unsigned round = 0; round < KILLS; round++) {
        _cleanup_(spool_freep) Spool *spool = NULL;
        _cleanup_free_ char *reason = NULL;
        unsigned last = 0;
        SpoolEntry *entries;
        size_t n;
        int status;
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0)
            work_until_killed(number);
        /* Ever longer, so that on a busy machine too some rounds get somewhere. */
        nanosleep(&(struct timespec){.tv_nsec = 1000000 + random() % (20000000 + round * 2000000)}, NULL);
        cr_assert_eq(kill(pid, SIGKILL), 0);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFSIGNALED(status), "it failed by itself");

        spool = open_spool(PLENTY);
        cr_assert_eq(spool_list(spool, &entries, &n, &reason), 0);
        cr_assert_null(reason, "%s", reason);
        cr_assert_leq(n, 3);
        cr_assert_eq(scratch_count(scratch_path("%s/spool", shared)), (int)n + 1, "nothing is left behind");
        for (size_t i = 0; i < n; i++) {
            unsigned this = number_of(spool, entries[i].name);

            cr_assert(i == 0 || this == last + 1, "%u follows %u", this, last);
            last = this;
        }
        number = n > 0 ? last + 1 : number;
        spool_entries_free(entries, n);
    }
    cr_assert_gt(number, 0);
}

/* Everything that changes the disk, once. */
static void work_once(void)
{
    uint8_t data[1024];
    Spool *spool = open_spool(700);

    seal_well(spool, 2);
    seal_well(spool, 3); /* the first one has to go for it */
    cr_assert_eq(seal_data(spool, "junk", 4, END, NULL, NULL), -EBADMSG);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(spool_entry_settle(spool, first_name(spool), reporters[i]), 0);
    cr_assert_eq(seal_data(spool, data, build(data, 4), END + 4 * SECOND, NULL, NULL), 0);
}

/* Kills that work in front of its nth system call and looks at what is there then; whether it was over. */
static bool killed_leaves_order(unsigned n)
{
    bool finished = finished_before_kill(n, work_once);
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);
    _cleanup_free_ char *reason = NULL;
    SpoolEntry *entries;
    unsigned last = 0;
    size_t found;

    cr_assert_eq(spool_list(spool, &entries, &found, &reason), 0);
    cr_assert_null(reason, "%s", reason);
    cr_assert_eq(scratch_count(scratch_path("%s/spool", shared)), (int)found + 1, "leftovers at %u", n);
    for (size_t i = 0; i < found; i++) {
        unsigned number = number_of(spool, entries[i].name);

        cr_assert(number > last, "%u after %u", number, last);
        last = number;
    }
    spool_entries_free(entries, found);
    scratch_remove(shared);
    return finished;
}

Test(spool, killed_at_every_step)
{
    unsigned n = 0;

    /* Its fsync() costs nothing, and what a killed process leaves in a file system is the same in every one.
     */
    scratch_mount(scratch, "mode=0700");
    do {
        Spool *spool = open_spool(PLENTY);

        seal_well(spool, 1);
        spool_free(spool);
    } while (!killed_leaves_order(n++));
    cr_assert_gt(n, 100, "%u", n);
}

#define RECORDINGS 100

typedef struct Lane {
    pthread_t thread;
    Spool *spool;
    const char *reporter;
    atomic_bool *sealed;
    unsigned delivered[RECORDINGS];
} Lane;

static void *lane_run(void *userdata)
{
    Lane *lane = userdata;
    bool last;

    do {
        _cleanup_free_ char *reason = NULL;
        SpoolEntry *entries;
        size_t n;

        last = atomic_load(lane->sealed);
        cr_assert_eq(spool_list(lane->spool, &entries, &n, &reason), 0);
        cr_assert_null(reason, "%s", reason);
        for (size_t i = 0; i < n; i++)
            if (spool_entry_is_wanted(lane->spool, entries[i].name, lane->reporter)) {
                lane->delivered[number_of(lane->spool, entries[i].name)]++;
                cr_assert_eq(spool_entry_settle(lane->spool, entries[i].name, lane->reporter), 0);
            }
        spool_entries_free(entries, n);
    } while (!last);
    return NULL;
}

Test(spool, threads)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(PLENTY);
    atomic_bool sealed = false;
    Lane lanes[2];

    for (int i = 0; i < 2; i++) {
        lanes[i] = (Lane){.spool = spool, .reporter = reporters[i], .sealed = &sealed};
        cr_assert_eq(pthread_create(&lanes[i].thread, NULL, lane_run, &lanes[i]), 0);
    }
    for (unsigned i = 0; i < RECORDINGS; i++)
        seal_well(spool, i);
    atomic_store(&sealed, true);
    for (int i = 0; i < 2; i++)
        pthread_join(lanes[i].thread, NULL);
    for (int i = 0; i < 2; i++)
        for (unsigned j = 0; j < RECORDINGS; j++)
            cr_assert_eq(lanes[i].delivered[j], 1, "recording %u, reporter %i: %u times", j, i,
                    lanes[i].delivered[j]);
    cr_expect_eq(scratch_count(scratch_path("%s/spool", shared)), 1);
}

/* The same while the oldest are dropped under the lanes' eyes. */
static void *list_until(void *userdata)
{
    Lane *lane = userdata;

    while (!atomic_load(lane->sealed)) {
        _cleanup_free_ char *reason = NULL;
        SpoolEntry *entries;
        size_t n;

        cr_assert_eq(spool_list(lane->spool, &entries, &n, &reason), 0);
        cr_assert_null(reason, "%s", reason);
        for (size_t i = 0; i < n; i++) {
            _cleanup_close_ int fd = spool_entry_open(lane->spool, entries[i].name);

            cr_assert(fd >= 0 || fd == -ENOENT, "%i", fd);
            cr_assert_eq(spool_entry_settle(lane->spool, entries[i].name, lane->reporter), 0);
        }
        spool_entries_free(entries, n);
    }
    return NULL;
}

Test(spool, dropped_while_listed)
{
    _cleanup_(spool_freep) Spool *spool = open_spool(2000);
    atomic_bool sealed = false;
    Lane lane = {.spool = spool, .reporter = "first", .sealed = &sealed};

    cr_assert_eq(pthread_create(&lane.thread, NULL, list_until, &lane), 0);
    for (unsigned i = 0; i < RECORDINGS; i++)
        seal_well(spool, i);
    atomic_store(&sealed, true);
    pthread_join(lane.thread, NULL);
    cr_expect_leq(scratch_count(scratch_path("%s/spool", shared)), 7);
}
