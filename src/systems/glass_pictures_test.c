/* SPDX-License-Identifier: MIT */
/* Shots on a hub that the test plays: clock, frames, disk and journal are its own. */
#include "systems/glass_pictures.h"

#include "base/alloc.h"
#include "hub/spine.h"
#include "systems/glass_store.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define S              1000000 /* microseconds */
#define DETECTION_BODY "{\"defect_type\":\"chip\"}"

/* ---- the hub ---- */

static struct {
    char calls[32]; /* k: a file is asked for; a: a record is; e: an event */
    sl_buf *frame;
    struct wall frame_at;
    media_fn *on_kept;
    void *kept_user;
    struct record *record;
    int keep_rc, append_rc, left_rc;
    uint32_t left_out;
    bool is_stopping;
    char device[32], event[1024];
} hub;

static void note(char what)
{
    size_t n = strlen(hub.calls);

    if (n + 1 < sizeof hub.calls) hub.calls[n] = what;
}

bool stream_frame(const struct live_stream *s, sl_buf **buf, sl_str *text, struct wall *at)
{
    (void)s;
    if (hub.frame == NULL) return false;
    *buf = hub.frame;
    *text = sl_buf_str(hub.frame);
    *at = hub.frame_at;
    return true;
}

int hub_keep_picture(struct hub *h, sl_buf *buf, sl_str text, media_fn *on_kept, void *user)
{
    (void)h;
    assert_ptr_equal(text.ptr, sl_buf_str(buf).ptr);
    if (hub.keep_rc < 0) return hub.keep_rc;
    assert_null(hub.on_kept);
    note('k');
    hub.on_kept = on_kept;
    hub.kept_user = user;
    return 0;
}

void hub_leave_out_pictures(struct hub *h, int rc, uint32_t records)
{
    (void)h;
    hub.left_rc = rc;
    hub.left_out += records;
}

int hub_append(struct hub *h, struct record *r, struct sender *s)
{
    (void)h;
    assert_null(s);
    if (hub.append_rc < 0) return hub.append_rc;
    assert_null(hub.record); /* one at a time */
    note('a');
    hub.record = r;
    return 0;
}

bool hub_is_stopping(const struct hub *h)
{
    (void)h;
    return hub.is_stopping;
}

bool hub_has_live_viewers(const struct hub *h)
{
    (void)h;
    return true;
}

void hub_live_event(struct hub *h, const char *system, const char *kind, sl_str device,
                    sl_str record)
{
    (void)h;
    assert_string_equal(system, "glass");
    assert_string_equal(kind, "defect");
    note('e');
    snprintf(hub.device, sizeof hub.device, "%.*s", (int)device.len, device.ptr);
    snprintf(hub.event, sizeof hub.event, "%.*s", (int)record.len, record.ptr);
}

/* The file is on the disk, or is not. */
static void kept(const char *url, int rc)
{
    media_fn *fn = hub.on_kept;

    assert_non_null(fn);
    hub.on_kept = NULL;
    fn(hub.kept_user, sl_str_of(url), rc);
}

/* The record is settled; its rows are `rows`. */
static void told(enum outcome_kind kind, int rc, const char *rows)
{
    struct record *r = hub.record;

    assert_non_null(r);
    hub.record = NULL;
    r->outcome.kind = kind;
    r->outcome.rc = rc;
    sl_out_raw(&r->outcome.text, sl_str_of(rows));
    r->on_done(r, &r->outcome);
    record_free(r);
}

static void assert_body(const char *wanted)
{
    char got[4096];

    assert_non_null(hub.record);
    snprintf(got, sizeof got, "%.*s", (int)hub.record->body.len, hub.record->body.ptr);
    assert_string_equal(got, wanted);
}

/* ---- a camera ---- */

struct bench {
    struct glass g;
    struct camera *cam;
    struct wall now;
};

