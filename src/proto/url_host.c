/* SPDX-License-Identifier: MIT */
/* Hosts and origins: RFC 3986 §3.2, RFC 6454 §7. */
#include "base/str.h"
#include "proto/chars.h"
#include "proto/url.h"

#include <arpa/inet.h>

/* reg-name = *( unreserved / pct-encoded / sub-delims ), §3.2.2; not empty here */
static bool is_name(sl_str s)
{
    size_t i = 0;

    while (i < s.len) {
        if (chars_is(s.ptr[i], CH_HOST)) {
            i++;
        } else if (s.ptr[i] == '%' && s.len - i >= 3 && chars_is(s.ptr[i + 1], CH_HEX)
                   && chars_is(s.ptr[i + 2], CH_HEX)) {
            i += 3;
        } else {
            return false;
        }
    }
    return s.len > 0;
}

static bool read_ip(int family, sl_str s, uint8_t ip[16])
{
    char text[INET6_ADDRSTRLEN];

    return str_to_cstr(s, text, sizeof text) && inet_pton(family, text, ip) == 1;
}

static int read_port(sl_str s, struct url_authority *out)
{
    uint64_t port;

    if (s.len == 0) return 0;
    if (!str_to_u64(s, &port) || port > UINT16_MAX) return SL_E_INVAL;
    out->has_port = true;
    out->port = (uint16_t)port;
    return 0;
}

/* "[" IPv6 "]"; IPvFuture has no user yet and is refused. */
static int read_bracketed(sl_str text, struct url_authority *out, size_t *end)
{
    size_t close = str_find_byte(text, ']');

    if (close == text.len) return SL_E_INVAL;
    out->host = str_part(text, 1, close - 1);
    out->kind = URL_IPV6;
    *end = close + 1;
    return read_ip(AF_INET6, out->host, out->ip) ? 0 : SL_E_INVAL;
}

static int read_host(sl_str text, struct url_authority *out, size_t *end)
{
    *end = str_find_byte(text, ':');
    out->host = str_part(text, 0, *end);
    if (!is_name(out->host)) return SL_E_INVAL;
    out->kind = read_ip(AF_INET, out->host, out->ip) ? URL_IPV4 : URL_NAME;
    return 0;
}

int url_authority_parse(sl_str text, struct url_authority *out)
{
    size_t end = 0;
    int rc;

    *out = (struct url_authority){.kind = URL_NAME};
    if (text.len == 0) return SL_E_INVAL;
    rc = text.ptr[0] == '[' ? read_bracketed(text, out, &end) : read_host(text, out, &end);
    if (rc < 0 || end == text.len) return rc;
    if (text.ptr[end] != ':') return SL_E_INVAL;
    return read_port(str_part(text, end + 1, text.len), out);
}

static const struct {
    sl_str scheme;
    uint16_t port;
} ports[] = {
    {{"http", 4},  80 },
    {{"https", 5}, 443},
    {{"ws", 2},    80 },
    {{"wss", 3},   443},
};

static void default_port(struct url_origin *o)
{
    for (size_t i = 0; i < sizeof ports / sizeof *ports && !o->at.has_port; i++) {
        if (!str_eq_nocase(o->scheme, ports[i].scheme)) continue;
        o->at.port = ports[i].port;
        o->at.has_port = true;
    }
}

int url_origin_parse(sl_str text, struct url_origin *out)
{
    size_t n = chars_span(text, CH_SCHEME);
    int rc;

    *out = (struct url_origin){.opaque = sl_str_eq(text, SL_STR("null"))};
    if (out->opaque) return 0;
    out->scheme = str_part(text, 0, n);
    if (n == 0 || !chars_is(text.ptr[0], CH_ALPHA)) return SL_E_INVAL;
    if (!str_starts(str_part(text, n, text.len), SL_STR("://"))) return SL_E_INVAL;
    rc = url_authority_parse(str_part(text, n + 3, text.len), &out->at);
    if (rc == 0) default_port(out);
    return rc;
}

bool url_is_same_host(const struct url_authority *a, const struct url_authority *b)
{
    if (a->kind != b->kind) return false;
    if (a->kind == URL_NAME) return str_eq_nocase(a->host, b->host);
    return memcmp(a->ip, b->ip, a->kind == URL_IPV4 ? 4 : 16) == 0;
}

bool url_is_loopback(const struct url_authority *a)
{
    static const uint8_t six[16] = {[15] = 1};
    static const sl_str local = {".localhost", 10};

    if (a->kind == URL_IPV4) return a->ip[0] == 127;
    if (a->kind == URL_IPV6) return memcmp(a->ip, six, sizeof six) == 0;
    if (str_eq_nocase(a->host, SL_STR("localhost"))) return true;
    return a->host.len > local.len
           && str_eq_nocase(str_part(a->host, a->host.len - local.len, local.len), local);
}
