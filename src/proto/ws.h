/* SPDX-License-Identifier: MIT */
/*
 * WebSocket frames and messages (RFC 6455), bytes in, messages out: no socket, no clock.
 *
 * Incremental at any cut. A message leaves whole, in one counted buffer with headroom, its
 * mask taken off, its text checked as UTF-8 and (if asked) its JSON structure noted, all in
 * one pass over the bytes. Control frames between fragments come out at once. A compressed
 * message (RFC 7692) is collected as it is and inflated when it is whole: until then it is
 * no more than the wire has brought, and afterwards no more than the limit. A few bytes can
 * become millions, so who shares a thread shares a quota of what is inflated at a time: beyond
 * it a parser waits, and goes on where it was.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-------+-+-------------+-------------------------------+
 *   |F|R|R|R| opcode|M| length 7    | 16 bits if 126, 64 if 127 ... |
 *   |I|S|S|S|  (4)  |A|             +-------------------------------+
 *   |N|V|V|V|       |S|             | mask, 4 bytes, if M is set    |
 *   +-+-+-+-+-------+-+-------------+-------------------------------+
 */
#ifndef PROTO_WS_H
#define PROTO_WS_H

#include "base/buf.h"
#include "base/scan.h"

enum ws_op { WS_CONT = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

/* Close codes, RFC 6455 §7.4.1 and the IANA registry */
enum {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_NO_STATUS = 1005, /* never on the wire */
    WS_ABNORMAL = 1006,  /* never on the wire */
    WS_BAD_DATA = 1007,
    WS_TOO_BIG = 1009,
    WS_INTERNAL_ERROR = 1011,
    WS_TRY_LATER = 1013,
};

#define WS_HEAD_MAX       10  /* of a frame without mask */
#define WS_CONTROL_MAX    125 /* payload of a control frame, §5.5 */
#define WS_ACCEPT_SIZE    29  /* 28 characters and the terminator */
#define WS_WHY_SIZE       96
#define WS_HEADROOM_SMALL 32  /* in front of a message's bytes: room for any frame header */
#define WS_HEADROOM_LARGE 256 /* from WS_LARGE on: room for longer names too */
#define WS_LARGE          16384

struct ws_parser;

struct ws_sink {
    /*
     * A whole message. `buf` holds exactly `bytes`; borrowed for the call, hold it to keep it.
     * `index` is complete, or NULL (binary, or not asked for); borrowed for the call.
     * The callee must not free the parser; it may call ws_stop.
     */
    void (*on_message)(struct ws_parser *p, bool text, sl_buf *buf, sl_str bytes,
                       const sl_json_index *index);
    /* A control frame: WS_CLOSE, WS_PING or WS_PONG. A close's payload has been checked. */
    void (*on_control)(struct ws_parser *p, enum ws_op op, sl_str payload);
};

struct deflate;

/* Of all parsers that share an inflater. One that has begun a message is served to its end. */
struct ws_quota {
    size_t left;                  /* bytes that may still be inflated: filled up by the owner */
    const struct ws_parser *user; /* is within a message; NULL: nobody */
};

struct ws_options {
    size_t message_max;      /* bytes, over all fragments; inflated ones too */
    bool from_client;        /* frames must be masked (we are the server), else must not be */
    bool json;               /* note the structure of text messages */
    struct deflate *deflate; /* permessage-deflate was agreed on; shared, outlives the parser */
    struct ws_quota *quota;  /* NULL: a message is inflated at once; likewise */
};

/* The message that is being put together; exists only while one is partial. Private to ws.c. */
struct ws_partial;

/* 64 bytes: an idle connection has one of these and nothing else here. */
struct ws_parser {
    const struct ws_sink *sink;
    const struct ws_options *options; /* borrowed for the parser's life */
    sl_json_index *shared;            /* the loop's: for messages that arrive in one piece */
    struct ws_partial *partial;
    uint64_t fault_number; /* what ws_why quotes: a size, a code */
    uint32_t last_large;   /* bytes of the last large messages: the next buffer's first size */
    uint16_t close_code;   /* what to send after an error, else 0 */
    uint8_t fault;         /* private: a row of the table of faults, 0 none */
    uint8_t head_len;
    uint8_t head[14]; /* an unfinished frame header */
    bool stopped;
    bool waiting; /* for the quota: feed it again when there is some */
};

void ws_init(struct ws_parser *p, const struct ws_options *o, const struct ws_sink *sink,
             sl_json_index *shared);
void ws_deinit(struct ws_parser *p);

/*
 * Feed bytes received from the peer.
 *
 * in       may be changed by the call. Either anywhere, or exactly where ws_want pointed:
 *          then the bytes are already in place and are not copied
 * returns  0, SL_E_WS_PROTO, SL_E_WS_UTF8, SL_E_TOO_BIG or SL_E_NOMEM; after an error
 *          p->close_code and ws_why say what to tell the peer, and every later feed returns
 *          the same error. What follows a close frame or ws_stop is dropped
 * calls    the sink, from inside this call; it must not feed or deinit `p`
 * source   RFC 6455 §5.2 (layout), §5.4 (fragments), §5.5 (control frames), §8.1 (UTF-8);
 *          RFC 7692 §6, §7.2.2
 */
int ws_feed(struct ws_parser *p, uint8_t *in, size_t n) SL_MUST_USE;

/*
 * The same under a quota: when `p->waiting` is set afterwards, only `used` bytes were taken.
 * The others are to be fed later, behind which `in` may be empty.
 */
int ws_feed_some(struct ws_parser *p, uint8_t *in, size_t n, size_t *used) SL_MUST_USE;

/*
 * Where the next bytes are best received: inside a partly received large message. May make
 * the message's buffer larger, in step with what has arrived.
 *
 * returns  false when anywhere is fine (also without memory). Valid until the next ws_feed,
 *          ws_want or ws_deinit; `room` ends with the frame, what lies behind it is received
 *          elsewhere
 */
bool ws_want(const struct ws_parser *p, uint8_t **into, size_t *room);

/* Deliver nothing any more; also from inside a callback: the rest of what was fed is dropped.
 */
void ws_stop(struct ws_parser *p);

/* True while a frame or message has begun and not ended. */
bool ws_is_partial(const struct ws_parser *p);

/*
 * After an error: the sentence for the close frame, with size and limit where that is why.
 *
 * buf      receives it, always terminated; returned for convenience. "" if nothing is wrong
 */
const char *ws_why(const struct ws_parser *p, char *buf, size_t size);

/* Write an unmasked frame header with FIN set. returns its length, 2 to WS_HEAD_MAX */
size_t ws_frame_head(uint8_t out[WS_HEAD_MAX], enum ws_op op, uint64_t len);
#define WS_RSV1 0x40 /* in the first byte: a compressed message, RFC 7692 §6 */

/*
 * The payload of a close frame.
 *
 * code     WS_NO_STATUS and WS_ABNORMAL stay off the wire: the payload is empty
 * reason   cut at a character to fit; left out if it is not UTF-8 (§5.5.1)
 * returns  bytes
 */
size_t ws_close_payload(uint8_t out[WS_CONTROL_MAX], int code, sl_str reason);

/* The code in a close frame's payload (checked before): WS_NO_STATUS if it is empty.
 * `reason` may be NULL. */
int ws_close_read(sl_str payload, sl_str *reason);

/* Whether a code may stand in a close frame, §7.4.1 and §7.4.2. */
bool ws_close_code_is_valid(int code);

/* Sec-WebSocket-Accept for a key, §4.2.2; false unless the key is base64 of 16 bytes (§4.1). */
bool ws_accept(sl_str key, char out[WS_ACCEPT_SIZE]);

#endif
