# SPDX-License-Identifier: Apache-2.0
"""The plain dialect once more, written from docs/protocol/rendezvous.md with nothing but sockets: a server, clients for
every action, and peers that say hello. Strict about every byte that comes in; blocking, and a byte at a time where asked.
"""
import contextlib
import json
import select
import selectors
import socket
import struct
import threading
import time

PATIENCE = 20  # seconds, for whatever has to come
TABLE = {
    "ClientHelloMessage": {"client_id": str, "nat_type": str, "private_ip": str, "private_port": int, "peer_id": (str, type(None))},
    "ServerHelloMessage": {"client_id": str, "public_ip": str, "public_port": int},
    "ServerRefuseMessage": {"client_id": str, "content": str},
    "PeerNotFoundMessage": {"peer_id": str},
    "PeerInfoMessage": {"action": (str, type(None)), "peer": dict},
    "PeerPortMessage": {"client_id": str, "port": int},
    "PeerHelloMessage": {"content": str, "number": int},
}
PEER = {"client_id": str, "nat_type": str, "public_ip": str, "public_port": int}
NAT_TYPES = {"Open Internet", "Full Cone", "Restric NAT", "Restric Port NAT", "Symmetric NAT", "Symmetric UDP Firewall", "Blocked",
             "unknown"}
PAIRS = [("Listen", "Connect"), ("Connect", "Listen"), ("TryAndListen", "DelayConnect"), ("DelayConnect", "TryAndListen"),
         ("TryAndReport", "Standby"), (None, None)]


class Fault(Exception):
    """Somebody did not keep to the protocol."""


def check(claim, text):
    if not claim:
        raise Fault(text)


def check_fields(o, fields, where):
    check(list(o) == list(fields), f"{where}: fields {list(o)} instead of {list(fields)}")
    for name, kind in fields.items():
        check(isinstance(o[name], kind) and not isinstance(o[name], bool), f"{where}: {name} is {o[name]!r}")


def no_twins(pairs):
    check(len({k for k, _ in pairs}) == len(pairs), f"a field is there twice: {pairs}")
    return dict(pairs)


def decode(text):
    """One JSON text that has to be exactly one message of the table."""
    o = json.loads(text.decode("utf-8"), object_pairs_hook=no_twins)
    check(isinstance(o, dict) and next(iter(o), None) == "type", f"no type in front: {o}")
    kind = o.pop("type")
    check(kind in TABLE, f"no such message: {kind}")
    check_fields(o, TABLE[kind], kind)
    if kind == "PeerInfoMessage":
        check_fields(o["peer"], PEER, "peer")
    for port in ("public_port", "private_port", "port"):
        check(0 < o.get(port, 1) < 65536, f"{kind}: {port} is {o.get(port)}")
    if kind == "ClientHelloMessage":
        check(o["nat_type"] in NAT_TYPES, f"nat_type {o['nat_type']!r}")
        socket.inet_aton(o["private_ip"])
    return kind, o


def encode(kind, **fields):
    text = json.dumps({"type": kind, **fields}).encode()
    return struct.pack(">I", len(text)) + text


class Line:
    """Messages over a blocking socket. `slow`: a byte for each call, in and out."""

    def __init__(self, sock, slow=False):
        self.sock, self.slow = sock, slow
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, kind, **fields):
        data = encode(kind, **fields)
        for i in range(0, len(data), 1 if self.slow else len(data)):
            self.sock.sendall(data[i:i + 1] if self.slow else data)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            piece = self.sock.recv(1 if self.slow else n - len(data))
            check(piece, f"the stream ends inside a message ({data!r})" if data else "the stream has ended")
            data += piece
        return data

    def receive(self, expected=None):
        n, = struct.unpack(">I", self.exactly(4))
        check(0 < n <= 4096, f"a message of {n} bytes")
        kind, fields = decode(self.exactly(n))
        check(expected in (None, kind), f"{kind} {fields} came instead of {expected}")
        return fields if expected else (kind, fields)

    def expect_end(self):
        try:
            rest = self.sock.recv(1)
        except ConnectionResetError:
            return
        check(not rest, f"{rest!r} came instead of the end")

    def close(self):
        self.sock.close()


def shared(port=0, host="127.0.0.1"):
    """A socket on a port that others may have too."""
    s = socket.socket()
    if port:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((host, port))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.settimeout(PATIENCE)
    return s


