#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sluice serve from outside: settings and where they come from, reload, systemd's manners, who is let in."""
import contextlib, json, os, pathlib, re, signal, socket, subprocess, sys, tempfile, time, unittest, urllib.error, urllib.request

import websocket

BUILD = pathlib.Path(os.environ.get('SLUICE_BUILD', 'build')).resolve()
ROOT = pathlib.Path(__file__).resolve().parents[2]
SLUICE = BUILD / 'sluice'
SECONDS = 30
# what the machine's own environment says must not matter
CLEAN = {k: v for k, v in os.environ.items() if k != 'PORT' and not k.startswith(('SLUICE_', 'NOTIFY_', 'WATCHDOG_', 'LISTEN_'))}


def wait_for(condition, what):
    deadline = time.monotonic() + SECONDS
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {SECONDS} s: {what}')
        time.sleep(0.005)
    return value


class ServeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='sluice-serve-')
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.data = self.folder / 'data'
        self.ready = self.folder / 'ready'
        self.stderr = self.folder / 'stderr'

    def file(self, name, text):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def run_sluice(self, *args, **env):
        return subprocess.run([SLUICE, *args], capture_output=True, text=True, timeout=SECONDS, env=CLEAN | env)

    def spawn(self, *args, listen=('127.0.0.1:0',), wrap=(), pass_fds=(), **env):
        flags = [x for address in listen for x in ('--listen', address)]
        self.ready.unlink(missing_ok=True)
        self.proc = subprocess.Popen([*wrap, SLUICE, 'serve', *flags, '--data', self.data, '--ready-file', self.ready, *args],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.stderr.open('ab'),
                                     env=CLEAN | env, pass_fds=pass_fds)
        self.addCleanup(self.end)
        wait_for(lambda: self.ready.exists() or self.proc.poll() is not None, 'the ready file')
        self.assertTrue(self.ready.exists(), self.said())
        self.addresses = self.ready.read_text().split()
        self.port = int(self.addresses[0].rsplit(':', 1)[1])

    def end(self):
        if self.proc.poll() is None:
            self.proc.terminate()
            try:
                self.assertEqual(self.proc.wait(SECONDS), 0, self.said()[-4000:])
            finally:
                if self.proc.poll() is None:
                    self.proc.kill()
                    self.proc.wait()

    def said(self):
        return self.stderr.read_text(errors='replace')

    def hangup(self, until, where=None):
        """SIGHUP, and wait for a line that was not there before."""
        source = where or self.stderr
        before = source.stat().st_size if source.exists() else 0
        self.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: source.exists() and until in source.read_text()[before:], until)
        return source.read_text()[before:]

    def get(self, path='/health', port=None, **headers):
        request = urllib.request.Request(f'http://127.0.0.1:{port or self.port}{path}', headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, answer.read()

    def upgrade(self, **headers):
        """The status of a WebSocket upgrade on /ws."""
        try:
            ws = websocket.create_connection(f'ws://127.0.0.1:{self.port}/ws', timeout=SECONDS,
                                             origin=headers.get('Origin'), suppress_origin='Origin' not in headers,
                                             host=headers.get('Host'))
        except websocket.WebSocketBadStatusException as caught:
            return caught.status_code
        ws.close()
        return 101


class Config(ServeTest):
    def test_the_sample_file_is_taken_and_changes_nothing(self):
        sample = ROOT / 'dist/sluice.yaml'
        got = self.run_sluice('config', 'check', '--config', sample)
        self.assertEqual((got.returncode, got.stdout, got.stderr), (0, f'{sample}: ok\n', ''))
        self.assertEqual(self.run_sluice('config', 'print', '--config', sample).stdout, self.run_sluice('config', 'print').stdout)

    def test_every_line_of_the_sample_is_taken_when_it_is_no_comment(self):
        text = (ROOT / 'dist/sluice.yaml').read_text()
        path = self.file('full.yaml', re.sub(r'(?m)^( *)#(?=\S|  - )', r'\1', text))
        got = self.run_sluice('config', 'print', '--config', path)
        self.assertEqual((got.returncode, got.stderr), (0, ''))
        self.assertNotIn('# default', got.stdout)
        self.assertNotIn('not set', got.stdout)

    def test_what_is_printed_can_be_read_again(self):
        path = self.file('f.yaml', 'listen: ["[::1]:1", localhost:2]\norigins: [any, "http://A:80"]\ndata: "a \\"b\\" \\\\ #c"\nlog: {level: warn}\n')
        first = self.run_sluice('config', 'print', '--config', path, '--budget', '1500us', SLUICE_HOSTS='x,y')
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertRegex(first.stdout, r'(?m)^  level: warn +# .*f\.yaml:4$')
        self.assertRegex(first.stdout, r'(?m)^  budget: 1500us +# flag --budget$')
        self.assertRegex(first.stdout, r'(?m)^hosts: \[x, y\] +# env SLUICE_HOSTS$')
        self.assertRegex(first.stdout, r'(?m)^  queue: 4MiB +# default$')
        again = self.run_sluice('config', 'print', '--config', self.file('again.yaml', first.stdout))
        values = [[line.rsplit(' # ', 1)[0].rstrip() for line in text.splitlines()] for text in (first.stdout, again.stdout)]
        self.assertEqual(*values)

    def test_mistakes_have_a_place_and_an_exit_code(self):
        path = self.file('bad.yaml', 'lisen: x\nlimits:\n  connections: 3x\n')
        for command in (['config', 'check'], ['config', 'print'], ['serve']):
            got = self.run_sluice(*command, '--config', path)
            self.assertEqual((got.returncode, got.stdout), (78, ''))
            self.assertIn(f"sluice: {path}:1:1: there is no setting 'lisen'; did you mean listen?\n", got.stderr)
            self.assertIn(f"sluice: {path}:3:16: limits.connections takes a whole number from 1 to 1000000, not '3x'", got.stderr)
        self.assertEqual(self.run_sluice('config', 'check', '--config', self.folder / 'none').returncode, 78)
        self.assertEqual(self.run_sluice('config', 'check', '--listen', '0.0.0.0:1').returncode, 78)
        self.assertEqual(self.run_sluice('config', 'check', '--budget', 'x').returncode, 64)
        self.assertEqual(self.run_sluice('config', 'chek').returncode, 64)

    def test_explain(self):
        for word in ('log.level', 'level', '--log-level', 'SLUICE_LOG_LEVEL'):
            got = self.run_sluice('config', 'explain', word)
            self.assertEqual(got.returncode, 0)
            for fact in ('error|warn|info|debug', 'SLUICE_LOG_LEVEL', '--log-level', 'SIGHUP', 'default      info'):
                self.assertIn(fact, got.stdout)
        got = self.run_sluice('config', 'explain', 'levle')
        self.assertEqual((got.returncode, 'did you mean log.level?' in got.stderr), (64, True))
        every = self.run_sluice('config', 'explain').stdout
        for name in ('listen', 'delivery.budget', 'debug.frames'):
            self.assertIn(name, every)

    def test_help_begins_with_examples(self):
        for command in (['--help'], ['serve', '--help'], ['config', '--help'], ['serve', '--data', 'x', '-h']):
            got = self.run_sluice(*command)
            self.assertEqual((got.returncode, got.stderr), (0, ''))
            self.assertLess(got.stdout.index('examples:'), got.stdout.index('usage:'))
            self.assertNotIn('\x1b', got.stdout)
        self.assertRegex(self.run_sluice('version').stdout, r'^sluice \d+\.\d+\.\d+ \(.+\)\n$')


class Environment(ServeTest):
    def test_names_are_told_and_values_never(self):
        self.file('data/.env', "export SLUICE_HOSTS='secret-host' # c\nDEBUG_FRAMES=1\nOTHER=secret\n")
        more = self.file('more.env', 'SLUICE_LOG_LEVEL="info"\nSLUICE_ORIGINS=https://secret.example\n')
        self.spawn('--env-file', more, SLUICE_DELIVERY_BUDGET='3ms', SLUICE_LOG_LEVL='secret')
        said = self.said()
        self.assertIn('names=SLUICE_ORIGINS,SLUICE_HOSTS,SLUICE_DELIVERY_BUDGET,SLUICE_LOG_LEVEL,DEBUG_FRAMES', said)
        self.assertIn('did you mean SLUICE_LOG_LEVEL?', said)
        self.assertNotIn('secret', said)
        self.assertEqual(self.get(Host='secret-host')[0], 200)
        self.assertEqual(self.get(Origin='https://secret.example')[0], 200)

    def test_port_wants_open_access(self):
        with contextlib.closing(socket.socket()) as s:
            s.bind(('127.0.0.1', 0))
            port = str(s.getsockname()[1])
        got = self.run_sluice('serve', '--data', self.data, PORT=port)
        self.assertEqual(got.returncode, 78)
        self.assertIn('SLUICE_ACCESS=open', got.stderr)
        self.assertFalse(self.data.exists())
        self.spawn(listen=(), PORT=port, SLUICE_ACCESS='open')
        self.assertIn(f'listening on port {port}', self.said())
        self.assertEqual(self.get(port=port)[0], 200)

    def test_several_listeners(self):
        self.spawn(listen=('127.0.0.1:0', '[::1]:0', 'localhost:0') if socket.has_dualstack_ipv6() else ('127.0.0.1:0', 'localhost:0'))
        self.assertEqual(len(set(self.addresses)), len(self.addresses))
        for address in self.addresses:
            with urllib.request.urlopen(f'http://{address}/health', timeout=SECONDS) as answer:
                self.assertEqual(json.load(answer)['status'], 'ok')


class Reload(ServeTest):
    def test_live_settings_are_applied_and_others_named(self):
        path = self.file('f.yaml', 'log: {level: info}\n')
        self.spawn('--config', path)
        self.assertEqual(self.get(Origin='https://site.example')[0], 403)
        path.write_text('log: {level: info}\norigins: https://site.example\ndelivery: {budget: 9ms}\naccess: open\n')
        said = self.hangup('msg="reloaded"')
        self.assertIn('settings=access,delivery.budget', said)
        self.assertEqual(self.get(Origin='https://site.example')[0], 200)
        self.assertEqual(self.get(Host='192.0.2.7')[0], 403)  # access waits for the restart
        path.write_text('log: {level: debug}\n')
        self.assertNotIn('restart', self.hangup('msg="reloaded"'))
        self.assertEqual(self.get(Origin='https://site.example')[0], 403)

    def test_all_or_nothing(self):
        path = self.file('f.yaml', 'origins: https://site.example\n')
        self.spawn('--config', path)
        for bad in ('origins: https://other.example\nlog: {level: loud}\n', 'origins: [', 'origins: any\nhosts: "a b"\n',
                    f'origins: any\nlog: {{file: {self.folder}/none/log}}\n'):
            path.write_text(bad)
            self.assertIn('level=error topic=config', self.hangup('reload refused: the old configuration stays in force'))
            self.assertEqual(self.get(Origin='https://site.example')[0], 200, bad)
            self.assertEqual(self.get(Origin='https://other.example')[0], 403, bad)
        path.unlink()
        self.hangup('reload refused')
        path.write_text('')
        self.hangup('msg="reloaded"')
        self.assertEqual(self.get(Origin='https://site.example')[0], 403)

    def test_the_log_moves_on_when_its_file_was_moved(self):
        log, path = self.folder / 'log', self.file('f.yaml', '')
        self.spawn('--config', path, '--log-file', log)
        self.assertIn('listening on port', log.read_text())
        self.assertNotIn('listening', self.said())
        log.rename(self.folder / 'log.1')
        self.hangup('msg="reloaded"', log)
        path.write_text('nonsense: 1\n')  # a bad file keeps no log from being rotated
        log.rename(self.folder / 'log.2')
        self.hangup('reload refused', self.folder / 'log')
        self.assertEqual(log.stat().st_mode & 0o777 & ~0o640, 0)

    def test_a_log_that_cannot_be_opened(self):
        got = self.run_sluice('serve', '--data', self.data, '--log-file', self.folder / 'none/log')
        self.assertEqual((got.returncode, 'cannot open the log' in got.stderr), (74, True))


class Manager:
    """systemd's end of NOTIFY_SOCKET."""

    def __init__(self, name):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.settimeout(SECONDS)
        self.sock.bind(name)

    def next(self):
        return self.sock.recv(4096).decode()

    def until(self, start):
        while not (text := self.next()).startswith(start):
            pass
        return text


class Systemd(ServeTest):
    def manager(self, name):
        m = Manager(name)
        self.addCleanup(m.sock.close)
        return m

    def test_ready_reloading_stopping(self):
        for name in (f'{self.folder}/notify', f'\0sluice-{os.getpid()}'):
            m = self.manager(name)
            path = self.file('f.yaml', '')
            self.spawn('--config', path, NOTIFY_SOCKET=name.replace('\0', '@'))
            self.assertEqual(m.next(), f'READY=1\nSTATUS=0 connections on {self.addresses[0]}')
            before = time.monotonic_ns() // 1000
            self.hangup('msg="reloaded"')
            key, value = m.next().splitlines()[1].split('=')
            self.assertEqual(key, 'MONOTONIC_USEC')
            self.assertTrue(before <= int(value) <= time.monotonic_ns() // 1000)
            self.assertTrue(m.next().startswith('READY=1\n'))
            self.proc.terminate()
            self.assertTrue(m.until('STOPPING=1'))
            self.assertEqual(self.proc.wait(SECONDS), 0)

    def test_the_watchdog_is_kicked_while_the_loop_turns(self):
        name = f'{self.folder}/notify'
        m = self.manager(name)
        self.spawn(NOTIFY_SOCKET=name, WATCHDOG_USEC='400000')
        for _ in range(3):
            m.until('WATCHDOG=1')
        self.proc.send_signal(signal.SIGSTOP)  # a loop that hangs
        try:
            m.sock.settimeout(0.6)
            with self.assertRaises(TimeoutError):
                while True:
                    m.next()
        finally:
            self.proc.send_signal(signal.SIGCONT)
        m.sock.settimeout(SECONDS)
        m.until('WATCHDOG=1')

    def activated(self, address, *args, listen=(), family=socket.AF_INET):
        """Start with a listening socket as descriptor 3, as systemd does."""
        s = socket.socket(family)
        self.addCleanup(s.close)
        s.bind((address, 0))
        s.listen()
        code = ('import os, sys; fd = int(sys.argv[1]); os.dup2(fd, 3); os.set_inheritable(3, True)\n'
                'os.environ["LISTEN_PID"] = str(os.getpid()); os.environ["LISTEN_FDS"] = "1"\n'
                'os.execv(sys.argv[2], sys.argv[2:])')
        wrap = (sys.executable, '-c', code, str(s.fileno()))
        return s, wrap

    def test_a_socket_that_was_passed_survives_the_hub(self):
        s, wrap = self.activated('127.0.0.1')
        port = s.getsockname()[1]
        self.spawn(listen=(), wrap=wrap, pass_fds=(s.fileno(),))
        self.assertEqual(self.addresses, [f'127.0.0.1:{port}'])  # and not the default one
        self.assertEqual(self.get()[0], 200)
        self.end()
        with socket.create_connection(('127.0.0.1', port), SECONDS) as early:  # refused by nobody
            early.sendall(b'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
            self.spawn(listen=('127.0.0.1:0',), wrap=wrap, pass_fds=(s.fileno(),))
            early.settimeout(SECONDS)
            self.assertTrue(early.recv(100).startswith(b'HTTP/1.1 200'))
        self.assertEqual(len(self.addresses), 2)  # what was asked for is bound besides

    def test_a_passed_socket_lets_no_network_in_unasked(self):
        s, wrap = self.activated('0.0.0.0')
        got = subprocess.run([*wrap, SLUICE, 'serve', '--data', self.data], capture_output=True, text=True, timeout=SECONDS,
                             env=CLEAN, pass_fds=(s.fileno(),))
        self.assertEqual(got.returncode, 78)
        self.assertIn('--access open', got.stderr)

    def test_the_unit_says_what_we_do(self):
        unit = (ROOT / 'dist/sluice.service').read_text()
        for line in ('Type=notify', 'WatchdogSec=30', 'RestartPreventExitStatus=64 78', 'ExecReload=/bin/kill -HUP $MAINPID'):
            self.assertIn(line + '\n', unit)


class Doors(ServeTest):
    """Host and Origin: HTTP and WebSocket alike."""

    def check(self, rows):
        for headers, is_let_in, cure in rows:
            with self.subTest(headers):
                status, got, body = self.get(**headers)
                self.assertEqual(status, 200 if is_let_in else 403)
                self.assertEqual(self.upgrade(**headers), 101 if is_let_in else 403)
                if not is_let_in:
                    self.assertIn(cure, json.loads(body)['error'])
                    self.assertIsNone(got['Access-Control-Allow-Origin'])
                elif 'Origin' in headers:
                    self.assertIn(got['Access-Control-Allow-Origin'], ('*', headers['Origin']))

    def test_on_loopback(self):
        self.spawn('--hosts', 'hub.example', '--origins', 'https://site.example')
        self.check([
            ({}, True, None),
            ({'Origin': 'http://localhost:3000'}, True, None),
            ({'Origin': 'https://site.example'}, True, None),
            ({'Host': 'hub.example'}, True, None),
            ({'Host': 'HUB.example:443', 'Origin': 'https://hub.example'}, True, None),
            ({'Host': 'hub.example', 'Origin': 'https://hub.example:444'}, False, '--origins'),
            ({'Host': 'rebound.example'}, False, '--hosts'),
            ({'Host': 'rebound.example', 'Origin': 'http://rebound.example'}, False, '--hosts'),
            ({'Host': '192.0.2.1'}, False, '--hosts'),
            ({'Origin': 'https://evil.example'}, False, '--origins'),
            ({'Origin': 'https://site.example.evil.example'}, False, '--origins'),
            ({'Origin': 'null'}, False, '--origins'),
        ])

    def test_with_open_access(self):
        self.spawn('--access', 'open', listen=('0.0.0.0:0',))
        self.check([
            ({'Host': '192.0.2.1:5000'}, True, None),
            ({'Host': '192.0.2.1:5000', 'Origin': 'http://192.0.2.1:5000'}, True, None),
            ({'Host': socket.gethostname() + '.local'}, True, None),
            ({'Host': 'rebound.example', 'Origin': 'http://rebound.example'}, False, '--hosts'),
            ({'Origin': 'https://evil.example'}, False, '--origins'),
        ])

    def test_any_origin_must_be_written(self):
        self.spawn(SLUICE_ORIGINS='any')
        self.check([
            ({'Origin': 'https://evil.example'}, True, None),
            ({'Origin': 'null'}, True, None),
            ({'Host': 'whatever.example'}, True, None),
        ])


class Stop(ServeTest):
    def test_idle_and_half_open_clients_are_gone_within_5_s(self):
        self.spawn()
        ws = websocket.create_connection(f'ws://127.0.0.1:{self.port}/ws', timeout=SECONDS, suppress_origin=True)
        self.addCleanup(ws.close)
        half = socket.create_connection(('127.0.0.1', self.port), SECONDS)
        self.addCleanup(half.close)
        half.sendall(b'GET /health HTTP/1.1\r\nHost: loc')
        self.assertEqual(self.get()[0], 200)
        began = time.monotonic()
        self.proc.terminate()
        self.assertEqual(self.proc.wait(SECONDS), 0)
        self.assertLess(time.monotonic() - began, 5)

    def test_a_data_folder_that_is_not_ours(self):
        if os.geteuid() == 0:
            self.skipTest('root may write everywhere')
        self.data.mkdir(0o500)
        got = self.run_sluice('serve', '--listen', '127.0.0.1:0', '--data', self.data)
        self.assertEqual(got.returncode, 77)


if __name__ == '__main__':
    unittest.main()
