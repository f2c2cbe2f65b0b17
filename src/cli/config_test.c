/* SPDX-License-Identifier: MIT */
#include "cli/config.h"

#include "base/alloc.h"
#include "cli/addresses.h"
#include "cli/report_test.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static char folder[] = "/tmp/sluice-config-XXXXXX";
static char file_path[64], env_path[64], data_env_path[64];

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(file_path, sizeof file_path, "%s/f.yaml", folder);
    snprintf(env_path, sizeof env_path, "%s/f.env", folder);
    snprintf(data_env_path, sizeof data_env_path, "%s/.env", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(file_path);
    unlink(env_path);
    unlink(data_env_path);
    return rmdir(folder);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Nothing writes into arguments, but main has them writable. */
static int load(int argc, const char **argv, struct report *r, struct config **out)
{
    return config_load("serve", argc, (char **)(uintptr_t)argv, r, out);
}

/* With a file of this text, and flags up to NULL. */
static int load_with(const char *text, struct heard *h, struct config **out, const char **flags)
{
    const char *argv[16] = {"--config", file_path};
    int argc = 2;

    write_file(file_path, text);
    for (; flags != NULL && *flags != NULL; flags++)
        argv[argc++] = *flags;
    return load(argc, argv, heard_init(h), out);
}

static void presets_stand_when_nobody_speaks(void **state)
{
    struct heard h;
    struct config *c;
    char text[64];

    (void)state;
    assert_int_equal(load(0, NULL, heard_init(&h), &c), EX_OK);
    assert_string_equal(config_text(c, SET_LISTEN), "127.0.0.1:5000");
    assert_int_equal(config_number(c, SET_DELIVERY_BUDGET), 2000);
    assert_int_equal(config_number(c, SET_LOG_LEVEL), 2);
    assert_null(config_text(c, SET_LOG_FILE));
    assert_string_equal(config_origin(c, SET_DATA, text, sizeof text), "default");
    assert_int_equal(addresses_check(c, &h.report), EX_OK);
    config_free(c);
}

static void each_layer_speaks_louder(void **state)
{
    /* a setting per layer: how many layers have set it */
    const char *flags[] = {"--data",      folder,  "--env-file", env_path,
                           "--log-level", "error", NULL};
    struct heard h;
    struct config *c;
    char text[256], wanted[256];

    (void)state;
    write_file(
        data_env_path,
        "SLUICE_HOSTS=b\nSLUICE_ORIGINS=http://b\nDEBUG_FRAMES=1\nSLUICE_DELIVERY_BUDGET=5ms\nSLUICE_DATA=/no\n");
    write_file(env_path,
               "SLUICE_ORIGINS=http://c\nDEBUG_FRAMES=no\nSLUICE_DELIVERY_BUDGET=6ms\n");
    setenv("SLUICE_DEBUG_FRAMES", "yes", 1);
    setenv("SLUICE_LOG_LEVEL", "warn", 1);
    setenv("SLUICE_ACCESS", "", 1); /* empty is unset */
    assert_int_equal(
        load_with("listen: [127.0.0.1:1, '127.0.0.1:2']\nhosts: a\norigins: http://a\n"
                  "access: open\n"
                  "log:\n  level: debug\ndelivery:\n  budget: 4ms\n",
                  &h, &c, flags),
        EX_OK);
    unsetenv("SLUICE_DEBUG_FRAMES");
    unsetenv("SLUICE_LOG_LEVEL");
    unsetenv("SLUICE_ACCESS");
    unlink(data_env_path);

    assert_int_equal(c->value[SET_LISTEN].n, 2);
    assert_string_equal(c->value[SET_LISTEN].item[1], "127.0.0.1:2");
    snprintf(wanted, sizeof wanted, "%s:1", file_path);
    assert_string_equal(config_origin(c, SET_LISTEN, text, sizeof text), wanted);
    assert_string_equal(config_text(c, SET_HOSTS), "b");
    assert_int_equal(c->value[SET_HOSTS].n, 1); /* replaced, not added to */
    snprintf(wanted, sizeof wanted, "env SLUICE_HOSTS in %s:1", data_env_path);
    assert_string_equal(config_origin(c, SET_HOSTS, text, sizeof text), wanted);
    assert_string_equal(config_text(c, SET_ORIGINS), "http://c");
    assert_int_equal(config_number(c, SET_DELIVERY_BUDGET), 6000);
    assert_int_equal(config_number(c, SET_DEBUG_FRAMES), 1);
    assert_string_equal(config_origin(c, SET_DEBUG_FRAMES, text, sizeof text),
                        "env SLUICE_DEBUG_FRAMES");
    assert_int_equal(config_number(c, SET_LOG_LEVEL), 0);
    assert_string_equal(config_origin(c, SET_LOG_LEVEL, text, sizeof text), "flag --log-level");
    assert_int_equal(config_number(c, SET_ACCESS), ACCESS_OPEN);
    assert_string_equal(config_text(c, SET_DATA), folder);
    config_free(c);
}

static const struct row {
    const char *text, *complaint; /* without the file's name */
} refused[] = {
    {"lisen: x\n",                           ":1:1: there is no setting 'lisen'; did you mean listen?"           },
    {"log:\n  levl: x\n",                    ":2:3: there is no setting 'levl' in log; did you mean level?"      },
    {"level: warn\n",                        ":1:1: there is no setting 'level'; did you mean log.level?"        },
    {"xyzzy: 1\n",                           ":1:1: there is no setting 'xyzzy'\n"                               },
    {"config: f\n",                          ":1:1: there is no setting 'config'"                                },
    {"log: warn\n",                          ":1:1: there is no setting 'log'"                                   },
    {"log:\n  level: loud\n",
     ":2:10: log.level takes one of error|warn|info|debug, not 'loud'; for example level: warn"                  },
    {"limits:\n  connections: 3x\n",
     ":2:16: limits.connections takes a whole number from 1 to 1000000, not '3x'; for example connections: 60000"},
    {"limits: {connections: 0}\n",           ":1:23: limits.connections takes a whole number from 1"             },
    {"delivery:\n  budget: 2\n",             ":2:11: delivery.budget takes a whole number with its unit"         },
    {"data: [a]\n",                          ":1:7: data takes one value, not a list"                            },
    {"data:\n",                              ":1:1: data needs a value, for example data: /var/lib/sluice"       },
    {"data: {a: b}\n",                       ":1:1: data needs a value"                                          },
    {"listen: [{a: b}]\n",                   ":1:10: an item of listen must be a plain value"                    },
    {"listen:\n  - 127.0.0.1:1\n  - here\n", ":3:5: listen takes HOST:PORT"                                      },
    {"origins: https://a.example/x\n",       ":1:10: origins takes any, or http(s)://HOST[:PORT]"                },
    {"- a\n",                                ":1:1: a configuration is lines of KEY: VALUE"                      },
    {"just words\n",                         ":1:1: a configuration is lines of KEY: VALUE"                      },
    {"data: a\ndata: b\n",                   ":2:1: the key data is here twice"                                  },
};

static void a_file_is_refused_with_place_and_cure(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct heard h;
        struct config *c;
        int code = load_with(refused[i].text, &h, &c, NULL);

        if (code != EX_CONFIG || c != NULL || h.report.count != 1
            || strstr(h.text, refused[i].complaint) != h.text + strlen(file_path)) {
            fail_msg("'%s': %d %s", refused[i].text, code, h.text);
        }
    }
}

