/* SPDX-License-Identifier: MIT */
/*
 * A life of an Engine.IO session, read from bytes: polls, pushes in pieces, the steps of an
 * upgrade, heartbeats or none, hang-ups, and raw bytes in between. Nothing may come twice, out
 * of order or, if the end was an orderly one, not at all. The steps: src/serve/eio_life_test.h
 */
#include "serve/eio_life_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* What fails outside of a cmocka test must end the process where it failed. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bench *b;

    if (n < 4) return 0;
    b = bench_open(NULL);
    b->on_message = on_numbered;
    one_life(b, 0, data, n);
    bench_close(b);
    return 0;
}
