/* SPDX-License-Identifier: MIT */
/* Writing packets. */
#include "proto/sio.h"

#include <string.h>

static size_t put_number(char *out, uint64_t n)
{
    char digit[20];
    size_t count = 0;

    do
        digit[count++] = (char)('0' + n % 10);
    while (n /= 10);
    for (size_t i = 0; i < count; i++)
        out[i] = digit[count - 1 - i];
    return count;
}

static bool is_root(sl_str nsp)
{
    return nsp.len == 0 || (nsp.len == 1 && nsp.ptr[0] == '/');
}

size_t sio_put_head(const struct sio_head *h, char out[SIO_HEAD_MAX])
{
    size_t n = 0;

    if (h->nsp.len > SIO_NSP_MAX) return 0;
    out[n++] = (char)('0' + h->type);
    if (h->type == SIO_BINARY_EVENT || h->type == SIO_BINARY_ACK) {
        n += put_number(out + n, h->attachments);
        out[n++] = '-';
    }
    if (!is_root(h->nsp)) {
        memcpy(out + n, h->nsp.ptr, h->nsp.len);
        n += h->nsp.len;
        out[n++] = ',';
    }
    if (h->has_id) n += put_number(out + n, h->id);
    return n;
}

static void out_head(sl_json_out *o, const struct sio_head *h)
{
    char head[SIO_HEAD_MAX];
    size_t n = sio_put_head(h, head);

    if (n == 0 && o->rc == 0) o->rc = SL_E_TOO_BIG;
    sl_out_raw(o, (sl_str){head, n});
}

static void out_args(sl_json_out *o, const sl_str *args, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sl_out_raw(o, args[i]);
    sl_out_end(o);
}

void sio_out_event(sl_json_out *o, const struct sio_head *h, sl_str name, const sl_str *args,
                   size_t n)
{
    out_head(o, h);
    sl_out_array(o);
    sl_out_str(o, name);
    out_args(o, args, n);
}

void sio_out_ack(sl_json_out *o, const struct sio_head *h, const sl_str *args, size_t n)
{
    out_head(o, h);
    sl_out_array(o);
    out_args(o, args, n);
}

void sio_out_disconnect(sl_json_out *o, sl_str nsp)
{
    out_head(o, &(struct sio_head){.type = SIO_DISCONNECT, .nsp = nsp});
}

void sio_out_connect(sl_json_out *o, unsigned revision, sl_str nsp, sl_str sid, sl_str pid)
{
    out_head(o, &(struct sio_head){.type = SIO_CONNECT, .nsp = nsp});
    if (revision == 3) return;
    sl_out_object(o);
    sl_out_key(o, "sid");
    sl_out_str(o, sid);
    if (pid.ptr != NULL) {
        sl_out_key(o, "pid");
        sl_out_str(o, pid);
    }
    sl_out_end(o);
}

void sio_out_connect_error(sl_json_out *o, unsigned revision, sl_str nsp, sl_str message,
                           sl_str data)
{
    out_head(o, &(struct sio_head){.type = SIO_CONNECT_ERROR, .nsp = nsp});
    if (revision == 3) {
        if (data.len > 0)
            sl_out_raw(o, data);
        else
            sl_out_str(o, message);
        return;
    }
    sl_out_object(o);
    sl_out_key(o, "message");
    sl_out_str(o, message);
    if (data.len > 0) {
        sl_out_key(o, "data");
        sl_out_raw(o, data);
    }
    sl_out_end(o);
}

void sio_out_join(sl_json_out *o, unsigned revision, sl_str nsp, sl_str auth)
{
    if (revision == 3 && auth.len > 0) {
        if (nsp.len > SIO_NSP_MAX && o->rc == 0) o->rc = SL_E_TOO_BIG;
        sl_out_raw(o, SL_STR("0"));
        sl_out_more(o, nsp.len ? nsp : SL_STR("/"));
        sl_out_more(o, SL_STR("?"));
        sl_out_more(o, auth);
        sl_out_more(o, SL_STR(","));
        return;
    }
    out_head(o, &(struct sio_head){.type = SIO_CONNECT, .nsp = nsp});
    if (auth.len > 0) sl_out_raw(o, auth);
}
