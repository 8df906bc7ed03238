/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <time.h>

static bool to_journal;

/* systemd.exec(5): $JOURNAL_STREAM names the device and inode that stderr has when it leads to the journal.
 */
void log_open(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    to_journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                 fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static void write_line(int priority, const char *text)
{
    const char *level = priority <= LOG_ERR ? "error: " : priority == LOG_WARNING ? "warning: " : "";
    char stamp[sizeof("2026-11-23T01:45:02Z")];
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
    fprintf(stderr, "%s %s%s\n", stamp, level, text);
}

void log_message(int priority, pid_t pid, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list args;
    int r;

    va_start(args, format);
    r = vasprintf(&text, format, args);
    va_end(args);
    if (r < 0) {
        text = NULL;
        return;
    }
    if (!to_journal) {
        write_line(priority, text);
        return;
    }
    if (pid > 0)
        r = sd_journal_send("PRIORITY=%i", priority, "MESSAGE=%s", text, "ASPROF_TARGET_PID=%i", pid, NULL);
    else
        r = sd_journal_send("PRIORITY=%i", priority, "MESSAGE=%s", text, NULL);
    if (r < 0)
        write_line(priority, text);
}
