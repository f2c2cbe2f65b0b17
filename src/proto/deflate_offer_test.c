/* SPDX-License-Identifier: MIT */
#include "proto/deflate.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>

#define BOTH  "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
#define WRONG "(malformed)"
#define NONE  ""

struct row {
    const char *name; /* clause and what */
    const char *field[3];
    const char *answer;
};

/* clang-format off */
static const struct row rows[] = {
    {"7.1 alone", {"permessage-deflate"}, BOTH},
    {"7.1.1.1 server_no_context_takeover", {"permessage-deflate; server_no_context_takeover"}, BOTH},
    {"7.1.1.1 with a value", {"permessage-deflate; server_no_context_takeover=1"}, NONE},
    {"7.1.1.1 with an empty value in quotes", {"permessage-deflate; server_no_context_takeover=\"\""}, WRONG},
    {"7.1.1.1 twice", {"permessage-deflate; server_no_context_takeover; server_no_context_takeover"}, NONE},
    {"7.1.1.2 client_no_context_takeover", {"permessage-deflate; client_no_context_takeover"}, BOTH},
    {"7.1.1.2 with a value", {"permessage-deflate; client_no_context_takeover=true"}, NONE},
    {"7.1.1.2 twice", {"permessage-deflate; client_no_context_takeover; client_no_context_takeover"}, NONE},
    {"7.1.1 both", {"permessage-deflate; client_no_context_takeover; server_no_context_takeover"}, BOTH},
    {"7.1.2.1 7", {"permessage-deflate; server_max_window_bits=7"}, NONE},
    {"7.1.2.1 8 is beyond zlib", {"permessage-deflate; server_max_window_bits=8"}, NONE},
    {"7.1.2.1 9", {"permessage-deflate; server_max_window_bits=9"}, BOTH "; server_max_window_bits=9"},
    {"7.1.2.1 10", {"permessage-deflate; server_max_window_bits=10"}, BOTH "; server_max_window_bits=10"},
    {"7.1.2.1 11", {"permessage-deflate; server_max_window_bits=11"}, BOTH "; server_max_window_bits=11"},
    {"7.1.2.1 12", {"permessage-deflate; server_max_window_bits=12"}, BOTH "; server_max_window_bits=12"},
    {"7.1.2.1 13", {"permessage-deflate; server_max_window_bits=13"}, BOTH "; server_max_window_bits=13"},
    {"7.1.2.1 14", {"permessage-deflate; server_max_window_bits=14"}, BOTH "; server_max_window_bits=14"},
    {"7.1.2.1 15", {"permessage-deflate; server_max_window_bits=15"}, BOTH "; server_max_window_bits=15"},
    {"7.1.2.1 16", {"permessage-deflate; server_max_window_bits=16"}, NONE},
    {"7.1.2.1 leading zero", {"permessage-deflate; server_max_window_bits=09"}, NONE},
    {"7.1.2.1 leading zeros", {"permessage-deflate; server_max_window_bits=010"}, NONE},
    {"7.1.2.1 sign", {"permessage-deflate; server_max_window_bits=+9"}, NONE},
    {"7.1.2.1 hexadecimal", {"permessage-deflate; server_max_window_bits=0xA"}, NONE},
    {"7.1.2.1 fraction", {"permessage-deflate; server_max_window_bits=10.0"}, NONE},
    {"7.1.2.1 as many digits as would wrap", {"permessage-deflate; server_max_window_bits=4294967306"}, NONE},
    {"7.1.2.1 longer than anything", {"permessage-deflate; server_max_window_bits=10000000000000000000000000000000"}, NONE},
    {"7.1.2.1 no value", {"permessage-deflate; server_max_window_bits"}, NONE},
    {"7.1.2.1 twice", {"permessage-deflate; server_max_window_bits=10; server_max_window_bits=10"}, NONE},
    {"7.1.2.2 no value", {"permessage-deflate; client_max_window_bits"}, BOTH},
    {"7.1.2.2 8", {"permessage-deflate; client_max_window_bits=8"}, BOTH},
    {"7.1.2.2 15", {"permessage-deflate; client_max_window_bits=15"}, BOTH},
    {"7.1.2.2 7", {"permessage-deflate; client_max_window_bits=7"}, NONE},
    {"7.1.2.2 16", {"permessage-deflate; client_max_window_bits=16"}, NONE},
    {"7.1.2.2 leading zero", {"permessage-deflate; client_max_window_bits=08"}, NONE},
    {"7.1.2.2 twice", {"permessage-deflate; client_max_window_bits; client_max_window_bits=15"}, NONE},
    {"7.1 all four", {"permessage-deflate; client_max_window_bits=12; server_max_window_bits=12; "
                      "client_no_context_takeover; server_no_context_takeover"}, BOTH "; server_max_window_bits=12"},
    {"7.1 unknown parameter", {"permessage-deflate; level=9"}, NONE},
    {"7.1 unknown parameter behind a good one", {"permessage-deflate; client_max_window_bits; x"}, NONE},
    {"7.1 parameters are told apart by case", {"permessage-deflate; Client_max_window_bits"}, NONE},
    {"5 fallback", {"permessage-deflate; server_max_window_bits=8, permessage-deflate"}, BOTH},
    {"5 fallback behind a bad one", {"permessage-deflate; server_max_window_bits=10; x, "
                                     "permessage-deflate; server_max_window_bits=11, permessage-deflate"},
                                     BOTH "; server_max_window_bits=11"},
    {"5 the first is preferred", {"permessage-deflate; server_max_window_bits=10, permessage-deflate"}, BOTH "; server_max_window_bits=10"},
    {"5 all declined", {"permessage-deflate; server_max_window_bits=8, permessage-deflate; a=b"}, NONE},
    {"9.1 unknown extensions", {"foo, bar; baz=2, permessage-deflate"}, BOTH},
    {"9.1 only unknown extensions", {"x-webkit-deflate-frame"}, NONE},
    {"9.1 a parameter of another extension", {"foo; server_max_window_bits=8, permessage-deflate"}, BOTH},
    {"9.1 name with more behind it", {"permessage-deflate2"}, NONE},
    {"9.1 name cut", {"permessage-deflat"}, NONE},
    {"9.1 quoted", {"permessage-deflate; server_max_window_bits=\"10\""}, BOTH "; server_max_window_bits=10"},
    {"9.1 quoted with a backslash", {"permessage-deflate; server_max_window_bits=\"1\\2\""}, BOTH "; server_max_window_bits=12"},
    {"9.1 quoted comma is no token", {"foo; a=\"1,2\", permessage-deflate"}, WRONG},
    {"9.1 quoted space is no token", {"foo; a=\"1 2\", permessage-deflate"}, WRONG},
    {"9.1 escaped quote is no token", {"foo; a=\"\\\"\", permessage-deflate"}, WRONG},
    {"9.1 quotes not closed", {"foo; a=\"1"}, WRONG},
    {"9.1 backslash at the end", {"foo; a=\"1\\"}, WRONG},
    {"9.1 something behind the quotes", {"foo; a=\"1\"2"}, WRONG},
    {"9.1 spaces everywhere", {" \tpermessage-deflate ;\tserver_max_window_bits = 10 ;client_max_window_bits "}, BOTH "; server_max_window_bits=10"},
    {"9.1 no spaces", {"foo,permessage-deflate;client_max_window_bits;server_max_window_bits=\"9\",bar"}, BOTH "; server_max_window_bits=9"},
    {"9.1 empty elements", {",, permessage-deflate ,,"}, BOTH},
    {"9.1 empty", {""}, WRONG},
    {"9.1 only commas", {" , ,"}, WRONG},
    {"9.1 parameter without a name", {"permessage-deflate;"}, WRONG},
    {"9.1 parameter without a name, more behind", {"permessage-deflate; ; client_max_window_bits"}, WRONG},
    {"9.1 value missing", {"permessage-deflate; client_max_window_bits="}, WRONG},
    {"9.1 no name", {"; client_max_window_bits"}, WRONG},
    {"9.1 two names", {"permessage-deflate client_max_window_bits"}, WRONG},
    {"9.1 no token", {"permessage-deflate; a=b=c"}, WRONG},
    {"9.1 malformed behind a good one", {"permessage-deflate, foo;"}, WRONG},
    {"9.1 bytes above ASCII", {"permessage-deflate; \xc3\xa9"}, WRONG},
    {"9.1 two fields", {"foo", "permessage-deflate"}, BOTH},
    {"9.1 two fields, the first is preferred", {"permessage-deflate; server_max_window_bits=10", "permessage-deflate"},
                                                BOTH "; server_max_window_bits=10"},
    {"9.1 two fields, fallback", {"permessage-deflate; server_max_window_bits=8", "permessage-deflate"}, BOTH},
    {"9.1 two fields, one malformed", {"permessage-deflate", "foo;"}, WRONG},
};
/* clang-format on */

