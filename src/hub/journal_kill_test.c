/* SPDX-License-Identifier: MIT */
/*
 * A process that appends is killed in the middle of it, again and again. Whatever it had told
 * is in the store afterwards, nothing is there twice, and numbers go on rising.
 *
 *   child: append 0, 1, 2 … ──► on_done: write the number to the pipe ──► SIGKILL from outside
 *   parent: reads the numbers, opens what is left
 */
#include "hub/journal_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define ROUNDS    20
#define IN_FLIGHT 300

struct child {
    struct fixture *f;
    int told_fd;
    int64_t next;
};

static struct child child;

/* The key is the number, so that a second life may send all of it again. */
static void append_number(int64_t number_sent);

static void on_told(struct record *r, const struct outcome *out)
{
    int64_t told[2] = {(int64_t)(intptr_t)r->user, out->seq};

    if (out->kind != OUTCOME_STORED && out->kind != OUTCOME_DUPLICATE) _exit(3);
    if (write(child.told_fd, told, sizeof told) != (ssize_t)sizeof told) _exit(4);
    append_number(child.next++);
}

static void append_number(int64_t number_sent)
{
    struct unique u = {
        .key = {(const char *)&number_sent, sizeof number_sent}
    };
    char body[64];
    struct record *r;
    int len = snprintf(body, sizeof body, "%lld", (long long)number_sent);

    r = record_new_unique(&plain, SL_STR("cam"), (sl_str){body, (size_t)len}, &u);
    if (r == NULL) _exit(5);
    r->on_done = on_told;
    r->user = (void *)(intptr_t)number_sent;
    if (journal_append(child.f->journal, r) < 0) _exit(6);
}

/* Checkpoints as often as can be, so that some die inside one. */
static void run_child(struct fixture *f, int told_fd, int64_t first)
{
    const struct journal_limits limits = {.log_step_bytes = 64 * 1024,
                                          .log_cap_bytes = 512 * 1024};
    struct db *db = NULL;

    if (sl_loop_new(&f->loop) < 0 || db_open(f->path, DB_WRITE, &db, NULL) < 0) _exit(1);
    if (db_migrate(db, NULL, spine_steps, SPINE_STEPS, NULL) < 0) _exit(1);
    if (journal_open(f->loop, db, &limits, &f->journal) < 0) _exit(1);
    child = (struct child){.f = f, .told_fd = told_fd, .next = first};
    for (int i = 0; i < IN_FLIGHT; i++)
        append_number(child.next++);
    sl_loop_run(f->loop);
    _exit(2);
}

/* Read what is told until enough was, then kill and read what is left in the pipe. */
static int64_t harvest(pid_t pid, int fd, int enough, int64_t *top_seq)
{
    int64_t told[2], top = -1;
    int n = 0, status;

    while (read(fd, told, sizeof told) == (ssize_t)sizeof told) {
        if (++n == enough) kill(pid, SIGKILL);
        if (told[0] > top) top = told[0];
        if (told[1] > *top_seq) *top_seq = told[1];
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status)) fail_msg("the child ended by itself: %d", WEXITSTATUS(status));
    return top;
}

/* Numbers are answered in order: all up to the highest that was told must be there, once. */
static void check(struct fixture *f, int64_t top, int64_t top_seq)
{
    struct db *db = open_store(f);

    struct stmt *s =
        db_stmt(db, "SELECT count(*) FROM record WHERE cast(body AS INTEGER) <= ?");

    assert_non_null(s);
    stmt_bind_i64(s, 1, top);
    assert_int_equal(stmt_step(s), 1);
    assert_int_equal(stmt_i64(s, 0), top + 1);
    stmt_reset(s);
    assert_int_equal(number(db, "SELECT count(*) - count(DISTINCT body) FROM record"), 0);
    assert_int_equal(number(db, "SELECT count(*) - count(DISTINCT id) FROM record"), 0);
    assert_true(number(db, "SELECT max(seq) FROM record") >= top_seq);
    s = db_stmt(db, "PRAGMA integrity_check");
    assert_int_equal(stmt_step(s), 1);
    assert_true(sl_str_eq(stmt_str(s, 0), SL_STR("ok")));
    stmt_reset(s);
    db_close(db);
}

static void test_killed_at_any_moment(void **state)
{
    struct fixture *f = *state;
    int64_t top = -1, top_seq = 0;
    uint32_t seed = 12345;

    sl_loop_free(f->loop); /* each child has its own */
    f->loop = NULL;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t first = top > IN_FLIGHT ? top - IN_FLIGHT / 2 : 0, got; /* some again */
        int pipe_fd[2];
        pid_t pid;

        seed = seed * 1103515245 + 12345;
        assert_int_equal(pipe2(pipe_fd, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
            close(pipe_fd[0]);
            run_child(f, pipe_fd[1], first);
        }
        close(pipe_fd[1]);
        got = harvest(pid, pipe_fd[0], 1 + (int)(seed >> 16) % 1500, &top_seq);
        close(pipe_fd[0]);
        if (got > top) top = got;
        check(f, top, top_seq);
    }
    assert_true(top > IN_FLIGHT);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_killed_at_any_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
