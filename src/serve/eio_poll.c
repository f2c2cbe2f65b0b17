/* SPDX-License-Identifier: MIT */
/*
 * How a held poll is answered: what waits as one body. Who waits for the same messages as the
 * one before shares body, head and packet with it; all that is kept for that ends with the
 * turn.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "serve/eio_inside.h"

#define TEXT "text/plain; charset=UTF-8"

/* ---- a poll is answered ---- */

/* Which form a batch of `n` goes in, and how long it can be. */
static enum eio_wire choose_wire(const struct eio_session *s, uint32_t n)
{
    if (s->revision != 3) return EIO4_POLL;
    if (s->base64) return EIO3_POLL;
    for (uint32_t i = 0; i < n; i++)
        if (eio_queue_at(s->queue, i)->binary) return EIO3_POLL_BYTES;
    return EIO3_POLL;
}

/* How many of those that wait go into one body: at least one. */
static uint32_t choose_batch(const struct eio_session *s, size_t *room)
{
    const struct eio_options *o = &s->server->o;
    uint32_t n = 0;

    for (struct eio_message *m; (m = eio_queue_at(s->queue, n)) != NULL; n++) {
        size_t more = eio_message_room(m, s->revision);
        if (n > 0 && *room + more > o->payload_max) break;
        if (n > 0 && o->poll_packets_max != 0 && n >= o->poll_packets_max) break;
        *room += more;
    }
    return n;
}

static bool add_piece(sl_buf *body, struct eio_message *m, enum eio_wire wire)
{
    sl_buf *piece = eio_message_piece(m, wire);
    sl_str bytes = piece != NULL ? sl_buf_str(piece) : (sl_str){0};

    if (piece == NULL) return false;
    if (wire == EIO4_POLL && body->len > 0) sl__buf_data(body)[body->len++] = 0x1e;
    if (bytes.len > 0) memcpy(sl__buf_data(body) + body->len, bytes.ptr, bytes.len);
    body->len += bytes.len;
    return true;
}

static sl_str bare(const struct eio_session *s, enum eio_type type)
{
    if (type == EIO_NOOP) return s->revision == 3 ? SL_STR("1:6") : SL_STR("6");
    return s->revision == 3 ? SL_STR("1:1") : SL_STR("1");
}

/* The first `n` that wait as one body; the last of all when it closes. NULL without memory */
static sl_buf *make_body(struct eio_session *s, uint32_t n, size_t room, enum eio_wire wire,
                         bool last)
{
    sl_buf *body;

    if (n == 1 && !last) { /* who shares a message shares its bytes */
        body = eio_message_piece(eio_queue_at(s->queue, 0), wire);
        return body != NULL ? sl_buf_hold(body) : NULL;
    }
    body = sl_buf_new(0, room + EIO_HEAD_MAX);
    for (uint32_t i = 0; body != NULL && i < n; i++) {
        if (add_piece(body, eio_queue_at(s->queue, i), wire)) continue;
        sl_buf_drop(body);
        return NULL;
    }
    if (body == NULL || !last) return body;
    char *to = (char *)sl__buf_data(body);
    body->len += eio_put_head(wire, body->len == 0, EIO_CLOSE, false, 0, to + body->len);
    return body;
}

/* ---- one body for all that wait for the same ---- */

static bool is_made_of(const struct eio_shared *sh, const struct eio_queue *q, uint32_t n)
{
    if (sh->n != n) return false;
    for (uint32_t i = 0; i < n; i++)
        if (sh->m[i] != eio_queue_at(q, i)) return false;
    return true;
}

static void forget(struct eio_shared *sh)
{
    for (uint32_t i = 0; i < sh->n; i++)
        eio_message_drop(sh->m[i]);
    sh->n = 0;
    sl_buf_drop(sh->body);
    sh->body = NULL;
    answer_shared_drop(&sh->answer);
}

void eio_drop_shared(struct eio_server *e)
{
    for (size_t i = 0; i < sizeof e->shared / sizeof e->shared[0]; i++)
        if (e->shared[i].n > 0) forget(&e->shared[i]);
}

