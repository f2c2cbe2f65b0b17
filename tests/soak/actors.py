# SPDX-License-Identifier: MIT
"""Who talks to the hub during a soak: a table of kinds, a row for each. One actor is one thread; it connects, does a
step again and again, and begins anew whenever its connection ends, whoever ended it."""
import base64, contextlib, json, random, re, socket, struct, threading, time

import websocket
from camera import jpeg
from kit import HANDSHAKE, TEXT, Raw, RawWs, frame

from judge import Fault

MARK = re.compile(rb'SOAK=([0-9.]+);')
ENDS = (OSError, EOFError, ValueError, AssertionError, websocket.WebSocketException)  # of a connection, whoever ended it
PICTURE = jpeg('red', 40_000)


def picture():
    """A JPEG that says behind its end when it was made."""
    return PICTURE + b'SOAK=%.6f;' % time.monotonic()


class Actor(threading.Thread):
    drops = 0.002  # how often a step ends without a goodbye
    timeout = 15

    def __init__(self, stage, name, seed):
        super().__init__(daemon=True, name=name)
        self.stage, self.rng, self.steps, self.since, self.wrong = stage, random.Random(seed), 0, 0, None
        self.link = None

    def run(self):
        try:
            while self.stage.goes_on():
                self.life()
        except Fault as why:
            self.wrong = f'{self.name}: {why}'
        except Exception as why:  # a mistake in the actor is no pass
            self.wrong = f'{self.name}: {why!r}'

    def life(self):
        try:
            self.since = time.monotonic()
            self.connect()
            while self.stage.goes_on():
                self.step()
                self.steps += 1
                if self.rng.random() < self.drops:
                    break
        except ENDS:
            self.stage.wait(self.rng.uniform(0.1, 0.6))
        finally:
            self.hang_up()

    def interrupt(self):
        """From outside: who waits for bytes waits no longer."""
        link = self.link
        with contextlib.suppress(OSError, AttributeError):  # it goes, or has gone, by itself
            link.sock.shutdown(socket.SHUT_RDWR)

    def hang_up(self):
        link, self.link = self.link, None
        sock = link.sock if isinstance(link, websocket.WebSocket) else link
        if sock is not None:  # it is None where the library has closed it already
            with contextlib.suppress(*ENDS):
                sock.close()

    def dial_ws(self, path='/ws', **more):
        self.link = websocket.create_connection(f'ws://{self.stage.hub.address}{path}', timeout=self.timeout, **more)
        return self.link

    def dial(self, **more):
        self.link = Raw(self.stage.hub.port, **more)
        self.link.sock.settimeout(self.timeout)
        return self.link

    def detection(self, **more):
        n = self.stage.book.number(self.name)
        return n, {'type': 'detection', 'defect_type': 'chip', 'confidence': 0.5, 'from': self.name, 'n': n, **more}


class Camera(Actor):
    """Raw WebSocket: frames, and detections of which it wants receipts, some at a time."""

    def connect(self):
        self.dial_ws()
        self.say(type='device_register', device_id=self.name)

    def say(self, **message):
        self.link.send(json.dumps(message))

    def step(self):
        for _ in range(self.rng.randint(1, 12)):
            self.say(type='frame', frame=base64.b64encode(picture()).decode(), at=time.monotonic())
            self.stage.wait(0.05)
        for _ in range(n := self.rng.randint(1, 5)):
            self.say(**self.detection(receipt=True)[1])
        while n > 0:
            n -= self.heard(json.loads(self.link.recv()))

    def heard(self, m):
        if m['type'] == 'receipt':
            self.stage.book.answer(m['id'], self.name)
        elif m['type'] == 'error':
            self.stage.book.refuse(m['error'])
        return m['type'] in ('receipt', 'error')


class Mute(Camera):
    """As some devices are: it never reads, and its detections are not answered."""

    def step(self):
        self.say(type='frame', frame=base64.b64encode(picture()).decode(), at=time.monotonic())
        self.stage.wait(0.1)
        if self.rng.random() < 0.1:
            self.say(**self.detection()[1])


class Poster(Actor):
    """Detections by HTTP, one or a list at a time."""

    def connect(self):
        self.dial()

    def step(self):
        n, message = self.detection(note='x' * self.rng.choice([1, 1, 1, 20_000]))
        body = json.dumps(message).encode()
        self.link.send(b'POST /api/device/detections HTTP/1.1\r\nHost: localhost\r\nx-device-id: %s\r\nContent-Length: %d\r\n\r\n'
                       % (self.name.encode(), len(body)) + body)
        answer = self.link.answer()
        got = json.loads(answer.body)
        if answer.status == 200:
            self.stage.book.answer(got['id'], self.name, n)
        elif answer.status in (429, 503, 507):
            self.stage.book.refuse(got['error'])
        else:
            raise Fault(f'{answer.status} {answer.body[:200]}')
        self.stage.wait(self.rng.uniform(0, 0.05))


class Dashboard(Actor):
    """/ws: frames and detections as the websites get them."""

    def connect(self):
        self.dial_ws()
        self.link.send('{"type":"web_client"}')

    def step(self):
        m = json.loads(self.link.recv())
        if m['type'] == 'frame' and 'at' in m:
            self.saw(m['at'])

    def saw(self, born):
        if born > self.since:  # what a newcomer is shown first may be from any time
            self.stage.ages.see(type(self).__name__, born)


