# SPDX-License-Identifier: Apache-2.0
"""The machines of one person, behind routers of their own: who is there, and what is done by their names."""

from lab import Lab, check


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


def cases(bodkin):
    yield "devices, seen and pinged by name", lambda: seen_and_pinged(bodkin)
