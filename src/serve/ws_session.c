/* SPDX-License-Identifier: MIT */
#include "serve/ws_session.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/str.h"
#include "net/outbox.h"
#include "serve/agents.h"
#include "serve/inspect.h"
#include "serve/request.h"
#include "serve/rooms.h"
#include "serve/trouble.h"
#include "serve/ws_deflate.h"
#include "serve/ws_internal.h"

#include <stdio.h>

#define MESSAGE_MAX_DEFAULT (16u << 20)
#define PING_MS_DEFAULT     25000
#define IDLE_MS_DEFAULT     60000
#define CLOSE_POLICY        1008
#define CLOSE_WAIT_MS       5000 /* for the peer's half of the closing handshake */

static const struct stream_events ws_events;
static const struct ws_sink ws_sink;

static uint64_t now_ms(const sl_ws *ws)
{
    return sl__loop_now_ms(ws->stream->loop);
}

static uint32_t ping_ms(const sl_ws *ws)
{
    return ws->ops->ping_ms ? ws->ops->ping_ms : PING_MS_DEFAULT;
}

static uint32_t idle_ms(const sl_ws *ws)
{
    return ws->ops->idle_ms ? ws->ops->idle_ms : IDLE_MS_DEFAULT;
}

/* ---- sending ---- */

struct packet *ws_packet(const sl_message *m)
{
    uint8_t head[WS_HEAD_MAX];
    size_t n = ws_frame_head(head, m->text ? WS_TEXT : WS_BINARY, m->bytes);

    return packet_new((sl_str){(char *)head, n}, m);
}

static struct packet *control_packet(enum ws_op op, sl_str payload)
{
    uint8_t frame[2 + WS_CONTROL_MAX];
    size_t n = ws_frame_head(frame, op, payload.len);

    if (payload.len > 0) memcpy(frame + n, payload.ptr, payload.len);
    return packet_copy((sl_str){(char *)frame, n + payload.len});
}

int sl__ws_send_packet(sl_ws *ws, struct packet *p, unsigned flags)
{
    if (ws->over || ws->close_sent) return SL_E_CLOSED;
    if (!list_is_empty(&ws->rooms)) rooms_settle(ws->server->rooms, ws);
    return sl__stream_send(ws->stream, p, flags);
}

/* Compressed where that was agreed on and pays. */
static struct packet *packet_for(const sl_ws *ws, const sl_message *m)
{
    struct packet *plain = ws_packet(m), *p;

    if (plain == NULL || ws->deflate_bits == 0 || !ws_deflate_wants(ws->server, m))
        return plain;
    p = ws_deflate_packet(ws->server, deflate_bits(ws->deflate_bits, m->bytes), plain,
                          plain->bytes - m->bytes);
    packet_drop(plain);
    return p;
}

int sl_ws_send(sl_ws *ws, const sl_message *m)
{
    struct packet *p;
    int rc;

    if (ws->over || ws->close_sent) return SL_E_CLOSED;
    p = packet_for(ws, m);
    if (p == NULL) return SL_E_NOMEM;
    rc = sl__ws_send_packet(ws, p, 0);
    packet_drop(p);
    return rc;
}

int sl_ws_send_text(sl_ws *ws, sl_str text)
{
    sl_message m = {.text = true};
    sl_buf *b = sl_buf_copy(text);
    int rc;

    if (b == NULL) return SL_E_NOMEM;
    rc = sl_message_add(&m, b, sl_buf_str(b));
    if (rc == 0) rc = sl_ws_send(ws, &m);
    sl_buf_drop(b);
    return rc;
}

int sl__ws_put_newest_packet(sl_ws *ws, uint32_t key, struct packet *p)
{
    if (ws_key_is_ours(key)) return SL_E_INVAL;
    if (ws->over || ws->close_sent) return SL_E_CLOSED;
    return sl__stream_put_newest(ws->stream, key, p);
}

int sl__ws_put_newest(sl_ws *ws, uint32_t key, const sl_message *m)
{
    struct packet *p;
    int rc;

    if (ws->over || ws->close_sent) return SL_E_CLOSED;
    p = ws_packet(m);
    if (p == NULL) return SL_E_NOMEM;
    rc = sl__ws_put_newest_packet(ws, key, p);
    packet_drop(p);
    return rc;
}

int sl_ws_send_newest(sl_ws *ws, uint32_t key, const sl_message *m)
{
    int rc = sl__ws_put_newest(ws, key, m);

    return rc < 0 ? rc : 0;
}

