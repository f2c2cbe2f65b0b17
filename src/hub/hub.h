/* SPDX-License-Identifier: MIT */
/* The hub as its program sees it: made, listening, running until the loop stops, freed. */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "sluice/http.h"
#include "sluice/loop.h"

#include "hub/access.h"
#include "hub/limits.h"
#include "hub/system.h"

struct hub_options {
    const char *version; /* for metrics; NULL: "unknown" */
    const char *data_dir;
    const struct system *const *systems;
    size_t system_count;
    const sl_asset *assets; /* the page */
    size_t asset_count;
    uint32_t cork_us; /* as in sl_server_options */
    const struct access
        *access; /* read at each request: may change meanwhile; NULL: loopback */
    size_t body_max, queue_max, queue_total_max; /* as in sl_server_options; 0: its defaults */
    uint32_t rate_min;                           /* likewise */
    uint32_t recovery_ms;                        /* of Socket.IO, as in sl_sio_options */
    uint32_t connections_max, connections_per_address_max;
    struct limits_options limits; /* zeroed: none */
    bool deflate;                 /* compress events for WebSocket clients that offer it */
    bool debug_frames;            /* a log line for each frame, as DEBUG_FRAMES asks */
};

/*
 * Lock the data folder, open the store, bring schemas up to date, start the systems.
 *
 * o        its pointers are borrowed for the hub's life
 * returns  0; SL_E_BUSY: another process has the folder; SL_E_DB_NEWER; else what failed
 */
int hub_new(sl_loop *loop, const struct hub_options *o, struct hub **out,
            sl_error *err) SL_MUST_USE;

/* As sl_server_listen. */
int hub_listen(struct hub *hub, const char *address, uint16_t *port, sl_error *err) SL_MUST_USE;

/* After the loop has returned: commits what waits in the journal. NULL is fine. */
void hub_free(struct hub *hub);

#endif
