/* SPDX-License-Identifier: MIT */
/*
 * What can be set, as one table. A row is the key in the configuration file, the flag, the
 * name in the environment, what may stand there, what stands there unasked, and the sentence
 * that explains it: flags, `--help`, `config check`, `print` and `explain` all read it here.
 */
#ifndef CLI_SETTING_H
#define CLI_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
    TYPE_TEXT,
    TYPE_PATH,
    TYPE_NUMBER,   /* whole */
    TYPE_DURATION, /* "2ms"; its number is in microseconds */
    TYPE_SIZE,     /* "16MiB"; its number is in bytes */
    TYPE_BOOL,
    TYPE_CHOICE,  /* its number says which of `words` */
    TYPE_ADDRESS, /* "127.0.0.1:5000" */
    TYPE_ORIGIN,  /* "any" or "https://site.example" */
    TYPE_HOST,    /* "hub.example" */
};

enum setting_id {
    SET_CONFIG,
    SET_ENV_FILE,
    SET_LISTEN,
    SET_DATA,
    SET_ACCESS,
    SET_ORIGINS,
    SET_HOSTS,
    SET_READY_FILE,
    SET_DELIVERY_BUDGET,
    SET_DELIVERY_QUEUE,
    SET_DELIVERY_DEFLATE,
    SET_DELIVERY_RECOVERY,
    SET_LIMITS_BODY,
    SET_LIMITS_CONNECTIONS,
    SET_LIMITS_PER_ADDRESS,
    SET_LIMITS_QUEUE_TOTAL,
    SET_LIMITS_MIN_RATE,
    SET_LIMITS_DEVICE_RATE,
    SET_LIMITS_ADDRESS_RATE,
    SET_LIMITS_ENROLMENTS,
    SET_LIMITS_DEVICES,
    SET_LOG_LEVEL,
    SET_LOG_FILE,
    SET_DEBUG_FRAMES,
    SETTINGS
};

enum { ACCESS_LOOPBACK, ACCESS_OPEN }; /* of SET_ACCESS, in the order of its words */

struct setting {
    const char *section; /* NULL: the key stands at the top of the file */
    const char *key;
    const char *flag, *word; /* "--listen", "HOST:PORT" */
    const char *also;        /* one more name in the environment, or NULL */
    enum setting_type type;
    bool is_list;
    bool is_live;      /* a reload applies it; else it waits for a restart */
    bool is_beginning; /* says where to read the others: no place in the file, nor in .env */
    int64_t min, max;
    const char *words;  /* of TYPE_CHOICE: "loopback|open" */
    const char *preset; /* the value when nobody says anything; NULL: none */
    const char *example;
    const char *help; /* one sentence */
};

extern const struct setting settings[SETTINGS];

#define SETTING_NAME_SIZE 48

/* "delivery.budget", and "SLUICE_DELIVERY_BUDGET"; both return buf. */
const char *setting_name(const struct setting *s, char buf[SETTING_NAME_SIZE]);
const char *setting_env_name(const struct setting *s, char buf[SETTING_NAME_SIZE]);

/* section NULL: at the top. NULL when there is none. */
const struct setting *setting_find(const char *section, const char *key);
bool setting_is_section(const char *name);

/*
 * A sentence's end for a key that is not there: "; did you mean log.level?", or "".
 *
 * section  where it was looked for; NULL: at the top
 * returns  buf
 */
const char *setting_guess(const char *section, const char *key, char *buf, size_t size);

#endif