size_t sl__ws_waiting_besides(const sl_ws *ws, uint32_t key)
{
    const struct outbox *o = ws->stream->out;
    const struct packet *p = o != NULL ? outbox_find(o, key) : NULL;

    return sl__stream_waiting(ws->stream) - (p != NULL ? p->bytes : 0);
}

/* A ping or pong that does not fit is not worth closing for. */
static void send_control(sl_ws *ws, enum ws_op op, sl_str payload)
{
    struct packet *p = control_packet(op, payload);

    if (p == NULL) return;
    if (op == WS_PONG)
        (void)!sl__stream_put_newest(ws->stream, WS_KEY_PONG, p);
    else
        (void)!sl__stream_send(ws->stream, p, 0);
    packet_drop(p);
}

/* ---- closing ---- */

/* Of what carries Engine.IO, that tells. */
static const struct observer *observer_of(const sl_ws *ws)
{
    return ws->is_carrier ? NULL : ws->server->observer;
}

static void tell_ended(sl_ws *ws, int code, sl_str reason)
{
    const struct observer *o = observer_of(ws);

    if (o != NULL)
        o->on_ended(&(struct inspected){.id = ws->stream->id, .stream = ws->stream, .ws = ws},
                    code, reason, o->user);
}

static void tell_opened(sl_ws *ws)
{
    const struct observer *o = observer_of(ws);

    if (o != NULL)
        o->on_opened(&(struct inspected){.id = ws->stream->id, .stream = ws->stream, .ws = ws},
                     o->user);
}

/* The session is over for the application; the stream may still have something to say. */
static void finish(sl_ws *ws, int code, sl_str reason)
{
    if (ws->over) return;
    ws->over = true;
    ws_stop(&ws->parser);
    rooms_leave_all(ws);
    list_remove(&ws->all);
    ws_deflate_wait_no_more(ws);
    tell_ended(ws, code, reason);
    if (ws->ops->on_close != NULL) ws->ops->on_close(ws, code, reason, ws->route_user);
}

/* What cannot be queued cannot be said: then the connection just ends. */
static void send_close(sl_ws *ws, int code, sl_str reason)
{
    uint8_t payload[WS_CONTROL_MAX];
    size_t n = code == WS_NO_STATUS ? 0 : ws_close_payload(payload, code, reason);
    struct packet *p;

    if (ws->close_sent) return;
    rooms_leave_all(ws); /* no data behind a close frame, §5.5.1 */
    ws->close_sent = true;
    ws->close_code = (uint16_t)code;
    p = control_packet(WS_CLOSE, (sl_str){(char *)payload, n});
    if (p == NULL || sl__stream_put_newest(ws->stream, WS_KEY_CLOSE, p) < 0)
        sl__stream_close(ws->stream, SL_E_FULL);
    packet_drop(p);
}

void sl_ws_close(sl_ws *ws, int code, const char *reason)
{
    if (ws->over || ws->close_sent) return;
    if (!ws_close_code_is_valid(code)) code = WS_INTERNAL_ERROR;
    send_close(ws, code, sl_str_of(reason));
    sl__stream_set_deadline(ws->stream, CLOSE_WAIT_MS);
}

void sl__ws_pause(sl_ws *ws)
{
    ws->is_paused = true;
    if (!ws->over) sl__stream_pause(ws->stream);
}

void sl__ws_resume(sl_ws *ws)
{
    ws->is_paused = false;
    ws->is_partial = false; /* its pace begins anew: that was ours */
    if (!ws->over && !ws->parser.waiting) sl__stream_resume(ws->stream);
}

void sl__ws_close_all(sl_server *server, int code, const char *reason)
{
    struct list *next;

    for (struct list *n = server->sessions.next; n != &server->sessions; n = next) {
        next = n->next; /* closing takes nobody out at once */
        sl_ws_close(LIST_ENTRY(n, struct sl_ws, all), code, reason);
    }
}

/* ---- receiving ---- */

static void on_message(struct ws_parser *p, bool text, sl_buf *buf, sl_str bytes,
                       const sl_json_index *index)
{
    sl_ws *ws = LIST_ENTRY(p, struct sl_ws, parser);
    sl_message m = {.text = text, .n = bytes.len > 0, .bytes = bytes.len};

    if (ws->close_sent) return; /* we only wait for the peer's close */
    if (m.n > 0) m.slice[0] = (sl_slice){buf, bytes};
    ws->ops->on_message(ws, &m, index, ws->route_user);
}