static void read_rows(const struct row *r, char *out, size_t size)
{
    struct deflate_terms t = {0};
    char answer[DEFLATE_ANSWER_SIZE];
    int rc = 0;

    for (int i = 0; i < 3 && r->field[i] != NULL && rc == 0; i++) {
        size_t n = strlen(r->field[i]);
        char *exact = malloc(n ? n : 1); /* so that a byte too far is seen */

        assert_non_null(exact);
        memcpy(exact, r->field[i], n);
        rc = deflate_read_offers(&t, (sl_str){exact, n});
        free(exact);
    }
    if (rc < 0) {
        assert_int_equal(rc, SL_E_WS_PROTO);
        snprintf(out, size, WRONG);
    } else if (!t.agreed) {
        out[0] = 0;
    } else {
        assert_in_range(t.bits, DEFLATE_BITS_MIN, DEFLATE_BITS_MAX);
        size_t len = deflate_answer(&t, answer);
        assert_int_equal(len, strlen(answer));
        snprintf(out, size, "%s", answer);
    }
}

static void test_offers(void **state)
{
    char out[DEFLATE_ANSWER_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        read_rows(&rows[i], out, sizeof out);
        if (strcmp(out, rows[i].answer) != 0) fail_msg("%s: '%s'", rows[i].name, out);
    }
}

