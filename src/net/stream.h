/* SPDX-License-Identifier: MIT */
/*
 * A stream: one connected peer. Bytes come in through a feed callback; packets go out through
 * a bounded queue, newest-only slots and a cork. What carries the bytes (socket, memory, TLS)
 * is behind `struct stream_io`, so that the policy here is written and tested once.
 *
 *   send ────────► in-order queue ─┐
 *                                  ├─► one sendmsg per turn ─► kernel (at most 128 KB unsent)
 *   put_newest ──► slot per key  ──┘
 *
 * A packet that has partly left is finished first. A slot is drained only when the queue is
 * empty and the kernel has room, so what waits can still be replaced by something newer.
 *
 * Corking: an event (STREAM_MAY_HOLD) leaves at the end of the turn if the stream last wrote
 * more than its budget ago; else it waits, for at most one budget, for others to share the
 * write. Everything else leaves at the end of its turn and takes what waits with it.
 *
 * Lives: opened by a listener or a test; `sl__stream_close` may be called at any time and
 * more than once; `on_gone` is the last call, never made from inside another call into the
 * stream, and afterwards the stream's memory is gone.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/list.h"
#include "base/packet.h"
#include "base/wheel.h"
#include "net/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct stream;

/* Who listens to a stream; swapped when a connection changes its protocol. */
struct stream_events {
    /*
     * Bytes from the peer; the callee may change them in place. They lie where
     * sl__stream_read_into pointed, or in the loop's scratch space, valid for the call.
     */
    void (*on_bytes)(struct stream *s, uint8_t *bytes, size_t n);
    void (*on_end)(struct stream *s);      /* the peer will send no more; NULL: close */
    void (*on_deadline)(struct stream *s); /* the time set has come; NULL: close */
    void (*on_drained)(struct stream *s);  /* all that was queued has left; may be NULL */
    void (*on_gone)(struct stream *s, int why);
};

enum { STREAM_WANT_READ = 1, STREAM_WANT_WRITE = 2 };

/* What carries the bytes. Each slot returns bytes moved or a negative error, UV_EAGAIN among
 * them. */
struct stream_io {
    ssize_t (*recv)(struct stream *s, struct iovec *iov, int n); /* 0 is the peer's end */
    ssize_t (*send)(struct stream *s, const struct iovec *iov, int n);
    int (*watch)(struct stream *s, int wants);
    void (*shut)(struct stream *s);      /* no more from us; the peer may still send */
    void (*close)(struct stream *s);     /* calls sl__stream_finish, now or later */
    void (*free)(struct stream *s);      /* after on_gone */
    bool (*has_ended)(struct stream *s); /* the peer's end is what would be read next */
};

/* What waits to leave; exists only while something does. Private to stream.c. */
struct outbox;

struct stream {
    const struct stream_io *io;
    const struct stream_events *on;
    sl_loop *loop;
    void *user;
    uint64_t id;       /* rises: the microsecond of its beginning, or one more than the last */
    struct list all;   /* among the loop's streams, by id */
    struct list flush; /* in the loop's dirty or held list */
    struct timer deadline;
    struct outbox *out;
    uint8_t *into; /* where the next bytes go first */
    size_t into_len;
    uint64_t last_write_us, held_until_us;
    size_t waiting_max;
    uint32_t cork_us; /* 0: never hold */
    int why;
    bool closing, ending, paused, held, peer_ended;
    bool viewer; /* is told what happens: comes back if it is cut, see relief.h */
    uint8_t wants;
};

#define STREAM_MAY_HOLD 1u /* an event: may wait for others, for one cork budget */

struct stream_options {
    size_t waiting_max; /* bytes that may wait; and one packet for each 128 of them, and 64 */
    uint32_t cork_us;
};

/* For who makes streams: listeners and the in-memory twin. */
void sl__stream_init(struct stream *s, sl_loop *loop, const struct stream_io *io,
                     const struct stream_options *o);
void sl__stream_set_events(struct stream *s, const struct stream_events *on, void *user);
void sl__stream_on_readable(struct stream *s);
void sl__stream_on_writable(struct stream *s);
void sl__stream_finish(
    struct stream *s); /* the carrier has let go: on_gone, at the turn's end */

/*
 * Queue a packet in order; the stream holds a reference of its own.
 *
 * calls    nothing, but with STREAM_MAY_HOLD on_drained: at the bound what is held leaves first
 * returns  0; SL_E_FULL when `waiting_max` would be passed (an empty queue takes any one
 *          packet); SL_E_CLOSED; SL_E_NOMEM. Nothing is queued on an error.
 */
int sl__stream_send(struct stream *s, struct packet *p, unsigned flags) SL_MUST_USE;

/*
 * Queue several at once, as if sent one by one. With nothing waiting they go out right now,
 * straight from `iov` (all slices of all packets, `bytes` in sum), which many streams share.
 *
 * returns  how many of the n were taken (the rest did not fit), or SL_E_CLOSED
 */
int sl__stream_send_batch(struct stream *s, struct packet *const *p, int n,
                          const struct iovec *iov, int iov_n, size_t bytes, unsigned flags);

/*
 * Queue the newest packet of its key. returns 1 if an older one gave way, 0 if none waited,
 * SL_E_FULL (other packets fill the bound), SL_E_CLOSED or SL_E_NOMEM
 */
int sl__stream_put_newest(struct stream *s, uint32_t key, struct packet *p) SL_MUST_USE;

/*
 * Where the next bytes should be received first, at most `len`; what comes beyond them goes to
 * the scratch space and is a second on_bytes. Good for one receive: each on_bytes forgets it.
 */
void sl__stream_read_into(struct stream *s, uint8_t *into, size_t len);

/* Stop reading; a second half of what has been received already may still be delivered. */
void sl__stream_pause(struct stream *s);
void sl__stream_resume(struct stream *s);

/* One deadline per stream, in milliseconds from now; 0 takes it away. */
void sl__stream_set_deadline(struct stream *s, uint32_t in_ms);

size_t sl__stream_waiting(const struct stream *s); /* bytes */

/* Whether the peer has gone, looked at now: its end may not have been read yet. */
bool sl__stream_has_ended(struct stream *s);

/* Let what is queued leave, then close; at most 5 s. What arrives meanwhile is dropped. */
void sl__stream_end(struct stream *s, int why);

/* Drop what is queued and close. The first reason wins. */
void sl__stream_close(struct stream *s, int why);

/* Flush now instead of at the end of the turn. */
void sl__stream_flush(struct stream *s);

/* The loop's: flush the corked streams whose budget is over. */
void sl__stream_release_held(sl_loop *loop);

#endif
