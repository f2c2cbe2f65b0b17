#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The live wire, docs/live-wire.md: streams, frames as bytes, records, for whoever looks."""
import json, socket, struct, threading, time, unittest, urllib.request

import websocket
from camera import jpeg
from kit import SECONDS
from test_metrics import MetricsTest

HEAD = struct.Struct('<BBHIIIQ')


class Page:
    """What our own page does, as a program; everything that came is kept."""

    def __init__(self, hub, protocols=('sluice.v1',), **more):
        self.ws = websocket.create_connection(f'ws://{hub.address}/api/live', timeout=SECONDS,
                                              subprotocols=list(protocols), **more)
        self.bytes = 0

    def say(self, **message):
        self.ws.send(json.dumps(message))

    def read(self):
        """One message: a dict, or (head, picture)."""
        opcode, data = self.ws.recv_data()
        if opcode == websocket.ABNF.OPCODE_TEXT:
            return json.loads(data)
        if opcode != websocket.ABNF.OPCODE_BINARY:
            raise AssertionError(f'opcode {opcode} {data!r}')
        self.bytes += len(data) + (2 if len(data) < 126 else 4 if len(data) < 65536 else 10)
        return HEAD.unpack_from(data), data[HEAD.unpack_from(data)[2]:]

    def next(self, kind, **wanted):
        while True:
            m = self.read()
            if isinstance(m, dict) and m['type'] == kind and all(m.get(k) == v for k, v in wanted.items()):
                return m

    def frame(self):
        while True:
            m = self.read()
            if isinstance(m, tuple):
                return m

    def settle(self):
        """All that was in order before now has come. Frames leave last: they may come later."""
        self.say(type='ping')
        seen = []
        while True:
            m = self.read()
            if isinstance(m, dict) and m['type'] == 'pong':
                return seen
            seen.append(m)

    def close(self):
        self.ws.close(timeout=1)


class LiveTest(MetricsTest):
    def page(self, **more):
        page = Page(self.hub, **more)
        self.addCleanup(page.close)
        return page

    def watching(self, device='cam-7', **more):
        """A page that has subscribed to this camera, and the stream's number."""
        page = self.page()
        number = page.next('stream', device=device)['stream']
        page.say(type='subscribe', streams=[number], **more)
        return page, number

    def camera_there(self, device='cam-7', **more):
        """A camera that the hub knows of."""
        camera = self.camera(device, **more)
        camera.ws.recv()  # the hub tells it so
        return camera


class Wire(LiveTest):
    def test_hello_and_streams(self):
        before = time.time() * 1e6
        page = self.page()
        self.assertEqual(page.ws.subprotocol, 'sluice.v1')
        hello = page.read()
        self.assertEqual(hello['type'], 'hello')
        self.assertEqual(hello['fps_max'], 60)
        self.assertRegex(hello['version'], r'\d')
        self.assertTrue(before <= hello['now_us'] <= time.time() * 1e6)
        self.assertEqual(page.settle(), [])  # no device yet

        camera = self.camera_there()
        s = page.next('stream', connected=True)
        self.assertLess(abs(s.pop('since_us') - time.time() * 1e6), 10e6)
        self.assertEqual(s, {'type': 'stream', 'stream': 1, 'system': 'glass', 'device': 'cam-7', 'connected': True,
                             'wire': 'websocket', 'peer': '127.0.0.1', 'fps': 0})
        camera.close()
        s = page.next('stream', connected=False)
        self.assertEqual(s.keys(), {'type', 'stream', 'system', 'device', 'connected', 'since_us', 'fps'})

        late = self.page()
        late.next('hello')
        self.assertEqual(late.read(), s)  # a newcomer is told the same
        self.assertEqual(self.hub.json('/api/streams'), {'streams': [{k: v for k, v in s.items() if k != 'type'}]})

    def test_a_frame_is_the_bytes_of_the_picture(self):
        camera, picture = self.camera_there(), jpeg('red', 60000)
        page, number = self.watching()
        page.settle()
        before = time.time() * 1e6
        for sequence in 1, 2, 3:
            camera.frame(picture)
            head, body = page.frame()
            version, kind, size, stream, seq, flags, at_us = head
            self.assertEqual((version, kind, size, stream, seq, flags), (1, 1, 24, number, sequence, 1))
            self.assertTrue(before <= at_us <= time.time() * 1e6)
            self.assertEqual(body, picture)
        s = self.hub.json('/api/streams')['streams'][0]
        self.assertEqual(s['frame_us'], at_us)
        self.assertGreater(s['fps'], 0)

    def test_the_newest_comes_at_once(self):
        camera = self.camera_there()
        for name in 'red', 'green':
            camera.frame(jpeg(name, 5000))
        self.wait_for('sluice_frames_received_total', 2)
        for _ in range(2):  # made for the first, there for the second
            page, _ = self.watching()
            head, body = page.frame()
            self.assertEqual((head[4], body), (2, jpeg('green', 5000)))
        self.assertEqual(self.scrape()['sluice_frames_decoded_total'], 1)

    def test_rates_and_time(self):
        page = self.page()
        camera, end = self.camera_there(), threading.Event()
        number = page.next('stream', connected=True)['stream']

        def run():
            while not end.wait(0.02):
                camera.frame(jpeg('red'))
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(lambda: (end.set(), thread.join()))
        rate = page.next('rates')['streams'][0]
        rate = page.next('rates')['streams'][0]
        self.assertEqual(rate['stream'], number)
        self.assertTrue(20 < rate['fps'] < 55, rate)
        self.assertLess(abs(page.next('time')['now_us'] - time.time() * 1e6), 1e6)


if __name__ == '__main__':
    unittest.main()
