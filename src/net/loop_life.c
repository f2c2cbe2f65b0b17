/* SPDX-License-Identifier: MIT */
/*
 * How a loop begins and ends, on a uv_loop_t of its own or on the caller's:
 *
 *             run by       when it is done            freed
 *   own       sl_loop_run  uv_stop: run returns       at once: handles close in sl_loop_free
 *   caller's  the caller   the handles close          at once if they have closed, else by the
 *                                                     callback of the last one
 */
#include "sluice/uv.h"

#include "base/alloc.h"
#include "net/loop_inside.h"
#include "net/stream.h"

#define HANDLES 6

static bool is_own(const sl_loop *l)
{
    return l->uv == &l->own_uv;
}

static void on_held(struct timer *t)
{
    sl__stream_release_held(LIST_ENTRY(t, sl_loop, held_timer));
}

static void init_lists(sl_loop *l)
{
    struct list *lists[] = {&l->inbox, &l->turn_hooks, &l->stop_hooks, &l->streams,
                            &l->dirty, &l->held,       &l->gone};

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        list_init(lists[i]);
}

/* Handles of an initialised uv_loop cannot fail to initialise, but for the first async's
 * descriptor: that comes before anything that would have to be closed. */
static int init_handles(sl_loop *l)
{
    int rc = uv_async_init(l->uv, &l->inbox_async, sl__loop_on_inbox);

    if (rc < 0) return rc;
    uv_prepare_init(l->uv, &l->prepare);
    uv_check_init(l->uv, &l->check);
    uv_timer_init(l->uv, &l->ticker);
    uv_signal_init(l->uv, &l->on_term);
    uv_signal_init(l->uv, &l->on_int);
    l->inbox_async.data = l->prepare.data = l->check.data = l->ticker.data = l;
    l->on_term.data = l->on_int.data = l;
    l->open_handles = HANDLES;
    uv_prepare_start(&l->prepare, sl__loop_on_prepare);
    uv_check_start(&l->check, sl__loop_on_check);
    return 0;
}

/* uv NULL: one of its own */
static int loop_new(uv_loop_t *uv, sl_loop **out)
{
    sl_loop *l;
    int rc;

    *out = NULL;
    l = sl__zalloc(sizeof *l);
    if (l == NULL) return SL_E_NOMEM;
    l->uv = uv != NULL ? uv : &l->own_uv;
    rc = uv_mutex_init(&l->inbox_lock);
    if (rc < 0) goto no_lock;
    rc = is_own(l) ? uv_loop_init(l->uv) : 0;
    if (rc < 0) goto no_loop;
    rc = init_handles(l);
    if (rc < 0) goto no_handles;

    init_lists(l);
    l->now = mono_now();
    wheel_init(&l->wheel, sl__loop_now_ms(l));
    l->ticker_due_ms = TICKER_IDLE;
    timer_init(&l->held_timer, on_held);
    timer_init(&l->grace_timer, sl__loop_on_grace_over);
    index_init(&l->index, 0);
    *out = l;
    return 0;

no_handles:
    if (is_own(l)) uv_loop_close(l->uv);
no_loop:
    uv_mutex_destroy(&l->inbox_lock);
no_lock:
    sl__free(l);
    return rc;
}

int sl_loop_new(sl_loop **out)
{
    return loop_new(NULL, out);
}

int sl_loop_on_uv(uv_loop_t *uv, sl_loop **out)
{
    *out = NULL;
    return uv != NULL ? loop_new(uv, out) : SL_E_INVAL;
}

int sl_loop_run(sl_loop *l)
{
    if (!is_own(l)) return SL_E_INVAL;
    while (!sl__loop_is_done(l))
        uv_run(l->uv, UV_RUN_ONCE);
    return 0;
}

/* ---- the end ---- */

static void destroy(sl_loop *l)
{
    struct list *n;

    while ((n = list_take_first(&l->inbox)) != NULL) {
        struct post *p = LIST_ENTRY(n, struct post, node);
        if (p->owned) sl__free(p);
    }
    uv_mutex_destroy(&l->inbox_lock);
    index_deinit(&l->index);
    sl__free(l);
}

static void on_handle_closed(uv_handle_t *h)
{
    sl_loop *l = h->data;

    l->open_handles--;
    if (l->open_handles == 0 && l->is_freed) destroy(l);
}

/* Posts are refused first: nobody may ring at a handle that closes. */
static void close_handles(sl_loop *l)
{
    uv_handle_t *const all[HANDLES] = {
        (uv_handle_t *)&l->inbox_async, (uv_handle_t *)&l->prepare, (uv_handle_t *)&l->check,
        (uv_handle_t *)&l->ticker,      (uv_handle_t *)&l->on_term, (uv_handle_t *)&l->on_int};

    uv_mutex_lock(&l->inbox_lock);
    l->ended = true;
    uv_mutex_unlock(&l->inbox_lock);
    for (size_t i = 0; i < HANDLES; i++)
        uv_close(all[i], on_handle_closed);
}

void sl__loop_let_go(sl_loop *l)
{
    if (is_own(l))
        uv_stop(l->uv);
    else if (!l->ended)
        close_handles(l);
}

static void close_if_open(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h)) uv_close(h, NULL);
}

static void free_own(sl_loop *l)
{
    while (!sl__loop_is_done(l))
        uv_run(l->uv, UV_RUN_ONCE);
    close_handles(l);
    uv_walk(l->uv, close_if_open, NULL);
    while (uv_loop_close(l->uv) == UV_EBUSY)
        uv_run(l->uv, UV_RUN_ONCE);
    destroy(l);
}

void sl_loop_free(sl_loop *l)
{
    if (l == NULL) return;
    if (l->open_handles == 0) { /* the caller's loop has seen its end */
        destroy(l);
        return;
    }
    l->is_freed = !is_own(l);
    if (!l->ended) {
        l->stopping = true;
        sl__loop_on_grace_over(&l->grace_timer); /* cut what is left, if it has not ended */
        sl__loop_finish_turn(l);
    }
    if (is_own(l)) free_own(l);
}
