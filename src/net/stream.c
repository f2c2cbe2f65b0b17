/* SPDX-License-Identifier: MIT */
#include "net/stream.h"

#include "base/assert.h"
#include "net/outbox.h"

#define FLUSH_SLICES  256  /* per system call */
#define LINGER_MS     5000 /* for what is queued when a stream ends */
#define PACKET_BYTES  128  /* of the bound, at least, for each packet that waits ... */
#define PACKETS_LEAST 64   /* ... behind these */

static void on_deadline(struct timer *t);
static void schedule(struct stream *s, unsigned flags);

/* Never given twice, and it says when that was: a connection can be named by it. */
static uint64_t next_id(sl_loop *l)
{
    l->last_id = l->now.us > l->last_id ? l->now.us : l->last_id + 1;
    return l->last_id;
}

void sl__stream_init(struct stream *s, sl_loop *loop, const struct stream_io *io,
                     const struct stream_options *o)
{
    *s = (struct stream){
        .io = io,
        .loop = loop,
        .id = next_id(loop),
        .waiting_max = o->waiting_max,
        .cork_us = o->cork_us,
    };
    list_init(&s->flush);
    timer_init(&s->deadline, on_deadline);
    list_add_last(&loop->streams, &s->all);
    loop->stream_count++;
}

void sl__stream_set_events(struct stream *s, const struct stream_events *on, void *user)
{
    bool first = s->on == NULL;

    s->on = on;
    s->user = user;
    if (!first) return;
    s->wants = STREAM_WANT_READ;
    int rc = s->io->watch(s, s->wants);
    if (rc < 0) sl__stream_close(s, rc);
}

static void watch(struct stream *s, uint8_t wants)
{
    int rc;

    if (s->wants == wants || s->closing) return;
    s->wants = wants;
    rc = s->io->watch(s, wants);
    if (rc < 0) sl__stream_close(s, rc);
}

/* ---- closing ---- */

static void drop_outbox(struct stream *s)
{
    outbox_free(s->out);
    s->out = NULL;
    list_remove(&s->flush);
    s->held = false;
}

void sl__stream_close(struct stream *s, int why)
{
    if (s->closing) return; /* closing twice is normal: peer, deadline and session all may */
    s->closing = true;
    if (s->why == 0) s->why = why; /* the first reason wins */
    wheel_cancel(&s->loop->wheel, &s->deadline);
    drop_outbox(s);
    s->io->close(s);
}

void sl__stream_finish(struct stream *s)
{
    list_remove(&s->all);
    list_remove(&s->flush);
    list_add_last(&s->loop->gone, &s->flush); /* on_gone at the end of the turn */
}

void sl__stream_end(struct stream *s, int why)
{
    if (s->closing || s->ending) return;
    s->ending = true;
    s->why = why;
    if (s->out == NULL && s->peer_ended) {
        sl__stream_close(s, why);
        return;
    }
    sl__loop_set_timer(s->loop, &s->deadline, LINGER_MS);
    sl__stream_resume(s); /* the peer's end is what we wait for */
    if (s->out == NULL)
        s->io->shut(s);
    else
        schedule(s, 0);
}

static void on_deadline(struct timer *t)
{
    struct stream *s = LIST_ENTRY(t, struct stream, deadline);

    if (s->ending || s->on->on_deadline == NULL)
        sl__stream_close(s, SL_E_TIMEOUT);
    else
        s->on->on_deadline(s);
}

void sl__stream_set_deadline(struct stream *s, uint32_t in_ms)
{
    if (s->closing || s->ending) return;
    if (in_ms == 0)
        sl__loop_cancel_timer(s->loop, &s->deadline);
    else
        sl__loop_set_timer(s->loop, &s->deadline, in_ms);
}

/* ---- reading ---- */

void sl__stream_read_into(struct stream *s, uint8_t *into, size_t len)
{
    s->into = into;
    s->into_len = into != NULL ? len : 0;
}

void sl__stream_pause(struct stream *s)
{
    s->paused = true;
    watch(s, s->wants & (uint8_t)~STREAM_WANT_READ);
}

void sl__stream_resume(struct stream *s)
{
    s->paused = false;
    if (!s->peer_ended) watch(s, s->wants | STREAM_WANT_READ);
}

static void deliver(struct stream *s, uint8_t *into, size_t into_len, size_t n)
{
    size_t first = n < into_len ? n : into_len;

    sl__stream_read_into(s, NULL, 0);
    if (first > 0 && !s->ending) s->on->on_bytes(s, into, first);
    if (n > first && !s->closing && !s->ending) {
        sl__stream_read_into(s, NULL, 0); /* what the first half asked for can not be had */
        s->on->on_bytes(s, s->loop->scratch, n - first);
    }
}