/* Each parameter absent, bare, with a good value and with a bad one: all combinations. */
static void test_every_combination(void **state)
{
    static const char *const forms[] = {NULL, "", "=9", "=7"};
    static const char *const names[] = {"server_no_context_takeover",
                                        "client_no_context_takeover", "server_max_window_bits",
                                        "client_max_window_bits"};
    /* which forms each of them may have */
    static const bool good[4][4] = {
        {true, true,  false, false},
        {true, true,  false, false},
        {true, false, true,  false},
        {true, true,  true,  false}
    };

    (void)state;
    for (unsigned mix = 0; mix < 256; mix++) {
        char text[256];
        int n = snprintf(text, sizeof text, "permessage-deflate");
        bool can = true;

        for (unsigned i = 0; i < 4; i++) {
            unsigned form = mix >> 2 * i & 3;
            if (forms[form] != NULL)
                n += snprintf(text + n, sizeof text - (size_t)n, "; %s%s", names[i],
                              forms[form]);
            can &= good[i][form];
        }
        struct deflate_terms t = {0};
        assert_int_equal(deflate_read_offers(&t, sl_str_of(text)), 0);
        if (t.agreed != can) fail_msg("%s", text);
        if (!can) continue;
        bool asked = (mix >> 4 & 3) == 2;
        assert_int_equal(t.bits_asked, asked);
        assert_int_equal(t.bits, asked ? 9 : 15);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offers),
        cmocka_unit_test(test_every_combination),
    };

    return cmocka_run_group_tests_name("proto/deflate_offer", tests, NULL, NULL);
}
