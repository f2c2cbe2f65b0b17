/* SPDX-License-Identifier: MIT */
#include "systems/glass_pages.h"

#include "base/str.h"
#include "systems/glass_live.h"
#include "systems/glass_shapes.h"
#include "systems/glass_store.h"

#include <stdlib.h>

static void put_text(sl_json_out *out, const char *key, const char *text)
{
    sl_out_key(out, key);
    sl_out_str(out, sl_str_of(text));
}

static void put_count(sl_json_out *out, const char *key, int64_t n)
{
    sl_out_key(out, key);
    sl_out_i64(out, n);
}

static void put_true(sl_json_out *out, const char *key)
{
    sl_out_key(out, key);
    sl_out_bool(out, true);
}

static void put_now(sl_json_out *out, const char *key)
{
    char text[WALL_TEXT_SIZE];

    put_text(out, key, wall_format(wall_now(), text));
}

/* As find_caller of glass.c found it. */
static void put_caller(sl_json_out *out, const struct arrival *a)
{
    sl_str id = sl_request_header(a->request, "x-device-id");
    char room[FIELD_ROOM(DEVICE_ID_MAX)];

    if (id.len == 0) (void)fields_text(a->fields, 0, room, sizeof room, &id);
    sl_out_key(out, "device_id");
    sl_out_str(out, id.len > 0 ? id : SL_STR("unknown"));
}

/* ---- the HTTP stand-in ---- */

void glass_answer_register(const struct arrival *a, const struct done *d, sl_json_out *out)
{
    (void)d;
    sl_out_object(out);
    put_true(out, "success");
    put_caller(out, a);
    put_text(out, "message", "Device registered");
    put_text(out, "polling_endpoint", "/api/device/frames");
    put_text(out, "frame_stream_sse", "/stream/frames");
    put_now(out, "timestamp");
    sl_out_end(out);
}

void glass_answer_frame(const struct arrival *a, const struct done *d, sl_json_out *out)
{
    (void)d;
    sl_out_object(out);
    put_true(out, "success");
    put_caller(out, a);
    put_now(out, "received_at");
    sl_out_end(out);
}

void glass_answer_detections(const struct arrival *a, const struct done *d, sl_json_out *out)
{
    (void)a;
    sl_out_object(out);
    put_true(out, "success");
    put_count(out, "received", d->count);
    if (d->is_list || d->outcome == NULL) {
        put_count(out, "stored", d->stored);
    } else {
        done_put_receipt(d, out); /* "stored" among it */
    }
    put_now(out, "timestamp");
    sl_out_end(out);
}

/* ---- the table ---- */

/* The members of the row that the outcome has; a picture of ours by the name of the hub that
 * was asked. */
static void put_row(sl_json_out *out, const struct done *d)
{
    sl_value root = sl_json_root(d->doc);
    bool is_ours =
        sl_value_is_str(sl_value_get(root, SL_STR("image_source")), SL_STR("stream"));
    char room[BASE_URL_SIZE];
    sl_str key, path;

    for (sl_value v = sl_value_first(root, &key); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(root, v, &key)) {
        char name[32];

        if (is_ours && sl_str_eq(key, SL_STR("image_url")) && sl_value_str(v, &path)) {
            glass_put_place(out, base_url_of(d->request, room), path);
        } else if (str_to_cstr(key, name, sizeof name)) {
            sl_out_key(out, name);
            sl_out_raw(out, sl_value_raw(v));
        }
    }
}

static bool read_row(const struct done *d, sl_json_out *out)
{
    if (sl_json_read(d->doc, sl_out_text(&d->outcome->text), NULL, NULL, NULL) == 0)
        return true;
    out->rc = SL_E_NOMEM;
    return false;
}

/* The row, and what the later backend's answer had around it. */
void glass_answer_defect(const struct arrival *a, const struct done *d, sl_json_out *out)
{
    (void)a;
    if (!read_row(d, out)) return;
    sl_out_object(out);
    put_row(out, d);
    put_true(out, "success");
    sl_out_key(out, "data");
    sl_out_object(out);
    put_row(out, d);
    sl_out_end(out);
    put_text(out, "source", "hub");
    put_text(out, "message",
             d->outcome->kind == OUTCOME_MERGED ? "Defect merged with its detection"
                                                : "Defect created successfully");
    put_true(out, "ok");
    put_count(out, "seq", d->outcome->seq);
    put_true(out, "stored");
    sl_out_key(out, "duplicate");
    sl_out_bool(out, d->outcome->kind == OUTCOME_DUPLICATE);
    sl_out_end(out);
}

void glass_answer_edit(const struct arrival *a, const struct done *d, sl_json_out *out)
{
    (void)a;
    if (!read_row(d, out)) return;
    sl_out_object(out);
    put_row(out, d);
    sl_out_end(out);
}

void glass_answer_removal(const struct arrival *a, const struct done *d, sl_json_out *out)
{
    (void)a;
    (void)d;
    sl_out_object(out);
    put_text(out, "message", "Defect deleted successfully");
    sl_out_end(out);
}

/* ---- what is now ---- */

static void answer(sl_request *r, sl_json_out *out)
{
    (void)sl_request_set_header(r, "Cache-Control", SL_STR("no-store"));
    sl_answer_json(r, 200, out);
}

void glass_on_devices_status(sl_request *r, void *user)
{
    struct glass *g = user;
    sl_json_out out = {0};

    cameras_put_status(&g->cameras, &out);
    answer(r, &out);
}

void glass_on_ws_status(sl_request *r, void *user)
{
    struct glass *g = user;
    sl_json_out out = {0};
    const struct camera *cam;
    sl_room_stats room;
    int64_t devices = 0;

    sl_room_get_stats(g->dashboards, &room);
    for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;)
        devices += camera_is_connected(cam);
    sl_out_object(&out);
    put_true(&out, "websocket_enabled");
    put_text(&out, "path", "/ws");
    put_count(&out, "devices_connected", devices);
    put_count(&out, "web_clients_connected", room.members);
    put_now(&out, "timestamp");
    put_text(&out, "note", "devices that call by HTTP are among them");
    sl_out_end(&out);
    answer(r, &out);
}

static const char *is_set(const char *name, const char *other)
{
    const char *v = getenv(name);

    if ((v == NULL || *v == '\0') && other != NULL) v = getenv(other);
    return v != NULL && *v != '\0' ? "set" : "missing";
}

/* The port that it was called by: there may be several. */
static int64_t port_of(sl_str host)
{
    uint64_t port;
    size_t at = host.len;

    while (at > 0 && host.ptr[at - 1] != ':')
        at--;
    if (at == 0 || !str_to_u64(str_part(host, at, host.len), &port) || port > 65535) return 80;
    return (int64_t)port;
}

/* Of keys it is said whether they are there, never what they are. */
void glass_on_health(sl_request *r, void *user)
{
    const char *environment = getenv("NODE_ENV");
    sl_json_out out = {0};

    (void)user;
    sl_out_object(&out);
    put_true(&out, "ok");
    put_count(&out, "port", port_of(sl_request_header(r, "Host")));
    put_text(&out, "environment",
             environment != NULL && *environment != '\0' ? environment : "production");
    sl_out_key(&out, "supabase");
    sl_out_object(&out);
    put_text(&out, "url", is_set("SUPABASE_URL", NULL));
    put_text(&out, "key", is_set("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_KEY"));
    sl_out_end(&out);
    put_now(&out, "timestamp");
    sl_out_end(&out);
    answer(r, &out);
}
