/* SPDX-License-Identifier: MIT */
/* Files and assets, asked for over a connection in memory; a real folder, a real worker. */
#include "serve/file_open.h"
#include "serve/http_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGE_BYTES 1500000 /* three pieces */

static char root[64], outside[64];

static const unsigned char asset_text[] = "0123456789";
static const unsigned char asset_gzip[] = "gz";
static const sl_asset assets[] = {
    {"/index.html", "text/html; charset=utf-8", "\"v1\"", asset_text, asset_gzip, 10, 2},
    {"/plain.txt",  "text/plain",               "\"v2\"", asset_text, NULL,       10, 0},
};

static void on_file(sl_request *r, void *user)
{
    (void)user;
    if (sl_request_set_header(r, "Cache-Control", SL_STR("no-cache")) < 0) {
        sl_answer_error(r, 503, "out of memory");
        return;
    }
    sl_answer_file(r, root, sl_request_param(r, "path"));
}

/* The path as it stands behind the '?', so that nothing above has looked at it. */
static void on_raw(sl_request *r, void *user)
{
    (void)user;
    sl_answer_file(r, root, sl_request_query(r, "p"));
}

static void on_asset(sl_request *r, void *user)
{
    (void)user;
    sl_answer_asset(r, assets, 2, sl_request_param(r, "path"));
}

static void on_nul(sl_request *r, void *user)
{
    (void)user;
    sl_answer_file(r, root, SL_STR("a.txt\0.html"));
}

static void on_no_root(sl_request *r, void *user)
{
    (void)user;
    sl_answer_file(r, "/nowhere/at/all", SL_STR("a.txt"));
}

static const sl_route routes[] = {
    SL_ROUTE(SL_GET, "/s/*path", SL_RIGHT_OPEN, on_file, NULL),
    SL_ROUTE(SL_GET, "/raw", SL_RIGHT_OPEN, on_raw, NULL),
    SL_ROUTE(SL_GET, "/a/*path", SL_RIGHT_OPEN, on_asset, NULL),
    SL_ROUTE(SL_GET, "/nul", SL_RIGHT_OPEN, on_nul, NULL),
    SL_ROUTE(SL_GET, "/no-root", SL_RIGHT_OPEN, on_no_root, NULL),
};

static const sl_server_options options = {
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .rate_min = SL_RATE_NONE,
};

/* ---- the folder ---- */

