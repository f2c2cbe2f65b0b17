/* SPDX-License-Identifier: MIT */
/*
 * Fan-out. What is published during a turn to one room (and but for one member) is gathered
 * in one batch; at the end of the turn each member gets it with one system call straight from
 * slices that all of them share: those who agreed on compression share others, made once per
 * window. Whoever lags has references to the same packets queued.
 *
 * Order: a member sees everything in the order it was published and sent. When something else
 * comes for a member (an answer, another room), the batch so far goes to its queue first.
 */
#ifndef SERVE_ROOMS_H
#define SERVE_ROOMS_H

#include "sluice/ws.h"

struct rooms;

struct rooms *rooms_new(sl_server *s);
void rooms_free(struct rooms *r); /* NULL is fine */

/* All rooms together, those that are gone included. */
void rooms_get_stats(const struct rooms *r, sl_room_stats *out);

/* Before something is sent to `ws` alone: what the batch holds for it goes first. */
void rooms_settle(struct rooms *r, sl_ws *ws);

/* `ws` is closing: it leaves every room. */
void rooms_leave_all(sl_ws *ws);

/* Newest-only messages that gave way to newer ones, in the rooms it is in. */
uint64_t rooms_conflated(const sl_ws *ws);

#endif
