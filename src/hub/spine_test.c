/* SPDX-License-Identifier: MIT */
#include "hub/spine.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000)
#define T0     (INT64_C(1772357400) * SECOND)

struct fixture {
    struct db *db;
    int64_t last_seq;
    struct list batch;
    struct record *r[16]; /* in the order of adding */
    int n;
};

static const char tables[] = "CREATE TABLE side(seq INTEGER PRIMARY KEY REFERENCES record(seq),"
                             "  body TEXT);"
                             "CREATE TABLE note(text TEXT)";

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (f == NULL || db_open(":memory:", DB_WRITE, &f->db, NULL) < 0) return -1;
    if (db_migrate(f->db, NULL, spine_steps, SPINE_STEPS, NULL) < 0) return -1;
    if (db_exec(f->db, tables, NULL) < 0) return -1;
    list_init(&f->batch);
    *state = f;
    return 0;
}

static void clear(struct fixture *f)
{
    for (struct list *n; (n = list_take_first(&f->batch)) != NULL;)
        record_free(LIST_ENTRY(n, struct record, node));
    f->n = 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    clear(f);
    db_close(f->db);
    free(f);
    return 0;
}

static int64_t number(struct db *db, const char *sql)
{
    struct stmt *s = db_stmt(db, sql);
    int64_t v;

    assert_non_null(s);
    assert_int_equal(stmt_step(s), 1);
    v = stmt_i64(s, 0);
    stmt_reset(s);
    return v;
}

/* ---- hooks ---- */

static int write_note(struct db *tx, const struct record *r)
{
    struct stmt *s = db_stmt(tx, "INSERT INTO note VALUES(?)");

    if (s == NULL) return db_fail(tx, NULL);
    stmt_bind_str(s, 1, r->body);
    return stmt_run(s);
}

static int apply_side(struct db *tx, const struct record *r, struct outcome *out)
{
    struct stmt *s = db_stmt(tx, "INSERT INTO side(seq, body) VALUES(?, ?)");

    if (s == NULL) return db_fail(tx, NULL);
    stmt_bind_i64(s, 1, out->seq);
    stmt_bind_str(s, 2, r->body);
    return stmt_run(s);
}

/* Writes first, so that the undoing can be seen. */
static int decide_refuse(struct db *tx, const struct record *r, struct outcome *out)
{
    assert_int_equal(write_note(tx, r), 0);
    return outcome_refuse(out, 409, "pen: %d is full", 7);
}

static int apply_refuse(struct db *tx, const struct record *r, struct outcome *out)
{
    assert_int_equal(apply_side(tx, r, out), 0);
    return outcome_refuse(out, 422, "no");
}

static int decide_duplicate(struct db *tx, const struct record *r, struct outcome *out)
{
    assert_int_equal(write_note(tx, r), 0);
    return outcome_refer(out, OUTCOME_DUPLICATE, 1, SL_STR("the-first"));
}

static int decide_merge(struct db *tx, const struct record *r, struct outcome *out)
{
    assert_int_equal(write_note(tx, r), 0);
    sl_out_str(&out->text, SL_STR("merged"));
    return outcome_refer(out, OUTCOME_MERGED, 1, SL_STR("the-first"));
}

static int decide_fail(struct db *tx, const struct record *r, struct outcome *out)
{
    (void)out;
    assert_int_equal(write_note(tx, r), 0);
    return SL_E_INVAL;
}

static int decide_look(struct db *tx, const struct record *r, struct outcome *out)
{
    (void)r;
    sl_out_i64(&out->text, number(tx, "SELECT count(*) FROM record"));
    return 0;
}

static int asked;

static int decide_count(struct db *tx, const struct record *r, struct outcome *out)
{
    (void)tx;
    (void)r;
    asked++;
    sl_out_str(&out->text, SL_STR("asked"));
    return asked % 2 == 0 ? outcome_refuse(out, 409, "even") : 0;
}

static const struct record_kind counting = {"t", "counting", decide_count, NULL};
static const struct record_kind plain = {.system = "t", .name = "plain"};
static const struct record_kind other = {.system = "t", .name = "other"};
static const struct record_kind side = {"t", "side", NULL, apply_side};
static const struct record_kind refused = {"t", "refused", decide_refuse, apply_side};
static const struct record_kind refused_late = {"t", "late", NULL, apply_refuse};
static const struct record_kind duplicate = {"t", "duplicate", decide_duplicate, apply_side};
static const struct record_kind merged = {"t", "merged", decide_merge, apply_side};
static const struct record_kind failing = {"t", "failing", decide_fail, apply_side};
static const struct record_kind looking = {"t", "looking", decide_look, NULL};

