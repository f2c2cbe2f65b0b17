/* SPDX-License-Identifier: MIT */
/* Real sockets on loopback: accepting, limits, running out of descriptors. */
#include "net/listener.h"

#include "net/socket_stream.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct fixture {
    sl_loop *loop;
    struct listener *listener;
    struct accept_limits limits;
    int opened, gone;
    char got[64];
    size_t got_len;
};

static void on_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
    struct fixture *f = s->user;
    struct packet *p = packet_copy((sl_str){(char *)bytes, n});

    memcpy(f->got + f->got_len, bytes, n);
    f->got_len += n;
    assert_int_equal(sl__stream_send(s, p, 0), 0); /* echo */
    packet_drop(p);
}

static void on_gone(struct stream *s, int why)
{
    struct fixture *f = s->user;

    (void)why;
    f->gone++;
}

static const struct stream_events events = {.on_bytes = on_bytes, .on_gone = on_gone};

static void on_stream(struct stream *s, void *user)
{
    struct fixture *f = user;

    f->opened++;
    sl__stream_set_events(s, &events, f);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct listener_options o = {.stream = {.waiting_max = 1000},
                                 .limits = &f->limits,
                                 .on_stream = on_stream,
                                 .user = f};
    sl_error err = {0};

    f->limits = (struct accept_limits){.connections_max = 3, .per_address_max = 1};
    f->limits.per_address = map_new();
    assert_int_equal(sl_loop_new(&f->loop), 0);
    assert_int_equal(listener_open(f->loop, "127.0.0.1:0", &o, &f->listener, &err), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    listener_close(f->listener);
    sl_loop_free(f->loop);
    assert_int_equal(f->opened, f->gone);
    assert_int_equal(f->limits.connections, 0);
    map_free(f->limits.per_address);
    free(f);
    return 0;
}

static int dial(struct fixture *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(listener_port(f->listener)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* Turn the loop until the condition holds; half a minute is a deadline, not a wait. */
#define UNTIL(f, condition)                       \
    do {                                          \
        uint64_t end_ = mono_now().us + 30000000; \
        while (!(condition)) {                    \
            assert_true(mono_now().us < end_);    \
            uv_run((f)->loop->uv, UV_RUN_NOWAIT); \
        }                                         \
    } while (0)

static void bytes_come_back(void **state)
{
    struct fixture *f = *state;
    char back[8] = "", name[PEER_TEXT_SIZE], own[PEER_TEXT_SIZE];
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    int fd = dial(f);

    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    snprintf(own, sizeof own, "127.0.0.1:%u", ntohs(a.sin_port));
    assert_int_equal(write(fd, "hello", 5), 5);
    UNTIL(f, f->got_len == 5);
    uv_run(f->loop->uv, UV_RUN_NOWAIT);
    assert_int_equal(read(fd, back, sizeof back), 5);
    assert_memory_equal(back, "hello", 5);
    struct stream *s = LIST_ENTRY(f->loop->streams.next, struct stream, all);
    assert_string_equal(stream_peer(s, name), own);
    close(fd);
    UNTIL(f, f->gone == 1);
}

static void too_many_are_refused(void **state)
{
    struct fixture *f = *state;
    int fd[4];
    char c;

    for (int i = 0; i < 4; i++)
        fd[i] = dial(f);
    UNTIL(f, f->limits.refused_max == 1);
    assert_int_equal(f->opened, 3); /* loopback is exempt from the bound per address */
    assert_int_equal(read(fd[3], &c, 1), 0);
    close(fd[3]);

    f->limits.said[ACCEPT_MAX] = "!"; /* also behind what was sent and is not looked at */
    fd[3] = dial(f);
    assert_int_equal(write(fd[3], "hello", 5), 5);
    UNTIL(f, f->limits.refused_max == 2);
    assert_int_equal(read(fd[3], &c, 1), 1);
    assert_int_equal(c, '!');
    assert_int_equal(read(fd[3], &c, 1), 0);
    for (int i = 0; i < 4; i++)
        close(fd[i]);
    UNTIL(f, f->gone == 3);
}

/* Without descriptors a connection is closed, not left to wake the loop for ever. */
static void no_descriptors_left(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, low;
    int fd = dial(f), filler[4096], n = 0;
    char c;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = (struct rlimit){.rlim_cur = 200, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (n < 4096 && (filler[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    UNTIL(f, f->limits.refused_files == 1);
    assert_int_equal(read(fd, &c, 1), 0);
    while (n > 0)
        close(filler[--n]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    close(fd);
    fd = dial(f);
    UNTIL(f, f->opened == 1); /* and it goes on */
    close(fd);
    UNTIL(f, f->gone == 1);
}

/* Nor when there was no descriptor to spare: then it looks again from time to time. */
static void no_descriptor_to_spare(void **state)
{
    struct fixture *f = *state;
    struct listener_options o = {.limits = &f->limits, .on_stream = on_stream, .user = f};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    struct rlimit old, low;
    struct listener *l;
    int fd = socket(AF_INET, SOCK_STREAM, 0), filler[4096], n = 0;
    int client = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = (struct rlimit){.rlim_cur = 200, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (n < 4096 && (filler[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    assert_int_equal(listener_open_fd(f->loop, fd, &o, &l, NULL), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&a, len), 0);
    for (int i = 0; i < 50; i++)
        uv_run(f->loop->uv, UV_RUN_NOWAIT);
    assert_true(f->loop->lag.turns < 10);
    while (n > 0)
        close(filler[--n]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    UNTIL(f, f->opened == 1);
    close(client);
    UNTIL(f, f->gone == 1);
    listener_close(l);
}

static void errors_name_address_and_cure(void **state)
{
    static const struct {
        const char *address, *says;
        int rc;
    } rows[] = {
        {"nonsense",        "HOST:PORT",       SL_E_INVAL    },
        {"127.0.0.1:70000", "HOST:PORT",       SL_E_INVAL    },
        {"127.0.0.1:",      "HOST:PORT",       SL_E_INVAL    },
        {"999.1.1.1:80",    "HOST:PORT",       SL_E_INVAL    },
        {"192.0.2.1:0",     "no such address", -EADDRNOTAVAIL},
    };
    struct fixture *f = *state;
    struct listener_options o = {.limits = &f->limits, .on_stream = on_stream, .user = f};
    struct listener *l;
    sl_error err;
    char taken[32];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(listener_open(f->loop, rows[i].address, &o, &l, &err), rows[i].rc);
        assert_null(l);
        assert_non_null(strstr(err.text, rows[i].says));
    }
    snprintf(taken, sizeof taken, "127.0.0.1:%u", listener_port(f->listener));
    assert_int_equal(listener_open(f->loop, taken, &o, &l, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, "another program"));
}

static void both_families_and_inherited_sockets(void **state)
{
    struct fixture *f = *state;
    struct listener_options o = {.limits = &f->limits, .on_stream = on_stream, .user = f};
    struct listener *l;
    sl_error err;
    char pid[16];

    if (listener_open(f->loop, "[::1]:0", &o, &l, &err) == 0) { /* a machine may lack IPv6 */
        assert_memory_equal(listener_name(l), "[::1]:", 6);
        listener_close(l);
    }
    unsetenv("LISTEN_FDS");
    assert_int_equal(inherited_sockets(), 0);
    setenv("LISTEN_FDS", "2", 1);
    setenv("LISTEN_PID", "1", 1);
    assert_int_equal(inherited_sockets(), 0); /* meant for somebody else */
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "two", 1);
    assert_int_equal(inherited_sockets(), 0);
    unsetenv("LISTEN_FDS");
}

static void loopback_is_told_from_the_rest(void **state)
{
    static const struct {
        const char *ip;
        bool loopback;
    } rows[] = {
        {"127.0.0.1", true },
        {"127.9.9.9", true },
        {"128.0.0.1", false},
        {"10.0.0.1",  false}
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)};
        struct peer p;
        inet_pton(AF_INET, rows[i].ip, &a.sin_addr);
        peer_from_sockaddr((struct sockaddr *)&a, &p);
        assert_int_equal(peer_is_loopback(&p), rows[i].loopback);
        assert_int_equal(p.port, 80);
    }
}

static struct peer peer_at(int family, const char *ip)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct peer p;

    assert_int_equal(
        inet_pton(family, ip, family == AF_INET ? (void *)&v4.sin_addr : &v6.sin6_addr), 1);
    peer_from_sockaddr(family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, &p);
    return p;
}

/* Each row is the third of its party, where two are allowed, and somebody else comes. */
static void an_address_has_its_share(void **state)
{
    static const struct {
        int family;
        const char *one, *two, *third, *other;
        bool is_bounded;
    } rows[] = {
        {AF_INET,  "10.0.0.1",    "10.0.0.1",       "10.0.0.1",           "10.0.0.2",        true },
        {AF_INET6,
         "2001:db8:1:2::",        "2001:db8:1:2::", "2001:db8:1:2::",     "2001:db8:1:3::",  true },
        {AF_INET6, "2001:db8::1", "2001:db8::2",    "2001:db8::ffff:0:1", "2001:db8:0:1::1", true },
        {AF_INET6, "::1",         "::1",            "::1",                "2001:db8::1",     false},
        {AF_INET,  "127.0.0.1",   "127.0.0.1",      "127.0.0.1",          "10.0.0.1",        false},
    };
    struct fixture *f = *state;

    f->limits.per_address_max = 2;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct peer one = peer_at(rows[i].family, rows[i].one);
        struct peer two = peer_at(rows[i].family, rows[i].two);
        struct peer third = peer_at(rows[i].family, rows[i].third);
        struct peer other = peer_at(rows[i].family, rows[i].other);

        assert_true(count_address(&f->limits, &one));
        assert_true(count_address(&f->limits, &two));
        assert_int_equal(count_address(&f->limits, &third), !rows[i].is_bounded);
        assert_true(count_address(&f->limits, &other));
        uncount_address(&f->limits, &one);
        if (rows[i].is_bounded) assert_true(count_address(&f->limits, &third));
        uncount_address(&f->limits, &third);
        uncount_address(&f->limits, &two);
        uncount_address(&f->limits, &other);
        assert_int_equal(map_count(f->limits.per_address), 0);
    }
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(bytes_come_back),
        CASE(too_many_are_refused),
        CASE(no_descriptors_left),
        CASE(no_descriptor_to_spare),
        CASE(errors_name_address_and_cure),
        CASE(both_families_and_inherited_sockets),
        CASE(loopback_is_told_from_the_rest),
        CASE(an_address_has_its_share),
    };

    return cmocka_run_group_tests_name("net/listener", tests, NULL, NULL);
}
