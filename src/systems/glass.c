/* SPDX-License-Identifier: MIT */
#include "systems/glass.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/str.h"
#include "systems/glass_cameras.h"
#include "systems/glass_relay.h"
#include "systems/glass_store.h"

#define JSON_NODES_MAX 20000
#define PAGE_LIMIT     50 /* rows, unless asked otherwise */
#define PAGE_LIMIT_MAX 1000

struct glass {
    struct hub *hub;
    sl_room *dashboards;
    struct cameras cameras;
    sl_json doc; /* the message in hand */
};

enum role { ROLE_NONE, ROLE_DEVICE, ROLE_VIEWER };

/* A connection. A record under way holds it too: the answer may come after the close. */
struct client {
    struct glass *glass;
    sl_ws *ws; /* NULL once closed */
    enum role role;
    struct camera *camera;
    uint32_t refs;
};

static void client_drop(struct client *c)
{
    if (--c->refs == 0) sl__free(c);
}

/* ---- telling ---- */

static void send_error(struct client *c, const char *sentence)
{
    sl_json_out out = {0};

    if (c->ws == NULL) return;
    sl_out_object(&out);
    sl_out_key(&out, "type");
    sl_out_str(&out, SL_STR("error"));
    sl_out_key(&out, "error");
    sl_out_str(&out, sl_str_of(sentence));
    sl_out_end(&out);
    if (out.rc == 0) (void)sl_ws_send_text(c->ws, sl_out_text(&out)); /* full: it never reads */
    sl_out_deinit(&out);
}

static void send_status(struct client *c, const struct camera *cam)
{
    sl_buf *b = camera_make_status(cam);

    if (b == NULL) return;
    (void)sl_ws_send_text(c->ws, sl_buf_str(b));
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

/* ---- cameras ---- */

static void set_link(struct glass *g, struct camera *cam, struct client *link)
{
    bool is_news = (cam->link != NULL) != (link != NULL);
    char id[DEVICE_ID_MAX + 1];

    cam->link = link;
    if (!is_news) return;
    cam->changed_at = wall_now();
    SL_INFO("glass", "msg=\"[WS Device] %s %s\"", camera_printable(camera_id(cam), id),
            link != NULL ? "registered" : "disconnected");
    announce_status(g, cam);
}

/* ---- messages: the document is in g->doc, checked; `buf` holds its text ---- */

static void on_register_device(struct client *c, sl_value root, sl_buf *buf)
{
    struct glass *g = c->glass;
    char room[DEVICE_ID_MAX];
    struct camera *cam;
    sl_str id;

    (void)buf;
    if (c->role == ROLE_VIEWER) return;
    if (!camera_read_id(sl_value_get(root, SL_STR("device_id")), room, &id)) {
        send_error(c, "device_id must be a text of at most 128 bytes");
        return;
    }
    cam = cameras_get(&g->cameras, id);
    if (cam == NULL) {
        SL_WARN("glass", "msg=\"a device was refused\" cause=\"%d are known, or no memory\"",
                CAMERAS_MAX);
        send_error(c, "too many devices are known to this hub");
        return;
    }
    c->role = ROLE_DEVICE;
    if (c->camera != NULL && c->camera != cam && c->camera->link == c) {
        set_link(g, c->camera, NULL); /* it goes by another name from now on */
    }
    c->camera = cam;
    set_link(g, cam, c); /* the newest wins; an older one's close changes nothing */
    send_status(c, cam);
}

static void on_register_viewer(struct client *c, sl_value root, sl_buf *buf)
{
    struct glass *g = c->glass;
    const struct camera *cam;

    (void)root;
    (void)buf;
    if (c->role == ROLE_DEVICE) return;
    if (sl_room_has(g->dashboards, c->ws)) return;
    c->role = ROLE_VIEWER;
    if (sl_room_join(g->dashboards, c->ws) < 0) {
        sl_ws_close(c->ws, 1011, "out of memory");
        return;
    }
    for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;)
        send_status(c, cam);
    for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;) {
        if (cam->last.n > 0) (void)sl_ws_send_newest(c->ws, cam->number, &cam->last);
    }
}

/* {"type":"register","client_type":"web_client"}: the other spelling. */
static void on_register(struct client *c, sl_value root, sl_buf *buf)
{
    sl_value kind = sl_value_get(root, SL_STR("client_type"));

    if (sl_value_is_str(kind, SL_STR("web_client"))) on_register_viewer(c, root, buf);
}

