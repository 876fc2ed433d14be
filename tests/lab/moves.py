# SPDX-License-Identifier: Apache-2.0
"""A session that changes its path in the middle of a transfer: nothing is lost, nothing arrives twice.

The routers first keep the two sides apart (a rule in front of everything they forward between them), so that the
transfer starts on the relay; then they let them through.
"""
from lab import Lab, check

RATE = ("--rate", 100)
LARGE = 24_000_000
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


def cases(bodkin):
    for transport in ("udp", "tcp"):
        yield f"relay first, then direct over {transport}", lambda tr=transport: relay_then_direct(bodkin, tr)
