/* SPDX-License-Identifier: MIT */
#include "net/relief.h"

#include "sluice/log.h"

#include "net/stream.h"

static struct stream *stream_at(struct list *n)
{
    return LIST_ENTRY(n, struct stream, all);
}

static bool is_eligible(const struct stream *s, bool viewers)
{
    return !s->closing && (s->viewer || !viewers);
}

static size_t longest(const sl_loop *l, bool viewers)
{
    size_t most = 0;

    for (struct list *n = l->streams.next; n != &l->streams; n = n->next) {
        const struct stream *s = stream_at(n);
        size_t waiting = sl__stream_waiting(s);

        if (is_eligible(s, viewers) && waiting > most) most = waiting;
    }
    return most;
}

/*
 * Those with more than half of the longest queue, then more than half of what is the longest
 * now, and so on: a few walks, however many there are.
 */
static uint32_t cut(sl_loop *l, bool viewers, size_t enough)
{
    uint32_t count = 0;
    struct list *next;
    size_t most;

    while (l->relief.waiting > enough && (most = longest(l, viewers)) > 0) {
        for (struct list *n = l->streams.next; n != &l->streams; n = next) {
            struct stream *s = stream_at(n);

            next = n->next; /* closing never frees at once */
            if (!is_eligible(s, viewers) || sl__stream_waiting(s) <= most / 2) continue;
            sl__stream_close(s, SL_E_FULL);
            count++;
            if (l->relief.waiting <= enough) break;
        }
    }
    return count;
}

void relief_give(sl_loop *l)
{
    size_t before = l->relief.waiting, enough = l->relief.max / 8 * 7;
    uint32_t viewers, others;

    if (!relief_is_due(l)) return;
    viewers = cut(l, true, enough);
    others = cut(l, false, enough);
    l->relief.cut += viewers + others;
    SL_WARN("net",
            "msg=\"more waited to be sent than all connections together may hold: the longest "
            "queues were cut\" waited=%zu max=%zu viewers=%u others=%u",
            before, l->relief.max, viewers, others);
}
