/* SPDX-License-Identifier: MIT */
#include "net/signal.h"

#include "base/alloc.h"

struct signal_watch {
    uv_signal_t handle;
    sl_loop *loop;
    sl_post_fn *fn;
    void *user;
};

static void on_signal(uv_signal_t *s, int signo)
{
    struct signal_watch *w = s->data;

    (void)signo;
    sl__loop_begin_turn(w->loop);
    w->fn(w->user);
}

static void on_closed(uv_handle_t *h)
{
    struct signal_watch *w = h->data;

    sl__free(w);
}

int signal_watch_open(sl_loop *loop, int signo, sl_post_fn *fn, void *user,
                      struct signal_watch **out)
{
    struct signal_watch *w;
    int rc;

    *out = NULL;
    w = sl__zalloc(sizeof *w);
    if (w == NULL) return SL_E_NOMEM;
    w->loop = loop;
    w->fn = fn;
    w->user = user;
    rc = uv_signal_init(loop->uv, &w->handle);
    if (rc < 0) {
        sl__free(w);
        return rc;
    }
    w->handle.data = w;
    rc = uv_signal_start(&w->handle, on_signal, signo);
    if (rc < 0) {
        uv_close((uv_handle_t *)&w->handle, on_closed);
        return rc;
    }
    uv_unref((uv_handle_t *)&w->handle);
    *out = w;
    return 0;
}

void signal_watch_close(struct signal_watch *w)
{
    if (w == NULL) return;
    uv_close((uv_handle_t *)&w->handle, on_closed);
}
