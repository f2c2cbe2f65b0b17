/* SPDX-License-Identifier: MIT */
/* What comes in: answers to CONNECT, events, answers to ours. */
#include "sluice/log.h"

#include "base/alloc.h"
#include "base/str.h"
#include "client/sio_client_inside.h"

#include <stdio.h>

#define DOC_KEEP 4096 /* nodes: what a large packet took is given back */

static void on_parse_error(sl_client *c, const char *why)
{
    c->stats.parse_errors++;
    client_cut(c, "parse error", why);
}

/* ---- early ones: servers emit in their connect handler, before they have answered ---- */

static void early_free(sl_client_socket *s, struct client_early *e)
{
    list_remove(&e->node);
    s->early_n--;
    sio_gather_free(e->packet);
    sl__free(e);
}

void client_forget_early(sl_client_socket *s)
{
    while (!list_is_empty(&s->early))
        early_free(s, LIST_ENTRY(s->early.next, struct client_early, node));
}

static void keep_early(sl_client_socket *s, const struct sio_packet *p, sl_buf *buf,
                       sl_str text, const sl_slice *attachment)
{
    struct client_early *e = NULL;

    if (s->early_n < SL_CLIENT_EARLY_MAX) e = sl__zalloc(sizeof *e);
    if (e != NULL) e->packet = sio_gather_new(buf, text, p->attachments);
    if (e == NULL || e->packet == NULL) {
        s->client->stats.dropped_early++;
        sl__free(e);
        return;
    }
    for (uint32_t i = 0; i < p->attachments; i++)
        (void)sio_gather_add(e->packet, attachment[i]);
    list_add_last(&s->early, &e->node);
    s->early_n++;
}

/* ---- events and answers ---- */

/* The last string of an event is the mark of our place, while the server keeps one. */
static void note_offset(sl_client_socket *s, const sl_sio_event *e)
{
    sl_value last = {0};
    sl_str raw;

    if (s->pid[0] == '\0') return;
    for (sl_value v = sl_sio_arg(e, 0); sl_value_type(v) != SL_JSON_NONE;
         v = sl_value_next(e->args, v, NULL))
        last = v;
    if (sl_value_str(last, &raw) && raw.len <= CLIENT_OFFSET_MAX)
        (void)str_to_cstr(raw, s->offset, sizeof s->offset);
}

static void on_event(sl_client_socket *s, const sl_sio_event *e)
{
    const sl_client_namespace *row = s->row;

    s->client->stats.events_in++;
    note_offset(s, e);
    for (size_t i = 0; i < row->event_count; i++) {
        if (!sio_event_is(e, row->events[i].event)) continue;
        row->events[i].fn(s, e, row->user);
        return;
    }
}

static void deliver(sl_client_socket *s, const struct sio_packet *p, sl_buf *buf, sl_str text,
                    const sl_slice *attachment)
{
    sl_sio_event e;

    sio_event_of(p, buf, attachment, &e);
    if (e.wants_ack) e.ack_id = client_mark_id(s, e.ack_id);
    if (e.is_answer)
        client_answer(s, &e);
    else if (s->joined)
        on_event(s, &e);
    else if (s->asked)
        keep_early(s, p, buf, text, attachment);
}

/* false: it cannot be read, and the connection is cut */
static bool read_packet(sl_client *c, sl_str whole, size_t from, const sl_json_index *index,
                        struct sio_packet *p)
{
    sl_error err = {0};
    int rc = sio_parse(&c->rules, whole, from, index, &c->doc, p, &err);

    if (rc == SL_E_NOMEM)
        client_cut(c, "transport error", "out of memory");
    else if (rc < 0)
        on_parse_error(c, err.text);
    return rc == 0;
}

static void deliver_early(sl_client_socket *s)
{
    struct list now, *n;

    list_move_all(&s->early, &now);
    while ((n = list_take_first(&now)) != NULL) {
        struct client_early *e = LIST_ENTRY(n, struct client_early, node);
        struct sio_gather *g = e->packet;
        struct sio_packet p;

        if (s->joined && read_packet(s->client, g->text, 0, NULL, &p))
            deliver(s, &p, g->buf, g->text, g->attachment);
        early_free(s, e);
    }
}

/* ---- CONNECT and its ends ---- */

/* Between its quotes, as long as we keep one; else "". */
static void copy_member(sl_value object, sl_str key, char *out, size_t size)
{
    sl_str raw;

    out[0] = '\0';
    if (sl_value_str(sl_value_get(object, key), &raw) && raw.len < size)
        (void)str_to_cstr(raw, out, size);
}

/* Whether the server has kept our place. */
static bool take_place(sl_client_socket *s, sl_value answer)
{
    char pid[sizeof s->pid];
    bool recovered;

    copy_member(answer, SL_STR("pid"), pid, sizeof pid);
    recovered = pid[0] != '\0' && strcmp(pid, s->pid) == 0;
    if (!recovered) s->offset[0] = '\0';
    memcpy(s->pid, pid, sizeof pid);
    return recovered;
}

