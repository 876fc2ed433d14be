#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a person at a terminal is asked before anything is taken, what is shown with it, and what counts as an answer.

Run it with the program as argument or in $BODKIN."""
import os, signal, sys

import kit


class Questions(kit.Case):
    def ask(self, answer, paths=None, args=(), early=b""):
        """recv at a terminal, with this answer to every question, or these in turn."""
        _, server = self.serve()
        sender = self.start("send", "-s", server, "--json", *(paths or [self.file()]))
        code = self.event(sender, "code")["code"]
        answers = [answer] * 2 if isinstance(answer, bytes) else answer
        talk = [(rb"/[nS]\] ?", a) for a in answers]
        here, seen = self.at_terminal(["recv", "-s", server, "-o", self.folder_out(), *args, code], talk, early)
        code, _, self.said = self.finish(sender)
        return here, code, seen.replace("\r", "")

    def test_what_was_typed_before_the_question_is_no_answer(self):
        self.assertEqual(self.ask([b"n\n"], args=["-v"], early=b"y\ny\n\n")[:2], (8, 6))
        self.assertEqual(os.listdir(self.root / "out"), [])

    def test_an_answer_that_is_not_understood_is_asked_again(self):
        here, there, seen = self.ask([b"maybe\n", b"j\n", b"Yes\n"])
        self.assertEqual((here, there), (0, 0), seen)
        self.assertEqual(seen.count("not understood"), 2)

    def test_a_question_stands_again_when_its_program_goes_on(self):
        here, there, seen = self.ask([lambda pid: os.kill(pid, signal.SIGCONT), b"y\n"])
        self.assertEqual((here, there), (0, 0), seen)
        self.assertEqual(seen.count("Take "), 2, seen)

    def test_declining_is_said_on_both_sides(self):
        here, there, seen = self.ask(b"no\n")
        self.assertEqual((here, there), (8, 6))
        self.assertIn("the offer was declined", seen)
        self.assertRegex(self.said, r"\Abodkin: \S+ declined what was offered[^\n]*\n\Z")

    def test_names_are_shown_before_the_question_hidden_and_executable_ones_always(self):
        paths = [self.file(f"in/f{i:03}", 10) for i in range(60)] + [self.file("in/.profile", 10), self.file("in/zz", 10)]
        paths[-1].chmod(0o755)
        here, there, seen = self.ask([b"n\n"], paths)
        before = seen[:seen.index("[Y/n]")]
        self.assertIn("f000 (10 bytes)", before)
        self.assertIn(".profile (10 bytes) hidden", before)
        self.assertIn("zz (10 bytes) executable", before)
        self.assertRegex(before, r"and \d+ more")
        self.assertLess(before.count("\n"), 30)

    def test_where_a_link_leads_is_shown_before_the_question(self):
        self.file("in/tree/inner/far", 10)
        for name, target in (("near", "inner/far"), ("odd", "inner/\x1b[2J"), ("n" * 200, "inner/../" * 30 + "inner/far")):
            (self.root / "in/tree" / name).symlink_to(target)
        self.file("in/tree/inner/\x1b[2J", 10)
        seen = self.ask([b"n\n"], [self.root / "in/tree"])[2]
        before = seen[:seen.index("[Y/n]")]
        self.assertIn("  tree/near -> inner/far (link)\n", before)
        self.assertIn("  tree/odd -> inner/\\x1b[2J (link)\n", before)
        self.assertRegex(before, r"\n  tree/n[^\n]{,60}n -> inner[^\n]{,40}far \(link\)\n")

    def test_a_flood_of_hidden_names_is_counted(self):
        seen = self.ask([b"n\n"], [self.file(f"in/.f{i:03}", 10) for i in range(250)])[2]
        before = seen[:seen.index("[Y/n]")]
        self.assertEqual(before.count(" hidden\n"), 200)
        self.assertIn("  and 50 more\n  250 are hidden: .f000, ...\n", before)

    def test_what_exists_is_seen_among_however_many_others(self):
        paths = [self.file(f"in/.f{i:04}", 1) for i in range(250)] + [self.file(f"in/x{i}", 1) for i in range(3)] + [self.file("in/mine", 1)]
        for p in paths[-4:-1]:
            p.chmod(0o755)
        self.file("out/mine", 20)
        before = self.ask([b"n\n"], paths)[2].split("[Y/n]")[0].splitlines()
        names = [l for l in before if l.startswith("  ")]
        self.assertEqual(names[0], "  mine (1 byte) exists here")
        self.assertEqual(names[-4:], ["  and 54 more", "  1 exists here: mine", "  250 are hidden: .f0000, ...", "  3 are executable: x0, ..."])

    def test_a_long_offer_is_named_once_more_in_the_question(self):
        paths = [self.file(f"in/f{i:03}", 10) for i in range(60)]
        seen = self.ask([b"n\n"], paths)[2]
        self.assertIn("Take 60 files (600 bytes) from ", seen)

    def test_existing_files_are_asked_for_one_by_one(self):
        paths = [self.file(f"in/{c}", 10) for c in "abcde"]
        kept = [self.file(f"out/{c}", 20) for c in "bcd"]
        here, there, seen = self.ask([b"\n", b"y\n", b"r\n", b"huh\n", b"\n"], paths)
        self.assertEqual((here, there), (0, 0), seen)
        self.assertEqual(sorted(os.listdir(self.root / "out")), ["a", "b", "c", "c-1", "d", "e"])
        self.assertEqual([p.stat().st_size for p in kept], [10, 20, 20])
        self.assertIn("1 of 5 files was not taken", seen)
        self.assertIn("Overwrite (o or y), rename the new one (r), skip (s or n)?\nFor all that follow: oa, ra, sa. [o/r/S] ", seen)

    def test_a_person_at_a_terminal_is_asked(self):
        self.folder_out()
        self.assertEqual(self.ask(b"n\n")[:2], (8, 6))
        self.assertEqual(os.listdir(self.root / "out"), [])
        self.assertEqual(self.ask(b"y\n")[:2], (0, 0))
        code, _, seen = self.ask(b"y\n")
        self.assertEqual(code, 0)
        self.assertIn("Overwrite", seen)


if __name__ == "__main__":
    sys.exit(kit.main())
