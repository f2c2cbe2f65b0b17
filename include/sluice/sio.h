/* SPDX-License-Identifier: MIT */
/*
 * A Socket.IO server on an sl_server: clients of 2.x, 3.x and 4.x on one path, by long-polling,
 * by WebSocket, and from one to the other.
 *
 *     static void on_hello(sl_sio_socket *s, const sl_sio_event *e, void *user)
 *     {
 *         sl_sio_emit_json(s, "welcome", SL_STR("{\"n\":1}"));
 *     }
 *
 *     static const sl_sio_on events[] = {{"hello", on_hello}};
 *     static const sl_sio_namespace root = {.name = "/", .events = events, .event_count = 1};
 *
 *     sl_sio_options o = {.namespaces = &root, .namespace_count = 1};
 *     sl_route routes[SL_SIO_ROUTES];
 *
 *     rc = sl_sio_new(loop, &o, &sio, &err);
 *     sl_sio_put_routes(sio, SL_RIGHT_OPEN, routes);     for sl_server_options.routes
 *
 * A socket is one client in one namespace. Everything runs on the loop's thread. A socket may
 * be used until its on_disconnect has returned, and not after; no call of these ends one
 * before it returns.
 *
 * source   Socket.IO protocol 5 and 4, Engine.IO protocol 4 and 3
 */
#ifndef SLUICE_SIO_H
#define SLUICE_SIO_H

#include "sluice/http.h"
#include "sluice/json.h"
#include "sluice/sio_packet.h"

typedef struct sl_sio sl_sio;
typedef struct sl_sio_socket sl_sio_socket;

/* ---- limits ---- */

#define SL_SIO_NAMESPACES_MAX 32   /* that one client is in; the next is refused */
#define SL_SIO_ROOMS_MAX      256  /* that one socket is in */
#define SL_SIO_ROOM_NAME_MAX  256  /* bytes */
#define SL_SIO_ACKS_MAX       1024 /* answers that one socket owes us */
#define SL_SIO_PAST_MAX       256  /* rooms it has left: for events that it may have missed */

/* ---- what comes in: sl_sio_event, sluice/sio_packet.h ---- */

typedef void sl_sio_event_fn(sl_sio_socket *s, const sl_sio_event *e, void *user);

typedef struct sl_sio_on {
    const char *event; /* NULL, in the last row: any other */
    sl_sio_event_fn *fn;
} sl_sio_on;

/* Why a client may not join: CONNECT_ERROR {"message":…,"data":…}. */
typedef struct sl_sio_refusal {
    char message[256]; /* "" says "Forbidden" */
    sl_json_out data;  /* one JSON value; empty: no such key. The server's to free */
} sl_sio_refusal;

/* What a client has missed and can not be sent any more; see sl_sio_options.recovery_ms. */
typedef struct sl_sio_gap {
    const char *reason; /* "unknown", "log", "offset" */
    uint64_t from, to;  /* offsets, which are times: µs since 1970. from 0: it is not known */
} sl_sio_gap;

typedef struct sl_sio_namespace {
    const char *name; /* "/", "/chat"; NULL: those that is_match lets in */
    bool (*is_match)(sl_str name, void *user);
    /*
     * Whether it may join. `auth`: what it sent, an object, or SL_JSON_NONE; of a 2.x client
     * the query behind the name, as an object of strings. It has no answer yet: nothing can be
     * emitted, but it may be given its data and its rooms. Whoever is let in gets an
     * on_disconnect; who is not, does not. NULL: everybody may. See sl_sio_hold
     */
    bool (*is_allowed)(sl_sio_socket *s, sl_value auth, sl_sio_refusal *why, void *user);
    /* It has its answer; what is emitted now comes behind that. May be NULL */
    void (*on_connect)(sl_sio_socket *s, sl_value auth, void *user);
    /*
     * The end, once, never from inside a call of these; it is still in its rooms. `reason` in
     * the words of the originals: "transport close", "transport error", "ping timeout", "parse
     * error", "client namespace disconnect", "server namespace disconnect", "server shutting
     * down"; and "connect timeout" of one that was held. May be NULL
     */
    void (*on_disconnect)(sl_sio_socket *s, const char *reason, void *user);
    const sl_sio_on *events;
    size_t event_count;
    /*
     * The data of sl_sio_set_user, unless NULL, when nobody will ask for it any more: behind
     * on_disconnect, or when a lost session is forgotten. NULL: the data is the program's, and
     * a recovered socket has none
     */
    void (*free_user)(void *data, void *user);
    /* Where history fills a gap: one JSON string onto `out`, or nothing. May be NULL */
    void (*put_gap_link)(sl_sio_socket *s, const sl_sio_gap *gap, sl_json_out *out, void *user);
    void *user;
} sl_sio_namespace;

