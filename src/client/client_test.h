/* SPDX-License-Identifier: MIT */
/*
 * A client on streams without a network and a clock that is turned by hand: the test is the
 * server. What the client tells is noted as text.
 */
#ifndef CLIENT_CLIENT_TEST_H
#define CLIENT_CLIENT_TEST_H

#include "client/sio_client_inside.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "base/alloc.h"
#include "net/mem_stream.h"
#include "proto/ws_dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS 64

struct call {
    dial_fn *fn; /* NULL: it was answered, or cancelled */
    void *user;
    struct mem_stream *m;
    size_t seen; /* of what was sent on it */
};

struct fixture {
    sl_loop *loop;
    sl_client *client;
    struct call call[CALLS];
    uint32_t n, answered;
    char log[65536];
    bool gone;
    /* what the application does */
    bool emits_on_connect;
};

static struct fixture *fix;

/* ---- calls ---- */

static int fake_begin(sl_loop *loop, const struct dial_url *to, uint32_t timeout_ms,
                      dial_fn *fn, void *user, void **call)
{
    struct call *k = &fix->call[fix->n];

    (void)loop;
    (void)to;
    (void)timeout_ms;
    *call = NULL;
    assert_true(fix->n < CALLS);
    void *costs = sl__alloc(1); /* as a call does */
    if (costs == NULL) return SL_E_NOMEM;
    sl__free(costs);
    *k = (struct call){.fn = fn, .user = user};
    fix->n++;
    *call = k;
    return 0;
}

static void fake_cancel(void *call)
{
    ((struct call *)call)->fn = NULL;
}

static const struct dialer fake_dialer = {fake_begin, fake_cancel};

static inline void crank(struct fixture *f, uint64_t ms)
{
    sl__loop_crank(f->loop, ms);
}

static inline void accept_this(struct fixture *f, uint32_t i)
{
    const struct stream_options o = {.waiting_max = 1 << 24};

    assert_true(i < f->n && f->call[i].fn != NULL);
    f->call[i].m = mem_stream_open(f->loop, &o);
    if (f->call[i].m == NULL) {
        f->call[i].fn(NULL, SL_E_NOMEM, f->call[i].user);
    } else {
        dial_fn *fn = f->call[i].fn;
        f->call[i].fn = NULL;
        fn(&f->call[i].m->s, 0, f->call[i].user);
    }
    crank(f, 0);
}

/* The oldest call that waits has its stream. returns which it is */
static inline uint32_t accept_call(struct fixture *f)
{
    uint32_t i = f->answered;

    while (i < f->n && f->call[i].fn == NULL)
        i++;
    f->answered = i + 1;
    accept_this(f, i);
    return i;
}

static inline bool has_call(const struct fixture *f)
{
    for (uint32_t i = f->answered; i < f->n; i++)
        if (f->call[i].fn != NULL) return true;
    return false;
}

static inline void refuse_call(struct fixture *f, int rc)
{
    uint32_t i = f->answered;

    while (i < f->n && f->call[i].fn == NULL)
        i++;
    assert_true(i < f->n);
    f->answered = i + 1;
    dial_fn *fn = f->call[i].fn;
    f->call[i].fn = NULL;
    fn(NULL, rc, f->call[i].user);
    crank(f, 0);
}

/* ---- bytes ---- */

static inline void feed(struct fixture *f, uint32_t i, const void *bytes, size_t n)
{
    char *copy = malloc(n + 1);

    if (n > 0) memcpy(copy, bytes, n);
    if (!f->call[i].m->gone) mem_stream_feed(f->call[i].m, copy, n);
    crank(f, 0);
    free(copy);
}

static inline void hang_up(struct fixture *f, uint32_t i)
{
    if (!f->call[i].m->gone) mem_stream_feed_end(f->call[i].m);
    crank(f, 0);
}

/* What the client has said on it since the last look. */
static inline sl_str said(struct fixture *f, uint32_t i)
{
    struct call *k = &f->call[i];
    sl_str s = {k->m->sent + k->seen, k->m->sent_len - k->seen};

    k->seen = k->m->sent_len;
    return s;
}

/* The body of an answer to whatever was asked on it. */
static inline void reply(struct fixture *f, uint32_t i, const char *body)
{
    size_t size = strlen(body) + 128;
    char *text = malloc(size);
    int n = snprintf(text, size, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                     strlen(body), body);

    (void)said(f, i);
    feed(f, i, text, (size_t)n);
    free(text);
}

