/* SPDX-License-Identifier: MIT */
/*
 * `sluice doctor`: the questions one asks when nothing is seen, as rows. A row has a name, what
 * it checks, the function that does so and the cure if that function knows no better one.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "sluice/json.h"

#include "base/clock.h"
#include "cli/dial_ws.h"
#include "cli/doctor_py.h"
#include "cli/doctor_rules.h"

enum finding_state { FOUND_PASS, FOUND_WARN, FOUND_FAIL, FOUND_SKIP };

#define FINDING_TEXT 360

/* Lines for the proxy in between, ready to paste; several are parted by '\n'. */
enum { PASTE_NGINX, PASTE_CADDY, PASTE_APACHE, PASTE_PROXIES };

struct paste {
    const char *lines[PASTE_PROXIES]; /* NULL: it needs none, or none is known */
};

extern const struct paste paste_upgrade, paste_prefix, paste_buffering, paste_body, paste_idle;

struct finding {
    enum finding_state state;
    char cause[FINDING_TEXT];  /* what was found */
    char next[FINDING_TEXT];   /* the one next step; "" after a pass */
    const struct paste *paste; /* or NULL */
    uint64_t took_ms;
};

/* What has been learnt so far, for rows that make no sense without it. */
enum {
    KNOWN_PORT = 1 << 0,
    KNOWN_HTTP = 1 << 1,
    KNOWN_HUB = 1 << 2,
    KNOWN_LINK = 1 << 3,
    KNOWN_CONFIG = 1 << 4
};

struct doctor;

/* What the first packet of a Socket.IO session says. */
struct sio_open {
    char sid[64];
    int64_t ping_ms; /* 0: it does not say */
};

struct step {
    const char *name, *checks;
    void (*run)(struct doctor *d, struct finding *f);
    const char *cure;
    unsigned needs; /* KNOWN_* bits */
    int code;       /* the exit code of its part if this is the first to fail */
};

struct part {
    const char *name;
    const struct step *step;
    size_t n;
};

extern const struct part part_hub, part_config, part_mock, part_backend;

#define DOCTOR_NOTES     4
#define DOCTOR_PATH_SIZE 800

struct doctor {
    /* asked for */
    struct dial_url url;
    const char *device;    /* NULL: any */
    const char *config_py; /* NULL: none */
    const char *python;
    uint64_t timeout_ms;
    int64_t idle_s; /* how long to listen into the silence; -1: if somebody is between */

    /* from the environment and --env-file, see doctor_setting */
    struct doctor_pair *pair;
    size_t pairs;

    /* learnt on the way */
    unsigned known;          /* KNOWN_* bits */
    struct rule_paths paths; /* of url */
    char between[64];        /* who answers in the hub's name; "": nobody, as far as is told */
    int64_t clock_ahead_us;  /* the hub's clock, minus ours */
    size_t devices;          /* that are connected */
    bool is_device_there;    /* the one that was asked for, or any */
    bool has_video;          /* frames in the last seconds */
    struct py_config config; /* of config_py */

    struct sio_open sio; /* a session by polling; sid "" if there is none */

    /* the mock device's connection */
    struct dial_ws link;
    int frames_sent;
    bool is_confirmed;

    const char *note[DOCTOR_NOTES]; /* said at the end; static */
    size_t notes;
};

/* The value of a name, or NULL; "" counts as none. The environment goes before files. */
const char *doctor_setting(const struct doctor *d, const char *name);

struct doctor_pair {
    char name[64], value[512];
};

void doctor_note(struct doctor *d, const char *sentence);

/* What a row says. The peer's bytes may be in it: control characters never get past here. */
void found(struct finding *f, enum finding_state state, const char *fmt, ...) SL_PRINTF(3, 4);
void next_is(struct finding *f, const char *fmt, ...) SL_PRINTF(2, 3);

/* ---- asking ---- */

/*
 * GET from `to` and read the answer as JSON.
 *
 * reply    zeroed; the document borrows from it; deinit both in any case
 * returns  0: `doc` is read; SL_E_JSON: there is an answer, but no JSON; else as dial_get
 */
int doctor_get(struct doctor *d, const struct dial_url *to, const char *path,
               struct reply *reply, sl_json *doc) SL_MUST_USE;

/* `path` of the hub, behind what a proxy may have put in front. returns `buf` */
const char *doctor_path(const struct doctor *d, const char *path, char buf[DOCTOR_PATH_SIZE]);

/* "0{"sid":…}", the first packet of an answer. returns false if it is none */
bool doctor_read_open(sl_str body, struct sio_open *out) SL_MUST_USE;

/* Say that a session by polling is not needed any more; nobody minds if that fails. */
void doctor_end_session(const struct doctor *d, const char *sid, int revision);

/* Now, by the hub's clock. */
int64_t doctor_hub_now_us(const struct doctor *d);

/* The hub's path for WebSocket, see rule_paths. */
const char *doctor_ws_path(const struct doctor *d);

/* ---- rows of other files ---- */

void step_settings(struct doctor *d, struct finding *f);
void step_device_address(struct doctor *d, struct finding *f);
void step_device_port(struct doctor *d, struct finding *f);
void step_reach(struct doctor *d, struct finding *f);
void step_registered(struct doctor *d, struct finding *f);
void step_frames(struct doctor *d, struct finding *f);
void step_detections(struct doctor *d, struct finding *f);
void step_between(struct doctor *d, struct finding *f);
void step_buffering(struct doctor *d, struct finding *f);
void step_body(struct doctor *d, struct finding *f);
void step_idle(struct doctor *d, struct finding *f);
void step_sio_revision(struct doctor *d, struct finding *f);
void step_sio_polling(struct doctor *d, struct finding *f);
void step_sio_websocket(struct doctor *d, struct finding *f);
void step_sio_upgrade(struct doctor *d, struct finding *f); /* of the session by polling */
void step_knocks(struct doctor *d, struct finding *f);

#endif
