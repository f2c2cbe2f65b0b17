/* SPDX-License-Identifier: MIT */
/*
 * Errors, and the marks that every public declaration carries.
 *
 * A call that can fail returns one int: 0 for success, a libuv code passed through
 * (-1 to -4095), or one of ours below. Where a person has to mend something, a last
 * parameter `sl_error *err` (may be NULL) receives the place and a sentence as well.
 */
#ifndef SLUICE_ERR_H
#define SLUICE_ERR_H

#include <stddef.h>

#define SL_API               __attribute__((visibility("default")))
#define SL_MUST_USE          __attribute__((warn_unused_result))
#define SL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* name, code, the sentence for people */
#define SL_ERRORS(X)                                                   \
    X(NOMEM, -10001, "out of memory")                                  \
    X(INVAL, -10002, "invalid argument")                               \
    X(TOO_BIG, -10003, "larger than the limit")                        \
    X(FULL, -10004, "the queue has reached its bound")                 \
    X(CLOSED, -10005, "the connection is closed")                      \
    X(TIMEOUT, -10006, "the deadline has passed")                      \
    X(NOT_FOUND, -10007, "not found")                                  \
    X(EXISTS, -10008, "exists already")                                \
    X(PARTIAL, -10009, "incomplete: more bytes are needed")            \
    X(DEPTH, -10010, "nested deeper than the limit")                   \
    X(UTF8, -10011, "not valid UTF-8")                                 \
    X(JSON, -10012, "not valid JSON")                                  \
    X(HTTP, -10013, "not valid HTTP/1.1")                              \
    X(WS_PROTO, -10014, "WebSocket protocol error")                    \
    X(WS_UTF8, -10015, "WebSocket text is not valid UTF-8")            \
    X(STOPPING, -10016, "the server is shutting down")                 \
    X(LIMIT, -10017, "a connection limit has been reached")            \
    X(DB, -10018, "the database refused the operation")                \
    X(DB_NEWER, -10019, "the database was written by a newer version") \
    X(BUSY, -10020, "in use by another process")                       \
    X(ENGINE_IO, -10021, "not valid Engine.IO")                        \
    X(SOCKET_IO, -10022, "not valid Socket.IO")

#define SL_ERROR_ENUM(name, code, text) SL_E_##name = code,
enum { SL_OK = 0, SL_ERRORS(SL_ERROR_ENUM) };
#undef SL_ERROR_ENUM

/* Where something went wrong and what to do, for a person. Fixed size: never allocates. */
typedef struct sl_error {
    int code;
    size_t offset;  /* bytes into the input, where that makes sense */
    char where[96]; /* a file, a field, a key; "" if unknown */
    char text[192]; /* one sentence */
} sl_error;

/*
 * The sentence for a code of ours or of libuv's; unknown codes get their number.
 *
 * buf      receives the text, always terminated; returned for convenience
 * thread   any
 */
SL_API const char *sl_strerror(int code, char *buf, size_t size);

/* Fill `err` (nothing if NULL) and return `code`. */
SL_API int sl_fail(sl_error *err, int code, const char *where, const char *fmt, ...)
    SL_PRINTF(4, 5);

#endif
