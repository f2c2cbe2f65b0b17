/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include "base/codec.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <pthread.h>

static void *hash_it(void *arg)
{
    *(uint64_t *)arg = hash_key(SL_STR("key"));
    return NULL;
}

/* First, so that the seed is made by several threads at once. */
static void test_threads_agree(void **state)
{
    pthread_t threads[4];
    uint64_t hashes[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hash_it, &hashes[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(hashes[i], hash_key(SL_STR("key")));
}

static void test_key_hash_tells_keys_apart(void **state)
{
    (void)state;
    assert_int_equal(hash_key(SL_STR("")), hash_key((sl_str){NULL, 0}));
    assert_int_equal(hash_key((sl_str){"keyX", 3}), hash_key(SL_STR("key")));
    assert_true(hash_key(SL_STR("a")) != hash_key(SL_STR("b")));
    assert_true(hash_key(SL_STR("a")) != hash_key(SL_STR("a\0")));
    assert_true(hash_key(SL_STR("")) != 0);
}

/* RFC 7693's function at 16 bytes; the values are those of other implementations. */
static void test_content_hash_is_blake2b_128(void **state)
{
    static const struct {
        sl_str in;
        const char *hex;
    } rows[] = {
        {SL_STR(""),                                            "cae66941d9efbd404e4d88758ea67670"},
        {SL_STR("abc"),                                         "cf4ab791c62b8d2b2109c90275287816"},
        {SL_STR("The quick brown fox jumps over the lazy dog"),
         "249df9a49f517ddcd37f5c897620ec73"                                                       },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t digest[HASH_BYTES];
        char text[2 * HASH_BYTES];

        hash_bytes(rows[i].in, digest);
        sl__hex_encode(text, digest, sizeof digest);
        assert_memory_equal(text, rows[i].hex, sizeof text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_agree),
        cmocka_unit_test(test_key_hash_tells_keys_apart),
        cmocka_unit_test(test_content_hash_is_blake2b_128),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
