/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The JVM door: HotSpot's attach protocol, from outside. Source: OpenJDK,
 * src/hotspot/os/posix/attachListener_posix.cpp and
 * src/jdk.attach/linux/classes/sun/tools/attach/VirtualMachineImpl.java. */

#include <stddef.h>

#include "attach/engine.h"
#include "attach/process.h"

typedef struct sd_event sd_event;
typedef struct TargetDirectory TargetDirectory;

/*
 * An engine that commands async-profiler in this HotSpot JVM; library is the absolute path of
 * libasyncProfiler.so, seen alike by us and the target. Every command gets ",log=<file in directory>,quiet"
 * appended. process and directory are borrowed and must outlive the engine. Nothing is sent yet.
 */
int hotspot_engine_new(sd_event *event, const Process *process, const char *library,
        TargetDirectory *directory, Engine **ret, char **reason);

/*
 * The outcome of a `load` request by the JDK's own rule, from the whole reply: 0 success, ENGINE_REFUSED with
 * *reason set (the JVM's text, "return code: N" as number in *ret_code), -EPROTO what no JVM says.
 * ret_code: async-profiler's code (100 arguments, 200 command) or -1.
 */
int hotspot_parse_reply(const char *reply, size_t size, int *ret_code, char **reason);
