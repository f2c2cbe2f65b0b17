/* SPDX-License-Identifier: MIT */
#include "systems/glass_pictures.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "systems/glass_store.h"

#include <stdio.h>

#define SHOTS    2 /* the newest, and the one before for what was on its way when it came */
#define URL_SIZE 64

/*
 *   TAKEN ──(first commit)──► WRITING ──► KEPT: its detections are told, again and again
 *                                    └──► LOST
 */
enum shot_state { SHOT_NONE, SHOT_TAKEN, SHOT_WRITING, SHOT_KEPT, SHOT_LOST };

struct shot {
    struct shots *owner;
    uint64_t number;
    enum shot_state state;
    struct wall at, begun; /* when the frame came; when it was taken */
    sl_buf *buf;           /* TAKEN: holds `text`, the frame */
    sl_str text;
    int rc; /* LOST: why */
    char url[URL_SIZE];
    uint32_t given;   /* detections that it was promised to */
    uint32_t telling; /* of these, in a record on its way */
    uint32_t waiting; /* of these, in `seq` */
    int64_t seq[PICTURE_DETECTIONS_MAX];
};

/* A camera's; made with its first detection that has a picture. */
struct shots {
    struct glass *g;
    struct camera *cam;
    uint64_t last_number;
    uint32_t newest;
    struct shot shot[SHOTS];
};

static bool is_within(struct wall from, struct wall now, int64_t us)
{
    int64_t passed = now.us - from.us;

    return passed >= 0 && passed <= us; /* the clock may have been set back */
}

/* ---- the record: on the journal's thread ---- */

static int put_picture(struct db *tx, const struct record *r, sl_str url, int64_t seq,
                       struct outcome *out)
{
    struct stmt *s =
        db_stmt(tx, "UPDATE glass_defect SET image_url = ?1, image_source = 'stream',"
                    " updated_at = ?2 WHERE seq = ?3 AND device_id = ?4 AND image_url IS NULL"
                    " AND awaits_row");
    int64_t before = db_changes(tx);
    int rc;

    if (s == NULL) return db_fail(tx, NULL);
    stmt_bind_str(s, 1, url);
    stmt_bind_i64(s, 2, r->hub_at.us);
    stmt_bind_i64(s, 3, seq);
    stmt_bind_str(s, 4, r->device);
    rc = stmt_run(s);
    if (rc < 0 || db_changes(tx) == before) return rc;
    outcome_refer(out, OUTCOME_MERGED, seq, (sl_str){"", 0});
    return glass_put_row_of(tx, seq, &out->text);
}

/* Rows that are gone, or have a picture of their own by now, stay as they are. */
static int decide_picture(struct db *tx, const struct record *r, struct outcome *out)
{
    sl_json doc = {0};
    sl_value list, root;
    sl_str url, key;
    int64_t seq;
    int rc = sl_json_read(&doc, r->body, NULL, NULL, NULL);

    if (rc < 0) goto done;
    root = sl_json_root(&doc);
    list = sl_value_get(root, SL_STR("seqs"));
    if (!sl_value_str(sl_value_get(root, SL_STR("url")), &url)) url = (sl_str){0};
    outcome_refer(out, OUTCOME_DUPLICATE, 0, (sl_str){"", 0});
    sl_out_array(&out->text);
    for (sl_value v = sl_value_first(list, &key); rc == 0 && sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(list, v, &key)) {
        rc = sl_value_i64(v, &seq) ? put_picture(tx, r, url, seq, out) : SL_E_JSON;
    }
    sl_out_end(&out->text);
done:
    sl_json_deinit(&doc);
    return rc < 0 ? rc : out->text.rc;
}

const struct record_kind glass_picture = {"glass", "picture", .decide = decide_picture};

/* ---- telling the rows ---- */

static void leave_out(struct shot *s, int rc, uint32_t n)
{
    if (n > 0) hub_leave_out_pictures(s->owner->g->hub, rc, n);
}

