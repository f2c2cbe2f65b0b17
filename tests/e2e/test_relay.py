# SPDX-License-Identifier: MIT
# seconds: 240
"""examples/relay with three kinds of clients: who gets what, sizes, order, slow and broken peers."""
import itertools, json, socket, unittest

from kit import (BINARY, CLIENTS, CLOSE, CONT, HANDSHAKE, MIB, PING, PONG, TEXT, Program, ProgramTest, Raw, frame,
                 frame_head, is_sanitized, wait_for)

REGISTER = '{"type":"device_register","device_id":"d1"}'
LIMIT = 16 * MIB  # the library's default for a message


def sized(kind, n, fill='a', more=''):
    """A message of exactly n bytes."""
    head = f'{{"type":"{kind}",{more}"x":"'
    return head + fill * (n - len(head) - 2) + '"}'


class RelayTest(ProgramTest):
    def setUp(self):
        self.relay = self.program('relay')

    def viewer(self, kind='raw', **how):
        """A client that is a viewer for certain: the relay has answered it."""
        ws = self.client(kind, self.relay.port, **how)
        self.settle(ws)
        return ws

    def device(self, kind='raw'):
        ws = self.client(kind, self.relay.port)
        ws.send_text(REGISTER)
        self.settle(ws)
        return ws

    def settle(self, ws):
        """Its messages up to now have been dealt with, and nothing else has come to it."""
        self.echoes = getattr(self, 'echoes', 0) + 1
        text = f'{{"type":"echo","n":{self.echoes}}}'
        ws.send_text(text)
        self.assertEqual(ws.recv(), text)


class Relaying(RelayTest):
    def test_every_kind_of_device_reaches_every_kind_of_viewer(self):
        viewers = [self.viewer(kind) for kind in CLIENTS]
        for kind in CLIENTS:
            device = self.device(kind)
            for n, what in enumerate(('detection', 'frame')):
                text = f'{{"type":"{what}","from":"{kind}","n":{n}}}'
                device.send_text(text)
                for viewer in viewers:
                    self.assertEqual(viewer.recv(), text)
            self.settle(device)

    def test_a_sender_hears_itself_only_by_echo_and_devices_hear_nobody(self):
        viewer, other = self.viewer(), self.viewer()
        device, silent = self.device(), self.device()
        for what in ('detection', 'frame'):
            text = f'{{"type":"{what}"}}'
            viewer.send_text(text)  # one that has not registered is heard all the same
            self.assertEqual(other.recv(), text)
            device.send_text(text)
            self.assertEqual(other.recv(), text)
            self.assertEqual(viewer.recv(), text)
            for ws in (viewer, other, device, silent):
                self.settle(ws)

    def test_registering_twice_is_fine(self):
        viewer, device = self.viewer(), self.device()
        device.send_text(REGISTER)
        device.send_text('{"type":"detection"}')
        self.assertEqual(viewer.recv(), '{"type":"detection"}')

    def test_text_stays_as_it_is_byte_for_byte(self):
        viewers = [self.viewer(kind) for kind in CLIENTS]
        device = self.device()
        for inside in (
                '"o":"ภาษาไทย é 漢字 😀 \u2028\u2029x"', r'"e":"\u00e9\/\"\\\b\f\n\r\t\ud83d\ude00"',
                '"big":123456789012345678901234567890.10e+400,"z":-0.0,"i":1E5,"f":2.8404000',
                '  "w" :\t[ 1 ,\r\n 2 ]  ', '"k":1,"k":2,"":null', '"deep":' + '[' * 60 + ']' * 60,
                '"nul":"\\u0000","del":"\x7f"', '"x":"' + '\\\\' * 33 + '"'):
            text = f'{{ "a":1, "type" : "detection" ,{inside}}}'
            with self.subTest(text):
                device.send(frame(TEXT, text))
                for viewer in viewers:
                    self.assertEqual(viewer.recv(), text)

    def test_what_is_not_relayed_is_ignored_and_the_sender_is_kept(self):
        viewer, device = self.viewer(), self.device()
        for text in ('', '{}', '[]', 'null', '17', '"detection"', '[{"type":"detection"}]', '{"type":"detection"',
                     '{"type":"detection"}}', '{"type":"dance"}', '{"type":["detection"]}', '{"TYPE":"detection"}',
                     '{"a":{"type":"detection"}}', "{'type':'detection'}", '{"type":"detection",}', '\ufeff{"type":"detection"}',
                     '{"type":"detection","s":"\n"}', '{"type":"detection"} x'):
            device.send_text(text)
        device.send_binary(b'{"type":"detection"}')
        device.send_text('{"type":"detection","last":true}')
        self.assertEqual(viewer.recv(), '{"type":"detection","last":true}')
        self.settle(device)

    def test_other_paths_are_no_sessions(self):
        for path in ('/', '/wsx', '/ws/'):
            raw = self.raw(self.relay.port)
            raw.send(HANDSHAKE.replace(b'/ws', path.encode(), 1))
            answer = raw.answer()
            self.assertEqual(answer.status, 404, path)
            self.assertIn('error', json.loads(answer.body))


