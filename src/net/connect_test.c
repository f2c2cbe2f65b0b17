/* SPDX-License-Identifier: MIT */
#include "net/connect.h"

#include "base/alloc.h"
#include "net/socket_stream.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#define NOT_YET 12345

struct fixture {
    sl_loop *loop;
    struct connect *call;
    struct stream *s;
    int rc;
    char got[16];
    size_t got_len;
};

static void on_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
    struct fixture *f = s->user;

    assert_true(f->got_len + n < sizeof f->got);
    memcpy(f->got + f->got_len, bytes, n);
    f->got_len += n;
}

static void on_gone(struct stream *s, int why)
{
    struct fixture *f = s->user;

    (void)why;
    f->s = NULL;
}

static const struct stream_events events = {.on_bytes = on_bytes, .on_gone = on_gone};

static void on_connected(struct stream *s, int rc, void *user)
{
    struct fixture *f = user;

    assert_int_equal(f->rc, NOT_YET);
    assert_true((s != NULL) == (rc == 0));
    f->call = NULL;
    f->rc = rc;
    f->s = s;
    if (s != NULL) sl__stream_set_events(s, &events, f);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_int_equal(sl_loop_new(&f->loop), 0);
    f->rc = NOT_YET;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    sl_loop_free(f->loop);
    free(f);
    return 0;
}

static int listen_here(char port[6])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(port, 6, "%u", ntohs(a.sin_port));
    return fd;
}

static void call(struct fixture *f, const char *host, const char *port, uint32_t timeout_ms)
{
    struct connect_options o = {
        .host = host, .port = port, .timeout_ms = timeout_ms, .stream = {.waiting_max = 65536}};

    assert_int_equal(connect_open(f->loop, &o, on_connected, f, &f->call), 0);
    assert_int_equal(f->rc, NOT_YET); /* never from inside */
}

static void run_until_known(struct fixture *f)
{
    uint64_t end = mono_now().us + 20000000;

    while (f->rc == NOT_YET) {
        assert_true(mono_now().us < end);
        uv_run(f->loop->uv, UV_RUN_ONCE);
    }
}

static void talk(struct fixture *f, int listener)
{
    uint64_t end = mono_now().us + 20000000;
    struct packet *p = packet_copy(SL_STR("hi"));
    int fd = accept(listener, NULL, NULL);
    char said[2];

    assert_true(fd >= 0);
    assert_int_equal(sl__stream_send(f->s, p, 0), 0);
    packet_drop(p);
    assert_int_equal(write(fd, "you", 3), 3);
    while (f->got_len < 3) {
        assert_true(mono_now().us < end);
        uv_run(f->loop->uv, UV_RUN_ONCE);
    }
    assert_int_equal(read(fd, said, 2), 2);
    assert_memory_equal(said, "hi", 2);
    sl__stream_close(f->s, 0);
    close(fd);
}

static void a_number_and_a_name(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    struct fixture *f = *state;
    char port[6];
    int fd = listen_here(port);

    for (size_t i = 0; i < 2; i++) {
        f->rc = NOT_YET;
        f->got_len = 0;
        call(f, hosts[i], port, 20000);
        run_until_known(f);
        assert_int_equal(f->rc, 0);
        assert_int_equal(socket_stream_peer(f->s)->port, (uint16_t)strtol(port, NULL, 10));
        talk(f, fd);
    }
    close(fd);
}

static void nobody_listens_or_the_name_is_none(void **state)
{
    struct fixture *f = *state;
    char port[6];

    close(listen_here(port));
    call(f, "127.0.0.1", port, 20000);
    run_until_known(f);
    assert_int_equal(f->rc, UV_ECONNREFUSED);
    f->rc = NOT_YET;
    call(f, "no such name", port, 20000);
    run_until_known(f);
    assert_int_equal(f->rc, SL_E_NOT_FOUND);
}

/* 192.0.2.0/24 is nobody's, RFC 5737: silence, or a refusal where there is no way out. */
static void who_says_nothing_is_waited_for_so_long(void **state)
{
    struct fixture *f = *state;

    call(f, "192.0.2.1", "9", 50);
    run_until_known(f);
    assert_true(f->rc < 0);
    f->rc = NOT_YET;
    call(f, "127.0.0.1", "9", 0);
    run_until_known(f);
    assert_int_equal(f->rc, SL_E_TIMEOUT);
}

static void cancelled_at_any_moment(void **state)
{
    struct fixture *f = *state;
    char port[6];
    int fd = listen_here(port);

    call(f, "127.0.0.1", port, 20000);
    connect_cancel(f->call); /* before it began */
    for (int rounds = 1; rounds < 4; rounds++) {
        call(f, "127.0.0.1", port, 20000);
        for (int i = 0; i < rounds && f->call != NULL; i++)
            uv_run(f->loop->uv, UV_RUN_NOWAIT);
        connect_cancel(f->call);
        if (f->s != NULL) sl__stream_close(f->s, 0);
    }
    f->rc = NOT_YET;
    call(f, "localhost", port, 20000);
    uv_run(f->loop->uv, UV_RUN_NOWAIT); /* the lookup is under way */
    connect_cancel(f->call);
    connect_cancel(NULL);
    close(fd);
}

static void without_memory(void **state)
{
    struct fixture *f = *state;
    struct connect_options o = {.host = "localhost", .port = "9", .timeout_ms = 20000};

    sl__alloc_fail_after(0);
    assert_int_equal(connect_open(f->loop, &o, on_connected, f, &f->call), SL_E_NOMEM);
    assert_null(f->call);
    sl__alloc_fail_after(1);
    assert_int_equal(connect_open(f->loop, &o, on_connected, f, &f->call), 0);
    run_until_known(f);
    sl__alloc_fail_after(-1);
    assert_int_equal(f->rc, SL_E_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_number_and_a_name, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_listens_or_the_name_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(who_says_nothing_is_waited_for_so_long, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(cancelled_at_any_moment, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
