/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "conf/settings.h"
#include "conf/units.h"
#include "daemon/utf8.h"

#define COLUMNS_MAX 200
#define BAR_MAX 40
#define BAR_MIN 5
#define LINE_SIZE 1024
#define WHAT_MAX 24
/* What takes longer is told in whole seconds. */
#define FINE_MAX (100 * NSEC_PER_SEC)
/* A terminal shows Ctrl-C as "^C", right behind the line. */
#define ECHO_WIDTH 2

/* What was drawn last, to be written over. */
static size_t drawn;

/* "4.2s / 10s, 5.8s left", or in whole seconds what takes minutes. */
static void format_times(uint64_t elapsed, uint64_t total, char *text, size_t size)
{
    char buffers[3][UNITS_MAX];

    if (total < FINE_MAX) {
        snprintf(text, size, "%.1fs / %.4gs, %.1fs left", (double)elapsed / NSEC_PER_SEC,
                (double)total / NSEC_PER_SEC, (double)(total - elapsed) / NSEC_PER_SEC);
        return;
    }
    total -= total % NSEC_PER_SEC;
    elapsed -= elapsed % NSEC_PER_SEC;
    snprintf(text, size, "%s / %s, %s left", duration_format(elapsed, buffers[0]),
            duration_format(total, buffers[1]), duration_format(total - elapsed, buffers[2]));
}

void progress_format(const Progress *progress, size_t columns, char *line, size_t size)
{
    uint64_t elapsed = progress->elapsed < progress->total ? progress->elapsed : progress->total;
    char times[3 * UNITS_MAX + 16], bar[BAR_MAX + 1] = "";
    int what = (int)utf8_cut(progress->what, WHAT_MAX);
    size_t room, width;

    format_times(elapsed, progress->total, times, sizeof(times));
    snprintf(line, size, "%.*s  []  %s  %s", what, progress->what, times, progress->whom);
    room = columns > utf8_width(line) ? columns - 1 - utf8_width(line) : 0;
    if (room >= BAR_MIN) {
        width = room < BAR_MAX ? room : BAR_MAX;
        for (size_t i = 0; i < width; i++)
            bar[i] = (double)i < (double)elapsed / (double)progress->total * (double)width ? '#' : '-';
        bar[width] = '\0';
        snprintf(line, size, "%.*s  [%s]  %s  %s", what, progress->what, bar, times, progress->whom);
    } else {
        snprintf(line, size, "%.*s  %s", what, progress->what, times);
    }
    line[utf8_cut(line, columns > 0 ? columns - 1 : 0)] = '\0';
}

bool progress_is_watched(void)
{
    pid_t foreground = tcgetpgrp(STDERR_FILENO);

    /* A terminal that controls nobody has no foreground. */
    return isatty(STDERR_FILENO) && (foreground < 0 || foreground == getpgrp());
}

/* Only carriage returns and blanks: every terminal knows these. */
static void replace_line(const char *line)
{
    size_t n = utf8_width(line);

    fprintf(stderr, "\r%*s\r%s", drawn > 0 ? (int)drawn + ECHO_WIDTH : 0, "", line);
    fflush(stderr);
    drawn = n;
}

void progress_show(const Progress *progress)
{
    char line[LINE_SIZE];
    struct winsize size;
    size_t columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;

    if (!progress_is_watched())
        return;
    columns = columns < COLUMNS_MAX ? columns : COLUMNS_MAX;
    progress_format(progress, columns > ECHO_WIDTH ? columns - ECHO_WIDTH : 0, line, sizeof(line));
    replace_line(line);
}

void progress_hide(void)
{
    /* From the background it would wipe what somebody else has written. */
    if (drawn > 0 && progress_is_watched())
        replace_line("");
    drawn = 0;
}
