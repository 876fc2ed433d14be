# SPDX-License-Identifier: Apache-2.0
"""Honest pairs meet at a server while somebody attacks it: python3 bench/siege.py build [--seconds 3] [--check]

In a network namespace of its own (loopback alone; 127.0.0.0/8 and 2001:db8::/32 are addresses of this machine there). One
line an attack: how often honest pairs met, refusals, the median and the worst time of a meeting, the worst without the time that the
server was ready to run and had no CPU (whatever else runs here has them, too; the attacker, who would have CPUs of his own, is niced), the
server's memory above idle, its CPU. With --check nobody may be refused, the memory stays below 32 MB, and that last time is at most 200 ms
above the one without an attack; a guesser uses up as many codes as its ration allows. Exit code 77 where namespaces are forbidden.
"""
import argparse
import base64
import json
import multiprocessing
import os
import pathlib
import re
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

PORT = 15905
MEMORY_MAX = 32 << 10  # KiB
ADDED_MAX = 0.2  # seconds
BURNT_MAX = 64 // 4  # the ration of all guessers together, by what a wrong guess costs
INSIDE = "BODKIN_SIEGE_INSIDE"


class Refused(Exception):
    pass


class Burnt(Exception):
    """Somebody else had claimed the code."""


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["bodkin/1"])
    return context


CONTEXT = tls()


def connect(address, seconds=10):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = socket.socket(family)
    s.settimeout(seconds)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as bodkin does
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
    s.bind((address, 0))
    s.connect(("::1" if family == socket.AF_INET6 else "127.0.0.1", PORT))
    return s


class Client:
    def __init__(self, address):
        self.s = CONTEXT.wrap_socket(connect(address))
        self.send("ClientHello", client_id=os.urandom(8).hex(), nat_type="unknown", private_ip="10.0.0.1", private_port=1,
                  peer_id=None, version=1)
        self.want("ServerHello")

    def send(self, kind, **fields):
        text = json.dumps({"type": kind + "Message", **fields}).encode()
        self.s.sendall(struct.pack(">I", len(text)) + text)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise Refused("closed")
            data += more
        return data

    def want(self, kind):
        while True:
            m = json.loads(self.exactly(struct.unpack(">I", self.exactly(4))[0]))
            if m["type"] == kind + "Message":
                return m
            if m["type"] in ("ServerErrorMessage", "ServerRefuseMessage"):
                raise Burnt if m.get("code") in ("code-used", "no-such-peer") else Refused(m.get("code"))

    def close(self):
        self.s.close()


def leg(address, side, token):
    s = connect(address)
    s.sendall(b"RELAY\x01" + bytes([side]) + bytes.fromhex(token))
    return s


def meet(i):
    """Two clients: a ping, a code, mail, a meeting, a relayed pair."""
    maker, joiner = Client(f"127.200.{i}.1"), Client(f"127.201.{i}.1")
    secret = os.urandom(32).hex()
    maker.send("ClientPing", number=1)
    maker.want("ServerPong")
    maker.send("ClientAllocate", body=base64.b64encode(b"x" * 1000).decode())
    joiner.send("ClientClaim", nameplate=maker.want("ServerNameplate")["nameplate"])
    legs = [leg(f"127.20{side}.{i}.1", side, c.want("ServerClaimed")["leg_token"]) for side, c in ((0, maker), (1, joiner))]
    joiner.send("ClientMail", body=base64.b64encode(b"y" * 1000).decode())
    maker.want("ServerMail")
    joiner.send("ClientRejoin", secret=secret, side=1, number=1)
    maker.send("ClientRejoin", secret=secret, side=0, number=1)
    legs[0].sendall(b"z" * 1000)
    got = 0
    while got < 1000:
        got += len(legs[1].recv(1000)) or 1000
    for c in (*legs, maker, joiner):
        c.close()


