/* SPDX-License-Identifier: MIT */
/*
 * How a client reaches the hub, for links in answers: websites that live elsewhere take them as
 * they are. Stored are paths only, since a hub has many names.
 */
#ifndef HUB_BASE_URL_H
#define HUB_BASE_URL_H

#include "sluice/http.h"

#define BASE_URL_SIZE 272

/*
 * "http://hub.local:5000", as this request says it by Host. "https" if a proxy in front says so
 * by X-Forwarded-Proto; it need not be a known one, for whoever sends that is whom it misleads.
 *
 * returns  text in `room`, not terminated; empty if Host is absent or odd
 */
sl_str base_url_of(const sl_request *r, char room[BASE_URL_SIZE]);

#endif