#define assert_asks(f, i, start)                                                    \
    do {                                                                            \
        sl_str s_ = said(f, i);                                                     \
        if (s_.len < strlen(start) || memcmp(s_.ptr, start, strlen(start)) != 0)    \
            fail_msg("expected \"%s\", said \"%.*s\"", start, (int)s_.len, s_.ptr); \
    } while (0)

/* The body of a POST. */
static inline const char *posted(struct fixture *f, uint32_t i)
{
    static char text[65536];
    sl_str s = said(f, i);
    const char *body;

    snprintf(text, sizeof text, "%.*s", (int)s.len, s.ptr);
    assert_non_null(strstr(text, "POST "));
    body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    return body + 4;
}

/* ---- WebSocket ---- */

/* A text or binary frame of the server's. */
static inline void ws_say(struct fixture *f, uint32_t i, int op, sl_str payload)
{
    uint8_t *frame = malloc(WS_HEAD_MAX + payload.len);
    size_t n = ws_frame_head(frame, (enum ws_op)op, payload.len);

    if (payload.len > 0) memcpy(frame + n, payload.ptr, payload.len);
    feed(f, i, frame, n + payload.len);
    free(frame);
}

static inline void ws_text(struct fixture *f, uint32_t i, const char *text)
{
    ws_say(f, i, WS_TEXT, sl_str_of(text));
}

/* The client's frames since the last look: texts a line each, binary in <>, control as
 * "close 1000". They must be masked. */
static inline const char *ws_said(struct fixture *f, uint32_t i)
{
    static char text[262144];
    sl_str s = said(f, i);
    size_t at = 0, len = 0;

    while (at < s.len) {
        const uint8_t *b = (const uint8_t *)s.ptr + at;
        size_t n = b[1] & 0x7f, head = 2;
        unsigned op = b[0] & 15;

        assert_int_equal(b[1] & 0x80, 0x80);
        if (n == 126) n = (size_t)b[2] << 8 | b[3], head = 4;
        if ((b[1] & 0x7f) == 127) {
            n = (size_t)b[6] << 24 | (size_t)b[7] << 16 | (size_t)b[8] << 8 | b[9];
            head = 10;
        }
        assert_true(len + n + 16 < sizeof text && at + head + 4 + n <= s.len);
        if (op == WS_BINARY) text[len++] = '<';
        if (op == WS_CLOSE)
            len += (size_t)snprintf(text + len, 16, "close %d",
                                    (b[head + 4] ^ b[head]) << 8 | (b[head + 5] ^ b[head + 1]));
        else if (op == WS_PONG)
            len += (size_t)snprintf(text + len, 16, "pong ");
        for (size_t k = 0; k < n && op != WS_CLOSE; k++)
            text[len++] = (char)(b[head + 4 + k] ^ b[head + (k & 3)]);
        if (op == WS_BINARY) text[len++] = '>';
        text[len++] = '\n';
        at += head + 4 + n;
    }
    text[len] = '\0';
    return text;
}

/* Answer the handshake that was asked for on it. */
static inline void ws_accept_call(struct fixture *f, uint32_t i)
{
    char text[512], key[WS_KEY_SIZE] = "", accept[WS_ACCEPT_SIZE];
    sl_str s = said(f, i);
    const char *at = memmem(s.ptr, s.len, "Sec-WebSocket-Key: ", 19);

    assert_non_null(at);
    memcpy(key, at + 19, WS_KEY_SIZE - 1);
    assert_true(ws_accept(sl_str_of(key), accept));
    snprintf(text, sizeof text,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
             accept);
    feed(f, i, text, strlen(text));
}

/* ---- what the client tells ---- */

static inline void note(const char *fmt, ...)
{
    size_t len = strlen(fix->log);
    va_list args;

    va_start(args, fmt);
    vsnprintf(fix->log + len, sizeof fix->log - len, fmt, args);
    va_end(args);
}

static inline void heard(struct fixture *f, const char *expected)
{
    assert_string_equal(f->log, expected);
    f->log[0] = '\0';
}

static void note_connect(sl_client_socket *s, bool recovered, void *user)
{
    (void)user;
    note("%s joined %s%s\n", sl_client_nsp(s), sl_client_id(s), recovered ? " again" : "");
    if (fix->emits_on_connect)
        assert_int_equal(sl_client_emit_json(s, "first", (sl_str){0}), 0);
}

static void note_refused(sl_client_socket *s, sl_str message, sl_value data, void *user)
{
    sl_str raw = sl_value_type(data) != SL_JSON_NONE ? sl_value_raw(data) : SL_STR("-");

    (void)user;
    note("%s refused %.*s %.*s\n", sl_client_nsp(s), (int)message.len, message.ptr,
         (int)raw.len, raw.ptr);
}

