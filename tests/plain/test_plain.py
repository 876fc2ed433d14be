#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The plain dialect between bodkin and programs written independently, in every role.

    test_plain.py BODKIN [--only NAME]

One line a case, then 'N passed, N failed'.
"""
import argparse
import concurrent.futures
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.dont_write_bytecode = True

from peers import PAIRS, PATIENCE, Client, Fault, Line, Server, check, encode, meet, rally  # noqa: E402

# Started in the background, or by nohup, we ignore these; what we start must not, or it would go on ignoring them.
for ignored in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(ignored) == signal.SIG_IGN:
        signal.signal(ignored, lambda *_: None)

WORKERS = 4
PATIENCE_NO_PATH = 40
TYPES = ["Full Cone", "Restric NAT", "Restric Port NAT", "Symmetric NAT", "unknown"]


class Program:
    """One bodkin, its JSON events as they come."""

    def __init__(self, bodkin, *words):
        self.words = [str(w) for w in words]
        self.process = subprocess.Popen([bodkin, *self.words, "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=ENVIRONMENT)
        self.events, self.errors, self.over = [], [], False
        self.news = threading.Condition()
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self._read, self._read_errors)]
        for t in self.threads:
            t.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for t in self.threads:
            t.join(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()

    def _read(self):
        for line in self.process.stdout:
            with self.news:
                self.events.append(json.loads(line))
                self.news.notify_all()
        with self.news:
            self.over = True
            self.news.notify_all()

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line.decode(errors="replace").rstrip())

    def wait_for(self, name, n=1):
        """The n-th event of that name."""
        end = time.monotonic() + PATIENCE
        with self.news:
            while True:
                found = [e for e in self.events if e["event"] == name]
                if len(found) >= n:
                    return found[n - 1]
                left = end - time.monotonic()
                check(not self.over and left > 0, f"no event '{name}': {self.story()}")
                self.news.wait(left)

    def expect_exit(self, code, seconds=PATIENCE):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Fault(f"does not end: {self.story()}") from None
        for t in self.threads:
            t.join(PATIENCE)
        check(self.process.returncode == code, f"exit code {self.process.returncode} instead of {code}: {self.story()}")

    def check_pongs(self, is_first, count):
        """The answers' numbers, and the statistics over them."""
        numbers = [e["number"] for e in self.events if e["event"] == "pong"]
        first = 2 if is_first else 3
        check(numbers == list(range(first, first + 2 * count, 2)), f"pongs {numbers}: {self.story()}")
        done = [e for e in self.events if e["event"] == "done"]
        check(len(done) == 1 and done[0]["received"] == count and done[0]["sent"] == count, f"{done}")
        times = [e["rtt_ms"] for e in self.events if e["event"] == "pong"]
        check(all(0 <= t < PATIENCE * 1000 for t in times), f"{times}")

    def story(self):
        return f"$ bodkin {' '.join(self.words)}: {self.events} {self.errors}"


def ping(place, *words):
    return Program(BODKIN, "ping", "--plain", "-s", place, *words)


class Serve(Program):
    """bodkin serve --plain on ports of its own."""

    def __init__(self):
        self.state = tempfile.TemporaryDirectory()
        super().__init__(BODKIN, "serve", "--plain", "-l", "127.0.0.1:0", "--alt-port", "0", "--state", self.state.name)
        self.place = self.wait_for("listening")["address"]

    def __exit__(self, *rest):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.expect_exit(0)
        super().__exit__(*rest)
        self.state.cleanup()


def check_server(server):
    check(not server.faults, f"the server complains: {server.faults}")


# --- our client at a server of theirs ---


def we_wait_they_come(actions, slow):
    """Ours is registered first; theirs names it and gets the first of the two actions."""
    with Server(actions, slow) as server, ping(server.place, "--id", "ours") as ours:
        check(ours.wait_for("code")["code"] == "ours", "another id")
        theirs = Client(server.place, "theirs", "unknown", "ours", slow).connect()
        is_first = theirs.is_first or theirs.action is None
        rally(theirs.peer, is_first, 3)
        theirs.close()
        ours.expect_exit(0)
        ours.check_pongs(not is_first, 3 if not is_first else 2)
        check_server(server)


