/* SPDX-License-Identifier: MIT */
/* What the server does with the endless answers of sluice/http.h. */
#ifndef SERVE_FEED_H
#define SERVE_FEED_H

#include "serve/server.h"

/* Orderly stop: each feed ends as by sl_feed_close. */
void feed_close_all(sl_server *server);

#endif
