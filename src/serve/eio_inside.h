/* SPDX-License-Identifier: MIT */
/* The inside of Engine.IO sessions, for the files eio_*.c. */
#ifndef SERVE_EIO_INSIDE_H
#define SERVE_EIO_INSIDE_H

#include "base/packet.h"
#include "net/loop.h"
#include "proto/eio.h"
#include "serve/agents.h"
#include "serve/answer.h"
#include "serve/dispatch.h"
#include "serve/eio_session.h"
#include "serve/inspect.h"
#include "serve/ws_session.h"

/* ---- messages ---- */

struct eio_part {
    size_t bytes;
    bool text;
    uint8_t n; /* of its slices, which follow those of the part before */
};

struct eio_message {
    uint32_t refs;
    uint8_t type; /* enum eio_type */
    bool binary;  /* one of its parts is */
    uint32_t n;   /* parts */
    size_t bytes; /* of all parts together */
    uint64_t born_us;
    struct packet *frame[2]; /* EIO4_WS, EIO3_WS: made when somebody needs them */
    sl_buf *piece[3];        /* EIO4_POLL, EIO3_POLL, EIO3_POLL_BYTES: the same */
    sl_slice *slice;         /* of all parts; behind them in the same allocation */
    struct eio_part part[];
};

/* A packet that is no message; `text` is copied. NULL without memory */
struct eio_message *eio_packet_new(enum eio_type type, sl_str text) SL_MUST_USE;

/* All its parts as one packet for a WebSocket; borrowed, NULL without memory. */
struct packet *eio_message_frame(struct eio_message *m, unsigned revision);
/* The same as bytes for a polling body, without a separator in front. */
sl_buf *eio_message_piece(struct eio_message *m, enum eio_wire wire);
/* At most so many bytes in a polling body of that revision. */
size_t eio_message_room(const struct eio_message *m, unsigned revision);

/* ---- what waits for a poll; exists only while something does ---- */

struct eio_slot {
    uint32_t key;
    struct eio_message *m;
};

#define EIO_QUEUE_INSIDE 4

struct eio_queue {
    size_t bytes;
    uint32_t head, n, cap; /* in order: at ring[head % cap] */
    uint32_t slot_n, slot_cap;
    struct eio_message **ring;                    /* `inside` until it is outgrown */
    struct eio_message *inside[EIO_QUEUE_INSIDE]; /* of ring: most wait for no more */
    struct eio_slot *slot; /* the newest under their keys; they leave behind the others */
};

/*
 * As eio_send. `bound`: bytes, a message counts 128 at least; an empty queue takes any one.
 * *q is made when needed. returns 0, SL_E_FULL or SL_E_NOMEM
 */
int eio_queue_put(struct eio_queue **q, struct eio_message *m, uint32_t key, size_t bound);
bool eio_queue_has(const struct eio_queue *q, uint32_t key); /* one waits under it */
/* The one that leaves next, or NULL; its key, 0 for one in order. */
struct eio_message *eio_queue_first(const struct eio_queue *q, uint32_t *key);
/* The i-th of those that leave next, or NULL. */
struct eio_message *eio_queue_at(const struct eio_queue *q, uint32_t i);
void eio_queue_shift(
    struct eio_queue **q); /* drops the first; *q is NULL when it was the last */
void eio_queue_free(struct eio_queue **q);

/* ---- what many polls are answered with in a turn ---- */

#define EIO_SHARED_MAX 64

/* The last body that was made on a wire, and the messages it is made of; held. */
struct eio_shared {
    uint32_t n;
    struct eio_message *m[EIO_SHARED_MAX];
    sl_buf *body;
    struct answer_shared answer;
};

/* ---- what goes to many in a turn ---- */

#define EIO_BATCH_MAX    64
#define EIO_BATCH_SLICES 256

struct eio_line {
    struct packet *packet[EIO_BATCH_MAX]; /* the message's own; NULL: nobody needs it */
    uint16_t at[EIO_BATCH_MAX + 1];       /* where its slices begin, and end */
    struct iovec iov[EIO_BATCH_SLICES];
};

