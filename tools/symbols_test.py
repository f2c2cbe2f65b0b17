#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The symbol check must see a name too many, one too few and one of a wrong form."""
import unittest

import symbols

HEADER = '''
#define SL_API __attribute__((visibility("default")))
/* SL_API int sl_only_said(void); */
SL_API int sl_thing_new(struct thing *t, void (*on_x)(int a)) SL_MUST_USE;
SL_API sl_buf *sl_buf_new(size_t n);
SL_API void sl_log(int level, const char *fmt, ...)
    SL_PRINTF(2, 3);
static inline int sl_inline(void) { return 0; }
'''
NAMES = {'sl_thing_new', 'sl_buf_new', 'sl_log'}


class Symbols(unittest.TestCase):
    def test_declarations_are_found(self):
        self.assertEqual(symbols.declared(HEADER), NAMES)

    def test_all_is_well(self):
        self.assertEqual(list(symbols.complaints(NAMES, NAMES)), [])

    def test_leak(self):
        self.assertEqual(len(list(symbols.complaints(NAMES | {'sl__private'}, NAMES))), 1)

    def test_missing_body(self):
        self.assertEqual(len(list(symbols.complaints(NAMES - {'sl_log'}, NAMES))), 1)

    def test_wrong_form(self):
        self.assertEqual(len(list(symbols.complaints({'sl__x', 'open'}, {'sl__x', 'open'}))), 2)


if __name__ == '__main__':
    unittest.main()
