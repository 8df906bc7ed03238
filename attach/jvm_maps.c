/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/jvm_maps.h"

#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

/* A line with the longest path that can be opened, should all of it be "\012". A longer one (a file can lie
 * deeper) is left out: the file as a whole may have megabytes. */
#define LINE_SIZE (4 * PATH_MAX + 128)

typedef struct Mapping {
    bool executable;
    dev_t device;
    ino_t inode;
    const char *path;
    const char *name;   /* the path's last component */
    size_t name_length; /* without " (deleted)" */
} Mapping;

static bool mapping_parse(char *line, Mapping *ret)
{
    static const char deleted[] = " (deleted)";
    unsigned device_major, device_minor;
    unsigned long inode;
    size_t length;
    char flags[5];
    int at = 0;

    if (sscanf(line, "%*x-%*x %4s %*x %x:%x %lu %n", flags, &device_major, &device_minor, &inode, &at) != 4 ||
            line[at] != '/')
        return false;
    ret->executable = flags[2] == 'x';
    ret->device = makedev(device_major, device_minor);
    ret->inode = inode;
    ret->path = line + at;
    ret->name = strrchr(ret->path, '/') + 1;
    length = strlen(ret->name);
    if (length >= strlen(deleted) && strcmp(ret->name + length - strlen(deleted), deleted) == 0)
        length -= strlen(deleted);
    ret->name_length = length;
    return true;
}

static bool mapping_is(const Mapping *mapping, const char *name)
{
    return mapping->name_length == strlen(name) && memcmp(mapping->name, name, mapping->name_length) == 0;
}

static bool mapping_is_openj9(const Mapping *mapping)
{
    return mapping->name_length > strlen("libj9vm.so") &&
           strncmp(mapping->name, "libj9vm", strlen("libj9vm")) == 0 &&
           strncmp(mapping->name + mapping->name_length - 3, ".so", 3) == 0;
}

static int keep_first(char **path, const char *found, size_t length)
{
    if (!*path)
        *path = strndup(found, length);
    return *path ? 0 : -ENOMEM;
}

static int keep_profiler(JvmMaps *maps, const Mapping *mapping)
{
    if (maps->profiler) {
        if (mapping->device != maps->profiler_device || mapping->inode != maps->profiler_inode)
            maps->several_profilers = true;
        return 0;
    }
    maps->profiler_device = mapping->device;
    maps->profiler_inode = mapping->inode;
    return keep_first(&maps->profiler, mapping->path, strlen(mapping->path));
}

/* ".../hsperfdata_<user>/<ns_pid>": only while it is mapped is it this process's file for certain, and none
 * left behind by an earlier one of this number. */
static int keep_perf_data(JvmMaps *maps, const Mapping *mapping, const char *ns_pid)
{
    static const char prefix[] = "hsperfdata_";
    const char *end = mapping->name - 1, *begin = end;

    if (strcmp(mapping->name, ns_pid) != 0 || end == mapping->path)
        return 0;
    while (begin[-1] != '/')
        begin--;
    if (strncmp(begin, prefix, strlen(prefix)) != 0)
        return 0;
    return keep_first(&maps->perf_data_directory, begin, (size_t)(end - begin));
}

/* Only what is mapped executable is in use; a debugger may map libraries to read them. */
static int keep_mapping(JvmMaps *maps, const Mapping *mapping, const char *ns_pid)
{
    if (!mapping->executable)
        return keep_perf_data(maps, mapping, ns_pid);
    if (mapping_is(mapping, "libjvm.so"))
        return keep_first(&maps->hotspot, mapping->path, strlen(mapping->path));
    if (mapping_is_openj9(mapping))
        return keep_first(&maps->openj9, mapping->path, strlen(mapping->path));
    if (mapping_is(mapping, "libasyncProfiler.so"))
        return keep_profiler(maps, mapping);
    return 0;
}

static bool mapping_is_of_interest(const char *line, const char *ns_pid)
{
    const char *name = strrchr(line, '/');

    return name && (strncmp(name + 1, "lib", 3) == 0 || strcmp(name + 1, ns_pid) == 0);
}

static int scan(FILE *file, const char *ns_pid, JvmMaps *maps)
{
    char line[LINE_SIZE];
    bool cut = false;
    int r = 0;

    while (r >= 0 && fgets(line, sizeof(line), file)) {
        char *end = strchr(line, '\n');
        bool rest = cut;
        Mapping mapping;

        cut = !end;
        if (rest || cut)
            continue;
        *end = '\0';
        if (mapping_is_of_interest(line, ns_pid) && mapping_parse(line, &mapping))
            r = keep_mapping(maps, &mapping, ns_pid);
    }
    if (r >= 0 && ferror(file))
        r = -errno;
    return r;
}

int jvm_maps_read(const Process *process, JvmMaps *ret)
{
    char buffer[8192]; /* before file, which uses it until it is closed */
    _cleanup_close_ int fd = process_open_file(process, "maps");
    _cleanup_fclose_ FILE *file = NULL;
    JvmMaps maps = {0};
    char ns_pid[16];
    int r;

    if (fd < 0)
        return fd;
    file = fdopen(fd, "r");
    if (!file)
        return -errno;
    /* The kernel fills a page a read; stdio would ask for a quarter of one, and each read finds its place
     * anew. */
    setvbuf(file, buffer, _IOFBF, sizeof(buffer));
    steal_fd(&fd);
    snprintf(ns_pid, sizeof(ns_pid), "%d", (int)process->ns_pid);
    r = scan(file, ns_pid, &maps);
    /* What is cut short by the end of the process reads like a whole. */
    if (r >= 0 && !process_is_alive(process))
        r = -ESRCH;
    if (r < 0) {
        jvm_maps_clear(&maps);
        return r;
    }
    *ret = maps;
    return 0;
}

void jvm_maps_clear(JvmMaps *maps)
{
    free(maps->hotspot);
    free(maps->openj9);
    free(maps->perf_data_directory);
    free(maps->profiler);
    *maps = (JvmMaps){0};
}