static void write_file(const char *folder, const char *name, const char *text, size_t len)
{
    static const struct timespec times[2] = {
        {784111777, 0},
        {784111777, 0}
    }; /* RFC 9110's own */
    char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static void make_folder(const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void make_link(const char *to, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", root, name);
    assert_int_equal(symlink(to, path), 0);
}

static char *large_text(void)
{
    char *text = malloc(LARGE_BYTES);

    assert_non_null(text);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        text[i] = (char)(i * 31 + i / 65536);
    return text;
}

static int make_all(void **state)
{
    char *large = large_text();
    char path[256];

    (void)state;
    snprintf(root, sizeof root, "%s/files_test.XXXXXX", P_tmpdir);
    snprintf(outside, sizeof outside, "%s/files_out.XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(root));
    assert_non_null(mkdtemp(outside));
    write_file(root, "a.txt", "0123456789", 10);
    write_file(root, "empty.css", "", 0);
    write_file(root, "app.js", "let plain;", 10);
    write_file(root, "app.js.gz", "packed", 6);
    write_file(root, "photo.JPG", "jpg", 3);
    write_file(root, "unknown.zzz", "z", 1);
    write_file(root, "none", "n", 1);
    write_file(root, ".hidden", "secret", 6);
    write_file(root, "large.bin", large, LARGE_BYTES);
    make_folder("sub");
    write_file(root, "sub/index.html", "<p>sub", 6);
    make_folder("bare");
    make_folder(".git");
    write_file(root, ".git/config", "secret", 6);
    write_file(outside, "secret", "secret", 6);
    snprintf(path, sizeof path, "%s/secret", outside);
    make_link(path, "link-out");
    make_link(outside, "folder-out");
    make_link("../../../../../../../../etc/passwd", "climb");
    make_link("a.txt", "link-in");
    make_link("loop", "loop");
    snprintf(path, sizeof path, "%s/pipe", root);
    assert_int_equal(mkfifo(path, 0600), 0);
    free(large);
    return 0;
}

static int remove_all(void **state)
{
    char command[256];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s' '%s'", root, outside);
    return system(command);
}

/* ---- asking ---- */

/* Turn the loop until no worker is busy any more. */
static void settle(struct kit *k)
{
    while (k->loop->pending > 0)
        uv_run(k->loop->uv, UV_RUN_ONCE);
    sl__loop_crank(k->loop, 0);
}

static const char *ask(struct kit *k, const char *method, const char *target, const char *lines)
{
    char request[2048];

    mem_stream_clear(k->m);
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n", method, target,
             lines);
    kit_feed(k, request);
    settle(k);
    return kit_text(k);
}

#define GET  "GET"
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

/* rows of such different lengths are not aligned */
/* clang-format off */
/* name, method, target, request lines, status line's end, lines that must be there, body */
static const struct {
    const char *name, *method, *target, *lines, *status, *has, *has_too, *body;
} asks[] = {
    {"whole", GET, "/s/a.txt", "", "200 OK", "Content-Length: 10\r\n",
     "Content-Type: text/plain; charset=utf-8\r\n", "0123456789"},
    {"manners", GET, "/s/a.txt", "", "200 OK",
     "Last-Modified: " DATE "\r\nAccept-Ranges: bytes\r\nX-Content-Type-Options: nosniff\r\n",
     "Cache-Control: no-cache\r\nVary: Accept-Encoding\r\nETag: \"a-", "0123456789"},
    {"empty", GET, "/s/empty.css", "", "200 OK", "Content-Length: 0\r\n", "text/css", ""},
    {"suffix in capitals", GET, "/s/photo.JPG", "", "200 OK", "image/jpeg", "\r\n", "jpg"},
    {"unknown suffix", GET, "/s/unknown.zzz", "", "200 OK", "application/octet-stream", "", "z"},
    {"no suffix", GET, "/s/none", "", "200 OK", "application/octet-stream", "", "n"},
    {"9110 9.3.2 HEAD", "HEAD", "/s/a.txt", "", "200 OK", "Content-Length: 10\r\n", "ETag", ""},
    {"link below the root", GET, "/s/link-in", "", "200 OK", "ETag", "", "0123456789"},

    {"folder with an index", GET, "/s/sub/", "", "200 OK", "text/html; charset=utf-8", "", "<p>sub"},
    {"folder without its slash", GET, "/s/sub?x=1", "", "301 Moved", "Location: ./sub/?x=1\r\n", "",
     "{\"error\":\"this is a folder: its address ends with a slash\"}"},
    {"folder without an index", GET, "/s/bare/", "", "404", "", "", NULL},
    {"root without an index", GET, "/s/", "", "404", "", "", NULL},
    {"file with a slash", GET, "/s/a.txt/", "", "404", "", "", NULL},

    {"9110 12.5.3 gzip", GET, "/s/app.js", "Accept-Encoding: br, gzip\r\n", "200 OK",
     "Content-Encoding: gzip\r\n", "Content-Type: text/javascript; charset=utf-8\r\n", "packed"},
    {"9110 12.5.3 gzip;q=0", GET, "/s/app.js", "Accept-Encoding: gzip;q=0, *\r\n", "200 OK",
     "Vary: Accept-Encoding\r\n", "", "let plain;"},
    {"9110 12.5.3 any", GET, "/s/app.js", "Accept-Encoding: *;q=0.5\r\n", "200 OK",
     "Content-Encoding: gzip\r\n", "", "packed"},
    {"no twin", GET, "/s/a.txt", "Accept-Encoding: gzip\r\n", "200 OK", "Vary: Accept-Encoding\r\n",
     "", "0123456789"},
    {"gzip and a range of it", GET, "/s/app.js", "Accept-Encoding: gzip\r\nRange: bytes=0-1\r\n",
     "206 Partial Content", "Content-Range: bytes 0-1/6\r\n", "Content-Encoding: gzip\r\n", "pa"},

    {"9110 14.1.2 first and last", GET, "/s/a.txt", "Range: bytes=2-4\r\n", "206 Partial Content",
     "Content-Range: bytes 2-4/10\r\n", "Content-Length: 3\r\n", "234"},
    {"9110 14.1.2 to the end", GET, "/s/a.txt", "Range: bytes=8-\r\n", "206 Partial Content",
     "Content-Range: bytes 8-9/10\r\n", "", "89"},
    {"9110 14.1.2 beyond the end", GET, "/s/a.txt", "Range: bytes=8-99\r\n", "206 Partial Content",
     "Content-Range: bytes 8-9/10\r\n", "", "89"},
    {"9110 14.1.2 the last three", GET, "/s/a.txt", "Range: bytes=-3\r\n", "206 Partial Content",
     "Content-Range: bytes 7-9/10\r\n", "", "789"},
    {"9110 15.5.17 behind the end", GET, "/s/a.txt", "Range: bytes=10-\r\n", "416",
     "Content-Range: bytes */10\r\n", "", NULL},
    {"9110 14.2 several", GET, "/s/a.txt", "Range: bytes=0-1,3-4\r\n", "200 OK", "", "",
     "0123456789"},
    {"9110 14.2 HEAD has no ranges", "HEAD", "/s/a.txt", "Range: bytes=0-1\r\n", "200 OK",
     "Content-Length: 10\r\n", "", ""},

    {"9110 13.1.3 not since", GET, "/s/a.txt", "If-Modified-Since: " DATE "\r\n", "304", "ETag: \"",
     "Last-Modified", ""},
    {"9110 13.1.2 any", GET, "/s/a.txt", "If-None-Match: *\r\n", "304", "ETag: \"", "", ""},
    {"9110 13.1.1 another", GET, "/s/a.txt", "If-Match: \"other\"\r\n", "412", "", "", NULL},

    {"asset", GET, "/a/index.html", "", "200 OK", "ETag: \"v1\"\r\n", "Vary: Accept-Encoding\r\n",
     "0123456789"},
    {"asset, gzip", GET, "/a/index.html", "Accept-Encoding: gzip\r\n", "200 OK",
     "ETag: \"v1-gz\"\r\n", "Content-Encoding: gzip\r\n", "gz"},
    {"asset, known", GET, "/a/index.html", "If-None-Match: W/\"v0\", \"v1\"\r\n", "304",
     "ETag: \"v1\"", "Vary", ""},
    {"asset, the other form is not known", GET, "/a/index.html",
     "If-None-Match: \"v1\"\r\nAccept-Encoding: gzip\r\n", "200 OK", "gzip", "", "gz"},
    {"asset, range", GET, "/a/plain.txt", "Range: bytes=-1\r\n", "206", "bytes 9-9/10", "", "9"},
    {"asset, range behind the end", GET, "/a/plain.txt", "Range: bytes=10-\r\n", "416",
     "Content-Range: bytes */10\r\n", "", NULL},
    {"asset, HEAD", "HEAD", "/a/plain.txt", "", "200 OK", "Content-Length: 10\r\n", "", ""},
    {"asset, none", GET, "/a/other", "", "404", "", "", NULL},
};

/* clang-format on */

static void test_asks(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, &options);
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        const char *got = ask(&k, asks[i].method, asks[i].target, asks[i].lines);
        const char *body = strstr(got, "\r\n\r\n");
        if (strncmp(got + 9, asks[i].status, strlen(asks[i].status)) != 0)
            fail_msg("%s: %s", asks[i].name, got);
        assert_has(got, asks[i].has);
        assert_has(got, asks[i].has_too);
        assert_non_null(body);
        if (asks[i].body != NULL && strcmp(body + 4, asks[i].body) != 0)
            fail_msg("%s: body \"%s\"", asks[i].name, body + 4);
        if (strstr(asks[i].has, "gzip") == NULL && strstr(asks[i].has_too, "gzip") == NULL)
            assert_lacks(got, "Content-Encoding");
    }
    kit_close(&k);
}

