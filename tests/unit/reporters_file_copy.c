/* SPDX-License-Identifier: Apache-2.0 */

/* A copy by whatever way the kernel has between two file systems. */

#include <signal.h>
#include <sys/resource.h>

#include "conf/cleanup.h"
#include "reporters/file_copy.h"
#include "tests/unit/scratch.h"

#define SIZE (3 * 1024 * 1024 + 17)

static char scratch[32];

static void setup(void)
{
    scratch_make(scratch);
}

static void teardown(void)
{
    scratch_remove(scratch);
}

TestSuite(file_copy, .init = setup, .fini = teardown);

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 7 + i / 4096);
}

static int open_source(const char *path, size_t size)
{
    _cleanup_free_ uint8_t *data = malloc(size);

    for (size_t i = 0; i < size; i++)
        data[i] = pattern(i);
    scratch_write(path, data, size);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static int open_target(const char *path)
{
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static void check_copy(int fd, size_t size)
{
    _cleanup_free_ uint8_t *data = malloc(size + 1);

    cr_assert_eq(pread(fd, data, size + 1, 0), (ssize_t)size);
    for (size_t i = 0; i < size; i++)
        cr_assert_eq(data[i], pattern(i), "byte %zu", i);
}

/* Copies the first `size` bytes between two directories and looks at what must not have changed. */
static void check_between(const char *from_directory, const char *to_directory, size_t size)
{
    _cleanup_close_ int from = open_source(scratch_path("%s/from", from_directory), SIZE);
    _cleanup_close_ int to = open_target(scratch_path("%s/to-%zu", to_directory, size));

    cr_assert_eq(lseek(from, 5, SEEK_SET), 5);
    cr_assert_eq(file_copy(from, to, size), 0);
    check_copy(to, size);
    cr_expect_eq(lseek(from, 0, SEEK_CUR), 5);
    cr_expect_eq(lseek(to, 0, SEEK_CUR), 0);
}

Test(file_copy, within_a_file_system)
{
    check_between(scratch, scratch, SIZE);
    check_between(scratch, scratch, SIZE - 4096);
    check_between(scratch, scratch, 1);
    check_between(scratch, scratch, 0);
}

Test(file_copy, across_file_systems)
{
    char *there = scratch_path("%s/there", scratch);

    cr_assert_eq(mkdir(there, 0700), 0);
    scratch_mount(there, "size=16m");
    check_between(scratch, there, SIZE);
    check_between(there, scratch, SIZE - 1);
    check_between(there, there, SIZE - 2);
}

Test(file_copy, source_ends_early)
{
    char *there = scratch_path("%s/there", scratch);
    _cleanup_close_ int from = open_source(scratch_path("%s/from", scratch), SIZE), to = -1, far = -1;

    to = open_target(scratch_path("%s/to", scratch));
    cr_expect_eq(file_copy(from, to, SIZE + 1), -ENODATA);
    cr_assert_eq(mkdir(there, 0700), 0);
    scratch_mount(there, "size=16m");
    far = open_target(scratch_path("%s/to", there));
    cr_expect_eq(file_copy(from, far, SIZE + 1), -ENODATA);
}

Test(file_copy, holes)
{
    _cleanup_close_ int from = open_target(scratch_path("%s/from", scratch));
    _cleanup_close_ int to = open_target(scratch_path("%s/to", scratch));
    uint8_t byte = 1;

    cr_assert_eq(ftruncate(from, SIZE), 0);
    cr_assert_eq(pwrite(from, "x", 1, SIZE - 1), 1);
    cr_assert_eq(file_copy(from, to, SIZE), 0);
    cr_assert_eq(lseek(to, 0, SEEK_END), SIZE);
    cr_assert_eq(pread(to, &byte, 1, SIZE / 2), 1);
    cr_expect_eq(byte, 0);
    cr_assert_eq(pread(to, &byte, 1, SIZE - 1), 1);
    cr_expect_eq(byte, 'x');
}

Test(file_copy, full_disk)
{
    char *there = scratch_path("%s/there", scratch);
    _cleanup_close_ int from = open_source(scratch_path("%s/from", scratch), SIZE), near = -1, to = -1;

    cr_assert_eq(mkdir(there, 0700), 0);
    scratch_mount(there, "size=4m");
    to = open_target(scratch_path("%s/to", there));
    near = open_source(scratch_path("%s/from", there), SIZE);
    cr_expect_eq(file_copy(from, to, SIZE), -ENOSPC, "across");
    cr_expect_eq(file_copy(near, to, SIZE), -ENOSPC, "within");
}

Test(file_copy, file_size_limit)
{
    _cleanup_close_ int from = open_source(scratch_path("%s/from", scratch), SIZE);
    _cleanup_close_ int to = open_target(scratch_path("%s/to", scratch));

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){SIZE / 2, SIZE / 2}), 0);
    cr_expect_eq(file_copy(from, to, SIZE), -EFBIG);
}
