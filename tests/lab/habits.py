# SPDX-License-Identifier: Apache-2.0
"""Networks that are stricter or poorer than their type says: bodkin gets through where there is a way, and says what is in
the way where there is none.
"""
import time

from lab import SERVER_443, Lab, Transfer, check
from rows import SMALL
from trouble import sentence_of

FORGETFUL, LATER = 1, 1.5  # seconds: a flow's lifetime, and when the other side comes
ROOM = 64


def path_of(t):
    path = t.receiver.last("path")
    return path["kind"], path["transport"], path["technique"]


def udp_is_blocked(bodkin):
    """On one side: the two connect over TCP. Where that cannot be, it is said what UDP would have brought."""
    with Lab(bodkin, "port", "port", "--with", "udp-blocked:b") as lab:
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer(lab.file(SMALL))
        t.check_done()
        check(path_of(t) == ("direct", "tcp", "punch"), t.story())
    with Lab(bodkin, "port", "sym", "--with", "udp-blocked:b") as lab:
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer(lab.file(SMALL))
        check(t.check_done() == "relay", t.story())
        text = t.receiver.last("path")["text"]
        check("no UDP through" in text and "UDP here" in text, text)
    with Lab(bodkin, "symdec", "port", "--with", "udp-blocked:b") as lab:
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer(lab.file(SMALL), send=["--path", "direct"], recv=["--path", "direct"])
        t.check_done()
        check(path_of(t) == ("direct", "tcp", "predict"), t.story())
    return f"direct over TCP, by a guessed port, too; with a symmetric NAT {text}", {}


def only_the_web_is_let_out(bodkin):
    """A server at port 443 is reached, and relays; of one elsewhere it is said how it would be."""
    with Lab(bodkin, "port", "sym", "--with", "https-only") as lab:
        lab.start_server("--state", lab.top / "server", "-l", SERVER_443)
        place = f"{SERVER_443}#{lab.pin}"
        t = lab.transfer(lab.file(SMALL), place=place)
        check(t.check_done() == "relay", t.story())
        relayed = max(t.elapsed())
        waiting = lab.send(lab.file(SMALL))  # for the other side, on this network: who does not end is told, too
        text = sentence_of(lab.recv("7-some-code", "-o", lab.folder("received"), "--no-lan"), 3)
        check("443" in text, text)
        waiting.wait_said("it has to run at port 443")
        return f"relayed by a server at port 443 after {relayed:.0f} ms; elsewhere: {text}", {}


def a_flow_is_forgotten_meanwhile(bodkin):
    """Who waits for the other side has long lost the ports that it asked about; they are asked about again."""
    with Lab(bodkin, "port", "symseq", "--with", f"lifetime:{FORGETFUL}") as lab:
        lab.start_server("--state", lab.top / "server")
        path, folder, udp = lab.file(SMALL), lab.folder("received"), ["--transport", "udp"]
        sender = lab.send(path, *udp)
        code = sender.wait_for("code")["code"]
        time.sleep(LATER)  # nothing happens in it, and that is what is tried
        t = Transfer(lab, path, sender, lab.recv(code, "-o", folder, *udp), folder)
        check(t.check_done() == "direct", t.story())
        return f"direct, {max(t.elapsed()):.0f} ms", {}


def a_table_is_full(bodkin):
    """A NAT without room for what is guessed: the relay has a flow of its own already and carries."""
    with Lab(bodkin, "port", "sym", "--with", f"small-table:{ROOM}:b") as lab:
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer(lab.file(SMALL))
        t.check_done()
        lost, = lab.counted("rb", "nat_lab")
        check(lost > 0, "there was room for all")
        return f"{path_of(t)[0]}, {max(t.elapsed()):.0f} ms; {lost} flows found no room among {ROOM}", {}


def ipv6_has_a_firewall(bodkin):
    """Two symmetric NATs, and IPv6 beside them: both open their firewalls for each other, over UDP and over TCP."""
    with Lab(bodkin, "sym", "sym", "--with", "fw6") as lab:
        lab.start_server("--state", lab.top / "server")
        said = []
        for transport in ("udp", "tcp"):
            options = ["--transport", transport]
            t = lab.transfer(lab.file(SMALL), send=options, recv=options)
            t.check_done()
            kind, spoken, technique = path_of(t)
            check((kind, spoken) == ("direct", transport) and t.receiver.last("path")["remote"].startswith("[2001:db8:a:1:"),
                  t.story())
            said.append(f"{technique} over {spoken} in {max(t.elapsed()):.0f} ms")
        return ", ".join(said), {}


def cases(bodkin):
    yield "a network that blocks UDP", lambda: udp_is_blocked(bodkin)
    yield "only the web is let out", lambda: only_the_web_is_let_out(bodkin)
    yield "a NAT that forgets soon", lambda: a_flow_is_forgotten_meanwhile(bodkin)
    yield "a NAT with a small table", lambda: a_table_is_full(bodkin)
    yield "IPv6 behind firewalls", lambda: ipv6_has_a_firewall(bodkin)
