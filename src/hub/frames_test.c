/* SPDX-License-Identifier: MIT */
/* Streams on a loop whose clock is turned by hand; the worker is the real one. */
#include "hub/frames.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/codec.h"
#include "hub/frames_rate.h"
#include "net/loop.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>

#define STREAMS_MAX 20
#define JPEG        SL_STR("\xff\xd8\xff\xe0 a small one")

struct bench {
    sl_loop *loop;
    struct frames *frames;
    int changes;
    struct live_stream *changed;
};

/* Somebody who looks. */
struct eye {
    struct onlooker onlooker;
    struct bench *b;
    int seen, flaws;
    uint32_t sequence;
    bool goes; /* after the first picture, and takes `other` along */
    struct eye *other;
};

static void on_change(struct live_stream *s, void *user)
{
    struct bench *b = user;

    b->changes++;
    b->changed = s;
}

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    if (b == NULL || sl_loop_new(&b->loop) < 0) return -1;
    sl__loop_crank(b->loop, 0);
    if (frames_new(b->loop, STREAMS_MAX, &b->frames) < 0) return -1;
    frames_set_on_change(b->frames, on_change, b);
    *state = b;
    return 0;
}

/* What is under way comes back, and what is due is done. */
static void settle(struct bench *b)
{
    do {
        while (b->loop->pending > 0)
            uv_run(b->loop->uv, UV_RUN_ONCE);
        sl__loop_crank(b->loop, 1);
    } while (b->loop->pending > 0);
}

static int tear_down(void **state)
{
    struct bench *b = *state;

    settle(b);
    frames_free(b->frames);
    sl_loop_free(b->loop);
    free(b);
    return 0;
}

static void on_picture(struct onlooker *o, const struct picture *p)
{
    struct eye *e = LIST_ENTRY(o, struct eye, onlooker);

    e->seen++;
    e->sequence = p->sequence;
    if (!e->goes) return;
    stream_unwatch(&e->onlooker);
    if (e->other != NULL) stream_unwatch(&e->other->onlooker);
}

static void watch(struct bench *b, struct live_stream *s, struct eye *e)
{
    e->onlooker.on_picture = on_picture;
    e->b = b;
    stream_watch(s, &e->onlooker);
    assert_int_equal(e->seen, 0); /* never from inside the call */
}

static sl_buf *base64(sl_str bytes)
{
    sl_buf *text = sl_buf_new(0, sl__base64_len(bytes.len));

    assert_non_null(text);
    text->len = sl__base64_encode((char *)sl__buf_data(text), bytes.ptr, bytes.len);
    return text;
}

static void take(struct live_stream *s, sl_buf *text)
{
    stream_take_frame(s, text, sl_buf_str(text));
    sl_buf_drop(text);
}

static void take_text(struct live_stream *s, const char *text)
{
    take(s, sl_buf_copy(sl_str_of(text)));
}

static uint64_t decoded(const struct bench *b)
{
    struct frames_stats stats;

    frames_get_stats(b->frames, &stats);
    return stats.decoded;
}

static const char *says(const struct live_stream *s, char text[1024])
{
    sl_json_out out = {0};
    sl_str all;

    sl_out_object(&out);
    stream_put(s, &out);
    sl_out_end(&out);
    assert_int_equal(out.rc, 0);
    all = sl_out_text(&out);
    snprintf(text, 1024, "%.*s", (int)all.len, all.ptr);
    sl_out_deinit(&out);
    return text;
}

#define assert_says(s, part)                                                              \
    do {                                                                                  \
        char said[1024];                                                                  \
        if (strstr(says((s), said), (part)) == NULL) fail_msg("no %s in %s", part, said); \
    } while (0)
#define assert_silent(s, part)                                                         \
    do {                                                                               \
        char said[1024];                                                               \
        if (strstr(says((s), said), (part)) != NULL) fail_msg("%s in %s", part, said); \
    } while (0)

/* ---- which streams there are ---- */

