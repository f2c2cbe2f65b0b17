#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sluice tail and sluice send, with examples/echo: what they print, and their exit codes."""
import json, signal, subprocess, unittest

from kit import BUILD, SECONDS, ProgramTest
from test_client import Server

SLUICE = BUILD / 'sluice'


class Tail(ProgramTest):
    def setUp(self):
        self.server = self.open(Server('echo'))
        self.url = f'ws://127.0.0.1:{self.server.port}'

    def run_it(self, *args, code=0):
        r = subprocess.run([SLUICE, *args], capture_output=True, text=True, timeout=SECONDS)
        self.assertEqual(r.returncode, code, r.stderr[-2000:])
        return r

    def test_lines_for_people_and_for_programs(self):
        hello = json.dumps(['message', 1, 'größer', {'long': 'x' * 500}, '\x9b31m'], ensure_ascii=False)
        for way in ('upgrade', 'websocket', 'polling'):
            out = self.run_it('tail', self.url, '--transport', way, '--event', 'message-back', '--count', '1', '--hello', hello).stdout
            self.assertRegex(out, r'^\S+Z / message-back 1 "größer" \{"long": "x{50}.*… \(512 bytes\) "\?31m"$')
            self.assertNotIn('\x9b', out)
        out = self.run_it('tail', self.url, '--json', '--event', 'message-back', '--count', '2', '--hello', hello, '--hello', '["message"]').stdout
        first, second = map(json.loads, out.splitlines())
        self.assertEqual((first['namespace'], first['event'], first['args'][:2], second['args']), ('/', 'message-back', [1, 'größer'], []))

    def test_it_comes_back_and_ctrl_c_ends_it(self):
        p = subprocess.Popen([SLUICE, 'tail', self.url, '--event', 'auth'], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with p:
            self.assertIn(' / auth {}', p.stdout.readline())
            self.server.stop()
            self.server.start()
            self.assertIn(' / auth {}', p.stdout.readline())
            p.send_signal(signal.SIGINT)
            self.assertEqual(p.wait(SECONDS), 0)
            said = p.stderr.read()
        for words in ('listening at', r'transport (close|error): .* \(again in ', 'again at'):
            self.assertRegex(said, words)

    def test_one_event_and_its_answer(self):
        for way in ('upgrade', 'websocket', 'polling'):
            r = self.run_it('send', self.url, 'message-with-ack', '{"a":[1.50]}', '"hi"', '--ack', '--transport', way, '--eio', '3')
            self.assertEqual(r.stdout, '[{"a":[1.50]},"hi"]\n')
            self.run_it('send', self.url, 'message', '1', '--transport', way)

    def test_why_not(self):
        rows = [(69, 'nobody listens at 127.0.0.1:1', 'send', 'ws://127.0.0.1:1', 'x'),
                (77, 'unauthorized {"code":401}', 'send', self.url, 'x', '--nsp', '/auth', '--auth', '{"token":"no"}'),
                (77, 'Invalid namespace', 'tail', self.url, '--nsp', '/nope'),
                (75, 'no answer within --timeout', 'send', self.url, 'nobody-answers', '--ack', '--timeout', '1'),
                (69, 'nothing is at /nope/ (404)', 'send', self.url + '/nope/', 'x'),
                (64, 'is no JSON', 'send', self.url, 'x', 'hello'),
                (64, 'takes a JSON object', 'send', self.url, 'x', '--auth', '[]'),
                (64, 'takes an event as it is written', 'tail', self.url, '--hello', '{}'),
                (64, 'TLS', 'tail', 'wss://127.0.0.1'),
                (64, 'takes a URL', 'send', self.url)]
        for code, words, *args in rows:
            self.assertIn(words, self.run_it(*args, code=code).stderr)
        self.run_it('send', self.url, 'x', '--nsp', '/auth', '--auth', '{"token":"secret"}')


if __name__ == '__main__':
    unittest.main()
