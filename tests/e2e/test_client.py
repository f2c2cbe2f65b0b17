#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# seconds: 240
"""Our Socket.IO client with the servers there are: npm 4.x and 2.x, Python's on aiohttp and Flask, and our own."""
import base64, json, pathlib, queue, signal, socket, subprocess, sys, tempfile, threading, unittest

from kit import BUILD, SECONDS, wait_for

HERE = pathlib.Path(__file__).resolve().parent
CALM = ['--ping-interval', '2000', '--ping-timeout', '20000', '--connect-timeout', '45000']
WAYS = ('websocket', 'polling', 'upgrade')
BINARY = {'$bin': base64.b64encode(bytes(range(256))).decode()}


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Server:
    """A server on a port of its own, which it gets again after a restart."""

    def __init__(self, kind, *more):
        self.kind, self.more, self.port = kind, more, free_port()
        self.start()

    def command(self):
        port = str(self.port)
        return {'echo': [BUILD / 'examples/echo', '--port', port, *CALM],
                'npm 4': ['node', HERE / 'sio_server.mjs', '4', port, *self.more],
                'npm 2': ['node', HERE / 'sio_server.mjs', '2', port, *self.more],
                'aiohttp': [sys.executable, HERE / 'sio_server.py', 'aiohttp', port],
                'flask': [sys.executable, HERE / 'sio_server.py', 'flask', port]}[self.kind]

    def start(self):
        self.process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.listens, f'{self.kind} listens')

    def listens(self):
        if self.process.poll() is not None:
            raise AssertionError(f'{self.kind} ended with {self.process.returncode}')
        with socket.socket() as s:
            return s.connect_ex(('127.0.0.1', self.port)) == 0

    def stop(self, signo=signal.SIGKILL):
        self.process.send_signal(signo)
        self.process.wait(SECONDS)

    def close(self):
        self.process.kill()
        self.process.wait(SECONDS)


