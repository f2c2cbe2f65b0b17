/* SPDX-License-Identifier: MIT */
#include "client/http_client.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <stdio.h>

/* Many servers hang up after 5 s of silence: a POST must not cross with that. */
#define IDLE_MS 3000

int http_client_init(struct http_client *h, size_t body_max)
{
    h->reply = sl__zalloc(sizeof *h->reply);
    if (h->reply == NULL) return SL_E_NOMEM;
    h->reply->body_max = body_max;
    return 0;
}

static void hang_up(struct http_client *h)
{
    if (h->stream != NULL) dial_let_go(h->stream, true);
    h->stream = NULL;
}

static void be_idle(struct http_client *h)
{
    h->busy = false;
    packet_drop(h->request);
    h->request = NULL;
}

static void fail(struct http_client *h, int rc)
{
    be_idle(h);
    h->on->on_fail(h, rc, h->user);
}

/* ---- the answer ---- */

static void on_complete(struct http_client *h)
{
    be_idle(h);
    h->kept = true;
    if (!h->reply->keep_alive)
        hang_up(h);
    else
        sl__stream_set_deadline(h->stream, IDLE_MS);
    h->on->on_reply(h, h->user); /* the last thing: it may ask again */
}

static void on_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
    struct http_client *h = s->user;
    size_t used = 0;
    int rc = SL_E_HTTP; /* nobody has asked for it */

    if (h->busy) {
        h->heard = true;
        rc = reply_feed(h->reply, (const char *)bytes, n, &used);
    }
    if (rc == 0 && used < n) h->reply->keep_alive = false; /* what is behind it is nothing */
    if (rc == SL_E_PARTIAL) {
        if (h->on->on_alive != NULL) h->on->on_alive(h, h->user);
    } else if (rc == 0) {
        on_complete(h);
    } else {
        hang_up(h);
        if (h->busy) fail(h, rc);
    }
}

static void on_end(struct stream *s)
{
    struct http_client *h = s->user;

    if (h->busy && h->heard && reply_end(h->reply) == 0)
        on_complete(h);
    else
        sl__stream_close(s, UV_EOF);
}

static int call(struct http_client *h);

static void on_gone(struct stream *s, int why)
{
    struct http_client *h = s->user;
    int rc;

    h->stream = NULL;
    if (!h->busy) return;
    if (h->is_get && h->kept && !h->heard) {
        rc = call(h);
        if (rc < 0) fail(h, rc);
        return;
    }
    fail(h, why == UV_EOF ? SL_E_CLOSED : why);
}

static const struct stream_events events = {
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_gone = on_gone,
};

/* ---- the request ---- */

static void on_called(struct stream *s, int rc, void *user)
{
    struct http_client *h = user;

    h->call = NULL;
    if (s != NULL) {
        h->stream = s;
        sl__stream_set_events(s, &events, h);
        rc = sl__stream_send(s, h->request, 0);
        if (rc < 0) hang_up(h);
    }
    if (rc < 0) fail(h, rc);
}

static int call(struct http_client *h)
{
    h->kept = false;
    return h->dialer->begin(h->loop, h->to, h->timeout_ms, on_called, h, &h->call);
}

static sl_buf *make_head(const struct http_client *h, sl_str target, const char *type,
                         size_t len)
{
    static const char *const forms[] = {
        "GET %.*s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice\r\n%s\r\n",
        "POST %.*s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice\r\n%s"
        "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
    };
    const char *form = forms[type != NULL];
    int n =
        snprintf(NULL, 0, form, (int)target.len, target.ptr, h->to->at, h->headers, type, len);
    sl_buf *b = n > 0 ? sl_buf_new(0, (size_t)n + 1) : NULL;

    if (b == NULL) return NULL;
    snprintf((char *)sl__buf_data(b), (size_t)n + 1, form, (int)target.len, target.ptr,
             h->to->at, h->headers, type, len);
    b->len = (size_t)n;
    return b;
}

static struct packet *make_request(const struct http_client *h, sl_str target, const char *type,
                                   sl_buf *body)
{
    sl_buf *head = make_head(h, target, type, body != NULL ? sl_buf_str(body).len : 0);
    sl_message m = {0};
    struct packet *p = NULL;

    if (head == NULL) return NULL;
    if (sl_message_add(&m, head, sl_buf_str(head)) == 0
        && (body == NULL || sl_message_add(&m, body, sl_buf_str(body)) == 0))
        p = packet_new((sl_str){0}, &m);
    sl_buf_drop(head);
    return p;
}

int http_client_ask(struct http_client *h, sl_str target, const char *type, sl_buf *body)
{
    int rc = 0;

    h->request = make_request(h, target, type, body);
    if (h->request == NULL) return SL_E_NOMEM;
    reply_reset(h->reply);
    h->busy = true;
    h->heard = false;
    h->is_get = type == NULL;
    if (h->stream != NULL
        && (sl__stream_has_ended(h->stream) || sl__stream_send(h->stream, h->request, 0) < 0))
        hang_up(h); /* before it was used: no doubt about what was heard */
    if (h->stream != NULL)
        sl__stream_set_deadline(h->stream, 0);
    else
        rc = call(h);
    if (rc < 0) be_idle(h);
    return rc;
}

void http_client_deinit(struct http_client *h)
{
    if (h->call != NULL) h->dialer->cancel(h->call);
    h->call = NULL;
    hang_up(h);
    be_idle(h);
    if (h->reply != NULL) reply_deinit(h->reply);
    sl__free(h->reply);
    h->reply = NULL;
}
