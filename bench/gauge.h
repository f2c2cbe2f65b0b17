/* SPDX-License-Identifier: MIT */
/* What generators share: time, the server's processor time, latencies, connections. */
#ifndef BENCH_GAUGE_H
#define BENCH_GAUGE_H

#include <stddef.h>
#include <stdint.h>

/* Say what errno is about, and end. */
_Noreturn void die(const char *what);

uint64_t now_ns(void);

/* Of all its threads, those that have ended included: fields 14 and 15 of proc(5)'s stat. */
double server_cpu_s(int pid);

/* To 127.0.0.1, without Nagle's delay. */
int connect_server(int port);

/* The body of a complete answer (a terminated text) and its length; NULL: more is due. */
char *find_body(char *answer, size_t have, size_t *len);

/* ---- latencies, in microseconds; beyond 4 million they are left out ---- */

void took(uint64_t ns);
void took_sort(void);
double took_quantile(double q); /* after took_sort; 0 if there are none */

#endif
