/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/codec.h"
#include "proto/ws.h"
#include "serve/eio_inside.h"

/* ---- lives ---- */

struct eio_message *eio_message_new(const sl_message *part, uint32_t n)
{
    size_t slices = 0, at = 0;
    struct eio_message *m;

    for (uint32_t i = 0; i < n; i++)
        slices += part[i].n;
    m = sl__alloc(sizeof *m + n * sizeof *m->part + slices * sizeof *m->slice);
    if (m == NULL) return NULL;
    *m = (struct eio_message){.refs = 1, .type = EIO_MESSAGE, .n = n};
    m->born_us = n > 0 ? part[0].born_us : 0;
    m->slice = (sl_slice *)(m->part + n);
    for (uint32_t i = 0; i < n; i++) {
        m->part[i] = (struct eio_part){part[i].bytes, part[i].text, part[i].n};
        m->bytes += part[i].bytes;
        m->binary |= !part[i].text;
        for (unsigned k = 0; k < part[i].n; k++, at++) {
            m->slice[at] = part[i].slice[k];
            if (m->slice[at].buf != NULL) sl_buf_hold(m->slice[at].buf);
        }
    }
    return m;
}

struct eio_message *eio_message_hold(struct eio_message *m)
{
    m->refs++;
    return m;
}

static size_t count_slices(const struct eio_message *m)
{
    size_t n = 0;

    for (uint32_t i = 0; i < m->n; i++)
        n += m->part[i].n;
    return n;
}

void eio_message_drop(struct eio_message *m)
{
    if (m == NULL || --m->refs > 0) return;
    for (size_t i = 0, n = count_slices(m); i < n; i++)
        sl_buf_drop(m->slice[i].buf);
    for (size_t i = 0; i < sizeof m->frame / sizeof m->frame[0]; i++)
        packet_drop(m->frame[i]);
    for (size_t i = 0; i < sizeof m->piece / sizeof m->piece[0]; i++)
        sl_buf_drop(m->piece[i]);
    sl__free(m);
}

struct eio_message *eio_packet_new(enum eio_type type, sl_str text)
{
    sl_message part = {.text = true};
    sl_buf *b = text.len > 0 ? sl_buf_copy(text) : NULL;
    struct eio_message *m = NULL;

    if (text.len > 0 && b == NULL) return NULL;
    if (b == NULL || sl_message_add(&part, b, sl_buf_str(b)) == 0)
        m = eio_message_new(&part, 1);
    if (m != NULL) m->type = (uint8_t)type;
    sl_buf_drop(b);
    return m;
}

/* ---- for a WebSocket ---- */

/* The frame's head and the packet's: what stands in front of one part. */
static size_t put_ws_head(const struct eio_message *m, uint32_t i, enum eio_wire wire,
                          uint8_t out[PACKET_HEAD_MAX])
{
    const struct eio_part *part = &m->part[i];
    char head[EIO_HEAD_MAX];
    size_t n = eio_put_head(wire, true, m->type, !part->text, part->bytes, head);
    size_t k = ws_frame_head(out, part->text ? WS_TEXT : WS_BINARY, n + part->bytes);

    memcpy(out + k, head, n); /* one byte at most: a WebSocket has its own lengths */
    return k + n;
}

static struct packet *make_single(const struct eio_message *m, enum eio_wire wire)
{
    const struct eio_part *part = &m->part[0];
    sl_message whole = {
        .text = part->text, .n = part->n, .bytes = part->bytes, .born_us = m->born_us};
    uint8_t head[PACKET_HEAD_MAX];
    size_t n = put_ws_head(m, 0, wire, head);

    if (part->n > 0) memcpy(whole.slice, m->slice, part->n * sizeof *m->slice);
    return packet_new((sl_str){(char *)head, n}, &whole);
}

/* Several frames that are never parted: one packet, so that no queue can come between. */
static struct packet *make_joined(const struct eio_message *m, enum eio_wire wire)
{
    size_t slices = count_slices(m) + m->n, at = 0, from = 0;
    sl_buf *heads = sl_buf_new(0, m->n * PACKET_HEAD_MAX);
    sl_slice *all = sl__alloc(slices * sizeof *all);
    struct packet *p = NULL;

