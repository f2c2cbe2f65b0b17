/* SPDX-License-Identifier: MIT */
/*
 * What the tests of Engine.IO share: a server that notes what comes, on a loop whose clock is
 * turned by hand, and clients in memory that ask by HTTP or speak WebSocket.
 */
#ifndef SERVE_EIO_TEST_H
#define SERVE_EIO_TEST_H

#include "base/alloc.h"
#include "serve/eio_inside.h"
#include "serve/http_test.h"
#include "serve/ws_internal.h"

#define INTERVAL 300
#define PATIENCE 200

struct bench {
    sl_loop *loop;
    sl_server *server;
    struct eio_server *eio;
    struct eio_options options;
    sl_route rows[EIO_ROUTES];
    struct eio_session *last; /* the one that was opened last; NULL once it has closed */
    int opens, closes, drains;
    const char *reason;
    char got[4096]; /* what came, in order, each in <> */
    bool echo;      /* send back what comes */
    bool refuse;    /* no caller is allowed */
    const char *greet;
    void (*on_message)(struct bench *b, struct eio_session *s, const sl_message *m);
};

/* One client connection. */
struct client {
    struct bench *b;
    struct mem_stream *m;
    size_t seen; /* bytes of m->sent that have been looked at */
    char body[70000];
    size_t body_len;
    char head[1024];
};

/* ---- the server's side ---- */

static inline int send_to(struct eio_session *s, bool text, const char *bytes, size_t n,
                          uint32_t key)
{
    sl_message m = {.text = text};
    sl_buf *b = sl_buf_copy((sl_str){bytes, n});
    struct eio_message *out;
    int rc;

    assert_non_null(b);
    assert_int_equal(sl_message_add(&m, b, sl_buf_str(b)), 0);
    out = eio_message_new(&m, 1);
    assert_non_null(out);
    rc = eio_send(s, out, key);
    eio_message_drop(out);
    sl_buf_drop(b);
    return rc;
}

static inline int say(struct bench *b, const char *text)
{
    return send_to(b->last, true, text, strlen(text), 0);
}

static inline void note(struct bench *b, const char *z, size_t n)
{
    size_t had = strlen(b->got);

    snprintf(b->got + had, sizeof b->got - had, "<%.*s>", (int)n, n > 0 ? z : "");
}

static inline void on_eio_open(struct eio_session *s, const sl_request *r, void *user)
{
    struct bench *b = user;

    assert_non_null(sl_request_query(r, "EIO").ptr);
    b->last = s;
    b->opens++;
    if (b->greet != NULL) assert_int_equal(say(b, b->greet), 0);
}

static inline void on_eio_message(struct eio_session *s, const sl_message *m,
                                  const sl_json_index *index, void *user)
{
    struct bench *b = user;
    sl_str bytes = m->n > 0 ? m->slice[0].bytes : (sl_str){0};

    (void)index;
    note(b, bytes.ptr, bytes.len);
    if (b->on_message != NULL) b->on_message(b, s, m);
    if (b->echo) assert_int_equal(send_to(s, m->text, bytes.ptr, bytes.len, 0), 0);
}

static inline void on_eio_close(struct eio_session *s, const char *reason, void *user)
{
    struct bench *b = user;

    if (b->last == s) b->last = NULL;
    b->closes++;
    b->reason = reason;
}

static inline void on_eio_drain(struct eio_session *s, void *user)
{
    struct bench *b = user;

    (void)s;
    b->drains++;
}

static inline bool is_bench_allowed(sl_request *r, int right, void *user)
{
    const struct bench *b = user;

    (void)r, (void)right;
    return !b->refuse;
}

static inline struct bench *bench_open(const struct eio_options *extra)
{
    static const struct eio_events events = {on_eio_open, on_eio_message, on_eio_close,
                                             on_eio_drain};
    struct bench *b = calloc(1, sizeof *b);
    sl_server_options o = {.route_count = EIO_ROUTES, .is_allowed = is_bench_allowed};

    assert_non_null(b);
    if (extra != NULL) b->options = *extra;
    b->options.events = &events;
    b->options.user = b;
    b->options.ping_interval_ms = INTERVAL;
    b->options.ping_timeout_ms = PATIENCE;
    b->options.eio3 = true;
    assert_int_equal(sl_loop_new(&b->loop), 0);
    sl__loop_crank(b->loop, 0);
    assert_int_equal(eio_server_new(b->loop, &b->options, &b->eio), 0);
    eio_put_routes(b->eio, "/engine.io/", SL_RIGHT_OPEN, b->rows);
    o.routes = b->rows;
    o.user = b;
    assert_int_equal(sl_server_new(b->loop, &o, &b->server, NULL), 0);
    return b;
}

