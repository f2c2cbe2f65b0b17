/* SPDX-License-Identifier: MIT */
/*
 * One viewer: what it asks for, and its frames.
 *
 *   on_picture ─┬─► due, and room ──► its newest-only slot ──► the kernel, when that has room
 *               └─► not yet ──► timer ──► the picture that is newest then
 */
#include "base/alloc.h"
#include "hub/live_wire_inside.h"
#include "serve/server.h"
#include "serve/ws_session.h"

#include <stdarg.h>
#include <stdio.h>

#define VIEWINGS_MAX 256 /* a wall has fewer tiles */
#define MESSAGE_MAX  (64 * 1024)
#define PING_MS      15000
#define IDLE_MS      40000 /* a page answers pings by itself: half-open links end here */
#define FPS_MIN      0.1
#define SECOND_US    1000000
#define AGAIN_MS     100 /* too much waits for this viewer: look again */

/* A stream, as one viewer sees it. */
struct viewing {
    struct onlooker onlooker;
    struct viewer *viewer;
    struct list node;
    struct timer timer;
    uint64_t gap_us; /* between two frames */
    uint64_t due_us; /* when the next one would be, in step; one gap earlier is borne */
    uint64_t since_us;
    uint32_t sent; /* the sequence; 0: none yet */
};

/* ---- frames ---- */

/*
 * Frames take half of what may wait for a viewer, so that a wall of many cameras does not have
 * it cut off for an event. One that waits is replaced in its place.
 */
static bool has_room(const struct viewing *g, const struct picture *p)
{
    const struct viewer *v = g->viewer;
    size_t max = v->owner->server->options.queue_max / 2;
    uint32_t key = key_of_frame(stream_number(g->onlooker.stream));
    size_t others = sl__ws_waiting_besides(v->ws, key);

    return others == 0 || (p->bytes.len <= max && others <= max - p->bytes.len);
}

/* returns how long the newest frame has to wait, in milliseconds */
static uint64_t wait_ms(const struct viewing *g, const struct picture *p, uint64_t now_us)
{
    if (g->due_us > now_us + g->gap_us) return (g->due_us - g->gap_us - now_us + 999) / 1000;
    return has_room(g, p) ? 0 : AGAIN_MS;
}

static void send_frame(struct viewing *g, const struct picture *p)
{
    struct live_wire_stats *stats = &g->viewer->owner->stats;
    sl_message m = {.born_us = p->born_us >= g->since_us ? p->born_us : 0};
    int rc;

    (void)!sl_message_add(&m, p->buf, sl_buf_str(p->buf));
    rc = sl__ws_put_newest(g->viewer->ws, key_of_frame(stream_number(g->onlooker.stream)), &m);
    stats->frames_sent += rc == 0;
    stats->frames_conflated += rc == 1;
    g->viewer->conflated += rc == 1;
}

static void show_newest(struct viewing *g)
{
    sl_loop *loop = g->viewer->owner->loop;
    uint64_t now_us = loop->now.us, wait;
    struct picture p;

    if (timer_is_set(&g->timer)) return; /* the newest will go then */
    if (!stream_picture(g->onlooker.stream, &p) || p.sequence == g->sent) return;
    wait = wait_ms(g, &p, now_us);
    if (wait > 0) {
        sl__loop_set_timer(loop, &g->timer, wait);
        return;
    }
    g->due_us = (g->due_us > now_us ? g->due_us : now_us) + g->gap_us;
    g->sent = p.sequence;
    send_frame(g, &p);
}

static void on_picture(struct onlooker *o, const struct picture *p)
{
    (void)p;
    show_newest(LIST_ENTRY(o, struct viewing, onlooker));
}

static void on_due(struct timer *t)
{
    show_newest(LIST_ENTRY(t, struct viewing, timer));
}

/* ---- which streams ---- */

static struct viewing *find_viewing(const struct viewer *v, const struct live_stream *s)
{
    for (struct list *n = v->viewings.next; n != &v->viewings; n = n->next) {
        struct viewing *g = LIST_ENTRY(n, struct viewing, node);

        if (g->onlooker.stream == s) return g;
    }
    return NULL;
}

static void end_viewing(struct viewing *g)
{
    stream_unwatch(&g->onlooker);
    sl__loop_cancel_timer(g->viewer->owner->loop, &g->timer);
    g->viewer->viewing_count--;
    list_remove(&g->node);
    sl__free(g);
}

SL_PRINTF(2, 3) static void complain(struct viewer *v, const char *fmt, ...)
{
    sl_json_out out = {0};
    char text[160];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    live_open(&out, "error");
    sl_out_key(&out, "message");
    sl_out_str(&out, sl_str_of(text));
    live_say(v, &out);
}

static struct viewing *begin_viewing(struct viewer *v, struct live_stream *s)
{
    struct viewing *g;

