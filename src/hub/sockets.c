/* SPDX-License-Identifier: MIT */
#include "hub/sockets.h"

#include "base/alloc.h"
#include "base/map.h"
#include "hub/intake_inside.h"
#include "hub/vitals.h"

#include <stdio.h>

#define PATH            "/socket.io/"
#define PING_MS         25000
#define PATIENCE_MS     60000 /* the kinder of what the originals use */
#define MESSAGE_MAX     (16u << 20)
#define POLL_PACKETS    16 /* Debian's Python client refuses more in one poll */
#define EVENT_MAX       64 /* bytes as written; ours have fewer */
#define SYSTEM_ROOM_MAX 32

struct sockets {
    sl_sio *sio;
    struct map *events; /* struct intake_route, by name */
    struct list all;    /* struct socket */
    struct knocks *knocks;
    const char *system[SYSTEMS_MAX]; /* those that have events */
    size_t system_count;
    const char *history; /* of the last of them: where GET tells of the past; or NULL */
    uint64_t ignored;
    sl_sio_namespace root;
};

/* ---- who has said to be whose: in the room of that system, unless it is of two ---- */

static sl_str room_of(const char *system, char text[SYSTEM_ROOM_MAX])
{
    int n = snprintf(text, SYSTEM_ROOM_MAX, "=%s", system);

    return (sl_str){text, n < SYSTEM_ROOM_MAX ? (size_t)n : SYSTEM_ROOM_MAX - 1};
}

/* Without memory for the room it gets what is for everybody, which is the lesser evil. */
static void set_room(const struct socket *k)
{
    char text[SYSTEM_ROOM_MAX];

    for (const struct sender *s = k->senders; s != NULL; s = s->next) {
        sl_str room = room_of(s->owner->system->name, text);

        if (s->role != 0 && k->systems == 1)
            (void)sl_sio_join(k->sio, room);
        else
            sl_sio_leave(k->sio, room);
    }
}

void sockets_claim(struct sender *sender, bool has_role)
{
    struct socket *k = sl_sio_user(sender->sio);

    k->systems += has_role ? 1 : -1;
    set_room(k);
}

int sockets_tell_all(struct sockets *s, const char *system, uint32_t key, sl_sio_packet *p)
{
    char text[SYSTEMS_MAX][SYSTEM_ROOM_MAX];
    sl_str other[SYSTEMS_MAX];
    sl_sio_target t = {.except = other};

    for (size_t i = 0; i < s->system_count; i++) {
        if (strcmp(s->system[i], system) == 0) continue;
        other[t.except_count] = room_of(s->system[i], text[t.except_count]);
        t.except_count++;
    }
    return key == 0 ? sl_sio_broadcast(s->sio, &t, p)
                    : sl_sio_broadcast_newest(s->sio, &t, key, p);
}

/* ---- a connection's life ---- */

static void on_connect(sl_sio_socket *sio, sl_value auth, void *user)
{
    struct sockets *s = user;
    struct socket *k = sl__zalloc(sizeof *k);

    (void)auth;
    if (k == NULL) {
        sl_sio_disconnect(sio, true);
        return;
    }
    *k = (struct socket){.owner = s, .sio = sio};
    list_add_last(&s->all, &k->of_all);
    sl_sio_set_user(sio, k);
}

static void on_disconnect(sl_sio_socket *sio, const char *reason, void *user)
{
    struct socket *k = sl_sio_user(sio);

    (void)user;
    if (k == NULL) return;
    list_remove(&k->of_all);
    for (struct sender *s; (s = k->senders) != NULL;) {
        k->senders = s->next;
        intake_sio_leave(s, sl_str_of(reason));
    }
    sl__free(k);
}

/* Its sender to this system, made if need be; NULL without memory. */
static struct sender *get_sender(struct socket *k, struct intakes *x)
{
    struct sender *s;

    for (s = k->senders; s != NULL; s = s->next)
        if (s->owner == x) return s;
    s = sl__zalloc(sizeof *s);
    if (s == NULL) return NULL;
    *s = (struct sender){.owner = x, .sio = k->sio, .next = k->senders, .refs = 1};
    list_init(&s->paused);
    k->senders = s;
    return s;
}

/* ---- events ---- */

static struct intake_route *find(const struct sockets *s, const sl_sio_event *e)
{
    char room[EVENT_MAX];
    sl_str name = e->name;
    int64_t len;

    if (name.len > sizeof room) return NULL;
    if (memchr(name.ptr, '\\', name.len) != NULL) {
        len = sl_json_unescape(name, room);
        if (len < 0) return NULL;
        name = (sl_str){room, (size_t)len};
    }
    return map_find(s->events, name);
}

