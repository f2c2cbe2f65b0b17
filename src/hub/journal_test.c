/* SPDX-License-Identifier: MIT */
#include "hub/journal_test.h"

#include "base/alloc.h"

static int apply_to_side_table(struct db *tx, const struct record *r, struct outcome *out)
{
    struct stmt *s = db_stmt(tx, "INSERT INTO side(seq, body) VALUES(?, ?)");

    if (s == NULL) return db_fail(tx, NULL);
    stmt_bind_i64(s, 1, out->seq);
    stmt_bind_str(s, 2, r->body);
    return stmt_run(s);
}

static int apply_and_fail(struct db *tx, const struct record *r, struct outcome *out)
{
    int rc = apply_to_side_table(tx, r, out);

    return rc < 0 ? rc : SL_E_INVAL; /* after it has written: that must be undone */
}

/* A foreign key that is only looked at when the batch commits. */
static int apply_orphan(struct db *tx, const struct record *r, struct outcome *out)
{
    struct stmt *s = db_stmt(tx, "INSERT INTO child(parent) VALUES(999)");

    (void)r;
    (void)out;
    return s != NULL ? stmt_run(s) : db_fail(tx, NULL);
}

static const struct record_kind side = {"test", "side", .apply = apply_to_side_table};
static const struct record_kind failing = {"test", "failing", .apply = apply_and_fail};
static const struct record_kind orphan = {"test", "orphan", .apply = apply_orphan};

static const char side_sql[] = "CREATE TABLE side(seq INTEGER PRIMARY KEY, body TEXT)";
static const char orphan_sql[] =
    "CREATE TABLE parent(id INTEGER PRIMARY KEY);"
    "CREATE TABLE child(parent INTEGER REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED)";

static void test_a_record_is_told_after_its_commit(void **state)
{
    struct fixture *f = *state;

    start(f, NULL, NULL);
    f->watch = true;
    for (int i = 0; i < 50; i++)
        append(f, &plain, SL_STR("{\"n\":1}"));
    assert_int_equal(f->done, 0); /* never inside the call */
    run_until(f, 50);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(f->rc[i], 0);
        assert_int_equal(f->seq[i], i + 1); /* in order */
        assert_true(f->visible[i] >= i + 1);
    }
}

static void test_columns_of_the_spine(void **state)
{
    struct fixture *f = *state;
    struct record *r;
    struct stmt *s;
    char id[RECORD_ID_SIZE];

    start(f, NULL, NULL);
    r = make(f, &plain, SL_STR("{\"x\":2.8404}"));
    r->device_at = (struct wall){1772357400120000};
    r->has_device_at = true;
    memcpy(id, r->id, sizeof id);
    assert_int_equal(journal_append(f->journal, r), 0);
    append(f, &plain, SL_STR("{}"));
    run_until(f, 2);

    s = db_stmt(f->reader,
                "SELECT id, system, kind, device, hub_at, device_at, body FROM record"
                " ORDER BY seq");
    assert_int_equal(stmt_step(s), 1);
    assert_memory_equal(stmt_str(s, 0).ptr, id, 24);
    assert_string_equal(stmt_str(s, 0).ptr + 24, "000000000001"); /* its number */
    assert_true(sl_str_eq(stmt_str(s, 1), SL_STR("test")));
    assert_true(sl_str_eq(stmt_str(s, 2), SL_STR("plain")));
    assert_true(sl_str_eq(stmt_str(s, 3), SL_STR("cam-1")));
    assert_true(stmt_i64(s, 4) > 1577836800000000); /* this side of 2020 */
    assert_true(stmt_i64(s, 5) == 1772357400120000);
    assert_true(sl_str_eq(stmt_str(s, 6), SL_STR("{\"x\":2.8404}")));
    assert_int_equal(stmt_step(s), 1);
    assert_true(stmt_is_null(s, 5));
    assert_int_equal(stmt_step(s), 0);
}

