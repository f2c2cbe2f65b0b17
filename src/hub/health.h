/* SPDX-License-Identifier: MIT */
/*
 * Is it well? Three ways to ask:
 *
 *   /livez    the loop turns: 200 "ok". Whoever gets no answer may start us anew
 *   /readyz   200, or 503 and why: records are refused, or we are about to stop
 *   /health   what devices and websites look for: every contract's keys in one object, "ok"
 *             first; 503 and "ok":false while records are refused
 */
#ifndef HUB_HEALTH_H
#define HUB_HEALTH_H

#include "hub/vitals.h"

/* `user` of each is the struct vitals. */
#define HEALTH_ROUTES 3
extern const sl_route health_routes[HEALTH_ROUTES];

#endif
