/* SPDX-License-Identifier: MIT */
/* One connection as JSON. What is not known is null, never left out. */
#include "base/clock.h"
#include "hub/connections.h"
#include "net/loop.h"
#include "serve/server.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

void connection_id(uint64_t id, char out[CONNECTION_ID_SIZE])
{
    snprintf(out, CONNECTION_ID_SIZE, "%" PRIx64, id);
}

static void put_text(sl_json_out *out, const char *key, sl_str text)
{
    sl_out_key(out, key);
    if (text.ptr != NULL)
        sl_out_str(out, text);
    else
        sl_out_null(out);
}

static void put_word(sl_json_out *out, const char *key, const char *word)
{
    put_text(out, key, word != NULL ? sl_str_of(word) : (sl_str){0});
}

static void put_number(sl_json_out *out, const char *key, int64_t v)
{
    sl_out_key(out, key);
    if (v == INSPECT_UNKNOWN)
        sl_out_null(out);
    else
        sl_out_i64(out, v);
}

/* Of microseconds, to a hundredth of a millisecond. */
static void put_ms(sl_json_out *out, const char *key, int64_t us)
{
    sl_out_key(out, key);
    if (us == INSPECT_UNKNOWN)
        sl_out_null(out);
    else
        sl_out_f64(out, round((double)us / 10) / 100);
}

/* When that was, of how long before this turn of the loop it was. */
static void put_instant(const struct connections *all, sl_json_out *out, const char *key,
                        int64_t ago_us)
{
    int64_t turn_us = (int64_t)(mono_now().us - all->in.server->loop->now.us);

    if (ago_us != INSPECT_UNKNOWN) ago_us = wall_now().us - turn_us - ago_us;
    put_number(out, key, ago_us);
}

static void put_rooms(const sl_sio_socket *s, sl_json_out *out)
{
    const void *at = NULL;
    uint32_t n = 0;
    sl_str name;

    sl_out_key(out, "rooms");
    sl_out_array(out);
    while (n < CONNECTION_ROOMS && inspect_next_room(s, &at, &name)) {
        sl_out_str(out, name);
        n++;
    }
    sl_out_end(out);
    put_number(out, "rooms_more", inspect_room_count(s) - n);
}

static void put_namespaces(const struct inspected *c, sl_json_out *out)
{
    const sl_sio_socket *s = NULL;

    sl_out_key(out, "namespaces");
    sl_out_array(out);
    for (int i = 0; i < CONNECTION_SPACES && (s = inspect_next_socket(c, s)) != NULL; i++) {
        sl_out_object(out);
        put_text(out, "name", sl_sio_nsp(s));
        put_rooms(s, out);
        sl_out_end(out);
    }
    sl_out_end(out);
}

static void put_identity(const struct inspected *c, const struct who *who,
                         const struct inspect_facts *f, sl_json_out *out)
{
    char id[CONNECTION_ID_SIZE];

    connection_id(c->id, id);
    put_word(out, "id", id);
    put_word(out, "system", who->system);
    put_word(out, "role", who->role);
    put_text(out, "device", who->device);
    put_text(out, "agent", f->agent);
    put_word(out, "address", f->peer);
    put_word(out, "transport", f->transport);
    put_word(out, "protocol", f->protocol);
    put_text(out, "path", f->path);
}

void connection_put_who(const struct connections *all, const struct inspected *c,
                        sl_json_out *out)
{
    struct inspect_facts f;
    struct who who;

    inspect_look(&all->in, c, &f);
    who_is(all->vitals, c, &who);
    put_identity(c, &who, &f, out);
    put_instant(all, out, "since_us", f.age_us);
}

void connection_put(const struct connections *all, const struct inspected *c, sl_json_out *out)
{
    struct inspect_facts f;
    struct who who;

    inspect_look(&all->in, c, &f);
    inspect_ask_kernel(c, &f);
    who_is(all->vitals, c, &who);
    put_identity(c, &who, &f, out);
    put_namespaces(c, out);
    put_instant(all, out, "since_us", f.age_us);
    put_instant(all, out, "heard_us", f.silent_us);
    put_ms(out, "rtt_ms", f.rtt_us);
    put_ms(out, "tcp_rtt_ms", f.tcp_rtt_us);
    put_number(out, "queued_bytes", (int64_t)f.queued);
    put_number(out, "unsent_bytes", f.unsent);
    put_number(out, "bytes_in", f.bytes_in);
    put_number(out, "bytes_out", f.bytes_out);
    put_number(out, "messages_in", who.messages);
    sl_out_key(out, "drops");
    sl_out_object(out);
    put_number(out, "conflated", (int64_t)(f.conflated + who.conflated));
    sl_out_end(out);
}
