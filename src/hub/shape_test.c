/* SPDX-License-Identifier: MIT */
#include "hub/shape.h"

#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>

static const char *const colours[] = {"red", "green", "blue", NULL};

/* clang-format off */
static const struct field item_rows[] = {
    {"n", FIELD_WHOLE, FIELD_REQUIRED, 0, 9},
};
static const struct shape item = SHAPE(item_rows);

enum { TEXT, ID, NUMBER, WHOLE, BOOL, TIME, LIST, OBJECT, COLOUR, LENIENT, PICTURE, FREE };

static const struct field rows[] = {
    [TEXT]    = {"text", FIELD_TEXT, 0, 2, 4, "alias"},
    [ID]      = {"id", FIELD_ID, 0, 0, 4},
    [NUMBER]  = {"number", FIELD_NUMBER, 0, -1, 1.5},
    [WHOLE]   = {"whole", FIELD_WHOLE, 0, 0, 0},
    [BOOL]    = {"bool", FIELD_BOOL},
    [TIME]    = {"time", FIELD_TIME, FIELD_DEVICE_TIME},
    [LIST]    = {"list", FIELD_ARRAY, 0, 0, 2, NULL, NULL, &item},
    [OBJECT]  = {"object", FIELD_OBJECT, 0, 0, 0, NULL, NULL, &item},
    [COLOUR]  = {"colour", FIELD_TEXT, 0, 0, 0, NULL, colours},
    [LENIENT] = {"lenient", FIELD_NUMBER, FIELD_LENIENT, 0, 1},
    [PICTURE] = {"picture", FIELD_OPAQUE, 0, 1, 8},
    [FREE]    = {"free", FIELD_ANY},
};
static const struct shape all = SHAPE(rows);

/* the message, the sentence; NULL: it is good */
static const struct {
    const char *json, *why;
} cases[] = {
    {"{}", NULL},
    {"{\"unknown\":[1,{\"text\":7}]}", NULL},
    {"[]", "the message must be a JSON object"},
    {"null", "the message must be a JSON object"},
    {"\"x\"", "the message must be a JSON object"},

    {"{\"text\":\"ab\"}", NULL},
    {"{\"text\":\"abcd\"}", NULL},
    {"{\"text\":null}", NULL},
    {"{\"text\":\"a\"}", "text must be text of 2 to 4 bytes"},
    {"{\"text\":\"abcde\"}", "text must be text of 2 to 4 bytes"},
    {"{\"text\":7}", "text must be text of 2 to 4 bytes"},
    {"{\"text\":[\"ab\"]}", "text must be text of 2 to 4 bytes"},
    {"{\"text\":true}", "text must be text of 2 to 4 bytes"},
    {"{\"text\":\"\\u0041\\u0042\\u0043\\u0044\"}", NULL}, /* four bytes, however written */
    {"{\"text\":\"\\u0e01\\u0e02\"}", "text must be text of 2 to 4 bytes"},
    {"{\"text\":\"\\u0041\"}", "text must be text of 2 to 4 bytes"},
    {"{\"text\":\"a\\u0000\"}", "text must be text of 2 to 4 bytes"},
    {"{\"text\":\"\\ud800\"}", "text must be text of 2 to 4 bytes"},
    {"{\"text\":\"\\u0041\\u0041\\u0041\\u0041\\u0041\"}", "text must be text of 2 to 4 bytes"},

    {"{\"alias\":\"ab\"}", NULL},
    {"{\"alias\":7}", "text must be text of 2 to 4 bytes"},
    {"{\"alias\":7,\"text\":\"ab\"}", NULL}, /* the name wins */
    {"{\"alias\":\"ab\",\"text\":7}", "text must be text of 2 to 4 bytes"},
    {"{\"alias\":\"ab\",\"text\":null}", NULL},

    {"{\"id\":\"\"}", NULL},
    {"{\"id\":\"abcd\"}", NULL},
    {"{\"id\":1.50}", NULL},
    {"{\"id\":12345}", "id must be text of at most 4 bytes"},
    {"{\"id\":\"abcde\"}", "id must be text of at most 4 bytes"},
    {"{\"id\":false}", "id must be text of at most 4 bytes"},

    {"{\"number\":-1}", NULL},
    {"{\"number\":1.5e0}", NULL},
    {"{\"number\":-1.0001}", "number must be a number from -1 to 1.5"},
    {"{\"number\":1.50001}", "number must be a number from -1 to 1.5"},
    {"{\"number\":1e999}", "number must be a number from -1 to 1.5"},
    {"{\"number\":\"1\"}", "number must be a number from -1 to 1.5"},

    {"{\"whole\":-9007199254740993}", NULL},
    {"{\"whole\":1.0}", "whole must be a whole number"},
    {"{\"whole\":99999999999999999999}", "whole must be a whole number"},

    {"{\"bool\":false}", NULL},
    {"{\"bool\":0}", "bool must be true or false"},

    {"{\"time\":\"2026-03-01T09:30:00.12+07:00\"}", NULL},
    {"{\"time\":\"2026-03-01T09:30:00\"}", NULL},
    {"{\"time\":\"yesterday\"}", "time must be a time like 2026-03-01T09:30:00Z"},
    {"{\"time\":\"\"}", "time must be a time like 2026-03-01T09:30:00Z"},
    {"{\"time\":1}", "time must be a time like 2026-03-01T09:30:00Z"},

    {"{\"list\":[]}", NULL},
    {"{\"list\":[{\"n\":0},{\"n\":9}]}", NULL},
    {"{\"list\":[{\"n\":0},{\"n\":0},{\"n\":0}]}", "list must be an array of at most 2 items"},
    {"{\"list\":{}}", "list must be an array of at most 2 items"},
    {"{\"list\":[{\"n\":0},{\"n\":10}]}", "list[1].n must be a whole number from 0 to 9"},
    {"{\"list\":[{}]}", "list[0].n is missing"},
    {"{\"list\":[7]}", "list[0] must be an object"},
    {"{\"object\":{\"n\":5}}", NULL},
    {"{\"object\":{\"n\":null}}", "object.n is missing"},
    {"{\"object\":[]}", "object must be an object"},

    {"{\"colour\":\"gr\\u0065en\"}", NULL},
    {"{\"colour\":\"Red\"}", "colour must be red, green or blue"},
    {"{\"colour\":\"\"}", "colour must be red, green or blue"},
    {"{\"colour\":1}", "colour must be red, green or blue"},

    {"{\"lenient\":\"x\"}", NULL},
    {"{\"picture\":\"\\ud800\\/\"}", NULL}, /* not looked into */
    {"{\"picture\":\"\"}", "picture must be text of 1 to 8 bytes"},
    {"{\"picture\":\"123456789\"}", "picture must be text of 1 to 8 bytes"},
    {"{\"free\":[[[]]]}", NULL},
};
/* clang-format on */