/* ---- the server ---- */

typedef struct sl_sio_options {
    const char *path;                   /* NULL: "/socket.io/" */
    const sl_sio_namespace *namespaces; /* borrowed for the server's life */
    size_t namespace_count;
    uint32_t ping_interval_ms;   /* 0: 25,000 */
    uint32_t ping_timeout_ms;    /* 0: 20,000 */
    uint32_t connect_timeout_ms; /* to the first namespace; 0: 45,000. Not for 2.x clients */
    uint32_t upgrade_timeout_ms; /* 0: 10,000 */
    size_t payload_max;          /* bytes of one POST or message; 0: 1,000,000 */
    size_t queue_max;          /* bytes that wait for one client; 0: 4 MiB. Then it is closed */
    uint32_t poll_packets_max; /* packets in one poll; 0: any. Old Python clients refuse 17 */
    uint32_t poll_gather_ms;   /* from one answer to a poll to the next, where only broadcasts
                                * wait: they share it. What is emitted leaves at once. 0: 75 */
    bool no_eio3;              /* refuse clients of 2.x */
    bool no_upgrade, no_polling, no_websocket;
    /*
     * Connection state recovery: how long a session that was lost is kept; 0: off. See below.
     * What it may take: bytes of events (0: 4 MiB), sessions that are lost (0: 1024). The
     * oldest is forgotten first
     */
    uint32_t recovery_ms, recovery_sessions;
    size_t recovery_bytes;
    /*
     * Engine.IO alone, if set: `namespaces` is one row, "/", whose on_connect and on_disconnect
     * tell of sessions; here is what they send, as sl_ws_ops.on_message. See sl_sio_send_plain
     */
    void (*on_plain_message)(sl_sio_socket *s, const sl_message *m, void *user);
} sl_sio_options;

/* returns 0, SL_E_NOMEM, or SL_E_INVAL with `err` naming what is wrong */
SL_API int sl_sio_new(sl_loop *loop, const sl_sio_options *o, sl_sio **out,
                      sl_error *err) SL_MUST_USE;
/* The rows for sl_server_options.routes: fills in SL_SIO_ROUTES of them. */
#define SL_SIO_ROUTES 2
SL_API void sl_sio_put_routes(sl_sio *sio, int right, sl_route rows[SL_SIO_ROUTES]);
SL_API void sl_sio_free(sl_sio *sio); /* after the server; NULL is fine */

typedef struct sl_sio_stats {
    uint32_t sessions, polling, websocket, eio3, sockets;
    uint64_t opened, upgraded, refused, expired, parse_errors, closed_full;
    uint32_t lost; /* sessions that are kept for their return */
    uint64_t recovered, gaps;
    size_t recovery_bytes; /* of events that are kept for them */
    uint64_t broadcast;    /* messages in order to many, counted for each that was passed one */
    uint64_t newest;       /* newest-only ones, likewise, where none waited under their key */
    uint64_t conflated;    /* ... and where an older one gave way */
    uint64_t cut_off;      /* of closed_full: who had been sent one of these */
} sl_sio_stats;
SL_API void sl_sio_get_stats(const sl_sio *sio, sl_sio_stats *out);

/* ---- a socket ---- */

