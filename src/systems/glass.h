/* SPDX-License-Identifier: MIT */
/*
 * Glass defect cameras: raw WebSocket JSON on "/ws" and "/", the table of defects, the
 * devices that are there.
 *
 *   glass.c          who is connected, what each message and request does
 *   glass_cameras.c  one state per device id, its newest frame
 *   glass_relay.c    a device's message with our keys in front
 *   glass_store.c    the table, what is written and what is read
 */
#ifndef SYSTEMS_GLASS_H
#define SYSTEMS_GLASS_H

#include "hub/system.h"

extern const struct system glass_system;

#endif
