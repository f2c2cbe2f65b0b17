/* SPDX-License-Identifier: MIT */
/*
 * A Socket.IO server on Engine.IO sessions that are none: what it sends can be read as text,
 * what a client says is handed over by a call, and they end when the test says so.
 */
#ifndef SERVE_SIO_TEST_H
#define SERVE_SIO_TEST_H

#include "serve/sio_inside.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_SENT 65536

/* ---- Engine.IO that only notes ---- */

struct eio_message {
    uint32_t refs, n;
    char *shown;
    size_t slices; /* of its first part */
};

struct eio_server {
    struct eio_options o;
};

struct eio_session {
    struct eio_server *server;
    void *user;
    int revision;
    char sent[FAKE_SENT]; /* texts as they are, binary in <>, a line each; "key!" before newest
                           */
    size_t len;
    const char *reason; /* it is closing */
    bool unwritable, full, polling, paused;
    uint32_t last_slices;
};

static long fakes_alive;

static inline void fake_add(char **to, size_t *len, sl_str bytes)
{
    *to = realloc(*to, *len + bytes.len + 1);
    if (bytes.len > 0) memcpy(*to + *len, bytes.ptr, bytes.len);
    *len += bytes.len;
    (*to)[*len] = '\0';
}

struct eio_message *eio_message_new(const sl_message *part, uint32_t n)
{
    struct eio_message *m = sl__alloc(sizeof *m);
    size_t len = 0;

    if (m == NULL) return NULL;
    *m = (struct eio_message){.refs = 1, .n = n, .slices = part[0].n};
    for (uint32_t i = 0; i < n; i++) {
        if (!part[i].text) fake_add(&m->shown, &len, SL_STR("<"));
        for (unsigned k = 0; k < part[i].n; k++)
            fake_add(&m->shown, &len, part[i].slice[k].bytes);
        fake_add(&m->shown, &len, part[i].text ? SL_STR("\n") : SL_STR(">\n"));
    }
    fakes_alive++;
    return m;
}

struct eio_message *eio_message_hold(struct eio_message *m)
{
    m->refs++;
    return m;
}

void eio_message_drop(struct eio_message *m)
{
    if (m == NULL || --m->refs > 0) return;
    free(m->shown);
    sl__free(m);
    fakes_alive--;
}

int eio_server_new(sl_loop *loop, const struct eio_options *o, struct eio_server **out)
{
    (void)loop;
    *out = sl__zalloc(sizeof **out);
    if (*out == NULL) return SL_E_NOMEM;
    (*out)->o = *o;
    return 0;
}

void eio_server_free(struct eio_server *e)
{
    sl__free(e);
}

void eio_put_routes(struct eio_server *e, const char *path, int right,
                    sl_route rows[EIO_ROUTES])
{
    for (int i = 0; i < EIO_ROUTES; i++)
        rows[i] = (sl_route){.path = path, .right = right, .user = e};
}

int eio_send(struct eio_session *s, struct eio_message *m, uint32_t key)
{
    int n;

    if (s->reason != NULL) return SL_E_CLOSED;
    if (s->full) {
        s->reason = "transport error";
        return SL_E_FULL;
    }
    n = key != 0 ? snprintf(s->sent + s->len, sizeof s->sent - s->len, "%u!", key) : 0;
    n += snprintf(s->sent + s->len + n, sizeof s->sent - s->len - (size_t)n, "%s", m->shown);
    s->len += (size_t)n;
    assert_true(s->len < sizeof s->sent);
    s->last_slices = (uint32_t)m->slices;
    return 0;
}

int eio_announce(struct eio_session *s, struct eio_message *m)
{
    return eio_send(s, m, 0);
}

bool eio_is_writable(const struct eio_session *s)
{
    return s->reason == NULL && !s->unwritable;
}

void eio_close(struct eio_session *s)
{
    if (s->reason == NULL) s->reason = "forced close";
}

