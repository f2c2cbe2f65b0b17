# SPDX-License-Identifier: MIT
"""The hub's limits, each beyond it and within it; the unit tests look at the very edges."""
import json, re, select, time, unittest

from hub import SLUICE, Hub, Viewer
from kit import Raw, RawWs, wait_for


def hub_with(*options):
    class Limited(Hub):
        command = (SLUICE, 'serve', *options)
    return Limited()


class LimitsTest(unittest.TestCase):
    def hub(self, *options):
        hub = hub_with(*options)
        self.addCleanup(hub.close)
        return hub

    def open(self, thing):
        self.addCleanup(thing.close)
        return thing

    def metric(self, hub, line):
        found = re.search(rf'^{re.escape(line)} (\S+)$', hub.get('/metrics')[2].decode(), re.M)
        self.assertIsNotNone(found, line)
        return float(found[1])


def post(port, path, message, device='d1'):
    """A request as it goes over the wire."""
    body = json.dumps(message).encode()
    return (f'POST {path} HTTP/1.1\r\nHost: localhost\r\nx-device-id: {device}\r\n'
            f'Content-Length: {len(body)}\r\n\r\n').encode() + body


def detection(**more):
    return {'type': 'detection', 'defect_type': 'chip', 'confidence': 0.5, 'timestamp': '2026-01-01T00:00:00Z', **more}


class QueueTotal(LimitsTest):
    def run_viewers(self, hub, n):
        """Eight dashboards that never read and one that does, and n detections of 200 kB: what it saw."""
        reader = self.open(Viewer(hub.url))
        reader.settle()
        for _ in range(8):
            silent = self.open(RawWs(hub.port, receive_bytes=4096))
            silent.send_text('{"type":"web_client"}')
        wait_for(lambda: self.metric(hub, 'sluice_clients{system="glass",role="viewer",transport="websocket"}') == 9, 'viewers')
        seen = []
        device = self.open(Viewer(hub.url, hello='{"type":"device_register","device_id":"d1"}'))
        for i in range(n):
            device.ws.send(json.dumps(detection(notes=f'{i}', extra='x' * 200_000, receipt=True)))
            self.assertTrue(device.next('receipt')[1]['ok'])
            seen += [m for m in reader.settle() if m['type'] == 'detection']
        return seen

    def test_beyond_it_those_who_do_not_read_are_cut(self):
        hub = self.hub('--queue-total', '1MiB')
        self.assertEqual(len(self.run_viewers(hub, 20)), 20)
        self.assertEqual(self.metric(hub, 'sluice_connections_cut_total{reason="queue_total"}'), 8)
        self.assertLess(self.metric(hub, 'sluice_send_queue_memory_bytes'), 1 << 20)
        said = [line for line in hub.said().splitlines() if 'all connections together' in line]
        self.assertTrue(said and len(said) <= 8, said)

    def test_within_it_nobody_is_cut(self):
        hub = self.hub('--queue-total', '16MiB', '--queue', '16MiB')
        self.assertEqual(len(self.run_viewers(hub, 20)), 20)
        self.assertEqual(self.metric(hub, 'sluice_connections_cut_total{reason="queue_total"}'), 0)
        # eight wait for the same: it is there once
        self.assertGreater(self.metric(hub, 'sluice_send_queue_bytes'), 16 << 20)
        self.assertLess(self.metric(hub, 'sluice_send_queue_memory_bytes'), 5 << 20)


class LeastRate(LimitsTest):
    def test_a_body_that_drips_is_ended_and_a_slow_one_is_not(self):
        hub = self.hub()
        head = post(hub.port, '/api/device/detections', {}).replace(b'Content-Length: 2', b'Content-Length: 30000')[:-2]
        drip, slow = self.open(Raw(hub.port)), self.open(Raw(hub.port))
        for raw in (drip, slow):
            raw.send(head)
        began, sent = time.monotonic(), 0
        while not select.select([drip.sock], [], [], 0.25)[0]:
            self.assertLess(time.monotonic(), began + 60, 'a byte now and then keeps a body alive')
            drip.send(b' ')
            if sent + 250 < 30000:
                slow.send(b' ' * 250)  # about 1,000 a second
                sent += 250
        answer = drip.answer()
        self.assertEqual(answer.status, 408)
        self.assertIn('slower than 500 bytes a second', json.loads(answer.body)['error'])
        self.assertGreater(time.monotonic(), began + 19)
        self.assertEqual(self.metric(hub, 'sluice_connections_cut_total{reason="slow_body"}'), 1)
        slow.send((json.dumps(detection()) + ' ' * 30000)[:30000 - sent].encode())
        self.assertEqual(slow.answer().status, 200)


class Rates(LimitsTest):
    def status(self, raw, message, device='d1'):
        raw.send(post(raw.sock.getpeername()[1], '/api/device/detections', message, device))
        return raw.answer()

    def test_a_device_beyond_its_rate_gets_429_and_others_do_not(self):
        hub = self.hub('--device-rate', '1')
        raw = self.open(Raw(hub.port))
        answers = [self.status(raw, detection(notes=str(i))) for i in range(30)]
        self.assertEqual([a.status for a in answers[:5]], [200] * 5)  # five seconds' worth
        refused = [a for a in answers if a.status == 429]
        self.assertTrue(refused)
        self.assertIn('limits.device_rate', json.loads(refused[0].body)['error'])
        self.assertGreaterEqual(int(refused[0].headers['retry-after']), 1)
        self.assertEqual(self.status(raw, detection(), device='d2').status, 200)
        self.assertEqual(self.metric(hub, 'sluice_records_limited_total{limit="device_rate"}'), len(refused))
        stored = len(answers) - len(refused) + 1
        self.assertEqual(self.metric(hub, 'sluice_records_stored_total'), stored)

    def test_within_the_rate_nothing_is_refused(self):
        hub = self.hub()  # 50,000 a second
        raw = self.open(Raw(hub.port))
        answers = [self.status(raw, detection(notes=str(i))) for i in range(300)]
        self.assertEqual({a.status for a in answers}, {200})
        self.assertEqual(self.metric(hub, 'sluice_records_limited_total{limit="device_rate"}'), 0)

    def test_one_device_too_many_hears_why(self):
        hub = self.hub('--devices', '3')
        raw = self.open(Raw(hub.port))
        for i in range(4):
            raw.send(post(hub.port, '/api/device/register', {'device_id': f'd{i}'}, f'd{i}'))
            last = raw.answer()
            self.assertEqual(last.status, 503 if i == 3 else 200, last)
        self.assertIn('knows 3 devices', json.loads(last.body)['error'])
        self.assertIn('limits.devices', json.loads(last.body)['error'])
        self.assertEqual(self.metric(hub, 'sluice_devices_refused_total{limit="devices"}'), 1)
        self.assertEqual(self.status(raw, detection(), device='d0').status, 200)  # who is known goes on
