#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check that a shared library shows exactly what the public headers declare with SL_API.

  symbols.py LIBRARY HEADER-FOLDER

A symbol too many is a private name that leaks; one too few is a promise without a body.
"""
import pathlib, re, subprocess, sys


def declared(header_text):
    """Names declared with SL_API in the text of a header."""
    text = re.sub(r'/\*.*?\*/|//[^\n]*|^\s*#(?:[^\n]*\\\n)*[^\n]*', ' ', header_text, flags=re.S | re.M)
    return set(re.findall(r'\bSL_API\b[^;{(]*?\b(\w+)\s*(?:\(|\[|;)', text))


def exported(library):
    """Names a library defines for others."""
    out = subprocess.run(['nm', '-D', '--defined-only', library], check=True,
                         capture_output=True, text=True).stdout
    return {line.split()[-1].split('@')[0] for line in out.splitlines()}


def complaints(have, want):
    for name in sorted(have - want):
        yield f'{name}: exported, but no public header declares it'
    for name in sorted(want - have):
        yield f'{name}: declared with SL_API, but not in the library'
    for name in sorted(want):
        if not name.startswith('sl_') or name.startswith('sl__'):
            yield f'{name}: a public name begins with sl_ and one underscore'


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    want = set()
    for path in sorted(pathlib.Path(sys.argv[2]).glob('*.h')):
        want |= declared(path.read_text())
    wrong = list(complaints(exported(sys.argv[1]), want))
    print('\n'.join(wrong) if wrong else f'{len(want)} public functions, no other symbol')
    sys.exit(1 if wrong else 0)


if __name__ == '__main__':
    main()
