/* SPDX-License-Identifier: MIT */
/* What the files of json share: the way along the index, and the grammar of single values. */
#ifndef BASE_JSON_INSIDE_H
#define BASE_JSON_INSIDE_H

#include "sluice/json.h"

#include "base/scan.h"

#define JSON_DEPTH_DEFAULT 64
#define JSON_INLINE        static inline __attribute__((always_inline))

/*
 * Where entries come from when no index came with the text: it is scanned a piece at a time
 * into memory that is lent, so that a hostile text (an entry per byte) costs no more room than
 * a friendly one.
 */
struct source {
    const uint8_t *text;
    uint32_t len, done; /* bytes; done: scanned */
    int rc;             /* why there are no more entries, if not because the text ended */
    bool ended;
    struct scan scan;
    sl_json_index piece;
};

/* Entries not yet taken. */
struct entries {
    const uint32_t *at, *end;
};

/*
 * Where the reader stands in the index. Small, and its address is never taken, so that it
 * lives in registers: an entry must not wait for the one before it to reach memory.
 */
struct cursor {
    const uint8_t *text;
    uint32_t len;
    struct entries left;
    struct source *source; /* NULL: the index came with the text */
};

/* Memory to scan into: `cap` entries, at least 128. The text is shorter than 4 GiB; what lies
 * before `from` is not looked at. */
void source_init(struct source *s, sl_str text, uint32_t from, uint32_t *room, uint32_t cap);

/* Scan on. returns entries, or none: the text ends, or s->rc */
struct entries source_refill(struct source *s);

/* An index that overflowed, is unfinished or of another text is none. */
JSON_INLINE bool index_covers(const sl_json_index *x, sl_str text)
{
    return x && x->complete && !x->overflow && x->len == text.len;
}

/* `source` is asked for entries where the index does not cover the text. */
JSON_INLINE struct cursor cursor_of(sl_str text, const sl_json_index *index,
                                    struct source *source)
{
    struct cursor c = {.text = (const uint8_t *)text.ptr, .len = (uint32_t)text.len};

    if (!index_covers(index, text)) {
        c.source = source;
    } else if (index->n > 0) { /* else it may have no memory yet */
        c.left.at = index->at;
        c.left.end = index->at + index->n;
    }
    return c;
}

/*
 * The position of the next entry and the byte that stands there; at the end of the text `len`
 * and 0, which is no entry of a good index. All entries lie inside the text: the index was
 * made from one of this length.
 */
JSON_INLINE uint32_t cursor_next(struct cursor *c, uint8_t *byte)
{
    if (__builtin_expect(c->left.at == c->left.end, 0)) {
        if (c->source) c->left = source_refill(c->source);
        if (c->left.at == c->left.end) {
            *byte = 0;
            return c->len;
        }
    }
    uint32_t pos = *c->left.at++;
    *byte = c->text[pos];
    return pos;
}

/*
 * Past the escapes of a string, of which the first is at `e`.
 *
 * returns  the cursor behind the closing quote, whose position is *end; or *end is UINT32_MAX
 *          and *bad the position of an escape that is none, `len` if the string does not end
 */
struct cursor json_skip_escapes(struct cursor c, uint32_t e, uint32_t *end, uint32_t *bad);

/* After SL_E_UTF8, or a bad index: the byte, and the sentence. For the error, not for speed. */
uint32_t json_find_bad_utf8(const uint8_t *text, uint32_t from, uint32_t len);
uint32_t json_find_bad(const uint8_t *text, uint32_t from, uint32_t len, const char **sentence);

/* The end of the number or literal at `p`, NULL if it is none or something adheres to it. */
const uint8_t *json_scalar_end(const uint8_t *p, const uint8_t *end, sl_json_type *type);

/* The nearest double to a number; false if there is none that is finite. */
bool json_f64(sl_str raw, double *out);

/* Whether a raw string, escapes resolved, says `text`. */
bool json_raw_is(sl_str raw, bool escaped, sl_str text);

#endif
