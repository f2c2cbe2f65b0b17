/* SPDX-License-Identifier: MIT */
/*
 * The relay for Socket.IO clients:
 *
 *   sludge-data (x)    sludge-data-update (x) to everybody, in order
 *   device:frame (x)   stream:frame (x) to everybody else; only the newest of a sender waits
 *   echo (x)           back to the sender
 */
#include "relay_sio.h"

/* An event of another name with the first argument of this one. */
static sl_sio_packet *renamed(const char *name, const sl_sio_event *e)
{
    sl_sio_packet *p = sl_sio_packet_new(name);

    if (p != NULL && sl_sio_arg_count(e) > 0) sl_sio_put_arg(p, e, sl_sio_arg(e, 0));
    return p;
}

static void on_connect(sl_sio_socket *s, sl_value auth, void *user)
{
    uint32_t *senders = user;

    (void)auth;
    sl_sio_set_user(s, (void *)(uintptr_t)++ * senders);
}

static void on_data(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    sl_sio_packet *p = renamed("sludge-data-update", e);

    (void)user;
    if (p != NULL) sl_sio_broadcast(sl_sio_server(s), &(sl_sio_target){0}, p);
    sl_sio_packet_free(p);
}

static void on_frame(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    sl_sio_packet *p = renamed("stream:frame", e);
    uint32_t key = (uint32_t)(uintptr_t)sl_sio_user(s);

    (void)user;
    if (p != NULL)
        sl_sio_broadcast_newest(sl_sio_server(s), &(sl_sio_target){.but = s}, key, p);
    sl_sio_packet_free(p);
}

static void on_echo(sl_sio_socket *s, const sl_sio_event *e, void *user)
{
    sl_sio_packet *p = renamed("echo", e);

    (void)user;
    if (p != NULL) sl_sio_emit(s, p);
    sl_sio_packet_free(p);
}

sl_sio_namespace relay_namespace(uint32_t *senders)
{
    static const sl_sio_on events[] = {
        {"device:frame", on_frame},
        {"sludge-data",  on_data },
        {"echo",         on_echo }
    };

    return (sl_sio_namespace){.name = "/",
                              .on_connect = on_connect,
                              .events = events,
                              .event_count = 3,
                              .user = senders};
}
