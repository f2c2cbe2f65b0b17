#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check the floors: no file includes upwards or sideways, no foreign header leaves its home.

  floors.py SRC      the folder that holds base/, proto/, net/ ...

Prints one line per wrong include; the exit code is 1 if there was any.
"""
import pathlib, re, sys

# floor -> the floors (or single headers) it stands on; `cli` ties all together and is free
STANDS_ON = {
    'base': [],
    'proto': ['base'],
    'net': ['base'],
    'store': ['base'],
    'serve': ['base', 'proto', 'net'],
    'client': ['base', 'proto', 'net'],
    'hub': ['base', 'net', 'store', 'serve'],
    'systems': ['base', 'hub/system.h'],
    'agent': ['base', 'net', 'store', 'client'],
}
ALSO = {'hub/upstream.c': ['client']}  # the view of a remote hub is a client of it
# foreign header or its folder -> the floors and files where it may be seen
HOMES = {
    'uv.h': ['net', 'base/err.c'],
    'openssl': ['net'],
    'sqlite3.h': ['store'],
    'curl': ['client'],
    'yaml.h': ['cli'],
    'sodium.h': ['base'],
    'zlib.h': ['proto'],
    'turbojpeg.h': ['agent', 'hub', 'cli'],
}
INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^>"]+)[>"]')


def system_of(path):
    """glass of systems/glass.h, and of systems/glass_store.c beside it."""
    return pathlib.PurePath(path).stem.split('_')[0]


def complaint(here, header):
    """What is wrong with `header` in the file `here` (a path below SRC), or None."""
    floor, head = here.split('/')[0], header.split('/')[0]
    home = HOMES.get(header, HOMES.get(head))
    if home is not None:
        return None if {floor, here} & set(home) else f'{header} lives in {", ".join(home)}'
    if floor == 'systems' == head and here != 'systems/systems.c':  # only the list knows them all
        return None if system_of(here) == system_of(header) else f'a system may not include another one: {header}'
    if floor == 'cli' or head not in [*STANDS_ON, 'cli'] or head == floor:
        return None
    allowed = STANDS_ON[floor] + ALSO.get(here, [])
    return None if {head, header} & set(allowed) else f'{floor} may not include {header}'


def check(src):
    """All complaints of a tree: (path, line number, text)."""
    for path in sorted(src.rglob('*.[ch]')):
        here = path.relative_to(src).as_posix()
        floor = here.split('/')[0]
        if floor not in STANDS_ON and floor != 'cli':
            yield path, 0, f'{floor} is no floor that is known here'
        elif not here.endswith('_test.c'):  # tests may look anywhere
            for n, line in enumerate(path.read_text().splitlines(), 1):
                m = INCLUDE.match(line)
                text = complaint(here, m[1]) if m else None
                if text:
                    yield path, n, text


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    wrong = list(check(pathlib.Path(sys.argv[1])))
    for path, n, text in wrong:
        print(f'{path}:{n}: {text}')
    sys.exit(1 if wrong else 0)


if __name__ == '__main__':
    main()
