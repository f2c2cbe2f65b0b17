# SPDX-License-Identifier: MIT
"""SIGTERM while everything is busy: everybody who listens is told, and nobody holds up the end."""
import itertools, threading, time, unittest

from kit import BINARY, CLOSE, TEXT, Program, ProgramTest, RawWs, frame, frame_head, wait_for

REGISTER = '{"type":"device_register","device_id":"d1"}'
BIG = '{"type":"%s","x":"' + 'a' * 20_000 + '"}'


class Stop(ProgramTest):
    def read(self, ws, seen, i):
        """Read to the end: the code it is closed with."""
        for n in itertools.count(1):
            op, data = ws.frame()
            if op == CLOSE:
                return int.from_bytes(data[:2], 'big')
            seen[i] = n

    def view(self, ws, seen, i):
        code = self.read(ws, seen, i)
        ws.send(frame(CLOSE, code.to_bytes(2, 'big')))
        self.assertEqual(ws.rest(), b'')
        ws.close()
        return code

    def view_py(self, ws, seen, i):
        for n in itertools.count(1):
            op, data = ws.ws.recv_data(control_frame=True)
            if op == CLOSE:
                return int.from_bytes(data[:2], 'big')
            seen[i] = n

    def send_on(self, ws, wire, told):
        """As fast as it goes, whole frames, until `told`; then the other half of the handshake."""
        try:
            while not told.is_set():
                ws.send(wire)
            ws.send(frame(CLOSE, b'\x03\xe9'))
            self.assertEqual(ws.rest(), b'')
            ws.close()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it is gone already

    def pump(self, ws, text):
        """A device that reads and sends at the same time: the code it is closed with."""
        told = threading.Event()
        join = self.in_thread(self.send_on, ws, frame(TEXT, REGISTER) + frame(TEXT, text) * 4, told)
        code = self.read(ws, [0], 0)
        told.set()
        join()
        return code

    def test_the_relay_under_load(self):
        relay = self.program('relay')
        port, seen = relay.port, [0] * 5
        for _ in range(2):  # they do not read
            self.raw_ws(port, receive_bytes=4096)
        readers = [self.in_thread(self.view, self.raw_ws(port), seen, i) for i in range(3)]
        readers.append(self.in_thread(self.view_py, self.client('python3-websocket', port), seen, 3))
        npm_viewer, npm_device = (self.client('npm ws', port, quiet=True) for _ in range(2))
        npm_device.send_text(REGISTER)
        npm_device.node.tell(do='pump', id=npm_device.id, text=BIG % 'frame')
        readers += [self.in_thread(self.pump, self.raw_ws(port), BIG % kind) for kind in ('frame', 'detection', 'detection')]
        deaf = self.raw_ws(port, receive_bytes=4096)  # asks for a lot and does not read it
        deaf.send(frame(TEXT, REGISTER) + frame(TEXT, '{"type":"echo","x":"%s"}' % ('b' * 300_000)) * 3)
        half = self.raw_ws(port)
        half.send(frame(TEXT, REGISTER) + frame_head(TEXT, 1_000_000, key=b'\0\0\0\0') + b'x' * 500_000)
        readers.append(self.in_thread(self.read, half, [0] * 5, 4))
        wait_for(lambda: min(seen[:4]) > 300, lambda: f'viewers have seen {seen}')

        began = time.monotonic()
        self.assertEqual(relay.stop(), 0, ''.join(relay.said))
        took = time.monotonic() - began
        again = Program('relay', port=port)  # at once
        again.close()
        self.assertLess(took, 5)
        self.assertEqual([join() for join in readers], [1001] * len(readers))
        for ws in (npm_viewer, npm_device):
            self.assertEqual(ws.node.next(ws.id, 'close')['code'], 1001)

    def test_who_reads_is_not_kept_waiting(self):
        """With clients that answer, the end does not take its grace."""
        relay = self.program('relay')
        device, seen = self.raw_ws(relay.port), [0] * 20
        viewers = [self.in_thread(self.view, self.raw_ws(relay.port), seen, i) for i in range(20)]
        pumping = self.in_thread(self.pump, device, BIG % 'detection')
        wait_for(lambda: min(seen) > 100, lambda: f'viewers have seen {seen}')
        began = time.monotonic()
        self.assertEqual(relay.stop(), 0)
        self.assertLess(time.monotonic() - began, 2.5)
        self.assertEqual([join() for join in [*viewers, pumping]], [1001] * 21)

    def test_the_echo_program_under_load(self):
        echo = self.program('echo')
        waiting = self.raw_ws(echo.port, receive_bytes=4096)
        waiting.send(frame(BINARY, bytes(30_000_000)))  # an answer that is not read
        ws, seen, told = self.raw_ws(echo.port), [0], threading.Event()
        sending = self.in_thread(self.send_on, ws, frame(TEXT, 'x' * 5000), told)
        reading = self.in_thread(self.read, ws, seen, 0)
        wait_for(lambda: seen[0] > 300, lambda: f'{seen} came back')
        began = time.monotonic()
        self.assertEqual(echo.stop(), 0, ''.join(echo.said))
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(reading(), 1001)
        told.set()
        sending()

    def test_the_second_signal_does_not_wait(self):
        relay = self.program('relay')
        self.raw_ws(relay.port)  # never answers
        began = time.monotonic()
        relay.proc.terminate()
        wait_for(lambda: self.refuses(relay.port), 'the listener is still open')
        self.assertEqual(relay.stop(), 0)
        self.assertLess(time.monotonic() - began, 2.5)

    def refuses(self, port):
        try:
            RawWs(port).close()
        except (ConnectionRefusedError, ConnectionResetError, EOFError):
            return True
        return False

    def test_an_idle_one_ends_at_once(self):
        for name in ('relay', 'echo'):
            program = Program(name)
            began = time.monotonic()
            program.close()
            self.assertLess(time.monotonic() - began, 2)


if __name__ == '__main__':
    unittest.main()
