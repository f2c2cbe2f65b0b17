/* SPDX-License-Identifier: MIT */
/* For tests: a server without sockets, and WebSocket peers on in-memory streams. */
#ifndef SERVE_WS_TEST_H
#define SERVE_WS_TEST_H

#include "net/mem_stream.h"
#include "proto/ws.h"
#include "serve/http_conn.h"
#include "serve/ws_internal.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#define UPGRADE                                                                        \
    "GET /ws?x=1 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

struct ws_bench {
    sl_loop *loop;
    sl_server *server;
    sl_ws *last; /* opened by the last upgrade */
    int opens, closes, messages;
    int code;
    char reason[128], text[4096];
    size_t text_len;
    bool echo;
    sl_ws_ops ops;
    sl_route route;
};

static inline void bench_on_open(sl_ws *ws, const sl_request *upgrade, void *user)
{
    struct ws_bench *b = user;

    assert_true(sl_str_eq(sl_request_query(upgrade, "x"), SL_STR("1")));
    b->last = ws;
    b->opens++;
}

static inline void bench_on_message(sl_ws *ws, const sl_message *m, const sl_json_index *index,
                                    void *user)
{
    struct ws_bench *b = user;

    (void)index;
    b->messages++;
    b->text_len = m->bytes < sizeof b->text ? m->bytes : sizeof b->text;
    if (b->text_len > 0) memcpy(b->text, m->slice[0].bytes.ptr, b->text_len);
    if (b->echo) assert_int_equal(sl_ws_send(ws, m), 0);
}

static inline void bench_on_close(sl_ws *ws, int code, sl_str reason, void *user)
{
    struct ws_bench *b = user;

    if (b->last == ws) b->last = NULL;
    b->closes++;
    b->code = code;
    snprintf(b->reason, sizeof b->reason, "%.*s", (int)reason.len,
             reason.len ? reason.ptr : "");
}

static inline void bench_init(struct ws_bench *b, const sl_server_options *extra)
{
    sl_server_options o = extra != NULL ? *extra : (sl_server_options){0};

    b->ops.on_open = bench_on_open;
    b->ops.on_message = bench_on_message;
    b->ops.on_close = bench_on_close;
    b->route = (sl_route)SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &b->ops, b);
    o.routes = &b->route;
    o.route_count = 1;
    assert_int_equal(sl_loop_new(&b->loop), 0);
    sl__loop_crank(b->loop, 1000);
    assert_int_equal(sl_server_new(b->loop, &o, &b->server, NULL), 0);
}

/* Streams must have gone: crank after closing them. */
static inline void bench_deinit(struct ws_bench *b)
{
    sl__loop_crank(b->loop, 0);
    sl_server_free(b->server);
    sl_loop_free(b->loop);
}

/* A connected peer whose handshake has been answered; what was sent so far is forgotten. */
static inline struct mem_stream *bench_dial(struct ws_bench *b)
{
    struct stream_options o = {
        .waiting_max = b->server->options.queue_max,
        .cork_us = b->server->options.cork_us == SL_CORK_NONE ? 0 : b->server->options.cork_us};
    struct mem_stream *m = mem_stream_open(b->loop, &o);

    assert_non_null(m);
    http_conn_open(b->server, &m->s);
    mem_stream_feed(m, UPGRADE, sizeof UPGRADE - 1);
    sl__loop_crank(b->loop, 0);
    assert_non_null(b->last);
    assert_memory_equal(m->sent, "HTTP/1.1 101 ", 13);
    mem_stream_clear(m);
    return m;
}

/* What a peer sends: one masked frame; the mask is zero, so that bytes can be read as they are.
 */
static inline void bench_send(struct mem_stream *m, uint8_t first, const char *payload,
                              size_t n)
{
    uint8_t *frame = malloc(n + 14), head[WS_HEAD_MAX];
    size_t k = ws_frame_head(head, WS_TEXT, n);

    head[0] = first;
    head[1] |= 0x80;
    memcpy(frame, head, k);
    memset(frame + k, 0, 4);
    memcpy(frame + k + 4, payload, n);
    mem_stream_feed(m, frame, k + 4 + n);
    free(frame);
}

static inline void bench_hang_up(struct ws_bench *b, struct mem_stream *m)
{
    if (!m->closed) sl__stream_close(&m->s, UV_EOF);
    sl__loop_crank(b->loop, 0);
    mem_stream_free(m);
}

#endif
