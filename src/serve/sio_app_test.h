/* SPDX-License-Identifier: MIT */
/* An application that notes all it is told, and echoes: what clients are tried against. */
#ifndef SERVE_SIO_APP_TEST_H
#define SERVE_SIO_APP_TEST_H

#include "serve/sio_test.h"

#define N(a) (sizeof(a) / sizeof(a)[0])

static inline bool is_allowed(sl_sio_socket *s, sl_value auth, sl_sio_refusal *why, void *user)
{
    struct bench *b = user;

    (void)auth;
    assert_int_equal(sl_sio_emit_json(s, "early", SL_STR("1")),
                     s->client->eio != NULL ? SL_E_INVAL : SL_E_CLOSED);
    if (b->during != NULL) b->during(b, s);
    if (!b->said_no) return true;
    snprintf(why->message, sizeof why->message, "unauthorized");
    sl_out_raw(&why->data, SL_STR("{\"code\":401}"));
    return false;
}

static inline void on_connect(sl_sio_socket *s, sl_value auth, void *user)
{
    struct bench *b = user;
    sl_str raw = sl_value_raw(auth);

    b->last = s;
    note(b, "+%.*s %.*s;", (int)sl_sio_nsp(s).len, sl_sio_nsp(s).ptr, (int)raw.len,
         raw.len ? raw.ptr : "");
    (void)sl_sio_emit_json(s, "hi", SL_STR(""));
}

static inline void on_disconnect(sl_sio_socket *s, const char *reason, void *user)
{
    struct bench *b = user;

    assert_null(b->in_call);
    note(b, "-%.*s %s;", (int)sl_sio_nsp(s).len, sl_sio_nsp(s).ptr, reason);
    assert_int_equal(sl_sio_emit_json(s, "late", SL_STR("")), SL_E_CLOSED);
    assert_string_equal(sl_sio_peer(s), "192.0.2.1:4711");
    if (b->last == s) b->last = NULL;
}

static inline void note_event(struct bench *b, sl_sio_socket *s, const sl_sio_event *e)
{
    note(b, "%.*s(", (int)e->name.len, e->name.len ? e->name.ptr : "");
    for (sl_value v = sl_sio_arg(e, 0); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(e->args, v, NULL)) {
        const sl_slice *binary = sl_sio_binary(e, v);
        sl_str raw = binary != NULL ? binary->bytes : sl_value_raw(v);
        note(b, binary != NULL ? "<%.*s>," : "%.*s,", (int)raw.len, raw.len ? raw.ptr : "");
    }
    note(b, ")");
    if (e->wants_ack) note(b, "?%llu", (unsigned long long)e->ack_id);
    note(b, ";");
    (void)s;
}

static inline void on_any(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    struct bench *b = user;

    b->in_call = s;
    note_event(b, s, e);
    if (b->during != NULL) b->during(b, s);
    b->in_call = NULL;
}

static inline void on_number(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    note(user, "number:");
    on_any(s, e, user);
}

static inline void on_echo(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    sl_sio_packet *p = sl_sio_packet_new("back");

    (void)user;
    if (p == NULL) return;
    sl_sio_put_binary(p, NULL, SL_STR("mine"));
    sl_sio_put_args(p, e, 0);
    (void)sl_sio_emit(s, p);
    (void)sl_sio_ack_packet(s, e, p);
    sl_sio_packet_free(p);
}

static const sl_sio_on events[] = {
    {"echo", on_echo  },
    {"42",   on_number},
    {NULL,   on_any   }
};

static inline bool is_dynamic(sl_str name, void *user)
{
    (void)user;
    return name.len > 4 && memcmp(name.ptr, "/dyn", 4) == 0;
}

static inline int bench_new(struct bench *b, const sl_sio_options *extra)
{
    static const char *const names[] = {"/", "/chat", "/b", NULL};
    sl_sio_options o = extra != NULL ? *extra : (sl_sio_options){0};
    sl_error err;

    for (size_t i = 0; i < N(names); i++)
        b->row[i] = (sl_sio_namespace){.name = names[i],
                                       .is_match = is_dynamic,
                                       .is_allowed = is_allowed,
                                       .on_connect = on_connect,
                                       .on_disconnect = on_disconnect,
                                       .events = events,
                                       .event_count = N(events),
                                       .user = b};
    o.namespaces = b->row;
    o.namespace_count = N(names);
    return sl_sio_new(b->loop, &o, &b->sio, &err);
}

static inline int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    assert_int_equal(sl_loop_new(&b->loop), 0);
    sl__loop_crank(b->loop, 1000);
    assert_int_equal(bench_new(b, NULL), 0);
    *state = b;
    return 0;
}

static inline int teardown(void **state)
{
    struct bench *b = *state;

    sl_sio_free(b->sio);
    sl_loop_free(b->loop);
    free(b);
    assert_int_equal(fakes_alive, 0);
    return 0;
}

/* In "/", and all that this brought is forgotten. */
static inline struct eio_session *join(struct bench *b)
{
    struct eio_session *s = dial(b, 4);

    say(b, s, "0");
    s->sent[s->len = 0] = '\0';
    b->log[b->log_len = 0] = '\0';
    assert_non_null(b->last);
    return s;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