class Sizes(RelayTest):
    def test_900_kilobytes_with_every_kind_of_client(self):
        viewers = [self.viewer(kind) for kind in CLIENTS]
        for kind in CLIENTS:
            device = self.device(kind)
            for what in ('frame', 'detection', 'echo'):
                text = sized(what, 900_000, fill=kind[0])
                device.send_text(text)
                for ws in [device] if what == 'echo' else viewers:
                    self.assertEqual(ws.recv(), text)

    def test_16_mebibytes_are_the_most(self):
        viewers = [self.viewer(kind) for kind in CLIENTS]
        for kind in ('raw', 'python3-websocket'):
            device = self.device(kind)
            text = sized('detection', LIMIT, fill=kind[0])
            device.send_text(text)
            for viewer in viewers:
                self.assertTrue(viewer.recv() == text, kind)  # assertEqual would print them

    def test_16_mebibytes_in_fragments(self):
        viewer, device = self.viewer(), self.device()
        data = sized('frame', LIMIT).encode()
        pieces = [data[i:i + 3_000_000] for i in range(0, LIMIT, 3_000_000)]
        for i, piece in enumerate(pieces):
            device.send(frame(TEXT if i == 0 else CONT, piece, fin=piece is pieces[-1]) + frame(PING, b'between'))
            self.assertEqual(device.frame(), (PONG, b'between'))
        self.assertTrue(viewer.recv().encode() == data)

    def test_one_byte_more_is_refused_before_it_is_sent(self):
        for length in (LIMIT + 1, 1 << 40, (1 << 63) - 1):
            with self.subTest(length):
                device = self.device()
                device.send(frame_head(TEXT, length))
                self.assertEqual(device.closed(), (1009, f'message of {length} bytes is larger than the limit of {LIMIT}'))

    def test_one_byte_more_in_fragments(self):
        device = self.device()
        device.send(frame(TEXT, b'a' * (LIMIT - 1), fin=False) + frame(CONT, b'b', fin=False) + frame_head(CONT, 1))
        self.assertEqual(device.closed(), (1009, f'message of {LIMIT + 1} bytes is larger than the limit of {LIMIT}'))

    def test_a_client_that_sends_all_of_it_hears_why_too(self):
        for kind in ('python3-websocket', 'npm ws'):
            device = self.device(kind)
            device.send_text('b' * (LIMIT + 1))
            code, reason = device.closed()
            self.assertEqual(code, 1009)
            self.assertIn(str(LIMIT + 1), reason)

    def test_sizes_around_the_steps_of_the_wire(self):
        viewers = [self.viewer(kind) for kind in CLIENTS]
        device = self.device()
        sizes = [n + d for n in (125, 256, 4096, 32768, 65535, 65536, 131072) for d in (-1, 0, 1, 2)]
        texts = [sized('detection', n) for n in sizes]
        for text in texts:
            device.send_text(text)
        for viewer in viewers:
            self.assertEqual([len(viewer.recv()) for _ in texts], sizes)


