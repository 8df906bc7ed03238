/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/config.h"

#include <ctype.h>
#include <string.h>

#include "conf/config_values.h"
#include "conf/failure.h"
#include "conf/suggest.h"

#define ENVIRONMENT_PREFIX "ASPROF_AGENTD_"
#define VARIABLE_MAX 64

int config_new(Config **ret)
{
    Config *config = calloc(1, sizeof(*config));

    if (!config)
        return -ENOMEM;
    *ret = config;
    return 0;
}

static void value_clear(ConfigValue *value)
{
    free(value->text);
    free(value->where);
    *value = (ConfigValue){0};
}

static void settings_clear(Settings *settings)
{
    for (size_t i = 0; i < settings->n_reporters; i++) {
        free(settings->reporters[i].name);
        free(settings->reporters[i].local.directory);
    }
    free(settings->reporters);
    free(settings->targets);
    free(settings->profiling.extra);
}

Config *config_free(Config *config)
{
    if (!config)
        return NULL;
    for (int i = 0; i < KEY_N; i++)
        value_clear(&config->values[i]);
    value_clear(&config->more_targets);
    for (size_t i = 0; i < config->n_reporters; i++) {
        for (int j = 0; j < KEY_N_LOCAL; j++)
            value_clear(&config->reporters[i].values[j]);
        free(config->reporters[i].name);
        free(config->reporters[i].where);
    }
    free(config->reporters);
    settings_clear(&config->settings);
    free(config);
    return NULL;
}

int config_values_set(ConfigValue *value, const ConfigKey *key, const char *text, ConfigOrigin origin,
        const char *where, char **reason)
{
    ConfigValue parsed = {.origin = origin};
    int r;

    r = config_key_parse(key, text, &parsed.text, &parsed.number, reason);
    if (r < 0)
        return fail_prefix(reason, r, "%s: %s", where, key->name);
    if (value->text && value->origin > origin) {
        value_clear(&parsed);
        return 0;
    }
    parsed.where = strdup(where);
    if (!parsed.where) {
        value_clear(&parsed);
        return -ENOMEM;
    }
    value_clear(value);
    *value = parsed;
    return 0;
}

/* Words that somebody who knows async-profiler, or the file, will try. */
static const char *explain_key(const char *name)
{
    static const char *const words[][2] = {
            {"check", "async-profiler 4.4 removed it"},
            {"safemode", "async-profiler 4.4 removed it"},
            {"interval", "it is called cpu_interval here"},
            {"wall", "it is called wall_clock_interval here"},
            {"loop", "the daemon rotates recordings itself; set reporting_interval"},
            {"file", "the daemon names recordings itself; set local.directory"},
            {"reporters", "only a file can list reporters"},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcmp(words[i][0], name) == 0)
            return words[i][1];
    return NULL;
}

int config_refuse_key(const char *name, const char *where, bool in_file, char **reason)
{
    static const char *const file_words[] = {"local", "spool", "reporters"};
    const char *names[KEY_N + 3], *explanation = explain_key(name), *nearest;
    size_t n = 0;

    if (explanation)
        return fail(reason, -EINVAL, "%s: %s: %s", where, name, explanation);
    while (n < KEY_N) {
        names[n] = config_keys[n].name;
        n++;
    }
    for (size_t i = 0; in_file && i < sizeof(file_words) / sizeof(*file_words); i++)
        names[n++] = file_words[i];
    nearest = suggest_nearest(name, names, n);
    if (nearest)
        return fail(reason, -EINVAL, "%s: unknown key '%s', did you mean '%s'?", where, name, nearest);
    return fail(reason, -EINVAL, "%s: unknown key '%s'; `asprof-agentd check-config --help` lists them",
            where, name);
}

int config_set_flag(Config *config, const char *assignment, char **reason)
{
    const char *equals = strchr(assignment, '=');
    _cleanup_free_ char *name = NULL;
    int key;

    if (!equals || equals == assignment)
        return fail(reason, -EINVAL, "'%s' sets nothing; write -o KEY=VALUE", assignment);
    name = strndup(assignment, (size_t)(equals - assignment));
    if (!name)
        return -ENOMEM;
    key = config_key_find(name);
    if (key < 0)
        return config_refuse_key(name, "command line", false, reason);
    return config_values_set(
            &config->values[key], &config_keys[key], equals + 1, CONFIG_ORIGIN_FLAG, "command line", reason);
}

int config_add_target(Config *config, const char *pid, char **reason)
{
    const char *before = config->more_targets.text;
    _cleanup_free_ char *list = NULL;

    if (asprintf(&list, "%s%s%s", before ? before : "", before ? "," : "", pid) < 0) {
        list = NULL;
        return -ENOMEM;
    }
    return config_values_set(&config->more_targets, &config_keys[KEY_TARGETS], list, CONFIG_ORIGIN_FLAG,
            "command line", reason);
}

/* ASPROF_AGENTD_LOCAL_DIRECTORY for local.directory */
static void format_variable(const ConfigKey *key, char variable[static VARIABLE_MAX])
{
    snprintf(variable, VARIABLE_MAX, ENVIRONMENT_PREFIX "%s", key->name);
    for (char *p = variable; *p; p++)
        *p = *p == '.' ? '_' : (char)toupper((unsigned char)*p);
}

static int refuse_variable(const char *name, char **reason)
{
    char variables[KEY_N][VARIABLE_MAX];
    const char *candidates[KEY_N], *nearest;

    for (int i = 0; i < KEY_N; i++) {
        format_variable(&config_keys[i], variables[i]);
        candidates[i] = variables[i];
    }
    nearest = suggest_nearest(name, candidates, KEY_N);
    if (nearest)
        return fail(reason, -EINVAL, "environment: unknown variable %s, did you mean %s?", name, nearest);
    return fail(reason, -EINVAL,
            "environment: unknown variable %s; after " ENVIRONMENT_PREFIX
            " comes one of the keys that `asprof-agentd check-config --help` lists",
            name);
}

static int config_load_variable(Config *config, const char *variable, char **reason)
{
    const char *equals = strchr(variable, '=');
    char candidate[VARIABLE_MAX], where[VARIABLE_MAX + 16];
    _cleanup_free_ char *name = NULL;

    if (!equals || equals[1] == '\0')
        return 0;
    name = strndup(variable, (size_t)(equals - variable));
    if (!name)
        return -ENOMEM;
    for (int i = 0; i < KEY_N; i++) {
        format_variable(&config_keys[i], candidate);
        if (strcmp(candidate, name) != 0)
            continue;
        snprintf(where, sizeof(where), "environment %s", candidate);
        return config_values_set(
                &config->values[i], &config_keys[i], equals + 1, CONFIG_ORIGIN_ENVIRONMENT, where, reason);
    }
    return refuse_variable(name, reason);
}

int config_load_environment(Config *config, char *const *environment, char **reason)
{
    int r = 0;

    for (; *environment && r >= 0; environment++)
        if (strncmp(*environment, ENVIRONMENT_PREFIX, strlen(ENVIRONMENT_PREFIX)) == 0)
            r = config_load_variable(config, *environment, reason);
    return r;
}
