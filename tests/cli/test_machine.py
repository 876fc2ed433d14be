#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The machine that the program runs on, and what it inherits there: a service manager, a shell, a home, a full disk.

Run it with the program as argument or in $BODKIN."""
import json, os, pathlib, re, shutil, signal, socket, subprocess, sys, time, unittest

import test_cli as kit

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
UNIT = ROOT / "packaging/systemd/bodkin.service"


class Service(kit.Case):
    """bodkin serve as a service: a unit that shuts it in, a manager that is told, a folder that it was given."""

    def setting(self, name):
        return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.M)

    def manager(self, name):
        """A service manager's end: the socket, and the environment of what it starts, without a home."""
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        end.bind("\0" + name[1:] if name[0] == "@" else name)
        end.settimeout(kit.WAIT)
        self.addCleanup(end.close)
        (self.root / "given").mkdir(exist_ok=True)
        self.env = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": name, "STATE_DIRECTORY": f"{self.root}/given:/nowhere"}
        return end

    def test_the_unit_shuts_the_service_in(self):
        self.assertEqual(self.setting("Type"), ["notify"])
        self.assertEqual(self.setting("StateDirectory"), ["bodkin"])
        self.assertLessEqual(int(self.setting("TimeoutStopSec")[0]), 3)
        self.assertTrue(self.setting("LimitNOFILE") and self.setting("MemoryMax") and self.setting("TasksMax"))
        self.assertIn("AF_NETLINK", self.setting("RestrictAddressFamilies")[0])
        if not shutil.which("systemd-analyze"):
            return
        r = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=15", str(UNIT)], capture_output=True,
                           text=True, timeout=kit.WAIT)
        self.assertEqual(r.returncode, 0, r.stdout[-300:] + r.stderr)

    def test_the_manager_is_told_when_it_is_ready_and_when_it_stops(self):
        command = self.setting("ExecStart")[0].split()
        self.assertTrue(os.path.isabs(command[0]))
        for name in (str(self.root / "notify"), f"@{self.root}"):
            with self.subTest(name=name):
                end = self.manager(name)
                server = self.start(*command[1:], "-l", "127.0.0.1:0", "--json")
                self.assertEqual(end.recv(100), b"READY=1")
                e = self.event(server, "listening")
                self.assertTrue((self.root / "given/server.pem").exists())
                host, _, port = e["address"].rpartition(":")
                with socket.create_connection((host, int(port)), kit.WAIT):
                    begin = time.monotonic()
                    server.send_signal(signal.SIGTERM)
                    self.assertEqual(end.recv(100), b"STOPPING=1")
                    self.assertEqual(self.finish(server)[0], 0)
                    self.assertLess(time.monotonic() - begin, 3)

    def test_a_manager_that_is_not_there_is_no_trouble(self):
        for name in (str(self.root / "gone"), "relative", "@gone", "/" + "x" * 200):
            self.env["NOTIFY_SOCKET"] = name
            server, _ = self.serve()
            server.send_signal(signal.SIGTERM)
            self.assertEqual(self.finish(server)[0], 0)

    def test_pin_and_line_can_be_seen_later(self):
        server, name = self.serve()
        pin = name.split("#")[1]
        state = ["--state", self.root / "server"]
        r = self.run_it("serve", "--show", *state)
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        self.assertRegex(r.stdout, rf"bodkin send -s \S+:15005#{pin} FILE\n")
        r = self.run_it("serve", "--show", *state, "-q", "-l", "127.0.0.1:7777")
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, f"127.0.0.1:7777#{pin}\n", ""))
        r = self.run_it("serve", "--show", *state, "--json")
        self.assertEqual(json.loads(r.stdout)["pin"], pin)

    def test_without_a_key_there_is_nothing_to_show_and_nothing_is_made(self):
        r = self.run_it("serve", "--show", "--state", self.root / "none")
        self.assertEqual((r.returncode, r.stdout), (7, ""))
        self.assertRegex(r.stderr, r"\Abodkin: cannot show [^\n]*none/server.pem[^\n]*--state[^\n]*\n\Z")
        self.assertFalse((self.root / "none").exists())

    def test_without_a_home_it_says_what_to_do(self):
        self.env = {"PATH": os.environ["PATH"]}
        r = self.run_it("serve", "-l", "127.0.0.1:0")
        self.assertEqual(r.returncode, 2)
        self.assertRegex(r.stderr, r"\Abodkin: cannot serve: there is no home[^\n]* --state DIR\n\Z")

    def test_the_man_page_names_the_ports_and_both_protocols(self):
        text = " ".join((ROOT / "docs/bodkin.1").read_text().split(".SS bodkin serve\n")[1].split())
        self.assertRegex(text, r"TCP and UDP: 15005,.* 15006,")


if __name__ == "__main__":
    sys.exit(kit.main())