class Probe:
    """tests/client_probe: what it tells comes out of `next`."""

    def __init__(self, port, way, eio=4, **how):
        how = {'url': f'ws://127.0.0.1:{port}', 'transport': way, 'eio': eio, 'namespaces': ['/'], **how}
        self.process = subprocess.Popen([BUILD / 'tests/client_probe', json.dumps(how)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines, self.all = queue.Queue(), []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def take(self):
        try:
            got = self.lines.get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError(f'nothing more comes behind {[str(x)[:150] for x in self.all[-5:]]}') from None
        if got is None:
            raise AssertionError(f'it ended: {self.process.stderr.read()[-3000:]}')
        self.all.append(got)
        return got

    def next(self, kind, **wanted):
        """The next line of this kind with these members; what comes before it is passed over."""
        while True:
            got = self.take()
            if got['t'] == kind and all(got.get(k) == v for k, v in wanted.items()):
                return got

    def tell(self, do, **more):
        self.process.stdin.write(json.dumps({'do': do, **more}) + '\n')
        self.process.stdin.flush()

    def emit(self, event, *args, nsp='/'):
        self.tell('emit', event=event, args=args, nsp=nsp)

    def ask(self, event, *args, nsp='/', tag=1, **how):
        self.tell('ask', event=event, args=args, nsp=nsp, tag=tag, **how)

    def close(self):
        self.process.kill()
        self.process.wait(SECONDS)
        for f in (self.process.stdin, self.process.stdout, self.process.stderr):
            f.close()


class Client(unittest.TestCase):
    def opened(self, thing):
        self.addCleanup(thing.close)
        return thing

    def everything(self, server, way, eio):
        old = eio == 3
        p = self.opened(Probe(server.port, way, eio, namespaces=['/', '/custom', '/auth'],
                              auth={'token': 'not it', 'x': 'ü &='}))
        for nsp in ('/', '/custom'):
            # of 2.x our own server takes what comes with a namespace, not with the request
            wanted = {} if old and server.kind == 'echo' and nsp == '/' else {'token': 'not it', 'x': 'ü &='}
            got = p.next('event', nsp=nsp, name='auth')['args'][0]
            self.assertEqual({k: got.get(k) for k in wanted}, wanted)
        refused = [got for got in p.all if got['t'] == 'refused'] or [p.next('refused')]
        self.assertEqual(refused[0]['nsp'], '/auth')
        self.assertRegex(json.dumps(refused[0]), 'unauthorized|401')

        values = [1, 2.5, None, True, 'größer 漢字😀\u2028"\\', {'a': [BINARY, {'b': BINARY}]}, []]
        p.emit('message', *values)
        self.assertEqual(p.next('event', nsp='/', name='message-back')['args'], values)
        p.emit('message', 'there', nsp='/custom')
        self.assertEqual(p.next('event', name='message-back')['nsp'], '/custom')
        p.ask('message-with-ack', 'x', BINARY, tag=7)
        got = p.next('answer', tag=7)
        self.assertEqual((got['rc'], got['args']), (0, ['x', BINARY]))
        p.emit('ask', 'why', BINARY)  # the client answers with what it was asked
        self.assertEqual(p.next('event', name='answer')['args'], ['why', BINARY])
        # Debian's python3-engineio takes of a POST by aiohttp what has arrived so far, and no more
        large = '€' * (2_000 if server.kind == 'aiohttp' and way == 'polling' else 100_000)
        p.ask('message-with-ack', large, tag=8)
        self.assertTrue(p.next('answer', tag=8)['args'] == [large])
        for i in range(100):
            p.emit('message', i)
        self.assertEqual([p.next('event', name='message-back')['args'][0] for _ in range(100)], list(range(100)))
        p.tell('stats')
        self.assertEqual((p.next('stats')['opened'], p.all[-1]['upgraded']), (1, way == 'upgrade'))

        p.emit('disconnect-me', False, nsp='/custom')
        self.assertEqual(p.next('disconnect')['reason'], 'io server disconnect')
        p.tell('join', nsp='/custom')
        p.next('connect', nsp='/custom')
        p.tell('leave', nsp='/custom')
        self.assertEqual(p.next('disconnect', nsp='/custom')['reason'], 'io client disconnect')

        server.stop()
        reason = p.next('disconnect', nsp='/')['reason']
        self.assertIn(reason, ('transport close', 'transport error'))
        p.emit('message', 'while it was away')
        p.next('trouble')
        server.start()
        p.next('connect', nsp='/')
        self.assertEqual(p.next('event', name='message-back')['args'], ['while it was away'])

        p.ask('message-with-ack', 'last', tag=9)
        p.tell('close', wait_ms=SECONDS * 1000)
        self.assertEqual(p.next('answer', tag=9)['args'], ['last'])
        self.assertEqual(p.next('disconnect', nsp='/')['reason'], 'io client disconnect')
        p.next('gone')
        self.assertEqual(p.process.wait(SECONDS), 0)

    def run_all(self, kind, eio, ways=WAYS):
        server = self.opened(Server(kind))
        for way in ways:
            with self.subTest(server=kind, way=way, eio=eio):
                self.everything(server, way, eio)

    def test_our_own(self):
        self.run_all('echo', 4)

    def test_our_own_as_of_2(self):
        self.run_all('echo', 3)

    def test_npm_4(self):
        self.run_all('npm 4', 4)

    def test_npm_2(self):
        self.run_all('npm 2', 3)

    def test_aiohttp(self):
        self.run_all('aiohttp', 4)

    def test_flask(self):
        self.run_all('flask', 4, ['polling'])  # Debian's has no WebSocket

    def test_the_wrong_revision_is_told(self):
        p = self.opened(Probe(self.opened(Server('npm 2')).port, 'polling', 4))
        self.assertIn('Engine.IO 3', p.next('trouble')['text'])

    def test_ten_thousand_over_restarts(self):
        """What was acknowledged has arrived once, in order; what was not may have, and is never sent twice."""
        many = 10_000
        with tempfile.TemporaryDirectory() as folder:
            record = pathlib.Path(folder) / 'record'
            record.write_text('')
            server = self.opened(Server('npm 4', str(record)))
            p = self.opened(Probe(server.port, 'upgrade', buffer_count=many))
            p.next('connect')
            acked, lost, kills, asked = [], [], 0, 0
            while len(acked) + len(lost) < many:
                while asked < many and asked - len(acked) - len(lost) < 200:
                    p.ask('record', asked, tag=asked)
                    asked += 1
                got = p.next('answer')
                (lost if got['rc'] else acked).append(got['tag'])
                if len(acked) > 1500 * (kills + 1) and kills < 5:
                    kills += 1
                    server.stop()
                    server.start()
            stored = [int(n) for n in record.read_text().split()]
        self.assertEqual(kills, 5)
        self.assertEqual(stored, sorted(set(stored)), 'in order, none twice')
        self.assertEqual(set(acked) - set(stored), set(), 'none of those is lost')
        self.assertEqual(acked, sorted(acked))
        self.assertGreaterEqual(len(acked), many - 5 * 200)


if __name__ == '__main__':
    unittest.main()
