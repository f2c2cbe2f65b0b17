/* SPDX-License-Identifier: MIT */
/* Pictures through a real worker into a real folder, and back over a connection in memory. */
#include "hub/media.h"

#include "sluice/log.h"

#include "base/codec.h"
#include "serve/http_test.h"
#include "store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define JPEG "\xff\xd8\xff\xe0jpeg"
#define PNG  "\x89PNG\r\n\x1a\npng"
#define WEBP "RIFF1234WEBPwebp"

struct bench {
    struct kit k;
    struct media *media;
    sl_route routes[MEDIA_ROUTES];
    char dir[64], log[96];
    int log_fd;
};

static struct {
    int told, rc;
    char url[64];
} kept;

static void on_kept(void *user, sl_str url, int rc)
{
    assert_ptr_equal(user, &kept);
    assert_in_range(url.len, 0, sizeof kept.url - 1);
    snprintf(kept.url, sizeof kept.url, "%.*s", (int)url.len, url.ptr);
    kept.rc = rc;
    kept.told++;
}

static void open_media(struct bench *b)
{
    assert_int_equal(media_open(b->k.loop, b->dir, &b->media, NULL), 0);
    b->routes[0].user = b->media;
}

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    sl_server_options o = {.route_count = MEDIA_ROUTES};

    if (b == NULL) return -1;
    memset(&kept, 0, sizeof kept);
    snprintf(b->dir, sizeof b->dir, "%s/sluice-media-XXXXXX", P_tmpdir);
    if (mkdtemp(b->dir) == NULL) return -1;
    snprintf(b->log, sizeof b->log, "%s/log", b->dir);
    b->log_fd = open(b->log, O_RDWR | O_CREAT | O_APPEND, 0600);
    sl_log_to(b->log_fd);
    memcpy(b->routes, media_routes, sizeof b->routes);
    o.routes = b->routes;
    kit_open(&b->k, &o);
    open_media(b);
    *state = b;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    struct bench *b = *state;

    disk_break(0, 0);
    media_close(b->media);
    kit_close(&b->k);
    sl_log_to(-1);
    close(b->log_fd);
    nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(b);
    return 0;
}

/* Until no worker is busy any more. */
static void settle(struct bench *b)
{
    while (b->k.loop->pending > 0)
        uv_run(b->k.loop->uv, UV_RUN_ONCE);
    sl__loop_crank(b->k.loop, 0);
}

static int keep_text(struct bench *b, sl_str text)
{
    sl_buf *buf = sl_buf_copy(text);
    int rc;

    assert_non_null(buf);
    rc = media_keep(b->media, buf, sl_buf_str(buf), on_kept, &kept);
    sl_buf_drop(buf); /* it is held */
    return rc;
}

static int keep(struct bench *b, const char *bytes, size_t n)
{
    char text[128];

    assert_in_range(sl__base64_len(n), 0, sizeof text);
    return keep_text(b, (sl_str){text, sl__base64_encode(text, bytes, n)});
}

static const char *ask(struct bench *b, const char *method, const char *path)
{
    char request[256];

    mem_stream_clear(b->k.m);
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: h\r\n\r\n", method, path);
    kit_feed(&b->k, request);
    settle(b);
    return kit_text(&b->k);
}

static struct media_stats stats_of(const struct bench *b)
{
    struct media_stats s;

    media_get_stats(b->media, &s);
    return s;
}

static int times_in_log(const struct bench *b, const char *words)
{
    char text[4096];
    ssize_t n = pread(b->log_fd, text, sizeof text - 1, 0);
    int times = 0;

    assert_true(n >= 0);
    text[n] = '\0';
    for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
        times++;
    return times;
}

/* ---- kept and served ---- */

