/* SPDX-License-Identifier: MIT */
/* Packets of both protocols: what is read and what closes the connection. */
#include "proto/sio.h"

#include "base/alloc.h"
#include "base/scan.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>

static const struct sio_rules rules4 = {.revision = 4, .from_client = true};
static const struct sio_rules rules3 = {.revision = 3, .from_client = true};
static const struct sio_rules server4 = {.revision = 4};
static const struct sio_rules server3 = {.revision = 3};

static int parse_indexed(const struct sio_rules *r, sl_str text, size_t from, sl_json *doc,
                         struct sio_packet *p)
{
    sl_json_index x;
    struct scan s;

    index_init(&x, 0);
    scan_init(&s, SCAN_JSON, NULL, &x);
    int rc = scan_feed(&s, NULL, (const uint8_t *)text.ptr, text.len);
    if (rc == 0) rc = scan_end(&s);
    if (rc == 0) rc = sio_parse(r, text, from, &x, doc, p, NULL);
    index_deinit(&x);
    return rc;
}

/* A packet as a line: type, attachments, namespace, query, id, name, payload. */
static void tell(const struct sio_packet *p, char *line, size_t size)
{
    sl_str name = sl_value_raw(p->name);
    char id[32] = "-";

    if (p->has_id) snprintf(id, sizeof id, "%llu", (unsigned long long)p->id);
    snprintf(line, size, "%d %u %.*s %.*s %s %.*s %.*s", p->type, p->attachments,
             (int)p->nsp.len, p->nsp.ptr, p->query.ptr ? (int)p->query.len : 1,
             p->query.ptr ? p->query.ptr : "-", id, name.ptr ? (int)name.len : 1,
             name.ptr ? name.ptr : "-", p->payload.ptr ? (int)p->payload.len : 1,
             p->payload.ptr ? p->payload.ptr : "-");
}

/* As it comes over polling, then as a whole WebSocket message with and without an index. */
static int parse_all_ways(const struct sio_rules *r, sl_str given, char *line, size_t size)
{
    static sl_json doc; /* kept: a packet may not depend on the one before */
    char *text = malloc(given.len + 1), other[1024];
    struct sio_packet p;
    sl_error err = {0};

    assert_non_null(text);
    text[0] = '4';
    if (given.len > 0) memcpy(text + 1, given.ptr, given.len);
    sl_str whole = {text, given.len + 1};
    int rc = sio_parse(r, (sl_str){text + 1, given.len}, 0, NULL, &doc, &p, &err);
    tell(&p, line, size);
    assert_int_equal(err.code, rc);
    assert_int_equal(err.text[0] != '\0', rc < 0);
    assert_true(err.offset <= given.len);
    int again = sio_parse(r, whole, 1, NULL, &doc, &p, NULL);
    tell(&p, other, sizeof other);
    assert_int_equal(again, rc);
    assert_string_equal(other, line);
    again = parse_indexed(r, whole, 1, &doc, &p);
    if (again != SL_E_UTF8) {
        tell(&p, other, sizeof other);
        assert_int_equal(again, rc);
        assert_string_equal(other, line);
    }
    if (rc < 0) assert_null(p.nsp.ptr);
    free(text);
    sl_json_deinit(&doc);
    return rc;
}

/* ---- taken ---- */

