/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <libconfig.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/config_scan.h"
#include "conf/config_values.h"
#include "conf/failure.h"

#define FILE_MAX (1024 * 1024)
#define WHERE_MAX (PATH_MAX + 16)
#define NAME_MAX_LENGTH 128

typedef struct Loader {
    Config *config;
    const char *path;
    char **reason;
} Loader;

static void locate(const Loader *loader, const config_setting_t *setting, char where[static WHERE_MAX])
{
    snprintf(where, WHERE_MAX, "%s:%u", loader->path, config_setting_source_line(setting));
}

static int refuse(const Loader *loader, const config_setting_t *setting, const char *key, const char *text)
{
    char where[WHERE_MAX];

    locate(loader, setting, where);
    return fail(loader->reason, -EINVAL, "%s: %s: %s", where, key, text);
}

static const char *type_name(const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_GROUP:
        return "a group";
    case CONFIG_TYPE_ARRAY:
    case CONFIG_TYPE_LIST:
        return "a list";
    case CONFIG_TYPE_BOOL:
        return "true or false";
    case CONFIG_TYPE_FLOAT:
        return "a fraction";
    case CONFIG_TYPE_STRING:
        return "a text";
    default:
        return "a number";
    }
}

/* Most values are strings. An integer for a duration is let through to be told that it has no unit. */
static bool is_right_type(const ConfigKey *key, const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_STRING:
        return key->type != KEY_TYPE_BOOLEAN;
    case CONFIG_TYPE_BOOL:
        return key->type == KEY_TYPE_BOOLEAN;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return key->type == KEY_TYPE_DURATION || key->type == KEY_TYPE_SIZE || key->type == KEY_TYPE_COUNT ||
               key->type == KEY_TYPE_DEPTH || key->type == KEY_TYPE_PIDS || key->type == KEY_TYPE_THREADS;
    default:
        return false;
    }
}

/* A scalar of the right type as it would be written after -o. */
static int print_scalar(
        const Loader *loader, const ConfigKey *key, const config_setting_t *setting, FILE *out)
{
    char where[WHERE_MAX];

    if (!is_right_type(key, setting)) {
        locate(loader, setting, where);
        return fail(loader->reason, -EINVAL, "%s: %s: it takes %s, not %s", where, key->name,
                config_key_describe(key), type_name(setting));
    }
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_STRING:
        fputs(config_setting_get_string(setting), out);
        break;
    case CONFIG_TYPE_BOOL:
        fputs(config_setting_get_bool(setting) ? "true" : "false", out);
        break;
    default:
        fprintf(out, "%lld", config_setting_get_int64(setting));
        break;
    }
    return 0;
}

static int print_list(const Loader *loader, const ConfigKey *key, const config_setting_t *list, FILE *out)
{
    int r = 0;

    for (int i = 0; r >= 0 && i < config_setting_length(list); i++) {
        if (i > 0)
            fputc(',', out);
        r = print_scalar(loader, key, config_setting_get_elem(list, (unsigned)i), out);
    }
    return r;
}

static int load_value(
        const Loader *loader, const config_setting_t *setting, const ConfigKey *key, ConfigValue *value)
{
    bool is_list =
            config_key_is_list(key) && (config_setting_is_array(setting) || config_setting_is_list(setting));
    _cleanup_free_ char *text = NULL;
    char where[WHERE_MAX];
    size_t size = 0;
    FILE *out;
    int r;

    if (is_list && config_setting_length(setting) == 0)
        return 0;
    out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;
    r = is_list ? print_list(loader, key, setting, out) : print_scalar(loader, key, setting, out);
    if (fclose(out) != 0)
        return -ENOMEM;
    if (r < 0)
        return r;
    locate(loader, setting, where);
    return config_values_set(value, key, text, CONFIG_ORIGIN_FILE, where, loader->reason);
}

