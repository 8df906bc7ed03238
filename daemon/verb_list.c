/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "attach/jvm.h"
#include "attach/process.h"
#include "conf/failure.h"
#include "daemon/command_line.h"
#include "daemon/utf8.h"
#include "daemon/verbs.h"

static const char help[] =
        "Usage: asprof-agentd list [OPTION]...\n"
        "\n"
        "Lists the JVMs of this machine, whether they can be profiled, and if not, why not. Only looks: no\n"
        "process is signalled or stopped.\n"
        "\n"
        "Options:\n"
        "  -a, --all      also processes that are no JVMs, and those that we may not look into\n"
        "      --json     an array of objects: pid, user, uid, kind, version, command, profilable, reason\n"
        "  -h, --help     this text\n"
        "      --version  the version\n"
        "\n"
        "Exit status: 0 listed, also when there is nothing to list; 1 failed; 2 wrong command line\n";

#define OPTION_JSON 0x200

/* Arguments can have megabytes. */
#define COMMAND_MAX (128 * 1024)
#define COMMAND_WIDTH_MIN 20
/* Where nothing is cut, a long command does not push the last column away from all the others. */
#define COMMAND_PAD_MAX 60
/* Nor is it cut for a long reason, which may go over the line. */
#define REASON_WIDTH_MAX 60

typedef struct Row {
    pid_t pid;
    uid_t uid;
    char *user;
    const char *kind;
    char *version; /* "" when unknown */
    char *kind_and_version;
    char *command;
    char *reason; /* why it cannot be profiled; NULL: it can */
} Row;

typedef struct Rows {
    Row *list;
    size_t n;
    size_t n_denied; /* left out, because we may not look into them */
} Rows;

static void row_clear(Row *row)
{
    free(row->user);
    free(row->version);
    free(row->kind_and_version);
    free(row->command);
    free(row->reason);
    *row = (Row){0};
}

static void rows_clear(Rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        row_clear(&rows->list[i]);
    free(rows->list);
}

/* The name, or the number where there is none. */
static char *user_name(uid_t uid)
{
    struct passwd entry, *found = NULL;
    char buffer[4096], *name;

    if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
        return strdup(found->pw_name);
    return asprintf(&name, "%u", (unsigned)uid) < 0 ? NULL : name;
}

/* The arguments with spaces between them; comm in brackets where a process has none. */
static int read_command_line(const Process *process, char **ret)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    int r;

    r = process_read_file(process, "cmdline", COMMAND_MAX, &text, &size);
    if (r < 0)
        return r;
    while (size > 0 && text[size - 1] == '\0')
        size--;
    if (size == 0)
        return asprintf(ret, "[%s]", process->comm) < 0 ? -ENOMEM : 0;
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    *ret = utf8_line(text, size);
    return *ret ? 0 : -ENOMEM;
}

static int row_set_command(Row *row, const Process *process, const char *java_command)
{
    if (!java_command)
        return read_command_line(process, &row->command);
    row->command = utf8_line(java_command, strlen(java_command));
    return row->command ? 0 : -ENOMEM;
}

