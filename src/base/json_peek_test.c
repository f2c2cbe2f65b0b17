/* SPDX-License-Identifier: MIT */
/* Top-level keys without nodes; and that peek and read agree. */
#include "sluice/json.h"

#include "base/json_cases.h"
#include "base/scan.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static int peek_with(sl_str text, bool indexed, const sl_str *key, uint32_t n, sl_str *found,
                     sl_str *member)
{
    sl_json_index x;
    struct scan s;

    if (!indexed) return sl_json_peek(text, NULL, key, n, found, member);
    index_init(&x, 0);
    scan_init(&s, SCAN_JSON, NULL, &x);
    int rc = scan_feed(&s, NULL, (const uint8_t *)text.ptr, text.len);
    if (rc == 0) rc = scan_end(&s);
    if (rc == 0) rc = sl_json_peek(text, &x, key, n, found, member);
    index_deinit(&x);
    return rc;
}

static void assert_str(sl_str got, const char *want)
{
    if (want == NULL) {
        assert_null(got.ptr);
        return;
    }
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static const struct {
    const char *name, *text, *type, *id, *type_member;
} rows[] = {
    {"empty object",              "{}",                                                          NULL,             NULL,     NULL                     },
    {"both",                      "{\"type\":\"x\",\"id\":7}",                                   "\"x\"",          "7",      "\"type\":\"x\""         },
    {"neither",                   "{\"a\":1,\"b\":2}",                                           NULL,             NULL,     NULL                     },
    {"white space",               " { \"type\" : \"x\" , \"id\" : 7 } ",                         "\"x\"",          "7",      "\"type\" : \"x\""       },
    {"number before a space",     "{\"id\":-1.5e3 ,\"type\":null\n}",                            "null",           "-1.5e3",
     "\"type\":null"                                                                                                                                  },
    {"containers",                "{\"type\":[1,{\"id\":2}],\"id\":{\"type\":[]}}",              "[1,{\"id\":2}]",
     "{\"type\":[]}",                                                                                                        "\"type\":[1,{\"id\":2}]"},
    {"only deeper ones",          "{\"a\":{\"type\":1},\"b\":[{\"id\":2}]}",                     NULL,             NULL,     NULL                     },
    {"keys as values",            "{\"a\":\"type\",\"type\":\"id\"}",                            "\"id\"",         NULL,     "\"type\":\"id\""        },
    {"last one wins",             "{\"type\":1,\"id\":1,\"type\":[2]}",                          "[2]",            "1",      "\"type\":[2]"           },
    {"escaped key",               "{\"\\u0074ype\":1}",                                          "1",              NULL,     "\"\\u0074ype\":1"       },
    {"escaped key is last",       "{\"type\":1,\"t\\u0079pe\":2}",                               "2",              NULL,     "\"t\\u0079pe\":2"       },
    {"escaped key, other",        "{\"type\\n\":1,\"\\\"id\":2}",                                NULL,             NULL,     NULL                     },
    {"key with a lone surrogate", "{\"\\ud800\":1,\"id\":2}",                                    NULL,             "2",      NULL                     },
    {"prefix and suffix",         "{\"typ\":1,\"types\":2,\"i\":3,\"idd\":4}",                   NULL,             NULL,     NULL                     },
    {"strings with escapes",      "{\"a\":\"\\\\\\\"\",\"type\":\"\\n\",\"b\":{\"c\":\"\\t\"}}",
     "\"\\n\"",                                                                                                    NULL,     "\"type\":\"\\n\""       },
    {"number not asked for",      "{\"a\":01x,\"type\":1}",                                      "1",              NULL,     "\"type\":1"             },
};

static void test_rows(void **state)
{
    sl_str key[3] = {SL_STR("type"), SL_STR("id"), SL_STR("type")}, found[3], member[3];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (unsigned indexed = 0; indexed < 2; indexed++) {
            print_message("# %s\n", rows[i].name);
            assert_int_equal(peek_with(sl_str_of(rows[i].text), indexed, key, 3, found, member),
                             0);
            assert_str(found[0], rows[i].type);
            assert_str(found[1], rows[i].id);
            assert_str(found[2], rows[i].type); /* asked twice, answered twice */
            assert_str(member[0], rows[i].type_member);
            assert_int_equal(peek_with(sl_str_of(rows[i].text), indexed, key, 1, found, NULL),
                             0);
            assert_str(found[0], rows[i].type);
        }
}

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "1",
        "[]",
        "\"type\"",
        "{",
        "}",
        "{}}",
        "{}{}",
        "{} 1",
        "{\"type\"}",
        "{\"type\":}",
        "{\"type\":1",
        "{\"type\":1,}",
        "{,\"type\":1}",
        "{\"type\":1 2}",
        "{\"type\":1 \"a\":2}",
        "{\"type\":01}",
        "{\"type\":nul}",
        "{\"type\"::1}",
        "{\"type\" 1}",
        "{1:2}",
        "{\"a\":[}",
        "{\"a\":[}]}",
        "{\"a\":{]}}",
        "{\"a\":[[]}",
        "{\"a\":\"\\x\"}",
        "{\"a\":[\"\\x\"]}",
        "{\"\\x\":1}",
        "{\"a\":\"\n\"}",
        "{\"a\":[\"\n\"]}",
        "{\"a\":\"}",
        "{\"a\":[\"]}",
        "{\"a\":\\n}",
        "{\"a\":,\"b\":1}",
        "{\"a\":1]",
        "{\"a\":1}]",
    };
    sl_str key = SL_STR("type"), found;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (unsigned indexed = 0; indexed < 2; indexed++) {
            found = SL_STR("from before");
            print_message("# refused: row %zu\n", i); /* the text may have line feeds */
            assert_int_equal(peek_with(sl_str_of(texts[i]), indexed, &key, 1, &found, NULL),
                             SL_E_JSON);
            assert_null(found.ptr);
        }
    for (unsigned indexed = 0; indexed < 2; indexed++) {
        sl_str text = SL_STR("{\"type\":\"\xED\xA0\x80\"}");
        assert_int_equal(peek_with(text, indexed, &key, 1, &found, NULL), SL_E_UTF8);
        text = SL_STR("{\"type\":1}\xC3"); /* behind all that is looked for */
        assert_int_equal(peek_with(text, indexed, &key, 1, &found, NULL), SL_E_UTF8);
    }
}

