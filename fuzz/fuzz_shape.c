/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a message, against every shape of glass. A shape refuses by naming one of its
 * fields, and takes what a second reading, without its tables of text and bounds, takes too.
 */
#include "base/assert.h"
#include "systems/glass_shapes.h"

#include <stdlib.h>
#include <string.h>

static const struct shape *const shapes[] = {
    &glass_register_shape, &glass_viewer_shape, &glass_frame_shape,  &glass_detection_shape,
    &glass_item_shape,     &glass_list_shape,   &glass_defect_shape, &glass_edit_shape,
};

/* Terminated, without escapes; NULL: it has none that can be resolved. */
static char *plain(sl_str raw, size_t *len)
{
    char *text = malloc(raw.len + 1);
    int64_t n;

    SL_ASSERT(text != NULL);
    n = sl_json_unescape(raw, text);
    if (n < 0) {
        free(text);
        return NULL;
    }
    text[n] = '\0';
    *len = (size_t)n;
    return text;
}

/* The last member of this name, by looking at each. */
static sl_value find(sl_value object, const char *name)
{
    sl_value found = {0};
    sl_str key;

    for (sl_value v = sl_value_first(object, &key); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(object, v, &key)) {
        size_t len = 0;
        char *text = plain(key, &len);

        if (text != NULL && len == strlen(name) && memcmp(text, name, len) == 0) found = v;
        free(text);
    }
    return found;
}

static bool is_null(sl_value v)
{
    return sl_value_type(v) == SL_JSON_NONE || sl_value_type(v) == SL_JSON_NULL;
}

static bool is_within(const struct field *f, double x)
{
    return (f->min == 0 && f->max == 0) || (x >= f->min && x <= f->max);
}

static bool is_number(const struct field *f, sl_value v)
{
    sl_str raw = sl_value_raw(v);
    char text[400];
    double x;

    if (sl_value_type(v) != SL_JSON_NUMBER) return false;
    if (raw.len >= sizeof text) return sl_value_f64(v, &x) && is_within(f, x);
    memcpy(text, raw.ptr, raw.len);
    text[raw.len] = '\0';
    x = strtod(text, NULL);
    return x - x == 0 && is_within(f, x);
}

static bool is_choice(const struct field *f, const char *text, size_t len)
{
    for (const char *const *c = f->one_of; *c != NULL; c++) {
        if (strlen(*c) == len && memcmp(*c, text, len) == 0) return true;
    }
    return false;
}

static bool is_text(const struct field *f, sl_value v)
{
    size_t len = 0;
    char *text;
    sl_str raw;
    bool good;

    if (!sl_value_str(v, &raw)) return false;
    if (f->type == FIELD_OPAQUE) return is_within(f, (double)raw.len);
    text = plain(raw, &len);
    if (text == NULL) return false;
    good = f->one_of != NULL ? is_choice(f, text, len)
                             : strlen(text) == len && is_within(f, (double)len);
    free(text);
    return good;
}

static bool is_object(const struct shape *s, sl_value object);

static bool is_list(const struct field *f, sl_value v)
{
    double n = 0;
    sl_str none;

    if (sl_value_type(v) != SL_JSON_ARRAY) return false;
    for (sl_value e = sl_value_first(v, &none); sl_value_type(e) != SL_JSON_NONE;
         e = sl_value_next(v, e, &none), n++) {
        if (f->each != NULL && !is_object(f->each, e)) return false;
    }
    return is_within(f, n);
}

static bool is_good(const struct field *f, sl_value v)
{
    sl_json_type type = sl_value_type(v);
    struct wall at;
    int64_t whole;
    sl_str raw;

    switch (f->type) {
    case FIELD_TEXT:
    case FIELD_OPAQUE: return is_text(f, v);
    case FIELD_ID:
        if (type == SL_JSON_NUMBER) return is_within(f, (double)sl_value_raw(v).len);
        return is_text(f, v);
    case FIELD_NUMBER: return is_number(f, v);
    case FIELD_WHOLE: return sl_value_i64(v, &whole) && is_within(f, (double)whole);
    case FIELD_BOOL: return type == SL_JSON_TRUE || type == SL_JSON_FALSE;
    case FIELD_TIME: return sl_value_str(v, &raw) && raw.len >= 10 && wall_parse(raw, &at);
    case FIELD_ARRAY: return is_list(f, v);
    case FIELD_OBJECT: return type == SL_JSON_OBJECT && (!f->each || is_object(f->each, v));
    case FIELD_ANY: return true;
    }
    return false;
}

