/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The commands of the program. Each parses its own arguments (argv[0] is the verb) and returns an exit
 * status. */

enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,        /* it was tried and did not succeed; also: check-config found an error */
    EXIT_USAGE = 2,         /* the command line is wrong; nothing was done */
    EXIT_CONFIG = 3,        /* the configuration is wrong; nothing was done */
    EXIT_NO_TARGET = 4,     /* no such process, or it ended before anything was recorded */
    EXIT_NOT_PERMITTED = 5, /* a permission or capability is missing; the message names it */
    EXIT_NOT_SUPPORTED = 6, /* this process cannot be profiled; the message says why */
    EXIT_BUSY = 7,      /* somebody else profiles the target, or another daemon has the shared directory */
    EXIT_NO_ANSWER = 8, /* the target did not answer in time */
};

/* The exit status for a negative errno of the libraries. */
int exit_status_from_errno(int r);

int verb_run(int argc, char **argv);
int verb_profile(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_check_config(int argc, char **argv);
