/* SPDX-License-Identifier: MIT */
/* Rooms by name, and sending to many: nobody twice, encoded once. */
#include "base/alloc.h"
#include "serve/sio_inside.h"

/* ---- membership ---- */

struct sio_room *sio_room_find(const struct sio_nsp *nsp, sl_str name)
{
    return nsp != NULL && nsp->rooms != NULL ? map_find(nsp->rooms, name) : NULL;
}

static struct sio_room *room_new(struct sio_nsp *nsp, sl_str name)
{
    struct sio_room *r;

    if (nsp->rooms == NULL) nsp->rooms = map_new();
    if (nsp->rooms == NULL) return NULL;
    r = sl__zalloc(sizeof *r + name.len);
    if (r == NULL) return NULL;
    r->nsp = nsp;
    list_init(&r->members);
    if (name.len > 0) memcpy(r->text, name.ptr, name.len);
    r->name = (sl_str){r->text, name.len};
    if (map_put(nsp->rooms, r->name, r, NULL) == 0) return r;
    sl__free(r);
    return NULL;
}

void sio_room_drop(struct sio_room *r)
{
    if (--r->n > 0) return;
    map_remove(r->nsp->rooms, r->name);
    sl__free(r);
}

static struct sio_member *find_member(const sl_sio_socket *s, sl_str room)
{
    struct sio_room *r = sio_room_find(s->nsp, room);

    for (struct list *n = s->rooms.next; r != NULL && n != &s->rooms; n = n->next) {
        struct sio_member *m = LIST_ENTRY(n, struct sio_member, of_socket);
        if (m->room == r) return m;
    }
    return NULL;
}

int sl_sio_join(sl_sio_socket *s, sl_str room)
{
    const struct observer *o = s->nsp->sio->observer;
    struct sio_room *r;
    struct sio_member *m;

    if (s->reason != NULL) return SL_E_CLOSED;
    if (room.len > SL_SIO_ROOM_NAME_MAX) return SL_E_TOO_BIG;
    if (find_member(s, room) != NULL) return 0;
    if (s->room_n == SL_SIO_ROOMS_MAX) return SL_E_TOO_BIG;
    r = sio_room_find(s->nsp, room);
    if (r == NULL) r = room_new(s->nsp, room);
    if (r == NULL) return SL_E_NOMEM;
    r->n++;
    m = sl__alloc(sizeof *m);
    if (m == NULL) {
        sio_room_drop(r);
        return SL_E_NOMEM;
    }
    *m = (struct sio_member){.room = r, .socket = s, .until = UINT64_MAX};
    if (s->session != NULL) m->since = s->nsp->sio->recovery->last;
    list_add_last(&r->members, &m->of_room);
    list_add_last(&s->rooms, &m->of_socket);
    r->live++;
    s->room_n++;
    if (o != NULL) o->on_joined(s, r->name, o->user);
    return 0;
}

static void leave(struct sio_member *m)
{
    list_remove(&m->of_room);
    list_remove(&m->of_socket);
    m->socket->room_n--;
    if (m->socket->reason == NULL) m->room->live--;
    if (m->socket->session != NULL) {
        sio_past_add(m->socket->session, m);
        return;
    }
    sio_room_drop(m->room);
    sl__free(m);
}

void sl_sio_leave(sl_sio_socket *s, sl_str room)
{
    struct sio_member *m = find_member(s, room);

    if (s->reason != NULL && s->session != NULL) return; /* they are those of its end */
    if (m != NULL) leave(m);
}

bool sl_sio_is_in(const sl_sio_socket *s, sl_str room)
{
    return find_member(s, room) != NULL;
}

void sio_rooms_leave_all(sl_sio_socket *s)
{
    while (!list_is_empty(&s->rooms))
        leave(LIST_ENTRY(s->rooms.next, struct sio_member, of_socket));
}

void sio_rooms_uncount(sl_sio_socket *s)
{
    for (struct list *n = s->rooms.next; n != &s->rooms; n = n->next)
        LIST_ENTRY(n, struct sio_member, of_socket)->room->live--;
}

uint32_t sl_sio_count(const sl_sio *sio, sl_str nsp, sl_str room)
{
    const struct sio_nsp *in = sio_nsp_find(sio, nsp);
    const struct sio_room *r = sio_room_find(in, room);

    if (in == NULL) return 0;
    if (room.ptr == NULL) return in->live;
    return r != NULL ? r->live : 0;
}

/* ---- sending to many ---- */

struct fan {
    const struct sio_nsp *nsp;
    const sl_sio_target *target;
    sl_sio_packet *packet;
    uint64_t stamp;                /* whoever carries it has had it, or is not to have it */
    uint64_t offset;               /* 0: it has none */
    uint32_t key, n;               /* n: had it */
    uint32_t announced;            /* of them, in order and without an error */
    struct eio_message *m, *plain; /* plain: for clients of 2.x, who know no offsets */
};

