/* SPDX-License-Identifier: MIT */
/*
 * Events as they come and packets as they go, on both sides of Socket.IO: sluice/sio.h is the
 * server, sluice/client.h the client.
 *
 * thread   the loop's
 */
#ifndef SLUICE_SIO_PACKET_H
#define SLUICE_SIO_PACKET_H

#include "sluice/buf.h"
#include "sluice/json.h"

#define SL_SIO_ATTACHMENTS_MAX 10 /* binary values in a packet; the other side has the same */

typedef struct sl_sio_packet sl_sio_packet;

/* ---- what comes in ---- */

/* An event or the answer to one, for the call. Hold attachments' buffers to keep them. */
typedef struct sl_sio_event {
    sl_str name;    /* as written between its quotes, or the number; an answer has none */
    bool is_answer; /* of an event of ours that wanted one */
    bool wants_ack; /* see sl_sio_ack, sl_client_ack */
    uint8_t attachment_count;
    uint64_t ack_id;
    sl_value args; /* the array as it came; an event's first item is its name */
    sl_buf *buf;   /* holds the text of `args`, which may be passed on: sl_sio_put_arg */
    sl_slice attachment[SL_SIO_ATTACHMENTS_MAX];
} sl_sio_event;

/*
 * The i-th argument, SL_JSON_NONE behind the last; it counts from the first each time. To walk
 * all: `for (v = sl_sio_arg(e, 0); sl_value_type(v); v = sl_value_next(e->args, v, NULL))`.
 */
SL_API sl_value sl_sio_arg(const sl_sio_event *e, uint32_t i);
SL_API uint32_t sl_sio_arg_count(const sl_sio_event *e);
/* The attachment that stands in the place of `v`, or NULL: it is no binary value. */
SL_API const sl_slice *sl_sio_binary(const sl_sio_event *e, sl_value v);

/* ---- what goes out ---- */

/*
 * A packet to send: an event and its arguments, made once for whoever and how many receive it.
 *
 *     sl_sio_packet *p = sl_sio_packet_new("reading");
 *     sl_out_f64(sl_sio_args(p), 2.84);           an argument
 *     sl_sio_put_binary(p, buf, bytes);           another, held and not copied
 *     rc = sl_sio_emit(socket, p);                  or sl_client_emit
 *     sl_sio_packet_free(p);
 *
 * A failure sticks in the packet and comes back from what sends it. The first sending ends it:
 * it can be sent again, but takes no more arguments.
 */
/* event NULL: for an answer alone. returns NULL without memory */
SL_API sl_sio_packet *sl_sio_packet_new(const char *event) SL_MUST_USE;
SL_API void sl_sio_packet_free(sl_sio_packet *p);  /* NULL is fine */
SL_API sl_json_out *sl_sio_args(sl_sio_packet *p); /* inside the array of arguments */
/*
 * JSON as it is, an argument or a member's value; `buf` holds it. Large ones are not copied.
 * The second form writes more of the value that was last written, as sl_out_more.
 */
SL_API void sl_sio_put_slice(sl_sio_packet *p, sl_buf *buf, sl_str json);
SL_API void sl_sio_put_more(sl_sio_packet *p, sl_buf *buf, sl_str json);
/* A binary value at the place where the next argument or member's value goes. */
SL_API void sl_sio_put_binary(sl_sio_packet *p, sl_buf *buf, sl_str bytes);
/* By sl_loop_now_us: the age of what goes by WebSocket as the newest is measured as it leaves.
 */
SL_API void sl_sio_set_born(sl_sio_packet *p, uint64_t born_us);
/* A value of an event that has come, with the binary values inside it; `e` for the call. */
SL_API void sl_sio_put_arg(sl_sio_packet *p, const sl_sio_event *e, sl_value v);
SL_API void sl_sio_put_args(sl_sio_packet *p, const sl_sio_event *e,
                            uint32_t from); /* to the last */

#endif
