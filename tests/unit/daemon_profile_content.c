/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/profile_content.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>

#include "conf/cleanup.h"

static int file_with(const char *text)
{
    int fd = memfd_create("content", MFD_CLOEXEC);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

static int check(const char *text, const char *extension)
{
    _cleanup_close_ int fd = file_with(text);

    return profile_content_check(fd, strlen(text), extension, NULL);
}

Test(profile_content, what_is_cut_off_is_no_profile)
{
    cr_assert_eq(check("", "txt"), -ENODATA);
    cr_assert_eq(check("a;b 1\n", "collapsed"), 0);
    cr_assert_eq(check("<html>...</html>\n", "html"), 0);
    cr_assert_eq(check("<html>...</ht", "html"), -EBADMSG);
    cr_assert_eq(check("<", "html"), -EBADMSG);
    cr_assert_eq(check("no JFR", "jfr"), -EBADMSG);
}

Test(profile_content, lines_stay_and_escapes_go)
{
    _cleanup_close_ int fd = file_with("Basic events:\n  cpu\n\n\033[2J\rend");
    _cleanup_free_ char *text = NULL;

    cr_assert_eq(profile_content_read(fd, &text), 0);
    cr_assert_str_eq(text, "Basic events:\n  cpu\n\n?[2J?end\n");
}
