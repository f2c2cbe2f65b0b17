# SPDX-License-Identifier: MIT
"""The real hub on a free port, for tests."""
import json, os, pathlib, signal, subprocess, tempfile, time, urllib.request

import websocket

SLUICE = pathlib.Path(os.environ.get('SLUICE_BUILD', 'build')).resolve() / 'sluice'


class Hub:
    """A running hub and its data folder, which outlives restarts."""
    command = (SLUICE, 'serve')
    env = {}

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix='sluice-e2e-')
        self.data = pathlib.Path(self.folder.name) / 'data'
        self.ready = pathlib.Path(self.folder.name) / 'ready'
        self.log = pathlib.Path(self.folder.name) / 'log'
        self.port = 0
        self.proc = None
        self.start()

    def start(self):
        self.ready.unlink(missing_ok=True)
        # memory is measured: freed blocks must not pile up in the sanitizer's quarantine
        asan = os.environ.get('ASAN_OPTIONS', '') + ':quarantine_size_mb=1'
        self.proc = subprocess.Popen(
            [*self.command, '--listen', f'127.0.0.1:{self.port}', '--data', self.data, '--ready-file', self.ready],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log.open('ab'), env={**os.environ, 'ASAN_OPTIONS': asan, **self.env})
        deadline = time.monotonic() + 20
        while not self.ready.exists():
            if self.proc.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError('the hub does not start:\n' + self.said())
            time.sleep(0.01)
        self.address = self.ready.read_text().strip()
        self.port = int(self.address.rsplit(':', 1)[1])
        self.url = f'ws://{self.address}/ws'

    def said(self):
        return self.log.read_text(errors='replace')

    def kill(self):
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait(5)

    def stop(self, seconds=15):
        """SIGTERM; the exit code. Under the address sanitizer a leak is exit code 1."""
        self.proc.terminate()
        return self.proc.wait(seconds)

    def close(self):
        try:
            if self.proc.poll() is None:
                code = self.stop()
                if code != 0:
                    raise AssertionError(f'exit code {code}\n{self.said()[-4000:]}')
        finally:
            if self.proc.poll() is None:
                self.kill()
            self.folder.cleanup()

    def get(self, path, **headers):
        """(status, headers, body); never raises for a status."""
        request = urllib.request.Request(f'http://{self.address}{path}', headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, answer.read()

    def json(self, path):
        return json.loads(self.get(path)[2])


class Viewer:
    """A dashboard: says so, and reads."""

    def __init__(self, url, hello='{"type":"web_client"}'):
        self.ws = websocket.create_connection(url, timeout=10)
        self.ws.send(hello)

    def next(self, kind, **wanted):
        """The next message of this type with these values, as (text, object)."""
        while True:
            text = self.ws.recv()
            message = json.loads(text)
            if message['type'] == kind and all(message.get(k) == v for k, v in wanted.items()):
                return text, message

    def everything_until(self, kind, **wanted):
        """All messages up to that one, it included."""
        all_of_them = []
        while True:
            m = json.loads(self.ws.recv())
            all_of_them.append(m)
            if m['type'] == kind and all(m.get(k) == v for k, v in wanted.items()):
                return all_of_them

    def settle(self):
        """Everything that was sent to us before now has arrived: its messages."""
        self.ws.send('{"type":"ping"}')
        return self.everything_until('pong')[:-1]

    def close(self):
        self.ws.close(timeout=1)
