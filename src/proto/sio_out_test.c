/* SPDX-License-Identifier: MIT */
/* Packets as they are written, and binary values on their way through. */
#include "proto/sio.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>

#define B(lit)                  \
    {                           \
        "" lit, sizeof(lit) - 1 \
    }

#define P(n) "{\"_placeholder\":true,\"num\":" #n "}"

static void assert_out(const char *name, sl_json_out *o, const char *want)
{
    sl_str got = sl_out_text(o);

    if (!sl_str_eq(got, sl_str_of(want))) fail_msg("%s: \"%.*s\"", name, (int)got.len, got.ptr);
    sl_out_reset(o);
}

/* ---- heads ---- */

// clang-format off
static const struct {
    const char *name;
    struct sio_head head;
    const char *want;
} heads[] = {
    {"connect",              {.type = SIO_CONNECT},                                      "0"},
    {"the root is not written", {.type = SIO_EVENT, .nsp = B("/")},                      "2"},
    {"always a comma",       {.type = SIO_DISCONNECT, .nsp = B("/a")},                   "1/a,"},
    {"id 0",                 {.type = SIO_EVENT, .has_id = true},                        "20"},
    {"id, namespace",        {.type = SIO_ACK, .nsp = B("/a"), .has_id = true, .id = 10},"3/a,10"},
    {"the largest id",       {.type = SIO_ACK, .has_id = true, .id = SIO_ID_MAX},        "39007199254740991"},
    {"id without has_id",    {.type = SIO_EVENT, .id = 7},                               "2"},
    {"attachments",          {.type = SIO_BINARY_EVENT, .attachments = 10},              "510-"},
    {"attachments and all",  {SIO_BINARY_ACK, 2, B("/a"), true, 7},                      "62-/a,7"},
    {"attachments of a text",{.type = SIO_EVENT, .attachments = 1},                      "2"},
};
// clang-format on

static void test_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char *out = malloc(SIO_HEAD_MAX);

        assert_non_null(out);
        size_t n = sio_put_head(&heads[i].head, out);
        if (!sl_str_eq((sl_str){out, n}, sl_str_of(heads[i].want)))
            fail_msg("%s: \"%.*s\"", heads[i].name, (int)n, out);
        free(out);
    }
}

static void test_longest_head(void **state)
{
    char nsp[SIO_NSP_MAX + 1], *out = malloc(SIO_HEAD_MAX);
    struct sio_head h = {
        SIO_BINARY_EVENT, UINT32_MAX, {nsp, SIO_NSP_MAX},
          true, UINT64_MAX
    };
    sl_json_out o = {0};

    (void)state;
    assert_non_null(out);
    memset(nsp, 'n', sizeof nsp);
    assert_int_equal(sio_put_head(&h, out), 1 + 11 + SIO_NSP_MAX + 1 + 20);
    h.nsp.len++;
    assert_int_equal(sio_put_head(&h, out), 0);
    sio_out_event(&o, &h, SL_STR("x"), NULL, 0);
    assert_int_equal(o.rc, SL_E_TOO_BIG);
    sl_out_reset(&o);
    sio_out_join(&o, 3, h.nsp, SL_STR("a=b"));
    assert_int_equal(o.rc, SL_E_TOO_BIG);
    sl_out_deinit(&o);
    free(out);
}

/* ---- packets ---- */

