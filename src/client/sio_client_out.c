/* SPDX-License-Identifier: MIT */
/* What goes out: events that wait, acks both ways. */
#include "base/alloc.h"
#include "client/sio_client_inside.h"

#define ENTRY_BYTES 128 /* what an event counts at least */
#define ID_BITS     53  /* of an ack id: what a double holds */
#define ID_MASK     ((UINT64_C(1) << ID_BITS) - 1)

/* ---- entries ---- */

static void hold_slices(struct client_entry *e)
{
    for (uint32_t i = 0; i < e->n; i++)
        for (unsigned k = 0; k < e->part[i].n; k++)
            sl_buf_hold(e->part[i].slice[k].buf);
}

static struct client_entry *entry_new(sl_client_socket *s, enum client_kind kind,
                                      const sl_message *part, uint32_t n)
{
    struct client_entry *e = sl__alloc(sizeof *e + n * sizeof *part);

    if (e == NULL) return NULL;
    *e = (struct client_entry){.socket = s, .kind = kind, .n = n};
    memcpy(e->part, part, n * sizeof *part);
    hold_slices(e);
    list_init(&e->node);
    list_init(&e->aged);
    for (uint32_t i = 0; i < n; i++)
        e->bytes += part[i].bytes;
    if (e->bytes < ENTRY_BYTES) e->bytes = ENTRY_BYTES;
    return e;
}

static void count(sl_client *c, const struct client_entry *e)
{
    c->stats.waiting_bytes += e->bytes;
    c->stats.waiting += e->kind == CLIENT_EVENT;
}

/* It waits no more, and is freed. */
static void entry_free(struct client_entry *e)
{
    sl_client *c = e->socket->client;

    c->stats.waiting_bytes -= e->bytes;
    c->stats.waiting -= e->kind == CLIENT_EVENT;
    if (e->wait != NULL) e->wait->entry = NULL;
    list_remove(&e->node);
    list_remove(&e->aged);
    for (uint32_t i = 0; i < e->n; i++)
        for (unsigned k = 0; k < e->part[i].n; k++)
            sl_buf_drop(e->part[i].slice[k].buf);
    sl__free(e);
}

/* ---- answers that are waited for ---- */

static void end_wait(struct client_wait *w, int rc, const sl_sio_event *answer)
{
    sl_client_socket *s = w->socket;
    sl_client_ack_fn *fn = w->fn;
    void *user = w->user;

    list_remove(&w->node);
    sl__loop_cancel_timer(s->client->loop, &w->timer);
    s->client->stats.acks--;
    if (w->entry != NULL) {
        w->entry->wait = NULL;
        entry_free(w->entry); /* nobody would hear of its answer */
    }
    sl__free(w);
    if (fn != NULL) fn(s, rc, answer, user);
}

/* Told at the end of the turn. */
static void fail_later(struct client_wait *w, int rc)
{
    sl_client *c = w->socket->client;

    w->rc = rc;
    list_remove(&w->node);
    sl__loop_cancel_timer(c->loop, &w->timer);
    list_add_last(&c->failed, &w->node);
    sl__loop_want_hooks(c->loop);
}

void client_tell_failed(sl_client *c)
{
    struct list now;

    list_move_all(&c->failed, &now); /* who is told may ask again, and drive out another */
    while (!list_is_empty(&now)) {
        struct client_wait *w = LIST_ENTRY(now.next, struct client_wait, node);
        end_wait(w, w->rc, NULL);
    }
}

void client_fail_waits(sl_client_socket *s, bool all)
{
    struct list *next;

    for (struct list *n = s->waits.next; n != &s->waits; n = next) {
        struct client_wait *w = LIST_ENTRY(n, struct client_wait, node);
        next = n->next;
        if (all || w->entry == NULL) fail_later(w, SL_E_CLOSED);
    }
}

void client_leave_out(sl_client_socket *s)
{
    struct list *out = &s->client->out;

    for (struct list *n = out->next; n != out; n = n->next) {
        struct client_entry *e = LIST_ENTRY(n, struct client_entry, node);

        if (e->socket != s || e->wait == NULL) continue;
        e->wait->entry = NULL;
        e->wait = NULL;
    }
    client_fail_waits(s, false);
}

static void on_too_late(struct timer *t)
{
    end_wait(LIST_ENTRY(t, struct client_wait, timer), SL_E_TIMEOUT, NULL);
}

