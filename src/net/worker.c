/* SPDX-License-Identifier: MIT */
#include "net/worker.h"

#include "base/alloc.h"

#include <signal.h>

#define THREADS_MAX 16

/*
 * submit (loop) ──► inbox ──► a thread: on_work ──► the loop's inbox ──► on_done (loop)
 *
 * `lock` guards the inbox, `n` and `stopping`; everything else belongs to the loop's thread.
 */
struct worker_pool {
    sl_loop *loop;
    uv_mutex_t lock;
    uv_cond_t more;
    struct list inbox;
    uint32_t n, max;
    bool stopping;
    uint32_t thread_count;
    uv_thread_t thread[THREADS_MAX];
};

/* On the loop: a job has come back. */
static void on_back(void *user)
{
    struct job *j = user;

    j->loop->pending--; /* the pool may be gone */
    j->on_done(j, j->rc);
}

static void give_back(struct job *j, int rc)
{
    j->rc = rc;
    j->back = (struct post){.fn = on_back, .user = j};
    /* the loop can not have ended: it waits for pending jobs */
    (void)!sl__loop_post_node(j->loop, &j->back);
}

static struct job *take_job(struct worker_pool *p)
{
    struct list *n;

    uv_mutex_lock(&p->lock);
    while (list_is_empty(&p->inbox) && !p->stopping)
        uv_cond_wait(&p->more, &p->lock);
    n = list_take_first(&p->inbox);
    if (n != NULL) p->n--;
    uv_mutex_unlock(&p->lock);
    return n != NULL ? LIST_ENTRY(n, struct job, node) : NULL;
}

static void run_thread(void *arg)
{
    struct worker_pool *p = arg;
    struct job *j;
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* signals are the loop's */
    while ((j = take_job(p)) != NULL) {
        j->on_work(j);
        give_back(j, 0);
    }
}

static void stop_threads(struct worker_pool *p)
{
    uv_mutex_lock(&p->lock);
    p->stopping = true;
    uv_cond_broadcast(&p->more);
    uv_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < p->thread_count; i++)
        uv_thread_join(&p->thread[i]);
}

int worker_pool_new(sl_loop *loop, uint32_t threads, uint32_t queue_max,
                    struct worker_pool **out)
{
    struct worker_pool *p;
    int rc;

    *out = NULL;
    if (threads == 0 || threads > THREADS_MAX || queue_max == 0) return SL_E_INVAL;
    p = sl__zalloc(sizeof *p);
    if (p == NULL) return SL_E_NOMEM;
    p->loop = loop;
    p->max = queue_max;
    list_init(&p->inbox);
    rc = uv_mutex_init(&p->lock);
    if (rc < 0) goto no_lock;
    rc = uv_cond_init(&p->more);
    if (rc < 0) goto no_cond;
    for (; p->thread_count < threads; p->thread_count++) {
        rc = uv_thread_create(&p->thread[p->thread_count], run_thread, p);
        if (rc < 0) goto no_thread;
    }
    *out = p;
    return 0;

no_thread:
    stop_threads(p);
    uv_cond_destroy(&p->more);
no_cond:
    uv_mutex_destroy(&p->lock);
no_lock:
    sl__free(p);
    return rc;
}

int worker_submit(struct worker_pool *p, struct job *j)
{
    int rc = 0;

    j->loop = p->loop;
    uv_mutex_lock(&p->lock);
    if (p->stopping)
        rc = SL_E_STOPPING;
    else if (p->n >= p->max)
        rc = SL_E_FULL;
    else {
        list_add_last(&p->inbox, &j->node);
        p->n++;
        uv_cond_signal(&p->more);
    }
    uv_mutex_unlock(&p->lock);
    if (rc == 0) p->loop->pending++;
    return rc;
}

uint32_t worker_waiting(struct worker_pool *p)
{
    uint32_t n;

    uv_mutex_lock(&p->lock);
    n = p->n;
    uv_mutex_unlock(&p->lock);
    return n;
}

/* Jobs that ran but whose end is still in the loop's inbox are told later: they need the loop
 * only. */
void worker_pool_free(struct worker_pool *p)
{
    struct list left, *n;

    if (p == NULL) return;
    uv_mutex_lock(&p->lock);
    list_move_all(&p->inbox, &left);
    p->n = 0;
    uv_mutex_unlock(&p->lock);
    stop_threads(p);
    while ((n = list_take_first(&left)) != NULL)
        give_back(LIST_ENTRY(n, struct job, node), SL_E_STOPPING);
    uv_cond_destroy(&p->more);
    uv_mutex_destroy(&p->lock);
    sl__free(p);
}
