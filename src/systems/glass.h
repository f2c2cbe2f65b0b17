/* SPDX-License-Identifier: MIT */
/*
 * Glass defect cameras: raw WebSocket JSON on "/ws" and "/", the table of defects, the
 * devices that are there.
 *
 *   glass.c        who is connected, what each message does
 *   glass_relay.c  a device's message with our keys in front
 *   glass_store.c  the table, what is written and what is read
 */
#ifndef SYSTEMS_GLASS_H
#define SYSTEMS_GLASS_H

#include "hub/system.h"

extern const struct system glass_system;

/* ---- glass_relay.c ---- */

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

/* ---- glass_store.c ---- */

#define GLASS_STEPS 1
extern const char *const glass_steps[GLASS_STEPS];
extern const struct record_kind glass_detection;

/* "2026-03-01T09:30:00.120000+00:00"; returns buf */
#define TIMESTAMPTZ_SIZE 40
const char *timestamptz(struct wall at, char buf[TIMESTAMPTZ_SIZE]);

/* GET /defects */
struct defect_page {
    int64_t limit, offset;
};
int glass_read_defects(struct db *db, sl_json_out *out, const void *page);

#endif
