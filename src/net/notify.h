/* SPDX-License-Identifier: MIT */
/*
 * What a service manager wants to hear, as datagrams to the socket that it names in
 * NOTIFY_SOCKET (sd_notify(3)), and its watchdog (WATCHDOG_USEC, WATCHDOG_PID), which is kicked
 * by a timer of the loop: a loop that hangs kicks nobody.
 *
 * Every call takes NULL for "nobody listens". Nothing here ever blocks: a message that the
 * manager has no room for is lost, and the next kick makes up for it.
 */
#ifndef NET_NOTIFY_H
#define NET_NOTIFY_H

#include "net/loop.h"

struct notify;

/*
 * Read the environment and open the socket; the watchdog's timer starts with notify_ready.
 *
 * out      NULL, and 0 returned, when no manager is there
 * returns  0, SL_E_NOMEM, SL_E_INVAL (a name that is no socket's), or what the system said
 */
int notify_open(sl_loop *loop, struct notify **out) SL_MUST_USE;
void notify_close(struct notify *n); /* before the loop is freed */

void notify_ready(struct notify *n, const char *fmt, ...)
    SL_PRINTF(2, 3); /* READY=1, STATUS= */
void notify_status(struct notify *n, const char *fmt, ...)
    SL_PRINTF(2, 3);                     /* when it changed */
void notify_reloading(struct notify *n); /* notify_ready follows */
void notify_stopping(struct notify *n);

#endif
