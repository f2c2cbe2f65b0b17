# SPDX-License-Identifier: MIT
"""The example programs on free ports, and clients: python3-websocket, npm ws, raw sockets, curl."""
import base64, collections, contextlib, json, os, pathlib, queue, re, signal, socket, struct, subprocess, tempfile
import threading, time, unittest

import websocket

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get('SLUICE_BUILD', 'build')).resolve()
SECONDS = 40  # for anything that is waited for: a sanitizer on a busy machine is slow
MIB = 1 << 20
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def release_build():
    """The folder of an optimised build, or the test is skipped: sanitizers keep what is freed."""
    folder = pathlib.Path(os.environ.get('SLUICE_RELEASE_BUILD', BUILD)).resolve()
    if is_sanitized(folder):
        raise unittest.SkipTest('memory is measured on a release build: set SLUICE_RELEASE_BUILD')
    return folder


def is_sanitized(folder=BUILD):
    return b'__asan_init' in (folder / 'examples/relay').read_bytes()


def wait_for(condition, what, seconds=SECONDS):
    """Until condition() is true; what() or a text tells what was missing."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {seconds} s: ' + (what if isinstance(what, str) else what()))
        time.sleep(0.002)
    return value


class Program:
    """A program of examples/, from its first line on stderr to its exit code."""

    def __init__(self, name, *args, port=0, build=BUILD, measured=False):
        options = os.environ.get('ASAN_OPTIONS', '')
        if measured:  # then freed blocks must not pile up in the sanitizer's quarantine
            options += ':quarantine_size_mb=1'
        self.said, self.lines = [], queue.Queue()
        self.proc = subprocess.Popen(
            [build / 'examples' / name, '--port', str(port), *args], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(os.environ, ASAN_OPTIONS=options))
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        try:
            self.port = self._ready()
        except Exception:
            self.kill()
            raise
        self.url = f'ws://127.0.0.1:{self.port}/ws'
        self.http = f'http://127.0.0.1:{self.port}'

    def _read(self):
        for line in self.proc.stderr:
            self.said.append(line.decode(errors='replace'))
            self.lines.put(self.said[-1])
        self.lines.put(None)

    def _ready(self):
        deadline = time.monotonic() + SECONDS
        while True:
            line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            if line is None:
                raise AssertionError('it does not start: ' + ''.join(self.said))
            m = re.search(r'ws://127\.0\.0\.1:(\d+)/ws|listening on port (\d+)', line)
            if m:
                return int(m[1] or m[2])

    def rss(self):
        with open(f'/proc/{self.proc.pid}/statm') as f:
            return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    def files(self):
        return len(os.listdir(f'/proc/{self.proc.pid}/fd'))

    def stop(self, seconds=SECONDS):
        """SIGTERM; the exit code. Under the address sanitizer a leak is exit code 1."""
        self.proc.terminate()
        return self.proc.wait(seconds)

    def kill(self):
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait(SECONDS)

    def close(self):
        try:
            code = self.stop()
            self.reader.join(SECONDS)
            if code != 0:
                raise AssertionError(f'exit code {code}\n' + ''.join(self.said)[-6000:])
        finally:
            if self.proc.poll() is None:
                self.kill()
            self.proc.stderr.close()


# ---- raw sockets ----

def masked(data, key):
    """RFC 6455 §5.3, as one long number: 16 MiB in a few milliseconds."""
    n = len(data)
    if n == 0 or key == b'\0\0\0\0':
        return data
    mask = (key * (n // 4 + 1))[:n]
    return (int.from_bytes(data, 'little') ^ int.from_bytes(mask, 'little')).to_bytes(n, 'little')


def frame_head(op, length, fin=True, key=b'\x12\xf0\x9a\x05', rsv=0):
    """RFC 6455 §5.2; key None: unmasked."""
    bit = 0x80 if key is not None else 0
    size = bytes([bit | length]) if length < 126 else bytes([bit | 126]) + struct.pack('>H', length) \
        if length < 65536 else bytes([bit | 127]) + struct.pack('>Q', length)
    return bytes([(0x80 if fin else 0) | rsv << 4 | op]) + size + (key or b'')


def frame(op, data=b'', fin=True, key=b'\x12\xf0\x9a\x05', rsv=0):
    data = data.encode() if isinstance(data, str) else data
    return frame_head(op, len(data), fin, key, rsv) + (masked(data, key) if key else data)


Answer = collections.namedtuple('Answer', 'status headers body')


def parse_head(head):
    """(status, {name in small letters: value}); a name that comes twice has its values joined by commas."""
    first, *lines = head.decode('latin-1').split('\r\n')
    headers = {}
    for line in filter(None, lines):
        name, value = line.split(':', 1)
        name = name.lower()
        headers[name] = f'{headers[name]}, {value.strip()}' if name in headers else value.strip()
    return int(first.split()[1]), headers


class Raw:
    """A TCP connection with what has arrived and was not looked at yet."""

    def __init__(self, port, receive_bytes=0):
        self.sock = socket.socket()
        if receive_bytes:  # before connecting, or the window has been promised
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.sock.settimeout(SECONDS)
        self.sock.connect(('127.0.0.1', port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.have = bytearray()
        self.at = 0

    def send(self, data):
        self.sock.sendall(data)

    def drip(self, data, sizes=None):
        """One byte per packet, or pieces of these sizes in turn."""
        at = i = 0
        while at < len(data):
            n = sizes[i % len(sizes)] if sizes else 1
            self.sock.sendall(data[at:at + n])
            at, i = at + n, i + 1

    def more(self):
        piece = self.sock.recv(1 << 18)
        if self.at > 1 << 20 or self.at == len(self.have):
            del self.have[:self.at]
            self.at = 0
        self.have += piece
        return bool(piece)

    def take(self, n):
        while len(self.have) - self.at < n:
            if not self.more():
                raise EOFError(f'{len(self.have) - self.at} of {n} bytes, then the end')
        self.at += n
        return bytes(self.have[self.at - n:self.at])

    def rest(self):
        """All until the peer's end."""
        while self.more():
            pass
        data, self.at = bytes(self.have[self.at:]), len(self.have)
        return data

    def take_head(self):
        while (end := self.have.find(b'\r\n\r\n', self.at)) < 0:
            if not self.more():
                raise EOFError('the end inside a head')
        return parse_head(self.take(end + 4 - self.at))

    def answer(self, head_only=False):
        """The next HTTP answer."""
        status, headers = self.take_head()
        none = head_only or status in (204, 304) or status < 200
        if not none and 'content-length' not in headers and headers.get('connection') == 'close':
            return Answer(status, headers, self.rest())
        return Answer(status, headers, b'' if none else self.take(int(headers['content-length'])))

    def reset(self):
        """Gone without a word: RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


HANDSHAKE = (b'GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
             b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')


class RawWs(Raw):
    """A WebSocket whose every byte is ours."""

    def __init__(self, port, handshake=HANDSHAKE, **how):
        super().__init__(port, **how)
        self.send(handshake)
        status, headers = self.take_head()
        assert (status, headers['sec-websocket-accept']) == (101, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='), (status, headers)

    def frame(self):
        """(opcode, payload) of the next frame; ours are never fragmented or masked."""
        b0, b1 = self.take(2)
        assert b0 & 0xf0 == 0x80 and b1 & 0x80 == 0, (b0, b1)
        if b1 == 126:
            b1 = struct.unpack('>H', self.take(2))[0]
        elif b1 == 127:
            b1 = struct.unpack('>Q', self.take(8))[0]
        return b0 & 15, self.take(b1)

    def closed(self):
        """(code, reason) of the close frame that must come, but for messages; then the connection's end."""
        op = None
        while op != CLOSE:
            op, data = self.frame()
        self.send(frame(CLOSE, data[:2]))
        rest = self.rest()
        assert rest == b'', f'{rest[:80]} behind a close frame'
        return (int.from_bytes(data[:2], 'big') if data else None), data[2:].decode()

    def send_text(self, text):
        self.send(frame(TEXT, text))

    def send_binary(self, data):
        self.send(frame(BINARY, data))

    def recv(self):
        """The next message: str or bytes. A ping meanwhile, as on a busy machine, is answered."""
        op, data = self.frame()
        while op == PING:
            self.send(frame(PONG, data))
            op, data = self.frame()
        assert op in (TEXT, BINARY), (op, data)
        return data.decode() if op == TEXT else data


