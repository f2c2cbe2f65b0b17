/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "hub/intake_inside.h"
#include "hub/tail_inside.h"
#include "net/loop.h"

#define TICK_MS    1000
#define KEEP_TICKS 15
#define EVENT_MAX  64 /* bytes of a name; longer ones are cut */
#define DEVICE_MAX 128

struct tail_row {
    enum tail_what what;
    const char *system;
    uint64_t connection, count, bytes;
    uint32_t to;
    uint8_t event_len, device_len;
    char event[EVENT_MAX], device[DEVICE_MAX];
};

static const char *const words[TAIL_COUNTED] = {
    [TAIL_IN] = "in", [TAIL_OUT] = "out", [TAIL_STORED] = "stored"};

static sl_str event_of(const struct tail_row *r)
{
    return (sl_str){r->event, r->event_len};
}

static sl_str device_of(const struct tail_row *r)
{
    return (sl_str){r->device, r->device_len};
}

/* ---- one object ---- */

static void put_text(sl_json_out *out, const char *key, sl_str text)
{
    sl_out_key(out, key);
    if (text.len > 0)
        sl_out_str(out, text);
    else
        sl_out_null(out);
}

static void put_number(sl_json_out *out, const char *key, uint64_t v)
{
    sl_out_key(out, key);
    sl_out_i64(out, (int64_t)v);
}

static void begin(sl_json_out *out, const char *what)
{
    sl_out_object(out);
    sl_out_key(out, "what");
    sl_out_str(out, sl_str_of(what));
    put_number(out, "at_us", (uint64_t)wall_now().us);
}

static void put_connection(sl_json_out *out, uint64_t id)
{
    char text[CONNECTION_ID_SIZE];

    connection_id(id, text);
    put_text(out, "connection", id != 0 ? sl_str_of(text) : (sl_str){0});
}

/* ---- what is counted ---- */

static bool is_same(const struct tail_row *r, const struct tail_row *key)
{
    return r->what == key->what && r->connection == key->connection && r->system == key->system
           && sl_str_eq(event_of(r), event_of(key)) && sl_str_eq(device_of(r), device_of(key));
}

static uint8_t keep(char *into, size_t room, sl_str text)
{
    text = str_cut_utf8(text, room);
    if (text.len > 0) memcpy(into, text.ptr, text.len);
    return (uint8_t)text.len;
}

static void count(struct tail *t, enum tail_what what, const char *system, sl_str event,
                  sl_str device, uint64_t connection, size_t bytes, uint32_t to)
{
    struct tail_row key = {.what = what, .system = system, .connection = connection}, *r;

    key.event_len = keep(key.event, sizeof key.event, event);
    key.device_len = keep(key.device, sizeof key.device, device);
    for (r = t->row; r < t->row + t->rows; r++)
        if (is_same(r, &key)) break;
    if (r == t->row + TAIL_ROWS) {
        t->others[what]++;
        return;
    }
    if (r == t->row + t->rows) {
        *r = key;
        t->rows++;
    }
    r->count++;
    r->bytes += bytes;
    r->to = to;
}

static void tell_row(struct tail *t, const struct tail_row *r)
{
    const struct tail_key key = {r->system, event_of(r), device_of(r), r->connection};
    sl_json_out out = {0};

    begin(&out, words[r->what]);
    put_text(&out, "system", r->system != NULL ? sl_str_of(r->system) : (sl_str){0});
    put_text(&out, "event", event_of(r));
    put_text(&out, "device", device_of(r));
    put_connection(&out, r->connection);
    put_number(&out, "count", r->count);
    put_number(&out, "bytes", r->bytes);
    if (r->what == TAIL_OUT) put_number(&out, "to", r->to);
    sl_out_end(&out);
    tail_tell(t, &key, &out);
}

static void tell_others(struct tail *t, enum tail_what what)
{
    const struct tail_key key = {0};
    sl_json_out out = {0};

    if (t->others[what] == 0) return;
    begin(&out, words[what]);
    put_text(&out, "event", SL_STR("(others)"));
    put_number(&out, "count", t->others[what]);
    sl_out_end(&out);
    t->others[what] = 0;
    tail_tell(t, &key, &out);
}

