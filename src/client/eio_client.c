/* SPDX-License-Identifier: MIT */
/* A client's session: its life, its heartbeat, the packets that come. */
#include "base/alloc.h"
#include "base/str.h"
#include "client/eio_client_inside.h"
#include "proto/url.h"

#include <stdio.h>

#define SID_MAX     256                   /* bytes */
#define BEAT_MAX_MS (24 * 60 * 60 * 1000) /* who says more means something else */
#define CLOSE_MS    2000

static const char timed_out[] = "ping timeout";

/* ---- the end ---- */

static void let_go(struct eio_client *e)
{
    sl__loop_cancel_timer(e->o.loop, &e->patience);
    sl__loop_cancel_timer(e->o.loop, &e->beat);
    sl__loop_cancel_timer(e->o.loop, &e->side);
    http_client_deinit(&e->get);
    http_client_deinit(&e->post);
    ws_client_close(&e->ws, WS_NORMAL);
}

void eio_client_fail(struct eio_client *e, const char *reason, int code, int status,
                     const char *text)
{
    if (e->state == ENDED) return;
    e->state = ENDED;
    e->end.reason = reason;
    e->end.code = code;
    e->end.status = status;
    snprintf(e->end.text, sizeof e->end.text, "%.*s",
             (int)str_cut_utf8(sl_str_of(text), sizeof e->end.text - 1).len, text);
    let_go(e);
    sl__loop_want_hooks(e->o.loop);
}

void eio_client_cut(struct eio_client *e, const char *reason, const char *text)
{
    eio_client_fail(e, reason, SL_E_SOCKET_IO, 0, text);
}

/* The message of {"code":5,"message":"..."}, as far as it goes. */
static bool read_message(sl_str body, char *out, size_t size)
{
    sl_str key = SL_STR("message"), found;
    int64_t n;

    if (sl_json_peek(body, NULL, &key, 1, &found, NULL) < 0 || found.ptr == NULL) return false;
    if (found.len < 3 || found.len >= size || found.ptr[0] != '"') return false;
    n = sl_json_unescape(str_part(found, 1, found.len - 2), out);
    if (n < 0) return false;
    out[n] = '\0';
    return true;
}

void eio_client_refused(struct eio_client *e, int status, sl_str body)
{
    char said[128], text[192];
    bool is_open = e->state != CONNECTING;

    if (read_message(body, said, sizeof said))
        snprintf(text, sizeof text, "the server refuses: %s (%d)", said, status);
    else if (status == 404)
        snprintf(text, sizeof text, "nothing is at %s (404): is the path right?", e->o.path);
    else
        snprintf(text, sizeof text, "the server answered %d %s", status,
                 http1_status_text(status));
    eio_client_fail(e, is_open ? "transport error" : "connect error", SL_E_HTTP, status, text);
}

/* ---- heartbeat ---- */

static uint64_t now_ms(const struct eio_client *e)
{
    return sl__loop_now_ms(e->o.loop);
}

void eio_client_alive(struct eio_client *e)
{
    e->heard_ms = now_ms(e);
    e->looked = false;
}

static void set_beat(struct eio_client *e, uint64_t at_ms)
{
    uint64_t now = now_ms(e);

    sl__loop_set_timer(e->o.loop, &e->beat, at_ms > now ? at_ms - now : 0);
}

/* A ping or a pong, by whichever way there is. */
static void send_beat(struct eio_client *e)
{
    e->beat_due = true;
    if (e->way == WEBSOCKET)
        eio_ws_beat(e);
    else
        eio_poll_flush(e);
}

static void ping(struct eio_client *e)
{
    e->pinged = true;
    e->pinged_ms = now_ms(e);
    send_beat(e);
    set_beat(e, e->pinged_ms + e->timeout_ms);
}

/* A process that was held up sees its timers before the bytes that wait: they are looked at
 * once more. */
static void on_silence(struct eio_client *e, const char *text)
{
    if (e->looked) {
        eio_client_fail(e, timed_out, SL_E_TIMEOUT, 0, text);
        return;
    }
    e->looked = true;
    set_beat(e, now_ms(e) + 1);
}

/* Revision 3: we ping; whatever has come since is as good as a pong. */
static void on_beat_of_3(struct eio_client *e)
{
    if (!e->pinged || e->heard_ms > e->pinged_ms)
        ping(e);
    else
        on_silence(e, "the server does not answer pings");
}

static void on_beat(struct timer *t)
{
    struct eio_client *e = LIST_ENTRY(t, struct eio_client, beat);
    uint64_t due = e->heard_ms + e->interval_ms + e->timeout_ms;

    if (e->o.revision == 3)
        on_beat_of_3(e);
    else if (now_ms(e) < due)
        set_beat(e, due);
    else
        on_silence(e, "nothing came from the server");
}

static void start_beat(struct eio_client *e)
{
    eio_client_alive(e);
    set_beat(e, e->heard_ms + e->interval_ms + (e->o.revision == 3 ? 0 : e->timeout_ms));
}

