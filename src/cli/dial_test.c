/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "cli/dial_ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* ---- waiting ---- */

/* A listener on a free port, as an address. */
static int listen_here(struct dial_url *u)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    char text[64];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(text, sizeof text, "ws://127.0.0.1:%u/ws", ntohs(a.sin_port));
    assert_null(dial_url_parse(text, u));
    return fd;
}

static void test_who_says_nothing_is_waited_for_so_long(void **state)
{
    struct dial d = DIAL_NONE;
    struct dial_url u;
    int fd = listen_here(&u);
    uint64_t began = dial_now_ms();
    char byte;

    (void)state;
    dial_limit(&d, 2000);
    assert_int_equal(dial_open(&d, &u), 0);
    dial_limit(&d, 50);
    assert_int_equal(dial_recv(&d, &byte, 1), SL_E_TIMEOUT);
    assert_true(dial_now_ms() - began >= 50);
    dial_close(&d);
    dial_close(&d);
    close(fd);
    dial_limit(&d, 2000);
    assert_int_equal(dial_open(&d, &u), -ECONNREFUSED);
    assert_int_equal(d.fd, -1);
}

static void test_stop_ends_all_waiting(void **state)
{
    struct dial d = DIAL_NONE;
    struct dial_url u;
    int fd = listen_here(&u);
    uint64_t one = 1;
    char byte;

    (void)state;
    d.stop_fd = eventfd(0, EFD_CLOEXEC);
    dial_limit(&d, 20000);
    assert_int_equal(dial_open(&d, &u), 0);
    assert_int_equal(write(d.stop_fd, &one, sizeof one), sizeof one);
    assert_int_equal(dial_recv(&d, &byte, 1), -ECANCELED);
    assert_int_equal(dial_pause(&d, 20000), -ECANCELED);
    dial_close(&d);
    close(d.stop_fd);
    close(fd);
}

static void test_names(void **state)
{
    struct dial d = DIAL_NONE;
    struct dial_url u;
    int fd = listen_here(&u);

    (void)state;
    snprintf(u.host, sizeof u.host, "localhost"); /* by the thread that looks names up */
    dial_limit(&d, 20000);
    assert_int_equal(dial_open(&d, &u), 0);
    dial_close(&d);
    close(fd);
    snprintf(u.host, sizeof u.host, "no such name");
    assert_int_equal(dial_open(&d, &u), SL_E_NOT_FOUND);
    sl__alloc_fail_after(0);
    assert_int_equal(dial_open(&d, &u), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
}

/* ---- a conversation, with the other end of a socket pair in our hand ---- */

static void open_pair(struct dial_ws *w, int *other)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    *w = (struct dial_ws){.dial = DIAL_NONE};
    dial_ws_begin(w, pair[0]);
    *other = pair[1];
    dial_limit(&w->dial, 5000);
}

static void test_messages_come_in_order_and_pings_are_answered(void **state)
{
    static const char sent[] = "\x81\x03one\x89\x02hi\x82\x03"
                               "bin\x01\x01t\x80\x02wo";
    struct dial_ws w;
    char pong[32];
    sl_buf *b;
    int other;

    (void)state;
    open_pair(&w, &other);
    assert_int_equal(write(other, sent, sizeof sent - 1), sizeof sent - 1);
    assert_int_equal(dial_ws_receive(&w, &b), 0);
    assert_true(sl_str_eq(sl_buf_str(b), SL_STR("one")));
    sl_buf_drop(b);
    assert_int_equal(dial_ws_receive(&w, &b), 0);
    assert_true(sl_str_eq(sl_buf_str(b), SL_STR("two"))); /* nobody wants the binary one */
    sl_buf_drop(b);
    assert_int_equal(read(other, pong, sizeof pong), 8);
    assert_memory_equal(pong, "\x8a\x82", 2);
    assert_int_equal((pong[6] ^ pong[2]), 'h');
    dial_limit(&w.dial, 20);
    assert_int_equal(dial_ws_receive(&w, &b), SL_E_TIMEOUT);
    dial_limit(&w.dial, 5000);
    assert_int_equal(write(other, "\x88\x00", 2), 2);
    assert_int_equal(dial_ws_receive(&w, &b), SL_E_CLOSED);
    dial_ws_deinit(&w);
    close(other);
}

static void test_a_frame_cut_by_stop_ends_before_the_goodbye(void **state)
{
    const size_t big = 4 * 1024 * 1024;
    char *text = sl__zalloc(big), head[14];
    struct dial_ws w;
    size_t got = 0, n;
    int other;

    (void)state;
    assert_non_null(text);
    open_pair(&w, &other);
    dial_limit(&w.dial, 20);
    assert_int_equal(dial_ws_send(&w, (sl_str){text, big}), SL_E_TIMEOUT);
    assert_int_equal(dial_ws_send(&w, SL_STR("x")), SL_E_CLOSED); /* not into the middle */
    assert_true(w.unsent.len > 0 && w.unsent.len < big);
    n = big + WS_MASKED_HEAD_MAX - w.unsent.len; /* what has left */
    assert_int_equal(read(other, head, sizeof head), sizeof head);
    got = sizeof head;
    while (got < n) {
        ssize_t piece = read(other, text, n - got);

        assert_true(piece > 0);
        got += (size_t)piece;
    }
    dial_limit(&w.dial, 5000);
    while (w.unsent.len > 0) { /* we read as it goes on */
        dial_limit(&w.dial, 20);
        (void)!dial_send(&w.dial, &w.unsent);
        for (ssize_t piece; (piece = read(other, text, big)) > 0;)
            got += (size_t)piece;
    }
    assert_int_equal(got, big + WS_MASKED_HEAD_MAX);
    shutdown(other, SHUT_WR); /* its answer to the goodbye */
    dial_ws_close(&w);
    assert_int_equal(read(other, text, big), 8);
    assert_memory_equal(text, "\x88\x82", 2);
    dial_ws_close(&w);
    close(other);
    sl__free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_says_nothing_is_waited_for_so_long),
        cmocka_unit_test(test_stop_ends_all_waiting),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_messages_come_in_order_and_pings_are_answered),
        cmocka_unit_test(test_a_frame_cut_by_stop_ends_before_the_goodbye),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
