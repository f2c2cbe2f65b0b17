# SPDX-License-Identifier: MIT
# seconds: 170
"""A bad day in short: tests/soak/run, where hours of it can be had."""
import os, pathlib, re, subprocess, sys, unittest

RUN = pathlib.Path(__file__).resolve().parent.parent / 'soak/run'
SECONDS = int(os.environ.get('SLUICE_SOAK_SECONDS', '50'))


class Days(unittest.TestCase):
    def test_nothing_is_lost_whatever_happens(self):
        ran = subprocess.run([sys.executable, RUN, '--seconds', str(SECONDS)], capture_output=True, text=True, timeout=SECONDS + 110)
        self.assertEqual(ran.returncode, 0, ran.stdout[-6000:] + ran.stderr[-2000:])
        print('\n'.join(line for line in ran.stdout.splitlines() if re.search('seed|pictures|answer', line)))


if __name__ == '__main__':
    unittest.main()
