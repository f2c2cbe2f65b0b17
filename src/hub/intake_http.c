/* SPDX-License-Identifier: MIT */
/* Intakes over HTTP: method and path say what it is, the body is the message. */
#include "hub/intake_inside.h"
#include "serve/request.h"

static int good_status(const struct intake *in)
{
    return in->status != 0 ? in->status : 200;
}

void intake_http_answer(const struct arrival *a)
{
    sl_json_out out = {0};

    if (a->intake->answer_x != NULL) {
        a->intake->answer_x(a, NULL, &out);
    } else {
        sl_out_object(&out);
        sl_out_key(&out, "ok");
        sl_out_bool(&out, true);
        sl_out_end(&out);
    }
    sl_answer_json(a->request, good_status(a->intake), &out);
}

void intake_http_done(const struct done *d)
{
    const struct intake *in = d->intake;
    sl_json_out out = {0};

    if (d->outcome != NULL && d->outcome->kind >= OUTCOME_REFUSED) {
        /* of a list, some may be stored: it is said how many, so that nobody sends them again
         */
        if (d->count > 1 && d->stored > 0) {
            sl_answer_error(d->request, d->outcome->status,
                            "%u of %u were stored; the first "
                            "of the others: %s",
                            d->stored, d->count, d->outcome->why);
        } else {
            sl_answer_error(d->request, d->outcome->status, "%s", d->outcome->why);
        }
        return;
    }
    if (in->answer_x != NULL) {
        in->answer_x(NULL, d, &out);
    } else {
        sl_out_object(&out);
        done_put_receipt(d, &out);
        sl_out_end(&out);
    }
    sl_answer_json(d->request, good_status(in), &out);
}

static void on_request(sl_request *r, void *user)
{
    struct intake_route *route = user;
    struct intakes *x = route->owner;
    struct arrival a = {.intake = route->intake, .request = r, .buf = r->body};
    sl_error err = {0};

    if (a.intake->shape != NULL) {
        int rc = sl_json_read(&x->doc, sl_request_body(r), NULL, &intake_json_limits, &err);

        if (rc < 0) {
            route->received++;
            route->refused++;
            if (rc != SL_E_NOMEM) intake_knock(x, &a, KNOCK_JSON, "%s", err.text);
            sl_answer_error(r, rc == SL_E_NOMEM ? 503 : 400, "the body must be JSON: %s",
                            err.text);
            return;
        }
        a.root = sl_json_root(&x->doc);
    }
    intake_take(x, &a);
}

/* ---- the rows ---- */

size_t intakes_route_count(const struct system *s)
{
    size_t n = 0;

    for (const char *const *p = s->ws_paths; p != NULL && *p != NULL; p++)
        n++;
    for (size_t i = 0; i < s->intake_count; i++)
        n += s->intakes[i].http_method != 0;
    return n;
}

size_t intakes_put_routes(struct intakes *x, sl_route *rows)
{
    const struct system *s = x->system;
    size_t n = 0;

    for (const char *const *p = s->ws_paths; p != NULL && *p != NULL; p++)
        rows[n++] = (sl_route)SL_ROUTE_WS(*p, SL_RIGHT_OPEN, &intake_ws_ops, x);
    for (size_t i = 0; i < s->intake_count; i++) {
        const struct intake *in = &s->intakes[i];

        if (in->http_method == 0) continue;
        rows[n] = (sl_route)SL_ROUTE(in->http_method, in->http_path, in->right, on_request,
                                     &x->routes[i]);
        rows[n++].body_max = in->bytes_max;
    }
    return n;
}