// clang-format off
static const struct {
    const char *name;
    const struct sio_rules *rules;
    const char *text, *want; /* type attachments namespace query id name payload */
} taken[] = {
    {"0 join",                         &rules4, "0",                        "0 0 / - - - -"},
    {"0 join with auth",               &rules4, "0{\"token\":\"123\"}",     "0 0 / - - - {\"token\":\"123\"}"},
    {"0 join another",                 &rules4, "0/admin,",                 "0 0 /admin - - - -"},
    {"0 the comma may be missing",     &rules4, "0/random",                 "0 0 /random - - - -"},
    {"0 join another with auth",       &rules4, "0/admin,{}",               "0 0 /admin - - - {}"},
    {"0 in 4 '?' is a name's",         &rules4, "0/admin?a=b,",             "0 0 /admin?a=b - - - -"},
    {"0 in 3 it begins a query",       &rules3, "0/admin?token=1&b=/,",     "0 0 /admin token=1&b=/ - - -"},
    {"0 query of nothing",             &rules3, "0/admin?,",                "0 0 /admin  - - -"},
    {"0 query without a comma",        &rules3, "0/admin?a?b",              "0 0 /admin a?b - - -"},
    {"0 in 3 without more",            &rules3, "0",                        "0 0 / - - - -"},
    {"0 the server's answer",          &server4,"0/admin,{\"sid\":\"x\"}",  "0 0 /admin - - - {\"sid\":\"x\"}"},
    {"0 the server's answer of 3",     &server3,"0/admin,",                 "0 0 /admin - - - -"},
    {"1 leave",                        &rules4, "1",                        "1 0 / - - - -"},
    {"1 leave another",                &rules4, "1/admin,",                 "1 0 /admin - - - -"},
    {"1 without a comma",              &rules4, "1/admin",                  "1 0 /admin - - - -"},
    {"2 event",                        &rules4, "2[\"hey\",\"Jude\"]",      "2 0 / - - \"hey\" [\"hey\",\"Jude\"]"},
    {"2 name alone",                   &rules4, "2[\"hey\"]",               "2 0 / - - \"hey\" [\"hey\"]"},
    {"2 empty name",                   &rules4, "2[\"\"]",                  "2 0 / - - \"\" [\"\"]"},
    {"2 name is a number",             &rules4, "2[1.50,2]",                "2 0 / - - 1.50 [1.50,2]"},
    {"2 id 0",                         &rules4, "20[\"x\"]",                "2 0 / - 0 \"x\" [\"x\"]"},
    {"2 id 13",                        &rules4, "213[\"x\"]",               "2 0 / - 13 \"x\" [\"x\"]"},
    {"2 the largest id",               &rules4, "29007199254740991[\"x\"]", "2 0 / - 9007199254740991 \"x\" [\"x\"]"},
    {"2 id with zeros in front",       &rules4, "2007[\"x\"]",              "2 0 / - 7 \"x\" [\"x\"]"},
    {"2 namespace",                    &rules4, "2/admin,[\"x\"]",          "2 0 /admin - - \"x\" [\"x\"]"},
    {"2 namespace and id",             &rules4, "2/admin,456[\"x\",{}]",    "2 0 /admin - 456 \"x\" [\"x\",{}]"},
    {"2 the root, written",            &rules4, "2/,[\"x\"]",               "2 0 / - - \"x\" [\"x\"]"},
    {"2 '?' after the join",           &rules3, "2/a?b,[\"x\"]",            "2 0 /a?b - - \"x\" [\"x\"]"},
    {"2 quotes in a namespace",        &rules4, "2/a\"b,[\"x\"]",           "2 0 /a\"b - - \"x\" [\"x\"]"},
    {"2 backslash in a namespace",     &rules4, "2/a\\,7[\"x\"]",           "2 0 /a\\ - 7 \"x\" [\"x\"]"},
    {"2 brackets in a namespace",      &rules4, "2/a[{]:,7[\"x\"]",         "2 0 /a[{]: - 7 \"x\" [\"x\"]"},
    {"2 not ASCII",                    &rules4, "2/\u20ac,[\"\u20ac\U0001F600\"]", "2 0 /\u20ac - - \"\u20ac\U0001F600\" [\"\u20ac\U0001F600\"]"},
    {"2 white space in the JSON",      &rules4, "2[ \"x\" , 1 ]\n",         "2 0 / - - \"x\" [ \"x\" , 1 ]\n"},
    {"2 a look-alike is data",         &rules4, "2[\"x\",{\"_placeholder\":true,\"num\":9}]",
     "2 0 / - - \"x\" [\"x\",{\"_placeholder\":true,\"num\":9}]"},
    {"2 near a reserved name",         &rules4, "2[\"Connect\"]",           "2 0 / - - \"Connect\" [\"Connect\"]"},
    {"2 error is no reserved name",    &rules4, "2[\"error\"]",             "2 0 / - - \"error\" [\"error\"]"},
    {"2 equal to one, but an argument",&rules4, "2[\"x\",\"connect\"]",     "2 0 / - - \"x\" [\"x\",\"connect\"]"},
    {"2 of a server",                  &server3,"2[\"x\"]",                 "2 0 / - - \"x\" [\"x\"]"},
    {"3 ack",                          &rules4, "3456[]",                   "3 0 / - 456 - []"},
    {"3 ack with values",              &rules4, "3/admin,0[1,null]",        "3 0 /admin - 0 - [1,null]"},
    {"3 a look-alike is data",         &rules4, "31[{\"_placeholder\":true}]", "3 0 / - 1 - [{\"_placeholder\":true}]"},
    {"4 refusal of 4",                 &server4,"4/a,{\"message\":\"no\"}", "4 0 /a - - - {\"message\":\"no\"}"},
    {"4 refusal of 3, a string",       &server3,"4/a,\"no\"",               "4 0 /a - - - \"no\""},
    {"5 binary event",                 &rules4, "51-[\"x\",{\"_placeholder\":true,\"num\":0}]",
     "5 1 / - - \"x\" [\"x\",{\"_placeholder\":true,\"num\":0}]"},
    {"5 namespace and id",             &rules4, "52-/a,7[\"x\",{\"num\":1,\"_placeholder\":true},{\"_placeholder\":true,\"num\":0}]",
     "5 2 /a - 7 \"x\" [\"x\",{\"num\":1,\"_placeholder\":true},{\"_placeholder\":true,\"num\":0}]"},
    {"5 ten attachments",              &rules4, "510-[\"x\",{\"_placeholder\":true,\"num\":9}]",
     "5 10 / - - \"x\" [\"x\",{\"_placeholder\":true,\"num\":9}]"},
    {"5 deep inside",                  &rules4, "51-[\"x\",{\"a\":[[{\"b\":{\"_placeholder\":true,\"num\":0}}]]}]",
     "5 1 / - - \"x\" [\"x\",{\"a\":[[{\"b\":{\"_placeholder\":true,\"num\":0}}]]}]"},
    {"5 not true is data",             &rules4, "51-[\"x\",{\"_placeholder\":1,\"num\":-1},{\"_placeholder\":false}]",
     "5 1 / - - \"x\" [\"x\",{\"_placeholder\":1,\"num\":-1},{\"_placeholder\":false}]"},
    {"5 nobody stands for it",         &rules4, "51-[\"x\"]",               "5 1 / - - \"x\" [\"x\"]"},
    {"5 of equal keys the last",       &rules4, "51-[\"x\",{\"_placeholder\":true,\"num\":7,\"num\":0}]",
     "5 1 / - - \"x\" [\"x\",{\"_placeholder\":true,\"num\":7,\"num\":0}]"},
    {"6 binary ack",                   &rules4, "61-/a,456[{\"_placeholder\":true,\"num\":0}]",
     "6 1 /a - 456 - [{\"_placeholder\":true,\"num\":0}]"},
};

