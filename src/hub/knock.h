/* SPDX-License-Identifier: MIT */
/*
 * Who is knocking: every attempt to talk to the hub that leads nowhere, with its cause in one
 * sentence and the cure in another. Attempts of one cause, address and place are one group; a
 * bounded number of groups is kept, counts by cause never fall.
 *
 *   serve: on_trouble ─► knock_trouble ─┐
 *   intakes: refused, unknown ──────────┴─► knock_note ─► groups ─► /api/knocks, live wire
 *                                                     └─► counts ─► /metrics
 *
 * Nothing that could be secret is kept: no body, no key, no value of a query. All on the loop.
 */
#ifndef HUB_KNOCK_H
#define HUB_KNOCK_H

#include "sluice/json.h"
#include "sluice/trouble.h"

#include "hub/access.h"

/* The order of the table in knock_causes.c. */
enum knock_cause {
    KNOCK_TLS,
    KNOCK_NOT_HTTP,
    KNOCK_HTTP_VERSION,
    KNOCK_BROKEN_REQUEST,
    KNOCK_LARGE_HEAD,
    KNOCK_SLOW_HEAD,
    KNOCK_LARGE_BODY,
    KNOCK_SLOW_BODY,
    KNOCK_BROKEN_BODY,
    KNOCK_CUT_SHORT,
    KNOCK_SILENT,
    KNOCK_TOO_MANY,
    KNOCK_TOO_MANY_HERE,
    KNOCK_PATH,
    KNOCK_METHOD,
    KNOCK_SIO_PATH,
    KNOCK_SIO_VERSION,
    KNOCK_SIO_TRANSPORT,
    KNOCK_SIO_SESSION,
    KNOCK_SIO_METHOD,
    KNOCK_SIO_REQUEST,
    KNOCK_WS_PATH,
    KNOCK_WS_PLAIN,
    KNOCK_WS_LOST,
    KNOCK_WS_METHOD,
    KNOCK_WS_VERSION,
    KNOCK_WS_KEY,
    KNOCK_WS_PROTOCOL,
    KNOCK_WS_TEXT,
    KNOCK_LARGE_MESSAGE,
    KNOCK_HOST,
    KNOCK_ORIGIN,
    KNOCK_FORBIDDEN,
    KNOCK_JSON,
    KNOCK_BINARY,
    KNOCK_TYPE,
    KNOCK_EVENT,
    KNOCK_MISSING,
    KNOCK_VALUE,
    KNOCK_UNREGISTERED,
    KNOCK_ROLE,
    KNOCK_CAUSES
};

enum knock_severity {
    KNOCK_NOTE,  /* happens to healthy systems as well */
    KNOCK_WARN,  /* something is lost each time */
    KNOCK_ERROR, /* it will not work until somebody changes something */
};

struct knock_kind {
    const char *code; /* in metrics and answers */
    enum knock_severity severity;
    uint32_t shown_from; /* so many of a group, none a minute after another, before it is
                            listed; 0: the first */
    const char *cause, *cure;
};

extern const struct knock_kind knock_kinds[KNOCK_CAUSES];
extern const char *const knock_severities[];

/* Where a client of these systems should have gone instead of `path`; NULL: not known. */
const char *knock_path_cure(sl_str path);

#define KNOCK_GROUPS_MAX   256
#define KNOCK_ADDRESS_SIZE 48
#define KNOCK_PATH_SIZE    65 /* with its terminator, as all of these */
#define KNOCK_DETAIL_SIZE  161

/* Borrowed for the call; texts may be a peer's: any bytes, any length. */
struct knock {
    enum knock_cause cause;
    const char *peer; /* address with port, as sl_request_peer; "" or "?": not known */
    sl_str path, detail;
    const char *cure; /* lives for ever; NULL: that of the cause */
};

struct knock_group {
    enum knock_cause cause;
    uint64_t count;
    uint64_t order; /* of its last one: rises */
    int64_t first_us, last_us;
    uint64_t last_ms; /* by the loop's clock */
    const char *cure;
    char address[KNOCK_ADDRESS_SIZE], path[KNOCK_PATH_SIZE];
    char detail[KNOCK_DETAIL_SIZE]; /* of the last one that had any */
};

struct knocks;

int knocks_new(sl_loop *loop, struct knocks **out) SL_MUST_USE; /* 0 or SL_E_NOMEM */
void knocks_free(struct knocks *k);                             /* NULL is fine */

/*
 * Called soon after groups have changed, never from inside knock_note, and at most once a
 * second: with the last of them, as in /api/knocks.
 */
void knocks_set_on_change(struct knocks *k, void (*fn)(sl_str record, void *user), void *user);

/* k        NULL is fine: then nothing is noted */
void knock_note(struct knocks *k, const struct knock *what);

/* What the server tells of; `a` says which rule refused a request. */
void knock_trouble(struct knocks *k, const struct access *a, const sl_trouble *t);

/* Since the start, those that fell out of the groups included. */
uint64_t knocks_count(const struct knocks *k, enum knock_cause cause); /* NULL: 0 */

/* The groups that are listed, the newest first. returns how many */
uint32_t knocks_list(const struct knocks *k, const struct knock_group *out[KNOCK_GROUPS_MAX]);

/* GET /api/knocks; `user` is the struct knocks. */
#define KNOCK_ROUTES 1
extern const sl_route knock_routes[KNOCK_ROUTES];

/* One group's members, inside an object. For the route and the live wire. */
void knock_put(const struct knock_group *g, sl_json_out *out);

/* ---- for knock.c and its test ---- */

/* Of `text`, cut: what a terminal or a page could take amiss becomes U+FFFD. */
void knock_clean(sl_str text, char *out, size_t size);

#endif
