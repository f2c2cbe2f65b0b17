# SPDX-License-Identifier: MIT
"""examples/echo: WebSocket echo with three kinds of clients, POST, files; curl as the client."""
import gzip, itertools, json, os, pathlib, random, subprocess, tempfile, time, unittest

from kit import (BINARY, CLIENTS, CONT, HANDSHAKE, MIB, PING, PONG, TEXT, Program, ProgramTest, curl, frame, frame_head,
                 wait_for)

BODY_MAX = 10 * MIB
WS_MAX = 64 * MIB
KEY = b'\0\0\0\0'  # a mask that costs nothing, for the largest messages


class EchoTest(ProgramTest):
    def setUp(self):
        self.echo = self.program('echo', '--cors', '*', *self.args())

    def args(self):
        return []

    def cors(self, answer):
        self.assertEqual(answer.headers.get('access-control-allow-origin'), '*', answer)

    def refused(self, answer, status, *words):
        """A status, one sentence as JSON, and readable for a website."""
        self.assertEqual(answer.status, status, answer)
        self.cors(answer)
        if answer.body or 'content-type' in answer.headers:
            self.assertEqual(answer.headers['content-type'], 'application/json')
        if answer.body:
            said = json.loads(answer.body)
            self.assertEqual(list(said), ['error'])
            for word in words:
                self.assertIn(word, said['error'])


