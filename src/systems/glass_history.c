/* SPDX-License-Identifier: MIT */
/* What GET /defects and its kin read, on a query's thread. */
#include "systems/glass_shapes.h"
#include "systems/glass_store.h"

#include <stdio.h>
#include <time.h>

#define PAGE_LIMIT     50 /* rows, unless asked otherwise */
#define PAGE_LIMIT_MAX 1000

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

static void put_text(sl_json_out *out, const char *key, const struct stmt *s, int i)
{
    sl_out_key(out, key);
    if (stmt_is_null(s, i))
        sl_out_null(out);
    else
        sl_out_str(out, stmt_str(s, i));
}

static void put_time(sl_json_out *out, const char *key, int64_t us)
{
    char text[TIMESTAMPTZ_SIZE];

    sl_out_key(out, key);
    sl_out_str(out, sl_str_of(timestamptz((struct wall){us}, text)));
}

void glass_put_place(sl_json_out *out, sl_str base_url, sl_str path)
{
    char place[BASE_URL_SIZE + IMAGE_PLACE_MAX + 1];

    snprintf(place, sizeof place, "%.*s%.*s", (int)base_url.len, base_url.ptr, (int)path.len,
             path.ptr);
    sl_out_key(out, "image_url");
    sl_out_str(out, sl_str_of(place));
}

void glass_put_row(sl_json_out *out, const struct stmt *s, sl_str base_url)
{
    sl_out_object(out);
    put_text(out, "id", s, 0);
    put_text(out, "device_id", s, 1);
    put_text(out, "defect_type", s, 2);
    put_time(out, "detected_at", stmt_i64(s, 3));
    if (stmt_is_null(s, 11))
        put_text(out, "image_url", s, 4);
    else
        glass_put_place(out, base_url, stmt_str(s, 4));
    put_text(out, "image_path", s, 5);
    put_text(out, "image_source", s, 11);
    put_text(out, "status", s, 6);
    sl_out_key(out, "confidence");
    if (stmt_is_null(s, 7))
        sl_out_null(out);
    else
        sl_out_f64(out, stmt_f64(s, 7));
    put_text(out, "notes", s, 8);
    put_time(out, "created_at", stmt_i64(s, 9));
    put_time(out, "updated_at", stmt_i64(s, 10));
    sl_out_end(out);
}

/* ---- a page ---- */

enum { PAGE_DEVICE, PAGE_STATUS, PAGE_ROWS, PAGE_OFFSET };

/* Rows by device, type and status with their number: n, counted or to be counted. */
#define COUNTS                                                                            \
    "(SELECT device_id, defect_type, status, n FROM glass_count"                          \
    " UNION ALL SELECT coalesce(device_id, ''), defect_type, status, 1 FROM glass_defect" \
    "  WHERE " UNSETTLED ")"

/* How many there are of a device, of a status, of both or of all. */
static int count(struct db *db, sl_str device, sl_str status, int64_t *out)
{
    struct stmt *s = db_stmt(db, "SELECT coalesce(sum(n), 0) FROM " COUNTS
                                 " WHERE (?1 IS NULL OR device_id = ?1)"
                                 " AND (?2 IS NULL OR status = ?2)");
    int rc;

    if (s == NULL) return db_fail(db, NULL);
    if (device.ptr != NULL) stmt_bind_str(s, 1, device);
    if (status.ptr != NULL) stmt_bind_str(s, 2, status);
    rc = stmt_step(s);
    if (rc > 0) *out = stmt_i64(s, 0);
    stmt_reset(s);
    return rc < 0 ? rc : 0;
}

/* Which rows: of the settled ones their keys, in order; merged with those that are not. Then
 * only what is shown is read. */
#define BY_DEVICE        "SELECT k.detected_at, k.seq FROM glass_by_device k"
#define BY_STATUS        "SELECT k.detected_at, k.seq FROM glass_by_status k"
#define AND_ITS_ROW      " CROSS JOIN glass_defect d ON d.seq = k.seq"
#define OF_STATUS(which) BY_STATUS " WHERE k.status = " which
#define PAGE(settled, which)                                                           \
    "SELECT " DEFECT_COLUMNS " FROM (" settled                                         \
    " UNION ALL SELECT detected_at, seq FROM glass_defect WHERE " UNSETTLED which      \
    " ORDER BY detected_at DESC, seq DESC LIMIT ?1 OFFSET ?2) k"                       \
    " CROSS JOIN glass_defect d ON d.seq = k.seq CROSS JOIN record r ON r.seq = k.seq" \
    " ORDER BY k.detected_at DESC, k.seq DESC"

/* With two conditions along the rarer one's keys. */
static struct stmt *page_of(struct db *db, sl_str device, sl_str status, bool device_is_rarer)
{
    if (device.ptr == NULL && status.ptr == NULL) {
        return db_stmt(db, PAGE(OF_STATUS("'pending'") " UNION ALL " OF_STATUS(
                                    "'reviewed'") " UNION ALL " OF_STATUS("'resolved'"),
                                ""));
    }
    if (status.ptr == NULL) {
        return db_stmt(db, PAGE(BY_DEVICE " WHERE k.device_id = ?3", " AND device_id = ?3"));
    }
    if (device.ptr == NULL) return db_stmt(db, PAGE(OF_STATUS("?4"), " AND status = ?4"));
    if (device_is_rarer) {
        return db_stmt(db,
                       PAGE(BY_DEVICE AND_ITS_ROW " WHERE k.device_id = ?3 AND d.status = ?4",
                            " AND device_id = ?3 AND status = ?4"));
    }
    return db_stmt(db, PAGE(BY_STATUS AND_ITS_ROW " WHERE k.status = ?4 AND d.device_id = ?3",
                            " AND device_id = ?3 AND status = ?4"));
}

