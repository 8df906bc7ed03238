/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What /proc/PID/maps tells of a JVM. Source: Linux, fs/proc/task_mmu.c, show_map_vma(). */

#include "attach/process.h"

/* Paths are as the kernel writes them, from the root of the target's mount namespace. */
typedef struct JvmMaps {
    char *hotspot;             /* libjvm.so, NULL for none */
    char *openj9;              /* libj9vm*.so */
    char *perf_data_directory; /* "hsperfdata_<user>", whose file for this process is mapped */
    char *profiler;            /* the first libasyncProfiler.so */
    dev_t profiler_device;
    ino_t profiler_inode;
    bool several_profilers;
} JvmMaps;

int jvm_maps_read(const Process *process, JvmMaps *ret);
void jvm_maps_clear(JvmMaps *maps);