static void set_frame(const struct bench *b, const char *text, int64_t age_us)
{
    sl_buf_drop(hub.frame);
    hub.frame = sl_buf_copy(sl_str_of(text));
    assert_non_null(hub.frame);
    hub.frame_at = (struct wall){b->now.us - age_us};
}

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    if (b == NULL) return -1;
    memset(&hub, 0, sizeof hub);
    if (cameras_init(&b->g.cameras) < 0) return -1;
    b->cam = cameras_get(&b->g.cameras, SL_STR("cam-7"));
    if (b->cam == NULL) return -1;
    b->cam->stream =
        (struct live_stream *)b; /* only stream_frame looks at it, and that is ours */
    b->now = (struct wall){1000 * S};
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;

    shots_stop(&b->g);
    assert_int_equal(b->g.picture_bytes, 0);
    cameras_deinit(&b->g.cameras);
    sl_buf_drop(hub.frame);
    record_free(hub.record);
    free(b);
    return 0;
}

static uint64_t take(struct bench *b)
{
    return shots_take(&b->g, b->cam, b->now);
}

static void attach(struct bench *b, uint64_t shot, int64_t last, uint32_t n)
{
    shots_attach(&b->g, b->cam, shot, last, n);
}

/* ---- which picture ---- */

static void test_none_without_a_frame(void **state)
{
    struct bench *b = *state;

    assert_int_equal(take(b), 0);
    b->cam->stream = NULL;
    assert_int_equal(take(b), 0);
    assert_int_equal(hub.left_out, 0); /* there was nothing to leave out */
    assert_null(b->cam->shots);
}

static void test_only_a_fresh_frame(void **state)
{
    static const struct {
        int64_t age_us;
        bool good;
    } rows[] = {
        {0,          true },
        {5 * S,      true },
        {5 * S + 1,  false},
        {3600LL * S, false},
        {-1,         false}, /* the clock was set back: its age is unknown */
    };
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        set_frame(b, "AAAA", rows[i].age_us);
        assert_int_equal(take(b) != 0, rows[i].good);
        shots_stop(&b->g);
    }
}

static void test_one_shot_in_a_second(void **state)
{
    struct bench *b = *state;
    uint64_t first, second;

    set_frame(b, "AAAA", 0);
    first = take(b);
    b->now.us += S - 1;
    set_frame(b, "BBBB", 0);
    assert_int_equal(take(b), first); /* a newer frame, but too early for another file */
    b->now.us += 1;
    second = take(b);
    assert_int_not_equal(second, first);
    b->now.us += 3 * S;
    assert_int_equal(take(b), second); /* no other frame has come */
    b->now.us += 3 * S;
    assert_int_equal(take(b), 0); /* and now it is too old */
}

/* One that was old already when it was taken is too old for the next, and it is too early. */
static void test_an_old_one_and_too_early_for_another(void **state)
{
    struct bench *b = *state;

    set_frame(b, "AAAA", 5 * S - 1);
    assert_int_not_equal(take(b), 0);
    b->now.us += 2;
    set_frame(b, "BBBB", 0);
    assert_int_equal(take(b), 0);
    assert_int_equal(hub.left_rc, SL_E_LIMIT);
    assert_int_equal(hub.left_out, 1);
    b->now.us += S;
    assert_int_not_equal(take(b), 0);
}

/* ---- the order: never a row without its file ---- */

static void test_the_order(void **state)
{
    struct bench *b = *state;
    uint64_t shot;

    set_frame(b, "AAAA", 0);
    shot = take(b);
    assert_string_equal(hub.calls, ""); /* nothing before the commit */
    attach(b, shot, 7, 1);
    assert_string_equal(hub.calls, "k"); /* no record before the file */
    assert_int_equal(b->g.picture_bytes, 0);
    kept("/media/x.jpg", 0);
    assert_string_equal(hub.calls, "ka");
    assert_ptr_equal(hub.record->kind, &glass_picture);
    assert_true(sl_str_eq(hub.record->device, SL_STR("cam-7")));
    assert_body("{\"url\":\"/media/x.jpg\",\"seqs\":[7]}");
    told(OUTCOME_MERGED, 0, "[{\"id\":\"a\"},{\"id\":\"b\"}]");
    assert_string_equal(hub.calls, "kaee"); /* nobody is told before the commit */
    assert_string_equal(hub.device, "cam-7");
    assert_string_equal(hub.event, "{\"id\":\"b\"}");
    assert_int_equal(hub.left_out, 0);
}

