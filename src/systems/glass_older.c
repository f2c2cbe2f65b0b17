/* SPDX-License-Identifier: MIT */
#include "systems/glass_older.h"

#include "base/alloc.h"
#include "base/str.h"
#include "systems/glass_presence.h"
#include "systems/glass_shapes.h"

#define DASHBOARDS SL_STR("glass:dashboards")
#define SIGHTS_MAX (64 * 1024)
#define SIGHTS_EACH_US \
    100000 /* boxes stay for two seconds: ten sets of them a second are plenty */

/* What a device:frame says, as it is written. */
struct shot {
    sl_buf *buf;
    sl_str image, mime;   /* between their quotes */
    sl_str time, defects; /* JSON; empty: there is none */
    sl_str device;        /* JSON; empty: the camera's id */
};

/* ---- to dashboards ---- */

static bool has_dashboards(struct glass *g)
{
    return sl_sio_count(hub_sio(g->hub), (sl_str){0}, DASHBOARDS) > 0;
}

/* key 0: in order. Whose queue is full is cut off: it comes back and is told anew. */
static void tell(struct glass *g, uint32_t key, sl_sio_packet *p)
{
    const sl_str room = DASHBOARDS;
    const sl_sio_target t = {.to = &room, .to_count = 1};

    if (p == NULL) return;
    if (key == 0)
        (void)sl_sio_broadcast(hub_sio(g->hub), &t, p);
    else
        (void)sl_sio_broadcast_newest(hub_sio(g->hub), &t, key, p);
    sl_sio_packet_free(p);
}

static sl_sio_packet *make_status(const struct camera *cam)
{
    sl_sio_packet *p = sl_sio_packet_new("device:status");
    sl_json_out *out;

    if (p == NULL) return NULL;
    out = sl_sio_args(p);
    sl_out_object(out);
    sl_out_key(out, "online");
    sl_out_bool(out, camera_is_connected(cam));
    sl_out_key(out, "deviceId");
    sl_out_str(out, camera_id(cam));
    sl_out_end(out);
    return p;
}

void older_tell_status(struct glass *g, const struct camera *cam)
{
    if (has_dashboards(g)) tell(g, 0, make_status(cam));
}

/* A picture's own "data:" in front of it stays. */
static void put_data_url(sl_sio_packet *p, const struct shot *s)
{
    sl_json_out *out = sl_sio_args(p);

    sl_out_key(out, "dataUrl");
    if (s->mime.len > 0) {
        sl_out_raw(out, SL_STR("\"data:"));
        sl_out_more(out, s->mime);
        sl_out_more(out, SL_STR(";base64,"));
    } else {
        sl_out_raw(out, SL_STR("\""));
    }
    sl_sio_put_more(p, s->buf, s->image);
    sl_out_more(out, SL_STR("\""));
}

static void put_or(sl_sio_packet *p, const char *key, const struct shot *s, sl_str json,
                   sl_str preset)
{
    sl_out_key(sl_sio_args(p), key);
    if (json.len > 0)
        sl_sio_put_slice(p, s->buf, json);
    else if (preset.ptr[0] == '[')
        sl_out_raw(sl_sio_args(p), preset);
    else
        sl_out_str(sl_sio_args(p), preset);
}

/* The picture goes out as it came in: slices of the buffer between ready framing. */
static void show(struct glass *g, const struct camera *cam, const struct shot *s)
{
    char text[WALL_TEXT_SIZE];
    sl_sio_packet *p;

    if (!has_dashboards(g)) return;
    p = sl_sio_packet_new("stream:frame");
    if (p == NULL) return;
    sl_out_object(sl_sio_args(p));
    put_data_url(p, s);
    put_or(p, "time", s, s->time, sl_str_of(wall_format(wall_now(), text)));
    put_or(p, "defects", s, s->defects, SL_STR("[]"));
    put_or(p, "deviceId", s, s->device, camera_id(cam));
    sl_out_end(sl_sio_args(p));
    sl_sio_set_born(p, hub_now_us(g->hub));
    tell(g, cam->number + 1, p); /* 0 is no key */
}

