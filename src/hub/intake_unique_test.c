/* SPDX-License-Identifier: MIT */
/* What tells duplicates, from the row to the record and back to the sender. */
#include "hub/intake_test.h"

enum { MARK_DEVICE, MARK_TIME, MARK_ID, MARK_NAME, MARK_N };

// clang-format off
static const struct field mark_rows[] = {
    [MARK_DEVICE] = {"device", FIELD_TEXT, 0, 0, 200},
    [MARK_TIME]   = {"timestamp", FIELD_TIME, FIELD_DEVICE_TIME},
    [MARK_ID]     = {"id", FIELD_ID, 0, 0, 200},
    [MARK_NAME]   = {"name", FIELD_TEXT, 0, 0, 0, "alias"},
    [MARK_N]      = {"n", FIELD_NUMBER},
};
static const struct shape mark_shape = SHAPE(mark_rows);
static const struct field marks_rows[] = {
    {"device", FIELD_TEXT, 0, 0, 200},
    {"timestamp", FIELD_TIME, FIELD_DEVICE_TIME},
    {"marks", FIELD_ARRAY, FIELD_REQUIRED, 0, 5, NULL, NULL, &mark_shape},
};
// clang-format on
static const struct shape marks_shape = SHAPE(marks_rows);

static char device_room[FIELD_ROOM(200)];

static int on_mark(struct arrival *a)
{
    (void)fields_text(a->fields, MARK_DEVICE, device_room, sizeof device_room, &a->device);
    return 0;
}

static const char *const by_id_and_name[] = {"id", "name", NULL};
static const char *const by_time_and_id[] = {"id", "timestamp", NULL};
static const char *const by_path[] = {"where", NULL};

static const struct record_kind mark = {"test", "mark", NULL, NULL};

#define MARK                                                               \
    .http_method = SL_POST, .class = CLASS_RECORD, .right = SL_RIGHT_OPEN, \
    .shape = &mark_shape, .kind = &mark, .on_x = on_mark, .announce_x = on_announce

// clang-format off
static const struct intake intakes[] = {
    {.http_path = "/name", .unique = by_id_and_name, MARK},
    {.http_path = "/time", .unique = by_time_and_id, .list = "marks", .list_shape = &marks_shape,
     .item = &mark_shape, MARK},
    {.http_path = "/plain", MARK},
    {.http_path = "/at/:where", .param = "where", .unique = by_path, MARK},
    {.http_path = "/content", .ws_type = "mark", .unique = by_id_and_name, .same_content = true,
     .window_us = 60, .announces_duplicates = true, MARK},
};
// clang-format on
static const char *const ws_paths[] = {"/ws", NULL};
static const struct system sys = {.name = "test",
                                  .ws_paths = ws_paths,
                                  .intakes = intakes,
                                  .intake_count = sizeof intakes / sizeof intakes[0]};

#define LONG "0123456789012345678901234567890123456789012345678901234567890123" /* 64 */

