/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/command_line.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "conf/suggest.h"
#include "daemon/verbs.h"

#define OPTIONS_MAX 64

void command_line_refuse(const char *what, const char *word, const char *const *candidates, size_t n)
{
    const char *nearest = suggest_nearest(word, candidates, n);

    if (nearest)
        fprintf(stderr, "asprof-agentd: unknown %s '%s', did you mean '%s'?\n", what, word, nearest);
    else
        fprintf(stderr, "asprof-agentd: unknown %s '%s', see --help\n", what, word);
}

static void refuse_long_option(const char *argument, const struct option *options)
{
    _cleanup_free_ char *word = strndup(argument, strcspn(argument, "="));
    char *candidates[OPTIONS_MAX];
    size_t n = 0;

    for (; options[n].name && n < OPTIONS_MAX; n++)
        if (asprintf(&candidates[n], "--%s", options[n].name) < 0)
            break;
    if (word)
        command_line_refuse("option", word, (const char *const *)candidates, n);
    while (n > 0)
        free(candidates[--n]);
}

static bool is_option(const char *argument, const char *name)
{
    size_t n = strlen(name);

    return strncmp(argument, "--", 2) == 0 && strncmp(argument + 2, name, n) == 0 &&
           (argument[2 + n] == '\0' || argument[2 + n] == '=');
}

int command_line_next(int argc, char **argv, const char *short_options, const struct option *options)
{
    int index = optind > 0 ? optind : 1, found = -1, option;
    const char *argument;

    opterr = 0;
    option = getopt_long(argc, argv, short_options, options, &found);
    /* getopt_long() has gone past a long option, but stays at an argument whose letters it is still reading.
     */
    argument = optind > index ? argv[optind - 1] : argv[index];
    if (option == ':')
        fprintf(stderr, "asprof-agentd: option '%s' needs a value\n", argument);
    else if (option == '?' && strncmp(argument, "--", 2) == 0)
        refuse_long_option(argument, options);
    else if (option == '?')
        fprintf(stderr, "asprof-agentd: unknown option '-%c', see --help\n", optopt);
    else if (found >= 0 && !is_option(argument, options[found].name) &&
             !is_option(argv[optind - 2], options[found].name))
        /* getopt_long() takes any beginning of an option for it; the next version may have two that begin so.
         */
        refuse_long_option(strncmp(argument, "--", 2) == 0 ? argument : argv[optind - 2], options);
    else
        return option;
    return '?';
}

void command_line_print_version(void)
{
    puts("asprof-agentd " AGENTD_VERSION);
}

int command_line_conclude(int option, const char *help)
{
    if (option == 'h')
        fputs(help, stdout);
    else if (option == OPTION_VERSION)
        command_line_print_version();
    else
        return EXIT_USAGE;
    return EXIT_OK;
}

int command_line_load_settings(Config *config, const char *file, const Settings **ret, char **reason)
{
    int r = 0;

    if (file || access(CONFIG_DEFAULT_FILE, F_OK) == 0)
        r = config_load_file(config, file ? file : CONFIG_DEFAULT_FILE, reason);
    if (r >= 0)
        r = config_load_environment(config, environ, reason);
    if (r >= 0)
        r = config_finish(config, ret, reason);
    return r;
}
