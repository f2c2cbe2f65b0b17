/* SPDX-License-Identifier: MIT */
/* Sessions by sid: found while they are in, and only then; the table grows, or does without. */
#include "serve/eio_inside.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "base/alloc.h"
#include "base/rand.h"

#include <stdio.h>
#include <stdlib.h>

#define N 3000

static struct eio_session *make(uint32_t i)
{
    struct eio_session *s = calloc(N, sizeof *s);

    assert_non_null(s);
    for (uint32_t k = 0; k < N; k++) {
        if (i == 0)
            rand_token(s[k].sid, EIO_SID_SIZE - 1);
        else /* alike where the place comes from: one chain */
            snprintf(s[k].sid, EIO_SID_SIZE, "alike-in-front-%u", k);
    }
    return s;
}

static struct eio_session *find(const struct eio_table *t, const char *sid)
{
    return eio_table_find(t, sl_str_of(sid));
}

/* Every third leaves again. */
static void check_all(struct eio_session *s)
{
    struct eio_table t = {0};
    uint32_t n = 0;

    for (uint32_t k = 0; k < N; k++)
        assert_int_equal(eio_table_add(&t, &s[k]), 0);
    assert_int_equal(t.n, N);
    for (uint32_t k = 0; k < N; k += 3)
        eio_table_remove(&t, &s[k]);
    for (uint32_t k = 0; k < N; k++)
        assert_ptr_equal(find(&t, s[k].sid), k % 3 == 0 ? NULL : &s[k]);
    for (uint32_t i = 0; eio_table_at(&t, &i) != NULL;) {
        eio_table_remove(&t, eio_table_at(&t, &i));
        n++;
    }
    assert_int_equal(n, N - N / 3);
    assert_int_equal(t.n, 0);
    eio_table_deinit(&t);
    free(s);
}

static void found_while_they_are_in(void **state)
{
    (void)state;
    check_all(make(0));
}

static void in_one_chain(void **state)
{
    (void)state;
    check_all(make(1));
}

static void an_sid_of_any_length(void **state)
{
    struct eio_session s = {.sid = "abcdefghijklmnopqrstuvwx"};
    struct eio_table t = {0};
    char text[64];

    (void)state;
    assert_null(find(&t, s.sid)); /* empty */
    assert_int_equal(eio_table_add(&t, &s), 0);
    for (size_t n = 0; n < sizeof text; n++) {
        char *exact = malloc(n + 1); /* so that a sanitizer sees who reads on */
        assert_non_null(exact);
        for (size_t k = 0; k < n; k++)
            exact[k] = k < 24 ? s.sid[k] : 'y';
        assert_ptr_equal(eio_table_find(&t, (sl_str){exact, n}), n == 24 ? &s : NULL);
        free(exact);
    }
    eio_table_remove(&t, &s);
    eio_table_deinit(&t);
}

static void without_memory_the_chains_are_longer(void **state)
{
    struct eio_session *s = make(0);
    struct eio_table t = {0};

    (void)state;
    sl__alloc_fail_after(0);
    assert_int_equal(eio_table_add(&t, &s[0]), SL_E_NOMEM);
    assert_null(find(&t, s[0].sid));
    sl__alloc_fail_after(1);
    for (uint32_t k = 0; k < 100; k++)
        assert_int_equal(eio_table_add(&t, &s[k]), 0);
    for (uint32_t k = 0; k < 100; k++)
        assert_ptr_equal(find(&t, s[k].sid), &s[k]);
    sl__alloc_fail_after(-1);
    eio_table_deinit(&t);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_while_they_are_in),
        cmocka_unit_test(in_one_chain),
        cmocka_unit_test(an_sid_of_any_length),
        cmocka_unit_test(without_memory_the_chains_are_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
