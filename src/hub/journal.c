/* SPDX-License-Identifier: MIT */
#include "hub/journal.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "hub/checkpoint.h"
#include "hub/journal_probe.h"
#include "hub/spine.h"
#include "net/loop.h"
#include "store/cure.h"
#include "store/disk.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define MIB              (1024 * 1024)
#define TRUNCATE_WAIT_MS 1000 /* for readers, with commits standing still */

static_assert(sizeof((struct journal_trouble *)0)->cause == sizeof((sl_error *)0)->text,
              "a cause is an error's sentence");

/* What the thread knows of the store's health; a copy goes to the loop with each batch. */
struct health {
    struct journal_trouble trouble;
    uint64_t batches, probes, commit_max_us, truncations;
    struct histogram commits;
};

struct journal {
    sl_loop *loop;
    struct journal_limits limits;
    struct journal_stats stats; /* the loop's */
    void (*on_low)(void *user); /* likewise */
    void *on_low_user;
    struct list fresh; /* likewise: records of this turn */
    struct turn_hook hook;
    struct checkpoint *checkpoint; /* NULL in memory */
    pthread_t thread;

    struct db *db; /* the thread's, while it runs, with what follows */
    int64_t last_seq;
    struct mono tried; /* last, while in trouble */
    struct probe probe;
    int64_t woken_at; /* how long the log was when the checkpoint thread was woken */
    int64_t truncate_at;
    struct health health;
    bool untold; /* the loop could not be called: no memory */

    pthread_mutex_t lock; /* covers what follows */
    pthread_cond_t wake;
    struct list waiting, done;
    struct health told;
    bool damage_seen; /* by a reader */
    bool stopping;
};

/* ---- the journal's thread ---- */

/* What on_done is told: the batch's failure is that of everyone who counted on it. */
static void settle(struct outcome *out, const sl_error *why, int64_t committed)
{
    bool stands = out->kind == OUTCOME_DUPLICATE && out->seq > 0 && out->seq <= committed;

    if (out->rc == 0 && !stands) out->rc = why->code;
    if (out->rc < 0) {
        static const char start[] = "not stored: ";
        char text[OUTCOME_WHY];

        out->kind = OUTCOME_FAILED;
        out->status = cure_status(out->rc);
        snprintf(out->why, sizeof out->why, "%s%.*s", start,
                 (int)(sizeof out->why - sizeof start),
                 out->rc == why->code ? why->text : sl_strerror(out->rc, text, sizeof text));
    }
    if (out->kind < OUTCOME_REFUSED) return;
    out->seq = 0;
    out->id[0] = '\0';
}

static void settle_all(struct list *batch, const sl_error *why, int64_t committed)
{
    for (struct list *n = batch->next; n != batch; n = n->next)
        settle(&LIST_ENTRY(n, struct record, node)->outcome, why, committed);
}

/* Trouble begins with a failure from outside and ends with a commit that wrote something.
 * `err` is for senders afterwards. */
static void note(struct journal *j, int rc, sl_error *err)
{
    struct journal_trouble *t = &j->health.trouble;

    if (t->rc == -EUCLEAN) return;
    if (rc > 0 && t->rc < 0) {
        SL_INFO("journal", "msg=\"records are stored again\"");
        *t = (struct journal_trouble){0};
    } else if (rc < 0 && !cure_is_known(rc)) {
        SL_ERROR("journal", "msg=\"a batch was not stored\" code=%d cause=\"%s\"", rc,
                 err->text);
    } else if (rc < 0 && rc != t->rc) {
        SL_ERROR("journal", "msg=\"records are refused until this is mended\" cause=\"%s\"",
                 err->text);
        if (t->rc == 0) t->since = wall_now();
        t->rc = rc;
        cure_text(rc, "", t->cause, sizeof t->cause);
    }
    /* the log names the folder; senders are strangers */
    if (cure_is_known(rc)) memcpy(err->text, t->cause, sizeof err->text);
}

static int64_t bytes_of(const struct list *batch)
{
    size_t n = 0;

    for (const struct list *l = batch->next; l != batch; l = l->next)
        n += record_bytes(LIST_ENTRY(l, struct record, node));
    return (int64_t)n;
}

