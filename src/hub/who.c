/* SPDX-License-Identifier: MIT */
#include "hub/who.h"

#include "hub/intake_inside.h"
#include "hub/live_wire_inside.h"
#include "hub/pictures.h"
#include "hub/sockets.h"
#include "serve/feed.h"
#include "serve/http_conn.h"
#include "serve/request.h"
#include "serve/ws_session.h"

static const struct vital_system *find_system(const struct vitals *v, const struct system *sys)
{
    for (size_t i = 0; i < v->system_count; i++)
        if (v->system[i].system == sys) return &v->system[i];
    return NULL;
}

/* The first with a role says who it is; all of them count what it has sent. */
static void of_sender(const struct vitals *v, const struct sender *s, struct who *out)
{
    const struct system *sys = s->owner->system;
    const struct vital_system *vital = find_system(v, sys);

    out->messages = (out->messages > 0 ? out->messages : 0) + s->received;
    if (out->role != NULL) return;
    out->system = sys->name;
    if (s->role != 0) out->role = sys->roles[s->role - 1];
    if (sys->device_of != NULL && vital != NULL) out->device = sys->device_of(vital->state, s);
}

/* NULL: there was no memory for it, and it is closing */
static uint64_t live_viewer_conflated(const sl_ws *ws)
{
    const struct viewer *viewer = sl_ws_user(ws);

    return viewer != NULL ? viewer->conflated : 0;
}

static void of_ws(const struct vitals *v, const sl_ws *ws, struct who *out)
{
    const sl_ws_ops *ops = sl__ws_ops(ws);
    const struct sender *s;

    if (ops == &live_viewer_ops) {
        out->system = "hub";
        out->role = "page";
        out->conflated = live_viewer_conflated(ws);
    } else if (ops == &intake_ws_ops) {
        s = sl_ws_user(ws);
        if (s != NULL) of_sender(v, s, out);
    }
}

static void of_sockets(const struct vitals *v, const struct inspected *c, struct who *out)
{
    sl_sio_socket *sio = NULL;

    while ((sio = inspect_next_socket(c, sio)) != NULL) {
        const struct socket *k = sl_sio_user(sio);

        for (const struct sender *s = k != NULL ? k->senders : NULL; s != NULL; s = s->next)
            of_sender(v, s, out);
    }
}

/* By its route: the row of the server is a copy, but its path is the system's. */
static const char *system_of_path(const struct vitals *v, const char *path)
{
    for (size_t i = 0; i < v->system_count; i++) {
        const struct system *sys = v->system[i].system;

        for (size_t j = 0; j < sys->route_count; j++)
            if (sys->routes[j].path == path) return sys->name;
    }
    return NULL;
}

static void of_feed(const struct vitals *v, const sl_feed *f, struct who *out)
{
    const struct live_stream *s = pictures_watched(f);
    struct feed_facts facts;

    feed_look(f, &facts);
    out->role = "viewer";
    out->system = s != NULL ? stream_system(s) : system_of_path(v, facts.path);
    if (s != NULL) out->device = stream_device(s);
}

void who_is(const struct vitals *v, const struct inspected *c, struct who *out)
{
    *out = (struct who){.messages = INSPECT_UNKNOWN};
    if (c->eio != NULL)
        of_sockets(v, c, out);
    else if (c->ws != NULL)
        of_ws(v, c->ws, out);
    else if (c->feed != NULL)
        of_feed(v, c->feed, out);
}

void who_of_sender(const struct sender *s, struct inspected *out)
{
    *out = (struct inspected){0};
    if (s->ws != NULL)
        inspect_of_ws(s->ws, out);
    else if (s->sio != NULL)
        inspect_of_socket(s->sio, out);
}

uint64_t who_sent(const struct arrival *a)
{
    struct inspected c = {0};

    if (a->sender != NULL)
        who_of_sender(a->sender, &c);
    else if (a->request != NULL && a->request->conn != NULL)
        c.id = http_conn_stream(a->request->conn)->id;
    return c.id;
}
