/* SPDX-License-Identifier: MIT */
/* In a real folder: names, repeats, a broken disk, leftovers, several threads. */
#include "store/files.h"

#include "base/alloc.h"
#include "store/disk.h"

/* clang-format off */
#include <setjmp.h> /* cmocka.h stands on these four */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char dir[64], root[96];
    struct files *f;
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    if (p == NULL) return -1;
    snprintf(p->dir, sizeof p->dir, "%s/sluice-files-XXXXXX", P_tmpdir);
    if (mkdtemp(p->dir) == NULL) return -1;
    snprintf(p->root, sizeof p->root, "%s/media", p->dir);
    *state = p;
    return files_new(p->root, &p->f, NULL);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    struct place *p = *state;

    disk_break(0, 0);
    files_free(p->f);
    nftw(p->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(p);
    return 0;
}

static void path_of(const struct place *p, const char *below, char path[256])
{
    snprintf(path, 256, "%s/%s", p->root, below);
}

/* -1: it is not there */
static long read_all(const struct place *p, const char *name, char *bytes, size_t size)
{
    char below[FILES_PATH_SIZE], path[256];
    long n;
    int fd;

    assert_true(files_path(sl_str_of(name), below));
    path_of(p, below, path);
    fd = open(path, O_RDONLY);
    if (fd < 0) return -1;
    n = read(fd, bytes, size);
    close(fd);
    return n;
}

static int count_in(const struct place *p, const char *below)
{
    char path[256], command[300], text[16] = "";
    FILE *f;

    path_of(p, below, path);
    snprintf(command, sizeof command, "find %s -type f 2>/dev/null | wc -l", path);
    f = popen(command, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    pclose(f);
    return (int)strtol(text, NULL, 10);
}

static void test_what_is_put_is_there_once(void **state)
{
    struct place *p = *state;
    char name[FILES_NAME_SIZE], again[FILES_NAME_SIZE], other[FILES_NAME_SIZE], bytes[16];
    uint64_t before = disk_written_bytes(DISK_MEDIA);
    struct stat st;

    assert_int_equal(stat(p->root, &st), -1); /* nothing is made before it is needed */
    assert_int_equal(files_put(p->f, SL_STR("picture"), "jpg", name, NULL), 1);
    assert_int_equal(strlen(name), 36);
    assert_string_equal(name + 32, ".jpg");
    assert_int_equal(read_all(p, name, bytes, sizeof bytes), 7);
    assert_memory_equal(bytes, "picture", 7);
    assert_int_equal(disk_written_bytes(DISK_MEDIA) - before, 7);

    assert_int_equal(files_put(p->f, SL_STR("picture"), "jpg", again, NULL), 0);
    assert_string_equal(again, name);
    assert_int_equal(disk_written_bytes(DISK_MEDIA) - before, 7); /* not written again */
    assert_int_equal(files_put(p->f, SL_STR("another"), "webp", other, NULL), 1);
    assert_string_not_equal(other, name);
    assert_int_equal(files_put(p->f, SL_STR(""), "png", other, NULL), 1);
    assert_int_equal(read_all(p, other, bytes, sizeof bytes), 0);
    assert_int_equal(count_in(p, ""), 3);
    assert_int_equal(count_in(p, ".part"), 0);
    assert_int_equal(disk_written_bytes(DISK_MEDIA) - before, 14);
}

/* Only the hash of the bytes names it, from run to run. */
static void test_the_name_stays_the_same(void **state)
{
    struct place *p = *state;
    char name[FILES_NAME_SIZE];

    assert_int_equal(files_put(p->f, SL_STR("abc"), "png", name, NULL), 1);
    /* printf abc | b2sum -l 128 */
    assert_string_equal(name, "cf4ab791c62b8d2b2109c90275287816.png");
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        bool good;
    } rows[] = {
        {"cf4ab791c62b8d2b2109c90275287816.png",         true },
        {"cf4ab791c62b8d2b2109c90275287816.webp",        true },
        {"cf4ab791c62b8d2b2109c90275287816.webpx",       false},
        {"cf4ab791c62b8d2b2109c90275287816.",            false},
        {"cf4ab791c62b8d2b2109c90275287816",             false},
        {"cf4ab791c62b8d2b2109c90275287816.p.g",         false},
        {"cf4ab791c62b8d2b2109c90275287816.PNG",         false},
        {"CF4AB791C62B8D2B2109C90275287816.png",         false},
        {"cf4ab791c62b8d2b2109c9027528781.png",          false},
        {"cf4ab791c62b8d2b2109c902752878160.png",        false},
        {"../../../../../../../../etc/passwd000000.png", false},
        {"cf/4ab791c62b8d2b2109c9027528781.png",         false},
        {".part/cf4ab791c62b8d2b2109c90275287816",       false},
        {"",                                             false},
    };
    char path[FILES_PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (files_path(sl_str_of(rows[i].name), path) != rows[i].good)
            fail_msg("%s", rows[i].name);
    }
    assert_true(files_path(SL_STR("cf4ab791c62b8d2b2109c90275287816.png"), path));
    assert_string_equal(path, "cf/4a/cf4ab791c62b8d2b2109c90275287816.png");
    assert_false(files_path(SL_STR("cf4ab791c62b8d2b2109c90275287816.p\0g"), path));
}