static void try_batch(struct journal *j, struct list *batch)
{
    int64_t committed = j->last_seq;
    struct mono start = mono_now();
    sl_error err = {0};
    int rc = spine_write(j->db, batch, &j->last_seq, &err);
    uint64_t us;

    us = mono_now().us - start.us;
    if (rc != 0) j->tried = mono_now(); /* 0: the disk was not asked */
    if (rc < 0) j->probe.failed_bytes = bytes_of(batch);
    histogram_add(&j->health.commits, us);
    if (us > j->health.commit_max_us) j->health.commit_max_us = us;
    note(j, rc, &err);
    if (rc >= 0) err.code = 0; /* what failed did so alone */
    settle_all(batch, &err, committed);
}

/* Microseconds until what failed may be tried again. */
static uint64_t until_retry_us(const struct journal *j)
{
    uint64_t pause = (uint64_t)j->limits.retry_ms * 1000, past = mono_now().us - j->tried.us;

    return past < pause ? pause - past : 0;
}

/* May what failed go well the next time? */
static bool has_hope(const struct journal *j)
{
    return j->health.trouble.rc != -EUCLEAN;
}

static void note_damage(struct journal *j)
{
    sl_error err;

    (void)db_fail_as(j->db, -EUCLEAN, &err);
    note(j, -EUCLEAN, &err);
}

/* While the disk is in trouble one batch in a while tries it; the others are told at once. */
static void write_batch(struct journal *j, struct list *batch)
{
    const struct journal_trouble *t = &j->health.trouble;
    sl_error err = {.code = t->rc};

    j->health.batches++;
    if (t->rc == 0 || (has_hope(j) && until_retry_us(j) == 0)) {
        try_batch(j, batch);
        return;
    }
    memcpy(err.text, t->cause, sizeof err.text);
    settle_all(batch, &err, j->last_seq);
}

/* Where nobody sends because we say that we refuse, nothing but this finds the end of it. */
static void probe(struct journal *j)
{
    sl_error err = {0};
    int rc = probe_store(&j->probe, j->db, j->health.trouble.rc, &err);

    j->tried = mono_now();
    if (rc != 0) j->health.probes++;
    if (rc > 0 || cure_is_known(rc)) note(j, rc, &err);
}

/* After the batch is told: nobody waits for this but the next one, at the cap. */
static void tend_log(struct journal *j)
{
    int64_t bytes = db_wal_bytes(j->db);
    int rc;

    if (j->checkpoint == NULL) return;
    if (bytes < j->woken_at) j->woken_at = 0; /* it has begun again from its front */
    if (checkpoint_take_finished(j->checkpoint)) {
        (void)!db_checkpoint(j->db, DB_PASSIVE, 0, NULL); /* it will be said by the thread */
        return;
    }
    if (bytes < j->limits.log_cap_bytes) j->truncate_at = 0;
    if (bytes - j->woken_at >= j->limits.log_step_bytes) {
        j->woken_at = bytes;
        checkpoint_wake(j->checkpoint);
    }
    if (bytes < j->limits.log_cap_bytes || bytes < j->truncate_at) return;
    rc = db_checkpoint(j->db, DB_TRUNCATE, TRUNCATE_WAIT_MS, NULL);
    j->health.truncations++;
    j->woken_at = rc < 0 ? bytes : 0;
    /* a reader holds it: not before it has grown again as much as a quarter */
    j->truncate_at = rc < 0 ? bytes + j->limits.log_cap_bytes / 4 : 0;
}

static void deliver(struct journal *j)
{
    struct list batch;
    struct health told;

    pthread_mutex_lock(&j->lock);
    list_move_all(&j->done, &batch);
    told = j->told;
    pthread_mutex_unlock(&j->lock);

    j->stats.batches = told.batches;
    j->stats.probes = told.probes;
    j->stats.commit_max_us = told.commit_max_us;
    j->stats.commits = told.commits;
    j->stats.truncations = told.truncations;
    j->stats.trouble = told.trouble;
    for (struct list *n; (n = list_take_first(&batch)) != NULL;) {
        struct record *r = LIST_ENTRY(n, struct record, node);

        j->stats.bytes -= record_bytes(r);
        j->stats.records--;
        j->stats.outcome[r->outcome.kind]++;
        if (r->on_done != NULL) r->on_done(r, &r->outcome);
        record_free(r);
    }
    if (!j->stats.is_high || j->stats.bytes > j->limits.bytes / 2
        || j->stats.records > j->limits.records / 2) {
        return;
    }
    j->stats.is_high = false;
    if (j->on_low != NULL) j->on_low(j->on_low_user);
}