/* Names become file names in the spool. */
static bool is_reporter_name(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n <= 32 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int load_reporter_name(const Loader *loader, const config_setting_t *setting, ConfigReporter *reporter)
{
    const char *name = config_setting_get_string(setting);

    if (!name || !is_reporter_name(name))
        return refuse(loader, setting, "name", "a name of at most 32 of a-z, 0-9 and '-' is needed");
    reporter->name = strdup(name);
    return reporter->name ? 0 : -ENOMEM;
}

static int load_reporter_member(
        const Loader *loader, const config_setting_t *setting, ConfigReporter *reporter)
{
    char full[NAME_MAX_LENGTH], where[WHERE_MAX];
    const char *name = config_setting_name(setting);
    int key;

    if (strcmp(name, "type") == 0)
        return 0;
    if (strcmp(name, "name") == 0)
        return load_reporter_name(loader, setting, reporter);
    snprintf(full, sizeof(full), "local.%s", name);
    key = config_key_find(full);
    if (key < 0) {
        locate(loader, setting, where);
        return config_refuse_key(full, where, true, loader->reason);
    }
    return load_value(loader, setting, &config_keys[key], &reporter->values[key - KEY_FIRST_LOCAL]);
}

static int load_reporter(const Loader *loader, const config_setting_t *setting)
{
    Config *config = loader->config;
    ConfigReporter *reporters, *reporter;
    char where[WHERE_MAX];
    const char *type = NULL;
    int r = 0;

    if (!config_setting_is_group(setting) || !config_setting_lookup_string(setting, "type", &type) ||
            strcmp(type, "local") != 0)
        return refuse(loader, setting, "reporters", "a group with type = \"local\" is needed, and its keys");
    reporters = reallocarray(config->reporters, config->n_reporters + 1, sizeof(*reporters));
    if (!reporters)
        return -ENOMEM;
    config->reporters = reporters;
    reporter = &reporters[config->n_reporters++];
    *reporter = (ConfigReporter){0};
    locate(loader, setting, where);
    reporter->where = strdup(where);
    if (!reporter->where)
        return -ENOMEM;
    for (int i = 0; r >= 0 && i < config_setting_length(setting); i++)
        r = load_reporter_member(loader, config_setting_get_elem(setting, (unsigned)i), reporter);
    return r;
}

static int load_reporters(const Loader *loader, const config_setting_t *setting)
{
    const config_setting_t *local = config_setting_get_member(config_setting_parent(setting), "local");
    int r = 0;

    if (local)
        return refuse(loader, local, "local", "`reporters` is there too; write the local reporter in it");
    if (!config_setting_is_list(setting) || config_setting_length(setting) == 0)
        return refuse(loader, setting, "reporters",
                "a list of groups is needed, such as ( { type = \"local\"; directory = \"/a\"; } )");
    for (int i = 0; r >= 0 && i < config_setting_length(setting); i++)
        r = load_reporter(loader, config_setting_get_elem(setting, (unsigned)i));
    return r;
}

static bool is_group_name(const char *name)
{
    size_t n = strlen(name);

    for (int i = 0; i < KEY_N; i++)
        if (strncmp(config_keys[i].name, name, n) == 0 && config_keys[i].name[n] == '.')
            return true;
    return false;
}

static int load_setting(const Loader *loader, const config_setting_t *setting, const char *group);

static int load_group(const Loader *loader, const config_setting_t *setting, const char *name)
{
    int r = 0;

    if (!config_setting_is_group(setting))
        return refuse(loader, setting, name, "a group is needed here, such as { ... };");
    for (int i = 0; r >= 0 && i < config_setting_length(setting); i++)
        r = load_setting(loader, config_setting_get_elem(setting, (unsigned)i), name);
    return r;
}

/* group: the one that it stands in, NULL for none */
static int load_setting(const Loader *loader, const config_setting_t *setting, const char *group)
{
    char name[NAME_MAX_LENGTH], where[WHERE_MAX];
    int key;

    snprintf(
            name, sizeof(name), "%s%s%s", group ? group : "", group ? "." : "", config_setting_name(setting));
    key = config_key_find(name);
    if (key >= 0)
        return load_value(loader, setting, &config_keys[key], &loader->config->values[key]);
    if (strcmp(name, "reporters") == 0)
        return load_reporters(loader, setting);
    if (!group && is_group_name(name))
        return load_group(loader, setting, name);
    locate(loader, setting, where);
    return config_refuse_key(name, where, true, loader->reason);
}

/* Whoever can change the file can change what a privileged daemon does; and libconfig 1.5 is not safe with a
 * file that somebody made to break it. The opened file is judged, not the path. */
static int check_trusted(int fd, const char *path, char **reason)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return fail(reason, -errno, "%s: cannot look at it: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail(reason, -EINVAL, "%s: it is not a regular file", path);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return fail(reason, -EPERM, "%s: it belongs to user %u; only root or user %u may own a configuration",
                path, st.st_uid, geteuid());
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return fail(reason, -EPERM, "%s: others than its owner may write it (mode %04o); chmod go-w it", path,
                st.st_mode & 07777);
    return 0;
}

