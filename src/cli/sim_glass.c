/* SPDX-License-Identifier: MIT */
#include "cli/sim_glass.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* Contract glass §1.3: 5 s to connect, 5 tries 5 s apart; then on for ever. */
#define CONNECT_MS 5000
#define RETRY_MS   5000
#define TRIES      5
#define SEND_MS    60000 /* a hub that takes nothing for so long is gone */

void camera_say(const struct camera *c, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fprintf(stderr, "%-8s  %s\n", c->id, text);
}

/* ---- messages ---- */

int camera_send(struct camera *c, sl_str text)
{
    int rc;

    dial_limit(&c->link.dial, SEND_MS);
    rc = dial_ws_send(&c->link, text);
    if (rc == 0) atomic_fetch_add_explicit(&c->bytes, text.len, memory_order_relaxed);
    return rc;
}

int camera_send_out(struct camera *c)
{
    int rc = c->out.rc < 0 ? c->out.rc : camera_send(c, sl_out_text(&c->out));

    sl_out_reset(&c->out);
    return rc;
}

static int send_picture(struct camera *c, const struct view *v)
{
    sl_str text;
    int rc = words_frame(&c->room, sl_buf_str(v->jpeg), &text);

    if (rc == 0) rc = camera_send(c, text);
    if (rc == 0) atomic_fetch_add_explicit(&c->frames, 1, memory_order_relaxed);
    return rc;
}

static int send_sightings(struct camera *c, const struct view *v, uint64_t now_ms)
{
    int due[SIGHTINGS_MAX], rc = 0;
    int n = words_due(&c->cooldown, v, now_ms, due);

    for (int i = 0; i < n && rc == 0; i++) {
        const struct sighting *seen = &v->seen[due[i]];

        words_detection(&c->out, seen, v->width, v->height, wall_now());
        rc = camera_send_out(c);
        if (rc < 0) break;
        atomic_fetch_add_explicit(&c->detections, 1, memory_order_relaxed);
        camera_say(c, "detection: %s %.2f, %dx%d at %d,%d", seen->type, seen->confidence,
                   seen->w, seen->h, seen->x, seen->y);
    }
    return rc;
}

static int send_ping(struct camera *c, uint64_t now_ms)
{
    if (now_ms - c->ping_ms < WORDS_PING_MS) return 0;
    c->ping_ms = now_ms;
    words_ping(&c->out);
    return camera_send_out(c);
}

static int greet(struct camera *c)
{
    c->ping_ms = dial_now_ms();
    words_register(&c->out, sl_str_of(c->id));
    return camera_send_out(c);
}

/* As the original: the picture, what is in it, the heartbeat; what the hub says is not read. */
static int tell(struct camera *c, const struct view *v, uint64_t now_ms)
{
    int rc = send_picture(c, v);

    if (rc == 0) rc = send_sightings(c, v, now_ms);
    if (rc == 0) rc = send_ping(c, now_ms);
    if (rc == 0) rc = dial_ws_drain(&c->link);
    return rc;
}

const struct wire wire_ws = {"ws", "/ws", "768x768", greet, tell};

/* ---- a connection's life ---- */

static int take_turn(struct camera *c)
{
    uint64_t now = dial_now_ms();
    struct view v;
    int rc = c->source->take(c->source, now - c->began_ms + c->phase_ms, &v);

    if (rc < 0) return rc;
    rc = c->wire->tell(c, &v, now);
    sl_buf_drop(v.jpeg);
    return rc;
}

/* Turns on a grid of 1/fps: microseconds, or 30 pictures a second would be 30.3. */
static int play(struct camera *c)
{
    uint64_t period_us = 1000000 / (uint64_t)c->fps, next_us = mono_now().us;
    int rc;

    rc = c->wire->greet(c);
    while (rc == 0) {
        uint64_t now_us;

        rc = take_turn(c);
        now_us = mono_now().us;
        next_us += period_us;
        if (rc == 0 && next_us > now_us)
            rc = dial_pause(&c->link.dial, (next_us - now_us + 999) / 1000);
        else
            next_us = now_us; /* late: no burst to catch up */
    }
    return rc;
}

static int connect_once(struct camera *c, char *why, size_t size)
{
    struct reply *reply = sl__zalloc(sizeof *reply);
    int rc;

    *why = '\0';
    if (reply == NULL) return SL_E_NOMEM;
    dial_limit(&c->link.dial, CONNECT_MS);
    rc = dial_ws_open(&c->link, c->url, c->path, reply);
    if (rc == SL_E_WS_PROTO)
        snprintf(why, size, "no WebSocket there: HTTP status %d", reply->status);
    reply_deinit(reply);
    sl__free(reply);
    return rc;
}

static void explain(const struct camera *c, int rc, const char *why, int tries)
{
    char text[128];

    if (*why == '\0') why = sl_strerror(rc, text, sizeof text);
    if (tries < TRIES)
        camera_say(c, "not connected (%s); try %d of %d in %d s", why, tries + 1, TRIES,
                   RETRY_MS / 1000);
    else if (tries == TRIES)
        camera_say(c,
                   "not connected after %d tries (%s); is the hub running? Going on every %d s",
                   TRIES, why, RETRY_MS / 1000);
}

/* returns 0 to go on, or -ECANCELED */
static int live_once(struct camera *c, int *tries)
{
    char why[64];
    int rc = connect_once(c, why, sizeof why);

    if (rc == 0) {
        *tries = 0;
        camera_say(c, "connected to ws://%s%s", c->url->at, c->path);
        atomic_store(&c->is_connected, true);
        atomic_store(&c->was_connected, true);
        rc = play(c);
        atomic_store(&c->is_connected, false);
        dial_ws_close(&c->link);
        c->link.dial.stop_fd = c->stop_fd;
    }
    if (rc == -ECANCELED) return rc;
    explain(c, rc, why, ++*tries);
    return dial_pause(&c->link.dial, RETRY_MS);
}

void *camera_run(void *user)
{
    struct camera *c = user;
    int tries = 0;

    c->link = (struct dial_ws){.dial = DIAL_NONE};
    c->link.dial.stop_fd = c->stop_fd;
    c->began_ms = dial_now_ms();
    while (live_once(c, &tries) == 0) {
    }
    dial_ws_deinit(&c->link);
    sl_out_deinit(&c->out);
    sl__free(c->room.ptr);
    return NULL;
}
