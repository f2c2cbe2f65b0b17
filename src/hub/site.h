/* SPDX-License-Identifier: MIT */
/* What the hub itself answers, whatever systems it carries: the page. */
#ifndef HUB_SITE_H
#define HUB_SITE_H

#include "sluice/http.h"

struct site {
    const sl_asset *assets;
    size_t asset_count;
};

/* `user` of each is the struct site. */
extern const sl_route site_routes[];
extern const size_t site_route_count;

#endif
