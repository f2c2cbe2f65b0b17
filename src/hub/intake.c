/* SPDX-License-Identifier: MIT */
#include "hub/intake.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/str.h"
#include "hub/intake_inside.h"
#include "hub/sockets.h"
#include "hub/tail.h"
#include "serve/ws_session.h"

#include <stdarg.h>
#include <stdio.h>

#define JSON_NODES_MAX 20000

const sl_json_limits intake_json_limits = {.nodes = JSON_NODES_MAX};

/* The records of one message, until the last of them is settled. */
struct group {
    struct intakes *owner;
    struct done done;
    uint32_t left;
    bool wants_receipt;
    struct outcome failure; /* the first that was not stored, if any; without its text */
    sl_json_out items;
};

int arrival_refuse(struct arrival *a, int status, const char *field, const char *fmt, ...)
{
    va_list args;

    a->status = status;
    a->err = (sl_error){.code = SL_E_INVAL};
    snprintf(a->err.where, sizeof a->err.where, "%s", field);
    va_start(args, fmt);
    vsnprintf(a->err.text, sizeof a->err.text, fmt, args);
    va_end(args);
    return SL_E_INVAL;
}

void intake_knock(struct intakes *x, const struct arrival *a, enum knock_cause cause,
                  const char *fmt, ...)
{
    char peer[64] = "?", text[256];
    struct knock what = {.cause = cause, .peer = peer};
    va_list args;

    if (x->knocks == NULL) return;
    if (a->request != NULL) {
        what.peer = sl_request_peer(a->request);
        what.path = sl_request_path(a->request);
    } else if (a->sender->sio != NULL) {
        what.peer = sl_sio_peer(a->sender->sio);
        what.path = SL_STR("/socket.io/");
    } else if (a->sender->ws != NULL) {
        sl_ws_peer(a->sender->ws, peer, sizeof peer);
        what.path = sl_str_of(sl__ws_path(a->sender->ws));
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    what.detail = sl_str_of(text);
    knock_note(x->knocks, &what);
}

static struct intake_route *route_of(struct intakes *x, const struct arrival *a)
{
    return &x->routes[a->intake - x->system->intakes];
}

void sender_drop(struct sender *s)
{
    if (s != NULL && --s->refs == 0) sl__free(s);
}

static const char *kind_name(const struct intake *in)
{
    if (in->ws_type != NULL) return in->ws_type;
    return in->events != NULL ? in->events[0] : in->http_path;
}

/* What the hub itself is short of is nobody's mistake. */
static void knock_refused(struct intakes *x, const struct arrival *a)
{
    sl_str text = sl_str_of(a->err.text);
    enum knock_cause cause = KNOCK_VALUE;

    if (a->status >= 500) return;
    if (a->status == 413) cause = KNOCK_LARGE_MESSAGE;
    if (str_ends(text, SL_STR(" is missing"))) cause = KNOCK_MISSING;
    intake_knock(x, a, cause, "%s: %s", kind_name(a->intake), a->err.text);
}

static void knock_role(struct intakes *x, const struct arrival *a)
{
    unsigned role = a->sender->role;

    if (role == 0)
        intake_knock(x, a, KNOCK_UNREGISTERED, "%s", kind_name(a->intake));
    else
        intake_knock(x, a, KNOCK_ROLE, "%s from a %s", kind_name(a->intake),
                     x->system->roles[role - 1]);
}

/* A word for each of too many records would only be more of them: who asks is told. */
static bool is_told(const struct arrival *a)
{
    bool wants = false;

    if (a->intake->class == CLASS_FRAME) return false;
    if (a->intake->class != CLASS_RECORD || a->status != 429) return true;
    (void)sl_value_bool(sl_value_get(a->root, SL_STR("receipt")), &wants);
    return wants;
}

static void tell_refused(struct intakes *x, const struct arrival *a)
{
    char seconds[16];

    route_of(x, a)->refused++;
    knock_refused(x, a);
    if (a->request != NULL) {
        snprintf(seconds, sizeof seconds, "%u", a->retry_s);
        if (a->retry_s > 0)
            (void)sl_request_set_header(a->request, "Retry-After", sl_str_of(seconds));
        sl_answer_error(a->request, a->status, "%s", a->err.text);
    } else if (a->event != NULL) {
        intake_sio_refuse(a);
    } else if (is_told(a)) {
        intake_ws_refuse(a->sender, a->err.where, a->err.text);
    }
}

/* ---- after the commit ---- */

static bool is_good(const struct outcome *out)
{
    return out->kind < OUTCOME_REFUSED;
}

static void keep_failure(struct group *g, const struct outcome *out)
{
    if (g->failure.status != 0) return;
    g->failure = *out;
    g->failure.text = (sl_json_out){0};
}

static void free_group(struct group *g)
{
    sender_drop(g->done.sender);
    sl_out_deinit(&g->items);
    sl__free(g);
}

/* Whether the rooms are told. */
static bool is_news(const struct done *d)
{
    const struct intake *in = d->intake;

    if (in->announce_x == NULL) return false;
    return d->stored > 0 || (in->announces_duplicates && d->duplicates > 0);
}

/* The last is settled: answer, then announce. */
static void finish(struct group *g)
{
    struct done *d = &g->done;

    if (d->is_list) {
        sl_out_end(&g->items);
        d->items = sl_out_text(&g->items);
    }
    if (g->failure.status != 0) d->outcome = &g->failure;
    if (d->request != NULL) {
        intake_http_done(d);
    } else if (d->sender->sio != NULL) {
        intake_sio_done(d);
    } else if (g->failure.status != 0) {
        intake_ws_refuse(d->sender, "", g->failure.why);
    } else if (g->wants_receipt) {
        intake_ws_receipt(d);
    }
    if (is_news(d) && !hub_is_stopping(g->owner->hub)) d->intake->announce_x(d);
    free_group(g);
}

static void on_record_done(struct record *r, const struct outcome *out)
{
    struct group *g = r->user;

    g->done.r = r;
    g->done.outcome = out;
    if (out->kind == OUTCOME_STORED || out->kind == OUTCOME_MERGED) {
        g->done.stored++;
        tail_count(g->owner->tail, TAIL_STORED, r->kind->system, sl_str_of(r->kind->name),
                   r->device, 0, r->body.len, 0);
        if (g->done.is_list) sl_out_raw(&g->items, r->body);
    }
    if (out->kind == OUTCOME_DUPLICATE) g->done.duplicates++;
    if (!is_good(out)) keep_failure(g, out);
    if (out->rc < 0) { /* the journal has said so once; of each it is the sender's affair */
        SL_DEBUG("intake", "msg=\"a record was not stored\" kind=%s.%s cause=\"%s\"",
                 r->kind->system, r->kind->name, out->why);
    }
    if (--g->left == 0) finish(g);
}

/* ---- on the way to the journal ---- */

static struct group *group_new(struct intakes *x, const struct arrival *a, bool is_list,
                               uint32_t n)
{
    struct group *g = sl__zalloc(sizeof *g);
    bool wants = false;

    if (g == NULL) return NULL;
    g->owner = x;
    g->left = n + 1; /* one is ours, until all are appended */
    g->done = (struct done){.intake = a->intake,
                            .state = x->state,
                            .sender = a->sender,
                            .request = a->request,
                            .count = n,
                            .is_list = is_list,
                            .note = a->note,
                            .doc = &x->doc};
    if (a->sender != NULL) {
        a->sender->refs++;
        (void)sl_value_bool(sl_value_get(a->root, SL_STR("receipt")), &wants);
    }
    g->wants_receipt = wants;
    if (a->event != NULL) {
        g->done.wants_ack = a->event->wants_ack;
        g->done.ack_id = a->event->ack_id;
    }
    if (is_list) sl_out_array(&g->items);
    return g;
}

static void fail_one(struct group *g, int rc)
{
    struct outcome out = {.kind = OUTCOME_FAILED, .rc = rc, .status = 503};

    snprintf(out.why, sizeof out.why, "not stored: %s: try again in a moment",
             rc == SL_E_NOMEM ? "the hub is out of memory"
                              : "the hub has more to write than it can hold");
    keep_failure(g, &out);
    g->left--;
}

static void append_one(struct group *g, const struct arrival *a, sl_str body,
                       const struct part *p)
{
    char room[UNIQUE_KEY_MAX];
    struct record *r = NULL;
    struct unique unique;
    int rc = unique_of(a, p, room, &unique);

    if (rc == 0) {
        r = record_new_unique(a->intake->kind, a->device, body, &unique);
        rc = SL_E_NOMEM;
    }
    if (r != NULL) {
        r->has_device_at = p->device_at != NULL;
        if (p->device_at != NULL) r->device_at = *p->device_at;
        r->on_done = on_record_done;
        r->user = g;
        rc = hub_append(g->owner->hub, r, a->sender);
    }
    if (rc == 0) return;
    record_free(r);
    fail_one(g, rc);
}

/* The message's members without that one, and it in front with the path's value. */
static void put_with_param(const struct arrival *a, sl_json_out *out)
{
    const char *name = a->intake->param;
    sl_str key;

    sl_out_object(out);
    sl_out_key(out, name);
    sl_out_str(out, sl_request_param(a->request, name));
    for (sl_value v = sl_value_first(a->root, &key); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(a->root, v, &key)) {
        char text[FIELD_ROOM(64)];
        int64_t len = key.len <= sizeof text ? sl_json_unescape(key, text) : -1;

        if (len < 0 || memchr(text, 0, (size_t)len) != NULL) continue; /* no column of ours */
        if (sl_str_eq((sl_str){text, (size_t)len}, sl_str_of(name))) continue;
        if ((size_t)len == sizeof text) continue;
        text[len] = '\0';
        sl_out_key(out, text);
        sl_out_raw(out, sl_value_raw(v));
    }
    sl_out_end(out);
}

static void append_single(struct group *g, const struct arrival *a)
{
    const struct shape *shape = a->intake->shape;
    struct wall at;
    bool has_at = shape != NULL && shape_device_time(shape, a->fields, &at);
    const struct part p = {a->root, shape, a->fields, has_at ? &at : NULL};
    sl_json_out out = {0};

    if (a->intake->param == NULL) {
        append_one(g, a, sl_value_raw(a->root), &p);
        return;
    }
    put_with_param(a, &out);
    if (out.rc < 0)
        fail_one(g, out.rc);
    else
        append_one(g, a, sl_out_text(&out), &p);
    sl_out_deinit(&out);
}

/* Each item has its own time, or that of the whole. */
static void append_list(struct group *g, const struct arrival *a, sl_value list)
{
    const struct intake *in = a->intake;
    struct wall whole;
    bool has_whole = shape_device_time(in->list_shape, a->fields, &whole);
    sl_str none;

    for (sl_value v = sl_value_first(list, &none); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(list, v, &none)) {
        struct wall at = whole;
        struct fields f;
        bool has_own =
            shape_read(in->item, v, &f, NULL) == 0 && shape_device_time(in->item, &f, &at);

        append_one(g, a, sl_value_raw(v),
                   &(struct part){v, in->item, &f, has_own || has_whole ? &at : NULL});
    }
}

static sl_value list_of(const struct arrival *a)
{
    sl_value v = {0};

    if (a->intake->list != NULL) v = sl_value_get(a->root, sl_str_of(a->intake->list));
    return sl_value_type(v) == SL_JSON_NULL ? (sl_value){0} : v;
}

static void store(struct intakes *x, struct arrival *a)
{
    sl_value list = list_of(a);
    bool is_list = sl_value_type(list) == SL_JSON_ARRAY;
    struct group *g = group_new(x, a, is_list, is_list ? sl_value_count(list) : 1);

    if (g == NULL) {
        (void)arrival_refuse(a, 503, "", "not stored: the hub is out of memory");
        tell_refused(x, a);
        return;
    }
    if (is_list)
        append_list(g, a, list);
    else
        append_single(g, a);
    if (--g->left == 0) finish(g); /* none of them is under way */
}

/* ---- the checks ---- */

static int check(struct arrival *a, struct fields *f)
{
    const struct intake *in = a->intake;
    const struct shape *shape = in->shape;
    int rc;

    if (in->list != NULL && sl_value_type(list_of(a)) != SL_JSON_NONE) shape = in->list_shape;
    if (in->bytes_max > 0 && sl_value_raw(a->root).len > in->bytes_max) {
        return arrival_refuse(a, 413, "", "the message is larger than %zu bytes",
                              in->bytes_max);
    }
    if (shape == NULL) return 0;
    rc = shape_read(shape, a->root, f, &a->err);
    if (rc == SL_E_NOMEM) return arrival_refuse(a, 503, "", "the hub is out of memory");
    a->status = 400;
    return rc;
}

static void count_role(struct intakes *x, struct sender *s, unsigned before)
{
    SL_ASSERT(s->role < INTAKE_ROLES);
    if (s->sio == NULL) {
        x->clients[before]--;
        x->clients[s->role]++;
    } else if ((before != 0) != (s->role != 0)) {
        sockets_claim(s, s->role != 0);
    }
}

/* What it does may make its sender something else. */
static int call_on_x(struct intakes *x, struct arrival *a)
{
    unsigned before = a->sender != NULL ? a->sender->role : 0;
    int rc = a->intake->on_x != NULL ? a->intake->on_x(a) : 0;

    if (a->sender == NULL || a->sender->role == before) return rc;
    count_role(x, a->sender, before);
    tail_identified(x->tail, a->sender);
    return rc;
}

/* Rates hold for records: frames give way to newer ones anyway. */
static int take_checked(struct intakes *x, struct arrival *a)
{
    bool is_record = a->intake->class == CLASS_RECORD;
    sl_value list = is_record ? list_of(a) : (sl_value){0};
    uint32_t n = sl_value_type(list) == SL_JSON_ARRAY ? sl_value_count(list) : 1;
    int rc = is_record ? arrival_check_address(a, n) : 0;

    if (rc == 0) rc = call_on_x(x, a);
    if (rc == 0 && is_record) rc = arrival_check_device(a, n);
    return rc;
}

void intake_take(struct intakes *x, struct arrival *a)
{
    const struct intake *in = a->intake;
    struct fields f = {0};
    int rc;

    a->state = x->state;
    a->limits = x->limits;
    a->fields = &f;
    if (a->sender != NULL && in->from != 0 && !(in->from & (1u << a->sender->role))) {
        x->ignored++;
        knock_role(x, a);
        return;
    }
    route_of(x, a)->received++;
    if (a->sender != NULL) a->sender->received++;
    rc = check(a, &f);
    if (rc == 0) rc = take_checked(x, a);
    tail_arrived(x->tail, x->system, a, kind_name(a->intake));
    if (rc < 0)
        tell_refused(x, a);
    else if (in->class == CLASS_RECORD)
        store(x, a);
    else if (a->request != NULL)
        intake_http_answer(a);
    else if (a->event != NULL)
        intake_sio_answer(a);
}

void done_put_receipt(const struct done *d, sl_json_out *out)
{
    sl_out_key(out, "ok");
    sl_out_bool(out, is_good(d->outcome));
    sl_out_key(out, "id");
    sl_out_str(out, sl_str_of(d->outcome->id));
    sl_out_key(out, "seq");
    sl_out_i64(out, d->outcome->seq);
    sl_out_key(out, "stored");
    sl_out_bool(out, d->stored > 0);
    sl_out_key(out, "duplicate");
    sl_out_bool(out, d->duplicates > 0 && d->duplicates == d->count);
}

/* ---- life ---- */

int intakes_new(struct hub *hub, const struct system *s, void *state, struct intakes **out)
{
    struct intakes *x = sl__zalloc(sizeof *x);
    int rc = 0;

    *out = x;
    if (x == NULL) return SL_E_NOMEM;
    x->hub = hub;
    x->system = s;
    x->state = state;
    x->by_ws_type = map_new();
    x->routes = sl__zalloc((s->intake_count + 1) * sizeof *x->routes);
    if (x->by_ws_type == NULL || x->routes == NULL) rc = SL_E_NOMEM;
    for (size_t i = 0; i < s->intake_count && rc == 0; i++) {
        const struct intake *in = &s->intakes[i];

        SL_ASSERT(unique_is_sound(in));
        x->routes[i] = (struct intake_route){.owner = x, .intake = in};
        if (in->ws_type == NULL) continue;
        rc = map_put(x->by_ws_type, sl_str_of(in->ws_type), (void *)(uintptr_t)in, NULL);
    }
    if (rc == 0) return 0;
    intakes_free(x);
    *out = NULL;
    return rc;
}

void intakes_set_knocks(struct intakes *x, struct knocks *knocks)
{
    x->knocks = knocks;
}

void intakes_set_tail(struct intakes *x, struct tail *tail)
{
    x->tail = tail;
}

void intakes_set_limits(struct intakes *x, struct limits *l)
{
    x->limits = l;
}

void intakes_free(struct intakes *x)
{
    if (x == NULL) return;
    map_free(x->by_ws_type);
    sl_json_deinit(&x->doc);
    sl__free(x->routes);
    sl__free(x);
}