# ---- python3-websocket ----

class PyWs:
    def __init__(self, port, **_):
        self.ws = websocket.create_connection(f'ws://127.0.0.1:{port}/ws', timeout=SECONDS)

    def send_text(self, text):
        self.ws.send(text)

    def send_binary(self, data):
        self.ws.send_binary(data)

    def recv(self):
        return self.ws.recv()

    def closed(self):
        op = None
        while op != CLOSE:
            op, data = self.ws.recv_data(control_frame=True)
        return int.from_bytes(data[:2], 'big'), data[2:].decode()

    def close(self):
        with contextlib.suppress(Exception):
            self.ws.close(timeout=1)


# ---- npm ws ----

class Node:
    """A Node.js process that drives npm ws clients as it is told, a line of JSON each way."""

    def __init__(self):
        self.proc = subprocess.Popen(['node', HERE / 'npm_ws.mjs'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.events = collections.defaultdict(queue.Queue)
        self.lock, self.last = threading.Lock(), 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.proc.stdout:
            event = json.loads(line)
            self.events[event['id']].put(event)

    def tell(self, **what):
        with self.lock:
            self.proc.stdin.write(json.dumps(what).encode() + b'\n')
            self.proc.stdin.flush()

    def new_id(self):
        with self.lock:
            self.last += 1
            self.events[self.last]
            return self.last

    def next(self, id, *kinds):
        """The next event of these kinds; others are passed over, errors are raised."""
        while True:
            event = self.events[id].get(timeout=SECONDS)
            if event['event'] in kinds:
                return event
            if event['event'] == 'error':
                raise AssertionError(f'npm ws: {event}')

    def close(self):
        self.proc.stdin.close()
        try:
            self.proc.wait(SECONDS)
        finally:
            if self.proc.poll() is None:
                self.proc.kill()
            self.proc.stdout.close()


class NodeWs:
    def __init__(self, port, node=None, watch=0, quiet=False, deflate=None, **_):
        """watch: count the numbers n of messages instead of passing the messages on; quiet: not even that.
        deflate: options for permessage-deflate, else it is not offered; `agreed` is what came of it."""
        self.node, self.id = node, node.new_id()
        node.tell(do='open', id=self.id, url=f'ws://127.0.0.1:{port}/ws', watch=watch, quiet=quiet, deflate=deflate)
        self.agreed = node.next(self.id, 'open')['agreed']

    def send(self, data, binary, fin=True):
        text = base64.b64encode(data).decode()
        self.node.tell(do='send', id=self.id, base64=text, binary=binary, fin=fin)

    def send_text(self, text):
        self.send(text.encode(), binary=False)

    def send_binary(self, data):
        self.send(data, binary=True)

    def recv(self):
        event = self.node.next(self.id, 'message')
        data = base64.b64decode(event['base64'])
        return data if event['binary'] else data.decode()

    def closed(self):
        event = self.node.next(self.id, 'close')
        return event['code'], event['reason']

    def close(self):
        with contextlib.suppress(OSError, ValueError):
            self.node.tell(do='terminate', id=self.id)


CLIENTS = {'python3-websocket': PyWs, 'npm ws': NodeWs, 'raw': RawWs}


# ---- curl ----

def curl(*args, stdin=None):
    """Run curl: (the last answer, all statuses that came, interim ones included)."""
    with tempfile.TemporaryDirectory(prefix='sluice-e2e-') as folder:
        head, body = pathlib.Path(folder, 'head'), pathlib.Path(folder, 'body')
        subprocess.run(['curl', '-sS', '--max-time', str(SECONDS), '-D', head, '-o', body, *args],
                       input=stdin, check=True, timeout=SECONDS + 5)
        heads = [parse_head(h) for h in head.read_bytes().split(b'\r\n\r\n') if h]
        data = body.read_bytes() if body.exists() and '--head' not in args else b''  # there it is the head again
    return Answer(*heads[-1], data), [status for status, _ in heads]


# ---- the tests' own base ----

class ProgramTest(unittest.TestCase):
    """Ends what it opened: first the clients, then the program, whose exit code must be 0."""

    def program(self, *args, **how):
        p = Program(*args, **how)
        self.addCleanup(p.close)
        return p

    def open(self, thing):
        self.addCleanup(thing.close)
        return thing

    def node(self):
        if not hasattr(self, '_node'):
            self._node = self.open(Node())
        return self._node

    def client(self, kind, port, **how):
        """kind: a key of CLIENTS."""
        node = self.node() if kind == 'npm ws' else None
        return self.open(CLIENTS[kind](port, **({'node': node} if node else {}), **how))

    def raw_ws(self, port, **how):
        return self.open(RawWs(port, **how))

    def raw(self, port, **how):
        return self.open(Raw(port, **how))

    def in_thread(self, fn, *args):
        """Run it beside; returns a function that waits for its end and gives its result or raises what it raised."""
        result = {}

        def run():
            try:
                result['value'] = fn(*args)
            except BaseException as why:
                result['error'] = why

        thread = threading.Thread(target=run, daemon=True)
        thread.start()

        def join(seconds=SECONDS * 2):
            thread.join(seconds)
            self.assertFalse(thread.is_alive(), f'{fn.__name__} does not end')
            if 'error' in result:
                raise result['error']
            return result['value']

        return join
