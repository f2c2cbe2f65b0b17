/* SPDX-License-Identifier: MIT */
/*
 * Request targets, queries, hosts and origins (RFC 3986, RFC 6454), without allocation.
 *
 * What could be routed one way and opened another is refused, not repaired: a decoded path
 * has exactly the segments that the raw one had.
 */
#ifndef PROTO_URL_H
#define PROTO_URL_H

#include "sluice/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Cut a target at its first '?'.
 *
 * path     never empty: "/" if the target has none (absolute form, RFC 9112 §3.2.2)
 * query    without the '?'; ptr NULL if there is no '?'
 */
void url_split(sl_str target, sl_str *path, sl_str *query);

/*
 * Decode a path.
 *
 * Refused: a '%' without two hex digits; encoded control bytes; encoded slash and backslash
 * (%2F, %5C: they would add a segment behind the router's back); a backslash as it is; the
 * segments "." and "..", encoded or not (browsers and tools resolve them before they send,
 * so who sends them wants something else); a path that does not begin with '/'.
 * Kept: empty segments ("//"), bytes above 0x7f, '+'.
 *
 * into     room for path.len bytes (it never grows); may be path.ptr itself
 * out      the decoded path, inside `into`
 * why      receives one sentence on failure; may be NULL
 * returns  0 or SL_E_INVAL (answer 400)
 */
int url_path_decode(sl_str path, char *into, sl_str *out, const char **why) SL_MUST_USE;

/*
 * Whether a decoded path may be opened below a folder: relative, no empty, "." or ".." segment,
 * no segment that begins with a dot, no NUL, control byte or backslash. A leading '/' is no
 * part of it. Symbolic links are the file system's affair (RESOLVE_BENEATH).
 */
bool url_is_file_path(sl_str relative);

/* ---- queries ---- */

/* Walk "a=1&b=2": `while (url_query_next(&rest, &name, &value))`. Both are raw; empty pairs
 * vanish. */
bool url_query_next(sl_str *rest, sl_str *name, sl_str *value);

/*
 * Decode a name or value: '+' is a space; a '%' without two hex digits stays as it is, as
 * browsers and the servers we stand in for do.
 *
 * into     room for raw.len bytes; may be raw.ptr itself
 * returns  bytes written, or SL_E_INVAL for an encoded NUL
 */
int64_t url_query_decode(sl_str raw, char *into) SL_MUST_USE;

/* Encode a name or value: all but RFC 3986's unreserved. `into` has room for 3 bytes each.
 * returns bytes written */
size_t url_query_encode(sl_str raw, char *into);

/*
 * The first value with this name, decoded.
 *
 * into     room for query.len bytes
 * returns  bytes written, SL_E_NOT_FOUND, or SL_E_INVAL for an encoded NUL in it
 */
int64_t url_query_find(sl_str query, sl_str name, char *into) SL_MUST_USE;

/* ---- hosts and origins ---- */

enum url_host_kind { URL_NAME, URL_IPV4, URL_IPV6 };

struct url_authority {
    sl_str host; /* as written, without brackets; compare names in any case */
    enum url_host_kind kind;
    uint8_t ip[16]; /* network order; 4 or 16 bytes by kind */
    bool has_port;
    uint16_t port;
};

/*
 * "host", "host:port", "1.2.3.4:80", "[::1]:80": what a Host field or a target may carry.
 * No user information (RFC 9110 §4.2.4), no empty host, no zone; an empty port ("host:") is
 * as none (RFC 3986 §3.2.3).
 *
 * returns  0 or SL_E_INVAL
 */
int url_authority_parse(sl_str text, struct url_authority *out) SL_MUST_USE;

struct url_origin {
    bool opaque; /* "null"; nothing else is set */
    sl_str scheme;
    struct url_authority at; /* port filled in for http, https, ws, wss */
};

/* An Origin field: "null" or scheme://host[:port], nothing behind. returns 0 or SL_E_INVAL */
int url_origin_parse(sl_str text, struct url_origin *out) SL_MUST_USE;

/* Same host (names in any case, addresses by value); ports are not compared. */
bool url_is_same_host(const struct url_authority *a, const struct url_authority *b);

/* "localhost", "*.localhost" (RFC 6761 §6.3), 127.0.0.0/8, ::1 */
bool url_is_loopback(const struct url_authority *a);

#endif
