/* SPDX-License-Identifier: MIT */
/*
 * The row about silence: a connection on which nothing is said until the hub's heartbeat. Who
 * hangs up before that cuts every device and dashboard that has nothing to say.
 */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/doctor.h"

#include <stdio.h>
#include <unistd.h>

#define SIO_PATH       "/socket.io/?EIO=4&transport="
#define PING_MS        25000 /* contract socketio §1 */
#define PING_MARGIN_MS 3000

struct silence {
    const char *what; /* was silent */
    int64_t ping_ms;
    uint64_t limit_ms, took_ms;
    int status; /* of an answer that ended it; 0: none */
    int rc;     /* 0: the heartbeat came */
};

static uint64_t choose_limit(const struct doctor *d, int64_t ping_ms)
{
    uint64_t limit = (uint64_t)ping_ms + PING_MARGIN_MS;

    return d->idle_s < 0 || (uint64_t)d->idle_s * 1000 > limit ? limit
                                                               : (uint64_t)d->idle_s * 1000;
}

static void learn_ping(const struct doctor *d, const struct sio_open *open, struct silence *s)
{
    s->ping_ms = open->ping_ms > 0 ? open->ping_ms : PING_MS;
    s->limit_ms = choose_limit(d, s->ping_ms);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "sluice: listening into the silence, %llu s at most (--idle 0: not)\n",
                (unsigned long long)s->limit_ms / 1000);
}

/* ---- by WebSocket ---- */

/* returns 0 with the first packet read, or an error: nothing to be silent on */
static int open_websocket(struct doctor *d, struct dial_ws *w, struct sio_open *open)
{
    struct reply *r = sl__zalloc(sizeof *r);
    char path[DOCTOR_PATH_SIZE];
    sl_buf *b;
    int rc = SL_E_NOMEM;

    dial_limit(&w->dial, d->timeout_ms);
    if (r != NULL) rc = dial_ws_open(w, &d->url, doctor_path(d, SIO_PATH "websocket", path), r);
    if (rc == 0) rc = dial_ws_receive(w, &b);
    if (rc == 0) {
        if (!doctor_read_open(sl_buf_str(b), open)) rc = SL_E_ENGINE_IO;
        sl_buf_drop(b);
    }
    if (r != NULL) reply_deinit(r);
    sl__free(r);
    return rc;
}

static bool try_websocket(struct doctor *d, struct silence *s)
{
    struct dial_ws w = {.dial = DIAL_NONE};
    struct sio_open open;
    bool opened = open_websocket(d, &w, &open) == 0;
    uint64_t began = dial_now_ms();

    if (opened) {
        sl_buf *b;

        s->what = "a silent WebSocket";
        learn_ping(d, &open, s);
        dial_limit(&w.dial, s->limit_ms);
        s->rc = dial_ws_receive(&w, &b); /* the first word is the ping */
        if (s->rc == 0) sl_buf_drop(b);
        s->took_ms = dial_now_ms() - began;
    }
    dial_ws_close(&w);
    return opened;
}

/* ---- by a poll that waits ---- */

static int poll_once(struct doctor *d, const char *query, uint64_t limit_ms, struct reply *r)
{
    struct dial dial = DIAL_NONE;
    char path[DOCTOR_PATH_SIZE];

    dial_limit(&dial, limit_ms);
    return dial_get(&dial, &d->url, doctor_path(d, query, path), r);
}

static bool try_poll(struct doctor *d, struct silence *s)
{
    struct reply *r = sl__zalloc(sizeof *r);
    char query[sizeof(struct sio_open) + 64];
    struct sio_open open;
    bool opened = r != NULL && poll_once(d, SIO_PATH "polling", d->timeout_ms, r) == 0
                  && r->status == 200 && doctor_read_open(r->body, &open);
    uint64_t began = dial_now_ms();

    if (opened) {
        s->what = "a poll that waits";
        learn_ping(d, &open, s);
        reply_reset(r);
        snprintf(query, sizeof query, SIO_PATH "polling&sid=%s", open.sid);
        s->rc = poll_once(d, query, s->limit_ms, r);
        s->took_ms = dial_now_ms() - began;
        if (s->rc == 0 && r->status != 200) {
            s->status = r->status;
            s->rc = SL_E_CLOSED;
        } else if (s->rc == 0) {
            doctor_end_session(d, open.sid, 4);
        }
    }
    if (r != NULL) reply_deinit(r);
    sl__free(r);
    return opened;
}

/* ---- what that means ---- */

static void found_cut(const struct doctor *d, const struct silence *s, struct finding *f)
{
    char status[32] = "";

    if (s->status != 0) snprintf(status, sizeof status, " with status %d", s->status);
    found(f, FOUND_FAIL,
          "%s is ended%s after %.1f s by %s; the hub's heartbeat takes %.1f s: whoever has "
          "nothing to say is cut again and again",
          s->what, status, (double)s->took_ms / 1000,
          d->between[0] != '\0' ? d->between : "somebody", (double)s->ping_ms / 1000);
    next_is(f, "let the proxy wait longer than %.0f s for the hub's next word",
            (double)s->ping_ms / 1000);
    f->paste = &paste_idle;
}

static void judge(const struct doctor *d, const struct silence *s, struct finding *f)
{
    double took_s = (double)s->took_ms / 1000, ping_s = (double)s->ping_ms / 1000;

    if (s->rc == 0) {
        found(f, FOUND_PASS, "%s lives; the hub's heartbeat came after %.1f s", s->what,
              took_s);
    } else if (s->rc != SL_E_TIMEOUT) {
        found_cut(d, s, f);
    } else if (s->limit_ms < (uint64_t)s->ping_ms) {
        found(f, FOUND_PASS, "%s outlives %.1f s; for the heartbeat: --idle %.0f", s->what,
              took_s, ping_s + 3);
    } else {
        found(f, FOUND_WARN, "the hub's heartbeat, due after %.1f s, did not come in %.1f s",
              ping_s, took_s);
        next_is(f, "something between keeps it back: switch the proxy's buffering off");
        f->paste = &paste_buffering;
    }
}

void step_idle(struct doctor *d, struct finding *f)
{
    struct silence s = {0};

    if (d->idle_s == 0)
        found(f, FOUND_SKIP, "not asked for");
    else if (d->idle_s < 0 && d->between[0] == '\0')
        found(f, FOUND_PASS, "nobody is between who could hang up; --idle SECONDS tries");
    else if (try_websocket(d, &s) || try_poll(d, &s))
        judge(d, &s, f);
    else
        found(f, FOUND_SKIP, "no session of Socket.IO to be silent on");
}
