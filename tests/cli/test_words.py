#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the program says to a person: one fault, its name, its place, and the next step for this one.

Run it with the program as argument or in $BODKIN."""
import fcntl, os, pathlib, pty, re, signal, socket, struct, subprocess, sys, termios, threading

import kit

PIN = "wPynR5j_ufiAX138_NNaq1VtzHo_-8FETvaZTV8uHl0"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def answer_each(listener, answer):
    """Says the same to everybody, until the listener is closed."""
    while True:
        try:
            conn, _ = listener.accept()
        except OSError:
            return
        with conn:
            conn.recv(4096)
            conn.sendall(answer)
            while conn.recv(4096):
                pass


class Faults(kit.Case):
    """Each row: what was typed, the exit status, and what the one line has to say."""

    def check(self, rows):
        for args, status, *said in rows:
            with self.subTest(args=args):
                r = self.run_it(*args)
                self.assertEqual((r.returncode, r.stdout), (status, ""), r.stderr)
                self.assertRegex(r.stderr, r"\Abodkin: [^\n]+\n\Z")
                for words in said:
                    self.assertIn(words, r.stderr)

    def test_a_server_that_cannot_be_read_is_told_by_its_part(self):
        f = self.file()
        self.check((
            (["send", "-s", "h#" + PIN[:20], f], 2, "has 20 characters, a whole one has 43"),
            (["send", "-s", "h#" + PIN + "x", f], 2, "has 44 characters"),
            (["recv", "-s", "h#" + PIN[:-1] + ".", "7-tulip-anchor"], 2, "pin behind '#' has a character that no pin has"),
            (["ping", "-s", "h:99999"], 2, "port '99999' is not a number from 1 to 65535"),
            (["nat", "-s", "h:abc"], 2, "port 'abc'"),
            (["nat", "-s", "[::1]:0"], 2, "port '0'"),
            (["nat", "-s", ":80"], 2, "name is missing"),
            (["send", "-s", "h:1:99999", f], 2, "HOST[:PORT][#PIN]"),
        ))

    def test_a_server_that_does_not_answer_as_one_comes_with_a_next_step(self):
        f = self.file()
        self.check((
            (["send", "-s", "127.0.0.1:1", f], 3, "connection refused", "does 'bodkin serve' run there"),
            (["recv", "-s", "127.0.0.1:1", "7-tulip-anchor"], 3, "does 'bodkin serve' run there"),
            (["ping", "-s", "127.0.0.1:1"], 3, "does 'bodkin serve' run there"),
            (["send", "-s", "nosuch.invalid", "--no-lan", f], 3, "is the name behind -s right"),
            (["nat", "-s", "nosuch.invalid"], 3, "is the name behind -s right"),
            (["nat", "-s", "stun:nosuch.invalid"], 3, "is the name behind -s right"),
        ))

    def test_what_is_no_server_of_bodkin_is_asked_for_whatever_it_answers(self):
        """A web server, another program, and a TLS server that does not know our version or our protocol."""
        alert = b"\x15\x03\x03\x00\x02\x02"
        for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", alert + b"\x46", alert + b"\x78", alert + b"\x28"):
            with socket.create_server(("127.0.0.1", 0)) as s:
                threading.Thread(target=answer_each, args=(s, answer), daemon=True).start()
                server = f"127.0.0.1:{s.getsockname()[1]}"
                for args in (["send", "--text", "x"], ["nat"]):
                    r = self.run_it(*args, "-s", server)
                    self.assertEqual(r.returncode, 3, r.stderr)
                    self.assertRegex(r.stderr, rf"\Abodkin: cannot [^.]* server '{server}': [^.]*; is it a bodkin server, on this port\?\n\Z")

    def test_what_only_a_server_can_do_is_not_done_without_one(self):
        f = self.file()
        for args in (["send", f], ["recv", "7-tulip-anchor"], ["ping"], ["chat"]):
            self.check((([*args, "--token", f], 2, "--token is for a closed server"),
                        ([*args, "--path", "relay"], 2, "--path relay needs a server"),
                        ([*args, "--no-lan"], 2, "no server is known")))
        self.check(((["nat"], 2, "no server is known"),))

    def test_where_a_server_cannot_listen_says_why(self):
        _, server = self.serve()
        state = self.root / "other"
        self.check((
            (["serve", "-l", "127.0.0.1"], 2, "a port is missing; try 127.0.0.1:15005"),
            (["serve", "-l", "::1"], 2, "a port is missing; try [::1]:15005"),
            (["serve", "-l", "localhost:99"], 2, "'localhost' is not an IP address"),
            (["serve", "-l", ":99999"], 2, "port '99999' is not a number from 0 to 65535"),
            (["serve", "-l", "nonsense"], 2, "like :15005"),
            (["serve", "-l", "127.0.0.1:0", "--alt-addr", "nonsense"], 2, "not an IP address"),
            (["serve", "-q", "--state", state, "-l", server.split("#")[0]], 1, "does a server run here already?"),
            (["serve", "-q", "--state", state, "-l", "192.0.2.1:0"], 1, "'ip address' lists them"),
        ))

    def test_with_v_a_path_has_its_time_like_every_step(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", self.file())
        r = self.run_it("recv", "-v", "-s", server, "-o", self.folder_out(), self.event(sender, "code")["code"])
        self.assertRegex(r.stdout + r.stderr, r"(?m)^ *\d+\.\d ms  Connected to \S+: direct over")

    def test_with_vv_every_line_of_the_plan_is_a_sentence(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", self.file())
        r = self.run_it("recv", "-vv", "-s", server, "-o", self.folder_out(), self.event(sender, "code")["code"])
        self.assertRegex(r.stdout + r.stderr, r"plan: over UDP: (our public address is \d+ routers? away|it is not known how many routers away our)")

    def test_where_a_server_listens_is_one_sentence(self):
        server = self.start("serve", "-l", ":0", "--state", self.root / "s", "--no-port-mapping")
        self.assertRegex(self.line(server), r"\AThe server listens on \S+:\d+(, \S+)*( and \S+:\d+)?\.\n\Z")
        self.assertRegex(server.stdout.readline(), r"\ATo send a file: ")

    def test_a_word_of_another_program_is_suggested(self):
        for typed, meant in (("receive", "recv"), ("recieve", "recv"), ("get", "recv"), ("upload", "send"), ("hlep", "help"),
                             ("talk", "chat"), ("caht", "chat"), ("pipe", "send -"), ("room", "chat --room")):
            self.assertIn(f"did you mean '{meant}'?", self.run_it(typed).stderr)

    def test_every_command_is_suggested_and_has_a_section_in_the_config_file(self):
        config = self.root / "config/bodkin/config.ini"
        config.parent.mkdir(parents=True)
        for command in set(re.findall(r"(?m)^  bodkin (\w+) ", self.run_it("help").stdout)) - {"help"}:
            self.assertIn(f"did you mean '{command}'?", self.run_it(command + "x").stderr)
            config.write_text(f"[{command}]\n")
            no_section = "is no section" in self.run_it("send", "-s", "127.0.0.1:1", self.file()).stderr
            self.assertEqual(no_section, command == "lab", command)

    def test_an_option_that_was_misspelt_is_suggested(self):
        self.check((
            (["send", "--timout", "3", "x"], 2, "unknown option '--timout'; did you mean --timeout?"),
            (["recv", "--ovrewrite=1"], 2, "did you mean --overwrite?"),
            (["recv", "--keep", "7-tulip-anchor"], 2, "unknown option '--keep'; 'bodkin send' takes it; try 'bodkin help recv'"),
            (["send", "-o", "x"], 2, "unknown option '-o'; 'bodkin recv' takes it, as does chat; try"),
            (["nat", "--polite"], 2, "unknown option '--polite'; 'bodkin send' takes it, as do recv, chat, devices and ping; try 'bodkin help nat'"),
            (["--verison"], 2, "unknown option '--verison'; did you mean --version?"),
            (["send", "--frobnicate", "x"], 2, "unknown option '--frobnicate'; try 'bodkin help send'"),
        ))

    def test_an_option_that_is_cut_short_or_miswritten_is_told_whole(self):
        f = self.file()
        self.check((
            (["send", "--time", "3", f], 2, "unknown option '--time'; did you mean --timeout?"),
            (["send", "--time=3", f], 2, "did you mean --timeout?"),
            (["send", "--co", "7-tulip-anchor", f], 2, "did you mean --compress, --code or --copies?"),
            (["recv", "--yess", "7-tulip-anchor"], 2, "did you mean --yes?"),
            (["send", "-timeout", "3", f], 2, "unknown option '-t'; did you mean --timeout, with two dashes?"),
            (["send", "--quiet=1", f], 2, "option '--quiet=1' takes no value"),
            (["send", f, "--timeout"], 2, "option '--timeout' needs a value: SECONDS"),
            (["send", f, "--timeout", "5m"], 2, "--timeout '5m' is not a number of seconds from 0 to"),
            (["recv", "--code", "7-tulip-anchor"], 2, "unknown option '--code'; the code stands without an option: bodkin recv CODE"),
            (["send", "-r", "dir"], 2, "unknown option '-r'; folders go with all that is in them, without an option"),
            (["serve", "-p", "80"], 2, "unknown option '-p'; the port stands behind --listen: bodkin serve -l :PORT"),
            (["ping", "--port", "80"], 2, "unknown option '--port'; the port stands behind the server's name: -s HOST:PORT"),
            (["ping", "-c=3"], 2, "-c takes its value behind a blank, without '=': -c 3"),
            (["send", "-s=h", f], 2, "-s takes its value behind a blank, without '=': -s h"),
        ))

    def test_a_word_at_the_place_of_another_one_is_told_by_what_it_is(self):
        f = self.file()
        there = "there is no such file, and it looks like a code; did you mean "
        self.env["BODKIN_SERVER"] = "127.0.0.1:1"
        invite = "sesame-oxygen-dune-senior-narrator-apricot-washer"
        (self.root / "7-tulip-cactus").write_text("a file of that name")
        self.check((
            (["send", "7-tulip-anchor"], 2, there + "'bodkin recv 7-tulip-anchor', or 'bodkin send --code 7-tulip-anchor FILE'?"),
            (["send", "7", "tulip", "anchor"], 2, there + "'bodkin recv 7-tulip-anchor'"),
            (["send", f, "7-tulip-ankor"], 2, there + "--code 7-tulip-ankor?"),
            (["send", "2026-report.txt"], 7, "No such file"),
            (["send", self.root / "7-tulip-cactus"], 3, "refused"),
            (["send", "--peer", f], 2, f"no file is named; --peer has taken '{f}' as its HOST[:PORT]; give it one before that"),
            (["recv", "-s", "7-tulip-anchor"], 2, "--server has taken '7-tulip-anchor' as its HOST[:PORT][#PIN]"),
            (["ping", "--interval", "1", "--peer", "7-tulip-anchor"], 2, "--peer has taken '7-tulip-anchor'"),
            (["recv", f], 2, f"'{f}' is a file, and what comes is asked for by a code; did you mean 'bodkin send {f}'?"),
            (["recv", self.root / "in"], 2, f"'{self.root}/in' is a folder, and what comes is asked for by a code; did you mean -o {self.root}/in, or"),
            (["send", f, "bert@192.0.2.7"], 2, "whoever types the code gets it; leave that out"),
            (["send", f, "2001:db8::1"], 2, "whoever types the code gets it; leave that out"),
            (["send", f, "missing"], 7, "No such file"),
            (["serve", ":15005"], 2, "where it listens stands behind -l; did you mean -l :15005?"),
            (["serve", "too"], 2, "it takes none; try 'bodkin help serve'"),
            (["nat", "192.0.2.7"], 2, "a server stands behind -s; did you mean -s 192.0.2.7?"),
            (["devices", "join", "7-tulip-anchor"], 2, "an invite has seven words and no number, this looks like a code"),
            (["devices", "new", "bert"], 2, "nothing goes behind new; what this device is called: --name bert"),
            (["devices", "remove", "bert"], 2, "and no remove; did you mean 'bodkin devices forget NAME'?"),
            (["devices", "list"], 2, "and no list; did you mean 'bodkin devices'?"),
            (["devices", "joni"], 2, "and no joni; did you mean 'bodkin devices join'?"),
            (["recv", "7-tulip-anchor", self.folder_out()], 2, f"is too much; did you mean -o {self.root}/out?"),
            (["recv", "7-foo"], 2, "the code has one word, 'foo', and needs two or more; is the rest missing? Nothing was used up"),
            (["recv", invite], 2, "that is no code but an invite, which 'bodkin chat --room' and 'bodkin devices join' ask for"),
            (["chat", *invite.split("-")], 2, "no code but an invite"),
            (["send", "--limit", "8Mbit", f], 2, "--limit counts bytes a second, and '8Mbit' bits; in bytes it is --limit 1MB"),
        ))
        self.assertNotIn(invite, self.run_it("recv", invite).stderr)

    def test_an_option_that_would_do_nothing_is_refused_by_its_name(self):
        code, out = "7-tulip-anchor", self.folder_out()
        self.check((
            (["chat", "-s", "127.0.0.1:1", "-o", out, code], 2, "-o is for files that a person at a terminal takes"),
            (["chat", "-s", "127.0.0.1:1", "--new-room", "-o", out], 2, "-o is for files that a person at a terminal takes"),
            (["chat", "-o", self.root / "nowhere"], 7, "No such file or directory; make it first, or use -o DIR for another folder"),
            (["recv", "--forget-parts", "--yes"], 2, "--forget-parts and --yes do not go together: "),
            (["recv", "--forget-parts", "-s", "h"], 2, "--forget-parts and --server do not go together: "),
            (["serve", "--show", "--alt-port", "7"], 2, "--show and --alt-port do not go together: "),
            (["devices", "known", "--polite"], 2, "devices known and --polite do not go together: it asks nobody"),
            (["devices", "--replace"], 2, "--replace goes with new and join alone"),
            (["devices", "--name", "x"], 2, "to rename this device: bodkin devices name x"),
        ))

    def test_a_quiet_server_says_where_it_is(self):
        server = self.start("serve", "-q", "-l", "127.0.0.1:0", "--state", self.root / "s")
        self.assertRegex(self.line(server), r"\A127\.0\.0\.1:\d+#[\w-]{43}\n\Z")

    def test_a_value_that_is_empty_is_refused_by_its_name(self):
        """A script's variable that is not set is no server, no folder and no limit: of every option that takes a value."""
        for command in ("send", "recv", "chat", "devices", "ping", "nat", "serve"):
            takes = re.findall(r"(?m)^  (?:-\w, |    )(--[a-z-]+) \[?[A-Za-z]", self.run_it("help", command).stdout)
            self.assertGreater(len(takes), 2)
            self.check((([command, option + "="], 2, f"{option} is empty; ") for option in takes))
        self.check(((["send", "-s", "", self.file()], 2, "--server is empty; give it HOST[:PORT][#PIN], or leave it out"),))

    def test_an_environment_that_is_empty_is_refused_unless_something_else_is_said(self):
        self.env["BODKIN_SERVER"] = ""
        for args in (["send", self.file()], ["recv", "7-tulip-anchor"], ["nat"], ["devices"]):
            self.check(((args, 2, "$BODKIN_SERVER is empty; give it HOST[:PORT][#PIN], or unset it"),))
        self.check(((["nat", "-s", "127.0.0.1:1"], 3, "refused"),))

    def test_what_does_not_go_together_is_named_both(self):
        f = self.file()
        rows = re.findall(r'(?m)^\t\{([A-Z |_]+), ("[^"]+"|\w+), ("[^"]+"|\w+), "', (ROOT / "src/cli/exclusions.c").read_text())
        self.assertGreater(len(rows), 20)
        words = {"argument": "CODE", "path": "PATH", "to_stdout": "-o -"}
        typed = {"CODE": ["7-tulip-anchor"], "PATH": [f], "-o -": ["-o", "-"], "--text": ["--text", "x"], "--to": ["--to", "bert"],
                 "--code": ["--code", "7-tulip-anchor"], "--copies": ["--copies", "3"], "--words": ["--words", "3"],
                 "--conflict": ["--conflict", "skip"], "--transport udp": ["--transport", "udp"], "--path relay": ["--path", "relay"],
                 "--peer": ["--peer", "h"], "--interface": ["--interface", "lo"], "--exclude": ["--exclude", "x"], "--links": ["--links", "skip"]}
        for commands, *pair in rows:
            a, b = (words.get(p, p.strip('"')) for p in pair)
            if "--json" in (a, b):
                continue  # its fault is an event, too
            commands = commands.replace("MEETS", "SEND|RECV|CHAT|PING").replace("BK_CLI_CMD_", "")
            for command in re.findall("[A-Z]+", commands):
                file = [f] if command == "SEND" and "PATH" not in (a, b) and "--text" not in (a, b) else []
                self.check((([command.lower(), *typed.get(a, [a]), *typed.get(b, [b]), *file, *more], 2,
                             f"{a} and {b} do not go together: ") for more in ([], ["-q"])))

    def test_a_rate_is_called_so_and_may_be_typed_as_one(self):
        f = self.file()
        self.check(((["send", "--limit", "1.5Q/s", f], 2, "--limit '1.5Q/s' is not a rate such as 500K, 1.5M or 2M/s, in bytes a second"),
                    (["recv", "--max-size", "1M/s"], 2, "is not a size such as")))
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--limit", "1.5M/s", "--json", f)
        r = self.run_it("recv", "-s", server, "--limit", "90M/s", "-o", self.folder_out(), self.event(sender, "code")["code"])
        self.assertEqual((r.returncode, self.finish(sender)[0]), (0, 0), r.stderr)

    def test_an_option_before_the_command_says_where_it_belongs(self):
        self.check(((["-q", "send", "x"], 2, "options come behind it: bodkin send -q"), (["--json"], 2, "behind it")))

    def test_a_folder_that_takes_no_files_is_told_before_the_code_is_used(self):
        _, server = self.serve()
        self.check((
            (["recv", "-s", server, "-o", "/proc", "7-tulip-anchor"], 7, "cannot receive into '/proc': "),
            (["recv", "-s", server, "-o", self.root / "none", "7-tulip-anchor"], 7, "there is no such folder; make it first"),
        ))
        out = self.folder_out()
        self.assertEqual(self.run_it("recv", "-s", server, "-o", out, "7-tulip-anchor").returncode, 4)
        self.assertEqual(list(out.iterdir()), [])

    def test_two_that_run_different_commands_are_told_so(self):
        _, server = self.serve()
        f = self.file()
        for maker, joiner in ((["recv"], ["ping"]), (["recv"], ["chat"]), (["chat"], ["send", f, "--code"]),
                              (["ping"], ["send", f, "--code"]), (["ping"], ["chat"]), (["send", f], ["ping"])):
            with self.subTest(maker=maker[0], joiner=joiner[0]):
                first = self.start(maker[0], "-s", server, "--json", *maker[1:])
                code = self.event(first, "code")["code"]
                second = self.run_it(joiner[0], "-s", server, *joiner[1:], code)
                for text in (second.stderr, self.finish(first)[2]):
                    self.assertIn("the other side runs another command", text)

    def test_the_sender_is_told_who_did_not_take_it_and_why(self):
        _, server = self.serve()
        (self.folder_out() / "a.bin").write_text("here already")
        sender = self.start("send", "-s", server, "--json", self.file())
        r = self.run_it("recv", "-s", server, "--name", "bert", "--conflict", "fail", "-o", self.folder_out(),
                        self.event(sender, "code")["code"])
        self.assertEqual(r.returncode, 7)
        self.assertIn("bodkin: bert did not take it: cannot write 'a.bin': it exists; nothing was sent\n", self.finish(sender)[2])

    def test_what_an_option_would_take_names_the_option(self):
        _, server = self.serve()
        f, hidden = self.file(), self.file("in/.hidden")
        for sent, options, said in (([f], ["--max-size", "100"], "at most 100 are taken here; that is what --max-size says"),
                                    ([hidden], [], "its name is hidden, and nobody was asked; --hidden takes it"),
                                    ([f, hidden], ["-o", "-"], "or receive into a folder: -o DIR")):
            sender = self.start("send", "-s", server, "--json", *sent)
            r = self.run_it("recv", "-s", server, *(options if "-o" in options else [*options, "-o", self.folder_out()]),
                            self.event(sender, "code")["code"])
            self.assertEqual(r.returncode, 8, r.stderr)
            self.assertRegex(r.stderr, re.escape(said) + r"\n\Z")
            status, _, err = self.finish(sender)
            self.assertEqual(status, 6)
            self.assertNotIn("--", err)  # whose options are others

    def test_a_wrong_guess_tells_the_new_code_once(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, self.file())
        code = re.search(r"\S+$", self.line(sender).strip())[0]
        self.assertEqual(self.run_it("recv", "-s", server, code.split("-")[0] + "-tulip-anchor").returncode, 4)
        new = re.search(r"\S+$", self.line(sender).strip())[0]
        sender.send_signal(signal.SIGINT)
        _, out, err = self.finish(sender)
        self.assertNotEqual(new, code)
        self.assertIn("that code is used up, and another one is good now", err)
        self.assertNotIn(new, out + err)
        sender = self.start("send", "-s", server, "--code", "77-tulip-cactus", "--json", self.file())
        self.event(sender, "code")
        self.run_it("recv", "-s", server, "77-tulip-anchor")
        self.assertRegex(self.finish(sender)[2], r"this code is used up, make a new one; --words 4 makes one that is harder to guess\n\Z")

    def test_help_with_help_is_help(self):
        self.assertEqual(self.run_it("help", "help").stdout, self.run_it("help").stdout)

    def test_lab_helps_everywhere_in_80_columns(self):
        text = self.run_it("help", "lab").stdout
        self.assertLess(max(map(len, text.splitlines())), 80)
        for words in (["lab", "--help"], *(["lab", c, "--help"] for c in ("up", "down", "status", "probe", "exec"))):
            r = self.run_it(*words)
            self.assertEqual((r.returncode, r.stdout, r.stderr), (0, text, ""), words)
        self.assertEqual(self.run_it("lab", "frob").returncode, 2)
        r = self.run_it("lab", "probe")
        self.assertTrue(r.stdout if r.returncode == 0 else r.stderr)


    def test_lab_options_stand_in_man_page_and_completions(self):
        text = self.run_it("help", "lab").stdout
        words = set(re.findall(r"--[a-z]+", text)) | set(re.findall(r"(?m)^bodkin lab (\w+)", text))
        choices = re.search(r"--answer ([a-z|]+)", text)[1]
        man = (ROOT / "docs/bodkin.1").read_text().replace("\\-", "-").split(".SS bodkin lab")[1].split(".SH")[0]
        self.assertIn(choices, man)
        for page in (man, *(re.search(r"(?ms)^\tlab\).*?;;", (ROOT / "packaging/completions" / n).read_text())[0]
                            for n in ("bodkin.bash", "_bodkin"))):
            self.assertGreater(len(words), 10)
            for word in words:
                self.assertRegex(page, rf"(?<![\w-]){word}(?![\w-])")

    def test_lab_says_what_was_probably_meant(self):
        for words, said in (
                (["up", "symblock", "port"], "none of those there are: symblock:128, symblock:512, symblock:2048"),
                (["up", "port", "symblock:64"], "none of those there are: symblock:128"),
                (["up", "prot", "sym"], "'prot' is no type of NAT; did you mean 'port'?"),
                (["up", "port", "cone"], "'cone' is no type of NAT; there are open, "),
                (["up", "port", "sym", "--with", "noise:1", "--with", "noise:2"], "--with noise is there already for side a"),
                (["up", "port", "sym", "--with", "noise:1:b", "--with", "noise:2"], "--with noise is there already for side b"),
                (["up", "port", "sym", "--with", "miniupnpd", "--with", "upnp:b"], "--with upnp is there already for side b"),
                (["stauts"], "there is no command 'stauts'; did you mean 'status'?")):
            r = self.run_it("lab", *words)
            self.assertEqual((r.returncode, r.stdout), (2, ""))
            self.assertIn(said, r.stderr)

    def test_an_option_of_lab_exec_behind_the_host_says_where_it_belongs(self):
        r = self.run_it("lab", "exec", "a", "--name", "x", "true")
        self.assertEqual((r.returncode, r.stdout), (2, ""))
        self.assertIn("'--name' stands behind the host", r.stderr)


