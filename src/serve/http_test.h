/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the HTTP side share: a server on a loop whose clock is turned by hand, and
 * a connection in memory whose other end is the test.
 */
#ifndef SERVE_HTTP_TEST_H
#define SERVE_HTTP_TEST_H

#include "sluice/http.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "net/mem_stream.h"
#include "serve/server.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>

struct kit {
    sl_loop *loop;
    sl_server *server;
    struct mem_stream *m;
    uint32_t seed;
    char *text; /* what kit_text has given out */
};

static inline void kit_connect(struct kit *k)
{
    struct stream_options o = {.waiting_max = k->server->options.queue_max};

    k->m = mem_stream_open(k->loop, &o);
    assert_non_null(k->m);
    sl__server_take_stream(k->server, &k->m->s);
}

static inline void kit_open(struct kit *k, const sl_server_options *o)
{
    sl_error err = {0};

    *k = (struct kit){.seed = 1};
    assert_int_equal(sl_loop_new(&k->loop), 0);
    sl__loop_crank(k->loop, 0); /* from now on the clock is ours */
    assert_int_equal(sl_server_new(k->loop, o, &k->server, &err), 0);
    kit_connect(k);
}

/* Let the peer go and the end of its stream be told. */
static inline void kit_disconnect(struct kit *k)
{
    if (k->m == NULL) return;
    sl__stream_close(&k->m->s, SL_E_CLOSED);
    sl__loop_crank(k->loop, 0);
    assert_true(k->m->gone);
    mem_stream_free(k->m);
    k->m = NULL;
}

static inline void kit_close(struct kit *k)
{
    kit_disconnect(k);
    free(k->text);
    sl_server_free(k->server);
    sl_loop_free(k->loop);
}

/* The next piece: all of it (cut 0), one byte (1), or a random few (2). */
static inline size_t kit_piece(struct kit *k, int cut, size_t left)
{
    size_t n = left;

    if (cut == 1) n = 1;
    if (cut == 2) {
        k->seed = k->seed * 1103515245u + 12345u;
        n = 1 + (k->seed >> 16) % 23;
    }
    return n < left ? n : left;
}

/* The peer sends; where reading pauses, what is left is fed as soon as it goes on. */
static inline void kit_feed_cut(struct kit *k, const char *bytes, size_t n, int cut)
{
    while (n > 0 && !k->m->s.closing) {
        size_t piece = kit_piece(k, cut, n);

        mem_stream_feed(k->m, bytes, piece);
        sl__loop_crank(k->loop, 0);
        piece -= k->m->feed_len; /* what was not taken */
        if (piece == 0 && k->m->s.paused) break;
        bytes += piece;
        n -= piece;
    }
    sl__loop_crank(k->loop, 0);
}

static inline void kit_feed(struct kit *k, const char *z)
{
    kit_feed_cut(k, z, strlen(z), 0);
}

/* What the peer has received so far, without the lines that change from second to second. */
static inline const char *kit_text(struct kit *k)
{
    char *date, *end;

    free(k->text);
    k->text = malloc(k->m->sent_len + 1);
    assert_non_null(k->text);
    if (k->m->sent_len > 0) memcpy(k->text, k->m->sent, k->m->sent_len);
    k->text[k->m->sent_len] = '\0';
    while ((date = strstr(k->text, "Date: ")) != NULL) {
        end = strstr(date, "\r\n");
        assert_non_null(end);
        memmove(date, end + 2, strlen(end + 2) + 1);
    }
    return k->text;
}

/* An answer as it leaves; `before` and `after` are the lines around the CORS header. */
#define ANSWER(status, type, len, before, after, body)                                    \
    "HTTP/1.1 " status "\r\nContent-Type: " type "\r\nContent-Length: " len "\r\n" before \
    "Access-Control-Allow-Origin: *\r\n" after "\r\n" body
#define CLOSE "Connection: close\r\n"
#define JSON  "application/json"

#define assert_has(text, part)                                                               \
    do {                                                                                     \
        if (strstr((text), (part)) == NULL) fail_msg("no \"%s\" in \"%s\"", (part), (text)); \
    } while (0)
#define assert_lacks(text, part)                                                          \
    do {                                                                                  \
        if (strstr((text), (part)) != NULL) fail_msg("\"%s\" in \"%s\"", (part), (text)); \
    } while (0)

#endif
