/* SPDX-License-Identifier: MIT */
/*
 * Connection state recovery, for the files sio_*.c: what sluice/sio.h promises, made of two
 * things.
 *
 * The log: every event that may be asked for again, once, by rising offset, with whom it was
 * for. One bound for all of it; a namespace knows up to where its own part has been dropped.
 *
 *   sio_recovery.log   #7 ─── #9 ─── #12 ─── #15 ─── #16      in order, the oldest goes first
 *   "/"     .log       #7 ─────────── #12 ────────── #16      floor 5: all behind #5 is here
 *   "/chat" .log              #9 ─────────── #15
 *
 * The sessions: one for each socket that was offered a return, by its pid. It is lost when the
 * socket has ended by accident; then it has the socket's rooms, and goes after recovery_ms. Who
 * was in a room at an offset is told from when each membership began and ended, so that an
 * event goes to whom it went or would have gone, also if the socket has changed rooms since.
 *
 * Offsets are the wall clock's microseconds, made to rise: they are never given twice, hardly
 * by the run before, and say when an event was.
 *
 * thread   the loop's
 */
#ifndef SERVE_SIO_RECOVERY_H
#define SERVE_SIO_RECOVERY_H

#include "sluice/sio.h"

#include "base/list.h"
#include "base/map.h"
#include "net/loop.h"

struct eio_message;
struct sio_client;
struct sio_nsp;

#define SIO_ID_SIZE  21 /* of a socket: 120 random bits, terminated */
#define SIO_PID_SIZE 33 /* 192 random bits, terminated */

/* ---- rooms and who is, was or waits to be in them (sio_rooms.c, sio_past.c) ---- */

struct sio_room {
    struct sio_nsp *nsp;
    struct list
        members;      /* struct sio_member, by of_room; those of lost sessions are not here */
    uint32_t n, live; /* n: who holds it. live: without those that have ended */
    sl_str name;
    char text[];
};

struct sio_member {
    struct list of_room;   /* alone: of a lost session, or in the past */
    struct list of_socket; /* or of its session */
    struct sio_room *room;
    sl_sio_socket *socket;
    uint64_t since, until; /* offsets: events behind `since`, up to `until` */
};

struct sio_room *sio_room_find(const struct sio_nsp *nsp, sl_str name);
void sio_room_drop(struct sio_room *r); /* one holder less: it may be gone */

struct sio_session;
/* It leaves this room: kept among its session's past, or freed. */
void sio_past_add(struct sio_session *x, struct sio_member *m);
/* Its rooms become the session's, or the other way round. */
void sio_past_keep(struct sio_session *x, sl_sio_socket *s);
void sio_past_restore(struct sio_session *x, sl_sio_socket *s);
void sio_past_free(struct sio_session *x);
/* Whether it was in this room when that event was; of a session that is lost or live */
bool sio_past_was_in(const struct sio_session *x, const struct sio_room *r, uint64_t offset);

/* ---- the log (sio_log.c) ---- */

struct sio_entry {
    struct list all, of_nsp;
    struct sio_nsp *nsp;
    struct eio_message *m;
    uint64_t offset;
    uint64_t only, but; /* sessions by serial; 0: all; nobody */
    size_t bytes, cost; /* of the message; of memory */
    uint32_t to_n, except_n;
    struct sio_room *room[]; /* `to`, then `except` */
};

/* The next offset. */
uint64_t sio_log_next(sl_sio *sio);
/*
 * Keep an event that is sent to one, or to a target, if anybody there may ask for it. Without
 * memory, or if it is larger than all that may be kept, the namespace has a hole there.
 */
void sio_log_put_one(const sl_sio_socket *s, struct eio_message *m, uint64_t offset,
                     size_t bytes);
void sio_log_put(struct sio_nsp *nsp, const sl_sio_target *t, struct eio_message *m,
                 uint64_t offset, size_t bytes);
void sio_log_clear(struct sio_nsp *nsp); /* nobody will ask for any of it */
/* The first behind this offset that was for it, NULL: none; the one behind that. */
const struct sio_entry *sio_log_first(const struct sio_session *x, uint64_t behind);
const struct sio_entry *sio_log_next_of(const struct sio_session *x, const struct sio_entry *e);
/* Whether this offset was given to an event that was for it, and is still known. */
bool sio_log_has(const struct sio_session *x, uint64_t offset);

/* ---- sessions (sio_recovery.c) ---- */

struct sio_session {
    struct list of_lost;   /* in sio_recovery.lost */
    struct sio_nsp *nsp;   /* lost: held */
    sl_sio_socket *socket; /* NULL: lost */
    uint64_t serial;
    uint64_t begin; /* offsets: it has had nothing before this */
    uint64_t last;  /* the last that was for it, sent or not */
    uint64_t lost_at;
    uint64_t from;       /* of one that returns: it has all up to this */
    sl_sio_gap gap;      /* of one that could not; reason NULL: there is none */
    uint64_t known_from; /* its rooms are not known before this */
    uint64_t forget_at_ms, next_ack;
    struct list rooms, past; /* struct sio_member, by of_socket; rooms: while it is lost */
    uint32_t past_n;
    void *user;
    char id[SIO_ID_SIZE], pid[SIO_PID_SIZE];
};

struct sio_recovery {
    uint32_t keep_ms, sessions_max, lost_n;
    size_t bytes_max, bytes;
    size_t replay_max; /* bytes that may wait for one client */
    uint64_t last;     /* offset */
    uint64_t serial;
    struct map *sessions; /* by pid */
    struct list lost;     /* the one that goes next in front */
    struct list log;
    struct timer timer;
    sl_sio *sio;
    uint64_t recovered, gaps;
};

/* What a client that joins brought from before; zeroed: nothing. */
struct sio_return {
    struct sio_session *session; /* lost; NULL: there is none, or it can not be recovered */
    uint64_t from;               /* it has all up to this offset */
    sl_sio_gap gap;              /* reason NULL: there is none */
};

/* *out NULL: it is off. returns 0 or SL_E_NOMEM */
int sio_recovery_new(sl_sio *sio, const sl_sio_options *o, struct sio_recovery **out);
void sio_recovery_free(struct sio_recovery *r); /* when all sockets are gone; NULL is fine */

/*
 * Look at what a client says when it joins. A connection that has this session still ends, and
 * its on_disconnect is called from inside this.
 */
void sio_recovery_find(struct sio_client *c, sl_str nsp, sl_value auth, struct sio_return *out);

/* The socket becomes the one that was lost, or has a session of its own, or none: without
 * memory, and those of 2.x. It is not let in yet. */
void sio_session_attach(sl_sio_socket *s, const struct sio_return *back);
/* Let in: from now on events are for it. It is told what it missed, or of a gap. < 0: it can
 * not be, and is cut */
int sio_session_begin(struct sio_session *x);
/* The socket has ended just now. */
void sio_session_note_end(sl_sio_socket *s);
/* It has ended, and is told: keep what is to be kept of it, else forget all. */
void sio_session_end(sl_sio_socket *s);
/* Nobody returns to it. */
void sio_session_forget(struct sio_session *x);

#endif
