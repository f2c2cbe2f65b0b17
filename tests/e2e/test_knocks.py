#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who is knocking: each mistake that can be made is kept with its own cause, and counted."""
import json, os, socket, time, unittest

import websocket
from kit import BINARY, SECONDS, TEXT, Raw, frame, frame_head
from test_hub import HubTest
from test_metrics import parse

HOST = b'Host: 127.0.0.1\r\n'
UPGRADE = b'Connection: Upgrade\r\nUpgrade: websocket\r\n'
KEY = b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
VERSION = b'Sec-WebSocket-Version: 13\r\n'
SECRET = b's3cr3t-never-to-be-kept'


def get(path=b'/ws', *headers, method=b'GET'):
    return b'%s %s HTTP/1.1\r\n%s%s\r\n' % (method, path, HOST, b''.join(headers))


def post(path, body, *headers):
    return get(path, b'Content-Length: %d\r\n' % len(body), *headers, method=b'POST') + body


def opened(*messages):
    """A handshake that is right, then these frames."""
    return get(b'/ws', UPGRADE, KEY, VERSION) + b''.join(messages)


def text(message):
    return frame(TEXT, message if isinstance(message, str) else json.dumps(message))


DEVICE, VIEWER = text({'type': 'device_register', 'device_id': 'cam-1'}), text({'type': 'web_client'})