static void on_control(struct ws_parser *p, enum ws_op op, sl_str payload)
{
    sl_ws *ws = LIST_ENTRY(p, struct sl_ws, parser);
    sl_str reason;
    int code;

    if (op == WS_PING && !ws->close_sent) send_control(ws, WS_PONG, payload);
    if (op == WS_PONG) ws_note_pong(ws);
    if (op != WS_CLOSE) return;
    code = ws_close_read(payload, &reason);
    send_close(ws, code, (sl_str){0}); /* the same code back, §5.5.1 */
    finish(ws, code, reason);
    sl__stream_end(ws->stream, SL_E_CLOSED);
}

static const struct ws_sink ws_sink = {.on_message = on_message, .on_control = on_control};

static void on_parse_error(sl_ws *ws)
{
    char text[WS_CONTROL_MAX];
    sl_str why = sl_str_of(ws_why(&ws->parser, text, sizeof text));

    trouble_ws(ws, ws->parser.close_code, why.ptr);
    send_close(ws, ws->parser.close_code, why);
    finish(ws, ws->parser.close_code, why);
    sl__stream_end(ws->stream, SL_E_WS_PROTO);
}

/* A stall is forgiven: it takes two windows in a row. */
static bool is_message_slow(sl_ws *ws, size_t n)
{
    bool was_partial = ws->is_partial;

    ws->is_partial = ws_is_partial(&ws->parser);
    if (!ws->is_partial) return false;
    if (!was_partial) {
        pace_begin(&ws->pace, ws->heard_ms);
        return false;
    }
    return pace_add(&ws->pace, ws->heard_ms, n, ws->server->options.rate_min) >= 2;
}

static void end_slow(sl_ws *ws)
{
    char text[WS_CONTROL_MAX - 2];
    sl_str why;

    snprintf(text, sizeof text, "the message arrived slower than %u bytes a second",
             ws->server->options.rate_min);
    why = sl_str_of(text);
    ws->server->slow_messages++;
    trouble_ws(ws, CLOSE_POLICY, why.ptr);
    send_close(ws, CLOSE_POLICY, why);
    finish(ws, CLOSE_POLICY, why);
    sl__stream_end(ws->stream, SL_E_TIMEOUT);
}

void sl__ws_feed(sl_ws *ws, uint8_t *bytes, size_t n)
{
    size_t room, used = 0;
    uint8_t *into;

    if (ws->over) return;
    ws->heard_ms = now_ms(ws);
    ws->pinged = false;
    if (ws->wait == NULL /* else it was received before reading paused */
        && ws_feed_some(&ws->parser, bytes, n, &used) < 0) {
        if (!ws->over) on_parse_error(ws);
        return;
    }
    if (!ws->over && ws->parser.waiting) {
        ws_deflate_wait(ws, (sl_str){(const char *)bytes + used, n - used});
        return;
    }
    if (!ws->over && is_message_slow(ws, n)) {
        end_slow(ws);
        return;
    }
    if (!ws->over && ws_want(&ws->parser, &into, &room))
        sl__stream_read_into(ws->stream, into, room);
}

static void on_bytes(struct stream *s, uint8_t *bytes, size_t n)
{
    sl__ws_feed(s->user, bytes, n);
}

/*
 * ---- deadlines: looked at when they come, never moved for a message ----
 *
 * Bytes are life, whatever they say: many devices never read their socket, so they answer no
 * ping, but they send. Our ping is for those who do answer and have nothing to say.
 */

static void on_deadline(struct stream *s)
{
    sl_ws *ws = s->user;
    uint64_t silent_ms, next;

    if (ws->parser.waiting) ws->heard_ms = now_ms(ws); /* it is we who do not listen */
    silent_ms = now_ms(ws) - ws->heard_ms;
    if (ws->close_sent || silent_ms >= idle_ms(ws)) {
        sl__stream_close(s, SL_E_TIMEOUT);
        return;
    }
    if (silent_ms >= ping_ms(ws) && !ws->pinged) {
        ws->pinged = true;
        ws_note_ping(ws);
        send_control(ws, WS_PING, (sl_str){0});
    }
    next = ws->pinged || ping_ms(ws) >= idle_ms(ws) ? idle_ms(ws) : ping_ms(ws);
    sl__stream_set_deadline(s, (uint32_t)(next - silent_ms));
}