/* What the first `n` that wait make; in there as long as the next one does not ask for another.
 * NULL: without memory */
static struct eio_shared *share(struct eio_session *s, uint32_t n, size_t room,
                                enum eio_wire wire)
{
    struct eio_shared *sh = &s->server->shared[wire - EIO4_POLL];

    if (is_made_of(sh, s->queue, n)) return sh;
    forget(sh);
    sh->body = make_body(s, n, room, wire, false);
    if (sh->body == NULL) return NULL;
    for (; sh->n < n; sh->n++)
        sh->m[sh->n] = eio_message_hold(eio_queue_at(s->queue, sh->n));
    return sh;
}

static sl_request *take_poll(struct eio_session *s)
{
    sl_request *r = s->poll;

    request_watch(r, NULL, NULL);
    s->poll = NULL;
    s->noop_at_ms = 0;
    s->answered_ms = (uint32_t)sl__loop_now_ms(s->server->loop);
    return r;
}

void eio_release_poll(struct eio_session *s, enum eio_type type)
{
    sl_answer(take_poll(s), 200, TEXT, bare(s, type));
}

bool eio_poll_gathers(struct eio_session *s)
{
    uint64_t now_ms = sl__loop_now_ms(s->server->loop);
    uint32_t since_ms = (uint32_t)now_ms - s->answered_ms;

    if (s->is_pressing || s->closing || s->state != EIO_POLLING) return false;
    if (since_ms >= s->server->o.poll_gather_ms) return false;
    if (s->noop_at_ms == 0) {
        s->noop_at_ms = now_ms + s->server->o.poll_gather_ms - since_ms;
        eio_set_timer(s);
    }
    return true;
}

void eio_poll_drained(struct eio_session *s)
{
    const struct eio_options *o = &s->server->o;

    if (!s->over && !s->closing && o->events->on_drain != NULL) o->events->on_drain(s, o->user);
}

/* The first `n` that wait; the last of all when it closes. returns false without memory */
static bool answer_poll(struct eio_session *s, uint32_t n, size_t room, bool last)
{
    enum eio_wire wire = choose_wire(s, n);
    const char *type = wire == EIO3_POLL_BYTES ? EIO_BYTES : TEXT;
    struct eio_shared *sh;
    sl_buf *body;

    if (!last && n <= EIO_SHARED_MAX) {
        sh = share(s, n, room, wire);
        if (sh != NULL) answer_send_shared(take_poll(s), type, sh->body, &sh->answer);
        return sh != NULL;
    }
    body = make_body(s, n, room, wire, last);
    if (body != NULL) sl_answer_buf(take_poll(s), 200, type, body);
    sl_buf_drop(body);
    return body != NULL;
}

/* Of the newest-only ones among the first `n`, as a WebSocket's outbox does. */
static void measure_ages(const struct eio_session *s, uint32_t n)
{
    sl_loop *l = s->server->loop;
    uint64_t now_us = 0;

    for (uint32_t i = s->queue != NULL ? s->queue->n : 0; i < n; i++) {
        uint64_t born_us = eio_queue_at(s->queue, i)->born_us;

        if (born_us == 0) continue;
        if (now_us == 0) now_us = l->cranked ? l->now.us : mono_now().us;
        histogram_add(&l->ages, now_us > born_us ? now_us - born_us : 0);
    }
}

void eio_flush_poll(struct eio_session *s)
{
    size_t room = 0;
    uint32_t n = choose_batch(s, &room);
    bool last = s->closing && eio_queue_at(s->queue, n) == NULL;

    if (!answer_poll(s, n, room, last)) {
        eio_end(s, "transport error", EIO_CLOSE, WS_TRY_LATER);
        return;
    }
    measure_ages(s, n);
    while (n-- > 0)
        eio_queue_shift(&s->queue);
    s->is_pressing = s->queue != NULL; /* it has waited for one answer */
    if (last)
        eio_end(s, s->reason, EIO_CLOSE, WS_NORMAL);
    else if (s->queue == NULL)
        eio_poll_drained(s);
}
