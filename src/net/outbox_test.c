/* SPDX-License-Identifier: MIT */
/* The outbox against a plain model: random sends, replacements and partial writes. */
#include "net/outbox.h"

#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>

#define KEYS 5

/* What the peer must see, in the order in which it was decided. */
struct model {
    char order[256][8]; /* in-order packets that wait */
    int n;
    char slot[KEYS][8];
    int waiting[KEYS]; /* keys, in the order in which they began to wait */
    int waiting_n;
};

static uint32_t rng = 20260301;

static uint32_t next_random(uint32_t below)
{
    rng = rng * 1664525u + 1013904223u;
    return (rng >> 8) % below;
}

static struct packet *numbered(char text[8], uint32_t i)
{
    snprintf(text, 8, "%06u.", i % 1000000);
    struct packet *p = packet_copy(sl_str_of(text));
    assert_non_null(p);
    return p;
}

static void model_put(struct model *m, uint32_t key, const char *text)
{
    bool waits = false;

    for (int i = 0; i < m->waiting_n; i++)
        waits |= m->waiting[i] == (int)key;
    if (!waits) m->waiting[m->waiting_n++] = (int)key;
    memcpy(m->slot[key], text, 8);
}

/* The next whole packet that may begin to leave. */
static void model_take(struct model *m, char text[8])
{
    if (m->n > 0) {
        memcpy(text, m->order[0], 8);
        memmove(m->order[0], m->order[1], sizeof m->order[0] * (size_t)--m->n);
        return;
    }
    memcpy(text, m->slot[m->waiting[0]], 8);
    memmove(m->waiting, m->waiting + 1, sizeof m->waiting[0] * (size_t)--m->waiting_n);
}

static void random_traffic_matches_the_model(void **state)
{
    struct outbox *o = outbox_new();
    struct model m = {0};
    char now[8] = "", got[8]; /* the packet that is on its way, and how far */
    size_t now_at = 7;

    (void)state;
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t what = next_random(10);
        if (what < 3 && m.n < 200) {
            struct packet *p = numbered(m.order[m.n], i);
            m.n++;
            assert_int_equal(outbox_push(o, p), 0);
            packet_drop(p);
        } else if (what < 6) {
            char text[8];
            uint32_t key = next_random(KEYS);
            struct packet *p = numbered(text, i);
            assert_true(outbox_put(o, key, p) >= 0);
            packet_drop(p);
            model_put(&m, key, text);
        } else if (!outbox_is_empty(o)) {
            struct iovec iov[8];
            size_t bytes, take;
            int n = outbox_gather(o, iov, 8, &bytes);
            take = next_random((uint32_t)bytes + 1);
            size_t left = take;
            for (int k = 0; k < n && left > 0; k++) {
                size_t part = iov[k].iov_len < left ? iov[k].iov_len : left;
                for (size_t j = 0; j < part; j++) {
                    if (now_at == 7) {
                        model_take(&m, now);
                        now_at = 0;
                    }
                    got[0] = ((char *)iov[k].iov_base)[j];
                    assert_int_equal(got[0], now[now_at++]);
                }
                left -= part;
            }
            outbox_consume(o, take);
        }
        size_t expect = (size_t)(m.n + m.waiting_n) * 7 + (7 - now_at);
        assert_int_equal(o->bytes, expect);
    }
    outbox_free(o);
}

static void put_born(struct outbox *o, uint32_t key, uint64_t born_us)
{
    sl_message m = {.born_us = born_us};
    struct packet *p;

    assert_int_equal(sl_message_add(&m, NULL, SL_STR("0123456789")), 0);
    p = packet_new((sl_str){0}, &m);
    assert_non_null(p);
    assert_true(outbox_put(o, key, p) >= 0);
    packet_drop(p);
}

/* Counted once, when the first byte leaves; what was replaced or was never born is not. */
static void ages_are_measured_as_slots_leave(void **state)
{
    struct outbox *o = outbox_new();
    struct histogram ages = {0};
    uint64_t now_us = 10000;

    (void)state;
    assert_non_null(o);
    o->ages = &ages;
    o->now_us = &now_us;
    put_born(o, 1, 1000);
    put_born(o, 1, 7000);
    put_born(o, 2, 0);
    put_born(o, 3, 10001); /* after the clock was read */
    put_born(o, 4, 4000);
    outbox_consume(o, 3);
    assert_int_equal(ages.sum_us, 3000);
    now_us = 11000;
    outbox_consume(o, 7 + 10); /* the rest of it, and the one without a birth */
    assert_int_equal(ages.sum_us, 3000);
    now_us = 10000;
    outbox_consume(o, 10);
    assert_int_equal(ages.sum_us, 3000);
    assert_int_equal(ages.bucket[0], 1);
    assert_int_equal(ages.bucket[5], 1); /* 3 ms: above 2.5, at most 5 */
    outbox_free(o);                      /* the last one never left */
    assert_int_equal(ages.sum_us, 3000);
}

static void constructor_without_memory(void **state)
{
    (void)state;
    sl__alloc_fail_after(0);
    assert_null(outbox_new());
    sl__alloc_fail_after(-1);
    outbox_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_traffic_matches_the_model),
        cmocka_unit_test(ages_are_measured_as_slots_leave),
        cmocka_unit_test(constructor_without_memory),
    };

    return cmocka_run_group_tests_name("net/outbox", tests, NULL, NULL);
}
