/* SPDX-License-Identifier: MIT */
/* The Socket.IO half of the echo. */
#ifndef EXAMPLES_ECHO_SIO_H
#define EXAMPLES_ECHO_SIO_H

#include "sluice/sio.h"

#define ECHO_NAMESPACES 3
extern const sl_sio_namespace echo_namespaces[ECHO_NAMESPACES];

#endif
