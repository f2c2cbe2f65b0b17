/* SPDX-License-Identifier: MIT */
/*
 * Files below a folder. A worker opens, looks and reads; the loop only sends.
 *
 *   loop:   sl_answer_file ─┐               ┌─► head and first piece ─► sent ─┐
 *   worker:                 └─► open, read ─┘   ┌────────── read the next ◄───┘
 *                                               └─► piece ─► sent ─► ... until all is there
 *
 * So a download holds one piece of memory, however large the file and slow the reader.
 */
#include "sluice/http.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "serve/answer.h"
#include "serve/file_open.h"
#include "serve/file_type.h"
#include "serve/http_conn.h"
#include "serve/represent.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PIECE_BYTES   (512u * 1024)
#define POOL_THREADS  2
#define POOL_WAITING  1024
#define PATH_SIZE     1024
#define FRESH_SECONDS 2 /* a file this young may still be written */

struct file_job {
    struct job job;
    struct body_source source;
    sl_request *request;
    sl_server *server;
    const struct file_type *type;
    struct representation rep;
    struct selection part;
    uint64_t left; /* bytes of the part that are not read yet */
    int fd;
    int rc;      /* of the last piece of work: 0 or -errno */
    bool busy;   /* a worker has it */
    bool begun;  /* the head is out */
    bool gone;   /* the connection is */
    bool slash;  /* asked for with a slash at the end: only a folder will do */
    bool folder; /* it is a folder with an index, asked for without the slash at the end */
    sl_buf *piece;
    char etag[ETAG_SIZE];
    char path[PATH_SIZE]; /* below root, terminated */
    char root[];
};

static void free_job(struct file_job *f)
{
    if (f->fd >= 0) close(f->fd);
    sl_buf_drop(f->piece);
    sl__free(f);
}

/* ---- on the worker ---- */

static void describe(struct file_job *f, const struct stat *st)
{
    struct timespec now;
    bool fresh;

    /*
     * Size, time of change and inode name the bytes, unless the file is written twice within
     * one tick of the file system's clock: while it is that young, the tag is a weak one.
     */
    clock_gettime(CLOCK_REALTIME, &now);
    fresh = now.tv_sec - st->st_mtim.tv_sec <= FRESH_SECONDS;
    snprintf(f->etag, sizeof f->etag, "%s\"%llx-%llx%08lx-%llx\"", fresh ? "W/" : "",
             (unsigned long long)st->st_size, (unsigned long long)st->st_mtim.tv_sec,
             (unsigned long)st->st_mtim.tv_nsec, (unsigned long long)st->st_ino);
    f->rep = (struct representation){
        .len = (uint64_t)st->st_size,
        .etag = sl_str_of(f->etag),
        .modified_s = st->st_mtim.tv_sec,
        .varies = f->type->packs,
    };
}

/* The twin counts only if it is not older than what it stands for. */
static void try_gzip(struct file_job *f, const struct stat *plain)
{
    char path[PATH_SIZE + 3];
    struct stat st;
    int fd;

    if (!f->type->packs || !represent_takes_gzip(f->request)) return;
    snprintf(path, sizeof path, "%s.gz", f->path);
    fd = file_open(f->root, path, &st);
    if (fd < 0) return;
    bool older = st.st_mtim.tv_sec < plain->st_mtim.tv_sec;
    if (!S_ISREG(st.st_mode) || older) {
        close(fd);
        return;
    }
    close(f->fd);
    f->fd = fd;
    describe(f, &st);
    f->rep.gzip = true;
}

static int open_index(struct file_job *f, struct stat *st)
{
    size_t len = strlen(f->path);
    int n = snprintf(f->path + len, sizeof f->path - len, "%sindex.html", len ? "/" : "");

    close(f->fd);
    f->fd = -1;
    if (n < 0 || (size_t)n >= sizeof f->path - len) return -ENAMETOOLONG;
    f->fd = file_open(f->root, f->path, st);
    f->folder = f->fd >= 0;
    return f->fd < 0 ? f->fd : 0;
}

