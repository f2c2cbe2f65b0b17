/* SPDX-License-Identifier: MIT */
/* Pictures by HTTP on in-memory streams; frames and their workers are the real ones. */
#include "hub/pictures.h"

#include "base/codec.h"
#include "serve/http_test.h"

struct bench {
    struct kit k;
    struct frames *frames;
    struct pictures *pictures;
    struct live_stream *s; /* of "cam" */
    sl_route route;
};

static void open_bench(struct bench *b)
{
    sl_server_options o = {.routes = &b->route, .route_count = 1, .queue_max = 2000};

    *b = (struct bench){.route = pictures_routes[0]};
    kit_open(&b->k, &o);
    assert_int_equal(frames_new(b->k.loop, 1024, &b->frames), 0);
    assert_int_equal(pictures_new(b->k.loop, b->frames, &b->pictures), 0);
    b->route.user = b->pictures; /* rows are borrowed */
    b->s = frames_get(b->frames, "glass", SL_STR("cam"));
}

/* What is under way comes back, and what is due is done. */
static void settle(struct bench *b)
{
    do {
        while (b->k.loop->pending > 0)
            uv_run(b->k.loop->uv, UV_RUN_ONCE);
        sl__loop_crank(b->k.loop, 1);
    } while (b->k.loop->pending > 0);
}

static void close_bench(struct bench *b)
{
    settle(b);
    kit_disconnect(&b->k);
    pictures_free(b->pictures);
    frames_free(b->frames); /* asserts that nobody looks any more */
    kit_close(&b->k);
}

static void ask(struct bench *b, const char *path, const char *lines)
{
    char text[512];

    mem_stream_clear(b->k.m);
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n", path, lines);
    kit_feed(&b->k, text);
}

static const char *said(struct bench *b)
{
    settle(b);
    return kit_text(&b->k);
}

static void take_text(struct bench *b, sl_str text)
{
    sl_buf *buf = sl_buf_copy(text);

    stream_take_frame(b->s, buf, sl_buf_str(buf));
    sl_buf_drop(buf);
}

#define SOI "\xff\xd8\xff\xe0"

/* A JPEG as far as anybody here looks: its first bytes, and a name. */
static void take(struct bench *b, const char *name)
{
    char bytes[1600], text[2200];
    int n = snprintf(bytes, sizeof bytes, SOI "%s", name);

    take_text(b, (sl_str){text, sl__base64_encode(text, bytes, (size_t)n)});
}

/* The value of a header that was sent, into `out`. */
static const char *header(struct bench *b, const char *name, char out[128])
{
    const char *at = strstr(kit_text(&b->k), name);
    size_t len;

    assert_non_null(at);
    at += strlen(name);
    len = strcspn(at, "\r");
    assert_in_range(len, 1, 127);
    memcpy(out, at, len);
    out[len] = '\0';
    return out;
}

/* ---- one picture ---- */

static void test_still(void **state)
{
    char etag[128], date[128], lines[300];
    struct bench b;

    (void)state;
    open_bench(&b);
    take(&b, "first");
    ask(&b, "/live/cam.jpg", "");
    assert_string_equal(kit_text(&b.k), ""); /* nobody has looked before: it has to be made */
    assert_has(said(&b),
               "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n");
    assert_has(said(&b), "\r\nCache-Control: no-cache\r\n");
    assert_has(said(&b), "\r\n\r\n" SOI "first"); /* without the live wire's header */
    header(&b, "ETag: ", etag);
    header(&b, "Last-Modified: ", date);

    snprintf(lines, sizeof lines, "If-None-Match: %s\r\n", etag);
    ask(&b, "/live/cam.jpg", lines);
    assert_has(kit_text(&b.k), "HTTP/1.1 304 Not Modified\r\n"); /* at once: it is there */
    assert_has(kit_text(&b.k), etag);
    snprintf(lines, sizeof lines, "If-Modified-Since: %s\r\n", date);
    ask(&b, "/live/cam.jpg", lines);
    assert_has(kit_text(&b.k), "HTTP/1.1 304 Not Modified\r\n");

    take(&b, "second");
    snprintf(lines, sizeof lines, "If-None-Match: %s\r\n", etag);
    ask(&b, "/live/cam.jpg", lines);
    assert_has(said(&b), "HTTP/1.1 200 OK\r\n");
    assert_has(said(&b), SOI "second");
    assert_lacks(said(&b), etag);
    close_bench(&b);
}

static void test_still_kinds(void **state)
{
    static const char *const rows[][2] = {
        {"iVBORw0KGgo=",                "image/png" },
        {"UklGRiQAAABXRUJQ",            "image/webp"},
        {"data:image/jpeg;base64,/9j/", "image/jpeg"},
    };
    struct bench b;

    (void)state;
    open_bench(&b);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        take_text(&b, sl_str_of(rows[i][0]));
        ask(&b, "/live/cam.jpg", "");
        assert_has(said(&b), rows[i][1]);
    }
    close_bench(&b);
}

