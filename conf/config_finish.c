/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "conf/config_values.h"
#include "conf/failure.h"

/* OpenJDK cuts off an argument of 1,024 bytes. Beside what is configured, the option string has fixed words
 * and numbers, and the names of a target's recording and log. */
#define OPTIONS_MAX 1024
#define OPTIONS_FIXED 120
#define OPTIONS_FILE_NAMES 200

static int set_fallback(ConfigValue *value, const ConfigKey *key, const char *text, char **reason)
{
    return value->text ? 0 : config_values_set(value, key, text, CONFIG_ORIGIN_DEFAULT, "default", reason);
}

/* Where the library is looked for; the first is beside an unpacked or a /usr/local installation. */
static int find_library(char **ret, char **reason)
{
    static const char *const places[] = {"/usr/lib/asprof-agentd/libasyncProfiler.so",
            "/usr/local/lib/libasyncProfiler.so", "/usr/lib/libasyncProfiler.so"};
    char executable[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", executable, sizeof(executable) - 1);
    _cleanup_free_ char *beside = NULL, *found = NULL;

    if (n > 0) {
        executable[n] = '\0';
        *strrchr(executable, '/') = '\0';
        if (asprintf(&beside, "%s/../lib/libasyncProfiler.so", executable) < 0) {
            beside = NULL;
            return -ENOMEM;
        }
        found = realpath(beside, NULL);
    }
    for (size_t i = 0; !found && i < sizeof(places) / sizeof(*places); i++)
        found = realpath(places[i], NULL);
    if (!found)
        return fail(reason, -ENOENT,
                "library: there is no libasyncProfiler.so at %s, %s, %s or %s; set `library` or "
                "ASPROF_AGENTD_LIBRARY to its path",
                beside ? beside : "../lib", places[0], places[1], places[2]);
    *ret = steal_pointer(&found);
    return 0;
}

/* systemd's StateDirectory= first, of which there may be several. */
static int default_shared_directory(char **ret, char **reason)
{
    const char *state = getenv("STATE_DIRECTORY"), *data = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int n;

    if (state && *state == '/')
        n = asprintf(&path, "%.*s", (int)strcspn(state, ":"), state);
    else if (geteuid() == 0)
        n = asprintf(&path, "/var/lib/asprof-agentd");
    else if (data && *data == '/')
        n = asprintf(&path, "%s/asprof-agentd", data);
    else if (home && *home == '/')
        n = asprintf(&path, "%s/.local/state/asprof-agentd", home);
    else
        return fail(reason, -EINVAL, "shared_directory: there is no $HOME to put it into; set it");
    if (n < 0)
        return -ENOMEM;
    *ret = path;
    return 0;
}

static int config_set_fallbacks(Config *config, char **reason)
{
    _cleanup_free_ char *library = NULL, *shared = NULL;
    ConfigValue *values = config->values;
    int r = 0;

    for (int i = 0; r >= 0 && i < KEY_N; i++)
        if (config_keys[i].fallback)
            r = set_fallback(&values[i], &config_keys[i], config_keys[i].fallback, reason);
    if (r >= 0 && !values[KEY_LIBRARY].text)
        r = find_library(&library, reason);
    if (r >= 0 && library)
        r = set_fallback(&values[KEY_LIBRARY], &config_keys[KEY_LIBRARY], library, reason);
    if (r >= 0 && !values[KEY_SHARED_DIRECTORY].text)
        r = default_shared_directory(&shared, reason);
    if (r >= 0 && shared)
        r = set_fallback(&values[KEY_SHARED_DIRECTORY], &config_keys[KEY_SHARED_DIRECTORY], shared, reason);
    return r;
}

static int config_join_targets(Config *config, char **reason)
{
    const ConfigValue *key = &config->values[KEY_TARGETS], *more = &config->more_targets;
    _cleanup_free_ char *text = NULL, *where = NULL;

    if (!more->text)
        return 0;
    if (asprintf(&text, "%s%s%s", key->text ? key->text : "", key->text ? "," : "", more->text) < 0) {
        text = NULL;
        return -ENOMEM;
    }
    if (asprintf(&where, "%s%s%s", key->text && key->origin < more->origin ? key->where : "",
                key->text && key->origin < more->origin ? ", " : "", more->where) < 0) {
        where = NULL;
        return -ENOMEM;
    }
    return config_values_set(
            &config->values[KEY_TARGETS], &config_keys[KEY_TARGETS], text, more->origin, where, reason);
}

static bool is_set_by_user(const ConfigValue *value)
{
    return value->text && value->origin > CONFIG_ORIGIN_DEFAULT;
}

/* local.* means the one local reporter, be it of the file's list or not. */
static int config_apply_local_keys(Config *config, char **reason)
{
    int r = 0;

    for (int i = 0; r >= 0 && i < KEY_N_LOCAL; i++) {
        const ConfigKey *key = &config_keys[KEY_FIRST_LOCAL + i];
        const ConfigValue *value = &config->values[KEY_FIRST_LOCAL + i];

        if (!is_set_by_user(value))
            continue;
        if (config->n_reporters > 1)
            return fail(reason, -EINVAL,
                    "%s: %s: there are %zu local reporters, and it does not say which is meant; change the "
                    "file",
                    value->where, key->name, config->n_reporters);
        r = config_values_set(
                &config->reporters[0].values[i], key, value->text, value->origin, value->where, reason);
    }
    return r;
}

static int reporter_set_fallbacks(const Config *config, ConfigReporter *reporter, size_t index, char **reason)
{
    _cleanup_free_ char *directory = NULL;
    int r = 0;

    if (asprintf(&directory, "%s/recordings", config->values[KEY_SHARED_DIRECTORY].text) < 0) {
        directory = NULL;
        return -ENOMEM;
    }
    for (int i = 0; r >= 0 && i < KEY_N_LOCAL; i++) {
        const ConfigKey *key = &config_keys[KEY_FIRST_LOCAL + i];

        r = set_fallback(&reporter->values[i], key, key->fallback ? key->fallback : directory, reason);
    }
    if (r < 0 || reporter->name)
        return r;
    r = index == 0 ? asprintf(&reporter->name, "local") : asprintf(&reporter->name, "local-%zu", index + 1);
    if (r < 0) {
        reporter->name = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* folder: with its leading '/', "" for the directory itself. */
static bool is_folder_of(const char *path, const char *directory, const char *folder)
{
    size_t n = strlen(directory), m = strlen(folder);

    return strncmp(path, directory, n) == 0 && strncmp(path + n, folder, m) == 0 &&
           (path[n + m] == '\0' || (m > 0 && path[n + m] == '/'));
}

static const ConfigValue *local_value(const ConfigReporter *reporter, KeyIndex key)
{
    return &reporter->values[key - KEY_FIRST_LOCAL];
}

static int check_reporter(const Config *config, size_t index, char **reason)
{
    static const char *const ours[] = {"", "/spool", "/targets", "/incomplete"};
    const ConfigReporter *reporter = &config->reporters[index];
    const ConfigValue *directory = local_value(reporter, KEY_LOCAL_DIRECTORY);

    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        if (is_folder_of(directory->text, config->values[KEY_SHARED_DIRECTORY].text, ours[i]))
            return fail(reason, -EINVAL, "%s: local.directory: '%s' is the daemon's own; choose another",
                    directory->where, directory->text);
    for (size_t i = 0; i < index; i++) {
        const ConfigReporter *other = &config->reporters[i];

        if (strcmp(other->name, reporter->name) == 0)
            return fail(reason, -EINVAL, "%s: reporters: two are called '%s'; give one another `name`",
                    reporter->where, reporter->name);
        if (strcmp(local_value(other, KEY_LOCAL_DIRECTORY)->text, directory->text) == 0)
            return fail(reason, -EINVAL,
                    "%s: local.directory: two reporters write to '%s'; choose another for one",
                    reporter->where, directory->text);
    }
    return 0;
}

static int config_finish_reporters(Config *config, char **reason)
{
    int r;

    if (config->n_reporters == 0) {
        config->reporters = calloc(1, sizeof(*config->reporters));
        if (!config->reporters)
            return -ENOMEM;
        config->n_reporters = 1;
    }
    r = config_apply_local_keys(config, reason);
    for (size_t i = 0; r >= 0 && i < config->n_reporters; i++)
        r = reporter_set_fallbacks(config, &config->reporters[i], i, reason);
    for (size_t i = 0; r >= 0 && i < config->n_reporters; i++)
        r = check_reporter(config, i, reason);
    return r;
}

static bool is_on(const ConfigValue *value)
{
    return value->text && value->number > 0;
}

static int refuse_together(const Config *config, KeyIndex key, const char *why, char **reason)
{
    return fail(reason, -EINVAL, "%s: %s: %s", config->values[key].where, config_keys[key].name, why);
}

/* What async-profiler would refuse at each start. Sources: src/arguments.cpp and Profiler::start(). */
static int check_combinations(const Config *config, char **reason)
{
    const ConfigValue *values = config->values;
    const char *event = values[KEY_EVENT].text, *cstack = values[KEY_CSTACK].text;
    const char *features = values[KEY_FEATURES].text ? values[KEY_FEATURES].text : "";
    bool is_method = strchr(event, '.') && !strchr(event, ':');
    bool has_timer = strcmp(event, "ctimer") == 0 || strcmp(event, "itimer") == 0;

    if (is_on(&values[KEY_TTSP]) && (values[KEY_BEGIN].text || values[KEY_END].text))
        return refuse_together(config, KEY_TTSP, "begin and end may not be set with it", reason);
    if (values[KEY_TRACE].text && is_method)
        return refuse_together(config, KEY_TRACE, "the event may not be a Java method too", reason);
    if (is_on(&values[KEY_RECORD_CPU]) && (is_method || has_timer))
        return refuse_together(config, KEY_RECORD_CPU, "the event must be cpu or a perf event", reason);
    if (values[KEY_TARGET_CPU].text && (is_method || has_timer))
        return refuse_together(config, KEY_TARGET_CPU, "the event must be cpu or a perf event", reason);
    if (strstr(features, "mixed") && (strcmp(cstack, "fp") == 0 || strcmp(cstack, "no") == 0))
        return refuse_together(config, KEY_FEATURES, "'mixed' needs cstack vm, vmx or dwarf", reason);
    if (strstr(features, "agct") && strncmp(cstack, "vm", 2) == 0)
        return refuse_together(config, KEY_FEATURES, "'agct' needs cstack dwarf, fp or no", reason);
    return 0;
}

static void print_option(const ConfigKey *key, const ConfigValue *value, FILE *out)
{
    switch (key->type) {
    case KEY_TYPE_BOOLEAN:
        if (value->number > 0)
            fprintf(out, ",%s", key->profiler);
        break;
    case KEY_TYPE_DURATION:
        fprintf(out, ",%s=%" PRIu64, key->profiler, value->number / (key->unit > 0 ? key->unit : 1));
        break;
    case KEY_TYPE_METHODS: /* one option each */
        fprintf(out, ",%s=", key->profiler);
        for (const char *p = value->text; *p; p++)
            if (*p == ',')
                fprintf(out, ",%s=", key->profiler);
            else
                fputc(*p, out);
        break;
    case KEY_TYPE_THREADS: /* one option: ThreadFilter::init() takes any separator */
        fprintf(out, ",%s=", key->profiler);
        for (const char *p = value->text; *p; p++)
            fputc(*p == ',' ? ';' : *p, out);
        break;
    default:
        fprintf(out, ",%s=%s", key->profiler, value->text);
        break;
    }
}

/* ",alloc=512k,live" */
static int compose_extra(const Config *config, char **ret)
{
    _cleanup_free_ char *extra = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&extra, &size);

    if (!out)
        return -ENOMEM;
    for (int i = KEY_FIRST_EXTRA; i < KEY_N; i++)
        if (config->values[i].text)
            print_option(&config_keys[i], &config->values[i], out);
    if (fclose(out) != 0)
        return -ENOMEM;
    *ret = steal_pointer(&extra);
    return 0;
}

static size_t length_of(const char *text)
{
    return text ? strlen(text) : 0;
}

static int check_options_length(const Settings *settings, char **reason)
{
    const ProfilingSettings *profiling = &settings->profiling;
    size_t length = OPTIONS_FIXED + OPTIONS_FILE_NAMES + 2 * length_of(settings->shared_directory) +
                    length_of(profiling->event) + length_of(profiling->cstack) + length_of(profiling->extra) +
                    length_of(profiling->native_mem);

    if (length > OPTIONS_MAX)
        return fail(reason, -E2BIG,
                "async-profiler's options would be up to %zu bytes long, and the JVM takes %d: shorten "
                "shared_directory, or set fewer options",
                length, OPTIONS_MAX);
    return 0;
}

static int fill_targets(const char *list, Settings *settings)
{
    size_t n = 1;
    char *end;

    if (!list)
        return 0;
    for (const char *p = list; *p; p++)
        n += *p == ',';
    settings->targets = calloc(n, sizeof(*settings->targets));
    if (!settings->targets)
        return -ENOMEM;
    for (; settings->n_targets < n; list = end + 1)
        settings->targets[settings->n_targets++] = (pid_t)strtol(list, &end, 10);
    return 0;
}

static int fill_reporters(const Config *config, Settings *settings)
{
    settings->reporters = calloc(config->n_reporters, sizeof(*settings->reporters));
    if (!settings->reporters)
        return -ENOMEM;
    while (settings->n_reporters < config->n_reporters) {
        const ConfigReporter *from = &config->reporters[settings->n_reporters];
        ReporterSettings *to = &settings->reporters[settings->n_reporters++];

        *to = (ReporterSettings){
                .kind = "local",
                .name = strdup(from->name),
                .local = {.directory = strdup(local_value(from, KEY_LOCAL_DIRECTORY)->text),
                        .keep_count = local_value(from, KEY_LOCAL_KEEP_COUNT)->number,
                        .keep_age = local_value(from, KEY_LOCAL_KEEP_AGE)->number,
                        .keep_bytes = local_value(from, KEY_LOCAL_KEEP_BYTES)->number,
                        .free_space_floor = local_value(from, KEY_LOCAL_FREE_SPACE_FLOOR)->number},
        };
        if (!to->name || !to->local.directory)
            return -ENOMEM;
    }
    return 0;
}

/* Other strings stay the values' own. */
static int config_fill(Config *config, char **reason)
{
    const ConfigValue *values = config->values;
    Settings *settings = &config->settings;
    int r;

    *settings = (Settings){
            .reporting_interval = values[KEY_REPORTING_INTERVAL].number,
            .command_timeout = values[KEY_COMMAND_TIMEOUT].number,
            .stop_timeout = values[KEY_STOP_TIMEOUT].number,
            .library = values[KEY_LIBRARY].text,
            .shared_directory = values[KEY_SHARED_DIRECTORY].text,
            .spool_max_bytes = values[KEY_SPOOL_MAX_BYTES].number,
            .profiling = {.event = values[KEY_EVENT].text,
                    .cpu_interval = values[KEY_CPU_INTERVAL].number,
                    .wall_clock_interval = values[KEY_WALL_CLOCK_INTERVAL].number,
                    .native_mem = values[KEY_NATIVE_MEM].text,
                    .cstack = values[KEY_CSTACK].text},
    };
    r = compose_extra(config, &settings->profiling.extra);
    if (r >= 0)
        r = check_options_length(settings, reason);
    if (r >= 0)
        r = fill_targets(values[KEY_TARGETS].text, settings);
    if (r >= 0)
        r = fill_reporters(config, settings);
    return r;
}

int config_finish(Config *config, const Settings **ret, char **reason)
{
    int r;

    r = config_set_fallbacks(config, reason);
    if (r >= 0)
        r = config_join_targets(config, reason);
    if (r >= 0)
        r = config_finish_reporters(config, reason);
    if (r >= 0)
        r = check_combinations(config, reason);
    if (r >= 0)
        r = config_fill(config, reason);
    if (r < 0)
        return r;
    *ret = &config->settings;
    return 0;
}
