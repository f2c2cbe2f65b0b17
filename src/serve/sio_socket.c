/* SPDX-License-Identifier: MIT */
/* One client in one namespace: its life, what it emits, acks both ways. */
#include "base/alloc.h"
#include "base/rand.h"
#include "serve/sio_inside.h"

#include <stdio.h>

/* An answer that is waited for. */
struct sio_wait {
    struct list node;
    struct timer timer;
    sl_sio_socket *socket;
    uint64_t id;
    sl_sio_event_fn *fn;
    void *user;
};

/* ---- lives ---- */

/* A 2.x client makes its id from its session's: ours is the same. */
static void make_id_as_2x(char *id, size_t size, sl_str nsp, const char *sid)
{
    if (nsp.len == 1)
        snprintf(id, size, "%s", sid);
    else
        snprintf(id, size, "%.*s#%s", (int)nsp.len, nsp.ptr, sid);
}

sl_sio_socket *sio_socket_new(struct sio_client *c, struct sio_nsp *nsp)
{
    size_t id_size = c->revision == 3 ? nsp->name.len + 1 + EIO_SID_SIZE : SIO_ID_SIZE;
    sl_sio_socket *s = sl__zalloc(offsetof(sl_sio_socket, id) + id_size);

    if (s == NULL) return NULL;
    s->client = c;
    s->nsp = nsp;
    list_init(&s->rooms);
    if (c->revision == 3)
        make_id_as_2x(s->id, id_size, nsp->name, eio_sid(c->eio));
    else
        rand_token(s->id, SIO_ID_SIZE - 1);
    list_add_last(&c->sockets, &s->of_client);
    list_add_last(&nsp->sockets, &s->of_nsp);
    sio_client_hold(c);
    c->n++;
    nsp->n++;
    nsp->live++;
    nsp->sio->sockets++;
    return s;
}

/* It counts no more; the rest of it goes when it has been told. */
static void uncount(sl_sio_socket *s)
{
    sio_hold_end(s);
    s->client->n--;
    s->nsp->live--;
    s->nsp->sio->sockets--;
    sio_rooms_uncount(s);
    list_remove(&s->of_client);
}

void sio_socket_free(sl_sio_socket *s)
{
    struct sio_nsp *nsp = s->nsp;
    struct sio_client *c = s->client;
    const sl_sio_namespace *row = nsp->row;
    void *user;

    if (s->reason == NULL) uncount(s);
    if (s->reason == NULL) s->reason = "";
    sio_session_end(s);
    sio_rooms_leave_all(s);
    list_remove(&s->of_client);
    list_remove(&s->of_nsp);
    user = s->user;
    sl__free(s->acks);
    sl__free(s);
    if (user != NULL && row->free_user != NULL) row->free_user(user, row->user);
    nsp->n--;
    sio_nsp_release(nsp);
    sio_client_drop(c);
}

sl_sio_socket *sio_socket_find(const struct sio_client *c, sl_str nsp)
{
    for (struct list *n = c->sockets.next; n != &c->sockets; n = n->next) {
        sl_sio_socket *s = LIST_ENTRY(n, sl_sio_socket, of_client);
        if (sl_str_eq(s->nsp->name, nsp)) return s;
    }
    return NULL;
}

void sio_socket_end(sl_sio_socket *s, const char *reason)
{
    if (s->reason != NULL) return;
    uncount(s);
    s->reason = reason;
    sio_session_note_end(s);
    list_add_last(&s->nsp->sio->ended, &s->of_client);
    sio_want_turn(s->nsp->sio);
}

/* ---- answers that are waited for ---- */

static void end_wait(struct sio_wait *w, const sl_sio_event *e)
{
    sl_sio_socket *s = w->socket;
    sl_sio_event_fn *fn = w->fn;
    void *user = w->user;

    list_remove(&w->node);
    sl__loop_cancel_timer(s->nsp->sio->loop, &w->timer);
    s->acks->n--;
    sl__free(w);
    if (fn != NULL) fn(s, e, user);
}

static void on_too_late(struct timer *t)
{
    end_wait(LIST_ENTRY(t, struct sio_wait, timer), NULL);
}

/* Ids are in order, and answers nearly: the one that is meant is in front. */
void sio_socket_answer(sl_sio_socket *s, const sl_sio_event *e)
{
    struct list *waits = s->acks != NULL ? &s->acks->waits : NULL;

    if (waits == NULL || e->ack_id >= s->acks->next) return;
    for (struct list *n = waits->next; n != waits; n = n->next) {
        struct sio_wait *w = LIST_ENTRY(n, struct sio_wait, node);
        if (w->id > e->ack_id) return;
        if (w->id < e->ack_id) continue;
        end_wait(w, e);
        return;
    }
}

