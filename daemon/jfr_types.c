/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/jfr_types.h"

#include <stdbool.h>
#include <string.h>

/* More than any JVM writes: what a hostile recording makes us remember. */
#define STRINGS_MAX 65536
#define FIELDS_MAX 65536
#define TYPES_MAX 16384
#define DEPTH_MAX 16

typedef enum Kind {
    KIND_STRUCT,
    KIND_BYTE,
    KIND_VARINT,
    KIND_FOUR_BYTES,
    KIND_EIGHT_BYTES,
    KIND_STRING
} Kind;

/* A string of the metadata, as far as it matters here. */
typedef struct Word {
    enum {
        WORD_OTHER,
        WORD_CLASS,
        WORD_FIELD,
        WORD_ID,
        WORD_NAME,
        WORD_POOLED,
        WORD_DIMENSION,
        WORD_TRUE
    } word;
    Kind kind;       /* of the type of this name */
    uint64_t number; /* if it is one */
} Word;

typedef struct Field {
    uint64_t type;
    bool pooled; /* a key of the type's constant pool stands in its place */
    bool array;
} Field;

typedef struct Type {
    uint64_t id;
    Kind kind;
    size_t first; /* of its fields */
    size_t n;
} Type;

struct JfrTypes {
    Type *types;
    size_t n_types;
    Field *fields;
    size_t n_fields;
};

typedef struct Metadata {
    JfrReader *reader;
    Word *words;
    uint64_t n_words;
    JfrTypes *types;
} Metadata;

JfrTypes *jfr_types_free(JfrTypes *types)
{
    if (!types)
        return NULL;
    free(types->types);
    free(types->fields);
    free(types);
    return NULL;
}

static Word word_from_text(const char *text)
{
    static const struct {
        const char *text;
        Word word;
    } known[] = {
            {"class", {.word = WORD_CLASS}},
            {"field", {.word = WORD_FIELD}},
            {"id", {.word = WORD_ID}},
            {"name", {.word = WORD_NAME}},
            {"constantPool", {.word = WORD_POOLED}},
            {"dimension", {.word = WORD_DIMENSION}},
            {"true", {.word = WORD_TRUE}},
            {"boolean", {.kind = KIND_BYTE}},
            {"byte", {.kind = KIND_BYTE}},
            {"char", {.kind = KIND_VARINT}},
            {"short", {.kind = KIND_VARINT}},
            {"int", {.kind = KIND_VARINT}},
            {"long", {.kind = KIND_VARINT}},
            {"float", {.kind = KIND_FOUR_BYTES}},
            {"double", {.kind = KIND_EIGHT_BYTES}},
            {"java.lang.String", {.kind = KIND_STRING}},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(text, known[i].text) == 0)
            return known[i].word;
    return (Word){.number = strtoull(text, NULL, 10)};
}

static int metadata_read_words(Metadata *metadata)
{
    char text[32];
    int r;

    r = jfr_read_varint(metadata->reader, &metadata->n_words);
    if (r < 0)
        return r;
    if (metadata->n_words > STRINGS_MAX)
        return -EBADMSG;
    metadata->words = calloc(metadata->n_words + 1, sizeof(*metadata->words));
    if (!metadata->words)
        return -ENOMEM;
    for (uint64_t i = 0; i < metadata->n_words; i++) {
        r = jfr_read_string(metadata->reader, text, sizeof(text));
        if (r < 0)
            return r;
        metadata->words[i] = word_from_text(text);
    }
    return 0;
}

static int metadata_read_word(Metadata *metadata, Word *ret)
{
    uint64_t index;
    int r;

    r = jfr_read_varint(metadata->reader, &index);
    if (r < 0)
        return r;
    if (index >= metadata->n_words)
        return -EBADMSG;
    *ret = metadata->words[index];
    return 0;
}

/* One more at the end of an array that doubles. */
static int array_grow(void **array, size_t n, size_t max, size_t size)
{
    void *more;

    if (n >= max)
        return -EBADMSG;
    if (n >= 64 && (n & (n - 1)) != 0)
        return 0;
    more = reallocarray(*array, n < 64 ? 64 : 2 * n, size);
    if (!more)
        return -ENOMEM;
    *array = more;
    return 0;
}

static int types_add_field(JfrTypes *types, Field field)
{
    int r = array_grow((void **)&types->fields, types->n_fields, FIELDS_MAX, sizeof(field));

    if (r < 0)
        return r;
    types->fields[types->n_fields++] = field;
    return 0;
}

static int types_add(JfrTypes *types, Type type)
{
    int r = array_grow((void **)&types->types, types->n_types, TYPES_MAX, sizeof(type));

    if (r < 0)
        return r;
    types->types[types->n_types++] = type;
    return 0;
}

