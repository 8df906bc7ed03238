/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "daemon/command_line.h"
#include "daemon/verbs.h"

static const char help[] =
        "Usage: asprof-agentd COMMAND [OPTION]...\n"
        "\n"
        "Profiles running JVMs from outside: where they spend CPU, time and memory, without changing or\n"
        "restarting them.\n"
        "\n"
        "Commands:\n"
        "  list          the processes that can be profiled\n"
        "  profile PID   profile one for 10 s and make a flame graph\n"
        "  run PID...    profile continuously: JFR recordings in a directory\n"
        "  check-config  show every setting and where it comes from\n"
        "\n"
        "`asprof-agentd COMMAND --help` tells more. Other options: -h, --help; --version.\n"
        "Exit status: 0 good, 1 failed, 2 wrong command line, 3 wrong configuration, 4 no such process,\n"
        "5 not permitted, 6 process not supported, 7 somebody else has it, 8 no answer in time\n";

typedef struct Verb {
    const char *name;
    int (*main)(int argc, char **argv);
} Verb;

static const Verb verbs[] = {
        {"run", verb_run},
        {"profile", verb_profile},
        {"list", verb_list},
        {"check-config", verb_check_config},
};
#define N_VERBS (sizeof(verbs) / sizeof(*verbs))

int main(int argc, char **argv)
{
    static const char *const words[] = {"run", "profile", "list", "check-config", "--help", "--version"};

    if (argc < 2) {
        fputs(help, stderr);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < N_VERBS; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].main(argc - 1, argv + 1);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        command_line_print_version();
        return EXIT_OK;
    }
    command_line_refuse("command", argv[1], words, sizeof(words) / sizeof(*words));
    return EXIT_USAGE;
}
