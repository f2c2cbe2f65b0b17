/* SPDX-License-Identifier: MIT */
/*
 * History for REST: reads run on a small pool, each on a read-only connection and in one
 * snapshot, and their JSON is the answer.
 */
#ifndef HUB_QUERY_H
#define HUB_QUERY_H

#include "sluice/http.h"
#include "sluice/json.h"
#include "sluice/loop.h"

#include "store/db.h"

#define QUERY_ARG_BYTES 64

struct queries;

/*
 * Write the answer's JSON.
 *
 * arg      the copy that was made when the query was asked
 * returns  0, or an error: then the caller is answered 500
 * thread   one of the pool's
 */
typedef int query_fn(struct db *db, sl_json_out *out, const void *arg);

int queries_open(sl_loop *loop, const char *path, struct queries **out,
                 sl_error *err) SL_MUST_USE;

/*
 * Answer `r`, later, with what `fn` writes; 503 when too many wait.
 *
 * arg      copied; at most QUERY_ARG_BYTES
 */
void queries_answer(struct queries *q, sl_request *r, query_fn *fn, const void *arg,
                    size_t size);

void queries_close(struct queries *q); /* waits for those that run; NULL is fine */

#endif