def we_come_they_wait(actions, slow):
    with Server(actions, slow) as server:
        theirs = Client(server.place, "theirs", "Symmetric NAT", None, slow)
        with ping(server.place, "--id", "ours", "-c", "3", "-i", "0.01", "theirs") as ours:
            theirs.connect()
            is_first = theirs.is_first
            check(theirs.info["client_id"] == "ours" and theirs.info["nat_type"] == "unknown", f"{theirs.info}")
            rally(theirs.peer, is_first, 3, True)
            ours.expect_exit(0)
            ours.check_pongs(not is_first, 3)
            theirs.peer.expect_end()
            path = ours.wait_for("path")
            check(path["remote"] == "{}:{}".format(*theirs.peer.sock.getsockname()), f"{path}")
            theirs.close()
        check_server(server)


def both_are_ours(actions):
    with Server(actions) as server, ping(server.place, "--id", "a") as a:
        a.wait_for("code")
        with ping(server.place, "-c", "2", "-i", "0.05", "a") as b:
            b.expect_exit(0)
            a.expect_exit(0)
            first = "a" if actions[1] in ("Connect", "DelayConnect", "Standby") else "b"
            b.check_pongs(first == "b", 2)
            check(a.wait_for("path")["local"] == b.wait_for("path")["remote"], "the two are connected to others")
        check_server(server)


def a_server_that_hangs_up_after_the_match():
    for actions in PAIRS:
        if "DelayConnect" in actions or "TryAndReport" in actions:
            continue
        with Server(actions, hang_up=True) as server, ping(server.place, "--id", "ours") as ours:
            ours.wait_for("code")
            theirs = Client(server.place, "theirs", "unknown", "ours").connect()
            rally(theirs.peer, theirs.is_first or theirs.action is None, 2)
            theirs.close()
            ours.expect_exit(0)


def an_action_of_another_time_is_no_strategy():
    with Server((None, None), rename="DanceAndListen") as server, ping(server.place, "--id", "ours") as ours:
        ours.wait_for("code")
        theirs = Client(server.place, "theirs", "unknown", "ours")
        theirs.await_peer()
        theirs.peer = Line(theirs.both())
        rally(theirs.peer, True, 2)
        theirs.close()
        ours.expect_exit(0)


def a_nat_that_does_not_keep_port_numbers():
    """The server is asked for the public port of the one that is to be reported."""
    with Server(("TryAndReport", "Standby"), moved="ours") as server:
        theirs = Client(server.place, "theirs")
        with ping(server.place, "--id", "ours", "-c", "2", "theirs") as ours:
            theirs.connect()
            rally(theirs.peer, True, 2, True)
            ours.expect_exit(0)
        theirs.close()
        check_server(server)


def a_peer_that_never_comes_is_no_path():
    with Server(("Listen", "Connect")) as server:
        theirs = Client(server.place, "theirs")
        with ping(server.place, "theirs") as ours:
            theirs.await_peer()
            ours.expect_exit(5, PATIENCE_NO_PATH)
            check(ours.wait_for("error")["code"] == "no-path", ours.story())
        theirs.close()


def a_standby_whose_peer_vanished_is_told():
    with Server(("TryAndReport", "Standby")) as server, ping(server.place, "--id", "ours") as ours:
        ours.wait_for("code")
        theirs = Client(server.place, "theirs", "unknown", "ours").await_peer()
        ours.wait_for("peer")
        server.standing.pop("theirs")["line"].send("PeerNotFoundMessage", peer_id="theirs")
        ours.expect_exit(1)
        check(ours.wait_for("error")["code"] == "peer-vanished", ours.story())
        theirs.close()


def our_errors_are_told():
    with Server(("Listen", "Connect")) as server:
        taken = Client(server.place, "taken")
        with ping(server.place, "--id", "taken") as ours:
            ours.expect_exit(3)
            check(ours.wait_for("error")["code"] == "id-in-use" and "that id is in use" in ours.errors[-1], ours.story())
        with ping(server.place, "nobody") as ours:
            ours.expect_exit(4)
            check(ours.wait_for("error")["code"] == "no-such-peer", ours.story())
        with ping(server.place, "--timeout", "1") as ours:
            ours.expect_exit(4)
        taken.close()
        check_server(server)
        place = server.place
    with ping(place) as ours:
        ours.expect_exit(3)
        check(ours.wait_for("error")["code"] == "refused", ours.story())