static void test_a_bad_suffix(void **state)
{
    struct place *p = *state;
    char name[FILES_NAME_SIZE];

    assert_int_equal(files_put(p->f, SL_STR("x"), "", name, NULL), SL_E_INVAL);
    assert_int_equal(files_put(p->f, SL_STR("x"), "jpeg2", name, NULL), SL_E_INVAL);
    assert_int_equal(files_put(p->f, SL_STR("x"), "../x", name, NULL), SL_E_INVAL);
    assert_int_equal(count_in(p, ""), 0);
}

static void test_the_disk_has_something_against_it(void **state)
{
    static const struct {
        int error;
        const char *said;
    } rows[] = {
        {ENOSPC, "the disk is full: free space in "                },
        {EDQUOT, "this user's share of the disk is full: free spac"},
        {EROFS,  "the disk is read-only: make it writable: "       },
        {EACCES, "this user may not write there: give it the right"},
        {EIO,    "the disk reports an error: check it and the cabl"},
    };
    struct place *p = *state;
    char name[FILES_NAME_SIZE], bytes[16];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sl_error err = {0};

        disk_break(rows[i].error, 0);
        assert_int_equal(files_put(p->f, SL_STR("picture"), "jpg", name, &err), -rows[i].error);
        assert_memory_equal(err.text, rows[i].said, strlen(rows[i].said));
        assert_non_null(strstr(err.text, p->root));
        assert_int_equal(count_in(p, ""), 0); /* nothing is left behind */
    }
    disk_break(0, 0);
    assert_int_equal(files_put(p->f, SL_STR("picture"), "jpg", name, NULL), 1);
    assert_int_equal(read_all(p, name, bytes, sizeof bytes), 7);
}

static void test_what_lies_in_the_way(void **state)
{
    struct place *p = *state;
    char path[256], name[FILES_NAME_SIZE];
    sl_error err = {0};
    int fd;

    path_of(p, "", path);
    path[strlen(path) - 1] = '\0';
    fd = open(path, O_WRONLY | O_CREAT, 0600); /* a file where the folder should be */
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(files_put(p->f, SL_STR("x"), "jpg", name, &err), -ENOTDIR);
    assert_int_not_equal(err.text[0], '\0');
    assert_int_equal(unlink(path), 0);
    assert_int_equal(files_put(p->f, SL_STR("x"), "jpg", name, NULL), 1);
}

static void test_folders_that_somebody_removed_come_back(void **state)
{
    struct place *p = *state;
    char name[FILES_NAME_SIZE], bytes[8];

    assert_int_equal(files_put(p->f, SL_STR("x"), "jpg", name, NULL), 1);
    assert_int_equal(nftw(p->root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(files_put(p->f, SL_STR("x"), "jpg", name, NULL), 1);
    assert_int_equal(read_all(p, name, bytes, sizeof bytes), 1);
}

static void test_a_file_that_lost_its_end_is_written_anew(void **state)
{
    struct place *p = *state;
    char name[FILES_NAME_SIZE], below[FILES_PATH_SIZE], path[256], bytes[8];

    assert_int_equal(files_put(p->f, SL_STR("whole"), "jpg", name, NULL), 1);
    assert_true(files_path(sl_str_of(name), below));
    path_of(p, below, path);
    assert_int_equal(truncate(path, 2), 0);
    assert_int_equal(files_put(p->f, SL_STR("whole"), "jpg", name, NULL), 1);
    assert_int_equal(read_all(p, name, bytes, sizeof bytes), 5);
}

static void make_file(const struct place *p, const char *below)
{
    char path[256];
    int fd;

    path_of(p, below, path);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "12", 2), 2);
    close(fd);
}

