#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""This program and one of an older tree, which is built from git: files and folders go between them both ways, and what
the older one does not know is refused by its name.

Run it with the program as argument or in $BODKIN. With --before PROGRAM that one is the older one, and nothing is built."""
import json, os, pathlib, subprocess, sys, tempfile, unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import kit  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
REV = "c1693f9"  # the last one whose offers and answers say no version; it knows folders, and no links
kit.WAIT = 120
BEFORE = None


def build(room):
    """The program of that tree."""
    source = pathlib.Path(room, "source")
    source.mkdir()
    archive = subprocess.Popen(["git", "archive", REV], cwd=ROOT, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", source], stdin=archive.stdout, check=True)
    if archive.wait():
        raise RuntimeError(f"git has no tree '{REV}': a clone without history?")
    for command in (["meson", "setup", "build", "-Dtests=false"], ["ninja", "-C", "build", "bodkin"]):
        done = subprocess.run(command, cwd=source, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{REV}: {' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return str(source / "build/bodkin")


class Before(kit.Case):
    @classmethod
    def setUpClass(cls):
        cls.room = tempfile.TemporaryDirectory(prefix="bodkin-before-")
        cls.addClassCleanup(cls.room.cleanup)
        cls.now, cls.before = os.path.abspath(kit.BODKIN), BEFORE or build(cls.room.name)

    def setUp(self):
        super().setUp()
        _, self.server = self.serve()

    def start_as(self, program, *args):
        with unittest.mock.patch.object(kit, "BODKIN", program):
            return self.start(*args)

    def pair(self, sends, takes, *args, out="out"):
        """Both have ended: exit status and sentence of each."""
        (self.root / out).mkdir(exist_ok=True)
        sender = self.start_as(sends, "send", "-s", self.server, "--json", *args)
        code = self.event(sender, "code")["code"]
        receiver = self.start_as(takes, "recv", "-s", self.server, "--json", "--executable", "-o", self.root / out, code)
        return [self.finish(p)[::2] for p in (sender, receiver)]

    def tree(self):
        top = self.root / "tree"
        (top / "a/b/c").mkdir(parents=True)
        (top / "empty").mkdir()
        for i, path in enumerate(("x", "a/y", "a/b/c/z", "grüße")):
            (top / path).write_bytes(os.urandom(i * 100000))
        (top / "x").chmod(0o755)
        return top

    def same(self, one, other):
        def look(top):
            return {p.relative_to(top): (p.stat().st_mode, int(p.stat().st_mtime), p.is_file() and p.read_bytes()) for p in top.rglob("*")}
        self.assertEqual(look(one), look(other))

    def test_files_and_folders_go_both_ways(self):
        top, big = self.tree(), self.file("big", 3000000)
        for name, sends, takes in (("there", self.now, self.before), ("back", self.before, self.now)):
            self.assertEqual(self.pair(sends, takes, top, big, out=name), [(0, "")] * 2)
            self.same(top, self.root / name / "tree")
            self.assertEqual((self.root / name / "big").read_bytes(), big.read_bytes())

    def test_a_text_goes_there_as_a_file(self):
        self.assertEqual(self.pair(self.now, self.before, "--text", "hello"), [(0, "")] * 2)
        self.assertEqual((self.root / "out/message.txt").read_text(), "hello")

    def test_links_are_refused_by_their_name_and_may_be_left_out(self):
        top = self.tree()
        os.symlink("y", top / "a/link")
        ends = self.pair(self.now, self.before, top)
        self.assertTrue(all(status and "tree/a/link" in err for status, err in ends), ends)
        self.assertEqual(self.pair(self.now, self.before, "--links", "skip", top), [(0, "")] * 2)
        os.remove(top / "a/link")
        self.same(top, self.root / "out/tree")

    def test_more_entries_than_it_knows_are_refused_with_their_number(self):
        top = self.root / "many"
        top.mkdir()
        for i in range(10000):
            (top / str(i)).touch()
        ends = self.pair(self.now, self.before, top)
        self.assertTrue(all(status and "more than 10000 entries" in err for status, err in ends), ends)
        self.assertEqual(os.listdir(self.root / "out"), [])
        os.remove(top / "0")
        self.assertEqual(self.pair(self.now, self.before, top), [(0, "")] * 2)
        self.assertEqual(len(os.listdir(self.root / "out/many")), 9999)

    def test_who_takes_and_is_of_before_passes_over_that_files_are_counted(self):
        env, gate = self.gated()
        top = self.tree()
        with unittest.mock.patch.dict(self.env, env):
            sender = self.start("send", "-s", self.server, "--json", top)
        code = self.event(sender, "code")["code"]
        receiver = self.start_as(self.before, "recv", "-s", self.server, "--json", "--executable", "-o", self.folder_out(), code)
        self.event(sender, "path")
        for _ in range(2):
            self.event(sender, "counting")
        gate.touch()
        self.assertEqual([self.finish(p)[::2] for p in (sender, receiver)], [(0, "")] * 2)
        self.same(top, self.root / "out/tree")


if __name__ == "__main__":
    if "--before" in sys.argv:
        at = sys.argv.index("--before")
        BEFORE = os.path.abspath(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    sys.exit(kit.main())
