/* SPDX-License-Identifier: MIT */
/* What the journal does when the disk does not take it, or takes it slowly. */
#include "base/alloc.h"
#include "hub/checkpoint.h"
#include "hub/journal_probe.h"
#include "hub/journal_test.h"
#include "net/loop.h"
#include "store/disk.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define RETRY_MS 100

static const struct journal_limits quick = {.retry_ms = RETRY_MS};

static int set_up_disk(void **state)
{
    disk_break(0, 0);
    return set_up(state);
}

static int tear_down_disk(void **state)
{
    disk_break(0, 0);
    return tear_down(state);
}

/* One record at a time, until one is stored: so that each is a batch of its own. */
static void on_done_again(struct record *r, const struct outcome *out)
{
    struct fixture *f = r->user;

    f->done++;
    f->rc[0] = out->rc;
    if (out->kind == OUTCOME_STORED) {
        sl_loop_stop(f->loop, 0);
        return;
    }
    if (f->done == f->wanted) disk_break(0, 0); /* space returns */
    r = make(f, &plain, SL_STR("{}"));
    r->on_done = on_done_again;
    assert_int_equal(journal_append(f->journal, r), 0);
}

static struct outcome last; /* of a record that only wants to be told */

static void on_done_keep(struct record *r, const struct outcome *out)
{
    struct fixture *f = r->user;

    last = *out;
    sl_loop_stop(f->loop, 0);
}

static void append_and_wait(struct fixture *f)
{
    struct record *r = make(f, &plain, SL_STR("{}"));

    r->on_done = on_done_keep;
    assert_int_equal(journal_append(f->journal, r), 0);
    assert_int_equal(sl_loop_run(f->loop), 0);
}

/* A loop that was stopped does not run again: each turn of a test has one of its own. */
static void restart(struct fixture *f)
{
    journal_close(f->journal);
    db_close(f->reader);
    sl_loop_free(f->loop);
    f->journal = NULL;
    f->reader = NULL;
    f->done = 0;
    assert_int_equal(sl_loop_new(&f->loop), 0);
}

// clang-format off
static const struct {
    int error, rc, status;
    const char *cause;
} disks[] = {
    {ENOSPC, -ENOSPC, 507, "not stored: the disk is full: free space in the hub's data folder"},
    {EDQUOT, -ENOSPC, 507, "not stored: the disk is full: free space in the hub's data folder"},
    {EROFS, -EROFS, 503,
     "not stored: the disk is read-only: make it writable: the hub's data folder"},
    {EIO, -EIO, 503,
     "not stored: the disk reports an error: check it and the cable: the hub's data folder"},
};
// clang-format on

static void test_each_sender_is_told_cause_and_cure(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof disks / sizeof disks[0]; i++) {
        struct journal_stats stats;

        start(f, &quick, NULL);
        disk_break(disks[i].error, 0);
        append_and_wait(f);
        assert_int_equal(last.kind, OUTCOME_FAILED);
        assert_int_equal(last.rc, disks[i].rc);
        assert_int_equal(last.status, disks[i].status);
        assert_int_equal(last.seq, 0);
        assert_string_equal(last.id, "");
        assert_string_equal(last.why, disks[i].cause);
        assert_null(strstr(last.why, f->dir)); /* the log's affair, no stranger's */
        journal_get_stats(f->journal, &stats);
        assert_int_equal(stats.trouble.rc, disks[i].rc);
        assert_true(stats.trouble.since.us > 0);
        assert_string_equal(stats.trouble.cause, last.why + strlen("not stored: "));
        assert_int_equal(number(f->reader, count_sql), 0);
        disk_break(0, 0);
        restart(f);
    }
}

