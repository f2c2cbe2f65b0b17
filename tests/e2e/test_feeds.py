#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Answers without an end: frames as Server-Sent Events, pictures as .mjpg; and .jpg beside them."""
import http.client, json, socket, subprocess, unittest

from camera import jpeg
from test_hub import HubTest

SECONDS = 40  # for anything that is waited for: a sanitizer on a busy machine is slow
SMALL = 16384  # of a slow reader's buffer; the kernel has some more of its own
FRAMES, FRAME_BYTES = 120, 200_000  # many times what lies between the hub and a slow reader


class Feed:
    """A GET whose answer goes on."""

    def __init__(self, hub, path, receive_bytes=0):
        self.sock = socket.socket()
        if receive_bytes:  # before connecting, or the window has been promised
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.sock.settimeout(SECONDS)
        self.sock.connect(('127.0.0.1', hub.port))
        self.sock.sendall(f'GET {path} HTTP/1.1\r\nHost: {hub.address}\r\nOrigin: http://{hub.address}\r\n\r\n'.encode())
        self.answer = http.client.HTTPResponse(self.sock)
        self.answer.begin()

    def event(self):
        """The next event's data; comments are skipped. None: the end."""
        while (line := self.answer.readline()) not in (b'', b'\n'):
            assert self.answer.readline() == b'\n', 'an event of two lines'
            if line.startswith(b'data: '):
                return json.loads(line[6:])
        assert line == b'', 'a stray empty line'
        return None

    def part(self):
        """(type, bytes) of the next picture. None: the end."""
        headers = {}
        while (line := self.answer.readline().rstrip(b'\r\n')) != b'':
            if line != b'--frame':
                name, value = line.decode().split(': ')
                headers[name.lower()] = value
        if not headers:
            return None
        data = self.answer.read(int(headers['content-length']))
        assert self.answer.readline() == b'\r\n' and self.answer.readline() == b'--frame\r\n'
        return headers['content-type'], data

    def close(self):
        self.answer.close()
        self.sock.close()


def numbered(n):
    """A picture that says which one it is, after its end."""
    return jpeg('red', FRAME_BYTES) + b'%06d' % n


class FeedTest(HubTest):
    def feed(self, path, **how):
        return self.open(Feed(self.hub, path, **how))

    def send(self, camera, viewer, count=1, first=0):
        """So many frames, of which the last has arrived at the hub."""
        for n in range(first, first + count):
            camera.frame(numbered(n), n=n)
        viewer.next('frame', n=first + count - 1)


