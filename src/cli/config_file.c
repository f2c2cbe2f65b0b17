/* SPDX-License-Identifier: MIT */
/* The configuration file: its tree of keys, laid over the table of settings. */
#include "base/str.h"
#include "cli/config.h"
#include "cli/yaml_tree.h"

struct file {
    struct config *config;
    struct report *report;
    const char *path;
};

static int take_value(struct file *f, const struct setting *s, const struct yaml_node *n)
{
    enum setting_id id = (enum setting_id)(s - settings);
    struct origin o = {.from = FROM_FILE, .file = f->path, .line = n->line, .name = s->key};
    struct value v = {0};
    int rc = 0;

    if (n->kind == YAML_MAP || (n->kind == YAML_SCALAR && n->is_bare && n->text.len == 0)) {
        report(f->report, "%s:%d:%d: %s needs a value, for example %s: %s", f->path,
               n->key_line, n->key_column, n->key, s->key, s->example);
        return SL_E_INVAL;
    }
    if (n->kind == YAML_SCALAR) {
        rc = config_read_value(f->config, id, n->text, true, &o, n->column, f->report, &v);
    } else if (!s->is_list) {
        report(f->report, "%s:%d:%d: %s takes one value, not a list", f->path, n->line,
               n->column, s->key);
        return SL_E_INVAL;
    }
    for (const struct yaml_node *i = n->first; i != NULL && rc == 0; i = i->next) {
        o.line = i->line;
        if (i->kind == YAML_SCALAR) {
            rc = config_read_value(f->config, id, i->text, false, &o, i->column, f->report, &v);
        } else {
            report(f->report, "%s:%d:%d: an item of %s must be a plain value", f->path, i->line,
                   i->column, s->key);
            rc = SL_E_INVAL;
        }
    }
    o.line = n->line;
    if (rc == 0) config_offer(f->config, id, &v, &o);
    return rc;
}

static int refuse_key(struct file *f, const char *section, const struct yaml_node *n)
{
    char guess[120];

    setting_guess(section, n->key, guess, sizeof guess);
    report(f->report, "%s:%d:%d: there is no setting '%.60s'%s%s%s", f->path, n->key_line,
           n->key_column, n->key, section ? " in " : "", section ? section : "", guess);
    return SL_E_INVAL;
}

/* Goes on behind a mistake, so that one look shows them all. */
static int take_map(struct file *f, const char *section, const struct yaml_node *map)
{
    int result = 0;

    for (const struct yaml_node *n = map->first; n != NULL; n = n->next) {
        const struct setting *s = setting_find(section, n->key);
        int rc;

        if (s != NULL && !s->is_beginning)
            rc = take_value(f, s, n);
        else if (section == NULL && setting_is_section(n->key) && n->kind == YAML_MAP)
            rc = take_map(f, n->key, n);
        else if (section == NULL && setting_is_section(n->key) && n->is_bare
                 && n->text.len == 0)
            rc = 0; /* all its lines are comments */
        else
            rc = refuse_key(f, section, n);
        if (rc == SL_E_NOMEM) return rc;
        if (rc < 0) result = rc;
    }
    return result;
}

int config_read_file(struct config *c, const char *path, sl_str text, struct report *r)
{
    struct file f = {.config = c, .report = r, .path = path};
    struct yaml_node *root;
    int rc = yaml_read(path, text, &c->arena, r, &root);

    if (rc < 0 || root == NULL) return rc;
    if (root->kind == YAML_SCALAR && root->is_bare && root->text.len == 0) return 0;
    if (root->kind != YAML_MAP) {
        report(r,
               "%s:%d:%d: a configuration is lines of KEY: VALUE, for example data: "
               "/var/lib/sluice",
               path, root->line, root->column);
        return SL_E_INVAL;
    }
    return take_map(&f, NULL, root);
}
