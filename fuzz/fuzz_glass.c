/* SPDX-License-Identifier: MIT */
/*
 * A whole hub with the glass system, its store in memory: what cameras, websites and browsers
 * may say to it, in any order. The input is lines; the first byte says who speaks.
 *
 *   a b    a camera's WebSocket: this message     A B   it hangs up
 *   v w    a website's                            V W
 *   .      bytes on the camera's WebSocket that are no frame of ours
 *   =      METHOD /path BODY, by HTTP
 *   t      a second passes for each byte
 *
 * Each request has an answer and none is 500; whoever listens gets JSON objects with a type;
 * in the end a record is still taken, and so all before it are through.
 */
#include "sluice/log.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "hub/hub.h"
#include "net/mem_stream.h"
#include "serve/server.h"
#include "systems/systems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST "Host: localhost\r\n"
#define GET_WS                                                                  \
    "GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

#define PEERS     4
#define QUEUE     (256 * 1024)
#define LINES_MAX 64
#define LIFE      400 /* inputs; then a new hub: devices and rows add up */
#define SPINS_MAX 200000

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char names[PEERS] = {'a', 'b', 'v', 'w'};
static struct mem_stream *peer[PEERS];
static char dir[64];
static sl_loop *loop;
static struct hub *hub;
static int age;

/* ---- the hub ---- */

static void clean(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", dir);
    SL_ASSERT(system(command) == 0);
}

static void open_hub(void)
{
    static const struct hub_options o = {.data_dir = dir,
                                         .systems = systems,
                                         .system_count = 1,
                                         .queue_max = QUEUE,
                                         .body_max = 64 * 1024};
    sl_error err = {0};
    int rc = sl_loop_new(&loop);

    SL_ASSERT(rc == 0);
    sl__loop_crank(loop, 0);
    rc = hub_new(loop, &o, &hub, &err);
    SL_ASSERT(rc == 0);
}

static void close_hub(void)
{
    if (hub == NULL) return;
    sl__loop_crank(loop, 0);
    hub_free(hub);
    sl_loop_free(loop);
    hub = NULL;
    clean();
}

static void turn(void)
{
    uv_run(loop->uv, UV_RUN_NOWAIT);
    sl__loop_crank(loop, 0);
}

static struct mem_stream *dial(void)
{
    struct stream_options o = {.waiting_max = QUEUE};
    struct mem_stream *m = mem_stream_open(loop, &o);

    SL_ASSERT(m != NULL);
    sl__server_take_stream(hub_server(hub), &m->s);
    return m;
}

static void hang_up(struct mem_stream **m)
{
    if (*m == NULL) return;
    if (!(*m)->closed) sl__stream_close(&(*m)->s, SL_E_CLOSED);
    turn();
    SL_ASSERT((*m)->gone);
    mem_stream_free(*m);
    *m = NULL;
}

/* ---- by HTTP ---- */

static const char *find_head(const struct mem_stream *m)
{
    return m->sent_len > 0 ? memmem(m->sent, m->sent_len, "\r\n\r\n", 4) : NULL;
}

/* The status of the answer that comes; what follows the head may go on for ever. */
static int wait_for_status(struct mem_stream *m)
{
    for (int i = 0; !m->closed && find_head(m) == NULL; i++) {
        turn();
        if (i > 100) usleep(20);                                   /* a thread has it */
        if (i > 1000 && i % 1000 == 0) sl__loop_crank(loop, 1000); /* or it waits for time */
        SL_ASSERT(i < SPINS_MAX);
    }
    if (m->sent_len < 13) return 0;
    SL_ASSERT(memcmp(m->sent, "HTTP/1.1 ", 9) == 0);
    return (m->sent[9] - '0') * 100 + (m->sent[10] - '0') * 10 + m->sent[11] - '0';
}

