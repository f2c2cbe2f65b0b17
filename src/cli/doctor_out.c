/* SPDX-License-Identifier: MIT */
#include "cli/doctor_out.h"

#include "base/str.h"

static const struct {
    const char *word, *colour; /* SGR, ECMA-48 §8.3.117 */
} states[] = {
    [FOUND_PASS] = {"pass", "32"},
    [FOUND_WARN] = {"warn", "33"},
    [FOUND_FAIL] = {"fail", "31"},
    [FOUND_SKIP] = {"skip", "2" },
};

/* ---- harmless ---- */

/* Of a valid UTF-8 character: the C1 controls, and U+200E/F, U+202A..E, U+2066..9. */
static bool is_harmful(const unsigned char *c, size_t n)
{
    if (n == 1) return c[0] < 0x20 || c[0] == 0x7f;
    if (n == 2) return c[0] == 0xc2 && c[1] < 0xa0;
    if (n != 3 || c[0] != 0xe2) return false;
    if (c[1] == 0x80) return c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae);
    return c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9;
}

void printable(char *text)
{
    sl_str rest = sl_str_of(text);
    char *to = text;

    while (rest.len > 0) {
        size_t n = str_utf8_char(rest);

        if (n == 0 || is_harmful((const unsigned char *)rest.ptr, n)) {
            *to++ = '?';
        } else {
            memmove(to, rest.ptr, n);
            to += n;
        }
        rest = str_part(rest, n > 0 ? n : 1, rest.len);
    }
    *to = '\0';
}

/* ---- lines to paste ---- */

#define NAME_WIDTH 19

static const struct {
    const char *name, *key;
} proxies[PASTE_PROXIES] = {
    [PASTE_NGINX] = {"nginx",  "nginx" },
    [PASTE_CADDY] = {"Caddy",  "caddy" },
    [PASTE_APACHE] = {"Apache", "apache"},
};

/* Lines alone, so that they can be copied. */
static void out_paste(FILE *to, const char *proxy, const char *lines)
{
    if (lines != NULL) fprintf(to, "      for %s:\n", proxy);
    while (lines != NULL) {
        size_t n = strcspn(lines, "\n");

        fprintf(to, "        %.*s\n", (int)n, lines);
        lines = lines[n] != '\0' ? lines + n + 1 : NULL;
    }
}

static void put_text(sl_json_out *out, const char *key, const char *text)
{
    sl_out_key(out, key);
    sl_out_str(out, sl_str_of(text));
}

static void put_paste(sl_json_out *out, const struct paste *p)
{
    sl_out_key(out, "paste");
    sl_out_object(out);
    for (size_t i = 0; i < PASTE_PROXIES; i++) {
        if (p->lines[i] != NULL) put_text(out, proxies[i].key, p->lines[i]);
    }
    sl_out_end(out);
}

/* ---- for people ---- */

void out_finding(FILE *to, bool colour, const struct step *s, const struct finding *f)
{
    const char *word = states[f->state].word;

    if (colour)
        fprintf(to, "\033[%sm%s\033[0m  %-*s  %s\n", states[f->state].colour, word, NAME_WIDTH,
                s->name, f->cause);
    else
        fprintf(to, "%s  %-*s  %s\n", word, NAME_WIDTH, s->name, f->cause);
    if (f->next[0] != '\0') fprintf(to, "      %-*s  next: %s\n", NAME_WIDTH, "", f->next);
    for (size_t i = 0; f->paste != NULL && i < PASTE_PROXIES; i++)
        out_paste(to, proxies[i].name, f->paste->lines[i]);
    fflush(to);
}

void out_end(FILE *to, const struct doctor *d, const int count[FOUND_SKIP + 1])
{
    fprintf(to, "\n");
    for (size_t i = 0; i < d->notes; i++)
        fprintf(to, "%s\n", d->note[i]);
    fprintf(to, "%d passed, %d warned, %d failed, %d skipped\n", count[FOUND_PASS],
            count[FOUND_WARN], count[FOUND_FAIL], count[FOUND_SKIP]);
}

/* ---- for machines ---- */

void out_json_begin(sl_json_out *out, const struct doctor *d)
{
    sl_out_object(out);
    put_text(out, "address", d->url.at);
    sl_out_key(out, "steps");
    sl_out_array(out);
}

void out_json_finding(sl_json_out *out, const char *part, const struct step *s,
                      const struct finding *f)
{
    sl_out_object(out);
    put_text(out, "part", part);
    put_text(out, "name", s->name);
    put_text(out, "checks", s->checks);
    put_text(out, "state", states[f->state].word);
    put_text(out, "cause", f->cause);
    if (f->next[0] != '\0') put_text(out, "next", f->next);
    if (f->paste != NULL) put_paste(out, f->paste);
    sl_out_key(out, "took_ms");
    sl_out_i64(out, (int64_t)f->took_ms);
    sl_out_end(out);
}

void out_json_end(sl_json_out *out, const struct doctor *d, const int count[FOUND_SKIP + 1],
                  int exit_code)
{
    sl_out_end(out);
    sl_out_key(out, "notes");
    sl_out_array(out);
    for (size_t i = 0; i < d->notes; i++)
        sl_out_str(out, sl_str_of(d->note[i]));
    sl_out_end(out);
    for (int i = 0; i <= FOUND_SKIP; i++) {
        sl_out_key(out, states[i].word);
        sl_out_i64(out, count[i]);
    }
    sl_out_key(out, "ok");
    sl_out_bool(out, count[FOUND_FAIL] == 0);
    sl_out_key(out, "exit_code");
    sl_out_i64(out, exit_code);
    sl_out_end(out);
}