static void test_pictures_come_back(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *suffix, *type;
    } rows[] = {
        {JPEG, sizeof JPEG - 1, ".jpg",  "Content-Type: image/jpeg\r\n"},
        {PNG,  sizeof PNG - 1,  ".png",  "Content-Type: image/png\r\n" },
        {WEBP, sizeof WEBP - 1, ".webp", "Content-Type: image/webp\r\n"},
    };
    struct bench *b = *state;
    uint64_t bytes = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *text;

        assert_int_equal(keep(b, rows[i].bytes, rows[i].n), 0);
        assert_int_equal(kept.told, i); /* never from inside */
        settle(b);
        assert_int_equal(kept.told, i + 1);
        assert_int_equal(kept.rc, 0);
        assert_memory_equal(kept.url, "/media/", 7);
        assert_string_equal(kept.url + 7 + 32, rows[i].suffix);
        text = ask(b, "GET", kept.url);
        assert_has(text, "HTTP/1.1 200 OK\r\n");
        assert_has(text, rows[i].type);
        assert_has(text, "Cache-Control: public, max-age=31536000, immutable\r\n");
        assert_has(text, "X-Content-Type-Options: nosniff\r\n");
        assert_memory_equal(strstr(text, "\r\n\r\n") + 4, rows[i].bytes, rows[i].n);
        bytes += rows[i].n;
    }
    assert_int_equal(keep(b, JPEG, sizeof JPEG - 1), 0); /* the same once more: not written */
    settle(b);
    assert_int_equal(kept.rc, 0);
    assert_has(ask(b, "HEAD", kept.url), "HTTP/1.1 200 OK\r\n");
    assert_int_equal(stats_of(b).kept, 3);
    assert_int_equal(stats_of(b).bytes, bytes);
}

static void test_only_names_of_ours(void **state)
{
    static const char *const paths[] = {
        "/media/cf4ab791c62b8d2b2109c90275287816.png", /* well made, and not there */
        "/media/.part",
        "/media/log",
        "/media/..log",
        "/media/cf",
        "/media/",
        "/media",
    };
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *text = ask(b, "GET", paths[i]);

        assert_has(text, "HTTP/1.1 404 ");
        assert_lacks(text, "immutable"); /* it may be there one day */
    }
}

static void test_what_is_no_picture_is_not_kept(void **state)
{
    struct bench *b = *state;
    struct stat st;
    char path[128];

    assert_int_equal(keep(b, "text", 4), 0);
    settle(b);
    assert_int_equal(kept.rc, SL_E_INVAL);
    assert_string_equal(kept.url, "");
    assert_int_equal(keep_text(b, SL_STR("no base64 at all")), 0);
    assert_int_equal(keep_text(b, SL_STR("")), 0);
    settle(b);
    assert_int_equal(kept.told, 3);
    assert_int_equal(kept.rc, SL_E_INVAL);
    snprintf(path, sizeof path, "%s/media", b->dir);
    assert_int_equal(stat(path, &st), -1);
    assert_int_equal(times_in_log(b, "media"), 0); /* a device's fault is not the disk's */
}

/* ---- bounds ---- */

static void test_the_bound_of_how_many(void **state)
{
    struct bench *b = *state;

    for (int i = 0; i < MEDIA_WAITING_MAX; i++)
        assert_int_equal(keep(b, JPEG, sizeof JPEG - 1), 0);
    assert_int_equal(keep(b, JPEG, sizeof JPEG - 1), SL_E_FULL);
    settle(b);
    assert_int_equal(kept.told, MEDIA_WAITING_MAX);
    assert_int_equal(keep(b, JPEG, sizeof JPEG - 1), 0);
}

static void test_the_bound_of_how_much(void **state)
{
    struct bench *b = *state;
    sl_buf *buf = sl_buf_new(0, MEDIA_BYTES_MAX);
    sl_str half;

    assert_non_null(buf);
    memset(sl__buf_data(buf), 'A', MEDIA_BYTES_MAX);
    buf->len = MEDIA_BYTES_MAX;
    half = (sl_str){sl_buf_str(buf).ptr, MEDIA_BYTES_MAX / 2};
    assert_int_equal(media_keep(b->media, buf, half, on_kept, &kept), 0);
    assert_int_equal(
        media_keep(b->media, buf, (sl_str){half.ptr, half.len + 1}, on_kept, &kept), SL_E_FULL);
    assert_int_equal(media_keep(b->media, buf, half, on_kept, &kept), 0);
    settle(b);
    assert_int_equal(media_keep(b->media, buf, sl_buf_str(buf), on_kept, &kept), 0);
    sl_buf_drop(buf);
    settle(b);
    assert_int_equal(kept.told, 3);
}

/* ---- trouble ---- */

