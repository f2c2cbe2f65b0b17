/* SPDX-License-Identifier: MIT */
#include "systems/glass.h"

#include "base/str.h"
#include "systems/glass_live.h"
#include "systems/glass_older.h"
#include "systems/glass_pages.h"
#include "systems/glass_pictures.h"
#include "systems/glass_presence.h"
#include "systems/glass_shapes.h"
#include "systems/glass_store.h"

#define MIB            (1024 * 1024)
#define FRAME_MAX      (16 * MIB)
#define DETECTION_MAX  (256 * 1024)
#define LIST_BYTES_MAX (10 * MIB) /* contract 1.4, and of rows §3 */

/* ---- whose it is ---- */

/* The id that a message names, as text in `room`; "unknown" if there is none. */
static sl_str id_in(const struct arrival *a, char room[FIELD_ROOM(DEVICE_ID_MAX)])
{
    sl_str id = {0};

    (void)fields_text(a->fields, 0, room, FIELD_ROOM(DEVICE_ID_MAX), &id);
    return id.len > 0 ? id : SL_STR("unknown");
}

static bool is_text(sl_str s)
{
    while (s.len > 0) {
        size_t n = str_utf8_char(s);

        if (n == 0 || (n == 1 && (s.ptr[0] & 0x7f) < 0x20)) return false;
        s = str_part(s, n, s.len);
    }
    return true;
}

/*
 * Over HTTP the header says who calls, else the body; it is there for a minute, contract 1.4.
 * NULL: `a` has been refused.
 */
static struct camera *find_caller(struct arrival *a)
{
    sl_str id = sl_request_header(a->request, "x-device-id");
    char room[FIELD_ROOM(DEVICE_ID_MAX)];
    struct camera *cam;

    if (id.len == 0) id = id_in(a, room);
    if (id.len > DEVICE_ID_MAX || !is_text(id)) {
        (void)arrival_refuse(a, 400, "x-device-id",
                             "x-device-id must be text of at most %d bytes", DEVICE_ID_MAX);
        return NULL;
    }
    cam = live_get_camera(a, id);
    if (cam != NULL) presence_by_http(a->state, cam, sl_request_peer(a->request));
    return cam;
}

/* The camera that a message is of: its connection's, or the caller; NULL: `a` has been refused.
 */
static struct camera *find_camera(struct arrival *a)
{
    return a->sender != NULL ? a->sender->user : find_caller(a);
}

/* ---- what each message does: on the loop, its shape is good ---- */

static int on_register_device(struct arrival *a)
{
    char room[FIELD_ROOM(DEVICE_ID_MAX)];
    struct camera *cam;

    if (a->sender == NULL) return find_caller(a) != NULL ? 0 : a->err.code;
    cam = live_get_camera(a, id_in(a, room));
    if (cam == NULL) return a->err.code;
    a->sender->role = ROLE_DEVICE;
    presence_register(a->state, a->sender, cam);
    return 0;
}

static int on_register_viewer(struct arrival *a)
{
    a->sender->role = ROLE_VIEWER;
    live_join(a->state, a->sender);
    return 0;
}

/* {"type":"register","client_type":"web_client"}: the other spelling. */
static int on_register(struct arrival *a)
{
    if (!sl_value_is_str(a->fields->value[VIEWER_KIND], SL_STR("web_client"))) return 0;
    return on_register_viewer(a);
}

static int on_frame(struct arrival *a)
{
    struct camera *cam;

    if (a->request != NULL && sl_request_header(a->request, "x-device-id").len == 0
        && !fields_has(a->fields, FRAME_DEVICE)) {
        return arrival_refuse(a, 400, "device_id", "device_id is missing");
    }
    cam = find_camera(a);
    if (cam == NULL) return a->err.code;
    live_relay_frame(a->state, cam, a);
    return 0;
}

static int on_detection(struct arrival *a)
{
    struct camera *cam = find_camera(a);

    if (cam == NULL) return a->err.code;
    a->device = camera_id(cam);
    a->note = shots_take(a->state, cam, wall_now());
    return 0;
}

/* Those of a list lie in rows that follow each other, but the number of the last must be known.
 */
static void on_detections_stored(const struct done *d)
{
    const struct outcome *last = &d->r->outcome;
    struct glass *g = d->state;
    struct camera *cam;

    live_announce_detection(d);
    if (d->note == 0) return;
    cam = cameras_get(&g->cameras, d->r->device);
    if (cam == NULL || last->kind != OUTCOME_STORED)
        hub_leave_out_pictures(g->hub, SL_E_DB, d->stored);
    else
        shots_attach(g, cam, d->note, last->seq, d->stored);
}

