/* SPDX-License-Identifier: MIT */
/* The inside of sl_server: what its listeners, connections, sessions and rooms share. */
#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#include "sluice/http.h"

#include "net/listener.h"
#include "net/loop.h"
#include "net/worker.h"

struct router;
struct rooms;

struct sl_server {
    sl_loop *loop;
    sl_server_options options; /* with every default filled in */
    struct router *router;
    struct rooms *rooms;
    struct worker_pool *files; /* reads static files; made on first use */
    struct accept_limits limits;
    struct list listeners;
    struct list connections; /* http_conn, between head and answer or idle */
    struct list sessions;    /* sl_ws */
    struct stop_hook stop;
};

#endif
