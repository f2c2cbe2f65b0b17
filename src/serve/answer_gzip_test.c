/* SPDX-License-Identifier: MIT */
#include "proto/deflate.h"
#include "serve/http_test.h"

#include <zlib.h>

/* What the handler answers with next. */
struct say {
    int status;
    const char *type;
    size_t len;
    const char *name[2], *value[2]; /* headers of its own */
    bool by_buf, noise;
};

static struct say say;
static char body[DEFLATE_MAX + 2];

static void on_request(sl_request *r, void *user)
{
    (void)user;
    for (int i = 0; i < 2 && say.name[i] != NULL; i++) {
        int rc = sl_request_set_header(r, say.name[i], sl_str_of(say.value[i]));
        assert_true(rc == 0 || rc == SL_E_NOMEM);
        if (rc == 0) continue;
        sl_answer_error(r, 503, "out of memory");
        return;
    }
    if (say.by_buf) {
        sl_buf *b = sl_buf_copy((sl_str){body, say.len});
        sl_answer_buf(r, say.status, say.type, b);
        sl_buf_drop(b);
    } else {
        sl_answer(r, say.status, say.type, (sl_str){body, say.len});
    }
}

static void fill_body(bool noise)
{
    uint32_t seed = 7;

    for (size_t i = 0; i < sizeof body; i++) {
        seed = seed * 1103515245u + 12345u;
        body[i] = noise ? (char)(seed >> 17) : "{\"n\":17,\"type\":\"chip\"}, "[i % 25];
    }
}

static const sl_route routes[] = {
    SL_ROUTE(SL_GET, "/", SL_RIGHT_OPEN, on_request, NULL),
};

struct row {
    const char *name, *ask; /* header lines of the request */
    struct say say;
    bool gzip, varies;
    const char *etag; /* as it leaves; NULL: none */
};

#define GZIP "Accept-Encoding: gzip, deflate, br\r\n"
#define TEXT "text/plain; charset=utf-8"
#define TAG       \
    {"ETag"},     \
    {             \
        "\"abc\"" \
    }

