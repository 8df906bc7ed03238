/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a Config is made of. Private to conf/config*.c. */

#include "conf/config.h"
#include "conf/config_keys.h"

/* From the weakest to the strongest. */
typedef enum ConfigOrigin {
    CONFIG_ORIGIN_DEFAULT,
    CONFIG_ORIGIN_FILE,
    CONFIG_ORIGIN_ENVIRONMENT,
    CONFIG_ORIGIN_FLAG,
} ConfigOrigin;

typedef struct ConfigValue {
    char *text; /* NULL: not set */
    uint64_t number;
    ConfigOrigin origin;
    char *where; /* "default", "file:line", "environment NAME", "command line" */
} ConfigValue;

/* One reporter of the file's list, or the one that is always there. */
typedef struct ConfigReporter {
    char *name;
    char *where; /* "file:line"; NULL: it is in no list */
    ConfigValue values[KEY_N_LOCAL];
} ConfigReporter;

struct Config {
    ConfigValue values[KEY_N];
    ConfigValue more_targets; /* PIDs as arguments, which add to those of the key */
    ConfigReporter *reporters;
    size_t n_reporters;
    Settings settings;
};

/* Sets a value unless a stronger origin has set it; checks it in any case. */
int config_values_set(ConfigValue *value, const ConfigKey *key, const char *text, ConfigOrigin origin,
        const char *where, char **reason);

/* -EINVAL, with the nearest right key; in a file, groups and lists are among them. */
int config_refuse_key(const char *name, const char *where, bool in_file, char **reason);
