/* SPDX-License-Identifier: MIT */
/* The rows that ask the hub itself: is it there, is it one, does it take WebSockets. */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/doctor.h"

#include <stdio.h>

static void step_port(struct doctor *d, struct finding *f)
{
    struct dial dial = DIAL_NONE;
    char text[96];
    int rc;

    dial_limit(&dial, d->timeout_ms);
    rc = dial_open(&dial, &d->url);
    dial_close(&dial);
    if (rc == 0) {
        d->known |= KNOWN_PORT;
        found(f, FOUND_PASS, "something listens on %s", d->url.at);
        return;
    }
    found(f, FOUND_FAIL, "nothing can be reached on %s: %s", d->url.at,
          sl_strerror(rc, text, sizeof text));
    if (rc == SL_E_NOT_FOUND)
        next_is(f, "the name %s means nothing here: use the hub's IP address", d->url.host);
    else if (rc == SL_E_TIMEOUT)
        next_is(f, "look at the firewall (open %s/tcp), then NAT, then cable or Wi-Fi",
                d->url.port);
    else if (!dial_url_is_loopback(&d->url))
        next_is(f, "start the hub there: sluice serve --listen 0.0.0.0:%s --access open",
                d->url.port);
    else
        next_is(f, "start the hub: sluice serve --listen 127.0.0.1:%s", d->url.port);
}

/* ---- health ---- */

/* ISO text, or milliseconds as some backends give. */
static void learn_clock(struct doctor *d, sl_value stamp)
{
    struct wall at;
    sl_str text;
    int64_t ms;

    if (sl_value_str(stamp, &text) && wall_parse(text, &at))
        d->clock_ahead_us = at.us - wall_now().us;
    else if (sl_value_i64(stamp, &ms) && ms > 0 && ms < INT64_C(100000000000000))
        d->clock_ahead_us = ms * 1000 - wall_now().us;
}

/* A proxy says its name in its own answers and in those that it passes on; a hub has none. */
static void learn_between(struct doctor *d, const struct reply *r)
{
    sl_str said = reply_find(r, "Via");

    if (said.len == 0) said = reply_find(r, "Server");
    snprintf(d->between, sizeof d->between, "%.*s", (int)(said.len < 60 ? said.len : 60),
             said.ptr != NULL ? said.ptr : "");
}

/* An answer of JSON that is no hub's /health; the hub's own refusals say "error". */
static void judge_no_health(const struct doctor *d, const struct reply *r, sl_value root,
                            struct finding *f)
{
    sl_str error = {0};

    (void)sl_value_str(sl_value_get(root, SL_STR("error")), &error);
    found(f, FOUND_FAIL, "/health answers %d, but without \"ok\": no hub", r->status);
    if (r->status == 404 && str_starts(error, SL_STR("nothing is at "))) {
        found(
            f, FOUND_FAIL,
            "a hub answers, but it is asked for another path (%.*s): the proxy passes its own "
            "prefix on",
            (int)error.len, error.ptr);
        if (d->paths.prefix[0] == '\0')
            next_is(f, "let the proxy pass paths on as they are: / to /");
        else
            next_is(f, "let the proxy cut %s off: the slash behind the hub's address does that",
                    d->paths.prefix);
        f->paste = &paste_prefix;
    } else if (r->status == 403 && error.len > 0) {
        found(f, FOUND_FAIL, "/health answers 403: %.*s", (int)error.len, error.ptr);
        next_is(f, "name it on the hub: --hosts, --origins, or --access open");
    }
}

/* No JSON: another program, or a proxy that speaks for itself. */
static void judge_stranger(const struct doctor *d, const struct reply *r, struct finding *f)
{
    sl_str said = reply_find(r, "Server");

    if (r->status >= 502 && r->status <= 504) {
        found(f, FOUND_FAIL, "a proxy answers %d%s%.*s: the hub behind it does not", r->status,
              said.len > 0 ? ", " : "", (int)said.len, said.ptr);
        next_is(f, "start the hub, or correct the proxy's target");
        return;
    }
    found(f, FOUND_FAIL, "another program has the port: /health answers %d%s%.*s, no JSON",
          r->status, said.len > 0 ? ", " : "", (int)said.len, said.ptr);
    if (r->status == 404)
        next_is(f,
                "is it a proxy that has the hub behind a path? Say it: --url http://%s/PATH/; "
                "else ask for the hub's port",
                d->url.at);
}

