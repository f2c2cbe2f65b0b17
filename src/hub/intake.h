/* SPDX-License-Identifier: MIT */
/*
 * Intakes: one kind of message each, as a row: its names on every wire, who may send it, its
 * shape, the promise that holds for it, and the hooks that are really the system's own.
 *
 *   wire ─► row ─► role, size, shape ─► on_x ─┬─► frame, state, reply: answer_x, done
 *                                    loop     └─► record ─► journal
 *   journal's thread: decide and apply of the record's kind
 *   loop, after the commit: the answer to the sender, then announce_x for the rooms
 */
#ifndef HUB_INTAKE_H
#define HUB_INTAKE_H

#include "sluice/sio.h"
#include "sluice/ws.h"

#include "hub/record.h"
#include "hub/shape.h"

enum intake_class {
    CLASS_RECORD, /* never lost: answered and announced after the commit only */
    CLASS_FRAME,  /* newest only; what is wrong with one is not told */
    CLASS_STATE,  /* newest by key, told to newcomers */
    CLASS_REPLY,  /* to its sender alone */
};

struct intakes; /* a system's, running */

/*
 * A raw WebSocket connection, or a Socket.IO one as far as it speaks to one system. Records
 * under way hold it: the answer may come after its end.
 */
struct sender {
    struct intakes *owner;
    sl_ws *ws;           /* NULL once closed, or if it is of the other kind */
    sl_sio_socket *sio;  /* likewise; valid in on_leave */
    struct sender *next; /* of the same Socket.IO connection, to another system */
    unsigned role;       /* 0 until its first message says */
    uint32_t received;   /* messages that were an intake's */
    void *user;          /* the system's */
    sl_str end;          /* for on_leave: why it has ended; empty: nobody said */
    struct list paused;  /* the backlog's */
    uint32_t refs;
};

/* A message that has come in, for the call. */
struct arrival {
    const struct intake *intake;
    void *state;
    struct limits *limits;       /* NULL: there are none */
    struct sender *sender;       /* by raw WebSocket or Socket.IO; else NULL */
    sl_request *request;         /* by HTTP; else NULL */
    const sl_sio_event *event;   /* by Socket.IO; else NULL */
    sl_value root;               /* of an event: its first argument */
    const struct fields *fields; /* by the rows of its shape */
    sl_buf *buf;                 /* holds the text of `root` */
    sl_str device;               /* on_x says whose record it is; valid until it is copied */
    uint64_t note;               /* on_x's word to announce_x */
    int status;                  /* of a refusal, as HTTP numbers it */
    uint32_t retry_s;            /* with 429: when it may be tried again */
    sl_error err;
};

/* Refuse it from on_x: returns SL_E_INVAL. `field` may be "". */
int arrival_refuse(struct arrival *a, int status, const char *field, const char *fmt, ...)
    SL_PRINTF(4, 5);

/*
 * Before a system makes a device that it does not know yet; it knows `known`, and there may be
 * limits.devices. returns 0, or SL_E_INVAL: `a` has been refused, and it is counted
 */
int arrival_admit_device(struct arrival *a, uint32_t known) SL_MUST_USE;

/* What became of a message that was a record, or several. */
struct done {
    const struct intake *intake;
    void *state;
    struct sender *sender; /* may have gone: its ws is NULL then */
    sl_request *request;
    const struct record *r; /* the last one; NULL if there was none */
    const struct outcome *outcome;
    uint32_t count, stored, duplicates; /* stored: merged ones too */
    bool is_list;                       /* it came as one, even of one item */
    sl_str items;                       /* of a list: what was stored, as JSON array */
    uint64_t note;                      /* the arrival's */
    bool wants_ack;                     /* by Socket.IO: an answer with this id */
    uint64_t ack_id;
    sl_json *doc; /* lent for the call */
};

struct intake {
    const char *help;          /* what it is for, in one line: `sluice events` */
    const char *ws_type;       /* value of "type" on the raw WebSocket; NULL: not there */
    const char *const *events; /* names on Socket.IO, ends with NULL; NULL: not there */
    unsigned http_method;      /* SL_POST …; 0: not there */
    const char *http_path;
    enum intake_class class;
    unsigned from;             /* roles its sender may have, as bits; 0: any, or none yet */
    int right;                 /* over HTTP, as in sl_route */
    size_t bytes_max;          /* of the message; 0: the wire's own limit */
    const struct shape *shape; /* NULL: no JSON object is needed */
    /*
     * HTTP: a message with this member is a list, checked by `list_shape`; each item, of the
     * shape `item`, becomes a record of its own.
     */
    const char *list;
    const struct shape *list_shape, *item;
    const char *param; /* this parameter of the path becomes a member of the record */
    const struct record_kind *kind; /* of a record */
    int status;                     /* over HTTP when all went well; 0: 200 */

    /*
     * Duplicates: records of one device that are equal in these fields (of the shape and of
     * `item`; or `param`; ends with NULL) are one, and the second sender gets the receipt of
     * the first. Texts are equal however they are escaped, times by the instant, the rest as
     * written. A record that lacks one of them is never a duplicate. NULL: none is.
     */
    const char *const *unique;
    bool same_content; /* and only if all else is equal, but for "type" and "receipt" */
    int64_t window_us; /* and only within this much of the hub's time; 0: for ever */
    bool announces_duplicates;

    /* On the loop, once all is checked. returns 0, or what arrival_refuse gave. NULL: nothing
     */
    int (*on_x)(struct arrival *a);
    /* Over HTTP: the answer's JSON. of a record: `d`; else `a`. NULL: the receipt. */
    void (*answer_x)(const struct arrival *a, const struct done *d, sl_json_out *out);
    /*
     * By Socket.IO: tell its sender, by sl_sio_emit and sl_sio_ack_id. Of a record that was
     * settled: `d`; else `a`, whose status is 0 unless it was refused. NULL: who wants an
     * acknowledgement gets the receipt, or {"ok":false,"error":…}; who does not is told of a
     * record that was refused, by the event "error".
     */
    void (*reply_x)(const struct arrival *a, const struct done *d);
    /* Something was stored (or see announces_duplicates): tell the rooms. NULL: nobody */
    void (*announce_x)(const struct done *d);
};

struct hub;
struct system;

/* For hub.c: a system's intakes on their wires. */
int intakes_new(struct hub *hub, const struct system *s, void *state,
                struct intakes **out) SL_MUST_USE;
void intakes_free(struct intakes *x);                         /* NULL is fine */
void intakes_set_limits(struct intakes *x, struct limits *l); /* borrowed; NULL: none */
/* Where what is refused is noted; NULL: nowhere. */
struct knocks;
void intakes_set_knocks(struct intakes *x, struct knocks *knocks);
/* Where what comes in is told; NULL: nowhere. */
struct tail;
void intakes_set_tail(struct intakes *x, struct tail *tail);
size_t intakes_route_count(const struct system *s);
size_t intakes_put_routes(struct intakes *x, sl_route *rows); /* returns how many */

/* {"ok":true,"id":…,"seq":…,"stored":…,"duplicate":…}, without its braces. */
void done_put_receipt(const struct done *d, sl_json_out *out);

#endif
