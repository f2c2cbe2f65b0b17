/* SPDX-License-Identifier: MIT */
#include "serve/cors.h"

#define MAX_AGE "600" /* seconds a browser may remember a preflight's answer */

void cors_put(struct lines *l, const sl_server *server, sl_request *r)
{
    const sl_server_options *o = &server->options;
    sl_str origin, allowed;

    if (o->allow_origin == NULL) {
        lines_add(l, SL_STR("Access-Control-Allow-Origin: *\r\n"));
        return;
    }
    /* a cache must not give one origin's answer to another, nor to who sent none */
    lines_add(l, SL_STR("Vary: Origin\r\n"));
    if (r == NULL) return;
    origin = sl_request_header(r, "Origin");
    if (origin.ptr == NULL) return;
    allowed = o->allow_origin(r, origin, o->user);
    if (allowed.len == 0 || !http1_is_value(allowed)) return;
    lines_put(l, "Access-Control-Allow-Origin", allowed);
    if (!sl_str_eq(allowed, SL_STR("*")))
        lines_add(l, SL_STR("Access-Control-Allow-Credentials: true\r\n"));
}

bool cors_is_preflight(const sl_request *r)
{
    return sl_request_header(r, "Origin").ptr != NULL
           && sl_request_header(r, "Access-Control-Request-Method").ptr != NULL;
}

void cors_put_preflight(struct lines *l, const sl_request *r, unsigned methods)
{
    sl_str headers = sl_request_header(r, "Access-Control-Request-Headers");
    char text[METHODS_TEXT_SIZE];

    lines_put(l, "Access-Control-Allow-Methods", sl_str_of(methods_text(methods, text)));
    if (headers.len > 0) {
        lines_put(l, "Access-Control-Allow-Headers", headers);
        lines_add(l, SL_STR("Vary: Access-Control-Request-Headers\r\n"));
    }
    lines_add(l, SL_STR("Access-Control-Max-Age: " MAX_AGE "\r\n"));
}
