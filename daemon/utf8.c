/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The length of the valid, printable character that begins here, or 0. Source: RFC 3629. */
static size_t character_length(const unsigned char *text, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length;
    uint32_t code;

    if (text[0] < 0x80)
        return text[0] >= ' ' && text[0] != 0x7f;
    if (text[0] < 0xc0 || text[0] >= 0xf8)
        return 0;
    length = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (length > size)
        return 0;
    code = text[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    if (code < least[length] || code < 0xa0 || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
        return 0;
    return length;
}

char *utf8_line(const char *text, size_t size)
{
    char *line = malloc(size + 1), *end = line;

    if (!line)
        return NULL;
    for (size_t i = 0, n; i < size; i += n) {
        n = character_length((const unsigned char *)text + i, size - i);
        if (n > 0) {
            memcpy(end, text + i, n);
            end += n;
        } else {
            n = 1;
            *end++ = '?';
        }
    }
    *end = '\0';
    return line;
}

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

size_t utf8_width(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += begins_character(*text);
    return width;
}

size_t utf8_cut(const char *text, size_t width)
{
    size_t n = 0;

    for (; text[n]; n++)
        if (begins_character(text[n]) && width-- == 0)
            break;
    return n;
}