/* ---- refused ---- */

#define SIO SL_E_SOCKET_IO

static const struct {
    const char *name;
    const struct sio_rules *rules;
    const char *text;
    int rc;
} refused[] = {
    {"empty packet",                   &rules4, "",                         SIO},
    {"unknown type 7",                 &rules4, "7",                        SIO},
    {"unknown type, a letter",         &rules4, "abc",                      SIO},
    {"unknown type, below digits",     &rules4, "/[\"x\"]",                 SIO},
    {"0 payload is an array",          &rules4, "0[]",                      SIO},
    {"0 payload is a string",          &rules4, "0\"token\"",               SIO},
    {"0 payload is a number",          &rules4, "0123",                     SIO},
    {"0 payload is null",              &rules4, "0null",                    SIO},
    {"0 payload is no JSON",           &rules4, "0abc",                     SL_E_JSON},
    {"0 payload is cut",               &rules4, "0{\"a\":",                 SL_E_JSON},
    {"0 namespace, junk",              &rules4, "0/a,x",                    SL_E_JSON},
    {"0 payload in 3",                 &rules3, "0{}",                      SIO},
    {"0 payload in 3, namespace",      &rules3, "0/a,{}",                   SIO},
    {"0 control byte in a namespace",  &rules4, "0/a\x1e" "b,",             SIO},
    {"1 with payload",                 &rules4, "1{}",                      SIO},
    {"1 with payload, namespace",      &rules4, "1/a,[]",                   SIO},
    {"1 with an id",                   &rules4, "17",                       SIO},
    {"2 no payload",                   &rules4, "2",                        SIO},
    {"2 no payload, namespace",        &rules4, "2/a,",                     SIO},
    {"2 no payload, id",               &rules4, "213",                      SIO},
    {"2 all of it is a namespace",     &rules4, "2/a[\"x\"]",               SIO},
    {"2 payload is an object",         &rules4, "2{}",                      SIO},
    {"2 payload is a string",          &rules4, "2\"x\"",                   SIO},
    {"2 payload is no JSON",           &rules4, "2[\"x\"",                  SL_E_JSON},
    {"2 something behind it",          &rules4, "2[\"x\"]]",                SL_E_JSON},
    {"2 empty array",                  &rules4, "2[]",                      SIO},
    {"2 name is null",                 &rules4, "2[null]",                  SIO},
    {"2 name is true",                 &rules4, "2[true,\"x\"]",            SIO},
    {"2 name is an object",            &rules4, "2[{}]",                    SIO},
    {"2 name is an array",             &rules4, "2[[\"x\"]]",               SIO},
    {"2 reserved: connect",            &rules4, "2[\"connect\"]",           SIO},
    {"2 reserved: connect_error",      &rules4, "2[\"connect_error\"]",     SIO},
    {"2 reserved: disconnect",         &rules4, "2[\"disconnect\"]",        SIO},
    {"2 reserved: disconnecting",      &rules4, "2[\"disconnecting\"]",     SIO},
    {"2 reserved: newListener",        &rules4, "2[\"newListener\"]",       SIO},
    {"2 reserved: removeListener",     &rules4, "2[\"removeListener\"]",    SIO},
    {"2 reserved, escaped",            &rules4, "2[\"\\u0063onnect\"]",     SIO},
    {"2 reserved, in 3",               &rules3, "2[\"disconnect\"]",        SIO},
    {"2 reserved, of a server",        &server4,"2[\"connect\"]",           SIO},
    {"2 junk behind the id",           &rules4, "2abc[\"x\"]",              SL_E_JSON},
    {"2 junk behind digits",           &rules4, "242abc[\"message-with-ack\",1,\"2\",{\"3\":[false]}]", SL_E_JSON},
    {"2 negative id",                  &rules4, "2-1[\"x\"]",               SL_E_JSON},
    {"2 id with a fraction",           &rules4, "21.5[\"x\"]",              SL_E_JSON},
    {"2 id beyond 2^53 - 1",           &rules4, "29007199254740992[\"x\"]", SIO},
    {"2 id beyond 2^64",               &rules4, "218446744073709551617[\"x\"]", SIO},
    {"2 attachments do not belong",    &rules4, "21-[\"x\"]",               SL_E_JSON},
    {"2 raw control byte in a string", &rules4, "2[\"a\x1f\"]",             SL_E_JSON},
    {"2 not UTF-8",                    &rules4, "2[\"\xff\"]",              SL_E_UTF8},
    {"3 no id",                        &rules4, "3[]",                      SIO},
    {"3 no payload",                   &rules4, "31",                       SIO},
    {"3 payload is an object",         &rules4, "31{}",                     SIO},
    {"4 from a client",                &rules4, "4{\"message\":\"x\"}",     SIO},
    {"4 from a client, in 3",          &rules3, "4\"x\"",                   SIO},
    {"4 no payload",                   &server4,"4",                        SIO},
    {"4 payload is an array",          &server4,"4[]",                      SIO},
    {"5 no count",                     &rules4, "5[\"x\"]",                 SIO},
    {"5 no digits",                    &rules4, "5-[\"x\"]",                SIO},
    {"5 no dash",                      &rules4, "51[\"x\"]",                SIO},
    {"5 the end behind the count",     &rules4, "51",                       SIO},
    {"5 count of zero",                &rules4, "50-[\"x\"]",               SIO},
    {"5 eleven",                       &rules4, "511-[\"x\"]",              SIO},
    {"5 beyond 2^64",                  &rules4, "518446744073709551617-[\"x\"]", SIO},
    {"5 negative",                     &rules4, "5-1-[\"x\"]",              SIO},
    {"5 no payload",                   &rules4, "51-",                      SIO},
    {"5 reserved",                     &rules4, "51-[\"connect\",{\"_placeholder\":true,\"num\":0}]", SIO},
    {"5 placeholder: num = n",         &rules4, "51-[\"x\",{\"_placeholder\":true,\"num\":1}]", SIO},
    {"5 placeholder: negative",        &rules4, "51-[\"x\",{\"_placeholder\":true,\"num\":-1}]", SIO},
    {"5 placeholder: far below zero",  &rules4, "51-[\"x\",{\"_placeholder\":true,\"num\":-4294967296}]", SIO},
    {"5 placeholder: fraction",        &rules4, "51-[\"x\",{\"_placeholder\":true,\"num\":0.5}]", SIO},
    {"5 placeholder: a string",        &rules4, "51-[\"x\",{\"_placeholder\":true,\"num\":\"0\"}]", SIO},
    {"5 placeholder: none",            &rules4, "51-[\"x\",{\"_placeholder\":true}]", SIO},
    {"5 placeholder: beyond 2^32",     &rules4, "51-[\"x\",{\"_placeholder\":true,\"num\":4294967296}]", SIO},
    {"5 the second one is bad",        &rules4, "51-[\"x\",{\"_placeholder\":true,\"num\":0},[{\"_placeholder\":true,\"num\":2}]]", SIO},
    {"5 key with an escape",           &rules4, "51-[\"x\",{\"\\u005fplaceholder\":true,\"num\":1}]", SIO},
    {"6 no id",                        &rules4, "61-[]",                    SIO},
    {"6 placeholder: num = n",         &rules4, "61-7[{\"_placeholder\":true,\"num\":1}]", SIO},
};
// clang-format on

