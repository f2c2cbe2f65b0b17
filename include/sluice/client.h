/* SPDX-License-Identifier: MIT */
/*
 * A Socket.IO client on an sl_loop: servers of 2.x, 3.x and 4.x, by long-polling, by WebSocket,
 * and from one to the other; it comes back by itself when the connection is lost.
 *
 * sl_client is one connection, sl_client_socket is one namespace of it; both are there from
 * sl_client_open to on_gone, whether connected or not. Everything runs on the loop's thread,
 * and no callback is made from inside a call of these. A callback may call anything here.
 *
 * source   Socket.IO protocol 5 and 4, Engine.IO protocol 4 and 3
 */
// clang-format off
/*
 *     static void on_command(sl_client_socket *s, const sl_sio_event *e, void *user)
 *     {
 *         sl_client_ack(s, e, SL_STR("\"done\""));
 *     }
 *
 *     static const sl_client_on events[] = {{"command", on_command}};
 *     static const sl_client_namespace root = {.name = "/", .events = events, .event_count = 1};
 *
 *     sl_client_options o = {.url = "ws://hub:5000", .namespaces = &root, .namespace_count = 1};
 *
 *     rc = sl_client_open(loop, &o, &client, &err);
 *     if (rc < 0) return rc;
 *     rc = sl_client_emit_json(sl_client_find(client, "/"), "hello", SL_STR("{\"n\":1}"));
 */
// clang-format on
#ifndef SLUICE_CLIENT_H
#define SLUICE_CLIENT_H

#include "sluice/loop.h"
#include "sluice/sio_packet.h"

typedef struct sl_client sl_client;
typedef struct sl_client_socket sl_client_socket;

/* ---- limits ---- */

#define SL_CLIENT_NAMESPACES_MAX 32
#define SL_CLIENT_ACKS_MAX       65536 /* answers that one server owes us */
#define SL_CLIENT_EARLY_MAX      64    /* events that come before the namespace is ours */

/* ---- namespaces ---- */

typedef void sl_client_event_fn(sl_client_socket *s, const sl_sio_event *e, void *user);

typedef struct sl_client_on {
    const char *event; /* NULL, in the last row: any other */
    sl_client_event_fn *fn;
} sl_client_on;

typedef struct sl_client_namespace {
    const char *name; /* "/", "/chat" */
    /*
     * What is sent along each time it is joined: one JSON object, ready, or written by on_auth.
     * To a server of 2.x its members go as a query, of "/" with the first request: strings,
     * numbers and literals. Both NULL: nothing
     */
    const char *auth;
    void (*on_auth)(sl_client_socket *s, sl_json_out *auth, void *user);
    /*
     * It is joined. What is emitted here leaves in front of what has waited. `recovered`: the
     * server has kept our place (connection state recovery); what was missed comes next. May
     * be NULL
     */
    void (*on_connect)(sl_client_socket *s, bool recovered, void *user);
    /*
     * The server does not want us here: its message, and `data` or SL_JSON_NONE. There is no
     * coming back but by sl_client_join. May be NULL
     */
    void (*on_refused)(sl_client_socket *s, sl_str message, sl_value data, void *user);
    /*
     * It was joined and is no more, in the words of the originals: "transport close",
     * "transport error", "ping timeout", "parse error" (it comes back by itself), "io server
     * disconnect", "io client disconnect" (not without sl_client_join). May be NULL
     */
    void (*on_disconnect)(sl_client_socket *s, const char *reason, void *user);
    const sl_client_on *events;
    size_t event_count;
    void *user;
    bool stays_out; /* not joined before sl_client_join */
} sl_client_namespace;

/* ---- the client ---- */

typedef enum sl_client_transports {
    SL_CLIENT_UPGRADE, /* polling, and from there to WebSocket */
    SL_CLIENT_WEBSOCKET,
    SL_CLIENT_POLLING,
} sl_client_transports;

/* What happens to an event when as many wait as may. */
typedef enum sl_client_policy {
    SL_CLIENT_REFUSE,      /* it is not taken: SL_E_FULL */
    SL_CLIENT_DROP_OLDEST, /* the oldest that wait make room; their acks get SL_E_FULL */
} sl_client_policy;

