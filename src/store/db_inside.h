/* SPDX-License-Identifier: MIT */
/* What the files of this floor know of a connection, and nobody else. */
#ifndef STORE_DB_INSIDE_H
#define STORE_DB_INSIDE_H

#include "store/db.h"

#include <sqlite3.h>

#define STATEMENTS_MAX 64

struct stmt {
    sqlite3_stmt *raw;
    const char *sql; /* the literal it was asked for with */
    int rc;          /* the first bind that failed */
};

struct db {
    sqlite3 *raw;
    bool was_there;  /* it held something when it was opened: worth a snapshot */
    bool is_snapped; /* and that has been made */
    int64_t page_size;
    int64_t wal_pages; /* after the last commit of this connection */
    int n;
    struct stmt stmt[STATEMENTS_MAX];
};

/* The code of ours (or of the system's) for one that SQLite has just given this thread. */
int db_code(int rc);

#endif
