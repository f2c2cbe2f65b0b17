# SPDX-License-Identifier: MIT
"""What a run is judged by: a book of what was answered, the ages of pictures, whether the hub lives, what it holds."""
import collections, json, os, re, sqlite3, threading, time, urllib.error, urllib.request

AGE_P99_S, AGE_MAX_S = 2.5, 8  # of pictures, what the hub was frozen for taken off
HEALTH_S = 6  # /health answers within so much, under a sanitizer on a busy machine
BAD_WORDS = re.compile(r'AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|assertion|Assertion|stack smashing')


class Fault(Exception):
    """The hub did what it must not."""


class Book:
    """Every record that was sent, and every one that was answered as stored."""

    def __init__(self):
        self.lock = threading.Lock()
        self.last = collections.Counter()  # sender: number of its last record
        self.answered = {}  # id: sender, where it is known (sender, number)
        self.refused = collections.Counter()  # of answers: why

    def number(self, sender):
        with self.lock:
            self.last[sender] += 1
            return self.last[sender]

    def answer(self, id, sender, number=None):
        with self.lock:
            if id in self.answered:
                raise Fault(f'id {id} was given twice')
            self.answered[id] = sender, number

    def refuse(self, why):
        with self.lock:
            self.refused[re.sub(r'\d+', 'N', why)[:60]] += 1

    def count(self):
        with self.lock:
            return len(self.answered)

    def compare(self, path):
        """With the store of a hub that has ended: (stored, list of complaints)."""
        db = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
        bad = []
        try:
            whole = db.execute('PRAGMA integrity_check').fetchone()[0]
            if whole != 'ok':
                bad.append(f'integrity_check: {whole}')
            rows = [(id, json.loads(body)) for id, body in db.execute("SELECT id, body FROM record WHERE kind = 'detection' ORDER BY seq")]
        finally:
            db.close()
        times = collections.Counter(id for id, _ in rows)
        seen, newest = collections.Counter(), {}
        for id, body in rows:
            sender, n = body.get('from'), body.get('n')
            if sender not in self.last or n > self.last[sender]:
                bad.append(f'nobody sent {id}: {str(body)[:80]}')
                continue
            seen[sender, n] += 1
            if n <= newest.get(sender, 0):
                bad.append(f'{sender}: number {n} lies behind {newest[sender]}')
            newest[sender] = max(n, newest.get(sender, 0))
            if id in self.answered and self.answered[id] not in ((sender, n), (sender, None)):
                bad.append(f'{id} was answered for {self.answered[id]}, and holds {sender, n}')
        bad += [f'answered and lost: {id} of {self.answered[id]}' for id in self.answered if times[id] == 0]
        bad += [f'there {n} times: {key}' for key, n in (times + seen).items() if n > 1]
        return len(rows), bad


class Ages:
    """How old pictures were when they were seen, but for the time that the hub could do nothing."""

    def __init__(self):
        self.lock, self.frozen = threading.Lock(), []  # [from, until], the last may be open
        self.age = collections.defaultdict(list)

    def freeze(self):
        with self.lock:
            self.frozen.append([time.monotonic(), None])

    def thaw(self):
        with self.lock:
            self.frozen[-1][1] = time.monotonic()

    def stood_still(self, begin, end):
        return sum(max(0, min(end, b if b is not None else end) - max(begin, a)) for a, b in self.frozen)

    def see(self, kind, born, now=None):
        now = now or time.monotonic()
        with self.lock:
            self.age[kind].append(now - born - self.stood_still(born, now))

    def judge(self, p99_s=AGE_P99_S):
        """(what to tell, complaints)"""
        told, bad = [], []
        for kind, ages in sorted(self.age.items()):
            ages = sorted(ages)
            p99, most = ages[len(ages) * 99 // 100], ages[-1]
            told.append(f'{kind}: {len(ages)} pictures, p99 {p99 * 1e3:.0f} ms, oldest {most * 1e3:.0f} ms')
            if p99 > p99_s or most > AGE_MAX_S:
                bad.append(f'pictures are old: {told[-1]}')
        return told, bad


class Pulse(threading.Thread):
    """Asks /health all the time; what it must not do meanwhile is kept in `bad`."""

    def __init__(self, hub):
        super().__init__(daemon=True)
        self.hub, self.ended, self.excused, self.bad, self.slowest, self.asked = hub, threading.Event(), threading.Event(), [], 0, 0

    def ask(self):
        try:
            with urllib.request.urlopen(f'http://{self.hub.address}/health', timeout=HEALTH_S) as answer:
                return answer.status
        except urllib.error.HTTPError as why:
            return why.code  # 503 says that it is in trouble, and is an answer

    def beat(self):
        began, excused = time.monotonic(), self.excused.is_set()
        try:
            status = self.ask()
        except (OSError, ValueError) as why:
            if not excused and not self.excused.is_set():
                self.bad.append(f'/health does not answer: {why!r}')
            return
        took = time.monotonic() - began
        self.asked += 1
        if not excused and not self.excused.is_set():
            self.slowest = max(self.slowest, took)
            if status not in (200, 503):
                self.bad.append(f'/health says {status}')

    def run(self):
        while not self.ended.wait(0.25):
            self.beat()

    def stop(self):
        self.ended.set()
        self.join(HEALTH_S + 2)


def held(pid):
    """(bytes of memory, descriptors)"""
    with open(f'/proc/{pid}/statm') as f:
        rss = int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
    return rss, len(os.listdir(f'/proc/{pid}/fd'))