static void test_it_goes_on_by_itself_and_tries_now_and_then(void **state)
{
    struct fixture *f = *state;
    struct journal_stats stats;
    uint64_t before, after;
    struct mono begun;
    struct record *r;

    start(f, &quick, NULL);
    disk_break(ENOSPC, 0);
    f->wanted = 200; /* told so many times before there is space again */
    r = make(f, &plain, SL_STR("{}"));
    r->on_done = on_done_again;
    begun = mono_now();
    before = disk_written_bytes(DISK_JOURNAL);
    assert_int_equal(journal_append(f->journal, r), 0);
    assert_int_equal(sl_loop_run(f->loop), 0);
    after = disk_written_bytes(DISK_JOURNAL);
    journal_get_stats(f->journal, &stats);
    assert_int_equal(stats.trouble.rc, 0);
    assert_int_equal(stats.trouble.cause[0], '\0');
    assert_int_equal(stats.outcome[OUTCOME_STORED], 1);
    assert_true(stats.outcome[OUTCOME_FAILED] >= 200);
    assert_true(after > before);
    /* 200 answers did not take 200 attempts: the second one comes after the pause */
    assert_true(mono_now().us - begun.us >= RETRY_MS * 1000);
    assert_int_equal(number(f->reader, count_sql), 1);
    assert_int_equal(number(f->reader, "SELECT max(seq) FROM record"), 1); /* no gap */
}

/* ---- nobody sends ---- */

/* Looks until the journal is as it is waited for. */
static struct {
    struct timer timer;
    struct fixture *f;
    bool (*is_there)(const struct journal_stats *s);
    int left;
    struct journal_stats stats;
} look;

static void on_look(struct timer *t)
{
    journal_get_stats(look.f->journal, &look.stats);
    if (look.is_there(&look.stats) || --look.left == 0)
        sl_loop_stop(look.f->loop, 0);
    else
        sl__loop_set_timer(look.f->loop, t, 5);
}

static void look_for(bool (*is_there)(const struct journal_stats *s))
{
    look.is_there = is_there;
    look.left = 4000;
    timer_init(&look.timer, on_look);
    sl__loop_set_timer(look.f->loop, &look.timer, 1);
}

static bool has_probed_thrice(const struct journal_stats *s)
{
    return s->probes >= 3;
}

static bool is_well(const struct journal_stats *s)
{
    return s->trouble.rc == 0;
}

static int meets_trouble_and(struct fixture *f,
                             void (*on_told)(struct record *r, const struct outcome *out),
                             sl_str body)
{
    struct record *r = make(f, &plain, body);

    look.f = f;
    r->on_done = on_told;
    assert_int_equal(journal_append(f->journal, r), 0);
    return sl_loop_run(f->loop);
}

static void on_told_watch(struct record *r, const struct outcome *out)
{
    (void)r;
    assert_int_equal(out->kind, OUTCOME_FAILED);
    look_for(has_probed_thrice);
}

static void on_told_mend(struct record *r, const struct outcome *out)
{
    (void)r;
    assert_int_equal(out->kind, OUTCOME_FAILED);
    disk_break(0, 0);
    look_for(is_well);
}

static void test_a_disk_that_stays_broken_is_asked_now_and_then(void **state)
{
    struct fixture *f = *state;
    struct mono begun = mono_now();

    start(f, &quick, NULL);
    disk_break(ENOSPC, 0);
    assert_int_equal(meets_trouble_and(f, on_told_watch, SL_STR("{}")), 0);
    assert_in_range(look.stats.probes, 3, 4);
    assert_true(mono_now().us - begun.us >= 3 * RETRY_MS * 1000);
    assert_int_equal(look.stats.trouble.rc, -ENOSPC);
    assert_int_equal(look.stats.batches, 1);
}

static void test_the_end_of_trouble_is_found_without_a_record(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof disks / sizeof disks[0]; i++) {
        start(f, &quick, NULL);
        disk_break(disks[i].error, 0);
        assert_int_equal(meets_trouble_and(f, on_told_mend, SL_STR("{}")), 0);
        assert_int_equal(look.stats.trouble.rc, 0);
        assert_int_equal(look.stats.trouble.cause[0], '\0');
        assert_int_equal(look.stats.probes, 1);
        assert_int_equal(look.stats.batches, 1);
        assert_int_equal(look.stats.appended, 1);
        assert_int_equal(number(f->reader, count_sql), 0);
        assert_int_equal(number(f->reader, "SELECT count(*) FROM meta WHERE name = 'probe'"),
                         0);
        restart(f);
    }
}