static int on_ping(struct arrival *a)
{
    (void)sl_ws_send_text(a->sender->ws, SL_STR("{\"type\":\"pong\"}")); /* full: never reads */
    return 0;
}

static int on_defect(struct arrival *a)
{
    struct glass *g = a->state;

    a->device = id_in(a, g->room);
    return 0;
}

/* ---- the tables: contract 1.2, 1.4, §3 ---- */

#define BIT(role)  (1u << (role))
#define NEW_DEVICE (BIT(ROLE_NONE) | BIT(ROLE_DEVICE))
#define NEW_VIEWER (BIT(ROLE_NONE) | BIT(ROLE_VIEWER))

/* Contract §2: each by two names. */
static const char *const hello[] = {"client:hello", NULL};
static const char *const older_register[] = {"device:register", "jetson:register", NULL};
static const char *const older_frame[] = {"device:frame", "jetson:frame", NULL};
static const char *const older_status[] = {"device:status", "jetson:status", NULL};
static const char *const reserved[] = {"dashboard:start", "dashboard:stop", "dashboard:pause",
                                       "dashboard:resume", NULL};

/* clang-format off */
static const struct intake intakes[] = {
    {
        .help = "a picture of a camera: the newest goes to whoever watches, none is stored",
        .ws_type = "frame",
        .http_method = SL_POST,
        .http_path = "/api/device/frames",
        .class = CLASS_FRAME,
        .from = BIT(ROLE_DEVICE),
        .right = SL_RIGHT_OPEN,
        .bytes_max = FRAME_MAX,
        .shape = &glass_frame_shape,
        .on_x = on_frame,
        .answer_x = glass_answer_frame,
    },
    {
        .help = "something a camera has found: stored, then shown",
        .ws_type = "detection",
        .http_method = SL_POST,
        .http_path = "/api/device/detections",
        .class = CLASS_RECORD,
        .from = BIT(ROLE_DEVICE),
        .right = SL_RIGHT_OPEN,
        .bytes_max = LIST_BYTES_MAX,
        .shape = &glass_detection_shape,
        .list = "detections",
        .list_shape = &glass_list_shape,
        .item = &glass_item_shape,
        .kind = &glass_detection,
        .on_x = on_detection,
        .answer_x = glass_answer_detections,
        .announce_x = on_detections_stored,
    },
    {
        .help = "is the hub there? answered with {\"type\":\"pong\"}",
        .ws_type = "ping",
        .class = CLASS_REPLY,
        .on_x = on_ping,
    },
    {
        .help = "which camera this connection is",
        .ws_type = "device_register",
        .http_method = SL_POST,
        .http_path = "/api/device/register",
        .class = CLASS_STATE,
        .from = NEW_DEVICE,
        .right = SL_RIGHT_OPEN,
        .bytes_max = DETECTION_MAX,
        .shape = &glass_register_shape,
        .on_x = on_register_device,
        .answer_x = glass_answer_register,
    },
    {
        .help = "a website that watches",
        .ws_type = "web_client",
        .class = CLASS_STATE,
        .from = NEW_VIEWER,
        .on_x = on_register_viewer,
    },
    {
        .help = "the same, in another spelling",
        .ws_type = "register",
        .class = CLASS_STATE,
        .from = NEW_VIEWER,
        .shape = &glass_viewer_shape,
        .on_x = on_register,
    },
    {
        .help = "a picture of an older camera, with what it has found in it",
        .events = older_frame,
        .class = CLASS_FRAME,
        .bytes_max = FRAME_MAX,
        .shape = &glass_shot_shape,
        .on_x = older_on_frame,
    },
    {
        .help = "an older camera or a website says what it is",
        .events = hello,
        .class = CLASS_STATE,
        .bytes_max = DETECTION_MAX,
        .shape = &glass_hello_shape,
        .on_x = older_on_hello,
    },
    {
        .help = "which camera this older one is",
        .events = older_register,
        .class = CLASS_STATE,
        .bytes_max = DETECTION_MAX,
        .shape = &glass_older_shape,
        .on_x = older_on_register,
    },
    {
        .help = "an older camera says how it is: passed on as it is",
        .events = older_status,
        .class = CLASS_STATE,
        .bytes_max = DETECTION_MAX,
        .shape = &glass_status_shape,
        .on_x = older_on_status,
    },
    {
        .help = "kept free for what websites will ask of cameras: taken and ignored",
        .events = reserved,
        .class = CLASS_REPLY,
    },
    {
        .http_method = SL_POST,
        .http_path = "/defects",
        .help = "a row of the list, as a camera's uploader writes it",
        .class = CLASS_RECORD,
        .right = SL_RIGHT_OPEN,
        .bytes_max = LIST_BYTES_MAX,
        .shape = &glass_defect_shape,
        .kind = &glass_defect,
        .status = 201,
        .on_x = on_defect,
        .answer_x = glass_answer_defect,
        .announce_x = live_announce_row,
    },
    {
        .help = "changes some columns of a row",
        .http_method = SL_PATCH,
        .http_path = "/defects/:id",
        .class = CLASS_RECORD,
        .right = SL_RIGHT_OPEN,
        .bytes_max = LIST_BYTES_MAX,
        .shape = &glass_edit_shape,
        .param = "id",
        .kind = &glass_edit,
        .answer_x = glass_answer_edit,
        .announce_x = live_announce_row,
    },
    {
        .help = "takes a row out of the list",
        .http_method = SL_DELETE,
        .http_path = "/defects/:id",
        .class = CLASS_RECORD,
        .right = SL_RIGHT_OPEN,
        .param = "id",
        .kind = &glass_removal,
        .answer_x = glass_answer_removal,
        .announce_x = live_announce_removal,
    },
};
/* clang-format on */

