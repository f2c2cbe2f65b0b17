/* SPDX-License-Identifier: MIT */
/* `sluice top`: who is connected, busiest first, again and again. top_read.c asks the hub,
 * top_show.c writes, top_screen.c has the terminal, top.c ties them. */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include "sluice/json.h"

#include "proto/dial_url.h"
#include "proto/http1_reply.h"

#include <stdio.h>

enum top_sort { TOP_QUEUE, TOP_RTT, TOP_SINCE, TOP_IN, TOP_OUT };
#define TOP_SORTS "queue|rtt|since|in|out"

#define TOP_PAGES   128 /* of up to 1000 connections */
#define TOP_TIMEOUT 5000

enum top_transport { TOP_WEBSOCKET, TOP_POLLING, TOP_SSE, TOP_MJPEG, TOP_HTTP, TOP_TRANSPORTS };
extern const char *const top_transports[TOP_TRANSPORTS];

struct top_page {
    struct reply reply; /* `doc` is its body */
    sl_json doc;
};

struct top_row {
    sl_value of; /* the connection, as the hub says it */
    double key;  /* sorted by: the largest first */
};

/* A counter of the hub, and how quickly it rises. */
struct top_rate {
    const char *metric;  /* several series of it are added up */
    double total, per_s; /* per_s negative: not known yet */
};

enum { TOP_FRAMES_IN, TOP_FRAMES_OUT, TOP_RECORDS, TOP_CUT, TOP_RATES };

/* What was read last. Zeroed, then top_init. */
struct top_view {
    struct top_page *page[TOP_PAGES];
    size_t pages;
    struct top_row *row;
    size_t rows, cap;
    uint32_t of[TOP_TRANSPORTS];
    double queued; /* bytes, of all */
    int64_t now_us;
    bool is_cut; /* there are more connections than pages */
    struct top_rate rate[TOP_RATES];
    uint64_t read_at_ms; /* of the rates; 0: never */
    char error[192];     /* why the last reading failed; "" if it did not */
};

void top_init(struct top_view *v);
void top_deinit(struct top_view *v);

/*
 * Ask the hub for all of it.
 *
 * stop_fd  readable: give up
 * returns  0; else v->error is a sentence, and the view is empty
 */
int top_read(struct top_view *v, const struct dial_url *hub, int stop_fd, enum top_sort sort);
void top_sort_rows(struct top_view *v, enum top_sort sort);

/* ---- top_show.c ---- */

struct top_look {
    const char *where; /* the hub's URL */
    enum top_sort sort;
    int columns, lines; /* lines 0: no bound */
    bool colour;
};

/* Sums, then as many connections as there is room for, or `n`. */
void top_show(FILE *to, const struct top_view *v, const struct top_look *look, int64_t n);
/* The same for a program, one object and a line end. returns 0 or SL_E_NOMEM */
int top_show_json(FILE *to, const struct top_view *v, int64_t n);
/* 1234567 -> "1.2M" */
const char *top_short(double v, char out[16]);

/* ---- top_screen.c: a terminal that is left as it was found ---- */

extern volatile int top_resized; /* by SIGWINCH */

/* Whether stdout is one that can be drawn on. */
bool top_screen_is_there(void);
void top_screen_open(void);  /* another page of it; no cursor; keys come one by one */
void top_screen_close(void); /* also from a signal's handler; twice is fine */
void top_screen_size(int *columns, int *lines);

/* Signals that end: they make this descriptor readable. -1: none */
int top_catch_signals(void);
/* Until `ms` are over, a key comes, the size changes (0), or a signal ends it. returns a key,
 * 0, or -1: the end */
int top_wait(int stop_fd, int64_t ms, bool keys);

#endif
