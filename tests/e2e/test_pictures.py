#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The picture of a detection that has none of its own: the camera's last frame before it."""
import base64, collections, json, os, random, re, sqlite3, threading, time, unittest
from urllib.parse import urlsplit

import websocket
from camera import Camera, jpeg
from test_glass import GlassTest

ROUNDS = int(os.environ.get('SLUICE_CRASH_ROUNDS', '4'))
SEED = 20260301


def numbered(n):
    """A JPEG unlike all others: its comment says which one it is."""
    picture = jpeg('red', 3000)
    return picture[:-2] + b'\xff\xfe\x00\x0a%08d' % n + picture[-2:]


class PicturesTest(GlassTest):
    def metrics(self):
        text = self.hub.get('/metrics')[2].decode()
        return {m[1]: float(m[2]) for m in re.finditer(r'^(sluice_\S+(?:\{.*?\})?) (\S+)$', text, re.M)}

    def wait(self, what, seconds=15):
        """The first value of `what` that is true."""
        deadline = time.monotonic() + seconds
        while not (got := what()):
            self.assertLess(time.monotonic(), deadline, self.hub.said()[-2000:])
            time.sleep(0.02)
        return got

    def rows(self):
        return self.hub.json('/defects?limit=1000')['data']

    def row_with_picture(self):
        return self.wait(lambda: next((r for r in self.rows() if r['image_url']), None))

    def left_out(self, reason):
        return self.metrics()[f'sluice_pictures_left_out_total{{reason="{reason}"}}']

    def fetch(self, url):
        return self.hub.get(urlsplit(url).path)


