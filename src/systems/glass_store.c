/* SPDX-License-Identifier: MIT */
#include "systems/glass_store.h"

#include "systems/glass_cameras.h"
#include "systems/glass_shapes.h"

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

    /* updated_at: NULL until then. awaits_row: the device will insert it as well, contract 5.4
     */
    "ALTER TABLE glass_defect ADD COLUMN image_url TEXT;"
    "ALTER TABLE glass_defect ADD COLUMN image_path TEXT;"
    "ALTER TABLE glass_defect ADD COLUMN notes TEXT;"
    "ALTER TABLE glass_defect ADD COLUMN updated_at INTEGER;"
    "ALTER TABLE glass_defect ADD COLUMN awaits_row INTEGER NOT NULL DEFAULT 1;"
    "CREATE INDEX glass_defect_device ON glass_defect(device_id, detected_at);"
    "CREATE INDEX glass_defect_status ON glass_defect(status, detected_at);"
    "CREATE TABLE glass_count("
    "  device_id TEXT NOT NULL,"
    "  defect_type TEXT NOT NULL,"
    "  status TEXT NOT NULL,"
    "  n INTEGER NOT NULL,"
    "  PRIMARY KEY(device_id, defect_type, status)) WITHOUT ROWID;"
    "INSERT INTO glass_count SELECT coalesce(device_id, ''), defect_type, status, count(*)"
    "  FROM glass_defect GROUP BY 1, 2, 3;"
    "CREATE TRIGGER glass_count_delete AFTER DELETE ON glass_defect BEGIN"
    "  UPDATE glass_count SET n = n - 1 WHERE device_id = coalesce(OLD.device_id, '')"
    "    AND defect_type = OLD.defect_type AND status = OLD.status;"
    "  DELETE FROM glass_count WHERE device_id = coalesce(OLD.device_id, '')"
    "    AND defect_type = OLD.defect_type AND status = OLD.status AND n = 0;"
    " END;"
    "CREATE TRIGGER glass_count_update AFTER UPDATE OF device_id, defect_type, status"
    "  ON glass_defect WHEN OLD.device_id IS NOT NEW.device_id"
    "    OR OLD.defect_type <> NEW.defect_type OR OLD.status <> NEW.status BEGIN"
    "  UPDATE glass_count SET n = n - 1 WHERE device_id = coalesce(OLD.device_id, '')"
    "    AND defect_type = OLD.defect_type AND status = OLD.status;"
    "  DELETE FROM glass_count WHERE device_id = coalesce(OLD.device_id, '')"
    "    AND defect_type = OLD.defect_type AND status = OLD.status AND n = 0;"
    "  INSERT INTO glass_count"
    "    VALUES(coalesce(NEW.device_id, ''), NEW.defect_type, NEW.status, 1)"
    "    ON CONFLICT DO UPDATE SET n = n + 1;"
    " END;",

    /*
     * What a row costs when it comes is all that matters here: ids are found by their number
     * (record_find); a row gets into counts and keys with some hundreds of others, when it
     * is settled. Sixteen devices had sixteen pages of one index to write with every batch.
     */
    "DROP TRIGGER glass_count_delete;"
    "DROP TRIGGER glass_count_update;"
    "CREATE TABLE glass_defect_new("
    "  seq INTEGER PRIMARY KEY,"
    "  device_id TEXT,"
    "  defect_type TEXT NOT NULL,"
    "  detected_at INTEGER NOT NULL,"
    "  confidence REAL,"
    "  status TEXT NOT NULL DEFAULT 'pending'" /* IN (…) would be a table made for each row */
    "    CHECK(status = 'pending' OR status = 'reviewed' OR status = 'resolved'),"
    "  created_at INTEGER NOT NULL,"
    "  image_url TEXT,"
    "  image_path TEXT,"
    "  notes TEXT,"
    "  updated_at INTEGER,"
    "  awaits_row INTEGER NOT NULL DEFAULT 1);"
    "INSERT INTO glass_defect_new SELECT seq, device_id, defect_type, detected_at, confidence,"
    "  status, created_at, image_url, image_path, notes, updated_at, awaits_row"
    "  FROM glass_defect;"
    "DROP TABLE glass_defect;"
    "ALTER TABLE glass_defect_new RENAME TO glass_defect;"
    "CREATE TABLE glass_by_device(device_id TEXT, detected_at INTEGER, seq INTEGER,"
    "  PRIMARY KEY(device_id, detected_at, seq)) WITHOUT ROWID;"
    "CREATE TABLE glass_by_status(status TEXT, detected_at INTEGER, seq INTEGER,"
    "  PRIMARY KEY(status, detected_at, seq)) WITHOUT ROWID;"
    "INSERT INTO glass_by_device"
    "  SELECT coalesce(device_id, ''), detected_at, seq FROM glass_defect ORDER BY 1, 2, 3;"
    "INSERT INTO glass_by_status"
    "  SELECT status, detected_at, seq FROM glass_defect ORDER BY 1, 2, 3;"
    "CREATE TABLE glass_settled(through INTEGER NOT NULL);"
    "INSERT INTO glass_settled SELECT coalesce(max(seq), 0) FROM glass_defect;"
    "CREATE TRIGGER glass_settled_delete AFTER DELETE ON glass_defect"
    "  WHEN OLD.seq <= (SELECT through FROM glass_settled) BEGIN"
    "  DELETE FROM glass_by_device WHERE device_id = coalesce(OLD.device_id, '')"
    "    AND detected_at = OLD.detected_at AND seq = OLD.seq;"
    "  DELETE FROM glass_by_status WHERE status = OLD.status"
    "    AND detected_at = OLD.detected_at AND seq = OLD.seq;"
    "  UPDATE glass_count SET n = n - 1 WHERE device_id = coalesce(OLD.device_id, '')"
    "    AND defect_type = OLD.defect_type AND status = OLD.status;"
    "  DELETE FROM glass_count WHERE device_id = coalesce(OLD.device_id, '')"
    "    AND defect_type = OLD.defect_type AND status = OLD.status AND n = 0;"
    " END;"
    "CREATE TRIGGER glass_settled_update"
    "  AFTER UPDATE OF device_id, defect_type, status, detected_at ON glass_defect"
    "  WHEN OLD.seq <= (SELECT through FROM glass_settled) BEGIN"
    "  DELETE FROM glass_by_device WHERE device_id = coalesce(OLD.device_id, '')"
    "    AND detected_at = OLD.detected_at AND seq = OLD.seq;"
    "  INSERT INTO glass_by_device"
    "    VALUES(coalesce(NEW.device_id, ''), NEW.detected_at, NEW.seq);"
    "  DELETE FROM glass_by_status WHERE status = OLD.status"
    "    AND detected_at = OLD.detected_at AND seq = OLD.seq;"
    "  INSERT INTO glass_by_status VALUES(NEW.status, NEW.detected_at, NEW.seq);"
    "  UPDATE glass_count SET n = n - 1 WHERE device_id = coalesce(OLD.device_id, '')"
    "    AND defect_type = OLD.defect_type AND status = OLD.status;"
    "  DELETE FROM glass_count WHERE device_id = coalesce(OLD.device_id, '')"
    "    AND defect_type = OLD.defect_type AND status = OLD.status AND n = 0;"
    "  INSERT INTO glass_count"
    "    VALUES(coalesce(NEW.device_id, ''), NEW.defect_type, NEW.status, 1)"
    "    ON CONFLICT DO UPDATE SET n = n + 1;"
    " END;",

    /* 'stream': image_url is the camera's last frame before it, and not the device's own */
    "ALTER TABLE glass_defect ADD COLUMN image_source TEXT;",
};

