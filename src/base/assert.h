/* SPDX-License-Identifier: MIT */
/* States what only a bug of our own could break; stays on in releases. Never for peer input. */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#include <stdio.h>
#include <stdlib.h>

#define SL_ASSERT(cond)                                                             \
    do {                                                                            \
        if (__builtin_expect(!(cond), 0)) {                                         \
            fprintf(stderr, "sluice: %s:%d: bug: %s\n", __FILE__, __LINE__, #cond); \
            abort();                                                                \
        }                                                                           \
    } while (0)

#endif
