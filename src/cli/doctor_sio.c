/* SPDX-License-Identifier: MIT */
/*
 * The rows of Socket.IO: each of its two transports, and the way from one to the other. Older
 * devices begin by WebSocket, their dashboards by polling and go on to WebSocket.
 */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/doctor.h"

#include <stdio.h>

#define SIO_PATH    "/socket.io/?EIO=4&transport="
#define PING_MS_MAX 3600000

#define LOST    "the request lost its Upgrade header on the way"
#define FORWARD "let the proxy forward Upgrade and Connection"

// clang-format off
static const struct {
    int from, to; /* status */
    const char *says, *means, *next;
    const struct paste *paste;
} refusals[] = {
    {200, 299, ":0{\"sid\"", "it answers as revision 3 of Engine.IO alone", "see the row socket.io revision", NULL},
    {200, 299, NULL, "that is no Socket.IO: a website or another program answers", "let the proxy pass /socket.io/ on to the hub, as it does /ws", NULL},
    {300, 399, NULL, "it redirects, which no client of Socket.IO follows", "use the address that it redirects to", NULL},
    {400, 400, "\"code\":0", "it does not speak this transport", "switch it on there", NULL},
    {400, 400, "\"code\":1", "it has forgotten the session that it has just given: several hubs behind one address", "let the proxy send each client to one hub always (sticky sessions)", NULL},
    {400, 400, "\"code\":3", LOST, FORWARD, &paste_upgrade},
    {400, 400, "\"code\":5", "it speaks another revision of Engine.IO than 4", "use a server of Socket.IO 3.x or 4.x; for one of 2.x, clients of 2.x", NULL},
    {400, 400, NULL, "the request was spoilt on the way", FORWARD, &paste_upgrade},
    {426, 426, NULL, LOST, FORWARD, &paste_upgrade},
    {401, 401, NULL, "it wants to know who we are", "give devices their key", NULL},
    {403, 403, NULL, "it does not take callers by this name or from this page", "name it on the hub: --hosts, --origins, or --access open", NULL},
    {404, 404, NULL, "there is no Socket.IO on this path", "is that the hub? Behind a proxy's path clients must be told: path: \"/PATH/socket.io/\"", NULL},
    {502, 504, NULL, "a proxy answers, but the hub behind it does not", "start the hub, or correct the proxy's target", NULL},
};
// clang-format on

static bool holds(sl_str text, const char *part)
{
    size_t n = strlen(part);

    for (size_t i = 0; i + n <= text.len; i++)
        if (memcmp(text.ptr + i, part, n) == 0) return true;
    return false;
}

/* `but`: what works all the same, "" if nothing does. */
static void judge(const struct reply *r, const char *what, const char *but, struct finding *f)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (r->status < refusals[i].from || r->status > refusals[i].to) continue;
        if (refusals[i].says != NULL && !holds(r->body, refusals[i].says)) continue;
        found(f, FOUND_WARN, "%s: status %d: %s%s", what, r->status, refusals[i].means, but);
        next_is(f, "%s", refusals[i].next);
        f->paste = refusals[i].paste;
        return;
    }
    found(f, FOUND_WARN, "%s: status %d", what, r->status);
}

static void found_error(int rc, const char *what, struct finding *f)
{
    char text[96];

    found(f, FOUND_WARN, "%s: %s", what, sl_strerror(rc, text, sizeof text));
    if (rc == SL_E_TIMEOUT) next_is(f, "something between holds it: look at the proxy");
}

/* ---- polling ---- */

/* It goes into a request line: the peer must not write others with it. */
static bool is_plain(sl_str sid)
{
    for (size_t i = 0; i < sid.len; i++) {
        if (sid.ptr[i] <= ' ' || sid.ptr[i] > '~' || sid.ptr[i] == '&') return false;
    }
    return sid.len > 0;
}

bool doctor_read_open(sl_str body, struct sio_open *out)
{
    sl_json doc = {0};
    sl_value root;
    sl_str sid = {0};

    *out = (struct sio_open){0};
    if (str_starts(body, SL_STR("0{"))
        && sl_json_read(&doc, str_part(body, 1, body.len), NULL, NULL, NULL) == 0) {
        root = sl_json_root(&doc);
        if (sl_value_str(sl_value_get(root, SL_STR("sid")), &sid) && is_plain(sid))
            (void)str_to_cstr(sid, out->sid, sizeof out->sid);
        (void)sl_value_i64(sl_value_get(root, SL_STR("pingInterval")), &out->ping_ms);
        if (out->ping_ms < 0 || out->ping_ms > PING_MS_MAX) out->ping_ms = 0;
    }
    sl_json_deinit(&doc);
    return out->sid[0] != '\0';
}