struct eio_batch {
    unsigned n;
    bool ending;
    struct eio_message *m[EIO_BATCH_MAX];
    struct eio_line line[2]; /* EIO4_WS, EIO3_WS */
    struct list members;     /* struct eio_session */
};

/* For a session on a WebSocket. returns 0, SL_E_NOMEM, SL_E_FULL or SL_E_CLOSED */
int eio_batch_add(struct eio_session *s, struct eio_message *m);
/* What the batch holds for it goes to its own queue. returns 0 or why that took no more */
int eio_batch_settle(struct eio_session *s);
void eio_batch_end(struct eio_server *e); /* all of it leaves */

/* ---- sessions by sid (eio_table.c) ---- */

struct eio_table {             /* zeroed: empty */
    struct eio_session **slot; /* the first of a chain by session->next, or NULL */
    uint32_t cap, n;           /* 0 or a power of two */
};

int eio_table_add(struct eio_table *t, struct eio_session *s) SL_MUST_USE; /* 0, SL_E_NOMEM */
void eio_table_remove(struct eio_table *t, struct eio_session *s);         /* it is in there */
struct eio_session *eio_table_find(const struct eio_table *t, sl_str sid);
/* The first of the chain at *i, or else at the next place that has one; NULL: there is none. */
struct eio_session *eio_table_at(const struct eio_table *t, uint32_t *i);
void eio_table_deinit(struct eio_table *t); /* the sessions are the caller's */

/* ---- sessions ---- */

/* A message that came by WebSocket while a POST of before the upgrade was still being read. */
struct eio_late {
    struct eio_late *next, *last; /* last: of all, in the first of them */
    sl_buf *buf;                  /* NULL: empty */
    sl_str bytes;
    bool text;
};

enum eio_state { EIO_POLLING, EIO_PROBING, EIO_PROBED, EIO_ON_WEBSOCKET };

struct eio_session {
    /* what a broadcast looks at comes first, so that it is one line of the cache */
    struct list batch; /* in server->batch.members: it has taken messages from, and not to */
    struct eio_server *server;
    sl_ws *ws;
    uint8_t revision, state;
    uint8_t batch_from, batch_to;
    bool closing; /* what waits leaves, then it is over */
    bool over;    /* nobody finds it any more */

    bool told : 1;                /* on_close has been called */
    bool base64 : 1;              /* EIO3: no binary for this client */
    bool pinged : 1;              /* EIO4: a pong is due */
    bool heard : 1, extended : 1; /* since the ping: something came; that has been credited */
    bool is_pressing : 1;         /* what waits for a poll is not announcements alone */
    bool is_viewer : 1;           /* it has been sent what goes to many */
    bool is_paused : 1;           /* its client is not heard, */
    bool is_pause_old : 1;        /* and that for more than one end of its patience */
    bool holds_post : 1;          /* `post` has been handled: its answer is kept back */
    uint8_t agent;                /* of server->agents */
    uint16_t conflated;           /* what was the newest and gave way; it stays at its most */
    uint32_t refs;
    sl_ws *probe;
    sl_request *poll, *post; /* held; being read, or see holds_post */
    struct eio_queue *queue;
    struct eio_late *late;
    void *user;
    const char *reason; /* why it ended; NULL: it has not */
    union {
        uint64_t beat_at_ms; /* a ping, or the end of patience */
        uint64_t last_id;    /* over, and it had a WebSocket: see eio_id */
    };
    uint64_t side_at_ms, noop_at_ms; /* 0: none. End of the upgrade or lingering; the held poll
                                      * is answered with what waits, or released */
    struct timer timer;
    struct list due;          /* in server->due: something is to be done at the turn's end */
    struct eio_session *next; /* in server->sessions */
    uint32_t answered_ms;     /* when a poll was last, the low half */
    /* with a usual peer behind it the allocation is full: one byte more is sixteen */
    uint32_t
        born_2s : 24; /* by the loop's clock, in steps of two seconds; turns over in a year */
    char sid[EIO_SID_SIZE];
    char peer[]; /* terminated */
};

