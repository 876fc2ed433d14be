#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What share of the world connects directly, and what each technique brings.

    python3 bench/study.py BUILD_DIR [--runs N] [--least N] [--pairs N] [--proof N] [--seed N]
                                     [--write] [--check]

Pairs are drawn from bench/population.json. A pair's kind is all that is told of its two sides. Every kind is run by
the engines themselves, in virtual time, through simulated NATs (bench/study_pairs.c), with and without each technique:
--runs of them in all for each choice of techniques, a kind as often as it is likely and --least times, each with a
delay, loss and routers' answers of its own. Then --pairs pairs are drawn, and each takes the ending of one of its
kind's runs, by chance. That drawing so is as good as running is proven with --proof pairs, each of which is drawn and
run for itself, with circumstances that no run had before.

Prints the tables of RESULTS.md. --write puts them there, and the picture beside docs/study.md. The same seed gives the
same numbers. --check is a small form that judges, and ends with "N passed, N failed".
"""
import argparse
import array
import collections
import concurrent.futures
import os
import pathlib
import random
import statistics
import subprocess
import sys

import study_picture
import study_tables
import study_world as world

HERE = pathlib.Path(__file__).resolve().parent
PART = 2000
# One after the other; what the first row has needs none of them.
LADDER = ("tcp", "ipv6", "mapped", "predict/udp", "blocks", "birthday", "predict/tcp")
ALL = frozenset()
NOBODY = ("-", "-", 0, 0)


def choices_of_techniques():
    """Sets of what is left out: the ladder from nothing to all, and all but one."""
    return [frozenset(LADDER[i:]) for i in range(len(LADDER) + 1)], [frozenset({name}) for name in LADDER]


# --- running ---

def run_lines(build, lines):
    """[(technique, transport, us, packets)], in parts, on all cores."""
    parts = [lines[i:i + PART] for i in range(0, len(lines), PART)]

    def run(part):
        done = subprocess.run([pathlib.Path(build) / "bench/study_pairs"], input="\n".join(part) + "\n",
                              capture_output=True, text=True, check=True)
        return [read_ending(text) for text in done.stdout.splitlines()]

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [ending for part in pool.map(run, parts) for ending in part]


def read_ending(text):
    technique, transport, us, a, b = text.split()
    return technique, transport, int(us), int(a) + int(b)


class Study:
    """What the kinds came to, and what was drawn of them."""

    def __init__(self, args):
        self.build, self.seed, self.runs, self.least, self.pairs = args.build, args.seed, args.runs, args.least, args.pairs
        self.population = world.load()
        self.people = world.people(self.population)
        self.endings = {}  # by what was run: (kind, rows left out)

    def kinds(self, people=None):
        """{kind: how likely}"""
        found = collections.defaultdict(float)
        for a, p in (people or self.people).items():
            for b, q in (people or self.people).items():
                found[world.kind_of(a.side, b.side)] += p * q
        return found

    def run_kinds(self, choices):
        likely = collections.defaultdict(float)
        for left_out in choices:
            here = collections.defaultdict(float)
            for kind, p in self.kinds().items():
                if not world.is_shut(kind):
                    here[world.without(kind, left_out)] += p
            for key, p in here.items():
                likely[key] = max(likely[key], p)
        keys = [(key, i) for key in sorted(likely) for i in range(max(self.least, round(self.runs * likely[key])))]
        lines = [world.line(self.population, *key, f"{self.seed} run {i}") for key, i in keys]
        for (key, _), ending in zip(keys, run_lines(self.build, lines)):
            self.endings.setdefault(key, []).append(ending)
        return len(lines)

    def of(self, kind, left_out=ALL):
        """How it went, run for run."""
        return [NOBODY] if world.is_shut(kind) else self.endings[world.without(kind, left_out)]

    def weigh(self, counts, left_out=ALL, people=None):
        """The share of endings that count, over all pairs, and its standard error from the runs."""
        by_key = collections.defaultdict(float)
        for kind, p in self.kinds(people).items():
            if not world.is_shut(kind):
                by_key[world.without(kind, left_out)] += p
        share = variance = 0
        for key, p in by_key.items():
            n = len(self.endings[key])
            hits = sum(map(counts, self.endings[key]))
            likely = (hits + 0.5) / (n + 1)  # even six of six leave a doubt, so this errs upwards
            share += p * hits / n
            variance += p * p * likely * (1 - likely) / n
        return share, variance ** 0.5

    def draw(self):
        """{(a, b): how often these two persons met}"""
        persons = list(self.people)
        chance = random.Random(f"{self.seed} draw")
        first = chance.choices(range(len(persons)), self.people.values(), k=self.pairs)
        second = chance.choices(range(len(persons)), self.people.values(), k=self.pairs)
        met = collections.Counter(map(tuple, map(sorted, zip(first, second))))
        return {(persons[a], persons[b]): n for (a, b), n in sorted(met.items())}


class Drawn:
    """All drawn pairs under one choice of techniques. The same pair has the same luck under each of them."""

    def __init__(self, study, met, left_out):
        self.direct = bytearray()
        self.us, self.packets = array.array("q"), array.array("q")
        self.by_technique = collections.defaultdict(lambda: (array.array("q"), array.array("q")))
        self.by_persons = {}
        self.study, self.left_out = study, left_out
        self.runs_error = study.weigh(lambda e: e[0] != "-", left_out)[1]
        for (a, b), n in met.items():
            endings = study.of(world.kind_of(a.side, b.side), left_out)
            luck = random.Random(f"{study.seed} luck {a} {b}")
            before = len(self.us)
            for _ in range(n):
                self.add(endings[int(luck.random() * len(endings))])
            self.by_persons[a, b] = (n, len(self.us) - before)

    def add(self, ending):
        technique, transport, us, packets = ending
        self.direct.append(technique != "-")
        if technique != "-":
            self.us.append(us)
            self.packets.append(packets)
            times, sizes = self.by_technique[technique, transport]
            times.append(us)
            sizes.append(packets)

    @property
    def share(self):
        return len(self.us) / len(self.direct)

    @property
    def error(self):
        """The standard error: of the drawing and of the runs."""
        return (self.share * (1 - self.share) / len(self.direct) + self.runs_error ** 2) ** 0.5

    def gain(self, other):
        """What this choice brings beyond another one, and the standard error of that difference."""
        n = len(self.direct)
        differ = sum(a != b for a, b in zip(self.direct, other.direct))
        return self.share - other.share, (differ / n ** 2 + self.runs_error ** 2 + other.runs_error ** 2) ** 0.5


# --- the proof ---

def prove(study, drawn, proofs, left_out=ALL):
    """Pairs that are run, each for itself, against what the kinds say of them: rows of (claim, said, found, z)."""
    chance = random.Random(f"{study.seed} proof")
    persons, weights = list(study.people), list(study.people.values())
    lines, shut = [], 0
    for i in range(proofs):
        a, b = chance.choices(persons, weights, k=2)
        kind = world.kind_of(a.side, b.side)
        shut += world.is_shut(kind)
        if not world.is_shut(kind):
            lines.append(world.line(study.population, *world.without(kind, left_out), f"{study.seed} proof {i}"))
    endings = run_lines(study.build, lines) + [NOBODY] * shut
    return [compare(study, endings, *claim) for claim in claims(drawn)]


def claims(drawn):
    yield "direct", lambda e: e[0] != "-"
    for name, transport in sorted(drawn.by_technique):
        yield f"by {name} over {transport.upper()}", lambda e, t=(name, transport): e[:2] == t
    for what, values, at in (("ms", drawn.us, 2), ("packets", drawn.packets, 3)):
        for percent in (50, 95, 99):
            bound = study_tables.quantile(values, percent)
            shown = bound / 1000 if what == "ms" else bound
            yield f"direct, within {shown:.0f} {what}", lambda e, b=bound, at=at: e[0] != "-" and e[at] <= b


def compare(study, endings, claim, counts):
    said, error = study.weigh(counts)
    found = sum(map(counts, endings)) / len(endings)
    spread = (max(said * (1 - said), 1 / len(endings)) / len(endings) + error ** 2) ** 0.5
    return claim, said, found, (found - said) / spread


# --- all of it ---

def whole(args):
    study = Study(args)
    ladder, others = choices_of_techniques()
    ran = study.run_kinds(ladder + others)
    met = study.draw()
    steps = [Drawn(study, met, left_out) for left_out in ladder]
    but_one = {name: Drawn(study, met, left_out) for name, left_out in zip(LADDER, others)}
    proof = prove(study, steps[-1], args.proof)
    return study_tables.Results(study, ran, LADDER, steps, but_one, proof, args.proof)


def check(args):
    args.runs, args.least, args.pairs, args.proof = 1500, 2, 20000, 1500
    results = whole(args)
    tests = {
        "the population's shares are whole, and each number has a source or is called assumed":
            not list(world.faults(results.study.population)),
        "the same seed gives the same runs": is_same_again(args, results.study),
        "to draw is as good as to run": how_far(results.proof) < 4,
        "the proof notices that what was run lacks a technique":
            how_far(prove(results.study, results.all, args.proof, frozenset({"predict"}))) > 4,
        "no technique costs pairs": all(gain > -4 * error for gain, error in results.gains()),
        "two homes behind port-restricted routers always meet, two with random ports never":
            are_as_physics_has_it(results.study),
        "what stays relayed has reasons that add up": results.are_reasons_whole(),
        "the picture is one, for light and for dark": study_picture.is_sound(study_picture.draw(results)),
    }
    for claim, holds in tests.items():
        print("ok  " if holds else "FAIL", claim)
    if not all(tests.values()):
        print(results.text())
    print(f"{sum(tests.values())} passed, {len(tests) - sum(tests.values())} failed")
    return int(not all(tests.values()))


def how_far(proof):
    return max(abs(z) for *_, z in proof)


def is_same_again(args, study):
    keys = sorted(study.endings)[::40]
    lines = [world.line(study.population, *key, f"{args.seed} run 0") for key in keys]
    return run_lines(args.build, lines) == [study.endings[key][0] for key in keys]


def are_as_physics_has_it(study):
    shares = {}
    for name, noise in (("port", 0), ("sym", 0)):
        side = world.Side(name, noise, "", False, False)
        shares[name] = statistics.mean(e[0] != "-" for e in study.of((side, side)))
    return shares == {"port": 1, "sym": 0}


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("build")
    args.add_argument("--runs", type=int, default=60000)
    args.add_argument("--least", type=int, default=6)
    args.add_argument("--pairs", type=int, default=1000000)
    args.add_argument("--proof", type=int, default=60000)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--write", action="store_true")
    args.add_argument("--check", action="store_true")
    args = args.parse_args()
    if args.check:
        return check(args)
    results = whole(args)
    print(results.text())
    if args.write:
        results.write(HERE / "RESULTS.md")
        (HERE.parent / "docs/study.svg").write_text(study_picture.draw(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
