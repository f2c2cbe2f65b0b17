/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 by three table lookups: J. Keiser and D. Lemire, "Validating UTF-8 in less than one
 * instruction per byte" (2021). Each bit of a looked-up byte stands for one way in which two
 * neighbouring bytes can be wrong; it survives if the high nibble of the first, its low nibble
 * and the high nibble of the second all agree.
 *
 * Two continuations in a row are "wrong" too, but right where a lead byte of three or four
 * stands two or three bytes back: the caller compares the two.
 */
#ifndef BASE_SCAN_UTF8_H
#define BASE_SCAN_UTF8_H

enum {
    TOO_SHORT = 1 << 0,  /* a lead byte without continuation */
    TOO_LONG = 1 << 1,   /* a continuation behind ASCII */
    OVERLONG_3 = 1 << 2, /* E0 80..9F */
    TOO_LARGE = 1 << 3,  /* F4 90.., F5.. 90.. */
    SURROGATE = 1 << 4,  /* ED A0.. */
    OVERLONG_2 = 1 << 5, /* C0, C1 */
    OVERLONG_4 = 1 << 6, /* F0 80..8F, and F5.. 80..8F */
    TWO_CONTS = 1 << 7,
    ANY_LOW = TOO_SHORT | TOO_LONG | TWO_CONTS,
    BEYOND = ANY_LOW | TOO_LARGE | OVERLONG_4,
    CONT = TOO_LONG | OVERLONG_2 | TWO_CONTS,
};

#define UTF8_CHAR(bits) ((char)(unsigned char)(bits))

/* the high nibble of the first byte: 0-7, 8-B, C, D, E, F */
#define UTF8_HIGH_1                                                                 \
    TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, \
        UTF8_CHAR(TWO_CONTS), UTF8_CHAR(TWO_CONTS), UTF8_CHAR(TWO_CONTS),           \
        UTF8_CHAR(TWO_CONTS), TOO_SHORT | OVERLONG_2, TOO_SHORT,                    \
        TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | OVERLONG_4

/* its low nibble: 0, 1, 2-3, 4, 5-C, D, E-F */
#define UTF8_LOW_1                                                                  \
    UTF8_CHAR(ANY_LOW | OVERLONG_3 | OVERLONG_2 | OVERLONG_4),                      \
        UTF8_CHAR(ANY_LOW | OVERLONG_2), UTF8_CHAR(ANY_LOW), UTF8_CHAR(ANY_LOW),    \
        UTF8_CHAR(ANY_LOW | TOO_LARGE), UTF8_CHAR(BEYOND), UTF8_CHAR(BEYOND),       \
        UTF8_CHAR(BEYOND), UTF8_CHAR(BEYOND), UTF8_CHAR(BEYOND), UTF8_CHAR(BEYOND), \
        UTF8_CHAR(BEYOND), UTF8_CHAR(BEYOND), UTF8_CHAR(BEYOND | SURROGATE),        \
        UTF8_CHAR(BEYOND), UTF8_CHAR(BEYOND)

/* the high nibble of the second byte: 0-7, 8, 9, A-B, C-F */
#define UTF8_HIGH_2                                                                          \
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,  \
        UTF8_CHAR(CONT | OVERLONG_3 | OVERLONG_4), UTF8_CHAR(CONT | OVERLONG_3 | TOO_LARGE), \
        UTF8_CHAR(CONT | SURROGATE | TOO_LARGE), UTF8_CHAR(CONT | SURROGATE | TOO_LARGE),    \
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT

#endif
