/* SPDX-License-Identifier: MIT */
/*
 * The bound on what waits for all streams of a loop together. Each has a bound of its own, but
 * a thousand of them would still be gigabytes. What is counted is memory: a packet that waits
 * for a hundred viewers counts once, and as long as the last of them has not taken it.
 *
 * At the end of a turn that went over the bound, streams are closed with SL_E_FULL until an
 * eighth of it is free again: viewers first, for they come back and are told everything anew;
 * among those the longest queues first. Until then `relief_is_due` says that new work is to be
 * refused.
 */
#ifndef NET_RELIEF_H
#define NET_RELIEF_H

#include "net/loop.h"

static inline bool relief_is_due(const sl_loop *l)
{
    return l->relief.max > 0 && l->relief.waiting > l->relief.max;
}

/* The loop's: after what could leave has left. */
void relief_give(sl_loop *l);

#endif
