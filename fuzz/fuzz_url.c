/* SPDX-License-Identifier: MIT */
/*
 * Targets, queries, hosts and origins. Decoding in place and apart must agree; a decoded path
 * has the segments of the raw one; what was read as a host stands in the input.
 */
#include "base/assert.h"
#include "proto/url.h"

#include <stdlib.h>

static size_t count(sl_str s, char c)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++)
        n += s.ptr[i] == c;
    return n;
}

static bool has_dots(sl_str path)
{
    for (size_t i = 0, from = 1; i <= path.len; i++) {
        if (i < path.len && path.ptr[i] != '/') continue;
        if (i - from == 1 && path.ptr[from] == '.') return true;
        if (i - from == 2 && path.ptr[from] == '.' && path.ptr[from + 1] == '.') return true;
        from = i + 1;
    }
    return false;
}

static void check_path(sl_str path, char *a, char *b)
{
    const char *why = NULL;
    sl_str apart, in_place;
    int rc = url_path_decode(path, a, &apart, &why);

    memcpy(b, path.ptr, path.len);
    SL_ASSERT(url_path_decode((sl_str){b, path.len}, b, &in_place, NULL) == rc);
    SL_ASSERT((rc == 0) == (why == NULL));
    if (rc < 0) return;
    SL_ASSERT(sl_str_eq(apart, in_place) && apart.len <= path.len);
    SL_ASSERT(count(apart, '/') == count(path, '/') && !has_dots(apart));
    for (size_t i = 0; i < apart.len; i++) {
        SL_ASSERT((uint8_t)apart.ptr[i] >= 0x20 && apart.ptr[i] != 0x7f
                  && apart.ptr[i] != '\\');
    }
    /* what may be opened has no way up */
    SL_ASSERT(!url_is_file_path((sl_str){a + 1, apart.len - 1}) || apart.ptr[1] != '.');
}

static void check_query(sl_str query, char *a, char *b)
{
    sl_str rest = query, name, value;
    size_t pairs = 0;

    while (url_query_next(&rest, &name, &value)) {
        int64_t n = url_query_decode(name, a), first;

        SL_ASSERT(name.ptr >= query.ptr && value.ptr + value.len <= query.ptr + query.len);
        SL_ASSERT(n <= (int64_t)name.len);
        if (n >= 0) {
            first = url_query_find(query, (sl_str){a, (size_t)n}, b);
            SL_ASSERT(first != SL_E_NOT_FOUND && first <= (int64_t)query.len);
        }
        if (++pairs == 16) break; /* finding is quadratic here, and only here */
    }
}

static void check_host(sl_str text)
{
    struct url_authority at;
    struct url_origin origin;

    if (url_authority_parse(text, &at) == 0) {
        SL_ASSERT(at.host.len > 0);
        SL_ASSERT(at.host.ptr >= text.ptr && at.host.ptr + at.host.len <= text.ptr + text.len);
        SL_ASSERT(count(text, '@') + count(text, '/') + count(text, '\0') == 0);
        SL_ASSERT(url_is_same_host(&at, &at));
        (void)url_is_loopback(&at);
    }
    if (url_origin_parse(text, &origin) == 0 && !origin.opaque) {
        SL_ASSERT(origin.scheme.len > 0 && origin.at.host.len > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sl_str text = {(const char *)data, n}, path, query;
    char *a = malloc(n + 1), *b = malloc(n + 1);

    if (a == NULL || b == NULL) abort();
    url_split(text, &path, &query);
    SL_ASSERT(path.len > 0);
    check_path(path, a, b);
    if (query.ptr != NULL) check_query(query, a, b);
    check_host(text);
    free(a);
    free(b);
    return 0;
}
