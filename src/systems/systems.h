/* SPDX-License-Identifier: MIT */
#ifndef SYSTEMS_SYSTEMS_H
#define SYSTEMS_SYSTEMS_H

#include "hub/system.h"

extern const struct system *const systems[];
extern const size_t system_count;

#endif
