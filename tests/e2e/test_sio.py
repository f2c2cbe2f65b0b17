# SPDX-License-Identifier: MIT
# seconds: 240
"""examples/echo with Debian's python3-socketio, by each of its ways."""
import queue, unittest

from kit import SECONDS, ProgramTest

try:
    import socketio
except ImportError:
    raise unittest.SkipTest('python3-socketio is not installed: tools/setup test')

CALM = ['--ping-interval', '25000', '--ping-timeout', '20000', '--connect-timeout', '45000',
        '--poll-packets', '16']  # it refuses more in one poll
WAYS = {'polling': ['polling'], 'websocket': ['websocket'], 'upgrade': ['polling', 'websocket']}
MANY = 3000


class Client:
    """What comes is in queues by event; wait for what you expect."""

    def __init__(self, url, way, nsp='/', **how):
        self.nsp, self.heard = nsp, {}
        self.sio = socketio.Client(reconnection=how.pop('reconnection', False), reconnection_delay=0.05,
                                   reconnection_delay_max=0.2)
        for event in ('auth', 'message-back', 'answer', 'seq', 'room-msg', 'all-msg', 'vseq', 'vdone', 'disconnect'):
            self.sio.on(event, self.queue(event).put_all, namespace=nsp)
        self.sio.on('question', lambda *args: (*args, 'yes', b'no'), namespace=nsp)
        self.sio.connect(url, transports=WAYS[way], namespaces=[nsp], wait_timeout=SECONDS, **how)
        self.greeting = self.next('auth')

    def queue(self, event):
        if event not in self.heard:
            self.heard[event] = queue.Queue()
            self.heard[event].put_all = lambda *args, q=self.heard[event]: q.put(args)
        return self.heard[event]

    def next(self, event):
        return self.queue(event).get(timeout=SECONDS)

    def emit(self, event, *args):
        self.sio.emit(event, args, namespace=self.nsp)

    def back(self, *args):
        self.emit('message', *args)
        return self.next('message-back')

    def ask(self, event, *args):
        return self.sio.call(event, args, namespace=self.nsp, timeout=SECONDS)

    def close(self):
        self.sio.disconnect()


class PythonSocketIO(ProgramTest):
    def setUp(self):
        self.echo = self.program('echo', *CALM)

    def connect(self, way, *args, **how):
        c = Client(self.echo.http, way, *args, **how)
        self.addCleanup(c.close)
        return c

    def refusal(self, way, nsp, **how):
        """What the server says to one that it does not let in."""
        sio, said = socketio.Client(reconnection=False), queue.Queue()
        self.addCleanup(sio.disconnect)
        sio.on('connect_error', said.put, namespace=nsp)
        sio.connect(self.echo.http, transports=WAYS[way], namespaces=[nsp], wait=False, **how)
        return said.get(timeout=SECONDS)

    def test_events_binary_and_acks(self):
        deep = {'a': [b'\0\1\x1e\xff', {'b': b''}], 'c': 'ไทย 😀\0\x1e'}
        for way in WAYS:
            c = self.connect(way)
            self.assertEqual(c.greeting, ({},))
            for args in ((), ('x',), (1, 2.5, None, True, [], {}), (deep, b'bytes'), ('x' * 900_000,)):
                self.assertTrue(c.back(*args) == args, (way, str(args)[:80]))
            self.assertEqual(c.ask('message-with-ack', deep, 1), (deep, 1))
            c.emit('ask', 'really?')
            self.assertEqual(c.next('answer'), ('really?', 'yes', b'no'))

    def test_large(self):
        self.echo = self.program('echo', '--max-payload', str(16 << 20), *CALM)
        for way in WAYS:
            c = self.connect(way)
            for n in (900_000, 10_000_000):
                for what in ('x' * (n - 10) + 'größer', bytes(range(250)) * (n // 250)):
                    self.assertTrue(c.back(what) == (what,), (way, type(what), n))
                    if n < 1_000_000:
                        self.assertTrue(c.ask('message-with-ack', what) == what, (way, type(what), n))

    def test_many_each_once(self):
        """This client has a thread for each message that comes: their order is npm's clients to tell."""
        for way in WAYS:
            c = self.connect(way)
            for i in range(MANY):
                c.emit('message', i)
            self.assertEqual(sorted(c.next('message-back')[0] for _ in range(MANY)), list(range(MANY)), way)
            c.emit('burst', MANY)
            self.assertEqual(sorted(c.next('seq')[0] for _ in range(MANY)), list(range(MANY)), way)
            self.assertTrue(c.queue('message-back').empty() and c.queue('seq').empty(), way)

    def test_namespaces_rooms_and_refusals(self):
        for way in WAYS:
            a, b = (self.connect(way, '/custom', auth={'who': who}) for who in 'ab')
            self.assertEqual(a.greeting, ({'who': 'a'},))
            self.assertEqual(a.ask('join', 'room'), 'joined')
            b.emit('to-room', 'room', 1, b'2')
            self.assertEqual(a.next('room-msg'), (1, b'2'))
            b.emit('to-all', 'all')
            self.assertEqual((a.next('all-msg'), b.next('all-msg')), (('all',), ('all',)))
            self.assertTrue(b.queue('room-msg').empty())
            self.assertEqual(self.refusal(way, '/auth', auth={'token': 'wrong'}),
                             {'message': 'unauthorized', 'data': {'code': 401}})
            self.assertEqual(self.refusal(way, '/nowhere'), {'message': 'Invalid namespace'})
            self.assertEqual(self.connect(way, '/auth', auth={'token': 'secret'}).greeting, ({'token': 'secret'},))

    def test_the_server_ends_it(self):
        for way in WAYS:
            c = self.connect(way)
            c.emit('disconnect-me', True)
            c.next('disconnect')

    def test_a_restart(self):
        c = self.connect('upgrade', reconnection=True)
        self.echo.stop()
        self.echo = self.program('echo', '--port', str(self.echo.port), *CALM)
        self.assertEqual(c.next('auth'), ({},))
        self.assertEqual(c.back('again'), ('again',))


if __name__ == '__main__':
    unittest.main()