static sl_value value_of(const struct field *f, sl_value object)
{
    sl_value v = find(object, f->name);

    if (is_null(v) && f->alias != NULL) v = find(object, f->alias);
    return is_null(v) ? (sl_value){0} : v;
}

static bool is_object(const struct shape *s, sl_value object)
{
    if (sl_value_type(object) != SL_JSON_OBJECT) return false;
    for (uint32_t i = 0; i < s->n; i++) {
        const struct field *f = &s->field[i];
        sl_value v = value_of(f, object);

        if (is_null(v) && (f->flags & FIELD_REQUIRED)) return false;
        if (!is_null(v) && !(f->flags & FIELD_LENIENT) && !is_good(f, v)) return false;
    }
    return true;
}

/* What was read lies where it should, and is a text that fits the room it is promised. */
static void check_fields(const struct shape *s, sl_value object, const struct fields *got)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const struct field *f = &s->field[i];
        sl_value v = value_of(f, object);
        bool is_text_like = f->type == FIELD_TEXT || f->type == FIELD_ID;
        sl_str text;
        char *room;

        if ((f->flags & FIELD_LENIENT) && !is_null(v) && !is_good(f, v)) v = (sl_value){0};
        SL_ASSERT(fields_has(got, i) == !is_null(v));
        SL_ASSERT(is_null(v) || sl_value_raw(v).ptr == sl_value_raw(got->value[i]).ptr);
        if (!is_text_like || f->max <= 0) continue;
        room = malloc(FIELD_ROOM((size_t)f->max));
        SL_ASSERT(room != NULL && fields_text(got, i, room, FIELD_ROOM((size_t)f->max), &text));
        SL_ASSERT(text.len <= (size_t)f->max && (text.ptr != NULL) == fields_has(got, i));
        free(room);
    }
}

/* "detections[2].confidence": a field of the shape, then one of what it holds. */
static void check_name(const struct shape *s, const char *where)
{
    size_t len = strcspn(where, ".[");

    for (uint32_t i = 0; i < s->n; i++) {
        const struct field *f = &s->field[i];

        if (strlen(f->name) != len || memcmp(f->name, where, len) != 0) continue;
        if (where[len] == '\0') return;
        where += len;
        if (*where == '[') where += strspn(where, "[0123456789]");
        SL_ASSERT(f->each != NULL);
        if (*where == '.') check_name(f->each, where + 1);
        return;
    }
    SL_ASSERT(!"a field of the shape is named");
}

static void check_shape(const struct shape *s, sl_value root)
{
    struct fields f = {0};
    sl_error err = {0};
    struct wall at;
    int rc = shape_read(s, root, &f, &err);

    SL_ASSERT((rc == 0) == is_object(s, root));
    if (rc == 0) {
        check_fields(s, root, &f);
        (void)shape_device_time(s, &f, &at);
        return;
    }
    SL_ASSERT(rc == SL_E_INVAL && err.code == rc && err.text[0] != '\0');
    SL_ASSERT((err.where[0] == '\0') == (sl_value_type(root) != SL_JSON_OBJECT));
    if (err.where[0] == '\0') return;
    SL_ASSERT(strncmp(err.text, err.where, strlen(err.where)) == 0);
    check_name(s, err.where);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_str text = {(const char *)data, size};
    sl_json doc = {0};

    if (sl_json_read(&doc, text, NULL, NULL, NULL) == 0) {
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
            check_shape(shapes[i], sl_json_root(&doc));
    }
    sl_json_deinit(&doc);
    return 0;
}
