# SPDX-License-Identifier: Apache-2.0
"""`run` on one JVM of each version: recordings without end, each good, each following the one before."""

import signal
import time

from harness import USER_A, IntegrationTest, needs_jdk, read_recordings


class Rotation(IntegrationTest):
    def rotate(self, version, user=0):
        jvm = self.start_jvm(version, user=user)
        daemon = self.start_agentd(jvm.pid).wait_ready()
        # The first turn comes after half an interval to one and a half.
        daemon.wait_recordings(3)
        time.sleep(0.7)  # for samples in the last one, too
        self.assert_exit(daemon.stop(), daemon)
        self.assertIn("STOPPING=1", daemon.notifications())

        recordings = read_recordings(daemon.recordings())
        self.assertGreaterEqual(len(recordings), 4)
        for recording in recordings:
            self.assert_good(recording)
            self.assertEqual(recording.pid, jvm.pid)
        for recording in recordings[1:-1]:
            self.assertAlmostEqual(recording.seconds, 2, delta=0.5)
        self.assert_following(recordings)
        self.assert_unharmed(jvm)
        self.assertEqual(daemon.target_files(), [])
        self.assertEqual(daemon.incomplete(), [])
        self.assertNotIn("error:", daemon.stderr)

    @needs_jdk(8)
    def test_jdk_8_in_a_root_of_its_own(self):
        self.rotate(8, user=USER_A)

    @needs_jdk(11)
    def test_jdk_11(self):
        self.rotate(11)

    @needs_jdk(17)
    def test_jdk_17_of_another_user(self):
        self.rotate(17, user=USER_A)

    @needs_jdk(21)
    def test_jdk_21_of_another_user(self):
        self.rotate(21, user=USER_A)

    @needs_jdk(25)
    def test_jdk_25(self):
        self.rotate(25)

    @needs_jdk(17)
    def test_native_memory_and_allocations(self):
        jvm = self.start_jvm()
        daemon = self.start_agentd("-o", "native_mem=0", "-o", "alloc=64k", jvm.pid).wait_ready()
        daemon.wait_recordings(2)
        self.assert_exit(daemon.stop(), daemon)
        for recording in read_recordings(daemon.recordings()[:2]):
            self.assert_good(recording)
            self.assertRegex(recording.summary, r"profiler\.Malloc +[1-9]")
            self.assertRegex(recording.summary, r"jdk\.ObjectAllocationSample|jdk\.ObjectAllocationInNewTLAB +[1-9]")
        self.assert_unharmed(jvm)

    @needs_jdk(17)
    def test_ctrl_c_brings_the_last_recording_at_once(self):
        jvm = self.start_jvm()
        daemon = self.start_agentd(jvm.pid, reporting_interval="60s").wait_ready()
        daemon.wait_log(": profiling")
        time.sleep(2)
        self.assert_exit(daemon.stop(signal.SIGINT, deadline=10), daemon)
        (recording,) = read_recordings(daemon.recordings())
        self.assert_good(recording)
        self.assertAlmostEqual(recording.seconds, 2, delta=1)
        self.assert_unharmed(jvm)
