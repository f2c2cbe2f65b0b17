/* SPDX-License-Identifier: MIT */
/* The log of recovery: what was sent to whom, as long as its bound allows. */
#include "base/alloc.h"
#include "base/clock.h"
#include "serve/sio_inside.h"

/* Besides its bytes a message is a frame's and two allocations' heads, made when needed. */
#define ENTRY_COST 512

/* ---- lives ---- */

static void entry_free(struct sio_entry *e)
{
    e->nsp->sio->recovery->bytes -= e->cost;
    list_remove(&e->all);
    list_remove(&e->of_nsp);
    for (uint32_t i = 0; i < e->to_n + e->except_n; i++)
        sio_room_drop(e->room[i]);
    eio_message_drop(e->m);
    sl__free(e);
}

void sio_log_clear(struct sio_nsp *nsp)
{
    while (!list_is_empty(&nsp->log))
        entry_free(LIST_ENTRY(nsp->log.next, struct sio_entry, of_nsp));
}

/* An event that can not be kept: who has not had it can not be recovered. */
static void make_hole(struct sio_nsp *nsp, uint64_t offset)
{
    sio_log_clear(nsp);
    nsp->log_floor = offset;
}

/* A text is kept once for WebSockets and once for polls, and there bytes are base64. */
static size_t cost_of(size_t bytes)
{
    return ENTRY_COST + bytes * 5 / 2;
}

static bool make_room(struct sio_recovery *r, size_t cost)
{
    if (cost > r->bytes_max) return false;
    while (r->bytes + cost > r->bytes_max) {
        struct sio_entry *e = LIST_ENTRY(r->log.next, struct sio_entry, all);
        e->nsp->log_floor = e->offset;
        entry_free(e);
    }
    return true;
}

/* ---- putting ---- */

uint64_t sio_log_next(sl_sio *sio)
{
    struct sio_recovery *r = sio->recovery;
    uint64_t now_us = (uint64_t)wall_now().us;

    r->last = now_us > r->last ? now_us : r->last + 1;
    return r->last;
}

static struct sio_entry *put(struct sio_nsp *nsp, struct eio_message *m, uint64_t offset,
                             size_t bytes, size_t rooms)
{
    struct sio_recovery *r = nsp->sio->recovery;
    size_t cost = cost_of(bytes) + rooms * sizeof(struct sio_room *);
    struct sio_entry *e = NULL;

    if (make_room(r, cost)) e = sl__zalloc(sizeof *e + rooms * sizeof e->room[0]);
    if (e == NULL) {
        make_hole(nsp, offset);
        return NULL;
    }
    *e = (struct sio_entry){.nsp = nsp, .offset = offset, .bytes = bytes, .cost = cost};
    e->m = eio_message_hold(m);
    r->bytes += cost;
    list_add_last(&r->log, &e->all);
    list_add_last(&nsp->log, &e->of_nsp);
    return e;
}

void sio_log_put_one(const sl_sio_socket *s, struct eio_message *m, uint64_t offset,
                     size_t bytes)
{
    struct sio_entry *e;

    if (s->session == NULL) return;
    s->session->last = offset;
    e = put(s->nsp, m, offset, bytes, 0);
    if (e != NULL) e->only = s->session->serial;
}

/* A room that nobody holds has nobody who may ask. */
static uint32_t add_rooms(struct sio_entry *e, uint32_t at, const sl_str *name, size_t n)
{
    uint32_t added = 0;

    for (size_t i = 0; i < n; i++) {
        struct sio_room *room = sio_room_find(e->nsp, name[i]);
        if (room == NULL) continue;
        room->n++;
        e->room[at + added++] = room;
    }
    return added;
}

static bool is_for_somebody(const struct sio_nsp *nsp, const sl_sio_target *t)
{
    if (nsp->sessions == 0) return false;
    for (size_t i = 0; i < t->to_count; i++)
        if (sio_room_find(nsp, t->to[i]) != NULL) return true;
    return t->to_count == 0;
}

void sio_log_put(struct sio_nsp *nsp, const sl_sio_target *t, struct eio_message *m,
                 uint64_t offset, size_t bytes)
{
    struct sio_entry *e;

    if (!is_for_somebody(nsp, t)) return; /* what is nobody's drives nothing out */
    e = put(nsp, m, offset, bytes, t->to_count + t->except_count);
    if (e == NULL) return;
    if (t->but != NULL && t->but->session != NULL) e->but = t->but->session->serial;
    e->to_n = add_rooms(e, 0, t->to, t->to_count);
    e->except_n = add_rooms(e, e->to_n, t->except, t->except_count);
    /* what was driven out held those rooms: 0 would be all of the namespace */
    if (t->to_count > 0 && e->to_n == 0) entry_free(e);
}

/* ---- asking ---- */

static bool was_in_one(const struct sio_session *x, const struct sio_entry *e, uint32_t from,
                       uint32_t n)
{
    for (uint32_t i = from; i < from + n; i++)
        if (sio_past_was_in(x, e->room[i], e->offset)) return true;
    return false;
}

static bool is_for(const struct sio_entry *e, const struct sio_session *x)
{
    if (e->only != 0) return e->only == x->serial;
    if (e->but == x->serial || was_in_one(x, e, e->to_n, e->except_n)) return false;
    return e->to_n == 0 || was_in_one(x, e, 0, e->to_n);
}

/* The first in the list from here on that is for it. */
static const struct sio_entry *find(const struct sio_session *x, const struct list *n)
{
    for (; n != &x->nsp->log; n = n->next) {
        const struct sio_entry *e = LIST_ENTRY(n, struct sio_entry, of_nsp);
        if (is_for(e, x)) return e;
    }
    return NULL;
}

/* What is asked for is mostly new: from the end. */
static const struct list *last_up_to(const struct sio_nsp *nsp, uint64_t offset)
{
    const struct list *n = nsp->log.prev;

    while (n != &nsp->log && LIST_ENTRY(n, struct sio_entry, of_nsp)->offset > offset)
        n = n->prev;
    return n;
}

const struct sio_entry *sio_log_first(const struct sio_session *x, uint64_t behind)
{
    return find(x, last_up_to(x->nsp, behind)->next);
}

const struct sio_entry *sio_log_next_of(const struct sio_session *x, const struct sio_entry *e)
{
    return find(x, e->of_nsp.next);
}

bool sio_log_has(const struct sio_session *x, uint64_t offset)
{
    const struct list *n = last_up_to(x->nsp, offset);
    const struct sio_entry *e = LIST_ENTRY(n, struct sio_entry, of_nsp);

    return n != &x->nsp->log && e->offset == offset && is_for(e, x);
}
