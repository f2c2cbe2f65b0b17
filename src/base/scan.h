/* SPDX-License-Identifier: MIT */
/*
 * One pass over arriving bytes: take the WebSocket mask off, check UTF-8, note where JSON
 * structure is. Incremental: pieces of any size, cut anywhere.
 *
 * SSE2, AVX2 or AVX-512 (chosen at run time), or NEON behind one call; the scalar twin
 * is tested equal on random cuts. Reads and writes exactly the bytes it is given.
 *
 * source   RFC 6455 §5.3 (masking), §8.1 (UTF-8); RFC 3629; RFC 8259 §2
 */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include "sluice/err.h"
#include "sluice/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SCAN_UTF8 = 1 << 0, /* check that the bytes are UTF-8 */
    SCAN_JSON = 1 << 1, /* fill the index as well; implies SCAN_UTF8 */
};

/*
 * Positions of the bytes that shape a JSON text, relative to the first byte of the message:
 * the structural characters { } [ ] : , outside strings, both quotes of every string, each
 * backslash that begins an escape, and the first byte of every other scalar. What lies
 * between two entries is white space, the rest of a scalar or the plain inside of a string:
 * a string without escapes is two neighbouring entries, however long it is.
 *
 * Anything that cannot be JSON at this level sets `bad`, and the entries mean nothing then: a
 * control byte other than white space, any control byte inside a string, a backslash outside
 * of one, a string without end.
 *
 * Bounded: past `max` entries, without memory, or past 4 GiB of text `overflow` is set, the
 * entries mean nothing either, and the reader scans the text for itself.
 */
struct sl_json_index {
    uint32_t *at;
    uint32_t n, cap, max;
    uint64_t len; /* bytes of the text it covers; set by scan_end */
    bool bad, overflow;
    bool complete; /* scan_end has been called: the index covers the whole text */
};

struct scan {
    sl_json_index *index; /* borrowed; NULL without SCAN_JSON */
    uint64_t pos;         /* bytes scanned so far */
    uint8_t mask[4];      /* as it applies to the next byte */
    uint8_t flags;
    /* private to scan_*.c: what lies across the cut; scalar and vector code share it */
    uint8_t last[3]; /* the three bytes before this one: a character may be unfinished */
    bool in_string;  /* this byte is inside a string */
    bool escaped;    /* the byte before it is the backslash of an escape */
    bool scalar;     /* the byte before it belongs to a number or a literal */
};

void index_init(sl_json_index *x, uint32_t max); /* max 0: 65,536 entries */
void index_deinit(sl_json_index *x);
void index_reset(sl_json_index *x); /* keeps its memory */

/* mask NULL: the bytes are not masked. */
void scan_init(struct scan *s, unsigned flags, const uint8_t mask[4], sl_json_index *index);

/* A further frame of the same message: only the mask changes. */
void scan_set_mask(struct scan *s, const uint8_t mask[4]);

/*
 * Take `n` bytes from `src` to `dst`, unmasked and looked at.
 *
 * dst      same as src, no overlap, or NULL to only look (then there must be no mask)
 * returns  0, or SL_E_UTF8 as soon as the bytes so far can not begin valid UTF-8 (fail fast,
 *          RFC 6455 §8.1); afterwards the scan is not to be fed again
 */
int scan_feed(struct scan *s, uint8_t *dst, const uint8_t *src, size_t n) SL_MUST_USE;

/* The text ends here. returns 0, or SL_E_UTF8 if it ends inside a character. */
int scan_end(struct scan *s) SL_MUST_USE;

/* The scalar twin, and what was chosen ("avx512", "avx2", "sse2", "neon", "scalar"): for tests
 * and bench.
 */
int scan_feed_scalar(struct scan *s, uint8_t *dst, const uint8_t *src, size_t n) SL_MUST_USE;
const char *scan_name(void);

#endif
