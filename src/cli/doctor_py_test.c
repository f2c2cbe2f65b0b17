/* SPDX-License-Identifier: MIT */
#include "cli/doctor_py.h"

#include "base/alloc.h"
#include "base/rand.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static char *environment(const char *name)
{
    static char set[] = "http://from-env:5000", empty[] = "";

    if (strcmp(name, "SET") == 0) return set;
    return strcmp(name, "EMPTY") == 0 ? empty : NULL;
}

#define D "DEVICE_ID"

// clang-format off
static const struct row {
    const char *text;
    enum py_kind kind; /* of DEVICE_ID */
    const char *value; /* of a text */
    double number;     /* of a number */
} rows[] = {
    {"",                                     PY_ABSENT},
    {D " = 'cam-7'",                         PY_TEXT,   "cam-7"},
    {D "=\"cam-7\"\n",                       PY_TEXT,   "cam-7"},
    {D " = 'a' # 'b'\r\n",                   PY_TEXT,   "a"},
    {D " = 'a # b'",                         PY_TEXT,   "a # b"},
    {D " = 'it\\'s'",                        PY_TEXT,   "it's"},
    {D " = 'a\\\\\\tb\\q'",                  PY_TEXT,   "a\\\tb\\q"},
    {D " = r'C:\\new'",                      PY_TEXT,   "C:\\new"},
    {D " = u\"x\"",                          PY_TEXT,   "x"},
    {D " = '''a\nb'''",                      PY_TEXT,   "a\nb"},
    {D " = \"\"",                            PY_TEXT,   ""},
    {D " = \"\"\"\"\"\"",                    PY_TEXT,   ""},
    {D ": str = 'x'",                        PY_TEXT,   "x"},
    {D ": Final[str] = 'x'",                 PY_TEXT,   "x"},
    {D " = \\\n  'x'",                       PY_TEXT,   "x"},
    {D " = (\n  'x'\n)",                     PY_TEXT,   "x"},
    {"A = " D " = 'x'",                      PY_TEXT,   "x"},
    {D ", B = 'x', 'y'",                     PY_TEXT,   "x"},
    {"B, " D " = f(1, 2), 'y'",              PY_TEXT,   "y"},
    {"B, " D " = both()",                    PY_OTHER},
    {"A = 1; " D " = 'x'",                   PY_TEXT,   "x"},
    {D " = 'a'\n" D " = 'b'\n",              PY_TEXT,   "b"},
    {"if True:\n    " D " = 'x'\n",          PY_TEXT,   "x"},
    {"try:\n\timport a\nexcept E:\n\t" D " = 'x'\n", PY_TEXT, "x"},
    {"def f():\n    " D " = 'x'\n",          PY_ABSENT},
    {"class C:\n    " D " = 'x'\n",          PY_ABSENT},
    {"class C:\n    a = 1\n\n" D " = 'x'\n", PY_TEXT,   "x"},
    {"# " D " = 'x'\n",                      PY_ABSENT},
    {"'''\n" D " = 'x'\n'''\n",              PY_ABSENT},
    {"x = f(\n" D " = 'x')\n",               PY_ABSENT},
    {"x = {\n'" D "': 1}\n",                 PY_ABSENT},
    {"MY_" D " = 'x'\n" D "_2 = 'x'",        PY_ABSENT},
    {"cfg." D " = 'x'",                      PY_ABSENT},
    {D " == 'x'",                            PY_ABSENT},
    {D " += 'x'",                            PY_ABSENT},
    {D " != 'x'",                            PY_ABSENT},
    {D,                                      PY_ABSENT},
    {D " = ",                                PY_OTHER},
    {D " = 768",                             PY_NUMBER, NULL, 768},
    {D " = 1_000",                           PY_NUMBER, NULL, 1000},
    {D " = -0.5e1",                          PY_NUMBER, NULL, -5},
    {D " = 0x10",                            PY_OTHER},
    {D " = 1 + 1",                           PY_OTHER},
    {D " = None",                            PY_NONE},
    {D " = True",                            PY_OTHER},
    {D " = f'{x}'",                          PY_OTHER},
    {D " = 'a' 'b'",                         PY_OTHER},
    {D " = 'a' + 'b'",                       PY_OTHER},
    {D " = ('a') + ('b')",                   PY_OTHER},
    {D " = '\\x41'",                         PY_OTHER},
    {D " = os.environ.get('SET', 'x')",      PY_TEXT,   "http://from-env:5000"},
    {D " = os.environ.get('UNSET', 'x')",    PY_TEXT,   "x"},
    {D " = os.environ.get('EMPTY', 'x')",    PY_TEXT,   ""},
    {D " = os.getenv('UNSET')",              PY_LOOKUP},
    {D " = os.getenv('UNSET', 5)",           PY_NUMBER, NULL, 5},
    {D " = os.getenv('UNSET', os.getenv('SET'))", PY_TEXT, "http://from-env:5000"},
    {D " = os.environ['SET']",               PY_TEXT,   "http://from-env:5000"},
    {D " = os.environ[NAME]",                PY_OTHER},
    {D " = os.getenv('UNSET') or 'x'",       PY_OTHER},
    {"\xef\xbb\xbf" D " = 'x'",              PY_TEXT,   "x"},
};
static const char *const endless[] = {
    D " = 'x",
    D " = 'x\ny'",
    D " = '''x''",
    D " = (1",
    "x = '\\'",
};
// clang-format on

