/* SPDX-License-Identifier: MIT */
/* The dates of HTTP, in whole seconds since 1970. source: RFC 9110 §5.6.7 */
#ifndef SERVE_HTTP_DATE_H
#define SERVE_HTTP_DATE_H

#include "sluice/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_DATE_SIZE 30 /* "Sun, 06 Nov 1994 08:49:37 GMT" and the end */

/* returns buf; years 1970 to 9999, others are cut to that */
const char *http_date_write(int64_t seconds, char buf[HTTP_DATE_SIZE]);

/* Any of the three forms; false if it is none of them. */
bool http_date_read(sl_str text, int64_t *seconds);

#endif
