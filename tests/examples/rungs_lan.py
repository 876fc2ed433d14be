# SPDX-License-Identifier: Apache-2.0
"""The rungs below and beside TCP: punching through a real server, ARP and ICMP in network namespaces."""
import json
import re
import signal
import subprocess
import tempfile
import time

import support
from support import Program, one_line, ours, run, test

LINK_SECONDS = 20


class Namespace:
    """A user and network namespace, or another network in the user namespace of an outer one."""

    def __init__(self, outer=None):
        command = ["unshare", "--user", "--map-root-user", "--net"] if not outer else outer.enter("unshare", "--net")
        self.program = Program(*command, "sh", "-c", "echo ready; exec cat")
        assert self.program.line() == "ready"

    def enter(self, *command):
        return ["nsenter", "-t", str(self.program.process.pid), "-U", "--preserve-credentials", "-n", *map(str, command)]

    def ip(self, words):
        subprocess.run(self.enter("ip", *words.split()), check=True, capture_output=True)

    def until_up(self, link):
        """The system takes note of a link's other end when it has time; until then nothing passes."""
        end = time.monotonic() + LINK_SECONDS
        while b" state UP " not in subprocess.run(self.enter("ip", "-o", "link", "show", "dev", link), check=True, capture_output=True).stdout:
            assert time.monotonic() < end, f"{link} does not come up"

    def run(self, *command):
        return run(Program(*self.enter(*command)))

    def without_right(self, *command):
        return self.run("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", *command)


def can_unshare():
    return subprocess.run(["unshare", "--user", "--map-root-user", "--net", "true"], capture_output=True).returncode == 0


class Lan:
    """Two machines on one Ethernet: `here` has 10.9.0.1/24, `there` has 10.9.0.2 and 10.9.0.77."""

    def __enter__(self):
        self.here = Namespace()
        self.there = Namespace(self.here)
        self.here.ip(f"link add here type veth peer name there netns {self.there.program.process.pid}")
        self.there.ip("link set there address 02:00:00:00:00:02")
        for name, place, addresses in (("here", self.here, ["10.9.0.1"]), ("there", self.there, ["10.9.0.2", "10.9.0.77"])):
            for a in addresses:
                place.ip(f"addr add {a}/24 dev {name}")
            place.ip("link set lo up")
            place.ip(f"link set {name} up")
        self.here.until_up("here")
        self.there.until_up("there")
        return self

    def __exit__(self, *_):
        self.there.program.__exit__()
        self.here.program.__exit__()


def in_namespaces(function):
    if can_unshare():
        test(function)
    else:
        print(f"left out, because namespaces are forbidden here: {function.__name__}")


@in_namespaces
def arp_scan_finds_everybody_and_nobody_else():
    with Lan() as lan:
        code, out, err = lan.here.run(support.examples / "arp_scan", "here")
        assert code == 0 and sorted(out.splitlines()) == ["10.9.0.2 02:00:00:00:00:02", "10.9.0.77 02:00:00:00:00:02"], out
        assert err == "2 others answered on here\n", err


@in_namespaces
def arp_scan_says_what_it_cannot_do():
    with Lan() as lan:
        lan.here.ip("link add wide type veth peer name other")
        lan.here.ip("addr add 10.0.0.1/19 dev wide")
        lan.here.ip("link add bare type veth peer name other2")
        lan.here.ip("link add dead type veth peer name other3")
        lan.here.ip("addr add 10.8.0.1/30 dev dead")
        for name, word in (("lo", "not Ethernet"), ("nope", "no such interface"), ("wide", "8190 addresses"),
                           ("bare", "no IPv4 address"), ("dead", "down")):
            code, out, err = lan.here.run(support.examples / "arp_scan", name)
            assert (code, out) == (1, ""), (name, code, out)
            one_line(err, "arp_scan: ", f"'{name}'", word)
        code, out, err = lan.here.without_right(support.examples / "arp_scan", "here")
        assert (code, out) == (1, "")
        one_line(err, "arp_scan: ", "CAP_NET_RAW")


STATISTICS = re.compile(r"\n--- (\S+) ping statistics ---\n(\d+) packets transmitted, (\d+) received, (\S+)% packet loss, "
                        r"time \d+ms\n(rtt min/avg/max/mdev = [\d.]+/[\d.]+/[\d.]+/[\d.]+ ms\n)?\Z")


def check_pinged(result, address, sent):
    code, out, err = result
    assert (code, err) == (0, ""), (code, err)
    lines = out.splitlines()
    assert lines[0] == f"PING {address} ({address}) 56(84) bytes of data.", lines[0]
    for i in range(sent):
        assert re.fullmatch(rf"64 bytes from {address}: icmp_seq={i + 1} ttl=64 time=[\d.]+ ms", lines[i + 1]), lines
    assert STATISTICS.search(out).groups()[:4] == (address, str(sent), str(sent), "0"), out


@in_namespaces
def icmp_ping_with_either_kind_of_socket():
    with Lan() as lan:
        ping = [support.examples / "icmp_ping", "-c", "3", "-i", "10", "10.9.0.2"]
        check_pinged(lan.here.run(*ping), "10.9.0.2", 3)  # raw: no group may have the other kind
        allowed = lan.here.enter("sh", "-c", "echo 0 0 > /proc/sys/net/ipv4/ping_group_range")
        subprocess.run(allowed, check=True)
        check_pinged(lan.here.without_right(*ping), "10.9.0.2", 3)


