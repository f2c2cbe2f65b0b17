#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Assets in C: what goes in comes out, the same input gives the same output."""
import gzip, pathlib, re, subprocess, sys, tempfile, unittest

EMBED = pathlib.Path(__file__).resolve().parent / 'embed.py'
FILES = {'index.html': b'<p>hello</p>\n' * 50, 'sub/tiny.js': b'1', 'empty.css': b'', 'a"b.txt': b'quoted'}


def array(text, name):
    body = re.search(rf'{name}\[\] = {{(.*?)}};', text, re.S)[1]
    return bytes(int(n) for n in re.findall(r'\d+', body))


class Embed(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        for name, data in FILES.items():
            (self.root / 'web' / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / 'web' / name).write_bytes(data)

    def embed(self, names, out='out'):
        files = [self.root / 'web' / n for n in names]
        subprocess.run([sys.executable, EMBED, self.root / f'{out}.c', self.root / f'{out}.h', 'site',
                        self.root / 'web', *files], check=True, stderr=subprocess.DEVNULL)
        return (self.root / f'{out}.c').read_text()

    def test_bytes_types_and_rows(self):
        text = self.embed(FILES)
        rows = re.findall(r'^    {"(/.*?)", "(.*?)", "\\"[0-9a-f]{32}\\"", (.*)},$', text, re.M)
        self.assertEqual([r[0] for r in rows], ['/a\\"b.txt', '/empty.css', '/index.html', '/sub/tiny.js'])
        self.assertEqual(rows[2][1:], ('text/html; charset=utf-8', f'plain_2, gzip_2, 650, {len(array(text, "gzip_2"))}'))
        self.assertEqual(rows[3][1:], ('text/javascript; charset=utf-8', 'plain_3, NULL, 1, 0'))  # gzip is no gain
        self.assertEqual(array(text, 'plain_2'), FILES['index.html'])
        self.assertEqual(gzip.decompress(array(text, 'gzip_2')), FILES['index.html'])
        self.assertIn('site_count = 4;', text)

    def test_order_of_arguments_and_time_do_not_matter(self):
        one, two = self.embed(sorted(FILES)), self.embed(sorted(FILES, reverse=True))
        self.assertEqual(one, two)

    def test_a_file_from_elsewhere_is_served_by_its_given_name(self):
        (self.root / 'far.js').write_bytes(b'elsewhere')
        subprocess.run([sys.executable, EMBED, self.root / 'x.c', self.root / 'x.h', 'site', self.root / 'web',
                        self.root / 'web/index.html', f'vendor/near.js={self.root / "far.js"}'], check=True)
        text = (self.root / 'x.c').read_text()
        self.assertIn('{"/vendor/near.js", "text/javascript; charset=utf-8"', text)
        self.assertEqual(array(text, 'plain_1'), b'elsewhere')

    def test_etag_follows_content(self):
        before = self.embed(['index.html'])
        (self.root / 'web/index.html').write_bytes(FILES['index.html'] + b'!')
        tag = re.compile(r'"\\"([0-9a-f]{32})\\""')
        self.assertNotEqual(tag.search(before)[1], tag.search(self.embed(['index.html']))[1])

    def test_a_type_nobody_knows_is_refused(self):
        (self.root / 'web/x.odd').write_bytes(b'x')
        with self.assertRaises(subprocess.CalledProcessError):
            self.embed(['x.odd'])


if __name__ == '__main__':
    unittest.main()
