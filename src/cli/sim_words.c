/* SPDX-License-Identifier: MIT */
#include "cli/sim_words.h"

#include "base/alloc.h"
#include "base/codec.h"

#include <stdio.h>
#include <time.h>

static void begin(sl_json_out *out, const char *type)
{
    sl_out_object(out);
    sl_out_key(out, "type");
    sl_out_str(out, sl_str_of(type));
}

void words_register(sl_json_out *out, sl_str device)
{
    begin(out, "device_register");
    sl_out_key(out, "device_id");
    sl_out_str(out, device);
    sl_out_end(out);
}

void words_ping(sl_json_out *out)
{
    begin(out, "ping");
    sl_out_end(out);
}

const char *words_time(struct wall at, char buf[WORDS_TIME_SIZE])
{
    time_t t = (time_t)(at.us / 1000000);
    char second[32];
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buf, WORDS_TIME_SIZE, "%s.%06d+00:00", second, (int)(at.us % 1000000));
    return buf;
}

static void put_numbers(sl_json_out *out, const char *key, const int *number, size_t n)
{
    sl_out_key(out, key);
    sl_out_array(out);
    for (size_t i = 0; i < n; i++)
        sl_out_i64(out, number[i]);
    sl_out_end(out);
}

void words_detection(sl_json_out *out, const struct sighting *seen, int width, int height,
                     struct wall at)
{
    const int box[] = {seen->x, seen->y, seen->w, seen->h}, source[] = {width, height};
    char text[WORDS_TIME_SIZE];

    begin(out, "detection");
    sl_out_key(out, "defect_type");
    sl_out_str(out, sl_str_of(seen->type));
    sl_out_key(out, "confidence");
    sl_out_f64(out, seen->confidence);
    sl_out_key(out, "timestamp");
    sl_out_str(out, sl_str_of(words_time(at, text)));
    if (seen->w > 0) {
        put_numbers(out, "bbox", box, 4);
        put_numbers(out, "source", source, 2);
    }
    sl_out_end(out);
}

int words_picture(struct words_room *room, sl_str head, sl_str jpeg, sl_str tail, sl_str *out)
{
    size_t need = head.len + sl__base64_len(jpeg.len) + tail.len + 1;
    char *at;

    *out = (sl_str){0};
    if (need > room->cap) {
        char *grown = sl__realloc(room->ptr, need);

        if (grown == NULL) return SL_E_NOMEM;
        room->ptr = grown;
        room->cap = need;
    }
    at = room->ptr;
    memcpy(at, head.ptr, head.len);
    at += head.len;
    at += sl__base64_encode(at, jpeg.ptr, jpeg.len);
    memcpy(at, tail.ptr, tail.len);
    at += tail.len;
    *out = (sl_str){room->ptr, (size_t)(at - room->ptr)};
    return 0;
}

int words_frame(struct words_room *room, sl_str jpeg, sl_str *out)
{
    return words_picture(room, SL_STR("{\"type\":\"frame\",\"frame\":\""), jpeg, SL_STR("\"}"),
                         out);
}

int words_due(struct cooldown *c, const struct view *v, uint64_t now_ms, int due[SIGHTINGS_MAX])
{
    int n = 0;

    if (c->has_told && now_ms - c->told_ms < WORDS_COOLDOWN_MS) return 0;
    for (int i = 0; i < v->n; i++) {
        if (v->seen[i].confidence >= WORDS_CONFIDENCE_MIN) due[n++] = i;
    }
    if (n > 0) *c = (struct cooldown){.has_told = true, .told_ms = now_ms};
    return n;
}
