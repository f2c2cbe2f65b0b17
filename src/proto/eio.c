/* SPDX-License-Identifier: MIT */
#include "proto/eio.h"

#define SEPARATOR '\x1e'

/* ---- one WebSocket message ---- */

static int refuse(struct eio_packet *out)
{
    *out = (struct eio_packet){0};
    return SL_E_ENGINE_IO;
}

int eio_decode(unsigned revision, bool text, sl_str message, struct eio_packet *out)
{
    if (!text && revision == 4) {
        *out = (struct eio_packet){.type = EIO_MESSAGE, .binary = true, .data = message};
        return 0;
    }
    if (message.len == 0) return refuse(out);
    unsigned type = (uint8_t)message.ptr[0];
    if (text) type -= '0';
    if (type > EIO_NOOP) return refuse(out);
    *out = (struct eio_packet){
        .type = (enum eio_type)type,
        .binary = !text,
        .data = {message.ptr + 1, message.len - 1}
    };
    return 0;
}

/* ---- heads ---- */

struct framing {
    bool polling, base64, utf16;
};

static const struct framing framings[] = {
    [EIO4_WS] = {0              },
    [EIO3_WS] = {0              },
    [EIO4_POLL] = {.polling = true, .base64 = true},
    [EIO3_POLL] = {.polling = true,               .base64 = true, .utf16 = true},
    [EIO3_POLL_BYTES] = {.polling = true},
};

bool eio_wants_base64(enum eio_wire wire)
{
    return framings[wire].base64;
}

bool eio_wants_utf16(enum eio_wire wire)
{
    return framings[wire].utf16;
}

/* The digits of `n`, counted from `zero`. returns how many */
static size_t put_number(char *out, size_t n, char zero)
{
    char digit[20];
    size_t count = 0;

    do
        digit[count++] = (char)(zero + (char)(n % 10));
    while (n /= 10);
    for (size_t i = 0; i < count; i++)
        out[i] = digit[count - 1 - i];
    return count;
}

static size_t put_counted(bool binary, char type, size_t len, char *out)
{
    size_t units = binary ? (len / 3 + (len % 3 != 0)) * 4 + 2 : len + 1;
    size_t n = put_number(out, units, '0');

    out[n++] = ':';
    if (binary) out[n++] = 'b';
    out[n++] = (char)('0' + type);
    return n;
}

static size_t put_bytes(bool binary, char type, size_t len, char *out)
{
    size_t n = 0;

    out[n++] = binary ? 1 : 0;
    n += put_number(out + n, len + 1, 0);
    out[n++] = '\xff';
    out[n++] = binary ? type : (char)('0' + type);
    return n;
}

size_t eio_put_head(enum eio_wire wire, bool first, enum eio_type type, bool binary, size_t len,
                    char out[EIO_HEAD_MAX])
{
    size_t n = 0;

    switch (wire) {
    case EIO3_POLL: return put_counted(binary, (char)type, len, out);
    case EIO3_POLL_BYTES: return put_bytes(binary, (char)type, len, out);
    case EIO4_POLL:
        if (!first) out[n++] = SEPARATOR;
        out[n++] = binary ? 'b' : (char)('0' + type);
        return n;
    case EIO3_WS: out[0] = binary ? (char)type : (char)('0' + type); return 1;
    case EIO4_WS:
        if (binary) return 0;
        out[0] = (char)('0' + type);
        return 1;
    }
    return 0;
}

/* ---- the handshake ---- */

void eio_put_open(sl_json_out *o, const struct eio_handshake *h)
{
    sl_out_object(o);
    sl_out_key(o, "sid");
    sl_out_str(o, h->sid);
    sl_out_key(o, "upgrades");
    sl_out_array(o);
    if (h->upgrade) sl_out_str(o, SL_STR("websocket"));
    sl_out_end(o);
    sl_out_key(o, "pingInterval");
    sl_out_i64(o, h->ping_interval_ms);
    sl_out_key(o, "pingTimeout");
    sl_out_i64(o, h->ping_timeout_ms);
    sl_out_key(o, "maxPayload");
    sl_out_i64(o, h->max_payload_bytes);
    sl_out_end(o);
}
