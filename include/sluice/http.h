/* SPDX-License-Identifier: MIT */
/*
 * An HTTP/1.1 server (RFC 9110, RFC 9112) on an sl_loop: listeners, routes, answers.
 *
 * Routes are rows. A request is handed over when its body is complete; the handler answers
 * now or later, on the loop's thread. One request at a time is in progress per connection.
 */
#ifndef SLUICE_HTTP_H
#define SLUICE_HTTP_H

#include "sluice/buf.h"
#include "sluice/err.h"
#include "sluice/json.h"
#include "sluice/loop.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sl_server sl_server;
typedef struct sl_request sl_request;
struct sl_trouble;
struct sl_ws_ops;
struct sl_route_hooks;

enum {
    SL_GET = 1 << 0, /* answers HEAD as well */
    SL_HEAD = 1 << 1,
    SL_POST = 1 << 2,
    SL_PUT = 1 << 3,
    SL_PATCH = 1 << 4,
    SL_DELETE = 1 << 5,
    SL_OPTIONS = 1 << 6, /* answered by the router unless a row takes it */
};

/* What a caller must be allowed to do; numbers above SL_RIGHT_OPEN are the application's. */
enum { SL_RIGHT_OPEN = 1 };

typedef void sl_request_fn(sl_request *r, void *user);

typedef struct sl_route {
    unsigned methods;
    const char *path; /* "/defects/:id"; a last "*name" takes the rest, slashes included */
    int right;        /* 0 is refused when the server is made: say SL_RIGHT_OPEN */
    sl_request_fn *on_request;  /* NULL for a row that takes upgrades alone */
    const struct sl_ws_ops *ws; /* an upgrade on this path opens a session; may be NULL */
    void *user;
    size_t body_max;                    /* bytes; 0: the server's */
    const struct sl_route_hooks *hooks; /* the library's own rows; else NULL */
} sl_route;

/* Row makers: they do not compile without a right. */
#define SL_ROUTE(methods, path, right, fn, user)                \
    {                                                           \
        (methods), (path), (right), (fn), NULL, (user), 0, NULL \
    }
#define SL_ROUTE_WS(path, right, ops, user)                   \
    {                                                         \
        SL_GET, (path), (right), NULL, (ops), (user), 0, NULL \
    }

typedef struct sl_server_options {
    const sl_route *routes; /* borrowed for the server's life */
    size_t route_count;

    /*
     * Whether this caller has that right; asked for every row, SL_RIGHT_OPEN included, when the
     * head has arrived and the body has not. May answer itself; else "no" is 403. NULL: only
     * SL_RIGHT_OPEN is given.
     */
    bool (*is_allowed)(sl_request *r, int right, void *user);
    /*
     * Access-Control-Allow-Origin for this Origin: "" none, "*", or the origin itself, which
     * may then send cookies as well. Asked for refused requests too: those may have no path.
     * NULL: "*" on every answer.
     */
    sl_str (*allow_origin)(sl_request *r, sl_str origin, void *user);
    /*
     * An attempt that leads nowhere, see sluice/trouble.h; called before the peer is answered.
     * It may look and note, but neither answer nor close anything. NULL: nobody is told.
     */
    void (*on_trouble)(const struct sl_trouble *t, void *user);
    void *user;

    size_t head_max;  /* bytes of request line and headers; 0: 16 KiB */
    size_t body_max;  /* bytes; 0: 10 MiB */
    uint32_t head_ms; /* from the first byte to the end of the head; 0: 10 s */
    uint32_t body_ms; /* longest silence inside a body; 0: 20 s */
    uint32_t idle_ms; /* between requests; 0: 75 s */
    /*
     * Bytes a second, over 20 s, below which a body (408), the reader of a large answer or of a
     * feed (cut) and a WebSocket message (1008, after 40 s) are ended; 0: 500. SL_RATE_NONE:
     * only silence ends them.
     */
    uint32_t rate_min;
    uint32_t connections_max; /* 0: 60,000, or what open files (raised here) allow */
    uint32_t connections_per_address_max; /* 0: 512; loopback exempt */
    uint32_t cork_us; /* latency budget of events; 0: 2,000; SL_CORK_NONE: never hold */
    size_t queue_max; /* bytes waiting per connection, a packet counts 128 at least; 0: 4 MiB */
    /*
     * Bytes waiting for all connections of the loop together, what goes to several counted
     * once; 0: 64 MiB, or queue_max if that is more. Beyond it the longest queues are cut,
     * those of rooms' members and feeds first, and a request in the same turn is answered 503.
     */
    size_t queue_total_max;

    /*
     * permessage-deflate (RFC 7692) for WebSocket clients that offer it: text messages from so
     * many bytes up to 64 KiB leave compressed, what goes to a room once per window size.
     * Newest-only messages never do. 0: it is not agreed on. SL_DEFLATE_MIN is a good choice.
     *
     * What comes compressed may grow a thousandfold, to message_max and no further; inflating
     * is the loop's work (16 MiB: 40 ms and more), so with strangers around keep that small.
     */
    uint32_t deflate_min;
    bool deflate_binary; /* binary messages as well */
    /*
     * Answers of JSON or text by sl_answer and sl_answer_buf, from so many bytes up to 64 KiB,
     * leave as gzip to who takes it; a strong ETag among its headers becomes weak then. One
     * that has a Content-Encoding of its own, or says Cache-Control: no-transform (as it should
     * if it holds a secret beside what a stranger can choose), is let alone. 0: 1 KiB;
     * SL_GZIP_NONE: never.
     */
    size_t gzip_min;
} sl_server_options;

