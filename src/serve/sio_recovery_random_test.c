/* SPDX-License-Identifier: MIT */
/*
 * Clients that join and leave rooms and are cut at any moment, while events go to one, to
 * rooms, to all but some, in any order. A cut loses what the client has not read; then the
 * server hears of it, or the client comes back first; or cuts come in the middle of what it
 * missed. At the end each has every event that was for it, once and in order, and no other.
 */
#include "serve/sio_recovery_test.h"

#define CALLERS 6
#define ROOMS   4
#define EVENTS  400 /* in one run, at most */

struct one {
    struct caller c;
    bool in[ROOMS];
    bool cut; /* it has noticed; c.s is what the server still has, if it has not */
    int wanted[EVENTS], want_n, got_n;
};

struct run {
    struct bench b;
    struct one one[CALLERS];
    struct eio_session *old; /* of 2.x: it sees all that goes to all */
    uint32_t seed;
    int next;
};

static const char *const rooms[ROOMS] = {"a", "b", "c", "d"};

static uint32_t below(struct run *r, uint32_t n)
{
    r->seed = r->seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)r->seed * n) >> 32);
}

static void on_connect(sl_sio_socket *s, sl_value auth, void *user)
{
    struct bench *b = user;

    (void)auth;
    b->last = s;
}

static void on_disconnect(sl_sio_socket *s, const char *reason, void *user)
{
    struct run *r = user;

    (void)reason;
    for (int i = 0; i < CALLERS; i++)
        if (r->one[i].c.s == s) r->one[i].c.s = NULL;
}

/* ---- the clients ---- */

static void check_seen(struct one *o)
{
    for (char *at = o->c.seen; *at != '\0';) {
        if (*at == '+') {
            at += 2;
            continue;
        }
        assert_memory_equal(at, "\"e\",", 4);
        int k = (int)strtol(at + 4, &at, 10);
        assert_true(o->got_n < o->want_n);
        assert_int_equal(k, o->wanted[o->got_n]);
        o->got_n++;
        at = strchr(at, ' ') + 1;
    }
    o->c.seen[0] = '\0';
}

static void read_some(struct run *r, struct one *o)
{
    if (o->cut) return;
    see(&o->c, below(r, 2) ? UINT32_MAX : below(r, 4));
    check_seen(o);
}

/* Its side ends; whether the server's does is another matter. */
static void cut(struct run *r, struct one *o)
{
    read_some(r, o);
    o->cut = true;
}

static void server_hears(struct run *r, struct one *o)
{
    static const char *const reasons[] = {"transport close", "transport error", "ping timeout",
                                          "forced close"};

    if (!o->cut || o->c.e == NULL) return;
    hang_up(&r->b, o->c.e, reasons[below(r, 4)]);
    assert_null(o->c.s);
    o->c.e = NULL;
}

static void return_to(struct run *r, struct one *o)
{
    struct eio_session *before = o->c.e;

    if (!o->cut) return;
    come(&r->b, &o->c);
    assert_non_null(o->c.s);
    assert_true(sl_sio_is_recovered(o->c.s));
    if (before != NULL) { /* half open until now */
        assert_string_equal(before->reason, "transport close");
        hang_up(&r->b, before, "never used");
    }
    o->cut = false;
    for (int i = 0; i < ROOMS; i++)
        assert_int_equal(sl_sio_is_in(o->c.s, sl_str_of(rooms[i])), o->in[i]);
}

/* ---- the program ---- */

static void change_room(struct run *r, struct one *o)
{
    uint32_t i = below(r, ROOMS);

    if (o->c.s == NULL) return; /* what is lost can not be changed */
    o->in[i] = !o->in[i];
    if (o->in[i])
        assert_int_equal(sl_sio_join(o->c.s, sl_str_of(rooms[i])), 0);
    else
        sl_sio_leave(o->c.s, sl_str_of(rooms[i]));
}

static void want(struct run *r, struct one *o)
{
    o->wanted[o->want_n++] = r->next;
}

static void emit_one(struct run *r, struct one *o)
{
    char args[16];

    if (o->c.s == NULL) return;
    snprintf(args, sizeof args, "%d", r->next);
    want(r, o);
    assert_int_equal(sl_sio_emit_json(o->c.s, "e", sl_str_of(args)), 0);
    r->next++;
}

static bool is_in_one(const struct one *o, uint32_t set)
{
    for (int i = 0; i < ROOMS; i++)
        if ((set >> i & 1) && o->in[i]) return true;
    return false;
}

