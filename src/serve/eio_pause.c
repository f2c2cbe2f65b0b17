/* SPDX-License-Identifier: MIT */
/* A client that is not heard for a while, so that it sends no faster than somebody can take. */
#include "serve/eio_inside.h"

void eio_hold_post(struct eio_session *s)
{
    s->holds_post = true;
}

void eio_release_post(struct eio_session *s)
{
    sl_request *r = s->post;

    s->holds_post = false;
    s->post = NULL;
    request_watch(r, NULL, NULL);
    sl_answer(r, 200, "text/html", SL_STR("ok"));
}

void eio_pause(struct eio_session *s)
{
    if (s->over || s->closing || s->is_paused) return;
    s->is_paused = true;
    if (s->state == EIO_ON_WEBSOCKET) sl__ws_pause(s->ws); /* else: the answer of its POST */
}

/* Its answer to a ping may lie in the kernel, or wait for that of its POST. */
static void give_time(struct eio_session *s)
{
    uint64_t at = eio_at(s, s->server->o.ping_timeout_ms);

    if (s->revision != 3 && !s->pinged) return;
    if (s->beat_at_ms < at) s->beat_at_ms = at;
    eio_set_timer(s);
}

void eio_resume(struct eio_session *s)
{
    if (!s->is_paused) return;
    s->is_paused = s->is_pause_old = false;
    if (s->over) return; /* that has let everything go */
    give_time(s);
    if (s->holds_post) eio_release_post(s);
    if (s->late != NULL)
        eio_session_is_due(s); /* in front of what is read next, and from inside no call */
    else if (s->state == EIO_ON_WEBSOCKET)
        sl__ws_resume(s->ws);
}
