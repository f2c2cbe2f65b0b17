/* SPDX-License-Identifier: MIT */
#include "base/str.h"

bool str_eq_nocase(sl_str a, sl_str b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) {
        if (str_lower(a.ptr[i]) != str_lower(b.ptr[i])) return false;
    }
    return true;
}

static inline bool is_ows(char c)
{
    return c == ' ' || c == '\t';
}

sl_str str_trim_ows(sl_str s)
{
    while (s.len > 0 && is_ows(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_ows(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

size_t str_find_byte(sl_str s, char byte)
{
    const char *at = s.len > 0 ? memchr(s.ptr, byte, s.len) : NULL;

    return at != NULL ? (size_t)(at - s.ptr) : s.len;
}

bool str_split(sl_str *rest, char byte, sl_str *piece)
{
    size_t at;

    if (rest->ptr == NULL) return false;

    at = str_find_byte(*rest, byte);
    *piece = (sl_str){rest->ptr, at};
    if (at == rest->len) {
        *rest = (sl_str){NULL, 0};
    } else {
        *rest = (sl_str){rest->ptr + at + 1, rest->len - at - 1};
    }
    return true;
}

bool str_to_u64(sl_str s, uint64_t *out)
{
    uint64_t value = 0;

    if (s.len == 0) return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';

        if (digit > 9 || __builtin_mul_overflow(value, 10, &value)
            || __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

bool str_to_cstr(sl_str s, char *buf, size_t size)
{
    if (size == 0) return false;
    buf[0] = '\0';
    if (s.len >= size || str_find_byte(s, '\0') != s.len) return false;
    if (s.len > 0) memcpy(buf, s.ptr, s.len);
    buf[s.len] = '\0';
    return true;
}

/* RFC 3629 §4: by first byte, the length and what the second byte may be. */
static const struct {
    uint8_t first_min, first_max, len, second_min, second_max;
} shapes[] = {
    {0x00, 0x7f, 1, 0x00, 0x00},
    {0xc2, 0xdf, 2, 0x80, 0xbf},
    {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf},
    {0xed, 0xed, 3, 0x80, 0x9f}, /* no surrogates */
    {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf},
    {0xf1, 0xf3, 4, 0x80, 0xbf},
    {0xf4, 0xf4, 4, 0x80, 0x8f}, /* up to U+10FFFF */
};

size_t str_utf8_char(sl_str s)
{
    const uint8_t *b = (const uint8_t *)s.ptr;

    if (b == NULL || s.len == 0) return 0;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (b[0] < shapes[i].first_min || b[0] > shapes[i].first_max) continue;
        if (shapes[i].len == 1) return 1;
        if (s.len < shapes[i].len) return 0;
        if (b[1] < shapes[i].second_min || b[1] > shapes[i].second_max) return 0;
        for (size_t k = 2; k < shapes[i].len; k++) {
            if ((b[k] & 0xc0) != 0x80) return 0;
        }
        return shapes[i].len;
    }
    return 0;
}

sl_str str_cut_utf8(sl_str s, size_t max)
{
    size_t start;

    if (s.len <= max) return s;

    /* the last character begins at most three bytes before the cut */
    start = max;
    while (start > 0 && max - start < 3 && ((uint8_t)s.ptr[start] & 0xc0) == 0x80)
        start--;
    if (str_utf8_char(str_part(s, start, 4)) > max - start) max = start;
    return str_part(s, 0, max);
}
