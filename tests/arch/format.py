#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every C file of the tree is as .clang-format says. `make fmt` makes it so."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def sources():
    listed = subprocess.run(["git", "ls-files", "*.c", "*.h"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.split() if listed.returncode == 0 else []
    return [n for n in names if (ROOT / n).is_file()] or [str(p.relative_to(ROOT)) for top in (
        "bench", "examples", "include", "lab", "src", "tests") for p in (ROOT / top).rglob("*.[ch]")]


def is_formatted(name):
    done = subprocess.run(["clang-format", name], cwd=ROOT, capture_output=True)
    return done.returncode == 0 and done.stdout == (ROOT / name).read_bytes()


def main():
    names = sources()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        strays = [name for name, good in zip(names, pool.map(is_formatted, names)) if not good]
    if strays:
        print("not as .clang-format says (make fmt): " + " ".join(strays))
    print(f"{int(not strays)} passed, {int(bool(strays))} failed")
    return int(bool(strays))


if __name__ == "__main__":
    sys.exit(main())