def port_of(sock):
    return sock.getsockname()[1]


# --- a server ---


class Server:
    """A rendezvous server of the dialect. `actions` (client's, peer's) are told whatever the NAT types are. `moved`: who
    has this id is told another public port than its own, as if a NAT had not kept the number.
    """

    def __init__(self, actions=None, slow=False, hang_up=False, rename=None, moved=None):
        self.actions, self.slow, self.hang_up, self.rename, self.moved = actions, slow, hang_up, rename, moved
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{port_of(self.listener)}"
        self.clients, self.standing, self.faults, self.lines = {}, {}, [], []
        self.lock = threading.Lock()
        self.wake, self.stop = socket.socketpair()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.close()
        self.thread.join(PATIENCE)
        self.listener.close()
        for line in self.lines:
            with contextlib.suppress(OSError):
                line.sock.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        chooser = selectors.DefaultSelector()
        for s in (self.listener, self.wake):
            chooser.register(s, selectors.EVENT_READ)
        while all(key.fileobj is self.listener for key, _ in chooser.select()):
            sock, address = self.listener.accept()
            line = Line(sock, self.slow)
            self.lines.append(line)
            threading.Thread(target=self._serve, args=(line, address), daemon=True).start()
        self.wake.close()

    def _serve(self, line, address):
        me = None
        try:
            line.sock.settimeout(None)
            kind, m = line.receive()
            if kind == "PeerPortMessage":
                self._on_port(m, address)
            else:
                check(kind == "ClientHelloMessage", f"{kind} comes first")
                me = self._on_hello(line, m, address)
            if line.sock.recv(1):
                raise Fault("a client says more than it should")
        except (Fault, ValueError, KeyError) as fault:
            if "ended" not in str(fault):
                self.faults.append(str(fault))
        except OSError:
            pass
        with self.lock:
            if me and self.clients.get(me["client_id"]) is me:
                del self.clients[me["client_id"]]
        line.close()

    def _on_hello(self, line, m, address):
        with self.lock:
            if m["client_id"] in self.clients:
                line.send("ServerRefuseMessage", client_id=m["client_id"], content="that id is in use")
                line.sock.shutdown(socket.SHUT_WR)
                return None
            me = {**m, "line": line, "public_ip": address[0], "public_port": address[1]}
            self.clients[m["client_id"]] = me
            port = address[1] ^ 1 if m["client_id"] == self.moved else address[1]
            line.send("ServerHelloMessage", client_id=m["client_id"], public_ip=address[0], public_port=port)
            if m["peer_id"] is not None:
                self._on_wish(me, self.clients.get(m["peer_id"]))
        return me

    def _on_wish(self, me, peer):
        del self.clients[me["client_id"]]
        if not peer or peer is me:
            me["line"].send("PeerNotFoundMessage", peer_id=me["peer_id"])
            return
        del self.clients[peer["client_id"]]
        mine, its = self.actions
        if its == "Standby":
            self.standing[me["client_id"]] = peer
        sides = [(me, peer, mine), (peer, me, its)]
        for to, other, action in sides if mine != "Connect" else reversed(sides):
            to["line"].send("PeerInfoMessage", action=self.rename or action, peer={k: other[k] for k in PEER})
            if self.hang_up and action != "Standby":
                to["line"].sock.shutdown(socket.SHUT_RDWR)

    def _on_port(self, m, address):
        with self.lock:
            peer = self.standing.pop(m["client_id"])
            peer["line"].send("PeerPortMessage", client_id=m["client_id"], port=m["port"])


# --- a client ---