SL_API const char *sl_sio_id(const sl_sio_socket *s);
SL_API sl_str sl_sio_nsp(const sl_sio_socket *s);
SL_API const char *sl_sio_peer(const sl_sio_socket *s);
SL_API int sl_sio_revision(const sl_sio_socket *s); /* of Engine.IO: 4 or 3 */
SL_API bool sl_sio_is_polling(const sl_sio_socket *s);
SL_API void sl_sio_set_user(sl_sio_socket *s, void *data);
SL_API void *sl_sio_user(const sl_sio_socket *s);
/*
 * Inside is_allowed: whether it may join is decided later, by one of the two below; what
 * is_allowed returns does not count. Until then it is as it was inside is_allowed, and what the
 * client says to this namespace ends its connection, but for leaving again. If it ends before
 * it is decided it gets its on_disconnect: also after the connect timeout, when the client is
 * told "Timeout", or is closed if this was to be its first namespace.
 *
 * returns  0, SL_E_NOMEM, SL_E_INVAL (not inside is_allowed). Unless 0 the answer counts
 */
SL_API int sl_sio_hold(sl_sio_socket *s) SL_MUST_USE;
/*
 * Decide for one that is held, from anywhere, inside is_allowed too. Letting it in calls
 * on_connect, without what it sent to authenticate: that is gone. One that is refused is gone
 * when the call returns (inside is_allowed: when that does), without an on_disconnect.
 *
 * data     JSON, or nothing
 * returns  0, SL_E_INVAL (it is not held), SL_E_CLOSED: it has ended, its on_disconnect comes
 */
SL_API int sl_sio_let_in(sl_sio_socket *s);
SL_API int sl_sio_refuse(sl_sio_socket *s, const char *message, sl_str data);
/*
 * Leave this namespace; it may be joined again. `hard`: every namespace, and the connection is
 * closed behind that. What was emitted before leaves first. Twice is fine.
 */
SL_API void sl_sio_disconnect(sl_sio_socket *s, bool hard);
/*
 * Do not hear its client for a while, so that it sends no faster than what it sends can be
 * taken: all its namespaces, on any transport, across an upgrade too. What has been received
 * already still comes, up to one POST: that gets its answer at the end of the pause. What is
 * emitted leaves as ever; no heartbeat is missed meanwhile, and it has a whole ping_timeout_ms
 * for one from then on.
 *
 * Keep it short: the end of a client is not noticed either, and Python's wait 5 s for the
 * answer to a POST. One that is forgotten ends by itself, no sooner than after ping_timeout_ms,
 * no later than two of them behind ping_interval_ms. Twice is once; fine with one that has
 * ended, in on_disconnect too. No event comes from inside these.
 */
SL_API void sl_sio_pause(sl_sio_socket *s);
SL_API void sl_sio_resume(sl_sio_socket *s);

/* ---- recovery ---- */

/*
 * With recovery_ms a client of 4.x whose connection ends by accident may come back to the
 * socket it had: the same id, rooms and data, and every event it has missed, once and in order,
 * behind its CONNECT and in front of what comes next. That works from the first moment, for any
 * number of ends, and before the server has noticed one: then the old connection ends first. By
 * accident: "transport close", "transport error", "ping timeout", "forced close"; not after a
 * disconnect from either side, nor after a restart.
 *
 * The program sees an end and a beginning, as with the originals: on_disconnect at the loss,
 * then is_allowed and on_connect of a new sl_sio_socket that is recovered. Rooms are those of
 * the loss: leaving one in on_disconnect is too late. Data: see free_user.
 *
 * Events in order without an ack are kept: sl_sio_emit, _emit_json, _emit_others, _broadcast.
 * They end with one more argument, a string: the offset, which clients of 4.x remember by
 * themselves. Volatile and newest ones and acks have none and are not sent again. If such an
 * event ends with a string, a client of 4.x takes that for an offset: end it otherwise.
 *
 * Who can not be recovered becomes a new socket and is told so, in front of its on_connect, by
 * one event `gap` {"reason":…,"from":…,"to":…,"link":…}: "unknown" (kept no longer, or from
 * before a restart), "log" (what it has missed is kept no longer), "offset" (what it says it
 * has is none of ours). from and to are offsets, microseconds since 1970 as strings; from may
 * be null. link is what put_gap_link says; else there is no such key.
 */
