#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trees that take long to look through: the code is there meanwhile, whoever comes waits, and nobody is kept from leaving.
And what many entries, and big files, cost in memory.

Run it with the program as argument or in $BODKIN; with SOAK=1 the entries are a million, which takes minutes."""
import json, os, pathlib, shutil, signal, sys, tempfile, threading, time, unittest, unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import kit  # noqa: E402

SOAK = bool(os.environ.get("SOAK"))
FILES = 300
MIB = 1 << 20
FEW, MANY = (20000, 1000000) if SOAK else (12000, 32000)
SIDES = ("sender", "receiver", "sender that goes on", "receiver that goes on")
# Bytes of memory for each entry, and for all. Of few ones the pieces in which lists travel, and what a program has anyway, hide
# much of it: only a million measure it well. Who goes on reads what it noted, all at once.
EACH = (175, 160, 175, 175) if SOAK else (450, 600, 450, 650)
MOST = (200e6, 200e6, 200e6, 200e6) if SOAK else (30e6, 36e6, 30e6, 38e6)
if SOAK:
    kit.WAIT = 600
PATH = 62  # bytes, of each of them
MEMORY = "/dev/shm"  # files are not what is looked at: they are where that is quick
# A receiver takes no more than it has room for, holes and all.
BIG = min(1 << 40, shutil.disk_usage(MEMORY).free // 2) if SOAK else 1024 * MIB


@unittest.skipIf("asan" in kit.BODKIN, "what looks after memory wants to be loaded first")
class Walk(kit.Case):
    """The disk that the tree is on answers when the gate is open."""

    def setUp(self):
        super().setUp()
        _, self.server = self.serve()
        env, self.gate = self.gated()
        self.env |= env
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


class Peak:
    """The most memory that a program had, in bytes: looked at until it ends."""

    def __init__(self, p):
        self.p, self.bytes = p, 0
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while self.p.poll() is None:
            try:
                with open(f"/proc/{self.p.pid}/status", encoding="utf-8") as f:
                    high = [line.split()[1] for line in f if line.startswith("VmHWM")]
            except FileNotFoundError:  # whoever waits for its end has just heard of it
                return
            if high:
                self.bytes = int(high[0]) * 1024
            time.sleep(0.002)

    def get(self):
        self.thread.join()
        return self.bytes


@unittest.skipIf("asan" in kit.BODKIN, "what looks after memory has much of it")
class Memory(kit.Case):
    """So many bytes for each entry of an offer, at either side, and none for each of a file."""

    def setUp(self):
        with unittest.mock.patch.object(tempfile, "tempdir", MEMORY):
            super().setUp()
        _, self.server = self.serve()

    def tree(self, name, n):
        top = self.root / name
        for at in range(0, n, 500):
            self.leaf(top, at).parent.mkdir(parents=True)
            for i in range(at, min(at + 500, n)):
                self.leaf(top, i).write_bytes(b".")
        return top

    def leaf(self, top, i):
        """One of its files: of a byte, since what is empty has no digests."""
        return top / f"folder-{i // 500:04}-{'x' * (PATH - len(top.name) - 29)}" / f"file-{i:06}.txt"

    def pair(self, path):
        sender = self.start("send", "-s", self.server, "-q", "--json", path)
        code = self.event(sender, "code")["code"]
        receiver = self.start("recv", "-s", self.server, "-q", "--json", "-o", self.folder_out(), code)
        return sender, receiver

    def break_off(self, path, mark):
        """Sends it until a file is there; then the receiver is killed."""
        sender, receiver = self.pair(path)
        until = time.monotonic() + kit.WAIT
        while not mark.exists():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.002)
        receiver.kill()
        receiver.wait()
        sender.send_signal(signal.SIGINT)
        self.finish(sender)

    def cost(self, path):
        """Sends it; the most memory of sender and receiver, and the receiver's events."""
        pair = self.pair(path)
        peaks = [Peak(p) for p in pair]
        ends = [self.finish(p) for p in pair]
        self.assertEqual([(status, err) for status, _, err in ends], [(0, "")] * 2)
        return [p.get() for p in peaks], [json.loads(line) for line in ends[1][1].splitlines()]

    def test_so_many_bytes_for_each_entry_fresh_and_resumed(self):
        costs = {}
        for n in (FEW, MANY):
            top = self.tree(f"tree-{n}", n)
            fresh, _ = self.cost(top)
            shutil.rmtree(self.root / "out")
            half = n // 2
            self.break_off(top, self.folder_out() / self.leaf(top, half).relative_to(self.root))
            resumed, events = self.cost(top)
            self.assertEqual(len(list((self.root / "out").rglob("*.txt"))), n)
            self.assertEqual(os.listdir(self.root / "out"), [top.name])
            costs[n] = [*fresh, *resumed]
        each = [(many - few) / (MANY - FEW) for few, many in zip(costs[FEW], costs[MANY])]
        for side, all_of_it, one, most, at_most in zip(SIDES, costs[MANY], each, MOST, EACH):
            print(f"{side}: {all_of_it / 1e6:.0f} MB, {one:.0f} bytes an entry")
            self.assertLess(all_of_it, most, side)
            self.assertLess(one, at_most, side)

    def test_none_for_the_bytes_of_a_file(self):
        top = self.root / "sparse"
        costs = []
        for size in (64 * MIB, BIG):
            with open(top, "wb") as f:
                f.seek(size - 1)
                f.write(b".")
            costs.append(self.cost(top)[0])
            self.assertEqual(os.stat(self.root / "out/sparse").st_size, size)
            os.remove(self.root / "out/sparse")
        for side, few, many in zip(SIDES, *costs):
            self.assertLess(many - few, 6 * MIB, side)


if __name__ == "__main__":
    sys.exit(kit.main())
