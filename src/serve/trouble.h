/* SPDX-License-Identifier: MIT */
/* Telling the application of attempts that led nowhere. Nothing here is called on a good way.
 */
#ifndef SERVE_TROUBLE_H
#define SERVE_TROUBLE_H

#include "sluice/trouble.h"

#include "serve/http_inside.h"

/* All of it; without an on_trouble nothing happens. */
void trouble_tell(const sl_server *s, const sl_trouble *t);

/* A request whose head was read; it has not been answered yet. `why` may be NULL */
void trouble_request(const sl_request *r, sl_trouble_code code, const char *why);

/* A head that is broken: `n` bytes of it are there. */
void trouble_head(const struct http_conn *c, const struct http1_head *h, const uint8_t *bytes,
                  size_t n);

/* Too little of a head has come within its time. */
void trouble_slow_head(const struct http_conn *c);

/* The connection ends; look at what it leaves. */
void trouble_end(const struct http_conn *c, int why);

/* A session is about to be closed for what the peer sent. */
void trouble_ws(const sl_ws *ws, int close_code, const char *why);

/* For accept_limits; `user` is the server. */
void trouble_accept(enum accept_refusal refusal, const char *peer, void *user);
extern const char *const trouble_said[ACCEPT_REFUSALS];

#endif
