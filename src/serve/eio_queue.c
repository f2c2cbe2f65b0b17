/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "serve/eio_inside.h"

#define MESSAGE_BYTES 128 /* of the bound, at least, for each that waits */

static size_t cost(const struct eio_message *m)
{
    return m->bytes > MESSAGE_BYTES ? m->bytes : MESSAGE_BYTES;
}

static struct eio_slot *find_slot(const struct eio_queue *q, uint32_t key)
{
    for (uint32_t i = 0; i < q->slot_n; i++)
        if (q->slot[i].key == key) return &q->slot[i];
    return NULL;
}

static bool is_empty(const struct eio_queue *q)
{
    return q->n == 0 && q->slot_n == 0;
}

static int push(struct eio_queue *q, struct eio_message *m)
{
    if (q->n == q->cap) {
        uint32_t cap = q->cap * 2;
        struct eio_message **more = sl__alloc(cap * sizeof *more);
        if (more == NULL) return SL_E_NOMEM;
        for (uint32_t i = 0; i < q->n; i++)
            more[i] = q->ring[(q->head + i) % q->cap];
        if (q->ring != q->inside) sl__free(q->ring);
        q->ring = more;
        q->head = 0;
        q->cap = cap;
    }
    q->ring[(q->head + q->n++) % q->cap] = eio_message_hold(m);
    return 0;
}

static int put_slot(struct eio_queue *q, struct eio_slot *slot, uint32_t key,
                    struct eio_message *m)
{
    if (slot != NULL) {
        eio_message_hold(m);
        eio_message_drop(slot->m);
        slot->m = m;
        return 0;
    }
    if (q->slot_n == q->slot_cap) {
        uint32_t cap = q->slot_cap ? q->slot_cap * 2 : 2;
        struct eio_slot *more = sl__realloc(q->slot, cap * sizeof *more);
        if (more == NULL) return SL_E_NOMEM;
        q->slot = more;
        q->slot_cap = cap;
    }
    q->slot[q->slot_n++] = (struct eio_slot){key, eio_message_hold(m)};
    return 0;
}

bool eio_queue_has(const struct eio_queue *q, uint32_t key)
{
    return q != NULL && find_slot(q, key) != NULL;
}

static struct eio_queue *queue_new(void)
{
    struct eio_queue *q = sl__zalloc(sizeof *q);

    if (q == NULL) return NULL;
    q->ring = q->inside;
    q->cap = EIO_QUEUE_INSIDE;
    return q;
}

int eio_queue_put(struct eio_queue **where, struct eio_message *m, uint32_t key, size_t bound)
{
    struct eio_queue *q = *where != NULL ? *where : queue_new();
    struct eio_slot *slot;
    size_t others;
    int rc;

    if (q == NULL) return SL_E_NOMEM;
    slot = key != 0 ? find_slot(q, key) : NULL;
    others = q->bytes - (slot != NULL ? cost(slot->m) : 0);
    if (others > 0 && others + cost(m) > bound) return SL_E_FULL; /* then *where was there */
    rc = key != 0 ? put_slot(q, slot, key, m) : push(q, m);
    *where = q;
    if (rc == 0)
        q->bytes = others + cost(m);
    else if (is_empty(q))
        eio_queue_free(where);
    return rc;
}

struct eio_message *eio_queue_at(const struct eio_queue *q, uint32_t i)
{
    if (q == NULL) return NULL;
    if (i < q->n) return q->ring[(q->head + i) % q->cap];
    return i - q->n < q->slot_n ? q->slot[i - q->n].m : NULL;
}

struct eio_message *eio_queue_first(const struct eio_queue *q, uint32_t *key)
{
    *key = q != NULL && q->n == 0 && q->slot_n > 0 ? q->slot[0].key : 0;
    return eio_queue_at(q, 0);
}

void eio_queue_shift(struct eio_queue **where)
{
    struct eio_queue *q = *where;
    struct eio_message *m = eio_queue_at(q, 0);

    if (m == NULL) return;
    q->bytes -= cost(m);
    if (q->n > 0) {
        q->head = (q->head + 1) % q->cap;
        q->n--;
    } else {
        q->slot_n--;
        memmove(q->slot, q->slot + 1, q->slot_n * sizeof *q->slot);
    }
    eio_message_drop(m);
    if (is_empty(q)) eio_queue_free(where);
}

void eio_queue_free(struct eio_queue **where)
{
    struct eio_queue *q = *where;
    struct eio_message *m;

    if (q == NULL) return;
    for (uint32_t i = 0; (m = eio_queue_at(q, i)) != NULL; i++)
        eio_message_drop(m);
    if (q->ring != q->inside) sl__free(q->ring);
    sl__free(q->slot);
    sl__free(q);
    *where = NULL;
}
