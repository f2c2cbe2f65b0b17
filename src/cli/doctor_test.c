/* SPDX-License-Identifier: MIT */
/* The doctor's pure parts: what devices make of an address, and what is said how. */
#include "base/alloc.h"
#include "cli/doctor_out.h"
#include "cli/doctor_rules.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

// clang-format off
static const struct {
    const char *setting, *device, *website;
} urls[] = {
    {"http://192.0.2.7:5000",     "ws://192.0.2.7/ws",   "wss://192.0.2.7:5000/ws"},
    {"http://192.0.2.7:5000/",    "ws://192.0.2.7/ws",   "wss://192.0.2.7:5000/ws"},
    {"https://hub.example",       "wss://hub.example/ws", "wss://hub.example/ws"},
    {"https://hub.example:8443/", "wss://hub.example/ws", "wss://hub.example:8443/ws"},
    {"x.up.railway.app",          "wss://x.up.railway.app/ws", "wss://x.up.railway.app/ws"},
    {"http://localhost:5000",     "ws://localhost/ws",   "ws://localhost:5000/ws"},
    {"ws://hub:5000/a",           "ws://hub/a/ws",       "wss://hub:5000/a/ws"},
    {"",                          "ws:///ws",            "wss:///ws"},
};
// clang-format on

static void test_what_is_made_of_an_address(void **state)
{
    char long_one[700], out[RULE_URL_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        rule_device_url(urls[i].setting, out);
        assert_string_equal(out, urls[i].device);
        rule_website_url(urls[i].setting, out);
        assert_string_equal(out, urls[i].website);
    }
    memset(long_one, 'x', sizeof long_one);
    for (size_t n = RULE_URL_SIZE - 20; n < sizeof long_one - 1; n++) {
        long_one[n] = '\0';
        rule_device_url(long_one, out);
        assert_true(out[0] == '\0' || strlen(out) == n + 8);
        rule_website_url(long_one, out);
        assert_true(out[0] == '\0' || strlen(out) == n + 9);
        long_one[n] = 'x';
    }
    assert_string_equal(out, "");
}

// clang-format off
static const struct {
    const char *path, *prefix, *ws, *revision;
} paths[] = {
    {"",                          "",        "/ws",            ""},
    {"/",                         "",        "/ws",            ""},
    {"/ws",                       "",        "/ws",            ""},
    {"/ws?key=1",                 "",        "/ws?key=1",      ""},
    {"/sluice",                   "/sluice", "/sluice/ws",     ""},
    {"/sluice/",                  "/sluice", "/sluice/ws",     ""},
    {"/sluice/ws",                "/sluice", "/sluice/ws",     ""},
    {"/a/b//?x=/socket.io/",      "/a/b",    "/a/b/ws",        ""},
    {"/news",                     "/news",   "/news/ws",       ""},
    {"/socket.io/?EIO=5",         "",        "/ws",            "5"},
    {"/s/socket.io?t=x&EIO=3&a=", "/s",      "/s/ws",          "3"},
    {"/socket.io/?XEIO=3",        "",        "/ws",            ""},
    {"/socket.io/?EIO=123456789", "",        "/ws",            "1234567"},
};
// clang-format on

static void test_what_a_path_tells(void **state)
{
    struct rule_paths out;
    char long_one[512];

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        rule_paths(paths[i].path, &out);
        assert_string_equal(out.prefix, paths[i].prefix);
        assert_string_equal(out.ws, paths[i].ws);
        assert_string_equal(out.revision, paths[i].revision);
    }
    memset(long_one, 'x', sizeof long_one - 1);
    long_one[0] = '/';
    long_one[sizeof long_one - 1] = '\0';
    rule_paths(long_one, &out);
    assert_int_equal(strlen(out.prefix), sizeof long_one - 1);
    assert_int_equal(strlen(out.ws), sizeof long_one + 2);
}

static void test_same_host(void **state)
{
    struct dial_url a, b;

    (void)state;
    assert_null(dial_url_parse("http://localhost:5000", &a));
    assert_null(dial_url_parse("ws://127.0.0.1/ws", &b));
    assert_true(rule_is_same_host(&a, &b));
    assert_null(dial_url_parse("hub.example", &b));
    assert_false(rule_is_same_host(&a, &b));
    assert_null(dial_url_parse("HUB.example:1", &a));
    assert_true(rule_is_same_host(&a, &b));
}

static void test_encoding(void **state)
{
    char out[16];

    (void)state;
    assert_true(rule_encode("cam-7_.~", out, sizeof out));
    assert_string_equal(out, "cam-7_.~");
    assert_true(rule_encode("a&b \xc3\xa9", out, sizeof out));
    assert_string_equal(out, "a%26b%20%C3%A9");
    assert_true(rule_encode("123456789012345", out, sizeof out));
    assert_false(rule_encode("1234567890123456", out, sizeof out));
    assert_false(rule_encode("1234567890123&", out, sizeof out));
}

