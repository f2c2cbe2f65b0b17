/* SPDX-License-Identifier: MIT */
/*
 * Lines for proxies. Those for nginx are lines of dist/nginx.conf, and tested as such; for
 * others there is one only where it is certain (Apache: 2.4.47 or later).
 */
#include "cli/doctor.h"

const struct paste paste_upgrade = {
    {
     [PASTE_NGINX] = "proxy_http_version 1.1;\n"
                        "proxy_set_header Upgrade $http_upgrade;\n"
                        "proxy_set_header Connection \"upgrade\";", [PASTE_CADDY] = "reverse_proxy 127.0.0.1:5000",
     [PASTE_APACHE] = "ProxyPass / http://127.0.0.1:5000/ upgrade=websocket",
     }
};

const struct paste paste_prefix = {
    {
     [PASTE_NGINX] = "proxy_pass http://127.0.0.1:5000/;",
     [PASTE_APACHE] = "ProxyPass /sluice/ http://127.0.0.1:5000/ upgrade=websocket",
     }
};

const struct paste paste_buffering = {
    {
     [PASTE_NGINX] = "proxy_buffering off;",
     [PASTE_CADDY] = "flush_interval -1",
     }
};

const struct paste paste_body = {
    {
     [PASTE_NGINX] = "client_max_body_size 16m;",
     [PASTE_APACHE] = "LimitRequestBody 16777216",
     }
};

const struct paste paste_idle = {
    {
     [PASTE_NGINX] = "proxy_read_timeout 90s;\n"
                        "proxy_send_timeout 90s;", [PASTE_APACHE] = "ProxyTimeout 90",
     }
};
