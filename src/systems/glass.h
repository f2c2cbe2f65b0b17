/* SPDX-License-Identifier: MIT */
/*
 * Glass defect cameras: raw WebSocket JSON on "/ws" and "/", the table of defects, the
 * devices that are there.
 *
 *   glass.c          the tables: what is taken from whom, and what each does
 *   glass_cameras.c  one state per device id, its newest frame
 *   glass_relay.c    a device's message with our keys in front
 *   glass_live.c     who is there, what dashboards are told
 *   glass_shapes.c   what messages look like
 *   glass_store.c    the table: what is written
 *   glass_history.c  what is read of it
 *   glass_pictures.c the picture of a detection, from the stream
 *   glass_pages.c    answers over HTTP in the shapes clients know
 */
#ifndef SYSTEMS_GLASS_H
#define SYSTEMS_GLASS_H

#include "hub/system.h"

extern const struct system glass_system;

#endif