static struct outcome *add_unique(struct fixture *f, const struct record_kind *kind,
                                  const struct unique *u)
{
    struct record *r = record_new_unique(kind, SL_STR("cam-1"), SL_STR("{}"), u);

    assert_non_null(r);
    r->hub_at = (struct wall){T0};
    list_add_last(&f->batch, &r->node);
    f->r[f->n++] = r;
    return &r->outcome;
}

static struct outcome *add(struct fixture *f, const struct record_kind *kind)
{
    return add_unique(f, kind, NULL);
}

static int write_all(struct fixture *f)
{
    return spine_write(f->db, &f->batch, &f->last_seq, NULL);
}

/* ---- one batch, all that can become of a record ---- */

static void test_a_batch_of_all_kinds(void **state)
{
    struct fixture *f = *state;
    struct outcome *a = add(f, &side), *b = add(f, &refused), *c = add(f, &merged),
                   *d = add(f, &failing), *e = add(f, &duplicate), *g = add(f, &refused_late),
                   *h = add(f, &side);

    assert_int_equal(write_all(f), 1);
    assert_int_equal(a->kind, OUTCOME_STORED);
    assert_int_equal(a->seq, 1);
    assert_string_equal(a->id, f->r[0]->id);
    assert_int_equal(b->kind, OUTCOME_REFUSED);
    assert_int_equal(b->status, 409);
    assert_string_equal(b->why, "pen: 7 is full");
    assert_int_equal(c->kind, OUTCOME_MERGED);
    assert_int_equal(c->seq, 1);
    assert_string_equal(c->id, "the-first");
    assert_true(sl_str_eq(sl_out_text(&c->text), SL_STR("\"merged\"")));
    assert_int_equal(d->rc, SL_E_INVAL);
    assert_int_equal(e->kind, OUTCOME_DUPLICATE);
    assert_string_equal(e->id, "the-first");
    assert_int_equal(g->kind, OUTCOME_REFUSED);
    assert_int_equal(h->kind, OUTCOME_STORED);
    assert_int_equal(h->seq, 2); /* the others used no number */
    assert_int_equal(f->last_seq, 2);
    assert_int_equal(number(f->db, "SELECT count(*) FROM record"), 2);
    assert_int_equal(number(f->db, "SELECT count(*) FROM side"), 2);
    assert_int_equal(number(f->db, "SELECT count(*) FROM note"), 1); /* the merge's alone */
}

static void test_nothing_to_store_is_no_commit_that_proves_the_disk(void **state)
{
    struct fixture *f = *state;

    add(f, &refused);
    add(f, &failing);
    add(f, &duplicate);
    assert_int_equal(write_all(f), 0);
    assert_int_equal(f->last_seq, 0);
    clear(f);
    add(f, &merged);
    assert_int_equal(write_all(f), 1);
}

static void test_a_refusal_that_wrote_nothing_costs_no_second_pass(void **state)
{
    struct fixture *f = *state;

    asked = 0;
    add(f, &counting);
    add(f, &counting);
    add(f, &counting);
    assert_int_equal(write_all(f), 1);
    assert_int_equal(asked, 3);
    assert_int_equal(f->r[1]->outcome.kind, OUTCOME_REFUSED);
    assert_int_equal(f->last_seq, 2);
}

static void test_a_second_pass_begins_anew(void **state)
{
    struct fixture *f = *state;

    asked = 0;
    add(f, &counting); /* stored; then, asked again, refused */
    add(f, &refused);
    assert_int_equal(write_all(f), 0);
    assert_int_equal(asked, 2);
    assert_int_equal(f->r[0]->outcome.kind, OUTCOME_REFUSED);
    assert_true(sl_str_eq(sl_out_text(&f->r[0]->outcome.text), SL_STR("\"asked\"")));
    assert_int_equal(number(f->db, "SELECT count(*) FROM record"), 0);
}

static void test_a_hook_sees_what_came_before_it(void **state)
{
    struct fixture *f = *state;
    struct outcome *out;

    add(f, &plain);
    add(f, &refused);
    add(f, &plain);
    out = add(f, &looking);
    assert_int_equal(write_all(f), 1);
    assert_true(sl_str_eq(sl_out_text(&out->text), SL_STR("2")));
}

