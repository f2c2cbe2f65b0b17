# SPDX-License-Identifier: MIT
# alone: yes
# build: release
# seconds: 150
"""A hub that may have 64 MiB: four cameras with 30 pictures of 100 KB a second, twenty viewers, some of them slow. It
serves them, refuses what it cannot hold, and never aborts. SLUICE_CEILING_SECONDS=600 makes it ten minutes."""
import base64, collections, contextlib, json, os, pathlib, re, sys, threading, time, unittest

from hub import SLUICE, Hub
from kit import CLOSE, HANDSHAKE, MIB, SECONDS, TEXT, Raw, RawWs, frame, frame_head, is_sanitized, wait_for

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / 'soak'))
import actors
from camera import jpeg
from judge import Ages, Book

CEILING = 64 * MIB
DATA = 56 * MIB  # what RLIMIT_DATA counts: not the code, nor files that are mapped
FOR_S = int(os.environ.get('SLUICE_CEILING_SECONDS', '20'))
FPS, PICTURE_BYTES = 30, 100_000
CGROUP = pathlib.Path('/sys/fs/cgroup')


def make_cgroup():
    """A group of our own with memory.max, or None: version 2 only, and only where we may."""
    if not (CGROUP / 'cgroup.controllers').exists():
        return None
    group = CGROUP / f'sluice-test-{os.getpid()}'
    try:
        group.mkdir()
        (group / 'memory.max').write_text(str(CEILING))
        return group
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        return None


class SmallHub(Hub):
    """All that it writes to in memory counts, stacks of its threads included: 256 KiB each, not the 8 MiB of a desktop."""

    def start(self):
        self.group = make_cgroup()
        limit = f'echo $$ >{self.group}/cgroup.procs' if self.group else f'ulimit -d {DATA >> 10}'
        self.command = ('sh', '-c', f'ulimit -s 256; {limit}; exec "$@"', 'sh', SLUICE, 'serve', '--queue-total', '12MiB', '--queue', '1MiB')
        super().start()

    def close(self):
        super().close()
        if self.group:
            self.group.rmdir()


class Fast(actors.Camera):
    """30 pictures a second, a record now and then."""
    drops = 0
    body = jpeg('red', PICTURE_BYTES)

    def connect(self):
        self.link = RawWs(self.stage.hub.port)
        self.link.send_text(json.dumps({'type': 'device_register', 'device_id': self.name}))
        self.next_at, self.sent = time.monotonic(), 0

    def step(self):
        self.next_at += 1 / FPS
        self.stage.wait(max(0, self.next_at - time.monotonic()))
        now = time.monotonic()
        text = base64.b64encode(self.body + b'SOAK=%.6f;' % now)
        self.link.send(frame(TEXT, b'{"type":"frame","at":%.6f,"frame":"%s"}' % (now, text), key=b'\0\0\0\0'))
        self.sent += 1
        if self.sent % FPS == 0:
            self.link.send_text(json.dumps(self.detection(receipt=True)[1]))
            while not self.heard(json.loads(self.link.recv())):
                pass


class Looker(actors.LiveWire):
    drops = 0


class Website(actors.Dashboard):
    drops = 0


class Image(actors.Mjpeg):
    drops = 0

    def path(self, stage):
        return b'/live/fast-%d.mjpg?fps=10' % self.rng.randrange(4)


class Idle(actors.Slow):
    drops = 0


class Heavy(actors.Comer):
    """Messages of 16 MiB, most of it, then no end; and viewers that do not read."""

    def step(self):
        self.link = Raw(self.stage.hub.port, receive_bytes=4096)
        self.link.sock.settimeout(2)
        if self.rng.random() < 0.3:
            self.link.send(HANDSHAKE + frame(TEXT, '{"type":"web_client"}'))
            self.stage.wait(1)
        else:
            self.send_much()
        self.hang_up()

    def send_much(self):
        """What is refused is told so with a close frame, or cut."""
        try:
            self.link.send(HANDSHAKE + frame_head(TEXT, 16 * MIB, key=b'\0\0\0\0') + b'x' * (16 * MIB - 1))
            self.link.take_head()
            self.stage.wait(1)
            self.link.sock.settimeout(0.2)
            told = self.link.take(2)[0] == 0x80 | CLOSE
        except TimeoutError:
            self.stage.held_back += 1
            return
        except (OSError, EOFError):
            told = False
        self.stage.refusals['told' if told else 'cut'] += 1


KINDS = [(Fast, 4), (Looker, 6), (Website, 2), (Image, 8), (Idle, 4)]  # four cameras, 20 who look


class CeilingTest(unittest.TestCase):
    def setUp(self):
        if is_sanitized():
            self.skipTest('a sanitizer needs more than that for itself')
        self.hub = SmallHub()
        self.addCleanup(self.hub.close)
        self.book, self.ages, self.over, self.refusals, self.most = Book(), Ages(), threading.Event(), collections.Counter(), (0, 0)
        self.actors, self.held_back = [], 0

    def goes_on(self):
        return not self.over.is_set()

    def wait(self, seconds):
        self.over.wait(seconds)

    def come(self, kinds):
        new = [kind(self, f'{kind.__name__.lower()}-{i}', hash((kind.__name__, i))) for kind, n in kinds for i in range(n)]
        for a in new:
            a.start()
        self.actors += new
        return new

    def leave(self):
        self.over.set()
        for a in self.actors:
            a.interrupt()
        for a in self.actors:
            a.join(SECONDS)
        self.assertEqual([a.wrong for a in self.actors if a.wrong], [])

    def measure(self, seconds):
        """Until then; the most memory that was seen."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.assertIsNone(self.hub.proc.poll(), 'the hub has ended:\n' + self.hub.said()[-3000:])
            text = pathlib.Path(f'/proc/{self.hub.proc.pid}/status').read_text()
            rss, data = (int(re.search(rf'{word}:\s+(\d+)', text)[1]) << 10 for word in ('VmRSS', 'VmData'))
            self.most = max(self.most[0], rss), max(self.most[1], data)
            time.sleep(0.1)

    def check_progress(self):
        before = [(a, a.steps) for a in self.actors if not isinstance(a, (Idle, Heavy))]
        wait_for(lambda: all(a.steps > n for a, n in before), lambda: f'no progress: {[a.name for a, n in before if a.steps <= n]}')

    def test_it_serves_and_refuses_and_does_not_abort(self):
        self.come(KINDS)
        self.measure(FOR_S / 2)
        self.check_progress()
        served = self.most
        self.come([(Heavy, 8)])
        self.measure(FOR_S / 2)
        self.check_progress()
        pictures, old = self.ages.judge(p99_s=4)  # of clients that share the machine and one Python
        self.leave()
        self.assertEqual(self.hub.stop(40), 0, self.hub.said()[-3000:])
        stored, bad = self.book.compare(self.hub.data / 'sluice.db')
        print(f'# {"cgroup memory.max" if self.hub.group else "RLIMIT_DATA"}: at most {self.most[0] / MIB:.1f} MiB resident, {self.most[1] / MIB:.1f} MiB of data; '
              f'{served[0] / MIB:.1f} and {served[1] / MIB:.1f} before the heavy ones')
        print(f'# large messages refused: {dict(self.refusals)}, held: {self.held_back}; {stored} records stored, {dict(self.book.refused)}; {"; ".join(pictures)}')
        self.assertEqual(bad + old, [])
        self.assertGreater(stored, 2 * FOR_S)
        self.assertGreater(self.refusals.total(), 0)
        self.assertLessEqual(self.most[0], CEILING)


if __name__ == '__main__':
    unittest.main()
