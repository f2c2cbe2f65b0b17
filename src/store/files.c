/* SPDX-License-Identifier: MIT */
/*
 * The order that makes a file safe: its folders, their names synced in the folder above; the
 * bytes under a name nobody knows, synced; the rename; the name synced. A crash between two of
 * these leaves a file in .part or one that no row names, never a row without its file.
 */
#include "store/files.h"

#include "base/alloc.h"
#include "base/codec.h"
#include "base/hash.h"
#include "base/rand.h"
#include "store/cure.h"
#include "store/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS      (2 * HASH_BYTES)
#define FOLDER_MODE 0750
#define FILE_MODE   0640

/* Marks: each second folder by its four digits, each first one by its two, .part, the root. */
enum { MARK_FIRST = 1 << 16, MARK_PART = MARK_FIRST + 256, MARK_ROOT, MARKS };

struct files {
    /* This process has seen the folder and its name reach the disk. */
    _Atomic uint32_t mark[MARKS / 32 + 1];
    char root[];
};

/* ---- names ---- */

static bool is_digit(char ch)
{
    return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f');
}

static bool is_hex(sl_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.ptr[i])) return false;
    }
    return s.len == DIGITS;
}

static bool is_suffix(sl_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char ch = s.ptr[i];

        if (!(ch >= 'a' && ch <= 'z') && !(ch >= '0' && ch <= '9')) return false;
    }
    return s.len >= 1 && s.len <= FILES_SUFFIX_MAX;
}

bool files_path(sl_str name, char path[FILES_PATH_SIZE])
{
    if (name.len < DIGITS + 2 || name.ptr[DIGITS] != '.' || !is_hex((sl_str){name.ptr, DIGITS})
        || !is_suffix((sl_str){name.ptr + DIGITS + 1, name.len - DIGITS - 1})) {
        return false;
    }
    snprintf(path, FILES_PATH_SIZE, "%.2s/%.2s/%.*s", name.ptr, name.ptr + 2, (int)name.len,
             name.ptr);
    return true;
}

static void make_name(sl_str bytes, const char *suffix, char name[FILES_NAME_SIZE])
{
    uint8_t digest[HASH_BYTES];

    hash_bytes(bytes, digest);
    sl__hex_encode(name, digest, sizeof digest);
    snprintf(name + DIGITS, FILES_NAME_SIZE - DIGITS, ".%s", suffix);
}

/* A path below the root; files_new has seen that it fits. */
static void join(const struct files *f, const char *below, size_t len, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%.*s", f->root, (int)len, below);
}

/* ---- folders ---- */

static int sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

    if (fd < 0) return -errno;
    if (fsync(fd) < 0) rc = -errno;
    close(fd);
    return rc;
}

/*
 * The folder and its name in the one above are on the disk. Synced once by each process even if
 * it was there: whoever made it may have died in between, or be another thread that is not as
 * far yet.
 */
static int need_folder(struct files *f, uint32_t mark, const char *path)
{
    _Atomic uint32_t *word = &f->mark[mark / 32];
    uint32_t bit = UINT32_C(1) << mark % 32;
    char above[PATH_MAX];
    int rc;

    if (atomic_load(word) & bit) return 0;
    if (mkdir(path, FOLDER_MODE) < 0 && errno != EEXIST) return -errno;
    snprintf(above, sizeof above, "%s/..", path);
    rc = sync_folder(above);
    if (rc == 0) atomic_fetch_or(word, bit);
    return rc;
}

static uint32_t number_of(const char *hex, size_t digits)
{
    uint8_t bytes[2] = {0};
    size_t n;

    (void)!sl__hex_decode(bytes, sizeof bytes, (sl_str){hex, digits}, &n);
    return digits == 2 ? bytes[0] : (uint32_t)(bytes[0] << 8 | bytes[1]);
}

/* `below`: "3f/a9/3fa9…" */
static int need_folders(struct files *f, const char *below)
{
    char path[PATH_MAX];
    int rc = need_folder(f, MARK_ROOT, f->root);

    join(f, ".part", 5, path);
    if (rc == 0) rc = need_folder(f, MARK_PART, path);
    join(f, below, 2, path);
    if (rc == 0) rc = need_folder(f, MARK_FIRST + number_of(below, 2), path);
    join(f, below, 5, path);
    if (rc == 0) rc = need_folder(f, number_of(below + 6, 4), path);
    return rc;
}

/* Somebody has removed folders while we run: none is known any more. */
static void forget_folders(struct files *f)
{
    for (size_t i = 0; i < sizeof f->mark / sizeof f->mark[0]; i++)
        atomic_store(&f->mark[i], 0);
}

/* ---- a file ---- */

