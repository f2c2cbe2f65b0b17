# SPDX-License-Identifier: MIT
# alone: yes
# build: release
# seconds: 400
"""Many Socket.IO clients: those that vanish leave nothing behind, those that idle cost little and live on.

The usual run is a short one. SLUICE_SIO_CLIENTS=1000 is how many vanish in each of 20 rounds; SLUICE_SIO_IDLE=10000
and SLUICE_SIO_MINUTES=3 how many idle, and for how long, at the heartbeat that is usual."""
import itertools, os, re, resource, select, time, unittest

from kit import CLOSE, TEXT, ProgramTest, Raw, RawWs, frame, release_build, wait_for

CLIENTS = int(os.environ.get('SLUICE_SIO_CLIENTS', '200'))
IDLE = int(os.environ.get('SLUICE_SIO_IDLE', '500'))
MINUTES = float(os.environ.get('SLUICE_SIO_MINUTES', '0'))
EVENT, BACK = '42["message","é%s"]' % ('x' * 300), b'42["message-back","'
BINARY = '452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'


def upgrade(sid=''):
    return (f'GET /socket.io/?EIO=4&transport=websocket{sid and "&sid=" + sid} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n'
            'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n').encode()


def poll(sid='', body=None):
    length = '' if body is None else f'Content-Length: {len(body.encode())}\r\n'
    return (f'{"GET" if body is None else "POST"} /socket.io/?EIO=4&transport=polling{sid and "&sid=" + sid} HTTP/1.1\r\n'
            f'Host: h\r\n{length}\r\n{body or ""}').encode()


def words(*texts):
    return b''.join(frame(TEXT, text) for text in texts)


class Ws:
    """Joins and emits by WebSocket, all in one piece."""

    def __init__(self, port):
        self.raw = Raw(port)
        self.raw.send(upgrade() + words('40', EVENT))

    def settle(self):
        assert self.raw.take_head()[0] == 101
        while BACK not in self.raw.have:
            assert self.raw.more()


class Polling:
    """The same by polling."""

    def __init__(self, port):
        self.port, self.raw = port, Raw(port)
        self.raw.send(poll())
        self.sid = re.search(rb'"sid":"([^"]+)"', self.raw.answer().body)[1].decode()
        self.raw.send(poll(self.sid, '40') + poll(self.sid, EVENT) + poll(self.sid))

    def settle(self):
        assert [self.raw.answer().body for _ in range(2)] == [b'ok', b'ok']
        assert BACK in self.raw.answer().body


class Upgrading(Polling):
    """Begins by polling; its WebSocket has been probed."""

    def settle(self):
        super().settle()
        self.ws = Raw(self.port)
        self.ws.send(upgrade(self.sid) + words('2probe'))
        assert self.ws.take_head()[0] == 101
        assert b'3probe' in self.ws.take(8)


def says_goodbye(c):
    c.raw.send(frame(CLOSE, b'\x03\xe8'))


def leaves(c):
    c.raw.send(words('41', '1'))


def amid_attachments(c):
    c.raw.send(words(BINARY) + frame(2, b'only one'))


def amid_a_message(c):
    c.raw.send(frame(TEXT, '42["message","' + 'x' * 3000, fin=False))


def amid_a_poll(c):
    c.raw.send(poll(c.sid))


def amid_a_post(c):
    c.raw.send(poll(c.sid, EVENT)[:-40])


def closes(c):
    c.raw.send(poll(c.sid, '1'))


def upgrades(c):
    c.ws.send(words('5', EVENT))
    while BACK not in c.ws.have:
        assert c.ws.more()


def nothing(c):
    pass


ENDS = [(Ws, says_goodbye), (Polling, nothing), (Ws, leaves), (Polling, amid_a_poll), (Ws, amid_attachments), (Polling, amid_a_post),
        (Ws, amid_a_message), (Polling, closes), (Ws, nothing), (Upgrading, upgrades), (Upgrading, nothing)]


