# SPDX-License-Identifier: MIT
# seconds: 240
"""permessage-deflate with npm ws, Debian's python3-websockets and raw sockets, against the examples and the hub; and
gzip of the hub's answers."""
import asyncio, contextlib, gzip, itertools, json, random, unittest, zlib

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from hub import Hub
from kit import (BINARY, CLOSE, CONT, HANDSHAKE, MIB, PING, PONG, TEXT, ProgramTest, Raw, frame, is_sanitized,
                 wait_for)

BOTH = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
TAIL = b'\0\0\xff\xff'
RSV1 = 4


def deflated(data, level=9, bits=15):
    c = zlib.compressobj(level, zlib.DEFLATED, -bits)
    out = c.compress(data) + c.flush(zlib.Z_SYNC_FLUSH)
    assert out.endswith(TAIL)
    return out[:-4]


def inflated(data):
    return zlib.decompressobj(-15).decompress(data + TAIL)


def words(n, seed=0):
    """Text of exactly n bytes that can be compressed, not by much."""
    r = random.Random(seed)
    return ''.join(r.choices('{}[]",:0123456789abcdefé', k=n)).encode()[:n].decode(errors='ignore').ljust(n - 1, 'x')


class Wss:
    """python3-websockets, driven from outside of its loop."""

    def __init__(self, port, path='/ws', **how):
        self.loop = asyncio.new_event_loop()
        how.setdefault('compression', None)
        self.ws = self.run(self._connect(f'ws://127.0.0.1:{port}{path}', how))
        self.agreed = self.ws.response_headers.get('Sec-WebSocket-Extensions', '')

    async def _connect(self, url, how):  # from inside: it belongs to the loop that runs
        return await websockets.connect(url, ping_interval=None, max_size=64 * MIB, open_timeout=40, close_timeout=5, **how)

    def run(self, what):
        async def within():
            return await asyncio.wait_for(what, 40)
        return self.loop.run_until_complete(within())

    def send_text(self, text):
        self.run(self.ws.send(text))

    send_binary = send_text

    def recv(self):
        return self.run(self.ws.recv())

    def close(self):
        with contextlib.suppress(Exception):
            self.run(self.ws.close())
        self.loop.close()


class RawDeflate(Raw):
    """Every byte is ours; what is offered is given."""

    def __init__(self, port, offer, **how):
        super().__init__(port, **how)
        self.send(HANDSHAKE[:-2] + b'Sec-WebSocket-Extensions: ' + offer.encode() + b'\r\n\r\n')
        self.status, headers = self.take_head()
        self.agreed = headers.get('sec-websocket-extensions', '')

    def frame(self):
        """(whether RSV1 is set, opcode, payload as it is)."""
        b0, n = self.take(2)
        assert b0 & 0xb0 == 0x80, b0
        if n >= 126:
            n = int.from_bytes(self.take(2 if n == 126 else 8), 'big')
        return b0 >> 6 & 1, b0 & 15, self.take(n)

    def recv(self):
        packed, op, data = self.frame()
        assert op in (TEXT, BINARY), (op, data)
        data = inflated(data) if packed else data
        return data.decode() if op == TEXT else data

    def closed(self):
        while (got := self.frame())[1] != CLOSE:
            pass
        self.send(frame(CLOSE, got[2][:2]))
        assert self.rest() == b''
        return int.from_bytes(got[2][:2], 'big'), got[2][2:].decode()

    def send_text(self, text):
        self.send(frame(TEXT, deflated(text.encode()), rsv=RSV1))


class DeflateTest(ProgramTest):
    def raw_deflate(self, port, offer='permessage-deflate', **how):
        return self.open(RawDeflate(port, offer, **how))

    def wss(self, port, **how):
        return self.open(Wss(port, **how))

    def peak(self, program):
        with open(f'/proc/{program.proc.pid}/status') as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith('VmHWM'))


