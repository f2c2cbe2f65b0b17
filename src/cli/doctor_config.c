/* SPDX-License-Identifier: MIT */
/* The configuration test: a device's config.py and the program around it, contract glass §8. */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/doctor.h"
#include "cli/doctor_rules.h"
#include "cli/sim_words.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES_MAX     64 /* of the device's program that are looked at */
#define DEVICE_ID_MAX 128
#define LIBRARY_MS    10000

extern char **environ;

/* ---- files ---- */

/* The whole of a file of at most PY_FILE_BYTES_MAX bytes; free ptr with sl__free. */
static int read_file(const char *path, sl_str *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = sl__alloc(PY_FILE_BYTES_MAX + 1);
    size_t n = 0;
    ssize_t got = fd < 0 ? -1 : 0;
    int rc = fd < 0 ? -errno : text == NULL ? SL_E_NOMEM : 0;

    while (rc == 0 && n <= PY_FILE_BYTES_MAX
           && (got = read(fd, text + n, PY_FILE_BYTES_MAX + 1 - n)) > 0)
        n += (size_t)got;
    if (rc == 0 && got < 0) rc = -errno;
    if (rc == 0 && n > PY_FILE_BYTES_MAX) rc = SL_E_TOO_BIG;
    if (fd >= 0) close(fd);
    if (rc < 0) sl__free(text);
    *out = rc < 0 ? (sl_str){0} : (sl_str){text, n};
    return rc;
}

static bool holds(sl_str text, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= text.len; i++) {
        if (str_eq_nocase(str_part(text, i, n), sl_str_of(word))) return true;
    }
    return false;
}

