/* SPDX-License-Identifier: MIT */
#include "systems/glass_live.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/str.h"
#include "systems/glass_relay.h"
#include "systems/glass_shapes.h"
#include "systems/glass_store.h"

#define PEER_MAX 64

/* ---- presence: told when it changes, and to newcomers ---- */

static void send_status(sl_ws *ws, const struct camera *cam)
{
    sl_buf *b = camera_make_status(cam);

    if (b == NULL) return;
    (void)sl_ws_send_text(ws, sl_buf_str(b)); /* full: a device that never reads */
    sl_buf_drop(b);
}

static void announce_status(struct glass *g, const struct camera *cam)
{
    sl_message m = {.text = true};
    sl_buf *b = camera_make_status(cam);

    if (b == NULL) return;
    (void)!sl_message_add(&m, b, sl_buf_str(b));
    (void)sl_room_publish(g->dashboards, &m, NULL);
    sl_buf_drop(b);
}

/* What the page is told of its link; a WebSocket counts for more than calls by HTTP. */
static void show_link(const struct camera *cam, const char *http_peer)
{
    char peer[PEER_MAX];

    if (cam->stream == NULL) return;
    if (cam->link != NULL && cam->link->ws != NULL)
        stream_set_link(cam->stream, true, "websocket",
                        sl_ws_peer(cam->link->ws, peer, sizeof peer));
    else if (cam->by_http && http_peer != NULL)
        stream_set_link(cam->stream, true, "http", http_peer);
    else if (!camera_is_connected(cam))
        stream_set_link(cam->stream, false, "", "");
}

/* In quotes; what the peer said of its end may be anything. */
static const char *printable_end(sl_str end, char room[DEVICE_ID_MAX + 1])
{
    if (end.len == 0) return "it said goodbye";
    return camera_printable(str_cut_utf8(end, DEVICE_ID_MAX), room);
}

static void log_presence(const struct camera *cam, sl_str end)
{
    char id[DEVICE_ID_MAX + 1], room[DEVICE_ID_MAX + 1];

    camera_printable(camera_id(cam), id);
    if (camera_is_connected(cam))
        SL_INFO("glass", "msg=\"[WS Device] %s registered\"", id);
    else
        SL_INFO("glass", "msg=\"[WS Device] %s disconnected\" cause=\"%s\"", id,
                printable_end(end, room));
}

/*
 * http_peer  who calls by HTTP just now; NULL: nobody
 * end        why a connection has ended, for the log
 */
static void set_presence(struct glass *g, struct camera *cam, struct sender *link, bool by_http,
                         const char *http_peer, sl_str end)
{
    bool was = camera_is_connected(cam);

    cam->link = link;
    cam->by_http = by_http;
    show_link(cam, http_peer);
    if (camera_is_connected(cam) == was) return;
    cam->changed_at = wall_now();
    log_presence(cam, end);
    announce_status(g, cam);
}

void live_register(struct glass *g, struct sender *s, struct camera *cam)
{
    struct camera *before = s->user;

    if (before != NULL && before != cam && before->link == s)
        set_presence(g, before, NULL, before->by_http, NULL,
                     SL_STR("it goes by another name from now on"));
    s->user = cam;
    set_presence(g, cam, s, cam->by_http, NULL, (sl_str){0});
    send_status(s->ws, cam);
}

void live_leave(struct glass *g, struct sender *s)
{
    struct camera *cam = s->user;

    if (cam->link == s)
        set_presence(g, cam, NULL, cam->by_http, NULL, s->end); /* else a newer one is there */
}

static void on_http_life(struct timer *t)
{
    struct camera *cam = LIST_ENTRY(t, struct camera, http_life);

    set_presence(cam->owner, cam, cam->link, false, NULL, SL_STR("it has not called for 60 s"));
}

void live_called_by_http(struct glass *g, struct camera *cam, const char *peer)
{
    if (cam->owner == NULL) {
        cam->owner = g;
        timer_init(&cam->http_life, on_http_life);
    }
    hub_set_timer(g->hub, &cam->http_life, HTTP_LIFE_MS);
    set_presence(g, cam, cam->link, true, peer, (sl_str){0});
}

void live_join(struct glass *g, struct sender *s)
{
    const struct camera *cam;

    if (sl_room_has(g->dashboards, s->ws)) return;
    if (sl_room_join(g->dashboards, s->ws) < 0) {
        sl_ws_close(s->ws, 1011, "out of memory");
        return;
    }
    for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;)
        send_status(s->ws, cam);
    for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;) {
        if (cam->last.n > 0) (void)sl_ws_send_newest(s->ws, cam->number, &cam->last);
    }
}

void live_stop(struct glass *g)
{
    struct camera *cam;

    if (g->cameras.by_id == NULL) return;
    for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;) {
        if (cam->owner != NULL) hub_cancel_timer(g->hub, &cam->http_life);
    }
    glass_stream_deinit(&g->stream);
    sl_room_free(g->dashboards);
    cameras_deinit(&g->cameras);
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

static void show_frame(struct camera *cam, const struct arrival *a)
{
    sl_str text;

    if (cam->stream != NULL && sl_value_str(a->fields->value[FRAME_FRAME], &text))
        stream_take_frame(cam->stream, a->buf, text);
}

void live_relay_frame(struct glass *g, struct camera *cam, const struct arrival *a)
{
    static const sl_str cut[] = {
        {"device_id", 9},
        {"timestamp", 9},
        {"type",      4}
    };
    sl_json_out out = {0};
    char id[DEVICE_ID_MAX + 1];
    uint32_t n = 2;
    sl_message m;
    sl_str ours;

    if (a->sender != NULL) {
        /* The newest connection has gone, but an older one lives: it is the newest now. */
        if (cam->link == NULL) set_presence(g, cam, a->sender, cam->by_http, NULL, (sl_str){0});
        if (cam->link != a->sender) return;
    }
    if (hub_shows_frames(g->hub)) {
        SL_INFO("glass", "msg=\"[device:frame] from %s\"",
                camera_printable(camera_id(cam), id));
        SL_INFO("glass", "msg=\"[stream:frame] broadcast to dashboards\"");
    }
    show_frame(cam, a);
    open_ours(&out, camera_id(cam));
    sl_out_key(&out, "timestamp");
    sl_out_i64(&out, wall_now().us / 1000);
    n += put_type(&out, a->root, SL_STR("frame"));
    if (close_ours(&out, &ours) == 0 && relay_make(a->root, a->buf, ours, cut, n, &m) == 0) {
        m.born_us = hub_now_us(g->hub);
        (void)sl_room_publish_newest(g->dashboards, cam->number, &m, NULL);
        glass_stream_send(&g->stream, cam->number, &m);
        m.born_us = 0; /* for newcomers: how long it lay there is not how we are doing */
        cameras_keep_last(&g->cameras, cam, &m);
    }
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