class LiveWire(Dashboard):
    """/api/live, as our own page: every stream it hears of."""

    def connect(self):
        self.dial_ws('/api/live', subprotocols=['sluice.v1'])
        self.seen = set()

    def step(self):
        kind, data = self.link.recv_data()
        if kind == websocket.ABNF.OPCODE_BINARY:
            found = MARK.search(data, max(0, len(data) - 64))
            if found:
                self.saw(float(found[1]))
        elif kind == websocket.ABNF.OPCODE_TEXT:
            m = json.loads(data)
            if m['type'] == 'stream' and m['stream'] not in self.seen:
                self.seen.add(m['stream'])
                self.link.send(json.dumps({'type': 'subscribe', 'streams': [m['stream']], 'fps': self.rng.choice([5, 30])}))


class Feed(Dashboard):
    """An answer without an end; pictures are found by what they say."""
    path, mark = None, None

    def connect(self):
        self.dial().send(b'GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n' % self.path(self.stage))
        status, _ = self.link.take_head()
        if status not in (200, 404, 503):
            raise Fault(f'{self.path(self.stage)}: {status}')
        if status != 200:
            raise EOFError
        self.tail = b''

    def step(self):
        piece = self.link.sock.recv(1 << 16)
        if not piece:
            raise EOFError
        self.tail += piece
        for found in self.mark.finditer(self.tail):
            self.saw(float(found[1]))
            end = found.end()
        if self.mark.search(self.tail):
            self.tail = self.tail[end:]
        self.tail = self.tail[-200:]


class Mjpeg(Feed):
    mark = MARK

    def path(self, stage):
        return b'/live/%s.mjpg' % self.rng.choice(stage.names('Camera')).encode()


class Events(Feed):
    mark = re.compile(rb'"at": ?([0-9.]+)[,}]')

    def path(self, stage):
        return b'/stream/frames'


class Slow(Actor):
    """Wants everything and takes a little now and then, or nothing."""

    def connect(self):
        if self.rng.random() < 0.5:
            self.link = RawWs(self.stage.hub.port, receive_bytes=4096)
            self.link.send_text('{"type":"web_client"}')
        else:
            self.dial(receive_bytes=4096).send(b'GET /stream/frames HTTP/1.1\r\nHost: localhost\r\n\r\n')
        self.link.sock.settimeout(2)
        self.lazy = self.rng.random() < 0.5

    def step(self):
        self.stage.wait(0.2)
        if not self.lazy and not self.link.sock.recv(2000):
            raise EOFError


class Comer(Actor):
    """Comes and goes, as clients do at their worst: with and without goodbye, inside anything."""
    ways = (b'', b'GET /', HANDSHAKE, HANDSHAKE + frame(TEXT, '{"type":"web_client"}'), HANDSHAKE + frame(TEXT, 'x' * 3000)[:500],
            HANDSHAKE + frame(8, b'\x03\xe8'), b'GET /live/nobody.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n',
            b'POST /api/device/detections HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n{"type"',
            b'GET /defects?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n' * 3)

    def connect(self):
        pass

    def step(self):
        link = Raw(self.stage.hub.port)
        try:
            link.sock.settimeout(3)
            link.send(self.rng.choice(self.ways))
            if self.rng.random() < 0.5:
                link.more()
            if self.rng.random() < 0.5:
                link.reset()
        finally:
            link.close()
        self.stage.wait(0.03)


class Liar(Comer):
    """Says what is not right, on every way in."""
    texts = ('{', '[]', '{"type":"frame"}', '{"type":"frame","frame":17}', '{"type":"frame","frame":"!!!!"}', '{"type":"nothing"}', '{"type":7}',
             '{"type":"detection","confidence":"high"}', '{"type":"device_register","device_id":""}', '{"type":"detection","timestamp":"never"}',
             '\ud7ff' * 100, '[' * 5000, '{"a":' * 3000)

    def bytes(self):
        r = self.rng
        text = r.choice(self.texts)
        junk = r.randbytes(r.randint(1, 400))
        return r.choice([
            junk, HANDSHAKE + junk, HANDSHAKE + frame(TEXT, text), HANDSHAKE + frame(TEXT, junk), HANDSHAKE + frame(TEXT, 'x', rsv=r.randint(1, 7)),
            HANDSHAKE + struct.pack('>BBQ', 0x81, 0xff, r.getrandbits(40)), HANDSHAKE + frame(TEXT, text, key=None), HANDSHAKE + frame(r.randint(3, 15), b''),
            b'POST /api/device/detections HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s' % (len(text.encode()), text.encode()),
            b'POST /defects HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n' + b'%x\r\n' % r.getrandbits(r.randint(1, 70)) + junk,
            b'GET /' + b'x' * r.choice([10, 17_000]) + b' HTTP/1.1\r\nHost: localhost\r\n\r\n', b'GET /defects?limit=' + junk.hex().encode() + b' HTTP/1.1\r\nHost: x\r\n\r\n'])

    def step(self):
        link = Raw(self.stage.hub.port)
        try:
            link.sock.settimeout(1)
            link.send(self.bytes())
            link.more()
        finally:
            link.close()
        self.stage.wait(0.03)


class Asker(Actor):
    """History, pages, metrics: what people and monitors ask for."""
    paths = ('/defects?limit=50', '/api/streams', '/metrics', '/', '/devices/status', '/api/knocks', '/livez', '/defects/stats')

    def connect(self):
        self.dial()

    def step(self):
        path = self.rng.choice(self.paths)
        self.link.send(f'GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode())
        answer = self.link.answer()
        if answer.status not in (200, 404, 503):
            raise Fault(f'{path}: {answer.status}')
        self.stage.wait(0.1)


# kind, how many, must it get something done between two faults
ACTORS = [
    (Camera,    4, True),
    (Mute,      2, True),
    (Poster,    3, True),
    (Dashboard, 2, True),
    (LiveWire,  2, True),
    (Mjpeg,     2, True),
    (Events,    1, True),
    (Slow,      4, False),
    (Comer,     2, False),
    (Liar,      2, False),
    (Asker,     1, True),
]