/* clang-format off */
static const struct row rows[] = {
    {"12.5.3 taken",                GZIP, {200, JSON, 2000}, true, true, NULL},
    {"12.5.3 not taken",            "", {200, JSON, 2000}, false, true, NULL},
    {"12.5.3 forbidden",            "Accept-Encoding: gzip;q=0\r\n", {200, JSON, 2000}, false, true, NULL},
    {"12.5.3 other codings",        "Accept-Encoding: br\r\n", {200, JSON, 2000}, false, true, NULL},
    {"text",                        GZIP, {200, TEXT, 2000}, true, true, NULL},
    {"type in capitals",            GZIP, {200, "Application/JSON", 2000}, true, true, NULL},
    {"type with parameters",        GZIP, {200, "application/json; charset=utf-8", 2000}, true, true, NULL},
    {"a picture",                   GZIP, {200, "image/jpeg", 2000}, false, false, NULL},
    {"bytes",                       GZIP, {200, "application/octet-stream", 2000}, false, false, NULL},
    {"no type",                     GZIP, {200, NULL, 2000}, false, false, NULL},
    {"a counted buffer",            GZIP, {200, JSON, 2000, .by_buf = true}, true, true, NULL},
    {"1,023 bytes",                 GZIP, {200, JSON, 1023}, false, false, NULL},
    {"1,024 bytes",                 GZIP, {200, JSON, 1024}, true, true, NULL},
    {"the most",                    GZIP, {200, JSON, DEFLATE_MAX}, true, true, NULL},
    {"more than the most",          GZIP, {200, JSON, DEFLATE_MAX + 1}, false, false, NULL},
    {"nothing to gain",             GZIP, {200, JSON, 2000, .noise = true}, false, true, NULL},
    {"an error",                    GZIP, {404, JSON, 2000}, true, true, NULL},
    {"201",                         GZIP, {201, JSON, 2000}, true, true, NULL},
    {"14 a part of something",      GZIP, {206, JSON, 2000}, false, false, NULL},
    {"no body",                     GZIP, {204, JSON, 2000}, false, false, NULL},
    {"8.8.3 strong tag of the twin", GZIP, {200, JSON, 2000, TAG}, true, true, "W/\"abc\""},
    {"8.8.3 weak tag of the twin",  GZIP, {200, JSON, 2000, {"etag"}, {"W/\"abc\""}}, true, true, "W/\"abc\""},
    {"8.8.3 plain",                 "", {200, JSON, 2000, TAG}, false, true, "\"abc\""},
    {"8.8.3 nothing to gain",       GZIP, {200, JSON, 2000, TAG, .noise = true}, false, true, "\"abc\""},
    {"8.8.3 tag between others",    GZIP, {200, JSON, 2000, {"X-A", "ETag"}, {"1", "\"abc\""}}, true, true, "W/\"abc\""},
    {"15.4.5 the twin is known",    GZIP "If-None-Match: W/\"abc\"\r\n", {304, NULL, 0, TAG}, false, true, "W/\"abc\""},
    {"15.4.5 among others",         GZIP "If-None-Match: \"x\", W/\"abc\"\r\n", {304, NULL, 0, TAG}, false, true, "W/\"abc\""},
    {"15.4.5 the plain one is known", GZIP "If-None-Match: \"abc\"\r\n", {304, NULL, 0, TAG}, false, true, "\"abc\""},
    {"15.4.5 without a tag",        GZIP, {304, NULL, 0}, false, false, NULL},
    {"it is encoded already",       GZIP, {200, JSON, 2000, {"Content-Encoding"}, {"br"}}, false, false, NULL},
    {"9111 5.2.2.6 no-transform",   GZIP, {200, JSON, 2000, {"Cache-Control"}, {"no-store, No-Transform"}}, false, false, NULL},
    {"other directives",            GZIP, {200, JSON, 2000, {"Cache-Control"}, {"no-store"}}, true, true, NULL},
};
/* clang-format on */

static void expect_body(const struct row *r, const char *at, size_t n)
{
    static uint8_t back[sizeof body];
    z_stream z = {0};

    if (!r->gzip) {
        assert_int_equal(n, r->say.len);
        assert_memory_equal(at, body, n);
        return;
    }
    assert_true(n < r->say.len);
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = (uint8_t *)at;
    z.avail_in = (unsigned)n;
    z.next_out = back;
    z.avail_out = sizeof back;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(sizeof back - z.avail_out, r->say.len);
    assert_memory_equal(back, body, r->say.len);
    inflateEnd(&z);
}

static const char *ask(struct kit *k, const char *method, const struct row *r, size_t *head)
{
    char request[512];

    say = r->say;
    fill_body(say.noise);
    mem_stream_clear(k->m);
    snprintf(request, sizeof request, "%s / HTTP/1.1\r\nHost: h\r\n%s\r\n", method, r->ask);
    kit_feed(k, request);
    const char *text = kit_text(k), *end = strstr(text, "\r\n\r\n");
    assert_non_null(end);
    *head = (size_t)(end - text) + 4;
    return text;
}

static void expect_head(const struct row *r, const char *text, size_t len)
{
    char head[1024], line[64];

    snprintf(head, sizeof head, "%.*s", (int)len, text);
    if ((strstr(head, "\r\nContent-Encoding: gzip\r\n") != NULL) != r->gzip
        || (strstr(head, "\r\nVary: Accept-Encoding\r\n") != NULL) != r->varies)
        fail_msg("%s: %s", r->name, head);
    snprintf(line, sizeof line, "\r\n%s: %s\r\n",
             r->say.name[0] != NULL && strcmp(r->say.name[0], "etag") == 0 ? "etag" : "ETag",
             r->etag != NULL ? r->etag : "");
    if (r->etag != NULL) assert_has(head, line);
    for (int i = 0; i < 2 && r->say.name[i] != NULL; i++)
        assert_has(head, r->say.name[i]); /* no header of the handler's is lost */
    if (r->say.name[0] != NULL && strcmp(r->say.name[0], "X-A") == 0)
        assert_has(head, "\r\nX-A: 1\r\n");
}

