/* SPDX-License-Identifier: MIT */
/* sluice config: look at the configuration without starting anything. */
#include "cli/addresses.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/options.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void say(const char *sentence, void *user)
{
    (void)user;
    fprintf(stderr, "sluice: %s\n", sentence);
}

/* Everything that `serve` would refuse before it opens the store. */
static int load(const char *command, int argc, char **argv, struct config **out)
{
    struct report r = {.say = say};
    int code = config_load(command, argc, argv, &r, out);

    if (code == EX_OK) code = addresses_check(*out, &r);
    return code;
}

static int config_check(int argc, char **argv)
{
    struct report r = {.say = say};
    struct config *c;
    int code = load("config check", argc, argv, &c);

    if (code == EX_OK) config_report_doubts(c, &r);
    if (code == EX_OK)
        printf("%s: ok\n",
               config_text(c, SET_CONFIG) ? config_text(c, SET_CONFIG) : "defaults");
    config_free(c);
    return code;
}

/* ---- print ---- */

static bool is_plain(const char *text)
{
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";

    return *text != '\0' && *text != '-' && strspn(text, safe) == strlen(text);
}

static size_t put_item(const char *text, char *out, size_t size)
{
    size_t n = 0;

    if (is_plain(text)) return (size_t)snprintf(out, size, "%s", text);
    out[n++] = '"';
    for (; *text != '\0' && n + 4 < size; text++) {
        if (*text == '"' || *text == '\\') out[n++] = '\\';
        out[n++] = *text;
    }
    out[n++] = '"';
    out[n] = '\0';
    return n;
}

/* One line of YAML, and behind it where the value comes from. */
static void print_setting(const struct config *c, enum setting_id id)
{
    const struct setting *s = &settings[id];
    const struct value *v = &c->value[id];
    char line[VALUE_ITEMS_MAX * 64 + VALUE_TEXT_MAX * 2 + 8], origin[600];
    size_t n = (size_t)snprintf(line, sizeof line, "%s%s%s:", s->section ? "  " : "",
                                v->n == 0 ? "# " : "", s->key);

    if (s->is_list && v->n > 0) n += (size_t)snprintf(line + n, sizeof line - n, " [");
    for (size_t i = 0; i < v->n && n + 2 * strlen(v->item[i]) + 16 < sizeof line; i++) {
        n += (size_t)snprintf(line + n, sizeof line - n, i > 0 ? ", " : s->is_list ? "" : " ");
        n += put_item(v->item[i], line + n, sizeof line - n);
    }
    if (s->is_list && v->n > 0) snprintf(line + n, sizeof line - n, "]");
    config_origin(c, id, origin, sizeof origin);
    printf("%-40s # %s\n", line, v->n == 0 ? "not set" : origin);
}

static int config_print(int argc, char **argv)
{
    const char *section = NULL;
    struct config *c;
    int code = load("config print", argc, argv, &c);

    for (int id = 0; id < SETTINGS && code == EX_OK; id++) {
        const struct setting *s = &settings[id];

        if (s->is_beginning) continue;
        if (s->section != NULL && (section == NULL || strcmp(section, s->section) != 0))
            printf("%s:\n", s->section);
        section = s->section;
        print_setting(c, (enum setting_id)id);
    }
    config_free(c);
    return code;
}

/* ---- explain ---- */

static void explain(const struct setting *s)
{
    char name[SETTING_NAME_SIZE], env[SETTING_NAME_SIZE], expect[VALUE_EXPECT_SIZE];

    printf("%s\n    %s\n\n", setting_name(s, name), s->help);
    printf("    takes        %s%s\n", s->is_list ? "a list; each item is " : "",
           value_expect(s, expect));
    printf("    default      %s\n", s->preset ? s->preset : "not set");
    if (s->is_beginning)
        printf("    in the file  -\n");
    else if (s->section != NULL)
        printf("    in the file  %s:\n                   %s: %s\n", s->section, s->key,
               s->example);
    else
        printf("    in the file  %s: %s\n", s->key, s->example);
    printf("    environment  %s%s%s\n", setting_env_name(s, env), s->also ? ", " : "",
           s->also ? s->also : "");
    printf("    flag         %s %s\n", s->flag, s->word);
    printf("    a change     %s\n",
           s->is_live ? "is applied on SIGHUP" : "waits for a restart");
}

/* "log.level", or "level" where only one is called so, or "--log-level". */
static const struct setting *find_by_word(const char *word)
{
    const struct setting *found = NULL;

    for (size_t i = 0; i < SETTINGS; i++) {
        char name[SETTING_NAME_SIZE], env[SETTING_NAME_SIZE];
        const struct setting *s = &settings[i];

        if (strcmp(setting_name(s, name), word) == 0 || strcmp(s->flag, word) == 0
            || strcmp(setting_env_name(s, env), word) == 0) {
            return s;
        }
        if (strcmp(s->key, word) == 0) found = s;
    }
    return found;
}

static int config_explain(int argc, char **argv)
{
    const struct setting *s;
    char guess[120];

    if (argc == 0) {
        for (size_t i = 0; i < SETTINGS; i++) {
            char name[SETTING_NAME_SIZE];

            printf("%-20s %s\n", setting_name(&settings[i], name), settings[i].help);
        }
        return EX_OK;
    }
    s = find_by_word(argv[0]);
    if (s == NULL) {
        fprintf(stderr, "sluice: there is no setting '%s'%s See: sluice config explain\n",
                argv[0], setting_guess(NULL, argv[0], guess, sizeof guess));
        return EX_USAGE;
    }
    explain(s);
    return EX_OK;
}

/* ---- the command ---- */

static const struct action {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} actions[] = {
    {"check",   "whether `sluice serve` with these options would take its settings",
     config_check                                                                                },
    {"print",   "the settings in force, as a file, and where each comes from",       config_print},
    {"explain", "what a setting is, takes and is called; without KEY: all of them",
     config_explain                                                                              },
};
#define ACTIONS (sizeof actions / sizeof actions[0])

static void print_help(void)
{
    printf("examples:\n"
           "  sluice config check --config /etc/sluice/sluice.yaml\n"
           "  sluice config print --config /etc/sluice/sluice.yaml\n"
           "  sluice config explain log.level\n\n"
           "usage: sluice config ACTION [OPTION VALUE]...\n\n");
    for (size_t i = 0; i < ACTIONS; i++)
        printf("  %-10s %s\n", actions[i].name, actions[i].help);
    printf("\n`check` and `print` take the options of `sluice serve`.\n");
}

static const char *name_of_action(const void *rows, size_t i)
{
    return ((const struct action *)rows)[i].name;
}

int cmd_config(int argc, char **argv)
{
    const char *near;

    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        print_help();
        return EX_OK;
    }
    for (size_t i = 0; i < ACTIONS && argc > 0; i++) {
        if (strcmp(argv[0], actions[i].name) == 0) return actions[i].run(argc - 1, argv + 1);
    }
    near = argc > 0 ? nearest(argv[0], name_of_action, actions, ACTIONS) : NULL;
    fprintf(stderr,
            "sluice: config takes check, print or explain%s%s%s See: sluice config --help\n",
            near ? "; did you mean " : ".", near ? near : "", near ? "?" : "");
    return EX_USAGE;
}