/* Ids are in order, and answers nearly: the one that is meant is in front. */
void client_answer(sl_client_socket *s, const sl_sio_event *e)
{
    if (e->ack_id >= s->next_ack) return;
    for (struct list *n = s->waits.next; n != &s->waits; n = n->next) {
        struct client_wait *w = LIST_ENTRY(n, struct client_wait, node);
        if (w->id > e->ack_id) return;
        if (w->id < e->ack_id) continue;
        if (w->entry == NULL) end_wait(w, 0, e); /* else it guesses: that has not left */
        return;
    }
}

static struct client_wait *wait_new(sl_client_socket *s, sl_client_ack_fn *fn, void *user)
{
    struct client_wait *w = sl__alloc(sizeof *w);

    if (w == NULL) return NULL;
    *w = (struct client_wait){.socket = s, .id = s->next_ack, .fn = fn, .user = user};
    timer_init(&w->timer, on_too_late);
    return w;
}

/* ---- the bound ---- */

static bool has_room(const sl_client *c, const struct client_entry *e)
{
    const sl_client_stats *s = &c->stats;

    if (s->waiting_bytes == 0) return true; /* an empty one takes any */
    if (e->kind == CLIENT_EVENT && s->waiting >= c->o.buffer_count) return false;
    return e->bytes <= c->o.buffer_bytes && s->waiting_bytes <= c->o.buffer_bytes - e->bytes;
}

static void drop_oldest(sl_client *c)
{
    struct client_entry *e = LIST_ENTRY(c->aged.next, struct client_entry, aged);

    c->stats.dropped_full++;
    if (e->wait != NULL) {
        fail_later(e->wait, SL_E_FULL);
        e->wait->entry = NULL;
        e->wait = NULL;
    }
    entry_free(e);
}

static bool make_room(sl_client *c, const struct client_entry *e)
{
    if (c->o.policy == SL_CLIENT_DROP_OLDEST && e->kind == CLIENT_EVENT)
        while (!has_room(c, e) && !list_is_empty(&c->aged))
            drop_oldest(c);
    if (has_room(c, e)) return true;
    c->stats.refused_full += e->kind == CLIENT_EVENT;
    return false;
}

/* ---- putting ---- */

static void free_unqueued(struct client_entry *e)
{
    count(e->socket->client, e);
    entry_free(e);
}

static void queue(struct client_entry *e)
{
    sl_client_socket *s = e->socket;
    sl_client *c = s->client;
    bool may_leave = s->joined || e->kind == CLIENT_CONTROL;

    count(c, e);
    list_add_last(may_leave ? &c->out : &s->pending, &e->node);
    if (e->kind == CLIENT_EVENT) list_add_last(&c->aged, &e->aged);
    sl__loop_want_hooks(c->loop);
}

int client_put_control(sl_client_socket *s, sl_json_out *o)
{
    sl_message m = {.text = true};
    struct client_entry *e = NULL;
    sl_buf *b = o->rc == 0 ? sl_buf_copy(sl_out_text(o)) : NULL;

    if (b != NULL && sl_message_add(&m, b, sl_buf_str(b)) == 0)
        e = entry_new(s, CLIENT_CONTROL, &m, 1);
    sl_buf_drop(b);
    sl_out_deinit(o);
    if (e == NULL) return SL_E_NOMEM;
    queue(e);
    return 0;
}

/* id NULL: none. wait NULL: nobody waits; else consumed if all is well */
static int put(sl_client_socket *s, sl_sio_packet *p, enum client_kind kind, const uint64_t *id,
               struct client_wait *wait)
{
    struct sio_parts parts;
    struct client_entry *e;
    int rc = sio_packet_encode(p, sl_str_of(s->row->name), id, kind == CLIENT_ANSWER, &parts);

    if (rc < 0) return rc;
    e = entry_new(s, kind, parts.part, parts.n);
    sio_parts_drop(&parts);
    if (e == NULL) return SL_E_NOMEM;
    if (!make_room(s->client, e)) {
        free_unqueued(e);
        return SL_E_FULL;
    }
    e->wait = wait;
    if (wait != NULL) wait->entry = e;
    queue(e);
    return 0;
}

/* ---- leaving ---- */

static void on_too_large(sl_client *c, struct client_entry *e)
{
    struct client_wait *w = e->wait;

    if (e->kind == CLIENT_EVENT) c->stats.dropped_large++;
    e->wait = NULL;
    entry_free(e);
    if (w == NULL) return;
    w->entry = NULL;
    fail_later(w, SL_E_TOO_BIG);
}