# reason, path, part of the detail, part of the cure, what is sent
MISTAKES = (
    ('tls_on_plain_port', '', 'plain HTTP, not TLS', 'ws://', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(64)),
    ('not_http', '', 'SSH', 'Point it', b'SSH-2.0-OpenSSH_9.2\r\n'),
    ('not_http', '', 'JSON', '', b'{"type":"device_register","device_id":"%s"}\r\n' % SECRET),
    ('not_http', '', 'MQTT', '', b'\x10\x1b\x00\x04MQTT\x04\x02\x00\x3c\x00\x0fcam-1'),
    ('not_http', '', '', '', b'hello\r\n'),
    ('http_version', '', 'HTTP/0.9', 'HTTP/1.1', b'GET /ws\r\n'),
    ('http_version', '', '2.0', '--http1.1', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    ('broken_request', '', 'LF alone', 'CR LF', b'GET /ws HTTP/1.1\nHost: 127.0.0.1\n\n'),
    ('broken_request', '', 'Host', '', b'GET /ws HTTP/1.1\r\n\r\n'),
    ('head_too_large', '', '', 'headers', get(b'/ws', b'X: ' + b'x' * 20000 + b'\r\n')),
    ('head_too_large', '', '', '', get(b'/' + b'x' * 9000)),
    ('body_too_large', '/api/device/detections', '99999999', 'limits',
     get(b'/api/device/detections', b'Content-Length: 99999999\r\n', method=b'POST')),
    ('broken_body', '/api/device/detections', '', 'chunked',
     get(b'/api/device/detections', b'Transfer-Encoding: chunked\r\n', method=b'POST') + b'nonsense\r\n'),
    ('wrong_path', '/api/detections', '', '/api/device/detections', post(b'/api/detections?key=' + SECRET, b'{}')),
    ('wrong_path', '/no/such/thing', '', '/ws', get(b'/no/such/thing')),
    ('wrong_method', '/metrics', 'takes GET', '', post(b'/metrics', b'{}')),
    ('socketio_wrong_path', '/api/socket.io/', '', '/socket.io/', get(b'/api/socket.io/?EIO=4&transport=polling')),
    ('socketio_wrong_path', '/ws/socket.io/', '', '', get(b'/ws/socket.io/?EIO=4&transport=websocket', UPGRADE, KEY, VERSION)),
    ('socketio_wrong_path', '/engine.io/', '', '', get(b'/engine.io/?EIO=4&transport=polling')),
    ('socketio_version', '/socket.io/', 'Unsupported', '4.x', get(b'/socket.io/?EIO=2&transport=polling')),
    ('socketio_version', '/socket.io/', '', '', get(b'/socket.io/?EIO=5&transport=websocket', UPGRADE, KEY, VERSION)),
    ('socketio_transport', '/socket.io/', 'Transport unknown', 'polling', get(b'/socket.io/')),
    ('socketio_transport', '/socket.io/', '', '', get(b'/socket.io/?EIO=4&transport=webtransport')),
    ('socketio_session', '/socket.io/', 'Session ID', 'restart', get(b'/socket.io/?EIO=4&transport=polling&sid=' + SECRET)),
    ('socketio_session', '/socket.io/', '', '', post(b'/socket.io/?EIO=4&transport=polling&sid=' + SECRET, b'40')),
    ('socketio_session', '/socket.io/', '', '', get(b'/socket.io/?EIO=4&transport=websocket&sid=x', UPGRADE, KEY, VERSION)),
    ('socketio_method', '/socket.io/', 'method', 'GET', post(b'/socket.io/?EIO=4&transport=polling', b'40')),
    ('socketio_request', '/socket.io/', 'Bad request', 'proxy_set_header', get(b'/socket.io/?EIO=4&transport=websocket')),
    ('websocket_upgrade_lost', '/socket.io/', '', '', get(b'/socket.io/?EIO=4&transport=websocket', KEY, VERSION)),
    ('socketio_request', '/socket.io/', '', '', get(b'/socket.io/?EIO=4&transport=polling', UPGRADE, KEY, VERSION)),
    ('foreign_origin', '/socket.io/', 'https://evil.example', '--origins',
     get(b'/socket.io/?EIO=4&transport=polling', b'Origin: https://evil.example\r\n')),
    ('foreign_origin', '/socket.io/', '', '',
     get(b'/socket.io/?EIO=4&transport=websocket', UPGRADE, KEY, VERSION, b'Origin: https://evil.example\r\n')),
    ('foreign_host', '/socket.io/', 'evil.example', '--hosts',
     b'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: evil.example\r\n\r\n'),
    ('unknown_event', '/socket.io/', 'event nonsense', 'device:frame',
     get(b'/socket.io/?EIO=4&transport=websocket', UPGRADE, KEY, VERSION) + text('40') + text('42["nonsense",1]')),
    ('websocket_wrong_path', '/websocket', '', '/ws', get(b'/websocket', UPGRADE, KEY, VERSION)),
    ('websocket_wrong_path', '/defects', '', '/ws', get(b'/defects', UPGRADE, KEY, VERSION)),
    ('websocket_plain_request', '/ws', '', 'WebSocket client', get(b'/ws')),
    ('websocket_upgrade_lost', '/ws', '', 'proxy_set_header Upgrade', get(b'/ws', b'Connection: close\r\n', KEY, VERSION)),
    ('websocket_upgrade_lost', '/ws', '', '', get(b'/ws', b'Connection: keep-alive\r\n', KEY, VERSION)),
    ('websocket_wrong_method', '/ws', '', 'GET', get(b'/ws', UPGRADE, KEY, VERSION, b'Content-Length: 0\r\n', method=b'POST')),
    ('websocket_version', '/ws', '13', '13', get(b'/ws', UPGRADE, KEY, b'Sec-WebSocket-Version: 8\r\n')),
    ('websocket_key', '/ws', 'lacks Sec-WebSocket-Key', '', get(b'/ws', UPGRADE, VERSION)),
    ('websocket_key', '/ws', '16 bytes', '', get(b'/ws', UPGRADE, VERSION, b'Sec-WebSocket-Key: short\r\n')),
    ('foreign_host', '/ws', 'evil.example', '--hosts',
     b'GET /ws HTTP/1.1\r\nHost: evil.example\r\n' + UPGRADE + KEY + VERSION + b'\r\n'),
    ('foreign_origin', '/ws', 'https://evil.example', '--origins',
     get(b'/ws', UPGRADE, KEY, VERSION, b'Origin: https://evil.example\r\n')),
    ('websocket_protocol', '/ws', '', 'mask', opened(frame(TEXT, '{}', key=None))),
    ('websocket_protocol', '/ws', '', '', opened(frame(3, b'x'))),
    ('invalid_utf8', '/ws', '', 'UTF-8', opened(frame(TEXT, b'{"type":"\xff"}'))),
    ('message_too_large', '/ws', '', 'smaller', opened(frame_head(TEXT, 1 << 30))),
    ('message_too_large', '/ws', 'device_register', '', opened(text({'type': 'device_register', 'device_id': 'x', 'pad': 'x' * 300000}))),
    ('bad_json', '/ws', '', 'json.dumps', opened(text('{"type":"frame",}'))),
    ('bad_json', '/ws', 'no object', '', opened(text('[1,2]'))),
    ('bad_json', '/defects', '', '', post(b'/defects', b"{'a':1}")),
    ('binary_message', '/ws', '5 bytes', 'base64', opened(frame(BINARY, b'\xff\xd8\xff\xe0\x00'))),
    ('unknown_type', '/ws', 'type "dance"', 'spelling', opened(text({'type': 'dance'}))),
    ('missing_field', '/ws', 'type is missing', 'Add', opened(text({'key': SECRET.decode()}))),
    ('missing_field', '/ws', 'detection: defect_type is missing', '', opened(DEVICE, text({'type': 'detection'}))),
    ('missing_field', '/defects', 'defect_type is missing', '', post(b'/defects', b'{"device_id":"%s"}' % SECRET)),
    ('wrong_value', '/defects', 'confidence must be', '', post(b'/defects', b'{"device_id":"a","defect_type":"chip","confidence":7}')),
    ('not_registered', '/ws', 'frame', 'device_register', opened(text({'type': 'frame', 'frame': 'AAAA'}))),
    ('wrong_role', '/ws', 'frame from a viewer', 'web_client', opened(VIEWER, text({'type': 'frame', 'frame': 'AAAA'}))),
)


class KnocksTest(HubTest):
    def knocks(self):
        return self.hub.json('/api/knocks')['knocks']

    def counted(self):
        name = 'sluice_handshake_failures_total{reason="'
        values = parse(self.hub.get('/metrics')[2].decode())
        return {k[len(name):-2]: v for k, v in values.items() if k.startswith(name) and v > 0}

    def until(self, what, condition, seconds=SECONDS):
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f'not within {seconds} s: {what}; there are {self.knocks()}')
            time.sleep(0.01)
        return value

    def make(self, mistake):
        """Send it all, and stay: the hub is to notice it by what was said."""
        raw = Raw(self.hub.port)
        self.addCleanup(raw.close)
        raw.sock.sendall(mistake)
        return raw


