#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 in the middle of it, again and again: what was answered is there, once."""
import collections, json, os, random, socket, sqlite3, threading, time, unittest

import websocket
from hub import Hub

ROUNDS = int(os.environ.get('SLUICE_CRASH_ROUNDS', '4'))  # 20 say more and take longer
SENDERS = 50
SEED = 20260301


class Sender(threading.Thread):
    """Numbers its posts, sends none twice, notes which were answered as stored."""

    def __init__(self, address, name, first, barrier):
        super().__init__(daemon=True)
        self.address, self.device, self.n, self.barrier = address, name, first, barrier
        self.answered, self.refused = [], []

    def run(self):
        try:
            self.connect()
        finally:
            self.barrier.wait(20)
        try:
            while True:
                self.n += 1
                ok, text = self.post(json.dumps({'type': 'detection', 'defect_type': 'chip', 'confidence': 0.5,
                                                 'from': self.device, 'n': self.n, 'receipt': True}))
                (self.answered if ok else self.refused).append((self.n, text))
        except (OSError, EOFError, websocket.WebSocketException):
            pass  # the hub has died


class HttpSender(Sender):
    def connect(self):
        host, port = self.address.rsplit(':', 1)
        self.sock = socket.create_connection((host, int(port)), 10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile('rb')

    def post(self, body):
        self.sock.sendall((f'POST /api/device/detections HTTP/1.1\r\nHost: {self.address}\r\nx-device-id: {self.device}\r\n'
                           f'Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}').encode())
        status, length = self.line().split()[1], None
        while (line := self.line()) != b'':
            if line.lower().startswith(b'content-length:'):
                length = int(line[15:])
        text = self.file.read(length)
        if len(text) != length:
            raise EOFError  # the answer was cut: it does not count
        answer = json.loads(text)
        return status == b'200' and answer['ok'] and answer['stored'], text

    def line(self):
        line = self.file.readline()
        if not line.endswith(b'\r\n'):
            raise EOFError
        return line[:-2]


class WsSender(Sender):
    def connect(self):
        self.ws = websocket.create_connection(f'ws://{self.address}/ws', timeout=10)
        self.ws.send(json.dumps({'type': 'device_register', 'device_id': self.device}))
        self.ws.recv()  # its own status

    def post(self, body):
        self.ws.send(body)
        text = self.ws.recv()
        answer = json.loads(text)
        return answer['type'] == 'receipt' and answer['ok'] and answer['stored'], text


class Watcher(threading.Thread):
    """A dashboard: what it was shown must be stored, too."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.ws = websocket.create_connection(f'ws://{address}/ws', timeout=10)
        self.ws.send('{"type":"web_client"}')
        self.shown = []

    def run(self):
        try:
            while True:
                m = json.loads(self.ws.recv())
                if m['type'] == 'detection':
                    self.shown.append((m['record_id'], m['from'], m['n']))
        except (OSError, websocket.WebSocketException):
            pass


class Crash(unittest.TestCase):
    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.close)

    def rows(self):
        """[(id, sender, number)] of the spine; the rest of the store must agree with it."""
        db = sqlite3.connect(f'file:{self.hub.data}/sluice.db?mode=ro', uri=True)
        try:
            self.assertEqual(db.execute('PRAGMA integrity_check').fetchone()[0], 'ok')
            rows = [(id, json.loads(body)) for id, body in db.execute('SELECT id, body FROM record ORDER BY seq')]
            self.assertEqual(db.execute('SELECT record.id FROM glass_defect JOIN record USING(seq) ORDER BY seq').fetchall(), [(id,) for id, _ in rows])
            self.assertEqual(db.execute('SELECT (SELECT coalesce(sum(n), 0) FROM glass_count)'
                                        ' + (SELECT count(*) FROM glass_defect WHERE seq > (SELECT through FROM glass_settled))').fetchone()[0], len(rows))
            self.assertEqual(db.execute('SELECT count(DISTINCT seq), count(*) FROM record').fetchone(), (len(rows),) * 2)
        finally:
            db.close()
        return [(id, body['from'], body['n']) for id, body in rows]

    def round(self, number, last, rng):
        """Send, kill at a random moment; what was answered and shown, and where each sender stopped."""
        barrier = threading.Barrier(SENDERS + 1)
        watcher = Watcher(self.hub.address)
        watcher.start()
        senders = [(HttpSender if i % 2 else WsSender)(self.hub.address, f's{i}', last[f's{i}'], barrier) for i in range(SENDERS)]
        for s in senders:
            s.start()
        barrier.wait(20)
        time.sleep(rng.uniform(0.02, 0.6))
        self.hub.kill()
        for t in [*senders, watcher]:
            t.join(10)
            self.assertFalse(t.is_alive())
        for s in senders:
            last[s.device] = s.n
        self.assertEqual([s.refused for s in senders if s.refused], [], f'round {number}')
        return [(s.device, n) for s in senders for n, _ in s.answered], watcher.shown

    def test_what_was_answered_is_there_and_nothing_twice(self):
        rng, last = random.Random(SEED), collections.Counter()
        answered, shown, worked = set(), set(), 0
        for number in range(ROUNDS):
            new, seen = self.round(number, last, rng)
            worked += len(new) > SENDERS
            self.assertEqual(len(answered | set(new)), len(answered) + len(new))
            answered.update(new)
            shown.update(seen)
            self.hub.start()
            rows = self.rows()
            stored = [row[1:] for row in rows]
            twice = [k for k, n in collections.Counter(stored).items() if n > 1]
            self.assertEqual(twice, [])
            self.assertEqual(sorted(answered - set(stored)), [], 'answered, and lost')
            self.assertEqual(sorted(shown - set(rows)), [], 'shown, and lost')
            sent = {(d, n) for d in last for n in range(1, last[d] + 1)}
            self.assertEqual(sorted(set(stored) - sent), [], 'nobody sent it')
        self.assertGreater(worked, ROUNDS // 2, 'the hub was killed before it did anything: nothing was tested')
        print(f'# {ROUNDS} rounds: {len(answered)} answered, {len(shown)} shown, {len(stored)} stored')


if __name__ == '__main__':
    unittest.main()
