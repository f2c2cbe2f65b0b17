/* SPDX-License-Identifier: MIT */
/* What the devices and the website make of the address that they are given, contract §1.1. */
#ifndef CLI_DOCTOR_RULES_H
#define CLI_DOCTOR_RULES_H

#include "cli/dial.h"

#define RULE_URL_SIZE 600

/*
 * The newer device: scheme and last slash off, every ":port" off (!), "/ws" behind; "wss" if
 * the setting contains "https" or "railway", else "ws".
 *
 * out      what it will dial, whether that makes sense or not; "" if it does not fit
 */
void rule_device_url(const char *setting, char out[RULE_URL_SIZE]);

/* The website: scheme off, port kept, "/ws" behind; "ws" only if it contains "localhost". */
void rule_website_url(const char *setting, char out[RULE_URL_SIZE]);

/* What the path of an address tells. */
struct rule_paths {
    char prefix[512]; /* what a proxy puts in front of the hub's paths: "", "/sluice" */
    char ws[520];     /* for WebSocket */
    char revision[8]; /* the EIO of an address of Socket.IO, as it stands there; "" */
};

/*
 * The path of an address as people paste it: "/ws" or "/sluice/ws" of a WebSocket,
 * "/sluice/socket.io/?EIO=4" of Socket.IO; any other path is a proxy's prefix.
 */
void rule_paths(const char *path, struct rule_paths *out);

/* Whether both mean the same host, as far as names tell: all of loopback is one. */
bool rule_is_same_host(const struct dial_url *a, const struct dial_url *b);

/* A value in a query, RFC 3986 §2.1; false if it does not fit. */
bool rule_encode(const char *value, char *out, size_t size);

#endif
