/* SPDX-License-Identifier: MIT */
#include "proto/url.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#define B(lit)                  \
    {                           \
        "" lit, sizeof(lit) - 1 \
    }

static void assert_str(const char *name, sl_str got, const char *want)
{
    if (!sl_str_eq(got, sl_str_of(want))) {
        fail_msg("%s: \"%.*s\" is not \"%s\"", name, (int)got.len, got.ptr, want);
    }
}

/* ---- targets ---- */

/* query NULL: there is none */
static const struct {
    const char *target, *path, *query;
} targets[] = {
    {"/",        "/",    NULL   },
    {"/a/b",     "/a/b", NULL   },
    {"/a?",      "/a",   ""     },
    {"/a?b=c",   "/a",   "b=c"  },
    {"/a?b?c=/", "/a",   "b?c=/"},
    {"?b",       "/",    "b"    },
    {"",         "/",    NULL   },
    {"*",        "*",    NULL   },
};

static void targets_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        sl_str path, query;

        url_split(sl_str_of(targets[i].target), &path, &query);
        assert_str(targets[i].target, path, targets[i].path);
        assert_int_equal(query.ptr == NULL, targets[i].query == NULL);
        if (targets[i].query != NULL) assert_str(targets[i].target, query, targets[i].query);
    }
}

/* ---- paths ---- */

/* want NULL: refused, and `why` has this in it */
static const struct {
    const char *name;
    sl_str in;
    const char *want, *why;
} paths[] = {
    {"root",                        B("/"),                "/",                NULL       },
    {"3.3 segments",                B("/a/b"),             "/a/b",             NULL       },
    {"3.3 empty segments",          B("//a///b/"),         "//a///b/",         NULL       },
    {"2.1 escapes",                 B("/%41%2e%7E%20%25"), "/A.~ %",           NULL       },
    {"2.1 decoded once",            B("/%2541"),           "/%41",             NULL       },
    {"2.1 an escaped escape of /",  B("/a%252Fb"),         "/a%2Fb",           NULL       },
    {"2.1 high bytes",              B("/%c3%A9%ff"),       "/\xc3\xa9\xff",    NULL       },
    {"plus stays",                  B("/a+b"),             "/a+b",             NULL       },
    {"dots in names",               B("/.a/..b/c./.../d"), "/.a/..b/c./.../d", NULL       },
    {"what browsers leave",         B("/a|b^{}"),          "/a|b^{}",          NULL       },

    {"empty",                       B(""),                 NULL,               "begin"    },
    {"relative",                    B("a"),                NULL,               "begin"    },
    {"asterisk",                    B("*"),                NULL,               "begin"    },
    {"an escaped first slash",      B("%2fa"),             NULL,               "begin"    },
    {"2.1 no digits",               B("/%"),               NULL,               "hex"      },
    {"2.1 one digit",               B("/%4"),              NULL,               "hex"      },
    {"2.1 not hexadecimal",         B("/%4g"),             NULL,               "hex"      },
    {"2.1 not hexadecimal, first",  B("/%g4"),             NULL,               "hex"      },
    {"2.1 %u",                      B("/%u0041"),          NULL,               "hex"      },
    {"NUL",                         B("/a%00"),            NULL,               "control"  },
    {"CR LF",                       B("/a%0d%0a"),         NULL,               "control"  },
    {"DEL",                         B("/a%7f"),            NULL,               "control"  },
    {"raw NUL",                     B("/a\0"),             NULL,               "control"  },
    {"encoded slash",               B("/a%2fb"),           NULL,               "slash"    },
    {"encoded slash, upper case",   B("/a%2Fb"),           NULL,               "slash"    },
    {"encoded backslash",           B("/a%5cb"),           NULL,               "slash"    },
    {"backslash",                   B("/a\\b"),            NULL,               "backslash"},
    {"6.2.2.3 dot",                 B("/."),               NULL,               "'..'"     },
    {"6.2.2.3 dot inside",          B("/a/./b"),           NULL,               "'..'"     },
    {"6.2.2.3 two dots",            B("/.."),              NULL,               "'..'"     },
    {"6.2.2.3 two dots inside",     B("/a/../b"),          NULL,               "'..'"     },
    {"6.2.2.3 two dots at the end", B("/a/.."),            NULL,               "'..'"     },
    {"6.2.2.3 two dots first",      B("/../etc/passwd"),   NULL,               "'..'"     },
    {"6.2.2.3 encoded",             B("/%2e%2e/etc"),      NULL,               "'..'"     },
    {"6.2.2.3 half encoded",        B("/a/.%2E"),          NULL,               "'..'"     },
    {"6.2.2.3 behind empty ones",   B("//../a"),           NULL,               "'..'"     },
};

static void check_path(size_t i, bool in_place)
{
    size_t room =
        paths[i].in.len > 0 ? paths[i].in.len : 1; /* exact: one byte too far is seen */
    char *in = malloc(room), *apart = malloc(room);
    const char *why = NULL;
    sl_str out;
    int rc;

    assert_true(in != NULL && apart != NULL);
    memcpy(in, paths[i].in.ptr, paths[i].in.len);
    rc = url_path_decode((sl_str){in, paths[i].in.len}, in_place ? in : apart, &out, &why);
    if (paths[i].want != NULL) {
        if (rc != 0) fail_msg("%s: %s", paths[i].name, why);
        assert_str(paths[i].name, out, paths[i].want);
    } else {
        if (rc != SL_E_INVAL) fail_msg("%s: returned %d", paths[i].name, rc);
        if (strstr(why, paths[i].why) == NULL) fail_msg("%s: %s", paths[i].name, why);
        assert_null(out.ptr);
    }
    free(in);
    free(apart);
}

