/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Acting as the target's user for the length of one system call or two. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct Credentials {
    uid_t uid; /* effective */
    gid_t gid;
    gid_t *groups; /* supplementary; NULL: they were left as they are */
    size_t n_groups;
} Credentials;

/* Makes these the calling thread's effective ids (no other thread's) and leaves the former ones in
 * *ret_saved. -EPERM: CAP_SETUID or CAP_SETGID is missing; nothing has changed. */
int credentials_assume(uid_t uid, gid_t gid, Credentials *ret_saved);
/* The same with these supplementary groups instead of ours: what such a user may do is then exactly what we
 * may. */
int credentials_assume_groups(
        uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups, Credentials *ret_saved);
/* Takes back what either did; keeps errno. */
void credentials_restore(Credentials *saved);

/* Whether the calling thread has this capability (CAP_*, linux/capability.h) in effect. */
bool credentials_have_capability(unsigned capability);
