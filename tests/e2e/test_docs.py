#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the documentation says, against the program: tables, names, log lines, links, and the way to copy a store."""
import http.client, json, pathlib, re, shutil, sqlite3, subprocess, sys, unittest

from camera import Camera
from hub import SLUICE, Hub
from test_hub import HubTest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCS = {p.name: p.read_text() for p in (ROOT / 'docs').glob('*.md')}
README = {name: (ROOT / name).read_text() for name in ('README.md', 'CONTRIBUTING.md', 'SECURITY.md')}
MANUAL = (ROOT / 'man/sluice.1').read_text().replace('\\-', '-')


def said(*args):
    return subprocess.run([SLUICE, *args], capture_output=True, text=True, check=True).stdout


def anchors(text):
    """As the usual viewers make them of headlines."""
    return {re.sub(r'[^\w\- ]', '', line.lower()).strip().replace(' ', '-') for line in re.findall(r'^#+ (.*)$', text, re.M)}


class Words(unittest.TestCase):
    def test_generated_pages_are_fresh(self):
        r = subprocess.run([sys.executable, ROOT / 'tools/reference.py', SLUICE.parent, '--check'], capture_output=True, text=True)
        self.assertEqual((r.returncode, r.stdout), (0, ''), r.stderr)

    def test_links_lead_somewhere(self):
        for base, pages in ((ROOT / 'docs', DOCS), (ROOT, README)):
            for name, text in pages.items():
                for target in re.findall(r'\]\((?!https?:)([^)]+)\)', text):
                    path, _, anchor = target.partition('#')
                    page = base / path if path else base / name
                    self.assertTrue(page.exists(), f'{name}: {target}')
                    if anchor:
                        self.assertIn(anchor, anchors(page.read_text()), f'{name}: {target}')

    def test_source_files_that_are_named_exist(self):
        for name, text in DOCS.items():
            for path in re.findall(r'`((?:src|include|tools|tests|dist|man|web|bench|examples)/[\w./-]+)`', text):
                self.assertTrue((ROOT / path).exists(), f'{name}: {path}')

    def test_metrics_settings_and_flags_that_are_named_exist(self):
        metrics = set(re.findall(r'^\| `(\w+)`', DOCS['metrics.md'], re.M))
        keys = set(re.findall(r'^(\S+) ', said('config', 'explain'), re.M))
        sections = {k.split('.')[0] for k in keys if '.' in k}
        flags = set(re.findall(r'--[a-z-]+', said('serve', '--help') + said('doctor', '--help') + said('sim', 'glass', '--help') + said('tail', '--help') + said('send', '--help'))) | {'--help'}
        for name, text in DOCS.items():
            for word in re.findall(r'\bsluice_[a-z_]+', text):
                self.assertIn(word.removesuffix('_bucket'), metrics, name)
            for section, key in re.findall(r'`([a-z_]+)\.([a-z_]+)`', text):
                if section in sections:
                    self.assertIn(f'{section}.{key}', keys, name)
            for flag in re.findall(r'sluice (?:serve|doctor|sim glass|tail|send|top|config check)[^`\n]*?(--[a-z-]+)', text):
                self.assertIn(flag, flags, name)

    def test_log_lines_that_are_quoted_are_in_the_source(self):
        source = '\n'.join(p.read_text() for p in (ROOT / 'src').rglob('*.c'))
        quoted = re.findall(r'^\| `(?:error|warn|info)` \| `([^`]+)`', DOCS['operations.md'], re.M)
        self.assertGreater(len(quoted), 10)
        for line in quoted:
            self.assertIn(line, source)

    def test_the_manual_has_every_command_and_option(self):
        for command in re.findall(r'^  (\w+) {2,}', said('help').partition('usage:')[2], re.M):
            self.assertIn(command, MANUAL)
        for command in (['serve'], ['doctor'], ['sim', 'glass'], ['tail'], ['send'], ['top'], ['events']):
            for flag in re.findall(r'^  --([a-z-]+)', said(*command, '--help'), re.M):
                self.assertIn(f'Fl -{flag}', MANUAL, command)
        known = set(re.findall(r'--([a-z-]+)', ''.join(said(*c, '--help') for c in (['serve'], ['doctor'], ['sim', 'glass'], ['tail'], ['send'], ['top'], ['events'], ['config']))))
        for flag in re.findall(r'Fl -([a-z-]+)', MANUAL):
            self.assertIn(flag, known | {'help', 'name'})