static void paths_are_decoded(void **state)
{
    sl_str out;

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        check_path(i, false);
        check_path(i, true);
    }
    assert_int_equal(url_path_decode(SL_STR(""), NULL, &out, NULL), SL_E_INVAL);
}

static void file_paths(void **state)
{
    static const struct {
        sl_str path;
        bool good;
    } rows[] = {
        {B("a"),            true },
        {B("a/b.css"),      true },
        {B("a b/\xc3\xa9"), true },
        {B("a..b/c."),      true },
        {B(""),             false},
        {B("/a"),           false},
        {B("a//b"),         false},
        {B("a/"),           false},
        {B("."),            false},
        {B(".."),           false},
        {B("a/../b"),       false},
        {B("a/.."),         false},
        {B(".git/config"),  false},
        {B("a/.htaccess"),  false},
        {B("a\\b"),         false},
        {B("a\0b"),         false},
        {B("a\tb"),         false},
        {B("a\x7f"),        false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (url_is_file_path(rows[i].path) != rows[i].good)
            fail_msg("\"%s\"", rows[i].path.ptr);
    }
}

/* ---- queries ---- */

static void queries_are_walked(void **state)
{
    static const struct {
        const char *query;
        const char *pairs[7]; /* name, value, ... */
    } rows[] = {
        {"",           {NULL}                     },
        {"&&",         {NULL}                     },
        {"a=1",        {"a", "1"}                 },
        {"a=1&b=2",    {"a", "1", "b", "2"}       },
        {"a&b=&=c",    {"a", "", "b", "", "", "c"}},
        {"a=b=c",      {"a", "b=c"}               },
        {"&a=1&&b=2&", {"a", "1", "b", "2"}       },
        {"a=1;b=2",    {"a", "1;b=2"}             },
        {"%61=%31+",   {"%61", "%31+"}            },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_str rest = sl_str_of(rows[i].query), name, value;
        size_t n = 0;

        while (url_query_next(&rest, &name, &value)) {
            assert_non_null(rows[i].pairs[n]);
            assert_str(rows[i].query, name, rows[i].pairs[n]);
            assert_str(rows[i].query, value, rows[i].pairs[n + 1]);
            n += 2;
        }
        assert_null(rows[i].pairs[n]);
    }
    sl_str none = {NULL, 0}, name, value;
    assert_false(url_query_next(&none, &name, &value));
}

static void queries_are_decoded(void **state)
{
    static const struct {
        const char *raw, *want; /* want NULL: refused */
    } rows[] = {
        {"",          ""        },
        {"a+b%20c",   "a b c"   },
        {"%2B%26%3d", "+&="     },
        {"100%",      "100%"    },
        {"%4",        "%4"      },
        {"%zz%41",    "%zzA"    },
        {"%%34%31",   "%41"     },
        {"%2541",     "%41"     },
        {"%c3%a9",    "\xc3\xa9"},
        {"a%0ab",     "a\nb"    },
        {"..%2f..",   "../.."   },
        {"a%00b",     NULL      },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char into[64];
        int64_t n = url_query_decode(sl_str_of(rows[i].raw), into);

        if (rows[i].want == NULL) {
            assert_int_equal(n, SL_E_INVAL);
        } else {
            assert_true(n >= 0);
            assert_str(rows[i].raw, (sl_str){into, (size_t)n}, rows[i].want);
        }
    }
}

static void what_is_encoded_decodes_to_itself(void **state)
{
    char raw[255], into[3 * 255], back[3 * 255];
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (char)(i + 1);
    n = url_query_encode((sl_str){raw, sizeof raw}, into);
    for (size_t i = 0; i < n; i++)
        assert_non_null(memchr("%-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                               "uvwxyz",
                               into[i], 67));
    assert_int_equal(url_query_decode((sl_str){into, n}, back), sizeof raw);
    assert_memory_equal(back, raw, sizeof raw);
    n = url_query_encode(SL_STR("a b\0"), into);
    assert_str("a b", ((sl_str){into, n}), "a%20b%00");
}

static void the_first_value_wins(void **state)
{
    static const sl_str query = B("a=1&b=x+y&%63=3&a=2&z=%00&%00=q&d");
    char into[64];

    (void)state;
    assert_int_equal(url_query_find(query, SL_STR("a"), into), 1);
    assert_int_equal(into[0], '1');
    assert_int_equal(url_query_find(query, SL_STR("b"), into), 3);
    assert_memory_equal(into, "x y", 3);
    assert_int_equal(url_query_find(query, SL_STR("c"), into), 1);
    assert_int_equal(into[0], '3');
    assert_int_equal(url_query_find(query, SL_STR("d"), into), 0);
    assert_int_equal(url_query_find(query, SL_STR("z"), into), SL_E_INVAL);
    assert_int_equal(url_query_find(query, SL_STR("A"), into), SL_E_NOT_FOUND);
    assert_int_equal(url_query_find(query, SL_STR(""), into), SL_E_NOT_FOUND);
    assert_int_equal(url_query_find((sl_str){NULL, 0}, SL_STR("a"), into), SL_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_cut),
        cmocka_unit_test(paths_are_decoded),
        cmocka_unit_test(file_paths),
        cmocka_unit_test(queries_are_walked),
        cmocka_unit_test(queries_are_decoded),
        cmocka_unit_test(the_first_value_wins),
        cmocka_unit_test(what_is_encoded_decodes_to_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
