# SPDX-License-Identifier: MIT
"""`sluice doctor` through nginx that is set up well and badly, and at Socket.IO servers that are no hub."""
import base64, contextlib, hashlib, json, pathlib, re, shutil, socket, subprocess, tempfile, threading, time, unittest

from hub import Hub
from test_doctor import DoctorTest as Base, Server, always, doctor

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOOD = (ROOT / 'dist/nginx.conf').read_text()
NGINX = shutil.which('nginx') or shutil.which('nginx', path='/usr/sbin')
FRAME = '''
daemon off; master_process off; pid %(folder)s/pid; error_log %(folder)s/log;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path %(folder)s; proxy_temp_path %(folder)s; fastcgi_temp_path %(folder)s;
    uwsgi_temp_path %(folder)s; scgi_temp_path %(folder)s;
    %(server)s
}
'''
UPGRADE = ('        proxy_http_version 1.1;\n', '        proxy_set_header Upgrade $http_upgrade;\n', '        proxy_set_header Connection "upgrade";\n')


def changed(*pairs, text=GOOD):
    """dist/nginx.conf with some of its lines written otherwise."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


class Nginx:
    """A running nginx with this `server { }`, whose addresses are replaced by ours."""

    def __init__(self, server, hub_port):
        self.folder = tempfile.TemporaryDirectory(prefix='sluice-nginx-')
        deadline = time.monotonic() + 20
        while not self.start(server, hub_port, deadline):  # somebody else may have taken the port
            if time.monotonic() > deadline:
                raise RuntimeError(pathlib.Path(self.folder.name, 'log').read_text())

    def start(self, server, hub_port, deadline):
        with socket.create_server(('127.0.0.1', 0)) as s:
            self.port = s.getsockname()[1]
        server = changed(('listen 80;', f'listen 127.0.0.1:{self.port};'), ('127.0.0.1:5000', f'127.0.0.1:{hub_port}'), text=server)
        conf = pathlib.Path(self.folder.name) / 'nginx.conf'
        conf.write_text(FRAME % {'folder': self.folder.name, 'server': server})
        self.proc = subprocess.Popen([NGINX, '-c', conf, '-e', f'{self.folder.name}/log', '-p', self.folder.name], stdin=subprocess.DEVNULL)
        self.url = f'http://127.0.0.1:{self.port}'
        while self.proc.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', self.port), 1):
                return True
            time.sleep(0.01)
        return False

    def close(self):
        self.proc.terminate()
        self.proc.wait(10)
        self.folder.cleanup()


class DoctorTest(Base):
    def check(self, row, state, *said):
        self.assertEqual(row['state'], state, row)
        for text in said:
            self.assertIn(text, row['cause'] + ' ' + row.get('next', ''), row)


@unittest.skipUnless(NGINX, 'nginx is not installed')
class BehindNginx(DoctorTest):
    @classmethod
    def setUpClass(cls):
        cls.hub = Hub()

    @classmethod
    def tearDownClass(cls):
        cls.hub.close()

    def through(self, server, *args, path='', idle='0', timeout='5'):
        """(rows, all of it) of a doctor behind an nginx that has this server."""
        with contextlib.closing(Nginx(server, self.hub.port)) as proxy:
            _, rows, report = self.ask('--url', proxy.url + path, '--idle', idle, '--timeout', timeout, *args)
        return rows

    def passes(self, rows, *but):
        for name in ('health', 'between', 'handshake', 'socket.io revision', 'socket.io polling', 'socket.io websocket',
                     'socket.io upgrade', 'buffering', 'body size', 'silence'):
            if name not in but:
                self.check(rows[name], 'pass')

    def test_a_good_one(self):
        rows = self.through(GOOD, idle='1')
        self.passes(rows)
        self.assertIn('nginx/', rows['between']['cause'])
        self.assertIn('a silent WebSocket outlives 1.0 s; for the heartbeat: --idle 28', rows['silence']['cause'])
        self.assertFalse([r for r in rows.values() if 'paste' in r])

    def test_it_drops_upgrades(self):
        for server in (changed(*[(line, '') for line in UPGRADE]), changed(('Upgrade $http_upgrade', 'Upgrade ""')),
                       changed(('proxy_http_version 1.1', 'proxy_http_version 1.0'), (UPGRADE[1], ''))):
            with self.subTest(server):
                rows = self.through(server)
                self.passes(rows, 'handshake', 'socket.io websocket', 'socket.io upgrade', 'silence')
                self.check(rows['handshake'], 'fail', 'lost its Upgrade header', 'forward Upgrade')
                for way in ('websocket', 'upgrade'):
                    self.check(rows[f'socket.io {way}'], 'warn', 'lost its Upgrade header', 'polling works', 'forward Upgrade')
                    self.assertIn('proxy_set_header Upgrade $http_upgrade;', rows[f'socket.io {way}']['paste']['nginx'])

    def test_it_buffers(self):
        older = changed(('proxy_http_version 1.1', 'proxy_http_version 1.0'))  # 1.1: it passes each chunk on
        for old, new, state, said in (('', '', 'pass', 'at once'),
                                      ('proxy_buffering off;', '', 'pass', 'at once'),  # the hub asks nginx not to
                                      ('proxy_buffering off;', 'proxy_ignore_headers X-Accel-Buffering;', 'warn', 'buffering off')):
            rows = self.through(changed((old, new), text=older) if old else older, timeout='1')
            self.check(rows['buffering'], state, said)
        self.check(rows['buffering'], 'warn', 'is not here after 1.0 s: nginx/', 'keeps it back')
        self.assertEqual(rows['buffering']['paste']['nginx'], 'proxy_buffering off;')

    def test_its_limit_of_a_body(self):
        for limit, said in (('', 'refuses bodies of 4 MiB (413), and takes 1 MiB'),
                            ('client_max_body_size 100k;', 'refuses bodies of 256 KiB (413), and takes 64 KiB'),
                            ('client_max_body_size 1k;', 'takes less than 8 KiB')):
            rows = self.through(changed(('client_max_body_size 16m;', limit)))
            self.passes(rows, 'body size', 'silence')
            self.check(rows['body size'], 'warn', said, 'nginx/', '16 MiB')

    def test_its_patience(self):
        short = changed(('proxy_read_timeout 90s;', 'proxy_read_timeout 2s;'))
        rows = self.through(short, idle='20')
        self.passes(rows, 'silence')
        self.check(rows['silence'], 'fail', 'a silent WebSocket is ended after 2.', 'by nginx/', 'heartbeat takes 25.0 s', 'longer than 25 s')
        rows = self.through(changed((UPGRADE[1], ''), text=short), idle='20')  # who has no WebSocket polls
        self.check(rows['silence'], 'fail', 'a poll that waits is ended with status 504 after 2.', 'by nginx/')

    def test_unasked_only_who_is_behind_somebody_waits_for_the_heartbeat(self):
        with contextlib.closing(Nginx(changed(('proxy_read_timeout 90s;', 'proxy_read_timeout 1s;')), self.hub.port)) as proxy:
            self.check(self.ask('--url', proxy.url)[1]['silence'], 'fail')
        rows = self.ask('--url', f'http://{self.hub.address}')[1]
        self.check(rows['silence'], 'pass', 'nobody is between')
        self.check(rows['between'], 'pass', 'nobody')

    def test_behind_a_path(self):
        prefix = (('location / {', 'location /sluice/ {'),)
        cut = changed(*prefix, ('proxy_pass http://127.0.0.1:5000;', 'proxy_pass http://127.0.0.1:5000/;'))
        for path in ('/sluice/', '/sluice', '/sluice/ws', '/sluice/socket.io/?EIO=4&transport=websocket'):
            self.passes(self.through(cut, path=path, idle='1'))
        rows = self.through(cut)
        self.check(rows['health'], 'fail', '404, nginx/', 'behind a path? Say it: --url http://127.0.0.1:')
        self.check(rows['handshake'], 'fail', 'no WebSocket on this path')
        rows = self.through(changed(*prefix), path='/sluice/')  # our own 404, not nginx's
        self.check(rows['health'], 'fail', 'asked for another path (nothing is at /sluice/health)', 'cut /sluice off')
        self.assertEqual(rows['health']['paste']['nginx'], 'proxy_pass http://127.0.0.1:5000/;')

    def test_a_name_that_the_hub_does_not_know(self):
        rows = self.through(changed(('Host $http_host', 'Host other.example')))
        self.check(rows['health'], 'fail', '403: this hub is not known by the name', 'name it on the hub: --hosts')

    def test_nobody_behind_it(self):
        with socket.create_server(('127.0.0.1', 0)) as s:
            port = s.getsockname()[1]
        with contextlib.closing(Nginx(GOOD, port)) as proxy:
            rows = self.ask('--url', proxy.url)[1]
        self.check(rows['health'], 'fail', 'a proxy answers 502, nginx/', 'start the hub')

    def test_pasting_what_it_says_cures_it(self):
        bare = ('server {\n    listen 80;\n    location / {\n        proxy_pass http://127.0.0.1:5000;\n'
                '        proxy_read_timeout 1s; proxy_ignore_headers X-Accel-Buffering;\n    }\n}\n')
        lines = []
        for row in self.through(bare, idle='20', timeout='5').values():
            for line in row.get('paste', {}).get('nginx', '').splitlines():
                self.assertIn(line, GOOD)
                if line not in lines:
                    lines.append(line)
        self.assertEqual(len(lines), 7, lines)
        cured = changed(('proxy_read_timeout 1s;', ' '.join(lines)), text=bare)
        self.passes(self.through(cured, idle='2'))

    def test_for_people(self):
        with contextlib.closing(Nginx(changed(('client_max_body_size 16m;', '')), self.hub.port)) as proxy:
            got = doctor('--url', proxy.url, '--idle', '0').stdout
        self.assertRegex(got, r'(?m)^warn  body size .*\n +next: let it take 16 MiB.*\n      for nginx:\n        client_max_body_size 16m;\n')

    def test_people_are_told_lines_once(self):
        with contextlib.closing(Nginx(changed((UPGRADE[1], '')), self.hub.port)) as proxy:
            got = doctor('--url', proxy.url, '--idle', '0').stdout
        self.assertEqual((got.count('lost its Upgrade header'), got.count('proxy_set_header Upgrade $http_upgrade;\n')), (3, 1))

    def test_the_manual_has_the_lines_that_were_tested(self):
        manual = (ROOT / 'docs/operations.md').read_text()
        block = re.search(r'```nginx\n(.*?)```', manual, re.S).group(1)
        self.assertIn(block, GOOD)
        self.assertEqual(block.split('\n', 1)[0], 'server {')
        self.assertTrue(GOOD.endswith(block))


# ---- Socket.IO servers that are no hub ----

class SocketIO:
    """As little of Engine.IO as a handshake needs: `speaks` 3, 4 or both; it looks at EIO if `looks`. With `ping_ms` by WebSocket, too."""

    def __init__(self, *speaks, looks=True, is_hub=False, ping_ms=None):
        self.speaks, self.looks, self.is_hub, self.ping_ms = speaks, looks, is_hub, ping_ms
        self.ended = []
        self.sock = socket.create_server(('127.0.0.1', 0))
        self.url = 'http://127.0.0.1:%d' % self.sock.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.sock.accept()[0],), daemon=True).start()

    def open(self):
        return '0' + json.dumps({'sid': 's-1', 'upgrades': ['websocket'], 'pingInterval': self.ping_ms or 25000, 'pingTimeout': 5000})

    def answer(self, line, body):
        if '/socket.io/' not in line:
            return ('200', '{"ok":true}') if self.is_hub and '/health' in line else ('404', 'Cannot GET')
        if line.startswith('POST'):
            self.ended.append(body)
            return '200', 'ok'
        asked = int(re.search(r'EIO=(\d+)', line).group(1))
        if not self.speaks or (self.looks and asked not in self.speaks):
            return '400', '{"code":5,"message":"Unsupported protocol version"}'
        if (asked if asked in self.speaks else self.speaks[0]) == 4:
            return '200', self.open()
        return '200', f'{len(self.open())}:{self.open()}2:40'

    def serve(self, s):
        with contextlib.suppress(OSError), s, s.makefile('rb') as file:
            line, fields = file.readline().decode(), {}
            while (field := file.readline().decode().strip()):
                name, _, value = field.partition(':')
                fields[name.lower()] = value.strip()
            if self.ping_ms and '/socket.io/' in line and 'sec-websocket-key' in fields:
                return self.websocket(s, fields['sec-websocket-key'])
            status, body = self.answer(line, file.read(int(fields.get('content-length', 0))) if 'expect' not in fields else b'')
            s.sendall(f'HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}'.encode())

    def websocket(self, s, key):
        accept = base64.b64encode(hashlib.sha1(key.encode() + b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest()).decode()
        s.sendall(f'HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n'.encode())
        hello = self.open().encode()
        s.sendall(bytes([0x81, len(hello)]) + hello)
        time.sleep(self.ping_ms / 1000)  # that is what is measured
        s.sendall(b'\x81\x012')
        while s.recv(4096):
            pass

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join(10)


class Revisions(DoctorTest):
    def revision(self, server, path=''):
        with contextlib.closing(server):
            return self.ask('--url', server.url + path, '--timeout', '1')[1]['socket.io revision']

    def test_a_socketio_server_that_is_no_hub(self):
        for server, said, ended in ((SocketIO(4), 'revision 4 of Engine.IO alone', [b'1']),
                                    (SocketIO(3), 'revision 3 of Engine.IO alone', [b'1:1']),
                                    (SocketIO(3, looks=False), 'revision 3 of Engine.IO alone', [b'1:1'] * 2),
                                    (SocketIO(3, 4), 'revisions 3 and 4', [b'1', b'1:1']),
                                    (SocketIO(), 'neither revision 3 nor 4', [])):
            row = self.revision(server)
            self.check(row, 'fail', 'a Socket.IO server, but not Sluice', said, 'sluice tail http://127.0.0.1:')
            self.assertEqual(server.ended, ended)  # no session is left behind
        with contextlib.closing(Server(always(404, b'<html>'))) as server:
            self.check(self.ask('--url', server.url)[1]['socket.io revision'], 'skip', 'no Socket.IO there: /socket.io/ answers 404')

    def test_a_hub_that_speaks_one(self):
        self.check(self.revision(SocketIO(4, is_hub=True)), 'warn', 'clients of 1.x and 2.x, which say EIO=3, are refused')
        self.check(self.revision(SocketIO(3, is_hub=True)), 'warn', 'clients of 3.x and 4.x, which say EIO=4, are refused')
        self.check(self.revision(SocketIO(is_hub=True)), 'warn', 'every client is refused')
        self.check(self.revision(SocketIO(4, 3, is_hub=True)), 'pass', 'Socket.IO 1.x to 4.x')

    def test_the_revision_of_an_address(self):
        for eio, state in ((4, 'pass'), (3, 'pass'), (5, 'fail'), ('', 'pass'), ('x', 'fail')):
            row = self.revision(SocketIO(3, 4, is_hub=True), f'/socket.io/?transport=polling&EIO={eio}')
            self.check(row, state, *([f'says EIO={eio} is refused', 'EIO=3, those of 3.x and 4.x EIO=4'] if state == 'fail' else []))
        self.check(self.revision(SocketIO(4, is_hub=True), '/socket.io/?EIO=3'), 'fail', 'says EIO=3 is refused', 'revision 4')

    def test_a_heartbeat_that_comes(self):
        with contextlib.closing(SocketIO(4, is_hub=True, ping_ms=700)) as server:
            row = self.ask('--url', server.url, '--idle', '20', '--timeout', '1')[1]['silence']
        self.check(row, 'pass', "the hub's heartbeat came after 0.")

    def test_a_real_hub(self):
        with contextlib.closing(Hub()) as hub:
            rows = self.ask('--url', f'http://{hub.address}')[1]
            self.check(rows['socket.io revision'], 'pass', 'Socket.IO 1.x to 4.x')
            self.assertEqual(hub.json('/api/connections?transport=polling')['connections'], [])


del Base
