/* SPDX-License-Identifier: MIT */
#include "serve/router.h"

#include "sluice/ws.h"

#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>

static void on_request(sl_request *r, void *user)
{
    (void)r, (void)user;
}

static const sl_ws_ops ops;

#define ROW(methods, path) SL_ROUTE(methods, path, SL_RIGHT_OPEN, on_request, NULL)

static const sl_route rows[] = {
    ROW(SL_GET, "/"),
    ROW(SL_GET, "/items"),
    ROW(SL_POST, "/items"),
    ROW(SL_GET, "/items/"),
    ROW(SL_GET, "/items/:id"),
    ROW(SL_GET, "/items/special"),
    ROW(SL_DELETE, "/items/:number"),
    ROW(SL_GET, "/items/:id/parts/:part"),
    ROW(SL_GET, "/items/:id/*rest"),
    ROW(SL_GET | SL_PUT, "/files/*path"),
    SL_ROUTE_WS("/live", SL_RIGHT_OPEN, &ops, NULL),
    ROW(SL_GET, "/live"),
    SL_ROUTE_WS("/only-ws/:room", SL_RIGHT_OPEN, &ops, NULL),
    ROW(SL_HEAD, "/items"),
    ROW(SL_POST, "/a/b"),
    ROW(SL_GET, "/a/:x"),
    {SL_GET | SL_POST, "/both", SL_RIGHT_OPEN, on_request, &ops, NULL, 0, NULL},
};

/* method, upgrade, path; the row, parameters as name=value in order; or -1 and who is allowed
 */
static const struct {
    unsigned method;
    bool upgrade;
    const char *path;
    int row;
    const char *params;
    unsigned allowed;
} finds[] = {
    {SL_GET,    false, "/",                                             0,  "",                    0                         },
    {SL_HEAD,   false, "/",                                             0,  "",                    0                         },
    {SL_POST,   false, "/",                                             -1, "",                    SL_GET | SL_HEAD          },
    {SL_GET,    false, "/items",                                        1,  "",                    0                         },
    {SL_POST,   false, "/items",                                        2,  "",                    0                         },
    {SL_HEAD,   false, "/items",                                        13, "",                    0                         },
    {SL_GET,    false, "/items/",                                       3,  "",                    0                         },
    {SL_GET,    false, "/items/7",                                      4,  "id=7",                0                         },
    {SL_GET,    false, "/items/special",                                5,  "",                    0                         },
    {SL_DELETE, false, "/items/special",                                6,  "number=special",      0                         },
    {SL_DELETE, false, "/items/",                                       -1, "",                    SL_GET | SL_HEAD          },
    {SL_GET,    false, "/items/7/parts/8",                              7,  "id=7 part=8",         0                         },
    {SL_GET,    false, "/items/7/parts/8/9",                            8,  "id=7 rest=parts/8/9", 0                         },
    {SL_GET,    false, "/items/7/parts/",                               8,  "id=7 rest=parts/",    0                         },
    {SL_GET,    false, "/items/7/",                                     8,  "id=7 rest=",          0                         },
    {SL_GET,    false, "/files/a/b.txt",                                9,  "path=a/b.txt",        0                         },
    {SL_GET,    false, "/files//a",                                     9,  "path=/a",             0                         },
    {SL_GET,    false, "/files/",                                       9,  "path=",               0                         },
    {SL_GET,    false, "/files",                                        -1, "",                    0                         },
    {SL_PATCH,  false, "/files/x",                                      -1, "",                    SL_GET | SL_HEAD | SL_PUT },
    {SL_GET,    true,  "/live",                                         10, "",                    0                         },
    {SL_GET,    false, "/live",                                         11, "",                    0                         },
    {SL_GET,    true,  "/only-ws/a",                                    12, "room=a",              0                         },
    {SL_GET,    false, "/only-ws/a",                                    -1, "",                    0                         },
    {SL_GET,    true,  "/items/7",                                      4,  "id=7",                0                         },
    {SL_GET,    true,  "/nowhere",                                      -1, "",                    0                         },
    {SL_GET,    false, "/a/b",                                          15, "x=b",                 0                         },
    {SL_POST,   false, "/a/b",                                          14, "",                    0                         },
    {SL_PUT,    false, "/a/b",                                          -1, "",                    SL_POST | SL_GET | SL_HEAD},
    {SL_GET,    false, "/both",                                         16, "",                    0                         },
    {SL_POST,   false, "/both",                                         16, "",                    0                         },
    {SL_GET,    true,  "/both",                                         16, "",                    0                         },
    {SL_PUT,    false, "/both",                                         -1, "",                    SL_POST | SL_GET | SL_HEAD},
    {SL_GET,    false, "/ITEMS",                                        -1, "",                    0                         },
    {SL_GET,    false, "/items/7/8/9/10/11/12/13/14/15/16/17/18/19/20", 8,
     "id=7 rest=8/9/10/11/12/13/14/15/16/17/18/19/20",                                             0                         },
};

