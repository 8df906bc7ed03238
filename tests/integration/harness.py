# SPDX-License-Identifier: Apache-2.0
"""Real JVMs, the real daemon, and the JDK's own reader of recordings.

What is needed comes in the environment, from tests/integration/run:
    AGENTD_TEST_PROGRAM   the asprof-agentd to test
    AGENTD_TEST_ROOM      holds libasyncProfiler.so, classes/ and jdk-N/, open to every user, and what tests make
    AGENTD_TEST_JDK8      the root directory that JDK 8 runs in
    ASPROF_AGENTD_LIBRARY the library in the room, for commands without a configuration
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

PROGRAM = os.environ["AGENTD_TEST_PROGRAM"]
ROOM = pathlib.Path(os.environ["AGENTD_TEST_ROOM"])
JDK8_ROOT = os.environ.get("AGENTD_TEST_JDK8", "")
TMP = pathlib.Path("/tmp")  # HotSpot's, whatever TMPDIR says
LIBRARY = ROOM / "libasyncProfiler.so"
IN_ROOT = pathlib.Path(__file__).resolve().parent.parent / "testbed" / "in-root"
JFR_TOOL = "/usr/lib/jvm/java-17-openjdk-{}/bin/jfr".format({"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine])

# Two who are not root: nobody, and one without a name, as in containers, whose JVMs have no perf data.
USER_A, USER_B = 65534, 61002

DEADLINE = 60  # s, for anything that has to happen at all
SANITIZER_REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:")
NANOSECONDS = 10**9


def wait_for(what, condition, deadline=DEADLINE):
    """Asks until the answer is true; returns it."""
    end = time.monotonic() + deadline
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what() if callable(what) else what}")
        time.sleep(0.02)


def needs_jdk(*versions):
    """For tests/integration/run, which can be told to do without some."""

    def mark(method):
        method.jdks = {str(version) for version in versions}
        return method

    return mark


def as_user(user):
    """A command's prefix: as that user, and dying with us."""
    return ["setpriv", "--pdeathsig", "KILL", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


def read_proc(pid, name):
    return pathlib.Path(f"/proc/{pid}/{name}").read_text(errors="replace")


class Process:
    """A child with its output in files; ended and reaped by close() at the latest."""

    def __init__(self, command, directory, name, **options):
        self.stdout_path = directory / f"{name}.stdout"
        self.stderr_path = directory / f"{name}.stderr"
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.child = subprocess.Popen([str(word) for word in command], stdout=out, stderr=err, **options)
        self.pid = self.child.pid

    @property
    def stdout(self):
        return self.stdout_path.read_text(errors="replace")

    @property
    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def signal(self, number):
        self.child.send_signal(number)

    def is_alive(self):
        return self.child.poll() is None

    def wait(self, deadline=DEADLINE):
        """The exit status."""
        try:
            return self.child.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {deadline} s: {self}") from None

    def close(self):
        if self.is_alive():
            self.child.kill()
        self.child.wait(DEADLINE)

    def __str__(self):
        return f"{self.stdout_path.stem}:\n{self.stdout}{self.stderr}"


class Jvm(Process):
    def __init__(self, directory, name, version, workload="mixed", user=0, options=()):
        java = f"{ROOM}/jdk-{version}/bin/java"
        prefix = as_user(user)
        if version == 8:
            java = "java"
            prefix = [IN_ROOT, JDK8_ROOT, ROOM, "--", *prefix]
        elif version == 17:
            java = pathlib.Path(JFR_TOOL).with_name("java")
        # So that nothing in its working directory can help, and what it might leave there is seen.
        cwd = directory / f"{name}.cwd"
        cwd.mkdir()
        os.chown(cwd, user, user)
        command = [*prefix, java, "-Xmx64m", "-XX:+UseSerialGC", *options, "-cp", ROOM / "classes", "Workload", workload]
        super().__init__(command, directory, name, cwd=cwd, stdin=subprocess.PIPE, env={"PATH": os.environ["PATH"]})
        self.version = version
        self.cwd = cwd
        wait_for(lambda: f"a JVM that is ready: {self}", lambda: "ready" in self.stdout or not self.is_alive())
        assert self.is_alive(), f"the JVM did not start: {self}"

    def tell(self, line):
        self.child.stdin.write(line.encode() + b"\n")
        self.child.stdin.flush()

    def close(self):
        super().close()
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.close()
        # What HotSpot cannot remove when it is killed.
        for left in [TMP / f".java_pid{self.pid}", *TMP.glob(f"hsperfdata_*/{self.pid}")]:
            left.unlink(missing_ok=True)

    @contextlib.contextmanager
    def frozen(self):
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def output(self):
        """What it printed apart from what its program prints."""
        return re.sub(r"^ready \d+\n", "", self.stdout) + self.stderr


class Agentd(Process):
    """asprof-agentd run, with systemd's socket and a local reporter of its own."""

    def __init__(self, directory, name, arguments, user=None, shared=None, environment=None, **options):
        self.shared = shared or directory / "shared"
        self.local = directory / f"{name}.recordings"
        self.notified = []
        self.notify_path = directory / f"{name}.notify"
        self.notify_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.notify_socket.bind(str(self.notify_path))
        os.chmod(self.notify_path, 0o777)
        settings = {
            "reporting_interval": "2s",
            "cpu_interval": "10ms",
            "wall_clock_interval": "50ms",
            "library": LIBRARY,
            "shared_directory": self.shared,
            "local.directory": self.local,
        }
        settings.update(options)
        command = [PROGRAM, "run"]
        for key, value in settings.items():
            if value is not None:
                command += ["-o", f"{key}={value}"]
        prefix = ["setpriv", "--pdeathsig", "KILL"] if user is None else as_user(user)
        env = dict(os.environ, NOTIFY_SOCKET=str(self.notify_path), **(environment or {}))
        super().__init__([*prefix, *command, *arguments], directory, name, env=env)

    def notifications(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.notified += self.notify_socket.recv(4096).decode().splitlines()
        return self.notified

    def wait_ready(self):
        wait_for(
            lambda: f"READY=1: {self}", lambda: "READY=1" in self.notifications() or not self.is_alive()
        )
        assert self.is_alive(), f"the daemon ended: {self}"
        return self

    def wait_log(self, text, count=1, deadline=DEADLINE):
        """Until the log contains a regular expression so many times."""
        wait_for(lambda: f"{text!r} {count} times: {self}", lambda: len(re.findall(text, self.stderr)) >= count, deadline)

    def recordings(self):
        """The paths of what was delivered, oldest first."""
        # Of one second: name.jfr, name_2.jfr ...
        def order(path):
            second, _, number = path.stem.partition("_")
            return second, int(number or 1)

        return sorted(self.local.glob("*.jfr"), key=order) if self.local.is_dir() else []

    def wait_recordings(self, count, deadline=DEADLINE):
        wait_for(lambda: f"{count} recordings, there are {len(self.recordings())}: {self}",
                 lambda: len(self.recordings()) >= count, deadline)

    def incomplete(self):
        return sorted((self.shared / "incomplete").glob("*")) if (self.shared / "incomplete").is_dir() else []

    def target_files(self):
        targets = self.shared / "targets"
        return sorted(path for path in targets.rglob("*") if not path.is_dir()) if targets.is_dir() else []

    def stop(self, number=signal.SIGTERM, deadline=DEADLINE):
        """Ends it in order and returns the exit status."""
        self.signal(number)
        return self.wait(deadline)

    def close(self):
        super().close()
        self.notify_socket.close()


Chunk = namedtuple("Chunk", "start end")  # ns since the epoch


def read_chunks(path):
    """By the chunk headers: big-endian, magic, version, then size, constants, metadata, start, duration."""
    chunks = []
    data = path.read_bytes()
    offset = 0
    while offset < len(data):
        magic, size, _, _, start, duration = struct.unpack_from(">4s4xqqqqq", data, offset)
        assert magic == b"FLR\0" and size > 0 and duration > 0, f"{path}: an unfinished chunk at {offset}"
        chunks.append(Chunk(start, start + duration))
        offset += size
    assert offset == len(data), f"{path}: the last chunk does not end with the file"
    return chunks


class Recording:
    """One recording as the JDK's own `jfr` tool reads it."""

    def __init__(self, path):
        self.path = path
        self.chunks = read_chunks(path)
        self.start = self.chunks[0].start
        self.end = self.chunks[-1].end
        self.summary = self._jfr("summary")
        printed = self._jfr(
            "print", "--stack-depth", "64", "--events", "jdk.ExecutionSample,profiler.WallClockSample,jdk.JVMInformation"
        )
        self.events = re.split(r"^(?=[\w.]+ \{$)", printed, flags=re.MULTILINE)
        pid = re.search(r"^  pid = (\d+)", printed, re.MULTILINE)
        assert pid, f"{path}: no jdk.JVMInformation"
        self.pid = int(pid.group(1))

    def _jfr(self, verb, *options):
        command = [JFR_TOOL, "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC", verb, *options, str(self.path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
        assert done.returncode == 0, f"jfr {verb} {self.path}: {done.stdout}{done.stderr}"
        return done.stdout

    def count(self, event, method):
        """How many events of this kind have the method on their stack."""
        return sum(e.startswith(event + " {") and f"Workload.{method}(" in e for e in self.events)

    @property
    def seconds(self):
        return (self.end - self.start) / NANOSECONDS


def read_recordings(paths):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(Recording, paths))


class IntegrationTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=ROOM))
        # All users come through here; who may do what is up to what lies in it.
        self.directory.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.directory)
        self.shared = self.directory / "shared"
        self.daemons = []

    def start_jvm(self, version=17, name=None, **options):
        jvm = Jvm(self.directory, name or f"jvm-{version}", version, **options)
        self.addCleanup(jvm.close)
        return jvm

    def start_agentd(self, *arguments, name="agentd", **options):
        daemon = Agentd(self.directory, name, arguments, **options)
        self.daemons.append(daemon)
        self.addCleanup(daemon.close)
        return daemon

    def agentd(self, *arguments, user=None, deadline=DEADLINE, **options):
        """Runs a command to its end."""
        prefix = [] if user is None else as_user(user)
        command = [*prefix, PROGRAM, *arguments]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=deadline, **options)
        self.assertNotRegex(done.stderr, SANITIZER_REPORT)
        return done

    def list_json(self, *arguments):
        done = self.agentd("list", "--json", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def profiler_status(self, pid):
        done = self.agentd("profile", "status", pid)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def tearDown(self):
        for daemon in self.daemons:
            self.assertNotRegex(daemon.stderr, SANITIZER_REPORT)

    def assert_exit(self, status, process):
        self.assertEqual(status, 0, f"{process}")

    def assert_good(self, recording):
        """Carries samples of both kinds, unless it is too short for them: then that it parses must do."""
        if recording.seconds < 1:
            return
        self.assertGreater(recording.count("jdk.ExecutionSample", "burnCpu"), 0, recording.summary)
        self.assertGreater(recording.count("profiler.WallClockSample", "waitIdle"), 0, recording.summary)

    def assert_following(self, recordings, gap=0.1):
        """Their periods follow one another, none overlapping."""
        for one, next_one in zip(recordings, recordings[1:]):
            between = (next_one.start - one.end) / NANOSECONDS
            self.assertTrue(0 <= between < gap, f"{between:.3f} s between {one.path.name} and {next_one.path.name}")

    def assert_unharmed(self, jvm):
        self.assertTrue(jvm.is_alive(), str(jvm))
        self.assertEqual(jvm.output(), "")
        self.assertEqual(list(jvm.cwd.iterdir()), [])
        self.assertFalse(os.path.exists(f"/proc/{jvm.pid}/root/tmp/.attach_pid{jvm.pid}"))
