/* SPDX-License-Identifier: MIT */
#include "serve/ws_deflate.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/str.h"
#include "proto/ws.h"
#include "serve/request.h"
#include "serve/ws_internal.h"

/*
 * What strangers send is inflated on the loop. In one turn so much of it, by all together,
 * which takes about 2 ms; if that was not enough the next so much comes after a pause, so that
 * the others have their turn whatever is sent.
 */
#define SLICE_BYTES (256 * 1024)
#define SLICE_MS    2

int ws_deflate_agree(const sl_server *s, const sl_request *upgrade, struct deflate_terms *out)
{
    const struct http1_head *h = upgrade->head;
    int rc = 0;

    *out = (struct deflate_terms){0};
    if (s->options.deflate_min == 0) return 0;
    for (uint32_t i = 0; i < h->n && rc == 0; i++) {
        if (str_eq_nocase(http1_field_name(h, i), SL_STR("Sec-WebSocket-Extensions")))
            rc = deflate_read_offers(out, http1_field_value(h, i));
    }
    return rc;
}

struct deflate *ws_deflate_hold(sl_server *s)
{
    if (s->deflate == NULL) s->deflate = deflate_new();
    if (s->deflate != NULL) s->deflate_users++;
    return s->deflate;
}

void ws_deflate_drop(sl_server *s)
{
    SL_ASSERT(s->deflate_users > 0);
    if (--s->deflate_users > 0) return;
    deflate_free(s->deflate);
    s->deflate = NULL;
}

/* ---- inflating, slice by slice ---- */

struct ws_wait {
    struct list node; /* in the order in which they came */
    sl_ws *ws;
    sl_buf *kept; /* received behind the message that waits; NULL: nothing */
};

static int keep_behind(struct ws_wait *w, sl_str rest)
{
    size_t have = w->kept != NULL ? w->kept->len : 0;
    sl_buf *b;

    if (rest.len == 0) return 0;
    b = sl_buf_new(0, have + rest.len);
    if (b == NULL) return SL_E_NOMEM;
    if (have > 0) memcpy(sl__buf_data(b), sl__buf_data(w->kept), have);
    memcpy(sl__buf_data(b) + have, rest.ptr, rest.len);
    b->len = have + rest.len;
    sl_buf_drop(w->kept);
    w->kept = b;
    return 0;
}

static struct ws_wait *wait_new(sl_ws *ws)
{
    sl_server *s = ws->server;
    bool is_first = s->quota.user == &ws->parser; /* it goes on with its message */
    struct ws_wait *w = sl__zalloc(sizeof *w);

    if (w == NULL) return NULL;
    w->ws = ws;
    list_add_last(is_first ? s->inflating.next : &s->inflating, &w->node);
    if (!timer_is_set(&s->slice)) sl__loop_set_timer(s->loop, &s->slice, SLICE_MS);
    return w;
}

void ws_deflate_wait(sl_ws *ws, sl_str rest)
{
    sl__stream_pause(ws->stream);
    if (ws->wait == NULL) ws->wait = wait_new(ws);
    if (ws->wait == NULL || keep_behind(ws->wait, rest) < 0)
        sl__stream_close(ws->stream, SL_E_NOMEM);
}

void ws_deflate_wait_no_more(sl_ws *ws)
{
    struct ws_wait *w = ws->wait;

    ws->wait = NULL;
    if (w == NULL) return;
    list_remove(&w->node);
    sl_buf_drop(w->kept);
    sl__free(w);
}

/* What was kept is fed; it may have to wait anew. */
static void go_on(struct ws_wait *w)
{
    sl_buf *kept = w->kept;
    sl_ws *ws = w->ws;

    w->kept = NULL;
    ws_deflate_wait_no_more(ws);
    ws->is_partial = false; /* its pace begins anew: that was ours */
    sl__ws_feed(ws, kept != NULL ? sl__buf_data(kept) : NULL, kept != NULL ? kept->len : 0);
    sl_buf_drop(kept);
    if (!ws->over && ws->wait == NULL && !ws->is_paused) sl__stream_resume(ws->stream);
}

void ws_deflate_refill(sl_server *s)
{
    if (list_is_empty(&s->inflating)) s->quota.left = SLICE_BYTES;
}

void ws_deflate_on_slice(struct timer *t)
{
    sl_server *s = LIST_ENTRY(t, sl_server, slice);

    s->quota.left = SLICE_BYTES;
    while (s->quota.left > 0 && !list_is_empty(&s->inflating))
        go_on(LIST_ENTRY(s->inflating.next, struct ws_wait, node));
    if (!list_is_empty(&s->inflating) && !timer_is_set(&s->slice))
        sl__loop_set_timer(s->loop, &s->slice, SLICE_MS);
}

/* ---- deflating ---- */

bool ws_deflate_wants(const sl_server *s, const sl_message *m)
{
    return s->deflate_users > 0 && m->bytes >= s->options.deflate_min && m->bytes <= DEFLATE_MAX
           && (m->text || s->options.deflate_binary);
}

/* The opcode is that of the plain frame, wherever its header lies. */
static struct packet *frame(const struct packet *plain, sl_buf *payload)
{
    uint8_t head[WS_HEAD_MAX];
    size_t n = ws_frame_head(head, *(const uint8_t *)plain->iov[0].iov_base & 15, payload->len);
    sl_message m = {.born_us = plain->born_us};

    head[0] |= WS_RSV1;
    if (sl_message_add(&m, payload, sl_buf_str(payload)) < 0) return NULL;
    return packet_new((sl_str){(char *)head, n}, &m);
}

struct packet *ws_deflate_packet(sl_server *s, unsigned bits, struct packet *plain,
                                 size_t head_len)
{
    struct packet *p = NULL;
    sl_buf *payload;

    if (deflate_message(s->deflate, bits, plain->iov, plain->n, head_len, &payload) == 1)
        p = frame(plain, payload);
    sl_buf_drop(payload);
    return p != NULL ? p : packet_hold(plain);
}
