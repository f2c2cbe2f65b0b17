/* SPDX-License-Identifier: MIT */
/* The text format, clause by clause: "Exposition formats", text-based, 0.0.4. */
#include "hub/exposition.h"

#include "base/alloc.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>

static void assert_text(const struct exposition *x, const char *wanted)
{
    sl_str text = lines_text(&x->text);
    char *z = calloc(1, text.len + 1);

    assert_non_null(z);
    assert_false(x->text.failed);
    memcpy(z, text.ptr, text.len);
    assert_string_equal(z, wanted);
    free(z);
}

static void test_a_family_and_its_samples(void **state)
{
    const struct label labels[] = {
        {"system",     "glass"},
        {"state",            "connected"},
        {0}
    };
    struct exposition x = {0};

    (void)state;
    exposition_family(&x, "sluice_devices", "gauge", "Devices that the hub has met.");
    exposition_count(&x, NULL, 0);
    exposition_count(&x, labels, UINT64_MAX);
    exposition_count(&x, labels + 2, 7); /* none, said as an empty list */
    assert_text(&x,
                "# HELP sluice_devices Devices that the hub has met.\n"
                "# TYPE sluice_devices gauge\n"
                "sluice_devices 0\n"
                "sluice_devices{system=\"glass\",state=\"connected\"} 18446744073709551615\n"
                "sluice_devices 7\n");
    exposition_deinit(&x);
}

static const struct {
    const char *clause, *raw, *label, *help;
} escapes[] = {
    {"nothing special",     "a b",      "a b",             "a b"          },
    {"empty",               "",         "",                ""             },
    {"label: backslash",    "a\\b",     "a\\\\b",          "a\\\\b"       },
    {"label: line feed",    "a\nb",     "a\\nb",           "a\\nb"        },
    {"label: double quote", "a\"b",     "a\\\"b",          "a\"b"         },
    {"all, in a row",       "\\\n\"\\", "\\\\\\n\\\"\\\\", "\\\\\\n\"\\\\"},
    {"at both ends",        "\nx\n",    "\\nx\\n",         "\\nx\\n"      },
    {"UTF-8 stays",         "é€",    "é€",           "é€"        },
    {"braces stay",         "}{,=",     "}{,=",            "}{,="         },
};

static void test_escaping(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
        const struct label labels[] = {
            {"l", escapes[i].raw},
            {0  }
        };
        struct exposition x = {0};
        char wanted[256];

        exposition_family(&x, "m", "gauge", escapes[i].raw);
        exposition_count(&x, labels, 1);
        snprintf(wanted, sizeof wanted, "# HELP m %s\n# TYPE m gauge\nm{l=\"%s\"} 1\n",
                 escapes[i].help, escapes[i].label);
        assert_text(&x, wanted);
        exposition_deinit(&x);
    }
}

static const struct {
    uint64_t us;
    const char *text;
} spans[] = {
    {0,                     "0.000000"             },
    {1,                     "0.000001"             },
    {999999,                "0.999999"             },
    {1000000,               "1.000000"             },
    {1795212907049606,      "1795212907.049606"    },
    {18446744073709551615u, "18446744073709.551615"},
};

static void test_microseconds_are_written_as_seconds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        struct exposition x = {.family = "m"};
        char wanted[64];

        exposition_seconds(&x, NULL, spans[i].us);
        snprintf(wanted, sizeof wanted, "m %s\n", spans[i].text);
        assert_text(&x, wanted);
        exposition_deinit(&x);
    }
}

static void test_buckets_add_up(void **state)
{
    const uint64_t bucket[] = {2, 0, 5, 1};
    const uint32_t le_us[] = {100, 2500, 1000000};
    struct exposition x = {.family = "m"};

    (void)state;
    exposition_histogram(&x, bucket, le_us, 3, 2500001);
    assert_text(&x, "m_bucket{le=\"0.0001\"} 2\n"
                    "m_bucket{le=\"0.0025\"} 2\n"
                    "m_bucket{le=\"1\"} 7\n"
                    "m_bucket{le=\"+Inf\"} 8\n"
                    "m_sum 2.500001\n"
                    "m_count 8\n");
    exposition_deinit(&x);
}

/* A span lies in the first bucket that is not smaller. */
static void test_bounds_of_buckets(void **state)
{
    (void)state;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        struct histogram h = {0};

        histogram_add(&h, histogram_le_us[i]);
        histogram_add(&h, histogram_le_us[i] + 1);
        assert_int_equal(h.bucket[i], 1);
        assert_int_equal(h.bucket[i + 1], 1);
        assert_int_equal(h.sum_us, 2 * (uint64_t)histogram_le_us[i] + 1);
        if (i > 0) assert_true(histogram_le_us[i] > histogram_le_us[i - 1]);
    }
}

static void test_a_reset_leaves_nothing(void **state)
{
    struct exposition x = {0};

    (void)state;
    exposition_family(&x, "m", "gauge", "h");
    exposition_reset(&x);
    assert_text(&x, "");
    assert_null(x.family);
    exposition_deinit(&x);
}

static void test_without_memory_it_says_so(void **state)
{
    (void)state;
    for (int n = 0; n < 2; n++) { /* none at all; none to grow */
        struct exposition x = {.family = "m"};

        sl__alloc_fail_after(n);
        for (int i = 0; i < 1000; i++)
            exposition_count(&x, NULL, 1);
        sl__alloc_fail_after(-1);
        assert_true(x.text.failed);
        exposition_deinit(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_family_and_its_samples),
        cmocka_unit_test(test_escaping),
        cmocka_unit_test(test_microseconds_are_written_as_seconds),
        cmocka_unit_test(test_buckets_add_up),
        cmocka_unit_test(test_bounds_of_buckets),
        cmocka_unit_test(test_a_reset_leaves_nothing),
        cmocka_unit_test(test_without_memory_it_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
