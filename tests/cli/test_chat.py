#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bodkin chat: at terminals, where nothing typed may be torn, and as a filter, where nothing else may stand.

Run it with the program as argument or in $BODKIN."""
import contextlib, json, os, pathlib, re, resource, signal, subprocess, sys, termios, threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "examples"))

import terminal  # noqa: E402
import kit  # noqa: E402

TALK = "You talk with {}. /help lists what can be done, /quit leaves."


def wrapped(text, columns, indent=""):
    """The rows of a text where nothing goes beyond so many columns."""
    rows, row, used = [], "", 0
    for c in text:
        if used + terminal.width(c) > columns:
            rows, row, used = rows + [row], indent, len(indent)
        row, used = row + c, used + terminal.width(c)
    return [r.rstrip() for r in rows + [row]]


def broken(text, columns, indent=""):
    """The same of what stands above: it breaks at blanks, where a word fits into a row at all. What somebody says is set
    in, so that none of its rows looks like another line."""
    def width(s):
        return sum(map(terminal.width, s))

    rows = [""]
    for i, word in enumerate(text.split(" ")):
        joined = rows[-1] + " " * (i > 0) + word
        if width(word) + len(indent) <= columns < width(joined) and rows[-1].strip():
            rows.append(indent + word)
        else:
            rows[-1:] = wrapped(joined, columns, indent)
    return rows


class Talk(kit.Case):
    """Two people at terminals. anna makes the code."""

    def setUp(self):
        super().setUp()
        self.addCleanup(terminal.kill_all)
        self.env["NO_COLOR"] = "1"
        for name in ("a", "b"):
            (self.root / name).mkdir()

    def at(self, name, *args, columns=80, **env):
        folder = self.root / name[0]
        command = ["/bin/sh", "-c", 'cd "$1"; shift; exec "$@"', "sh", folder, kit.BODKIN, "chat", "--name", name, *args]
        return terminal.Terminal(list(map(str, command)), columns, {**self.env, **env})

    def one(self, columns=80, **env):
        """anna, who waits, and her code."""
        _, self.server = self.serve()
        anna = self.at("anna", "-s", self.server, columns=columns, **env)
        while not (code := re.search(r" (\d+-[a-z]+-[a-z]+)$", "".join(t.ljust(columns) for t in anna.screen.text()).rstrip())):
            anna.feed(os.read(anna.fd, 4096))
        return anna, code[1]

    def two(self, columns=80, **env):
        anna, code = self.one(columns, **env)
        bert = self.at("bert", "-s", self.server, code, columns=columns, **env)
        for who, other in ((anna, "bert"), (bert, "anna")):
            said = TALK.format(other)
            who.wait_for([*broken(said, columns), ">"])
        return anna, bert

    def leave(self, *people):
        people[0].type("\x04")
        for who in people:
            self.assertEqual(who.end(), 0, who.screen.text())

    def test_what_is_typed_is_not_torn_at_any_width(self):
        typed = "漢字 é̂ grüße 🦀 " + "the quick brown fox jumps over the lazy dög, " * 5 + "漢字漢字漢字!"
        for columns in (50, 80, 200):
            with self.subTest(columns=columns):
                anna, bert = self.two(columns)
                rows = wrapped("> " + typed, columns - 1, "  ")
                anna.type(typed)
                anna.wait_for(rows)
                for i in range(5):
                    bert.type(f"I interrupt {i} 漢\r")
                    anna.wait_for([f"bert: I interrupt {i} 漢", *rows])
                    bert.wait_for([f"you: I interrupt {i} 漢 ✓", ">"])
                self.assertEqual([t for t in anna.screen.text() if "fox" in t and t not in rows], [])
                anna.type("\x01>\x05<\r")  # at the beginning, and at the end
                bert.wait_for([*broken("anna: >" + typed + "<", columns, "  "), ">"])
                anna.wait_for([*broken("you: >" + typed + "< ✓", columns, "  "), ">"])
                self.leave(anna, bert)

    def test_a_window_that_changes_its_width_tears_nothing(self):
        anna, bert = self.two(80)
        typed = "the quick brown fox jumps over the lazy dog and goes on"
        anna.type(typed)
        anna.wait_for(["> " + typed])
        anna.resize(40)
        anna.wait_for(["> the quick brown fox jumps over the la", "  zy dog and goes on"])
        bert.type("narrow\r")
        anna.wait_for(["bert: narrow", "> the quick brown fox jumps over the la", "  zy dog and goes on"])
        anna.resize(120)
        anna.wait_for(["bert: narrow", "> " + typed])
        bert.type("wide\r")
        anna.wait_for(["bert: narrow", "bert: wide", "> " + typed])
        anna.type("\x15")
        self.leave(anna, bert)

    def test_a_paste_is_one_message_of_several_lines(self):
        anna, bert = self.two()
        anna.type("\x1b[200~one\r\ttwo\rthree\x1b[201~")
        anna.wait_for(["> one", "      two", "  three"])
        anna.type("\r")
        anna.wait_for(["you: one", "      two", "  three ✓", ">"])
        bert.wait_for(["anna: one", "      two", "  three", ">"])
        anna.type("a\x1b\rb\r")  # Alt-Enter
        bert.wait_for(["anna: a", "  b", ">"])
        self.leave(anna, bert)

    def test_what_was_typed_unseen_stands_there_line_by_line_and_is_not_sent(self):
        anna, code = self.one()
        anna.type("ahoi\rhalf")
        bert = self.at("bert", "-s", self.server, code)
        anna.wait_for([TALK.format("bert"), "> ahoi", "  half"])
        anna.type(" a line\r")
        bert.wait_for(["anna: ahoi", "  half a line", ">"])
        self.leave(bert, anna)

    def test_what_is_said_stands_below_until_it_is_delivered(self):
        anna, bert = self.two()
        os.kill(bert.pid, signal.SIGSTOP)
        for i in range(5):
            anna.type(f"said {i}\r")
        anna.wait_for(["... 2 more, not delivered yet", "... said 2", "... said 3", "... said 4", ">"])
        anna.type("half a l")
        anna.wait_for(["... said 4", "> half a l"])
        os.kill(bert.pid, signal.SIGCONT)
        anna.wait_for([*[f"you: said {i} ✓" for i in range(5)], "> half a l"])
        bert.wait_for([*[f"anna: said {i}" for i in range(5)], ">"])
        anna.type("\x15\x04")
        self.assertEqual(anna.end(), 0)
        bert.wait_for(["* anna left", ""])
        self.assertEqual(bert.end(), 0)

    def test_leaving_waits_for_what_was_said(self):
        anna, bert = self.two()
        os.kill(bert.pid, signal.SIGSTOP)
        anna.type("last words\r/quit\r")
        anna.wait_for(["... last words", "* leaving when that is delivered; Ctrl-D leaves at once", ">"])
        os.kill(bert.pid, signal.SIGCONT)
        self.assertEqual(anna.end(), 0)
        self.assertEqual(anna.screen.text()[-2:], ["you: last words ✓", ""])
        self.assertEqual(bert.end(), 0)
        self.assertEqual(bert.screen.text()[-3:], ["anna: last words", "* anna left", ""])

    def test_what_could_not_be_delivered_is_named(self):
        anna, bert = self.two()
        os.kill(bert.pid, signal.SIGSTOP)
        anna.type("into the void\r")
        anna.wait_for(["... into the void", ">"])
        anna.type("\x04\x04")
        self.assertEqual(anna.end(), 130)
        self.assertIn("not delivered: into the void", anna.screen.text())
        os.kill(bert.pid, signal.SIGKILL)

    def test_what_was_only_typed_when_the_other_left_is_not_lost(self):
        anna, bert = self.two()
        anna.type("half a l")
        anna.wait_for(["> half a l"])
        bert.type("bye\r\x04")
        self.assertEqual(anna.end(), 0)
        self.assertEqual(anna.screen.text()[-4:], ["bert: bye", "not said: half a l", "* bert left", ""])
        self.assertEqual(bert.end(), 0)

    def test_a_file_is_handed_over_beside_the_talk(self):
        anna, bert = self.two()
        content = os.urandom(2_000_000)
        (self.root / "a/to hand over.bin").write_bytes(content)
        (self.root / "b/to hand over.bin").write_bytes(b"kept")
        anna.type("/se\tto\t\r")
        anna.wait_for(["* bert is asked whether to take to hand over.bin (2.00 MB)", ">"])
        bert.wait_for(["* anna offers to hand over.bin (2.00 MB)", "  to hand over.bin (2.00 MB) exists here",
                       "* /take takes it, /refuse does not", ">"])
        bert.type("a moment\r")
        bert.wait_for(["you: a moment ✓", ">"])
        bert.type("/take\r")
        anna.wait_for(["bert: a moment", "* bert has to hand over.bin (2.00 MB)", ">"])
        bert.wait_for(["* to hand over-1.bin is here (2.00 MB)", ">"])
        self.assertEqual((self.root / "b/to hand over-1.bin").read_bytes(), content)
        self.assertEqual((self.root / "b/to hand over.bin").read_bytes(), b"kept")
        bert.type("/send nothing\r")
        bert.wait_for(["* cannot send 'nothing': No such file or directory", ">"])
        (self.root / "b/.profile").write_bytes(b"x")
        bert.type("/send .profile\r")
        anna.wait_for(["* bert offers .profile (1 byte)", "  .profile (1 byte) hidden", "* /take takes it, /refuse does not", ">"])
        anna.type("/refuse\r")
        anna.wait_for(["* .profile was declined", ">"])
        bert.wait_for(["* .profile was not sent: anna declined what was offered; nothing was sent", ">"])
        anna.type("/refuse\r")
        anna.wait_for(["* nothing is offered", ">"])
        self.leave(bert, anna)

    def test_commands(self):
        anna, bert = self.two()
        anna.type("/who\r")
        anna.wait_for(["* 0 heard, 0 said, 0 of them not delivered yet", ">"])
        self.assertRegex(anna.screen.text()[-3], r"^\* bert \(NAT: [A-Z][A-Za-z ]+\), here for ")
        anna.type("//slash\r")
        bert.wait_for(["anna: /slash", ">"])
        anna.wait_for(["you: /slash ✓", ">"])
        anna.type("/path\r/frob\r")
        anna.wait_for(["* there is no /frob; /help lists what there is, //TEXT says /TEXT", ">"])
        self.assertTrue([t for t in anna.screen.text() if re.match(r"\* direct over \w+ .*127\.0\.0\.1", t)])
        anna.type("/help\r")
        anna.wait_for(["  Alt-Enter    a new line in what is said", ">"])
        self.leave(anna, bert)

    def test_the_terminal_is_as_it_was(self):
        for end in ("\x04", "\x03", "/quit\r"):
            anna, bert = self.two()
            self.assertFalse(termios.tcgetattr(anna.fd)[3] & termios.ICANON)
            anna.type(end)
            self.assertEqual(bert.end(), 0)
            kept = os.dup(anna.fd)
            self.assertEqual(anna.end(), 0)
            with contextlib.suppress(termios.error):
                self.assertTrue(termios.tcgetattr(kept)[3] & termios.ICANON)
            os.close(kept)

    def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(self):
        _, self.server = self.serve()
        anna = self.at("anna", "-s", self.server, TERM="dumb")
        anna.wait_for([""])
        while not (code := re.search(r" (\d+-[a-z]+-[a-z]+)\n", "\n".join(anna.screen.text()))):
            anna.feed(os.read(anna.fd, 4096))
        bert = self.at("bert", "-s", self.server, code[1])
        bert.wait_for([TALK.format("anna"), ">"])
        bert.type("hello\r")
        anna.wait_for(["bert: hello", ""])
        anna.type("hello ")
        anna.wait_for(["hello"])
        bert.type("are you there?\r")
        anna.wait_for(["hello", "bert: are you there?", ""])  # and not behind what is being typed
        anna.type("to you\r")
        bert.wait_for(["anna: hello to you", ">"])
        anna.type("/who\r")
        anna.wait_for(["* 2 heard, 1 said, 0 of them not delivered yet", ""])
        anna.type("\x04")
        self.assertEqual((anna.end(), bert.end()), (0, 0))

    def test_a_window_that_is_closed_is_a_leave(self):
        anna, bert = self.two()
        anna.type("never to be s")
        anna.wait_for(["> never to be s"])
        self.assertEqual(anna.hang_up(), 0)
        self.assertEqual(bert.end(), 0)
        self.assertEqual(bert.screen.text()[-2:], ["* anna left", ""])

    def test_stopped_and_gone_on_with_it_is_all_there_again(self):
        anna, bert = self.two()
        anna.type("half a l")
        anna.wait_for(["> half a l"])
        anna.type("\x1a")  # Ctrl-Z
        os.waitid(os.P_PID, anna.pid, os.WSTOPPED)
        self.assertTrue(termios.tcgetattr(anna.fd)[3] & termios.ICANON)
        bert.type("while you sleep\r")
        bert.wait_for(["... while you sleep", ">"])
        os.kill(anna.pid, signal.SIGCONT)
        anna.wait_for(["bert: while you sleep", "> half a l"])
        bert.wait_for(["you: while you sleep ✓", ">"])
        anna.type("ine\r")
        bert.wait_for(["anna: half a line", ">"])
        self.leave(anna, bert)

    def test_ctrl_c_before_anybody_came_is_exit_130(self):
        _, self.server = self.serve()
        anna = self.at("anna", "-s", self.server)
        while "On the other machine" not in "".join(anna.screen.text()):
            anna.feed(os.read(anna.fd, 4096))
        anna.type("typed too early\x03")
        self.assertEqual(anna.end(), 130)


class Filter(kit.Case):
    """Each line of the one is a line of the other."""

    def start_filter(self, *args, stdin=subprocess.PIPE, stdout=subprocess.PIPE):
        p = subprocess.Popen([kit.BODKIN, "chat", *map(str, args)], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=self.env)
        p.stdout = p.stdout or open(os.devnull)
        self.running.append(p)
        return p

    def code_of(self, p):
        line = p.stderr.readline().decode()
        self.assertIn("bodkin chat", line)
        return line.split()[-1]

    def two(self, **first):
        _, self.server = self.serve()
        one = self.start_filter("-s", self.server, **first)
        return one, self.start_filter("-s", self.server, self.code_of(one))

    def end(self, p, text=b""):
        out, err = p.communicate(text, timeout=kit.WAIT)
        return p.returncode, out, err.decode()

    def test_lines_go_in_and_come_out_and_nothing_else(self):
        lines = "".join(f"{i} grüße\t🦀\n" for i in range(20000)) + "\n\nwithout an end"
        path = self.file("typed", 0)
        path.write_text(lines)
        with open(path) as typed:
            one, other = self.two(stdin=typed)
        self.assertEqual(self.end(other, b"return\r\nlast")[:2], (0, (lines + "\n").encode()))
        self.assertEqual(one.wait(kit.WAIT), 0)
        self.assertEqual(one.stdout.read(), b"return\nlast\n")

    def test_it_waits_for_the_end_of_both_inputs(self):
        one, other = self.two()
        one.stdin.write(b"a\n")
        one.stdin.close()
        self.assertEqual(other.stdout.readline(), b"a\n")
        for i in range(3):
            other.stdin.write(b"%d\n" % i)
            other.stdin.flush()
            self.assertEqual(one.stdout.readline(), b"%d\n" % i)
        self.assertIsNone(one.poll())
        self.assertEqual(self.end(other)[0], 0)
        self.assertEqual(one.wait(kit.WAIT), 0)

    def test_json_says_who_said_what_and_what_was_delivered(self):
        _, server = self.serve()
        one = self.start_filter("-s", server, "--json", "--name", "an\033na")
        code = json.loads(one.stdout.readline())["code"]
        other = self.start_filter("-s", server, code, "--json", "--name", "bert")
        one.stdin.write(b"c\n")
        one.stdin.close()
        out = self.end(other, "a\nb\033[2J\n".encode())[1]
        said = [json.loads(line) for line in one.stdout.read().splitlines()]
        self.assertEqual([e for e in said if e["event"] == "message"], [
            {"event": "message", "from": "bert", "text": text, "number": n, "is_history": False} for n, text in ((1, "a"), (2, "b?[2J"))])
        events = {e["event"]: e for e in map(json.loads, out.splitlines())}
        self.assertEqual(events["message"]["from"], "an?na")
        self.assertEqual(events["delivered"], {"event": "delivered", "number": 2})
        self.assertEqual({k: events["done"][k] for k in ("sent", "delivered", "received")}, {"sent": 2, "delivered": 2, "received": 1})

    def test_who_does_not_read_is_waited_for(self):
        one, other = self.two()
        line, lines, said = b"x" * 60000 + b"\n", 2000, []

        def say():
            for i in range(lines):
                one.stdin.write(line)
                said.append(i)
            one.stdin.close()

        speaker = threading.Thread(target=say)
        speaker.start()
        before = -1
        while before != len(said):  # until it stands still
            before = len(said)
            speaker.join(1)
        self.assertLess(before, lines)
        for p in (one, other):
            with open(f"/proc/{p.pid}/statm") as f:
                self.assertLess(int(f.read().split()[1]) * resource.getpagesize(), 80 << 20)
        other.stdin.close()
        got = 0
        while data := other.stdout.read(1 << 20):
            got += len(data)
        speaker.join()
        self.assertEqual(got, lines * len(line))
        self.assertEqual((one.wait(kit.WAIT), other.wait(kit.WAIT)), (0, 0))

    def test_what_cannot_be_written_ends_it(self):
        for kind in ("full", "closed"):
            with self.subTest(kind=kind), open("/dev/full", "w") as full:
                one, other = self.two(stdout=full if kind == "full" else subprocess.PIPE)
                if kind == "closed":
                    one.stdout.close()
                other.stdin.write(b"a\n")
                other.stdin.flush()
                self.assertEqual(one.wait(kit.WAIT), 7)
                self.assertRegex(one.stderr.read(), b"standard output: (No space left on device|Broken pipe)")
                self.assertEqual(other.wait(kit.WAIT), 1)

    def test_a_line_that_is_too_long_is_named(self):
        one, other = self.two()
        code, _, err = self.end(one, b"fine\n" + b"x" * 65536 + b"\n" + b"x" * 65537 + b"\n")
        self.assertEqual(code, 1, err)
        self.assertIn("line 3", err)
        self.assertEqual(self.end(other)[0], 1)

    def test_what_is_no_text_becomes_question_marks(self):
        one, other = self.two()
        other.stdin.close()
        code, _, err = self.end(one, b"\xff\0\xc3\nfine\n")
        self.assertEqual(code, 0)
        self.assertEqual(err.count("UTF-8"), 1)
        self.assertEqual(other.stdout.read(), b"???\nfine\n")

    def test_interrupted_is_130_here_and_1_there(self):
        one, other = self.two()
        one.stdin.write(b"a\n")
        one.stdin.flush()
        self.assertEqual(other.stdout.readline(), b"a\n")
        one.send_signal(signal.SIGINT)
        code, _, err = self.end(one)
        self.assertEqual(code, 130, err)
        code, _, err = self.end(other)
        self.assertEqual(code, 1)
        self.assertIn("cancelled", err)

    def test_the_other_command_is_named(self):
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", self.file())
        code = self.event(sender, "code")["code"]
        p = self.start_filter("-s", server, code)
        status, _, err = self.end(p)
        self.assertEqual(status, 6, err)
        self.assertIn("the other side runs another command", err)

    def test_a_folder_that_takes_no_files_is_said_before_anybody_is_met(self):
        self.file("a file")
        for folder, why in (("missing", "No such file"), ("a file", "Not a directory")):
            r = self.run_it("chat", "-s", "127.0.0.1:1", "-o", self.root / folder)
            self.assertEqual(r.returncode, 7, r.stderr)
            self.assertIn(why, r.stderr)

    def test_usage(self):
        for args, words in ((["1-a-b", "more"], "one code is enough"), (["-s", "h", "no code"], "no code"),
                            (["-s", "h", "--plain"], "plain")):
            r = self.run_it("chat", *args)
            self.assertEqual(r.returncode, 2)
            self.assertRegex(r.stderr, r"\Abodkin: [^\n]+\n\Z")
            self.assertIn(words, r.stderr)


if __name__ == "__main__":
    sys.exit(kit.main())
