# SPDX-License-Identifier: MIT
"""The hub's limits by a real socket: below, at and above; what is refused is told which limit it was, and when to try again."""
import collections, concurrent.futures, json, signal, socket, time, unittest

from kit import CLOSE, CONT, MIB, PONG, SECONDS, TEXT, Raw, RawWs, frame, frame_head, wait_for
from test_limits import LimitsTest, detection, post

KIB = 1 << 10
LIVE = (b'GET /api/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
        b'Sec-WebSocket-Protocol: sluice.v1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')


def padded(n, start=b'{"type":"ping"', end=b'}'):
    """JSON of exactly n bytes."""
    return start + b' ' * (n - len(start) - len(end)) + end


def own_address():
    """One of this machine's addresses that is not loopback, or the test is skipped."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        s.connect(('192.0.2.1', 9))  # sends nothing
        address = s.getsockname()[0]
    except OSError:
        address = '127.0.0.1'
    finally:
        s.close()
    if address.startswith('127.'):
        raise unittest.SkipTest('this machine has no address but loopback, which is exempt')
    return address


class Http(LimitsTest):
    def ask(self, hub, data):
        raw = Raw(hub.port)
        try:
            raw.send(data)
            return raw.answer()
        finally:
            raw.close()

    def test_heads(self):
        hub = self.hub()

        def of(**size):
            """A request whose line, or whose head, has so many bytes, or so many fields."""
            line, fields = b'GET /livez%s HTTP/1.1\r\n', [b'Host: localhost\r\n']
            line = line % (b'?' + b'x' * (size['line'] - len(line) + 1) if 'line' in size else b'')
            fields += [b'A: b\r\n'] * (size.get('fields', 1) - 1)
            if 'head' in size:
                fields.append(b'B: %s\r\n' % (b'x' * (size['head'] - len(line) - len(fields[0]) - 7)))
            return line + b''.join(fields) + b'\r\n'

        for kind, most, status, told in (('line', 8 * KIB, 414, '8192'), ('head', 16 * KIB, 431, '16384'), ('fields', 100, 431, '100')):
            for n, wanted in ((most - 1, 200), (most, 200), (most + 1, status)):
                with self.subTest(kind=kind, n=n):
                    answer = self.ask(hub, of(**{kind: n}))
                    self.assertEqual(answer.status, wanted, answer)
                    if wanted != 200:
                        self.assertIn(told, answer.body.decode())

    def test_bodies(self):
        hub = self.hub('--body', '4KiB')
        for path, most in (('/api/device/register', 256 * KIB), ('/api/device/detections', 10 * MIB)):
            for n, fits in ((most - 1, True), (most, True), (most + 1, False)):
                with self.subTest(path=path, n=n):
                    body = padded(n, b'{"device_id":"d1","defect_type":"chip"')
                    head = b'POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n' % (path.encode(), n)
                    answer = self.ask(hub, head + (body if fits else b''))  # what is too large is refused by its length alone
                    self.assertEqual(answer.status, 200 if fits else 413, answer)
                    if not fits:
                        self.assertIn(str(most), answer.body.decode())
        for n, fits in ((4 * KIB - 1, True), (4 * KIB, True), (4 * KIB + 1, False)):  # of rows without a limit of their own
            with self.subTest(n=n):
                answer = self.ask(hub, b'GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n' % n + b'x' * (n if fits else 0))
                self.assertEqual(answer.status, 200 if fits else 413, answer)


class Messages(LimitsTest):
    def live(self, hub):
        ws = self.open(RawWs(hub.port, LIVE))
        while json.loads(ws.recv())['type'] != 'hello':
            pass
        return ws

    def test_messages(self):
        hub = self.hub()
        for open_one, most in ((lambda: self.open(RawWs(hub.port)), 16 * MIB), (lambda: self.live(hub), 64 * KIB)):
            ws = open_one()
            for n in (most - 1, most):
                with self.subTest(n=n):
                    ws.send(frame(TEXT, padded(n), key=b'\0\0\0\0'))
                    self.assertEqual(json.loads(ws.recv())['type'], 'pong')
            ws.send(frame_head(TEXT, most + 1))
            self.assertEqual(ws.closed(), (1009, f'message of {most + 1} bytes is larger than the limit of {most}'))

    def test_fragments_by_their_sum(self):
        hub, most = self.hub(), 64 * KIB
        for n in (most - 1, most, most + 1):
            with self.subTest(n=n):
                ws, text = self.live(hub), padded(n)
                ws.send(frame(TEXT, text[:1], fin=False))
                ws.send(b''.join(frame(CONT, text[i:i + 1000], fin=False) for i in range(1, n, 1000)))
                if n > most:
                    self.assertEqual(ws.closed()[0], 1009)
                    continue
                ws.send(frame(CONT, b''))
                self.assertEqual(json.loads(ws.recv())['type'], 'pong')


class Connections(LimitsTest):
    def is_taken(self, raw):
        """Whether it is served; else it has to be told why."""
        try:
            raw.send(b'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n')
            status, headers = raw.take_head()
        except ConnectionError:  # it was sent away before it had asked, and that overtook the answer
            self.unheard += 1
            return False
        if status == 200:
            raw.take(int(headers['content-length']))
            return True
        self.assertEqual((status, headers['retry-after']), (503, '5'))
        self.told.append(json.loads(raw.rest())['error'])
        return False

    def check(self, dial, most, sentence):
        self.told, self.unheard = [], 0
        taken = []
        for _ in range(most):
            taken.append(dial())
            self.assertTrue(self.is_taken(taken[-1]))
        for _ in range(10):
            self.assertFalse(self.is_taken(dial()))
        self.assertTrue(all(self.is_taken(raw) for raw in taken))  # who is there stays
        self.assertTrue(self.told, 'nobody heard why')
        self.assertIn(sentence, self.told[0])
        taken[0].close()
        wait_for(lambda: self.is_taken(dial()), 'no room again')

    def test_in_all(self):
        hub = self.hub('--connections', '5')
        self.check(lambda: self.open(Raw(hub.port)), 5, 'as many connections as this server takes')

    def test_of_one_address(self):
        address = own_address()
        hub = self.hub('--listen', '0.0.0.0:0', '--access', 'open', '--per-address', '3', '--hosts', 'localhost')
        port = int(hub.ready.read_text().split()[0].rsplit(':', 1)[1])

        def dial():
            raw = Raw.__new__(Raw)
            raw.sock, raw.have, raw.at = socket.create_connection((address, port), SECONDS), bytearray(), 0
            return self.open(raw)

        self.check(dial, 3, 'this address has as many connections as one may have')
        others = [self.open(Raw(port)) for _ in range(5)]  # this machine is exempt
        self.assertTrue(all(self.is_taken(raw) for raw in others))


class Addresses(LimitsTest):
    """What is counted by the address, from one that counts."""

    def start(self, *options):
        self.address = own_address()
        self.remote = self.hub('--listen', '0.0.0.0:0', '--access', 'open', *options)
        port = int(self.remote.ready.read_text().split()[0].rsplit(':', 1)[1])
        raw = Raw.__new__(Raw)
        raw.sock, raw.have, raw.at = socket.create_connection((self.address, port), SECONDS), bytearray(), 0
        return self.open(raw)

    def ask(self, raw, path, message, device):
        raw.send(post(0, path, message, device).replace(b'Host: localhost', b'Host: ' + self.address.encode()))
        return raw.answer()

    def check_refusal(self, answer, limit):
        self.assertEqual(answer.status, 429, answer)
        self.assertIn(limit, json.loads(answer.body)['error'])
        self.assertGreaterEqual(int(answer.headers['retry-after']), 1)

    def test_records(self):
        raw = self.start('--address-rate', '2')
        answers = [self.ask(raw, '/api/device/detections', detection(n=i), f'd{i % 4}') for i in range(30)]
        self.assertEqual([a.status for a in answers[:10]], [200] * 10)  # below and at: five seconds' worth
        refused = [a for a in answers if a.status != 200]
        self.assertTrue(refused)
        self.check_refusal(refused[0], 'limits.address_rate')
        local = self.open(Raw(raw.sock.getpeername()[1]))  # this machine is exempt
        local.send(post(0, '/api/device/detections', detection(), 'd1'))
        self.assertEqual(local.answer().status, 200)

    def test_new_devices(self):
        raw = self.start('--enrolments', '3')
        answers = [self.ask(raw, '/api/device/register', {'device_id': f'd{i}'}, f'd{i}') for i in range(6)]
        self.assertEqual([a.status for a in answers], [200] * 3 + [429] * 3)
        self.check_refusal(answers[3], 'limits.enrolments')
        self.assertEqual(self.ask(raw, '/api/device/register', {'device_id': 'd0'}, 'd0').status, 200)  # who is known goes on


class QueueTotal(LimitsTest):
    def test_a_request_in_a_turn_that_holds_too_much_is_told_so(self):
        """All ask at once for 200 kB each, of 1 MiB: the first get it, the others hear that it is too much for now."""
        hub = self.hub('--queue-total', '1MiB', '--queue', '1MiB')
        raw = self.open(Raw(hub.port))
        for i in range(1000):
            name = f'{i:04}' + 'x' * 120
            raw.send(post(0, '/api/device/register', {'device_id': name}, name))
            self.assertEqual(raw.answer().status, 200)
        ask = b'GET /devices/status HTTP/1.1\r\nHost: localhost\r\n\r\n'
        askers = [self.open(Raw(hub.port, receive_bytes=4096)) for _ in range(20)]
        for a in askers:
            a.send(b'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n')
            self.assertEqual(a.answer().status, 200)  # it is known to the hub
        hub.proc.send_signal(signal.SIGSTOP)
        for a in askers:
            a.send(ask)
        hub.proc.send_signal(signal.SIGCONT)

        def hear(a):
            try:
                return a.answer()
            except (EOFError, ConnectionError):
                return None  # the longest queues are cut

        with concurrent.futures.ThreadPoolExecutor(len(askers)) as pool:
            answers = list(pool.map(hear, askers))
        got = collections.Counter(a.status if a else 'cut' for a in answers)
        self.assertGreater(got[503], 0, got)
        refused = next(a for a in answers if a and a.status == 503)
        self.assertIn('holds as much as it may', json.loads(refused.body)['error'])
        self.assertGreaterEqual(int(refused.headers['retry-after']), 1)
        raw.send(ask)
        self.assertEqual(raw.answer().status, 200)  # a moment later


class LeastRate(LimitsTest):
    def test_who_does_not_read_an_answer_is_cut_and_who_reads_slowly_is_not(self):
        hub = self.hub('--min-rate', '2KiB')
        sender = self.open(Raw(hub.port))
        rows = [detection(notes='y' * 4000, n=i) for i in range(1000)]
        sender.send(post(0, '/api/device/detections', {'detections': rows}))
        self.assertEqual(sender.answer().status, 200)
        never, slow = (self.open(Raw(hub.port, receive_bytes=4096)) for _ in range(2))
        for raw in (never, slow):
            raw.send(b'GET /defects?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n')
        cut = lambda: self.metric(hub, 'sluice_connections_cut_total{reason="slow_reader"}')
        until = time.monotonic() + 90
        while cut() == 0 and time.monotonic() < until:
            slow.sock.recv(2000)  # 4 KB a second: of 300 there is always more
            time.sleep(0.5)
        self.assertEqual(cut(), 1)
        self.assertEqual(len(slow.sock.recv(100)), 100)  # it is still served


if __name__ == '__main__':
    unittest.main()