/* An element has a name, attributes and children; only classes and their fields matter. */
static int metadata_read_element(Metadata *metadata, unsigned depth)
{
    JfrTypes *types = metadata->types;
    Type type = {.first = types->n_fields};
    Field field = {0};
    Word element, key, value;
    uint64_t n;
    int r;

    if (depth > DEPTH_MAX)
        return -EBADMSG;
    r = metadata_read_word(metadata, &element);
    if (r < 0)
        return r;
    r = jfr_read_varint(metadata->reader, &n);
    for (; r == 0 && n > 0; n--) {
        r = metadata_read_word(metadata, &key);
        if (r == 0)
            r = metadata_read_word(metadata, &value);
        if (r < 0)
            return r;
        if (key.word == WORD_ID)
            type.id = value.number;
        else if (key.word == WORD_NAME)
            type.kind = value.kind;
        else if (key.word == WORD_CLASS)
            field.type = value.number;
        else if (key.word == WORD_POOLED)
            field.pooled = value.word == WORD_TRUE;
        else if (key.word == WORD_DIMENSION)
            field.array = value.number > 0;
    }
    if (r == 0)
        r = jfr_read_varint(metadata->reader, &n);
    for (; r == 0 && n > 0; n--)
        r = metadata_read_element(metadata, depth + 1);
    if (r < 0)
        return r;
    if (element.word == WORD_FIELD)
        return types_add_field(types, field);
    if (element.word != WORD_CLASS)
        return 0;
    type.n = types->n_fields - type.first;
    return types_add(types, type);
}

static int compare_types(const void *a, const void *b)
{
    uint64_t left = ((const Type *)a)->id, right = ((const Type *)b)->id;

    return left < right ? -1 : left > right;
}

int jfr_types_read(JfrReader *reader, JfrTypes **ret)
{
    _cleanup_(jfr_types_freep) JfrTypes *types = calloc(1, sizeof(*types));
    Metadata metadata = {.reader = reader, .types = types};
    uint64_t ignored;
    int r = 0;

    if (!types)
        return -ENOMEM;
    for (unsigned i = 0; i < 3 && r == 0; i++) /* start, duration, metadata id */
        r = jfr_read_varint(reader, &ignored);
    if (r == 0)
        r = metadata_read_words(&metadata);
    if (r == 0)
        r = metadata_read_element(&metadata, 0);
    free(metadata.words);
    if (r < 0)
        return r;
    if (types->n_types > 1)
        qsort(types->types, types->n_types, sizeof(*types->types), compare_types);
    *ret = steal_pointer(&types);
    return 0;
}

/* Reads over a value of this type. It always takes up some byte, so that a recording of made-up types costs
 * no more time than its length is worth. */
static int types_skip(const JfrTypes *types, JfrReader *reader, uint64_t id, unsigned depth);

static int types_skip_field(const JfrTypes *types, JfrReader *reader, const Field *field, unsigned depth)
{
    uint64_t n = 1, ignored;
    int r = 0;

    if (field->array)
        r = jfr_read_varint(reader, &n);
    for (; r == 0 && n > 0; n--)
        r = field->pooled ? jfr_read_varint(reader, &ignored)
                          : types_skip(types, reader, field->type, depth + 1);
    return r;
}

static int types_skip(const JfrTypes *types, JfrReader *reader, uint64_t id, unsigned depth)
{
    const Type wanted = {.id = id}, *type;
    uint64_t ignored;
    char text[1];
    int r = 0;

    type = types->n_types > 0 ? bsearch(&wanted, types->types, types->n_types, sizeof(wanted), compare_types)
                              : NULL;
    if (!type || depth > DEPTH_MAX)
        return -EBADMSG;
    switch (type->kind) {
    case KIND_BYTE:
        return jfr_skip(reader, 1);
    case KIND_VARINT:
        return jfr_read_varint(reader, &ignored);
    case KIND_FOUR_BYTES:
        return jfr_skip(reader, 4);
    case KIND_EIGHT_BYTES:
        return jfr_skip(reader, 8);
    case KIND_STRING:
        return jfr_read_string(reader, text, sizeof(text));
    case KIND_STRUCT:
        break;
    }
    if (type->n == 0)
        return -EBADMSG;
    for (size_t i = 0; i < type->n && r == 0; i++)
        r = types_skip_field(types, reader, &types->fields[type->first + i], depth);
    return r;
}

int jfr_types_skip_value(const JfrTypes *types, JfrReader *reader, uint64_t type)
{
    return types_skip(types, reader, type, 0);
}

static int types_skip_pool(const JfrTypes *types, JfrReader *reader)
{
    uint64_t type, n, key;
    int r;

    r = jfr_read_varint(reader, &type);
    if (r == 0)
        r = jfr_read_varint(reader, &n);
    for (; r == 0 && n > 0; n--) {
        r = jfr_read_varint(reader, &key);
        if (r == 0)
            r = types_skip(types, reader, type, 0);
    }
    return r;
}

int jfr_types_skip_pools(const JfrTypes *types, JfrReader *reader)
{
    uint64_t n = 0, ignored;
    int r = 0;

    for (unsigned i = 0; i < 3 && r == 0; i++) /* start, duration, distance to the pool before */
        r = jfr_read_varint(reader, &ignored);
    if (r == 0)
        r = jfr_skip(reader, 1); /* what kind of checkpoint it is */
    if (r == 0)
        r = jfr_read_varint(reader, &n);
    for (; r == 0 && n > 0; n--)
        r = types_skip_pool(types, reader);
    return r;
}
