/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/hsperfdata.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>

/* 32 KiB unless -XX:PerfDataMemorySize says otherwise. */
#define SIZE_LIMIT (1024 * 1024)

typedef struct Prologue {
    unsigned char magic[4];
    uint8_t byte_order; /* 0 big, 1 little */
    uint8_t major_version;
    uint8_t minor_version;
    uint8_t accessible; /* 0 while the JVM starts up */
    int32_t used;       /* bytes, this included */
    int32_t overflow;
    int64_t modified;
    int32_t entry_offset; /* of the first entry */
    int32_t num_entries;
} Prologue;
_Static_assert(sizeof(Prologue) == 32, "as in perfMemory.hpp");

/* Offsets are from the entry's begin. */
typedef struct Entry {
    int32_t length;
    int32_t name_offset;
    int32_t vector_length; /* 0 for a scalar */
    char data_type;        /* as in the JVM's signatures: 'B' a byte */
    uint8_t flags;
    uint8_t units;
    uint8_t variability;
    int32_t data_offset;
} Entry;
_Static_assert(sizeof(Entry) == 20, "as in perfMemory.hpp");

int hsperfdata_read(const Process *process, int root_fd, const char *directory, char **ret, size_t *ret_size)
{
    _cleanup_close_ int tmp_fd = -1;
    _cleanup_free_ char *path = NULL;
    _cleanup_free_ char *data = NULL;
    struct stat status;
    size_t size;
    int r;

    if (asprintf(&path, "%s/%d", directory, (int)process->ns_pid) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    /* Whoever made the root may have made its /tmp a link; what is in it anybody may have made. */
    tmp_fd = process_openat(
            process, root_fd, "tmp", O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    if (tmp_fd < 0)
        return tmp_fd;
    r = process_read_regular(process, tmp_fd, path,
            RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, SIZE_LIMIT, &status, &data, &size);
    if (r < 0)
        return r;
    if (status.st_uid != process->uid || status.st_nlink != 1)
        return -EPERM;
    *ret = steal_pointer(&data);
    *ret_size = size;
    return 0;
}

static bool prologue_read(const char *data, size_t size, Prologue *ret)
{
    static const unsigned char magic[4] = {0xca, 0xfe, 0xc0, 0xc0}; /* in this order on every machine */

    if (size < sizeof(*ret))
        return false;
    memcpy(ret, data, sizeof(*ret));
    return memcmp(ret->magic, magic, sizeof(magic)) == 0 &&
           ret->byte_order == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) && ret->major_version == 2 &&
           ret->accessible != 0;
}

/* Where the entry's string begins, if that is what it holds and the name is right. Entry and length lie
 * within the data. */
static const char *entry_match(const Entry *entry, const char *begin, const char *name, size_t *ret_length)
{
    size_t length = (size_t)entry->length, name_size = strlen(name) + 1;

    if (entry->data_type != 'B' || entry->name_offset < 0 || entry->data_offset < 0 ||
            entry->vector_length <= 0)
        return NULL;
    if (name_size > length || (size_t)entry->name_offset > length - name_size ||
            memcmp(begin + entry->name_offset, name, name_size) != 0)
        return NULL;
    if ((size_t)entry->vector_length > length ||
            (size_t)entry->data_offset > length - (size_t)entry->vector_length)
        return NULL;
    *ret_length = strnlen(begin + entry->data_offset, (size_t)entry->vector_length);
    return begin + entry->data_offset;
}

const char *hsperfdata_find(const char *data, size_t size, const char *name, size_t *ret_length)
{
    Prologue prologue;
    size_t offset;

    if (!prologue_read(data, size, &prologue) || prologue.entry_offset < 0)
        return NULL;
    offset = (size_t)prologue.entry_offset;
    for (int32_t i = 0; i < prologue.num_entries; i++) {
        const char *found;
        Entry entry;

        if (offset > size || size - offset < sizeof(entry))
            return NULL;
        memcpy(&entry, data + offset, sizeof(entry));
        if (entry.length < (int32_t)sizeof(entry) || (size_t)entry.length > size - offset)
            return NULL;
        found = entry_match(&entry, data + offset, name, ret_length);
        if (found)
            return found;
        offset += (size_t)entry.length;
    }
    return NULL;
}
