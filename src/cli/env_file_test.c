/* SPDX-License-Identifier: MIT */
#include "cli/env_file.h"

#include "base/alloc.h"
#include "cli/report_test.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* "NAME=VALUE;" for each line that was understood. */
struct taken {
    char text[512];
};

static int take(const char *name, sl_str value, int line, void *user)
{
    struct taken *t = user;
    size_t n = strlen(t->text);

    (void)line;
    assert_int_equal(value.ptr[value.len], '\0');
    snprintf(t->text + n, sizeof t->text - n, "%s=%.*s;", name, (int)value.len, value.ptr);
    return 0;
}

static const struct row {
    const char *text, *taken, *complaint; /* complaint NULL: none */
} rows[] = {
    {"",                             "",                   NULL                            },
    {"A=1",                          "A=1;",               NULL                            },
    {"A=1\nB=2\n",                   "A=1;B=2;",           NULL                            },
    {"A=1\r\nB=2\r\n",               "A=1;B=2;",           NULL                            },
    {"\xef\xbb\xbf"
     "A=1\n",                   "A=1;",               NULL                            },
    {"# c\n\n  \n\t# d\nA=1",        "A=1;",               NULL                            },
    {"export A=1",                   "A=1;",               NULL                            },
    {"export\tA=1",                  "A=1;",               NULL                            },
    {"exportA=1",                    "exportA=1;",         NULL                            },
    {"export=1",                     "export=1;",          NULL                            },
    {"  A=1  ",                      "A=1;",               NULL                            },
    {"A= 1 2 # c",                   "A=1 2;",             NULL                            },
    {"A=1#2",                        "A=1#2;",             NULL                            },
    {"A=#c",                         "A=;",                NULL                            },
    {"A= # c",                       "A=;",                NULL                            },
    {"A=",                           "A=;",                NULL                            },
    {"A=b=c",                        "A=b=c;",             NULL                            },
    {"A='x # \\n \"y\" '",           "A=x # \\n \"y\" ;",  NULL                            },
    {"A=\"x \\\"y\\\" \\\\ \\t$Z\"", "A=x \"y\" \\ \t$Z;", NULL                            },
    {"A=\"\" # c",                   "A=;",                NULL                            },
    {"a_1=x",                        "a_1=x;",             NULL                            },
    {"A",                            "",                   "f:1: a line must be NAME=VALUE"},
    {"B=1\n=1\nC=2",                 "B=1;C=2;",           "f:2: a line must be NAME=VALUE"},
    {"1A=1",                         "",                   "f:1: a line must be NAME=VALUE"},
    {"A =1",                         "",                   "f:1: a line must be NAME=VALUE"},
    {"export A",                     "",                   "f:1: a line must be NAME=VALUE"},
    {"A='x",                         "",                   "f:1: the quote is not closed"  },
    {"A=\"x\\\"",                    "",                   "f:1: the quote is not closed"  },
    {"A=\"secret\"y",                "",                   "f:1: something stands behind"  },
    {"A=\"secret\"#c",               "",                   "f:1: something stands behind"  },
};

static void lines_by_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena a = {0};
        struct taken t = {0};
        struct heard h;
        int rc = env_file_read("f", sl_str_of(rows[i].text), &a, heard_init(&h), take, &t);

        if (rc != (rows[i].complaint ? SL_E_INVAL : 0) || strcmp(t.text, rows[i].taken) != 0)
            fail_msg("'%s': %d, '%s' %s", rows[i].text, rc, t.text, h.text);
        if (rows[i].complaint != NULL && strstr(h.text, rows[i].complaint) != h.text)
            fail_msg("'%s': %s", rows[i].text, h.text);
        assert_null(strstr(h.text, "secret"));
        arena_deinit(&a);
    }
}

static void limits_and_memory(void **state)
{
    static char big[ENV_FILE_BYTES_MAX + 1];
    struct taken t = {0};
    struct heard h;
    int rc = SL_E_NOMEM;

    (void)state;
    memset(big, '\n', sizeof big);
    assert_int_equal(
        env_file_read("f", (sl_str){big, ENV_FILE_BYTES_MAX}, NULL, heard_init(&h), take, &t),
        0);
    assert_int_equal(
        env_file_read("f", (sl_str){big, sizeof big}, NULL, heard_init(&h), take, &t),
        SL_E_INVAL);
    assert_string_equal(h.text, "f: the file is larger than 64 KiB\n");
    for (long n = 0; rc != 0; n++) {
        struct arena a = {.chunk_bytes = 1};

        sl__alloc_fail_after(n);
        rc = env_file_read("f", SL_STR("A=1\nB=\"2\"\n"), &a, heard_init(&h), take, &t);
        sl__alloc_fail_after(-1);
        if (rc != 0) assert_int_equal(rc, SL_E_NOMEM);
        arena_deinit(&a);
        assert_true(n < 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_by_row),
        cmocka_unit_test(limits_and_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