static void test_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        char line[1024];

        print_message("# %s\n", taken[i].name);
        assert_int_equal(
            parse_all_ways(taken[i].rules, sl_str_of(taken[i].text), line, sizeof line), 0);
        assert_string_equal(line, taken[i].want);
    }
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char line[1024];

        print_message("# %s\n", refused[i].name);
        assert_int_equal(
            parse_all_ways(refused[i].rules, sl_str_of(refused[i].text), line, sizeof line),
            refused[i].rc);
    }
}

/* A packet with a payload that is cut off anywhere is none, or one without payload. */
static void test_cut_off_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        size_t len = strlen(taken[i].text);
        while (len > 0 && taken[i].text[len - 1] == '\n')
            len--;
        for (size_t n = 0; n < len; n++) {
            char line[1024];
            int rc =
                parse_all_ways(taken[i].rules, (sl_str){taken[i].text, n}, line, sizeof line);
            if (rc == 0) assert_true(line[0] == '0' || line[0] == '1');
        }
    }
}

/* ---- limits: at, below and above ---- */

static int parse(const struct sio_rules *r, sl_str text)
{
    sl_json doc = {0};
    struct sio_packet p;
    int rc = sio_parse(r, text, 0, NULL, &doc, &p, NULL);

    sl_json_deinit(&doc);
    return rc;
}