static size_t names(uint32_t set, sl_str out[ROOMS])
{
    size_t n = 0;

    for (int i = 0; i < ROOMS; i++)
        if (set >> i & 1) out[n++] = sl_str_of(rooms[i]);
    return n;
}

static void emit_many(struct run *r)
{
    uint32_t to = below(r, 3) ? below(r, 1 << ROOMS) : 0;
    uint32_t except = below(r, 3) ? 0 : below(r, 1 << ROOMS);
    const struct one *but = below(r, 3) ? NULL : &r->one[below(r, CALLERS)];
    sl_str to_name[ROOMS], except_name[ROOMS];
    sl_sio_target t = {.to = to_name,
                       .except = except_name,
                       .to_count = names(to, to_name),
                       .except_count = names(except, except_name)};
    sl_sio_packet *p = sl_sio_packet_new("e");

    if (but != NULL && but->c.s == NULL) but = NULL;
    if (but != NULL) t.but = but->c.s;
    for (int i = 0; i < CALLERS; i++) {
        struct one *o = &r->one[i];
        if (o != but && !is_in_one(o, except) && (to == 0 || is_in_one(o, to))) want(r, o);
    }
    sl_out_i64(sl_sio_args(p), r->next);
    if (below(r, 4) == 0) sl_sio_put_binary(p, NULL, SL_STR("x"));
    assert_int_equal(sl_sio_broadcast(r->b.sio, &t, p), 0);
    sl_sio_packet_free(p);
    r->next++;
}

/* What is not kept disturbs nothing. */
static void emit_other(const struct one *o)
{
    sl_sio_packet *p = sl_sio_packet_new("frame");

    if (o->c.s != NULL && !o->cut) {
        sl_out_i64(sl_sio_args(p), 1);
        assert_int_equal(sl_sio_emit_newest(o->c.s, 7, p), 0);
    }
    sl_sio_packet_free(p);
}

/* ---- runs ---- */

static void step(struct run *r)
{
    struct one *o = &r->one[below(r, CALLERS)];

    switch (below(r, 12)) {
    case 0: cut(r, o); break;
    case 1: server_hears(r, o); break;
    case 2:
    case 3: return_to(r, o); break;
    case 4:
    case 5: change_room(r, o); break;
    case 6: emit_one(r, o); break;
    case 7: emit_other(o); break;
    case 8: sl__loop_crank(r->b.loop, below(r, 1000)); break;
    case 9: read_some(r, o); break;
    default: emit_many(r); break;
    }
}

static void one_run(uint32_t seed)
{
    struct run *r = calloc(1, sizeof *r);
    sl_sio_options o = {.namespaces = r->b.row, .namespace_count = 1, .recovery_ms = 10000000};
    sl_sio_stats stats;

    r->seed = seed;
    assert_int_equal(sl_loop_new(&r->b.loop), 0);
    sl__loop_crank(r->b.loop, 1000);
    r->b.row[0] = (sl_sio_namespace){
        .name = "/", .on_connect = on_connect, .on_disconnect = on_disconnect, .user = r};
    assert_int_equal(sl_sio_new(r->b.loop, &o, &r->b.sio, NULL), 0);
    r->old = dial(&r->b, 3);
    for (int i = 0; i < CALLERS; i++) {
        r->one[i].c.nsp = "";
        come(&r->b, &r->one[i].c);
        see(&r->one[i].c, 1); /* it knows its pid */
    }
    for (int i = 0; i < 800 && r->next < EVENTS; i++)
        step(r);
    for (int i = 0; i < CALLERS; i++) {
        struct one *c = &r->one[i];
        return_to(r, c);
        see(&c->c, UINT32_MAX);
        check_seen(c);
        assert_int_equal(c->got_n, c->want_n);
        hang_up(&r->b, c->c.e, "end");
    }
    hang_up(&r->b, r->old, "end");
    sl_sio_get_stats(r->b.sio, &stats);
    assert_true(stats.recovered > 10 && stats.gaps == 0);
    assert_int_equal(stats.recovery_bytes + stats.lost, 0);
    sl_sio_free(r->b.sio);
    sl_loop_free(r->b.loop);
    free(r);
    assert_int_equal(fakes_alive, 0);
}

static void many_runs(void **state)
{
    const char *seed = getenv("SEED");

    (void)state;
    if (seed != NULL) one_run((uint32_t)strtoul(seed, NULL, 10));
    for (uint32_t i = 0; seed == NULL && i < 300; i++) {
        if (getenv("LOUD") != NULL) fprintf(stderr, "seed %u\n", i);
        one_run(i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_runs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