static void test_still_of_nothing(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    ask(&b, "/live/cam.jpg", "");
    assert_has(said(&b), "HTTP/1.1 404 Not Found\r\n");
    assert_has(said(&b), "no frame has come from cam yet");
    ask(&b, "/live/ca.jpg", "");
    assert_has(said(&b), "HTTP/1.1 404 Not Found\r\n");
    assert_has(said(&b), "no device ca has been here");
    ask(&b, "/live/ca%22m.mjpg", "");
    assert_has(said(&b), "no device ca\\\"m has been here");
    for (int i = 0; i < 4; i++) {
        static const char *const paths[] = {"/live/cam", "/live/.jpg", "/live/cam.JPG",
                                            "/live/cam.jpg/"};
        ask(&b, paths[i], "");
        assert_has(said(&b), "HTTP/1.1 404 Not Found\r\n");
    }
    close_bench(&b);
}

static void test_names_with_slashes_and_dots(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    b.s = frames_get(b.frames, "glass", SL_STR("line 1/cam.jpg"));
    take(&b, "it");
    ask(&b, "/live/line%201/cam.jpg.jpg", "");
    assert_has(said(&b), SOI "it");
    close_bench(&b);
}

static void test_still_is_no_picture(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    take_text(&b, SL_STR("no base64"));
    ask(&b, "/live/cam.jpg", "");
    assert_string_equal(kit_text(&b.k), "");
    assert_has(said(&b), "HTTP/1.1 415 Unsupported Media Type\r\n");
    assert_has(said(&b), "no picture can be shown of cam: its frames are not base64 text");
    ask(&b, "/live/cam.jpg", "");
    assert_has(kit_text(&b.k), "HTTP/1.1 415 Unsupported Media Type\r\n"); /* known by now */
    take(&b, "better");
    ask(&b, "/live/cam.jpg", "");
    assert_has(said(&b), SOI "better");
    close_bench(&b);
}

static void test_a_flaw_of_an_older_frame(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    take_text(&b, SL_STR("no base64"));
    ask(&b, "/live/cam.jpg", "");
    take(&b, "newer"); /* while that one is tried */
    assert_has(said(&b), SOI "newer");
    close_bench(&b);
}

/* Somebody looks on, so that a picture is there: the one before. */
static void test_still_is_of_the_newest_frame(void **state)
{
    struct mem_stream *first;
    struct bench b;

    (void)state;
    open_bench(&b);
    ask(&b, "/live/cam.mjpg", "");
    first = b.k.m;
    take(&b, "older");
    settle(&b);
    sl__loop_crank(b.k.loop, 1);
    take(&b, "newer");
    kit_connect(&b.k);
    ask(&b, "/live/cam.jpg", "");
    assert_has(said(&b), SOI "newer");
    kit_disconnect(&b.k);
    b.k.m = first;
    close_bench(&b);
}

static void test_still_not_in_time(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    take(&b, "it");
    ask(&b, "/live/cam.jpg", "");
    sl__loop_crank(b.k.loop, 1999);
    assert_string_equal(kit_text(&b.k), "");
    sl__loop_crank(b.k.loop, 1);
    assert_has(kit_text(&b.k), "HTTP/1.1 503 Service Unavailable\r\n");
    assert_has(kit_text(&b.k), "\r\nRetry-After: 1\r\n");
    settle(&b);
    ask(&b, "/live/cam.jpg", ""); /* it has come in the meantime */
    assert_has(kit_text(&b.k), SOI "it");
    close_bench(&b);
}

static void test_still_for_nobody(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    take(&b, "it");
    ask(&b, "/live/cam.jpg", "");
    kit_disconnect(&b.k);
    settle(&b); /* answers to nobody */
    kit_connect(&b.k);
    take(&b, "other");
    ask(&b, "/live/cam.jpg", "");
    kit_disconnect(&b.k); /* the hub ends before it is made: pictures_free answers */
    pictures_free(b.pictures);
    b.pictures = NULL;
    kit_connect(&b.k);
    close_bench(&b);
}

/* ---- pictures without an end ---- */

#define PART(len, name) \
    "Content-Type: image/jpeg\r\nContent-Length: " len "\r\n\r\n" SOI name "\r\n--frame\r\n"
#define CHUNK(size, text) size "\r\n" text "\r\n"

static void look(struct bench *b, const char *path)
{
    ask(b, path, "");
    assert_has(said(b), "\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n");
    assert_has(said(b), "\r\n\r\n9\r\n--frame\r\n\r\n");
    mem_stream_clear(b->k.m);
}

