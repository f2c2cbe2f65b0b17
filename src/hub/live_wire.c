/* SPDX-License-Identifier: MIT */
#include "hub/live_wire.h"

#include "base/alloc.h"
#include "hub/live_wire_inside.h"
#include "net/loop.h"
#include "serve/ws_session.h"

#include <math.h>

#define TICK_MS     1000
#define RATES_TICKS 2
#define TIME_TICKS  5

/* ---- messages ---- */

void live_open(sl_json_out *out, const char *type)
{
    sl_out_object(out);
    sl_out_key(out, "type");
    sl_out_str(out, sl_str_of(type));
}

static void put_number(sl_json_out *out, const char *key, int64_t v)
{
    sl_out_key(out, key);
    sl_out_i64(out, v);
}

/* Who takes too little comes back, and is told everything anew. */
void live_cut_off(struct viewer *v)
{
    v->owner->stats.cut_off++;
    sl_ws_close(v->ws, 1013, "too much waits for you: come back");
}

void live_say(struct viewer *v, sl_json_out *out)
{
    sl_out_end(out);
    if (out->rc == 0 && sl_ws_send_text(v->ws, sl_out_text(out)) == SL_E_FULL) live_cut_off(v);
    sl_out_deinit(out);
}

/* One message for all, the newest under its key; `out` is done with. */
static void say_all(struct live_wire *l, uint32_t key, sl_json_out *out, bool may_be_missed)
{
    sl_message m = {.text = true};
    sl_buf *b = NULL;

    sl_out_end(out);
    if (out->rc == 0) b = sl_buf_copy(sl_out_text(out));
    sl_out_deinit(out);
    if (b == NULL) return;
    (void)!sl_message_add(&m, b, sl_buf_str(b));
    for (struct list *n = l->viewers.next; n != &l->viewers; n = n->next) {
        struct viewer *v = LIST_ENTRY(n, struct viewer, node);

        if (sl__ws_put_newest(v->ws, key, &m) == SL_E_FULL && !may_be_missed) live_cut_off(v);
    }
    sl_buf_drop(b);
}

static void open_stream(sl_json_out *out, const struct live_stream *s)
{
    live_open(out, "stream");
    stream_put(s, out);
}

static void on_change(struct live_stream *s, void *user)
{
    struct live_wire *l = user;
    sl_json_out out = {0};

    if (list_is_empty(&l->viewers)) return;
    open_stream(&out, s);
    say_all(l, key_of_state(stream_number(s)), &out, false);
}

bool live_wire_has_viewers(const struct live_wire *l)
{
    return !list_is_empty(&l->viewers);
}

void live_wire_event(struct live_wire *l, const char *system, const char *kind, sl_str device,
                     sl_str record)
{
    sl_message m = {.text = true};
    sl_json_out out = {0};
    sl_buf *b = NULL;

    if (list_is_empty(&l->viewers)) return;
    live_open(&out, "event");
    sl_out_key(&out, "system");
    sl_out_str(&out, sl_str_of(system));
    sl_out_key(&out, "kind");
    sl_out_str(&out, sl_str_of(kind));
    sl_out_key(&out, "device");
    sl_out_str(&out, device);
    sl_out_key(&out, "record");
    sl_out_raw(&out, record);
    sl_out_end(&out);
    if (out.rc == 0) b = sl_buf_copy(sl_out_text(&out));
    sl_out_deinit(&out);
    if (b == NULL) return;
    (void)!sl_message_add(&m, b, sl_buf_str(b));
    (void)sl_room_publish(l->everyone, &m, NULL);
    sl_buf_drop(b);
}

/* ---- what is told again and again ---- */

static void say_rates(struct live_wire *l)
{
    int64_t since_us = l->rated_us;
    sl_json_out out = {0};
    struct live_stream *s;
    struct wall at;
    int n = 0;

    l->rated_us = wall_now().us;
    live_open(&out, "rates");
    sl_out_key(&out, "streams");
    sl_out_array(&out);
    for (uint32_t i = 0; (s = frames_next(l->frames, &i)) != NULL;) {
        if (!stream_has_frame(s, &at) || at.us < since_us) continue;
        sl_out_object(&out);
        put_number(&out, "stream", stream_number(s));
        sl_out_key(&out, "fps");
        sl_out_f64(&out, round(stream_fps(s) * 10) / 10);
        put_number(&out, "frame_us", at.us);
        sl_out_end(&out);
        n++;
    }
    sl_out_end(&out);
    if (n > 0)
        say_all(l, KEY_RATES, &out, true);
    else
        sl_out_deinit(&out);
}

