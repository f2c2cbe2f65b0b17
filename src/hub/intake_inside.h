/* SPDX-License-Identifier: MIT */
/* The inside of intakes: intake.c checks and stores, intake_ws.c, intake_http.c and
 * intake_sio.c are its wires. */
#ifndef HUB_INTAKE_INSIDE_H
#define HUB_INTAKE_INSIDE_H

#include "base/map.h"
#include "hub/backlog.h"
#include "hub/knock.h"
#include "hub/limits.h"
#include "hub/system.h"

#define INTAKE_ROLES 8 /* none included: roles are bits, and metrics name them */

struct intake_route {
    struct intakes *owner;
    const struct intake *intake;
    uint64_t received, refused; /* by any wire; refused: for what it said */
};

struct intakes {
    struct hub *hub;
    const struct system *system;
    void *state;
    struct limits *limits; /* the hub's; NULL: none */
    struct map *by_ws_type;
    struct intake_route *routes;    /* as many as intakes */
    struct knocks *knocks;          /* may be NULL */
    struct tail *tail;              /* likewise */
    uint64_t ignored;               /* by WebSocket: of no type, or not from this role */
    uint32_t clients[INTAKE_ROLES]; /* by raw WebSocket; for the others see sockets.h */
    sl_json doc;                    /* the message in hand */
};

extern const sl_json_limits intake_json_limits;
extern const sl_ws_ops intake_ws_ops; /* `user` is the struct intakes */

/*
 * A message whose document has been read, on its way: role, size, shape, on_x, journal. The
 * answer has been given or will be.
 */
void intake_take(struct intakes *x, struct arrival *a);

void sender_drop(struct sender *s); /* NULL is fine */

/* ---- rates: intake_limits.c; each returns 0 or what arrival_refuse gave ---- */

int arrival_check_address(struct arrival *a, uint32_t records) SL_MUST_USE;
int arrival_check_device(struct arrival *a, uint32_t records) SL_MUST_USE;

/* ---- what tells duplicates: intake_unique.c ---- */

/* What becomes one record: the message, or one item of its list. */
struct part {
    sl_value root;
    const struct shape *shape;
    const struct fields *fields;
    const struct wall *device_at; /* NULL: none */
};

#define UNIQUE_PART_MAX 64 /* bytes of a field; a longer one stands there as its hash */
#define UNIQUE_KEY_MAX  (8 + (SHAPE_FIELDS_MAX + 1) * (5 + UNIQUE_PART_MAX))

/* Our own bug if false: it names a field that is not there. */
bool unique_is_sound(const struct intake *in);

/*
 * returns  0: what makes this record the same as another; its key, in `room`, is empty if
 *          nothing does. SL_E_NOMEM
 */
int unique_of(const struct arrival *a, const struct part *p, char room[UNIQUE_KEY_MAX],
              struct unique *out) SL_MUST_USE;

/* Note what was wrong with a message; `a` knows its sender and, as far as it got, its kind. */
void intake_knock(struct intakes *x, const struct arrival *a, enum knock_cause cause,
                  const char *fmt, ...) SL_PRINTF(4, 5);

/* ---- how each wire speaks to who sent it ---- */

void intake_ws_refuse(struct sender *s, const char *field, const char *sentence);
void intake_ws_receipt(const struct done *d);
void intake_sio_refuse(const struct arrival *a);
void intake_sio_answer(const struct arrival *a); /* of a message that is no record */
void intake_sio_done(const struct done *d);
/* Its connection has ended: one reference less. */
void intake_sio_leave(struct sender *s, sl_str why);
void intake_http_answer(const struct arrival *a); /* of a message that is no record */
void intake_http_done(const struct done *d);

#endif
