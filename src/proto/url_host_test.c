/* SPDX-License-Identifier: MIT */
#include "proto/url.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define B(lit)                  \
    {                           \
        "" lit, sizeof(lit) - 1 \
    }
#define NONE -1

/* port: NONE or the number */
static const struct {
    const char *name;
    sl_str in;
    const char *host;
    enum url_host_kind kind;
    int port;
} hosts[] = {
    {"name",                 B("cam-1.example"),      "cam-1.example",    URL_NAME, NONE },
    {"one letter",           B("a"),                  "a",                URL_NAME, NONE },
    {"name and port",        B("a:5000"),             "a",                URL_NAME, 5000 },
    {"3.2.3 empty port",     B("a:"),                 "a",                URL_NAME, NONE },
    {"3.2.3 port 0",         B("a:0"),                "a",                URL_NAME, 0    },
    {"3.2.3 largest port",   B("a:65535"),            "a",                URL_NAME, 65535},
    {"3.2.2 sub-delims",     B("a!$&'()*+,;=b"),      "a!$&'()*+,;=b",    URL_NAME, NONE },
    {"3.2.2 escapes",        B("a%41"),               "a%41",             URL_NAME, NONE },
    {"underscore",           B("my_pi.local:80"),     "my_pi.local",      URL_NAME, 80   },
    {"final dot",            B("a.b."),               "a.b.",             URL_NAME, NONE },
    {"IPv4",                 B("192.0.2.7"),          "192.0.2.7",        URL_IPV4, NONE },
    {"IPv4 and port",        B("127.0.0.1:80"),       "127.0.0.1",        URL_IPV4, 80   },
    {"too large for IPv4",   B("1.2.3.256"),          "1.2.3.256",        URL_NAME, NONE },
    {"short IPv4 is a name", B("127.1"),              "127.1",            URL_NAME, NONE },
    {"IPv6",                 B("[::1]"),              "::1",              URL_IPV6, NONE },
    {"IPv6 and port",        B("[2001:DB8::7]:443"),  "2001:DB8::7",      URL_IPV6, 443  },
    {"IPv6 with IPv4",       B("[::ffff:192.0.2.7]"), "::ffff:192.0.2.7", URL_IPV6, NONE },
};

static const struct {
    const char *name;
    sl_str in;
} refused[] = {
    {"empty",                 B("")                                                   },
    {"port alone",            B(":80")                                                },
    {"port too large",        B("a:65536")                                            },
    {"port far too large",    B("a:18446744073709551617")                             },
    {"port not a number",     B("a:b")                                                },
    {"port signed",           B("a:+1")                                               },
    {"port with a space",     B("a: 1")                                               },
    {"two ports",             B("a:1:2")                                              },
    {"user information",      B("u@a")                                                },
    {"user and password",     B("u:p@a")                                              },
    {"space",                 B("a b")                                                },
    {"slash",                 B("a/b")                                                },
    {"backslash",             B("a\\b")                                               },
    {"question mark",         B("a?b")                                                },
    {"hash",                  B("a#b")                                                },
    {"NUL",                   B("a\0b")                                               },
    {"control byte",          B("a\x01")                                              },
    {"not ASCII",             B("\xc3\xa9")                                           },
    {"broken escape",         B("a%4")                                                },
    {"IPv6 without brackets", B("::1")                                                },
    {"open bracket",          B("[::1")                                               },
    {"empty brackets",        B("[]")                                                 },
    {"bracketed IPv4",        B("[1.2.3.4]")                                          },
    {"bracketed name",        B("[a]")                                                },
    {"behind the bracket",    B("[::1]a")                                             },
    {"zone",                  B("[fe80::1%25eth0]")                                   },
    {"IPvFuture",             B("[v1.a]")                                             },
    {"too long for IPv6",     B("[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa]")},
};

static void hosts_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct url_authority a;
        int rc = url_authority_parse(hosts[i].in, &a);

        if (rc != 0) fail_msg("%s: %d", hosts[i].name, rc);
        if (!sl_str_eq(a.host, sl_str_of(hosts[i].host))) fail_msg("%s: host", hosts[i].name);
        if (a.kind != hosts[i].kind) fail_msg("%s: kind", hosts[i].name);
        if (a.has_port != (hosts[i].port != NONE)) fail_msg("%s: has port", hosts[i].name);
        if (a.has_port && a.port != hosts[i].port) fail_msg("%s: port", hosts[i].name);
    }
}