class Events(HubTest):
    def allowed(self, path):
        link = http.client.HTTPConnection('127.0.0.1', self.hub.port, timeout=20)
        self.addCleanup(link.close)
        link.request('OPTIONS', path)
        answer = link.getresponse()
        return answer.headers['Allow'] or str(answer.status)

    def test_what_is_listed_is_there(self):
        """Each path of `sluice events` is the hub's: it answers OPTIONS with the method, and others with 404."""
        listed = [(m['method'], m['path']) for s in json.loads(said('events', '--json'))['systems']
                  for m in [*s['takes'], *s['pages'], *({'method': 'GET', **q} for q in s['queries'])] if 'path' in m]
        self.assertGreater(len(listed), 10)
        for method, path in listed:
            self.assertIn(method, self.allowed(re.sub(r'[:*]\w+', 'x', path)), path)
        self.assertEqual(self.allowed('/no/such/path'), '404')

    def test_one_system_or_the_name_of_the_nearest(self):
        self.assertTrue(said('events', 'glass').startswith('glass: raw WebSocket at /ws'))
        r = subprocess.run([SLUICE, 'events', 'glas'], capture_output=True, text=True)
        self.assertEqual((r.returncode, 'did you mean glass?' in r.stderr), (64, True))


class Store(HubTest):
    def columns(self, db, table):
        return [row[1] for row in db.execute(f'PRAGMA table_info({table})')]

    def test_tables_are_as_written(self):
        block = re.search(r'^```\n(record .*?)^```', DOCS['formats.md'], re.M | re.S)[1]
        written = {line.split()[0]: line.split()[1:] for line in block.splitlines()}
        db = sqlite3.connect(f'file:{self.hub.data}/sluice.db?mode=ro', uri=True)
        self.addCleanup(db.close)
        there = [name for name, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        self.assertEqual({t: self.columns(db, t) for t in there}, written)
        versions = re.findall(r'^\| (?:(store|glass) )?\|? ?\| ?(\d) \|', DOCS['formats.md'], re.M)
        last, newest = None, {}
        for system, version in versions:
            last = system or last
            newest[last] = int(version)
        self.assertEqual(newest, {'store': db.execute('PRAGMA user_version').fetchone()[0],
                                  **dict(db.execute('SELECT system, version FROM schema'))})
        self.assertEqual(db.execute('PRAGMA application_id').fetchone()[0], 0x536c6365)

    def test_an_id_ends_with_its_number(self):
        camera = self.registered(self.viewer())
        camera.detection(receipt=True)
        while (got := json.loads(camera.ws.recv()))['type'] != 'receipt':
            pass
        self.assertEqual(int(got['id'][-12:], 16), got['seq'])
        self.assertEqual(set(got), {'type', 'ok', 'id', 'seq', 'stored', 'duplicate'})

    def test_a_copy_taken_while_it_runs_is_whole(self):
        """The command of operations.md, word for word, and a hub on what it made."""
        command = re.search(r'^    (python3 -c .*DATA/sluice\.db.*)$', DOCS['operations.md'], re.M)[1]
        camera = self.registered(self.viewer())
        for _ in range(700):  # some of them are settled, some are not
            camera.detection()
        camera.detection(receipt=True)
        while json.loads(camera.ws.recv())['type'] != 'receipt':
            pass
        copy = pathlib.Path(self.hub.folder.name) / 'copy'
        copy.mkdir()
        line = command.replace('DATA', str(self.hub.data)).replace('COPY', str(copy))
        subprocess.run(['sh', '-ec', line], check=True)
        total = self.hub.json('/defects')['pagination']['total']
        self.assertEqual(total, 701)
        self.hub.stop()
        shutil.rmtree(self.hub.data)
        copy.rename(self.hub.data)
        self.hub.start()
        self.assertEqual(self.hub.json('/defects')['pagination']['total'], total)


if __name__ == '__main__':
    unittest.main()
