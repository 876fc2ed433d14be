# SPDX-License-Identifier: Apache-2.0
"""Codes that wait, of `send`, `recv` and `ping` alike: whatever happens to the server, to the way there or to the programs
themselves, the same code is good afterwards, and what is waited for is said. And servers that are far away.
"""
import json
import signal
import time

import moves
from lab import Lab, Transfer, check

TIMES = 60  # seconds that a program, or a network, is away
NOTICED = 60  # within which a program has to notice that it is cut off: two intervals of its pings, and a look
BACK = 40  # within which it is back: what it waits between two tries is 15 s at most
ROUND_TRIPS = (1, 300, 1300, 3000)  # ms to the server; between the two it is twice as much


class Maker:
    """A program that made a code and waits, and how somebody comes with it."""

    def __init__(self, lab, name):
        self.lab, self.name, self.sent = lab, name, lab.file(2000)
        self.folder = lab.folder("received")
        words = {"send": [self.sent], "recv": ["-o", self.folder], "ping": []}[name]
        self.program = lab.run("a", lab.bodkin, name, "-s", lab.place, "--json", "-vv", *words)
        self.code = self.program.wait_for("code")["code"]

    def waits(self, words, seconds):
        return self.program.wait_for("waiting", lambda e: words in e["text"], seconds=seconds)["text"]

    def come(self):
        """Somebody, with the code. Whoever comes while the maker has not yet noticed that it is cut off is told to try again."""
        lab, own = self.lab, ["-s", self.lab.place, "--json", "-vv"]
        other = {"send": ["recv", *own, "-o", self.folder, self.code], "recv": ["send", *own, self.sent, "--code", self.code],
                 "ping": ["ping", *own, "-c", 1, self.code]}[self.name]
        joiner = lab.run("b", lab.bodkin, *other)
        if joiner.wait() == 1 and "try again" in joiner.last("error").get("text", ""):
            return None
        return joiner

    def meet(self, tries=1):
        joiner = None
        while not joiner:
            check(tries > 0, f"{self.name}: cut off still\n{self.program.story()}")
            joiner, tries = self.come(), tries - 1
        lab = self.lab
        sides = (self.program, joiner) if self.name == "send" else (joiner, self.program)
        t = Transfer(lab, self.sent, *sides, self.folder)
        codes = t.finish()
        check(codes == (0, 0), f"{self.name}: exit codes {codes}\n{t.story()}")
        check([e["code"] for e in self.program.all("code")] == [self.code], f"{self.name}: another code\n{t.story()}")
        if self.name != "ping":
            t.check_done()


def everybody(lab):
    lab.start_server("--state", lab.top / "server")
    return [Maker(lab, name) for name in ("send", "recv", "ping")]


def server_restarts(bodkin):
    with Lab(bodkin, "port", "port") as lab:
        makers = everybody(lab)
        lab.server.kill()
        lab.server.wait()
        said = [m.waits("waiting for the server, the code stays the same", NOTICED) for m in makers]
        lab.server = None
        lab.start_server("--state", lab.top / "server")
        for m in makers:
            m.waits("back at the server", BACK)
            m.meet()
        return f"send, recv and ping said: {said[0]}", {}


def network_is_out(bodkin):
    """Nothing says so: it is only silent."""
    with Lab(bodkin, "port", "port") as lab:
        makers = everybody(lab)
        moves.run(lab, "ra", "nft", "table ip out { chain f { type filter hook forward priority -300; drop; }; }")
        cut = time.monotonic()
        for m in makers:
            m.waits("waiting for the server, the code stays the same", NOTICED)
        noticed = time.monotonic() - cut
        moves.run(lab, "ra", "nft", "delete", "table", "ip", "out")
        for m in makers:
            m.waits("back at the server", BACK)
            m.meet()
        return f"noticed after {noticed:.0f} s, the codes are good afterwards", {}


def programs_are_stopped(bodkin):
    """As when the lid is closed: the server has given them up meanwhile."""
    with Lab(bodkin, "port", "port") as lab:
        makers = everybody(lab)
        for m in makers:
            m.program.kill(signal.SIGSTOP)
        time.sleep(TIMES)
        for m in makers:
            m.program.kill(signal.SIGCONT)
        for m in makers:
            m.waits("back at the server", BACK)
            m.meet()
        return f"stopped for {TIMES} s, the codes are good afterwards", {}


