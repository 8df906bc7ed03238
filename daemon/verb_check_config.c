/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "conf/failure.h"
#include "daemon/command_line.h"
#include "daemon/verbs.h"

static const char help[] =
        "Usage: asprof-agentd check-config [FILE] [-o KEY=VALUE]...\n"
        "\n"
        "Shows every setting that `run` would use and where it comes from, or says what is wrong and where.\n"
        "Without FILE it reads " CONFIG_DEFAULT_FILE " if that is there.\n"
        "\n"
        "Options:\n"
        "  -o, --option KEY=VALUE  set one key, as for `run`\n"
        "  -h, --help              this text\n"
        "      --version           the version\n"
        "\n"
        "Flags beat the environment, which beats the file, which beats the defaults. One key, three ways:\n"
        "\n"
        "  -o local.keep_age=7d                 on the command line\n"
        "  ASPROF_AGENTD_LOCAL_KEEP_AGE=7d      in the environment\n"
        "  local = { keep_age = \"7d\"; };        in the file, where all but numbers and true or false is "
        "quoted\n"
        "\n"
        "Durations take ns, us, ms, s, min, h or d, sizes k, m or g. Lists are written 12,34 or, in the "
        "file,\n"
        "[ 12, 34 ]. Only the file can have several reporters:\n"
        "\n"
        "  reporters = ( { type = \"local\"; directory = \"/a\"; },\n"
        "                { type = \"local\"; name = \"archive\"; directory = \"/b\"; keep_age = \"7d\"; } "
        ");\n"
        "\n"
        "Exit status: 0 all is well, 1 there is an error, 2 wrong command line\n"
        "\n"
        "Keys:\n";

static int check(Config *config, const char *file)
{
    _cleanup_free_ char *reason = NULL;
    const Settings *settings;
    int r;

    r = command_line_load_settings(config, file, &settings, &reason);
    if (r < 0) {
        fprintf(stderr, "asprof-agentd: %s\n", failure_text(reason, r));
        return EXIT_FAILED;
    }
    config_print(config, stdout);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "asprof-agentd: cannot write to stdout: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

int verb_check_config(int argc, char **argv)
{
    static const struct option options[] = {
            {"option", required_argument, NULL, 'o'},
            {"help", no_argument, NULL, 'h'},
            {"version", no_argument, NULL, OPTION_VERSION},
            {0},
    };
    _cleanup_(config_freep) Config *config = NULL;
    _cleanup_free_ char *reason = NULL;
    int r, option;

    r = config_new(&config);
    while (r >= 0 && (option = command_line_next(argc, argv, ":o:h", options)) != -1) {
        switch (option) {
        case 'o':
            r = config_set_flag(config, optarg, &reason);
            break;
        case 'h':
            fputs(help, stdout);
            config_print_keys(stdout);
            return EXIT_OK;
        default:
            return command_line_conclude(option, help);
        }
    }
    if (r < 0) {
        fprintf(stderr, "asprof-agentd: %s\n", failure_text(reason, r));
        return EXIT_FAILED;
    }
    if (argc - optind > 1) {
        fprintf(stderr, "asprof-agentd: check-config takes one file, and '%s' is a second\n",
                argv[optind + 1]);
        return EXIT_USAGE;
    }
    return check(config, argv[optind]);
}
