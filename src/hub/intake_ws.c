/* SPDX-License-Identifier: MIT */
/* Intakes on the raw WebSocket: a JSON object says by its "type" what it is. */
#include "base/alloc.h"
#include "hub/intake_inside.h"

#define TYPE_MAX 64 /* bytes as written; ours have fewer */

static void send(struct sender *s, sl_json_out *out)
{
    sl_out_end(out);
    /* full: it never reads, and would not read this either */
    if (out->rc == 0 && s->ws != NULL) (void)sl_ws_send_text(s->ws, sl_out_text(out));
    sl_out_deinit(out);
}

static void begin(sl_json_out *out, const char *type)
{
    sl_out_object(out);
    sl_out_key(out, "type");
    sl_out_str(out, sl_str_of(type));
}

void intake_ws_refuse(struct sender *s, const char *field, const char *sentence)
{
    sl_json_out out = {0};

    begin(&out, "error");
    sl_out_key(&out, "error");
    sl_out_str(&out, sl_str_of(sentence));
    if (field[0] != '\0') {
        sl_out_key(&out, "field");
        sl_out_str(&out, sl_str_of(field));
    }
    send(s, &out);
}

void intake_ws_receipt(const struct done *d)
{
    sl_json_out out = {0};

    begin(&out, "receipt");
    done_put_receipt(d, &out);
    send(d->sender, &out);
}

static void on_open(sl_ws *ws, const sl_request *upgrade, void *user)
{
    struct sender *s = sl__zalloc(sizeof *s);

    (void)upgrade;
    if (s == NULL) {
        sl_ws_close(ws, 1011, "out of memory");
        return;
    }
    *s = (struct sender){.owner = user, .ws = ws, .refs = 1};
    list_init(&s->paused);
    s->owner->clients[0]++;
    sl_ws_set_user(ws, s);
}

static const struct intake *find(const struct intakes *x, sl_value type)
{
    char room[TYPE_MAX];
    int64_t len;
    sl_str raw;

    if (!sl_value_str(type, &raw) || raw.len > sizeof room) return NULL;
    if (type.doc->node[type.i].escaped) {
        len = sl_json_unescape(raw, room);
        if (len < 0) return NULL;
        raw = (sl_str){room, (size_t)len};
    }
    return map_find(x->by_ws_type, raw);
}

/* As it stands in the message, which is text. */
static void knock_type(struct intakes *x, const struct arrival *a, sl_value type)
{
    sl_str raw = sl_value_raw(type);

    if (sl_value_type(type) == SL_JSON_NONE)
        intake_knock(x, a, KNOCK_MISSING, "type is missing");
    else if (sl_value_type(type) != SL_JSON_STRING)
        intake_knock(x, a, KNOCK_TYPE, "type must be a text");
    else
        intake_knock(x, a, KNOCK_TYPE, "type %.*s",
                     raw.len < TYPE_MAX ? (int)raw.len : TYPE_MAX, raw.ptr);
}

/* False: no JSON object, or of no type we know. */
static bool read(struct intakes *x, const sl_message *m, const sl_json_index *index,
                 struct arrival *a)
{
    sl_value type;
    sl_error err = {0};

    if (!m->text) {
        intake_knock(x, a, KNOCK_BINARY, "%zu bytes", m->bytes);
        return false;
    }
    if (m->n == 0) {
        intake_knock(x, a, KNOCK_JSON, "an empty message");
        return false;
    }
    if (sl_json_read(&x->doc, m->slice[0].bytes, index, &intake_json_limits, &err) < 0) {
        intake_knock(x, a, KNOCK_JSON, "%s", err.text);
        return false;
    }
    a->root = sl_json_root(&x->doc);
    if (sl_value_type(a->root) != SL_JSON_OBJECT) {
        intake_knock(x, a, KNOCK_JSON, "it is JSON, but no object");
        return false;
    }
    type = sl_value_get(a->root, SL_STR("type"));
    a->intake = find(x, type);
    a->buf = m->slice[0].buf;
    if (a->intake == NULL) knock_type(x, a, type);
    return a->intake != NULL;
}

/* What says nothing to us is ignored; the connection is kept. */
static void on_message(sl_ws *ws, const sl_message *m, const sl_json_index *index, void *user)
{
    struct arrival a = {.sender = sl_ws_user(ws)};
    struct intakes *x = user;

    if (a.sender == NULL) return;
    if (read(x, m, index, &a))
        intake_take(x, &a);
    else
        x->ignored++;
}

static void on_close(sl_ws *ws, int code, sl_str reason, void *user)
{
    struct sender *s = sl_ws_user(ws);
    struct intakes *x = user;

    (void)code;
    if (s == NULL) return;
    s->ws = NULL;
    s->end = reason;
    x->clients[s->role]--;
    list_remove(&s->paused);
    if (x->system->on_leave != NULL) x->system->on_leave(x->state, s);
    s->end = (sl_str){0}; /* borrowed for the call */
    sender_drop(s);
}

const sl_ws_ops intake_ws_ops = {
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
    .json = true,
};
