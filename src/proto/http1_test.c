/* SPDX-License-Identifier: MIT */
#include "proto/http1.h"

#include "proto/http1_vectors.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>

/* ---- one way to feed, one text to compare ---- */

static uint32_t random_next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* The next cut behind `at`. step 0: random lengths up to 16 */
static size_t next_cut(size_t at, size_t len, size_t step, uint32_t *seed)
{
    size_t take = step > 0 ? step : 1 + random_next(seed) % 16;

    return len - at < take ? len : at + take;
}

/*
 * Feed in pieces; each feed sees a copy of exactly its size at a new place, so that a byte
 * too far and a pointer into the old place are both found by the sanitizer.
 */
static int feed_cut(struct http1_head *h, sl_str in, size_t step, uint32_t seed, char **copy)
{
    int rc = SL_E_PARTIAL;

    for (size_t n = 0; n < in.len && rc == SL_E_PARTIAL;) {
        n = next_cut(n, in.len, step, &seed);
        char *fresh = malloc(n);
        assert_non_null(fresh);
        memcpy(fresh, in.ptr, n);
        rc = http1_head_feed(h, fresh, n);
        free(*copy);
        *copy = fresh;
    }
    return rc;
}

static void facts(const struct http1_head *h, char *out, size_t size)
{
    static const char *const forms[] = {"", " absolute", " asterisk"};
    sl_str target = http1_text(h, h->target), host = http1_text(h, h->host);
    char length[32] = "";

    if (h->has_length) {
        snprintf(length, sizeof length, " len=%llu", (unsigned long long)h->content_length);
    }
    snprintf(out, size, "%s %.*s 1.%d %.*s%s%s%s%s%s%s%s", http1_method_text(h->method),
             (int)target.len, target.ptr, h->minor, (int)host.len, host.ptr,
             h->keep_alive ? " keep" : "", length, h->chunked ? " chunked" : "",
             h->expect_continue ? " expect" : "", h->upgrade ? " upgrade" : "",
             h->websocket ? " websocket" : "", forms[h->form]);
}

static void check_row(const struct head_row *r, size_t step, uint32_t seed)
{
    static struct http1_head h;
    char text[256], *copy = NULL;
    int rc;

    http1_head_init(&h, 0);
    rc = feed_cut(&h, r->in, step, seed, &copy);
    if (r->status == 0) {
        if (rc != 0) fail_msg("%s: refused, %d: %s", r->name, h.status, h.why);
        facts(&h, text, sizeof text);
        if (strcmp(text, r->want) != 0)
            fail_msg("%s: \"%s\" is not \"%s\"", r->name, text, r->want);
        assert_int_equal(h.head_len, r->in.len);
    } else {
        if (rc != SL_E_HTTP) fail_msg("%s: returned %d", r->name, rc);
        if (h.status != r->status) fail_msg("%s: status %d (%s)", r->name, h.status, h.why);
        if (strstr(h.why, r->want) == NULL) fail_msg("%s: why is \"%s\"", r->name, h.why);
    }
    /* what has been said is said again */
    assert_int_equal(http1_head_feed(&h, copy, h.scan), rc);
    free(copy);
}

static void vectors_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < HEAD_ROWS; i++)
        check_row(&head_rows[i], SIZE_MAX, 0);
}

static void vectors_bytewise(void **state)
{
    (void)state;
    for (size_t i = 0; i < HEAD_ROWS; i++)
        check_row(&head_rows[i], 1, 0);
}

static void vectors_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < HEAD_ROWS; i++) {
        for (uint32_t seed = 1; seed <= 20; seed++)
            check_row(&head_rows[i], 0, seed);
    }
}

/* Whatever a complete request is cut down to, it is partial: never accepted, never refused. */
static void every_prefix_is_partial(void **state)
{
    static struct http1_head h;

    (void)state;
    for (size_t i = 0; i < HEAD_ROWS && head_rows[i].status == 0; i++) {
        for (size_t n = 0; n < head_rows[i].in.len; n++) {
            http1_head_init(&h, 0);
            assert_int_equal(http1_head_feed(&h, head_rows[i].in.ptr, n), SL_E_PARTIAL);
        }
    }
}