static bool need_acks(sl_sio_socket *s)
{
    if (s->acks != NULL) return true;
    s->acks = sl__zalloc(sizeof *s->acks);
    if (s->acks == NULL) return false;
    list_init(&s->acks->waits);
    /* an answer to what it was asked before it was lost is none to this */
    if (s->session != NULL) s->acks->next = s->session->next_ack;
    return true;
}

static struct sio_wait *wait_new(sl_sio_socket *s, sl_sio_event_fn *fn, void *user)
{
    struct sio_wait *w = need_acks(s) ? sl__alloc(sizeof *w) : NULL;

    if (w == NULL) return NULL;
    *w = (struct sio_wait){.socket = s, .id = s->acks->next, .fn = fn, .user = user};
    timer_init(&w->timer, on_too_late);
    return w;
}

/* ---- being told ---- */

static void tell(sl_sio_socket *s)
{
    const sl_sio_namespace *row = s->nsp->row;

    while (s->acks != NULL && !list_is_empty(&s->acks->waits))
        end_wait(LIST_ENTRY(s->acks->waits.next, struct sio_wait, node), NULL);
    if (row->on_disconnect != NULL) row->on_disconnect(s, s->reason, row->user);
    sio_socket_free(s);
}

void sio_tell(sl_sio *sio)
{
    for (struct list *n; (n = list_take_first(&sio->ended)) != NULL;)
        tell(LIST_ENTRY(n, sl_sio_socket, of_client));
}

/* ---- events ---- */

void sio_socket_event(sl_sio_socket *s, const sl_sio_event *e)
{
    const sl_sio_namespace *row = s->nsp->row;

    for (size_t i = 0; i < row->event_count; i++) {
        if (!sio_event_is(e, row->events[i].event)) continue;
        row->events[i].fn(s, e, row->user);
        return;
    }
}

/* ---- emitting ---- */

static int may_emit(const sl_sio_socket *s)
{
    if (s->reason != NULL || s->client->eio == NULL) return SL_E_CLOSED;
    return s->joined && s->nsp->sio->on_plain == NULL ? 0 : SL_E_INVAL;
}

int sl_sio_send_plain(sl_sio_socket *s, const sl_message *m)
{
    struct eio_message *made;
    int rc;

    if (s->nsp->sio->on_plain == NULL) return SL_E_INVAL;
    if (s->reason != NULL) return SL_E_CLOSED;
    made = eio_message_new(m, 1);
    rc = sio_client_send(s->client, made);
    eio_message_drop(made);
    return rc;
}

static int emit(sl_sio_socket *s, sl_sio_packet *p, uint32_t key)
{
    struct eio_message *m;
    int rc = may_emit(s);

    if (rc < 0) return rc;
    m = sio_packet_event(p, s->nsp, &rc);
    if (m == NULL) return rc;
    rc = eio_send(s->client->eio, m, key);
    if (rc == 0) sio_tell_emitted(s->nsp->sio, s, p, 1);
    return rc;
}

/* It is kept for the return of a client that has not had it. */
static int emit_marked(sl_sio_socket *s, sl_sio_packet *p)
{
    uint64_t offset = sio_log_next(s->nsp->sio);
    struct eio_message *m;
    size_t bytes;
    int rc = may_emit(s);

    if (rc < 0) return rc;
    m = sio_packet_marked(p, s->nsp, offset, &bytes, &rc);
    if (m == NULL) return rc;
    sio_log_put_one(s, m, offset, bytes);
    rc = eio_send(s->client->eio, m, 0);
    if (rc == 0) sio_tell_emitted(s->nsp->sio, s, p, 1);
    eio_message_drop(m);
    return rc;
}

int sl_sio_emit(sl_sio_socket *s, sl_sio_packet *p)
{
    bool is_marked = s->nsp->sio->recovery != NULL && s->client->revision != 3;

    return is_marked ? emit_marked(s, p) : emit(s, p, 0);
}

int sl_sio_emit_newest(sl_sio_socket *s, uint32_t key, sl_sio_packet *p)
{
    return key != 0 ? emit(s, p, key) : SL_E_INVAL;
}

int sl_sio_emit_volatile(sl_sio_socket *s, sl_sio_packet *p)
{
    int rc = may_emit(s);

    return rc == 0 && eio_is_writable(s->client->eio) ? emit(s, p, 0) : rc;
}