class Config(kit.Case):
    def with_config(self, text, *args):
        config = self.root / "config/bodkin/config.ini"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(text)
        return self.run_it(*args)

    def test_a_section_that_nobody_reads_is_said_and_left_out(self):
        for section in ("[sedn]", "[send", "[]"):
            r = self.with_config(f"# mine\n{section}\nserver = x\n", "send", "-s", "127.0.0.1:1", self.file())
            self.assertEqual(r.returncode, 3)
            self.assertIn(f"config.ini' line 2: '{section}' is no section; there are [send]", r.stderr)

    def test_every_line_is_a_setting_or_an_error_with_its_number(self):
        for line, said in (("junk", "'junk' is not 'name = value'"), ("colour = red", "there is no option 'colour'"),
                           ("words = 99", "--words '99' is not a number"), ("verbose = much", "--verbose 'much'")):
            r = self.with_config(f"[send]\n\n{line}\n", "send", self.file())
            self.assertEqual(r.returncode, 2)
            self.assertIn(f"config.ini' line 3: {said}", r.stderr)
            self.assertNotIn("bodkin help", r.stderr)

    def test_what_is_typed_wins_over_a_line_that_does_not_go_with_it(self):
        _, server = self.serve()
        for line, args in (("conflict = fail", ["--overwrite"]), ("words = 4", []), ("daemon = yes", []), ("json = yes", ["-o", "-"])):
            sender = self.start("send", "-s", server, "--json", self.file())
            code = self.event(sender, "code")["code"]
            (self.folder_out() / "a.bin").write_text("here already")
            self.with_config(f"[recv]\n{line}\n", "help")
            args = args or ["--overwrite"]
            r = subprocess.run([kit.BODKIN, "recv", "-s", server, *(args if "-o" in args else [*args, "-o", self.folder_out()]), code],
                               capture_output=True, env=self.env, stdin=subprocess.DEVNULL, timeout=kit.WAIT)
            self.assertEqual((r.returncode, self.finish(sender)[0]), (0, 0), r.stderr)
        r = self.with_config("[send]\nkeep = yes\ncopies = 3\n", "send", "-s", server, self.file())
        self.assertEqual(r.returncode, 2)
        self.assertIn("--keep and --copies do not go together", r.stderr)

    def test_an_empty_line_is_an_error_with_its_number(self):
        r = self.with_config("server =\n", "send", self.file())
        self.assertEqual(r.returncode, 2)
        self.assertIn("line 1: --server is empty; give it HOST", r.stderr)

    def test_verbose_has_a_number_there(self):
        r = self.with_config("verbose = 1\n", "send", "-s", "127.0.0.1:1", self.file())
        self.assertEqual(r.returncode, 3, r.stderr)


