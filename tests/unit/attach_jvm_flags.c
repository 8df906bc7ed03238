/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/jvm_flags.h"

#include <criterion/criterion.h>

#define ON "-XX:+DisableAttachMechanism"
#define OFF "-XX:-DisableAttachMechanism"

#define DISABLED(command_line, environment)                                                                  \
    jvm_flags_disable_attach(command_line, sizeof(command_line) - 1, environment, sizeof(environment) - 1)

Test(jvm_flags, command_line)
{
    cr_expect_not(DISABLED("", ""));
    cr_expect_not(DISABLED("java\0Main\0", ""));
    cr_expect(DISABLED("java\0" ON "\0Main\0", ""));
    cr_expect(DISABLED("java\0" ON, ""));
    cr_expect(DISABLED("java\0" OFF "\0" ON "\0Main\0", ""));
    cr_expect_not(DISABLED("java\0" ON "\0" OFF "\0Main\0", ""));
    cr_expect_not(DISABLED("java\0" ON "x\0Main\0", ""));
    cr_expect_not(DISABLED(ON "\0Main\0", ""), "the program's name is no option");
    cr_expect(DISABLED("java\0-cp\0a:b\0-Xmx1g\0" ON "\0Main\0", ""));
    cr_expect(DISABLED("java\0--add-modules\0x\0@args\0" ON "\0-jar\0a.jar\0", ""));
    cr_expect(DISABLED("java\0--add-opens=a/b=c\0" ON "\0Main\0", ""));
}

Test(jvm_flags, the_applications_arguments_do_not_count)
{
    cr_expect_not(DISABLED("java\0Launcher\0java\0" ON "\0Main\0", ""));
    cr_expect_not(DISABLED("java\0-jar\0a.jar\0" ON "\0", ""));
    cr_expect_not(DISABLED("java\0-m\0mod/Main\0" ON "\0", ""));
    cr_expect_not(DISABLED("java\0-Xmx1g\0Main\0--\0" ON "\0", ""));
}

Test(jvm_flags, environment)
{
    cr_expect(DISABLED("java\0Main\0", "A=b\0JAVA_TOOL_OPTIONS=-Xmx1g " ON "\0C=d\0"));
    cr_expect(DISABLED("java\0Main\0", "JDK_JAVA_OPTIONS=\"" ON "\"\0"));
    cr_expect(DISABLED("java\0Main\0", "_JAVA_OPTIONS=\t" ON));
    cr_expect_not(DISABLED("java\0Main\0", "MY_JAVA_TOOL_OPTIONS=" ON "\0"));
    cr_expect_not(DISABLED("java\0Main\0", "JAVA_TOOL_OPTIONS\0JAVA_TOOL_OPTIONSX=" ON "\0"));
    cr_expect_not(DISABLED("java\0Main\0", "JAVA_TOOL_OPTIONS=\0"));
}

Test(jvm_flags, later_places_win)
{
    cr_expect_not(DISABLED("java\0" OFF "\0Main\0", "JAVA_TOOL_OPTIONS=" ON "\0"));
    cr_expect_not(DISABLED("java\0" OFF "\0Main\0", "JDK_JAVA_OPTIONS=" ON "\0"));
    cr_expect(DISABLED("java\0" OFF "\0Main\0", "_JAVA_OPTIONS=" ON "\0"));
    cr_expect_not(DISABLED("java\0" ON "\0Main\0", "_JAVA_OPTIONS=" OFF "\0"));
}
