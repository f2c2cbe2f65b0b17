/* SPDX-License-Identifier: MIT */
/* Where the hub listens, and that nobody lets the network in without having said so. */
#ifndef CLI_ADDRESSES_H
#define CLI_ADDRESSES_H

#include "cli/config.h"

/* returns EX_OK, or EX_CONFIG after a complaint that names the line to add */
int addresses_check(const struct config *c, struct report *r) SL_MUST_USE;

/* The same for the `n` sockets that systemd has passed, the first being descriptor 3. */
int addresses_check_inherited(const struct config *c, int n, struct report *r) SL_MUST_USE;

/* "192.0.2.7:5000": where the i-th of them listens; returns buf */
const char *addresses_name_inherited(int i, uint16_t *port, char *buf, size_t size);

#endif
