/* SPDX-License-Identifier: MIT */
#include "cli/yaml_tree.h"

#include "base/alloc.h"
#include "base/str.h"
#include "cli/report_test.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static void places_are_kept(void **state)
{
    struct arena a = {0};
    struct heard h;
    struct yaml_node *root, *n;
    const char *text =
        "# a comment\nlisten:\n  - \"127.0.0.1:5000\"\n  - b\nlog: {level: 'warn'}\nempty:\n";

    (void)state;
    assert_int_equal(yaml_read("f", sl_str_of(text), &a, heard_init(&h), &root), 0);
    assert_int_equal(root->kind, YAML_MAP);
    n = root->first;
    assert_string_equal(n->key, "listen");
    assert_int_equal(n->kind, YAML_LIST);
    assert_int_equal(n->key_line, 2);
    assert_int_equal(n->key_column, 1);
    assert_string_equal(n->first->text.ptr, "127.0.0.1:5000");
    assert_false(n->first->is_bare);
    assert_int_equal(n->first->line, 3);
    assert_int_equal(n->first->column, 5);
    assert_string_equal(n->first->next->text.ptr, "b");
    assert_true(n->first->next->is_bare);
    assert_null(n->first->next->next);
    n = n->next;
    assert_int_equal(n->kind, YAML_MAP);
    assert_string_equal(n->first->key, "level");
    assert_string_equal(n->first->text.ptr, "warn");
    assert_int_equal(n->first->line, 5);
    assert_int_equal(n->first->column, 14);
    n = n->next;
    assert_true(n->is_bare && n->text.len == 0);
    assert_null(n->next);
    assert_string_equal(h.text, "");
    arena_deinit(&a);
}

static void nothing_is_nothing(void **state)
{
    static const char *const texts[] = {"", "\n\n", "# only a comment\n"};
    struct heard h;
    struct yaml_node *root;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct arena a = {0};

        assert_int_equal(yaml_read("f", sl_str_of(texts[i]), &a, heard_init(&h), &root), 0);
        assert_null(root);
        arena_deinit(&a);
    }
}

static const struct row {
    const char *text, *complaint; /* how it begins */
} refused[] = {
    {"a: 1\nb: 2\na: 3\n",    "f:3:1: the key a is here twice; it was given in line 1 already"},
    {"x: {b: 1, b: 1}\n",     "f:1:11: the key b is here twice"                               },
    {"a: &x 1\n",             "f:1:4: anchors (&name) are not used here"                      },
    {"a: &x [1]\n",           "f:1:4: anchors"                                                },
    {"a: &x {b: 1}\n",        "f:1:4: anchors"                                                },
    {"a: *x\n",               "f:1:4: aliases (*name) are not used here"                      },
    {"a: !!int 3\n",          "f:1:4: tags (!name) are not used here"                         },
    {"a: !mine [1]\n",        "f:1:4: tags"                                                   },
    {"a: !mine {b: 1}\n",     "f:1:4: tags"                                                   },
    {"! a: 1\n",              "f:1:1: tags"                                                   },
    {"a: 1\n---\nb: 2\n",     "f:2:1: a second document begins here"                          },
    {"[a]: 1\n",              "f:1:1: a key must be a plain word"                             },
    {"? {a: 1}\n: 1\n",       "f:1:3: a key must be a plain word"                             },
    {"\"a\\0b\": 1\n",        "f:1:1: a key must not hold a NUL"                              },
    {"a: 1\n b: 2\n",         "f:2:3: this is not YAML"                                       },
    {"a: [1\n",               "f:2:1: this is not YAML"                                       },
    {"a: \"x\n",              "f:2:1: this is not YAML"                                       },
    {"\ta: 1\n",              "f:1:1: this is not YAML"                                       },
    {"a: \xff\n",             "f: byte 3 is no text"                                          },
    {"a: \x01\n",             "f: byte 3 is no text"                                          },
    {"[[[[[[[[[1]]]]]]]]]\n", "f:1:9: this is nested deeper"                                  },
};

static void what_we_do_not_use_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct arena a = {0};
        struct heard h;
        struct yaml_node *root;
        sl_str text = sl_str_of(refused[i].text);
        int rc = yaml_read("f", text, &a, heard_init(&h), &root);

        if (rc != SL_E_INVAL || h.report.count != 1
            || !str_starts(sl_str_of(h.text), sl_str_of(refused[i].complaint))) {
            fail_msg("'%s': %d, %s", refused[i].text, rc, h.text);
        }
        assert_null(root);
        arena_deinit(&a);
    }
}

static void limits_hold(void **state)
{
    static char big[YAML_BYTES_MAX + 1];
    struct arena a = {0};
    struct heard h;
    struct yaml_node *root;

    (void)state;
    memset(big, '#', sizeof big);
    assert_int_equal(yaml_read("f", (sl_str){big, YAML_BYTES_MAX}, &a, heard_init(&h), &root),
                     0);
    assert_int_equal(yaml_read("f", (sl_str){big, sizeof big}, &a, heard_init(&h), &root),
                     SL_E_INVAL);
    assert_string_equal(h.text, "f: the file is larger than 1 MiB\n");

    assert_int_equal(yaml_read("f", SL_STR("[[[[[[[[1]]]]]]]]"), &a, heard_init(&h), &root), 0);
    for (int extra = 0; extra < 2; extra++) {
        size_t n = 0;

        for (int i = 0; i < YAML_NODES_MAX - 1 + extra; i++)
            n += (size_t)snprintf(big + n, sizeof big - n, "- 1\n");
        assert_int_equal(yaml_read("f", (sl_str){big, n}, &a, heard_init(&h), &root),
                         extra ? SL_E_INVAL : 0);
    }
    assert_string_equal(h.text,
                        "f:10000:3: the file has more entries than a configuration needs\n");
    arena_deinit(&a);
}

static void each_allocation_may_fail(void **state)
{
    struct heard h;
    struct yaml_node *root;
    int rc = SL_E_NOMEM;

    (void)state;
    for (long n = 0; rc != 0; n++) {
        struct arena a = {.chunk_bytes = 64};

        sl__alloc_fail_after(n);
        rc = yaml_read("f", SL_STR("a: [b, c]\nd: {e: f}\n"), &a, heard_init(&h), &root);
        sl__alloc_fail_after(-1);
        if (rc != 0) assert_int_equal(rc, SL_E_NOMEM);
        arena_deinit(&a);
        assert_true(n < 100);
    }
    assert_string_equal(h.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_kept),
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(what_we_do_not_use_is_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
