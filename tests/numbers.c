/* SPDX-License-Identifier: MIT */
/*
 * A hub whose one system is for tests: devices count. It needs nothing below it that is its
 * own: rows, a table, a query.
 *
 *   numbers --listen HOST:PORT --data DIR --ready-file FILE
 *
 *   POST /numbers {"device":"d","number":7}, or {"type":"number", …} on /ws, or the event
 *                 "number" by Socket.IO: a device's number is one record, however often it is
 *                 sent
 *   GET /numbers?after=SEQ&limit=N           what is there
 */
#include "sluice/sluice.h"

#include "hub/hub.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define DEVICE_MAX 64 /* bytes */
#define DRAIN_MS   2000

/* ---- the shape ---- */

enum { NUMBER_DEVICE, NUMBER_NUMBER };

// clang-format off
static const struct field rows[] = {
    [NUMBER_DEVICE] = {"device", FIELD_ID, FIELD_REQUIRED, 1, DEVICE_MAX},
    [NUMBER_NUMBER] = {"number", FIELD_WHOLE, FIELD_REQUIRED},
};
// clang-format on
static const struct shape number_shape = SHAPE(rows);

/* ---- the table ---- */

static const char *const steps[] = {
    "CREATE TABLE number(seq INTEGER PRIMARY KEY, id TEXT NOT NULL, device TEXT NOT NULL,"
    " number INTEGER NOT NULL)",
};

static int apply_number(struct db *tx, const struct record *r, struct outcome *out)
{
    struct stmt *s = db_stmt(tx, "INSERT INTO number VALUES(?, ?, ?, ?)");
    sl_json doc = {0};
    int64_t n = 0;
    int rc;

    if (s == NULL) return db_fail(tx, NULL);
    rc = sl_json_read(&doc, r->body, NULL, NULL, NULL);
    if (rc < 0) goto done;
    (void)sl_value_i64(sl_value_get(sl_json_root(&doc), SL_STR("number")), &n);
    stmt_bind_i64(s, 1, out->seq);
    stmt_bind_str(s, 2, sl_str_of(r->id));
    stmt_bind_str(s, 3, r->device);
    stmt_bind_i64(s, 4, n);
    rc = stmt_run(s);
done:
    sl_json_deinit(&doc);
    return rc;
}

static const struct record_kind number = {"numbers", "number", .apply = apply_number};

/* ---- what comes in ---- */

struct numbers {
    char room[FIELD_ROOM(DEVICE_MAX)];
};

static int on_number(struct arrival *a)
{
    struct numbers *n = a->state;

    (void)fields_text(a->fields, NUMBER_DEVICE, n->room, sizeof n->room, &a->device);
    return 0;
}

static const struct intake intakes[] = {
    {
     .ws_type = "number",
     .events = (const char *const[]){"number", NULL},
     .http_method = SL_POST,
     .http_path = "/numbers",
     .class = CLASS_RECORD,
     .right = SL_RIGHT_OPEN,
     .shape = &number_shape,
     .kind = &number,
     .unique = (const char *const[]){"number", NULL},
     .status = 201,
     .on_x = on_number,
     },
};

/* ---- what is told of it ---- */

enum { ASK_AFTER, ASK_LIMIT };
static const struct query_param params[] = {
    [ASK_AFTER] = {"after", .is_whole = true, .usual = 0,    .max = INT64_MAX},
    [ASK_LIMIT] = {"limit", .is_whole = true, .usual = 1000, .max = 100000   },
};

static int list_numbers(struct db *db, const struct ask *ask, sl_json_out *out)
{
    struct stmt *s = db_stmt(db, "SELECT seq, id, device, number FROM number WHERE seq > ?"
                                 " ORDER BY seq LIMIT ?");
    int rc;

    if (s == NULL) return db_fail(db, NULL);
    stmt_bind_i64(s, 1, ask->number[ASK_AFTER]);
    stmt_bind_i64(s, 2, ask->number[ASK_LIMIT]);
    sl_out_array(out);
    while ((rc = stmt_step(s)) > 0) {
        sl_out_array(out);
        sl_out_i64(out, stmt_i64(s, 0));
        sl_out_str(out, stmt_str(s, 1));
        sl_out_str(out, stmt_str(s, 2));
        sl_out_i64(out, stmt_i64(s, 3));
        sl_out_end(out);
    }
    sl_out_end(out);
    return rc < 0 ? rc : out->rc;
}

static const struct query queries[] = {
    {"/numbers", SL_RIGHT_OPEN, list_numbers, params, 2, NULL},
};

/* ---- the system ---- */

static int start(void *state, struct hub *hub, sl_error *err)
{
    (void)state;
    (void)hub;
    (void)err;
    return 0;
}

static void stop(void *state)
{
    (void)state;
}

static const char *const ws_paths[] = {"/ws", NULL};

static const struct system numbers = {
    .name = "numbers",
    .step = steps,
    .step_count = 1,
    .ws_paths = ws_paths,
    .intakes = intakes,
    .intake_count = 1,
    .queries = queries,
    .query_count = 1,
    .state_size = sizeof(struct numbers),
    .start = start,
    .stop = stop,
};

/* ---- the program ---- */

struct options {
    const char *listen, *data, *ready_file;
};

static bool read_options(int argc, char **argv, struct options *o)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--listen") == 0) o->listen = argv[i + 1];
        if (strcmp(argv[i], "--data") == 0) o->data = argv[i + 1];
        if (strcmp(argv[i], "--ready-file") == 0) o->ready_file = argv[i + 1];
    }
    return o->listen != NULL && o->data != NULL && o->ready_file != NULL;
}

/* Written beside and renamed: nobody sees half of it. */
static bool say_ready(const struct options *o, uint16_t port)
{
    char path[PATH_MAX];
    FILE *f;

    snprintf(path, sizeof path, "%s.new", o->ready_file);
    f = fopen(path, "w");
    if (f == NULL) return false;
    fprintf(f, "%.*s:%u\n", (int)(strrchr(o->listen, ':') - o->listen), o->listen, port);
    return fclose(f) == 0 && rename(path, o->ready_file) == 0;
}

int main(int argc, char **argv)
{
    static const struct system *const systems[] = {&numbers};
    struct options o = {0};
    struct hub *hub = NULL;
    sl_loop *loop = NULL;
    sl_error err = {0};
    uint16_t port = 0;
    int rc;

    if (!read_options(argc, argv, &o)) return 64;
    rc = sl_loop_new(&loop);
    if (rc == 0) rc = sl_loop_stop_on_signals(loop, DRAIN_MS);
    if (rc == 0) {
        rc = hub_new(
            loop,
            &(struct hub_options){.data_dir = o.data, .systems = systems, .system_count = 1},
            &hub, &err);
    }
    if (rc == 0) rc = hub_listen(hub, o.listen, &port, &err);
    if (rc == 0 && !say_ready(&o, port)) rc = SL_E_INVAL;
    if (rc == 0) rc = sl_loop_run(loop);
    if (rc < 0) fprintf(stderr, "numbers: %d %s %s\n", rc, err.where, err.text);
    hub_free(hub);
    sl_loop_free(loop);
    return rc < 0 ? 1 : 0;
}
