/* SPDX-License-Identifier: MIT */
/*
 * A client whose server says anything: it never crashes, never hangs, and is gone with all it
 * had when it is closed.
 *
 *   byte 0   1, 2: how it is connected  4: revision 3  8: it has joined "/" by WebSocket before
 *   then     orders, see `obey`; the high five bits of one choose a stream, or what is done
 *
 * Its life is the unit tests': src/client/client_test.h.
 */
#include "base/assert.h"
#include "client/client_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* What fails outside of a cmocka test must end the process where it failed. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

struct input {
    const uint8_t *at, *end;
};

static sl_str take(struct input *in)
{
    size_t n = in->at < in->end ? *in->at++ : 0;
    sl_str s;

    if (n > (size_t)(in->end - in->at)) n = (size_t)(in->end - in->at);
    s = (sl_str){(const char *)in->at, n};
    in->at += n;
    return s;
}

/* The stream that is meant; NULL: it is not there (any more). */
static struct call *stream_of(struct fixture *f, unsigned which)
{
    struct call *k = f->n > 0 ? &f->call[which % f->n] : NULL;

    return k != NULL && k->m != NULL && !k->m->gone ? k : NULL;
}

static void accept_next(struct fixture *f)
{
    if (has_call(f) && f->n < CALLS - 4) (void)accept_call(f);
}

static void shake_hands(struct fixture *f, const struct call *k)
{
    const char *sent = k->m->sent;

    if (sent != NULL && memmem(sent, k->m->sent_len, "Sec-WebSocket-Key: ", 19) != NULL) {
        f->call[k - f->call].seen = 0;
        ws_accept_call(f, (uint32_t)(k - f->call));
    }
}

static void act(struct fixture *f, unsigned what)
{
    sl_client_socket *s = sl_client_find(f->client, what & 8 ? "/chat" : "/");
    sl_sio_packet *p = sl_sio_packet_new("x");

    SL_ASSERT(p != NULL);
    sl_sio_put_binary(p, NULL, SL_STR("12345"));
    switch (what & 7) {
    case 0: (void)sl_client_emit(s, p); break;
    case 1: (void)sl_client_emit_ack(s, p, 100, note_answer, (void *)(uintptr_t) "a"); break;
    case 2: (void)sl_client_emit_volatile(s, p); break;
    case 3: sl_client_leave(s); break;
    case 4: (void)sl_client_join(s); break;
    case 5: sl_client_close(f->client, 1000); break;
    default: (void)sl_client_emit_json(s, "y", (sl_str){0});
    }
    sl_sio_packet_free(p);
    crank(f, 0);
}

static void obey(struct fixture *f, struct input *in)
{
    unsigned order = *in->at++, which = order >> 3;
    struct call *k = stream_of(f, which);
    sl_str bytes;

    f->log[0] = '\0';
    switch (order & 7) {
    case 0: accept_next(f); break;
    case 1:
        if (k != NULL) shake_hands(f, k);
        break;
    case 2: /* bytes as they are */
        bytes = take(in);
        if (k != NULL) feed(f, (uint32_t)(k - f->call), bytes.ptr, bytes.len);
        break;
    case 3: /* a text frame */
    case 4: /* a binary one */
        bytes = take(in);
        if (k != NULL) ws_say(f, (uint32_t)(k - f->call), (int)(order & 7) - 2, bytes);
        break;
    case 5: { /* an answer */
        char body[256];
        bytes = take(in);
        snprintf(body, sizeof body, "%.*s", (int)bytes.len, bytes.ptr);
        if (k != NULL) reply(f, (uint32_t)(k - f->call), body);
        break;
    }
    case 6:
        if (k != NULL && (which & 1)) hang_up(f, (uint32_t)(k - f->call));
        crank(f, (uint64_t)which * 50);
        break;
    default: act(f, which);
    }
}

static void end(struct fixture *f)
{
    if (f->client != NULL) sl_client_close(f->client, 0);
    for (int i = 0; i < 20 && f->client != NULL; i++)
        crank(f, 500);
    SL_ASSERT(f->client == NULL);
    crank(f, 10000); /* streams that are let go */
    sl_loop_free(f->loop);
    for (uint32_t i = 0; i < f->n; i++)
        mem_stream_free(f->call[i].m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct fixture f;
    struct input in = {data, data + n};
    sl_client_options o = {.namespaces = two_names,
                           .namespace_count = 2,
                           .tries_max = 4,
                           .message_max = 4096,
                           .buffer_count = 20};
    unsigned first;

    if (n < 2) return 0;
    memset(&f, 0, sizeof f);
    fix = &f;
    SL_ASSERT(sl_loop_new(&f.loop) == 0);
    crank(&f, 0);
    first = *in.at++;
    o.transports = (sl_client_transports)((first & 3) % 3);
    if (first & 4) o.eio = 3;
    if (first & 8) o.transports = SL_CLIENT_WEBSOCKET;
    SL_ASSERT(open_with(&f, &o) == 0);
    if (first & 8) {
        uint32_t i = accept_call(&f);
        ws_accept_call(&f, i);
        ws_text(&f, i, OPEN_PACKET);
        ws_text(&f, i, first & 4 ? "40" : "40{\"sid\":\"S\",\"pid\":\"P\"}");
    }
    while (in.at < in.end && f.client != NULL && f.n < CALLS - 4)
        obey(&f, &in);
    end(&f);
    return 0;
}
