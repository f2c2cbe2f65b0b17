/* SPDX-License-Identifier: MIT */
#include "net/outbox.h"

#include "base/alloc.h"
#include "base/assert.h"

#define RING_INSIDE ((uint32_t)(sizeof((struct outbox *)0)->inside / sizeof(struct packet *)))

static struct packet *begin_wait(const struct outbox *o, struct packet *p)
{
    if (p->waits++ == 0 && o->memory != NULL) *o->memory += p->bytes;
    return packet_hold(p);
}

static void end_wait(const struct outbox *o, struct packet *p)
{
    if (--p->waits == 0 && o->memory != NULL) *o->memory -= p->bytes;
    packet_drop(p);
}

struct outbox *outbox_new(void)
{
    struct outbox *o = sl__alloc(sizeof *o);

    if (o == NULL) return NULL;
    *o = (struct outbox){.cap = RING_INSIDE};
    o->ring = o->inside;
    return o;
}

void outbox_free(struct outbox *o)
{
    if (o == NULL) return;
    outbox_count(o, 0, o->bytes);
    for (uint32_t i = 0; i < o->n; i++)
        end_wait(o, o->ring[(o->head + i) & (o->cap - 1)]);
    for (uint32_t i = 0; i < o->slot_n; i++)
        end_wait(o, o->slot[i].packet);
    if (o->ring != o->inside) sl__free(o->ring);
    sl__free(o->slot);
    sl__free(o);
}

/* The capacity stays a power of two, so that a position wraps by a mask. */
static int grow_ring(struct outbox *o)
{
    struct packet **ring = sl__alloc(sizeof *ring * o->cap * 2);

    if (ring == NULL) return SL_E_NOMEM;
    for (uint32_t i = 0; i < o->n; i++)
        ring[i] = o->ring[(o->head + i) & (o->cap - 1)];
    if (o->ring != o->inside) sl__free(o->ring);
    o->ring = ring;
    o->cap *= 2;
    o->head = 0;
    return 0;
}

int outbox_push(struct outbox *o, struct packet *p)
{
    if (o->n == o->cap && grow_ring(o) < 0) return SL_E_NOMEM;
    o->ring[(o->head + o->n++) & (o->cap - 1)] = begin_wait(o, p);
    outbox_count(o, p->bytes, 0);
    return 0;
}

static struct slot *find_slot(const struct outbox *o, uint32_t key)
{
    for (uint32_t i = 0; i < o->slot_n; i++) {
        if (o->slot[i].key == key) return &o->slot[i];
    }
    return NULL;
}

struct packet *outbox_find(const struct outbox *o, uint32_t key)
{
    struct slot *at = find_slot(o, key);

    return at != NULL ? at->packet : NULL;
}

int outbox_put(struct outbox *o, uint32_t key, struct packet *p)
{
    struct slot *at = find_slot(o, key);
    struct packet *old;

    if (at != NULL) { /* it keeps its place: a fast camera does not push others back */
        outbox_count(o, p->bytes, at->packet->bytes);
        old = at->packet;
        at->packet = begin_wait(o, p);
        end_wait(o, old); /* it may be the same one */
        return 1;
    }
    if (o->slot_n == o->slot_cap) {
        uint32_t cap = o->slot_cap ? o->slot_cap * 2 : 2;
        struct slot *more = sl__realloc(o->slot, sizeof *more * cap);
        if (more == NULL) return SL_E_NOMEM;
        o->slot = more;
        o->slot_cap = cap;
    }
    o->slot[o->slot_n++] = (struct slot){key, begin_wait(o, p)};
    outbox_count(o, p->bytes, 0);
    return 0;
}

/* Append a packet's slices behind `skip` bytes; -1 if they do not fit any more. */
static int add_slices(struct iovec *iov, int n, int max, const struct packet *p, size_t skip)
{
    if (n + p->n > max && n > 0) return -1;
    for (int i = 0; i < p->n && n < max; i++) {
        size_t len = p->iov[i].iov_len;
        if (skip >= len) {
            skip -= len;
            continue;
        }
        iov[n].iov_base = (char *)p->iov[i].iov_base + skip;
        iov[n++].iov_len = len - skip;
        skip = 0;
    }
    return n;
}

int outbox_gather(const struct outbox *o, struct iovec *iov, int max, size_t *bytes)
{
    size_t skip = o->sent;
    int n = 0, more;

    *bytes = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        const struct packet *p = o->ring[(o->head + i) & (o->cap - 1)];
        more = add_slices(iov, n, max, p, skip);
        if (more < 0) return n;
        *bytes += p->bytes - skip;
        n = more;
        skip = 0;
    }
    for (uint32_t i = 0; i < o->slot_n; i++) {
        more = add_slices(iov, n, max, o->slot[i].packet, 0);
        if (more < 0) return n;
        *bytes += o->slot[i].packet->bytes;
        n = more;
    }
    return n;
}

static void drop_first(struct outbox *o)
{
    end_wait(o, o->ring[o->head]);
    o->head = (o->head + 1) & (o->cap - 1);
    o->n--;
    o->sent = 0;
}

/* It has begun to leave: nothing newer can take its place. */
static void measure_age(const struct outbox *o, const struct packet *p)
{
    if (p->born_us == 0 || o->ages == NULL) return;
    histogram_add(o->ages, *o->now_us > p->born_us ? *o->now_us - p->born_us : 0);
}

/* A slot that has begun to leave can not be replaced any more: it becomes the ring's first. */
static void commit_slot(struct outbox *o, struct packet *p, size_t sent)
{
    SL_ASSERT(o->n == 0);
    o->head = 0;
    o->ring[0] = p; /* the slot's reference moves along */
    o->n = 1;
    o->sent = sent;
}

void outbox_consume(struct outbox *o, size_t n)
{
    uint32_t gone = 0;

    SL_ASSERT(n <= o->bytes);
    outbox_count(o, 0, n);
    while (o->n > 0 && n > 0) {
        size_t rest = o->ring[o->head]->bytes - o->sent;
        if (n < rest) {
            o->sent += n;
            return;
        }
        n -= rest;
        drop_first(o);
    }
    while (n > 0) {
        struct packet *p = o->slot[gone++].packet;
        measure_age(o, p);
        if (n < p->bytes) {
            commit_slot(o, p, n);
            break;
        }
        n -= p->bytes;
        end_wait(o, p);
    }
    if (gone == 0) return;
    o->slot_n -= gone;
    memmove(o->slot, o->slot + gone, sizeof *o->slot * o->slot_n);
}