static int read_text(const char *text, size_t n, struct py_config *out)
{
    char *copy = sl__alloc(n + 1); /* a read past the end is seen */
    int rc;

    assert_non_null(copy);
    memcpy(copy, text, n);
    rc = py_config_read((sl_str){copy, n}, environment, out);
    sl__free(copy);
    return rc;
}

static void test_values(void **state)
{
    struct py_config c;
    const struct py_value *v = &c.value[PY_DEVICE_ID];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (read_text(rows[i].text, strlen(rows[i].text), &c) != 0 || v->kind != rows[i].kind)
            fail_msg("row %zu: %s: kind %d", i, rows[i].text, v->kind);
        if (rows[i].value != NULL) assert_string_equal(v->text, rows[i].value);
        if (v->kind == PY_NUMBER) assert_true(v->number == rows[i].number);
    }
}

static void test_what_never_ends(void **state)
{
    struct py_config c;

    (void)state;
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++)
        assert_int_equal(read_text(endless[i], strlen(endless[i]), &c), SL_E_INVAL);
}

static void test_a_text_has_a_limit(void **state)
{
    char text[PY_TEXT_SIZE + 32] = D " = '";
    size_t at = strlen(text);
    struct py_config c;

    (void)state;
    memset(text + at, 'x', PY_TEXT_SIZE);
    text[at + PY_TEXT_SIZE - 2] = '\'';
    assert_int_equal(read_text(text, at + PY_TEXT_SIZE - 1, &c), 0);
    assert_int_equal(c.value[PY_DEVICE_ID].kind, PY_TEXT);
    assert_int_equal(strlen(c.value[PY_DEVICE_ID].text), PY_TEXT_SIZE - 2);
    text[at + PY_TEXT_SIZE - 2] = 'x';
    text[at + PY_TEXT_SIZE] = '\'';
    assert_int_equal(read_text(text, at + PY_TEXT_SIZE + 1, &c), 0);
    assert_int_equal(c.value[PY_DEVICE_ID].kind, PY_OTHER);
}

static void test_brackets_inside_each_other_have_a_limit(void **state)
{
    const size_t n = PY_FILE_BYTES_MAX / 2 - 16;
    char *text = sl__alloc(2 * n + 16);
    struct py_config c;

    (void)state;
    assert_non_null(text);
    memcpy(text, D "=", 10);
    memset(text + 10, '(', n);
    memcpy(text + 10 + n, "'x'", 3);
    memset(text + 13 + n, ')', n);
    assert_int_equal(read_text(text, 13 + 2 * n, &c), 0);
    assert_int_equal(c.value[PY_DEVICE_ID].kind, PY_OTHER);
    assert_int_equal(read_text(D "=(((((((('x'))))))))", 29, &c), 0);
    assert_int_equal(c.value[PY_DEVICE_ID].kind, PY_TEXT);
    sl__free(text);
}

/* Whatever bytes come, it ends and stays in bounds. */
static void test_any_bytes(void **state)
{
    static const char pieces[] = "AB_1 =,:;'\"\\\n#()[]{}.\t\r";
    char text[64];
    struct py_config c;

    (void)state;
    for (int k = 0; k < 20000; k++) {
        size_t n = rand_below(sizeof text);

        memcpy(text, D "=", n < 10 ? n : 10);
        for (size_t i = n < 10 ? n : 10; i < n; i++)
            text[i] = pieces[rand_below(sizeof pieces)];
        (void)!read_text(text, n, &c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_what_never_ends),
        cmocka_unit_test(test_a_text_has_a_limit),
        cmocka_unit_test(test_brackets_inside_each_other_have_a_limit),
        cmocka_unit_test(test_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
