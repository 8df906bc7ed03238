/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/target_directory.h"

#include <grp.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "tests/unit/child.h"
#include "tests/unit/scratch.h"

#define OTHER 65534
#define THIRD 4711

static char root[32];
static char parent[64];
static pid_t child;
static Process *process;
static char *reason;

static void open_child(void (*prepare)(void))
{
    child = child_spawn(prepare);
    cr_assert_eq(process_open(child, &process, &reason), 0, "%s", reason);
}

static void setup(void)
{
    cr_assert_eq(geteuid(), 0, "these tests need root");
    scratch_make(root);
    cr_assert_eq(chmod(root, 0711), 0);
    snprintf(parent, sizeof(parent), "%s/a/b", root);
}

static void teardown(void)
{
    process = process_free(process);
    if (child > 0)
        child_end(child);
    free(reason);
    scratch_remove(root);
}

TestSuite(target_directory, .init = setup, .fini = teardown, .timeout = 30);

static void become(uid_t uid)
{
    if (syscall(SYS_setgroups, 0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void become_other(void)
{
    become(OTHER);
}

static void become_other_in_group(void)
{
    gid_t group = THIRD;

    if (syscall(SYS_setgroups, 1, &group) < 0 || setresgid(OTHER, OTHER, OTHER) < 0 ||
            setresuid(OTHER, OTHER, OTHER) < 0)
        _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static struct stat status_of(const char *path)
{
    struct stat status;

    cr_assert_eq(lstat(path, &status), 0, "%s: %s", path, strerror(errno));
    return status;
}

static void expect_access(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
    struct stat status = status_of(path);

    cr_expect_eq(status.st_mode & 07777, mode, "%s: %o", path, status.st_mode);
    cr_expect_eq(status.st_uid, uid, "%s: %u", path, status.st_uid);
    cr_expect_eq(status.st_gid, gid, "%s: %u", path, status.st_gid);
}

Test(target_directory, own_user_whatever_the_umask)
{
    _cleanup_(target_directory_freep) TargetDirectory *directory = NULL;

    open_child(NULL);
    umask(0777);
    cr_assert_eq(target_directory_new(parent, "t.1-x_Y", process, &directory, &reason), 0, "%s", reason);
    expect_access(scratch_path("%s/a", root), 0711, 0, 0);
    expect_access(parent, 0711, 0, 0);
    cr_assert_str_eq(directory->path, scratch_path("%s/t.1-x_Y", parent));
    expect_access(directory->path, 0700, 0, 0);
    cr_assert_eq(fcntl(directory->fd, F_GETFD), FD_CLOEXEC);
    close(target_directory_create_file(directory, "f", &reason));
    expect_access(scratch_path("%s/f", directory->path), 0600, 0, 0);
    cr_assert_eq(target_directory_remove(directory), 0);
    cr_assert_not(scratch_exists(directory->path));
}

Test(target_directory, of_another_user)
{
    _cleanup_(target_directory_freep) TargetDirectory *directory = NULL;
    _cleanup_close_ int fd = -1;

    open_child(become_other);
    cr_assert_eq(target_directory_new(parent, "t", process, &directory, &reason), 0, "%s", reason);
    expect_access(directory->path, 0710, 0, OTHER);
    fd = target_directory_create_file(directory, "f", &reason);
    cr_assert_geq(fd, 0, "%s", reason);
    cr_assert_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cr_assert_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    expect_access(scratch_path("%s/f", directory->path), 0600, OTHER, OTHER);
    cr_assert_eq(target_sees_directory(process, directory->path, &reason), 0, "%s", reason);
}

static char *file_path;

static void use_as_other(void)
{
    become(OTHER);
    if (open(file_path, O_RDWR | O_TRUNC) < 0)
        _exit(1);
    if (unlink(file_path) == 0 || rename(file_path, scratch_path("%s2", file_path)) == 0)
        _exit(2);
    if (open(scratch_path("%s3", file_path), O_WRONLY | O_CREAT, 0600) >= 0)
        _exit(3);
}

static void use_as_third(void)
{
    become(THIRD);
    if (open(file_path, O_RDONLY) >= 0 || access(file_path, F_OK) == 0)
        _exit(1);
}

Test(target_directory, the_target_may_write_its_files_and_nothing_else)
{
    _cleanup_(target_directory_freep) TargetDirectory *directory = NULL;

    open_child(become_other);
    cr_assert_eq(target_directory_new(parent, "t", process, &directory, &reason), 0, "%s", reason);
    close(target_directory_create_file(directory, "f", &reason));
    file_path = scratch_path("%s/f", directory->path);
    cr_assert_eq(child_run(use_as_other), 0);
    cr_assert_eq(child_run(use_as_third), 0);
}

Test(target_directory, a_new_file_takes_the_name_and_leaves_the_content)
{
    _cleanup_(target_directory_freep) TargetDirectory *directory = NULL;
    _cleanup_close_ int first = -1, second = -1;
    struct stat status;
    char text[8] = "";

    open_child(become_other);
    cr_assert_eq(target_directory_new(parent, "t", process, &directory, &reason), 0, "%s", reason);
    first = target_directory_create_file(directory, "f", &reason);
    cr_assert_eq(write(first, "old", 3), 3);
    /* What a killed predecessor may have left. */
    cr_assert_eq(symlinkat("/etc/passwd", directory->fd, "f2"), 0);
    second = target_directory_create_file(directory, "f", &reason);
    cr_assert_geq(second, 0, "%s", reason);
    cr_assert_eq(pread(first, text, sizeof(text), 0), 3);
    cr_assert_str_eq(text, "old");
    cr_assert_eq(fstat(second, &status), 0);
    cr_assert_eq(status.st_size, 0);
    cr_assert_eq(status.st_ino, status_of(scratch_path("%s/f", directory->path)).st_ino);
    close(target_directory_create_file(directory, "f2", &reason));
    cr_assert(S_ISREG(status_of(scratch_path("%s/f2", directory->path)).st_mode));
    cr_assert_eq(scratch_count(directory->path), 2);
    cr_assert_eq(target_directory_remove(directory), 0);
}

static void expect_refused(const char *where, const char *name, int result, const char *part)
{
    TargetDirectory *directory = NULL;

    cr_expect_eq(target_directory_new(where, name, process, &directory, &reason), result, "%s/%s: %s", where,
            name, reason);
    cr_expect_null(directory);
    cr_expect(reason && strstr(reason, part), "%s", reason);
}

Test(target_directory, names_and_paths)
{
    _cleanup_(target_directory_freep) TargetDirectory *directory = NULL;
    static const char *const names[] = {"", ".", "..", "a/b", "a b", "a,b", "a%b", "a\n", "\xc3\xa4"};

    open_child(NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        expect_refused(parent, names[i], -EINVAL, "cannot name");
    expect_refused("relative", "t", -EINVAL, "no absolute path");
    expect_refused(scratch_path("%s/a,b", root), "t", -EINVAL, "comma");
    expect_refused(scratch_path("%s/a%%b", root), "t", -EINVAL, "'%'");
    expect_refused(scratch_path("%s/a\nb", root), "t", -EINVAL, "control");
    cr_assert_eq(scratch_count(root), 0);
    cr_assert_eq(target_directory_new(parent, "t", process, &directory, &reason), 0, "%s", reason);
    cr_assert_eq(target_directory_create_file(directory, "../f", &reason), -EINVAL);
    expect_refused(parent, "t", -EEXIST, "exists already");
}

Test(target_directory, ancestors_that_others_rule)
{
    open_child(NULL);
    cr_assert_eq(mkdir(scratch_path("%s/open", root), 0700), 0);
    cr_assert_eq(chmod(scratch_path("%s/open", root), 0777), 0);
    expect_refused(scratch_path("%s/open/x", root), "t", -EPERM, "chmod go-w");
    expect_refused(scratch_path("%s/open", root), "t", -EPERM, "chmod go-w");
    cr_assert_eq(chmod(scratch_path("%s/open", root), 0770), 0);
    cr_assert_eq(chown(scratch_path("%s/open", root), 0, OTHER), 0);
    expect_refused(scratch_path("%s/open", root), "t", -EPERM, "chmod go-w");
    cr_assert_eq(mkdir(scratch_path("%s/third", root), 0755), 0);
    cr_assert_eq(chown(scratch_path("%s/third", root), THIRD, THIRD), 0);
    expect_refused(scratch_path("%s/third/x", root), "t", -EPERM, "belongs to user 4711");
    cr_assert_eq(scratch_count(scratch_path("%s/open", root)), 0);
    scratch_write(scratch_path("%s/file", root), "", 0);
    expect_refused(scratch_path("%s/file/x", root), "t", -ENOTDIR, "Not a directory");
}

Test(target_directory, links_on_the_way)
{
    _cleanup_(target_directory_freep) TargetDirectory *directory = NULL;

    open_child(NULL);
    cr_assert_eq(mkdir(scratch_path("%s/sticky", root), 0700), 0);
    cr_assert_eq(chmod(scratch_path("%s/sticky", root), 01777), 0);
    cr_assert_eq(mkdir(scratch_path("%s/real", root), 0711), 0);
    cr_assert_eq(symlink("../real", scratch_path("%s/sticky/hostile", root)), 0);
    cr_assert_eq(lchown(scratch_path("%s/sticky/hostile", root), OTHER, OTHER), 0);
    expect_refused(scratch_path("%s/sticky/hostile", root), "t", -EPERM, "link that user 65534 made");
    cr_assert_eq(symlink("real", scratch_path("%s/ours", root)), 0);
    cr_assert_eq(target_directory_new(scratch_path("%s/ours", root), "t", process, &directory, &reason), 0,
            "%s", reason);
    cr_assert(scratch_exists(scratch_path("%s/real/t", root)));
    expect_refused(scratch_path("%s/sticky", root), "hostile", -EEXIST, "exists already");
}

Test(target_directory, what_the_target_may_not_reach)
{
    const char *path = scratch_path("%s/x", root), *library = scratch_path("%s/x/lib.so", root);

    open_child(become_other);
    cr_assert_eq(mkdir(path, 0755), 0);
    scratch_write(library, "", 0);
    cr_assert_eq(chmod(library, 0644), 0);
    cr_assert_eq(target_sees_directory(process, path, &reason), 0, "%s", reason);
    cr_assert_eq(target_sees_library(process, library, &reason), 0, "%s", reason);
    cr_assert_eq(target_sees_directory(process, library, &reason), -EINVAL);
    cr_assert_eq(target_sees_library(process, path, &reason), -EINVAL);
    cr_assert_eq(target_sees_library(process, scratch_path("%s/none", root), &reason), -ENOENT);
    cr_assert_eq(chmod(library, 0600), 0);
    cr_assert_eq(target_sees_library(process, library, &reason), -EACCES);
    cr_assert(strstr(reason, "chmod o+r"), "%s", reason);
    cr_assert_eq(chmod(path, 0700), 0);
    cr_assert_eq(target_sees_directory(process, path, &reason), -EACCES);
    cr_assert_eq(target_sees_library(process, library, &reason), -EACCES);
    cr_assert(strstr(reason, "user 65534"), "%s", reason);
    cr_assert_eq(geteuid(), 0);
    cr_assert_eq(getegid(), 0);
}

static void expect_group_decides(int result)
{
    const char *path = scratch_path("%s/x", root);
    gid_t ours[] = {0, THIRD}, now[8];

    /* Our own groups, which must not help, and must be there again afterwards. */
    cr_assert_eq(setgroups(2, ours), 0);
    cr_assert_eq(mkdir(path, 0710), 0);
    cr_assert_eq(chown(path, 0, THIRD), 0);
    cr_assert_eq(target_sees_directory(process, path, &reason), result, "%s", reason);
    cr_assert_eq(getgroups(8, now), 2);
    cr_assert_eq(memcmp(now, ours, sizeof(ours)), 0);
}

Test(target_directory, the_targets_groups_count)
{
    open_child(become_other_in_group);
    expect_group_decides(0);
}

Test(target_directory, our_own_groups_do_not)
{
    open_child(become_other);
    expect_group_decides(-EACCES);
}

static void mount_over(void)
{
    scratch_mount(root, "mode=0755");
}

Test(target_directory, other_file_systems)
{
    const char *path = scratch_path("%s/x", root), *library = scratch_path("%s/lib.so", root);

    cr_assert_eq(mkdir(path, 0755), 0);
    scratch_write(library, "", 0);
    open_child(mount_over);
    cr_assert_eq(target_sees_directory(process, path, &reason), -EXDEV);
    cr_assert(strstr(reason, "finds nothing"), "%s", reason);
    cr_assert_eq(target_sees_library(process, library, &reason), -EXDEV);
    cr_assert_eq(target_sees_directory(process, root, &reason), -EXDEV);
    cr_assert(strstr(reason, "another thing"), "%s", reason);
}

static void remount(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(root, root, NULL, MS_BIND, NULL) < 0 ||
            mount(NULL, root, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC, NULL) < 0)
        _exit(1);
}

Test(target_directory, mounted_otherwise)
{
    const char *path = scratch_path("%s/x", root), *library = scratch_path("%s/lib.so", root);

    cr_assert_eq(mkdir(path, 0755), 0);
    scratch_write(library, "", 0);
    open_child(remount);
    cr_assert_eq(target_sees_directory(process, path, &reason), -EROFS);
    cr_assert_eq(target_sees_library(process, library, &reason), -EACCES);
    cr_assert(strstr(reason, "noexec"), "%s", reason);
}

static void chroot_into(void)
{
    if (chroot(root) < 0)
        _exit(1);
}

/* A link in the target's root leads nowhere outside of it. */
Test(target_directory, links_in_another_root)
{
    const char *inner = scratch_path("%s%s", root, root);

    cr_assert_eq(mkdir(scratch_path("%s/tmp", root), 0755), 0);
    cr_assert_eq(mkdir(scratch_path("%s/x", root), 0755), 0);
    cr_assert_eq(symlink(scratch_path("/../../..%s", root), inner), 0);
    open_child(chroot_into);
    cr_assert_eq(target_sees_directory(process, scratch_path("%s/x", root), &reason), -ELOOP, "%s", reason);
    cr_assert_eq(unlink(inner), 0);
    cr_assert_eq(symlink("/proc/1/root", inner), 0);
    cr_assert_eq(target_sees_directory(process, scratch_path("%s/x", root), &reason), -EXDEV, "%s", reason);
    cr_assert_eq(unlink(inner), 0);
}
