/* SPDX-License-Identifier: MIT */
#include "systems/glass_live.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/str.h"
#include "systems/glass_older.h"
#include "systems/glass_presence.h"
#include "systems/glass_relay.h"
#include "systems/glass_shapes.h"
#include "systems/glass_store.h"

/* ---- whose it is ---- */

/* The camera of this id, made if need be; NULL: `a` has been refused. */
struct camera *live_get_camera(struct arrival *a, sl_str id)
{
    struct glass *g = a->state;
    struct camera *cam = cameras_find(&g->cameras, id);

    if (cam == NULL && arrival_admit_device(a, cameras_count(&g->cameras)) < 0) {
        SL_WARN("glass", "msg=\"a device was refused\" cause=\"%s\"", a->err.text);
        return NULL;
    }
    if (cam == NULL) cam = cameras_get(&g->cameras, id);
    if (cam != NULL && cam->stream == NULL) cam->stream = hub_live_stream(g->hub, "glass", id);
    if (cam != NULL) return cam;
    (void)arrival_refuse(a, 503, "device_id", "the hub is out of memory");
    return NULL;
}

/* ---- who looks ---- */

void live_join(struct glass *g, struct sender *s)
{
    const struct camera *cam;

    if (sl_room_has(g->dashboards, s->ws)) return;
    if (sl_room_join(g->dashboards, s->ws) < 0) {
        sl_ws_close(s->ws, 1011, "out of memory");
        return;
    }
    for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;)
        presence_tell(s->ws, cam);
    for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;) {
        if (cam->last.n > 0) (void)sl_ws_send_newest(s->ws, cam->number, &cam->last);
    }
}

/* ---- a device's message, with members of ours in front ---- */

static void open_ours(sl_json_out *out, sl_str device)
{
    sl_out_object(out);
    sl_out_key(out, "device_id");
    sl_out_str(out, device);
}

/* By HTTP it may say nothing of its type, or another: what it is, is ours to say. */
static uint32_t put_type(sl_json_out *out, sl_value root, sl_str type)
{
    if (sl_value_is_str(sl_value_get(root, SL_STR("type")), type)) return 0;
    sl_out_key(out, "type");
    sl_out_str(out, type);
    return 1;
}

/* What open_ours began, without its braces. */
static int close_ours(sl_json_out *out, sl_str *ours)
{
    sl_str text;

    sl_out_end(out);
    if (out->rc < 0) return out->rc;
    text = sl_out_text(out);
    *ours = str_part(text, 1, text.len - 2);
    return 0;
}

/* To the page, and to dashboards on Socket.IO. */
static void show_frame(struct glass *g, struct camera *cam, const struct arrival *a)
{
    sl_str text;

    if (!sl_value_str(a->fields->value[FRAME_FRAME], &text)) return;
    if (cam->stream != NULL) stream_take_frame(cam->stream, a->buf, text);
    older_show_frame(g, cam, a->buf, text);
}

void live_log_frame(const struct glass *g, const struct camera *cam)
{
    char id[DEVICE_ID_MAX + 1];

    if (!hub_shows_frames(g->hub)) return;
    SL_INFO("glass", "msg=\"[device:frame] from %s\"", camera_printable(camera_id(cam), id));
    SL_INFO("glass", "msg=\"[stream:frame] broadcast to dashboards\"");
}

void live_publish_frame(struct glass *g, struct camera *cam, sl_message *m)
{
    m->born_us = hub_now_us(g->hub);
    (void)sl_room_publish_newest(g->dashboards, cam->number, m, NULL);
    glass_stream_send(&g->stream, cam->number, m);
    m->born_us = 0; /* for newcomers: how long it lay there is not how we are doing */
    cameras_keep_last(&g->cameras, cam, m);
}

void live_relay_frame(struct glass *g, struct camera *cam, const struct arrival *a)
{
    static const sl_str cut[] = {
        {"device_id", 9},
        {"timestamp", 9},
        {"type",      4}
    };
    sl_json_out out = {0};
    uint32_t n = 2;
    sl_message m;
    sl_str ours;

    if (a->sender != NULL) {
        /* The newest connection has gone, but an older one lives: it is the newest now. */
        if (cam->link == NULL) presence_link(g, cam, a->sender);
        if (cam->link != a->sender) return;
    }
    live_log_frame(g, cam);
    show_frame(g, cam, a);
    open_ours(&out, camera_id(cam));
    sl_out_key(&out, "timestamp");
    sl_out_i64(&out, wall_now().us / 1000);
    n += put_type(&out, a->root, SL_STR("frame"));
    if (close_ours(&out, &ours) == 0 && relay_make(a->root, a->buf, ours, cut, n, &m) == 0)
        live_publish_frame(g, cam, &m);
    sl_out_deinit(&out);
}

