/* SPDX-License-Identifier: MIT */
/*
 * A look at the connections of a server while they run: who is connected, how, since when, and
 * what waits for them. Nothing is counted for this but what costs a byte or two per connection:
 * bytes and TCP's round trip are asked of the kernel, when somebody looks.
 *
 *   loop's streams, by age:   http_conn   feed   sl_ws ─► raw, or an Engine.IO session's
 *   behind them:              Engine.IO sessions that poll: they own no connection
 *
 * A connection is named by a number that is never given twice; numbers rise with age, so that a
 * walk can stop anywhere and go on behind the last one, whoever came and went meanwhile. A
 * session that upgrades from polling to WebSocket becomes another connection.
 *
 * thread   the loop's
 */
#ifndef SERVE_INSPECT_H
#define SERVE_INSPECT_H

#include "sluice/sio.h"
#include "sluice/ws.h"

#include "net/listener.h"

struct eio_session;
struct http_conn;

/* Whose connections; `sio` may be NULL. */
struct inspect {
    sl_server *server;
    sl_sio *sio;
};

/* One of them, for the call it is given to: at most one of http, feed, ws; `eio` besides. */
struct inspected {
    uint64_t id;
    struct stream *stream; /* NULL: it polls, and no request of it is here at the moment */
    struct http_conn *http;
    sl_feed *feed;
    sl_ws *ws;
    struct eio_session *eio;
};

/*
 * Those with an id above `after`, in order of ids.
 *
 * most     how many to look at, at most
 * fn       may close what it is given; false: enough
 * next     receives the id of the last one that was looked at; 0: there are no more
 * returns  0, SL_E_NOMEM
 */
typedef bool inspect_fn(const struct inspected *c, void *user);
int inspect_each(const struct inspect *in, uint64_t after, uint32_t most, inspect_fn *fn,
                 void *user, uint64_t *next) SL_MUST_USE;

/* The one with this id; false: it has gone, or is about to. */
bool inspect_find(const struct inspect *in, uint64_t id, struct inspected *out);

/* At once, as its protocol says goodbye; what is listed then has it no more. */
void inspect_end(const struct inspected *c, const char *reason);

#define INSPECT_UNKNOWN (-1)

struct inspect_facts {
    const char *transport; /* "http", "websocket", "polling", "sse", "mjpeg" */
    const char *protocol;  /* "http/1.1", "raw", "engine.io 4", or the subprotocol */
    sl_str path;           /* of its row, or of the request in hand; may be empty */
    sl_str agent;          /* what it calls itself; ptr NULL: it does not say */
    char peer[PEER_TEXT_SIZE];
    size_t queued;      /* bytes that wait here */
    uint64_t conflated; /* newest-only messages that gave way to newer ones */
    /* the rest may be INSPECT_UNKNOWN */
    int64_t age_us, silent_us;           /* since it came; since it was heard */
    int64_t rtt_us, tcp_rtt_us;          /* of a ping; as TCP estimates it */
    int64_t bytes_in, bytes_out, unsent; /* unsent: bytes that the kernel holds */
};

void inspect_look(const struct inspect *in, const struct inspected *c,
                  struct inspect_facts *out);

/* Besides, what takes a system call: TCP's round trip, and bytes. */
void inspect_ask_kernel(const struct inspected *c, struct inspect_facts *out);

/* Its Socket.IO sockets: before NULL is the first. NULL: no more. */
sl_sio_socket *inspect_next_socket(const struct inspected *c, const sl_sio_socket *before);
/* The rooms of one: *at NULL is the first. false: no more */
bool inspect_next_room(const sl_sio_socket *s, const void **at, sl_str *name);
uint32_t inspect_room_count(const sl_sio_socket *s);

/* ---- being told ---- */

/* All of these must be there. What they are given is valid for the call, and may not be closed
 * in it. */
struct observer {
    /* A WebSocket, a feed, or an Engine.IO session. Plain requests are not told of */
    void (*on_opened)(const struct inspected *c, void *user);
    /* reason: in words; may be empty. code: of the WebSocket, or 0 */
    void (*on_ended)(const struct inspected *c, int code, sl_str reason, void *user);
    /* room.ptr NULL: the namespace itself */
    void (*on_joined)(const sl_sio_socket *s, sl_str room, void *user);
    /* An event to n sockets. to NULL: it was a broadcast */
    void (*on_emitted)(const sl_sio_socket *to, sl_str event, size_t bytes, uint32_t n,
                       void *user);
    void *user;
};

/* NULL: nobody, which costs a look at a pointer. Borrowed until it is changed. */
void inspect_set_observer(const struct inspect *in, const struct observer *o);

/* Of a session that is open, of a socket; without an id: its client has gone. */
void inspect_of_ws(sl_ws *ws, struct inspected *out);
void inspect_of_socket(const sl_sio_socket *s, struct inspected *out);

#endif
