/* SPDX-License-Identifier: MIT */
/*
 * What is announced to many in a turn, gathered: each member of the batch has taken a run of
 * its messages, and gets that run with one system call straight from slices that all members
 * of its wire share; no queue is made for who takes it all at once.
 *
 *   message      0     1     2     3
 *   line[0]      iov   iov   iov   iov      EIO4_WS
 *   line[1]      iov   -     -     iov      EIO3_WS: as far as somebody needs it
 *   member       from ────────────► to
 *
 * Whatever else is sent to a member comes behind what the batch holds for it: then that goes to
 * its own queue first, as it does when a member misses a message.
 */
#include "net/stream.h"
#include "serve/eio_inside.h"
#include "serve/ws_internal.h"

static struct eio_line *line_of(const struct eio_session *s)
{
    return &s->server->batch.line[s->revision == 3 ? EIO3_WS : EIO4_WS];
}

static bool is_member(const struct eio_session *s)
{
    return !list_is_empty(&s->batch);
}

int eio_batch_settle(struct eio_session *s)
{
    const struct eio_line *l = line_of(s);
    int rc = 0;

    if (!is_member(s)) return 0;
    list_remove(&s->batch);
    for (unsigned i = s->batch_from; i < s->batch_to && rc == 0; i++)
        rc = sl__ws_send_packet(s->ws, l->packet[i], STREAM_MAY_HOLD);
    return rc;
}

/* ---- the end of the batch ---- */

static void send_run(struct eio_session *s)
{
    const struct eio_line *l = line_of(s);
    unsigned from = s->batch_from, n = s->batch_to - from;
    size_t bytes = 0;
    int taken;

    for (unsigned i = from; i < s->batch_to; i++)
        bytes += l->packet[i]->bytes;
    taken = sl__stream_send_batch(s->ws->stream, l->packet + from, (int)n, l->iov + l->at[from],
                                  l->at[s->batch_to] - l->at[from], bytes, STREAM_MAY_HOLD);
    if (taken >= 0 && taken < (int)n) eio_is_full(s);
}

static void clear(struct eio_batch *b)
{
    for (unsigned i = 0; i < b->n; i++)
        eio_message_drop(b->m[i]); /* and with it the packets */
    b->n = 0;
    for (size_t i = 0; i < sizeof b->line / sizeof b->line[0]; i++)
        b->line[i].at[0] = 0;
}

void eio_batch_end(struct eio_server *e)
{
    struct eio_batch *b = &e->batch;
    struct list *n;

    if (b->n == 0 || b->ending) return;
    b->ending = true; /* a member that drains may announce: past the batch */
    while ((n = list_take_first(&b->members)) != NULL) {
        struct eio_session *s = LIST_ENTRY(n, struct eio_session, batch);
        send_run(s);
    }
    clear(b);
    b->ending = false;
}

/* ---- adding ---- */

static void begin_message(struct eio_server *e, struct eio_message *m)
{
    struct eio_batch *b = &e->batch;

    if (b->n == EIO_BATCH_MAX) eio_batch_end(e);
    if (b->n == 0) sl__loop_want_hooks(e->loop);
    b->m[b->n] = eio_message_hold(m);
    for (size_t i = 0; i < sizeof b->line / sizeof b->line[0]; i++) {
        b->line[i].packet[b->n] = NULL;
        b->line[i].at[b->n + 1] = b->line[i].at[b->n];
    }
    b->n++;
}

/* Its slices join the vector, as those of the last message. */
static void add_packet(struct eio_line *l, unsigned i, struct packet *p)
{
    if (l->packet[i] != NULL) return;
    l->packet[i] = p;
    memcpy(l->iov + l->at[i], p->iov, p->n * sizeof *p->iov);
    l->at[i + 1] = (uint16_t)(l->at[i] + p->n);
}

static bool is_last(const struct eio_batch *b, const struct eio_message *m)
{
    return b->n > 0 && b->m[b->n - 1] == m;
}

int eio_batch_add(struct eio_session *s, struct eio_message *m)
{
    struct eio_batch *b = &s->server->batch;
    struct eio_line *l = line_of(s);
    struct packet *p = eio_message_frame(m, s->revision);
    int rc = 0;

    if (p == NULL) return SL_E_NOMEM;
    if (b->ending) return eio_put(s, m, 0, STREAM_MAY_HOLD);
    if (b->n > 0 && l->at[b->n] + p->n > EIO_BATCH_SLICES) eio_batch_end(s->server);
    if (!is_last(b, m) || (is_member(s) && s->batch_to == b->n)) begin_message(s->server, m);
    if (s->over) return SL_E_CLOSED; /* the batch before this one was too much for it */

    unsigned i = b->n - 1;
    add_packet(l, i, p);
    if (is_member(s) && s->batch_to != i) rc = eio_batch_settle(s);
    if (rc < 0) return rc;
    if (!is_member(s)) {
        s->batch_from = (uint8_t)i;
        list_add_last(&b->members, &s->batch);
    }
    s->batch_to = (uint8_t)(i + 1);
    return 0;
}
