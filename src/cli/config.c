/* SPDX-License-Identifier: MIT */
#include "cli/config.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/str.h"
#include "cli/env_file.h"
#include "cli/options.h"
#include "cli/yaml_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- values ---- */

const char *config_text(const struct config *c, enum setting_id id)
{
    return c->value[id].n > 0 ? c->value[id].item[0] : NULL;
}

int64_t config_number(const struct config *c, enum setting_id id)
{
    return c->value[id].number;
}

const char *config_origin(const struct config *c, enum setting_id id, char *buf, size_t size)
{
    const struct origin *o = &c->origin[id];

    switch (o->from) {
    case FROM_PRESET: snprintf(buf, size, "default"); break;
    case FROM_FILE: snprintf(buf, size, "%s:%d", o->file, o->line); break;
    case FROM_DATA_ENV:
    case FROM_ENV_FILE:
        snprintf(buf, size, "env %s in %s:%d", o->name, o->file, o->line);
        break;
    case FROM_ENV: snprintf(buf, size, "env %s", o->name); break;
    case FROM_FLAG: snprintf(buf, size, "flag %s", o->name); break;
    }
    return buf;
}

void config_offer(struct config *c, enum setting_id id, const struct value *v,
                  const struct origin *o)
{
    if (o->from < c->origin[id].from) return;
    c->value[id] = *v;
    c->origin[id] = *o;
}

/* "FILE:LINE:COLUMN: ", as far as there is such a place. */
static const char *place(const struct origin *o, int column, char *buf, size_t size)
{
    if (o->file == NULL)
        *buf = '\0';
    else if (column > 0)
        snprintf(buf, size, "%s:%d:%d: ", o->file, o->line, column);
    else
        snprintf(buf, size, "%s:%d: ", o->file, o->line);
    return buf;
}

static void complain(const struct setting *s, sl_str text, int rc, const struct origin *o,
                     int column, struct report *r)
{
    /* how an example looks: in a file, in the environment, as a flag */
    const char *between = o->from == FROM_FILE ? ": " : o->from == FROM_FLAG ? " " : "=";
    char where[300], expect[VALUE_EXPECT_SIZE], shown[80] = "", own_name[SETTING_NAME_SIZE];
    const char *name = o->from == FROM_FILE ? setting_name(s, own_name) : o->name;
    int len = text.len < 40 ? (int)text.len : 40;

    place(o, column, where, sizeof where);
    if (rc == SL_E_FULL && s->is_list) {
        report(r, "%s%s takes %d values at most", where, name, VALUE_ITEMS_MAX);
        return;
    }
    if (rc == SL_E_FULL) {
        report(r, "%s%s takes one value, not a list", where, name);
        return;
    }
    if (o->from == FROM_FILE || o->from == FROM_FLAG) /* the environment may hold secrets */
        snprintf(shown, sizeof shown, ", not '%.*s'", len, text.ptr);
    report(r, "%s%s takes %s%s; for example %s%s%s", where, name, value_expect(s, expect),
           shown, o->from == FROM_FILE ? s->key : name, between, s->example);
}

int config_read_value(struct config *c, enum setting_id id, sl_str text, bool is_list,
                      const struct origin *o, int column, struct report *r, struct value *v)
{
    const struct setting *s = &settings[id];
    int rc = is_list ? value_add_list(s, text, &c->arena, v) : value_add(s, text, &c->arena, v);

    if (rc == SL_E_INVAL || rc == SL_E_FULL) {
        complain(s, text, rc, o, column, r);
        return SL_E_INVAL;
    }
    return rc;
}

/* ---- files ---- */

int config_read_text(const char *path, size_t max, struct arena *a, sl_str *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
    size_t len = 0;
    char *text;

    *out = (sl_str){0};
    if (fd < 0) return -errno;
    text = arena_alloc(a, max + 1);
    if (text == NULL) rc = SL_E_NOMEM;
    while (rc == 0 && len <= max) {
        ssize_t n = read(fd, text + len, max + 1 - len);

        if (n < 0 && errno == EINTR) continue;
        if (n < 0) rc = -errno;
        if (n <= 0) break;
        len += (size_t)n;
    }
    close(fd);
    if (rc == 0 && len > max) rc = SL_E_TOO_BIG;
    if (rc == 0) *out = (sl_str){text, len};
    return rc;
}

/* A file that somebody named must be there. */
static int refuse_text(const char *path, int rc, struct report *r)
{
    char why[96];

    if (rc == SL_E_NOMEM) return rc;
    report(r, "%s: the file cannot be read: %s", path, sl_strerror(rc, why, sizeof why));
    return rc == -EACCES || rc == -EPERM ? -EACCES : SL_E_INVAL;
}

static int read_named_file(struct config *c, struct report *r)
{
    const char *path = config_text(c, SET_CONFIG);
    sl_str text;
    int rc;

    if (path == NULL) return 0;
    rc = config_read_text(path, YAML_BYTES_MAX, &c->arena, &text);
    return rc < 0 ? refuse_text(path, rc, r) : config_read_file(c, path, text, r);
}

