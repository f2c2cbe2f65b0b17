/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include "base/str.h"

#include <time.h>

#define SECOND_US   INT64_C(1000000)
#define DAY_SECONDS INT64_C(86400)

struct date {
    int64_t year;
    int64_t month, day; /* from 1 */
};

/* What the text form can say: 0000-01-01T00:00:00.000Z to 9999-12-31T23:59:59.999Z. */
#define TEXT_FIRST_US (INT64_C(-62167219200) * SECOND_US)
#define TEXT_LAST_US  (INT64_C(253402300800) * SECOND_US - 1)

struct mono mono_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (struct mono){(uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000};
}

struct wall wall_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (struct wall){(int64_t)ts.tv_sec * SECOND_US + ts.tv_nsec / 1000};
}

/*
 * Days since 1970-01-01 in the Gregorian calendar. Counting years from March puts the leap
 * day last, so that the days before a month follow from 153 days per five months; 400 years
 * are 146097 days, and 719468 lie between 0000-03-01 and 1970-01-01.
 */
static int64_t days_from_date(struct date d)
{
    int64_t year = d.month > 2 ? d.year : d.year - 1;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t in_era = year - era * 400;
    int64_t months = (d.month + 9) % 12;
    int64_t in_year = (153 * months + 2) / 5 + d.day - 1;

    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static struct date date_from_days(int64_t days)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t in_era = shifted - era * 146097;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    int64_t months = (5 * in_year + 2) / 153;
    struct date d;

    d.day = in_year - (153 * months + 2) / 5 + 1;
    d.month = months < 10 ? months + 3 : months - 9;
    d.year = year + era * 400 + (d.month <= 2);
    return d;
}

static char *put_number(char *at, int64_t value, int digits, char behind)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    at[digits] = behind;
    return at + digits + 1;
}

const char *wall_format(struct wall w, char buf[WALL_TEXT_SIZE])
{
    int64_t us, days, rest;
    struct date d;
    char *at = buf;

    us = w.us < TEXT_FIRST_US ? TEXT_FIRST_US : w.us > TEXT_LAST_US ? TEXT_LAST_US : w.us;
    days = us / (DAY_SECONDS * SECOND_US);
    rest = us % (DAY_SECONDS * SECOND_US);
    if (rest < 0) {
        days--;
        rest += DAY_SECONDS * SECOND_US;
    }
    d = date_from_days(days);
    at = put_number(at, d.year, 4, '-');
    at = put_number(at, d.month, 2, '-');
    at = put_number(at, d.day, 2, 'T');
    at = put_number(at, rest / SECOND_US / 3600, 2, ':');
    at = put_number(at, rest / SECOND_US / 60 % 60, 2, ':');
    at = put_number(at, rest / SECOND_US % 60, 2, '.');
    at = put_number(at, rest / 1000 % 1000, 3, 'Z');
    *at = '\0';
    return buf;
}

/* Exactly `digits` digits, then `behind` unless that is NUL. */
static bool take_number(sl_str *s, size_t digits, char behind, int64_t *out)
{
    uint64_t value;

    if (s->len < digits + (behind != '\0')) return false;
    if (!str_to_u64(str_part(*s, 0, digits), &value)) return false;
    if (behind != '\0' && s->ptr[digits] != behind) return false;
    *out = (int64_t)value;
    *s = str_part(*s, digits + (behind != '\0'), s->len);
    return true;
}

static bool take_date(sl_str *s, int64_t *days)
{
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct date d;
    bool leap;

    if (!take_number(s, 4, '-', &d.year)) return false;
    if (!take_number(s, 2, '-', &d.month) || d.month < 1 || d.month > 12) return false;
    if (!take_number(s, 2, '\0', &d.day) || d.day < 1) return false;
    leap = d.year % 4 == 0 && (d.year % 100 != 0 || d.year % 400 == 0);
    if (d.day > month_days[d.month - 1] + (leap && d.month == 2)) return false;
    *days = days_from_date(d);
    return true;
}

/* Nothing, or a separator and one to nine digits; what is finer than 1 us is cut off. */
static bool take_fraction(sl_str *s, int64_t *us)
{
    int64_t unit = SECOND_US / 10;
    size_t n;

    *us = 0;
    if (s->len == 0 || (s->ptr[0] != '.' && s->ptr[0] != ',')) return true;
    for (n = 1; n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9'; n++) {
        *us += (s->ptr[n] - '0') * unit;
        unit /= 10;
    }
    *s = str_part(*s, n, s->len);
    return n >= 2 && n <= 10;
}

/* The rest of the text: nothing (UTC), Z, or +hh, +hhmm, +hh:mm. */
static bool take_zone(sl_str s, int64_t *offset_seconds)
{
    int64_t hours, minutes = 0, sign;

    *offset_seconds = 0;
    if (s.len == 0) return true;
    if (str_eq_nocase(s, SL_STR("Z"))) return true;
    if (s.ptr[0] != '+' && s.ptr[0] != '-') return false;

    sign = s.ptr[0] == '+' ? 1 : -1;
    s = str_part(s, 1, s.len);
    if (!take_number(&s, 2, '\0', &hours) || hours > 23) return false;
    if (s.len > 0) {
        if (s.ptr[0] == ':') s = str_part(s, 1, s.len);
        if (!take_number(&s, 2, '\0', &minutes) || minutes > 59 || s.len > 0) return false;
    }
    *offset_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool wall_parse(sl_str text, struct wall *out)
{
    int64_t days, hour, minute, second, fraction_us, offset, seconds;

    if (!take_date(&text, &days)) return false;
    if (text.len == 0 || (str_lower(text.ptr[0]) != 't' && text.ptr[0] != ' ')) return false;
    text = str_part(text, 1, text.len);
    if (!take_number(&text, 2, ':', &hour) || hour > 23) return false;
    if (!take_number(&text, 2, ':', &minute) || minute > 59) return false;
    if (!take_number(&text, 2, '\0', &second) || second > 60) return false;
    if (!take_fraction(&text, &fraction_us)) return false;
    if (!take_zone(text, &offset)) return false;

    seconds = days * DAY_SECONDS + hour * 3600 + minute * 60 + second - offset;
    /* a leap second ends a day of UTC, and counts as the first of the next (RFC 3339 §5.7) */
    if (second == 60 && seconds % DAY_SECONDS != 0) return false;
    out->us = seconds * SECOND_US + fraction_us;
    return true;
}
