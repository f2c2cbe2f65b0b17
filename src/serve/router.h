/* SPDX-License-Identifier: MIT */
/*
 * From a method and a path to the row that takes them.
 *
 * Rows are compiled into a tree of segments. On equal footing a literal segment wins over
 * ":name", and that over "*rest"; where the better path has no row for the method, the next
 * one is tried. A trailing slash is a segment of its own (an empty one): exact.
 */
#ifndef SERVE_ROUTER_H
#define SERVE_ROUTER_H

#include "sluice/http.h"

#define ROUTE_SEGMENTS_MAX 16
#define ROUTE_PARAMS_MAX   8
/* One more than a row can have: a longer path matches "*rest" rows only. */
#define PATH_SEGMENTS_MAX (ROUTE_SEGMENTS_MAX + 1)

/*
 * A decoded path and where its segments begin (url_path_decode has refused encoded slashes).
 *
 *   /static/img/a.png      at[0] = 1, at[1] = 8, at[2] = 12, n = 3
 *   /                      at[0] = 1, n = 1
 */
struct path {
    sl_str text;
    uint16_t n;
    uint32_t at[PATH_SEGMENTS_MAX]; /* the last one takes all that is left */
    uint32_t len[PATH_SEGMENTS_MAX];
};

struct route_match {
    const sl_route *row; /* NULL: no row takes the method */
    unsigned allowed;    /* methods of all rows on this path, what GET brings included */
    bool has_ws;         /* a row on this path takes upgrades */
    bool upgrade;        /* `row` was chosen for its `ws` */
    uint8_t n;
    sl_str name[ROUTE_PARAMS_MAX], value[ROUTE_PARAMS_MAX];
};

struct router;

/* returns 0, SL_E_NOMEM, or SL_E_INVAL with `err` naming the row and what is wrong with it */
int router_new(const sl_route *rows, size_t n, struct router **out, sl_error *err) SL_MUST_USE;
void router_free(struct router *r); /* NULL is fine */

/* Note the segments of a decoded path; it begins with '/'. */
void path_split(struct path *p, sl_str decoded);

/*
 * upgrade  a row with `ws` is wanted; a plain one is taken if there is none
 */
void router_find(const struct router *r, unsigned method, bool upgrade, const struct path *p,
                 struct route_match *out);

/* "GET, HEAD, POST, OPTIONS" for a set of methods; returns buf */
#define METHODS_TEXT_SIZE 64
const char *methods_text(unsigned methods, char buf[METHODS_TEXT_SIZE]);

#endif
