/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a HotSpot that was started with this command line and environment refuses to be attached to. Both
 * are strings that end in NUL, one after the other, as in /proc/PID, and one more NUL behind them. Of the
 * places that a JVM takes flags from, in its order, the later winning: JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS,
 * the command line, _JAVA_OPTIONS. Files of flags (@file, -XX:Flags=) are not looked into.
 */
bool jvm_flags_disable_attach(
        const char *command_line, size_t command_line_size, const char *environment, size_t environment_size);
