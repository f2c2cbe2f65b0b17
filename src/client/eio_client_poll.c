/* SPDX-License-Identifier: MIT */
/* Long polling: one GET that is held, and POSTs one after the other. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/codec.h"
#include "base/str.h"
#include "client/eio_client_inside.h"

#include <stdio.h>

#define BODY_BYTES   65536 /* of a POST, unless one packet is larger; a server may say less */
#define BODY_PACKETS 16    /* Python servers take no more; the last is for a beat or the end */

/* ---- what comes ---- */

static void deliver(struct eio_client *e, const struct eio_packet *p, sl_buf *body)
{
    struct eio_packet decoded = *p;
    sl_buf *b;
    size_t n = 0;
    int rc;

    if (!p->base64) {
        eio_client_receive(e, p, body, p->data, NULL);
        return;
    }
    b = sl_buf_new(0, eio_base64_room(p->data.len));
    rc = b == NULL ? SL_E_NOMEM
                   : eio_base64_decode(sl__buf_data(b), sl__buf_room(b), p->data, &n);
    if (rc == 0) {
        b->len = n;
        decoded.data = sl_buf_str(b);
        decoded.base64 = false;
        eio_client_receive(e, &decoded, b, decoded.data, NULL);
    } else {
        eio_client_fail(e, rc == SL_E_NOMEM ? "transport error" : "parse error", rc, 0,
                        "binary in a poll that is no base64");
    }
    sl_buf_drop(b);
}

/* A server of 2.x answers a poll of ours as it can: 97:0{"sid":... */
static bool is_of_revision_3(sl_str body)
{
    size_t colon = str_find_byte(str_part(body, 0, 8), ':');
    uint64_t n;

    return str_to_u64(str_part(body, 0, colon), &n) && colon + 2 < body.len
           && body.ptr[colon + 1] == '0' && body.ptr[colon + 2] == '{';
}

static void on_bad_body(struct eio_client *e, int rc, const char *why, sl_str body)
{
    if (e->state != CONNECTING)
        eio_client_fail(e, "parse error", rc, 0, why);
    else if (e->o.revision == 4 && is_of_revision_3(body))
        eio_client_fail(e, "connect error", rc, 0,
                        "the server speaks Engine.IO 3 (Socket.IO 2.x), not 4: ask for 3");
    else
        eio_client_fail(e, "connect error", rc, 0, "what answers there is no Engine.IO");
}

static bool is_octet_stream(const struct reply *r)
{
    sl_str type = reply_find(r, "Content-Type");

    return str_eq_nocase(str_part(type, 0, 24), SL_STR("application/octet-stream"));
}

static void read_body(struct eio_client *e, sl_buf *body, bool is_bytes)
{
    struct eio_payload it;
    struct eio_packet p;
    int rc;

    eio_payload_init(&it, e->o.revision, is_bytes, sl_buf_str(body));
    while ((rc = eio_payload_next(&it, &p)) > 0) { /* refused as a whole */
    }
    if (rc < 0) {
        on_bad_body(e, rc, it.why != NULL ? it.why : "a poll that is no text",
                    sl_buf_str(body));
        return;
    }
    eio_payload_init(&it, e->o.revision, is_bytes, sl_buf_str(body));
    while (e->state != ENDED && eio_payload_next(&it, &p) > 0)
        deliver(e, &p, body);
}

static void on_poll(struct http_client *h, void *user)
{
    struct eio_client *e = user;
    bool is_bytes = is_octet_stream(h->reply);
    sl_buf *body;

    eio_client_alive(e);
    if (h->reply->status != 200) {
        eio_client_refused(e, h->reply->status, h->reply->body);
        return;
    }
    body = sl_buf_copy(h->reply->body);
    if (body == NULL) {
        eio_client_fail(e, "transport error", SL_E_NOMEM, 0, "out of memory");
        return;
    }
    read_body(e, body, is_bytes);
    sl_buf_drop(body);
    if (e->state == CONNECTING)
        eio_client_fail(e, "connect error", SL_E_ENGINE_IO, 0, "an empty answer");
    else if (e->way == PAUSING)
        eio_ws_switch(e);
    else if (e->state != ENDED)
        eio_poll_ask(e);
}

