# SPDX-License-Identifier: MIT
# alone: yes
# build: release
# seconds: 300
"""Many connections: nothing is left behind, and little is needed for each."""
import itertools, pathlib, tempfile, unittest

from kit import CLOSE, HANDSHAKE, PING, TEXT, ProgramTest, Raw, RawWs, frame, release_build, wait_for

REGISTER = '{"type":"device_register","device_id":"d1"}'


class Connections(ProgramTest):
    ROUNDS, EACH, AT_ONCE = 20, 5000, 250

    def drop(self, raw, how):
        """As clients go: with a close frame, without, inside a message, by reset, before the handshake's answer."""
        if how == 0:
            raw.send(frame(CLOSE, b'\x03\xe8'))
            raw.take_head()
            raw.rest()
        elif how == 1:
            raw.take_head()
            raw.send(frame(TEXT, 'x' * 3000, fin=False) + frame(PING))
            raw.take(2)  # the pong: the relay holds what was begun
        elif how == 2:
            raw.send(frame(TEXT, REGISTER) + frame(TEXT, '{"type":"frame","x":"%s"}' % ('x' * 2000)))
            raw.take_head()
        elif how == 3:
            raw.take_head()
        raw.reset()

    def test_100_000_connections_leave_nothing_behind(self):
        relay = self.program('relay', build=release_build())
        viewer = self.raw_ws(relay.port)
        viewer.send_text(REGISTER)  # hears nobody
        files, rss, how = relay.files(), [], itertools.cycle(range(5))
        for n in range(self.ROUNDS):
            for _ in range(self.EACH // self.AT_ONCE):
                batch = [Raw(relay.port) for _ in range(self.AT_ONCE)]
                for raw in batch:
                    raw.send(HANDSHAKE)
                for raw in batch:
                    self.drop(raw, next(how))
            wait_for(lambda: relay.files() == files, lambda: f'{relay.files()} descriptors, {files} before')
            rss.append(relay.rss())
        self.assertLess(rss[19] - rss[4], 2 << 20, [f'{r / 1e6:.2f} MB' for r in rss])
        print(f'# after round 5: {rss[4] / 1e6:.2f} MB, after round 20: {rss[19] / 1e6:.2f} MB')
        viewer.send_text('{"type":"echo"}')
        self.assertEqual(viewer.recv(), '{"type":"echo"}')

    def test_20_000_http_connections_leave_nothing_behind(self):
        with tempfile.TemporaryDirectory(prefix='sluice-e2e-') as root:
            pathlib.Path(root, 'large.bin').write_bytes(bytes(3_000_000))
            echo = self.program('echo', '--root', root, build=release_build())
            get = b'GET /static/large.bin HTTP/1.1\r\nHost: x\r\n\r\n'
            post = b'POST /http-echo HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n' + b'x' * 50_000
            kinds = itertools.cycle([get, get[:20], get * 3, get + post, post, post[:30_000], post * 2 + post[:9000], b'',
                                     b'\0', HANDSHAKE, post.replace(b'50000', b'5').replace(b'POST', b'PUT')])
            stays = self.raw(echo.port)
            stays.send(get)  # the workers are there now
            self.assertEqual(len(stays.answer().body), 3_000_000)
            files, rss = echo.files(), []
            for n in range(20):
                for _ in range(10):
                    batch = [Raw(echo.port) for _ in range(100)]
                    for i, raw in enumerate(batch):
                        wire = next(kinds)
                        raw.send(wire)
                        if i % 3 == 0 and wire in (get, post):  # some begin to read
                            raw.take_head()
                    for raw in batch:
                        raw.reset()
                wait_for(lambda: echo.files() == files, lambda: f'{echo.files()} descriptors, {files} before')
                rss.append(echo.rss())
            self.assertLess(rss[19] - rss[4], 2 << 20, [f'{r / 1e6:.2f} MB' for r in rss])

    def test_5_000_at_the_same_time(self):
        """All are there, a message reaches each, and all leave at once."""
        relay = self.program('relay', build=release_build())
        count = 5000
        device = self.raw_ws(relay.port)
        device.send_text(REGISTER)
        files, before = relay.files(), relay.rss()
        viewers = []
        self.addCleanup(lambda: [v.close() for v in viewers])
        try:
            for _ in range(count):
                viewers.append(RawWs(relay.port))
        except OSError as why:
            self.skipTest(f'this machine allows no {count} connections: {why}')
        grown = relay.rss() - before
        self.assertLess(grown / count, 2048, 'bytes per idle connection')
        print(f'# {grown / count:.0f} bytes for each of {count} idle connections')
        device.send_text('{"type":"detection","n":1}')
        for viewer in viewers:
            self.assertEqual(viewer.recv(), '{"type":"detection","n":1}')
        for viewer in viewers:
            viewer.reset()
        wait_for(lambda: relay.files() == files, lambda: f'{relay.files()} descriptors, {files} before')


if __name__ == '__main__':
    unittest.main()
