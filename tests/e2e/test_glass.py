#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Glass records: every endpoint and status, both wires, bad input by table, restarts."""
import json, unittest, urllib.error, urllib.request

import websocket
from test_hub import HubTest

AT = '2026-03-01T09:30:00.120000+00:00'


class GlassTest(HubTest):
    def call(self, method, path, body=None, **headers):
        """(status, object, headers)"""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {k.replace('_', '-'): v for k, v in headers.items()}
        request = urllib.request.Request(f'http://{self.hub.address}{path}', data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None, answer.headers
        except urllib.error.HTTPError as answer:
            text = answer.read()
            return answer.code, json.loads(text) if text else None, answer.headers

    def post(self, path, body, **headers):
        return self.call('POST', path, body, **headers)[:2]

    def total(self, query=''):
        return self.hub.json('/defects' + query)['pagination']['total']

    def insert(self, **more):
        status, row = self.post('/defects', {'device_id': 'cam-7', 'defect_type': 'chip', **more})
        self.assertEqual(status, 201, row)
        return row


class StandIn(GlassTest):
    def test_register(self):
        viewer = self.viewer()
        status, got = self.post('/api/device/register', {'device_id': 'old-1'})
        self.assertEqual(status, 200)
        self.assertEqual({k: got[k] for k in ('success', 'device_id', 'frame_stream_sse')},
                         {'success': True, 'device_id': 'old-1', 'frame_stream_sse': '/stream/frames'})
        self.assertIn('message', got)
        self.assertIn('polling_endpoint', got)
        self.assertIn('timestamp', got)
        viewer.next('device_status', device_id='old-1', status='connected')
        self.post('/api/device/register', {'device_id': 'old-1'})
        self.assertEqual([m for m in viewer.settle() if m['type'] == 'device_status'], [])  # once per change
        self.assertEqual(self.post('/api/device/register', {})[1]['device_id'], 'unknown')
        devices = self.hub.json('/devices/status')
        self.assertEqual({d['device_id'] for d in devices['devices']}, {'old-1', 'unknown'})
        status = self.hub.json('/ws/status')
        self.assertEqual((status['websocket_enabled'], status['path'], status['devices_connected'], status['web_clients_connected']),
                         (True, '/ws', 2, 1))

    def test_a_list(self):
        viewer = self.viewer()
        items = [{'defect_type': 'chip', 'confidence': 0.5, 'lot': 1.0}, {'type': 'scratch', 'confidence': 1}]
        status, got = self.post('/api/device/detections', {'detections': items, 'timestamp': AT}, x_device_id='cam-9')
        self.assertEqual((status, got['success'], got['received'], got['stored']), (200, True, 2, 2))
        m = viewer.next('detection')[1]
        self.assertEqual((m['device_id'], m['detections'], m['timestamp'], m['stored']), ('cam-9', items, AT, True))
        rows = self.hub.json('/defects')['data']
        self.assertEqual([(r['defect_type'], r['detected_at'], r['device_id']) for r in rows],
                         [('scratch', AT, 'cam-9'), ('chip', AT, 'cam-9')])
        self.assertEqual(self.post('/api/device/detections', {'detections': []})[1]['stored'], 0)

    def test_flat_has_the_same_effect_as_by_websocket(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        message = {'type': 'detection', 'defect_type': 'chip', 'confidence': 0.81, 'timestamp': AT, 'lot': 7}
        camera.send(**message)
        by_socket = viewer.next('detection')[1]
        status, got = self.post('/api/device/detections', {**message, 'device_id': 'cam-9'}, x_device_id='cam-7')
        by_http = viewer.next('detection')[1]
        self.assertEqual((status, got['ok'], got['stored'], got['duplicate'], got['id']), (200, True, True, False, by_http['record_id']))
        self.assertEqual({**by_socket, 'record_id': ''}, {**by_http, 'record_id': ''})
        a, b = self.hub.json('/defects')['data']
        for row in (a, b):
            for key in ('id', 'created_at', 'updated_at'):
                row.pop(key)
        self.assertEqual(a, b)

    def test_nobody_smuggles_another_type(self):
        viewer = self.viewer()
        self.post('/api/device/detections', b'{"type":"frame","frame":"AAAA","defect_type":"chip","record_id":"x"}')
        got = viewer.everything_until('detection')
        self.assertEqual([m['type'] for m in got if m['type'] == 'frame'], [])
        self.assertNotEqual(got[-1]['record_id'], 'x')
        self.post('/api/device/frames', b'{"frame":"AAAA","type":"detection","device_id":"x"}', x_device_id='cam-1')
        m = viewer.next('frame')[1]
        self.assertEqual((m['frame'], m['device_id']), ('AAAA', 'cam-1'))

    def test_frames(self):
        self.assertEqual(self.post('/api/device/frames', {'frame': 'AAAA'})[0], 400)
        status, got = self.post('/api/device/frames', {'frame': 'AAAA', 'device_id': 'cam-1'})
        self.assertEqual((status, got['success'], got['device_id'], 'received_at' in got), (200, True, 'cam-1', True))

    def test_receipts_for_those_who_ask(self):
        viewer = self.viewer()
        camera = self.camera()
        camera.ws.recv()
        camera.detection()
        camera.detection(receipt=True)
        got = json.loads(camera.ws.recv())
        self.assertEqual((got['type'], got['ok'], got['stored'], got['duplicate']), ('receipt', True, True, False))
        viewer.next('detection')
        self.assertEqual(viewer.next('detection')[1]['record_id'], got['id'])
        self.assertGreater(got['seq'], 1)

    def test_the_sender_s_death_changes_nothing(self):
        viewer = self.viewer()
        camera = self.camera()
        camera.ws.recv()  # a socket closed with something unread is reset, and what it sent may be lost on the way
        for n in range(50):
            camera.detection(n=n)
        camera.die()
        seen = [viewer.next('detection')[1]['n'] for _ in range(50)]
        self.assertEqual((seen, self.total()), (list(range(50)), 50))


class BadInput(GlassTest):
    WRONG = (  # the field that is named, a detection
        ('defect_type', '{"type":"detection"}'),
        ('defect_type', '{"type":"detection","defect_type":null}'),
        ('defect_type', '{"type":"detection","defect_type":""}'),
        ('defect_type', '{"type":"detection","defect_type":7}'),
        ('defect_type', '{"type":"detection","defect_type":"\\ud800"}'),
        ('defect_type', '{"type":"detection","defect_type":"a\\u0000b"}'),
        ('defect_type', '{"type":"detection","defect_type":"%s"}' % ('x' * 201)),
        ('confidence', '{"type":"detection","defect_type":"chip","confidence":"87 %"}'),
        ('confidence', '{"type":"detection","defect_type":"chip","confidence":1.01}'),
        ('confidence', '{"type":"detection","defect_type":"chip","confidence":-1}'),
        ('confidence', '{"type":"detection","defect_type":"chip","confidence":[1]}'),
        ('confidence', '{"type":"detection","defect_type":"chip","confidence":true}'),
        ('timestamp', '{"type":"detection","defect_type":"chip","timestamp":"yesterday"}'),
        ('timestamp', '{"type":"detection","defect_type":"chip","timestamp":12}'),
        ('timestamp', '{"type":"detection","defect_type":"chip","timestamp":"2026-02-30T00:00:00Z"}'),
        ('device_id', '{"type":"detection","defect_type":"chip","device_id":"%s"}' % ('x' * 10240)),
    )
    IGNORED = ('{', '[1]', 'null', '', '{"type":"dance"}', '\x00', '[' * 70000, '{"a":' * 100 + '1' + '}' * 100,
               '{"type":"detection","defect_type":"chip","x":[' + ','.join('1' * 30000) + ']}')

    def test_by_websocket(self):
        viewer = self.viewer()
        camera = self.camera()
        camera.ws.recv()
        for field, text in self.WRONG:
            with self.subTest(text[:80]):
                camera.ws.send(text)
                got = json.loads(camera.ws.recv())
                self.assertEqual((got['type'], got['field']), ('error', field))
                self.assertTrue(got['error'].startswith(field), got['error'])
        for text in self.IGNORED:
            camera.ws.send(text)
        camera.send(type='ping')
        self.assertEqual(camera.ws.recv(), '{"type":"pong"}')  # kept, and nothing else was said
        self.assertEqual(self.total(), 0)
        camera.detection('good')
        self.assertEqual(viewer.next('detection')[1]['defect_type'], 'good')

    def test_by_http(self):
        for field, text in self.WRONG:
            with self.subTest(text[:80]):
                status, got = self.post('/api/device/detections', text.encode())
                self.assertEqual(status, 400)
                self.assertTrue(got['error'].startswith(field), got['error'])
        for text in self.IGNORED:
            if text != '{"type":"dance"}':
                self.assertEqual(self.post('/api/device/detections', text.encode())[0], 400, text[:40])
        self.assertEqual(self.post('/api/device/detections', b'{"defect_type":"\xff"}')[0], 400)
        status, got = self.post('/api/device/detections', {'detections': [{'type': 'chip'}, {'type': 'chip', 'confidence': 2}]})
        self.assertEqual((status, got['error']), (400, 'detections[1].confidence must be a number from 0 to 1'))
        for wrong, said in ((7, 'an array'), ([1], 'detections[0] must be an object'), ([{}], 'detections[0].defect_type is missing')):
            status, got = self.post('/api/device/detections', {'detections': wrong})
            self.assertEqual((status, said in got['error']), (400, True), got)
        for path in ('/api/device/register', '/api/device/frames', '/api/device/detections'):
            self.assertEqual(self.post(path, {'device_id': 'x' * 10240, 'frame': 'A', 'defect_type': 'x'}, )[0], 400, path)
            self.assertEqual(self.post(path, {'frame': 'A', 'defect_type': 'x'}, x_device_id='x' * 10240)[0], 400, path)
            self.assertEqual(self.post(path, {'frame': 'A', 'defect_type': 'x'}, x_device_id='\xff')[0], 400, path)
        self.assertEqual(self.total(), 0)
        self.assertEqual(self.hub.json('/devices/status')['count'], 0)


class Defects(GlassTest):
    def test_insert_read_edit_delete(self):
        row = self.insert(detected_at=AT, image_url='http://x/1.jpg', image_path='a/1.jpg', confidence=0.5, notes='n', unknown=1)
        bare = {k: row[k] for k in row['data']}
        self.assertEqual(row['data'], bare)
        self.assertEqual((row['success'], row['status'], row['detected_at'], row['notes']), (True, 'pending', AT, 'n'))
        self.assertEqual(self.hub.json('/defects/' + row['id']), bare)
        self.assertEqual(self.hub.json('/defects')['data'], [bare])

        status, got, _ = self.call('PATCH', '/defects/' + row['id'], {'status': 'reviewed', 'id': 'other', 'created_at': 'x', 'notes': None})
        self.assertEqual((status, got['status'], got['id'], got['created_at'], got['notes']),
                         (200, 'reviewed', row['id'], row['created_at'], None))
        self.assertGreater(got['updated_at'], row['updated_at'])
        self.assertEqual((got['image_url'], got['confidence']), (row['image_url'], 0.5))
        self.assertEqual(self.hub.json('/defects/' + row['id']), got)

        for _ in range(2):
            status, got, _ = self.call('DELETE', '/defects/' + row['id'])
            self.assertEqual((status, got), (200, {'message': 'Defect deleted successfully'}))
        self.assertEqual(self.call('GET', '/defects/' + row['id'])[:2], (404, {'error': 'Defect not found'}))
        self.assertEqual(self.total(), 0)

    def test_refusals(self):
        row = self.insert()
        for method, path, body, status, said in (
                ('GET', '/defects/none', None, 404, 'Defect not found'),
                ('PATCH', '/defects/none', {'status': 'reviewed'}, 404, 'Defect not found'),
                ('PATCH', '/defects/' + row['id'], {'status': 'lost'}, 400, 'status must be pending, reviewed or resolved'),
                ('PATCH', '/defects/' + row['id'], {'confidence': 'x'}, 400, 'confidence must be a number from 0 to 1'),
                ('PATCH', '/defects/' + row['id'], b'{', 400, 'the body must be JSON'),
                ('PATCH', '/defects/' + row['id'], [1], 400, 'the message must be a JSON object'),
                ('POST', '/defects', {'device_id': 'a'}, 400, 'defect_type is missing'),
                ('POST', '/defects', {'defect_type': 'a'}, 400, 'device_id is missing'),
                ('POST', '/defects', {'device_id': 'a', 'defect_type': 'b', 'status': 'x'}, 400, 'status must be'),
                ('POST', '/defects', {'device_id': 'a', 'defect_type': 'b', 'detected_at': 'x'}, 400, 'detected_at must be a time'),
                ('GET', '/defects?limit=x', None, 400, 'limit must be'),
                ('GET', '/defects?status=' + 'x' * 600, None, 400, 'status is longer')):
            with self.subTest((method, path, body)):
                got = self.call(method, path, body)
                self.assertEqual(got[0], status)
                self.assertTrue(got[1]['error'].startswith(said), got[1])
        self.assertEqual(self.hub.json('/defects/' + row['id'])['status'], 'pending')

    def test_filters_pages_and_sums(self):
        for n in range(12):
            self.insert(device_id=f'cam-{n % 3}', defect_type=('chip', 'scratch')[n % 2], status=('pending', 'resolved')[n % 4 == 3],
                        detected_at=f'2026-03-01T09:30:{n:02}Z')
        self.assertEqual(self.total(), 12)
        for query, wanted in (('deviceId=cam-1', [10, 7, 4, 1]), ('status=resolved', [11, 7, 3]), ('status=pending&limit=2', [10, 9]),
                              ('deviceId=cam-1&status=resolved', [7]), ('deviceId=cam-0&status=pending', [9, 6, 0]), ('deviceId=none', []),
                              ('deviceId=cam-1&limit=2&offset=1', [7, 4]), ('offset=10', [1, 0]), ('offset=12', []),
                              ('status=lost', []), ('deviceId=&status=&limit=1', [11])):
            with self.subTest(query):
                got = self.hub.json('/defects?' + query)
                self.assertEqual([int(r['detected_at'][17:19]) for r in got['data']], wanted)
        self.assertEqual(self.total('?deviceId=cam-1&limit=1'), 4)
        self.assertEqual(self.total('?status=resolved&deviceId=cam-0'), 1)
        self.assertEqual(self.hub.json('/defects/stats/summary'),
                         {'totalDefects': 12, 'byType': {'chip': 6, 'scratch': 6}, 'byStatus': {'pending': 9, 'resolved': 3}})
        row = self.hub.json('/defects?limit=1')['data'][0]
        self.call('PATCH', '/defects/' + row['id'], {'status': 'reviewed', 'defect_type': 'bubble', 'device_id': 'new'})
        self.assertEqual(self.hub.json('/defects/stats/summary'),
                         {'totalDefects': 12, 'byType': {'bubble': 1, 'chip': 6, 'scratch': 5},
                          'byStatus': {'pending': 9, 'resolved': 2, 'reviewed': 1}})
        self.assertEqual((self.total('?deviceId=new'), self.total('?deviceId=cam-2')), (1, 3))
        self.call('DELETE', '/defects/' + row['id'])
        self.assertEqual(self.hub.json('/defects/stats/summary')['byType'], {'chip': 6, 'scratch': 5})

    def test_one_defect_two_reports(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        for _ in range(2):  # two hits of one picture share both
            camera.detection('chip', 0.81, AT)
        first, second = (viewer.next('detection')[1]['record_id'] for _ in range(2))
        rows = [self.insert(detected_at=AT.replace('09:30', '11:30').replace('+00:00', '+02:00'), image_url=f'u{n}') for n in range(3)]
        self.assertEqual([r['id'] for r in rows[:2]], [first, second])
        self.assertNotIn(rows[2]['id'], (first, second))
        self.assertEqual((self.total(), rows[0]['image_url'], rows[0]['confidence']), (3, 'u0', 0.81))
        self.insert(device_id='other', detected_at=AT)
        self.assertEqual(self.total(), 4)

    def test_an_unchanged_poll_is_answered_without_a_body(self):
        row = self.insert()
        etag = self.call('GET', '/defects')[2]['ETag']
        self.assertEqual(self.call('GET', '/defects', If_None_Match=etag)[:2], (304, None))
        self.call('PATCH', '/defects/' + row['id'], {'status': 'resolved'})
        self.assertEqual(self.call('GET', '/defects', If_None_Match=etag)[0], 200)

    def test_hello_to_programs(self):
        self.assertEqual(self.hub.json('/')['message'], 'Backend connected successfully!')
        got = self.hub.json('/health/detailed')
        self.assertEqual((got['ok'], got['port'], set(got['supabase'])), (True, self.hub.port, {'url', 'key'}))
        self.assertIn(got['supabase']['key'], ('set', 'missing'))


class Restart(GlassTest):
    def test_under_connected_clients(self):
        camera, viewer = self.camera(), self.viewer()
        camera.ws.recv()
        camera.detection(receipt=True)
        receipt = json.loads(camera.ws.recv())
        for _ in range(2):
            self.assertEqual(self.hub.stop(), 0)
            with self.assertRaises(websocket.WebSocketConnectionClosedException):
                while True:
                    viewer.ws.recv()
            self.hub.start()
            self.assertEqual(self.hub.json('/defects')['data'][0]['id'], receipt['id'])
            camera, viewer = self.camera(), self.viewer()
            camera.ws.recv()
            camera.detection(receipt=True)
            receipt, before = json.loads(camera.ws.recv()), receipt
            self.assertGreater(receipt['seq'], before['seq'])
        self.assertEqual(self.total(), 3)


if __name__ == '__main__':
    unittest.main()
