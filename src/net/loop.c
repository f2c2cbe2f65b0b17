/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "net/loop_inside.h"
#include "net/relief.h"
#include "net/stream.h"

#include <signal.h>

void sl__loop_begin_turn(sl_loop *l)
{
    if (l->in_turn) return;
    l->in_turn = true;
    if (!l->cranked) l->now = mono_now();
}

/* ---- deadlines: one uv_timer stands for the whole wheel ---- */

static void on_ticker(uv_timer_t *t);

static void set_ticker(sl_loop *l)
{
    uint64_t due, now = sl__loop_now_ms(l);

    if (l->ended) return;
    if (!wheel_next(&l->wheel, &due)) return;
    if (due >= l->ticker_due_ms) return; /* it rings early enough */
    l->ticker_due_ms = due;
    uv_update_time(l->uv);
    uv_timer_start(&l->ticker, on_ticker, due > now ? due - now : 0, 0);
}

static void on_ticker(uv_timer_t *t)
{
    sl_loop *l = t->data;

    sl__loop_begin_turn(l);
    l->ticker_due_ms = TICKER_IDLE;
    wheel_advance(&l->wheel, sl__loop_now_ms(l));
    /* set again by the end of this turn */
}

void sl__loop_set_timer(sl_loop *l, struct timer *t, uint64_t in_ms)
{
    if (!l->in_turn && !l->cranked) l->now = mono_now();
    /* a started millisecond counts: never early */
    wheel_set(&l->wheel, t, (l->now.us + 999) / 1000 + in_ms);
    if (!l->in_turn) set_ticker(l); /* no end of a turn will do it */
}

void sl__loop_cancel_timer(sl_loop *l, struct timer *t)
{
    wheel_cancel(&l->wheel, t);
}

/* ---- the end of a turn ---- */

/* Any of them may remove any other, which may be freed at once. */
static void run_turn_hooks(sl_loop *l)
{
    struct list now, *n;

    l->hooks_due = false;
    list_move_all(&l->turn_hooks, &now);
    while ((n = list_take_first(&now)) != NULL) {
        struct turn_hook *h = LIST_ENTRY(n, struct turn_hook, node);
        list_add_last(&l->turn_hooks, n);
        h->on_turn(h);
    }
}

static void flush_dirty(sl_loop *l)
{
    struct list *n;

    if (list_is_empty(&l->dirty)) return;
    l->leaving_us = l->cranked ? l->now.us : mono_now().us;
    while ((n = list_take_first(&l->dirty)) != NULL)
        sl__stream_flush(LIST_ENTRY(n, struct stream, flush));
}

static void say_goodbyes(sl_loop *l)
{
    struct list now, *n;

    list_move_all(&l->gone, &now);
    while ((n = list_take_first(&now)) != NULL) {
        struct stream *s = LIST_ENTRY(n, struct stream, flush);
        l->stream_count--;
        s->on->on_gone(s, s->why);
        s->io->free(s);
    }
}

static void measure_turn(sl_loop *l)
{
    uint64_t took;

    if (l->cranked) return;
    took = mono_now().us - l->now.us;
    l->lag.turns++;
    l->lag.busy_us += took;
    if (took > l->lag.max_us) l->lag.max_us = took;
    if (took > 10000) l->lag.over_10ms++;
    if (took > 100000) l->lag.over_100ms++;
}

void sl__loop_finish_turn(sl_loop *l)
{
    if (l->finishing) return; /* a callback cranks the loop: the outer call goes on */
    l->finishing = true;
    do { /* a goodbye may publish, a flush may close */
        run_turn_hooks(l);
        flush_dirty(l);
        relief_give(l);
        say_goodbyes(l);
    } while (l->hooks_due || !list_is_empty(&l->dirty) || !list_is_empty(&l->gone));
    set_ticker(l);
    if (l->in_turn) measure_turn(l);
    l->in_turn = false;
    l->finishing = false;
    if (sl__loop_is_done(l)) sl__loop_let_go(l); /* nothing would end the next poll */
}

/* In a turn, or something was queued outside of one: by callbacks of the caller's own handles.
 */
static bool has_work(const sl_loop *l)
{
    return l->in_turn || l->hooks_due || !list_is_empty(&l->dirty) || !list_is_empty(&l->gone);
}

void sl__loop_on_check(uv_check_t *c)
{
    sl_loop *l = c->data;

    if (!has_work(l)) return;
    sl__loop_begin_turn(l);
    sl__loop_finish_turn(l);
}

/* What timers and close callbacks left behind must not wait for the poll. */
void sl__loop_on_prepare(uv_prepare_t *p)
{
    sl_loop *l = p->data;

    if (has_work(l)) {
        sl__loop_begin_turn(l);
        sl__loop_finish_turn(l);
    } else if (sl__loop_is_done(l)) {
        sl__loop_let_go(l); /* a listener was the last to close */
    }
}

