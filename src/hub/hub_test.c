/* SPDX-License-Identifier: MIT */
/* Assembly: every step of it can fail, and then nothing is left behind. */
#include "hub/hub.h"

#include "base/alloc.h"
#include "store/lock.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct folder {
    char dir[64];
};

static int starts, stops;

static int start_well(void *state, struct hub *hub, sl_error *err)
{
    (void)err;
    assert_non_null(hub_server(hub));
    assert_false(hub_is_stopping(hub));
    assert_int_equal(*(int *)state, 0); /* zeroed */
    *(int *)state = ++starts;
    return 0;
}

static int start_badly(void *state, struct hub *hub, sl_error *err)
{
    (void)state;
    (void)hub;
    return sl_fail(err, SL_E_LIMIT, "bad", "no");
}

static void stop(void *state)
{
    (void)state;
    stops++;
}

static void on_request(sl_request *r, void *user)
{
    (void)user;
    sl_answer(r, 200, "text/plain", SL_STR("x"));
}

static const char *const steps[] = {"CREATE TABLE good_thing(x)"};
static const sl_route routes[] = {SL_ROUTE(SL_GET, "/good", SL_RIGHT_OPEN, on_request, NULL)};
static const sl_route clash[] = {SL_ROUTE(SL_GET, "/health", SL_RIGHT_OPEN, on_request, NULL)};

static const struct system good = {.name = "good",
                                   .step = steps,
                                   .step_count = 1,
                                   .routes = routes,
                                   .route_count = 1,
                                   .state_size = sizeof(int),
                                   .start = start_well,
                                   .stop = stop};
static const struct system bad = {
    .name = "bad", .state_size = sizeof(int), .start = start_badly, .stop = stop};
static const struct system clashing = {.name = "clashing",
                                       .routes = clash,
                                       .route_count = 1,
                                       .state_size = sizeof(int),
                                       .start = start_well,
                                       .stop = stop};

static int set_up(void **state)
{
    struct folder *f = calloc(1, sizeof *f);

    if (f == NULL) return -1;
    snprintf(f->dir, sizeof f->dir, "/tmp/sluice-hub-XXXXXX");
    if (mkdtemp(f->dir) == NULL) return -1;
    starts = stops = 0;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const left[] = {"sluice.db", "sluice.db-wal", "sluice.db-shm", "lock"};
    struct folder *f = *state;
    char path[128];

    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", f->dir, left[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

static int make(const struct folder *f, const struct system *const *list, size_t n,
                sl_error *err)
{
    struct hub_options o = {.data_dir = f->dir, .systems = list, .system_count = n};
    struct hub *hub = NULL;
    sl_loop *loop = NULL;
    uint16_t port = 0;
    int rc = sl_loop_new(&loop);

    if (rc < 0) return rc;
    rc = hub_new(loop, &o, &hub, err);
    assert_true((rc == 0) == (hub != NULL));
    if (rc == 0) rc = hub_listen(hub, "127.0.0.1:0", &port, err);
    if (rc == 0) {
        assert_int_not_equal(port, 0);
        sl_loop_stop(loop, 0);
        assert_int_equal(sl_loop_run(loop), 0);
    }
    hub_free(hub);
    sl_loop_free(loop);
    return rc;
}

static bool is_free(const struct folder *f)
{
    int fd, rc = lock_take(f->dir, &fd, NULL);

    lock_release(fd);
    return rc == 0;
}

static void test_up_and_down_again(void **state)
{
    static const struct system *const list[] = {&good};
    struct folder *f = *state;

    for (int i = 1; i <= 2; i++) { /* the second finds the store of the first */
        assert_int_equal(make(f, list, 1, NULL), 0);
        assert_int_equal(starts, i);
        assert_int_equal(stops, i);
        assert_true(is_free(f));
    }
}

static void test_a_system_that_does_not_start(void **state)
{
    static const struct system *const list[] = {&good, &bad};
    struct folder *f = *state;
    sl_error err = {0};

    assert_int_equal(make(f, list, 2, &err), SL_E_LIMIT);
    assert_string_equal(err.where, "bad");
    assert_int_equal(stops, 2);
    assert_true(is_free(f));
}

static void test_two_that_want_one_path(void **state)
{
    static const struct system *const list[] = {&clashing};
    struct folder *f = *state;
    sl_error err = {0};

    assert_int_equal(make(f, list, 1, &err), SL_E_INVAL);
    assert_non_null(strstr(err.where, "/health"));
    assert_int_equal(starts, 0);
    assert_true(is_free(f));
}

static void test_a_folder_in_use(void **state)
{
    static const struct system *const list[] = {&good};
    struct folder *f = *state;
    int fd;

    assert_int_equal(lock_take(f->dir, &fd, NULL), 0);
    assert_int_equal(make(f, list, 1, NULL), SL_E_BUSY);
    lock_release(fd);
}

static void test_each_allocation_may_fail(void **state)
{
    static const struct system *const list[] = {&good};
    struct folder *f = *state;
    int rc = SL_E_NOMEM, n = 0;

    assert_int_equal(make(f, list, 1, NULL), 0);
    for (; rc != 0 && n < 500; n++) {
        sl__alloc_fail_after(n);
        rc = make(f, list, 1, NULL);
        sl__alloc_fail_after(-1);
        if (rc != 0 && rc != SL_E_NOMEM && rc != -12) fail_msg("allocation %d: %d", n, rc);
        assert_true(is_free(f));
    }
    assert_in_range(n, 10, 499);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_up_and_down_again),        CASE(test_a_system_that_does_not_start),
        CASE(test_two_that_want_one_path),   CASE(test_a_folder_in_use),
        CASE(test_each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
