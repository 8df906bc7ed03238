/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From keys and values to Settings. Flags beat ASPROF_AGENTD_* environment variables, which beat the file,
 * which beats the defaults, in whatever order they are given here. One table (conf/config_keys.c) knows every
 * key: its type, default, environment variable and one line of help.
 */

#include <stdio.h>

#include "conf/cleanup.h"
#include "conf/settings.h"

#define CONFIG_DEFAULT_FILE "/etc/asprof-agentd/asprof-agentd.conf"

typedef struct Config Config;

int config_new(Config **ret);
Config *config_free(Config *config);
DEFINE_CLEANUP(Config, config_free)

/* Reads a libconfig file. -EPERM: owner or mode let others write it. Reasons begin with "file:line: key: ".
 */
int config_load_file(Config *config, const char *path, char **reason);
/* Reads ASPROF_AGENTD_* from environ; an unknown one is refused with the nearest right name. */
int config_load_environment(Config *config, char *const *environment, char **reason);
/* "KEY=VALUE", as given to -o. */
int config_set_flag(Config *config, const char *assignment, char **reason);
/* A PID from the command line. */
int config_add_target(Config *config, const char *pid, char **reason);

/* Checks what no single key can tell, fills in the defaults, and points *ret at the result, which config
 * owns. */
int config_finish(Config *config, const Settings **ret, char **reason);

/* After config_finish(): every effective setting, one a line: "key = value    # default | file:line |
 * environment NAME | command line". */
void config_print(const Config *config, FILE *out);
/* Every key with its type, default and help, for --help=config and the manual page. */
void config_print_keys(FILE *out);
