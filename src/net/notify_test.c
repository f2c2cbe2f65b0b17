/* SPDX-License-Identifier: MIT */
#include "net/notify.h"

#include "base/alloc.h"
#include "net/signal.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A service manager on an abstract socket of our own. */
struct manager {
    sl_loop *loop;
    struct notify *notify;
    int fd;
    char name[64];
};

static void manager_init(struct manager *m)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    assert_int_equal(sl_loop_new(&m->loop), 0);
    snprintf(m->name, sizeof m->name, "@sluice-notify-test-%ld", (long)getpid());
    memcpy(a.sun_path + 1, m->name + 1, strlen(m->name) - 1);
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(m->fd >= 0);
    assert_int_equal(
        bind(m->fd, (struct sockaddr *)&a,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(m->name))),
        0);
    setenv("NOTIFY_SOCKET", m->name, 1);
}

static void manager_deinit(struct manager *m)
{
    notify_close(m->notify);
    sl_loop_free(m->loop);
    close(m->fd);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

/* The next datagram, "" when there is none. */
static const char *hear(struct manager *m)
{
    static char text[512];
    ssize_t n = recv(m->fd, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void states_are_told(void **state)
{
    struct manager m = {0};

    (void)state;
    manager_init(&m);
    assert_int_equal(notify_open(m.loop, &m.notify), 0);
    assert_non_null(m.notify);
    assert_string_equal(hear(&m), ""); /* nothing before we are ready */
    notify_ready(m.notify, "%d clients\nREADY=0", 3);
    assert_string_equal(hear(&m), "READY=1\nSTATUS=3 clients READY=0");
    notify_status(m.notify, "%d clients\nREADY=0", 3);
    assert_string_equal(hear(&m), ""); /* only when it changed */
    notify_status(m.notify, "4 clients");
    assert_string_equal(hear(&m), "STATUS=4 clients");
    notify_reloading(m.notify);
    assert_int_equal(strncmp(hear(&m), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
    notify_stopping(m.notify);
    assert_string_equal(hear(&m), "STOPPING=1\nSTATUS=stopping");
    sl__loop_crank(m.loop, 100000);
    assert_string_equal(hear(&m), ""); /* no watchdog was asked for */
    manager_deinit(&m);
}

static void the_loop_kicks_the_watchdog(void **state)
{
    struct manager m = {0};
    char pid[24];

    (void)state;
    manager_init(&m);
    setenv("WATCHDOG_USEC", "30000000", 1);
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_open(m.loop, &m.notify), 0);
    notify_ready(m.notify, "x");
    hear(&m);
    assert_string_equal(hear(&m), "WATCHDOG=1");
    sl__loop_crank(m.loop, 14000);
    assert_string_equal(hear(&m), "");
    sl__loop_crank(m.loop, 1001);
    assert_string_equal(hear(&m), "WATCHDOG=1");
    sl__loop_crank(m.loop, 15000);
    assert_string_equal(hear(&m), "WATCHDOG=1");
    assert_string_equal(hear(&m), "");
    manager_deinit(&m);
}

static void a_watchdog_for_somebody_else_is_left_alone(void **state)
{
    static const char *const rows[][2] = {
        {"30000000", "1" },
        {"0",        NULL},
        {"x",        NULL}
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct manager m = {0};

        manager_init(&m);
        setenv("WATCHDOG_USEC", rows[i][0], 1);
        if (rows[i][1] != NULL) setenv("WATCHDOG_PID", rows[i][1], 1);
        assert_int_equal(notify_open(m.loop, &m.notify), 0);
        notify_ready(m.notify, "x");
        hear(&m);
        sl__loop_crank(m.loop, 100000);
        assert_string_equal(hear(&m), "");
        manager_deinit(&m);
    }
}

static void without_a_manager_nothing_happens(void **state)
{
    static const char *const bad[] = {"relative", "@", "/"};
    char too_long[200];
    struct notify *n;
    sl_loop *loop;

    (void)state;
    assert_int_equal(sl_loop_new(&loop), 0);
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_open(loop, &n), 0);
    assert_null(n);
    notify_ready(n, "x");
    notify_status(n, "x");
    notify_reloading(n);
    notify_stopping(n);
    notify_close(n);
    for (size_t i = 0; i < 3; i++) {
        setenv("NOTIFY_SOCKET", bad[i], 1);
        assert_int_equal(notify_open(loop, &n), SL_E_INVAL);
    }
    memset(too_long, '/', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    setenv("NOTIFY_SOCKET", too_long, 1);
    assert_int_equal(notify_open(loop, &n), SL_E_INVAL);
    setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1); /* gone again: nobody minds */
    assert_int_equal(notify_open(loop, &n), 0);
    notify_ready(n, "x");
    notify_close(n);
    sl__alloc_fail_after(0);
    assert_int_equal(notify_open(loop, &n), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    unsetenv("NOTIFY_SOCKET");
    sl_loop_free(loop);
}

static void on_signal(void *user)
{
    sl_loop_stop(user, 0);
}

static void a_signal_is_an_event_of_the_loop(void **state)
{
    struct signal_watch *w;
    sl_loop *loop;

    (void)state;
    assert_int_equal(sl_loop_new(&loop), 0);
    sl__alloc_fail_after(0);
    assert_int_equal(signal_watch_open(loop, SIGHUP, on_signal, loop, &w), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    assert_int_equal(signal_watch_open(loop, 9999, on_signal, loop, &w), -EINVAL);
    assert_null(w);
    assert_int_equal(signal_watch_open(loop, SIGHUP, on_signal, loop, &w), 0);
    raise(SIGHUP);
    assert_int_equal(sl_loop_run(loop), 0); /* it ends because the signal came */
    signal_watch_close(w);
    signal_watch_close(NULL);
    sl_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_told),
        cmocka_unit_test(the_loop_kicks_the_watchdog),
        cmocka_unit_test(a_watchdog_for_somebody_else_is_left_alone),
        cmocka_unit_test(without_a_manager_nothing_happens),
        cmocka_unit_test(a_signal_is_an_event_of_the_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
