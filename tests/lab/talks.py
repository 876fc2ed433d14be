# SPDX-License-Identifier: Apache-2.0
"""Two people who talk, while what is between them dies, sleeps and moves: nothing is lost, doubled or reordered, and
everything is acknowledged.

BODKIN_TALK_SECONDS: how long a machine sleeps and a server is away (a minute and ten are a matter of patience).
"""
import contextlib
import os
import pathlib
import re
import select
import signal
import sys
import time

from lab import PATIENCE, Lab, check
from moves import bar, change_address, next_path, unbar

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "examples"))

from terminal import Terminal, kill_all  # noqa: E402

SECONDS = int(os.environ.get("BODKIN_TALK_SECONDS", 5))


class Talk:
    """anna, in node a, made the code; bert, in b, came with it."""

    def __init__(self, lab, *options):
        self.lab = lab
        self.anna = self.start("a", "--name", "anna", *options)
        code = self.anna.wait_for("code")["code"]
        self.bert = self.start("b", "--name", "bert", *options, code)
        self.both = (self.anna, self.bert)
        self.said = {who: 0 for who in self.both}
        self.first = [who.wait_for("path") for who in self.both]
        self.speak(10)
        self.heard()

    def start(self, node, *words):
        return self.lab.run(node, self.lab.bodkin, "chat", "-s", self.lab.place, "--json", "-vv", *words, speaks=True)

    def speak(self, n):
        """Each says so many things at once."""
        for who in self.both:
            who.say("".join(f"{i} gr\u00fc\u00dfe\n" for i in range(self.said[who], self.said[who] + n)))
            self.said[who] += n

    def heard(self, seconds=PATIENCE):
        """Everything that was said so far arrived and was acknowledged, on both sides."""
        for who, other in (self.both, self.both[::-1]):
            other.wait_for("message", lambda e, n=self.said[who]: e["number"] == n, seconds)
            who.wait_for("delivered", lambda e, n=self.said[who]: e["number"] == n, seconds)

    def finish(self, seconds=PATIENCE):
        """Both have said all; what each heard is exactly what the other said. How they were connected last."""
        for who in self.both:
            who.hush()
        codes = [who.wait(seconds) for who in self.both]
        check(codes == [0, 0], f"exit codes {codes}\n{self.story()}")
        for who, other in (self.both, self.both[::-1]):
            texts = [(e["number"], e["text"]) for e in other.all("message")]
            wanted = [(i + 1, f"{i} gr\u00fc\u00dfe") for i in range(self.said[who])]
            check(texts == wanted, f"{len(texts)} heard, {len(wanted)} said\n{self.story()}")
            check(who.last("done")["delivered"] == self.said[who], self.story())
        return self.anna.last("path")["kind"]

    def story(self):
        return "\n".join(who.story() for who in self.both)


def path_dies(bodkin, transport):
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        t = Talk(lab, "--transport", transport)
        check(t.first[0]["kind"] == "direct", t.story())
        bar(lab)
        cut = time.monotonic()
        t.speak(100)
        for who, first in zip(t.both, t.first):
            check(next_path(who, first)["kind"] == "relay", t.story())
        t.heard()
        took = time.monotonic() - cut
        unbar(lab)
        t.speak(100)
        t.heard()
        kind = t.finish()
        return f"direct over {transport}, cut, what was said meanwhile arrived on the relay {took:.1f} s later, at the end {kind}", {}


def address_changes(bodkin, transport):
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        t = Talk(lab, "--transport", transport)
        change_address(lab, "b", "10.2.0.1", "10.2.0.2/24", "10.2.0.77/24")
        moved = time.monotonic()
        t.speak(100)
        t.heard(40)
        took = time.monotonic() - moved
        return f"direct over {transport}, bert moves, everything arrived {took:.1f} s later, {t.finish()}", {}


