/* SPDX-License-Identifier: MIT */
/* The Socket.IO half of the relay. */
#ifndef EXAMPLES_RELAY_SIO_H
#define EXAMPLES_RELAY_SIO_H

#include "sluice/sluice.h"

/* senders: how many there were so far; borrowed for the server's life */
sl_sio_namespace relay_namespace(uint32_t *senders);

#endif
