/* SPDX-License-Identifier: MIT */
/* What is said of a store whose state the test plays. */
#include "hub/health.h"

#include "serve/http_test.h"

static struct journal_trouble trouble;

void journal_get_stats(const struct journal *j, struct journal_stats *out)
{
    (void)j;
    *out = (struct journal_stats){.trouble = trouble};
}

struct bench {
    struct kit k;
    struct vitals vitals;
    sl_route routes[HEALTH_ROUTES];
};

static void open_bench(struct bench *b)
{
    sl_server_options o = {.routes = b->routes, .route_count = HEALTH_ROUTES};

    memset(b, 0, sizeof *b);
    memset(&trouble, 0, sizeof trouble);
    for (int i = 0; i < HEALTH_ROUTES; i++) {
        b->routes[i] = health_routes[i];
        b->routes[i].user = &b->vitals;
    }
    kit_open(&b->k, &o);
    b->vitals.loop = b->k.loop;
}

static const char *get(struct bench *b, const char *path)
{
    char text[128];

    mem_stream_clear(b->k.m);
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    kit_feed(&b->k, text);
    return kit_text(&b->k);
}

static void break_store(void)
{
    trouble = (struct journal_trouble){.rc = SL_E_DB, .since = {1772357400120000}};
    snprintf(trouble.cause, sizeof trouble.cause, "the disk is \"full\"");
}

static void test_all_is_well(void **state)
{
    struct bench b;
    const char *text;

    (void)state;
    open_bench(&b);
    text = get(&b, "/livez");
    assert_has(text, "HTTP/1.1 200 OK\r\n");
    assert_has(text, "\r\n\r\nok\n");
    text = get(&b, "/readyz");
    assert_has(text, "HTTP/1.1 200 OK\r\n");
    assert_has(text, "\r\n\r\n{\"ok\":true,\"status\":\"ready\"}");
    text = get(&b, "/health");
    assert_has(text, "HTTP/1.1 200 OK\r\n");
    assert_has(text, "Cache-Control: no-store\r\n");
    assert_has(text, "\r\n\r\n{\"ok\":true,\"status\":\"ok\",\"timestamp\":\"2");
    assert_has(text, "\"cache\":{}}");
    kit_close(&b.k);
}

static void test_a_store_that_refuses(void **state)
{
    struct bench b;
    const char *text;

    (void)state;
    open_bench(&b);
    break_store();
    text = get(&b, "/livez"); /* a new start would mend nothing */
    assert_has(text, "HTTP/1.1 200 OK\r\n");
    text = get(&b, "/readyz");
    assert_has(text, "HTTP/1.1 503 ");
    assert_has(text, "\r\n\r\n{\"ok\":false,\"status\":\"refusing\","
                     "\"reason\":\"the disk is \\\"full\\\"\","
                     "\"since\":\"2026-03-01T09:30:00.120Z\"}");
    text = get(&b, "/health");
    assert_has(text, "HTTP/1.1 503 ");
    assert_has(text, "\r\n\r\n{\"ok\":false,\"status\":\"refusing\",\"timestamp\":\"2");
    assert_has(text, "\"cache\":{},\"reason\":\"the disk is \\\"full\\\"\",\"since\":\"");

    memset(&trouble, 0, sizeof trouble); /* mended */
    assert_has(get(&b, "/readyz"), "HTTP/1.1 200 OK\r\n");
    assert_has(get(&b, "/health"), "\r\n\r\n{\"ok\":true,");
    kit_close(&b.k);
}

/* So that the page can say it; the rules may change while the hub runs. */
static void test_open_access_is_said(void **state)
{
    struct access access = {.is_open = true};
    struct bench b;

    (void)state;
    open_bench(&b);
    b.vitals.access = &access;
    assert_has(get(&b, "/health"), "\"access\":\"open\"}");
    access.is_open = false;
    assert_has(get(&b, "/health"), "\"cache\":{}}");
    kit_close(&b.k);
}

/* One that was let in before the stop began is still answered. */
static void test_a_hub_that_stops(void **state)
{
    static const char start[] = "GET /readyz HTTP/1.1\r\nHo";
    struct bench b;

    (void)state;
    open_bench(&b);
    kit_feed(&b.k, start);
    sl_loop_stop(b.k.loop, 1000);
    while (!sl__loop_is_stopping(b.k.loop))
        uv_run(b.k.loop->uv, UV_RUN_NOWAIT);
    kit_feed(&b.k, "st: h\r\n\r\n");
    assert_has(kit_text(&b.k), "HTTP/1.1 503 ");
    assert_has(kit_text(&b.k), "{\"ok\":false,\"status\":\"draining\"}");
    kit_close(&b.k);
}

static void test_without_memory(void **state)
{
    static const char *const paths[] = {"/readyz", "/health"};

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        for (int n = 0; n < 12;
             n++) { /* each of them may fail: nothing is lost or told wrong */
            struct bench b;
            const char *text;

            open_bench(&b);
            sl__alloc_fail_after(n);
            mem_stream_clear(b.k.m);
            kit_feed(&b.k, i == 0 ? "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n"
                                  : "GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
            sl__alloc_fail_after(-1);
            text = kit_text(&b.k);
            if (strstr(text, "HTTP/1.1 200 ") != NULL) assert_has(text, "{\"ok\":true,");
            kit_close(&b.k);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_well),         cmocka_unit_test(test_a_store_that_refuses),
        cmocka_unit_test(test_open_access_is_said), cmocka_unit_test(test_a_hub_that_stops),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
