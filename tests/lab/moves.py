# SPDX-License-Identifier: Apache-2.0
"""A session that changes its path in the middle of a transfer: nothing is lost, nothing arrives twice.

The routers first keep the two sides apart (a rule in front of everything they forward between them), so that the
transfer starts on the relay; then they let them through.
"""
import time

from lab import Lab, check

RATE = ("--rate", 100)
LARGE = 24_000_000
SMALL = 20_000
FAR = {"ra": "192.0.2.0/24", "rb": "198.51.100.0/24"}


def bar(lab):
    for router, far in FAR.items():
        rules = (f"table ip bar {{ chain f {{ type filter hook forward priority -300; ip daddr {far} drop; "
                 f"ip saddr {far} drop; }}; }}")
        made = lab.run(router, "nft", rules)
        check(made.wait() == 0, made.story())


def unbar(lab):
    for router in FAR:
        gone = lab.run(router, "nft", "delete", "table", "ip", "bar")
        check(gone.wait() == 0, gone.story())


def relay_then_direct(bodkin, transport):
    with Lab(bodkin, "port", "port", "--delay", 10, *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        bar(lab)
        options = ["--transport", transport]
        t = lab.transfer(lab.file(LARGE), send=options, recv=options)
        first = t.receiver.wait_for("path")
        check(first["kind"] == "relay", f"the first path is {first['kind']}\n{t.story()}")
        t.receiver.wait_for("progress", lambda e: e["bytes"] > 0)
        unbar(lab)
        kind = t.check_done()
        paths = [[e["kind"] for e in p.all("path")] for p in (t.sender, t.receiver)]
        check(kind == "direct" and paths == [["relay", "direct"]] * 2, f"paths {paths}\n{t.story()}")
        spoken = t.receiver.last("path")["transport"]
        check(spoken == transport, f"over {spoken}")
        return (f"relay after {first['elapsed_ms']:.0f} ms, direct over {spoken} after "
                f"{t.receiver.last('path')['elapsed_ms']:.0f} ms, digest equal"), {}


def direct_then_relay(bodkin, transport):
    """The direct path dies in the middle: both sides meet anew at the server, and the relay takes over."""
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        options = ["--transport", transport]
        t = lab.transfer(lab.file(LARGE), send=options, recv=options)
        first = t.receiver.wait_for("path")
        check(first["kind"] == "direct", f"the first path is {first['kind']}\n{t.story()}")
        t.receiver.wait_for("progress", lambda e: e["bytes"] > 0)
        died = time.monotonic()
        bar(lab)
        second = t.receiver.wait_for("path", lambda e: e["total_ms"] > first["total_ms"], seconds=30)
        pause = time.monotonic() - died
        check(second["kind"] == "relay", f"then {second['kind']}\n{t.story()}")
        check(t.check_done() == "relay", t.story())
        return f"direct over {transport}, cut, on the relay {pause:.1f} s later, digest equal", {}


def says(program, words, seconds):
    """Waits until the program has said so on standard error."""
    until = time.monotonic() + seconds
    while words not in program.said():
        check(time.monotonic() < until, f"never said '{words}'\n{program.story()}")
        time.sleep(0.02)


def direct_again(bodkin, transport):
    """Nothing comes through for a while; with the first way that opens the two punch anew, without a relay."""
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        options = ["--transport", transport, "--path", "direct"]
        t = lab.transfer(lab.file(LARGE), send=options, recv=options)
        first = t.receiver.wait_for("path")
        t.receiver.wait_for("progress", lambda e: e["bytes"] > 0)
        died = time.monotonic()
        bar(lab)
        says(t.receiver, "lost the path", 20)
        unbar(lab)
        t.receiver.wait_for("path", lambda e: e["total_ms"] > first["total_ms"], seconds=30)
        pause = time.monotonic() - died
        check(t.check_done() == "direct", t.story())
        return f"direct over {transport}, cut, direct again {pause:.1f} s later, digest equal", {}


def udp_blocked(bodkin):
    """One side's router lets no UDP through: TCP connects, directly."""
    with Lab(bodkin, "port", "port") as lab:
        made = lab.run("ra", "nft", "table ip bar { chain f { type filter hook forward priority -300; meta l4proto udp drop; }; }")
        check(made.wait() == 0, made.story())
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer(lab.file(SMALL))
        kind, spoken = t.check_done(), t.receiver.last("path")["transport"]
        check((kind, spoken) == ("direct", "tcp"), f"{kind} over {spoken}\n{t.story()}")
        return f"direct over tcp after {max(t.elapsed()):.0f} ms", {}


def only_the_server(bodkin):
    """Nothing between the two but through the server."""
    with Lab(bodkin, "port", "port", "--delay", 20) as lab:
        lab.start_server("--state", lab.top / "server")
        bar(lab)
        t = lab.transfer(lab.file(SMALL))
        check(t.check_done() == "relay", t.story())
        return f"relayed after {max(t.elapsed()):.0f} ms", {}


def cases(bodkin):
    yield "udp blocked on one side", lambda: udp_blocked(bodkin)
    yield "all blocked but the server", lambda: only_the_server(bodkin)
    yield "direct, cut, direct again, udp", lambda: direct_again(bodkin, "udp")
    for transport in ("udp", "tcp"):
        yield f"direct, then the relay, {transport}", lambda tr=transport: direct_then_relay(bodkin, tr)
    for transport in ("udp", "tcp"):
        yield f"relay first, then direct over {transport}", lambda tr=transport: relay_then_direct(bodkin, tr)