static void limit_files(int64_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < 0 ? limit.rlim_max : (rlim_t)bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A disk with a little room left takes a few bytes, and not what the senders have. */
static void test_a_probe_is_no_smaller_than_what_failed(void **state)
{
    static char body[300000];
    struct fixture *f = *state;

    memset(body, 'x', sizeof body);
    start(f, &quick, NULL);
    signal(SIGXFSZ, SIG_IGN);
    limit_files(200000); /* the lesser probe has room */
    assert_int_equal(meets_trouble_and(f, on_told_watch, (sl_str){body, sizeof body}), 0);
    limit_files(-1);
    assert_true(look.stats.probes >= 3);
    assert_int_equal(look.stats.trouble.rc, -EIO); /* "file too large" has no cure of its own */
}

/* The row is there; a moment later memory is, too. */
static bool is_told_after_all(const struct journal_stats *s)
{
    if (number(look.f->reader, count_sql) == 1 && look.left < 4000 - 20)
        sl__alloc_fail_after(-1);
    return s->outcome[OUTCOME_STORED] == 1;
}

static void test_a_sender_is_told_though_memory_was_short(void **state)
{
    struct fixture *f = *state;

    start(f, &quick, NULL);
    look.f = f;
    pthread_mutex_lock(&gate);
    append(f, &slow, SL_STR("{}"));
    wait_at_gate(f);
    sl__alloc_fail_after(0); /* the loop cannot be called */
    pthread_mutex_unlock(&gate);
    look_for(is_told_after_all);
    assert_int_equal(sl_loop_run(f->loop), 0);
    sl__alloc_fail_after(-1);
    assert_int_equal(look.stats.outcome[OUTCOME_STORED], 1);
    assert_int_equal(f->done, 1);
    assert_int_equal(look.stats.probes, 0);
}

static void test_room_is_what_the_file_system_says(void **state)
{
    struct fixture *f = *state;

    assert_true(probe_has_room(f->dir, 1));
    assert_false(probe_has_room(f->dir, INT64_MAX));
    assert_true(probe_has_room("/no/such/place", INT64_MAX)); /* who knows */
}

static void test_what_is_committed_can_be_read_meanwhile(void **state)
{
    struct fixture *f = *state;

    start(f, &quick, NULL);
    append(f, &plain, SL_STR("{}"));
    run_until(f, 1);
    disk_break(EROFS, 0);
    assert_int_equal(number(f->reader, count_sql), 1);
}

static void test_a_slow_disk_makes_larger_batches_not_losses(void **state)
{
    struct fixture *f = *state;
    struct journal_stats stats;

    start(f, NULL, NULL);
    disk_break(0, 2000);
    for (int i = 0; i < 500; i++)
        append(f, &plain, SL_STR("{\"n\":1}"));
    run_until(f, 500);
    disk_break(0, 0);
    for (int i = 0; i < 500; i++)
        assert_int_equal(f->rc[i], 0);
    journal_get_stats(f->journal, &stats);
    assert_true(stats.batches < 100);
    assert_true(stats.commit_max_us >= 2000);
    assert_true(stats.commits.sum_us >= stats.commit_max_us);
    assert_int_equal(number(f->reader, count_sql), 500);
}

/* ---- back-pressure ---- */

static int lows;

static void on_low(void *user)
{
    struct fixture *f = user;
    struct journal_stats stats;

    lows++;
    journal_get_stats(f->journal, &stats);
    assert_in_range(stats.records, 0, 4);
    assert_false(journal_is_high(f->journal));
}

static void test_high_from_three_quarters_low_at_half(void **state)
{
    const struct journal_limits limits = {.records = 8};
    struct fixture *f = *state;

    start(f, &limits, NULL);
    lows = 0;
    journal_set_on_low(f->journal, on_low, f);
    pthread_mutex_lock(&gate);
    append(f, &slow, SL_STR("{}"));
    for (int i = 0; i < 4; i++)
        append(f, &plain, SL_STR("{}"));
    assert_false(journal_is_high(f->journal)); /* 5 of 8 */
    append(f, &plain, SL_STR("{}"));
    assert_true(journal_is_high(f->journal)); /* 6 */
    append(f, &plain, SL_STR("{}"));
    append(f, &plain, SL_STR("{}")); /* 8: high is no refusal yet */
    pthread_mutex_unlock(&gate);
    run_until(f, 8);
    assert_int_equal(lows, 1);
    assert_false(journal_is_high(f->journal));
}

static void test_high_by_bytes(void **state)
{
    struct fixture *f = *state;
    struct record *probe = make(f, &plain, SL_STR("{}"));
    const struct journal_limits limits = {.bytes = 4 * record_bytes(probe)};

    start(f, &limits, NULL);
    pthread_mutex_lock(&gate);
    append(f, &slow, SL_STR("{}"));
    append(f, &plain, SL_STR("{}"));
    assert_false(journal_is_high(f->journal));
    assert_int_equal(journal_append(f->journal, probe), 0);
    assert_true(journal_is_high(f->journal));
    pthread_mutex_unlock(&gate);
    run_until(f, 3);
    assert_false(journal_is_high(f->journal));
}

/* ---- the log ---- */

static void test_the_log_is_moved_beside_the_commits(void **state)
{
    const struct journal_limits limits = {.log_step_bytes = 64 * 1024};
    struct fixture *f = *state;
    struct journal_stats stats;
    char body[2000];

    memset(body, 'x', sizeof body);
    start(f, &limits, NULL);
    for (int i = 0; i < 2000; i++)
        append(f, &plain, (sl_str){body, sizeof body});
    run_until(f, 2000);
    for (int i = 0; i < 500; i++) { /* a run is asked for and comes when it comes */
        journal_get_stats(f->journal, &stats);
        if (stats.checkpoints > 0) break;
        usleep(10000);
    }
    assert_true(stats.checkpoints > 0);
    assert_int_equal(stats.checkpoints_failed, 0);
    assert_true(stats.journal_bytes >= 2000 * sizeof body);
    assert_int_equal(stats.truncations, 0);
}

static void append_another(struct record *r, const struct outcome *out)
{
    struct fixture *f = r->user;
    struct record *next;

    if (f->done + 1 < f->wanted) {
        next = make(f, &plain, r->body);
        next->on_done = append_another;
        assert_int_equal(journal_append(f->journal, next), 0);
    }
    on_done(r, out);
}

/* There is never a moment at which nobody writes, and it still begins again and again. */
static void test_the_log_does_not_grow_for_as_long_as_there_is_work(void **state)
{
    const struct journal_limits limits = {.log_step_bytes = 128 * 1024};
    struct fixture *f = *state;
    struct journal_stats stats;
    struct record *first;
    char body[4000], path[128];
    struct stat st;

    memset(body, 'x', sizeof body);
    start(f, &limits, NULL);
    f->wanted = 1500;
    first = make(f, &plain, (sl_str){body, sizeof body});
    first->on_done = append_another;
    assert_int_equal(journal_append(f->journal, first), 0);
    run_until(f, 1500);
    journal_get_stats(f->journal, &stats);
    snprintf(path, sizeof path, "%s-wal", f->path);
    assert_int_equal(stat(path, &st), 0);
    assert_true(stats.journal_bytes > 1500 * 8000);
    assert_in_range(st.st_size, 1, stats.journal_bytes / 3);
    assert_int_equal(stats.truncations, 0);
}

/* The second record is told when the writer has come back from what the first one left. */
static void on_first(struct record *r, const struct outcome *out)
{
    struct fixture *f = r->user;

    append(f, &plain, SL_STR("{}"));
    on_done(r, out);
}

static void test_the_log_has_a_cap(void **state)
{
    const struct journal_limits limits = {.log_step_bytes = INT64_MAX / 4,
                                          .log_cap_bytes = 256 * 1024};
    struct fixture *f = *state;
    struct journal_stats stats;
    char *body = calloc(1, 600000), path[128];
    struct record *r;
    struct stat st;

    assert_non_null(body);
    memset(body, 'x', 600000);
    start(f, &limits, NULL);
    r = make(f, &plain, (sl_str){body, 600000});
    r->on_done = on_first;
    assert_int_equal(journal_append(f->journal, r), 0);
    run_until(f, 2);
    free(body);
    journal_get_stats(f->journal, &stats);
    assert_int_equal(stats.truncations, 1);
    assert_int_equal(f->rc[1], 0);
    snprintf(path, sizeof path, "%s-wal", f->path);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < 256 * 1024);
}

