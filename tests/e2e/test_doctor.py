# SPDX-License-Identifier: MIT
"""`sluice doctor`: against the real hub, against what is none, and through a bad proxy."""
import contextlib, http.client, http.server, json, os, pathlib, socket, subprocess, tempfile, threading, time, unittest

from camera import Camera, jpeg
from hub import SLUICE, Hub

CONFIG = """
import os
DEVICE_ID = "cam-7"
BACKEND_URL = "http://192.0.2.7:5000"   # the hub
WIDTH = HEIGHT = 768
MODEL_NAME, ZOO_PATH, DEVICE_TYPE = "glass", "zoo", "HAILO8"
MIN_CONFIDENCE = 0.5
UPLOAD_COOLDOWN = 2.0
SPATIAL_DIST = 50
SUPABASE_URL = "http://192.0.2.7:5000"
SUPABASE_SERVICE_ROLE_KEY = os.environ.get("KEY", "x")
BUCKET_NAME = "defects"
"""
NAMES = ('PORT', 'SLUICE_LISTEN', 'BACKEND_URL', 'REACT_APP_WS_URL', 'REACT_APP_BACKEND_URL', 'DEVICE_ID', 'CHECK_PATH', 'KEY')


def doctor(*args, **env):
    """The finished doctor."""
    clean = {k: v for k, v in os.environ.items() if k not in NAMES}
    return subprocess.run([SLUICE, 'doctor', *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          env={**clean, **env})


class DoctorTest(unittest.TestCase):
    def ask(self, *args, **env):
        """(exit code, {row name: row}, all of it) by --json."""
        got = doctor('--json', *args, **env)
        self.assertEqual(got.stderr, '')
        report = json.loads(got.stdout)
        self.assertEqual(report['exit_code'], got.returncode)
        self.assertEqual(report['ok'], not any(s['state'] == 'fail' for s in report['steps']))
        for s in report['steps']:
            self.assertEqual('next' in s, s['state'] in ('warn', 'fail'), s)
        return got.returncode, {s['name']: s for s in report['steps']}, report

    def states(self, rows):
        return {name: row['state'] for name, row in rows.items()}


class HealthyHub(DoctorTest):
    @classmethod
    def setUpClass(cls):
        cls.hub = Hub()
        cls.url = f'http://{cls.hub.address}'

    @classmethod
    def tearDownClass(cls):
        cls.hub.close()

    def test_without_devices(self):
        with contextlib.closing(Hub()) as hub:
            code, rows, report = self.ask('--url', f'http://{hub.address}', REACT_APP_BACKEND_URL=f'http://localhost:{hub.port}')
        self.assertEqual(code, 0)
        states = self.states(rows)
        for name in ('port', 'health', 'settings', 'handshake', 'socket.io polling', 'socket.io websocket', 'socket.io upgrade'):
            self.assertEqual(states[name], 'pass', rows[name])
        for name in ('device address', 'registered', 'frames', 'detections'):
            self.assertEqual(states[name], 'warn', rows[name])
        self.assertIn('sluice sim glass', rows['registered']['next'])
        self.assertIn('MIN_CONFIDENCE', rows['detections']['next'])
        self.assertIn('Live video is optional', report['notes'][0])

    def test_who_knocks_in_vain_is_named_with_the_cure(self):
        with contextlib.closing(Hub()) as hub:
            url = f'http://{hub.address}'
            for _ in range(2):  # the doctor's own questions are no knocks
                self.assertEqual(self.ask('--url', url)[1]['knocking']['state'], 'pass')
            hub.get('/no/such/thing')
            with socket.create_connection(('127.0.0.1', hub.port)) as tls:
                tls.sendall(b'\x16\x03\x01\x02\x00\x01\x00')
                tls.recv(1)
            row = self.ask('--url', url)[1]['knocking']
        self.assertEqual(row['state'], 'warn')
        self.assertIn('127.0.0.1 tried in vain (1 times): It speaks TLS', row['cause'])
        self.assertIn('Write ws:// or http://', row['next'])
        self.assertIn('1 more', row['next'])

    def test_with_a_camera(self):
        camera = Camera(self.hub.url, 'lens/1 é')
        self.addCleanup(camera.close)
        camera.frame(jpeg('red'))
        camera.detection()
        self.wait_for_row('lens%2F1%20%C3%A9')
        code, rows, report = self.ask('--url', self.url, '--device', 'lens/1 é')
        self.assertEqual(code, 0)
        for name in ('registered', 'frames', 'detections'):
            self.assertEqual(rows[name]['state'], 'pass', rows[name])
        self.assertEqual(report['notes'], [])
        code, rows, report = self.ask('--url', self.url, '--device', 'another')
        self.assertEqual(code, 1)
        self.assertEqual([rows[n]['state'] for n in ('registered', 'frames', 'detections')], ['fail', 'fail', 'warn'])
        self.assertIn('Live video is optional', report['notes'][0])

    def wait_for_row(self, device):
        deadline = time.monotonic() + 20
        while not self.hub.json(f'/defects?deviceId={device}')['data']:
            self.assertLess(time.monotonic(), deadline)

    def test_a_camera_that_sends_no_picture(self):
        camera = Camera(self.hub.url, 'blind')
        self.addCleanup(camera.close)
        camera.detection(timestamp='2020-01-01T00:00:00Z')
        self.wait_for_row('blind')
        code, rows, _ = self.ask('--url', self.url, '--device', 'blind')
        self.assertEqual(code, 1)
        self.assertEqual((rows['registered']['state'], rows['frames']['state']), ('pass', 'fail'))
        self.assertIn("compare the device's address with the website's", rows['frames']['next'])
        self.assertEqual(rows['detections']['state'], 'pass')  # by the hub's clock, not by the device's

    def test_addresses(self):
        port = self.hub.port
        for env, row, state, said in (
                ({'REACT_APP_BACKEND_URL': 'http://localhost:1'}, 'settings', 'fail', f'this hub has port {port}'),
                ({'REACT_APP_BACKEND_URL': f'http://127.0.0.1:{port}'}, 'settings', 'warn', 'TLS'),
                ({'REACT_APP_WS_URL': 'wss://hub.example', 'REACT_APP_BACKEND_URL': f'http://localhost:{port}'},
                 'settings', 'warn', 'wss://hub.example/ws'),
                ({'PORT': '4000'}, 'settings', 'warn', 'PORT says port 4000'),
                ({}, 'device address', 'warn', 'addresses of this machine'),
                ({'BACKEND_URL': f'http://localhost:{port}'}, 'device address', 'pass', 'this machine alone'),
                ({'BACKEND_URL': 'http:///'}, 'device address', 'fail', 'no address'),
                ({'BACKEND_URL': f'http://localhost:{port}'}, 'reach', 'pass', 'the hub answers'),
                ({'BACKEND_URL': f'http://localhost:{port}'}, 'device port', 'warn', 'dial ws://localhost/ws, port 80')):
            with self.subTest(env=env, row=row):
                _, rows, _ = self.ask('--url', self.url, **env)
                self.assertEqual(rows[row]['state'], state, rows[row])
                self.assertIn(said, rows[row]['cause'])

    def test_the_websites_env_file(self):
        with tempfile.NamedTemporaryFile('w', suffix='.env') as file:
            file.write(f'# built with\nREACT_APP_BACKEND_URL="http://localhost:{self.hub.port}"\n')
            file.flush()
            _, rows, _ = self.ask('--url', self.url, '--env-file', file.name)
            self.assertEqual(rows['settings']['state'], 'pass')
            file.write('what is this\n')
            file.flush()
            self.assertEqual(doctor('--url', self.url, '--env-file', file.name).returncode, 65)
        self.assertEqual(doctor('--url', self.url, '--env-file', file.name).returncode, 66)

    def test_the_mock_device(self):
        code, rows, report = self.ask('--url', self.url, '--mock', DEVICE_ID='mock-1')
        self.assertEqual((code, set(self.states(rows).values())), (0, {'pass'}))
        self.assertEqual(list(rows), ['connect', 'register', 'frames', 'detection'])
        self.assertGreaterEqual(rows['frames']['took_ms'], 2000)
        self.assertEqual(report['notes'][1], 'Registration: CONFIRMED')
        self.wait_for_row('mock-1')
        row, = self.hub.json('/defects?deviceId=mock-1')['data']
        self.assertEqual((row['defect_type'], row['confidence']), ('edge_defect', 0.92))

    def test_a_proxy_that_drops_upgrades(self):
        with contextlib.closing(Server(forward(self.hub.port))) as proxy:
            code, rows, _ = self.ask('--url', proxy.url, '--idle', '0', '--timeout', '2')
        self.assertEqual(code, 1)
        self.assertEqual((rows['health']['state'], rows['handshake']['state']), ('pass', 'fail'))
        self.assertIn('proxy forward Upgrade', rows['handshake']['next'])
        self.assertEqual([rows[f'socket.io {way}']['state'] for way in ('polling', 'websocket', 'upgrade')], ['pass', 'warn', 'warn'])
        for way in ('websocket', 'upgrade'):
            self.assertIn('lost its Upgrade header', rows[f'socket.io {way}']['cause'])
            self.assertIn('proxy forward Upgrade', rows[f'socket.io {way}']['next'])

    def test_what_answers_for_socketio(self):
        for status, body, polling, upgrade in (
                (404, b'{"error":"nothing here"}', 'no Socket.IO on this path', 'skip'),
                (200, b'<html>', 'a website or another program', 'skip'),
                (400, b'{"code":5,"message":"Unsupported protocol version"}', 'another revision', 'skip'),
                (400, b'{"code":0,"message":"Transport unknown"}', 'does not speak this transport', 'skip'),
                (403, b'no', 'by this name or from this page', 'skip'),
                (502, b'', 'the hub behind it does not', 'skip'),
                (200, b'0{"sid":"abc","upgrades":[]}', None, 'warn')):
            with self.subTest(body), contextlib.closing(Server(by_path(status, body))) as server:
                rows = self.ask('--url', server.url)[1]
            row = rows['socket.io polling']
            self.assertEqual(row['state'], 'warn' if polling else 'pass', row)
            self.assertIn(polling or '', row['cause'])
            self.assertEqual((rows['socket.io websocket']['state'], rows['socket.io upgrade']['state']), ('warn', upgrade))

    def test_lines_for_people(self):
        got = doctor('--url', self.url)
        self.assertEqual(got.returncode, 0)
        self.assertRegex(got.stdout, r'(?m)^pass  port +something listens on ')
        self.assertRegex(got.stdout, r'(?m)^warn  device address .*\n +next: on the device: export BACKEND_URL=')
        self.assertRegex(got.stdout, r'\d+ passed, \d+ warned, 0 failed, 0 skipped\n$')
        self.assertNotIn('\033', got.stdout)  # no terminal, no colours

    def test_a_terminal_gets_colours_unless_it_wants_none(self):
        for env, expected in (({}, True), ({'NO_COLOR': '1'}, False), ({'TERM': 'dumb'}, False)):
            ours, theirs = os.openpty()
            with subprocess.Popen([SLUICE, 'doctor', '--url', self.url], stdin=subprocess.DEVNULL, stdout=theirs,
                                  env={**{k: v for k, v in os.environ.items() if k not in (*NAMES, 'NO_COLOR')}, 'TERM': 'xterm', **env}):
                os.close(theirs)
                said = b''
                with contextlib.suppress(OSError):  # EIO: the other end is closed
                    while piece := os.read(ours, 4096):
                        said += piece
            os.close(ours)
            self.assertEqual(b'\033[32mpass' in said, expected, env)


# ---- what is no hub ----

def forward(port):
    """A handler that passes GET on without Upgrade and Connection, as an untaught proxy does."""
    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.closing(http.client.HTTPConnection('127.0.0.1', port, timeout=1)) as c, contextlib.suppress(TimeoutError):
                c.request('GET', self.path, headers={k: v for k, v in self.headers.items() if k.lower() not in ('upgrade', 'connection')})
                answer = c.getresponse()
                body = answer.read()  # a feed never ends: nothing of it is passed on
                self.send_response(answer.status)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args):
            pass
    return Proxy