class Cuts(RelayTest):
    TEXT = '{"type":"detection","é":"漢字😀"}'.encode()

    def test_fragments_at_every_cut_with_pings_between(self):
        viewer, device = self.viewer('python3-websocket'), self.device()
        for cut in range(len(self.TEXT) + 1):
            ping = b'%d' % cut * (cut % 40)
            device.send(frame(TEXT, self.TEXT[:cut], fin=False) + frame(PING, ping) + frame(CONT, self.TEXT[cut:]))
            self.assertEqual(device.frame(), (PONG, ping))
            self.assertEqual(viewer.recv().encode(), self.TEXT)

    def test_a_ping_behind_every_byte(self):
        viewer, device = self.viewer(), self.device()
        wire = b''.join(frame(CONT if i else TEXT, bytes([b]), fin=False) + frame(PING, bytes([i]))
                        for i, b in enumerate(self.TEXT))
        device.send(wire + frame(CONT, b''))
        self.assertEqual(viewer.recv().encode(), self.TEXT)
        while device.frame() != (PONG, bytes([len(self.TEXT) - 1])):  # the newest is enough, §5.5.3
            pass

    def test_byte_by_byte_from_the_handshake_on(self):
        viewer = self.viewer()
        device = self.raw(self.relay.port)
        wire = HANDSHAKE + frame(TEXT, REGISTER) + frame(TEXT, self.TEXT[:7], fin=False) + frame(PING, b'p') \
            + frame(CONT, self.TEXT[7:]) + frame(TEXT, sized('detection', 300))
        device.drip(wire)
        self.assertEqual(device.take_head()[0], 101)
        self.assertEqual(device.take(3), b'\x8a\x01p')
        self.assertEqual(viewer.recv().encode(), self.TEXT)
        self.assertEqual(viewer.recv(), sized('detection', 300))

    def test_handshake_and_first_messages_in_one_packet(self):
        viewer = self.viewer()
        device = self.raw(self.relay.port)
        device.send(HANDSHAKE + frame(TEXT, REGISTER) + frame(TEXT, self.TEXT) + frame(CLOSE, b'\x03\xe8'))
        self.assertEqual(viewer.recv().encode(), self.TEXT)
        self.assertEqual(device.take_head()[0], 101)
        self.assertEqual(device.rest(), b'\x88\x02\x03\xe8')

    def test_pieces_of_odd_sizes(self):
        viewer, device = self.viewer(), self.device()
        texts = [sized('detection', n, more=f'"n":{n},') for n in (100, 70_000, 300, 5_000, 130_000, 126)]
        device.drip(b''.join(frame(TEXT, t) for t in texts), sizes=[1, 4099, 2, 17, 65537, 3, 1000])
        for text in texts:
            self.assertTrue(viewer.recv() == text)

    def test_npm_fragments(self):
        viewer, device = self.viewer('npm ws'), self.device('npm ws')
        for cut in (0, 1, 19, 23, len(self.TEXT)):
            device.send(self.TEXT[:cut], fin=False, binary=False)
            device.send(self.TEXT[cut:], binary=False)
            self.assertEqual(viewer.recv().encode(), self.TEXT)


class Order(RelayTest):
    N, AHEAD, BATCH = 100_000, 8000, 500

    def numbers(self, ws, seen, i):
        """Read them all; each must be the next one."""
        for n in range(self.N):
            text = ws.recv()
            if text != f'{{"type":"detection","n":{n}}}':
                raise AssertionError(f'{text[:80]} where {n} belongs')
            seen[i] = n + 1

    def counted(self, ws, seen, i):
        while seen[i] < self.N:
            seen[i] = ws.node.next(ws.id, 'counted')['n']

    def test_100_000_messages_in_order(self):
        viewers = [self.viewer(kind) for kind in ('raw', 'raw', 'python3-websocket')]
        counting = self.client('npm ws', self.relay.port, watch=self.BATCH)
        device, seen = self.device(), [0] * 4
        joins = [self.in_thread(self.numbers, v, seen, i) for i, v in enumerate(viewers)]
        joins.append(self.in_thread(self.counted, counting, seen, 3))
        for first in range(0, self.N, self.BATCH):
            wait_for(lambda: min(seen) > first - self.AHEAD, lambda: f'viewers have seen {seen} of {first}')
            device.send(b''.join(frame(TEXT, f'{{"type":"detection","n":{n}}}') for n in range(first, first + self.BATCH)))
        for join in joins:
            join()
        self.assertEqual(seen, [self.N] * 4)