SL_API bool sl_sio_is_recovered(const sl_sio_socket *s);

/* ---- what goes out: sl_sio_packet, sluice/sio_packet.h ---- */

/*
 * In order, acks included.
 *
 * returns  0, SL_E_FULL (its queue is at the bound: it is closed), SL_E_CLOSED, SL_E_NOMEM,
 *          SL_E_INVAL (it has not been let in yet), or what stuck in the packet
 */
SL_API int sl_sio_emit(sl_sio_socket *s, sl_sio_packet *p);
/* args: ready JSON, as `1,"x"`; may be empty */
SL_API int sl_sio_emit_json(sl_sio_socket *s, const char *event, sl_str args);
/* Only if it can leave right now; else it is dropped, which is no error. */
SL_API int sl_sio_emit_volatile(sl_sio_socket *s, sl_sio_packet *p);
/* The newest under its key, its attachments with it; as sl_ws_send_newest. Keys are of the
 * client, all its namespaces together; 0 is none. */
SL_API int sl_sio_emit_newest(sl_sio_socket *s, uint32_t key, sl_sio_packet *p);

/*
 * `fn` gets the answer; or NULL after timeout_ms (0: never) or when the socket has gone, then
 * in front of its on_disconnect.
 *
 * returns  as sl_sio_emit, and SL_E_LIMIT beyond SL_SIO_ACKS_MAX; unless 0, `fn` is not called
 */
SL_API int sl_sio_emit_ack(sl_sio_socket *s, sl_sio_packet *p, uint32_t timeout_ms,
                           sl_sio_event_fn *fn, void *user);

/*
 * Answer an event: args as in sl_sio_emit_json, or of a packet (its name is not sent). An event
 * that wants none is fine. Later: keep s and e->ack_id, and use sl_sio_ack_id.
 */
SL_API int sl_sio_ack(sl_sio_socket *s, const sl_sio_event *e, sl_str args);
SL_API int sl_sio_ack_packet(sl_sio_socket *s, const sl_sio_event *e, sl_sio_packet *p);
SL_API int sl_sio_ack_id(sl_sio_socket *s, uint64_t ack_id, sl_sio_packet *p);

/* A message as it is, if the server speaks Engine.IO alone; else SL_E_INVAL. */
SL_API int sl_sio_send_plain(sl_sio_socket *s, const sl_message *m);

/* ---- rooms: by name, of one namespace ---- */

/* returns 0 (twice is once), SL_E_NOMEM, SL_E_CLOSED, SL_E_TOO_BIG: its name or their number */
SL_API int sl_sio_join(sl_sio_socket *s, sl_str room);
SL_API void sl_sio_leave(sl_sio_socket *s, sl_str room);
SL_API bool sl_sio_is_in(const sl_sio_socket *s, sl_str room);
/* Sockets in a room, or in the namespace if room.ptr is NULL. nsp.ptr NULL: "/" */
SL_API uint32_t sl_sio_count(const sl_sio *sio, sl_str nsp, sl_str room);

/* To whom: all of the namespace, or who is in one of `to`; not who is in one of `except`. */
typedef struct sl_sio_target {
    sl_str nsp; /* ptr NULL: "/" */
    const sl_str *to, *except;
    size_t to_count, except_count;
    const sl_sio_socket *but; /* NULL: nobody */
    bool is_volatile;
} sl_sio_target;

/*
 * Everybody gets it once. Whose queue is at its bound is closed; others are not held up.
 *
 * returns  0 (nobody is there: as well), SL_E_NOMEM, or what stuck in the packet
 */
SL_API int sl_sio_broadcast(sl_sio *sio, const sl_sio_target *t, sl_sio_packet *p);
SL_API int sl_sio_broadcast_newest(sl_sio *sio, const sl_sio_target *t, uint32_t key,
                                   sl_sio_packet *p);
/* The server that a socket is of, and all others in its namespace. */
SL_API sl_sio *sl_sio_server(const sl_sio_socket *s);
SL_API int sl_sio_emit_others(sl_sio_socket *s, sl_sio_packet *p);

#endif
