/* SPDX-License-Identifier: MIT */
/* The terminal: drawn on in place, and left as it was found, whatever ends the program. */
#include "base/clock.h"
#include "cli/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define ENTER "\x1b[?1049h\x1b[?25l" /* the other page, no cursor */
#define LEAVE "\x1b[?25h\x1b[?1049l"

volatile int top_resized;

static int stop_fd = -1;
static volatile sig_atomic_t is_open;
static struct termios before;
static bool has_keys;

bool top_screen_is_there(void)
{
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
}

static void say(const char *text, size_t n)
{
    while (n > 0) {
        ssize_t r = write(STDOUT_FILENO, text, n);

        if (r < 0 && errno == EINTR) continue;
        if (r <= 0) return;
        text += r;
        n -= (size_t)r;
    }
}

/* Nothing in here but what a signal's handler may call. */
void top_screen_close(void)
{
    if (!is_open) return;
    is_open = 0;
    say(LEAVE, sizeof LEAVE - 1);
    if (has_keys) tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void take_keys(void)
{
    struct termios now;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0) return;
    now = before;
    now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    now.c_cc[VMIN] = 0;
    now.c_cc[VTIME] = 0;
    has_keys = tcsetattr(STDIN_FILENO, TCSANOW, &now) == 0;
}

void top_screen_open(void)
{
    if (is_open) return;
    take_keys();
    is_open = 1;
    say(ENTER, sizeof ENTER - 1);
}

void top_screen_size(int *columns, int *lines)
{
    struct winsize w;

    *columns = 100;
    *lines = 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col == 0) return;
    *columns = w.ws_col;
    *lines = w.ws_row;
}

/* ---- signals ---- */

static void on_end(int number)
{
    int saved = errno;
    uint64_t one = 1;

    (void)number;
    (void)!write(stop_fd, &one, sizeof one);
    errno = saved;
}

static void on_resize(int number)
{
    (void)number;
    top_resized = 1;
}

/* What nobody expects: the terminal first, then as without us. */
static void on_fault(int number)
{
    top_screen_close();
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_one(int number, void (*fn)(int number))
{
    struct sigaction a = {.sa_handler = fn};

    sigemptyset(&a.sa_mask);
    sigaction(number, &a, NULL);
}

int top_catch_signals(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP}, faults[] = {SIGSEGV, SIGBUS, SIGABRT};

    stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop_fd < 0) return -1;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        catch_one(ends[i], on_end);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        catch_one(faults[i], on_fault);
    catch_one(SIGWINCH, on_resize);
    catch_one(SIGPIPE, SIG_IGN);
    return stop_fd;
}

/* ---- waiting ---- */

static int read_key(void)
{
    unsigned char key;

    return read(STDIN_FILENO, &key, 1) == 1 ? key : -1; /* the end of stdin: nobody is there */
}

int top_wait(int stop, int64_t ms, bool keys)
{
    struct pollfd fd[2] = {
        {.fd = stop,                     .events = POLLIN},
        {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN},
    };
    uint64_t until = mono_now().us + (uint64_t)ms * 1000;

    for (;;) {
        uint64_t now = mono_now().us;
        int left = now < until ? (int)((until - now + 999) / 1000) : 0;
        int n = poll(fd, 2, left);

        if (fd[0].revents != 0 && n > 0) return -1;
        if (n > 0) return read_key();
        if (top_resized || n == 0) return 0;
    }
}