static int feed_text(struct http1_head *h, const char *text)
{
    http1_head_init(h, 0);
    return http1_head_feed(h, text, strlen(text));
}

/* Every byte value, in every place where only some may stand. */
static void each_byte_in_each_place(void **state)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    static struct http1_head h;
    char text[64];

    (void)state;
    for (int c = 0; c < 256; c++) {
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool token = alnum || (c != 0 && strchr(marks, c) != NULL);
        bool value = c == '\t' || (c >= 0x20 && c != 0x7f);
        bool target = c > 0x20 && c < 0x7f && c != '#';
        size_t n = (size_t)snprintf(text, sizeof text,
                                    "GET /abcdefgh HTTP/1.1\r\nHost: a\r\nXy"
                                    ": a_b\r\n\r\n");

        text[6] = (char)c;
        http1_head_init(&h, 0);
        assert_int_equal(http1_head_feed(&h, text, n), target ? 0 : SL_E_HTTP);
        text[6] = 'b', text[34] = (char)c;
        http1_head_init(&h, 0);
        /* a colon there ends the name "X" early, and "y: a_b" is a good value */
        bool good = c == ':' || token;
        if (http1_head_feed(&h, text, n) != (good ? 0 : SL_E_HTTP)) fail_msg("name 0x%02x", c);
        text[34] = 'y', text[38] = (char)c;
        http1_head_init(&h, 0);
        if (http1_head_feed(&h, text, n) != (value ? 0 : SL_E_HTTP))
            fail_msg("value 0x%02x", c);
    }
}

/* ---- fields ---- */

static void assert_str(sl_str got, const char *want)
{
    if (!sl_str_eq(got, sl_str_of(want)))
        fail_msg("\"%.*s\" is not \"%s\"", (int)got.len, got.ptr, want);
}

static void fields_are_found(void **state)
{
    static struct http1_head h;

    (void)state;
    assert_int_equal(feed_text(&h,
                               "GET / HTTP/1.1\r\nHost: a\r\nX-Key:\t one \r\nx-key: two\r\n"
                               "Empty:\r\nAccept: text/html, */*;q=0.8\r\n\r\nbody"),
                     0);
    assert_int_equal(h.n, 5);
    assert_str(http1_find(&h, "X-KEY"), "one");
    assert_int_equal(http1_count(&h, "x-key"), 2);
    assert_str(http1_field_name(&h, 2), "x-key");
    assert_str(http1_field_value(&h, 2), "two");
    assert_non_null(http1_find(&h, "empty").ptr);
    assert_int_equal(http1_find(&h, "empty").len, 0);
    assert_null(http1_find(&h, "x-ke").ptr);
    assert_null(http1_find(&h, "").ptr);
    assert_true(http1_has_token(&h, "accept", "*/*"));
    assert_true(http1_has_token(&h, "x-key", "TWO"));
    assert_false(http1_has_token(&h, "x-key", "three"));
}

static void fields_move_with_the_buffer(void **state)
{
    static struct http1_head h;
    static const char text[] = "GET /p HTTP/1.1\r\nHost: a\r\n\r\n";
    char moved[sizeof text];

    (void)state;
    assert_int_equal(feed_text(&h, text), 0);
    memcpy(moved, text, sizeof text);
    http1_head_rebase(&h, moved);
    assert_ptr_equal(http1_find(&h, "host").ptr, moved + 23);
    assert_ptr_equal(http1_text(&h, h.target).ptr, moved + 4);
}

/* The answer to a refused request can still carry CORS headers. */
static void fields_before_a_fault_are_found(void **state)
{
    static struct http1_head h;

    (void)state;
    assert_int_equal(feed_text(&h, "BREW / HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n"),
                     SL_E_HTTP);
    assert_str(http1_find(&h, "origin"), "http://b");
    assert_int_equal(feed_text(&h, "GET / HTTP/1.1\r\nOrigin: http://b\r\nHost : a\r\n\r\n"),
                     SL_E_HTTP);
    assert_str(http1_find(&h, "origin"), "http://b");
    assert_null(http1_find(&h, "host").ptr);
}