static void on_drained(struct stream *s)
{
    sl_ws *ws = s->user;

    if (!ws->over && ws->ops->on_drain != NULL) ws->ops->on_drain(ws, ws->route_user);
}

static void session_free(sl_ws *ws)
{
    ws_deflate_wait_no_more(ws);
    ws_deinit(&ws->parser);
    agents_drop(ws->server->agents, ws->agent);
    if (ws->options.deflate != NULL) ws_deflate_drop(ws->server);
    sl__free(ws);
}

static sl_str what_happened(const sl_ws *ws, int why, char *buf, size_t size)
{
    if (ws->close_sent || why == 0) return (sl_str){0};
    if (why != SL_E_TIMEOUT) return sl_str_of(sl_strerror(why, buf, size));
    snprintf(buf, size, "no bytes came for %u s", idle_ms(ws) / 1000);
    return sl_str_of(buf);
}

static void on_gone(struct stream *s, int why)
{
    sl_ws *ws = s->user;
    int code = why == SL_E_FULL ? WS_TRY_LATER : WS_ABNORMAL;
    char text[WS_CONTROL_MAX];

    finish(ws, ws->close_sent ? ws->close_code : code,
           what_happened(ws, why, text, sizeof text));
    session_free(ws);
}

static const struct stream_events ws_events = {
    .on_bytes = on_bytes,
    .on_deadline = on_deadline,
    .on_drained = on_drained,
    .on_gone = on_gone,
};

sl_ws *ws_of(const struct stream *s)
{
    return s->on == &ws_events ? s->user : NULL;
}

/* ---- opening ---- */

/* §4.2.1: what a handshake must hold, and what to say if it does not. The key's check is
 * ws_accept. */
static const char *check_upgrade(const sl_request *r, int *status)
{
    sl_str version = sl_request_header(r, "Sec-WebSocket-Version");

    *status = 400;
    if (sl_request_method(r) != SL_GET) return "a WebSocket handshake must be a GET request";
    if (version.ptr == NULL) return "the WebSocket handshake lacks Sec-WebSocket-Version: 13";
    if (!sl_str_eq(version, SL_STR("13"))) {
        *status = 426;
        return "only version 13 of WebSocket is spoken here";
    }
    if (sl_request_header(r, "Sec-WebSocket-Key").ptr == NULL)
        return "the WebSocket handshake lacks Sec-WebSocket-Key";
    return NULL;
}

/* Whether the client's list has it. Names are told apart by case, and the list may come in
 * several fields, §11.3.4. */
static bool is_offered(const struct http1_head *h, const char *protocol)
{
    for (uint32_t i = 0; i < h->n; i++) {
        sl_str list = http1_field_value(h, i), item;

        if (!str_eq_nocase(http1_field_name(h, i), SL_STR("Sec-WebSocket-Protocol"))) continue;
        while (str_split(&list, ',', &item)) {
            if (sl_str_eq(str_trim_ows(item), sl_str_of(protocol))) return true;
        }
    }
    return false;
}

static const char *choose_protocol(const sl_request *r, const sl_ws_ops *ops)
{
    for (const char *const *p = ops->protocols; p != NULL && *p != NULL; p++) {
        if (is_offered(r->head, *p)) return *p;
    }
    return NULL;
}

static struct packet *switching_answer(const char *accept, const char *protocol,
                                       const struct deflate_terms *terms, sl_str headers)
{
    char line[512], extension[DEFLATE_ANSWER_SIZE] = "";
    bool extended = terms->agreed && deflate_answer(terms, extension) > 0;
    int n = snprintf(line, sizeof line,
                     "HTTP/1.1 101 Switching Protocols\r\n"
                     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: %s\r\n%s%s%s%s%s%s",
                     accept, protocol != NULL ? "Sec-WebSocket-Protocol: " : "",
                     protocol != NULL ? protocol : "", protocol != NULL ? "\r\n" : "",
                     extended ? "Sec-WebSocket-Extensions: " : "", extension,
                     extended ? "\r\n" : "");
    sl_buf *b = sl_buf_new(0, (size_t)n + headers.len + 2);
    sl_message m = {0};
    struct packet *p = NULL;

    if (b == NULL) return NULL;
    SL_ASSERT((size_t)n < sizeof line); /* a protocol's name is ours, and short */
    memcpy(sl__buf_data(b), line, (size_t)n);
    if (headers.len > 0) memcpy(sl__buf_data(b) + n, headers.ptr, headers.len);
    memcpy(sl__buf_data(b) + n + headers.len, "\r\n", 2);
    b->len = (size_t)n + headers.len + 2;
    if (sl_message_add(&m, b, sl_buf_str(b)) == 0) p = packet_new((sl_str){0}, &m);
    sl_buf_drop(b);
    return p;
}

