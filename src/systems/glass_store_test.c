/* SPDX-License-Identifier: MIT */
#include "systems/glass_store.h"

#include "base/alloc.h"
#include "hub/spine.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <string.h>

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

/* As the journal does it, without its thread; its error, or what became of the record. */
static int write(struct db *db, struct record *r, struct outcome *out)
{
    int64_t seq = 0;
    struct list batch;
    int rc = spine_read_last_seq(db, &seq);

    list_init(&batch);
    list_add_last(&batch, &r->node);
    if (rc == 0) rc = spine_write(db, &batch, &seq, NULL);
    if (rc >= 0) rc = r->outcome.rc;
    *out = r->outcome;
    out->text = (sl_json_out){0};
    list_remove(&r->node);
    record_free(r);
    return rc;
}

static int put(struct db *db, const struct record_kind *kind, const char *device,
               int64_t device_at, const char *body, struct outcome *out)
{
    struct record *r = record_new(kind, sl_str_of(device), sl_str_of(body));

    assert_non_null(r);
    r->hub_at = (struct wall){1000000};
    r->has_device_at = device_at >= 0;
    r->device_at = (struct wall){device_at};
    return write(db, r, out);
}

static int store(struct db *db, int64_t device_at, const char *body)
{
    struct outcome out;

    return put(db, &glass_detection, "cam-7", device_at, body, &out);
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
        store(db, 1772357400120000,
              "{\"type\":\"detection\",\"defect_type\":\"chip\",\"confidence\":0.81}"),
        0);
    assert_int_equal(
        db_exec(db, "UPDATE record SET id = '00000000-0000-4000-8000-000000000001'", NULL), 0);
    assert_page(
        db, 50, 0,
        "{\"data\":[{\"id\":\"00000000-0000-4000-8000-000000000001\",\"device_id\":\"cam-7\","
        "\"defect_type\":\"chip\",\"detected_at\":\"2026-03-01T09:30:00.120000+00:00\","
        "\"image_url\":null,\"image_path\":null,\"image_source\":null,\"status\":\"pending\",\"confidence\":0.81,"
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

    assert_int_equal(store(db, 5000000, ANY), 0);
    assert_int_equal(store(db, -1, ANY), 0); /* no time: the hub's, which is earlier */
    assert_int_equal(store(db, 5000000, ANY), 0);
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
    assert_int_equal(store(*state, 0, "{\"defect_type\":"), SL_E_JSON);
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

/* ---- ids, and stores of before ---- */

static int read_one(struct db *db, const char *id)
{
    struct ask ask = {.text = {sl_str_of(id)}};
    sl_json_out out = {0};
    int rc = glass_queries[1].fn(db, &ask, &out);

    sl_out_deinit(&out);
    return rc;
}

static void test_an_id_names_its_row_and_only_that(void **state)
{
    struct db *db = *state;
    struct outcome out;
    char id[RECORD_ID_SIZE];

    assert_int_equal(store(db, 1, ANY), 0);
    assert_int_equal(put(db, &glass_detection, "d", 2, ANY, &out), 0);
    assert_string_equal(out.id + 24, "000000000002");
    assert_int_equal(read_one(db, out.id), 0);
    memcpy(id, out.id, sizeof id);
    id[35] = '1'; /* another's number */
    assert_int_equal(read_one(db, id), SL_E_NOT_FOUND);
    memcpy(id, out.id, sizeof id);
    id[0] = id[0] == '0' ? '1' : '0'; /* its number, another id */
    assert_int_equal(read_one(db, id), SL_E_NOT_FOUND);
    assert_int_equal(read_one(db, ""), SL_E_NOT_FOUND);
    assert_int_equal(read_one(db, "00000000-0000-4000-8000-00000000000x"), SL_E_NOT_FOUND);
}

static void test_a_store_of_before_keeps_its_rows_counts_and_ids(void **state)
{
    struct db *db;

    (void)state;
    assert_int_equal(db_open(":memory:", DB_WRITE, &db, NULL), 0);
    assert_int_equal(db_migrate(db, NULL, spine_steps, 2, NULL), 0);
    assert_int_equal(db_migrate(db, "glass", glass_steps, 2, NULL), 0);
    assert_int_equal(
        db_exec(db,
                "INSERT INTO record VALUES(5,'0000aaaa-0000-4000-8000-1234567890ab','glass',"
                " 'detection','d',7,7,'{}',NULL,NULL);"
                "INSERT INTO glass_defect(seq, id, device_id, defect_type, detected_at,"
                " status, created_at) VALUES(5,'0000aaaa-0000-4000-8000-1234567890ab','d',"
                " 'chip',7,'reviewed',7);"
                "INSERT INTO glass_count VALUES('d','chip','reviewed',1)",
                NULL),
        0);
    assert_int_equal(db_migrate(db, NULL, spine_steps, SPINE_STEPS, NULL), 0);
    assert_int_equal(db_migrate(db, "glass", glass_steps, GLASS_STEPS, NULL), 0);
    assert_int_equal(read_one(db, "0000aaaa-0000-4000-8000-1234567890ab"), 0);
    assert_int_equal(store(db, 9, ANY), 0);
    assert_int_equal(nth(db, 0), 6);
    assert_int_equal(nth(db, 1), 5);
    assert_page(db, 0, 0,
                "{\"data\":[],\"pagination\":{\"total\":2,\"limit\":0,\"offset\":0}}");
    db_close(db);
}

/* ---- settled or not, answers are those of a table that is simply looked through ---- */

static uint32_t dice(uint32_t *seed, uint32_t sides)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % sides;
}

