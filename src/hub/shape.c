/* SPDX-License-Identifier: MIT */
#include "hub/shape.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <stdio.h>

#define ESCAPE_MAX 6 /* a byte of text is written in six at most: \u0041 */

/* Where in the message: "detections[2]." in front of each name. */
struct place {
    const char *prefix;
    sl_error *err;
};

static const char *const nouns[] = {
    [FIELD_TEXT] = "text",
    [FIELD_OPAQUE] = "text",
    [FIELD_ID] = "text",
    [FIELD_NUMBER] = "a number",
    [FIELD_WHOLE] = "a whole number",
    [FIELD_BOOL] = "true or false",
    [FIELD_TIME] = "a time like 2026-03-01T09:30:00Z",
    [FIELD_ARRAY] = "an array",
    [FIELD_OBJECT] = "an object",
    [FIELD_ANY] = "a value",
};

static bool has_bounds(const struct field *f)
{
    return f->min != 0 || f->max != 0;
}

static void list_choices(const struct field *f, char *buf, size_t size)
{
    size_t n = 0;

    for (const char *const *c = f->one_of; *c != NULL && n < size; c++) {
        const char *join = c == f->one_of ? "" : c[1] == NULL ? " or " : ", ";

        n += (size_t)snprintf(buf + n, size - n, "%s%s", join, *c);
    }
}

/* " from 0 to 1", " of 1 to 200 bytes": in the unit of the type. */
static void name_bounds(const struct field *f, char *buf, size_t size)
{
    bool is_text = f->type == FIELD_TEXT || f->type == FIELD_OPAQUE || f->type == FIELD_ID;

    if (!has_bounds(f)) {
        buf[0] = '\0';
    } else if (is_text || f->type == FIELD_ARRAY) {
        const char *unit = is_text ? "bytes" : "items";

        if (f->min > 0)
            snprintf(buf, size, " of %.0f to %.0f %s", f->min, f->max, unit);
        else
            snprintf(buf, size, " of at most %.0f %s", f->max, unit);
    } else {
        snprintf(buf, size, " from %.15g to %.15g", f->min, f->max);
    }
}

static int refuse(const struct field *f, const struct place *at)
{
    char name[96], what[128];

    snprintf(name, sizeof name, "%s%s", at->prefix, f->name);
    if (f->one_of != NULL) {
        list_choices(f, what, sizeof what);
        return sl_fail(at->err, SL_E_INVAL, name, "%s must be %s", name, what);
    }
    name_bounds(f, what, sizeof what);
    return sl_fail(at->err, SL_E_INVAL, name, "%s must be %s%s", name, nouns[f->type], what);
}

static bool is_escaped(sl_value v)
{
    return v.doc != NULL && v.doc->node[v.i].escaped;
}

static bool in_bounds(const struct field *f, double x)
{
    return !has_bounds(f) || (x >= f->min && x <= f->max);
}

/* Length and content of a text whose escapes have to be resolved for that. 0: good */
static int check_escaped(const struct field *f, sl_str raw)
{
    char *room;
    int64_t len;
    bool good;

    if (has_bounds(f) && (double)raw.len > f->max * ESCAPE_MAX) return SL_E_INVAL;
    room = sl__alloc(raw.len);
    if (room == NULL) return SL_E_NOMEM;
    len = sl_json_unescape(raw, room);
    good = len >= 0 && memchr(room, 0, (size_t)len) == NULL && in_bounds(f, (double)len);
    sl__free(room);
    return good ? 0 : SL_E_INVAL;
}

static int check_text(const struct field *f, sl_value v)
{
    sl_str raw;

    if (!sl_value_str(v, &raw)) return SL_E_INVAL;
    if (f->one_of != NULL) {
        for (const char *const *c = f->one_of; *c != NULL; c++) {
            if (sl_value_is_str(v, sl_str_of(*c))) return 0;
        }
        return SL_E_INVAL;
    }
    if (f->type != FIELD_OPAQUE && is_escaped(v)) return check_escaped(f, raw);
    return in_bounds(f, (double)raw.len) ? 0 : SL_E_INVAL;
}

static int check_scalar(const struct field *f, sl_value v)
{
    struct wall at;
    double x;
    int64_t i;
    sl_str raw;
    bool b;

    switch (f->type) {
    case FIELD_ID:
        if (sl_value_type(v) != SL_JSON_NUMBER) return check_text(f, v);
        return in_bounds(f, (double)sl_value_raw(v).len) ? 0 : SL_E_INVAL;
    case FIELD_NUMBER: return sl_value_f64(v, &x) && in_bounds(f, x) ? 0 : SL_E_INVAL;
    case FIELD_WHOLE: return sl_value_i64(v, &i) && in_bounds(f, (double)i) ? 0 : SL_E_INVAL;
    case FIELD_BOOL: return sl_value_bool(v, &b) ? 0 : SL_E_INVAL;
    case FIELD_TIME: return sl_value_str(v, &raw) && wall_parse(raw, &at) ? 0 : SL_E_INVAL;
    default: return check_text(f, v);
    }
}

