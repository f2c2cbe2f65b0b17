/* SPDX-License-Identifier: MIT */
/* A device's message on its way to the dashboards: its own text, with our keys in front. */
#ifndef SYSTEMS_GLASS_RELAY_H
#define SYSTEMS_GLASS_RELAY_H

#include "sluice/json.h"

/*
 * The object `root` as it was written, with `ours` in front of its members. Members of the
 * device's own under one of `key` are left out, so nobody speaks in another's name.
 *
 * buf      holds the text that `root` was read from; the message holds it from now on, or a
 *          copy: relay_drop at the end
 * ours     members without braces: "device_id":"cam-7","timestamp":1
 * returns  0, SL_E_INVAL (no object, or an empty one), SL_E_NOMEM
 */
int relay_make(sl_value root, sl_buf *buf, sl_str ours, const sl_str *key, size_t n,
               sl_message *out) SL_MUST_USE;
void relay_drop(sl_message *m); /* a zeroed one is fine */

#endif
