/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/printable.h"

#include <stdlib.h>

static char printable(char c)
{
    if (c == '\n' || c == '\r' || c == '\t')
        return ' ';
    return c >= ' ' && c <= '~' ? c : '?';
}

char *printable_copy(const char *text, size_t size)
{
    char *copy = malloc(size + 1);

    if (!copy)
        return NULL;
    for (size_t i = 0; i < size; i++)
        copy[i] = printable(text[i]);
    while (size > 0 && copy[size - 1] == ' ')
        size--;
    copy[size] = '\0';
    return copy;
}
