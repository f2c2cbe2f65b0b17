/* SPDX-License-Identifier: MIT */
/* Strings with their escapes resolved (RFC 8259 §7). */
#include "base/json_inside.h"

#include <string.h>

#define LONE_SURROGATE UINT32_MAX

static uint32_t hex4(const char *p)
{
    uint32_t v = 0;

    for (int i = 0; i < 4; i++) {
        uint32_t c = (uint8_t)p[i];
        v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

/*
 * The character of the escape at raw.ptr[*i], which is moved behind it. The grammar has been
 * checked by the reader; a pair of surrogates is one character.
 */
static uint32_t take_escape(sl_str raw, size_t *i)
{
    static const char plain[128] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    const char *p = raw.ptr + *i;
    size_t left = raw.len - *i;

    if (left < 2 || (p[1] == 'u' && left < 6)) { /* no string of ours: it was not read */
        *i = raw.len;
        return LONE_SURROGATE;
    }
    if (p[1] != 'u') {
        *i += 2;
        return (uint32_t)plain[p[1] & 0x7F];
    }
    uint32_t c = hex4(p + 2);
    *i += 6;
    if (c < 0xD800 || c > 0xDFFF) return c;
    if (c > 0xDBFF || left < 12 || p[6] != '\\' || p[7] != 'u') return LONE_SURROGATE;
    uint32_t low = hex4(p + 8);
    if (low < 0xDC00 || low > 0xDFFF) return LONE_SURROGATE;
    *i += 6;
    return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
}

static unsigned put_utf8(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* The plain bytes from `i` up to the next backslash. */
static size_t plain_run(sl_str raw, size_t i)
{
    const char *hit = i < raw.len ? memchr(raw.ptr + i, '\\', raw.len - i) : NULL;
    return (hit ? (size_t)(hit - raw.ptr) : raw.len) - i;
}

int64_t sl_json_unescape(sl_str raw, char *into)
{
    size_t n = 0;

    for (size_t i = 0; i < raw.len;) {
        size_t run = plain_run(raw, i);
        if (run > 0) memmove(into + n, raw.ptr + i, run);
        n += run;
        i += run;
        if (i == raw.len) break;
        uint32_t c = take_escape(raw, &i);
        if (c == LONE_SURROGATE) return SL_E_UTF8;
        n += put_utf8(into + n, c);
    }
    return (int64_t)n;
}

bool json_raw_is(sl_str raw, bool escaped, sl_str text)
{
    size_t n = 0;

    if (!escaped) return sl_str_eq(raw, text);
    if (text.len > raw.len) return false; /* resolving never grows */
    for (size_t i = 0; i < raw.len;) {
        char piece[4];
        const char *from = raw.ptr + i;
        size_t run = plain_run(raw, i);

        i += run;
        if (run == 0) {
            uint32_t c = take_escape(raw, &i);
            if (c == LONE_SURROGATE) return false;
            run = put_utf8(piece, c);
            from = piece;
        }
        if (run > text.len - n || memcmp(text.ptr + n, from, run) != 0) return false;
        n += run;
    }
    return n == text.len;
}
