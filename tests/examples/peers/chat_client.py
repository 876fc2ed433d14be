#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A thread reads, another writes: full duplex with blocking calls. Usage: chat_client.py HOST PORT NAME"""
import socket
import struct
import sys
import threading

s = socket.create_connection((sys.argv[1], int(sys.argv[2])))


def listen():
    with s.makefile("rb") as f:
        while len(prefix := f.read(4)) == 4:
            n = struct.unpack(">I", prefix)[0]
            words = f.read(n)
            assert len(words) == n, "closed inside a message"
            print(words.decode("utf-8"), flush=True)
        assert not prefix, "closed inside a length"


threading.Thread(target=listen).start()
for line in sys.stdin:
    words = f"{sys.argv[3]}: {line.rstrip()}".encode("utf-8")
    s.sendall(struct.pack(">I", len(words)) + words)
s.shutdown(socket.SHUT_WR)