static void say_time(struct live_wire *l)
{
    sl_json_out out = {0};

    live_open(&out, "time");
    put_number(&out, "now_us", wall_now().us);
    say_all(l, KEY_TIME, &out, true);
}

static void on_tick(struct timer *t)
{
    struct live_wire *l = LIST_ENTRY(t, struct live_wire, tick);

    l->ticks++;
    if (l->ticks % RATES_TICKS == 0) say_rates(l);
    if (l->ticks % TIME_TICKS == 0) say_time(l);
    sl__loop_set_timer(l->loop, t, TICK_MS);
}

/* ---- who is there ---- */

void live_add_viewer(struct live_wire *l, struct viewer *v)
{
    const struct live_stream *s;
    sl_json_out out = {0};

    if (list_is_empty(&l->viewers)) {
        l->rated_us = wall_now().us;
        sl__loop_set_timer(l->loop, &l->tick, TICK_MS);
    }
    list_add_last(&l->viewers, &v->node);
    l->stats.viewers++;
    if (sl_room_join(l->everyone, v->ws) < 0) {
        sl_ws_close(v->ws, 1011, "out of memory");
        return;
    }
    live_open(&out, "hello");
    sl_out_key(&out, "version");
    sl_out_str(&out, sl_str_of(l->version));
    put_number(&out, "now_us", wall_now().us);
    put_number(&out, "fps_max", LIVE_FPS_MAX);
    live_say(v, &out);
    for (uint32_t i = 0; (s = frames_next(l->frames, &i)) != NULL;) {
        out = (sl_json_out){0};
        open_stream(&out, s);
        live_say(v, &out);
    }
}

void live_remove_viewer(struct viewer *v)
{
    struct live_wire *l = v->owner;

    list_remove(&v->node);
    l->stats.viewers--;
    if (list_is_empty(&l->viewers)) sl__loop_cancel_timer(l->loop, &l->tick);
}

/* ---- routes ---- */

static void on_streams(sl_request *r, void *user)
{
    const struct live_wire *l = user;
    const struct live_stream *s;
    sl_json_out out = {0};

    sl_out_object(&out);
    sl_out_key(&out, "streams");
    sl_out_array(&out);
    for (uint32_t i = 0; (s = frames_next(l->frames, &i)) != NULL;) {
        sl_out_object(&out);
        stream_put(s, &out);
        sl_out_end(&out);
    }
    sl_out_end(&out);
    sl_out_end(&out);
    (void)sl_request_set_header(r, "Cache-Control", SL_STR("no-store"));
    sl_answer_json(r, 200, &out);
}

const sl_route live_wire_routes[LIVE_WIRE_ROUTES] = {
    SL_ROUTE_WS("/api/live", SL_RIGHT_OPEN, &live_viewer_ops, NULL),
    SL_ROUTE(SL_GET, "/api/streams", SL_RIGHT_OPEN, on_streams, NULL),
};

/* ---- life ---- */

int live_wire_new(sl_loop *loop, struct frames *frames, const char *version,
                  struct live_wire **out)
{
    struct live_wire *l = sl__zalloc(sizeof *l);

    *out = l;
    if (l == NULL) return SL_E_NOMEM;
    l->loop = loop;
    l->frames = frames;
    l->version = version;
    list_init(&l->viewers);
    timer_init(&l->tick, on_tick);
    frames_set_on_change(frames, on_change, l);
    return 0;
}

int live_wire_start(struct live_wire *l, sl_server *server)
{
    l->server = server;
    return sl_room_new(server, SL_ROOM_CLOSE, &l->everyone);
}

void live_wire_get_stats(const struct live_wire *l, struct live_wire_stats *out)
{
    sl_room_stats room = {0};

    *out = l->stats;
    if (l->everyone != NULL) sl_room_get_stats(l->everyone, &room);
    out->events = room.delivered;
}

void live_wire_free(struct live_wire *l)
{
    if (l == NULL) return;
    frames_set_on_change(l->frames, NULL, NULL);
    sl__loop_cancel_timer(l->loop, &l->tick);
    sl_room_free(l->everyone);
    sl_json_deinit(&l->doc);
    sl__free(l);
}
