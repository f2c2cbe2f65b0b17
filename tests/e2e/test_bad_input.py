#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What devices get wrong, by both wires on one connection each: told with the field's name, nothing stored, nobody cut off.

What test_glass.py has in its tables is not repeated here."""
import http.client, json, unittest

import websocket
from kit import MIB
from test_glass import GlassTest
from test_resend import Numbers

GOOD = '"type":"detection","defect_type":"chip"'
TIMES = ('', ' ', 'now', '2026', '2026-03-01', '2026-03-01T', '09:30:00', '2026-13-01T00:00:00Z', '2026-00-10T00:00:00Z', '2026-03-32T00:00:00Z',
         '2025-02-29T00:00:00Z', '2026-03-01T24:30:00Z', '2026-03-01T09:60:00Z', '2026-03-01T09:30:61Z', '2026-03-01T09:30:00+25:00',
         '2026-03-01T09:30:00 Z', '2026-03-01T09:30:00.Z', '2026-03-01T09:30:00.1234567890Z', '-2026-03-01T09:30:00Z',
         '2026-03-01T09:30:00Z\\u0000', '２０２６-03-01T09:30:00Z', '1772357400', 'x' * 10_000)
# the field that is named, a message
WRONG = (
    *(('timestamp', '{%s,"timestamp":"%s"}' % (GOOD, t)) for t in TIMES),
    *(('timestamp', '{%s,"timestamp":%s}' % (GOOD, v)) for v in ('1772357400123', 'true', '[]', '{}', '["2026-03-01T09:30:00Z"]')),
    *(('confidence', '{%s,"confidence":%s}' % (GOOD, v)) for v in ('1e400', '-1e400', '1.0000001', '"0.5"', '""', 'false', '{}', '[0.5]')),
    *(('defect_type', '{"type":"detection","defect_type":%s}' % v) for v in ('true', '[]', '{}', '0', '["chip"]', '"\\udc00\\ud800"',
                                                                            '"%s"' % ('é' * 101), '"%s"' % ('\\u00e9' * 101))),
    *(('device_id', '{%s,"device_id":%s}' % (GOOD, v)) for v in ('true', '[]', '{}', '"%s"' % ('x' * 129), '"%s"' % ('\\u0041' * 129),
                                                                 '"a\\u0000"', '9' * 129, '"%s"' % ('กล้อง' * 700))),
)
NO_JSON = ('{%s,"confidence":NaN}' % GOOD, '{%s,"confidence":Infinity}' % GOOD, '{%s,"confidence":.5}' % GOOD, "{'type':'detection'}",
           '{%s,}' % GOOD, '{%s}}' % GOOD, '{%s}{}' % GOOD, '\ufeff{%s}' % GOOD, '{%s,"x":"\t"}' % GOOD, '{%s,"x":"\\x"}' % GOOD,
           '{%s,"x":%s}' % (GOOD, '[' * 64 + ']' * 64), '[' * 500_000, '{"a":' * 200_000, '{%s,"x":[%s]}' % (GOOD, ','.join(['0'] * 20_001)),
           '{%s,"x":{%s}}' % (GOOD, ','.join('"k%d":0' % n for n in range(10_001))))
INVALID_UTF8 = (b'\xff', b'\xc0\xaf', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\xe2\x82', b'\x80')


class ByHttp:
    """One connection for all; it is never opened again."""

    def __init__(self, address):
        self.http = http.client.HTTPConnection(address, timeout=20)
        self.http.auto_open = False
        self.http.connect()

    def post(self, path, body):
        self.http.request('POST', path, body if isinstance(body, bytes) else body.encode(), {'x-device-id': 'cam-7'})
        answer = self.http.getresponse()
        return answer.status, json.loads(answer.read())

    def close(self):
        self.http.close()


class BadInput(GlassTest):
    def check_nothing_was_stored(self):
        self.assertEqual(self.total(), 0)
        self.assertEqual(self.hub.json('/defects/stats/summary')['totalDefects'], 0)

    def test_by_http(self):
        http = self.open(ByHttp(self.hub.address))
        for field, text in WRONG:
            with self.subTest(text[:100]):
                status, got = http.post('/api/device/detections', text)
                self.assertEqual((status, got['error'].split(' ')[0]), (400, field))
                self.assertLess(len(got['error']), 200)
        for text in NO_JSON:
            with self.subTest(text[:100]):
                status, got = http.post('/api/device/detections', text)
                self.assertEqual((status, got['error'].startswith('the body must be JSON: ')), (400, True), got)
        for bad in INVALID_UTF8:
            for body in (b'{"type":"detection","defect_type":"%s"}' % bad, b'{"%s":1}' % bad, bad):
                self.assertEqual(http.post('/api/device/detections', body)[0], 400, body)
        self.check_nothing_was_stored()
        self.assertEqual(http.post('/api/device/detections', '{%s}' % GOOD)[0], 200)  # the same connection

    def test_by_websocket(self):
        camera = self.camera()
        camera.ws.recv()
        for field, text in WRONG:
            if field == 'device_id':
                continue  # the connection says who it is
            with self.subTest(text[:100]):
                camera.ws.send(text)
                got = json.loads(camera.ws.recv())
                self.assertEqual((got['type'], got['field'], got['error'].split(' ')[0]), ('error', field, field))
        for text in NO_JSON:  # of no type that we could name
            camera.ws.send(text)
        camera.send(type='ping')
        self.assertEqual(camera.ws.recv(), '{"type":"pong"}')
        self.check_nothing_was_stored()
        camera.detection(receipt=True)
        self.assertEqual(json.loads(camera.ws.recv())['ok'], True)

    def test_text_that_is_no_utf8_ends_a_websocket_as_its_standard_asks(self):
        """RFC 6455 §8.1: 1007. What was sent before stays."""
        for bad in INVALID_UTF8:
            camera = self.camera()
            camera.ws.recv()
            camera.ws.send(b'{"type":"detection","defect_type":"%s"}' % bad, websocket.ABNF.OPCODE_TEXT)
            opcode, data = camera.ws.recv_data(control_frame=True)
            self.assertEqual((opcode, int.from_bytes(data[:2], 'big')), (websocket.ABNF.OPCODE_CLOSE, 1007), bad)
        self.check_nothing_was_stored()

    def test_names_of_ten_kilobytes(self):
        for name in ('x' * 10_240, 'é' * 5_120, '\\u0041' * 1_706, '9' * 10_240):
            ws = self.open(websocket.create_connection(self.hub.url, timeout=5))
            value = name if name.isdigit() else f'"{name}"'
            ws.send('{"type":"device_register","device_id":%s}' % value)
            got = json.loads(ws.recv())
            self.assertEqual((got['type'], got['field']), ('error', 'device_id'))
            ws.send('{"type":"ping"}')
            self.assertEqual(ws.recv(), '{"type":"pong"}')  # it may try again
            ws.send('{"type":"device_register","device_id":"short"}')
            self.assertEqual(json.loads(ws.recv())['device_id'], 'short')
            ws.close()
        self.assertLessEqual({d['device_id'] for d in self.hub.json('/devices/status')['devices']}, {'short'})

    def test_too_large(self):
        http = self.open(ByHttp(self.hub.address))
        large = '{%s,"x":"%s"}' % (GOOD, 'x' * (10 * MIB))
        self.assertEqual(self.post('/api/device/detections', large.encode())[0], 413)
        camera = self.camera()
        camera.ws.recv()
        camera.ws.send(large)
        got = json.loads(camera.ws.recv())
        self.assertEqual((got['type'], 'larger than 10485760 bytes' in got['error']), ('error', True), got)
        camera.send(type='ping')
        self.assertEqual(camera.ws.recv(), '{"type":"pong"}')
        self.check_nothing_was_stored()
        self.assertEqual(http.post('/api/device/detections', '{%s}' % GOOD)[0], 200)


class BadNumbers(GlassTest):
    """The same of a system that has nothing but rows of tables: no code of its own could have checked it."""
    WRONG = (('number', '"device":"d"'), ('number', '"device":"d","number":null'), ('number', '"device":"d","number":1.0'),
             ('number', '"device":"d","number":"1"'), ('number', '"device":"d","number":9223372036854775808'),
             ('number', '"device":"d","number":1e3'), ('number', '"device":"d","number":[1]'), ('device', '"number":1'),
             ('device', '"number":1,"device":""'), ('device', '"number":1,"device":"%s"' % ('x' * 10_240)),
             ('device', '"number":1,"device":false'), ('device', '"number":1,"device":{}'))

    def setUp(self):
        self.hub = Numbers()
        self.addCleanup(self.hub.close)

    def test_both_wires(self):
        http, ws = self.open(ByHttp(self.hub.address)), self.open(websocket.create_connection(self.hub.url, timeout=5))
        for field, members in self.WRONG:
            with self.subTest(members[:80]):
                status, got = http.post('/numbers', '{%s}' % members)
                self.assertEqual((status, got['error'].split(' ')[0]), (400, field))
                ws.send('{"type":"number",%s}' % members)
                got = json.loads(ws.recv())
                self.assertEqual((got['type'], got['field'], got['error'].split(' ')[0]), ('error', field, field))
        self.assertEqual(self.hub.json('/numbers'), [])
        self.assertEqual(http.post('/numbers', '{"device":"d","number":-9223372036854775808}')[0], 201)
        ws.send('{"type":"number","device":"d","number":-9223372036854775808,"receipt":true}')
        self.assertEqual(json.loads(ws.recv())['duplicate'], True)
        self.assertEqual(len(self.hub.json('/numbers')), 1)


if __name__ == '__main__':
    unittest.main()
