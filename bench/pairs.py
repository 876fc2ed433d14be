#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pairs of NATs in the laboratory: bodkin, libnice, libjuice and hyperdht, in turn in one run.

    python3 bench/pairs.py BUILD_DIR [--runs N] [--only TOOL]... [--hyperdht DIR] [--libjuice DIR]

libnice is Debian's (libnice-dev). DIR of --hyperdht holds its node_modules, DIR of --libjuice its source tree; what is not there is
left out and said. ICE agents get each other's descriptions at once, by this script; hyperdht a DHT of eight nodes on the
server's machine. Each time is the slower side's, from the moment at which both know of each other (hyperdht: from the connect
of a node that has joined). Prints the table of RESULTS.md; it fails when something does not work, never because something is slow.
"""
import argparse
import contextlib
import glob
import itertools
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lab"))

from lab import Lab, check  # noqa: E402

PAIRS = [("port", "port"), ("port", "sym"), ("port", "symseq"), ("symseq", "symseq"), ("sym", "sym")]
SERVER = "45.10.20.1"
NODES = [f"45.10.20.{i}" for i in range(1, 9)]
PATIENCE = 8  # seconds; who has no path by then has none
IN_VAIN = 1   # so many runs without a path are enough


def connected(*sides):
    """The slowest of them in milliseconds; None: not every one."""
    until = time.monotonic() + PATIENCE
    lines = [json.loads(side.next_line(max(0, until - time.monotonic())) or "{}") for side in sides]
    return max(l["elapsed_ms"] for l in lines) if all(l.get("connected") for l in lines) else None


class Bodkin:
    name = "bodkin"

    def __init__(self, args, top):
        self.bodkin = args.build / "bodkin"

    def measure(self, a, b, runs):
        done = subprocess.run([self.bodkin, "lab", "matrix", "--json", "--types", ",".join(dict.fromkeys((a, b))), "--transport", "udp",
                               "--runs", str(runs)], capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            cell = json.loads(line)
            if (cell.get("a"), cell.get("b")) == (a, b):
                return cell["direct"], runs, cell["median_ms"], cell["worst_ms"]


class Other:
    """Runs one after the other, each with fresh programs."""

    def measure(self, a, b, runs):
        with Lab(self.bodkin, a, b) as lab, self.world(lab) as world:
            times = []
            for run in range(1, runs + 1):
                ms = self.connect(lab, world)
                times += [ms] if ms is not None else []
                if run == IN_VAIN and not times:
                    break
        return len(times), run, *((statistics.median(times), max(times)) if times else (None, None))


class Ice(Other):
    def __init__(self, args, top):
        self.bodkin, self.program = args.build / "bodkin", top / self.name
        sources = self.build(args)
        subprocess.run(["cc", "-O2", "-w", *sources[0], "-o", self.program, *sources[1]], check=True)

    @contextlib.contextmanager
    def world(self, lab):
        lab.start_server("--state", lab.top / "server")
        yield None

    def connect(self, lab, _):
        sides = [lab.run(node, self.program, SERVER, "15005", node, speaks=True) for node in "ab"]
        try:
            told = [side.next_line(PATIENCE) for side in sides]
            check(all(told), f"{self.name} does not gather")
            for side, other in zip(sides, reversed(told)):
                side.say(other + "\n")
            return connected(*sides)
        finally:
            for side in sides:
                side.end()


class Nice(Ice):
    name = "libnice"

    def build(self, _):
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "nice", "glib-2.0"], capture_output=True, text=True)
        check(flags.returncode == 0, "libnice-dev is not installed")
        return [ROOT / "bench/nice_pair.c"], flags.stdout.split()


class Juice(Ice):
    name = "libjuice"

    def build(self, args):
        check(args.libjuice, "no source tree was given")
        tree = pathlib.Path(args.libjuice)
        includes = [f"-I{tree}/{folder}" for folder in ("include", "include/juice", "src")]
        return [ROOT / "bench/juice_pair.c", *glob.glob(f"{tree}/src/*.c")], \
            ["-DJUICE_STATIC", "-DUSE_NETTLE=0", *includes, "-lpthread"]


class Hyperdht(Other):
    name = "hyperdht"

    def __init__(self, args, top):
        check(shutil.which("node") and args.hyperdht, "node, or a folder with its node_modules, is missing")
        self.bodkin = args.build / "bodkin"
        self.script = pathlib.Path(args.hyperdht) / "hyperdht_path.js"  # require looks beside it
        shutil.copy(ROOT / "bench/hyperdht_path.js", self.script)

    @contextlib.contextmanager
    def world(self, lab):
        for address in NODES[2:]:
            done = lab.run("s", "ip", "address", "add", f"{address}/24", "dev", "eth0")
            check(done.wait() == 0, done.story())
        world = lab.run("s", "node", self.script, "world", *NODES)
        try:
            yield json.loads(world.next_line(60))["port"]
        finally:
            world.end()

    def connect(self, lab, port):
        sides = [lab.run(node, "node", self.script, node, NODES[0], port, speaks=True) for node in "ab"]
        try:
            key = json.loads(sides[0].next_line(30))["key"]
            json.loads(sides[1].next_line(30))
            sides[1].say(key + "\n")
            return connected(sides[1])
        finally:
            for side in sides:
                side.end()


def words_of(found):
    direct, runs, median, worst = found
    if direct:
        return f"{direct} of {runs}, {median:.0f} ms ({worst:.0f})"
    return "none" if median is None else f"relayed, {median:.0f} ms"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("build", type=lambda p: pathlib.Path(p).resolve())
    options.add_argument("--runs", type=int, default=10)
    options.add_argument("--only", action="append", default=[])
    options.add_argument("--hyperdht")
    options.add_argument("--libjuice")
    args = options.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory() as top:
        for kind in (Bodkin, Nice, Juice, Hyperdht):
            if args.only and kind.name not in args.only:
                continue
            try:
                rows[kind.name] = kind(args, pathlib.Path(top)), []
            except Exception as e:
                print(f"{kind.name} is left out: {e}", file=sys.stderr)
        for (a, b), (tool, row) in itertools.product(PAIRS, rows.values()):
            begun = time.monotonic()
            row.append(words_of(tool.measure(a, b, args.runs)))
            print(f"{tool.name} {a}-{b}: {row[-1]} in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    print("| | " + " | ".join(f"{a}-{b}" for a, b in PAIRS) + " |\n|---" + "|---" * len(PAIRS) + "|")
    for name, (_, row) in rows.items():
        print(f"| {name} | " + " | ".join(row) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
