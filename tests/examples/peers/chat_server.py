#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Relays length-prefixed words between two people, a thread for each."""
import socket
import struct
import threading


def relay(here, there):
    with here.makefile("rb") as f:
        while len(prefix := f.read(4)) == 4:
            n = struct.unpack(">I", prefix)[0]
            assert n <= 8192, n
            words = f.read(n)
            assert len(words) == n, "closed inside a message"
            words.decode("utf-8")
            there.sendall(prefix + words)
        assert not prefix, "closed inside a length"
    there.shutdown(socket.SHUT_WR)


listener = socket.create_server(("127.0.0.1", 0))
print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
people = [listener.accept()[0] for _ in range(2)]
threads = [threading.Thread(target=relay, args=pair) for pair in (people, people[::-1])]
for t in threads:
    t.start()
for t in threads:
    t.join()
