/* SPDX-License-Identifier: MIT */
/* A growing text of header lines. Failures stick: look once, at the end. */
#ifndef SERVE_LINES_H
#define SERVE_LINES_H

#include "sluice/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct lines {
    char *ptr;
    size_t len, cap;
    bool failed; /* no memory: the text is not complete */
};

void lines_deinit(struct lines *l); /* a zeroed one is ready for use */
void lines_reset(struct lines *l);  /* keeps its memory, unless that has become large */
void lines_add(struct lines *l, sl_str text);
void lines_add_u64(struct lines *l, uint64_t v);
/* "name: value" CRLF */
void lines_put(struct lines *l, const char *name, sl_str value);

static inline sl_str lines_text(const struct lines *l)
{
    return (sl_str){l->ptr, l->len};
}

#endif