static int request(sl_str line)
{
    struct mem_stream *m = dial();
    sl_str method = line, path, body;
    const char *space = memchr(line.ptr, ' ', line.len);
    char head[512];
    int n, status = 0;

    if (space == NULL) space = line.ptr + line.len;
    method.len = (size_t)(space - line.ptr);
    path = (sl_str){space, line.len - method.len};
    while (path.len > 0 && path.ptr[0] == ' ')
        path = (sl_str){path.ptr + 1, path.len - 1};
    space = memchr(path.ptr, ' ', path.len);
    body = space != NULL ? (sl_str){space + 1, path.len - (size_t)(space + 1 - path.ptr)}
                         : (sl_str){0};
    if (space != NULL) path.len = (size_t)(space - path.ptr);
    if (method.len < 20 && path.len < 200) {
        n = snprintf(head, sizeof head,
                     "%.*s %.*s HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     (int)method.len, method.ptr, (int)path.len, path.ptr, body.len);
        mem_stream_feed(m, head, (size_t)n);
        if (body.len > 0 && !m->s.closing) mem_stream_feed(m, body.ptr, body.len);
        turn();
        status = wait_for_status(m);
    }
    SL_ASSERT(status != 500);
    hang_up(&m);
    return status;
}

/* ---- by WebSocket ---- */

static void check_text(sl_str text)
{
    sl_json doc = {0};

    SL_ASSERT(sl_json_read(&doc, text, NULL, NULL, NULL) == 0);
    SL_ASSERT(sl_value_type(sl_value_get(sl_json_root(&doc), SL_STR("type")))
              == SL_JSON_STRING);
    sl_json_deinit(&doc);
}

/* What came, read and forgotten. */
static void look(struct mem_stream *m)
{
    size_t at = 0;

    if (m == NULL) return;
    while (m->sent_len - at >= 2) {
        const uint8_t *b = (const uint8_t *)m->sent + at;
        size_t head = 2, left = m->sent_len - at;
        uint64_t size = b[1];

        SL_ASSERT(size < 128 && (b[0] & 0xf0) == 0x80 && (b[0] & 15) != 2);
        if (size >= 126) {
            size_t more = size == 126 ? 2 : 8;

            if (left < 2 + more) break;
            for (size = 0; more > 0; more--)
                size = size << 8 | b[head++];
        }
        if (left < head + size) break;
        if ((b[0] & 15) == 1) check_text((sl_str){(const char *)b + head, size});
        at += head + size;
    }
    if (at > 0) memmove(m->sent, m->sent + at, m->sent_len - at);
    m->sent_len -= at;
    SL_ASSERT(m->closed || sl__stream_waiting(&m->s) <= 2 * QUEUE);
}

static struct mem_stream *join(struct mem_stream **m)
{
    const char *end;

    if (*m != NULL) return *m;
    *m = dial();
    mem_stream_feed(*m, GET_WS, sizeof GET_WS - 1);
    turn();
    end = find_head(*m);
    SL_ASSERT(end != NULL && memcmp((*m)->sent, "HTTP/1.1 101 ", 13) == 0);
    (*m)->sent_len -= (size_t)(end + 4 - (*m)->sent);
    memmove((*m)->sent, end + 4, (*m)->sent_len);
    return *m;
}

/* Masked by zeros. */
static void say(struct mem_stream **to, sl_str text)
{
    uint8_t head[8] = {0x81, (uint8_t)(0x80 | text.len)};
    struct mem_stream *m = join(to);
    size_t n = 2;

    if (text.len > 125) {
        head[1] = 0x80 | 126;
        head[n++] = (uint8_t)(text.len >> 8);
        head[n++] = (uint8_t)text.len;
    }
    if (m->closed || text.len > UINT16_MAX) return;
    mem_stream_feed(m, head, n + 4);
    if (!m->s.closing && text.len > 0) mem_stream_feed(m, text.ptr, text.len);
}

/* ---- lines ---- */

static void act(sl_str line)
{
    sl_str rest = {line.ptr + 1, line.len - 1};

    for (int i = 0; i < PEERS; i++) {
        if (line.ptr[0] == names[i]) say(&peer[i], rest);
        if (line.ptr[0] == names[i] - 'a' + 'A') hang_up(&peer[i]);
    }
    if (line.ptr[0] == '.' && !join(&peer[0])->closed)
        mem_stream_feed(peer[0], rest.ptr, rest.len);
    if (line.ptr[0] == '=') (void)request(rest);
    if (line.ptr[0] == 't') sl__loop_crank(loop, 1000 * (line.len < 100 ? line.len : 100));
    turn();
    for (int i = 0; i < PEERS; i++)
        look(peer[i]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    sl_log_set_level(SL_LOG_ERROR);
    snprintf(dir, sizeof dir, "%s/sluice-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    SL_ASSERT(mkdtemp(dir) != NULL);
    atexit(close_hub);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sl_str left = {(const char *)data, n};
    int status;

    if (++age % LIFE == 0) close_hub();
    if (hub == NULL) open_hub();
    for (int i = 0; i < LINES_MAX && left.len > 0; i++) {
        const char *end = memchr(left.ptr, '\n', left.len);
        size_t len = end != NULL ? (size_t)(end - left.ptr) : left.len;

        if (len > 0) act((sl_str){left.ptr, len});
        len += end != NULL;
        left = (sl_str){left.ptr + len, left.len - len};
    }
    status = request(SL_STR("POST /defects {\"device_id\":\"last\",\"defect_type\":\"chip\"}"));
    SL_ASSERT(status == 201 || status == 503); /* 503: so many devices are known already */
    for (int i = 0; i < PEERS; i++) {
        look(peer[i]);
        hang_up(&peer[i]);
    }
    return 0;
}
