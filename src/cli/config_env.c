/* SPDX-License-Identifier: MIT */
/* The environment, and files that stand in for it. */
#include "sluice/log.h"

#include "base/str.h"
#include "cli/config.h"
#include "cli/env_file.h"
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PREFIX "SLUICE_"

struct env {
    struct config *config;
    struct report *report;
    struct origin origin; /* its name and line change */
    bool has_listen;      /* SLUICE_LISTEN speaks louder than PORT */
};

/* Hosts that set PORT mean every address of theirs. */
static int take_port(struct env *e, sl_str text)
{
    char address[VALUE_ADDRESS_SIZE], host[VALUE_ADDRESS_SIZE];
    struct value v = {0};
    uint16_t port;
    sl_str copy;

    if (e->has_listen) return 0;
    if (text.len > 5 || snprintf(address, sizeof address, ":%.*s", (int)text.len, text.ptr) < 0
        || !address_split(sl_str_of(address), host, &port)) {
        report(e->report, "%s%sPORT takes a number from 0 to 65535; for example PORT=5000",
               e->origin.file ? e->origin.file : "", e->origin.file ? ": " : "");
        return SL_E_INVAL;
    }
    copy = arena_copy(&e->config->arena, sl_str_of(address));
    if (copy.ptr == NULL) return SL_E_NOMEM;
    v.item[v.n++] = copy.ptr;
    config_offer(e->config, SET_LISTEN, &v, &e->origin);
    return 0;
}

static bool is_ignored(const struct env *e, enum setting_id id)
{
    if (e->origin.from == FROM_ENV) return false;
    if (!settings[id].is_beginning && !(id == SET_DATA && e->origin.from == FROM_DATA_ENV))
        return false;
    SL_WARN("config",
            "msg=\"ignored: it must be known before this file is read\" name=%s file=%s",
            e->origin.name, e->origin.file);
    return true;
}

static int take_setting(struct env *e, enum setting_id id, sl_str text)
{
    struct value v = {0};
    int rc;

    if (is_ignored(e, id)) return 0;
    rc = config_read_value(e->config, id, text, true, &e->origin, 0, e->report, &v);
    if (rc < 0) return rc;
    config_offer(e->config, id, &v, &e->origin);
    if (id == SET_LISTEN) e->has_listen = true;
    return 0;
}

/* SETTINGS when the name is none of ours. */
static enum setting_id find_by_name(const char *name)
{
    char own[SETTING_NAME_SIZE];

    for (int i = 0; i < SETTINGS; i++) {
        if (strcmp(setting_env_name(&settings[i], own), name) == 0) return (enum setting_id)i;
        if (settings[i].also != NULL && strcmp(settings[i].also, name) == 0)
            return (enum setting_id)i;
    }
    return SETTINGS;
}

static const char *own_name(const void *rows, size_t i)
{
    return ((const char(*)[SETTING_NAME_SIZE])rows)[i] + strlen(PREFIX);
}

/* A slip of the finger in a name of ours would otherwise go unnoticed; other names are others'.
 */
static void warn_of_slip(const char *name)
{
    char own[SETTINGS][SETTING_NAME_SIZE];
    const char *near;

    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0) return;
    for (size_t i = 0; i < SETTINGS; i++)
        setting_env_name(&settings[i], own[i]);
    /* the prefix is the same in all of them and says nothing about nearness */
    near = nearest(name + strlen(PREFIX), own_name, own, SETTINGS);
    if (near != NULL)
        SL_WARN("config", "msg=\"there is no such setting; did you mean %s%s?\" name=%.60s",
                PREFIX, near, name);
}

/* An empty variable is the same as none: that is how people unset one in a unit file. */
static int take(struct env *e, const char *name, sl_str text)
{
    enum setting_id id;

    if (text.len == 0) return 0;
    e->origin.name = name;
    if (strcmp(name, "PORT") == 0) return take_port(e, text);
    id = find_by_name(name);
    if (id != SETTINGS) return take_setting(e, id, text);
    warn_of_slip(name);
    return 0;
}

int config_read_env(struct config *c, struct report *r)
{
    struct env e = {.config = c, .report = r, .origin = {.from = FROM_ENV}};
    const char *listen = getenv("SLUICE_LISTEN");
    int result = 0;

    e.has_listen = listen != NULL && *listen != '\0';
    for (char **at = environ; *at != NULL; at++) {
        sl_str line = sl_str_of(*at), name;
        int rc;

        if (!str_split(&line, '=', &name) || line.ptr == NULL) continue;
        name = arena_copy(&c->arena, name);
        if (name.ptr == NULL) return SL_E_NOMEM;
        rc = take(&e, name.ptr, line);
        if (rc == SL_E_NOMEM) return rc;
        if (rc < 0) result = rc;
    }
    return result;
}

static int on_line(const char *name, sl_str value, int line, void *user)
{
    struct env *e = user;
    int rc;

    e->origin.line = line;
    rc = take(e, name, value);
    return rc == SL_E_NOMEM ? rc : 0; /* the rest of the file is checked as well */
}

int config_read_env_text(struct config *c, enum from from, const char *path, sl_str text,
                         struct report *r)
{
    struct env e = {
        .config = c, .report = r, .origin = {.from = from, .file = path}
    };
    int before = r->count;
    int rc = env_file_read(path, text, &c->arena, r, on_line, &e);

    if (rc == 0 && r->count > before) rc = SL_E_INVAL;
    return rc;
}
