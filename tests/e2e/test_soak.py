# SPDX-License-Identifier: MIT
# build: release
# seconds: 300
"""examples/relay under many connections: nothing is left behind, and little is needed for each."""
import itertools, unittest

from kit import CLOSE, HANDSHAKE, TEXT, ProgramTest, Raw, RawWs, frame, frame_head, release_build, wait_for

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
            raw.send(frame_head(TEXT, 100_000) + b'x' * 3000)
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
        viewer.send_text('{"type":"echo"}')
        self.assertEqual(viewer.recv(), '{"type":"echo"}')

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
        device.send_text('{"type":"detection","n":1}')
        for viewer in viewers:
            self.assertEqual(viewer.recv(), '{"type":"detection","n":1}')
        for viewer in viewers:
            viewer.reset()
        wait_for(lambda: relay.files() == files, lambda: f'{relay.files()} descriptors, {files} before')


if __name__ == '__main__':
    unittest.main()
