#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the hub counts, against traffic that is known exactly; and how it says that it is well."""
import json, re, socket, threading, time, unittest, urllib.request

import websocket
from camera import jpeg
from kit import SECONDS
from test_hub import HubTest

SAMPLE = re.compile(r'([a-z_:][a-z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? ([0-9.]+|\+Inf)\n')


def parse(text):
    """{'name{labels}': value}; raises if a line is neither a comment nor a sample."""
    values, at = {}, 0
    while at < len(text):
        if text.startswith(('# HELP ', '# TYPE '), at):
            at = text.index('\n', at) + 1
            continue
        m = SAMPLE.match(text, at)
        if m is None:
            raise AssertionError(f'no sample: {text[at:at + 80]!r}')
        key = m[1] + (f'{{{m[2]}}}' if m[2] else '')
        if key in values:
            raise AssertionError(f'twice: {key}')
        values[key] = float(m[3])
        at = m.end()
    return values


class MetricsTest(HubTest):
    def scrape(self):
        status, headers, body = self.hub.get('/metrics')
        self.assertEqual(status, 200)
        self.assertEqual(headers['Content-Type'], 'text/plain; version=0.0.4; charset=utf-8')
        return parse(body.decode())

    def post(self, path, body, **headers):
        request = urllib.request.Request(f'http://{self.hub.address}{path}', json.dumps(body).encode(),
                                         {k.replace('_', '-'): v for k, v in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return answer.status
        except urllib.error.HTTPError as answer:
            return answer.code

    def wait_for(self, key, value):
        """What a viewer has seen may be counted a moment later."""
        deadline = time.monotonic() + SECONDS
        while True:
            values = self.scrape()
            if values[key] == value:
                return values
            self.assertLess(time.monotonic(), deadline, f'{key} is {values[key]}, not {value}')
            time.sleep(0.02)

    def difference(self, before, after):
        """The counters that have moved, without time and without the scrapes themselves."""
        own = ('process_', 'sluice_loop_', 'sluice_storage_', 'sluice_connections', 'sluice_commit_duration_seconds_',
               'sluice_frame_age_seconds_bucket', 'sluice_frame_age_seconds_sum')
        return {k: after[k] - before[k] for k in after if after[k] != before[k] and not k.startswith(own)}


class Counters(MetricsTest):
    def test_a_fresh_hub_has_counted_nothing(self):
        values = self.scrape()
        for key, value in values.items():
            if key.startswith('sluice_') and not key.startswith(('sluice_storage_', 'sluice_loop_', 'sluice_connections', 'sluice_build')):
                self.assertEqual(value, 0, key)
        self.assertEqual(next(v for k, v in values.items() if k.startswith('sluice_build_info{version="')), 1)
        self.assertGreater(values['process_resident_memory_bytes'], 1e6)
        self.assertGreater(values['process_cpu_seconds_total'], 0)
        self.assertLess(abs(values['process_start_time_seconds'] - time.time()), 60)
        self.assertEqual(values['sluice_storage_bytes{kind="database"}'], (self.hub.data / 'sluice.db').stat().st_size)
        self.assertEqual(values['sluice_storage_bytes{kind="wal"}'], (self.hub.data / 'sluice.db-wal').stat().st_size)

    def test_known_traffic_gives_exact_counts(self):
        viewers = [self.viewer() for _ in range(3)]
        camera, eye = self.registered(viewers[0]), self.registered(viewers[0], 'eye')  # no detection gets a picture
        for v in viewers[1:]:
            v.next('device_status', device_id='eye', status='connected')
        before = self.scrape()

        for i in range(7):
            eye.frame(jpeg('red'))
            for v in viewers:
                v.next('frame')
        for i in range(11):
            camera.detection(confidence=i / 11)
            for v in viewers:
                v.next('detection')
        camera.send(type='detection', confidence=2)  # refused: no defect_type
        camera.send(type='detection', defect_type='chip', confidence=2)  # refused
        camera.send(type='dance')  # ignored
        viewers[0].ws.send('{"type":"frame","frame":"AAAA"}')  # ignored: not a viewer's to send
        viewers[0].settle()  # one ping
        self.assertEqual(self.post('/api/device/detections', {'defect_type': 'chip', 'confidence': 0.5}, x_device_id='cam-9'), 200)
        self.assertEqual(self.post('/api/device/detections', {'detections': [{'type': 'chip'}] * 5}, x_device_id='cam-9'), 200)
        self.assertEqual(self.post('/api/device/detections', {'confidence': 0.5}, x_device_id='cam-9'), 400)
        self.assertEqual(self.post('/defects', {'defect_type': 'chip', 'device_id': 'cam-9'}), 201)
        camera.send(type='ping')
        after = self.wait_for('sluice_messages_received_total{system="glass",kind="ping"}',
                              before['sluice_messages_received_total{system="glass",kind="ping"}'] + 2)

        knocks = 'sluice_handshake_failures_total{reason="'
        received, refused = (f'sluice_messages_{x}_total{{system="glass",kind="' for x in ('received', 'refused'))
        self.assertEqual(self.difference(before, after), {
            received + 'frame"}': 7,
            received + 'detection"}': 11 + 2 + 3,
            received + 'ping"}': 2,
            received + 'defect"}': 1,
            refused + 'detection"}': 3,
            'sluice_messages_ignored_total{system="glass"}': 2,
            knocks + 'missing_field"}': 2,
            knocks + 'wrong_value"}': 1,
            knocks + 'unknown_type"}': 1,
            knocks + 'wrong_role"}': 1,
            'sluice_frames_received_total': 7,
            'sluice_frames_sent_total': 7 * 3,
            'sluice_frame_age_seconds_count': 7 * 3,
            # to each of 3: 7 frames, 11 detections, cam-9 connected, a detection, a list
            'sluice_messages_sent_total': 3 * (7 + 11 + 1 + 1 + 1),
            'sluice_records_stored_total': 11 + 1 + 5 + 1,
            'sluice_devices{system="glass",state="connected"}': 1,
            'sluice_commit_duration_max_seconds': after['sluice_commit_duration_max_seconds'] - before['sluice_commit_duration_max_seconds'],
        })
        batches = after['sluice_commit_duration_seconds_count'] - before['sluice_commit_duration_seconds_count']
        self.assertTrue(11 + 3 <= batches <= 18, batches)
        self.assertGreater(after['sluice_storage_written_bytes_total{cause="journal"}'], before['sluice_storage_written_bytes_total{cause="journal"}'])

    def test_connections_by_what_they_said_they_are(self):
        clients = 'sluice_clients{{system="glass",role="{}",transport="websocket"}}'.format
        devices = 'sluice_devices{{system="glass",state="{}"}}'.format
        stranger = self.open(websocket.create_connection(self.hub.url, timeout=SECONDS))
        viewer = self.viewer()
        camera = self.registered(viewer)
        again = self.registered(viewer, 'cam-8')
        values = self.wait_for(clients('device'), 2)
        self.assertEqual((values[clients('none')], values[clients('viewer')]), (1, 1))
        self.assertEqual((values[devices('connected')], values[devices('disconnected')]), (2, 0))
        self.assertEqual(values['sluice_connections'], 5)  # and the one that asks
        camera.die()
        again.close()
        stranger.close()
        values = self.wait_for(clients('device'), 0)
        values = self.wait_for(clients('none'), 0)
        self.assertEqual((values[clients('viewer')], values[devices('connected')], values[devices('disconnected')]), (1, 0, 2))

    def test_a_viewer_that_reads_nothing(self):
        slow = self.viewer()
        quick = self.viewer()
        camera = self.registered(quick)
        slow.ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        before = self.scrape()
        picture, n = jpeg('red', 400_000), 60
        for _ in range(n):
            camera.frame(picture)
            quick.next('frame')
        after = self.scrape()
        conflated = after['sluice_frames_conflated_total']
        self.assertGreater(conflated, 20)
        self.assertEqual(after['sluice_frames_sent_total'] - before['sluice_frames_sent_total'] + conflated, 2 * n)
        self.assertGreater(after['sluice_send_queue_bytes'], 400_000)
        self.assertEqual(after['sluice_events_dropped_total{reason="queue_full"}'], 0)
        slow.ws.sock.close()
        self.wait_for('sluice_send_queue_bytes', 0)

    def test_many_scrapers_at_once(self):
        answers = []

        def ask():
            for _ in range(10):
                status, _, body = self.hub.get('/metrics')
                answers.append((status, len(parse(body.decode())) if status == 200 else 0))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(len(set(answers)), 1, set(answers))
        self.assertEqual((answers[0][0], len(answers)), (200, 80))


class Health(MetricsTest):
    def test_all_is_well(self):
        self.assertEqual(self.hub.get('/livez')[::2], (200, b'ok\n'))
        self.assertEqual(self.hub.get('/readyz')[::2], (200, b'{"ok":true,"status":"ready"}'))
        status, headers, body = self.hub.get('/health')
        self.assertTrue(body.startswith(b'{"ok":true,'), body)
        got = json.loads(body)
        self.assertEqual((status, list(got), got['status'], got['cache']), (200, ['ok', 'status', 'timestamp', 'cache'], 'ok', {}))
        for path in ('/livez', '/readyz', '/health', '/metrics'):
            status, headers, _ = self.hub.get(path)
            self.assertEqual((status, headers['Cache-Control']), (200, 'no-store'), path)


if __name__ == '__main__':
    unittest.main()
