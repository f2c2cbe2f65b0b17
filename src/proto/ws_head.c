/* SPDX-License-Identifier: MIT */
/* Reading frame headers, and what can be wrong with a peer's frames. */
#include "proto/ws_inside.h"

#include <endian.h>
#include <stdio.h>

#define PROTO(why, numbered)                            \
    {                                                   \
        SL_E_WS_PROTO, WS_PROTOCOL_ERROR, numbered, why \
    }

const struct ws_fault_row ws_faults[FAULT_COUNT] = {
    [FAULT_NONE] = {0,             0,                 false, ""                                 },
    [FAULT_RSV] = PROTO("a reserved bit is set", false),
    [FAULT_OPCODE] = PROTO("unknown opcode", true),
    [FAULT_CONTROL_FIN] = PROTO("fragmented control frame", false),
    [FAULT_CONTROL_LEN] = PROTO("control frame of more than 125 bytes", false),
    [FAULT_UNMASKED] = PROTO("frame without mask", false),
    [FAULT_MASKED] = PROTO("masked frame from a server", false),
    [FAULT_MINIMAL] = PROTO("frame length not in its shortest form", true),
    [FAULT_LENGTH] = PROTO("frame length of more than 63 bits", false),
    [FAULT_NO_START] = PROTO("continuation without a message to continue", false),
    [FAULT_INTERLEAVED] = PROTO("new message inside a fragmented one", false),
    [FAULT_CLOSE_LEN] = PROTO("close frame of one byte", false),
    [FAULT_CLOSE_CODE] = PROTO("invalid close code", true),
    [FAULT_CLOSE_UTF8] = {SL_E_WS_UTF8,  WS_BAD_DATA,       false, "close reason is not valid UTF-8"  },
    [FAULT_TEXT_UTF8] = {SL_E_WS_UTF8,  WS_BAD_DATA,       false, "text is not valid UTF-8"          },
    [FAULT_TOO_BIG] = {SL_E_TOO_BIG,  WS_TOO_BIG,        true,  "message is larger than the limit" },
    [FAULT_INFLATED] = {SL_E_TOO_BIG,  WS_TOO_BIG,        true,  "message inflates beyond the limit"},
    [FAULT_DEFLATE] = {SL_E_WS_PROTO, WS_BAD_DATA,       false, "message is not valid DEFLATE"     },
    [FAULT_NOMEM] = {SL_E_NOMEM,    WS_INTERNAL_ERROR, false, "out of memory"                    },
};

/* RFC 7692 §6: only if it was agreed on, and only in the first frame of a message. */
static bool is_rsv1_right(const struct ws_options *o, uint8_t b0)
{
    unsigned op = b0 & 15;

    return o->deflate != NULL && (b0 & 0x30) == 0 && (op == WS_TEXT || op == WS_BINARY);
}

/* The first two bytes: all that can be wrong before the length is known. */
static enum ws_fault check_start(struct ws_head *h, const struct ws_options *o, uint8_t b0,
                                 uint8_t b1)
{
    const unsigned known = 1u << WS_CONT | 1u << WS_TEXT | 1u << WS_BINARY | 1u << WS_CLOSE
                           | 1u << WS_PING | 1u << WS_PONG;
    bool masked = b1 & 0x80, from_client = o->from_client;

    h->len = h->op;
    if ((b0 & 0x70) && !is_rsv1_right(o, b0)) return FAULT_RSV;
    if (!(known >> h->op & 1)) return FAULT_OPCODE;
    if (masked != from_client) return masked ? FAULT_MASKED : FAULT_UNMASKED;
    if (!(h->op & 8)) return FAULT_NONE;
    if (!h->fin) return FAULT_CONTROL_FIN;
    return (b1 & 127) > WS_CONTROL_MAX ? FAULT_CONTROL_LEN : FAULT_NONE;
}

enum ws_fault ws_head_read(struct ws_head *h, const struct ws_options *o, const uint8_t *in,
                           size_t n)
{
    bool from_client = o->from_client;

    h->bytes = 0;
    if (n < 2) return FAULT_NONE;
    h->fin = in[0] & 0x80;
    h->deflated = in[0] & 0x40;
    h->op = in[0] & 15;
    enum ws_fault fault = check_start(h, o, in[0], in[1]);
    if (fault != FAULT_NONE) return fault;

    unsigned len7 = in[1] & 127;
    unsigned at = len7 < 126 ? 2 : len7 == 126 ? 4 : 10; /* where the length ends */
    unsigned end = at + (from_client ? sizeof h->mask : 0);

    if (n < end) return FAULT_NONE;
    h->len = len7;
    if (len7 == 126) {
        h->len = (uint64_t)in[2] << 8 | in[3];
        if (h->len < 126) return FAULT_MINIMAL;
    } else if (len7 == 127) {
        uint64_t be;

        memcpy(&be, in + 2, sizeof be);
        h->len = be64toh(be);
        if (h->len >> 63) return FAULT_LENGTH;
        if (h->len < 65536) return FAULT_MINIMAL;
    }
    memset(h->mask, 0, sizeof h->mask);
    if (from_client) memcpy(h->mask, in + at, sizeof h->mask);
    h->bytes = (uint8_t)end;
    return FAULT_NONE;
}

const char *ws_why(const struct ws_parser *p, char *buf, size_t size)
{
    const struct ws_fault_row *f = &ws_faults[p->fault];
    unsigned long long number = p->fault_number;

    if (p->fault == FAULT_TOO_BIG) {
        snprintf(buf, size, "message of %llu bytes is larger than the limit of %zu", number,
                 p->options->message_max);
    } else if (f->numbered) {
        snprintf(buf, size, "%s: %llu", f->text, number);
    } else {
        snprintf(buf, size, "%s", f->text);
    }
    return buf;
}
