# SPDX-License-Identifier: Apache-2.0
"""Machines on one switch, with no server and no route out: a bridge in a namespace of its own, one namespace a machine."""
import hashlib
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

from lab import NUMBERS, PATIENCE, Program, check, scratch

SOON = 0.3  # seconds from the second Enter to the file
SOON_MOVED = 2  # seconds from another address to the path over it
BIG = 40_000_000  # bytes, four seconds of a relay at 10 MB/s
NO_MULTICAST = "ip daddr 239.0.0.0/8 drop; ip6 daddr ff00::/8 udp dport 15007 drop"
NO_BROADCAST = "udp dport 15007 meta pkttype broadcast drop"


class Namespace:
    def __init__(self, outer=None):
        command = ["unshare", "--user", "--map-root-user", "--net"] if not outer else outer.words("unshare", "--net")
        self.process = subprocess.Popen([*command, "sh", "-c", "echo ready; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        check(self.process.stdout.readline() == b"ready\n", "no namespace")

    def words(self, *command):
        return ["nsenter", "-t", str(self.process.pid), "-U", "--preserve-credentials", "-n", *map(str, command)]

    def run(self, words, text=None):
        done = subprocess.run(self.words(*words.split()), capture_output=True, text=True, input=text)
        check(done.returncode == 0, f"{words}: {done.stderr}")
        return done.stdout

    def until_up(self, link):
        """The system takes note of a link's other end when it has time; until then nothing passes."""
        end = time.monotonic() + PATIENCE
        while " state UP " not in self.run(f"ip -o link show dev {link}"):
            check(time.monotonic() < end, f"{link} does not come up")

    def filter(self, rules):
        self.run("nft -f -", f"table inet t {{\nchain i {{\ntype filter hook input priority 0; {rules};\n}}\n}}\n")

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Switch:
    """`count` machines, 10.7.0.N/24 each, or fd07::N where there is IPv6 alone."""

    def __init__(self, bodkin, count, only6=False):
        self.bodkin, self.count, self.only6 = bodkin, count, only6
        self.spaces, self.programs = [], []

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="bodkin-lan-", dir=scratch())
        self.top = pathlib.Path(self.temporary.name)
        self.switch = Namespace()
        self.spaces.append(self.switch)
        self.switch.run("ip link add br0 type bridge mcast_snooping 0")
        self.switch.run("ip link set br0 up")
        self.machines = [self.add(n + 1) for n in range(self.count)]
        return self

    def add(self, number):
        machine = Namespace(self.switch)
        self.spaces.append(machine)
        machine.number = number
        self.switch.run(f"ip link add p{number} type veth peer name eth0 netns {machine.process.pid}")
        self.switch.run(f"ip link set p{number} master br0 up")
        machine.run("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.eth0.accept_dad=0")
        machine.run("ip link set lo up")
        machine.run(f"ip addr add {'fd07::%x/64 nodad' % number if self.only6 else '10.7.0.%d/24' % number} dev eth0")
        machine.run("ip link set eth0 up")
        self.switch.until_up(f"p{number}")
        machine.until_up("eth0")
        return machine

    def __exit__(self, *_):
        for program in self.programs:
            program.end()
        for space in reversed(self.spaces):
            space.end()
        self.temporary.cleanup()

    def bodkin_on(self, machine, command, *words, speaks=False):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("BODKIN_", "XDG_"))} | {"HOME": str(self.top)}
        program = Program(machine.words(self.bodkin, command, "--json", *words), env=env, speaks=speaks)
        self.programs.append(program)
        return program

    def send(self, machine, *words, size=50000):
        path = self.top / f"from-{machine.number}-{len(self.programs)}"
        path.write_bytes(os.urandom(size))
        sender = self.bodkin_on(machine, "send", *words, path)
        sender.path, sender.code = path, sender.wait_for("code")["code"]
        return sender

    def receive(self, machine, sender, *words):
        """Seconds from Enter to the file."""
        folder = self.top / f"to-{machine.number}-{len(self.programs)}"
        folder.mkdir()
        receiver = self.bodkin_on(machine, "recv", "--yes", "-o", folder, *words, sender.code)
        story = lambda: f"{sender.story()}\n{receiver.story()}"  # noqa: E731
        codes = receiver.wait(), sender.wait()
        check(codes == (0, 0), f"exit codes {codes}\n{story()}")
        check((folder / sender.path.name).read_bytes() == sender.path.read_bytes(), "the file is another one")
        check(receiver.last("path").get("kind") == "direct", f"not direct\n{story()}")
        return receiver.ended - receiver.started

    def fails(self, machine, *words):
        """What recv says."""
        receiver = self.bodkin_on(machine, "recv", "--yes", "-o", self.top, *words)
        check(receiver.wait() == 4, f"exit code {receiver.wait()}\n{receiver.story()}")
        return receiver.said()


