/* SPDX-License-Identifier: MIT */
#include "hub/access.h"

#include "sluice/log.h"

#include "base/str.h"

#include <arpa/inet.h>

/* The host alone; empty when brackets are not closed or something else stands behind them. */
static sl_str without_port(sl_str authority)
{
    size_t n;

    if (authority.len == 0 || authority.ptr[0] != '[') {
        return str_part(authority, 0, str_find_byte(authority, ':'));
    }
    n = str_find_byte(authority, ']');
    if (n == authority.len) return (sl_str){0};
    if (n + 1 < authority.len && authority.ptr[n + 1] != ':') return (sl_str){0};
    return str_part(authority, 1, n - 1);
}

bool access_is_loopback(sl_str authority)
{
    sl_str host = without_port(authority);
    bool is_v6 = authority.len > 0 && authority.ptr[0] == '[';
    struct in_addr v4;
    struct in6_addr v6;
    char text[64];

    if (!str_to_cstr(host, text, sizeof text)) return false;
    if (is_v6) return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    if (inet_pton(AF_INET, text, &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
    if (str_eq_nocase(host, SL_STR("localhost"))) return true;
    return host.len > 10
           && str_eq_nocase(str_part(host, host.len - 10, 10), SL_STR(".localhost"));
}

/* RFC 6454 §6.2; "null" and other schemes are of nowhere. */
static bool is_local_page(sl_str origin)
{
    static const sl_str scheme[] = {
        {"http://",  7},
        {"https://", 8}
    };

    for (size_t i = 0; i < sizeof scheme / sizeof scheme[0]; i++) {
        if (!str_starts(origin, scheme[i])) continue;
        return access_is_loopback(str_part(origin, scheme[i].len, origin.len));
    }
    return false;
}

/* Numbers above SL_RIGHT_OPEN belong to keys, and this hub knows none yet. */
bool access_is_allowed(sl_request *r, int right, void *user)
{
    const bool *is_open = user;
    sl_str origin = sl_request_header(r, "Origin");

    if (right != SL_RIGHT_OPEN) return false;
    if (*is_open) return true;
    if (!access_is_loopback(sl_request_header(r, "Host"))) {
        SL_WARN("access",
                "msg=\"refused: called by a name that is not this machine's\" peer=%s",
                sl_request_peer(r));
        sl_answer_error(r, 403,
                        "this hub answers to localhost only; to let others in, start it "
                        "with --access open");
        return false;
    }
    if (origin.ptr == NULL || is_local_page(origin)) return true;
    SL_WARN("access", "msg=\"refused: a page of another website\" peer=%s", sl_request_peer(r));
    sl_answer_error(r, 403,
                    "pages of other websites may not use this hub; to let them, start it "
                    "with --access open");
    return false;
}

sl_str access_allow_origin(sl_request *r, sl_str origin, void *user)
{
    const bool *is_open = user;

    (void)r;
    if (*is_open) return SL_STR("*");
    return is_local_page(origin) ? origin : SL_STR("");
}
