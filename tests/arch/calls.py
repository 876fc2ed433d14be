#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail when files of one folder reach into each other in a circle.

    tests/arch/calls.py BUILD [KNOWN]

Two files in a circle are one file in two pieces: neither is read, tested or replaced without the other. Which file
reaches which is taken from the symbols of BUILD's object files, so it is what the linker sees: a function called, one
whose address is taken, a table used. KNOWN (tests/arch/circles.known) lists circles that are still to be taken apart,
one a line; it only ever shrinks: what it lists must still be there.
"""
import collections
import json
import pathlib
import subprocess
import sys



def is_allowed(circle):
    """One QUIC connection is one state machine in several files; a mux and its channels hold one another."""
    is_quic = all(name.startswith("src/link/quic") for name in circle)
    return is_quic or set(circle) <= {"src/stream/mux.c", "src/stream/channel.c"}


def objects(build):
    """Source name to object file: of the library and of the program, without their tests."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        target = entry["output"].split("/")[0]
        if not target.startswith(("libbodkin", "bodkin")) or not target.endswith(".p"):
            continue
        name = "/".join(source.parts[-3 if source.parent.parent.name == "src" else -2:])
        found[name] = pathlib.Path(entry["directory"]) / entry["output"]
    return found


def symbols(files):
    """For each object file: what it defines for others, and what it wants of others."""
    out = subprocess.run(["nm", "-A", "--format=posix", *files], capture_output=True, text=True, check=True).stdout
    defines, wants = collections.defaultdict(set), collections.defaultdict(set)
    for line in out.splitlines():
        place, rest = line.rsplit(": ", 1)
        symbol, kind = rest.split()[:2]
        if kind == "U":
            wants[place].add(symbol)
        elif kind.isupper():
            defines[place].add(symbol)
    return defines, wants


def edges(build):
    """File to {file of the same folder that it reaches: one symbol that says so}."""
    found = objects(build)
    defines, wants = symbols([str(path) for path in found.values()])
    owner = {symbol: name for name, path in found.items() for symbol in defines[str(path)]}
    reach = {name: {} for name in found}
    for name, path in found.items():
        for symbol in sorted(wants[str(path)]):
            other = owner.get(symbol)
            if other and other != name and pathlib.Path(other).parent == pathlib.Path(name).parent:
                reach[name].setdefault(other, symbol)
    return reach


def circles(reach):
    """The strongly connected sets of more than one file (Tarjan)."""
    order, low, stack, done = {}, {}, [], []

    def visit(name):
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in reach[name]:
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            at = stack.index(name)
            done.append(sorted(stack[at:]))
            del stack[at:]

    for name in sorted(reach):
        if name not in order:
            visit(name)
    return sorted(c for c in done if len(c) > 1)


def shortest(reach, circle):
    """One round through the circle, for the one who has to cut it."""
    best = None
    for start in circle:
        came, queue = {start: None}, [start]
        for name in queue:
            for other in reach[name]:
                if other == start:
                    walk = [start]
                    while name:
                        walk.insert(1, name) if name != start else None
                        name = came[name]
                    best = min(best or walk, walk, key=len)
                    queue.clear()
                    break
                if other in circle and other not in came:
                    came[other] = name
                    queue.append(other)
    steps = zip(best, best[1:] + best[:1])
    return ", ".join(f"{a.split('/')[-1]} uses {reach[a][b]} of {b.split('/')[-1]}" for a, b in steps)


def listed(path):
    lines = [line.split("#")[0].split() for line in path.read_text().splitlines()] if path and path.exists() else []
    return [sorted(words) for words in lines if words]


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    known = listed(pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None)
    reach = edges(build)
    found = [c for c in circles(reach) if not is_allowed(c)]
    for circle in found:
        if circle not in known:
            print(f"circle: {' '.join(circle)}: {shortest(reach, circle)}")
    for circle in known:
        if circle not in found:
            print(f"no circle any more, take it out of the list of known ones: {' '.join(circle)}")
    return int(sorted(found) != sorted(known))


if __name__ == "__main__":
    sys.exit(main())
