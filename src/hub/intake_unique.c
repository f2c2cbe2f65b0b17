/* SPDX-License-Identifier: MIT */
/*
 * What makes two messages the same record, as the intake's row says. The key:
 *
 *   time, if it is named   8 bytes, big-endian: keys that rise lie beside each other
 *   device                 tag, length u32, bytes
 *   each other field       tag, length u32, bytes
 *
 * Of more than 64 bytes the 16 of their hash stand there; the length tells which it is.
 */
#include "base/alloc.h"
#include "base/hash.h"
#include "hub/intake_inside.h"

enum tag { TAG_TEXT = 's', TAG_RAW = 'r' };

struct key {
    char *at;
    size_t len;
};

static void put(struct key *k, const void *bytes, size_t n)
{
    if (n > 0) memcpy(k->at + k->len, bytes, n);
    k->len += n;
}

static void put_u64(struct key *k, uint64_t v, int bytes)
{
    while (bytes-- > 0)
        k->at[k->len++] = (char)(v >> (8 * bytes));
}

static void put_part(struct key *k, enum tag tag, sl_str text)
{
    uint8_t digest[HASH_BYTES];

    put_u64(k, tag, 1);
    put_u64(k, text.len, 4); /* no message has more */
    if (text.len <= UNIQUE_PART_MAX) {
        put(k, text.ptr, text.len);
    } else {
        hash_bytes(text, digest);
        put(k, digest, sizeof digest);
    }
}

/* The same text in whatever way it was escaped. */
static int put_escaped(struct key *k, sl_str raw)
{
    char *room = sl__alloc(raw.len);
    int64_t len;

    if (room == NULL) return SL_E_NOMEM;
    len = sl_json_unescape(raw, room);
    put_part(k, TAG_TEXT, len < 0 ? raw : (sl_str){room, (size_t)len});
    sl__free(room);
    return 0;
}

static int put_field(struct key *k, const struct field *f, sl_value v)
{
    sl_str raw;

    if (!sl_value_str(v, &raw)) {
        put_part(k, f->type == FIELD_ID ? TAG_TEXT : TAG_RAW, sl_value_raw(v));
        return 0;
    }
    if (v.doc->node[v.i].escaped) return put_escaped(k, raw);
    put_part(k, TAG_TEXT, raw);
    return 0;
}

static const struct field *find_field(const struct shape *s, const char *name)
{
    for (uint32_t i = 0; s != NULL && i < s->n; i++) {
        if (strcmp(s->field[i].name, name) == 0) return &s->field[i];
    }
    return NULL;
}

static bool is_time(const struct field *f)
{
    return f != NULL && (f->flags & FIELD_DEVICE_TIME);
}

static bool names_time(const struct intake *in, const struct shape *shape)
{
    for (const char *const *n = in->unique; *n != NULL; n++) {
        if (is_time(find_field(shape, *n))) return true;
    }
    return false;
}

/* 1: it is in the key; 0: the record lacks it */
static int put_named(struct key *k, const char *name, const struct arrival *a,
                     const struct part *p)
{
    const struct field *f = find_field(p->shape, name);
    int rc;

    if (f == NULL) { /* of the path, then */
        put_part(k, TAG_TEXT, sl_request_param(a->request, name));
        return 1;
    }
    if (is_time(f)) return p->device_at != NULL; /* in front already */
    if (!fields_has(p->fields, (uint32_t)(f - p->shape->field))) return 0;
    rc = put_field(k, f, p->fields->value[f - p->shape->field]);
    return rc < 0 ? rc : 1;
}

static int make_key(const struct arrival *a, const struct part *p, struct key *k)
{
    int rc = 1;

    if (names_time(a->intake, p->shape)) {
        if (p->device_at == NULL) return 0;
        put_u64(k, (uint64_t)p->device_at->us ^ (UINT64_C(1) << 63), 8);
    }
    put_part(k, TAG_TEXT, a->device);
    for (const char *const *n = a->intake->unique; *n != NULL && rc > 0; n++)
        rc = put_named(k, *n, a, p);
    return rc;
}

/* ---- the content ---- */

static void put_text_again(sl_json_out *out, sl_str raw)
{
    char *room = sl__alloc(raw.len + 1);
    int64_t len = room != NULL ? sl_json_unescape(raw, room) : SL_E_NOMEM;

    if (room == NULL)
        out->rc = SL_E_NOMEM;
    else
        sl_out_str(out, len < 0 ? raw : (sl_str){room, (size_t)len});
    sl__free(room);
}

/* A value in one form: without space, its texts escaped our way, containers by their count. */
static void put_value(sl_json_out *out, sl_value v)
{
    const sl_json_node *node = v.doc->node;
    uint32_t end = node[v.i].next;

    for (; v.i < end; v.i++) {
        sl_str raw;

        if (sl_value_type(v) >= SL_JSON_ARRAY) {
            sl_out_raw(out, sl_value_type(v) == SL_JSON_ARRAY ? SL_STR("[") : SL_STR("{"));
            sl_out_i64(out, sl_value_count(v));
        } else if (sl_value_str(v, &raw) && node[v.i].escaped) {
            put_text_again(out, raw);
        } else {
            sl_out_raw(out, sl_value_raw(v));
        }
        sl_out_raw(out, SL_STR(","));
    }
}

static uint64_t hash_of(sl_str text)
{
    uint8_t digest[HASH_BYTES];
    uint64_t v = 0;

    hash_bytes(text, digest);
    for (int i = 0; i < 8; i++)
        v = v << 8 | digest[i];
    return v;
}

/* What says on which wire it came and what its sender wants to hear is no content. */
static bool is_the_wire_s(const struct intake *in, sl_str key, sl_value v)
{
    if (sl_str_eq(key, SL_STR("receipt"))) return true;
    return in->ws_type != NULL && sl_str_eq(key, SL_STR("type"))
           && sl_value_is_str(v, sl_str_of(in->ws_type));
}

/* Of the members in any order. */
static int hash_content(const struct intake *in, sl_value root, uint64_t *sum)
{
    sl_json_out out = {0};
    sl_str key;
    int rc = 0;

    *sum = 0;
    for (sl_value v = sl_value_first(root, &key); sl_value_type(v) != SL_JSON_NONE && rc == 0;
         v = sl_value_next(root, v, &key)) {
        if (is_the_wire_s(in, key, v)) continue;
        sl_out_reset(&out);
        sl_out_str(&out, key);
        put_value(&out, v);
        rc = out.rc;
        *sum += hash_of(sl_out_text(&out));
    }
    sl_out_deinit(&out);
    return rc;
}

/* ---- both ---- */

int unique_of(const struct arrival *a, const struct part *p, char room[UNIQUE_KEY_MAX],
              struct unique *out)
{
    const struct intake *in = a->intake;
    struct key k = {.at = room};
    int rc;

    *out = (struct unique){0};
    if (in->unique == NULL) return 0;
    rc = make_key(a, p, &k);
    if (rc <= 0) return rc;
    out->key = (sl_str){k.at, k.len};
    out->window_us = in->window_us;
    out->same_content = in->same_content;
    return in->same_content ? hash_content(in, p->root, &out->content) : 0;
}

bool unique_is_sound(const struct intake *in)
{
    int n = 0;

    for (const char *const *name = in->unique; name != NULL && *name != NULL; name++, n++) {
        if (in->param != NULL && strcmp(*name, in->param) == 0) continue;
        if (find_field(in->shape, *name) == NULL) return false;
        if (in->list != NULL && find_field(in->item, *name) == NULL) return false;
    }
    return n <= SHAPE_FIELDS_MAX;
}
