/* SPDX-License-Identifier: MIT */
#include "hub/site.h"

#include "sluice/json.h"

#include "base/clock.h"
#include "base/str.h"

#include <stdlib.h>

/* What the page needs comes from here, but for pictures that a device keeps elsewhere. */
#define PAGE_POLICY                                                                          \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; " \
    "img-src 'self' data: https: http:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/* The weight of one media range in an Accept header, or -1: not named. RFC 9110 §12.5.1 */
static double weight_of(sl_str accept, sl_str type)
{
    for (sl_str rest = accept, range; str_split(&rest, ',', &range);) {
        sl_str parameters = range, name, p;
        double q = 1;

        if (!str_split(&parameters, ';', &name)) continue;
        if (!str_eq_nocase(str_trim_ows(name), type)) continue;
        while (str_split(&parameters, ';', &p)) {
            char text[16];

            p = str_trim_ows(p);
            if (p.len < 2 || str_lower(p.ptr[0]) != 'q' || p.ptr[1] != '=') continue;
            if (str_to_cstr(str_part(p, 2, p.len), text, sizeof text)) q = strtod(text, NULL);
        }
        return q;
    }
    return -1;
}

/* A browser names text/html; programs name JSON or take anything. */
static bool prefers_html(sl_str accept)
{
    double html = weight_of(accept, SL_STR("text/html"));

    return html > 0 && html >= weight_of(accept, SL_STR("application/json"));
}

static void answer_page(struct site *site, sl_request *r, sl_str path)
{
    sl_request_set_header(r, "Content-Security-Policy", SL_STR(PAGE_POLICY));
    sl_request_set_header(r, "Referrer-Policy", SL_STR("no-referrer"));
    sl_answer_asset(r, site->assets, site->asset_count, path);
}

static void put_now(sl_json_out *out)
{
    char text[WALL_TEXT_SIZE];

    sl_out_key(out, "timestamp");
    sl_out_str(out, sl_str_of(wall_format(wall_now(), text)));
}

/* The page for people; for programs the sentence that the glass devices look for. */
static void on_root(sl_request *r, void *user)
{
    sl_json_out out = {0};

    sl_request_set_header(r, "Vary", SL_STR("Accept"));
    if (prefers_html(sl_request_header(r, "Accept"))) {
        answer_page(user, r, SL_STR("/index.html"));
        return;
    }
    sl_out_object(&out);
    sl_out_key(&out, "message");
    sl_out_str(&out, SL_STR("Backend connected successfully!"));
    put_now(&out);
    sl_out_end(&out);
    sl_answer_json(r, 200, &out);
}

static void on_asset(sl_request *r, void *user)
{
    sl_str path = sl_request_path(r); /* "/app/…" */

    answer_page(user, r, str_part(path, strlen("/app"), path.len));
}

const sl_route site_routes[] = {
    SL_ROUTE(SL_GET, "/", SL_RIGHT_OPEN, on_root, NULL),
    SL_ROUTE(SL_GET, "/app/*path", SL_RIGHT_OPEN, on_asset, NULL),
};
const size_t site_route_count = sizeof site_routes / sizeof site_routes[0];
