# SPDX-License-Identifier: MIT
"""A damaged database: refused at the start and left as it is; met later, no record is taken."""
import http.client, json, subprocess, unittest

from hub import Hub

ROWS = 60
PAGE = 4096


def insert(hub, n):
    c = http.client.HTTPConnection(hub.address, timeout=20)
    body = json.dumps({'device_id': 'cam-1', 'defect_type': 'chip', 'notes': f'{n} ' * 200})
    c.request('POST', '/defects', body, {'Content-Type': 'application/json'})
    answer = c.getresponse()
    said = answer.status, answer.read().decode()
    c.close()
    return said


class Damage(unittest.TestCase):
    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.close)
        for n in range(ROWS):
            self.assertIn(insert(self.hub, n)[0], (200, 201))
        self.assertEqual(self.hub.stop(), 0)
        self.db = self.hub.data / 'sluice.db'
        self.good = self.db.read_bytes()

    def put(self, data):
        """In place: a hub that runs has the file open."""
        with self.db.open('r+b') as f:
            f.write(data)

    def total(self):
        return self.hub.json('/defects')['pagination']['total']

    def refused(self):
        """The exit code and what was said."""
        done = subprocess.run([*Hub.command, '--listen', '127.0.0.1:0', '--data', self.hub.data],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    def test_it_is_refused_at_the_start_and_left_as_it_is(self):
        half = len(self.good) // 2 // PAGE * PAGE
        bad = self.good[:half] + bytes(PAGE) + self.good[half + PAGE:]
        self.put(bad)
        code, said = self.refused()
        self.assertEqual(code, 74, said)
        self.assertIn(f'{self.db}: the database is damaged (', said)
        self.assertIn('nothing was changed; move sluice.db, -wal and -shm away and put a backup in their place', said)
        self.assertEqual(self.db.read_bytes(), bad)
        self.put(self.good)  # the backup
        self.hub.start()
        self.assertEqual(self.total(), ROWS)

    def test_met_by_a_reader_no_record_is_taken(self):
        self.hub.start()
        self.put(self.good[:PAGE] + b'\xff' * (len(self.good) - PAGE))
        status, _, body = self.hub.get('/defects')
        self.assertEqual(status, 503, body)
        self.assertIn(b'the database is damaged: stop the hub and restore a backup', body)
        for _ in range(3):  # the first may still find the journal unaware
            status, body = insert(self.hub, 1)
        self.assertEqual(status, 503, body)
        self.assertIn('not stored: the database is damaged', body)
        for path in ('/readyz', '/health'):
            status, _, body = self.hub.get(path)
            self.assertEqual(status, 503)
            self.assertEqual(json.loads(body)['reason'].split(':')[0], 'the database is damaged')
        self.assertEqual(self.hub.stop(), 0)
        self.assertEqual(self.hub.said().count('records are refused until this is mended'), 1)
        self.put(self.good)
        (self.hub.data / 'sluice.db-wal').unlink(missing_ok=True)
        self.hub.start()
        self.assertEqual(self.total(), ROWS)


if __name__ == '__main__':
    unittest.main()
