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

static const char *const listed_origin[] = {"https://site.example", "http://site.example:8080"};
static const char *const listed_host[] = {"hub.example", "[2001:db8::7]"};

#define LISTS                                                                         \
    .origin = listed_origin, .origin_count = 2, .host = listed_host, .host_count = 2, \
    .own_name = "barn-pi"

static const struct access lists = {LISTS};
static const struct access open_lists = {LISTS, .is_open = true};
static const struct access any = {.any_origin = true};
static const struct access nameless = {.is_open = true};

static void test_hosts(void **state)
{
    /* called by, with loopback access, with open access */
    static const struct {
        const char *host;
        bool loopback, open;
    } hosts[] = {
        {"localhost:5000",        true,  true },
        {"127.0.0.1",             true,  true },
        {"hub.example",           true,  true },
        {"HUB.Example:5000",      true,  true },
        {"[2001:db8::7]:5000",    true,  true },
        {"[2001:db8::8]:5000",    false, true },
        {"192.168.1.4:5000",      false, true },
        {"barn-pi",               false, true },
        {"Barn-Pi.local:5000",    false, true },
        {"barn-pi.example",       false, false},
        {".local",                false, false},
        {"xhub.example",          false, false},
        {"hub.example.evil.test", false, false},
        {"192.168.1.4.evil.test", false, false},
        {"site.example",          false, false},
        {"3232235780",            false, false}, /* 192.168.1.4 as some resolvers read it */
        {"[192.168.1.4]",         false, false},
        {"",                      false, false},
        {":5000",                 false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        sl_str host = sl_str_of(hosts[i].host);

        if (access_takes_host(&lists, host) != hosts[i].loopback
            || access_takes_host(&open_lists, host) != hosts[i].open) {
            fail_msg("'%s'", hosts[i].host);
        }
        assert_true(access_takes_host(&any, host));
    }
    assert_false(access_takes_host(&nameless, SL_STR("")));
    assert_false(access_takes_host(&nameless, SL_STR(".local")));
    assert_false(access_takes_host(&nameless, (sl_str){NULL, 0}));
}

static void test_origins(void **state)
{
    static const struct row origins[] = {
        {"http://127.0.0.1:3000",          true },
        {"https://localhost",              true },
        {"http://[::1]:8080",              true },
        {"https://site.example",           true },
        {"http://site.example:8080",       true },
        {"http://hub.example:5000",        true }, /* our own page: what Host says */
        {"https://hub.example:5000",       true }, /* the same behind a proxy with TLS */
        {"http://hub.example",             false},
        {"http://hub.example:5001",        false},
        {"http://site.example",            false},
        {"https://site.example:8080",      false},
        {"https://site.example.evil.test", false},
        {"null",                           false},
        {"",                               false},
        {"http://",                        false},
        {"file://localhost",               false},
        {"HTTP://localhost",               false}, /* browsers send it in lower case, RFC 6454 §4 */
        {"https://example.org",            false},
        {"http://localhost.evil.test",     false},
        {"http://127.0.0.1.evil.test",     false},
        {"http://evil.test/127.0.0.1",     false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        sl_str origin = sl_str_of(origins[i].authority);

        if (access_takes_origin(&lists, SL_STR("Hub.Example:5000"), origin)
            != origins[i].is_loopback) {
            fail_msg("'%s'", origin.ptr);
        }
        assert_true(access_takes_origin(&any, SL_STR("evil.test"), origin));
        assert_true(
            sl_str_eq(access_allow_origin(NULL, origin, (void *)(uintptr_t)&any), SL_STR("*")));
    }
    /* a rebound name is the origin's own, but not ours */
    assert_false(
        access_takes_origin(&open_lists, SL_STR("evil.test"), SL_STR("http://evil.test")));
    assert_true(
        access_takes_origin(&open_lists, SL_STR("10.0.0.7:80"), SL_STR("http://10.0.0.7")));
    assert_true(
        access_takes_origin(&open_lists, SL_STR("10.0.0.7"), SL_STR("https://10.0.0.7")));
    assert_false(access_takes_origin(&lists, (sl_str){NULL, 0}, SL_STR("http://a")));
}

static void test_normal_forms(void **state)
{
    static const struct {
        const char *text, *normal; /* NULL: refused */
    } rows_[] = {
        {"https://site.example",      "https://site.example"   },
        {"HTTPS://Site.Example:443",  "https://site.example"   },
        {"http://site.example:80",    "http://site.example"    },
        {"http://site.example:443",   "http://site.example:443"},
        {"http://[::1]:8080",         "http://[::1]:8080"      },
        {"https://[::1]:443",         "https://[::1]"          },
        {"http://a_b-c.d:65535",      "http://a_b-c.d:65535"   },
        {"http://site.example/",      NULL                     },
        {"http://site.example:",      NULL                     },
        {"http://site.example:0",     NULL                     },
        {"http://site.example:65536", NULL                     },
        {"http://site.example:x",     NULL                     },
        {"http://[::1",               NULL                     },
        {"http://[::1]x",             NULL                     },
        {"http://[x]",                NULL                     },
        {"http://u@site.example",     NULL                     },
        {"http://*.example",          NULL                     },
        {"site.example",              NULL                     },
        {"ws://site.example",         NULL                     },
        {"null",                      NULL                     },
        {"http://",                   NULL                     },
        {"",                          NULL                     },
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof rows_ / sizeof rows_[0]; i++) {
        bool is_good = access_normal_origin(sl_str_of(rows_[i].text), out, sizeof out);

        if (is_good != (rows_[i].normal != NULL)) fail_msg("'%s'", rows_[i].text);
        if (is_good) assert_string_equal(out, rows_[i].normal);
    }
    assert_false(access_normal_origin(SL_STR("https://site.example"), out, 20));
    assert_true(access_normal_origin(SL_STR("https://site.example"), out, 21));

    assert_true(access_normal_host(SL_STR("Hub.Example"), out, sizeof out));
    assert_string_equal(out, "hub.example");
    assert_true(access_normal_host(SL_STR("[2001:DB8::7]"), out, sizeof out));
    assert_false(access_normal_host(SL_STR("hub.example:5000"), out, sizeof out));
    assert_false(access_normal_host(SL_STR("[::1]:5000"), out, sizeof out));
    assert_false(access_normal_host(SL_STR("http://hub.example"), out, sizeof out));
    assert_false(access_normal_host(SL_STR(""), out, sizeof out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_normal_forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
