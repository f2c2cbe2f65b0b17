/* SPDX-License-Identifier: MIT */
/* What the original had as scripts: a mock device, and the check of the backend in stages. */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/doctor.h"
#include "cli/sim_words.h"

#include <stdio.h>

#define CONNECT_MS   10000
#define CONFIRM_MS   5000
#define FRAMES       3
#define FRAME_GAP_MS 1000
#define TCP_MS       3000
#define HTTP_MS      4000

static const char four_causes[] =
    "four likely causes: the hub is not running; there is no WebSocket on that address (a proxy, "
    "a wrong path); the network between; a firewall";

/* ---- the mock device ---- */

static const char *mock_device(const struct doctor *d)
{
    const char *set = doctor_setting(d, "DEVICE_ID");

    return d->device != NULL ? d->device : set != NULL ? set : "test-cam";
}

static void mock_connect(struct doctor *d, struct finding *f)
{
    struct reply *r = sl__zalloc(sizeof *r);
    char text[96];
    int rc = SL_E_NOMEM;

    dial_limit(&d->link.dial, CONNECT_MS);
    if (r != NULL) rc = dial_ws_open(&d->link, &d->url, doctor_ws_path(d), r);
    if (rc == 0) {
        d->known |= KNOWN_LINK;
        found(f, FOUND_PASS, "connected to ws://%s%s", d->url.at, doctor_ws_path(d));
    } else {
        if (rc == SL_E_WS_PROTO)
            found(f, FOUND_FAIL, "ws://%s%s answers with status %d, no WebSocket", d->url.at,
                  doctor_ws_path(d), r->status);
        else
            found(f, FOUND_FAIL, "ws://%s%s: %s", d->url.at, doctor_ws_path(d),
                  sl_strerror(rc, text, sizeof text));
        doctor_note(d, four_causes);
    }
    if (r != NULL) reply_deinit(r);
    sl__free(r);
}

static bool is_confirmation(sl_str text, const char *device)
{
    sl_json doc = {0};
    bool yes = false;

    if (sl_json_read(&doc, text, NULL, NULL, NULL) == 0) {
        sl_value root = sl_json_root(&doc);

        yes = sl_value_is_str(sl_value_get(root, SL_STR("type")), SL_STR("device_status"))
              && sl_value_is_str(sl_value_get(root, SL_STR("device_id")), sl_str_of(device))
              && sl_value_is_str(sl_value_get(root, SL_STR("status")), SL_STR("connected"));
    }
    sl_json_deinit(&doc);
    return yes;
}

static int send_out(struct doctor *d, sl_json_out *out)
{
    int rc = out->rc;

    dial_limit(&d->link.dial, d->timeout_ms);
    if (rc == 0) rc = dial_ws_send(&d->link, sl_out_text(out));
    sl_out_deinit(out);
    return rc;
}

static void mock_register(struct doctor *d, struct finding *f)
{
    sl_json_out out = {0};
    char text[96];
    int rc;

    words_register(&out, sl_str_of(mock_device(d)));
    rc = send_out(d, &out);
    dial_limit(&d->link.dial, CONFIRM_MS);
    while (rc == 0 && !d->is_confirmed) {
        sl_buf *b;

        rc = dial_ws_receive(&d->link, &b);
        if (rc < 0) break;
        d->is_confirmed = is_confirmation(sl_buf_str(b), mock_device(d));
        sl_buf_drop(b);
    }
    if (d->is_confirmed)
        found(f, FOUND_PASS, "%s is registered, and the hub says so", mock_device(d));
    else if (rc == SL_E_TIMEOUT)
        found(f, FOUND_WARN, "%s said its name, but no word came within 5 s", mock_device(d));
    else
        found(f, FOUND_FAIL, "the connection broke: %s", sl_strerror(rc, text, sizeof text));
}

/* Three pictures, a second apart. */
static void mock_frames(struct doctor *d, struct finding *f)
{
    struct words_room room = {0};
    struct source *source = NULL;
    int rc = source_synthetic_new(320, 240, 1, &source);
    char text[96];

    for (int i = 0; rc == 0 && i < FRAMES; i++) {
        struct view v = {0};
        sl_str message;

        if (i > 0) rc = dial_pause(&d->link.dial, FRAME_GAP_MS);
        if (rc == 0) rc = source->take(source, (uint64_t)i * FRAME_GAP_MS, &v);
        if (rc < 0) break;
        rc = words_frame(&room, sl_buf_str(v.jpeg), &message);
        sl_buf_drop(v.jpeg);
        dial_limit(&d->link.dial, d->timeout_ms);
        if (rc == 0) rc = dial_ws_send(&d->link, message);
        if (rc == 0) rc = dial_ws_drain(&d->link);
        d->frames_sent += rc == 0;
    }
    sl__free(room.ptr);
    if (source != NULL) source->free(source);
    if (d->frames_sent == FRAMES)
        found(f, FOUND_PASS, "%d frames sent, one second apart", FRAMES);
    else
        found(f, d->frames_sent > 0 ? FOUND_WARN : FOUND_FAIL, "%d of %d frames sent: %s",
              d->frames_sent, FRAMES, sl_strerror(rc, text, sizeof text));
}

