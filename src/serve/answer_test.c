/* SPDX-License-Identifier: MIT */
#include "sluice/json.h"

#include "serve/http_test.h"

#include <string.h>

static void on_good(sl_request *r, void *user)
{
    sl_json_out out = {0};

    (void)user;
    sl_out_object(&out);
    sl_out_key(&out, "a");
    sl_out_i64(&out, 1);
    sl_out_end(&out);
    sl_answer_json(r, 201, &out);
    assert_null(out.ptr); /* freed, and ready for use again */
}

/* Memory ran out while it was written. */
static void on_broken(sl_request *r, void *user)
{
    sl_json_out out = {0};

    (void)user;
    sl_out_object(&out);
    out.rc = SL_E_NOMEM;
    sl_answer_json(r, 201, &out);
    assert_null(out.ptr);
}

static const sl_route routes[] = {
    SL_ROUTE(SL_GET, "/good", SL_RIGHT_OPEN, on_good, NULL),
    SL_ROUTE(SL_GET, "/broken", SL_RIGHT_OPEN, on_broken, NULL),
};

static void test_json_is_answered_and_freed(void **state)
{
    static const struct {
        const char *request, *status, *body;
    } rows[] = {
        {"GET /good HTTP/1.1\r\nHost: x\r\n\r\n",   "HTTP/1.1 201 ", "\r\n\r\n{\"a\":1}"},
        {"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 503 ",
         "\r\n\r\n{\"error\":\"out of memory: try again in a moment\"}"                 },
    };
    const sl_server_options o = {.routes = routes, .route_count = 2};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        const char *text;

        kit_open(&k, &o);
        kit_feed(&k, rows[i].request);
        text = kit_text(&k);
        assert_memory_equal(text, rows[i].status, strlen(rows[i].status));
        assert_non_null(strstr(text, "Content-Type: application/json"));
        assert_non_null(strstr(text, rows[i].body));
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_json_is_answered_and_freed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