class Client:
    """Registered at a server; `connect` then does as it is told and leaves a Line to the peer in `peer`."""

    def __init__(self, place, client_id, nat_type="unknown", peer_id=None, slow=False):
        host, port = place.rsplit(":", 1)
        self.server, self.client_id, self.slow = (host, int(port)), client_id, slow
        self.sock = shared()
        self.port = port_of(self.sock)
        self.sock.connect(self.server)
        self.control = Line(self.sock, slow)
        self.control.send("ClientHelloMessage", client_id=client_id, nat_type=nat_type, private_ip="127.0.0.1",
                          private_port=self.port, peer_id=peer_id)
        hello = self.control.receive()
        self.first = hello
        if hello[0] == "ServerHelloMessage":
            check(hello[1] == {"client_id": client_id, "public_ip": "127.0.0.1", "public_port": self.port}, f"{hello}")

    def close(self):
        self.control.close()
        if hasattr(self, "peer"):
            self.peer.close()

    def await_peer(self):
        info = self.control.receive("PeerInfoMessage")
        self.action, self.info = info["action"], info["peer"]
        self.target = (self.info["public_ip"], self.info["public_port"])
        return self

    def connect(self):
        """The action, start to end. is_first: this side says number 1."""
        self.await_peer()
        act = {"Listen": self.listen, "Connect": self.dial, "TryAndListen": self.try_and_listen, "DelayConnect": self.delay_connect,
               "TryAndReport": self.try_and_report, "Standby": self.standby, None: self.both}[self.action]
        self.peer = Line(act(), self.slow)
        self.is_first = self.action in ("Connect", "DelayConnect", "Standby")
        check(self.peer.sock.getpeername()[0] == self.info["public_ip"], "somebody else came")
        return self

    def listen(self, port=None):
        with shared(port or self.port) as listener:
            listener.listen()
            return listener.accept()[0]

    def dial(self):
        """Both sides learn of each other at the same moment, so a refusal is no answer yet."""
        end = time.monotonic() + PATIENCE
        while True:
            s = shared(self.port)
            try:
                s.connect(self.target)
                return s
            except (ConnectionRefusedError, ConnectionResetError):
                s.close()
                check(time.monotonic() < end, "the peer does not listen")

    def try_to_connect(self, port):
        """Expected to fail, and only there to open the way."""
        with shared(port) as s:
            s.settimeout(0.5)
            with contextlib.suppress(OSError):
                s.connect(self.target)
                raise Fault("the connection that should fail did not")

    def try_and_listen(self):
        self.try_to_connect(self.port)
        return self.listen()

    def delay_connect(self):
        select.select([], [], [], 3)  # the dialect's
        return self.dial()

    def try_and_report(self):
        with shared() as place:
            port = port_of(place)
            self.try_to_connect(port)
            with shared(port) as report:
                report.connect(self.server)
                Line(report, self.slow).send("PeerPortMessage", client_id=self.client_id, port=port)
                return self.listen(port)

    def standby(self):
        m = self.control.receive("PeerPortMessage")
        check(m["client_id"] == self.info["client_id"], f"{m}")
        self.target = (self.target[0], m["port"])
        return self.dial()

    def both(self):
        """Listening and connecting at once, until one of the two works."""
        end = time.monotonic() + PATIENCE
        with shared(self.port) as listener:
            listener.listen()
            while time.monotonic() < end:
                s = shared(self.port)
                s.setblocking(False)
                s.connect_ex(self.target)
                readable, writable, _ = select.select([listener], [s], [], 0.1)
                if writable and s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    with contextlib.suppress(OSError):
                        s.getpeername()
                        return s
                s.close()
                if readable:
                    return listener.accept()[0]
        raise Fault("neither way works")


# --- hello ---


def rally(line, is_first, rounds, answer_last=None):
    """Numbers in turn: this side hears so many, and answers the last one too unless it began."""
    answer_last = not is_first if answer_last is None else answer_last
    expected = 2 if is_first else 1
    if is_first:
        line.send("PeerHelloMessage", content="hello", number=1)
    for i in range(rounds):
        m = line.receive("PeerHelloMessage")
        check(m["number"] == expected, f"number {m['number']} instead of {expected}")
        check(m["content"], "nothing is said")
        expected += 2
        if answer_last or i + 1 < rounds:
            line.send("PeerHelloMessage", content=f"hello {i}", number=m["number"] + 1)


def meet(a, b):
    """Two clients do as they are told, at the same time, and say hello."""
    faults = []

    def run(client):
        try:
            client.connect()
            if client.action is None:
                client.is_first = client is a
            rally(client.peer, client.is_first, 3)
        except Exception as fault:  # noqa: BLE001 (it is the other thread's to tell)
            faults.append(f"{client.client_id}, {getattr(client, 'action', '?')}: {fault!r}")

    threads = [threading.Thread(target=run, args=(c,)) for c in (a, b)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(2 * PATIENCE)
    check(not faults, "; ".join(faults))
    check(a.peer.sock.getsockname() == b.peer.sock.getpeername(), "the two are connected to others")