def queued(pid):
    """Seconds that its first thread was ready to run and did not."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def honest(i, server, until, times, burnt, refusals):
    while time.monotonic() < until:
        begun, before = time.monotonic(), queued(server)
        try:
            meet(i)
            times.append((time.monotonic() - begun, queued(server) - before))
        except Burnt:
            burnt.append(i)
        except (Refused, OSError) as e:
            refusals.append(repr(e))
        time.sleep(0.05)  # people are not a load test


def client_hello():
    o = CONTEXT.wrap_bio(ssl.MemoryBIO(), out := ssl.MemoryBIO())
    try:
        o.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


HELLO = client_hello()


def silent(address, held):
    held.append(s := connect(address, 1))
    s.sendall(b"\x16")


def half(address, held):
    held.append(s := connect(address, 1))
    s.sendall(HELLO)


def hoard(address, held):
    """Hellos, and as much mail as is taken."""
    held.append(c := Client(address))
    for _ in range(4):
        c.send("ClientAllocate", body=base64.b64encode(b"m" * 60000).decode())
    for _ in range(10):
        c.send("ClientMail", body=base64.b64encode(b"m" * 60000).decode())
    c.send("ClientPing", number=1)
    c.want("ServerPong")


def guess(address, held):
    held.append(c := Client(address))
    for n in range(1, 16):
        c.send("ClientClaim", nameplate=n)


def pretend(address, held):
    """Claims, and secrets that are made up, as if a meeting had come of them."""
    c = Client(address)
    for n in range(1, 5):
        c.send("ClientClaim", nameplate=n)
        c.send("ClientRejoin", secret=os.urandom(32).hex(), side=1, number=1)
    c.send("ClientPing", number=1)
    c.s.settimeout(1)
    while json.loads(c.exactly(struct.unpack(">I", c.exactly(4))[0]))["type"] != "ServerPongMessage":
        pass
    c.close()


def knock(address, held):
    """Legs of pairs that there are not."""
    held.append(s := connect(address, 1))
    s.sendall(b"RELAY\x01\x00" + os.urandom(32))


def nag(address, held):
    """Everything that a client may ask for, over and over, as often as it is let."""
    held.append(c := Client(address))
    for n in range(15):
        c.send("ClientProbe", nonce=os.urandom(32).hex())
        c.send("ClientReach", nonce=os.urandom(32).hex())
        c.send("ClientRejoin", secret=os.urandom(32).hex(), side=n % 2, number=1, asks=1)
        c.send("ClientAllocate", nameplate=n)
        c.send("ClientRelease")


def attack(how, addresses, until):
    held = []
    os.nice(10)
    while time.monotonic() < until:
        for address in addresses:
            try:
                how(address, held)
            except (Refused, Burnt, OSError, ValueError):
                pass
        while len(held) > 3000:
            held.pop(0).close()


FROM = {
    "1 address": ["127.1.0.1"],
    "17 networks": [f"127.{2 + i}.0.1" for i in range(17)],
    "a /56": [f"2001:db8:0:{0x100 + i:x}::1" for i in range(256)],
}


class Server:
    def __init__(self, build):
        self.top = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen([f"{build}/bodkin", "serve", "-q", "-l", f"[::]:{PORT}", "--state", self.top.name],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(1000):
            try:
                return connect("127.0.0.1").close()
            except OSError:
                time.sleep(0.01)
        raise SystemExit("the server does not listen")

    def kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1])

    def cpu(self):
        return sum(map(int, pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().split()[13:15])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.top.cleanup()


def run(build, how, addresses, seconds):
    server = Server(build)
    meet(250)  # what is allocated once is allocated now
    idle, cpu, most, times, refusals = server.kib(), server.cpu(), 0, [], []
    burnt = []
    until = time.monotonic() + seconds
    attacker = multiprocessing.Process(target=attack, args=(how, addresses, until)) if how else None
    crowd = [threading.Thread(target=honest, args=(i, server.process.pid, until, times, burnt, refusals)) for i in range(4)]
    for worker in ([attacker] if attacker else []) + crowd:
        worker.start()
    while time.monotonic() < until:
        most = max(most, server.kib())
        time.sleep(0.05)
    for worker in crowd:
        worker.join()
    if attacker:
        attacker.kill()
        attacker.join()
    used = (server.cpu() - cpu) / seconds
    server.stop()
    times = times or [(99, 0)]
    return {"met": len(times), "refused": refusals, "median": statistics.median(t for t, _ in times),
            "worst": max(t for t, _ in times), "ran": max(t - starved for t, starved in times), "burnt": len(burnt),
            "memory": most - idle, "cpu": used}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("build")
    options.add_argument("--seconds", type=float, default=3)
    options.add_argument("--check", action="store_true")
    args = options.parse_args()
    if INSIDE not in os.environ:
        inside = ("ip link set lo up && ip -6 route add local 2001:db8::/32 dev lo && exec \"$@\"")
        if subprocess.run(["unshare", "-Urn", "true"], stderr=subprocess.DEVNULL).returncode:
            print("not run: namespaces are forbidden here")
            return 77
        return subprocess.run(["unshare", "-Urn", "sh", "-c", inside, "sh", sys.executable, *sys.argv],
                              env={**os.environ, INSIDE: "1"}).returncode
    rows = [("none", None, "", [])] + [(how.__name__, how, name, addresses) for how in (silent, half, hoard, guess, pretend, knock, nag)
                                       for name, addresses in FROM.items()]
    failed, usual = 0, None
    print("| attack | from | met | refused | codes burnt | median ms | worst ms | without queue, ms | memory, MB | CPU, cores |\n|---|---|---|---|---|---|---|---|---|---|")
    for name, how, where, addresses in rows:
        r = run(args.build, how, addresses, args.seconds)
        print(f"| {name} | {where} | {r['met']} | {len(r['refused'])} | {r['burnt']} | {r['median'] * 1e3:.0f} | {r['worst'] * 1e3:.0f} "
              f"| {r['ran'] * 1e3:.0f} | {r['memory'] / 1024:.1f} | {r['cpu']:.2f} |", flush=True)
        if r["refused"]:
            print(f"  refused: {sorted(set(r['refused']))[:3]}", flush=True)
        usual = usual or r["ran"]
        failed += bool(r["refused"]) or r["memory"] > MEMORY_MAX or r["ran"] > usual + ADDED_MAX
        failed += r["burnt"] > (BURNT_MAX if how in (guess, pretend) else 0)
    print(f"{len(rows) - failed} passed, {failed} failed")
    return 1 if args.check and failed else 0


if __name__ == "__main__":
    sys.exit(main())