static void test_attachment_limit(void **state)
{
    (void)state;
    for (uint32_t max = 1; max < 80; max++) {
        struct sio_rules r = {.revision = 4, .from_client = true, .attachments_max = max};
        uint32_t most = max < SIO_ATTACHMENTS_MAX ? max : SIO_ATTACHMENTS_MAX;

        for (uint32_t n = most - 1; n <= most + 1; n++) {
            char text[32];
            int len = snprintf(text, sizeof text, "5%u-[\"x\"]", n);
            assert_int_equal(parse(&r, (sl_str){text, (size_t)len}),
                             n == 0 || n > most ? SL_E_SOCKET_IO : 0);
        }
    }
}

static void test_nsp_limit(void **state)
{
    (void)state;
    for (size_t n = SIO_NSP_MAX - 1; n <= SIO_NSP_MAX + 1; n++) {
        char text[SIO_NSP_MAX + 64];

        memset(text, 'n', sizeof text);
        memcpy(text, "0/", 2);
        text[1 + n] = ',';
        assert_int_equal(parse(&rules4, (sl_str){text, n + 2}),
                         n > SIO_NSP_MAX ? SL_E_SOCKET_IO : 0);
        text[1 + n] = '?'; /* a query does not count */
        assert_int_equal(parse(&rules3, (sl_str){text, sizeof text}),
                         n > SIO_NSP_MAX ? SL_E_SOCKET_IO : 0);
    }
}