class Attached(PicturesTest):
    def test_the_last_frame_before_it(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        sent = [numbered(n) for n in range(20)]
        for n, picture in enumerate(sent):
            camera.frame(picture)
            if n == 9:
                camera.detection('chip', 0.9)
        viewer.next('detection')
        row = self.row_with_picture()
        self.assertEqual((row['image_source'], row['status'], row['defect_type'], row['image_path']), ('stream', 'pending', 'chip', None))
        self.assertGreater(row['updated_at'], row['created_at'])
        status, headers, body = self.fetch(row['image_url'])
        self.assertEqual((status, headers['Content-Type']), (200, 'image/jpeg'))
        self.assertEqual(body, sent[9])
        self.assertEqual((headers['Cache-Control'], headers['X-Content-Type-Options']),
                         ('public, max-age=31536000, immutable', 'nosniff'))
        self.assertEqual(self.hub.json('/defects/' + row['id']), row)
        self.assertEqual(row['image_url'].rsplit('/', 1)[0], f'http://{self.hub.address}/media')
        now = self.metrics()
        self.assertEqual(now['sluice_pictures_kept_total'], 1)
        self.assertEqual(now['sluice_storage_bytes{kind="media"}'], len(sent[9]))
        self.assertEqual(now['sluice_storage_written_bytes_total{cause="media"}'], len(sent[9]))

    def test_the_page_is_told_when_it_has_one(self):
        page = self.open(websocket.create_connection(f'ws://{self.hub.address}/api/live', timeout=10, subprotocols=['sluice.v1']))
        viewer = self.viewer()
        camera = self.registered(viewer)
        camera.frame(numbered(1))
        camera.detection()
        events = []
        while 'defect' not in [e['kind'] for e in events]:
            m = json.loads(page.recv())
            events += [m] if m['type'] == 'event' else []
        self.assertEqual([e['kind'] for e in events], ['detection', 'defect'])
        self.assertEqual((events[1]['device'], events[1]['record']['image_source']), ('cam-7', 'stream'))
        self.assertEqual(events[1]['record']['id'], events[0]['record']['record_id'])
        self.assertEqual(self.fetch(events[1]['record']['image_url'])[2], numbered(1))  # it can be had already

    def test_websites_that_live_elsewhere_get_whole_urls(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        camera.frame(numbered(1))
        at = camera.detection()
        row = self.row_with_picture()
        path, port = urlsplit(row['image_url']).path, self.hub.address.rsplit(':', 1)[1]
        for headers, base in (({'Host': f'localhost:{port}'}, f'http://localhost:{port}'),
                              ({'X-Forwarded-Proto': 'https', 'Host': '127.0.0.1'}, 'https://127.0.0.1')):
            for query in ('/defects', '/defects?deviceId=cam-7&status=pending'):
                got = json.loads(self.hub.get(query, **headers)[2])
                self.assertEqual([r['image_url'] for r in got['data']], [base + path])
            self.assertEqual(json.loads(self.hub.get('/defects/' + row['id'], **headers)[2])['image_url'], base + path)
        base = f'http://{self.hub.address}'
        self.assertEqual(self.call('PATCH', '/defects/' + row['id'], {'status': 'reviewed'})[1]['image_url'], base + path)
        got = self.insert(detected_at=at, notes='the upload failed')  # without a picture: ours stays
        self.assertEqual((got['id'], got['image_url'], got['data']['image_url'], got['image_source']),
                         (row['id'], base + path, base + path, 'stream'))

    def test_both_wires_and_lists(self):
        self.assertEqual(self.post('/api/device/frames', {'frame': base64.b64encode(numbered(7)).decode()}, x_device_id='cam-9')[0], 200)
        items = [{'defect_type': 'chip'}, {'type': 'scratch'}, {'type': 'bubble'}]
        self.assertEqual(self.post('/api/device/detections', {'detections': items}, x_device_id='cam-9')[1]['stored'], 3)
        rows = self.wait(lambda: [r for r in self.rows() if r['image_url']][2:] and self.rows())
        self.assertEqual({r['defect_type'] for r in rows}, {'chip', 'scratch', 'bubble'})
        self.assertEqual(len({r['image_url'] for r in rows}), 1)  # one file
        self.assertEqual(self.fetch(rows[0]['image_url'])[2], numbered(7))

    def test_each_camera_its_own(self):
        viewer = self.viewer()
        cameras = [self.registered(viewer, f'cam-{n}') for n in range(4)]
        for n, camera in enumerate(cameras):
            camera.frame(numbered(n))
            camera.detection()
        rows = self.wait(lambda: len([r for r in self.rows() if r['image_url']]) == 4 and self.rows())
        for row in rows:
            self.assertEqual(self.fetch(row['image_url'])[2], numbered(int(row['device_id'][-1])))

    def test_a_burst_shares_a_file(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        camera.frame(numbered(1))
        for _ in range(300):
            camera.detection()
        rows = self.wait(lambda: len([r for r in self.rows() if r['image_url']]) >= 256 and self.rows())
        self.wait(lambda: len(self.rows()) == 300)
        self.assertLessEqual(self.metrics()['sluice_pictures_kept_total'], 2)
        self.assertEqual(len({r['image_url'] for r in rows if r['image_url']}), 1)
        with_picture = len([r for r in self.rows() if r['image_url']])
        self.assertEqual(with_picture + self.left_out('rate'), 300)


class NotAttached(PicturesTest):
    def settled(self, camera):
        """A detection of a camera that has a good picture went all the way: those before it did, too."""
        camera.frame(numbered(99))
        camera.detection('last')
        self.wait(lambda: [r for r in self.rows() if r['defect_type'] == 'last' and r['image_url']])

    def test_without_frames(self):
        viewer = self.viewer()
        camera, other = self.registered(viewer), self.registered(viewer, 'cam-8')
        camera.detection()
        viewer.next('detection')
        self.settled(other)
        row = next(r for r in self.rows() if r['device_id'] == 'cam-7')
        self.assertEqual((row['image_url'], row['image_source'], row['updated_at']), (None, None, row['created_at']))

    def test_what_is_no_picture(self):
        viewer = self.viewer()
        camera, other = self.registered(viewer), self.registered(viewer, 'cam-8')
        camera.frame(b'this is no picture')
        camera.detection()
        viewer.next('detection')
        self.wait(lambda: self.left_out('no_picture') == 1)
        camera.send(type='frame', frame='and this is not even base64')
        viewer.next('frame', frame='and this is not even base64')
        self.settled(other)
        self.assertIsNone(next(r for r in self.rows() if r['device_id'] == 'cam-7')['image_url'])
        self.assertEqual(len(list((self.hub.data / 'media').rglob('*.*'))), 2)  # .part and the other's

    def test_the_device_s_own_wins(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        camera.frame(numbered(1))
        at = camera.detection('chip')
        row = self.row_with_picture()
        got = self.insert(detected_at=at, image_url='http://x/own.jpg', image_path='own.jpg')
        self.assertEqual((got['id'], got['image_url'], got['image_source']), (row['id'], 'http://x/own.jpg', None))
        self.assertEqual(self.hub.json('/defects/' + row['id'])['image_url'], 'http://x/own.jpg')
        self.assertEqual(len(self.rows()), 1)

    def test_a_disk_that_does_not_take_it(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        camera.frame(numbered(1))
        (self.hub.data / 'media').write_text('in the way')
        ids = []
        for n in range(3):
            camera.frame(numbered(n))
            camera.detection()
            ids.append(viewer.next('detection')[1]['record_id'])  # stored and told all the same
            self.wait(lambda: self.left_out('disk') == n + 1)
        self.assertEqual([(r['id'], r['image_url']) for r in self.rows()], [(id, None) for id in reversed(ids)])
        said = self.hub.said()
        self.assertEqual(said.count('detections stay without pictures until this is mended'), 1, said)


class Sender(threading.Thread):
    """A camera with frames that are all different, and detections, until the hub dies."""

    def __init__(self, url, device, first):
        super().__init__(daemon=True)
        self.camera, self.n = Camera(url, device), first

    def run(self):
        try:
            while True:
                self.n += 1
                self.camera.frame(numbered(self.n))
                self.camera.detection(lot=self.n)
                time.sleep(0.002)  # a camera, not a flood: 500 frames a second
        except (OSError, websocket.WebSocketException):
            pass


class Crash(PicturesTest):
    def test_every_row_s_picture_is_there_after_kill_9(self):
        rng, checked, n = random.Random(SEED), 0, collections.Counter()
        for _ in range(ROUNDS):
            cameras = [Sender(self.hub.url, f'cam-{i}-{rng.randrange(1 << 30)}', i * 10_000_000 + n[i]) for i in range(8)]
            for c in cameras:
                c.start()
            time.sleep(rng.uniform(0.05, 0.8))
            self.hub.kill()
            for i, c in enumerate(cameras):
                c.join(10)
                self.assertFalse(c.is_alive())
                n[i] = c.n - i * 10_000_000
            self.hub.start()
            self.assertEqual(list((self.hub.data / 'media' / '.part').glob('*')) if (self.hub.data / 'media').exists() else [], [])
            checked += self.check_all()
        self.assertGreater(checked, ROUNDS, 'the hub was killed before it kept any: nothing was tested')
        print(f'# {ROUNDS} rounds: {checked} pictures looked at')

    def check_all(self):
        db = sqlite3.connect(f'file:{self.hub.data}/sluice.db?mode=ro', uri=True)
        try:
            rows = db.execute('SELECT image_url, image_source FROM glass_defect WHERE image_url IS NOT NULL').fetchall()
        finally:
            db.close()
        for url in {url for url, _ in rows}:
            status, _, body = self.fetch(url)
            self.assertEqual((status, body[:3], len(body)), (200, b'\xff\xd8\xff', len(numbered(0))), url)
        self.assertEqual({source for _, source in rows} - {'stream'}, set())
        return len({url for url, _ in rows})


if __name__ == '__main__':
    unittest.main()