static void mock_success(struct doctor *d)
{
    doctor_note(d, "The mock device was connected and sent frames: a real one can do so too.");
    doctor_note(d, d->is_confirmed ? "Registration: CONFIRMED" : "Registration: PENDING");
}

static void mock_detection(struct doctor *d, struct finding *f)
{
    const struct sighting seen = {.type = "edge_defect", .confidence = 0.92};
    sl_json_out out = {0};
    char text[96];
    int rc;

    words_detection(&out, &seen, 0, 0, wall_now());
    rc = send_out(d, &out);
    if (rc == 0)
        found(f, FOUND_PASS, "one detection sent: edge_defect 0.92");
    else
        found(f, FOUND_FAIL, "the detection could not be sent: %s",
              sl_strerror(rc, text, sizeof text));
    if (d->frames_sent > 0)
        mock_success(d);
    else
        doctor_note(d, four_causes);
    dial_ws_close(&d->link);
}

// clang-format off
static const struct step mock_steps[] = {
    {"connect",   "a WebSocket within 10 s",               mock_connect,   "start the hub; if it runs: sluice doctor", 0, 1},
    {"register",  "device_register, confirmed within 5 s", mock_register,  "older backends never confirm: sluice doctor shows whether the device is in the list", KNOWN_LINK, 1},
    {"frames",    "3 frames, one second apart",            mock_frames,    "the hub hung up: look at its log", KNOWN_LINK, 1},
    {"detection", "one detection, edge_defect 0.92",       mock_detection, "the hub hung up: look at its log", KNOWN_LINK, 1},
};
// clang-format on

const struct part part_mock = {"mock", mock_steps, sizeof mock_steps / sizeof mock_steps[0]};

/* ---- the backend, stage by stage ---- */

static void check_tcp(struct doctor *d, struct finding *f)
{
    struct dial dial = DIAL_NONE;
    char text[96];
    int rc;

    dial_limit(&dial, TCP_MS);
    rc = dial_open(&dial, &d->url);
    dial_close(&dial);
    if (rc == 0) {
        d->known |= KNOWN_PORT;
        found(f, FOUND_PASS, "%s takes connections", d->url.at);
    } else {
        found(f, FOUND_FAIL, "%s: %s", d->url.at, sl_strerror(rc, text, sizeof text));
    }
}

static void check_http(struct doctor *d, struct finding *f)
{
    const char *path = doctor_setting(d, "CHECK_PATH");
    struct reply *r = sl__zalloc(sizeof *r);
    struct dial dial = DIAL_NONE;
    char text[96];
    int rc = SL_E_NOMEM;

    if (path == NULL || path[0] != '/') path = "/";
    dial_limit(&dial, HTTP_MS);
    if (r != NULL) rc = dial_get(&dial, &d->url, path, r);
    if (rc < 0) {
        found(f, FOUND_FAIL, "GET %s: %s", path, sl_strerror(rc, text, sizeof text));
    } else if (r->status >= 500) {
        found(f, FOUND_FAIL, "GET %s answers %d", path, r->status);
    } else {
        d->known |= KNOWN_HTTP;
        found(f, FOUND_PASS, "GET %s answers %d", path, r->status);
    }
    if (r != NULL) reply_deinit(r);
    sl__free(r);
}

static void check_socketio(struct doctor *d, struct finding *f)
{
    step_sio_websocket(d, f);
    if (f->state == FOUND_WARN) f->state = FOUND_FAIL;
}

// clang-format off
static const struct step backend_steps[] = {
    {"tcp",       "a connection within 3 s",                check_tcp,      "start the hub; if it runs, look at the firewall", 0, 1},
    {"http",      "an answer within 4 s, its status below 500", check_http, "look at the hub's log", KNOWN_PORT, 2},
    {"socket.io", "Socket.IO connects",                     check_socketio, "newer devices do not need it; older ones need a hub that speaks it", KNOWN_HTTP, 3},
};
// clang-format on

const struct part part_backend = {"backend", backend_steps,
                                  sizeof backend_steps / sizeof backend_steps[0]};