def sleeps(bodkin, *options):
    """A laptop's lid is closed: its programs stand still, and what is said to them waits."""
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        t = Talk(lab, *options)
        t.bert.kill(signal.SIGSTOP)
        t.speak(50)
        time.sleep(SECONDS)
        t.bert.kill(signal.SIGCONT)
        woke = time.monotonic()
        t.heard(60)
        took = time.monotonic() - woke
        return f"{t.first[0]['kind']}, bert stopped for {SECONDS} s, everything arrived {took:.1f} s after that, {t.finish()}", {}


def server_is_away(bodkin, kind):
    """After the two have met. On a direct path nobody notices; on the relay both wait for it."""
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        t = Talk(lab, *(["--path", "relay"] if kind == "relay" else []))
        check(t.first[0]["kind"] == kind, t.story())
        lab.server.kill()
        lab.server.wait()
        t.speak(50)
        if kind == "direct":
            t.heard()
        time.sleep(SECONDS)
        lab.server = None
        lab.start_server("--state", lab.top / "server")
        back = time.monotonic()
        t.speak(50)
        t.heard(60)
        took = time.monotonic() - back
        return f"{kind}, the server was away for {SECONDS} s, everything arrived {took:.1f} s after that, {t.finish()}", {}


def at_terminal(lab, node, *words):
    return Terminal([lab.bodkin, "lab", "exec", node, lab.bodkin, "chat", "-s", lab.place, *words], 200, lab.env)


def shows(who, pattern):
    """Reads until it stands somewhere on the screen."""
    end = time.monotonic() + PATIENCE
    while not (found := re.search(pattern, " ".join(who.screen.text()).replace("  ", " "))):
        ready = select.select([who.fd], [], [], max(0, end - time.monotonic()))[0]
        check(ready, f"no '{pattern}' on the screen: {who.screen.text()}")
        who.feed(os.read(who.fd, 4096))
    return found


def people(bodkin):
    """What is being typed stays whole while the path dies; that it did, and what came instead, is said."""
    with Lab(bodkin, "port", "port") as lab, contextlib.ExitStack() as after:
        after.callback(kill_all)
        lab.start_server("--state", lab.top / "server")
        anna = at_terminal(lab, "a", "--name", "anna")
        bert = at_terminal(lab, "b", "--name", "bert", shows(anna, r" (\d+-[a-z]+-[a-z]+) ?$")[1])
        for who in (anna, bert):
            shows(who, r"You talk with .* >$")
        anna.type("half a l")
        anna.wait_for(["> half a l"])
        bar(lab)
        bert.type("into the dead path\r")
        anna.wait_for(["bert: into the dead path", "> half a l"])
        bert.wait_for(["you: into the dead path ✓", ">"])
        shows(bert, "Now connected to anna: relayed")
        shows(anna, "Now connected to bert: relayed")
        check(any("lost the path" in row for who in (anna, bert) for row in who.screen.text()),  # who noticed first says it
              f"{anna.screen.text()} {bert.screen.text()}")
        anna.type("ine\r")
        bert.wait_for(["anna: half a line", ">"])
        anna.type("\x04")
        codes = anna.end(), bert.end()
        check(codes == (0, 0), f"exit codes {codes}, {bert.screen.text()}")
        return "a line that was half typed when the path died was said on the relay", {}


def cases(bodkin):
    yield "talk, at terminals, the path dies", lambda: people(bodkin)
    for transport in ("udp", "tcp"):
        yield f"talk, the path dies, {transport}", lambda tr=transport: path_dies(bodkin, tr)
        yield f"talk, an address changes, {transport}", lambda tr=transport: address_changes(bodkin, tr)
        yield f"talk, a machine sleeps, {transport}", lambda tr=transport: sleeps(bodkin, "--transport", tr)
    yield "talk, a machine sleeps, relay", lambda: sleeps(bodkin, "--path", "relay")
    for kind in ("direct", "relay"):
        yield f"talk, the server is away, {kind}", lambda k=kind: server_is_away(bodkin, k)
