#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# build: release
# seconds: 240
"""Who is connected: two hundred clients do known things, and the hub says the same of them."""
import base64, collections, http.client, json, os, pathlib, pty, resource, signal, socket, subprocess, time, unittest

import socketio
import websocket
from hub import SLUICE, Hub, Viewer
from kit import SECONDS, TEXT, Raw, frame, wait_for

PICTURE = base64.b64encode((pathlib.Path(__file__).parent / 'red.jpg').read_bytes()).decode()
CAMERAS, DASHBOARDS, SOCKETS, POLLERS, PAGES, STREAMS, PICTURES = 60, 40, 40, 10, 30, 10, 10


def upgrade(path='/ws', agent='tester'):
    return (f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {agent}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n').encode()


class Feed:
    """A GET whose answer has no end."""

    def __init__(self, hub, path, agent='feeder'):
        self.socket = socket.create_connection(('127.0.0.1', hub.port), timeout=SECONDS)
        self.socket.sendall(f'GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nUser-Agent: {agent}\r\n\r\n'.encode())
        self.lines = self.socket.makefile('rb')
        self.status = int(self.lines.readline().split()[1])
        while self.lines.readline() != b'\r\n':
            pass

    def events(self):
        for line in self.lines:
            if line.startswith(b'data: '):
                yield json.loads(line[6:])

    def until(self, what, **wanted):
        """The next event of this kind with these values."""
        for event in self.events():
            if event['what'] == what and all(event.get(k) == v for k, v in wanted.items()):
                return event
        raise AssertionError(f'the stream ended before {what} {wanted}')

    def close(self):
        self.lines.close()
        self.socket.close()


class InspectTest(unittest.TestCase):
    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.close)

    def keep(self, client):
        self.addCleanup(client.close)
        return client

    def page(self, **query):
        status, _, body = self.hub.get('/api/connections?' + '&'.join(f'{k}={v}' for k, v in query.items()))
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def all(self, limit=1000, **query):
        rows, after = [], None
        while True:
            page = self.page(limit=limit, **({'after': after} if after else {}), **query)
            rows += page['connections']
            after = page['next']
            if after is None:
                return rows

    def delete(self, id, **headers):
        asked = http.client.HTTPConnection('127.0.0.1', self.hub.port, timeout=SECONDS)
        asked.request('DELETE', f'/api/connections/{id}', headers=headers)
        answer = asked.getresponse()
        body = json.loads(answer.read())
        asked.close()
        return answer.status, body

    def camera(self, name, agent='cam'):
        ws = self.keep(websocket.create_connection(self.hub.url, timeout=SECONDS, header=[f'User-Agent: {agent}']))
        ws.send(json.dumps({'type': 'device_register', 'device_id': name}))
        ws.recv()
        return ws

    def viewer(self):
        v = self.keep(Viewer(self.hub.url))
        v.settle()
        return v

    def socket_io(self, transports=('websocket',)):
        sio = socketio.Client(reconnection=False)
        sio.connect(f'http://{self.hub.address}', transports=list(transports))
        self.addCleanup(sio.disconnect)
        return sio

    def one(self, **wanted):
        rows = [row for row in self.all() if all(row[k] == v for k, v in wanted.items())]
        self.assertEqual(len(rows), 1, f'{wanted}: {rows}')
        return rows[0]


