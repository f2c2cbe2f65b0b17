/* SPDX-License-Identifier: MIT */
/*
 * Engine.IO: what is read from any body, written again, reads the same; any bytes, sent on any
 * wire, come back.
 *
 *   byte 0   1: revision 3  2: octet stream
 *   byte 1-  the body, the message, the bytes to send
 */
#include "base/assert.h"
#include "base/codec.h"
#include "base/scan.h"
#include "proto/eio.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A packet with its bytes as they are. */
struct plain {
    struct eio_packet p;
    bool bad; /* base64 that is none */
};

static struct plain plain_of(struct eio_packet p, char *room)
{
    size_t n;

    if (!p.base64) return (struct plain){p, false};
    if (eio_base64_decode(room, eio_base64_room(p.data.len), p.data, &n) < 0)
        return (struct plain){p, true};
    p.data = (sl_str){room, n};
    return (struct plain){p, false};
}

static size_t naive_utf16(sl_str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];
        n += c < 0x80 || c >= 0xC0;
        n += c >= 0xF0;
    }
    return n;
}

static size_t put(enum eio_wire wire, bool first, const struct eio_packet *p, char *out)
{
    size_t len = p->data.len;

    if (!p->binary && eio_wants_utf16(wire)) {
        len = eio_utf16_len(p->data);
        SL_ASSERT(len == naive_utf16(p->data));
    }
    size_t n = eio_put_head(wire, first, p->type, p->binary, len, out);
    SL_ASSERT(n <= EIO_HEAD_MAX);
    if (p->binary && eio_wants_base64(wire))
        return n + sl__base64_encode(out + n, p->data.ptr, p->data.len);
    if (p->data.len > 0) memcpy(out + n, p->data.ptr, p->data.len);
    return n + p->data.len;
}

static void check_same(const struct eio_packet *a, const struct eio_packet *b)
{
    SL_ASSERT(a->type == b->type && a->binary == b->binary && sl_str_eq(a->data, b->data));
}

/* All packets of a body, and the same on the wire that it came by, walked side by side. */
static void check_body(unsigned revision, bool octets, sl_str body)
{
    enum eio_wire wire = revision == 4 ? EIO4_POLL : octets ? EIO3_POLL_BYTES : EIO3_POLL;
    size_t room = 2 * body.len + 4 * EIO_HEAD_MAX, n = 0, count = 0;
    char *again = malloc(room), *a = malloc(room), *b = malloc(room);
    struct eio_payload it, other;
    struct eio_packet p, q;
    int rc, last = 0;

    SL_ASSERT(again && a && b);
    eio_payload_init(&it, revision, octets, body);
    while ((rc = eio_payload_next(&it, &p)) > 0) {
        SL_ASSERT(p.data.ptr >= body.ptr && p.data.ptr + p.data.len <= body.ptr + body.len);
        SL_ASSERT(!p.base64 || p.binary);
        struct plain plain = plain_of(p, a);
        if (plain.bad) break;
        if (n + 2 * plain.p.data.len + EIO_HEAD_MAX > room) break;
        n += put(wire, count++ == 0, &plain.p, again + n);
    }
    SL_ASSERT(rc > 0 || eio_payload_next(&it, &p) == rc);
    SL_ASSERT((it.why != NULL) == (rc < 0));

    eio_payload_init(&it, revision, octets, body);
    eio_payload_init(&other, revision, octets, (sl_str){again, n});
    for (size_t i = 0; i < count; i++) {
        SL_ASSERT(eio_payload_next(&it, &p) == 1);
        last = eio_payload_next(&other, &q);
        SL_ASSERT(last == 1);
        p = plain_of(p, a).p;
        q = plain_of(q, b).p;
        check_same(&p, &q);
    }
    SL_ASSERT(count == 0 || eio_payload_next(&other, &q) == 0);
    free(again);
    free(a);
    free(b);
}

static bool is_utf8(sl_str text)
{
    struct scan s;

    scan_init(&s, SCAN_UTF8, NULL, NULL);
    return scan_feed(&s, NULL, (const uint8_t *)text.ptr, text.len) == 0 && scan_end(&s) == 0;
}

static void check_message(unsigned revision, bool text, sl_str message)
{
    struct eio_packet p;
    char head[EIO_HEAD_MAX];

    if (eio_decode(revision, text, message, &p) < 0) {
        SL_ASSERT(p.data.ptr == NULL);
        return;
    }
    SL_ASSERT(p.binary == !text && !p.base64);
    size_t n = eio_put_head(revision == 4 ? EIO4_WS : EIO3_WS, true, p.type, p.binary,
                            p.data.len, head);
    SL_ASSERT(n + p.data.len == message.len && memcmp(head, message.ptr, n) == 0);
}

/* Two messages of these bytes through each polling wire. */
static void check_sent(bool binary, sl_str bytes)
{
    struct eio_packet p = {.type = EIO_MESSAGE, .binary = binary, .data = bytes}, q;
    size_t room = 4 * bytes.len + 4 * EIO_HEAD_MAX;
    char *out = malloc(room), *back = malloc(room);

    SL_ASSERT(out && back);
    for (enum eio_wire wire = EIO4_POLL; wire <= EIO3_POLL_BYTES; wire++) {
        struct eio_payload it;
        if (wire == EIO4_POLL && !binary && memchr(bytes.ptr, 0x1E, bytes.len)) continue;
        size_t n = put(wire, true, &p, out);
        n += put(wire, false, &p, out + n);
        eio_payload_init(&it, wire == EIO4_POLL ? 4 : 3, wire == EIO3_POLL_BYTES,
                         (sl_str){out, n});
        for (int i = 0; i < 2; i++) {
            SL_ASSERT(eio_payload_next(&it, &q) == 1);
            q = plain_of(q, back).p;
            check_same(&p, &q);
        }
        SL_ASSERT(eio_payload_next(&it, &q) == 0);
    }
    free(out);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0) return 0;

    sl_str body = {(const char *)data + 1, n - 1};
    unsigned revision = data[0] & 1 ? 3 : 4;
    check_body(revision, data[0] & 2, body);
    check_message(revision, data[0] & 2, body);
    check_sent(true, body);
    if (is_utf8(body)) check_sent(false, body);
    return 0;
}
