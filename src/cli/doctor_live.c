/* SPDX-License-Identifier: MIT */
/* The rows about what comes in: devices, pictures, detections. */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/doctor.h"
#include "cli/doctor_rules.h"

#include <stdio.h>

#define FRESH_US       INT64_C(5000000)
#define HOUR_US        INT64_C(3600000000)
#define WATCH_MS       5000
#define DEVICE_ID_SIZE 400

/* An answer being judged. */
struct ask {
    struct reply *reply;
    sl_json doc;
    int rc;
};

static void ask_hub(struct doctor *d, const char *path, struct ask *a)
{
    *a = (struct ask){.reply = sl__zalloc(sizeof *a->reply)};
    a->rc = a->reply != NULL ? doctor_get(d, &d->url, path, a->reply, &a->doc) : SL_E_NOMEM;
}

static void ask_deinit(struct ask *a)
{
    sl_json_deinit(&a->doc);
    if (a->reply != NULL) reply_deinit(a->reply);
    sl__free(a->reply);
}

static void found_no_answer(const struct ask *a, const char *path, struct finding *f)
{
    char text[96];

    if (a->rc == 0 || a->rc == SL_E_JSON)
        found(f, FOUND_WARN, "%s answers %d: this hub does not tell", path, a->reply->status);
    else
        found(f, FOUND_FAIL, "%s: %s", path, sl_strerror(a->rc, text, sizeof text));
    next_is(f, "%s",
            a->rc == 0 || a->rc == SL_E_JSON ? "use a newer hub" : "look at the hub's log");
}

static bool is_wanted(const struct doctor *d, sl_value id)
{
    return d->device == NULL || sl_value_is_str(id, sl_str_of(d->device));
}

static const char *whose(const struct doctor *d)
{
    return d->device != NULL ? d->device : "any device";
}

/* ---- registered ---- */

void step_registered(struct doctor *d, struct finding *f)
{
    static const char path[] = "/devices/status";
    size_t wanted = 0;
    struct ask a;
    sl_value list;

    ask_hub(d, path, &a);
    list = sl_value_get(sl_json_root(&a.doc), SL_STR("devices"));
    if (a.rc != 0 || a.reply->status != 200 || sl_value_type(list) != SL_JSON_ARRAY) {
        found_no_answer(&a, path, f);
        ask_deinit(&a);
        return;
    }
    for (sl_value v = sl_value_first(list, NULL); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(list, v, NULL)) {
        d->devices++;
        wanted += is_wanted(d, sl_value_get(v, SL_STR("device_id")));
    }
    d->is_device_there = wanted > 0;
    if (wanted > 0 && d->device != NULL) {
        found(f, FOUND_PASS, "%s is connected", d->device);
    } else if (wanted > 0) {
        found(f, FOUND_PASS, "%zu connected", d->devices);
    } else if (d->device != NULL) {
        found(f, FOUND_FAIL, "%s is not in the list; %zu others are", d->device, d->devices);
    } else {
        found(f, FOUND_WARN, "no device is connected");
        next_is(f, "start a device, or a simulated one: sluice sim glass --url ws://%s%s",
                d->url.at, doctor_ws_path(d));
    }
    ask_deinit(&a);
}

/* ---- frames ---- */

static void found_frames(struct doctor *d, struct finding *f, int64_t newest_us)
{
    int64_t age = doctor_hub_now_us(d) - newest_us;

    if (newest_us > 0 && age <= FRESH_US) {
        d->has_video = true;
        found(f, FOUND_PASS, "the newest picture is %.1f s old",
              age > 0 ? (double)age / 1e6 : 0.0);
        return;
    }
    if (!d->is_device_there) {
        found(f, d->device != NULL ? FOUND_FAIL : FOUND_WARN,
              "no new picture, for %s is not connected",
              d->device != NULL ? d->device : "a device");
        next_is(f, "start the device first");
    } else if (newest_us > 0) {
        found(f, FOUND_FAIL, "the newest picture of %s is %.0f s old: the camera stalls",
              whose(d), (double)age / 1e6);
        next_is(f, "look at the device: is its program still running, does its camera answer?");
    } else {
        found(f, FOUND_FAIL, "%s is connected, but no picture came", whose(d));
        next_is(f, "compare the device's address with the website's; read the device's log");
    }
}

/* By /api/streams. returns false where there is none */
static bool look_at_streams(struct doctor *d, int64_t *newest_us)
{
    struct ask a;
    sl_value list;
    bool there;

    ask_hub(d, "/api/streams", &a);
    list = sl_value_get(sl_json_root(&a.doc), SL_STR("streams"));
    there = a.rc == 0 && a.reply->status == 200 && sl_value_type(list) == SL_JSON_ARRAY;
    for (sl_value v = sl_value_first(list, NULL); there && sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(list, v, NULL)) {
        int64_t at;

        if (!is_wanted(d, sl_value_get(v, SL_STR("device")))) continue;
        if (sl_value_i64(sl_value_get(v, SL_STR("frame_us")), &at) && at > *newest_us)
            *newest_us = at;
    }
    ask_deinit(&a);
    return there;
}