/* What a full disk may do: the whole transaction ends inside a record. */
static int decide_end_all(struct db *tx, const struct record *r, struct outcome *out)
{
    (void)r;
    (void)out;
    assert_int_equal(db_exec(tx, "ROLLBACK", NULL), 0);
    return -28;
}

static const struct record_kind ending = {"t", "ending", decide_end_all, NULL};

static void test_a_batch_that_fails_gives_its_numbers_back(void **state)
{
    struct fixture *f = *state;

    add(f, &plain);
    add(f, &plain);
    add(f, &ending);
    add(f, &plain);
    assert_int_equal(write_all(f), -28);
    assert_int_equal(f->last_seq, 0);
    assert_false(db_in_transaction(f->db));
    assert_int_equal(number(f->db, "SELECT count(*) FROM record"), 0);
    clear(f);
    add(f, &plain);
    assert_int_equal(write_all(f), 1);
    assert_int_equal(f->r[0]->outcome.seq, 1);
}

/* ---- duplicates ---- */

/* what the second is, told by the first: key "k", content 1, at T0; no window unless said */
static const struct {
    const char *name;
    struct unique first, second;
    int64_t later;
    enum outcome_kind wanted;
} unique_rows[] = {
    {"no key",                       {.window_us = 0},       {.window_us = 0},       0,                    OUTCOME_STORED   },
    {"same key",                     {.key = {"k", 1}},      {.key = {"k", 1}},      0,                    OUTCOME_DUPLICATE},
    {"other key",                    {.key = {"k", 1}},      {.key = {"l", 1}},      0,                    OUTCOME_STORED   },
    {"longer key",                   {.key = {"k", 1}},      {.key = {"k\0", 2}},    0,                    OUTCOME_STORED   },
    {"other content, not asked for",
     {{"k", 1}, false, 1, 0},
     {{"k", 1}, false, 2, 0},
     0,                                                                                                    OUTCOME_DUPLICATE},
    {"same content",                 {{"k", 1}, true, 1, 0}, {{"k", 1}, true, 1, 0}, 0,                    OUTCOME_DUPLICATE},
    {"other content",                {{"k", 1}, true, 1, 0}, {{"k", 1}, true, 2, 0}, 0,                    OUTCOME_STORED   },
    {"content with its top bit",
     {{"k", 1}, true, UINT64_MAX, 0},
     {{"k", 1}, true, UINT64_MAX, 0},
     0,                                                                                                    OUTCOME_DUPLICATE},
    {"content 0 is not none",
     {{"k", 1}, false, 0, 0},
     {{"k", 1}, true, 0, 0},
     0,                                                                                                    OUTCOME_STORED   },
    {"for ever",                     {.key = {"k", 1}},      {.key = {"k", 1}},      86400 * 365 * SECOND, OUTCOME_DUPLICATE},
    {"at the window",
     {{"k", 1}, false, 0, SECOND},
     {{"k", 1}, false, 0, SECOND},
     SECOND,                                                                                               OUTCOME_DUPLICATE},
    {"beyond the window",
     {{"k", 1}, false, 0, SECOND},
     {{"k", 1}, false, 0, SECOND},
     SECOND + 1,
     OUTCOME_STORED                                                                                                         },
    {"the clock went back",
     {{"k", 1}, false, 0, SECOND},
     {{"k", 1}, false, 0, SECOND},
     -SECOND,
     OUTCOME_DUPLICATE                                                                                                      },
};

static void run_unique_row(struct fixture *f, size_t i, bool one_batch)
{
    struct outcome *out;
    char first[RECORD_ID_SIZE];
    int64_t seq = f->last_seq + 1;

    assert_int_equal(db_exec(f->db, "UPDATE record SET ukey = NULL", NULL), 0);
    add_unique(f, &plain, &unique_rows[i].first);
    memcpy(first, f->r[0]->id, sizeof first);
    snprintf(first + 24, 13, "%012" PRIx64, (uint64_t)seq); /* it ends with its number */
    if (!one_batch) {
        assert_int_equal(write_all(f), 1);
        clear(f);
    }
    out = add_unique(f, &plain, &unique_rows[i].second);
    f->r[f->n - 1]->hub_at.us += unique_rows[i].later;
    assert_true(write_all(f) >= 0);
    if (out->kind != unique_rows[i].wanted) fail_msg("%s", unique_rows[i].name);
    if (out->kind == OUTCOME_DUPLICATE) {
        assert_int_equal(out->seq, seq);
        assert_string_equal(out->id, first);
    }
    clear(f);
}

