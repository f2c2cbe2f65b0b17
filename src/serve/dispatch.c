/* SPDX-License-Identifier: MIT */
#include "serve/dispatch.h"

#include "base/packet.h"
#include "net/relief.h"
#include "serve/answer.h"
#include "serve/cors.h"
#include "serve/http_conn.h"
#include "serve/router.h"
#include "serve/trouble.h"

#include <stdio.h>

#define ALL_METHODS (SL_GET | SL_HEAD | SL_POST | SL_PUT | SL_PATCH | SL_DELETE | SL_OPTIONS)

static void put_allow(struct lines *l, unsigned methods)
{
    char text[METHODS_TEXT_SIZE];

    lines_put(l, "Allow", sl_str_of(methods_text(methods, text)));
}

/* What may be asked of this path, the answer to OPTIONS included. */
static unsigned path_methods(const struct route_match *m)
{
    return m->allowed | SL_OPTIONS | (m->has_ws ? SL_GET : 0u);
}

/* How much of the path fits into a sentence. */
static int shown(const sl_request *r)
{
    return r->path.len < 200 ? (int)r->path.len : 200;
}

/* ---- requests that no row takes ---- */

static void answer_options(sl_request *r, unsigned methods)
{
    struct lines l = {0};

    put_allow(&l, methods);
    if (cors_is_preflight(r)) cors_put_preflight(&l, r, methods);
    /* RFC 9110 §8.6 wants no length on 204; some browsers wait for a body unless they see it */
    lines_add(&l, SL_STR("Content-Length: 0\r\n"));
    if (l.failed)
        sl_answer_error(r, 503, "out of memory");
    else
        answer_send(r, &(struct answer){.status = 204, .lines = lines_text(&l)});
    lines_deinit(&l);
}

static void refuse_method(sl_request *r, unsigned methods)
{
    struct lines l = {0};
    char text[METHODS_TEXT_SIZE];

    put_allow(&l, methods);
    refuse(r, 405, l.failed ? (sl_str){0} : lines_text(&l),
           "%s is not for this path; it takes %s", http1_method_text(r->head->method),
           methods_text(methods, text));
    lines_deinit(&l);
}

static void refuse_plain(sl_request *r)
{
    refuse(r, 426, SL_STR(UPGRADE_LINES),
           "this path speaks WebSocket: the request lacks Connection: Upgrade and Upgrade: "
           "websocket, or a proxy in between has removed them");
}

static void tell_method(const sl_request *r)
{
    char text[METHODS_TEXT_SIZE], why[METHODS_TEXT_SIZE + 64];

    snprintf(why, sizeof why, "%s is not for this path; it takes %s",
             http1_method_text(r->head->method), methods_text(path_methods(&r->match), text));
    trouble_request(r, SL_TROUBLE_METHOD, why);
}

/* Asked of a path that has no row for it; the answer is still to come. */
static void tell_unrouted(const sl_request *r)
{
    const struct route_match *m = &r->match;
    unsigned method = r->head->method;
    bool is_get = (method & (SL_GET | SL_HEAD)) != 0;

    if (method == SL_OPTIONS && (m->allowed != 0 || m->has_ws)) return;
    if (m->has_ws && is_get)
        trouble_request(r, SL_TROUBLE_NO_UPGRADE, NULL);
    else if (m->allowed != 0 || m->has_ws)
        tell_method(r);
    else if (r->head->websocket && is_get)
        trouble_request(r, SL_TROUBLE_NO_WS_HERE, NULL);
    else
        trouble_request(r, SL_TROUBLE_NOT_FOUND, NULL);
}

static void answer_unrouted(sl_request *r)
{
    const struct route_match *m = &r->match;
    unsigned method = r->head->method;

    if (m->allowed == 0 && !m->has_ws)
        sl_answer_error(r, 404, "nothing is at %.*s", shown(r), r->path.ptr);
    else if (method == SL_OPTIONS)
        answer_options(r, path_methods(m));
    else if (m->has_ws && (method & (SL_GET | SL_HEAD)) != 0)
        refuse_plain(r);
    else
        refuse_method(r, path_methods(m));
}

/* ---- requests with a row ---- */

bool dispatch_is_allowed(sl_request *r)
{
    const sl_server_options *o = &r->server->options;
    int right = r->match.row->right;

    bool yes =
        o->is_allowed == NULL ? right == SL_RIGHT_OPEN : o->is_allowed(r, right, o->user);

    if (!yes) trouble_request(r, SL_TROUBLE_REFUSED, NULL);
    return yes;
}

/* RFC 9110 §10.1.1: only said when the body is really wanted */
static bool send_continue(sl_request *r)
{
    struct packet *p = packet_copy(SL_STR("HTTP/1.1 100 Continue\r\n\r\n"));
    int rc = p != NULL ? http_conn_send(r->conn, p) : SL_E_NOMEM;

    packet_drop(p);
    if (rc < 0) answer_abort(r, rc);
    return rc == 0;
}

static bool check_body(sl_request *r)
{
    const struct http1_head *h = r->head;

    r->body_max = r->match.row->body_max ? r->match.row->body_max : r->server->options.body_max;
    if (h->content_length > r->body_max) {
        char why[96];

        snprintf(why, sizeof why, "the body has %llu bytes; this path takes at most %zu",
                 (unsigned long long)h->content_length, r->body_max);
        trouble_request(r, SL_TROUBLE_LARGE_BODY, why);
        sl_answer_error(r, 413, "%s", why);
        return false;
    }
    if (h->expect_continue && !r->whole) return send_continue(r);
    return true;
}

bool dispatch_head(sl_request *r)
{
    struct http1_head *h = r->head;
    struct path path;
    const char *why = "the path cannot be read";

    if (h->form == HTTP1_ASTERISK) {
        answer_options(r, ALL_METHODS);
        return false;
    }
    if (request_read_path(r, &path, &why) < 0) {
        trouble_request(r, SL_TROUBLE_BAD_HEAD, why);
        sl_answer_error(r, 400, "%s", why);
        return false;
    }
    router_find(r->server->router, h->method, h->websocket && h->method == SL_GET, &path,
                &r->match);
    if (r->match.row == NULL) {
        tell_unrouted(r);
        answer_unrouted(r);
        return false;
    }

    if (relief_is_due(r->server->loop)) {
        if (answer_claim(r))
            refuse(r, 503, SL_STR("Retry-After: 1\r\n"),
                   "the server holds as much as it may for others who do not take it: try "
                   "again in a moment");
        return false;
    }
    r->in_handler = true; /* the hook may answer, and we look at the request once more */
    const sl_route *row = r->match.row;
    bool allowed =
        row->hooks != NULL ? row->hooks->on_head(r, row->user) : dispatch_is_allowed(r);
    r->in_handler = false;
    if (r->answered) {
        if (r->done) request_free(r);
        return false;
    }
    if (!allowed) {
        sl_answer_error(r, 403, "this caller may not use %.*s", shown(r), r->path.ptr);
        return false;
    }
    if (h->websocket && h->method == SL_GET && r->match.row->ws == NULL)
        trouble_request(r, SL_TROUBLE_NO_WS_HERE, NULL); /* it gets the plain answer */
    return check_body(r);
}

void dispatch_whole(sl_request *r)
{
    const sl_route *row = r->match.row;

    if (r->match.upgrade) {
        http_conn_upgrade(r->conn, row->ws, row->user);
        return;
    }
    r->in_handler = true;
    row->on_request(r, row->user);
    r->in_handler = false;
    if (r->done) request_free(r);
}
