# SPDX-License-Identifier: Apache-2.0
"""The machines of one person, behind routers of their own: who is there, and what is done by their names.

BODKIN_DEVICES_MIB: how much each hands the other at once.
"""
import filecmp
import os

from lab import PATIENCE, Lab, check

SIZE = int(os.environ.get("BODKIN_DEVICES_MIB", 16)) << 20


class Devices:
    """Each node is a device, with a state of its own."""

    def __init__(self, lab):
        self.lab = lab
        self.env = {node: {"XDG_STATE_HOME": lab.folder(f"state-{node}")} for node in "ab"}
        made = self.run("a", "devices", "new", "-s", lab.place, "--name", "anna", "--json")
        check(made.wait() == 0, made.story())
        joined = self.run("b", "devices", "join", made.last("room")["invite"], "-s", lab.place, "--name", "bert", "--json")
        check(joined.wait() == 0, joined.story())

    def run(self, node, *words):
        return self.lab.run(node, self.lab.bodkin, *words, env=self.env[node])

    def watch(self, node, other):
        """That node watches; the other one sees it, with its NAT."""
        watching = self.run(node, "devices", "--watch", "--json")
        looking = self.run(other, "devices", "--watch", "--json")
        name = {"a": "anna", "b": "bert"}[node]
        e = looking.wait_for("presence", lambda e: e["name"] == name and e.get("nat_udp"))
        looking.kill()
        check(e["state"] == "online" and e["lan"], looking.story())
        return watching, e


def seen_and_pinged(bodkin):
    with Lab(bodkin, "port", "port", "--delay", 10) as lab:
        lab.start_server("--state", lab.top / "server")
        d = Devices(lab)
        _, seen = d.watch("b", "a")
        check((seen["nat_udp"], seen["nat_tcp"]) == 2 * ("Port Restricted Cone",), f"{seen}")
        ping = d.run("a", "ping", "bert", "-c", 3, "-i", 0.05, "--json")
        check(ping.wait() == 0, ping.story())
        check(len(ping.all("pong")) == 3 and not ping.all("code"), ping.story())
        path = ping.last("path")
        check(path["kind"] == "direct", ping.story())
        return f"a device behind a NAT was seen and pinged by name, {path['kind']} over {path['transport']}", {}


def both_hand_over_at_once(bodkin):
    """Each sends to the other by name, both at the same time; the one is waited for."""
    with Lab(bodkin, "port", "port", "--delay", 5) as lab:
        lab.start_server("--state", lab.top / "server")
        d = Devices(lab)
        content = {node: lab.file(SIZE) for node in "ab"}
        taken = {node: lab.folder(f"in-{node}") for node in "ab"}
        senders = [d.run("a", "send", "--to", "bert", content["a"], "--json")]
        senders[0].wait_for("waiting", lambda e: "bert is not there" in e["text"])
        for node in "ab":
            d.run(node, "recv", "--daemon", "--yes", "--json", "-o", taken[node])
        senders.append(d.run("b", "send", "--to", "anna", content["b"], "--json"))
        for sender in senders:
            check(sender.wait(PATIENCE + SIZE / 2e6) == 0, sender.story())
            check(sender.last("path") and not sender.all("code"), sender.story())
        for node, other in ("ab", "ba"):
            check(filecmp.cmp(content[other], taken[node] / content[other].name, shallow=False), "not what was sent")
        seconds = [sender.last("done")["seconds"] for sender in senders]
        return f"{SIZE >> 20} MiB each way at once in {max(seconds):.1f} s", {}


def cases(bodkin):
    yield "devices, both hand over at once", lambda: both_hand_over_at_once(bodkin)
    yield "devices, seen and pinged by name", lambda: seen_and_pinged(bodkin)