/* The rows of the reader, as they are and as a member: what it takes, peek takes as well. */
static void test_rows_of_the_reader(void **state)
{
    sl_str key = SL_STR("v"), found;
    sl_json doc = {0};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        size_t len = taken[i].text.len;
        memcpy(text, "{\"v\":", 5);
        memcpy(text + 5, taken[i].text.ptr, len);
        text[5 + len] = '}';
        sl_str t = {text, len + 6};
        for (unsigned indexed = 0; indexed < 2; indexed++) {
            assert_int_equal(peek_with(t, indexed, &key, 1, &found, NULL), 0);
            assert_int_equal(sl_json_read(&doc, t, NULL, NULL, NULL), 0);
            sl_str raw = sl_value_raw(sl_value_get(sl_json_root(&doc), key));
            assert_ptr_equal(found.ptr, raw.ptr);
            assert_int_equal(found.len, raw.len);
        }
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        for (unsigned indexed = 0; indexed < 2; indexed++) {
            int rc = peek_with(refused[i].text, indexed, &key, 1, &found, NULL);
            assert_true(rc == SL_E_JSON || rc == SL_E_UTF8 || rc == 0);
            if (rc < 0) assert_null(found.ptr);
        }
    sl_json_deinit(&doc);
}

static void test_depth(void **state)
{
    enum { MOST = 100000 };
    sl_str key = SL_STR("a"), found;
    char *text = malloc(2 * MOST + 8);

    (void)state;
    assert_non_null(text);
    for (uint32_t depth = 62; depth <= MOST; depth = depth < 66 ? depth + 1 : depth * 40) {
        for (unsigned indexed = 0; indexed < 2; indexed++) {
            memcpy(text, "{\"a\":", 5); /* itself the first */
            memset(text + 5, '[', depth - 1);
            memset(text + 5 + depth - 1, ']', depth - 1);
            text[5 + 2 * (depth - 1)] = '}';
            sl_str t = {text, 6 + 2 * (size_t)(depth - 1)};
            int rc = peek_with(t, indexed, &key, 1, &found, NULL);
            assert_int_equal(rc, depth > 64 ? SL_E_DEPTH : 0);
            if (rc == 0) assert_int_equal(found.len, 2 * (depth - 1));
        }
    }
    free(text);
}

static void test_number_of_keys(void **state)
{
    sl_str key[17], found[17];
    sl_str text = SL_STR("{\"a\":1,\"b\":2,\"p\":16}");
    static const char names[] = "abcdefghijklmnopq";

    (void)state;
    for (unsigned i = 0; i < 17; i++)
        key[i] = (sl_str){names + i, 1};
    assert_int_equal(sl_json_peek(text, NULL, key, 0, NULL, NULL), 0);
    assert_int_equal(sl_json_peek(text, NULL, key, 16, found, NULL), 0);
    assert_str(found[1], "2");
    assert_str(found[15], "16");
    assert_null(found[2].ptr);
    assert_int_equal(sl_json_peek(text, NULL, key, 17, found, NULL), SL_E_INVAL);
}

/* Longer than the pieces in which a text without an index is scanned. */
static void test_long_text(void **state)
{
    enum { LEN = 20000 };
    char *text = malloc(LEN);
    sl_str key[2] = {SL_STR("image"), SL_STR("type")}, found[2];

    (void)state;
    assert_non_null(text);
    for (unsigned indexed = 0; indexed < 2; indexed++) {
        memset(text, 'A', LEN);
        memcpy(text, "{\"image\":\"", 10);
        memcpy(text + LEN - 13, "\",\"type\":[1]}", 13);
        assert_int_equal(peek_with((sl_str){text, LEN}, indexed, key, 2, found, NULL), 0);
        assert_int_equal(found[0].len, LEN - 13 - 9 + 1);
        assert_str(found[1], "[1]");
        memset(text, ',', LEN); /* an entry for each byte */
        memcpy(text, "{\"image\":[", 10);
        memcpy(text + LEN - 12, "],\"type\":1 }", 12);
        assert_int_equal(peek_with((sl_str){text, LEN}, indexed, key, 2, found, NULL), 0);
        assert_int_equal(found[0].len, LEN - 12 - 9 + 1);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_rows_of_the_reader),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_number_of_keys),
        cmocka_unit_test(test_long_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
