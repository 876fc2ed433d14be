# SPDX-License-Identifier: Apache-2.0
"""Everything a stranger may throw at the server, at once, from one address: run inside a lab.

    hostile.py HOST PORT         prints one JSON line for each connection when it is over

Ends when the server has closed them all. A ceiling of its own ends what it does not close.
"""
import json
import os
import selectors
import socket
import ssl
import struct
import sys
import time

HOST, PORT = sys.argv[1], int(sys.argv[2])
SILENT = 100
CEILING = 40
STARTED = time.monotonic()


def frame(content):
    return struct.pack("!I", len(content)) + content


def hello(name):
    return frame(json.dumps({"type": "ClientHelloMessage", "client_id": name, "nat_type": "unknown",
                             "private_ip": "10.0.0.1", "private_port": 1, "peer_id": None, "version": 1}).encode())


def many_keys(n):
    return frame(b'{"type":"ClientPingMessage","number":1' + b"".join(b',"%x":1' % i for i in range(n)) + b"}")


def client_hello():
    context = tls_context()
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(into, out).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["bodkin/1"])
    return context


class Stranger:
    def __init__(self, attack, data=b"", tls=False, drip=False):
        self.attack, self.drip, self.data = attack, drip, data
        self.socket = socket.create_connection((HOST, PORT), 10)
        self.place = "{}:{}".format(*self.socket.getsockname()[:2])
        if tls:
            self.socket = tls_context().wrap_socket(self.socket)
        if data and not drip:
            self.write(data)
        self.socket.setblocking(False)

    def write(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # closed under us, which reading will tell

    def write_one(self):
        if self.drip and self.data:
            self.write(self.data[:1])
            self.data = self.data[1:]

    def is_over(self):
        try:
            while self.socket.recv(65536):
                pass
            return True
        except (ssl.SSLWantReadError, BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    def tell(self, over):
        print(json.dumps({"event": "connection", "attack": self.attack, "place": self.place, "over": over,
                          "seconds": round(time.monotonic() - STARTED, 2)}), flush=True)
        self.socket.close()


def attack():
    garbage = b"\xa7" + os.urandom(65535)
    yield Stranger("random bytes", garbage)
    yield Stranger("random bytes like TLS", b"\x16\x03\x01\x20\x00" + garbage)
    yield Stranger("random bytes in TLS", b"\xff" + garbage, tls=True)
    yield Stranger("random bytes like plain", b"\x00\x01" + garbage)
    yield Stranger("length of 4 GiB", b"\xff\xff\xff\xff{")
    yield Stranger("length of 4 GiB in TLS", b"\xff\xff\xff\xff{", tls=True)
    yield Stranger("length of 4 GiB after a hello", hello("h1") + b"\xff\xff\xff\xff{", tls=True)
    yield Stranger("length of 4 GiB, plain", hello("h2") + b"\xff\xff\xff\xff{")
    yield Stranger("200,000 keys", hello("h3") + many_keys(200_000), tls=True)
    yield Stranger("200,000 keys, plain", hello("h4") + many_keys(200_000))
    yield Stranger("8,000 keys within the size", hello("h5") + many_keys(8_000), tls=True)
    yield Stranger("60,000 brackets", hello("h6") + frame(b"[" * 60_000), tls=True)
    yield Stranger("60,000 brackets, plain", hello("h7") + frame(b"[" * 60_000))
    whole = client_hello()
    yield Stranger("a byte a second of TLS", whole, drip=True)
    yield Stranger("a byte a second, plain", frame(b"{" + b" " * 4000), drip=True)
    yield Stranger("a byte a second in TLS", frame(b"{" + b" " * 4000), tls=True, drip=True)
    yield Stranger("half a TLS hello", whole[:len(whole) // 2])
    for _ in range(SILENT):
        yield Stranger("silence")


def main():
    selector = selectors.DefaultSelector()
    strangers = list(attack())
    for s in strangers:
        selector.register(s.socket, selectors.EVENT_READ, s)
    next_byte = STARTED
    while selector.get_map() and time.monotonic() < STARTED + CEILING:
        for key, _ in selector.select(max(0, next_byte - time.monotonic())):
            if key.data.is_over():
                selector.unregister(key.data.socket)
                key.data.tell(True)
        if time.monotonic() >= next_byte:
            next_byte += 1
            for key in list(selector.get_map().values()):
                key.data.write_one()
    for key in list(selector.get_map().values()):
        key.data.tell(False)


main()
