/* SPDX-License-Identifier: MIT */
#include "client/ws_client.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/rand.h"

#include <stdio.h>

#define PONG_BELOW ((size_t)1 << 20) /* bytes that wait: who does not read need not be told */

/* ---- the end ---- */

/* What was sent leaves, the goodbye behind it, if there was a WebSocket at all. */
static void forget(struct ws_client *w)
{
    if (w->call != NULL) w->dialer->cancel(w->call);
    w->call = NULL;
    if (w->stream != NULL) dial_let_go(w->stream, !w->is_open);
    w->stream = NULL;
    w->is_open = false;
    w->ended = true;
    sl_buf_drop(w->request);
    w->request = NULL;
    if (w->has_parser) ws_stop(&w->parser);
}

static void drop_reply(struct ws_client *w)
{
    if (w->reply == NULL) return;
    reply_deinit(w->reply);
    sl__free(w->reply);
    w->reply = NULL;
}

static void end(struct ws_client *w, const struct ws_client_end *why)
{
    if (w->ended) return;
    w->ended = true;
    w->on->on_end(w, why, w->user);
}

/* ---- frames out ---- */

static int send_frame(struct ws_client *w, enum ws_op op, sl_str head, const sl_slice *slice,
                      unsigned n, size_t bytes)
{
    sl_buf *b = sl_buf_new(0, WS_MASKED_HEAD_MAX + head.len + bytes);
    sl_message m = {0};
    struct packet *p = NULL;
    uint8_t mask[4], *to;
    size_t at = 0;
    int rc = SL_E_NOMEM;

    if (b == NULL) return SL_E_NOMEM;
    rand_bytes(mask, sizeof mask);
    to = sl__buf_data(b);
    to += ws_masked_head(to, op, head.len + bytes, mask);
    if (head.len > 0) ws_mask(to, head.ptr, head.len, mask, 0);
    for (at = head.len; n > 0; n--, slice++) {
        ws_mask(to + at, slice->bytes.ptr, slice->bytes.len, mask, at);
        at += slice->bytes.len;
    }
    b->len = (size_t)(to - sl__buf_data(b)) + at;
    if (sl_message_add(&m, b, sl_buf_str(b)) == 0) p = packet_new((sl_str){0}, &m);
    sl_buf_drop(b);
    if (p != NULL) rc = sl__stream_send(w->stream, p, 0);
    packet_drop(p);
    return rc;
}

static int send_control(struct ws_client *w, enum ws_op op, sl_str payload)
{
    return send_frame(w, op, payload, NULL, 0, 0);
}

int ws_client_send(struct ws_client *w, bool text, sl_str head, const sl_message *m)
{
    if (!w->is_open || w->ended) return SL_E_CLOSED;
    return send_frame(w, text ? WS_TEXT : WS_BINARY, head, m != NULL ? m->slice : NULL,
                      m != NULL ? m->n : 0, m != NULL ? m->bytes : 0);
}

size_t ws_client_waiting(const struct ws_client *w)
{
    return w->stream != NULL ? sl__stream_waiting(w->stream) : 0;
}

static void say_goodbye(struct ws_client *w, int code, sl_str reason)
{
    uint8_t payload[WS_CONTROL_MAX];
    size_t n = ws_close_payload(payload, code, reason);

    (void)!send_control(w, WS_CLOSE, (sl_str){(char *)payload, n});
}

/* ---- messages in ---- */

static void on_message(struct ws_parser *p, bool text, sl_buf *buf, sl_str bytes,
                       const sl_json_index *index)
{
    struct ws_client *w = LIST_ENTRY(p, struct ws_client, parser);

    if (!w->ended) w->on->on_message(w, text, buf, bytes, index, w->user);
}

static void on_close_frame(struct ws_client *w, sl_str payload)
{
    sl_str reason;
    int code = ws_close_read(payload, &reason);
    char text[160];

    say_goodbye(w, code, (sl_str){0}); /* §5.5.1: the same code back */
    if (reason.len > 0)
        snprintf(text, sizeof text, "the server closed the WebSocket: %d %.*s", code,
                 (int)reason.len, reason.ptr);
    else
        snprintf(text, sizeof text, "the server closed the WebSocket: %d", code);
    end(w, &(struct ws_client_end){.rc = SL_E_CLOSED, .code = code, .text = text});
}

static void on_control(struct ws_parser *p, enum ws_op op, sl_str payload)
{
    struct ws_client *w = LIST_ENTRY(p, struct ws_client, parser);

    if (w->ended) return;
    if (op == WS_CLOSE)
        on_close_frame(w, payload);
    else if (op == WS_PING && sl__stream_waiting(w->stream) < PONG_BELOW)
        (void)!send_control(w, WS_PONG, payload);
}

static const struct ws_sink sink = {.on_message = on_message, .on_control = on_control};

