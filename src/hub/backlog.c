/* SPDX-License-Identifier: MIT */
#include "hub/backlog.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "net/loop.h"
#include "serve/ws_session.h"

#include <stdio.h>

struct backlog {
    sl_loop *loop;
    struct journal *journal;
    struct list held, paused; /* records; senders */
    size_t held_bytes;
    uint64_t refused;
    struct timer limit;
};

static void start_limit(struct backlog *b)
{
    if (!timer_is_set(&b->limit)) sl__loop_set_timer(b->loop, &b->limit, BACKLOG_WAIT_MS);
}

static void pause_sender(struct backlog *b, struct sender *s)
{
    if (s == NULL || (s->ws == NULL && s->sio == NULL) || !list_is_empty(&s->paused)) return;
    list_add_last(&b->paused, &s->paused);
    if (s->ws != NULL)
        sl__ws_pause(s->ws);
    else
        sl_sio_pause(s->sio);
    start_limit(b);
}

/* Neither of these hands over what came meanwhile before it returns. */
static void resume(const struct sender *s)
{
    if (s->ws != NULL) sl__ws_resume(s->ws);
    if (s->sio != NULL) sl_sio_resume(s->sio);
}

static void resume_all(struct backlog *b)
{
    struct list all;

    list_move_all(&b->paused, &all);
    for (struct list *n; (n = list_take_first(&all)) != NULL;)
        resume(LIST_ENTRY(n, struct sender, paused));
    sl__loop_cancel_timer(b->loop, &b->limit);
}

static void refuse(struct record *r)
{
    struct outcome *out = &r->outcome;

    out->kind = OUTCOME_FAILED;
    out->rc = SL_E_FULL;
    out->status = 503;
    snprintf(out->why, sizeof out->why,
             "not stored: the hub has more to write than it can hold: try again in a moment");
    if (r->on_done != NULL) r->on_done(r, out);
    record_free(r);
}

static void refuse_all(struct backlog *b)
{
    struct list all;

    list_move_all(&b->held, &all);
    b->held_bytes = 0;
    for (struct list *n; (n = list_take_first(&all)) != NULL; b->refused++)
        refuse(LIST_ENTRY(n, struct record, node));
}

/* False: not all went in. */
static bool drain(struct backlog *b)
{
    for (struct list *n; (n = list_take_first(&b->held)) != NULL;) {
        struct record *r = LIST_ENTRY(n, struct record, node);
        size_t bytes = record_bytes(r);

        if (journal_append(b->journal, r) < 0) {
            list_add_last(b->held.next, n); /* to the front again */
            return false;
        }
        b->held_bytes -= bytes;
    }
    return true;
}

static void on_limit(struct timer *t)
{
    struct backlog *b = LIST_ENTRY(t, struct backlog, limit);

    if (!drain(b)) {
        SL_WARN("journal", "msg=\"records were refused: the disk has been too slow for %d s\"",
                BACKLOG_WAIT_MS / 1000);
    }
    refuse_all(b);
    resume_all(b);
}

static void on_low(void *user)
{
    struct backlog *b = user;

    if (drain(b)) resume_all(b);
}

int backlog_append(struct backlog *b, struct record *r, struct sender *s)
{
    size_t bytes = record_bytes(r);

    if (list_is_empty(&b->held) && journal_append(b->journal, r) == 0) {
        if (journal_is_high(b->journal)) pause_sender(b, s);
        return 0;
    }
    pause_sender(b, s);
    if (bytes > BACKLOG_BYTES_MAX - b->held_bytes) {
        b->refused++;
        return SL_E_FULL;
    }
    list_add_last(&b->held, &r->node);
    b->held_bytes += bytes;
    start_limit(b);
    return 0;
}

uint64_t backlog_refused(const struct backlog *b)
{
    return b->refused;
}

int backlog_new(sl_loop *loop, struct journal *j, struct backlog **out)
{
    struct backlog *b = sl__zalloc(sizeof *b);

    *out = b;
    if (b == NULL) return SL_E_NOMEM;
    b->loop = loop;
    b->journal = j;
    list_init(&b->held);
    list_init(&b->paused);
    timer_init(&b->limit, on_limit);
    journal_set_on_low(j, on_low, b);
    return 0;
}

void backlog_free(struct backlog *b)
{
    if (b == NULL) return;
    journal_set_on_low(b->journal, NULL, NULL);
    sl__loop_cancel_timer(b->loop, &b->limit);
    refuse_all(b);
    while (list_take_first(&b->paused) != NULL)
        continue; /* they may outlive us by a turn */
    sl__free(b);
}
