/* SPDX-License-Identifier: MIT */
#include "hub/query.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/str.h"
#include "net/worker.h"
#include "store/cure.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#define QUERY_THREADS     2
#define QUERY_WAITING_MAX 256
#define ETAG_SIZE         (2 * HASH_BYTES + 3)

struct queries {
    struct worker_pool *workers;
    pthread_mutex_t lock; /* covers idle and idle_count */
    struct db *idle[QUERY_THREADS];
    int idle_count;
    void (*on_damage)(void *user); /* the loop's */
    void *user;
};

/* One that is on its way; its texts lie behind it. */
struct job_of_query {
    struct job job;
    struct queries *owner;
    sl_request *request;
    const struct query *query;
    struct ask ask;
    sl_json_out out;
    char etag[ETAG_SIZE], base_url[BASE_URL_SIZE];
    int rc;
    char texts[];
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

static void make_etag(sl_str body, char etag[ETAG_SIZE])
{
    uint8_t digest[HASH_BYTES];
    size_t n = 1;

    hash_bytes(body, digest);
    etag[0] = '"';
    for (int i = 0; i < HASH_BYTES; i++)
        n += (size_t)snprintf(etag + n, ETAG_SIZE - n, "%02x", digest[i]);
    snprintf(etag + n, ETAG_SIZE - n, "\"");
}

static void on_work(struct job *job)
{
    struct job_of_query *x = LIST_ENTRY(job, struct job_of_query, job);
    struct db *db = borrow(x->owner);
    sl_error err = {0};

    x->rc = db_exec(db, "BEGIN", &err); /* total and rows are of one moment */
    if (x->rc == 0) x->rc = x->query->fn(db, &x->ask, &x->out);
    if (x->rc == 0) x->rc = x->out.rc;
    if (db_in_transaction(db)) (void)!db_exec(db, "COMMIT", NULL);
    give_back(x->owner, db);
    if (x->rc == 0) make_etag(sl_out_text(&x->out), x->etag);
}

/* RFC 9110 §13.1.2; ours have no commas, and "W/" in front changes nothing. */
static bool is_known(sl_request *r, sl_str etag)
{
    sl_str rest = sl_request_header(r, "If-None-Match"), one;

    while (str_split(&rest, ',', &one)) {
        one = str_trim_ows(one);
        if (str_starts(one, SL_STR("W/"))) one = str_part(one, 2, one.len);
        if (sl_str_eq(one, etag) || sl_str_eq(one, SL_STR("*"))) return true;
    }
    return false;
}

static void answer(struct job_of_query *x)
{
    sl_str etag = sl_str_of(x->etag);

    (void)sl_request_set_header(x->request, "ETag", etag);
    (void)sl_request_set_header(x->request, "Cache-Control", SL_STR("no-cache"));
    if (is_known(x->request, etag))
        sl_answer(x->request, 304, NULL, (sl_str){0});
    else
        sl_answer(x->request, 200, "application/json; charset=utf-8", sl_out_text(&x->out));
}

/* The sentence names no folder: anybody may read it. */
static void answer_failure(struct job_of_query *x)
{
    struct queries *q = x->owner;
    char text[192];

    if (!cure_is_known(x->rc)) {
        SL_ERROR("query", "cause=\"%s\"", sl_strerror(x->rc, text, sizeof text));
        sl_answer_error(x->request, 500, "Internal server error");
        return;
    }
    if (x->rc == -EUCLEAN && q->on_damage != NULL) q->on_damage(q->user);
    cure_text(x->rc, "", text, sizeof text);
    SL_WARN("query", "cause=\"%s\"", text);
    sl_answer_error(x->request, cure_status(x->rc), "%s", text);
}

static void on_done(struct job *job, int rc)
{
    struct job_of_query *x = LIST_ENTRY(job, struct job_of_query, job);

    if (rc == SL_E_STOPPING) {
        sl_answer_error(x->request, 503, "the hub is shutting down: try again in a moment");
    } else if (x->rc == SL_E_NOT_FOUND && x->query->missing != NULL) {
        sl_answer_error(x->request, 404, "%s", x->query->missing);
    } else if (x->rc < 0) {
        answer_failure(x);
    } else {
        answer(x);
    }
    sl_out_deinit(&x->out);
    sl__free(x);
}

/* 0, or what is wrong with a parameter has been answered. */
static int read_params(sl_request *r, const struct query *q, struct ask *ask, size_t *bytes)
{
    *bytes = 0;
    for (uint32_t i = 0; i < q->param_count; i++) {
        const struct query_param *p = &q->param[i];
        sl_str text = sl_request_param(r, p->name);
        uint64_t v = (uint64_t)p->usual;

        if (text.ptr == NULL) text = sl_request_query(r, p->name);
        if (p->is_whole && text.len > 0 && !str_to_u64(text, &v)) {
            sl_answer_error(r, 400, "%s must be a whole number, 0 or more", p->name);
            return SL_E_INVAL;
        }
        if (!p->is_whole && text.len > QUERY_TEXT_MAX) {
            sl_answer_error(r, 400, "%s is longer than %d bytes", p->name, QUERY_TEXT_MAX);
            return SL_E_INVAL;
        }
        ask->number[i] = (int64_t)(v < (uint64_t)p->max ? v : (uint64_t)p->max);
        ask->text[i] = p->is_whole || text.len == 0 ? (sl_str){0} : text;
        *bytes += ask->text[i].len;
    }
    return 0;
}

void queries_answer(struct queries *q, sl_request *r, const struct query *query)
{
    struct job_of_query *x;
    struct ask ask = {0};
    size_t bytes, at = 0;

    SL_ASSERT(query->param_count <= QUERY_PARAMS_MAX);
    if (read_params(r, query, &ask, &bytes) < 0) return;
    x = sl__zalloc(sizeof *x + bytes);
    if (x == NULL) {
        sl_answer_error(r, 503, "the hub is out of memory: try again in a moment");
        return;
    }
    x->owner = q;
    x->request = r;
    x->query = query;
    x->ask = ask;
    x->ask.base_url = base_url_of(r, x->base_url);
    for (uint32_t i = 0; i < query->param_count; i++) {
        if (ask.text[i].len == 0) continue;
        memcpy(x->texts + at, ask.text[i].ptr, ask.text[i].len);
        x->ask.text[i].ptr = x->texts + at;
        at += ask.text[i].len;
    }
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

void queries_set_on_damage(struct queries *q, void (*on_damage)(void *user), void *user)
{
    q->on_damage = on_damage;
    q->user = user;
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
