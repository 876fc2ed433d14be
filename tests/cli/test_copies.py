#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One sender, several receivers, one code.

Run it with the program as argument or in $BODKIN; $BODKIN_COPIES_MB is the size of what the slow and the killed get."""
import filecmp, json, os, pathlib, pty, signal, subprocess, sys, threading, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import kit  # noqa: E402

MB = int(os.environ.get("BODKIN_COPIES_MB", 40))
kit.WAIT += MB // 10


def events(out):
    return [json.loads(line) for line in out.splitlines()]


class Scene(kit.Case):
    def setUp(self):
        super().setUp()
        _, self.server = self.serve()

    def sender(self, *args):
        p = self.start("send", "-s", self.server, "--json", *map(str, args))
        return p, self.event(p, "code")["code"]

    def receiver(self, code, name, *args):
        out = self.root / f"out-{name}"
        out.mkdir(exist_ok=True)
        return self.start("recv", "-s", self.server, "--json", "--name", name, "-o", str(out), "--yes", *args, code)

    def wait_for_part(self, name):
        part = self.root / f"out-{name}" / "big.part"
        until = time.monotonic() + kit.WAIT
        while not part.exists() or not part.stat().st_size:
            self.assertLess(time.monotonic(), until)
            os.sched_yield()

    def told(self, sender, state, n=1):
        """The next n events of receivers in that state."""
        all = []
        while len(all) < n:
            e = self.event(sender, "receiver")
            if e["state"] == state:
                all.append(e)
        return all

    def assert_equal_trees(self, names, what):
        for name in names:
            self.assertEqual(kit.tree(self.root / f"out-{name}" / what.name), kit.tree(what), name)

    def big(self, mb=MB):
        path = self.root / "big"
        piece = os.urandom(1000000)
        with open(path, "wb") as f:
            for _ in range(mb):
                f.write(piece)
        return path

    def tree(self):
        for i in range(5):
            self.file(f"tree/sub{i}/file", 200000 * i)
        return self.root / "tree"


class Copies(Scene):
    def test_eight_at_once_get_all_of_it_and_a_wrong_guess_harms_none(self):
        tree, names = self.tree(), [f"r{i}" for i in range(8)]
        sender, code = self.sender(tree, "--copies", 8)
        wrong = code.split("-")[0] + "-acid-acid-acid"
        receivers = [self.receiver(code, n) for n in names] + [self.receiver(wrong, "guesser")]
        self.assertEqual([self.finish(r)[0] for r in receivers], 8 * [0] + [4])
        code, out, err = self.finish(sender)
        self.assertEqual(code, 0, err)
        told = events(out)
        done = told.pop()
        self.assertEqual((done["event"], done["entries"], done["receivers"]), ("done", 40, 8))
        told = [e for e in told if e["event"] == "receiver"]
        self.assertEqual(sorted(e["number"] for e in told if e["state"] == "joined"), list(range(1, 9)))
        self.assertEqual(sorted(e["name"] for e in told if e["state"] == "done"), names)
        self.assert_equal_trees(names, tree)

    def test_one_that_reads_nothing_delays_nobody(self):
        big = self.big()
        sender, code = self.sender(big, "--keep")
        slow = self.receiver(code, "slow")
        self.wait_for_part("slow")
        slow.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        self.assertEqual(self.finish(self.receiver(code, "quick"))[0], 0)
        took = time.monotonic() - began
        slow.send_signal(signal.SIGCONT)
        self.assertEqual(self.finish(slow)[0], 0)
        self.told(sender, "done", 2)
        sender.send_signal(signal.SIGINT)
        self.assertEqual(self.finish(sender)[0], 0)
        print(f"{MB} MB to the quick one took {took:.2f} s", file=sys.stderr)

    def test_eight_one_of_them_slow_one_killed_and_back_and_a_ninth_who_guesses(self):
        """The slow one reads for a twentieth of the time, until the others are done."""
        big = self.big(MB // 4)
        sender, code = self.sender(big, "--copies", 8)
        slow, killed = self.receiver(code, "slow"), self.receiver(code, "killed")
        quick = {f"r{i}": self.receiver(code, f"r{i}") for i in range(6)}
        guesser = self.receiver(code.split("-")[0] + "-acid-acid-acid", "guesser")
        began, stop = time.monotonic(), threading.Event()
        brakes = [threading.Thread(target=self.slow_down, args=(p, stop)) for p in (slow, killed)]
        for brake in brakes:
            brake.start()
        try:
            self.wait_for_part("killed")  # which it would have for a moment only, had it no brake
            killed.kill()
            brakes.pop().join()
            killed.wait()
            back = self.receiver(code, "killed")
            self.assertEqual([self.finish(p)[0] for p in quick.values()], 6 * [0])
            took = time.monotonic() - began
        finally:
            stop.set()
            for brake in brakes:
                brake.join()
        self.assertEqual([self.finish(p)[0] for p in (back, slow, guesser, sender)], [0, 0, 4, 0])
        for name in (*quick, "slow", "killed"):
            self.assertTrue(filecmp.cmp(self.root / f"out-{name}" / "big", big, shallow=False), name)
        print(f"{MB // 4} MB to six quick ones took {took:.2f} s, to the slow one {time.monotonic() - began:.2f} s", file=sys.stderr)

    def test_a_sender_that_is_ended_says_no_more_that_its_code_is_good(self):
        sender, code = self.sender(self.big(), "--copies", 2, "--limit", "20M")
        receiver = self.receiver(code, "slow")
        while self.event(receiver, "progress")["bytes"] < 4_000_000:
            pass
        sender.send_signal(signal.SIGINT)
        _, out, err = self.finish(sender)
        text = next(e["text"] for e in events(out) if e["event"] == "receiver" and e["state"] == "failed")
        self.assertRegex(text, "; what came is kept: the same command goes on, with the new code that it shows$")
        self.finish(receiver)

    def slow_down(self, p, stop):
        while not stop.is_set() and p.poll() is None:
            p.send_signal(signal.SIGSTOP)
            stop.wait(0.095)
            p.send_signal(signal.SIGCONT)
            stop.wait(0.005)

    def test_one_that_declines_does_not_count(self):
        sender, code = self.sender(self.file("in/a"), "--copies", 2)
        (self.root / "out-no").mkdir()
        (self.root / "out-no" / "a").write_text("mine")
        self.assertNotEqual(self.finish(self.receiver(code, "no", "--conflict", "fail"))[0], 0)
        failed = self.told(sender, "failed")[0]
        self.assertEqual((failed["number"], failed["name"]), (1, "no"))
        self.assertEqual([self.finish(self.receiver(code, n))[0] for n in "ab"], [0, 0])
        self.assertEqual(self.finish(sender)[0], 0)

    def test_keep_that_is_ended_before_anybody_came_says_so(self):
        sender, _ = self.sender(self.file("in/a"), "--keep")
        sender.send_signal(signal.SIGINT)
        self.assertIn("cancelled; nobody took it", self.finish(sender)[2])

    def test_keep_ends_well_when_somebody_has_it_and_nobody_is_under_way(self):
        for who, status in ((["a"], 0), ([], 130)):
            with self.subTest(who=who):
                sender, code = self.sender(self.file("in/a"), "--keep")
                self.assertEqual([self.finish(self.receiver(code, n + str(status)))[0] for n in who], [0] * len(who))
                self.told(sender, "done", len(who))
                sender.send_signal(signal.SIGINT)
                self.assertEqual(self.finish(sender)[0], status)

    def test_several_is_not_for_everything(self):
        for args, why in ((["-", "--keep"], "a stream can be read once"), (["/proc/version", "--copies", "3"], "a stream can be read once"),
                          (["a", "--keep", "--copies", "2"], "--keep and --copies do not go together")):
            with self.subTest(args=args):
                self.file("in/a")
                r = self.run_it("send", "-s", self.server, *args, cwd=self.root / "in")
                self.assertEqual(r.returncode, 2)
                self.assertIn(why, r.stderr)


if os.environ.get("SOAK"):

    class Long(Scene):
        """What takes too long for each time: $SOAK."""

        def asked(self, code):
            """One whose person says nothing."""
            ours, theirs = pty.openpty()
            p = subprocess.Popen([kit.BODKIN, "recv", "-s", self.server, "-o", self.folder_out(), code], stdin=theirs, stderr=theirs,
                                 stdout=subprocess.DEVNULL, env=self.env)
            os.close(theirs)
            self.addCleanup(p.wait)
            self.addCleanup(p.kill)
            self.addCleanup(os.close, ours)
            return p

        def test_one_that_never_answers_is_not_waited_for_when_the_others_have_it(self):
            sender, code = self.sender(self.file("in/a"), "--copies", 2)
            silent = self.asked(code)
            self.told(sender, "joined")
            self.assertEqual([self.finish(self.receiver(code, n))[0] for n in "ab"], [0, 0])
            self.assertEqual(self.finish(sender)[0], 0)
            self.assertNotEqual(silent.wait(kit.WAIT), 0)

        def test_where_the_server_has_no_room_it_is_waited_for(self):
            """64 connections of one address: the sender's and the receivers', who are all here."""
            sender, code = self.sender(self.file("in/a"), "--keep")
            silent = [self.asked(code) for _ in range(40)]
            self.told(sender, "joined", 20)
            time.sleep(10)
            self.assertIsNone(sender.poll())
            for p in silent:
                p.kill()
            until = time.monotonic() + 2 * kit.WAIT
            while self.finish(self.receiver(code, "late"))[0]:
                self.assertLess(time.monotonic(), until)
            self.told(sender, "done")


if __name__ == "__main__":
    sys.exit(kit.main())