static void test_a_device_of_a_system_has_one(void **state)
{
    struct bench *b = *state;
    struct live_stream *one = frames_get(b->frames, "glass", SL_STR("cam-1")), *s;
    struct live_stream *other = frames_get(b->frames, "herd", SL_STR("cam-1"));
    struct live_stream *empty = frames_get(b->frames, "glass", SL_STR(""));
    char long_id[LIVE_DEVICE_MAX + 1];
    uint32_t i = 0;

    assert_non_null(one);
    assert_ptr_equal(frames_get(b->frames, "glass", SL_STR("cam-1")), one);
    assert_ptr_not_equal(one, other);
    assert_ptr_not_equal(one, empty);
    assert_int_equal(b->changes, 3); /* each was new once */
    assert_int_equal(stream_number(one), 1);
    assert_int_equal(stream_number(other), 2);
    assert_string_equal(stream_system(other), "herd");
    assert_true(sl_str_eq(stream_device(other), SL_STR("cam-1")));
    assert_ptr_equal(frames_find(b->frames, 2), other);
    assert_null(frames_find(b->frames, 0));
    assert_null(frames_find(b->frames, 4));
    assert_ptr_equal(frames_find_device(b->frames, SL_STR("cam-1")), one);
    assert_null(frames_find_device(b->frames, SL_STR("cam-2")));
    assert_ptr_equal(frames_next(b->frames, &i), one);
    assert_ptr_equal(frames_next(b->frames, &i), other);
    assert_ptr_equal(frames_next(b->frames, &i), empty);
    assert_null(frames_next(b->frames, &i));

    memset(long_id, 'x', sizeof long_id);
    assert_null(frames_get(b->frames, "glass", (sl_str){long_id, LIVE_DEVICE_MAX + 1}));
    s = frames_get(b->frames, "glass", (sl_str){long_id, LIVE_DEVICE_MAX});
    assert_non_null(s);
    assert_int_equal(stream_device(s).len, LIVE_DEVICE_MAX);
}

static void test_there_is_a_bound_to_them(void **state)
{
    struct bench *b = *state;
    struct frames_stats stats;
    char id[16];

    for (int i = 0; i < STREAMS_MAX; i++) {
        snprintf(id, sizeof id, "%d", i);
        assert_non_null(frames_get(b->frames, "glass", sl_str_of(id)));
    }
    frames_get_stats(b->frames, &stats);
    assert_int_equal(stats.refused, 0);
    assert_null(frames_get(b->frames, "glass", SL_STR("one more")));
    frames_get_stats(b->frames, &stats);
    assert_int_equal(stats.refused, 1);
    assert_non_null(frames_get(b->frames, "glass", SL_STR("7")));
}

/* wire, peer as a session tells it, what is said of it */
static const struct {
    const char *wire, *peer, *said;
} links[] = {
    {"websocket", "10.0.0.7:53211",  "\"wire\":\"websocket\",\"peer\":\"10.0.0.7\""},
    {"http",      "[fe80::1]:53211", "\"wire\":\"http\",\"peer\":\"fe80::1\""      },
    {"http",      "?",               "\"wire\":\"http\",\"peer\":\"?\""            },
};

static void test_links_are_told_when_they_change(void **state)
{
    struct bench *b = *state;
    struct live_stream *s = frames_get(b->frames, "glass", SL_STR("cam"));
    int changes = b->changes;

    assert_says(s, "\"connected\":false,\"since_us\":");
    assert_silent(s, "peer");
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        stream_set_link(s, true, links[i].wire, links[i].peer);
        assert_int_equal(b->changes, ++changes);
        assert_ptr_equal(b->changed, s);
        assert_says(s, "\"connected\":true");
        assert_says(s, links[i].said);
        stream_set_link(s, true, links[i].wire, links[i].peer);
        assert_int_equal(b->changes, changes);
    }
    stream_set_link(s, true, "http", "10.0.0.7:1");
    stream_set_link(s, true, "http", "10.0.0.7:2"); /* each request has a port of its own */
    assert_int_equal(b->changes, ++changes);
    stream_set_link(s, false, "", "");
    assert_int_equal(b->changes, ++changes);
    assert_silent(s, "wire");
    assert_silent(s, "peer");
}

