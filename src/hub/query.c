/* SPDX-License-Identifier: MIT */
#include "hub/query.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/worker.h"

#include <pthread.h>

#define QUERY_THREADS     2
#define QUERY_WAITING_MAX 256

struct queries {
    struct worker_pool *workers;
    pthread_mutex_t lock; /* covers idle and idle_count */
    struct db *idle[QUERY_THREADS];
    int idle_count;
};

struct query {
    struct job job;
    struct queries *owner;
    sl_request *request;
    query_fn *fn;
    sl_json_out out;
    int rc;
    max_align_t arg[QUERY_ARG_BYTES / sizeof(max_align_t)];
};

static struct db *borrow(struct queries *q)
{
    struct db *db;

    pthread_mutex_lock(&q->lock);
    SL_ASSERT(q->idle_count > 0); /* as many connections as threads */
    db = q->idle[--q->idle_count];
    pthread_mutex_unlock(&q->lock);
    return db;
}

static void give_back(struct queries *q, struct db *db)
{
    pthread_mutex_lock(&q->lock);
    q->idle[q->idle_count++] = db;
    pthread_mutex_unlock(&q->lock);
}

static void on_work(struct job *job)
{
    struct query *x = LIST_ENTRY(job, struct query, job);
    struct db *db = borrow(x->owner);
    sl_error err = {0};

    x->rc = db_exec(db, "BEGIN", &err); /* total and rows are of one moment */
    if (x->rc == 0) x->rc = x->fn(db, &x->out, x->arg);
    if (x->rc == 0) x->rc = x->out.rc;
    if (db_in_transaction(db)) (void)!db_exec(db, "COMMIT", NULL);
    give_back(x->owner, db);
}

static void on_done(struct job *job, int rc)
{
    struct query *x = LIST_ENTRY(job, struct query, job);
    char text[96];

    if (rc == SL_E_STOPPING) {
        sl_answer_error(x->request, 503, "the hub is shutting down: try again in a moment");
    } else if (x->rc < 0) {
        SL_ERROR("query", "cause=\"%s\"", sl_strerror(x->rc, text, sizeof text));
        sl_answer_error(x->request, 500, "Internal server error");
    } else {
        sl_answer(x->request, 200, "application/json; charset=utf-8", sl_out_text(&x->out));
    }
    sl_out_deinit(&x->out);
    sl__free(x);
}

void queries_answer(struct queries *q, sl_request *r, query_fn *fn, const void *arg,
                    size_t size)
{
    struct query *x = sl__zalloc(sizeof *x);

    SL_ASSERT(size <= QUERY_ARG_BYTES);
    if (x == NULL) {
        sl_answer_error(r, 503, "the hub is out of memory: try again in a moment");
        return;
    }
    x->owner = q;
    x->request = r;
    x->fn = fn;
    if (size > 0) memcpy(x->arg, arg, size);
    x->job.on_work = on_work;
    x->job.on_done = on_done;
    if (worker_submit(q->workers, &x->job) < 0) {
        sl__free(x);
        sl_answer_error(r, 503, "too many queries are waiting: try again in a moment");
    }
}

int queries_open(sl_loop *loop, const char *path, struct queries **out, sl_error *err)
{
    struct queries *q;
    int rc = 0;

    *out = NULL;
    q = sl__zalloc(sizeof *q);
    if (q == NULL) return sl_fail(err, SL_E_NOMEM, path, "out of memory");
    pthread_mutex_init(&q->lock, NULL);
    for (; q->idle_count < QUERY_THREADS && rc == 0; q->idle_count += rc == 0) {
        rc = db_open(path, DB_READ, &q->idle[q->idle_count], err);
    }
    if (rc < 0) goto failed;
    rc = worker_pool_new(loop, QUERY_THREADS, QUERY_WAITING_MAX, &q->workers);
    if (rc < 0) {
        sl_fail(err, rc, "queries", "cannot start the query threads");
        goto failed;
    }
    *out = q;
    return 0;

failed:
    queries_close(q);
    return rc;
}

void queries_close(struct queries *q)
{
    if (q == NULL) return;
    worker_pool_free(q->workers);
    for (int i = 0; i < q->idle_count; i++)
        db_close(q->idle[i]);
    pthread_mutex_destroy(&q->lock);
    sl__free(q);
}
