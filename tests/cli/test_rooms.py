#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bodkin chat --room: many at terminals, and as filters.

Run it with the program as argument or in $BODKIN."""
import json, os, pathlib, re, select, signal, socket, subprocess, sys, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "examples"))

import terminal  # noqa: E402
import kit  # noqa: E402

INVITE = "tulip-anchor-fern-lasso-brass-hazel-squad"
MORE = "/help lists what can be done, /quit leaves."
HOUR = r"([0-9-]+ )?\d\d:\d\d "


class Room(kit.Case):
    """Each has a machine of his own: a key, and rooms that are remembered."""

    def setUp(self):
        super().setUp()
        self.addCleanup(terminal.kill_all)
        self.env["NO_COLOR"] = "1"

    def restartable(self):
        """Clients that try again have the usual loopback address: there none of their ports is ever the server's."""
        return self.serve("-l", "127.0.0.2:0")

    def home(self, name):
        (self.root / name).mkdir(exist_ok=True)
        return {**self.env, "HOME": str(self.root / name), "XDG_STATE_HOME": str(self.root / name / "state")}


class Screens(Room):
    def setUp(self):
        super().setUp()
        _, self.server = self.restartable()

    def at(self, name, *args, columns=120, room=("--room", INVITE), home=None, **env):
        env = {**self.home(home or name), **env}
        command = ["/bin/sh", "-c", 'cd "$1"; shift; exec "$@"', "sh", env["HOME"], kit.BODKIN, "chat",
                   "-s", self.server, "--name", name, *room, *args]
        return terminal.Terminal(list(map(str, command)), columns, env)

    def sees(self, who, *rows, seconds=20):
        """The screen ends with these rows, above the line that is typed; ~ stands for the hour."""
        deadline = time.monotonic() + seconds
        patterns = [re.compile("".join(HOUR if part == "~" else re.escape(part) for part in re.split("(~)", row)) + r"\Z") for row in rows]
        while True:
            last = who.screen.text()[-len(rows):]
            if len(last) == len(rows) and all(p.match(t) for p, t in zip(patterns, last)):
                return
            ready = select.select([who.fd], [], [], max(0, deadline - time.monotonic()))[0]
            self.assertTrue(ready, f"expected {rows}, the screen shows {who.screen.text()}")
            who.feed(os.read(who.fd, 4096))

    def shows(self, who, pattern, seconds=20):
        """The screen has it somewhere, sooner or later."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, "\n".join(who.screen.text()), re.M)):
            ready = select.select([who.fd], [], [], max(0, deadline - time.monotonic()))[0]
            self.assertTrue(ready, f"expected {pattern}, the screen shows {who.screen.text()}")
            who.feed(os.read(who.fd, 4096))
        return found

    def room(self, *names, **more):
        """All of them, each of whom has seen all others come."""
        people = []
        for i, name in enumerate(names):
            people.append(self.at(name, **more))
            self.sees(people[-1], *([f"You are in the room with {' and '.join(names[:i])}. {MORE}"] if 0 < i < 3 else
                                    [f"You are in the room, alone so far. {MORE}"] if not i else []), ">")
            for who in people[:-1]:
                self.sees(who, f"* {name} came", ">")
        return people

    def leave(self, *people):
        for who in people:
            who.type("\x04")
        for who in people:
            self.assertEqual(who.end(), 0, who.screen.text())

    def test_what_one_says_all_see_with_name_hour_and_mark(self):
        anna, bert, carl = self.room("anna", "bert", "carl")
        anna.type("hello 漢字 é̂\r")
        self.sees(anna, "~you: hello 漢字 é̂ ✓", ">")
        for who in (bert, carl):
            self.sees(who, "~anna: hello 漢字 é̂", ">")
        bert.type("half a l")
        carl.type("//two\x1b\rlines\r")
        self.sees(bert, "~carl: /two", "  lines", "> half a l")
        bert.type("ine\r")
        self.sees(carl, "~bert: half a line", ">")
        carl.type("/quit\r")
        self.assertEqual(carl.end(), 0)
        for who in (anna, bert):
            self.sees(who, "* carl left", ">")
        self.leave(anna, bert)

    def test_a_new_room_prints_how_others_join_and_the_invite_is_asked_for_unseen(self):
        anna = self.at("anna", room=["--new-room"], columns=300)
        found = self.shows(anna, r"and there, when it asks: ([a-z]+(-[a-z]+){6})")
        words = found[1].split("-")
        self.assertIn(f"On the other machines: bodkin chat -s {self.server} --room", anna.screen.text())
        bert = self.at("bert", room=["--room"])
        bert.wait_for(["Invite (it is not shown): 0 words"])
        bert.type(" ".join(words[:6]) + " nonsens\r")
        bert.type(" ".join(words[:-1]) + "-" + words[-1] + "\r")
        self.sees(bert, f"You are in the room with anna. {MORE}", ">")
        shown = "\n".join(bert.screen.text())
        self.assertIn("Invite (it is not shown): 7 words", shown)
        self.assertFalse([w for w in words if re.search(rf"\b{w}\b", shown)])
        self.sees(anna, "* bert came", ">")
        self.leave(anna, bert)

    def test_what_was_said_before_is_marked_and_set_apart(self):
        anna, bert = self.room("anna", "bert")
        anna.type("one\r/msg bert for bert\r")
        self.sees(bert, "~anna: one", "~anna to you alone: for bert", ">")
        self.sees(anna, "~you: one ✓", "~you to bert alone: for bert ✓", ">")
        carl = self.at("carl")
        self.sees(carl, f"You are in the room with anna and bert. {MORE}", "* said before you came:", "| ~anna: one", ">")
        bert.type("\x04")
        self.assertEqual(bert.end(), 0)
        bert = self.at("bert")
        self.sees(bert, "* said before you came:", "| ~anna: one", "| ~anna to you alone: for bert", ">")
        self.leave(anna, bert, carl)

    def test_to_one_alone_by_a_name_that_tab_completes(self):
        anna, bert, third = self.room("anna", "bert", "carl the third")
        anna.type("/msg ca\tsecret\r")
        self.sees(third, "~anna to you alone: secret", ">")
        self.sees(anna, "~you to carl the third alone: secret ✓", ">")
        anna.type("to all\r")
        self.sees(bert, "~anna: to all", ">")
        self.sees(anna, "~you: to all ✓", ">")
        self.assertNotIn("secret", "\n".join(bert.screen.text()))
        anna.type("/msg nobody here\r")
        self.sees(anna, "* nobody here is called nobody here; /who lists who is here", ">")
        self.leave(anna, bert, third)

    def test_two_of_one_name_are_told_apart(self):
        anna, bert = self.room("anna", "bert")
        other = self.at("bert", home="other")
        self.sees(other, ">")
        mark = self.shows(anna, r"\* bert(#[0-9a-f]{8}) came")
        anna.type("/msg bert x\r")
        self.sees(anna, "* several are called bert; /who bert tells how to tell them apart", ">")
        anna.type(f"/msg bert{mark[1]} found\r")
        self.sees(other, "~anna to you alone: found", ">")
        other.type("who am I\r")
        self.sees(anna, f"~bert{mark[1]} (not who had that name first): who am I", ">")
        self.leave(anna, bert, other)

    def test_a_file_goes_to_one_and_is_shown_before_it_is_taken(self):
        anna, bert = self.room("anna", "bert")
        content = os.urandom(1_000_000)
        (self.root / "anna/to hand over.bin").write_bytes(content)
        anna.type("/send to\t be\t\r")
        self.sees(anna, "* bert is asked whether to take to hand over.bin (1.00 MB)", ">")
        asked = ["* anna wants to hand you a file. /take connects the two machines and shows what it is; /refuse", ">"]
        self.sees(bert, *asked)
        bert.type("/take\r")
        self.shows(bert, r"^\* /take takes it, /refuse does not$")
        bert.type("/take\r")
        self.sees(bert, "* to hand over.bin is here (1.00 MB)", ">")
        self.sees(anna, "* bert has to hand over.bin (1.00 MB)", ">")
        self.assertEqual((self.root / "bert/to hand over.bin").read_bytes(), content)
        anna.type("/send to hand over.bin bert\r")
        self.sees(bert, *asked)
        bert.type("/refuse\r")
        self.sees(anna, "* to hand over.bin was declined", ">")
        anna.type("/send nothing bert\r")
        self.sees(anna, "* cannot send 'nothing': No such file or directory", ">")
        self.leave(anna, bert)

    def test_another_room_for_all_but_one(self):
        anna, bert, carl = self.room("anna", "bert", "carl")
        anna.type("/remember ours\r")
        self.sees(anna, "* remembered: bodkin chat --room ours", ">")
        anna.type("/rekey carl\r")
        self.sees(bert, "* anna made another room, and you are asked to it: /move goes there. Whoever was not asked stays here.", ">")
        anna.type("/move\r")
        self.sees(anna, "* remembered: bodkin chat --room ours", f"You are in the room, alone so far. {MORE}", ">")
        bert.type("/move\r")
        self.sees(bert, f"You are in the room with anna. {MORE}", ">")
        self.sees(anna, "* bert came", ">")
        bert.type("without carl\r")
        self.sees(anna, "~bert: without carl", ">")
        self.sees(carl, "* anna and bert left", ">")
        self.assertNotIn("another room", "\n".join(carl.screen.text()))
        self.leave(anna, carl)
        anna = self.at("anna", room=["--room", "ours"])  # the new one
        self.sees(anna, f"You are in the room with bert. {MORE}", "* said before you came:", "| ~bert: without carl", ">")
        kept = self.root / "anna/state/bodkin/rooms"
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        anna.type("/forget\r")
        self.sees(anna, "* the invite is not kept any more", ">")
        self.assertEqual(kept.read_text(), "")
        self.leave(anna, bert)

    def test_a_server_that_dies_is_waited_for_and_nothing_is_lost(self):
        server = self.running[0]
        place = self.server.split("#")[0]
        anna, bert = self.room("anna", "bert")
        anna.type("before\r")
        self.sees(bert, "~anna: before", ">")
        server.kill()
        server.wait()
        self.shows(anna, r"  .*; trying again$")
        anna.type("meanwhile 1\rmeanwhile 2\r")
        self.sees(anna, "... meanwhile 1", "... meanwhile 2", ">")
        self.serve("-l", place)
        for who, name in ((anna, "you"), (bert, "anna")):
            self.shows(who, f"{name}: meanwhile 2", 40)
        for who, name in ((anna, "you"), (bert, "anna")):
            said = re.findall(rf"{HOUR}{name}: (\w+ ?\d?)", "\n".join(who.screen.text()))
            self.assertEqual([s[-1].strip() for s in said], ["before", "meanwhile 1", "meanwhile 2"])
        self.leave(anna, bert)

    def test_control_characters_and_directions_are_harmless(self):
        anna, bert = self.room("anna", "bert")
        p = subprocess.run([kit.BODKIN, "chat", "-s", self.server, "--room", INVITE, "--name", "evil"], env=self.home("evil"),
                           input="\x1b[2J\x07\u202egnp.exe\n".encode() + "漢é̂\n".encode(), capture_output=True, timeout=kit.WAIT)
        self.assertEqual(p.returncode, 0, p.stderr)
        self.shows(anna, "evil: 漢é̂$")
        self.assertTrue([t for t in anna.screen.text() if t.endswith("evil: ?[2J??gnp.exe")], anna.screen.text())
        self.leave(anna, bert)

    def test_no_row_of_what_one_says_looks_like_another_line(self):
        anna, bert = self.room("anna", "bert", columns=90)
        for end, gap in (("one", " "), ("two", "\u00a0")):
            anna.type(f"{'x' * 40} {'y' * 40}12:03{gap}bert:{gap}I{gap}agree" + f"{gap}again{gap}12:03{gap}bert:{gap}yes" * 4 + end + "\r")
            self.shows(bert, rf"yes{end}\n>$")
            self.shows(anna, rf"yes{end} ✓\n>$")
        for who in (anna, bert):
            rows = who.screen.text()
            self.assertGreater(len(rows), 6)
            self.assertEqual([t for t in rows if not re.match(rf"  [^ ]|You are in|\* |>|{HOUR}(anna|you): x", t)], [])
            self.assertLessEqual(max(map(len, rows)), 90)
        self.leave(anna, bert)

    def test_ctrl_c_and_the_end_of_the_terminal_leave(self):
        anna, bert, carl = self.room("anna", "bert", "carl")
        carl.type("\x03")
        self.assertEqual(carl.end(), 0)
        self.sees(anna, "* carl left", ">")
        self.assertEqual(bert.hang_up(), 0)
        self.sees(anna, "* bert left", ">")
        self.leave(anna)


class Filter(Room):
    def filter(self, name, *args, room=("--room", INVITE), **more):
        p = subprocess.Popen([kit.BODKIN, "chat", "--name", name, *map(str, args), *room], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.home(name), **more)
        self.running.append(p)
        self.addCleanup(p.stdin.close)
        return p

    def events(self, p):
        for line in p.stdout:
            yield json.loads(line)

    def until(self, p, **wanted):
        for e in self.events(p):
            if all(e.get(k) == v for k, v in wanted.items()):
                return e
        self.fail(f"ended before {wanted}: {p.stderr.read()}")

    def end(self, p, text=b""):
        out, err = p.communicate(text, timeout=kit.WAIT)
        return p.returncode, out, err.decode()

    def test_lines_go_to_all_with_a_name_and_nothing_else(self):
        _, server = self.serve()
        one = self.filter("anna b", "-s", server, "--json")
        self.until(one, event="room")
        other = self.filter("bert", "-s", server)
        one.stdin.write(b"a\tb\nlast without an end")
        one.stdin.flush()
        self.until(one, event="delivered")
        self.assertEqual(other.stdout.readline(), b"anna b\ta\tb\n")
        one.stdin.close()
        self.assertEqual(other.stdout.readline(), b"anna b\tlast without an end\n")
        self.assertEqual(one.wait(kit.WAIT), 0)
        code, out, err = self.end(other)
        self.assertEqual((code, out), (0, b""), err)

    def test_hundreds_of_lines_are_told_in_order_before_it_ends(self):
        _, server = self.serve()
        one = self.filter("anna", "-s", server, "--json")
        self.until(one, event="room")
        lines = [f"line {i} grüße" for i in range(150)]
        code, _, err = self.end(self.filter("bert", "-s", server), "\n".join(lines).encode())
        self.assertEqual(code, 0, err)
        said = []
        while len(said) < len(lines):
            e = self.until(one, event="message")
            said.append(e["text"])
        self.assertEqual(said, lines)

    def test_json_says_who_is_there_and_what_was_told(self):
        _, server = self.serve()
        anna = self.filter("anna", "-s", server, "--json", room=("--new-room",))
        room = self.until(anna, event="room")
        self.assertEqual((room["members"], len(room["invite"].split("-"))), (1, 7))
        bert = self.filter("bert", "-s", server, "--json", room=("--room=" + room["invite"].replace("-", " "),))
        self.assertEqual(self.until(bert, event="room")["members"], 2)
        came = self.until(anna, event="presence")
        self.assertEqual((came["name"], came["state"], len(came["id"])), ("bert", "online", 64))
        anna.stdin.write(b"hello\n")
        anna.stdin.flush()
        e = self.until(bert, event="message")
        self.assertEqual({k: e[k] for k in ("from", "text", "number", "is_history", "is_private", "is_ours")},
                         {"from": "anna", "text": "hello", "number": 1, "is_history": False, "is_private": False, "is_ours": False})
        self.assertEqual(self.until(anna, event="delivered")["number"], 1)
        bert.stdin.close()
        done = self.until(bert, event="done")
        self.assertEqual({k: done[k] for k in ("sent", "delivered", "received")}, {"sent": 0, "delivered": 0, "received": 1})
        self.assertEqual(self.until(anna, event="presence", state="offline")["name"], "bert")

    def test_remembered_rooms_need_neither_invite_nor_server(self):
        _, server = self.serve()
        code, _, err = self.end(self.filter("anna", "-s", server, "--remember", "our room"), b"kept\n")
        self.assertEqual(code, 0, err)
        code, out, err = self.end(self.filter("anna", "--json", room=("--room", "our", "room")))
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out.splitlines()[0])["id"], "our room")
        p = self.filter("bert", room=("--room", "our room"))
        code, _, err = self.end(p)
        self.assertEqual(code, 2)
        self.assertIn("no room is remembered as that", err)

    def test_what_cannot_be_is_said_before_anything_starts(self):
        for args, why in ((("--room", "tulip-anchor"), "an invite has seven words, and this has 2"),
                          (("--room", INVITE[:-1]), "did you mean 'squad'?"),
                          (("--room", "unknown"), "no room is remembered as 'unknown'"),
                          (("--room",), r"which room\?"),
                          (("--room", INVITE, "--name", "an\033na"), "a name has 1 to 64 bytes"),
                          (("--new-room", "more"), "--new-room and CODE do not go together"),
                          (("--new-room", "--room"), "--new-room and --room do not go together"),
                          (("--remember", "x"), "none is named"),
                          (("--room", INVITE, "--remember", "a\tb"), "--remember takes a name"),
                          (("--room", INVITE, "--remember", INVITE), "--remember takes a name")):
            with self.subTest(args=args):
                code, out, err = self.end(self.filter("anna", "-s", "127.0.0.1:1", room=args))
                self.assertEqual((code, out), (2, b""), err)
                self.assertRegex(err, rf"\Abodkin: cannot chat: [^\n]*{why}[^\n]*\n\Z")

    def test_a_server_that_is_not_there_is_exit_3(self):
        code, _, err = self.end(self.filter("anna", "-s", "127.0.0.1:1"))
        self.assertEqual(code, 3, err)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            code, _, err = self.end(self.filter("anna", "-s", f"127.0.0.1:{silent.getsockname()[1]}", "--timeout", "1"))
        self.assertEqual(code, 3, err)

    def test_ctrl_c_is_130(self):
        _, server = self.serve()
        anna = self.filter("anna", "-s", server, "--json")
        self.until(anna, event="room")
        bert = self.filter("bert", "-s", server, "--json")
        self.until(anna, event="presence", state="online")
        bert.send_signal(signal.SIGINT)
        self.assertEqual(bert.wait(kit.WAIT), 130)
        self.until(anna, event="presence", state="offline")

    def test_lines_wait_for_a_server_that_is_restarted_and_come_once(self):
        server, place = self.restartable()
        anna = self.filter("anna", "-s", place, "--json")
        self.until(anna, event="room")
        bert = self.filter("bert", "-s", place)
        self.until(anna, event="presence", state="online")
        bert.stdin.write(b"0\n")
        bert.stdin.flush()
        self.assertEqual(self.until(anna, event="message")["text"], "0")
        server.kill()
        server.wait()
        self.until(anna, event="waiting")
        bert.stdin.write(b"".join(b"%d\n" % i for i in range(1, 21)))
        bert.stdin.close()
        self.serve("-l", place.split("#")[0])
        said = []
        while len(said) < 20:
            said.append(self.until(anna, event="message")["text"])
        self.assertEqual(said, [str(i) for i in range(1, 21)])
        self.assertEqual(bert.wait(kit.WAIT), 0)

    def test_what_is_too_long_is_named(self):
        _, server = self.serve()
        anna = self.filter("anna", "-s", server, "--json")
        self.until(anna, event="room")
        code, _, err = self.end(self.filter("bert", "-s", server), b"x" * 61440 + b"\n" + b"x" * 61441 + b"\n")
        self.assertEqual(code, 1, err)
        self.assertIn("line 2", err)


if __name__ == "__main__":
    sys.exit(kit.main())