/* ---- pictures ---- */

static void test_nothing_is_decoded_for_nobody(void **state)
{
    struct bench *b = *state;
    struct live_stream *s = frames_get(b->frames, "glass", SL_STR("cam"));
    struct picture p;
    struct wall at;
    sl_buf *buf;
    sl_str text;

    assert_false(stream_has_frame(s, NULL));
    assert_false(stream_frame(s, &buf, &text, &at));
    assert_silent(s, "frame_us");
    for (int i = 0; i < 5; i++) {
        take(s, base64(JPEG));
        settle(b);
    }
    assert_int_equal(decoded(b), 0);
    assert_false(stream_picture(s, &p));
    assert_true(stream_has_frame(s, NULL));
    assert_true(stream_frame(s, &buf, &text, &at));
    assert_int_equal(text.len, sl__base64_len(JPEG.len));
    assert_says(s, "frame_us");
}

static void test_once_for_all_who_look(void **state)
{
    struct bench *b = *state;
    struct live_stream *s = frames_get(b->frames, "glass", SL_STR("cam"));
    struct eye early = {0}, late = {0};
    struct picture p;
    sl_str all;

    frames_get(b->frames, "glass", SL_STR("another"));
    watch(b, s, &early);
    settle(b);
    assert_int_equal(early.seen, 0);
    take(s, base64(JPEG));
    assert_int_equal(early.seen, 0);
    settle(b);
    assert_int_equal(early.seen, 1);
    watch(b, s, &late); /* the picture is there: it is told of it all the same */
    settle(b);
    assert_int_equal(late.seen, 1);
    assert_int_equal(early.seen, 1);
    assert_int_equal(decoded(b), 1);
    take(s, base64(JPEG));
    settle(b);
    assert_int_equal(early.seen, 2);
    assert_int_equal(late.seen, 2);
    assert_int_equal(decoded(b), 2);

    assert_true(stream_picture(s, &p));
    assert_int_equal(p.kind, PICTURE_JPEG);
    assert_int_equal(p.sequence, 2);
    assert_true(sl_str_eq(p.bytes, JPEG));
    assert_int_equal(p.born_us, b->loop->now.us - 1000); /* settle turns the clock */
    all = sl_buf_str(p.buf);
    assert_int_equal(all.len, FRAME_HEAD_SIZE + JPEG.len);
    assert_memory_equal(all.ptr, "\1\1\x18\0\1\0\0\0\2\0\0\0\1\0\0\0", 16);
    assert_memory_equal(all.ptr + 16, &p.at.us, 8); /* on a little-endian machine */

    stream_unwatch(&early.onlooker);
    stream_unwatch(&early.onlooker); /* who looks at none is fine */
    stream_unwatch(&late.onlooker);
    take(s, base64(JPEG));
    settle(b);
    assert_int_equal(decoded(b), 2);
    assert_false(stream_picture(s, &p)); /* it was old, and nobody looked */
}

/* Frames that come while one is made: only the newest of them is made next. */
static void test_the_newest_is_made(void **state)
{
    struct bench *b = *state;
    struct live_stream *s = frames_get(b->frames, "glass", SL_STR("cam"));
    struct eye e = {0};

    watch(b, s, &e);
    for (int i = 0; i < 100; i++)
        take(s, base64(JPEG));
    settle(b);
    assert_int_equal(decoded(b), 2);
    assert_int_equal(e.seen, 2);
    assert_int_equal(e.sequence, 100);
    stream_unwatch(&e.onlooker);
}

