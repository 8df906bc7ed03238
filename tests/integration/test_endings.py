# SPDX-License-Identifier: Apache-2.0
"""Targets that freeze, exit or are killed, and daemons that are."""

import signal
import time

from harness import NANOSECONDS, USER_A, USER_B, IntegrationTest, needs_jdk, read_recordings, wait_for


class Endings(IntegrationTest):
    @needs_jdk(8, 25)
    def test_one_frozen_then_killed_and_the_other_keeps_its_rhythm(self):
        steady = self.start_jvm(25, user=USER_A)
        unlucky = self.start_jvm(8, user=USER_B)
        daemon = self.start_agentd(steady.pid, unlucky.pid, command_timeout="1s").wait_ready()
        daemon.wait_recordings(2)

        with unlucky.frozen():
            time.sleep(5)
            daemon.wait_log(f"warning: process {unlucky.pid}")
        daemon.wait_recordings(len(daemon.recordings()) + 5)

        unlucky.signal(signal.SIGKILL)
        daemon.wait_log(f"process {unlucky.pid}.*the process has ended")
        daemon.wait_log(f"process {unlucky.pid}.*incomplete")
        self.assertEqual(len(daemon.incomplete()), 1)
        daemon.wait_recordings(len(daemon.recordings()) + 2)
        self.assert_exit(daemon.stop(), daemon)
        self.assertRegex(daemon.stderr, r"\b1 incomplete")

        recordings = read_recordings(daemon.recordings())
        for recording in recordings:
            if recording.seconds >= 1:  # the last ones may be too short for samples
                self.assertGreater(recording.count("profiler.WallClockSample", "waitIdle"), 0)
        of_steady = [r for r in recordings if r.pid == steady.pid]
        of_unlucky = [r for r in recordings if r.pid == unlucky.pid]
        self.assert_following(of_steady)
        for recording in of_steady[1:-1]:
            self.assertAlmostEqual(recording.seconds, 2, delta=0.5)
        self.assert_following(of_unlucky, gap=10)
        # The one during which it was frozen covers the longer time.
        self.assertGreater(max(r.seconds for r in of_unlucky), 4)
        self.assert_unharmed(steady)

    def see_end(self, version, end):
        jvm = self.start_jvm(version, user=USER_A)
        daemon = self.start_agentd(jvm.pid).wait_ready()
        daemon.wait_recordings(1)
        time.sleep(0.5)
        ended = time.time()
        end(jvm)
        jvm.wait()
        # Without targets there is nothing left to do.
        self.assert_exit(daemon.wait(), daemon)
        recordings = read_recordings(daemon.recordings())
        self.assertGreaterEqual(len(recordings), 2)
        for recording in recordings:
            self.assert_good(recording)
        self.assert_following(recordings)
        self.assertAlmostEqual(recordings[-1].end / NANOSECONDS, ended, delta=1)
        self.assertEqual(daemon.target_files(), [])
        self.assertEqual(daemon.incomplete(), [])
        self.assertEqual(jvm.output(), "")

    @needs_jdk(17)
    def test_system_exit(self):
        self.see_end(17, lambda jvm: jvm.tell("exit"))

    @needs_jdk(21)
    def test_return_from_main(self):
        self.see_end(21, lambda jvm: jvm.tell("return"))

    @needs_jdk(11)
    def test_sigterm_to_the_jvm(self):
        self.see_end(11, lambda jvm: jvm.signal(signal.SIGTERM))

    @needs_jdk(17)
    def test_killed_daemon_leaves_no_profiler_behind(self):
        jvm = self.start_jvm()
        daemon = self.start_agentd(jvm.pid, reporting_interval="1s").wait_ready()
        daemon.wait_recordings(1)
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        self.assertRegex(self.profiler_status(jvm.pid), "running")
        # The session's timeout: two intervals and a little.
        wait_for("the profiler's own end", lambda: "not active" in self.profiler_status(jvm.pid), 15)

        second = self.start_agentd(jvm.pid, name="second").wait_ready()
        second.wait_recordings(1)
        self.assert_exit(second.stop(), second)
        for recording in read_recordings(second.recordings()[:-1]):
            self.assert_good(recording)
        self.assert_unharmed(jvm)

    @needs_jdk(17)
    def test_frozen_jvm_does_not_keep_the_daemon(self):
        jvm = self.start_jvm()
        daemon = self.start_agentd(jvm.pid, command_timeout="1s", stop_timeout="3s").wait_ready()
        daemon.wait_recordings(1)
        with jvm.frozen():
            self.assertNotEqual(daemon.stop(deadline=10), 0)
            self.assertRegex(daemon.stderr, f"process {jvm.pid}.*stop_timeout")
        self.assertTrue(jvm.is_alive())
        wait_for("the profiler's own end", lambda: "not active" in self.profiler_status(jvm.pid), 20)
        self.assertEqual(jvm.output(), "")

    @needs_jdk(17)
    def test_second_signal_ends_at_once(self):
        jvm = self.start_jvm()
        daemon = self.start_agentd(jvm.pid, stop_timeout="60s").wait_ready()
        daemon.wait_recordings(1)
        with jvm.frozen():
            daemon.signal(signal.SIGTERM)
            daemon.wait_log(": ending")
            self.assertNotEqual(daemon.stop(deadline=5), 0)

    @needs_jdk(17)
    def test_target_that_is_gone(self):
        jvm = self.start_jvm()
        jvm.close()
        daemon = self.start_agentd(jvm.pid)
        self.assertEqual(daemon.wait(), 4, daemon.stderr)
        self.assertRegex(daemon.stderr, f"process {jvm.pid}")
