#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail on files that hide a second noun: those of C and Python with more than 600 lines.

    tests/arch/lengths.py ROOT KNOWN

KNOWN (tests/arch/lengths.known) lists those that are still to be taken apart, each with its lines, which only ever
shrink: what it lists must still be there, too long, and have as many.
"""
import pathlib
import sys

LINES_MAX = 600
PLACES = ("bench", "docs", "examples", "include", "lab", "src", "tests")


def too_long(root):
    """Name to lines."""
    files = [p for place in PLACES for end in ("c", "h", "py") for p in (root / place).rglob(f"*.{end}")]
    lines = {str(p.relative_to(root)): p.read_bytes().count(b"\n") for p in files}
    return {name: n for name, n in lines.items() if n > LINES_MAX}


def listed(path):
    rows = [line.split("#")[0].split() for line in path.read_text().splitlines()]
    return {row[0]: int(row[1]) for row in rows if row}


def bad(found, known):
    for name, n in sorted(found.items()):
        if n > known.get(name, LINES_MAX):
            yield f"{name}: {n} lines, at most {known.get(name, LINES_MAX)}: which is the second noun?"
    for name, n in sorted(known.items()):
        if name not in found:
            yield f"gone, or short enough, take it out of the list of known ones: {name}"
        elif found[name] < n:
            yield f"{name} has {found[name]} lines now, and may not grow again: list that"


def main():
    found = list(bad(too_long(pathlib.Path(sys.argv[1])), listed(pathlib.Path(sys.argv[2]))))
    print("\n".join(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
