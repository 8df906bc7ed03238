/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/config_values.h"

#define NAME_WIDTH 24
#define VALUE_WIDTH 36

static const char *unset_text(const ConfigKey *key)
{
    return key->type == KEY_TYPE_BOOLEAN ? "false" : key->type == KEY_TYPE_PIDS ? "none" : "not set";
}

static void print_line(const ConfigKey *key, const ConfigValue *value, FILE *out)
{
    fprintf(out, "%-*s = %-*s # %s\n", NAME_WIDTH, key->name, VALUE_WIDTH,
            value->text ? value->text : unset_text(key), value->text ? value->where : "default");
}

static void print_reporter(const ConfigReporter *reporter, FILE *out)
{
    fprintf(out, "\n# reporter %s%s%s\n", reporter->name, reporter->where ? ", " : "",
            reporter->where ? reporter->where : "");
    for (int i = 0; i < KEY_N_LOCAL; i++)
        print_line(&config_keys[KEY_FIRST_LOCAL + i], &reporter->values[i], out);
}

void config_print(const Config *config, FILE *out)
{
    for (int i = 0; i < KEY_N; i++)
        if (i < KEY_FIRST_LOCAL || i >= KEY_FIRST_LOCAL + KEY_N_LOCAL)
            print_line(&config_keys[i], &config->values[i], out);
    for (size_t i = 0; i < config->n_reporters; i++)
        print_reporter(&config->reporters[i], out);
}

void config_print_keys(FILE *out)
{
    for (int i = 0; i < KEY_N; i++) {
        const ConfigKey *key = &config_keys[i];

        fprintf(out, "  %-*s  %s\n", NAME_WIDTH, key->name, key->help);
        fprintf(out, "  %-*s    %s%s%s\n", NAME_WIDTH, "", config_key_describe(key),
                key->fallback ? ", default " : "", key->fallback ? key->fallback : "");
    }
}