def address_changes(bodkin):
    with Lab(bodkin, "port", "port") as lab:
        makers = everybody(lab)
        moves.change_address(lab, "a", "10.1.0.1", "10.1.0.2/24", "10.1.0.77/24")
        for m in makers:
            m.meet(tries=20)
        return "another address, the codes are good afterwards", {}


def never_reached(bodkin):
    """Who has no code yet has nothing to lose: it ends at once, alike everywhere, and says why. Nothing is waited for."""
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        lab.server.kill()
        lab.server.wait()
        lab.server = None
        own, texts = ["-s", lab.place, "--json", "--no-lan"], set()
        folder = lab.folder("received")
        for words in (["send", lab.file(10)], ["recv", "-o", folder], ["recv", "-o", folder, "7-tulip-anchor"], ["ping"],
                      ["ping", "7-tulip-anchor"], ["send", lab.file(10), "--code", "7-tulip-anchor"]):
            program = lab.run("a", lab.bodkin, words[0], *own, *words[1:])
            check(program.wait() == 3, program.story())
            check([e["event"] for e in program.events] == ["error"], program.story())
            texts.add(program.last("error")["text"])
        check(len(texts) == 1, f"several sentences: {texts}")
        return f"exit 3 and one event: {texts.pop()}", {}


def first_packets_are_lost(bodkin, bytes_lost, says):
    """Those of the maker alone. Its code is told when it is good: the other side comes with it at once."""
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        moves.run(lab, "a", "nft", f"table ip lost {{ chain o {{ type filter hook output priority 0; tcp dport 15005 "
                                   f"tcp flags & (syn | ack) == syn quota until {bytes_lost} bytes drop; }}; }}")
        maker = Maker(lab, "send")
        notes = "until it does, looking on this network alone" in maker.program.said()
        check(notes == says, maker.program.story())
        maker.meet(tries=1)
        return f"a code that is good at once; {'said' if notes else 'nothing said'}", {}


# --- far away ---

TRUTH = {"mapping": "endpoint-independent", "filtering": "address-and-port-dependent", "allocation": "preserving",
         "type": "Port Restricted Cone"}


def check_learnt(which, side):
    """What it says is so, or is not said."""
    wrong = {k: side[k] for k, right in TRUTH.items() if side[k] not in (right, "unknown")}
    check(not wrong, f"{which}: {wrong} in {json.dumps(side)}")
    return sum(side[k] != "unknown" for k in TRUTH)


def server_is_far(bodkin, ms):
    with Lab(bodkin, "port", "port", "--delay", ms) as lab:
        lab.start_server("--state", lab.top / "server", "--alt-addr", "45.10.20.2")
        seconds = 20 + 60 * ms / 1000
        asked = lab.run("a", lab.bodkin, "nat", "-s", lab.place, "--json")
        event = asked.wait_for("nat", seconds=seconds)
        learnt = [check_learnt(which, event[which]) for which in ("udp", "tcp")]
        check(asked.wait() == 0, asked.story())
        check(learnt[0] == len(TRUTH), f"UDP: {json.dumps(event['udp'])}")
        check(0.9 * ms < event["rtt_ms"] < 1.5 * ms + 20, f"round trip {event['rtt_ms']} ms")
        folder, sent = lab.folder("received"), lab.file(20_000)
        sender = lab.send(sent)
        receiver = lab.recv(sender.wait_for("code", seconds=seconds)["code"], "-o", folder)
        t = Transfer(lab, sent, sender, receiver, folder)
        codes = t.finish(seconds)
        check(codes == (0, 0), f"exit codes {codes}\n{t.story()}")
        kind = t.check_done()
        return (f"nat knows {learnt[0]} of {len(TRUTH)} things over UDP, {learnt[1]} over TCP after {event['elapsed_ms']:.0f} ms; "
                f"{kind} after {max(t.elapsed()):.0f} ms, digest equal"), {}


def cases(bodkin):
    for function in (server_restarts, network_is_out, programs_are_stopped, address_changes, never_reached):
        yield f"waiting: {function.__name__.replace('_', ' ')}", lambda f=function: f(bodkin)
    yield "waiting: the first two packets to the server are lost", lambda: first_packets_are_lost(bodkin, 100, says=False)
    for ms in ROUND_TRIPS:
        yield f"waiting: the server is {ms} ms away", lambda ms=ms: server_is_far(bodkin, ms)
