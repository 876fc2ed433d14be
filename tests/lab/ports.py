# SPDX-License-Identifier: Apache-2.0
"""Routers that give ports: Debian's miniupnpd on a home router, by each of its dialects. A port that is open on one side
connects any two; when the program ends the router has it back.
"""
import select
import signal
import statistics
import sys
import time

from lab import Lab, Transfer, check
from moves import RATE, bar, begin, finish, run
from rows import SMALL

RUNS, RUNS_UPNP, MUST_MS, DRIFT = 5, 2, 30, 3  # of each pair; the median in ms, and the room that a busy machine gets


def opened(lab, node):
    """The ports that the router of that host has open."""
    done = lab.run("r" + node, "nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd")
    check(done.wait() == 0, done.story())
    return sum("dnat" in e.get("line", "") for e in done.events)


def holes(lab, node):
    """The holes in that router's firewall for IPv6."""
    done = lab.run("r" + node, "nft", "list", "chain", "inet", "filter", "miniupnpd")
    check(done.wait() == 0, done.story())
    return sum("0x2001" in e.get("line", "") for e in done.events)


def technique_of(transfer):
    return {p.last("path")["technique"] for p in (transfer.sender, transfer.receiver)}


def connects(bodkin, a, b, service, transport):
    """service: "pcp:a". Both sides say by what, and nothing stays open."""
    with Lab(bodkin, a, b, "--with", service) as lab:
        lab.start_server("--state", lab.top / "server")
        transfers = []
        runs = RUNS_UPNP if "upnp" in service else RUNS
        for _ in range(runs):
            folder, path, options = lab.folder("received"), lab.file(SMALL), ["--transport", transport]
            sender = lab.send(path, *options)
            code = sender.wait_for("code")["code"]
            if service[-1] == "a":
                wait_opened(lab, "a", 1)  # a person who tells the code takes longer
            transfers.append(Transfer(lab, path, sender, lab.recv(code, "-o", folder, *options), folder))
            transfers[-1].kind = transfers[-1].check_done()
        kinds = [(t.kind, *technique_of(t)) for t in transfers]
        astray = [t for t, k in zip(transfers, kinds) if k != ("direct", "mapped")]
        check(not astray, f"{kinds}\n{astray and astray[0].story()}")
        check(opened(lab, service[-1]) == 0, "the router still has ports of ours")
        slower = [max(t.elapsed()) for t in transfers]
        check(statistics.median(slower) <= MUST_MS * DRIFT, f"{slower}; wanted {MUST_MS}")
        return f"{runs}/{runs} by an opened port, median {statistics.median(slower):.0f} ms (worst {max(slower):.0f})", {}


def mute(lab, node):
    """That host's router takes no questions."""
    run(lab, "r" + node, "nft", "table ip busy { chain i { type filter hook input priority -300; udp dport 5351 drop; }; }")


def unmute(lab, node):
    run(lab, "r" + node, "nft", "delete", "table", "ip", "busy")