#define SL_CORK_NONE   UINT32_MAX
#define SL_DEFLATE_MIN 256 /* JSON of so many bytes loses a third; half of that, a seventh */
#define SL_GZIP_NONE   SIZE_MAX
#define SL_RATE_NONE   UINT32_MAX

/* returns 0, SL_E_NOMEM, or SL_E_INVAL with `err` naming the row that is wrong */
SL_API int sl_server_new(sl_loop *loop, const sl_server_options *o, sl_server **out,
                         sl_error *err) SL_MUST_USE;

/*
 * Listen on "HOST:PORT"; several times is fine. HOST is an address, an IPv6 one in brackets,
 * or empty for all addresses; PORT may be 0.
 *
 * port     receives the port that was taken; may be NULL
 * returns  0, or what the system said; `err` names the address and the cure
 */
SL_API int sl_server_listen(sl_server *s, const char *address, uint16_t *port,
                            sl_error *err) SL_MUST_USE;

/* Take over the sockets that systemd passed (LISTEN_FDS). returns how many, or an error. */
SL_API int sl_server_listen_inherited(sl_server *s, sl_error *err) SL_MUST_USE;

/* After the loop has returned; NULL is fine. */
SL_API void sl_server_free(sl_server *s);

/* ---- the request: valid until it is answered, even if the peer has gone ---- */

SL_API unsigned sl_request_method(const sl_request *r); /* one of SL_GET … */
SL_API sl_str sl_request_path(const sl_request *r);     /* decoded, without the query */
SL_API sl_str sl_request_param(const sl_request *r, const char *name); /* from ":name" */
SL_API sl_str sl_request_query(const sl_request *r, const char *name); /* decoded; first wins */
/* `name` in any case; ptr is NULL if there is no such header */
SL_API sl_str sl_request_header(const sl_request *r, const char *name);
SL_API sl_str sl_request_body(const sl_request *r);
SL_API const char *sl_request_peer(const sl_request *r); /* "127.0.0.1:53211" */
SL_API bool sl_request_is_gone(const sl_request *r);     /* nobody will read the answer */

/*
 * ---- the answer: exactly one of the sl_answer calls ends the request ----
 *
 * It may come from inside the handler or later, and is due even if the peer has gone: it then
 * only frees the request. A second answer inside the handler is logged and ignored.
 */

