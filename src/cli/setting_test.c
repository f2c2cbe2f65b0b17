/* SPDX-License-Identifier: MIT */
#include "cli/setting.h"

#include "cli/value.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

static bool reads(const struct setting *s, const char *text)
{
    struct arena a = {0};
    struct value v = {0};
    int rc = value_add_list(s, sl_str_of(text), &a, &v);

    arena_deinit(&a);
    return rc == 0;
}

static void every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];
        char name[SETTING_NAME_SIZE];

        if (s->key == NULL || s->flag == NULL || s->word == NULL || s->help == NULL)
            fail_msg("row %zu", i);
        setting_name(s, name);
        assert_true(strlen(name) < SETTING_NAME_SIZE - 9); /* room for SLUICE_ */
        assert_int_equal(strncmp(s->flag, "--", 2), 0);
        assert_int_equal(s->help[strlen(s->help) - 1], '.');
        if (s->preset != NULL && !reads(s, s->preset)) fail_msg("the preset of %s", name);
        if (s->example == NULL || !reads(s, s->example)) fail_msg("the example of %s", name);
        if (s->type == TYPE_CHOICE) assert_non_null(s->words);
        assert_ptr_equal(setting_find(s->section, s->key), s);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(settings[j].flag, s->flag);
        for (size_t j = 0; j + 1 < i; j++) { /* a section's rows stand together, for `print` */
            if (s->section == NULL || settings[j].section == NULL) continue;
            if (strcmp(s->section, settings[j].section) == 0)
                assert_string_equal(settings[i - 1].section, s->section);
        }
    }
}

static void names(void **state)
{
    char text[SETTING_NAME_SIZE];

    (void)state;
    assert_string_equal(setting_name(&settings[SET_LOG_LEVEL], text), "log.level");
    assert_string_equal(setting_name(&settings[SET_DATA], text), "data");
    assert_string_equal(setting_env_name(&settings[SET_LOG_LEVEL], text), "SLUICE_LOG_LEVEL");
    assert_string_equal(setting_env_name(&settings[SET_ACCESS], text), "SLUICE_ACCESS");
    assert_true(setting_is_section("log"));
    assert_false(setting_is_section("data"));
    assert_null(setting_find(NULL, "level"));
    assert_null(setting_find("log", "data"));
}

static void the_nearest_name_is_guessed(void **state)
{
    static const struct {
        const char *section, *key, *guess;
    } rows[] = {
        {NULL,  "lisen", "; did you mean listen?"   },
        {NULL,  "level", "; did you mean log.level?"},
        {NULL,  "lgo",   "; did you mean log?"      },
        {NULL,  "logs",  "; did you mean log?"      },
        {"log", "levl",  "; did you mean level?"    },
        {"log", "data",  "; did you mean data?"     },
        {NULL,  "levl",  "; did you mean log.level?"},
        {"log", "xyzzy", ""                         },
        {NULL,  "confi", ""                         }, /* a file can not name another one */
    };
    char text[120];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(setting_guess(rows[i].section, rows[i].key, text, sizeof text),
                            rows[i].guess);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(names),
        cmocka_unit_test(the_nearest_name_is_guessed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
