/* SPDX-License-Identifier: MIT */
/*
 * The inside of sl_request: one allocation that holds all the peer has said, so that it stays
 * whole until it is answered, whoever has gone meanwhile.
 *
 *   | sl_request | http1_head, n fields | bytes of the head | decoded path | query values |
 */
#ifndef SERVE_REQUEST_H
#define SERVE_REQUEST_H

#include "sluice/http.h"

#include "proto/http1.h"
#include "serve/lines.h"
#include "serve/router.h"
#include "serve/server.h"

struct http_conn;

struct sl_request {
    sl_server *server;
    struct http_conn *conn; /* NULL: nobody will read the answer; then `server` may be gone */
    struct http1_head *head;
    sl_str path, query; /* decoded; raw */
    char *query_values; /* room for query.len bytes: each value's place is its raw one */
    struct route_match match;
    struct lines lines; /* set by the handler */
    sl_buf *body;
    size_t body_max;
    uint64_t body_left; /* of a sized body */
    struct http1_chunks chunks;
    void (*on_gone)(sl_request *r, void *user); /* see request_watch */
    void *gone_user;
    bool whole;                /* the body is complete */
    bool handed;               /* it is the handler's now: freed by the answer */
    bool in_handler;           /* ... but not before the handler has returned */
    bool answered;             /* one of the sl_answer calls has been made */
    bool done;                 /* ... and has run its course */
    char peer[PEER_TEXT_SIZE]; /* "" until somebody asks */
};

/*
 * Copy what `h` points at. A head that is broken or cut gives a request with the fields it
 * has, to answer with; its path is empty.
 */
sl_request *request_new(sl_server *server, struct http_conn *conn,
                        const struct http1_head *h) SL_MUST_USE;
void request_free(sl_request *r); /* NULL is fine */

/*
 * Have `fn` called once if the request ends before its owner has answered it: the peer hangs up
 * (also its half of the connection alone), or the server refuses the body. A handed request is
 * still to be answered then, from inside or later. fn NULL: no longer.
 */
void request_watch(sl_request *r, void (*fn)(sl_request *r, void *user), void *user);
void request_tell_gone(sl_request *r);

/* As sl_request_is_gone, by a look at the connection: a hang-up that is not read yet counts. */
bool request_has_hung_up(const sl_request *r);

/* Decode the path. returns 0 or SL_E_INVAL with a sentence */
int request_read_path(sl_request *r, struct path *path, const char **why) SL_MUST_USE;

#endif