/* ---- the open packet ---- */

static bool read_ms(sl_value v, uint32_t *out)
{
    int64_t n;

    if (!sl_value_i64(v, &n) || n < 1 || n > BEAT_MAX_MS) return false;
    *out = (uint32_t)n;
    return true;
}

static bool read_sid(struct eio_client *e, sl_value v)
{
    char raw[SID_MAX];
    sl_str text;
    int64_t n;

    if (!sl_value_str(v, &text) || text.len == 0 || text.len > SID_MAX) return false;
    n = sl_json_unescape(text, raw);
    if (n <= 0) return false;
    sl__free(e->sid);
    e->sid = sl__alloc((size_t)n * 3 + 1);
    if (e->sid == NULL) return false;
    e->sid[url_query_encode((sl_str){raw, (size_t)n}, e->sid)] = '\0';
    return true;
}

static bool offers_websocket(sl_value upgrades)
{
    for (sl_value v = sl_value_first(upgrades, NULL); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(upgrades, v, NULL))
        if (sl_value_is_str(v, SL_STR("websocket"))) return true;
    return false;
}

static bool read_open(struct eio_client *e, sl_str text)
{
    const sl_json_limits limits = {.depth = 8, .nodes = 256};
    sl_json doc = {0};
    sl_value root;
    int64_t max;
    bool good;

    if (sl_json_read(&doc, text, NULL, &limits, NULL) < 0) {
        sl_json_deinit(&doc);
        return false;
    }
    root = sl_json_root(&doc);
    good = read_sid(e, sl_value_get(root, SL_STR("sid")))
           && read_ms(sl_value_get(root, SL_STR("pingInterval")), &e->interval_ms)
           && read_ms(sl_value_get(root, SL_STR("pingTimeout")), &e->timeout_ms);
    if (sl_value_i64(sl_value_get(root, SL_STR("maxPayload")), &max) && max > 0)
        e->payload_max = (size_t)max;
    e->may_upgrade = e->way == POLLING && e->o.ways == EIO_BY_UPGRADE
                     && offers_websocket(sl_value_get(root, SL_STR("upgrades")));
    sl_json_deinit(&doc);
    return good;
}

static void on_open(struct eio_client *e, const struct eio_packet *p)
{
    if (e->state != CONNECTING) return; /* once is enough */
    if (p->binary || !read_open(e, p->data)) {
        eio_client_fail(e, "connect error", SL_E_ENGINE_IO, 0,
                        "the server's open packet is none of Engine.IO");
        return;
    }
    sl__loop_cancel_timer(e->o.loop, &e->patience);
    e->state = OPEN;
    start_beat(e);
    e->on->on_open(e, e->user);
    if (e->state == OPEN && e->may_upgrade && eio_ws_open(e) == 0) {
        e->way = PROBING;
        sl__loop_set_timer(e->o.loop, &e->side, e->o.upgrade_timeout_ms);
    }
}

/* ---- packets that come ---- */

static void on_pong(struct eio_client *e)
{
    if (e->o.revision != 3 || !e->pinged) return;
    e->pinged = false;
    set_beat(e, now_ms(e) + e->interval_ms);
}

static void on_message(struct eio_client *e, const struct eio_packet *p, sl_buf *buf,
                       sl_str whole, const sl_json_index *index)
{
    size_t from = (size_t)(p->data.ptr - whole.ptr);

    if (e->state != OPEN) return;
    if (p->binary)
        e->on->on_binary(e, (sl_slice){buf, p->data}, e->user);
    else
        e->on->on_text(e, buf, whole, p->data.len > 0 ? from : whole.len, index, e->user);
}

void eio_client_receive(struct eio_client *e, const struct eio_packet *p, sl_buf *buf,
                        sl_str whole, const sl_json_index *index)
{
    if (e->state == CONNECTING && p->type != EIO_OPEN) {
        eio_client_fail(e, "connect error", SL_E_ENGINE_IO, 0,
                        "the server does not begin with an open packet");
        return;
    }
    eio_client_alive(e);
    switch (p->type) {
    case EIO_OPEN: on_open(e, p); break;
    case EIO_CLOSE:
        eio_client_fail(e, "transport close", SL_E_CLOSED, 0, "the server closed the session");
        break;
    case EIO_PING:
        if (e->o.revision == 4) send_beat(e);
        break;
    case EIO_PONG: on_pong(e); break;
    case EIO_MESSAGE: on_message(e, p, buf, whole, index); break;
    case EIO_UPGRADE:
    case EIO_NOOP: break;
    }
}

/* ---- what goes out ---- */

static bool is_too_big(const struct eio_client *e, const sl_message *part, uint32_t n)
{
    for (uint32_t i = 0; i < n && e->payload_max > 0; i++) {
        size_t bytes = part[i].bytes + 1; /* the type */

        if (bytes > e->payload_max) return true;
    }
    return false;
}

