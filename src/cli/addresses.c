/* SPDX-License-Identifier: MIT */
#include "cli/addresses.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sysexits.h>

#define FIRST_INHERITED 3 /* sd_listen_fds(3) */

static bool is_open(const struct config *c)
{
    return config_number(c, SET_ACCESS) == ACCESS_OPEN;
}

static void refuse(const struct config *c, const char *address, struct report *r)
{
    const struct origin *o = &c->origin[SET_LISTEN];

    if (o->name != NULL && strcmp(o->name, "PORT") == 0) {
        report(r,
               "PORT asks to listen on all addresses of port %s, and this hub knows no keys: "
               "anyone there could read and write. If that is what you want, add: "
               "SLUICE_ACCESS=open; to stay on this machine: SLUICE_LISTEN=127.0.0.1%s",
               address + 1, address);
        return;
    }
    report(r,
           "%s can be reached by others, and this hub knows no keys: anyone there could read "
           "and write. If that is what you want, add: --access open (in the file: access: "
           "open)",
           address);
}

int addresses_check(const struct config *c, struct report *r)
{
    const struct value *v = &c->value[SET_LISTEN];

    for (size_t i = 0; i < v->n; i++) {
        char host[VALUE_ADDRESS_SIZE];
        uint16_t port;

        if (!address_split(sl_str_of(v->item[i]), host, &port)) return EX_CONFIG;
        if (address_is_loopback(host) || is_open(c)) continue;
        refuse(c, v->item[i], r);
        return EX_CONFIG;
    }
    return EX_OK;
}

/* false: no TCP socket */
static bool own_address(int fd, char host[VALUE_ADDRESS_SIZE], uint16_t *port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a = {0};
    socklen_t len = sizeof a;

    if (getsockname(fd, &a.any, &len) < 0) return false;
    if (a.any.sa_family == AF_INET) {
        *port = ntohs(a.v4.sin_port);
        return inet_ntop(AF_INET, &a.v4.sin_addr, host, VALUE_ADDRESS_SIZE) != NULL;
    }
    if (a.any.sa_family == AF_INET6) {
        *port = ntohs(a.v6.sin6_port);
        return inet_ntop(AF_INET6, &a.v6.sin6_addr, host, VALUE_ADDRESS_SIZE) != NULL;
    }
    return false;
}

const char *addresses_name_inherited(int i, uint16_t *port, char *buf, size_t size)
{
    char host[VALUE_ADDRESS_SIZE] = "";
    bool is_v6;

    *port = 0;
    (void)own_address(FIRST_INHERITED + i, host, port);
    is_v6 = strchr(host, ':') != NULL;
    snprintf(buf, size, "%s%s%s:%u", is_v6 ? "[" : "", host, is_v6 ? "]" : "", *port);
    return buf;
}

int addresses_check_inherited(const struct config *c, int n, struct report *r)
{
    for (int i = 0; i < n; i++) {
        char host[VALUE_ADDRESS_SIZE];
        uint16_t port;

        if (!own_address(FIRST_INHERITED + i, host, &port)) {
            report(r,
                   "the descriptor %d that was passed is no TCP socket: the .socket unit takes "
                   "ListenStream=HOST:PORT",
                   FIRST_INHERITED + i);
            return EX_CONFIG;
        }
        if (address_is_loopback(host) || is_open(c)) continue;
        report(r,
               "the socket on %s that was passed can be reached by others, and this hub knows "
               "no keys: anyone there could read and write. If that is what you want, add: "
               "--access open (in the file: access: open)",
               host);
        return EX_CONFIG;
    }
    return EX_OK;
}