def soon(times):
    """The machine that runs this does other things too, so each has three tries for it."""
    text = ", ".join(f"{t * 1000:.0f}" for t in sorted(times))
    check(min(times) < SOON, f"{text} ms from Enter to the file")
    return f"{text} ms from Enter to the file"


def two(bodkin, only6=False, rules="", prepare=lambda machine: None):
    with Switch(bodkin, 2, only6) as lan:
        a, b = lan.machines
        for machine in (a, b):
            prepare(machine)
            if rules:
                machine.filter(rules)
        return soon([lan.receive(b, lan.send(a)) for _ in range(3)])


def twenty(bodkin):
    with Switch(bodkin, 20) as lan:
        senders = [lan.send(m) for m in lan.machines[:10]]
        check(len({s.code.split("-")[0] for s in senders}) == 10, "two have the same number")
        return soon([lan.receive(m, s) for m, s in zip(lan.machines[10:], reversed(senders))])


def several_on_one(bodkin):
    with Switch(bodkin, 2) as lan:
        a, b = lan.machines
        here, there = [lan.send(a) for _ in range(3)], [lan.send(b) for _ in range(2)]
        return soon([lan.receive(b, s) for s in reversed(here)] + [lan.receive(a, s) for s in there] + [lan.receive(a, lan.send(a))])


def containers(bodkin):
    def prepare(machine):
        machine.run("ip link add docker0 type bridge")
        machine.run("ip addr add 172.17.0.1/16 dev docker0")
        machine.run("ip link add veth1 type veth peer name veth2")
        machine.run("ip link set veth1 master docker0 up")
        machine.run("ip link set veth2 up")
        machine.run("ip link set docker0 up")

    text = two(bodkin, prepare=prepare)
    with Switch(bodkin, 1) as lan:
        prepare(lan.machines[0])
        for words, named in (((), "eth0 ("), (("--interface", "docker0"), "docker0 (")):
            said = lan.fails(lan.machines[0], *words, "7-tulip-anchor")
            check(named in said and said.count("(IP") == 1, said)
    return text


def blocked(bodkin):
    with Switch(bodkin, 2) as lan:
        a, b = lan.machines
        for machine in (a, b):
            machine.filter(f"{NO_MULTICAST}; {NO_BROADCAST}")
        sender = lan.send(a)
        said = lan.fails(b, sender.code)
        check("eth0 (IPv4, IPv6)" in said and "--peer" in said, said)
        senders = [sender] + [lan.send(a) for _ in range(5)]  # who is asked may be any of them
        for s in reversed(senders):
            lan.receive(b, s, "--peer", "10.7.0.1")
        return said.strip()


