#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# alone: yes
# seconds: 240
"""Disks as they are at worst: full, read-only, slow. What is refused is told why, the rest goes on, and so does all
of it by itself when the disk is well again."""
import collections, concurrent.futures, errno, json, os, pathlib, re, shutil, socket, sqlite3, subprocess, tempfile, threading, time, unittest

from camera import Camera, jpeg
from hub import SLUICE, Hub, Viewer
from kit import BUILD, MIB, SECONDS, wait_for
from test_glass import GlassTest

FRAME_P99 = 1  # seconds, on a machine that does much else: 0.02 to 0.2 were seen; who waits for the disk waits for a minute


class SmallDisk(Hub):
    """Its data folder is a small tmpfs, mounted where nobody else sees it and gone with the process."""

    def start(self):
        self.data.mkdir(exist_ok=True)
        self.command = ('unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=6m none "$0" && exec "$@"', self.data, SLUICE, 'serve')
        super().start()
        self.disk = pathlib.Path(f'/proc/{self.proc.pid}/root{self.data}')

    def fill(self):
        with open(self.disk / 'filler', 'wb', buffering=0) as f:
            for size in (65536, 4096):
                try:
                    while f.write(bytes(size)) == size:
                        pass
                except OSError as why:
                    if why.errno != errno.ENOSPC:
                        raise

    def free(self):
        (self.disk / 'filler').unlink()


class BadDisk(Hub):
    """Its disk does what disk_faults.c plays: there is no other way to make one read-only under a writer."""

    def start(self):
        self.disk = self.data
        self.faults = pathlib.Path(self.folder.name) / 'faults'
        self.faults.mkdir(exist_ok=True)
        asan = os.environ.get('ASAN_OPTIONS', '') + ':quarantine_size_mb=1:verify_asan_link_order=0'
        self.env = {'LD_PRELOAD': str(BUILD / 'tests/libdisk_faults.so'), 'ASAN_OPTIONS': asan,
                    'SLUICE_TEST_FAULTS': str(self.faults), 'SLUICE_TEST_DATA': str(self.data)}
        super().start()

    def begin(self, fault, text=''):
        new = self.faults / 'new'
        new.write_text(str(text))
        new.rename(self.faults / fault)

    def end(self, fault):
        (self.faults / fault).unlink()


