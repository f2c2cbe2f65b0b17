/* SPDX-License-Identifier: MIT */
#include "net/notify.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STATUS_SIZE 200

struct notify {
    sl_loop *loop;
    int fd;
    struct sockaddr_un to;
    socklen_t to_len;
    uint64_t kick_ms; /* 0: no watchdog */
    struct timer kick;
    char status[STATUS_SIZE];
};

/* A path, or '@' for Linux's abstract names, which begin with a zero byte. unix(7) */
static int name_socket(struct notify *n, const char *name)
{
    size_t len = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || len < 2) return SL_E_INVAL;
    if (len >= sizeof n->to.sun_path) return SL_E_INVAL;
    n->to.sun_family = AF_UNIX;
    memcpy(n->to.sun_path, name, len);
    if (name[0] == '@') n->to.sun_path[0] = '\0';
    n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return 0;
}

static void send_text(struct notify *n, const char *text)
{
    ssize_t sent;

    do {
        sent = sendto(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                      (const struct sockaddr *)&n->to, n->to_len);
    } while (sent < 0 && errno == EINTR);
}

/* ---- the watchdog ---- */

static void on_kick(struct timer *t)
{
    struct notify *n = LIST_ENTRY(t, struct notify, kick);

    send_text(n, "WATCHDOG=1");
    sl__loop_set_timer(n->loop, t, n->kick_ms);
}

/* Half of what we are given, as sd_watchdog_enabled(3) advises. 0: none, or another process's
 */
static uint64_t kick_interval_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t us, wanted;

    if (usec == NULL || !str_to_u64(sl_str_of(usec), &us) || us == 0) return 0;
    if (pid != NULL && (!str_to_u64(sl_str_of(pid), &wanted) || wanted != (uint64_t)getpid()))
        return 0;
    return us / 2000 > 0 ? us / 2000 : 1;
}

/* ---- what is said ---- */

/* A line's end would begin a message of its own. */
static bool put_status(struct notify *n, const char *fmt, va_list args)
{
    char text[STATUS_SIZE];
    bool is_new;

    vsnprintf(text, sizeof text, fmt, args);
    for (char *c = text; *c != '\0'; c++) {
        if (*c == '\n') *c = ' ';
    }
    is_new = strcmp(text, n->status) != 0;
    memcpy(n->status, text, sizeof text);
    return is_new;
}

void notify_ready(struct notify *n, const char *fmt, ...)
{
    char text[STATUS_SIZE + 32];
    va_list args;

    if (n == NULL) return;
    va_start(args, fmt);
    put_status(n, fmt, args);
    va_end(args);
    snprintf(text, sizeof text, "READY=1\nSTATUS=%s", n->status);
    send_text(n, text);
    if (n->kick_ms > 0) on_kick(&n->kick);
}

void notify_status(struct notify *n, const char *fmt, ...)
{
    char text[STATUS_SIZE + 32];
    va_list args;
    bool is_new;

    if (n == NULL) return;
    va_start(args, fmt);
    is_new = put_status(n, fmt, args);
    va_end(args);
    snprintf(text, sizeof text, "STATUS=%s", n->status);
    if (is_new) send_text(n, text);
}

/* The moment tells the manager which of two READY=1 belongs to it: Type=notify-reload. */
void notify_reloading(struct notify *n)
{
    char text[96];

    if (n == NULL) return;
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)mono_now().us);
    send_text(n, text);
}

void notify_stopping(struct notify *n)
{
    if (n != NULL) send_text(n, "STOPPING=1\nSTATUS=stopping");
}

/* ---- life ---- */

int notify_open(sl_loop *loop, struct notify **out)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct notify *n;
    int rc;

    *out = NULL;
    if (name == NULL || *name == '\0') return 0;
    n = sl__zalloc(sizeof *n);
    if (n == NULL) return SL_E_NOMEM;
    n->loop = loop;
    n->fd = -1;
    timer_init(&n->kick, on_kick);
    rc = name_socket(n, name);
    if (rc < 0) goto failed;
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (n->fd < 0) {
        rc = -errno;
        goto failed;
    }
    n->kick_ms = kick_interval_ms();
    *out = n;
    return 0;
failed:
    sl__free(n);
    return rc;
}

void notify_close(struct notify *n)
{
    if (n == NULL) return;
    sl__loop_cancel_timer(n->loop, &n->kick);
    close(n->fd);
    sl__free(n);
}
