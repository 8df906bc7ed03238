/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/asprof_formats.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "conf/failure.h"
#include "conf/suggest.h"
#include "conf/units.h"

typedef struct Format {
    const char *word;       /* after -o */
    const char *endings[3]; /* of -f, that choose it */
    const char *profiler;
    const char *extension;
    bool is_text; /* may be combined with its like, and takes a number */
} Format;

static const Format formats[] = {
        {.word = "flamegraph", .endings = {"html"}, .profiler = "flamegraph", .extension = "html"},
        {.word = "jfr", .endings = {"jfr"}, .profiler = "jfr", .extension = "jfr"},
        {.word = "collapsed",
                .endings = {"collapsed", "folded"},
                .profiler = "collapsed",
                .extension = "collapsed"},
        {.word = "text", .endings = {"txt"}, .profiler = "traces=100,flat=200", .extension = "txt"},
        {.word = "flat", .profiler = "flat", .extension = "txt", .is_text = true},
        {.word = "traces", .profiler = "traces", .extension = "txt", .is_text = true},
        {.word = "tree", .profiler = "tree", .extension = "html"},
        {.word = "otlp", .profiler = "otlp", .extension = "otlp"},
};
#define N_FORMATS (sizeof(formats) / sizeof(*formats))

static const Format *find_format(const char *word, size_t length)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (strlen(formats[i].word) == length && strncmp(formats[i].word, word, length) == 0)
            return &formats[i];
    return NULL;
}

static const Format *find_ending(const char *ending)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        for (size_t j = 0; formats[i].endings[j]; j++)
            if (strcmp(formats[i].endings[j], ending) == 0)
                return &formats[i];
    return NULL;
}

static int refuse_format(const char *word, char **reason)
{
    const char *words[N_FORMATS], *nearest;

    for (size_t i = 0; i < N_FORMATS; i++)
        words[i] = formats[i].word;
    nearest = strcmp(word, "html") == 0 ? "flamegraph" : suggest_nearest(word, words, N_FORMATS);
    return fail(reason, -EINVAL,
            "-o: '%s' is none of flamegraph, jfr, collapsed, text, flat, traces, tree, otlp%s%s%s", word,
            nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* "flat=20" */
static int put_word(const char *word, bool alone, FILE *out, const char **ret_extension, char **reason)
{
    size_t length = strcspn(word, "=");
    const Format *format = find_format(word, length);
    uint64_t count;

    if (!format)
        return refuse_format(word, reason);
    if (!alone && !format->is_text)
        return fail(reason, -EINVAL, "-o: only flat and traces go together, not '%s'", word);
    if (word[length] == '\0')
        fprintf(out, ",%s", format->profiler);
    else if (format->is_text && number_parse(word + length + 1, 1, INT_MAX, &count, NULL) >= 0)
        fprintf(out, ",%s=%" PRIu64, format->word, count);
    else
        return fail(
                reason, -EINVAL, "-o: only flat and traces take a number, such as flat=20, not '%s'", word);
    *ret_extension = format->extension;
    return 0;
}

/* "traces=200,flat=20" */
static int put_words(const char *words, FILE *out, const char **ret_extension, char **reason)
{
    _cleanup_free_ char *copy = strdup(words);
    bool alone = !strchr(words, ',');
    char *rest = copy, *word;
    int r = 0;

    if (!copy)
        return -ENOMEM;
    while (r >= 0 && (word = strsep(&rest, ",")))
        r = put_word(word, alone, out, ret_extension, reason);
    return r;
}

int asprof_format_put(const char *name, const char *output, const char *fallback, FILE *out,
        const char **ret_extension, char **reason)
{
    const Format *format;
    const char *dot;

    if (name || !output)
        return put_words(name ? name : fallback, out, ret_extension, reason);
    if (strcmp(output, "-") == 0)
        return put_words("text", out, ret_extension, reason);
    dot = strrchr(output, '.');
    format = dot ? find_ending(dot + 1) : NULL;
    if (format)
        return put_words(format->word, out, ret_extension, reason);
    if (dot && strcmp(dot, ".svg") == 0)
        return fail(reason, -EINVAL, "-f: async-profiler draws flame graphs in HTML; write %.*s.html",
                (int)(dot - output), output);
    return fail(reason, -EINVAL,
            "-f: the ending of '%s' names no format; end it in .html, .jfr, .collapsed, .folded or .txt, or "
            "give -o FORMAT",
            output);
}