static void hosts_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct url_authority a;

        if (url_authority_parse(refused[i].in, &a) != SL_E_INVAL)
            fail_msg("%s", refused[i].name);
    }
}

static void origins_are_read(void **state)
{
    static const struct {
        const char *in, *scheme, *host; /* scheme NULL: refused; "": opaque */
        int port;
    } rows[] = {
        {"null",                  "",              NULL,        0   },
        {"http://a",              "http",          "a",         80  },
        {"https://a.b",           "https",         "a.b",       443 },
        {"HTTPS://a",             "HTTPS",         "a",         443 },
        {"ws://a",                "ws",            "a",         80  },
        {"wss://a",               "wss",           "a",         443 },
        {"http://a:5000",         "http",          "a",         5000},
        {"http://[::1]:3000",     "http",          "::1",       3000},
        {"capacitor://localhost", "capacitor",     "localhost", NONE},
        {"moz-extension://0a-1b", "moz-extension", "0a-1b",     NONE},
        {"",                      NULL,            NULL,        0   },
        {"Null",                  NULL,            NULL,        0   },
        {"http:",                 NULL,            NULL,        0   },
        {"http://",               NULL,            NULL,        0   },
        {"http://a/",             NULL,            NULL,        0   },
        {"http://a/b",            NULL,            NULL,        0   },
        {"http://a?b",            NULL,            NULL,        0   },
        {"http://a http://b",     NULL,            NULL,        0   },
        {"http://u@a",            NULL,            NULL,        0   },
        {"http:/a",               NULL,            NULL,        0   },
        {"//a",                   NULL,            NULL,        0   },
        {"a",                     NULL,            NULL,        0   },
        {"1http://a",             NULL,            NULL,        0   },
        {"file://",               NULL,            NULL,        0   },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct url_origin o;
        int rc = url_origin_parse(sl_str_of(rows[i].in), &o);

        if (rc != (rows[i].scheme == NULL ? SL_E_INVAL : 0))
            fail_msg("\"%s\": %d", rows[i].in, rc);
        if (rc < 0) continue;
        assert_int_equal(o.opaque, rows[i].host == NULL);
        if (o.opaque) continue;
        assert_true(sl_str_eq(o.scheme, sl_str_of(rows[i].scheme)));
        assert_true(sl_str_eq(o.at.host, sl_str_of(rows[i].host)));
        assert_int_equal(o.at.has_port, rows[i].port != NONE);
        if (o.at.has_port) assert_int_equal(o.at.port, rows[i].port);
    }
}

static struct url_authority read(const char *text)
{
    struct url_authority a;

    assert_int_equal(url_authority_parse(sl_str_of(text), &a), 0);
    return a;
}

static void hosts_are_compared(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"a",       "A",         true },
        {"a:1",     "a:2",       true },
        {"a",       "b",         false},
        {"a",       "a.",        false},
        {"1.2.3.4", "1.2.3.4:5", true },
        {"1.2.3.4", "1.2.3.5",   false},
        {"[::1]",   "[0:0::1]",  true },
        {"[::1]",   "[::2]",     false},
        {"[::1]",   "127.0.0.1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct url_authority a = read(rows[i].a), b = read(rows[i].b);

        if (url_is_same_host(&a, &b) != rows[i].same) fail_msg("%s, %s", rows[i].a, rows[i].b);
    }
}

static void loopback_is_known(void **state)
{
    static const struct {
        const char *host;
        bool loopback;
    } rows[] = {
        {"localhost",          true },
        {"LocalHost:80",       true },
        {"a.localhost",        true },
        {"127.0.0.1",          true },
        {"127.255.0.9:1",      true },
        {"[::1]",              true },
        {"[0:0:0:0:0:0:0:1]",  true },
        {"notlocalhost",       false},
        {".localhost",         false},
        {"localhost.a",        false},
        {"128.0.0.1",          false},
        {"0.0.0.0",            false},
        {"[::]",               false},
        {"[::2]",              false},
        {"127.0.0.1.a",        false},
        {"127.1",              false},
        {"[::ffff:127.0.0.1]", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct url_authority a = read(rows[i].host);

        if (url_is_loopback(&a) != rows[i].loopback) fail_msg("%s", rows[i].host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_read),    cmocka_unit_test(hosts_are_refused),
        cmocka_unit_test(origins_are_read),  cmocka_unit_test(hosts_are_compared),
        cmocka_unit_test(loopback_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