static void on_fail(struct http_client *h, int rc, void *user)
{
    struct eio_client *e = user;
    bool is_open = e->state != CONNECTING;
    char text[400];

    if (rc == SL_E_CLOSED || rc == SL_E_HTTP)
        snprintf(text, sizeof text, "%s %s", e->o.to->at,
                 rc == SL_E_HTTP ? "does not speak HTTP" : "hung up without an answer");
    else
        dial_why(rc, e->o.to, text, sizeof text);
    (void)h;
    eio_client_fail(e, is_open ? "transport error" : "connect error", rc, 0, text);
}

static void on_alive(struct http_client *h, void *user)
{
    (void)h;
    eio_client_alive(user);
}

void eio_poll_ask(struct eio_client *e)
{
    char *target;
    int rc = SL_E_NOMEM;

    if (e->get.busy) return;
    target = eio_client_target(e, "polling");
    if (target != NULL) rc = http_client_ask(&e->get, sl_str_of(target), NULL, NULL);
    sl__free(target);
    if (rc < 0) on_fail(&e->get, rc, e);
}

/* ---- what goes: bodies ---- */

static enum eio_wire wire_of(const struct eio_client *e)
{
    return e->o.revision == 3 ? EIO3_POLL : EIO4_POLL;
}

static size_t units_of(const sl_message *m)
{
    size_t n = 0;

    for (unsigned i = 0; i < m->n; i++)
        n += eio_utf16_len(m->slice[i].bytes);
    return n;
}

/* At most so many bytes. */
static size_t room_for(const sl_message *part)
{
    return EIO_HEAD_MAX + (part->text ? part->bytes : sl__base64_len(part->bytes));
}

/* Base64 goes by threes, slices do not: an attachment is one slice as a rule. */
static int put_base64(sl_buf *to, const sl_message *part)
{
    sl_buf *flat = NULL;
    sl_str bytes = part->n > 0 ? part->slice[0].bytes : (sl_str){0};

    if (part->n > 1) {
        flat = sl_buf_new(0, part->bytes);
        if (flat == NULL) return SL_E_NOMEM;
        for (unsigned i = 0; i < part->n; i++) {
            sl_str s = part->slice[i].bytes;
            memcpy(sl__buf_data(flat) + flat->len, s.ptr, s.len);
            flat->len += s.len;
        }
        bytes = sl_buf_str(flat);
    }
    if (bytes.len > 0)
        to->len += sl__base64_encode((char *)sl__buf_data(to) + to->len, bytes.ptr, bytes.len);
    sl_buf_drop(flat);
    return 0;
}

static int put_packet(const struct eio_client *e, sl_buf *to, enum eio_type type,
                      const sl_message *part)
{
    enum eio_wire wire = wire_of(e);
    bool units = part->text && eio_wants_utf16(wire);
    char *head = (char *)sl__buf_data(to) + to->len;

    to->len += eio_put_head(wire, to->len == 0, type, !part->text,
                            units ? units_of(part) : part->bytes, head);
    if (!part->text) return put_base64(to, part);
    for (unsigned i = 0; i < part->n; i++) {
        sl_str s = part->slice[i].bytes;
        memcpy(sl__buf_data(to) + to->len, s.ptr, s.len);
        to->len += s.len;
    }
    return 0;
}

static size_t body_bytes(const struct eio_client *e)
{
    return e->payload_max > 0 && e->payload_max < BODY_BYTES ? e->payload_max : BODY_BYTES;
}

/* A body with room for `n` bytes: the last one, or a new one behind it. NULL without memory */
static sl_buf *body_for(struct eio_client *e, size_t n)
{
    sl_buf *last = e->chunk_n > 0 ? e->chunk[e->chunk_n - 1] : NULL;
    bool is_under_way = e->chunk_n == 1 && e->post.busy;
    sl_buf *b;

    e->packet_n++;
    if (last != NULL && !is_under_way && sl__buf_room(last) >= n) return last;
    if (e->chunk_n == CHUNKS) return NULL;
    b = sl_buf_new(0, n > body_bytes(e) ? n : body_bytes(e));
    if (b == NULL) return NULL;
    e->chunk[e->chunk_n++] = b;
    e->packet_n = 1;
    return b;
}