class Echo(DeflateTest):
    SIZES = (0, 1, 20, 125, 126, 127, 255, 256, 257, 4096, 16383, 16384, 16385, 65535, 65536, 65537, 200_000)

    def setUp(self):
        self.echo = self.program('echo', '--deflate', '64')

    def converse(self, ws, sizes=SIZES):
        for n in sizes:
            text, data = words(n, n), random.Random(n).randbytes(n // 2) + b'\0' * (n - n // 2)
            ws.send_text(text)
            self.assertTrue(ws.recv() == text, n)
            ws.send_binary(data)
            self.assertTrue(ws.recv() == data, n)

    def test_npm_ws_with_every_window_and_takeover(self):
        for bits in (None, 9, 12, 15):
            for no_server, no_client in itertools.product((False, True), (False, True)):
                deflate = {'threshold': 0, 'serverNoContextTakeover': no_server, 'clientNoContextTakeover': no_client or None}
                if bits:
                    deflate |= {'serverMaxWindowBits': bits, 'clientMaxWindowBits': bits}
                ws = self.client('npm ws', self.echo.port, deflate={k: v for k, v in deflate.items() if v is not None})
                self.assertIn('permessage-deflate', ws.agreed)
                self.converse(ws, (0, 1, 300, 20_000))
                ws.close()

    def test_npm_ws_at_all_sizes(self):
        self.converse(self.client('npm ws', self.echo.port, deflate={'threshold': 0}))

    def test_npm_ws_in_fragments(self):
        ws = self.client('npm ws', self.echo.port, deflate={'threshold': 0})
        text = words(3000).encode()
        for cut in (0, 1, 100, 2999, 3000):
            ws.send(text[:cut], binary=False, fin=False)
            ws.send(text[cut:], binary=False)
            self.assertEqual(ws.recv().encode(), text)

    def test_python_websockets_as_it_comes(self):
        ws = self.wss(self.echo.port, compression='deflate')
        self.assertEqual(ws.agreed, BOTH)
        self.converse(ws)

    def test_python_websockets_with_every_window_and_takeover(self):
        for bits in (9, 10, 11, 12, 13, 14, 15):
            for no_server, no_client in itertools.product((False, True), (False, True)):
                ws = self.wss(self.echo.port, extensions=[ClientPerMessageDeflateFactory(
                    no_server, no_client, server_max_window_bits=bits, client_max_window_bits=bits)])
                self.assertEqual(ws.agreed, f'{BOTH}; server_max_window_bits={bits}')
                self.converse(ws, (1, 300, 20_000))
                ws.close()

    def test_a_window_of_8_bits_is_declined(self):
        ws = self.wss(self.echo.port, extensions=[ClientPerMessageDeflateFactory(server_max_window_bits=8)])
        self.assertEqual(ws.agreed, '')
        self.converse(ws, (1, 300))

    def test_offers(self):
        for offer, agreed in (
                ('permessage-deflate', BOTH),
                ('permessage-deflate; client_max_window_bits', BOTH),
                ('permessage-deflate; server_max_window_bits=8, permessage-deflate', BOTH),
                ('permessage-deflate; server_max_window_bits="10"', BOTH + '; server_max_window_bits=10'),
                ('x, y; z=1\r\nSec-WebSocket-Extensions: permessage-deflate', BOTH),
                ('permessage-deflate; mux', ''),
                ('permessage-deflate; server_max_window_bits', '')):
            raw = self.raw_deflate(self.echo.port, offer)
            self.assertEqual((raw.status, raw.agreed), (101, agreed), offer)
        for offer in ('permessage-deflate;', '=', 'permessage-deflate; a="b', ',', 'permessage-deflate a'):
            self.assertEqual(self.raw_deflate(self.echo.port, offer).status, 400, offer)

    def test_without_the_option_nothing_is_agreed_on(self):
        echo = self.program('echo')
        self.assertEqual(self.raw_deflate(echo.port).agreed, '')
        ws = self.client('npm ws', echo.port, deflate={'threshold': 0})
        self.assertEqual(ws.agreed, '')
        self.converse(ws, (0, 1, 300))

    def test_what_small_messages_and_noise_come_back_as(self):
        raw = self.raw_deflate(self.echo.port)
        for data, packed in ((b'a' * 63, 0), (b'a' * 64, 1), (b'a' * 65536, 1), (b'a' * 65537, 0), (random.randbytes(5000), 0)):
            raw.send(frame(BINARY, data))
            got = raw.frame()
            self.assertEqual(got[:2], (packed, BINARY), len(data))
            self.assertEqual(inflated(got[2]) if packed else got[2], data)

    def test_reserved_bits(self):
        hello = deflated(b'Hello')
        for wire in (frame(PING, b'', rsv=RSV1), frame(CLOSE, b'', rsv=RSV1), frame(TEXT, b'', rsv=2), frame(TEXT, b'', rsv=RSV1 | 1),
                     frame(TEXT, hello[:2], fin=False, rsv=RSV1) + frame(CONT, hello[2:], rsv=RSV1)):
            raw = self.raw_deflate(self.echo.port)
            raw.send(wire)
            self.assertEqual(raw.closed(), (1002, 'a reserved bit is set'))
        raw = self.raw_ws(self.echo.port)  # nobody has agreed
        raw.send(frame(TEXT, hello, rsv=RSV1))
        self.assertEqual(raw.closed(), (1002, 'a reserved bit is set'))

    def test_messages_in_all_forms(self):
        final = zlib.compressobj(9, zlib.DEFLATED, -15)
        final = final.compress(b'Hello') + final.flush() + b'\0'
        for payload in (deflated(b'Hello'), deflated(b'Hello', 0), final, deflated(b'Hel') + TAIL + deflated(b'lo')):
            raw = self.raw_deflate(self.echo.port)
            raw.send(frame(TEXT, payload, rsv=RSV1))
            self.assertEqual(raw.recv(), 'Hello')
            for cut in range(len(payload) + 1):
                raw.drip(frame(TEXT, payload[:cut], fin=False, rsv=RSV1) + frame(PING, b'!') + frame(CONT, payload[cut:]))
                self.assertEqual(sorted([raw.frame(), raw.frame()]), [(0, TEXT, b'Hello'), (0, PONG, b'!')])
        raw.send(frame(TEXT, b'\0', rsv=RSV1))
        self.assertEqual(raw.recv(), '')

    def test_what_is_no_deflate_or_no_text(self):
        for payload, why in ((b'\xff' * 20, 'message is not valid DEFLATE'), (deflated(b'Hello')[:-3], 'message is not valid DEFLATE'),
                             (deflated(b'\xff\xfe'), 'text is not valid UTF-8')):
            raw = self.raw_deflate(self.echo.port)
            raw.send(frame(TEXT, payload, rsv=RSV1))
            self.assertEqual(raw.closed(), (1007, why))


class Relay(DeflateTest):
    def event(self, n, **more):
        text = json.dumps({'type': 'detection', 'n': n, **more})
        return text[:-1] + ' ' * max(0, n - len(text)) + '}' if n else text

    def test_members_of_every_kind_get_the_same(self):
        relay = self.program('relay', '--deflate', '256')
        device = self.raw_ws(relay.port)
        device.send_text('{"type":"device_register"}')
        viewers = [self.raw_ws(relay.port), self.raw_deflate(relay.port), self.raw_deflate(relay.port, 'permessage-deflate; server_max_window_bits=9'),
                   self.client('npm ws', relay.port, deflate={'serverMaxWindowBits': 10}), self.client('npm ws', relay.port),
                   self.wss(relay.port, compression='deflate'), self.client('python3-websocket', relay.port),
                   self.raw_deflate(relay.port, 'permessage-deflate; server_max_window_bits=15')]
        for ws in viewers:  # all are members for certain
            ws.send_text('{"type":"echo"}')
            self.assertEqual(ws.recv(), '{"type":"echo"}')
        texts = [json.dumps({'type': what, 'words': words(n, n)}) for n in (10, 200, 240, 1000, 40_000, 60_000, 100_000)
                 for what in ('detection', 'frame', 'detection')]
        for i, text in enumerate(texts):
            device.send_text(text)
            for ws in viewers:
                self.assertTrue(ws.recv() == text, (i, ws))
        for text in texts[::3] * 8:  # many in one turn
            device.send_text(text)
        for ws in viewers:
            for text in texts[::3] * 8:
                self.assertTrue(ws.recv() == text)

    def test_events_are_compressed_and_frames_never(self):
        relay = self.program('relay', '--deflate', '256')
        device, viewer = self.raw_ws(relay.port), self.raw_deflate(relay.port)
        viewer.send(frame(TEXT, '{"type":"echo"}'))
        viewer.frame()
        for what, packed in (('detection', 1), ('frame', 0)):
            text = json.dumps({'type': what, 'x': 'x' * 2000})
            device.send_text(text)
            got = viewer.frame()
            self.assertEqual(got[:2], (packed, TEXT))
            self.assertEqual(len(got[2]) < 100, packed == 1)

    def test_compressed_json_is_looked_at_like_any_other(self):
        relay = self.program('relay', '--deflate', '256')
        device, viewer = self.raw_deflate(relay.port), self.raw_ws(relay.port)
        viewer.send_text('{"type":"echo"}')
        viewer.recv()
        for inside in ('"o":"ภาษาไทย é 漢字 😀"', r'"e":"\u00e9\"\\"', '"deep":' + '[' * 60 + ']' * 60, '"long":"' + 'é' * 30_000 + '"'):
            text = '{"a":[1,{}],"type":"detection",%s}' % inside
            device.send_text(text)
            self.assertTrue(viewer.recv() == text)
        for bad in ('{"type":"detection"', '{"type":"detection","s":"\n"}', '{"type":"dance"}'):
            device.send_text(bad)
        device.send_text('{"type":"detection","last":true}')
        self.assertEqual(viewer.recv(), '{"type":"detection","last":true}')

    def test_a_bomb_costs_its_sender_the_connection_and_little_memory(self):
        relay = self.program('relay', '--deflate', '256', measured=True)
        c = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = b''.join(c.compress(b'\0' * MIB) for _ in range(256)) + c.flush(zlib.Z_SYNC_FLUSH)[:-4]
        self.assertLess(len(bomb), 270_000)
        viewer = self.raw_ws(relay.port)
        before = self.peak(relay)
        for pieces in (1, 1, 7, 1):
            raw = self.raw_deflate(relay.port)
            step = len(bomb) // pieces + 1
            for at in range(0, len(bomb), step):
                raw.send(frame(BINARY if at == 0 else CONT, bomb[at:at + step], fin=at + step >= len(bomb), rsv=0 if at else RSV1))
            self.assertEqual(raw.closed(), (1009, f'message inflates beyond the limit: {16 * MIB}'))
        # the limit, and its half while it doubles; the sanitizer keeps a little more
        self.assertLess(self.peak(relay) - before, (48 if is_sanitized() else 28) * MIB)
        viewer.send_text('{"type":"echo"}')  # nobody else was hurt
        self.assertEqual(viewer.recv(), '{"type":"echo"}')


class TheHub(unittest.TestCase):
    def setUp(self):
        self.hub = Hub.__new__(Hub)
        self.hub.env = {'SLUICE_DELIVERY_DEFLATE': 'true'}
        self.hub.__init__()
        self.addCleanup(self.hub.close)

    def open(self, thing):
        self.addCleanup(thing.close)
        return thing

    def test_viewers_with_and_without_get_each_detection(self):
        plain, packed = self.open(Wss(self.hub.port)), self.open(Wss(self.hub.port, compression='deflate'))
        self.assertEqual((plain.agreed, packed.agreed), ('', BOTH))
        raw = self.open(RawDeflate(self.hub.port, 'permessage-deflate'))
        for ws in (plain, packed, raw):
            ws.send_text('{"type":"web_client"}')
        device = self.open(Wss(self.hub.port, compression='deflate'))
        device.send_text('{"type":"device_register","device_id":"cam-7"}')
        wait_for(lambda: self.hub.json('/devices/status')['count'] == 1, 'the device is not there')
        seen = []
        for n in range(3):
            device.send_text(json.dumps({'type': 'detection', 'defect_type': 'chip', 'confidence': 0.81, 'n': n, 'note': words(900)}))
            for ws in (plain, packed):
                while (m := json.loads(ws.recv()))['type'] != 'detection':
                    pass
                self.assertEqual((m['n'], m['note']), (n, words(900)))
            while not (got := raw.frame())[0]:  # the short ones come as they are
                self.assertLess(len(got[2]), 256)
            seen.append(json.loads(inflated(got[2]))['n'])
        self.assertEqual(seen, [0, 1, 2])

    def test_answers_leave_as_gzip_for_who_takes_it(self):
        for path in ('/metrics', '/metrics'):
            status, plain, text = self.hub.get(path)
            self.assertEqual((status, plain.get('Content-Encoding')), (200, None))
            self.assertIn('Accept-Encoding', plain.get_all('Vary'))
            status, packed, data = self.hub.get(path, **{'Accept-Encoding': 'gzip'})
            self.assertEqual((status, packed.get('Content-Encoding')), (200, 'gzip'))
            self.assertIn('Accept-Encoding', packed.get_all('Vary'))
            self.assertLess(len(data), len(text) / 2)
            self.assertEqual(gzip.decompress(data).split()[:5], text.split()[:5])

    def test_a_list_that_has_not_changed_is_known_in_both_forms(self):
        device = self.open(Wss(self.hub.port))
        device.send_text('{"type":"device_register","device_id":"cam-7"}')
        for n in range(20):
            device.send_text(json.dumps({'type': 'detection', 'defect_type': 'chip', 'confidence': 0.5,
                                         'timestamp': f'2026-03-01T09:30:{n:02}.120000+00:00'}))
        wait_for(lambda: self.hub.json('/defects')['pagination']['total'] == 20, 'the detections are not there')
        tags = {}
        for coding in ('identity', 'gzip'):
            status, headers, data = self.hub.get('/defects', **{'Accept-Encoding': coding})
            self.assertEqual((status, headers.get('Content-Encoding', 'identity')), (200, coding))
            tags[coding] = headers['ETag']
            status, known, _ = self.hub.get('/defects', **{'Accept-Encoding': coding, 'If-None-Match': tags[coding]})
            self.assertEqual((status, known['ETag']), (304, tags[coding]))
        self.assertEqual(tags['gzip'], 'W/' + tags['identity'])


if __name__ == '__main__':
    unittest.main()