static int row_set_kind(Row *row, const char *kind, const char *version)
{
    row->kind = kind;
    row->version = strdup(version);
    if (!row->version)
        return -ENOMEM;
    if (asprintf(&row->kind_and_version, "%s%s%s", kind, *version ? " " : "", version) < 0) {
        row->kind_and_version = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int row_set_jvm(Row *row, const Process *process, const JvmInfo *info)
{
    int r;

    r = jvm_check_attachable(process, info, &row->reason);
    if (r == -ESRCH)
        return r;
    if (r < 0 && !row->reason)
        return -ENOMEM;
    r = row_set_kind(row, process_kind_name(info->kind), info->version);
    return r < 0 ? r : row_set_command(row, process, info->command);
}

/* 1: row is filled in. 0: this process is not to be listed. */
static int row_fill(Row *row, const Process *process, bool all, size_t *n_denied)
{
    _cleanup_(jvm_info_clear) JvmInfo info = {0};
    int r;

    row->pid = process->pid;
    row->uid = process->uid;
    r = jvm_inspect(process, &info, &row->reason);
    if (r == -EACCES || r == -EPERM) {
        if (!row->reason)
            return -ENOMEM;
        if (!all) {
            (*n_denied)++;
            return 0;
        }
        r = row_set_kind(row, "unknown", "");
        if (r >= 0)
            r = row_set_command(row, process, NULL);
    } else if (r >= 0) {
        if (info.kind == PROCESS_NATIVE && !all)
            return 0;
        r = row_set_jvm(row, process, &info);
    }
    if (r < 0)
        return r;
    row->user = user_name(row->uid);
    return row->user ? 1 : -ENOMEM;
}

static int rows_add(Rows *rows, pid_t pid, bool all)
{
    _cleanup_(process_freep) Process *process = NULL;
    _cleanup_(row_clear) Row row = {0};
    Row *larger;
    int r;

    r = process_open(pid, &process, NULL);
    if (r >= 0)
        r = row_fill(&row, process, all, &rows->n_denied);
    if (r == -ENOMEM)
        return r;
    /* It has ended meanwhile, is a kernel thread, or hidden: no reason to list no others. */
    if (r <= 0)
        return 0;
    larger = reallocarray(rows->list, rows->n + 1, sizeof(*larger));
    if (!larger)
        return -ENOMEM;
    rows->list = larger;
    rows->list[rows->n++] = row;
    row = (Row){0};
    return 0;
}

static int rows_read(Rows *rows, bool all, char **reason)
{
    _cleanup_closedir_ DIR *proc = opendir("/proc");
    struct dirent *entry;
    int r = 0;

    if (!proc)
        return fail(reason, -errno, "cannot read /proc: %s", strerror(errno));
    while (r >= 0 && (errno = 0, entry = readdir(proc))) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);

        if (pid > 0 && *end == '\0' && pid != getpid())
            r = rows_add(rows, (pid_t)pid, all);
    }
    if (r >= 0 && errno != 0)
        return fail(reason, -errno, "cannot read /proc: %s", strerror(errno));
    return r;
}

static json_t *row_to_json(const Row *row)
{
    return json_pack("{s:i, s:s, s:I, s:s, s:s?, s:s, s:b, s:s?}", "pid", (int)row->pid, "user", row->user,
            "uid", (json_int_t)row->uid, "kind", row->kind, "version", row->version[0] ? row->version : NULL,
            "command", row->command, "profilable", row->reason == NULL, "reason", row->reason);
}

