/* SPDX-License-Identifier: MIT */
#include "proto/dial_url.h"

#include "base/str.h"
#include "proto/url.h"

#include <stdio.h>

static const struct scheme {
    const char *prefix, *port;
    bool is_ws, is_tls;
} schemes[] = {
    {"http://",  "80",  false, false},
    {"https://", "443", false, true },
    {"ws://",    "80",  true,  false},
    {"wss://",   "443", true,  true },
};

/* The scheme, which is taken off `rest`; without one it is http. NULL: one that is not ours */
static const struct scheme *take_scheme(sl_str *rest)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i].prefix);

        if (!str_eq_nocase(str_part(*rest, 0, n), sl_str_of(schemes[i].prefix))) continue;
        *rest = str_part(*rest, n, rest->len);
        return &schemes[i];
    }
    for (size_t i = 0; i + 2 < rest->len; i++) {
        if (memcmp(rest->ptr + i, "://", 3) == 0) return NULL;
    }
    return &schemes[0];
}

static bool is_clean(sl_str path)
{
    for (size_t i = 0; i < path.len; i++) {
        if ((unsigned char)path.ptr[i] <= ' ' || path.ptr[i] == 0x7f) return false;
    }
    return true;
}

const char *dial_url_parse(const char *text, struct dial_url *out)
{
    sl_str rest = sl_str_of(text), where, path;
    const struct scheme *scheme = take_scheme(&rest);
    struct url_authority a;
    const char *open, *close;
    size_t n = 0;

    *out = (struct dial_url){0};
    if (scheme == NULL) return "it begins with neither http:// nor ws://";
    while (n < rest.len && rest.ptr[n] != '/' && rest.ptr[n] != '?')
        n++;
    where = str_part(rest, 0, n);
    path = str_part(rest, n, rest.len);
    if (url_authority_parse(where, &a) < 0) return "what stands for HOST:PORT is none";
    if (a.has_port && a.port == 0) return "port 0 is none";
    if (!is_clean(path)) return "there are spaces or control characters in its path";
    if (path.len > 0 && path.ptr[0] == '?') return "there is no path before the '?'";
    if (!str_to_cstr(a.host, out->host, sizeof out->host)
        || !str_to_cstr(path, out->path, sizeof out->path))
        return "it is too long";
    out->is_ws = scheme->is_ws;
    out->is_tls = scheme->is_tls;
    if (a.has_port)
        snprintf(out->port, sizeof out->port, "%u", a.port);
    else
        snprintf(out->port, sizeof out->port, "%s", scheme->port);
    open = a.kind == URL_IPV6 ? "[" : "";
    close = a.kind == URL_IPV6 ? "]" : "";
    if (strcmp(out->port, scheme->port) == 0)
        snprintf(out->at, sizeof out->at, "%s%s%s", open, out->host, close);
    else
        snprintf(out->at, sizeof out->at, "%s%s%s:%s", open, out->host, close, out->port);
    return NULL;
}

bool dial_url_is_loopback(const struct dial_url *u)
{
    struct url_authority a;

    return url_authority_parse(sl_str_of(u->at), &a) == 0 && url_is_loopback(&a);
}
