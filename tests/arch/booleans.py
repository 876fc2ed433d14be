#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail on a struct's bool whose name does not say that it is one: over ROOT's sources, tests and fuzzers aside.

    tests/arch/booleans.py [ROOT]
"""
import pathlib
import re
import sys

SAYS_SO = re.compile(r"(is|has|had|was|can|may|must|does|did|wants|asks|owes|owns|takes|speaks|needs)_\w")
EXCEPT = {
    "bk_cli_options": "its members are named like the options",
}

COMMENT = re.compile(r"/\*.*?\*/", re.S)
STRUCT = re.compile(r"^[a-z ]*\bstruct (\w*)[^;=(){]*\{\n(.*?)^\}", re.M | re.S)
MEMBER = re.compile(r"^\s+(?:atomic_|_Atomic )?bool\s+([^();]+);", re.M)


def bad(root):
    for path in sorted(root.rglob("*.[ch]")):
        if path.name.startswith(("test_", "fuzz_")):
            continue
        for name, body in STRUCT.findall(COMMENT.sub("", path.read_text())):
            members = [re.match(r"[\s*]*(\w+)", m)[1] for line in MEMBER.findall(body) for m in line.split(",")]
            if name not in EXCEPT:
                yield from (f"{path}: struct {name}: bool {m}" for m in members if not SAYS_SO.match(m))


def main():
    found = list(bad(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "src")))
    print("\n".join(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