static int read_trusted(const char *path, char **ret, char **reason)
{
    /* O_NONBLOCK: a FIFO must not hold us before it is refused. */
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    ssize_t n;
    int r;

    if (fd < 0)
        return fail(reason, -errno, "%s: cannot open the configuration: %s", path, strerror(errno));
    r = check_trusted(fd, path, reason);
    if (r < 0)
        return r;
    text = malloc(FILE_MAX + 2);
    if (!text)
        return -ENOMEM;
    while ((n = read(fd, text + size, FILE_MAX + 1 - size)) > 0)
        size += (size_t)n;
    if (n < 0)
        return fail(reason, -errno, "%s: cannot read it: %s", path, strerror(errno));
    if (size > FILE_MAX)
        return fail(reason, -EFBIG, "%s: it is larger than 1 MiB", path);
    if (memchr(text, '\0', size))
        return fail(reason, -EINVAL, "%s: it is not text", path);
    /* To libconfig, a comment must end in a line break. */
    text[size] = '\n';
    text[size + 1] = '\0';
    *ret = steal_pointer(&text);
    return 0;
}

static int load_parsed(Config *config, const config_t *parsed, const char *path, char **reason)
{
    const Loader loader = {.config = config, .path = path, .reason = reason};
    const config_setting_t *root = config_root_setting(parsed);
    int r = 0;

    for (int i = 0; r >= 0 && i < config_setting_length(root); i++)
        r = load_setting(&loader, config_setting_get_elem(root, (unsigned)i), NULL);
    return r;
}

/* Names the line's first key. Not the line itself: the file may not be what it was taken for, and hold what
 * whoever reads our error may not know. */
static int fail_parse(const config_t *parsed, const char *text, const char *path, char **reason)
{
    const char *error = config_error_text(parsed);
    int line = config_error_line(parsed), length;

    for (int i = 1; i < line && strchr(text, '\n'); i++)
        text = strchr(text, '\n') + 1;
    text += strspn(text, " \t");
    length = (int)strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*");
    if (strcmp(error, "duplicate setting name") == 0)
        error = "a key of this line is set already; set it once";
    return fail(reason, -EINVAL, "%s:%d: %.*s%s%s", path, line, length, text, length > 0 ? ": " : "", error);
}

int config_load_file(Config *config, const char *path, char **reason)
{
    _cleanup_free_ char *text = NULL;
    config_t parsed;
    int r;

    r = read_trusted(path, &text, reason);
    if (r >= 0)
        r = config_scan(text, path, reason);
    if (r < 0)
        return r;
    config_init(&parsed);
    r = config_read_string(&parsed, text) == CONFIG_TRUE ? load_parsed(config, &parsed, path, reason)
                                                         : fail_parse(&parsed, text, path, reason);
    config_destroy(&parsed);
    return r;
}
