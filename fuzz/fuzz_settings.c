/* SPDX-License-Identifier: MIT */
/*
 * A configuration file, or lines of environment if the first byte is 'E'. A refusal has its
 * sentence; a value that was taken is in its one form: read again it stays what it is.
 */
#include "base/assert.h"
#include "cli/config.h"

#include <stdlib.h>

static void say(const char *sentence, void *user)
{
    (void)user;
    SL_ASSERT(sentence[0] != '\0');
}

static void check_value(struct config *c, enum setting_id id)
{
    struct value again = {0};

    for (size_t i = 0; i < c->value[id].n; i++)
        SL_ASSERT(value_add(&settings[id], sl_str_of(c->value[id].item[i]), &c->arena, &again)
                  == 0);
    SL_ASSERT(value_eq(&again, &c->value[id]) && again.number == c->value[id].number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_str text = {(const char *)data, size};
    struct report r = {.say = say};
    struct config c = {0};
    int rc;

    if (size > 0 && data[0] == 'E')
        rc = config_read_env_text(&c, FROM_ENV_FILE, "f", (sl_str){text.ptr + 1, size - 1}, &r);
    else
        rc = config_read_file(&c, "f", text, &r);
    SL_ASSERT((rc == 0) == (r.count == 0) && (rc == 0 || rc == SL_E_INVAL));
    for (int id = 0; id < SETTINGS; id++)
        check_value(&c, (enum setting_id)id);
    arena_deinit(&c.arena);
    return 0;
}