def ctrl_c_ends_it():
    with Server(("Listen", "Connect")) as server:
        with ping(server.place, "--id", "ours") as ours:
            ours.wait_for("code")
            ours.process.send_signal(signal.SIGINT)
            ours.expect_exit(130)
        theirs = Client(server.place, "theirs")
        with ping(server.place, "--id", "ours", "theirs") as ours:
            theirs.connect()
            theirs.peer.send("PeerHelloMessage", content="hi", number=1)
            theirs.peer.receive("PeerHelloMessage")
            theirs.peer.send("PeerHelloMessage", content="hi", number=3)
            ours.wait_for("pong")
            ours.process.send_signal(signal.SIGINT)
            ours.expect_exit(0)
            check(ours.wait_for("done")["received"] == 1, ours.story())
        theirs.close()


# --- what peers may do to us ---


def raw_peer(then, code):
    """We listen and answer; they connect, say 1, get 2, and then do `then`."""
    with Server(("Connect", "Listen")) as server, ping(server.place, "--id", "ours") as ours:
        ours.wait_for("code")
        theirs = Client(server.place, "theirs", "unknown", "ours").connect()
        theirs.peer.send("PeerHelloMessage", content="hi", number=1)
        check(theirs.peer.receive("PeerHelloMessage")["number"] == 2, "not 2")
        then(theirs.peer)
        ours.expect_exit(code)
        theirs.close()
        return ours


def peers_that_misbehave():
    def reset(line):
        line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()

    def half_a_message(line):
        line.sock.sendall(encode("PeerHelloMessage", content="hi", number=3)[:-3])
        line.sock.shutdown(socket.SHUT_WR)

    def send(data):
        return lambda line: line.sock.sendall(data)

    raw_peer(lambda line: line.sock.shutdown(socket.SHUT_WR), 0)
    raw_peer(reset, 1)
    raw_peer(half_a_message, 1)
    raw_peer(send(struct.pack(">I", 1 << 30) + b"x"), 1)
    raw_peer(send(struct.pack(">I", 9) + b"not JSON!"), 1)
    raw_peer(send(struct.pack(">I", 2) + b"{}"), 1)
    raw_peer(send(encode("PeerHelloMessage", content="hi", number="3")), 1)


def what_was_measured_is_told_when_the_peer_vanishes():
    def vanish(line):
        line.send("PeerHelloMessage", content="hi", number=3)
        check(line.receive("PeerHelloMessage")["number"] == 4, "not 4")
        line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()

    done = raw_peer(vanish, 1).wait_for("done")
    check((done["sent"], done["received"]) == (2, 1), f"{done}")


def people_are_told_who_left():
    with Server(("Connect", "Listen")) as server:
        words = [BODKIN, "ping", "--plain", "-s", server.place]
        with subprocess.Popen([*words, "--id", "ann"], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as ann:
            ann.stdout.readline()
            bob = subprocess.run([*words, "--id", "bob", "-c", "1", "ann"], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT,
                                 timeout=PATIENCE)
            out = ann.stdout.read()
        check((ann.returncode, bob.returncode) == (0, 0), f"{ann.returncode} {bob.returncode}")
        check("\nbob left\n\n--- bob ping statistics ---\n" in "\n" + out, out)
        check("left" not in bob.stdout and "\n\n--- ann ping statistics ---\n1 sent, 1 received, 0% loss" in bob.stdout, bob.stdout)


def what_is_out_of_place_is_ignored():
    def strange(line):
        line.send("PeerDanceMessage", number=3)
        line.send("PeerHelloMessage", content="hi", number=99)
        line.send("PeerHelloMessage", content="\x1b[2J\u202e", number=3, more={"x": [1]})
        check(line.receive("PeerHelloMessage")["number"] == 4, "not 4")
        line.sock.shutdown(socket.SHUT_WR)

    ours = raw_peer(strange, 0)
    ours.check_pongs(False, 1)


def a_stranger_is_not_taken_for_the_peer():
    with Server(("Connect", "Listen")) as server, ping(server.place, "--id", "ours") as ours:
        ours.wait_for("code")
        theirs = Client(server.place, "theirs", "unknown", "ours").await_peer()
        end = time.monotonic() + PATIENCE
        while True:
            stranger = socket.socket()
            stranger.bind(("127.0.0.2", 0))
            stranger.settimeout(PATIENCE)
            if stranger.connect_ex(theirs.target) == 0:
                break
            stranger.close()
            check(time.monotonic() < end, "nobody listens")
        Line(stranger).expect_end()
        stranger.close()
        theirs.peer = Line(theirs.dial())
        rally(theirs.peer, True, 2)
        theirs.close()
        ours.expect_exit(0)


# --- their clients at our server ---


def their_pair(types, slow):
    with Serve() as serve:
        waiting = Client(serve.place, "0a1b2c3d", types[1], None, slow)
        naming = Client(serve.place, "4e5f6a7b", types[0], "0a1b2c3d", slow)
        meet(naming, waiting)
        naming.close()
        waiting.close()


def several_pairs_at_once():
    with Serve() as serve:
        waiting = [Client(serve.place, f"wait{i}", TYPES[i % 3]) for i in range(6)]
        naming = [Client(serve.place, f"name{i}", "Restric Port NAT", f"wait{i}", i % 2 == 0) for i in range(6)]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(meet, naming, waiting))
        for c in waiting + naming:
            c.close()


