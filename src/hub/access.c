/* SPDX-License-Identifier: MIT */
#include "hub/access.h"

#include "sluice/log.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <stdio.h>

#define SHOWN 80 /* bytes of a name that fit into a sentence */

const struct access access_loopback = {0};

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

static bool is_bracketed(sl_str authority)
{
    return authority.len > 0 && authority.ptr[0] == '[';
}

bool access_is_loopback(sl_str authority)
{
    sl_str host = without_port(authority);
    struct in_addr v4;
    struct in6_addr v6;
    char text[64];

    if (!str_to_cstr(host, text, sizeof text)) return false;
    if (is_bracketed(authority)) {
        return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    }
    if (inet_pton(AF_INET, text, &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
    if (str_eq_nocase(host, SL_STR("localhost"))) return true;
    return host.len > 10
           && str_eq_nocase(str_part(host, host.len - 10, 10), SL_STR(".localhost"));
}

static bool is_ip_address(sl_str authority)
{
    struct in6_addr a;
    char text[64];

    if (!str_to_cstr(without_port(authority), text, sizeof text)) return false;
    return inet_pton(is_bracketed(authority) ? AF_INET6 : AF_INET, text, &a) == 1;
}

/* ---- origins ---- */

/* What stands behind "http://" or "https://"; ptr NULL: "null", and schemes of elsewhere. */
static sl_str authority_of(sl_str origin)
{
    static const sl_str scheme[] = {
        {"http://",  7},
        {"https://", 8}
    };

    for (size_t i = 0; i < sizeof scheme / sizeof scheme[0]; i++) {
        if (str_starts(origin, scheme[i])) return str_part(origin, scheme[i].len, origin.len);
    }
    return (sl_str){0};
}

static bool is_port(sl_str s)
{
    uint64_t v;

    return s.len <= 5 && str_to_u64(s, &v) && v > 0 && v <= 65535;
}

static bool is_name(sl_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = str_lower(s.ptr[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.'
            && c != '_') {
            return false;
        }
    }
    return s.len > 0;
}

static bool is_host(sl_str authority)
{
    return is_bracketed(authority) ? is_ip_address(authority)
                                   : is_name(without_port(authority));
}

static bool put_lower(sl_str s, char *out, size_t size)
{
    if (!str_to_cstr(s, out, size)) return false;
    for (; *out != '\0'; out++)
        *out = str_lower(*out);
    return true;
}

bool access_normal_origin(sl_str text, char *out, size_t size)
{
    sl_str whole, authority, usual_port, port;
    size_t host_len;

    if (!put_lower(text, out, size)) return false;
    whole = sl_str_of(out);
    authority = authority_of(whole);
    if (!is_host(authority)) return false;
    host_len = without_port(authority).len + (is_bracketed(authority) ? 2 : 0);
    if (host_len == authority.len) return true;
    port = str_part(authority, host_len + 1, authority.len);
    if (!is_port(port)) return false;
    usual_port = out[4] == 's' ? SL_STR("443") : SL_STR("80");
    if (sl_str_eq(port, usual_port))
        out[whole.len - port.len - 1] = '\0'; /* browsers omit it */
    return true;
}

bool access_normal_host(sl_str text, char *out, size_t size)
{
    sl_str s;

    if (!put_lower(text, out, size)) return false;
    s = sl_str_of(out);
    if (is_bracketed(s)) return is_ip_address(s) && out[s.len - 1] == ']';
    return is_name(s);
}

/* ---- the two rules ---- */

/* `host` without its port, but with its brackets: as the list has it. */
static bool is_in_list(sl_str host, const char *const *item, size_t n)
{
    sl_str alone = without_port(host);

    if (is_bracketed(host)) alone = str_part(host, 0, alone.len + 2);
    if (alone.len == 0) return false;
    for (size_t i = 0; i < n; i++) {
        if (str_eq_nocase(alone, sl_str_of(item[i]))) return true;
    }
    return false;
}

static bool is_own_name(const struct access *a, sl_str host)
{
    sl_str alone = without_port(host), local = SL_STR(".local");

    if (a->own_name[0] == '\0' || is_bracketed(host)) return false;
    if (alone.len > local.len
        && str_eq_nocase(str_part(alone, alone.len - local.len, local.len), local)) {
        alone = str_part(alone, 0, alone.len - local.len);
    }
    return str_eq_nocase(alone, sl_str_of(a->own_name));
}

bool access_takes_host(const struct access *a, sl_str host)
{
    if (a->any_origin || access_is_loopback(host)) return true;
    if (is_in_list(host, a->host, a->host_count)) return true;
    return a->is_open && (is_ip_address(host) || is_own_name(a, host));
}

bool access_takes_origin(const struct access *a, sl_str host, sl_str origin)
{
    sl_str authority = authority_of(origin);
    char normal_host[ACCESS_NAME_SIZE + 16], normal[ACCESS_NAME_SIZE + 16];

    if (a->any_origin) return true;
    if (authority.len == 0) return false;
    if (access_is_loopback(authority)) return true;
    for (size_t i = 0; i < a->origin_count; i++) {
        if (sl_str_eq(origin, sl_str_of(a->origin[i]))) return true;
    }
    if (!access_takes_host(a, host)) return false;
    /* our own page; behind a proxy that speaks TLS for us its scheme is not ours */
    snprintf(normal_host, sizeof normal_host, "%.*s%.*s", (int)(origin.len - authority.len),
             origin.ptr, (int)(host.len < ACCESS_NAME_SIZE ? host.len : 0), host.ptr);
    return access_normal_origin(sl_str_of(normal_host), normal, sizeof normal)
           && sl_str_eq(origin, sl_str_of(normal));
}

/* ---- hooks ---- */

static int shown(sl_str s)
{
    return s.len < SHOWN ? (int)s.len : SHOWN;
}

/* Numbers above SL_RIGHT_OPEN belong to keys, and this hub knows none yet. */
bool access_is_allowed(sl_request *r, int right, void *user)
{
    const struct access *a = user;
    sl_str origin = sl_request_header(r, "Origin"), host = sl_request_header(r, "Host");

    if (right != SL_RIGHT_OPEN) return false;
    if (!access_takes_host(a, host)) {
        SL_WARN("access",
                "msg=\"refused: called by a name that is not ours\" peer=%s host=%.*s",
                sl_request_peer(r), shown(host), host.ptr);
        sl_answer_error(r, 403,
                        "this hub is not known by the name in the Host header; to let it be "
                        "called so, add the name to `hosts` (--hosts, SLUICE_HOSTS)");
        return false;
    }
    if (origin.ptr == NULL || access_takes_origin(a, host, origin)) return true;
    SL_WARN("access", "msg=\"refused: a page of another website\" peer=%s origin=%.*s",
            sl_request_peer(r), shown(origin), origin.ptr);
    sl_answer_error(r, 403,
                    "pages of other websites may not use this hub; to let this one, add it to "
                    "`origins` (--origins, SLUICE_ORIGINS)");
    return false;
}

sl_str access_allow_origin(sl_request *r, sl_str origin, void *user)
{
    const struct access *a = user;

    if (a->any_origin) return SL_STR("*");
    return access_takes_origin(a, sl_request_header(r, "Host"), origin) ? origin : SL_STR("");
}
