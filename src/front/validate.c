/* validate.c: see validate.h. Runs in the front; the values are hostile, their sizes bounded by the body's. */
#include "front/validate.h"

#include "front/input_files.h"
#include "front/json_out.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    NUMBER_CHARACTERS_MAX = 400, /* a longer string is not taken for a number */
    CHOICES_BYTES_MAX = 4096     /* of a list of the values that are right */
};

/* Where a value stands in the body: a chain to the root, for an error's "loc". */
struct place {
    const struct place *parent;
    const char *name; /* NULL: an array's item */
    size_t index;
};

struct validation {
    const struct json_in *in;
    const struct config *config;
    size_t environment; /* whose bounds hold: the one that the body names, or the default */
    struct buffer *errors;
    bool failed;
};

static void write_place(struct buffer *out, const struct place *place)
{
    if (place == NULL) {
        buffer_text(out, "\"body\"");
        return;
    }
    write_place(out, place->parent);
    buffer_byte(out, ',');
    if (place->name != NULL)
        json_write_string(out, place->name, strlen(place->name));
    else
        buffer_format(out, "%zu", place->index);
}

/* Adds one entry; `context` is JSON text or NULL. Always returns false. */
static bool report(struct validation *v, const struct place *place, const char *type, const char *message,
                   const json_t *input, const char *context)
{
    buffer_text(v->errors, v->failed ? ",{\"type\":" : "{\"detail\":[{\"type\":");
    v->failed = true;
    json_write_string(v->errors, type, strlen(type));
    buffer_text(v->errors, ",\"loc\":[");
    write_place(v->errors, place);
    buffer_text(v->errors, "],\"msg\":");
    json_write_string(v->errors, message, strlen(message));
    buffer_text(v->errors, ",\"input\":");
    json_write_value(v->errors, input);
    if (context != NULL) {
        buffer_text(v->errors, ",\"ctx\":");
        buffer_text(v->errors, context);
    }
    buffer_byte(v->errors, '}');
    return false;
}

/* No memory: whatever `errors` says then is not to be sent. Always returns false. */
static bool out_of_memory(struct validation *v)
{
    v->failed = v->errors->failed = true;
    return false;
}

static bool finish(struct validation *v)
{
    if (v->failed)
        buffer_text(v->errors, "]}");
    return !v->failed;
}

/* A number as pydantic writes it in "ctx": that of a float with a point. */
static void write_number(struct buffer *out, const struct field *field, double value)
{
    if (field->type == FIELD_INTEGER)
        buffer_format(out, "%lld", (long long)value);
    else
        json_write_double(out, value);
}

static bool bound_error(struct validation *v, const struct field *field, const struct place *place, const json_t *input,
                        const char *type, const char *key, const char *words, double bound)
{
    char number[NUMBER_TEXT_MAX], message[128];
    struct buffer context;

    if (field->type == FIELD_INTEGER)
        snprintf(number, sizeof number, "%lld", (long long)bound);
    else
        number_text(bound, number);
    snprintf(message, sizeof message, "Input should be %s %s", words, number);
    buffer_init(&context, sizeof message);
    buffer_format(&context, "{\"%s\":", key);
    write_number(&context, field, bound);
    buffer_append(&context, "}", 2);
    report(v, place, type, message, input, context.data);
    buffer_free(&context);
    return false;
}

static bool check_bounds(struct validation *v, const struct field *field, const struct place *place,
                         const json_t *input, double value)
{
    double most;
    if (field_most(field, v->config, v->environment, &most) && !(value <= most))
        return bound_error(v, field, place, input, "less_than_equal", "le", "less than or equal to", most);
    if (field->least != 0 && !(value >= field->least))
        return bound_error(v, field, place, input, "greater_than_equal", "ge", "greater than or equal to", field->least);
    if (field->has_greater_than && !(value > field->greater_than))
        return bound_error(v, field, place, input, "greater_than", "gt", "greater than", field->greater_than);
    return true;
}