/* path, two bodies, are they one record? NONE: they have no key at all */
enum sameness { NONE, DIFFER, SAME };
// clang-format off
static const struct {
    const char *path, *a, *b;
    enum sameness is;
} pairs[] = {
    {"/name", "{\"device\":\"d\",\"id\":7,\"name\":\"x\"}", "{\"name\":\"x\", \"id\":7,\"device\":\"d\",\"n\":9}", SAME},
    {"/name", "{\"device\":\"d\",\"id\":7,\"name\":\"x\"}", "{\"device\":\"e\",\"id\":7,\"name\":\"x\"}", DIFFER},
    {"/name", "{\"device\":\"d\",\"id\":7,\"name\":\"x\"}", "{\"device\":\"d\",\"id\":8,\"name\":\"x\"}", DIFFER},
    {"/name", "{\"device\":\"d\",\"id\":7,\"name\":\"x\"}", "{\"device\":\"d\",\"id\":7,\"name\":\"y\"}", DIFFER},
    /* nothing runs into its neighbour */
    {"/name", "{\"device\":\"d\",\"id\":\"ab\",\"name\":\"c\"}", "{\"device\":\"d\",\"id\":\"a\",\"name\":\"bc\"}", DIFFER},
    {"/name", "{\"device\":\"da\",\"id\":\"b\",\"name\":\"c\"}", "{\"device\":\"d\",\"id\":\"ab\",\"name\":\"c\"}", DIFFER},
    {"/name", "{\"id\":\"\",\"name\":\"c\"}", "{\"id\":\"c\",\"name\":\"\"}", DIFFER},
    {"/name", "{\"id\":\"\",\"name\":\"\"}", "{\"id\":\"\",\"name\":\"\",\"device\":\"\"}", SAME},
    /* the same word, however it is written; an id may be a number */
    {"/name", "{\"id\":\"A\",\"name\":\"x\"}", "{\"id\":\"\\u0041\",\"alias\":\"\\u0078\"}", SAME},
    {"/name", "{\"id\":7,\"name\":\"x\"}", "{\"id\":\"7\",\"name\":\"x\"}", SAME},
    {"/name", "{\"id\":7,\"name\":\"x\"}", "{\"id\":7.0,\"name\":\"x\"}", DIFFER},
    /* long ones by their hash */
    {"/name", "{\"id\":1,\"name\":\"" LONG "a\"}", "{\"id\":1,\"name\":\"" LONG "\\u0061\"}", SAME},
    {"/name", "{\"id\":1,\"name\":\"" LONG "a\"}", "{\"id\":1,\"name\":\"" LONG "b\"}", DIFFER},
    {"/name", "{\"id\":1,\"name\":\"" LONG "\"}", "{\"id\":1,\"name\":\"" LONG "0\"}", DIFFER},
    /* who lacks a field is nobody's double */
    {"/name", "{\"id\":7}", "{\"id\":7}", NONE},
    {"/name", "{\"id\":null,\"name\":\"x\"}", "{\"name\":\"x\"}", NONE},
    {"/time", "{\"id\":7}", "{\"id\":7}", NONE},

    {"/time", "{\"id\":7,\"timestamp\":\"2026-03-01T09:30:00Z\"}", "{\"id\":7,\"timestamp\":\"2026-03-01T12:30:00.000+03:00\"}", SAME},
    {"/time", "{\"id\":7,\"timestamp\":\"2026-03-01T09:30:00Z\"}", "{\"id\":7,\"timestamp\":\"2026-03-01T09:30:00.000001Z\"}", DIFFER},
    {"/time", "{\"marks\":[{\"id\":7}],\"timestamp\":\"2026-03-01T09:30:00Z\"}",
     "{\"marks\":[{\"id\":7,\"timestamp\":\"2026-03-01T09:30:00Z\"}]}", SAME},
    {"/time", "{\"marks\":[{\"id\":7},{\"id\":8}],\"timestamp\":\"2026-03-01T09:30:00Z\"}", NULL, DIFFER},
    {"/time", "{\"marks\":[{\"id\":7},{\"id\":7}]}", NULL, NONE},

    {"/at/home", "{\"n\":1}", "{\"n\":2}", SAME},
    {"/content", "{\"id\":1,\"name\":\"x\",\"n\":1}", "{\"n\":1,  \"name\":\"\\u0078\",\"id\":1}", SAME},
    {"/content", "{\"id\":1,\"name\":\"x\",\"n\":1}", "{\"id\":1,\"name\":\"x\",\"n\":1.0}", DIFFER},
    {"/content", "{\"id\":1,\"name\":\"x\",\"type\":\"mark\",\"receipt\":true}", "{\"id\":1,\"name\":\"x\"}", SAME},
    {"/content", "{\"id\":1,\"name\":\"x\",\"type\":\"other\"}", "{\"id\":1,\"name\":\"x\"}", DIFFER},
    {"/content", "{\"id\":1,\"name\":\"x\",\"y\":[1, [2],\"\\u0061\"]}", "{\"id\":1,\"name\":\"x\",\"y\":[1,[2],\"a\"]}", SAME},
    {"/content", "{\"id\":1,\"name\":\"x\",\"y\":[1,[2],3]}", "{\"id\":1,\"name\":\"x\",\"y\":[1,[2,3]]}", DIFFER},
    {"/content", "{\"id\":1,\"name\":\"x\",\"y\":[1,2]}", "{\"id\":1,\"name\":\"x\",\"y\":[12]}", DIFFER},
    {"/content", "{\"id\":1,\"name\":\"x\",\"y\":{\"a\":1}}", "{\"id\":1,\"name\":\"x\",\"y\":[\"a\",1]}", DIFFER},
    {"/content", "{\"id\":1,\"name\":\"x\",\"y\":\"\\ud800\"}", "{\"id\":1,\"name\":\"x\",\"y\":\"\\ud801\"}", DIFFER},
};
// clang-format on

