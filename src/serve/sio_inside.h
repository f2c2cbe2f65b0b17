/* SPDX-License-Identifier: MIT */
/*
 * The inside of the Socket.IO server, for the files sio_*.c.
 *
 *   sl_sio ── sio_nsp "/" ── sockets            sio_client (one Engine.IO session)
 *      │          └── rooms: name ─► members       │
 *      │                                           ├── sl_sio_socket in "/"
 *      └── sio_nsp "/chat" ── ...                  └── sl_sio_socket in "/chat"
 *
 * A socket that ends moves from its client to sl_sio.ended: from then on nothing is sent to it,
 * and it is told and freed where no call of the application's is on the stack.
 */
#ifndef SERVE_SIO_INSIDE_H
#define SERVE_SIO_INSIDE_H

#include "sluice/sio.h"

#include "base/list.h"
#include "base/map.h"
#include "net/loop.h"
#include "proto/sio_build.h"
#include "proto/sio_gather.h"
#include "serve/eio_session.h"
#include "serve/inspect.h"
#include "serve/sio_recovery.h"

/* A namespace that somebody is in, or that is a row's by name. */
struct sio_nsp {
    sl_sio *sio;
    const sl_sio_namespace *row;
    uint64_t serial; /* never given twice: what was encoded for it is known by it */
    struct list sockets;
    struct map *rooms; /* struct sio_room by name; NULL: none yet */
    uint32_t n, live;  /* who holds it; sockets that have not ended */
    uint32_t sessions; /* see sio_recovery.h, and what is below */
    struct list log;
    uint64_t log_floor; /* what is behind this offset has not been dropped */
    sl_str name;
    char text[];
};

struct sl_sio {
    sl_loop *loop;
    const sl_sio_namespace *row;
    size_t row_n;
    uint32_t connect_timeout_ms;
    void (*on_plain)(sl_sio_socket *s, const sl_message *m, void *user); /* or NULL */
    struct eio_server *eio;
    struct sio_recovery *recovery; /* NULL: off */
    struct map *nsps;              /* struct sio_nsp by name */
    struct sio_nsp *root;          /* "/", if that is a row's: most packets are for it */
    struct list ended;             /* sl_sio_socket, by of_client */
    struct turn_hook turn;
    struct sio_rules rules4, rules3;
    sl_json doc;       /* the packet that is being read */
    sl_json auth;      /* of 2.x: made from the query */
    sl_json_out query; /* its text */
    uint64_t serial, stamp;
    struct sio_asking *asking; /* an is_allowed that is being called */
    uint32_t sockets;
    const struct observer *observer;  /* NULL: nobody, see inspect.h */
    uint64_t parse_errors, broadcast; /* see sl_sio_stats */
    char path[128];
};

/* A namespace that we have left while the client may not know yet. */
struct sio_left {
    struct sio_left *next;
    sl_str name;
    char text[];
};

/* Up to the first namespace. */
struct sio_patience {
    struct timer timer;
    struct sio_client *client;
};

/* Ten thousand of these and their sockets wait for an event: what few need is a pointer. */
struct sio_client {
    sl_sio *sio;
    struct eio_session *eio; /* NULL: it is gone, and all its sockets are told */
    struct list sockets;     /* by of_client */
    struct sio_left *left;   /* the oldest in front */
    struct sio_patience *patience;
    struct sio_gather *gather;
    uint32_t refs; /* its session, its sockets, a call that is at work */
    uint16_t n, left_n;
    bool was_in; /* a namespace */
    bool closes_when_drained;
    bool done; /* it is closing: what still comes is not heard */
    uint8_t revision;
};

/* Answers that are waited for. */
struct sio_acks {
    struct list waits; /* struct sio_wait, the oldest in front */
    uint64_t next;     /* id */
    uint32_t n;
};

struct sl_sio_socket {
    struct list of_client; /* or in sl_sio.ended */
    struct list of_nsp;
    struct list rooms; /* struct sio_member, by of_socket */
    struct sio_client *client;
    struct sio_nsp *nsp;
    void *user;
    const char *reason;          /* why it ended; NULL: it has not */
    struct sio_acks *acks;       /* NULL: none has been asked for yet */
    struct sio_hold *hold;       /* NULL: nobody has to decide yet whether it may join */
    struct sio_session *session; /* for its return; NULL: there is none */
    uint64_t stamp;              /* the last broadcast that has looked at it */
    uint16_t room_n;
    bool joined; /* its CONNECT has been answered */
    bool is_recovered;
    char id[];
};

