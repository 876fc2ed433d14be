# SPDX-License-Identifier: Apache-2.0
"""How many round trips connecting takes: R to the server, P = 2 R between two filtered sides. `total_ms` of who joins
begins with the command, `elapsed_ms` of each side when it knows both introductions; all end with the secure path.
"""
import statistics

from lab import Lab, check

WIRES = (10, 20, 40)  # ms one way from a side to the server
RUNS = 3
# transport: of R from the command to a secure path; of P from both introductions, who joins and who made the code
BOUNDS = {"udp": (7.5, 1.1, 2.1)}
MORE = 60  # ms beside: of a machine that does other things


def measure(lab, transport):
    options = ["--transport", transport]
    t = lab.transfer(lab.file(1000), send=options, recv=options)
    kind = t.check_done()
    check(kind == "direct", f"{kind}\n{t.story()}")
    made, joined = t.elapsed()
    return t.receiver.last("path")["total_ms"], joined, made, t


def in_trips(name, values, trip):
    return f"{name} {statistics.median(values):.1f} ms = {statistics.median(values) / trip:.2f}"


def run_trips(bodkin, transport, wire):
    r, p = 2 * wire, 4 * wire
    with Lab(bodkin, "port", "port", "--delay", 2 * wire) as lab:
        lab.start_server("--state", lab.top / "server")
        runs = [measure(lab, transport) for _ in range(RUNS)]
        totals, joins, makes = ([run[i] for run in runs] for i in range(3))
        text = (f"R = {r} ms: {in_trips('command to secure', totals, r)} R; both known to secure: "
                f"{in_trips('joiner', joins, p)} P, {in_trips('maker', makes, p)} P")
        most = [b * trip + MORE for b, trip in zip(BOUNDS[transport], (r, p, p))]
        found = [statistics.median(v) for v in (totals, joins, makes)]
        check(all(f <= m for f, m in zip(found, most)), f"{text}; at most {most}\n{runs[0][3].story()}")
    return text, {"r_ms": r, "total_ms": found[0], "joiner_ms": found[1], "maker_ms": found[2]}


def cases(bodkin):
    for transport in BOUNDS:
        for wire in WIRES:
            yield f"round trips, {transport}, {wire} ms to the server", \
                lambda transport=transport, wire=wire: run_trips(bodkin, transport, wire)