static void test_who_looks_may_go_when_told(void **state)
{
    struct bench *b = *state;
    struct live_stream *s = frames_get(b->frames, "glass", SL_STR("cam"));
    struct eye goes = {.goes = true}, taken = {0}, stays = {0};

    goes.other = &taken;
    watch(b, s, &goes);
    watch(b, s, &taken);
    watch(b, s, &stays);
    take(s, base64(JPEG));
    settle(b);
    assert_int_equal(goes.seen, 1);
    assert_int_equal(taken.seen, 0);
    assert_int_equal(stays.seen, 1);
    take(s, base64(JPEG));
    stream_unwatch(&stays.onlooker); /* while it is made */
    settle(b);
    assert_int_equal(stays.seen, 1);
}

#define NO_TEXT    "its frames are not base64 text"
#define NO_PICTURE "its frames are base64, but of no JPEG, PNG or WebP picture"

static void test_a_problem_is_told(void **state)
{
    struct bench *b = *state;
    struct live_stream *s = frames_get(b->frames, "glass", SL_STR("cam"));
    struct frames_stats stats;
    struct eye e = {0};
    struct picture p;
    int changes;

    watch(b, s, &e);
    take(s, base64(JPEG));
    settle(b);
    assert_true(stream_picture(s, &p));
    changes = b->changes;
    for (int i = 0; i < 3; i++) {
        take_text(s, "no base64");
        settle(b);
    }
    assert_int_equal(b->changes, changes + 1);
    assert_says(s, "\"problem\":\"" NO_TEXT "\"");
    assert_false(stream_picture(s, &p)); /* nobody takes an old one for the newest */
    take_text(s, "AAAA");
    settle(b);
    assert_says(s, NO_PICTURE);

    take(s, base64(JPEG));
    settle(b);
    assert_says(s, NO_PICTURE); /* good and bad in turn: no message for each */
    assert_int_equal(e.seen, 2);
    changes = b->changes;
    sl__loop_crank(b->loop, 2000);
    take(s, base64(JPEG));
    settle(b);
    assert_silent(s, "problem");
    assert_int_equal(b->changes, changes + 1);
    frames_get_stats(b->frames, &stats);
    assert_int_equal(stats.decoded, 3);
    assert_int_equal(stats.failed, 4);
    stream_unwatch(&e.onlooker);
}

static void on_flaw(struct onlooker *o, const char *why)
{
    struct eye *e = LIST_ENTRY(o, struct eye, onlooker);

    assert_string_equal(why, NO_TEXT);
    e->flaws++;
    if (e->goes) stream_unwatch(&e->onlooker);
}

static void test_who_waits_for_a_picture_is_told_of_none(void **state)
{
    struct bench *b = *state;
    struct live_stream *s = frames_get(b->frames, "glass", SL_STR("cam"));
    struct eye e = {.goes = true}, deaf = {0};

    assert_null(stream_flaw(s));
    take_text(s, "no base64");
    assert_null(stream_flaw(s)); /* nobody has looked yet */
    e.onlooker.on_flaw = on_flaw;
    watch(b, s, &e);
    watch(b, s, &deaf);
    settle(b);
    assert_int_equal(e.flaws, 1);
    assert_null(e.onlooker.stream);
    assert_string_equal(stream_flaw(s), NO_TEXT);
    take(s, base64(JPEG));
    assert_null(stream_flaw(s)); /* who knows */
    settle(b);
    assert_null(stream_flaw(s));
    assert_int_equal(deaf.seen, 1);
    stream_unwatch(&deaf.onlooker);
}