/* What this one is to get; NULL: there is no memory for it */
static struct eio_message *message_for(struct fan *f, const sl_sio_socket *s)
{
    int rc;

    if (f->offset == 0) return f->m;
    if (s->client->revision != 3) {
        if (s->session != NULL) s->session->last = f->offset;
        return f->m;
    }
    if (f->plain == NULL) f->plain = sio_packet_event(f->packet, f->nsp, &rc);
    return f->plain;
}

static void send_to(struct fan *f, sl_sio_socket *s)
{
    struct eio_session *eio = s->client->eio;
    struct eio_message *m;

    if (s->stamp == f->stamp) return;
    s->stamp = f->stamp;
    if (s->reason != NULL || !s->joined || eio == NULL) return;
    if (f->target->is_volatile && !eio_is_writable(eio)) return;
    m = message_for(f, s);
    if (m == NULL) return;
    f->n++;
    if (f->key != 0)
        (void)eio_send(eio, m, f->key);
    else
        f->announced += eio_announce(eio, m) == 0; /* whose queue is full is closed */
}

/* Nobody leaves while these walk: who ends is told at the end of the turn. */
static void send_to_all(struct fan *f, const struct sio_nsp *nsp)
{
    for (struct list *n = nsp->sockets.next; n != &nsp->sockets; n = n->next)
        send_to(f, LIST_ENTRY(n, sl_sio_socket, of_nsp));
}

static void send_to_room(struct fan *f, const struct sio_room *r)
{
    for (struct list *n = r->members.next; n != &r->members; n = n->next)
        send_to(f, LIST_ENTRY(n, struct sio_member, of_room)->socket);
}

static void spare(const struct fan *f, const struct sio_nsp *nsp, sl_str room)
{
    const struct sio_room *r = sio_room_find(nsp, room);

    if (r == NULL) return;
    for (struct list *n = r->members.next; n != &r->members; n = n->next)
        LIST_ENTRY(n, struct sio_member, of_room)->socket->stamp = f->stamp;
}

/* Make what all of them get, and keep it for those who come back. returns 0 or why not */
static int begin_fan(struct fan *f, struct sio_nsp *nsp)
{
    bool is_marked = nsp->sio->recovery != NULL && f->key == 0 && !f->target->is_volatile;
    size_t bytes;
    int rc = 0;

    f->stamp = ++nsp->sio->stamp;
    if (!is_marked) {
        f->m = sio_packet_event(f->packet, nsp, &rc);
        return rc;
    }
    f->offset = sio_log_next(nsp->sio);
    f->m = sio_packet_marked(f->packet, nsp, f->offset, &bytes, &rc);
    if (f->m != NULL) sio_log_put(nsp, f->target, f->m, f->offset, bytes);
    return rc;
}

static int broadcast(sl_sio *sio, const sl_sio_target *t, uint32_t key, sl_sio_packet *p)
{
    struct sio_nsp *nsp = sio_nsp_find(sio, t->nsp);
    struct fan f = {.nsp = nsp, .target = t, .packet = p, .key = key};
    int rc;

    if (nsp == NULL) return 0;
    rc = begin_fan(&f, nsp);
    if (f.m == NULL) return rc;
    for (size_t i = 0; i < t->except_count; i++)
        spare(&f, nsp, t->except[i]);
    /* only marked, never changed otherwise */
    if (t->but != NULL) ((sl_sio_socket *)t->but)->stamp = f.stamp;
    if (t->to_count == 0) send_to_all(&f, nsp);
    for (size_t i = 0; i < t->to_count; i++) {
        const struct sio_room *r = sio_room_find(nsp, t->to[i]);
        if (r != NULL) send_to_room(&f, r);
    }
    sio->broadcast += f.announced;
    if (f.offset != 0) eio_message_drop(f.m); /* else it is the packet's */
    sio_tell_emitted(sio, NULL, p, f.n);
    return 0;
}

int sl_sio_broadcast(sl_sio *sio, const sl_sio_target *t, sl_sio_packet *p)
{
    return broadcast(sio, t, 0, p);
}

int sl_sio_broadcast_newest(sl_sio *sio, const sl_sio_target *t, uint32_t key, sl_sio_packet *p)
{
    return key != 0 ? broadcast(sio, t, key, p) : SL_E_INVAL;
}

int sl_sio_emit_others(sl_sio_socket *s, sl_sio_packet *p)
{
    sl_sio_target t = {.nsp = s->nsp->name, .but = s};

    return broadcast(s->nsp->sio, &t, 0, p);
}

/* ---- for who inspects ---- */

uint32_t inspect_room_count(const sl_sio_socket *s)
{
    return s->room_n;
}

bool inspect_next_room(const sl_sio_socket *s, const void **at, sl_str *name)
{
    const struct list *n = *at == NULL ? s->rooms.next : ((const struct list *)*at)->next;

    if (n == &s->rooms) return false;
    *at = n;
    *name = LIST_ENTRY(n, struct sio_member, of_socket)->room->name;
    return true;
}
