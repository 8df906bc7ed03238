# SPDX-License-Identifier: Apache-2.0
"""Reports that fail, and what a daemon that was killed left behind."""

import signal
import subprocess

from harness import IntegrationTest, needs_jdk, read_recordings, wait_for


class Delivery(IntegrationTest):
    def spooled(self):
        return list((self.shared / "spool").glob("[0-9a-f]*"))

    def mount_small_disk(self):
        disk = self.directory / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        return disk

    @needs_jdk(17)
    def test_full_disk(self):
        disk = self.mount_small_disk()
        ballast = disk / "ballast"
        jvm = self.start_jvm()
        daemon = self.start_agentd(jvm.pid, **{"local.directory": disk / "recordings", "local.free_space_floor": 0})
        daemon.local = disk / "recordings"
        daemon.wait_ready()
        daemon.wait_recordings(1)

        with self.assertRaises(OSError), open(ballast, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        wait_for("two recordings that wait", lambda: len(self.spooled()) >= 2)
        self.assertRegex(daemon.stderr, "error:.*(space|full)")
        delivered = len(daemon.recordings())
        ballast.unlink()

        daemon.wait_recordings(delivered + 3)
        self.assert_exit(daemon.stop(), daemon)
        self.assertEqual(self.spooled(), [])
        recordings = read_recordings(daemon.recordings())
        for recording in recordings[:-1]:  # the last one may be too short for samples
            self.assert_good(recording)
        self.assert_following(recordings)
        self.assertEqual([path.name for path in disk.rglob(".*")], [])
        self.assert_unharmed(jvm)

    @needs_jdk(17)
    def test_retention(self):
        jvm = self.start_jvm()
        daemon = self.start_agentd(jvm.pid, reporting_interval="1s", **{"local.keep_count": 2}).wait_ready()
        daemon.wait_log("recorded", 4)
        self.assert_exit(daemon.stop(), daemon)
        kept = read_recordings(daemon.recordings())
        self.assertEqual(len(kept), 2)
        self.assert_following(kept)

    @needs_jdk(17)
    def test_next_daemon_delivers_what_the_killed_one_could_not(self):
        # Smaller than what local.free_space_floor wants free.
        disk = self.mount_small_disk()
        jvm = self.start_jvm()
        daemon = self.start_agentd(jvm.pid, **{"local.directory": disk / "recordings"})
        daemon.wait_log("recorded", 2)
        daemon.wait_log("error:.*free")
        daemon.signal(signal.SIGKILL)
        daemon.wait()
        waiting = len(self.spooled())
        self.assertGreaterEqual(waiting, 2)
        jvm.close()

        other = self.start_jvm(name="other")
        second = self.start_agentd(other.pid, name="second").wait_ready()
        second.wait_recordings(waiting)
        self.assert_exit(second.stop(), second)
        of_first = [r for r in read_recordings(second.recordings()) if r.pid == jvm.pid]
        self.assertEqual(len(of_first), waiting)
        self.assert_following(of_first)
        self.assertEqual(self.spooled(), [])
