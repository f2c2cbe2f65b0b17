/* SPDX-License-Identifier: MIT */
/*
 * Any bytes to a server: heads, bodies, pipelines, upgrades and what follows them. Fed whole
 * and fed in pieces it says the same; a peer that falls silent is gone after a while.
 *
 *   byte 0   the pieces: 0 one byte each, else up to so many
 *   byte 1-  the bytes
 */
#include "sluice/ws.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/mem_stream.h"
#include "serve/server.h"

#include <stdlib.h>
#include <string.h>

#define BODY_MAX    4096
#define WAITING_MAX 8
#define SILENCE_MS  300000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct {
    sl_request *request[WAITING_MAX]; /* to be answered later */
    int n;
} waiting;

static void look(sl_request *r)
{
    static const char *const names[] = {"Host", "origin", "accept-encoding", "x"};

    SL_ASSERT(sl_request_body(r).len <= BODY_MAX && sl_request_path(r).len > 0);
    SL_ASSERT(memchr(sl_request_path(r).ptr, '\0', sl_request_path(r).len) == NULL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        sl_str v = sl_request_header(r, names[i]);

        SL_ASSERT(v.len == 0 || memchr(v.ptr, '\n', v.len) == NULL);
    }
}

static void on_echo(sl_request *r, void *user)
{
    sl_str body = sl_request_body(r), q = sl_request_query(r, "q"),
           id = sl_request_param(r, "id");

    (void)user;
    look(r);
    if (q.len > 0) (void)!sl_request_set_header(r, "X-Q", q);
    if (id.len > 0) (void)!sl_request_set_header(r, "X-Id", id);
    sl_answer(r, 200, "text/plain", body);
}

static void on_later(sl_request *r, void *user)
{
    (void)user;
    look(r);
    if (waiting.n < WAITING_MAX)
        waiting.request[waiting.n++] = r;
    else
        sl_answer_error(r, 503, "too many");
}

static void on_message(sl_ws *ws, const sl_message *m, const sl_json_index *index, void *user)
{
    (void)index;
    (void)user;
    (void)sl_ws_send(ws, m);
}

static const sl_ws_ops echo = {.on_message = on_message};

static const sl_route routes[] = {
    SL_ROUTE(SL_GET | SL_POST | SL_PUT, "/echo", SL_RIGHT_OPEN, on_echo, NULL),
    SL_ROUTE(SL_GET | SL_PATCH | SL_DELETE, "/item/:id", SL_RIGHT_OPEN, on_echo, NULL),
    SL_ROUTE(SL_GET, "/all/*rest", SL_RIGHT_OPEN, on_echo, NULL),
    SL_ROUTE(SL_GET | SL_POST, "/later", SL_RIGHT_OPEN, on_later, NULL),
    SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &echo, NULL),
};

static void answer_all(sl_loop *loop)
{
    sl__loop_crank(loop, 0);
    while (waiting.n > 0) {
        sl_request *r = waiting.request[--waiting.n];

        sl_answer(r, 200, "application/json", SL_STR("{\"late\":true}"));
        sl__loop_crank(loop, 0);
    }
}

static void feed(sl_loop *loop, struct mem_stream *m, const uint8_t *data, size_t n,
                 size_t piece)
{
    while (n > 0 && !m->s.closing) {
        size_t take = n < piece ? n : piece;

        mem_stream_feed(m, data, take);
        answer_all(loop);
        for (int i = 0; m->feed_len > 0 && !m->s.closing; i++) {
            SL_ASSERT(i < 1000); /* it reads on by itself once all is answered */
            answer_all(loop);
        }
        data += take;
        n -= take;
    }
    answer_all(loop);
}

/* The lines that change from second to second. */
static size_t without_dates(char *text, size_t len)
{
    char *at;

    while ((at = memmem(text, len, "\r\nDate: ", 8)) != NULL) {
        char *end = memmem(at + 2, len - (size_t)(at + 2 - text), "\r\n", 2);

        if (end == NULL) break; /* somebody's own text */
        memmove(at, end, len - (size_t)(end - text));
        len -= (size_t)(end - at);
    }
    return len;
}

/* Of pings that came together the newest is answered: how many pongs there are is no twin's. */
static size_t without_pongs(char *text, size_t len)
{
    char *at = memmem(text, len, "HTTP/1.1 101 ", 13);
    size_t left;

    if (at != NULL) at = memmem(at, len - (size_t)(at - text), "\r\n\r\n", 4);
    if (at == NULL) return len;
    at += 4;
    while ((left = len - (size_t)(at - text)) >= 2) {
        size_t size = (uint8_t)at[1], head = size < 126 ? 2 : 4;

        if (size == 127 || left < head) break; /* longer than what comes in here */
        if (size == 126) size = (size_t)(uint8_t)at[2] << 8 | (uint8_t)at[3];
        if (left < head + size) break;
        if ((uint8_t)at[0] == 0x8a) {
            memmove(at, at + head + size, left - head - size);
            len -= head + size;
        } else {
            at += head + size;
        }
    }
    return len;
}

/* What was said, to be freed. */
static char *say(const uint8_t *data, size_t n, size_t piece, size_t *len)
{
    sl_server_options o = {.routes = routes,
                           .route_count = sizeof routes / sizeof routes[0],
                           .body_max = BODY_MAX,
                           .deflate_min = 64};
    struct stream_options so = {0};
    sl_server *server;
    struct mem_stream *m;
    sl_loop *loop;
    char *said;
    int rc = sl_loop_new(&loop);

    SL_ASSERT(rc == 0);
    sl__loop_crank(loop, 0);
    rc = sl_server_new(loop, &o, &server, NULL);
    SL_ASSERT(rc == 0);
    so.waiting_max = server->options.queue_max;
    m = mem_stream_open(loop, &so);
    SL_ASSERT(m != NULL);
    sl__server_take_stream(server, &m->s);
    feed(loop, m, data, n, piece);
    SL_ASSERT(m->sent_len == 0 || (m->sent_len > 9 && memcmp(m->sent, "HTTP/1.1 ", 9) == 0));
    said = malloc(m->sent_len + 1);
    SL_ASSERT(said != NULL);
    if (m->sent_len > 0) memcpy(said, m->sent, m->sent_len);
    *len = without_pongs(said, without_dates(said, m->sent_len));
    sl__loop_crank(loop, SILENCE_MS);
    sl__loop_crank(loop, SILENCE_MS);
    SL_ASSERT(m->gone);
    mem_stream_free(m);
    sl_server_free(server);
    sl_loop_free(loop);
    return said;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t whole_len, cut_len;
    char *whole, *cut;

    if (n < 2) return 0;
    whole = say(data + 1, n - 1, n, &whole_len);
    cut = say(data + 1, n - 1, data[0] > 0 ? data[0] : 1, &cut_len);
    SL_ASSERT(whole_len == cut_len && memcmp(whole, cut, cut_len) == 0);
    free(whole);
    free(cut);
    return 0;
}