class WebSocket(EchoTest):
    def test_text_comes_back_as_text_and_binary_as_binary(self):
        for kind in CLIENTS:
            ws = self.client(kind, self.echo.port)
            for n in (0, 1, 125, 126, 127, 65535, 65536, 200_000):
                text, data = 'é' * (n // 2) + 'x' * (n % 2), random.Random(n).randbytes(n)
                ws.send_text(text)
                self.assertTrue(ws.recv() == text, (kind, n))
                ws.send_binary(data)
                self.assertTrue(ws.recv() == data, (kind, n))

    def test_many_wait_for_their_turn(self):
        for kind in CLIENTS:
            ws = self.client(kind, self.echo.port)
            for i in range(500):
                (ws.send_text if i % 2 else ws.send_binary)(f'{i}' if i % 2 else b'%d' % i)
            self.assertEqual([ws.recv() for _ in range(500)], [f'{i}' if i % 2 else b'%d' % i for i in range(500)])

    def test_fragments_come_back_as_one(self):
        text = 'größer als 漢字😀'.encode()
        node = self.client('npm ws', self.echo.port)
        raw = self.raw_ws(self.echo.port)
        for binary, cut in itertools.product((False, True), range(len(text) + 1)):
            node.send(text[:cut], binary, fin=False)
            node.send(text[cut:], binary)
            op = BINARY if binary else TEXT
            raw.drip(frame(op, text[:cut], fin=False) + frame(PING, b'!') + frame(CONT, text[cut:]))
            self.assertEqual(sorted([raw.frame(), raw.frame()]), [(op, text), (PONG, b'!')])  # either may be first
            self.assertEqual(node.recv(), text if binary else text.decode())

    def test_64_connections_at_once(self):
        node = self.node()
        id = node.new_id()
        node.tell(do='many', id=id, url=self.echo.url, clients=64, each=50)
        node.next(id, 'done')

    def test_64_mebibytes_are_the_most(self):
        ws = self.raw_ws(self.echo.port)
        for op in (BINARY, TEXT):
            data = bytes([97 + op]) * WS_MAX
            ws.send(frame_head(op, WS_MAX, key=KEY))
            ws.send(data)
            got = ws.frame()
            self.assertTrue(got == (op, data))
        ws.send(frame_head(BINARY, WS_MAX + 1))
        self.assertEqual(ws.closed(), (1009, f'message of {WS_MAX + 1} bytes is larger than the limit of {WS_MAX}'))

    def test_handshakes_that_fail_say_why(self):
        def without(name):
            return b'\r\n'.join(l for l in HANDSHAKE.split(b'\r\n') if not l.startswith(name))

        for wire, status, word in (
                (without(b'Sec-WebSocket-Version'), 400, 'Sec-WebSocket-Version'),
                (HANDSHAKE.replace(b'Version: 13', b'Version: 8'), 426, '13'),
                (without(b'Sec-WebSocket-Key'), 400, 'Sec-WebSocket-Key'),
                (HANDSHAKE.replace(b'dGhl', b'dGh'), 400, '16 bytes'),
                (HANDSHAKE.replace(b'dGhl', b'dG!l'), 400, '16 bytes'),
                (without(b'Upgrade'), 426, 'proxy'),
                (without(b'Connection'), 426, 'proxy'),
                (HANDSHAKE.replace(b'Upgrade: websocket', b'Upgrade: h2c'), 426, 'WebSocket'),
                (HANDSHAKE.replace(b'HTTP/1.1', b'HTTP/1.0'), 426, 'WebSocket'),
                (HANDSHAKE.replace(b'GET', b'POST', 1), 405, 'POST'),
                (HANDSHAKE.replace(b'GET /ws', b'GET /nowhere'), 404, '/nowhere')):
            with self.subTest(wire):
                raw = self.raw(self.echo.port)
                raw.send(wire)
                answer = raw.answer()
                self.refused(answer, status, word)
                if status == 426:
                    self.assertEqual(answer.headers['upgrade'].lower(), 'websocket')
                    self.assertEqual(answer.headers['sec-websocket-version'], '13')

    def test_curl_with_another_version(self):
        answer, _ = curl('-H', 'Connection: Upgrade', '-H', 'Upgrade: websocket', '-H', 'Sec-WebSocket-Version: 7',
                         '-H', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', f'{self.echo.http}/ws')
        self.refused(answer, 426, '13')

    def test_curl_without_an_upgrade(self):
        self.refused(curl(f'{self.echo.http}/ws')[0], 426, 'WebSocket')

    def test_names_in_any_case_and_lists(self):
        raw = self.raw(self.echo.port)
        raw.send(HANDSHAKE.replace(b'Upgrade: websocket', b'UPGRADE: h2c, WebSocket')
                 .replace(b'Connection: Upgrade', b'connection: keep-alive, uPgrade'))
        status, headers = raw.take_head()
        self.assertEqual((status, headers['upgrade'], headers['connection']), (101, 'websocket', 'Upgrade'))


class Post(EchoTest):
    def post(self, *args, data=b'', path='/http-echo'):
        return curl('--data-binary', '@-', *args, f'{self.echo.http}{path}', stdin=data)

    def test_bodies_come_back(self):
        for n in (0, 1, 1000, 16384, 16385, 1_000_000, BODY_MAX):
            data = random.Random(n).randbytes(n)
            for how in ([], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect:'], ['--http1.0'],
                        ['-H', 'Transfer-Encoding: chunked', '-H', 'Expect: 100-continue']):
                with self.subTest(n, how=how):
                    if n == 0 and len(how) == 4:
                        continue  # this curl never sends the last chunk of an empty body
                    answer, statuses = self.post(*how, data=data)
                    self.assertEqual(answer.status, 200)
                    self.assertTrue(answer.body == data)
                    self.assertEqual(answer.headers['content-type'], 'application/octet-stream')
                    self.assertEqual(int(answer.headers['content-length']), n)
                    self.cors(answer)
                    if n > 0 and 'Expect: 100-continue' in how:
                        self.assertEqual(statuses, [100, 200])
                    elif how == ['-H', 'Expect:']:
                        self.assertEqual(statuses, [200])

    def test_one_byte_too_many(self):
        data = b'x' * (BODY_MAX + 1)
        for how, word in ((['-H', 'Expect:'], str(BODY_MAX)), (['-H', 'Expect: 100-continue'], str(BODY_MAX)),
                          (['-H', 'Transfer-Encoding: chunked', '-H', 'Expect:'], 'larger')):
            with self.subTest(how):
                answer, statuses = self.post(*how, data=data)
                self.refused(answer, 413, word)
                if 'Expect: 100-continue' in how:
                    self.assertEqual(statuses, [413])  # it was not asked to go on

    def test_head_and_options_and_methods(self):
        url = self.echo.http
        answer, _ = curl('--head', f'{url}/')
        plain, _ = curl(f'{url}/')
        self.assertEqual((answer.status, answer.body), (200, b''))
        self.assertEqual(answer.headers['content-length'], str(len(plain.body)))
        self.assertIn(b'/http-echo', plain.body)
        self.cors(answer)
        for path, allow in (('/http-echo', 'POST, OPTIONS'), ('/', 'GET, HEAD, OPTIONS'), ('/static/x', 'GET, HEAD, OPTIONS')):
            answer, _ = curl('-X', 'OPTIONS', url + path)
            self.assertEqual((answer.status, set(answer.headers['allow'].split(', '))), (204, set(allow.split(', '))))
            self.cors(answer)
            answer, _ = curl('-X', 'DELETE', url + path)
            self.refused(answer, 405, 'DELETE')
            self.assertEqual(set(answer.headers['allow'].split(', ')), set(allow.split(', ')))
        self.refused(curl('--head', f'{url}/http-echo')[0], 405)
        self.refused(curl(f'{url}/http-echo')[0], 405, 'POST')
        self.refused(curl('-X', 'BREW', f'{url}/')[0], 501)
        self.refused(curl(f'{url}/nothing')[0], 404, '/nothing')
        self.assertEqual(curl('-X', 'OPTIONS', '--request-target', '*', url)[0].status, 204)

    def test_a_preflight(self):
        answer, _ = curl('-X', 'OPTIONS', '-H', 'Origin: https://example.org', '-H', 'Access-Control-Request-Method: POST',
                         '-H', 'Access-Control-Request-Headers: content-type, x-key', f'{self.echo.http}/http-echo')
        self.assertEqual(answer.status, 204)
        self.cors(answer)
        self.assertIn('POST', answer.headers['access-control-allow-methods'])
        self.assertEqual(answer.headers['access-control-allow-headers'], 'content-type, x-key')

    def test_curl_keeps_its_connection(self):
        url = f'{self.echo.http}/http-echo'
        got = subprocess.run(['curl', '-sS', '-w', '%{num_connects} ', '-o', '/dev/null', '-d', 'a', url, '-o', '/dev/null',
                              url, '-o', '/dev/null', url], capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(got.stdout, '1 0 0 ')


class Static(EchoTest):
    def args(self):
        folder = tempfile.TemporaryDirectory(prefix='sluice-e2e-')
        self.addCleanup(folder.cleanup)
        base = pathlib.Path(folder.name)
        self.root = root = base / 'public'
        self.large = random.Random(1).randbytes(5 * MIB + 13)
        for name, data in (('page.html', b'<!doctype html>\n' * 100), ('page.html.gz', gzip.compress(b'<!doctype html>\n' * 100)),
                           ('app.js', b'export {};\n'), ('app.js.gz', b'older'), ('data.bin', bytes(range(256))),
                           ('empty.txt', b''), ('picture.jpg', b'\xff\xd8'), ('a b/\u00e9.txt', 'grüße'.encode()),
                           ('sub/index.html', b'<p>index'), ('sub/page.css', b'p{}'), ('.hidden', b'secret'),
                           ('sub/.git/config', b'secret'), ('large.bin', self.large), ('../outside.txt', b'secret'),
                           ('../public-too/x.txt', b'secret'), ('no-suffix', b'?'), ('noindex/x.txt', b'x')):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            os.utime(path, (1_700_000_000, 1_700_000_000))
        os.utime(root / 'app.js.gz', (1_600_000_000, 1_600_000_000))
        (root / 'link.txt').symlink_to('../outside.txt')
        (root / 'absolute.txt').symlink_to(base / 'outside.txt')
        (root / 'way-out').symlink_to('..')
        os.mkfifo(root / 'pipe.txt')
        (root / 'locked.txt').write_bytes(b'secret')
        (root / 'locked.txt').chmod(0)
        return ['--root', str(root)]

    def get(self, path, *args):
        return curl('--path-as-is', *args, f'{self.echo.http}/static/{path}')[0]

    def test_types(self):
        for path, kind in (('page.html', 'text/html; charset=utf-8'), ('app.js', 'text/javascript; charset=utf-8'),
                           ('sub/page.css', 'text/css; charset=utf-8'), ('picture.jpg', 'image/jpeg'),
                           ('data.bin', 'application/octet-stream'), ('no-suffix', 'application/octet-stream'),
                           ('empty.txt', 'text/plain; charset=utf-8'), ('a%20b/%C3%A9.txt', 'text/plain; charset=utf-8'),
                           ('sub/', 'text/html; charset=utf-8')):
            with self.subTest(path):
                answer = self.get(path)
                name = path.replace('%20', ' ').replace('%C3%A9', 'é') + ('index.html' if path.endswith('/') else '')
                data = (self.root / name).read_bytes()
                self.assertEqual((answer.status, answer.body, answer.headers['content-type']), (200, data, kind))
                self.assertEqual(answer.headers['last-modified'], 'Tue, 14 Nov 2023 22:13:20 GMT')
                self.assertEqual(answer.headers['x-content-type-options'], 'nosniff')
                self.cors(answer)
                head = self.get(path, '--head')
                self.assertEqual((head.status, head.body), (200, b''))
                drop = {'date'}
                self.assertEqual({k: v for k, v in head.headers.items() if k not in drop},
                                 {k: v for k, v in answer.headers.items() if k not in drop})

    def test_a_large_file(self):
        answer = self.get('large.bin')
        self.assertTrue(answer.body == self.large)
        for join in [self.in_thread(self.get, 'large.bin') for _ in range(4)]:  # more than there are workers
            self.assertTrue(join().body == self.large)

    def test_conditions(self):
        first = self.get('data.bin')
        tag = first.headers['etag']
        self.assertRegex(tag, r'^"[^"]+"$')
        for args, status in ((['-H', f'If-None-Match: {tag}'], 304), (['-H', f'If-None-Match: "x", W/{tag}'], 304),
                             (['-H', 'If-None-Match: *'], 304), (['-H', 'If-None-Match: "x"'], 200),
                             (['-H', 'If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT'], 304),
                             (['-H', 'If-Modified-Since: Tue, 14 Nov 2023 22:13:19 GMT'], 200),
                             (['-H', 'If-Modified-Since: yesterday'], 200), (['-H', 'If-Match: "x"'], 412),
                             (['-H', f'If-Match: {tag}'], 200)):
            with self.subTest(args):
                answer = self.get('data.bin', *args)
                self.assertEqual(answer.status, status)
                self.cors(answer)
                if status == 304:
                    self.assertEqual((answer.body, answer.headers['etag']), (b'', tag))
                if status == 200:
                    self.assertEqual(answer.body, bytes(range(256)))
        (self.root / 'data.bin').write_bytes(b'another')
        os.utime(self.root / 'data.bin', (1_700_000_100, 1_700_000_100))
        self.assertEqual(self.get('data.bin', '-H', f'If-None-Match: {tag}').body, b'another')

    def test_curl_with_an_etag_file(self):
        tags = self.root / 'etag'
        self.assertEqual(self.get('page.html', '--etag-save', tags).status, 200)
        self.assertEqual(self.get('page.html', '--etag-compare', tags).status, 304)

    def test_ranges(self):
        data = bytes(range(256))
        for value, status, span in (('bytes=0-9', 206, (0, 10)), ('bytes=250-', 206, (250, 256)), ('bytes=-6', 206, (250, 256)),
                                    ('bytes=0-255', 206, (0, 256)), ('bytes=200-9999', 206, (200, 256)),
                                    ('bytes=-9999', 206, (0, 256)), ('bytes=255-255', 206, (255, 256)),
                                    ('bytes=256-', 416, None), ('bytes=-0', 416, None), ('bytes=99999999999999999999-', 416, None),
                                    ('bytes=9-3', 200, (0, 256)), ('lines=1-2', 200, (0, 256)), ('bytes=a-b', 200, (0, 256)),
                                    ('bytes=0-1,3-4', 200, (0, 256)), ('bytes=', 200, (0, 256))):
            with self.subTest(value):
                answer = self.get('data.bin', '-H', f'Range: {value}')
                self.assertEqual(answer.status, status)
                self.cors(answer)
                if status == 416:
                    self.assertEqual(answer.headers['content-range'], 'bytes */256')
                    self.refused(answer, 416, '256')
                    continue
                self.assertEqual(answer.body, data[slice(*span)])
                if status == 206:
                    self.assertEqual(answer.headers['content-range'], f'bytes {span[0]}-{span[1] - 1}/256')
        tag = self.get('data.bin').headers['etag']
        for condition, status in ((tag, 206), ('"other"', 200), ('Tue, 14 Nov 2023 22:13:20 GMT', 206)):
            answer = self.get('data.bin', '-H', 'Range: bytes=1-2', '-H', f'If-Range: {condition}')
            self.assertEqual(answer.status, status, condition)

    def test_curl_resumes_a_download(self):
        part = self.root.parent / 'part'
        part.write_bytes(self.large[:1_234_567])
        subprocess.run(['curl', '-sS', '-C', '-', '-o', part, f'{self.echo.http}/static/large.bin'], check=True, timeout=60)
        self.assertTrue(part.read_bytes() == self.large)

    def test_gzip_twins(self):
        plain = self.get('page.html')
        packed = self.get('page.html', '-H', 'Accept-Encoding: gzip, br')
        self.assertEqual(packed.headers['content-encoding'], 'gzip')
        self.assertEqual(packed.headers['content-type'], 'text/html; charset=utf-8')
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        self.assertNotEqual(packed.headers['etag'], plain.headers['etag'])
        for answer in (plain, packed):
            self.assertIn('Accept-Encoding', answer.headers['vary'])
        self.assertEqual(self.get('page.html', '--compressed').body, plain.body)
        for no in ('gzip;q=0', 'br', 'identity, gzip;q=0.0', '*;q=0'):
            self.assertNotIn('content-encoding', self.get('page.html', '-H', f'Accept-Encoding: {no}').headers, no)
        self.assertEqual(self.get('app.js', '-H', 'Accept-Encoding: gzip').body, b'export {};\n')  # the twin is older

    def test_no_way_out_of_the_folder(self):
        for path in ('../outside.txt', '%2e%2e/outside.txt', '%2E%2E%2Foutside.txt', '..%2foutside.txt', 'sub/../../outside.txt',
                     'sub/%2e%2e/%2e%2e/outside.txt', '..%5coutside.txt', '%252e%252e/outside.txt', './../outside.txt',
                     '/etc/passwd', '//etc/passwd', '%2fetc%2fpasswd', '../public-too/x.txt', '....//outside.txt',
                     'link.txt', 'absolute.txt', 'way-out/outside.txt', 'way-out/public-too/x.txt', '.hidden', 'sub/.git/config',
                     '%2ehidden', 'sub/%2egit/config', '.', '..', 'sub/..', 'sub/.', 'data.bin/', 'data.bin/..', 'pipe.txt',
                     'page.html%00.jpg', '%00', 'none.txt', 'sub/none/none', 'noindex/', '', '%', '%zz', '%c0%ae%c0%ae/outside.txt',
                     'x' * 300, 'x/' * 300, '\\..\\outside.txt'):
            with self.subTest(path):
                answer = self.get(path)
                self.assertIn(answer.status, (400, 404))
                self.refused(answer, answer.status)
                self.assertNotIn(b'secret', answer.body)
                self.assertNotIn(str(self.root).encode(), answer.body)

    def test_a_file_that_may_not_be_read(self):
        if os.geteuid() == 0:
            self.skipTest('root may read everything')
        self.refused(self.get('locked.txt'), 404)

    def test_a_folder_asked_for_without_its_slash(self):
        answer = self.get('sub?x=1')
        self.assertEqual((answer.status, answer.headers['location']), (301, './sub/?x=1'))
        self.cors(answer)
        self.assertEqual(curl('-L', f'{self.echo.http}/static/sub')[0].body, b'<p>index')

    def test_a_slow_reader_of_a_large_file_and_one_that_goes(self):
        files = self.echo.files
        slow = self.raw(self.echo.port, receive_bytes=4096)
        gone = self.raw(self.echo.port, receive_bytes=4096)
        for raw in (slow, gone):
            raw.send(b'GET /static/large.bin HTTP/1.1\r\nHost: x\r\n\r\n')
            self.assertEqual(raw.take_head()[0], 200)
        before = files()
        self.assertEqual(self.get('data.bin').body, bytes(range(256)))
        gone.reset()
        wait_for(lambda: files() <= before - 2, lambda: f'{files()} descriptors, {before} before')  # socket and file
        self.assertTrue(slow.take(len(self.large)) == self.large)
        slow.send(b'GET /static/data.bin HTTP/1.1\r\nHost: x\r\n\r\n')
        self.assertEqual(slow.answer().body, bytes(range(256)))

    def test_a_file_that_shrinks_while_it_is_sent(self):
        """The promise of the length cannot be kept: the connection must break, not be filled up."""
        raw = self.raw(self.echo.port, receive_bytes=4096)
        raw.send(b'GET /static/large.bin HTTP/1.1\r\nHost: x\r\n\r\n')
        self.assertEqual(raw.take_head()[0], 200)
        os.truncate(self.root / 'large.bin', 100)
        try:
            got = len(raw.rest())
        except ConnectionResetError:
            got = 0
        self.assertLess(got, len(self.large))


class NoRoot(EchoTest):
    def test_files_without_a_folder(self):
        self.refused(curl(f'{self.echo.http}/static/x')[0], 404, '--root')


class Life(EchoTest):
    def test_a_restart_on_the_same_port_at_once(self):
        clients = [self.client(kind, self.echo.port) for kind in CLIENTS]
        idle, busy = self.raw(self.echo.port), self.raw(self.echo.port)
        idle.send(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        self.assertEqual(idle.answer().status, 200)
        busy.send(b'POST /http-echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab')
        stopping = self.in_thread(self.echo.stop)
        for ws in clients:
            self.assertEqual(ws.closed()[0], 1001)
            ws.close()
        self.assertEqual(idle.rest(), b'')
        busy.send(b'cd')  # what has begun is finished
        answer = busy.answer()
        self.assertEqual((answer.status, answer.body, answer.headers['connection']), (200, b'abcd', 'close'))
        self.assertEqual(stopping(), 0)
        for _ in range(3):
            again = Program('echo', port=self.echo.port)
            self.assertEqual(curl(f'{again.http}/')[0].status, 200)
            self.assertEqual(again.stop(), 0)
            again.close()

    def test_who_never_finishes_does_not_hold_up_the_end(self):
        stuck = [self.raw(self.echo.port) for _ in range(3)]
        stuck[0].send(b'GET / HT')
        stuck[1].send(b'POST /http-echo HTTP/1.1\r\nHost: x\r\nContent-Length: 400\r\n\r\nab')
        stuck.append(self.raw_ws(self.echo.port, receive_bytes=4096))
        stuck[3].send(frame(TEXT, 'x' * 1_000_000))
        began = time.monotonic()
        self.assertEqual(self.echo.stop(), 0)
        self.assertLess(time.monotonic() - began, 5)


if __name__ == '__main__':
    unittest.main()
