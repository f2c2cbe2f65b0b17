/* SPDX-License-Identifier: MIT */
/*
 * What waits to leave one stream: an in-order ring of packets and a slot per key for the
 * newest-only ones. It exists only while something waits. It knows no socket: stream.c asks
 * for slices and says how much of them has gone.
 */
#ifndef NET_OUTBOX_H
#define NET_OUTBOX_H

#include "base/histogram.h"
#include "base/packet.h"

#include <sys/uio.h>

struct slot {
    uint32_t key;
    struct packet *packet;
};

struct outbox {
    struct packet **ring; /* `inside` until it is outgrown */
    uint32_t head, n, cap;
    struct slot *slot; /* in the order in which they began to wait */
    uint32_t slot_n, slot_cap;
    size_t sent;            /* bytes of the first packet that have left */
    size_t bytes;           /* what waits, in both, without `sent` */
    size_t *total;          /* the same of all boxes together; NULL: nobody counts */
    size_t *memory;         /* and as memory: a packet once, and until it has left; NULL */
    struct histogram *ages; /* of what leaves from a slot; NULL: nobody measures */
    const uint64_t *now_us; /* for them */
    struct packet *inside[8];
};

struct outbox *outbox_new(void) SL_MUST_USE;
void outbox_free(struct outbox *o); /* drops what waits; NULL is fine */

int outbox_push(struct outbox *o, struct packet *p) SL_MUST_USE; /* 0 or SL_E_NOMEM; holds p */

/* The packet that waits under this key, or NULL. */
struct packet *outbox_find(const struct outbox *o, uint32_t key);
/* Hold p under its key; 1 if an older one gave way, 0, or SL_E_NOMEM. */
int outbox_put(struct outbox *o, uint32_t key, struct packet *p) SL_MUST_USE;

/*
 * The slices that should leave next, the ring before the slots.
 *
 * bytes    receives their sum
 * returns  how many of at most `max`
 */
int outbox_gather(const struct outbox *o, struct iovec *iov, int max, size_t *bytes);

/* `n` bytes of what outbox_gather gave have left. A slot that left in part is first in the ring
 * now. */
void outbox_consume(struct outbox *o, size_t n);

static inline void outbox_count(struct outbox *o, size_t more, size_t less)
{
    o->bytes += more - less;
    if (o->total != NULL) *o->total += more - less;
}

/* The first `n` bytes of the packet at the head of an otherwise unsent box have left already.
 */
static inline void outbox_skip(struct outbox *o, size_t n)
{
    o->sent += n;
    outbox_count(o, 0, n);
}

static inline bool outbox_is_empty(const struct outbox *o)
{
    return o->n == 0 && o->slot_n == 0;
}

#endif