static void one_look_shows_all_mistakes(void **state)
{
    struct heard h;
    struct config *c;

    (void)state;
    assert_int_equal(load_with("a: 1\nlog: {level: x, file: ''}\ndata: /x\n", &h, &c, NULL),
                     EX_CONFIG);
    assert_int_equal(h.report.count, 3);
}

static void empty_files_and_sections_are_fine(void **state)
{
    static const char *const texts[] = {"", "# nothing\n", "log:\n# level: warn\ndebug:\n"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct heard h;
        struct config *c;

        assert_int_equal(load_with(texts[i], &h, &c, NULL), EX_OK);
        config_free(c);
    }
}

static void flags_and_environment_are_refused(void **state)
{
    const char *bad_flag[] = {"--budget", "soon"}, *bad_env[] = {"--env-file", env_path};
    const char *missing[] = {"--config", "/nonexistent/f.yaml"}, *many[] = {"--access=a,b"};
    struct heard h;
    struct config *c;

    (void)state;
    assert_int_equal(load(2, bad_flag, heard_init(&h), &c), EX_USAGE);
    assert_string_equal(h.text,
                        "--budget takes a whole number with its unit (us, ms, s, min, h) "
                        "from 0 to 1s, not 'soon'; for example --budget 2ms\n");
    assert_int_equal(load(1, many, heard_init(&h), &c), EX_USAGE);
    assert_int_equal(load(2, missing, heard_init(&h), &c), EX_CONFIG);
    assert_non_null(strstr(h.text, "/nonexistent/f.yaml: the file cannot be read: "));

    write_file(env_path, "SLUICE_LOG_LEVEL=secret\nPORT=x\nnonsense\nUNKNOWN=fine\n");
    assert_int_equal(load(2, bad_env, heard_init(&h), &c), EX_CONFIG);
    assert_int_equal(h.report.count, 3);
    assert_null(strstr(h.text, "secret"));
    assert_non_null(strstr(h.text,
                           "f.env:1: SLUICE_LOG_LEVEL takes one of error|warn|info|debug; "
                           "for example SLUICE_LOG_LEVEL=warn\n"));
    assert_null(c);
}

