# SPDX-License-Identifier: Apache-2.0
"""Who is out there, for bench/study.py: the people of population.json, the pairs that they make, and what a pair needs
to know of them to be run. Two pairs of one kind differ in nothing but chance."""
import collections
import copy
import json
import math
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent
POPULATION = HERE / "population.json"
IN_SEQUENCE = ("symseq", "symdec", "sympar")
HARD = ("sym", "cgn-sym", *IN_SEQUENCE)
GUESSES = {"predict", "blocks", "birthday"}

# What a run is told of one side.
Side = collections.namedtuple("Side", "type noise blocked opens ip6")
# Somebody: a row of the population, with or without an opened port and IPv6.
Person = collections.namedtuple("Person", "network name tags side")


def load(path=POPULATION):
    return json.loads(pathlib.Path(path).read_text())


def faults(population):
    """What is wrong with the file: shares that are no shares, and numbers of which nobody says whence they come."""
    parts = [(f"rows of {n['name']}", [r for r in population["rows"] if r["network"] == n["name"]])
             for n in population["networks"]] + [("networks", population["networks"])]
    for what, rows in parts:
        if not math.isclose(sum(row["share"] for row in rows), 1, abs_tol=1e-9):
            yield f"{what}: the shares are not one"
    for what in ("answers", "loss"):
        if not math.isclose(sum(population[what]["share"].values()), 1, abs_tol=1e-9):
            yield f"{what}: the shares are not one"
    told = population["rows"] + population["networks"] + [population[k] for k in ("answers", "delay", "loss", "age", "helper")]
    told += [network[k] for network in population["networks"] for k in ("opens", "ip6")]
    for entry in told:
        if not entry["assumed"] and entry["source"] not in population["sources"]:
            yield f"{entry}: neither assumed nor with a source"


def changed(population, row=None, network=None, opens=1, ip6=1):
    """Another world: rows for which `row` tells a factor, networks likewise, and how many open ports and have IPv6."""
    world = copy.deepcopy(population)
    for part, factor in ((world["rows"], row), (world["networks"], network)):
        for entry in part:
            entry["share"] *= factor(entry) if factor else 1
    for n in world["networks"]:
        rows = [r for r in world["rows"] if r["network"] == n["name"]]
        total = sum(r["share"] for r in rows)
        for r in rows:
            r["share"] /= total
        n["opens"]["share"] = min(1, n["opens"]["share"] * opens)
        n["ip6"]["share"] = min(1, n["ip6"]["share"] * ip6)
    total = sum(n["share"] for n in world["networks"])
    for n in world["networks"]:
        n["share"] /= total
    return world


def people(population):
    """{Person: how likely somebody is one}."""
    found = collections.defaultdict(float)
    for network in population["networks"]:
        for row in (r for r in population["rows"] if r["network"] == network["name"]):
            may_open = "own" in row["tags"] and row["type"] != "open" and not row["blocked"]
            may_ip6 = not row["blocked"]
            for opens in (False, True):
                for ip6 in (False, True):
                    share = network["share"] * row["share"]
                    share *= _chance(opens, network["opens"]["share"] if may_open else 0)
                    share *= _chance(ip6, network["ip6"]["share"] if may_ip6 else 0)
                    side = Side(row["type"], row["noise"], row["blocked"], opens, ip6)
                    if share:
                        found[Person(network["name"], row["name"], tuple(row["tags"]), side)] += share
    return dict(found)


def _chance(yes, share):
    return share if yes else 1 - share


def kind_of(a, b):
    """What matters of two sides: IPv6 of one alone does not, nor who of them is called the first."""
    if not (a.ip6 and b.ip6):
        a, b = a._replace(ip6=False), b._replace(ip6=False)
    return min((a, b), (b, a))


def is_hard(side):
    return side.type in HARD or side.type.startswith("symblock")


def is_shut(kind):
    """Nothing but HTTPS leaves one of the two networks: there is nothing to be run."""
    return any(side.blocked == "all" for side in kind)


def is_tcp_alone(kind):
    return any(side.blocked for side in kind)


def without(kind, left_out):
    """The kind and the rows to be left out, where these techniques do not exist; as little of both as makes a difference."""
    if "ipv6" in left_out:
        kind = kind_of(*(side._replace(ip6=False) for side in kind))
    if "mapped" in left_out:
        kind = kind_of(*(side._replace(opens=False) for side in kind))
    rows = set(left_out) - {"ipv6", "mapped"}
    if not any(map(is_hard, kind)) or any(side.opens for side in kind):
        rows -= GUESSES
    if not any(side.type in IN_SEQUENCE for side in kind):
        rows -= {"predict"}
    if not any(is_hard(side) and side.type not in IN_SEQUENCE for side in kind):
        rows -= {"blocks", "birthday"}
    return kind, tuple(sorted(rows))


def line(population, kind, rows, salt):
    """One run for bench/study_pairs.c; the same circumstances for the same salt, whatever is left out."""
    chance = random.Random(f"{salt} {kind}")
    words = []
    for side in kind:
        answers = population["answers"]["share"]
        answer = chance.choices(list(answers), answers.values())[0]
        flags = "o" * side.opens + "6" * side.ip6 + "t" * bool(side.blocked)
        words += [side.type, answer, str(side.noise), flags or "-"]
    losses = population["loss"]["share"]
    words += [str(_delay(population["delay"], chance)), chance.choices(list(losses), losses.values())[0],
              str(population["age"]["us"]), ",".join(rows) or "-", str(chance.getrandbits(63))]
    return " ".join(words)


def _delay(told, chance):
    us = chance.lognormvariate(math.log(told["median_us"]), told["sigma"])
    return int(min(max(us, told["least_us"]), told["most_us"]))
