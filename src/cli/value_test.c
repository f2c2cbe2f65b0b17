/* SPDX-License-Identifier: MIT */
#include "cli/value.h"

#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>

static const struct setting number = {.type = TYPE_NUMBER, .min = -5, .max = 100};
static const struct setting duration = {.type = TYPE_DURATION, .max = 5000000};
static const struct setting size = {.type = TYPE_SIZE, .min = 1024, .max = 1 << 30};
static const struct setting yes = {.type = TYPE_BOOL};
static const struct setting choice = {.type = TYPE_CHOICE, .words = "loopback|open"};
static const struct setting address = {.type = TYPE_ADDRESS};
static const struct setting origins = {.type = TYPE_ORIGIN, .is_list = true};
static const struct setting hosts = {.type = TYPE_HOST, .is_list = true};
static const struct setting path = {.type = TYPE_PATH};

static const struct row {
    const struct setting *s;
    const char *text, *form; /* form NULL: refused */
    int64_t number;
} rows[] = {
    {&number,   "3",                     "3",                 3       },
    {&number,   "100",                   "100",               100     },
    {&number,   "-5",                    "-5",                -5      },
    {&number,   "0",                     "0",                 0       },
    {&number,   "101",                   NULL,                0       },
    {&number,   "-6",                    NULL,                0       },
    {&number,   "3x",                    NULL,                0       },
    {&number,   "x3",                    NULL,                0       },
    {&number,   "3.0",                   NULL,                0       },
    {&number,   "3 ",                    NULL,                0       },
    {&number,   "+3",                    NULL,                0       },
    {&number,   "03",                    NULL,                0       },
    {&number,   "0x3",                   NULL,                0       },
    {&number,   "1e1",                   NULL,                0       },
    {&number,   "-",                     NULL,                0       },
    {&number,   "",                      NULL,                0       },
    {&number,   "99999999999999999999",  NULL,                0       },
    {&duration, "2ms",                   "2ms",               2000    },
    {&duration, "2000us",                "2ms",               2000    },
    {&duration, "1500 us",               "1500us",            1500    },
    {&duration, "5s",                    "5s",                5000000 },
    {&duration, "0",                     "0",                 0       },
    {&duration, "0h",                    "0",                 0       },
    {&duration, "5001ms",                NULL,                0       },
    {&duration, "1min",                  NULL,                0       },
    {&duration, "2",                     NULL,                0       },
    {&duration, "2MS",                   NULL,                0       },
    {&duration, "ms",                    NULL,                0       },
    {&duration, "-1ms",                  NULL,                0       },
    {&duration, "1.5ms",                 NULL,                0       },
    {&duration, "2msx",                  NULL,                0       },
    {&duration, "9223372036854775807h",  NULL,                0       },
    {&size,     "16MiB",                 "16MiB",             16 << 20},
    {&size,     "1024B",                 "1KiB",              1024    },
    {&size,     "16 MB",                 "16MB",              16000000},
    {&size,     "1GiB",                  "1GiB",              1 << 30 },
    {&size,     "1023B",                 NULL,                0       },
    {&size,     "1025MiB",               NULL,                0       },
    {&size,     "16M",                   NULL,                0       },
    {&size,     "2048",                  NULL,                0       },
    {&yes,      "true",                  "true",              1       },
    {&yes,      "Yes",                   "true",              1       },
    {&yes,      "1",                     "true",              1       },
    {&yes,      "off",                   "false",             0       },
    {&yes,      "2",                     NULL,                0       },
    {&yes,      "",                      NULL,                0       },
    {&choice,   "open",                  "open",              1       },
    {&choice,   "loopback",              "loopback",          0       },
    {&choice,   "Open",                  NULL,                0       },
    {&choice,   "loopback|open",         NULL,                0       },
    {&choice,   "",                      NULL,                0       },
    {&address,  "127.0.0.1:5000",        "127.0.0.1:5000",    0       },
    {&address,  "localhost:0",           "localhost:0",       0       },
    {&address,  "[::1]:65535",           "[::1]:65535",       0       },
    {&address,  ":5000",                 ":5000",             0       },
    {&address,  "127.0.0.1:65536",       NULL,                0       },
    {&address,  "127.0.0.1",             NULL,                0       },
    {&address,  "5000",                  NULL,                0       },
    {&address,  "::1:5000",              NULL,                0       },
    {&address,  "[127.0.0.1]:5000",      NULL,                0       },
    {&address,  "hub.example:5000",      NULL,                0       },
    {&address,  "127.0.0.1:",            NULL,                0       },
    {&address,  "127.0.0.1:50x",         NULL,                0       },
    {&origins,  "any",                   "any",               0       },
    {&origins,  "HTTPS://A.example:443", "https://a.example", 0       },
    {&origins,  "a.example",             NULL,                0       },
    {&origins,  "https://a.example/",    NULL,                0       },
    {&origins,  "",                      NULL,                0       },
    {&hosts,    "Hub.Example",           "hub.example",       0       },
    {&hosts,    "hub.example:80",        NULL,                0       },
    {&path,     "./a b",                 "./a b",             0       },
    {&path,     "",                      NULL,                0       },
    {&path,     "a\nb",                  NULL,                0       },
};

