# SPDX-License-Identifier: Apache-2.0
"""Three people in a room, behind two NATs, while what is between them and the server dies, sleeps and moves: all read the
same lines in the same order, each once.

BODKIN_TALK_SECONDS: how long a machine sleeps and a server is away, as for talks.py. BODKIN_ROOM_LINES: how many lines each says while
servers die; what goes beyond 40 goes ten a second.
"""
import contextlib
import os
import signal
import time

from lab import PATIENCE, Lab, check
from moves import change_address
from talks import SECONDS, at_terminal, kill_all, shows

LINES = int(os.environ.get("BODKIN_ROOM_LINES", 40))
INVITE = "tulip-anchor-fern-lasso-brass-hazel-squad"
SOON = 8  # seconds after a move; they look at once, and need not wait for a silence
PEOPLE = (("anna", "a"), ("bert", "b"), ("carl", "b"))


class Room:
    def __init__(self, lab, *words):
        self.lab, self.said, self.order = lab, {}, []
        self.people = {}
        for name, node in PEOPLE:
            who = lab.run(node, lab.bodkin, "chat", "-s", lab.place, "--json", "-v", "--name", name, "--room", INVITE, *words,
                          env={"XDG_STATE_HOME": str(lab.top / name)}, speaks=True)
            who.wait_for("room")
            self.people[name] = who
            self.said[name] = 0
        self.speak(10)
        self.heard()

    def speak(self, n, *names):
        for name in names or self.people:
            self.people[name].say("".join(f"{name} {i} gr\u00fc\u00dfe\n" for i in range(self.said[name], self.said[name] + n)))
            self.said[name] += n

    def heard(self, seconds=PATIENCE):
        """Everything that was said so far has come to all, and is acknowledged."""
        for name, n in self.said.items():
            text = f"{name} {n - 1} gr\u00fc\u00dfe"
            for who in self.people.values():
                who.wait_for("message", lambda e, t=text: e["text"] == t, seconds)

    def finish(self, one_order=True):
        texts = {name: [e["text"] for e in who.all("message")] for name, who in self.people.items()}
        for name, n in self.said.items():
            for reader, lines in texts.items():
                mine = [t for t in lines if t.startswith(name + " ")]
                check(mine == [f"{name} {i} gr\u00fc\u00dfe" for i in range(n)],
                      f"{reader} read {len(mine)} of {name}'s {n} lines, or not in order\n{self.story()}")
        check(not one_order or texts["anna"] == texts["bert"] == texts["carl"], f"not in the same order\n{self.story()}")
        check(not [e for who in self.people.values() for e in who.all("doubt")], f"a server that lies not was doubted\n{self.story()}")
        for who in self.people.values():
            who.hush()
        codes = [who.wait(PATIENCE) for who in self.people.values()]
        check(codes == [0, 0, 0], f"exit codes {codes}\n{self.story()}")
        for name, who in self.people.items():
            check(who.last("done")["delivered"] == self.said[name], self.story())
        return sum(self.said.values())

    def story(self):
        return "\n".join(who.story() for who in self.people.values())


def three(bodkin):
    with Lab(bodkin, "sym", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        room = Room(lab)
        begun = time.monotonic()
        room.speak(40)
        room.heard()
        took = time.monotonic() - begun
        change_address(lab, "b", "10.2.0.1", "10.2.0.2/24", "10.2.0.77/24")
        moved = time.monotonic()
        room.speak(20)
        room.heard(60)
        again = time.monotonic() - moved
        check(again < SOON, f"{again:.1f} s\n{room.story()}")
        return f"120 lines came to all in {took:.1f} s; two moved, 60 came {again:.1f} s later; {room.finish()} in one order", {}


def sleeps(bodkin):
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        room = Room(lab)
        room.people["carl"].kill(signal.SIGSTOP)
        room.speak(30, "anna", "bert")
        time.sleep(SECONDS)
        room.people["carl"].kill(signal.SIGCONT)
        woke = time.monotonic()
        room.speak(30)
        room.heard(60)
        return f"carl stopped for {SECONDS} s, everything came {time.monotonic() - woke:.1f} s after that; {room.finish()} in one order", {}


def server_is_away(bodkin):
    """Who may look on their networks meanwhile go on there, and what was said in two networks at once has no one order."""
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        room = Room(lab, "--no-lan")
        lab.server.kill()
        lab.server.wait()
        room.speak(30)
        time.sleep(SECONDS)
        lab.server = None
        lab.start_server("--state", lab.top / "server")
        back = time.monotonic()
        room.heard(60)
        return f"the server was away for {SECONDS} s, everything came {time.monotonic() - back:.1f} s after that; {room.finish()} in one order", {}


def servers_die(bodkin, deaths=3):
    """Again and again, in the middle of what three say. What one says keeps its order; how it stands to what others say is the
    dead server's secret where it had told some alone."""
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        room = Room(lab)
        begun = time.monotonic()
        for _ in range(deaths):
            room.speak(LINES // deaths)
            text = f"anna {room.said['anna'] - LINES // deaths // 2} gr\u00fc\u00dfe"
            room.people["bert"].wait_for("message", lambda e, t=text: e["text"] == t, PATIENCE + LINES)
            lab.server.kill()
            lab.server.wait()
            lab.server = None
            lab.start_server("--state", lab.top / "server")
        room.heard(PATIENCE + LINES)
        took = time.monotonic() - begun
        return f"{deaths} servers died in the middle of {room.finish(one_order=False)} lines, all came to all, in {took:.1f} s", {}


def people(bodkin):
    """At terminals; one hands a file to another."""
    with Lab(bodkin, "port", "port") as lab, contextlib.ExitStack() as after:
        after.callback(kill_all)
        lab.start_server("--state", lab.top / "server")
        file, folder = lab.file(5_000_000), lab.folder("taken")
        screens = []
        for name, node in PEOPLE:
            lab.env["XDG_STATE_HOME"] = str(lab.top / name)
            screens.append(at_terminal(lab, node, "--name", name, "-o", str(folder), "--room", INVITE))
            shows(screens[-1], r"You are in the room.* >$")
        anna, bert, carl = screens
        shows(anna, "bert.* carl.* came|carl came")
        anna.type(f"/send {file} bert\r")
        shows(bert, "anna wants to hand you a file")
        carl.type("a word meanwhile\r")
        shows(bert, r"carl: a word meanwhile")
        bert.type("/take\r")
        shows(bert, "/take takes it, /refuse does not")
        bert.type("/take\r")
        shows(anna, r"\* bert has ")
        shows(bert, r" is here \(5.00 MB\)")
        check((folder / file.name).read_bytes() == file.read_bytes(), "another file came than was sent")
        check("wants to hand" not in " ".join(carl.screen.text()), f"carl was asked: {carl.screen.text()}")
        for who in screens:
            who.type("\x04")
        codes = [who.end() for who in screens]
        check(codes == [0, 0, 0], f"exit codes {codes}")
        return "5 MB went from anna to bert, and carl learnt nothing of it", {}


def cases(bodkin):
    yield "rooms, three behind two NATs, and two move", lambda: three(bodkin)
    yield "rooms, at terminals, a file from one to another", lambda: people(bodkin)
    yield "rooms, a machine sleeps", lambda: sleeps(bodkin)
    yield "rooms, servers die in the middle of it", lambda: servers_die(bodkin)
    yield "rooms, the server is away", lambda: server_is_away(bodkin)
