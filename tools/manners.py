#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Look at every file of the tree for what a reviewer would only grumble about.

Licence lines, calls we do not use, work left unfinished, files that grew too long, sources
without a test beside them. Prints one line per finding; exit code 1 if there is any.
"""
import pathlib, re, subprocess, sys

BANNED = r'\b(atoi|atol|strcpy|strcat|sprintf|vsprintf|strtok|gets|alloca)\s*\('
RAW_ALLOC = r'(?<![\w.>])(malloc|calloc|realloc|strdup|free)\s*\('
UNFINISHED = r'\b(TODO|FIXME|XXX|HACK|[Nn]ot implemented|stub)\b'
LICENCE = 'SPDX-License-Identifier: MIT'
LINES_MAX, TEST_LINES_MAX = 600, 750  # tests are tables
PROGRAMS = ('.c', '.h', '.py', '.js', '.mjs', '.css', '.html', '.build')
RAW_ALLOC_HOMES = ('src/base/alloc.c', 'src/base/assert.h')


def without_comments(text):
    """C text with comments and strings blanked, line numbers kept."""
    def blank(m):
        return '\n' * m[0].count('\n')
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def lines_with(pattern, text):
    for n, line in enumerate(text.splitlines(), 1):
        m = re.search(pattern, line)
        if m:
            yield n, m[0]


def findings(path, text):
    """What is wrong with one file; `path` is relative to the root."""
    suffix = pathlib.PurePath(path).suffix
    if suffix in PROGRAMS or text.startswith('#!'):
        if LICENCE not in text[:400]:
            yield 1, f'the licence line is missing: {LICENCE}'
        most = TEST_LINES_MAX if '_test.' in path else LINES_MAX
        if text.count('\n') > most:
            yield most, f'{text.count(chr(10))} lines: what second thing did it become?'
    if suffix in ('.c', '.h') and path.startswith(('src/', 'include/', 'examples/', 'bench/')):
        code = without_comments(text)
        for n, word in lines_with(BANNED, code):
            yield n, f'{word} is not used here'
        if path.startswith('src/') and path not in RAW_ALLOC_HOMES and not path.endswith(('_test.c', '_test.h')):
            for n, word in lines_with(RAW_ALLOC, code):
                yield n, f'{word}: memory comes from base/alloc.h'
    if path.startswith(('src/', 'include/', 'web/')):
        for n, word in lines_with(UNFINISHED, text):
            yield n, f'unfinished: {word}'


def main():
    names = subprocess.run(['git', 'ls-files', '-z'], check=True, capture_output=True, text=True)
    bad = 0
    for path in filter(None, names.stdout.split('\0')):
        if path.startswith('fuzz/corpus/') or not pathlib.Path(path).is_file():
            continue
        try:
            text = pathlib.Path(path).read_text()
        except UnicodeDecodeError:
            continue  # pictures
        for n, what in findings(path, text):
            bad += 1
            print(f'{path}:{n}: {what}')
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    main()
