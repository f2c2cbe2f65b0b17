#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The hub's main job, end to end: cameras as their scripts are, dashboards, the store."""
import base64, contextlib, datetime, json, re, sqlite3, subprocess, time, unittest

import websocket
from camera import Camera, jpeg
from hub import SLUICE, Hub, Viewer


class HubTest(unittest.TestCase):
    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.close)

    def open(self, thing):
        self.addCleanup(self.shut, thing)
        return thing

    def shut(self, thing):
        with contextlib.suppress(Exception):
            thing.close()

    def viewer(self, **more):
        v = self.open(Viewer(self.hub.url, **more))
        v.settle()
        return v

    def camera(self, device='cam-7', **more):
        return self.open(Camera(self.hub.url, device, **more))

    def registered(self, viewer, device='cam-7'):
        camera = self.camera(device)
        viewer.next('device_status', device_id=device, status='connected')
        return camera


class Frames(HubTest):
    def test_a_frame_reaches_the_dashboard_with_our_keys(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        sent = camera.frame(jpeg('red', 100_000), zone='B')
        text, m = viewer.next('frame')
        self.assertEqual(m['frame'], sent)
        self.assertEqual(m['device_id'], 'cam-7')
        self.assertEqual(m['zone'], 'B')
        self.assertIsInstance(m['timestamp'], int)
        self.assertLess(abs(m['timestamp'] / 1000 - time.time()), 5)

    def test_the_device_s_own_text_is_passed_on_byte_for_byte(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        camera.ws.send('{ "type" : "frame", "n": 2.8404e+00, "é\\u00e9\\/": [1.0, {"a" :null}], "frame":"AAAA" } ')
        text, _ = viewer.next('frame')
        self.assertTrue(text.rstrip().endswith(
            '"type" : "frame", "n": 2.8404e+00, "é\\u00e9\\/": [1.0, {"a" :null}], "frame":"AAAA" }'), text)

    def test_nobody_speaks_as_another_device(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        for spoof in ('"device_id":"cam-9"', '"device\\u005fid":"cam-9"', '"device_id":"cam-8","device_id":"cam-9"',
                      '"timestamp":1', '"\\u0074imestamp":1'):
            with self.subTest(spoof):
                for text in (f'{{"type":"frame","frame":"AAAA",{spoof}}}', f'{{{spoof},"type":"frame","frame":"AAAA"}}'):
                    camera.ws.send(text)
                    got, m = viewer.next('frame')
                    self.assertEqual(m['device_id'], 'cam-7')
                    self.assertGreater(m['timestamp'], 1e12)
                    self.assertNotIn('cam-9', got)
                    self.assertNotIn('cam-8', got)

    def test_frames_that_are_ignored(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        stranger = self.open(websocket.create_connection(self.hub.url, timeout=5))
        stranger.send('{"type":"frame","frame":"STRANGER"}')
        viewer.ws.send('{"type":"frame","frame":"VIEWER"}')
        for text in ('{"type":"frame","frame":""}', '{"type":"frame"}', '{"type":"frame","frame":null}',
                     '{"type":"frame","frame":"CUT', '[1]', 'null', '', '{}', '{"type":17}', '{"type":"dance"}',
                     '{"type":"frame","frame":"X","n":01}', '\x00', '"frame"'):
            camera.ws.send(text)
        camera.ws.send_binary(b'{"type":"frame","frame":"BINARY"}')
        camera.frame(b'real')
        frames = [m for m in viewer.everything_until('frame') if m['type'] == 'frame']
        self.assertEqual([m['frame'] for m in frames], ['cmVhbA=='])
        stranger.send('{"type":"ping"}')
        self.assertEqual(stranger.recv(), '{"type":"pong"}')  # it was kept

    def test_900_kilobytes(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        sent = camera.frame(jpeg('green', 675_000))
        self.assertGreater(len(sent), 899_000)
        self.assertEqual(viewer.next('frame')[1]['frame'], sent)

    def test_a_fragmented_frame(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        text = json.dumps({'type': 'frame', 'frame': 'A' * 5000})
        abnf = websocket.ABNF
        camera.ws.send_frame(abnf.create_frame(text[:1000], abnf.OPCODE_TEXT, 0))
        camera.ws.send_frame(abnf.create_frame(text[1000:1001], abnf.OPCODE_CONT, 0))
        camera.ws.send_frame(abnf.create_frame(text[1001:], abnf.OPCODE_CONT, 1))
        self.assertEqual(viewer.next('frame')[1]['frame'], 'A' * 5000)

    def test_cameras_are_told_apart_and_newcomers_get_the_last_frame_of_each(self):
        viewer = self.viewer()
        one, two = self.registered(viewer, 'one'), self.registered(viewer, 'two')
        a = one.frame(jpeg('red'))
        viewer.next('frame', device_id='one')
        b = two.frame(jpeg('green'))
        viewer.next('frame', device_id='two')
        two.close()
        viewer.next('device_status', device_id='two', status='disconnected')
        late = Viewer(self.hub.url)
        self.open(late)
        got = late.settle()
        states = {m['device_id']: m['status'] for m in got if m['type'] == 'device_status'}
        self.assertEqual(states, {'one': 'connected', 'two': 'disconnected'})
        while len([m for m in got if m['type'] == 'frame']) < 2:
            got.append(json.loads(late.ws.recv()))
        self.assertEqual({m['device_id']: m['frame'] for m in got if m['type'] == 'frame'}, {'one': a, 'two': b})

    def test_a_stalled_dashboard_gets_the_newest_and_harms_nobody(self):
        viewer = self.viewer()
        stalled = self.open(Viewer(self.hub.url))
        stalled.settle()
        camera = self.registered(viewer)
        before = self.memory()
        for n in range(300):
            camera.frame(jpeg('red', 100_000), n=n)
            if n % 10 == 9:  # everybody else keeps up
                while viewer.next('frame')[1]['n'] != n:
                    pass
        self.assertLess(self.memory() - before, 20e6)
        seen = []
        while not seen or seen[-1] != 299:
            seen.append(stalled.next('frame')[1]['n'])
        self.assertEqual(seen, sorted(seen))
        self.assertLess(len(seen), 290)

    def memory(self):
        with open(f'/proc/{self.hub.proc.pid}/statm') as f:
            return int(f.read().split()[1]) * 4096


class Detections(HubTest):
    def test_it_is_stored_before_it_is_announced(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        for n in range(20):
            at = camera.detection('scratch', 0.87, lot=n)
            text, m = viewer.next('detection')
            rows = self.hub.json('/defects')
            self.assertEqual(rows['data'][0]['id'], m['record_id'])
            self.assertEqual(rows['pagination'], {'total': n + 1, 'limit': 50, 'offset': 0})
            self.assertEqual({k: m[k] for k in ('device_id', 'defect_type', 'confidence', 'timestamp', 'lot')},
                             {'device_id': 'cam-7', 'defect_type': 'scratch', 'confidence': 0.87, 'timestamp': at, 'lot': n})

    def test_columns(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        camera.detection('chip', 0.81, '2026-03-01T09:30:00.120000+00:00')
        viewer.next('detection')
        [row] = self.hub.json('/defects')['data']
        created = datetime.datetime.fromisoformat(row.pop('created_at'))
        self.assertLess(abs(created.timestamp() - time.time()), 10)
        self.assertRegex(row.pop('id'), r'^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$')
        self.assertEqual(row.pop('updated_at')[:19], created.isoformat()[:19])
        self.assertEqual(row, {'device_id': 'cam-7', 'defect_type': 'chip', 'confidence': 0.81, 'status': 'pending',
                               'image_url': None, 'image_path': None, 'image_source': None, 'notes': None,
                               'detected_at': '2026-03-01T09:30:00.120000+00:00'})

    def test_escapes_are_text_in_the_table_and_stay_as_sent_on_the_wire(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        camera.ws.send('{"type":"detection","defect_type":"ri\\u00df \\"x\\"","confidence":1e-3}')
        text, m = viewer.next('detection')
        self.assertIn('"ri\\u00df \\"x\\"","confidence":1e-3', text)
        self.assertIn('timestamp', m)
        [row] = self.hub.json('/defects')['data']
        self.assertEqual((row['defect_type'], row['confidence'], row['device_id']), ('riß "x"', 0.001, 'cam-7'))

    def test_the_time_of_the_device_without_zone_is_utc_and_orders_the_list(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        for at in ('2026-03-01T09:30:00', '2026-03-01T12:00:00+03:00', '2026-03-01T10:00:00Z'):
            camera.detection('chip', 0.5, at)
            self.assertEqual(viewer.next('detection')[1]['timestamp'], at)
        got = [r['detected_at'][11:16] for r in self.hub.json('/defects')['data']]
        self.assertEqual(got, ['10:00', '09:30', '09:00'])
        page = self.hub.json('/defects?limit=1&offset=1')
        self.assertEqual([r['detected_at'][11:16] for r in page['data']], ['09:30'])
        self.assertEqual(page['pagination'], {'total': 3, 'limit': 1, 'offset': 1})

    def test_only_devices_detect_and_only_as_themselves(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        stranger = self.open(websocket.create_connection(self.hub.url, timeout=5))
        for ws in (stranger, viewer.ws):
            ws.send('{"type":"detection","defect_type":"fake","confidence":1}')
        camera.detection('chip', 0.5, device_id='cam-9', record_id='x')
        m = viewer.next('detection')[1]
        self.assertEqual((m['defect_type'], m['device_id']), ('chip', 'cam-7'))
        self.assertNotEqual(m['record_id'], 'x')
        self.assertEqual(self.hub.json('/defects')['pagination']['total'], 1)

    def test_what_was_announced_survives_kill_9(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        announced = []
        for round_ in range(3):
            for n in range(200):
                camera.detection('chip', n / 200)
            while len(announced) < 150 * (round_ + 1):
                announced.append(viewer.next('detection')[1]['record_id'])
            self.hub.kill()
            self.hub.start()
            stored = {r['id'] for r in self.hub.json('/defects?limit=1000')['data']}
            self.assertEqual([x for x in announced if x not in stored], [])
            viewer = self.viewer()
            camera = self.registered(viewer)


class Presence(HubTest):
    def test_the_device_is_told_as_well(self):
        camera = self.camera()
        self.assertEqual(json.loads(camera.ws.recv()),
                         {'type': 'device_status', 'device_id': 'cam-7', 'status': 'connected'})
        camera.send(type='ping')
        self.assertEqual(camera.ws.recv(), '{"type":"pong"}')

    def test_the_newest_connection_wins(self):
        viewer = self.viewer()
        old = self.registered(viewer)
        new = self.camera()
        self.assertEqual(json.loads(new.ws.recv())['status'], 'connected')
        old.frame(b'old')
        new.frame(b'new')
        self.assertEqual(viewer.next('frame')[1]['frame'], 'bmV3')
        old.detection('chip', 0.5)  # a record is never lost
        viewer.next('detection')
        old.close()
        new.frame(b'again')
        got = viewer.everything_until('frame', frame='YWdhaW4=')
        self.assertEqual([m['type'] for m in got], ['frame'])  # no word of a disconnection
        new.die()
        self.assertEqual(viewer.next('device_status')[1]['status'], 'disconnected')
        self.assertEqual(self.hub.json('/devices/status')['count'], 0)

    def test_an_older_connection_takes_over_when_the_newest_goes(self):
        viewer = self.viewer()
        old = self.registered(viewer)
        new = self.camera()
        new.ws.recv()
        new.close()
        viewer.next('device_status', status='disconnected')
        old.frame(b'old')
        viewer.next('device_status', status='connected')
        self.assertEqual(viewer.next('frame')[1]['frame'], 'b2xk')

    def test_one_connection_under_another_name(self):
        viewer = self.viewer()
        camera = self.registered(viewer, 'a')
        camera.send(type='device_register', device_id='b')
        got = viewer.everything_until('device_status', device_id='b')
        self.assertEqual([(m['device_id'], m['status']) for m in got], [('a', 'disconnected'), ('b', 'connected')])

    def test_ids(self):
        viewer = self.viewer()
        for sent, told in ((None, 'unknown'), ('', 'unknown'), ('กล้อง "1"\\', 'กล้อง "1"\\'), (17, '17'), ('x' * 128, 'x' * 128)):
            with self.subTest(sent):
                ws = self.open(websocket.create_connection(self.hub.url, timeout=5))
                ws.send(json.dumps({'type': 'device_register', **({} if sent is None else {'device_id': sent})}))
                self.assertEqual(json.loads(ws.recv())['device_id'], told)
                ws.close()
                viewer.next('device_status', device_id=told, status='disconnected')
        ws = self.open(websocket.create_connection(self.hub.url, timeout=5))
        ws.send(json.dumps({'type': 'device_register', 'device_id': 'x' * 129}))
        self.assertEqual(json.loads(ws.recv())['type'], 'error')

    def test_addresses_and_other_spellings(self):
        base = f'ws://{self.hub.address}'
        viewers = [self.open(Viewer(base + path, hello)) for path, hello in (
            ('/ws', '{"type":"web_client"}'), ('/', '{"type":"register","client_type":"web_client"}'),
            ('/ws?x=1', '{"type":"web_client"}'), ('', '{"type":"web_client","type":"web_client"}'))]
        for v in viewers:
            v.settle()
        self.open(Camera(base, 'bare')).frame(b'x')
        for v in viewers:
            self.assertEqual(v.next('frame')[1]['device_id'], 'bare')

    def test_devices_status(self):
        self.assertEqual({**self.hub.json('/devices/status'), 'timestamp': 0}, {'devices': [], 'count': 0, 'timestamp': 0})
        viewer = self.viewer()
        self.registered(viewer)
        got = self.hub.json('/devices/status')
        self.assertEqual([(d['device_id'], d['status']) for d in got['devices']], [('cam-7', 'connected')])
        self.assertIn('[WS Device] cam-7 registered', self.hub.said())


class Http(HubTest):
    def test_health(self):
        status, headers, body = self.hub.get('/health')
        self.assertEqual(status, 200)
        self.assertTrue(body.startswith(b'{"ok":true,'))
        self.assertEqual(json.loads(body)['status'], 'ok')

    def test_root_is_a_page_for_browsers_and_json_for_programs(self):
        for accept, is_page in (('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', True), ('*/*', False),
                                ('application/json, text/plain, */*', False), ('application/json, text/html;q=0.5', False),
                                ('text/html;q=0', False), ('TEXT/HTML', True)):
            with self.subTest(accept):
                status, headers, body = self.hub.get('/', Accept=accept)
                self.assertEqual(status, 200)
                self.assertIn('Accept', headers.get_all('Vary'))
                if is_page:
                    self.assertTrue(body.startswith(b'<!doctype html>'))
                    self.assertIn("default-src 'none'; script-src 'self'", headers['Content-Security-Policy'])
                else:
                    self.assertEqual(json.loads(body)['message'], 'Backend connected successfully!')

    def test_every_asset_the_page_names_is_there(self):
        page = self.hub.get('/', Accept='text/html')[2].decode()
        names = set(re.findall(r'(?:src|href)="(/[^"]+)"', page))
        code = self.hub.get('/app/app.js')[2].decode()
        names |= {'/app/' + n for n in re.findall(r"from '\./([^']+)'", code)}
        self.assertGreater(len(names), 4)
        for name in names:
            self.assertEqual(self.hub.get(name)[0], 200, name)
        self.assertEqual(self.hub.get('/app/none.js')[0], 404)
        self.assertEqual(self.hub.get('/app/../app/app.js')[0] // 100, 4)

    def test_a_website_that_someone_visits_does_not_come_in(self):
        for headers, cure in (({'Origin': 'https://example.org'}, '--origins'), ({'Origin': 'null'}, '--origins'),
                              ({'Host': 'example.org'}, '--hosts'),
                              ({'Host': f'rebound.example.org:{self.hub.port}'}, '--hosts')):
            status, got, body = self.hub.get('/defects', **headers)
            self.assertEqual(status, 403, headers)
            self.assertIn(cure, json.loads(body)['error'])
            self.assertIsNone(got['Access-Control-Allow-Origin'])
        for origin in ('http://localhost:3000', 'http://127.0.0.1', f'http://{self.hub.address}'):
            status, got, _ = self.hub.get('/defects', Origin=origin)
            self.assertEqual((status, got['Access-Control-Allow-Origin']), (200, origin))
        with self.assertRaises(websocket.WebSocketBadStatusException) as caught:
            websocket.create_connection(self.hub.url, origin='https://example.org', timeout=5)
        self.assertEqual(caught.exception.status_code, 403)

    def test_limits_that_are_no_numbers(self):
        for query in ('limit=ten', 'offset=-1', 'limit=1.5', 'limit=99999999999999999999999'):
            self.assertEqual(self.hub.get('/defects?' + query)[0], 400, query)
        self.assertEqual(self.hub.json('/defects?limit=5000')['pagination']['limit'], 1000)
        self.assertEqual(self.hub.json('/defects?limit=0')['data'], [])


class Life(HubTest):
    def run_hub(self, *args, **env):
        return subprocess.run([SLUICE, 'serve', *args], capture_output=True, text=True, timeout=20, env=env or None)

    def test_stop_under_load_says_1001_and_leaves_with_0(self):
        viewer = self.viewer()
        camera = self.registered(viewer)
        for n in range(100):
            camera.frame(jpeg('red', 100_000))
            camera.detection()
        began = time.monotonic()
        self.hub.proc.terminate()
        code = None
        with contextlib.suppress(Exception):
            while code is None:
                opcode, data = viewer.ws.recv_data(control_frame=True)
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    code = int.from_bytes(data[:2], 'big')
        self.assertEqual(self.hub.proc.wait(10), 0, self.hub.said()[-2000:])
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(code, 1001)

    def test_one_hub_per_data_folder(self):
        got = self.run_hub('--listen', '127.0.0.1:0', '--data', self.hub.data)
        self.assertEqual(got.returncode, 69)
        self.assertIn(f'another sluice already uses {self.hub.data}', got.stderr)

    def test_an_occupied_port(self):
        got = self.run_hub('--listen', self.hub.address, '--data', f'{self.hub.folder.name}/other')
        self.assertEqual(got.returncode, 69)
        self.assertIn(self.hub.address, got.stderr)

    def test_a_newer_store_is_refused(self):
        self.assertEqual(self.hub.stop(), 0)
        db = sqlite3.connect(self.hub.data / 'sluice.db')
        own, = db.execute('PRAGMA user_version').fetchone()
        db.close()
        for sql in ('PRAGMA user_version=99', f"PRAGMA user_version={own}; UPDATE schema SET version=99 WHERE system='glass'"):
            db = sqlite3.connect(self.hub.data / 'sluice.db')
            db.executescript(sql)
            db.close()
            got = self.run_hub('--listen', '127.0.0.1:0', '--data', self.hub.data)
            self.assertEqual(got.returncode, 78)
            self.assertIn('newer Sluice', got.stderr)

    def test_the_network_is_not_let_in_unasked(self):
        other = f'{self.hub.folder.name}/other'
        for address in ('0.0.0.0:0', '[::]:0', '192.0.2.1:0'):
            got = self.run_hub('--listen', address, '--data', other)
            self.assertEqual(got.returncode, 78)
            self.assertIn('add: --access open', got.stderr)
        self.assertEqual(self.run_hub('--listen', 'nonsense', '--data', other).returncode, 64)

    def test_words_for_a_slip_of_the_finger(self):
        for args, said in ((['--lisen', 'x'], 'did you mean --listen?'), (['--budget', 'soon'], 'whole number'),
                           (['--log-level', 'loud'], 'error|warn|info|debug'), (['--data'], '--data DIR')):
            got = self.run_hub(*args)
            self.assertEqual(got.returncode, 64)
            self.assertIn(said, got.stderr)
        got = subprocess.run([SLUICE, 'server'], capture_output=True, text=True, timeout=20)
        self.assertEqual((got.returncode, 'did you mean serve?' in got.stderr), (64, True))
        got = subprocess.run([SLUICE, '--help'], capture_output=True, text=True, timeout=20)
        self.assertEqual((got.returncode, 'sluice sim glass' in got.stdout), (0, True))

    def test_the_line_that_people_look_for(self):
        self.assertIn(f'listening on port {self.hub.port}', self.hub.said())


class Simulator(HubTest):
    def test_it_sends_pictures_and_detections_and_ends_at_once(self):
        viewer = self.viewer()
        sim = subprocess.Popen([SLUICE, 'sim', 'glass', '--url', self.hub.url, '--device', 'sim-1', '--size', '160x120'],
                               stderr=subprocess.DEVNULL)
        self.addCleanup(sim.kill)
        viewer.next('device_status', device_id='sim-1', status='connected')
        first = base64.b64decode(viewer.next('frame')[1]['frame'])
        self.assertEqual((first[:3], first[-2:]), (b'\xff\xd8\xff', b'\xff\xd9'))
        self.assertNotEqual(base64.b64decode(viewer.next('frame')[1]['frame']), first)
        self.assertIn(viewer.next('detection')[1]['defect_type'], ('scratch', 'chip', 'bubble'))
        began = time.monotonic()
        sim.terminate()
        self.assertEqual(sim.wait(5), 0)
        self.assertLess(time.monotonic() - began, 1)
        viewer.next('device_status', device_id='sim-1', status='disconnected')


if __name__ == '__main__':
    unittest.main()
