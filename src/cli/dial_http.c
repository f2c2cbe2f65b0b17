/* SPDX-License-Identifier: MIT */
#include "cli/dial_http.h"

#include <stdio.h>

int dial_read_reply(struct dial *d, struct reply *out, char *rest, size_t size,
                    size_t *rest_len)
{
    char piece[4096];
    int rc = SL_E_PARTIAL;

    *rest_len = 0;
    while (rc == SL_E_PARTIAL) {
        int64_t n = dial_recv(d, piece, sizeof piece);
        size_t used;

        if (n < 0) return (int)n;
        if (n == 0) return reply_end(out) == 0 ? 0 : SL_E_CLOSED;
        rc = reply_feed(out, piece, (size_t)n, &used);
        if (rc == 0 && (size_t)n - used <= size) {
            *rest_len = (size_t)n - used;
            if (*rest_len > 0) memcpy(rest, piece + used, *rest_len);
        }
    }
    return rc;
}

int dial_get(struct dial *d, const struct dial_url *to, const char *path, struct reply *out)
{
    char text[1200];
    size_t rest;
    sl_str ask;
    int n, rc;

    n = snprintf(text, sizeof text,
                 "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice\r\n"
                 "Accept: application/json\r\nConnection: close\r\n\r\n",
                 path, to->at);
    if (n < 0 || (size_t)n >= sizeof text) return SL_E_TOO_BIG;
    rc = dial_open(d, to);
    if (rc < 0) return rc;
    ask = (sl_str){text, (size_t)n};
    rc = dial_send(d, &ask);
    if (rc == 0) rc = dial_read_reply(d, out, NULL, 0, &rest);
    dial_close(d);
    return rc;
}
