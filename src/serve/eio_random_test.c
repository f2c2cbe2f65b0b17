/* SPDX-License-Identifier: MIT */
/* Thousands of lives of a session, each drawn from its number; SEED=n: that one. */
#include "serve/eio_life_test.h"

static void many_lives(void **state)
{
    struct eio_stats stats;
    struct bench *b = bench_open(NULL);
    const char *seed = getenv("SEED");

    (void)state;
    b->on_message = on_numbered;
    if (seed != NULL) one_life(b, (uint32_t)strtoul(seed, NULL, 10), NULL, 0);
    for (uint32_t i = 0; seed == NULL && i < 4000; i++) {
        if (getenv("LOUD") != NULL) fprintf(stderr, "seed %u\n", i);
        one_life(b, i, NULL, 0);
    }
    eio_get_stats(b->eio, &stats);
    if (seed == NULL) { /* it has been everywhere */
        assert_true(stats.upgraded > 100);
        assert_true(stats.expired > 30);
        assert_true(stats.parse_errors > 10);
        assert_true(whole > 500);
    }
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_lives)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
