/* SPDX-License-Identifier: MIT */
/* Conditions and ranges as rows: what the client says, what it gets. */
#include "serve/represent.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>

#define DATE    "Sun, 06 Nov 1994 08:49:37 GMT"
#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"
#define LATER   "Sun, 06 Nov 1994 08:49:38 GMT"

static sl_request *make_request(const char *method, const char *lines)
{
    char text[1024];
    struct http1_head h;
    int n = snprintf(text, sizeof text, "%s / HTTP/1.1\r\nHost: h\r\n%s\r\n", method, lines);

    http1_head_init(&h, 0);
    assert_int_equal(http1_head_feed(&h, text, (size_t)n), 0);
    sl_request *r = request_new(NULL, NULL, &h);
    assert_non_null(r);
    return r;
}

/* clang-format off */
/* the client's lines; the representation's tag (strong "a", weak W/"a") and length; the outcome */
static const struct row {
    const char *name, *lines, *etag;
    uint64_t bytes;
    int status;
    uint64_t at, len;
} rows[] = {
    {"nothing asked",                  "",                                        "\"a\"",   10, 200, 0, 10},
    {"13.1.2 equal",                   "If-None-Match: \"a\"\r\n",                "\"a\"",   10, 304, 0, 0 },
    {"13.1.2 weak comparison",         "If-None-Match: W/\"a\"\r\n",              "\"a\"",   10, 304, 0, 0 },
    {"13.1.2 weak comparison, ours",   "If-None-Match: \"a\"\r\n",                "W/\"a\"", 10, 304, 0, 0 },
    {"13.1.2 in a list",               "If-None-Match: \"x\", \"a\" ,\"y\"\r\n",  "\"a\"",   10, 304, 0, 0 },
    {"13.1.2 comma inside the quotes", "If-None-Match: \"x,\"a\", \"y\"\r\n",     "\"a\"",   10, 200, 0, 10},
    {"13.1.2 other",                   "If-None-Match: \"b\"\r\n",                "\"a\"",   10, 200, 0, 10},
    {"13.1.2 unquoted is none",        "If-None-Match: a\r\n",                    "\"a\"",   10, 200, 0, 10},
    {"13.1.2 unfinished is none",      "If-None-Match: \"a\r\n",                  "\"a\"",   10, 200, 0, 10},
    {"13.1.2 star",                    "If-None-Match: *\r\n",                    "\"a\"",   10, 304, 0, 0 },
    {"13.1.2 empty",                   "If-None-Match: \r\n",                     "\"a\"",   10, 200, 0, 10},
    {"13.1.3 same",                    "If-Modified-Since: " DATE "\r\n",         "\"a\"",   10, 304, 0, 0 },
    {"13.1.3 later",                   "If-Modified-Since: " LATER "\r\n",        "\"a\"",   10, 304, 0, 0 },
    {"13.1.3 earlier",                 "If-Modified-Since: " EARLIER "\r\n",      "\"a\"",   10, 200, 0, 10},
    {"13.1.3 no date",                 "If-Modified-Since: soon\r\n",             "\"a\"",   10, 200, 0, 10},
    {"13.2.2 the tag is asked first",  "If-None-Match: \"b\"\r\nIf-Modified-Since: " DATE "\r\n", "\"a\"", 10, 200, 0, 10},
    {"13.1.1 equal",                   "If-Match: \"a\"\r\n",                     "\"a\"",   10, 200, 0, 10},
    {"13.1.1 strong comparison",       "If-Match: \"a\"\r\n",                     "W/\"a\"", 10, 412, 0, 0 },
    {"13.1.1 star",                    "If-Match: *\r\n",                         "W/\"a\"", 10, 200, 0, 10},
    {"13.1.1 other",                   "If-Match: \"b\", W/\"a\"\r\n",            "\"a\"",   10, 412, 0, 0 },
    {"13.1.4 unmodified",              "If-Unmodified-Since: " DATE "\r\n",       "\"a\"",   10, 200, 0, 10},
    {"13.1.4 modified",                "If-Unmodified-Since: " EARLIER "\r\n",    "\"a\"",   10, 412, 0, 0 },

    {"14.1.2 one byte",                "Range: bytes=0-0\r\n",                    "\"a\"",   10, 206, 0, 1 },
    {"14.1.2 all of it",               "Range: bytes=0-9\r\n",                    "\"a\"",   10, 206, 0, 10},
    {"14.1.2 last byte",               "Range: bytes=9-9\r\n",                    "\"a\"",   10, 206, 9, 1 },
    {"14.1.2 first behind",            "Range: bytes=10-10\r\n",                  "\"a\"",   10, 416, 0, 0 },
    {"14.1.2 last too far",            "Range: bytes=5-10\r\n",                   "\"a\"",   10, 206, 5, 5 },
    {"14.1.2 open",                    "Range: bytes=5-\r\n",                     "\"a\"",   10, 206, 5, 5 },
    {"14.1.2 suffix",                  "Range: bytes=-1\r\n",                     "\"a\"",   10, 206, 9, 1 },
    {"14.1.2 suffix, all",             "Range: bytes=-10\r\n",                    "\"a\"",   10, 206, 0, 10},
    {"14.1.2 suffix, too much",        "Range: bytes=-11\r\n",                    "\"a\"",   10, 206, 0, 10},
    {"14.1.2 suffix of none",          "Range: bytes=-0\r\n",                     "\"a\"",   10, 416, 0, 0 },
    {"14.1.2 of nothing",              "Range: bytes=0-\r\n",                     "\"a\"",   0,  416, 0, 0 },
    {"14.1.2 suffix of nothing",       "Range: bytes=-1\r\n",                     "\"a\"",   0,  416, 0, 0 },
    {"14.1.2 backwards is ignored",    "Range: bytes=5-4\r\n",                    "\"a\"",   10, 200, 0, 10},
    {"14.1.2 words are ignored",       "Range: bytes=a-b\r\n",                    "\"a\"",   10, 200, 0, 10},
    {"14.1.2 nothing is ignored",      "Range: bytes=-\r\n",                      "\"a\"",   10, 200, 0, 10},
    {"14.1.2 no dash is ignored",      "Range: bytes=5\r\n",                      "\"a\"",   10, 200, 0, 10},
    {"14.1.2 sign is ignored",         "Range: bytes=+1-2\r\n",                   "\"a\"",   10, 200, 0, 10},
    {"14.2 other units are ignored",   "Range: lines=0-1\r\n",                    "\"a\"",   10, 200, 0, 10},
    {"14.2 several are ignored",       "Range: bytes=0-1,2-3\r\n",                "\"a\"",   10, 200, 0, 10},
    {"14.1.2 2^64 - 1",                "Range: bytes=0-18446744073709551615\r\n", "\"a\"",   10, 206, 0, 10},
    {"14.1.2 beyond 64 bits",          "Range: bytes=99999999999999999999999-\r\n", "\"a\"", 10, 416, 0, 0 },
    {"14.1.2 suffix beyond 64 bits",   "Range: bytes=-99999999999999999999999\r\n", "\"a\"", 10, 206, 0, 10},

    {"13.1.5 same tag",                "Range: bytes=1-1\r\nIf-Range: \"a\"\r\n",   "\"a\"",   10, 206, 1, 1 },
    {"13.1.5 other tag",               "Range: bytes=1-1\r\nIf-Range: \"b\"\r\n",   "\"a\"",   10, 200, 0, 10},
    {"13.1.5 weak tags never match",   "Range: bytes=1-1\r\nIf-Range: W/\"a\"\r\n", "W/\"a\"", 10, 200, 0, 10},
    {"13.1.5 same date",               "Range: bytes=1-1\r\nIf-Range: " DATE "\r\n", "\"a\"",  10, 206, 1, 1 },
    {"13.1.5 other date",              "Range: bytes=1-1\r\nIf-Range: " LATER "\r\n", "\"a\"", 10, 200, 0, 10},
    {"13.2.2 304 before the range",    "Range: bytes=1-1\r\nIf-None-Match: \"a\"\r\n", "\"a\"", 10, 304, 0, 0},
};

