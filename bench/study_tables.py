# SPDX-License-Identifier: Apache-2.0
"""The tables of bench/study.py: what was drawn, what stays relayed and why, what would help, and what it rests on."""
import collections

import study_world as world

BEGIN, END = "<!-- study -->", "<!-- /study -->"
TOLD = {
    "tcp": "TCP beside it",
    "ipv6": "IPv6",
    "mapped": "ports that routers open",
    "predict/udp": "`predict`",
    "blocks": "`blocks`",
    "birthday": "`birthday`",
    "predict/tcp": "`predict` over TCP, where UDP is blocked",
}
FIRST = "UDP punching alone"


def percent(share, digits=2):
    return f"{100 * share:.{digits}f} %"


def table(head, rows):
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [head, *rows]]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines)


def quantile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0


def spread(values, scale=1):
    """Median and 95 %."""
    return [f"{quantile(values, percent) / scale:.0f}" if values else "-" for percent in (50, 95)]


# --- why two are relayed, and what would change that ---

def reason_of(a, b):
    """One sentence for two persons who got the relay."""
    sides = (a.side, b.side)
    if world.is_shut(sides):
        return "one network lets nothing out but HTTPS"
    hard = sum(map(world.is_hard, sides))
    over = "TCP alone, " if world.is_tcp_alone(sides) else ""
    if hard == 2:
        return over + "both guess: " + " with ".join(sorted(port_choice(side) for side in sides))
    return over + ("one side hard" if hard else "no side hard")


def port_choice(side):
    if side.type.startswith("symblock"):
        return "block"
    return "sequence" if side.type in world.IN_SEQUENCE else "random"


def hard_ones(sides):
    return [side for side in sides if world.is_hard(side)]


def may_spray_tcp(a, b):
    hard = hard_ones((a.side, b.side))
    return is_tcp_relayed(a, b) and len(hard) == 1 and port_choice(hard[0]) != "sequence"


def is_tcp_relayed(a, b):
    sides = (a.side, b.side)
    return world.is_tcp_alone(sides) and not world.is_shut(sides) and bool(hard_ones(sides))


def are_both_hard(a, b):
    return not world.is_tcp_alone((a.side, b.side)) and len(hard_ones((a.side, b.side))) == 2


def are_both_in_blocks(a, b):
    return are_both_hard(a, b) and all(port_choice(p.side) == "block" for p in (a, b))


def is_one_in_sequence(a, b):
    return are_both_hard(a, b) and any(port_choice(p.side) == "sequence" for p in (a, b))


def has_carrier(a, b):
    return not world.is_shut((a.side, b.side)) and any("carrier" in p.tags for p in (a, b))


def has_closed_router(a, b):
    return not world.is_shut((a.side, b.side)) and any(
        p.network == "home" and "own" in p.tags and not p.side.opens for p in (a, b))


# What does not exist: in a table, in a picture, and whom of the relayed it might help.
NEXT = (
    ("`birthday` and `blocks` over TCP, where UDP is blocked", "birthday and blocks over TCP", may_spray_tcp),
    ("a helper in every NAT, shot at by both sides: one of two hard ones becomes easy", "a helper in every NAT", are_both_hard),
    ("two hard sides, both in blocks, that spray both", "two in blocks", are_both_in_blocks),
    ("two hard sides, one of them in sequence", "two hard, one in sequence", is_one_in_sequence),
    ("every carrier's NAT opens ports when asked (PCP)", "carriers that open ports", has_carrier),
    ("every home router opens ports when asked", "home routers that open ports", has_closed_router),
    ("IPv6 on every network where UDP passes", "IPv6 for everybody", lambda a, b: not world.is_tcp_alone((a.side, b.side))),
)