static void test_moving(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    look(&b, "/live/cam.mjpg"); /* before its first frame: it will come */
    assert_string_equal(said(&b), "");
    take(&b, "first");
    assert_string_equal(said(&b), CHUNK("43", PART("9", "first")));
    mem_stream_clear(b.k.m);
    take_text(&b, SL_STR("no base64"));
    assert_string_equal(said(&b), "");
    take(&b, "third");
    assert_string_equal(said(&b), CHUNK("43", PART("9", "third")));
    kit_disconnect(&b.k);
    kit_connect(&b.k);
    ask(&b, "/live/cam.mjpg", "");
    assert_has(said(&b), PART("9", "third")); /* the newest at once */
    close_bench(&b);
}

static void test_moving_to_a_slow_reader(void **state)
{
    char name[16];
    struct bench b;

    (void)state;
    open_bench(&b);
    look(&b, "/live/cam.mjpg");
    b.k.m->window = 0;
    for (int i = 100; i < 200; i++) {
        snprintf(name, sizeof name, "no %d", i);
        take(&b, name);
        settle(&b);
    }
    mem_stream_open_window(b.k.m, 1 << 20);
    assert_string_equal(kit_text(&b.k), CHUNK("45", PART("10", "no 199")));
    close_bench(&b);
}

/* One that has begun to leave fills the queue: the next one is not lost. */
static void test_moving_without_room(void **state)
{
    char large[1500] = {0};
    struct bench b;

    (void)state;
    open_bench(&b);
    look(&b, "/live/cam.mjpg");
    b.k.m->window = 100;
    memset(large, 'x', sizeof large - 1);
    take(&b, large);
    settle(&b);
    large[0] = 'y';
    take(&b, large);
    settle(&b);
    mem_stream_open_window(b.k.m, 1 << 20);
    sl__loop_crank(b.k.loop, 90);
    assert_lacks(kit_text(&b.k), SOI "y");
    sl__loop_crank(b.k.loop, 20);
    assert_has(kit_text(&b.k), SOI "y");

    b.k.m->window = 100;
    take(&b, large);
    settle(&b);
    take(&b, large);
    settle(&b); /* to be tried again, but the next one is first */
    mem_stream_open_window(b.k.m, 1 << 20);
    mem_stream_clear(b.k.m);
    take(&b, "last");
    settle(&b);
    sl__loop_crank(b.k.loop, 200);
    assert_string_equal(kit_text(&b.k), CHUNK("42", PART("8", "last")));
    close_bench(&b);
}

static int count(const char *text, const char *part)
{
    int n = 0;

    while ((text = strstr(text, part)) != NULL) {
        text += strlen(part);
        n++;
    }
    return n;
}

static void test_moving_at_most_so_many(void **state)
{
    char name[16];
    struct bench b;

    (void)state;
    open_bench(&b);
    look(&b, "/live/cam.mjpg?fps=10");
    for (int i = 0; i < 100; i++) { /* 2 s at 50 per second; settle takes one of the 20 ms */
        snprintf(name, sizeof name, "no %d.", i);
        take(&b, name);
        settle(&b);
        sl__loop_crank(b.k.loop, 19);
    }
    assert_in_range(count(kit_text(&b.k), SOI), 17, 21);
    sl__loop_crank(b.k.loop, 100);
    assert_has(kit_text(&b.k), "no 99."); /* the last one comes, if late */
    mem_stream_clear(b.k.m);
    sl__loop_crank(b.k.loop, 5000);
    assert_string_equal(kit_text(&b.k), ""); /* and once */
    close_bench(&b);
}

static void test_rates(void **state)
{
    static const struct {
        const char *fps;
        bool is_good;
    } rows[] = {
        {"0.1",                     true },
        {"60",                      true },
        {"7.5",                     true },
        {"0.09",                    false},
        {"60.1",                    false},
        {"",                        false},
        {"ten",                     false},
        {"5x",                      false},
        {"nan",                     false},
        {"-1",                      false},
        {"inf",                     false},
        {"00000000000000000000001", false},
    };
    char path[64];
    struct bench b;

    (void)state;
    open_bench(&b);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(path, sizeof path, "/live/cam.mjpg?fps=%s", rows[i].fps);
        if (rows[i].is_good) {
            look(&b, path);
            kit_disconnect(&b.k);
            kit_connect(&b.k);
        } else {
            ask(&b, path, "");
            assert_has(said(&b), "HTTP/1.1 400 Bad Request\r\n");
            assert_has(said(&b), "fps must be a number from 0.1 to 60");
        }
    }
    close_bench(&b);
}

