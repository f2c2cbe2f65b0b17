/* SPDX-License-Identifier: MIT */
#include "hub/health.h"

#include "base/clock.h"
#include "net/loop.h"

/* Begins every object here. */
static void open_state(sl_json_out *out, bool ok, const char *status)
{
    sl_out_object(out);
    sl_out_key(out, "ok");
    sl_out_bool(out, ok);
    sl_out_key(out, "status");
    sl_out_str(out, sl_str_of(status));
}

static void put_instant(sl_json_out *out, const char *key, struct wall at)
{
    char text[WALL_TEXT_SIZE];

    sl_out_key(out, key);
    sl_out_str(out, sl_str_of(wall_format(at, text)));
}

static void put_trouble(sl_json_out *out, const struct journal_trouble *t)
{
    if (t->rc == 0) return;
    sl_out_key(out, "reason");
    sl_out_str(out, sl_str_of(t->cause));
    put_instant(out, "since", t->since);
}

static void answer(sl_request *r, int status, sl_json_out *out)
{
    sl_out_end(out);
    sl_request_set_header(r, "Cache-Control", SL_STR("no-store"));
    sl_answer_json(r, status, out);
}

static void get_trouble(const struct vitals *v, struct journal_trouble *out)
{
    struct journal_stats stats;

    journal_get_stats(v->journal, &stats);
    *out = stats.trouble;
}

/* What the page warns of, on every view. */
static void put_access(sl_json_out *out, const struct vitals *v)
{
    if (v->access == NULL || !v->access->is_open) return;
    sl_out_key(out, "access");
    sl_out_str(out, SL_STR("open"));
}

static void on_live(sl_request *r, void *user)
{
    (void)user;
    sl_request_set_header(r, "Cache-Control", SL_STR("no-store"));
    sl_answer(r, 200, "text/plain; charset=utf-8", SL_STR("ok\n"));
}

static void on_ready(sl_request *r, void *user)
{
    const struct vitals *v = user;
    bool stops = sl__loop_is_stopping(v->loop);
    struct journal_trouble trouble;
    sl_json_out out = {0};
    bool refuses;

    get_trouble(v, &trouble);
    refuses = trouble.rc != 0;
    open_state(&out, !stops && !refuses, stops ? "draining" : refuses ? "refusing" : "ready");
    put_trouble(&out, &trouble);
    answer(r, stops || refuses ? 503 : 200, &out);
}

static void on_health(sl_request *r, void *user)
{
    struct journal_trouble trouble;
    sl_json_out out = {0};
    bool ok;

    get_trouble(user, &trouble);
    ok = trouble.rc == 0;
    open_state(&out, ok, ok ? "ok" : "refusing");
    put_instant(&out, "timestamp", wall_now());
    sl_out_key(&out, "cache"); /* an object, for those who look for it; nothing is held here */
    sl_out_object(&out);
    sl_out_end(&out);
    put_trouble(&out, &trouble);
    put_access(&out, user);
    answer(r, ok ? 200 : 503, &out);
}

const sl_route health_routes[HEALTH_ROUTES] = {
    SL_ROUTE(SL_GET, "/livez", SL_RIGHT_OPEN, on_live, NULL),
    SL_ROUTE(SL_GET, "/readyz", SL_RIGHT_OPEN, on_ready, NULL),
    SL_ROUTE(SL_GET, "/health", SL_RIGHT_OPEN, on_health, NULL),
};
