/* SPDX-License-Identifier: MIT */
#include "hub/base_url.h"

#include "serve/http_test.h"

static void on_request(sl_request *r, void *user)
{
    char room[BASE_URL_SIZE];

    (void)user;
    sl_answer(r, 200, "text/plain", base_url_of(r, room));
}

#define X63 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* what is asked, what came of it */
static const struct {
    const char *lines, *body;
} rows[] = {
    {"Host: hub.local:5000\r\n",                       "http://hub.local:5000"              },
    {"Host: 192.168.1.5\r\n",                          "http://192.168.1.5"                 },
    {"Host: [::1]:5000\r\n",                           "http://[::1]:5000"                  },
    {"Host: h\r\nX-Forwarded-Proto: https\r\n",        "https://h"                          },
    {"Host: h\r\nX-Forwarded-Proto: HTTPS , http\r\n", "https://h"                          },
    {"Host: h\r\nX-Forwarded-Proto: http, https\r\n",  "http://h"                           },
    {"Host: h\r\nX-Forwarded-Proto: javascript\r\n",   "http://h"                           },
    {"Host: " X63 "." X63 "." X63 "." X63 "\r\n",      "http://" X63 "." X63 "." X63 "." X63},
    {"Host: " X63 "." X63 "." X63 "." X63 "x\r\n",     ""                                   },
};

static void test_rows(void **state)
{
    static const sl_route routes[] = {SL_ROUTE(SL_GET, "/", SL_RIGHT_OPEN, on_request, NULL)};
    const sl_server_options o = {.routes = routes, .route_count = 1};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char request[512];
        const char *body;
        struct kit k;

        kit_open(&k, &o);
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\n%s\r\n", rows[i].lines);
        kit_feed(&k, request);
        body = strstr(kit_text(&k), "\r\n\r\n");
        assert_non_null(body);
        assert_string_equal(body + 4, rows[i].body);
        kit_close(&k);
    }
}

/* RFC 9112 §3.2: only HTTP/1.0 may go without Host; and what could end a URL is no host. */
static void test_without_a_good_host(void **state)
{
    static const char *const asked[] = {
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a'b\r\n\r\n",
    };
    static const sl_route routes[] = {SL_ROUTE(SL_GET, "/", SL_RIGHT_OPEN, on_request, NULL)};
    const sl_server_options o = {.routes = routes, .route_count = 1};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct kit k;

        kit_open(&k, &o);
        kit_feed(&k, asked[i]);
        assert_lacks(kit_text(&k), "http://");
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_without_a_good_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
