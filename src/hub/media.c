/* SPDX-License-Identifier: MIT */
#include "hub/media.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "hub/frames_picture.h"
#include "net/worker.h"
#include "store/files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define THREADS 2 /* one of them may still be counting what is there */

struct media {
    sl_loop *loop;
    struct files *files;
    struct worker_pool *pool;
    struct job measuring;
    struct stop_hook on_stop;
    atomic_bool is_stopping;
    uint64_t measured; /* the worker's, until that job is back */
    uint32_t waiting;
    size_t bytes;
    int trouble; /* what the disk had against the last one */
    bool is_closed;
    uint32_t refs; /* ours, and one for each job on its way */
    struct media_stats stats;
    char root[PATH_MAX];
};

/* A picture on its way. */
struct keeping {
    struct job job;
    struct media *owner;
    sl_buf *buf;
    sl_str text;
    media_fn *on_kept;
    void *user;
    int rc;         /* as files_put */
    size_t written; /* bytes */
    char name[FILES_NAME_SIZE];
    sl_error err;
};

static void drop(struct media *m)
{
    if (--m->refs > 0) return;
    files_free(m->files);
    sl__free(m);
}

/* ---- on the worker ---- */

static void on_work(struct job *job)
{
    static const char *const suffix[] = {[PICTURE_NONE] = "",
                                         [PICTURE_JPEG] = "jpg",
                                         [PICTURE_PNG] = "png",
                                         [PICTURE_WEBP] = "webp"};
    struct keeping *k = LIST_ENTRY(job, struct keeping, job);
    enum picture_kind kind;
    const char *why;
    sl_buf *picture;

    k->rc = picture_decode(k->text, 0, &picture, &kind, &why);
    if (k->rc < 0) return;
    k->rc = files_put(k->owner->files, sl_buf_str(picture), suffix[kind], k->name, &k->err);
    k->written = k->rc > 0 ? sl_buf_str(picture).len : 0;
    sl_buf_drop(picture);
}

static void on_measure(struct job *job)
{
    struct media *m = LIST_ENTRY(job, struct media, measuring);

    m->measured = files_measure(m->files, &m->is_stopping);
}

/* ---- back on the loop ---- */

static void on_measured(struct job *job, int rc)
{
    struct media *m = LIST_ENTRY(job, struct media, measuring);

    if (rc == 0) m->stats.bytes += m->measured;
    drop(m);
}

/* Said when it begins, when it changes and when it is over, not for each picture. */
static void note(struct media *m, int rc, const sl_error *err)
{
    if (rc >= 0 && m->trouble != 0) {
        SL_INFO("media", "msg=\"pictures are kept again\"");
    } else if (rc < 0 && rc != m->trouble) {
        SL_ERROR("media",
                 "msg=\"detections stay without pictures until this is mended\" cause=\"%s\"",
                 err->text);
    }
    m->trouble = rc < 0 ? rc : 0;
}

static bool is_of_the_disk(int rc)
{
    return rc > -4096; /* it went well, or that is the system's own number */
}

static void on_done(struct job *job, int rc)
{
    struct keeping *k = LIST_ENTRY(job, struct keeping, job);
    struct media *m = k->owner;
    char url[sizeof "/media/" + FILES_NAME_SIZE] = "";

    m->waiting--;
    m->bytes -= k->text.len;
    if (rc < 0) k->rc = rc;
    if (is_of_the_disk(k->rc)) note(m, k->rc, &k->err);
    if (k->rc >= 0) snprintf(url, sizeof url, "/media/%s", k->name);
    m->stats.kept += k->rc > 0;
    m->stats.bytes += k->written;
    if (!m->is_closed) k->on_kept(k->user, sl_str_of(url), k->rc < 0 ? k->rc : 0);
    sl_buf_drop(k->buf);
    sl__free(k);
    drop(m);
}

