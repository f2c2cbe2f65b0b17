/* SPDX-License-Identifier: MIT */
/* Packets as Engine.IO messages: what goes to many in one namespace is encoded once. */
#include "serve/sio_inside.h"

static void drop_made(void *made)
{
    eio_message_drop(made);
}

static struct eio_message *encode(sl_sio_packet *p, const struct sio_nsp *nsp,
                                  const uint64_t *id, bool answer, int *rc)
{
    struct sio_parts parts;
    struct eio_message *made;

    *rc = sio_packet_encode(p, nsp->name, id, answer, &parts);
    if (*rc < 0) return NULL;
    made = eio_message_new(parts.part, parts.n);
    if (made == NULL) *rc = SL_E_NOMEM;
    sio_parts_drop(&parts);
    return made;
}

struct eio_message *sio_packet_event(sl_sio_packet *p, const struct sio_nsp *nsp, int *rc)
{
    *rc = sio_packet_settle(p, false);
    if (*rc < 0) return NULL;
    if (p->made != NULL && p->made_for == nsp->serial) return p->made;
    eio_message_drop(p->made);
    p->made = encode(p, nsp, NULL, false, rc);
    p->made_drop = drop_made;
    p->made_for = nsp->serial;
    return p->made;
}

struct eio_message *sio_packet_with_id(sl_sio_packet *p, const struct sio_nsp *nsp, bool answer,
                                       uint64_t id, int *rc)
{
    return encode(p, nsp, &id, answer, rc);
}

struct eio_message *sio_packet_marked(sl_sio_packet *p, const struct sio_nsp *nsp,
                                      uint64_t offset, size_t *bytes, int *rc)
{
    struct sio_parts parts;
    struct eio_message *made;

    *bytes = 0;
    *rc = sio_packet_encode_marked(p, nsp->name, offset, &parts);
    if (*rc < 0) return NULL;
    for (uint32_t i = 0; i < parts.n; i++)
        *bytes += parts.part[i].bytes;
    made = eio_message_new(parts.part, parts.n);
    if (made == NULL) *rc = SL_E_NOMEM;
    sio_parts_drop(&parts);
    return made;
}

struct eio_message *sio_plain_message(const sl_json_out *o)
{
    sl_message m = {.text = true};
    struct eio_message *made = NULL;
    sl_buf *b;

    if (o->rc < 0) return NULL;
    b = sl_buf_copy(sl_out_text(o));
    if (b == NULL) return NULL;
    if (sl_message_add(&m, b, sl_buf_str(b)) == 0) made = eio_message_new(&m, 1);
    sl_buf_drop(b);
    return made;
}

/* The name as it stands in the packet, ["name" */
static sl_str name_of(const sl_sio_packet *p)
{
    sl_str head = {p->out.ptr, p->args_at};

    return head.len > 3 ? (sl_str){head.ptr + 2, head.len - 3} : (sl_str){"", 0};
}

void sio_tell_emitted(const sl_sio *sio, const sl_sio_socket *to, const sl_sio_packet *p,
                      uint32_t n)
{
    size_t bytes = p->out.len;

    if (sio->observer == NULL || n == 0) return;
    for (uint32_t i = 0; i < p->piece_n; i++)
        bytes += p->piece[i].json.bytes.len;
    for (uint32_t i = 0; i < p->binary_n; i++)
        bytes += p->binary[i].bytes.len;
    sio->observer->on_emitted(to, name_of(p), bytes, n, sio->observer->user);
}
