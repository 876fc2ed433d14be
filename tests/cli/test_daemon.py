#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bodkin recv --daemon: one's own devices hand it files, as programs and at a terminal.

Run it with the program as argument or in $BODKIN; who hands over is examples/hand_over beside it."""
import concurrent.futures, json, os, pathlib, re, signal, socket, subprocess, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "examples"))

import terminal  # noqa: E402
import kit  # noqa: E402


class Daemon(kit.Case):
    """anna's machine takes, others hand over. All have one server and one invite."""

    def setUp(self):
        super().setUp()
        self.addCleanup(terminal.kill_all)
        self.env["NO_COLOR"] = "1"
        _, self.server = self.serve()
        for name in ("anna", "bert", "carl", "eve"):
            (self.root / name).mkdir()
        self.give = str(pathlib.Path(kit.BODKIN).resolve().parent / "examples/hand_over")
        first = self.hand("anna", "maker", None)
        self.invite = re.search(r" ([a-z]+(-[a-z]+){6}) maker FILE$", self.line(first))[1]
        first.send_signal(signal.SIGINT)
        self.finish(first)
        self.state("anna")

    def state(self, name):
        folder = self.root / "state" / "bodkin"
        folder.mkdir(parents=True)
        path = folder / "devices.json"
        path.write_text(json.dumps({"version": 1, "invite": self.invite, "server": self.server, "name": name, "known": []}))
        path.chmod(0o600)

    def hand(self, folder, name, file, to="anna"):
        """Somebody with the key in that folder, who is called so."""
        more = [self.invite, to, str(file)] if file else []
        p = subprocess.Popen([self.give, self.server, name, str(self.root / folder), *more], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env=self.env, stdin=subprocess.DEVNULL)
        self.running.append(p)
        return p

    def long(self, name):
        """A pipe that never ends, and is in no hurry."""
        path = self.root / name
        os.mkfifo(path)
        feed = subprocess.Popen(["sh", "-c", 'exec > "$1"; while head -c 65536 /dev/zero; do sleep 0.02; done 2>/dev/null', "sh", path])
        self.addCleanup(feed.wait)
        self.addCleanup(feed.kill)
        return path

    def daemon(self, *args):
        p = self.start("recv", "--daemon", "--json", "-o", self.folder_out(), *args)
        self.event(p, "room")
        return p

    def event_of(self, p, name, who):
        while (e := self.event(p, name)).get("from") != who:
            pass
        return e

    def stop(self, daemon):
        daemon.send_signal(signal.SIGTERM)
        code, out, err = self.finish(daemon)
        self.assertEqual(code, 0, err)
        return out, err

    def test_it_takes_from_those_named_and_tells_the_others_no(self):
        daemon = self.daemon("--from", "bert")
        for i in range(2):
            sender = self.hand("bert", "bert", self.file("bert/notes", 300000))
            self.assertEqual(self.finish(sender)[::2], (0, ""))
            done = self.event_of(daemon, "done", "bert")
            self.assertEqual((done["bytes"], pathlib.Path(done["paths"][0]).name), (300000, ("notes", "notes-1")[i]))
        code, _, err = self.finish(self.hand("carl", "carl", self.file("carl/other", 10)))
        self.assertEqual(code, 1)
        self.assertIn("anna declined what was offered", err)
        error = self.event_of(daemon, "error", "carl")
        self.assertEqual(error["code"], "declined")
        self.assertEqual(sorted(p.name for p in self.folder_out().iterdir()), ["notes", "notes-1"])
        self.assertIn("from carl: declined, for nobody is here to ask; --from 'carl' takes it", self.stop(daemon)[1])

    def test_what_lost_its_x_bits_is_told(self):
        run = self.file("bert/run", 10)
        run.chmod(0o755)
        for more, mode, times in ((), 0, 1), (("--executable",), 0o111, 0):
            daemon = self.start("recv", "--daemon", "--yes", "--conflict", "overwrite", "-o", self.folder_out(), *more)
            self.assertEqual(self.finish(self.hand("bert", "bert", run))[0], 0)
            err = "".join(self.stop(daemon))
            self.assertEqual((self.folder_out() / "run").stat().st_mode & 0o111, mode)
            self.assertEqual(err.count("What was executable came from bert without its x bits; --executable keeps them"), times, err)

    def test_many_at_once_all_arrive_and_one_that_breaks_off_harms_nobody(self):
        daemon = self.daemon("--yes", "--conflict", "overwrite")
        broken = self.hand("eve", "eve", self.long("eve/long"))
        self.event_of(daemon, "progress", "eve")
        broken.kill()
        senders = [self.hand(w, w, self.file(f"{w}/{w}{i}", 200000)) for i in range(7) for w in ("bert", "carl")]
        with concurrent.futures.ThreadPoolExecutor(len(senders)) as pool:
            for code, _, err in pool.map(self.finish, senders):
                self.assertEqual((code, err), (0, ""))
        taken, broke = set(), set()
        while len(taken) < len(senders) or not broke:
            e = json.loads(self.line(daemon))
            if e["event"] == "done":
                taken.add(e["from"] + pathlib.Path(e["paths"][0]).name[-1])
            elif e["event"] == "error":
                broke.add(e["from"])
        self.assertEqual((taken, broke), ({f"{w}{i}" for i in range(7) for w in ("bert", "carl")}, {"eve"}))
        for w in ("bert", "carl"):
            for i in range(7):
                self.assertEqual((self.folder_out() / f"{w}{i}").stat().st_size, 200000)
        self.stop(daemon)
        names = {p.name for p in self.folder_out().iterdir()}  # what broke off is kept for the next time, with its journal
        self.assertEqual(len([n for n in names if not n.endswith((".part", ".journal"))]), 14)
        self.assertLessEqual(len(names), 16)

    def test_somebody_elses_key_under_a_known_name_is_refused(self):
        daemon = self.daemon("--yes")
        self.assertEqual(self.finish(self.hand("bert", "bert", self.file("bert/a", 10)))[0], 0)
        self.event_of(daemon, "done", "bert")
        impostor = self.hand("eve", "bert", self.file("eve/b", 10))
        code, _, err = self.finish(impostor)
        self.assertEqual(code, 1)
        self.assertIn("declined", err)
        self.assertEqual([p.name for p in self.folder_out().iterdir()], ["a"])
        self.assertIn("bodkin devices forget bert", self.stop(daemon)[1])

    def test_the_manager_is_told_and_who_sends_hears_of_the_end(self):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(end.close)
        end.bind(str(self.root / "notify"))
        end.settimeout(kit.WAIT)
        self.env["NOTIFY_SOCKET"] = str(self.root / "notify")
        daemon = self.daemon("--yes")
        self.assertEqual(end.recv(100), b"READY=1")
        sender = self.hand("bert", "bert", self.long("bert/long"))
        self.event_of(daemon, "progress", "bert")
        self.stop(daemon)
        self.assertEqual(end.recv(100), b"STOPPING=1")
        code, _, err = self.finish(sender)
        self.assertEqual(code, 1)
        self.assertIn("anna cancelled", err)
        self.assertNotIn("long", os.listdir(self.folder_out()))

    def at_terminal(self, *args):
        command = ["/bin/sh", "-c", 'cd "$1"; shift; exec "$@"', "sh", self.folder_out(), kit.BODKIN, "recv", "--daemon", *args]
        return terminal.Terminal(list(map(str, command)), 80, self.env)

    def test_it_goes_when_its_machine_goes_to_another_group(self):
        daemon = self.daemon("--yes")
        other = self.start("devices", "new", "--replace", "-s", self.server, "--json")
        self.assertEqual(self.finish(other)[0], 0)
        code, _, err = self.finish(daemon)
        self.assertEqual(code, 1)
        self.assertIn("bodkin: this machine has gone to another group of devices; start it again for that one", err)

    def test_a_person_is_asked_about_one_after_the_other(self):
        me = self.at_terminal("--from", "carl")
        me.wait_for(["Here as anna: takes what carl sends, else asks", ""])
        first = self.hand("bert", "bert", self.file("bert/first", 10))
        me.wait_for(["Offered by bert: first (10 bytes)", "Take it from bert? [Y/n]"])
        second = self.hand("eve", "eve", self.file("eve/second", 10))
        me.wait_for(["Offered by eve: second (10 bytes)", "Take it from bert? [Y/n]"])
        third = self.hand("carl", "carl", self.file("carl/third", 10))
        self.assertEqual(self.finish(third)[0], 0)
        me.type("y\r")
        while "Received from bert: first" not in "\n".join(me.screen.text()):
            me.feed(os.read(me.fd, 4096))
        self.assertEqual(self.finish(first)[0], 0)
        me.wait_for(["Take it from eve? [Y/n]"])
        me.type("n\r")
        code, _, err = self.finish(second)
        self.assertEqual(code, 1)
        self.assertIn("declined", err)
        gone = self.hand("eve", "eve", self.file("eve/gone", 10))
        me.wait_for(["Offered by eve: gone (10 bytes)", "Take it from eve? [Y/n]"])
        gone.send_signal(signal.SIGKILL)
        while "from eve:" not in "\n".join(me.screen.text()[-4:]):
            me.feed(os.read(me.fd, 4096))
        me.type("\x03")
        self.assertEqual(me.end(), 0, me.screen.text())
        self.assertEqual(sorted(p.name for p in self.folder_out().iterdir()), ["first", "third"])

    def test_those_who_are_asked_about_do_not_keep_out_who_is_trusted(self):
        me = self.at_terminal("--from", "bert")
        me.wait_for(["Here as anna: takes what bert sends, else asks", ""])
        for who in ("carl", "eve"):
            for i in range(4):
                self.hand(who, who, self.file(f"{who}/{i}", 10))
        while "\n".join(me.screen.text()).count("Offered by") < 4:
            me.feed(os.read(me.fd, 4096))
        self.assertEqual(self.finish(self.hand("bert", "bert", self.file("bert/trusted", 10)))[::2], (0, ""))
        me.type("\x03")
        self.assertEqual(me.end(), 0, me.screen.text())
        self.assertEqual([p.name for p in self.folder_out().iterdir()], ["trusted"])

    def test_two_that_stay_hand_each_other_files_by_name_at_once(self):
        there = {n: {**self.env, "XDG_STATE_HOME": str(self.root / n / "state")} for n in ("bert", "carl")}

        def go(name, *args):
            p = subprocess.Popen([kit.BODKIN, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env=there[name], stdin=subprocess.DEVNULL)
            self.running.append(p)
            return p

        staying = []
        for name, other in (("bert", "carl"), ("carl", "bert")):
            joined = go(name, "devices", "join", self.invite, "-s", self.server, "--name", name)
            self.assertEqual(self.finish(joined)[0], 0)
            (self.root / name / "in").mkdir()
            staying.append(go(name, "recv", "--daemon", "--json", "-o", self.root / name / "in", "--from", other))
            self.event(staying[-1], "room")
        senders = [go(name, "send", "--to", other, self.file(f"{name}/of {name}", 30_000_000))
                   for name, other in (("bert", "carl"), ("carl", "bert"))]
        for p in senders:
            code, out, err = self.finish(p)
            self.assertEqual(code, 0, out + err)
        for name, other in (("bert", "carl"), ("carl", "bert")):
            self.assertEqual((self.root / name / "in" / f"of {other}").read_bytes(), (self.root / other / f"of {other}").read_bytes())
        self.assertEqual(self.finish(go("bert", "ping", "carl", "-c", "1"))[0], 0)
        for p in staying:
            self.stop(p)

    def test_what_cannot_be_is_said_at_once(self):
        for args, code, said in (
                (["--daemon", "7-tulip-anchor"], 2, "a code is for one transfer"),
                (["--daemon", "-o", "nowhere"], 7, "cannot receive into 'nowhere'"),
                (["--from", "bert"], 2, "--from says whose files 'recv --daemon' takes")):
            with self.subTest(args):
                r = self.run_it("recv", *args)
                self.assertEqual(r.returncode, code, r.stderr)
                self.assertIn(said, r.stderr)
        (self.root / "state/bodkin/devices.json").unlink()
        r = self.run_it("recv", "--daemon")
        self.assertEqual(r.returncode, 2, r.stderr)
        self.assertIn("bodkin devices new", r.stderr)


if __name__ == "__main__":
    sys.exit(kit.main())