    if (v->viewing_count == VIEWINGS_MAX) {
        complain(v, "at most %d streams can be subscribed at a time", VIEWINGS_MAX);
        return NULL;
    }
    g = sl__zalloc(sizeof *g);
    if (g == NULL) {
        complain(v, "the hub is out of memory");
        return NULL;
    }
    g->viewer = v;
    g->onlooker.on_picture = on_picture;
    g->since_us = v->owner->loop->now.us;
    timer_init(&g->timer, on_due);
    list_add_last(&v->viewings, &g->node);
    v->viewing_count++;
    stream_watch(s, &g->onlooker);
    return g;
}

static bool subscribe(struct viewer *v, struct live_stream *s, double fps)
{
    struct viewing *g = find_viewing(v, s);

    if (g == NULL) g = begin_viewing(v, s);
    if (g == NULL) return false;
    g->gap_us = (uint64_t)(SECOND_US / fps);
    g->due_us = 0;
    sl__loop_cancel_timer(v->owner->loop, &g->timer); /* it was for another rate */
    show_newest(g);
    return true;
}

static bool unsubscribe(struct viewer *v, struct live_stream *s, double fps)
{
    struct viewing *g = find_viewing(v, s);

    (void)fps;
    if (g != NULL) end_viewing(g);
    return true;
}

/* ---- what it says ---- */

/* Until one of them says that it is enough: a viewer is told of one fault in a message. */
static void for_each_stream(struct viewer *v, sl_value message, double fps,
                            bool (*each)(struct viewer *v, struct live_stream *s, double fps))
{
    sl_value list = sl_value_get(message, SL_STR("streams"));
    sl_str none;

    if (sl_value_type(list) != SL_JSON_ARRAY) {
        complain(v, "streams must be an array of numbers");
        return;
    }
    for (sl_value i = sl_value_first(list, &none); sl_value_type(i) != SL_JSON_NONE;
         i = sl_value_next(list, i, &none)) {
        struct live_stream *s = NULL;
        int64_t number;

        if (sl_value_i64(i, &number) && number > 0 && number <= UINT32_MAX)
            s = frames_find(v->owner->frames, (uint32_t)number);
        if (s == NULL) {
            complain(v, "streams holds what is no stream's number");
            return;
        }
        if (!each(v, s, fps)) return;
    }
}

static void on_subscribe(struct viewer *v, sl_value message)
{
    sl_value value = sl_value_get(message, SL_STR("fps"));
    double fps = LIVE_FPS_MAX;

    if (sl_value_type(value) > SL_JSON_NULL
        && (!sl_value_f64(value, &fps) || fps < FPS_MIN || fps > LIVE_FPS_MAX)) {
        complain(v, "fps must be a number from %g to %d", FPS_MIN, LIVE_FPS_MAX);
        return;
    }
    for_each_stream(v, message, fps, subscribe);
}

static void on_unsubscribe(struct viewer *v, sl_value message)
{
    for_each_stream(v, message, 0, unsubscribe);
}

static void on_ping(struct viewer *v, sl_value message)
{
    sl_json_out out = {0};

    (void)message;
    live_open(&out, "pong");
    live_say(v, &out);
}

static const struct {
    const char *type;
    void (*on)(struct viewer *v, sl_value message);
} requests[] = {
    {"subscribe",   on_subscribe  },
    {"unsubscribe", on_unsubscribe},
    {"ping",        on_ping       },
};

static const sl_json_limits json_limits = {.nodes = 4096};

static void on_message(sl_ws *ws, const sl_message *m, const sl_json_index *index, void *user)
{
    struct viewer *v = sl_ws_user(ws);
    struct live_wire *l = user;
    sl_value root, type;

    if (v == NULL) return;
    if (!m->text || m->n == 0
        || sl_json_read(&l->doc, m->slice[0].bytes, index, &json_limits, NULL) < 0
        || sl_value_type(root = sl_json_root(&l->doc)) != SL_JSON_OBJECT) {
        complain(v, "a message must be a JSON object");
        return;
    }
    type = sl_value_get(root, SL_STR("type"));
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        if (!sl_value_is_str(type, sl_str_of(requests[i].type))) continue;
        requests[i].on(v, root);
        return;
    }
}

/* ---- life ---- */

static void on_open(sl_ws *ws, const sl_request *upgrade, void *user)
{
    struct viewer *v = sl__zalloc(sizeof *v);

    (void)upgrade;
    if (v == NULL) {
        sl_ws_close(ws, 1011, "out of memory");
        return;
    }
    v->owner = user;
    v->ws = ws;
    list_init(&v->viewings);
    sl_ws_set_user(ws, v);
    live_add_viewer(user, v);
}

static void on_close(sl_ws *ws, int code, sl_str reason, void *user)
{
    struct viewer *v = sl_ws_user(ws);

    (void)code;
    (void)reason;
    (void)user;
    if (v == NULL) return;
    while (!list_is_empty(&v->viewings))
        end_viewing(LIST_ENTRY(v->viewings.next, struct viewing, node));
    live_remove_viewer(v);
    sl__free(v);
}

static const char *const protocols[] = {"sluice.v1", NULL};

const sl_ws_ops live_viewer_ops = {
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
    .protocols = protocols,
    .json = true,
    .message_max = MESSAGE_MAX,
    .ping_ms = PING_MS,
    .idle_ms = IDLE_MS,
};
