/* SPDX-License-Identifier: MIT */
/* Engine.IO by HTTP: what a request must be, the handshake, the held GET, the POST. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "proto/url.h"
#include "serve/eio_inside.h"
#include "serve/trouble.h"
#include "serve/ws_internal.h"

#define NOOP_MS 100 /* between polls that are answered with nothing during an upgrade */

/* ---- refusing ---- */

enum { UNKNOWN_TRANSPORT, UNKNOWN_SID, BAD_METHOD, BAD_REQUEST, FORBIDDEN, BAD_VERSION };

void eio_refuse(struct eio_server *e, sl_request *r, int code)
{
    // clang-format off
#define REFUSAL(code, text) text, SL_STR("{\"code\":" #code ",\"message\":\"" text "\"}")
    static const struct {
        int status;
        sl_trouble_code trouble;
        const char *why;
        sl_str body;
    } refusals[] = {
        {400, SL_TROUBLE_SIO_TRANSPORT, REFUSAL(0, "Transport unknown")},
        {400, SL_TROUBLE_SIO_SESSION,   REFUSAL(1, "Session ID unknown")},
        {400, SL_TROUBLE_SIO_METHOD,    REFUSAL(2, "Bad handshake method")},
        {400, SL_TROUBLE_SIO_REQUEST,   REFUSAL(3, "Bad request")},
        {403, SL_TROUBLE_REFUSED,       REFUSAL(4, "Forbidden")},
        {400, SL_TROUBLE_SIO_VERSION,   REFUSAL(5, "Unsupported protocol version")},
    };
#undef REFUSAL
    // clang-format on

    e->stats.refused++;
    if (code != FORBIDDEN) /* that has been told */
        trouble_request(r, refusals[code].trouble, refusals[code].why);
    sl_answer(r, refusals[code].status, "application/json", refusals[code].body);
}

/* ---- what a request must be, before its body is read ---- */

struct query {
    sl_str eio, transport, sid;
};

static sl_str *place_of(struct query *q, sl_str key)
{
    if (sl_str_eq(key, SL_STR("EIO"))) return &q->eio;
    if (sl_str_eq(key, SL_STR("transport"))) return &q->transport;
    return sl_str_eq(key, SL_STR("sid")) ? &q->sid : NULL;
}

/* As sl_request_query for each, in one pass where nothing is to be decoded: every poll asks. */
static struct query read_query(const sl_request *r)
{
    struct query q = {0};
    sl_str rest = r->query, key, raw, *to;

    if (str_find_byte(rest, '%') < rest.len || str_find_byte(rest, '+') < rest.len)
        return (struct query){sl_request_query(r, "EIO"), sl_request_query(r, "transport"),
                              sl_request_query(r, "sid")};
    while (url_query_next(&rest, &key, &raw)) {
        to = place_of(&q, key);
        if (to != NULL && to->ptr == NULL) *to = raw.len > 0 ? raw : SL_STR("");
    }
    return q;
}

static int check_handshake(const struct eio_server *e, sl_request *r, sl_str eio, bool ws)
{
    if (sl_request_method(r) != SL_GET) return BAD_METHOD;
    if (ws != r->match.upgrade) return BAD_REQUEST;
    if (!dispatch_is_allowed(r)) return FORBIDDEN;
    if (sl_str_eq(eio, SL_STR("4")) || (e->o.eio3 && sl_str_eq(eio, SL_STR("3")))) return -1;
    return BAD_VERSION;
}

static int check_known(const struct eio_session *s, sl_request *r, sl_str eio, bool ws)
{
    unsigned method = sl_request_method(r);

    if (ws != r->match.upgrade) return BAD_REQUEST;
    if (!ws && s->state == EIO_ON_WEBSOCKET) return BAD_REQUEST;
    if (!sl_str_eq(eio, s->revision == 3 ? SL_STR("3") : SL_STR("4"))) return BAD_REQUEST;
    if (method != SL_GET && method != SL_POST) return BAD_REQUEST;
    return dispatch_is_allowed(r) ? -1 : FORBIDDEN;
}

/* The body was refused, or who sent it has gone. */
static void on_post_gone(sl_request *r, void *user)
{
    struct eio_session *s = user;

    if (!s->holds_post) s->post = NULL; /* else it is still to be answered */
    eio_end(s, sl_request_is_gone(r) ? "transport close" : "transport error", EIO_CLOSE,
            WS_NORMAL);
}

/* One at a time: two would have no order. */
static bool begin_post(struct eio_session *s, sl_request *r)
{
    if (s->post != NULL) {
        eio_refuse(s->server, r, BAD_REQUEST);
        eio_end(s, "transport error", EIO_CLOSE, WS_NORMAL);
        return true;
    }
    s->post = r;
    request_watch(r, on_post_gone, s);
    return true;
}

static bool is_offered(const struct eio_options *o, sl_str transport, bool *ws)
{
    *ws = sl_str_eq(transport, SL_STR("websocket"));
    if (*ws) return !o->no_websocket;
    return !o->no_polling && sl_str_eq(transport, SL_STR("polling"));
}

