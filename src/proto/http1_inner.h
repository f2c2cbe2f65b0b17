/* SPDX-License-Identifier: MIT */
/* Between http1.c and http1_fields.c only. */
#ifndef PROTO_HTTP1_INNER_H
#define PROTO_HTTP1_INNER_H

#include "proto/http1.h"

enum { HTTP1_START, HTTP1_LINE, HTTP1_FIELDS, HTTP1_DONE, HTTP1_FAILED };

/* The end of this head: sets status, why and state. returns SL_E_HTTP */
int http1_refuse(struct http1_head *h, int status, const char *fmt, ...) SL_PRINTF(3, 4);

/* A field line, without its CRLF: [at, end) of h->base; not empty. */
int http1_read_field(struct http1_head *h, uint32_t at, uint32_t end);

/* The empty line: what the fields mean together. */
int http1_read_end(struct http1_head *h);

#endif