static void feed(struct ws_client *w, uint8_t *bytes, size_t n)
{
    char text[WS_WHY_SIZE];
    uint8_t *into;
    size_t room;
    int rc = ws_feed(&w->parser, bytes, n);

    if (w->ended) return;
    if (rc < 0) {
        ws_why(&w->parser, text, sizeof text);
        say_goodbye(w, w->parser.close_code, sl_str_of(text));
        end(w, &(struct ws_client_end){.rc = rc, .text = text});
        return;
    }
    if (ws_want(&w->parser, &into, &room)) sl__stream_read_into(w->stream, into, room);
    if (w->on->on_alive != NULL) w->on->on_alive(w, w->user);
}

/* ---- the handshake ---- */

static void on_refusal(struct ws_client *w, const char *objection)
{
    char text[192];

    if (w->reply->status == 101)
        snprintf(text, sizeof text, "the upgrade to WebSocket is wrong: %s", objection);
    else
        snprintf(text, sizeof text, "the server answered %d to the WebSocket",
                 w->reply->status);
    end(w,
        &(struct ws_client_end){.rc = SL_E_WS_PROTO, .status = w->reply->status, .text = text});
}

static void feed_handshake(struct ws_client *w, uint8_t *bytes, size_t n)
{
    size_t used;
    int rc = reply_feed(w->reply, (const char *)bytes, n, &used);
    const char *objection;

    if (rc == SL_E_PARTIAL) return;
    if (rc < 0) {
        end(w, &(struct ws_client_end){.rc = rc, .text = "the answer is no HTTP"});
        return;
    }
    objection = ws_objection(w->reply, sl_str_of(w->key));
    if (objection != NULL) {
        on_refusal(w, objection);
        return;
    }
    drop_reply(w);
    w->options = (struct ws_options){.message_max = w->message_max, .json = true};
    ws_init(&w->parser, &w->options, &sink, &w->loop->index);
    w->is_open = w->has_parser = true;
    w->on->on_open(w, w->user);
    if (!w->ended && used < n) feed(w, bytes + used, n - used);
}

static void on_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
    struct ws_client *w = s->user;

    if (w->ended) return;
    if (w->is_open)
        feed(w, bytes, n);
    else
        feed_handshake(w, bytes, n);
}

static void on_end(struct stream *s)
{
    struct ws_client *w = s->user;

    if (!w->ended && w->reply != NULL && w->reply->status != 0 && reply_end(w->reply) == 0)
        on_refusal(w, "");
    else
        sl__stream_close(s, UV_EOF);
}

static void on_drained(struct stream *s)
{
    struct ws_client *w = s->user;

    if (w->is_open && !w->ended && w->on->on_drained != NULL) w->on->on_drained(w, w->user);
}

static void on_gone(struct stream *s, int why)
{
    struct ws_client *w = s->user;
    char text[96] = "the server hung up";

    w->stream = NULL;
    if (why != UV_EOF) sl_strerror(why, text, sizeof text);
    end(w, &(struct ws_client_end){.rc = why == UV_EOF ? SL_E_CLOSED : why, .text = text});
}

static const struct stream_events events = {
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_gone = on_gone,
};

static void on_called(struct stream *s, int rc, void *user)
{
    struct ws_client *w = user;
    char text[192];
    sl_message m = {0};
    struct packet *p = NULL;

    w->call = NULL;
    if (s != NULL) {
        w->stream = s;
        sl__stream_set_events(s, &events, w);
        rc = sl_message_add(&m, w->request, sl_buf_str(w->request));
        if (rc == 0) p = packet_new((sl_str){0}, &m);
        rc = p != NULL ? sl__stream_send(s, p, 0) : SL_E_NOMEM;
        packet_drop(p);
    }
    if (rc < 0)
        end(w,
            &(struct ws_client_end){.rc = rc, .text = dial_why(rc, w->to, text, sizeof text)});
}

/* No Origin: this is no browser, RFC 6455 §4.1. */
static sl_buf *make_request(const struct ws_client *w, sl_str target)
{
    static const char form[] = "GET %.*s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice\r\n"
                               "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s\r\n";
    int n = snprintf(NULL, 0, form, (int)target.len, target.ptr, w->to->at, w->key, w->headers);
    sl_buf *b = n > 0 ? sl_buf_new(0, (size_t)n + 1) : NULL;

    if (b == NULL) return NULL;
    snprintf((char *)sl__buf_data(b), (size_t)n + 1, form, (int)target.len, target.ptr,
             w->to->at, w->key, w->headers);
    b->len = (size_t)n;
    return b;
}

int ws_client_open(struct ws_client *w, sl_str target)
{
    int rc = SL_E_NOMEM;

    w->ended = w->is_open = false;
    ws_key(w->key);
    w->reply = sl__zalloc(sizeof *w->reply);
    w->request = make_request(w, target);
    if (w->reply != NULL && w->request != NULL)
        rc = w->dialer->begin(w->loop, w->to, w->timeout_ms, on_called, w, &w->call);
    if (rc < 0) forget(w);
    return rc;
}

void ws_client_close(struct ws_client *w, int code)
{
    if (w->is_open && !w->ended && w->stream != NULL) say_goodbye(w, code, (sl_str){0});
    forget(w);
}

void ws_client_deinit(struct ws_client *w)
{
    forget(w);
    drop_reply(w);
    if (w->has_parser) ws_deinit(&w->parser);
    w->has_parser = false;
}
