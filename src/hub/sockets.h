/* SPDX-License-Identifier: MIT */
/*
 * The one Socket.IO server that all systems share, at /socket.io/ in the namespace "/". An
 * event is an intake's, found by its name; whoever sends one to a system becomes a sender of
 * that system, and may be one of several.
 *
 *   socket ─┬─ sender of glass, role "device"
 *           └─ sender of another system
 *
 * It has identified itself as a system's when it has a role there. What a system tells
 * everybody goes to all but those who have identified themselves as another's alone.
 *
 * thread   the loop's
 */
#ifndef HUB_SOCKETS_H
#define HUB_SOCKETS_H

#include "sluice/sio.h"

#include "base/list.h"
#include "hub/intake.h"

struct sockets;

/* A connection of Socket.IO. */
struct socket {
    struct list of_all;
    struct sockets *owner;
    sl_sio_socket *sio;
    struct sender *senders; /* by `next`; NULL: it has said nothing to any system */
    uint32_t systems;       /* that it has identified itself as */
};

/* queue_max, recovery_ms: as in sl_sio_options. returns 0, or what failed */
int sockets_new(sl_loop *loop, size_t queue_max, uint32_t recovery_ms, struct sockets **out,
                sl_error *err) SL_MUST_USE;
/* After the server; NULL is fine. */
void sockets_free(struct sockets *s);

/* A system's events; before the first connection. SL_E_INVAL: another system has one of them */
int sockets_add(struct sockets *s, struct intakes *x, sl_error *err) SL_MUST_USE;

struct knocks;
void sockets_set_knocks(struct sockets *s, struct knocks *knocks); /* NULL: nowhere */

#define SOCKETS_ROUTES SL_SIO_ROUTES
void sockets_put_routes(struct sockets *s, sl_route rows[SOCKETS_ROUTES]);

bool sockets_has(const struct sockets *s, const char *system); /* it has events */

sl_sio *sockets_server(const struct sockets *s);

/*
 * To everybody but those of other systems.
 *
 * key      0: in order; else the newest under it
 * returns  as sl_sio_broadcast
 */
int sockets_tell_all(struct sockets *s, const char *system, uint32_t key, sl_sio_packet *p);

/* For intake.c: this sender has a role from now on, or none any more. */
void sockets_claim(struct sender *sender, bool has_role);

/* for (struct socket *k = NULL; (k = sockets_next(s, k)) != NULL;): all that are open */
const struct socket *sockets_next(const struct sockets *s, const struct socket *k);

/* Events that no system knows. */
uint64_t sockets_ignored(const struct sockets *s);

#endif
