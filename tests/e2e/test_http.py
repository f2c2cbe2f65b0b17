#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""HTTP against the echo example over real sockets: curl, Python's client, and bytes by hand."""
import contextlib, gzip, http.client, os, pathlib, re, shutil, signal, socket, subprocess, tempfile, time, unittest

ECHO = pathlib.Path(os.environ.get('SLUICE_BUILD', 'build')) / 'examples' / 'echo'


class Echo:
    def __init__(self, *args, port=0):
        self.proc = subprocess.Popen([ECHO, '--port', str(port), *args], stderr=subprocess.PIPE, text=True)
        for line in self.proc.stderr:
            if m := re.search(r'listening on port (\d+)', line):
                self.port = int(m[1])
                return
        raise RuntimeError('echo did not start')

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        self.proc.stderr.close()
        return self.proc.wait(10)

    def rss_kb(self):
        status = pathlib.Path(f'/proc/{self.proc.pid}/status').read_text()
        return int(re.search(r'VmRSS:\s+(\d+)', status)[1])


class HttpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp())
        cls.large = os.urandom(5_000_000)
        (cls.root / 'large.bin').write_bytes(cls.large)
        (cls.root / 'app.js').write_text('let a;\n' * 500)
        (cls.root / 'app.js.gz').write_bytes(gzip.compress((cls.root / 'app.js').read_bytes()))
        for name in ('large.bin', 'app.js', 'app.js.gz'):
            os.utime(cls.root / name, (1e9, 1e9))
        cls.echo = Echo('--root', str(cls.root))
        cls.url = f'http://127.0.0.1:{cls.echo.port}'

    @classmethod
    def tearDownClass(cls):
        code = cls.echo.stop()
        shutil.rmtree(cls.root)
        assert code == 0, f'echo ended with {code}'

    def curl(self, *args, data=b''):
        return subprocess.run(['curl', '-sS', '--max-time', '30', *args], input=data, capture_output=True).stdout

    def raw(self, text):
        """All that comes back until the server closes."""
        with socket.create_connection(('127.0.0.1', self.echo.port), 10) as s:
            s.sendall(text)
            s.shutdown(socket.SHUT_WR)
            return b''.join(iter(lambda: s.recv(65536), b''))

    # ---- curl ----

    def test_a_few_words(self):
        self.assertIn(b'sluice echo', self.curl(self.url + '/'))

    def test_bodies_come_back(self):
        for size in (0, 1, 65536, 3_000_000):  # curl asks "Expect: 100-continue" for the last
            body = os.urandom(size)
            for how in ([], ['-H', 'Transfer-Encoding: chunked']):
                with self.subTest(size=size, how=how):
                    self.assertEqual(self.curl('--data-binary', '@-', *how, self.url + '/http-echo', data=body), body)

    def test_too_large_is_said_and_not_read(self):
        out = self.curl('-i', '--data-binary', '@-', self.url + '/http-echo', data=bytes(11_000_000))
        self.assertIn(b'413 Content Too Large', out)
        self.assertIn(b'the body has 11000000 bytes; this path takes at most 10485760', out)

    def test_files(self):
        self.assertEqual(self.curl(self.url + '/static/large.bin'), self.large)
        self.assertEqual(self.curl('-r', '4999990-', self.url + '/static/large.bin'), self.large[-10:])
        packed = self.curl('--compressed', '-i', self.url + '/static/app.js')
        self.assertIn(b'Content-Encoding: gzip', packed)
        self.assertTrue(packed.endswith(b'let a;\n' * 500))

    def test_a_file_is_fetched_once(self):
        tags, copy = self.root / '.tags', self.root / '.copy'
        for status in (b'200', b'304'):
            got = self.curl('-o', str(copy), '-w', '%{http_code}', '--etag-save', str(tags), '--etag-compare', str(tags),
                            self.url + '/static/large.bin')
            self.assertEqual(got, status)

    def test_no_way_out_of_the_folder(self):
        (self.root.parent / 'http-secret').write_text('secret')
        for path in ('../http-secret', '%2e%2e/http-secret', '..%2fhttp-secret', '..%5chttp-secret', '/etc/passwd', '.tags'):
            with self.subTest(path):
                out = self.curl('--path-as-is', '-w', '%{http_code}', f'{self.url}/static/{path}')
                self.assertRegex(out[-3:], b'40[04]')
                self.assertNotIn(b'secret"', out)
                self.assertNotIn(b'root:', out)
        (self.root.parent / 'http-secret').unlink()

    def test_methods_and_origins(self):
        self.assertIn(b'\r\nAllow: POST, OPTIONS\r\n', self.curl('-i', self.url + '/http-echo'))
        out = self.curl('-i', '-X', 'OPTIONS', '-H', 'Origin: http://o', '-H', 'Access-Control-Request-Method: POST',
                        self.url + '/http-echo')
        self.assertIn(b'204 No Content', out)
        self.assertIn(b'Access-Control-Allow-Methods: POST, OPTIONS', out)
        for path in ('/', '/none', '/ws', '/http-echo', '/static/none'):
            self.assertIn(b'Access-Control-Allow-Origin: *', self.curl('-i', self.url + path), path)

    # ---- Python's client ----

    def test_one_connection_many_requests(self):
        c = http.client.HTTPConnection('127.0.0.1', self.echo.port, timeout=10)
        c.connect()
        local = c.sock.getsockname()
        for i in range(200):
            body = os.urandom(i * 37)
            c.request('POST', '/http-echo', body)
            self.assertEqual(c.getresponse().read(), body)
        self.assertEqual(c.sock.getsockname(), local)
        c.close()

    # ---- by hand ----

    def test_pipelined(self):
        one = b'POST /http-echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n%04d'
        out = self.raw(b''.join(one % i for i in range(1000)))
        self.assertEqual(re.findall(rb'\r\n\r\n(\d{4})', out), [b'%04d' % i for i in range(1000)])

    def test_refused(self):
        head = b'POST /http-echo HTTP/1.1\r\nHost: h\r\n'
        for text, status in (
                (b'GET / HTTP/1.1\r\n\r\n', 400),
                (b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400),
                (b'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400),
                (b'GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n', 400),
                (b'GET / HTTP/1.1\nHost: a\n\n', 400),
                (b'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505),
                (b'BREW / HTTP/1.1\r\nHost: a\r\n\r\n', 501),
                (head + b'Content-Length: 1\r\nContent-Length: 2\r\n\r\nab', 400),
                (head + b'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400),
                (head + b'Transfer-Encoding: chunked\r\n\r\nzz\r\n', 400),
                (head + b'X: ' + b'x' * 20000 + b'\r\n\r\n', 431),
                (b'GET /' + b'x' * 9000 + b' HTTP/1.1\r\nHost: a\r\n\r\n', 414)):
            with self.subTest(text[:60]):
                out = self.raw(text + b'GET / HTTP/1.1\r\nHost: h\r\n\r\n')
                self.assertTrue(out.startswith(b'HTTP/1.1 %d ' % status), out[:80])
                self.assertRegex(out, rb'\{"error":"[^"]+"\}$')  # one sentence, and nothing behind it

    def test_byte_by_byte(self):
        with socket.create_connection(('127.0.0.1', self.echo.port), 10) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for b in b'POST /http-echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc':
                s.send(bytes([b]))
            self.assertTrue(b''.join(iter(lambda: s.recv(100), b'')).endswith(b'\r\n\r\nabc'))

    def test_slow_readers_cost_a_piece_each(self):
        before = self.echo.rss_kb()
        with contextlib.ExitStack() as stack:
            slow = []
            for _ in range(20):  # 100 MB if each had its file in memory
                s = socket.socket()
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                s.connect(('127.0.0.1', self.echo.port))
                s.settimeout(10)
                s.sendall(b'GET /static/large.bin HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
                slow.append(stack.enter_context(s))
            for s in slow:
                s.recv(1000)
            self.assertEqual(self.curl(self.url + '/static/large.bin'), self.large)  # others are served meanwhile
            self.assertLess(self.echo.rss_kb() - before, 40_000)
            rest = b''.join(iter(lambda: slow[0].recv(65536), b''))
            self.assertTrue(rest.endswith(self.large[-1000:]))

    def test_many_come_and_go(self):
        sizes = []
        for _ in range(12):
            socks = [socket.create_connection(('127.0.0.1', self.echo.port)) for _ in range(400)]
            for i, s in enumerate(socks):  # whole, cut and silent ones
                s.sendall((b'GET / HTTP/1.1\r\nHost: h\r\n\r\n', b'GET / HT', b'')[i % 3])
            for s in socks:
                s.close()
            self.assertIn(b'sluice echo', self.curl(self.url + '/'))
            sizes.append(self.echo.rss_kb())
        if b'__asan' not in ECHO.read_bytes():  # which keeps what was freed for a while
            self.assertLess(sizes[-1] - sizes[4], 2048, sizes)


class StopTest(unittest.TestCase):
    def test_ends_and_is_back_at_once(self):
        port = 0
        for _ in range(3):
            echo = Echo(port=port)
            port = echo.port
            idle = socket.create_connection(('127.0.0.1', port), 5)
            idle.sendall(b'GET / HTTP/1.1\r\nHost: h\r\n\r\n')
            self.assertIn(b'200 OK', idle.recv(1000))
            began = time.monotonic()
            self.assertEqual(echo.stop(), 0)
            self.assertLess(time.monotonic() - began, 2)
            self.assertEqual(idle.recv(1000), b'')
            idle.close()

    def test_what_is_in_use_is_named(self):
        echo = Echo()
        second = subprocess.run([ECHO, '--port', str(echo.port)], capture_output=True, text=True, timeout=10)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f'127.0.0.1:{echo.port}', second.stderr)
        self.assertIn('choose another port', second.stderr)
        echo.stop()


if __name__ == '__main__':
    unittest.main()
