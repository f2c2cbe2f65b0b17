/* SPDX-License-Identifier: MIT */
/*
 * An Engine.IO session: one client, whatever transport carries it at the moment.
 *
 *             GET without sid             101 with sid          "5"
 *   polling ─────────────────► POLLING ───────────────► PROBING ────► WEBSOCKET
 *   websocket, no sid ─────────────────────────────────────────────►    │
 *                                 │ abort, expiry, "1", parse error     ▼
 *                                 └──────────────────────────────────► CLOSED
 *
 * What is sent waits in one queue of messages that know no wire; it is encoded for the
 * transport that takes it, once for all who share that wire. Between probe and upgrade nothing
 * leaves by WebSocket; after "5" all that waits does, in order.
 *
 * thread   the loop's
 * source   Engine.IO protocol 4 and 3
 */
#ifndef SERVE_EIO_SESSION_H
#define SERVE_EIO_SESSION_H

#include "sluice/http.h"
#include "sluice/json.h"

struct eio_server;
struct eio_session;

#define EIO_SID_SIZE 25 /* 144 random bits, terminated */

/* A message for any wire; shared by reference among all that receive it. */
struct eio_message;

/* `m` is borrowed; its buffers are held. A packet with attachments: its parts, one behind the
 * other, never parted. returns one reference, or NULL */
struct eio_message *eio_message_new(const sl_message *part, uint32_t n) SL_MUST_USE;
struct eio_message *eio_message_hold(struct eio_message *m);
void eio_message_drop(struct eio_message *m); /* NULL is fine */

struct eio_events {
    /* The handshake is answered by now or with the first poll. `request`: for the call */
    void (*on_open)(struct eio_session *s, const sl_request *request, void *user);
    /* One message; its slice is valid during the call. `index`: as in sl_ws_ops, may be NULL */
    void (*on_message)(struct eio_session *s, const sl_message *m, const sl_json_index *index,
                       void *user);
    /* Once, at the end of the turn, in the words of the originals: "transport close", "ping
     * timeout", "parse error", "transport error", "forced close", "server shutting down"; or
     * what eio_cut was given. It is gone when this returns; until then it takes every call. */
    void (*on_close)(struct eio_session *s, const char *reason, void *user);
    /* Called when what waited has left, or a poll is there to take something. May be NULL */
    void (*on_drain)(struct eio_session *s, void *user);
};

struct eio_options {
    const struct eio_events *events;
    void *user;
    uint32_t ping_interval_ms, ping_timeout_ms,
        upgrade_timeout_ms;        /* 0: 25,000 20,000 10,000 */
    size_t payload_max, queue_max; /* 0: 1,000,000; 4 MiB */
    bool eio3, no_upgrade, no_polling, no_websocket;
    bool greets_eio3; /* "40" follows the open packet of an EIO3 session at once */
    /* Between two answers to polls where only announcements wait: who falls behind a quick
     * sender gets several at once, for little more than one costs. 0: 75 */
    uint32_t poll_gather_ms;
    uint32_t poll_packets_max; /* in one poll; 0: no limit. Old Python clients refuse 17 */
};

int eio_server_new(sl_loop *loop, const struct eio_options *o,
                   struct eio_server **out) SL_MUST_USE;
void eio_server_free(struct eio_server *e); /* after the sl_server; NULL is fine */
/* Rows for this path (at most 127 characters, copied), with and without its last slash: user
 * and callbacks filled in, body_max is payload_max. They live as long as `e`; once for each. */
#define EIO_ROUTES 2
void eio_put_routes(struct eio_server *e, const char *path, int right,
                    sl_route rows[EIO_ROUTES]);

/*
 * Send, in order. key 0: in order; else the newest under that key (a waiting one is replaced as
 * a whole). A session whose queue is at its bound is closed.
 *
 * returns  0, SL_E_FULL, SL_E_CLOSED, SL_E_NOMEM
 */
int eio_send(struct eio_session *s, struct eio_message *m, uint32_t key);
/*
 * The same in order, for what goes to many, one after the other: those on WebSockets are
 * written to at the end of the turn from slices that all of them share, as members of a room
 * are; it may be held for one cork budget, so that others share the write. Who has no room for
 * it is closed then. Answers and acks go by eio_send. For one that polls it may wait, see
 * poll_gather_ms; what is sent takes it along.
 */
int eio_announce(struct eio_session *s, struct eio_message *m);
bool eio_is_writable(const struct eio_session *s);       /* it would leave right now */
void eio_close(struct eio_session *s);                   /* what waits leaves first */
void eio_cut(struct eio_session *s, const char *reason); /* at once: it misbehaves */
/*
 * Its client is not heard for a while: the WebSocket is not read from, a POST that has been
 * handled gets its answer at the end of that. What has been received already still comes. What
 * is sent to it leaves as ever, pings too; but it need not answer them, and has a whole
 * ping_timeout_ms from the end on. A pause that is forgotten ends by itself, no sooner than
 * after ping_timeout_ms, no later than two of them behind ping_interval_ms.
 *
 * Twice is once; both are fine with one that has ended. calls nothing
 */
void eio_pause(struct eio_session *s);
void eio_resume(struct eio_session *s);

const char *eio_sid(const struct eio_session *s);
int eio_revision(const struct eio_session *s);
bool eio_is_polling(const struct eio_session *s);
const char *eio_peer(const struct eio_session *s);
void eio_set_user(struct eio_session *s, void *user);
void *eio_user(const struct eio_session *s);

struct eio_stats {
    uint32_t sessions, polling, websocket, eio3;
    uint64_t opened, upgraded, refused, expired, parse_errors, closed_full;
    uint64_t newest, conflated; /* by eio_send with a key: none waited there; one gave way */
    uint64_t cut_off;           /* of closed_full: who had been sent what goes to many */
};
void eio_get_stats(const struct eio_server *e, struct eio_stats *out);

#endif