static void on_batch(void *user)
{
    deliver(user);
}

/* Behind what the loop has not fetched yet: the order is that of appending. */
static void add_all(struct list *to, struct list *from)
{
    for (struct list *n; (n = list_take_first(from)) != NULL;)
        list_add_last(to, n);
}

/* Without memory it is called later: what is done waits for that, or for journal_close. */
static void call_loop(struct journal *j)
{
    j->untold = sl_loop_post(j->loop, on_batch, j) < 0;
    if (j->untold) j->tried = mono_now();
}

/* Until there is something to do. Returns with the lock held, as it is called. */
static void wait_for_work(struct journal *j)
{
    while (list_is_empty(&j->waiting) && !j->stopping && !j->damage_seen) {
        uint64_t us = until_retry_us(j);
        struct timespec until;

        if ((j->health.trouble.rc == 0 || !has_hope(j)) && !j->untold) {
            pthread_cond_wait(&j->wake, &j->lock);
            continue;
        }
        if (us == 0) return; /* to probe, or to tell again */
        clock_gettime(CLOCK_MONOTONIC, &until);
        us += (uint64_t)until.tv_nsec / 1000;
        until.tv_sec += (time_t)(us / 1000000);
        until.tv_nsec = (long)(us % 1000000) * 1000;
        pthread_cond_timedwait(&j->wake, &j->lock, &until);
    }
}

static void *on_thread(void *user)
{
    struct journal *j = user;
    struct list batch;
    bool damage_seen;

    disk_write_for(DISK_JOURNAL);
    pthread_mutex_lock(&j->lock);
    for (;;) {
        wait_for_work(j);
        if (list_is_empty(&j->waiting) && j->stopping) break; /* all is written */
        list_move_all(&j->waiting, &batch);
        damage_seen = j->damage_seen;
        j->damage_seen = false;
        pthread_mutex_unlock(&j->lock);
        if (damage_seen) note_damage(j);
        if (!list_is_empty(&batch))
            write_batch(j, &batch);
        else if (j->health.trouble.rc < 0 && has_hope(j))
            probe(j);
        pthread_mutex_lock(&j->lock);
        add_all(&j->done, &batch);
        j->told = j->health;
        pthread_mutex_unlock(&j->lock);
        call_loop(j);
        tend_log(j);
        pthread_mutex_lock(&j->lock);
    }
    pthread_mutex_unlock(&j->lock);
    return NULL;
}

/* ---- the loop's side ---- */

static void fill_limits(struct journal *j, const struct journal_limits *limits)
{
    struct journal_limits *l = &j->limits;

    if (limits != NULL) *l = *limits;
    if (l->bytes == 0) l->bytes = 32 * MIB;
    if (l->records == 0) l->records = 65536;
    if (l->log_step_bytes == 0) l->log_step_bytes = 4 * MIB;
    if (l->log_cap_bytes == 0) l->log_cap_bytes = 64 * MIB;
    if (l->retry_ms == 0) l->retry_ms = 1000;
}

/* It waits by the clock that nobody sets. */
static int init_wake(struct journal *j)
{
    pthread_condattr_t how;
    int rc = -pthread_condattr_init(&how);

    if (rc < 0) return rc;
    rc = -pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
    if (rc == 0) rc = -pthread_cond_init(&j->wake, &how);
    pthread_condattr_destroy(&how);
    return rc;
}

static int open_checkpoint(struct journal *j)
{
    sl_error err = {0};
    int rc;

    if (db_path(j->db)[0] == '\0') return 0;
    rc = checkpoint_open(db_path(j->db), &j->checkpoint, &err);
    if (rc < 0) SL_ERROR("checkpoint", "cause=\"%s\"", err.text);
    return rc;
}

