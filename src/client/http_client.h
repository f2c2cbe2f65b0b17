/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 requests to one server, one at a time, on a connection that is kept as long as the
 * server keeps it. A GET that finds a kept connection dead is asked again, once, on a new one;
 * a POST may have been heard and is not.
 *
 * thread   the loop's
 */
#ifndef CLIENT_HTTP_CLIENT_H
#define CLIENT_HTTP_CLIENT_H

#include "client/dial.h"
#include "proto/http1_reply.h"

struct http_client;

struct http_client_events {
    /* The answer is in h->reply, for the call; it may be asked again from here, or deinited. */
    void (*on_reply)(struct http_client *h, void *user);
    /* There will be no answer: as dial_fn and reply_feed; SL_E_CLOSED: the peer hung up */
    void (*on_fail)(struct http_client *h, int rc, void *user);
    void (*on_alive)(struct http_client *h, void *user); /* bytes came */
};

struct http_client {
    /* set before the first request, borrowed */
    sl_loop *loop;
    const struct dialer *dialer;
    const struct dial_url *to;
    const char *headers; /* of each request, each with "\r\n" */
    const struct http_client_events *on;
    void *user;
    uint32_t timeout_ms; /* to connect */

    /* private, but for `reply` and `busy` */
    struct reply *reply;
    struct stream *stream;
    void *call;
    struct packet *request; /* under way: for a second try */
    bool busy;
    bool is_get;
    bool kept;  /* the connection has answered before */
    bool heard; /* bytes of the answer have come */
};

/* Once, when the fields above are set. body_max: of an answer. returns 0 or SL_E_NOMEM */
int http_client_init(struct http_client *h, size_t body_max) SL_MUST_USE;

/*
 * Ask. Not while `busy`.
 *
 * type     of the body; NULL: it is a GET and has none
 * body     borrowed for the call; it is held
 * calls    nothing at once
 * returns  0 or SL_E_NOMEM; then nothing is called
 */
int http_client_ask(struct http_client *h, sl_str target, const char *type,
                    sl_buf *body) SL_MUST_USE;

/* It is over, whatever is under way: nothing is called any more. A zeroed one is fine. */
void http_client_deinit(struct http_client *h);

#endif