/*
 * A header of your own, before the answer. Refused with SL_E_INVAL: values with control bytes,
 * and names that speak of the connection, the body or the origin (the server sets those).
 */
SL_API int sl_request_set_header(sl_request *r, const char *name, sl_str value);

SL_API void sl_answer(sl_request *r, int status, const char *content_type, sl_str body);
SL_API void sl_answer_buf(sl_request *r, int status, const char *content_type, sl_buf *body);
/* What was written, which is freed; 503 with a sentence if it could not be written. */
SL_API void sl_answer_json(sl_request *r, int status, sl_json_out *out);
/* {"error":"<sentence>"} with the status */
SL_API void sl_answer_error(sl_request *r, int status, const char *fmt, ...) SL_PRINTF(3, 4);

/*
 * A file below `root`: type by suffix, ETag, conditions, one Range, `name.gz` beside it for who
 * accepts gzip. A folder gives its index.html (and a redirect if the slash is missing).
 *
 * `path` is what came from the peer: nothing outside `root` is ever opened, symbolic links
 * included; hidden names are not found. Read on a worker in pieces, never on the loop.
 */
SL_API void sl_answer_file(sl_request *r, const char *root, sl_str path);

/* Bytes compiled into the program. */
typedef struct sl_asset {
    const char *path;                  /* "/index.html" */
    const char *type;                  /* "text/html; charset=utf-8" */
    const char *etag;                  /* quoted */
    const unsigned char *bytes, *gzip; /* gzip may be NULL */
    size_t len, gzip_len;
} sl_asset;

/* The asset with this path, with the same manners as a file; 404 if there is none. */
SL_API void sl_answer_asset(sl_request *r, const sl_asset *assets, size_t n, sl_str path);

/* ---- an answer without an end: Server-Sent Events, pictures one after another ---- */

typedef struct sl_feed sl_feed;

/*
 * Answer 200 with a body that goes on until one side ends it: chunked, or to the end of the
 * connection for HTTP/1.0 (RFC 9112 §7.1, §6.3). The request is freed. The connection ends with
 * the feed: the head says so, and what the peer sends behind its request is dropped. It says
 * Cache-Control: no-store and X-Accel-Buffering: no (for nginx) as well. A feed may say nothing
 * for as long as it likes; a peer that takes nothing of what waits for 20 s is cut. The stop of
 * the server closes it.
 *
 *     static void on_events(sl_request *r, void *user)
 *     {
 *         struct app *app = user;
 *         sl_feed *f;
 *
 *         if (sl_answer_feed(r, "text/event-stream", app_forget, app, &f) == 0)
 *             app_add(app, f);
 *     }
 *
 * on_close  the end, once, whoever ended it, when the connection has gone: never from inside
 *           a call of these. May be NULL
 * out       valid until on_close has returned; a feed that is closing refuses to send
 * returns   0; SL_E_CLOSED if the peer has gone, SL_E_NOMEM: it has been answered all the same,
 *           and on_close will not be called. HEAD is answered with the head alone: SL_E_CLOSED
 */
SL_API int sl_answer_feed(sl_request *r, const char *content_type,
                          void (*on_close)(sl_feed *f, void *user), void *user,
                          sl_feed **out) SL_MUST_USE;

/*
 * As sl_ws_send and sl_ws_send_newest: in order and bounded; or the newest under its key, which
 * replaces one that waits and is handed to the kernel only when that has room. A message is one
 * chunk: it leaves whole or not at all. Any key is yours.
 *
 * returns  0, SL_E_FULL, SL_E_CLOSED, SL_E_NOMEM, SL_E_INVAL (an empty message)
 */
SL_API int sl_feed_send(sl_feed *f, const sl_message *m);
SL_API int sl_feed_send_newest(sl_feed *f, uint32_t key, const sl_message *m);
SL_API void sl_feed_close(sl_feed *f); /* what waits leaves first; closing twice is fine */

#endif