/* ---- detections, once they are stored ---- */

/* The page gets what the dashboards get. */
static void publish(struct glass *g, sl_str device, const sl_message *m)
{
    char *text;
    size_t n = 0;

    (void)sl_room_publish(g->dashboards, m, NULL);
    if (m->n == 1) {
        hub_live_event(g->hub, "glass", "detection", device, m->slice[0].bytes);
        return;
    }
    text = sl__alloc(m->bytes);
    if (text == NULL) return;
    for (int i = 0; i < m->n; i++) {
        memcpy(text + n, m->slice[i].bytes.ptr, m->slice[i].bytes.len);
        n += m->slice[i].bytes.len;
    }
    hub_live_event(g->hub, "glass", "detection", device, (sl_str){text, n});
    sl__free(text);
}

static void put_time(sl_json_out *out, const struct record *r)
{
    char text[TIMESTAMPTZ_SIZE];

    sl_out_key(out, "timestamp");
    sl_out_str(out, sl_str_of(timestamptz(r->has_device_at ? r->device_at : r->hub_at, text)));
}

static void announce_list(struct glass *g, const struct done *d)
{
    sl_message m = {.text = true};
    sl_json_out out = {0};
    sl_buf *b = NULL;

    open_ours(&out, d->r->device);
    sl_out_key(&out, "type");
    sl_out_str(&out, SL_STR("detection"));
    sl_out_key(&out, "detections");
    sl_out_raw(&out, d->items);
    put_time(&out, d->r);
    sl_out_key(&out, "stored");
    sl_out_bool(&out, true);
    sl_out_end(&out);
    if (out.rc == 0) b = sl_buf_copy(sl_out_text(&out));
    sl_out_deinit(&out);
    if (b == NULL) return;
    (void)!sl_message_add(&m, b, sl_buf_str(b));
    publish(g, d->r->device, &m);
    sl_buf_drop(b);
}

/* From the record: the device's own text, its time included. */
static void announce_one(struct glass *g, const struct record *r, sl_value root, sl_buf *body)
{
    static const sl_str cut[] = {
        {"device_id", 9},
        {"record_id", 9},
        {"type",      4}
    };
    sl_json_out out = {0};
    uint32_t n = 2;
    sl_message m;
    sl_str ours;

    open_ours(&out, r->device);
    sl_out_key(&out, "record_id");
    sl_out_str(&out, sl_str_of(r->id));
    n += put_type(&out, root, SL_STR("detection"));
    if (sl_value_type(sl_value_get(root, SL_STR("timestamp"))) <= SL_JSON_NULL)
        put_time(&out, r);
    if (close_ours(&out, &ours) == 0 && relay_make(root, body, ours, cut, n, &m) == 0) {
        publish(g, r->device, &m);
        relay_drop(&m);
    }
    sl_out_deinit(&out);
}

void live_announce_detection(const struct done *d)
{
    struct glass *g = d->state;
    sl_room_stats stats;
    sl_buf *body;

    sl_room_get_stats(g->dashboards, &stats);
    if (stats.members == 0 && !hub_has_live_viewers(g->hub)) return;
    if (d->is_list) {
        announce_list(g, d);
        return;
    }
    body = sl_buf_copy(d->r->body);
    if (body != NULL && sl_json_read(d->doc, sl_buf_str(body), NULL, NULL, NULL) == 0)
        announce_one(g, d->r, sl_json_root(d->doc), body);
    sl_buf_drop(body);
}

/* ---- what the page alone is told ---- */

/* The row that the answer has. An edit's device is the row's, not the message's. */
void live_announce_row(const struct done *d)
{
    struct glass *g = d->state;
    sl_str row = sl_out_text(&d->outcome->text), raw;
    char room[FIELD_ROOM(DEVICE_ID_MAX)];
    sl_str device = {room, 0};

    if (row.len == 0 || sl_json_read(d->doc, row, NULL, NULL, NULL) < 0) return;
    if (sl_value_str(sl_value_get(sl_json_root(d->doc), SL_STR("device_id")), &raw)
        && raw.len <= sizeof room) {
        int64_t len = sl_json_unescape(raw, room);

        if (len > 0) device.len = (size_t)len;
    }
    hub_live_event(g->hub, "glass", "defect", device, row);
}

void live_announce_removal(const struct done *d)
{
    struct glass *g = d->state;

    hub_live_event(g->hub, "glass", "removal", (sl_str){"", 0}, d->r->body);
}