void client_pump(sl_client *c)
{
    int rc = 0;

    while (!list_is_empty(&c->out) && rc == 0) {
        struct client_entry *e = LIST_ENTRY(c->out.next, struct client_entry, node);

        rc = eio_client_send(c->eio, e->part, e->n);
        if (rc == 0) {
            c->stats.events_out += e->kind == CLIENT_EVENT;
            entry_free(e);
        } else if (rc == SL_E_TOO_BIG) {
            on_too_large(c, e);
            rc = 0;
        }
    }
    if (rc == SL_E_NOMEM) client_cut(c, "transport error", "out of memory");
    eio_client_flush(c->eio);
}

/* In front of what has been emitted since. */
void client_take_back(sl_client *c)
{
    while (!list_is_empty(&c->out)) {
        struct client_entry *e = LIST_ENTRY(c->out.prev, struct client_entry, node);

        if (e->kind != CLIENT_EVENT) {
            entry_free(e);
            continue;
        }
        list_remove(&e->node);
        list_add_last(e->socket->pending.next, &e->node);
    }
}

void client_drop_out(sl_client *c)
{
    struct list *next;

    for (struct list *n = c->out.next; n != &c->out; n = next) {
        struct client_entry *e = LIST_ENTRY(n, struct client_entry, node);
        next = n->next;
        if (e->kind == CLIENT_EVENT) entry_free(e);
    }
}

void client_release(sl_client_socket *s)
{
    for (struct list *n; (n = list_take_first(&s->pending)) != NULL;)
        list_add_last(&s->client->out, n);
    sl__loop_want_hooks(s->client->loop);
}

void client_drop_waiting(sl_client_socket *s)
{
    while (!list_is_empty(&s->pending))
        entry_free(LIST_ENTRY(s->pending.next, struct client_entry, node));
}

/* ---- what the application calls ---- */

int sl_client_emit(sl_client_socket *s, sl_sio_packet *p)
{
    return s->client->closing ? SL_E_CLOSED : put(s, p, CLIENT_EVENT, NULL, NULL);
}

int sl_client_emit_json(sl_client_socket *s, const char *event, sl_str args)
{
    sl_sio_packet p;
    int rc;

    sio_packet_init(&p, event);
    if (args.len > 0) sl_out_raw(&p.out, args);
    rc = sl_client_emit(s, &p);
    sio_packet_deinit(&p);
    return rc;
}

int sl_client_emit_volatile(sl_client_socket *s, sl_sio_packet *p)
{
    const sl_client *c = s->client;
    int rc = sio_packet_settle(p, false);

    if (rc < 0 || c->closing) return rc < 0 ? rc : SL_E_CLOSED;
    if (!s->joined || !list_is_empty(&c->out) || !eio_client_is_writable(c->eio)) return 0;
    return sl_client_emit(s, p);
}

int sl_client_emit_ack(sl_client_socket *s, sl_sio_packet *p, uint32_t timeout_ms,
                       sl_client_ack_fn *fn, void *user)
{
    sl_client *c = s->client;
    struct client_wait *w;
    int rc;

    if (c->closing) return SL_E_CLOSED;
    if (c->stats.acks >= SL_CLIENT_ACKS_MAX) return SL_E_LIMIT;
    w = wait_new(s, fn, user);
    if (w == NULL) return SL_E_NOMEM;
    rc = put(s, p, CLIENT_EVENT, &w->id, w);
    if (rc < 0) {
        sl__free(w);
        return rc;
    }
    s->next_ack++;
    c->stats.acks++;
    list_add_last(&s->waits, &w->node);
    if (timeout_ms > 0) sl__loop_set_timer(c->loop, &w->timer, timeout_ms);
    return 0;
}

/* Servers may count from 0 on every connection: an id is one of its own time, above it. */
uint64_t client_mark_id(const sl_client_socket *s, uint64_t id)
{
    return (id & ID_MASK) | s->time << ID_BITS;
}

int sl_client_ack_id(sl_client_socket *s, uint64_t ack_id, sl_sio_packet *p)
{
    uint64_t id = ack_id & ID_MASK;

    if (!s->joined || client_mark_id(s, id) != ack_id) return SL_E_CLOSED;
    return put(s, p, CLIENT_ANSWER, &id, NULL);
}

int sl_client_ack_packet(sl_client_socket *s, const sl_sio_event *e, sl_sio_packet *p)
{
    return e->wants_ack ? sl_client_ack_id(s, e->ack_id, p) : 0;
}

int sl_client_ack(sl_client_socket *s, const sl_sio_event *e, sl_str args)
{
    sl_sio_packet p;
    int rc;

    sio_packet_init(&p, NULL);
    if (args.len > 0) sl_out_raw(&p.out, args);
    rc = sl_client_ack_packet(s, e, &p);
    sio_packet_deinit(&p);
    return rc;
}