static void one_queue_above_all_of_them_is_said(void **state)
{
    /* delivery.queue, and whether it is said beside a limits.queue_total of 8 MiB */
    static const struct {
        const char *queue;
        bool is_said;
    } rows[] = {
        {"8191KiB", false},
        {"8MiB",    false},
        {"8193KiB", true }
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *flags[] = {"--queue", rows[i].queue, "--queue-total", "8MiB"};
        struct heard h;
        struct config *c;

        assert_int_equal(load(4, flags, heard_init(&h), &c), EX_OK);
        config_report_doubts(c, &h.report);
        assert_int_equal(h.report.count, rows[i].is_said ? 1 : 0);
        if (rows[i].is_said) {
            assert_non_null(strstr(h.text, "delivery.queue (8193KiB)"));
            assert_non_null(strstr(h.text, "limits.queue_total (8MiB)"));
        }
        config_free(c);
    }
}

static void port_means_all_addresses(void **state)
{
    struct heard h;
    struct config *c;
    const char *open[] = {"--access", "open"}, *listen[] = {"--listen", "127.0.0.1:1"};

    (void)state;
    setenv("PORT", "8080", 1);
    assert_int_equal(load(0, NULL, heard_init(&h), &c), EX_OK);
    assert_string_equal(config_text(c, SET_LISTEN), ":8080");
    assert_int_equal(addresses_check(c, &h.report), EX_CONFIG);
    assert_non_null(strstr(h.text, "SLUICE_ACCESS=open"));
    assert_non_null(strstr(h.text, "SLUICE_LISTEN=127.0.0.1:8080"));
    config_free(c);
    assert_int_equal(load(2, open, heard_init(&h), &c), EX_OK);
    assert_int_equal(addresses_check(c, &h.report), EX_OK);
    config_free(c);
    assert_int_equal(load(2, listen, heard_init(&h), &c), EX_OK);
    assert_string_equal(config_text(c, SET_LISTEN), "127.0.0.1:1");
    config_free(c);
    setenv("SLUICE_LISTEN", "127.0.0.1:2", 1);
    assert_int_equal(load(0, NULL, heard_init(&h), &c), EX_OK);
    assert_string_equal(config_text(c, SET_LISTEN), "127.0.0.1:2");
    config_free(c);
    unsetenv("SLUICE_LISTEN");
    setenv("PORT", "80800", 1);
    assert_int_equal(load(0, NULL, heard_init(&h), &c), EX_CONFIG);
    setenv("PORT", "123456789012345678901234567890", 1);
    assert_int_equal(load(0, NULL, heard_init(&h), &c), EX_CONFIG);
    unsetenv("PORT");
}

static void each_allocation_may_fail(void **state)
{
    const char *argv[] = {"--config", file_path, "--hosts", "a,b"};
    struct heard h;
    struct config *c;
    int code = EX_OSERR;

    (void)state;
    write_file(file_path, "listen: [127.0.0.1:1]\nlog: {level: warn}\n");
    for (long n = 0; code != EX_OK; n++) {
        sl__alloc_fail_after(n);
        code = load(4, argv, heard_init(&h), &c);
        sl__alloc_fail_after(-1);
        if (code != EX_OK) assert_int_equal(code, EX_OSERR);
        assert_true(n < 200);
    }
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_stand_when_nobody_speaks),
        cmocka_unit_test(each_layer_speaks_louder),
        cmocka_unit_test(a_file_is_refused_with_place_and_cure),
        cmocka_unit_test(one_look_shows_all_mistakes),
        cmocka_unit_test(empty_files_and_sections_are_fine),
        cmocka_unit_test(flags_and_environment_are_refused),
        cmocka_unit_test(port_means_all_addresses),
        cmocka_unit_test(one_queue_above_all_of_them_is_said),
        cmocka_unit_test(each_allocation_may_fail),
    };

    unsetenv("PORT");
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