static inline void bench_close(struct bench *b)
{
    sl__loop_crank(b->loop, 0);
    sl_server_free(b->server);
    eio_server_free(b->eio);
    assert_int_equal(b->opens, b->closes);
    sl_loop_free(b->loop);
    free(b);
}

/* ---- the client's side ---- */

static inline struct client *peer_open(struct bench *b)
{
    struct stream_options o = {.waiting_max = b->server->options.queue_max};
    struct client *p = calloc(1, sizeof *p);

    assert_non_null(p);
    p->b = b;
    p->m = mem_stream_open(b->loop, &o);
    assert_non_null(p->m);
    sl__server_take_stream(b->server, &p->m->s);
    return p;
}

static inline void peer_free(struct client *p)
{
    if (!p->m->closed) sl__stream_close(&p->m->s, UV_EOF);
    sl__loop_crank(p->b->loop, 0);
    assert_true(p->m->gone);
    mem_stream_free(p->m);
    free(p);
}

/* Whole requests; `more`: header lines. Nothing but the clock is cranked afterwards. */
static inline void ask(struct client *p, const char *method, const char *query,
                       const char *more, const void *body, size_t n)
{
    size_t cap = strlen(query) + strlen(more) + n + 256;
    char *text = malloc(cap);
    bool has_body = body != NULL;
    int k;

    assert_non_null(text);
    k = snprintf(text, cap, "%s /engine.io/?%s HTTP/1.1\r\nHost: h\r\n%s", method, query, more);
    if (has_body)
        k += snprintf(text + k, cap - (size_t)k, "Content-Length: %zu\r\n\r\n", n);
    else
        k += snprintf(text + k, cap - (size_t)k, "\r\n");
    if (n > 0) memcpy(text + k, body, n);
    mem_stream_feed(p->m, text, (size_t)k + n);
    sl__loop_crank(p->b->loop, 0);
    free(text);
}

/* The next whole answer: its status, 0 if there is none; `head` and `body` hold it. */
static inline int next_answer(struct client *p)
{
    const char *at = p->m->sent + p->seen, *end, *length;
    size_t left = p->m->sent_len - p->seen, head_len, n = 0;

    p->body_len = 0;
    p->body[0] = p->head[0] = '\0';
    if (left == 0 || at == NULL) return 0;
    end = memmem(at, left, "\r\n\r\n", 4);
    assert_non_null(end);
    head_len = (size_t)(end + 4 - at);
    assert_true(head_len < sizeof p->head);
    memcpy(p->head, at, head_len);
    p->head[head_len] = '\0';
    length = strstr(p->head, "Content-Length: ");
    if (length != NULL) n = strtoul(length + 16, NULL, 10);
    assert_true(n < sizeof p->body && head_len + n <= left);
    memcpy(p->body, end + 4, n);
    p->body[n] = '\0';
    p->body_len = n;
    p->seen += head_len + n;
    return (int)strtol(p->head + 9, NULL, 10);
}

static inline int get(struct client *p, const char *query)
{
    ask(p, "GET", query, "", NULL, 0);
    return next_answer(p);
}

static inline int post(struct client *p, const char *query, const char *body)
{
    ask(p, "POST", query, "", body, strlen(body));
    return next_answer(p);
}

#define assert_answer(p, status, text)              \
    do {                                            \
        assert_int_equal(next_answer(p), (status)); \
        assert_string_equal((p)->body, (text));     \
    } while (0)

/* A polling session; `query` receives what later requests of it say. */
#define QUERY 128
static inline void handshake_as(struct client *p, int revision, const char *more,
                                char query[QUERY])
{
    char first[QUERY];

    snprintf(first, sizeof first, "EIO=%d&transport=polling%s", revision, more);
    assert_int_equal(get(p, first), 200);
    assert_non_null(p->b->last);
    snprintf(query, QUERY, "EIO=%d&transport=polling&sid=%s", revision, eio_sid(p->b->last));
}