static bool list_length_error(struct validation *v, const struct place *place, const json_t *input, size_t most)
{
    char message[128], context[128];
    const size_t actual = json_array_size(input);
    snprintf(message, sizeof message, "List should have at most %zu items after validation, not %zu", most, actual);
    snprintf(context, sizeof context, "{\"field_type\":\"List\",\"max_length\":%zu,\"actual_length\":%zu}", most, actual);
    return report(v, place, "too_long", message, input, context);
}

/* pydantic does not count a dictionary's entries. */
static bool map_length_error(struct validation *v, const struct place *place, const json_t *input, size_t most)
{
    char message[128], context[128];
    snprintf(message, sizeof message, "Dictionary should have at most %zu items after validation, not more", most);
    snprintf(context, sizeof context, "{\"field_type\":\"Dictionary\",\"max_length\":%zu,\"actual_length\":null}", most);
    return report(v, place, "too_long", message, input, context);
}

/* The length of the Unicode white space at `bytes`, or 0. */
static size_t space_size(const unsigned char *bytes, size_t size)
{
    static const char *const wide[] = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
                                       "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
    if (size == 0)
        return 0;
    if (bytes[0] == ' ' || (bytes[0] >= '\t' && bytes[0] <= '\r'))
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        size_t length = strlen(wide[i]);
        if (size >= length && memcmp(bytes, wide[i], length) == 0)
            return length;
    }
    return size >= 3 && bytes[0] == 0xe2 && bytes[1] == 0x80 && bytes[2] >= 0x80 && bytes[2] <= 0x8a ? 3 : 0;
}

static void trim(const char **text, size_t *size)
{
    size_t space;
    while ((space = space_size((const unsigned char *)*text, *size)) > 0) {
        *text += space;
        *size -= space;
    }
    for (size_t back = 1; back <= 3 && back <= *size; back++)
        if (space_size((const unsigned char *)*text + *size - back, back) == back) {
            *size -= back;
            back = 0;
        }
}

/* [0-9]* with an optional fraction and exponent; at least one digit before the exponent. */
static bool is_decimal(const char *p)
{
    const char *start = p;
    size_t digits = strspn(p, "0123456789");
    p += digits;
    if (*p == '.') {
        size_t fraction = strspn(p + 1, "0123456789");
        digits += fraction;
        p += 1 + fraction;
    }
    if (digits == 0)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-')
            p++;
        if (!isdigit((unsigned char)*p))
            return false;
        p += strspn(p, "0123456789");
    }
    return *p == '\0' && p != start;
}

/* A string as pydantic's lax mode reads it for a float: surrounding white space, single underscores inside. */
static bool parse_number(const char *text, size_t size, double *value)
{
    char plain[NUMBER_CHARACTERS_MAX + 1];
    size_t length = 0;

    trim(&text, &size);
    if (size == 0 || size > NUMBER_CHARACTERS_MAX || text[0] == '_' || text[size - 1] == '_')
        return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\0' || (text[i] == '_' && text[i + 1] == '_'))
            return false;
        if (text[i] != '_')
            plain[length++] = text[i];
    }
    plain[length] = '\0';
    const char *number = plain + (plain[0] == '+' || plain[0] == '-');
    if (!is_decimal(number) && strcasecmp(number, "inf") != 0 && strcasecmp(number, "infinity") != 0 &&
        strcasecmp(number, "nan") != 0)
        return false;
    *value = strtod(plain, NULL);
    return true;
}

static bool check_number(struct validation *v, const struct field *field, const struct place *place,
                         const json_t *input, void *target)
{
    double value;
    switch (json_typeof(input)) {
    case JSON_INTEGER:
    case JSON_REAL:
        value = json_number_value(input);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        value = json_is_true(input);
        break;
    case JSON_STRING:
        if (!parse_number(json_string_value(input), json_string_length(input), &value))
            return report(v, place, "float_parsing",
                          "Input should be a valid number, unable to parse string as a number", input, NULL);
        break;
    default:
        return report(v, place, "float_type", "Input should be a valid number", input, NULL);
    }
    if (!check_bounds(v, field, place, input, value))
        return false;
    memcpy((char *)target + field->store, &value, sizeof value);
    return true;
}

