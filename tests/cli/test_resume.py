#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nothing starts over: whoever dies (kill -9 of sender, receiver, both, the server), wherever in a file or among many, the
second run sends what is missing, and what stands under a name is what was sent.

Run it with the program as argument or in $BODKIN; with SOAK=1 one file is of 1 GiB and many are 10,000, and all is done at
every point."""
import hashlib, json, os, pathlib, signal, subprocess, sys, unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import kit  # noqa: E402

SOAK = bool(os.environ.get("SOAK"))
MIB = 1 << 20
BIG, MANY, SMALL = (1024 * MIB, 10000, 4096) if SOAK else (64 * MIB, 2000, 4096)
POINTS = [0.01, 0.3, 0.6, 0.9, 0.999]
kit.WAIT = 120 if SOAK else kit.WAIT


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "blake2b").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.blake2b(f.read()).hexdigest()


def size(path):
    try:
        return os.lstat(path).st_size
    except FileNotFoundError:  # it has just got its name
        return 0


def had(folder):
    """Bytes of files and parts."""
    return sum(size(os.path.join(d, n)) for d, _, names in os.walk(folder) for n in names if not n.endswith(".journal"))


class Resume(kit.Case):
    is_cut = False

    def setUp(self):
        super().setUp()
        self.server_process, self.server = self.serve()

    def big(self):
        path = self.root / "in/big"
        path.parent.mkdir(exist_ok=True)
        block = os.urandom(MIB)
        with open(path, "wb") as f:
            for i in range(BIG // MIB):
                f.write(i.to_bytes(8, "big") + block[8:])
        return path

    def many(self):
        top = self.root / "in/many"
        top.mkdir(parents=True)
        block = os.urandom(2 * SMALL)
        for i in range(MANY):
            (top / f"{i:05}").write_bytes(block[i % SMALL:i % SMALL + SMALL - 8] + i.to_bytes(8, "big"))
        os.utime(top, (1.6e9, 1.6e9))
        return top

    def begin(self, path, *args):
        """A sender and a receiver."""
        sender = self.start("send", "-s", self.server, "--json", "--compress", "off", *args, path)
        code = self.event(sender, "code")["code"]
        receiver = self.start("recv", "-s", self.server, "--json", "-o", self.folder_out(), "--conflict", "fail", *args, code)
        return sender, receiver

    def until(self, enough, receiver):
        """False: it was faster."""
        while had(self.root / "out") < enough:
            if receiver.poll() is not None:
                return False
        return True

    def die(self, *victims):
        for p in victims:
            p.kill()
        for p in victims:
            p.wait()

    def end_all(self, *rest):
        for p in rest:
            if p.poll() is None:
                p.send_signal(signal.SIGINT)
            self.finish(p)

    def go_on(self, path, name):
        """The second run, which sends at most what is missing and 2 MiB."""
        total, here = had(path) if path.is_dir() else size(path), had(self.root / "out")
        sender, receiver = self.begin(path)
        code, out, err = self.finish(receiver)
        self.assertEqual((code, err), (0, ""))
        code, sent, err = self.finish(sender)
        self.assertEqual((code, err), (0, ""))
        events = [{e["event"]: e for e in map(json.loads, text.splitlines())} for text in (out, sent)]
        for e in events:
            self.assertEqual(e["done"]["bytes"], total)
            self.assertLessEqual(e["done"]["sent"], total - here + 2 * MIB)
            self.assertEqual("resume" in e, here > 0 and e["done"]["sent"] < total)
        self.same(path, self.root / "out" / name)
        self.assertEqual(os.listdir(self.root / "out"), [name])
        return events[0]

    def same(self, a, b):
        if not a.is_dir():
            self.assertEqual(digest(a), digest(b))
            return
        self.assertEqual(sorted(os.listdir(a)), sorted(os.listdir(b)))
        if not self.is_cut:  # who made a folder may be forgotten then
            self.assertEqual((a.stat().st_mode, int(a.stat().st_mtime)), (b.stat().st_mode, int(b.stat().st_mtime)))
        for name in os.listdir(a):
            self.assertEqual((a / name).read_bytes(), (b / name).read_bytes(), name)

    def empty(self):
        subprocess.run(["rm", "-rf", self.root / "out"], check=True)

    # --- one file ---

    def test_a_receiver_that_is_killed(self):
        self.kill_at(self.big(), "big", POINTS if SOAK else [0.01, 0.6, 0.999], lambda s, r: [r])

    def kill_at(self, path, name, points, victims, *args):
        for point in points:
            with self.subTest(point=point):
                total = had(path) if path.is_dir() else size(path)
                sender, receiver = self.begin(path, *args)
                if self.until(int(total * point), receiver):
                    self.die(*victims(sender, receiver))
                    self.end_all(sender, receiver)
                if any(n.endswith(".journal") for n in os.listdir(self.root / "out")):
                    self.go_on(path, name)
                else:  # it was faster than we
                    self.same(path, self.root / "out" / name)
            self.empty()

    def test_a_sender_that_is_killed(self):
        self.kill_at(self.big(), "big", POINTS if SOAK else [0.3], lambda s, r: [s])

    def test_both_that_are_killed(self):
        self.kill_at(self.big(), "big", POINTS if SOAK else [0.6], lambda s, r: [s, r])

    def test_a_server_that_is_killed_while_all_goes_through_it(self):
        def server_too(sender, receiver):
            victims = [self.server_process]
            self.die(*victims)
            self.server_process, self.server = self.serve()
            return [sender, receiver]
        self.kill_at(self.big(), "big", POINTS if SOAK else [0.6], server_too, "--path", "relay")

    # --- many files ---

    def test_many_files_and_a_receiver_that_is_killed(self):
        self.kill_at(self.many(), "many", POINTS if SOAK else [0.5], lambda s, r: [r], "--limit", "20M")

    def test_many_files_and_both_that_are_killed(self):
        self.kill_at(self.many(), "many", POINTS if SOAK else [0.6], lambda s, r: [s, r], "--limit", "20M")

    # --- a source that changes in between ---

    def cut(self, change):
        path = self.big()
        sender, receiver = self.begin(path)
        self.assertTrue(self.until(BIG // 2, receiver))
        self.die(receiver)
        self.end_all(sender)
        here = had(self.root / "out")
        change(path)
        sender, receiver = self.begin(path)
        code, out, err = self.finish(receiver)
        self.assertEqual(code, 0, err)
        self.assertEqual(self.finish(sender)[0], 0)
        self.same(path, self.root / "out/big")
        self.assertEqual(os.listdir(self.root / "out"), ["big"])
        return {e["event"]: e for e in map(json.loads, out.splitlines())}, here, err

    def test_a_source_that_grew_or_shrank_starts_anew_and_that_is_said(self):
        for by in (1, -1):
            e, _, err = self.cut(lambda path: os.truncate(path, BIG + by))
            self.assertEqual(err, "")
            self.assertEqual((e["resume"]["bytes"], e["resume"]["changed"]), (0, 1))
            self.assertGreaterEqual(e["done"]["sent"], BIG - 1)  # what it grew by is a hole
            self.empty()

    def test_a_source_of_which_a_byte_changed_is_no_mixture(self):
        def change(path):
            with open(path, "r+b") as f:
                f.seek(5 * MIB + 17)
                byte = f.read(1)
                f.seek(5 * MIB + 17)
                f.write(bytes([byte[0] ^ 1]))
        e, here, err = self.cut(change)
        self.assertEqual(e["done"]["sent"], BIG - here + MIB)
        self.assertEqual(err, "bodkin: 'big' is not what it was when it was begun: what differs comes again\n")

    def test_a_source_that_was_replaced_is_no_mixture(self):
        e, _, _ = self.cut(lambda path: path.write_bytes(os.urandom(BIG)))
        self.assertEqual(e["done"]["sent"], BIG)

    # --- a power cut ---

    def cut_power(self, path, at, **more):
        """What was written and not synced is undone when so many bytes were. False: it was over before."""
        self.is_cut = True
        sender = self.start("send", "-s", self.server, "--json", "--compress", "off", path)
        env = dict(self.env, LD_PRELOAD=self.library("cut"), CUT_AT=str(at), CUT_FOLDER=str(self.folder_out()), **more)
        receiver = subprocess.run([kit.BODKIN, "recv", "-s", self.server, "-o", self.root / "out", self.event(sender, "code")["code"]],
                                  capture_output=True, stdin=subprocess.DEVNULL, env=env, timeout=kit.WAIT)
        self.end_all(sender)
        self.assertIn(receiver.returncode, (0, 99), receiver.stderr)
        return receiver.returncode == 99

    def short(self, top):
        """Files under their names that are not what was sent."""
        got = self.root / "out" / top.name
        return [n for n in os.listdir(got) if not n.endswith(".part") and (got / n).read_bytes() != (top / n).read_bytes()]

    @unittest.skipIf("asan" in kit.BODKIN, "what looks after memory wants to be loaded first")
    def test_no_file_is_short_under_its_name_after_a_power_cut(self):
        top = self.many()
        self.assertTrue(self.cut_power(top, int(MANY * SMALL * 0.9), CUT_SYNCS="0"))
        self.assertTrue(self.short(top), "the cut is none")
        self.empty()
        for point in POINTS if SOAK else [0.3, 0.6, 0.99]:
            with self.subTest(point=point):
                self.assertTrue(self.cut_power(top, int(MANY * SMALL * point)))
                self.assertEqual(self.short(top), [])
                self.go_on(top, "many")
            self.empty()

    @unittest.skipIf("asan" in kit.BODKIN, "what looks after memory wants to be loaded first")
    def test_a_big_file_after_a_power_cut(self):
        path = self.big()
        self.assertTrue(self.cut_power(path, BIG // 2))
        self.go_on(path, "big")

    # --- what a person reads ---

    def test_a_person_reads_how_it_goes_on_and_that_it_does(self):
        path = self.big()
        sender, receiver = self.begin(path)
        self.until(BIG // 4, receiver)
        receiver.send_signal(signal.SIGINT)
        _, out, err = self.finish(receiver)
        self.assertRegex(err, r"\Abodkin: cancelled; what came is kept: the same command goes on, with the code that the other side shows then\n\Z")
        self.assertIn("; not everything was sent; what came is kept: the same command goes on, with the new code that it shows\n", self.finish(sender)[2])
        sender = self.start("send", "-s", self.server, "--json", path)
        r = self.run_it("recv", "-s", self.server, "-o", self.root / "out", self.event(sender, "code")["code"])
        self.assertRegex(r.stderr + r.stdout, r"\nGoing on where it stopped: [\d.]+ MB of [\d.]+ (M|G)B are here\n")
        self.assertRegex(r.stderr + r.stdout, r"\nReceived big \([\d.]+ (M|G)B\), [\d.]+ MB of it now, in ")
        self.finish(sender)

    def test_what_nobody_goes_on_with_is_said_and_removed_when_asked(self):
        path, other = self.big(), self.file()
        sender, receiver = self.begin(path, "--limit", "20M")  # it is at it while others look
        self.assertTrue(self.until(BIG // 4, receiver))
        forget = self.run_it("recv", "--forget-parts", "-o", self.root / "out")
        self.assertIn("Nothing unfinished is there", forget.stdout + forget.stderr)  # somebody is at it
        self.die(receiver)
        self.end_all(sender)
        sender = self.start("send", "-s", self.server, "--json", other)
        r = self.run_it("recv", "-s", self.server, "-o", self.root / "out", self.event(sender, "code")["code"])
        self.finish(sender)
        self.assertRegex(r.stdout + r.stderr, r"\n1 unfinished file of other transfers is there \([\d.]+ MB\): ")
        self.assertEqual(sorted(n for n in os.listdir(self.root / "out") if n[0] != "."), ["a.bin", "big.part"])
        r = self.run_it("recv", "--forget-parts", "-o", self.root / "out", "--json")
        e = json.loads(r.stdout)
        self.assertEqual((r.returncode, e["event"], e["transfers"], e["parts"]), (0, "forgotten", 1, 1))
        self.assertEqual(os.listdir(self.root / "out"), ["a.bin"])
        self.assertEqual(self.run_it("recv", "--forget-parts", "-o", self.root / "none").returncode, 7)
        self.assertEqual(self.run_it("recv", "--forget-parts", "1-cake-gem").returncode, 2)


if __name__ == "__main__":
    sys.exit(kit.main())
