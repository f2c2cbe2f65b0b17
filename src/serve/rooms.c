/* SPDX-License-Identifier: MIT */
#include "serve/rooms.h"

#include "base/alloc.h"
#include "serve/room_batch.h"
#include "serve/ws_deflate.h"
#include "serve/ws_internal.h"

struct sl_room {
    struct rooms *rooms;
    struct list node; /* among all of them */
    sl_room_policy policy;
    struct membership **member;
    uint32_t n, cap;
    struct sl_room_stats stats;
};

/* One session in one room; linked from both sides. */
struct membership {
    struct list of_ws;
    sl_room *room;
    sl_ws *ws;
    uint32_t index;     /* in room->member */
    uint32_t conflated; /* what was the newest gave way */
};

/* publish ──► batch: one room, one exception */
struct rooms {
    sl_server *server;
    struct turn_hook hook;
    struct list all;
    struct sl_room_stats gone; /* of rooms that were freed */
    sl_room *room;             /* whose batch it is; NULL: there is none */
    const sl_ws *except;
    uint64_t id;
    struct batches batch;
};

static struct membership *find_membership(const sl_room *room, const sl_ws *ws)
{
    for (const struct list *n = ws->rooms.next; n != &ws->rooms; n = n->next) {
        struct membership *m = LIST_ENTRY(n, struct membership, of_ws);
        if (m->room == room) return m;
    }
    return NULL;
}

/* ---- the batch ---- */

/* Book what happened to `n` packets for one member, of which `taken` are on their way. */
static void account(sl_room *room, sl_ws *ws, int n, int taken)
{
    if (taken < 0) {
        room->stats.dropped_closed += (uint64_t)n;
        return;
    }
    room->stats.delivered += (uint64_t)taken;
    if (taken == n) return;
    if (room->policy == SL_ROOM_CLOSE) {
        room->stats.closed_full++;
        sl__stream_close(ws->stream,
                         SL_E_FULL); /* gone at the end of the turn: safe in a walk */
    } else {
        room->stats.dropped_full += (uint64_t)(n - taken);
    }
}

/* How many packets of the batch this member has had already. */
static int taken_early(const struct rooms *r, const sl_ws *ws)
{
    return ws->batch_id == r->id ? (int)ws->batch_taken : 0;
}

/* The member's part of the batch goes to its own queue. */
static void queue_batch(struct rooms *r, sl_ws *ws)
{
    const struct batch *b = batches_for(&r->batch, r->server, ws->deflate_bits);
    int from = taken_early(r, ws), i = from, rc = 0;

    for (; i < b->n; i++) {
        rc = sl__stream_send(ws->stream, b->packet[i], STREAM_MAY_HOLD);
        if (rc < 0) break;
    }
    ws->batch_id = r->id;
    ws->batch_taken = (uint32_t)b->n;
    account(r->room, ws, b->n - from, rc == SL_E_CLOSED ? -1 : i - from);
}

static void send_batch(struct rooms *r, sl_ws *ws)
{
    const struct batch *b;

    if (taken_early(r, ws) > 0) {
        queue_batch(r, ws);
        return;
    }
    b = batches_for(&r->batch, r->server, ws->deflate_bits);
    account(r->room, ws, b->n,
            sl__stream_send_batch(ws->stream, b->packet, b->n, b->iov, b->iov_n, b->bytes,
                                  STREAM_MAY_HOLD));
}

/* `each` closes at most; nobody leaves a room before the end of the turn. */
static void end_batch(struct rooms *r, void (*each)(struct rooms *r, sl_ws *ws))
{
    if (r->batch.plain.n == 0) return;
    for (uint32_t i = r->room->n; i-- > 0;) {
        sl_ws *ws = r->room->member[i]->ws;
        if (ws != r->except) each(r, ws);
    }
    batches_clear(&r->batch);
    r->room = NULL;
    r->id++;
}

static void on_turn(struct turn_hook *h)
{
    end_batch(LIST_ENTRY(h, struct rooms, hook), send_batch);
}

static void make_room_for(struct rooms *r, sl_room *room, const sl_ws *except, int slices)
{
    if (!batches_have_room(&r->batch, slices))
        end_batch(r, send_batch); /* enough for a system call */
    else if (r->room != room || r->except != except)
        end_batch(r, queue_batch); /* in order, yet one system call a member */
}

/* Takes the reference. */
static void add_to_batch(struct rooms *r, sl_room *room, const sl_ws *except, struct packet *p,
                         uint8_t head_len)
{
    make_room_for(r, room, except, p->n);
    if (r->batch.plain.n == 0)
        sl__loop_want_hooks(r->server->loop); /* the last goodbye of a turn may publish */
    r->room = room;
    r->except = except;
    batches_add(&r->batch, p, head_len);
}

void rooms_settle(struct rooms *r, sl_ws *ws)
{
    if (r->batch.plain.n == 0 || ws == r->except || find_membership(r->room, ws) == NULL)
        return;
    queue_batch(r, ws);
}

/* ---- publishing ---- */

int sl_room_publish(sl_room *room, const sl_message *m, const sl_ws *except)
{
    struct packet *p;

    room->stats.published++;
    if (room->n == 0) return 0;
    if (except != NULL && find_membership(room, except) == NULL) except = NULL;
    p = ws_packet(m);
    if (p == NULL) {
        room->stats.dropped_memory++;
        return SL_E_NOMEM;
    }
    bool packs = ws_deflate_wants(room->rooms->server, m);
    add_to_batch(room->rooms, room, except, p, packs ? (uint8_t)(p->bytes - m->bytes) : 0);
    return 0;
}