class Live:
    """A camera and a dashboard, 25 pictures a second; how old each was when it was there."""

    def __init__(self, url):
        self.viewer, self.camera = Viewer(url), Camera(url, 'live')
        self.viewer.settle()
        self.age, self.stopping = [], threading.Event()
        self.picture = jpeg('red', 50_000)
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self.send, self.receive)]
        for t in self.threads:
            t.start()

    def send(self):
        n = 0
        while not self.stopping.wait(0.04):
            self.camera.frame(self.picture, n=n, at=time.monotonic())
            n += 1
        self.camera.frame(self.picture, n=-1)

    def receive(self):
        while True:
            m = self.viewer.next('frame')[1]
            if m['n'] < 0:
                return
            self.age.append(time.monotonic() - m['at'])

    def stop(self):
        """The 99th percentile, in seconds."""
        self.stopping.set()
        for t in self.threads:
            t.join(SECONDS)
        return sorted(self.age)[len(self.age) * 99 // 100]

    def close(self):
        self.stop()
        self.viewer.close()
        self.camera.close()


class FaultsTest(GlassTest):
    hub_type = BadDisk

    def setUp(self):
        self.hub = self.hub_type()
        self.addCleanup(self.hub.close)
        self.ids = set()  # of what was answered as stored

    def detect(self, **more):
        """(status, answer) of a detection by HTTP"""
        status, got = self.post('/api/device/detections', {'defect_type': 'chip', 'confidence': 0.5, **more}, x_device_id='http')
        if status == 200:
            self.ids.add(got['id'])
        return status, got

    def detect_by_ws(self, camera):
        camera.detection(receipt=True)
        while (got := json.loads(camera.ws.recv()))['type'] not in ('receipt', 'error'):
            pass
        if got['type'] == 'receipt':
            self.ids.add(got['id'])
        return got

    def metric(self, name):
        return float(re.search(rf'^{re.escape(name)} (\S+)', self.hub.get('/metrics')[2].decode(), re.M)[1])

    def written(self):
        return self.metric('sluice_storage_written_bytes_total{cause="journal"}')

    def state(self, path):
        status, _, body = self.hub.get(path)
        self.assertNotIn(str(self.hub.data), body.decode())
        return status, json.loads(body)

    def check_store(self):
        """All that was answered is there, and nothing else."""
        self.assertEqual({r['id'] for r in self.hub.json('/defects?limit=1000')['data']}, self.ids)
        with tempfile.TemporaryDirectory(prefix='sluice-e2e-') as copy:  # sqlite3 would look for the file in our own mounts
            for name in ('sluice.db-wal', 'sluice.db'):
                shutil.copy(self.hub.disk / name, copy)
            db = sqlite3.connect(f'{copy}/sluice.db')
            try:
                self.assertEqual(db.execute('PRAGMA integrity_check').fetchone(), ('ok',))
                self.assertEqual({row[0] for row in db.execute('SELECT id FROM record')}, self.ids)
            finally:
                db.close()

    def until_refused(self):
        for _ in range(2000):
            status, got = self.detect()
            if status != 200:
                return status, got
        self.fail('the disk takes all of it')

    def check_trouble(self, begin, end, status, cause):
        camera = self.camera('ws')
        for _ in range(10):
            self.assertEqual(self.detect()[0], 200)
            self.assertEqual(self.detect_by_ws(camera)['type'], 'receipt')
        live = self.open(Live(self.hub.url))
        begin()

        self.assertEqual(self.until_refused(), (status, {'error': f'not stored: {cause}'}))
        self.assertEqual(self.detect_by_ws(camera), {'type': 'error', 'error': f'not stored: {cause}'})
        for path in ('/readyz', '/health'):
            got = self.state(path)
            self.assertEqual((got[0], got[1]['ok'], got[1]['status'], got[1]['reason']), (503, False, 'refusing', cause))
        self.assertEqual(self.hub.get('/livez')[0], 200)
        self.assertIn(str(self.hub.data), self.hub.said())  # who reads the log learns where

        # pictures and history go on, and no attempt of its own is taken for the end
        until = len(live.age) + 90
        while len(live.age) < until:
            got = self.hub.json('/defects?limit=1000')
            self.assertEqual({r['id'] for r in got['data']}, self.ids)
            self.assertEqual(self.hub.get('/readyz')[0], 503)
        self.assertEqual(self.detect(), (status, {'error': f'not stored: {cause}'}))
        self.assertNotIn('records are stored again', self.hub.said())

        end()
        began = time.monotonic()
        wait_for(lambda: self.state('/readyz')[0] == 200, 'the hub does not find out that its disk is well', 10)
        found = time.monotonic() - began
        self.assertEqual(self.state('/health')[1]['ok'], True)
        self.assertEqual(self.detect()[0], 200)
        self.assertEqual(self.detect_by_ws(camera)['type'], 'receipt')
        self.check_store()
        self.assertEqual(self.hub.said().count('records are stored again'), 1)
        p99 = live.stop()
        self.assertLess(p99, FRAME_P99)
        print(f'# {len(self.ids)} stored, {len(live.age)} frames, p99 {p99 * 1000:.1f} ms; ready {found:.1f} s after the end')


class FullDisk(FaultsTest):
    hub_type = SmallDisk

    @classmethod
    def setUpClass(cls):
        if subprocess.run(['unshare', '-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'], capture_output=True).returncode != 0:
            raise unittest.SkipTest('a small disk needs the right to mount one: run as root')

    def test_it_says_so_and_goes_on_by_itself(self):
        self.check_trouble(self.hub.fill, self.hub.free, 507, "the disk is full: free space in the hub's data folder")

    def test_large_records_and_small_ones(self):
        """A little room is left: what fits is stored, what does not is refused, and nothing is half there."""
        self.hub.fill()
        with open(self.hub.disk / 'filler', 'r+b') as f:
            f.truncate(f.seek(0, 2) - 400_000)
        answers = collections.Counter(self.detect(note='x' * size)[0] for size in [100, 200_000, 1000, 300_000, 10] * 4)
        self.assertLessEqual(set(answers), {200, 507})
        self.assertGreater(answers[507], 0)
        self.assertGreater(answers[200], 0)
        written, until = self.written(), time.monotonic() + 3
        while time.monotonic() < until:  # three attempts of its own, if it made them
            self.assertEqual(self.hub.get('/readyz')[0], 503)
        self.assertEqual(self.written(), written)  # the room that is left is not worn out meanwhile
        self.hub.free()
        wait_for(lambda: self.state('/readyz')[0] == 200, 'not ready', 10)
        self.check_store()

    def test_a_stop_meanwhile(self):
        self.hub.fill()
        self.until_refused()
        self.assertEqual(self.hub.stop(), 0, self.hub.said()[-2000:])


class ReadOnlyDisk(FaultsTest):
    def test_it_says_so_and_goes_on_by_itself(self):
        self.check_trouble(lambda: self.hub.begin('readonly'), lambda: self.hub.end('readonly'), 503,
                           "the disk is read-only: make it writable: the hub's data folder")
        self.hub.kill()
        self.hub.start()
        self.check_store()


class SlowDisk(FaultsTest):
    """One sync takes longer than anybody is asked to wait."""
    NOTE, POSTS, MESSAGES = 'x' * 500_000, 70, 20  # 45 MB: more than the journal takes, less than is held for two seconds

    def flood(self, n):
        """One of many posts: its status"""
        body = json.dumps({'defect_type': 'chip', 'n': n, 'note': self.NOTE}).encode()
        with socket.create_connection(self.hub.address.rsplit(':', 1), SECONDS) as s:
            s.sendall(b'POST /api/device/detections HTTP/1.1\r\nHost: %s\r\nx-device-id: flood\r\nConnection: close\r\n'
                      b'Content-Length: %d\r\n\r\n%s' % (self.hub.address.encode(), len(body), body))
            answer = s.makefile('rb').read()
        head, text = answer.split(b'\r\n\r\n', 1)
        got, status = json.loads(text), int(head.split()[1])
        if status == 200:
            self.ids.add(got['id'])
        else:
            self.assertIn('more to write than it can hold', got['error'])
        return status

    def push(self, camera):
        """Records by WebSocket, as fast as the hub reads them; the longest it kept us waiting."""
        text = json.dumps({'type': 'detection', 'defect_type': 'chip', 'receipt': True, 'note': self.NOTE})
        longest = 0
        for _ in range(self.MESSAGES):
            began = time.monotonic()
            camera.ws.send(text)
            longest = max(longest, time.monotonic() - began)
        return longest

    def receipts(self, camera, n):
        kinds = collections.Counter()
        while kinds['receipt'] + kinds['error'] < n:
            got = json.loads(camera.ws.recv())
            kinds[got['type']] += 1
            if got['type'] == 'receipt':
                self.ids.add(got['id'])
            elif got['type'] == 'error':
                self.assertIn('more to write than it can hold', got['error'])
        return kinds

    def test_it_holds_back_refuses_and_recovers(self):
        live, camera = self.open(Live(self.hub.url)), self.camera('ws')
        camera.ws.settimeout(SECONDS)
        camera.ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # the kernel shall not take what the hub does not
        self.assertEqual(self.detect()[0], 200)
        self.hub.begin('slow', 60_000)
        before, began = len(live.age), time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(self.POSTS + 2) as pool:
            posts = [pool.submit(self.flood, n) for n in range(self.POSTS)]
            wait_for(lambda: self.metric('sluice_journal_waiting_bytes') > 24 * MIB, 'the journal does not fill')  # from here on who sends is held back
            pushed = pool.submit(self.push, camera)
            told = pool.submit(self.receipts, camera, self.MESSAGES)
            wait_for(lambda: any(p.done() for p in posts), 'nobody is refused')
            self.assertGreater(time.monotonic() - began, 1.9)  # they were given time
            asked = []
            while len(live.age) < before + 100:
                began = time.monotonic()
                self.assertEqual(self.hub.json('/defects?limit=1')['pagination']['total'], 1)
                asked.append(time.monotonic() - began)
            self.assertEqual({p.result() for p in posts if p.done()}, {503})  # nothing has been synced
            self.assertEqual(self.hub.get('/readyz')[0], 200)  # slow is not broken
            self.hub.end('slow')
            statuses = collections.Counter(p.result() for p in posts)
            kinds, longest = told.result(), pushed.result()
        self.assertEqual(set(statuses), {200, 503})
        self.assertGreater(longest, 1)  # the sender was held back
        self.assertEqual(self.detect()[0], 200)
        self.assertEqual(self.hub.json('/defects?limit=1')['pagination']['total'], len(self.ids))
        self.check_store()
        p99 = live.stop()
        self.assertLess(p99, FRAME_P99)
        self.assertLess(max(asked), 2)
        print(f'# posts {dict(statuses)}, messages {dict(kinds)}, a sender held back for {longest:.1f} s at most; '
              f'{len(live.age)} frames, p99 {p99 * 1000:.1f} ms; queries {max(asked) * 1000:.0f} ms at most')


if __name__ == '__main__':
    unittest.main()
