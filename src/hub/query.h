/* SPDX-License-Identifier: MIT */
/*
 * History for REST: a query is a row, its parameters are rows. Reads run on a small pool,
 * each on a read-only connection and in one snapshot, and their JSON is the answer. It
 * carries an ETag, so that a poll that finds nothing new is answered without a body.
 */
#ifndef HUB_QUERY_H
#define HUB_QUERY_H

#include "sluice/http.h"
#include "sluice/json.h"
#include "sluice/loop.h"

#include "hub/base_url.h"
#include "store/db.h"

#define QUERY_PARAMS_MAX 8
#define QUERY_TEXT_MAX   512 /* bytes of a text parameter */

/* A parameter of the query string, or of the path if that names it. */
struct query_param {
    const char *name;
    bool is_whole;      /* else text */
    int64_t usual, max; /* of a whole number; more counts as max */
};

/* What was asked, by the parameters' rows. A text that is absent or empty has ptr NULL. */
struct ask {
    sl_str text[QUERY_PARAMS_MAX];
    int64_t number[QUERY_PARAMS_MAX];
    sl_str base_url; /* how who asks reaches the hub; may be empty */
};

/*
 * Write the answer's JSON.
 *
 * returns  0; SL_E_NOT_FOUND: 404 with the row's sentence; what has a cure (cure.h): 503 with
 * it; another error: 500 thread   one of the pool's
 */
typedef int query_fn(struct db *db, const struct ask *ask, sl_json_out *out);

struct query {
    const char *path; /* of GET, as in sl_route */
    int right;
    query_fn *fn;
    const struct query_param *param;
    uint32_t param_count;
    const char *missing; /* the sentence of 404 */
};

struct queries;

int queries_open(sl_loop *loop, const char *path, struct queries **out,
                 sl_error *err) SL_MUST_USE;

/* Answer `r`, later; 400 when a parameter is wrong, 503 when too many wait. */
void queries_answer(struct queries *q, sl_request *r, const struct query *query);

/* A read that meets damage tells it, on the loop; who asked gets 503. */
void queries_set_on_damage(struct queries *q, void (*on_damage)(void *user), void *user);

void queries_close(struct queries *q); /* waits for those that run; NULL is fine */

#endif