static void test_ids_have_the_form_and_rise(void **state)
{
    char last[RECORD_ID_SIZE] = "";

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct record *r = record_new(&plain, SL_STR("d"), SL_STR("{}"));

        assert_non_null(r);
        assert_int_equal(strlen(r->id), RECORD_ID_SIZE - 1);
        assert_int_equal(strspn(r->id, "0123456789abcdef-"), RECORD_ID_SIZE - 1);
        for (int at = 8; at < 24; at += 5)
            assert_int_equal(r->id[at], '-');
        assert_string_not_equal(last, r->id);
        assert_int_equal(r->id[14], '4');
        assert_non_null(strchr("89ab", r->id[19]));
        assert_true(memcmp(last, r->id, 13) <= 0); /* the milliseconds: 8-4 hex digits */
        memcpy(last, r->id, sizeof last);
        record_free(r);
    }
}

static void test_what_waits_is_one_batch(void **state)
{
    struct fixture *f = *state;
    struct journal_stats stats;

    start(f, NULL, NULL);
    pthread_mutex_lock(&gate);
    append(f, &slow, SL_STR("{}"));
    for (int i = 0; i < 1000; i++)
        append(f, &plain, SL_STR("{}"));
    pthread_mutex_unlock(&gate);
    run_until(f, 1001);
    journal_get_stats(f->journal, &stats);
    /* the first may have been alone, or have met some of the others; then all the rest */
    assert_in_range(stats.batches, 1, 3);
    assert_int_equal(stats.outcome[OUTCOME_STORED], 1001);
    assert_int_equal(stats.outcome[OUTCOME_FAILED], 0);
    assert_int_equal(stats.records, 0);
    assert_int_equal(stats.bytes, 0);
}

static void test_a_failing_record_leaves_nothing_and_the_others_stay(void **state)
{
    struct fixture *f = *state;

    start(f, NULL, side_sql);
    pthread_mutex_lock(&gate);
    append(f, &slow, SL_STR("{}"));
    append(f, &side, SL_STR("one"));
    append(f, &failing, SL_STR("two"));
    append(f, &side, SL_STR("three"));
    pthread_mutex_unlock(&gate);
    run_until(f, 4);
    assert_int_equal(f->rc[1], 0);
    assert_int_equal(f->rc[2], SL_E_INVAL);
    assert_int_equal(f->seq[2], 0);
    assert_int_equal(f->rc[3], 0);
    assert_int_equal(number(f->reader, count_sql), 3);
    assert_int_equal(number(f->reader, "SELECT count(*) FROM side"), 2);
    assert_int_equal(number(f->reader, "SELECT count(*) FROM side WHERE body = 'two'"), 0);
}

static void test_a_failed_commit_fails_the_whole_batch(void **state)
{
    struct fixture *f = *state;

    start(f, NULL, orphan_sql);
    pthread_mutex_lock(&gate);
    append(f, &slow, SL_STR("{}"));
    wait_at_gate(f); /* the thread holds this one alone; the next three wait together */
    append(f, &plain, SL_STR("{}"));
    append(f, &orphan, SL_STR("{}"));
    append(f, &plain, SL_STR("{}"));
    pthread_mutex_unlock(&gate);
    run_until(f, 4);
    for (int i = 1; i < 4; i++) {
        assert_int_equal(f->rc[i], SL_E_DB);
        assert_int_equal(f->seq[i], 0);
    }
    assert_int_equal(number(f->reader, "SELECT count(*) FROM record WHERE kind = 'plain'"), 0);
}

/* The second record is appended when the first has failed: a batch of its own for sure. */
static void on_failed(struct record *r, const struct outcome *out)
{
    struct fixture *f = r->user;

    append(f, &plain, SL_STR("{}"));
    on_done(r, out);
}

static void test_the_journal_goes_on_after_a_failed_commit(void **state)
{
    struct fixture *f = *state;
    struct record *r;

    start(f, NULL, orphan_sql);
    r = make(f, &orphan, SL_STR("{}"));
    r->on_done = on_failed;
    assert_int_equal(journal_append(f->journal, r), 0);
    run_until(f, 2);
    assert_int_equal(f->rc[0], SL_E_DB);
    assert_int_equal(f->rc[1], 0);
    assert_int_equal(number(f->reader, count_sql), 1);
}

