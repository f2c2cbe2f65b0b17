/* SPDX-License-Identifier: MIT */
/*
 * The library on a loop of yours, beside your own handles. This is the one header that shows
 * libuv; sluice.h leaves it out. Link libuv as well: `pkg-config --libs sluice libuv`.
 *
 *     uv_loop_t *uv = uv_default_loop();
 *     sl_loop *loop;
 *
 *     rc = sl_loop_on_uv(uv, &loop);
 *     ...                          sl_server_new(loop, ...), your own handles
 *     uv_run(uv, UV_RUN_DEFAULT);  until sl_loop_stop, and your handles have closed
 *     sl_server_free(server);
 *     sl_loop_free(loop);
 *     uv_loop_close(uv);
 */
#ifndef SLUICE_UV_H
#define SLUICE_UV_H

#include "sluice/loop.h"

#include <uv.h>

/*
 * As sl_loop_new, but on `uv`, which stays yours: you run it, in any mode, and close it. More
 * than one sl_loop may share it.
 *
 * Callbacks of your handles may call everything that callbacks of the library may; what they
 * send leaves in the same round of the loop. sl_loop_now_us is read when the library's own work
 * of a round begins: in your callbacks it may be that of the round before.
 *
 * The end: sl_loop_stop (or sl_loop_stop_on_signals) begins it as ever. Until it was stopped
 * and all that hangs on it has gone, the sl_loop keeps `uv` alive; then it closes its handles,
 * and uv_run returns if no handles of yours are left. It never calls uv_stop: close your own
 * handles where you call sl_loop_stop.
 *
 * Freeing: once uv_run has come back from that, free the servers, then the loop, at once and in
 * this order; `uv` may be closed before or after. To give up earlier (when nothing listened or
 * no connection was taken yet, say because sl_server_listen failed), free them in the same
 * order: the loop's memory goes with the last callback of its handles, so run `uv` once more
 * before you close it.
 *
 * uv       borrowed until the end above; uv_loop_init was called on it
 * returns  0, SL_E_NOMEM, SL_E_INVAL (uv is NULL), or what libuv says. sl_loop_run on it is
 *          SL_E_INVAL
 * thread   the one that runs `uv`
 */
SL_API int sl_loop_on_uv(uv_loop_t *uv, sl_loop **out) SL_MUST_USE;

#endif
