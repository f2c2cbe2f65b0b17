/* SPDX-License-Identifier: MIT */
/*
 * The rows of Socket.IO: each of its two transports, and the way from one to the other. Older
 * devices begin by WebSocket, their dashboards by polling and go on to WebSocket.
 */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/doctor.h"

#include <stdio.h>

#define PATH "/socket.io/?EIO=4&transport="

static const struct {
    int from, to; /* status */
    const char *says, *means, *next;
} refusals[] = {
    {200, 299, NULL,         "that is no Socket.IO: a website or another program answers",
     "let the proxy pass /socket.io/ on to the hub, as it does /ws"                                                                                            },
    {300, 399, NULL,         "it redirects, which no client of Socket.IO follows",
     "use the address that it redirects to"                                                                                                                    },
    {400, 400, "\"code\":0", "it does not speak this transport",                           "switch it on there"                                                },
    {400, 400, "\"code\":1",
     "it has forgotten the session that it has just given: several hubs "
     "behind one address",                                                                 "let the proxy send each client to one hub always (sticky sessions)"},
    {400, 400, "\"code\":3", "the request lost its Upgrade header on the way",
     "let the proxy forward Upgrade and Connection (nginx: proxy_set_header)"                                                                                  },
    {400, 400, "\"code\":5", "it speaks another revision of Engine.IO than 4",
     "use a server of Socket.IO 3.x or 4.x; for one of 2.x, clients of 2.x"                                                                                    },
    {400, 400, NULL,         "the request was spoilt on the way",
     "let the proxy forward Upgrade and Connection (nginx: proxy_set_header)"                                                                                  },
    {401, 401, NULL,         "it wants to know who we are",                                "give devices their key"                                            },
    {403, 403, NULL,         "it does not take callers by this name or from this page",
     "name it on the hub: --hosts, --origins, or --access open"                                                                                                },
    {404, 404, NULL,         "there is no Socket.IO on this path",
     "is that the hub? Is a path put in front by the proxy? It must be /socket.io/ at the root"                                                                },
    {502, 504, NULL,         "a proxy answers, but the hub behind it does not",
     "start the hub, or correct the proxy's target"                                                                                                            },
};

static bool holds(sl_str text, const char *part)
{
    size_t n = strlen(part);

    for (size_t i = 0; i + n <= text.len; i++)
        if (memcmp(text.ptr + i, part, n) == 0) return true;
    return false;
}

static void judge(const struct reply *r, const char *what, struct finding *f)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (r->status < refusals[i].from || r->status > refusals[i].to) continue;
        if (refusals[i].says != NULL && !holds(r->body, refusals[i].says)) continue;
        found(f, FOUND_WARN, "%s: status %d: %s", what, r->status, refusals[i].means);
        next_is(f, "%s", refusals[i].next);
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

/* "0{"sid":…}" of a handshake's answer: remembered for the upgrade. */
static bool read_open(struct doctor *d, sl_str body)
{
    sl_json doc = {0};
    sl_str sid = {0};

    d->sio_sid[0] = '\0';
    if (str_starts(body, SL_STR("0{"))
        && sl_json_read(&doc, str_part(body, 1, body.len), NULL, NULL, NULL) == 0
        && sl_value_str(sl_value_get(sl_json_root(&doc), SL_STR("sid")), &sid))
        (void)str_to_cstr(sid, d->sio_sid, sizeof d->sio_sid);
    sl_json_deinit(&doc);
    return d->sio_sid[0] != '\0';
}

void step_sio_polling(struct doctor *d, struct finding *f)
{
    static const char what[] = "older dashboards cannot begin by polling";
    struct reply *r = sl__zalloc(sizeof *r);
    struct dial dial = DIAL_NONE;
    int rc = SL_E_NOMEM;

    dial_limit(&dial, d->timeout_ms);
    if (r != NULL) rc = dial_get(&dial, &d->url, PATH "polling", r);
    if (rc < 0)
        found_error(rc, what, f);
    else if (r->status == 200 && read_open(d, r->body))
        found(f, FOUND_PASS, "a session by polling is given");
    else
        judge(r, what, f);
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
static void try_websocket(struct doctor *d, const char *path, int (*talk)(struct dial_ws *w),
                          const char *good, const char *bad, struct finding *f)
{
    struct reply *r = sl__zalloc(sizeof *r);
    struct dial_ws w = {.dial = DIAL_NONE};
    int rc = SL_E_NOMEM;

    dial_limit(&w.dial, d->timeout_ms);
    if (r != NULL) rc = dial_ws_open(&w, &d->url, path, r);
    if (rc == SL_E_WS_PROTO) {
        judge(r, bad, f);
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
    try_websocket(d, PATH "websocket", join, "Socket.IO lets us in by WebSocket",
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
    char path[sizeof d->sio_sid + 64];

    if (d->sio_sid[0] == '\0') {
        found(f, FOUND_SKIP, "there is no session by polling");
        return;
    }
    snprintf(path, sizeof path, PATH "websocket&sid=%s", d->sio_sid);
    try_websocket(d, path, upgrade, "a session goes on from polling to WebSocket",
                  "dashboards stay on polling, which costs more", f);
}
