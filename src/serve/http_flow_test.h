/* SPDX-License-Identifier: MIT */
/* A server with a handler of each kind, for tests of how connections live. */
#ifndef SERVE_HTTP_FLOW_TEST_H
#define SERVE_HTTP_FLOW_TEST_H

#include "sluice/ws.h"

#include "serve/http_test.h"

#define LATER_MAX 8

static sl_request *later[LATER_MAX];
static int later_count;
static int ws_closed;

static void on_later(sl_request *r, void *user)
{
    (void)user;
    assert_true(later_count < LATER_MAX);
    later[later_count++] = r;
}

static void on_hello(sl_request *r, void *user)
{
    (void)user;
    sl_answer(r, 200, "text/plain", SL_STR("hello"));
}

static void on_echo(sl_request *r, void *user)
{
    (void)user;
    sl_answer(r, 200, "text/plain", sl_request_body(r));
}

/* As many bytes as the path says. */
static void on_large(sl_request *r, void *user)
{
    sl_str n = sl_request_param(r, "n");
    size_t len = strtoul(n.ptr, NULL, 10);
    sl_buf *b = sl_buf_new(0, len);

    (void)user;
    memset(sl__buf_data(b), 'x', len);
    b->len = len;
    sl_answer_buf(r, 200, "text/plain", b);
    sl_buf_drop(b);
}

static void on_ws_close(sl_ws *ws, int code, sl_str reason, void *user)
{
    (void)ws, (void)reason, (void)user;
    ws_closed = code;
}

static void on_ws_message(sl_ws *ws, const sl_message *m, const sl_json_index *x, void *user)
{
    (void)ws, (void)m, (void)x, (void)user;
}

static const sl_ws_ops ws_ops = {.on_message = on_ws_message, .on_close = on_ws_close};

static const sl_route routes[] = {
    SL_ROUTE(SL_GET | SL_POST, "/later", SL_RIGHT_OPEN, on_later, NULL),
    SL_ROUTE(SL_GET, "/hello", SL_RIGHT_OPEN, on_hello, NULL),
    SL_ROUTE(SL_POST, "/echo", SL_RIGHT_OPEN, on_echo, NULL),
    SL_ROUTE(SL_GET, "/large/:n", SL_RIGHT_OPEN, on_large, NULL),
    SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &ws_ops, NULL),
};

static const sl_server_options options = {
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .head_ms = 1000,
    .body_ms = 2000,
    .idle_ms = 5000,
    .queue_max = 100000,
    .rate_min = SL_RATE_NONE,
};

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"
#define OK(body)   ANSWER("200 OK", "text/plain", "5", "", "", body)

static inline void open_kit(struct kit *k)
{
    later_count = 0;
    kit_open(k, &options);
}

static inline void answer_later(struct kit *k, int i, const char *text)
{
    sl_answer(later[i], 200, "text/plain", sl_str_of(text));
    sl__loop_crank(k->loop, 0);
}

#endif
