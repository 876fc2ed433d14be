# SPDX-License-Identifier: Apache-2.0
"""How many round trips connecting takes: R to the server, P = 2 R between two filtered sides. `total_ms` of who joins
begins with the command, `elapsed_ms` of each side when it knows both introductions; all end with the secure path.
"""
import statistics

from lab import Lab, check

WIRES = (10, 20, 40)  # ms one way from a side to the server
RUNS = 3
# Who made the code, who joins, over what, at which wires; the bounds: of R from the command to a secure path, and of P
# from both introductions, who joins and who made the code. TCP takes a round trip before TLS begins, and a Symmetric
# NAT's port is known by its first packet alone.
ROWS = (("port", "port", "udp", WIRES, (7.5, 1.1, 2.1)), ("port", "port", "tcp", (20,), (9.5, 2.1, 3.1)),
        ("full", "sym", "udp", (20,), (7.6, 1.1, 2.1)), ("sym", "full", "udp", (20,), (9.2, 1.9, 2.9)))
MORE = 60  # ms beside: of a machine that does other things


def shape(wire, loss=0):
    return ["--delay", 2 * wire, *(["--loss", loss] if loss else [])]


def measure(lab, transport):
    """Milliseconds: the command to secure; both known to secure, who joined and who made the code."""
    options = ["--transport", transport]
    t = lab.transfer(lab.file(1000), send=options, recv=options)
    kind = t.check_done()
    check(kind == "direct", f"{kind}\n{t.story()}")
    made, joined = t.elapsed()
    return t.receiver.last("path")["total_ms"], joined, made, t


def in_trips(name, values, trip):
    return f"{name} {statistics.median(values):.1f} ms = {statistics.median(values) / trip:.2f}"


def run_trips(bodkin, a, b, transport, wire, bounds):
    r, p = 2 * wire, 4 * wire
    with Lab(bodkin, a, b, *shape(wire)) as lab:
        lab.start_server("--state", lab.top / "server")
        runs = [measure(lab, transport) for _ in range(RUNS)]
        totals, joins, makes = ([run[i] for run in runs] for i in range(3))
        text = (f"R = {r} ms: {in_trips('command to secure', totals, r)} R; both known to secure: "
                f"{in_trips('joiner', joins, p)} P, {in_trips('maker', makes, p)} P")
        most = [bound * trip + MORE for bound, trip in zip(bounds, (r, p, p))]
        found = [statistics.median(v) for v in (totals, joins, makes)]
        check(all(f <= m for f, m in zip(found, most)), f"{text}; at most {most}\n{runs[0][3].story()}")
    return text, {"r_ms": r, "total_ms": found[0], "joiner_ms": found[1], "maker_ms": found[2]}


def cases(bodkin):
    for a, b, transport, wires, bounds in ROWS:
        for wire in wires:
            yield f"round trips, {a}-{b} {transport}, {wire} ms to the server", \
                lambda row=(a, b, transport, wire, bounds): run_trips(bodkin, *row)
