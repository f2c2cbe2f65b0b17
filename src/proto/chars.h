/* SPDX-License-Identifier: MIT */
/* What a byte may be in HTTP and in a URL: one lookup, independent of any locale. */
#ifndef PROTO_CHARS_H
#define PROTO_CHARS_H

#include "sluice/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CH_TOKEN = 1 << 0,  /* tchar, RFC 9110 §5.6.2 */
    CH_TARGET = 1 << 1, /* visible ASCII but '#': no fragment is ever sent, RFC 9112 §3.2.1 */
    CH_VALUE = 1 << 2,  /* field-content, HTAB and obs-text included, RFC 9110 §5.5 */
    CH_HOST = 1 << 3,   /* unreserved and sub-delims, RFC 3986 §3.2.2 */
    CH_SCHEME = 1 << 4, /* RFC 3986 §3.1 */
    CH_HEX = 1 << 5,
    CH_DIGIT = 1 << 6,
    CH_ALPHA = 1 << 7,
};

extern const uint8_t chars_class[256];

static inline bool chars_is(char c, unsigned what)
{
    return (chars_class[(uint8_t)c] & what) != 0;
}

/* The value of a hex digit; anything for other bytes. */
static inline unsigned chars_hex(char c)
{
    return ((uint8_t)c & 0xf) + (chars_is(c, CH_ALPHA) ? 9 : 0);
}

/* How many bytes at the beginning of `s` are of this class. */
static inline size_t chars_span(sl_str s, unsigned what)
{
    size_t i = 0;

    while (i < s.len && chars_is(s.ptr[i], what))
        i++;
    return i;
}

#endif
