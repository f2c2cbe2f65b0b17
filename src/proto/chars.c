/* SPDX-License-Identifier: MIT */
#include "proto/chars.h"

#define VIS  (CH_TARGET | CH_VALUE)
#define TOK  (VIS | CH_TOKEN)
#define MARK (TOK | CH_HOST)
#define WORD (MARK | CH_SCHEME)

const uint8_t chars_class[256] = {
    ['\t'] = CH_VALUE,
    [' '] = CH_VALUE,
    ['!'] = MARK,
    ['"'] = VIS,
    ['#'] = TOK & ~CH_TARGET,
    ['$'] = MARK,
    ['%'] = TOK,
    ['&'] = MARK,
    ['\''] = MARK,
    ['('] = VIS | CH_HOST,
    [')'] = VIS | CH_HOST,
    ['*'] = MARK,
    ['+'] = WORD,
    [','] = VIS | CH_HOST,
    ['-'] = WORD,
    ['.'] = WORD,
    ['/'] = VIS,
    ['0' ... '9'] = WORD | CH_DIGIT | CH_HEX,
    [':'] = VIS,
    [';'] = VIS | CH_HOST,
    ['<'] = VIS,
    ['='] = VIS | CH_HOST,
    ['>'] = VIS,
    ['?'] = VIS,
    ['@'] = VIS,
    ['A' ... 'F'] = WORD | CH_ALPHA | CH_HEX,
    ['G' ... 'Z'] = WORD | CH_ALPHA,
    ['['] = VIS,
    ['\\'] = VIS,
    [']'] = VIS,
    ['^'] = TOK,
    ['_'] = MARK,
    ['`'] = TOK,
    ['a' ... 'f'] = WORD | CH_ALPHA | CH_HEX,
    ['g' ... 'z'] = WORD | CH_ALPHA,
    ['{'] = VIS,
    ['|'] = TOK,
    ['}'] = VIS,
    ['~'] = MARK,
    [0x80 ... 0xff] = CH_VALUE,
};