static void test_many_share_a_file_and_a_record(void **state)
{
    struct bench *b = *state;
    uint64_t shot;

    set_frame(b, "AAAA", 0);
    shot = take(b);
    attach(b, shot, 1, 1);
    attach(b, shot, 4, 3); /* a list: 2, 3, 4 */
    kept("/media/x.jpg", 0);
    assert_body("{\"url\":\"/media/x.jpg\",\"seqs\":[1,2,3,4]}");
    attach(b, shot, 9, 1);
    attach(b, shot, 11, 1); /* wait for the record that is on its way */
    told(OUTCOME_MERGED, 0, "[]");
    assert_body("{\"url\":\"/media/x.jpg\",\"seqs\":[9,11]}");
    told(OUTCOME_DUPLICATE, 0, "[]"); /* they had got one of their own */
    assert_null(hub.record);
    attach(b, shot, 12, 1); /* the file is there: at once */
    assert_body("{\"url\":\"/media/x.jpg\",\"seqs\":[12]}");
    told(OUTCOME_MERGED, 0, "[]");
    assert_string_equal(hub.calls, "kaaa");
}

static void test_what_is_on_its_way_when_the_next_shot_is_taken(void **state)
{
    struct bench *b = *state;
    uint64_t first, second, third;

    set_frame(b, "AAAA", 0);
    first = take(b);
    b->now.us += S;
    set_frame(b, "BBBB", 0);
    second = take(b);
    attach(b, first, 1, 1);
    kept("/media/a.jpg", 0);
    assert_body("{\"url\":\"/media/a.jpg\",\"seqs\":[1]}");
    told(OUTCOME_MERGED, 0, "[]");
    attach(b, second, 2, 1);
    kept("/media/b.jpg", 0);
    assert_body("{\"url\":\"/media/b.jpg\",\"seqs\":[2]}");
    told(OUTCOME_MERGED, 0, "[]");
    b->now.us += S;
    set_frame(b, "CCCC", 0);
    third = take(b);
    assert_int_not_equal(third, second);
    attach(b, first, 3, 2); /* longer under way than two shots */
    assert_int_equal(hub.left_out, 2);
    assert_int_equal(hub.left_rc, SL_E_FULL);
}

/* ---- bounds ---- */

static void test_the_bound_of_detections(void **state)
{
    struct bench *b = *state;
    uint64_t shot;

    set_frame(b, "AAAA", 0);
    shot = take(b);
    attach(b, shot, PICTURE_DETECTIONS_MAX - 1, PICTURE_DETECTIONS_MAX - 1);
    assert_int_equal(hub.left_out, 0);
    attach(b, shot, 1255, 1000); /* the first of them, 256, has still room */
    assert_int_equal(hub.left_out, 999);
    assert_int_equal(hub.left_rc, SL_E_LIMIT);
    kept("/media/x.jpg", 0);
    assert_non_null(strstr(hub.record->body.ptr, ",254,255,256]"));
    told(OUTCOME_MERGED, 0, "[]");
    attach(b, shot, 2000, 1);
    assert_int_equal(hub.left_out, 1000);
    assert_null(hub.record);
    assert_int_equal(take(b), shot); /* and no other shot for it within the second */
    b->now.us += S;
    assert_int_not_equal(take(b), shot); /* then the same frame may serve again */
}

static void test_a_slow_disk(void **state)
{
    struct bench *b = *state;
    uint64_t first, second;

    set_frame(b, "AAAA", 0);
    first = take(b);
    attach(b, first, 1, 1); /* being written, and so it stays */
    b->now.us += S;
    set_frame(b, "BBBB", 0);
    second = take(b);
    b->now.us += S;
    set_frame(b, "CCCC", 0);
    assert_int_equal(take(b),
                     second); /* there is no third place: the newest one, while fresh */
    b->now.us += 5 * S;
    set_frame(b, "DDDD", 0);
    assert_int_equal(take(b), 0);
    assert_int_equal(hub.left_rc, SL_E_FULL);
    kept("/media/a.jpg", 0);
    told(OUTCOME_MERGED, 0, "[]");
    assert_int_not_equal(take(b), 0);
}