static const struct {
    const char *name, *text;
    enum picture_kind kind;
    const char *why;
} texts[] = {
    {"a JPEG",                "/9j/4AAQ",                             PICTURE_JPEG, NULL      },
    {"the least of one",      "/9j/",                                 PICTURE_JPEG, NULL      },
    {"a PNG",                 "iVBORw0KGgo=",                         PICTURE_PNG,  NULL      },
    {"most of a PNG's",       "iVBORw0KGg==",                         PICTURE_NONE, NO_PICTURE},
    {"a WebP",                "UklGRiQAAABXRUJQ",                     PICTURE_WEBP, NULL      },
    {"a WAV",                 "UklGRiQAAABXQVZF",                     PICTURE_NONE, NO_PICTURE},
    {"a RIFF, cut",           "UklGRiQAAABXRUI=",                     PICTURE_NONE, NO_PICTURE},
    {"as pages say it",       "data:image/png;base64,iVBORw0KGgo=",   PICTURE_PNG,  NULL      },
    {"with parameters",       "data:image/jpeg;a=b;base64,/9j/",      PICTURE_JPEG, NULL      },
    {"not in base64",         "data:image/svg+xml,/9j/",              PICTURE_NONE, NO_TEXT   },
    {"no picture, it says",   "data:text/plain;base64,/9j/",          PICTURE_NONE, NO_TEXT   },
    {"a scheme and no more",  "data:image/jpeg;base64,",              PICTURE_NONE, NO_PICTURE},
    {"slashes escaped",       "\\/9j\\/4AAQ",                         PICTURE_JPEG, NULL      },
    {"escaped, with scheme",  "data:image\\/png;base64,iVBORw0KGgo=", PICTURE_PNG,  NULL      },
    {"half an escape of two", "\\ud800",                              PICTURE_NONE, NO_TEXT   },
    {"a line break",          "/9j/\\n4AAQ",                          PICTURE_NONE, NO_TEXT   },
    {"nothing",               "",                                     PICTURE_NONE, NO_PICTURE},
    {"three characters",      "/9j",                                  PICTURE_NONE, NO_TEXT   },
    {"a mock's",              "base64_encoded_frame_here",            PICTURE_NONE, NO_TEXT   },
};

static void test_what_texts_stand_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        enum picture_kind kind;
        const char *why;
        sl_buf *out;
        int rc = picture_decode(sl_str_of(texts[i].text), 3, &out, &kind, &why);

        if (rc != (texts[i].why == NULL ? 0 : SL_E_INVAL) || kind != texts[i].kind)
            fail_msg("%s: %d, kind %d", texts[i].name, rc, kind);
        if (texts[i].why != NULL) {
            assert_null(out);
            assert_string_equal(why, texts[i].why);
            continue;
        }
        assert_int_equal(picture_kind_of((sl_str){sl_buf_str(out).ptr + 3, out->len - 3}),
                         kind);
        sl_buf_drop(out);
    }
    assert_string_equal(picture_type(PICTURE_WEBP), "image/webp");
}

/* ---- bounds ---- */

#define QUARTER (LIVE_TEXT_MAX / 4)

static void test_all_newest_frames_together_have_a_bound(void **state)
{
    struct bench *b = *state;
    sl_buf *big = sl_buf_new(0, QUARTER), *buf;
    struct live_stream *s[5];
    struct frames_stats stats;
    struct wall at;
    sl_str text;

    assert_non_null(big);
    memset(sl__buf_data(big), 'A', QUARTER);
    big->len = QUARTER;
    for (int i = 0; i < 5; i++) {
        char id[] = {(char)('a' + i), 0};

        s[i] = frames_get(b->frames, "glass", sl_str_of(id));
        stream_take_frame(s[i], big, sl_buf_str(big));
        assert_int_equal(stream_frame(s[i], &buf, &text, &at), i < 4);
    }
    assert_true(stream_has_frame(s[4], NULL));
    assert_says(s[4], "\"problem\":\"the hub holds as many pictures as it may");
    frames_get_stats(b->frames, &stats);
    assert_int_equal(stats.unkept, 1);

    take(s[0], base64(JPEG)); /* it gives way */
    stream_take_frame(s[4], big, (sl_str){sl_buf_str(big).ptr, QUARTER - 1000});
    assert_true(stream_frame(s[4], &buf, &text, &at));
    sl__loop_crank(b->loop, 2000);
    stream_take_frame(s[4], big, (sl_str){sl_buf_str(big).ptr, 4});
    assert_silent(s[4], "problem");
    sl_buf_drop(big);
}