/* A record's body, read by its shape. */
struct body {
    sl_json doc;
    sl_value root;
    struct fields f;
};

static int body_read(struct body *b, const struct record *r, const struct shape *shape)
{
    int rc = sl_json_read(&b->doc, r->body, NULL, NULL, NULL);

    if (rc < 0) return rc;
    b->root = sl_json_root(&b->doc);
    return shape_read(shape, b->root, &b->f, NULL);
}

/* Texts lie in `room` until the statement has run. */
struct texts {
    char device[FIELD_ROOM(DEVICE_ID_MAX)], type[FIELD_ROOM(DEFECT_TYPE_MAX)];
    char url[FIELD_ROOM(IMAGE_PLACE_MAX)], path[FIELD_ROOM(IMAGE_PLACE_MAX)];
    char status[FIELD_ROOM(16)], notes[FIELD_ROOM(NOTES_MAX)];
};

/* A field that is absent leaves its bind NULL. */
#define BIND_TEXT(s, i, f, row, room) bind_text((s), (i), (f), (row), (room), sizeof(room))

static void bind_text(struct stmt *s, int i, const struct fields *f, uint32_t row, char *room,
                      size_t size)
{
    sl_str text;

    if (fields_text(f, row, room, size, &text) && text.ptr != NULL) stmt_bind_str(s, i, text);
}