static void test_find(void **state)
{
    struct router *r;
    struct route_match m;
    struct path p;
    sl_error err;
    char params[256];

    (void)state;
    assert_int_equal(router_new(rows, sizeof rows / sizeof rows[0], &r, &err), 0);
    for (size_t i = 0; i < sizeof finds / sizeof finds[0]; i++) {
        path_split(&p, sl_str_of(finds[i].path));
        router_find(r, finds[i].method, finds[i].upgrade, &p, &m);
        int row = m.row != NULL ? (int)(m.row - rows) : -1;
        if (row != finds[i].row)
            fail_msg("%s: row %d, not %d", finds[i].path, row, finds[i].row);
        size_t len = 0;
        params[0] = '\0';
        for (uint8_t k = 0; k < m.n && m.row != NULL; k++)
            len += (size_t)snprintf(params + len, sizeof params - len, "%s%.*s=%.*s",
                                    k ? " " : "", (int)m.name[k].len, m.name[k].ptr,
                                    (int)m.value[k].len, m.value[k].ptr);
        assert_string_equal(params, finds[i].params);
        assert_int_equal(m.upgrade, finds[i].upgrade && row >= 0 && m.row->ws != NULL);
        if (row < 0) assert_int_equal(m.allowed, finds[i].allowed);
    }
    path_split(&p, SL_STR("/only-ws/a"));
    router_find(r, SL_GET, false, &p, &m);
    assert_true(m.has_ws);
    router_free(r);
}

/* rows that are refused, and a word of the sentence */
static const struct {
    sl_route row;
    const char *word;
} faults[] = {
    {{SL_GET, "/x", 0, on_request, NULL, NULL, 0},                                         "right"        },
    {{SL_GET, NULL, 1, on_request, NULL, NULL, 0},                                         "begin with"   },
    {{SL_GET, "x", 1, on_request, NULL, NULL, 0},                                          "begin with"   },
    {{SL_GET, "", 1, on_request, NULL, NULL, 0},                                           "begin with"   },
    {{0, "/x", 1, on_request, NULL, NULL, 0},                                              "method"       },
    {{1u << 20, "/x", 1, on_request, NULL, NULL, 0},                                       "method"       },
    {{SL_GET, "/x", 1, NULL, NULL, NULL, 0},                                               "needs"        },
    {{SL_POST, "/x", 1, on_request, &ops, NULL, 0},                                        "must take GET"},
    {{SL_POST, "/x", 1, NULL, &ops, NULL, 0},                                              "GET only"     },
    {{SL_GET, "/x//y", 1, on_request, NULL, NULL, 0},                                      "empty segment"},
    {{SL_GET, "/:", 1, on_request, NULL, NULL, 0},                                         "name"         },
    {{SL_GET, "/:a b", 1, on_request, NULL, NULL, 0},                                      "name"         },
    {{SL_GET, "/*", 1, on_request, NULL, NULL, 0},                                         "name"         },
    {{SL_GET, "/*rest/x", 1, on_request, NULL, NULL, 0},                                   "last segment" },
    {{SL_GET, "/:a/:b/:c/:d/:e/:f/:g/:h/:i", 1, on_request, NULL, NULL, 0},                "8 parameters" },
    {{SL_GET, "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", 1, on_request, NULL, NULL, 0},
     "16 segments"                                                                                        },
    {{SL_GET | SL_POST, "/taken", 1, on_request, NULL, NULL, 0},                           "same requests"},
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const sl_route pair[] = {ROW(SL_GET, "/taken"), faults[i].row};
        struct router *r;
        sl_error err = {0};

        assert_int_equal(router_new(pair, 2, &r, &err), SL_E_INVAL);
        assert_null(r);
        assert_non_null(strstr(err.where, "route 1"));
        if (strstr(err.text, faults[i].word) == NULL)
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.text, faults[i].word);
    }
}

static void test_limits_that_fit(void **state)
{
    const sl_route good[] = {
        ROW(SL_GET, "/:a/:b/:c/:d/:e/:f/:g/:h"),
        ROW(SL_GET, "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"),
    };
    struct router *r;
    struct route_match m;
    struct path p;

    (void)state;
    assert_int_equal(router_new(good, 2, &r, NULL), 0);
    path_split(&p, SL_STR("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"));
    router_find(r, SL_GET, false, &p, &m);
    assert_ptr_equal(m.row, &good[1]);
    path_split(&p, SL_STR("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"));
    router_find(r, SL_GET, false, &p, &m);
    assert_null(m.row);
    path_split(&p, SL_STR("/1/2/3/4/5/6/7/8"));
    router_find(r, SL_GET, false, &p, &m);
    assert_int_equal(m.n, 8);
    router_free(r);
    assert_int_equal(router_new(NULL, 0, &r, NULL),
                     0); /* a server of WebSocket pages to come */
    router_free(r);
}

static void test_no_memory(void **state)
{
    struct router *r;
    int rc = SL_E_NOMEM;

    (void)state;
    for (long n = 0; rc != 0; n++) {
        sl__alloc_fail_after(n);
        rc = router_new(rows, sizeof rows / sizeof rows[0], &r, NULL);
        sl__alloc_fail_after(-1);
        assert_true(rc == 0 || rc == SL_E_NOMEM);
        assert_true(n < 100);
    }
    router_free(r);
}

static void test_methods_text(void **state)
{
    char buf[METHODS_TEXT_SIZE];

    (void)state;
    assert_string_equal(methods_text(0, buf), "");
    assert_string_equal(methods_text(SL_GET | SL_OPTIONS, buf), "GET, OPTIONS");
    assert_string_equal(methods_text(~0u, buf), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_limits_that_fit),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_methods_text),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("serve/router", tests, NULL, NULL);
}