class Budget(RelayTest):
    def setUp(self):
        self.relay = self.program('relay', '--budget-us', '20000')

    def test_nothing_is_lost_or_swapped_by_holding_events_back(self):
        viewer, device = self.viewer(), self.device()
        for n in range(300):
            device.send_text(f'{{"type":"detection","n":{n}}}')
            if n % 7 == 0:
                self.settle(device)
        for n in range(300):
            self.assertEqual(json.loads(viewer.recv())['n'], n)
        viewer.send_text('{"type":"echo"}')
        self.assertEqual(viewer.recv(), '{"type":"echo"}')


class Slow(RelayTest):
    ROOM = (60 if is_sanitized() else 12) * 1_000_000  # bytes that memory may grow while a peer is slow

    def setUp(self):
        self.relay = self.program('relay', measured=True)

    def test_a_viewer_that_does_not_read_gets_the_newest_frame_and_stops_nobody(self):
        stalled = self.viewer(receive_bytes=4096)
        viewer, device, other = self.viewer(), self.device(), self.device()
        before = self.relay.rss()
        for n in range(400):
            for ws, d in ((device, 1), (other, 2)):
                ws.send_text(sized('frame', 100_000, more=f'"d":{d},"n":{n},'))
                text = viewer.recv()  # in a closed loop who reads misses none
                self.assertEqual((len(text), text[:40]), (100_000, sized('frame', 100_000, more=f'"d":{d},"n":{n},')[:40]))
        self.assertLess(self.relay.rss() - before, self.ROOM)
        seen = {1: [], 2: []}
        while [numbers[-1:] for numbers in seen.values()] != [[399], [399]]:
            m = json.loads(stalled.recv())
            seen[m['d']].append(m['n'])
        for numbers in seen.values():
            self.assertEqual(numbers, sorted(set(numbers)))
            self.assertLess(len(numbers), 8, 'stale pictures were kept')
        self.settle(stalled)

    def test_events_for_a_viewer_that_does_not_read_are_bounded(self):
        stalled = self.viewer(receive_bytes=4096)
        viewer, device = self.viewer(), self.device()
        before, n_all = self.relay.rss(), 3000
        for n in range(n_all):
            device.send_text(sized('detection', 20_000, more=f'"n":{n},'))
            self.assertEqual(len(viewer.recv()), 20_000)
        self.assertLess(self.relay.rss() - before, self.ROOM)
        seen = []
        while True:  # while its queue is full nothing can be answered, and it is kept
            stalled.send_text('{"type":"echo"}')
            m = json.loads(stalled.recv())
            if m['type'] == 'echo':
                break
            seen.append(m['n'])
        self.assertEqual(seen, list(range(len(seen))))  # what was taken came whole and in order
        self.assertLess(len(seen), n_all / 4)
        device.send_text('{"type":"detection","n":%d}' % n_all)
        while json.loads(stalled.recv()) != {'type': 'detection', 'n': n_all}:
            pass

    def test_nothing_comes_behind_a_close_frame(self):
        """RFC 6455 §5.5.1: frames that wait for a slow viewer leave before it, or never."""
        viewer, device = self.viewer(), self.device()
        for goodbye in (frame(CLOSE, b'\x03\xe8'), frame(TEXT, b'\xff')):
            stalled = self.viewer(receive_bytes=4096)
            for n in range(20):
                for what in ('frame', 'detection'):
                    device.send_text(sized(what, 100_000))
                    self.assertEqual(len(viewer.recv()), 100_000)
            stalled.send(goodbye)
            self.settle(viewer)
            self.assertIn(stalled.closed()[0], (1000, 1007))
            stalled.close()

    def test_a_device_that_never_reads(self):
        viewer, device = self.viewer(), self.client('raw', self.relay.port, receive_bytes=4096)
        before = self.relay.rss()
        for n in range(1000):  # 100 MB of answers that it does not take
            device.send_text(sized('echo', 100_000))
            device.send(frame(PING, b'x' * 125))
        device.send_text('{"type":"detection","n":1}')
        self.assertEqual(viewer.recv(), '{"type":"detection","n":1}')
        self.assertLess(self.relay.rss() - before, self.ROOM)

    def test_a_slow_writer_costs_what_it_has_sent_and_stops_nobody(self):
        viewer, device = self.viewer(), self.device()
        slow = [self.device() for _ in range(50)]
        before = self.relay.rss()
        text = sized('detection', LIMIT)
        for ws in slow:  # 800 MiB are promised
            ws.send(frame_head(TEXT, LIMIT, key=b'\0\0\0\0'))
        for i in range(100):
            for ws in slow:
                ws.send(text[i:i + 1].encode())
            device.send_text(f'{{"type":"detection","n":{i}}}')
            self.assertEqual(viewer.recv(), f'{{"type":"detection","n":{i}}}')
        self.assertLess(self.relay.rss() - before, self.ROOM)
        slow[7].send(text[100:].encode())
        self.assertTrue(viewer.recv() == text)

    def test_connections_that_vanish_inside_whatever_they_do(self):
        viewer, device = self.viewer(), self.device()
        files = self.relay.files()
        whole = HANDSHAKE + frame(TEXT, REGISTER) + frame(TEXT, sized('frame', 70_000)) + frame(CLOSE, b'\x03\xe8')
        cuts = [0, 1, 20, len(HANDSHAKE) - 1, len(HANDSHAKE), len(HANDSHAKE) + 1, len(HANDSHAKE) + 7, len(HANDSHAKE) + 30,
                len(HANDSHAKE) + 60, len(HANDSHAKE) + 20_000, len(whole) - 3]
        for cut, end in itertools.product(cuts, ('reset', 'close')):
            gone = Raw(self.relay.port)
            gone.send(whole[:cut])
            getattr(gone, end)()
        wait_for(lambda: self.relay.files() == files, lambda: f'{self.relay.files()} descriptors, {files} before')
        device.send_text('{"type":"detection"}')
        text = viewer.recv()
        while '"frame"' in text:  # one that was whole before its sender vanished
            text = viewer.recv()
        self.assertEqual(text, '{"type":"detection"}')

    def test_viewers_that_vanish_with_full_queues(self):
        viewer, device = self.viewer(), self.device()
        files = self.relay.files()
        gone = [self.viewer(receive_bytes=4096) for _ in range(20)]
        for n in range(100):
            if n % 5 == 4:
                gone[n // 5].reset()
            for what in ('frame', 'detection'):
                device.send_text(sized(what, 50_000))
                self.assertEqual(len(viewer.recv()), 50_000)
        wait_for(lambda: self.relay.files() == files, lambda: f'{self.relay.files()} descriptors, {files} before')


class Protocol(RelayTest):
    def test_what_breaks_the_protocol_is_closed_with_a_code_and_a_sentence(self):
        bad = b'\xff'
        rows = (
            ('5.1 unmasked', frame(TEXT, 'x', key=None), 1002, 'mask'),
            ('5.2 RSV1', frame(TEXT, 'x', rsv=4), 1002, 'reserved'),
            ('5.2 RSV2', frame(TEXT, 'x', rsv=2), 1002, 'reserved'),
            ('5.2 RSV3', frame(PING, 'x', rsv=1), 1002, 'reserved'),
            ('5.2 RSV1 on a continuation', frame(TEXT, 'x', fin=False) + frame(CONT, 'x', rsv=4), 1002, 'reserved'),
            *((f'5.2 opcode {op}', frame(op, 'x'), 1002, str(op)) for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
            ('5.2 length 125 in 16 bits', b'\x81\xfe\x00\x7d' + b'\0' * 129, 1002, 'shortest'),
            ('5.2 length 65535 in 64 bits', b'\x81\xff' + b'\0' * 6 + b'\xff\xff\0\0\0\0', 1002, 'shortest'),
            ('5.2 top bit of the length', b'\x81\xff\x80' + b'\0' * 11, 1002, '63 bits'),
            ('5.4 continuation of nothing', frame(CONT, 'x'), 1002, 'continu'),
            ('5.4 text inside a message', frame(TEXT, 'x', fin=False) + frame(TEXT, 'x'), 1002, 'inside'),
            ('5.4 binary inside a message', frame(BINARY, 'x', fin=False) + frame(BINARY, 'x'), 1002, 'inside'),
            ('5.5 ping of 126', frame(PING, 'x' * 126), 1002, '125'),
            ('5.5 fragmented ping', frame(PING, 'x', fin=False), 1002, 'control'),
            ('5.5 fragmented close', frame(CLOSE, '', fin=False), 1002, 'control'),
            ('5.5.1 close of one byte', frame(CLOSE, b'\x03'), 1002, 'one byte'),
            ('5.5.1 reason not UTF-8', frame(CLOSE, b'\x03\xe8' + bad), 1007, 'UTF-8'),
            ('8.1 bad byte', frame(TEXT, b'{"a":"' + bad), 1007, 'UTF-8'),
            ('8.1 at once, before the rest', frame_head(TEXT, 1000) + frame(TEXT, b'a' + bad)[6:], 1007, 'UTF-8'),
            ('8.1 surrogate', frame(TEXT, b'\xed\xa0\x80'), 1007, 'UTF-8'),
            ('8.1 overlong', frame(TEXT, b'\xc0\xaf'), 1007, 'UTF-8'),
            ('8.1 beyond U+10FFFF', frame(TEXT, b'\xf4\x90\x80\x80'), 1007, 'UTF-8'),
            ('8.1 cut at the end', frame(TEXT, '漢'.encode()[:2]), 1007, 'UTF-8'),
            ('8.1 cut at the end of the last fragment', frame(TEXT, '漢'.encode()[:1], fin=False)
             + frame(CONT, '漢'.encode()[1:2]), 1007, 'UTF-8'),
        )
        viewer = self.viewer()
        for (name, wire, code, word), bytewise in itertools.product(rows, (False, True)):
            with self.subTest(name, bytewise=bytewise):
                ws = self.device()
                # what follows in the same packet must not be looked at any more
                (ws.drip if bytewise else ws.send)(wire + (b'' if bytewise else frame(TEXT, '{"type":"detection"}')))
                got, reason = ws.closed()
                self.assertEqual(got, code, reason)
                self.assertIn(word, reason)
                ws.close()
        self.settle(viewer)

    def test_binary_need_not_be_utf8_and_utf8_may_be_cut_between_fragments(self):
        ws = self.device()
        ws.send(frame(BINARY, b'\xff\xfe') + frame(TEXT, '{"type":"echo","x":"漢'.encode()[:-1], fin=False)
                + frame(CONT, '漢"}'.encode()[2:]))
        self.assertEqual(ws.recv(), '{"type":"echo","x":"漢"}')

    def test_close_codes_come_back(self):
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
            ws = self.device()
            ws.send(frame(CLOSE, code.to_bytes(2, 'big') + 'grüß Gott'.encode()) + frame(TEXT, '{"type":"echo"}'))
            self.assertEqual(ws.closed()[0], code)
            ws.close()
        ws = self.device()
        ws.send(frame(CLOSE))
        self.assertEqual(ws.closed(), (None, ''))

    def test_close_codes_that_must_not_be_sent(self):
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
            ws = self.device()
            ws.send(frame(CLOSE, code.to_bytes(2, 'big')))
            got, reason = ws.closed()
            self.assertEqual((got, str(code) in reason), (1002, True), (code, reason))
            ws.close()

    def test_clients_close_in_their_own_way(self):
        ws = self.device('python3-websocket')
        ws.ws.send_close(4001, b'enough')
        self.assertEqual(ws.closed()[0], 4001)
        ws = self.device('npm ws')
        ws.node.tell(do='close', id=ws.id, code=4002, reason='enough')
        self.assertEqual(ws.closed()[0], 4002)

    def test_pings_are_answered(self):
        ws = self.device()
        for n in (0, 1, 64, 124, 125):
            data = bytes(i & 255 for i in range(n))
            ws.send(frame(PING, data))
            self.assertEqual(ws.frame(), (PONG, data))
        ws.send(frame(PONG, b'unasked'))
        self.settle(ws)
        ws = self.device('npm ws')
        ws.node.tell(do='ping', id=ws.id, text='still there?')
        self.assertEqual(ws.node.next(ws.id, 'pong')['text'], 'still there?')

    def test_half_a_connection(self):
        """Who ends its half without a close frame is gone."""
        ws = self.device()
        ws.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(ws.rest(), b'')


class Life(ProgramTest):
    def test_a_port_that_is_taken(self):
        first = self.program('relay')
        with self.assertRaisesRegex(AssertionError, f'does not start: relay: .*{first.port}'):
            Program('relay', port=first.port)

    def test_words_for_a_slip_of_the_finger(self):
        with self.assertRaisesRegex(AssertionError, '--port is at most 65535'):
            Program('relay', port=65536)
        with self.assertRaisesRegex(AssertionError, '--budget-us N'):
            Program('relay', '--budget', '1', '--colour')


if __name__ == '__main__':
    unittest.main()
