/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * HotSpot's performance data, which a JVM keeps in a file for tools like jps. Source: OpenJDK,
 * src/hotspot/share/runtime/perfMemory.hpp, PerfDataPrologue and PerfDataEntry, version 2.0 (JDK 5 and on).
 */

#include <stddef.h>

#include "attach/process.h"

/* Reads <root>/tmp/<directory>/<ns_pid>, which must be the target's own. *ret is owned by the caller. */
int hsperfdata_read(const Process *process, int root_fd, const char *directory, char **ret, size_t *ret_size);

/* The string of this name and its length (without NUL, within data), or NULL: there is none, the data are no
 * such data, or the JVM has not finished to set them up. Data may be anything. */
const char *hsperfdata_find(const char *data, size_t size, const char *name, size_t *ret_length);