/* A string as pydantic's lax mode reads it for an integer: as a number, without an exponent, its fraction zeros only. */
static bool parse_integer(const char *text, size_t size, double *value)
{
    const char *point = memchr(text, '.', size);
    trim(&text, &size);
    if (memchr(text, 'e', size) != NULL || memchr(text, 'E', size) != NULL || size == 0 || text[0] == '.')
        return false;
    for (const char *p = point; p != NULL && p + 1 < text + size; p++)
        if (p[1] != '0')
            return false;
    return parse_number(text, size, value) && isfinite(*value);
}

static bool check_integer(struct validation *v, const struct field *field, const struct place *place,
                          const json_t *input, void *target)
{
    const double whole_max = 9.2e18; /* an int64_t's, about */
    double value;
    switch (json_typeof(input)) {
    case JSON_INTEGER:
        value = (double)json_integer_value(input);
        break;
    case JSON_REAL:
        value = json_real_value(input);
        if (value != trunc(value))
            return report(v, place, "int_from_float",
                          "Input should be a valid integer, got a number with a fractional part", input, NULL);
        if (!v->in->big_integers && fabs(value) >= (double)INT64_MAX)
            return report(v, place, "int_parsing_size",
                          "Unable to parse input string as an integer, exceeded maximum size", input, NULL);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        value = json_is_true(input);
        break;
    case JSON_STRING:
        if (!parse_integer(json_string_value(input), json_string_length(input), &value))
            return report(v, place, "int_parsing",
                          "Input should be a valid integer, unable to parse string as an integer", input, NULL);
        break;
    default:
        return report(v, place, "int_type", "Input should be a valid integer", input, NULL);
    }
    if (!check_bounds(v, field, place, input, value))
        return false;
    const int64_t stored = value < whole_max ? (int64_t)value : INT64_MAX;
    memcpy((char *)target + field->store, &stored, sizeof stored);
    return true;
}

static size_t character_count(struct string_view text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

static bool text_error(struct validation *v, const struct place *place, const char *what, const json_t *input)
{
    char message[256];
    snprintf(message, sizeof message, "Value error, %s", what);
    return report(v, place, "value_error", message, input, "{\"error\":{}}");
}

/* What makes a text good beyond its being one. `input` is what an error shows. */
static bool check_text(struct validation *v, const struct field *field, const struct place *place,
                       struct string_view text, const json_t *input)
{
    if (v->in->surrogates && memmem(text.data, text.size, "\xef\xbf\xbd", 3) != NULL)
        return report(v, place, "string_unicode",
                      "Input should be a valid string, unable to parse raw data as a unicode string", input, NULL);
    if (field->most_length != 0 && text.size > field->most_length && character_count(text) > field->most_length) {
        char message[96], context[64];
        snprintf(message, sizeof message, "String should have at most %zu characters", field->most_length);
        snprintf(context, sizeof context, "{\"max_length\":%zu}", field->most_length);
        return report(v, place, "string_too_long", message, input, context);
    }
    const char *wrong = field->check != NULL ? field->check(text) : NULL;
    return wrong == NULL || text_error(v, place, wrong, input);
}

static bool check_string(struct validation *v, const struct field *field, const struct place *place,
                         const json_t *input, void *target)
{
    if (!json_is_string(input))
        return report(v, place, "string_type", "Input should be a valid string", input, NULL);
    struct string_view view = {json_string_value(input), json_string_length(input)};
    if (!check_text(v, field, place, view, input))
        return false;
    memcpy((char *)target + field->store, &view, sizeof view);
    return true;
}

/* "'a', 'b' or 'c'", as pydantic lists a literal's values. */
static void write_choices(struct buffer *out, const struct field *field, const struct config *config)
{
    const char *name;
    for (size_t i = 0; (name = field->choice(config, i)) != NULL; i++) {
        bool last = field->choice(config, i + 1) == NULL;
        buffer_format(out, "%s'%s'", i == 0 ? "" : last ? " or " : ", ", name);
    }
}

static bool check_choice(struct validation *v, const struct field *field, const struct place *place,
                         const json_t *input, void *target)
{
    const char *name;
    uint32_t number = 0;
    for (; json_is_string(input) && (name = field->choice(v->config, number)) != NULL; number++)
        if (strlen(name) == json_string_length(input) && strcmp(name, json_string_value(input)) == 0) {
            memcpy((char *)target + field->store, &number, sizeof number);
            return true;
        }
    struct buffer message, context;
    buffer_init(&message, CHOICES_BYTES_MAX);
    buffer_init(&context, CHOICES_BYTES_MAX);
    buffer_text(&message, "Input should be ");
    const size_t words = message.size;
    write_choices(&message, field, v->config);
    buffer_append(&message, "", 1);
    buffer_text(&context, "{\"expected\":");
    json_write_string(&context, message.data + words, strlen(message.data + words));
    buffer_append(&context, "}", 2);
    report(v, place, "literal_error", message.data, input, context.data);
    buffer_free(&message);
    buffer_free(&context);
    return false;
}

static bool check_value(struct validation *v, const struct field *field, const struct place *place,
                        const json_t *input, void *target);
static bool check_object(struct validation *v, const struct field *field, const struct place *place,
                         const json_t *input, void *target);

/* Room for the items, in the list at the field's place. NULL: no memory. */
static struct field_list *allocate(const struct field *field, void *target, size_t count)
{
    struct field_list *list = (struct field_list *)((char *)target + field->store);
    list->items = count > 0 ? calloc(count, field->item_size) : NULL;
    list->count = list->items != NULL ? count : 0;
    return list->count == count ? list : NULL;
}

/* More items than may be are not looked at: the answer would be as long as the body times its errors. */
static bool check_array(struct validation *v, const struct field *field, const struct place *place,
                        const json_t *input, void *target)
{
    if (!json_is_array(input))
        return report(v, place, "list_type", "Input should be a valid list", input, NULL);
    const size_t count = json_array_size(input);
    if (field->most_length != 0 && count > field->most_length)
        return list_length_error(v, place, input, field->most_length);
    struct field_list *list = allocate(field, target, count);
    if (list == NULL)
        return out_of_memory(v);
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        const struct place item = {.parent = place, .index = i};
        ok &= check_value(v, field->items, &item, json_array_get(input, i), (char *)list->items + i * field->item_size);
    }
    return ok;
}

