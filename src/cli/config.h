/* SPDX-License-Identifier: MIT */
/*
 * The configuration as it is in force: every setting's value and where it came from.
 *
 *   presets < file < .env in the data folder < --env-file < environment < flags
 *
 * All layers are checked, also where a later one speaks louder: what is wrong is said.
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "cli/report.h"
#include "cli/value.h"

enum from { FROM_PRESET, FROM_FILE, FROM_DATA_ENV, FROM_ENV_FILE, FROM_ENV, FROM_FLAG };

struct origin {
    enum from from;
    const char *file; /* of the file and the two env files */
    int line;
    const char *name; /* "PORT", "--listen"; in a file the setting's own */
};

struct config {
    struct arena arena;
    struct value value[SETTINGS];
    struct origin origin[SETTINGS];
};

/*
 * Read all layers; nothing is kept from an earlier time.
 *
 * command      for usage errors: "serve"
 * argv         flags only
 * out          NULL unless EX_OK is returned
 * returns      EX_OK; after complaints EX_USAGE (flags), EX_CONFIG, EX_NOPERM; EX_OSERR
 */
int config_load(const char *command, int argc, char **argv, struct report *r,
                struct config **out) SL_MUST_USE;
void config_free(struct config *c); /* NULL is fine */

/* The first item, or NULL when nothing is set. */
const char *config_text(const struct config *c, enum setting_id id);
int64_t config_number(const struct config *c, enum setting_id id);

/* Say what is allowed but hardly meant: settings that work against each other. */
void config_report_doubts(const struct config *c, struct report *r);

/* "default", "sluice.yaml:3", "env PORT", "env PORT in FILE:2", "flag --data"; returns buf */
const char *config_origin(const struct config *c, enum setting_id id, char *buf, size_t size);

/* ---- for the readers of layers ---- */

/*
 * Read one value's text and add it to `v`, or complain.
 *
 * column   in the file; 0: none
 * is_list  commas part items
 */
int config_read_value(struct config *c, enum setting_id id, sl_str text, bool is_list,
                      const struct origin *o, int column, struct report *r,
                      struct value *v) SL_MUST_USE;

/* It counts unless a louder layer has spoken. */
void config_offer(struct config *c, enum setting_id id, const struct value *v,
                  const struct origin *o);

/* A whole text file in the arena. returns 0, SL_E_TOO_BIG, SL_E_NOMEM or what errno said */
int config_read_text(const char *path, size_t max, struct arena *a, sl_str *out) SL_MUST_USE;

/* config_file.c: the YAML. returns 0, SL_E_INVAL after complaints, SL_E_NOMEM */
int config_read_file(struct config *c, const char *path, sl_str text,
                     struct report *r) SL_MUST_USE;

/* config_env.c: the environment, and a text of it. The same returns. */
int config_read_env(struct config *c, struct report *r) SL_MUST_USE;
int config_read_env_text(struct config *c, enum from from, const char *path, sl_str text,
                         struct report *r) SL_MUST_USE;

#endif
