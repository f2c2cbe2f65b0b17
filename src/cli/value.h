/* SPDX-License-Identifier: MIT */
/* Values as people write them, read by the type of their setting. */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include "base/arena.h"
#include "cli/setting.h"

#define VALUE_ITEMS_MAX    32
#define VALUE_TEXT_MAX     1024
#define VALUE_EXPECT_SIZE  160
#define VALUE_ADDRESS_SIZE 64

/* The items' texts are in one form, however they were written: equal values look equal. */
struct value {
    const char *item[VALUE_ITEMS_MAX];
    size_t n;       /* 0: nothing is set; more than one: only lists */
    int64_t number; /* of the types that are one */
};

/*
 * Read one item and add it to `v`.
 *
 * returns  0; SL_E_INVAL: not what value_expect says; SL_E_FULL: more items than fit, or a
 *          second one where only one can be; SL_E_NOMEM
 */
int value_add(const struct setting *s, sl_str text, struct arena *a,
              struct value *v) SL_MUST_USE;

/* The same for "a, b, c", if the setting is a list. */
int value_add_list(const struct setting *s, sl_str text, struct arena *a,
                   struct value *v) SL_MUST_USE;

/* What value_add wants: "a whole number from 1 to 9"; returns buf. */
const char *value_expect(const struct setting *s, char buf[VALUE_EXPECT_SIZE]);

bool value_eq(const struct value *a, const struct value *b);

/*
 * "HOST:PORT", "[v6]:PORT" or ":PORT" taken apart; HOST is an IP address, "localhost" or "".
 *
 * returns  false: not that
 */
bool address_split(sl_str text, char host[VALUE_ADDRESS_SIZE], uint16_t *port);

/* Whether only this machine can come in by that host; "" is all addresses. */
bool address_is_loopback(const char *host);

#endif