bool eio_on_head(sl_request *r, void *user)
{
    struct eio_server *e = user;
    struct query q = read_query(r);
    struct eio_session *s = NULL;
    bool ws;
    int code;

    if (!is_offered(&e->o, q.transport, &ws)) {
        code = UNKNOWN_TRANSPORT;
    } else if (q.sid.len > 0) {
        s = eio_find(e, q.sid, r);
        code = s != NULL ? check_known(s, r, q.eio, ws) : UNKNOWN_SID;
    } else {
        code = check_handshake(e, r, q.eio, ws);
    }
    if (code >= 0) {
        if (!r->answered) eio_refuse(e, r, code); /* the application may have done it */
        return true;
    }
    return s != NULL && sl_request_method(r) == SL_POST ? begin_post(s, r) : true;
}

/* ---- GET ---- */

static void on_poll_gone(sl_request *r, void *user)
{
    struct eio_session *s = user;

    (void)r;
    eio_end(s, "transport close", EIO_CLOSE, WS_NORMAL);
}

static void hold_poll(struct eio_session *s, sl_request *r)
{
    s->poll = r;
    request_watch(r, on_poll_gone, s);
}

static void handshake(struct eio_server *e, sl_request *r)
{
    unsigned revision = sl_str_eq(sl_request_query(r, "EIO"), SL_STR("3")) ? 3 : 4;
    struct eio_session *s = eio_session_new(e, revision, r);

    if (s == NULL) {
        sl_answer_error(r, 503, "out of memory");
        return;
    }
    eio_session_hold(s);
    s->base64 = revision == 3 && sl_str_eq(sl_request_query(r, "b64"), SL_STR("1"));
    hold_poll(s, r);
    eio_put_open_packet(s);
    if (!s->over && e->o.events->on_open != NULL) e->o.events->on_open(s, r, e->o.user);
    if (!s->over) eio_tell_opened(s);
    if (!s->over && s->poll != NULL) eio_flush_poll(s);
    eio_session_drop(s);
}

static void poll(struct eio_session *s, sl_request *r)
{
    if (s->state == EIO_ON_WEBSOCKET) { /* since its head was looked at */
        eio_refuse(s->server, r, BAD_REQUEST);
        return;
    }
    if (s->poll != NULL) {
        eio_end(s, "transport error", EIO_CLOSE, WS_NORMAL);
        eio_refuse(s->server, r, BAD_REQUEST);
        return;
    }
    hold_poll(s, r);
    if (s->queue != NULL || s->closing) {
        if (!eio_poll_gathers(s)) eio_flush_poll(s);
        return;
    }
    if (s->state == EIO_PROBED) {
        s->noop_at_ms = eio_at(s, NOOP_MS);
        eio_set_timer(s);
    }
    eio_poll_drained(s);
}

/* ---- POST ---- */

static int receive_base64(struct eio_session *s, struct eio_packet *p)
{
    sl_buf *b = sl_buf_new(0, eio_base64_room(p->data.len));
    int rc;

    if (b == NULL) return SL_E_NOMEM;
    rc = eio_base64_decode(sl__buf_data(b), sl__buf_room(b), p->data, &b->len);
    if (rc == 0) {
        p->base64 = false;
        p->data = sl_buf_str(b);
        eio_receive(s, p, b, NULL);
    } else {
        b->len = 0;
    }
    sl_buf_drop(b);
    return rc;
}

/* In order, until one of them ends the session. returns 0, or why the body was no good */
static int receive_body(struct eio_session *s, sl_request *r)
{
    sl_str type = sl_request_header(r, "Content-Type"), bytes = SL_STR(EIO_BYTES);
    bool octets = type.len >= bytes.len && str_eq_nocase((sl_str){type.ptr, bytes.len}, bytes);
    struct eio_payload it;
    struct eio_packet p;
    int rc;

    eio_payload_init(&it, s->revision, octets, sl_request_body(r));
    while ((rc = eio_payload_next(&it, &p)) > 0 && !s->over) {
        if (!p.base64)
            eio_receive(s, &p, r->body, NULL);
        else if ((rc = receive_base64(s, &p)) < 0)
            return rc;
    }
    return rc < 0 ? rc : 0;
}

static void push(struct eio_session *s, sl_request *r)
{
    sl_buf *body = r->body;
    int rc;

    eio_session_hold(s);
    if (body != NULL) sl_buf_hold(body);
    rc = receive_body(s, r);
    if (rc < 0 && !s->over) {
        s->server->stats.parse_errors++;
        eio_end(s, "parse error", EIO_CLOSE, WS_PROTOCOL_ERROR);
    }
    if (s->is_paused && !s->over && rc == 0) {
        eio_hold_post(s);
        goto done;
    }
    if (s->post == r) request_watch(r, NULL, NULL);
    s->post = NULL;
    if (rc < 0 || (s->over && strcmp(s->reason, "parse error") == 0))
        eio_refuse(s->server, r, BAD_REQUEST);
    else
        sl_answer(r, 200, "text/html", SL_STR("ok"));
    eio_deliver_late(s);
done:
    sl_buf_drop(body);
    eio_session_drop(s);
}

void eio_on_request(sl_request *r, void *user)
{
    struct eio_server *e = user;
    sl_str sid = read_query(r).sid;
    struct eio_session *s = sid.len > 0 ? eio_find(e, sid, r) : NULL;
    bool is_post = sl_request_method(r) == SL_POST;

    if (sid.len == 0)
        handshake(e, r);
    else if (s == NULL || (is_post && s->post != r)) /* it ended while the body came */
        eio_refuse(e, r, UNKNOWN_SID);
    else if (is_post)
        push(s, r);
    else
        poll(s, r);
}

bool eio_is_of_session(const sl_request *r)
{
    const sl_route *row = r->match.row;

    return row != NULL && row->on_request == eio_on_request;
}
