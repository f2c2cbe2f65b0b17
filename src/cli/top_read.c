/* SPDX-License-Identifier: MIT */
/* What the hub says: /api/connections, page by page, and the counters of /metrics. */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/dial_http.h"
#include "cli/top.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_PATH  "/api/connections?limit=1000"
#define PAGE_NODES 200000

const char *const top_transports[TOP_TRANSPORTS] = {
    [TOP_WEBSOCKET] = "websocket", [TOP_POLLING] = "polling", [TOP_SSE] = "sse",
    [TOP_MJPEG] = "mjpeg",         [TOP_HTTP] = "http",
};

static const char *const rate_metrics[TOP_RATES] = {
    [TOP_FRAMES_IN] = "sluice_frames_received_total",
    [TOP_FRAMES_OUT] = "sluice_frames_sent_total",
    [TOP_RECORDS] = "sluice_records_stored_total",
    [TOP_CUT] = "sluice_viewers_cut_off_total",
};

/* ---- lives ---- */

static void forget_pages(struct top_view *v)
{
    for (size_t i = 0; i < v->pages; i++) {
        sl_json_deinit(&v->page[i]->doc);
        reply_deinit(&v->page[i]->reply);
        sl__free(v->page[i]);
    }
    v->pages = v->rows = 0;
    v->queued = 0;
    v->is_cut = false;
    memset(v->of, 0, sizeof v->of);
}

void top_init(struct top_view *v)
{
    *v = (struct top_view){0};
    for (int i = 0; i < TOP_RATES; i++)
        v->rate[i] = (struct top_rate){.metric = rate_metrics[i], .per_s = -1};
}

void top_deinit(struct top_view *v)
{
    forget_pages(v);
    sl__free(v->row);
    v->row = NULL;
}

static int fail(struct top_view *v, int rc, const char *what)
{
    char text[96];

    snprintf(v->error, sizeof v->error, "%s: %s", what, sl_strerror(rc, text, sizeof text));
    return rc;
}

/* ---- connections ---- */

static double number_of(sl_value of, sl_str key)
{
    double n = 0;

    return sl_value_f64(sl_value_get(of, key), &n) ? n : -1;
}

static double key_of(sl_value c, enum top_sort sort)
{
    switch (sort) {
    case TOP_QUEUE: return number_of(c, SL_STR("queued_bytes"));
    case TOP_RTT: return number_of(c, SL_STR("rtt_ms"));
    case TOP_SINCE: return number_of(c, SL_STR("since_us"));
    case TOP_IN: return number_of(c, SL_STR("bytes_in"));
    case TOP_OUT: return number_of(c, SL_STR("bytes_out"));
    }
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct top_row *x = a, *y = b;

    if (x->key != y->key) return x->key < y->key ? 1 : -1;
    return 0;
}

void top_sort_rows(struct top_view *v, enum top_sort sort)
{
    for (size_t i = 0; i < v->rows; i++)
        v->row[i].key = key_of(v->row[i].of, sort);
    if (v->rows > 1) qsort(v->row, v->rows, sizeof *v->row, by_key);
}

static int add_row(struct top_view *v, sl_value c)
{
    sl_value transport = sl_value_get(c, SL_STR("transport"));
    double queued = number_of(c, SL_STR("queued_bytes"));

    if (v->rows == v->cap) {
        size_t cap = v->cap > 0 ? v->cap * 2 : 256;
        struct top_row *more = sl__realloc(v->row, cap * sizeof *more);

        if (more == NULL) return SL_E_NOMEM;
        v->row = more;
        v->cap = cap;
    }
    v->row[v->rows++] = (struct top_row){.of = c};
    if (queued > 0) v->queued += queued;
    for (int i = 0; i < TOP_TRANSPORTS; i++)
        if (sl_value_is_str(transport, sl_str_of(top_transports[i]))) v->of[i]++;
    return 0;
}