static void settle_and_clear(struct bench *b)
{
    while (hub.n > 0)
        settle(OUTCOME_STORED, 0, 0, "");
    (void)answer(b);
}

static bool are_same(const struct unique *a, const struct unique *b)
{
    return sl_str_eq(a->key, b->key) && a->same_content == b->same_content
           && a->content == b->content;
}

static void test_what_makes_two_the_same(void **state)
{
    char key[2][UNIQUE_KEY_MAX];
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const char *const body[] = {pairs[i].a, pairs[i].b};
        struct unique u[2];
        int n = 0;

        for (int j = 0; j < 2 && body[j] != NULL; j++) {
            request(&b, "POST", pairs[i].path, body[j]);
            assert_true(hub.n > 0);
            for (int k = 0; k < hub.n; k++, n++) {
                u[n] = hub.waiting[k]->unique;
                assert_in_range(u[n].key.len, 0, UNIQUE_KEY_MAX);
                memcpy(key[n], u[n].key.ptr, u[n].key.len);
                u[n].key.ptr = key[n];
            }
            settle_and_clear(&b);
        }
        assert_int_equal(n, 2);
        if ((u[0].key.len > 0) != (pairs[i].is != NONE)) fail_msg("%s: key", pairs[i].a);
        if (pairs[i].is != NONE && are_same(&u[0], &u[1]) != (pairs[i].is == SAME))
            fail_msg("%s and %s", pairs[i].a, pairs[i].b);
    }
    close_bench(&b);
}

static struct unique unique_after(struct bench *b, const char *path, const char *body)
{
    struct unique u;

    request(b, "POST", path, body);
    u = hub.waiting[0]->unique;
    settle_and_clear(b);
    return u;
}

static void test_keys_rise_with_time(void **state)
{
    static const char *const at[] = {"0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z",
                                     "1970-01-01T00:00:00Z", "2026-03-01T09:30:00Z",
                                     "2026-03-01T09:30:00.000256Z"};
    char body[128], last[8] = {0};
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        struct record *r;

        snprintf(body, sizeof body, "{\"id\":%d,\"timestamp\":\"%s\"}", 9 - (int)i, at[i]);
        request(&b, "POST", "/time", body);
        r = hub.waiting[0];
        assert_true(r->unique.key.len > 8);
        assert_true(memcmp(r->unique.key.ptr, last, 8) > 0);
        memcpy(last, r->unique.key.ptr, 8);
        settle_and_clear(&b);
    }
    close_bench(&b);
}

static void test_the_columns_reach_the_record(void **state)
{
    struct bench b;
    struct unique u;

    (void)state;
    open_bench(&b, &sys);
    u = unique_after(&b, "/content", "{\"id\":1,\"name\":\"x\"}");
    assert_true(u.same_content);
    assert_int_equal(u.window_us, 60);
    assert_true(u.content != 0);
    u = unique_after(&b, "/name", "{\"id\":1,\"name\":\"x\"}");
    assert_false(u.same_content);
    assert_int_equal(u.window_us, 0);
    assert_int_equal(unique_after(&b, "/plain", "{\"id\":1,\"name\":\"x\"}").key.len, 0);
    close_bench(&b);
}

