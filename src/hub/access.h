/* SPDX-License-Identifier: MIT */
/*
 * Who may come in. A website that someone visits must not reach the hub through their browser:
 * the name that the hub was called by (Host) must be ours, and the page that calls (Origin),
 * where there is one, must be our own, of this machine, or listed. Clients that are no
 * browsers send no Origin and are not bothered.
 *
 *   Host, Origin       the hub on loopback           with open access
 *   loopback           yes                           yes
 *   listed             yes                           yes
 *   any IP address     no                            Host: a website can not take one over by
 * DNS this machine's name, with or without .local      Host the origin that the Host names
 * itself            Origin: our own page
 *
 * source   RFC 9110 §7.2 (Host), RFC 6454 §6 and §7 (Origin)
 */
#ifndef HUB_ACCESS_H
#define HUB_ACCESS_H

#include "sluice/http.h"

#define ACCESS_NAME_SIZE 256

/* The rules of one moment; whoever owns them may change them between two requests. */
struct access {
    bool is_open;              /* others than this machine can reach us, and may */
    bool any_origin;           /* every website may use us: neither rule holds */
    const char *const *origin; /* as access_normal_origin made them; borrowed */
    size_t origin_count;
    const char *const *host; /* names without port, small letters; borrowed */
    size_t host_count;
    char own_name[ACCESS_NAME_SIZE]; /* of this machine, small letters; "" if it has none */
};

extern const struct access access_loopback; /* nothing but this machine */

/* "localhost", "*.localhost", 127.0.0.0/8 or [::1], with or without a port. RFC 6761 §6.3 */
bool access_is_loopback(sl_str authority);

/* Whether Host may be `host`; whether a page of `origin` may call a hub named `host`. */
bool access_takes_host(const struct access *a, sl_str host);
bool access_takes_origin(const struct access *a, sl_str host, sl_str origin);

/*
 * "HTTPS://Site.Example:443" -> "https://site.example", as browsers write it.
 *
 * returns  false: not scheme://host[:port], or longer than `size`
 */
bool access_normal_origin(sl_str text, char *out, size_t size);

/* A name or an address without port, small letters. false: not that */
bool access_normal_host(sl_str text, char *out, size_t size);

/* The hooks of sl_server_options; `user` points to a struct access. */
bool access_is_allowed(sl_request *r, int right, void *user);
sl_str access_allow_origin(sl_request *r, sl_str origin, void *user);

#endif
