/* SPDX-License-Identifier: MIT */
/*
 * Engine.IO packets, revisions 4 and 3: what stands in front of Socket.IO on a WebSocket and
 * in the bodies of long polling. No socket, no clock, no allocation: what is decoded lies in
 * the caller's bytes, what is encoded is a head to put in front of bytes that others share.
 *
 *   WebSocket text           <type><data>
 *   WebSocket binary, 4      <bytes>                        always a message
 *   WebSocket binary, 3      <type as a number><bytes>
 *   polling, 4               <type><data> 1E b<base64> 1E ...
 *   polling, 3               <length>:<type><data><length>:b<type><base64>...
 *                            the length counts UTF-16 code units
 *   polling, 3, octet-stream 00 <length> FF <type><data>  01 <length> FF <type number><bytes>
 *                            the length in bytes, a byte of value 0 to 9 for each digit
 *
 * source   Engine.IO protocol, revisions 4 and 3
 */
#ifndef PROTO_EIO_H
#define PROTO_EIO_H

#include "sluice/buf.h"
#include "sluice/json.h"

enum eio_type { EIO_OPEN, EIO_CLOSE, EIO_PING, EIO_PONG, EIO_MESSAGE, EIO_UPGRADE, EIO_NOOP };

struct eio_packet {
    enum eio_type type;
    bool binary;
    bool base64; /* `data` is still base64: eio_base64_decode */
    sl_str data; /* borrowed from what was decoded; may be empty */
};

/* ---- reading ---- */

/*
 * One WebSocket message. Of a text, `data` begins at its second byte: what an index of the
 * message noted is good for it (sl_json_read_from).
 *
 * revision 4 or 3
 * text     a text message, checked to be UTF-8; else binary
 * returns  0 or SL_E_ENGINE_IO (empty, or a type that is none); then `out` is zeroed
 */
int eio_decode(unsigned revision, bool text, sl_str message,
               struct eio_packet *out) SL_MUST_USE;

enum eio_form { EIO_SEPARATED, EIO_COUNTED, EIO_BYTES };

/* A polling body that is being walked. Private but for `why`. */
struct eio_payload {
    sl_str rest;
    enum eio_form form;
    int rc;
    bool ended;
    const char *why; /* after an error: one sentence */
};

/*
 * Walk the packets of a whole polling body; to be refused as a whole, it is walked first.
 *
 *     eio_payload_init(&it, revision, is_octet_stream, body);
 *     while ((rc = eio_payload_next(&it, &packet)) > 0) ...
 *
 * body     borrowed while it is walked; any bytes. Text is checked as UTF-8 before its first
 *          packet is given; base64 is checked as it is decoded
 * is_octet_stream  by the request's Content-Type; revision 4 has one form and takes no notice
 * returns  1: a packet; 0: no more; SL_E_ENGINE_IO or SL_E_UTF8, from then on always. An empty
 *          body and an empty packet are errors
 */
void eio_payload_init(struct eio_payload *it, unsigned revision, bool is_octet_stream,
                      sl_str body);
int eio_payload_next(struct eio_payload *it, struct eio_packet *packet) SL_MUST_USE;

/* Room that is always enough for the bytes of `n` characters of base64. */
static inline size_t eio_base64_room(size_t n)
{
    return n / 4 * 3 + 3;
}

/*
 * The bytes of a packet with `base64` set. Padding may be missing, no other character may be
 * there.
 *
 * returns  0; SL_E_ENGINE_IO: not base64; SL_E_TOO_BIG: more than `cap` bytes. On an error
 *          what is in `dst` is unspecified
 */
int eio_base64_decode(void *dst, size_t cap, sl_str text, size_t *out) SL_MUST_USE;

/* ---- writing ---- */

/* Where a packet goes; with text or binary it settles every byte of the framing. */
enum eio_wire {
    EIO4_WS,
    EIO3_WS,
    EIO4_POLL,
    EIO3_POLL,       /* the text form; binary as base64: b64=1, or a batch of texts only */
    EIO3_POLL_BYTES, /* application/octet-stream: a batch with binary for who can read it */
};

#define EIO_HEAD_MAX 24

/*
 * What stands in front of a packet's data.
 *
 * first    the first packet of a polling body (EIO4_POLL has a separator before the others)
 * len      of the data: in bytes; of text for EIO3_POLL in UTF-16 code units (eio_utf16_len);
 *          of binary always the bytes as they are, also where they go as base64
 * returns  bytes written, 0 for EIO4_WS binary
 */
size_t eio_put_head(enum eio_wire wire, bool first, enum eio_type type, bool binary, size_t len,
                    char out[EIO_HEAD_MAX]);

/* Whether the data of a binary packet must go as base64 (base/codec.h) on this wire. */
bool eio_wants_base64(enum eio_wire wire);

/* Whether the head depends on eio_utf16_len of a text: it is a pass over all of it. */
bool eio_wants_utf16(enum eio_wire wire);

/* UTF-16 code units of valid UTF-8; of a text in pieces it is the sum, wherever it is cut. */
size_t eio_utf16_len(sl_str utf8);

struct eio_handshake {
    sl_str sid;
    bool upgrade; /* offer the WebSocket: not to a session that began on one */
    uint32_t ping_interval_ms, ping_timeout_ms;
    uint32_t max_payload_bytes;
};

/* The data of the open packet: these five keys, no other. */
void eio_put_open(sl_json_out *o, const struct eio_handshake *h);

#endif