@in_namespaces
def icmp_ping_counts_what_is_lost():
    with Lan() as lan:
        lan.there.ip("link set there address 02:00:00:00:00:03")
        lan.here.ip("neigh add 10.9.0.9 lladdr 02:00:00:00:00:03 dev here")  # arrives, and nobody is meant
        code, out, err = lan.here.run(support.examples / "icmp_ping", "-c", "2", "-i", "10", "10.9.0.9")
        assert code == 1 and STATISTICS.search(out).groups() == ("10.9.0.9", "2", "0", "100", None), (out, err)


@in_namespaces
def icmp_ping_prints_its_statistics_when_interrupted():
    with Lan() as lan, Program(*lan.here.enter(support.examples / "icmp_ping", "-i", "10", "10.9.0.2")) as p:
        p.until("icmp_seq=3 ")
        p.signal(signal.SIGINT)
        code, out, err = p.end()
        assert code == 0 and STATISTICS.search(out)[1] == "10.9.0.2", (code, out, err)


@in_namespaces
def icmp_ping_says_what_it_cannot_do():
    with Lan() as lan:
        code, out, err = lan.here.without_right(support.examples / "icmp_ping", "10.9.0.2")
        assert (code, out) == (2, "")
        one_line(err, "icmp_ping: ", "CAP_NET_RAW", "ping_group_range")
        code, out, err = lan.here.run(support.examples / "icmp_ping", "10.8.0.1")
        assert (code, out) == (2, "")
        one_line(err, "icmp_ping: ", "10.8.0.1", "unreachable")
        code, out, err = lan.here.run(support.examples / "icmp_ping", "host.invalid")
        assert (code, out) == (2, "")
        one_line(err, "icmp_ping: ", "'host.invalid'")
        assert lan.here.run(support.examples / "icmp_ping", "-i", "1", "10.9.0.2")[0] == 2


@test
def two_punch_and_keep_alive():
    with tempfile.TemporaryDirectory(prefix="bodkin-ex-") as state:
        server = Program(support.bodkin, "serve", "-l", "127.0.0.1:0", "--json", "-q", "--state", state)
        with server:
            event = json.loads(server.line())
            where = f"{event['address']}#{event['pin']}"
            with ours("udp_punch", where) as first:
                first.until("^learnt: over UDP this machine is ")
                code = first.until("^registered; on the other machine: udp_punch (.*)$")[1].split()
                assert code[0] == where
                with ours("udp_punch", "-c", 3, "-i", 1, *code) as second:
                    second.until("^learnt: over UDP this machine is ")
                    for p in (first, second):
                        p.until("^peer: .+$")
                        p.until("^path: [][0-9a-f.:]+ to [][0-9a-f.:]+: direct over UDP")
                    for i in (1, 2, 3):
                        second.until(rf"^keep-alive {i}: [0-9.]+ ms$")
                        first.until(f"^keep-alive {i} answered$")
                    assert second.end() == (0, "", "")
                assert first.end() == (0, "", "")


@test
def udp_punch_says_what_failed():
    with tempfile.TemporaryDirectory(prefix="bodkin-ex-") as state:
        with Program(support.bodkin, "serve", "-l", "127.0.0.1:0", "--json", "-q", "--state", state) as server:
            event = json.loads(server.line())
            where = f"{event['address']}#{event['pin']}"
            code, out, err = run(ours("udp_punch", where, "no code"))
            assert code == 1
            one_line(err, "udp_punch: ", "'no code'")
            code, out, err = run(ours("udp_punch", where, "7-tulip-anchor"))
            assert code == 1
            one_line(err, "udp_punch: ")
            with ours("udp_punch", where) as first:
                plate, *words = first.until(r"^registered.* (\S+)$")[1].split("-")
                wrong = "tulip" if words[0] != "tulip" else "anchor"  # a code may have the same word twice
                code, out, err = run(ours("udp_punch", where, f"{plate}-{wrong}-{words[1]}"))
                assert code == 1
                one_line(err, "udp_punch: ", "code")
                assert first.until(r"^registered.* (\S+)$")[1].split("-")[1:] != words  # it goes on under another code
                first.signal(signal.SIGINT)
                assert first.end()[0] == 1
        code, out, err = run(ours("udp_punch", where))
        assert (code, out) == (1, "")
        one_line(err, "udp_punch: ", where.split("#")[0])
    assert run(ours("udp_punch"))[0] == 2


def room(place, *words):
    return Program(*place.enter(support.examples / "room", "-", *words))


@in_namespaces
def room_needs_no_server_on_one_network():
    with Lan() as lan, room(lan.here, "anna") as anna:
        invite = anna.until(r"^on the other machines: room - NAME (\S+)$")[1]
        anna.until(r"^\* 1 here$")
        anna.say("early\n")
        anna.until(r"^\* sent: 1 as 1$")
        with room(lan.there, "bert", invite) as bert:
            bert.until(r"^\(before\) anna: early$")
            bert.say("hello\n")
            anna.until("^bert: hello$")
            anna.process.stdin.close()  # and with her goes what kept the room
            anna.process.stdin = None
            assert anna.end()[::2] == (0, "")
            bert.until(r"^\* anna has left$")
            bert.say("alone\n")
            bert.until(r"^\* sent: 2 as \d+$")
            bert.process.stdin.close()
            bert.process.stdin = None
            code, out, err = bert.end()
            assert code == 0 and err == "" and "careful" not in out, (code, out, err)