def opens_late(bodkin, side, transport):
    """A router that was busy while the two met, and gives its port when the relay carries: the session moves there."""
    with Lab(bodkin, "sym", "sym", "--with", f"pcp:{side}", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        mute(lab, side)
        t, first = begin(lab, ["--transport", transport], "relay")
        unmute(lab, side)
        direct = [p.wait_for("path", lambda e: e["kind"] == "direct") for p in (t.receiver, t.sender)]
        seen = [(e["kind"], e["technique"], e["transport"]) for e in direct]
        check(seen == [("direct", "mapped", transport)] * 2, f"{seen}\n{t.story()}")
        check(finish(t) == "direct", t.story())
        check(opened(lab, side) == 0, "the router still has ports of ours")
        return f"relay after {first['elapsed_ms']:.0f} ms, by the opened port after {direct[0]['total_ms']:.0f} ms", {}


def waits(lab, *options):
    """A sender that waits for somebody."""
    lab.start_server("--state", lab.top / "server")
    sender = lab.send(lab.file(SMALL), *options)
    sender.wait_for("code")
    return sender


def wait_opened(lab, node, wanted, count=opened):
    """The router, which tells nobody, is looked at ten times a second until it has so many, up to five seconds."""
    end = time.monotonic() + 5
    while (found := count(lab, node)) != wanted and time.monotonic() < end:
        select.select([], [], [], 0.1)
    check(found == wanted, f"{found} ports are open at {node}'s router, wanted {wanted}")


def gives_back(bodkin):
    with Lab(bodkin, "sym", "port", "--with", "pcp:a") as lab:
        sender = waits(lab)
        wait_opened(lab, "a", 2)
        sender.kill(signal.SIGINT)
        check(sender.wait() == 130, sender.story())
        check(opened(lab, "a") == 0, "interrupted, and the router still has its ports")
        return "one for UDP, one for TCP; none after Ctrl-C", {}


def asks_nobody(bodkin):
    """Without it as with a router that is behind another NAT: what was relayed is relayed, and as quickly."""
    with Lab(bodkin, "sym", "sym", "--with", "pcp:a") as lab:
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer(lab.file(SMALL), send=["--no-port-mapping"])
        check(t.check_done() == "relay" and opened(lab, "a") == 0, t.story())
        relayed = max(t.elapsed())
    with Lab(bodkin, "cgn-sym", "sym", "--with", "miniupnpd:a") as lab:
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer(lab.file(SMALL))
        check(t.check_done() == "relay" and "behind a NAT itself" in t.sender.said(), t.story())
        return f"relayed after {relayed:.0f} ms; behind a carrier's NAT after {max(t.elapsed()):.0f} ms", {}


def serves_at_home(bodkin):
    """A server behind a's home router: who is elsewhere meets at the address that it tells."""
    with Lab(bodkin, "port", "sym", "--with", "pcp:a", "--with", "fw6") as lab:
        server = lab.run("a", lab.bodkin, "serve", "--json", "--state", lab.top / "server")
        outside = server.wait_for("outside", lambda e: e["address"][0] != "[")
        outside6 = server.wait_for("outside", lambda e: e["address"][0] == "[")
        check(outside["address"] == "45.10.21.10:15005" and opened(lab, "a") == 4, server.story())
        check(outside6["address"] == "[2001:db8:a:1::2]:15005" and holes(lab, "a") == 4, server.story())
        place, folder, path = f"{outside['address']}#{outside['pin']}", lab.folder("received"), lab.file(SMALL)
        sender = lab.send(path, node="s", place=place)
        code = sender.wait_for("code")["code"]
        t = Transfer(lab, path, sender, lab.recv(code, "-o", folder, place=place), folder)
        check(t.check_done() == "direct", t.story())
        seen = lab.run("s", lab.bodkin, "nat", "-s", f"{outside6['address']}#{outside6['pin']}", "--json")
        check(seen.wait_for("nat")["tcp"]["public"].startswith("[2001:db8:5::1]") and seen.wait() == 0, seen.story())
        server.kill(signal.SIGTERM)
        check(server.wait() == 0, server.story())
        check(opened(lab, "a") + holes(lab, "a") == 0, "the server has stopped, and the router still has its ports")
        alone = lab.run("a", lab.bodkin, "serve", "--json", "--state", lab.top / "server", "--no-port-mapping")
        alone.wait_for("listening")
        check(opened(lab, "a") == 0, alone.story())
    with Lab(bodkin, "cgn-port", "port", "--with", "pcp:a") as lab:
        server = lab.run("a", lab.bodkin, "serve", "--json", "--state", lab.top / "server")
        server.wait_said("opens no ports", 5)
        check("behind a NAT itself" in server.said() and not server.all("outside"), server.story())
    return "four ports, told, used and given back; a carrier's NAT outside is said", {}


# From the port that the miniupnpd has, so as a raw packet; its seconds do not follow those of before.
ANNOUNCE = """
import socket, struct
news = bytes([2, 0x80]) + bytes(6) + struct.pack("!I", 1 << 20) + bytes(12)
udp = struct.pack("!HHHH", 5351, 5350, 8 + len(news), 0) + news
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 1, 17, 0, socket.inet_aton("10.1.0.1"), socket.inet_aton("224.0.0.1"))
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.1.0.1"))
s.sendto(ip + udp, ("224.0.0.1", 0))
"""


def says_that_it_began_anew(bodkin):
    """A router that was started again has forgotten its ports, and tells all of its network: it is asked anew."""
    with Lab(bodkin, "sym", "port", "--with", "pcp:a") as lab:
        waits(lab)
        wait_opened(lab, "a", 2)
        run(lab, "ra", "nft", "flush", "chain", "inet", "filter", "prerouting_miniupnpd")
        run(lab, "ra", sys.executable, "-c", ANNOUNCE)
        wait_opened(lab, "a", 2)
        return "two ports, there again", {}


# Two SYNs that cross connect nobody: many firewalls know no such thing.
UNCROSSED = ("table ip6 strict { chain f { type filter hook forward priority -10; "
             "tcp flags & (syn | ack) == syn ct direction reply drop; }; }")


def lets_in_by_a_hole(bodkin):
    """IPv6 on both sides, and firewalls that TCP does not punch: a hole that one's router makes is what connects them."""
    with Lab(bodkin, "sym", "sym", "--with", "pcp:a", "--with", "fw6") as lab:
        lab.start_server("--state", lab.top / "server")
        bar(lab)  # IPv4, for which the router opens a port as well
        for router in ("ra", "rb"):
            run(lab, router, "nft", UNCROSSED)
        kinds = []
        for more in ([], ["--no-port-mapping"]):
            folder, path, options = lab.folder("received"), lab.file(SMALL), ["--transport", "tcp", *more]
            sender = lab.send(path, *options)
            code = sender.wait_for("code")["code"]
            wait_opened(lab, "a", 0 if more else 1, holes)
            t = Transfer(lab, path, sender, lab.recv(code, "-o", folder, *options), folder)
            kinds.append((t.check_done(), *technique_of(t)))
            check(holes(lab, "a") == 0, f"the router still has holes of ours\n{t.story()}")
        check(kinds == [("direct", "ipv6"), ("relay", "relay")], f"{kinds}\n{t.story()}")
        return f"direct after {max(t.elapsed()):.0f} ms, and relayed without; the hole is closed again", {}


def moves_outside(bodkin):
    """A router that gets another address outside says nothing of it: the server, which sees us there, does."""
    with Lab(bodkin, "sym", "sym", "--with", "pcp:a", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        t, first = begin(lab, ["--transport", "udp"], "direct")
        check(technique_of(t) == {"mapped"}, t.story())
        run(lab, "ra", "nft", "table ip gone { chain f { type filter hook prerouting priority -300; ip daddr 45.10.21.10 drop; }; }")
        run(lab, "ra", "ip", "address", "delete", "45.10.21.10/28", "dev", "wan")
        run(lab, "ra", "ip", "address", "add", "45.10.21.11/28", "dev", "wan")
        run(lab, "ra", "ip", "route", "add", "default", "via", "45.10.21.1")
        again = [p.wait_for("path", lambda e: e["kind"] == "direct" and e["total_ms"] > first["total_ms"])
                 for p in (t.receiver, t.sender)]
        check([e["technique"] for e in again] == ["mapped"] * 2, t.story())
        return f"direct again {(again[0]['total_ms'] - first['total_ms']) / 1000:.1f} s later, by a port of the new address", {}


def is_told_of(bodkin):
    """`bodkin nat` says by what each router is asked."""
    with Lab(bodkin, "port", "cgn-port", "--with", "upnp:a", "--with", "pcp:b") as lab:
        lab.start_server("--state", lab.top / "server")
        asked = [lab.run(node, lab.bodkin, "nat", "-s", lab.place, "--json", *more)
                 for node, *more in (("a",), ("b",), ("a", "--no-port-mapping"))]
        upnp, pcp, nobody = (p.wait_for("nat")["router"] for p in asked)
        check((upnp["upnp"], upnp["pcp"], upnp["natpmp"], upnp["outside"], upnp["nested"]) ==
              (True, False, False, "45.10.21.10", False), asked[0].story())
        check((pcp["upnp"], pcp["pcp"]) == (False, True), asked[1].story())
        check(nobody is None, asked[2].story())
        return "UPnP here and PCP there; nobody, where nobody is to be asked", {}


def cases(bodkin):
    for a, b, service, transport in (("sym", "sym", "pcp:a", "udp"), ("sym", "sym", "pcp:b", "udp"),
                                     ("sym", "sym", "natpmp:a", "tcp"), ("port", "sym", "pcp:b", "tcp"),
                                     ("sym", "sym", "upnp:a", "udp"), ("sym", "port", "upnp:a", "tcp")):
        yield (f"ports, {a}-{b} with {service} over {transport}",
               lambda a=a, b=b, s=service, t=transport: connects(bodkin, a, b, s, t))
    for side, transport in (("a", "udp"), ("b", "tcp")):
        yield f"ports, {side}'s opened late over {transport}", lambda s=side, t=transport: opens_late(bodkin, s, t)
    yield "ports, given back", lambda: gives_back(bodkin)
    yield "ports, a server at home", lambda: serves_at_home(bodkin)
    yield "ports, forgotten by the router, which says so", lambda: says_that_it_began_anew(bodkin)
    yield "ports, a hole in a firewall for IPv6", lambda: lets_in_by_a_hole(bodkin)
    yield "ports, a router with another address", lambda: moves_outside(bodkin)
    yield "ports, told of", lambda: is_told_of(bodkin)
    yield "ports, not asked for, or in vain", lambda: asks_nobody(bodkin)
