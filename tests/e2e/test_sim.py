# SPDX-License-Identifier: MIT
"""`sluice sim glass`: against the real hub, and against hubs that behave badly."""
import base64, collections, datetime, hashlib, json, signal, socket, struct, subprocess, threading, time, unittest

import websocket
from hub import SLUICE, Hub, Viewer

GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'


class Peer:
    """One camera as a hub has it: the handshake is done, messages are read when asked for."""

    def __init__(self, sock):
        self.sock, self.file = sock, sock.makefile('rb')
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            head += self.file.readline()
        self.head = head.decode()
        key = next(line.split(b': ')[1].strip() for line in head.splitlines() if line.lower().startswith(b'sec-websocket-key'))
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        sock.sendall(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                     b'Sec-WebSocket-Accept: ' + accept + b'\r\n\r\n')

    def frame(self):
        """(opcode, payload), unmasked; None at the end."""
        head = self.file.read(2)
        if len(head) < 2:
            return None
        assert head[1] & 0x80, 'a client must mask, RFC 6455 §5.3'
        n = head[1] & 0x7f
        n = struct.unpack('>H', self.file.read(2))[0] if n == 126 else struct.unpack('>Q', self.file.read(8))[0] if n == 127 else n
        mask = self.file.read(4)
        data = self.file.read(n)
        return head[0] & 15, bytes(b ^ mask[i & 3] for i, b in enumerate(data[:300])) + data[300:]


class Listener:
    def __init__(self, port=0, receive_bytes=0):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.sock.bind(('127.0.0.1', port))
        self.sock.listen(8)
        self.sock.settimeout(30)
        self.url = 'ws://127.0.0.1:%d/ws' % self.sock.getsockname()[1]

    def accept(self):
        s = self.sock.accept()[0]
        s.settimeout(30)
        return s


