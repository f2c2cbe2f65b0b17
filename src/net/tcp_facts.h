/* SPDX-License-Identifier: MIT */
/* What the kernel knows of a connection by TCP: counted there anyway, so we need not. */
#ifndef NET_TCP_FACTS_H
#define NET_TCP_FACTS_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_facts {
    uint64_t bytes_in, bytes_out; /* out: that the other side has confirmed */
    uint32_t rtt_us;              /* as TCP estimates it: to the next proxy, if there is one */
    uint32_t silent_ms;           /* since its last bytes came */
    uint32_t unsent_bytes;        /* the kernel has, and has not sent */
};

/* One system call. false: it is no such socket, or the system does not tell; `out` is zeroed */
bool tcp_facts_get(int fd, struct tcp_facts *out);

#endif
