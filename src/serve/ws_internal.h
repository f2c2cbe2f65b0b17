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
    bool is_partial : 1;  /* a message that comes in pieces is being received */
    bool is_carrier : 1;  /* of an Engine.IO session: that is who is looked at */
    bool is_paused : 1;   /* by who uses it */
    uint8_t agent;        /* of server->agents */
    uint32_t rtt;         /* see ws_note_ping; 0: not known */
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

/*
 * The round trip, in microseconds; between a ping and its pong it is the time of the ping
 * (31 bits of it: 35 minutes) under the highest bit.
 */
#define WS_RTT_PINGED 0x80000000u

static inline void ws_note_ping(sl_ws *ws)
{
    ws->rtt = (uint32_t)ws->stream->loop->now.us | WS_RTT_PINGED;
}

static inline void ws_note_pong(sl_ws *ws)
{
    uint32_t now = (uint32_t)ws->stream->loop->now.us;

    if (ws->rtt & WS_RTT_PINGED) ws->rtt = ((now - ws->rtt) & ~WS_RTT_PINGED) | 1;
}

/* The session of this stream; NULL: it is something else's. */
sl_ws *ws_of(const struct stream *s);

static inline bool ws_key_is_ours(uint32_t key)
{
    return key >= WS_KEY_CLOSE;
}

/* One message as a frame for this wire. */
struct packet *ws_packet(const sl_message *m) SL_MUST_USE;

#endif
