/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/credentials.h"

#include <linux/capability.h>
#include <sys/syscall.h>

#include "conf/cleanup.h"

/* The system calls themselves: glibc's functions would change every thread of the process. */
static int set_effective_uid(uid_t uid)
{
    return syscall(SYS_setresuid, -1, uid, -1) < 0 ? -errno : 0;
}

static int set_effective_gid(gid_t gid)
{
    return syscall(SYS_setresgid, -1, gid, -1) < 0 ? -errno : 0;
}

static int set_groups(const gid_t *groups, size_t n)
{
    return syscall(SYS_setgroups, n, groups) < 0 ? -errno : 0;
}

int credentials_assume(uid_t uid, gid_t gid, Credentials *ret_saved)
{
    Credentials saved = {.uid = geteuid(), .gid = getegid()};
    int r;

    if (saved.uid == uid && saved.gid == gid) {
        *ret_saved = saved;
        return 0;
    }
    /* The group first: it takes a capability that goes with the user. */
    r = set_effective_gid(gid);
    if (r < 0)
        return r;
    r = set_effective_uid(uid);
    if (r < 0) {
        credentials_restore(&saved);
        return r;
    }
    *ret_saved = saved;
    return 0;
}

int credentials_assume_groups(
        uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups, Credentials *ret_saved)
{
    _cleanup_free_ gid_t *former = NULL;
    int n, r;

    n = getgroups(0, NULL);
    former = n < 0 ? NULL : calloc((size_t)n + 1, sizeof(*former));
    if (!former)
        return -errno;
    n = getgroups(n, former);
    if (n < 0)
        return -errno;
    r = set_groups(groups, n_groups);
    if (r < 0)
        return r;
    r = credentials_assume(uid, gid, ret_saved);
    if (r < 0) {
        if (set_groups(former, (size_t)n) < 0)
            abort();
        return r;
    }
    ret_saved->groups = steal_pointer(&former);
    ret_saved->n_groups = (size_t)n;
    return 0;
}

void credentials_restore(Credentials *saved)
{
    int error = errno;

    /* Both were ours and stayed our saved ids; to go on as somebody else would be worse than to end. */
    if ((geteuid() != saved->uid && set_effective_uid(saved->uid) < 0) ||
            (getegid() != saved->gid && set_effective_gid(saved->gid) < 0))
        abort();
    if (saved->groups && set_groups(saved->groups, saved->n_groups) < 0)
        abort();
    free(saved->groups);
    saved->groups = NULL;
    errno = error;
}

bool credentials_have_capability(unsigned capability)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    return syscall(SYS_capget, &header, data) == 0 &&
           (data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability));
}
