/* SPDX-License-Identifier: MIT */
#include "cli/doctor_rules.h"

#include "base/str.h"

#include <stdio.h>

static sl_str without_scheme(const char *setting)
{
    const char *at = strstr(setting, "://");

    return sl_str_of(at != NULL ? at + 3 : setting);
}

static sl_str without_last_slashes(sl_str s)
{
    while (s.len > 0 && s.ptr[s.len - 1] == '/')
        s.len--;
    return s;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

void rule_device_url(const char *setting, char out[RULE_URL_SIZE])
{
    bool tls = strstr(setting, "https") != NULL || strstr(setting, "railway") != NULL;
    sl_str s = without_last_slashes(without_scheme(setting));
    int n = snprintf(out, RULE_URL_SIZE, "%s://", tls ? "wss" : "ws");

    for (size_t i = 0; i < s.len && n + 5 < RULE_URL_SIZE; i++) {
        if (s.ptr[i] == ':' && i + 1 < s.len && is_digit(s.ptr[i + 1])) {
            while (i + 1 < s.len && is_digit(s.ptr[i + 1]))
                i++;
        } else {
            out[n++] = s.ptr[i];
        }
    }
    if (n + 5 >= RULE_URL_SIZE) {
        out[0] = '\0';
        return;
    }
    snprintf(out + n, 4, "/ws");
}

void rule_website_url(const char *setting, char out[RULE_URL_SIZE])
{
    sl_str s = without_last_slashes(without_scheme(setting));
    bool plain = strstr(s.ptr, "localhost") != NULL;
    int n =
        snprintf(out, RULE_URL_SIZE, "%s://%.*s/ws", plain ? "ws" : "wss", (int)s.len, s.ptr);

    if (n >= RULE_URL_SIZE) out[0] = '\0';
}

/* The value behind "EIO=", up to the next '&'. */
static void read_revision(const char *query, char out[8])
{
    const char *at = strstr(query, "EIO=");

    if (at == NULL || (at != query && at[-1] != '?' && at[-1] != '&')) return;
    snprintf(out, 8, "%.*s", (int)strcspn(at + 4, "&"), at + 4);
}

void rule_paths(const char *path, struct rule_paths *out)
{
    sl_str whole = str_part(sl_str_of(path), 0, strcspn(path, "?")), prefix = whole;
    const char *sio = strstr(path, "/socket.io");

    *out = (struct rule_paths){0};
    if (sio != NULL && (size_t)(sio - path) < whole.len) {
        read_revision(path + whole.len, out->revision);
        prefix = str_part(whole, 0, (size_t)(sio - path));
    } else if (str_ends(whole, SL_STR("/ws"))) {
        prefix.len -= 3;
    }
    prefix = without_last_slashes(prefix);
    snprintf(out->prefix, sizeof out->prefix, "%.*s", (int)prefix.len, prefix.ptr);
    if (str_ends(whole, SL_STR("/ws")))
        snprintf(out->ws, sizeof out->ws, "%s", path);
    else
        snprintf(out->ws, sizeof out->ws, "%s/ws", out->prefix);
}

bool rule_is_same_host(const struct dial_url *a, const struct dial_url *b)
{
    if (dial_url_is_loopback(a) && dial_url_is_loopback(b)) return true;
    return str_eq_nocase(sl_str_of(a->host), sl_str_of(b->host));
}

bool rule_encode(const char *value, char *out, size_t size)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;

    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        bool plain = is_digit((char)c)
                     || (str_lower((char)c) >= 'a' && str_lower((char)c) <= 'z') || c == '-'
                     || c == '.' || c == '_' || c == '~';

        if (n + (plain ? 1 : 3) >= size) return false;
        if (plain) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    out[n] = '\0';
    return true;
}
