/* SPDX-License-Identifier: MIT */
/*
 * A pool of threads with one inbox: work runs on a thread of the pool, its end is told on
 * the loop. Several pools keep slow kinds of work out of each other's way.
 */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include "net/loop.h"

struct worker_pool;

/* Embed it in the job; owned by the pool from submit until on_done is called. */
struct job {
    struct list node;
    void (*on_work)(struct job *j);         /* on a pool thread */
    void (*on_done)(struct job *j, int rc); /* on the loop: 0, or SL_E_STOPPING: never ran */
    sl_loop *loop;
    struct post back; /* how its end reaches the loop */
    int rc;
};

/* threads 1 to 16; queue_max: jobs waiting at most */
int worker_pool_new(sl_loop *loop, uint32_t threads, uint32_t queue_max,
                    struct worker_pool **out) SL_MUST_USE;

/* returns 0, or SL_E_FULL / SL_E_STOPPING: then on_done is not called */
int worker_submit(struct worker_pool *pool, struct job *j) SL_MUST_USE;

uint32_t worker_waiting(struct worker_pool *pool);

/* Jobs that wait are given back with SL_E_STOPPING; running ones are waited for. NULL is fine.
 */
void worker_pool_free(struct worker_pool *pool);

#endif
