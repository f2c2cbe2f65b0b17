/* SPDX-License-Identifier: MIT */
/*
 * A configuration file, or lines of environment if the first byte is 'E'. A refusal has its
 * sentence; a value that was taken is in its one form: read again it stays what it is.
 *
 * 'L' in front: all layers as a start or a reload reads them, a form feed between the file, the
 * environment's file and the data folder's .env. All of it is taken, or nothing.
 */
#include "base/assert.h"
#include "cli/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static void say(const char *sentence, void *user)
{
    (void)user;
    SL_ASSERT(sentence[0] != '\0');
}

static void check_value(struct config *c, enum setting_id id)
{
    struct value again = {0};

    for (size_t i = 0; i < c->value[id].n; i++)
        SL_ASSERT(value_add(&settings[id], sl_str_of(c->value[id].item[i]), &c->arena, &again)
                  == 0);
    SL_ASSERT(value_eq(&again, &c->value[id]) && again.number == c->value[id].number);
}

static void check_all(struct config *c)
{
    for (int id = 0; id < SETTINGS; id++)
        check_value(c, (enum setting_id)id);
}

static char dir[64];
static const char *const layers[] = {"sluice.yaml", "env", ".env"};

static void clean(void)
{
    char path[96];

    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, layers[i]);
        unlink(path);
    }
    rmdir(dir);
}

static void make_folder(void)
{
    if (dir[0] != '\0') return;
    snprintf(dir, sizeof dir, "%s/sluice-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    SL_ASSERT(mkdtemp(dir) != NULL);
    atexit(clean);
}

static void put_file(const char *path, sl_str text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    SL_ASSERT(fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len);
    close(fd);
}

/* The folder is a flag's, the loudest: what the bytes name is not opened. */
static void check_layers(sl_str text)
{
    static char flags[][16] = {"--config", "--env-file", "--data"};
    char path[3][96], *argv[] = {flags[0], path[0], flags[1], path[1], flags[2], dir, NULL};
    struct config *c, *again;
    struct report r = {.say = say}, twice = {.say = say};
    int code;

    make_folder();
    for (size_t i = 0; i < 3; i++) {
        const char *end = text.len > 0 ? memchr(text.ptr, '\f', text.len) : NULL;
        size_t len = end != NULL ? (size_t)(end - text.ptr) : text.len;

        snprintf(path[i], sizeof path[i], "%s/%s", dir, layers[i]);
        put_file(path[i], (sl_str){text.ptr, len});
        len += end != NULL;
        text = (sl_str){text.ptr + len, text.len - len};
    }
    code = config_load("serve", 6, argv, &r, &c);
    SL_ASSERT((code == EX_OK) == (c != NULL) && (c != NULL) == (r.count == 0));
    SL_ASSERT(config_load("serve", 6, argv, &twice, &again) == code && twice.count == r.count);
    if (c != NULL) check_all(c);
    for (int id = 0; c != NULL && id < SETTINGS; id++)
        SL_ASSERT(value_eq(&c->value[id], &again->value[id]));
    config_free(c);
    config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_str text = {(const char *)data, size};
    struct report r = {.say = say};
    struct config c = {0};
    int rc;

    if (size > 0 && data[0] == 'L') {
        check_layers((sl_str){text.ptr + 1, size - 1});
        return 0;
    }
    if (size > 0 && data[0] == 'E')
        rc = config_read_env_text(&c, FROM_ENV_FILE, "f", (sl_str){text.ptr + 1, size - 1}, &r);
    else
        rc = config_read_file(&c, "f", text, &r);
    SL_ASSERT((rc == 0) == (r.count == 0) && (rc == 0 || rc == SL_E_INVAL));
    check_all(&c);
    arena_deinit(&c.arena);
    return 0;
}
