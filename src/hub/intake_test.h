/* SPDX-License-Identifier: MIT */
/* Intakes on a hub that the test plays: it settles the records, in memory streams. */
#ifndef HUB_INTAKE_TEST_H
#define HUB_INTAKE_TEST_H

#include "hub/intake_inside.h"
#include "serve/http_test.h"
#include "serve/ws_test.h"

static struct {
    struct record *waiting[8];
    int n;
    bool is_full, is_stopping;
    int arrivals, announced;
    uint32_t stored;
    uint64_t note;
} hub;

int hub_append(struct hub *h, struct record *r, struct sender *s)
{
    (void)h;
    (void)s;
    if (hub.is_full || hub.n == 8) return SL_E_FULL;
    hub.waiting[hub.n++] = r;
    return 0;
}

bool hub_is_stopping(const struct hub *h)
{
    (void)h;
    return hub.is_stopping;
}

/* The commit, or what came instead of it, of the oldest. */
static inline void settle(enum outcome_kind kind, int rc, int status, const char *why)
{
    struct record *r = hub.waiting[0];
    struct outcome *out = &r->outcome;

    assert_in_range(hub.n, 1, 8);
    memmove(hub.waiting, hub.waiting + 1, (size_t)--hub.n * sizeof hub.waiting[0]);
    out->kind = kind;
    out->rc = rc;
    out->status = status;
    out->seq = kind <= OUTCOME_MERGED ? 7 : 0;
    snprintf(out->id, sizeof out->id, "%s", kind <= OUTCOME_MERGED ? "the-id" : "");
    snprintf(out->why, sizeof out->why, "%s", why);
    r->on_done(r, out);
    record_free(r);
}

static inline void on_announce(const struct done *d)
{
    hub.announced++;
    hub.stored = d->stored;
    hub.note = d->note;
}

struct bench {
    struct kit k;
    struct intakes *x;
    sl_route routes[16];
};

static inline void open_bench(struct bench *b, const struct system *sys)
{
    sl_server_options o = {.routes = b->routes};

    memset(&hub, 0, sizeof hub);
    assert_int_equal(intakes_new(NULL, sys, NULL, &b->x), 0);
    o.route_count = intakes_put_routes(b->x, b->routes);
    assert_int_equal(o.route_count, intakes_route_count(sys));
    kit_open(&b->k, &o);
}

static inline void close_bench(struct bench *b)
{
    kit_close(&b->k);
    intakes_free(b->x);
}

static inline void request(struct bench *b, const char *method, const char *path,
                           const char *body)
{
    char text[1024];

    mem_stream_clear(b->k.m);
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s",
             method, path, strlen(body), body);
    kit_feed(&b->k, text);
}

static inline const char *answer(struct bench *b)
{
    sl__loop_crank(b->k.loop, 0);
    return kit_text(&b->k);
}

static inline void upgrade(struct bench *b)
{
    kit_feed(&b->k, UPGRADE);
    assert_has(kit_text(&b->k), "101 ");
    mem_stream_clear(b->k.m);
}

static inline void say(struct bench *b, const char *text)
{
    mem_stream_clear(b->k.m);
    bench_send(b->k.m, 0x81, text, strlen(text));
    sl__loop_crank(b->k.loop, 0);
}

#endif