/* What there is of it goes no further: its text must not leave without what belongs to it. */
static void take_back(struct eio_client *e, uint32_t chunks, uint32_t packets, size_t len)
{
    e->packet_n = packets;
    while (e->chunk_n > chunks)
        sl_buf_drop(e->chunk[--e->chunk_n]);
    if (chunks > 0) e->chunk[chunks - 1]->len = len;
}

int eio_poll_put(struct eio_client *e, const sl_message *part, uint32_t n)
{
    size_t all = 0, len;
    uint32_t chunks = e->chunk_n, packets = e->packet_n;
    int rc = 0;

    if (e->post.busy) return SL_E_FULL;
    for (uint32_t i = 0; i < n; i++) {
        all += room_for(&part[i]);
        if (e->payload_max > 0 && !part[i].text
            && sl__base64_len(part[i].bytes) + 1 > e->payload_max)
            return SL_E_TOO_BIG;
    }
    if (chunks > 0 && (sl__buf_room(e->chunk[chunks - 1]) < all || packets + n >= BODY_PACKETS))
        return SL_E_FULL;
    len = chunks > 0 ? e->chunk[chunks - 1]->len : 0;
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        sl_buf *b = body_for(e, room_for(&part[i]));
        rc = b != NULL ? put_packet(e, b, EIO_MESSAGE, &part[i]) : SL_E_NOMEM;
    }
    if (rc < 0) take_back(e, chunks, packets, len);
    return rc;
}

/* ---- what goes: requests ---- */

static int put_bare(struct eio_client *e, enum eio_type type)
{
    const sl_message nothing = {.text = true};
    sl_buf *b = body_for(e, EIO_HEAD_MAX);

    return b != NULL ? put_packet(e, b, type, &nothing) : SL_E_NOMEM;
}

static int post(struct eio_client *e)
{
    char *target = eio_client_target(e, "polling");
    int rc = SL_E_NOMEM;

    if (target != NULL)
        rc = http_client_ask(&e->post, sl_str_of(target), "text/plain;charset=UTF-8",
                             e->chunk[0]);
    sl__free(target);
    return rc;
}

void eio_poll_flush(struct eio_client *e)
{
    enum eio_type beat = e->o.revision == 3 ? EIO_PING : EIO_PONG;
    int rc = 0;

    if (e->post.busy || e->state == CONNECTING || e->state == ENDED || e->way == WEBSOCKET)
        return;
    if (e->way == PAUSING && e->chunk_n == 0) return; /* a beat goes by WebSocket */
    if (e->beat_due && e->state == OPEN && put_bare(e, beat) == 0) e->beat_due = false;
    if (e->chunk_n == 0) return;
    rc = post(e);
    if (rc < 0) on_fail(&e->post, rc, e);
}

void eio_poll_close(struct eio_client *e)
{
    if (put_bare(e, EIO_CLOSE) < 0)
        eio_client_fail(e, "forced close", 0, 0, "closed");
    else
        eio_poll_flush(e);
}

static void on_posted(struct http_client *h, void *user)
{
    struct eio_client *e = user;

    eio_client_alive(e);
    if (h->reply->status != 200) {
        eio_client_refused(e, h->reply->status, h->reply->body);
        return;
    }
    sl_buf_drop(e->chunk[0]);
    e->chunk_n--;
    memmove(e->chunk, e->chunk + 1, e->chunk_n * sizeof *e->chunk);
    eio_poll_flush(e);
    if (e->state == CLOSING && e->chunk_n == 0)
        eio_client_fail(e, "forced close", 0, 0, "closed");
    else if (e->way == PAUSING)
        eio_ws_switch(e);
    sl__loop_want_hooks(e->o.loop); /* there is room */
}

int eio_poll_init(struct eio_client *e)
{
    static const struct http_client_events poll = {on_poll, on_fail, on_alive};
    static const struct http_client_events posted = {on_posted, on_fail, on_alive};
    const struct http_client h = {
        .loop = e->o.loop,
        .dialer = e->o.dialer,
        .to = e->o.to,
        .headers = e->o.headers,
        .user = e,
        .timeout_ms = e->o.connect_timeout_ms,
    };
    int rc;

    e->get = e->post = h;
    e->get.on = &poll;
    e->post.on = &posted;
    rc = http_client_init(&e->get, e->o.message_max);
    return rc < 0 ? rc : http_client_init(&e->post, 4096);
}