static const char *const devices[] = {"a", "b", "c"};
static const char *const statuses[] = {"pending", "reviewed", "resolved"};

static int64_t number(struct db *db, const char *sql, int64_t seq)
{
    struct stmt *s = db_stmt(db, sql);
    int64_t n;

    assert_non_null(s);
    stmt_bind_i64(s, 1, seq);
    assert_int_equal(stmt_step(s), 1);
    n = stmt_i64(s, 0);
    stmt_reset(s);
    return n;
}

/* An edit or a removal of any row there is. */
static void change_one(struct db *db, uint32_t *seed)
{
    struct stmt *s = db_stmt(db, "SELECT r.id FROM glass_defect d JOIN record r USING(seq)"
                                 " WHERE seq >= ? ORDER BY seq LIMIT 1");
    int64_t last = number(db, "SELECT coalesce(max(seq), 0) + ?1 FROM record", 0);
    bool removes = dice(seed, 4) == 0;
    char body[200], id[RECORD_ID_SIZE];
    struct outcome out;

    stmt_bind_i64(s, 1, dice(seed, (uint32_t)last + 1));
    if (stmt_step(s) <= 0) return;
    memcpy(id, stmt_str(s, 0).ptr, sizeof id - 1);
    id[sizeof id - 1] = '\0';
    stmt_reset(s);
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"status\":\"%s\",\"device_id\":\"%s\"}", id,
             statuses[dice(seed, 3)], devices[dice(seed, 3)]);
    assert_int_equal(put(db, removes ? &glass_removal : &glass_edit, "", -1, body, &out), 0);
    assert_int_equal(out.kind, OUTCOME_STORED);
}

/* What the query says, and what a plain look through the table says: sequence numbers. */
static void assert_same_page(struct db *db, const char *device, const char *status,
                             int64_t limit, int64_t offset)
{
    struct ask ask = {
        .number = {0, 0, limit, offset}
    };
    struct stmt *s =
        db_stmt(db, "SELECT r.id FROM glass_defect d NOT INDEXED JOIN record r USING(seq)"
                    " WHERE (?1 IS NULL OR d.device_id = ?1) AND (?2 IS NULL OR d.status = ?2)"
                    " ORDER BY d.detected_at DESC, d.seq DESC LIMIT ?3 OFFSET ?4");
    sl_json_out out = {0};
    sl_json doc = {0};
    sl_value row;

    if (device != NULL) ask.text[0] = sl_str_of(device);
    if (status != NULL) ask.text[1] = sl_str_of(status);
    assert_int_equal(glass_queries[0].fn(db, &ask, &out), 0);
    assert_int_equal(sl_json_read(&doc, sl_out_text(&out), NULL, NULL, NULL), 0);
    row = sl_value_first(sl_value_get(sl_json_root(&doc), SL_STR("data")), NULL);
    if (device != NULL) stmt_bind_str(s, 1, sl_str_of(device));
    if (status != NULL) stmt_bind_str(s, 2, sl_str_of(status));
    stmt_bind_i64(s, 3, limit);
    stmt_bind_i64(s, 4, offset);
    while (stmt_step(s) > 0) {
        assert_true(sl_value_is_str(sl_value_get(row, SL_STR("id")), stmt_str(s, 0)));
        row = sl_value_next(sl_value_get(sl_json_root(&doc), SL_STR("data")), row, NULL);
    }
    assert_int_equal(sl_value_type(row), SL_JSON_NONE);
    sl_json_deinit(&doc);
    sl_out_deinit(&out);
}

