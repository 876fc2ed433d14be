# SPDX-License-Identifier: Apache-2.0
"""What guessing ports costs, as the routers count it: no more than the plan said, and for blocks of ports few.
"""
import re
import statistics

from lab import Lab, check

OTHERS = 40  # questions to addresses that are not guessed: 20 to each, where nobody answers
PASSES = 4   # openers, and three times with full TTL, of a window that two sequences go through
WINDOW = 64
TRIES_OVER_TCP = 12


class Tally:
    """What both routers count from now on: questions of STUN and flows over UDP that leave for elsewhere than the server."""

    def __init__(self, lab):
        self.lab, self.before = lab, [lab.counters(r) for r in ("ra", "rb")]

    def since(self):
        """One dictionary for each side."""
        return [{name: n - was[name] for name, n in self.lab.counters(r).items()}
                for r, was in zip(("ra", "rb"), self.before)]


def planned(program):
    """How many questions the plan lets a side ask guessed ports, or from fresh ones, and by what technique: as -v says it."""
    said = program.said()
    names = re.findall(r"plan: over UDP: (predict|blocks|birthday) ", said)
    ports = re.findall(r"plan: over UDP: \w+ \S+ and at most (\d+) of", said)
    fresh = re.findall(r"plan: over UDP: \w+ \S+ from (\d+) fresh ports", said)
    tried = sum(int(n) + 1 for n in ports)
    if "each side guesses" in said:
        tried *= PASSES
    elif tried and "predict" in names:
        tried += WINDOW
    return tried + 2 * sum(map(int, fresh)), set(names)


def cost(lab, begin):
    """Runs the transfer that is begun so. It, and what either side asked; Failure where that is more than was planned."""
    tally = Tally(lab)
    t = begin()
    t.finish()
    asked = [side["probes"] for side in tally.since()]
    for program, n in zip((t.sender, t.receiver), asked):
        most, names = planned(program)
        check(not names or n <= most + OTHERS, f"{n} questions, and the plan had {most}\n{t.story()}")
    return t, asked


# Of blocks half of the runs take no more than so many questions (bench/hard.py); more than that in all of four runs come
# about 1 time in 100,000.
FEW = {"symblock:128": 60, "symblock:512": 150, "symblock:2048": 300}
RUNS_OF_FEW = 4


def planned_over_tcp(program):
    """How many SYNs the plan lets a side send to guessed ports, openers too: as -v says it, and each a dozen times."""
    ports = re.findall(r"plan: predict \S+ and at most (\d+) of", program.said())
    return sum(int(n) + 1 for n in ports) * (TRIES_OVER_TCP + 1)


def connects_no_more_than_planned(bodkin, answer):
    """The relay is refused, so that what there is to be tried is tried; routers that answer have it tried again."""
    options = ["--transport", "tcp", "--path", "direct"]
    with Lab(bodkin, "port", "symseq", "--answer", answer) as lab:
        lab.start_server("--state", lab.top / "server")
        tally = Tally(lab)
        t = lab.transfer(lab.file(1000), send=options, recv=options)
        check(t.check_done() == "direct", t.story())
        sent = [side["syns"] for side in tally.since()]
        most = planned_over_tcp(t.sender)
        check(most == 32 * (TRIES_OVER_TCP + 1), f"the plan had {most}\n{t.story()}")
        check(32 <= sent[0] <= most + OTHERS and sent[1] <= OTHERS, f"{sent} SYNs, and the plan had {most}\n{t.story()}")
    return f"a side sent {sent[0]} SYNs, the other one {sent[1]}", {"sent": sent}


def asks_no_more_than_planned(bodkin, a, b):
    asked = []
    with Lab(bodkin, a, b) as lab:
        lab.start_server("--state", lab.top / "server")
        options = ["--transport", "udp", "--path", "direct"]
        for _ in range(RUNS_OF_FEW if b in FEW else 1):
            asked.append(cost(lab, lambda: lab.transfer(lab.file(1000), send=options, recv=options))[1])
        check(all(sum(both) for both in asked), f"the routers count nothing: {asked}")
    if b in FEW:
        check(min(n for n, _ in asked) <= FEW[b], f"{asked}; wanted {FEW[b]}")
    return f"a side asked {statistics.median(n for n, _ in asked):.0f} times, the other one " \
           f"{statistics.median(n for _, n in asked):.0f}", {"asked": asked}


def cases(bodkin):
    for a, b in (("port", "symseq"), ("symseq", "symdec"), ("port", "sym"), *(("port", block) for block in FEW)):
        yield f"no more packets than planned, {a}-{b}", lambda a=a, b=b: asks_no_more_than_planned(bodkin, a, b)
    for answer in ("drop", "reset"):
        yield f"no more SYNs than planned, {answer}", lambda answer=answer: connects_no_more_than_planned(bodkin, answer)