static void lists(void **state)
{
    static const struct {
        const char *value, *token;
        bool has;
    } rows[] = {
        {"a",              "a",    true },
        {"a,b",            "b",    true },
        {" a , B ",        "b",    true },
        {",,a,",           "a",    true },
        {"ab",             "a",    false},
        {"a b",            "a",    false},
        {"",               "a",    false},
        {",",              "a",    false},
        {"gzip;q=0.5, br", "gzip", true },
        {"x;a, b",         "a",    false},
        {"a\t,b",          "a",    true },
        {"keep-alive",     "keep", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (http1_list_has(sl_str_of(rows[i].value), rows[i].token) != rows[i].has) {
            fail_msg("\"%s\" has \"%s\"", rows[i].value, rows[i].token);
        }
    }
}

/* ---- limits: below, at, above ---- */

/* `before`, then as many 'x' as fill it up to `total` bytes, then `after`. */
static sl_str padded(char *buf, size_t total, const char *before, const char *after)
{
    size_t b = strlen(before), a = strlen(after);

    memset(buf, 'x', total);
    memcpy(buf, before, b);
    memcpy(buf + total - a, after, a);
    return (sl_str){buf, total};
}

static int feed_all_ways(struct http1_head *h, sl_str in, size_t head_max)
{
    static const size_t steps[] = {1, 7, 0};
    char *copy = NULL;
    int first, status;

    http1_head_init(h, head_max);
    first = http1_head_feed(h, in.ptr, in.len);
    status = h->status;
    for (size_t i = 0; i < 3; i++) {
        http1_head_init(h, head_max);
        assert_int_equal(feed_cut(h, in, steps[i], 5, &copy), first);
        assert_int_equal(h->status, status);
    }
    free(copy);
    return first == SL_E_HTTP ? status : first;
}

static void limit_of_the_head(void **state)
{
    static struct http1_head h;
    static char buf[1100];

    (void)state;
    for (int off = -2; off <= 2; off++) {
        sl_str in =
            padded(buf, (size_t)(1000 + off), "GET / HTTP/1.1\r\nHost: a\r\nX: ", "\r\n\r\n");
        assert_int_equal(feed_all_ways(&h, in, 1000), off <= 0 ? 0 : 431);
    }
    /* at the limit and without an end: refused at once, not waited for */
    sl_str endless = padded(buf, 1000, "GET / HTTP/1.1\r\nHost: a\r\nX: ", "");
    assert_int_equal(feed_all_ways(&h, endless, 1000), 431);
    endless.len = 999;
    assert_int_equal(feed_all_ways(&h, endless, 1000), SL_E_PARTIAL);
}

static void limit_of_the_line(void **state)
{
    static struct http1_head h;
    static char buf[HTTP1_LINE_MAX + 100];
    static const char rest[] = "Host: a\r\n\r\n";

    (void)state;
    for (int off = -2; off <= 2; off++) {
        size_t line = (size_t)(HTTP1_LINE_MAX + off);

        padded(buf, line, "GET /", " HTTP/1.1\r\n");
        memcpy(buf + line, rest, sizeof rest - 1);
        sl_str in = {buf, line + sizeof rest - 1};
        assert_int_equal(feed_all_ways(&h, in, 0), off <= 0 ? 0 : 414);
        /* a small head limit falls into the request line as well */
        assert_int_equal(feed_all_ways(&h, in, 500), 414);
    }
}

/* One CRLF before the request does not take room from the line. */
static void limit_of_the_line_behind_crlf(void **state)
{
    static struct http1_head h;
    static char buf[HTTP1_LINE_MAX + 100];

    (void)state;
    memcpy(buf, "\r\n", 2);
    padded(buf + 2, HTTP1_LINE_MAX, "GET /", " HTTP/1.1\r\n");
    memcpy(buf + 2 + HTTP1_LINE_MAX, "Host: a\r\n\r\n", 11);
    assert_int_equal(feed_all_ways(&h, (sl_str){buf, 2 + HTTP1_LINE_MAX + 11}, 0), 0);
}

static void limit_of_the_count(void **state)
{
    static struct http1_head h;
    char buf[2048];

    (void)state;
    for (uint32_t n = HTTP1_FIELDS_MAX - 1; n <= HTTP1_FIELDS_MAX + 1; n++) {
        size_t at = (size_t)snprintf(buf, sizeof buf, "GET / HTTP/1.1\r\nHost: a\r\n");

        for (uint32_t i = 1; i < n; i++)
            at += (size_t)snprintf(buf + at, sizeof buf - at, "X: %u\r\n", i);
        at += (size_t)snprintf(buf + at, sizeof buf - at, "\r\n");
        assert_int_equal(feed_all_ways(&h, (sl_str){buf, at}, 0),
                         n <= HTTP1_FIELDS_MAX ? 0 : 431);
        if (n <= HTTP1_FIELDS_MAX) assert_int_equal(h.n, n);
    }
}

static void limit_of_the_length(void **state)
{
    static struct http1_head h;

    (void)state;
    assert_int_equal(
        feed_text(&h,
                  "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n"),
        0);
    assert_true(h.content_length == UINT64_MAX);
}

/* ---- one request after another ---- */

static void pipelined(void **state)
{
    static const char text[] =
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGE";
    static struct http1_head h;
    const char *at = text;
    size_t left = sizeof text - 1;

    (void)state;
    for (int i = 1; i <= 2; i++) {
        http1_head_init(&h, 0);
        assert_int_equal(http1_head_feed(&h, at, left), 0);
        assert_str(http1_text(&h, h.target), i == 1 ? "/1" : "/2");
        at += h.head_len, left -= h.head_len;
    }
    http1_head_init(&h, 0);
    assert_int_equal(http1_head_feed(&h, at, left), SL_E_PARTIAL);
}

static void nothing_fed(void **state)
{
    static struct http1_head h;

    (void)state;
    http1_head_init(&h, 0);
    assert_int_equal(http1_head_feed(&h, "", 0), SL_E_PARTIAL);
    assert_int_equal(http1_head_feed(&h, "G", 1), SL_E_PARTIAL);
    assert_int_equal(http1_head_feed(&h, "G", 1), SL_E_PARTIAL);
}

/* ---- words ---- */

static void words(void **state)
{
    (void)state;
    assert_string_equal(http1_status_text(200), "OK");
    assert_string_equal(http1_status_text(431), "Request Header Fields Too Large");
    assert_string_equal(http1_status_text(299), "");
    assert_string_equal(http1_method_text(SL_PATCH), "PATCH");
    assert_string_equal(http1_method_text(0), "");
    assert_string_equal(http1_method_text(SL_GET | SL_HEAD), "");
    assert_true(http1_is_token(SL_STR("X-Key")));
    assert_false(http1_is_token(SL_STR("")));
    assert_false(http1_is_token(SL_STR("a:b")));
    assert_true(http1_is_value(SL_STR("")));
    assert_true(http1_is_value(SL_STR("a\tb \xe9")));
    assert_false(http1_is_value(SL_STR("a\r\nX: y")));
    assert_false(http1_is_value(SL_STR("\x7f")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_whole),
        cmocka_unit_test(vectors_bytewise),
        cmocka_unit_test(vectors_cut),
        cmocka_unit_test(every_prefix_is_partial),
        cmocka_unit_test(each_byte_in_each_place),
        cmocka_unit_test(fields_are_found),
        cmocka_unit_test(fields_move_with_the_buffer),
        cmocka_unit_test(fields_before_a_fault_are_found),
        cmocka_unit_test(lists),
        cmocka_unit_test(limit_of_the_head),
        cmocka_unit_test(limit_of_the_line),
        cmocka_unit_test(limit_of_the_line_behind_crlf),
        cmocka_unit_test(limit_of_the_count),
        cmocka_unit_test(limit_of_the_length),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(nothing_fed),
        cmocka_unit_test(words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