class Figures(InspectTest):
    def bytes_of(self, ws):
        """In and out as the hub says, once the last ones are confirmed."""
        row = self.one(address='%s:%d' % ws.sock.getsockname())
        return row['bytes_in'], row['bytes_out']

    @staticmethod
    def bytes_by(ws):
        """The same as this side's kernel says: sent and confirmed, received."""
        info = ws.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136)
        acked, received = (int.from_bytes(info[i:i + 8], 'little') for i in (120, 128))
        return acked - 1, received  # who calls counts its SYN

    def test_two_hundred_clients(self):
        cameras = [self.camera(f'cam-{i}') for i in range(CAMERAS)]
        dashboards = [self.viewer() for _ in range(DASHBOARDS)]
        sockets = [self.socket_io() for _ in range(SOCKETS)]
        pollers = [self.socket_io(['polling']) for _ in range(POLLERS)]
        pages = [self.keep(websocket.create_connection(f'ws://{self.hub.address}/api/live', timeout=SECONDS, subprotocols=['sluice.v1']))
                 for _ in range(PAGES)]
        feeds = [self.keep(Feed(self.hub, '/stream/frames')) for _ in range(STREAMS)]
        for ws in cameras[:1]:
            ws.send(json.dumps({'type': 'frame', 'frame': PICTURE}))
        feeds += [self.keep(Feed(self.hub, '/live/cam-0.mjpg', 'looker')) for _ in range(PICTURES)]
        for i, sio in enumerate(sockets):
            sio.call('client:hello', {'role': 'device', 'deviceId': f'old-{i}'}, timeout=SECONDS)
        for n, ws in enumerate(cameras):
            for _ in range(n % 4):
                ws.send('{"type":"ping"}')
                self.assertIn('pong', ws.recv())

        wait_for(lambda: collections.Counter(r['transport'] for r in self.all() if r['transport'] != 'http') ==
                 {'websocket': CAMERAS + DASHBOARDS + SOCKETS + PAGES, 'polling': POLLERS, 'sse': STREAMS, 'mjpeg': PICTURES}, 'all transports')
        rows = self.all()
        self.assertEqual(len({r['id'] for r in rows}), len(rows))
        by = lambda **wanted: [r for r in rows if all(r[k] == v for k, v in wanted.items())]
        self.assertEqual(sorted(r['device'] for r in by(role='device', protocol='raw')), sorted(f'cam-{i}' for i in range(CAMERAS)))
        self.assertEqual(sorted(r['device'] for r in by(role='device', protocol='engine.io 4')), sorted(f'old-{i}' for i in range(SOCKETS)))
        self.assertEqual(len(by(role='viewer', protocol='raw', system='glass')), DASHBOARDS)
        self.assertEqual(len(by(role='page', protocol='sluice.v1')), PAGES)
        self.assertEqual(len(by(transport='mjpeg', device='cam-0', agent='looker', system='glass')), PICTURES)
        self.assertEqual(len(by(transport='sse', path='/stream/frames', system='glass')), STREAMS)
        self.assertEqual(len(by(agent='cam')), CAMERAS)
        # what is filtered there is what is filtered here
        self.assertEqual({r['id'] for r in self.all(transport='polling')}, {r['id'] for r in by(transport='polling')})
        self.assertEqual([r['device'] for r in self.all(device='cam-7')], ['cam-7'])
        self.assertEqual(len(self.all(q='OLD-1')), 1 + 10)
        self.assertEqual(len(self.all(system='hub', role='page')), PAGES)
        self.assertEqual(self.all(system='none-such'), [])
        # messages and bytes are those that were sent
        for n in range(4):
            row = by(device=f'cam-{20 + n}')[0]
            self.assertEqual(row['messages_in'], 1 + n)
            self.assertGreater(row['bytes_in'], 100)
        for ws in cameras[:3] + [d.ws for d in dashboards[:3]]:
            wait_for(lambda: self.bytes_of(ws) == self.bytes_by(ws), 'the same number of bytes on both sides')
        # rooms, queues, times
        self.assertTrue(all(r['namespaces'][0]['name'] == '/' for r in by(path='/socket.io/')))
        self.assertTrue(all(any(room.startswith('=glass') for room in r['namespaces'][0]['rooms']) for r in by(protocol='engine.io 4', role='device')))
        self.assertTrue(all(r['queued_bytes'] == 0 for r in by(role='device')))
        now = time.time()
        self.assertTrue(all(now - 120 < r['since_us'] / 1e6 <= now + 1 for r in rows))

    def test_who_does_not_read(self):
        """What waits for it and what it has lost are its own."""
        camera, good = self.camera('cam-1'), self.viewer()
        bad = self.keep(Raw(self.hub.port, receive_bytes=4096))
        bad.send(upgrade(agent='asleep'))
        bad.take_head()
        bad.send(frame(TEXT, b'{"type":"web_client"}'))
        wait_for(lambda: self.one(agent='asleep')['role'] == 'viewer', 'the role')
        message = json.dumps({'type': 'frame', 'frame': PICTURE * 40})
        sent = 0

        def has_lost():
            nonlocal sent
            camera.send(message)
            sent += 1
            good.next('frame')
            return self.one(agent='asleep')['drops']['conflated'] > 5

        wait_for(has_lost, 'frames that gave way')
        row = self.one(agent='asleep')
        self.assertGreater(row['queued_bytes'], len(message) // 2)
        self.assertLess(row['drops']['conflated'], sent)
        other = [r for r in self.all(role='viewer') if r['id'] != row['id']][0]
        self.assertEqual((other['drops']['conflated'], other['queued_bytes']), (0, 0))
        self.assertEqual(self.one(device='cam-1')['messages_in'], 1 + sent)
        # and it can be ended, though it takes nothing: at once in the list, soon in truth
        self.assertEqual(self.delete(row['id'])[0], 200)
        self.assertEqual(self.delete(row['id'])[0], 404)
        wait_for(lambda: self.page()['sockets'] <= 3, 'its socket to go')

class Ends(InspectTest):
    def test_one_and_only_one(self):
        cameras = [self.camera(f'cam-{i}') for i in range(5)]
        before = {r['id']: r['device'] for r in self.all(role='device')}
        id = next(i for i, device in before.items() if device == 'cam-3')
        self.assertEqual(self.delete(id), (200, {'ok': True, 'id': id}))
        while True:
            op, data = cameras[3].recv_data()
            if op == websocket.ABNF.OPCODE_CLOSE:
                break
        self.assertEqual(data[2:], b'disconnected by an operator')
        self.assertEqual({r['id'] for r in self.all(role='device')}, set(before) - {id})
        for i in (0, 1, 2, 4):
            cameras[i].send('{"type":"ping"}')
            self.assertIn('pong', cameras[i].recv())
        status, body = self.delete(id)
        self.assertEqual(status, 404)
        self.assertIn('has gone', body['error'])
        self.assertIn('disconnected by an operator', self.hub.said())

    def test_every_kind(self):
        """And what it is told is what its protocol says."""
        ends = []
        for transports in (['websocket'], ['polling']):
            sio = self.socket_io(transports)
            sio.on('disconnect', lambda: ends.append(transports))
        feed, live = self.keep(Feed(self.hub, '/stream/frames')), websocket.create_connection(f'ws://{self.hub.address}/api/live', timeout=SECONDS)
        idle = self.keep(Raw(self.hub.port))
        idle.send(b'GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: idler\r\n\r\n')
        idle.answer()
        for row in self.all():
            if row['path'] != '/api/connections' and row['agent'] is not None or row['transport'] != 'http':
                self.assertIn(self.delete(row['id'])[0], (200, 404))
        wait_for(lambda: len(ends) == 2, 'both Socket.IO clients to know')
        self.assertEqual(feed.lines.read(), b'')
        self.assertEqual(idle.rest(), b'')
        while True:
            op, data = live.recv_data()
            if op == websocket.ABNF.OPCODE_CLOSE:
                break
        self.assertEqual(int.from_bytes(data[:2], 'big'), 1008)
        live.close()

    def test_what_is_refused(self):
        self.camera('cam-1')
        id = self.one(device='cam-1')['id']
        self.assertEqual(self.delete('xyz')[0], 400)
        self.assertEqual(self.delete('0')[0], 404)
        self.assertEqual(self.delete('f' * 16)[0], 404)
        self.assertEqual(self.delete('f' * 17)[0], 400)
        # a page of another website
        self.assertEqual(self.delete(id, Origin='https://evil.example')[0], 403)
        self.assertEqual(self.one(device='cam-1')['id'], id)
        self.assertEqual(self.delete(id, Origin=f'http://{self.hub.address}')[0], 200)
        for query in ('limit=0', 'limit=1001', 'limit=x', 'after=%2e', 'after=' + 'f' * 17):
            self.assertEqual(self.hub.get(f'/api/connections?{query}')[0], 400, query)
        # the connection that asks is no use to end
        asked = http.client.HTTPConnection('127.0.0.1', self.hub.port, timeout=SECONDS)
        asked.request('GET', '/api/connections?transport=http')
        rows = json.loads(asked.getresponse().read())['connections']
        mine = [r for r in rows if r['address'] == '%s:%d' % asked.sock.getsockname()][0]
        asked.request('DELETE', f'/api/connections/{mine["id"]}')
        self.assertEqual(asked.getresponse().status, 409)
        asked.close()


class TailTest(InspectTest):
    def test_what_goes_on(self):
        tail = self.keep(Feed(self.hub, '/api/events'))
        camera = self.camera('cam-1', 'raspi')
        opened = tail.until('opened', agent='raspi')
        self.assertEqual((opened['transport'], opened['protocol']), ('websocket', 'raw'))
        seen = tail.until('identified', device='cam-1')
        self.assertEqual((seen['role'], seen['connection']), ('device', opened['connection']))
        for _ in range(7):
            camera.send(json.dumps({'type': 'frame', 'frame': PICTURE}))
        frames = sum_of(tail, 7, 'in', event='frame', device='cam-1')
        self.assertEqual(frames['connection'], opened['connection'])
        self.assertGreater(frames['bytes'], len(PICTURE))
        camera.send(json.dumps({'type': 'detection', 'defect_type': 'crack', 'confidence': 0.9, 'timestamp': '2026-01-01T00:00:00Z'}))
        self.assertEqual(tail.until('stored', system='glass', device='cam-1')['count'], 1)
        sio = self.socket_io()
        self.assertEqual(tail.until('joined', room=None)['namespace'], '/')
        sio.disconnect()
        self.assertTrue(tail.until('ended', protocol='engine.io 4')['reason'])
        camera.close(status=1001)
        self.assertEqual(tail.until('ended', connection=opened['connection'])['code'], 1001)

    def test_filters(self):
        one = self.camera('cam-1')
        id = self.one(device='cam-1')['id']
        tails = [self.keep(Feed(self.hub, f'/api/events?{q}')) for q in ('device=cam-1', f'connection={id}', 'event=frame&system=glass')]
        other = self.camera('cam-2')
        for _ in range(3):
            other.send(json.dumps({'type': 'frame', 'frame': PICTURE}))
        one.send('{"type":"ping"}')
        one.send(json.dumps({'type': 'frame', 'frame': PICTURE}))
        for tail in tails[:2]:
            for event in tail.events():
                self.assertEqual(event['device'], 'cam-1')
                self.assertEqual(event['connection'], id)
                if event.get('event') == 'frame':
                    break
        devices = set()
        for event in tails[2].events():
            self.assertEqual(event['event'], 'frame')
            devices.add(event['device'])
            if devices == {'cam-1', 'cam-2'}:
                break
        for query in ('connection=zz', 'device=' + 'x' * 129):
            self.assertEqual(self.hub.get(f'/api/events?{query}')[0], 400)

    def test_who_does_not_read_loses_lines_not_its_place(self):
        sleeper = socket.socket()
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.settimeout(SECONDS)
        sleeper.connect(('127.0.0.1', self.hub.port))
        self.keep(sleeper)
        sleeper.sendall(b'GET /api/events HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n')
        wait_for(lambda: self.all(transport='sse'), 'the listener')
        row = lambda: self.all(transport='sse')[0]
        while row()['queued_bytes'] < 250_000:  # of 256 KiB
            for _ in range(100):
                websocket.create_connection(self.hub.url, timeout=SECONDS).close()
        for _ in range(100):
            websocket.create_connection(self.hub.url, timeout=SECONDS).close()
        self.assertLess(row()['queued_bytes'], 270_000)
        # it wakes up: what was lost is said, and it goes on
        text = b''
        while b'"what":"dropped"' not in text[-200_000:]:
            more = sleeper.recv(65536)
            self.assertTrue(more, 'it was cut off')
            text += more
            if len(text) > 200_000:
                websocket.create_connection(self.hub.url, timeout=SECONDS).close()
        count = json.loads(text[text.index(b'{"what":"dropped"'):].split(b'\n')[0])['count']
        self.assertGreater(count, 50)


def sum_of(tail, count, what, **wanted):
    """Rows of one kind, of several seconds perhaps, until there are so many."""
    total, row = 0, None
    while total < count:
        row = tail.until(what, **wanted)
        total += row['count']
    assert total == count, total
    return row


class ManyTest(InspectTest):
    def test_ten_thousand_are_listed_once_each(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 11_000:
            self.skipTest(f'only {hard} open files')
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        clients = []
        self.addCleanup(lambda: [c.close() for c in clients])
        for _ in range(50):  # batches: so many are asked at once
            batch = [socket.create_connection(('127.0.0.1', self.hub.port), timeout=SECONDS) for _ in range(200)]
            for c in batch:
                c.sendall(upgrade())
            for c in batch:
                self.assertTrue(c.recv(4096).startswith(b'HTTP/1.1 101'))
            clients += batch
        wanted = {'%s:%d' % c.getsockname() for c in clients}
        began = time.monotonic()
        rows = self.all(limit=500)
        took = time.monotonic() - began
        addresses = [r['address'] for r in rows if r['transport'] == 'websocket']
        self.assertEqual(len(addresses), 10_000)
        self.assertEqual(set(addresses), wanted)
        # a page holds nobody up for long: the longest of single requests, generously
        longest = 0
        for after in (rows[0]['id'], rows[5000]['id'], rows[-2]['id']):
            began = time.monotonic()
            self.page(limit=100, after=after)
            longest = max(longest, time.monotonic() - began)
        print(f'# 10,000 in pages of 500: {took * 1000:.0f} ms; a page of 100: at most {longest * 1000:.1f} ms')
        self.assertLess(longest, 1)
        # a filter that nothing passes looks at all of them, in several requests
        self.assertEqual(self.all(q='nobody-says-this'), [])
        # while they come and go, those who stay are there once
        after, seen = None, collections.Counter()
        for i in range(200):
            page = self.page(limit=100, **({'after': after} if after else {}))
            seen.update(r['address'] for r in page['connections'])
            after = page['next']
            if after is None:
                break
            clients.pop().close()
        self.assertTrue(all(seen['%s:%d' % c.getsockname()] == 1 for c in clients))


class Top(InspectTest):
    def top(self, *args, **kw):
        return subprocess.run([SLUICE, 'top', *args], capture_output=True, text=True, timeout=SECONDS, **kw)

    def test_once(self):
        self.camera('cam-1'), self.viewer()
        got = self.top('--once', '--url', f'http://{self.hub.address}', '--sort', 'in')
        self.assertEqual((got.returncode, got.stderr), (0, ''))
        self.assertIn('websocket 2', got.stdout)
        self.assertIn('cam-1  glass/device', got.stdout)
        self.assertNotIn('\x1b', got.stdout)
        self.assertRegex(got.stdout, r'frames in 0\.0/s')

    def test_json_is_sorted_and_bounded(self):
        for i in range(4):
            ws = self.camera(f'cam-{i}')
            for _ in range(i * 3):
                ws.send('{"type":"ping"}')
                ws.recv()
        got = self.top('--once', '--json', '--sort', 'in', '-n', '3', '--url', f'http://{self.hub.address}')
        said = json.loads(got.stdout)
        self.assertEqual([c['device'] for c in said['connections']], ['cam-3', 'cam-2', 'cam-1'])
        self.assertEqual(said['transports']['websocket'], 4)
        self.assertGreaterEqual(said['records_per_s'], 0)

    def test_lines_until_it_is_stopped(self):
        proc = subprocess.Popen([SLUICE, 'top', '--json', '--url', f'http://{self.hub.address}'], stdout=subprocess.PIPE, text=True)
        self.addCleanup(proc.stdout.close)
        for _ in range(2):
            self.assertIn('connections', json.loads(proc.stdout.readline()))
        proc.terminate()
        self.assertEqual(proc.wait(SECONDS), 0)

    def test_a_terminal_is_left_as_it_was(self):
        self.camera('a\x1b]0;owned\x07name')
        for how in ('q', 'TERM', 'INT'):
            pid, fd = pty.fork()
            if pid == 0:
                os.environ.update(TERM='xterm', NO_COLOR='1')
                os.execv(SLUICE, ['sluice', 'top', '--url', f'http://{self.hub.address}'])
            text = b''
            while b'a' + '\ufffd'.encode() + b']0;owned' not in text:  # harmless on its way
                text += os.read(fd, 65536)
            self.assertIn(b'\x1b[?1049h', text)
            self.assertNotIn(b'\x1b]0;', text)
            self.assertNotIn(b'\x1b[7m', text)
            if how == 'q':
                os.write(fd, b'sq')
            else:
                os.kill(pid, getattr(signal, 'SIG' + how))
            try:
                while not text.endswith(b'\x1b[?25h\x1b[?1049l'):
                    text += os.read(fd, 65536)
            except OSError:
                pass
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, how)
            self.assertTrue(text.endswith(b'\x1b[?25h\x1b[?1049l'), how)
            os.close(fd)

    def test_errors(self):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            got = self.top('--once', '--url', 'http://127.0.0.1:%d' % free.getsockname()[1])
        self.assertEqual(got.returncode, 69)
        self.assertIn('does not answer', got.stderr)
        self.assertEqual(self.top('--sort', 'size').returncode, 64)
        self.assertEqual(self.top('--url', 'ftp://x').returncode, 64)
        self.assertIn('examples:', self.top('--help').stdout)


if __name__ == '__main__':
    unittest.main()