static void test_head_only(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    take(&b, "it");
    kit_feed(&b.k, "HEAD /live/cam.mjpg HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_has(said(&b), "multipart/x-mixed-replace");
    assert_lacks(said(&b), "--frame");
    kit_feed(&b.k, "HEAD /live/cam.jpg HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_has(said(&b), "Content-Length: 6\r\n");
    assert_lacks(said(&b), SOI);
    close_bench(&b);
}

/* What Chromium needs to show the last picture before a silence, and nobody else gets. */
static void test_img_gets_the_last_one_twice(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b);
    ask(&b, "/live/cam.mjpg?fps=1", "Accept: image/avif,image/webp,*/*;q=0.8\r\n");
    said(&b);
    mem_stream_clear(b.k.m);
    take(&b, "first");
    settle(&b);
    sl__loop_crank(b.k.loop, 240);
    assert_string_equal(kit_text(&b.k), CHUNK("43", PART("9", "first")));
    take(&b, "newer"); /* and yet it is the first that is shown, until the second is over */
    settle(&b);
    sl__loop_crank(b.k.loop, 20);
    assert_string_equal(kit_text(&b.k),
                        CHUNK("43", PART("9", "first")) CHUNK("43", PART("9", "first")));
    mem_stream_clear(b.k.m);
    sl__loop_crank(b.k.loop, 740);
    assert_string_equal(kit_text(&b.k), CHUNK("43", PART("9", "newer")));
    sl__loop_crank(b.k.loop, 5000);
    assert_string_equal(kit_text(&b.k),
                        CHUNK("43", PART("9", "newer")) CHUNK("43", PART("9", "newer")));
    take(&b, "third");
    settle(&b); /* still to be shown again when its reader goes */
    kit_disconnect(&b.k);
    sl__loop_crank(b.k.loop, 1000);
    kit_connect(&b.k);
    close_bench(&b);
}

static void test_img_gets_each_once_while_they_follow_each_other(void **state)
{
    char name[16];
    struct bench b;

    (void)state;
    open_bench(&b);
    ask(&b, "/live/cam.mjpg", "Accept: image/*\r\n");
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "no %d.", i);
        take(&b, name);
        settle(&b);
        sl__loop_crank(b.k.loop, 200);
    }
    assert_int_equal(count(kit_text(&b.k), SOI), 20);
    close_bench(&b);
}

/* Nothing is decoded for who has gone. */
static void test_who_goes_looks_no_more(void **state)
{
    struct frames_stats stats;
    struct bench b;

    (void)state;
    open_bench(&b);
    look(&b, "/live/cam.mjpg?fps=1");
    take(&b, "one");
    settle(&b);
    take(&b, "two");
    settle(&b); /* waits for its time */
    mem_stream_feed_end(b.k.m);
    sl__loop_crank(b.k.loop, 0);
    assert_true(b.k.m->gone);
    sl__loop_crank(b.k.loop, 2000);
    take(&b, "three");
    settle(&b);
    frames_get_stats(b.frames, &stats);
    assert_int_equal(stats.decoded, 2);
    close_bench(&b);
}

static void test_no_memory(void **state)
{
    static const char *const paths[] = {"/live/cam.jpg", "/live/cam.mjpg"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bool whole = false;
        struct bench b;
        long n;

        for (n = 0; !whole && n < 100; n++) {
            open_bench(&b);
            take(&b, "it");
            sl__alloc_fail_after(n);
            ask(&b, paths[i], "");
            settle(&b);
            sl__alloc_fail_after(-1);
            sl__loop_crank(b.k.loop, 2000); /* a picture that could not be made: 503 */
            whole = strstr(kit_text(&b.k), SOI "it") != NULL;
            if (i == 0 && !whole) assert_true(b.k.m->closed || b.k.m->sent_len > 0);
            close_bench(&b);
        }
        assert_true(whole && n > 5);
    }
    for (long n = 0; n < 1; n++) {
        struct pictures *p;

        sl__alloc_fail_after(n);
        assert_int_equal(pictures_new(NULL, NULL, &p), SL_E_NOMEM);
        sl__alloc_fail_after(-1);
        assert_null(p);
        pictures_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_still),
        cmocka_unit_test(test_still_kinds),
        cmocka_unit_test(test_still_of_nothing),
        cmocka_unit_test(test_names_with_slashes_and_dots),
        cmocka_unit_test(test_still_is_no_picture),
        cmocka_unit_test(test_a_flaw_of_an_older_frame),
        cmocka_unit_test(test_still_is_of_the_newest_frame),
        cmocka_unit_test(test_still_not_in_time),
        cmocka_unit_test(test_still_for_nobody),
        cmocka_unit_test(test_moving),
        cmocka_unit_test(test_moving_to_a_slow_reader),
        cmocka_unit_test(test_moving_without_room),
        cmocka_unit_test(test_moving_at_most_so_many),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_head_only),
        cmocka_unit_test(test_img_gets_the_last_one_twice),
        cmocka_unit_test(test_img_gets_each_once_while_they_follow_each_other),
        cmocka_unit_test(test_who_goes_looks_no_more),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests_name("hub/pictures", tests, NULL, NULL);
}