static int put_page(struct db *db, const struct ask *ask, int64_t total, sl_json_out *out)
{
    sl_str device = ask->text[PAGE_DEVICE], status = ask->text[PAGE_STATUS];
    int64_t n = ask->number[PAGE_ROWS], offset = ask->number[PAGE_OFFSET];
    int64_t of_device = 0, of_status = 0;
    struct stmt *s;
    int rc = 0;

    if (offset >= total) return 0;
    if (n > total - offset) n = total - offset; /* no search for more than there are */
    if (device.ptr != NULL && status.ptr != NULL) {
        rc = count(db, device, (sl_str){0}, &of_device);
        if (rc == 0) rc = count(db, (sl_str){0}, status, &of_status);
        if (rc < 0) return rc;
    }
    s = page_of(db, device, status, of_device <= of_status);
    if (s == NULL) return db_fail(db, NULL);
    stmt_bind_i64(s, 1, n);
    stmt_bind_i64(s, 2, offset);
    if (device.ptr != NULL) stmt_bind_str(s, 3, device);
    if (status.ptr != NULL) stmt_bind_str(s, 4, status);
    while ((rc = stmt_step(s)) > 0)
        glass_put_row(out, s, ask->base_url);
    return rc;
}

static int read_page(struct db *db, const struct ask *ask, sl_json_out *out)
{
    int64_t total = 0;
    int rc = count(db, ask->text[PAGE_DEVICE], ask->text[PAGE_STATUS], &total);

    if (rc < 0) return rc;
    sl_out_object(out);
    sl_out_key(out, "data");
    sl_out_array(out);
    rc = put_page(db, ask, total, out);
    sl_out_end(out);
    sl_out_key(out, "pagination");
    sl_out_object(out);
    sl_out_key(out, "total");
    sl_out_i64(out, total);
    sl_out_key(out, "limit");
    sl_out_i64(out, ask->number[PAGE_ROWS]);
    sl_out_key(out, "offset");
    sl_out_i64(out, ask->number[PAGE_OFFSET]);
    sl_out_end(out);
    sl_out_end(out);
    return rc;
}

/* ---- one row; sums ---- */

static int read_one(struct db *db, const struct ask *ask, sl_json_out *out)
{
    struct stmt *s =
        db_stmt(db, "SELECT " DEFECT_COLUMNS " FROM " DEFECT_TABLES " WHERE d.seq = ?");
    int64_t seq;
    int rc;

    if (s == NULL) return db_fail(db, NULL);
    rc = record_find(db, ask->text[0], &seq);
    if (rc <= 0) return rc < 0 ? rc : SL_E_NOT_FOUND;
    stmt_bind_i64(s, 1, seq);
    rc = stmt_step(s);
    if (rc > 0) glass_put_row(out, s, ask->base_url);
    stmt_reset(s);
    return rc == 0 ? SL_E_NOT_FOUND : rc < 0 ? rc : 0;
}

static int put_sums(struct stmt *s, const char *key, sl_json_out *out)
{
    int rc;

    sl_out_key(out, key);
    sl_out_object(out);
    while ((rc = stmt_step(s)) > 0) {
        char name[2048];
        sl_str text = stmt_str(s, 0);

        if (text.ptr == NULL || text.len >= sizeof name) continue; /* damaged */
        if (memchr(text.ptr, 0, text.len) != NULL) continue;
        memcpy(name, text.ptr, text.len);
        name[text.len] = '\0';
        sl_out_key(out, name);
        sl_out_i64(out, stmt_i64(s, 1));
    }
    sl_out_end(out);
    return rc;
}

static int read_summary(struct db *db, const struct ask *ask, sl_json_out *out)
{
    int64_t total = 0;
    struct stmt *s;
    int rc = count(db, (sl_str){0}, (sl_str){0}, &total);

    (void)ask;
    if (rc < 0) return rc;
    sl_out_object(out);
    sl_out_key(out, "totalDefects");
    sl_out_i64(out, total);
    s = db_stmt(db, "SELECT defect_type, sum(n) FROM " COUNTS " GROUP BY 1 ORDER BY 1");
    if (s == NULL) return db_fail(db, NULL);
    rc = put_sums(s, "byType", out);
    if (rc < 0) return rc;
    s = db_stmt(db, "SELECT status, sum(n) FROM " COUNTS " GROUP BY 1 ORDER BY 1");
    if (s == NULL) return db_fail(db, NULL);
    rc = put_sums(s, "byStatus", out);
    sl_out_end(out);
    return rc;
}

/* clang-format off */
static const struct query_param page_params[] = {
    /* name, is it a number, usual, at most */
    [PAGE_DEVICE] = {"deviceId"},
    [PAGE_STATUS] = {"status"},
    [PAGE_ROWS]   = {"limit", true, PAGE_LIMIT, PAGE_LIMIT_MAX},
    [PAGE_OFFSET] = {"offset", true, 0, INT64_MAX},
};
/* clang-format on */
static const struct query_param one_params[] = {{"id"}};

const struct query glass_queries[GLASS_QUERIES] = {
    {"/defects",               SL_RIGHT_OPEN, read_page,    page_params, 4, NULL              },
    {"/defects/:id",           SL_RIGHT_OPEN, read_one,     one_params,  1, "Defect not found"},
    {"/defects/stats/summary", SL_RIGHT_OPEN, read_summary, NULL,        0, NULL              },
};
