/* SPDX-License-Identifier: MIT */
/*
 * A client that polls, pushes in pieces, upgrades, fails to, answers pings or forgets to, hangs
 * up and misbehaves, in any order. Both sides number what they send: whatever happens, what
 * arrives is the beginning of what was sent, nothing twice, nothing out of order; and all of it
 * when the end was an orderly one.
 *
 * What it does next is drawn from a seed, or read from bytes: those may also say what no client
 * says, and then its own side is not numbered any more.
 */
#ifndef SERVE_EIO_LIFE_TEST_H
#define SERVE_EIO_LIFE_TEST_H

#include "serve/eio_test.h"

struct run {
    struct bench *b;
    uint32_t seed;
    const uint8_t *bytes; /* NULL: by the seed */
    size_t bytes_left;
    int revision;
    struct client *poll, *push, *ws;
    char q[QUERY], sid[EIO_SID_SIZE];
    bool polling;      /* a GET is under way */
    bool probed;       /* "3probe" has come */
    bool upgraded;     /* "5" has been sent */
    bool answer_ping;  /* one has come */
    bool ended;        /* the client knows, or has done it */
    int sent, arrived; /* of the server's: said, seen by the client */
    int told, heard;   /* of the client's: said, seen by the server */
    char body[512];    /* of the POST under way; what is left of it */
    size_t body_len, body_at;
    bool broken; /* somebody has been cut off: the rest may be lost */
    bool pauses; /* one of those that are not always heard */
    bool wild;   /* the client has said what is not numbered */
};

static uint32_t below(struct run *r, uint32_t n)
{
    if (r->bytes != NULL) {
        if (r->bytes_left == 0) return 0;
        r->bytes_left--;
        return *r->bytes++ % n;
    }
    r->seed = r->seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)r->seed * n) >> 32);
}

/* ---- what the server sees ---- */

static struct run *current;
static int whole; /* lives in which nothing was lost */

static void on_numbered(struct bench *b, struct eio_session *s, const sl_message *m)
{
    char text[16] = "";

    (void)s;
    b->got[0] = '\0';
    if (current->wild) return;
    assert_true(m->bytes < sizeof text);
    memcpy(text, m->slice[0].bytes.ptr, m->bytes);
    assert_int_equal((int)strtol(text, NULL, 10), current->heard);
    current->heard++;
}

/* ---- what the client sees ---- */

static void see_packet(struct run *r, const struct eio_packet *p)
{
    char text[16] = "";
    size_t n = p->data.len;

    switch (p->type) {
    case EIO_MESSAGE:
        assert_true(n < sizeof text);
        if (p->base64)
            assert_int_equal(eio_base64_decode(text, sizeof text, p->data, &n), 0);
        else
            memcpy(text, p->data.ptr, n);
        assert_int_equal((int)strtol(text, NULL, 10), r->arrived);
        r->arrived++;
        break;
    case EIO_PING: r->answer_ping = true; break;
    case EIO_CLOSE: r->ended = true; break;
    case EIO_OPEN:
    case EIO_NOOP:
    case EIO_PONG:
    case EIO_UPGRADE: break;
    }
}

static void see_poll(struct run *r)
{
    struct eio_payload it;
    struct eio_packet p;
    int status = next_answer(r->poll), rc;

    if (status == 0) return;
    r->polling = false;
    if (status != 200) {
        assert_int_equal(status, 400);
        r->ended |= !r->upgraded;
        return;
    }
    eio_payload_init(&it, (unsigned)r->revision, strstr(r->poll->head, "octet") != NULL,
                     (sl_str){r->poll->body, r->poll->body_len});
    while ((rc = eio_payload_next(&it, &p)) > 0)
        see_packet(r, &p);
    assert_int_equal(rc, 0);
}

static void see_push(struct run *r)
{
    int status = next_answer(r->push);

    if (status == 0) return;
    r->body_len = 0;
    if (status == 200) return;
    assert_int_equal(status, 400);
    r->ended |= !r->upgraded;
    r->broken = true; /* it was not taken as a whole */
}