static void knock_event(const struct sockets *s, const sl_sio_socket *sio,
                        const sl_sio_event *e)
{
    char text[EVENT_MAX + 16];
    int n = snprintf(text, sizeof text, "event %.*s",
                     e->name.len < EVENT_MAX ? (int)e->name.len : EVENT_MAX, e->name.ptr);

    knock_note(s->knocks, &(struct knock){
                              .cause = KNOCK_EVENT,
                              .peer = sl_sio_peer(sio),
                              .path = SL_STR(PATH),
                              .detail = {text, (size_t)n}
    });
}

/* What says nothing to us is ignored, and so it was by the originals. */
static void on_event(sl_sio_socket *sio, const sl_sio_event *e, void *user)
{
    struct sockets *s = user;
    struct socket *k = sl_sio_user(sio);
    struct intake_route *route = find(s, e);
    struct arrival a = {.event = e, .root = sl_sio_arg(e, 0), .buf = e->buf};

    if (route == NULL) {
        s->ignored++;
        knock_event(s, sio, e);
        return;
    }
    a.intake = route->intake;
    a.sender = k != NULL ? get_sender(k, route->owner) : NULL;
    if (a.sender == NULL) {
        sl_sio_disconnect(sio, true); /* no memory: it comes back */
        return;
    }
    intake_take(route->owner, &a);
}

/* ---- life ---- */

static const sl_sio_on any_event[] = {
    {NULL, on_event}
};

/* Where what was missed can be read: of the one system that has events, if there is but one. */
static void put_gap_link(sl_sio_socket *sio, const sl_sio_gap *gap, sl_json_out *out,
                         void *user)
{
    const struct sockets *s = user;

    (void)sio, (void)gap;
    if (s->system_count == 1 && s->history != NULL) sl_out_str(out, sl_str_of(s->history));
}

int sockets_new(sl_loop *loop, size_t queue_max, uint32_t recovery_ms, struct sockets **out,
                sl_error *err)
{
    struct sockets *s = sl__zalloc(sizeof *s);
    sl_sio_options o = {.path = PATH,
                        .namespace_count = 1,
                        .ping_interval_ms = PING_MS,
                        .ping_timeout_ms = PATIENCE_MS,
                        .payload_max = MESSAGE_MAX,
                        .queue_max = queue_max,
                        .recovery_ms = recovery_ms,
                        .poll_packets_max = POLL_PACKETS};
    int rc;

    *out = NULL;
    if (s == NULL) return sl_fail(err, SL_E_NOMEM, PATH, "out of memory");
    list_init(&s->all);
    s->root = (sl_sio_namespace){.name = "/",
                                 .on_connect = on_connect,
                                 .on_disconnect = on_disconnect,
                                 .events = any_event,
                                 .event_count = 1,
                                 .put_gap_link = put_gap_link,
                                 .user = s};
    o.namespaces = &s->root;
    s->events = map_new();
    rc = s->events != NULL ? sl_sio_new(loop, &o, &s->sio, err)
                           : sl_fail(err, SL_E_NOMEM, PATH, "out of memory");
    if (rc < 0)
        sockets_free(s);
    else
        *out = s;
    return rc;
}

void sockets_free(struct sockets *s)
{
    if (s == NULL) return;
    sl_sio_free(s->sio);
    map_free(s->events);
    sl__free(s);
}

int sockets_add(struct sockets *s, struct intakes *x, sl_error *err)
{
    const struct system *sys = x->system;
    bool has_any = false;

    for (size_t i = 0; i < sys->intake_count; i++) {
        for (const char *const *name = sys->intakes[i].events; name && *name; name++) {
            if (map_find(s->events, sl_str_of(*name)) != NULL)
                return sl_fail(err, SL_E_INVAL, *name, "two intakes take this event");
            if (map_put(s->events, sl_str_of(*name), &x->routes[i], NULL) < 0)
                return sl_fail(err, SL_E_NOMEM, *name, "out of memory");
            has_any = true;
        }
    }
    if (!has_any) return 0;
    s->system[s->system_count++] = sys->name;
    s->history = sys->query_count > 0 ? sys->queries[0].path : NULL;
    return 0;
}

bool sockets_has(const struct sockets *s, const char *system)
{
    for (size_t i = 0; i < s->system_count; i++)
        if (strcmp(s->system[i], system) == 0) return true;
    return false;
}

void sockets_set_knocks(struct sockets *s, struct knocks *knocks)
{
    s->knocks = knocks;
}

void sockets_put_routes(struct sockets *s, sl_route rows[SOCKETS_ROUTES])
{
    sl_sio_put_routes(s->sio, SL_RIGHT_OPEN, rows);
}

sl_sio *sockets_server(const struct sockets *s)
{
    return s->sio;
}

const struct socket *sockets_next(const struct sockets *s, const struct socket *k)
{
    const struct list *n = k == NULL ? s->all.next : k->of_all.next;

    return n == &s->all ? NULL : LIST_ENTRY(n, struct socket, of_all);
}

uint64_t sockets_ignored(const struct sockets *s)
{
    return s->ignored;
}