static void bind_number(struct stmt *s, int i, const struct fields *f, uint32_t row)
{
    double x;

    if (sl_value_f64(f->value[row], &x)) stmt_bind_f64(s, i, x);
}

static int64_t happened_at(const struct record *r)
{
    return r->has_device_at ? r->device_at.us : r->hub_at.us;
}

int glass_put_row_of(struct db *tx, int64_t seq, sl_json_out *out)
{
    struct stmt *s =
        db_stmt(tx, "SELECT " DEFECT_COLUMNS " FROM " DEFECT_TABLES " WHERE d.seq = ?");
    int rc;

    if (s == NULL) return db_fail(tx, NULL);
    stmt_bind_i64(s, 1, seq);
    rc = stmt_step(s);
    if (rc > 0) glass_put_row(out, s, (sl_str){"", 0});
    stmt_reset(s);
    return rc < 0 ? rc : out->rc;
}

/* ---- counts and keys, once for some hundreds of rows ---- */

#define UNSETTLED_MAX 512 /* rows that a query looks through, and a batch's */

static int read_settled(struct db *tx, int64_t *through)
{
    struct stmt *s = db_stmt(tx, "SELECT through FROM glass_settled");
    int rc;

    if (s == NULL) return db_fail(tx, NULL);
    rc = stmt_step(s);
    if (rc > 0) *through = stmt_i64(s, 0);
    stmt_reset(s);
    return rc < 0 ? rc : 0;
}

static int settle(struct db *tx, int64_t last_seq)
{
    static const char *const sql[] = {
        "INSERT INTO glass_count"
        " SELECT coalesce(device_id, ''), defect_type, status, count(*) FROM glass_defect"
        "  WHERE " UNSETTLED " GROUP BY 1, 2, 3"
        " ON CONFLICT DO UPDATE SET n = n + excluded.n",
        "INSERT INTO glass_by_device SELECT coalesce(device_id, ''), detected_at, seq"
        "  FROM glass_defect WHERE " UNSETTLED,
        "INSERT INTO glass_by_status SELECT status, detected_at, seq FROM glass_defect"
        "  WHERE " UNSETTLED,
        "UPDATE glass_settled SET through = (SELECT max(seq) FROM record)",
    };
    int64_t through = last_seq;
    int rc = read_settled(tx, &through);

    if (rc < 0 || last_seq - through < UNSETTLED_MAX) return rc;
    for (int i = 0; i < 4 && rc == 0; i++) {
        struct stmt *s = db_stmt(tx, sql[i]);

        rc = s != NULL ? stmt_run(s) : db_fail(tx, NULL);
    }
    return rc;
}

/* ---- a detection ---- */

static int apply_detection(struct db *tx, const struct record *r, struct outcome *out)
{
    char room[FIELD_ROOM(DEFECT_TYPE_MAX)];
    struct body b = {0};
    struct stmt *s;
    sl_str type;
    int rc = body_read(&b, r, &glass_item_shape);

    if (rc < 0) goto done;
    s = db_stmt(tx, "INSERT INTO glass_defect(seq, device_id, defect_type, detected_at,"
                    " confidence, created_at, awaits_row) VALUES(?, ?, ?, ?, ?, ?, 1)");
    if (s == NULL) {
        rc = db_fail(tx, NULL);
        goto done;
    }
    stmt_bind_i64(s, 1, out->seq);
    stmt_bind_str(s, 2, r->device);
    (void)fields_text(&b.f, DETECTION_TYPE, room, sizeof room, &type);
    stmt_bind_str(s, 3, type);
    stmt_bind_i64(s, 4, happened_at(r));
    bind_number(s, 5, &b.f, DETECTION_CONFIDENCE);
    stmt_bind_i64(s, 6, r->hub_at.us);
    rc = stmt_run(s);
done:
    sl_json_deinit(&b.doc);
    return rc;
}

const struct record_kind glass_detection = {"glass", "detection", .apply = apply_detection,
                                            .settle = settle};

/* ---- a defect that is inserted ---- */

static void bind_defect(struct stmt *s, const struct body *b, struct texts *t)
{
    BIND_TEXT(s, 1, &b->f, DEFECT_IMAGE_URL, t->url);
    BIND_TEXT(s, 2, &b->f, DEFECT_IMAGE_PATH, t->path);
    BIND_TEXT(s, 3, &b->f, DEFECT_STATUS, t->status);
    bind_number(s, 4, &b->f, DEFECT_CONFIDENCE);
    BIND_TEXT(s, 5, &b->f, DEFECT_NOTES, t->notes);
}