/* A try that failed, or a connection that was lost. Borrowed for the call. */
typedef struct sl_client_trouble {
    const char *reason;   /* as on_disconnect's; of a try: "connect error" */
    const char *text;     /* what happened, a sentence */
    int code;             /* SL_E_… or libuv's; 0: the server ended it */
    int status;           /* of an HTTP answer; 0: there was none */
    uint32_t tries;       /* in a row that have failed, this one included; 0: it was lost */
    uint32_t retry_in_ms; /* until the next try */
    bool gives_up;        /* there is no next one, but by sl_client_join */
} sl_client_trouble;

typedef struct sl_client_options {
    /*
     * ws:// or http://HOST[:PORT][/PATH/][?QUERY]; the path is Engine.IO's, without one
     * "/socket.io/". The query goes with every request. Copied, as all texts are
     */
    const char *url;
    const sl_client_namespace *namespaces; /* the rows are borrowed for the client's life */
    size_t namespace_count;
    sl_client_transports transports;
    uint8_t eio;         /* revision of Engine.IO: 4, or 3 for servers of 2.x; 0: 4 */
    const char *headers; /* further lines of each request, each with "\r\n"; NULL: none */
    bool no_reconnect;   /* one try, and no return */
    uint32_t tries_max;  /* in a row, then it gives up; 0: for ever */
    uint32_t delay_min_ms, delay_max_ms; /* between tries, doubled; 0: 1000, 5000 */
    uint8_t jitter_percent; /* a delay is cut by up to so much, at random; 0: 50. At most 100;
                               SL_CLIENT_NO_JITTER: by nothing */
    uint32_t connect_timeout_ms; /* from the name to the open packet; 0: 20,000 */
    uint32_t upgrade_timeout_ms; /* 0: 10,000 */
    /* what waits to leave, connected or not, all namespaces together; an empty one takes any */
    size_t buffer_bytes;   /* an event counts 128 at least; 0: 4 MiB */
    uint32_t buffer_count; /* events; 0: 10,000 */
    sl_client_policy policy;
    size_t message_max; /* bytes of a message, and of a polling body, that comes; 0: 16 MiB */
    uint32_t depth_max; /* of JSON that comes; 0: 512 */

    void (*on_open)(sl_client *c, void *user); /* connected; no namespace is joined yet */
    void (*on_trouble)(sl_client *c, const sl_client_trouble *t, void *user);
    void (*on_gone)(void *user); /* after sl_client_close: the last call, all of it is freed */
    void *user;
} sl_client_options;

#define SL_CLIENT_NO_JITTER 255

/*
 * Begin to connect. The client is there at once, and may be emitted to.
 *
 * returns  0, SL_E_NOMEM, SL_E_STOPPING, or SL_E_INVAL with `err` naming what is wrong
 */
SL_API int sl_client_open(sl_loop *loop, const sl_client_options *o, sl_client **out,
                          sl_error *err) SL_MUST_USE;

/*
 * Nothing is taken any more; what waits leaves and answers that are due are waited for, at most
 * `wait_ms`, reconnecting if that is what it takes. Then every namespace is left ("io client
 * disconnect"), and on_gone comes. 0: at once. Twice is fine, the shorter wait holds. The stop
 * of the loop does it with 0; a loop that never ran to its end must not be freed before.
 */
SL_API void sl_client_close(sl_client *c, uint32_t wait_ms);

SL_API sl_client_socket *sl_client_find(sl_client *c, const char *nsp); /* NULL: no such row */
SL_API void *sl_client_user(const sl_client *c);
SL_API bool sl_client_is_open(const sl_client *c);      /* the connection */
SL_API bool sl_client_is_websocket(const sl_client *c); /* by now */