void older_show_frame(struct glass *g, const struct camera *cam, sl_buf *buf, sl_str text)
{
    struct shot s = {.buf = buf, .image = text, .mime = SL_STR("image/jpeg")};

    if (str_starts(text, SL_STR("data:"))) s.mime = (sl_str){0};
    show(g, cam, &s);
}

/* ---- who says hello ---- */

static struct older *get_older(struct arrival *a)
{
    struct older *o = a->sender->user;

    if (o != NULL) return o;
    o = sl__zalloc(sizeof *o);
    if (o == NULL) {
        (void)arrival_refuse(a, 503, "", "the hub is out of memory");
        return NULL;
    }
    o->sender = a->sender;
    list_init(&o->of_camera);
    list_init(&o->of_feed);
    a->sender->user = o;
    return o;
}

/* The ones that are there come last: a page that shows one sign for all shows theirs. */
static void send_states(struct glass *g, sl_sio_socket *s)
{
    const struct camera *cam;

    for (int online = 0; online <= 1; online++) {
        for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;) {
            sl_sio_packet *p;

            if (camera_is_connected(cam) != (online == 1)) continue;
            p = make_status(cam);
            if (p != NULL) (void)sl_sio_emit(s, p);
            sl_sio_packet_free(p);
        }
    }
}

static int set_role(struct arrival *a, enum role role)
{
    sl_sio_socket *s = a->sender->sio;

    a->sender->role = role;
    if (role != ROLE_VIEWER) {
        sl_sio_leave(s, DASHBOARDS);
        return 0;
    }
    if (sl_sio_is_in(s, DASHBOARDS)) return 0;
    if (sl_sio_join(s, DASHBOARDS) < 0)
        return arrival_refuse(a, 503, "", "the hub is out of memory");
    send_states(a->state, s);
    return 0;
}

static enum role role_of(const struct arrival *a)
{
    char room[FIELD_ROOM(ROLE_MAX)];
    sl_str text;

    if (!fields_text(a->fields, HELLO_ROLE, room, sizeof room, &text)) return ROLE_NONE;
    if (str_eq_nocase(text, SL_STR("dashboard"))) return ROLE_VIEWER;
    if (str_eq_nocase(text, SL_STR("device")) || str_eq_nocase(text, SL_STR("jetson")))
        return ROLE_DEVICE;
    return ROLE_NONE;
}

/* It calls itself so from now on. Nothing, if it does not say. */
static int note_id(struct arrival *a, uint32_t row)
{
    char room[FIELD_ROOM(DEVICE_ID_MAX)];
    struct older *o;
    sl_str id = {0};

    (void)fields_text(a->fields, row, room, sizeof room, &id);
    if (id.len == 0 || id.len > DEVICE_ID_MAX) return 0;
    o = get_older(a);
    if (o == NULL) return a->err.code;
    memcpy(o->id, id.ptr, id.len);
    o->id_len = (uint16_t)id.len;
    return 0;
}

static sl_str id_of(const struct older *o)
{
    return o != NULL && o->id_len > 0 ? (sl_str){o->id, o->id_len} : SL_STR("unknown");
}

static int be_there(struct arrival *a)
{
    struct older *o = get_older(a);
    struct camera *cam = o != NULL ? live_get_camera(a, id_of(o)) : NULL;

    if (cam == NULL) return a->err.code;
    presence_join_socket(a->state, o, cam);
    return 0;
}

/* A device that does not say its name is nobody's presence yet: it may register. */
int older_on_hello(struct arrival *a)
{
    enum role role = role_of(a);
    const struct older *o;
    int rc = note_id(a, HELLO_DEVICE);

    if (rc == 0) rc = set_role(a, role);
    o = a->sender->user;
    return rc == 0 && role == ROLE_DEVICE && o != NULL && o->id_len > 0 ? be_there(a) : rc;
}

int older_on_register(struct arrival *a)
{
    int rc = note_id(a, REGISTER_DEVICE);

    if (rc == 0) rc = set_role(a, ROLE_DEVICE);
    return rc == 0 ? be_there(a) : rc;
}

void older_leave(struct glass *g, struct sender *s)
{
    struct older *o = s->user;

    if (o == NULL) return;
    presence_leave_socket(g, o, s->end);
    s->user = NULL;
    sl__free(o);
}

