/* SPDX-License-Identifier: MIT */
/* What `sluice top` writes: sums, then a line for each connection. */
#include "cli/top.h"
#include "hub/knock.h"

#include <inttypes.h>
#include <string.h>

#define HEAD_LINES 5 /* in front of the connections */
#define WHO_MIN    18
#define TEXT_MAX   160

const char *top_short(double v, char out[16])
{
    static const char units[] = " KMGT";
    int i = 0;

    while (v >= 999.5 && units[i + 1] != '\0') {
        v /= 1000;
        i++;
    }
    if (i == 0)
        snprintf(out, 16, "%.0f", v);
    else
        snprintf(out, 16, v < 9.95 ? "%.1f%c" : "%.0f%c", v, units[i]);
    return out;
}

/* ---- one connection ---- */

/* What a device calls itself may hold what a terminal would obey. */
static bool text_of(sl_value c, const char *key, char out[TEXT_MAX])
{
    char plain[512];
    sl_str raw;
    int64_t n;

    out[0] = '\0';
    if (!sl_value_str(sl_value_get(c, sl_str_of(key)), &raw)) return false;
    if (raw.len > sizeof plain) raw.len = sizeof plain;
    n = sl_json_unescape(raw, plain);
    if (n < 0) return false;
    knock_clean((sl_str){plain, (size_t)n}, out, TEXT_MAX);
    return out[0] != '\0';
}

static double number_of(sl_value c, const char *key)
{
    double n;

    return sl_value_f64(sl_value_get(c, sl_str_of(key)), &n) ? n : -1;
}

static const char *count_of(sl_value c, const char *key, char out[16])
{
    double n = number_of(c, key);

    return n < 0 ? "-" : top_short(n, out);
}

static const char *rtt_of(sl_value c, char out[16])
{
    double ms = number_of(c, "rtt_ms");

    if (ms < 0) return "-";
    snprintf(out, 16, ms < 10 ? "%.1f" : "%.0f", ms);
    return out;
}

static const char *age_of(const struct top_view *v, sl_value c, char out[16])
{
    double since = number_of(c, "since_us"), s = ((double)v->now_us - since) / 1e6;

    if (since < 0 || s < 0) return "-";
    if (s < 100)
        snprintf(out, 16, "%.0fs", s);
    else if (s < 6000)
        snprintf(out, 16, "%.0fm", s / 60);
    else if (s < 360000)
        snprintf(out, 16, "%.0fh", s / 3600);
    else
        snprintf(out, 16, "%.0fd", s / 86400);
    return out;
}

static void put_who(sl_value c, char *out, size_t size)
{
    char name[TEXT_MAX], system[TEXT_MAX], role[TEXT_MAX];
    bool has_role;

    if (!text_of(c, "device", name) && !text_of(c, "agent", name)) snprintf(name, 2, "-");
    (void)text_of(c, "system", system);
    has_role = text_of(c, "role", role);
    snprintf(out, size, "%s%s%s%s%s", name, has_role || system[0] ? "  " : "", system,
             has_role && system[0] ? "/" : "", role);
}

/* How many bytes of a text fill so many columns, characters counted as one. */
static int fit(const char *text, int columns)
{
    int n = 0;

    while (text[n] != '\0') {
        if (((unsigned char)text[n] & 0xc0) != 0x80 && columns-- == 0) break;
        n++;
    }
    return n;
}

