/* SPDX-License-Identifier: MIT */
#include "hub/store_open.h"

#include "hub/spine.h"
#include "store/intact.h"

static int migrate_all(struct db *db, const struct system *const *systems, size_t count,
                       sl_error *err)
{
    int rc = db_migrate(db, NULL, spine_steps, SPINE_STEPS, err);

    for (size_t i = 0; i < count && rc == 0; i++)
        rc = db_migrate(db, systems[i]->name, systems[i]->step, systems[i]->step_count, err);
    return rc;
}

/* A number given twice would be a record lost. */
static int check_numbers(struct db *db, sl_error *err)
{
    int64_t last_seq = 0;
    int rc = spine_read_last_seq(db, &last_seq);

    return rc < 0 ? intact_refuse(db, "no last number of a record", err) : 0;
}

int store_open(const char *path, const struct system *const *systems, size_t count,
               struct db **out, sl_error *err)
{
    struct db *db = NULL;
    int rc = db_open(path, DB_WRITE, &db, err);

    *out = NULL;
    if (rc < 0) return rc;
    rc = migrate_all(db, systems, count, err);
    if (rc == 0) rc = check_numbers(db, err);
    if (rc < 0) {
        db_close_as_it_is(db);
        return rc;
    }
    *out = db;
    return 0;
}
