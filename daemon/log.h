/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the daemon says: to the journal when stderr leads there, with fields, else to stderr as lines of text.
 */

#include <sys/types.h>
#include <syslog.h>

#include "conf/cleanup.h"

/* Finds out where stderr leads; before the first message. */
void log_open(void);

/* pid is the target that it is about, 0 for none; it becomes ASPROF_TARGET_PID= in the journal. */
void log_message(int priority, pid_t pid, const char *format, ...) _printf_(3, 4);

#define log_error(pid, ...) log_message(LOG_ERR, pid, __VA_ARGS__)
#define log_warning(pid, ...) log_message(LOG_WARNING, pid, __VA_ARGS__)
#define log_info(pid, ...) log_message(LOG_INFO, pid, __VA_ARGS__)