typedef struct sl_client_stats {
    uint64_t opened;                /* connections */
    uint64_t failed;                /* tries */
    uint64_t upgraded;              /* from polling to WebSocket */
    uint64_t events_in, events_out; /* out: handed to the connection; answers are none */
    uint64_t refused_full;          /* events that were not taken: SL_E_FULL */
    uint64_t dropped_full;          /* events that made room: SL_CLIENT_DROP_OLDEST */
    uint64_t dropped_large;         /* events larger than the server takes */
    uint64_t dropped_early;         /* events beyond SL_CLIENT_EARLY_MAX */
    uint64_t parse_errors;
    uint32_t waiting; /* events, now */
    size_t waiting_bytes;
    uint32_t acks; /* answers that are due, now */
} sl_client_stats;
SL_API void sl_client_get_stats(const sl_client *c, sl_client_stats *out);

/* ---- a namespace ---- */

/*
 * Join it, (again) after the server has refused or disconnected it, or it was left. A client
 * that has given up tries again, one that waits for its next try does not wait any longer.
 * Joined already: fine.
 *
 * returns  0, or SL_E_CLOSED after sl_client_close
 */
SL_API int sl_client_join(sl_client_socket *s);
/*
 * Leave it, or as soon as its answer comes; what waits to leave in it stays for the next join.
 * The last one ends the connection.
 */
SL_API void sl_client_leave(sl_client_socket *s);

SL_API bool sl_client_is_joined(const sl_client_socket *s);
SL_API const char *sl_client_id(const sl_client_socket *s); /* the server's; "": not joined */
SL_API const char *sl_client_nsp(const sl_client_socket *s);
SL_API sl_client *sl_client_of(const sl_client_socket *s);
SL_API void sl_client_set_data(sl_client_socket *s, void *data); /* yours; NULL at first */
SL_API void *sl_client_data(const sl_client_socket *s);

/* ---- what goes out ---- */

/*
 * In order. What can not leave now waits, also over lost connections; what was handed to a
 * connection that is then lost may or may not have arrived: only an answer tells. It is never
 * sent twice.
 *
 * returns  0, SL_E_FULL, SL_E_CLOSED (after sl_client_close), SL_E_NOMEM, or what stuck in the
 *          packet; unless 0 nothing is sent
 */
SL_API int sl_client_emit(sl_client_socket *s, sl_sio_packet *p);
/* args: ready JSON, as `1,"x"`; may be empty */
SL_API int sl_client_emit_json(sl_client_socket *s, const char *event, sl_str args);
/* Only if it can leave right now; else it is dropped, which is no error. */
SL_API int sl_client_emit_volatile(sl_client_socket *s, sl_sio_packet *p);

/*
 * The answer to an event, once.
 *
 * rc       0: `answer` is it. SL_E_TIMEOUT; SL_E_CLOSED: the connection was lost before it
 * came, and the event may or may not have arrived (behind sl_client_close also: it never left);
 * SL_E_FULL: it made room and has not left; SL_E_TOO_BIG: it is larger than the server takes,
 * and has not left. After an error `answer` is NULL
 */
typedef void sl_client_ack_fn(sl_client_socket *s, int rc, const sl_sio_event *answer,
                              void *user);

/*
 * timeout_ms  from now, waiting included: an event that has not left by then will not. 0: never
 * returns     as sl_client_emit, and SL_E_LIMIT beyond SL_CLIENT_ACKS_MAX; unless 0, `fn` is
 *             not called
 */
SL_API int sl_client_emit_ack(sl_client_socket *s, sl_sio_packet *p, uint32_t timeout_ms,
                              sl_client_ack_fn *fn, void *user);

/*
 * Answer an event: args as in sl_client_emit_json, or of a packet (its name is not sent). An
 * event that wants none is fine. Later: keep e->ack_id as it is (it is more than the id of the
 * wire), and use sl_client_ack_id. An answer does not outlive the connection: SL_E_CLOSED.
 */
SL_API int sl_client_ack(sl_client_socket *s, const sl_sio_event *e, sl_str args);
SL_API int sl_client_ack_packet(sl_client_socket *s, const sl_sio_event *e, sl_sio_packet *p);
SL_API int sl_client_ack_id(sl_client_socket *s, uint64_t ack_id, sl_sio_packet *p);

#endif