static void test_the_bound_of_bytes(void **state)
{
    struct bench *b = *state;

    b->g.picture_bytes = PICTURE_TEXT_MAX - 4;
    set_frame(b, "AAAAA", 0);
    assert_int_equal(take(b), 0);
    assert_int_equal(hub.left_rc, SL_E_FULL);
    set_frame(b, "AAAA", 0);
    assert_int_not_equal(take(b), 0);
    b->g.picture_bytes -= PICTURE_TEXT_MAX - 4;
    assert_int_equal(b->g.picture_bytes, 4);
}

/* ---- what goes wrong ---- */

static void test_the_queue_of_files_is_full(void **state)
{
    struct bench *b = *state;
    uint64_t shot;

    hub.keep_rc = SL_E_FULL;
    set_frame(b, "AAAA", 0);
    shot = take(b);
    attach(b, shot, 3, 3);
    assert_int_equal(hub.left_out, 3);
    assert_int_equal(hub.left_rc, SL_E_FULL);
    hub.keep_rc = 0;
    attach(b, shot, 4, 1); /* of the same second */
    assert_int_equal(hub.left_out, 4);
    b->now.us += S;
    shot = take(b); /* the same frame, once more */
    attach(b, shot, 5, 1);
    assert_string_equal(hub.calls, "k");
    kept("/media/x.jpg", 0);
    assert_int_equal(hub.left_out, 4);
}

static void test_no_picture_and_no_disk(void **state)
{
    static const int rows[] = {SL_E_INVAL, -ENOSPC};
    struct bench *b = *state;

    for (size_t i = 0; i < 2; i++) {
        uint64_t shot;

        hub.left_out = 0;
        set_frame(b, "AAAA", 0);
        shot = take(b);
        attach(b, shot, 2, 2);
        kept("", rows[i]);
        assert_int_equal(hub.left_out, 2);
        attach(b, shot, 3, 1);
        assert_int_equal(hub.left_out, 3);
        assert_int_equal(hub.left_rc, rows[i]);
        assert_null(hub.record);
        b->now.us += S;
    }
}

static void test_the_store_does_not_take_it(void **state)
{
    struct bench *b = *state;
    uint64_t shot;

    set_frame(b, "AAAA", 0);
    shot = take(b);
    attach(b, shot, 2, 2);
    hub.append_rc = SL_E_FULL;
    kept("/media/x.jpg", 0);
    assert_int_equal(hub.left_out, 2);
    assert_int_equal(hub.left_rc, SL_E_FULL);
    hub.append_rc = 0;
    attach(b, shot, 3, 1);
    attach(b, shot, 4, 1);
    told(OUTCOME_FAILED, SL_E_DB, "");
    assert_int_equal(hub.left_out, 3);
    assert_int_equal(hub.left_rc, SL_E_DB);
    assert_body("{\"url\":\"/media/x.jpg\",\"seqs\":[4]}"); /* the next one is tried */
}

static void test_the_end_comes_first(void **state)
{
    struct bench *b = *state;
    uint64_t shot;

    set_frame(b, "AAAA", 0);
    shot = take(b);
    attach(b, shot, 1, 1);
    kept("/media/x.jpg", 0);
    attach(b, shot, 2, 1);
    hub.is_stopping = true;
    told(OUTCOME_MERGED, 0, "[{}]");
    assert_string_equal(hub.calls, "ka");
}

static void test_without_memory(void **state)
{
    struct bench *b = *state;
    uint64_t shot;

    set_frame(b, "AAAA", 0);
    sl__alloc_fail_after(0);
    assert_int_equal(take(b), 0);
    sl__alloc_fail_after(-1);
    assert_int_equal(hub.left_rc, SL_E_NOMEM);
    shot = take(b);
    attach(b, shot, 1, 1);
    sl__alloc_fail_after(0);
    kept("/media/x.jpg", 0);
    sl__alloc_fail_after(-1);
    assert_null(hub.record);
    assert_int_equal(hub.left_out, 2);
}

/* ---- the rows ---- */

