/* SPDX-License-Identifier: MIT */
/* What the scalar and the vector scan share. For scan_*.c only. */
#ifndef BASE_SCAN_INSIDE_H
#define BASE_SCAN_INSIDE_H

#include "base/scan.h"

#include <string.h>

/* One bit per byte of a block; `control` is all below 0x20, white space included. */
struct bits {
    uint64_t quote, backslash, op, space, control;
};

/*
 * The scalar UTF-8 machine: `need` more bytes, of which the next lies in [lo, hi] (RFC 3629
 * §4: the bounds shut out overlong forms, surrogates and what is beyond U+10FFFF).
 */
struct utf8_state {
    uint8_t need, lo, hi;
};

/* false: `c` can not stand here */
static inline bool utf8_step(struct utf8_state *u, uint8_t c)
{
    if (u->need) {
        if (c < u->lo || c > u->hi) return false;
        *u = (struct utf8_state){u->need - 1, 0x80, 0xBF};
        return true;
    }
    if (c < 0x80) return true;
    if (c < 0xC2 || c > 0xF4) return false;
    u->need = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
    u->lo = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    u->hi = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    return true;
}

/* Where the machine stands behind these three bytes of valid text. */
struct utf8_state utf8_after(const uint8_t last[3]);

/* Make room for one more block's entries, or set `overflow`. false: there is none */
bool index_grow(sl_json_index *x);

static inline bool scan_must_store(const struct scan *s, const uint8_t *dst, const uint8_t *src)
{
    uint32_t mask;
    memcpy(&mask, s->mask, sizeof mask);
    return dst != NULL && (dst != src || mask != 0);
}

static inline bool scan_wants_json(const struct scan *s, size_t n)
{
    if (!(s->flags & SCAN_JSON) || s->index->overflow) return false;
    if (s->pos + n <= UINT32_MAX) return true;
    s->index->overflow = true;
    return false;
}

/* The mask as it applies `n` bytes further on. */
static inline void scan_turn_mask(struct scan *s, size_t n)
{
    uint8_t twice[8];

    memcpy(twice, s->mask, 4);
    memcpy(twice + 4, s->mask, 4);
    memcpy(s->mask, twice + (n & 3), 4);
}

/* `n` bytes are done, `out` is what they say: keep what the next feed must know. */
static inline int scan_advance(struct scan *s, const uint8_t *out, size_t n, bool utf8)
{
    s->pos += n;
    if (!utf8) return 0;
    if (n >= 3) {
        memcpy(s->last, out + n - 3, 3);
    } else {
        for (size_t i = 0; i < n; i++) {
            s->last[0] = s->last[1];
            s->last[1] = s->last[2];
            s->last[2] = out[i];
        }
    }
    /* A lead byte that can begin nothing: the vector check sees it with the byte behind it. */
    return s->last[2] >= 0xC0 && (s->last[2] < 0xC2 || s->last[2] > 0xF4) ? SL_E_UTF8 : 0;
}

#if defined(__x86_64__)
int scan_feed_avx512(struct scan *s, uint8_t *dst, const uint8_t *src, size_t n);
int scan_feed_avx2(struct scan *s, uint8_t *dst, const uint8_t *src, size_t n);
int scan_feed_sse2(struct scan *s, uint8_t *dst, const uint8_t *src, size_t n);
#elif defined(__aarch64__)
int scan_feed_neon(struct scan *s, uint8_t *dst, const uint8_t *src, size_t n);
#endif

#endif