static void test_a_full_disk_is_said_once(void **state)
{
    struct bench *b = *state;

    disk_break(ENOSPC, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(keep(b, JPEG, sizeof JPEG - 1), 0);
        settle(b);
        assert_int_equal(kept.rc, -ENOSPC);
        assert_string_equal(kept.url, "");
        assert_int_equal(keep(b, "text", 4), 0); /* says nothing of the disk */
        settle(b);
    }
    assert_int_equal(times_in_log(b, "the disk is full: free space in"), 1);
    disk_break(EIO, 0);
    assert_int_equal(keep(b, JPEG, sizeof JPEG - 1), 0);
    settle(b);
    assert_int_equal(kept.rc, -EIO);
    assert_int_equal(times_in_log(b, "the disk reports an error"), 1);
    disk_break(0, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(keep(b, JPEG, sizeof JPEG - 1), 0);
        settle(b);
        assert_int_equal(kept.rc, 0);
    }
    assert_int_equal(times_in_log(b, "pictures are kept again"), 1);
}

static void test_reasons(void **state)
{
    static const struct {
        int rc;
        enum media_reason reason;
    } rows[] = {
        {SL_E_FULL,     MEDIA_BUSY      },
        {SL_E_STOPPING, MEDIA_BUSY      },
        {SL_E_LIMIT,    MEDIA_RATE      },
        {SL_E_INVAL,    MEDIA_NO_PICTURE},
        {SL_E_NOMEM,    MEDIA_NO_MEMORY },
        {-ENOSPC,       MEDIA_DISK      },
        {-EACCES,       MEDIA_DISK      },
        {SL_E_DB,       MEDIA_STORE     },
    };
    struct bench *b = *state;

    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t before = stats_of(b).left_out[rows[i].reason];

        media_leave_out(b->media, rows[i].rc, i + 1);
        assert_int_equal(stats_of(b).left_out[rows[i].reason], before + i + 1);
    }
}

/* ---- life ---- */

static void test_what_is_there_is_counted(void **state)
{
    struct bench *b = *state;

    assert_int_equal(keep(b, JPEG, sizeof JPEG - 1), 0);
    assert_int_equal(keep(b, PNG, sizeof PNG - 1), 0);
    settle(b);
    media_close(b->media);
    open_media(b);
    settle(b);
    assert_int_equal(stats_of(b).bytes, sizeof JPEG - 1 + sizeof PNG - 1);
    assert_int_equal(stats_of(b).kept, 0);
}

static void test_nobody_is_told_after_the_end(void **state)
{
    struct bench *b = *state;

    disk_break(0, 20000); /* some of them are waiting still */
    for (int i = 0; i < 10; i++)
        assert_int_equal(keep(b, JPEG, sizeof JPEG - 1), 0);
    media_close(b->media);
    b->media = NULL;
    settle(b);
    assert_int_equal(kept.told, 0);
}

static void test_without_memory(void **state)
{
    struct bench *b = *state;
    struct media *m = NULL;
    int n = 0, rc;

    do {
        sl_error err = {0};

        sl__alloc_fail_after(n++);
        rc = media_open(b->k.loop, b->dir, &m, &err);
        sl__alloc_fail_after(-1);
        if (rc < 0) {
            assert_null(m);
            assert_int_not_equal(err.text[0], '\0');
        }
    } while (rc == SL_E_NOMEM);
    assert_int_equal(rc, 0);
    assert_in_range(n, 3, 20);
    media_close(m);
    settle(b);

    sl_buf *buf = sl_buf_copy(SL_STR("AAAA"));
    sl__alloc_fail_after(0);
    assert_int_equal(media_keep(b->media, buf, sl_buf_str(buf), on_kept, &kept), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    sl_buf_drop(buf);
    settle(b);
    assert_int_equal(kept.told, 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_pictures_come_back),
        CASE(test_only_names_of_ours),
        CASE(test_what_is_no_picture_is_not_kept),
        CASE(test_the_bound_of_how_many),
        CASE(test_the_bound_of_how_much),
        CASE(test_a_full_disk_is_said_once),
        CASE(test_reasons),
        CASE(test_what_is_there_is_counted),
        CASE(test_nobody_is_told_after_the_end),
        CASE(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
