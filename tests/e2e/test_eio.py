# SPDX-License-Identifier: MIT
"""Engine.IO at examples/echo: npm engine.io-client 6 and 3, and HTTP whose every byte is ours."""
import json, subprocess, time, unittest

from kit import HANDSHAKE, HERE, SECONDS, TEXT, ProgramTest, frame

INTERVAL, PATIENCE = 0.3, 0.2
UNKNOWN = b'{"code":1,"message":"Session ID unknown"}'


class EioTest(ProgramTest):
    FLAGS = []

    def setUp(self):
        self.echo = self.program('echo', *self.FLAGS)

    def ask(self, raw, method, query, body=None, more=''):
        head = f'{method} /engine.io/?{query} HTTP/1.1\r\nHost: h\r\n{more}'
        if body is not None:
            head += f'Content-Length: {len(body)}\r\n'
        raw.send(f'{head}\r\n'.encode() + (body or b''))

    def answer(self, raw, *what, **how):
        self.ask(raw, *what, **how)
        return raw.answer()

    def handshake(self, raw, eio=4, more=''):
        """The query of later requests."""
        answer = self.answer(raw, 'GET', f'EIO={eio}&transport=polling{more}')
        self.assertEqual(answer.status, 200, answer)
        said = json.loads(answer.body[answer.body.index(b'{'):])
        self.assertEqual(list(said), ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload'])
        return f'EIO={eio}&transport=polling&sid={said["sid"]}'


class Npm(EioTest):
    FLAGS = ['--ping-interval', '250', '--ping-timeout', '20000']

    def clients(self, revision, transports, clients=1, messages=60, stay=600):
        ran = subprocess.run(['node', HERE / 'npm_eio.mjs', str(self.echo.port), str(revision), transports, str(clients),
                              str(messages), str(stay)], stdout=subprocess.PIPE, timeout=SECONDS * 2, check=True)
        return json.loads(ran.stdout)

    def test_each_transport_and_from_one_to_the_other(self):
        for revision in (6, 3):
            for transports in ('polling', 'websocket', 'polling,websocket'):
                with self.subTest(f'{revision} {transports}'):
                    seen, = self.clients(revision, transports)
                    self.assertEqual(seen, {'opened': transports.split(',')[0], 'upgraded': ',' in transports, 'got': 60,
                                            'wrong': 0, 'left': 'forced close'})

    def test_many_that_upgrade_at_once(self):
        for revision in (6, 3):
            seen = self.clients(revision, 'polling,websocket', clients=40, messages=30, stay=1)
            self.assertEqual([(s['got'], s['wrong'], s['left']) for s in seen], [(30, 0, 'forced close')] * 40)

    def test_the_end_of_the_server(self):
        """The transport closes; what clients hear is not a goodbye that would keep them from coming back."""
        for transports in ('polling', 'websocket'):
            echo = self.program('echo', '--ping-interval', '20000')
            proc = subprocess.Popen(['node', HERE / 'npm_eio.mjs', str(echo.port), '6', transports, '3', '0', '0'],
                                    stdout=subprocess.PIPE)
            self.addCleanup(proc.stdout.close)
            self.addCleanup(proc.kill)
            for _ in range(3):
                self.assertEqual(proc.stdout.readline(), b'ready\n')
            began = time.monotonic()
            self.assertEqual(echo.stop(), 0)
            self.assertLess(time.monotonic() - began, 2.5)
            seen = json.loads(proc.stdout.read())
            fair = {'transport close'} | ({'transport error'} if transports == 'polling' else set())  # between two polls
            self.assertLessEqual({s['left'] for s in seen}, fair)


class Polling(EioTest):
    FLAGS = ['--ping-interval', '20000']  # nobody is in a hurry here

    def test_bodies_in_pieces(self):
        raw = self.raw(self.echo.port)
        for sizes in ([1], [3, 1, 2], [1000]):
            query = self.handshake(raw)
            body = '4größer\x1ebAQIDBA==\x1e4漢字😀'.encode()
            head = f'POST /engine.io/?{query} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n'.encode()
            raw.drip(head + body, sizes)
            answer = raw.answer()
            self.assertEqual((answer.status, answer.body, answer.headers['content-type']), (200, b'ok', 'text/html'))
            self.assertEqual(self.answer(raw, 'GET', query).body, body)
            chunks = b''.join(b'%x\r\n%s\r\n' % (len(body[i:i + 5]), body[i:i + 5]) for i in range(0, len(body), 5))
            raw.drip(f'POST /engine.io/?{query} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n'.encode()
                     + chunks + b'0\r\n\r\n', sizes)
            self.assertEqual(raw.answer().body, b'ok')
            self.assertEqual(self.answer(raw, 'GET', query).body, body)

    def test_revision_3_in_binary(self):
        raw = self.raw(self.echo.port)
        query = self.handshake(raw, 3)
        body = bytes.fromhex('00 06 FF 34 68 65 6C 6C 6F 01 05 FF 04 01 02 03 04')
        answer = self.answer(raw, 'POST', query, body, 'Content-Type: application/octet-stream\r\n')
        self.assertEqual(answer.body, b'ok')
        answer = self.answer(raw, 'GET', query)
        self.assertEqual((answer.body, answer.headers['content-type']), (body, 'application/octet-stream'))

    def test_one_byte_too_many(self):
        for chunked in (False, True):
            raw = self.raw(self.echo.port)
            query = self.handshake(raw)
            body = b'4' + b'x' * 999_999
            self.assertEqual(self.answer(raw, 'POST', query, body).status, 200)
            self.assertTrue(self.answer(raw, 'GET', query).body == body)
            length = 'Transfer-Encoding: chunked' if chunked else 'Content-Length: 1000001'
            raw.send(f'POST /engine.io/?{query} HTTP/1.1\r\nHost: h\r\n{length}\r\n\r\n'.encode())
            if chunked:
                raw.send(b'%x\r\n' % 1_000_001 + body)
            answer = raw.answer()
            self.assertEqual((answer.status, answer.headers['connection']), (413, 'close'))
            self.assertEqual(self.answer(self.raw(self.echo.port), 'GET', query).body, UNKNOWN)

    def test_who_hangs_up_is_gone_at_once(self):
        for how in ('close', 'reset'):
            for what in ('poll', 'push'):
                raw, other = self.raw(self.echo.port), self.raw(self.echo.port)
                query = self.handshake(raw)
                if what == 'poll':
                    self.ask(raw, 'GET', query)
                    self.answer(other, 'PUT', query)  # by now it is held
                else:
                    raw.send(f'POST /engine.io/?{query} HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n4a'.encode())
                    self.answer(other, 'PUT', query)
                getattr(raw, how)()
                self.assertEqual(self.answer(other, 'GET', query).body, UNKNOWN, (how, what))

    def test_errors_can_be_read_by_websites(self):
        raw = self.raw(self.echo.port)
        origin = 'Origin: http://elsewhere:8080\r\n'
        for query, status in (('EIO=4&transport=polling', 200), ('EIO=4&transport=tobi', 400), ('', 400)):
            answer = self.answer(raw, 'GET', query, more=origin)
            self.assertEqual(answer.status, status)
            self.assertEqual(answer.headers['access-control-allow-origin'], 'http://elsewhere:8080')
            self.assertEqual(answer.headers['access-control-allow-credentials'], 'true')
            self.assertEqual(answer.headers['vary'], 'Origin')
        answer = self.answer(raw, 'OPTIONS', 'EIO=4&transport=polling', more=origin
                             + 'Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-key\r\n')
        self.assertEqual((answer.status, answer.headers['content-length']), (204, '0'))
        self.assertEqual(answer.headers['access-control-allow-headers'], 'x-key')

    def test_without_the_last_slash(self):
        raw = self.raw(self.echo.port)
        raw.send(b'GET /engine.io?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n')
        self.assertEqual(raw.answer().status, 200)

    def test_a_first_frame_with_the_head(self):
        head = HANDSHAKE.replace(b'/ws', b'/engine.io/?EIO=4&transport=websocket')
        ws = self.raw_ws(self.echo.port, handshake=head + frame(TEXT, '4first') + frame(TEXT, '1'))
        self.assertEqual(ws.recv()[0], '0')
        self.assertEqual(ws.recv(), '4first')
        self.assertEqual(ws.closed(), (1000, ''))


class Heartbeat(EioTest):
    def test_who_never_polls_is_gone_in_time(self):
        """At interval and timeout: not before, and no sweep later. PUT is refused, and says who is known."""
        raw = self.raw(self.echo.port)
        for eio in (4, 3):
            before = time.monotonic()
            query = self.handshake(raw, eio)
            after = time.monotonic()
            while self.answer(raw, 'PUT', query).body != UNKNOWN:
                at = time.monotonic()
                self.assertLess(at - after, SECONDS)
            self.assertGreater(time.monotonic() - before, INTERVAL + PATIENCE)

    def test_a_held_poll_is_pinged_and_pushed(self):
        raw, push = self.raw(self.echo.port), self.raw(self.echo.port)
        query = self.handshake(raw)
        for _ in range(4):
            self.assertEqual(self.answer(raw, 'GET', query).body, b'2')
            self.assertEqual(self.answer(push, 'POST', query, b'3').body, b'ok')


class WithoutRevision3(EioTest):
    FLAGS = ['--eio3', 'no', '--cors', '*']

    def test_it_is_refused(self):
        raw = self.raw(self.echo.port)
        answer = self.answer(raw, 'GET', 'EIO=3&transport=polling')
        self.assertEqual((answer.status, json.loads(answer.body)['code']), (400, 5))
        self.assertEqual(answer.headers['access-control-allow-origin'], '*')


if __name__ == '__main__':
    unittest.main()
