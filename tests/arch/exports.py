#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail when BUILD's shared library exports another symbol than the reviewed list says.

    tests/arch/exports.py BUILD [LIST]
    tests/arch/exports.py BUILD --write      after a deliberate change; the commit shows it
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIST = ROOT / "src/bodkin.exports"


def exported(build):
    out = subprocess.run(["nm", "-D", "--defined-only", build / "libbodkin.so"], capture_output=True, text=True, check=True)
    return {line.split()[-1] for line in out.stdout.splitlines()}


def main():
    names = exported(pathlib.Path(sys.argv[1]))
    if sys.argv[2:] == ["--write"]:
        LIST.write_text("".join(f"{name}\n" for name in sorted(names)))
        return 0
    path = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else LIST
    reviewed = set(path.read_text().split())
    for name in sorted(names - reviewed):
        print(f"{name} is exported and not in src/bodkin.exports: if programs shall use it, add its line "
              "(tests/arch/exports.py build --write); else take BK_API from its declaration")
    for name in sorted(reviewed - names):
        print(f"{name} is no longer exported: programs that use it will not start any more; if that is meant, take "
              "its line out of src/bodkin.exports and say so in the commit message")
    for name in sorted(n for n in names if not n.startswith("bk_")):
        print(f"{name} is exported and not ours by its name: what is exported begins with bk_")
    return int(names != reviewed or any(not n.startswith("bk_") for n in names))


if __name__ == "__main__":
    sys.exit(main())