def our_server_refuses_and_forgets():
    with Serve() as serve:
        first = Client(serve.place, "aaaaaaaa", "Full Cone")
        second = Client(serve.place, "aaaaaaaa", "Full Cone")
        check(second.first[0] == "ServerRefuseMessage" and second.first[1]["client_id"] == "aaaaaaaa", f"{second.first}")
        second.control.expect_end()
        lonely = Client(serve.place, "bbbbbbbb", "Full Cone", "nobody")
        check(lonely.control.receive("PeerNotFoundMessage") == {"peer_id": "nobody"}, "another peer")
        again = Client(serve.place, "bbbbbbbb", "Full Cone", "aaaaaaaa")
        check(again.first[0] == "ServerHelloMessage", f"{again.first}")
        meet(again, first)
        for c in (first, second, lonely, again):
            c.close()


def a_thousand_wait_at_our_server_and_are_found():
    def say_hello(i, client_id, peer_id):
        s = socket.socket()
        s.settimeout(PATIENCE)
        s.bind((f"127.1.{i // 50}.{i % 50 + 1}", 0))  # one address may have few connections
        s.connect((host, int(port)))
        s.sendall(encode("ClientHelloMessage", client_id=client_id, nat_type="Full Cone", private_ip="10.0.0.1", private_port=1,
                         peer_id=peer_id))
        line = Line(s)
        line.receive("ServerHelloMessage")
        return line

    with Serve() as serve:
        host, port = serve.place.rsplit(":", 1)
        waiting = [say_hello(i, f"waits{i}", None) for i in range(1000)]
        for i in reversed(range(1000)):
            comes = say_hello(i, f"comes{i}", f"waits{i}")
            check(comes.receive("PeerInfoMessage")["peer"]["client_id"] == f"waits{i}", "another peer")
            check(waiting[i].receive("PeerInfoMessage")["peer"]["client_id"] == f"comes{i}", "another peer")
            comes.close()
            waiting[i].close()


def ours_and_theirs_at_our_server(their_type, they_come):
    with Serve() as serve:
        if they_come:
            with ping(serve.place, "--id", "ours") as ours:
                ours.wait_for("code")
                theirs = Client(serve.place, "theirs", their_type, "ours", True).connect()
                rally(theirs.peer, theirs.is_first, 3)
                theirs.close()
                ours.expect_exit(0)
                ours.check_pongs(not theirs.is_first, 3 if not theirs.is_first else 2)
            return
        theirs = Client(serve.place, "theirs", their_type)
        with ping(serve.place, "-c", "2", "-i", "0.01", "theirs") as ours:
            theirs.connect()
            rally(theirs.peer, theirs.is_first, 2, True)
            ours.expect_exit(0)
            check(ours.wait_for("peer")["nat"] == their_type, ours.story())
            theirs.close()