/* ---- frames ---- */

static bool is_worth(sl_value v)
{
    bool yes;
    sl_str text;

    if (sl_value_type(v) <= SL_JSON_NULL) return false;
    if (sl_value_bool(v, &yes)) return yes;
    return !sl_value_str(v, &text) || text.len > 0;
}

/* What is missing, null, "" or false is as if it were not there, as JavaScript takes it. */
static sl_str raw_or_none(sl_value v)
{
    return is_worth(v) ? sl_value_raw(v) : (sl_str){0};
}

static void read_shot(const struct arrival *a, struct shot *s)
{
    const sl_value *v = a->fields->value;

    *s = (struct shot){.buf = a->buf, .mime = SL_STR("image/jpeg")};
    (void)sl_value_str(v[SHOT_IMAGE], &s->image);
    if (is_worth(v[SHOT_MIME])) (void)sl_value_str(v[SHOT_MIME], &s->mime);
    s->time = raw_or_none(v[SHOT_TIME]);
    if (sl_value_type(v[SHOT_DEFECTS]) == SL_JSON_ARRAY)
        s->defects = raw_or_none(v[SHOT_DEFECTS]);
    s->device = raw_or_none(v[SHOT_DEVICE]);
}

/* Contract 1.2b, around the picture as it came. */
static int make_raw(const struct camera *cam, const struct shot *s, sl_message *m)
{
    sl_json_out out = {0};
    sl_buf *head = NULL;

    *m = (sl_message){.text = true};
    sl_out_object(&out);
    sl_out_key(&out, "type");
    sl_out_str(&out, SL_STR("frame"));
    sl_out_key(&out, "device_id");
    sl_out_str(&out, camera_id(cam));
    sl_out_key(&out, "timestamp");
    sl_out_i64(&out, wall_now().us / 1000);
    sl_out_key(&out, "frame");
    sl_out_raw(&out, SL_STR("\""));
    if (out.rc == 0) head = sl_buf_copy(sl_out_text(&out));
    if (head != NULL) {
        (void)!sl_message_add(m, head, sl_buf_str(head));
        (void)!sl_message_add(m, sl_buf_hold(s->buf), s->image);
        (void)!sl_message_add(m, NULL, SL_STR("\"}"));
    }
    sl_out_deinit(&out);
    return head != NULL ? 0 : SL_E_NOMEM;
}

static bool has_box(sl_value defects)
{
    for (sl_value v = sl_value_first(defects, NULL); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(defects, v, NULL)) {
        if (sl_value_type(sl_value_get(v, SL_STR("bbox"))) == SL_JSON_ARRAY) return true;
    }
    return false;
}

/* What is marked in this picture, for the page to draw; the device stores its defects itself.
 */
static void show_sights(struct glass *g, struct camera *cam, const struct arrival *a,
                        const struct shot *s)
{
    uint64_t now_us = hub_now_us(g->hub);
    sl_json_out out = {0};

    if (s->defects.len == 0 || s->defects.len > SIGHTS_MAX || !hub_has_live_viewers(g->hub))
        return;
    if (cam->sights_us != 0 && now_us - cam->sights_us < SIGHTS_EACH_US) return;
    if (!has_box(a->fields->value[SHOT_DEFECTS])) return;
    cam->sights_us = now_us;
    sl_out_object(&out);
    sl_out_key(&out, "device_id");
    sl_out_str(&out, camera_id(cam));
    sl_out_key(&out, "detections");
    sl_out_raw(&out, s->defects);
    sl_out_end(&out);
    if (out.rc == 0)
        hub_live_event(g->hub, "glass", "defects", camera_id(cam), sl_out_text(&out));
    sl_out_deinit(&out);
}

/* The id that a frame names, else the socket's. */
static struct camera *find_camera(struct arrival *a)
{
    char room[FIELD_ROOM(DEVICE_ID_MAX)];
    sl_str id = {0};

    (void)fields_text(a->fields, SHOT_DEVICE, room, sizeof room, &id);
    return live_get_camera(a, id.len > 0 ? id : id_of(a->sender->user));
}