class Table(KnocksTest):
    def test_nobody_has_knocked_in_vain_yet(self):
        self.assertEqual(self.knocks(), [])
        self.assertEqual(self.counted(), {})

    def test_each_mistake_ends_in_its_cause(self):
        expected = {}
        for reason, path, detail, cure, mistake in MISTAKES:
            with self.subTest(mistake[:60]):
                before = self.counted().get(reason, 0)
                raw = self.make(mistake)
                self.until(reason, lambda: self.counted().get(reason, 0) == before + 1)
                newest = self.knocks()[0]
                self.assertEqual((newest['reason'], newest['path'], newest['address']), (reason, path, '127.0.0.1'))
                self.assertIn(detail, newest['detail'])
                self.assertIn(cure, newest['cure'])
                self.assertTrue(newest['cause'].endswith('.') and newest['cure'].endswith('.'), newest)
                self.assertLess(abs(newest['last_us'] / 1e6 - time.time()), SECONDS)
                raw.close()
            expected[reason] = expected.get(reason, 0) + 1
        self.assertGreaterEqual(len(MISTAKES), 25)
        self.assertEqual(self.counted(), expected)  # each of them once, and nothing else
        self.assertEqual(sum(k['count'] for k in self.knocks()), len(MISTAKES))
        kept = json.dumps(self.knocks()) + self.hub.said()
        self.assertNotIn(SECRET.decode(), kept)

    def test_good_traffic_is_no_knock(self):
        camera = self.camera()
        camera.ws.recv()
        camera.detection()
        ws = websocket.create_connection(self.hub.url.replace('/ws', '/api/live'), subprotocols=['sluice.v1'], timeout=10)
        json.loads(ws.recv())
        ws.close()
        for path in ('/', '/health', '/defects', '/metrics', '/api/knocks', '/app/base.css', '/favicon.ico'):
            self.hub.get(path)
        self.assertEqual((self.knocks(), self.counted()), ([], {}))


