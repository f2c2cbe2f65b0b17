/* SPDX-License-Identifier: MIT */
/* The top level of an object, without nodes. */
#include "base/json_inside.h"

#include <string.h>

#define KEYS_MAX 16
#define PIECE    2048 /* bytes scanned at a time without an index; its entries are on the stack \
                       */

struct peek {
    struct cursor c;
    const sl_str *key;
    uint32_t n;
    sl_str *found, *member;
    uint64_t lengths; /* bit (len & 63) is set for each key looked for */
};

/* What an entry means while a container is skipped. */
enum { OTHER, OPEN_ARRAY, OPEN_OBJECT, CLOSE_ARRAY, CLOSE_OBJECT, ESCAPE };

static const uint8_t meaning[256] = {
    ['['] = OPEN_ARRAY,   ['{'] = OPEN_OBJECT, [']'] = CLOSE_ARRAY,
    ['}'] = CLOSE_OBJECT, ['\\'] = ESCAPE,
};

/* Past the closing bracket of a container of this kind. returns 0, SL_E_JSON or SL_E_DEPTH */
static int skip_container(struct peek *p, bool object, uint32_t *end)
{
    uint64_t objects = object; /* a bit per open container, the innermost lowest */
    uint32_t depth = 2, where; /* with the root and this one */

    for (;;) {
        uint32_t at = cursor_next(&p->c);
        if (at == p->c.len) return SL_E_JSON;
        unsigned what = meaning[p->c.text[at]];

        if (what == OTHER) continue;
        if (what == ESCAPE) {
            if (json_skip_escapes(&p->c, at, &where) == UINT32_MAX) return SL_E_JSON;
        } else if (what == OPEN_ARRAY || what == OPEN_OBJECT) {
            if (depth++ == JSON_DEPTH_DEFAULT) return SL_E_DEPTH;
            objects = objects << 1 | (what == OPEN_OBJECT);
        } else {
            if ((objects & 1) != (what == CLOSE_OBJECT)) return SL_E_JSON;
            objects >>= 1;
            if (--depth == 1) {
                *end = at + 1;
                return 0;
            }
        }
    }
}

/* The string whose opening quote is at `at`; *end is behind its closing one. */
static inline int skip_string(struct peek *p, uint32_t at, uint32_t *end, bool *escaped)
{
    uint32_t e = cursor_next(&p->c), where;

    (void)at;
    *escaped = false;
    if (cursor_byte(&p->c, e) != '"') {
        *escaped = true;
        e = json_skip_escapes(&p->c, e, &where);
        if (e == UINT32_MAX) return SL_E_JSON;
    }
    *end = e + 1;
    return 0;
}

/* Which of the keys looked for is this one, from `i` on; n if none. */
static uint32_t match(const struct peek *p, uint32_t i, sl_str raw, bool escaped)
{
    for (; i < p->n; i++)
        if (json_raw_is(raw, escaped, p->key[i])) break;
    return i;
}

static int keep(struct peek *p, uint32_t i, sl_str raw, bool escaped, uint32_t from,
                uint32_t at, uint32_t end)
{
    const char *text = (const char *)p->c.text;

    for (; i < p->n; i = match(p, i + 1, raw, escaped)) {
        p->found[i] = (sl_str){text + at, end - at};
        if (p->member) p->member[i] = (sl_str){text + from, end - from};
    }
    return 0;
}

/* A scalar's end is known by its grammar; one that nobody asked for ends at the next entry. */
static inline int skip_scalar(struct peek *p, uint32_t at, bool wanted, uint32_t *end)
{
    sl_json_type type;

    if (at == p->c.len) return SL_E_JSON;
    if (p->c.text[at] == ',' || p->c.text[at] == ':' || p->c.text[at] == '}'
        || p->c.text[at] == ']')
        return SL_E_JSON;
    *end = at + 1;
    if (!wanted) return 0;
    const uint8_t *e = json_scalar_end(p->c.text + at, p->c.text + p->c.len, &type);
    if (e == NULL) return SL_E_JSON;
    *end = (uint32_t)(e - p->c.text);
    return 0;
}

/* One member; `from` is where its key begins. */
static inline int take_member(struct peek *p, uint32_t from)
{
    uint32_t end, at, i;
    bool escaped, unused;
    int rc;

    if (cursor_byte(&p->c, from) != '"') return SL_E_JSON;
    rc = skip_string(p, from, &end, &escaped);
    if (rc < 0) return rc;
    sl_str raw = {(const char *)p->c.text + from + 1, end - from - 2};
    if (cursor_byte(&p->c, cursor_next(&p->c)) != ':') return SL_E_JSON;
    bool maybe = escaped || (p->lengths >> (raw.len & 63) & 1);
    i = maybe ? match(p, 0, raw, escaped) : p->n;

    at = cursor_next(&p->c);
    switch (cursor_byte(&p->c, at)) {
    case '"': rc = skip_string(p, at, &end, &unused); break;
    case '{': rc = skip_container(p, true, &end); break;
    case '[': rc = skip_container(p, false, &end); break;
    default: rc = skip_scalar(p, at, i < p->n, &end);
    }
    if (rc < 0 || i == p->n) return rc;
    return keep(p, i, raw, escaped, from, at, end);
}

static int take_object(struct peek *p)
{
    uint32_t at = cursor_next(&p->c);

    if (cursor_byte(&p->c, at) != '{') return SL_E_JSON;
    at = cursor_next(&p->c);
    if (cursor_byte(&p->c, at) != '}') {
        for (;;) {
            int rc = take_member(p, at);
            if (rc < 0) return rc;
            uint8_t c = cursor_byte(&p->c, cursor_next(&p->c));
            if (c == '}') break;
            if (c != ',') return SL_E_JSON;
            at = cursor_next(&p->c);
        }
    }
    return cursor_next(&p->c) == p->c.len ? 0 : SL_E_JSON;
}

int sl_json_peek(sl_str text, const sl_json_index *index, const sl_str *key, uint32_t n,
                 sl_str *found, sl_str *member)
{
    struct peek p = {.key = key, .n = n, .found = found, .member = member};
    uint32_t room[PIECE + 64];

    if (n > KEYS_MAX) return SL_E_INVAL;
    for (uint32_t i = 0; i < n; i++) {
        p.lengths |= UINT64_C(1) << (key[i].len & 63);
        found[i] = (sl_str){0};
        if (member) member[i] = (sl_str){0};
    }
    int rc = cursor_init(&p.c, text, index);
    if (rc < 0) return rc;
    if (p.c.scanning) cursor_lend(&p.c, room, PIECE + 64);
    rc = take_object(&p);
    rc = p.c.rc < 0 ? p.c.rc : rc;
    for (uint32_t i = 0; rc < 0 && i < n; i++) {
        found[i] = (sl_str){0};
        if (member) member[i] = (sl_str){0};
    }
    return rc;
}
