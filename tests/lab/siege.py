# SPDX-License-Identifier: Apache-2.0
"""Strangers attack the server while it relays a file: each connection ends with a named reason in the log, the
server's memory stays flat, and the transfer does not notice.
"""
import pathlib
import re
import sys

from lab import SERVER, Failure, Lab, check

HERE = pathlib.Path(__file__).resolve().parent
GROWTH_MAX = 8 << 10  # KiB
RATE_MBIT = 10
SIZE = 16_500_000  # longer than the server waits for a hello
SLOWEST = 1.25  # of the time the wire needs
CONNECTION_MAX = 20  # seconds until every stranger is gone

TIMEOUT, BIG, BAD = r"timed out \(timeout\)", r"\(too-big\)", r"\(malformed\)"
# Who says nothing is sent away in time, or sooner: to make room, or for coming too often.
WAITING = rf"{TIMEOUT}|\((full|rate-limited)\)"
REASONS = {
    "random bytes": BAD,
    "random bytes like TLS": r"\((tls|version|malformed)\)",
    "random bytes in TLS": BIG,
    "random bytes like plain": BIG,
    "length of 4 GiB": BAD,
    "length of 4 GiB in TLS": BIG,
    "length of 4 GiB after a hello": BIG,
    "length of 4 GiB, plain": BIG,
    "200,000 keys": BIG,
    "200,000 keys, plain": BIG,
    "8,000 keys within the size": BAD,
    "60,000 brackets": BAD,
    "60,000 brackets, plain": BAD,
    "a byte a second of TLS": WAITING,
    "a byte a second, plain": WAITING,
    "a byte a second in TLS": WAITING,
    "half a TLS hello": WAITING,
    "silence": WAITING,
}


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def reason_of(log, place):
    found = re.search(rf"^.*?: ((?:closing|refusing|refused) {re.escape(place)}\b.*)$", log, re.M)
    return found[1] if found else None


def judge(connections, log):
    """The reason of every kind of connection; what has none is a failure."""
    wrong, seen = [], {}
    for c in connections:
        reason = reason_of(log, c["place"])
        if not c["over"] or not reason or not re.search(REASONS[c["attack"]], reason):
            wrong.append(f"{c['attack']}: {reason or 'nothing in the log'}, over {c['over']} at {c['seconds']} s")
        seen.setdefault(c["attack"], set()).add(re.sub(r"^\S+ \S+: ", "", reason or ""))
    check(not wrong, "\n".join(wrong[:20]))
    missing = REASONS.keys() - seen.keys()
    check(not missing, f"not thrown: {missing}")
    return seen


def relayed_under_attack(bodkin, verbose):
    with Lab(bodkin, "sym", "sym", "--rate", RATE_MBIT) as lab:
        lab.start_server("--state", lab.top / "server", "--plain", "-v")
        warm = lab.transfer(lab.file(100_000))  # whatever is allocated once is allocated now
        check(warm.check_done() == "relay", warm.story())
        t = lab.transfer(lab.file(SIZE))
        t.receiver.wait_for("progress", lambda e: e["bytes"] > 0)
        pid = lab.server.process.pid
        before = most = resident(pid)
        host, port = SERVER.split(":")
        strangers = lab.run("net", sys.executable, HERE / "hostile.py", host, port)
        while not strangers.over:
            try:
                strangers.wait_for("the end", seconds=0.1)  # only looks at the memory ten times a second
            except Failure:
                most = max(most, resident(pid))
        return finish(lab, t, strangers, before, most, verbose)


def finish(lab, t, strangers, before, most, verbose):
    check(strangers.wait() == 0, strangers.story())
    still_going = t.receiver.process.poll() is None
    check(t.check_done() == "relay", t.story())
    most = max(most, resident(lab.server.process.pid))
    check(still_going, "the transfer was over before the attacks were: make it longer")
    seconds, ideal = t.receiver.last("done")["seconds"], SIZE * 8 / (RATE_MBIT * 1e6)
    seen = judge(strangers.all("connection"), lab.server.said())
    if verbose:
        for attack, reasons in seen.items():
            print(f"        {attack}: {' | '.join(sorted(reasons))}")
    check(most - before <= GROWTH_MAX, f"the server grew from {before} to {most} KiB")
    check(seconds <= SLOWEST * ideal, f"the transfer took {seconds:.1f} s, the wire alone {ideal:.1f}")
    last = max(c["seconds"] for c in strangers.all("connection"))
    check(last <= CONNECTION_MAX, f"a stranger stayed {last} s")
    return (f"{len(strangers.all('connection'))} connections of {len(seen)} kinds, each with its reason; server {before} KiB "
            f"+ {most - before}; transfer {seconds:.1f} s of {ideal:.1f}, digest equal"), {
        "rss_kib": before, "growth_kib": most - before, "seconds": seconds, "ideal_seconds": ideal}


def cases(bodkin, verbose):
    yield "attack on the server while it relays", lambda: relayed_under_attack(bodkin, verbose)