class Vanishing(ProgramTest):
    ROUNDS, AT_ONCE = 20, 25

    def round(self, echo, kinds):
        for _ in range(0, CLIENTS, self.AT_ONCE):
            batch = [(kind(echo.port), end) for kind, end in itertools.islice(kinds, self.AT_ONCE)]
            for client, end in batch:
                client.settle()
                end(client)
            for n, (client, _) in enumerate(batch):
                for raw in filter(None, (client.raw, getattr(client, 'ws', None))):
                    raw.reset() if n % 2 else raw.close()

    def test_20_rounds_leave_nothing_behind(self):
        echo = self.program('echo', '--ping-interval', '200', '--ping-timeout', '400', build=release_build())
        kinds, rss = itertools.cycle(ENDS), []
        files = echo.files()
        for _ in range(self.ROUNDS):
            self.round(echo, kinds)
            last = Ws(echo.port)  # answers no ping either: when it is ended, they all are
            last.settle()
            while RawWs.frame(last.raw)[0] != CLOSE:
                pass
            last.raw.close()
            wait_for(lambda: echo.files() == files, lambda: f'{echo.files()} descriptors, {files} before')
            rss.append(echo.rss())
        print(f'# {self.ROUNDS} rounds of {CLIENTS}; after round 5: {rss[4] / 1e6:.2f} MB, after round 20: {rss[19] / 1e6:.2f} MB')
        self.assertLess(rss[19] - rss[4], 2 << 20, [f'{r / 1e6:.2f} MB' for r in rss])


class IdleClient:
    """Answers heartbeats and counts them; every tenth by polling."""

    def __init__(self, port, n):
        self.raw, self.beats, self.sid, self.alive = Raw(port), 0, '', True
        self.is_polling = n % 10 == 9
        if self.is_polling:
            self.raw.send(poll())
            self.sid = re.search(rb'"sid":"([^"]+)"', self.raw.answer().body)[1].decode()
            self.raw.send(poll(self.sid, '40') + poll(self.sid) + poll(self.sid))
        else:
            self.raw.send(upgrade() + words('40'))
        while b'42["auth",{}]' not in self.raw.have:
            assert self.raw.more()
        self.raw.have.clear()

    def on_bytes(self):
        """What came is a ping, news or the end; nothing of it is cut in two."""
        data = self.raw.sock.recv(65536)
        pings = re.findall(rb'\r\n\r\n2$' if self.is_polling else rb'\x81\x012', data)
        self.alive &= bool(data)
        self.beats += len(pings)
        if pings:
            self.raw.send(poll(self.sid, '3') + poll(self.sid) if self.is_polling else words('3'))
        return data


def cpu_seconds(pid):
    with open(f'/proc/{pid}/stat') as f:
        return sum(map(int, f.read().rsplit(')', 1)[1].split()[11:13])) / os.sysconf('SC_CLK_TCK')


class Idle(ProgramTest):
    def test_idle_sessions_live_on(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < IDLE + 200:
            self.skipTest(f'this machine allows no {IDLE} connections')
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, IDLE + 200), hard))
        interval = 25 if MINUTES else 1
        echo = self.program('echo', '--ping-interval', str(interval * 1000), '--ping-timeout', '20000', '--connect-timeout', '45000',
                            build=release_build())
        before, seconds = echo.rss(), MINUTES * 60 or 5
        clients, epoll = {}, select.epoll()
        self.addCleanup(lambda: [c.raw.close() for c in clients.values()])
        for n in range(IDLE):
            c = IdleClient(echo.port, n)
            clients[c.raw.sock.fileno()] = c
            epoll.register(c.raw.sock, select.EPOLLIN)
            self.turn(epoll, clients, 0)
        for c in clients.values():
            c.beats = 0
        began, cpu = time.monotonic(), cpu_seconds(echo.proc.pid)
        while time.monotonic() < began + seconds:
            self.turn(epoll, clients, 0.1)
        grown, cpu = echo.rss() - before, cpu_seconds(echo.proc.pid) - cpu
        print(f'# {IDLE} sessions for {seconds:.0f} s: {echo.rss() / 1e6:.1f} MB, {grown / IDLE:.0f} bytes each, '
              f'{sum(c.beats for c in clients.values())} heartbeats, {cpu:.2f} s of CPU')
        self.assertEqual(sum(not c.alive for c in clients.values()), 0, 'ended')
        self.assertGreaterEqual(min(c.beats for c in clients.values()), int(seconds / interval) - 1, 'heartbeats')
        self.assertLess(grown / IDLE, 4096, 'bytes per idle session')
        self.everybody_hears(epoll, clients)

    def turn(self, epoll, clients, seconds):
        return [(fd, clients[fd].on_bytes()) for fd, _ in epoll.poll(seconds)]

    def everybody_hears(self, epoll, clients):
        next(iter(clients.values())).raw.send(words('42["to-all","still here"]'))
        deaf = set(clients)

        def heard():
            deaf.difference_update(fd for fd, data in self.turn(epoll, clients, 0.1) if b'42["all-msg","still here"]' in data)
            return not deaf
        wait_for(heard, lambda: f'{len(deaf)} did not hear it')


if __name__ == '__main__':
    unittest.main()
