/* SPDX-License-Identifier: MIT */
/*
 * The inside of the Socket.IO client, for the files sio_client*.c.
 *
 *   emit ──► socket.pending ──(joined)──► client.out ──(there is room)──► the session
 *                 ▲                            │
 *                 └───── the connection is lost: what is still here waits again
 *
 * What an application is told it is told from the loop: by what comes, by a timer, or by the
 * turn hook, which also is where a session is opened no more, freed, and looked after.
 */
#ifndef CLIENT_SIO_CLIENT_INSIDE_H
#define CLIENT_SIO_CLIENT_INSIDE_H

#include "sluice/client.h"

#include "base/list.h"
#include "client/backoff.h"
#include "client/eio_client.h"
#include "net/loop.h"
#include "proto/sio_build.h"
#include "proto/sio_gather.h"

#define CLIENT_ID_MAX     128
#define CLIENT_OFFSET_MAX 256

enum client_kind { CLIENT_EVENT, CLIENT_ANSWER, CLIENT_CONTROL };

/* An answer that is waited for. */
struct client_wait {
    struct list node; /* of its socket's; once it has failed, of the client's */
    struct timer timer;
    sl_client_socket *socket;
    struct client_entry *entry; /* NULL: it has been handed to a connection */
    uint64_t id;
    sl_client_ack_fn *fn;
    void *user;
    int rc; /* what to tell, among the failed */
};

/* A message that waits to leave; holds its slices' buffers. */
struct client_entry {
    struct list node; /* of a socket's pending, or of the client's out */
    struct list aged; /* events alone: all of the client's, the oldest in front */
    sl_client_socket *socket;
    struct client_wait *wait; /* or NULL */
    enum client_kind kind;
    size_t bytes; /* what it counts */
    uint32_t n;
    sl_message part[];
};

/* An event that came before the answer to our CONNECT. */
struct client_early {
    struct list node;
    struct sio_gather *packet;
};

struct sl_client_socket {
    sl_client *client;
    const sl_client_namespace *row;
    struct list pending; /* struct client_entry */
    struct list waits;   /* struct client_wait, ids in order */
    struct list early;   /* struct client_early */
    uint32_t early_n;
    uint64_t next_ack;
    uint64_t time; /* how often it was joined: above the ids of what came meanwhile */
    void *data;
    const char *left; /* a reason: it ended inside a call, and is to be told */
    bool wanted;      /* by the application */
    bool asked;       /* CONNECT was sent on this connection; joined, or its answer is due */
    bool joined;
    char id[CLIENT_ID_MAX + 1];
    /* recovery: as they came, between their quotes; "": there is none */
    char pid[CLIENT_ID_MAX + 1];
    char offset[CLIENT_OFFSET_MAX + 1];
};

struct sl_client {
    sl_loop *loop;
    sl_client_options o; /* with every default filled in; texts are in `text` */
    const struct dialer *dialer;
    struct dial_url url;
    struct backoff backoff;
    struct sio_rules rules;
    struct eio_client *eio; /* NULL: not connected, and not about to be */
    struct sio_gather *gather;
    struct turn_hook turn;
    struct stop_hook stop;
    struct timer retry, patience; /* patience: the end of the closing */
    struct list out, aged, failed;
    uint32_t tries, delays; /* failed in a row; since the last connection */
    bool was_open;          /* the session in `eio` has been */
    bool closing;           /* nothing is taken any more */
    bool hurries;           /* and nothing is waited for any more */
    bool leaving;           /* all namespaces are left */
    sl_json doc;            /* the packet that is being read */
    sl_json auth;           /* what is sent along */
    sl_client_stats stats;
    char path[512]; /* without the query */
    char query[512];
    char *headers;
    uint32_t n;
    sl_client_socket socket[];
};

/* ---- sio_client.c ---- */

void client_init_life(sl_client *c); /* its timers and hooks, none of them set */
sl_client_socket *client_find(sl_client *c, sl_str nsp); /* NULL: none of ours */
/* CONNECT. is_first: the connection is new */
void client_ask(sl_client_socket *s, bool is_first);
/* The connection cannot be followed any more. */
void client_cut(sl_client *c, const char *reason, const char *text);
/* It is joined no more; who waits for answers of what has left is told. */
void client_socket_end(sl_client_socket *s, const char *reason);
void client_say_leave(sl_client_socket *s); /* DISCONNECT */
bool client_is_wanted(const sl_client *c);  /* one of its namespaces is */
void client_try_in(sl_client *c, uint32_t ms);

/* ---- sio_client_in.c ---- */

extern const struct eio_client_events client_events;
void client_forget_early(sl_client_socket *s);

/* ---- sio_client_out.c ---- */

/* A packet of our own: `o` is consumed. */
int client_put_control(sl_client_socket *s, sl_json_out *o);
void client_pump(sl_client *c);           /* what waits leaves, as far as there is room */
void client_take_back(sl_client *c);      /* what has not left waits for the next connection */
void client_drop_out(sl_client *c);       /* its events leave no more */
void client_release(sl_client_socket *s); /* it is joined: what waits may leave */
void client_drop_waiting(sl_client_socket *s);
void client_tell_failed(sl_client *c);
/* Those whose event has left; all: the others as well */
void client_fail_waits(sl_client_socket *s, bool all);
/* It is left: what is on its way out goes, but its answers come no more. */
void client_leave_out(sl_client_socket *s);
void client_answer(sl_client_socket *s, const sl_sio_event *e);
uint64_t client_mark_id(const sl_client_socket *s, uint64_t id); /* for sl_client_ack_id */

/* ---- sio_client_auth.c ---- */

/*
 * What CONNECT carries: an object, or of revision 3 a query, onto an empty `o`, which stays so
 * if there is nothing. returns 0 or SL_E_NOMEM; what on_auth has made wrong is left out
 */
int client_put_auth(sl_client_socket *s, sl_json_out *o) SL_MUST_USE;

#endif
