/* SPDX-License-Identifier: MIT */
#include "proto/url.h"

#include "base/str.h"
#include "proto/chars.h"

void url_split(sl_str target, sl_str *path, sl_str *query)
{
    size_t mark = str_find_byte(target, '?');

    *path = mark == 0 ? SL_STR("/") : (sl_str){target.ptr, mark};
    *query = (sl_str){NULL, 0};
    if (mark < target.len) *query = (sl_str){target.ptr + mark + 1, target.len - mark - 1};
}

/* The byte that "%41" at `at` stands for, or -1. */
static int escaped(sl_str s, size_t at)
{
    if (s.len - at < 3 || !chars_is(s.ptr[at + 1], CH_HEX)
        || !chars_is(s.ptr[at + 2], CH_HEX)) {
        return -1;
    }
    return (int)(chars_hex(s.ptr[at + 1]) << 4 | chars_hex(s.ptr[at + 2]));
}

/* ---- paths ---- */

static int refuse(const char **why, const char *text)
{
    if (why != NULL) *why = text;
    return SL_E_INVAL;
}

static bool is_dots(sl_str segment)
{
    return sl_str_eq(segment, SL_STR(".")) || sl_str_eq(segment, SL_STR(".."));
}

int url_path_decode(sl_str path, char *into, sl_str *out, const char **why)
{
    size_t n = 0, segment = 1;

    *out = (sl_str){NULL, 0};
    if (path.len == 0 || path.ptr[0] != '/') return refuse(why, "a path must begin with '/'");
    for (size_t i = 0; i < path.len; i++) {
        int c = (uint8_t)path.ptr[i];
        bool raw_slash = c == '/';

        if (c == '%') {
            c = escaped(path, i);
            if (c < 0) {
                return refuse(why, "a '%' in the path without two hex digits: write %25");
            }
            if (c == '/') return refuse(why, "an encoded slash (%2F) in the path");
            i += 2;
        }
        if (c < 0x20 || c == 0x7f) return refuse(why, "a control byte in the path");
        if (c == '\\') return refuse(why, "a backslash in the path, as it is or as %5C");
        if (raw_slash) {
            if (n > 0 && is_dots((sl_str){into + segment, n - segment})) break;
            segment = n + 1;
        }
        into[n++] = (char)c;
    }
    if (is_dots((sl_str){into + segment, n - segment})) {
        return refuse(why, "the path holds '.' or '..': write the path it leads to");
    }
    *out = (sl_str){into, n};
    return 0;
}

bool url_is_file_path(sl_str relative)
{
    sl_str rest = relative, segment;

    if (relative.len == 0) return false;
    while (str_split(&rest, '/', &segment)) {
        if (segment.len == 0 || segment.ptr[0] == '.') return false;
        for (size_t i = 0; i < segment.len; i++) {
            if (!chars_is(segment.ptr[i], CH_VALUE) || segment.ptr[i] == '\t') return false;
            if (segment.ptr[i] == '\\') return false;
        }
    }
    return true;
}

/* ---- queries ---- */

/* What lies behind the first `n` bytes and the separator that follows them, if any. */
static sl_str behind(sl_str s, size_t n)
{
    size_t skip = n < s.len ? n + 1 : n;

    return (sl_str){s.ptr + skip, s.len - skip};
}

bool url_query_next(sl_str *rest, sl_str *name, sl_str *value)
{
    sl_str pair = {NULL, 0};

    while (pair.len == 0) {
        if (rest->len == 0) return false;
        pair = (sl_str){rest->ptr, str_find_byte(*rest, '&')};
        *rest = behind(*rest, pair.len);
    }
    *name = (sl_str){pair.ptr, str_find_byte(pair, '=')};
    *value = behind(pair, name->len);
    return true;
}

int64_t url_query_decode(sl_str raw, char *into)
{
    size_t n = 0;

    for (size_t i = 0; i < raw.len; i++) {
        int c = raw.ptr[i] == '+' ? ' ' : (uint8_t)raw.ptr[i];

        if (c == '%' && escaped(raw, i) >= 0) {
            c = escaped(raw, i);
            i += 2;
        }
        if (c == 0) return SL_E_INVAL;
        into[n++] = (char)c;
    }
    return (int64_t)n;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || (c != '\0' && strchr("-._~", c) != NULL);
}

size_t url_query_encode(sl_str raw, char *into)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;

    for (size_t i = 0; i < raw.len; i++) {
        uint8_t c = (uint8_t)raw.ptr[i];

        if (is_unreserved((char)c)) {
            into[n++] = (char)c;
            continue;
        }
        into[n++] = '%';
        into[n++] = hex[c >> 4];
        into[n++] = hex[c & 15];
    }
    return n;
}

int64_t url_query_find(sl_str query, sl_str name, char *into)
{
    sl_str rest = query, raw_name, raw_value;

    while (url_query_next(&rest, &raw_name, &raw_value)) {
        int64_t n = url_query_decode(raw_name, into);

        if (n < 0 || !sl_str_eq((sl_str){into, (size_t)n}, name)) continue;
        return url_query_decode(raw_value, into);
    }
    return SL_E_NOT_FOUND;
}