static void test_a_full_disk_fails_what_does_not_fit(void **state)
{
    struct fixture *f = *state;
    char *big = calloc(1, 600000);

    assert_non_null(big);
    memset(big, 'x', 600000);
    start(f, NULL, "PRAGMA max_page_count=40");
    pthread_mutex_lock(&gate);
    append(f, &slow, SL_STR("{}"));
    append(f, &plain, SL_STR("{}"));
    append(f, &plain, (sl_str){big, 600000});
    append(f, &plain, SL_STR("{}"));
    pthread_mutex_unlock(&gate);
    run_until(f, 4);
    free(big);
    assert_int_equal(f->rc[2], -28); /* ENOSPC */
    /* whatever was told as stored is there, and nothing else */
    int64_t stored = 0;
    for (int i = 0; i < 4; i++)
        stored += f->rc[i] == 0;
    assert_int_equal(number(f->reader, count_sql), stored);
}

static void test_bound_in_records(void **state)
{
    const struct journal_limits limits = {.records = 3};
    struct fixture *f = *state;
    struct journal_stats stats;
    struct record *over;

    start(f, &limits, NULL);
    pthread_mutex_lock(&gate);
    append(f, &slow, SL_STR("{}"));
    append(f, &plain, SL_STR("{}"));
    append(f, &plain, SL_STR("{}")); /* at the bound */
    over = make(f, &plain, SL_STR("{}"));
    assert_int_equal(journal_append(f->journal, over), SL_E_FULL);
    record_free(over); /* still ours */
    pthread_mutex_unlock(&gate);
    run_until(f, 3);
    journal_get_stats(f->journal, &stats);
    assert_int_equal(stats.refused, 1);
    assert_int_equal(stats.outcome[OUTCOME_STORED], 3);
}

static void test_bound_in_bytes(void **state)
{
    struct fixture *f = *state;
    struct record *probe = make(f, &plain, SL_STR("0123456789"));
    const struct journal_limits limits = {.bytes = 3 * record_bytes(probe)};
    struct record *over;

    start(f, &limits, NULL);
    pthread_mutex_lock(&gate);
    append(f, &slow, SL_STR("0123456789"));
    append(f, &plain, SL_STR("0123456789"));
    assert_int_equal(journal_append(f->journal, probe), 0); /* exactly at the bound */
    over = make(f, &plain, SL_STR(""));
    assert_int_equal(journal_append(f->journal, over), SL_E_FULL);
    record_free(over);
    pthread_mutex_unlock(&gate);
    run_until(f, 3);
}

static void test_a_record_larger_than_the_bound_passes_alone(void **state)
{
    const struct journal_limits limits = {.bytes = 64};
    struct fixture *f = *state;

    start(f, &limits, NULL);
    append(f, &plain, SL_STR("this one is larger than the whole bound of the queue"));
    run_until(f, 1);
    assert_int_equal(f->rc[0], 0);
}

static void test_close_writes_what_waits_and_tells_it(void **state)
{
    struct fixture *f = *state;

    start(f, NULL, NULL);
    for (int i = 0; i < 5000; i++)
        append(f, &plain, SL_STR("{}"));
    journal_close(f->journal); /* the loop never ran */
    f->journal = NULL;
    assert_int_equal(f->done, 5000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(f->rc[i], 0);
    assert_int_equal(number(f->reader, count_sql), 5000);
}

static void test_without_memory(void **state)
{
    struct fixture *f = *state;
    struct db *db = open_store(f);
    struct journal *j = NULL;

    sl__alloc_fail_after(0);
    assert_null(record_new(&plain, SL_STR("d"), SL_STR("{}")));
    sl__alloc_fail_after(-1);
    for (int n = 0; n < 3; n++) { /* itself, the checkpoint thread, its connection */
        sl__alloc_fail_after(n);
        assert_int_equal(journal_open(f->loop, db, NULL, &j), SL_E_NOMEM);
        sl__alloc_fail_after(-1);
        assert_null(j);
    }
    db_close(db); /* it stayed ours */
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_record_is_told_after_its_commit),
        CASE(test_columns_of_the_spine),
        CASE(test_ids_have_the_form_and_rise),
        CASE(test_what_waits_is_one_batch),
        CASE(test_a_failing_record_leaves_nothing_and_the_others_stay),
        CASE(test_a_failed_commit_fails_the_whole_batch),
        CASE(test_the_journal_goes_on_after_a_failed_commit),
        CASE(test_a_full_disk_fails_what_does_not_fit),
        CASE(test_bound_in_records),
        CASE(test_bound_in_bytes),
        CASE(test_a_record_larger_than_the_bound_passes_alone),
        CASE(test_close_writes_what_waits_and_tells_it),
        CASE(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