static void on_tick(struct timer *timer)
{
    struct tail *t = LIST_ENTRY(timer, struct tail, tick);

    for (uint32_t i = 0; i < t->rows; i++)
        tell_row(t, &t->row[i]);
    for (int i = 0; i < TAIL_COUNTED; i++)
        tell_others(t, (enum tail_what)i);
    t->rows = 0;
    if (++t->ticks % KEEP_TICKS == 0) tail_keep(t);
    sl__loop_set_timer(t->loop, &t->tick, TICK_MS);
}

/* ---- what is told at once ---- */

static void tell_of(struct tail *t, const struct inspected *c, const char *what,
                    void (*more)(sl_json_out *out, const void *arg), const void *arg)
{
    struct tail_key key = {.event = sl_str_of(what), .connection = c->id};
    sl_json_out out = {0};
    struct who who;

    who_is(t->connections->vitals, c, &who);
    key.system = who.system;
    key.device = who.device;
    begin(&out, what);
    put_connection(&out, c->id);
    connection_put_who(t->connections, c, &out);
    if (more != NULL) more(&out, arg);
    sl_out_end(&out);
    tail_tell(t, &key, &out);
}

static void on_opened(const struct inspected *c, void *user)
{
    tell_of(user, c, "opened", NULL, NULL);
}

struct ending {
    int code;
    sl_str reason;
};

static void put_ending(sl_json_out *out, const void *arg)
{
    const struct ending *e = arg;

    put_text(out, "reason", e->reason);
    sl_out_key(out, "code");
    if (e->code != 0)
        sl_out_i64(out, e->code);
    else
        sl_out_null(out);
}

static void on_ended(const struct inspected *c, int code, sl_str reason, void *user)
{
    const struct ending e = {code, reason};

    tell_of(user, c, "ended", put_ending, &e);
}

struct joining {
    sl_str nsp, room;
};

static void put_joining(sl_json_out *out, const void *arg)
{
    const struct joining *j = arg;

    put_text(out, "namespace", j->nsp);
    put_text(out, "room", j->room);
}

static void on_joined(const sl_sio_socket *s, sl_str room, void *user)
{
    const struct joining j = {sl_sio_nsp(s), room};
    struct inspected c;

    inspect_of_socket(s, &c);
    if (c.id != 0) tell_of(user, &c, "joined", put_joining, &j);
}

/* Whose event it was, Socket.IO does not know; the device is in its arguments. */
static void on_emitted(const sl_sio_socket *to, sl_str event, size_t bytes, uint32_t n,
                       void *user)
{
    struct inspected c = {0};

    if (to != NULL) inspect_of_socket(to, &c);
    count(user, TAIL_OUT, NULL, event, (sl_str){0}, c.id, bytes, n);
}

static void identified(struct tail *t, const struct sender *s)
{
    struct inspected c;

    who_of_sender(s, &c);
    if (c.id != 0) tell_of(t, &c, "identified", NULL, NULL);
}

/* What is refused has come in as well. */
static void arrived(struct tail *t, const struct system *sys, const struct arrival *a,
                    const char *kind)
{
    sl_str event = a->event != NULL ? a->event->name : sl_str_of(kind), device = a->device;

    if (device.len == 0 && a->sender != NULL && sys->device_of != NULL)
        device = sys->device_of(a->state, a->sender);
    count(t, TAIL_IN, sys->name, event, device, who_sent(a), sl_value_raw(a->root).len, 0);
}

static const struct tail_hooks hooks = {count, arrived, identified};

/* ---- while somebody listens ---- */

int tail_start(struct tail *t)
{
    t->row = sl__alloc(TAIL_ROWS * sizeof *t->row);
    if (t->row == NULL) return SL_E_NOMEM;
    t->rows = 0;
    inspect_set_observer(&t->connections->in, &t->observer);
    sl__loop_set_timer(t->loop, &t->tick, TICK_MS);
    return 0;
}

void tail_stop(struct tail *t)
{
    if (t->row == NULL) return;
    inspect_set_observer(&t->connections->in, NULL);
    sl__loop_cancel_timer(t->loop, &t->tick);
    sl__free(t->row);
    t->row = NULL;
}

void tail_init(struct tail *t, sl_loop *loop, const struct connections *all)
{
    *t = (struct tail){
        .hooks = &hooks,
        .loop = loop,
        .connections = all,
        .observer = {.on_opened = on_opened,
                     .on_ended = on_ended,
                     .on_joined = on_joined,
                     .on_emitted = on_emitted,
                     .user = t}
    };
    list_init(&t->viewers);
    timer_init(&t->tick, on_tick);
}

void tail_deinit(struct tail *t)
{
    tail_stop(t);
}
