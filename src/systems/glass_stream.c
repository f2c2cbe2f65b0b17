/* SPDX-License-Identifier: MIT */
#include "systems/glass_stream.h"

#include "base/alloc.h"
#include "base/buf.h"

#define KEEP_MS  15000
#define KEEP_KEY UINT32_MAX /* no camera has this number */
#define HEADROOM 16         /* for a chunk's size */

struct viewer {
    struct list node;
    struct glass_stream *owner;
    sl_feed *feed;
};

/* ---- one event: "data: " object LF LF ---- */

static bool has_line_end(const sl_message *m)
{
    for (int i = 0; i < m->n; i++) {
        sl_str s = m->slice[i].bytes;

        if (memchr(s.ptr, '\n', s.len) != NULL || memchr(s.ptr, '\r', s.len) != NULL)
            return true;
    }
    return false;
}

/* A device may break its lines between tokens, and each line would be one of ours. */
static sl_buf *copy_as_one_line(const sl_message *m)
{
    sl_buf *b = sl_buf_new(HEADROOM, m->bytes);
    uint8_t *at;

    if (b == NULL) return NULL;
    at = sl__buf_data(b);
    for (int i = 0; i < m->n; i++) {
        memcpy(at + b->len, m->slice[i].bytes.ptr, m->slice[i].bytes.len);
        b->len += m->slice[i].bytes.len;
    }
    for (size_t i = 0; i < b->len; i++)
        if (at[i] == '\n' || at[i] == '\r') at[i] = ' ';
    return b;
}

/* own: receives the copy that `out` lies in, or NULL; to be dropped */
static int make_event(const sl_message *m, sl_message *out, sl_buf **own)
{
    int rc;

    *own = NULL;
    *out = (sl_message){.text = true, .born_us = m->born_us};
    rc = sl_message_add(out, NULL, SL_STR("data: "));
    if (has_line_end(m)) {
        *own = copy_as_one_line(m);
        if (*own == NULL) return SL_E_NOMEM;
        rc = sl_message_add(out, *own, sl_buf_str(*own));
    } else {
        for (int i = 0; i < m->n && rc == 0; i++)
            rc = sl_message_add(out, m->slice[i].buf, m->slice[i].bytes);
    }
    if (rc == 0) rc = sl_message_add(out, NULL, SL_STR("\n\n"));
    return rc;
}

/* ---- to viewers; what does not fit is left out: a newer one comes ---- */

void glass_stream_send(struct glass_stream *gs, uint32_t camera, const sl_message *m)
{
    sl_message event;
    sl_buf *own;

    if (list_is_empty(&gs->viewers)) return;
    if (make_event(m, &event, &own) == 0) {
        for (struct list *n = gs->viewers.next; n != &gs->viewers; n = n->next)
            (void)sl_feed_send_newest(LIST_ENTRY(n, struct viewer, node)->feed, camera, &event);
    }
    sl_buf_drop(own);
}

static void send_last(const struct viewer *v)
{
    const struct camera *cam;
    sl_message event;
    sl_buf *own;

    for (uint32_t i = 0; (cam = cameras_next(v->owner->cameras, &i)) != NULL;) {
        if (cam->last.n == 0) continue;
        if (make_event(&cam->last, &event, &own) == 0)
            (void)sl_feed_send_newest(v->feed, cam->number, &event);
        sl_buf_drop(own);
    }
}

static void on_keep(struct timer *t)
{
    struct glass_stream *gs = LIST_ENTRY(t, struct glass_stream, keep);
    sl_message line = {.text = true};

    (void)!sl_message_add(&line, NULL, SL_STR(": keep\n\n"));
    for (struct list *n = gs->viewers.next; n != &gs->viewers; n = n->next)
        (void)sl_feed_send_newest(LIST_ENTRY(n, struct viewer, node)->feed, KEEP_KEY, &line);
    hub_set_timer(gs->hub, &gs->keep, KEEP_MS);
}

/* ---- who looks ---- */

static void on_close(sl_feed *f, void *user)
{
    struct viewer *v = user;
    struct glass_stream *gs = v->owner;

    (void)f;
    list_remove(&v->node);
    sl__free(v);
    if (list_is_empty(&gs->viewers)) hub_cancel_timer(gs->hub, &gs->keep);
}

void glass_stream_join(struct glass_stream *gs, sl_request *r)
{
    struct viewer *v = sl__zalloc(sizeof *v);

    if (v == NULL) {
        sl_answer_error(r, 503, "the hub is out of memory: try again in a moment");
        return;
    }
    v->owner = gs;
    if (sl_answer_feed(r, "text/event-stream", on_close, v, &v->feed) < 0) {
        sl__free(v);
        return;
    }
    if (list_is_empty(&gs->viewers)) hub_set_timer(gs->hub, &gs->keep, KEEP_MS);
    list_add_last(&gs->viewers, &v->node);
    send_last(v);
}

void glass_stream_init(struct glass_stream *gs, struct hub *hub, const struct cameras *cameras)
{
    gs->hub = hub;
    gs->cameras = cameras;
    list_init(&gs->viewers);
    timer_init(&gs->keep, on_keep);
}

void glass_stream_deinit(struct glass_stream *gs)
{
    if (gs->hub != NULL) hub_cancel_timer(gs->hub, &gs->keep);
}
