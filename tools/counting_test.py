#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/test must count what fails: a sum that hides a failure is worse than no test."""
import importlib.machinery, importlib.util, os, pathlib, subprocess, sys, tempfile, unittest

HERE = pathlib.Path(__file__).resolve().parent
loader = importlib.machinery.SourceFileLoader('runner', str(HERE / 'test'))
runner = importlib.util.module_from_spec(importlib.util.spec_from_loader('runner', loader))
loader.exec_module(runner)


class Counting(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.addCleanup(setattr, runner, 'ROOT', runner.ROOT)
        self.addCleanup(setattr, runner, 'LOGS', runner.LOGS)
        runner.ROOT = runner.LOGS = self.root

    def stage(self, command, count, seconds=10):
        out = sys.stdout
        with open(os.devnull, 'w') as sys.stdout:
            try:
                return runner.run_stage('x', '', command, count, seconds)
            finally:
                sys.stdout.close()
                sys.stdout = out

    def test_one(self):
        self.assertEqual(self.stage('true', 'one'), [1, 0, 0])
        self.assertEqual(self.stage('false', 'one'), [0, 1, 0])

    def test_tap(self):
        lines = r"printf 'ok 1 - a\nok - b # SKIP no\nnot ok 3 - c\nokay\n# ok 4\n'"
        self.assertEqual(self.stage(lines, 'tap'), [1, 1, 1])

    def test_a_crash_after_good_lines_counts(self):
        self.assertEqual(self.stage("echo ok 1 - a; exit 3", 'tap'), [1, 1, 0])

    def test_nothing_at_all_counts(self):
        self.assertEqual(self.stage('true', 'tap'), [0, 1, 0])

    def test_no_end_counts(self):
        self.assertEqual(self.stage('echo ok 1 - a; sleep 30', 'tap', seconds=0.3), [1, 1, 0])

    def test_unittest(self):
        said = "printf 'Ran 7 tests in 1s\\nFAILED (failures=1, errors=2, skipped=1)\\n'; false"
        self.assertEqual(self.stage(said, 'unittest'), [3, 3, 1])

    def test_junit(self):
        path = self.root / 'b/meson-logs/testlog.junit.xml'
        path.parent.mkdir(parents=True)
        xml = ('<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure/></testcase>'
               '<testcase name="c"><skipped/></testcase></testsuite></testsuites>')
        # written by the command: what an earlier run left does not count
        path.write_text(xml.replace('<failure/>', ''))
        self.assertEqual(self.stage('true', 'junit:b'), [0, 1, 0])
        self.assertEqual(self.stage(f"echo '{xml}' > {path}; false", 'junit:b'), [1, 1, 1])


class EndToEndRunner(unittest.TestCase):
    def test_what_goes_wrong_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / 'test_a.py').write_text(
                'import unittest\nclass A(unittest.TestCase):\n'
                '    def test_good(self): pass\n'
                '    def test_bad(self): self.fail()\n'
                '    @unittest.skip("reason")\n    def test_not(self): pass\n')
            (root / 'test_b.py').write_text('# seconds: 1\nimport time\ntime.sleep(30)\n')
            (root / 'test_c.py').write_text('raise RuntimeError("at import")\n')
            r = subprocess.run([sys.executable, HERE.parent / 'tests/run-e2e', root], capture_output=True, text=True)
        lines = [line for line in r.stdout.splitlines() if not line.startswith('#')]
        self.assertEqual(r.returncode, 1)
        own = [line for line in lines if 'test_a.py' in line]  # the files run side by side
        self.assertEqual(own, ['not ok - test_a.py: A.test_bad', 'ok - test_a.py: A.test_good',
                               'ok - test_a.py: A.test_not # SKIP reason'])
        self.assertCountEqual([line for line in lines if line not in own],
                              ['not ok - test_b.py: no end after 1 s', 'not ok - test_c.py: exit code 1'])


if __name__ == '__main__':
    unittest.main()
