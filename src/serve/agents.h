/* SPDX-License-Identifier: MIT */
/*
 * What clients call themselves (User-Agent), each text kept once while somebody is there who
 * says it: a connection keeps a number of one byte.
 */
#ifndef SERVE_AGENTS_H
#define SERVE_AGENTS_H

#include "sluice/buf.h"

#include <stdint.h>

#define AGENTS_MAX      255
#define AGENT_BYTES_MAX 120 /* of a text; the rest is cut */

struct agents;

/* *all is made when needed. returns its number, to be dropped; 0: it says nothing, there are
 * AGENTS_MAX others, or no memory */
uint8_t agents_hold(struct agents **all, sl_str text);
/* One more of the same. 0 is fine */
uint8_t agents_hold_again(struct agents *all, uint8_t agent);
void agents_drop(struct agents *all, uint8_t agent);         /* 0 is fine */
sl_str agents_text(const struct agents *all, uint8_t agent); /* ptr NULL: 0 */
void agents_free(struct agents *all);                        /* NULL is fine */

#endif