def by_code_over_tls():
    """The same messages inside a session."""
    with Serve() as serve:
        place = f"{serve.place}#{serve.wait_for('listening')['pin']}"
        with Program(BODKIN, "ping", "-s", place, "-i", "0.01") as a:
            code = a.wait_for("code")["code"]
            with Program(BODKIN, "ping", "-s", place, "-c", "5", "-i", "0.01", code) as b:
                b.expect_exit(0)
                a.expect_exit(0)
                b.check_pongs(True, 5)
                a.check_pongs(False, 4)
        with Program(BODKIN, "ping", "-s", place, "1-wrong-code") as c:
            c.expect_exit(4)
    with Serve() as serve:  # a fresh one: it rations what one address may ask for
        place = f"{serve.place}#{serve.wait_for('listening')['pin']}"
        with Program(BODKIN, "ping", "-s", place) as a:
            code = a.wait_for("code")["code"]
            with Program(BODKIN, "send", "-s", place, "--code", code, __file__) as b:
                check(b.process.wait(PATIENCE) == 6, b.story())
                a.expect_exit(6)


def usage_is_refused():
    for words in (["--plain", "-s", "h", "-c", "0"], ["--plain", "-s", "h", "-i", "x"], ["--plain", "-s", "h#pin"], ["-s", "h", "--id", "x"],
                  ["-s", "h", "1-a-b", "2-c-d"], ["--plain", "-s", "h:99999"], ["--plain", "-s", "h", "--id", "x" * 65],
                  ["--plain", "-s", "h", "--path", "relay"], ["--plain", "-s", "h", "--transport", "udp"]):
        with Program(BODKIN, "ping", *words) as p:
            p.expect_exit(2)


def cases():
    yield "a peer that never comes is no path", a_peer_that_never_comes_is_no_path  # takes longest
    for n, (mine, its) in enumerate(PAIRS):
        name = f"{mine} and {its}"
        yield f"their server, we wait, they come: {name}", lambda p=(mine, its), n=n: we_wait_they_come(p, n % 2 == 0)
        yield f"their server, we come, they wait: {name}", lambda p=(mine, its), n=n: we_come_they_wait(p, n % 2 == 1)
        yield f"their server, both ours: {name}", lambda p=(mine, its): both_are_ours(p)
    for n, types in enumerate([("Full Cone", "Full Cone"), ("Full Cone", "Symmetric NAT"), ("Symmetric NAT", "Open Internet"),
                               ("Restric NAT", "Restric NAT"), ("Restric Port NAT", "Restric NAT"),
                               ("Restric Port NAT", "Restric Port NAT"), ("unknown", "unknown"), ("Symmetric NAT", "Restric Port NAT"),
                               ("Symmetric NAT", "Symmetric NAT")]):
        yield f"our server, both theirs: {types[0]} and {types[1]}", lambda t=types, n=n: their_pair(t, n % 2 == 0)
    for kind in TYPES:
        yield f"our server, we wait, they come: {kind}", lambda k=kind: ours_and_theirs_at_our_server(k, True)
        yield f"our server, we come, they wait: {kind}", lambda k=kind: ours_and_theirs_at_our_server(k, False)
    for case in (several_pairs_at_once, our_server_refuses_and_forgets,
                 a_thousand_wait_at_our_server_and_are_found, a_server_that_hangs_up_after_the_match,
                 an_action_of_another_time_is_no_strategy, a_nat_that_does_not_keep_port_numbers,
                 a_standby_whose_peer_vanished_is_told, our_errors_are_told, ctrl_c_ends_it, peers_that_misbehave,
                 what_was_measured_is_told_when_the_peer_vanishes, people_are_told_who_left,
                 what_is_out_of_place_is_ignored, a_stranger_is_not_taken_for_the_peer, by_code_over_tls, usage_is_refused):
        yield case.__name__.replace("_", " "), case


def run_case(name, case):
    started = time.monotonic()
    try:
        case()
        passed, text = True, ""
    except Fault as fault:
        passed, text = False, f": {fault}"
    except Exception:
        passed, text = False, f": {traceback.format_exc()}"
    print(f"{'ok  ' if passed else 'FAIL'} {time.monotonic() - started:4.1f}s {name}{text}", flush=True)
    return passed


def main():
    global BODKIN, ENVIRONMENT
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bodkin", type=os.path.abspath)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    args = parser.parse_args()
    BODKIN = args.bodkin
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # for who waits in thousands; the programs inherit it
    with tempfile.TemporaryDirectory() as home:
        ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("BODKIN_", "XDG_"))} | {"HOME": home}
        chosen = [(n, c) for n, c in cases() if args.only in n]
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            results = list(pool.map(lambda one: run_case(*one), chosen))
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