static void test_each_allocation_may_fail(void **state)
{
    struct bench *b = *state;
    struct frames *f;
    struct live_stream *s;
    struct eye e = {0};
    int rc = SL_E_NOMEM, n;

    for (n = 0; rc != 0 && n < 50; n++) {
        sl__alloc_fail_after(n);
        rc = frames_new(b->loop, STREAMS_MAX, &f);
        sl__alloc_fail_after(-1);
        if (rc != 0) assert_null(f);
    }
    assert_in_range(n, 3, 49);
    for (n = 0, s = NULL; s == NULL && n < 50; n++) {
        sl__alloc_fail_after(n);
        s = frames_get(f, "glass", SL_STR("cam"));
        sl__alloc_fail_after(-1);
    }
    assert_in_range(n, 2, 49);
    assert_int_equal(stream_number(s), 1);

    watch(b, s, &e);
    sl__alloc_fail_after(1);
    take(s, base64(JPEG)); /* the text takes one, the picture none */
    settle(b);
    sl__alloc_fail_after(-1);
    assert_int_equal(e.seen, 0);
    assert_silent(s, "problem"); /* it is ours, not the device's */
    take(s, base64(JPEG));
    settle(b);
    assert_int_equal(e.seen, 1);
    stream_unwatch(&e.onlooker);
    frames_free(f);
    frames_free(NULL);
}

/* ---- how many per second ---- */

static void assert_near(double x, double wanted, double off)
{
    if (x < wanted - off || x > wanted + off) fail_msg("%f, not %f", x, wanted);
}

static void test_rates(void **state)
{
    struct rate r = {0};
    uint64_t now = 12345678;

    (void)state;
    assert_near(rate_per_second(&r, now), 0, 0);
    for (int i = 0; i < 300; i++, now += 33) {
        rate_add(&r, now);
        if (i > 15) assert_near(rate_per_second(&r, now), 1000 / 33.0, 2);
        if (i > 60) assert_near(rate_per_second(&r, now), 1000 / 33.0, 0.6);
    }
    assert_near(rate_per_second(&r, now + 1000), 0.75 * 1000 / 33.0, 2);
    assert_near(rate_per_second(&r, now + 4000), 0, 0.01);
    now += 100000;
    assert_near(rate_per_second(&r, now), 0, 0);
    for (int i = 0; i < 10; i++, now += 1000)
        rate_add(&r, now);
    assert_near(rate_per_second(&r, now), 1, 0.26);
    r = (struct rate){0};
    rate_add(&r, 1); /* just after the clock began */
    assert_near(rate_per_second(&r, 1001), 1, 0.01);
}

static void test_a_stream_has_its_rate(void **state)
{
    struct bench *b = *state;
    struct live_stream *s = frames_get(b->frames, "glass", SL_STR("cam"));

    assert_says(s, "\"fps\":0");
    for (int i = 0; i < 50; i++) {
        take_text(s, "AAAA");
        sl__loop_crank(b->loop, 100);
    }
    assert_near(stream_fps(s), 10, 0.3);
    sl__loop_crank(b->loop, 5000);
    assert_near(stream_fps(s), 0, 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_device_of_a_system_has_one),
        CASE(test_there_is_a_bound_to_them),
        CASE(test_links_are_told_when_they_change),
        CASE(test_nothing_is_decoded_for_nobody),
        CASE(test_once_for_all_who_look),
        CASE(test_the_newest_is_made),
        CASE(test_who_looks_may_go_when_told),
        CASE(test_a_problem_is_told),
        CASE(test_what_texts_stand_for),
        CASE(test_all_newest_frames_together_have_a_bound),
        CASE(test_each_allocation_may_fail),
        CASE(test_who_waits_for_a_picture_is_told_of_none),
        CASE(test_rates),
        CASE(test_a_stream_has_its_rate),
    };

    return cmocka_run_group_tests_name("hub/frames", tests, NULL, NULL);
}