class Slow(KnocksTest):
    """What shows only when time has gone by, or the connection."""

    def test_a_head_and_a_body_that_do_not_come(self):
        head, other = self.make(b'GET /ws HTTP/1.1\r\n'), self.make(b'\x81\x85abc')
        body = self.make(get(b'/defects', b'Content-Length: 20\r\n', method=b'POST') + b'{"half":')
        self.until('both', lambda: self.counted() == {'slow_head': 1, 'not_http': 1, 'slow_body': 1})
        self.assertIn('WebSocket', next(k for k in self.knocks() if k['reason'] == 'not_http')['detail'])
        self.assertEqual((head.sock.recv(12), body.sock.recv(12), other.sock.recv(12)), (b'HTTP/1.1 408',) * 3)

    def test_who_hangs_up_in_the_middle(self):
        self.make(b'GET /w').close()
        self.make(get(b'/defects', b'Content-Length: 20\r\n', method=b'POST') + b'{').close()
        self.until('two', lambda: self.counted() == {'cut_short': 2})
        self.assertEqual({k['path'] for k in self.knocks()}, {'', '/defects'})


class Scans(KnocksTest):
    def connect(self, n):
        for _ in range(n):
            socket.create_connection(('127.0.0.1', self.hub.port)).close()

    def test_one_silent_connection_is_nobody_many_are_a_scan(self):
        self.connect(7)
        self.until('seven', lambda: self.counted() == {'silent': 7})
        self.assertEqual(self.knocks(), [])
        self.connect(1)
        self.until('a scan', self.knocks)
        self.assertEqual([(k['reason'], k['count']) for k in self.knocks()], [('silent', 8)])

    def rss(self):
        with open(f'/proc/{self.hub.proc.pid}/statm') as f:
            return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    def storm(self, n, first):
        """Each at another path, so that every one wants a group of its own."""
        for i in range(first, first + n):
            raw = Raw(self.hub.port)
            raw.sock.sendall(get(b'/storm/%d' % i, b'Connection: close\r\n'))
            raw.sock.recv(20)
            raw.close()

    def test_two_thousand_bad_connections_leave_memory_flat(self):
        self.make(get(b'/defects', UPGRADE, KEY, VERSION)).close()
        self.make(get(b'/defects', UPGRADE, KEY, VERSION)).close()
        self.until('two of a kind', lambda: self.counted().get('websocket_wrong_path') == 2)
        self.storm(300, 0)
        self.knocks()
        before = self.rss()
        self.storm(2000, 300)
        knocks = self.knocks()
        self.assertLess(self.rss() - before, 6 << 20)  # the sanitizer keeps what was freed for a while
        self.assertEqual(len(knocks), 256)
        self.assertEqual(self.counted()['wrong_path'], 2300)  # what fell out is still counted
        self.assertEqual(knocks[0]['path'], '/storm/2299')
        self.assertEqual(next(k for k in knocks if k['path'] == '/defects')['count'], 2)  # knocked more than once


class Live(KnocksTest):
    def test_the_live_wire_tells_of_it_and_not_too_often(self):
        ws = websocket.create_connection(self.hub.url.replace('/ws', '/api/live'), subprotocols=['sluice.v1'], timeout=SECONDS)
        self.addCleanup(ws.close)

        def next_knock():
            while True:
                m = json.loads(ws.recv())
                if m['type'] == 'event' and m['kind'] == 'knock':
                    return m

        self.make(get(b'/no/such/thing')).close()
        event = next_knock()
        self.assertEqual((event['system'], event['device'], event['record']['reason']), ('hub', '', 'wrong_path'))
        self.assertEqual(event['record']['path'], '/no/such/thing')
        began, events = time.monotonic(), 0
        for i in range(200):
            self.make(get(b'/no/%d' % i)).close()
        self.until('all', lambda: self.counted()['wrong_path'] == 201)
        while next_knock()['record']['path'] != '/no/199':
            events += 1
        self.assertLessEqual(events, time.monotonic() - began + 1)


class Limits(KnocksTest):
    command = None

    def setUp(self):
        from hub import SLUICE, Hub

        class Small(Hub):
            command = (SLUICE, 'serve', '--connections', '12')

        self.hub = Small()
        self.addCleanup(self.hub.close)

    def test_too_many_connections(self):
        held = [Raw(self.hub.port) for _ in range(12)]
        late = Raw(self.hub.port)
        self.assertIn(b'as many connections as this server takes', late.rest())
        for raw in [*held, late]:
            raw.close()
        self.until('it is counted', lambda: self.counted().get('too_many_connections') == 1)
        self.assertIn('--connections', next(k for k in self.knocks() if k['reason'] == 'too_many_connections')['cure'])


if __name__ == '__main__':
    unittest.main()