static void on_peer_end(struct stream *s)
{
    s->peer_ended = true;
    watch(s, s->wants & (uint8_t)~STREAM_WANT_READ);
    if (s->ending && s->out == NULL)
        sl__stream_close(s, s->why);
    else if (!s->ending && s->on->on_end != NULL)
        s->on->on_end(s);
    else if (!s->ending)
        sl__stream_close(s, UV_EOF);
}

void sl__stream_on_readable(struct stream *s)
{
    struct iovec iov[2];
    uint8_t *into = s->into;
    size_t into_len = s->into_len;
    int n = 0;
    ssize_t r;

    sl__loop_begin_turn(s->loop);
    if (s->closing || s->paused || s->peer_ended) return;
    if (into != NULL) iov[n++] = (struct iovec){into, into_len};
    iov[n++] = (struct iovec){s->loop->scratch, LOOP_SCRATCH_BYTES};
    r = s->io->recv(s, iov, n);
    if (r > 0)
        deliver(s, into, into_len, (size_t)r);
    else if (r == 0)
        on_peer_end(s);
    else if (r != UV_EAGAIN)
        sl__stream_close(s, (int)r);
}

bool sl__stream_has_ended(struct stream *s)
{
    return s->closing || s->peer_ended || s->io->has_ended(s);
}

/* ---- writing ---- */

size_t sl__stream_waiting(const struct stream *s)
{
    return s->out != NULL ? s->out->bytes : 0;
}

static void unhold(struct stream *s)
{
    if (!s->held) return;
    s->held = false;
    list_remove(&s->flush);
}

/* Budgets are alike as a rule, so the place in the list is nearly always its end. */
static void hold(struct stream *s)
{
    sl_loop *l = s->loop;
    struct list *at = l->held.prev;

    s->held = true;
    s->held_until_us = l->now.us + s->cork_us;
    while (at != &l->held
           && LIST_ENTRY(at, struct stream, flush)->held_until_us > s->held_until_us)
        at = at->prev;
    list_add_last(at->next, &s->flush); /* before `at->next` is behind `at` */
    if (l->held.next == &s->flush)
        wheel_set(&l->wheel, &l->held_timer, (s->held_until_us + 999) / 1000);
}

static bool is_cork_due(const struct stream *s)
{
    return s->cork_us == 0 || s->loop->now.us - s->last_write_us >= s->cork_us;
}

/* Something waits: see to it that it leaves at the right time. */
static void schedule(struct stream *s, unsigned flags)
{
    if (s->wants & STREAM_WANT_WRITE) return; /* the kernel will say when */
    if (s->held) {
        if (flags & STREAM_MAY_HOLD) return;
        unhold(s);
    } else if (s->flush.next != &s->flush) {
        return; /* dirty already */
    }
    if ((flags & STREAM_MAY_HOLD) && !is_cork_due(s))
        hold(s);
    else
        list_add_last(&s->loop->dirty, &s->flush);
}

void sl__stream_release_held(sl_loop *l)
{
    struct list *n;

    while ((n = l->held.next) != &l->held) {
        struct stream *s = LIST_ENTRY(n, struct stream, flush);
        if (s->held_until_us > l->now.us) {
            wheel_set(&l->wheel, &l->held_timer, (s->held_until_us + 999) / 1000);
            return;
        }
        unhold(s);
        list_add_last(&l->dirty, &s->flush);
    }
}

static int need_outbox(struct stream *s)
{
    if (s->closing || s->ending) return SL_E_CLOSED;
    if (s->out != NULL) return 0;
    s->out = outbox_new();
    if (s->out == NULL) return SL_E_NOMEM;
    s->out->total = &s->loop->waiting_bytes;
    s->out->memory = &s->loop->relief.waiting;
    s->out->ages = &s->loop->ages;
    s->out->now_us = &s->loop->leaving_us;
    return 0;
}

static void free_empty_outbox(struct stream *s)
{
    if (s->out == NULL || !outbox_is_empty(s->out)) return;
    outbox_free(s->out);
    s->out = NULL;
}

/* A packet costs memory of its own, many times that of a two-byte frame: their number has a
 * bound as well. */
static bool has_room(const struct stream *s, size_t bytes)
{
    size_t waiting = sl__stream_waiting(s);

    if (waiting == 0) return true;
    if (s->out->n >= PACKETS_LEAST + s->waiting_max / PACKET_BYTES) return false;
    return bytes <= s->waiting_max && waiting <= s->waiting_max - bytes;
}

/*
 * Events that are only held for company give way before one is refused: the kernel may have
 * room for them. Not for others, whose sender would hear on_drained from inside its own call.
 */
static bool make_room(struct stream *s, size_t bytes, unsigned flags)
{
    if (has_room(s, bytes)) return true;
    if (!(flags & STREAM_MAY_HOLD) || (s->wants & STREAM_WANT_WRITE) || s->ending) return false;
    sl__stream_flush(s);
    return !s->closing && has_room(s, bytes);
}

