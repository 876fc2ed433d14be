#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trees that take long to look through: the code is there meanwhile, whoever comes waits, and nobody is kept from leaving.

Run it with the program as argument or in $BODKIN."""
import json, os, pathlib, signal, subprocess, sys, time, unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import test_cli as kit  # noqa: E402

FILES = 300


@unittest.skipIf("asan" in kit.BODKIN, "what looks after memory wants to be loaded first")
class Walk(kit.Case):
    """The disk that the tree is on answers when the gate is open."""

    def setUp(self):
        super().setUp()
        _, self.server = self.serve()
        library = self.root / "gate.so"
        source = pathlib.Path(__file__).with_name("gate.c")
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        self.gate = self.root / "open"
        self.env |= {"LD_PRELOAD": str(library), "GATE": str(self.gate)}
        self.top = self.root / "tree"
        self.top.mkdir()
        for i in range(FILES):
            (self.top / str(i)).write_bytes(b"%d" % i)
        os.mkfifo(self.top / "pipe")

    def shut(self, *args):
        """A sender whose walk stands, and its code."""
        sender = self.start("send", "-s", self.server, "--json", *args, self.top)
        return sender, self.event(sender, "code")["code"]

    def take(self, code):
        return self.start("recv", "-s", self.server, "--json", "-o", self.folder_out(), code)

    def test_the_code_is_there_and_who_comes_early_waits_and_has_all(self):
        sender, code = self.shut()
        receiver = self.take(code)
        self.assertEqual(self.event(receiver, "counting"), {"event": "counting", "entries": 0})
        self.gate.touch()
        status, out, err = self.finish(sender)
        there = self.finish(receiver)
        self.assertEqual((status, there[0], err, there[2]), (0, 0, "", ""))
        events = [json.loads(line) for line in out.splitlines()]
        said = [e["event"] for e in events if e["event"] not in ("peer", "path", "waiting", "progress")]
        self.assertEqual([e for i, e in enumerate(said) if e != "counting" or said[i - 1] != e], ["counting", "left-out", "offer", "done"])
        self.assertEqual([e["entries"] for e in events if e["event"] in ("counting", "left-out", "offer")][-3:], [FILES + 1, 1, FILES + 1])
        self.assertEqual(sorted(os.listdir(self.root / "out/tree"), key=int), [str(i) for i in range(FILES)])

    def test_several_who_come_early_wait_and_have_all(self):
        sender, code = self.shut("--copies", "2")
        outs = [self.root / f"out{i}" for i in range(2)]
        for out in outs:
            out.mkdir()
        receivers = [self.start("recv", "-s", self.server, "--json", "-o", out, code) for out in outs]
        for r in receivers:
            self.event(r, "counting")
        self.gate.touch()
        for p in (*receivers, sender):
            self.assertEqual(self.finish(p)[::2], (0, ""))
        for out in outs:
            self.assertEqual(len(os.listdir(out / "tree")), FILES)

    def test_a_person_leaves_while_it_is_counted(self):
        for leaver in (0, 1):
            sender, code = self.shut()
            receiver = self.take(code)
            self.event(receiver, "counting")
            began = time.monotonic()
            (sender, receiver)[leaver].send_signal(signal.SIGINT)
            ends = [self.finish(p) for p in (sender, receiver)]
            self.assertLess(time.monotonic() - began, 5)
            self.assertIn("bodkin: cancelled", ends[leaver][2])
            self.assertIn("cancelled; nothing was", ends[1 - leaver][2])
            self.assertEqual(os.listdir(self.root / "out"), [])

    def test_what_is_wrong_with_the_tree_is_a_sentence(self):
        other = self.root / "other/tree"
        other.mkdir(parents=True)
        sender = self.start("send", "-s", self.server, self.top, other)
        self.assertIn("On the other machine: ", self.line(sender))
        self.gate.touch()
        status, _, err = self.finish(sender)
        self.assertEqual((status, err), (2, f"bodkin: cannot send '{other}': two of the files have this name; send them one by one\n"))

    def test_what_cannot_go_to_several_is_said_when_it_is_found(self):
        os.mkfifo(self.root / "pipe")
        sender, code = self.shut("--copies", "2", self.root / "pipe")
        receiver = self.take(code)
        self.event(receiver, "counting")
        self.gate.touch()
        status, _, err = self.finish(sender)
        self.assertEqual((status, err), (1, "bodkin: cannot send: a stream can be read once; send a file to several\n"))
        self.assertIn("a stream can be read once", self.finish(receiver)[2])

    def test_a_person_sees_the_count(self):
        status, seen = self.at_terminal(["send", "-s", self.server, self.top], [(rb"Counting: 0 so far", b"\x03")])
        self.assertRegex(seen, r"recv [^\n]+\r\n(.*\r)?Counting: 0 so far")
        self.assertNotEqual(status, 0)


if __name__ == "__main__":
    sys.exit(kit.main())