static inline void handshake(struct client *p, char query[QUERY])
{
    handshake_as(p, 4, "", query);
}

/* ---- WebSocket ---- */

#define WS_LINES                                                                 \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

/* returns the status; of 101 only the head is taken */
static inline int dial(struct client *p, const char *query)
{
    ask(p, "GET", query, WS_LINES, NULL, 0);
    return next_answer(p);
}

static inline struct client *dial_new(struct bench *b, int revision)
{
    struct client *p = peer_open(b);
    char query[QUERY];

    snprintf(query, sizeof query, "EIO=%d&transport=websocket", revision);
    assert_int_equal(dial(p, query), 101);
    return p;
}

/* The WebSocket of a polling session. */
static inline struct client *dial_sid(struct bench *b, int revision, const char *sid)
{
    struct client *p = peer_open(b);
    char query[QUERY];

    snprintf(query, sizeof query, "EIO=%d&transport=websocket&sid=%s", revision, sid);
    assert_int_equal(dial(p, query), 101);
    return p;
}

static inline void ws_send_bytes(struct client *p, enum ws_op op, const void *bytes, size_t n)
{
    uint8_t head[WS_HEAD_MAX], *frame = malloc(n + 14);
    size_t k = ws_frame_head(head, op, n);

    assert_non_null(frame);
    head[1] |= 0x80;
    memcpy(frame, head, k);
    memset(frame + k, 0, 4); /* a mask that changes nothing */
    if (n > 0) memcpy(frame + k + 4, bytes, n);
    mem_stream_feed(p->m, frame, k + 4 + n);
    free(frame);
    sl__loop_crank(p->b->loop, 0);
}

static inline void ws_say(struct client *p, const char *text)
{
    ws_send_bytes(p, WS_TEXT, text, strlen(text));
}

/* The next frame's opcode, -1 if there is none; `body` holds its payload. */
static inline int next_frame(struct client *p)
{
    const uint8_t *at = (uint8_t *)p->m->sent + p->seen;
    size_t left = p->m->sent_len - p->seen, n, k = 2;

    p->body[0] = '\0';
    p->body_len = 0;
    if (left == 0) return -1;
    n = at[1];
    assert_true((at[0] & 0x80) && n < 128);
    if (n == 126)
        n = (size_t)at[2] << 8 | at[3], k = 4;
    else if (n == 127)
        n = (size_t)at[7] << 16 | (size_t)at[8] << 8 | at[9], k = 10;
    assert_true(k + n <= left && n < sizeof p->body);
    memcpy(p->body, at + k, n);
    p->body[n] = '\0';
    p->body_len = n;
    p->seen += k + n;
    return at[0] & 15;
}

#define assert_text_frame(p, text)                \
    do {                                          \
        assert_int_equal(next_frame(p), WS_TEXT); \
        assert_string_equal((p)->body, (text));   \
    } while (0)
#define assert_no_frame(p) assert_int_equal(next_frame(p), -1)

static inline int next_close_code(struct client *p)
{
    int op = next_frame(p);

    assert_int_equal(op, WS_CLOSE);
    return (uint8_t)p->body[0] << 8 | (uint8_t)p->body[1];
}

static inline void pass(struct bench *b, uint64_t ms)
{
    sl__loop_crank(b->loop, ms);
}

#define UNKNOWN_SID_TEXT "{\"code\":1,\"message\":\"Session ID unknown\"}"
#define BAD_REQUEST_TEXT "{\"code\":3,\"message\":\"Bad request\"}"

/* A new connection asks: nobody knows this session. */
static inline void assert_sid_gone(struct bench *b, const char *query)
{
    struct client *p = peer_open(b);

    assert_int_equal(get(p, query), 400);
    assert_string_equal(p->body, UNKNOWN_SID_TEXT);
    peer_free(p);
}

static inline int bench_set_up(void **state)
{
    *state = bench_open(NULL);
    return 0;
}

static inline int bench_tear_down(void **state)
{
    bench_close(*state);
    return 0;
}

static inline struct eio_stats stats_of(const struct bench *b)
{
    struct eio_stats stats;

    eio_get_stats(b->eio, &stats);
    return stats;
}

#endif
