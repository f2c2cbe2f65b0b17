/* SPDX-License-Identifier: MIT */
/* For tests of the backlog: a journal that takes what the test lets it take. */
#ifndef HUB_BACKLOG_TEST_H
#define HUB_BACKLOG_TEST_H

#include "hub/backlog.h"

static struct {
    uint32_t room; /* how many it still takes */
    bool is_high;
    void (*on_low)(void *user);
    void *user;
    char order[64]; /* the bodies it took */
} journal;

int journal_append(struct journal *j, struct record *r)
{
    (void)j;
    if (journal.room == 0) return SL_E_FULL;
    journal.room--;
    strncat(journal.order, r->body.ptr, r->body.len);
    record_free(r);
    return 0;
}

bool journal_is_high(const struct journal *j)
{
    (void)j;
    return journal.is_high;
}

void journal_set_on_low(struct journal *j, void (*on_low)(void *user), void *user)
{
    (void)j;
    journal.on_low = on_low;
    journal.user = user;
}

static const struct record_kind kind = {"test", "thing", NULL, NULL};
static int refused;

static void on_done(struct record *r, const struct outcome *out)
{
    (void)r;
    assert_int_equal(out->kind, OUTCOME_FAILED);
    assert_int_equal(out->rc, SL_E_FULL);
    assert_int_equal(out->status, 503);
    assert_true(strlen(out->why) > 0);
    refused++;
}

static inline struct record *make_record(const char *body)
{
    struct record *r = record_new(&kind, SL_STR("d"), sl_str_of(body));

    assert_non_null(r);
    r->on_done = on_done;
    return r;
}

#endif