static void test_duplicates_are_announced_where_the_row_says(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    request(&b, "POST", "/name", "{\"id\":1,\"name\":\"x\"}");
    settle(OUTCOME_DUPLICATE, 0, 0, "");
    assert_int_equal(hub.announced, 0);
    request(&b, "POST", "/content", "{\"id\":1,\"name\":\"x\"}");
    settle(OUTCOME_DUPLICATE, 0, 0, "");
    assert_has(answer(&b), "{\"ok\":true,\"id\":\"the-id\",\"seq\":7,\"stored\":false,"
                           "\"duplicate\":true}");
    assert_int_equal(hub.announced, 1);
    assert_int_equal(hub.stored, 0);
    close_bench(&b);
}

static void test_a_list_of_duplicates_and_others(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, &sys);
    request(&b, "POST", "/time", "{\"marks\":[{\"id\":1},{\"id\":2}]}");
    settle(OUTCOME_STORED, 0, 0, "");
    settle(OUTCOME_DUPLICATE, 0, 0, "");
    assert_has(answer(&b), "\"stored\":true,\"duplicate\":false}");
    request(&b, "POST", "/time", "{\"marks\":[{\"id\":1},{\"id\":2}]}");
    settle(OUTCOME_DUPLICATE, 0, 0, "");
    settle(OUTCOME_DUPLICATE, 0, 0, "");
    assert_has(answer(&b), "\"stored\":false,\"duplicate\":true}");
    close_bench(&b);
}

static void test_a_key_without_memory(void **state)
{
    const sl_str text = SL_STR("{\"id\":1,\"name\":\"\\u0041\",\"x\":\"\\u0041\"}");
    sl_json doc = {0};
    int rc = -1, n = 0;

    (void)state;
    assert_int_equal(sl_json_read(&doc, text, NULL, NULL, NULL), 0);
    for (; rc != 0 && n < 20; n++) {
        const struct arrival a = {.intake = &intakes[sizeof intakes / sizeof intakes[0] - 1]};
        char room[UNIQUE_KEY_MAX];
        struct fields f;
        struct unique u;

        assert_int_equal(shape_read(&mark_shape, sl_json_root(&doc), &f, NULL), 0);
        sl__alloc_fail_after(n);
        rc = unique_of(&a, &(struct part){sl_json_root(&doc), &mark_shape, &f, NULL}, room, &u);
        sl__alloc_fail_after(-1);
        assert_true(rc == 0 || rc == SL_E_NOMEM);
    }
    assert_in_range(n, 3, 19);
    sl_json_deinit(&doc);
}

static void test_a_row_that_names_what_is_not_there(void **state)
{
    static const char *const none[] = {"id", "nothing", NULL};
    static const struct shape other = SHAPE(marks_rows);
    struct intake in = {.shape = &mark_shape, .unique = none};

    (void)state;
    assert_false(unique_is_sound(&in));
    in.unique = by_id_and_name;
    assert_true(unique_is_sound(&in));
    in.list = "marks";
    in.item = &other;
    assert_false(unique_is_sound(&in));
    assert_false(unique_is_sound(&(struct intake){.unique = none}));
    assert_true(unique_is_sound(&(struct intake){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_makes_two_the_same),
        cmocka_unit_test(test_keys_rise_with_time),
        cmocka_unit_test(test_the_columns_reach_the_record),
        cmocka_unit_test(test_duplicates_are_announced_where_the_row_says),
        cmocka_unit_test(test_a_list_of_duplicates_and_others),
        cmocka_unit_test(test_a_key_without_memory),
        cmocka_unit_test(test_a_row_that_names_what_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
