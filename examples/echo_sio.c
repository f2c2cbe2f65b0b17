/* SPDX-License-Identifier: MIT */
/*
 * What the echo does for Socket.IO clients, in the namespaces "/", "/custom" and "/auth":
 *
 *   on connection              auth (what the client sent to authenticate)
 *   message (args…)            message-back (args…), binary included
 *   message-with-ack (args…)   acknowledged with the same
 *   ask (args…)                question (args…), wants an ack; then answer (what came)
 *   burst (n)                  seq 0 … n-1
 *   volatile-burst (n)         vseq 0 … n-1 as far as they can leave at once; vdone n
 *   join, leave (room)         acknowledged with "joined", "left"
 *   to-room (room, args…)      room-msg (args…) to the others in it
 *   to-all (args…)             all-msg (args…) to all in the namespace
 *   disconnect-me (hard)       leaves the namespace, or the connection
 */
#include "echo_sio.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BURST_MAX 1000000

/* An event of that name with the arguments of another, from the first one that is passed on. */
static sl_sio_packet *pass_on(const char *name, const sl_sio_event *e, uint32_t from)
{
    sl_sio_packet *p = sl_sio_packet_new(name);

    if (p != NULL) sl_sio_put_args(p, e, from);
    return p;
}

static void on_connect(sl_sio_socket *s, sl_value auth, void *user)
{
    sl_str none = SL_STR("{}"), raw = sl_value_raw(auth);

    (void)user;
    sl_sio_emit_json(s, "auth", raw.len > 0 ? raw : none);
}

static bool is_secret(sl_sio_socket *s, sl_value auth, sl_sio_refusal *why, void *user)
{
    (void)s, (void)user;
    if (sl_value_is_str(sl_value_get(auth, SL_STR("token")), SL_STR("secret"))) return true;
    snprintf(why->message, sizeof why->message, "unauthorized");
    sl_out_raw(&why->data, SL_STR("{\"code\":401}"));
    return false;
}

static void on_message(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    sl_sio_packet *p = pass_on("message-back", e, 0);

    (void)user;
    if (p != NULL) sl_sio_emit(s, p);
    sl_sio_packet_free(p);
}

static void on_message_with_ack(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    sl_sio_packet *p = pass_on(NULL, e, 0);

    (void)user;
    if (p != NULL) sl_sio_ack_packet(s, e, p);
    sl_sio_packet_free(p);
}

static void on_answer(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    sl_sio_packet *p = e != NULL ? pass_on("answer", e, 0) : NULL;

    (void)user;
    if (p != NULL) sl_sio_emit(s, p);
    sl_sio_packet_free(p);
}

static void on_ask(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    sl_sio_packet *p = pass_on("question", e, 0);

    if (p != NULL) sl_sio_emit_ack(s, p, 0, on_answer, user);
    sl_sio_packet_free(p);
}

typedef int emit_fn(sl_sio_socket *s, sl_sio_packet *p);

static void emit_number(sl_sio_socket *s, const char *name, int64_t n, emit_fn *emit)
{
    sl_sio_packet *p = sl_sio_packet_new(name);

    if (p == NULL) return;
    sl_out_i64(sl_sio_args(p), n);
    emit(s, p);
    sl_sio_packet_free(p);
}

static int64_t count_of(const sl_sio_event *e)
{
    int64_t n = 0;

    if (!sl_value_i64(sl_sio_arg(e, 0), &n) || n < 0) return 0;
    return n < BURST_MAX ? n : BURST_MAX;
}

static void on_burst(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    (void)user;
    for (int64_t i = 0, n = count_of(e); i < n; i++)
        emit_number(s, "seq", i, sl_sio_emit);
}

static void on_volatile_burst(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    int64_t n = count_of(e);

    (void)user;
    for (int64_t i = 0; i < n; i++)
        emit_number(s, "vseq", i, sl_sio_emit_volatile);
    emit_number(s, "vdone", n, sl_sio_emit);
}

/* The first argument as a room's name; false: it is none. */
static bool read_room(const sl_sio_event *e, char name[SL_SIO_ROOM_NAME_MAX], sl_str *room)
{
    sl_str raw;
    int64_t n;

    if (!sl_value_str(sl_sio_arg(e, 0), &raw) || raw.len > SL_SIO_ROOM_NAME_MAX) return false;
    n = sl_json_unescape(raw, name);
    *room = (sl_str){name, n > 0 ? (size_t)n : 0};
    return n >= 0;
}

static void on_join(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    char name[SL_SIO_ROOM_NAME_MAX];
    sl_str room;

    (void)user;
    if (read_room(e, name, &room) && sl_sio_join(s, room) == 0)
        sl_sio_ack(s, e, SL_STR("\"joined\""));
}

static void on_leave(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    char name[SL_SIO_ROOM_NAME_MAX];
    sl_str room;

    (void)user;
    if (read_room(e, name, &room)) sl_sio_leave(s, room);
    sl_sio_ack(s, e, SL_STR("\"left\""));
}

static void on_to_room(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    char name[SL_SIO_ROOM_NAME_MAX];
    sl_sio_packet *p;
    sl_str room;

    (void)user;
    if (!read_room(e, name, &room)) return;
    p = pass_on("room-msg", e, 1);
    if (p == NULL) return;
    sl_sio_broadcast(
        sl_sio_server(s),
        &(sl_sio_target){.nsp = sl_sio_nsp(s), .to = &room, .to_count = 1, .but = s}, p);
    sl_sio_packet_free(p);
}

static void on_to_all(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    sl_sio_packet *p = pass_on("all-msg", e, 0);

    (void)user;
    if (p != NULL)
        sl_sio_broadcast(sl_sio_server(s), &(sl_sio_target){.nsp = sl_sio_nsp(s)}, p);
    sl_sio_packet_free(p);
}

static void on_disconnect_me(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    bool hard = false;

    (void)user;
    (void)sl_value_bool(sl_sio_arg(e, 0), &hard);
    sl_sio_disconnect(s, hard);
}

static const sl_sio_on events[] = {
    {"message",          on_message         },
    {"message-with-ack", on_message_with_ack},
    {"ask",              on_ask             },
    {"burst",            on_burst           },
    {"volatile-burst",   on_volatile_burst  },
    {"join",             on_join            },
    {"leave",            on_leave           },
    {"to-room",          on_to_room         },
    {"to-all",           on_to_all          },
    {"disconnect-me",    on_disconnect_me   },
};

#define COUNT (sizeof events / sizeof events[0])

// clang-format off
const sl_sio_namespace echo_namespaces[ECHO_NAMESPACES] = {
    {.name = "/", .on_connect = on_connect, .events = events, .event_count = COUNT},
    {.name = "/custom", .on_connect = on_connect, .events = events, .event_count = COUNT},
    {.name = "/auth", .is_allowed = is_secret, .on_connect = on_connect, .events = events,
     .event_count = COUNT},
};
// clang-format on
