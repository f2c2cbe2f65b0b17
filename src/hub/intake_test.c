/* SPDX-License-Identifier: MIT */
/* A message's way, on a hub that the test plays: it settles the records, in memory streams. */
#include "hub/intake_test.h"

/* ---- a small system ---- */

static int on_thing(struct arrival *a)
{
    a->note = (uint64_t)++hub.arrivals;
    a->device = SL_STR("d");
    if (fields_has(a->fields, 1)) return arrival_refuse(a, 409, "no", "no is not liked");
    return 0;
}

static int on_hello(struct arrival *a)
{
    a->sender->role = 1;
    return 0;
}

static const struct field thing_rows[] = {
    {"n",  FIELD_NUMBER, FIELD_REQUIRED, 0, 9},
    {"no", FIELD_ANY,    0,              0, 0},
};
static const struct shape thing_shape = SHAPE(thing_rows);
static const struct field list_rows[] = {
    {"things", FIELD_ARRAY, FIELD_REQUIRED, 0, 5, NULL, NULL, &thing_shape},
    {"no",     FIELD_ANY,   0,              0, 0, NULL, NULL, NULL        },
};
static const struct shape list_shape = SHAPE(list_rows);
static const struct record_kind thing = {"test", "thing", NULL, NULL};

// clang-format off
static const struct intake intakes[] = {
    {.ws_type = "hello", .class = CLASS_STATE, .on_x = on_hello},
    {.ws_type = "thing", .http_method = SL_POST, .http_path = "/things", .class = CLASS_RECORD,
     .from = 1 << 1, .right = SL_RIGHT_OPEN, .bytes_max = 200, .shape = &thing_shape,
     .list = "things", .list_shape = &list_shape, .item = &thing_shape, .kind = &thing,
     .status = 201, .on_x = on_thing, .announce_x = on_announce},
    {.http_method = SL_PATCH, .http_path = "/things/:id", .class = CLASS_RECORD,
     .right = SL_RIGHT_OPEN, .shape = &thing_shape, .param = "id", .kind = &thing},
    {.ws_type = "picture", .class = CLASS_FRAME, .shape = &thing_shape, .on_x = on_thing},
};
// clang-format on
static const char *const ws_paths[] = {"/ws", NULL};
static const struct system sys = {.name = "test",
                                  .ws_paths = ws_paths,
                                  .intakes = intakes,
                                  .intake_count = sizeof intakes / sizeof intakes[0]};

/* ---- HTTP ---- */

static void test_the_answer_waits_for_the_commit(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    request(&b, "POST", "/things", "{\"n\":1,\"more\":2.50}");
    assert_string_equal(answer(&b), "");
    assert_int_equal(hub.n, 1);
    assert_true(sl_str_eq(hub.waiting[0]->body, SL_STR("{\"n\":1,\"more\":2.50}")));
    assert_true(sl_str_eq(hub.waiting[0]->device, SL_STR("d")));
    assert_int_equal(hub.announced, 0);
    settle(OUTCOME_STORED, 0, 0, "");
    assert_has(answer(&b), "HTTP/1.1 201 ");
    assert_has(answer(&b), "{\"ok\":true,\"id\":\"the-id\",\"seq\":7,\"stored\":true,"
                           "\"duplicate\":false}");
    assert_int_equal(hub.announced, 1);
    close_bench(&b);
}

static void test_duplicates_are_told_and_not_announced(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    request(&b, "POST", "/things", "{\"n\":1}");
    settle(OUTCOME_DUPLICATE, 0, 0, "");
    assert_has(answer(&b), "\"stored\":false,\"duplicate\":true");
    assert_int_equal(hub.announced, 0);
    close_bench(&b);
}

/* body, status, part of the sentence; none of them reaches the journal */
static const struct {
    const char *body, *status, *why;
} refusals[] = {
    {"{\"n\":10}",         "400", "n must be a number from 0 to 9"            },
    {"{}",                 "400", "n is missing"                              },
    {"[]",                 "400", "the message must be a JSON object"         },
    {"{",                  "400", "the body must be JSON"                     },
    {"",                   "400", "the body must be JSON"                     },
    {"{\"n\":1,\"no\":1}", "409", "no is not liked"                           },
    {"{\"things\":7}",     "400", "things must be an array of at most 5 items"},
    {"{\"things\":[{}]}",  "400", "things[0].n is missing"                    },
};

static void test_refusals(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        request(&b, "POST", "/things", refusals[i].body);
        assert_has(answer(&b), refusals[i].status);
        assert_has(answer(&b), refusals[i].why);
        assert_int_equal(hub.n, 0);
    }
    hub.is_full = true;
    request(&b, "POST", "/things", "{\"n\":1}");
    assert_has(answer(&b), "HTTP/1.1 503 ");
    assert_has(answer(&b), "not stored: ");
    assert_int_equal(hub.announced, 0);
    close_bench(&b);
}

static void test_what_the_store_says_is_said(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    request(&b, "POST", "/things", "{\"n\":1}");
    settle(OUTCOME_FAILED, SL_E_DB, 507, "not stored: the disk is full");
    assert_has(answer(&b), "HTTP/1.1 507 ");
    assert_has(answer(&b), "{\"error\":\"not stored: the disk is full\"}");
    request(&b, "PATCH", "/things/9", "{\"n\":1}");
    settle(OUTCOME_REFUSED, 0, 404, "no such thing");
    assert_has(answer(&b), "HTTP/1.1 404 ");
    assert_int_equal(hub.announced, 0);
    close_bench(&b);
}

