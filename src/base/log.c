/* SPDX-License-Identifier: MIT */
#include "sluice/log.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_BYTES 2048 /* below PIPE_BUF: lines of several threads never mix in a pipe */
#define WINDOW_MS  10000
#define WINDOW_MAX 10 /* lines of one site that get through per window */
#define ELLIPSIS   "…"

static atomic_int level_now = SL_LOG_INFO;
static atomic_int fd_now = -1;
static pthread_mutex_t sites = PTHREAD_MUTEX_INITIALIZER; /* what every sl_log_site says */

static const char *const level_names[] = {
    [SL_LOG_ERROR] = "error",
    [SL_LOG_WARN] = "warn",
    [SL_LOG_INFO] = "info",
    [SL_LOG_DEBUG] = "debug",
};

struct line {
    size_t len;
    char text[LINE_BYTES];
};

void sl_log_set_level(sl_log_level level)
{
    atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

sl_log_level sl_log_get_level(void)
{
    return (sl_log_level)atomic_load_explicit(&level_now, memory_order_relaxed);
}

void sl_log_to(int fd)
{
    atomic_store_explicit(&fd_now, fd, memory_order_relaxed);
}

/* Whether this line gets through; `held` is how many did not since the last one that did. */
static bool may_speak(sl_log_site *site, uint32_t *held)
{
    uint64_t now_ms = mono_now().us / 1000;
    bool speaks;

    *held = 0;
    if (site == NULL) return true;

    pthread_mutex_lock(&sites);
    if (site->count == 0 || now_ms - site->window_ms >= WINDOW_MS) {
        site->window_ms = now_ms;
        site->count = 0;
    }
    speaks = site->count < WINDOW_MAX;
    if (speaks) {
        site->count++;
        *held = site->held;
        site->held = 0;
    } else if (site->held < UINT32_MAX) {
        site->held++;
    }
    pthread_mutex_unlock(&sites);
    return speaks;
}

/* Room for the ellipsis and the line's end is never given away. */
static bool add(struct line *l, const char *bytes, size_t n)
{
    if (n > LINE_BYTES - sizeof ELLIPSIS - l->len) return false;
    memcpy(l->text + l->len, bytes, n);
    l->len += n;
    return true;
}

/*
 * One character of the message, or what stands for it: control bytes (C1 and DEL among them)
 * and bytes that are not UTF-8 are spelled out, so that no peer can end our line, begin one of
 * its own or speak to the terminal.
 */
static bool add_char(struct line *l, sl_str *s)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t c = (uint8_t)s->ptr[0];
    size_t n = str_utf8_char(*s);
    bool c1 = n == 2 && c == 0xc2 && (uint8_t)s->ptr[1] < 0xa0;
    const char *bytes = s->ptr;

    if (c < 0x20 || c == 0x7f || n == 0 || c1) {
        size_t count = n > 0 ? n : 1;

        for (size_t i = 0; i < count; i++) {
            uint8_t b = (uint8_t)bytes[i];
            const char escape[] = {'\\', 'x', hex[b >> 4], hex[b & 15]};
            const char *name = b == '\n' ? "\\n" : b == '\r' ? "\\r" : b == '\t' ? "\\t" : NULL;

            if (!add(l, name ? name : escape, name ? 2 : sizeof escape)) return false;
        }
        n = count;
    } else if (!add(l, bytes, n)) {
        return false;
    }
    *s = str_part(*s, n, s->len);
    return true;
}

static void add_message(struct line *l, sl_str s)
{
    while (s.len > 0 && add_char(l, &s))
        continue;
    if (s.len > 0) {
        memcpy(l->text + l->len, ELLIPSIS, sizeof ELLIPSIS - 1);
        l->len += sizeof ELLIPSIS - 1;
    }
    l->text[l->len++] = '\n';
}

static void put_line(const struct line *l)
{
    int fd = atomic_load_explicit(&fd_now, memory_order_relaxed);
    size_t done = 0;

    while (done < l->len) {
        ssize_t n = write(fd < 0 ? STDERR_FILENO : fd, l->text + done, l->len - done);

        if (n > 0) done += (size_t)n;
        if (n == 0 || (n < 0 && errno != EINTR)) return; /* there is nobody left to tell */
    }
}

void sl_log(sl_log_site *site, sl_log_level level, const char *topic, const char *fmt, ...)
{
    int saved_errno = errno, n;
    char message[LINE_BYTES], ts[WALL_TEXT_SIZE], head[256];
    struct line l = {0};
    uint32_t held;
    va_list args;

    if ((unsigned)level > SL_LOG_DEBUG || level > sl_log_get_level()) return;
    if (!may_speak(site, &held)) return;

    n = snprintf(head, sizeof head, "ts=%s level=%s topic=%.64s ", wall_format(wall_now(), ts),
                 level_names[level], topic);
    add(&l, head, (size_t)n);
    if (held > 0) {
        n = snprintf(head, sizeof head, "held=%lu ", (unsigned long)held);
        add(&l, head, (size_t)n);
    }

    errno = saved_errno; /* for %m */
    va_start(args, fmt);
    n = vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    /* a message cut here is longer than what the line has left, and gets its ellipsis there */
    add_message(&l, n > 0 ? sl_str_of(message) : (sl_str){NULL, 0});
    put_line(&l);
    errno = saved_errno;
}