static int take_page(struct top_view *v, struct top_page *p, char next[32])
{
    sl_value root = sl_json_root(&p->doc), list = sl_value_get(root, SL_STR("connections"));
    sl_str after;
    int rc = 0;

    next[0] = '\0';
    if (sl_value_type(list) != SL_JSON_ARRAY) return SL_E_JSON;
    for (sl_value c = sl_value_first(list, NULL); rc == 0 && sl_value_type(c) != SL_JSON_NONE;
         c = sl_value_next(list, c, NULL))
        rc = add_row(v, c);
    (void)sl_value_i64(sl_value_get(root, SL_STR("now_us")), &v->now_us);
    if (sl_value_str(sl_value_get(root, SL_STR("next")), &after)
        && !str_to_cstr(after, next, 32)) {
        return SL_E_JSON;
    }
    return rc;
}

static int get(const struct dial_url *hub, int stop_fd, const char *path, struct reply *reply)
{
    struct dial d = DIAL_NONE;

    d.stop_fd = stop_fd;
    dial_limit(&d, TOP_TIMEOUT);
    return dial_get(&d, hub, path, reply);
}

static int read_page(struct top_view *v, const struct dial_url *hub, int stop_fd, char next[32])
{
    const sl_json_limits limits = {.depth = 16, .nodes = PAGE_NODES};
    struct top_page *p = sl__zalloc(sizeof *p);
    char path[96];
    int rc;

    if (p == NULL) return fail(v, SL_E_NOMEM, "sluice top");
    v->page[v->pages++] = p;
    snprintf(path, sizeof path, "%s%s%s", PAGE_PATH, next[0] != '\0' ? "&after=" : "", next);
    rc = get(hub, stop_fd, path, &p->reply);
    if (rc < 0) return fail(v, rc, "the hub does not answer");
    if (p->reply.status != 200) {
        snprintf(v->error, sizeof v->error, "the hub answers %d: it is an older one, or no hub",
                 p->reply.status);
        return SL_E_HTTP;
    }
    rc = sl_json_read(&p->doc, p->reply.body, NULL, &limits, NULL);
    if (rc == 0) rc = take_page(v, p, next);
    return rc < 0 ? fail(v, rc, "what answers is no hub") : 0;
}

/* ---- counters ---- */

/* "name{labels} value" and "name value"; the series of one name are added up. */
static double sum_of(sl_str text, const char *metric)
{
    size_t n = strlen(metric);
    double sum = 0;
    sl_str line;

    while (str_split(&text, '\n', &line)) {
        char number[32];
        size_t at = line.len;

        if (line.len <= n || memcmp(line.ptr, metric, n) != 0) continue;
        if (line.ptr[n] != ' ' && line.ptr[n] != '{') continue;
        while (at > 0 && line.ptr[at - 1] != ' ')
            at--;
        if (str_to_cstr(str_part(line, at, line.len), number, sizeof number))
            sum += strtod(number, NULL);
    }
    return sum;
}

/* Without them there are no rates, which is no reason to show nothing. */
static void read_counters(struct top_view *v, const struct dial_url *hub, int stop_fd)
{
    struct reply *r = sl__zalloc(sizeof *r);
    uint64_t now_ms = dial_now_ms();

    if (r != NULL && get(hub, stop_fd, "/metrics", r) == 0 && r->status == 200) {
        for (int i = 0; i < TOP_RATES; i++) {
            struct top_rate *rate = &v->rate[i];
            double total = sum_of(r->body, rate->metric), more = total - rate->total;

            rate->per_s = v->read_at_ms > 0 && now_ms > v->read_at_ms && more >= 0
                              ? more * 1000 / (double)(now_ms - v->read_at_ms)
                              : -1; /* the first time, or the hub was started anew */
            rate->total = total;
        }
        v->read_at_ms = now_ms;
    }
    if (r != NULL) reply_deinit(r);
    sl__free(r);
}

int top_read(struct top_view *v, const struct dial_url *hub, int stop_fd, enum top_sort sort)
{
    char next[32] = "";
    int rc;

    forget_pages(v);
    v->error[0] = '\0';
    do {
        rc = read_page(v, hub, stop_fd, next);
    } while (rc == 0 && next[0] != '\0' && v->pages < TOP_PAGES);
    if (rc < 0) {
        forget_pages(v);
        return rc;
    }
    v->is_cut = next[0] != '\0';
    read_counters(v, hub, stop_fd);
    top_sort_rows(v, sort);
    return 0;
}