static bool check_key(struct validation *v, const struct field *field, const struct place *place, const char *key)
{
    const struct place of_key = {.parent = place, .name = "[key]"};
    json_t *input = json_string_nocheck(key);
    const struct string_view text = {key, strlen(key)};
    const char *nul = v->in->nul_names && strstr(key, "\xef\xbf\xbd") != NULL ? field->check((struct string_view){"\0", 1}) : NULL;
    const bool ok = input == NULL ? out_of_memory(v) : (nul == NULL || text_error(v, &of_key, nul, input)) && check_text(v, field, &of_key, text, input);
    json_decref(input);
    return ok;
}

static bool check_map(struct validation *v, const struct field *field, const struct place *place, const json_t *input,
                      void *target)
{
    const char *key;
    json_t *value;
    if (!json_is_object(input))
        return report(v, place, "dict_type", "Input should be a valid dictionary", input, NULL);
    const size_t count = json_object_size(input);
    if (field->most_length != 0 && count > field->most_length)
        return map_length_error(v, place, input, field->most_length);
    struct field_list *list = allocate(field, target, count);
    if (list == NULL)
        return out_of_memory(v);
    struct string_pair *pair = list->items;
    bool ok = true;
    json_object_foreach((json_t *)input, key, value)
    {
        const struct place entry = {.parent = place, .name = key};
        pair->name = (struct string_view){key, strlen(key)};
        ok &= check_key(v, field->keys, &entry, key);
        ok &= check_value(v, field->items, &entry, value, &pair->value);
        pair++;
    }
    return ok;
}

static bool check_value(struct validation *v, const struct field *field, const struct place *place,
                        const json_t *input, void *target)
{
    switch (field->type) {
    case FIELD_NUMBER:
        return check_number(v, field, place, input, target);
    case FIELD_INTEGER:
        return check_integer(v, field, place, input, target);
    case FIELD_STRING:
        return field->choice != NULL ? check_choice(v, field, place, input, target)
                                     : check_string(v, field, place, input, target);
    case FIELD_ARRAY:
        return check_array(v, field, place, input, target);
    case FIELD_MAP:
        return check_map(v, field, place, input, target);
    case FIELD_OBJECT:
        return check_object(v, field, place, input, (char *)target + field->store);
    case FIELD_BOOL:
        break; /* no request field is one */
    }
    return false;
}

