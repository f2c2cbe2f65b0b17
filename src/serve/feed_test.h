/* SPDX-License-Identifier: MIT */
/* What the tests of feeds share: a server whose feeds note what becomes of them. */
#ifndef SERVE_FEED_TEST_H
#define SERVE_FEED_TEST_H

#include "serve/http_test.h"
#include "serve/request.h"

#define FEEDS_MAX 8

static struct probe {
    sl_feed *feed;  /* while it lives */
    int rc, closes; /* of sl_answer_feed; calls of on_close */
} probe[FEEDS_MAX];
static int probe_count;
static sl_request *later;
static struct probe *then_close, *then_send; /* what on_close does to another feed */

static inline sl_message text_of(const char *z)
{
    return (sl_message){
        .text = true, .n = z[0] != '\0', .bytes = strlen(z), .slice = {{NULL, {z, strlen(z)}}}};
}

static inline int say(sl_feed *f, const char *z)
{
    sl_message m = text_of(z);

    return sl_feed_send(f, &m);
}

static inline int say_newest(sl_feed *f, uint32_t key, const char *z)
{
    sl_message m = text_of(z);

    return sl_feed_send_newest(f, key, &m);
}

static inline void on_close(sl_feed *f, void *user)
{
    struct probe *p = user;

    assert_ptr_equal(f, p->feed);
    p->closes++;
    assert_int_equal(say(f, "x"), SL_E_CLOSED);
    assert_int_equal(say_newest(f, 1, "x"), SL_E_CLOSED);
    sl_feed_close(f);
    p->feed = NULL;
    if (then_send != NULL && then_send->feed != NULL)
        assert_int_equal(say(then_send->feed, "bye"), 0);
    if (then_close != NULL && then_close->feed != NULL) sl_feed_close(then_close->feed);
}

static inline void answer(sl_request *r)
{
    struct probe *p = &probe[probe_count++];

    assert_true(probe_count <= FEEDS_MAX);
    *p = (struct probe){0};
    p->rc = sl_answer_feed(r, "text/event-stream", on_close, p, &p->feed);
    assert_true((p->rc == 0) == (p->feed != NULL));
}

static inline void on_feed(sl_request *r, void *user)
{
    (void)user;
    answer(r);
}

static inline void on_later(sl_request *r, void *user)
{
    (void)user;
    later = r;
}

static inline void on_hello(sl_request *r, void *user)
{
    (void)user;
    sl_answer(r, 200, "text/plain", SL_STR("hello"));
}

/* As many bytes as the path says. */
static inline void on_large(sl_request *r, void *user)
{
    static char bytes[70000];
    sl_str n = sl_request_param(r, "n");

    (void)user;
    sl_answer(r, 200, "text/plain", (sl_str){bytes, strtoul(n.ptr, NULL, 10)});
}

static const sl_route routes[] = {
    SL_ROUTE(SL_GET | SL_POST, "/feed", SL_RIGHT_OPEN, on_feed, NULL),
    SL_ROUTE(SL_GET, "/later", SL_RIGHT_OPEN, on_later, NULL),
    SL_ROUTE(SL_GET, "/hello", SL_RIGHT_OPEN, on_hello, NULL),
    SL_ROUTE(SL_GET, "/large/:n", SL_RIGHT_OPEN, on_large, NULL),
};

static const sl_server_options options = {
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .idle_ms = 5000,
    .queue_max = 1000,
    .rate_min = SL_RATE_NONE,
};

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define HEAD                                                 \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" \
    "Transfer-Encoding: chunked\r\nConnection: close\r\n"    \
    "Access-Control-Allow-Origin: *\r\nX-Accel-Buffering: no\r\nCache-Control: no-store\r\n\r\n"
#define HEAD_10                                                                   \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n" \
    "Access-Control-Allow-Origin: *\r\nX-Accel-Buffering: no\r\nCache-Control: no-store\r\n\r\n"
#define LAST "0\r\n\r\n"

static inline void open_kit(struct kit *k)
{
    probe_count = 0;
    then_close = then_send = NULL;
    later = NULL;
    kit_open(k, &options);
}

static inline void open_feed(struct kit *k)
{
    open_kit(k);
    kit_feed(k, GET("/feed"));
    assert_int_equal(probe[0].rc, 0);
}

/* What has been sent leaves. */
static inline const char *said(struct kit *k)
{
    sl__loop_crank(k->loop, 0);
    return kit_text(k);
}

static inline void stop(struct kit *k)
{
    k->loop->stopping = true;
    k->server->stop.on_stop(&k->server->stop);
    sl__loop_crank(k->loop, 0);
}

/* The peer has read to our end and ends as well. */
static inline void assert_ends(struct kit *k, struct probe *p)
{
    assert_true(k->m->shut);
    assert_int_equal(p->closes, 0);
    mem_stream_feed_end(k->m);
    sl__loop_crank(k->loop, 0);
    assert_true(k->m->gone);
    assert_int_equal(p->closes, 1);
}

#endif
