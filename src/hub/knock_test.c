/* SPDX-License-Identifier: MIT */
#include "hub/knock.h"

#include "base/alloc.h"
#include "net/loop.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    sl_loop *loop;
    struct knocks *k;
    const struct knock_group *list[KNOCK_GROUPS_MAX];
    int told;
    char last[1024];
};

static void on_change(sl_str record, void *user)
{
    struct bench *b = user;

    b->told++;
    snprintf(b->last, sizeof b->last, "%.*s", (int)record.len, record.ptr);
}

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    if (b == NULL || sl_loop_new(&b->loop) < 0) return -1;
    sl__loop_crank(b->loop, 0);
    if (knocks_new(b->loop, &b->k) < 0) return -1;
    knocks_set_on_change(b->k, on_change, b);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;

    knocks_free(b->k);
    sl_loop_free(b->loop);
    free(b);
    return 0;
}

static void note(struct bench *b, enum knock_cause cause, const char *peer, const char *path,
                 const char *detail)
{
    knock_note(b->k, &(struct knock){.cause = cause,
                                     .peer = peer,
                                     .path = sl_str_of(path),
                                     .detail = sl_str_of(detail)});
}

/* ---- grouping ---- */

static void test_one_group_for_cause_address_and_path(void **state)
{
    struct bench *b = *state;

    note(b, KNOCK_PATH, "10.0.0.7:1000", "/a", "first");
    note(b, KNOCK_PATH, "10.0.0.7:2000", "/a", "second"); /* another port is the same device */
    note(b, KNOCK_PATH, "10.0.0.8:1000", "/a", "");
    note(b, KNOCK_PATH, "10.0.0.7:1000", "/b", "");
    note(b, KNOCK_METHOD, "10.0.0.7:1000", "/a", "");
    note(b, KNOCK_PATH, "[2001:db8::1]:80", "/a", "");
    note(b, KNOCK_PATH, "10.0.0.7:3000", "/a", ""); /* keeps its example, and is the newest */

    assert_int_equal(knocks_list(b->k, b->list), 5);
    assert_string_equal(b->list[0]->address, "10.0.0.7");
    assert_int_equal(b->list[0]->count, 3);
    assert_string_equal(b->list[0]->detail, "second");
    assert_true(b->list[0]->first_us <= b->list[0]->last_us);
    assert_string_equal(b->list[1]->address, "2001:db8::1");
    assert_int_equal(b->list[2]->cause, KNOCK_METHOD);
    assert_int_equal(knocks_count(b->k, KNOCK_PATH), 6);
    assert_int_equal(knocks_count(b->k, KNOCK_METHOD), 1);
    assert_int_equal(knocks_count(b->k, KNOCK_TLS), 0);
}

static void test_paths_that_differ_behind_the_bound_are_one(void **state)
{
    struct bench *b = *state;
    char path[100];

    memset(path, 'x', sizeof path);
    for (int i = 0; i < 3; i++) {
        path[KNOCK_PATH_SIZE - 1] = (char)('a' + i);
        path[KNOCK_PATH_SIZE] = '\0';
        note(b, KNOCK_PATH, "h:1", path, "");
    }
    assert_int_equal(knocks_list(b->k, b->list), 1);
    assert_int_equal(strlen(b->list[0]->path), 64);
    path[KNOCK_PATH_SIZE - 2] = '!'; /* the last byte that counts */
    note(b, KNOCK_PATH, "h:1", path, "");
    assert_int_equal(knocks_list(b->k, b->list), 2);
}

static void test_what_healthy_systems_do_is_listed_when_it_is_often(void **state)
{
    struct bench *b = *state;
    uint32_t from = knock_kinds[KNOCK_SILENT].shown_from;

    for (uint32_t i = 1; i < from; i++)
        note(b, KNOCK_SILENT, "h:1", "", "");
    assert_int_equal(knocks_list(b->k, b->list), 0);
    assert_int_equal(knocks_count(b->k, KNOCK_SILENT), from - 1);
    note(b, KNOCK_SILENT, "h:1", "", "");
    assert_int_equal(knocks_list(b->k, b->list), 1);
}