int sl_sio_emit_json(sl_sio_socket *s, const char *event, sl_str args)
{
    sl_sio_packet p;
    int rc;

    sio_packet_init(&p, event);
    if (args.len > 0) sl_out_raw(&p.out, args);
    rc = sl_sio_emit(s, &p);
    sio_packet_deinit(&p);
    return rc;
}

static int send_with_id(sl_sio_socket *s, sl_sio_packet *p, bool answer, uint64_t id)
{
    struct eio_message *m;
    int rc = may_emit(s);

    if (rc < 0) return rc;
    m = sio_packet_with_id(p, s->nsp, answer, id, &rc);
    if (m != NULL) rc = sio_client_send(s->client, m);
    eio_message_drop(m);
    return rc;
}

int sl_sio_emit_ack(sl_sio_socket *s, sl_sio_packet *p, uint32_t timeout_ms,
                    sl_sio_event_fn *fn, void *user)
{
    struct sio_wait *w;
    int rc;

    if (s->acks != NULL && s->acks->n == SL_SIO_ACKS_MAX) return SL_E_LIMIT;
    w = wait_new(s, fn, user);
    if (w == NULL) return SL_E_NOMEM;
    rc = send_with_id(s, p, false, w->id);
    if (rc < 0) {
        sl__free(w);
        return rc;
    }
    s->acks->next++;
    s->acks->n++;
    list_add_last(&s->acks->waits, &w->node);
    if (timeout_ms > 0) sl__loop_set_timer(s->nsp->sio->loop, &w->timer, timeout_ms);
    return 0;
}

int sl_sio_ack_id(sl_sio_socket *s, uint64_t ack_id, sl_sio_packet *p)
{
    return send_with_id(s, p, true, ack_id);
}

int sl_sio_ack_packet(sl_sio_socket *s, const sl_sio_event *e, sl_sio_packet *p)
{
    return e->wants_ack ? sl_sio_ack_id(s, e->ack_id, p) : 0;
}

int sl_sio_ack(sl_sio_socket *s, const sl_sio_event *e, sl_str args)
{
    sl_sio_packet p;
    int rc;

    sio_packet_init(&p, NULL);
    if (args.len > 0) sl_out_raw(&p.out, args);
    rc = sl_sio_ack_packet(s, e, &p);
    sio_packet_deinit(&p);
    return rc;
}

/* ---- leaving ---- */

/* Whether it had to be said. */
static bool leave(sl_sio_socket *s)
{
    struct sio_client *c = s->client;
    sl_json_out o = {0};
    struct eio_message *m;
    bool says = s->joined && s->nsp->sio->on_plain == NULL;

    if (s->reason != NULL) return false;
    if (says) {
        sio_out_disconnect(&o, s->nsp->name);
        m = sio_plain_message(&o);
        (void)sio_client_send(c, m); /* that it does not hear of it changes nothing */
        eio_message_drop(m);
        sl_out_deinit(&o);
        sio_client_note_left(c, s->nsp->name);
    }
    sio_socket_end(s, "server namespace disconnect");
    return says;
}

void sl_sio_disconnect(sl_sio_socket *s, bool hard)
{
    struct sio_client *c = s->client;
    bool said = false;

    if (hard || s->nsp->sio->on_plain != NULL) {
        while (!list_is_empty(&c->sockets))
            said |= leave(LIST_ENTRY(c->sockets.next, sl_sio_socket, of_client));
        sio_client_close(c, said);
    } else {
        (void)leave(s);
    }
}

/* ---- small things ---- */

const char *sl_sio_id(const sl_sio_socket *s)
{
    return s->id;
}

sl_str sl_sio_nsp(const sl_sio_socket *s)
{
    return s->nsp->name;
}

const char *sl_sio_peer(const sl_sio_socket *s)
{
    return eio_peer(s->client->eio); /* which outlives it */
}

int sl_sio_revision(const sl_sio_socket *s)
{
    return s->client->revision;
}

bool sl_sio_is_polling(const sl_sio_socket *s)
{
    return s->client->eio != NULL && eio_is_polling(s->client->eio);
}

void sl_sio_set_user(sl_sio_socket *s, void *data)
{
    s->user = data;
}

void *sl_sio_user(const sl_sio_socket *s)
{
    return s->user;
}

sl_sio *sl_sio_server(const sl_sio_socket *s)
{
    return s->nsp->sio;
}
