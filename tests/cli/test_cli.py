#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the program to its contract: usage errors, exit codes, JSON events, a transfer over loopback.

Run it with the program as argument or in $BODKIN."""
import itertools, json, os, pathlib, re, resource, signal, socket, subprocess, sys, time

import kit


class Usage(kit.Case):
    def test_usage_errors_are_one_line_and_exit_2(self):
        f = self.file()
        for args in ([], ["frob"], ["send"], ["send", "-s", "h", "/"], ["send", "-s", "h", "-", "-"], ["send", "-s", "h", "--text", "x", f], ["send", "-s", "h", "--text", ""],
                     ["recv", "-s", "h", "--max-size", "10X", "1-cake-gem"], ["send", "--frob", f],
                     ["send", "-s"], ["recv", "-s", "h", "1-a-b", "more"],
                     ["send", "-s", "h", "--transport", "pigeon", f],
                     ["send", "-s", "h", "--plain", f], ["recv", "-s", "h", "--timeout", "soon", "1-a-b"],
                     ["send", "-s", "h", "--words", "0", f], ["serve", "-l", "nonsense"], ["serve", "too", "much"],
                     ["recv", "-s", "h", "not a code"], ["help", "frob"]):
            with self.subTest(args=args):
                r = self.run_it(*args)
                self.assertEqual(r.returncode, 2, r.stderr)
                self.assertEqual(r.stdout, "")
                self.assertRegex(r.stderr, r"\Abodkin: [^\n]+\n\Z")

    def test_help_and_version(self):
        self.assertRegex(self.run_it("--version").stdout, r"\Abodkin \d+\.\d+")
        for args in (["--help"], ["help"], ["help", "send"], ["recv", "--help"], ["serve", "-h"]):
            r = self.run_it(*args)
            self.assertEqual((r.returncode, r.stderr), (0, ""))
            self.assertIn("bodkin", r.stdout)

    def options(self, command):
        """The long options of a command, with the choices of those that have some, out of its help."""
        text = self.run_it("help", command).stdout
        return {o: c.split("|") if "|" in c else [] for o, c in re.findall(r"^ +(?:-\w, )?(--[a-z-]+) ?([a-z|]*)", text, re.M)}

    def test_help_man_page_and_completions_know_the_same_options(self):
        root = pathlib.Path(__file__).resolve().parents[2]
        man = (root / "docs/bodkin.1").read_text().replace("\\-", "-")
        shells = {n: (root / "packaging/completions" / n).read_text() for n in ("bodkin.bash", "_bodkin")}
        every = set()
        for command in ("send", "recv", "chat", "devices", "ping", "nat", "serve"):
            options = self.options(command)
            every |= options.keys()
            self.assertGreater(len(options), 5)
            self.assertRegex(man, rf"(?m)^\.B bodkin {command}$")
            for option, choices in options.items():
                with self.subTest(command=command, option=option):
                    for text in (man, *shells.values()):
                        self.assertRegex(text, re.escape(option) + r"(?![a-z-])")
                    if choices:
                        self.assertRegex(man, re.escape(option) + ".*" + re.escape("|".join(choices)))
                        for text in shells.values():
                            self.assertIn(" ".join(choices), text)
        for name, text in {"man": man.split(".SS bodkin lab")[0] + man.split(".SH OPTIONS")[1],
                           "README": (root / "README.md").read_text()} .items():
            for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - {"--version", "--now"}:  # of systemctl
                self.assertIn(option, every, name)

    def test_every_command_says_what_it_cannot_do(self):
        commands = set(re.findall(r"(?m)^  bodkin ([a-z]+) ", self.run_it("help").stdout)) - {"help", "lab"}
        self.assertGreater(len(commands), 5)
        for command in commands:
            r = self.run_it(command, "--nonsense")
            self.assertEqual(r.returncode, 2)
            self.assertRegex(r.stderr, rf"^bodkin: cannot [a-zA-Z ]+: unknown option '--nonsense'; try 'bodkin help {command}'$")

    def test_help_fits_into_80_columns(self):
        for args in (["help"], *(["help", c] for c in ("send", "recv", "chat", "devices", "ping", "nat", "serve"))):
            r = self.run_it(*args)
            self.assertLess(max(map(len, r.stdout.splitlines())), 80, args)

    def test_a_command_that_was_misspelt_is_suggested(self):
        for typed, meant in (("snd", "send"), ("rcv", "recv"), ("sevre", "serve"), ("pong", "ping")):
            r = self.run_it(typed)
            self.assertEqual(r.returncode, 2)
            self.assertIn(f"did you mean '{meant}'?", r.stderr)
        self.assertIn("try 'bodkin help'", self.run_it("frobnicate").stderr)

    def test_local_file_errors_exit_7_before_anything_starts(self):
        r = self.run_it("send", "-s", "127.0.0.1:1", self.root / "missing")
        self.assertEqual(r.returncode, 7)
        r = self.run_it("recv", "-s", "127.0.0.1:1", "-o", self.root / "missing", "1-tulip-anchor")
        self.assertEqual(r.returncode, 7)
        r = self.run_it("send", "-s", "127.0.0.1:1", "--token", self.root / "missing", self.file())
        self.assertEqual(r.returncode, 7)

    def test_an_error_is_also_an_event(self):
        r = self.run_it("send", "--json", "-s", "h", "--frob", self.file())
        self.assertEqual(json.loads(r.stdout)["event"], "error")
        self.assertEqual(json.loads(r.stdout)["code"], "invalid")
        self.assertEqual(len(r.stderr.splitlines()), 1)

    def test_config_file_fills_in_and_is_checked(self):
        config = self.root / "config/bodkin/config.ini"
        config.parent.mkdir(parents=True)
        config.write_text("# comment\nserver = 127.0.0.1:1#pin\n\n[send]\ntransport = pigeon\n")
        r = self.run_it("send", self.file())
        self.assertEqual(r.returncode, 2)
        self.assertIn("pigeon", r.stderr)
        config.write_text("sever = x\n")
        r = self.run_it("send", self.file())
        self.assertEqual(r.returncode, 2)
        self.assertIn("line 1", r.stderr)


class Harmless(kit.Case):
    """No name, of a peer or of a file here, drives the terminal."""

    def test_local_names_in_our_own_errors(self):
        for locale in ("C.UTF-8", "C"):
            env = dict(self.env, LC_ALL=locale)
            for args in (["send", "-s", "h", "a\033[2Jb\u009b"], ["recv", "-s", "h", "-o", "x\033]0;y\007", "7-tulip-anchor"],
                         ["fr\033[2Job"], ["help", "\033c"], ["send", "--fr\033[1A"], ["ping", "-s", "\033[2J", "--interval", "\033"],
                         ["send", "-s", "h", b"\x9b2J\x85"]):
                with self.subTest(args=args, locale=locale):
                    r = subprocess.run([kit.BODKIN, *args], capture_output=True, env=env, stdin=subprocess.DEVNULL, timeout=kit.WAIT)
                    self.assertGreater(r.returncode, 0)
                    text = r.stderr.decode("utf-8")
                    self.assertNotRegex(text, "[\0-\x09\x0b-\x1f\x7f-\x9f]")
                    self.assertEqual(text.isascii(), True)

    def test_unusual_names_arrive_and_are_shown(self):
        names = ["\u05e9\u200f.txt", "\u0645\u06cc\u200c\u062e", "gr\u00fc\u00dfe"]
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", *[self.file(f"in/{n}", 10) for n in names])
        code = self.event(sender, "code")["code"]
        r = self.run_it("recv", "-s", server, "-o", self.folder_out(), "--conflict", "rename", code)
        self.assertEqual((r.returncode, self.finish(sender)[0]), (0, 0), r.stderr)
        self.assertEqual(sorted(os.listdir(self.root / "out")), sorted(names))
        r = self.run_it("send", "-s", "127.0.0.1:1", names[0])
        self.assertIn(names[0], r.stderr)


class Server(kit.Case):
    def test_an_unreachable_server_is_exit_3(self):
        r = self.run_it("send", "-s", "127.0.0.1:1", self.file())
        self.assertEqual(r.returncode, 3, r.stderr)
        self.assertEqual(len(r.stderr.splitlines()), 1)

    def test_a_wrong_pin_is_exit_3(self):
        _, server = self.serve()
        host, pin = server.split("#")
        r = self.run_it("send", "-s", host + "#" + ("B" if pin[0] != "B" else "C") + pin[1:], self.file())
        self.assertEqual(r.returncode, 3, r.stderr)

    def test_a_server_that_cannot_listen_says_what_to_do(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            for place, words in ((f"127.0.0.1:{taken.getsockname()[1]}", "Other ports: -l :PORT"),
                                 ("192.0.2.1:0", "'ip address' lists them")):
                r = self.run_it("serve", "-l", place, "--state", self.root / "server")
                self.assertEqual(r.returncode, 1, r.stderr)
                self.assertIn(words, r.stderr)
        without = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"] if os.getuid() == 0 else []
        if int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) > 80:
            r = subprocess.run([*without, kit.BODKIN, "serve", "-l", "127.0.0.1:80", "--state", self.root / "server"], env=self.env,
                               capture_output=True, text=True, timeout=20)
            self.assertIn("permission denied; ports below 1024 are the administrator's", r.stderr)

    def test_sigterm_stops_the_server_with_0(self):
        server, _ = self.serve()
        server.send_signal(signal.SIGTERM)
        self.assertEqual(self.finish(server)[0], 0)

    def test_a_closed_server_wants_the_token(self):
        token = self.file("token", 0)
        token.write_text("secret\n")
        _, server = self.serve("--token", token)
        r = self.run_it("recv", "-s", server, "1-tulip-anchor")
        self.assertEqual(r.returncode, 3, r.stderr)
        sender = self.start("send", "-s", server, "--token", token, "--json", self.file())
        self.event(sender, "code")


class Transfer(kit.Case):
    def test_a_folder_arrives_as_it_was_and_what_stays_behind_is_said(self):
        top = self.root / "in" / "photos"
        deep = top
        for i in range(40):
            deep = deep / f"d{i}"
        (top / "empty").mkdir(parents=True)
        deep.mkdir(parents=True)
        (deep / ("n" * 255)).write_bytes(b"deep")
        for name in ("a b", "A B", "grüße", "gru\u0308ße", "'\"\\\\$(x)", "-rf"):
            (top / name).write_bytes(name.encode())
        (top / "run").write_bytes(b"#!/bin/sh\n")
        (top / "run").chmod(0o755)
        os.utime(top / "run", (1000000000, 1000000000))
        whole = kit.tree(top)
        os.symlink("/etc", top / "out")
        os.mkfifo(top / "pipe")
        (top / "junk.o").write_bytes(b"x")
        os.utime(top, (0, whole["."][2]))
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", "--exclude", "*.o", str(top) + "/")
        left_out = self.event(sender, "left-out")
        self.assertEqual((left_out["entries"], [n.split("photos/")[1] for n in left_out["names"]]),
                         (2, ["pipe': it is a pipe", "out': it is a link that leads out of the folder"]))
        code = self.event(sender, "code")["code"]
        r = self.run_it("recv", "-s", server, "-o", self.folder_out(), "--executable", code)
        code, out, err = self.finish(sender)
        self.assertEqual((code, r.returncode), (0, 0), err + r.stderr)
        self.assertRegex(r.stdout + r.stderr, r"Received photos/ \(8 files, \d+ bytes\)")
        self.assertEqual(kit.tree(self.root / "out" / "photos"), whole)
        events = {e["event"]: e for e in map(json.loads, out.splitlines())}
        self.assertEqual((events["done"]["entries"], events["done"]["folders"]), (8, 42))
        self.assertEqual(events["offer"]["names"][0], {"path": "photos", "size": 0, "kind": "folder", "hidden": False, "executable": False})

    def pair(self, paths, recv_args=(), send_args=()):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", *send_args, *paths)
        code = self.event(sender, "code")["code"]
        receiver = self.run_it("recv", "-s", server, "--json", "-o", self.folder_out(), *recv_args, code)
        return self.finish(sender), receiver

    def test_files_arrive_and_every_event_is_there(self):
        paths = [self.file("in/a.bin", 3000000), self.file("in/b", 0), self.file("in/grüße.txt", 1)]
        (code, out, err), r = self.pair(paths)
        self.assertEqual((code, r.returncode), (0, 0), err + r.stderr)
        self.assertEqual((err, r.stderr), ("", ""))
        for p in paths:
            self.assertEqual((self.root / "out" / p.name).read_bytes(), p.read_bytes())
        for text in (out, r.stdout):
            events = {e["event"]: e for e in map(json.loads, text.splitlines())}
            self.assertLessEqual({"id", "name", "nat"}, events["peer"].keys())
            self.assertLessEqual({"kind", "transport", "technique", "local", "remote", "elapsed_ms", "total_ms"},
                                 events["path"].keys())
            self.assertEqual((events["offer"]["entries"], events["offer"]["bytes"]), (3, 3000001))
            self.assertEqual(events["done"]["bytes"], 3000001)
            self.assertRegex(events["done"]["digest"], r"\A[0-9a-f]{32}\Z")
            self.assertIsInstance(events["done"]["seconds"], float)
        digests = {json.loads(t.splitlines()[-1])["digest"] for t in (out, r.stdout)}
        self.assertEqual(len(digests), 1)

    def test_the_relay_can_be_forced(self):
        (code, out, err), r = self.pair([self.file()], send_args=["--path", "relay"], recv_args=["--path", "relay"])
        self.assertEqual((code, r.returncode), (0, 0), err + r.stderr)
        self.assertIn('"kind":"relay"', r.stdout)

    def test_an_existing_file_is_exit_7_here_and_6_there(self):
        path = self.file()
        kept = self.file("out/a.bin", 10).read_bytes()
        (code, _, err), r = self.pair([path])
        self.assertEqual((code, r.returncode), (6, 7), err + r.stderr)
        self.assertIn("a.bin", r.stderr)
        self.assertEqual((self.root / "out/a.bin").read_bytes(), kept)
        (code, _, err), r = self.pair([path], recv_args=["--overwrite"])
        self.assertEqual((code, r.returncode), (0, 0), err + r.stderr)
        self.assertEqual((self.root / "out/a.bin").read_bytes(), path.read_bytes())

    def test_a_wrong_code_is_exit_4_and_the_maker_has_another_code_that_is_good(self):
        for words in (["send"], ["recv"], ["ping"]):
            with self.subTest(words[0]):
                self.wrong_then_right(words[0])

    def wrong_then_right(self, maker):
        _, server = self.serve()
        other = {"send": "recv", "recv": "send", "ping": "ping"}[maker]
        own = {"send": [self.file(f"in/{maker}")], "recv": ["-o", self.folder_out()], "ping": ["-c", "1"]}

        def come(code):
            code = ["--code", code] if other == "send" else [code]
            return self.run_it(other, "-s", server, *own[other], *code)
        waiting = self.start(maker, "-s", server, "--json", *own[maker])
        before = self.event(waiting, "code")["code"]
        plate, word, last = before.split("-")
        wrong = f"{plate}-{word}-{'tulip' if last != 'tulip' else 'anchor'}"
        r = come(wrong)
        self.assertEqual(r.returncode, 4, r.stderr)
        why = self.event(waiting, "waiting")["text"]
        self.assertIn("somebody tried a wrong code; that code is used up, and another one is good now", why)
        code = json.loads(waiting.stdout.readline())["code"]
        self.assertNotEqual(code, before)
        self.assertNotIn(code, why)
        r = come(code)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(self.finish(waiting)[0], 0)

    def test_a_chosen_code_that_was_guessed_at_is_exit_4_on_both_sides(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", "--code", "77-tulip-anchor", self.file())
        self.event(sender, "code")
        r = self.run_it("recv", "-s", server, "-o", self.folder_out(), "77-tulip-tulip")
        self.assertEqual(r.returncode, 4, r.stderr)
        code, _, err = self.finish(sender)
        self.assertEqual(code, 4, err)

    def test_a_server_takes_all_descriptors_it_may_have(self):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        server = self.start("serve", "-l", "127.0.0.1:0", "--json", "-q", "--state", self.root / "server",
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, most)))
        self.event(server, "listening")
        self.assertEqual(resource.prlimit(server.pid, resource.RLIMIT_NOFILE), (most, most))

    def test_nobody_came_in_time_is_exit_4(self):
        _, server = self.serve()
        r = self.run_it("send", "-s", server, "--timeout", "1", self.file())
        self.assertEqual(r.returncode, 4, r.stderr)

    def test_nobody_with_that_code_is_exit_4(self):
        _, server = self.serve()
        r = self.run_it("recv", "-s", server, "-o", self.folder_out(), "99-tulip-anchor")
        self.assertEqual(r.returncode, 4, r.stderr)

    def test_a_chosen_code_meets_whoever_comes_first(self):
        _, server = self.serve()
        receiver = self.start("recv", "-s", server, "--json", "-o", self.folder_out())
        code = self.event(receiver, "code")["code"]
        r = self.run_it("send", "-s", server, "--code", code, self.file())
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(self.finish(receiver)[0], 0)
        sender = self.start("send", "-s", server, "--json", "--code", "77-tulip-anchor", self.file("in/b"))
        self.assertEqual(self.event(sender, "code")["code"], "77-tulip-anchor")
        r = self.run_it("recv", "-s", server, "-o", self.folder_out(), "77-tulip-anchor")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(self.finish(sender)[0], 0)

    def test_who_runs_another_command_is_told_at_once_on_both_sides(self):
        _, server = self.serve()
        commands = {"send": ["send", self.file()], "recv": ["recv", "-o", self.folder_out()], "ping": ["ping"], "chat": ["chat"]}
        for one, other in itertools.product(commands, repeat=2):
            if {one, other} == {"send", "recv"} or one == other in ("ping", "chat"):
                continue
            with self.subTest(one=one, other=other):
                begin = time.monotonic()
                maker = self.start(*commands[one], "-s", server, "--json")
                code = self.event(maker, "code")["code"]
                r = self.run_it(*commands[other], "-s", server, "-q", *(["--code"] if other == "send" else []), code)
                status, _, err = self.finish(maker)
                self.assertIn((r.returncode, status), itertools.product((1, 6), repeat=2))
                self.assertLess(time.monotonic() - begin, 5)  # and not when somebody's patience has ended
                for said in (r.stderr, err):
                    self.assertRegex(said, r"\Abodkin: [^\n]+\n\Z")

    def test_ctrl_c_while_waiting_is_exit_130(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", self.file())
        self.event(sender, "code")
        sender.send_signal(signal.SIGINT)
        code, out, err = self.finish(sender)
        self.assertEqual(code, 130)
        self.assertEqual(len(err.splitlines()), 1)
        self.assertEqual(json.loads(out.splitlines()[-1])["code"], "cancelled")

    def big(self):
        """A file that takes two seconds by the limit that it is sent with."""
        path = self.root / "in/big"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(8 << 20))
        return path

    def test_a_limit_holds_on_either_side(self):
        _, server = self.serve()
        path = self.root / "in/slow"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(1 << 20))
        for limits in (["--limit", "1M"], []), ([], ["--limit", "1MiB"]):
            sender = self.start("send", "-s", server, "--json", *limits[0], str(path))
            code = self.event(sender, "code")["code"]
            receiver = self.start("recv", "-s", server, "--json", "--overwrite", "-o", self.folder_out(), *limits[1], code)
            done = self.event(receiver, "done")
            self.assertGreater(done["seconds"], 0.9)
            self.assertEqual((self.finish(sender)[0], self.finish(receiver)[0]), (0, 0))

    def interrupted(self, who, how):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", "--limit", "4M", self.big())
        code = self.event(sender, "code")["code"]
        receiver = self.start("recv", "-s", server, "--json", "-o", self.folder_out(), code)
        self.event(receiver, "progress")
        (sender if who == "sender" else receiver).send_signal(how)
        return self.finish(sender), self.finish(receiver)

    def test_ctrl_c_in_the_middle_tells_the_other_and_leaves_nothing(self):
        for who in ("sender", "receiver"):
            with self.subTest(who=who):
                (s, _, serr), (r, _, rerr) = self.interrupted(who, signal.SIGINT)
                self.assertEqual((s, r), (130, 1) if who == "sender" else (1, 130), serr + rerr)
                self.assertEqual(os.listdir(self.root / "out"), [])

    def test_a_killed_receiver_is_exit_1_and_no_final_name(self):
        (s, _, err), _ = self.interrupted("receiver", signal.SIGKILL)
        self.assertEqual(s, 1, err)
        self.assertNotIn("big", os.listdir(self.root / "out"))

    def test_a_killed_sender_is_exit_1_and_leaves_nothing(self):
        _, (r, _, err) = self.interrupted("sender", signal.SIGKILL)
        self.assertEqual(r, 1, err)
        self.assertEqual(os.listdir(self.root / "out"), [])

    def test_a_person_sees_sentences_and_no_control_characters(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--name", "anna\033[2J", self.file())
        other = self.line(sender)
        self.assertIn(f"bodkin recv -s {server} ", other)
        r = self.run_it("recv", "-s", server, "-o", self.folder_out(), other.split()[-1])
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("Received a.bin (100 kB)", r.stderr)
        self.assertNotIn("\033", r.stderr)
        self.assertEqual(r.stdout, "")
        self.assertEqual(self.finish(sender)[0], 0)

    def test_quiet_says_the_code_and_nothing_else(self):
        _, server = self.serve()
        sender = self.start("send", "-q", "-s", server, self.file())
        code = self.line(sender).strip()
        r = self.run_it("recv", "-q", "-s", server, "-o", self.folder_out(), code)
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, "", ""))
        self.assertEqual(self.finish(sender), (0, "", ""))

    def test_who_is_not_asked_sees_ten_hidden_names_and_how_many_files_were_left(self):
        top = self.root / "in" / "tree"
        (top / ".git/deep").mkdir(parents=True)
        for i in range(20):
            self.file(f"in/tree/.git/deep/{i}", 10)
        self.file("in/tree/run", 10).chmod(0o755)
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", str(top))
        r = self.run_it("recv", "-s", server, "-o", self.folder_out(), self.event(sender, "code")["code"])
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(r.stderr.count("is hidden and is skipped; --hidden takes it"), 10, r.stderr)
        self.assertIn("12 more are hidden and are skipped; --hidden takes them", r.stderr)
        self.assertIn("20 of 21 files were not taken", r.stderr)
        self.assertIn("--executable keeps them", r.stderr)

    def test_one_existing_file_does_not_stop_the_others(self):
        paths = [self.file(f"in/{i}", 10) for i in range(9)]
        for how, codes, there in ((None, (0, 7), 8), ("skip", (0, 0), 8), ("rename", (0, 0), 10), ("overwrite", (0, 0), 9),
                                  ("fail", (6, 7), 1), ("ask", (0, 7), 9)):
            with self.subTest(how=how):
                for f in self.folder_out().iterdir():
                    f.unlink()
                self.file("out/4", 20)
                (code, out, err), r = self.pair(paths, recv_args=["--conflict", how] if how else [])
                self.assertEqual((code, r.returncode), codes, err + r.stderr)
                self.assertEqual(len(os.listdir(self.root / "out")), 9 if there == 8 else there)
                events = {e["event"]: e for e in map(json.loads, r.stdout.splitlines())}
                if how != "fail":
                    self.assertEqual(events["conflict"], {"event": "conflict", "path": "4"} |
                                     ({"taken": how, "as": "4-1"} if how == "rename" else
                                      {"taken": how if how in ("skip", "overwrite") else "skip"}))
                if codes[1]:
                    self.assertRegex(r.stderr, r"'4'.* exists")

    def test_names_sizes_and_final_paths_are_in_the_events(self):
        paths = [self.file("in/a", 10), self.file("in/.b", 20), self.file("in/c", 30)]
        paths[2].chmod(0o755)
        for args, taken in ((["--hidden", "--executable"], "a .b c"), ([], "a c")):
            for f in self.folder_out().iterdir():
                f.unlink()
            (code, out, err), r = self.pair(paths, recv_args=args)
            self.assertEqual((code, r.returncode), (0, 0), err + r.stderr)
            for text in (out, r.stdout):
                events = {e["event"]: e for e in map(json.loads, text.splitlines())}
                self.assertEqual(events["offer"]["names"], [
                    {"path": "a", "size": 10, "kind": "file", "hidden": False, "executable": False},
                    {"path": ".b", "size": 20, "kind": "file", "hidden": True, "executable": False},
                    {"path": "c", "size": 30, "kind": "file", "hidden": False, "executable": True}])
                self.assertEqual([os.path.basename(p) for p in events["done"]["paths"]], taken.split())
            self.assertEqual([p for p in events["done"]["paths"] if not os.path.exists(p)], [])
            self.assertEqual(os.access(self.root / "out/c", os.X_OK), bool(args))

    def test_a_hidden_file_alone_is_declined_where_nobody_is_asked(self):
        (code, _, err), r = self.pair([self.file("in/.zshenv", 10)])
        self.assertEqual((code, r.returncode), (6, 8), err + r.stderr)
        self.assertIn("hidden", r.stderr)

    def test_a_slip_in_a_code_uses_nothing_up(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", self.file())
        code = self.event(sender, "code")["code"]
        for args in (["recv", "-s", server, code + "x"], ["recv", "-s", server, code[:-1]], ["ping", "-s", server, code + "x"],
                     ["send", "-s", server, self.file("in/b"), "--code", code + "x"], ["recv", "-s", server, code.split("-")[0]],
                     ["recv", "-s", server, "-".join(code.split("-")[:2])]):
            with self.subTest(args=args):
                r = self.run_it(*args)
                self.assertEqual(r.returncode, 2, r.stderr)
                self.assertRegex(r.stderr, r"\Abodkin: cannot [^\n]+(Nothing was used up|like 7-tulip-anchor)\n\Z")
        r = self.run_it("recv", "-s", server, code + "x")
        self.assertIn(f"did you mean '{code.split('-')[2]}'?", r.stderr)
        r = self.run_it("recv", "-s", server, "-o", self.folder_out(), code)
        self.assertEqual((r.returncode, self.finish(sender)[0]), (0, 0), r.stderr)

    def test_recv_without_a_code_asks_for_it_and_completes_its_words(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", "--code", "7-tulip-anchor", self.file())
        self.event(sender, "code")
        here, seen = self.at_terminal(["recv", "-s", server, "-o", self.folder_out(), "--yes"],
                                      [(rb"Code[^:]*: ", b"7-tuli\tancohr\r"), (rb"mean 'anchor'", b"\177\177\177hor\r")])
        self.assertEqual((here, self.finish(sender)[0]), (0, 0), seen)
        self.assertIn("7-tulip-anc", seen)

    def test_a_word_that_codes_do_not_have_is_asked_about_before_the_server_is(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", "--code", "7-tulip-anchor", self.file())
        self.event(sender, "code")
        pasted = f"bodkin recv -s {server} 7-tulip-anchor \r".encode()
        here, seen = self.at_terminal(["recv", "-s", server, "-o", self.folder_out(), "--yes"],
                                      [(rb"Code[^:]*: ", b"7-xyzzy\r"), (rb"'xyzzy' is not a word that codes[^'']*Enter\s+again", pasted)])
        self.assertEqual((here, self.finish(sender)[0]), (0, 0), seen)

    def test_a_code_that_two_chose_is_taken_with_another_enter(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", "--code", "7-xyzzy", self.file())
        self.event(sender, "code")
        here, seen = self.at_terminal(["recv", "-s", server, "-o", self.folder_out(), "--yes"],
                                      [(rb"Code[^:]*: ", b"7-xyzzy\r"), (rb"Enter\s+again", b"\r")])
        self.assertEqual((here, self.finish(sender)[0]), (0, 0), seen)

    def test_a_terminal_that_cannot_move_its_cursor_is_asked_without_escapes(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", "--code", "7-tulip-anchor", self.file())
        self.event(sender, "code")
        here, seen = self.at_terminal(["recv", "-s", server, "-o", self.folder_out(), "--yes"],
                                      [(rb"Code[^:]*: ", b"7-tuli\tancohr\r"), (rb"mean 'anchor'", b"\3")], TERM="dumb")
        self.assertEqual(here, 130, seen)
        self.assertIn("Code (Enter: make one here): 7-tulip-ancohr\r\n", seen)
        self.assertNotIn("\x1b", seen)
        here, seen = self.at_terminal(["recv", "-s", server, "-o", self.folder_out(), "--yes"],
                                      [(rb"Code[^:]*: ", b"7-tulix\177p-anchor\r")], TERM="dumb")
        self.assertEqual((here, self.finish(sender)[0]), (0, 0), seen)

    def test_ctrl_z_at_the_prompt_leaves_what_was_typed(self):
        _, server = self.serve()
        here, seen = self.at_terminal(["recv", "-s", server],
                                      [(rb"Code[^:]*: ", b"7-tuli\x1a"), (rb"\nCode [^\n]*: 7-tuli", b"\3")], TERM="dumb")
        self.assertEqual(here, 130, seen)

    def test_recv_at_a_terminal_makes_a_code_when_the_person_has_none(self):
        _, server = self.serve()
        here, seen = self.at_terminal(["recv", "-s", server], [(rb"Code[^:]*: ", b"\r"), (rb"--code \d+-\w+-\w+ FILE", b"\3")])
        self.assertEqual(here, 130, seen)

    def test_the_table_of_descriptors_need_not_grow_while_threads_wait_for_it(self):
        def places(p):
            return int(re.search(r"FDSize:\s+(\d+)", pathlib.Path(f"/proc/{p.pid}/status").read_text())[1])
        server, place = self.serve()
        most = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[0]
        self.assertGreaterEqual(places(server), min(16384, most))
        sender = self.start("send", "-s", place, "--json", self.file())
        self.event(sender, "code")
        self.assertGreaterEqual(places(sender), min(1024, resource.getrlimit(resource.RLIMIT_NOFILE)[0]))

    def test_a_made_code_has_as_many_words_as_asked(self):
        _, server = self.serve()
        for n in (2, 9, 16):
            sender = self.start("send", "-s", server, "--json", "--words", str(n), self.file())
            code = self.event(sender, "code")["code"]
            self.assertEqual(len(code.split("-")), n + 1)
            r = self.run_it("recv", "-s", server, "-o", self.folder_out(), "--overwrite", code)
            self.assertEqual((r.returncode, self.finish(sender)[0]), (0, 0), r.stderr)
        for n in ("1", "17", "two"):
            r = self.run_it("send", "-s", server, "--words", n, self.file())
            self.assertEqual(r.returncode, 2)
            self.assertIn("from 2 to 16", r.stderr)


if __name__ == "__main__":
    sys.exit(kit.main())