    if (heads == NULL || all == NULL) goto done;
    for (uint32_t i = 0; i < m->n; i++) {
        uint8_t *head = sl__buf_data(heads) + heads->len;
        size_t n = put_ws_head(m, i, wire, head);
        heads->len += n;
        all[at++] = (sl_slice){
            heads, {(char *)head, n}
        };
        memcpy(all + at, m->slice + from, m->part[i].n * sizeof *all);
        at += m->part[i].n;
        from += m->part[i].n;
    }
    p = packet_join(all, at);
    if (p != NULL) p->born_us = m->born_us;
done:
    sl__free(all);
    sl_buf_drop(heads);
    return p;
}

struct packet *eio_message_frame(struct eio_message *m, unsigned revision)
{
    enum eio_wire wire = revision == 3 ? EIO3_WS : EIO4_WS;

    if (m->frame[wire] == NULL)
        m->frame[wire] = m->n == 1 ? make_single(m, wire) : make_joined(m, wire);
    return m->frame[wire];
}

/* ---- for a polling body ---- */

size_t eio_message_room(const struct eio_message *m, unsigned revision)
{
    size_t head = revision == 3 ? EIO_HEAD_MAX : 2 /* separator, type */, n = 0;

    for (uint32_t i = 0; i < m->n; i++)
        n += head + (m->part[i].text ? m->part[i].bytes : sl__base64_len(m->part[i].bytes));
    return n;
}

static size_t utf16_len(const sl_slice *s, unsigned n)
{
    size_t len = 0;

    for (unsigned i = 0; i < n; i++)
        len += eio_utf16_len(s[i].bytes);
    return len;
}

static void add(sl_buf *to, sl_str bytes)
{
    if (bytes.len > 0) memcpy(sl__buf_data(to) + to->len, bytes.ptr, bytes.len);
    to->len += bytes.len;
}

/* Base64 goes by threes, slices do not: what is left of one stands in front of the next. */
static void add_base64(sl_buf *to, const sl_slice *s, unsigned n)
{
    uint8_t carry[3];
    size_t k = 0;

    for (unsigned i = 0; i < n; i++) {
        sl_str in = s[i].bytes;
        while (in.len > 0 && (k > 0 || in.len < 3)) {
            carry[k++] = (uint8_t)*in.ptr++;
            in.len--;
            if (k < 3) continue;
            to->len += sl__base64_encode((char *)sl__buf_data(to) + to->len, carry, 3);
            k = 0;
        }
        size_t whole = in.len / 3 * 3;
        if (whole > 0)
            to->len += sl__base64_encode((char *)sl__buf_data(to) + to->len, in.ptr, whole);
        for (size_t j = whole; j < in.len; j++)
            carry[k++] = (uint8_t)in.ptr[j];
    }
    if (k > 0) to->len += sl__base64_encode((char *)sl__buf_data(to) + to->len, carry, k);
}

static sl_buf *make_piece(const struct eio_message *m, enum eio_wire wire)
{
    sl_buf *b = sl_buf_new(0, eio_message_room(m, wire == EIO4_POLL ? 4 : 3));
    const sl_slice *s = m->slice;

    if (b == NULL) return NULL;
    for (uint32_t i = 0; i < m->n; i++) {
        const struct eio_part *part = &m->part[i];
        bool units = part->text && eio_wants_utf16(wire);
        size_t len = units ? utf16_len(s, part->n) : part->bytes;
        char *head = (char *)sl__buf_data(b) + b->len;

        b->len += eio_put_head(wire, i == 0, m->type, !part->text, len, head);
        if (!part->text && eio_wants_base64(wire)) {
            add_base64(b, s, part->n);
        } else {
            for (unsigned k = 0; k < part->n; k++)
                add(b, s[k].bytes);
        }
        s += part->n;
    }
    return b;
}

sl_buf *eio_message_piece(struct eio_message *m, enum eio_wire wire)
{
    sl_buf **piece = &m->piece[wire - EIO4_POLL];

    if (*piece == NULL) *piece = make_piece(m, wire);
    return *piece;
}
