/* SPDX-License-Identifier: MIT */
/* What the files of json share: the way along the index, and the grammar of single values. */
#ifndef BASE_JSON_INSIDE_H
#define BASE_JSON_INSIDE_H

#include "sluice/json.h"

#include "base/scan.h"

#define JSON_DEPTH_DEFAULT 64

/*
 * The entries of the index, one after the other, whether they came with the message or are
 * found on the way: then the text is scanned a piece at a time into memory that is lent, so
 * that a hostile text (one entry per byte) costs no more than a friendly one.
 */
struct cursor {
    const uint8_t *text;
    uint32_t len;
    uint32_t done;            /* bytes scanned */
    const uint32_t *at, *end; /* entries not yet taken */
    int rc;                   /* why there are no more, if not because the text ended */
    bool scanning, ended;
    struct scan scan;
    sl_json_index piece;
};

/*
 * Start. With an index that covers the text it is used, else `scanning` is set and the caller
 * lends memory for the pieces before the first entry is taken.
 *
 * returns  0; SL_E_TOO_BIG for a text of 4 GiB; SL_E_JSON if the index is bad
 */
int cursor_init(struct cursor *c, sl_str text, const sl_json_index *index);
void cursor_lend(struct cursor *c, uint32_t *room, uint32_t cap); /* cap: at least 128 */

/* Scan on until there is an entry. false: the text ends, or c->rc */
bool cursor_refill(struct cursor *c);

/* The position of the next entry; `len` at the end of the text. */
static inline uint32_t cursor_next(struct cursor *c)
{
    if (c->at == c->end && !cursor_refill(c)) return c->len;
    return *c->at++;
}

/* The byte there; 0, which is never an entry of a good index, at the end. */
static inline uint8_t cursor_byte(const struct cursor *c, uint32_t pos)
{
    return pos < c->len ? c->text[pos] : 0;
}

/*
 * Past the escapes of a string whose opening quote has just been taken.
 *
 * e        the entry behind the opening quote: a backslash
 * returns  the position of the closing quote; UINT32_MAX with *at at an escape that is none
 */
uint32_t json_skip_escapes(struct cursor *c, uint32_t e, uint32_t *at);

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