static void lose_ws(struct run *r)
{
    peer_free(r->ws);
    r->ws = NULL;
    r->probed = false;
    r->ended |= r->upgraded;
}

static void see_ws(struct run *r)
{
    struct eio_packet p;

    for (int op; r->ws != NULL && (op = next_frame(r->ws)) >= 0;) {
        if (op == WS_CLOSE) {
            lose_ws(r);
            return;
        }
        if (op == WS_PONG) continue;
        assert_int_equal(eio_decode((unsigned)r->revision, op == WS_TEXT,
                                    (sl_str){r->ws->body, r->ws->body_len}, &p),
                         0);
        if (p.type == EIO_PONG && !r->upgraded) {
            r->probed = true;
            continue;
        }
        assert_true(r->upgraded || r->wild); /* nothing else comes here before "5" */
        see_packet(r, &p);
    }
}

static void see(struct run *r)
{
    sl__loop_crank(r->b->loop, 0);
    see_poll(r);
    see_push(r);
    see_ws(r);
}

/* ---- what they do ---- */

static int send_or_announce(struct run *r, const char *text, size_t n)
{
    struct eio_message *m;
    int rc;

    if (below(r, 2)) return send_to(r->b->last, below(r, 4) != 0, text, n, 0);
    m = eio_packet_new(EIO_MESSAGE, (sl_str){text, n});
    assert_non_null(m);
    rc = eio_announce(r->b->last, m);
    eio_message_drop(m);
    return rc;
}

static void server_says(struct run *r)
{
    for (uint32_t n = 1 + below(r, 4); n-- > 0 && r->b->last != NULL;) {
        char text[16];
        int len = snprintf(text, sizeof text, "%d", r->sent);
        if (send_or_announce(r, text, (size_t)len) == 0) r->sent++;
    }
}

static void client_polls(struct run *r)
{
    if (r->polling || r->upgraded) return;
    r->polling = true;
    ask(r->poll, "GET", r->q, "", NULL, 0);
}

static size_t put_packet(struct run *r, char *to, size_t room, char type, const char *data)
{
    if (r->revision == 3)
        return (size_t)snprintf(to, room, "%zu:%c%s", strlen(data) + 1, type, data);
    return (size_t)snprintf(to, room, "%s%c%s", to != r->body ? "\x1e" : "", type, data);
}

static char heartbeat(const struct run *r)
{
    return r->revision == 3 ? '2' : '3';
}

static void client_pushes(struct run *r)
{
    char head[256], data[16];
    size_t n = 0;

    if (r->body_len > 0 || r->upgraded) return;
    for (uint32_t k = 1 + below(r, 3); k-- > 0;) {
        snprintf(data, sizeof data, "%d", r->told++);
        n += put_packet(r, r->body + n, sizeof r->body - n, '4', data);
    }
    if (r->answer_ping || r->revision == 3)
        n += put_packet(r, r->body + n, sizeof r->body - n, heartbeat(r), "");
    r->answer_ping = false;
    r->body_len = n;
    r->body_at = 0;
    snprintf(head, sizeof head,
             "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", r->q, n);
    mem_stream_feed(r->push->m, head, strlen(head));
}

static void client_pushes_on(struct run *r)
{
    size_t left = r->body_len - r->body_at, n = 1 + below(r, 8);

    if (r->body_len == 0 || left == 0) return;
    if (n > left) n = left;
    mem_stream_feed(r->push->m, r->body + r->body_at, n);
    r->body_at += n;
}

static void client_dials(struct run *r)
{
    char q[QUERY];

    if (r->ws != NULL || r->upgraded) return;
    snprintf(q, sizeof q, "EIO=%d&transport=websocket&sid=%s", r->revision, r->sid);
    r->ws = peer_open(r->b);
    if (dial(r->ws, q) != 101) lose_ws(r);
}