static void test_leftovers_of_a_crash_go_and_nothing_else(void **state)
{
    struct place *p = *state;
    char name[FILES_NAME_SIZE], path[256], bytes[8];

    assert_int_equal(files_put(p->f, SL_STR("x"), "jpg", name, NULL), 1);
    make_file(p, ".part/0123456789abcdef0123456789abcdef");
    make_file(p, ".part/notes");
    make_file(p, ".part/0123456789abcdef0123456789abcdef.jpg");
    make_file(p, "mine.txt");
    path_of(p, ".part/1123456789abcdef0123456789abcdef", path);
    assert_int_equal(mkdir(path, 0700), 0);
    files_free(p->f);
    assert_int_equal(files_new(p->root, &p->f, NULL), 0);
    assert_int_equal(count_in(p, ".part"), 2);
    assert_int_equal(access(path, F_OK), 0);
    path_of(p, ".part/0123456789abcdef0123456789abcdef", path);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(read_all(p, name, bytes, sizeof bytes), 1);
    path_of(p, "mine.txt", path);
    assert_int_equal(access(path, F_OK), 0);
}

static void test_measuring(void **state)
{
    static const atomic_bool go = false, stop = true;
    struct place *p = *state;
    char name[FILES_NAME_SIZE];

    assert_int_equal(files_measure(p->f, &go), 0);
    for (int i = 0; i < 40; i++) {
        char text[16];
        int n = snprintf(text, sizeof text, "picture %02d", i);

        assert_int_equal(files_put(p->f, (sl_str){text, (size_t)n}, "jpg", name, NULL), 1);
    }
    make_file(p, ".part/0123456789abcdef0123456789abcdef");
    make_file(p, "mine.txt"); /* not ours to count */
    assert_int_equal(files_measure(p->f, &go), 40 * 10);
    assert_int_equal(files_measure(p->f, &stop), 0);
}

/* ---- several threads ---- */

#define THREADS 4
#define EACH    60

struct crowd {
    struct place *p;
    pthread_barrier_t start;
};

static void *put_many(void *user)
{
    struct crowd *c = user;

    pthread_barrier_wait(&c->start);
    for (int i = 0; i < EACH; i++) {
        char name[FILES_NAME_SIZE], text[16], bytes[16];
        int n = snprintf(text, sizeof text, "the same %d", i);

        if (files_put(c->p->f, (sl_str){text, (size_t)n}, "jpg", name, NULL) < 0) return c;
        if (read_all(c->p, name, bytes, sizeof bytes) != n) return c;
    }
    return NULL;
}

static void test_threads_that_put_the_same(void **state)
{
    struct crowd c = {.p = *state};
    pthread_t thread[THREADS];
    void *wrong;

    assert_int_equal(pthread_barrier_init(&c.start, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, put_many, &c), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], &wrong), 0);
        assert_null(wrong);
    }
    pthread_barrier_destroy(&c.start);
    assert_int_equal(count_in(c.p, ""), EACH);
}

/* ---- making it ---- */

static void test_a_root_too_long(void **state)
{
    char root[PATH_MAX + 8];
    struct files *f;
    sl_error err = {0};

    (void)state;
    memset(root, 'x', sizeof root);
    root[PATH_MAX - FILES_PATH_SIZE - 3] = '\0';
    assert_int_equal(files_new(root, &f, &err), -ENAMETOOLONG);
    assert_null(f);
    root[PATH_MAX - FILES_PATH_SIZE - 4] = '\0';
    assert_int_equal(files_new(root, &f, &err), 0);
    files_free(f);
    assert_int_equal(files_new("", &f, &err), -ENAMETOOLONG);
}

static void test_without_memory(void **state)
{
    struct files *f;

    (void)state;
    sl__alloc_fail_after(0);
    assert_int_equal(files_new("/tmp/x", &f, NULL), SL_E_NOMEM);
    sl__alloc_fail_after(-1);
    assert_null(f);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_put_is_there_once),
        CASE(test_the_name_stays_the_same),
        CASE(test_names),
        CASE(test_a_bad_suffix),
        CASE(test_the_disk_has_something_against_it),
        CASE(test_what_lies_in_the_way),
        CASE(test_folders_that_somebody_removed_come_back),
        CASE(test_a_file_that_lost_its_end_is_written_anew),
        CASE(test_leftovers_of_a_crash_go_and_nothing_else),
        CASE(test_measuring),
        CASE(test_threads_that_put_the_same),
        cmocka_unit_test(test_a_root_too_long),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