static void test_duplicates_by_row(void **state)
{
    for (size_t i = 0; i < sizeof unique_rows / sizeof unique_rows[0]; i++) {
        run_unique_row(*state, i, false);
        run_unique_row(*state, i, true); /* the original is not committed yet */
    }
}

static void test_keys_are_of_a_kind(void **state)
{
    const struct unique u = {.key = SL_STR("k")};
    struct fixture *f = *state;

    add_unique(f, &plain, &u);
    add_unique(f, &other, &u);
    assert_int_equal(write_all(f), 1);
    assert_int_equal(f->r[1]->outcome.kind, OUTCOME_STORED);
}

/* The original was refused after all: nothing is there that could be repeated. */
static void test_what_was_undone_is_no_original(void **state)
{
    const struct unique u = {.key = SL_STR("k")};
    struct fixture *f = *state;

    add_unique(f, &refused_late, &u);
    add_unique(f, &refused_late, &u);
    assert_int_equal(write_all(f), 0);
    assert_int_equal(f->r[1]->outcome.kind, OUTCOME_REFUSED);
}

static void test_the_lookup_is_by_the_index_and_others_pay_nothing(void **state)
{
    struct fixture *f = *state;
    struct stmt *s = db_stmt(f->db, "EXPLAIN QUERY PLAN SELECT seq, id, hub_at FROM record"
                                    " WHERE system = ? AND kind = ? AND ukey = ? AND hash IS ?"
                                    " ORDER BY seq DESC LIMIT 1");
    sl_str plan;

    assert_non_null(s);
    assert_int_equal(stmt_step(s), 1);
    plan = stmt_str(s, 3);
    assert_non_null(memmem(plan.ptr, plan.len, "record_ukey", 11));
    assert_non_null(memmem(plan.ptr, plan.len, "hash=?", 6));
    assert_int_equal(stmt_step(s), 0); /* no sorting */
}

/* ---- numbers ---- */

static int64_t next_seq(struct fixture *f)
{
    int64_t last = -1;

    assert_int_equal(spine_read_last_seq(f->db, &last), 0);
    return last + 1;
}

static void test_numbers_of_deleted_rows_do_not_come_back(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(next_seq(f), 1);
    for (int i = 0; i < 10; i++)
        add(f, &plain);
    assert_int_equal(write_all(f), 1);
    assert_int_equal(next_seq(f), 11);
    assert_int_equal(db_exec(f->db, "DELETE FROM record WHERE seq = 3", NULL), 0);
    assert_int_equal(number(f->db, "SELECT value FROM meta WHERE name = 'last_seq'"), 0);
    assert_int_equal(db_exec(f->db, "DELETE FROM record WHERE seq = 10", NULL), 0);
    assert_int_equal(next_seq(f), 11);
    assert_int_equal(db_exec(f->db, "DELETE FROM record WHERE seq = 9", NULL), 0);
    assert_int_equal(next_seq(f), 11); /* the lower one does not overwrite it */
    assert_int_equal(db_exec(f->db, "DELETE FROM record", NULL), 0);
    assert_int_equal(next_seq(f), 11);
}

/* A store of the first version, with rows, gets the later steps. */
static void test_later_steps_keep_what_is_there(void **state)
{
    struct db *db;
    int64_t seq = 0;

    (void)state;
    assert_int_equal(db_open(":memory:", DB_WRITE, &db, NULL), 0);
    assert_int_equal(db_migrate(db, NULL, spine_steps, 1, NULL), 0);
    assert_int_equal(
        db_exec(db, "INSERT INTO record VALUES(41, 'i', 's', 'k', 'd', 1, NULL, '{}')", NULL),
        0);
    assert_int_equal(db_migrate(db, NULL, spine_steps, SPINE_STEPS, NULL), 0);
    assert_int_equal(number(db, "SELECT seq FROM record WHERE ukey IS NULL"), 41);
    assert_int_equal(record_find(db, SL_STR("i"), &seq), 1); /* an id without its number */
    assert_int_equal(seq, 41);
    db_close(db);
}