/*
 * What a turn brought goes over in one piece: woken by the first record of many, the thread
 * would commit that one alone and let the others wait for the disk.
 */
static void hand_over(struct journal *j)
{
    if (list_is_empty(&j->fresh)) return;
    pthread_mutex_lock(&j->lock);
    if (list_is_empty(&j->waiting)) pthread_cond_signal(&j->wake); /* else it knows */
    add_all(&j->waiting, &j->fresh);
    pthread_mutex_unlock(&j->lock);
}

static void on_turn(struct turn_hook *h)
{
    hand_over(LIST_ENTRY(h, struct journal, hook));
}

int journal_open(sl_loop *loop, struct db *db, const struct journal_limits *limits,
                 struct journal **out)
{
    struct journal *j;
    int rc;

    *out = NULL;
    j = sl__zalloc(sizeof *j);
    if (j == NULL) return SL_E_NOMEM;
    j->loop = loop;
    j->db = db;
    fill_limits(j, limits);
    list_init(&j->fresh);
    list_init(&j->waiting);
    list_init(&j->done);
    rc = init_wake(j);
    if (rc < 0) {
        sl__free(j);
        return rc;
    }
    pthread_mutex_init(&j->lock, NULL);
    rc = spine_read_last_seq(db, &j->last_seq);
    if (rc == 0) rc = open_checkpoint(j);
    if (rc == 0) rc = -pthread_create(&j->thread, NULL, on_thread, j);
    if (rc < 0) goto failed;
    j->hook.on_turn = on_turn;
    sl__loop_add_turn_hook(loop, &j->hook);
    *out = j;
    return 0;

failed:
    checkpoint_close(j->checkpoint);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    sl__free(j);
    return rc;
}

/* Three quarters of either bound: room is left for those who have not heard of it yet. */
static bool is_above_high(const struct journal *j)
{
    return j->stats.bytes >= j->limits.bytes - j->limits.bytes / 4
           || j->stats.records >= j->limits.records - j->limits.records / 4;
}

int journal_append(struct journal *j, struct record *r)
{
    size_t bytes = record_bytes(r);

    /* A record larger than the whole bound may pass alone; else it could never be stored. */
    if (j->stats.records > 0
        && (j->stats.records >= j->limits.records || bytes > j->limits.bytes
            || j->stats.bytes > j->limits.bytes - bytes)) {
        j->stats.refused++;
        return SL_E_FULL;
    }
    j->stats.appended++;
    j->stats.records++;
    j->stats.bytes += bytes;
    if (is_above_high(j)) j->stats.is_high = true;
    list_add_last(&j->fresh, &r->node);
    sl__loop_want_hooks(j->loop);
    return 0;
}

bool journal_is_high(const struct journal *j)
{
    return j->stats.is_high;
}

void journal_set_on_low(struct journal *j, void (*on_low)(void *user), void *user)
{
    j->on_low = on_low;
    j->on_low_user = user;
}

void journal_tell_damage(struct journal *j)
{
    if (j->stats.trouble.rc == -EUCLEAN) return; /* it knows */
    pthread_mutex_lock(&j->lock);
    j->damage_seen = true;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
}

void journal_close(struct journal *j)
{
    if (j == NULL) return;
    hand_over(j);
    sl__loop_remove_turn_hook(&j->hook);
    pthread_mutex_lock(&j->lock);
    j->stopping = true;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->thread, NULL);
    j->on_low = NULL; /* it asks for more */
    deliver(j);
    checkpoint_close(j->checkpoint);
    if (has_hope(j))
        db_close(j->db);
    else
        db_close_as_it_is(j->db);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    sl__free(j);
}

void journal_get_stats(const struct journal *j, struct journal_stats *out)
{
    struct checkpoint_stats c = {0};

    if (j->checkpoint != NULL) checkpoint_get_stats(j->checkpoint, &c);
    *out = j->stats;
    out->checkpoints = c.runs;
    out->checkpoints_failed = c.failed;
    out->checkpoint_max_us = c.max_us;
    out->journal_bytes = disk_written_bytes(DISK_JOURNAL);
    out->checkpoint_bytes = disk_written_bytes(DISK_CHECKPOINT);
}
