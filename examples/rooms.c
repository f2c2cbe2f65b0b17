/* SPDX-License-Identifier: MIT */
/*
 * A chat with rooms, for any Socket.IO client:
 *
 *     const chat = io('http://127.0.0.1:9000', { auth: { name: 'ada' } });
 *     chat.on('said', (who, text) => console.log(`${who}: ${text}`));
 *     chat.emit('join', 'kitchen', (people) => console.log(`${people} here`));
 *     chat.emit('say', 'is there coffee?');
 */
#include "sluice/sluice.h"

#include <stdio.h>
#include <stdlib.h>

struct person {
    size_t name_len, room_len; /* room_len 0: in none */
    char name[64], room[64];   /* as they came, in JSON's escapes */
};

static sl_str room_of(const struct person *p)
{
    return (sl_str){p->room, p->room_len};
}

/* who and what, to everybody in the room. */
static void tell(sl_sio_socket *s, const char *event, const sl_sio_event *what)
{
    const struct person *p = sl_sio_user(s);
    sl_str room = room_of(p);
    sl_sio_packet *packet = sl_sio_packet_new(event);

    if (packet == NULL) return;
    sl_out_raw(sl_sio_args(packet), (sl_str){p->name, p->name_len});
    if (what != NULL) sl_sio_put_arg(packet, what, sl_sio_arg(what, 0));
    if (room.len > 0)
        sl_sio_broadcast(sl_sio_server(s), &(sl_sio_target){.to = &room, .to_count = 1},
                         packet);
    sl_sio_packet_free(packet);
}

/* A short JSON string, quotes included. */
static bool keep(sl_value v, char *into, size_t size, size_t *len)
{
    sl_str raw = sl_value_raw(v);

    if (sl_value_type(v) != SL_JSON_STRING || raw.len <= 2 || raw.len > size) return false;
    memcpy(into, raw.ptr, raw.len);
    *len = raw.len;
    return true;
}

static bool is_allowed(sl_sio_socket *s, sl_value auth, sl_sio_refusal *why, void *user)
{
    struct person *p = calloc(1, sizeof *p);
    sl_value name = sl_value_get(auth, SL_STR("name"));

    (void)user;
    if (p != NULL && keep(name, p->name, sizeof p->name, &p->name_len)) {
        sl_sio_set_user(s, p);
        return true;
    }
    free(p);
    snprintf(why->message, sizeof why->message, "say your name, in 1 to 62 bytes");
    return false;
}

static void leave(sl_sio_socket *s)
{
    struct person *p = sl_sio_user(s);

    if (p->room_len == 0) return;
    tell(s, "left", NULL);
    sl_sio_leave(s, room_of(p));
    p->room_len = 0;
}

static void on_join(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    struct person *p = sl_sio_user(s);
    char people[16];
    int n;

    (void)user;
    leave(s);
    if (!keep(sl_sio_arg(e, 0), p->room, sizeof p->room, &p->room_len)) return;
    if (sl_sio_join(s, room_of(p)) < 0) return;
    tell(s, "joined", NULL);
    n = snprintf(people, sizeof people, "%u",
                 sl_sio_count(sl_sio_server(s), sl_sio_nsp(s), room_of(p)));
    sl_sio_ack(s, e, (sl_str){people, (size_t)n});
}

static void on_say(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    (void)user;
    if (sl_sio_arg_count(e) > 0) tell(s, "said", e);
}

static void on_disconnect(sl_sio_socket *s, const char *reason, void *user)
{
    (void)reason, (void)user;
    leave(s);
    free(sl_sio_user(s));
}

int main(int argc, char **argv)
{
    static const sl_sio_on events[] = {
        {"join", on_join},
        {"say",  on_say }
    };
    static const sl_sio_namespace chat = {.name = "/",
                                          .is_allowed = is_allowed,
                                          .on_disconnect = on_disconnect,
                                          .events = events,
                                          .event_count = 2};
    const sl_sio_options with = {.namespaces = &chat, .namespace_count = 1};
    sl_route routes[SL_SIO_ROUTES];
    const sl_server_options o = {.routes = routes, .route_count = SL_SIO_ROUTES};
    const char *port = argc == 3 && strcmp(argv[1], "--port") == 0 ? argv[2] : "9000";
    sl_loop *loop = NULL;
    sl_server *server = NULL;
    sl_sio *sio = NULL;
    sl_error err = {0};
    char address[32];
    uint16_t got;
    int rc = sl_loop_new(&loop);

    snprintf(address, sizeof address, "127.0.0.1:%.5s", port);
    if (rc == 0) rc = sl_loop_stop_on_signals(loop, 3000);
    if (rc == 0) rc = sl_sio_new(loop, &with, &sio, &err);
    if (rc == 0) sl_sio_put_routes(sio, SL_RIGHT_OPEN, routes);
    if (rc == 0) rc = sl_server_new(loop, &o, &server, &err);
    if (rc == 0) rc = sl_server_listen(server, address, &got, &err);
    if (rc == 0) fprintf(stderr, "rooms: listening on port %u\n", got);
    rc = rc == 0 ? sl_loop_run(loop) : fprintf(stderr, "rooms: %s\n", err.text);
    sl_server_free(server);
    sl_sio_free(sio);
    sl_loop_free(loop);
    return rc != 0;
}