static void note_disconnect(sl_client_socket *s, const char *reason, void *user)
{
    (void)user;
    note("%s left: %s\n", sl_client_nsp(s), reason);
}

static void note_event(sl_client_socket *s, const sl_sio_event *e, void *user)
{
    sl_str raw = sl_value_raw(e->args);

    (void)user;
    note("%s %.*s", sl_client_nsp(s), (int)raw.len, raw.ptr);
    for (unsigned i = 0; i < e->attachment_count; i++)
        note(" <%.*s>", (int)e->attachment[i].bytes.len, e->attachment[i].bytes.ptr);
    note("\n");
    assert_true(sl_client_ack(s, e, SL_STR("\"ok\"")) <= 0);
}

static inline void note_answer(sl_client_socket *s, int rc, const sl_sio_event *answer,
                               void *user)
{
    sl_str raw = answer != NULL ? sl_value_raw(answer->args) : SL_STR("-");

    (void)s;
    assert_true((answer != NULL) == (rc == 0));
    note("answer %s %d %.*s\n", (const char *)user, rc, (int)raw.len, raw.ptr);
}

static void note_trouble(sl_client *c, const sl_client_trouble *t, void *user)
{
    (void)c;
    (void)user;
    note("trouble %s, %u tries, %s%u: %s\n", t->reason, t->tries,
         t->gives_up ? "gives up " : "", t->retry_in_ms, t->text);
}

static void note_gone(void *user)
{
    struct fixture *f = user;

    assert_false(f->gone);
    f->gone = true;
    f->client = NULL;
    note("gone\n");
}

static const sl_client_on note_rows[] = {
    {NULL, note_event}
};

#define NOTE_ROW                                                                              \
    .on_connect = note_connect, .on_refused = note_refused, .on_disconnect = note_disconnect, \
    .events = note_rows, .event_count = 1

// clang-format off
static const sl_client_namespace just_root[] = {{.name = "/", NOTE_ROW}};
static const sl_client_namespace two_names[] = {
    {.name = "/", .auth = "{\"token\":\"a b\",\"n\":1}", NOTE_ROW},
    {.name = "/chat", NOTE_ROW},
};
// clang-format on

/* ---- lives ---- */

static inline int open_with(struct fixture *f, sl_client_options *o)
{
    int rc;

    if (o->namespaces == NULL) {
        o->namespaces = just_root;
        o->namespace_count = 1;
    }
    if (o->url == NULL) o->url = "ws://hub:5000";
    o->jitter_percent = SL_CLIENT_NO_JITTER;
    o->on_trouble = note_trouble;
    o->on_gone = note_gone;
    o->user = f;
    rc = sl_client_open(f->loop, o, &f->client, NULL);
    if (rc < 0) return rc;
    f->client->dialer = &fake_dialer;
    crank(f, 1);
    return 0;
}

#define OPEN_PACKET                                                                \
    "0{\"sid\":\"abc\",\"upgrades\":[],\"pingInterval\":1000,\"pingTimeout\":500," \
    "\"maxPayload\":100000}"
#define OPEN_UPGRADABLE                                                     \
    "0{\"sid\":\"abc\",\"upgrades\":[\"websocket\"],\"pingInterval\":1000," \
    "\"pingTimeout\":500,\"maxPayload\":100000}"

/* A client on a WebSocket that has joined "/". returns its stream */
static inline uint32_t join_by_websocket(struct fixture *f, sl_client_options *o)
{
    uint32_t i;

    o->transports = SL_CLIENT_WEBSOCKET;
    assert_int_equal(open_with(f, o), 0);
    i = accept_call(f);
    ws_accept_call(f, i);
    ws_text(f, i, OPEN_PACKET);
    assert_string_equal(ws_said(f, i), "40\n");
    ws_text(f, i, "40{\"sid\":\"S\"}");
    heard(f, "/ joined S\n");
    return i;
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_int_equal(sl_loop_new(&f->loop), 0);
    sl__loop_crank(f->loop, 0);
    fix = f;
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->client != NULL) {
        sl_client_close(f->client, 0);
        for (int i = 0; i < 10 && f->client != NULL; i++)
            crank(f, 1000);
    }
    assert_null(f->client);
    crank(f, 10000);
    sl_loop_free(f->loop);
    for (uint32_t i = 0; i < f->n; i++)
        mem_stream_free(f->call[i].m);
    free(f);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
