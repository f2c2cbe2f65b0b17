/* SPDX-License-Identifier: MIT */
/* Clients that are cut off and come back, against Engine.IO that only notes. */
#ifndef SERVE_SIO_RECOVERY_TEST_H
#define SERVE_SIO_RECOVERY_TEST_H

#include "serve/sio_test.h"

#define N(a) (sizeof(a) / sizeof(a)[0])

/* One client: what it knows, and what it has seen. */
struct caller {
    struct eio_session *e;
    sl_sio_socket *s; /* what the server has of it; NULL: nothing */
    const char *nsp;  /* "", or as "/chat," */
    char sid[32], pid[40], offset[24];
    char seen[4096]; /* events as "name(args) ", without their offsets */
};

/* The value of "key":"…" in a line, "" if it is not there. */
static inline void find_key(const char *line, const char *key, char *out, size_t size)
{
    char quoted[24];
    const char *at;

    snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
    at = strstr(line, quoted);
    snprintf(out, size, "%.*s", at ? (int)strcspn(at + strlen(quoted), "\"") : 0,
             at ? at + strlen(quoted) : "");
}

/* As clients of 4.x: the last argument is an offset if it is a string. */
static inline void see_event(struct caller *p, char *line)
{
    size_t n = strlen(line), had = strlen(p->seen);
    char *last = strrchr(line, ',');

    assert_true(n > 2 && line[n - 1] == ']');
    line[n - 1] = '\0';
    if (p->pid[0] != '\0' && last != NULL && last[1] == '"') {
        snprintf(p->offset, sizeof p->offset, "%.*s", (int)strcspn(last + 2, "\""), last + 2);
        *last = '\0';
    }
    snprintf(p->seen + had, sizeof p->seen - had, "%s ", line + 1);
    assert_true(strlen(p->seen) + 1 < sizeof p->seen);
}

static inline void see_line(struct caller *p, char *line)
{
    size_t skip = 1 + strlen(p->nsp);

    if (memcmp(line, "51-", 3) == 0) *(line += 2) = '2';
    if (line[0] == '0' && line[skip] == '{' && memcmp(line + 1, p->nsp, skip - 1) == 0) {
        find_key(line, "sid", p->sid, sizeof p->sid);
        find_key(line, "pid", p->pid, sizeof p->pid);
        snprintf(p->seen + strlen(p->seen), 16, "+ ");
    } else if (line[0] == '2' && line[skip] == '[') {
        see_event(p, line + skip);
    }
}

/* Read what has come, at most so many lines; the others stay. */
static inline void see(struct caller *p, uint32_t lines)
{
    char *at = p->e->sent, *end;

    while (lines-- > 0 && (end = strchr(at, '\n')) != NULL) {
        *end = '\0';
        see_line(p, at);
        at = end + 1;
    }
    p->e->len -= (size_t)(at - p->e->sent);
    memmove(p->e->sent, at, p->e->len + 1);
}

#define assert_seen(p, text)                    \
    do {                                        \
        see((p), UINT32_MAX);                   \
        assert_string_equal((p)->seen, (text)); \
        (p)->seen[0] = '\0';                    \
    } while (0)

/* CONNECT, with what it knows from before. */
static inline void come(struct bench *b, struct caller *p)
{
    char text[160];

    p->e = dial(b, 4);
    b->last = NULL;
    if (p->pid[0] == '\0')
        snprintf(text, sizeof text, "0%s", p->nsp);
    else if (p->offset[0] == '\0')
        snprintf(text, sizeof text, "0%s{\"token\":1,\"pid\":\"%s\"}", p->nsp, p->pid);
    else
        snprintf(text, sizeof text, "0%s{\"pid\":\"%s\",\"offset\":\"%s\"}", p->nsp, p->pid,
                 p->offset);
    say(b, p->e, text);
    p->s = b->last;
    turn(b);
}

/* Its connection ends, with what it has not read yet. */
static inline void lose(struct bench *b, struct caller *p, const char *reason)
{
    hang_up(b, p->e, reason);
    p->e = NULL;
    p->s = NULL;
}

static inline void emit(struct caller *p, const char *name)
{
    assert_int_equal(sl_sio_emit_json(p->s, name, SL_STR("1")), 0);
}

static inline void emit_to(struct bench *b, const char *name, const sl_sio_target *t)
{
    sl_sio_packet *p = sl_sio_packet_new(name);

    assert_non_null(p);
    assert_int_equal(sl_sio_broadcast(b->sio, t, p), 0);
    sl_sio_packet_free(p);
}

static inline void emit_to_room(struct bench *b, const char *name, const char *room)
{
    sl_str to = sl_str_of(room);

    emit_to(b, name, &(sl_sio_target){.to = &to, .to_count = 1});
}

static inline void emit_to_all(struct bench *b, const char *name)
{
    emit_to(b, name, &(sl_sio_target){0});
}

static inline sl_sio_stats stats_of(const struct bench *b)
{
    sl_sio_stats stats;

    sl_sio_get_stats(b->sio, &stats);
    return stats;
}

#endif