static void test_depth(void **state)
{
    char text[2 * SIO_DEPTH + 16];

    (void)state;
    for (uint32_t limit = 0; limit <= 70; limit += 70) {
        struct sio_rules r = {.revision = 4, .from_client = true, .json = {.depth = limit}};
        uint32_t most = limit ? limit : SIO_DEPTH;
        for (uint32_t depth = most - 1; depth <= most + 1; depth++) {
            size_t n = 0, inner = depth - 1;
            memcpy(text, "2[\"x\",", 6);
            memset(text + 6, '[', inner);
            memset(text + 6 + inner, ']', inner + 1);
            n = 6 + 2 * inner + 1;
            assert_int_equal(parse(&r, (sl_str){text, n}), depth > most ? SL_E_DEPTH : 0);
        }
    }
}

/* 200 KB of brackets have ended another server's process. */
static void test_deeply_nested_event(void **state)
{
    size_t n = 200000;
    char *text = malloc(n);

    (void)state;
    assert_non_null(text);
    memset(text, '[', n);
    text[0] = '2';
    assert_int_equal(parse(&rules4, (sl_str){text, n}), SL_E_DEPTH);
    free(text);
}

static void test_node_limit(void **state)
{
    struct sio_rules r = {.revision = 4, .from_client = true, .json = {.nodes = 4}};

    (void)state;
    assert_int_equal(parse(&r, SL_STR("2[\"x\",1,2]")), 0);
    assert_int_equal(parse(&r, SL_STR("2[\"x\",1,2,3]")), SL_E_TOO_BIG);
}

static void test_without_memory(void **state)
{
    (void)state;
    for (long n = 0; n < 2; n++) {
        sl__alloc_fail_after(n);
        int rc = parse(&rules4, SL_STR("2[\"x\",1,2]"));
        sl__alloc_fail_after(-1);
        assert_int_equal(rc, SL_E_NOMEM);
    }
}

/* ---- arguments ---- */

static void test_arguments(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"2[\"x\"]",                                ""                                  },
        {"2[\"x\",1,\"two\",{\"3\":[null]},-4.0]",  "1 \"two\" {\"3\":[null]} -4.0 "    },
        {"31[]",                                    ""                                  },
        {"31[1,[2]]",                               "1 [2] "                            },
        {"61-0[{\"_placeholder\":true,\"num\":0}]", "{\"_placeholder\":true,\"num\":0} "},
        {"1",                                       ""                                  },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_json doc = {0};
        struct sio_packet p;
        char line[256] = "";
        size_t n = 0;

        assert_int_equal(sio_parse(&rules4, sl_str_of(rows[i].text), 0, NULL, &doc, &p, NULL),
                         0);
        for (sl_value v = sio_first_arg(&p); sl_value_type(v) != SL_JSON_NONE;
             v = sio_next_arg(&p, v)) {
            sl_str raw = sl_value_raw(v);
            n += (size_t)snprintf(line + n, sizeof line - n, "%.*s ", (int)raw.len, raw.ptr);
        }
        assert_string_equal(line, rows[i].want);
        sl_json_deinit(&doc);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cut_off_anywhere),
        cmocka_unit_test(test_attachment_limit),
        cmocka_unit_test(test_nsp_limit),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_deeply_nested_event),
        cmocka_unit_test(test_node_limit),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_arguments),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