void eio_cut(struct eio_session *s, const char *reason)
{
    if (s->reason == NULL) s->reason = reason;
}

void eio_pause(struct eio_session *s)
{
    s->paused = true;
}

void eio_resume(struct eio_session *s)
{
    s->paused = false;
}

const char *eio_sid(const struct eio_session *s)
{
    (void)s;
    return "engine-sid";
}

int eio_revision(const struct eio_session *s)
{
    return s->revision;
}

bool eio_is_polling(const struct eio_session *s)
{
    return s->polling;
}

const char *eio_peer(const struct eio_session *s)
{
    assert_non_null(s);
    return "192.0.2.1:4711";
}

void eio_set_user(struct eio_session *s, void *user)
{
    s->user = user;
}

void *eio_user(const struct eio_session *s)
{
    return s->user;
}

void eio_get_stats(const struct eio_server *e, struct eio_stats *out)
{
    (void)e;
    *out = (struct eio_stats){
        .parse_errors = 1, .newest = 2, .conflated = 3, .cut_off = 4, .closed_full = 5};
}

/* ---- the server under test ---- */

struct bench {
    sl_loop *loop;
    sl_sio *sio;
    char log[16384]; /* what the application was told */
    size_t log_len;
    sl_sio_socket *last; /* that joined */
    sl_sio_socket *in_call;
    bool said_no; /* the next is refused */
    void (*during)(struct bench *b,
                   sl_sio_socket *s); /* inside is_allowed, on_connect, events */
    sl_sio_namespace row[8];
};

SL_PRINTF(2, 3) static inline void note(struct bench *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    b->log_len += (size_t)vsnprintf(b->log + b->log_len, sizeof b->log - b->log_len, fmt, ap);
    va_end(ap);
    assert_true(b->log_len < sizeof b->log);
}

#define assert_log(b, text)                    \
    do {                                       \
        assert_string_equal((b)->log, (text)); \
        (b)->log[(b)->log_len = 0] = '\0';     \
    } while (0)
#define assert_sent(s, text)                    \
    do {                                        \
        assert_string_equal((s)->sent, (text)); \
        (s)->sent[(s)->len = 0] = '\0';         \
    } while (0)

static inline struct eio_session *dial(struct bench *b, int revision)
{
    struct eio_session *s = calloc(1, sizeof *s);

    s->server = b->sio->eio;
    s->revision = revision;
    sio_events.on_open(s, NULL, b->sio);
    return s;
}

/* The end of a turn. */
static inline void turn(struct bench *b)
{
    sl__loop_crank(b->loop, 0);
}

static inline void hang_up(struct bench *b, struct eio_session *s, const char *reason)
{
    sio_events.on_close(s, s->reason != NULL ? s->reason : reason, b->sio);
    turn(b);
    free(s);
}

static inline void say_in(struct bench *b, struct eio_session *s, sl_buf *buf, sl_str bytes,
                          bool text)
{
    sl_message m = {.text = text};

    assert_int_equal(sl_message_add(&m, buf, bytes), 0);
    if (s->reason == NULL) sio_events.on_message(s, &m, NULL, b->sio);
}

/* Its memory is the packet's alone, so that a sanitizer sees who holds it too short. */
static inline void say_bytes(struct bench *b, struct eio_session *s, sl_str bytes, bool text)
{
    sl_buf *buf = sl_buf_copy(bytes);

    if (buf == NULL) return; /* under a failing allocator: it never came */
    say_in(b, s, buf, sl_buf_str(buf), text);
    sl_buf_drop(buf);
}

static inline void say(struct bench *b, struct eio_session *s, const char *text)
{
    say_bytes(b, s, sl_str_of(text), true);
}

static inline void say_binary(struct bench *b, struct eio_session *s, const char *bytes)
{
    say_bytes(b, s, sl_str_of(bytes), false);
}

#endif