int sl__stream_send(struct stream *s, struct packet *p, unsigned flags)
{
    int rc;

    if (!make_room(s, p->bytes, flags)) return s->closing ? SL_E_CLOSED : SL_E_FULL;
    rc = need_outbox(s);
    if (rc < 0) return rc;
    rc = outbox_push(s->out, p);
    if (rc < 0) {
        free_empty_outbox(s);
        return rc;
    }
    schedule(s, flags);
    return 0;
}

int sl__stream_put_newest(struct stream *s, uint32_t key, struct packet *p)
{
    struct packet *old;
    size_t waiting;
    int rc = need_outbox(s);

    if (rc < 0) return rc;
    old = outbox_find(s->out, key);
    waiting = s->out->bytes - (old != NULL ? old->bytes : 0);
    if (waiting > 0 && (p->bytes > s->waiting_max || waiting > s->waiting_max - p->bytes))
        return SL_E_FULL;
    rc = outbox_put(s->out, key, p);
    if (rc < 0) {
        free_empty_outbox(s);
        return rc;
    }
    schedule(s, 0);
    return rc;
}

/* Everything has left. */
static void on_empty(struct stream *s)
{
    outbox_free(s->out);
    s->out = NULL;
    watch(s, s->wants & (uint8_t)~STREAM_WANT_WRITE);
    if (s->closing) return;
    if (s->ending) {
        if (s->peer_ended)
            sl__stream_close(s, s->why);
        else
            s->io->shut(s);
    } else if (s->on->on_drained != NULL) {
        s->on->on_drained(s);
    }
}

void sl__stream_flush(struct stream *s)
{
    struct iovec iov[FLUSH_SLICES];
    size_t bytes;
    ssize_t r;
    int n;

    unhold(s);
    list_remove(&s->flush);
    while (s->out != NULL && !s->closing) {
        n = outbox_gather(s->out, iov, FLUSH_SLICES, &bytes);
        r = s->io->send(s, iov, n);
        if (r < 0 && r != UV_EAGAIN) {
            sl__stream_close(s, (int)r);
            return;
        }
        if (r > 0) outbox_consume(s->out, (size_t)r);
        s->last_write_us = s->loop->now.us;
        if (r < 0
            || (size_t)r < bytes) { /* the kernel is full: asking again would only say so */
            watch(s, s->wants | STREAM_WANT_WRITE);
            return;
        }
        if (outbox_is_empty(s->out)) on_empty(s);
    }
}

void sl__stream_on_writable(struct stream *s)
{
    sl__loop_begin_turn(s->loop);
    if (s->closing) return;
    s->loop->leaving_us = s->loop->now.us;
    if (s->out == NULL)
        watch(s, s->wants & (uint8_t)~STREAM_WANT_WRITE);
    else
        sl__stream_flush(s);
}

/* Queue what is left of a batch of which `sent` bytes have gone straight out. */
static int queue_rest(struct stream *s, struct packet *const *p, int n, size_t sent,
                      unsigned flags)
{
    int i = 0;

    while (i < n && sent >= p[i]->bytes)
        sent -= p[i++]->bytes;
    for (; i < n; i++) {
        /* a packet that has begun must be finished, whatever the bound says */
        if (sent == 0 && !make_room(s, p[i]->bytes, flags)) break;
        if (need_outbox(s) < 0 || outbox_push(s->out, p[i]) < 0) {
            if (sent > 0) sl__stream_close(s, SL_E_NOMEM);
            break;
        }
        if (sent > 0) outbox_skip(s->out, sent);
        sent = 0;
    }
    free_empty_outbox(s);
    return i;
}

int sl__stream_send_batch(struct stream *s, struct packet *const *p, int n,
                          const struct iovec *iov, int iov_n, size_t bytes, unsigned flags)
{
    ssize_t sent = 0;
    bool blocked = false;

    if (s->closing || s->ending) return SL_E_CLOSED;
    if (s->out == NULL && (!(flags & STREAM_MAY_HOLD) || is_cork_due(s))) {
        sent = s->io->send(s, iov, iov_n);
        if (sent < 0 && sent != UV_EAGAIN) {
            sl__stream_close(s, (int)sent);
            return SL_E_CLOSED;
        }
        s->last_write_us = s->loop->now.us;
        if ((size_t)sent == bytes) return n;
        if (sent < 0) sent = 0;
        blocked = true;
    }
    n = queue_rest(s, p, n, (size_t)sent, blocked ? 0 : flags);
    if (s->out == NULL) return n;
    if (blocked)
        watch(s, s->wants | STREAM_WANT_WRITE);
    else
        schedule(s, flags);
    return n;
}
