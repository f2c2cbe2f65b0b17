/* SPDX-License-Identifier: MIT */
/* The inside of sl_ws, for the two files that need it: ws_session.c and rooms.c. */
#ifndef SERVE_WS_INTERNAL_H
#define SERVE_WS_INTERNAL_H

#include "base/packet.h"
#include "net/stream.h"
#include "proto/ws.h"
#include "serve/pace.h"
#include "serve/server.h"
#include "serve/ws_session.h"

struct ws_wait;

struct sl_ws {
    struct stream *stream;
    sl_server *server;
    const sl_ws_ops *ops;
    void *route_user, *data;
    const char *protocol; /* among ops->protocols */
    const char *path;     /* of its route */
    struct list all;      /* among the server's sessions */
    struct list rooms;    /* struct membership */
    uint64_t batch_id;    /* which batch of the rooms it has taken from early, */
    uint32_t batch_taken; /* and how many of its packets */
    uint16_t close_code;  /* what was sent */
    uint8_t deflate_bits; /* window of what leaves compressed; 0: not agreed on */
    bool close_sent, over, pinged;
    bool is_partial;      /* a message that comes in pieces is being received */
    bool is_paused;       /* by who uses it */
    struct ws_wait *wait; /* its parser waits for its quota: see ws_deflate.c */
    uint64_t heard_ms;    /* when bytes last came */
    struct pace pace;     /* of that message */
    struct ws_options options;
    struct ws_parser parser;
};

/*
 * Keys of our own among the newest-only ones; an application's lie below. The close frame has
 * one because slots leave last: nothing that waits may come behind it, RFC 6455 §5.5.1.
 */
#define WS_KEY_CLOSE (UINT32_MAX - 1)
#define WS_KEY_PONG  UINT32_MAX /* only the newest pong is worth sending, §5.5.3 */

static inline bool ws_key_is_ours(uint32_t key)
{
    return key >= WS_KEY_CLOSE;
}

/* One message as a frame for this wire. */
struct packet *ws_packet(const sl_message *m) SL_MUST_USE;

#endif
