/* SPDX-License-Identifier: MIT */
/* Pools and posts with real threads: also run under the thread sanitizer. */
#include "net/worker.h"

#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdatomic.h>
#include <stdlib.h>

#define JOBS 500

struct task {
    struct job job;
    uint64_t in, out;
    bool *gate; /* wait until the test opens it */
    uv_mutex_t *lock;
    uv_cond_t *opened;
};

static int done_count, stopped_count;
static atomic_int ran;

static void square(struct job *j)
{
    struct task *t = (struct task *)j;

    if (t->gate != NULL) {
        uv_mutex_lock(t->lock);
        while (!*t->gate)
            uv_cond_wait(t->opened, t->lock);
        uv_mutex_unlock(t->lock);
    }
    t->out = t->in * t->in;
    atomic_fetch_add(&ran, 1);
}

static void on_done(struct job *j, int rc)
{
    struct task *t = (struct task *)j;

    if (rc == 0) {
        assert_int_equal(t->out, t->in * t->in);
        done_count++;
    } else {
        assert_int_equal(rc, SL_E_STOPPING);
        stopped_count++;
    }
    if (done_count + stopped_count == JOBS) sl_loop_stop(j->loop, 1000);
}

static struct task *make_tasks(void)
{
    struct task *t = calloc(JOBS, sizeof *t);

    for (uint64_t i = 0; i < JOBS; i++)
        t[i] = (struct task){
            .job = {.on_work = square, .on_done = on_done},
              .in = i
        };
    done_count = stopped_count = 0;
    atomic_store(&ran, 0);
    return t;
}

static void every_job_comes_back_once(void **state)
{
    struct worker_pool *pool;
    sl_loop *loop;
    struct task *t = make_tasks();

    (void)state;
    assert_int_equal(sl_loop_new(&loop), 0);
    assert_int_equal(worker_pool_new(loop, 3, JOBS, &pool), 0);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(worker_submit(pool, &t[i].job), 0);
    assert_int_equal(sl_loop_run(loop), 0);
    assert_int_equal(done_count, JOBS);
    worker_pool_free(pool);
    sl_loop_free(loop);
    free(t);
}

static void a_full_pool_refuses(void **state)
{
    bool gate = false;
    uv_mutex_t lock;
    uv_cond_t opened;
    struct worker_pool *pool;
    sl_loop *loop;
    struct task *t = make_tasks();
    int taken = 0;

    (void)state;
    uv_mutex_init(&lock);
    uv_cond_init(&opened);
    assert_int_equal(sl_loop_new(&loop), 0);
    assert_int_equal(worker_pool_new(loop, 1, 5, &pool), 0);
    for (int i = 0; i < JOBS; i++) {
        t[i].gate = &gate;
        t[i].lock = &lock;
        t[i].opened = &opened;
        int rc = worker_submit(pool, &t[i].job);
        if (rc == 0)
            taken++;
        else
            assert_int_equal(rc, SL_E_FULL);
    }
    assert_in_range(taken, 5, 6); /* five wait, one may be running */
    uv_mutex_lock(&lock);
    gate = true;
    uv_cond_broadcast(&opened);
    uv_mutex_unlock(&lock);
    worker_pool_free(pool); /* the running ones end, the waiting ones come back unrun */
    sl_loop_stop(loop, 0);
    assert_int_equal(sl_loop_run(loop), 0); /* not before all of them are back */
    assert_int_equal(done_count + stopped_count, taken);
    assert_int_equal(done_count, atomic_load(&ran));
    sl_loop_free(loop);
    uv_cond_destroy(&opened);
    uv_mutex_destroy(&lock);
    free(t);
}

/* ---- posts ---- */

#define POSTERS    4
#define POSTS_EACH 2000

struct poster {
    uv_thread_t thread;
    sl_loop *loop;
    uint32_t posted, seen;
};

static void on_post(void *user)
{
    ((struct poster *)user)->seen++;
}

static void post_many(void *arg)
{
    struct poster *p = arg;

    for (int i = 0; i < POSTS_EACH; i++)
        p->posted += sl_loop_post(p->loop, on_post, p) == 0;
}

static void posts_from_many_threads_all_arrive(void **state)
{
    struct poster p[POSTERS];
    sl_loop *loop;

    (void)state;
    assert_int_equal(sl_loop_new(&loop), 0);
    for (int i = 0; i < POSTERS; i++) {
        p[i] = (struct poster){.loop = loop};
        assert_int_equal(uv_thread_create(&p[i].thread, post_many, &p[i]), 0);
    }
    for (int i = 0; i < POSTERS; i++)
        uv_thread_join(&p[i].thread);
    sl_loop_stop(loop, 0);
    assert_int_equal(sl_loop_run(loop), 0);
    for (int i = 0; i < POSTERS; i++) {
        assert_int_equal(p[i].posted, POSTS_EACH);
        assert_int_equal(p[i].seen, POSTS_EACH);
    }
    sl_loop_free(loop);
}

static void bad_arguments_and_no_memory(void **state)
{
    struct worker_pool *pool;
    sl_loop *loop;

    (void)state;
    assert_int_equal(sl_loop_new(&loop), 0);
    assert_int_equal(worker_pool_new(loop, 0, 1, &pool), SL_E_INVAL);
    assert_int_equal(worker_pool_new(loop, 17, 1, &pool), SL_E_INVAL);
    assert_int_equal(worker_pool_new(loop, 1, 0, &pool), SL_E_INVAL);
    sl__alloc_fail_after(0);
    assert_int_equal(worker_pool_new(loop, 1, 1, &pool), SL_E_NOMEM);
    assert_int_equal(sl_loop_post(loop, on_post, NULL), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    assert_null(pool);
    worker_pool_free(NULL);
    sl_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_comes_back_once),
        cmocka_unit_test(a_full_pool_refuses),
        cmocka_unit_test(posts_from_many_threads_all_arrive),
        cmocka_unit_test(bad_arguments_and_no_memory),
    };

    return cmocka_run_group_tests_name("net/worker", tests, NULL, NULL);
}
