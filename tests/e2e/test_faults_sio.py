#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# alone: yes
"""A disk that is slow for a while, and who sends records by Socket.IO: they are held back, and none is lost."""
import json, re, socket, threading, time, unittest

import websocket
from kit import BUILD, MIB, SECONDS, wait_for
from test_faults import BadDisk

NOTE = 'x' * 500_000
HELD = 0.7  # seconds that nobody waits for a hub that reads


class BadNumbers(BadDisk):
    command = (BUILD / 'tests/numbers',)


class Sender(threading.Thread):
    """Records one behind the other, as fast as the hub takes them; each wants an answer."""

    def __init__(self, name, count):
        super().__init__(daemon=True)
        self.device, self.count = name, count
        self.answers, self.began, self.longest, self.sent = {}, None, 0, 0
        self.reader = threading.Thread(target=self.read, daemon=True)

    def waits(self):
        """For how long the one that it sends now has not been taken."""
        began = self.began
        return 0 if began is None else time.monotonic() - began

    def run(self):
        self.reader.start()
        for n in range(self.count):
            text = json.dumps(['number', {'device': self.device, 'number': n, 'note': NOTE}])
            self.began = time.monotonic()
            self.send(f'42{n}{text}')
            self.longest = max(self.longest, self.waits())
            self.began = None
            self.sent += 1

    def hear(self, packet):
        if packet == '2':
            self.send('3')
        elif packet.startswith('43'):
            ack, args = re.fullmatch(r'43(\d+)(\[.*\])', packet).groups()
            self.answers[int(ack)] = json.loads(args)[0]


class ByWebSocket(Sender):
    def __init__(self, hub, count):
        super().__init__('ws', count)
        self.ws = websocket.create_connection(f'ws://{hub.address}/socket.io/?EIO=4&transport=websocket', timeout=SECONDS)
        self.ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # the kernel shall not take what the hub does not
        self.ws.recv()
        self.ws.send('40')
        self.ws.recv()

    def send(self, packet):
        self.ws.send(packet)

    def read(self):
        try:
            while packet := self.ws.recv():
                self.hear(packet)
        except (OSError, websocket.WebSocketException):
            pass  # the test is over

    def close(self):
        self.ws.sock.shutdown(socket.SHUT_RDWR)  # close alone does not wake who reads
        self.reader.join(SECONDS)
        self.ws.shutdown()


class ByPolling(Sender):
    def __init__(self, hub, count):
        super().__init__('polling', count)
        self.hub, self.query, self.over = hub, '', False
        self.query = '&sid=' + json.loads(self.ask()[1:])['sid']
        self.send('40')
        self.ask()

    def ask(self, body=None):
        """A request on a connection of its own: its answer's body."""
        with socket.create_connection(self.hub.address.rsplit(':', 1), SECONDS) as s:
            data = body.encode() if body is not None else b''
            s.sendall(b'%s /socket.io/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: h.localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s'
                      % (b'POST' if body is not None else b'GET', self.query.encode(), len(data), data))
            head, text = s.makefile('rb').read().split(b'\r\n\r\n', 1)
        if not head.startswith(b'HTTP/1.1 200 '):
            raise EOFError(head, text)
        return text.decode()

    def send(self, packet):
        assert self.ask(packet) == 'ok'

    def read(self):
        while not self.over:
            for packet in self.ask().split('\x1e'):
                if packet == '1':
                    return
                if packet != '6':
                    self.hear(packet)

    def close(self):
        self.over = True
        self.send('1')  # the poll that is held is answered
        self.reader.join(SECONDS)


class SlowDisk(unittest.TestCase):
    def setUp(self):
        self.hub = BadNumbers()
        self.addCleanup(self.hub.close)

    def metric(self, name):
        return float(re.search(rf'^{re.escape(name)} (\S+)', self.hub.get('/metrics')[2].decode(), re.M)[1])

    def test_senders_are_held_back_and_nothing_is_lost(self):
        senders = [ByWebSocket(self.hub, 70), ByPolling(self.hub, 40)]  # 55 MB: the journal takes 32
        self.hub.begin('slow', 60_000)
        for s in senders:
            s.start()
        wait_for(lambda: self.metric('sluice_journal_waiting_bytes') > 24 * MIB, 'the journal does not fill')
        wait_for(lambda: all(s.waits() > HELD for s in senders), lambda: f'not held back: {[s.sent for s in senders]} were taken')
        taken = self.metric('sluice_messages_received_total{system="numbers",kind="number"}')
        self.assertEqual([s.answers for s in senders], [{}, {}])  # nothing has been synced
        self.hub.end('slow')
        for s in senders:
            s.join(SECONDS)
            wait_for(lambda s=s: len(s.answers) == s.count, lambda s=s: f'{s.device}: {len(s.answers)} of {s.count} were answered')
        for s in senders:
            self.assertEqual({(a['ok'], a['stored']) for a in s.answers.values()}, {(True, True)})
            self.assertGreater(s.longest, HELD)
            s.close()
        rows = self.hub.json('/numbers?limit=1000')
        self.assertEqual(sorted((device, n) for _, _, device, n in rows), sorted((s.device, n) for s in senders for n in range(s.count)))
        for s in senders:  # each by its own receipt, in the order in which they were sent
            mine = [(id, n) for _, id, device, n in rows if device == s.device]
            self.assertEqual(mine, [(s.answers[n]['id'], n) for n in range(s.count)])
        self.assertEqual(self.metric('sluice_records_failed_total{reason="full"}'), 0)
        print(f'# {taken:.0f} of {len(rows)} were taken while the disk was slow; held back for '
              + ', '.join(f'{s.longest:.1f} s ({s.device})' for s in senders))


if __name__ == '__main__':
    unittest.main()
