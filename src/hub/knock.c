/* SPDX-License-Identifier: MIT */
#include "hub/knock.h"

#include "sluice/log.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "net/loop.h"

#include <stdlib.h>

#define APART_MS 60000 /* for what is only listed when it comes often */
#define SOON_MS  50
#define AGAIN_MS 1000 /* between two words about changes, and two lines in the log */

struct knocks {
    sl_loop *loop;
    uint64_t order;
    uint64_t count[KNOCK_CAUSES];
    void (*on_change)(sl_str record, void *user);
    void *user;
    struct timer timer; /* armed: a word is due, or it is too early for the next */
    const struct knock_group *changed;
    uint32_t n;
    struct knock_group group[KNOCK_GROUPS_MAX];
};

/* ---- texts ---- */

/* Controls, and what turns the reading order or ends a line: U+0080..9F, U+200B..200F,
 * U+2028..202E, U+2060..206F, U+FEFF. */
static bool is_odd(const char *c, size_t n)
{
    const uint8_t *b = (const uint8_t *)c;

    if (n == 1) return b[0] < 0x20 || b[0] == 0x7f;
    if (n == 2) return b[0] == 0xc2 && b[1] < 0xa0;
    if (n != 3) return false;
    if (b[0] == 0xef) return b[1] == 0xbb && b[2] == 0xbf;
    if (b[0] != 0xe2) return false;
    if (b[1] == 0x80) return (b[2] >= 0x8b && b[2] <= 0x8f) || (b[2] >= 0xa8 && b[2] <= 0xae);
    return b[1] == 0x81 && b[2] >= 0xa0 && b[2] <= 0xaf;
}

void knock_clean(sl_str text, char *out, size_t size)
{
    static const char instead[] = "\xef\xbf\xbd";
    size_t at = 0;

    while (text.len > 0) {
        size_t n = str_utf8_char(text), used = n > 0 ? n : 1;
        bool odd = n == 0 || is_odd(text.ptr, n);
        size_t put = odd ? sizeof instead - 1 : n;

        if (at + put + 1 > size) break;
        memcpy(out + at, odd ? instead : text.ptr, put);
        at += put;
        text = str_part(text, used, text.len);
    }
    out[at] = '\0';
}

/* "127.0.0.1:53211", "[::1]:53211" -> without the port */
static sl_str without_port(const char *peer)
{
    sl_str s = sl_str_of(peer);
    size_t n = s.len;

    if (n > 0 && s.ptr[0] == '[') return str_part(s, 1, str_find_byte(s, ']') - 1);
    while (n > 0 && s.ptr[n - 1] != ':')
        n--;
    return n > 0 ? str_part(s, 0, n - 1) : s;
}

/* ---- groups ---- */

static bool is_same(const struct knock_group *a, const struct knock_group *b)
{
    return a->cause == b->cause && strcmp(a->address, b->address) == 0
           && strcmp(a->path, b->path) == 0;
}

/* Who knocked least, and of those who has been quiet longest. */
static struct knock_group *find_least(struct knocks *k)
{
    struct knock_group *least = &k->group[0];

    for (struct knock_group *g = least + 1; g < k->group + k->n; g++) {
        if (g->count < least->count || (g->count == least->count && g->order < least->order)) {
            least = g;
        }
    }
    return least;
}

static struct knock_group *get_group(struct knocks *k, const struct knock_group *key)
{
    struct knock_group *g;

    for (g = k->group; g < k->group + k->n; g++) {
        if (is_same(g, key)) return g;
    }
    g = k->n < KNOCK_GROUPS_MAX ? &k->group[k->n++] : find_least(k);
    *g = *key;
    return g;
}

static bool is_listed(const struct knock_group *g)
{
    return g->count >= knock_kinds[g->cause].shown_from;
}

/* ---- telling ---- */