static int read_object(const struct shape *s, sl_value object, struct fields *out,
                       const struct place *at);

static int check_items(const struct field *f, sl_value array, const struct place *at)
{
    struct fields unused;
    sl_str none;
    uint32_t i = 0;

    for (sl_value v = sl_value_first(array, &none); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(array, v, &none), i++) {
        char prefix[96], name[96];
        int rc;

        snprintf(prefix, sizeof prefix, "%s%s[%u].", at->prefix, f->name, i);
        if (sl_value_type(v) != SL_JSON_OBJECT) {
            snprintf(name, sizeof name, "%s%s[%u]", at->prefix, f->name, i);
            return sl_fail(at->err, SL_E_INVAL, name, "%s must be an object", name);
        }
        rc = read_object(f->each, v, &unused, &(struct place){prefix, at->err});
        if (rc < 0) return rc;
    }
    return 0;
}

static int check_container(const struct field *f, sl_value v, const struct place *at)
{
    struct fields unused;
    char prefix[96];

    if (f->type == FIELD_ANY) return 0;
    if (sl_value_type(v) != (f->type == FIELD_ARRAY ? SL_JSON_ARRAY : SL_JSON_OBJECT))
        return refuse(f, at);
    if (f->type == FIELD_ARRAY && !in_bounds(f, sl_value_count(v))) return refuse(f, at);
    if (f->each == NULL) return 0;
    if (f->type == FIELD_ARRAY) return check_items(f, v, at);
    snprintf(prefix, sizeof prefix, "%s%s.", at->prefix, f->name);
    return read_object(f->each, v, &unused, &(struct place){prefix, at->err});
}

static int check(const struct field *f, sl_value v, const struct place *at)
{
    int rc;

    if (f->type >= FIELD_ARRAY) return check_container(f, v, at);
    rc = check_scalar(f, v);
    return rc == SL_E_INVAL ? refuse(f, at) : rc;
}

static sl_value find(const struct field *f, sl_value object)
{
    sl_value v = sl_value_get(object, sl_str_of(f->name));

    if (sl_value_type(v) <= SL_JSON_NULL && f->alias != NULL)
        v = sl_value_get(object, sl_str_of(f->alias));
    return sl_value_type(v) == SL_JSON_NULL ? (sl_value){0} : v;
}

static int read_object(const struct shape *s, sl_value object, struct fields *out,
                       const struct place *at)
{
    SL_ASSERT(s->n <= SHAPE_FIELDS_MAX);
    for (uint32_t i = 0; i < s->n; i++) {
        const struct field *f = &s->field[i];
        sl_value v = find(f, object);
        int rc;

        out->value[i] = v;
        if (sl_value_type(v) == SL_JSON_NONE) {
            char name[96];

            if (!(f->flags & FIELD_REQUIRED)) continue;
            snprintf(name, sizeof name, "%s%s", at->prefix, f->name);
            return sl_fail(at->err, SL_E_INVAL, name, "%s is missing", name);
        }
        rc = check(f, v, at);
        if (rc == SL_E_INVAL && (f->flags & FIELD_LENIENT)) {
            out->value[i] = (sl_value){0};
            rc = 0;
        }
        if (rc < 0) return rc;
    }
    return 0;
}

int shape_read(const struct shape *s, sl_value object, struct fields *out, sl_error *err)
{
    if (sl_value_type(object) != SL_JSON_OBJECT)
        return sl_fail(err, SL_E_INVAL, "", "the message must be a JSON object");
    return read_object(s, object, out, &(struct place){"", err});
}

bool fields_text(const struct fields *f, uint32_t row, char *room, size_t size, sl_str *out)
{
    sl_value v = f->value[row];
    int64_t len;
    sl_str raw;

    *out = (sl_str){0};
    if (sl_value_type(v) == SL_JSON_NONE) return true;
    if (!sl_value_str(v, &raw)) {
        *out = sl_value_raw(v);
        return true;
    }
    *out = raw;
    if (!is_escaped(v)) return raw.len <= size;
    if (raw.len > size) return false;
    len = sl_json_unescape(raw, room);
    if (len < 0) return false;
    *out = (sl_str){room, (size_t)len};
    return true;
}

bool fields_time(const struct fields *f, uint32_t row, struct wall *out)
{
    sl_str raw;

    return sl_value_str(f->value[row], &raw) && wall_parse(raw, out);
}

bool shape_device_time(const struct shape *s, const struct fields *f, struct wall *out)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if ((s->field[i].flags & FIELD_DEVICE_TIME) && fields_time(f, i, out)) return true;
    }
    return false;
}
