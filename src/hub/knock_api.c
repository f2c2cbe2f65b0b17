/* SPDX-License-Identifier: MIT */
/* The groups as JSON, for the page, for doctor, for whoever asks. */
#include "hub/knock.h"

static void put_text(sl_json_out *out, const char *key, const char *text)
{
    sl_out_key(out, key);
    sl_out_str(out, sl_str_of(text));
}

static void put_number(sl_json_out *out, const char *key, int64_t v)
{
    sl_out_key(out, key);
    sl_out_i64(out, v);
}

void knock_put(const struct knock_group *g, sl_json_out *out)
{
    const struct knock_kind *kind = &knock_kinds[g->cause];

    put_text(out, "reason", kind->code);
    put_text(out, "severity", knock_severities[kind->severity]);
    put_text(out, "cause", kind->cause);
    put_text(out, "cure", g->cure);
    put_text(out, "address", g->address);
    put_text(out, "path", g->path);
    put_text(out, "detail", g->detail);
    put_number(out, "count", (int64_t)g->count);
    put_number(out, "first_us", g->first_us);
    put_number(out, "last_us", g->last_us);
}

static void on_knocks(sl_request *r, void *user)
{
    const struct knock_group *g[KNOCK_GROUPS_MAX];
    uint32_t n = knocks_list(user, g);
    sl_json_out out = {0};

    sl_out_object(&out);
    sl_out_key(&out, "knocks");
    sl_out_array(&out);
    for (uint32_t i = 0; i < n; i++) {
        sl_out_object(&out);
        knock_put(g[i], &out);
        sl_out_end(&out);
    }
    sl_out_end(&out);
    sl_out_end(&out);
    (void)sl_request_set_header(r, "Cache-Control", SL_STR("no-store"));
    sl_answer_json(r, 200, &out);
}

const sl_route knock_routes[KNOCK_ROUTES] = {
    SL_ROUTE(SL_GET, "/api/knocks", SL_RIGHT_OPEN, on_knocks, NULL),
};
