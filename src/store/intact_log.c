/* SPDX-License-Identifier: MIT */
/*
 * SQLite's file format, §4: a header, then frames; each frame has the log's salts, and a sum
 * over all that came before it.
 *
 *   header │ magic version page-size count salt salt sum sum │
 *   frame  │ page commit? salt salt sum sum │ the page       │
 *
 * A frame can also be checked by itself, starting with the sum in the one before it. That
 * tells damage from what a power cut leaves: one transaction that was not synced, torn. A
 * commit at or behind the bad frame, and a whole transaction behind that commit, were synced
 * after each other.
 */
#include "store/intact_log.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define HEADER       32
#define FRAME_HEADER 24
#define PAGE_MIN     512
#define PAGE_MAX     65536
#define MAGIC        0x377f0682u /* the last bit: sums are of big-endian words */
#define VERSION      3007000
#define CHUNK        65536

struct sum {
    uint32_t a, b;
};

struct log {
    int fd;
    bool big;
    uint32_t page;
    uint8_t salts[8];
    struct sum sum; /* of the header */
    uint8_t *frame;
};

static uint32_t big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t little32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static struct sum add(struct sum s, bool big, const uint8_t *p, size_t n)
{
    for (const uint8_t *end = p + n; p < end; p += 8) {
        s.a += (big ? big32(p) : little32(p)) + s.b;
        s.b += (big ? big32(p + 4) : little32(p + 4)) + s.a;
    }
    return s;
}

static bool is_sum(struct sum s, const uint8_t *p)
{
    return s.a == big32(p) && s.b == big32(p + 4);
}

/* 1: all of it; 0: the file has less; -errno */
static int read_at(int fd, void *into, size_t n, int64_t at)
{
    size_t have = 0;

    while (have < n) {
        ssize_t got = pread(fd, (char *)into + have, n - have, at + (int64_t)have);

        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got < 0 ? -errno : 0;
        have += (size_t)got;
    }
    return 1;
}

/* 1: something but zeros from `at` on; 0: nothing; -errno */
static int has_bytes(int fd, int64_t at)
{
    static const uint8_t zeros[CHUNK];
    uint8_t *chunk = sl__alloc(CHUNK);
    int rc = 0;

    if (chunk == NULL) return -ENOMEM;
    for (;;) {
        ssize_t got = pread(fd, chunk, CHUNK, at);

        if (got < 0 && errno == EINTR) continue;
        if (got < 0) rc = -errno;
        if (got > 0 && memcmp(chunk, zeros, (size_t)got) != 0) rc = 1;
        if (got <= 0 || rc != 0) break;
        at += got;
    }
    sl__free(chunk);
    return rc;
}

/* What recovery needs to make anything of the rest. */
static bool read_header(struct log *l, const uint8_t *h)
{
    struct sum none = {0, 0};

    l->big = big32(h) & 1;
    l->page = big32(h + 8);
    memcpy(l->salts, h + 16, sizeof l->salts);
    l->sum = add(none, l->big, h, 24);
    return (big32(h) & ~1u) == MAGIC && big32(h + 4) == VERSION && l->page >= PAGE_MIN
           && l->page <= PAGE_MAX && (l->page & (l->page - 1)) == 0 && is_sum(l->sum, h + 24);
}

/* Walking: `chain` is as SQLite counts, `before` what the frame in front says of itself. */
struct walk {
    struct sum chain, before;
    int64_t at, bad; /* the first frame that recovery would not take; 0: none yet */
    bool commits;    /* at or behind the bad one, one has been seen */
    bool whole;      /* since that commit each frame follows the one before */
    bool damaged;
};

static void step(const struct log *l, struct walk *w)
{
    const uint8_t *f = l->frame;
    bool is_ours = memcmp(f + 8, l->salts, sizeof l->salts) == 0 && big32(f) != 0;
    bool is_commit = is_ours && big32(f + 4) != 0;
    bool follows;

    if (w->bad == 0) {
        w->chain = add(add(w->chain, l->big, f, 8), l->big, f + FRAME_HEADER, l->page);
        if (is_ours && is_sum(w->chain, f + 16)) return;
        w->bad = w->at;
        w->commits = is_commit;
        w->whole = is_commit;
    } else {
        follows =
            is_ours
            && is_sum(add(add(w->before, l->big, f, 8), l->big, f + FRAME_HEADER, l->page),
                      f + 16);
        w->whole = w->whole && follows;
        w->damaged |= w->commits && w->whole && is_commit;
        if (is_commit) w->commits = w->whole = true;
    }
    w->before = (struct sum){big32(f + 16), big32(f + 20)};
}

static int walk(struct log *l, struct log_state *out)
{
    struct walk w = {.chain = l->sum, .at = HEADER};
    size_t size = FRAME_HEADER + l->page;
    int rc = 0;

    l->frame = sl__alloc(size);
    if (l->frame == NULL) return -ENOMEM;
    while (!w.damaged && (rc = read_at(l->fd, l->frame, size, w.at)) > 0) {
        step(l, &w);
        w.at += (int64_t)size;
    }
    sl__free(l->frame);
    out->is_damaged = w.damaged;
    out->at = w.bad;
    return rc < 0 ? rc : 0;
}

int intact_log_read(const char *path, struct log_state *out)
{
    struct log l = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
    uint8_t header[HEADER];
    int rc;

    *out = (struct log_state){0};
    if (l.fd < 0) return errno == ENOENT ? 0 : -errno;
    rc = has_bytes(l.fd, 0);
    out->has_something = rc > 0;
    if (rc > 0) rc = read_at(l.fd, header, HEADER, 0);
    if (rc > 0) {
        /* the header is synced before the first frame: none is there without it */
        if (read_header(&l, header)) {
            rc = walk(&l, out);
        } else {
            rc = has_bytes(l.fd, HEADER);
            out->is_damaged = rc > 0;
        }
    }
    close(l.fd);
    return rc < 0 ? rc : 0;
}