/* clang-format on */

static void test_selection(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct representation p = {
            .len = row->bytes, .etag = sl_str_of(row->etag), .modified_s = 784111777};
        sl_request *r = make_request("GET", row->lines);
        struct selection s;

        represent(r, &p, &s);
        if (s.status != row->status || s.at != row->at || s.len != row->len)
            fail_msg("%s: %d, %llu bytes at %llu", row->name, s.status,
                     (unsigned long long)s.len, (unsigned long long)s.at);
        request_free(r);
    }
}

/* RFC 9110 §12.5.3 */
static const struct {
    const char *lines;
    bool gzip;
} encodings[] = {
    {"",                                                  false},
    {"Accept-Encoding: \r\n",                             false},
    {"Accept-Encoding: gzip\r\n",                         true },
    {"Accept-Encoding: GZIP\r\n",                         true },
    {"Accept-Encoding: x-gzip\r\n",                       true },
    {"Accept-Encoding: br\r\n",                           false},
    {"Accept-Encoding: deflate, gzip;q=1.0, *;q=0.5\r\n", true },
    {"Accept-Encoding: gzip;q=0\r\n",                     false},
    {"Accept-Encoding: gzip;q=0.0\r\n",                   false},
    {"Accept-Encoding: gzip ; q=0.001\r\n",               true },
    {"Accept-Encoding: gzip;q=0, *;q=1\r\n",              false},
    {"Accept-Encoding: *\r\n",                            true },
    {"Accept-Encoding: *;q=0\r\n",                        false},
    {"Accept-Encoding: gzip;q=0.5, identity\r\n",         false},
    {"Accept-Encoding: gzip;q=0.5, identity;q=0.4\r\n",   true },
    {"Accept-Encoding: gzip;q=nonsense\r\n",              false},
    {"Accept-Encoding: gzipped\r\n",                      false},
};

static void test_encoding(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
        sl_request *r = make_request("GET", encodings[i].lines);
        if (represent_takes_gzip(r) != encodings[i].gzip) fail_msg("%s", encodings[i].lines);
        request_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_selection),
                                       cmocka_unit_test(test_encoding)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("serve/represent", tests, NULL, NULL);
}
