/* SPDX-License-Identifier: MIT */
#include "hub/access.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static const struct row {
    const char *authority;
    bool is_loopback;
} rows[] = {
    {"127.0.0.1",                                                                  true },
    {"127.0.0.1:5000",                                                             true },
    {"127.8.9.1:1",                                                                true },
    {"localhost",                                                                  true },
    {"LocalHost:5000",                                                             true },
    {"hub.localhost:5000",                                                         true },
    {"[::1]",                                                                      true },
    {"[::1]:5000",                                                                 true },
    {"[0:0:0:0:0:0:0:1]:5000",                                                     true },
    {"",                                                                           false},
    {":5000",                                                                      false},
    {"[",                                                                          false},
    {"[]",                                                                         false},
    {"[::1",                                                                       false},
    {"[::1]x",                                                                     false},
    {"::1",                                                                        false},
    {"[::2]",                                                                      false},
    {"[127.0.0.1]",                                                                false},
    {"128.0.0.1",                                                                  false},
    {"127.0.0.1.example.org",                                                      false},
    {"127.1",                                                                      false},
    {"0x7f.0.0.1",                                                                 false},
    {"example.org",                                                                false},
    {"localhost.example.org",                                                      false},
    {".localhost",                                                                 false},
    {"notlocalhost",                                                               false},
    {"192.168.1.4:5000",                                                           false},
    {"user@localhost",                                                             false},
    {"a-very-long-name-that-goes-on-and-on-and-on-and-on-and-on-and-on.localhost", false},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (access_is_loopback(sl_str_of(rows[i].authority)) != rows[i].is_loopback) {
            fail_msg("'%s'", rows[i].authority);
        }
    }
    assert_false(access_is_loopback((sl_str){NULL, 0}));
}

static void test_origins(void **state)
{
    static const struct row origins[] = {
        {"http://127.0.0.1:3000",      true },
        {"https://localhost",          true },
        {"http://[::1]:8080",          true },
        {"null",                       false},
        {"",                           false},
        {"http://",                    false},
        {"file://localhost",           false},
        {"HTTP://localhost",           false}, /* browsers send it in lower case, RFC 6454 §4 */
        {"https://example.org",        false},
        {"http://localhost.evil.test", false},
        {"http://127.0.0.1.evil.test", false},
        {"http://evil.test/127.0.0.1", false},
    };
    bool is_open = false;

    (void)state;
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        sl_str origin = sl_str_of(origins[i].authority);
        sl_str allowed = access_allow_origin(NULL, origin, &is_open);

        if ((allowed.len > 0) != origins[i].is_loopback) fail_msg("'%s'", origin.ptr);
        if (allowed.len > 0) assert_true(sl_str_eq(allowed, origin));
    }
    is_open = true;
    assert_true(sl_str_eq(access_allow_origin(NULL, SL_STR("https://example.org"), &is_open),
                          SL_STR("*")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_origins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
