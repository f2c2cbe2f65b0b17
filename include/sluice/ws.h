/* SPDX-License-Identifier: MIT */
/*
 * WebSocket sessions, server side (RFC 6455), and rooms to publish into.
 *
 * A session begins on a route with `ws` set. Its callbacks run on the loop's thread. A
 * session may be used until `on_close` has returned, and not after.
 */
#ifndef SLUICE_WS_H
#define SLUICE_WS_H

#include "sluice/http.h"
#include "sluice/json.h"

typedef struct sl_ws sl_ws;

typedef struct sl_ws_ops {
    /* The handshake is answered; `upgrade` is borrowed for the call. May be NULL. */
    void (*on_open)(sl_ws *ws, const sl_request *upgrade, void *user);
    /*
     * One whole message; its slice is valid during the call, hold the buffer to keep it.
     * `index` is what sl_json_read and sl_json_peek take; NULL unless `json` is set.
     */
    void (*on_message)(sl_ws *ws, const sl_message *m, const sl_json_index *index, void *user);
    /* All that waited has left; it may come from inside a call that sends. May be NULL */
    void (*on_drain)(sl_ws *ws, void *user);
    /*
     * The end, once: the code received or sent, 1006 if there was none, 1013 if the queue was
     * full. `reason` is the peer's; where it gave no code, what happened in one sentence. May
     * be NULL.
     */
    void (*on_close)(sl_ws *ws, int code, sl_str reason, void *user);

    /*
     * Subprotocols spoken here, the dearest first, ends with NULL; NULL: none. The first that
     * the client offers is agreed on; who offers none of them is let in all the same, and it
     * is the client's to go (RFC 6455 §4.2.2, §4.1).
     */
    const char *const *protocols;
    bool json;          /* note the structure of text messages while they arrive */
    size_t message_max; /* bytes; 0: 16 MiB */
    uint32_t ping_ms;   /* ping after this silence; 0: 25 s */
    uint32_t idle_ms;   /* no bytes at all for so long: gone; 0: 60 s */
} sl_ws_ops;

/*
 * Send one message, in order. Answers leave at the end of the turn; they are never held.
 *
 * returns  0, SL_E_FULL when the session's queue is at its bound (nothing is queued),
 *          SL_E_CLOSED, SL_E_NOMEM
 */
SL_API int sl_ws_send(sl_ws *ws, const sl_message *m);
SL_API int sl_ws_send_text(sl_ws *ws, sl_str text); /* copied */

/*
 * The newest message of a kind: one that still waits under the same key is replaced, and
 * nothing is handed to the kernel before it has room.
 *
 * key      yours, but for the two highest
 * returns  as sl_ws_send, and SL_E_INVAL for a key that is not yours
 */
SL_API int sl_ws_send_newest(sl_ws *ws, uint32_t key, const sl_message *m);

/* Begin the closing handshake. `reason` at most 123 bytes; longer is cut at a character. */
SL_API void sl_ws_close(sl_ws *ws, int code, const char *reason);

SL_API void sl_ws_set_user(sl_ws *ws, void *data); /* yours; NULL at first */
SL_API void *sl_ws_user(const sl_ws *ws);
SL_API const char *sl_ws_peer(const sl_ws *ws, char *buf, size_t size);
SL_API const char *sl_ws_protocol(const sl_ws *ws); /* what was agreed on; NULL: none */

/* ---- rooms ---- */

typedef struct sl_room sl_room;

/* What happens to a member whose queue is at its bound. */
typedef enum sl_room_policy {
    SL_ROOM_SKIP,  /* this member misses this message; counted */
    SL_ROOM_CLOSE, /* this member is cut off, its on_close says 1013; counted */
} sl_room_policy;

typedef struct sl_room_stats {
    uint32_t members;
    uint64_t published, delivered; /* delivered: handed to a member's queue or socket */
    uint64_t newest;               /* of those delivered, as the newest under a key */
    uint64_t replaced;             /* newest-only: an older one gave way */
    uint64_t dropped_full, dropped_closed, closed_full, dropped_memory;
} sl_room_stats;

SL_API int sl_room_new(sl_server *s, sl_room_policy policy, sl_room **out) SL_MUST_USE;
SL_API void sl_room_free(sl_room *room); /* members leave; NULL is fine */

/* Joining twice is fine. returns 0, SL_E_NOMEM, or SL_E_CLOSED once the closing has begun */
SL_API int sl_room_join(sl_room *room, sl_ws *ws);
SL_API void sl_room_leave(sl_room *room, sl_ws *ws); /* a closed session has left */
SL_API bool sl_room_has(const sl_room *room, const sl_ws *ws);

/*
 * To every member but `except` (may be NULL). Encoded once, whoever and how many receive it.
 * The message's buffers are held until the last member has it, and must not change.
 *
 * returns  0 or SL_E_NOMEM (then nobody received it); SL_E_INVAL as sl_ws_send_newest
 */
SL_API int sl_room_publish(sl_room *room, const sl_message *m, const sl_ws *except);
SL_API int sl_room_publish_newest(sl_room *room, uint32_t key, const sl_message *m,
                                  const sl_ws *except);
SL_API void sl_room_get_stats(const sl_room *room, sl_room_stats *out);

#endif