int eio_client_send(struct eio_client *e, const sl_message *part, uint32_t n)
{
    if (e->state == CLOSING || e->state == ENDED) return SL_E_CLOSED;
    if (e->state == CONNECTING || e->way == PAUSING) return SL_E_FULL;
    if (is_too_big(e, part, n)) return SL_E_TOO_BIG;
    return e->way == WEBSOCKET ? eio_ws_put(e, part, n) : eio_poll_put(e, part, n);
}

void eio_client_flush(struct eio_client *e)
{
    if (e->way != WEBSOCKET) eio_poll_flush(e);
}

bool eio_client_is_writable(const struct eio_client *e)
{
    if (e->state != OPEN || e->way == PAUSING) return false;
    return e->way == WEBSOCKET ? ws_client_waiting(&e->ws) == 0
                               : !e->post.busy && e->chunk_n == 0;
}

/* ---- lives ---- */

char *eio_client_target(const struct eio_client *e, const char *transport)
{
    const char *sid = e->sid != NULL ? e->sid : "", *key = e->sid != NULL ? "&sid=" : "";
    const char *form = "%s?EIO=%u&transport=%s%s%s%s";
    int n = snprintf(NULL, 0, form, e->o.path, e->o.revision, transport, key, sid, e->query);
    char *text = n > 0 ? sl__alloc((size_t)n + 1) : NULL;

    if (text != NULL)
        snprintf(text, (size_t)n + 1, form, e->o.path, e->o.revision, transport, key, sid,
                 e->query);
    return text;
}

static void on_patience(struct timer *t)
{
    struct eio_client *e = LIST_ENTRY(t, struct eio_client, patience);
    char text[400];

    snprintf(text, sizeof text, "no connection to %s within %u ms", e->o.to->at,
             e->o.connect_timeout_ms);
    eio_client_fail(e, "connect error", SL_E_TIMEOUT, 0, text);
}

static void on_side(struct timer *t)
{
    struct eio_client *e = LIST_ENTRY(t, struct eio_client, side);

    if (e->state == CLOSING)
        eio_client_fail(e, "forced close", 0, 0, "closed");
    else
        eio_ws_give_up_probe(e);
}

static int begin(struct eio_client *e)
{
    if (e->o.ways == EIO_BY_WEBSOCKET) {
        e->way = WEBSOCKET;
        return eio_ws_open(e);
    }
    eio_poll_ask(e);
    return e->state == ENDED ? SL_E_NOMEM : 0;
}

int eio_client_open(const struct eio_client_options *o, const struct eio_client_events *on,
                    void *user, struct eio_client **out)
{
    struct eio_client *e = sl__zalloc(sizeof *e);
    int rc = SL_E_NOMEM;

    *out = NULL;
    if (e == NULL) return SL_E_NOMEM;
    e->o = *o;
    e->on = on;
    e->user = user;
    timer_init(&e->patience, on_patience);
    timer_init(&e->beat, on_beat);
    timer_init(&e->side, on_side);
    e->ws.ended = true;
    e->query = sl__alloc(o->query.len + 2);
    if (e->query != NULL) {
        snprintf(e->query, o->query.len + 2, "%s%.*s", o->query.len > 0 ? "&" : "",
                 (int)o->query.len, o->query.ptr);
        rc = eio_poll_init(e);
    }
    if (rc == 0) rc = begin(e);
    if (rc < 0) {
        eio_client_free(e);
        return rc;
    }
    sl__loop_set_timer(o->loop, &e->patience, o->connect_timeout_ms);
    *out = e;
    return 0;
}

void eio_client_close(struct eio_client *e)
{
    if (e->state == CLOSING || e->state == ENDED) return;
    if (e->state == CONNECTING || e->way == WEBSOCKET) {
        eio_client_fail(e, "forced close", 0, 0, "closed");
        return;
    }
    if (e->way != POLLING) eio_ws_give_up_probe(e);
    if (e->state == ENDED) return; /* its poll found no memory */
    e->state = CLOSING;
    sl__loop_set_timer(e->o.loop, &e->side, CLOSE_MS);
    eio_poll_close(e);
}

bool eio_client_is_open(const struct eio_client *e)
{
    return e->state == OPEN;
}

bool eio_client_is_websocket(const struct eio_client *e)
{
    return e->state == OPEN && e->way == WEBSOCKET;
}

bool eio_client_has_ended(const struct eio_client *e)
{
    return e->state == ENDED;
}

const struct eio_client_end *eio_client_why(const struct eio_client *e)
{
    return &e->end;
}

void eio_client_free(struct eio_client *e)
{
    if (e == NULL) return;
    let_go(e);
    ws_client_deinit(&e->ws);
    for (uint32_t i = 0; i < e->chunk_n; i++)
        sl_buf_drop(e->chunk[i]);
    sl__free(e->sid);
    sl__free(e->query);
    sl__free(e);
}
