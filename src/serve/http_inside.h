/* SPDX-License-Identifier: MIT */
/* The inside of http_conn, for the two files that make it: http_conn.c sends, waits and ends,
 * http_read.c reads. */
#ifndef SERVE_HTTP_INSIDE_H
#define SERVE_HTTP_INSIDE_H

#include "sluice/ws.h"

#include "proto/http1.h"
#include "serve/http_conn.h"
#include "serve/pace.h"

enum http_state { HEAD, BODY, BUSY, SENDING, ENDING, UPGRADED };

/* A head that came in pieces; exists only while it is not complete. */
struct partial {
    sl_buf *buf;
    struct http1_head head;
};

struct http_conn {
    struct stream *stream;
    sl_server *server;
    struct list node;        /* in server->connections */
    struct list ready;       /* in server->ready */
    struct partial *partial; /* HEAD */
    sl_request *request;     /* BODY, BUSY */
    sl_buf *rest;            /* bytes behind the request in progress */
    struct packet *stuck;    /* an answer that did not fit behind the one before */
    struct body_source *source;
    sl_ws *ws;           /* UPGRADED; NULL: to a feed */
    size_t last_waiting; /* SENDING: at the last deadline */
    struct pace pace;    /* BODY */
    uint8_t state;
    uint8_t agent; /* of server->agents; 0: it has not said */
    bool heard;    /* it has sent something */
    bool reading;  /* inside read_bytes */
    bool close;    /* SENDING: end afterwards */
};

void http_conn_free(struct http_conn *c);
struct http_conn *http_conn_of(const struct stream *s); /* NULL: it is something else's */

/*
 * Take what the peer has sent; requests that are complete go to their handlers. What lies
 * behind a request in progress is kept.
 *
 * returns  false when the connection has become a session's and `c` is no more
 */
bool http_read_bytes(struct http_conn *c, uint8_t *bytes, size_t n);

/* Keep bytes for later and stop reading. */
void http_read_keep(struct http_conn *c, const uint8_t *bytes, size_t n);

/* Whether the head of a request has begun to arrive. */
bool http_read_has_begun(const struct http_conn *c);

/* The deadline has come within a head or a body: 408, and the end. */
void http_read_give_up(struct http_conn *c);

void http_read_free_partial(struct http_conn *c);

#endif
