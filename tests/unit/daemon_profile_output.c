/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/profile_output.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static char directory[] = "/tmp/agentd-output-XXXXXX";

static void enter(void)
{
    cr_assert(mkdtemp(directory) && chdir(directory) == 0);
}

static void leave(void)
{
    _cleanup_closedir_ DIR *files = opendir(".");

    for (struct dirent *file; (file = readdir(files));)
        unlink(file->d_name);
    rmdir(directory);
}

TestSuite(profile_output, .init = enter, .fini = leave);

static void put_file(const char *name, const char *text)
{
    _cleanup_close_ int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static unsigned count_files(void)
{
    _cleanup_closedir_ DIR *files = opendir(".");
    unsigned n = 0;

    while (readdir(files))
        n++;
    return n - 2;
}

static void assert_name(const char *pattern, const char *expected)
{
    _cleanup_(profile_output_freep) ProfileOutput *output = NULL;
    _cleanup_free_ char *reason = NULL;

    cr_assert_eq(profile_output_open(pattern, "java", 42, "html", &output, &reason), 0, "%s", reason);
    cr_assert_str_eq(output->path, expected);
}

Test(profile_output, patterns)
{
    setenv("AGENTD_TEST", "value", 1);
    put_file("taken-0.html", "");
    put_file("a%n.html", "");
    put_file("full-0", "");
    put_file("full-1", "");
    assert_name("%p-%{AGENTD_TEST}.html", "42-value.html");
    assert_name("taken-%n.html", "taken-1.html");
    assert_name("a%%n.html", "a%n.html");
    assert_name("full-%n{3}", "full-2");
    assert_name("full-%n{2}", "full-0");
}

Test(profile_output, patterns_that_mean_nothing)
{
    static const char *const patterns[] = {"%x", "%", "%{NOT_THERE_AT_ALL}", "%{AGENTD", "%n{", "%n{0}"};

    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        ProfileOutput *output = NULL;

        cr_assert_eq(profile_output_open(patterns[i], "java", 42, "html", &output, NULL), -EINVAL, "%s",
                patterns[i]);
        cr_assert_null(output);
    }
}

Test(profile_output, name_of_its_own_keeps_out_of_trouble)
{
    _cleanup_(profile_output_freep) ProfileOutput *output = NULL;

    cr_assert_eq(profile_output_open(NULL, "-a/..\n", 42, "html", &output, NULL), 0);
    cr_assert_eq(strncmp(output->path, "_-a_.._-42-", strlen("_-a_.._-42-")), 0, "%s", output->path);
}

Test(profile_output, appears_whole_or_not_at_all)
{
    _cleanup_(profile_output_freep) ProfileOutput *output = NULL;
    _cleanup_close_ int fd = memfd_create("profile", MFD_CLOEXEC);
    struct stat st;

    put_file("x.html", "old");
    umask(027);
    cr_assert_eq(write(fd, "whole", 5), 5);
    cr_assert_eq(profile_output_open("x.html", "java", 42, "html", &output, NULL), 0);
    cr_assert_eq(stat("x.html", &st), 0);
    cr_assert_eq(st.st_size, 3, "the old one is there until the new one is");
    cr_assert_eq(profile_output_publish(output, fd, 5, NULL), 0);
    cr_assert_eq(stat("x.html", &st), 0);
    cr_assert_eq(st.st_size, 5);
    cr_assert_eq(st.st_mode & 07777, 0640);
    cr_assert_eq(count_files(), 1);
}

Test(profile_output, what_is_not_published_leaves_nothing)
{
    ProfileOutput *output = NULL;

    cr_assert_eq(profile_output_open("x.html", "java", 42, "html", &output, NULL), 0);
    profile_output_free(output);
    cr_assert_eq(count_files(), 0);
}

Test(profile_output, a_place_that_cannot_be_written_is_named)
{
    _cleanup_free_ char *reason = NULL;
    ProfileOutput *output = NULL;

    cr_assert_eq(profile_output_open("no/x.html", "java", 42, "html", &output, &reason), -ENOENT);
    cr_assert(strstr(reason, "no/x.html"), "%s", reason);
    cr_assert_eq(profile_output_open(directory, "java", 42, "html", &output, NULL), -EISDIR);
}