static void on_joined(sl_client_socket *s, const struct sio_packet *p)
{
    sl_client *c = s->client;
    bool recovered;

    if (s->joined || !(s->asked || c->rules.revision == 3)) return; /* twice */
    if (!s->wanted) { /* left meanwhile; or "/" of revision 3, which came unasked */
        s->asked = false;
        client_forget_early(s);
        client_say_leave(s);
        return;
    }
    copy_member(p->value, SL_STR("sid"), s->id, sizeof s->id);
    if (c->rules.revision == 4 && s->id[0] == '\0') {
        on_parse_error(c, "an answer to CONNECT without sid: is it a server of 2.x?");
        return;
    }
    recovered = take_place(s, p->value);
    s->joined = true;
    s->time++;
    if (s->row->on_connect != NULL) s->row->on_connect(s, recovered, s->row->user);
    if (!s->joined) return;
    client_release(s);
    deliver_early(s);
}

static void on_refused(sl_client_socket *s, const struct sio_packet *p)
{
    bool is_text = sl_value_type(p->value) == SL_JSON_STRING;
    sl_value message = is_text ? p->value : sl_value_get(p->value, SL_STR("message"));
    /* of revision 3 an object is the data alone */
    bool is_data = !is_text && s->client->rules.revision == 3;
    sl_value data = is_text   ? (sl_value){0}
                    : is_data ? p->value
                              : sl_value_get(p->value, SL_STR("data"));
    sl_str raw = {0};
    bool is_told;
    char *text;
    int64_t n = 0;

    if (!s->asked || s->joined) return;
    is_told = s->wanted && s->row->on_refused != NULL;
    s->asked = s->wanted = false;
    client_forget_early(s);
    sl__loop_want_hooks(s->client->loop); /* was it the last one? */
    if (!is_told) return;
    (void)sl_value_str(message, &raw);
    text = sl__alloc(raw.len + 1);
    if (text != NULL) n = sl_json_unescape(raw, text);
    if (n < 0) n = 0;
    s->row->on_refused(s, (sl_str){text, (size_t)n}, data, s->row->user);
    sl__free(text);
}

static void on_disconnected(sl_client_socket *s)
{
    if (!s->joined) return;
    s->wanted = false;
    s->pid[0] = s->offset[0] = '\0';
    sl__loop_want_hooks(s->client->loop);
    client_socket_end(s, "io server disconnect");
}

/* ---- packets ---- */

static void on_packet(sl_client *c, const struct sio_packet *p, sl_buf *buf, sl_str text,
                      const sl_slice *attachment)
{
    sl_client_socket *s = client_find(c, p->nsp);

    if (s == NULL) return; /* of revision 3: "/", which we are in unasked */
    switch (p->type) {
    case SIO_CONNECT: on_joined(s, p); break;
    case SIO_CONNECT_ERROR: on_refused(s, p); break;
    case SIO_DISCONNECT: on_disconnected(s); break;
    default: deliver(s, p, buf, text, attachment);
    }
}

static void on_text(struct eio_client *e, sl_buf *buf, sl_str whole, size_t from,
                    const sl_json_index *index, void *user)
{
    sl_client *c = user;
    sl_str text = str_part(whole, from, whole.len);
    struct sio_packet p;

    (void)e;
    if (c->gather != NULL) {
        on_parse_error(c, "a text where an attachment is due");
        return;
    }
    if (!read_packet(c, whole, from, index, &p)) return;
    if (p.attachments == 0) {
        on_packet(c, &p, buf, text, NULL);
    } else {
        c->gather = sio_gather_new(buf, text, p.attachments);
        if (c->gather == NULL) client_cut(c, "transport error", "out of memory");
    }
    if (c->doc.cap > DOC_KEEP) sl_json_deinit(&c->doc);
}

static void on_binary(struct eio_client *e, sl_slice bytes, void *user)
{
    sl_client *c = user;
    struct sio_gather *g = c->gather;
    struct sio_packet p;

    (void)e;
    if (g == NULL) {
        on_parse_error(c, "an attachment that nothing has announced");
        return;
    }
    if (!sio_gather_add(g, bytes)) return;
    c->gather = NULL;
    if (read_packet(c, g->text, 0, NULL, &p)) on_packet(c, &p, g->buf, g->text, g->attachment);
    sio_gather_free(g);
}

static void on_open(struct eio_client *e, void *user)
{
    sl_client *c = user;

    (void)e;
    c->was_open = true;
    c->tries = c->delays = 0;
    c->stats.opened++;
    if (c->o.on_open != NULL) c->o.on_open(c, c->o.user);
    for (uint32_t i = 0; i < c->n; i++)
        if (c->socket[i].wanted && !c->socket[i].asked) client_ask(&c->socket[i], true);
}

const struct eio_client_events client_events = {
    .on_open = on_open,
    .on_text = on_text,
    .on_binary = on_binary,
};
