/* SPDX-License-Identifier: MIT */
/*
 * A store whose files were damaged, opened as a hub does at its start. It is refused with a
 * sentence, and no byte of it changes; or it opens, and what was not damaged is all there.
 *
 *   byte 0   1: the damage is done while it is open
 *   then six bytes for each act: what and where, page or frame, offset (2), argument (2)
 *
 * The store is a small one, made once: some records in the database, some in its log, a
 * transaction each. It lies in memory where there is /dev/shm.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "hub/spine.h"
#include "hub/store_open.h"
#include "systems/glass_store.h"
#include "systems/systems.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE     4096
#define FRAME    (24 + PAGE)
#define HEADER   32
#define ROWS_MAX 64
#define LOGGED   8 /* transactions in the log */
#define ACTS_MAX 8
#define FILE_MAX (512 * 1024)
#define ZEROS    8192 /* of those that the log has grown ahead */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct bytes {
    size_t len;
    uint8_t at[FILE_MAX];
};

struct row {
    int64_t seq;
    uint8_t digest[HASH_BYTES];
};

struct rows {
    int rc, n;
    struct row row[ROWS_MAX];
};

enum { DB, LOG, SHM, HOT, PART, SNAPSHOT, FILES };
static const char *const names[FILES] = {"sluice.db",      "sluice.db-wal",
                                         "sluice.db-shm",  "sluice.db-journal",
                                         "sluice-part.db", "sluice-3-20260301T093000.120Z.db"};

static char dir[64];
static struct bytes whole[FILES], now[FILES];
static struct rows all;
/* In the log: where each transaction ends, and the newest record then. */
static size_t ends[LOGGED + 1];
static int64_t seqs[LOGGED + 1];
static int logged;

/* ---- files ---- */

static const char *path_of(int which)
{
    static char path[FILES][128];

    snprintf(path[which], sizeof path[0], "%s/%s", dir, names[which]);
    return path[which];
}

static void read_file(int which, struct bytes *b)
{
    int fd = open(path_of(which), O_RDONLY);
    ssize_t n = 0;

    b->len = 0;
    while (fd >= 0 && (n = read(fd, b->at + b->len, FILE_MAX - b->len)) > 0)
        b->len += (size_t)n;
    SL_ASSERT(b->len < FILE_MAX);
    if (fd >= 0) close(fd);
}