/* Contract 5.4: the detection of the same instant, type and device that still waits for it. */
static int find_detection(struct db *tx, const struct record *r, const struct body *b,
                          struct outcome *out)
{
    struct stmt *s = db_stmt(
        tx, "SELECT seq, id FROM record WHERE seq = ("
            "SELECT min(seq) FROM ("
            "SELECT seq FROM glass_by_device CROSS JOIN glass_defect d USING(seq)"
            "  WHERE glass_by_device.device_id = ?3 AND glass_by_device.detected_at = ?1"
            "  AND d.defect_type = ?2 AND d.awaits_row"
            " UNION ALL SELECT seq FROM glass_defect WHERE " UNSETTLED
            "  AND device_id = ?3 AND detected_at = ?1 AND defect_type = ?2 AND awaits_row))");
    char type[FIELD_ROOM(DEFECT_TYPE_MAX)];
    int rc;

    if (s == NULL) return db_fail(tx, NULL);
    stmt_bind_i64(s, 1, r->device_at.us);
    BIND_TEXT(s, 2, &b->f, DEFECT_TYPE, type);
    stmt_bind_str(s, 3, r->device);
    rc = stmt_step(s);
    if (rc > 0) outcome_refer(out, OUTCOME_MERGED, stmt_i64(s, 0), stmt_str(s, 1));
    stmt_reset(s);
    return rc < 0 ? rc : 0;
}

static int merge(struct db *tx, const struct record *r, const struct body *b,
                 struct outcome *out)
{
    struct stmt *s =
        db_stmt(tx, "UPDATE glass_defect SET image_url = coalesce(?1, image_url),"
                    " image_source = CASE WHEN ?1 IS NULL THEN image_source END,"
                    " image_path = coalesce(?2, image_path), status = coalesce(?3, status),"
                    " confidence = coalesce(?4, confidence), notes = coalesce(?5, notes),"
                    " updated_at = ?6, awaits_row = 0 WHERE seq = ?7");
    struct texts t;
    int rc;

    if (s == NULL) return db_fail(tx, NULL);
    bind_defect(s, b, &t);
    stmt_bind_i64(s, 6, r->hub_at.us);
    stmt_bind_i64(s, 7, out->seq);
    rc = stmt_run(s);
    return rc < 0 ? rc : glass_put_row_of(tx, out->seq, &out->text);
}

static int decide_defect(struct db *tx, const struct record *r, struct outcome *out)
{
    struct body b = {0};
    int rc = 0;

    if (!r->has_device_at) return 0;
    rc = body_read(&b, r, &glass_defect_shape);
    if (rc == 0) rc = find_detection(tx, r, &b, out);
    if (rc == 0 && out->kind == OUTCOME_MERGED) rc = merge(tx, r, &b, out);
    sl_json_deinit(&b.doc);
    return rc;
}

static int insert_defect(struct db *tx, const struct record *r, const struct body *b,
                         int64_t seq)
{
    struct stmt *s = db_stmt(
        tx, "INSERT INTO glass_defect(image_url, image_path, status, confidence, notes, seq,"
            " device_id, defect_type, detected_at, created_at, awaits_row)"
            " VALUES(?, ?, coalesce(?, 'pending'), ?, ?, ?, ?, ?, ?, ?, 0)");
    struct texts t;
    sl_str type;

    if (s == NULL) return db_fail(tx, NULL);
    bind_defect(s, b, &t);
    stmt_bind_i64(s, 6, seq);
    stmt_bind_str(s, 7, r->device);
    (void)fields_text(&b->f, DEFECT_TYPE, t.type, sizeof t.type, &type);
    stmt_bind_str(s, 8, type);
    stmt_bind_i64(s, 9, happened_at(r));
    stmt_bind_i64(s, 10, r->hub_at.us);
    return stmt_run(s);
}

static int apply_defect(struct db *tx, const struct record *r, struct outcome *out)
{
    struct body b = {0};
    int rc = body_read(&b, r, &glass_defect_shape);

    if (rc == 0) rc = insert_defect(tx, r, &b, out->seq);
    if (rc == 0) rc = glass_put_row_of(tx, out->seq, &out->text);
    sl_json_deinit(&b.doc);
    return rc;
}

const struct record_kind glass_defect = {"glass", "defect", decide_defect, apply_defect,
                                         settle};

/* ---- edits ---- */

/* The columns that an edit may clear; binds 2n + 1 (is it named?) and 2n + 2 of its update. */
static const struct {
    const char *name;
    uint32_t row;
} clearable[] = {
    {"image_url",  DEFECT_IMAGE_URL },
    {"image_path", DEFECT_IMAGE_PATH},
    {"notes",      DEFECT_NOTES     },
    {"confidence", DEFECT_CONFIDENCE},
};

