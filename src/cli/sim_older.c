/* SPDX-License-Identifier: MIT */
/*
 * An older glass camera: Socket.IO over a WebSocket from the start, as its program does. Each
 * picture is an event that holds what was seen in it; there is no cooldown (contract glass §2).
 */
#include "base/str.h"
#include "cli/sim_glass.h"

#include <stdio.h>

#define CONFIDENCE_MIN 0.25
#define ANSWER_MS      5000

static const char frame_head[] = "42[\"device:frame\",{\"image\":\"";

/* Engine.IO 4: "0{…}" opens, "40" joins the namespace, "40{…}" lets us in. 2 is a ping. */
static int join(struct camera *c)
{
    bool asked = false;

    dial_limit(&c->link.dial, ANSWER_MS);
    for (;;) {
        sl_buf *b;
        sl_str text;
        bool is_open, is_in;
        int rc = dial_ws_receive(&c->link, &b);

        if (rc < 0) return rc;
        text = sl_buf_str(b);
        is_open = str_starts(text, SL_STR("0"));
        is_in = str_starts(text, SL_STR("40"));
        sl_buf_drop(b);
        if (is_in) return 0;
        if (asked || !is_open) return SL_E_WS_PROTO;
        asked = true;
        rc = dial_ws_send(&c->link, SL_STR("40"));
        if (rc < 0) return rc;
    }
}

static int emit_id(struct camera *c, const char *event, const char *role)
{
    sl_json_out *out = &c->out;

    sl_out_raw(out, SL_STR("42"));
    sl_out_array(out);
    sl_out_str(out, sl_str_of(event));
    sl_out_object(out);
    if (role != NULL) {
        sl_out_key(out, "role");
        sl_out_str(out, sl_str_of(role));
    }
    sl_out_key(out, "deviceId");
    sl_out_str(out, sl_str_of(c->id));
    sl_out_end(out);
    sl_out_end(out);
    return camera_send_out(c);
}

static int greet(struct camera *c)
{
    int rc = join(c);

    if (rc == 0) rc = emit_id(c, "client:hello", "device");
    return rc == 0 ? emit_id(c, "device:register", NULL) : rc;
}

static void put_sighting(sl_json_out *out, const struct sighting *seen)
{
    const int box[] = {seen->x, seen->y, seen->w, seen->h};
    char percent[16];

    snprintf(percent, sizeof percent, "%.2f%%", seen->confidence * 100);
    sl_out_object(out);
    sl_out_key(out, "type");
    sl_out_str(out, sl_str_of(seen->type));
    sl_out_key(out, "confidence");
    sl_out_str(out, sl_str_of(percent));
    sl_out_key(out, "image_url");
    sl_out_null(out);
    if (seen->w > 0) {
        sl_out_key(out, "bbox");
        sl_out_array(out);
        for (int i = 0; i < 4; i++)
            sl_out_i64(out, box[i]);
        sl_out_end(out);
    }
    sl_out_end(out);
}

/* What stands behind the picture, on c->out. returns how many were seen */
static uint64_t put_tail(struct camera *c, const struct view *v)
{
    char text[WORDS_TIME_SIZE];
    sl_json_out *out = &c->out;
    uint64_t n = 0;

    sl_out_raw(out, SL_STR("\",\"mime\":\"image/jpeg\",\"time\":"));
    sl_out_str(out, sl_str_of(words_time(wall_now(), text)));
    sl_out_raw(out, SL_STR(",\"deviceId\":"));
    sl_out_str(out, sl_str_of(c->id));
    sl_out_raw(out, SL_STR(",\"defects\":"));
    sl_out_array(out);
    for (int i = 0; i < v->n; i++) {
        if (v->seen[i].confidence < CONFIDENCE_MIN) continue;
        put_sighting(out, &v->seen[i]);
        n++;
    }
    sl_out_end(out);
    sl_out_raw(out, SL_STR("}]"));
    return n;
}

/* A ping is answered, or the hub takes us for gone; the rest is nothing to us. */
static int read_all(struct camera *c)
{
    for (;;) {
        sl_buf *b;
        bool is_ping;
        int rc;

        dial_limit(&c->link.dial, 0);
        rc = dial_ws_receive(&c->link, &b);
        if (rc == SL_E_TIMEOUT) return 0;
        if (rc < 0) return rc;
        is_ping = sl_str_eq(sl_buf_str(b), SL_STR("2"));
        sl_buf_drop(b);
        if (is_ping) rc = camera_send(c, SL_STR("3"));
        if (rc < 0) return rc;
    }
}

static int tell(struct camera *c, const struct view *v, uint64_t now_ms)
{
    uint64_t seen = put_tail(c, v);
    sl_str text;
    int rc = c->out.rc;

    (void)now_ms;
    if (rc == 0)
        rc = words_picture(&c->room, sl_str_of(frame_head), sl_buf_str(v->jpeg),
                           sl_out_text(&c->out), &text);
    sl_out_reset(&c->out);
    if (rc == 0) rc = camera_send(c, text);
    if (rc < 0) return rc;
    atomic_fetch_add_explicit(&c->frames, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->detections, seen, memory_order_relaxed);
    return read_all(c);
}

const struct wire wire_socketio = {"socketio", "/socket.io/?EIO=4&transport=websocket",
                                   "640x480", greet, tell};
