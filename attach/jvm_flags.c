/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/jvm_flags.h"

#include <string.h>

/* The string after this one, or NULL: of those that lie within size bytes, which end in NUL. */
static const char *next_string(const char *string, const char *end)
{
    string += strlen(string) + 1;
    return string < end ? string : NULL;
}

static void apply(const char *flag, size_t length, bool *disabled)
{
    static const char on[] = "-XX:+DisableAttachMechanism", off[] = "-XX:-DisableAttachMechanism";

    if (length == strlen(on) && memcmp(flag, on, length) == 0)
        *disabled = true;
    else if (length == strlen(off) && memcmp(flag, off, length) == 0)
        *disabled = false;
}

static void apply_variable(const char *environment, const char *end, const char *name, bool *disabled)
{
    static const char between[] = " \t\n\v\f\r'\"";
    size_t length = strlen(name);
    const char *variable = environment < end ? environment : NULL;

    while (variable && (strncmp(variable, name, length) != 0 || variable[length] != '='))
        variable = next_string(variable, end);
    if (!variable)
        return;
    for (const char *word = variable + length + 1; *word; word += strspn(word, between)) {
        size_t n = strcspn(word, between);

        apply(word, n, disabled);
        word += n;
    }
}

/* Source: OpenJDK, src/java.base/share/native/libjli/java.c, IsWhiteSpaceOption(); "--option=value" is one
 * word, and of the options with two dashes most take a value. */
static bool takes_value(const char *option)
{
    return (strncmp(option, "--", 2) == 0 && !strchr(option, '=')) || strcmp(option, "-cp") == 0 ||
           strcmp(option, "-classpath") == 0 || strcmp(option, "-p") == 0;
}

static bool ends_options(const char *option)
{
    return strcmp(option, "-jar") == 0 || strcmp(option, "-m") == 0 || strcmp(option, "--module") == 0;
}

/* Only up to the main class, module or jar: what follows is the application's, which may be a launcher. */
static void apply_command_line(const char *command_line, const char *end, bool *disabled)
{
    const char *argument = command_line < end ? next_string(command_line, end) : NULL;
    bool value = false;

    for (; argument && !ends_options(argument); argument = next_string(argument, end)) {
        bool option = argument[0] == '-' || argument[0] == '@';

        if (!option && !value)
            return;
        value = option && takes_value(argument);
        apply(argument, strlen(argument), disabled);
    }
}

bool jvm_flags_disable_attach(
        const char *command_line, size_t command_line_size, const char *environment, size_t environment_size)
{
    const char *environment_end = environment + environment_size;
    bool disabled = false;

    apply_variable(environment, environment_end, "JAVA_TOOL_OPTIONS", &disabled);
    apply_variable(environment, environment_end, "JDK_JAVA_OPTIONS", &disabled);
    apply_command_line(command_line, command_line + command_line_size, &disabled);
    apply_variable(environment, environment_end, "_JAVA_OPTIONS", &disabled);
    return disabled;
}
