#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pairs whose ports have to be guessed, through kernel NATs without delay: how many were direct, how long both
introductions were known before the path was secure, and what the routers counted.

    python3 bench/hard.py BUILD_DIR [--only WORD] [--runs N]

Prints the rows of RESULTS.md; it fails when something does not work, never because something is slow.
"""
import argparse
import os
import pathlib
import statistics
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "lab"))

import tally  # noqa: E402
from lab import Lab, probe  # noqa: E402

RUNS_OF_A_LAB = 5  # a block of 128 ports is used up by a dozen runs, until its flows are forgotten
ROWS = [  # a, b, others' flows a second behind b's NAT, runs
    ("port", "sym", 0, 100), ("sym", "port", 0, 100),
    *(("port", kind, noise, 50) for kind in ("symseq", "symdec") for noise in (0, 20, 200)),
    ("port", "sympar", 0, 50), ("port", "sympar", 200, 50),
    ("symseq", "symseq", 0, 50),
    *(("port", f"symblock:{size}", 0, 50) for size in (128, 512, 2048)),
    ("sym", "sym", 0, 50),
]


def name_of(row):
    a, b, noise, _ = row
    return f"{a}-{b}" + (f", {noise} other flows a second" if noise else "")


def run(lab, may_relay):
    """The kind of its path, its time on the slower side, and what either side asked."""
    options = ["--transport", "udp"] + ([] if may_relay else ["--path", "direct"])
    t, asked = tally.cost(lab, lambda: lab.transfer(lab.file(1000), send=options, recv=options))
    if t.finish() != (0, 0):
        return None, None, asked
    return t.receiver.last("path")["kind"], max(t.elapsed()), asked


def measure(bodkin, row):
    a, b, noise, runs = row
    may_relay, found = (a, b) == ("sym", "sym"), []
    others = ["--with", f"noise:{noise}:b"] if noise else []
    for done in range(0, runs, RUNS_OF_A_LAB):
        with Lab(bodkin, a, b, *others) as lab:
            lab.start_server("--state", lab.top / "server")
            found += [run(lab, may_relay) for _ in range(min(RUNS_OF_A_LAB, runs - done))]
    times = [ms for _, ms, _ in found if ms is not None]
    direct, asked = sum(kind == "direct" for kind, _, _ in found), [both for _, _, both in found]
    questions = " | ".join(f"{statistics.median(side):.0f} ({max(side)})" for side in zip(*asked))
    return f"| {name_of(row)} | {direct} of {runs} | {statistics.median(times):.0f} ({max(times):.0f}) | {questions} |"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("build", type=os.path.abspath)
    options.add_argument("--only", default="", help="rows whose name, and a space behind it, contains this")
    options.add_argument("--runs", type=int, help="of each row, instead of its own number")
    args = options.parse_args()
    bodkin = f"{args.build}/bodkin"
    if forbidden := probe(bodkin):
        print(forbidden)
        return 77
    print("| a-b, over UDP | direct | ms, median (worst) | questions that a asks the other side, median (worst) | b |\n"
          "|---|---|---|---|---|", flush=True)
    for row in ROWS:
        if args.only in name_of(row) + " ":
            print(measure(bodkin, (*row[:3], args.runs or row[3])), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