static bool check_field(struct validation *v, const struct field *field, const struct place *parent,
                        const json_t *object, void *target)
{
    struct place place = {.parent = parent, .name = field->name};
    const json_t *input = json_object_get(object, field->name);

    if (input == NULL && field->required)
        return report(v, &place, "missing", "Field required", object, NULL);
    if (input != NULL && !(field->nullable && json_is_null(input)))
        return check_value(v, field, &place, input, target);
    if (field->default_setting != 0) {
        double value = field_setting(field, v->config, field->default_setting);
        memcpy((char *)target + field->store, &value, sizeof value);
    }
    return true;
}

static bool check_fields(struct validation *v, const struct field *fields, const struct place *place,
                         const json_t *input, void *target)
{
    if (!json_is_object(input))
        return report(v, place, "model_attributes_type",
                      "Input should be a valid dictionary or object to extract fields from", input, NULL);
    bool ok = true;
    for (const struct field *field = fields; field->name != NULL; field++)
        ok &= check_field(v, field, place, input, target);
    return ok;
}

static bool check_object(struct validation *v, const struct field *field, const struct place *place,
                         const json_t *input, void *target)
{
    if (!check_fields(v, field->fields, place, input, target))
        return false;
    const char *wrong = field->check_whole != NULL ? field->check_whole(target) : NULL;
    return wrong == NULL || text_error(v, place, wrong, input);
}

bool validate_body(const struct json_in *in, const struct field *fields, const struct config *config,
                   void *target, struct buffer *errors)
{
    struct validation v = {.in = in, .config = config, .errors = errors};
    const char *name = json_string_value(json_object_get(in->root, "environment"));
    for (size_t i = 0; name != NULL && i < config->environment_count; i++)
        if (strcmp(config->environments[i].name, name) == 0)
            v.environment = i;
    check_fields(&v, fields, NULL, in->root, target);
    return finish(&v);
}

bool validate_files(const struct json_in *in, const struct config *config, struct execute_request *request, struct buffer *errors)
{
    struct validation v = {.in = in, .config = config, .errors = errors};
    const struct config_environment *environment = &config->environments[request->environment];
    const int64_t workspace = request->limits.workspace != 0 ? request->limits.workspace : environment->limit_workspace;
    const struct input_files_fit fit = {.workspace = (uint64_t)workspace,
                                        .files = (uint64_t)environment->limit_files};
    const struct place files = {.name = "files"};
    const json_t *input = json_object_get(in->root, "files");
    char wrong[TEXT_MESSAGE_MAX];
    size_t index;
    if (input_files_check(request, &fit, &index, wrong))
        return true;
    if (index == SIZE_MAX) {
        text_error(&v, &files, wrong, input);
    } else {
        const struct place item = {.parent = &files, .index = index}, path = {.parent = &item, .name = "path"};
        text_error(&v, &path, wrong, json_object_get(json_array_get(input, index), "path"));
    }
    return finish(&v);
}

void validate_missing_body(struct buffer *errors)
{
    buffer_text(
        errors,
        "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\"],\"msg\":\"Field required\",\"input\":null}]}");
}

void validate_syntax_error(const struct json_in *in, struct buffer *errors)
{
    buffer_format(
        errors,
        "{\"detail\":[{\"type\":\"json_invalid\",\"loc\":[\"body\",%zu],\"msg\":\"JSON decode error\","
        "\"input\":{},\"ctx\":{\"error\":",
        in->position);
    json_write_string(errors, in->message, strlen(in->message));
    buffer_text(errors, "}}]}");
}

void validate_not_json(const char *body, size_t size, struct buffer *errors)
{
    buffer_text(
        errors,
        "{\"detail\":[{\"type\":\"model_attributes_type\",\"loc\":[\"body\"],\"msg\":\"Input should be a "
        "valid dictionary or object to extract fields from\",\"input\":");
    json_write_string(errors, body, size);
    buffer_text(errors, "}]}");
}
