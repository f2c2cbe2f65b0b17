# SPDX-License-Identifier: MIT
"""What goes wrong during a soak: a table, a row for each. A fault happens while everybody goes on; afterwards the hub
has to be well by itself."""
import resource, signal, struct, time

from kit import HANDSHAKE, MIB, TEXT, Raw, frame_head, is_sanitized, wait_for

STEPS_S = (3600, -3600, 86400 * 365, -86400 * 400, 0)


GOOD = 'log:\n  level: info\n'


def disk(kind, text, seconds):
    def run(stage):
        stage.hub.begin(kind, text)
        stage.wait(seconds)
        stage.hub.end(kind)
    return run


def clock_step(stage):
    """Only the wall clock: as if somebody, or NTP, had set it."""
    for _ in range(3):
        with open(stage.hub.clock, 'r+b') as f:
            f.write(struct.pack('=q', stage.rng.choice(STEPS_S)))
        stage.wait(1)


def hangup(text, wanted):
    """SIGHUP, and what the log has to say of it."""
    def run(stage):
        before = stage.hub.said().count(wanted)
        stage.hub.settings.write_text(text)
        stage.hub.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: stage.hub.said().count(wanted) > before, f'no "{wanted}" in the log', 10)
        stage.hub.settings.write_text(GOOD)  # the next start reads them
    return run


def freeze(stage):
    """The whole process stands still, as under a debugger or on a machine that swaps."""
    stage.ages.freeze()
    stage.hub.proc.send_signal(signal.SIGSTOP)
    stage.wait(stage.rng.uniform(1, 4))
    stage.hub.proc.send_signal(signal.SIGCONT)
    time.sleep(0.5)  # what lay in sockets meanwhile is as old as that
    stage.ages.thaw()


def few_descriptors(stage):
    """No more open files than there are, for a while."""
    pid = stage.hub.proc.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (stage.held()[1], before[1]))
    try:
        stage.wait(3)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def data_bytes(pid):
    with open(f'/proc/{pid}/status') as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith('VmData'))


def little_memory(stage):
    """What it has and 6 MiB more, while some send messages of 16 MiB."""
    pid = stage.hub.proc.pid
    before = resource.prlimit(pid, resource.RLIMIT_DATA)
    resource.prlimit(pid, resource.RLIMIT_DATA, (data_bytes(pid) + 6 * MIB, before[1]))
    links = []
    try:
        until = time.monotonic() + 4
        while time.monotonic() < until:
            try:
                links.append(Raw(stage.hub.port))
                links[-1].sock.settimeout(0.5)
                links[-1].send(HANDSHAKE + frame_head(TEXT, 15 * MIB, key=b'\0\0\0\0') + b'x' * (14 * MIB))
            except OSError:
                stage.wait(0.1)  # refused: that is the answer
    finally:
        resource.prlimit(pid, resource.RLIMIT_DATA, before)
        for link in links:
            link.close()


def kill(stage):
    """kill -9, and a new hub on the same folder."""
    stage.ages.freeze()
    stage.hub.kill()
    stage.restarted = True
    stage.hub.start()
    time.sleep(0.2)
    stage.ages.thaw()


# name, how, /health may stay silent meanwhile, not under a sanitizer (it holds terabytes of addresses)
FAULTS = [
    ('disk slow',         disk('slow', 1500, 4),                               False, False),
    ('disk full',         disk('full', '', 3),                                 False, False),
    ('disk read-only',    disk('readonly', '', 3),                             False, False),
    ('clock set',         clock_step,                                          False, False),
    ('good settings',     hangup(GOOD, 'msg="reloaded"'),   False, False),
    ('bad settings',      hangup('log:\n  level: loud\n', 'reload refused'),   False, False),
    ('frozen',            freeze,                                              True,  False),
    ('few descriptors',   few_descriptors,                                     True,  False),
    ('little memory',     little_memory,                                       True,  True),
    ('killed',            kill,                                                True,  False),
]


def usable(build):
    return [f for f in FAULTS if not (f[3] and is_sanitized(build))]
