/* SPDX-License-Identifier: MIT */
/*
 * The headers that let a page of another origin read an answer (Fetch, CORS protocol). They go
 * on every answer, errors and 101 included: without them a browser hides the real error.
 */
#ifndef SERVE_CORS_H
#define SERVE_CORS_H

#include "serve/lines.h"
#include "serve/request.h"

/* Access-Control-Allow-Origin and what belongs to it. `r` may be NULL: there is no request. */
void cors_put(struct lines *l, const sl_server *server, sl_request *r);

/* Whether an OPTIONS request asks on behalf of another one. */
bool cors_is_preflight(const sl_request *r);

/* What a preflight asks for, besides the above. */
void cors_put_preflight(struct lines *l, const sl_request *r, unsigned methods);

#endif