static struct record *make_record(const struct shot *s)
{
    sl_json_out out = {0};
    struct record *r = NULL;

    sl_out_object(&out);
    sl_out_key(&out, "url");
    sl_out_str(&out, sl_str_of(s->url));
    sl_out_key(&out, "seqs");
    sl_out_array(&out);
    for (uint32_t i = 0; i < s->waiting; i++)
        sl_out_i64(&out, s->seq[i]);
    sl_out_end(&out);
    sl_out_end(&out);
    if (out.rc == 0)
        r = record_new(&glass_picture, camera_id(s->owner->cam), sl_out_text(&out));
    sl_out_deinit(&out);
    return r;
}

/* The page sees each row again, with its picture. */
static void announce_rows(const struct shot *s, sl_str rows)
{
    sl_json doc = {0};
    sl_value list;
    sl_str key;

    if (sl_json_read(&doc, rows, NULL, NULL, NULL) == 0) {
        list = sl_json_root(&doc);
        for (sl_value v = sl_value_first(list, &key); sl_value_type(v) != SL_JSON_NONE;
             v = sl_value_next(list, v, &key)) {
            hub_live_event(s->owner->g->hub, "glass", "defect", camera_id(s->owner->cam),
                           sl_value_raw(v));
        }
    }
    sl_json_deinit(&doc);
}

static void tell(struct shot *s);

static void on_told(struct record *r, const struct outcome *out)
{
    struct shot *s = r->user;
    uint32_t n = s->telling;

    s->telling = 0;
    if (out->kind == OUTCOME_FAILED) leave_out(s, out->rc, n);
    if (hub_is_stopping(s->owner->g->hub)) return;
    if (out->kind == OUTCOME_MERGED) announce_rows(s, sl_out_text(&out->text));
    tell(s);
}

/* One record at a time: what is stored meanwhile goes with the next one. */
static void tell(struct shot *s)
{
    struct record *r;
    int rc = SL_E_NOMEM;

    if (s->waiting == 0 || s->telling > 0) return;
    r = make_record(s);
    if (r != NULL) {
        r->on_done = on_told;
        r->user = s;
        rc = hub_append(s->owner->g->hub, r, NULL);
    }
    if (rc < 0) {
        record_free(r);
        leave_out(s, rc, s->waiting);
    } else {
        s->telling = s->waiting;
    }
    s->waiting = 0;
}

/* ---- the file ---- */

static void lose(struct shot *s, int rc)
{
    s->state = SHOT_LOST;
    s->rc = rc;
    leave_out(s, rc, s->waiting);
    s->waiting = 0;
}

static void on_kept(void *user, sl_str url, int rc)
{
    struct shot *s = user;

    if (rc == 0 && url.len >= sizeof s->url) rc = SL_E_TOO_BIG;
    if (rc < 0) {
        lose(s, rc);
        return;
    }
    s->state = SHOT_KEPT;
    snprintf(s->url, sizeof s->url, "%.*s", (int)url.len, url.ptr);
    tell(s);
}

static void let_go(struct shot *s)
{
    s->owner->g->picture_bytes -= s->text.len;
    sl_buf_drop(s->buf);
    s->buf = NULL;
    s->text = (sl_str){0};
}

static void write_file(struct shot *s)
{
    int rc = hub_keep_picture(s->owner->g->hub, s->buf, s->text, on_kept, s);

    let_go(s);
    if (rc == 0)
        s->state = SHOT_WRITING;
    else
        lose(s, rc);
}

/* ---- shots ---- */

static struct shots *get_shots(struct glass *g, struct camera *cam)
{
    if (cam->shots != NULL) return cam->shots;
    cam->shots = sl__zalloc(sizeof *cam->shots);
    if (cam->shots == NULL) return NULL;
    cam->shots->g = g;
    cam->shots->cam = cam;
    for (int i = 0; i < SHOTS; i++)
        cam->shots->shot[i].owner = cam->shots;
    return cam->shots;
}

