/* SPDX-License-Identifier: MIT */
#include "hub/base_url.h"

#include "base/str.h"

#include <stdio.h>

#define HOST_MAX 255

/* RFC 3986 §3.2.2 and §3.2.3, without what nobody's name has: nothing here can end a URL. */
static bool is_plain(sl_str host)
{
    static const char marks[] = ".-_:[]";

    for (size_t i = 0; i < host.len; i++) {
        char ch = host.ptr[i];
        bool is_letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');

        if (!is_letter && !(ch >= '0' && ch <= '9')
            && memchr(marks, ch, sizeof marks - 1) == NULL)
            return false;
    }
    return host.len > 0 && host.len <= HOST_MAX;
}

/* Several proxies each add theirs; the first is the one that the client spoke to. */
static bool is_https(const sl_request *r)
{
    sl_str all = sl_request_header(r, "X-Forwarded-Proto"), first;

    return str_split(&all, ',', &first) && str_eq_nocase(str_trim_ows(first), SL_STR("https"));
}

sl_str base_url_of(const sl_request *r, char room[BASE_URL_SIZE])
{
    sl_str host = sl_request_header(r, "Host");
    int n;

    if (!is_plain(host)) return (sl_str){"", 0};
    n = snprintf(room, BASE_URL_SIZE, "%s://%.*s", is_https(r) ? "https" : "http",
                 (int)host.len, host.ptr);
    return (sl_str){room, (size_t)n};
}
