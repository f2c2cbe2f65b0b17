/* SPDX-License-Identifier: MIT */
/* The list, nothing else. */
#include "systems/systems.h"

#include "systems/glass.h"

const struct system *const systems[] = {
    &glass_system,
};
const size_t system_count = sizeof systems / sizeof systems[0];