/* Members of ours in front of a device's message: device_id and one more. */
static void open_ours(sl_json_out *out, const struct camera *cam)
{
    sl_out_object(out);
    sl_out_key(out, "device_id");
    sl_out_str(out, camera_id(cam));
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

static void on_frame(struct client *c, sl_value root, sl_buf *buf)
{
    static const sl_str cut[] = {
        {"device_id", 9},
        {"timestamp", 9}
    };
    struct glass *g = c->glass;
    struct camera *cam = c->camera;
    sl_json_out out = {0};
    sl_str frame, ours;
    sl_message m;

    if (c->role != ROLE_DEVICE) return;
    if (!sl_value_str(sl_value_get(root, SL_STR("frame")), &frame) || frame.len == 0) return;
    /* The newest connection has gone, but an older one still lives: it is the newest now. */
    if (cam->link == NULL) set_link(g, cam, c);
    if (cam->link != c) return;

    open_ours(&out, cam);
    sl_out_key(&out, "timestamp");
    sl_out_i64(&out, wall_now().us / 1000);
    if (close_ours(&out, &ours) == 0 && relay_make(root, buf, ours, cut, 2, &m) == 0) {
        (void)sl_room_publish_newest(g->dashboards, cam->number, &m, NULL);
        cameras_keep_last(&g->cameras, cam, &m);
    }
    sl_out_deinit(&out);
}

/* Contract 1.2c, from the record: the device's own text, its time included. */
static void announce_detection(struct glass *g, const struct record *r, sl_value root,
                               sl_buf *body)
{
    static const sl_str cut[] = {
        {"device_id", 9},
        {"record_id", 9}
    };
    char text[TIMESTAMPTZ_SIZE];
    sl_json_out out = {0};
    sl_message m;
    sl_str ours;

    sl_out_object(&out);
    sl_out_key(&out, "device_id");
    sl_out_str(&out, r->device);
    sl_out_key(&out, "record_id");
    sl_out_str(&out, sl_str_of(r->id));
    if (sl_value_type(sl_value_get(root, SL_STR("timestamp"))) == SL_JSON_NONE) {
        sl_out_key(&out, "timestamp");
        sl_out_str(&out, sl_str_of(timestamptz(r->hub_at, text)));
    }
    if (close_ours(&out, &ours) == 0 && relay_make(root, body, ours, cut, 2, &m) == 0) {
        (void)sl_room_publish(g->dashboards, &m, NULL);
        relay_drop(&m);
    }
    sl_out_deinit(&out);
}

static void on_detection_done(struct record *r, const struct outcome *out)
{
    struct client *c = r->user;
    struct glass *g = c->glass;
    char text[96], id[DEVICE_ID_MAX + 1];

    if (out->rc < 0) {
        SL_ERROR("glass", "msg=\"a detection of %s was not stored\" cause=\"%s\"",
                 camera_printable(r->device, id), sl_strerror(out->rc, text, sizeof text));
        send_error(c, "the detection was not stored: the hub's disk refused it");
    } else if (!hub_is_stopping(g->hub)) {
        sl_buf *body = sl_buf_copy(r->body);

        if (body != NULL && sl_json_read(&g->doc, sl_buf_str(body), NULL, NULL, NULL) == 0) {
            announce_detection(g, r, sl_json_root(&g->doc), body);
        }
        sl_buf_drop(body);
    }
    client_drop(c);
}

static void on_detection(struct client *c, sl_value root, sl_buf *buf)
{
    struct glass *g = c->glass;
    char id[DEVICE_ID_MAX + 1];
    struct record *r;
    sl_str at;

    (void)buf;
    if (c->role != ROLE_DEVICE) return;
    r = record_new(&glass_detection, camera_id(c->camera), sl_value_raw(root));
    if (r == NULL) goto refused;
    if (sl_value_str(sl_value_get(root, SL_STR("timestamp")), &at)) {
        r->has_device_at = wall_parse(at, &r->device_at);
    }
    r->on_done = on_detection_done;
    r->user = c;
    if (hub_append(g->hub, r) < 0) goto refused;
    c->refs++;
    return;

refused:
    record_free(r);
    SL_WARN("glass", "msg=\"a detection of %s was refused\" cause=\"the journal is full\"",
            camera_printable(camera_id(c->camera), id));
    send_error(c, "the detection was not stored: the hub has more to write than it can hold");
}

static void on_ping(struct client *c, sl_value root, sl_buf *buf)
{
    (void)root;
    (void)buf;
    (void)sl_ws_send_text(c->ws, SL_STR("{\"type\":\"pong\"}")); /* full: it never reads */
}

static const struct intake {
    sl_str type;
    void (*on_message)(struct client *c, sl_value root, sl_buf *buf);
} intakes[] = {
    {{"frame", 5},            on_frame          },
    {{"detection", 9},        on_detection      },
    {{"ping", 4},             on_ping           },
    {{"device_register", 15}, on_register_device},
    {{"web_client", 10},      on_register_viewer},
    {{"register", 8},         on_register       },
};

/* ---- connections ---- */

static void on_open(sl_ws *ws, const sl_request *upgrade, void *user)
{
    struct client *c = sl__zalloc(sizeof *c);

    (void)upgrade;
    if (c == NULL) {
        sl_ws_close(ws, 1011, "out of memory");
        return;
    }
    *c = (struct client){.glass = user, .ws = ws, .refs = 1};
    sl_ws_set_user(ws, c);
}

/* What is no JSON object, or of no type we know, is ignored; the connection is kept. */
static void on_message(sl_ws *ws, const sl_message *m, const sl_json_index *index, void *user)
{
    static const sl_json_limits limits = {.nodes = JSON_NODES_MAX};
    struct client *c = sl_ws_user(ws);
    struct glass *g = user;
    sl_value root, type;

    if (c == NULL || !m->text || m->n == 0) return;
    if (sl_json_read(&g->doc, m->slice[0].bytes, index, &limits, NULL) < 0) return;
    root = sl_json_root(&g->doc);
    if (sl_value_type(root) != SL_JSON_OBJECT) return;
    type = sl_value_get(root, SL_STR("type"));
    for (size_t i = 0; i < sizeof intakes / sizeof intakes[0]; i++) {
        if (!sl_value_is_str(type, intakes[i].type)) continue;
        intakes[i].on_message(c, root, m->slice[0].buf);
        return;
    }
}

static void on_close(sl_ws *ws, int code, sl_str reason, void *user)
{
    struct client *c = sl_ws_user(ws);

    (void)code;
    (void)reason;
    if (c == NULL) return;
    c->ws = NULL;
    if (c->camera != NULL && c->camera->link == c) set_link(user, c->camera, NULL);
    client_drop(c);
}

static const sl_ws_ops device_ops = {
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
    .json = true,
};

/* ---- HTTP ---- */

static bool read_number(sl_request *r, const char *name, uint64_t usual, uint64_t max,
                        int64_t *out)
{
    sl_str text = sl_request_query(r, name);
    uint64_t v = usual;

    if (text.len > 0 && !str_to_u64(text, &v)) return false;
    *out = (int64_t)(v < max ? v : max);
    return true;
}

static void on_defects(sl_request *r, void *user)
{
    struct glass *g = user;
    struct defect_page page;

    if (!read_number(r, "limit", PAGE_LIMIT, PAGE_LIMIT_MAX, &page.limit)
        || !read_number(r, "offset", 0, INT64_MAX, &page.offset)) {
        sl_answer_error(r, 400, "limit and offset must be whole numbers, 0 or more");
        return;
    }
    hub_answer_query(g->hub, r, glass_read_defects, &page, sizeof page);
}

static void on_devices_status(sl_request *r, void *user)
{
    struct glass *g = user;
    sl_json_out out = {0};

    cameras_put_status(&g->cameras, &out);
    if (out.rc < 0) {
        sl_answer_error(r, 503, "the hub is out of memory: try again in a moment");
    } else {
        sl_answer(r, 200, "application/json; charset=utf-8", sl_out_text(&out));
    }
    sl_out_deinit(&out);
}

static const sl_route routes[] = {
    SL_ROUTE_WS("/ws", SL_RIGHT_OPEN, &device_ops, NULL),
    SL_ROUTE_WS("/", SL_RIGHT_OPEN, &device_ops, NULL), /* the guide says the bare host */
    SL_ROUTE(SL_GET, "/defects", SL_RIGHT_OPEN, on_defects, NULL),
    SL_ROUTE(SL_GET, "/devices/status", SL_RIGHT_OPEN, on_devices_status, NULL),
};

/* ---- life ---- */

static int start(void *state, struct hub *hub, sl_error *err)
{
    struct glass *g = state;
    int rc;

    g->hub = hub;
    rc = cameras_init(&g->cameras);
    if (rc < 0) return sl_fail(err, rc, "glass", "out of memory");
    /* Detections and states are never left out: who cannot take them comes back and reads. */
    rc = sl_room_new(hub_server(hub), SL_ROOM_CLOSE, &g->dashboards);
    return rc < 0 ? sl_fail(err, rc, "glass", "cannot make the dashboards' room") : 0;
}

static void stop(void *state)
{
    struct glass *g = state;

    sl_room_free(g->dashboards);
    cameras_deinit(&g->cameras);
    sl_json_deinit(&g->doc);
}

const struct system glass_system = {
    .name = "glass",
    .step = glass_steps,
    .step_count = GLASS_STEPS,
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .state_size = sizeof(struct glass),
    .start = start,
    .stop = stop,
};