/* It may still be needed: for rows that do not have it yet, for commits that may still come. */
static bool is_busy(const struct shot *s, struct wall now)
{
    switch (s->state) {
    case SHOT_WRITING: return true;
    case SHOT_TAKEN: return is_within(s->begun, now, PICTURE_FRESH_US);
    default: return s->telling > 0;
    }
}

static uint64_t take_shot(struct shots *p, struct shot *s, sl_buf *buf, sl_str text,
                          struct wall at, struct wall now)
{
    if (s->buf != NULL) let_go(s);
    s->number = ++p->last_number;
    s->state = SHOT_TAKEN;
    s->at = at;
    s->begun = now;
    s->buf = sl_buf_hold(buf);
    s->text = text;
    s->given = 0;
    p->newest = (uint32_t)(s - p->shot);
    p->g->picture_bytes += text.len;
    return s->number;
}

static uint64_t refuse(struct glass *g, int rc)
{
    hub_leave_out_pictures(g->hub, rc, 1);
    return 0;
}

uint64_t shots_take(struct glass *g, struct camera *cam, struct wall now)
{
    struct shots *p = cam->shots;
    struct shot *newest = p != NULL ? &p->shot[p->newest] : NULL, *next;
    bool is_early = newest != NULL && is_within(newest->begun, now, PICTURE_APART_US - 1);
    struct wall at;
    sl_str text;
    sl_buf *buf;

    /* within the second no other is written, though a newer frame may have come */
    if (is_early && is_within(newest->at, now, PICTURE_FRESH_US)) return newest->number;
    if (cam->stream == NULL || !stream_frame(cam->stream, &buf, &text, &at)
        || !is_within(at, now, PICTURE_FRESH_US)) {
        return 0;
    }
    if (is_early) return refuse(g, SL_E_LIMIT);
    if (newest != NULL && newest->state != SHOT_LOST && newest->at.us == at.us
        && newest->given < PICTURE_DETECTIONS_MAX) {
        return newest->number; /* no other frame has come */
    }
    p = get_shots(g, cam);
    if (p == NULL) return refuse(g, SL_E_NOMEM);
    next = &p->shot[(p->newest + 1) % SHOTS];
    if (is_busy(next, now)) {
        if (newest != NULL && is_within(newest->at, now, PICTURE_FRESH_US))
            return newest->number;
        return refuse(g, SL_E_FULL);
    }
    if (text.len > PICTURE_TEXT_MAX - g->picture_bytes) return refuse(g, SL_E_FULL);
    return take_shot(p, next, buf, text, at, now);
}

static struct shot *find_shot(struct camera *cam, uint64_t number)
{
    for (int i = 0; number != 0 && cam->shots != NULL && i < SHOTS; i++) {
        if (cam->shots->shot[i].number == number) return &cam->shots->shot[i];
    }
    return NULL;
}

void shots_attach(struct glass *g, struct camera *cam, uint64_t shot, int64_t last, uint32_t n)
{
    struct shot *s = find_shot(cam, shot);
    uint32_t room;

    if (s == NULL || s->state == SHOT_LOST) { /* none: it took longer than two shots */
        hub_leave_out_pictures(g->hub, s != NULL ? s->rc : SL_E_FULL, n);
        return;
    }
    room = PICTURE_DETECTIONS_MAX - s->given;
    if (n > room) leave_out(s, SL_E_LIMIT, n - room);
    for (uint32_t i = 0; i < n && i < room; i++, s->given++)
        s->seq[s->waiting++] = last - n + 1 + i;
    if (s->state == SHOT_TAKEN) write_file(s);
    if (s->state == SHOT_KEPT) tell(s);
}

void shots_stop(struct glass *g)
{
    struct camera *cam;

    if (g->cameras.by_id == NULL) return;
    for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;) {
        if (cam->shots == NULL) continue;
        for (int k = 0; k < SHOTS; k++) {
            if (cam->shots->shot[k].buf != NULL) let_go(&cam->shots->shot[k]);
        }
        sl__free(cam->shots);
        cam->shots = NULL;
    }
}
