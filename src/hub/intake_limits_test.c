/* SPDX-License-Identifier: MIT */
/* How who sends too much hears of it; how much that is, limits_test.c knows. */
#include "base/clock.h"
#include "hub/intake_test.h"

static int on_thing(struct arrival *a)
{
    hub.arrivals++;
    a->device = SL_STR("d");
    return 0;
}

static int on_hello(struct arrival *a)
{
    return arrival_admit_device(a, (uint32_t)hub.arrivals);
}

static const struct field thing_rows[] = {
    {"n", FIELD_NUMBER, 0, 0, 9}
};
static const struct shape thing_shape = SHAPE(thing_rows);
static const struct field list_rows[] = {
    {"things", FIELD_ARRAY, FIELD_REQUIRED, 0, 5, NULL, NULL, &thing_shape},
};
static const struct shape list_shape = SHAPE(list_rows);
static const struct record_kind thing = {"test", "thing", NULL, NULL};

// clang-format off
static const struct intake intakes[] = {
    {.ws_type = "hello", .http_method = SL_POST, .http_path = "/hello", .class = CLASS_STATE,
     .right = SL_RIGHT_OPEN, .shape = &thing_shape, .on_x = on_hello},
    {.ws_type = "thing", .http_method = SL_POST, .http_path = "/things", .class = CLASS_RECORD,
     .right = SL_RIGHT_OPEN, .shape = &thing_shape, .list = "things",
     .list_shape = &list_shape, .item = &thing_shape, .kind = &thing, .on_x = on_thing},
    {.ws_type = "picture", .http_method = SL_POST, .http_path = "/pictures",
     .class = CLASS_FRAME, .right = SL_RIGHT_OPEN, .shape = &thing_shape, .on_x = on_thing},
};
// clang-format on
static const char *const ws_paths[] = {"/ws", NULL};
static const struct system sys = {.name = "test",
                                  .ws_paths = ws_paths,
                                  .intakes = intakes,
                                  .intake_count = sizeof intakes / sizeof intakes[0]};

/* ten a second: five are one tenth of the bucket */
static const struct limits_options options = {
    .device_rate = 10, .address_rate = 10, .enrolments = 10, .devices = 3};

static void open_limited(struct bench *b, struct limits *l)
{
    open_bench(b, &sys);
    assert_int_equal(limits_init(l, &options), 0);
    intakes_set_limits(b->x, l);
}

static void close_limited(struct bench *b, struct limits *l)
{
    while (hub.n > 0)
        settle(OUTCOME_STORED, 0, 0, "");
    close_bench(b);
    limits_deinit(l);
}

/* The address of a stream in memory is "?". In a minute the bucket is full: then far too much
 * is spent at once, so that it is empty now. */
static void overdraw(struct rates *r, const char *key)
{
    assert_int_equal(rates_take(r, sl_str_of(key), 5000, mono_now().us + 60000000), 0);
}

static void test_by_http(void **state)
{
    struct limits l;
    struct bench b;

    (void)state;
    open_limited(&b, &l);
    request(&b, "POST", "/things", "{\"n\":1}");
    assert_int_equal(hub.n, 1);
    settle(OUTCOME_STORED, 0, 0, "");
    assert_has(answer(&b), "HTTP/1.1 200 ");

    overdraw(l.device, "d");
    request(&b, "POST", "/things", "{\"n\":1}");
    assert_has(answer(&b), "HTTP/1.1 429 ");
    assert_has(answer(&b), "\r\nRetry-After: 55");
    assert_has(answer(&b), "this device sends more than 10 records a second "
                           "(limits.device_rate): try again in 55");
    assert_int_equal(l.over_device, 1);

    hub.arrivals = 0;
    overdraw(l.address, "?");
    request(&b, "POST", "/things", "{\"things\":[{},{}]}");
    assert_has(answer(&b), "HTTP/1.1 429 ");
    assert_has(answer(&b), "(limits.address_rate)");
    assert_int_equal(l.over_address, 1);
    assert_int_equal(hub.arrivals, 0); /* before the system sees it */
    assert_int_equal(hub.n, 0);

    request(&b, "POST", "/pictures", "{\"n\":1}"); /* frames are not counted */
    assert_has(answer(&b), "HTTP/1.1 200 ");
    close_limited(&b, &l);
}