/* When the hub says that this frame came; 0: it is none, or another's. */
static int64_t frame_time(const struct doctor *d, sl_str text)
{
    sl_json doc = {0};
    sl_value root;
    int64_t ms = 0;

    if (sl_json_read(&doc, text, NULL, NULL, NULL) == 0) {
        root = sl_json_root(&doc);
        if (!sl_value_is_str(sl_value_get(root, SL_STR("type")), SL_STR("frame"))
            || (d->device != NULL && !is_wanted(d, sl_value_get(root, SL_STR("device_id"))))
            || !sl_value_i64(sl_value_get(root, SL_STR("timestamp")), &ms))
            ms = 0;
    }
    sl_json_deinit(&doc);
    return ms > 0 && ms < INT64_C(100000000000000) ? ms * 1000 : 0;
}

/* As a dashboard does: every backend of this system knows that. */
static int watch(struct doctor *d, int64_t *newest_us)
{
    struct reply *r = sl__zalloc(sizeof *r);
    struct dial_ws w = {.dial = DIAL_NONE};
    int rc = SL_E_NOMEM;

    dial_limit(&w.dial, d->timeout_ms);
    if (r != NULL) rc = dial_ws_open(&w, &d->url, doctor_ws_path(d), r);
    if (rc == 0) rc = dial_ws_send(&w, SL_STR("{\"type\":\"web_client\"}"));
    dial_limit(&w.dial, WATCH_MS);
    while (rc == 0 && doctor_hub_now_us(d) - *newest_us > FRESH_US) {
        sl_buf *b;
        int64_t at;

        rc = dial_ws_receive(&w, &b);
        if (rc < 0) break;
        at = frame_time(d, sl_buf_str(b));
        if (at > *newest_us) *newest_us = at;
        sl_buf_drop(b);
    }
    dial_ws_close(&w);
    if (r != NULL) reply_deinit(r);
    sl__free(r);
    return rc == SL_E_TIMEOUT ? 0 : rc;
}

void step_frames(struct doctor *d, struct finding *f)
{
    int64_t newest_us = 0;
    char text[96];
    int rc = 0;

    if (!look_at_streams(d, &newest_us)) rc = watch(d, &newest_us);
    if (rc < 0) {
        found(f, FOUND_FAIL, "the hub could not be watched: %s",
              sl_strerror(rc, text, sizeof text));
        return;
    }
    found_frames(d, f, newest_us);
}

/* ---- detections ---- */

static int64_t row_time(sl_value row)
{
    static const char *const columns[] = {"created_at", "detected_at"};
    int64_t newest = 0;

    for (size_t i = 0; i < 2; i++) {
        struct wall at;
        sl_str text;

        if (sl_value_str(sl_value_get(row, sl_str_of(columns[i])), &text)
            && wall_parse(text, &at) && at.us > newest)
            newest = at.us;
    }
    return newest;
}

void step_detections(struct doctor *d, struct finding *f)
{
    char id[DEVICE_ID_SIZE] = "", path[DEVICE_ID_SIZE + 64];
    int64_t newest = 0, age;
    struct ask a;
    sl_value list;

    if (d->device != NULL && !rule_encode(d->device, id, sizeof id)) id[0] = '\0';
    snprintf(path, sizeof path, "/defects?limit=20%s%s", id[0] != '\0' ? "&deviceId=" : "", id);
    ask_hub(d, path, &a);
    list = sl_value_get(sl_json_root(&a.doc), SL_STR("data"));
    if (a.rc != 0 || a.reply->status != 200 || sl_value_type(list) != SL_JSON_ARRAY) {
        found_no_answer(&a, "/defects", f);
        ask_deinit(&a);
        return;
    }
    for (sl_value v = sl_value_first(list, NULL); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(list, v, NULL)) {
        int64_t at = row_time(v);

        if (at > newest) newest = at;
    }
    ask_deinit(&a);
    age = doctor_hub_now_us(d) - newest;
    if (newest == 0)
        found(f, FOUND_WARN, "none is stored%s%s", d->device != NULL ? " of " : "",
              d->device != NULL ? d->device : "");
    else if (age > HOUR_US)
        found(f, FOUND_WARN, "the last one is %.0f minutes old", (double)age / 60e6);
    else
        found(f, FOUND_PASS, "the last one is %.0f s old", age > 0 ? (double)age / 1e6 : 0.0);
}