static int open_store(void **state)
{
    struct db *db;

    memset(&hub, 0, sizeof hub);
    if (db_open(":memory:", DB_WRITE, &db, NULL) < 0) return -1;
    if (db_migrate(db, NULL, spine_steps, SPINE_STEPS, NULL) < 0) return -1;
    if (db_migrate(db, "glass", glass_steps, GLASS_STEPS, NULL) < 0) return -1;
    *state = db;
    return 0;
}

static int close_store(void **state)
{
    db_close(*state);
    return 0;
}

/* As the journal does it, without its thread; what became of it. */
static enum outcome_kind write_record(struct db *db, const struct record_kind *kind,
                                      const char *device, const char *body, char *text)
{
    struct record *r = record_new(kind, sl_str_of(device), sl_str_of(body));
    enum outcome_kind was;
    struct list batch;
    int64_t seq = 0;

    assert_non_null(r);
    r->has_device_at = true;
    r->device_at = (struct wall){5 * S};
    list_init(&batch);
    list_add_last(&batch, &r->node);
    assert_int_equal(spine_read_last_seq(db, &seq), 0);
    (void)!spine_write(db, &batch, &seq, NULL);
    was = r->outcome.rc < 0 ? OUTCOME_FAILED : r->outcome.kind;
    if (text != NULL) {
        sl_str t = sl_out_text(&r->outcome.text);

        snprintf(text, 2048, "%.*s", (int)t.len, t.ptr);
    }
    list_remove(&r->node);
    record_free(r);
    return was;
}

static void assert_row(struct db *db, int64_t seq, const char *url, const char *source)
{
    struct stmt *s = db_stmt(db, "SELECT coalesce(image_url, '-'), coalesce(image_source, '-')"
                                 " FROM glass_defect WHERE seq = ?");

    stmt_bind_i64(s, 1, seq);
    assert_int_equal(stmt_step(s), 1);
    if (!sl_str_eq(stmt_str(s, 0), sl_str_of(url))
        || !sl_str_eq(stmt_str(s, 1), sl_str_of(source))) {
        fail_msg("row %d: %.*s %.*s", (int)seq, (int)stmt_str(s, 0).len, stmt_str(s, 0).ptr,
                 (int)stmt_str(s, 1).len, stmt_str(s, 1).ptr);
    }
    stmt_reset(s);
}

/* Detections are the only rows here: they count from 1. */
static void detect(struct db *db, int64_t seq, const char *device)
{
    int64_t last = 0;

    assert_int_equal(write_record(db, &glass_detection, device, DETECTION_BODY, NULL),
                     OUTCOME_STORED);
    assert_int_equal(spine_read_last_seq(db, &last), 0);
    assert_int_equal(last, seq);
}

static enum outcome_kind attach_rows(struct db *db, const char *seqs, char *text)
{
    char body[256];

    snprintf(body, sizeof body, "{\"url\":\"/media/x.jpg\",\"seqs\":%s}", seqs);
    return write_record(db, &glass_picture, "cam-7", body, text);
}

static void test_rows_that_have_none_get_it(void **state)
{
    struct db *db = *state;
    char text[2048];

    detect(db, 1, "cam-7");
    detect(db, 2, "cam-8"); /* another camera's */
    detect(db, 3, "cam-7");
    assert_int_equal(attach_rows(db, "[1,2,3,4]", text), OUTCOME_MERGED);
    assert_row(db, 1, "/media/x.jpg", "stream");
    assert_row(db, 2, "-", "-");
    assert_row(db, 3, "/media/x.jpg", "stream");
    assert_memory_equal(text, "[{\"id\":\"", 8);
    assert_non_null(strstr(text, "},{\"id\":\"")); /* the two of them */
    assert_non_null(strstr(text, "\"image_url\":\"/media/x.jpg\",\"image_path\":null,"
                                 "\"image_source\":\"stream\""));
    assert_null(strstr(text, "cam-8"));
    assert_int_equal(attach_rows(db, "[1,2,3,4]", text), OUTCOME_DUPLICATE); /* and once */
    assert_string_equal(text, "[]");
}