/* ---- packets (sio_packet.c) ---- */

/* The event in this namespace; encoded once, borrowed. NULL: *rc says why */
struct eio_message *sio_packet_event(sl_sio_packet *p, const struct sio_nsp *nsp, int *rc);
/* The same with an id, or as the answer to one: the caller's reference. */
struct eio_message *sio_packet_with_id(sl_sio_packet *p, const struct sio_nsp *nsp, bool answer,
                                       uint64_t id, int *rc) SL_MUST_USE;
/* With an offset behind its arguments; the caller's reference. bytes: of all its parts */
struct eio_message *sio_packet_marked(sl_sio_packet *p, const struct sio_nsp *nsp,
                                      uint64_t offset, size_t *bytes, int *rc) SL_MUST_USE;
/* A text of ours that is no event. NULL without memory, or if something went wrong in `o` */
struct eio_message *sio_plain_message(const sl_json_out *o) SL_MUST_USE;

/* ---- the server (sio_server.c) ---- */

/* By name; a row with is_match may let it in: then it is made. NULL: `rc` is
 * SL_E_NOT_FOUND or SL_E_NOMEM */
struct sio_nsp *sio_nsp_get(sl_sio *sio, sl_str name, int *rc);
struct sio_nsp *sio_nsp_find(const sl_sio *sio, sl_str name); /* ptr NULL: "/" */
void sio_nsp_release(struct sio_nsp *nsp); /* freed if nobody is in it and no row names it */
/* Something ended inside a call: it is told at the end of the turn. */
void sio_want_turn(sl_sio *sio);

/* ---- clients (sio_client.c) ---- */

extern const struct eio_events sio_events;
void sio_client_hold(struct sio_client *c);
void sio_client_drop(struct sio_client *c);
int sio_client_send(struct sio_client *c, struct eio_message *m); /* one of ours, in order */
/* At once: it can not be followed or served, or it is somewhere else by now. */
void sio_client_cut(struct sio_client *c, const char *reason);
/* We have left this namespace: what the client still says to it is no error. */
void sio_client_note_left(struct sio_client *c, sl_str name);
/* It is allowed: CONNECT, on_connect. */
void sio_client_let_in(struct sio_client *c, sl_sio_socket *s, sl_value auth);
void sio_client_refuse(struct sio_client *c, sl_str nsp, const char *message, sl_str data);
/* What waits leaves first. said_goodbye: a DISCONNECT is among that */
void sio_client_close(struct sio_client *c, bool said_goodbye);

/* ---- deciding later (sio_hold.c) ---- */

enum sio_verdict { SIO_YES, SIO_NO, SIO_LATER };
/* Ask the application; what it says to a refusal is in `why`. */
enum sio_verdict sio_ask(sl_sio_socket *s, sl_value auth, sl_sio_refusal *why);
void sio_hold_end(sl_sio_socket *s); /* it is not held any more; fine if it was not */

/* ---- sockets (sio_socket.c) ---- */

/* Among its client's and its namespace's, but not let in yet. NULL without memory */
sl_sio_socket *sio_socket_new(struct sio_client *c, struct sio_nsp *nsp) SL_MUST_USE;
void sio_socket_free(sl_sio_socket *s); /* nobody is told */
sl_sio_socket *sio_socket_find(const struct sio_client *c, sl_str nsp);
/* It ends; told by the next sio_tell. `reason` is a literal or lives as long. */
void sio_socket_end(sl_sio_socket *s, const char *reason);
void sio_tell(sl_sio *sio); /* on_disconnect for all that have ended, and free them */
void sio_socket_event(sl_sio_socket *s, const sl_sio_event *e);
void sio_socket_answer(sl_sio_socket *s, const sl_sio_event *e);

/* ---- rooms (sio_rooms.c) ---- */

void sio_rooms_leave_all(sl_sio_socket *s);
/* For observers: an event was sent to so many. */
void sio_tell_emitted(const sl_sio *sio, const sl_sio_socket *to, const sl_sio_packet *p,
                      uint32_t n);
void sio_rooms_uncount(sl_sio_socket *s); /* it has ended: its rooms have one less */

#endif