static int read_named_env(struct config *c, struct report *r)
{
    const char *path = config_text(c, SET_ENV_FILE);
    sl_str text;
    int rc;

    if (path == NULL) return 0;
    rc = config_read_text(path, ENV_FILE_BYTES_MAX, &c->arena, &text);
    return rc < 0 ? refuse_text(path, rc, r)
                  : config_read_env_text(c, FROM_ENV_FILE, path, text, r);
}

/* Where the data are is known only after all the others have spoken. */
static int read_data_env(struct config *c, struct report *r)
{
    char path[PATH_MAX];
    sl_str text, name;
    int rc;

    if (snprintf(path, sizeof path, "%s/.env", config_text(c, SET_DATA)) >= (int)sizeof path)
        return 0;
    rc = config_read_text(path, ENV_FILE_BYTES_MAX, &c->arena, &text);
    if (rc == -ENOENT || rc == -ENOTDIR) return 0;
    if (rc < 0) return refuse_text(path, rc, r);
    name = arena_copy(&c->arena, sl_str_of(path));
    if (name.ptr == NULL) return SL_E_NOMEM;
    return config_read_env_text(c, FROM_DATA_ENV, name.ptr, text, r);
}

/* ---- flags ---- */

struct flags {
    const char *text[SETTINGS];
    struct option_list list[SETTINGS];
    struct option row[SETTINGS];
};

static bool read_flags(const char *command, int argc, char **argv, struct flags *f)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];
        struct option *row = &f->row[i];

        *row = (struct option){.name = s->flag, .word = s->word, .help = s->help};
        row->kind = s->is_list             ? OPTION_LIST
                    : s->type == TYPE_BOOL ? OPTION_SWITCH
                                           : OPTION_TEXT;
        row->into = s->is_list ? (void *)&f->list[i] : (void *)&f->text[i];
    }
    return options_read(command, f->row, SETTINGS, argc, argv);
}

static int take_flag(struct config *c, enum setting_id id, const struct flags *f,
                     struct report *r)
{
    const struct origin o = {.from = FROM_FLAG, .name = settings[id].flag};
    const struct option_list *list = &f->list[id];
    struct value v = {0};
    int rc = 0;

    if (f->text[id] == NULL && list->n == 0) return 0;
    if (f->text[id] != NULL)
        rc = config_read_value(c, id, sl_str_of(f->text[id]), false, &o, 0, r, &v);
    for (int i = 0; i < list->n && rc == 0; i++)
        rc = config_read_value(c, id, sl_str_of(list->item[i]), true, &o, 0, r, &v);
    if (rc == 0) config_offer(c, id, &v, &o);
    return rc;
}

static int take_flags(struct config *c, const struct flags *f, struct report *r)
{
    int rc = 0;

    for (int id = 0; id < SETTINGS && rc == 0; id++)
        rc = take_flag(c, (enum setting_id)id, f, r);
    return rc;
}

/* ---- all of it ---- */

static int take_presets(struct config *c)
{
    for (int id = 0; id < SETTINGS; id++) {
        const struct setting *s = &settings[id];
        int rc;

        if (s->preset == NULL) continue;
        rc = value_add_list(s, sl_str_of(s->preset), &c->arena, &c->value[id]);
        SL_ASSERT(rc != SL_E_INVAL && rc != SL_E_FULL);
        if (rc < 0) return rc;
    }
    return 0;
}

static int exit_code(int rc)
{
    switch (rc) {
    case 0: return EX_OK;
    case SL_E_NOMEM: return EX_OSERR;
    case -EACCES: return EX_NOPERM;
    default: return EX_CONFIG;
    }
}

/* Layers say where the next ones lie; louder ones keep what they have said. */
static int load_layers(struct config *c, struct report *r)
{
    int rc = config_read_env(c, r);

    if (rc == 0) rc = read_named_file(c, r);
    if (rc == 0) rc = read_named_env(c, r);
    if (rc == 0) rc = read_data_env(c, r);
    return rc;
}

int config_load(const char *command, int argc, char **argv, struct report *r,
                struct config **out)
{
    struct flags flags = {0};
    struct config *c;
    int code, rc;

    *out = NULL;
    if (!read_flags(command, argc, argv, &flags)) return EX_USAGE;
    c = sl__zalloc(sizeof *c);
    if (c == NULL) return EX_OSERR;
    rc = take_presets(c);
    code = exit_code(rc);
    if (rc == 0) {
        rc = take_flags(c, &flags, r);
        code = rc == SL_E_INVAL ? EX_USAGE : exit_code(rc);
    }
    if (rc == 0) {
        rc = load_layers(c, r);
        code = exit_code(rc);
    }
    if (rc == 0)
        *out = c;
    else
        config_free(c);
    return code;
}

void config_free(struct config *c)
{
    if (c == NULL) return;
    arena_deinit(&c->arena);
    sl__free(c);
}