static void test_packets(void **state)
{
    sl_json_out o = {0};
    struct sio_head h = {.type = SIO_EVENT, .nsp = B("/a"), .has_id = true, .id = 3};
    sl_str args[] = {B("1"), B("{\"b\": 2.50}")}, no = {0}, root = B("/"), a = B("/a");

    (void)state;
    sio_out_event(&o, &h, SL_STR("say \"hi\"\n\x1e"), args, 2);
    assert_out("event", &o, "2/a,3[\"say \\\"hi\\\"\\n\\u001e\",1,{\"b\": 2.50}]");
    sio_out_event(&o, &(struct sio_head){.type = SIO_EVENT}, SL_STR(""), NULL, 0);
    assert_out("event without arguments", &o, "2[\"\"]");
    h.type = SIO_ACK;
    sio_out_ack(&o, &h, args, 2);
    assert_out("ack", &o, "3/a,3[1,{\"b\": 2.50}]");
    sio_out_ack(&o, &h, NULL, 0);
    assert_out("empty ack", &o, "3/a,3[]");
    sio_out_disconnect(&o, root);
    assert_out("disconnect", &o, "1");
    sio_out_disconnect(&o, a);
    assert_out("disconnect of a namespace", &o, "1/a,");

    sio_out_connect(&o, 4, root, SL_STR("wZX3oN0bSVIhsaknAAAI"), no);
    assert_out("6 accepted", &o, "0{\"sid\":\"wZX3oN0bSVIhsaknAAAI\"}");
    sio_out_connect(&o, 4, a, SL_STR("x"), no);
    assert_out("6 accepted, namespace", &o, "0/a,{\"sid\":\"x\"}");
    sio_out_connect(&o, 3, root, SL_STR("x"), no);
    assert_out("6 accepted, 3", &o, "0");
    sio_out_connect(&o, 3, a, SL_STR("x"), no);
    assert_out("6 accepted, namespace, 3", &o, "0/a,");
    sio_out_connect(&o, 4, a, SL_STR("x"), SL_STR("y"));
    assert_out("9 offer", &o, "0/a,{\"sid\":\"x\",\"pid\":\"y\"}");
    sio_out_connect(&o, 3, a, SL_STR("x"), SL_STR("y"));
    assert_out("9 no offer, 3", &o, "0/a,");

    sio_out_connect_error(&o, 4, a, SL_STR("Invalid namespace"), no);
    assert_out("6 unknown", &o, "4/a,{\"message\":\"Invalid namespace\"}");
    sio_out_connect_error(&o, 4, a, SL_STR("unauthorized"), SL_STR("{\"code\":401}"));
    assert_out("6 refused", &o, "4/a,{\"message\":\"unauthorized\",\"data\":{\"code\":401}}");
    sio_out_connect_error(&o, 3, a, SL_STR("Invalid namespace"), no);
    assert_out("6 unknown, 3", &o, "4/a,\"Invalid namespace\"");
    sio_out_connect_error(&o, 3, a, SL_STR("unauthorized"), SL_STR("{\"code\":401}"));
    assert_out("6 refused, 3", &o, "4/a,{\"code\":401}");

    sio_out_join(&o, 4, root, no);
    assert_out("6 join", &o, "0");
    sio_out_join(&o, 4, a, SL_STR("{\"token\":1}"));
    assert_out("6 join with auth", &o, "0/a,{\"token\":1}");
    sio_out_join(&o, 3, a, no);
    assert_out("6 join, 3", &o, "0/a,");
    sio_out_join(&o, 3, a, SL_STR("token=1"));
    assert_out("6 join with query, 3", &o, "0/a?token=1,");
    sl_out_deinit(&o);
}

/* 5 JSON out: no control character leaves raw, whatever a name is made of. */
static void test_no_control_character_leaves(void **state)
{
    char name[0x20];
    sl_json_out o = {0};

    (void)state;
    for (unsigned i = 0; i < sizeof name; i++)
        name[i] = (char)i;
    sio_out_event(&o, &(struct sio_head){.type = SIO_EVENT}, (sl_str){name, sizeof name}, NULL,
                  0);
    sl_str text = sl_out_text(&o);
    assert_true(text.len > 5 * sizeof name - 20);
    for (size_t i = 0; i < text.len; i++)
        assert_true((uint8_t)text.ptr[i] >= 0x20);
    sl_out_reset(&o); /* and a surrogate that got into UTF-8 is replaced */
    sio_out_event(&o, &(struct sio_head){.type = SIO_EVENT}, SL_STR("\xed\xa0\x80"), NULL, 0);
    assert_out("surrogate", &o, "2[\"\uFFFD\uFFFD\uFFFD\"]");
    sl_out_deinit(&o);
}

/* ---- placeholders ---- */

static const struct sio_rules rules = {.revision = 4, .from_client = true};

static void parse(struct sio_packet *p, sl_json *doc, const char *text)
{
    assert_int_equal(sio_parse(&rules, sl_str_of(text), 0, NULL, doc, p, NULL), 0);
}