static void test_a_disk_in_trouble_stops_checkpoints_only(void **state)
{
    struct fixture *f = *state;
    struct checkpoint *c;
    struct checkpoint_stats stats = {0};

    start(f, NULL, NULL);
    append(f, &plain, SL_STR("{}"));
    run_until(f, 1);
    assert_int_equal(checkpoint_open(f->path, &c, NULL), 0);
    disk_break(EIO, 0);
    checkpoint_wake(c);
    for (int i = 0; i < 500 && stats.runs == 0; i++) {
        usleep(10000);
        checkpoint_get_stats(c, &stats);
    }
    assert_int_equal(stats.failed, 1);
    disk_break(0, 0);
    checkpoint_wake(c);
    for (int i = 0; i < 500 && stats.runs == 1; i++) {
        usleep(10000);
        checkpoint_get_stats(c, &stats);
    }
    assert_int_equal(stats.runs, 2);
    assert_int_equal(stats.failed, 1);
    checkpoint_close(c);
}

static void test_a_reader_sees_one_moment_while_the_log_is_moved(void **state)
{
    const struct journal_limits limits = {.log_step_bytes = 16 * 1024};
    struct fixture *f = *state;

    start(f, &limits, NULL);
    append(f, &plain, SL_STR("{}"));
    run_until(f, 1);
    assert_int_equal(db_exec(f->reader, "BEGIN", NULL), 0);
    assert_int_equal(number(f->reader, count_sql), 1);
    for (int i = 0; i < 1000; i++)
        append(f, &plain, SL_STR("{}"));
    journal_close(f->journal);
    f->journal = NULL;
    assert_int_equal(number(f->reader, count_sql), 1);
    assert_int_equal(db_exec(f->reader, "COMMIT", NULL), 0);
    assert_int_equal(number(f->reader, count_sql), 1001);
}

