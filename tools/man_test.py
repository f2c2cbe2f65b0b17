#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual pages say nothing that mandoc would grumble about, and one that is broken is seen."""
import pathlib, shutil, subprocess, tempfile, unittest

PAGES = sorted((pathlib.Path(__file__).resolve().parent.parent / 'man').glob('*.[1-9]'))


@unittest.skipUnless(shutil.which('mandoc'), 'mandoc is not installed')
class Manual(unittest.TestCase):
    def lint(self, page):
        return subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', page], capture_output=True, text=True)

    def test_pages(self):
        self.assertGreaterEqual(len(PAGES), 3)
        for page in PAGES:
            r = self.lint(page)
            self.assertEqual((r.returncode, r.stdout), (0, ''), page)

    def test_what_is_broken_is_seen(self):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder) / 'bad.1'
            page.write_text(PAGES[0].read_text().replace('.El', '', 1))
            self.assertNotEqual(self.lint(page).returncode, 0)


if __name__ == '__main__':
    unittest.main()
