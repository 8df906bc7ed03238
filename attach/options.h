/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* async-profiler's option strings. Source: async-profiler 4.5, src/arguments.cpp. */

#include <stdint.h>

#include "conf/settings.h"

#define OPTIONS_LOG_NAME "log"

/* async-profiler's own words, in its answers: src/profiler.cpp. */
#define PROFILER_RUNNING "Profiling is running for "
#define PROFILER_NOT_ACTIVE "Profiler is not active"
#define PROFILER_ALREADY_STARTED "Profiler already started"

/*
 * "start,event=cpu,interval=100000000,wall=1000ms,jfr,cstack=dwarf,file=<file>[,nativemem=<value>]<extra>
 * [,timeout=<s>]"; timeout in whole seconds, 0 for none. *ret is owned by the caller.
 * -EINVAL: a path that async-profiler would take apart (',' or '%'). -E2BIG: longer than the protocol allows.
 */
int options_format_start(
        const ProfilingSettings *settings, const char *file, uint64_t timeout, char **ret, char **reason);

/* Where in directory async-profiler is to write what it has to say; owned by the caller. */
char *options_log_path(const char *directory);
/* "<options>,log=<log>,quiet": keeps async-profiler from writing on the target's own output. */
char *options_append_log(const char *options, const char *log);

/* Whether a value may stand in an option string as it is: no comma, control character or (in a path) '%'. */
int options_check_value(const char *value, char **reason);
int options_check_path(const char *path, char **reason);
