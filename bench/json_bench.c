/* SPDX-License-Identifier: MIT */
/*
 * How long the scan and the JSON reader take on two texts as cameras send them: a record of
 * 372 bytes, and a picture of 100 KB as base64. Prints the best of many short runs: what the
 * code takes when nothing disturbs it. jansson beside it, for scale.
 */
#include "sluice/json.h"

#include "base/scan.h"

#include <jansson.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS    400
#define PICTURE 100000
#define RECORD                                                                              \
    "{\"type\":\"detection_result\",\"camera_id\":\"cam-7\",\"checkpoint_id\":\"cp-3\","    \
    "\"timestamp\":\"2024-05-14T09:31:22.481503\",\"vehicles_count\":1,\"plates_count\":1," \
    "\"ocr_results\":[\"\u0e01\u0e02 1234\"],"                                              \
    "\"vehicle_detections\":[{\"bbox\":[112,204,803,655],\"confidence\":0.93,"              \
    "\"class\":\"car\"}],\"plate_detections\":[{\"bbox\":[260,350,372,391],"                \
    "\"confidence\":0.88}],\"processing_time_ms\":41.7,\"annotated_image\":\"\"}"

struct subject {
    sl_str text;
    sl_json doc;
    sl_json_index index;
    uint8_t *copy; /* as long as the text: what an unmasking scan writes */
};

static const uint8_t mask[4] = {0x37, 0xFA, 0x21, 0x3D};
static size_t sink; /* keeps the work from being optimised away */

static void must(bool ok)
{
    if (ok) return;
    fputs("json_bench: a text was not read\n", stderr);
    exit(1);
}

static void scan_with(struct subject *s, unsigned flags)
{
    struct scan scan;

    index_reset(&s->index);
    scan_init(&scan, flags, mask, &s->index);
    must(scan_feed(&scan, s->copy, s->copy, s->text.len) == 0);
    must(!(flags & SCAN_JSON) || scan_end(&scan) == 0);
    sink += s->index.n;
}

static void run_json(struct subject *s)
{
    struct scan scan;

    index_reset(&s->index);
    scan_init(&scan, SCAN_JSON, NULL, &s->index);
    must(scan_feed(&scan, s->copy, (const uint8_t *)s->text.ptr, s->text.len) == 0);
    must(scan_end(&scan) == 0);
    sink += s->index.n;
}

static void run_unmask(struct subject *s)
{
    scan_with(s, 0);
    scan_with(s, 0); /* on again, so that the text stays itself */
}

static void run_read_indexed(struct subject *s)
{
    must(sl_json_read(&s->doc, s->text, &s->index, NULL, NULL) == 0);
    sink += s->doc.n;
}

static void run_scan_and_read(struct subject *s)
{
    run_json(s);
    run_read_indexed(s);
}

static void run_read(struct subject *s)
{
    must(sl_json_read(&s->doc, s->text, NULL, NULL, NULL) == 0);
    sink += s->doc.n;
}

static void run_peek(struct subject *s)
{
    sl_str key = SL_STR("type"), found;

    must(sl_json_peek(s->text, &s->index, &key, 1, &found, NULL) == 0 && found.ptr != NULL);
    sink += found.len;
}

static void run_jansson(struct subject *s)
{
    json_t *tree = json_loadb(s->text.ptr, s->text.len, 0, NULL);

    must(tree != NULL);
    json_decref(tree);
}

static const struct {
    const char *name;
    void (*run)(struct subject *s);
} rows[] = {
    {"unmask alone, twice",          run_unmask       },
    {"scan into a copy, with index", run_json         },
    {"peek of type, index given",    run_peek         },
    {"read, index given",            run_read_indexed },
    {"scan and read",                run_scan_and_read},
    {"read, no index given",         run_read         },
    {"jansson",                      run_jansson      },
};

static double best_ns(struct subject *s, void (*run)(struct subject *), unsigned times)
{
    double best = 1e30;

    for (unsigned i = 0; i < RUNS; i++) {
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        for (unsigned k = 0; k < times; k++)
            run(s);
        clock_gettime(CLOCK_MONOTONIC, &to);
        double ns =
            (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
        if (ns / times < best) best = ns / times;
    }
    return best;
}

static void measure(const char *name, sl_str text, unsigned times)
{
    struct subject s = {.text = text};

    s.copy = malloc(text.len);
    must(s.copy != NULL);
    memcpy(s.copy, text.ptr, text.len);
    index_init(&s.index, 0);
    printf("\n%s, %zu bytes\n", name, text.len);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        run_json(&s); /* what the rows with an index stand on */
        double ns =
            best_ns(&s, rows[i].run, rows[i].run == run_jansson ? times / 20 + 1 : times);
        printf("  %-34s %10.1f ns %8.2f GB/s\n", rows[i].name, ns, (double)text.len / ns);
    }
    index_deinit(&s.index);
    sl_json_deinit(&s.doc);
    free(s.copy);
}

int main(void)
{
    static const char base64[] = "/9j4AAQSkZJRgABAQEAYABgAAD+2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQ";
    static const char head[] = "{\"type\":\"frame\",\"device_id\":\"cam-07\",\"image\":\"";
    sl_str record = SL_STR(RECORD);
    char *picture = malloc(PICTURE);

    must(picture != NULL);
    for (size_t i = 0; i < PICTURE; i++)
        picture[i] = base64[i % (sizeof base64 - 1)];
    memcpy(picture, head, sizeof head - 1);
    memcpy(picture + PICTURE - 2, "\"}", 2);
    printf("scan: %s\n", scan_name());
    measure("record", record, 1000);
    measure("picture", (sl_str){picture, PICTURE}, 20);
    free(picture);
    return sink == 0;
}