void step_sio_polling(struct doctor *d, struct finding *f)
{
    static const char what[] = "older dashboards cannot begin by polling";
    struct reply *r = sl__zalloc(sizeof *r);
    struct dial dial = DIAL_NONE;
    char path[DOCTOR_PATH_SIZE];
    int rc = SL_E_NOMEM;

    dial_limit(&dial, d->timeout_ms);
    if (r != NULL) rc = dial_get(&dial, &d->url, doctor_path(d, SIO_PATH "polling", path), r);
    if (rc < 0)
        found_error(rc, what, f);
    else if (r->status == 200 && doctor_read_open(r->body, &d->sio))
        found(f, FOUND_PASS, "a session by polling is given");
    else
        judge(r, what, "", f);
    if (r != NULL) reply_deinit(r);
    sl__free(r);
}

/* ---- WebSocket ---- */

/* Until a text begins with `wanted`; pings go by. Another one is an error. */
static int await_text(struct dial_ws *w, const char *wanted)
{
    for (;;) {
        sl_buf *b;
        bool is_it, is_ping;
        int rc = dial_ws_receive(w, &b);

        if (rc < 0) return rc;
        is_it = str_starts(sl_buf_str(b), sl_str_of(wanted));
        is_ping = sl_str_eq(sl_buf_str(b), SL_STR("2"));
        sl_buf_drop(b);
        if (is_it) return 0;
        if (!is_ping) return SL_E_WS_PROTO;
    }
}

static int say_and_hear(struct dial_ws *w, const char *said, const char *wanted)
{
    int rc = dial_ws_send(w, sl_str_of(said));

    return rc == 0 ? await_text(w, wanted) : rc;
}

/* Open `path`, talk, judge. */
static void try_websocket(struct doctor *d, const char *query, int (*talk)(struct dial_ws *w),
                          const char *good, const char *bad, struct finding *f)
{
    struct reply *r = sl__zalloc(sizeof *r);
    struct dial_ws w = {.dial = DIAL_NONE};
    char path[DOCTOR_PATH_SIZE];
    int rc = SL_E_NOMEM;

    dial_limit(&w.dial, d->timeout_ms);
    if (r != NULL) rc = dial_ws_open(&w, &d->url, doctor_path(d, query, path), r);
    if (rc == SL_E_WS_PROTO) {
        judge(r, bad, d->sio.sid[0] != '\0' ? "; polling works" : "", f);
    } else {
        if (rc == 0) rc = talk(&w);
        if (rc == 0)
            found(f, FOUND_PASS, "%s", good);
        else
            found_error(rc, bad, f);
    }
    dial_ws_close(&w);
    if (r != NULL) reply_deinit(r);
    sl__free(r);
}

/* "0{…}" opens, "40" joins the namespace, "40{…}" lets us in. */
static int join(struct dial_ws *w)
{
    int rc = await_text(w, "0{");

    return rc == 0 ? say_and_hear(w, "40", "40") : rc;
}

void step_sio_websocket(struct doctor *d, struct finding *f)
{
    try_websocket(d, SIO_PATH "websocket", join, "Socket.IO lets us in by WebSocket",
                  "older devices cannot connect by WebSocket", f);
}

/* ---- from one to the other ---- */

/* "2probe" is answered, "5" ends it; that it was taken shows when we are let in. */
static int upgrade(struct dial_ws *w)
{
    int rc = say_and_hear(w, "2probe", "3probe");

    if (rc == 0) rc = dial_ws_send(w, SL_STR("5"));
    return rc == 0 ? say_and_hear(w, "40", "40") : rc;
}

void step_sio_upgrade(struct doctor *d, struct finding *f)
{
    char query[sizeof d->sio.sid + 64];

    if (d->sio.sid[0] == '\0') {
        found(f, FOUND_SKIP, "there is no session by polling");
        return;
    }
    snprintf(query, sizeof query, SIO_PATH "websocket&sid=%s", d->sio.sid);
    try_websocket(d, query, upgrade, "a session goes on from polling to WebSocket",
                  "dashboards stay on polling, which costs more", f);
}