static void bind_clearable(struct stmt *s, const struct body *b, struct texts *t)
{
    for (int i = 0; i < 4; i++) {
        sl_value v = sl_value_get(b->root, sl_str_of(clearable[i].name));

        stmt_bind_i64(s, 2 * i + 1, sl_value_type(v) != SL_JSON_NONE);
    }
    BIND_TEXT(s, 2, &b->f, DEFECT_IMAGE_URL, t->url);
    BIND_TEXT(s, 4, &b->f, DEFECT_IMAGE_PATH, t->path);
    BIND_TEXT(s, 6, &b->f, DEFECT_NOTES, t->notes);
    bind_number(s, 8, &b->f, DEFECT_CONFIDENCE);
}

/*
 * The row that "id" of the path names, which intakes put first; 0: there is none. Ours have no
 * escapes: such a one is unknown.
 */
static int find_subject(struct db *tx, const struct body *b, int64_t *seq)
{
    sl_str id = {"", 0};
    int rc;

    (void)sl_value_str(sl_value_get(b->root, SL_STR("id")), &id);
    *seq = 0;
    rc = record_find(tx, id, seq);
    return rc < 0 ? rc : 0;
}

static int update(struct db *tx, const struct record *r, const struct body *b,
                  struct outcome *out)
{
    struct stmt *s = db_stmt(
        tx, "UPDATE glass_defect SET image_url = CASE WHEN ?1 THEN ?2 ELSE image_url END,"
            " image_source = CASE WHEN ?1 THEN NULL ELSE image_source END,"
            " image_path = CASE WHEN ?3 THEN ?4 ELSE image_path END,"
            " notes = CASE WHEN ?5 THEN ?6 ELSE notes END,"
            " confidence = CASE WHEN ?7 THEN ?8 ELSE confidence END,"
            " device_id = coalesce(?9, device_id), defect_type = coalesce(?10, defect_type),"
            " status = coalesce(?11, status), detected_at = coalesce(?12, detected_at),"
            " updated_at = ?13 WHERE seq = ?14");
    int64_t before = db_changes(tx), seq;
    struct texts t;
    int rc;

    if (s == NULL) return db_fail(tx, NULL);
    rc = find_subject(tx, b, &seq);
    if (rc < 0) return rc;
    bind_clearable(s, b, &t);
    BIND_TEXT(s, 9, &b->f, DEFECT_DEVICE, t.device);
    BIND_TEXT(s, 10, &b->f, DEFECT_TYPE, t.type);
    BIND_TEXT(s, 11, &b->f, DEFECT_STATUS, t.status);
    if (r->has_device_at) stmt_bind_i64(s, 12, r->device_at.us);
    stmt_bind_i64(s, 13, r->hub_at.us);
    stmt_bind_i64(s, 14, seq);
    rc = stmt_run(s);
    if (rc < 0) return rc;
    if (db_changes(tx) == before) return outcome_refuse(out, 404, "Defect not found");
    return glass_put_row_of(tx, seq, &out->text);
}

static int decide_edit(struct db *tx, const struct record *r, struct outcome *out)
{
    struct body b = {0};
    int rc = body_read(&b, r, &glass_edit_shape);

    if (rc == 0) rc = update(tx, r, &b, out);
    sl_json_deinit(&b.doc);
    return rc;
}

const struct record_kind glass_edit = {"glass", "edit", .decide = decide_edit};

/* What is gone already is as it should be: a duplicate, and nothing is written. */
static int decide_removal(struct db *tx, const struct record *r, struct outcome *out)
{
    struct stmt *s = db_stmt(tx, "DELETE FROM glass_defect WHERE seq = ?");
    int64_t before = db_changes(tx), seq;
    struct body b = {0};
    int rc = s == NULL ? db_fail(tx, NULL) : sl_json_read(&b.doc, r->body, NULL, NULL, NULL);

    if (rc < 0) goto done;
    b.root = sl_json_root(&b.doc);
    rc = find_subject(tx, &b, &seq);
    if (rc < 0) goto done;
    stmt_bind_i64(s, 1, seq);
    rc = stmt_run(s);
    if (rc == 0 && db_changes(tx) == before)
        outcome_refer(out, OUTCOME_DUPLICATE, 0, (sl_str){"", 0});
done:
    sl_json_deinit(&b.doc);
    return rc;
}

const struct record_kind glass_removal = {"glass", "removal", .decide = decide_removal};