/* ECMA-48 controls, and what Unicode (UAX #9) turns lines around with */
static void test_nothing_harmful_reaches_a_terminal(void **state)
{
    // clang-format off
    static const struct {
        const char *text, *printed;
    } texts[] = {
        {"plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\033[31mred\007\r\n\x7f",         "?[31mred????"},
        {"a\xc2\x9b" "31m",                 "a?31m"},
        {"a\xc2\xa0",                       "a\xc2\xa0"},
        {"a\xe2\x80\xae" "b\xe2\x81\xa6",   "a?b?"},
        {"a\xe2\x80\x93",                   "a\xe2\x80\x93"},
        {"\xff\xc3",                        "??"},
        {"\xed\xa0\x80",                    "???"},
        {"",                                ""},
    };
    // clang-format on
    struct finding f = {0};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        found(&f, FOUND_WARN, "%s", texts[i].text);
        assert_string_equal(f.cause, texts[i].printed);
        next_is(&f, "%s", texts[i].text);
        assert_string_equal(f.next, texts[i].printed);
    }
}

static void test_a_row_is_cut_at_a_character(void **state)
{
    struct finding f = {0};
    char text[FINDING_TEXT + 8];

    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text + FINDING_TEXT - 2, "\xc3\xa9", 3); /* the cut goes through it */
    found(&f, FOUND_FAIL, "%s", text);
    assert_int_equal(strlen(f.cause), FINDING_TEXT - 1);
    assert_int_equal(f.cause[FINDING_TEXT - 2], '?');
}

static void test_json(void **state)
{
    static const struct step step = {.name = "port", .checks = "something listens"};
    const int count[FOUND_SKIP + 1] = {1, 0, 1, 0};
    struct doctor *d = sl__zalloc(sizeof *d);
    struct finding f = {.took_ms = 7};
    sl_json_out out = {0};

    (void)state;
    assert_non_null(d);
    assert_null(dial_url_parse("hub:5000", &d->url));
    doctor_note(d, "a \"note\"");
    out_json_begin(&out, d);
    found(&f, FOUND_PASS, "it says \"%s\"", "\033\xff");
    out_json_finding(&out, "hub", &step, &f);
    found(&f, FOUND_FAIL, "no");
    next_is(&f, "start it");
    f.paste = &(struct paste){
        {[PASTE_NGINX] = "a;\nb \"c\";", [PASTE_APACHE] = "D"}
    };
    out_json_finding(&out, "hub", &step, &f);
    out_json_end(&out, d, count, 1);
    assert_int_equal(out.rc, 0);
    assert_true(sl_str_eq(
        sl_out_text(&out),
        SL_STR("{\"address\":\"hub:5000\",\"steps\":["
               "{\"part\":\"hub\",\"name\":\"port\",\"checks\":\"something listens\","
               "\"state\":\"pass\",\"cause\":\"it says \\\"?\?\\\"\",\"took_ms\":7},"
               "{\"part\":\"hub\",\"name\":\"port\",\"checks\":\"something listens\","
               "\"state\":\"fail\",\"cause\":\"no\",\"next\":\"start it\","
               "\"paste\":{\"nginx\":\"a;\\nb \\\"c\\\";\",\"apache\":\"D\"},\"took_ms\":7}],"
               "\"notes\":[\"a \\\"note\\\"\"],\"pass\":1,\"warn\":0,\"fail\":1,\"skip\":0,"
               "\"ok\":false,\"exit_code\":1}")));
    sl_out_deinit(&out);
    sl__free(d);
}

/* Every row of every part can be said, and its code is one that --help tells. */
static void test_the_rows_are_whole(void **state)
{
    static const struct part *const parts[] = {&part_hub, &part_config, &part_mock,
                                               &part_backend};

    (void)state;
    for (size_t k = 0; k < 4; k++) {
        for (size_t i = 0; i < parts[k]->n; i++) {
            const struct step *s = &parts[k]->step[i];

            assert_true(s->name != NULL && strlen(s->name) <= 19);
            assert_true(s->checks != NULL && s->run != NULL && s->cure != NULL);
            assert_true(s->cure[0] != '\0' && s->code >= 0 && s->code <= 6);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_made_of_an_address),
        cmocka_unit_test(test_what_a_path_tells),
        cmocka_unit_test(test_same_host),
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_nothing_harmful_reaches_a_terminal),
        cmocka_unit_test(test_a_row_is_cut_at_a_character),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_the_rows_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