/* For a value between quotes in the log. */
static const char *unquoted(char *text)
{
    for (char *c = text; *c != '\0'; c++)
        if (*c == '"' || *c == '\\') *c = '\'';
    return text;
}

/* The first of a group; what it means and how it is mended is told by the page and doctor. */
static void log_new(const struct knock_group *g)
{
    const struct knock_kind *kind = &knock_kinds[g->cause];
    struct knock_group copy = *g;

    if (g->count != 1 && g->count != kind->shown_from) return;
    SL_INFO("knock", "reason=%s from=%s path=\"%s\" detail=\"%s\" note=\"see /api/knocks\"",
            kind->code, copy.address, unquoted(copy.path), unquoted(copy.detail));
}

static void tell(struct knocks *k)
{
    const struct knock_group *g = k->changed;
    sl_json_out out = {0};

    k->changed = NULL;
    log_new(g);
    if (k->on_change == NULL) return;
    sl_out_object(&out);
    knock_put(g, &out);
    sl_out_end(&out);
    if (out.rc == 0) k->on_change(sl_out_text(&out), k->user);
    sl_out_deinit(&out);
}

static void on_timer(struct timer *t)
{
    struct knocks *k = LIST_ENTRY(t, struct knocks, timer);

    if (k->changed == NULL) return; /* quiet: the next one is told soon */
    tell(k);
    sl__loop_set_timer(k->loop, t, AGAIN_MS);
}

void knock_note(struct knocks *k, const struct knock *what)
{
    struct knock_group key = {.cause = what->cause}, *g;
    uint64_t now_ms;

    if (k == NULL) return;
    now_ms = sl__loop_now_ms(k->loop);
    k->count[what->cause]++;
    knock_clean(without_port(what->peer), key.address, sizeof key.address);
    knock_clean(what->path, key.path, sizeof key.path);
    key.first_us = wall_now().us;
    g = get_group(k, &key);
    if (!is_listed(g) && g->last_ms + APART_MS < now_ms) { /* now and then is not often */
        g->count = 0;
        g->first_us = key.first_us;
    }
    g->count++;
    g->last_ms = now_ms;
    g->order = ++k->order;
    g->last_us = key.first_us;
    g->cure = what->cure != NULL ? what->cure : knock_kinds[what->cause].cure;
    if (what->detail.len > 0) knock_clean(what->detail, g->detail, sizeof g->detail);
    if (!is_listed(g)) return;
    k->changed = g;
    if (!timer_is_set(&k->timer)) sl__loop_set_timer(k->loop, &k->timer, SOON_MS);
}

void knocks_set_on_change(struct knocks *k, void (*fn)(sl_str record, void *user), void *user)
{
    k->on_change = fn;
    k->user = user;
}

/* ---- asking ---- */

uint64_t knocks_count(const struct knocks *k, enum knock_cause cause)
{
    return k != NULL ? k->count[cause] : 0;
}

static int by_order(const void *a, const void *b)
{
    const struct knock_group *const *x = a, *const *y = b;

    return ((*x)->order < (*y)->order) - ((*x)->order > (*y)->order);
}

uint32_t knocks_list(const struct knocks *k, const struct knock_group *out[KNOCK_GROUPS_MAX])
{
    uint32_t n = 0;

    for (const struct knock_group *g = k->group; g < k->group + k->n; g++) {
        if (is_listed(g)) out[n++] = g;
    }
    qsort(out, n, sizeof *out, by_order);
    return n;
}

/* ---- life: one allocation, so that noting needs none ---- */

int knocks_new(sl_loop *loop, struct knocks **out)
{
    struct knocks *k = sl__zalloc(sizeof *k);

    *out = k;
    if (k == NULL) return SL_E_NOMEM;
    k->loop = loop;
    timer_init(&k->timer, on_timer);
    return 0;
}

void knocks_free(struct knocks *k)
{
    if (k == NULL) return;
    sl__loop_cancel_timer(k->loop, &k->timer);
    sl__free(k);
}