static void test_walk(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"53-[\"x\"," P(1) ",{\"a\":[" P(0) "],\"b\":" P(1) "},[[" P(2) "]]]", "1012"},
        {"51-[\"x\",{\"_placeholder\":true,\"num\":0,\"in\":" P(7) "},1]",     "0"   },
        {"51-[\"x\"]",                                                         ""    },
        {"2[\"x\"," P(0) "]",                                                  ""    },
        {"1",                                                                  ""    },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sio_packet p;
        sl_json doc = {0};
        char line[64] = "";
        sl_value at;
        uint32_t num;

        parse(&p, &doc, rows[i].text);
        struct sio_walk w = sio_walk_of(p.value, p.attachments);
        while (sio_next_placeholder(&w, &at, &num)) {
            uint32_t same;
            snprintf(line + strlen(line), sizeof line - strlen(line), "%u", num);
            assert_true(sio_attachment(at, p.attachments, &same) && same == num);
        }
        assert_string_equal(line, rows[i].want);
        sl_json_deinit(&doc);
    }
}

/* The walk of one argument does not leave it. */
static void test_walk_within(void **state)
{
    struct sio_packet p;
    sl_json doc = {0};
    sl_value at;
    uint32_t num;

    (void)state;
    parse(&p, &doc, "52-[\"x\",[" P(1) "]," P(0) ",\"not\"]");
    sl_value v = sio_first_arg(&p);
    struct sio_walk w = sio_walk_of(v, p.attachments);
    assert_true(sio_next_placeholder(&w, &at, &num) && num == 1);
    assert_false(sio_next_placeholder(&w, &at, &num));
    assert_false(sio_attachment(v, p.attachments, &num));
    v = sio_next_arg(&p, v);
    assert_true(sio_attachment(v, p.attachments, &num) && num == 0);
    assert_false(sio_attachment(v, 0, &num)); /* a look-alike */
    v = sio_next_arg(&p, v);
    assert_false(sio_attachment(v, p.attachments, &num));
    sl_json_deinit(&doc);
}

static void test_passing_on(void **state)
{
    struct sio_passed passed = {0};
    struct sio_packet p;
    sl_json doc = {0};
    sl_json_out o = {0};

    (void)state;
    parse(&p, &doc,
          "53-[\"x\",0,{ \"a\": {\"num\":2, \"_placeholder\":true}, \"b\":[" P(0) ",1," P(
              2) "]}," P(2) ",\"end\"]");
    sl_out_array(&o);
    for (sl_value v = sio_first_arg(&p); sl_value_type(v) != SL_JSON_NONE;
         v = sio_next_arg(&p, v))
        sio_out_arg(&o, v, p.attachments, &passed);
    sl_out_end(&o);
    assert_out("numbered anew", &o,
               "[0,{ \"a\": " P(0) ", \"b\":[" P(1) ",1," P(0) "]}," P(0) ",\"end\"]");
    assert_int_equal(passed.n, 2);
    assert_int_equal(passed.num[0], 2);
    assert_int_equal(passed.num[1], 0);

    sio_out_arg(&o, (sl_value){0}, 1, &passed);
    assert_int_equal(o.rc, SL_E_INVAL);
    sl_out_deinit(&o);
    sl_json_deinit(&doc);
}

/* A look-alike in a text packet goes through untouched. */
static void test_passing_on_text(void **state)
{
    struct sio_passed passed = {0};
    struct sio_packet p;
    sl_json doc = {0};
    sl_json_out o = {0};

    (void)state;
    parse(&p, &doc, "2[\"x\",{ \"_placeholder\":true,\"num\":9}]");
    sio_out_arg(&o, sio_first_arg(&p), p.attachments, &passed);
    assert_out("as it is", &o, "{ \"_placeholder\":true,\"num\":9}");
    assert_int_equal(passed.n, 0);
    sl_out_deinit(&o);
    sl_json_deinit(&doc);
}

static void test_passing_on_too_many(void **state)
{
    struct sio_passed passed = {.n = SIO_ATTACHMENTS_MAX};
    struct sio_packet p;
    sl_json doc = {0};
    sl_json_out o = {0};

    (void)state;
    for (uint32_t i = 0; i < SIO_ATTACHMENTS_MAX; i++)
        passed.num[i] = 100 + i;
    parse(&p, &doc, "51-[\"x\"," P(0) "]");
    sio_out_arg(&o, sio_first_arg(&p), 1, &passed);
    assert_int_equal(o.rc, SL_E_TOO_BIG);
    sl_out_deinit(&o);
    sl_json_deinit(&doc);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_longest_head),
        cmocka_unit_test(test_packets),
        cmocka_unit_test(test_no_control_character_leaves),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_walk_within),
        cmocka_unit_test(test_passing_on),
        cmocka_unit_test(test_passing_on_text),
        cmocka_unit_test(test_passing_on_too_many),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