class Results:
    def __init__(self, study, ran, ladder, steps, but_one, proof, proofs):
        self.study, self.ran, self.ladder = study, ran, ladder
        self.steps, self.but_one, self.proof, self.proofs = steps, but_one, proof, proofs

    @property
    def all(self):
        return self.steps[-1]

    def gains(self):
        """What each step of the ladder brings, with its standard error."""
        return [after.gain(before) for before, after in zip(self.steps, self.steps[1:])]

    def relayed(self):
        """{(a, b): how many drawn pairs of these two got the relay}"""
        return {pair: n - direct for pair, (n, direct) in self.all.by_persons.items() if n > direct}

    def share_of_relayed(self, may):
        return sum(n for pair, n in self.relayed().items() if may(*pair)) / self.study.pairs

    def reasons(self):
        found = collections.Counter()
        for pair, n in self.relayed().items():
            found[reason_of(*pair)] += n
        return [(why, n / self.study.pairs) for why, n in found.most_common()]

    def are_reasons_whole(self):
        return abs(sum(share for _, share in self.reasons()) + self.all.share - 1) < 1e-9

    def next_ones(self):
        """At most so much each of what does not exist would bring."""
        found = [(what, short, self.share_of_relayed(may)) for what, short, may in NEXT]
        helper = self.study.population["helper"]["share"]
        some = self.share_of_relayed(are_both_hard) * (1 - (1 - helper) ** 2)
        found.insert(3, (f"the same, where one NAT in {1 / helper:.0f} has a helper", f"a helper in one NAT of {1 / helper:.0f}", some))
        return found

    # --- as text ---

    def ladder_table(self):
        rows = [[FIRST, percent(self.steps[0].share), "", *spread(self.steps[0].us, 1000), *spread(self.steps[0].packets)]]
        for name, step, (gain, error) in zip(self.ladder, self.steps[1:], self.gains()):
            rows.append([f"+ {TOLD[name]}", percent(step.share), f"{100 * gain:+.2f} ({100 * error:.2f})",
                         *spread(step.us, 1000), *spread(step.packets)])
        return table(["techniques", "direct", "more (standard error), points", "median ms", "95 %", "median packets", "95 %"], rows)

    def but_one_table(self):
        rows = []
        for name, drawn in self.but_one.items():
            gain, error = self.all.gain(drawn)
            rows.append([f"all but {TOLD[name]}", percent(drawn.share), f"{-100 * gain:+.2f} ({100 * error:.2f})"])
        return table(["techniques", "direct", "beside all (standard error), points"], rows)

    def technique_table(self):
        found = sorted(self.all.by_technique.items(), key=lambda item: -len(item[1][0]))
        rows = [[f"{name} over {transport.upper()}", percent(len(us) / self.study.pairs), *spread(us, 1000), *spread(packets)]
                for (name, transport), (us, packets) in found]
        return table(["the path is called", "of all pairs", "median ms", "95 %", "median packets", "95 %"], rows)

    def networks_table(self):
        found = collections.defaultdict(lambda: [0, 0])
        for (a, b), (n, direct) in self.all.by_persons.items():
            here = found[" and ".join(sorted((a.network, b.network)))]
            here[0] += n
            here[1] += direct
        rows = [[which, percent(n / self.study.pairs, 1), percent(direct / n)] for which, (n, direct) in sorted(found.items())]
        return table(["between", "of all pairs", "direct"], rows)

    def sensitivity_table(self):
        def share(**changes):
            people = world.people(world.changed(self.study.population, **changes))
            return self.study.weigh(lambda e: e[0] != "-", people=people)[0]

        def rows_of(network, tag):
            return lambda factor: {"row": lambda r: factor if r["network"] == network and tag in r["tags"] else 1}

        now = share()
        rows = []
        for what, make in (
                ("symmetric NATs of mobile carriers", rows_of("mobile", "hard")),
                ("homes behind a carrier's NAT", rows_of("home", "carrier")),
                ("offices that block UDP", rows_of("office", "blocked")),
                ("symmetric NATs of offices", rows_of("office", "hard")),
                ("home routers that open ports", lambda factor: {"opens": factor}),
                ("people with IPv6", lambda factor: {"ip6": factor}),
                ("people who are mobile", lambda factor: {"network": lambda n: factor if n["name"] == "mobile" else 1}),
                ("people in offices", lambda factor: {"network": lambda n: factor if n["name"] == "office" else 1})):
            rows.append([what, *(f"{100 * (share(**make(factor)) - now):+.2f}" for factor in (0.5, 1.5))])
        return table(["", "half as many, points", "half again as many, points"], rows)

    def proof_table(self):
        return table(["", "drawn", "run", "standard errors apart"],
                     [[claim, percent(said), percent(found), f"{z:+.1f}"] for claim, said, found, z in self.proof])

    def text(self):
        study = self.study
        parts = [
            f"`make study`: {study.pairs:,} pairs drawn from `bench/population.json`, {self.ran:,} runs of the engines in virtual "
            f"time, seed {study.seed}. What is drawn how, and on what it rests: [docs/study.md](../docs/study.md). Times are from "
            f"the moment at which both know of each other until both have a path; packets are those of both machines.\n\n"
            f"Directly connected: **{percent(self.all.share)}**, standard error {100 * self.all.error:.3f} points (at most "
            f"{100 * max(s.error for s in [*self.steps, *self.but_one.values()]):.3f} in these two tables).",
            self.ladder_table(), self.but_one_table(), self.technique_table(), self.networks_table(),
            "Why the others are relayed:",
            table(["", "of all pairs"], [[why, percent(share, 3)] for why, share in self.reasons()]),
            "What does not exist yet, and what it would bring at most, were it never to fail (of the same relayed pairs, so the rows do "
            "not add up):",
            table(["", "points, at most"], [[what, f"{100 * share:.3f}"] for what, _, share in self.next_ones()]),
            "What the shares that are assumed do to the result:", self.sensitivity_table(),
            f"Drawing is as good as running: {self.proofs:,} pairs that were each run for themselves, beside what the kinds' "
            f"runs say of them:",
            self.proof_table(),
        ]
        return "\n\n".join(parts)

    def write(self, path):
        whole = path.read_text()
        head, rest = whole.split(BEGIN)
        path.write_text(f"{head}{BEGIN}\n\n{self.text()}\n\n{END}{rest.split(END)[1]}")