/* Each of these must give 404 (or 400), and never a byte of what lies outside or is hidden. */
static const char *const escapes[] = {
    "/s/../secret",
    "/s/%2e%2e/secret",
    "/s/%2E%2E%2Fsecret",
    "/s/..%2fsecret",
    "/s/..%5csecret",
    "/s/..\\secret",
    "/s//etc/passwd",
    "/s///etc/passwd",
    "/s/./a.txt",
    "/s/sub/../a.txt",
    "/s/sub/%2e%2e/%2e%2e/secret",
    "/s/.hidden",
    "/s/%2ehidden",
    "/s/.git/config",
    "/s/sub/.git",
    "/s/link-out",
    "/s/folder-out/secret",
    "/s/climb",
    "/s/loop",
    "/s/pipe",
    "/s/a.txt%00",
    "/s/a.txt%00.html",
    "/s/sub//index.html",
    "/s/a.txt/index.html",
    "/s/a.txt.gz",
    "/raw?p=../secret",
    "/raw?p=..",
    "/raw?p=.",
    "/raw?p=/etc/passwd",
    "/raw?p=//etc/passwd",
    "/raw?p=sub/../../secret",
    "/raw?p=..%5Csecret",
    "/raw?p=a.txt%0a",
    "/raw?p=.hidden",
    "/raw?p=link-out",
    "/nul",
    "/no-root",
};