static void test_a_list_is_answered_once(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    request(&b, "POST", "/things", "{\"things\":[{\"n\":1},{\"n\":2},{\"n\":3}]}");
    assert_int_equal(hub.n, 3);
    assert_true(sl_str_eq(hub.waiting[1]->body, SL_STR("{\"n\":2}")));
    settle(OUTCOME_STORED, 0, 0, "");
    settle(OUTCOME_FAILED, SL_E_DB, 503, "bad luck");
    assert_string_equal(answer(&b), "");
    settle(OUTCOME_STORED, 0, 0, "");
    assert_has(answer(&b), "HTTP/1.1 503 ");
    assert_has(answer(&b), "2 of 3 were stored; the first of the others: bad luck");
    assert_int_equal(hub.announced, 1);
    assert_int_equal(hub.stored, 2);
    close_bench(&b);
}

static void test_the_path_s_parameter_is_the_record_s(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    request(&b, "PATCH", "/things/a%22b", "{\"id\":1,\"n\":1,\"\\u0069d\":2,\"x\":[1.0]}");
    assert_int_equal(hub.n, 1);
    assert_true(
        sl_str_eq(hub.waiting[0]->body, SL_STR("{\"id\":\"a\\\"b\",\"n\":1,\"x\":[1.0]}")));
    settle(OUTCOME_STORED, 0, 0, "");
    assert_has(answer(&b), "HTTP/1.1 200 ");
    close_bench(&b);
}

/* ---- raw WebSocket ---- */

static void test_roles_receipts_and_errors(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    upgrade(&b);
    say(&b, "{\"type\":\"thing\",\"n\":1}"); /* no role yet */
    assert_int_equal(hub.n, 0);
    say(&b, "{\"type\":\"hello\"}");
    say(&b, "{\"type\":\"th\\u0069ng\",\"n\":1}");
    assert_int_equal(hub.n, 1);
    settle(OUTCOME_STORED, 0, 0, "");
    assert_string_equal(answer(&b), ""); /* nobody asked */
    say(&b, "{\"type\":\"thing\",\"n\":1,\"receipt\":true}");
    settle(OUTCOME_STORED, 0, 0, "");
    assert_has(answer(&b) + 2, "{\"type\":\"receipt\",\"ok\":true,\"id\":\"the-id\",\"seq\":7,"
                               "\"stored\":true,\"duplicate\":false}");
    say(&b, "{\"type\":\"thing\",\"n\":\"x\"}");
    assert_has(answer(&b) + 2, "{\"type\":\"error\",\"error\":\"n must be a number from 0 to "
                               "9\",\"field\":\"n\"}");
    say(&b, "{\"type\":\"picture\",\"n\":\"x\"}"); /* a frame's faults are not told */
    say(&b, "{\"type\":\"dance\"}");
    say(&b, "{");
    assert_string_equal(answer(&b), "");
    assert_int_equal(hub.announced, 2);
    assert_int_equal(hub.note, 2); /* of that message, while a later one has come */
    close_bench(&b);
}

static void test_the_bound_of_a_message(void **state)
{
    char text[256] = "{\"type\":\"thing\",\"n\":1,\"x\":\"";
    size_t n = strlen(text);
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    upgrade(&b);
    say(&b, "{\"type\":\"hello\"}");
    memset(text + n, 'x', 200 - n);
    memcpy(text + 198, "\"}", 3);
    say(&b, text); /* at it */
    assert_int_equal(hub.n, 1);
    settle(OUTCOME_STORED, 0, 0, "");
    memcpy(text + 198, "x\"}", 4);
    say(&b, text);
    assert_int_equal(hub.n, 0);
    assert_has(answer(&b) + 2, "larger than 200 bytes");
    close_bench(&b);
}

static void test_a_dead_sender_s_record_is_announced(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    upgrade(&b);
    say(&b, "{\"type\":\"hello\"}");
    say(&b, "{\"type\":\"thing\",\"n\":1,\"receipt\":true}");
    kit_disconnect(&b.k);
    settle(OUTCOME_STORED, 0, 0, "");
    assert_int_equal(hub.announced, 1);
    close_bench(&b);
}

static void test_nobody_is_told_when_the_hub_has_gone(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    request(&b, "POST", "/things", "{\"n\":1}");
    kit_disconnect(&b.k);
    hub.is_stopping = true;
    settle(OUTCOME_STORED, 0, 0, "");
    assert_int_equal(hub.announced, 0);
    close_bench(&b);
}

static void test_without_memory(void **state)
{
    struct intakes *x;
    int rc = -1, n = 0;

    (void)state;
    for (; rc != 0 && n < 50; n++) {
        sl__alloc_fail_after(n);
        rc = intakes_new(NULL, &sys, NULL, &x);
        sl__alloc_fail_after(-1);
        assert_true(rc == 0 || (rc == SL_E_NOMEM && x == NULL));
    }
    assert_in_range(n, 3, 49);
    intakes_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_answer_waits_for_the_commit),
        cmocka_unit_test(test_duplicates_are_told_and_not_announced),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_what_the_store_says_is_said),
        cmocka_unit_test(test_a_list_is_answered_once),
        cmocka_unit_test(test_the_path_s_parameter_is_the_record_s),
        cmocka_unit_test(test_roles_receipts_and_errors),
        cmocka_unit_test(test_the_bound_of_a_message),
        cmocka_unit_test(test_a_dead_sender_s_record_is_announced),
        cmocka_unit_test(test_nobody_is_told_when_the_hub_has_gone),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
