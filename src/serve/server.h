/* SPDX-License-Identifier: MIT */
/* The inside of sl_server: what its listeners, connections, sessions and rooms share. */
#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#include "sluice/http.h"

#include "net/listener.h"
#include "net/loop.h"
#include "net/worker.h"
#include "proto/http1.h"
#include "proto/ws.h"
#include "serve/http_date.h"
#include "serve/lines.h"

struct agents;
struct deflate;
struct observer;
struct router;
struct rooms;

struct sl_server {
    sl_loop *loop;
    sl_server_options options; /* with every default filled in */
    struct router *router;
    struct rooms *rooms;
    struct deflate *deflate; /* while sessions have agreed on compression */
    uint32_t deflate_users;
    struct ws_quota quota;           /* what their messages may inflate to within a turn, */
    struct list inflating;           /* struct ws_wait of those who wait for it, */
    struct timer slice;              /* and when there is some again */
    struct worker_pool *files;       /* reads static files; made on first use */
    struct agents *agents;           /* likewise: what clients call themselves */
    const struct observer *observer; /* NULL: nobody looks on, see inspect.h */
    struct accept_limits limits;
    uint64_t slow_bodies, slow_readers,
        slow_messages; /* ended: below the least rate, or silent */
    struct list listeners;
    struct list connections; /* http_conn, between head and answer or idle */
    struct list sessions;    /* sl_ws */
    struct list feeds;       /* sl_feed */
    struct list ready;       /* http_conn that have bytes to read on with, at the turn's end */
    struct stop_hook stop;
    struct turn_hook turn;
    struct timer ready_timer; /* for what becomes ready after the turn's hooks have run */
    struct lines text;        /* where answers are put together, one at a time */
    struct http1_head head;   /* of requests whose head arrives in one piece */
    int64_t date_s;           /* the second that `date` says */
    char date[HTTP_DATE_SIZE];
};

/* The Date header's value; written anew once per second. */
sl_str sl__server_date(sl_server *s);

/* A connection has bytes to read on with, but not from inside this call. */
void sl__server_add_ready(sl_server *s, struct list *ready);

/* Whether the server finishes what it has begun and takes nothing new. */
bool sl__server_is_stopping(const sl_server *s);

/* Speak HTTP on a stream, as listeners do with what they accept. */
void sl__server_take_stream(sl_server *s, struct stream *stream);

#endif