static int width(const char *text)
{
    int n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void put_cell(FILE *to, const char *text, int columns)
{
    int n = fit(text, columns), w = width(text);

    fprintf(to, "%.*s%*s", n, text, w < columns ? columns - w : 0, "");
}

static void show_row(FILE *to, const struct top_view *v, const struct top_look *look,
                     sl_value c)
{
    char who[4 * TEXT_MAX], transport[TEXT_MAX], protocol[TEXT_MAX], address[TEXT_MAX];
    char how[2 * TEXT_MAX + 2], n[6][16];
    int room = look->columns - 76 > WHO_MIN ? look->columns - 76 : WHO_MIN;

    put_who(c, who, sizeof who);
    (void)text_of(c, "transport", transport);
    (void)text_of(c, "protocol", protocol);
    (void)text_of(c, "address", address);
    snprintf(how, sizeof how, "%s %s", transport, protocol);
    put_cell(to, who, room);
    fputc(' ', to);
    put_cell(to, how, 21);
    fputc(' ', to);
    put_cell(to, address, 21);
    fprintf(to, "%5s %6s %6s %6s %6s\n", age_of(v, c, n[0]), rtt_of(c, n[1]),
            count_of(c, "queued_bytes", n[2]), count_of(c, "bytes_in", n[3]),
            count_of(c, "bytes_out", n[4]));
}

/* ---- sums ---- */

static void show_rate(FILE *to, const struct top_rate *r, const char *word)
{
    char n[16];

    if (r->per_s < 0)
        fprintf(to, "%s -/s", word);
    else if (r->per_s < 10)
        fprintf(to, "%s %.1f/s", word, r->per_s);
    else
        fprintf(to, "%s %s/s", word, top_short(r->per_s, n));
}

static void show_sums(FILE *to, const struct top_view *v, const struct top_look *look)
{
    const char *bold = look->colour ? "\x1b[1m" : "", *plain = look->colour ? "\x1b[0m" : "";
    char n[16];

    fprintf(to, "%ssluice top%s  %s  %zu connections%s\n", bold, plain, look->where, v->rows,
            v->is_cut ? " (there are more)" : "");
    for (int i = 0; i < TOP_TRANSPORTS; i++)
        fprintf(to, "%s%s %" PRIu32, i > 0 ? "  " : "", top_transports[i], v->of[i]);
    fputc('\n', to);
    show_rate(to, &v->rate[TOP_FRAMES_IN], "frames in");
    show_rate(to, &v->rate[TOP_FRAMES_OUT], "  out");
    show_rate(to, &v->rate[TOP_RECORDS], "  records");
    fprintf(to, "  waiting %s", top_short(v->queued, n));
    fprintf(to, "  viewers cut %s\n\n", top_short(v->rate[TOP_CUT].total, n));
}

static void show_titles(FILE *to, const struct top_look *look)
{
    const char *on = look->colour ? "\x1b[7m" : "", *off = look->colour ? "\x1b[0m" : "";
    int room = look->columns - 76 > WHO_MIN ? look->columns - 76 : WHO_MIN;

    fputs(on, to);
    put_cell(to, "WHO", room);
    fprintf(to, " %-21s %-21s%5s %6s %6s %6s %6s%s\n", "HOW", "FROM", "SINCE", "RTT ms",
            "QUEUE", "IN", "OUT", off);
}

void top_show(FILE *to, const struct top_view *v, const struct top_look *look, int64_t n)
{
    size_t shown = v->rows;

    if (v->error[0] != '\0') {
        fprintf(to, "sluice top  %s\n%s\n", look->where, v->error);
        return;
    }
    show_sums(to, v, look);
    show_titles(to, look);
    if (n > 0 && (size_t)n < shown) shown = (size_t)n;
    if (look->lines > 0 && shown > (size_t)look->lines - HEAD_LINES - 1)
        shown = look->lines > HEAD_LINES + 1 ? (size_t)look->lines - HEAD_LINES - 1 : 0;
    for (size_t i = 0; i < shown; i++)
        show_row(to, v, look, v->row[i].of);
    if (shown < v->rows) fprintf(to, "and %zu more", v->rows - shown);
    if (shown < v->rows && look->lines == 0) fputc('\n', to);
}

/* ---- for programs ---- */

static void put_number(sl_json_out *out, const char *key, double v)
{
    sl_out_key(out, key);
    if (v < 0)
        sl_out_null(out);
    else
        sl_out_f64(out, v);
}

static void put_sums(sl_json_out *out, const struct top_view *v)
{
    sl_out_key(out, "now_us");
    sl_out_i64(out, v->now_us);
    put_number(out, "total", (double)v->rows);
    sl_out_key(out, "transports");
    sl_out_object(out);
    for (int i = 0; i < TOP_TRANSPORTS; i++)
        put_number(out, top_transports[i], v->of[i]);
    sl_out_end(out);
    put_number(out, "queued_bytes", v->queued);
    put_number(out, "frames_in_per_s", v->rate[TOP_FRAMES_IN].per_s);
    put_number(out, "frames_out_per_s", v->rate[TOP_FRAMES_OUT].per_s);
    put_number(out, "records_per_s", v->rate[TOP_RECORDS].per_s);
    put_number(out, "viewers_cut", v->rate[TOP_CUT].total);
}

int top_show_json(FILE *to, const struct top_view *v, int64_t n)
{
    sl_json_out out = {0};
    int rc;

    sl_out_object(&out);
    put_sums(&out, v);
    sl_out_key(&out, "connections");
    sl_out_array(&out);
    for (size_t i = 0; i < v->rows && (n <= 0 || i < (size_t)n); i++)
        sl_out_raw(&out, sl_value_raw(v->row[i].of));
    sl_out_end(&out);
    sl_out_end(&out);
    rc = out.rc;
    if (rc == 0) fprintf(to, "%.*s\n", (int)sl_out_text(&out).len, sl_out_text(&out).ptr);
    sl_out_deinit(&out);
    return rc;
}