static void judge_health(struct doctor *d, const struct reply *r, const sl_json *doc,
                         struct finding *f)
{
    sl_value root = sl_json_root(doc);
    sl_str reason = {0};
    bool ok;

    if (!sl_value_bool(sl_value_get(root, SL_STR("ok")), &ok)) {
        judge_no_health(d, r, root, f);
        return;
    }
    learn_between(d, r);
    d->known |= KNOWN_HUB;
    learn_clock(d, sl_value_get(root, SL_STR("timestamp")));
    if (ok) {
        found(f, FOUND_PASS, "/health says ok");
        return;
    }
    (void)sl_value_str(sl_value_get(root, SL_STR("reason")), &reason);
    found(f, FOUND_FAIL, "the hub runs, but refuses records: %.*s", (int)reason.len,
          reason.ptr);
    next_is(f, "mend that (is the disk full?), then look at the hub's log");
}

static void step_health(struct doctor *d, struct finding *f)
{
    struct reply *r = sl__zalloc(sizeof *r);
    sl_json doc = {0};
    char text[96];
    int rc = r != NULL ? doctor_get(d, &d->url, "/health", r, &doc) : SL_E_NOMEM;

    if (rc == 0 || rc == SL_E_JSON) d->known |= KNOWN_HTTP;
    if (rc == 0) {
        judge_health(d, r, &doc, f);
    } else if (rc == SL_E_JSON) {
        judge_stranger(d, r, f);
    } else if (rc == SL_E_HTTP) {
        sl_str said = str_part(reply_beginning(r), 0, 60);
        found(f, FOUND_FAIL, "another program has the port; it says: %.*s", (int)said.len,
              said.ptr);
    } else if (rc == SL_E_TIMEOUT) {
        found(f, FOUND_FAIL, "no answer within %llu s: the hub hangs, or it is no HTTP at all",
              (unsigned long long)d->timeout_ms / 1000);
        next_is(f, "see who has the port: ss -ltnp 'sport = :%s'; then restart the hub",
                d->url.port);
    } else {
        found(f, FOUND_FAIL, "no answer from /health: %s", sl_strerror(rc, text, sizeof text));
    }
    sl_json_deinit(&doc);
    if (r != NULL) reply_deinit(r);
    sl__free(r);
}

/* ---- handshake ---- */

#define LOST "the request lost its Upgrade header on the way"

// clang-format off
static const struct {
    int from, to; /* status */
    const char *means, *next;
    const struct paste *paste;
} refusals[] = {
    {200, 299, "plain HTTP answered: whoever is there does not know the upgrade", "let the proxy forward Upgrade and Connection, or correct the path (/ws)", &paste_upgrade},
    {300, 399, "it redirects, which no WebSocket client follows", "use the address that it redirects to", NULL},
    {400, 400, LOST, "let the proxy forward Upgrade and Connection", &paste_upgrade},
    {426, 426, LOST, "let the proxy forward Upgrade and Connection", &paste_upgrade},
    {401, 401, "it wants to know who we are", "give devices their key", NULL},
    {403, 403, "it does not take callers by this name or from this page", "name it on the hub: --hosts, --origins, or --access open", NULL},
    {404, 404, "there is no WebSocket on this path", "use the path /ws, behind the proxy's own if it has one", NULL},
    {502, 504, "a proxy answers, but the hub behind it does not", "start the hub, or correct the proxy's target", NULL},
};
// clang-format on

static void judge_refusal(const struct doctor *d, int status, struct finding *f)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (status < refusals[i].from || status > refusals[i].to) continue;
        found(f, FOUND_FAIL, "no upgrade on %s, but status %d: %s", doctor_ws_path(d), status,
              refusals[i].means);
        next_is(f, "%s", refusals[i].next);
        f->paste = refusals[i].paste;
        return;
    }
    found(f, FOUND_FAIL, "no upgrade on %s, but status %d", doctor_ws_path(d), status);
}

