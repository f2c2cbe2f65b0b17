#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# seconds: 300
"""kill -9, and senders that send again what was not answered, by either wire: each number is there once."""
import collections, json, os, random, socket, sqlite3, threading, time, unittest

import websocket
from hub import Hub
from kit import BUILD

ROUNDS = int(os.environ.get('SLUICE_CRASH_ROUNDS', '4'))  # 20 say more and take longer
SENDERS = 50
AGAIN = 0.1  # of the numbers that were answered
SEED = 20260301


class Numbers(Hub):
    command = (BUILD / 'tests/numbers',)


class Http:
    def __init__(self, address):
        host, port = address.rsplit(':', 1)
        self.address, self.sock = address, socket.create_connection((host, int(port)), 10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile('rb')

    def post(self, device, n):
        body = json.dumps({'device': device, 'number': n})
        self.sock.sendall(f'POST /numbers HTTP/1.1\r\nHost: {self.address}\r\nContent-Length: {len(body)}\r\n\r\n{body}'.encode())
        self.line()
        while (line := self.line()) != b'':
            if line.lower().startswith(b'content-length:'):
                length = int(line[15:])
        text = self.file.read(length)
        if len(text) != length:
            raise EOFError  # the answer was cut: it does not count
        return json.loads(text)

    def line(self):
        line = self.file.readline()
        if not line.endswith(b'\r\n'):
            raise EOFError
        return line[:-2]

    def close(self):
        self.file.close()
        self.sock.close()


class Ws:
    def __init__(self, address):
        self.ws = websocket.create_connection(f'ws://{address}/ws', timeout=10)

    def post(self, device, n):
        self.ws.send(json.dumps({'type': 'number', 'receipt': True, 'number': n, 'device': device}))
        return json.loads(self.ws.recv())

    def close(self):
        self.ws.shutdown()


class Device:
    """One that counts. What it knows outlives the hub and its own connections."""

    def __init__(self, name):
        self.name, self.rng = name, random.Random(f'{SEED} {name}')
        self.last = 0
        self.pending = None  # sent, and not answered
        self.receipts = {}  # number: (id, seq)
        self.wrong = []
        self.again = self.after_crash = self.found = 0

    def take(self, n, answer):
        ok = answer.get('ok') is True and answer['stored'] is not answer['duplicate']
        receipt = answer.get('id'), answer.get('seq')
        if n in self.receipts:
            self.again += 1
            ok = ok and answer['duplicate'] and receipt == self.receipts[n]
        elif n == self.pending:
            self.after_crash += 1
            self.found += answer.get('duplicate', False)
        else:
            ok = ok and not answer['duplicate']
        self.receipts.setdefault(n, receipt)
        if not ok:
            self.wrong.append((n, answer))

    def send(self, link, n):
        self.take(n, link.post(self.name, n))

    def catch_up(self, link):
        if self.pending is not None:
            self.send(link, self.pending)
            self.pending = None

    def count(self, link):
        """Until the hub dies."""
        self.catch_up(link)
        while True:
            if self.receipts and self.rng.random() < AGAIN:
                self.send(link, self.rng.choice(list(self.receipts)[-20:]))
            n = self.last + 1
            self.last = n
            try:
                self.send(link, n)
            except BaseException:
                self.pending = n
                raise


class Resend(unittest.TestCase):
    def setUp(self):
        self.hub = Numbers()
        self.addCleanup(self.hub.close)
        self.devices = [Device(f'd{i}') for i in range(SENDERS)]

    def rows(self):
        db = sqlite3.connect(f'file:{self.hub.data}/sluice.db?mode=ro', uri=True)
        try:
            self.assertEqual(db.execute('PRAGMA integrity_check').fetchone(), ('ok',))
            self.assertEqual(db.execute('SELECT seq, id FROM record ORDER BY seq').fetchall(),
                             db.execute('SELECT seq, id FROM number ORDER BY seq').fetchall())
            return db.execute('SELECT device, number, id, seq FROM number ORDER BY seq').fetchall()
        finally:
            db.close()

    def check(self):
        """What is stored: all that was answered, by its receipt, nothing twice, nothing that nobody sent."""
        self.assertEqual([(d.name, d.wrong) for d in self.devices if d.wrong], [])
        rows = self.rows()
        self.assertEqual([k for k, n in collections.Counter(r[:2] for r in rows).items() if n > 1], [], 'twice')
        there = {(device, n): (id, seq) for device, n, id, seq in rows}
        for d in self.devices:
            for n, receipt in d.receipts.items():
                self.assertEqual(there.get((d.name, n)), receipt, f'{d.name} {n}: answered, and lost')
        last = {d.name: d.last for d in self.devices}
        self.assertEqual([k for k in there if not 0 < k[1] <= last[k[0]]], [])
        return there

    def round(self, number, rng):
        barrier = threading.Barrier(SENDERS + 1)

        def run(i):
            link = (Http if (i + number) % 2 else Ws)(self.hub.address)  # what one wire did not answer goes by the other
            barrier.wait(20)
            try:
                self.devices[i].count(link)
            except (OSError, EOFError, websocket.WebSocketException):
                pass  # the hub has died
            finally:
                link.close()

        threads = [threading.Thread(target=run, args=[i], daemon=True) for i in range(SENDERS)]
        for t in threads:
            t.start()
        barrier.wait(20)
        time.sleep(rng.uniform(0.02, 0.6))
        self.hub.kill()
        for t in threads:
            t.join(15)
            self.assertFalse(t.is_alive())

    def test_each_number_is_there_once(self):
        rng, worked = random.Random(SEED), 0
        for number in range(ROUNDS):
            before = sum(len(d.receipts) for d in self.devices)
            self.round(number, rng)
            worked += sum(len(d.receipts) for d in self.devices) > before + SENDERS
            self.hub.start()
            self.check()
        self.assertGreater(worked, ROUNDS // 2, 'the hub was killed before it did anything: nothing was tested')

        link = Http(self.hub.address)
        self.addCleanup(link.close)
        for d in self.devices:
            d.catch_up(link)
        there = self.check()
        self.assertEqual(set(there), {(d.name, n) for d in self.devices for n in range(1, d.last + 1)})
        self.assertEqual(len(self.hub.json('/numbers?limit=100000')), len(there))
        sums = [sum(getattr(d, k) for d in self.devices) for k in ('again', 'after_crash', 'found')]
        self.assertGreater(sums[0], SENDERS)
        self.assertGreater(sums[1], SENDERS)
        print(f'# {ROUNDS} rounds: {len(there)} numbers, each once; {sums[0]} sent again though answered; {sums[1]} sent again'
              f' after a crash, of which {sums[2]} had been stored')

    def test_one_number_by_both_wires_from_many_at_once(self):
        """Who comes second is told so, and all have one receipt."""
        barrier, answers = threading.Barrier(20), []

        def run(i):
            link = (Http, Ws)[i % 2](self.hub.address)
            barrier.wait(20)
            for n in range(50):
                answers.append((n, link.post('same', n)))
            link.close()

        threads = [threading.Thread(target=run, args=[i], daemon=True) for i in range(20)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
            self.assertFalse(t.is_alive())
        self.assertEqual(len(answers), 20 * 50)
        for n in range(50):
            of = [a for m, a in answers if m == n]
            self.assertEqual({(a['ok'], a['id'], a['seq']) for a in of}, {(True, of[0]['id'], of[0]['seq'])})
            self.assertEqual(sum(a['stored'] for a in of), 1)
            self.assertEqual(sum(a['duplicate'] for a in of), 19)
        self.assertEqual(len(self.hub.json('/numbers')), 50)


if __name__ == '__main__':
    unittest.main()
