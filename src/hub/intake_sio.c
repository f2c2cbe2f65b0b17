/* SPDX-License-Identifier: MIT */
/* Intakes on Socket.IO: an event's name says what it is, its first argument is the message. */
#include "base/alloc.h"
#include "hub/intake_inside.h"
#include "hub/sockets.h"

/* Consumes `out`, one JSON value. */
static void acknowledge(const struct sender *s, uint64_t ack_id, sl_json_out *out)
{
    sl_sio_packet *p = sl_sio_packet_new(NULL);

    if (p != NULL && out->rc == 0) {
        sl_out_raw(sl_sio_args(p), sl_out_text(out));
        (void)sl_sio_ack_id(s->sio, ack_id, p); /* its queue is full: it is closed */
    }
    sl_sio_packet_free(p);
    sl_out_deinit(out);
}

static void put_error(sl_json_out *out, const char *field, const char *sentence)
{
    sl_out_key(out, "error");
    sl_out_str(out, sl_str_of(sentence));
    if (field[0] == '\0') return;
    sl_out_key(out, "field");
    sl_out_str(out, sl_str_of(field));
}

/* To who asked for an answer; and that a record was not taken is told in any case. */
static void refuse(const struct sender *s, bool wants_ack, uint64_t ack_id, bool is_record,
                   const char *field, const char *sentence)
{
    sl_json_out out = {0};

    sl_out_object(&out);
    if (wants_ack) {
        sl_out_key(&out, "ok");
        sl_out_bool(&out, false);
    }
    put_error(&out, field, sentence);
    sl_out_end(&out);
    if (wants_ack) {
        acknowledge(s, ack_id, &out);
        return;
    }
    if (is_record && out.rc == 0) (void)sl_sio_emit_json(s->sio, "error", sl_out_text(&out));
    sl_out_deinit(&out);
}

void intake_sio_refuse(const struct arrival *a)
{
    const sl_sio_event *e = a->event;

    if (a->intake->reply_x != NULL)
        a->intake->reply_x(a, NULL);
    else
        refuse(a->sender, e->wants_ack, e->ack_id, a->intake->class == CLASS_RECORD,
               a->err.where, a->err.text);
}

void intake_sio_answer(const struct arrival *a)
{
    sl_json_out out = {0};

    if (a->intake->reply_x != NULL) {
        a->intake->reply_x(a, NULL);
    } else if (a->event->wants_ack) {
        sl_out_object(&out);
        sl_out_key(&out, "ok");
        sl_out_bool(&out, true);
        sl_out_end(&out);
        acknowledge(a->sender, a->event->ack_id, &out);
    }
}

void intake_sio_done(const struct done *d)
{
    sl_json_out out = {0};

    if (d->sender->sio == NULL) return; /* it has gone */
    if (d->intake->reply_x != NULL) {
        d->intake->reply_x(NULL, d);
    } else if (d->outcome->kind >= OUTCOME_REFUSED) {
        refuse(d->sender, d->wants_ack, d->ack_id, true, "", d->outcome->why);
    } else if (d->wants_ack) {
        sl_out_object(&out);
        done_put_receipt(d, &out);
        sl_out_end(&out);
        acknowledge(d->sender, d->ack_id, &out);
    }
}

/* Records under way keep it, and find nobody to answer. */
void intake_sio_leave(struct sender *s, sl_str why)
{
    struct intakes *x = s->owner;

    s->next = NULL;
    s->end = why;
    if (!list_is_empty(&s->paused)) {
        list_remove(&s->paused);
        sl_sio_resume(s->sio); /* its client may go on in other namespaces */
    }
    if (x->system->on_leave != NULL) x->system->on_leave(x->state, s);
    s->end = (sl_str){0}; /* borrowed for the call */
    s->sio = NULL;
    sender_drop(s);
}
