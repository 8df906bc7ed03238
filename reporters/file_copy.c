/* SPDX-License-Identifier: Apache-2.0 */
#include "reporters/file_copy.h"

#include <linux/fs.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "conf/cleanup.h"

/* One call's share: far from every limit of a call's length, and a page multiple. */
#define PIECE (UINT64_C(1) << 30)

static size_t piece(uint64_t from, uint64_t to)
{
    return to - from < PIECE ? (size_t)(to - from) : (size_t)PIECE;
}

/* 1: done; 0: it is not to be had here. A clone is of the whole file, whatever that is by then. */
static int copy_by_reflink(int from, int to, uint64_t size)
{
    struct stat st;

    if (fstat(from, &st) < 0)
        return -errno;
    if ((uint64_t)st.st_size != size || ioctl(to, FICLONE, from) < 0)
        return 0;
    if (fstat(to, &st) < 0)
        return -errno;
    if ((uint64_t)st.st_size < size)
        return -ENODATA;
    if ((uint64_t)st.st_size > size && ftruncate(to, (off_t)size) < 0)
        return -errno;
    return 1;
}

/* Up to where it got is left in *done, also when the kernel will not do it between these two. */
static int copy_by_range(int from, int to, uint64_t size, uint64_t *done)
{
    while (*done < size) {
        loff_t in = (loff_t)*done, out = (loff_t)*done;
        ssize_t n = copy_file_range(from, &in, to, &out, piece(*done, size), 0);

        if (n == 0)
            return -ENODATA;
        if (n > 0)
            *done += (uint64_t)n;
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

/* sendfile() writes where the offset of `to` stands. */
static int copy_by_sendfile(int from, int to, uint64_t size, uint64_t done)
{
    while (done < size) {
        off_t in = (off_t)done;
        ssize_t n = sendfile(to, from, &in, piece(done, size));

        if (n == 0)
            return -ENODATA;
        if (n > 0)
            done += (uint64_t)n;
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

int file_copy(int from, int to, uint64_t size)
{
    uint64_t done = 0;
    off_t offset;
    int r;

    r = copy_by_reflink(from, to, size);
    if (r != 0)
        return r < 0 ? r : 0;
    r = copy_by_range(from, to, size, &done);
    if (r != -EXDEV && r != -EINVAL && r != -ENOSYS && r != -EOPNOTSUPP)
        return r;
    offset = lseek(to, 0, SEEK_CUR);
    if (offset < 0 || lseek(to, (off_t)done, SEEK_SET) < 0)
        return -errno;
    r = copy_by_sendfile(from, to, size, done);
    if (lseek(to, offset, SEEK_SET) < 0 && r == 0)
        return -errno;
    return r;
}