static void step_handshake(struct doctor *d, struct finding *f)
{
    struct reply *r = sl__zalloc(sizeof *r);
    struct dial_ws w = {.dial = DIAL_NONE};
    char text[96];
    int rc = SL_E_NOMEM;

    dial_limit(&w.dial, d->timeout_ms);
    if (r != NULL) rc = dial_ws_open(&w, &d->url, doctor_ws_path(d), r);
    if (rc == 0)
        found(f, FOUND_PASS, "an upgrade on %s gets 101", doctor_ws_path(d));
    else if (rc == SL_E_WS_PROTO && r->status == 101)
        found(f, FOUND_FAIL,
              "status 101, but that is no WebSocket's: something between changes "
              "the answer");
    else if (rc == SL_E_WS_PROTO)
        judge_refusal(d, r->status, f);
    else if (rc == SL_E_TIMEOUT)
        found(f, FOUND_FAIL, "an upgrade on %s gets no answer: something between holds it",
              doctor_ws_path(d));
    else
        found(f, FOUND_FAIL, "an upgrade on %s gets no answer: %s", doctor_ws_path(d),
              sl_strerror(rc, text, sizeof text));
    dial_ws_close(&w);
    if (r != NULL) reply_deinit(r);
    sl__free(r);
}

// clang-format off
/* name, what it checks, function, cure, needs, code */
static const struct step steps[] = {
    {"port",           "something listens on the hub's port",                step_port,           "start the hub: sluice serve", 0, 1},
    {"health",         "GET /health answers ok",                             step_health,         "stop the other program, or ask for the hub's port: --url http://HOST:PORT", KNOWN_PORT, 1},
    {"settings",       "the hub's port and the website's address agree",     step_settings,       "set REACT_APP_BACKEND_URL where the website is built", 0, 1},
    {"device address", "BACKEND_URL is set, and not localhost elsewhere",    step_device_address, "export BACKEND_URL on the device", 0, 1},
    {"reach",          "TCP and /health as a device would come in",          step_reach,          "look at the firewall (open the port), then NAT, then cable or Wi-Fi", 0, 1},
    {"device port",    "devices that drop the port find the hub on 80 or 443", step_device_port,  "let the hub listen on port 80 as well", KNOWN_HUB, 1},
    {"handshake",      "a WebSocket upgrade really gets 101",                step_handshake,      "look at the proxy between: it must forward upgrades", KNOWN_HTTP, 1},
    {"between",        "whether the hub itself answers",                     step_between,        "ask for the hub's own port", KNOWN_HUB, 1},
    {"socket.io revision",  "which clients of Socket.IO it understands",     step_sio_revision,   "use clients of Socket.IO 3.x or 4.x", KNOWN_HTTP, 1},
    {"socket.io polling",   "older dashboards can begin by polling",         step_sio_polling,    "newer devices and dashboards do not need it", KNOWN_HUB, 1},
    {"socket.io websocket", "older devices can connect by WebSocket",        step_sio_websocket,  "newer devices and dashboards do not need it", KNOWN_HUB, 1},
    {"socket.io upgrade",   "a session goes from polling to WebSocket",      step_sio_upgrade,    "look at the proxy between: it must forward upgrades", KNOWN_HUB, 1},
    {"buffering",      "what the hub says bit by bit comes at once",         step_buffering,      "switch the proxy's buffering off", KNOWN_HUB, 1},
    {"body size",      "pictures of 16 MiB may be sent by HTTP",             step_body,           "raise the proxy's limit of a body", KNOWN_HUB, 1},
    {"registered",     "a device is in the list",                            step_registered,     "the device does not send device_register: start it, and read its log", KNOWN_HUB, 1},
    {"frames",         "pictures came within the last 5 s",                  step_frames,         "compare the device's address with the website's", KNOWN_HUB, 1},
    {"detections",     "a detection came within the last hour",              step_detections,     "if there should be some, look at MIN_CONFIDENCE on the device", KNOWN_HUB, 1},
    {"knocking",       "nobody tried in vain within the last hour",          step_knocks,         "open the hub's page, Knocking", KNOWN_HUB, 1},
    {"silence",        "a silent connection outlives the heartbeat",         step_idle,           "let the proxy wait longer than the heartbeat takes", KNOWN_HUB, 1},
};
// clang-format on

const struct part part_hub = {"hub", steps, sizeof steps / sizeof steps[0]};
