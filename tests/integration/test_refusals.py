# SPDX-License-Identifier: Apache-2.0
"""Doors that are closed: other sessions, other daemons, JVMs that cannot be attached to, other users."""

import pathlib
import shutil
import subprocess

from harness import DEADLINE, LIBRARY, USER_A, USER_B, IntegrationTest, needs_jdk, read_recordings

NOT_PERMITTED, NOT_SUPPORTED, BUSY, NO_ANSWER = 5, 6, 7, 8


class Refusals(IntegrationTest):
    def jattach(self, jvm, library, options):
        """As somebody else would command async-profiler; returns what it wrote."""
        log = self.directory / "jattach.log"
        subprocess.run(
            ["jattach", str(jvm.pid), "load", str(library), "true", f"{options},log={log},quiet"],
            check=True, capture_output=True, timeout=DEADLINE,
        )
        return log.read_text()

    def assert_refused(self, status, reason, *arguments, **options):
        """Both `run` and `profile` say why, and touch nothing."""
        daemon = self.start_agentd(*arguments, **options)
        self.assertEqual(daemon.wait(), status, str(daemon))
        self.assertRegex(daemon.stderr, reason)
        self.assertEqual(daemon.recordings(), [])
        output = self.directory / "refused"
        output.mkdir()
        output.chmod(0o777)
        done = self.agentd("profile", "-d", "1", "-f", output / "refused.html", *arguments, user=options.get("user"))
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertRegex(done.stderr, reason)
        self.assertEqual(list(output.iterdir()), [])

    def profile_briefly(self, jvm):
        daemon = self.start_agentd(jvm.pid, name="brief").wait_ready()
        daemon.wait_recordings(1)
        self.assert_exit(daemon.stop(), daemon)

    @needs_jdk(17)
    def test_session_of_somebody_else(self):
        jvm = self.start_jvm()
        theirs = self.directory / "theirs.jfr"
        self.jattach(jvm, LIBRARY, f"start,event=cpu,jfr,file={theirs}")
        self.assert_refused(BUSY, "somebody else.*running", jvm.pid)
        self.assertIn("Profiling is running", self.jattach(jvm, LIBRARY, "status"))
        self.jattach(jvm, LIBRARY, "stop")
        self.assertGreater(theirs.stat().st_size, 0)
        self.assert_unharmed(jvm)

    @needs_jdk(17)
    def test_session_of_another_daemon(self):
        jvm = self.start_jvm()
        first = self.start_agentd(jvm.pid).wait_ready()
        first.wait_recordings(1)
        self.assert_refused(BUSY, "somebody else", jvm.pid, name="second", shared=self.directory / "shared-2")
        first.wait_recordings(3)
        self.assert_exit(first.stop(), first)
        self.assert_following(read_recordings(first.recordings()))
        self.assertNotIn("error:", first.stderr)
        self.assertNotIn("warning:", first.stderr)

    @needs_jdk(17)
    def test_second_daemon_with_the_same_shared_directory(self):
        jvm = self.start_jvm()
        first = self.start_agentd(jvm.pid).wait_ready()
        first.wait_log(": profiling")
        second = self.start_agentd(jvm.pid, name="second")
        self.assertEqual(second.wait(), BUSY, str(second))
        self.assertRegex(second.stderr, rf"\b{first.pid}\b")
        self.assert_exit(first.stop(), first)
        self.assertEqual(len(first.recordings()), 1)

    @needs_jdk(17)
    def test_another_copy_of_the_library(self):
        jvm = self.start_jvm()
        other = self.directory / "other" / "libasyncProfiler.so"
        other.parent.mkdir()
        shutil.copy(LIBRARY, other)
        self.jattach(jvm, other, "status")
        self.assert_refused(BUSY, str(other), jvm.pid)
        self.assert_unharmed(jvm)

    @needs_jdk(17)
    def test_attaching_disabled(self):
        jvm = self.start_jvm(options=["-XX:+DisableAttachMechanism"])
        self.assert_refused(NOT_SUPPORTED, "DisableAttachMechanism", jvm.pid)
        self.assert_unharmed(jvm)

    @needs_jdk(17)
    def test_attaching_disabled_without_perf_data(self):
        jvm = self.start_jvm(options=["-XX:+DisableAttachMechanism", "-XX:-UsePerfData"])
        self.assert_refused(NOT_SUPPORTED, "DisableAttachMechanism", jvm.pid)
        self.assert_unharmed(jvm)

    @needs_jdk(25)
    def test_no_sigquit_to_a_jvm_that_does_not_handle_it(self):
        jvm = self.start_jvm(25, options=["-Xrs"])
        # With -Xrs the door is open from the start, and SIGQUIT would kill.
        door = pathlib.Path(f"/tmp/.java_pid{jvm.pid}")
        self.profile_briefly(jvm)
        door.unlink()
        # It cannot be told from one that is still starting up.
        daemon = self.start_agentd(jvm.pid).wait_ready()
        daemon.wait_log("warning:.*-Xrs")
        daemon.stop()
        self.assertEqual(daemon.recordings(), [])
        done = self.agentd("profile", "-d", "1", jvm.pid, cwd=self.directory)
        self.assertEqual(done.returncode, NO_ANSWER, done.stderr)
        self.assertRegex(done.stderr, "-Xrs")
        self.assert_unharmed(jvm)

    @needs_jdk(25)
    def test_dynamic_agents_disabled(self):
        jvm = self.start_jvm(25, options=["-XX:-EnableDynamicAgentLoading"])
        daemon = self.start_agentd(jvm.pid)
        self.assertNotEqual(daemon.wait(), 0)
        self.assertRegex(daemon.stderr, "[Dd]ynamic agent loading is not enabled")
        self.assert_unharmed(jvm)

    @needs_jdk(17)
    def test_native_process(self):
        child = subprocess.Popen(["sleep", str(DEADLINE)])
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        self.assert_refused(NOT_SUPPORTED, "not a JVM", child.pid)

    def make_directory_of(self, user):
        directory = self.directory / f"of-{user}"
        directory.mkdir(mode=0o755)
        shutil.chown(directory, user, user)
        return directory

    @needs_jdk(17)
    def test_user_with_a_jvm_of_its_own(self):
        jvm = self.start_jvm(user=USER_A)
        home = self.make_directory_of(USER_A)
        daemon = self.start_agentd(
            jvm.pid, user=USER_A, shared=home / "shared", **{"local.directory": home / "recordings"}
        )
        daemon.local = home / "recordings"
        daemon.wait_ready()
        daemon.wait_recordings(2)
        self.assert_exit(daemon.stop(), daemon)
        recordings = read_recordings(daemon.recordings())
        for recording in recordings[:-1]:
            self.assert_good(recording)
        self.assert_following(recordings)
        self.assert_unharmed(jvm)

    @needs_jdk(17)
    def test_user_with_a_jvm_of_another(self):
        jvm = self.start_jvm(user=USER_B)
        home = self.make_directory_of(USER_A)
        self.assert_refused(NOT_PERMITTED, f"(user|group) {USER_B}", jvm.pid, user=USER_A, shared=home / "shared",
                            **{"local.directory": home / "recordings"})
        self.assert_unharmed(jvm)