static void test_the_device_s_own_picture_wins(void **state)
{
    static const char own[] =
        "{\"device_id\":\"cam-7\",\"defect_type\":\"chip\",\"image_url\":\"http://x/1.jpg\"}";
    static const char none[] = "{\"device_id\":\"cam-7\",\"defect_type\":\"chip\"}";
    struct db *db = *state;

    detect(db, 1, "cam-7"); /* ours is there first */
    assert_int_equal(attach_rows(db, "[1]", NULL), OUTCOME_MERGED);
    assert_int_equal(write_record(db, &glass_defect, "cam-7", own, NULL), OUTCOME_MERGED);
    assert_row(db, 1, "http://x/1.jpg", "-");

    detect(db, 2, "cam-7"); /* the device's is */
    assert_int_equal(write_record(db, &glass_defect, "cam-7", own, NULL), OUTCOME_MERGED);
    assert_int_equal(attach_rows(db, "[2]", NULL), OUTCOME_DUPLICATE);
    assert_row(db, 2, "http://x/1.jpg", "-");

    detect(db, 3, "cam-7"); /* it has none either: ours stays */
    assert_int_equal(attach_rows(db, "[3]", NULL), OUTCOME_MERGED);
    assert_int_equal(write_record(db, &glass_defect, "cam-7", none, NULL), OUTCOME_MERGED);
    assert_row(db, 3, "/media/x.jpg", "stream");

    detect(db, 4, "cam-7"); /* the device has said its word: none */
    assert_int_equal(write_record(db, &glass_defect, "cam-7", none, NULL), OUTCOME_MERGED);
    assert_int_equal(attach_rows(db, "[4]", NULL), OUTCOME_DUPLICATE);
    assert_row(db, 4, "-", "-");
}

static void edit(struct db *db, sl_str id, const char *column, const char *value)
{
    char body[160];

    snprintf(body, sizeof body, "{\"id\":\"%.*s\",\"%s\":\"%s\"}", (int)id.len, id.ptr, column,
             value);
    assert_int_equal(write_record(db, &glass_edit, "", body, NULL), OUTCOME_STORED);
}

/* An edit has a row of its own in the spine: there is nothing else after it. */
static void test_edits(void **state)
{
    struct db *db = *state;
    char text[2048];
    sl_str id;

    detect(db, 1, "cam-7");
    assert_int_equal(attach_rows(db, "[1]", text), OUTCOME_MERGED);
    id = (sl_str){text + strlen("[{\"id\":\""), RECORD_ID_SIZE - 1};
    edit(db, id, "status", "reviewed");
    assert_row(db, 1, "/media/x.jpg", "stream");
    edit(db, id, "image_url", "http://x/2.jpg");
    assert_row(db, 1, "http://x/2.jpg", "-");
}

static void test_what_cannot_be_read_changes_nothing(void **state)
{
    struct db *db = *state;

    detect(db, 1, "cam-7");
    assert_int_equal(attach_rows(db, "[1.5]", NULL), OUTCOME_FAILED);
    assert_int_equal(write_record(db, &glass_picture, "cam-7", "{\"url\":", NULL),
                     OUTCOME_FAILED);
    assert_row(db, 1, "-", "-");
}

#define CASE(fn)  cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
#define STORE(fn) cmocka_unit_test_setup_teardown(fn, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_none_without_a_frame),
        CASE(test_only_a_fresh_frame),
        CASE(test_one_shot_in_a_second),
        CASE(test_an_old_one_and_too_early_for_another),
        CASE(test_the_order),
        CASE(test_many_share_a_file_and_a_record),
        CASE(test_what_is_on_its_way_when_the_next_shot_is_taken),
        CASE(test_the_bound_of_detections),
        CASE(test_a_slow_disk),
        CASE(test_the_bound_of_bytes),
        CASE(test_the_queue_of_files_is_full),
        CASE(test_no_picture_and_no_disk),
        CASE(test_the_store_does_not_take_it),
        CASE(test_the_end_comes_first),
        CASE(test_without_memory),
        STORE(test_rows_that_have_none_get_it),
        STORE(test_the_device_s_own_picture_wins),
        STORE(test_edits),
        STORE(test_what_cannot_be_read_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
