# SPDX-License-Identifier: Apache-2.0
"""`profile`, for a person at a terminal."""

import os
import pty
import re
import signal
import subprocess
import time

from harness import DEADLINE, PROGRAM, USER_A, IntegrationTest, Process, Recording, needs_jdk, wait_for


def flame_graph_names(html):
    """Each name stands after the number of characters that it shares with the one before, plus 32."""
    pool = re.search(r"^const cpool = \[\n(.*?)\];$", html.read_text(), re.MULTILINE | re.DOTALL).group(1)
    names = [""]
    for packed in re.findall(r"^'(.*)',?$", pool, re.MULTILINE):
        packed = packed.replace("\\'", "'").replace("\\\\", "\\")
        names.append(names[-1][: ord(packed[0]) - 32] + packed[1:])
    return names


class Profile(IntegrationTest):
    def setUp(self):
        super().setUp()
        # Where the JVM's user cannot go.
        self.output = self.directory / "private"
        self.output.mkdir(mode=0o700)

    def assert_burns(self, html):
        self.assertIn("Workload.burnCpu", flame_graph_names(html))

    def profile(self, *arguments, status=0, **options):
        done = self.agentd("profile", *arguments, cwd=self.output, **options)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def start_profile(self, *arguments):
        process = Process([PROGRAM, "profile", *arguments], self.directory, "profile", cwd=self.output)
        self.addCleanup(process.close)
        return process

    def wait_profiling(self, jvm):
        wait_for("profiling", lambda: "running" in self.profiler_status(jvm.pid))

    @needs_jdk(17)
    def test_default_is_a_flame_graph_here(self):
        jvm = self.start_jvm(user=USER_A)
        done = self.profile("-d", "2", jvm.pid)
        (html,) = self.output.iterdir()
        self.assertEqual(html.suffix, ".html")
        self.assertEqual(self.output / done.stdout.strip(), html)
        self.assert_burns(html)
        self.assert_unharmed(jvm)

    @needs_jdk(8, 11, 21, 25)
    def test_flame_graph_of_each_version(self):
        jvms = [self.start_jvm(version, user=USER_A) for version in (8, 11, 21, 25)]
        for jvm in jvms:
            html = self.output / f"{jvm.version}.html"
            self.profile("-d", "1", "-i", "5ms", "-f", html, jvm.pid)
            self.assert_burns(html)
            self.assert_unharmed(jvm)

    @needs_jdk(17)
    def test_formats_by_the_ending(self):
        jvm = self.start_jvm(user=USER_A)
        for name in ("all.jfr", "all.collapsed", "all.txt"):
            self.profile("-d", "1", "-i", "5ms", "-f", name, jvm.pid)
        self.assertGreater(Recording(self.output / "all.jfr").count("jdk.ExecutionSample", "burnCpu"), 0)
        self.assertRegex((self.output / "all.collapsed").read_text(), r"(?m)^.*;Workload\.burnCpu.* \d+$")
        self.assertIn("Workload.burnCpu", (self.output / "all.txt").read_text())
        self.assert_unharmed(jvm)

    @needs_jdk(17)
    def test_duration_takes_units(self):
        jvm = self.start_jvm()
        start = time.monotonic()
        self.profile("--duration=1500ms", "-i", "5ms", "-f", "short.jfr", jvm.pid)
        self.assertLess(time.monotonic() - start, 10)
        self.assertAlmostEqual(Recording(self.output / "short.jfr").seconds, 1.5, delta=0.7)

    @needs_jdk(17)
    def test_ctrl_c_writes_what_there_is(self):
        jvm = self.start_jvm(user=USER_A)
        process = self.start_profile("-d", "1h", "-i", "5ms", "-f", "early.html", jvm.pid)
        self.wait_profiling(jvm)
        time.sleep(1)
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(10), 0, str(process))
        self.assert_burns(self.output / "early.html")
        self.assertIn("not active", self.profiler_status(jvm.pid))
        self.assert_unharmed(jvm)

    @needs_jdk(17)
    def test_target_dies(self):
        jvm = self.start_jvm()
        process = self.start_profile("-d", "1h", "-f", "dead.html", jvm.pid)
        self.wait_profiling(jvm)
        jvm.signal(signal.SIGKILL)
        self.assertNotEqual(process.wait(10), 0)
        self.assertRegex(process.stderr, f"{jvm.pid}")
        html = self.output / "dead.html"
        self.assertFalse(html.exists() and html.stat().st_size == 0)

    @needs_jdk(17)
    def test_frozen_target_is_given_up(self):
        jvm = self.start_jvm()
        with jvm.frozen():
            done = self.profile("-d", "1", jvm.pid, status=8)
        self.assertRegex(done.stderr, f"{jvm.pid}")
        self.assertEqual(list(self.output.iterdir()), [])

    @needs_jdk(17)
    def test_progress_only_on_a_terminal(self):
        jvm = self.start_jvm()
        piped = self.profile("-d", "1", "-f", "piped.html", jvm.pid)
        self.assertNotIn("\r", piped.stdout + piped.stderr)

        master, terminal = pty.openpty()
        child = subprocess.Popen(
            ["setsid", "--ctty", PROGRAM, "profile", "-d", "3", "-f", "shown.html", str(jvm.pid)],
            cwd=self.output, stdin=terminal, stdout=terminal, stderr=terminal,
        )
        os.close(terminal)
        shown = b""
        try:
            while data := os.read(master, 4096):
                shown += data
        except OSError:  # nobody has the terminal any more
            pass
        os.close(master)
        self.assertEqual(child.wait(DEADLINE), 0, shown)
        self.assertRegex(shown.decode(), r"cpu.*\d.*left")
        self.assertIn(b"shown.html", shown)

    @needs_jdk(17)
    def test_words_of_asprof_that_are_gone(self):
        jvm = self.start_jvm()
        for arguments in (["--cstack", "lbr"], ["-o", "dot"], ["check"]):
            with self.subTest(arguments):
                done = self.profile(*arguments, jvm.pid, status=2)
                self.assertIn(arguments[-1], done.stderr)
        self.assert_unharmed(jvm)
