/* SPDX-License-Identifier: MIT */
/*
 * Small helpers over borrowed strings (sl_str). Nothing here allocates, and none of it
 * depends on the locale: letters are ASCII letters, digits are ASCII digits.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "sluice/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes [from, from + len) of `s`, cut to what is there. */
static inline sl_str str_part(sl_str s, size_t from, size_t len)
{
    if (s.ptr == NULL) return (sl_str){NULL, 0};
    if (from > s.len) from = s.len;
    if (len > s.len - from) len = s.len - from;
    return (sl_str){s.ptr + from, len};
}

static inline bool str_starts(sl_str s, sl_str prefix)
{
    return s.len >= prefix.len
           && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool str_ends(sl_str s, sl_str suffix)
{
    return s.len >= suffix.len
           && (suffix.len == 0
               || memcmp(s.ptr + (s.len - suffix.len), suffix.ptr, suffix.len) == 0);
}

static inline char str_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Equal but for the case of ASCII letters. */
bool str_eq_nocase(sl_str a, sl_str b);

/* Without the spaces and tabs at both ends. source: RFC 9110 §5.6.3 (OWS) */
sl_str str_trim_ows(sl_str s);

/* Where `byte` first is, or s.len. */
size_t str_find_byte(sl_str s, char byte);

/*
 * Take the piece before the first `byte` off `rest`, and the byte with it.
 *
 * returns  false when nothing is left (rest->ptr is NULL): "a,b" gives two pieces, "a,"
 *          gives "a" and "", "" gives one empty piece
 *
 *     for (sl_str rest = list, piece; str_split(&rest, ',', &piece);)
 */
bool str_split(sl_str *rest, char byte, sl_str *piece);

/* One or more decimal digits and nothing else. false: not that, or larger than 2^64 - 1. */
bool str_to_u64(sl_str s, uint64_t *out);

/* A terminated copy. false, with "" in buf, if it does not fit or holds a NUL byte. */
bool str_to_cstr(sl_str s, char *buf, size_t size);

/* Bytes of the valid UTF-8 character that `s` starts with, or 0. source: RFC 3629 §4 */
size_t str_utf8_char(sl_str s);

/* The longest start of `s` within `max` bytes that does not cut a UTF-8 character. */
sl_str str_cut_utf8(sl_str s, size_t max);

#endif