static void test_ids_and_numbers(void **state)
{
    static const struct {
        const char *id;
        int64_t number;
    } rows[] = {
        {"019d4f2c-8a01-4abc-8def-00000000002a",  0x2a          },
        {"019D4F2C-8A01-4ABC-8DEF-FFFFFFFFFFFF",  0xffffffffffff},
        {"019d4f2c-8a01-4abc-8def-00000000002",   0             },
        {"019d4f2c-8a01-4abc-8def-00000000002a0", 0             },
        {"019d4f2c-8a01-4abc-8def-00000000002g",  0             },
        {"",                                      0             },
    };
    struct fixture *f = *state;
    int64_t seq = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(record_number_in(sl_str_of(rows[i].id)), rows[i].number);
    add(f, &plain);
    assert_int_equal(write_all(f), 1);
    assert_int_equal(record_find(f->db, sl_str_of(f->r[0]->outcome.id), &seq), 1);
    assert_int_equal(seq, f->r[0]->outcome.seq);
    f->r[0]->outcome.id[0] ^= 1; /* another's */
    assert_int_equal(record_find(f->db, sl_str_of(f->r[0]->outcome.id), &seq), 0);
}

/* ---- settling ---- */

static int settled;
static int64_t settled_at;
static int settle_rc;

static int settle(struct db *tx, int64_t last_seq)
{
    (void)tx;
    settled++;
    settled_at = last_seq;
    return settle_rc;
}

static const struct record_kind one_kind = {"test", "one", .settle = settle},
                                other_kind = {"test", "two", .settle = settle};

static void test_kinds_are_settled_once_for_a_batch(void **state)
{
    struct fixture *f = *state;

    settled = settle_rc = 0;
    add(f, &one_kind);
    add(f, &plain);
    add(f, &other_kind);
    add(f, &one_kind);
    assert_int_equal(write_all(f), 1);
    assert_int_equal(settled, 1);
    assert_int_equal(settled_at, f->last_seq);
}

static void test_a_batch_that_cannot_be_settled_is_not_stored(void **state)
{
    struct fixture *f = *state;
    int64_t before = f->last_seq;

    settle_rc = SL_E_NOMEM;
    add(f, &one_kind);
    assert_int_equal(write_all(f), SL_E_NOMEM);
    assert_int_equal(f->last_seq, before);
    settle_rc = 0;
    assert_int_equal(write_all(f), 1);
    assert_int_equal(f->last_seq, before + 1);
}

/* ---- records ---- */

static void test_a_sentence_is_cut_not_overrun(void **state)
{
    struct outcome out = {0};
    char text[400];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(outcome_refuse(&out, 400, "%s", text), 0);
    assert_int_equal(strlen(out.why), sizeof out.why - 1);
    assert_int_equal(outcome_refer(&out, OUTCOME_MERGED, 5, sl_str_of(text)), 0);
    assert_int_equal(strlen(out.id), sizeof out.id - 1);
}

static void test_a_record_copies_its_key(void **state)
{
    char key[] = "key";
    struct unique u = {
        .key = {key, 3},
          .window_us = 9
    };
    struct record *r = record_new_unique(&plain, SL_STR("d"), SL_STR("{}"), &u);
    struct record *bare = record_new(&plain, SL_STR("d"), SL_STR("{}"));

    (void)state;
    assert_non_null(r);
    assert_non_null(bare);
    key[0] = 'x';
    assert_true(sl_str_eq(r->unique.key, SL_STR("key")));
    assert_int_equal(r->unique.window_us, 9);
    assert_int_equal(record_bytes(r), record_bytes(bare) + 3);
    assert_int_equal(bare->unique.key.len, 0);
    record_free(r);
    record_free(bare);
    record_free(NULL);
    assert_null(record_new(&plain, (sl_str){"", SIZE_MAX / 2}, SL_STR("")));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_batch_of_all_kinds),
        CASE(test_nothing_to_store_is_no_commit_that_proves_the_disk),
        CASE(test_a_refusal_that_wrote_nothing_costs_no_second_pass),
        CASE(test_a_second_pass_begins_anew),
        CASE(test_a_hook_sees_what_came_before_it),
        CASE(test_a_batch_that_fails_gives_its_numbers_back),
        CASE(test_duplicates_by_row),
        CASE(test_keys_are_of_a_kind),
        CASE(test_what_was_undone_is_no_original),
        CASE(test_the_lookup_is_by_the_index_and_others_pay_nothing),
        CASE(test_numbers_of_deleted_rows_do_not_come_back),
        CASE(test_later_steps_keep_what_is_there),
        CASE(test_ids_and_numbers),
        CASE(test_kinds_are_settled_once_for_a_batch),
        CASE(test_a_batch_that_cannot_be_settled_is_not_stored),
        CASE(test_a_sentence_is_cut_not_overrun),
        CASE(test_a_record_copies_its_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
