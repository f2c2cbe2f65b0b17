#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The live wire, docs/live-wire.md: streams, frames as bytes, records, for whoever looks."""
import base64, json, socket, struct, threading, time, unittest, urllib.request

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

    def next(self, what, **wanted):
        while True:
            m = self.read()
            if isinstance(m, dict) and m['type'] == what and all(m.get(k) == v for k, v in wanted.items()):
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


class Watching(LiveTest):
    def test_nothing_is_decoded_for_nobody(self):
        camera, page = self.camera_there(), self.page()
        for _ in range(20):
            camera.frame(jpeg('red', 100_000))
        self.wait_for('sluice_frames_received_total', 20)
        self.assertEqual(self.scrape()['sluice_frames_decoded_total'], 0)
        number = page.next('stream')['stream']
        page.say(type='subscribe', streams=[number])
        page.frame()
        page.say(type='unsubscribe', streams=[number])
        page.settle()
        decoded = self.scrape()['sluice_frames_decoded_total']
        for _ in range(20):
            camera.frame(jpeg('red', 100_000))
        self.wait_for('sluice_frames_received_total', 40)
        self.assertEqual(self.scrape()['sluice_frames_decoded_total'], decoded)
        self.assertEqual([m for m in page.settle() if isinstance(m, tuple)], [])

    def test_ten_viewers_and_each_picture_is_decoded_once(self):
        camera, picture = self.camera_there(), jpeg('green', 100_000)
        pages = [self.watching()[0] for _ in range(10)]
        for page in pages:
            page.settle()
            page.bytes = 0
        for n in range(1, 11):
            camera.frame(picture)
            for page in pages:  # nobody is behind, so that every frame is made
                head, body = page.frame()
                self.assertEqual(head[4], n)
                self.assertEqual(body, picture)
        values = self.wait_for('sluice_frames_sent_total', 100)
        self.assertEqual(values['sluice_frames_decoded_total'], 10)
        self.assertEqual(values['sluice_frame_age_seconds_count'], 100)
        self.assertEqual(values['sluice_clients{system="live",role="viewer",transport="websocket"}'], 10)
        for page in pages:  # on the wire, our header and the framing included
            self.assertLess(page.bytes, 1.01 * 10 * len(picture))

    def test_a_cap_and_the_newest_at_last(self):
        camera = self.camera_there()
        page, _ = self.watching(fps=5)
        page.settle()
        begin, sent = time.monotonic(), 0
        while time.monotonic() < begin + 3:
            camera.frame(jpeg('red', 5000))
            sent += 1
            time.sleep(0.02)  # a camera's pace
        seen = [page.frame()[0][4]]
        while seen[-1] < sent:
            seen.append(page.frame()[0][4])
        took = time.monotonic() - begin
        self.assertLessEqual(len(seen), 5 * took + 2)
        self.assertGreater(len(seen), 7)
        self.assertEqual(seen, sorted(set(seen)))

    def test_a_viewer_that_does_not_read_gets_the_newest(self):
        camera, picture = self.camera_there(), jpeg('red', 200_000)
        slow, quick = self.watching()[0], self.watching()[0]
        quick.settle()
        slow.ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sent = 0
        deadline = time.monotonic() + SECONDS
        while sent < 60 or self.scrape()['sluice_frames_conflated_total'] < 30:
            self.assertLess(time.monotonic(), deadline)
            camera.frame(picture)
            sent += 1
            self.assertEqual(quick.frame()[0][4], sent)  # the other is not held up
        seen = []
        while not seen or seen[-1] < sent:
            seen.append(slow.frame()[0][4])
        self.assertLess(len(seen), sent - 29)
        self.assertEqual(seen, sorted(set(seen)))
        self.assertLess(self.scrape()['sluice_send_queue_bytes'], 3 * len(picture))

    def test_who_sends_no_pictures_is_told_to_those_who_look(self):
        camera = self.camera_there()
        page, number = self.watching()
        camera.send(type='frame', frame='base64_encoded_frame_here')
        page.next('stream', stream=number, problem='its frames are not base64 text')
        self.assertIn('device="cam-7" cause="its frames are not base64 text"', self.hub.said())

    def test_a_device_that_calls_by_http(self):
        page = self.page()
        picture = jpeg('green', 3000)
        body = {'frame': 'data:image/jpeg;base64,' + base64.b64encode(picture).decode()}
        self.assertEqual(self.post('/api/device/frames', body, x_device_id='cam-9'), 200)
        s = page.next('stream', device='cam-9', connected=True)
        self.assertEqual((s['wire'], s['peer']), ('http', '127.0.0.1'))
        page.say(type='subscribe', streams=[s['stream']])
        self.assertEqual(page.frame()[1], picture)


class Events(LiveTest):
    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f'http://{self.hub.address}{path}', data, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.loads(answer.read())

    def test_a_detection_as_dashboards_get_it(self):
        viewer, page = self.viewer(), self.page()
        camera = self.registered(viewer)
        camera.detection('chip', 0.81, bbox=[1, 2, 3, 4], source=[640, 480])
        text, m = viewer.next('detection')
        event = page.next('event')
        self.assertEqual(event, {'type': 'event', 'system': 'glass', 'kind': 'detection', 'device': 'cam-7', 'record': m})
        self.assertEqual(m['bbox'], [1, 2, 3, 4])
        self.assertEqual(self.call('POST', '/api/device/detections', {'device_id': 'cam-8', 'detections': [
            {'type': 'chip', 'confidence': 0.5}, {'type': 'edge', 'confidence': 0.6}]})['stored'], 2)
        event = page.next('event', kind='detection', device='cam-8')
        self.assertEqual(event['record'], viewer.next('detection', device_id='cam-8')[1])
        self.assertEqual([d['type'] for d in event['record']['detections']], ['chip', 'edge'])

    def test_rows_and_their_end(self):
        page = self.page()
        row = self.call('POST', '/defects', {'device_id': 'cäm "1"', 'defect_type': 'chip',
                                             'detected_at': '2026-03-01T09:30:00Z', 'image_url': 'http://x/y.jpg'})
        event = page.next('event')
        self.assertEqual((event['system'], event['kind'], event['device']), ('glass', 'defect', 'cäm "1"'))
        self.assertEqual(event['record'], row['data'])
        edited = self.call('PATCH', f'/defects/{row["data"]["id"]}', {'status': 'reviewed'})
        event = page.next('event')
        self.assertEqual((event['kind'], event['device'], event['record']), ('defect', 'cäm "1"', edited))
        self.assertEqual(event['record']['status'], 'reviewed')
        self.call('DELETE', f'/defects/{row["data"]["id"]}')
        event = page.next('event')
        self.assertEqual((event['kind'], event['record']), ('removal', {'id': row['data']['id']}))
        self.call('DELETE', f'/defects/{row["data"]["id"]}')  # it is gone already: nothing is told
        page.say(type='ping')
        self.assertEqual(page.next('pong'), {'type': 'pong'})

    def test_mistakes_are_told_and_the_connection_stays(self):
        page = self.page(protocols=())  # whoever asks for no subprotocol is let in as well
        self.assertIsNone(page.ws.subprotocol)
        for text, told in (('{"type":"subscribe","streams":[99]}', 'no stream'), ('[', 'JSON'),
                           ('{"type":"subscribe","streams":[],"fps":0}', 'fps')):
            page.ws.send(text)
            self.assertIn(told, page.next('error')['message'])
        page.ws.send('{"type":"of tomorrow"}')
        self.assertEqual([m for m in page.settle() if m['type'] == 'error'], [])


if __name__ == '__main__':
    unittest.main()
