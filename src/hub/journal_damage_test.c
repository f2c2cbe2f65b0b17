/* SPDX-License-Identifier: MIT */
/* A database that is damaged is refused for good: it is not tried again, and left as it is. */
#include "hub/journal_test.h"
#include "store/disk.h"

#include <errno.h>
#include <sys/stat.h>

#define RETRY_MS 20

static const struct journal_limits quick = {.retry_ms = RETRY_MS};
static const char sentence[] =
    "not stored: the database is damaged: stop the hub and restore a backup in"
    " the hub's data folder";

static int apply_damaged(struct db *tx, const struct record *r, struct outcome *out)
{
    (void)tx;
    (void)r;
    (void)out;
    return -EUCLEAN; /* what SQLITE_CORRUPT becomes */
}

static const struct record_kind damaged = {"test", "damaged", .apply = apply_damaged};

static struct outcome last;

static void on_done_keep(struct record *r, const struct outcome *out)
{
    on_done(r, out);
    last = *out;
}

static void add(struct fixture *f, const struct record_kind *kind)
{
    struct record *r = make(f, kind, SL_STR("{}"));

    r->on_done = on_done_keep;
    assert_int_equal(journal_append(f->journal, r), 0);
}

/* Long enough for several attempts, if any were made; then one record more. */
static struct {
    struct timer timer;
    struct fixture *f;
} late;

static void on_late(struct timer *t)
{
    (void)t;
    add(late.f, &plain);
}

static void run_late(struct fixture *f, int wanted)
{
    late.f = f;
    timer_init(&late.timer, on_late);
    sl__loop_set_timer(f->loop, &late.timer, 5 * RETRY_MS);
    run_until(f, wanted);
}

/* The loop of a fixture runs once. */
static void next_loop(struct fixture *f, const struct journal_limits *limits)
{
    journal_close(f->journal);
    db_close(f->reader);
    sl_loop_free(f->loop);
    f->done = 0;
    assert_int_equal(sl_loop_new(&f->loop), 0);
    start(f, limits, NULL);
}

static int64_t log_size(const struct fixture *f)
{
    char log[128];
    struct stat st;

    snprintf(log, sizeof log, "%s-wal", f->path);
    return stat(log, &st) == 0 ? (int64_t)st.st_size : -1;
}

static void assert_refused(struct fixture *f)
{
    struct journal_stats stats;

    journal_get_stats(f->journal, &stats);
    assert_int_equal(last.kind, OUTCOME_FAILED);
    assert_int_equal(last.status, 503);
    assert_string_equal(last.why, sentence);
    assert_int_equal(stats.trouble.rc, -EUCLEAN);
    assert_int_equal(stats.probes, 0);
}

static void test_a_damaged_database_is_not_tried_again(void **state)
{
    struct fixture *f = *state;
    uint64_t written;

    start(f, &quick, NULL);
    add(f, &plain);
    run_until(f, 1);
    assert_int_equal(last.kind, OUTCOME_STORED);
    next_loop(f, &quick);
    add(f, &plain); /* of one batch, and none of it is stored */
    add(f, &damaged);
    add(f, &plain);
    written = disk_written_bytes(DISK_JOURNAL);
    run_late(f, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(f->rc[i], -EUCLEAN);
    assert_refused(f);
    assert_int_equal(disk_written_bytes(DISK_JOURNAL), written);
    assert_int_equal(number(f->reader, count_sql), 1);
}

static void test_what_a_reader_meets_counts(void **state)
{
    struct fixture *f = *state;

    start(f, &quick, NULL);
    journal_tell_damage(f->journal);
    journal_tell_damage(f->journal);
    run_late(f, 1);
    assert_refused(f);
    journal_tell_damage(f->journal);
    assert_int_equal(number(f->reader, count_sql), 0);
}

static void test_its_log_stays(void **state)
{
    struct fixture *f = *state;
    struct journal *j;

    start(f, &quick, NULL);
    add(f, &plain);
    run_until(f, 1);
    assert_true(log_size(f) > 0);
    journal_tell_damage(f->journal);
    j = f->journal;
    f->journal = NULL;
    db_close(f->reader); /* the last one to close would move it */
    f->reader = NULL;
    journal_close(j);
    assert_true(log_size(f) > 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_damaged_database_is_not_tried_again),
        CASE(test_what_a_reader_meets_counts),
        CASE(test_its_log_stays),
    };

    return cmocka_run_group_tests_name("hub/journal_damage", tests, NULL, NULL);
}
