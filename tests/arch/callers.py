#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail on what the product defines and never uses, and on what only its own file uses and others may call.

    tests/arch/callers.py BUILD EXPORTS KNOWN

What tests and benches alone call is carried along for nothing. Taken from the symbols of BUILD's object files, as in
calls.py. EXPORTS (src/bodkin.exports) are for other programs. KNOWN
(tests/arch/uncalled.known) lists what tests need to look into something that does not show otherwise, one a line, with
the reason; what it lists must still be there, and uncalled.
"""
import pathlib
import re
import sys

import calls


def uncalled(build, exports):
    """Symbol to the file that defines it."""
    found = calls.objects(build)
    defines, wants = calls.symbols([str(path) for path in found.values()])
    used = set().union(*wants.values()) | exports | {"main"}
    return {symbol: name for name, path in found.items() for symbol in defines[str(path)] - used}


def used_at_home(build, found):
    """Those that their own file uses."""
    texts = {name: build.parent / name for name in set(found.values())}
    texts = {name: path.read_text() if path.exists() else "" for name, path in texts.items()}
    return {s for s, name in found.items() if len(re.findall(rf"\b{s}\b", texts[name])) > 1}


def held_by_tests(build):
    """The words of what is no product: a test may hold on to what is used at home."""
    root = build.parent
    tests = [p for place in ("src", "lab") for kind in ("test", "fuzz") for p in (root / place).rglob(f"{kind}_*.c")]
    tests += [p for place in ("tests", "bench") for p in (root / place).rglob("*.c")]
    return set().union(*(re.findall(r"\w+", path.read_text()) for path in tests))


def listed(path):
    return {line.split("#")[0].strip() for line in path.read_text().splitlines()} - {""}


def main():
    build, exports, known = (pathlib.Path(arg).resolve() for arg in sys.argv[1:4])
    found, known = uncalled(build, listed(exports)), listed(known)
    home = used_at_home(build, found)
    bare = home - held_by_tests(build)
    for symbol in sorted(bare):
        print(f"{found[symbol]}: nobody else uses {symbol}: make it static")
    found = {symbol: name for symbol, name in found.items() if symbol not in home}
    for symbol in sorted(found.keys() - known):
        print(f"{found[symbol]}: nobody in the product uses {symbol}: remove it")
    for symbol in sorted(known - found.keys()):
        print(f"used, or gone, take it out of the list of known ones: {symbol}")
    return int(bool(bare) or found.keys() != known)


if __name__ == "__main__":
    sys.exit(main())
