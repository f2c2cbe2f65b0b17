/* SPDX-License-Identifier: MIT */
/* The top level of an object, without nodes. */
#include "base/json_inside.h"

#include <string.h>

#define KEYS_MAX 16
#define PIECE                                                                      \
    2048 /* bytes scanned at a time without an index; its entries are on the stack \
          */

struct peek {
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

/* Past the closing bracket of a container of this kind. */
JSON_INLINE int skip_container(struct cursor *c, bool object, uint32_t *end)
{
    uint64_t objects = object;  /* a bit per open container, the innermost lowest */
    uint32_t depth = 2, unused; /* with the root and this one */

    for (;;) {
        uint8_t byte;
        uint32_t at = cursor_next(c, &byte);
        unsigned what = meaning[byte];

        if (what == OTHER) {
            if (byte == 0) return SL_E_JSON;
        } else if (what == ESCAPE) {
            *c = json_skip_escapes(*c, at, &at, &unused);
            if (at == UINT32_MAX) return SL_E_JSON;
        } else if (what == OPEN_ARRAY || what == OPEN_OBJECT) {
            if (depth++ == JSON_DEPTH_DEFAULT) return SL_E_DEPTH;
            objects = objects << 1 | (what == OPEN_OBJECT);
        } else {
            if ((objects & 1) != (what == CLOSE_OBJECT)) return SL_E_JSON;
            objects >>= 1;
            *end = at + 1;
            if (--depth == 1) return 0;
        }
    }
}

/* A string whose opening quote has been taken; *end is behind its closing one. */
JSON_INLINE int skip_string(struct cursor *c, uint32_t *end, bool *escaped)
{
    uint8_t byte;
    uint32_t e = cursor_next(c, &byte), unused;

    *escaped = byte == '\\';
    if (__builtin_expect(byte != '"', 0)) {
        if (byte == 0) return SL_E_JSON;
        *c = json_skip_escapes(*c, e, &e, &unused);
        if (e == UINT32_MAX) return SL_E_JSON;
    }
    *end = e + 1;
    return 0;
}

/* A scalar's end is known by its grammar; of one that nobody asked for only the place. */
JSON_INLINE int skip_scalar(const struct cursor *c, uint32_t at, uint8_t first, bool wanted,
                            uint32_t *end)
{
    sl_json_type type;

    if (first == 0 || first == ',' || first == ':' || first == '}' || first == ']')
        return SL_E_JSON;
    if (!wanted) return 0;
    const uint8_t *e = json_scalar_end(c->text + at, c->text + c->len, &type);
    if (e == NULL) return SL_E_JSON;
    *end = (uint32_t)(e - c->text);
    return 0;
}

/* Which of the keys looked for is this one, from `i` on; n if none. */
static uint32_t match(const struct peek *p, uint32_t i, sl_str raw, bool escaped)
{
    for (; i < p->n; i++)
        if (json_raw_is(raw, escaped, p->key[i])) break;
    return i;
}

/* The same key may have been asked for twice. */
static void keep(struct peek *p, uint32_t i, sl_str raw, bool escaped, sl_str member,
                 sl_str value)
{
    for (; i < p->n; i = match(p, i + 1, raw, escaped)) {
        p->found[i] = value;
        if (p->member) p->member[i] = member;
    }
}

/* One member; `from` is where its key should begin, and what stands there. */
JSON_INLINE int take_member(struct peek *p, struct cursor *c, uint32_t from, uint8_t byte)
{
    const char *text = (const char *)c->text;
    uint32_t end = 0, i = p->n;
    bool escaped, unused;

    if (byte != '"') return SL_E_JSON;
    int rc = skip_string(c, &end, &escaped);
    if (rc < 0) return rc;
    sl_str raw = {text + from + 1, end - from - 2};
    cursor_next(c, &byte);
    if (byte != ':') return SL_E_JSON;
    if (escaped || (p->lengths >> (raw.len & 63) & 1)) i = match(p, 0, raw, escaped);

    uint8_t first;
    uint32_t at = cursor_next(c, &first);
    if (first == '"')
        rc = skip_string(c, &end, &unused);
    else if (first == '{' || first == '[')
        rc = skip_container(c, first == '{', &end);
    else
        rc = skip_scalar(c, at, first, i < p->n, &end);
    if (rc == 0 && i < p->n)
        keep(p, i, raw, escaped, (sl_str){text + from, end - from},
             (sl_str){text + at, end - at});
    return rc;
}

JSON_INLINE int take_object(struct peek *p, struct cursor c)
{
    uint8_t byte;

    cursor_next(&c, &byte);
    if (byte != '{') return SL_E_JSON;
    uint32_t at = cursor_next(&c, &byte);
    while (byte != '}') {
        int rc = take_member(p, &c, at, byte);
        if (rc < 0) return rc;
        cursor_next(&c, &byte);
        if (byte == '}') break;
        if (byte != ',') return SL_E_JSON;
        at = cursor_next(&c, &byte);
        if (byte == '}') return SL_E_JSON; /* a comma with nothing behind it */
    }
    return cursor_next(&c, &byte) == c.len ? 0 : SL_E_JSON;
}

static void forget(struct peek *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        p->found[i] = (sl_str){0};
        if (p->member) p->member[i] = (sl_str){0};
    }
}

/* Apart, for the sake of its large frame. */
static __attribute__((noinline)) int scan_and_take(struct peek *p, sl_str text)
{
    uint32_t room[PIECE + 64];
    struct source source;

    source_init(&source, text, 0, room, PIECE + 64);
    int rc = take_object(p, cursor_of(text, NULL, &source));
    return source.rc < 0 ? source.rc : rc;
}

int sl_json_peek(sl_str text, const sl_json_index *index, const sl_str *key, uint32_t n,
                 sl_str *found, sl_str *member)
{
    struct peek p = {.key = key, .n = n, .found = found, .member = member};
    int rc;

    if (n > KEYS_MAX) return SL_E_INVAL;
    forget(&p);
    for (uint32_t i = 0; i < n; i++)
        p.lengths |= UINT64_C(1) << (key[i].len & 63);
    if (text.len >= UINT32_MAX) return SL_E_TOO_BIG;
    if (!index_covers(index, text))
        rc = scan_and_take(&p, text);
    else
        rc = index->bad ? SL_E_JSON : take_object(&p, cursor_of(text, index, NULL));
    if (rc < 0) forget(&p);
    return rc;
}