static void on_stream(sl_request *r, void *user)
{
    struct glass *g = user;

    glass_stream_join(&g->stream, r);
}

static const sl_route routes[] = {
    SL_ROUTE(SL_GET, "/stream/frames", SL_RIGHT_OPEN, on_stream, NULL),
    SL_ROUTE(SL_GET, "/devices/status", SL_RIGHT_OPEN, glass_on_devices_status, NULL),
    SL_ROUTE(SL_GET, "/devices", SL_RIGHT_OPEN, glass_on_devices, NULL),
    SL_ROUTE(SL_GET, "/devices/*id", SL_RIGHT_OPEN, glass_on_device, NULL),
    SL_ROUTE(SL_GET, "/ws/status", SL_RIGHT_OPEN, glass_on_ws_status, NULL),
    SL_ROUTE(SL_GET, "/health/detailed", SL_RIGHT_OPEN, glass_on_health, NULL),
};

/* By enum role. */
static const char *const roles[] = {"device", "viewer", NULL};

/* The guide says the bare host, every client says /ws. */
static const char *const ws_paths[] = {"/ws", "/", NULL};

/* ---- life ---- */

static void on_leave(void *state, struct sender *s)
{
    if (s->sio != NULL)
        older_leave(state, s);
    else if (s->user != NULL)
        presence_leave(state, s);
}

/* Of an older one its own name, if it has not said as which camera it is there. */
static sl_str device_of(const void *state, const struct sender *s)
{
    const struct older *o = s->sio != NULL ? s->user : NULL;
    const struct camera *cam = s->sio == NULL && s->role == ROLE_DEVICE ? s->user : NULL;

    (void)state;
    if (o != NULL) cam = o->camera != NULL ? o->camera : o->feed;
    if (cam != NULL) return camera_id(cam);
    return o != NULL && o->id_len > 0 ? (sl_str){o->id, o->id_len} : (sl_str){0};
}

static void count_devices(const void *state, uint32_t *connected, uint32_t *disconnected)
{
    const struct glass *g = state;
    const struct camera *cam;

    for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;)
        ++*(camera_is_connected(cam) ? connected : disconnected);
}

static int start(void *state, struct hub *hub, sl_error *err)
{
    struct glass *g = state;
    int rc;

    g->hub = hub;
    rc = cameras_init(&g->cameras);
    if (rc < 0) return sl_fail(err, rc, "glass", "out of memory");
    glass_stream_init(&g->stream, hub, &g->cameras);
    /* Detections and states are never left out: who cannot take them comes back and reads. */
    rc = sl_room_new(hub_server(hub), SL_ROOM_CLOSE, &g->dashboards);
    return rc < 0 ? sl_fail(err, rc, "glass", "cannot make the dashboards' room") : 0;
}

static void stop(void *state)
{
    struct glass *g = state;

    shots_stop(g);
    if (g->cameras.by_id == NULL) return;
    presence_stop(g);
    glass_stream_deinit(&g->stream);
    sl_room_free(g->dashboards);
    cameras_deinit(&g->cameras);
}

const struct system glass_system = {
    .name = "glass",
    .step = glass_steps,
    .step_count = GLASS_STEPS,
    .roles = roles,
    .ws_paths = ws_paths,
    .intakes = intakes,
    .intake_count = sizeof intakes / sizeof intakes[0],
    .queries = glass_queries,
    .query_count = GLASS_QUERIES,
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .state_size = sizeof(struct glass),
    .start = start,
    .stop = stop,
    .on_leave = on_leave,
    .device_of = device_of,
    .count_devices = count_devices,
};
