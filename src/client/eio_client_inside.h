/* SPDX-License-Identifier: MIT */
/* The inside of a client's Engine.IO session, for the files eio_client*.c. */
#ifndef CLIENT_EIO_CLIENT_INSIDE_H
#define CLIENT_EIO_CLIENT_INSIDE_H

#include "sluice/sio_packet.h"

#include "client/eio_client.h"
#include "client/http_client.h"
#include "client/ws_client.h"

enum eio_state { CONNECTING, OPEN, CLOSING, ENDED };

/*
 *   POLLING ──2probe──► PROBING ──3probe──► PAUSING ──poll and POST are back, 5──► WEBSOCKET
 *      ▲───────────────────┴───── it fails ─────┘
 */
enum eio_way { POLLING, PROBING, PAUSING, WEBSOCKET };

/* Bodies to POST, one after the other: a message with attachments may take several. */
#define CHUNKS (1 + SL_SIO_ATTACHMENTS_MAX + 1)

struct eio_client {
    struct eio_client_options o;
    const struct eio_client_events *on;
    void *user;
    enum eio_state state;
    enum eio_way way;
    struct http_client get, post;
    struct ws_client ws;
    sl_buf *chunk[CHUNKS];
    uint32_t chunk_n;
    uint32_t packet_n; /* in the last of them */
    bool beat_due;     /* a ping or pong waits for a way to leave */
    bool may_upgrade;
    bool pinged; /* revision 3: a pong is due */
    bool looked; /* patience is over, but for what may wait to be read */
    uint32_t interval_ms, timeout_ms;
    size_t payload_max; /* what the server takes; 0: it did not say */
    uint64_t heard_ms, pinged_ms;
    struct timer patience, beat, side; /* side: the end of the upgrade, or of closing */
    struct eio_client_end end;
    char *sid;   /* encoded for a query; NULL: none yet */
    char *query; /* "&..." or "" */
};

/* ---- eio_client.c ---- */

void eio_client_fail(struct eio_client *e, const char *reason, int code, int status,
                     const char *text);
/* One packet. `whole` and `from` as on_text; `buf` holds them */
void eio_client_receive(struct eio_client *e, const struct eio_packet *p, sl_buf *buf,
                        sl_str whole, const sl_json_index *index);
void eio_client_alive(struct eio_client *e);
/* Path and query of a request. NULL without memory; to be freed */
char *eio_client_target(const struct eio_client *e, const char *transport) SL_MUST_USE;
/* The text behind a refusal: {"message":..} of the body, or words for the status */
void eio_client_refused(struct eio_client *e, int status, sl_str body);

/* ---- eio_client_poll.c ---- */

int eio_poll_init(struct eio_client *e) SL_MUST_USE;
void eio_poll_ask(struct eio_client *e);   /* the next GET */
void eio_poll_flush(struct eio_client *e); /* POST what waits */
int eio_poll_put(struct eio_client *e, const sl_message *part, uint32_t n) SL_MUST_USE;
void eio_poll_close(struct eio_client *e); /* the close packet, behind all */

/* ---- eio_client_ws.c ---- */

int eio_ws_open(struct eio_client *e) SL_MUST_USE; /* or, if there is a sid, the probe */
int eio_ws_put(struct eio_client *e, const sl_message *part, uint32_t n) SL_MUST_USE;
void eio_ws_beat(struct eio_client *e);
void eio_ws_give_up_probe(struct eio_client *e);
/* PAUSING: if poll and POST are back, the WebSocket takes over */
void eio_ws_switch(struct eio_client *e);

#endif
