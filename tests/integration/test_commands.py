# SPDX-License-Identifier: Apache-2.0
"""`list`, `check-config`, `run`'s ways to be configured, and words that are not known."""

import os
import subprocess

from harness import DEADLINE, LIBRARY, PROGRAM, USER_A, USER_B, IntegrationTest, needs_jdk

USAGE, CONFIG = 2, 3


class Commands(IntegrationTest):
    @needs_jdk(8, 17, 25)
    def test_list(self):
        jvms = {
            version: self.start_jvm(version, user=user, workload="idle")
            for version, user in ((8, USER_A), (17, USER_A), (25, USER_B))
        }
        closed = self.start_jvm(17, name="closed", workload="idle", options=["-XX:+DisableAttachMechanism"])
        listed = {entry["pid"]: entry for entry in self.list_json()}
        for version, jvm in jvms.items():
            entry = listed[jvm.pid]
            self.assertEqual(entry["kind"], "HotSpot")
            self.assertRegex(entry["version"], rf"^{version}\b|^8u")
            self.assertTrue(entry["profilable"])
            self.assertIn("Workload", entry["command"])
        text = self.agentd("list")
        self.assertEqual(text.returncode, 0)
        for jvm in jvms.values():
            self.assertRegex(text.stdout, rf"(?m)^ *{jvm.pid} .*HotSpot.*Workload")
        self.assertRegex(self.agentd("list", "-a").stdout, rf"(?m)^ *{closed.pid} .*DisableAttachMechanism")
        self.assertIn(os.getpid(), {entry["pid"] for entry in self.list_json("-a")})

    def write_configuration(self, text):
        path = self.directory / "agentd.conf"
        path.write_text(text)
        return path

    def test_check_config_names_file_line_and_key(self):
        for line, expected in (
            ('reporting_interval = "30 parsecs";', "reporting_interval"),
            ('cpu_interval = "-1s";', "cpu_interval"),
            ('local = { directory = "relative"; };', "local.directory"),
            ('reporting_intervall = "30s";', "reporting_interval"),
            ('event = "cpu,file=/etc/passwd";', "event"),
            ('alloc = "99999999999999999999g";', "alloc"),
        ):
            with self.subTest(line):
                path = self.write_configuration(f"# a comment\n\n{line}\n")
                done = self.agentd("check-config", path)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(f"{path}:3: ", done.stderr)
                self.assertIn(expected, done.stderr)

    def test_check_config_shows_where_a_setting_is_from(self):
        path = self.write_configuration('reporting_interval = "7s";\ncpu_interval = "8ms";\nwall_clock_interval = "9ms";\n')
        environment = dict(
            os.environ, ASPROF_AGENTD_LIBRARY=str(LIBRARY), ASPROF_AGENTD_CPU_INTERVAL="80ms",
            ASPROF_AGENTD_WALL_CLOCK_INTERVAL="90ms",
        )
        done = self.agentd("check-config", path, "-o", "wall_clock_interval=900ms", env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, rf'(?m)^reporting_interval\b.*7s.*{path}:1')
        self.assertRegex(done.stdout, r"(?m)^cpu_interval\b.*80ms.*ASPROF_AGENTD_CPU_INTERVAL")
        self.assertRegex(done.stdout, r"(?m)^wall_clock_interval\b.*900ms.*command line")
        self.assertRegex(done.stdout, r"(?m)^event\b.*cpu.*default")

    def test_configuration_that_others_can_write(self):
        path = self.write_configuration('reporting_interval = "7s";\n')
        path.chmod(0o666)
        done = self.agentd("check-config", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(path), done.stderr)

    def test_run_refuses_wrong_settings(self):
        for setting in ("reporting_interval=soon", "reporting_intervall=1s", "no_value", "event=cpu,jfr"):
            with self.subTest(setting):
                done = self.agentd("run", "-o", setting, os.getpid())
                self.assertIn(done.returncode, (USAGE, CONFIG))
                self.assertIn(setting.split("=")[0], done.stderr)

    @needs_jdk(17)
    def test_run_by_file_alone(self):
        jvm = self.start_jvm()
        path = self.write_configuration(
            f'reporting_interval = "1s";\ntargets = [ {jvm.pid} ];\nlibrary = "{LIBRARY}";\n'
            f'shared_directory = "{self.shared}";\nlocal = {{ directory = "{self.directory}/by-file"; }};\n'
        )
        daemon = self.start_agentd("-c", path, **dict.fromkeys(
            ("reporting_interval", "cpu_interval", "wall_clock_interval", "library", "shared_directory", "local.directory")
        ))
        daemon.local = self.directory / "by-file"
        daemon.wait_ready()
        daemon.wait_recordings(2)
        self.assert_exit(daemon.stop(), daemon)

    def test_words_that_are_not_known(self):
        for arguments, nearest in (
            (["runn"], "run"),
            (["lst"], "list"),
            (["run", "--confg", "x"], "--config"),
            (["list", "--jsn"], "--json"),
            (["profile", "--durration", "3"], "--duration"),
        ):
            with self.subTest(arguments):
                done = self.agentd(*arguments)
                self.assertEqual(done.returncode, USAGE, done.stderr)
                self.assertIn(f"'{nearest}'", done.stderr)

    def test_help_and_version(self):
        for command in ([], ["run"], ["profile"], ["list"], ["check-config"]):
            with self.subTest(command):
                helped = self.agentd(*command, "--help")
                self.assertEqual(helped.returncode, 0)
                self.assertIn("Usage", helped.stdout)
                version = self.agentd(*command, "--version")
                self.assertEqual(version.returncode, 0)
                self.assertRegex(version.stdout, r"^asprof-agentd \d+\.\d+\.\d+\n")

    def test_output_that_nobody_reads(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, "list", "-a"], stdout=full, stderr=subprocess.PIPE, timeout=DEADLINE)
        self.assertNotEqual(done.returncode, 0)