static void write_file(int which, const struct bytes *b)
{
    int fd = open(path_of(which), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    SL_ASSERT(fd >= 0 && write(fd, b->at, b->len) == (ssize_t)b->len);
    close(fd);
}

static void remove_files(void)
{
    for (int i = 0; i < FILES; i++)
        unlink(path_of(i));
}

static void remove_all(void)
{
    remove_files();
    rmdir(dir);
}

/* ---- records ---- */

static int append(struct db *db, const struct record_kind *kind, const char *body)
{
    struct record *r = record_new(kind, SL_STR("cam-7"), sl_str_of(body));
    struct list batch;
    int64_t seq = 0;
    int rc;

    SL_ASSERT(r != NULL);
    list_init(&batch);
    list_add_last(&batch, &r->node);
    rc = spine_read_last_seq(db, &seq);
    if (rc == 0) rc = spine_write(db, &batch, &seq, NULL);
    if (rc > 0 && r->outcome.rc < 0) rc = r->outcome.rc;
    list_remove(&r->node);
    record_free(r);
    return rc;
}

static void fill(struct db *db, int n)
{
    static const struct record_kind plain = {.system = "test", .name = "plain"};
    char body[400];
    int rc;

    snprintf(body, sizeof body, "{\"n\":%d,\"defect_type\":\"%0*d\"}", n, 20 + n * 37 % 180, n);
    rc = append(db, n % 3 ? &glass_detection : &plain, body);
    SL_ASSERT(rc == 1);
}

static void read_rows(struct db *db, struct rows *out)
{
    struct stmt *s = db_stmt(db, "SELECT seq, id || system || kind || device || hub_at || body"
                                 " FROM record ORDER BY seq");

    out->n = 0;
    out->rc = s != NULL ? 0 : db_fail(db, NULL);
    while (out->rc == 0 && out->n < ROWS_MAX && (out->rc = stmt_step(s)) == 1) {
        struct row *r = &out->row[out->n++];

        r->seq = stmt_i64(s, 0);
        hash_bytes(stmt_str(s, 1), r->digest);
        out->rc = 0;
    }
    if (s != NULL) stmt_reset(s);
}

/* What GET /defects and its kin make of it: any answer, or an error. */
static void ask_all(struct db *db)
{
    for (size_t i = 0; i < GLASS_QUERIES; i++) {
        struct ask ask = {
            .number = {0, 0, 50, 0}
        };
        sl_json_out out = {0};

        if (i == 1) ask.text[0] = SL_STR("019cb0a0-0000-4000-8000-000000000005");
        (void)!glass_queries[i].fn(db, &ask, &out);
        sl_out_deinit(&out);
    }
}

static bool is_row(const struct row *a, const struct row *b)
{
    return a->seq == b->seq && memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

/* ---- the store as it was ---- */

static struct db *open_store(sl_error *err)
{
    struct db *db;
    int rc = store_open(path_of(DB), systems, system_count, &db, err);

    SL_ASSERT((rc == 0) == (db != NULL));
    SL_ASSERT(rc == 0 || (err->code == rc && err->text[0] != '\0' && err->where[0] != '\0'));
    return db;
}

static size_t log_end(void)
{
    size_t end = HEADER;

    read_file(LOG, &whole[LOG]);
    while (end + FRAME <= whole[LOG].len
           && memcmp(whole[LOG].at + end + 8, whole[LOG].at + 16, 8) == 0)
        end += FRAME;
    return end;
}

static void make(void)
{
    sl_error err = {0};
    struct db *db = open_store(&err);

    SL_ASSERT(db != NULL);
    for (int i = 0; i < 30; i++)
        fill(db, i);
    db_close(db);
    db = open_store(&err);
    SL_ASSERT(db != NULL);
    ends[0] = HEADER;
    seqs[0] = 30;
    for (logged = 0; logged < LOGGED;) {
        fill(db, 30 + logged);
        ends[++logged] = log_end();
        seqs[logged] = 30 + logged;
    }
    read_file(DB, &whole[DB]);
    if (whole[LOG].len > ends[LOGGED] + ZEROS) whole[LOG].len = ends[LOGGED] + ZEROS;
    read_file(SHM, &whole[SHM]);
    read_rows(db, &all);
    SL_ASSERT(all.rc == 0 && all.n == 30 + LOGGED);
    db_close(db);
    whole[PART] = whole[SNAPSHOT] = whole[DB];
    memcpy(whole[HOT].at, "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7\0\0\0\1",
           12); /* a journal's head */
    whole[HOT].len = 1024;
}

/* ---- damage ---- */

static uint32_t two(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static void act(const uint8_t *p)
{
    static const uint8_t targets[] = {DB, DB, DB, LOG, LOG, SHM, PART, HOT};
    int which = targets[p[0] >> 3 & 7];
    struct bytes *b = &now[which];
    size_t unit = which == LOG ? FRAME : PAGE, start = which == LOG ? HEADER : 0;
    size_t count = b->len > start ? (b->len - start) / unit + 1 : 1;
    size_t page = start + p[1] % count * unit, at, other;
    uint32_t arg = two(p + 4);

    if (which == LOG && p[1] == 255) page = 0; /* the log's own header */
    at = page + two(p + 2) % unit;
    other = start + arg % count * unit;
    switch (p[0] & 7) {
    case 0:
    case 1: /* a byte */
        if (at < b->len) b->at[at] ^= (uint8_t)(arg | (arg == 0));
        break;
    case 2: /* some bytes */
        for (size_t i = at; i < b->len && i < at + arg % 64; i++)
            b->at[i] = (uint8_t)(arg >> 8);
        break;
    case 3: /* a page of zeros */
        for (size_t i = page; i < b->len && i < page + unit; i++)
            b->at[i] = 0;
        break;
    case 4: /* a page twice, one lost */
        if (other + unit <= b->len && page + unit <= b->len)
            memmove(b->at + other, b->at + page, unit);
        break;
    case 5: /* the end is missing */
        if (at < b->len) b->len = at;
        break;
    case 6: /* more than there was */
        if (b->len + unit < FILE_MAX) {
            memset(b->at + b->len, (int)(arg & 0xff), arg % unit);
            b->len += arg % unit;
        }
        break;
    default: /* all of it */ b->len = arg & 1 ? 0 : b->len; memset(b->at, 0, b->len);
    }
    if (which == PART) now[SNAPSHOT] = *b;
}

static void damage(const uint8_t *data, size_t n)
{
    for (int i = 0; i < FILES; i++) {
        now[i].len = whole[i].len;
        memcpy(now[i].at, whole[i].at, whole[i].len);
    }
    for (size_t i = 0; i + 6 <= n && i < 6 * ACTS_MAX; i += 6)
        act(data + i);
}

static bool is_same(const struct bytes *a, const struct bytes *b)
{
    return a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
}

/* Is [from, to) of the log what it was? */
static bool is_whole(size_t from, size_t to)
{
    return now[LOG].len >= to
           && memcmp(now[LOG].at + from, whole[LOG].at + from, to - from) == 0;
}

/* ---- what is to be true ---- */

/* Nothing but its log was touched: what is missing is the end of it, and as a power cut
 * leaves it: no transaction that can be told to stand behind another. */
static void check_log(const struct rows *rows)
{
    int kept = 0;

    SL_ASSERT(rows->rc == 0 && rows->n >= 30 && rows->n <= all.n);
    for (int i = 0; i < rows->n; i++)
        SL_ASSERT(is_row(&rows->row[i], &all.row[i]));
    kept = rows->n - 30;
    for (int i = kept; i + 1 < logged; i++) {
        size_t commit = ends[i + 1] - FRAME;

        /* the head says that it is a commit, and its sum is the one that the next starts with
         */
        SL_ASSERT(!(is_whole(commit, commit + 24) && is_whole(ends[i + 1], ends[i + 2])
                    && is_whole(0, HEADER)));
    }
    for (size_t i = HEADER; !is_whole(0, HEADER) && i < now[LOG].len; i++)
        SL_ASSERT(now[LOG].at[i] == 0); /* without its head a log of something is refused */
}

static void check_refused(void)
{
    static struct bytes after;

    read_file(DB, &after);
    SL_ASSERT(is_same(&after, &now[DB]));
    read_file(LOG, &after);
    SL_ASSERT(is_same(&after, &now[LOG]));
}

/* It goes on: a record more, and those that were read stay as they are. */
static void check_goes_on(struct db *db, const struct rows *before, bool damaged)
{
    static struct rows after;
    int rc = append(db, &glass_detection, "{\"defect_type\":\"late\"}");

    SL_ASSERT(damaged || rc == 1);
    read_rows(db, &after);
    if (rc < 0 || after.rc < 0 || damaged) return;
    SL_ASSERT(after.n == before->n + 1);
    for (int i = 0; i < before->n; i++)
        SL_ASSERT(is_row(&after.row[i], &before->row[i]));
}

static void open_damaged(void)
{
    static struct rows rows;
    bool db_same = is_same(&now[DB], &whole[DB]), log_same = is_same(&now[LOG], &whole[LOG]);
    sl_error err = {0};
    struct db *db;

    for (int i = 0; i < FILES; i++) {
        if (i < SHM || !is_same(&now[i], &whole[i])) write_file(i, &now[i]);
    }
    db = open_store(&err);
    if (db == NULL) {
        SL_ASSERT(!db_same || !log_same);
        check_refused();
        return;
    }
    read_rows(db, &rows);
    if (db_same && log_same) SL_ASSERT(rows.rc == 0 && rows.n == all.n);
    if (db_same) check_log(&rows);
    if (!db_same && log_same && rows.rc == 0) SL_ASSERT(rows.n == all.n);
    ask_all(db);
    check_goes_on(db, &rows, !db_same || !log_same);
    db_close(db);
}

/* The disk gives way while the hub runs: reads and writes fail, or not; nothing else. */
static void open_then_damage(void)
{
    static struct rows rows;
    sl_error err = {0};
    struct db *db, *reader = NULL;

    write_file(DB, &whole[DB]);
    write_file(LOG, &whole[LOG]);
    db = open_store(&err);
    SL_ASSERT(db != NULL);
    if (now[DB].len > 0) { /* shorter is another thing: no disk does that */
        int fd = open(path_of(DB), O_WRONLY);

        SL_ASSERT(fd >= 0 && write(fd, now[DB].at, now[DB].len) == (ssize_t)now[DB].len);
        close(fd);
    }
    (void)!db_open(path_of(DB), DB_READ, &reader, &err);
    if (reader != NULL) {
        read_rows(reader, &rows);
        ask_all(reader);
    }
    db_close(reader);
    check_goes_on(db, &rows, true);
    (void)!db_checkpoint(db, DB_PASSIVE, 0, &err);
    db_close_as_it_is(db);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    snprintf(dir, sizeof dir, "%s/sluice-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    SL_ASSERT(mkdtemp(dir) != NULL);
    make();
    remove_files();
    atexit(remove_all);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0) return 0;
    damage(data + 1, n - 1);
    if (data[0] & 1)
        open_then_damage();
    else
        open_damaged();
    remove_files();
    return 0;
}