void sl__loop_crank(sl_loop *l, uint64_t ms)
{
    if (!l->cranked) l->now.us = (l->now.us / 1000 + 1) * 1000; /* deadlines come out even */
    l->cranked = true;
    l->in_turn = true;
    l->now.us += ms * 1000;
    wheel_advance(&l->wheel, sl__loop_now_ms(l));
    sl__loop_finish_turn(l);
}

uint64_t sl_loop_now_us(const sl_loop *l)
{
    return l->now.us;
}

/* ---- posts and stopping ---- */

void sl__loop_on_grace_over(struct timer *t)
{
    sl_loop *l = LIST_ENTRY(t, sl_loop, grace_timer);
    struct list *next;

    for (struct list *n = l->streams.next; n != &l->streams; n = next) {
        next = n->next; /* closing never frees at once */
        sl__stream_close(LIST_ENTRY(n, struct stream, all), SL_E_STOPPING);
    }
}

static void begin_stop(sl_loop *l, uint32_t grace_ms)
{
    struct list hooks, *n;

    if (!l->stopping) {
        l->stopping = true;
        list_move_all(&l->stop_hooks, &hooks);
        while ((n = list_take_first(&hooks)) != NULL) {
            struct stop_hook *h = LIST_ENTRY(n, struct stop_hook, node);
            h->on_stop(h);
        }
        sl__loop_set_timer(l, &l->grace_timer, grace_ms);
    } else {
        sl__loop_set_timer(l, &l->grace_timer, 0);
    }
}

void sl__loop_on_inbox(uv_async_t *a)
{
    sl_loop *l = a->data;
    struct list posts, *n;
    uint32_t grace, stops;

    sl__loop_begin_turn(l);
    uv_mutex_lock(&l->inbox_lock);
    list_move_all(&l->inbox, &posts);
    stops = l->stop_asked;
    grace = l->stop_grace_ms;
    l->stop_asked = 0;
    uv_mutex_unlock(&l->inbox_lock);

    while ((n = list_take_first(&posts)) != NULL) {
        struct post *p = LIST_ENTRY(n, struct post, node);
        sl_post_fn *fn = p->fn;
        void *user = p->user;
        if (p->owned) sl__free(p);
        fn(user);
    }
    for (; stops > 0; stops--)
        begin_stop(l, grace); /* asked twice: no grace is left */
}

int sl__loop_post_node(sl_loop *l, struct post *p)
{
    bool ended;

    uv_mutex_lock(&l->inbox_lock);
    ended = l->ended;
    if (!ended) {
        list_add_last(&l->inbox, &p->node);
        uv_async_send(&l->inbox_async); /* under the lock: it closes when the loop has ended */
    }
    uv_mutex_unlock(&l->inbox_lock);
    return ended ? SL_E_CLOSED : 0;
}

int sl_loop_post(sl_loop *l, sl_post_fn *fn, void *user)
{
    struct post *p = sl__alloc(sizeof *p);
    int rc;

    if (p == NULL) return SL_E_NOMEM;
    *p = (struct post){.fn = fn, .user = user, .owned = true};
    rc = sl__loop_post_node(l, p);
    if (rc < 0) sl__free(p);
    return rc;
}

void sl_loop_stop(sl_loop *l, uint32_t grace_ms)
{
    uv_mutex_lock(&l->inbox_lock);
    l->stop_asked++;
    l->stop_grace_ms = grace_ms;
    if (!l->ended) uv_async_send(&l->inbox_async);
    uv_mutex_unlock(&l->inbox_lock);
}

static void on_signal(uv_signal_t *s, int signo)
{
    sl_loop *l = s->data;

    (void)signo;
    sl__loop_begin_turn(l);
    begin_stop(l, l->signal_grace_ms);
}

int sl_loop_stop_on_signals(sl_loop *l, uint32_t grace_ms)
{
    int rc;

    if (l->ended) return SL_E_CLOSED;
    l->signal_grace_ms = grace_ms;
    rc = uv_signal_start(&l->on_term, on_signal, SIGTERM);
    if (rc == 0) rc = uv_signal_start(&l->on_int, on_signal, SIGINT);
    return rc;
}

bool sl__loop_is_stopping(const sl_loop *l)
{
    return l->stopping;
}

/* ---- hooks ---- */

void sl__loop_add_turn_hook(sl_loop *l, struct turn_hook *h)
{
    list_add_last(&l->turn_hooks, &h->node);
}

void sl__loop_remove_turn_hook(struct turn_hook *h)
{
    list_remove(&h->node);
}

void sl__loop_add_stop_hook(sl_loop *l, struct stop_hook *h)
{
    list_add_last(&l->stop_hooks, &h->node);
}

void sl__loop_remove_stop_hook(struct stop_hook *h)
{
    list_remove(&h->node);
}