static void test_rows(void **state)
{
    sl_json doc = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sl_error err = {0};
        struct fields f;
        int rc;

        assert_int_equal(sl_json_read(&doc, sl_str_of(cases[i].json), NULL, NULL, NULL), 0);
        rc = shape_read(&all, sl_json_root(&doc), &f, &err);
        if (rc != (cases[i].why == NULL ? 0 : SL_E_INVAL))
            fail_msg("%s: %d %s", cases[i].json, rc, err.text);
        if (cases[i].why == NULL) continue;
        if (strcmp(err.text, cases[i].why) != 0) fail_msg("%s: %s", cases[i].json, err.text);
        if (strncmp(err.text, err.where, strlen(err.where)) != 0)
            fail_msg("%s names %s", cases[i].json, err.where);
    }
    sl_json_deinit(&doc);
}

static void test_values(void **state)
{
    static const char json[] = "{\"alias\":\"a\\u0062\",\"id\":1.50,\"lenient\":\"x\","
                               "\"time\":\"1970-01-01T00:00:01Z\",\"number\":1,\"number\":0.5}";
    sl_json doc = {0};
    struct fields f;
    struct wall at;
    char room[16];
    double x;
    sl_str s;

    (void)state;
    assert_int_equal(
        sl_json_read(&doc, SL_STR("") /* fails: the document is empty */, NULL, NULL, NULL),
        SL_E_JSON);
    assert_int_equal(sl_json_read(&doc, sl_str_of(json), NULL, NULL, NULL), 0);
    assert_int_equal(shape_read(&all, sl_json_root(&doc), &f, NULL), 0);
    assert_true(fields_text(&f, TEXT, room, sizeof room, &s));
    assert_true(sl_str_eq(s, SL_STR("ab")));
    assert_false(fields_text(&f, TEXT, room, 6, &s)); /* seven bytes as written */
    assert_true(fields_text(&f, ID, room, sizeof room, &s));
    assert_true(sl_str_eq(s, SL_STR("1.50")));
    assert_true(fields_text(&f, COLOUR, room, sizeof room, &s));
    assert_null(s.ptr);
    assert_false(fields_has(&f, LENIENT));
    assert_false(fields_has(&f, BOOL));
    assert_true(sl_value_f64(f.value[NUMBER], &x) && x == 0.5); /* the last of equal keys */
    assert_true(shape_device_time(&all, &f, &at));
    assert_int_equal(at.us, 1000000);
    assert_false(shape_device_time(&item, &f, &at));
    sl_json_deinit(&doc);
}

static void test_without_memory(void **state)
{
    sl_json doc = {0};
    struct fields f;
    sl_error err = {0};

    (void)state;
    assert_int_equal(sl_json_read(&doc, SL_STR("{\"text\":\"\\u0041b\"}"), NULL, NULL, NULL),
                     0);
    sl__alloc_fail_after(0);
    assert_int_equal(shape_read(&all, sl_json_root(&doc), &f, &err), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    assert_int_equal(shape_read(&all, sl_json_root(&doc), &f, &err), 0);
    sl_json_deinit(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
