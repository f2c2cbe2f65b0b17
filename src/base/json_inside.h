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

/*
 * The entries of the index, one after the other. Small and without an address of its own, so
 * that it lives in registers: one entry must not wait for the one before it.
 */
struct cursor {
    const uint8_t *text;
    uint32_t len;
    const uint32_t *at, *end; /* entries not yet taken */
    struct source *source;
};

/*
 * Start. With an index that covers the text it is used; else *scan is set, and memory must be
 * lent for the pieces before the first entry is taken.
 *
 * returns  0; SL_E_TOO_BIG for a text of 4 GiB; SL_E_JSON if the index is bad
 */
int cursor_init(struct cursor *c, struct source *s, sl_str text, const sl_json_index *index,
                bool *scan);
void source_lend(struct source *s, uint32_t *room, uint32_t cap); /* cap: at least 128 */

/* Scan on. returns the cursor with entries again, or without: the text ends, or source->rc */
struct cursor cursor_refill(struct cursor c);

/*
 * The position of the next entry and the byte that stands there; at the end of the text `len`
 * and 0, which is no entry of a good index. All entries lie inside the text: the index was
 * made from one of this length.
 */
JSON_INLINE uint32_t cursor_next(struct cursor *c, uint8_t *byte)
{
    if (__builtin_expect(c->at == c->end, 0)) {
        *c = cursor_refill(*c);
        if (c->at == c->end) {
            *byte = 0;
            return c->len;
        }
    }
    uint32_t pos = *c->at++;
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
uint32_t json_find_bad_utf8(const uint8_t *text, uint32_t len);
uint32_t json_find_bad(const uint8_t *text, uint32_t len, const char **sentence);

/* The end of the number or literal at `p`, NULL if it is none or something adheres to it. */
const uint8_t *json_scalar_end(const uint8_t *p, const uint8_t *end, sl_json_type *type);

/* The nearest double to a number; false if there is none that is finite. */
bool json_f64(sl_str raw, double *out);

/* Whether a raw string, escapes resolved, says `text`. */
bool json_raw_is(sl_str raw, bool escaped, sl_str text);

#endif