static void test_checkpoint_without_memory(void **state)
{
    struct fixture *f = *state;
    struct checkpoint *c;

    start(f, NULL, NULL);
    for (int n = 0; n < 2; n++) {
        sl__alloc_fail_after(n);
        assert_int_equal(checkpoint_open(f->path, &c, NULL), SL_E_NOMEM);
        sl__alloc_fail_after(-1);
        assert_null(c);
    }
    checkpoint_close(NULL);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up_disk, tear_down_disk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_each_sender_is_told_cause_and_cure),
        CASE(test_it_goes_on_by_itself_and_tries_now_and_then),
        CASE(test_a_disk_that_stays_broken_is_asked_now_and_then),
        CASE(test_the_end_of_trouble_is_found_without_a_record),
        CASE(test_a_probe_is_no_smaller_than_what_failed),
        CASE(test_a_sender_is_told_though_memory_was_short),
        CASE(test_room_is_what_the_file_system_says),
        CASE(test_what_is_committed_can_be_read_meanwhile),
        CASE(test_a_slow_disk_makes_larger_batches_not_losses),
        CASE(test_high_from_three_quarters_low_at_half),
        CASE(test_high_by_bytes),
        CASE(test_the_log_is_moved_beside_the_commits),
        CASE(test_the_log_does_not_grow_for_as_long_as_there_is_work),
        CASE(test_the_log_has_a_cap),
        CASE(test_a_disk_in_trouble_stops_checkpoints_only),
        CASE(test_a_reader_sees_one_moment_while_the_log_is_moved),
        CASE(test_checkpoint_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