static void test_now_and_then_is_not_often(void **state)
{
    struct bench *b = *state;

    for (int i = 0; i < 100; i++) {
        note(b, KNOCK_SILENT, "h:1", "", "");
        sl__loop_crank(b->loop, 60001);
    }
    assert_int_equal(knocks_list(b->k, b->list), 0);
    assert_int_equal(knocks_count(b->k, KNOCK_SILENT), 100);
    for (int i = 0; i < 8; i++) {
        note(b, KNOCK_SILENT, "h:1", "", "");
        sl__loop_crank(b->loop, 59000);
    }
    assert_int_equal(knocks_list(b->k, b->list), 1);
    assert_int_equal(b->list[0]->count, 8);
    sl__loop_crank(b->loop, 3600000);
    note(b, KNOCK_SILENT, "h:1", "", "");
    assert_int_equal(b->list[0]->count, 9); /* who is listed stays */
}

/* ---- the bound ---- */

static void note_numbered(struct bench *b, int i)
{
    char path[16];

    snprintf(path, sizeof path, "/%d", i);
    note(b, KNOCK_PATH, "h:1", path, "");
}

static bool is_listed(struct bench *b, const char *path)
{
    uint32_t n = knocks_list(b->k, b->list);

    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(b->list[i]->path, path) == 0) return true;
    }
    return false;
}

static void test_the_oldest_of_the_least_counted_falls_out(void **state)
{
    struct bench *b = *state;

    for (int i = 0; i < KNOCK_GROUPS_MAX; i++)
        note_numbered(b, i);
    assert_int_equal(knocks_list(b->k, b->list), KNOCK_GROUPS_MAX);
    note_numbered(b, 0); /* the oldest came twice */
    note_numbered(b, 999);
    assert_int_equal(knocks_list(b->k, b->list), KNOCK_GROUPS_MAX);
    assert_true(is_listed(b, "/0"));
    assert_false(is_listed(b, "/1"));
    assert_true(is_listed(b, "/2"));
    assert_string_equal(b->list[0]->path, "/999");

    for (int i = 1000; i < 5000; i++)
        note_numbered(b, i);
    assert_true(is_listed(b, "/0"));
    assert_false(is_listed(b, "/999"));
    assert_int_equal(knocks_list(b->k, b->list), KNOCK_GROUPS_MAX);
    assert_int_equal(knocks_count(b->k, KNOCK_PATH), KNOCK_GROUPS_MAX + 2 + 4000);
}

/* ---- texts ---- */

#define ODD "\xef\xbf\xbd"

static void test_texts_are_cleaned(void **state)
{
    static const struct {
        const char *what, *in, *out;
    } cases[] = {
        {"plain",          "/a b?é\xf0\x9f\x98\x80",  "/a b?é\xf0\x9f\x98\x80"},
        {"C0",             "a\x1b[31m\n\x7f",          "a" ODD "[31m" ODD ODD   },
        {"C1",
         "a\xc2\x9b"
         "b",                                          "a" ODD "b"              },
        {"no UTF-8",       "a\xff\xc3",                "a" ODD ODD              },
        {"overlong",       "\xc0\xaf",                 ODD ODD                  },
        {"surrogate",      "\xed\xa0\x80",             ODD ODD ODD              },
        {"right to left",
         "\xe2\x80\xae"
         "x",                                          ODD "x"                  },
        {"isolate",        "\xe2\x81\xa6",             ODD                      },
        {"line separator", "\xe2\x80\xa8",             ODD                      },
        {"no width",       "\xe2\x80\x8b\xef\xbb\xbf", ODD ODD                  },
        {"an ellipsis",    "\xe2\x80\xa6",             "\xe2\x80\xa6"           },
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        knock_clean(sl_str_of(cases[i].in), out, sizeof out);
        if (strcmp(out, cases[i].out) != 0) fail_msg("%s: \"%s\"", cases[i].what, out);
    }
}

static void test_cutting_never_splits_a_character(void **state)
{
    char out[8];

    (void)state;
    knock_clean(SL_STR("abcdefgh"), out, 8);
    assert_string_equal(out, "abcdefg");
    knock_clean(SL_STR("abcdefé"), out, 8); /* would need 8 bytes and the end */
    assert_string_equal(out, "abcdef");
    knock_clean(SL_STR("abcde\xff"), out, 8);
    assert_string_equal(out, "abcde");
    knock_clean(SL_STR("a\0b"), out, 8);
    assert_string_equal(out, "a" ODD "b");
    knock_clean((sl_str){0}, out, 8);
    assert_string_equal(out, "");
}

