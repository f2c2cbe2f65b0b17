/* SPDX-License-Identifier: MIT */
#include "serve/ws_deflate.h"

#include "base/assert.h"
#include "base/str.h"
#include "proto/ws.h"
#include "serve/request.h"

int ws_deflate_agree(const sl_server *s, const sl_request *upgrade, struct deflate_terms *out)
{
    const struct http1_head *h = upgrade->head;
    int rc = 0;

    *out = (struct deflate_terms){0};
    if (s->options.deflate_min == 0) return 0;
    for (uint32_t i = 0; i < h->n && rc == 0; i++) {
        if (str_eq_nocase(http1_field_name(h, i), SL_STR("Sec-WebSocket-Extensions")))
            rc = deflate_read_offers(out, http1_field_value(h, i));
    }
    return rc;
}

struct deflate *ws_deflate_hold(sl_server *s)
{
    if (s->deflate == NULL) s->deflate = deflate_new();
    if (s->deflate != NULL) s->deflate_users++;
    return s->deflate;
}

void ws_deflate_drop(sl_server *s)
{
    SL_ASSERT(s->deflate_users > 0);
    if (--s->deflate_users > 0) return;
    deflate_free(s->deflate);
    s->deflate = NULL;
}

bool ws_deflate_wants(const sl_server *s, const sl_message *m)
{
    return s->deflate_users > 0 && m->bytes >= s->options.deflate_min && m->bytes <= DEFLATE_MAX
           && (m->text || s->options.deflate_binary);
}

/* The opcode is that of the plain frame, wherever its header lies. */
static struct packet *frame(const struct packet *plain, sl_buf *payload)
{
    uint8_t head[WS_HEAD_MAX];
    size_t n = ws_frame_head(head, *(const uint8_t *)plain->iov[0].iov_base & 15, payload->len);
    sl_message m = {.born_us = plain->born_us};

    head[0] |= WS_RSV1;
    if (sl_message_add(&m, payload, sl_buf_str(payload)) < 0) return NULL;
    return packet_new((sl_str){(char *)head, n}, &m);
}

struct packet *ws_deflate_packet(sl_server *s, unsigned bits, struct packet *plain,
                                 size_t head_len)
{
    struct packet *p = NULL;
    sl_buf *payload;

    if (deflate_message(s->deflate, bits, plain->iov, plain->n, head_len, &payload) == 1)
        p = frame(plain, payload);
    sl_buf_drop(payload);
    return p != NULL ? p : packet_hold(plain);
}
