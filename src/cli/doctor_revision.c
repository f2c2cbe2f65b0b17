/* SPDX-License-Identifier: MIT */
/*
 * The row about Engine.IO's revisions: clients of Socket.IO 1.x and 2.x say EIO=3, those of 3.x
 * and 4.x EIO=4. Asked of whatever answers HTTP, so that other servers are known for what they
 * are.
 */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/doctor.h"

#include <stdio.h>

enum { SPEAKS_3 = 1 << 0, SPEAKS_4 = 1 << 1 };

struct said {
    unsigned speaks;   /* SPEAKS_* bits */
    bool is_socket_io; /* at least its refusals are */
    int status;        /* of the last answer; 0: none */
    int rc;
};

/* "96:0{…": the first packet as revision 3 frames it. */
static sl_str unframe(sl_str body)
{
    size_t colon = str_find_byte(body, ':');
    uint64_t len;

    if (colon == body.len || !str_to_u64(str_part(body, 0, colon), &len)) return (sl_str){0};
    return str_part(body, colon + 1, len < body.len ? (size_t)len : body.len);
}

/* By what it answers, not by what it was asked: older servers do not look at EIO. */
static void judge_answer(const struct doctor *d, const struct reply *r, struct said *s)
{
    struct sio_open open;

    s->status = r->status;
    if (r->status == 200 && doctor_read_open(r->body, &open)) {
        s->speaks |= SPEAKS_4;
        doctor_end_session(d, open.sid, 4);
    } else if (r->status == 200 && doctor_read_open(unframe(r->body), &open)) {
        s->speaks |= SPEAKS_3;
        doctor_end_session(d, open.sid, 3);
    } else if (r->status == 400 && str_starts(r->body, SL_STR("{\"code\":"))) {
        s->is_socket_io = true;
    }
}

static void ask(struct doctor *d, int revision, struct said *s)
{
    struct reply *r = sl__zalloc(sizeof *r);
    struct dial dial = DIAL_NONE;
    char query[64], path[DOCTOR_PATH_SIZE];

    snprintf(query, sizeof query, "/socket.io/?EIO=%d&transport=polling", revision);
    dial_limit(&dial, d->timeout_ms);
    s->rc = r != NULL ? dial_get(&dial, &d->url, doctor_path(d, query, path), r) : SL_E_NOMEM;
    if (s->rc == 0) judge_answer(d, r, s);
    if (r != NULL) reply_deinit(r);
    sl__free(r);
}

static const struct {
    const char *what, *but, *next;
} spoken[] = {
    [0] = {"neither revision 3 nor 4 of Engine.IO",                 "every client is refused",
           "use a server of Socket.IO 3.x or 4.x"                                                                                                                           },
    [SPEAKS_3] = {"revision 3 of Engine.IO alone (Socket.IO 1.x and 2.x)",
           "clients of 3.x and 4.x, which say EIO=4, are refused",                             "use clients of 2.x (Python: python-socketio 4.x), or a newer server"        },
    [SPEAKS_4] =
        {"revision 4 of Engine.IO alone (Socket.IO 3.x and 4.x)",
           "clients of 1.x and 2.x, which say EIO=3, are refused",                             "use newer clients; a server of Node.js may take older ones: allowEIO3: true"},
    [SPEAKS_3 | SPEAKS_4] = {"revisions 3 and 4 of Engine.IO (Socket.IO 1.x to 4.x)", "",                        ""                                                                           },
};

/* "?EIO=5" of the address that was given: what a client says so */
static bool is_spoken(const char *revision, unsigned speaks)
{
    if (strcmp(revision, "3") == 0) return (speaks & SPEAKS_3) != 0;
    return strcmp(revision, "4") == 0 && (speaks & SPEAKS_4) != 0;
}

static void judge(const struct doctor *d, const struct said *s, struct finding *f)
{
    const char *revision = d->paths.revision;

    if (!(d->known & KNOWN_HUB)) {
        found(f, FOUND_FAIL, "that is a Socket.IO server, but not Sluice: it speaks %s",
              spoken[s->speaks].what);
        next_is(
            f,
            "ask for the hub's own address, or see what this one says: sluice tail http://%s",
            d->url.at);
    } else if (revision[0] != '\0' && !is_spoken(revision, s->speaks)) {
        found(f, FOUND_FAIL, "a client that says EIO=%s is refused (code 5): it speaks %s",
              revision, spoken[s->speaks].what);
        next_is(f, "clients of Socket.IO 1.x and 2.x say EIO=3, those of 3.x and 4.x EIO=4");
    } else if (s->speaks == (SPEAKS_3 | SPEAKS_4)) {
        found(f, FOUND_PASS, "%s", spoken[s->speaks].what);
    } else {
        found(f, FOUND_WARN, "it speaks %s: %s", spoken[s->speaks].what, spoken[s->speaks].but);
        next_is(f, "%s", spoken[s->speaks].next);
    }
}

void step_sio_revision(struct doctor *d, struct finding *f)
{
    struct said s = {0};
    char text[96];

    ask(d, 4, &s);
    if (s.rc == 0) ask(d, 3, &s);
    if (s.speaks != 0 || s.is_socket_io)
        judge(d, &s, f);
    else if (s.rc < 0)
        found(f, FOUND_SKIP, "no answer from /socket.io/: %s",
              sl_strerror(s.rc, text, sizeof text));
    else
        found(f, FOUND_SKIP, "no Socket.IO there: /socket.io/ answers %d", s.status);
}