int media_keep(struct media *m, sl_buf *buf, sl_str text, media_fn *on_kept, void *user)
{
    struct keeping *k;
    int rc;

    if (m->waiting >= MEDIA_WAITING_MAX || text.len > MEDIA_BYTES_MAX - m->bytes)
        return SL_E_FULL;
    k = sl__alloc(sizeof *k);
    if (k == NULL) return SL_E_NOMEM;
    *k = (struct keeping){
        .job = {.on_work = on_work, .on_done = on_done},
        .owner = m,
        .buf = buf,
        .text = text,
        .on_kept = on_kept,
        .user = user,
    };
    rc = worker_submit(m->pool, &k->job);
    if (rc < 0) {
        sl__free(k);
        return rc;
    }
    sl_buf_hold(buf);
    m->waiting++;
    m->bytes += text.len;
    m->refs++;
    return 0;
}

/* ---- what was left out ---- */

static enum media_reason reason_of(int rc)
{
    switch (rc) {
    case SL_E_FULL:
    case SL_E_STOPPING: return MEDIA_BUSY;
    case SL_E_LIMIT: return MEDIA_RATE;
    case SL_E_INVAL: return MEDIA_NO_PICTURE;
    case SL_E_NOMEM: return MEDIA_NO_MEMORY;
    default: return is_of_the_disk(rc) ? MEDIA_DISK : MEDIA_STORE;
    }
}

void media_leave_out(struct media *m, int rc, uint32_t records)
{
    m->stats.left_out[reason_of(rc)] += records;
}

void media_get_stats(const struct media *m, struct media_stats *out)
{
    *out = m->stats;
}

/* ---- serving ---- */

/* The name says what is in it: it never changes, and nobody needs to ask again. */
static void on_media(sl_request *r, void *user)
{
    const struct media *m = user;
    char path[FILES_PATH_SIZE];

    if (!files_path(sl_request_param(r, "name"), path)) {
        sl_answer_error(r, 404, "no such file");
        return;
    }
    (void)sl_request_set_header(r, "Cache-Control",
                                SL_STR("public, max-age=31536000, immutable"));
    (void)sl_request_set_header(r, "X-Content-Type-Options", SL_STR("nosniff"));
    sl_answer_file(r, m->root, sl_str_of(path));
}

const sl_route media_routes[MEDIA_ROUTES] = {
    SL_ROUTE(SL_GET, "/media/:name", SL_RIGHT_OPEN, on_media, NULL),
};

/* ---- life ---- */

/* Counting may take long where there is much: the loop must not wait for it. */
static void on_stop(struct stop_hook *h)
{
    struct media *m = LIST_ENTRY(h, struct media, on_stop);

    atomic_store(&m->is_stopping, true);
}

static int begin(struct media *m, sl_error *err)
{
    int rc = files_new(m->root, &m->files, err);

    if (rc < 0) return rc;
    rc = worker_pool_new(m->loop, THREADS, MEDIA_WAITING_MAX + 1, &m->pool);
    if (rc < 0) return sl_fail(err, rc, "media", "cannot start the threads for pictures");
    m->measuring = (struct job){.on_work = on_measure, .on_done = on_measured};
    m->refs++;
    rc = worker_submit(m->pool, &m->measuring);
    if (rc < 0) m->refs--; /* the pool is empty: nothing keeps it from taking one */
    return rc;
}

int media_open(sl_loop *loop, const char *data_dir, struct media **out, sl_error *err)
{
    struct media *m = sl__zalloc(sizeof *m);
    int rc;

    *out = NULL;
    if (m == NULL) return sl_fail(err, SL_E_NOMEM, "media", "out of memory");
    m->loop = loop;
    m->refs = 1;
    m->on_stop.on_stop = on_stop;
    sl__loop_add_stop_hook(loop, &m->on_stop);
    if (snprintf(m->root, sizeof m->root, "%s/media", data_dir) >= (int)sizeof m->root)
        rc = sl_fail(err, -ENAMETOOLONG, "", "the name of the data folder is too long");
    else
        rc = begin(m, err);
    if (rc < 0) {
        media_close(m);
        return rc;
    }
    *out = m;
    return 0;
}

void media_close(struct media *m)
{
    if (m == NULL) return;
    m->is_closed = true;
    atomic_store(&m->is_stopping, true);
    sl__loop_remove_stop_hook(&m->on_stop);
    worker_pool_free(m->pool);
    m->pool = NULL;
    drop(m);
}