class Events(FeedTest):
    def test_frames(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        feed = self.feed('/stream/frames')
        self.assertEqual(feed.answer.status, 200)
        for name, value in (('Content-Type', 'text/event-stream'), ('Cache-Control', 'no-store'), ('X-Accel-Buffering', 'no'),
                            ('Transfer-Encoding', 'chunked'), ('Connection', 'close')):
            self.assertEqual(feed.answer.headers[name], value)
        self.assertIn('Access-Control-Allow-Origin', feed.answer.headers)
        for name in ('red', 'green'):
            sent = camera.frame(jpeg(name, 100_000), zone='B')
            m = feed.event()
            self.assertEqual((m['type'], m['frame'], m['device_id'], m['zone']), ('frame', sent, 'cam-7', 'B'))
            self.assertIsInstance(m['timestamp'], int)

    def test_the_last_frame_of_every_camera_at_once(self):
        viewer = self.viewer()
        one, two = self.registered(viewer, 'one'), self.registered(viewer, 'two')
        for camera, device in ((one, 'one'), (two, 'two')):
            camera.frame(b'old')
            sent = camera.frame(jpeg('red'))
            viewer.next('frame', device_id=device, frame=sent)
        two.close()
        viewer.next('device_status', device_id='two', status='disconnected')
        feed = self.feed('/stream/frames')
        got = [feed.event(), feed.event()]
        self.assertEqual({m['device_id']: m['frame'] for m in got}, {'one': sent, 'two': sent})
        sent = one.frame(b'new')
        self.assertEqual(feed.event()['frame'], sent)  # each once, and nothing in between

    def test_line_ends_between_a_device_s_tokens(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        feed = self.feed('/stream/frames')
        camera.ws.send('{\r\n "type": "frame",\n\n "frame":\r"AAAA",\n"data": 1\n}')
        self.assertEqual({k: v for k, v in feed.event().items() if k in ('type', 'frame', 'data')},
                         {'type': 'frame', 'frame': 'AAAA', 'data': 1})

    def test_a_slow_reader_gets_the_newest(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        feed = self.feed('/stream/frames', receive_bytes=SMALL)
        self.send(camera, viewer, FRAMES)
        seen = []
        while not seen or seen[-1] < FRAMES - 1:
            seen.append(feed.event()['n'])
        self.assertEqual(seen, sorted(set(seen)))
        self.assertLess(len(seen), FRAMES / 2)
        self.assertLess(seen[-2] if len(seen) > 1 else 0, FRAMES - 2)  # nothing between it and what lay in buffers

    def curl(self, path, *args):
        curl = subprocess.Popen(['curl', '-sSN', '--max-time', str(SECONDS), *args, f'http://{self.hub.address}{path}'],
                                stdout=subprocess.PIPE)
        self.addCleanup(curl.stdout.close)
        self.addCleanup(curl.wait)
        self.addCleanup(curl.kill)
        return curl

    def test_the_hub_s_stop_is_the_end(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        events, moving = self.curl('/stream/frames'), self.curl('/live/cam-7.mjpg')
        self.assertEqual(moving.stdout.readline(), b'--frame\r\n')
        self.send(camera, viewer)
        self.assertTrue(events.stdout.readline().startswith(b'data: {'))
        self.hub.proc.terminate()
        for curl in (events, moving):
            curl.stdout.read()
            self.assertEqual(curl.wait(SECONDS), 0)  # 18 without the last chunk
        self.assertEqual(self.hub.proc.wait(SECONDS), 0, self.hub.said())

    def test_curl(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        camera.frame(b'here')
        viewer.next('frame')
        for version in ('--http1.1', '--http1.0'):
            with self.subTest(version):
                line = self.curl('/stream/frames', version).stdout.readline()
                self.assertTrue(line.startswith(b'data: {'), line)
                self.assertEqual(json.loads(line[6:])['frame'], 'aGVyZQ==')
        head = self.curl('/stream/frames', '--head')
        self.assertEqual(head.stdout.readline(), b'HTTP/1.1 200 OK\r\n')
        head.stdout.read()
        self.assertEqual(head.wait(SECONDS), 0)

    def test_who_goes_leaves_nothing(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        for i in range(20):
            feeds = [self.feed('/stream/frames'), self.feed('/live/cam-7.mjpg')]
            self.send(camera, viewer, first=i)
            for feed in feeds:
                feed.close()
        self.send(camera, viewer, 5, first=20)
        self.assertEqual(self.hub.stop(), 0, self.hub.said())  # a leak would be exit code 1


class Still(FeedTest):
    def test_the_newest_picture(self):
        viewer = self.viewer()
        camera = self.registered(viewer, 'line 1')
        tags = set()
        for n in range(3):
            camera.frame(numbered(n), n=n)
            viewer.next('frame', n=n)
            status, headers, body = self.hub.get('/live/line%201.jpg')
            self.assertEqual((status, body, headers['Content-Type']), (200, numbered(n), 'image/jpeg'))
            self.assertIn('Last-Modified', headers)
            tags.add(headers['ETag'])
            status, again, body = self.hub.get('/live/line%201.jpg', **{'If-None-Match': headers['ETag']})
            self.assertEqual((status, body, again['ETag']), (304, b'', headers['ETag']))
        self.assertEqual(len(tags), 3)

    def test_there_is_none(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        for path, status, words in (('/live/cam-8.jpg', 404, 'no device cam-8 has been here'),
                                    ('/live/cam-8.mjpg', 404, 'no device cam-8 has been here'),
                                    ('/live/cam-7.jpg', 404, 'no frame has come from cam-7 yet'),
                                    ('/live/cam-7.gif', 404, '/live/<device>.jpg'),
                                    ('/live/cam-7.mjpg?fps=61', 400, 'fps must be a number from 0.1 to 60')):
            with self.subTest(path):
                got, headers, body = self.hub.get(path)
                self.assertEqual(got, status)
                self.assertIn(words, json.loads(body)['error'])
        camera.frame(b'GIF89a')
        viewer.next('frame')
        got, headers, body = self.hub.get('/live/cam-7.jpg')
        self.assertEqual(got, 415)
        self.assertIn('cam-7', json.loads(body)['error'])
        camera.frame(jpeg('red'), n=1)
        viewer.next('frame', n=1)
        self.assertEqual(self.hub.get('/live/cam-7.jpg')[2], jpeg('red'))


class Moving(FeedTest):
    def test_each_new_picture(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        feed = self.feed('/live/cam-7.mjpg')
        self.assertEqual(feed.answer.headers['Content-Type'], 'multipart/x-mixed-replace; boundary=frame')
        for n in range(5):
            camera.frame(numbered(n))
            self.assertEqual(feed.part(), ('image/jpeg', numbered(n)))
        late = self.feed('/live/cam-7.mjpg')
        self.assertEqual(late.part(), ('image/jpeg', numbered(4)))

    def test_a_slow_reader_gets_the_newest(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        feed = self.feed('/live/cam-7.mjpg', receive_bytes=SMALL)
        self.send(camera, viewer, FRAMES)
        seen = []
        while not seen or seen[-1] < FRAMES - 1:
            seen.append(int(feed.part()[1][-6:]))
        self.assertEqual(seen, sorted(set(seen)))
        self.assertLess(len(seen), FRAMES / 2)

    def test_at_most_so_many_and_the_last_one(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        feed = self.feed('/live/cam-7.mjpg?fps=2')
        self.send(camera, viewer, FRAMES // 2)
        seen = []
        while not seen or seen[-1] < FRAMES // 2 - 1:
            seen.append(int(feed.part()[1][-6:]))
        self.assertLess(len(seen), FRAMES // 4)


if __name__ == '__main__':
    unittest.main()
