/* SPDX-License-Identifier: MIT */
/*
 * Socket.IO packets: protocol 5 (clients 3.x, 4.x; on Engine.IO 4) and protocol 4 (clients
 * 1.x, 2.x; on Engine.IO 3). Everything that can be told from a packet alone is checked here;
 * what was joined, which acks are open and whether all attachments came is the session's.
 *
 *   <type>[<attachments>-][<namespace>,][<ack id>][<JSON>]
 *
 *   2["chat","hi"]                                    event, namespace "/"
 *   2/admin,13["chat"]                                event in "/admin" that wants ack 13
 *   3/admin,13[]                                      that ack
 *   51-["upload",{"_placeholder":true,"num":0}]       one attachment follows, as binary
 */
#ifndef PROTO_SIO_H
#define PROTO_SIO_H

#include "sluice/buf.h"
#include "sluice/json.h"

enum sio_type {
    SIO_CONNECT,
    SIO_DISCONNECT,
    SIO_EVENT,
    SIO_ACK,
    SIO_CONNECT_ERROR,
    SIO_BINARY_EVENT,
    SIO_BINARY_ACK,
};

#define SIO_NSP_MAX         512 /* bytes of a namespace, without its query */
#define SIO_ATTACHMENTS_MAX 64  /* above any limit that can be set */
#define SIO_ID_MAX          ((UINT64_C(1) << 53) - 1)
#define SIO_DEPTH           512 /* what rules.json.depth should be unless told */

struct sio_rules {
    unsigned revision;        /* Engine.IO's: 4 or 3 */
    bool from_client;         /* we are the server; false: the other way round */
    uint32_t attachments_max; /* of one packet; 0: 10; at most SIO_ATTACHMENTS_MAX */
    sl_json_limits json;      /* depth 0: SIO_DEPTH; nodes 0: 1,000,000 */
};

/* A packet; it borrows from the text, and its values from `doc` until that is read into again.
 */
struct sio_packet {
    enum sio_type type;
    uint32_t attachments; /* how many binary messages follow; 0 unless the type is binary */
    sl_str nsp;           /* begins with '/'; "/" if none was written */
    sl_str query;         /* revision 3, CONNECT: behind the '?'; ptr NULL if there is none */
    bool has_id;          /* an event: an ack is wanted; an ack: always */
    uint64_t id;          /* exact, at most SIO_ID_MAX */
    sl_str payload;       /* raw JSON; ptr NULL if there is none */
    sl_value value;       /* the payload's root; type SL_JSON_NONE if there is none */
    sl_value name;        /* an event's: a string or a number, no reserved one; else none */
};

/*
 * Read one packet: an Engine.IO message's text.
 *
 * text     borrowed, UTF-8. The packet begins at byte `from`: 1 for a whole WebSocket message
 *          (behind Engine.IO's '4'), 0 for the data of a polling packet
 * index    of the whole `text`, or NULL
 * doc      where the payload is read into; zero it once, deinit it at the end
 * returns  0; SL_E_SOCKET_IO; what sl_json_read_from returns; then close the connection
 *          (SL_E_NOMEM included: a packet was lost), `out` is zeroed and `err` has a sentence
 */
int sio_parse(const struct sio_rules *rules, sl_str text, size_t from,
              const sl_json_index *index, sl_json *doc, struct sio_packet *out,
              sl_error *err) SL_MUST_USE;

/* The arguments of an event (behind the name) or an ack: `v = first(p); type(v) != NONE; v =
 * next(p, v)`. */
sl_value sio_first_arg(const struct sio_packet *p);
sl_value sio_next_arg(const struct sio_packet *p, sl_value v);

/* ---- placeholders: only in SIO_BINARY_EVENT and SIO_BINARY_ACK, elsewhere they are data ----
 */

/* Whether a value stands for an attachment, and for which; `attachments` is the packet's. */
bool sio_attachment(sl_value v, uint32_t attachments, uint32_t *num);

/*
 * Walk the placeholders inside a value, in document order; after sio_parse each `num` is below
 * `attachments`:
 * `for (w = sio_walk_of(v, p->attachments); sio_next_placeholder(&w, &at, &num);)`
 */
struct sio_walk {
    sl_value within;
    uint32_t attachments, i; /* i: the next node to look at */
};

struct sio_walk sio_walk_of(sl_value within, uint32_t attachments);
bool sio_next_placeholder(struct sio_walk *w, sl_value *at, uint32_t *num);

/* Which attachments of a packet are passed on, in the order in which they are to be sent. */
struct sio_passed {
    uint32_t n;
    uint32_t num[SIO_ATTACHMENTS_MAX]; /* its number in the packet that it came with */
};

/*
 * Write a value of a packet for another one: as it is, but placeholders are numbered anew, by
 * their first appearance over all calls with the same `passed` (zero it first).
 */
void sio_out_arg(sl_json_out *o, sl_value v, uint32_t attachments, struct sio_passed *passed);

/* ---- writing ---- */

struct sio_head {
    enum sio_type type;
    uint32_t attachments; /* written if the type is binary */
    sl_str nsp;           /* "/" or empty: none is written. At most SIO_NSP_MAX bytes */
    bool has_id;
    uint64_t id;
};

#define SIO_HEAD_MAX (SIO_NSP_MAX + 40)

/* All in front of the JSON. returns bytes; 0 if the namespace is too long */
size_t sio_put_head(const struct sio_head *h, char out[SIO_HEAD_MAX]);

/*
 * Whole packets, onto an empty (or outermost) `o`; what goes wrong is in o->rc. Arguments are
 * ready JSON, which has no 0x1E in it: what is written may stand in any payload.
 */
void sio_out_event(sl_json_out *o, const struct sio_head *h, sl_str name, const sl_str *args,
                   size_t n);
void sio_out_ack(sl_json_out *o, const struct sio_head *h, const sl_str *args, size_t n);
void sio_out_disconnect(sl_json_out *o, sl_str nsp);

/* The server's answer: `0{"sid":..}` in revision 4, nothing but the namespace in 3. pid: for a
 * return to this session; ptr NULL: there is no such key */
void sio_out_connect(sl_json_out *o, unsigned revision, sl_str nsp, sl_str sid, sl_str pid);

/* A refusal. data: ready JSON, or empty: then no such key. In revision 3 data or message alone
 */
void sio_out_connect_error(sl_json_out *o, unsigned revision, sl_str nsp, sl_str message,
                           sl_str data);

/* The client's wish: `auth` is a JSON object in revision 4, a query in 3; empty for none. */
void sio_out_join(sl_json_out *o, unsigned revision, sl_str nsp, sl_str auth);

#endif
