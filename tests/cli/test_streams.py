#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What has no size: standard input, pipes, files of /proc, from one program to another.

Run it with the program as argument or in $BODKIN."""
import hashlib, json, os, pathlib, pty, re, signal, subprocess, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import kit  # noqa: E402


class Kit(kit.Case):
    def setUp(self):
        super().setUp()
        _, self.server = self.serve()

    def sender(self, *args, stdin=subprocess.DEVNULL):
        """A sender, and the code that it made."""
        p = subprocess.Popen([kit.BODKIN, "send", "-s", self.server, "--json", *map(str, args)], stdin=stdin,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env)
        self.running.append(p)
        return p, self.event(p, "code")["code"]

    def receive(self, code, *args):
        return self.run_it("recv", "-s", self.server, "-o", self.folder_out(), *args, code)

    def passing_on(self, code, stdout=subprocess.PIPE):
        """A receiver whose standard output is the file or stream, byte for byte."""
        p = subprocess.Popen([kit.BODKIN, "recv", "-s", self.server, "-o", "-", code], stdin=subprocess.DEVNULL, stdout=stdout,
                             stderr=subprocess.PIPE, env=self.env)
        self.running.append(p)
        p.stdout = p.stdout or open(os.devnull)
        return p

    def endless(self, *command):
        """An endless stream, its sender, and the code."""
        source = subprocess.Popen(command or ["yes"], stdout=subprocess.PIPE)
        self.addCleanup(source.wait)
        self.addCleanup(source.kill)
        sender, code = self.sender("-", stdin=source.stdout)
        source.stdout.close()
        return sender, code


class Streams(Kit):
    def test_standard_input_arrives_until_it_ends_behind_a_file(self):
        read, write = os.pipe()
        sender, code = self.sender("-", self.file(), stdin=read)
        os.close(read)
        receiver = self.start("recv", "-s", self.server, "--json", "-o", self.folder_out(), code)
        offer = self.event(receiver, "offer")
        self.assertEqual([(n["path"], n["kind"]) for n in offer["names"]], [("a.bin", "file"), ("stdin", "stream")])
        with open(write, "wb") as f:
            f.write(b"said ")
            f.flush()
            while self.event(receiver, "progress")["bytes"] < 100005:
                pass
            f.write(b"slowly")
        self.assertEqual(self.finish(receiver)[0], 0)
        code, out, err = self.finish(sender)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual((self.root / "out/stdin").read_bytes(), b"said slowly")

    def test_progress_says_which_file_and_how_many_there_are(self):
        read, write = os.pipe()
        sender, code = self.sender("-", self.file("in/a"), self.file("in/b"), stdin=read)
        os.close(read)
        receiver = self.start("recv", "-s", self.server, "--json", "-o", self.folder_out(), code)
        for p in (sender, receiver):  # what has no end stays the last
            while (e := self.event(p, "progress")).get("path") != "stdin":
                os.write(write, b"x")
            self.assertEqual((e["number"], e["files"]), (3, 3))
        os.close(write)
        self.assertEqual((self.finish(sender)[0], self.finish(receiver)[0]), (0, 0))

    def test_a_pipe_and_a_file_of_proc_that_are_named_are_streams(self):
        fifo = self.root / "fifo"
        os.mkfifo(fifo)
        sender, code = self.sender(fifo, "/proc/version")
        receiver = self.start("recv", "-s", self.server, "-o", self.folder_out(), code)
        fifo.write_bytes(b"through a pipe")
        self.assertEqual(self.finish(receiver)[0], 0)
        self.assertEqual(self.finish(sender)[0], 0)
        self.assertEqual((self.root / "out/fifo").read_bytes(), b"through a pipe")
        self.assertEqual((self.root / "out/version").read_bytes(), pathlib.Path("/proc/version").read_bytes())

    def test_no_size_is_said_where_none_is_known(self):
        sender, code = self.sender("/proc/version")
        said = self.receive(code).stderr
        self.assertRegex(said, r"Offered by \S+: version \(size unknown\)\n")
        self.assertRegex(said, r"Received version \(\d+ bytes\) in ")
        self.assertEqual(self.finish(sender)[0], 0)

    def test_a_tar_goes_from_one_program_to_another(self):
        for i in range(20):
            self.file(f"tree/sub{i}/file", i * 1000)
        tar = subprocess.Popen(["tar", "c", "-C", self.root, "tree"], stdout=subprocess.PIPE)
        self.addCleanup(tar.wait)
        sender, code = self.sender("-", stdin=tar.stdout)
        tar.stdout.close()
        receiver = self.passing_on(code)
        subprocess.run(["tar", "x", "-C", self.folder_out()], stdin=receiver.stdout, check=True, timeout=kit.WAIT)
        self.assertEqual(receiver.wait(kit.WAIT), 0)
        said = receiver.stderr.read().decode()
        self.assertRegex(said, r"Offered by \S+: stdin \(size unknown\)\n(?s:.*)Received stdin \(")
        self.assertEqual(self.finish(sender)[0], 0)
        self.assertEqual(kit.tree(self.root / "out/tree"), kit.tree(self.root / "tree"))

    def test_200_megabytes_are_passed_on_as_they_are(self):
        size = int(os.environ.get("BODKIN_STREAM_MB", 200)) * 1000000
        source = subprocess.Popen(f"yes | head -c {size}", shell=True, stdout=subprocess.PIPE)
        self.addCleanup(source.wait)
        sender, code = self.sender("-", stdin=source.stdout)
        source.stdout.close()
        receiver, got, want, left = self.passing_on(code), hashlib.sha256(), hashlib.sha256(), size
        while data := os.read(receiver.stdout.fileno(), 1 << 20):
            got.update(data)
        while left:
            want.update((b"y\n" * 500000)[:left])
            left -= min(left, 1000000)
        self.assertEqual(receiver.wait(kit.WAIT), 0)
        self.assertEqual(got.hexdigest(), want.hexdigest())
        self.assertEqual(self.finish(sender)[0], 0)

    def test_a_file_is_passed_on_and_appended_where_a_shell_appends(self):
        sender, code = self.sender(self.file())
        with open(self.root / "log", "wb") as log:
            log.write(b"before")
        with open(self.root / "log", "ab") as log:
            receiver = self.passing_on(code, log)
            self.assertEqual(receiver.wait(kit.WAIT), 0, receiver.stderr)
        self.assertEqual((self.root / "log").read_bytes(), b"before" + self.file().read_bytes())

    def test_more_than_one_file_is_refused_on_both_sides_with_what_to_do(self):
        for paths in ([self.file(), self.file("in/b")], [self.file("in/sub/c").parent]):
            with self.subTest(paths=paths):
                sender, code = self.sender(*paths)
                receiver = self.passing_on(code)
                out, err = receiver.communicate(timeout=kit.WAIT)
                self.assertEqual((receiver.returncode, out), (8, b""))
                self.assertRegex(err.decode(), r"bodkin: cannot pass on more than one file as a stream: send a tar of them, or")
                here, _, said = self.finish(sender)
                self.assertEqual(here, 6)
                self.assertRegex(said, r"did not take it: cannot pass on more than one file as a stream: send a tar")

    def test_a_terminal_is_not_written_to(self):
        ours, theirs = pty.openpty()
        r = subprocess.run([kit.BODKIN, "recv", "-s", self.server, "-o", "-", "1-cake-gem"], stdin=subprocess.DEVNULL, stdout=theirs,
                           stderr=subprocess.PIPE, text=True, env=self.env, timeout=kit.WAIT)
        os.close(theirs)
        os.close(ours)
        self.assertEqual(r.returncode, 2)
        self.assertIn("not for a terminal", r.stderr)

    def test_events_and_content_do_not_share_standard_output(self):
        r = self.run_it("recv", "-s", self.server, "-o", "-", "--json", "1-cake-gem")
        self.assertEqual(r.returncode, 2)
        self.assertIn("both want standard output", r.stderr)

    def test_a_reader_that_has_enough_ends_both_sides_with_a_sentence(self):
        sender, code = self.endless()
        receiver = self.passing_on(code)
        got = 0
        while got < 4 << 20:  # more than a part that could be gone on with
            got += len(os.read(receiver.stdout.fileno(), 1 << 16))
        receiver.stdout.close()
        self.assertEqual(receiver.wait(kit.WAIT), 7)
        self.assertRegex(receiver.stderr.read().decode(), r"\nbodkin: cannot pass on 'stdin': nobody reads it any more\n\Z")
        here, _, said = self.finish(sender)
        self.assertEqual(here, 1)
        self.assertRegex(said, r"failed: cannot pass on 'stdin': nobody reads it any more$")

    def test_who_sends_a_file_to_one_that_keeps_nothing_is_not_told_that_it_goes_on(self):
        path = self.root / "big"
        with open(path, "wb") as f:
            f.truncate(200_000_000)
        sender, code = self.sender(path, "--compress", "off")
        receiver = self.passing_on(code)
        for _ in range(40):
            receiver.stdout.read(1_000_000)
        receiver.send_signal(signal.SIGINT)
        err = self.finish(sender)[2]
        self.assertIn("not everything was sent", err)
        self.assertNotIn("kept", err)
        receiver.stdout.close()
        receiver.wait()

    def test_a_reader_that_pauses_holds_the_sender_back(self):
        sender, code = self.endless("cat", "/dev/urandom")  # what cannot be packed
        receiver = self.passing_on(code)
        before, same = -1, 0
        while same < 3:  # at five a second
            now = self.event(sender, "progress")["bytes"]
            before, same = now, same + 1 if now == before else 0
        self.assertLess(before, 100 << 20)
        high = int(pathlib.Path(f"/proc/{receiver.pid}/status").read_text().split("VmHWM:")[1].split()[0])
        self.assertLess(high, 100 << 10)
        receiver.send_signal(signal.SIGINT)
        self.assertEqual(receiver.wait(kit.WAIT), 130)
        self.assertEqual(self.finish(sender)[0], 1)

    def test_a_sender_that_dies_is_no_end(self):
        for how, status in ((signal.SIGKILL, -9), (signal.SIGINT, 130)):
            with self.subTest(how=how):
                sender, code = self.endless()
                receiver = self.passing_on(code)
                self.assertEqual(os.read(receiver.stdout.fileno(), 4), b"y\ny\n")
                sender.send_signal(how)
                while os.read(receiver.stdout.fileno(), 1 << 20):
                    pass
                self.assertEqual(receiver.wait(kit.WAIT), 1)
                self.assertRegex(receiver.stderr.read().decode(), r"\nbodkin: [^\n]+\n\Z")
                self.assertEqual(self.finish(sender)[0], status)

    def test_more_than_is_wanted_is_refused_and_both_sides_read_it(self):
        sender, code = self.sender(self.file(size=3000))
        r = self.receive(code, "--max-size", "2K")
        said = "cannot receive 3000 bytes: at most 2048 are taken here"
        self.assertEqual((r.returncode, os.listdir(self.root / "out")), (8, []))
        self.assertIn(f"bodkin: {said}; that is what --max-size says\n", r.stderr)
        here, _, err = self.finish(sender)
        self.assertEqual(here, 6)
        self.assertIn(f"did not take it: {said}", err)

    def test_what_is_wanted_at_the_most_is_taken(self):
        for args in ([self.file(size=2048)], ["--text", "x" * 2048]):
            sender, code = self.sender(*args)
            self.assertEqual(self.receive(code, "--max-size", "2K").returncode, 0)
            self.assertEqual(self.finish(sender)[0], 0)

    def test_a_stream_is_cut_off_where_it_is_too_much(self):
        sender, code = self.endless()
        r = subprocess.run([kit.BODKIN, "recv", "-s", self.server, "-o", "-", "--max-size", "1M", code], stdin=subprocess.DEVNULL,
                           capture_output=True, env=self.env, timeout=kit.WAIT)
        self.assertEqual(r.returncode, 8)
        self.assertLessEqual(len(r.stdout), 1 << 20)
        self.assertEqual(r.stdout, (b"y\n" * (1 << 19))[:len(r.stdout)])
        self.assertIn(b"bodkin: 'stdin' was cut off: at most 1048576 bytes are taken here", r.stderr)
        here, _, err = self.finish(sender)
        self.assertEqual(here, 1)
        self.assertIn("was cut off: at most 1048576 bytes", err)
        sender, code = self.endless()
        r = self.receive(code, "--max-size", "1M")
        self.assertEqual(r.returncode, 8)
        self.assertEqual((self.root / "out/stdin.part").stat().st_size, 1 << 20)

    def test_an_endless_stream_that_is_ended_leaves_what_came_and_both_sides_read_it(self):
        for who in ("sender", "receiver"):
            with self.subTest(who=who):
                sender, code = self.endless()
                receiver = self.start("recv", "-s", self.server, "--json", "-o", self.folder_out(), code)
                while self.event(receiver, "progress")["bytes"] < 1 << 20:
                    pass
                (sender if who == "sender" else receiver).send_signal(signal.SIGINT)
                (s, _, serr), (r, _, rerr) = self.finish(sender), self.finish(receiver)
                self.assertEqual((s, r), (130, 1) if who == "sender" else (1, 130))
                self.assertRegex(rerr, r"\Abodkin: [^\n]*what came is kept as 'stdin[.0-9]*part'[^\n]*\n\Z")
                self.assertRegex(serr, r"\Abodkin: [^\n]+\n\Z")
                part = self.root / "out" / re.search(r"'(stdin[.0-9]*part)'", rerr)[1]
                size = part.stat().st_size
                self.assertGreaterEqual(size, 1 << 20)
                with open(part, "rb") as f:
                    while piece := f.read(1 << 20):
                        self.assertEqual(piece, (b"y\n" * (1 << 19))[:len(piece)])


class Texts(Kit):
    """What is said, instead of a file."""

    text = "two lines\n\tof it: grüße \033[31m\u202e"

    def test_a_text_comes_byte_for_byte_where_no_terminal_is(self):
        sender, code = self.sender("--text", self.text)
        r = self.receive(code)
        self.assertEqual((r.returncode, r.stdout), (0, self.text))
        self.assertRegex(r.stderr, r"Offered by \S+: a text \(\d+ bytes\)\n\Z")
        self.assertEqual(os.listdir(self.root / "out"), [])
        code, out, err = self.finish(sender)
        self.assertEqual((code, err), (0, ""))
        self.assertIn('"kind":"text"', out)

    def test_a_text_is_an_event(self):
        _, code = self.sender("--text", self.text)
        events = {e["event"]: e for e in map(json.loads, self.receive(code, "--json").stdout.splitlines())}
        self.assertEqual(events["message"]["text"], self.text)
        self.assertEqual(events["message"]["from"], events["peer"]["name"])
        self.assertEqual((events["done"]["entries"], events["done"]["paths"]), (1, []))

    def test_a_text_at_a_terminal_is_harmless_and_looks_like_no_line_of_ours(self):
        _, code = self.sender("--name", "anna", "--text", self.text + "\nbodkin: all is well")
        status, seen = self.at_terminal(["recv", "-s", self.server, code], [])
        self.assertEqual(status, 0)
        self.assertTrue(seen.replace("\r", "").endswith("anna says:\n  two lines\n      of it: grüße ?[31m?\n  bodkin: all is well\n"), seen)

    def test_a_text_that_goes_on_to_a_program_is_what_was_said(self):
        _, code = self.sender("--text", self.text)
        receiver = self.passing_on(code)
        self.assertEqual(receiver.communicate(timeout=kit.WAIT)[0].decode(), self.text)
        self.assertEqual(receiver.returncode, 0)

    def test_the_longest_text_that_a_command_line_holds(self):
        said = "x" * ((128 << 10) - 1)
        _, code = self.sender("--text", said)
        self.assertEqual(self.receive(code, "-q").stdout, said)


class Codes(Kit):
    """The line for the other machine, to be scanned; by a scanner that others wrote."""

    def shown(self, *args, **more):
        """What stands at the terminal of a sender who is interrupted when it has said it."""
        last_row = "(?:▀|▄|█) *\033\\[0m\r\n\033\\[[0-9;]+m +\033\\[0m\r\n".encode()  # bare, behind one that is not
        status, seen = self.at_terminal(["send", "-s", self.server, "--qr", *args, self.file()],
                                        [(last_row + rb"|QR code: [^\r]*\r\n", b"\x03")], **more)
        self.assertEqual(status, 130, seen)
        return seen.replace("\r", "")

    def picture(self, seen, around):
        """The drawing as a picture, on a terminal whose background is like that."""
        rows = re.findall(r"^\033\[38;5;16;48;5;231m([ ▀▄█]+)\033\[0m$", seen, re.M)
        self.assertEqual(len({len(r) for r in rows}), 1)
        dark = [[c in "▀█" for c in r] if half == 0 else [c in "▄█" for c in r] for r in rows for half in (0, 1)]
        edge, scale = 5, 4
        width = len(rows[0]) + 2 * edge
        lines = [[around] * width] * edge + [[around] * edge + [0 if d else 255 for d in line] + [around] * edge for line in dark] + \
            [[around] * width] * edge
        pixels = bytes(p for line in lines for _ in range(scale) for p in line for _ in range(scale))
        path = self.root / "qr.pgm"
        path.write_bytes(b"P5 %d %d 255\n" % (width * scale, len(lines) * scale) + pixels)
        return path, len(rows)

    def test_the_line_is_scanned_from_a_dark_terminal_and_from_a_light_one(self):
        seen = self.shown("--code", "7-cake-gem", size=(24, 80))
        line = f"bodkin recv -s {self.server} 7-cake-gem"
        for around in (0, 255):
            path, rows = self.picture(seen, around)
            self.assertLess(rows, 24)
            scanned = subprocess.run(["zbarimg", "-q", "--raw", path], capture_output=True, text=True)
            self.assertEqual(scanned.stdout.strip(), line)

    def test_where_it_cannot_be_drawn_that_is_said(self):
        for more, why in (({"size": (24, 40)}, r"it takes \d+ columns and \d+ rows, and there are 40 and 24"),
                          ({"size": (20, 80)}, r"it takes \d+ columns and \d+ rows, and there are 80 and 20"),
                          ({"NO_COLOR": "1"}, "it needs the colours that NO_COLOR forbids"),
                          ({"TERM": "dumb"}, "it needs the colours that this terminal has not"),
                          ({"LC_ALL": "C"}, "this terminal shows no UTF-8")):
            with self.subTest(**more):
                seen = self.shown(**more)
                self.assertRegex(seen.replace("\n", " "), f"bodkin: cannot draw a QR code: {why} ")
                self.assertNotIn("▀", seen)
                self.assertIn("On the other machine:", seen)

    def test_a_program_that_reads_is_told_so_too(self):
        sender, _ = self.sender("--qr", self.file())
        sender.send_signal(signal.SIGINT)
        self.assertIn("cannot draw a QR code: standard output is no terminal", self.finish(sender)[2])


if __name__ == "__main__":
    sys.exit(kit.main())
