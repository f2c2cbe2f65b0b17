/* SPDX-License-Identifier: MIT */
#include "proto/http1_reply.h"

#include "base/alloc.h"
#include "base/rand.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define OK   "HTTP/1.1 200 OK\r\n"
#define MORE "rest" /* behind the answer: not to be taken */

// clang-format off
static const struct row {
    const char *text;
    int rc; /* 0; SL_E_PARTIAL: complete once the peer ends, if `body`; else an error */
    int status;
    const char *body;
} rows[] = {
    {OK "Content-Length: 5\r\n\r\nhello" MORE,                                0,              200, "hello"   },
    {OK "content-length:0\r\n\r\n" MORE,                                      0,              200, ""        },
    {"HTTP/1.0 404 Not Found\r\nContent-Length: 2\r\n\r\nno" MORE,            0,              404, "no"      },
    {"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx" MORE,                       0,              200, "x"       },
    {"HTTP/1.1 200 OK\nContent-Length: 1\n\nx" MORE,                          0,              200, "x"       },
    {OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;a=b\r\nde\r\n0\r\n\r\n" MORE,
                                                                              0,              200, "abcde"   },
    {OK "Transfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n" MORE,
                                                                              0,              200, ""        },
    {"HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 1\r\n\r\nx" MORE,    0,              200, "x"       },
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" MORE,           0,              101, ""        },
    {"HTTP/1.1 204 No Content\r\n\r\n" MORE,                                  0,              204, ""        },
    {OK "\r\nuntil the end",                                                  SL_E_PARTIAL,   200, "until the end"},
    {OK "Content-Length: 5\r\n\r\nhell",                                      SL_E_PARTIAL,   200, NULL      },
    {OK "Content-Le",                                                         SL_E_PARTIAL,   0,   NULL      },
    {"HTTP/1.",                                                               SL_E_PARTIAL,   0,   NULL      },
    {"SSH-2.0-OpenSSH_9.2\r\n",                                               SL_E_HTTP,      0,   NULL      },
    {"HTTX/1.1 200 OK\r\n\r\n",                                               SL_E_HTTP,      0,   NULL      },
    {"HTTP/1.1 20 OK\r\n\r\n",                                                SL_E_HTTP,      0,   NULL      },
    {"HTTP/1.1 2000 OK\r\n\r\n",                                              SL_E_HTTP,      0,   NULL      },
    {"HTTP/1.1 abc OK\r\n\r\n",                                               SL_E_HTTP,      0,   NULL      },
    {"HTTP/1.1 099 OK\r\n\r\n",                                               SL_E_HTTP,      0,   NULL      },
    {OK "Content-Length: -1\r\n\r\n",                                         SL_E_HTTP,      0,   NULL      },
    {OK "Content-Length: 1, 1\r\n\r\n",                                       SL_E_HTTP,      0,   NULL      },
    {OK "Content-Length: 99999999999999999999\r\n\r\n",                       SL_E_HTTP,      0,   NULL      },
    {OK "Transfer-Encoding: gzip\r\n\r\n",                                    SL_E_HTTP,      0,   NULL      },
    {OK "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",                          SL_E_HTTP,      0,   NULL      },
    {OK "Content-Length: 1048577\r\n\r\n",                                    SL_E_TOO_BIG,   0,   NULL      },
    {OK "Transfer-Encoding: chunked\r\n\r\n100001\r\n",                       SL_E_TOO_BIG,   0,   NULL      },
};
// clang-format on
#define ROWS (sizeof rows / sizeof *rows)

/* Each byte in a block of its own size: a read past what was given is seen. */
static int feed_cut(struct reply *r, const char *text, size_t n, size_t (*cut)(size_t left),
                    size_t *taken)
{
    int rc = SL_E_PARTIAL;

    *taken = 0;
    while (*taken < n && rc == SL_E_PARTIAL) {
        size_t len = cut(n - *taken), used;
        char *piece = sl__alloc(len);

        assert_non_null(piece);
        memcpy(piece, text + *taken, len);
        rc = reply_feed(r, piece, len, &used);
        sl__free(piece);
        assert_true(used <= len);
        *taken += used;
        if (rc == SL_E_PARTIAL) assert_int_equal(used, len);
    }
    return rc;
}

static size_t whole(size_t left)
{
    return left;
}
static size_t bytewise(size_t left)
{
    (void)left;
    return 1;
}
static size_t at_random(size_t left)
{
    return 1 + rand_below((uint32_t)left);
}

static void check(const struct row *row, size_t (*cut)(size_t))
{
    struct reply *r = sl__zalloc(sizeof *r);
    size_t taken;

    assert_non_null(r);
    assert_int_equal(feed_cut(r, row->text, strlen(row->text), cut, &taken), row->rc);
    if (row->rc == 0) assert_string_equal(row->text + taken, MORE);
    if (row->rc == SL_E_PARTIAL)
        assert_int_equal(reply_end(r), row->body != NULL ? 0 : SL_E_PARTIAL);
    if (row->status != 0) assert_int_equal(r->status, row->status);
    if (row->body != NULL) assert_true(sl_str_eq(r->body, sl_str_of(row->body)));
    reply_deinit(r);
    sl__free(r);
}

