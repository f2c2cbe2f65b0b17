/* SPDX-License-Identifier: MIT */
#include "systems/glass_presence.h"

#include "sluice/log.h"

#include "base/str.h"
#include "systems/glass_older.h"

#define PEER_MAX   64
#define WIRE_OLDER "Socket.IO"
#define RENAMED    "it goes by another name from now on"

/* ---- telling ---- */

void presence_tell(sl_ws *ws, const struct camera *cam)
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
    older_tell_status(g, cam);
}

/* The newest one's; each has a way back to its socket, whichever list it is in. */
static const char *peer_of(const struct camera *cam)
{
    const struct older *o = list_is_empty(&cam->sockets)
                                ? LIST_ENTRY(cam->feeds.prev, struct older, of_feed)
                                : LIST_ENTRY(cam->sockets.prev, struct older, of_camera);

    return sl_sio_peer(o->sender->sio);
}

/*
 * What the page is told of its link; a WebSocket counts for more than calls by HTTP. A socket
 * that sends pictures without having said whose is a link as well, though nobody's presence.
 */
static void show_link(const struct camera *cam, const char *http_peer)
{
    char peer[PEER_MAX];

    if (cam->stream == NULL) return;
    if (cam->link != NULL && cam->link->ws != NULL)
        stream_set_link(cam->stream, true, "websocket",
                        sl_ws_peer(cam->link->ws, peer, sizeof peer));
    else if (!list_is_empty(&cam->sockets) || !list_is_empty(&cam->feeds))
        stream_set_link(cam->stream, true, "socket.io", peer_of(cam));
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

/* In the words of the originals' guides. */
static void log_presence(const struct camera *cam, const char *wire, sl_str end)
{
    char id[DEVICE_ID_MAX + 1], room[DEVICE_ID_MAX + 1];

    camera_printable(camera_id(cam), id);
    if (camera_is_connected(cam))
        SL_INFO("glass", "msg=\"[%s Device] %s registered\"", wire, id);
    else
        SL_INFO("glass", "msg=\"[%s Device] %s disconnected\" cause=\"%s\"", wire, id,
                printable_end(end, room));
}

/*
 * Something about its connections has changed.
 *
 * was        whether it was connected before
 * http_peer  who calls by HTTP just now; NULL: nobody
 * end        why a connection has ended, for the log
 */
static void changed(struct glass *g, struct camera *cam, bool was, const char *wire,
                    const char *http_peer, sl_str end)
{
    show_link(cam, http_peer);
    if (camera_is_connected(cam) == was) return;
    cam->changed_at = wall_now();
    log_presence(cam, wire, end);
    announce_status(g, cam);
}

/* ---- raw WebSocket ---- */

static void set_link(struct glass *g, struct camera *cam, struct sender *link, sl_str end)
{
    bool was = camera_is_connected(cam);

    cam->link = link;
    changed(g, cam, was, "WS", NULL, end);
}

void presence_link(struct glass *g, struct camera *cam, struct sender *s)
{
    set_link(g, cam, s, (sl_str){0});
}

void presence_register(struct glass *g, struct sender *s, struct camera *cam)
{
    struct camera *before = s->user;

    if (before != NULL && before != cam && before->link == s)
        set_link(g, before, NULL, SL_STR(RENAMED));
    s->user = cam;
    set_link(g, cam, s, (sl_str){0});
    presence_tell(s->ws, cam);
}

void presence_leave(struct glass *g, struct sender *s)
{
    struct camera *cam = s->user;

    if (cam->link == s) set_link(g, cam, NULL, s->end); /* else a newer one is there */
}

/* ---- HTTP ---- */

static void set_by_http(struct camera *cam, bool by_http, const char *peer, sl_str end)
{
    bool was = camera_is_connected(cam);

    cam->by_http = by_http;
    changed(cam->owner, cam, was, "WS", peer, end); /* it is the newer program all the same */
}

static void on_http_life(struct timer *t)
{
    set_by_http(LIST_ENTRY(t, struct camera, http_life), false, NULL,
                SL_STR("it has not called for 60 s"));
}

void presence_by_http(struct glass *g, struct camera *cam, const char *peer)
{
    if (cam->owner == NULL) {
        cam->owner = g;
        timer_init(&cam->http_life, on_http_life);
    }
    hub_set_timer(g->hub, &cam->http_life, HTTP_LIFE_MS);
    set_by_http(cam, true, peer, (sl_str){0});
}

/* ---- Socket.IO ---- */

static void leave_feed(struct older *o)
{
    struct camera *cam = o->feed;

    if (cam == NULL) return;
    o->feed = NULL;
    list_remove(&o->of_feed);
    show_link(cam, NULL);
}

static void leave_camera(struct glass *g, struct older *o, sl_str end)
{
    struct camera *cam = o->camera;
    bool was;

    if (cam == NULL) return;
    was = camera_is_connected(cam);
    o->camera = NULL;
    list_remove(&o->of_camera);
    changed(g, cam, was, WIRE_OLDER, NULL, end);
}

void presence_join_socket(struct glass *g, struct older *o, struct camera *cam)
{
    bool was = camera_is_connected(cam);

    if (o->camera == cam) return;
    if (o->feed == cam) leave_feed(o);
    leave_camera(g, o, SL_STR(RENAMED));
    o->camera = cam;
    list_add_last(&cam->sockets, &o->of_camera);
    changed(g, cam, was, WIRE_OLDER, NULL, (sl_str){0});
}

void presence_feed_socket(struct older *o, struct camera *cam)
{
    if (o->camera == cam || o->feed == cam) return;
    leave_feed(o);
    o->feed = cam;
    list_add_last(&cam->feeds, &o->of_feed);
    show_link(cam, NULL);
}

void presence_leave_socket(struct glass *g, struct older *o, sl_str end)
{
    leave_feed(o);
    leave_camera(g, o, end);
}

/* ---- the end ---- */

void presence_stop(struct glass *g)
{
    struct camera *cam;

    for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;) {
        if (cam->owner != NULL) hub_cancel_timer(g->hub, &cam->http_life);
    }
}