static void client_probes(struct run *r)
{
    if (r->ws != NULL && !r->upgraded && !r->probed) ws_say(r->ws, "2probe");
}

/* As clients do, when no poll is under way; a POST may be. */
static void client_upgrades(struct run *r)
{
    if (!r->probed || r->upgraded || r->polling) return;
    r->upgraded = true;
    ws_say(r->ws, "5");
}

/* By WebSocket; if it is not read from, the kernel waits. */
static bool may_speak(const struct run *r)
{
    return r->ws != NULL && !r->ws->m->s.paused;
}

static void client_says(struct run *r)
{
    char text[16], ping[2] = {heartbeat(r), 0};

    if (!r->upgraded || !may_speak(r)) return;
    snprintf(text, sizeof text, "4%d", r->told++);
    ws_say(r->ws, text);
    if (may_speak(r) && (r->answer_ping || r->revision == 3)) ws_say(r->ws, ping);
    r->answer_ping = false;
}

static void time_passes(struct run *r)
{
    sl__loop_crank(r->b->loop, below(r, 120));
}

static void client_misbehaves(struct run *r)
{
    struct client *other;

    switch (below(r, 9)) {
    case 0:                                     /* a second poll, or one after the upgrade */
        if (!r->polling && !r->upgraded) break; /* it would take what is ours */
        other = peer_open(r->b);
        ask(other, "GET", r->q, "", NULL, 0);
        assert_int_equal(next_answer(other), 400);
        r->broken |= r->polling;
        peer_free(other);
        break;
    case 1: /* leaves its poll */
        if (!r->polling) break;
        mem_stream_feed_end(r->poll->m);
        r->ended = r->broken = true;
        break;
    case 2: /* leaves its POST */
        if (r->body_len == 0) break;
        sl__stream_close(&r->push->m->s, UV_ECONNRESET);
        r->ended = r->broken = true;
        break;
    case 3: /* hangs up its WebSocket */
        if (r->ws == NULL) break;
        r->broken |= r->upgraded;
        sl__stream_close(&r->ws->m->s, UV_ECONNRESET);
        see_ws(r);
        if (r->ws != NULL) lose_ws(r);
        break;
    case 4: /* fails to upgrade */
        if (r->ws != NULL && !r->upgraded) ws_say(r->ws, "4no");
        break;
    case 5: /* a second WebSocket */
        if (!r->upgraded) break;
        other = peer_open(r->b);
        {
            char q[QUERY];
            snprintf(q, sizeof q, "EIO=%d&transport=websocket&sid=%s", r->revision, r->sid);
            if (dial(other, q) == 101) ws_say(other, "2probe");
        }
        peer_free(other);
        break;
    case 6: /* a parse error */
        if (below(r, 4) != 0 || !r->upgraded || !may_speak(r)) break;
        ws_say(r->ws, "9");
        r->broken = true;
        break;
    case 7: /* says goodbye */
        if (below(r, 4) != 0 || !r->upgraded || !may_speak(r)) break;
        ws_say(r->ws, "1");
        r->broken = true;
        break;
    default: /* the server cuts it off */
        if (below(r, 8) != 0 || r->b->last == NULL) break;
        eio_cut(r->b->last, "forced close");
        r->broken = true;
        break;
    }
}

/* Any bytes, as a body or as a message: the server may not care, but it must not be confused.
 */
static void client_raves(struct run *r)
{
    static const enum ws_op ops[] = {WS_TEXT, WS_TEXT, WS_BINARY, WS_PING, WS_CLOSE};
    size_t n = below(r, 32);
    const uint8_t *said = r->bytes;

    if (n > r->bytes_left) n = r->bytes_left;
    r->bytes += n;
    r->bytes_left -= n;
    if (r->ws == NULL && (r->body_len > 0 || n == 0)) return;
    if (r->ws != NULL && !may_speak(r)) return;
    r->wild = r->broken = true;
    if (r->ws != NULL) {
        ws_send_bytes(r->ws, ops[below(r, sizeof ops / sizeof *ops)], said, n);
        return;
    }
    r->body_len = r->body_at = n;
    ask(r->push, "POST", r->q, below(r, 2) ? "Content-Type: application/octet-stream\r\n" : "",
        said, n);
}

