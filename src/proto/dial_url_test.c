/* SPDX-License-Identifier: MIT */
#include "proto/dial_url.h"

#include <string.h>

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

// clang-format off
static const struct {
    const char *text; /* -> host, port, what Host says, path, "t" for TLS and "w" for ws */
    const char *host, *port, *at, *path, *kind;
} urls[] = {
    {"ws://127.0.0.1:5000/ws",   "127.0.0.1", "5000", "127.0.0.1:5000", "/ws",  "w"},
    {"ws://hub",                 "hub",       "80",   "hub",            "",     "w"},
    {"ws://hub:80/",             "hub",       "80",   "hub",            "/",    "w"},
    {"wss://hub/ws?a=b",         "hub",       "443",  "hub",            "/ws?a=b", "tw"},
    {"https://hub:5000",         "hub",       "5000", "hub:5000",       "",     "t"},
    {"HTTP://Hub.Example:5000/", "Hub.Example", "5000", "Hub.Example:5000", "/", ""},
    {"hub:5000",                 "hub",       "5000", "hub:5000",       "",     ""},
    {"http://[::1]:5000/x",      "::1",       "5000", "[::1]:5000",     "/x",   ""},
    {"[::1]",                    "::1",       "80",   "[::1]",          "",     ""},
};
// clang-format on

static void test_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct dial_url u;

        assert_null(dial_url_parse(urls[i].text, &u));
        assert_string_equal(u.host, urls[i].host);
        assert_string_equal(u.port, urls[i].port);
        assert_string_equal(u.at, urls[i].at);
        assert_string_equal(u.path, urls[i].path);
        assert_int_equal(u.is_tls, strchr(urls[i].kind, 't') != NULL);
        assert_int_equal(u.is_ws, strchr(urls[i].kind, 'w') != NULL);
    }
}

static void test_what_is_no_address(void **state)
{
    static const char *const rows[] = {
        "",
        "ws://",
        "ws:///ws",
        "ftp://hub/",
        "ws://hub:0/",
        "ws://hub:65536/",
        "ws://hub:x/",
        "ws://user@hub/",
        "ws://hub/a b",
        "ws://hub/a\r\nX: y",
        "ws://h\r\nub/",
        "ws://hub?x",
        "ws://[::1/",
    };
    char text[700] = "ws://hub/";
    struct dial_url u;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_non_null(dial_url_parse(rows[i], &u));
    memset(text + 9, 'x', 510);
    assert_null(dial_url_parse(text, &u)); /* a path of 511 bytes */
    memset(text + 9, 'x', 511);
    assert_non_null(dial_url_parse(text, &u));
}

static void test_loopback(void **state)
{
    static const char *const here[] = {"http://localhost:5000", "127.1.2.3", "[::1]:5000"};
    static const char *const there[] = {"http://hub", "192.0.2.1", "[2001:db8::1]:5000"};
    struct dial_url u;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_null(dial_url_parse(here[i], &u));
        assert_true(dial_url_is_loopback(&u));
        assert_null(dial_url_parse(there[i], &u));
        assert_false(dial_url_is_loopback(&u));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_what_is_no_address),
        cmocka_unit_test(test_loopback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
