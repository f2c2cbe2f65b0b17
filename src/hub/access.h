/* SPDX-License-Identifier: MIT */
/*
 * Who may come in. A hub on loopback needs no keys, but a website that someone visits must
 * not reach it through their browser: the name it was called by and the page that calls must
 * both be of this machine. Open access lets in everyone.
 */
#ifndef HUB_ACCESS_H
#define HUB_ACCESS_H

#include "sluice/http.h"

/* "localhost", "*.localhost", 127.0.0.0/8 or [::1], with or without a port. RFC 6761 §6.3 */
bool access_is_loopback(sl_str authority);

/* The hooks of sl_server_options; `user` points to a bool: access is open. */
bool access_is_allowed(sl_request *r, int right, void *user);
sl_str access_allow_origin(sl_request *r, sl_str origin, void *user);

#endif