static void test_rows(void **state)
{
    sl_server_options o = {.routes = routes, .route_count = 1};
    struct kit k;

    (void)state;
    kit_open(&k, &o);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        size_t head;
        const char *text = ask(&k, "GET", r, &head);
        char length[64];

        expect_head(r, text, head);
        if (r->say.status == 204 || r->say.status == 304) continue;
        /* kit_text takes the Date line out: the body is counted from the end of what was sent
         */
        const char *sent = memmem(k.m->sent, k.m->sent_len, "\r\n\r\n", 4);
        assert_non_null(sent);
        size_t n = k.m->sent_len - (size_t)(sent + 4 - k.m->sent);
        expect_body(r, sent + 4, n);
        snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", n);
        assert_has(text, length);

        /* HEAD says the same and sends nothing */
        char *get = strndup(text, head);
        const char *again = ask(&k, "HEAD", r, &head);
        assert_string_equal(again, get);
        free(get);
    }
    kit_close(&k);
}

static void test_settings(void **state)
{
    static const struct {
        size_t min, len;
        bool gzip;
    } wants[] = {
        {0,            1024,        true },
        {0,            1023,        false},
        {100,          100,         true },
        {100,          99,          false},
        {SL_GZIP_NONE, DEFLATE_MAX, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
        sl_server_options o = {.routes = routes, .route_count = 1, .gzip_min = wants[i].min};
        struct row r = {
            "", GZIP, {200, JSON, wants[i].len},
              false, false, NULL
        };
        struct kit k;
        size_t head;

        kit_open(&k, &o);
        const char *text = ask(&k, "GET", &r, &head);
        assert_int_equal(strstr(text, "Content-Encoding: gzip") != NULL, wants[i].gzip);
        kit_close(&k);
    }
}

/* The plain answer or the twin, whole; or none at all: never one with the other's tag. */
static void test_without_memory(void **state)
{
    sl_server_options o = {.routes = routes, .route_count = 1};
    const struct row gzip = {
        "", GZIP, {200, JSON, 3000, TAG},
          true, true, "W/\"abc\""
    };
    struct row plain = gzip;
    bool done = false;

    (void)state;
    plain.gzip = false;
    plain.etag = "\"abc\"";
    for (long after = 0; !done; after++) {
        struct kit k;

        assert_true(after < 100);
        kit_open(&k, &o);
        say = gzip.say;
        fill_body(false);
        k.m->window = 0; /* the peer's memory is not meant to fail */
        sl__alloc_fail_after(after);
        mem_stream_feed(k.m, "GET / HTTP/1.1\r\nHost: h\r\n" GZIP "\r\n",
                        strlen("GET / HTTP/1.1\r\nHost: h\r\n" GZIP "\r\n"));
        sl__alloc_fail_after(-1);
        mem_stream_open_window(k.m, 1 << 20);
        sl__loop_crank(k.loop, 0);
        if (k.m->sent_len > 13 && memcmp(k.m->sent, "HTTP/1.1 200 ", 13) == 0) {
            const char *sent = memmem(k.m->sent, k.m->sent_len, "\r\n\r\n", 4);
            size_t head = (size_t)(sent - k.m->sent) + 4;
            bool packed = memmem(k.m->sent, head, "gzip", 4) != NULL;

            expect_head(packed ? &gzip : &plain, k.m->sent, head);
            expect_body(packed ? &gzip : &plain, sent + 4, k.m->sent_len - head);
            done = packed;
        }
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests_name("serve/answer_gzip", tests, NULL, NULL);
}
