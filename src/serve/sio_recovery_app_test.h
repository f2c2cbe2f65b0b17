/* SPDX-License-Identifier: MIT */
/* A program whose sockets have data and rooms, and that says what it is told. */
#ifndef SERVE_SIO_RECOVERY_APP_TEST_H
#define SERVE_SIO_RECOVERY_APP_TEST_H

#include "serve/sio_recovery_test.h"

#define KEEP_MS 10000

static int freed; /* data of sockets */

static inline bool is_allowed(sl_sio_socket *s, sl_value auth, sl_sio_refusal *why, void *user)
{
    struct bench *b = user;

    (void)auth, (void)why;
    if (sl_sio_is_recovered(s)) note(b, "ask again;");
    if (b->during != NULL) b->during(b, s);
    return !b->said_no;
}

static inline void on_connect(sl_sio_socket *s, sl_value auth, void *user)
{
    struct bench *b = user;

    (void)auth;
    b->last = s;
    note(b, sl_sio_is_recovered(s) ? "back with %s;" : "new with %s;",
         sl_sio_user(s) != NULL ? (char *)sl_sio_user(s) : "nothing");
    assert_int_equal(sl_sio_emit_json(s, "hi", SL_STR("")), 0);
}

static inline void on_disconnect(sl_sio_socket *s, const char *reason, void *user)
{
    struct bench *b = user;

    note(b, "-%s;", reason);
    sl_sio_leave(s, SL_STR("a")); /* too late to be of use */
    assert_int_equal(sl_sio_join(s, SL_STR("late")), SL_E_CLOSED);
}

static inline void free_user(void *data, void *user)
{
    (void)user;
    assert_string_equal(data, "data");
    freed++;
}

static inline void put_gap_link(sl_sio_socket *s, const sl_sio_gap *gap, sl_json_out *out,
                                void *user)
{
    char text[64];

    (void)s, (void)user;
    assert_true(gap->to > gap->from);
    snprintf(text, sizeof text, "/history?%s", gap->reason);
    sl_out_str(out, sl_str_of(text));
}

static inline bool is_dynamic(sl_str name, void *user)
{
    (void)user;
    return name.len > 4 && memcmp(name.ptr, "/dyn", 4) == 0;
}

static inline int make(struct bench *b, const sl_sio_options *extra)
{
    sl_sio_options o = *extra;

    for (int i = 0; i < 3; i++)
        b->row[i] = (sl_sio_namespace){.name = i == 0 ? "/" : "/chat",
                                       .is_allowed = is_allowed,
                                       .on_connect = on_connect,
                                       .on_disconnect = on_disconnect,
                                       .free_user = free_user,
                                       .put_gap_link = i == 0 ? NULL : put_gap_link,
                                       .user = b};
    b->row[2].name = NULL;
    b->row[2].is_match = is_dynamic;
    o.namespaces = b->row;
    o.namespace_count = 3;
    return sl_sio_new(b->loop, &o, &b->sio, NULL);
}

static inline int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    freed = 0;
    assert_int_equal(sl_loop_new(&b->loop), 0);
    sl__loop_crank(b->loop, 1000);
    assert_int_equal(make(b, &(sl_sio_options){.recovery_ms = KEEP_MS}), 0);
    *state = b;
    return 0;
}

static inline int teardown(void **state)
{
    struct bench *b = *state;

    if (b->sio != NULL)
        assert_int_equal(map_count(b->sio->nsps), 2 + (b->row[2].events != NULL));
    sl_sio_free(b->sio);
    sl_loop_free(b->loop);
    free(b);
    assert_int_equal(fakes_alive, 0);
    return 0;
}

static inline void remake(struct bench *b, uint32_t sessions, size_t bytes, size_t queue)
{
    sl_sio_options o = {.recovery_ms = KEEP_MS,
                        .recovery_sessions = sessions,
                        .recovery_bytes = bytes,
                        .queue_max = queue};

    sl_sio_free(b->sio);
    assert_int_equal(make(b, &o), 0);
}

static inline void assert_gap(struct bench *b, struct caller *p, const char *reason)
{
    uint64_t gaps = stats_of(b).gaps;
    char sid[32], start[64];

    snprintf(sid, sizeof sid, "%s", p->sid);
    snprintf(start, sizeof start, "+ \"gap\",{\"reason\":\"%s\",\"from\":", reason);
    p->seen[0] = '\0';
    come(b, p);
    see(p, UINT32_MAX);
    assert_memory_equal(p->seen, start, strlen(start));
    assert_non_null(strstr(p->seen, "\"hi\" "));
    assert_string_not_equal(p->sid, sid);
    assert_int_equal(stats_of(b).gaps, gaps + 1);
    assert_false(sl_sio_is_recovered(p->s));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
