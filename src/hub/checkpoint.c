/* SPDX-License-Identifier: MIT */
#include "hub/checkpoint.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "store/db.h"
#include "store/disk.h"

#include <pthread.h>

struct checkpoint {
    struct db *db; /* the thread's */
    bool is_failing;
    pthread_t thread;

    pthread_mutex_t lock; /* covers what follows */
    pthread_cond_t wake;
    struct checkpoint_stats stats;
    bool wanted, finished, stopping;
};

#define PASSES 2 /* the second moves what was written during the first */

/* What a reader still needs stays for the next run: that is no failure. */
static bool run(struct checkpoint *c)
{
    sl_error err = {0};
    bool failed;
    int rc = 0;

    for (int i = 0; i < PASSES && rc == 0; i++)
        rc = db_checkpoint(c->db, DB_PASSIVE, 0, &err);
    failed = rc < 0 && rc != SL_E_BUSY;

    if (failed && !c->is_failing) {
        SL_ERROR("checkpoint", "msg=\"the log cannot be moved and grows\" cause=\"%s\"",
                 err.text);
    } else if (!failed && c->is_failing) {
        SL_INFO("checkpoint", "msg=\"works again\"");
    }
    c->is_failing = failed;
    return !failed;
}

static void *on_thread(void *user)
{
    struct checkpoint *c = user;

    disk_write_for(DISK_CHECKPOINT);
    pthread_mutex_lock(&c->lock);
    for (;;) {
        struct mono start;
        uint64_t us;
        bool ok;

        while (!c->wanted && !c->stopping)
            pthread_cond_wait(&c->wake, &c->lock);
        if (c->stopping) break; /* closing the last connection moves the rest */
        c->wanted = false;
        pthread_mutex_unlock(&c->lock);
        start = mono_now();
        ok = run(c);
        us = mono_now().us - start.us;
        pthread_mutex_lock(&c->lock);
        c->stats.runs++;
        c->finished = ok;
        if (!ok) c->stats.failed++;
        if (us > c->stats.max_us) c->stats.max_us = us;
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

int checkpoint_open(const char *path, struct checkpoint **out, sl_error *err)
{
    struct checkpoint *c;
    int rc;

    *out = NULL;
    c = sl__zalloc(sizeof *c);
    if (c == NULL) return sl_fail(err, SL_E_NOMEM, path, "out of memory");
    rc = db_open(path, DB_WRITE_BESIDE, &c->db, err);
    if (rc < 0) {
        sl__free(c);
        return rc;
    }
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    rc = pthread_create(&c->thread, NULL, on_thread, c);
    if (rc != 0) goto failed;
    *out = c;
    return 0;

failed:
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    db_close(c->db);
    sl__free(c);
    return sl_fail(err, -rc, path, "cannot start the checkpoint thread");
}

void checkpoint_wake(struct checkpoint *c)
{
    pthread_mutex_lock(&c->lock);
    c->wanted = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

bool checkpoint_take_finished(struct checkpoint *c)
{
    bool finished;

    pthread_mutex_lock(&c->lock);
    finished = c->finished;
    c->finished = false;
    pthread_mutex_unlock(&c->lock);
    return finished;
}

void checkpoint_get_stats(struct checkpoint *c, struct checkpoint_stats *out)
{
    pthread_mutex_lock(&c->lock);
    *out = c->stats;
    pthread_mutex_unlock(&c->lock);
}

void checkpoint_close(struct checkpoint *c)
{
    if (c == NULL) return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    db_close(c->db);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    sl__free(c);
}