struct eio_server {
    sl_loop *loop;
    struct eio_options o; /* with every default filled in */
    sl_ws_ops ops;
    struct sl_route_hooks hooks;
    struct eio_table sessions; /* that are not over */
    struct list due;
    struct turn_hook turn;
    struct stop_hook stop;
    struct eio_message *ping, *greeting;
    struct agents *agents; /* what clients call themselves */
    const struct observer *observer;
    char path[EIO_ROUTES][128];
    struct eio_batch batch;
    struct eio_shared shared[3]; /* by wire, from EIO4_POLL on; empty between turns */
    struct eio_stats stats;      /* but for what is counted when asked for */
};

/* Alive, its open packet not sent, its heartbeat running; found by its sid. NULL: no memory */
struct eio_session *eio_session_new(struct eio_server *e, unsigned revision,
                                    const sl_request *r) SL_MUST_USE;
void eio_session_hold(struct eio_session *s);
void eio_session_drop(struct eio_session *s);

/* The live session with this id, for `r`; one whose time is over, or whose peer has gone on
 * another connection, is none. */
struct eio_session *eio_find(struct eio_server *e, sl_str sid, const sl_request *r);

/*
 * It is over, at once. A held poll is answered with `last` (EIO_CLOSE or EIO_NOOP), a WebSocket
 * closed with `ws_code`. on_close comes at the end of the turn.
 */
void eio_end(struct eio_session *s, const char *reason, enum eio_type last, int ws_code);

/* Something is to be done at the end of the turn. */
void eio_session_is_due(struct eio_session *s);
/* Whether a request is an Engine.IO session's. */
bool eio_is_of_session(const sl_request *r);
/*
 * What it is known by to who inspects: its WebSocket's number. One that polls has none, and
 * memory for it would be for this alone: it is a keyed hash of its secret id, above all others.
 */
#define EIO_BORN_MASK  0xffffffu
#define EIO_ID_POLLING (UINT64_C(1) << 52)
uint64_t eio_id(const struct eio_session *s);
/* For observers: it is open, and it has ended. */
void eio_tell_opened(struct eio_session *s);
void eio_tell_ended(struct eio_session *s);
/* After one of the times has changed. */
void eio_set_timer(struct eio_session *s);
/* "In `ms` from now", for those times. */
uint64_t eio_at(const struct eio_session *s, uint32_t ms);

/* One packet of the client's; `buf` holds packet->data. It may end the session. */
void eio_receive(struct eio_session *s, const struct eio_packet *p, sl_buf *buf,
                 const sl_json_index *index);
/* Its queue is at the bound: it is closed. */
void eio_is_full(struct eio_session *s);
/* In order, or the newest under its key; flags as in sl__stream_send. As eio_send. */
int eio_put(struct eio_session *s, struct eio_message *m, uint32_t key, unsigned flags);
void eio_put_open_packet(struct eio_session *s);

/* ---- polling ---- */

#define EIO_BYTES "application/octet-stream"

bool eio_on_head(sl_request *r, void *user);
void eio_on_request(sl_request *r, void *user);
/* {"code":…,"message":…} */
void eio_refuse(struct eio_server *e, sl_request *r, int code);
/* Answer the held poll with what waits. */
void eio_flush_poll(struct eio_session *s);
/* Whether what waits for the held poll waits on, for more to come. */
bool eio_poll_gathers(struct eio_session *s);
/* Nothing waits, and it may take more. */
void eio_poll_drained(struct eio_session *s);
/* Nobody shares an answer any more: the turn is over. */
void eio_drop_shared(struct eio_server *e);
/* A POST that has been handled is answered when the pause is over. */
void eio_hold_post(struct eio_session *s);
void eio_release_post(struct eio_session *s);
/* Answer it with one packet that has no data. */
void eio_release_poll(struct eio_session *s, enum eio_type type);

/* ---- WebSocket ---- */

void eio_fill_ops(struct eio_server *e);
void eio_drop_probe(struct eio_session *s, int code);
/* The POST that was read has been answered: what came by WebSocket meanwhile is next. */
void eio_deliver_late(struct eio_session *s);
void eio_free_late(struct eio_session *s);

#endif