static void test_replies_whole_bytewise_and_cut_at_random(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        check(&rows[i], whole);
        check(&rows[i], bytewise);
        for (int k = 0; k < 20; k++)
            check(&rows[i], at_random);
    }
}

static void test_a_head_has_a_limit(void **state)
{
    struct reply *r = sl__zalloc(sizeof *r);
    char *text = sl__alloc(REPLY_HEAD_MAX + 1);
    size_t used;

    (void)state;
    assert_non_null(r);
    assert_non_null(text);
    memset(text, 'x', REPLY_HEAD_MAX + 1);
    memcpy(text, "HTTP/1.1 200 OK\r\nX: ", 20);
    memcpy(text + REPLY_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(reply_feed(r, text, REPLY_HEAD_MAX, &used), SL_E_PARTIAL);
    assert_int_equal(r->status, 200);
    *r = (struct reply){0};
    text[REPLY_HEAD_MAX - 1] = 'x';
    assert_int_equal(reply_feed(r, text, REPLY_HEAD_MAX, &used), SL_E_PARTIAL);
    assert_int_equal(r->status, 0);
    assert_int_equal(reply_feed(r, "x", 1, &used), SL_E_TOO_BIG);
    sl__free(text);
    sl__free(r);
}

/* Without a length the limit is met as it comes. */
static void test_a_body_has_a_limit(void **state)
{
    struct reply *r = sl__zalloc(sizeof *r);
    char *text = sl__zalloc(REPLY_BODY_MAX + 1);
    size_t used;

    (void)state;
    assert_non_null(r);
    assert_non_null(text);
    assert_int_equal(reply_feed(r, OK "\r\n", strlen(OK) + 2, &used), SL_E_PARTIAL);
    assert_int_equal(reply_feed(r, text, REPLY_BODY_MAX, &used), SL_E_PARTIAL);
    assert_int_equal(r->body.len, REPLY_BODY_MAX);
    assert_int_equal(reply_feed(r, text, 1, &used), SL_E_TOO_BIG);
    reply_deinit(r);
    sl__free(text);
    sl__free(r);
}

static void test_fields(void **state)
{
    static const char text[] = OK "Server:  a b \r\nserver: second\r\nno colon\r\nX-Y:z\r\n"
                                  "Content-Length: 0\r\n\r\n";
    struct reply *r = sl__zalloc(sizeof *r);
    size_t used;

    (void)state;
    assert_non_null(r);
    assert_int_equal(reply_feed(r, text, sizeof text - 1, &used), 0);
    assert_true(sl_str_eq(reply_find(r, "SERVER"), SL_STR("a b")));
    assert_true(sl_str_eq(reply_find(r, "x-y"), SL_STR("z")));
    assert_null(reply_find(r, "X").ptr);
    assert_null(reply_find(r, "HTTP/1.1 200 OK").ptr);
    assert_true(sl_str_eq(reply_beginning(r), sl_str_of(text)));
    sl__free(r);
}

static void test_whether_another_request_may_follow(void **state)
{
    static const struct {
        const char *text;
        bool keep_alive;
    } kept[] = {
        {OK "Content-Length: 0\r\n\r\n",                                           true },
        {OK "Content-Length: 0\r\nConnection: x, Close\r\n\r\n",                   false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",                           false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", true },
        {OK "\r\n",                                                                false}, /* it ends with the connection */
    };
    struct reply *r = sl__zalloc(sizeof *r);
    size_t used;

    (void)state;
    assert_non_null(r);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        assert_true(reply_feed(r, kept[i].text, strlen(kept[i].text), &used) <= 0);
        assert_int_equal(reply_end(r), 0);
        assert_int_equal(r->keep_alive, kept[i].keep_alive);
        reply_reset(r);
    }
    sl__free(r);
}

static void test_a_limit_of_ones_own_and_the_next_answer(void **state)
{
    struct reply *r = sl__zalloc(sizeof *r);
    size_t used;

    (void)state;
    assert_non_null(r);
    r->body_max = 3;
    for (int i = 0; i < 3; i++) {
        static const char text[] = OK "Content-Length: 3\r\n\r\nabc";
        assert_int_equal(reply_feed(r, text, sizeof text - 1, &used), 0);
        assert_true(sl_str_eq(r->body, SL_STR("abc")));
        reply_reset(r);
    }
    assert_int_equal(reply_feed(r, OK "Content-Length: 4\r\n\r\n", strlen(OK) + 21, &used),
                     SL_E_TOO_BIG);
    reply_deinit(r);
    sl__free(r);
}

static void test_without_memory(void **state)
{
    struct reply *r = sl__zalloc(sizeof *r);
    size_t used;

    (void)state;
    assert_non_null(r);
    sl__alloc_fail_after(0);
    assert_int_equal(reply_feed(r, OK "\r\nx", strlen(OK) + 3, &used), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    reply_deinit(r);
    sl__free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_whole_bytewise_and_cut_at_random),
        cmocka_unit_test(test_a_head_has_a_limit),
        cmocka_unit_test(test_a_body_has_a_limit),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_whether_another_request_may_follow),
        cmocka_unit_test(test_a_limit_of_ones_own_and_the_next_answer),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
