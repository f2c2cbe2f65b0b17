/* SPDX-License-Identifier: MIT */
#include "systems/glass_store.h"

#include "base/alloc.h"
#include "hub/journal.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static int set_up(void **state)
{
    struct db *db;

    if (db_open(":memory:", DB_WRITE, &db, NULL) < 0) return -1;
    if (db_migrate(db, NULL, spine_steps, SPINE_STEPS, NULL) < 0) return -1;
    if (db_migrate(db, "glass", glass_steps, GLASS_STEPS, NULL) < 0) return -1;
    *state = db;
    return 0;
}

static int tear_down(void **state)
{
    db_close(*state);
    return 0;
}

/* As the journal does it, without its thread. */
static int store(struct db *db, int64_t seq, int64_t device_at, const char *body)
{
    struct record *r = record_new(&glass_detection, SL_STR("cam-7"), sl_str_of(body));
    struct outcome out = {.seq = seq};
    struct stmt *s =
        db_stmt(db, "INSERT INTO record VALUES(?, '', '', '', '', 0, 0, '', NULL, NULL)");
    int rc;

    assert_non_null(r);
    r->hub_at = (struct wall){1000000};
    r->has_device_at = device_at >= 0;
    r->device_at = (struct wall){device_at};
    memset(r->id, '0' + (int)seq, RECORD_ID_SIZE - 1);
    stmt_bind_i64(s, 1, seq);
    assert_int_equal(stmt_run(s), 0);
    rc = glass_detection.apply(db, r, &out);
    record_free(r);
    return rc;
}

static void assert_page(struct db *db, int64_t limit, int64_t offset, const char *wanted)
{
    struct ask page = {
        .number = {0, 0, limit, offset}
    };
    sl_json_out out = {0};
    char got[2048];
    sl_str text;

    assert_int_equal(glass_queries[0].fn(db, &page, &out), 0);
    assert_int_equal(out.rc, 0);
    text = sl_out_text(&out);
    assert_in_range(text.len, 1, sizeof got - 1);
    memcpy(got, text.ptr, text.len);
    got[text.len] = '\0';
    assert_string_equal(got, wanted);
    sl_out_deinit(&out);
}

static void test_an_empty_page(void **state)
{
    assert_page(*state, 50, 0,
                "{\"data\":[],\"pagination\":{\"total\":0,\"limit\":50,\"offset\":0}}");
}

static void test_a_row(void **state)
{
    struct db *db = *state;

    assert_int_equal(
        store(db, 1, 1772357400120000,
              "{\"type\":\"detection\",\"defect_type\":\"chip\",\"confidence\":0.81}"),
        0);
    assert_page(
        db, 50, 0,
        "{\"data\":[{\"id\":\"111111111111111111111111111111111111\",\"device_id\":\"cam-7\","
        "\"defect_type\":\"chip\",\"detected_at\":\"2026-03-01T09:30:00.120000+00:00\","
        "\"image_url\":null,\"image_path\":null,\"status\":\"pending\",\"confidence\":0.81,"
        "\"notes\":null,\"created_at\":\"1970-01-01T00:00:01.000000+00:00\","
        "\"updated_at\":\"1970-01-01T00:00:01.000000+00:00\"}],"
        "\"pagination\":{\"total\":1,\"limit\":50,\"offset\":0}}");
}

static int64_t nth(struct db *db, int64_t offset)
{
    struct stmt *s =
        db_stmt(db, "SELECT seq FROM glass_defect ORDER BY detected_at DESC, seq DESC"
                    " LIMIT 1 OFFSET ?");
    int64_t seq;

    stmt_bind_i64(s, 1, offset);
    assert_int_equal(stmt_step(s), 1);
    seq = stmt_i64(s, 0);
    stmt_reset(s);
    return seq;
}

#define ANY "{\"defect_type\":\"chip\"}"

static void test_newest_first_and_of_one_instant_the_later_one(void **state)
{
    struct db *db = *state;

    assert_int_equal(store(db, 1, 5000000, ANY), 0);
    assert_int_equal(store(db, 2, -1, ANY), 0); /* no time: the hub's, which is earlier */
    assert_int_equal(store(db, 3, 5000000, ANY), 0);
    assert_int_equal(nth(db, 0), 3);
    assert_int_equal(nth(db, 1), 1);
    assert_int_equal(nth(db, 2), 2);
    assert_page(db, 0, 0,
                "{\"data\":[],\"pagination\":{\"total\":3,\"limit\":0,\"offset\":0}}");
    assert_page(db, 5, 3,
                "{\"data\":[],\"pagination\":{\"total\":3,\"limit\":5,\"offset\":3}}");
}

static void test_what_cannot_be_read_is_an_error_not_a_row(void **state)
{
    assert_int_equal(store(*state, 1, 0, "{\"defect_type\":"), SL_E_JSON);
}

static void test_without_memory(void **state)
{
    struct db *db = *state;
    int rc = -1, n = 0;

    for (; rc != 0 && n < 50; n++) {
        struct record *r =
            record_new(&glass_detection, SL_STR("d"),
                       SL_STR("{\"defect_type\":\"\\u0063hip\",\"confidence\":1}"));
        struct outcome out = {.seq = 1};

        assert_non_null(r);
        if (n == 0) {
            assert_int_equal(
                db_exec(db, "INSERT INTO record VALUES(1,'','','','',0,0,'',NULL,NULL)", NULL),
                0);
        }
        sl__alloc_fail_after(n);
        rc = glass_detection.apply(db, r, &out);
        sl__alloc_fail_after(-1);
        record_free(r);
        assert_true(rc == 0 || rc == SL_E_NOMEM);
    }
    assert_in_range(n, 2, 49);
}

static void test_instants(void **state)
{
    char buf[TIMESTAMPTZ_SIZE];

    (void)state;
    assert_string_equal(timestamptz((struct wall){0}, buf), "1970-01-01T00:00:00.000000+00:00");
    assert_string_equal(timestamptz((struct wall){-1}, buf),
                        "1969-12-31T23:59:59.999999+00:00");
    assert_string_equal(timestamptz((struct wall){1772357400120007}, buf),
                        "2026-03-01T09:30:00.120007+00:00");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_an_empty_page),
        CASE(test_a_row),
        CASE(test_newest_first_and_of_one_instant_the_later_one),
        CASE(test_what_cannot_be_read_is_an_error_not_a_row),
        CASE(test_without_memory),
        CASE(test_instants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