static void test_each_of_a_list_counts(void **state)
{
    struct limits l;
    struct bench b;

    (void)state;
    open_limited(&b, &l);
    request(&b, "POST", "/things", "{\"things\":[{},{},{},{},{}]}");
    assert_int_equal(hub.n, 5);
    /* 45 of 50 are left, and what has come since: no five seconds have passed, or it is slow */
    assert_int_not_equal(rates_take(l.device, SL_STR("d"), 50, mono_now().us), 0);
    assert_int_equal(rates_take(l.device, SL_STR("d"), 45, mono_now().us), 0);
    close_limited(&b, &l);
}

static void test_by_websocket(void **state)
{
    struct limits l;
    struct bench b;

    (void)state;
    open_limited(&b, &l);
    upgrade(&b);
    overdraw(l.device, "d");
    say(&b, "{\"type\":\"thing\",\"n\":1}");
    assert_string_equal(answer(&b), ""); /* counted, not told */
    assert_int_equal(l.over_device, 1);
    say(&b, "{\"type\":\"thing\",\"n\":1,\"receipt\":true}");
    assert_has(answer(&b), "{\"type\":\"error\",\"error\":\"this device sends more than 10");
    assert_int_equal(l.over_device, 2);
    assert_int_equal(hub.n, 0);
    say(&b, "{\"type\":\"thing\",\"n\":17}"); /* what else is wrong is told as ever */
    assert_has(answer(&b), "{\"type\":\"error\",\"error\":\"n must be");
    close_limited(&b, &l);
}

static void test_new_devices(void **state)
{
    struct limits l;
    struct bench b;

    (void)state;
    open_limited(&b, &l);
    hub.arrivals = 2; /* known: below the bound, and at it */
    request(&b, "POST", "/hello", "{}");
    assert_has(answer(&b), "HTTP/1.1 200 ");
    hub.arrivals = 3;
    request(&b, "POST", "/hello", "{}");
    assert_has(answer(&b), "HTTP/1.1 503 ");
    assert_has(answer(&b), "this hub knows 3 devices since its start and takes no more");
    assert_int_equal(l.devices_full, 1);

    hub.arrivals = 2;
    overdraw(l.enrol, "?");
    request(&b, "POST", "/hello", "{}");
    assert_has(answer(&b), "HTTP/1.1 429 ");
    assert_has(answer(&b), "more than 10 new devices a minute from this address "
                           "(limits.enrolments)");
    upgrade(&b);
    say(&b, "{\"type\":\"hello\"}");
    assert_has(answer(&b), "{\"type\":\"error\",\"error\":\"more than 10 new devices");
    assert_int_equal(l.over_enrolments, 2);
    close_limited(&b, &l);
}

static void test_no_limits(void **state)
{
    const struct limits_options none = {0};
    struct limits l;
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    assert_int_equal(limits_init(&l, &none), 0);
    intakes_set_limits(b.x, &l);
    for (int i = 0; i < 200; i++) {
        request(&b, "POST", "/things", "{\"n\":1}");
        assert_int_equal(hub.n, 1);
        settle(OUTCOME_STORED, 0, 0, "");
        assert_has(answer(&b), "HTTP/1.1 200 ");
    }
    hub.arrivals = 2;
    request(&b, "POST", "/hello", "{}");
    assert_has(answer(&b), "HTTP/1.1 200 ");
    close_limited(&b, &l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_http),      cmocka_unit_test(test_each_of_a_list_counts),
        cmocka_unit_test(test_by_websocket), cmocka_unit_test(test_new_devices),
        cmocka_unit_test(test_no_limits),
    };

    return cmocka_run_group_tests_name("hub/intake_limits", tests, NULL, NULL);
}
