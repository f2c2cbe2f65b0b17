# SPDX-License-Identifier: MIT
"""HTTP/1.1 over raw sockets against examples/echo: what is refused by clause, what is not, order, slow clients."""
import json, random, re, socket, threading, time, unittest

from kit import MIB, SECONDS, Program, ProgramTest, Raw, wait_for

HOST = b'Host: localhost\r\n'
POST = b'POST /http-echo HTTP/1.1\r\n' + HOST
CHUNKED = POST + b'Transfer-Encoding: chunked\r\n\r\n'
NEXT = b'POST /http-echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nSMUGGLED'
HEAD_MAX, LINE_MAX, BODY_MAX, FIELDS_MAX = 16 * 1024, 8 * 1024, 10 * MIB, 100


def get(*fields, target=b'/', version=b'HTTP/1.1', method=b'GET'):
    return method + b' ' + target + b' ' + version + b'\r\n' + b''.join(f + b'\r\n' for f in fields) + b'\r\n'


def with_field(field):
    return get(HOST[:-2], field)


def chunks(body):
    return CHUNKED + body


# name by clause of RFC 9112 (or 9110), bytes, statuses that may answer them
REFUSED = [
    ('2.2 bare LF behind the request line', b'GET / HTTP/1.1\nHost: x\r\n\r\n', 400),
    ('2.2 bare LF behind a field', b'GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n', 400),
    ('2.2 bare LF as the empty line', b'GET / HTTP/1.1\r\nHost: x\r\n\n', 400),
    ('2.2 bare CR in the request line', b'GET /\r HTTP/1.1\r\nHost: x\r\n\r\n', 400),
    ('2.2 bare CR in a value', with_field(b'A: b\rc'), 400),
    ('2.2 bare CR in a name', with_field(b'A\rb: c'), 400),
    ('2.2 CR CR LF', b'GET / HTTP/1.1\r\r\nHost: x\r\n\r\n', 400),
    ('2.2 white space before the first field', b'GET / HTTP/1.1\r\n ' + HOST + b'\r\n', 400),
    ('2.2 two empty lines before the request', b'\r\n\r\n' + get(HOST[:-2]), 400),
    ('2.2 LF before the request', b'\n' + get(HOST[:-2]), 400),
    ('2.2 space before the method', b' ' + get(HOST[:-2]), 400),
    ('2.3 HTTP/0.9', b'GET /\r\n', 400),
    ('2.3 HTTP/2.0', get(HOST[:-2], version=b'HTTP/2.0'), 505),
    ('2.3 HTTP/1.2', get(HOST[:-2], version=b'HTTP/1.2'), 505),
    ('2.3 HTTP/3.1', get(HOST[:-2], version=b'HTTP/3.1'), 505),
    ('2.3 HTTP/2 preface', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', (400, 501, 505)),
    ('2.3 small letters', get(HOST[:-2], version=b'http/1.1'), 400),
    ('2.3 two digits', get(HOST[:-2], version=b'HTTP/1.10'), 400),
    ('2.3 no digits', get(HOST[:-2], version=b'HTTP/1'), 400),
    ('2.3 another protocol', get(HOST[:-2], version=b'ICAP/1.0'), 400),
    ('2.3 white space behind the version', get(HOST[:-2], version=b'HTTP/1.1 '), 400),
    ('3 two spaces', b'GET  / HTTP/1.1\r\n' + HOST + b'\r\n', 400),
    ('3 a tab', b'GET\t/ HTTP/1.1\r\n' + HOST + b'\r\n', 400),
    ('3 a space in the target', get(HOST[:-2], target=b'/a b'), 400),
    ('3 too long', get(HOST[:-2], target=b'/' + b'a' * LINE_MAX), 414),
    ('3.1 method is no token', get(HOST[:-2], method=b'G(T'), 400),
    ('3.1 unknown method', get(HOST[:-2], method=b'BREW'), 501),
    ('3.1 small letters', get(HOST[:-2], method=b'get'), 501),
    ('3.2 no Host', get(), 400),
    ('3.2 two Hosts', get(b'Host: a', b'Host: b'), 400),
    ('3.2 two equal Hosts', get(b'Host: a', b'host: a'), 400),
    ('3.2 empty Host: no http address is without a host', get(b'Host:'), 400),
    ('3.2 Host with a path', get(b'Host: a/b'), 400),
    ('3.2 Host with a user', get(b'Host: me@a'), 400),
    ('3.2 Host of two names', get(b'Host: a, b'), 400),
    ('3.2 Host with a space', get(b'Host: a b'), 400),
    ('3.2 Host with a bad port', get(b'Host: a:8x'), 400),
    ('3.2 target without slash', get(HOST[:-2], target=b'index.html'), 400),
    ('3.2 target with a fragment', get(HOST[:-2], target=b'/a#b'), 400),
    ('3.2 target not ASCII', get(HOST[:-2], target='/é'.encode()), 400),
    ('3.2.2 another scheme', get(HOST[:-2], target=b'ftp://localhost/'), 400),
    ('3.2.3 CONNECT', get(HOST[:-2], method=b'CONNECT', target=b'example.org:443'), (400, 405, 501)),
    ('3.2.4 asterisk of GET', get(HOST[:-2], target=b'*'), 400),
    ('5.1 space before the colon', with_field(b'A : b'), 400),
    ('5.1 tab before the colon', with_field(b'A\t: b'), 400),
    ('5.1 no colon', with_field(b'A'), 400),
    ('5.1 no name', with_field(b': b'), 400),
    ('5.1 name is no token', with_field(b'A(b): c'), 400),
    ('5.1 name not ASCII', with_field('é: c'.encode()), 400),
    ('5.2 obs-fold', with_field(b'A: b\r\n c'), 400),
    ('5.2 obs-fold with a tab', with_field(b'A: b\r\n\tc'), 400),
    ('5.2 obs-fold of Content-Length', POST + b'Content-Length:\r\n 8\r\n\r\n', 400),
    ('9110 5.5 NUL in a value', with_field(b'A: b\0c'), 400),
    ('9110 5.5 NUL in a name', with_field(b'A\0: c'), 400),
    ('9110 5.5 DEL in a value', with_field(b'A: \x7f'), 400),
    ('9110 5.5 escape in a value', with_field(b'A: \x1b[2J'), 400),
    ('NUL in the target', get(HOST[:-2], target=b'/\0'), 400),
    ('control byte first', b'\x01' + get(HOST[:-2]), 400),
    ('a TLS client', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'\0' * 30, 400),
    ('5.4 head too long', get(HOST[:-2], *[b'A%d: ' % i + b'x' * 400 for i in range(50)]), 431),
    ('5.4 one field too long', with_field(b'A: ' + b'x' * HEAD_MAX), 431),
    ('5.4 too many fields', get(HOST[:-2], *[b'A: b'] * FIELDS_MAX), 431),
    ('6.1 Content-Length and Transfer-Encoding', POST + b'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400),
    ('6.1 the other way round', POST + b'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n', 400),
    ('6.1 Transfer-Encoding gzip', POST + b'Transfer-Encoding: gzip\r\n\r\n', (400, 501)),
    ('6.1 gzip, chunked', POST + b'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', (400, 501)),
    ('6.1 chunked, gzip', POST + b'Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n', (400, 501)),
    ('6.1 chunked twice', POST + b'Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n', (400, 501)),
    ('6.1 chunked in two fields', POST + b'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', (400, 501)),
    ('6.1 xchunked', POST + b'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n', (400, 501)),
    ('6.1 chunked in quotes', POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', (400, 501)),
    ('6.1 empty', POST + b'Transfer-Encoding:\r\n\r\n0\r\n\r\n', (400, 501)),
    ('6.1 in HTTP/1.0', POST.replace(b'/1.1', b'/1.0') + b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400),
    ('6.2 two lengths', POST + b'Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef', 400),
    ('6.2 two equal lengths', POST + b'Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde', 400),
    ('6.2 a list of lengths', POST + b'Content-Length: 5, 5\r\n\r\nabcde', 400),
    *((f'6.2 length {n!r}', POST + b'Content-Length: ' + n + b'\r\n\r\nabcde', 400) for n in (
        b'', b'+5', b'-5', b'5 5', b'0x5', b'5.0', b'five', b'5;', b'"5"', b'\xef\xbc\x95', b'99999999999999999999')),
    ('6.2 length beyond the limit', POST + b'Content-Length: %d\r\n\r\n' % (BODY_MAX + 1), 413),
    ('6.2 length of 63 bits', POST + b'Content-Length: 9223372036854775807\r\n\r\n', 413),
    *((f'7.1 size {n!r}', chunks(n + b'\r\nabcde\r\n0\r\n\r\n'), 400) for n in (
        b'', b'x5', b'5x', b'+5', b'-5', b'0x5', b' 5', b'5 ', b'5\t', b'5\0', b'00000000000000005', b'fffffffffffffffff',
        b'\xef\xbc\x95', b'5 a', b'5,5')),
    ('7.1 size beyond the limit', chunks(b'%x\r\n' % (BODY_MAX + 1)), 413),
    ('7.1 size of 64 bits', chunks(b'ffffffffffffffff\r\n'), 413),
    ('7.1 sizes that sum up', chunks(b'1\r\na\r\n%x\r\n' % BODY_MAX), 413),
    ('7.1 sizes that wrap around', chunks(b'2\r\nab\r\nffffffffffffffff\r\n'), 413),
    ('7.1 LF behind the size', chunks(b'5\nabcde\r\n0\r\n\r\n'), 400),
    ('7.1 CR behind the size', chunks(b'5\rabcde\r\n0\r\n\r\n'), 400),
    ('7.1 LF behind the data', chunks(b'5\r\nabcde\n0\r\n\r\n'), 400),
    ('7.1 no end of the data', chunks(b'5\r\nabcde0\r\n\r\n'), 400),
    ('7.1 data longer than its size', chunks(b'4\r\nabcde\r\n0\r\n\r\n'), 400),
    ('7.1 data shorter than its size', chunks(b'6\r\nabcde\r\n0\r\n\r\n'), 400),
    ('7.1 LF at the end', chunks(b'0\r\n\n'), 400),
    ('7.1.1 LF in an extension', chunks(b'5;a=b\nc\r\nabcde\r\n0\r\n\r\n'), 400),
    ('7.1.1 extensions without end', chunks(b'5;' + b'a' * 20_000 + b'\r\n'), 431),
    ('7.1.2 trailer without colon', chunks(b'0\r\nA\r\n\r\n'), 400),
    ('7.1.2 space before the colon', chunks(b'0\r\nA : b\r\n\r\n'), 400),
    ('7.1.2 obs-fold in a trailer', chunks(b'0\r\nA: b\r\n c\r\n\r\n'), 400),
    ('7.1.2 bare LF in a trailer', chunks(b'0\r\nA: b\n\r\n'), 400),
    ('7.1.2 too long', chunks(b'0\r\nA: ' + b'x' * 10_000 + b'\r\n\r\n'), 431),
    ('9110 10.1.1 another expectation', POST + b'Expect: 200-ok\r\nContent-Length: 1\r\n\r\na', 417),
]

# what strict readers take all the same: name, bytes, body of the answer (None: any)
TAKEN = [
    ('2.2 one CRLF before the request', b'\r\n' + POST + b'Content-Length: 2\r\n\r\nab', b'ab'),
    ('3 a long target', get(HOST[:-2], target=b'/?' + b'a' * 7900), None),
    ('3.2 Host with a port', get(b'Host: [::1]:80'), None),
    ('3.2.2 absolute form', get(b'Host: other', target=b'http://localhost/'), None),
    ('5.1 names in any case', POST.replace(b'Host', b'hOST') + b'CONTENT-length: 2\r\n\r\nab', b'ab'),
    ('5.1 no white space', POST.replace(b': ', b':') + b'Content-Length:2\r\n\r\nab', b'ab'),
    ('5.1 white space around', POST + b'Content-Length: \t 2 \t \r\n\r\nab', b'ab'),
    ('5.1 an empty value', get(HOST[:-2], b'A:', b'B: '), None),
    ('5.5 obs-text in a value', with_field('A: é'.encode()), None),
    ('5.4 as many fields as allowed', get(HOST[:-2], *[b'A: b'] * (FIELDS_MAX - 1)), None),
    ('5.4 a head of exactly the limit', get(HOST[:-2], b'A: ' + b'x' * (HEAD_MAX - len(get(HOST[:-2], b'A: ')))), None),
    ('6.2 leading zeros', POST + b'Content-Length: 002\r\n\r\nab', b'ab'),
    ('6.1 Chunked', POST + b'Transfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n', b'ab'),
    ('7.1 sizes in any case', chunks(b'a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n'), b'0123456789' * 2),
    ('7.1 leading zeros', chunks(b'0000000000000002\r\nab\r\n000\r\n\r\n'), b'ab'),
    ('7.1.1 extensions', chunks(b'2;a;b=c ; d = "e;\\"\r"\r\nab\r\n0;x\r\n\r\n'.replace(b'\r"', b'"')), b'ab'),
    ('7.1.2 trailers', chunks(b'2\r\nab\r\n0\r\nA: b\r\nContent-Length: 99\r\n\r\n'), b'ab'),
    ('10.1.1 100-continue that does not wait', POST + b'Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab', b'ab'),
]


class Reader:
    """It asks for nine megabytes and does not read them. That takes long, so it begins before all tests."""

    def __init__(self):
        self.echo = Program('echo', '--cors', '*')
        unittest.addModuleCleanup(self.echo.close)
        self.before = self.echo.files()
        self.raw = Raw(self.echo.port, receive_bytes=4096)
        unittest.addModuleCleanup(self.raw.close)
        wait_for(lambda: self.echo.files() == self.before + 1, 'the connection is not taken')
        self.raw.send(POST + b'Content-Length: 9000000\r\n\r\n' + b'x' * 9_000_000)
        self.began = time.monotonic()


def setUpModule():
    global reader
    reader = Reader()


class HttpTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        cls.echo = Program('echo', '--cors', '*')
        cls.addClassCleanup(cls.echo.close)

    def connect(self, **how):
        return self.raw(self.echo.port, **how)

    def ways(self, wire, seed):
        """Whole, byte by byte, and cut at random."""
        yield 'whole', [len(wire)]
        if len(wire) < 1000:
            yield 'bytewise', [1]
        else:
            yield 'in pieces', [4093, 1, 700]
        r = random.Random(seed)
        yield 'cut at random', [r.randint(1, max(1, min(len(wire), 9000) // 3)) for _ in range(20)]


class Strict(HttpTest):
    def check_refusal(self, wire, statuses, sizes):
        raw = self.connect()
        raw.drip(wire + NEXT, sizes)
        all_of_it = raw.rest()  # the server ends the connection
        raw.close()
        self.assertEqual(len(re.findall(rb'HTTP/1\.1 (?!100)\d+ ', all_of_it)), 1, all_of_it)
        self.assertNotIn(b'SMUGGLED', all_of_it)
        head, body = all_of_it.split(b'\r\n\r\n', 1)
        status = int(head.split()[1])
        self.assertIn(status, statuses if isinstance(statuses, tuple) else (statuses,), all_of_it)
        self.assertIn(b'\r\nConnection: close', head)
        self.assertIn(b'\r\nAccess-Control-Allow-Origin: *', head)
        self.assertIn(b'\r\nContent-Type: application/json\r\n', head)
        self.assertIn(b'\r\nContent-Length: %d\r\n' % len(body), head)
        said = json.loads(body)
        self.assertEqual(list(said), ['error'])
        self.assertRegex(said['error'], r'^[^\n]{10,250}$')

    def test_what_is_refused(self):
        for i, (name, wire, statuses) in enumerate(REFUSED):
            for way, sizes in self.ways(wire + NEXT, i):
                with self.subTest(name, way=way):
                    self.check_refusal(wire, statuses, sizes)

    def test_a_good_request_before_a_bad_one_is_answered(self):
        for name, wire, statuses in REFUSED:
            if name.startswith('2.2') and ('before the request' in name or 'before the method' in name):
                continue
            with self.subTest(name):
                raw = self.connect()
                raw.send(POST + b'Content-Length: 4\r\n\r\ngood' + wire + NEXT)
                answer = raw.answer()
                self.assertEqual((answer.status, answer.body), (200, b'good'))
                answer = raw.answer()
                self.assertIn(answer.status, statuses if isinstance(statuses, tuple) else (statuses,))
                self.assertEqual(raw.rest(), b'')
                raw.close()

    def test_what_is_taken(self):
        for i, (name, wire, body) in enumerate(TAKEN):
            for way, sizes in self.ways(wire, i):
                with self.subTest(name, way=way):
                    raw = self.connect()
                    raw.drip(wire + NEXT, sizes)
                    answer = raw.answer()
                    while answer.status == 100:
                        answer = raw.answer()
                    self.assertEqual(answer.status, 200, answer)
                    if body is not None:
                        self.assertEqual(answer.body, body)
                    self.assertEqual(raw.answer().body, b'SMUGGLED')  # here it is the next request indeed
                    raw.close()

    def test_a_refusal_reaches_who_is_still_sending(self):
        """The rest of the body must not reset the connection before the answer was read."""
        for wire in (POST + b'Content-Length: %d\r\n\r\n' % (BODY_MAX + 1), chunks(b'%x\r\n' % (BODY_MAX + 1)),
                     POST + b'Content-Length: 1\r\nContent-Length: 1\r\n\r\n'):
            raw = self.connect()
            raw.send(wire + b'x' * 4_000_000)
            answer = raw.answer()
            self.assertIn(answer.status, (400, 413))
            self.assertEqual(raw.rest(), b'')


class Connections(HttpTest):
    def test_pipelined_requests_are_answered_in_order(self):
        pieces, wanted = [], []
        for i in range(10):
            body = b'%d' % i * (1 if i % 3 else 30_000)
            if i % 2:
                pieces.append(POST + b'Content-Length: %d\r\n\r\n' % len(body) + body)
            else:
                pieces.append(chunks(b'%x\r\n' % len(body) + body + b'\r\n0\r\n\r\n'))
            wanted.append(body)
        wire = b''.join(pieces)
        for way, sizes in self.ways(wire, 7):
            with self.subTest(way):
                raw = self.connect()
                raw.drip(wire, sizes)
                self.assertEqual([raw.answer().body for _ in range(10)], wanted)

    def test_pipelined_of_all_kinds(self):
        raw = self.connect()
        kinds = [(get(HOST[:-2]), 200, False), (get(HOST[:-2], method=b'HEAD'), 200, True),
                 (get(HOST[:-2], target=b'/none'), 404, False), (get(HOST[:-2], target=b'/none', method=b'HEAD'), 404, True),
                 (get(HOST[:-2], method=b'OPTIONS'), 204, False), (get(HOST[:-2], target=b'/static/x'), 404, False),
                 (get(HOST[:-2], target=b'/http-echo'), 405, False), (get(HOST[:-2], target=b'/ws'), 426, False),
                 (get(HOST[:-2], target=b'/http-echo', method=b'HEAD'), 405, True),
                 (POST + b'Content-Length: 0\r\n\r\n', 200, False)]
        raw.send(b''.join(wire for wire, _, _ in kinds) * 3)
        for wire, status, head_only in kinds * 3:
            self.assertEqual(raw.answer(head_only).status, status, wire)
        raw.send(get(HOST[:-2], b'Connection: close'))
        self.assertEqual(raw.answer().headers['connection'], 'close')
        self.assertEqual(raw.rest(), b'')

    def test_a_thousand_pipelined(self):
        raw = self.connect()
        join = self.in_thread(raw.send, b''.join(POST + b'Content-Length: 4\r\n\r\n%04d' % i for i in range(1000)))
        self.assertEqual([raw.answer().body for _ in range(1000)], [b'%04d' % i for i in range(1000)])
        join()

    def test_who_pipelines_and_does_not_read_is_not_read(self):
        """A thousand answers of 100 KB may not pile up."""
        echo = Program('echo', measured=True)
        self.addCleanup(echo.close)
        raw = self.raw(echo.port, receive_bytes=4096)
        before = echo.rss()
        one = POST + b'Content-Length: 100000\r\n\r\n' + b'x' * 100_000
        join = self.in_thread(raw.send, one * 600)
        for _ in range(20):  # others are served meanwhile
            other = self.raw(echo.port)
            other.send(get(HOST[:-2]))
            self.assertEqual(other.answer().status, 200)
        self.assertTrue(raw.answer().body)
        for _ in range(599):
            self.assertLess(echo.rss() - before, 30e6)
            self.assertEqual(len(raw.answer().body), 100_000)
        join()

    def test_how_long_a_connection_is_kept(self):
        for fields, version, kept in (([], b'HTTP/1.1', True), ([b'Connection: close'], b'HTTP/1.1', False),
                                      ([b'Connection: keep-alive'], b'HTTP/1.0', True), ([], b'HTTP/1.0', False),
                                      ([b'Connection: foo, CLOSE'], b'HTTP/1.1', False),
                                      ([b'Connection: close, keep-alive'], b'HTTP/1.1', False)):
            with self.subTest(fields, version=version):
                raw = self.connect()
                raw.send(get(HOST[:-2], *fields, version=version) + get(HOST[:-2]))
                self.assertEqual(raw.answer().status, 200)
                if kept:
                    self.assertEqual(raw.answer().status, 200)
                else:
                    self.assertEqual(raw.rest(), b'')

    def test_who_has_asked_and_closed_its_half_gets_its_answer(self):
        for wire, n in ((get(HOST[:-2]), 1), (NEXT * 3, 3), (get(HOST[:-2], target=b'/static/x'), 1)):
            raw = self.connect()
            raw.send(wire)
            raw.sock.shutdown(socket.SHUT_WR)
            self.assertEqual([raw.answer().status for _ in range(n)], [404 if b'static' in wire else 200] * n)
            self.assertEqual(raw.rest(), b'')

    def test_continue_is_said_once_and_only_where_it_is_waited_for(self):
        raw = self.connect()
        for length, body in ((b'Content-Length: 4', b'abcd'), (b'Transfer-Encoding: chunked', b'4\r\nabcd\r\n0\r\n\r\n')):
            raw.send(POST + b'Expect: 100-Continue\r\n' + length + b'\r\n\r\n')
            self.assertEqual(raw.answer().status, 100)
            raw.drip(body)
            self.assertEqual(raw.answer().body, b'abcd')
        raw.send(POST + b'Expect: 100-continue\r\nContent-Length: 0\r\n\r\n')
        self.assertEqual(raw.answer().status, 200)
        for wire, status in ((POST.replace(b'http-echo', b'none') + b'Expect: 100-continue\r\nContent-Length: 4\r\n\r\n', 404),
                             (POST.replace(b'POST', b'PUT') + b'Expect: 100-continue\r\nContent-Length: 4\r\n\r\n', 405),
                             (POST + b'Expect: 100-continue\r\nContent-Length: %d\r\n\r\n' % (BODY_MAX + 1), 413)):
            raw = self.connect()
            raw.send(wire)
            answer = raw.answer()
            self.assertEqual((answer.status, answer.headers.get('connection')), (status, 'close'))
            raw.close()


class Slow(HttpTest):
    """Who is too slow for a deadline. All begin at once, so that they wait together."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clients, cls.began = {}, time.monotonic()
        head, body = POST, POST + b'Content-Length: 100000\r\n\r\n'
        for name, wire, sip in (('head', head, b''), ('one byte', b'G', b''), ('dripping head', head + b'A: ', b'x'),
                                ('behind an empty line', b'\r\n', b'x'),
                                ('second head', NEXT + b'GET', b''), ('body', body + b'x', b''), ('no body', body, b''),
                                ('chunk', CHUNKED + b'5\r\nab', b''), ('dripping body', body, b'x')):
            raw = Raw(cls.echo.port)
            cls.addClassCleanup(raw.close)
            raw.send(wire)
            thread = threading.Thread(target=cls.sip, args=[name, raw, sip], daemon=True)
            thread.start()
            cls.clients[name] = [thread, None, b'']

    @classmethod
    def sip(cls, name, raw, drop):
        """A byte every quarter of a second, or none, until the server ends it; notes when and what it said."""
        raw.sock.settimeout(0.25)
        while time.monotonic() - cls.began < SECONDS:
            try:
                if not raw.more():
                    cls.clients[name][1:] = [time.monotonic() - cls.began, bytes(raw.have)]
                    return
            except TimeoutError:
                raw.send(drop)

    def check(self, name, seconds, word, before=()):
        thread, took, got = self.clients[name]
        thread.join(SECONDS)
        thread, took, got = self.clients[name]
        self.assertIsNotNone(took, f'{name}: it was not ended')
        self.assertGreater(took, seconds - 0.6)
        self.assertLess(took, seconds + 8)
        statuses = [int(s) for s in re.findall(rb'HTTP/1\.1 (\d+)', got)]
        self.assertEqual(statuses, [*before, 408])
        head, body = got[got.rindex(b'HTTP/1.1 '):].split(b'\r\n\r\n')
        self.assertIn(b'\r\nConnection: close\r\n', head)
        self.assertIn(b'\r\nAccess-Control-Allow-Origin: *', head)
        self.assertIn(word, json.loads(body)['error'])

    def test_heads(self):
        self.check('head', 10, '10000 ms')
        self.check('one byte', 10, '10000 ms')
        self.check('dripping head', 10, '10000 ms')
        self.check('behind an empty line', 10, '10000 ms')
        self.check('second head', 10, '10000 ms', [200])

    def test_silent_bodies(self):
        self.check('body', 20, '20000 ms')
        self.check('no body', 20, '20000 ms')
        self.check('chunk', 20, '20000 ms')

    def test_a_body_that_drips(self):
        self.check('dripping body', 20, 'slower than 500 bytes a second')

    def test_who_does_not_take_its_answer(self):
        """The kernel takes some of it, so it may be looked at twice: 20 or 40 s."""
        wait_for(lambda: reader.echo.files() == reader.before, 'its connection is still held', seconds=60)
        self.assertGreater(time.monotonic() - reader.began, 19)
        wait_for(lambda: 'event=slow_reader' in ''.join(reader.echo.said), 'nothing was logged')


if __name__ == '__main__':
    unittest.main()