static int print_json(const Rows *rows)
{
    json_t *array = json_array();
    int r = array ? 0 : -ENOMEM;

    for (size_t i = 0; r >= 0 && i < rows->n; i++)
        if (json_array_append_new(array, row_to_json(&rows->list[i])) < 0)
            r = -ENOMEM;
    if (r >= 0) {
        json_dumpf(array, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(array);
    return r;
}

/* 0 when stdout is no terminal. */
static size_t terminal_width(void)
{
    struct winsize size;

    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static size_t wider(size_t width, const char *text)
{
    size_t other = text ? utf8_width(text) : 0;

    return other > width ? other : width;
}

static void print_padded(const char *text, size_t width)
{
    size_t used = utf8_width(text);

    printf("%s%*s", text, used < width ? (int)(width - used) : 0, "");
}

typedef struct Widths {
    size_t user, kind, command, reason;
    size_t rest; /* of the line, from COMMAND on; SIZE_MAX when nothing is cut */
} Widths;

static size_t at_most(size_t width, size_t max)
{
    return width < max ? width : max;
}

/* For a command, in a line of which other columns need these. */
static size_t room(size_t line, size_t others)
{
    return line > others + COMMAND_WIDTH_MIN ? line - others : COMMAND_WIDTH_MIN;
}

static Widths measure(const Rows *rows, size_t terminal)
{
    Widths widths = {.user = strlen("USER"), .kind = strlen("KIND"), .command = strlen("COMMAND")};

    for (size_t i = 0; i < rows->n; i++) {
        widths.user = wider(widths.user, rows->list[i].user);
        widths.kind = wider(widths.kind, rows->list[i].kind_and_version);
        widths.command = wider(widths.command, rows->list[i].command);
        widths.reason = wider(widths.reason, rows->list[i].reason);
    }
    widths.reason = at_most(widths.reason, REASON_WIDTH_MAX);
    if (terminal == 0) {
        widths.rest = SIZE_MAX;
        widths.command = at_most(widths.command, COMMAND_PAD_MAX);
        return widths;
    }
    widths.rest = room(terminal, strlen("    PID  ") + widths.user + 2 + widths.kind + 2);
    widths.command = at_most(widths.command, room(widths.rest, widths.reason ? 2 + widths.reason : 0));
    return widths;
}

static void print_row(const Widths *widths, const char *pid, const char *user, const char *kind,
        const char *command, const char *reason)
{
    size_t width = reason && widths->rest != SIZE_MAX ? widths->command : widths->rest;
    size_t n = utf8_cut(command, width), used = utf8_width(command);

    printf("%7s  ", pid);
    print_padded(user, widths->user);
    fputs("  ", stdout);
    print_padded(kind, widths->kind);
    printf("  %.*s", (int)n, command);
    if (reason)
        printf("%*s  %s", used < widths->command ? (int)(widths->command - used) : 0, "", reason);
    putchar('\n');
}

static void print_table(const Rows *rows)
{
    Widths widths = measure(rows, terminal_width());

    print_row(&widths, "PID", "USER", "KIND", "COMMAND", widths.reason ? "WHY NOT" : NULL);
    for (size_t i = 0; i < rows->n; i++) {
        const Row *row = &rows->list[i];
        char pid[16];

        snprintf(pid, sizeof(pid), "%d", (int)row->pid);
        print_row(&widths, pid, row->user, row->kind_and_version, row->command, row->reason);
    }
}

static void say_nothing_found(size_t n_denied)
{
    if (n_denied > 0)
        fprintf(stderr, "asprof-agentd: no JVM found; `list -a` also shows what we may not look into (%zu)\n",
                n_denied);
    else
        fputs("asprof-agentd: no JVM is running\n", stderr);
}

static int list(bool all, bool json)
{
    _cleanup_(rows_clear) Rows rows = {0};
    _cleanup_free_ char *reason = NULL;
    int r;

    r = rows_read(&rows, all, &reason);
    if (r >= 0 && json)
        r = print_json(&rows);
    if (r < 0) {
        fprintf(stderr, "asprof-agentd: %s\n", failure_text(reason, r));
        return EXIT_FAILED;
    }
    if (rows.n == 0)
        say_nothing_found(rows.n_denied);
    else if (!json)
        print_table(&rows);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "asprof-agentd: cannot write the list: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

int verb_list(int argc, char **argv)
{
    static const struct option options[] = {
            {"all", no_argument, NULL, 'a'},
            {"json", no_argument, NULL, OPTION_JSON},
            {"help", no_argument, NULL, 'h'},
            {"version", no_argument, NULL, OPTION_VERSION},
            {0},
    };
    bool all = false, json = false;
    int option;

    while ((option = command_line_next(argc, argv, ":ah", options)) != -1) {
        switch (option) {
        case 'a':
            all = true;
            break;
        case OPTION_JSON:
            json = true;
            break;
        default:
            return command_line_conclude(option, help);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "asprof-agentd: list takes no arguments, and '%s' is one\n", argv[optind]);
        return EXIT_USAGE;
    }
    return list(all, json);
}