static int write_part(const char *path, sl_str bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE), rc;

    if (fd < 0) return -errno;
    rc = disk_write(fd, bytes);
    if (rc == 0 && fsync(fd) < 0) rc = -errno;
    if (close(fd) < 0 && rc == 0) rc = -errno;
    return rc;
}

static int put(struct files *f, sl_str bytes, const char *below)
{
    char part[PATH_MAX], path[PATH_MAX], folder[PATH_MAX], below_part[6 + DIGITS] = ".part/";
    uint8_t random[HASH_BYTES];
    struct stat st;
    int rc = need_folders(f, below);

    if (rc < 0) return rc;
    join(f, below, strlen(below), path);
    join(f, below, 5, folder);
    /* Of another size: the disk has lost some of it, and it is written anew. */
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == bytes.len)
        return sync_folder(folder);
    rand_bytes(random, sizeof random);
    sl__hex_encode(below_part + 6, random, sizeof random);
    join(f, below_part, sizeof below_part, part);
    rc = write_part(part, bytes);
    if (rc == 0 && rename(part, path) < 0) rc = -errno;
    if (rc < 0) {
        unlink(part);
        return rc;
    }
    rc = sync_folder(folder);
    return rc < 0 ? rc : 1;
}

static int fail(const struct files *f, int rc, sl_error *err)
{
    char path[PATH_MAX], text[160];

    join(f, "", 0, path); /* cure_text names the folder of a file */
    return sl_fail(err, rc, f->root, "%s", cure_text(rc, path, text, sizeof text));
}

int files_put(struct files *f, sl_str bytes, const char *suffix, char name[FILES_NAME_SIZE],
              sl_error *err)
{
    char below[FILES_PATH_SIZE];
    enum disk_cause before;
    int rc;

    if (!is_suffix(sl_str_of(suffix)))
        return sl_fail(err, SL_E_INVAL, suffix, "no suffix of a file");
    make_name(bytes, suffix, name);
    if (!files_path(sl_str_of(name), below)) return SL_E_INVAL;
    before = disk_write_for(DISK_MEDIA);
    rc = put(f, bytes, below);
    if (rc == -ENOENT) {
        forget_folders(f);
        rc = put(f, bytes, below);
    }
    disk_write_for(before);
    return rc < 0 ? fail(f, rc, err) : rc;
}

/* ---- all of them ---- */

struct walk {
    const atomic_bool *stop;
    uint64_t bytes;
};

static void add_file(struct walk *w, int folder, const char *name)
{
    char path[FILES_PATH_SIZE];
    struct stat st;

    if (files_path(sl_str_of(name), path)
        && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
        w->bytes += (uint64_t)st.st_size;
}

/* `depth` folders lie above the files. */
static void walk_folder(struct walk *w, const char *path, int depth)
{
    DIR *dir = opendir(path);
    char below[PATH_MAX];

    if (dir == NULL) return; /* none yet, or not ours to look at */
    for (struct dirent *e; (e = readdir(dir)) != NULL && !atomic_load(w->stop);) {
        if (depth == 0) {
            add_file(w, dirfd(dir), e->d_name);
        } else if (strlen(e->d_name) == 2 && is_digit(e->d_name[0]) && is_digit(e->d_name[1])) {
            int n = snprintf(below, sizeof below, "%s/%s", path, e->d_name);

            if (n < (int)sizeof below) walk_folder(w, below, depth - 1);
        }
    }
    closedir(dir);
}

uint64_t files_measure(const struct files *f, const atomic_bool *stop)
{
    struct walk w = {.stop = stop};

    walk_folder(&w, f->root, 2);
    return w.bytes;
}

/* ---- life ---- */

/* Nothing else writes here yet: whatever bears a name of ours was left by a crash. */
static void remove_leftovers(const struct files *f)
{
    char path[PATH_MAX];
    struct stat st;
    DIR *dir;

    join(f, ".part", 5, path);
    dir = opendir(path);
    if (dir == NULL) return;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (is_hex(sl_str_of(e->d_name))
            && fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISREG(st.st_mode))
            unlinkat(dirfd(dir), e->d_name, 0);
    }
    closedir(dir);
}

int files_new(const char *root, struct files **out, sl_error *err)
{
    size_t len = strlen(root);
    struct files *f;

    *out = NULL;
    if (len == 0 || len + FILES_PATH_SIZE + 4 > PATH_MAX) { /* the longest: "/..", terminated */
        return sl_fail(err, -ENAMETOOLONG, "", "the name of the folder for files is too long");
    }
    f = sl__zalloc(sizeof *f + len + 1);
    if (f == NULL) return sl_fail(err, SL_E_NOMEM, root, "out of memory");
    memcpy(f->root, root, len + 1);
    remove_leftovers(f);
    *out = f;
    return 0;
}

void files_free(struct files *f)
{
    sl__free(f);
}