class Codes(kit.Case):
    def test_a_spoken_code_is_typed_with_blanks(self):
        _, server = self.serve()
        for shape in (lambda c: c.split("-"), lambda c: [c.replace("-", " ")], lambda c: c.rsplit("-", 1)):
            sender = self.start("send", "-s", server, "--json", self.file())
            code = self.event(sender, "code")["code"]
            r = self.run_it("recv", "-s", server, "-o", self.folder_out(), "--overwrite", *shape(code))
            self.assertEqual((r.returncode, self.finish(sender)[0]), (0, 0), r.stderr)
        chat = self.start("chat", "-s", server, "--json")
        code = self.event(chat, "code")["code"]
        r = self.run_it("chat", "-s", server, *code.split("-"))
        self.assertEqual((r.returncode, self.finish(chat)[0]), (0, 0), r.stderr)
        r = self.run_it("recv", "-s", server, "7-tulip-anchor", "more")
        self.assertEqual(r.returncode, 2)
        self.assertIn("'more' is too much", r.stderr)


class Screens(kit.Case):
    def at_width(self, columns, *args):
        """What a terminal of that width is sent."""
        pid, fd = pty.fork()
        if pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            os.execve(kit.BODKIN, [kit.BODKIN, *map(str, args)], dict(self.env, TERM="xterm"))
        seen = b"".join(kit.shown(fd))
        os.close(fd)
        os.waitpid(pid, 0)
        return seen.decode().replace("\r", "").splitlines()

    def test_nat_fits_any_window(self):
        _, server = self.serve()
        for columns in (50, 80, 200):
            lines = self.at_width(columns, "nat", "-s", server)
            self.assertLess(max(map(len, lines)), columns, lines)
            self.assertIn("mapping endpoint-independent", "\n".join(lines))
        self.assertNotIn("unknown", "\n".join(lines))

    def test_help_fits_any_window(self):
        for command in ("send", "recv", "chat", "devices", "ping", "nat", "serve", ""):
            for columns in (50, 80, 200):
                lines = self.at_width(columns, "help", *command.split())
                self.assertLess(max(map(len, lines)), columns, lines)
                self.assertEqual(" ".join(lines).split(), self.run_it("help", *command.split()).stdout.split())

    def test_no_word_is_torn_at_the_edge_of_the_window(self):
        faults = (["send", "nofile"], ["send", "-s", "127.0.0.1:1", self.file()], ["recv", "-s", "h:1", "7-tulp-anchor"],
                  ["send"], ["nat", "-s", "h:abc"], ["frob"], ["serve", "-l", "nonsense"])
        for args in faults:
            whole = self.run_it(*args).stderr
            for columns in (30, 50, 80):
                lines = self.at_width(columns, *args)
                self.assertLessEqual(max(map(len, lines)), max(columns, *map(len, whole.split())), args)
                self.assertEqual(" ".join(lines).split(), whole.split())

    def test_what_is_copied_or_spoken_stands_in_one_line(self):
        _, self.env["BODKIN_SERVER"] = self.serve()
        lines = self.at_width(40, "send", "--timeout", "1", self.file())
        i = lines.index("On the other machine:")
        self.assertRegex(re.sub("\033\\[[01]m", "", lines[i + 1]), r"\Abodkin recv \d+(-[a-z]+){2}\Z")

    def test_ctrl_c_leaves_a_line_of_its_own_and_the_other_side_is_told_what_was_sent(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", self.file())
        code = self.event(sender, "code")["code"]
        status, screen = self.at_terminal(["recv", "-s", server, "--name", "bert", code], [(rb"\[Y/n\] ?", b"\x03")])
        self.assertEqual(status, 130)
        self.assertRegex(screen, r"\[Y/n\] \^C\r?\nbodkin: cancelled\r?\n")
        self.assertIn("bodkin: bert cancelled; nothing was sent\n", self.finish(sender)[2])
        status, screen = self.at_terminal(["send", "-s", server, self.file()], [(rb"-[a-z]+-[a-z]+", b"\x03")])
        self.assertEqual(status, 130)
        self.assertRegex(screen, r"\^C\r\033\[Kbodkin: cancelled\r?\n")

    def test_the_time_behind_a_path_is_its_round_trip(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", self.file())
        code = self.event(sender, "code")["code"]
        receiver = self.start("recv", "-s", server, "--json", "-o", self.folder_out(), code)
        for p in (sender, receiver):
            path = self.event(p, "path")
            self.assertGreater(path["rtt_ms"], 0)
            digits = 1 if path["rtt_ms"] < 1 else 0
            self.assertIn(f", {path['rtt_ms']:.{digits}f} ms", path["text"])
        self.assertEqual((self.finish(sender)[0], self.finish(receiver)[0]), (0, 0))

    def test_the_two_machines_of_the_readme_see_what_it_shows(self):
        """Its example to the letter, over loopback: addresses, pins, codes, how they connect, sizes and times masked."""
        shown = re.search(r"## Two machines\n.*?```\n(.*?)```.*?```\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
        serve, two = shown[1].splitlines(), shown[2]
        send, recv = (p.splitlines() for p in two.strip().split("\n\n"))
        names = [re.match(r"(\w+)\$ bodkin (\w+)", p[0]).groups() for p in (serve, send, recv)]
        self.assertEqual([n[1] for n in names], ["serve", "send", "recv"])
        server = subprocess.Popen([kit.BODKIN, "serve", "-l", "127.0.0.1:0", "--state", self.root / "server"], text=True,
                                  env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        server.stderr = server.stdout
        self.running.append(server)
        seen = [self.line(server).rstrip(), *(server.stdout.readline().rstrip() for _ in serve[2:])]
        self.assertEqual(self.masked(seen), self.masked(serve[1:]))
        address = re.search(r"-s (\S+#\S+)", seen[2])[1]
        self.env["BODKIN_SERVER"] = address
        self.file("holiday.tar", 100000)
        sender = self.start("send", "holiday.tar", "--name", names[1][0], cwd=self.root)
        code_line = self.line(sender).rstrip()
        self.assertEqual(self.masked([code_line]), self.masked(send[1:]))
        os.chdir(self.folder_out())
        self.addCleanup(os.chdir, ROOT)
        _, screen = self.at_terminal(["recv", code_line.split()[-1]], [(rb"\[Y/n\] ?", b"\n")])
        lines = [l for l in screen.replace("\r", "").splitlines() if l.strip()]
        self.assertEqual(self.masked(lines), self.masked(recv[1:]))
        self.assertEqual(self.finish(sender)[0], 0)

    def masked(self, lines):
        rows = ((r"^\S+Z info", "TIME info"), (r"'/\S*/", "'FOLDER/"), (r"\d+\.\d+\.\d+\.\d+:\d+", "ADDRESS"), (r"#[\w-]{43}", "#PIN"), (r"\b\d+-[a-z]+-[a-z]+\b", "CODE"),
                (r"^(Connected to \w+: direct) over .*, [\d.]+ ms$", r"\1, TIME"), (r"\(\d[^()]*B\)", "(SIZE)"),
                (r" in [\d.]+ m?s(, [\d.]+ .B/s)?$", " in TIME"), (r"\b[0-9a-f]{32}\b", "DIGEST"), (r"\? \[Y/n\].*", "? [Y/n]"))
        for pattern, mask in rows:
            lines = [re.sub(pattern, mask, l.strip()) for l in lines]
        return lines


class Pages(kit.Case):
    def test_the_man_page_names_every_event(self):
        source = "".join(p.read_text() for p in (ROOT / "src/cli").glob("*.c"))
        said = set(re.findall(r'bk_cli_report_event\([^;"]*"(\w+)"', source)) | set(re.findall(r'"event\\":\\"(\w+)', source))
        self.assertGreater(len(said), 10)
        table = (ROOT / "docs/bodkin.1").read_text().split(".SH EVENTS")[1].split(".TE")[0]
        self.assertEqual(said, set(re.findall(r"(?m)^(\w+)\t", table)))


if __name__ == "__main__":
    sys.exit(kit.main())
