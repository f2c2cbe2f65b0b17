/* SPDX-License-Identifier: MIT */
/* Rooms by name, and sending to many: nobody twice, encoded once. */
#include "base/alloc.h"
#include "serve/sio_inside.h"

struct sio_room {
    struct sio_nsp *nsp;
    struct list members; /* struct sio_member, by of_room */
    uint32_t n, live;    /* live: without those that have ended and are not told yet */
    sl_str name;
    char text[];
};

struct sio_member {
    struct list of_room, of_socket;
    struct sio_room *room;
    sl_sio_socket *socket;
};

/* ---- membership ---- */

static struct sio_room *find_room(const struct sio_nsp *nsp, sl_str name)
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

/* An empty room is gone. */
static void release_room(struct sio_room *r)
{
    if (r->n > 0) return;
    map_remove(r->nsp->rooms, r->name);
    sl__free(r);
}

static struct sio_member *find_member(const sl_sio_socket *s, sl_str room)
{
    struct sio_room *r = find_room(s->nsp, room);

    for (struct list *n = s->rooms.next; r != NULL && n != &s->rooms; n = n->next) {
        struct sio_member *m = LIST_ENTRY(n, struct sio_member, of_socket);
        if (m->room == r) return m;
    }
    return NULL;
}

int sl_sio_join(sl_sio_socket *s, sl_str room)
{
    struct sio_room *r;
    struct sio_member *m;

    if (s->reason != NULL) return SL_E_CLOSED;
    if (room.len > SL_SIO_ROOM_NAME_MAX) return SL_E_TOO_BIG;
    if (find_member(s, room) != NULL) return 0;
    if (s->room_n == SL_SIO_ROOMS_MAX) return SL_E_TOO_BIG;
    r = find_room(s->nsp, room);
    if (r == NULL) r = room_new(s->nsp, room);
    if (r == NULL) return SL_E_NOMEM;
    m = sl__alloc(sizeof *m);
    if (m == NULL) {
        release_room(r);
        return SL_E_NOMEM;
    }
    m->room = r;
    m->socket = s;
    list_add_last(&r->members, &m->of_room);
    list_add_last(&s->rooms, &m->of_socket);
    r->n++;
    r->live++;
    s->room_n++;
    return 0;
}

static void leave(struct sio_member *m)
{
    list_remove(&m->of_room);
    list_remove(&m->of_socket);
    m->socket->room_n--;
    if (m->socket->reason == NULL) m->room->live--;
    m->room->n--;
    release_room(m->room);
    sl__free(m);
}

void sl_sio_leave(sl_sio_socket *s, sl_str room)
{
    struct sio_member *m = find_member(s, room);

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
    const struct sio_room *r = find_room(in, room);

    if (in == NULL) return 0;
    if (room.ptr == NULL) return in->live;
    return r != NULL ? r->live : 0;
}

/* ---- sending to many ---- */

struct fan {
    const sl_sio_target *target;
    uint64_t stamp; /* whoever carries it has had it, or is not to have it */
    uint32_t key;
    struct eio_message *m;
};

static void send_to(const struct fan *f, sl_sio_socket *s)
{
    struct eio_session *eio = s->client->eio;

    if (s->stamp == f->stamp) return;
    s->stamp = f->stamp;
    if (s->reason != NULL || !s->joined || eio == NULL) return;
    if (f->target->is_volatile && !eio_is_writable(eio)) return;
    if (f->key != 0)
        (void)eio_send(eio, f->m, f->key);
    else
        (void)eio_announce(eio, f->m); /* whose queue is full is closed: no error of ours */
}

/* Nobody leaves while these walk: who ends is told at the end of the turn. */
static void send_to_all(const struct fan *f, const struct sio_nsp *nsp)
{
    for (struct list *n = nsp->sockets.next; n != &nsp->sockets; n = n->next)
        send_to(f, LIST_ENTRY(n, sl_sio_socket, of_nsp));
}

static void send_to_room(const struct fan *f, const struct sio_room *r)
{
    for (struct list *n = r->members.next; n != &r->members; n = n->next)
        send_to(f, LIST_ENTRY(n, struct sio_member, of_room)->socket);
}

static void spare(const struct fan *f, const struct sio_nsp *nsp, sl_str room)
{
    const struct sio_room *r = find_room(nsp, room);

    if (r == NULL) return;
    for (struct list *n = r->members.next; n != &r->members; n = n->next)
        LIST_ENTRY(n, struct sio_member, of_room)->socket->stamp = f->stamp;
}

static int broadcast(sl_sio *sio, const sl_sio_target *t, uint32_t key, sl_sio_packet *p)
{
    const struct sio_nsp *nsp = sio_nsp_find(sio, t->nsp);
    struct fan f = {.target = t, .key = key};
    int rc = 0;

    if (nsp == NULL) return 0;
    f.m = sio_packet_event(p, nsp, &rc);
    if (f.m == NULL) return rc;
    f.stamp = ++sio->stamp;
    for (size_t i = 0; i < t->except_count; i++)
        spare(&f, nsp, t->except[i]);
    /* only marked, never changed otherwise */
    if (t->but != NULL) ((sl_sio_socket *)t->but)->stamp = f.stamp;
    if (t->to_count == 0) send_to_all(&f, nsp);
    for (size_t i = 0; i < t->to_count; i++) {
        const struct sio_room *r = find_room(nsp, t->to[i]);
        if (r != NULL) send_to_room(&f, r);
    }
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