int older_on_frame(struct arrival *a)
{
    struct camera *cam = find_camera(a);
    struct glass *g = a->state;
    struct older *o;
    struct shot s;
    sl_message m;

    if (cam == NULL) return a->err.code;
    o = get_older(a);
    if (o == NULL) return a->err.code;
    presence_feed_socket(o, cam);
    live_log_frame(g, cam);
    read_shot(a, &s);
    if (cam->stream != NULL) stream_take_frame(cam->stream, a->buf, s.image);
    show(g, cam, &s);
    show_sights(g, cam, a, &s);
    if (make_raw(cam, &s, &m) == 0) live_publish_frame(g, cam, &m);
    return 0;
}

/* ---- device:status ---- */

/* Passed on as it came; whether it is there, we know ourselves. */
int older_on_status(struct arrival *a)
{
    const struct older *o = a->sender->user;
    sl_sio_packet *p;
    sl_str raw = sl_value_raw(a->root);
    sl_json_out *out;

    if (!has_dashboards(a->state)) return 0;
    p = sl_sio_packet_new("device:status");
    if (p == NULL) return 0;
    out = sl_sio_args(p);
    if (is_worth(a->fields->value[STATUS_DEVICE])) {
        sl_sio_put_slice(p, a->buf, raw);
    } else {
        sl_str key;

        sl_out_object(out);
        for (sl_value v = sl_value_first(a->root, &key); sl_value_type(v) != SL_JSON_NONE;
             v = sl_value_next(a->root, v, &key)) {
            char name[64];

            if (!str_to_cstr(key, name, sizeof name) || strcmp(name, "deviceId") == 0) continue;
            sl_out_key(out, name);
            sl_out_raw(out, sl_value_raw(v));
        }
        sl_out_key(out, "deviceId");
        sl_out_str(out, id_of(o));
        sl_out_end(out);
    }
    tell(a->state, 0, p);
    return 0;
}

/* ---- GET /devices ---- */

static void put_device(sl_json_out *out, sl_str id, const struct camera *cam)
{
    int64_t n = 0;

    sl_out_object(out);
    sl_out_key(out, "deviceId");
    sl_out_str(out, id);
    sl_out_key(out, "online");
    sl_out_bool(out, cam != NULL && camera_is_connected(cam));
    for (const struct list *l = cam != NULL ? cam->sockets.next : NULL;
         cam != NULL && l != &cam->sockets; l = l->next)
        n++;
    sl_out_key(out, "socketCount");
    sl_out_i64(out, n);
    sl_out_key(out, "socketIds");
    sl_out_array(out);
    for (const struct list *l = cam != NULL ? cam->sockets.next : NULL;
         cam != NULL && l != &cam->sockets; l = l->next) {
        const struct older *o = LIST_ENTRY(l, struct older, of_camera);

        sl_out_str(out, sl_str_of(sl_sio_id(o->sender->sio)));
    }
    sl_out_end(out);
    sl_out_end(out);
}

static void answer(sl_request *r, sl_json_out *out)
{
    (void)sl_request_set_header(r, "Cache-Control", SL_STR("no-store"));
    sl_answer_json(r, 200, out);
}

void glass_on_devices(sl_request *r, void *user)
{
    const struct glass *g = user;
    const struct camera *cam;
    sl_json_out out = {0};
    int64_t total = 0;

    for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;)
        total += camera_is_connected(cam);
    sl_out_object(&out);
    sl_out_key(&out, "total");
    sl_out_i64(&out, total);
    sl_out_key(&out, "devices");
    sl_out_array(&out);
    for (uint32_t i = 0; (cam = cameras_next(&g->cameras, &i)) != NULL;) {
        if (camera_is_connected(cam)) put_device(&out, camera_id(cam), cam);
    }
    sl_out_end(&out);
    sl_out_end(&out);
    answer(r, &out);
}

void glass_on_device(sl_request *r, void *user)
{
    const struct glass *g = user;
    sl_str id = sl_request_param(r, "id");
    sl_json_out out = {0};

    put_device(&out, id, cameras_find(&g->cameras, id));
    answer(r, &out);
}