static void test_escapes(void **state)
{
    char target[2048] = "/raw?p=";
    struct kit k;

    (void)state;
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
        kit_open(&k, &options);
        const char *got = ask(&k, GET, escapes[i], "");
        if (strncmp(got, "HTTP/1.1 40", 11) != 0) fail_msg("%s: %s", escapes[i], got);
        assert_lacks(got, "secret\"");
        assert_lacks(got, "root:");
        assert_lacks(got, "\r\n\r\nsecret");
        kit_close(&k);
    }
    /* longer than any path may be */
    memset(target + 7, 'a', 1500);
    kit_open(&k, &options);
    assert_has(ask(&k, GET, target, ""), "HTTP/1.1 404");
    kit_close(&k);
}

/* The way without openat2 opens the same, but for links. */
static void test_stepwise(void **state)
{
    static const struct {
        const char *path;
        bool opens;
    } rows[] = {
        {"a.txt",             true },
        {"sub/index.html",    true },
        {"sub",               true },
        {"link-in",           false},
        {"link-out",          false},
        {"folder-out/secret", false},
        {"climb",             false},
        {"..",                false},
        {"../secret",         false},
        {"sub/../a.txt",      false},
        {"a.txt/x",           false},
        {"sub//index.html",   false},
        {"nowhere/x",         false},
    };
    int folder = open(root, O_PATH | O_DIRECTORY);

    (void)state;
    assert_true(folder >= 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int fd = file_open_stepwise(folder, rows[i].path);
        if ((fd >= 0) != rows[i].opens) fail_msg("%s: %d", rows[i].path, fd);
        if (fd >= 0) close(fd);
    }
    close(folder);
}

/* ---- pieces ---- */

static void test_large_in_pieces(void **state)
{
    char *want = large_text();
    struct kit k;

    (void)state;
    kit_open(&k, &options);
    ask(&k, GET, "/s/large.bin", "");
    const char *body = memmem(k.m->sent, k.m->sent_len, "\r\n\r\n", 4);
    assert_non_null(body);
    assert_int_equal(k.m->sent_len - (size_t)(body + 4 - k.m->sent), LARGE_BYTES);
    assert_memory_equal(body + 4, want, LARGE_BYTES);
    /* the connection is in step: it can be asked again */
    assert_has(ask(&k, GET, "/s/a.txt", ""), "\r\n\r\n0123456789");
    ask(&k, GET, "/s/large.bin", "Range: bytes=1000-1100000\r\n");
    body = memmem(k.m->sent, k.m->sent_len, "\r\n\r\n", 4);
    assert_int_equal(k.m->sent_len - (size_t)(body + 4 - k.m->sent), 1099001);
    assert_memory_equal(body + 4, want + 1000, 1099001);
    kit_close(&k);
    free(want);
}