def forged(port, number):
    """A beacon that says that it is here, as anybody can make it who tries the numbers."""
    name = hashlib.blake2b(struct.pack(">I", number), digest_size=32, key=b"bodkin lan code number").digest()
    minute = struct.pack(">I", int(time.time()) // 60)
    tag = hashlib.blake2b(minute, digest_size=16, key=name).digest()
    return b"bkL1\1\0" + struct.pack(">H", port) + minute + tag + os.urandom(8)


FLOOD = """
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
beacon = bytearray(bytes.fromhex(sys.argv[1]))
print(flush=True)
while True:
    beacon[6:8] = os.urandom(2)
    beacon[28:] = os.urandom(8)
    s.sendto(beacon, ("10.7.0.255", 15007))
"""


def link_local(bodkin):
    """A cable, and nobody who gives addresses: two machines, two programs on one, and one that is in another network as well."""
    with Switch(bodkin, 3, only6=True) as lan:
        for machine in lan.machines:
            machine.run("ip -6 addr flush dev eth0 scope global")
        a, b, c = lan.machines
        c.run("ip link add other type veth peer name end")
        c.run("ip addr add 10.8.0.1/24 dev other")
        for name in ("other", "end"):
            c.run(f"ip link set {name} up")
        times = [lan.receive(b, lan.send(a)) for _ in range(3)]
        lan.receive(a, lan.send(a))
        for one, other in ((a, c), (c, b), (c, c)):
            lan.receive(other, lan.send(one))
        return soon(times)


def link_local_server(bodkin):
    """The same with a server on the cable, by which alone they find each other."""
    with Switch(bodkin, 3, only6=True) as lan:
        for machine in lan.machines:
            machine.run("ip -6 addr flush dev eth0 scope global")
        a, b, c = lan.machines
        shown = subprocess.run(c.words("ip", "-6", "-br", "addr", "show", "eth0"), capture_output=True, text=True).stdout
        lan.bodkin_on(c, "serve", "--state", lan.top / "server").wait_for("listening")
        at = ("-s", f"[{shown.split()[2].split('/')[0]}%eth0]", "--no-lan")
        return soon([lan.receive(b, lan.send(a, *at), *at) for _ in range(3)])


def flood(bodkin):
    """A neighbour tells everybody, as fast as it can, that it has what is sought."""
    with Switch(bodkin, 3) as lan:
        a, b, c = lan.machines
        sender = lan.send(a)
        neighbour = subprocess.Popen(c.words(sys.executable, "-c", FLOOD, forged(1, int(sender.code.split("-")[0])).hex()), stdout=subprocess.PIPE)
        try:
            neighbour.stdout.readline()
            seconds = lan.receive(b, sender)
        finally:
            neighbour.kill()
            neighbour.wait()
            neighbour.stdout.close()
        check(seconds < 5, f"{seconds:.1f} s")
        return f"{seconds * 1000:.0f} ms beside a flood of forged beacons"


def wrong(bodkin):
    with Switch(bodkin, 2) as lan:
        a, b = lan.machines
        sender = lan.send(a)
        said = lan.fails(b, sender.code.split("-")[0] + "-wrong-words")
        sender.code = sender.wait_for("code", lambda e: e["code"] != sender.code, PATIENCE)["code"]
        lan.receive(b, sender)
        return f"{said.strip()}; the next code is good"


def others(bodkin):
    """What is not files: ping, and a chat whose both ends are pipes."""
    with Switch(bodkin, 2) as lan:
        a, b = lan.machines
        for command, words, event in (("ping", ("-c", "3"), "pong"), ("chat", (), "message")):
            maker = lan.bodkin_on(a, command, *words, speaks=event == "message")
            joiner = lan.bodkin_on(b, command, *words, maker.wait_for("code")["code"], speaks=event == "message")
            if event == "message":
                maker.say("hello\n")
                joiner.wait_for(event, lambda e: e["text"] == "hello")
                maker.hush()
                joiner.hush()
            codes = joiner.wait(), maker.wait()
            check(joiner.all(event) and codes == (0, 0), f"exit codes {codes}\n{maker.story()}\n{joiner.story()}")
        return "ping and chat"


def plugged_in_later(bodkin):
    """The cable of the one comes while it waits, and the other one's while it asks."""
    with Switch(bodkin, 2) as lan:
        a, b = lan.machines
        a.run("ip link set eth0 down")
        sender = lan.send(a)
        a.run("ip link set eth0 up")
        b.run("ip link set eth0 down")
        folder = lan.top / "received"
        folder.mkdir()
        receiver = lan.bodkin_on(b, "recv", "--yes", "-o", folder, sender.code)
        b.run("ip link set eth0 up")
        codes = receiver.wait(), sender.wait()
        check(codes == (0, 0), f"exit codes {codes}\n{sender.story()}\n{receiver.story()}")
        return f"found after {(receiver.ended - receiver.started) * 1000:.0f} ms"


def beside(bodkin):
    """A server in the same network: whichever is first."""
    with Switch(bodkin, 3) as lan:
        a, b, c = lan.machines
        server = lan.bodkin_on(c, "serve", "--state", lan.top / "server")
        server.wait_for("listening")
        at = ("-s", "10.7.0.3")
        times = [lan.receive(b, lan.send(a, *at), *at) for _ in range(3)]
        lan.receive(b, lan.send(a, *at))
        lan.receive(b, lan.send(a, *at, "--no-lan"), *at)
        lan.receive(b, lan.send(a, *at), *at, "--no-lan")
        said = lan.fails(b, *at, "999-tulip-anchor")
        check("nobody waits with code number 999" in said, said)
        return soon(times)


def several(bodkin, has_server):
    """One code for four machines that come at once, with a wrong guess among them, and a fifth later."""
    with Switch(bodkin, 7) as lan:
        a, *others, guesser = lan.machines
        at = ()
        if has_server:
            server = lan.bodkin_on(guesser, "serve", "--state", lan.top / "server")
            at = ("-s", f"10.7.0.{guesser.number}#{server.wait_for('listening')['pin']}")
        sender = lan.send(a, *at, "--copies", "5")
        wrong = lan.bodkin_on(guesser, "recv", "--yes", "-o", lan.top, *at, sender.code.split("-")[0] + "-acid-acid-acid")
        folders = {m: lan.top / f"to-{m.number}" for m in others}
        for folder in folders.values():
            folder.mkdir()
        come = lambda m: lan.bodkin_on(m, "recv", "--yes", "-o", folders[m], *at, sender.code)  # noqa: E731
        programs = [come(m) for m in others[:4]]
        codes = [p.wait() for p in programs]
        check(codes == 4 * [0], f"exit codes {codes}\n{sender.story()}\n" + "\n".join(p.story() for p in programs))
        check(wrong.wait() == 4, wrong.story())
        last = come(others[4])
        check((last.wait(), sender.wait()) == (0, 0), f"{sender.story()}\n{last.story()}")
        for folder in folders.values():
            check((folder / sender.path.name).read_bytes() == sender.path.read_bytes(), "the file is another one")
        return "four at once after " + ", ".join(f"{(p.ended - p.started) * 1000:.0f}" for p in programs) + " ms"


def unreachable(bodkin):
    """A server is named, and is not there."""
    with Switch(bodkin, 2) as lan:
        a, b = lan.machines
        at = ("-s", "10.7.0.2")
        sender = lan.send(a, *at)
        lan.receive(b, sender, *at)
        receiver = lan.bodkin_on(b, "recv", "--yes", "-o", lan.top, *at, "7-tulip-anchor")
        check(receiver.wait() == 3, receiver.story())
        sender = lan.bodkin_on(a, "send", *at, "--no-lan", sender.path)
        check(sender.wait() == 3, sender.story())
        return receiver.said().strip()


MASQUERADE = ("table ip nat {\nchain p {\ntype nat hook postrouting priority 100; oifname wan masquerade;\n}\n}\n"
              "table ip f {\nchain f {\ntype filter hook forward priority 0; policy drop; iifname lan accept; "
              "ct state established,related accept;\n}\n"
              "chain i {\ntype filter hook input priority 0; iifname wan ct state new drop;\n}\n}\n")


class Networks(Switch):
    """Networks 10.7.N.0/24, each behind a router of its own that translates; the server is 203.0.113.1."""

    def __init__(self, bodkin, count, is_symmetric=False):
        super().__init__(bodkin, count)
        self.rules = MASQUERADE.replace("masquerade", "masquerade fully-random") if is_symmetric else MASQUERADE

    def __enter__(self):
        networks, self.count = self.count, 0
        super().__enter__()
        self.server = self.join(Namespace(self.switch), "br0", "eth0", "203.0.113.1/24")
        self.machines = [[] for _ in range(networks)]
        for n in range(networks):
            self.switch.run(f"ip link add net{n} type bridge mcast_snooping 0")
            self.switch.run(f"ip link set net{n} up")
            router = self.join(Namespace(self.switch), "br0", "wan", f"203.0.113.{n + 10}/24")
            self.join(router, f"net{n}", "lan", f"10.7.{n}.1/24")
            router.run("sysctl -qw net.ipv4.ip_forward=1")
            router.run("nft -f -", self.rules)
        return self

    def join(self, space, bridge, name, address):
        if space not in self.spaces:
            self.spaces.append(space)
            space.run("ip link set lo up")
        port = f"n{next(NUMBERS)}"
        self.switch.run(f"ip link add {port} type veth peer name {name} netns {space.process.pid}")
        self.switch.run(f"ip link set {port} master {bridge} up")
        space.run(f"ip addr add {address} dev {name}")
        space.run(f"ip link set {name} up")
        self.switch.until_up(port)
        space.until_up(name)
        return space

    def machine(self, network):
        """One more in that network."""
        own = self.machines[network]
        machine = self.join(Namespace(self.switch), f"net{network}", "eth0", f"10.7.{network}.{len(own) + 2}/24")
        machine.run(f"ip route add default via 10.7.{network}.1")
        machine.number = 10 * network + len(own)
        own.append(machine)
        return machine


def joined_by_a_server(bodkin):
    """Who are in one network meet there first; the others through their routers."""
    with Networks(bodkin, 3) as lan:
        server = lan.bodkin_on(lan.server, "serve", "--state", lan.top / "server")
        at = ("-s", f"203.0.113.1#{server.wait_for('listening')['pin']}")
        a, b, c, d = lan.machine(0), lan.machine(0), lan.machine(1), lan.machine(2)
        seen = []
        for one, other in ((a, b), (c, d), (b, c), (d, a)):
            sender = lan.send(one, *at)
            lan.receive(other, sender, *at)
            seen.append(sender.all("path")[0])
        check([p["technique"] for p in seen] == ["lan"] + 3 * ["punch"], f"{seen}")
        check(seen[0]["remote"].startswith("10.7.0."), f"{seen[0]}")
        return f"the local one first, {seen[0]['elapsed_ms']:.0f} ms; the others through their routers"


def moved_to_the_lan(bodkin, stays):
    """Two who talk over the relay come into one network, by another interface of the one."""
    with Networks(bodkin, 2, is_symmetric=True) as lan:
        server = lan.bodkin_on(lan.server, "serve", "--state", lan.top / "server")
        at = ("-s", f"203.0.113.1#{server.wait_for('listening')['pin']}")
        a, b = lan.machine(0), lan.machine(1)
        maker = lan.bodkin_on(a, "chat", *at, speaks=True)
        joiner = lan.bodkin_on(b, "chat", *at, maker.wait_for("code")["code"], speaks=True)
        check(joiner.wait_for("path")["kind"] == "relay", joiner.story())
        began = time.monotonic()
        lan.join(b, "net0", "eth1", "10.7.0.77/24")
        b.run("ip route replace default via 10.7.0.1")
        if not stays:
            b.run("ip link set eth0 down")
        for program in (joiner, maker):
            program.wait_for("path", lambda p: p["technique"] == "lan")
        took = time.monotonic() - began
        maker.say("hello\n")
        joiner.wait_for("message", lambda m: m["text"] == "hello")
        maker.hush()
        joiner.hush()
        check((joiner.wait(), maker.wait()) == (0, 0), f"{maker.story()}\n{joiner.story()}")
        check(took < SOON_MOVED, f"only after {took:.1f} s")
        return f"on the LAN {took * 1000:.0f} ms after the address appeared"


def files_moved_to_the_lan(bodkin):
    """Two machines hand over a file by the relay, and both come into a third network meanwhile."""
    with Networks(bodkin, 3, is_symmetric=True) as lan:
        server = lan.bodkin_on(lan.server, "serve", "--state", lan.top / "server")
        at = ("-s", f"203.0.113.1#{server.wait_for('listening')['pin']}")
        a, b = lan.machine(0), lan.machine(1)
        for machine in (a, b):
            machine.run("tc qdisc add dev eth0 root tbf rate 80mbit burst 64kb latency 50ms")
        sender = lan.send(a, *at, size=BIG)
        folder = lan.top / "received"
        folder.mkdir()
        receiver = lan.bodkin_on(b, "recv", "--yes", "-o", folder, *at, sender.code)
        receiver.wait_for("progress")
        check(receiver.last("path")["kind"] == "relay", receiver.story())
        for machine in (a, b):
            lan.join(machine, "net2", "eth1", f"10.7.2.{machine.number + 50}/24")
            machine.run("ip route replace default via 10.7.2.1")
            machine.run("ip link set eth0 down")
        began = time.monotonic()
        receiver.wait_for("path", lambda p: p["technique"] == "lan")
        took = time.monotonic() - began
        check((receiver.wait(), sender.wait()) == (0, 0), f"{sender.story()}\n{receiver.story()}")
        check((folder / sender.path.name).read_bytes() == sender.path.read_bytes(), "the file is another one")
        check(took < SOON_MOVED, f"only after {took:.1f} s")
        return f"on the LAN {took * 1000:.0f} ms after the second address appeared, and the file is whole"


def cases(bodkin):
    yield "LAN without a server: two machines", lambda: two(bodkin)
    yield "LAN without a server: twenty machines", lambda: twenty(bodkin)
    yield "LAN without a server: several programs on one machine", lambda: several_on_one(bodkin)
    yield "LAN without a server: containers beside", lambda: containers(bodkin)
    yield "LAN without a server: IPv6 alone", lambda: two(bodkin, only6=True)
    yield "LAN without a server: link-local addresses alone", lambda: link_local(bodkin)
    yield "LAN: link-local addresses alone, and a server", lambda: link_local_server(bodkin)
    yield "LAN without a server: no multicast", lambda: two(bodkin, rules=NO_MULTICAST)
    yield "LAN without a server: neither multicast nor broadcast", lambda: blocked(bodkin)
    yield "LAN without a server: forged beacons", lambda: flood(bodkin)
    yield "LAN without a server: a wrong code", lambda: wrong(bodkin)
    yield "LAN without a server: ping and chat", lambda: others(bodkin)
    yield "LAN without a server: a cable that comes later", lambda: plugged_in_later(bodkin)
    yield "LAN without a server: one is there", lambda: beside(bodkin)
    for has_server in (False, True):
        yield f"LAN: one code for several{', and a server' if has_server else ''}", \
            lambda has_server=has_server: several(bodkin, has_server)
    for stays in (False, True):
        yield f"LAN: it appears while two talk over the relay{', beside the old network' if stays else ''}", \
            lambda stays=stays: moved_to_the_lan(bodkin, stays)
    yield "LAN: it appears to both while a file passes by the relay", lambda: files_moved_to_the_lan(bodkin)
    yield "LAN: three networks joined by a server", lambda: joined_by_a_server(bodkin)
    yield "LAN without a server: one is named and not there", lambda: unreachable(bodkin)
