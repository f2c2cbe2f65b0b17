/* SPDX-License-Identifier: MIT */
#include "sluice/log.h"

#include "cli/addresses.h"
#include "cli/log_file.h"
#include "cli/serve.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static void set_access(struct access *a, const struct config *c)
{
    const struct value *origins = &c->value[SET_ORIGINS], *hosts = &c->value[SET_HOSTS];

    *a = (struct access){
        .is_open = config_number(c, SET_ACCESS) == ACCESS_OPEN,
        .origin = origins->item,
        .origin_count = origins->n,
        .host = hosts->item,
        .host_count = hosts->n,
    };
    for (size_t i = 0; i < origins->n; i++) {
        if (strcmp(origins->item[i], "any") == 0) a->any_origin = true;
    }
    if (gethostname(a->own_name, sizeof a->own_name - 1) < 0) a->own_name[0] = '\0';
}

void serve_apply(struct serve *s, const struct config *c)
{
    bool was_open = s->access.is_open;

    set_access(&s->access, c);
    if (s->hub != NULL) s->access.is_open = was_open; /* waits for a restart */
    sl_log_set_level((sl_log_level)config_number(c, SET_LOG_LEVEL));
}

static void say(const char *sentence, void *user)
{
    (void)user;
    SL_ERROR("config", "msg=\"%s\"", sentence);
}

/* What a new configuration changes but a running hub can not. */
static void warn_of_restart(const struct serve *s, const struct config *new)
{
    char names[SETTINGS * SETTING_NAME_SIZE] = "";
    size_t n = 0;

    for (int id = 0; id < SETTINGS; id++) {
        char name[SETTING_NAME_SIZE];

        if (settings[id].is_live || value_eq(&s->first->value[id], &new->value[id])) continue;
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n > 0 ? "," : "",
                              setting_name(&settings[id], name));
    }
    if (n > 0)
        SL_WARN("config", "msg=\"changed, but in force only after a restart\" settings=%s",
                names);
}

/* returns the configuration to go on with, or NULL after complaints */
static struct config *read_again(struct serve *s)
{
    struct report r = {.say = say};
    struct config *new;
    int code = config_load("serve", s->argc, s->argv, &r, &new), rc;

    if (code == EX_OK) code = addresses_check(new, &r);
    if (code == EX_OK) {
        rc = log_file_open(config_text(new, SET_LOG_FILE));
        if (rc == 0) return new;
        report(&r, "%s: cannot open the log: %s", config_text(new, SET_LOG_FILE),
               strerror(-rc));
    }
    config_free(new);
    return NULL;
}

/*
 * On the loop: a page of text is read from a local file, once in a while.
 * The log is opened anew in any case, or a rotated file would grow on under its new name.
 */
void serve_reload(struct serve *s)
{
    struct config *new;

    if (sl__loop_is_stopping(s->loop)) return;
    notify_reloading(s->notify);
    new = read_again(s);
    if (new == NULL) {
        if (log_file_open(config_text(s->now, SET_LOG_FILE)) < 0) {
            SL_ERROR("config", "msg=\"the log file cannot be opened anew\"");
        }
        SL_ERROR("config", "msg=\"reload refused: the old configuration stays in force\"");
    } else {
        serve_apply(s, new);
        warn_of_restart(s, new);
        if (s->now != s->first) config_free(s->now);
        s->now = new;
        SL_INFO("config", "msg=\"reloaded\"");
    }
    serve_say_ready(s);
}