static int open_file(struct file_job *f)
{
    struct stat st;
    int rc = 0;

    f->fd = file_open(f->root, f->path, &st);
    if (f->fd < 0) return f->fd;
    if (S_ISDIR(st.st_mode))
        rc = open_index(f, &st);
    else if (f->slash)
        rc = -ENOTDIR;
    if (rc < 0) return rc;
    if (!S_ISREG(st.st_mode)) return -ENOENT; /* devices and pipes are no files to us */
    f->type = file_type_of(sl_str_of(f->path));
    describe(f, &st);
    try_gzip(f, &st);
    return 0;
}

static int read_piece(struct file_job *f)
{
    size_t want = f->left < PIECE_BYTES ? (size_t)f->left : PIECE_BYTES;

    f->piece = sl_buf_new(0, want);
    if (f->piece == NULL) return -ENOMEM;
    while (f->piece->len < want) {
        off_t at = (off_t)(f->part.at + f->part.len - f->left);
        ssize_t n =
            pread(f->fd, sl__buf_data(f->piece) + f->piece->len, want - f->piece->len, at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? -errno : -EIO; /* shorter than it was: the rest is gone */
        f->piece->len += (size_t)n;
        f->left -= (size_t)n;
    }
    return 0;
}

static void on_work(struct job *j)
{
    struct file_job *f = LIST_ENTRY(j, struct file_job, job);

    if (!f->begun) {
        f->rc = open_file(f);
        if (f->rc < 0) return;
        represent(f->request, &f->rep, &f->part);
        if (sl_request_method(f->request) != SL_HEAD) f->left = f->part.len;
        if (f->left == 0) return;
    }
    f->rc = read_piece(f);
}

/* ---- on the loop ---- */

static void refuse_errno(sl_request *r, int rc)
{
    switch (-rc) {
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        refuse(r, 503, SL_STR("Retry-After: 1\r\n"), "too busy to open the file");
        break;
    case EIO: refuse(r, 500, (sl_str){0}, "the file could not be read"); break;
    /* what may not be read is not told from what is not there; what was said of the file, how
     * long to keep it for one, does not hold for that */
    default:
        lines_reset(&r->lines);
        refuse(r, 404, (sl_str){0}, "no such file");
        break;
    }
}

/* A relative reference: it cannot lead to another host, whatever the path holds. */
static void redirect_to_folder(sl_request *r)
{
    sl_str target = http1_text(r->head, r->head->target);
    size_t question = str_find_byte(target, '?'), slash = question;
    struct lines l = {0};

    while (slash > 0 && target.ptr[slash - 1] != '/')
        slash--;
    lines_add(&l, SL_STR("Location: ./"));
    lines_add(&l, str_part(target, slash, question - slash));
    lines_add(&l, SL_STR("/"));
    lines_add(&l, str_part(target, question, target.len));
    lines_add(&l, SL_STR("\r\n"));
    if (l.failed)
        refuse(r, 503, (sl_str){0}, "out of memory");
    else
        refuse(r, 301, lines_text(&l), "this is a folder: its address ends with a slash");
    lines_deinit(&l);
}

/* What is no 200 or 206. returns false if it is one of these */
static bool answer_short(struct file_job *f, sl_str lines)
{
    sl_request *r = f->request;

    switch (f->part.status) {
    case 304: answer_send(r, &(struct answer){.status = 304, .lines = lines}); return true;
    case 412: refuse(r, 412, lines, "the file has changed"); return true;
    case 416:
        refuse(r, 416, lines, "the range lies behind the end: there are %llu bytes",
               (unsigned long long)f->rep.len);
        return true;
    default: return false;
    }
}

static void send_begin(struct file_job *f, sl_str lines)
{
    struct answer a = {
        .status = f->part.status,
        .type = f->type->type,
        .lines = lines,
        .length = f->part.len,
    };
    int rc;

    if (f->piece != NULL) a.ref = (sl_slice){f->piece, sl_buf_str(f->piece)};
    f->begun = true;
    if (f->left > 0 && f->request->conn != NULL)
        http_conn_set_source(f->request->conn, &f->source);
    rc = answer_begin(f->request, &a);
    if (f->left > 0 && rc == 0) return; /* on_room goes on */
    answer_end(f->request);
    free_job(f);
}

static void begin(struct file_job *f)
{
    sl_request *r = f->request;
    struct lines lines = {0};

    if (f->rc < 0) {
        refuse_errno(r, f->rc);
        free_job(f);
        return;
    }
    if (f->folder && r->path.len > 0 && r->path.ptr[r->path.len - 1] != '/') {
        redirect_to_folder(r);
        free_job(f);
        return;
    }
    represent_put(&lines, &f->rep, &f->part);
    if (lines.failed) {
        refuse_errno(r, -ENOMEM);
        free_job(f);
    } else if (answer_short(f, lines_text(&lines))) {
        free_job(f);
    } else {
        send_begin(f, lines_text(&lines));
    }
    lines_deinit(&lines);
}

static void send_next(struct file_job *f)
{
    int rc = f->rc < 0 ? SL_E_CLOSED : answer_piece(f->request, f->piece);

    if (rc < 0) {
        answer_abort(f->request, rc); /* the length was promised: the peer must see the cut */
        free_job(f);
    } else if (f->left == 0) {
        answer_end(f->request);
        free_job(f);
    }
}

static void on_done(struct job *j, int rc)
{
    struct file_job *f = LIST_ENTRY(j, struct file_job, job);

    f->busy = false;
    if (rc < 0) f->rc = -EMFILE; /* the pool is ending: nothing was read */
    if (f->gone || f->request->conn == NULL) {
        answer_end(f->request);
        free_job(f);
    } else if (!f->begun) {
        begin(f);
    } else {
        send_next(f);
    }
}

static int submit(struct file_job *f)
{
    sl_buf_drop(f->piece);
    f->piece = NULL;
    int rc = worker_submit(f->server->files, &f->job);
    f->busy = rc == 0;
    return rc;
}

static void on_room(struct body_source *b)
{
    struct file_job *f = LIST_ENTRY(b, struct file_job, source);
    int rc;

    if (f->busy) return;
    rc = submit(f);
    if (rc == 0) return;
    answer_abort(f->request, rc);
    free_job(f);
}

static void on_source_gone(struct body_source *b)
{
    struct file_job *f = LIST_ENTRY(b, struct file_job, source);

    f->gone = true;
    if (f->busy) return; /* on_done will see it */
    answer_end(f->request);
    free_job(f);
}

/* ---- beginning ---- */

/* One slash in front is a path's way of beginning, one behind says that a folder is meant. */
static bool take_path(struct file_job *f, sl_str path)
{
    if (path.len > 0 && path.ptr[0] == '/') path = str_part(path, 1, path.len);
    f->slash = path.len > 0 && path.ptr[path.len - 1] == '/';
    if (f->slash) path.len--;
    if (path.len > 0 && !file_path_is_safe(path)) return false;
    return str_to_cstr(path, f->path, sizeof f->path);
}

static struct file_job *new_job(sl_request *r, const char *root)
{
    size_t len = strlen(root) + 1;
    struct file_job *f = sl__alloc(sizeof *f + len);

    if (f == NULL) return NULL;
    *f = (struct file_job){
        .job = {.on_work = on_work, .on_done = on_done       },
        .source = {.on_room = on_room, .on_gone = on_source_gone},
        .request = r,
        .server = r->server,
        .fd = -1,
    };
    memcpy(f->root, root, len);
    return f;
}

void sl_answer_file(sl_request *r, const char *root, sl_str path)
{
    struct file_job *f;

    if (!answer_claim(r)) return;
    if (r->conn == NULL) { /* and the server may be no more */
        answer_end(r);
        return;
    }
    if (r->server->files == NULL
        && worker_pool_new(r->server->loop, POOL_THREADS, POOL_WAITING, &r->server->files)
               < 0) {
        refuse_errno(r, -ENOMEM);
        return;
    }
    f = new_job(r, root);
    if (f == NULL) {
        refuse_errno(r, -ENOMEM);
    } else if (!take_path(f, path)) {
        refuse_errno(r, -ENOENT);
        free_job(f);
    } else if (submit(f) < 0) {
        refuse_errno(r, -EMFILE);
        free_job(f);
    }
}