static void assert_same_counts(struct db *db)
{
    struct ask ask = {0};
    sl_json_out out = {0};
    sl_json doc = {0};
    sl_value by;

    assert_int_equal(glass_queries[2].fn(db, &ask, &out), 0);
    assert_int_equal(sl_json_read(&doc, sl_out_text(&out), NULL, NULL, NULL), 0);
    by = sl_value_get(sl_json_root(&doc), SL_STR("byStatus"));
    for (int i = 0; i < 3; i++) {
        struct stmt *s = db_stmt(db, "SELECT count(*) FROM glass_defect WHERE +status = ?");
        int64_t n = 0;

        (void)sl_value_i64(sl_value_get(by, sl_str_of(statuses[i])), &n);
        stmt_bind_str(s, 1, sl_str_of(statuses[i]));
        assert_int_equal(stmt_step(s), 1);
        assert_int_equal(n, stmt_i64(s, 0));
        stmt_reset(s);
    }
    sl_json_deinit(&doc);
    sl_out_deinit(&out);
}

static void assert_same(struct db *db, uint32_t *seed)
{
    for (uint32_t d = 0; d < 4; d++) {
        for (uint32_t s = 0; s < 4; s++) {
            assert_same_page(db, d < 3 ? devices[d] : NULL, s < 3 ? statuses[s] : NULL,
                             1 + dice(seed, 20), dice(seed, 900));
        }
    }
    assert_same_counts(db);
}

static void test_settled_or_not_the_answers_are_the_same(void **state)
{
    struct db *db = *state;
    uint32_t seed = 7;

    for (int i = 0; i < 2600; i++) {
        char body[100];
        struct outcome out;

        snprintf(body, sizeof body, "{\"defect_type\":\"t%u\"}", dice(&seed, 3));
        assert_int_equal(
            put(db, &glass_detection, devices[dice(&seed, 3)], dice(&seed, 500), body, &out),
            0);
        if (dice(&seed, 3) == 0) change_one(db, &seed);
        if (i % 100 == 0) assert_same(db, &seed);
    }
    assert_same(db, &seed);
    assert_in_range(number(db, "SELECT count(*) + ?1 FROM glass_by_device", 0), 1000, 2600);
    assert_in_range(number(db, "SELECT count(*) + ?1 FROM glass_defect WHERE " UNSETTLED, 0), 0,
                    512);
}

static void test_a_row_that_is_settled_still_takes_its_insert(void **state)
{
    static const char row[] = "{\"device_id\":\"cam-7\",\"defect_type\":\"chip\","
                              "\"detected_at\":\"1970-01-01T00:00:00.000003Z\"}";
    struct db *db = *state;
    struct outcome out;

    assert_int_equal(store(db, 3, ANY), 0);
    for (int i = 0; i < 600; i++)
        assert_int_equal(store(db, 4, ANY), 0);
    assert_int_equal(number(db, "SELECT count(*) + ?1 FROM glass_by_device WHERE seq = 1", 0),
                     1);
    assert_int_equal(put(db, &glass_defect, "cam-7", 3, row, &out), 0);
    assert_int_equal(out.kind, OUTCOME_MERGED);
    assert_int_equal(out.seq, 1);
    assert_int_equal(store(db, 3, ANY), 0); /* one that is not settled yet */
    assert_int_equal(put(db, &glass_defect, "cam-7", 3, row, &out), 0);
    assert_int_equal(out.seq, 602);
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
        CASE(test_an_id_names_its_row_and_only_that),
        CASE(test_a_store_of_before_keeps_its_rows_counts_and_ids),
        CASE(test_settled_or_not_the_answers_are_the_same),
        CASE(test_a_row_that_is_settled_still_takes_its_insert),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
