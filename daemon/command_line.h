/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <getopt.h>
#include <stddef.h>

#include "conf/config.h"

/* The option values that every verb shares, beyond those of one letter. */
#define OPTION_VERSION 0x100

/*
 * Parses the next option like getopt_long(3), but on an unknown one, an ambiguous one or a missing value it
 * says so on stderr, with the nearest right one, and returns '?'. --help and --version are the caller's.
 */
int command_line_next(int argc, char **argv, const char *short_options, const struct option *options);

/* Says on stderr that word is none of the candidates, with the nearest. what: "command", "option", ... */
void command_line_refuse(const char *what, const char *word, const char *const *candidates, size_t n);

void command_line_print_version(void);

/* Does what 'h' and OPTION_VERSION ask for; anything else is a mistake that has been told. The exit status.
 */
int command_line_conclude(int option, const char *help);

/* Loads file, or the default one where file is NULL and it is there, and the environment, on top of the flags
 * that were set; then config_finish(). */
int command_line_load_settings(Config *config, const char *file, const Settings **ret, char **reason);