static void book_newest(struct membership *m, int rc)
{
    struct sl_room_stats *s = &m->room->stats;

    if (rc == SL_E_FULL)
        s->dropped_full++;
    else if (rc == SL_E_CLOSED)
        s->dropped_closed++;
    else if (rc < 0)
        s->dropped_memory++;
    else
        s->delivered += rc == 0, s->newest += rc == 0, s->replaced += rc == 1,
            m->conflated += rc == 1;
}

int sl_room_publish_newest(sl_room *room, uint32_t key, const sl_message *m,
                           const sl_ws *except)
{
    struct packet *p;

    if (ws_key_is_ours(key)) return SL_E_INVAL;
    room->stats.published++;
    if (room->n == 0) return 0;
    p = ws_packet(m);
    if (p == NULL) {
        room->stats.dropped_memory++;
        return SL_E_NOMEM;
    }
    for (uint32_t i = room->n; i-- > 0;) {
        struct membership *to = room->member[i];
        if (to->ws != except) book_newest(to, sl__stream_put_newest(to->ws->stream, key, p));
    }
    packet_drop(p);
    return 0;
}

void sl_room_get_stats(const sl_room *room, sl_room_stats *out)
{
    *out = room->stats;
    out->members = room->n;
}

static void add_stats(struct sl_room_stats *sum, const sl_room *room)
{
    const struct sl_room_stats *s = &room->stats;

    sum->members += room->n;
    sum->published += s->published;
    sum->delivered += s->delivered;
    sum->newest += s->newest;
    sum->replaced += s->replaced;
    sum->dropped_full += s->dropped_full;
    sum->dropped_closed += s->dropped_closed;
    sum->closed_full += s->closed_full;
    sum->dropped_memory += s->dropped_memory;
}

void rooms_get_stats(const struct rooms *r, sl_room_stats *out)
{
    *out = r->gone;
    for (const struct list *n = r->all.next; n != &r->all; n = n->next)
        add_stats(out, LIST_ENTRY(n, struct sl_room, node));
}

/* ---- membership ---- */

/* The batch is for those who were members when it was published. */
static void settle_room(sl_room *room)
{
    if (room->rooms->room == room) end_batch(room->rooms, queue_batch);
}

int sl_room_join(sl_room *room, sl_ws *ws)
{
    struct membership *m, **more;

    if (ws->over || ws->close_sent) return SL_E_CLOSED; /* as in leave_all: §5.5.1 */
    if (find_membership(room, ws) != NULL) return 0;
    if (room->n == room->cap) {
        uint32_t cap = room->cap ? room->cap * 2 : 8;
        more = sl__realloc(room->member, sizeof *more * cap);
        if (more == NULL) return SL_E_NOMEM;
        room->member = more;
        room->cap = cap;
    }
    m = sl__alloc(sizeof *m);
    if (m == NULL) return SL_E_NOMEM;
    settle_room(room);
    *m = (struct membership){.room = room, .ws = ws, .index = room->n};
    list_add_last(&ws->rooms, &m->of_ws);
    room->member[room->n++] = m;
    ws->stream->viewer = true;
    return 0;
}

static void leave(struct membership *m)
{
    sl_room *room = m->room;

    settle_room(room);
    room->member[m->index] = room->member[--room->n];
    room->member[m->index]->index = m->index;
    list_remove(&m->of_ws);
    sl__free(m);
}

void sl_room_leave(sl_room *room, sl_ws *ws)
{
    struct membership *m = find_membership(room, ws);

    if (m != NULL) leave(m);
}

bool sl_room_has(const sl_room *room, const sl_ws *ws)
{
    return find_membership(room, ws) != NULL;
}

uint64_t rooms_conflated(const sl_ws *ws)
{
    uint64_t n = 0;

    for (const struct list *at = ws->rooms.next; at != &ws->rooms; at = at->next)
        n += LIST_ENTRY(at, struct membership, of_ws)->conflated;
    return n;
}

void rooms_leave_all(sl_ws *ws)
{
    while (!list_is_empty(&ws->rooms))
        leave(LIST_ENTRY(ws->rooms.next, struct membership, of_ws));
}

/* ---- lives ---- */

int sl_room_new(sl_server *s, sl_room_policy policy, sl_room **out)
{
    sl_room *room = sl__zalloc(sizeof *room);

    *out = room;
    if (room == NULL) return SL_E_NOMEM;
    room->rooms = s->rooms;
    room->policy = policy;
    list_add_last(&s->rooms->all, &room->node);
    return 0;
}

void sl_room_free(sl_room *room)
{
    if (room == NULL) return;
    while (room->n > 0)
        leave(room->member[room->n - 1]);
    add_stats(&room->rooms->gone, room);
    list_remove(&room->node);
    sl__free(room->member);
    sl__free(room);
}

struct rooms *rooms_new(sl_server *s)
{
    struct rooms *r = sl__zalloc(sizeof *r);

    if (r == NULL) return NULL;
    r->server = s;
    list_init(&r->all);
    r->id = 1; /* a session starts with 0: it has taken nothing */
    r->hook.on_turn = on_turn;
    sl__loop_add_turn_hook(s->loop, &r->hook);
    return r;
}

void rooms_free(struct rooms *r)
{
    if (r == NULL) return;
    end_batch(r, queue_batch);
    batches_deinit(&r->batch);
    sl__loop_remove_turn_hook(&r->hook);
    sl__free(r);
}
