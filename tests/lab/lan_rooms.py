# SPDX-License-Identifier: Apache-2.0
"""Rooms on a network with no server: one of the machines keeps the board, and any of them may go, die or be cut off."""
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import threading
import time

from lab import PATIENCE, Program, check
from lan import Switch

SOON = 2  # seconds until the next one keeps the board


class Member:
    """The example program of a room: its lines as they come, with the moment each came."""

    def __init__(self, lan, machine, name, invite=None, at="-"):
        self.name, self.machine, self.said = name, machine, 0
        room = pathlib.Path(lan.bodkin).resolve().parent / "examples" / "room"
        self.process = subprocess.Popen(machine.words(room, at, name, *([invite] if invite else [])), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines, self.news = [], threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        lan.programs.append(self)

    def _read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append((time.monotonic(), line.decode(errors="replace").rstrip("\n")))
                self.news.notify_all()

    def until(self, pattern, count=1, seconds=PATIENCE):
        """The count-th line with it, and when it came."""
        end = time.monotonic() + seconds
        with self.news:
            while len(found := [(at, m) for at, line in self.lines if (m := re.search(pattern, line))]) < count:
                left = end - time.monotonic()
                check(left > 0 and self.process.poll() is None, f"{self.name} has no {count} of {pattern!r}\n{self.story()}")
                self.news.wait(min(left, 0.2))
        return found[count - 1]

    def say(self, count):
        text = "".join(f"{self.name} {self.said + i}\n" for i in range(count))
        self.said += count
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def heard(self, names, of_last_life=False):
        """What these said, as it came; of all, or only in the life of the board that goes on."""
        with self.news:
            lines = [line for _, line in self.lines]
        if of_last_life:
            lines = lines[max((i for i, line in enumerate(lines) if line == "* back in the group"), default=0):]
        return [m[1] for line in lines if (m := re.search(r"(?:^|\) )\S+: ((\S+) \d+)$", line)) and m[2] in names]

    def end(self):
        """However it is."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(PATIENCE)
        self.process.stdin.close()
        self.process.stdout.close()

    def leave(self):
        self.process.stdin.close()
        check(self.process.wait(PATIENCE) == 0, self.story())

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)

    def story(self):
        return "\n".join(f"  {self.name} {at:.3f} {line}" for at, line in self.lines[-60:])


class Room:
    """One member on each machine; the first one makes the invite, the others come at once."""

    def __init__(self, lan, at="-"):
        self.lan, self.at = lan, at
        first = Member(lan, lan.machines[0], "m1a", at=at)
        self.invite = first.until(r"^on the other machines: room \S+ NAME (\S+)$")[1][1]
        self.members = [first]
        for machine in lan.machines[1:]:
            self.come(machine)
        for m in self.members:
            m.until(r"^\* \d+ here$")

    def come(self, machine, at=None):
        self.members.append(Member(self.lan, machine, f"m{machine.number}{'abc'[sum(m.machine is machine for m in self.members)]}", self.invite, at or self.at))
        return self.members[-1]

    def keeper(self):
        """Who was there before all others."""
        return next(m for m in self.members if any(re.search(r"^\* 1 here$", line) for _, line in m.lines))

    def without(self, member):
        self.members.remove(member)
        return member

    def story(self):
        return "\n".join(m.story() for m in self.members)

    def speak(self, count=3):
        """Each says so many, and all hear them. When the last of it had arrived everywhere."""
        for m in self.members:
            m.say(count)
        ends = []
        for m in self.members:
            for other in self.members:
                if other is not m:
                    ends.append(m.until(rf": {other.name} {other.said - 1}$")[0])
            ends.append(m.until(r"^\* sent: %d as " % m.said)[0])
        return max(ends)

    def agree(self):
        """Nobody heard anything twice, what each said came as it was said, what one life of the board told it told all in
        one order, and nobody doubts. Of several lives each may have an order of its own: there may be two boards for a moment."""
        for m in self.members:
            check(not any("careful" in line for _, line in m.lines), f"a doubt\n{m.story()}")
            for other in self.members:
                if other is m:
                    continue
                got = m.heard({other.name})
                wanted = [f"{other.name} {i}" for i in range(other.said)]
                check(got == wanted[len(wanted) - len(got):] and got, f"{m.name} heard of {other.name}: {got}\n{self.story()}")
                both = {x.name for x in self.members} - {m.name, other.name}
                one, two = m.heard(both, of_last_life=True), other.heard(both, of_last_life=True)
                common = set(one) & set(two)
                check(common or not both, f"{m.name} and {other.name} heard nothing in common\n{self.story()}")
                one, two = [x for x in one if x in common], [x for x in two if x in common]
                check(one == two, f"{m.name} and {other.name} heard it in other orders: {one} {two}\n{self.story()}")


def next_keeper(room, gone):
    """Of those who are left, after the one who was kept by."""
    times = {}
    for m in room.members:
        times[m.name] = next(at for at, line in m.lines if re.search(r"^\* \d+ here$", line))
    return min(room.members, key=lambda m: times[m.name])


def deaths(bodkin):
    """Whoever keeps it is killed in the middle of what all say, and the next one leaves in the middle of it."""
    with Switch(bodkin, 5) as lan:
        room = Room(lan)
        room.speak()
        took = []
        for way in ("kill", "leave"):
            for m in room.members:
                m.say(20)
            gone = room.without(room.keeper() if way == "kill" else next_keeper(room, None))
            start = time.monotonic()
            getattr(gone, way)()
            took.append(room.speak() - start)
            check(took[-1] < SOON, f"{way}: {took[-1]:.2f} s\n{room.story()}")
            room.agree()
        late = room.come(lan.add(6))
        late.until(r"^\* 4 here$")
        room.speak()
        room.agree()
        check(sum(line.startswith("(before) ") for _, line in late.lines) >= 60, late.story())
        for m in list(room.members):
            room.without(m).leave()
        return f"all that was said arrived {took[0]:.2f} s after a kill, {took[1]:.2f} s after it left"


def at_once(bodkin, times=3):
    """Two that come at the same instant are in one room."""
    with Switch(bodkin, 2) as lan:
        took = []
        for _ in range(times):
            start = time.monotonic()
            room = Room(lan)
            took.append(room.speak() - start)
            room.agree()
            for m in room.members:
                m.end()
        return f"the first words after {max(took):.2f} s at most, of {times} times"


def many(bodkin, count=20):
    with Switch(bodkin, count) as lan:
        start = time.monotonic()
        room = Room(lan)
        came = room.speak(1) - start
        start = time.monotonic()
        room.without(room.keeper()).kill()
        took = room.speak(1) - start
        room.agree()
        check(took < SOON, f"{took:.2f} s\n{room.story()}")
        return f"{count} came and had spoken after {came:.2f} s, and {took:.2f} s after a kill again"


def parted(bodkin):
    """Whose cable is pulled goes on alone, and so do the others; then they are one again, and what was said comes along."""
    with Switch(bodkin, 3) as lan:
        room = Room(lan)
        room.speak()
        alone = room.without(room.keeper())
        lan.switch.run(f"ip link set p{alone.machine.number} down")
        start = time.monotonic()
        alone.say(3)
        took = room.speak() - start
        alone.until(r"^\* sent: %d as " % alone.said)
        lan.switch.run(f"ip link set p{alone.machine.number} up")
        start = time.monotonic()
        room.members.append(alone)
        one = room.speak() - start
        for m in room.members:
            for other in room.members:
                if other is not m:
                    got, wanted = m.heard({other.name}), [f"{other.name} {i}" for i in range(other.said)]
                    check(got == wanted[len(wanted) - len(got):], f"{m.name} heard of {other.name}: {got}\n{room.story()}")
            check(not any("careful" in line for _, line in m.lines), f"a doubt\n{m.story()}")
        return f"cut off, the others go on after {took:.1f} s; plugged in, they are one after {one:.1f} s"


def churn(bodkin, rounds=6):
    """Machines come, leave and die, whoever keeps it among them, and two stay: all the time all speak."""
    chance = random.Random(rounds)
    with Switch(bodkin, 5) as lan:
        room = Room(lan)
        stay = set(chance.sample(room.members, 2))
        number = 5
        for _ in range(rounds):
            for m in room.members:
                m.say(10)
            gone = chance.choice([m for m in room.members if m not in stay])
            room.without(gone)
            getattr(gone, chance.choice(("kill", "leave")))()
            number += 1
            room.come(lan.add(number))
            for m in room.members:
                m.until(r"^\* \d+ here$")
            room.speak(2)
        room.agree()
        for m in stay:
            other, = stay - {m}
            check(m.heard({other.name}) == [f"{other.name} {i}" for i in range(other.said)], room.story())
        return f"{rounds} went, {rounds} came, two stayed and heard each other to the last word"


def asleep(bodkin):
    """Whoever keeps it stands still, as a laptop does, and comes back when another one keeps it."""
    with Switch(bodkin, 3) as lan:
        room = Room(lan)
        room.speak()
        sleeper = room.without(room.keeper())
        sleeper.kill(signal.SIGSTOP)
        start = time.monotonic()
        took = room.speak() - start
        sleeper.kill(signal.SIGCONT)
        start = time.monotonic()
        room.members.append(sleeper)
        one = room.speak() - start
        check(not any("careful" in line for m in room.members for _, line in m.lines), f"a doubt\n{room.story()}")
        return f"stopped, the others go on after {took:.1f} s; awake again, they are one after {one:.1f} s"


def link_local(bodkin):
    """IPv6 alone, and several on one machine."""
    with Switch(bodkin, 3, only6=True) as lan:
        lan.machines += [lan.machines[0], lan.machines[0]]
        room = Room(lan)
        room.speak()
        room.without(room.keeper()).kill()
        room.speak()
        room.agree()
        return "three machines with IPv6 alone, three members on one of them"


RECORD = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", 15007))
print("ready", flush=True)
while True:
    data = s.recv(100)
    if data[:5] == b"bkL1\\1":
        print(data.hex(), flush=True)
        break
"""

REPLAY = """
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
beacon = bytearray(bytes.fromhex(sys.argv[1]))
port = int(sys.argv[2])
print(flush=True)
while True:
    beacon[6:8] = port.to_bytes(2, "big")
    beacon[28:36] = os.urandom(8)
    s.sendto(beacon, ("10.7.0.255", 15007))
"""


def false_board(bodkin):
    """A neighbour tells everybody, as fast as it can, that the board is at a server of its own."""
    with Switch(bodkin, 4) as lan:
        neighbour = lan.machines.pop()
        recorder = subprocess.Popen(neighbour.words(sys.executable, "-c", RECORD), stdout=subprocess.PIPE, text=True)
        recorder.stdout.readline()
        room = Room(lan)
        beacon = recorder.stdout.readline().strip()
        recorder.wait()
        recorder.stdout.close()
        server = lan.bodkin_on(neighbour, "serve", "--state", lan.top / "false")
        port = server.wait_for("listening")["address"].rsplit(":", 1)[1]
        liar = subprocess.Popen(neighbour.words(sys.executable, "-c", REPLAY, beacon, port), stdout=subprocess.PIPE)
        try:
            liar.stdout.readline()
            start = time.monotonic()
            late = room.come(lan.add(5))
            late.until(r"^\* 4 here$")
            came = time.monotonic() - start
            start = time.monotonic()
            room.without(room.keeper()).kill()
            took = room.speak() - start
            room.agree()
        finally:
            liar.kill()
            liar.wait()
            liar.stdout.close()
        check(came < 5 and took < 5, f"{came:.1f} and {took:.1f} s")
        return f"in after {came:.2f} s, and {took:.2f} s after a kill all go on"


def by_address(bodkin):
    """Where nothing reaches everybody, one is named."""
    from lan import NO_BROADCAST, NO_MULTICAST

    with Switch(bodkin, 3) as lan:
        for machine in lan.machines:
            machine.filter(f"{NO_MULTICAST}; {NO_BROADCAST}")
        room = Room(lan, at="-10.7.0.1")
        room.speak()
        room.agree()
        return "asked by its address"


def server_away(bodkin):
    """A server is named, and is not there; then it is."""
    with Switch(bodkin, 3) as lan:
        place = lan.add(4)
        room = Room(lan, at="10.7.0.4-")
        room.speak()
        server = lan.bodkin_on(place, "serve", "--state", lan.top / "server")
        server.wait_for("listening")
        start = time.monotonic()
        for m in room.members:
            m.until(r"the server is in reach again")
        moved = time.monotonic() - start
        room.speak()
        server.kill()
        start = time.monotonic()
        took = room.speak() - start
        check(not any("careful" in line for m in room.members for _, line in m.lines), f"a doubt\n{room.story()}")
        return f"all moved to the server {moved:.1f} s after it was there, and back {took:.1f} s after it was not"


def through_one(bodkin):
    """One of them reaches a server and the others name none: all are there, and so is who is elsewhere."""
    with Switch(bodkin, 2) as lan:
        place = lan.add(4)
        server = lan.bodkin_on(place, "serve", "--state", lan.top / "server")
        server.wait_for("listening")
        room = Room(lan)
        room.speak()
        far = room.come(lan.add(5), "10.7.0.4")
        far.until(r"^\* 1 here$")
        took = []
        for number in (6, 7):
            start = time.monotonic()
            between = room.come(lan.add(number), "10.7.0.4-")
            between.until(r"^\* \d+ here$")
            for m in room.members:
                if m is not between:
                    m.until(r"^\* %s is here" % between.name)
            took.append(room.speak() - start)
            room.without(between).kill()
            room.without(far)
            room.speak()
            room.members.append(far)
        for m in room.members:
            for other in room.members:
                if m is not other and other is not far:  # who was away at the end lacks the end
                    got, wanted = m.heard({other.name}), [f"{other.name} {i}" for i in range(other.said)]
                    check(got == (wanted[:12] if m is far else wanted), f"{m.name} of {other.name}: {got}\n{room.story()}")
            check(not any("careful" in line for _, line in m.lines), f"a doubt\n{m.story()}")
        return f"all are at the server {took[0]:.1f} and {took[1]:.1f} s after one came who reaches it"


def devices(bodkin):
    """The machines of one person, with no server: listed, seen, pinged by name, and gone."""
    with Switch(bodkin, 4) as lan:
        def on(machine, *words):
            home = lan.top / f"home-{machine.number}"
            home.mkdir(exist_ok=True)
            env = {k: v for k, v in os.environ.items() if not k.startswith(("BODKIN_", "XDG_"))} | {"HOME": str(home)}
            lan.programs.append(Program(machine.words(bodkin, *words, "--json"), env=env))
            return lan.programs[-1]

        def ends(program):
            check(program.wait() == 0, program.story())
            return program

        invite = ends(on(lan.machines[0], "devices", "new", "--name", "d1")).last("room")["invite"]
        for machine in lan.machines[1:]:
            ends(on(machine, "devices", "join", invite, "--name", f"d{machine.number}"))
        watching = []
        for machine in lan.machines[:3]:
            watching.append(on(machine, "devices", "--watch"))
            for other in watching[:-1]:
                other.wait_for("presence", lambda e, n=machine.number: e["name"] == f"d{n}" and e["state"] == "online")
        listed = {e["name"] for e in ends(on(lan.machines[3], "devices")).all("presence")}
        check(listed >= {"d1", "d2", "d3"}, f"{listed}")
        pinged = ends(on(lan.machines[3], "ping", "-c", "2", "d2"))
        check(len(pinged.all("pong")) == 2, pinged.story())
        start = watching[0].kill()  # who keeps the board, silently
        for other in watching[1:]:
            other.wait_for("presence", lambda e: e["name"] == "d1" and e["state"] != "online")
        gone = time.monotonic() - start
        check(gone < SOON, f"{gone:.1f} s\n{watching[1].story()}")
        seen = [e["name"] for e in watching[2].all("presence") if e["state"] != "online"]
        check(seen == ["d1"], f"{seen}\n{watching[2].story()}")
        return f"four devices; one that dies and kept the board is gone for the others after {gone:.1f} s"


def chat(bodkin):
    """The same by the program itself."""
    with Switch(bodkin, 3) as lan:
        anna = lan.bodkin_on(lan.machines[0], "chat", "--new-room", "--name", "anna", speaks=True)
        invite = anna.wait_for("room")["invite"]
        people = [anna] + [lan.bodkin_on(m, "chat", f"--room={invite}", "--name", f"p{m.number}", speaks=True) for m in lan.machines[1:]]
        for who in people:
            who.wait_for("room")
        for who in people:
            who.say(f"from {who.process.pid}\n")
        for who in people:
            for other in people:
                who.wait_for("message", lambda e, pid=other.process.pid: e["text"] == f"from {pid}")
        start = anna.kill()
        people.remove(anna)
        for who in people:
            who.say("and on\n")
        for who in people:
            who.wait_for("message", lambda e: e["text"] == "and on" and not e["is_ours"])
        took = time.monotonic() - start
        for who in people:
            who.hush()
        check([who.wait() for who in people] == [0, 0] and took < SOON, "\n".join(w.story() for w in people))
        check(not any(w.all("doubt") for w in people), "\n".join(w.story() for w in people))
        return f"a room; {took:.2f} s after the first one's death the others go on"


def cases(bodkin):
    yield "LAN rooms: its keeper is killed, and the next one leaves", lambda: deaths(bodkin)
    yield "LAN rooms: two at the same instant", lambda: at_once(bodkin)
    yield "LAN rooms: twenty machines", lambda: many(bodkin)
    yield "LAN rooms: coming and going", lambda: churn(bodkin)
    yield "LAN rooms: IPv6 alone, several on one machine", lambda: link_local(bodkin)
    yield "LAN rooms: one reaches a server", lambda: through_one(bodkin)
    yield "LAN rooms: bodkin chat", lambda: chat(bodkin)
    yield "LAN rooms: devices", lambda: devices(bodkin)
    yield "LAN rooms: a false board", lambda: false_board(bodkin)
    yield "LAN rooms: a network that is parted", lambda: parted(bodkin)
    yield "LAN rooms: its keeper sleeps", lambda: asleep(bodkin)
    yield "LAN rooms: neither multicast nor broadcast", lambda: by_address(bodkin)
    yield "LAN rooms: a server that is away", lambda: server_away(bodkin)
