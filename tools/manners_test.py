#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each rule of manners.py must fire on a planted sin and be quiet on an innocent line."""
import unittest

import manners

MARK = '/* SPDX-License-Identifier: MIT */\n'
# path, text, lines that must be named
CASES = [
    ('src/base/a.c', MARK + 'int x;\n', []),
    ('src/base/a.c', 'int x;\n', [1]),
    ('README.md', 'no mark needed\n', []),
    ('tools/run', '#!/bin/sh\n', [1]),
    ('src/base/a.c', MARK + 'int f(void) { return atoi("1"); }\n', [2]),
    ('src/base/a.c', MARK + '/* atoi(x) is evil */\n', []),
    ('src/base/a.c', MARK + 'puts("sprintf(");\n', []),
    ('src/base/a.c', MARK + 'snprintf(b, n, "x");\n', []),
    ('src/net/a.c', MARK + 'p = malloc(3);\nfree(p);\n', [2, 3]),
    ('src/net/a.c', MARK + 'sl__free(p);\nx->free(p);\nops.free(p);\n', []),
    ('src/base/alloc.c', MARK + 'p = malloc(3);\n', []),
    ('src/net/a_test.c', MARK + 'p = malloc(3);\n', []),
    ('src/net/a.c', MARK + '/* TO' 'DO: more */\n', [2]),
    ('src/net/a.c', MARK + 'x;\n' * 600, [600]),
    ('src/net/a.c', MARK + 'x;\n' * 599, []),
    ('src/net/a_test.c', MARK + 'x;\n' * 749, []),
    ('src/net/a_test.c', MARK + 'x;\n' * 750, [750]),
]


class Manners(unittest.TestCase):
    def test_rows(self):
        for path, text, lines in CASES:
            with self.subTest(text[:60]):
                self.assertEqual([n for n, _ in manners.findings(path, text)], lines)


if __name__ == '__main__':
    unittest.main()