class SimTest(unittest.TestCase):
    def sim(self, *args):
        """A running simulator; its lines come in .lines."""
        p = subprocess.Popen([SLUICE, 'sim', 'glass', *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)

        def end():
            p.kill()
            p.wait(20)
            p.stdout.close()
            p.stderr.close()
        self.addCleanup(end)
        return p

    def run_sim(self, *args):
        return subprocess.run([SLUICE, 'sim', *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def listener(self, **more):
        listener = Listener(**more)
        self.addCleanup(listener.sock.close)
        return listener

    def peer(self, listener):
        peer = Peer(listener.accept())
        self.addCleanup(peer.sock.close)
        self.addCleanup(peer.file.close)
        return peer

    def read_until(self, sim, text):
        for line in sim.stderr:
            if text in line:
                return line
        self.fail(f'it never said: {text}')


class AgainstTheHub(SimTest):
    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.close)
        self.viewer = Viewer(self.hub.url)
        self.addCleanup(self.viewer.close)

    def test_several_cameras_each_its_own_and_an_end(self):
        names = {'line-1', 'line-2', 'line-3'}
        sim = self.sim('--url', self.hub.url, '--cameras', '3', '--device', 'line', '--size', '160x120', '--fps', '5', '--seconds', '6')
        pictures, detections, gone = collections.defaultdict(list), [], set()
        while gone != names:
            m = json.loads(self.viewer.ws.recv())
            if m['type'] == 'frame':
                pictures[m['device_id']].append(m['frame'])
            elif m['type'] == 'detection':
                detections.append(m)
            elif m.get('status') == 'disconnected':
                gone.add(m['device_id'])
        self.assertEqual(sim.wait(20), 0)
        self.assertIn('end: ', sim.stderr.read())
        self.assertEqual(set(pictures), names)
        for name in names:
            self.assertGreater(len(set(pictures[name])), 5)  # it moves
        self.assertEqual(len({pictures[name][1] for name in names}), 3)  # out of phase
        self.check_detections(detections)

    def check_detections(self, detections):
        self.assertGreater(len(detections), 0)
        bursts = collections.defaultdict(set)
        for d in detections:
            x, y, w, h = d['bbox']
            self.assertEqual(d['source'], [160, 120])
            self.assertTrue(0 <= x < x + w <= 160 and 0 <= y < y + h <= 120, d)
            self.assertGreaterEqual(d['confidence'], 0.5)
            at = datetime.datetime.fromisoformat(d['timestamp'])
            self.assertEqual(at.utcoffset(), datetime.timedelta(0))
            bursts[d['device_id']].add(at.timestamp())
        for times in bursts.values():
            for a, b in zip(sorted(times), sorted(times)[1:]):
                self.assertTrue(b - a < 0.5 or b - a > 1.9, f'{b - a} s between two detections')

    def test_an_older_camera(self):
        sim = self.sim('--url', self.hub.url, '--wire', 'socketio', '--device', 'old "1"', '--size', '160x120', '--seconds', '5')
        self.viewer.next('device_status', device_id='old "1"', status='connected')
        dashboard = websocket.create_connection(f'ws://{self.hub.address}/socket.io/?EIO=4&transport=websocket', timeout=20)
        self.addCleanup(dashboard.close)
        for said in ('40', '42["client:hello",{"role":"dashboard"}]'):
            dashboard.send(said)
        pictures, defects, online = set(), [], None
        while online is not False:
            text = dashboard.recv()
            if not text.startswith('42'):
                continue
            event, m = json.loads(text[2:])
            self.assertEqual(m['deviceId'], 'old "1"')
            if event == 'device:status':
                online = m['online']
            else:
                pictures.add(m['dataUrl'])
                defects += m['defects']
        self.assertEqual(sim.wait(20), 0)
        self.assertGreater(len(pictures), 10)
        self.assertTrue(all(p.startswith('data:image/jpeg;base64,/9j/') for p in pictures))
        self.assertGreater(len(defects), 0)
        for d in defects:
            self.assertRegex(d['confidence'], r'^\d\d?\.\d\d%$')
            self.assertEqual(len(d['bbox']), 4)
        self.assertIn('/socket.io/', sim.stderr.read())

    def test_they_come_back_after_the_hub(self):
        sim = self.sim('--url', self.hub.url, '--device', 'back', '--size', '160x120')
        self.viewer.next('frame')
        self.hub.stop()
        self.assertIn('try 2 of 5 in 5 s', self.read_until(sim, 'not connected'))
        self.hub.start()
        self.read_until(sim, 'connected to ')
        viewer = Viewer(self.hub.url)
        self.addCleanup(viewer.close)
        viewer.next('frame')


class AgainstOthers(SimTest):
    def test_ctrl_c_is_a_goodbye(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            listener = self.listener()
            sim = self.sim('--url', listener.url, '--size', '160x120', '--device', 'x')
            peer = self.peer(listener)
            self.assertIn('GET /ws HTTP/1.1', peer.head)
            self.assertIn('Origin: http://127.0.0.1:', peer.head)
            self.assertEqual(json.loads(peer.frame()[1]), {'type': 'device_register', 'device_id': 'x'})
            sim.send_signal(number)
            while (frame := peer.frame())[0] == 1:
                pass
            self.assertEqual(frame, (8, b'\x03\xe8'))
            peer.sock.shutdown(socket.SHUT_WR)
            self.assertEqual(sim.wait(20), 0)

    def test_one_that_is_not_read_does_not_hold_up_the_other(self):
        listener = self.listener(receive_bytes=4096)
        sim = self.sim('--url', listener.url, '--cameras', '2', '--size', '768x768', '--fps', '30')
        stalled, other = self.peer(listener), self.peer(listener)
        taken = sum(len(other.frame()[1]) for _ in range(200))  # what would have filled any buffer of the first
        self.assertGreater(taken, 5_000_000)
        stalled.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sim.send_signal(signal.SIGINT)
        ends = []
        threads = [threading.Thread(target=lambda p=p: ends.append(self.last_frame(p))) for p in (stalled, other)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(30)
        self.assertEqual(ends, [(8, b'\x03\xe8')] * 2)  # the one that was cut off in a picture too
        self.assertEqual(sim.wait(20), 0)

    def last_frame(self, peer):
        last = None
        while (frame := peer.frame()) is not None:
            last = frame
        peer.sock.shutdown(socket.SHUT_RDWR)
        return last

    def test_nobody_there(self):
        free = self.listener()
        free.sock.close()
        began = time.monotonic()
        got = self.run_sim('glass', '--url', free.url, '--seconds', '1')
        self.assertEqual(got.returncode, 69)
        self.assertIn('connection refused', got.stderr)
        self.assertLess(time.monotonic() - began, 20)

    def test_something_that_is_no_hub_is_named(self):
        listener = self.listener()
        sim = self.sim('--url', listener.url)
        with listener.accept() as s:
            s.recv(4096)
            s.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
            self.assertIn('no WebSocket there: HTTP status 200', self.read_until(sim, 'not connected'))


class Words(SimTest):
    def test_help_begins_with_examples(self):
        for args in (['glass', '--help'], ['--help'], ['glass', '--fps', '3', '-h']):
            got = self.run_sim(*args)
            self.assertEqual((got.returncode, got.stderr), (0, ''))
            self.assertLess(got.stdout.index('examples:'), got.stdout.index('usage:'))

    def test_slips(self):
        for args, said in ((['glass', '--url', 'tcp://x'], 'neither http:// nor ws://'), (['glass', '--url', 'wss://x/'], 'TLS'),
                           (['glass', '--size', '1x1'], '64 to 4096'), (['glass', '--cameras', '65'], 'from 1 to 64'),
                           (['glass', '--device', ''], '1 to 128'), (['glass', '--camera', '2'], 'did you mean --cameras?'),
                           (['brass'], 'sluice sim glass --help'), ([], 'sluice sim glass --help')):
            got = self.run_sim(*args)
            self.assertEqual((got.returncode, got.stdout), (64, ''), args)
            self.assertIn(said, got.stderr)


if __name__ == '__main__':
    unittest.main()
