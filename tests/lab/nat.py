#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What NATs are called: Debian's `stun`, coturn's `turnutils_natdiscovery` and `bodkin nat` look at real kernel NATs, through
`bodkin serve` and through coturn.

    nat.py BODKIN [--only NAME]

One line a case, then 'N passed, N failed'. Exit code 0, 1, or 77 where this machine forbids namespaces; where it
allows them, a case that did not run has failed.
"""
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True

import suite  # noqa: E402
from lab import Lab, check  # noqa: E402

ONE, TWO, SIX = "45.10.20.1", "45.10.20.2", "2001:db8:5::1"
PORT, COTURN_PORT = 15005, 3478
LANES = 3  # the classic clients are slow: most of a case is waiting
PATIENCE = 60  # seconds; the classic client waits long for what does not come

EI, AD, APD = "endpoint-independent", "address-dependent", "address-and-port-dependent"
# type of the lab: classic name, mapping, filtering, allocation, delta, stacked
ANSWERS = {
    "open": ("Open Internet", EI, EI, "preserving", None, None),
    "full": ("Full Cone", EI, EI, "preserving", None, False),
    "restricted": ("Restricted Cone", EI, AD, "preserving", None, False),
    "port": ("Port Restricted Cone", EI, APD, "preserving", None, False),
    "sym": ("Symmetric", APD, APD, "random", None, False),
    "symseq": ("Symmetric", APD, APD, "sequential", 1, False),
    "symdec": ("Symmetric", APD, APD, "sequential", -1, False),
    "sympar": ("Symmetric", APD, APD, "sequential", 2, False),
    "cgn-port": ("Port Restricted Cone", EI, APD, "preserving", None, True),
    "cgn-sym": ("Symmetric", APD, APD, "random", None, True),
}
CLASSIFIED = ["open", "full", "restricted", "port", "sym", "symseq"]
NATURES = {  # what natdiscovery says
    EI: "Endpoint Independent", AD: "Address Dependent", APD: "Address and Port Dependent",
}


def start_bodkin(lab, *where):
    lab.start_server(*where, "--alt-addr", TWO)


# Asks until it is answered everywhere: coturn's log does not say when it listens.
KNOCK = """
import os, select, socket, sys
asked = {(a.rsplit(":", 1)[0], int(a.rsplit(":", 1)[1])) for a in sys.argv[1:]}
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while asked:
    for place in asked:
        s.sendto(bytes.fromhex("000100002112a442") + os.urandom(12), place)
    while select.select([s], [], [], 0.05)[0]:
        asked.discard(s.recvfrom(2048)[1])
"""


def start_coturn(lab):
    lab.run("s", "turnserver", "-n", "-S", "--no-cli", "--no-tls", "--no-dtls", "-L", ONE, "-L", TWO, "-p", COTURN_PORT,
            f"--alt-listening-port={COTURN_PORT + 1}", "--log-file=stdout", f"--pidfile={lab.top}/coturn.pid")
    places = [f"{ip}:{COTURN_PORT + i}" for ip in (ONE, TWO) for i in (0, 1)]
    check(lab.run("s", sys.executable, "-c", KNOCK, *places).wait() == 0, "coturn does not answer")


def lines(program):
    """What a program that ends by itself has said."""
    code = program.wait(PATIENCE)
    return code, [e["line"].strip() for e in program.all("not JSON")]


def classic(program):
    """The verdict of Debian's stun, and its exit code, which has all bits of it."""
    code, said = lines(program)
    verdict = [line for line in said if line.startswith("Primary:")]
    check(len(verdict) == 1, f"stun gives no verdict:\n{program.story()}")
    return verdict[0], code


def discovered(program):
    """The verdicts of natdiscovery about mapping and filtering."""
    _, said = lines(program)
    verdicts = [line for line in said if line.startswith("NAT with") or "No NAT" in line]
    check(verdicts, f"natdiscovery gives no verdict:\n{program.story()}")
    return verdicts


def nat(lab, server, *options, node="a"):
    program = lab.run(node, lab.bodkin, "nat", "-s", server, "--json", *options)
    return program.wait_for("nat", seconds=PATIENCE), program


def check_side(which, side, expected):
    name, mapping, filtering, allocation, delta, _ = expected
    seen = (side["type"], side["mapping"], side["filtering"], side["allocation"], side.get("delta"))
    check(seen == (name, mapping, filtering, allocation, delta), f"{which}: {seen}")
    check(side["public"] and side["local"], f"{which}: no address: {side}")


