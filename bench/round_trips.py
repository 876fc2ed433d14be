#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From the command to a secure path through kernel NATs, the server between the two sides, with lost packets and without.

    python3 bench/round_trips.py BUILD_DIR [--only WORD] [--wire MS]... [--loss PERCENT] [--runs N] [--before REV [--before-build DIR]]

Prints the rows of RESULTS.md; with --before each of them for that revision, too, which it builds from git. Both take turns. It
fails when something does not work, never because something is slow.
"""
import argparse
import contextlib
import os
import pathlib
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path += [str(ROOT / "bench"), str(ROOT / "tests/lab")]

import before  # noqa: E402
import trips  # noqa: E402
from lab import Lab, probe  # noqa: E402

RUNS_OF_A_LAB = 10  # one address makes ten codes a minute
ROWS = [("port", "port", "udp"), ("full", "full", "udp"), ("restricted", "port", "udp"),  # who made the code, who joins
        ("full", "sym", "udp"), ("sym", "full", "udp"), ("port", "port", "tcp")]


def name_of(row, wire):
    a, b, transport = row
    return f"{a}-{b} {transport}, {wire} ms"


def measure(trees, row, wire, args):
    """{the tree's name: [its runs]}"""
    a, b, transport = row
    found = {name: [] for name in trees}
    for done in range(0, args.runs, RUNS_OF_A_LAB):
        with contextlib.ExitStack() as labs:
            raised = {name: labs.enter_context(Lab(bodkin, a, b, *trips.shape(wire, args.loss))) for name, bodkin in trees.items()}
            for lab in raised.values():
                lab.start_server("--state", lab.top / "server")
            for _ in range(min(RUNS_OF_A_LAB, args.runs - done)):
                for name, lab in raised.items():
                    found[name].append(trips.measure(lab, transport)[:3])
    return found


def spread(values):
    return f"{statistics.median(values):.0f} ({max(values):.0f})"


def text(row, wire, tree, runs):
    total, joins, makes = zip(*runs)
    return (f"| {name_of(row, wire)} | {tree} | {len(runs)} | {spread(total)} | {statistics.median(total) / wire / 2:.1f} | "
            f"{spread(joins)} | {spread(makes)} |")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("build", type=os.path.abspath)
    options.add_argument("--only", default="", help="rows whose name contains this")
    options.add_argument("--wire", type=int, action="append", help="one way from a side to the server, ms (20)")
    options.add_argument("--loss", type=float, default=0, help="of all packets from side to side, percent")
    options.add_argument("--runs", type=int, default=5, help="of each row (5)")
    options.add_argument("--before", metavar="REV", help="another tree beside")
    options.add_argument("--before-build", metavar="DIR", help="that revision built before, instead of building it")
    args = options.parse_args()
    trees = {"now": f"{args.build}/bodkin"}
    if forbidden := probe(trees["now"]):
        print(forbidden)
        return 77
    with tempfile.TemporaryDirectory(prefix="bodkin-round-trips-") as room:
        if args.before:
            build = args.before_build or before.build_before(args.before, room)
            trees = {args.before: os.path.abspath(f"{build}/bodkin"), **trees}
        print("| made-joins, one way | tree | runs | command to secure, ms | in R | who joins | who made the code |\n"
              "|---|---|---|---|---|---|---|", flush=True)
        for row in ROWS:
            for wire in args.wire or [20]:
                if args.only not in name_of(row, wire):
                    continue
                for tree, runs in measure(trees, row, wire, args).items():
                    print(text(row, wire, tree, runs), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
