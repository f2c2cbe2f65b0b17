/* SPDX-License-Identifier: MIT */
/*
 * The corpus as an ordinary test: every file goes through the fuzz target as it is; a small
 * one also cut off after each of its bytes, for what breaks is often an end that came early.
 * One TAP line per file.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* beyond this a file is run whole only: the cuts would cost its square */
#define CUT_MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

/* A copy of its own size each time, so that the address sanitizer sees the first byte too far.
 */
static bool run(const uint8_t *data, size_t n)
{
    uint8_t *exact = malloc(n > 0 ? n : 1);

    if (exact == NULL) return false;
    if (n > 0) memcpy(exact, data, n);
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return true;
}

static bool run_cuts(const uint8_t *data, size_t n)
{
    for (size_t cut = 0; cut < n && n <= CUT_MAX; cut++) {
        if (!run(data, cut)) return false;
    }
    return run(data, n);
}

static bool replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    struct stat st;
    bool ok = false;

    if (f == NULL || fstat(fileno(f), &st) < 0) goto done;
    data = malloc((size_t)st.st_size + 1);
    if (data == NULL) goto done;
    if (fread(data, 1, (size_t)st.st_size, f) != (size_t)st.st_size) goto done;
    ok = run_cuts(data, (size_t)st.st_size);
done:
    free(data);
    if (f != NULL) fclose(f);
    return ok;
}

static int is_seed(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **seed = NULL;
    int failed = 0;
    int n;

    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 64;
    }
    if (LLVMFuzzerInitialize != NULL) LLVMFuzzerInitialize(&argc, &argv);
    n = scandir(argv[1], &seed, is_seed, alphasort);
    if (n <= 0) {
        fprintf(stderr, "%s: no corpus there\n", argv[1]);
        return 1;
    }
    printf("1..%d\n", n);
    for (int i = 0; i < n; i++) {
        char path[4096];
        bool ok =
            snprintf(path, sizeof path, "%s/%s", argv[1], seed[i]->d_name) < (int)sizeof path
            && replay_file(path);

        printf("%sok %d - %s\n", ok ? "" : "not ", i + 1, seed[i]->d_name);
        fflush(stdout); /* a crash must leave the name of the one before it */
        failed += !ok;
        free(seed[i]);
    }
    free(seed);
    return failed != 0;
}
