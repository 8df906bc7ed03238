/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The number of the kernel's tracepoint "syscalls:sys_enter_openat". Only root finds it, so async-profiler in
 * another user's process does not. -ENOENT: there is none of that name; others: we may not look. */
int tracepoint_find(const char *event, unsigned *ret);