/* The client is not heard for a while; a resume may be forgotten. */
static void server_pauses(struct run *r)
{
    if (r->b->last == NULL) return;
    if (below(r, 2))
        eio_pause(r->b->last);
    else
        eio_resume(r->b->last);
    see(r);
}

static void step(struct run *r)
{
    static void (*const usual[])(struct run *) = {
        server_says,   server_says,      client_polls,     client_polls,     client_polls,
        client_pushes, client_pushes_on, client_pushes_on, client_pushes_on, client_dials,
        client_probes, client_upgrades,  client_says,      client_says,      time_passes,
    };

    if (r->pauses && below(r, 12) == 0) server_pauses(r);
    if (below(r, 60) == 0)
        client_misbehaves(r);
    else if (r->bytes != NULL && below(r, 24) == 0)
        client_raves(r);
    else
        usual[below(r, sizeof usual / sizeof *usual)](r);
    see(r);
}

/* The server closes; the client goes on as it should until it is told. */
static void end_well(struct run *r)
{
    if (r->b->last != NULL) eio_close(r->b->last);
    for (int i = 0; i < 200 && !r->ended; i++) {
        see(r);
        if (r->body_len > 0)
            client_pushes_on(r);
        else
            client_polls(r);
        see(r);
        client_upgrades(r);
        see(r);
    }
    assert_true(r->ended || r->wild);
    whole += !r->broken && r->sent > 0;
    if (!r->broken) assert_int_equal(r->arrived, r->sent);
}

static void check(const struct run *r)
{
    assert_true(r->arrived <= r->sent);
    assert_true(r->heard <= r->told);
    assert_null(r->b->last);
    assert_int_equal(r->b->opens, r->b->closes);
}

/* A session that begins by polling, or by WebSocket. */
static void begin(struct run *r)
{
    struct bench *b = r->b;

    r->revision = 3 + (int)below(r, 2);
    r->poll = peer_open(b);
    r->push = peer_open(b);
    if (below(r, 8) == 0) {
        r->ws = dial_new(b, r->revision);
        r->upgraded = true;
        snprintf(r->q, QUERY, "EIO=%d&transport=polling&sid=%s", r->revision, eio_sid(b->last));
    } else {
        handshake_as(r->poll, r->revision, below(r, 2) ? "&b64=1" : "", r->q);
    }
    snprintf(r->sid, sizeof r->sid, "%s", eio_sid(b->last));
}

static bool is_alive(const struct run *r)
{
    return !r->ended && r->b->last != NULL && (r->bytes == NULL || r->bytes_left > 0);
}

/* With the decisions of `bytes`, or of the seed. */
static void one_life(struct bench *b, uint32_t seed, const uint8_t *bytes, size_t n_bytes)
{
    struct run r = {.b = b, .seed = seed, .bytes = bytes, .bytes_left = n_bytes};
    bool expired = false;
    int closes = b->closes;

    current = &r;
    r.pauses = bytes == NULL && seed % 4 == 3; /* bytes that were kept go on saying the same */
    begin(&r);
    for (size_t n = bytes != NULL ? n_bytes : below(&r, 200); n-- > 0 && is_alive(&r);)
        step(&r);
    see(&r);
    expired = b->closes > closes;
    r.broken |= expired; /* a heartbeat was missed, say: what waited is lost */
    if (b->last != NULL && !r.ended) end_well(&r);
    if (b->last != NULL && r.wild) eio_cut(b->last, "forced close"); /* it may well live on */
    sl__loop_crank(b->loop, 0);
    assert_sid_gone(b, r.q);
    check(&r);
    if (r.ws != NULL) peer_free(r.ws);
    peer_free(r.poll);
    peer_free(r.push);
}

#endif
