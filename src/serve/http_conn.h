/* SPDX-License-Identifier: MIT */
/*
 * One connection while it speaks HTTP. Small; buffers only while something is partial.
 *
 *           first byte       head complete        body complete         answered
 *   HEAD ─────────────► HEAD ─────────────► BODY ───────────────► BUSY ──────────┐
 *   idle deadline       head deadline       body deadline         none           │
 *     ▲                                                                          │
 *     └───────── (SENDING: a large answer leaves, write deadline) ◄──────────────┘
 *
 * One request is in progress at a time. What arrives behind it is kept in `rest` and reading
 * pauses until it is answered, so pipelined answers are in order.
 */
#ifndef SERVE_HTTP_CONN_H
#define SERVE_HTTP_CONN_H

#include "net/stream.h"
#include "serve/server.h"

struct http_conn;

#define HTTP_WRITE_MS 20000 /* a reader that takes too little in so long is gone */

/* Told when all that was sent has left: time for the next piece. Ends with the request. */
struct body_source {
    void (*on_room)(struct body_source *b);
    void (*on_gone)(struct body_source *b); /* the connection is no more */
};

/* Speak HTTP on this stream. Without memory the stream is closed. */
void http_conn_open(sl_server *server, struct stream *stream);

/* Read on with the bytes that were kept. `ready` is the node that the server's list links. */
void http_conn_read_on(struct list *ready);

/* Orderly stop: an idle connection closes, others finish what they have begun. `node`: of
 * server->connections */
void http_conn_stop(struct list *node);

/* ---- for answers ---- */

/* Send a packet of the request in progress. returns 0, SL_E_CLOSED or SL_E_NOMEM */
int http_conn_send(struct http_conn *c, struct packet *p) SL_MUST_USE;
void http_conn_set_source(struct http_conn *c, struct body_source *b); /* NULL: none any more */
void http_conn_end_request(struct http_conn *c, bool close);
void http_conn_cut(struct http_conn *c, int why);

/*
 * The rest of the connection's life belongs to the answer: the stream is the caller's, to be
 * given events of its own in this turn; `c` is no more, and with it what came behind the
 * request.
 */
struct stream *http_conn_take_stream(struct http_conn *c) SL_MUST_USE;

/* ---- for dispatch ---- */

/* The request in progress is complete, hand over: freed by its answer from now on. */
void http_conn_upgrade(struct http_conn *c, const struct sl_ws_ops *ops, void *user);

bool http_conn_is_closing(const struct http_conn *c);
struct stream *http_conn_stream(const struct http_conn *c);

#endif