def always(status, body, **headers):
    class Always(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass
    return Always


def by_path(status, body):
    """A hub by its /health, and this for the rest."""
    class ByPath(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            what = (200, b'{"ok":true}') if self.path == '/health' else (status, body)
            self.send_response(what[0])
            self.send_header('Content-Length', str(len(what[1])))
            self.end_headers()
            self.wfile.write(what[1])

        def log_message(self, *args):
            pass
    return ByPath


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler):
        super().__init__(('127.0.0.1', 0), handler)
        self.url = 'http://127.0.0.1:%d' % self.server_address[1]
        self.thread = threading.Thread(target=self.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True)
        self.thread.start()

    def close(self):
        self.shutdown()
        self.thread.join(10)
        self.server_close()


class Talker:
    """Takes connections, says `text` and waits until the peer goes; None: says nothing."""

    def __init__(self, text=None, repeat=0):
        self.sock = socket.create_server(('127.0.0.1', 0))
        self.url = 'http://127.0.0.1:%d' % self.sock.getsockname()[1]
        self.text, self.repeat, self.open = text, repeat, []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                s = self.sock.accept()[0]
                self.open.append(s)
                with contextlib.suppress(OSError):
                    if self.text is not None:
                        s.sendall(self.text)
                    for _ in range(self.repeat):
                        s.sendall(b'x' * 65536)

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join(10)
        for s in self.open:
            s.close()


def answer(body):
    return b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(body) + body


class NoHub(DoctorTest):
    def url_of_nobody(self):
        with socket.create_server(('127.0.0.1', 0)) as s:
            return 'http://127.0.0.1:%d' % s.getsockname()[1]

    def test_nothing_listens(self):
        code, rows, _ = self.ask('--url', self.url_of_nobody())
        self.assertEqual((code, rows['port']['state']), (1, 'fail'))
        self.assertIn('connection refused', rows['port']['cause'])
        self.assertIn('sluice serve', rows['port']['next'])
        for name in ('health', 'handshake', 'registered', 'frames', 'detections'):
            self.assertEqual(rows[name]['state'], 'skip')
        code, rows, report = self.ask('--url', self.url_of_nobody(), '--mock')
        self.assertEqual((code, rows['connect']['state'], rows['frames']['state']), (1, 'fail', 'skip'))
        for cause in ('not running', 'no WebSocket', 'network', 'firewall'):
            self.assertIn(cause, report['notes'][0])

    def test_a_port_that_says_nothing(self):
        with contextlib.closing(Talker()) as silent:
            began = time.monotonic()
            code, rows, _ = self.ask('--url', silent.url, '--timeout', '1')
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual((code, rows['port']['state'], rows['health']['state']), (1, 'pass', 'fail'))
        self.assertIn('the hub hangs', rows['health']['cause'])
        self.assertEqual(rows['handshake']['state'], 'skip')

    def test_a_server_that_answers_200_to_everything(self):
        with contextlib.closing(Server(always(200, b'{"ok":true}'))) as server:
            code, rows, _ = self.ask('--url', server.url)
        self.assertEqual((code, rows['health']['state'], rows['handshake']['state']), (1, 'pass', 'fail'))
        self.assertIn('status 200: plain HTTP answered', rows['handshake']['cause'])
        self.assertEqual(rows['registered']['state'], 'warn')  # it does not tell

    def test_another_web_server(self):
        with contextlib.closing(Server(always(404, b'<html>', X='y'))) as server:
            code, rows, _ = self.ask('--url', server.url)
        self.assertEqual((code, rows['health']['state']), (1, 'fail'))
        self.assertIn('another program has the port: /health answers 404, BaseHTTP', rows['health']['cause'])
        self.assertIn('there is no WebSocket on this path', rows['handshake']['cause'])

    def test_a_hub_that_refuses_records(self):
        with contextlib.closing(Server(always(503, b'{"ok":false,"reason":"the disk is full"}'))) as server:
            code, rows, _ = self.ask('--url', server.url)
        self.assertEqual((code, rows['health']['state']), (1, 'fail'))
        self.assertIn('the disk is full', rows['health']['cause'])

    def test_hostile_answers(self):
        for text, repeat, said in (
                (b'SSH-2.0-OpenSSH_9.2 \x1b]0;title\x07\r\n', 0, 'SSH-2.0-OpenSSH_9.2 ?]0;title?'),
                (b'HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n', 0, 'larger than the limit'),
                (b'HTTP/1.1 200 OK\r\n\r\n', 1000, 'larger than the limit'),
                (b'HTTP/1.1 200 OK\r\nX: ', 1000, 'larger than the limit'),
                (b'HTTP/1.1 500 \xff\r\nServer: \x1b[2J\xc2\x9b\r\nContent-Length: 1\r\n\r\nx', 0, '500, ?[2J?'),
                (answer(b'[' * 5000), 0, 'no JSON'),
                (answer(b'{"ok":false,"reason":"\x1b[2J"}'), 0, 'no JSON'),
                (answer(b'{"ok":false,"reason":"a\\u001b[2J b\xc2\x9bc"}'), 0, 'a\\u001b[2J b?c')):
            with self.subTest(text=text[:60]), contextlib.closing(Talker(text, repeat)) as hostile:
                for args in ([], ['--json']):
                    got = doctor('--url', hostile.url, '--timeout', '1', *args)
                    self.assertEqual((got.returncode, got.stderr), (1, ''))
                    self.assertFalse(set(got.stdout) & {'\x1b', '\x07', '\x9b', '\r'}, got.stdout)
                cause = next(s['cause'] for s in json.loads(got.stdout)['steps'] if s['name'] == 'health')
                self.assertIn(said, cause)


# ---- the parts alone, with codes of their own ----

class Backend(DoctorTest):
    def test_a_code_for_each_stage(self):
        with socket.create_server(('127.0.0.1', 0)) as s:
            nobody = 'http://127.0.0.1:%d' % s.getsockname()[1]
        self.assertEqual(self.ask('--backend-check', '--url', nobody)[0], 1)
        with contextlib.closing(Server(always(500, b''))) as broken:
            code, rows, _ = self.ask('--backend-check', '--url', broken.url)
            self.assertEqual((code, rows['tcp']['state'], rows['http']['cause']), (2, 'pass', 'GET / answers 500'))
        with contextlib.closing(Server(always(404, b''))) as plain:
            code, rows, _ = self.ask('--backend-check', '--url', plain.url, CHECK_PATH='/x')
            self.assertEqual((code, rows['http']['cause']), (3, 'GET /x answers 404'))
            self.assertEqual(self.ask('--backend-check', '--all', '--url', plain.url)[0], 1)


class ConfigPy(DoctorTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / 'config.py'

    def check(self, text=CONFIG, *args, **env):
        self.path.write_text(text)
        return self.ask('--config-py', str(self.path), *args, **env)

    def test_a_good_one(self):
        code, rows, _ = self.check()
        self.assertEqual(code, 0)
        self.assertEqual(self.states(rows), {'config': 'pass', 'address': 'pass', 'url': 'warn', 'messages': 'pass', 'fps': 'skip',
                                             'library': 'skip', 'stores': 'pass'})
        self.assertIn('ws://192.0.2.7/ws, that is port 80', rows['url']['cause'])
        self.assertIn('drops the :5000', rows['url']['next'])
        self.assertEqual(self.check(CONFIG.replace(':5000"   #', '"   #'))[1]['url']['state'], 'pass')

    def test_each_fault_has_its_code(self):
        for old, new, code, row, said in (
                ('MIN_CONFIDENCE', 'MIN_CONFIDENCES', 1, 'config', 'MIN_CONFIDENCE is missing'),
                ('"HAILO8"', '"HAILO8', 1, 'config', 'never ends'),
                ('"http://192.0.2.7:5000"   #', '""   #', 2, 'address', 'empty'),
                ('"http://192.0.2.7:5000"   #', 'None   #', 2, 'address', 'no text'),
                ('"http://192.0.2.7:5000"   #', 'os.getenv("BACKEND_URL")   #', 2, 'address', 'environment'),
                ('"http://192.0.2.7:5000"   #', '"http://:5000"   #', 3, 'url', 'ws:///ws'),
                ('"http://192.0.2.7:5000"   #', '"http://[fd00::1]:5000"   #', 3, 'url', 'ws://'),
                ('DEVICE_ID = "cam-7"', 'DEVICE_ID = ""', 4, 'messages', 'DEVICE_ID'),
                ('DEVICE_ID = "cam-7"', 'DEVICE_ID = 7', 4, 'messages', 'DEVICE_ID'),
                ('MIN_CONFIDENCE = 0.5', 'MIN_CONFIDENCE = 50', 4, 'messages', 'MIN_CONFIDENCE'),
                ('HEIGHT = 768', 'HEIGHT = "768"', 4, 'messages', 'WIDTH')):
            with self.subTest(new=new):
                self.assertIn(old, CONFIG)
                got, rows, _ = self.check(CONFIG.replace(old, new))
                self.assertEqual((got, rows[row]['state']), (code, 'fail'), rows)
                self.assertIn(said, rows[row]['cause'])
        self.path.unlink()
        self.assertEqual(self.ask('--config-py', str(self.path))[0], 1)

    def test_the_environment_is_asked_as_the_program_would(self):
        text = CONFIG.replace('"http://192.0.2.7:5000"   #', 'os.getenv("BACKEND_URL")   #')
        code, rows, _ = self.check(text, BACKEND_URL='https://hub.example')
        self.assertEqual((code, rows['url']['cause']), (0, 'the device will dial wss://hub.example/ws, that is port 443'))

    def test_stores_are_optional(self):
        text = '\n'.join(line for line in CONFIG.splitlines() if not line.startswith(('SUPABASE', 'BUCKET')))
        code, rows, _ = self.check(text)
        self.assertEqual((code, rows['stores']['state']), (0, 'warn'))

    def test_the_program_beside_it(self):
        modules = self.folder / 'modules'
        modules.mkdir()
        (modules / '__init__.py').touch()
        self.path = modules / 'config.py'
        (self.folder / 'main.py').write_text('import websocket\n# def fps\nfps = 3\n')
        code, rows, _ = self.check(CONFIG, '--python', '/usr/bin/python3')
        self.assertEqual((code, rows['fps']['state'], rows['library']['state']), (5, 'fail', 'pass'))
        (modules / 'rate.py').write_text('class FPSCounter(object):\n    pass\n')
        self.assertEqual(self.check(CONFIG, '--python', '/usr/bin/python3')[0], 0)
        for python in ('/bin/false', '/there/is/none'):
            code, rows, _ = self.check(CONFIG, '--python', python)
            self.assertEqual((code, rows['library']['state']), (6, 'fail'))

    def test_its_address_is_used_for_the_hub_with_all(self):
        with contextlib.closing(Hub()) as hub:
            text = CONFIG.replace('http://192.0.2.7:5000"   #', f'http://localhost:{hub.port}"   #')
            code, rows, _ = self.check(text, '--all', '--url', f'http://{hub.address}')
            self.assertEqual((code, rows['device address']['state'], rows['reach']['state']), (0, 'pass', 'pass'))
            self.assertIn('of config.py', rows['device address']['cause'])
            (code, rows, _) = self.check(text.replace('DEVICE_ID', 'ID'), '--all', '--url', f'http://{hub.address}')
            self.assertEqual((code, rows['port']['state']), (1, 'pass'))


class Words(DoctorTest):
    def test_help_begins_with_examples_and_tells_the_codes(self):
        got = doctor('--help')
        self.assertEqual((got.returncode, got.stderr), (0, ''))
        self.assertLess(got.stdout.index('examples:'), got.stdout.index('usage:'))
        self.assertIn('1 config, 2 address, 3 URL, 4 messages, 5 FPS helper, 6 library', got.stdout)

    def test_slips(self):
        for args, said in ((['--url', 'ftp://x'], 'http://HOST:PORT'), (['--url', 'https://x'], 'TLS'), (['--timeout', '0'], '1 to 120'),
                           (['--device', ''], '1 to 128'), (['--jason'], 'did you mean --json?')):
            got = doctor(*args)
            self.assertEqual((got.returncode, got.stdout), (64, ''), args)
            self.assertIn(said, got.stderr)
        self.assertIn('sluice doctor', subprocess.run([SLUICE, '--help'], capture_output=True, text=True, timeout=20).stdout)


if __name__ == '__main__':
    unittest.main()
