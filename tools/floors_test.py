#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The floor check must see a planted violation, and must not see one where there is none."""
import pathlib, tempfile, unittest

import floors

# file, what it includes, whether that is allowed
CASES = [
    ('base/buf.c', 'base/alloc.h', True),
    ('base/buf.c', 'sluice/buf.h', True),
    ('base/buf.c', 'stdio.h', True),
    ('base/buf.c', 'proto/ws.h', False),
    ('base/err.c', 'uv.h', True),
    ('base/buf.c', 'uv.h', False),
    ('proto/ws.c', 'base/scan.h', True),
    ('proto/ws.c', 'net/stream.h', False),
    ('proto/ws.c', 'store/db.h', False),
    ('net/loop.h', 'uv.h', True),
    ('net/tls.c', 'openssl/ssl.h', True),
    ('serve/http_conn.c', 'openssl/ssl.h', False),
    ('serve/http_conn.c', 'uv.h', False),
    ('serve/http_conn.c', 'proto/http1.h', True),
    ('serve/http_conn.c', 'hub/hub.h', False),
    ('hub/journal.c', 'sqlite3.h', False),
    ('hub/journal.c', 'store/db.h', True),
    ('hub/intake.c', 'proto/ws.h', False),
    ('hub/hub.c', 'client/dial.h', False),
    ('hub/upstream.c', 'client/dial.h', True),
    ('hub/hub.c', 'cli/config.h', False),
    ('systems/lpr.c', 'hub/system.h', True),
    ('systems/lpr.c', 'hub/hub.h', False),
    ('systems/lpr.c', 'systems/lpr.h', True),
    ('systems/lpr.c', 'systems/glass.h', False),
    ('systems/glass_store.c', 'systems/glass.h', True),
    ('systems/glass_store.c', 'systems/lpr.h', False),
    ('systems/systems.c', 'systems/glass.h', True),
    ('systems/lpr.c', 'store/db.h', False),
    ('cli/main.c', 'hub/hub.h', True),
    ('cli/main.c', 'sqlite3.h', False),
    ('store/db.h', 'sqlite3.h', True),
]


class Floors(unittest.TestCase):
    def test_rows(self):
        for here, header, allowed in CASES:
            with self.subTest(f'{here} includes {header}'):
                self.assertEqual(floors.complaint(here, header) is None, allowed)

    def test_planted_violation_is_found_with_its_line(self):
        with tempfile.TemporaryDirectory() as folder:
            src = pathlib.Path(folder)
            (src / 'base').mkdir()
            (src / 'base/low.c').write_text('/* x */\n#  include <uv.h>\n#include "net/loop.h"\n')
            (src / 'base/low_test.c').write_text('#include "net/loop.h"\n')
            found = [(p.name, n) for p, n, _ in floors.check(src)]
        self.assertEqual(found, [('low.c', 2), ('low.c', 3)])

    def test_unknown_floor_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            src = pathlib.Path(folder)
            (src / 'attic').mkdir()
            (src / 'attic/old.c').write_text('')
            self.assertEqual(len(list(floors.check(src))), 1)


if __name__ == '__main__':
    unittest.main()