def check_nat(event, program, expected, has_tcp):
    check(program.wait() == 0, f"exit code {program.process.returncode}\n{program.story()}")
    check_side("UDP", event["udp"], expected)
    if has_tcp:
        check_side("TCP", event["tcp"], expected)
    else:
        check(event["tcp"]["type"] == "unknown", f"TCP: {event['tcp']}")
    check(event["stacked"] == expected[5], f"stacked: {event['stacked']} {event['stacked_at']}")
    check(event["elapsed_ms"] < 1000, f"took {event['elapsed_ms']} ms")
    check(event["udp"]["hairpin"] == (None if expected[0] == "Open Internet" else False),
          f"hairpin: {event['udp']['hairpin']}")


def third_parties_agree(bodkin, kind, where):
    """They see through our server what they see through coturn, and that is right."""
    with Lab(bodkin, kind, "open") as lab:
        start_bodkin(lab, *where)
        start_coturn(lab)
        ask = {}
        for port in (PORT, COTURN_PORT):
            ask["stun", port] = lab.run("a", "stun", f"{ONE}:{port}")
            ask["discovery", port] = lab.run("a", "turnutils_natdiscovery", "-m", "-f", "-p", port, ONE)
        ours, theirs = classic(ask["stun", PORT]), classic(ask["stun", COTURN_PORT])
        check(ours == theirs, f"stun says {ours} through bodkin, {theirs} through coturn")
        ours, theirs = discovered(ask["discovery", PORT]), discovered(ask["discovery", COTURN_PORT])
        check(ours == theirs, f"natdiscovery says {ours} through bodkin, {theirs} through coturn")
        check_discovered(ours, ANSWERS[kind])
        return f"{classic(ask['stun', PORT])[0]}; {', '.join(ours)}"


def check_discovered(verdicts, expected):
    text = " ".join(verdicts)
    mapping, filtering = NATURES[expected[1]] + " Mapping", NATURES[expected[2]] + " Filtering"
    check((mapping in text or "No NAT" in text) and filtering in text, f"natdiscovery says {verdicts}")


def we_know(bodkin, kind, where=("-l", f"{ONE}:{PORT}"), shape=()):
    with Lab(bodkin, kind, "open", *shape) as lab:
        start_bodkin(lab, *where)
        through_us, program = nat(lab, lab.place)
        check_nat(through_us, program, ANSWERS[kind], True)
        start_coturn(lab)
        through_coturn, program = nat(lab, f"stun:{ONE}:{COTURN_PORT}")
        check_nat(through_coturn, program, ANSWERS[kind], False)
        return f"{through_us['udp']['type']}, {through_us['elapsed_ms']:.0f} ms; " \
               f"through coturn {through_coturn['elapsed_ms']:.0f} ms"


def we_know_by_one_address(bodkin, kind):
    """Without a second address filtering by address stays open, and the careful name is taken."""
    with Lab(bodkin, kind, "open") as lab:
        lab.start_server("-l", f"{ONE}:{PORT}")
        event, program = nat(lab, lab.place)
        check(program.wait() == 0, program.story())
        udp, expected = event["udp"], ANSWERS[kind]
        check(udp["mapping"] == expected[1] and udp["allocation"] == expected[3], f"{udp}")
        check(udp["filtering"] == (APD if expected[2] == APD else "unknown"), f"filtering: {udp['filtering']}")
        return udp["type"]


def a_hairpin_is_seen(bodkin):
    with Lab(bodkin, "full", "open", "--with", "hairpin:a") as lab:
        start_bodkin(lab, "-l", f"{ONE}:{PORT}")
        event, program = nat(lab, lab.place)
        check(program.wait() == 0 and event["udp"]["hairpin"] is True, program.story())
        return event["udp"]["type"]


def blocked_udp_is_told(bodkin):
    with Lab(bodkin, "port", "open", "--with", "udp-blocked:a") as lab:
        start_bodkin(lab, "-l", f"{ONE}:{PORT}")
        event, program = nat(lab, lab.place)
        check(program.wait() == 0, program.story())
        check(event["udp"]["type"] == "Blocked", f"UDP: {event['udp']}")
        check_side("TCP", event["tcp"], ANSWERS["port"])
        check(event["elapsed_ms"] < 1500, f"took {event['elapsed_ms']} ms")
        return f"{event['elapsed_ms']:.0f} ms"


