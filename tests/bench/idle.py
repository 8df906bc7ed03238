#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the daemon costs between ticks: wakeups in a quiet minute, and anonymous memory by number of targets.

    idle.py AGENTD LIBRARY TARGETS[,TARGETS...] JAVA-COMMAND...
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

INTERVAL = 600  # s: no tick falls into the time that is watched


def anonymous_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            if line.startswith("Anonymous:"):
                return int(line.split()[1])
    raise RuntimeError("no Anonymous: in smaps_rollup")


def wakeups(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            total += sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)
    return total


def start_jvms(command, n):
    jvms = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(n)]
    for jvm in jvms:
        while b"ready" not in jvm.stdout.readline():
            if jvm.poll() is not None:
                sys.exit("a JVM did not get ready")
    return jvms


def measure(agentd, library, n, command, watch):
    jvms = start_jvms(command, n)
    with tempfile.TemporaryDirectory() as shared:
        os.chmod(shared, 0o755)
        log = open(os.path.join(shared, "log"), "w+")
        arguments = [agentd, "run", "-o", f"reporting_interval={INTERVAL}s", "-o", f"library={library}",
                     "-o", f"shared_directory={shared}/s"] + [str(jvm.pid) for jvm in jvms]
        daemon = subprocess.Popen(arguments, stderr=log)
        deadline = time.monotonic() + 60 + n
        while True:
            log.seek(0)
            if log.read().count(": profiling") >= n:
                break
            if daemon.poll() is not None or time.monotonic() > deadline:
                log.seek(0)
                sys.exit("the daemon does not profile all: " + log.read())
            time.sleep(0.1)
        time.sleep(2)
        before = wakeups(daemon.pid)
        time.sleep(watch)
        result = (anonymous_kib(daemon.pid), wakeups(daemon.pid) - before)
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)
    for jvm in jvms:
        jvm.kill()
        jvm.wait()
    return result


def main():
    agentd, library, counts, command = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    first = None
    for n in (int(c) for c in counts.split(",")):
        watch = 60 if n == 1 else 10
        kib, woken = measure(agentd, library, n, command, watch)
        print(f"| {n} targets: anonymous memory, KiB | {kib} |")
        print(f"| {n} targets: context switches in {watch} s between ticks | {woken} |", flush=True)
        if first is None:
            first = (n, kib)
        else:
            print(f"| growth for each further target, KiB | {(kib - first[1]) / (n - first[0]):.1f} |")


main()
