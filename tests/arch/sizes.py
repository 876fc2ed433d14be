#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail when functions grow: over ROOT's sources, median, 90th percentile and longest in lines, and how deep they nest.

    tests/arch/sizes.py [ROOT]

A function's lines are those from its opening to its closing brace, both included. Nesting counts the if, for, while,
do and switch that stand inside each other ("else if" is one chain, not one deeper). Of tests and fuzzers only the
longest one counts: their tables stand beside them.
"""
import pathlib
import re
import statistics
import sys

MEDIAN_MAX, P90_MAX, LONGEST_MAX, NESTING_MAX = 9, 21, 50, 3

NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
TOKEN = re.compile(r"\w+|[(){};]|[^\s\w(){};]")
BODY = re.compile(r"^\{$(.*?)^\}$", re.M | re.S)  # the format puts a function's braces, and no others, here
CONTROL = {"if", "for", "while", "switch"}


class Nesting:
    """Reads the statements of one function's body and remembers how deep they stood in each other."""

    def __init__(self, text):
        self.tokens, self.at, self.deepest = TOKEN.findall(text), 0, 0
        while self.at < len(self.tokens):
            self.statement(0)

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def skip_parentheses(self):
        depth = 0
        while self.at < len(self.tokens):
            token = self.take()
            depth += (token == "(") - (token == ")")
            if depth == 0:
                return

    def skip_to_semicolon(self):
        depth = 0
        while self.at < len(self.tokens):
            token = self.take()
            depth += (token in "({") - (token in ")}")
            if token == ";" and depth == 0:
                return

    def inner(self, depth):
        self.deepest = max(self.deepest, depth + 1)
        self.statement(depth + 1)

    def is_loop_macro(self):
        """A word with parentheses and then a statement instead of a semicolon: a list walk."""
        if not self.peek().isidentifier() or self.tokens[self.at + 1:self.at + 2] != ["("]:
            return False
        start, self.at = self.at, self.at + 1
        self.skip_parentheses()
        then, self.at = self.peek(), start
        return then == "{" or then.isidentifier()

    def statement(self, depth):
        token = self.peek()
        if token == "{":
            self.take()
            while self.at < len(self.tokens) and self.peek() != "}":
                self.statement(depth)
            self.at += 1
        elif token in CONTROL or self.is_loop_macro():
            self.take()
            self.skip_parentheses()
            self.inner(depth)
            self.alternatives(depth)
        elif token == "do":
            self.take()
            self.inner(depth)
            self.skip_to_semicolon()
        elif token in ("case", "default"):
            while self.take() != ":":
                pass
        elif self.tokens[self.at + 1:self.at + 2] == [":"]:  # a label
            self.at += 2
        else:
            self.skip_to_semicolon()

    def alternatives(self, depth):
        while self.peek() == "else":
            self.take()
            if self.peek() == "if":
                self.take()
                self.skip_parentheses()
            self.inner(depth)


def functions(root):
    """(lines, nesting, "file:line", is a test's) of each function."""
    for path in sorted(root.rglob("*.[ch]")):
        is_test = path.name.startswith(("test_", "fuzz_"))
        text = NO_CODE.sub(lambda m: "\n" * m[0].count("\n") if m[0][0] == "/" else '""', path.read_text())
        text = re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", lambda m: "\n" * m[0].count("\n"), text, flags=re.M)
        for body in BODY.finditer(text):
            place = f"{path}:{text[:body.start()].count(chr(10)) + 1}"
            yield body[0].count("\n") + 1, Nesting(body[1]).deepest, place, is_test


def main():
    every = list(functions(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "src")))
    found = [f[:3] for f in every if not f[3]]
    lines = sorted(f[0] for f in found)
    median, p90 = statistics.median(lines), lines[int(len(lines) * 0.9)]
    bad = [f"{place}: {n} lines, at most {LONGEST_MAX}" for n, _, place, _ in every if n > LONGEST_MAX]
    bad += [f"{place}: nests {d} deep, at most {NESTING_MAX}" for _, d, place in found if d > NESTING_MAX]
    bad += [f"the median function has {median:g} lines, at most {MEDIAN_MAX}"] if median > MEDIAN_MAX else []
    bad += [f"one function in ten has more than {p90} lines, at most {P90_MAX}"] if p90 > P90_MAX else []
    print("\n".join(bad) or f"{len(found)} functions: median {median:g} lines, p90 {p90}, longest {lines[-1]}, "
          f"nesting {max(f[1] for f in found)}")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
