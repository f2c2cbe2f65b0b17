/* SPDX-License-Identifier: MIT */
#include "systems/glass_store.h"

#include "base/alloc.h"

#include <stdio.h>
#include <time.h>

const char *const glass_steps[GLASS_STEPS] = {
    "CREATE TABLE glass_defect("
    "  seq INTEGER PRIMARY KEY REFERENCES record(seq),"
    "  id TEXT NOT NULL UNIQUE,"
    "  device_id TEXT,"
    "  defect_type TEXT NOT NULL,"
    "  detected_at INTEGER NOT NULL," /* microseconds since 1970 */
    "  confidence REAL,"
    "  status TEXT NOT NULL DEFAULT 'pending'"
    "    CHECK(status IN ('pending', 'reviewed', 'resolved')),"
    "  created_at INTEGER NOT NULL);"
    "CREATE INDEX glass_defect_detected_at ON glass_defect(detected_at);",
};

const char *timestamptz(struct wall at, char buf[TIMESTAMPTZ_SIZE])
{
    int64_t s = at.us / 1000000, us = at.us % 1000000;
    struct tm tm;
    time_t t;
    size_t n;

    if (us < 0) {
        us += 1000000;
        s--;
    }
    t = (time_t)s;
    gmtime_r(&t, &tm);
    n = strftime(buf, TIMESTAMPTZ_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buf + n, TIMESTAMPTZ_SIZE - n, ".%06d+00:00", (int)us);
    return buf;
}

/* ---- writing: on the journal's thread ---- */

/*
 * The text of a string value; of any other value what was written. `room` receives an
 * unescaped copy where one is needed: the caller frees it.
 */
static int text_of(sl_value v, sl_str *out, char **room)
{
    sl_str raw;
    int64_t len;

    *out = sl_value_raw(v);
    if (!sl_value_str(v, &raw)) return 0;
    *out = raw;
    if (raw.len == 0 || memchr(raw.ptr, '\\', raw.len) == NULL) return 0;
    *room = sl__alloc(raw.len);
    if (*room == NULL) return SL_E_NOMEM;
    len = sl_json_unescape(raw, *room);
    if (len >= 0) *out = (sl_str){*room, (size_t)len}; /* a lone surrogate: as it was written */
    return 0;
}

static int insert(struct db *tx, const struct record *r, const struct outcome *out,
                  sl_str defect_type, sl_value confidence)
{
    struct stmt *s = db_stmt(tx, "INSERT INTO glass_defect(seq, id, device_id, defect_type,"
                                 " detected_at, confidence, created_at)"
                                 " VALUES(?, ?, ?, ?, ?, ?, ?)");
    double score;

    if (s == NULL) return db_fail(tx, NULL);
    stmt_bind_i64(s, 1, out->seq);
    stmt_bind_str(s, 2, (sl_str){r->id, RECORD_ID_SIZE - 1});
    stmt_bind_str(s, 3, r->device);
    stmt_bind_str(s, 4, defect_type.len > 0 ? defect_type : SL_STR("unknown"));
    stmt_bind_i64(s, 5, r->has_device_at ? r->device_at.us : r->hub_at.us);
    if (sl_value_f64(confidence, &score)) stmt_bind_f64(s, 6, score);
    stmt_bind_i64(s, 7, r->hub_at.us);
    return stmt_run(s);
}

static int apply_detection(struct db *tx, const struct record *r, struct outcome *out)
{
    sl_json doc = {0};
    sl_str defect_type = {0};
    char *room = NULL;
    sl_value root;
    int rc = sl_json_read(&doc, r->body, NULL, NULL, NULL);

    if (rc < 0) goto done;
    root = sl_json_root(&doc);
    rc = text_of(sl_value_get(root, SL_STR("defect_type")), &defect_type, &room);
    if (rc < 0) goto done;
    rc = insert(tx, r, out, defect_type, sl_value_get(root, SL_STR("confidence")));
done:
    sl__free(room);
    sl_json_deinit(&doc);
    return rc;
}

const struct record_kind glass_detection = {"glass", "detection", .apply = apply_detection};

/* ---- reading: on a query thread ---- */

static void put_str(sl_json_out *out, const char *key, sl_str text)
{
    sl_out_key(out, key);
    if (text.ptr == NULL) {
        sl_out_null(out);
    } else {
        sl_out_str(out, text);
    }
}

static void put_time(sl_json_out *out, const char *key, int64_t us)
{
    char text[TIMESTAMPTZ_SIZE];

    put_str(out, key, sl_str_of(timestamptz((struct wall){us}, text)));
}

static void put_row(sl_json_out *out, const struct stmt *s)
{
    sl_out_object(out);
    put_str(out, "id", stmt_str(s, 0));
    put_str(out, "device_id", stmt_str(s, 1));
    put_str(out, "defect_type", stmt_str(s, 2));
    put_time(out, "detected_at", stmt_i64(s, 3));
    sl_out_key(out, "confidence");
    if (stmt_is_null(s, 4)) {
        sl_out_null(out);
    } else {
        sl_out_f64(out, stmt_f64(s, 4));
    }
    put_str(out, "status", stmt_str(s, 5));
    put_time(out, "created_at", stmt_i64(s, 6));
    sl_out_end(out);
}

static int put_rows(struct db *db, sl_json_out *out, const struct defect_page *page)
{
    struct stmt *s = db_stmt(db, "SELECT id, device_id, defect_type, detected_at, confidence,"
                                 " status, created_at FROM glass_defect"
                                 " ORDER BY detected_at DESC, seq DESC LIMIT ? OFFSET ?");
    int rc;

    if (s == NULL) return db_fail(db, NULL);
    stmt_bind_i64(s, 1, page->limit);
    stmt_bind_i64(s, 2, page->offset);
    while ((rc = stmt_step(s)) > 0)
        put_row(out, s);
    return rc;
}

static void put_pagination(sl_json_out *out, const struct defect_page *page, int64_t total)
{
    sl_out_key(out, "pagination");
    sl_out_object(out);
    sl_out_key(out, "total");
    sl_out_i64(out, total);
    sl_out_key(out, "limit");
    sl_out_i64(out, page->limit);
    sl_out_key(out, "offset");
    sl_out_i64(out, page->offset);
    sl_out_end(out);
}

int glass_read_defects(struct db *db, sl_json_out *out, const void *arg)
{
    const struct defect_page *page = arg;
    struct stmt *s = db_stmt(db, "SELECT count(*) FROM glass_defect");
    int64_t total;
    int rc;

    if (s == NULL) return db_fail(db, NULL);
    rc = stmt_step(s);
    if (rc < 0) return rc;
    total = stmt_i64(s, 0);
    stmt_reset(s);

    sl_out_object(out);
    sl_out_key(out, "data");
    sl_out_array(out);
    rc = put_rows(db, out, page);
    sl_out_end(out);
    put_pagination(out, page, total);
    sl_out_end(out);
    return rc;
}