/* A line that defines something whose name has "fps" in it. */
static bool defines_fps(sl_str text)
{
    for (sl_str rest = text, line; str_split(&rest, '\n', &line);) {
        while (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
            line = str_part(line, 1, line.len);
        if ((str_starts(line, SL_STR("def ")) || str_starts(line, SL_STR("class ")))
            && holds(str_part(line, 0, str_find_byte(line, '(')), "fps"))
            return true;
    }
    return false;
}

/* What lies beside config.py. */
struct program {
    int files; /* of Python, config.py and __init__.py not among them */
    bool has_fps, wants_library;
};

static void look_into(struct program *p, const char *path)
{
    sl_str text;

    if (read_file(path, &text) < 0) return;
    p->files++;
    p->has_fps |= defines_fps(text);
    p->wants_library |= holds(text, "import websocket") || holds(text, "from websocket");
    sl__free((char *)text.ptr);
}

static bool is_program(const char *name)
{
    sl_str s = sl_str_of(name);

    return str_ends(s, SL_STR(".py")) && strcmp(name, "config.py") != 0
           && strcmp(name, "__init__.py") != 0;
}

static void look_around(const char *config_py, const char *up, struct program *p)
{
    const char *slash = strrchr(config_py, '/');
    char folder[1024], path[1300];
    DIR *dir;

    snprintf(folder, sizeof folder, "%.*s%s", slash ? (int)(slash - config_py + 1) : 2,
             slash ? config_py : "./", up);
    dir = opendir(folder);
    if (dir == NULL) return;
    for (struct dirent *e; p->files < FILES_MAX && (e = readdir(dir)) != NULL;) {
        if (!is_program(e->d_name)) continue;
        snprintf(path, sizeof path, "%s%s", folder, e->d_name);
        look_into(p, path);
    }
    closedir(dir);
}

/* The folder of config.py; the one above as well if it is a package of the program's. */
static void find_program(const struct doctor *d, struct program *p)
{
    char path[1024];
    const char *slash = strrchr(d->config_py, '/');

    *p = (struct program){0};
    look_around(d->config_py, "", p);
    snprintf(path, sizeof path, "%.*s__init__.py", slash ? (int)(slash - d->config_py + 1) : 0,
             d->config_py);
    if (access(path, F_OK) == 0) look_around(d->config_py, "../", p);
}

/* ---- the rows ---- */

static void check_names(struct doctor *d, struct finding *f)
{
    char text[96];
    sl_str file;
    int rc = read_file(d->config_py, &file);

    if (rc < 0) {
        found(f, FOUND_FAIL, "%s cannot be read: %s", d->config_py,
              sl_strerror(rc, text, sizeof text));
        next_is(f, "give the file: sluice doctor --config-py modules/config.py");
        return;
    }
    rc = py_config_read(file, getenv, &d->config);
    sl__free((char *)file.ptr);
    if (rc < 0) {
        found(f, FOUND_FAIL, "%s has a text or a bracket that never ends", d->config_py);
        next_is(f, "close it: python3 -m py_compile %s says where", d->config_py);
        return;
    }
    for (int i = 0; i < PY_NAMES; i++) {
        if (d->config.value[i].kind != PY_ABSENT || i == PY_SUPABASE_URL || i == PY_SUPABASE_KEY
            || i == PY_BUCKET_NAME)
            continue;
        found(f, FOUND_FAIL, "%s is missing", py_name_text[i]);
        next_is(f, "add %s to %s", py_name_text[i], d->config_py);
        return;
    }
    d->known |= KNOWN_CONFIG; /* later rows have something to look at */
    found(f, FOUND_PASS, "all names are there");
}

static void check_address(struct doctor *d, struct finding *f)
{
    const struct py_value *v = &d->config.value[PY_BACKEND_URL];

    if (v->kind == PY_TEXT && v->text[0] != '\0')
        found(f, FOUND_PASS, "BACKEND_URL is %s", v->text);
    else if (v->kind == PY_OTHER)
        found(f, FOUND_SKIP, "BACKEND_URL is an expression that only Python can tell");
    else
        found(f, FOUND_FAIL, "BACKEND_URL is %s",
              v->kind == PY_TEXT     ? "empty"
              : v->kind == PY_LOOKUP ? "taken from the environment, where it is not set"
                                     : "no text");
}

static void check_url(struct doctor *d, struct finding *f)
{
    const struct py_value *v = &d->config.value[PY_BACKEND_URL];
    char dialled[RULE_URL_SIZE];
    struct dial_url u;
    const char *why;

    if (v->kind != PY_TEXT) {
        found(f, FOUND_SKIP, "there is no address to make it of");
        return;
    }
    rule_device_url(v->text, dialled);
    why = dial_url_parse(dialled, &u);
    if (why != NULL) {
        found(f, FOUND_FAIL, "the device makes %s of it: %s", dialled, why);
        return;
    }
    found(f, FOUND_PASS, "the device will dial %s, that is port %s", dialled, u.port);
    if (dial_url_parse(v->text, &u) == NULL && strstr(dialled, u.port) == NULL
        && strcmp(u.port, "80") != 0 && strcmp(u.port, "443") != 0) {
        f->state = FOUND_WARN;
        next_is(f,
                "the device drops the :%s that is written there: let the hub listen on 80 too, "
                "or redirect 80 to %s",
                u.port, u.port);
    }
}

/* A value that may be told only by Python passes; one that is plainly wrong does not. */
static const char *odd_value(const struct doctor *d)
{
    const struct py_value *v = d->config.value;

    if (v[PY_DEVICE_ID].kind != PY_TEXT && v[PY_DEVICE_ID].kind != PY_OTHER)
        return "DEVICE_ID is no text";
    if (v[PY_DEVICE_ID].kind == PY_TEXT
        && (v[PY_DEVICE_ID].text[0] == '\0' || strlen(v[PY_DEVICE_ID].text) > DEVICE_ID_MAX))
        return "DEVICE_ID must have 1 to 128 bytes";
    if (v[PY_MIN_CONFIDENCE].kind == PY_TEXT || v[PY_MIN_CONFIDENCE].kind == PY_NONE
        || (v[PY_MIN_CONFIDENCE].kind == PY_NUMBER
            && !(v[PY_MIN_CONFIDENCE].number >= 0 && v[PY_MIN_CONFIDENCE].number <= 1)))
        return "MIN_CONFIDENCE must be a number from 0 to 1";
    for (int i = PY_WIDTH; i <= PY_HEIGHT; i++) {
        if (v[i].kind == PY_OTHER || (v[i].kind == PY_NUMBER && v[i].number > 0)) continue;
        return i == PY_WIDTH ? "WIDTH must be a number above 0"
                             : "HEIGHT must be a number above 0";
    }
    return NULL;
}

/* Whether this is JSON that says its type. */
static bool is_message(const sl_json_out *out, const char *type)
{
    sl_json doc = {0};
    bool good =
        out->rc == 0 && sl_json_read(&doc, sl_out_text(out), NULL, NULL, NULL) == 0
        && sl_value_is_str(sl_value_get(sl_json_root(&doc), SL_STR("type")), sl_str_of(type));

    sl_json_deinit(&doc);
    return good;
}

static void check_messages(struct doctor *d, struct finding *f)
{
    const struct py_value *id = &d->config.value[PY_DEVICE_ID];
    const struct sighting seen = {.type = "edge_defect", .confidence = 0.92};
    const char *odd = odd_value(d);
    sl_json_out out = {0};
    bool good;

    if (odd != NULL) {
        found(f, FOUND_FAIL, "%s", odd);
        return;
    }
    words_register(&out, sl_str_of(id->kind == PY_TEXT ? id->text : "device"));
    good = is_message(&out, "device_register");
    sl_out_reset(&out);
    words_detection(&out, &seen, 0, 0, wall_now());
    good = good && is_message(&out, "detection");
    sl_out_deinit(&out);
    if (good)
        found(f, FOUND_PASS, "device_register and detection can be written with these values");
    else
        found(f, FOUND_FAIL, "the messages cannot be written with these values");
}

static void check_fps(struct doctor *d, struct finding *f)
{
    struct program p;

    find_program(d, &p);
    if (p.files == 0)
        found(f, FOUND_SKIP, "there is nothing but config.py: run it where the program lies");
    else if (p.has_fps)
        found(f, FOUND_PASS, "the program has its helper for frames per second");
    else
        found(f, FOUND_FAIL,
              "none of %d files beside config.py defines a helper with fps in "
              "its name",
              p.files);
}

/* python -c "import websocket", in /, so that nothing of the program is run. */
static int import_library(const char *python, int *status)
{
    static char flag[] = "-c", line[] = "import os; os.chdir('/'); import websocket";
    char name[512];
    char *const argv[] = {name, flag, line, NULL};
    posix_spawn_file_actions_t files;
    struct dial wait = DIAL_NONE;
    pid_t pid;
    int rc;

    snprintf(name, sizeof name, "%s", python);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    rc = -posix_spawnp(&pid, name, &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    if (rc < 0) return rc;
    dial_limit(&wait, LIBRARY_MS);
    while ((rc = waitpid(pid, status, WNOHANG)) == 0) {
        if (dial_now_ms() >= wait.until_ms) {
            kill(pid, SIGKILL);
            (void)!waitpid(pid, status, 0);
            return SL_E_TIMEOUT;
        }
        (void)dial_pause(&wait, 10);
    }
    return rc < 0 ? -errno : 0;
}

static void check_library(struct doctor *d, struct finding *f)
{
    struct program p;
    int status = 0, rc;
    char text[96];

    find_program(d, &p);
    if (!p.wants_library) {
        found(f, FOUND_SKIP, "no program beside config.py imports websocket");
        return;
    }
    rc = import_library(d->python, &status);
    if (rc < 0)
        found(f, FOUND_FAIL, "%s: %s", d->python, sl_strerror(rc, text, sizeof text));
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        found(f, FOUND_PASS, "%s has the websocket library", d->python);
    else
        found(f, FOUND_FAIL, "%s cannot import websocket", d->python);
}

static void check_stores(struct doctor *d, struct finding *f)
{
    static const enum py_name names[] = {PY_SUPABASE_URL, PY_SUPABASE_KEY, PY_BUCKET_NAME};

    for (size_t i = 0; i < 3; i++) {
        const struct py_value *v = &d->config.value[names[i]];

        if (v->kind == PY_OTHER || (v->kind == PY_TEXT && v->text[0] != '\0')) continue;
        found(f, FOUND_WARN, "%s is not set: the device keeps no pictures of defects",
              py_name_text[names[i]]);
        return;
    }
    found(f, FOUND_PASS, "the picture store is set");
}

// clang-format off
static const struct step config_steps[] = {
    {"config",   "config.py has all names",                  check_names,    "add what is missing", 0, 1},
    {"address",  "BACKEND_URL is not empty",                 check_address,  "set BACKEND_URL to the hub: http://HOST:5000", KNOWN_CONFIG, 2},
    {"url",      "the WebSocket address made of it",         check_url,      "write BACKEND_URL as http://HOST:PORT, with a name or an IPv4 address", KNOWN_CONFIG, 3},
    {"messages", "the messages can be written",              check_messages, "correct that value in config.py", KNOWN_CONFIG, 4},
    {"fps",      "the helper for frames per second is there", check_fps,     "copy the program's helper files to the device anew", KNOWN_CONFIG, 5},
    {"library",  "Python has the websocket library",         check_library,  "install it: apt install python3-websocket, or pip install websocket-client", KNOWN_CONFIG, 6},
    {"stores",   "the picture store is set (optional)",      check_stores,   "nothing, if pictures of defects are not wanted", KNOWN_CONFIG, 0},
};
// clang-format on

const struct part part_config = {"config", config_steps,
                                 sizeof config_steps / sizeof config_steps[0]};
