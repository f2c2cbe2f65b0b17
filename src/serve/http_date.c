/* SPDX-License-Identifier: MIT */
#include "serve/http_date.h"

#include <stdio.h>
#include <time.h>

#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

const char *http_date_write(int64_t seconds, char buf[HTTP_DATE_SIZE])
{
    time_t t = (time_t)(seconds < 0 ? 0 : seconds > LAST_SECOND ? LAST_SECOND : seconds);
    struct tm tm;

    gmtime_r(&t, &tm);
    /* the remainders say to the compiler what gmtime_r promises: two and four digits */
    snprintf(buf, HTTP_DATE_SIZE, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday % 7],
             tm.tm_mday % 100, months[tm.tm_mon % 12], (tm.tm_year + 1900) % 10000,
             tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100);
    return buf;
}

/* `n` digits at `at`; false if one is none. A leading space counts as 0 (asctime's day). */
static bool read_digits(sl_str s, size_t at, size_t n, int *out)
{
    *out = 0;
    for (size_t i = at; i < at + n; i++) {
        char c = i == at && n == 2 && s.ptr[i] == ' ' ? '0' : s.ptr[i];
        if (c < '0' || c > '9') return false;
        *out = *out * 10 + (c - '0');
    }
    return true;
}

static bool read_month(sl_str s, size_t at, int *out)
{
    for (*out = 0; *out < 12; ++*out)
        if (memcmp(s.ptr + at, months[*out], 3) == 0) return true;
    return false;
}

/* "08:49:37" */
static bool read_clock(sl_str s, size_t at, struct tm *tm)
{
    return read_digits(s, at, 2, &tm->tm_hour) && s.ptr[at + 2] == ':'
           && read_digits(s, at + 3, 2, &tm->tm_min) && s.ptr[at + 5] == ':'
           && read_digits(s, at + 6, 2, &tm->tm_sec);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool read_fixed(sl_str s, struct tm *tm)
{
    if (s.len != 29 || memcmp(s.ptr + 25, " GMT", 4) != 0) return false;
    if (!read_digits(s, 5, 2, &tm->tm_mday) || !read_month(s, 8, &tm->tm_mon)) return false;
    if (!read_digits(s, 12, 4, &tm->tm_year) || !read_clock(s, 17, tm)) return false;
    tm->tm_year -= 1900;
    return true;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT": two digits that lie more than 50 years ahead are past */
static bool read_rfc850(sl_str s, struct tm *tm)
{
    const char *comma = memchr(s.ptr, ',', s.len);
    size_t at = comma ? (size_t)(comma - s.ptr) : 0;

    if (at < 6 || s.len != at + 24 || memcmp(s.ptr + s.len - 4, " GMT", 4) != 0) return false;
    if (!read_digits(s, at + 2, 2, &tm->tm_mday) || !read_month(s, at + 5, &tm->tm_mon))
        return false;
    if (!read_digits(s, at + 9, 2, &tm->tm_year) || !read_clock(s, at + 12, tm)) return false;
    if (tm->tm_year < 70) tm->tm_year += 100;
    return true;
}

/* "Sun Nov  6 08:49:37 1994" */
static bool read_asctime(sl_str s, struct tm *tm)
{
    if (s.len != 24 || !read_month(s, 4, &tm->tm_mon)) return false;
    if (!read_digits(s, 8, 2, &tm->tm_mday) || !read_clock(s, 11, tm)) return false;
    if (!read_digits(s, 20, 4, &tm->tm_year)) return false;
    tm->tm_year -= 1900;
    return true;
}

bool http_date_read(sl_str text, int64_t *seconds)
{
    struct tm tm = {0};

    if (text.len < 24 || text.len > 33) return false;
    if (!read_fixed(text, &tm) && !(tm = (struct tm){0}, read_rfc850(text, &tm))
        && !(tm = (struct tm){0}, read_asctime(text, &tm)))
        return false;
    if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60) return false;
    if (tm.tm_mday < 1 || tm.tm_mday > 31) return false;
    *seconds = (int64_t)timegm(&tm);
    return true;
}