/* `terms` are taken back where there is no memory for them. */
static sl_ws *session_new(sl_server *server, struct stream *s, const sl_ws_ops *ops, void *user,
                          struct deflate_terms *terms)
{
    sl_ws *ws = sl__zalloc(sizeof *ws);
    struct deflate *deflate;

    if (ws == NULL) return NULL;
    deflate = terms->agreed ? ws_deflate_hold(server) : NULL;
    terms->agreed = deflate != NULL;
    ws->deflate_bits = terms->agreed ? terms->bits : 0;
    ws->stream = s;
    ws->server = server;
    ws->ops = ops;
    ws->route_user = user;
    ws->options = (struct ws_options){
        .message_max = ops->message_max ? ops->message_max : MESSAGE_MAX_DEFAULT,
        .from_client = true,
        .json = ops->json,
        .deflate = deflate,
        .quota = &server->quota,
    };
    ws_init(&ws->parser, &ws->options, &ws_sink, &s->loop->index);
    list_init(&ws->rooms);
    list_add_last(&server->sessions, &ws->all);
    return ws;
}

int sl__ws_open(sl_server *server, struct stream *s, const sl_request *upgrade,
                const sl_ws_ops *ops, void *user, sl_str headers, int *status, const char **why,
                sl_ws **out)
{
    const char *protocol = choose_protocol(upgrade, ops);
    struct deflate_terms terms;
    char accept[WS_ACCEPT_SIZE];
    struct packet *answer;
    sl_ws *ws;

    *out = NULL;
    *why = check_upgrade(upgrade, status);
    if (*why != NULL) return SL_E_WS_PROTO;
    if (!ws_accept(sl_request_header(upgrade, "Sec-WebSocket-Key"), accept)) {
        *why = "Sec-WebSocket-Key must be 16 bytes in base64";
        return SL_E_WS_PROTO;
    }
    if (ws_deflate_agree(server, upgrade, &terms) < 0) {
        *why = "Sec-WebSocket-Extensions cannot be read";
        return SL_E_WS_PROTO;
    }
    *status = 503;
    *why = "out of memory";
    ws = session_new(server, s, ops, user, &terms);
    if (ws == NULL) return SL_E_NOMEM;
    answer = switching_answer(accept, protocol, &terms, headers);
    if (answer == NULL) goto failed;
    if (sl__stream_send(s, answer, 0) < 0) goto failed;
    packet_drop(answer);

    ws->protocol = protocol;
    ws->path = upgrade->match.row != NULL ? upgrade->match.row->path : "";
    ws->heard_ms = now_ms(ws);
    ws->agent = agents_hold(&server->agents, sl_request_header(upgrade, "User-Agent"));
    sl__stream_set_events(s, &ws_events, ws);
    sl__stream_set_deadline(s, ping_ms(ws) < idle_ms(ws) ? ping_ms(ws) : idle_ms(ws));
    if (ops->on_open != NULL) ops->on_open(ws, upgrade, user);
    if (!ws->over) tell_opened(ws);
    *out = ws;
    return 0;

failed:
    packet_drop(answer);
    list_remove(&ws->all);
    session_free(ws);
    return SL_E_NOMEM;
}

/* ---- small things ---- */

void sl_ws_set_user(sl_ws *ws, void *data)
{
    ws->data = data;
}

void *sl_ws_user(const sl_ws *ws)
{
    return ws->data;
}

const char *sl_ws_protocol(const sl_ws *ws)
{
    return ws->protocol;
}

const sl_ws_ops *sl__ws_ops(const sl_ws *ws)
{
    return ws->ops;
}

const char *sl__ws_path(const sl_ws *ws)
{
    return ws->path;
}

const char *sl_ws_peer(const sl_ws *ws, char *buf, size_t size)
{
    char text[PEER_TEXT_SIZE];

    snprintf(buf, size, "%s", stream_peer(ws->stream, text));
    return buf;
}