def a_silent_server_is_an_error(bodkin):
    with Lab(bodkin, "port", "open") as lab:
        for server in (ONE, f"stun:{ONE}"):
            program = lab.run("a", lab.bodkin, "nat", "-s", server, "--json")
            check(program.wait() == 3, f"exit code {program.process.returncode}\n{program.story()}")
            check("cannot reach server" in program.last("error").get("text", ""), program.story())
        return program.last("error")["text"]


def ipv6_is_looked_at(bodkin):
    with Lab(bodkin, "port", "open") as lab:
        lab.start_server()
        event, program = nat(lab, f"[{SIX}]:{PORT}#{lab.pin}", node="b")
        check(program.wait() == 0, program.story())
        side = event["ipv6"]
        check(side and side["public"] and side["public"] == side["local"], f"IPv6: {side}")
        check(side["mapping"] == EI, f"IPv6: {side}")
        return f"{side['type']}, filtering {side['filtering']}"


def the_lifetime_is_measured(bodkin):
    with Lab(bodkin, "port", "open", "--with", "lifetime:15:a") as lab:
        start_bodkin(lab, "-l", f"{ONE}:{PORT}")
        start_coturn(lab)
        programs = [lab.run("a", lab.bodkin, "nat", "-s", s, "--json", "--lifetime")
                    for s in (lab.place, f"stun:{ONE}:{COTURN_PORT}")]
        found = [p.wait_for("nat", seconds=PATIENCE)["lifetime"] for p in programs]
        check(found[0] == {"min": 10, "max": 20}, f"through bodkin: {found[0]}")
        check(found[1] == {"min": 10, "max": 20}, f"through coturn: {found[1]}")
        return "15 s is between 10 and 20"


def a_person_gets_sentences(bodkin):
    with Lab(bodkin, "symseq", "open") as lab:
        start_bodkin(lab, "-l", f"{ONE}:{PORT}")
        code, said = lines(lab.run("a", lab.bodkin, "nat", "-s", lab.place))
        text = "\n".join(said)
        check(code == 0, f"exit code {code}")
        for expected in (r"^UDP +Symmetric, seen as 45\.10\.21\.10:\d+$", r"^TCP +Symmetric, seen as",
                         "ports in sequence, step 1", "^IPv6", "behind a Restricted Cone +direct"):
            check(re.search(expected, text, re.M), f"'{expected}' is not in\n{text}")
        return f"{len(said)} lines"


def cases(bodkin):
    concrete = ("-l", f"{ONE}:{PORT}")
    for kind in CLASSIFIED:
        yield f"third parties, {kind}", lambda kind=kind: third_parties_agree(bodkin, kind, concrete)
    for kind in ("restricted", "sym"):
        yield f"third parties, {kind}, listening everywhere", lambda kind=kind: third_parties_agree(bodkin, kind, ())
    for kind in ANSWERS:
        yield f"bodkin nat, {kind}", lambda kind=kind: we_know(bodkin, kind)
    for answer in ("reject", "reset", "accept"):
        for kind in ("full", "port", "sym"):
            yield f"bodkin nat, {kind}, {answer}", \
                lambda kind=kind, answer=answer: we_know(bodkin, kind, shape=("--answer", answer))
    yield "bodkin nat, port, 20 ms away", lambda: we_know(bodkin, "port", shape=("--delay", "20"))
    for kind in ("full", "port", "symseq"):
        yield f"bodkin nat, {kind}, one address", lambda kind=kind: we_know_by_one_address(bodkin, kind)
    yield "bodkin nat, full, hairpin", lambda: a_hairpin_is_seen(bodkin)
    yield "UDP blocked", lambda: blocked_udp_is_told(bodkin)
    yield "nobody answers", lambda: a_silent_server_is_an_error(bodkin)
    yield "IPv6", lambda: ipv6_is_looked_at(bodkin)
    yield "lifetime", lambda: the_lifetime_is_measured(bodkin)
    yield "sentences", lambda: a_person_gets_sentences(bodkin)


def check_tools():
    missing = [tool for tool in ("stun", "turnserver", "turnutils_natdiscovery", "nft") if not shutil.which(tool)]
    check(not missing, f"missing: {', '.join(missing)} (packages stun-client, coturn, nftables)")


def main():
    args = suite.parser(__doc__).parse_args()
    return suite.run(args, cases(args.bodkin), lanes=LANES, needs=check_tools)


if __name__ == "__main__":
    sys.exit(main())
