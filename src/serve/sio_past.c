/* SPDX-License-Identifier: MIT */
/* In which rooms a session was, and when. */
#include "base/alloc.h"
#include "serve/sio_inside.h"

static void free_member(struct sio_member *m)
{
    list_remove(&m->of_socket);
    sio_room_drop(m->room);
    sl__free(m);
}

static struct sio_member *first_of(const struct list *l)
{
    return LIST_ENTRY(l->next, struct sio_member, of_socket);
}

/* The oldest is what least is asked for; what the log has dropped nobody asks for. */
static void make_room(struct sio_session *x)
{
    while (x->past_n > 0) {
        struct sio_member *m = first_of(&x->past);
        if (m->until > x->nsp->log_floor && x->past_n < SL_SIO_PAST_MAX) return;
        if (m->until > x->known_from) x->known_from = m->until;
        free_member(m);
        x->past_n--;
    }
}

void sio_past_add(struct sio_session *x, struct sio_member *m)
{
    m->socket = NULL;
    m->until = x->nsp->sio->recovery->last;
    if (m->until == m->since) { /* nothing was sent meanwhile */
        free_member(m);
        return;
    }
    make_room(x);
    list_add_last(&x->past, &m->of_socket);
    x->past_n++;
}

void sio_past_keep(struct sio_session *x, sl_sio_socket *s)
{
    list_move_all(&s->rooms, &x->rooms);
    s->room_n = 0;
    for (struct list *n = x->rooms.next; n != &x->rooms; n = n->next) {
        struct sio_member *m = LIST_ENTRY(n, struct sio_member, of_socket);
        m->socket = NULL;
        list_remove(&m->of_room);
    }
}

void sio_past_restore(struct sio_session *x, sl_sio_socket *s)
{
    for (struct list *n; (n = list_take_first(&x->rooms)) != NULL;) {
        struct sio_member *m = LIST_ENTRY(n, struct sio_member, of_socket);
        m->socket = s;
        list_add_last(&s->rooms, &m->of_socket);
        list_add_last(&m->room->members, &m->of_room);
        m->room->live++;
        s->room_n++;
    }
}

void sio_past_free(struct sio_session *x)
{
    while (!list_is_empty(&x->rooms))
        free_member(first_of(&x->rooms));
    while (!list_is_empty(&x->past))
        free_member(first_of(&x->past));
    x->past_n = 0;
}

static bool has(const struct list *members, const struct sio_room *r, uint64_t offset)
{
    for (const struct list *n = members->next; n != members; n = n->next) {
        const struct sio_member *m = LIST_ENTRY(n, struct sio_member, of_socket);
        if (m->room == r && m->since < offset && offset <= m->until) return true;
    }
    return false;
}

bool sio_past_was_in(const struct sio_session *x, const struct sio_room *r, uint64_t offset)
{
    const struct list *rooms = x->socket != NULL ? &x->socket->rooms : &x->rooms;

    return has(rooms, r, offset) || has(&x->past, r, offset);
}