/* However slow the reader: one piece waits, and the next is read when that has left. */
static void test_slow_reader_holds_one_piece(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, &options);
    k.m->window = 100;
    ask(&k, GET, "/s/large.bin", "");
    for (int i = 0; i < 40; i++) {
        assert_true(sl__stream_waiting(&k.m->s) <= 520 * 1024);
        mem_stream_open_window(k.m, 50000);
        settle(&k);
    }
    assert_true(k.m->sent_len > LARGE_BYTES);
    assert_int_equal(sl__stream_waiting(&k.m->s), 0);
    kit_close(&k);
}

static void test_reader_that_goes(void **state)
{
    struct kit k;

    (void)state;
    kit_open(&k, &options);
    k.m->window = 100; /* in the middle of a piece */
    ask(&k, GET, "/s/large.bin", "");
    kit_disconnect(&k);
    kit_connect(&k);
    kit_feed(&k, "GET /s/large.bin HTTP/1.1\r\nHost: h\r\n\r\n"); /* while a worker reads */
    kit_disconnect(&k);
    settle(&k);
    kit_connect(&k);
    k.m->window = 100;
    ask(&k, GET, "/s/large.bin", "");
    sl__loop_crank(k.loop, 20010); /* it took those hundred bytes */
    assert_false(k.m->closed);
    sl__loop_crank(k.loop, 20010); /* and nothing any more */
    assert_true(k.m->closed);
    settle(&k);
    kit_close(&k);
}

/* A file that became shorter cannot keep its promise: the peer sees the cut. */
static void test_file_that_shrinks(void **state)
{
    char path[256];
    struct kit k;

    (void)state;
    snprintf(path, sizeof path, "%s/large.bin", root);
    kit_open(&k, &options);
    k.m->window = 100;
    ask(&k, GET, "/s/large.bin", "");
    assert_int_equal(truncate(path, 600000), 0);
    mem_stream_open_window(k.m, 10000000);
    settle(&k);
    assert_true(k.m->closed);
    assert_true(k.m->sent_len < LARGE_BYTES);
    kit_close(&k);
}

static void test_fresh_files_are_weak(void **state)
{
    char path[256];
    struct kit k;

    (void)state;
    snprintf(path, sizeof path, "%s/none", root);
    assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0); /* now */
    kit_open(&k, &options);
    assert_has(ask(&k, GET, "/s/none", ""), "ETag: W/\"");
    assert_has(ask(&k, GET, "/s/a.txt", ""), "ETag: \"");
    kit_close(&k);
}

/* A twin that is older than its file is not what it says. */
static void test_stale_twin(void **state)
{
    char path[256];
    struct kit k;

    (void)state;
    snprintf(path, sizeof path, "%s/app.js", root);
    assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
    kit_open(&k, &options);
    assert_has(ask(&k, GET, "/s/app.js", "Accept-Encoding: gzip\r\n"), "let plain;");
    kit_close(&k);
}

static void test_no_memory(void **state)
{
    struct kit k;
    bool whole = false;

    (void)state;
    for (long n = 0; !whole; n++) {
        assert_true(n < 100);
        kit_open(&k, &options);
        sl__alloc_fail_after(n);
        mem_stream_feed(k.m, "GET /s/a.txt HTTP/1.1\r\nHost: h\r\n\r\n", 35);
        settle(&k);
        sl__alloc_fail_after(-1);
        whole = strstr(kit_text(&k), "0123456789") != NULL;
        if (!whole) assert_true(k.m->closed || strstr(k.text, "HTTP/1.1 503") != NULL);
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_stepwise),
        cmocka_unit_test(test_large_in_pieces),
        cmocka_unit_test(test_slow_reader_holds_one_piece),
        cmocka_unit_test(test_reader_that_goes),
        cmocka_unit_test(test_file_that_shrinks),
        cmocka_unit_test(test_fresh_files_are_weak),
        cmocka_unit_test(test_stale_twin),
        cmocka_unit_test(test_no_memory),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("serve/files", tests, make_all, remove_all);
}
