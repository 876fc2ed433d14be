#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The machine that the program runs on, and what it inherits there: a service manager, a shell, a home, a full disk.

Run it with the program as argument or in $BODKIN."""
import json, os, pathlib, re, shutil, signal, socket, subprocess, sys, time

import kit
import test_unread

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

    def test_the_unit_of_a_user_shuts_recv_in(self):
        unit = UNIT.with_name("bodkin-recv.service").read_text()
        self.assertRegex(unit, r"(?m)^Type=notify$")
        self.assertRegex(unit, r"(?m)^ExecStart=/usr/local/bin/bodkin recv --daemon -o %h/Downloads$")
        self.assertRegex(unit, r"(?m)^WantedBy=default.target$")
        if shutil.which("systemd-analyze"):
            r = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=25", str(UNIT.with_name("bodkin-recv.service"))],
                               capture_output=True, text=True, timeout=kit.WAIT)
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

    def test_a_damaged_key_is_named_and_stays(self):
        for content in (b"", b"-----BEGIN PRIVATE KEY-----\nMC4CAQ\n", b"x" * 100000):
            key = self.file("damaged/server.pem", 0)
            key.write_bytes(content)
            for how in (["--show"], ["-l", "127.0.0.1:0"]):
                r = self.run_it("serve", *how, "--state", key.parent)
                self.assertEqual(r.returncode, 7)
                self.assertRegex(r.stderr, r"\Abodkin: cannot [^\n]*damaged/server.pem': it is damaged, or no key; a copy of it helps[^\n]*\n\Z")
            self.assertEqual(key.read_bytes(), content)

    def test_without_a_home_it_says_what_to_do(self):
        self.env = {"PATH": os.environ["PATH"]}
        r = self.run_it("serve", "-l", "127.0.0.1:0")
        self.assertEqual(r.returncode, 2)
        self.assertRegex(r.stderr, r"\Abodkin: cannot serve: there is no home[^\n]* --state DIR\n\Z")

    def test_the_man_page_names_the_ports_and_both_protocols(self):
        text = " ".join((ROOT / "docs/bodkin.1").read_text().split(".SS bodkin serve\n")[1].split())
        self.assertRegex(text, r"TCP and UDP: 15005,.* 15006,")


IN_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
NOBODY = 65534


class Inherited(test_unread.Mute):
    """One table: whatever the program was started with and in, every command does its work there. Memory and config
    are a help: where they cannot be had, that is said once, and the work goes on."""
    unread = []
    COMMANDS = ("send", "recv", "chat", "ping", "nat", "serve", "lab")

    def ignoring(self, number, *words):
        return dict(words=words, before=lambda: signal.signal(number, signal.SIG_IGN), number=number)

    def closed(self, *fds):
        return dict(before=lambda: [os.close(fd) for fd in fds])

    def blocked(self, *names):
        return dict(blocked=names)

    def without_home(self):
        return dict(env={"PATH": os.environ["PATH"]}, said=r"going on without remembering .*there is no home")

    def home_of_somebody_else(self):
        """Readable by its owner alone, and we are another."""
        home = self.root / "home"
        (home / ".config/bodkin").mkdir(parents=True)
        (home / ".config/bodkin/config.ini").write_text("nonsense\n")
        home.chmod(0o700)
        env = {"PATH": os.environ["PATH"], "HOME": str(home)}
        if os.getuid():
            home.chmod(0)
            return dict(env=env, said="going on without")
        return dict(env=env, said="going on without", before=lambda: (os.setgroups([]), os.setgid(NOBODY), os.setuid(NOBODY)))

    def mounted(self, options, then, said):
        home = self.root / "home"
        home.mkdir()
        script = f'mount -t tmpfs -o {options} none "$HOME" && {then} && exec "$@"'
        return dict(words=[*IN_NAMESPACE, "sh", "-c", script, "sh"], env={"PATH": os.environ["PATH"], "HOME": str(home)}, said=said)

    def read_only_home(self):
        return self.mounted("ro,size=1m", "true", "going on without remembering .*known_servers")

    def full_disk(self):
        fill = '{ dd if=/dev/zero of="$HOME/fill" bs=4096 2>/dev/null || true; }'
        return self.mounted("size=64k,nr_inodes=16", fill, "going on without remembering .*known_servers")

    def state_directory(self):
        (self.root / "given").mkdir()
        return dict(env={"PATH": os.environ["PATH"], "STATE_DIRECTORY": str(self.root / "given")}, said="first meeting with server",
                    after=lambda: self.assertIn("127.0.0.1", (self.root / "given/known_servers").read_text()))

    SITUATIONS = {
        "nohup": lambda self: self.ignoring(signal.SIGHUP, "nohup"),
        "SIGHUP ignored": lambda self: self.ignoring(signal.SIGHUP),
        "in the background": lambda self: self.ignoring(signal.SIGINT),
        "SIGTERM ignored": lambda self: self.ignoring(signal.SIGTERM),
        "no standard input": lambda self: self.closed(0),
        "no standard output": lambda self: self.closed(1),
        "no standard error": lambda self: self.closed(2),
        "no standard streams": lambda self: self.closed(0, 1, 2),
        "blocked output": lambda self: self.blocked("stdout"),
        "blocked error": lambda self: self.blocked("stderr"),
        "no home": without_home,
        "somebody else's home": home_of_somebody_else,
        "read-only home": read_only_home,
        "full disk": full_disk,
        "STATE_DIRECTORY": state_directory,
    }

    def launch(self, how, *args):
        """bodkin in this situation, and what is read of it at the end."""
        ends = {name: self.sink("full") for name in how.get("blocked", ())}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {n: w for n, (w, _) in ends.items()}
        p = subprocess.Popen([*how.get("words", ()), kit.BODKIN, *map(str, args)], env=how.get("env", self.env), text=True,
                             stdin=subprocess.DEVNULL, preexec_fn=how.get("before"), **streams)
        p.stdout, p.stderr = p.stdout or open(os.devnull), p.stderr or open(os.devnull)
        self.running.append(p)
        for writer, reader in ends.values():
            os.close(writer)
            self.unread.append(reader)
        return p

    def signal_it(self, p, how):
        """The signal that it was started to ignore, once it waits for the others."""
        if "number" in how:
            others = {signal.SIGTERM, signal.SIGINT} - {how["number"]}
            self.await_caught(p, others.pop())
            p.send_signal(how["number"])

    def ends_well(self, p, how):
        for reader in self.unread:  # the work is done; the last words may go
            self.read_all(reader)
        self.unread.clear()
        code, out, err = self.finish(p)
        self.assertEqual(code, 0, err)
        if "said" in how:
            self.assertEqual(len(re.findall(r"^bodkin: .*" + how["said"], err, re.M)), len(err.splitlines()), err)
            self.assertRegex(err, how["said"])
            self.assertEqual(len(set(err.splitlines())), len(err.splitlines()), err)

    def what_is(self, fd):
        """What a descriptor leads to; one that was closed meanwhile leads nowhere."""
        try:
            return os.readlink(fd)
        except FileNotFoundError:
            return ""

    def first_port(self, pid):
        """The server's first listening port, though it may have nowhere to say it."""
        deadline = time.monotonic() + kit.WAIT
        while time.monotonic() < deadline:
            rows = [row.split() for row in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
            ports = {f"socket:[{r[9]}]": int(r[1].split(":")[1], 16) for r in rows if r[3] == "0A"}
            fds = sorted(pathlib.Path(f"/proc/{pid}/fd").iterdir(), key=lambda fd: int(fd.name))
            mine = [ports[link] for link in map(self.what_is, fds) if link in ports]
            if len(mine) > 1:
                return mine[0]
        self.fail("it does not listen")

    def do_serve(self, how):
        state = self.root / "srv"
        state.mkdir()
        state.chmod(0o777)
        p = self.launch(how, "serve", "-l", "127.0.0.1:0", "--json", "-q", "--state", state)
        port = self.first_port(p.pid)
        self.signal_it(p, how)
        r = self.run_it("nat", "-s", f"127.0.0.1:{port}", "--json")
        self.assertEqual(r.returncode, 0, r.stderr)
        p.send_signal(signal.SIGINT if how.get("number") == signal.SIGTERM else signal.SIGTERM)
        self.ends_well(p, {k: v for k, v in how.items() if k != "said" or "config" in v})

    def do_nat(self, how):
        server, name = self.serve()
        server.send_signal(signal.SIGSTOP)
        p = self.launch(how, "nat", "-s", name.split("#")[0], "--json")
        self.signal_it(p, how)
        server.send_signal(signal.SIGCONT)
        self.ends_well(p, how)

    def do_pair(self, how, args, maker_args):
        """We come with the other side's code: what we say may be heard by nobody."""
        _, name = self.serve()
        maker = self.start(*maker_args, "--json", "-s", name)
        code = self.event(maker, "code")["code"]
        maker.send_signal(signal.SIGSTOP)
        p = self.launch(how, *args, "--json", "-s", name.split("#")[0], *(["--code"] if args[0] == "send" else []), code)
        self.signal_it(p, how)
        maker.send_signal(signal.SIGCONT)
        self.assertEqual(self.finish(maker)[0], 0)
        self.ends_well(p, how)

    def do_send(self, how):
        self.do_pair(how, ["send", self.file()], ["recv", "-o", self.folder_out(), "--overwrite"])

    def do_recv(self, how):
        self.folder_out().chmod(0o777)
        self.do_pair(how, ["recv", "-o", self.folder_out()], ["send", self.file()])

    def do_chat(self, how):
        self.do_pair(how, ["chat"], ["chat"])

    def do_ping(self, how):
        ping = ["ping", "-c", "1", "-i", "0.01"]
        self.do_pair(how, ping, ping)

    def do_lab(self, how):
        """It stands, something runs in it, it can be looked at, it is gone."""
        self.root.chmod(0o1777)
        how = {k: v for k, v in how.items() if k not in ("said", "after")}
        how["env"] = {**how.get("env", self.env), "BODKIN_LAB_DIR": f"{self.root}/labs", "BODKIN_LAB_NAME": f"machine{os.getpid()}"}
        if self.run_it("lab", "probe").returncode:
            self.skipTest("namespaces are forbidden here")
        script = '"$1" lab up full sym && "$1" lab exec a true && "$1" lab status && "$1" lab down'
        how["words"] = [*how.get("words", ()), "sh", "-c", script, "sh"]
        self.ends_well(self.launch(how), how)

    def test_every_command_works_in_every_situation(self):
        for situation, make in self.SITUATIONS.items():
            for command in self.COMMANDS:
                with self.subTest(situation=situation, command=command):
                    self.tearDown()
                    self.setUp()
                    self.root.chmod(0o755)
                    how = make(self)
                    getattr(self, f"do_{command}")(how)
                    if "after" in how and command not in ("serve", "lab"):
                        how["after"]()

    def test_the_server_says_where_its_key_cannot_be_kept(self):
        for make in (Inherited.home_of_somebody_else, Inherited.read_only_home, Inherited.full_disk):
            with self.subTest(make=make.__name__):
                self.tearDown()
                self.setUp()
                self.root.chmod(0o755)
                code, _, err = self.finish(self.launch(make(self), "serve", "-l", "127.0.0.1:0"))
                self.assertEqual(code, 7, err)
                self.assertRegex(err.splitlines()[-1], r"\Abodkin: .*server\.pem.*--state DIR\Z")


class Trust(kit.Case):
    """Who the server is."""

    def test_the_pin_is_said_at_the_first_meeting_and_stands_in_the_line_for_the_other(self):
        _, name = self.serve()
        host, pin = name.split("#")
        for first in (True, False):
            sender = self.start("send", "-s", host, self.file())
            self.assertIn(f"bodkin recv -s {host}#{pin} ", self.line(sender))
            sender.send_signal(signal.SIGTERM)
            err = self.finish(sender)[2]
            self.assertEqual(f"first meeting with server '{host}', whose key is {pin}" in err, first, err)

    def test_a_token_goes_to_no_stranger(self):
        token = self.file("token", 0)
        token.write_text("secret\n")
        _, name = self.serve("--token", token)
        host, pin = name.split("#")
        for args in (["send", self.file()], ["recv", "1-tulip-anchor"], ["ping"], ["nat"]):
            for _ in range(2):  # that it was refused once makes it nobody we know
                r = self.run_it(*args, "-s", host, "--token", token)
                self.assertEqual(r.returncode, 3, r.stderr)
                self.assertRegex(r.stderr, rf"\Abodkin: [^\n]*token[^\n]* -s {host}#{pin}\n\Z")
        known = self.root / "state/bodkin/known_servers"
        known.parent.mkdir(parents=True)
        known.write_text(f"{host} {pin}\n")
        self.assertEqual(self.run_it("nat", "-s", host, "--token", token).returncode, 0)


class Addresses(kit.Case):
    def announced(self, *args):
        """What a server says in a network with a bridge made first, and a way out with both families."""
        script = f"""set -e
            ip link set lo up
            ip link add docker0 type bridge
            ip link add inner type veth peer name container
            ip link set inner master docker0
            ip addr add 172.17.0.1/16 dev docker0
            ip link add eth0 type veth peer name cable
            ip addr add 192.168.7.2/24 dev eth0
            ip -6 addr add 2001:db8:7::2/64 dev eth0 nodad
            for i in inner container docker0 eth0 cable; do ip link set $i up; done
            ip route add default via 192.168.7.1
            for i in docker0 eth0; do
                n=0; until ip link show $i | grep -q 'LOWER_UP.* state UP'; do n=$((n + 1)); test $n -lt 1000; done
            done
            exec "$@" """
        p = subprocess.Popen(["unshare", "--user", "--map-root-user", "--net", "sh", "-c", script, "sh", kit.BODKIN, "serve", "--json",
                              "-q", "--state", str(self.root / "s"), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.running.append(p)
        addresses = self.event(p, "listening")["addresses"]
        p.send_signal(signal.SIGTERM)
        self.assertEqual(self.finish(p)[0], 0)
        return [a.rsplit(":", 1)[0] for a in addresses]

    def test_the_way_out_is_announced_first_and_a_bridge_last(self):
        all_ = self.announced()
        self.assertEqual((all_[0], all_[-1]), ("192.168.7.2", "172.17.0.1"), all_)
        self.assertIn("[2001:db8:7::2]", all_)

    def test_only_what_the_socket_takes_is_announced(self):
        self.assertEqual(self.announced("-l", "0.0.0.0:0"), ["192.168.7.2", "172.17.0.1"])
        self.assertEqual(self.announced("-l", "172.17.0.1:0"), ["172.17.0.1"])
        self.assertEqual(self.announced("-l", "[::]:0"), self.announced())


if __name__ == "__main__":
    sys.exit(kit.main())
