#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the hub counts of viewers that speak Socket.IO, against traffic that is known exactly."""
import json, socket, unittest

from camera import jpeg
from kit import SECONDS
from test_metrics import MetricsTest
from test_older import Wire

HELLO = '["client:hello",{"role":"dashboard"}]'


class Poller:
    """A dashboard that polls, and only when it is told to."""

    def __init__(self, hub):
        self.hub, self.query, self.have = hub, '', []
        self.query = '&sid=' + json.loads(self.ask()[1:])['sid']
        self.ask('40')
        self.ask('42' + HELLO)
        self.ask('42999["dashboard:start"]')
        self.settle()

    def ask(self, body=None):
        """A request on a connection of its own: its answer's body."""
        data = body.encode() if body is not None else b''
        with socket.create_connection(self.hub.address.rsplit(':', 1), SECONDS) as s:
            s.sendall(b'%s /socket.io/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: h.localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s'
                      % (b'POST' if body is not None else b'GET', self.query.encode(), len(data), data))
            return s.makefile('rb').read().split(b'\r\n\r\n', 1)[1].decode()

    def poll(self):
        self.have += self.ask().split('\x1e')

    def next(self, event=''):
        while True:
            while not self.have:
                self.poll()
            packet = self.have.pop(0)
            if packet.startswith(f'42["{event}'):
                return packet[2:]

    def settle(self):
        while not any(p.startswith('43999') for p in self.have):
            self.poll()
        self.have.clear()


class SocketIo(MetricsTest):
    def wire(self, eio):
        w = self.open(Wire(self.hub, eio))
        w.emit(HELLO)
        w.settle()
        return w

    def test_known_traffic_gives_exact_counts(self):
        dashboards = [self.wire(4), self.wire(3), Poller(self.hub), Poller(self.hub)]
        viewer = self.viewer()
        eye = self.registered(viewer, 'eye')
        device = self.open(Wire(self.hub))
        device.settle()  # the hub knows whose it is
        for d in dashboards:
            d.next('device:status')  # of the eye
        before = self.scrape()

        for _ in range(7):
            eye.frame(jpeg('red'))
            viewer.next('frame')
            for d in dashboards:
                d.next('stream:frame')
        for n in range(5):
            device.emit(json.dumps(['device:status', {'deviceId': 'x', 'n': n}]))
            for d in dashboards:
                self.assertIn(f'"n": {n}', d.next('device:status'))
        after = self.wait_for('sluice_frame_age_seconds_count', before['sluice_frame_age_seconds_count'] + 7 * 5)

        received = 'sluice_messages_received_total{system="glass",kind="'
        self.assertEqual(self.difference(before, after), {
            received + 'frame"}': 7,
            received + 'device:status"}': 5,
            'sluice_frames_received_total': 7,
            'sluice_frames_sent_total': 7 * 5,
            'sluice_frame_age_seconds_count': 7 * 5,
            'sluice_messages_sent_total': 7 * 5 + 5 * 4,
        })

    def test_one_that_does_not_poll(self):
        """It gets the newest, whose age is that of the moment when it asks."""
        poller, viewer = Poller(self.hub), self.viewer()
        eye = self.registered(viewer, 'eye')
        poller.next('device:status')
        before = self.scrape()
        for _ in range(9):
            eye.frame(jpeg('red'))
            viewer.next('frame')
        between = self.wait_for('sluice_frame_age_seconds_count', before['sluice_frame_age_seconds_count'] + 9)
        self.assertEqual(between['sluice_frames_sent_total'] - before['sluice_frames_sent_total'], 9 + 1)
        self.assertEqual(between['sluice_frames_conflated_total'] - before['sluice_frames_conflated_total'], 8)
        poller.next('stream:frame')
        after = self.scrape()
        self.assertEqual(self.difference(between, after), {'sluice_frame_age_seconds_count': 1})

    def test_one_that_is_cut_off(self):
        poller, device = Poller(self.hub), self.open(Wire(self.hub))
        before = self.scrape()
        for n in range(50):  # 5 MB; 4 MiB may wait
            device.emit(json.dumps(['device:status', {'deviceId': 'x', 'note': 'x' * 100_000}]))
        device.settle()
        after = self.scrape()
        self.assertEqual(after['sluice_viewers_cut_off_total'] - before['sluice_viewers_cut_off_total'], 1)
        self.assertEqual(after['sluice_messages_sent_total'] - before['sluice_messages_sent_total'], (4 << 20) // 100_000)
        self.assertIn('Session ID unknown', poller.ask())


if __name__ == '__main__':
    unittest.main()