static void values_are_read_whole_or_not_at_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        struct arena a = {0};
        struct value v = {0};
        int rc = value_add(r->s, sl_str_of(r->text), &a, &v);

        if (rc != (r->form ? 0 : SL_E_INVAL)) fail_msg("'%s': %d", r->text, rc);
        assert_int_equal(v.n, r->form ? 1 : 0);
        if (r->form != NULL) {
            assert_string_equal(v.item[0], r->form);
            assert_int_equal(v.number, r->number);
        }
        arena_deinit(&a);
    }
}

static void lists_have_an_end(void **state)
{
    struct arena a = {0};
    struct value v = {0}, w = {0};

    (void)state;
    assert_int_equal(value_add_list(&hosts, SL_STR("a, b ,c"), &a, &v), 0);
    assert_int_equal(v.n, 3);
    assert_string_equal(v.item[1], "b");
    assert_int_equal(value_add_list(&hosts, SL_STR("a,b,c"), &a, &w), 0);
    assert_true(value_eq(&v, &w));
    assert_int_equal(value_add_list(&hosts, SL_STR("a,,c"), &a, &w), SL_E_INVAL);
    while (v.n < VALUE_ITEMS_MAX)
        assert_int_equal(value_add(&hosts, SL_STR("x"), &a, &v), 0);
    assert_int_equal(value_add(&hosts, SL_STR("x"), &a, &v), SL_E_FULL);
    assert_false(value_eq(&v, &w));

    w = (struct value){0};
    assert_int_equal(value_add(&number, SL_STR("1"), &a, &w), 0);
    assert_int_equal(value_add(&number, SL_STR("2"), &a, &w), SL_E_FULL);
    arena_deinit(&a);
}

static void without_memory_nothing_is_added(void **state)
{
    struct arena a = {0};
    struct value v = {0};

    (void)state;
    sl__alloc_fail_after(0);
    assert_int_equal(value_add(&hosts, SL_STR("x"), &a, &v), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    assert_int_equal(v.n, 0);
    arena_deinit(&a);
}

static void ranges_are_said_in_units(void **state)
{
    char text[VALUE_EXPECT_SIZE];

    (void)state;
    assert_string_equal(value_expect(&number, text), "a whole number from -5 to 100");
    assert_string_equal(value_expect(&duration, text),
                        "a whole number with its unit (us, ms, s, min, h) from 0 to 5s");
    assert_string_equal(value_expect(&size, text),
                        "a whole number with its unit (B, KiB, MiB, GiB) from 1KiB to 1GiB");
    assert_string_equal(value_expect(&choice, text), "one of loopback|open");
}

static void loopback_is_only_this_machine(void **state)
{
    static const char *const near[] = {"127.0.0.1", "127.9.9.9", "::1", "localhost"};
    static const char *const far[] = {
        "", "0.0.0.0", "::", "192.0.2.1", "::ffff:127.0.0.1", "a"};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_true(address_is_loopback(near[i]));
    for (size_t i = 0; i < 6; i++)
        assert_false(address_is_loopback(far[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read_whole_or_not_at_all),
        cmocka_unit_test(lists_have_an_end),
        cmocka_unit_test(without_memory_nothing_is_added),
        cmocka_unit_test(ranges_are_said_in_units),
        cmocka_unit_test(loopback_is_only_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