static void test_odd_peers_are_no_trouble(void **state)
{
    static const char *const peers[] = {"?", "", "[", "[::1", ":", "h"};
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++)
        note(b, KNOCK_TLS, peers[i], "", "");
    assert_int_equal(knocks_count(b->k, KNOCK_TLS), 6);
    assert_in_range(knocks_list(b->k, b->list), 4, 6);
}

/* ---- telling ---- */

static void test_changes_are_told_soon_but_once_a_second(void **state)
{
    struct bench *b = *state;

    note(b, KNOCK_PATH, "h:1", "/a", "\"x\"");
    assert_int_equal(b->told, 0); /* never from inside */
    sl__loop_crank(b->loop, 100);
    assert_int_equal(b->told, 1);
    assert_non_null(strstr(b->last, "\"reason\":\"wrong_path\",\"severity\":\"error\""));
    assert_non_null(strstr(b->last, "\"path\":\"/a\",\"detail\":\"\\\"x\\\"\",\"count\":1"));

    for (int i = 0; i < 50; i++)
        note_numbered(b, i);
    sl__loop_crank(b->loop, 500);
    assert_int_equal(b->told, 1);
    sl__loop_crank(b->loop, 600);
    assert_int_equal(b->told, 2);
    assert_non_null(strstr(b->last, "\"path\":\"/49\""));
    sl__loop_crank(b->loop, 5000);
    assert_int_equal(b->told, 2);
    note(b, KNOCK_PATH, "h:1", "/z", "");
    sl__loop_crank(b->loop, 100);
    assert_int_equal(b->told, 3);
}

static void test_without_memory_there_are_none(void **state)
{
    struct bench *b = *state;
    struct knocks *k = NULL;

    sl__alloc_fail_after(0);
    assert_int_equal(knocks_new(b->loop, &k), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    assert_null(k);
    knock_note(NULL, &(struct knock){.cause = KNOCK_TLS, .peer = "?"});
    assert_int_equal(knocks_count(NULL, KNOCK_TLS), 0);
    knocks_free(NULL);

    note(b, KNOCK_TLS, "h:1", "", ""); /* noting needs none; telling does */
    sl__alloc_fail_after(0);
    sl__loop_crank(b->loop, 100);
    sl__alloc_fail_after(-1);
    assert_int_equal(b->told, 0);
    assert_int_equal(knocks_list(b->k, b->list), 1);
}

/* ---- the table ---- */

static bool is_sentence(const char *text)
{
    size_t n = text != NULL ? strlen(text) : 0;

    return n > 10 && n < 200 && text[n - 1] == '.';
}

static void test_every_cause_has_its_sentences(void **state)
{
    (void)state;
    for (int i = 0; i < KNOCK_CAUSES; i++) {
        const struct knock_kind *kind = &knock_kinds[i];

        assert_non_null(kind->code);
        if (!is_sentence(kind->cause) || !is_sentence(kind->cure)) fail_msg("row %d", i);
        if (strspn(kind->code, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(kind->code))
            fail_msg("%s is no label", kind->code);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(kind->code, knock_kinds[j].code);
    }
}

static void test_paths_of_these_systems_have_their_own_cure(void **state)
{
    (void)state;
    assert_non_null(strstr(knock_path_cure(SL_STR("/websocket")), "ws://HUB/ws"));
    assert_non_null(strstr(knock_path_cure(SL_STR("/api/defects/7")), "without /api"));
    assert_null(knock_path_cure(SL_STR("/wp-login.php")));
    assert_null(knock_path_cure((sl_str){0}));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_one_group_for_cause_address_and_path),
        TEST(test_paths_that_differ_behind_the_bound_are_one),
        TEST(test_what_healthy_systems_do_is_listed_when_it_is_often),
        TEST(test_now_and_then_is_not_often),
        TEST(test_the_oldest_of_the_least_counted_falls_out),
        TEST(test_texts_are_cleaned),
        TEST(test_cutting_never_splits_a_character),
        TEST(test_odd_peers_are_no_trouble),
        TEST(test_changes_are_told_soon_but_once_a_second),
        TEST(test_without_memory_there_are_none),
        TEST(test_every_cause_has_its_sentences),
        TEST(test_paths_of_these_systems_have_their_own_cure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
