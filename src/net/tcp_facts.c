/* SPDX-License-Identifier: MIT */
/* A file of its own: the kernel's header, which has the counts, and libc's, which libuv brings,
 * do not go together. */
#include "net/tcp_facts.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

bool tcp_facts_get(int fd, struct tcp_facts *out)
{
    struct tcp_info t = {0};
    socklen_t len = sizeof t;

    *out = (struct tcp_facts){0};
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &t, &len) < 0) return false;
    if (len < offsetof(struct tcp_info, tcpi_min_rtt)) return false; /* Linux before 4.6 */
    *out = (struct tcp_facts){.bytes_in = t.tcpi_bytes_received,
                              .bytes_out = t.tcpi_bytes_acked,
                              .rtt_us = t.tcpi_rtt,
                              .silent_ms = t.tcpi_last_data_recv,
                              .unsent_bytes = t.tcpi_notsent_bytes};
    return true;
}
